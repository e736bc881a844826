-- +goose Up
-- Who saw the contact of an order unmasked, or all that is kept of a buyer, when and why. The reason is sealed.
CREATE TABLE IF NOT EXISTS reveals (
    merchant_id VARCHAR(64) NOT NULL,
    reveal_id   VARCHAR(64) NOT NULL,
    order_id    VARCHAR(64) NOT NULL,
    buyer_id    VARCHAR(64) NOT NULL,
    actor_role  VARCHAR(32) NOT NULL,
    actor_id    VARCHAR(64) NOT NULL,
    reason      LONGTEXT    NOT NULL,
    at          BIGINT      NOT NULL,
    PRIMARY KEY (merchant_id, reveal_id),
    UNIQUE (merchant_id, order_id, reveal_id),
    UNIQUE (merchant_id, actor_id, reveal_id)
);
