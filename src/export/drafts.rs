//! Rows that are ready to leave, save the second of the export in their versions.

use std::fmt::Write;

use chrono::NaiveDate;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::line::written;
use super::pseudonym::Exporter;
use super::version::{Stamp, Weight};
use crate::render::joined;
use crate::terminal::json_in_one_line;
use crate::time::{Millis, QUARTER, moment};

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
#[derive(Debug)]
pub(crate) struct Draft {
    pub(super) key: u64,
    pub(super) day: NaiveDate,
    weight: Weight,
    /// The fields behind the version, as an object.
    pub(super) fields: String,
}

impl Draft {
    /// What happened then, to the quarter of an hour. Besides `fields` it has what all rows have.
    pub(super) fn new(
        key: u64,
        weight: Weight,
        at: Millis,
        (exporter, person): (&Exporter, &str),
        fields: Value,
    ) -> Self {
        let at = moment(at.div_euclid(QUARTER) * QUARTER);
        let head = json!({ "time": written(at), "person": person, "machine": exporter.machine });
        let fields = joined([head, fields, json!({ "labels": exporter.labels })]);
        Self {
            key,
            day: at.date_naive(),
            weight,
            fields: json_in_one_line(&fields),
        }
    }
}

/// The key of a row that is known by these names on every machine.
pub(super) fn key_of(names: &[&str]) -> u64 {
    xxh3_64(names.join("\0").as_bytes())
}

/// Rows in order of their days, and of one day by their keys.
#[derive(Debug)]
pub(crate) struct Drafts(Vec<Draft>);

impl FromIterator<Draft> for Drafts {
    fn from_iter<I: IntoIterator<Item = Draft>>(drafts: I) -> Self {
        let mut all: Vec<Draft> = drafts.into_iter().collect();
        all.sort_by_key(|draft| (draft.day, draft.key));
        Self(all)
    }
}

impl Drafts {
    /// Those from this day on.
    pub(crate) fn since(&self, day: Option<NaiveDate>) -> &[Draft] {
        let before = self.0.partition_point(|draft| Some(draft.day) < day);
        self.0.get(before..).unwrap_or_default()
    }
}

/// The lines of these rows as they leave at this moment.
pub(crate) fn lines<'d>(drafts: impl IntoIterator<Item = &'d Draft>, stamp: Stamp) -> String {
    let mut text = String::new();
    for draft in drafts {
        let version = draft.weight.version(stamp);
        let fields = draft.fields.strip_prefix('{').unwrap_or(&draft.fields);
        let key = draft.key;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{{\"key\":\"{key:016x}\",\"version\":{version},{fields}"
        );
    }
    text
}
