-- The facts about limits, in chronological order. `session` is null for a fact about the machine, and `key` is a hash of
-- the other columns.
CREATE TABLE IF NOT EXISTS limit_facts (
    at INTEGER,
    key INTEGER,
    session TEXT,
    source TEXT,
    event TEXT,
    is_state INTEGER,
    PRIMARY KEY (at, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS limit_states ON limit_facts (session, at) WHERE is_state;
