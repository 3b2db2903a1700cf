-- Admission queues (spec 3.1). What must survive Redis is here: which numbers were given out, how far the line was
-- admitted, and every pass. The line itself is in Redis; on a node without Redis it is in queue_line.

CREATE TABLE queues (
    queue_id          UUID   NOT NULL PRIMARY KEY, -- by time
    name              TEXT   NOT NULL,
    state             TEXT   NOT NULL, -- open, paused, draining
    capacity          BIGINT NOT NULL CHECK (capacity >= 0),
    rate_per_s        DOUBLE PRECISION, -- NULL: as fast as places are free
    claim_ttl_ms      BIGINT NOT NULL CHECK (claim_ttl_ms > 0),
    pass_ttl_ms       BIGINT NOT NULL CHECK (pass_ttl_ms > 0),
    abandon_after_ms  BIGINT NOT NULL CHECK (abandon_after_ms > 0),
    sold_out          TEXT   NOT NULL, -- what becomes of the line then: keep, dismiss
    sold_out_at       BIGINT,
    dismissed_through BIGINT NOT NULL, -- who waited with such a number is told sold_out
    numbers_to        BIGINT NOT NULL, -- no higher number was given out
    admitted_through  BIGINT NOT NULL, -- the highest number that has a pass
    line_epoch        BIGINT NOT NULL, -- whose line it is, where it is in SQL
    admitted          BIGINT NOT NULL, -- counted since the queue was made
    no_shows          BIGINT NOT NULL,
    expiries          BIGINT NOT NULL,
    abandoned         BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL
);

-- Who was let in. A pass that has ended stays for a while, so that it is not honoured again.
CREATE TABLE queue_passes (
    pass_id       UUID   NOT NULL PRIMARY KEY, -- 128 random bits
    queue_id      UUID   NOT NULL,
    number        BIGINT NOT NULL,
    account_id    UUID   NOT NULL,
    admitted_at   BIGINT NOT NULL,
    first_used_at BIGINT,
    expires_at    BIGINT NOT NULL, -- claim_ttl after its admission, then pass_ttl after its first use
    ended_at      BIGINT,
    outcome       TEXT,            -- completed, expired, no_show, left
    CONSTRAINT queue_passes_number UNIQUE (queue_id, number),
    CONSTRAINT queue_passes_ended CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX queue_passes_live ON queue_passes (queue_id, account_id) WHERE ended_at IS NULL;
CREATE INDEX queue_passes_due ON queue_passes (queue_id, expires_at) WHERE ended_at IS NULL;
CREATE INDEX queue_passes_old ON queue_passes (ended_at);

-- The line of a node without Redis.
CREATE TABLE queue_line (
    queue_id   UUID    NOT NULL,
    account_id UUID    NOT NULL,
    number     BIGINT  NOT NULL,
    inside     BOOLEAN NOT NULL, -- has been let in
    PRIMARY KEY (queue_id, account_id),
    CONSTRAINT queue_line_number UNIQUE (queue_id, number)
);

-- How many wait in each block of 64, 4,096 and 262,144 numbers: who asks how many are ahead of him counts no line.
CREATE TABLE queue_counts (
    queue_id UUID   NOT NULL,
    level    BIGINT NOT NULL,
    block    BIGINT NOT NULL,
    waiting  BIGINT NOT NULL,
    PRIMARY KEY (queue_id, level, block)
);

-- Who has left a line of a node without Redis, for as long as he may ask.
CREATE TABLE queue_left (
    queue_id UUID   NOT NULL,
    number   BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (queue_id, number)
);
CREATE INDEX queue_left_at ON queue_left (at);
