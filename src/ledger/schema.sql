-- SQLite parses this file whenever the ledger is opened, which takes a part of every status-line call. For this reason,
-- there are few tables and indexes, and columns have no constraints. The types in Rust ensure that no column contains an
-- unexpected value. Columns that are compared with each other have types, because SQLite uses an index for that only if both
-- have the same type.

-- Numbers by name, such as how far the journal has been read. For the path of a file, the value is what was read from it, as
-- JSON.
CREATE TABLE IF NOT EXISTS meta (name PRIMARY KEY, value) WITHOUT ROWID;

-- The names of models (`kind` 0), and the contexts of responses as JSON (`kind` 1).
CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, kind, name);

-- The sessions, with the results of `reconcile`.
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY,
    name,
    directory,
    directory_at,
    lineage INTEGER,
    is_dirty,
    -- A `SessionBreakdown` as JSON.
    breakdown
);
-- Finds the sessions that must be reconciled, and the sessions of a lineage. Queries for a lineage name both values of
-- `is_dirty`, because the index begins with it.
CREATE INDEX IF NOT EXISTS sessions_by_lineage ON sessions (is_dirty, lineage);

-- The transcripts, and how far they have been read.
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY,
    path,
    session INTEGER,
    is_main,
    offset,
    mark,
    size,
    modified,
    last_at,
    newest_at,
    last_response,
    unreadable,
    damaged_after,
    -- The value of `FACTS` when the whole transcript was last read.
    facts,
    -- A `Fallback` as JSON.
    fallback
);
CREATE INDEX IF NOT EXISTS files_by_session ON files (session);

-- The responses, each with the location of its first line. Only the owner, the usage, and the price change later.
CREATE TABLE IF NOT EXISTS responses (
    key INTEGER PRIMARY KEY,
    session INTEGER,
    at,
    model INTEGER,
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
    requested INTEGER,
    file INTEGER,
    offset,
    source
);
CREATE INDEX IF NOT EXISTS responses_by_session ON responses (session, at);

-- All other facts about spend. `kind` is 0 for a copy of a response, 1 for a compaction, 2 for a checkpoint, 3 for an
-- ownership marker, 4 for a pull request, 5 for damage, and 6 for an event of a run. `FactKind` explains `key` and
-- `detail`. The place of a fact is a transcript, and its position the offset of the line. The place of an event is its
-- session, and its position a number.
CREATE TABLE IF NOT EXISTS facts (
    place INTEGER,
    kind,
    position,
    key INTEGER,
    at,
    flags,
    source,
    detail,
    PRIMARY KEY (place, kind, position)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS facts_by_key ON facts (kind, key, position);

-- The facts about limits. A fact that changes what holds for a session or for the machine names it in `state_of`, which is
-- empty for all other facts. `session` is null for a fact about the machine, and `key` is a hash of the last three columns.
CREATE TABLE IF NOT EXISTS limit_facts (
    state_of,
    at,
    key,
    session,
    source,
    event,
    PRIMARY KEY (state_of, at, key)
) WITHOUT ROWID;

-- Sums of spend, including the spend that no transcript line reports, and the numbers of lower bounds. `level` 0 has a row
-- for each quarter of an hour, session, model, and requested model (0 if the requested model responded). Level 1 has a row
-- for each quarter of an hour, level 2 one for each day in UTC, and level 3 one for each session. The status line adds up
-- a month from a few of these rows, however many sessions there are.
CREATE TABLE IF NOT EXISTS sums (
    level,
    start,
    session INTEGER,
    model INTEGER,
    requested INTEGER,
    recorded,
    responses,
    unpriced,
    input,
    output,
    cache_read,
    cache_write,
    cache_write_1h,
    web_searches,
    unrecorded,
    pending,
    bounds,
    PRIMARY KEY (level, start, session, model, requested)
) WITHOUT ROWID;
