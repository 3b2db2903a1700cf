-- What moderators did with a report; open while resolved_at is NULL.
ALTER TABLE reports ADD COLUMN resolved_at BIGINT;
ALTER TABLE reports ADD COLUMN resolved_by UUID;
ALTER TABLE reports ADD COLUMN note TEXT;
CREATE INDEX reports_about ON reports (about, id);
CREATE INDEX reports_resolved ON reports (resolved_at, id);

-- Accounts that may not chat, one row each.
CREATE TABLE mutes (
    account_id UUID   NOT NULL PRIMARY KEY,
    reason     TEXT   NOT NULL,
    ends_at    BIGINT,           -- NULL: until it is lifted
    by_account UUID   NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX mutes_ends ON mutes (ends_at);
