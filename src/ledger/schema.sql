-- Facts. They are appended, and only the owner of a response, its usage, and its price change later.

CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    directory TEXT,
    directory_at INTEGER,
    -- Results of `reconcile`, and the sums of the session's responses.
    lineage INTEGER NOT NULL,
    is_dirty INTEGER NOT NULL DEFAULT 0,
    recorded INTEGER NOT NULL DEFAULT 0,
    responses INTEGER NOT NULL DEFAULT 0,
    unpriced INTEGER NOT NULL DEFAULT 0,
    covered INTEGER NOT NULL DEFAULT 0,
    unrecorded INTEGER NOT NULL DEFAULT 0,
    last_event INTEGER NOT NULL DEFAULT 0,
    bounds TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX sessions_by_lineage ON sessions (lineage);
CREATE INDEX dirty_sessions ON sessions (lineage) WHERE is_dirty;

CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL);

CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    branch TEXT NOT NULL,
    agent TEXT NOT NULL,
    skill TEXT NOT NULL,
    plugin TEXT NOT NULL,
    mcp_server TEXT NOT NULL
);

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL,
    session INTEGER NOT NULL,
    is_main INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    last_at INTEGER,
    newest_at INTEGER,
    last_response INTEGER NOT NULL,
    unreadable INTEGER NOT NULL,
    damaged_after INTEGER,
    ends_in_error INTEGER NOT NULL
);
CREATE INDEX files_by_session ON files (session);

CREATE TABLE responses (
    key INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    at INTEGER NOT NULL,
    model INTEGER NOT NULL,
    context INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    web_searches INTEGER NOT NULL,
    parts TEXT,
    cost INTEGER NOT NULL,
    client_cost INTEGER NOT NULL,
    requested INTEGER,
    file INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    source INTEGER
);
CREATE INDEX responses_by_session ON responses (session, at);
CREATE INDEX switched_responses ON responses (requested) WHERE requested IS NOT NULL;

-- Further locations of responses, and all locations of compactions.
CREATE TABLE copies (
    key INTEGER NOT NULL,
    file INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    is_out_of_order INTEGER NOT NULL,
    source INTEGER,
    PRIMARY KEY (key, file)
) WITHOUT ROWID;
CREATE INDEX copies_by_file ON copies (file);

CREATE TABLE compactions (
    key INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    tokens INTEGER NOT NULL
);

CREATE TABLE checkpoints (
    file INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    started INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    run_ms INTEGER NOT NULL,
    api_ms INTEGER NOT NULL,
    has_unknown_model INTEGER NOT NULL,
    models TEXT NOT NULL,
    before INTEGER,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;
CREATE INDEX checkpoints_by_start ON checkpoints (started);
CREATE INDEX checkpoints_by_cost ON checkpoints (cost);

CREATE TABLE markers (
    file INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    at INTEGER NOT NULL,
    snapshot INTEGER,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;
CREATE INDEX markers_by_snapshot ON markers (snapshot) WHERE snapshot IS NOT NULL;

-- No event is ever deleted, so each one gets a greater ID than all others.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    pid INTEGER,
    process INTEGER NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    length INTEGER NOT NULL,
    total INTEGER,
    detail TEXT NOT NULL
);
CREATE INDEX events_by_session ON events (session);
CREATE INDEX events_by_process ON events (process);

CREATE TABLE error_lines (
    file INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL,
    session INTEGER NOT NULL,
    at INTEGER,
    text_hash INTEGER NOT NULL,
    attempt INTEGER,
    wait_ms INTEGER,
    status INTEGER,
    fields TEXT,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;

CREATE TABLE pull_requests (
    file INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    session INTEGER NOT NULL,
    at INTEGER NOT NULL,
    number INTEGER NOT NULL,
    url TEXT NOT NULL,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;

CREATE TABLE damage (
    file INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (file, since)
) WITHOUT ROWID;

-- Results. They can be dropped and made again from the facts.

CREATE TABLE sums (
    quarter INTEGER NOT NULL,
    session INTEGER NOT NULL,
    model INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    responses INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    web_searches INTEGER NOT NULL,
    PRIMARY KEY (quarter, session, model)
) WITHOUT ROWID;

-- Sums of all sessions by quarter of an hour and by day in UTC. The status line adds up a month from a few of these rows,
-- however many sessions there are. `length` is the length of the period in milliseconds.
CREATE TABLE totals (
    length INTEGER NOT NULL,
    start INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    responses INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    unrecorded INTEGER NOT NULL,
    PRIMARY KEY (length, start)
) WITHOUT ROWID;

-- Spend that no transcript line reports. `kind` is 0 for unrecorded spend, 1 for pending spend, and 2 for a lower bound
-- without an amount.
CREATE TABLE off_transcript (
    session INTEGER NOT NULL,
    at INTEGER NOT NULL,
    model INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    cost INTEGER NOT NULL
);
CREATE INDEX off_transcript_by_session ON off_transcript (session);
CREATE INDEX off_transcript_by_time ON off_transcript (at);
CREATE INDEX off_transcript_exceptions ON off_transcript (at) WHERE kind > 0;

-- The newest total of each process that may still work on a session.
CREATE TABLE runs (
    session INTEGER NOT NULL,
    process INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (session, process)
) WITHOUT ROWID;
