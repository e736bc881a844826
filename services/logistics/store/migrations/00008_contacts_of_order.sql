-- +goose Up
CREATE INDEX contacts_of_order ON contacts (merchant_id, order_id, contact_id);
