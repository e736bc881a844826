-- +goose Up
CREATE INDEX policies_by_state ON insurance_policies (state, asked_at);
