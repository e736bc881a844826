-- +goose Up
CREATE INDEX deliveries_of_merchant ON deliveries (merchant_id, delivery_id);
