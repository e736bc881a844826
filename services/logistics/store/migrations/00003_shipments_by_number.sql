-- +goose Up
CREATE INDEX shipments_by_number ON shipments (merchant_id, tracking_number);
