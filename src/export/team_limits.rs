//! Reads limit errors and full usage windows of several people from exports.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use indexmap::IndexMap;

use super::files::UnreadableFile;
use super::merged::MergedRows;
use super::row::{ExportedRow, RowType};
use crate::disk;
use crate::ledger::RowsPeriod;
use crate::limits::FULL_FROM;
use crate::limits::blocked_time::{DatedTotals, ErrorSummary, ErrorTotals, is_not_a_limit};
use crate::limits::kind::{Verdict, parse_name};
use crate::spend::or_unknown;
use crate::time::{Millis, QUARTER_HOUR, Zone, datetime_from_millis};

/// The limit errors and usage windows in an export directory.
#[derive(Debug, Default)]
pub(crate) struct TeamLimits {
    /// The errors that blocked work, oldest first.
    pub(crate) errors: Vec<ExportedError>,
    /// The readings of each person. The person with the earliest reading comes first. People without readings are not
    /// included.
    readings: IndexMap<String, PersonReadings>,
    pub(crate) unreadable: Vec<UnreadableFile>,
}

/// A limit error that blocked a person's work.
#[derive(Debug, Clone)]
pub(crate) struct ExportedError {
    pub(crate) at: DateTime<Utc>,
    pub(crate) person: String,
    pub(crate) session: String,
    /// The JSON name of the limit. If a newer version of whycap exported the row, this version may not know the limit.
    pub(crate) kind: String,
    /// The JSON name of the verdict.
    pub(crate) verdict: String,
    pub(crate) totals: ErrorTotals,
}

/// How limits affected one person.
#[derive(Debug, Default)]
pub(crate) struct PersonLimits {
    pub(crate) summary: ErrorSummary,
    /// The number of hours in which at least one window was full, or `None` if there are no readings.
    pub(crate) full_hours: Option<usize>,
}

impl TeamLimits {
    /// Reads the errors and windows in a period.
    pub(crate) fn read(
        directory: &Path,
        period: &RowsPeriod,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, disk::Error> {
        let limits = MergedRows::read(directory, RowType::Limits, progress)?;
        let windows = MergedRows::read(directory, RowType::Windows, progress)?;
        let mut readings: IndexMap<String, PersonReadings> = IndexMap::new();
        windows.each(|row| {
            if period.contains(&row.time) {
                let position = ReadingOrder {
                    at: row.time,
                    key: row.key,
                };
                let person = readings
                    .entry(or_unknown(&row.person).to_owned())
                    .or_insert_with(|| PersonReadings {
                        first: position,
                        full_hours: HashSet::new(),
                    });
                person.first = person.first.min(position);
                if row.percent >= Some(FULL_FROM) {
                    person.full_hours.insert(row.time);
                }
            }
        })?;
        readings.sort_by_cached_key(|_name, person| person.first);

        let mut errors = read_errors(&limits)?;
        errors.retain(|error| period.contains(&error.at.timestamp_millis()));
        Ok(Self {
            errors,
            readings,
            unreadable: [limits.unreadable, windows.unreadable].concat(),
        })
    }

    /// Returns how limits affected each person, by name.
    pub(crate) fn people(&self, zone: Zone) -> BTreeMap<&str, PersonLimits> {
        let mut errors: BTreeMap<&str, Vec<&ExportedError>> = BTreeMap::new();
        for name in self.readings.keys() {
            errors.entry(name).or_default();
        }
        for error in &self.errors {
            errors.entry(&error.person).or_default().push(error);
        }
        errors
            .into_iter()
            .map(|(name, errors)| {
                let limits = PersonLimits {
                    summary: summarize_errors(errors, zone),
                    full_hours: self
                        .readings
                        .get(name)
                        .map(|person| person.full_hours.len()),
                };
                (name, limits)
            })
            .collect()
    }
}

/// The readings of one person's usage windows.
#[derive(Debug)]
struct PersonReadings {
    /// The position of the person's first reading.
    first: ReadingOrder,
    /// The hours in which at least one usage window was full.
    full_hours: HashSet<Millis>,
}

/// The position of a reading among all readings. It does not depend on the order of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ReadingOrder {
    at: Millis,
    key: u64,
}

/// The properties that all errors of a stop have in common. A stop is a period in which a limit blocks a person. It may
/// contain several errors.
#[derive(PartialEq, Eq, Hash)]
struct StopKey {
    person: String,
    kind: String,
    /// True if the errors were probably false alarms. False alarms and real errors are never part of the same stop.
    is_false: bool,
}

/// The latest error of a stop, which shows when the person last tried to continue.
struct LastAttempt {
    /// The index of the error in the list of all errors.
    position: usize,
    ended_at: DateTime<Utc>,
}

/// Reads all errors and counts how often each person was stopped. An error is not counted as a new stop if the same
/// limit was already blocking the person.
fn read_errors(rows: &MergedRows) -> Result<Vec<ExportedError>, disk::Error> {
    let mut by_key = Vec::new();
    rows.each(|row| {
        if row.ended != "none" {
            by_key.push((row.key, ExportedError::new(row)));
        }
    })?;
    by_key.sort_by_key(|(key, error)| (error.at, *key));

    let mut errors: Vec<ExportedError> = by_key.into_iter().map(|(_key, error)| error).collect();
    let mut last_attempts: HashMap<StopKey, LastAttempt> = HashMap::new();
    for position in 0..errors.len() {
        let Some(error) = errors.get_mut(position) else {
            break;
        };
        let key = StopKey {
            person: error.person.clone(),
            kind: error.kind.clone(),
            is_false: error.totals.false_likely > 0,
        };
        let end = error.at.checked_add_signed(error.totals.blocked);
        let mut attempt = LastAttempt {
            position,
            ended_at: end.unwrap_or(error.at),
        };
        let earlier = last_attempts.get(&key).filter(|earlier| {
            // Times in rows are rounded down to quarter hours.
            error.at - earlier.ended_at < TimeDelta::milliseconds(QUARTER_HOUR)
        });
        error.totals.stops = earlier.is_none().into();
        if let Some(earlier) = earlier {
            // The verdict was counted with the first error of the stop.
            error.totals.false_likely = 0;
            error.totals.not_a_limit = 0;
            attempt.ended_at = attempt.ended_at.max(earlier.ended_at);
            // The later error is better evidence for when the stop ended.
            if let Some(error) = errors.get_mut(earlier.position) {
                error.totals.still_blocked = 0;
                error.totals.unknown_end = 0;
            }
        }
        last_attempts.insert(key, attempt);
    }
    Ok(errors)
}

/// Computes the totals of errors, given from oldest to newest.
pub(crate) fn summarize_errors<'e>(
    errors: impl IntoIterator<Item = &'e ExportedError>,
    zone: Zone,
) -> ErrorSummary {
    let errors = errors
        .into_iter()
        .map(|error| DatedTotals {
            at: error.at,
            limit: error.kind.clone(),
            totals: error.totals,
        })
        .collect();
    ErrorSummary::sum(errors, zone)
}

impl ExportedError {
    fn new(row: &ExportedRow) -> Self {
        let verdict: Option<Verdict> = parse_name(&row.verdict);
        // Negative durations only occur in damaged rows.
        let blocked = TimeDelta::try_seconds(row.blocked_s.unwrap_or_default().max(0));
        Self {
            at: datetime_from_millis(row.time),
            person: or_unknown(&row.person).to_owned(),
            session: row.session.clone(),
            kind: row.kind.clone(),
            verdict: row.verdict.clone(),
            totals: ErrorTotals {
                errors: 1,
                stops: 0,
                false_likely: (verdict == Some(Verdict::FalseLikely)).into(),
                not_a_limit: verdict.is_some_and(is_not_a_limit).into(),
                still_blocked: (row.ended == "open").into(),
                unknown_end: (row.ended == "unknown").into(),
                still_blocked_uncounted: 0,
                without_end: 0,
                overlapped: 0,
                blocked: blocked.unwrap_or(TimeDelta::MAX),
            },
        }
    }
}
