-- +goose Up
CREATE INDEX orders_newest_first ON orders (merchant_id, placed_at DESC, order_id);
