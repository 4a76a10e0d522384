//! The readings of usage windows, and what they prove about a given time.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::{Kind, Measure, Payer};

/// The percentage from which a window is considered full.
pub const FULL: f64 = 97.0;

/// The percentage at which a window is used up completely, so that usage credits may be paying.
pub(crate) const USED_UP: f64 = 100.0;

/// The maximum age of a reading that shows how full a window is now, and how fast it is filling up.
pub(crate) const FRESH_FOR: TimeDelta = TimeDelta::minutes(15);

/// The usage windows that apply to all models.
pub(crate) const OF_ALL_MODELS: [Kind; 2] = [Kind::FiveHour, Kind::Weekly];

/// One measurement of a usage window.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The time of the measurement.
    pub at: DateTime<Utc>,
    /// The payer to whom the usage window belongs.
    pub payer: Payer,
    /// The measured usage.
    pub measure: Measure,
}

impl Reading {
    /// Returns true if the window is considered full.
    pub fn is_full(&self) -> bool {
        self.measure.is_full()
    }

    /// Returns true if the window has not been reset between the reading and the given time.
    fn is_valid_at(&self, at: DateTime<Utc>) -> bool {
        match self.measure.resets_at {
            Some(reset) => reset > at,
            None => at - self.at <= FRESH_FOR,
        }
    }

    /// Returns true if the reading proves that a window had room when a request was refused at the given time. After
    /// the reading, usage may have risen by at most three percentage points per minute.
    pub(crate) fn shows_room_at(&self, at: DateTime<Utc>) -> bool {
        let age = (at - self.at).max(TimeDelta::zero());
        let rise = 3.0 * (age.num_seconds() as f64 / 60.0);
        age <= FRESH_FOR && self.measure.percent + rise < FULL
    }
}

/// The readings of every window of every payer, in the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readings {
    by_window: BTreeMap<(Payer, Kind), Vec<Reading>>,
}

impl Readings {
    pub(crate) fn add(&mut self, reading: Reading) {
        let window = (reading.payer.clone(), reading.measure.window);
        self.by_window
            .entry(window)
            .or_default()
            .push(reading);
    }

    pub(crate) fn of(&self, payer: &Payer, window: Kind) -> &[Reading] {
        let window = (payer.clone(), window);
        self.by_window
            .get(&window)
            .map_or(&[], Vec::as_slice)
    }

    /// Returns the newest reading of this window up to the given time. Returns `None` if there is no such reading, or
    /// if the window has been reset since.
    pub(crate) fn newest(
        &self,
        payer: &Payer,
        window: Kind,
        at: DateTime<Utc>,
    ) -> Option<&Reading> {
        let readings = self.of(payer, window);
        let newest = readings.iter().rfind(|reading| reading.at <= at);
        newest.filter(|reading| reading.is_valid_at(at))
    }

    /// Returns the newest reading of each window of the payer. The windows may have been reset since.
    pub(crate) fn current(&self, payer: &Payer) -> Vec<&Reading> {
        let windows = Kind::ALL.into_iter().filter(|kind| kind.is_window());
        windows
            .filter_map(|window| self.of(payer, window).last())
            .collect()
    }

    /// Returns the readings of the full windows that apply to all models. The window that resets last comes first.
    pub(crate) fn full(&self, payer: &Payer, at: DateTime<Utc>) -> Vec<&Reading> {
        let newest = OF_ALL_MODELS
            .into_iter()
            .filter_map(|window| self.newest(payer, window, at));
        let mut full: Vec<_> = newest.filter(|reading| reading.is_full()).collect();
        full.sort_by_key(|reading| std::cmp::Reverse(reading.measure.resets_at));
        full
    }

    /// Returns the time since which the usage of a window that applies to all models has been at least this high.
    pub(crate) fn high_since(
        &self,
        payer: &Payer,
        percent: f64,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let since = |window| {
            let newest = self.newest(payer, window, now)?;
            let is_same = |reading: &&Reading| {
                reading.measure.percent >= percent
                    && reading.measure.resets_at == newest.measure.resets_at
            };
            let high = self
                .of(payer, window)
                .iter()
                .rev()
                .take_while(is_same);
            high.last().map(|reading| reading.at)
        };
        OF_ALL_MODELS.into_iter().filter_map(since).min()
    }
}
