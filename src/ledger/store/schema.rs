//! The tables of the ledger.
//!
//! No prompt and no answer is ever stored: names of sessions, models, directories, branches and
//! agents, counts, times and amounts only. Amounts are pico-dollars, times milliseconds since 1970 unless named
//! otherwise. A "quarter" is a quarter of an hour since 1970: every time zone of our days starts
//! its days on one, so sums by quarter are exact sums by local day.

use rusqlite::{Connection, TransactionBehavior};

/// The version that this program writes; raised with every change of [`TABLES`]. There was no
/// release yet, so an older ledger than that of [`RENEWED`] is not brought up to date but filled anew.
const VERSION: i64 = 8;

/// The version before took one process for several. What it was told is kept once a session; all
/// transcripts are read again, for what they say of ends and of advice, and all follows anew. What
/// it knew of transcripts that are gone stays.
const RENEWED: i64 = 7;
const RENEW: &str = "
DELETE FROM meta WHERE name = 'priced by';
INSERT OR REPLACE INTO meta SELECT 'hidden before', coalesce((SELECT sum(cost) FROM unrecorded), 0) + coalesce((SELECT sum(cost) FROM unwritten), 0);
ALTER TABLE response ADD COLUMN advice TEXT;
UPDATE file SET bytes_read = 0, mark = 0, size = 0, modified = 0, last_at = NULL, newest_at = NULL, last_response = 0, unreadable = 0;
ALTER TABLE cost_state RENAME TO old_total;
DROP INDEX cost_state_by_session;
DROP INDEX cost_state_by_start;
ALTER TABLE told RENAME TO old_told;";
const REFILL: &str = "
INSERT INTO cost_state SELECT file, position, session, started, total, run_ms, api_ms, unknown, before, NULL, models FROM old_total;
INSERT INTO told SELECT session, -at, max(total), grown, grown, rate, at, abs(origin), abs(origin), run_ms, model FROM old_told GROUP BY session;
DROP TABLE old_total;
DROP TABLE old_told;";

/// The text carries no comments and no needless spaces: SQLite keeps it as it is and parses it at
/// every open. What the columns mean:
/// - `session.family`: the same for all sessions that have to do with each other; `project`,
///   `project_rank`: the directory it worked in, by the line with the lowest rank; `recorded`,
///   `unpriced`: sums of its responses, kept in step. The rest is derived from its family, see
///   `family.rs`: `unrecorded`; `in_runs`, `beyond`, `until`: what its runs say; `parent`: the
///   session it was forked from. `untold`: see `told.rs`.
/// - `file.bytes_read` to `unreadable`: a `ReadPosition`; `modified` in nanoseconds; `queue`,
///   `queue_at`: its first `queue-operation`.
/// - `response.key`: hash of message id and request id; `session`: its owner; `flags`: see
///   `responses.rs`; `calls`: the calls of a tool loop, where they decide the price; `advice`: what other models were served for it; `file`,
///   `position`, `names`: where it was seen first, and whom that line names as its source. Kept
///   session by session: keys are hashes, and would scatter a reading over the whole table.
///   `scene`: branch and agent, by a hash of them that `scene` has too.
///   `copy`: where else it was seen.
/// - `snapshot`, `compaction`: lines that tell whose the others are, with what copies keep of them.
/// - `cost_state`: running totals of the client; `models`: see `totals.rs`.
/// - `quarter`: sums of `response`, kept in step with it. `unrecorded`: derived; a cost of 0 says that there
///   may be some. `told`,
///   `unwritten`: what the status line was told by which process, and what of it no file has; see `told.rs`.
const TABLES: &str = "CREATE TABLE meta(name TEXT PRIMARY KEY,value INTEGER)WITHOUT ROWID;
CREATE TABLE session(id INTEGER PRIMARY KEY,name TEXT UNIQUE,family INTEGER,project TEXT,project_rank INTEGER,recorded INTEGER DEFAULT 0,unpriced INTEGER DEFAULT 0,unrecorded INTEGER DEFAULT 0,in_runs INTEGER DEFAULT 0,beyond INTEGER DEFAULT 0,until INTEGER,parent INTEGER,untold INTEGER);
CREATE INDEX session_by_family ON session(family);
CREATE TABLE model(id INTEGER PRIMARY KEY,name TEXT UNIQUE);
CREATE TABLE scene(id INTEGER PRIMARY KEY,branch TEXT,agent TEXT);
CREATE TABLE file(id INTEGER PRIMARY KEY,path BLOB UNIQUE,session INTEGER,bytes_read INTEGER,mark INTEGER,size INTEGER,modified INTEGER,last_at INTEGER,newest_at INTEGER,last_response INTEGER,unreadable INTEGER,queue INTEGER,queue_at INTEGER);
CREATE INDEX file_by_session ON file(session);
CREATE TABLE response(key INTEGER,at INTEGER,session INTEGER,model INTEGER,flags INTEGER,input INTEGER,output INTEGER,cache_read INTEGER,cache_write INTEGER,cache_write_1h INTEGER,web_searches INTEGER,calls TEXT,cost INTEGER,file INTEGER,position INTEGER,names INTEGER,scene INTEGER,advice TEXT,PRIMARY KEY(session,at,key))WITHOUT ROWID;
CREATE UNIQUE INDEX response_by_key ON response(key);
CREATE TABLE copy(file INTEGER,key INTEGER,position INTEGER,late INTEGER,names INTEGER,PRIMARY KEY(file,key))WITHOUT ROWID;
CREATE INDEX copy_by_key ON copy(key);
CREATE TABLE snapshot(key INTEGER,file INTEGER,position INTEGER,at INTEGER,PRIMARY KEY(key,file))WITHOUT ROWID;
CREATE INDEX snapshot_by_file ON snapshot(file);
CREATE TABLE compaction(key INTEGER,file INTEGER,position INTEGER,late INTEGER,names INTEGER,at INTEGER,tokens INTEGER,PRIMARY KEY(key,file))WITHOUT ROWID;
CREATE INDEX compaction_by_file ON compaction(file);
CREATE TABLE cost_state(file INTEGER,position INTEGER,session INTEGER,started INTEGER,total INTEGER,run_ms INTEGER,api_ms INTEGER,unknown INTEGER,before INTEGER,after INTEGER,models TEXT,PRIMARY KEY(file,position))WITHOUT ROWID;
CREATE INDEX cost_state_by_session ON cost_state(session);
CREATE INDEX cost_state_by_start ON cost_state(started);
CREATE TABLE quarter(quarter INTEGER,session INTEGER,model INTEGER,responses INTEGER,unpriced INTEGER,input INTEGER,output INTEGER,cache_read INTEGER,cache_write INTEGER,cache_write_1h INTEGER,web_searches INTEGER,cost INTEGER,PRIMARY KEY(quarter,session,model))WITHOUT ROWID;
CREATE TABLE unrecorded(quarter INTEGER,session INTEGER,model INTEGER,cost INTEGER,PRIMARY KEY(quarter,session,model))WITHOUT ROWID;
CREATE INDEX unrecorded_by_session ON unrecorded(session);
CREATE TABLE told(session INTEGER,process INTEGER,total INTEGER,grown INTEGER,unwritten INTEGER,rate INTEGER,at INTEGER,began INTEGER,began_late INTEGER,run_ms INTEGER,model INTEGER,PRIMARY KEY(session,process))WITHOUT ROWID;
CREATE TABLE unwritten(session INTEGER,quarter INTEGER,model INTEGER,cost INTEGER,PRIMARY KEY(session,quarter,model))WITHOUT ROWID;";

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
    let shape = shape(connection)?;
    if let Some(shape) = shape {
        return Ok(shape);
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done the work while we waited for the write lock.
    if let Some(shape) = self::shape(&transaction)? {
        return Ok(shape);
    }
    match version(&transaction)? {
        RENEWED => {
            transaction.execute_batch(RENEW)?;
            for table in ["cost_state", "told"] {
                let of_table = |statement: &&str| {
                    statement.contains(&format!("TABLE {table}("))
                        || statement.contains(&format!(" ON {table}("))
                };
                for statement in TABLES.split('\n').filter(of_table) {
                    transaction.execute_batch(statement)?;
                }
            }
            transaction.execute_batch(REFILL)?;
        }
        _ => transaction.execute_batch(TABLES)?,
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(SchemaState::Current)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// None for a file that is new or to be renewed.
fn shape(connection: &Connection) -> rusqlite::Result<Option<SchemaState>> {
    Ok(match version(connection)? {
        0 | RENEWED => None,
        VERSION => Some(SchemaState::Current),
        found if found > VERSION => Some(SchemaState::Newer),
        _ => Some(SchemaState::Older),
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
            (RENEWED - 1, SchemaState::Older),
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

    #[test]
    fn a_ledger_that_took_one_process_for_several_is_renewed_and_loses_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        let old = "CREATE TABLE cost_state(file INTEGER,position INTEGER,session INTEGER,started INTEGER,total INTEGER,run_ms INTEGER,api_ms INTEGER,unknown INTEGER,before INTEGER,came_from INTEGER,since INTEGER,asked INTEGER,models TEXT,PRIMARY KEY(file,position))WITHOUT ROWID;
             CREATE INDEX cost_state_by_session ON cost_state(session); CREATE INDEX cost_state_by_start ON cost_state(started);
             CREATE TABLE told(session INTEGER,origin INTEGER,total INTEGER,grown INTEGER,rate INTEGER,at INTEGER,run_ms INTEGER,model INTEGER,PRIMARY KEY(session,origin))WITHOUT ROWID;";
        let is_old = |name: &str| name.starts_with("cost_state") || name.starts_with("told");
        let others = TABLES.split('\n').filter(|row| {
            let name = row
                .split("TABLE ")
                .nth(1)
                .or_else(|| row.split("INDEX ").nth(1));
            !name.is_some_and(is_old)
        });
        let others: String = others.collect();
        let others = others.replace(",advice TEXT", "");
        connection.execute_batch(&others).unwrap();
        connection.execute_batch(old).unwrap();
        connection
            .execute_batch(
                "INSERT INTO cost_state VALUES (1,9,1,5,200,30,1,0,8,3,2,1,'{}');
                 INSERT INTO file (path,session,bytes_read,size) VALUES (x'61',1,500,500);
                 INSERT INTO unwritten VALUES (1,1,1,180);
                 INSERT INTO told VALUES (1,1000,180,180,1000000,11400,10400,1), (1,2100,200,200,1000000,22500,20400,1);
                 PRAGMA user_version = 7",
            )
            .unwrap();
        assert_eq!(
            make_or_check(&mut connection).unwrap(),
            SchemaState::Current
        );
        let one = |query: &str| {
            connection
                .query_row(query, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!(one("SELECT count(*) FROM told"), 1);
        assert_eq!(
            one("SELECT grown FROM told WHERE began = 2100 AND process < 0"),
            200
        );
        assert_eq!(one("SELECT total FROM cost_state WHERE after IS NULL"), 200);
        assert_eq!(one("SELECT bytes_read FROM file"), 0);
        assert_eq!(
            one("SELECT value FROM meta WHERE name = 'hidden before'"),
            180
        );
    }
}
