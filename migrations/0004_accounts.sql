-- Full accounts, bans, what has ended, tokens of other services (spec 2.1). Everything here is added: a node of the
-- version before goes on without it.

-- How one signs in. A guest has no row. The password as a PHC string of argon2id.
CREATE TABLE credentials (
    account_id    UUID   NOT NULL PRIMARY KEY,
    username      TEXT   NOT NULL,
    username_key  TEXT   NOT NULL UNIQUE, -- folded
    email         TEXT,
    password_hash TEXT   NOT NULL,
    changed_at    BIGINT NOT NULL
);

ALTER TABLE accounts ADD COLUMN banned_until BIGINT; -- the largest number: without end
ALTER TABLE accounts ADD COLUMN ban_reason   TEXT;
ALTER TABLE accounts ADD COLUMN deleted_at   BIGINT;
CREATE INDEX accounts_deleted ON accounts (deleted_at);
CREATE INDEX sign_ins_account ON sign_ins (account_id);
CREATE INDEX refresh_tokens_sign_in ON refresh_tokens (sign_in_id);

-- Every ban that there was; the account holds the one in force.
CREATE TABLE bans (
    ban_id     UUID   NOT NULL PRIMARY KEY, -- by time
    account_id UUID   NOT NULL,
    reason     TEXT   NOT NULL,
    by_account UUID   NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at    BIGINT,                      -- NULL: without end
    lifted_at  BIGINT
);
CREATE INDEX bans_account ON bans (account_id, ban_id);

-- What makes access tokens void before their time. Nodes read the newest each second; rows older than a token's life
-- are deleted.
CREATE TABLE epoch_changes (
    change_id  UUID   NOT NULL PRIMARY KEY,
    account_id UUID   NOT NULL,
    sign_in_id UUID,                        -- NULL: every sign-in whose epoch is lower
    epoch      BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX epoch_changes_at ON epoch_changes (changed_at);

-- Log-ins that failed, by a hash of the user name or of the address.
CREATE TABLE log_in_failures (
    who           BYTEA  NOT NULL PRIMARY KEY,
    failures      BIGINT NOT NULL,
    last_at       BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL
);
CREATE INDEX log_in_failures_last ON log_in_failures (last_at);

-- Other services. The token as its SHA-256 alone.
CREATE TABLE service_tokens (
    token_id   UUID   NOT NULL PRIMARY KEY, -- by time
    name       TEXT   NOT NULL,
    token_hash BYTEA  NOT NULL UNIQUE,
    scopes     JSONB  NOT NULL,
    created_by UUID   NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
