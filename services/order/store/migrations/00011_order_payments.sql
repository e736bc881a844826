-- +goose Up
-- Which order a payment belongs to, for what a provider tells by its own name of the payment. Orders from before this table
-- are found by their documents, see store.Payment.
CREATE TABLE IF NOT EXISTS order_payments (
    provider           VARCHAR(32)  NOT NULL,
    provider_reference VARCHAR(255) NOT NULL,
    merchant_id        VARCHAR(64)  NOT NULL,
    order_id           VARCHAR(64)  NOT NULL,
    payment_id         VARCHAR(64)  NOT NULL,
    PRIMARY KEY (provider, provider_reference, merchant_id, order_id, payment_id)
);
