-- +goose Up
ALTER TABLE applications ADD COLUMN forgotten_at BIGINT NULL;
