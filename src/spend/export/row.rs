//! Exported rows. Each row is a line of JSON.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pricing::Money;
use crate::time::Millis;

/// The `kind` of a row for one response.
pub(super) const RESPONSE: &str = "response";
/// The `kind` of a row with a session's unrecorded spend for one month.
pub(super) const UNRECORDED: &str = "unrecorded";

/// A row. Fields that newer versions have added are ignored, and missing fields are empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    /// The key of the fact. Of all rows with the same key, only one is included in the sums.
    pub key: String,
    #[serde(with = "utc_time")]
    pub time: Millis,
    pub person: String,
    pub machine: String,
    pub project: String,
    pub branch: String,
    pub session: String,
    pub model: String,
    /// [`RESPONSE`] or [`UNRECORDED`]. Newer versions may add other kinds, which no sum includes.
    pub kind: String,
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write_5m: u64,
    pub cache_write_1h: u64,
    pub web_searches: u64,
    /// The cost in trillionths of a dollar. For unrecorded spend, this is the session's total up to the end of the
    /// month.
    pub cost_pico: i64,
    /// True if the real cost may be higher.
    pub at_least: bool,
    /// True if the cost is an estimate, because the price of the model is unknown.
    pub unpriced: bool,
    pub labels: BTreeMap<String, String>,
}

impl Row {
    /// Parses a line. The error describes the problem.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let row: Self = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if row.key.is_empty() || row.machine.is_empty() {
            Err("the row has no key or does not name a machine".to_owned())
        } else if row.cost_pico < 0 {
            Err("the cost is negative".to_owned())
        } else {
            Ok(row)
        }
    }

    pub(super) fn is_response(&self) -> bool {
        self.kind == RESPONSE
    }

    pub(super) fn cost(&self) -> Money {
        Money::from_pico(self.cost_pico)
    }

    /// Returns the sort key of the row. Of a machine's rows with the same key, the row to include in a sum comes first.
    pub(super) fn rank(&self) -> (&str, &str, Reverse<i64>, Millis) {
        (&self.key, &self.machine, Reverse(self.cost_pico), self.time)
    }

    /// Returns the row as a line.
    pub(super) fn line(&self) -> String {
        // Serializing a row cannot fail, because it contains only text, numbers, and flags.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// Writes times in UTC in a format that all databases can parse.
mod utc_time {
    use chrono::NaiveDateTime;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::time::{Millis, datetime_from_millis};

    const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde requires a reference"
    )]
    pub(super) fn serialize<S: Serializer>(at: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&datetime_from_millis(*at).format(FORMAT))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Millis, D::Error> {
        let text = String::deserialize(deserializer)?;
        NaiveDateTime::parse_from_str(&text, FORMAT)
            .map(|at| at.and_utc().timestamp_millis())
            .map_err(D::Error::custom)
    }
}
