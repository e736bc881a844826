-- +goose Up
ALTER TABLE cases ADD COLUMN attention_reason VARCHAR(64) NOT NULL DEFAULT '';
