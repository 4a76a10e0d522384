//! The lines of the files: how a row is written, and how it is read back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::pricing::Usage;
use crate::time::{Millis, QUARTER, moment};

/// A row of `spend`. The key and the version stand before the rest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "columns of a table")]
pub(super) struct SpendLine<'l> {
    #[serde(skip_serializing, deserialize_with = "read_key")]
    pub(super) key: u64,
    #[serde(skip_serializing)]
    pub(super) version: u64,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(super) time: Millis,
    #[serde(borrow)]
    pub(super) person: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) machine: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) project: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) branch: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) session: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) model: Cow<'l, str>,
    pub(super) kind: Kind,
    pub(super) subagent: bool,
    pub(super) fast: bool,
    pub(super) us: bool,
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write_5m: u64,
    pub(super) cache_write_1h: u64,
    pub(super) web_searches: u64,
    pub(super) cost_pico: i64,
    pub(super) unpriced: bool,
    #[serde(skip_deserializing)]
    pub(super) provider: &'l str,
    #[serde(skip_deserializing)]
    pub(super) labels: Cow<'l, Labels>,
    #[serde(borrow, skip_serializing, default, rename = "labels")]
    pub(super) read_labels: ReadLabels<'l>,
}

/// What is read back of a row's labels.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ReadLabels<'l> {
    #[serde(borrow, default)]
    pub(super) team: Cow<'l, str>,
}

/// What the user's configuration adds to each row: a team, a cost center.
pub(super) type Labels = BTreeMap<String, String>;

/// The longest branches are half of this; what is longer is damage.
const LONGEST_NAME: usize = 512;

/// What a row of `spend` is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A response.
    Response,
    /// What totals count beyond responses.
    #[default]
    Unrecorded,
    /// What was told of a session and written nowhere.
    Unwritten,
    /// Nothing: its machine has nothing else to say of the day any more.
    Nothing,
    /// What a newer whycap may say. It counts nowhere, as in databases.
    #[serde(other)]
    Otherwise,
}

/// As much of a name as may leave.
pub(super) fn cut_name(name: &str) -> &str {
    if name.len() <= LONGEST_NAME {
        return name;
    }
    let mut ends = (0..=LONGEST_NAME).rev();
    let end = ends.find(|end| name.is_char_boundary(*end));
    end.and_then(|end| name.get(..end)).unwrap_or_default()
}

/// An error if one of the names is too long.
pub(super) fn check_names<'n>(
    names: impl IntoIterator<Item = &'n Cow<'n, str>>,
) -> Result<(), &'static str> {
    let is_short = names.into_iter().all(|name| name.len() <= LONGEST_NAME);
    is_short.then_some(()).ok_or("a name is too long")
}

impl<'l> SpendLine<'l> {
    /// One of a file.
    pub(super) fn read(text: &'l str) -> serde_json::Result<Self> {
        let line: Self = serde_json::from_str(text)?;
        let [first, second] = [
            [&line.person, &line.machine, &line.project],
            [&line.branch, &line.session, &line.model],
        ];
        let team = &line.read_labels.team;
        check_names(first.into_iter().chain(second).chain([team]))
            .map_err(serde::de::Error::custom)?;
        Ok(line)
    }

    pub(super) fn with_usage(self, usage: &Usage) -> Self {
        Self {
            input: usage.input,
            output: usage.output,
            cache_read: usage.cache_read,
            cache_write_5m: usage.cache_write_5m(),
            cache_write_1h: usage.cache_write_1h,
            web_searches: usage.web_searches,
            ..self
        }
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            cache_write: self.cache_write_5m.saturating_add(self.cache_write_1h),
            cache_write_1h: self.cache_write_1h,
            web_searches: self.web_searches,
        }
    }
}

/// The time of a row as it leaves: UTC, to the quarter of an hour, in the form that every database
/// reads without being told.
pub(super) fn written_time(at: Millis) -> String {
    written(moment(at.div_euclid(QUARTER) * QUARTER))
}

/// A moment in the same form.
pub(super) fn written(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn write_time<S: Serializer>(at: &Millis, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&written_time(*at))
}

pub(super) fn read_time<'de, D: Deserializer<'de>>(input: D) -> Result<Millis, D::Error> {
    let text = Cow::<str>::deserialize(input)?;
    let read = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S");
    read.map(|at| at.and_utc().timestamp_millis())
        .map_err(serde::de::Error::custom)
}

pub(super) fn read_key<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let text = Cow::<str>::deserialize(input)?;
    u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
}
