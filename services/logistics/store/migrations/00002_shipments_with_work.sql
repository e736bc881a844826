-- +goose Up
CREATE INDEX shipments_with_work ON shipments (work_at);
