//! Generates the SQL with which a database reads exports.

use std::path::Path;

/// A database that can read exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Script {
    /// Tables and views for `ClickHouse`
    Clickhouse,
    /// Views for `DuckDB`, which read the files in DIR
    Duckdb,
}

/// The views of the included rows and of their sums, which are the same in both databases.
const VIEWS: &str = include_str!("sql/views.sql");

impl Script {
    /// Returns the SQL. `DuckDB` reads the files in `directory` directly, so the result is `None` if it is missing.
    pub(crate) fn text(self, directory: Option<&Path>) -> Option<String> {
        let rows = match self {
            Self::Clickhouse => include_str!("sql/clickhouse.sql").to_owned(),
            Self::Duckdb => {
                let directory = std::path::absolute(directory?).ok()?;
                let path = directory.to_string_lossy().replace('\'', "''");
                include_str!("sql/duckdb.sql").replace("'DIR/", &format!("'{path}/"))
            }
        };
        Some(rows + VIEWS)
    }
}
