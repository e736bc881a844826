-- +goose Up

-- What happened, once per id.
CREATE TABLE IF NOT EXISTS events (
    merchant_id VARCHAR(64) NOT NULL,
    event_id    VARCHAR(64) NOT NULL,
    type        VARCHAR(64) NOT NULL,
    case_id     VARCHAR(64) NOT NULL,
    order_id    VARCHAR(64) NOT NULL,
    buyer_id    VARCHAR(64) NOT NULL,
    number      BIGINT      NOT NULL,
    occurred_at BIGINT      NOT NULL,
    audience    VARCHAR(16) NOT NULL,
    stage       VARCHAR(64) NOT NULL,
    status      VARCHAR(64) NOT NULL,
    outcome     VARCHAR(64) NOT NULL,
    data        LONGTEXT    NOT NULL,
    stored_at   BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, event_id),
    CHECK (audience IN ('everyone', 'staff'))
);

-- One message to one recipient on one channel; in the inbox it is the message itself. While an attempt
-- is under way, lease_token is its own and due_at is when it is taken for lost.
CREATE TABLE IF NOT EXISTS deliveries (
    delivery_id  VARCHAR(64) NOT NULL,
    merchant_id  VARCHAR(64) NOT NULL,
    event_id     VARCHAR(64) NOT NULL,
    case_id      VARCHAR(64) NOT NULL,
    type         VARCHAR(64) NOT NULL,
    channel      VARCHAR(16) NOT NULL,
    target_id    VARCHAR(64) NOT NULL,
    state        VARCHAR(16) NOT NULL,
    attempts     BIGINT      NOT NULL,
    step         BIGINT      NOT NULL,
    last_status  BIGINT      NOT NULL,
    last_error   VARCHAR(64) NOT NULL,
    lease_token  VARCHAR(64) NOT NULL,
    due_at       BIGINT,
    created_at   BIGINT      NOT NULL,
    delivered_at BIGINT,
    read_at      BIGINT,
    PRIMARY KEY (delivery_id),
    UNIQUE (merchant_id, event_id, channel, target_id),
    CHECK (channel IN ('inbox', 'email', 'webhook')),
    CHECK (state IN ('pending', 'delivered', 'failed', 'skipped')),
    CHECK (state <> 'pending' OR due_at IS NOT NULL),
    CHECK (state = 'pending' OR (due_at IS NULL AND lease_token = '')),
    CHECK (state <> 'delivered' OR delivered_at IS NOT NULL),
    CHECK (channel <> 'inbox' OR state = 'delivered')
);

-- A merchant's receivers. One that is removed keeps its row, for its deliveries, and gives up its slot.
CREATE TABLE IF NOT EXISTS webhook_endpoints (
    merchant_id     VARCHAR(64)  NOT NULL,
    endpoint_id     VARCHAR(64)  NOT NULL,
    idempotency_key VARCHAR(128) NOT NULL,
    fingerprint     VARCHAR(64)  NOT NULL,
    slot            BIGINT,
    url             VARCHAR(500) NOT NULL,
    types           LONGTEXT     NOT NULL,
    enabled         BOOLEAN      NOT NULL,
    disabled_reason VARCHAR(32)  NOT NULL,
    failures        BIGINT       NOT NULL,
    failing_since   BIGINT,
    version         BIGINT       NOT NULL,
    created_at      BIGINT       NOT NULL,
    removed_at      BIGINT,
    PRIMARY KEY (merchant_id, endpoint_id),
    UNIQUE (merchant_id, idempotency_key),
    UNIQUE (merchant_id, slot),
    CHECK (slot IS NULL OR (slot >= 1 AND slot <= 20)),
    CHECK (removed_at IS NOT NULL OR slot IS NOT NULL),
    CHECK (removed_at IS NULL OR slot IS NULL),
    CHECK (failures >= 0)
);

-- What signs an endpoint's messages. The newest has no end; rotated ones go on signing until theirs.
CREATE TABLE IF NOT EXISTS webhook_secrets (
    merchant_id VARCHAR(64)  NOT NULL,
    endpoint_id VARCHAR(64)  NOT NULL,
    secret_id   VARCHAR(64)  NOT NULL,
    secret      VARCHAR(128) NOT NULL,
    created_at  BIGINT       NOT NULL,
    signs_until BIGINT,
    PRIMARY KEY (merchant_id, endpoint_id, secret_id)
);
