-- +goose Up
CREATE INDEX contacts_by_age ON contacts (created_at);
