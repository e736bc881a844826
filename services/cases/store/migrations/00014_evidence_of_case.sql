-- +goose Up
CREATE INDEX evidence_of_case ON evidence (merchant_id, case_id, evidence_id);
