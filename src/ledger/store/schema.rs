//! The tables of the ledger.
//!
//! No prompt and no answer is ever stored: names of sessions, models, directories, branches and
//! agents, counts, times and amounts only. Amounts are pico-dollars, times milliseconds since 1970 unless named
//! otherwise. A "quarter" is a quarter of an hour since 1970: every time zone of our days starts
//! its days on one, so sums by quarter are exact sums by local day.

use std::collections::BTreeMap;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Result, TransactionBehavior};
use serde_json::Value;

use crate::ledger::facts::id_of;

/// The version that this program writes; raised with every change of [`TABLES`].
const VERSION: i64 = 11;

/// It did not know which model an answer was asked of: its transcripts are read again for that.
const WITHOUT_SWITCHES: i64 = 9;
const READ_FOR_SWITCHES: &str = "UPDATE file SET bytes_read = 0, mark = 0, size = 0, modified = 0, last_at = NULL, newest_at = NULL, last_response = 0, unreadable = 0;";

/// It did not keep of whom there may be more: it took those for it whose draws came at odd times.
const WITHOUT_DOUBTS: i64 = 10;
const DOUBTS: &str = "ALTER TABLE process ADD COLUMN unclear INTEGER; UPDATE process SET unclear = began_late - began > 60000;";

/// The oldest whose facts are taken over: there was no release yet, and one that is older still is
/// filled anew. It took one process for several: what they drew is kept once a session, and all
/// transcripts are read again, for what they say of ends and of advice. What it knew of transcripts
/// that are gone stays.
const ONE_PROCESS_AS_SEVERAL: i64 = 7;
const READ_AGAIN: &str = "
DELETE FROM old_meta WHERE name = 'priced by';
CREATE TEMP TABLE spent_before AS SELECT quarter, cost FROM old_quarter UNION ALL SELECT quarter, cost FROM old_unrecorded UNION ALL SELECT quarter, cost FROM old_unwritten;
INSERT OR REPLACE INTO old_meta SELECT 'spent before', CAST(total(cost) AS INTEGER) FROM spent_before UNION ALL SELECT 'spent until', max(quarter) FROM spent_before;
DROP TABLE temp.spent_before;
ALTER TABLE old_response ADD COLUMN advice TEXT;
UPDATE old_file SET bytes_read = 0, mark = 0, size = 0, modified = 0, last_at = NULL, newest_at = NULL, last_response = 0, unreadable = 0;
ALTER TABLE old_cost_state ADD COLUMN after INTEGER;
CREATE TEMP TABLE one_told AS SELECT session, -at AS process, max(total) AS total, grown, grown AS unwritten, rate, at, abs(origin) AS began, abs(origin) AS began_late, run_ms, model FROM old_told GROUP BY session;
DROP TABLE old_told;
ALTER TABLE temp.one_told RENAME TO old_told;";
const TAKE_OVER: &str = include_str!("take_over.sql");

/// The text carries no comments and no needless spaces: SQLite keeps it as it is and parses it at
/// every open. Types are needed: without them a number of one column finds no index of another. What the
/// columns mean:
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
/// - `cost_state`: running totals of the client; `models`: see `transcript_files.rs`.
/// - `quarter`: sums of `response`, kept in step with it. `unrecorded`: derived; one that is 0 or negative: so
///   much, or more. `process`, `unwritten`: what processes drew, and what of it no file has; see
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
CREATE TABLE process(session INTEGER,id INTEGER,total INTEGER,grown INTEGER,unwritten INTEGER,rate INTEGER,at INTEGER,began INTEGER,began_late INTEGER,run_ms INTEGER,model INTEGER,unclear INTEGER,PRIMARY KEY(session,id))WITHOUT ROWID;
CREATE TABLE unwritten(session INTEGER,quarter INTEGER,model INTEGER,cost INTEGER,PRIMARY KEY(session,quarter,model))WITHOUT ROWID;";

const SWITCHED: &str = "CREATE TABLE switched(key INTEGER PRIMARY KEY,asked INTEGER);";

/// Makes the tables in a new ledger. One that has them is only read. False for one that a newer whycap
/// made: this one must not touch it.
///
/// `is_to_be_filled`: a first reading follows. It writes each page once, instead of to the log and
/// from there to the file, and flushes nothing to disk: a ledger that holds nothing yet has nothing
/// to lose. [`use_log`] ends that.
pub(crate) fn make_or_check(connection: &mut Connection, is_to_be_filled: bool) -> Result<bool> {
    if let Some(is_ours) = is_ours(connection)? {
        return Ok(is_ours);
    }
    if is_to_be_filled && version(connection)? == 0 {
        connection.pragma_update(None, "synchronous", "OFF")?;
    } else {
        use_log(connection)?;
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done the work while we waited for the write lock.
    if let Some(is_ours) = is_ours(&transaction)? {
        return Ok(is_ours);
    }
    let found = version(&transaction)?;
    match found {
        0 => transaction.execute_batch(TABLES)?,
        WITHOUT_SWITCHES | WITHOUT_DOUBTS => transaction.execute_batch(DOUBTS)?,
        _ => take_over(&transaction, found)?,
    }
    if found == WITHOUT_SWITCHES {
        transaction.execute_batch(READ_FOR_SWITCHES)?;
    }
    if found != WITHOUT_DOUBTS {
        transaction.execute_batch(SWITCHED)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(true)
}

/// From here on changes go into a log beside the file, so that who writes and who reads do not wait
/// for each other; what the file holds by then is flushed to disk.
pub(crate) fn use_log(connection: &Connection) -> Result<()> {
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")
}

/// Brings a ledger of an older version into today's tables.
fn take_over(connection: &Connection, version: i64) -> Result<()> {
    let hash = |context: &Context<'_>| Ok(id_of(context.get_raw(0).as_bytes()?));
    connection.create_scalar_function("id_of", 1, FunctionFlags::SQLITE_DETERMINISTIC, hash)?;
    let by_id = |context: &Context<'_>| {
        let parts: BTreeMap<String, Value> =
            serde_json::from_str(&context.get::<String>(0)?).unwrap_or_default();
        let parts = parts.into_iter();
        let parts = parts.map(|(name, part)| (id_of(name.as_bytes()).to_string(), part));
        Ok(Value::Object(parts.collect()).to_string())
    };
    connection.create_scalar_function("by_id", 1, FunctionFlags::SQLITE_DETERMINISTIC, by_id)?;
    let query = "SELECT type, name FROM sqlite_schema WHERE sql NOT NULL ORDER BY type";
    let mut parts = connection.prepare(query)?;
    let parts = parts.query_map([], |row| row.try_into())?;
    let parts = parts.collect::<Result<Vec<(String, String)>>>()?;
    for (kind, name) in &parts {
        connection.execute_batch(&match kind.as_str() {
            "index" => format!("DROP INDEX \"{name}\""),
            _ => format!("ALTER TABLE \"{name}\" RENAME TO \"old_{name}\""),
        })?;
    }
    if version == ONE_PROCESS_AS_SEVERAL {
        connection.execute_batch(READ_AGAIN)?;
    }
    connection.execute_batch(TABLES)?;
    connection.execute_batch(TAKE_OVER)?;
    for (_, name) in parts.iter().filter(|(kind, _)| kind == "table") {
        connection.execute_batch(&format!("DROP TABLE \"old_{name}\""))?;
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Whether it has today's tables, or those of a newer whycap. None for a file that is new, or whose
/// facts are to be taken over.
fn is_ours(connection: &Connection) -> Result<Option<bool>> {
    match version(connection)? {
        0 | ONE_PROCESS_AS_SEVERAL..VERSION => Ok(None),
        found @ VERSION.. => Ok(Some(found == VERSION)),
        found => Err(rusqlite::Error::IntegralValueOutOfRange(0, found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_ledger_is_given_tables() {
        for (version, expected) in [
            (0, Some(true)),
            (VERSION, Some(true)),
            (VERSION + 1, Some(false)),
            (ONE_PROCESS_AS_SEVERAL - 1, None),
        ] {
            let mut connection = Connection::open_in_memory().unwrap();
            connection
                .pragma_update(None, "user_version", version)
                .unwrap();
            assert_eq!(make_or_check(&mut connection, false).ok(), expected);
            let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
            let found: i64 = connection.query_row(tables, [], |row| row.get(0)).unwrap();
            assert_eq!(found > 0, version == 0);
        }
    }

    #[test]
    fn a_ledger_that_is_to_be_filled_gets_its_log_when_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let mode = |connection: &Connection| -> String {
            let query = "PRAGMA journal_mode";
            connection.query_row(query, [], |row| row.get(0)).unwrap()
        };
        for is_to_be_filled in [true, false] {
            let path = directory.path().join(format!("{is_to_be_filled}"));
            let mut connection = Connection::open(path).unwrap();
            make_or_check(&mut connection, is_to_be_filled).unwrap();
            assert_eq!(mode(&connection) == "wal", !is_to_be_filled);
            use_log(&connection).unwrap();
            assert_eq!(mode(&connection), "wal");
        }
    }

    const VERSION_8: &str = include_str!("../../../tests/data/ledgers/version-8.sql");

    /// What made a ledger of version 8 one of version 7.
    const VERSION_7: &str = "DROP TABLE told; DROP TABLE cost_state;
        CREATE TABLE cost_state(file INTEGER,position INTEGER,session INTEGER,started INTEGER,total INTEGER,run_ms INTEGER,api_ms INTEGER,unknown INTEGER,before INTEGER,came_from INTEGER,since INTEGER,asked INTEGER,models TEXT,PRIMARY KEY(file,position))WITHOUT ROWID;
        CREATE TABLE told(session INTEGER,origin INTEGER,total INTEGER,grown INTEGER,rate INTEGER,at INTEGER,run_ms INTEGER,model INTEGER,PRIMARY KEY(session,origin))WITHOUT ROWID;
        INSERT INTO cost_state VALUES (1,9,1,5,200,30,1,0,8,3,2,1,'{}');
        INSERT INTO told VALUES (1,1000,180,180,1000000,11400,10400,1), (1,2100,200,200,1000000,22500,20400,1);
        ALTER TABLE response DROP COLUMN advice;
        PRAGMA user_version = 7;";

    fn taken_over(older: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        for statements in older {
            connection.execute_batch(statements).unwrap();
        }
        assert!(make_or_check(&mut connection, false).unwrap());
        let old = "SELECT 1 FROM sqlite_schema WHERE name LIKE 'old%'";
        assert!(!connection.prepare(old).unwrap().exists([]).unwrap());
        connection
    }

    fn one(connection: &Connection, query: &str) -> i64 {
        let read = connection.query_row(query, [], |row| row.get(0));
        read.unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    #[test]
    fn an_older_ledger_is_taken_over_and_loses_nothing() {
        let ledger = taken_over(&[VERSION_8]);
        let id = |name: &str| id_of(name.as_bytes());
        let (parent, fork, opus) = (id("parent"), id("fork"), id("claude-opus-5-5"));
        for (query, expected) in [
            ("SELECT id FROM session WHERE name = 'fork'", fork),
            ("SELECT parent FROM session WHERE name = 'fork'", parent),
            ("SELECT family FROM session WHERE name = 'fork'", parent),
            ("SELECT session FROM response WHERE key = 1234", parent),
            ("SELECT model FROM response WHERE key = 1234", opus),
            ("SELECT file FROM response WHERE key = 1234", id("a")),
            ("SELECT session FROM file WHERE path = x'62'", fork),
            ("SELECT bytes_read FROM file WHERE path = x'62'", 600),
            ("SELECT copied_from FROM place WHERE key = 1234", parent),
            ("SELECT file FROM place WHERE key = 55", id("a")),
            ("SELECT tokens FROM compaction WHERE key = 55", 1000),
            ("SELECT at FROM mark WHERE key = 99", 25),
            ("SELECT position FROM mark WHERE key = 0", 20),
            ("SELECT total FROM cost_state", 50),
            ("SELECT sum(cost) FROM quarter", 40),
            ("SELECT cost FROM unrecorded", 10),
            ("SELECT session FROM process", fork),
            ("SELECT cost FROM unwritten", 180),
        ] {
            assert_eq!(one(&ledger, query), expected, "{query}");
        }
        let parts = format!("{{\"{opus}\":[50,[1,2,3,4,0,0],true]}}");
        let read = "SELECT models FROM cost_state";
        let models: String = ledger.query_row(read, [], |row| row.get(0)).unwrap();
        assert_eq!(models, parts);
    }

    #[test]
    fn a_ledger_that_knew_no_switches_reads_its_transcripts_again() {
        let earlier =
            "DROP TABLE switched; ALTER TABLE process DROP COLUMN unclear; PRAGMA user_version = 9;
            INSERT INTO file(id, bytes_read, size) VALUES (1, 600, 600);";
        let ledger = taken_over(&[TABLES, SWITCHED, earlier]);
        for (query, expected) in [
            ("SELECT sum(bytes_read) FROM file", 0),
            ("SELECT count(*) FROM switched", 0),
        ] {
            assert_eq!(one(&ledger, query), expected, "{query}");
        }
    }

    #[test]
    fn a_ledger_that_kept_no_doubts_takes_them_from_odd_times_and_reads_nothing_again() {
        let earlier = "ALTER TABLE process DROP COLUMN unclear; PRAGMA user_version = 10;
            INSERT INTO file(id, bytes_read) VALUES (1, 600);
            INSERT INTO switched VALUES (7, 8);
            INSERT INTO process(session, id, total, began, began_late) VALUES (1, 5, 20, 1000, 61001), (2, 6, 30, 1000, 61000);";
        let ledger = taken_over(&[TABLES, SWITCHED, earlier]);
        for (query, expected) in [
            ("SELECT session FROM process WHERE unclear", 1),
            ("SELECT sum(total) FROM process", 50),
            ("SELECT bytes_read FROM file", 600),
            ("SELECT asked FROM switched", 8),
            ("PRAGMA user_version", VERSION),
        ] {
            assert_eq!(one(&ledger, query), expected, "{query}");
        }
    }

    #[test]
    fn a_ledger_that_took_one_process_for_several_is_renewed_and_loses_nothing() {
        let ledger = taken_over(&[VERSION_8, VERSION_7]);
        for (query, expected) in [
            ("SELECT count(*) FROM process", 1),
            (
                "SELECT grown FROM process WHERE began = 2100 AND id < 0",
                200,
            ),
            ("SELECT total FROM cost_state WHERE after IS NULL", 200),
            ("SELECT sum(bytes_read) FROM file", 0),
            ("SELECT value FROM meta WHERE name = 'spent before'", 230),
            ("SELECT value FROM meta WHERE name = 'spent until'", 1),
        ] {
            assert_eq!(one(&ledger, query), expected, "{query}");
        }
    }
}
