-- +goose Up
CREATE INDEX orders_of_buyer ON orders (merchant_id, buyer_id, placed_at DESC, order_id);
