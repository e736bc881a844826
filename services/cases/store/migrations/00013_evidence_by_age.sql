-- +goose Up
CREATE INDEX evidence_by_age ON evidence (uploaded_at);
