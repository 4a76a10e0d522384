//! The limit errors of all machines put together, and how full windows were, hour by hour.
//!
//! The rule that the SQL for databases has too: of rows of one key the highest version counts. Names
//! that a newer whycap gave stay as they are.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::best_copies::BestCopies;
use super::drafts::Rows;
use super::limit_rows::Ended;
use super::line::{read_key, read_time};
use crate::disk;
use crate::limits::kind::Verdict;
use crate::limits::toll::Toll;
use crate::time::{Millis, moment};

/// What was read of a directory of exports.
#[derive(Debug, Default)]
pub(crate) struct TeamLimits {
    /// Oldest first.
    pub(crate) errors: Vec<ExportedError>,
    /// In order of time.
    pub(crate) hours: Vec<WindowHour>,
    /// Files that are there and could not be read to their end.
    pub(crate) unreadable: Vec<PathBuf>,
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
    window: Cow<'l, str>,
    percent: f64,
}

impl TeamLimits {
    /// Reads every file of limit errors and windows below a directory.
    pub(crate) fn read(
        directory: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, disk::Error> {
        let mut all = Self::default();
        let mut names = EachOnce::default();
        let errors = BestCopies::read(directory, Rows::Limits, progress, |text, best| {
            let line: ErrorLine<'_> = serde_json::from_str(text)?;
            best.offer(line.key, line.version, || line.error(&mut names));
            Ok(())
        })?;
        let hours = BestCopies::read(directory, Rows::Windows, progress, |text, best| {
            let line: HourLine<'_> = serde_json::from_str(text)?;
            best.offer(line.key, line.version, || line.hour(&mut names));
            Ok(())
        })?;
        if let Some(best) = errors {
            let errors = best.by_key.into_iter();
            let errors = errors.filter_map(|(key, (_, error))| Some((key, error?)));
            let mut errors: Vec<(u64, ExportedError)> = errors.collect();
            errors.sort_by_key(|(key, error)| (error.at, *key));
            all.errors = errors.into_iter().map(|(_, error)| error).collect();
            all.unreadable = best.unreadable;
        }
        if let Some(best) = hours {
            all.hours = best.by_key.into_values().map(|(_, hour)| hour).collect();
            all.hours.sort_by_key(|hour| hour.at);
            all.unreadable.extend(best.unreadable);
        }
        Ok(all)
    }

    /// Everybody who is named, some of them more than once.
    pub(crate) fn people(&self) -> impl Iterator<Item = &str> {
        let errors = self.errors.iter().map(|error| &*error.person);
        errors.chain(self.hours.iter().map(|hour| &*hour.person))
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
            person: names.name(&self.person),
            session: names.name(&self.session),
            kind: names.name(&self.kind),
            verdict: names.name(&self.verdict),
            toll: Toll {
                errors: 1,
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
            person: names.name(&self.person),
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
