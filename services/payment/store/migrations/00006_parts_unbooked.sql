-- +goose Up
ALTER TABLE refund_parts ADD COLUMN unbooked BOOLEAN GENERATED ALWAYS AS (version > booked) VIRTUAL;
