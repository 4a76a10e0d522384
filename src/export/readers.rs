//! What reads the files: SQL for databases, and a dashboard on it.

use std::path::Path;

use super::day_files::Erasure;
use super::files::{Rows, files_of};

/// Whoever reads what was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Reader {
    /// Tables and views
    Clickhouse,
    /// Views over the files
    Duckdb,
    /// A dashboard on ClickHouse
    Grafana,
}

/// How the SQL for `DuckDB` reads files, and how the same columns are made where there are none: it
/// refuses a pattern that fits no file.
const READ: [&str; 2] = [
    "read_json('DIR/whycap-1/*/*/*.ndjson.gz', filename = 'file', hive_partitioning = false,\n    format = 'newline_delimited', columns = {",
    "\n    })\n",
];
const MADE: [&str; 2] = [
    "(SELECT unnest(from_json('{}', to_json({",
    "\n    }))), '' AS file)\n",
];

impl Reader {
    /// What it needs to read what is in `directory`; with an erasure, that it forgets this first.
    /// None where it must know the directory.
    pub(crate) fn text(self, directory: Option<&Path>, what: Option<&Erasure>) -> Option<String> {
        let erasing = what.map_or_else(String::new, forgetting);
        match self {
            Self::Clickhouse => Some(erasing + include_str!("sql/clickhouse.sql")),
            // Made anew from the files, which were erased before.
            Self::Duckdb => {
                let real = std::path::absolute(directory?).ok()?;
                let is_empty = |rows| files_of(&real, rows, &mut Vec::new()).is_empty();
                let mut sql = include_str!("sql/duckdb.sql").to_owned();
                if Rows::ALL.into_iter().all(is_empty) {
                    sql = sql.replace(READ[0], MADE[0]).replace(READ[1], MADE[1]);
                }
                let directory = real.to_string_lossy().replace('\'', "''");
                Some(sql.replace("'DIR/", &format!("'{directory}/")))
            }
            Self::Grafana => Some(include_str!("sql/grafana.json").to_owned()),
        }
    }
}

/// The statements by which ClickHouse forgets something in what was loaded.
fn forgetting(what: &Erasure) -> String {
    let [named, old] = match what {
        Erasure::Person(name) => [format!("person = {}", quoted(name)), "0".to_owned()],
        Erasure::Project(name) => [format!("project = {}", quoted(name)), "0".to_owned()],
        Erasure::Before(day) => ["0".to_owned(), format!("time < '{day} 00:00:00'")],
    };
    let sql = include_str!("sql/erase.sql").replace("OLD", &old);
    // Last, for a name may hold anything.
    sql.replace("NAMED", &named)
}

/// A text of ClickHouse.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
