-- +goose Up
CREATE INDEX shipments_of_order ON shipments (merchant_id, order_id, shipment_id);
