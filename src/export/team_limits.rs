//! The limit errors of all machines put together, and how full windows were, hour by hour.
//!
//! Names that a newer whycap gave stay as they are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::drafts::Rows;
use super::files::{Gap, files_of};
use super::line::{Ended, LimitLine, WindowLine};
use super::merged::Merged;
use crate::disk;
use crate::ledger::RowsPeriod;
use crate::limits::FULL_FROM;
use crate::limits::kind::{Verdict, named};
use crate::limits::stoppages::{Toll, Tolls};
use crate::spend::known;
use crate::time::{Zone, moment};

/// What was read of a directory of exports.
#[derive(Debug, Default)]
pub(crate) struct TeamLimits {
    /// Oldest first.
    pub(crate) errors: Vec<ExportedError>,
    /// By person, and by the window's name in JSON.
    windows: BTreeMap<String, BTreeMap<String, WindowUse>>,
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

/// How near a person came to a window's limit.
#[derive(Debug, Default)]
pub(crate) struct WindowUse {
    /// The hours in which it was full.
    pub(crate) full: HashSet<DateTime<Utc>>,
    /// In percent.
    pub(crate) fullest: f64,
}

/// What limits did to a person.
#[derive(Debug, Default)]
pub(crate) struct PersonLimits<'t> {
    pub(crate) tolls: Tolls,
    /// By the window's name in JSON.
    pub(crate) windows: BTreeMap<&'t str, &'t WindowUse>,
}

impl PersonLimits<'_> {
    /// The hours in which any window was full, each once. None where no window is known.
    pub(crate) fn full_hours(&self) -> Option<usize> {
        let full = self.windows.values().flat_map(|window| &window.full);
        let full: HashSet<&DateTime<Utc>> = full.collect();
        (!self.windows.is_empty()).then_some(full.len())
    }
}

impl TeamLimits {
    /// Reads every file of limit errors and windows below a directory. None if there are no exports.
    pub(crate) fn read(
        directory: &Path,
        period: &RowsPeriod,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Option<Self>, disk::Error> {
        let mut all = Self::default();
        let [limits, windows] =
            [Rows::Limits, Rows::Windows].map(|rows| Merged::read(directory, rows, progress));
        if limits.is_none() && windows.is_none() {
            let spend = files_of(directory, Rows::Spend, &mut all.gaps);
            return Ok((!spend.is_empty() || !all.gaps.is_empty()).then_some(all));
        }
        if let Some(limits) = limits {
            all.read_errors(&limits, period)?;
            all.gaps.extend(limits.gaps);
        }
        if let Some(windows) = windows {
            all.read_hours(&windows, period)?;
            all.gaps.extend(windows.gaps);
        }
        Ok(Some(all))
    }

    fn read_errors(&mut self, rows: &Merged, period: &RowsPeriod) -> Result<(), disk::Error> {
        let mut errors = Vec::new();
        rows.each(|text| {
            let line: LimitLine<'_> = serde_json::from_str(text)?;
            errors.extend((line.ended != Ended::None).then(|| (line.key, line.error())));
            Ok(())
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
        rows.each(|text| {
            let line: WindowLine<'_> = serde_json::from_str(text)?;
            if !period.contains(&line.time) {
                return Ok(());
            }
            let windows = self.windows.entry(known(&line.person).to_owned());
            let window = windows.or_default().entry(line.window.to_string());
            let window = window.or_default();
            window.fullest = window.fullest.max(line.percent);
            if line.percent >= FULL_FROM {
                window.full.insert(moment(line.time));
            }
            Ok(())
        })
    }

    /// What the errors come to.
    pub(crate) fn tolls(&self, zone: Zone) -> Tolls {
        tolls(&self.errors, zone)
    }

    /// Everybody's name, some more than once.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let errors = self.errors.iter().map(|error| &*error.person);
        errors.chain(self.windows.keys().map(String::as_str))
    }

    /// Everybody of whom there is anything, by name.
    pub(crate) fn people(&self, zone: Zone) -> BTreeMap<&str, PersonLimits<'_>> {
        let mut errors: BTreeMap<&str, Vec<&ExportedError>> = BTreeMap::new();
        for error in &self.errors {
            errors.entry(&error.person).or_default().push(error);
        }
        let mut people: BTreeMap<&str, PersonLimits<'_>> = BTreeMap::new();
        for (name, errors) in errors {
            people.entry(name).or_default().tolls = tolls(errors, zone);
        }
        for (name, windows) in &self.windows {
            let windows = windows.iter().map(|(window, of)| (window.as_str(), of));
            people.entry(name).or_default().windows = windows.collect();
        }
        people
    }
}

fn tolls<'e>(errors: impl IntoIterator<Item = &'e ExportedError>, zone: Zone) -> Tolls {
    let each = errors.into_iter();
    let each = each.map(|error| (error.at, error.kind.clone(), error.toll));
    Tolls::sum(each.collect(), zone)
}

impl LimitLine<'_> {
    fn error(&self) -> ExportedError {
        let is_false = named(&self.verdict) == Some(Verdict::FalseLikely);
        // A time that ran backwards is damage.
        let blocked = TimeDelta::try_seconds(self.blocked_s.max(0));
        ExportedError {
            at: moment(self.time),
            person: known(&self.person).to_owned(),
            session: self.session.to_string(),
            kind: self.kind.to_string(),
            verdict: self.verdict.to_string(),
            toll: Toll {
                errors: 1,
                stops: 0,
                likely_false: is_false.into(),
                still: (self.ended == Ended::Open).into(),
                unknown: (self.ended == Ended::Unknown).into(),
                blocked: blocked.unwrap_or(TimeDelta::MAX),
            },
        }
    }
}
