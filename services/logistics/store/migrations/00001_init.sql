-- +goose Up

-- A parcel of a case. Written before a carrier hears of it; every change raises version, and a change
-- that did not see the newest version is refused.
CREATE TABLE IF NOT EXISTS shipments (
    merchant_id     VARCHAR(64)  NOT NULL,
    shipment_id     VARCHAR(64)  NOT NULL,
    case_id         VARCHAR(64)  NOT NULL,
    order_id        VARCHAR(64)  NOT NULL,
    direction       VARCHAR(16)  NOT NULL,
    method          VARCHAR(16)  NOT NULL,
    request         LONGTEXT     NOT NULL,
    fingerprint     VARCHAR(64)  NOT NULL,
    token           VARCHAR(64)  NOT NULL,
    salt            VARCHAR(64)  NOT NULL,
    state           VARCHAR(20)  NOT NULL,
    state_at        BIGINT,
    reason          VARCHAR(64)  NOT NULL,
    carrier         VARCHAR(32)  NOT NULL,
    tracking_number VARCHAR(64)  NOT NULL,
    -- carrier and number while the parcel is open; NULL is equal to no other NULL
    open_tracking   VARCHAR(100),
    slot_start      BIGINT,
    slot_end        BIGINT,
    freight_fen     BIGINT       NOT NULL,
    picked_up_at    BIGINT,
    delivered_at    BIGINT,
    task_id         VARCHAR(64)  NOT NULL,
    carrier_order   VARCHAR(64)  NOT NULL,
    strays          LONGTEXT     NOT NULL,
    asked_at        BIGINT,
    asked           BIGINT       NOT NULL,
    cancel_wanted   BOOLEAN      NOT NULL,
    slot_pending    BOOLEAN      NOT NULL,
    subscribed      BOOLEAN      NOT NULL,
    queried_at      BIGINT,
    last_scan_at    BIGINT,
    lease           VARCHAR(64)  NOT NULL,
    lease_until     BIGINT,
    retry_at        BIGINT,
    work_at         BIGINT,
    created_at      BIGINT       NOT NULL,
    updated_at      BIGINT       NOT NULL,
    version         BIGINT       NOT NULL,
    PRIMARY KEY (merchant_id, shipment_id),
    UNIQUE (token),
    UNIQUE (merchant_id, open_tracking),
    CHECK (direction IN ('to_warehouse', 'to_buyer')),
    CHECK (method IN ('pickup', 'self_ship')),
    CHECK (state IN ('requested', 'booked', 'accepted', 'pickup_failed', 'cancelled', 'picked_up', 'in_transit',
        'out_for_delivery', 'delivered', 'refused', 'returning', 'returned', 'exception', 'lost')),
    CHECK (freight_fen >= 0),
    CHECK (slot_start IS NULL OR slot_start < slot_end)
);

-- What only people read: who comes, and the scans. Personal data.
CREATE TABLE IF NOT EXISTS shipment_traces (
    merchant_id   VARCHAR(64)  NOT NULL,
    shipment_id   VARCHAR(64)  NOT NULL,
    courier_name  VARCHAR(128) NOT NULL,
    courier_phone VARCHAR(64)  NOT NULL,
    scans         LONGTEXT     NOT NULL,
    PRIMARY KEY (merchant_id, shipment_id)
);

-- What a carrier told and what came of it, so that the same news told again has the same answer.
CREATE TABLE IF NOT EXISTS carrier_callbacks (
    merchant_id VARCHAR(64)  NOT NULL,
    shipment_id VARCHAR(64)  NOT NULL,
    digest      VARCHAR(64)  NOT NULL,
    event_id    VARCHAR(128) NOT NULL,
    received_at BIGINT       NOT NULL,
    PRIMARY KEY (merchant_id, shipment_id, digest)
);

-- Addresses by id. Personal data.
CREATE TABLE IF NOT EXISTS contacts (
    merchant_id VARCHAR(64)  NOT NULL,
    contact_id  VARCHAR(64)  NOT NULL,
    name        VARCHAR(100) NOT NULL,
    phone       VARCHAR(32)  NOT NULL,
    province    VARCHAR(64)  NOT NULL,
    city        VARCHAR(64)  NOT NULL,
    district    VARCHAR(64)  NOT NULL,
    street      VARCHAR(300) NOT NULL,
    created_at  BIGINT       NOT NULL,
    PRIMARY KEY (merchant_id, contact_id)
);

-- Where a merchant's returns go: the contact that counts. Personal data stays in contacts.
CREATE TABLE IF NOT EXISTS return_addresses (
    merchant_id VARCHAR(64) NOT NULL,
    contact_id  VARCHAR(64) NOT NULL,
    updated_at  BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id)
);

-- The freight insurance of an order, once for ever; the insurer knows it by the payment.
CREATE TABLE IF NOT EXISTS insurance_policies (
    merchant_id       VARCHAR(64)  NOT NULL,
    order_id          VARCHAR(64)  NOT NULL,
    payment_reference VARCHAR(64)  NOT NULL,
    paid_at           BIGINT       NOT NULL,
    paid_fen          BIGINT       NOT NULL,
    carrier           VARCHAR(32)  NOT NULL,
    tracking_number   VARCHAR(64)  NOT NULL,
    state             VARCHAR(16)  NOT NULL,
    policy_number     VARCHAR(64)  NOT NULL,
    estimate_fen      BIGINT       NOT NULL,
    ends_at           BIGINT,
    reason            VARCHAR(64)  NOT NULL,
    asked_at          BIGINT,
    asked             BIGINT       NOT NULL,
    created_at        BIGINT       NOT NULL,
    updated_at        BIGINT       NOT NULL,
    version           BIGINT       NOT NULL,
    PRIMARY KEY (merchant_id, order_id),
    UNIQUE (payment_reference),
    CHECK (state IN ('pending', 'active', 'refused', 'claimed', 'expired')),
    CHECK (paid_fen >= 0 AND estimate_fen >= 0)
);

-- The claim of a case. claimed_order is the order of a claim that counts, so that an order has one at
-- most; a claim that was refused before the insurer took it has NULL.
CREATE TABLE IF NOT EXISTS insurance_claims (
    merchant_id   VARCHAR(64)  NOT NULL,
    case_id       VARCHAR(64)  NOT NULL,
    order_id      VARCHAR(64)  NOT NULL,
    shipment_id   VARCHAR(64)  NOT NULL,
    claimed_order VARCHAR(64),
    state         VARCHAR(16)  NOT NULL,
    claim_number  VARCHAR(64)  NOT NULL,
    payout_fen    BIGINT       NOT NULL,
    paid_at       BIGINT,
    reason        VARCHAR(64)  NOT NULL,
    asked_at      BIGINT,
    asked         BIGINT       NOT NULL,
    created_at    BIGINT       NOT NULL,
    updated_at    BIGINT       NOT NULL,
    version       BIGINT       NOT NULL,
    PRIMARY KEY (merchant_id, case_id),
    UNIQUE (merchant_id, claimed_order),
    CHECK (state IN ('pending', 'filed', 'paid', 'rejected')),
    CHECK (state = 'rejected' OR claimed_order IS NOT NULL),
    CHECK (payout_fen >= 0)
);
