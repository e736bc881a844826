-- +goose Up
CREATE INDEX cases_open ON cases (status, merchant_id, case_id);
