-- +goose Up
CREATE INDEX applications_of_buyer ON applications (merchant_id, buyer_id, case_id);
