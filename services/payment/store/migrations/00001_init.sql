-- +goose Up

-- Indexes for lists are written as UNIQUE keys that end with the primary key: both engines take them
-- inside CREATE TABLE IF NOT EXISTS, so that an interrupted migration can run again.

-- An order whose payments are guarded here. Reserving and voiding begin with a change of this row, so
-- that refunds of one order come one after another.
CREATE TABLE IF NOT EXISTS paid_orders (
    merchant_id   VARCHAR(64) NOT NULL,
    order_id      VARCHAR(64) NOT NULL,
    currency      VARCHAR(3)  NOT NULL,
    order_version BIGINT      NOT NULL,
    changes       BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, order_id)
);

-- What was paid for each line; the freight is the line '_freight'.
CREATE TABLE IF NOT EXISTS paid_lines (
    merchant_id VARCHAR(64) NOT NULL,
    order_id    VARCHAR(64) NOT NULL,
    line_id     VARCHAR(64) NOT NULL,
    paid        BIGINT      NOT NULL,
    refunded    BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, order_id, line_id),
    CHECK (refunded >= 0 AND refunded <= paid)
);

-- A payment may have one call to its provider under way, until busy_until at the latest, and the next
-- one not before next_attempt_at.
CREATE TABLE IF NOT EXISTS paid_payments (
    merchant_id        VARCHAR(64) NOT NULL,
    order_id           VARCHAR(64) NOT NULL,
    payment_id         VARCHAR(64) NOT NULL,
    provider           VARCHAR(32) NOT NULL,
    provider_reference VARCHAR(64) NOT NULL,
    paid               BIGINT      NOT NULL,
    refunded           BIGINT      NOT NULL,
    next_attempt_at    BIGINT      NOT NULL,
    busy_until         BIGINT      NOT NULL,
    busy_token         VARCHAR(64) NOT NULL,
    PRIMARY KEY (merchant_id, order_id, payment_id),
    CHECK (refunded >= 0 AND refunded <= paid)
);

CREATE TABLE IF NOT EXISTS refunds (
    merchant_id        VARCHAR(64) NOT NULL,
    refund_id          VARCHAR(64) NOT NULL,
    case_id            VARCHAR(64) NOT NULL,
    order_id           VARCHAR(64) NOT NULL,
    currency           VARCHAR(3)  NOT NULL,
    amount             BIGINT      NOT NULL,
    reason             VARCHAR(64) NOT NULL,
    request_hash       VARCHAR(64) NOT NULL,
    state              VARCHAR(16) NOT NULL,
    resolution         VARCHAR(16) NOT NULL,
    resolved_by        VARCHAR(64) NOT NULL,
    transfer_reference VARCHAR(64) NOT NULL,
    resolved_at        BIGINT,
    created_at         BIGINT      NOT NULL,
    updated_at         BIGINT      NOT NULL,
    version            BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, refund_id),
    UNIQUE (merchant_id, case_id, refund_id),
    UNIQUE (merchant_id, order_id, refund_id),
    UNIQUE (merchant_id, state, refund_id),
    CHECK (amount > 0)
);

-- What a refund took from each line, and how much of it went back because parts were voided.
CREATE TABLE IF NOT EXISTS refund_lines (
    merchant_id VARCHAR(64) NOT NULL,
    refund_id   VARCHAR(64) NOT NULL,
    line_id     VARCHAR(64) NOT NULL,
    amount      BIGINT      NOT NULL,
    released    BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, refund_id, line_id),
    CHECK (amount > 0 AND released >= 0 AND released <= amount)
);

-- The share of one payment. The refund number is the provider's idempotency key for ever, so what it
-- was asked for (payment, total, amount) is kept beside it and never changes.
CREATE TABLE IF NOT EXISTS refund_parts (
    refund_number      VARCHAR(64) NOT NULL,
    merchant_id        VARCHAR(64) NOT NULL,
    refund_id          VARCHAR(64) NOT NULL,
    order_id           VARCHAR(64) NOT NULL,
    payment_id         VARCHAR(64) NOT NULL,
    provider           VARCHAR(32) NOT NULL,
    payment_reference  VARCHAR(64) NOT NULL,
    payment_total      BIGINT      NOT NULL,
    amount             BIGINT      NOT NULL,
    state              VARCHAR(16) NOT NULL,
    attention          VARCHAR(32) NOT NULL,
    reopened           BOOLEAN     NOT NULL,
    provider_reference VARCHAR(64) NOT NULL,
    code               VARCHAR(64) NOT NULL,
    succeeded_at       BIGINT,
    version            BIGINT      NOT NULL,
    PRIMARY KEY (refund_number),
    UNIQUE (merchant_id, refund_id, payment_id),
    CHECK (amount > 0 AND amount <= payment_total)
);

-- Every exchange with a provider, one row each, never changed. A notification has the provider's id, so
-- that its repetitions leave one row.
CREATE TABLE IF NOT EXISTS refund_attempts (
    attempt_id    VARCHAR(80) NOT NULL,
    merchant_id   VARCHAR(64) NOT NULL,
    refund_number VARCHAR(64) NOT NULL,
    at            BIGINT      NOT NULL,
    op            VARCHAR(16) NOT NULL,
    outcome       VARCHAR(16) NOT NULL,
    code          VARCHAR(64) NOT NULL,
    PRIMARY KEY (attempt_id),
    UNIQUE (merchant_id, refund_number, at, attempt_id)
);
