-- Who was connected when, from where and how it ended: one row a connection, written behind it in batches.
CREATE TABLE session_log (
    id              UUID   NOT NULL PRIMARY KEY, -- by time
    session_id      UUID   NOT NULL,
    account_id      UUID   NOT NULL,
    transport       TEXT   NOT NULL,             -- ws, signal, tcp
    address         TEXT,                        -- NULL: the account is deleted
    node            UUID   NOT NULL,             -- the run of the node
    node_name       TEXT,
    connected_at    BIGINT NOT NULL,
    disconnected_at BIGINT,                      -- NULL: open
    reason          TEXT,
    bytes_in        BIGINT NOT NULL DEFAULT 0,   -- from the client
    bytes_out       BIGINT NOT NULL DEFAULT 0,
    messages_in     BIGINT NOT NULL DEFAULT 0,
    messages_out    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX session_log_account ON session_log (account_id, id);
CREATE INDEX session_log_open ON session_log (node) WHERE disconnected_at IS NULL;
