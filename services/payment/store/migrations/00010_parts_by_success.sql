-- +goose Up
CREATE INDEX refund_parts_by_success ON refund_parts (provider, succeeded_at);
