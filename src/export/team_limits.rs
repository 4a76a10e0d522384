//! The limit errors of all machines put together, and how full windows were, hour by hour.
//!
//! Names that a newer whycap gave stay as they are.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::copies::Copies;
use super::drafts::Rows;
use super::files::{Files, Gap, are_in, each_line};
use super::limit_rows::Ended;
use super::line::{check_names, read_key, read_time};
use crate::disk;
use crate::limits::FULL_FROM;
use crate::limits::kind::Verdict;
use crate::limits::stoppages::{Toll, Tolls};
use crate::spend::known;
use crate::time::{Millis, Zone, moment};

/// What was read of a directory of exports.
#[derive(Debug, Default)]
pub(crate) struct TeamLimits {
    /// Oldest first.
    pub(crate) errors: Vec<ExportedError>,
    /// In order of time.
    pub(crate) hours: Vec<WindowHour>,
    /// What could not be read.
    pub(crate) gaps: Vec<Gap>,
}

/// A limit error that stopped somebody's work.
#[derive(Debug, Clone)]
pub(crate) struct ExportedError {
    pub(crate) at: DateTime<Utc>,
    pub(crate) person: Rc<str>,
    pub(crate) session: Rc<str>,
    /// The limit and the verdict by their names in JSON.
    pub(crate) kind: Rc<str>,
    pub(crate) verdict: Rc<str>,
    pub(crate) toll: Toll,
}

/// How full a window of somebody's account was at most in an hour.
#[derive(Debug, Clone)]
pub(crate) struct WindowHour {
    /// When the hour began.
    pub(crate) at: DateTime<Utc>,
    pub(crate) person: Rc<str>,
    /// By its name in JSON.
    pub(crate) window: Rc<str>,
    pub(crate) percent: f64,
}

/// What limits did to a person.
#[derive(Debug, Default)]
pub(crate) struct PersonLimits<'t> {
    pub(crate) tolls: Tolls,
    /// By the window's name in JSON.
    pub(crate) windows: BTreeMap<&'t str, WindowUse>,
}

/// How near a person came to a window's limit.
#[derive(Debug, Default)]
pub(crate) struct WindowUse {
    /// The hours in which it was full.
    pub(crate) full: Vec<DateTime<Utc>>,
    /// In percent.
    pub(crate) fullest: f64,
}

impl PersonLimits<'_> {
    /// The hours in which any window was full, each once. None where no window is known.
    pub(crate) fn full_hours(&self) -> Option<usize> {
        let full = self.windows.values().flat_map(|window| &window.full);
        let full: HashSet<&DateTime<Utc>> = full.collect();
        (!self.windows.is_empty()).then_some(full.len())
    }
}

fn tolls<'e>(errors: impl IntoIterator<Item = &'e ExportedError>, zone: Zone) -> Tolls {
    let each = errors.into_iter();
    let each = each.map(|error| (error.at, error.kind.to_string(), error.toll));
    Tolls::sum(each.collect(), zone)
}

/// What is read back of a row of `limits`.
#[derive(Debug, Deserialize)]
struct ErrorLine<'l> {
    #[serde(deserialize_with = "read_key")]
    key: u64,
    version: u64,
    #[serde(deserialize_with = "read_time")]
    time: Millis,
    #[serde(borrow)]
    person: Cow<'l, str>,
    #[serde(borrow)]
    machine: Cow<'l, str>,
    #[serde(borrow)]
    session: Cow<'l, str>,
    #[serde(borrow)]
    kind: Cow<'l, str>,
    #[serde(borrow)]
    verdict: Cow<'l, str>,
    blocked_s: i64,
    ended: Ended,
}

/// What is read back of a row of `windows`.
#[derive(Debug, Deserialize)]
struct HourLine<'l> {
    #[serde(deserialize_with = "read_key")]
    key: u64,
    version: u64,
    #[serde(deserialize_with = "read_time")]
    time: Millis,
    #[serde(borrow)]
    person: Cow<'l, str>,
    #[serde(borrow)]
    machine: Cow<'l, str>,
    #[serde(borrow)]
    window: Cow<'l, str>,
    percent: f64,
}

impl TeamLimits {
    /// Reads every file of limit errors and windows below a directory. None if there are no exports.
    pub(crate) fn read(
        directory: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Option<Self>, disk::Error> {
        if !are_in(directory)? {
            return Ok(None);
        }
        let mut all = Self::default();
        let mut names = EachOnce::default();
        let errors = all.best(directory, Rows::Limits, progress, |text, copies| {
            let line: ErrorLine<'_> =
                serde_json::from_str(text).map_err(|wrong| wrong.to_string())?;
            check_names([&line.person, &line.session, &line.kind, &line.verdict])?;
            copies.add(line.key, line.version, &line.machine)?;
            Ok((line.key, line.error(&mut names)))
        });
        let mut errors: Vec<(u64, ExportedError)> = errors
            .into_iter()
            .filter_map(|(key, error)| Some((key, error?)))
            .collect();
        errors.sort_by_key(|(key, error)| (error.at, *key));
        all.errors = errors.into_iter().map(|(_, error)| error).collect();
        all.count_stops();
        let hours = all.best(directory, Rows::Windows, progress, |text, copies| {
            let line: HourLine<'_> =
                serde_json::from_str(text).map_err(|wrong| wrong.to_string())?;
            check_names([&line.person, &line.machine, &line.window])?;
            copies.add(line.key, line.version, &line.machine)?;
            Ok(line.hour(&mut names))
        });
        all.hours = hours;
        all.hours.sort_by_key(|hour| hour.at);
        Ok(Some(all))
    }

    /// The rows of one kind that count; `take` understands a line and names the copy.
    fn best<Row>(
        &mut self,
        directory: &Path,
        rows: Rows,
        progress: &mut dyn FnMut(u64, u64),
        mut take: impl FnMut(&str, &mut Copies) -> Result<Row, String>,
    ) -> Vec<Row> {
        let files = Files::list(directory, rows);
        self.gaps.extend(files.gaps);
        let (mut all, mut copies) = (Vec::new(), Copies::default());
        let total = files.paths.len() as u64;
        for (done, path) in (0..).zip(files.paths) {
            progress(done, total);
            let read = each_line(&path, |text| {
                all.push(take(text, &mut copies)?);
                Ok::<(), String>(())
            });
            self.gaps.extend(read.err());
        }
        let rows = all.into_iter().zip(copies.counting());
        rows.filter_map(|(row, counts)| counts.then_some(row))
            .collect()
    }

    /// An error that came while its person was stopped by the same limit is of the same stop.
    fn count_stops(&mut self) {
        let mut lasts: HashMap<(Rc<str>, Rc<str>), DateTime<Utc>> = HashMap::new();
        for error in &mut self.errors {
            let ends = error.at.checked_add_signed(error.toll.blocked);
            let key = (Rc::clone(&error.person), Rc::clone(&error.kind));
            let ends = ends.unwrap_or(error.at);
            let last = lasts.get(&key).copied();
            error.toll.stops = last.is_none_or(|last| error.at > last).into();
            lasts.insert(key, last.map_or(ends, |last| last.max(ends)));
        }
    }

    /// What the errors come to.
    pub(crate) fn tolls(&self, zone: Zone) -> Tolls {
        tolls(&self.errors, zone)
    }

    /// Everybody's name, some more than once.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let errors = self.errors.iter().map(|error| &*error.person);
        errors.chain(self.hours.iter().map(|hour| &*hour.person))
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
        for hour in &self.hours {
            let person = people.entry(&hour.person).or_default();
            let window = person.windows.entry(&hour.window).or_default();
            window.fullest = window.fullest.max(hour.percent);
            if hour.percent >= FULL_FROM {
                window.full.push(hour.at);
            }
        }
        people
    }

    /// Keeps what is from `from` on and before `to`; of errors, those of sessions that count.
    pub(crate) fn narrow(
        &mut self,
        from: Option<Millis>,
        to: Option<Millis>,
        counts: impl Fn(&str) -> bool,
    ) {
        let is_within = |at: DateTime<Utc>| {
            let at = at.timestamp_millis();
            from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to)
        };
        self.errors
            .retain(|error| is_within(error.at) && counts(&error.session));
        self.hours.retain(|hour| is_within(hour.at));
    }
}

impl ErrorLine<'_> {
    /// None where nothing was stopped.
    fn error(&self, names: &mut EachOnce) -> Option<ExportedError> {
        let is_false = Verdict::named(&self.verdict) == Some(Verdict::FalseLikely);
        // A time that ran backwards is damage.
        let blocked = TimeDelta::try_seconds(self.blocked_s.max(0));
        (self.ended != Ended::None).then(|| ExportedError {
            at: moment(self.time),
            person: names.name(known(&self.person)),
            session: names.name(&self.session),
            kind: names.name(&self.kind),
            verdict: names.name(&self.verdict),
            toll: Toll {
                errors: 1,
                stops: 0,
                likely_false: is_false.into(),
                still: (self.ended == Ended::Open).into(),
                unknown: (self.ended == Ended::Unknown).into(),
                blocked: blocked.unwrap_or(TimeDelta::MAX),
            },
        })
    }
}

impl HourLine<'_> {
    fn hour(&self, names: &mut EachOnce) -> WindowHour {
        WindowHour {
            at: moment(self.time),
            person: names.name(known(&self.person)),
            window: names.name(&self.window),
            percent: self.percent,
        }
    }
}

/// Each name once in memory: a year of a team has millions of rows.
#[derive(Debug, Default)]
struct EachOnce(HashSet<Rc<str>>);

impl EachOnce {
    fn name(&mut self, name: &str) -> Rc<str> {
        if let Some(known) = self.0.get(name) {
            return Rc::clone(known);
        }
        let new: Rc<str> = name.into();
        self.0.insert(Rc::clone(&new));
        new
    }
}
