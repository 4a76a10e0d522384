//! Rows that are ready to leave, save their versions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::version::{Stamp, Weight};
use crate::terminal::json_in_one_line;

/// What rows are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rows {
    /// What was spent
    Spend,
    /// Limit errors
    Limits,
    /// How full the plan's windows were
    Windows,
}

impl Rows {
    pub(crate) const ALL: [Self; 3] = [Self::Spend, Self::Limits, Self::Windows];

    /// Its name in paths.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Spend => "spend",
            Self::Limits => "limits",
            Self::Windows => "windows",
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(super) key: u64,
    pub(super) weight: Weight,
    pub(super) day: NaiveDate,
    /// The fields behind the version, as an object.
    body: String,
}

impl Draft {
    pub(super) fn new(
        key: u64,
        weight: Weight,
        at: DateTime<Utc>,
        fields: &impl Serialize,
    ) -> Self {
        Self {
            key,
            weight,
            day: at.date_naive(),
            body: json_in_one_line(fields),
        }
    }

    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// The line, with its end.
    pub(super) fn put(&self, stamp: Stamp, text: &mut String) {
        use std::fmt::Write;
        let version = self.weight.version(stamp);
        let fields = self.body.strip_prefix('{').unwrap_or(&self.body);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{{\"key\":\"{:016x}\",\"version\":{version},{fields}",
            self.key
        );
    }
}

/// The key of a row that is known by these names on every machine.
pub(super) fn key_of(names: &[&str]) -> u64 {
    xxh3_64(names.join("\0").as_bytes())
}

/// Rows day by day.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    pub(super) by_day: BTreeMap<NaiveDate, Vec<Draft>>,
    /// The keys of all days.
    pub(super) keys: BTreeSet<u64>,
}

impl Drafts {
    /// All of these, whatever their order.
    pub(super) fn gather(drafts: impl IntoIterator<Item = Draft>) -> Self {
        let mut all = Self::default();
        for draft in drafts {
            all.keys.insert(draft.key);
            all.by_day.entry(draft.day).or_default().push(draft);
        }
        for day in all.by_day.values_mut() {
            day.sort_by_key(|draft| draft.key);
        }
        all
    }

    /// Rows from this day on as they leave at this moment.
    pub(crate) fn text(&self, since: Option<NaiveDate>, stamp: Stamp) -> String {
        as_text(self.days(since).flatten(), stamp)
    }

    /// The last so many of these rows.
    pub(crate) fn newest(&self, since: Option<NaiveDate>, stamp: Stamp, most: usize) -> String {
        let days = self.days(since).rev();
        let rows: Vec<&Draft> = days.flatten().take(most).collect();
        as_text(rows.into_iter().rev(), stamp)
    }

    /// How many rows there are from this day on.
    pub(crate) fn count(&self, since: Option<NaiveDate>) -> usize {
        self.days(since).map(Vec::len).sum()
    }

    fn days(&self, since: Option<NaiveDate>) -> impl DoubleEndedIterator<Item = &Vec<Draft>> {
        let from = since.unwrap_or(NaiveDate::MIN);
        self.by_day.range(from..).map(|(_, day)| day)
    }
}

/// The lines of these rows.
pub(super) fn as_text<'d>(rows: impl Iterator<Item = &'d Draft>, stamp: Stamp) -> String {
    let mut text = String::new();
    for draft in rows {
        draft.put(stamp, &mut text);
    }
    text
}
