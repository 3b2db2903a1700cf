-- The activity stream (spec 2.3): facts on their way to consumers, what could not be handled, and what is counted.

-- A fact that a group of consumers has not confirmed. Written in the transaction of what it tells; gone with the
-- confirmation. A claim moves due_at into the future: if nothing comes of it, the row is due again.
CREATE TABLE outbox (
    fact_id  UUID   NOT NULL,
    consumer TEXT   NOT NULL, -- the group
    kind     TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    body     BYTEA  NOT NULL, -- Avro, single-object encoding
    tries    BIGINT NOT NULL, -- that failed
    due_at   BIGINT NOT NULL,
    PRIMARY KEY (fact_id, consumer)
);
CREATE INDEX outbox_due ON outbox (due_at);

-- What a group has handled: a fact that comes again has no second effect. Kept for activity.dedupe_ms.
CREATE TABLE consumed (
    fact_id  UUID   NOT NULL,
    consumer TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (fact_id, consumer)
);
CREATE INDEX consumed_old ON consumed (at);

-- What a group could not handle. Staff look, retry or drop.
CREATE TABLE dead_letters (
    id       UUID   NOT NULL PRIMARY KEY, -- by time
    fact_id  UUID   NOT NULL,
    consumer TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    body     BYTEA  NOT NULL,
    tries    BIGINT NOT NULL,
    error    TEXT   NOT NULL,
    died_at  BIGINT NOT NULL
);

-- How often an account did what: conditions of events are evaluated on these (spec 2.2).
CREATE TABLE activity_counters (
    account_id UUID   NOT NULL,
    minute     BIGINT NOT NULL, -- Unix time / 60,000
    kind       TEXT   NOT NULL,
    dims       TEXT   NOT NULL, -- {"game":"mafia"}: compact JSON, keys in order
    n          BIGINT NOT NULL,
    PRIMARY KEY (account_id, minute, kind, dims)
);
CREATE INDEX activity_counters_old ON activity_counters (minute);
