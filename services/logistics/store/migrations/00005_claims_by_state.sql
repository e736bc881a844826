-- +goose Up
CREATE INDEX claims_by_state ON insurance_claims (state, asked_at);
