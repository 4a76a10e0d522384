//! The tables of the ledger.
//!
//! No prompt and no answer is ever stored: names of sessions, models, directories, branches and
//! agents, counts, times and amounts only. Amounts are pico-dollars, times milliseconds since 1970 unless named
//! otherwise. A "quarter" is a quarter of an hour since 1970: every time zone of our days starts
//! its days on one, so sums by quarter are exact sums by local day.

use rusqlite::{Connection, TransactionBehavior};

/// The version that this program writes; raised with every change of [`TABLES`].
const VERSION: i64 = 11;

/// The text carries no comments and no needless spaces: SQLite keeps it as it is and parses it at
/// every open. What the columns mean:
/// - ids of sessions, models, files and scenes: hashes of their names.
/// - `session.family`: the same for all sessions that have to do with each other; `directory`,
///   `witness`: where it worked, and who says so; `recorded`, `unpriced`: sums of its responses,
///   kept in step. The rest is derived from its family, see `families.rs`: `unrecorded`; `in_runs`,
///   `beyond`, `until`: what its runs say; `parent`: the session it was forked from. `before_draws`: see
///   `processes.rs`.
/// - `file.bytes_read` to `unreadable`: a `ReadPosition`; `modified` in nanoseconds.
/// - `response`: an `Answer`, with the first place where it was seen. Kept session by session: keys
///   are hashes, and would scatter a reading over the whole table. `place`: where else answers, and
///   where compactions stand.
/// - `switched`: the model that an answer was asked of, where another one gave it.
/// - `mark`: lines that tell whose others are.
/// - `cost_state`: running totals of the client; `models`: see `totals.rs`.
/// - `quarter`: sums of `response`, kept in step with it. `unrecorded`: derived; a cost of 0 says that there
///   may be some. `process`, `unwritten`: what processes drew, and what of it no file has; see
///   `processes.rs`.
const TABLES: &str = "CREATE TABLE meta(name TEXT PRIMARY KEY,value INTEGER)WITHOUT ROWID;
CREATE TABLE session(id INTEGER PRIMARY KEY,name TEXT,family INTEGER,directory TEXT,witness INTEGER,recorded INTEGER DEFAULT 0,unpriced INTEGER DEFAULT 0,unrecorded INTEGER DEFAULT 0,in_runs INTEGER DEFAULT 0,beyond INTEGER DEFAULT 0,until INTEGER,parent INTEGER,before_draws INTEGER);
CREATE INDEX session_by_family ON session(family);
CREATE TABLE model(id INTEGER PRIMARY KEY,name TEXT);
CREATE TABLE scene(id INTEGER PRIMARY KEY,branch TEXT,agent TEXT);
CREATE TABLE file(id INTEGER PRIMARY KEY,path BLOB,session INTEGER,bytes_read INTEGER,mark INTEGER,size INTEGER,modified INTEGER,last_at INTEGER,newest_at INTEGER,last_response INTEGER,unreadable INTEGER);
CREATE INDEX file_by_session ON file(session);
CREATE TABLE response(key INTEGER,at INTEGER,session INTEGER,model INTEGER,flags INTEGER,input INTEGER,output INTEGER,cache_read INTEGER,cache_write INTEGER,cache_write_1h INTEGER,web_searches INTEGER,calls TEXT,cost INTEGER,file INTEGER,position INTEGER,copied_from INTEGER,scene INTEGER,advice TEXT,PRIMARY KEY(session,at,key))WITHOUT ROWID;
CREATE UNIQUE INDEX response_by_key ON response(key);
CREATE TABLE place(file INTEGER,key INTEGER,position INTEGER,late INTEGER,copied_from INTEGER,PRIMARY KEY(file,key))WITHOUT ROWID;
CREATE INDEX place_by_key ON place(key);
CREATE TABLE mark(key INTEGER,file INTEGER,position INTEGER,at INTEGER,PRIMARY KEY(key,file))WITHOUT ROWID;
CREATE INDEX mark_by_file ON mark(file);
CREATE TABLE compaction(key INTEGER PRIMARY KEY,at INTEGER,tokens INTEGER);
CREATE TABLE cost_state(file INTEGER,position INTEGER,session INTEGER,started INTEGER,total INTEGER,run_ms INTEGER,api_ms INTEGER,unknown INTEGER,before INTEGER,after INTEGER,models TEXT,PRIMARY KEY(file,position))WITHOUT ROWID;
CREATE INDEX cost_state_by_session ON cost_state(session);
CREATE INDEX cost_state_by_start ON cost_state(started);
CREATE TABLE quarter(quarter INTEGER,session INTEGER,model INTEGER,responses INTEGER,unpriced INTEGER,input INTEGER,output INTEGER,cache_read INTEGER,cache_write INTEGER,cache_write_1h INTEGER,web_searches INTEGER,cost INTEGER,PRIMARY KEY(quarter,session,model))WITHOUT ROWID;
CREATE TABLE unrecorded(quarter INTEGER,session INTEGER,model INTEGER,cost INTEGER,PRIMARY KEY(quarter,session,model))WITHOUT ROWID;
CREATE INDEX unrecorded_by_session ON unrecorded(session);
CREATE TABLE process(session INTEGER,id INTEGER,total INTEGER,grown INTEGER,unwritten INTEGER,rate INTEGER,at INTEGER,began INTEGER,began_late INTEGER,run_ms INTEGER,model INTEGER,PRIMARY KEY(session,id))WITHOUT ROWID;
CREATE TABLE unwritten(session INTEGER,quarter INTEGER,model INTEGER,cost INTEGER,PRIMARY KEY(session,quarter,model))WITHOUT ROWID;
CREATE TABLE switched(key INTEGER PRIMARY KEY,asked INTEGER);";

/// What was found on opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// It has today's tables.
    Current,
    /// A newer whycap made it; this one must not touch it.
    Newer,
    /// It was made before the first release.
    Older,
}

/// Makes the tables in a new ledger. One that has them is only read.
pub(crate) fn make_or_check(connection: &mut Connection) -> rusqlite::Result<SchemaState> {
    if let Some(state) = state(connection)? {
        return Ok(state);
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done the work while we waited for the write lock.
    if let Some(state) = state(&transaction)? {
        return Ok(state);
    }
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(SchemaState::Current)
}

/// None for a file that is new.
fn state(connection: &Connection) -> rusqlite::Result<Option<SchemaState>> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(match version {
        0 => None,
        VERSION => Some(SchemaState::Current),
        ..VERSION => Some(SchemaState::Older),
        _ => Some(SchemaState::Newer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_ledger_is_given_tables() {
        for (version, expected) in [
            (0, SchemaState::Current),
            (VERSION, SchemaState::Current),
            (VERSION + 1, SchemaState::Newer),
            (VERSION - 1, SchemaState::Older),
        ] {
            let mut connection = Connection::open_in_memory().unwrap();
            connection
                .pragma_update(None, "user_version", version)
                .unwrap();
            assert_eq!(make_or_check(&mut connection).unwrap(), expected);
            let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
            let found: i64 = connection.query_row(tables, [], |row| row.get(0)).unwrap();
            assert_eq!(found > 0, version == 0);
        }
    }
}
