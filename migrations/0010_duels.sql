-- How strong players are, one row for an account and a mode (duel, mafia).
CREATE TABLE ratings (
    mode       TEXT             NOT NULL,
    account_id UUID             NOT NULL,
    rating     DOUBLE PRECISION NOT NULL,
    deviation  DOUBLE PRECISION NOT NULL,
    volatility DOUBLE PRECISION NOT NULL,
    standing   BIGINT           NOT NULL, -- what the leaderboard goes by: hundredths of a point
    games      BIGINT           NOT NULL,
    wins       BIGINT           NOT NULL,
    draws      BIGINT           NOT NULL,
    losses     BIGINT           NOT NULL,
    rated_at   BIGINT           NOT NULL, -- since then it has become less sure
    PRIMARY KEY (mode, account_id)
);
CREATE INDEX ratings_board ON ratings (mode, standing, account_id);
CREATE INDEX ratings_of ON ratings (account_id);

-- What a result did to a rating: once for a match and an account.
CREATE TABLE rating_changes (
    match_id   UUID             NOT NULL,
    account_id UUID             NOT NULL,
    mode       TEXT             NOT NULL,
    points     DOUBLE PRECISION NOT NULL, -- 1, 0.5, 0
    before     DOUBLE PRECISION NOT NULL,
    after      DOUBLE PRECISION NOT NULL,
    at         BIGINT           NOT NULL,
    PRIMARY KEY (match_id, account_id)
);

-- Duels that are over. What is not agreed waits for staff while resolved_at is NULL.
CREATE TABLE duels (
    session_id  UUID   NOT NULL PRIMARY KEY,
    player_a    UUID   NOT NULL,
    player_b    UUID   NOT NULL,
    outcome     TEXT   NOT NULL,
    winner      UUID,
    reports     JSONB  NOT NULL,
    ended_at    BIGINT NOT NULL,
    resolved_at BIGINT,
    resolved_by UUID,
    verdict     TEXT,              -- won, draw, void
    note        TEXT
);
CREATE INDEX duels_outcome ON duels (outcome, session_id);
