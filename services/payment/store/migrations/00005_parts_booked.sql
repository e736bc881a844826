-- +goose Up
-- The version of the part that the ledger knows. Programs of release 0.1 leave it behind.
ALTER TABLE refund_parts ADD COLUMN booked BIGINT NOT NULL DEFAULT 0;
