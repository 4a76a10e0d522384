//! The lines of the files as they are read back: rows of every kind in one form.

use std::borrow::Cow;
use std::ops::Deref;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::pricing::Usage;
use crate::time::Millis;

/// A row of any kind. What rows of its kind do not have is empty, and what a newer whycap adds is not
/// read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'l"))]
pub(super) struct ExportLine<'l> {
    #[serde(deserialize_with = "read_key")]
    pub(super) key: u64,
    pub(super) version: u64,
    #[serde(deserialize_with = "read_time")]
    pub(super) time: Millis,
    pub(super) person: Name<'l>,
    pub(super) machine: Name<'l>,
    pub(super) labels: LineLabels<'l>,
    pub(super) session: Name<'l>,
    pub(super) kind: Name<'l>,
    // Of spend.
    pub(super) project: Name<'l>,
    pub(super) branch: Name<'l>,
    pub(super) model: Name<'l>,
    pub(super) subagent: bool,
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write_5m: u64,
    pub(super) cache_write_1h: u64,
    pub(super) web_searches: u64,
    pub(super) cost_pico: i64,
    pub(super) unpriced: bool,
    // Of limit errors.
    pub(super) verdict: Name<'l>,
    pub(super) blocked_s: i64,
    pub(super) ended: Name<'l>,
    // Of windows.
    pub(super) window: Name<'l>,
    pub(super) percent: f64,
}

/// Of what the user's configuration adds to each row, what we read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'l"))]
pub(super) struct LineLabels<'l> {
    #[serde(borrow)]
    team: Cow<'l, str>,
}

/// The longest branches are half of this; what is longer is damage.
const LONGEST_NAME: usize = 512;

/// A name in a row; not read if it is too long to be one.
#[derive(Debug, Clone, Default)]
pub(super) struct Name<'l>(Cow<'l, str>);

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

/// As much of a name as may leave.
pub(super) fn cut_name(name: &str) -> &str {
    let longest = name.len().min(LONGEST_NAME);
    let mut ends = (0..=longest).rev();
    ends.find_map(|end| name.get(..end)).unwrap_or_default()
}

impl ExportLine<'_> {
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
        cut_name(&self.labels.team)
    }
}

/// The form that every database reads without being told, in UTC.
const TIME_FORM: &str = "%Y-%m-%d %H:%M:%S";

/// A moment in that form.
pub(super) fn written(at: DateTime<Utc>) -> String {
    at.format(TIME_FORM).to_string()
}

fn read_time<'de, D: Deserializer<'de>>(input: D) -> Result<Millis, D::Error> {
    let read = NaiveDateTime::parse_from_str(&Name::deserialize(input)?, TIME_FORM);
    read.map(|at| at.and_utc().timestamp_millis())
        .map_err(D::Error::custom)
}

fn read_key<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    u64::from_str_radix(&Name::deserialize(input)?, 16).map_err(D::Error::custom)
}
