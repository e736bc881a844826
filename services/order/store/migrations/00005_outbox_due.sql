-- +goose Up
CREATE INDEX outbox_messages_due ON outbox_messages (delivered_at, next_attempt_at);
