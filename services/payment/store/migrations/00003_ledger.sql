-- +goose Up

-- The ledger. A row is one entry with both of its sides, so that none can be out of balance. What is booked about one
-- refund number or booking is its subject; the steps of a subject are named, so that each is taken once. The program
-- never changes or deletes an entry, and triggers see to it that nobody does.
CREATE TABLE IF NOT EXISTS ledger_entries (
    merchant_id    VARCHAR(64) NOT NULL,
    subject        VARCHAR(64) NOT NULL,
    step           VARCHAR(32) NOT NULL,
    at             BIGINT      NOT NULL,
    phase          VARCHAR(16) NOT NULL,
    kind           VARCHAR(32) NOT NULL,
    case_id        VARCHAR(64) NOT NULL,
    cause          VARCHAR(64) NOT NULL,
    bearer         VARCHAR(16) NOT NULL,
    debit_account  VARCHAR(64) NOT NULL,
    credit_account VARCHAR(64) NOT NULL,
    currency       VARCHAR(3)  NOT NULL,
    amount         BIGINT      NOT NULL,
    resolves       VARCHAR(32),
    reverses       VARCHAR(32),
    PRIMARY KEY (merchant_id, subject, step),
    UNIQUE (merchant_id, at, subject, step),
    UNIQUE (merchant_id, case_id, at, subject, step),
    -- What is resolved or reversed is there, has the same amount between the same accounts (a reversal the other
    -- way round), and is so once: the last columns follow from the first by the foreign key.
    UNIQUE (merchant_id, subject, step, currency, amount, debit_account, credit_account),
    UNIQUE (merchant_id, subject, resolves, currency, amount, debit_account, credit_account),
    UNIQUE (merchant_id, subject, reverses, currency, amount, credit_account, debit_account),
    FOREIGN KEY (merchant_id, subject, resolves, currency, amount, debit_account, credit_account)
        REFERENCES ledger_entries (merchant_id, subject, step, currency, amount, debit_account, credit_account),
    FOREIGN KEY (merchant_id, subject, reverses, currency, amount, credit_account, debit_account)
        REFERENCES ledger_entries (merchant_id, subject, step, currency, amount, debit_account, credit_account),
    CHECK (amount > 0),
    CHECK (debit_account <> credit_account),
    CHECK (phase IN ('reserve', 'post', 'void', 'book', 'reversal')),
    CHECK ((phase = 'reserve') = (step = 'hold')),
    CHECK ((phase = 'void') = (step = 'void')),
    CHECK ((phase IN ('post', 'void')) = (resolves IS NOT NULL)),
    CHECK (resolves IS NULL OR resolves = 'hold'),
    CHECK ((phase = 'reversal') = (reverses IS NOT NULL)),
    CHECK ((phase = 'reversal') = (step LIKE '%.back')),
    CHECK (reverses IS NULL OR (reverses NOT IN ('hold', 'void') AND reverses NOT LIKE '%.back')),
    CHECK (cause <> '' AND bearer <> '' AND (case_id <> '' OR kind = 'refund_outside'))
);
