-- +goose Up
CREATE INDEX paid_payments_by_reference ON paid_payments (provider, provider_reference);
