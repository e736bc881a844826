-- +goose Up
ALTER TABLE contacts ADD COLUMN order_id VARCHAR(64) NOT NULL DEFAULT '';
