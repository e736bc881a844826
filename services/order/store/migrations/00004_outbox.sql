-- +goose Up
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
