-- +goose Up
CREATE INDEX refunds_unsettled ON refunds (state, merchant_id, created_at);
