-- +goose Up
CREATE INDEX order_contacts_by_phone ON order_contacts (merchant_id, phone_index, order_id);
