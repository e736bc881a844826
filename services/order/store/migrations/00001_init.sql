-- +goose Up
CREATE TABLE IF NOT EXISTS orders (
    merchant_id  VARCHAR(64) NOT NULL,
    order_id     VARCHAR(64) NOT NULL,
    buyer_id     VARCHAR(64) NOT NULL,
    placed_at    BIGINT      NOT NULL,
    version      BIGINT      NOT NULL,
    content_hash VARCHAR(64) NOT NULL,
    announced    BOOLEAN     NOT NULL,
    changed_at   BIGINT      NOT NULL,
    settlements  BIGINT      NOT NULL DEFAULT 0,
    completed_by VARCHAR(64),
    PRIMARY KEY (merchant_id, order_id),
    CHECK (version >= 1)
);

CREATE TABLE IF NOT EXISTS order_versions (
    merchant_id VARCHAR(64) NOT NULL,
    order_id    VARCHAR(64) NOT NULL,
    version     BIGINT      NOT NULL,
    document    LONGTEXT    NOT NULL,
    stored_at   BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, order_id, version)
);

CREATE TABLE IF NOT EXISTS order_contacts (
    merchant_id VARCHAR(64) NOT NULL,
    order_id    VARCHAR(64) NOT NULL,
    contact     LONGTEXT    NOT NULL,
    PRIMARY KEY (merchant_id, order_id)
);

CREATE TABLE IF NOT EXISTS order_lines (
    merchant_id    VARCHAR(64) NOT NULL,
    order_id       VARCHAR(64) NOT NULL,
    line_id        VARCHAR(64) NOT NULL,
    quantity       BIGINT      NOT NULL,
    paid           BIGINT      NOT NULL,
    currency       VARCHAR(3)  NOT NULL,
    reserved_units BIGINT      NOT NULL,
    returned_units BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, order_id, line_id),
    CHECK (paid >= 0),
    CHECK (reserved_units >= 0 AND returned_units >= 0 AND reserved_units + returned_units <= quantity)
);

CREATE TABLE IF NOT EXISTS held_units (
    merchant_id VARCHAR(64) NOT NULL,
    order_id    VARCHAR(64) NOT NULL,
    line_id     VARCHAR(64) NOT NULL,
    from_unit   BIGINT      NOT NULL,
    to_unit     BIGINT      NOT NULL,
    case_id     VARCHAR(64) NOT NULL,
    state       VARCHAR(16) NOT NULL,
    PRIMARY KEY (merchant_id, order_id, line_id, from_unit),
    CHECK (from_unit >= 0 AND from_unit < to_unit),
    CHECK (state IN ('reserved', 'returned'))
);

CREATE TABLE IF NOT EXISTS reservations (
    merchant_id VARCHAR(64) NOT NULL,
    order_id    VARCHAR(64) NOT NULL,
    case_id     VARCHAR(64) NOT NULL,
    state       VARCHAR(16) NOT NULL,
    document    LONGTEXT    NOT NULL,
    completes   BOOLEAN     NOT NULL DEFAULT FALSE,
    reserved_at BIGINT      NOT NULL,
    settled_at  BIGINT,
    PRIMARY KEY (merchant_id, order_id, case_id),
    CHECK (state IN ('open', 'settled')),
    CHECK ((state = 'settled') = (settled_at IS NOT NULL))
);
