-- +goose Up
CREATE INDEX deliveries_of_target ON deliveries (merchant_id, target_id, channel, delivery_id);
