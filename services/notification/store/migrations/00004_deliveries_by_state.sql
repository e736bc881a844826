-- +goose Up
CREATE INDEX deliveries_by_state ON deliveries (merchant_id, state, delivery_id);
