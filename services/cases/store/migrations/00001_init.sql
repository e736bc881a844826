-- +goose Up
CREATE TABLE IF NOT EXISTS policies (
    merchant_id  VARCHAR(64) NOT NULL,
    version      BIGINT      NOT NULL,
    document     LONGTEXT    NOT NULL,
    published_at BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, version),
    CHECK (version >= 1)
);

CREATE TABLE IF NOT EXISTS applications (
    merchant_id     VARCHAR(64)  NOT NULL,
    case_id         VARCHAR(64)  NOT NULL,
    idempotency_key VARCHAR(128) NOT NULL,
    content_hash    VARCHAR(64)  NOT NULL,
    applicant_role  VARCHAR(32)  NOT NULL,
    applicant_id    VARCHAR(64)  NOT NULL,
    buyer_id        VARCHAR(64)  NOT NULL,
    order_id        VARCHAR(64)  NOT NULL,
    type            VARCHAR(32)  NOT NULL,
    reason          VARCHAR(32)  NOT NULL,
    channel         VARCHAR(16)  NOT NULL,
    requested_lines LONGTEXT     NOT NULL,
    text            LONGTEXT     NOT NULL,
    evidence_ids    LONGTEXT     NOT NULL,
    created_at      BIGINT       NOT NULL,
    PRIMARY KEY (merchant_id, case_id),
    UNIQUE (merchant_id, idempotency_key)
);

CREATE TABLE IF NOT EXISTS judgements (
    merchant_id    VARCHAR(64) NOT NULL,
    case_id        VARCHAR(64) NOT NULL,
    policy_version BIGINT      NOT NULL,
    document       LONGTEXT    NOT NULL,
    judged_at      BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, case_id)
);

CREATE TABLE IF NOT EXISTS cases (
    merchant_id     VARCHAR(64) NOT NULL,
    case_id         VARCHAR(64) NOT NULL,
    order_id        VARCHAR(64) NOT NULL,
    buyer_id        VARCHAR(64) NOT NULL,
    type            VARCHAR(32) NOT NULL,
    reason          VARCHAR(32) NOT NULL,
    channel         VARCHAR(16) NOT NULL,
    stage           VARCHAR(32) NOT NULL,
    status          VARCHAR(16) NOT NULL,
    outcome         VARCHAR(32) NOT NULL,
    deadline        BIGINT      NOT NULL,
    awaiting        BIGINT      NOT NULL,
    needs_attention BIGINT      NOT NULL,
    tracking_number VARCHAR(64) NOT NULL,
    document        LONGTEXT    NOT NULL,
    version         BIGINT      NOT NULL,
    fence           BIGINT      NOT NULL,
    touched         BIGINT      NOT NULL,
    opened_at       BIGINT      NOT NULL,
    updated_at      BIGINT      NOT NULL,
    closed_at       BIGINT      NULL,
    PRIMARY KEY (merchant_id, case_id),
    CHECK (version >= 1),
    CHECK (status IN ('open', 'closed')),
    CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CHECK (status = 'open' OR outcome <> '')
);

-- An index for each way to list cases. Those that end in awaiting tell who can act without the rows.
CREATE INDEX cases_newest ON cases (merchant_id, opened_at, case_id);
CREATE INDEX cases_by_status ON cases (merchant_id, status, opened_at, case_id, awaiting);
CREATE INDEX cases_by_stage ON cases (merchant_id, stage, opened_at, case_id, awaiting);
CREATE INDEX cases_by_outcome ON cases (merchant_id, outcome, opened_at, case_id);
CREATE INDEX cases_by_buyer ON cases (merchant_id, buyer_id, opened_at, case_id);
CREATE INDEX cases_by_order ON cases (merchant_id, order_id, opened_at, case_id);
CREATE INDEX cases_by_attention ON cases (merchant_id, needs_attention, opened_at, case_id);
CREATE INDEX cases_by_tracking ON cases (merchant_id, tracking_number, case_id);
CREATE INDEX cases_by_deadline ON cases (merchant_id, deadline, case_id);
CREATE INDEX cases_by_status_deadline ON cases (merchant_id, status, deadline, case_id, stage, awaiting);

CREATE TABLE IF NOT EXISTS entries (
    merchant_id VARCHAR(64) NOT NULL,
    case_id     VARCHAR(64) NOT NULL,
    number      BIGINT      NOT NULL,
    type        VARCHAR(64) NOT NULL,
    at          BIGINT      NOT NULL,
    actor_role  VARCHAR(32) NOT NULL,
    actor_id    VARCHAR(64) NOT NULL,
    rules       LONGTEXT    NOT NULL,
    note_id     VARCHAR(64) NOT NULL,
    audience    VARCHAR(16) NOT NULL,
    data        LONGTEXT    NOT NULL,
    entry_hash  VARCHAR(64) NOT NULL,
    PRIMARY KEY (case_id, number)
);

CREATE TABLE IF NOT EXISTS notes (
    merchant_id     VARCHAR(64)  NOT NULL,
    note_id         VARCHAR(64)  NOT NULL,
    case_id         VARCHAR(64)  NOT NULL,
    idempotency_key VARCHAR(128) NOT NULL,
    content_hash    VARCHAR(64)  NOT NULL,
    author_role     VARCHAR(32)  NOT NULL,
    author_id       VARCHAR(64)  NOT NULL,
    text            LONGTEXT     NOT NULL,
    evidence_ids    LONGTEXT     NOT NULL,
    created_at      BIGINT       NOT NULL,
    PRIMARY KEY (merchant_id, note_id),
    UNIQUE (merchant_id, case_id, idempotency_key)
);

CREATE TABLE IF NOT EXISTS evidence (
    merchant_id  VARCHAR(64) NOT NULL,
    evidence_id  VARCHAR(64) NOT NULL,
    role         VARCHAR(32) NOT NULL,
    actor_id     VARCHAR(64) NOT NULL,
    case_id      VARCHAR(64) NOT NULL,
    content_type VARCHAR(64) NOT NULL,
    size_bytes   BIGINT      NOT NULL,
    width        BIGINT      NOT NULL,
    height       BIGINT      NOT NULL,
    blob_key     VARCHAR(255) NOT NULL,
    uploaded_at  BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, evidence_id)
);

CREATE TABLE IF NOT EXISTS outbox_messages (
    id              VARCHAR(64)  NOT NULL PRIMARY KEY,
    topic           VARCHAR(128) NOT NULL,
    message_key     VARCHAR(255) NOT NULL,
    sequence        BIGINT       NOT NULL,
    payload         LONGTEXT     NOT NULL,
    created_at      BIGINT       NOT NULL,
    attempts        BIGINT       NOT NULL,
    next_attempt_at BIGINT       NOT NULL,
    delivered_at    BIGINT       NULL,
    last_error      VARCHAR(500) NOT NULL,
    UNIQUE (message_key, sequence)
);

CREATE INDEX outbox_messages_due ON outbox_messages (delivered_at, next_attempt_at);
