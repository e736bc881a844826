-- +goose Up
CREATE INDEX deliveries_unread ON deliveries (merchant_id, target_id, channel, read_at, delivery_id);
