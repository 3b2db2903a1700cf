-- How far a read replica is behind: nodes write the time of day here, and read it there.
CREATE TABLE replica_beat (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL
);
