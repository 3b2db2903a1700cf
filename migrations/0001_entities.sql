-- Entities, what is known of rooms, and what was played. One text for SQLite and PostgreSQL:
-- BIGINT for every integer, Unix milliseconds for every time, UUID and JSONB by name.

-- The truth of an entity: whoever holds its epoch may commit (spec 6.2).
CREATE TABLE entities (
    kind         TEXT   NOT NULL,
    key          UUID   NOT NULL,
    epoch        BIGINT NOT NULL,
    version      BIGINT NOT NULL,
    state        BYTEA  NOT NULL,
    next_wake_at BIGINT,
    wake_no      BIGINT NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX entities_due ON entities (kind, next_wake_at);

-- One account has one seat in all rooms.
CREATE TABLE seats (
    account_id UUID NOT NULL PRIMARY KEY,
    room_id    UUID NOT NULL
);

CREATE TABLE rooms (
    room_id    UUID   NOT NULL PRIMARY KEY,
    code       TEXT   NOT NULL UNIQUE,
    name       TEXT   NOT NULL,
    game       TEXT   NOT NULL,
    visibility TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    members    BIGINT NOT NULL,
    capacity   BIGINT NOT NULL,
    settings   JSONB  NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX rooms_open ON rooms (visibility, status, members);

CREATE TABLE matches (
    match_id   UUID   NOT NULL PRIMARY KEY,
    room_id    UUID   NOT NULL,
    header     JSONB  NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    winner     TEXT,
    ended      JSONB
);

CREATE TABLE match_players (
    account_id UUID NOT NULL,
    match_id   UUID NOT NULL,
    PRIMARY KEY (account_id, match_id)
);

CREATE TABLE match_entries (
    match_id UUID   NOT NULL,
    n        BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    body     JSONB  NOT NULL,
    PRIMARY KEY (match_id, n)
);

CREATE TABLE reports (
    id         UUID   NOT NULL PRIMARY KEY,
    room_id    UUID   NOT NULL,
    by_account UUID   NOT NULL,
    about      UUID   NOT NULL,
    reason     TEXT   NOT NULL,
    log        JSONB  NOT NULL,
    at         BIGINT NOT NULL
);
