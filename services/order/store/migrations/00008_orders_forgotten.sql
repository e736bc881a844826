-- +goose Up
ALTER TABLE orders ADD COLUMN forgotten_at BIGINT NULL;
