//! What reads the files: SQL for databases, and a dashboard on it.

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

impl Reader {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Clickhouse => include_str!("sql/clickhouse.sql"),
            Self::Duckdb => include_str!("sql/duckdb.sql"),
            Self::Grafana => include_str!("sql/grafana.json"),
        }
    }
}
