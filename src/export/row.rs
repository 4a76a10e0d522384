//! Exported rows. Each row is a line of JSON.

use chrono::{DateTime, NaiveDateTime, Utc};
use clap::ValueEnum;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::terminal::start_of;
use crate::time::Millis;

/// The type of a row, which is also the name of its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RowType {
    /// Spend
    Spend,
    /// Limit errors
    Limits,
    /// Usage of your plan's limits
    Windows,
}

impl RowType {
    pub(crate) const ALL: [Self; 3] = [Self::Spend, Self::Limits, Self::Windows];

    /// Returns the name of the type, as used in paths and output.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Spend => "spend",
            Self::Limits => "limits",
            Self::Windows => "windows",
        }
    }
}

/// The `kind` of spend rows for responses.
pub(super) const RESPONSE: &str = "response";
/// The `kind` of spend rows for unrecorded spend.
pub(super) const UNRECORDED: &str = "unrecorded";
/// The `kind` of spend rows for pending spend.
pub(super) const PENDING: &str = "unwritten";
/// The `kind` of the row that marks a day that no longer has any spend.
pub(super) const NOTHING: &str = "nothing";

/// The format for UTC times, which all databases can parse.
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The maximum length of a string, in bytes. Branch names have at most 255 bytes, so longer strings are damaged or
/// forged.
const MAX_TEXT: usize = 512;

/// Truncates a string to the maximum length in exports.
pub(super) fn cut_text(text: &str) -> &str {
    start_of(text, MAX_TEXT)
}

/// Formats a time for a row.
pub(super) fn format_time(at: DateTime<Utc>) -> String {
    at.format(TIME_FORMAT).to_string()
}

/// A row of any type. Fields that its type does not have are empty. Fields that newer versions have added are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExportedRow {
    #[serde(deserialize_with = "parse_key")]
    pub(super) key: u64,
    pub(super) version: u64,
    #[serde(deserialize_with = "parse_time")]
    pub(super) time: Millis,
    pub(super) person: String,
    pub(super) machine: String,
    pub(super) labels: Labels,
    pub(super) session: String,
    pub(super) kind: String,
    // Fields of spend rows.
    pub(super) project: String,
    pub(super) branch: String,
    pub(super) model: String,
    pub(super) subagent: bool,
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write_5m: u64,
    pub(super) cache_write_1h: u64,
    pub(super) web_searches: u64,
    pub(super) cost_pico: Option<i64>,
    pub(super) at_least: bool,
    pub(super) unpriced: bool,
    // Fields of limit errors.
    pub(super) verdict: String,
    pub(super) blocked_s: Option<i64>,
    pub(super) ended: String,
    // Fields of usage windows.
    pub(super) percent: Option<f64>,
}

/// The labels that whycap itself interprets.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Labels {
    pub(super) team: String,
}

impl ExportedRow {
    /// Parses a line. The error describes the problem.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let row: Self = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if row.machine.is_empty() {
            Err("the row does not name a machine".to_owned())
        } else if row.cost_pico.is_none() && row.blocked_s.is_none() && row.percent.is_none() {
            Err("the row has no amount".to_owned())
        } else {
            Ok(row)
        }
    }

    /// Returns true if the row can be included in sums. Returns false for [`NOTHING`] rows and for kinds that newer
    /// versions have added.
    pub(super) fn is_countable(&self, row_type: RowType) -> bool {
        row_type != RowType::Spend || [RESPONSE, UNRECORDED, PENDING].contains(&&*self.kind)
    }
}

fn parse_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let text = String::deserialize(deserializer)?;
    NaiveDateTime::parse_from_str(&text, TIME_FORMAT)
        .map(|at| at.and_utc().timestamp_millis())
        .map_err(D::Error::custom)
}

fn parse_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    u64::from_str_radix(&text, 16).map_err(D::Error::custom)
}
