//! The tables of the ledger and how older ones become today's.
//!
//! No prompt and no answer is ever stored: names of sessions, models and directories, counts,
//! times and amounts only. Amounts are pico-dollars, times milliseconds since 1970 unless named
//! otherwise. A "quarter" is a quarter of an hour since 1970: every time zone of our days starts
//! its days on one, so sums by quarter are exact sums by local day.

use rusqlite::{Connection, TransactionBehavior};

/// One step from a version to the next. A newcomer appends a step, changes none, and raises
/// [`VERSION`].
///
/// The text carries no comments and no needless spaces: SQLite keeps it as it is and parses it at
/// every open. What the columns mean:
/// - `session.project`: the directory it worked in; `parent`, `parent_at`: the session it was
///   forked from and the time of the newest line copied from there; `recorded`, `unrecorded`,
///   `unpriced`: sums of its responses, kept in step; `client_total`, `client_total_at`: the
///   client's own live total as the status line was last told, and when.
/// - `response.key`: hash of message id and request id; `flags`: see `commit::flag`; `calls`: the
///   calls of a tool loop, where they decide the price.
/// - `quarter`: sums of `response`, kept in step with it. `unrecorded`: derived from `cost_state`,
///   see `unrecorded.rs`.
/// - `file.bytes_read` to `unreadable`: a `transcript::reader::Progress`; `modified` in nanoseconds.
/// - `directory.changed`: nanoseconds; `names`: see `directories.rs`.
/// - `cost_state.before`, `after`: times of the lines around it; `models`: see `commit.rs`.
const MIGRATIONS: [&str; 2] = [
    // 1: first version.
    "CREATE TABLE meta(name TEXT PRIMARY KEY,value INTEGER)WITHOUT ROWID;
CREATE TABLE session(id INTEGER PRIMARY KEY,name TEXT UNIQUE,project TEXT,parent TEXT,parent_at INTEGER,recorded INTEGER DEFAULT 0,unrecorded INTEGER DEFAULT 0,unpriced INTEGER DEFAULT 0,client_total INTEGER,client_total_at INTEGER);
CREATE TABLE model(id INTEGER PRIMARY KEY,name TEXT UNIQUE);
CREATE TABLE response(key INTEGER PRIMARY KEY,at INTEGER,session INTEGER,model INTEGER,flags INTEGER,input INTEGER,output INTEGER,cache_read INTEGER,cache_write INTEGER,cache_write_1h INTEGER,web_searches INTEGER,calls TEXT,cost INTEGER);
CREATE INDEX response_by_session ON response(session);
CREATE TABLE quarter(quarter INTEGER,session INTEGER,model INTEGER,responses INTEGER,unpriced INTEGER,input INTEGER,output INTEGER,cache_read INTEGER,cache_write INTEGER,cache_write_1h INTEGER,web_searches INTEGER,cost INTEGER,PRIMARY KEY(quarter,session,model))WITHOUT ROWID;
CREATE TABLE unrecorded(quarter INTEGER,session INTEGER,model INTEGER,cost INTEGER,PRIMARY KEY(quarter,session,model))WITHOUT ROWID;
CREATE INDEX unrecorded_by_session ON unrecorded(session);
CREATE TABLE file(id INTEGER PRIMARY KEY,path BLOB UNIQUE,bytes_read INTEGER,mark INTEGER,size INTEGER,modified INTEGER,last_at INTEGER,open_cost_state INTEGER,unreadable INTEGER);
CREATE TABLE cost_state(file INTEGER,position INTEGER,session INTEGER,started INTEGER,total INTEGER,before INTEGER,after INTEGER,models TEXT,PRIMARY KEY(file,position))WITHOUT ROWID;
CREATE INDEX cost_state_by_session ON cost_state(session);
CREATE INDEX cost_state_by_start ON cost_state(started);",
    // 2: what directories hold.
    "CREATE TABLE directory(path BLOB PRIMARY KEY,inode INTEGER,changed INTEGER,names BLOB)WITHOUT ROWID;",
];

/// The version that this program writes.
pub(super) const VERSION: i64 = 2;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_of_any_earlier_version_becomes_todays() {
        for earlier in 0..MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            for step in &MIGRATIONS[..earlier] {
                connection.execute_batch(step).unwrap();
            }
            let version = i64::try_from(earlier).unwrap();
            connection
                .pragma_update(None, "user_version", version)
                .unwrap();
            assert_eq!(bring_up_to_date(&mut connection).unwrap(), Shape::Current);
            let tables = "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name)";
            let found: String = connection.query_row(tables, [], |row| row.get(0)).unwrap();
            assert_eq!(
                found,
                "cost_state,directory,file,meta,model,quarter,response,session,unrecorded"
            );
        }
    }

    #[test]
    fn a_ledger_of_a_newer_version_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection
            .pragma_update(None, "user_version", VERSION + 1)
            .unwrap();
        assert_eq!(bring_up_to_date(&mut connection).unwrap(), Shape::Newer);
    }

    #[test]
    fn the_version_counts_the_steps() {
        assert_eq!(usize::try_from(VERSION), Ok(MIGRATIONS.len()));
    }
}
