-- Events, their rewards, claims on them, and what people own (spec 2.2). What must never happen is a constraint here:
-- stock and limits exceeded, a balance below zero, a grant that happens twice.

CREATE TABLE events (
    event_id    UUID   NOT NULL PRIMARY KEY, -- by time
    title       TEXT   NOT NULL,
    description TEXT   NOT NULL,
    starts_at   BIGINT NOT NULL,
    ends_at     BIGINT NOT NULL,
    status      TEXT   NOT NULL, -- draft, active, inactive, ended
    condition   JSONB  NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    CONSTRAINT events_window CHECK (starts_at < ends_at)
);
CREATE INDEX events_status ON events (status, event_id);

CREATE TABLE rewards (
    reward_id         UUID   NOT NULL PRIMARY KEY, -- by time
    event_id          UUID   NOT NULL,
    kind              TEXT   NOT NULL, -- points, item, badge, coupon
    name              TEXT   NOT NULL,
    amount            BIGINT NOT NULL CHECK (amount > 0),
    stock             BIGINT,          -- NULL: without end
    taken             BIGINT NOT NULL CHECK (taken >= 0),
    per_account_limit BIGINT NOT NULL CHECK (per_account_limit > 0),
    condition         JSONB,           -- besides the event's
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    CONSTRAINT rewards_stock CHECK (stock IS NULL OR taken <= stock)
);
CREATE INDEX rewards_event ON rewards (event_id, reward_id);

-- How often an account has a reward, under the limit of the moment in which it took the last one.
CREATE TABLE reward_takers (
    reward_id         UUID   NOT NULL,
    account_id        UUID   NOT NULL,
    taken             BIGINT NOT NULL,
    per_account_limit BIGINT NOT NULL,
    PRIMARY KEY (reward_id, account_id),
    CONSTRAINT reward_takers_limit CHECK (taken >= 0 AND taken <= per_account_limit)
);

CREATE TABLE claims (
    claim_id   UUID   NOT NULL PRIMARY KEY, -- by time
    event_id   UUID   NOT NULL,
    reward_id  UUID   NOT NULL,
    account_id UUID   NOT NULL,
    kind       TEXT   NOT NULL, -- the reward as it was when it was claimed
    name       TEXT   NOT NULL,
    amount     BIGINT NOT NULL,
    status     TEXT   NOT NULL,
    reason     TEXT,
    cancel     TEXT,            -- why it is to end, once it is
    tries      BIGINT NOT NULL, -- failed grants
    due_at     BIGINT,          -- from when on a worker may take it; NULL: final
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT claims_final CHECK ((due_at IS NULL) = (status IN ('granted', 'rejected', 'compensated')))
);
CREATE INDEX claims_due ON claims (due_at);
CREATE INDEX claims_account ON claims (account_id, claim_id);
CREATE INDEX claims_reward ON claims (reward_id, claim_id);

-- What became of each claim's grant, once and for all: whoever inserts the row first decides.
CREATE TABLE grants (
    claim_id   UUID   NOT NULL PRIMARY KEY,
    account_id UUID   NOT NULL,
    outcome    TEXT   NOT NULL, -- granted, refused
    reason     TEXT,
    kind       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    amount     BIGINT NOT NULL,
    code       TEXT UNIQUE,     -- of a coupon
    at         BIGINT NOT NULL
);
CREATE INDEX grants_account ON grants (account_id, kind, claim_id);

-- Points of people. 2^53 - 1 is the largest number that every client of JSON reads exactly.
CREATE TABLE wallets (
    account_id UUID   NOT NULL PRIMARY KEY,
    balance    BIGINT NOT NULL,
    CONSTRAINT wallets_balance CHECK (balance >= 0 AND balance <= 9007199254740991)
);

-- The ledger: a transaction takes from one wallet what it gives to another, so its two entries sum to zero.
CREATE TABLE ledger (
    transaction_id UUID   NOT NULL PRIMARY KEY, -- by time
    debit          UUID   NOT NULL,
    credit         UUID   NOT NULL,
    amount         BIGINT NOT NULL CHECK (amount > 0),
    reason         TEXT   NOT NULL, -- reward, ...
    ref            UUID   NOT NULL, -- the claim, ...
    at             BIGINT NOT NULL,
    CONSTRAINT ledger_two_sides CHECK (debit <> credit),
    CONSTRAINT ledger_once UNIQUE (reason, ref)
);
CREATE INDEX ledger_debit ON ledger (debit, transaction_id);
CREATE INDEX ledger_credit ON ledger (credit, transaction_id);

CREATE VIEW ledger_entries AS
    SELECT transaction_id, debit AS wallet_id, -amount AS amount, reason, ref, at FROM ledger
    UNION ALL
    SELECT transaction_id, credit AS wallet_id, amount, reason, ref, at FROM ledger;

CREATE TABLE inventory (
    account_id UUID   NOT NULL,
    kind       TEXT   NOT NULL, -- item, badge, coupon
    name       TEXT   NOT NULL,
    code       TEXT   NOT NULL, -- of a coupon, else empty
    amount     BIGINT NOT NULL,
    first_at   BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, name, code),
    CONSTRAINT inventory_amount CHECK (amount >= 0 AND amount <= 9007199254740991)
);

-- Requests under an Idempotency-Key, and their answers.
CREATE TABLE idempotency (
    account_id   UUID   NOT NULL,
    route        TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    request_hash BYTEA  NOT NULL,
    operation_id UUID   NOT NULL, -- the same at every attempt: what the request makes has this id
    worker       UUID   NOT NULL, -- who serves it, until then
    leased_until BIGINT NOT NULL,
    status       BIGINT,          -- NULL: not answered yet
    content_type TEXT,
    answer       BYTEA,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (account_id, route, key)
);
CREATE INDEX idempotency_expired ON idempotency (expires_at);
