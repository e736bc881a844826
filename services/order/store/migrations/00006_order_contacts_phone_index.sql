-- +goose Up
ALTER TABLE order_contacts ADD COLUMN phone_index VARCHAR(64) NOT NULL DEFAULT '';
