-- +goose Up
-- Buyers who are to be forgotten. While finished_at is NULL, nothing is filed for them.
CREATE TABLE IF NOT EXISTS erasures (
    merchant_id  VARCHAR(64) NOT NULL,
    buyer_id     VARCHAR(64) NOT NULL,
    actor_role   VARCHAR(32) NOT NULL,
    actor_id     VARCHAR(64) NOT NULL,
    requested_at BIGINT      NOT NULL,
    requests     BIGINT      NOT NULL,
    finished_at  BIGINT      NULL,
    PRIMARY KEY (merchant_id, buyer_id)
);
