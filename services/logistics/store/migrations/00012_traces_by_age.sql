-- +goose Up
CREATE INDEX traces_by_age ON shipment_traces (since);
