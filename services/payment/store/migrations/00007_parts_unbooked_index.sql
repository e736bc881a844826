-- +goose Up
CREATE INDEX refund_parts_unbooked ON refund_parts (unbooked, merchant_id, refund_number);
