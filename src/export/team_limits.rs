//! The limit errors of all machines put together, and how full windows were, hour by hour.
//!
//! Names that a newer whycap gave stay as they are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::drafts::Rows;
use super::files::{ExportLine, Gap};
use super::merged::Merged;
use crate::disk;
use crate::ledger::RowsPeriod;
use crate::limits::FULL_FROM;
use crate::limits::kind::{Verdict, named};
use crate::limits::stoppages::{Toll, Tolls};
use crate::spend::known;
use crate::time::{Millis, Zone, moment};

/// What was read of a directory of exports.
#[derive(Debug, Default)]
pub(crate) struct TeamLimits {
    /// Oldest first.
    pub(crate) errors: Vec<ExportedError>,
    /// By person, the hours in which any window was full.
    full: BTreeMap<String, HashSet<Millis>>,
    /// What could not be read.
    pub(crate) gaps: Vec<Gap>,
}

/// A limit error that stopped somebody's work.
#[derive(Debug, Clone)]
pub(crate) struct ExportedError {
    pub(crate) at: DateTime<Utc>,
    pub(crate) person: String,
    pub(crate) session: String,
    /// The limit and the verdict by their names in JSON.
    pub(crate) kind: String,
    pub(crate) verdict: String,
    pub(crate) toll: Toll,
}

/// What limits did to a person.
#[derive(Debug, Default)]
pub(crate) struct PersonLimits {
    pub(crate) tolls: Tolls,
    /// The hours in which any window was full, each once. None where no window is known.
    pub(crate) full_hours: Option<usize>,
}

impl TeamLimits {
    /// Reads every file of limit errors and windows below a directory.
    pub(crate) fn read(
        directory: &Path,
        period: &RowsPeriod,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, disk::Error> {
        let [limits, windows] =
            [Rows::Limits, Rows::Windows].map(|rows| Merged::read(directory, rows, progress));
        let mut all = Self::default();
        all.read_errors(&limits, period)?;
        all.read_hours(&windows, period)?;
        all.gaps = [limits.gaps, windows.gaps].concat();
        Ok(all)
    }

    fn read_errors(&mut self, rows: &Merged, period: &RowsPeriod) -> Result<(), disk::Error> {
        let mut errors = Vec::new();
        rows.each(|line| {
            let stopped = &*line.ended != "none";
            errors.extend(stopped.then(|| (line.key, ExportedError::new(line))));
        })?;
        errors.sort_by_key(|(key, error)| (error.at, *key));
        // An error that came while its person was stopped by the same limit is of the same stop.
        let mut lasts: HashMap<[String; 2], DateTime<Utc>> = HashMap::new();
        for (_, mut error) in errors {
            let ends = error.at.checked_add_signed(error.toll.blocked);
            let last = lasts.entry([error.person.clone(), error.kind.clone()]);
            let last = last.or_insert(DateTime::<Utc>::MIN_UTC);
            error.toll.stops = (error.at > *last).into();
            *last = ends.unwrap_or(error.at).max(*last);
            let is_meant = period.contains(&error.at.timestamp_millis());
            self.errors.extend(is_meant.then_some(error));
        }
        Ok(())
    }

    fn read_hours(&mut self, rows: &Merged, period: &RowsPeriod) -> Result<(), disk::Error> {
        rows.each(|line| {
            if period.contains(&line.time) {
                let full = self.full.entry(known(&line.person).to_owned());
                let is_full = line.percent >= Some(FULL_FROM);
                full.or_default().extend(is_full.then_some(line.time));
            }
        })
    }

    /// Everybody's name, some more than once.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let errors = self.errors.iter().map(|error| &*error.person);
        errors.chain(self.full.keys().map(String::as_str))
    }

    /// Everybody of whom there is anything, by name.
    pub(crate) fn people(&self, zone: Zone) -> BTreeMap<&str, PersonLimits> {
        let full = self.full.keys().map(|name| (name.as_str(), Vec::new()));
        let mut errors: BTreeMap<&str, Vec<&ExportedError>> = full.collect();
        for error in &self.errors {
            errors.entry(&error.person).or_default().push(error);
        }
        let people = errors.into_iter().map(|(name, errors)| {
            let tolls = tolls(errors, zone);
            let full_hours = self.full.get(name).map(HashSet::len);
            (name, PersonLimits { tolls, full_hours })
        });
        people.collect()
    }
}

/// What errors come to.
pub(crate) fn tolls<'e>(errors: impl IntoIterator<Item = &'e ExportedError>, zone: Zone) -> Tolls {
    let each = errors.into_iter();
    let each = each.map(|error| (error.at, error.kind.clone(), error.toll));
    Tolls::sum(each.collect(), zone)
}

impl ExportedError {
    fn new(line: &ExportLine<'_>) -> Self {
        let verdict: Option<Verdict> = named(&line.verdict);
        // A time that ran backwards is damage.
        let blocked = TimeDelta::try_seconds(line.blocked_s.unwrap_or_default().max(0));
        Self {
            at: moment(line.time),
            person: known(&line.person).to_owned(),
            session: line.session.to_string(),
            kind: line.kind.to_string(),
            verdict: line.verdict.to_string(),
            toll: Toll {
                errors: 1,
                stops: 0,
                likely_false: (verdict == Some(Verdict::FalseLikely)).into(),
                not_a_limit: (verdict == Some(Verdict::NotALimit)).into(),
                still: (&*line.ended == "open").into(),
                unknown: (&*line.ended == "unknown").into(),
                blocked: blocked.unwrap_or(TimeDelta::MAX),
            },
        }
    }
}
