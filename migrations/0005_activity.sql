-- What accounts did, counted by the minute in which it happened.
CREATE TABLE activity_counters (
    account_id UUID   NOT NULL,
    minute     BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    dims       TEXT   NOT NULL,
    n          BIGINT NOT NULL,
    PRIMARY KEY (account_id, minute, kind, dims)
);
