-- +goose Up
CREATE INDEX cases_measured ON cases (status, merchant_id, type, stage, needs_attention, attention_reason, deadline, opened_at);
