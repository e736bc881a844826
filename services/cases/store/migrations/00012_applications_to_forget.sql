-- +goose Up
CREATE INDEX applications_to_forget ON applications (forgotten_at, created_at);
