-- +goose Up
ALTER TABLE shipment_traces ADD COLUMN courier LONGTEXT NULL;
