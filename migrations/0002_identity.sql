-- Who people are: accounts, where they are signed in, and the secrets of the installation.
-- What a client presents (refresh token, ticket) is stored as its SHA-256 alone.

CREATE TABLE accounts (
    account_id    UUID    NOT NULL PRIMARY KEY,
    nickname      TEXT    NOT NULL,
    nickname_key  TEXT    NOT NULL UNIQUE, -- folded, then look-alikes made one: BOB is Bob
    nickname_look TEXT    NOT NULL UNIQUE, -- look-alikes of what is shown made one: a Cyrillic capital Ve is B
    guest         BOOLEAN NOT NULL,
    role          TEXT    NOT NULL,
    epoch         BIGINT  NOT NULL,        -- raised when everything issued before must fail
    created_at    BIGINT  NOT NULL
);

-- One sign-in on one device: the family of refresh tokens that follow one another.
CREATE TABLE sign_ins (
    sign_in_id UUID   NOT NULL PRIMARY KEY,
    account_id UUID   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX sign_ins_expired ON sign_ins (expires_at);

CREATE TABLE refresh_tokens (
    token_hash BYTEA  NOT NULL PRIMARY KEY,
    sign_in_id UUID   NOT NULL,
    expires_at BIGINT NOT NULL,
    rotated_at BIGINT
);
CREATE INDEX refresh_tokens_expired ON refresh_tokens (expires_at);

CREATE TABLE ws_tickets (
    ticket_hash BYTEA  NOT NULL PRIMARY KEY,
    account_id  UUID   NOT NULL,
    sign_in_id  UUID   NOT NULL,
    origin      TEXT,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX ws_tickets_expired ON ws_tickets (expires_at);

-- Ed25519 seeds; the one with the highest number signs, all of them verify.
CREATE TABLE signing_keys (
    n          BIGINT NOT NULL PRIMARY KEY,
    kid        TEXT   NOT NULL UNIQUE,
    seed       BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE secrets (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);
