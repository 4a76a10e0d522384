//! What the rows of spend come to by day and model, by hour of the week, by project, by session.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, NaiveDate, Timelike};

use crate::ledger::{SpendRow, Tally};
use crate::pricing::Money;
use crate::spend::known;
use crate::time::{Millis, Zone, moment};

/// Hours of a day.
pub(super) const HOURS: usize = 24;

/// What each of some models, projects or people came to, by its name.
pub(super) type SumsByName = HashMap<String, Tally>;

/// Adds rows up for a page.
#[derive(Debug, Default)]
pub(crate) struct PageSums {
    pub(super) projects: SumsByName,
    /// Empty where rows tell no person.
    pub(super) people: SumsByName,
    pub(super) models: SumsByName,
    /// By model.
    pub(super) days: BTreeMap<NaiveDate, SumsByName>,
    /// From Monday, hour by hour.
    pub(super) week: [[Money; HOURS]; 7],
    /// By the ids of sessions, and by model.
    pub(super) sessions: HashMap<String, SumsByName>,
    /// The quarter of an hour of the last row, its day, and its hour of the week: asking the zone
    /// costs more than all else, and rows come in order of time.
    latest: Option<(Millis, NaiveDate, [usize; 2])>,
}

/// The dearest first.
pub(super) fn dearest_first(sums: &SumsByName) -> Vec<(&str, Tally)> {
    let sums = sums.iter().map(|(name, sum)| (name.as_str(), *sum));
    let mut sums: Vec<(&str, Tally)> = sums.collect();
    sums.sort_by_key(|(name, sum)| (Reverse(sum.cost()), *name));
    sums
}

/// All of them.
pub(super) fn sum_of(sums: &SumsByName) -> Tally {
    sums.values().copied().sum()
}

impl PageSums {
    /// Takes in a row that tells its origin.
    pub(crate) fn add(&mut self, row: &SpendRow<'_>, zone: Zone) {
        let (_, day, [weekday, hour]) = match self.latest {
            Some(latest) if latest.0 == row.at => latest,
            _ => self.place(row.at, zone),
        };
        if let Some(sum) = self.week.get_mut(weekday).and_then(|day| day.get_mut(hour)) {
            *sum += row.tally.cost();
        }
        let (model, session) = (known(row.model), row.origin.session.clone());
        let mut sums = vec![
            (&mut self.projects, known(&row.origin.project)),
            (&mut self.models, model),
            (self.days.entry(day).or_default(), model),
            (self.sessions.entry(session).or_default(), model),
        ];
        if !row.person.is_empty() {
            sums.push((&mut self.people, row.person));
        }
        for (sums, name) in sums {
            *sums.entry(name.to_owned()).or_default() += row.tally;
        }
    }

    fn place(&mut self, at: Millis, zone: Zone) -> (Millis, NaiveDate, [usize; 2]) {
        let local = zone.at(moment(at));
        let weekday = local.weekday().num_days_from_monday();
        let hour = [weekday, local.hour()].map(|part| part as usize);
        *self.latest.insert((at, local.date_naive(), hour))
    }

    /// The first day on which something was spent.
    pub(crate) fn first_day(&self) -> Option<NaiveDate> {
        self.days.keys().next().copied()
    }
}
