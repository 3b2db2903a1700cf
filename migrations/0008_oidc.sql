-- Sign-in through an OpenID Connect provider (spec 2.1). Everything here is added: a node of the version before goes on
-- without it.

-- Who has gone to the provider and is to come back. Taken by the one who comes; the rest expire.
CREATE TABLE oidc_attempts (
    attempt_hash BYTEA  NOT NULL PRIMARY KEY,
    nonce        TEXT   NOT NULL,
    verifier     TEXT   NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX oidc_attempts_expired ON oidc_attempts (expires_at);

-- Whose account is whose at the provider. Nothing else that the provider knows is kept.
CREATE TABLE oidc_subjects (
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    account_id UUID NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX oidc_subjects_account ON oidc_subjects (account_id);
