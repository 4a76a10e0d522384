-- SQLite parses this file whenever the ledger is opened, which takes a tenth of a status-line call. For this reason,
-- columns have neither types nor constraints. The types in Rust ensure that no column contains an unexpected value.

-- Facts. They are appended, and only the owner of a response, its usage, and its price change later.

CREATE TABLE meta (name PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    name,
    directory,
    directory_at,
    -- Results of `reconcile`, and the sums of the session's responses.
    lineage,
    is_dirty,
    recorded,
    responses,
    unpriced,
    covered,
    unrecorded,
    last_event,
    bounds
);
CREATE INDEX sessions_by_lineage ON sessions (lineage);
CREATE INDEX dirty_sessions ON sessions (lineage) WHERE is_dirty;

CREATE TABLE models (id INTEGER PRIMARY KEY, name);

CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    branch,
    agent,
    skill,
    plugin,
    mcp_server
);

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path,
    session,
    is_main,
    offset,
    mark,
    size,
    modified,
    last_line,
    last_at,
    newest_at,
    last_response,
    unreadable,
    damaged_after,
    ends_in_error
);
CREATE INDEX files_by_session ON files (session);

CREATE TABLE responses (
    key INTEGER PRIMARY KEY,
    session,
    at,
    model,
    context,
    flags,
    input,
    output,
    cache_read,
    cache_write,
    cache_write_1h,
    web_searches,
    parts,
    cost,
    client_cost,
    requested,
    file,
    offset,
    source
);
CREATE INDEX responses_by_session ON responses (session, at);
CREATE INDEX switched_responses ON responses (requested) WHERE requested IS NOT NULL;

-- Further locations of responses, and all locations of compactions.
CREATE TABLE copies (
    key,
    file,
    offset,
    is_out_of_order,
    source,
    PRIMARY KEY (key, file)
) WITHOUT ROWID;
CREATE INDEX copies_by_file ON copies (file);

CREATE TABLE compactions (
    key INTEGER PRIMARY KEY,
    at,
    tokens
);

CREATE TABLE checkpoints (
    file,
    offset,
    started,
    cost,
    run_ms,
    api_ms,
    has_unknown_model,
    models,
    before,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;
CREATE INDEX checkpoints_by_start ON checkpoints (started);
CREATE INDEX checkpoints_by_cost ON checkpoints (cost);

CREATE TABLE markers (
    file,
    offset,
    at,
    snapshot,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;
CREATE INDEX markers_by_snapshot ON markers (snapshot) WHERE snapshot IS NOT NULL;

-- No event is ever deleted, so each one gets a greater ID than all others.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    session,
    pid,
    process,
    kind,
    at,
    length,
    total,
    detail
);
CREATE INDEX events_by_session ON events (session);
CREATE INDEX events_by_process ON events (process);

CREATE TABLE error_lines (
    file,
    offset,
    length,
    session,
    at,
    text_hash,
    attempt,
    wait_ms,
    status,
    fields,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;

CREATE TABLE pull_requests (
    file,
    offset,
    session,
    at,
    number,
    url,
    PRIMARY KEY (file, offset)
) WITHOUT ROWID;

CREATE TABLE damage (
    file,
    since,
    until,
    PRIMARY KEY (file, since)
) WITHOUT ROWID;

-- Results. They can be dropped and made again from the facts.

CREATE TABLE sums (
    quarter,
    session,
    model,
    recorded,
    responses,
    unpriced,
    input,
    output,
    cache_read,
    cache_write,
    cache_write_1h,
    web_searches,
    PRIMARY KEY (quarter, session, model)
) WITHOUT ROWID;

-- Sums of all sessions by quarter of an hour and by day in UTC. The status line adds up a month from a few of these rows,
-- however many sessions there are. `length` is the length of the period in milliseconds.
CREATE TABLE totals (
    length,
    start,
    recorded,
    responses,
    unpriced,
    unrecorded,
    PRIMARY KEY (length, start)
) WITHOUT ROWID;

-- Spend that no transcript line reports. `kind` is 0 for unrecorded spend, 1 for pending spend, and 2 for a lower bound
-- without an amount.
CREATE TABLE off_transcript (
    session,
    at,
    model,
    kind,
    cost
);
CREATE INDEX off_transcript_by_session ON off_transcript (session);
CREATE INDEX off_transcript_by_time ON off_transcript (at);
CREATE INDEX off_transcript_exceptions ON off_transcript (at) WHERE kind > 0;

-- The newest total of each process that may still work on a session.
CREATE TABLE runs (
    session,
    process,
    total,
    PRIMARY KEY (session, process)
) WITHOUT ROWID;
