//! The lines of the files: each kind of rows as it is written and as it is read back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::kind::{Service, Who};
use crate::pricing::Usage;
use crate::time::{Millis, QUARTER, moment};

/// A row of `spend`. In a file the key and the version stand before the rest; so in all rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'l"))]
#[expect(clippy::struct_excessive_bools, reason = "columns of a table")]
pub(super) struct SpendLine<'l> {
    #[serde(skip_serializing, deserialize_with = "read_key")]
    pub(super) key: u64,
    #[serde(skip_serializing)]
    pub(super) version: u64,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(super) time: Millis,
    pub(super) person: Name<'l>,
    pub(super) machine: Name<'l>,
    pub(super) project: Name<'l>,
    pub(super) branch: Name<'l>,
    pub(super) session: Name<'l>,
    pub(super) model: Name<'l>,
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
    #[serde(default)]
    pub(super) provider: Name<'l>,
    #[serde(default)]
    pub(super) labels: Cow<'l, Labels>,
}

/// A row of `limits`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'l"))]
pub(super) struct LimitLine<'l> {
    #[serde(skip_serializing, deserialize_with = "read_key")]
    pub(super) key: u64,
    #[serde(skip_serializing)]
    pub(super) version: u64,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(super) time: Millis,
    pub(super) person: Name<'l>,
    pub(super) machine: Name<'l>,
    pub(super) session: Name<'l>,
    pub(super) kind: Name<'l>,
    pub(super) verdict: Name<'l>,
    #[serde(skip_deserializing)]
    pub(super) service: Option<Service>,
    #[serde(skip_deserializing)]
    pub(super) who_can_fix: Option<Who>,
    #[serde(skip_deserializing)]
    pub(super) waiting_helps: Option<bool>,
    #[serde(skip_deserializing)]
    pub(super) resets_at: Option<String>,
    /// How long it stopped the work; time that an earlier error of the account stopped is left out.
    pub(super) blocked_s: i64,
    pub(super) ended: Ended,
    #[serde(skip_deserializing)]
    pub(super) labels: Cow<'l, Labels>,
}

/// A row of `windows`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'l"))]
pub(super) struct WindowLine<'l> {
    #[serde(skip_serializing, deserialize_with = "read_key")]
    pub(super) key: u64,
    #[serde(skip_serializing)]
    pub(super) version: u64,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub(super) time: Millis,
    pub(super) person: Name<'l>,
    pub(super) machine: Name<'l>,
    #[serde(default)]
    pub(super) account: Name<'l>,
    pub(super) window: Name<'l>,
    pub(super) percent: f64,
    #[serde(skip_deserializing)]
    pub(super) labels: Cow<'l, Labels>,
}

/// What rows of any kind are known by.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'l"))]
pub(super) struct AnyLine<'l> {
    #[serde(deserialize_with = "read_key")]
    pub(super) key: u64,
    pub(super) version: u64,
    pub(super) kind: Name<'l>,
    pub(super) person: Name<'l>,
    pub(super) project: Name<'l>,
    pub(super) session: Name<'l>,
}

/// What the user's configuration adds to each row: a team, a cost center.
pub(super) type Labels = BTreeMap<String, String>;

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

/// Whether somebody saw how a limit error ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    Seen,
    /// It still stopped the work when it was exported.
    Open,
    /// Nobody saw the end.
    Unknown,
    /// It stopped nothing.
    None,
    /// What a newer whycap may say.
    #[serde(other)]
    Otherwise,
}

/// The longest branches are half of this; what is longer is damage.
const LONGEST_NAME: usize = 512;

/// A name in a row; not read if it is too long to be one.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Name<'l>(Cow<'l, str>);

impl<'l, T: Into<Cow<'l, str>>> From<T> for Name<'l> {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

impl Deref for Name<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'l, 'l> Deserialize<'de> for Name<'l> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Text<'l>(#[serde(borrow)] Cow<'l, str>);
        let Text(name) = Text::deserialize(input)?;
        let is_short = name.len() <= LONGEST_NAME;
        let named = is_short.then_some(Self(name));
        named.ok_or_else(|| D::Error::custom("a name is too long"))
    }
}

impl Name<'static> {
    /// What JSON calls something that has a name there.
    pub(super) fn in_json(of: impl Serialize) -> Self {
        let value = serde_json::to_value(of).unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned().into()
    }
}

/// As much of a name as may leave.
pub(super) fn cut_name(name: &str) -> &str {
    let longest = name.len().min(LONGEST_NAME);
    let mut ends = (0..=longest).rev();
    ends.find_map(|end| name.get(..end)).unwrap_or_default()
}

impl SpendLine<'_> {
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

    /// The label `team`, as far as a name goes.
    pub(super) fn team(&self) -> &str {
        cut_name(self.labels.get("team").map_or("", String::as_str))
    }
}

/// The form that every database reads without being told, in UTC.
const TIME_FORM: &str = "%Y-%m-%d %H:%M:%S";

/// A moment in that form.
pub(super) fn written(at: DateTime<Utc>) -> String {
    at.format(TIME_FORM).to_string()
}

/// The time of a row as it leaves: to the quarter of an hour.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn write_time<S: Serializer>(at: &Millis, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&written(moment(at.div_euclid(QUARTER) * QUARTER)))
}

fn read_time<'de, D: Deserializer<'de>>(input: D) -> Result<Millis, D::Error> {
    let read = NaiveDateTime::parse_from_str(&Name::deserialize(input)?, TIME_FORM);
    read.map(|at| at.and_utc().timestamp_millis())
        .map_err(D::Error::custom)
}

fn read_key<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    u64::from_str_radix(&Name::deserialize(input)?, 16).map_err(D::Error::custom)
}
