-- +goose Up

-- A day of a provider's bill and what came of comparing it, as the last run left it.
CREATE TABLE IF NOT EXISTS reconciliations (
    provider  VARCHAR(32) NOT NULL,
    bill_date VARCHAR(10) NOT NULL,
    runs      BIGINT      NOT NULL,
    in_bill   BIGINT      NOT NULL,
    ours      BIGINT      NOT NULL,
    at        BIGINT      NOT NULL,
    PRIMARY KEY (provider, bill_date)
);

-- What we and a provider do not agree about. The merchant is empty if no order has the payment. The same thing is found
-- once: occurrence tells apart what may happen again to one refund number.
CREATE TABLE IF NOT EXISTS differences (
    difference_id      VARCHAR(64) NOT NULL,
    kind               VARCHAR(32) NOT NULL,
    state              VARCHAR(16) NOT NULL,
    provider           VARCHAR(32) NOT NULL,
    bill_date          VARCHAR(10) NOT NULL,
    merchant_id        VARCHAR(64) NOT NULL,
    order_id           VARCHAR(64) NOT NULL,
    case_id            VARCHAR(64) NOT NULL,
    refund_id          VARCHAR(64) NOT NULL,
    refund_number      VARCHAR(64) NOT NULL,
    occurrence         VARCHAR(64) NOT NULL,
    provider_reference VARCHAR(64) NOT NULL,
    payment_id         VARCHAR(64) NOT NULL,
    payment_reference  VARCHAR(64) NOT NULL,
    currency           VARCHAR(3)  NOT NULL,
    amount             BIGINT      NOT NULL,
    provider_amount    BIGINT      NOT NULL,
    overpaid           BIGINT      NOT NULL,
    created_at         BIGINT      NOT NULL,
    told_at            BIGINT,
    resolved_at        BIGINT,
    resolved_by        VARCHAR(64) NOT NULL,
    note_id            VARCHAR(64) NOT NULL,
    PRIMARY KEY (difference_id),
    UNIQUE (provider, kind, refund_number, occurrence),
    UNIQUE (provider, bill_date, difference_id),
    UNIQUE (state, difference_id),
    UNIQUE (merchant_id, difference_id),
    UNIQUE (merchant_id, state, difference_id),
    UNIQUE (merchant_id, case_id, difference_id),
    UNIQUE (merchant_id, order_id, difference_id),
    CHECK (amount >= 0 AND provider_amount >= 0 AND overpaid >= 0 AND overpaid <= provider_amount)
);

-- Money that the provider paid out of a payment and that no refund of ours counts. A row is written once and never
-- changed; what may still be refunded of the payment is less by its amount.
CREATE TABLE IF NOT EXISTS outside_refunds (
    provider           VARCHAR(32) NOT NULL,
    provider_reference VARCHAR(64) NOT NULL,
    merchant_id        VARCHAR(64) NOT NULL,
    order_id           VARCHAR(64) NOT NULL,
    payment_id         VARCHAR(64) NOT NULL,
    refund_number      VARCHAR(64) NOT NULL,
    currency           VARCHAR(3)  NOT NULL,
    amount             BIGINT      NOT NULL,
    created_at         BIGINT      NOT NULL,
    PRIMARY KEY (provider, provider_reference),
    UNIQUE (merchant_id, order_id, payment_id, provider, provider_reference),
    CHECK (amount > 0)
);
