//! Generates database scripts for loading exports, and a dashboard.

use std::path::Path;

use super::erasure::{ErasedRows, Erasure};
use super::files::list_all_files;
use crate::disk::Error;

/// A script or dashboard for exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Script {
    /// Tables and views
    Clickhouse,
    /// A shell script that loads new rows
    ClickhouseLoader,
    /// Tables and views
    Duckdb,
    /// A dashboard on ClickHouse
    Grafana,
}

/// The SQL views. They work with both databases.
const VIEWS: &str = include_str!("sql/views.sql");

/// The line in a script to replace with statements about erased rows.
const ERASED: &str = "-- ERASED\n";

/// The parts of the DuckDB script that read files, and their replacements if there are no files. DuckDB rejects
/// patterns that match no files.
const FILE_READER: [[&str; 2]; 2] = [
    [
        "read_json('DIR/whycap-1/*/*/*.ndjson.gz', filename = 'file', hive_partitioning = false,\n    format = 'newline_delimited', ignore_errors = true, columns = {",
        "(SELECT unnest(from_json('{}', to_json({",
    ],
    ["\n    })\n", "\n    }))), '' AS file)\n"],
];

impl Script {
    /// Generates the script. With `erasure`, the ClickHouse script first deletes the erased rows. With `directory`, the
    /// scripts exclude everything that has been erased from it. Returns `None` if the script requires a directory and
    /// none is given. Fails if the list of erased rows cannot be read.
    pub(crate) fn text(
        self,
        directory: Option<&Path>,
        erasure: Option<&Erasure>,
    ) -> Result<Option<String>, Error> {
        let erased_values = match directory {
            Some(directory) => ErasedRows::read(directory)?.sql_values(),
            None => None,
        };
        let text = match self {
            Self::Clickhouse => {
                let deletion = erasure.map(deletion_sql).unwrap_or_default();
                let tables = include_str!("sql/clickhouse.sql");
                let erased = erased_values.map(|values| {
                    include_str!("sql/erased.sql").replace("VALUES", &format!("VALUES {values}"))
                });
                deletion + &tables.replace(ERASED, &erased.unwrap_or_default()) + VIEWS
            }
            Self::ClickhouseLoader => include_str!("sql/load-clickhouse.sh").to_owned(),
            Self::Duckdb => {
                let Some(directory) = directory.and_then(|path| std::path::absolute(path).ok())
                else {
                    return Ok(None);
                };
                let erased = erased_values
                    .map(|values| format!("INSERT INTO whycap.erased VALUES {values};\n"))
                    .unwrap_or_default();
                let mut sql = include_str!("sql/duckdb.sql").replace(ERASED, &erased);
                if list_all_files(&directory, &mut Vec::new()).is_empty() {
                    for [reader, replacement] in FILE_READER {
                        sql = sql.replace(reader, replacement);
                    }
                }
                let path = directory.to_string_lossy().replace('\'', "''");
                sql.replace("'DIR/", &format!("'{path}/")) + VIEWS
            }
            Self::Grafana => include_str!("sql/grafana.json").to_owned(),
        };
        Ok(Some(text))
    }
}

/// Returns the statements to delete erased rows from a ClickHouse database.
fn deletion_sql(erasure: &Erasure) -> String {
    let (named, old) = match erasure {
        Erasure::Person(name) => (format!("person = {}", sql_string(name)), "0".to_owned()),
        Erasure::Project(name) => (format!("project = {}", sql_string(name)), "0".to_owned()),
        Erasure::Before(day) => ("0".to_owned(), format!("time < '{day} 00:00:00'")),
    };
    // Insert the name last, because it can contain any text, including the other placeholder.
    include_str!("sql/erase.sql")
        .replace("OLD", &old)
        .replace("NAMED", &named)
}

fn sql_string(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
