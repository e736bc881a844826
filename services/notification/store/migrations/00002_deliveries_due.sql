-- +goose Up
CREATE INDEX deliveries_due ON deliveries (due_at, channel, target_id, delivery_id);
