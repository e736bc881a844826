-- +goose Up
CREATE TABLE IF NOT EXISTS sweeps (
    name        VARCHAR(64) NOT NULL PRIMARY KEY,
    finished_at BIGINT      NOT NULL,
    findings    BIGINT      NOT NULL
);
