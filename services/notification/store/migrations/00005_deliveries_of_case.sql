-- +goose Up
CREATE INDEX deliveries_of_case ON deliveries (merchant_id, case_id, delivery_id);
