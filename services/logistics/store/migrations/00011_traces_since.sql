-- +goose Up
ALTER TABLE shipment_traces ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
