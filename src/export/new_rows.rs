//! Collects the rows that this machine exports.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::exporter::Exporter;
use super::limit_rows::{limit_rows, window_rows};
use super::row::{ExportedRow, RowType, cut_text, format_time};
use super::spend_rows::SpendRows;
use super::version::{ExportTime, Weight};
use crate::config::Others;
use crate::ledger::ExportedSpend;
use crate::limits::incident::Incident;
use crate::limits::pace::WindowStep;
use crate::paths::Paths;
use crate::render::{Report, merge_objects};
use crate::terminal::{Tone, count_noun, json_in_one_line};
use crate::time::{Clock, Millis, QUARTER_HOUR, datetime_from_millis};

/// The number of rows to show in a preview.
const PREVIEWED_ROWS: usize = 10;

const NEVER_EXPORTED: &str = "Rows never contain prompts, responses, titles, error messages, paths, file names, keys, tokens, or the name, email address, or ID of your account. Times are rounded down to a quarter of an hour, except the time at which a limit resets.";

/// A row to be exported.
#[derive(Debug)]
pub(crate) struct NewRow {
    pub(super) row_type: RowType,
    pub(super) day: NaiveDate,
    pub(super) key: u64,
    weight: Weight,
    /// The fields after the version, as a JSON object.
    pub(super) fields: String,
}

impl NewRow {
    /// Creates a row with the fields that all rows have, followed by `fields`. Rounds the time down to a quarter hour,
    /// and truncates strings to the maximum length that other machines accept.
    pub(super) fn new(
        row_type: RowType,
        key: u64,
        weight: Weight,
        at: Millis,
        exporter: &Exporter,
        person: &str,
        fields: Value,
    ) -> Self {
        let at = datetime_from_millis(at.div_euclid(QUARTER_HOUR) * QUARTER_HOUR);
        let first = json!({
            "time": format_time(at),
            "person": person,
            "machine": exporter.machine,
        });
        let labels = json!({ "labels": exporter.config.labels });
        let fields = shorten_texts(merge_objects([first, fields, labels]));
        Self {
            row_type,
            day: at.date_naive(),
            key,
            weight,
            fields: json_in_one_line(&fields),
        }
    }

    fn line(&self, time: ExportTime) -> String {
        let key = self.key;
        let version = self.weight.version(time);
        let fields = self.fields.strip_prefix('{').unwrap_or(&self.fields);
        format!("{{\"key\":\"{key:016x}\",\"version\":{version},{fields}\n")
    }
}

fn shorten_texts(value: Value) -> Value {
    match value {
        Value::String(text) => cut_text(&text).into(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, shorten_texts(value)))
            .collect(),
        other => other,
    }
}

/// Returns the key of a row. Machines that use the same names get the same key.
pub(super) fn key_of(names: &[&str]) -> u64 {
    xxh3_64(names.join("\0").as_bytes())
}

/// Formats rows for an export at the given time, one per line.
pub(super) fn lines_of<'r>(rows: impl IntoIterator<Item = &'r NewRow>, time: ExportTime) -> String {
    rows.into_iter().map(|row| row.line(time)).collect()
}

/// All rows of this machine.
#[derive(Debug)]
pub(crate) struct NewRows {
    /// The rows, sorted by type, day, and key.
    pub(super) rows: Vec<NewRow>,
    pub(super) exporter: Exporter,
    /// The number of rows that are omitted or exported under a different project name, by how the project is treated.
    omitted_or_renamed: HashMap<Others, u64>,
    /// True if all transcripts could be read. Otherwise, rows may be missing.
    pub(super) is_complete: bool,
}

/// The data from which rows are built.
pub(crate) struct RowSources {
    pub(crate) spend: ExportedSpend,
    /// The sessions whose transcripts could not be read in full.
    pub(crate) incomplete_sessions: HashSet<String>,
    pub(crate) incidents: Vec<Incident>,
    pub(crate) window_steps: Vec<WindowStep>,
    /// True if all transcripts could be read.
    pub(crate) is_complete: bool,
}

impl NewRows {
    pub(crate) fn build(
        exporter: Exporter,
        sources: &RowSources,
        paths: &Paths,
        clock: Clock,
    ) -> Self {
        let spend = SpendRows::build(sources, &exporter, paths);
        let omitted_or_renamed = spend.omitted_or_renamed;
        let mut rows = spend.rows;
        rows.extend(limit_rows(&sources.incidents, clock, &exporter));
        rows.extend(window_rows(&sources.window_steps, clock.now, &exporter));
        rows.sort_by_key(|row| (row.row_type, row.day, row.key));
        Self {
            rows,
            exporter,
            omitted_or_renamed,
            is_complete: sources.is_complete,
        }
    }

    /// Removes rows before the day `since` and, if `row_type` is given, rows of other types.
    pub(crate) fn restrict(&mut self, since: Option<NaiveDate>, row_type: Option<RowType>) {
        self.rows.retain(|row| {
            let is_requested = row_type.is_none_or(|requested| requested == row.row_type);
            is_requested && Some(row.day) >= since
        });
    }

    /// Returns the names of all people in the rows. Without a configured name, each account has its own pseudonym.
    fn people(&self) -> Vec<String> {
        let mut people = BTreeSet::from([self.exporter.person.clone()]);
        for row in &self.rows {
            if let Ok(row) = serde_json::from_str::<ExportedRow>(&row.fields) {
                people.insert(row.person);
            }
        }
        people.into_iter().collect()
    }

    /// Formats all rows, one per line.
    pub(crate) fn lines(&self, now: DateTime<Utc>) -> String {
        lines_of(&self.rows, ExportTime::new(now))
    }

    /// Reports the number of rows of each type, the newest rows exactly as they would be exported, and the rows that
    /// are omitted or renamed.
    pub(crate) fn preview(&self, paths: &Paths, now: DateTime<Utc>) -> Report {
        let mut counts = Vec::new();
        let mut newest = Vec::new();
        for row_type in RowType::ALL {
            let of_type = self.rows.iter().filter(|row| row.row_type == row_type);
            let count = count_noun(of_type.clone().count() as u64, "row");
            counts.push(format!("{count} of {}", row_type.name()));
            newest.extend(of_type.rev().enumerate());
        }
        // Show the newest row of each type, then the second newest of each type, and so on.
        newest.sort_by_key(|(index, _row)| *index);
        let shown = newest.iter().take(PREVIEWED_ROWS).map(|(_index, row)| *row);

        let mut report = Report::from_paragraph(format!(
            "This would export {} for person {} on machine {}. These are the newest rows, exactly as they would be exported:",
            counts.join(", "),
            self.people().join(" and person "),
            self.exporter.machine
        ));
        report.gap();
        report.add(Report::from_lines(&lines_of(shown, ExportTime::new(now))));
        report.gap();
        report.paragraph(Tone::Plain, NEVER_EXPORTED);
        let settings = paths.show(&paths.whycap_config);
        for (treatment, text) in [
            (Others::Hash, "are exported with a hash instead of the name"),
            (Others::Sum, "are exported as \"other\", without a branch"),
            (Others::Drop, "are not exported"),
        ] {
            if let Some(count) = self.omitted_or_renamed.get(&treatment) {
                let count = count_noun(*count, "row");
                report.paragraph(
                    Tone::Plain,
                    format!("{count} {text} because their projects are not listed under [export] projects in {settings}."),
                );
            }
        }
        report
    }
}
