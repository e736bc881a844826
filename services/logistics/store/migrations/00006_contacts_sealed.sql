-- +goose Up
ALTER TABLE contacts ADD COLUMN sealed LONGTEXT NULL;
