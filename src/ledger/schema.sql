-- SQLite parses this file whenever the ledger is opened, which takes a tenth of a status-line call. For this reason,
-- columns have no constraints. The types in Rust ensure that no column contains an unexpected value. Columns have types,
-- because SQLite uses an index to compare two columns only if both have the same type.

-- Facts. They are appended, and only the owner of a response, its usage, and its price change later.

CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    name TEXT,
    directory TEXT,
    directory_at INTEGER,
    -- Results of `reconcile`, and the sums of the session's responses.
    lineage INTEGER,
    is_dirty INTEGER,
    recorded INTEGER,
    responses INTEGER,
    unpriced INTEGER,
    covered INTEGER,
    unrecorded INTEGER,
    last_event INTEGER,
    bounds TEXT
);
CREATE INDEX sessions_by_lineage ON sessions (lineage);
CREATE INDEX dirty_sessions ON sessions (lineage) WHERE is_dirty;

CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT);

CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    branch TEXT,
    agent TEXT,
    skill TEXT,
    plugin TEXT,
    mcp_server TEXT
);

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path BLOB,
    session INTEGER,
    is_main INTEGER,
    offset INTEGER,
    mark INTEGER,
    size INTEGER,
    modified INTEGER,
    last_line INTEGER,
    last_at INTEGER,
    newest_at INTEGER,
    last_response INTEGER,
    unreadable INTEGER,
    damaged_after INTEGER
);
CREATE INDEX files_by_session ON files (session);

CREATE TABLE responses (
    key INTEGER PRIMARY KEY,
    session INTEGER,
    at INTEGER,
    model INTEGER,
    context INTEGER,
    flags INTEGER,
    input INTEGER,
    output INTEGER,
    cache_read INTEGER,
    cache_write INTEGER,
    cache_write_1h INTEGER,
    web_searches INTEGER,
    parts TEXT,
    cost INTEGER,
    client_cost INTEGER,
    requested INTEGER,
    file INTEGER,
    offset INTEGER,
    source INTEGER
);
CREATE INDEX responses_by_session ON responses (session, at);
CREATE INDEX switched_responses ON responses (requested) WHERE requested IS NOT NULL;

-- Further locations of responses, and all locations of compactions.
CREATE TABLE copies (
    key INTEGER,
    file INTEGER,
    offset INTEGER,
    -- Bit 0 is set if the line is out of order, and bit 1 if a terminal wrote the line.
    is_out_of_order INTEGER,
    source INTEGER,
    PRIMARY KEY (key, file)
) WITHOUT ROWID;
CREATE INDEX copies_by_file ON copies (file);

CREATE TABLE compactions (
    key INTEGER PRIMARY KEY,
    at INTEGER,
    tokens INTEGER
);

CREATE TABLE checkpoints (
    file INTEGER,
    offset INTEGER,
    started INTEGER,
    cost INTEGER,
    run_ms INTEGER,
    api_ms INTEGER,
    has_unknown_model INTEGER,
    models TEXT,
    before INTEGER,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;
CREATE INDEX checkpoints_by_start ON checkpoints (started);
CREATE INDEX checkpoints_by_cost ON checkpoints (cost);

CREATE TABLE markers (
    file INTEGER,
    offset INTEGER,
    at INTEGER,
    snapshot INTEGER,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;
CREATE INDEX markers_by_snapshot ON markers (snapshot) WHERE snapshot IS NOT NULL;

-- No event is ever deleted, so each one gets a greater ID than all earlier ones.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    session INTEGER,
    pid INTEGER,
    process INTEGER,
    kind TEXT,
    at INTEGER,
    length INTEGER,
    total INTEGER,
    detail TEXT
);
CREATE INDEX events_by_session ON events (session);
CREATE INDEX events_by_process ON events (process);

CREATE TABLE pull_requests (
    file INTEGER,
    offset INTEGER,
    session INTEGER,
    at INTEGER,
    number INTEGER,
    url TEXT,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;

CREATE TABLE damage (
    file INTEGER,
    since INTEGER,
    until INTEGER,
    PRIMARY KEY (file, since)
) WITHOUT ROWID;

-- Results. They can be dropped and made again from the facts.

CREATE TABLE sums (
    quarter INTEGER,
    session INTEGER,
    model INTEGER,
    recorded INTEGER,
    responses INTEGER,
    unpriced INTEGER,
    input INTEGER,
    output INTEGER,
    cache_read INTEGER,
    cache_write INTEGER,
    cache_write_1h INTEGER,
    web_searches INTEGER,
    PRIMARY KEY (quarter, session, model)
) WITHOUT ROWID;

-- Sums of all sessions by quarter of an hour and by day in UTC. The status line adds up a month from a few of these rows,
-- however many sessions there are. `length` is the length of the period in milliseconds.
CREATE TABLE totals (
    length INTEGER,
    start INTEGER,
    recorded INTEGER,
    responses INTEGER,
    unpriced INTEGER,
    unrecorded INTEGER,
    PRIMARY KEY (length, start)
) WITHOUT ROWID;

-- Spend that no transcript line reports. `kind` is 0 for unrecorded spend, 1 for pending spend, and 2 for a lower bound
-- without an amount.
CREATE TABLE off_transcript (
    session INTEGER,
    at INTEGER,
    model INTEGER,
    kind INTEGER,
    cost INTEGER
);
CREATE INDEX off_transcript_by_session ON off_transcript (session);
CREATE INDEX off_transcript_by_time ON off_transcript (at);
CREATE INDEX off_transcript_exceptions ON off_transcript (kind, at) WHERE kind > 0;

-- The newest total of each process that may still work on a session.
CREATE TABLE runs (
    session INTEGER,
    process INTEGER,
    total INTEGER,
    PRIMARY KEY (session, process)
) WITHOUT ROWID;
