-- What staff have changed: only ever added to (spec 2.2).
CREATE TABLE audit (
    id     UUID   NOT NULL PRIMARY KEY, -- by time
    at     BIGINT NOT NULL,
    actor  UUID,                        -- NULL: on the machine itself
    role   TEXT   NOT NULL,
    action TEXT   NOT NULL,
    target TEXT   NOT NULL,
    detail JSONB  NOT NULL
);
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_target ON audit (target, id);
