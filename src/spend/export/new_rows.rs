//! Builds this machine's rows, and writes them to an export directory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use xxhash_rust::xxh3::xxh3_64;

use super::files::{file_path, is_final, month_name};
use super::machine_name::machine_name;
use super::project::{branch_name, project_name};
use super::row::{RESPONSE, Row, UNRECORDED};
use crate::config::Export;
use crate::disk::{self, Error};
use crate::environment::Paths;
use crate::ledger::{AllSpend, Response, StoredRow};
use crate::pricing::Money;
use crate::render::Report;
use crate::terminal::count_noun;
use crate::time::{Millis, QUARTER_HOUR, datetime_from_millis};

/// The data from which rows are built.
pub(crate) struct RowSources {
    pub spend: AllSpend,
    /// The sessions whose transcripts could not be read in full.
    pub incomplete_sessions: HashSet<String>,
}

/// All rows of this machine.
#[derive(Debug)]
pub(crate) struct NewRows {
    machine: String,
    /// The rows, grouped by the first day of their month.
    months: BTreeMap<NaiveDate, Vec<Row>>,
}

impl NewRows {
    /// Builds the rows. Fails if the machine's name cannot be read or stored.
    pub(crate) fn build(
        sources: &RowSources,
        paths: &Paths,
        config: &Export,
    ) -> Result<Self, Error> {
        let mut builder = RowBuilder {
            sources,
            config,
            home: &paths.home,
            rows: Self {
                machine: machine_name(paths)?,
                months: BTreeMap::new(),
            },
        };
        for response in &sources.spend.responses {
            builder.add_response(response);
        }
        builder.add_unrecorded();
        Ok(builder.rows)
    }

    /// Returns all rows, one per line.
    pub(crate) fn lines(&self) -> String {
        self.months
            .values()
            .flatten()
            .map(Row::line)
            .collect()
    }

    /// Writes the file of each month that was not over when its file was last written. Returns a report on the files.
    pub(crate) fn write(
        &self,
        directory: &Path,
        shown_directory: &str,
        now: DateTime<Utc>,
    ) -> Result<Report, Error> {
        let mut written_rows = 0;
        let mut written_months = Vec::new();
        for (month, rows) in &self.months {
            let path = file_path(directory, *month, &self.machine);
            if is_final(&path, *month, now) {
                continue;
            }
            let lines: String = rows.iter().map(Row::line).collect();
            disk::write_for_group(&path, lines.as_bytes())?;
            written_rows += rows.len() as u64;
            written_months.push(month_name(*month));
        }
        disk::remove_stale_temporary_files(directory, now, 0);
        let months = written_months.join(", ");
        Ok(Report::from_lines(&format!(
            "Wrote {} to {shown_directory} ({months})",
            count_noun(written_rows, "row")
        )))
    }
}

struct RowBuilder<'s> {
    sources: &'s RowSources,
    config: &'s Export,
    home: &'s Path,
    rows: NewRows,
}

impl RowBuilder<'_> {
    fn add_response(&mut self, response: &Response) {
        let names = &self.sources.spend.names;
        let usage = response.usage;
        let row = Row {
            key: format!("{:016x}", response.key.cast_unsigned()),
            time: response.at,
            branch: names.branch(response).to_owned(),
            model: names.model(response.model).to_owned(),
            kind: RESPONSE.to_owned(),
            input: usage.input,
            output: usage.output,
            cache_read: usage.cache_read,
            cache_write_5m: usage.cache_write_5m(),
            cache_write_1h: usage.cache_write_1h,
            web_searches: usage.web_searches,
            cost_pico: response.cost.pico(),
            unpriced: response.is_unpriced,
            ..Row::default()
        };
        self.add(row, response.session);
    }

    /// Adds the unrecorded spend of each session up to the end of each month. When more becomes known, spend may move
    /// to another month, but the files of earlier months stay as they are. Because each row contains the total so far,
    /// no spend is counted twice. Pending spend is not included, because a transcript may still report it. If a
    /// session's transcript could not be read in full, its unrecorded spend is not included either, because it may
    /// contain responses that another machine exports. In both cases, the amount is a lower bound.
    fn add_unrecorded(&mut self) {
        let names = &self.sources.spend.names;
        let incomplete = &self.sources.incomplete_sessions;
        let mut parts: BTreeMap<(NaiveDate, i64), Vec<&StoredRow>> = BTreeMap::new();
        for row in &self.sources.spend.off_transcript {
            let part = parts
                .entry((month_of(row.at), row.session))
                .or_default();
            part.push(row);
        }
        for (id, origin) in &names.sessions {
            if let Some(at) = origin.last_at
                && incomplete.contains(&origin.session)
            {
                parts.entry((month_of(at), *id)).or_default();
            }
        }
        let mut totals = HashMap::<i64, Money>::new();
        for ((month, id), part) in parts {
            let origin = names.origin(id);
            let mut row = Row {
                key: key_of_part(&origin.session, month),
                kind: UNRECORDED.to_owned(),
                ..Row::default()
            };
            let last_at = part.iter().map(|spend| spend.at).max();
            row.time = last_at.or(origin.last_at).unwrap_or_default();
            if let Some(largest) = part
                .iter()
                .max_by_key(|spend| spend.tally.unrecorded)
            {
                names.model(largest.model).clone_into(&mut row.model);
            }
            if incomplete.contains(&origin.session) {
                row.at_least = true;
            } else {
                let total = totals.entry(id).or_default();
                *total += part.iter().map(|spend| spend.tally.unrecorded).sum();
                row.cost_pico = total.pico();
                row.at_least = part
                    .iter()
                    .any(|spend| spend.tally.at_least || spend.tally.pending > Money::ZERO);
            }
            self.add(row, id);
        }
    }

    /// Adds a row after filling in the fields that all rows of a session share.
    fn add(&mut self, row: Row, session: i64) {
        let origin = self.sources.spend.names.origin(session);
        let Some(project) = project_name(&origin.project, self.home, self.config) else {
            return;
        };
        let branch = branch_name(&row.branch, project, self.config).to_owned();
        let rows = self
            .rows
            .months
            .entry(month_of(row.time))
            .or_default();
        rows.push(Row {
            time: row.time.div_euclid(QUARTER_HOUR) * QUARTER_HOUR,
            person: self.config.person.clone().unwrap_or_default(),
            machine: self.rows.machine.clone(),
            project: project.to_owned(),
            branch,
            session: origin.session.clone(),
            labels: self.config.labels.clone(),
            ..row
        });
    }
}

/// Returns the first day of the month that contains a time, in UTC.
fn month_of(at: Millis) -> NaiveDate {
    let day = datetime_from_millis(at).date_naive();
    day.with_day(1).unwrap_or(day)
}

/// Returns the key for a session's unrecorded spend in a month. The key is the same on all machines that have the
/// session.
fn key_of_part(session: &str, month: NaiveDate) -> String {
    let part = [UNRECORDED, session, &month_name(month)].join("\0");
    format!("{:016x}", xxh3_64(part.as_bytes()))
}
