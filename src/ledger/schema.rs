//! The tables of the ledger and how older ones become today's.
//!
//! No prompt and no answer is ever stored: names of sessions, models and directories, counts,
//! times and amounts only. Amounts are pico-dollars, times milliseconds since 1970 unless named
//! otherwise. A "quarter" is a quarter of an hour since 1970: every time zone of our days starts
//! its days on one, so sums by quarter are exact sums by local day.

use rusqlite::{Connection, TransactionBehavior};

/// One step from a version to the next. A newcomer appends a step and changes none.
const MIGRATIONS: [&str; 1] = [
    // 1: first version.
    "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE session (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        project TEXT,                  -- the directory it worked in
        parent TEXT,                   -- the session it was forked from
        parent_at INTEGER,             -- time of the newest line copied from there
        recorded INTEGER NOT NULL DEFAULT 0,
        unrecorded INTEGER NOT NULL DEFAULT 0,
        unpriced INTEGER NOT NULL DEFAULT 0    -- responses without a known price
    );
    CREATE TABLE model (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE response (
        key INTEGER PRIMARY KEY,       -- hash of message id and request id
        at INTEGER NOT NULL,
        session INTEGER NOT NULL,
        model INTEGER NOT NULL,
        flags INTEGER NOT NULL,
        input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        cache_read INTEGER NOT NULL,
        cache_write INTEGER NOT NULL,
        cache_write_1h INTEGER NOT NULL,
        web_searches INTEGER NOT NULL,
        calls TEXT,                    -- calls of a tool loop, where they decide the price
        cost INTEGER NOT NULL
    );
    CREATE INDEX response_by_session ON response (session);
    CREATE TABLE quarter (             -- sums of response, kept in step with it
        quarter INTEGER NOT NULL,
        session INTEGER NOT NULL,
        model INTEGER NOT NULL,
        responses INTEGER NOT NULL,
        unpriced INTEGER NOT NULL,
        input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        cache_read INTEGER NOT NULL,
        cache_write INTEGER NOT NULL,
        cache_write_1h INTEGER NOT NULL,
        web_searches INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        PRIMARY KEY (quarter, session, model)
    ) WITHOUT ROWID;
    CREATE TABLE unrecorded (          -- derived from cost_state, see unrecorded.rs
        quarter INTEGER NOT NULL,
        session INTEGER NOT NULL,
        model INTEGER NOT NULL,
        cost INTEGER NOT NULL,
        PRIMARY KEY (quarter, session, model)
    ) WITHOUT ROWID;
    CREATE INDEX unrecorded_by_session ON unrecorded (session);
    CREATE TABLE file (
        id INTEGER PRIMARY KEY,
        path BLOB NOT NULL UNIQUE,
        bytes_read INTEGER NOT NULL,
        mark INTEGER NOT NULL,
        size INTEGER NOT NULL,
        modified INTEGER NOT NULL,     -- nanoseconds
        last_at INTEGER,
        open_cost_state INTEGER,
        unreadable INTEGER NOT NULL
    );
    CREATE TABLE cost_state (
        file INTEGER NOT NULL,
        position INTEGER NOT NULL,
        session INTEGER NOT NULL,
        started INTEGER NOT NULL,
        total INTEGER NOT NULL,
        before INTEGER,                -- time of the last line before it
        after INTEGER,                 -- time of the first line after it
        models TEXT NOT NULL,
        PRIMARY KEY (file, position)
    ) WITHOUT ROWID;
    CREATE INDEX cost_state_by_session ON cost_state (session);
    CREATE INDEX cost_state_by_start ON cost_state (started);
    ",
];

/// The version that this program writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What became of a ledger on opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It has today's tables.
    Current,
    /// A newer whycap made it; this one must not touch it.
    Newer,
}

/// Brings the tables up to date, in one transaction. A current ledger is only read.
pub(super) fn bring_up_to_date(connection: &mut Connection) -> rusqlite::Result<Shape> {
    let version = |connection: &Connection| {
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
    };
    match version(connection)? {
        VERSION => return Ok(Shape::Current),
        found if found > VERSION => return Ok(Shape::Newer),
        _ => {}
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done the work while we waited for the write lock.
    let found = version(&transaction)?;
    for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(Shape::Current)
}
