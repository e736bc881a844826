-- +goose Up
CREATE INDEX orders_to_forget ON orders (forgotten_at, placed_at);
