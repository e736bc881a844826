-- +goose Up
CREATE INDEX events_by_age ON events (stored_at);
