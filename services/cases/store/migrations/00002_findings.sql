-- +goose Up
CREATE TABLE IF NOT EXISTS findings (
    merchant_id VARCHAR(64)  NOT NULL,
    kind        VARCHAR(64)  NOT NULL,
    workflow_id VARCHAR(200) NOT NULL,
    case_id     VARCHAR(64)  NOT NULL,
    code        VARCHAR(128) NOT NULL,
    since       BIGINT       NOT NULL,
    PRIMARY KEY (merchant_id, kind, workflow_id)
);
