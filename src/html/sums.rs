//! What the rows of spend come to by day and model, by hour of the week, by project, by session.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, NaiveDate, Timelike};

use crate::ledger::SpendRow;
use crate::pricing::Money;
use crate::spend::{GroupBy, Grouping, SpendGroup, Tally, known, order_and_cut};
use crate::time::{Millis, Zone, moment};

/// Hours of a day.
pub(super) const HOURS: usize = 24;

/// Adds rows up for a page.
#[derive(Debug)]
pub(crate) struct PageSums {
    zone: Zone,
    /// By project, person and model.
    groupings: Option<[Grouping; 3]>,
    /// The dearest first, once all rows are in.
    pub(super) projects: Vec<SpendGroup>,
    /// The dearest first; empty where rows tell no person.
    pub(super) people: Vec<SpendGroup>,
    /// The dearest first.
    pub(super) models: Vec<SpendGroup>,
    pub(super) days: BTreeMap<NaiveDate, DaySums>,
    /// From Monday, hour by hour.
    pub(super) week: [[Money; HOURS]; 7],
    /// What each model cost, by its name, in each session.
    pub(super) sessions: HashMap<String, HashMap<String, Money>>,
    /// The quarter of an hour of the last row, its day, and its hour of the week: asking the zone
    /// costs more than all else, and rows come in order of time.
    latest: Option<(Millis, NaiveDate, [usize; 2])>,
}

/// What a day came to.
#[derive(Debug, Default)]
pub(super) struct DaySums {
    pub(super) tally: Tally,
    /// What each model cost, by its name.
    pub(super) models: HashMap<String, Money>,
}

/// Models and what they cost, the dearest first.
pub(super) fn dearest_first(models: &HashMap<String, Money>) -> Vec<(&str, Money)> {
    let models = models.iter().map(|(name, cost)| (name.as_str(), *cost));
    let mut models: Vec<(&str, Money)> = models.collect();
    models.sort_by_key(|(name, cost)| (Reverse(*cost), *name));
    models
}

impl PageSums {
    pub(crate) fn new(zone: Zone) -> Self {
        let by = [GroupBy::Project, GroupBy::Person, GroupBy::Model];
        Self {
            zone,
            groupings: Some(by.map(|by| Grouping::new(by, zone))),
            projects: Vec::new(),
            people: Vec::new(),
            models: Vec::new(),
            days: BTreeMap::new(),
            week: [[Money::ZERO; HOURS]; 7],
            sessions: HashMap::new(),
            latest: None,
        }
    }

    /// Takes in a row that tells its origin.
    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        let tally = Tally::from_row(row);
        let cost = tally.cost();
        let model = known(row.model);
        if let Some([projects, people, models]) = &mut self.groupings {
            projects.add(row);
            models.add(row);
            if !row.person.is_empty() {
                people.add(row);
            }
        }
        let (_, day, [weekday, hour]) = match self.latest {
            Some(latest) if latest.0 == row.at => latest,
            _ => self.place(row.at),
        };
        let day = self.days.entry(day).or_default();
        day.tally += tally;
        *day.models.entry(model.to_owned()).or_default() += cost;
        if let Some(sum) = self.week.get_mut(weekday).and_then(|day| day.get_mut(hour)) {
            *sum += cost;
        }
        let session = row.origin.session.clone();
        let session = self.sessions.entry(session).or_default();
        *session.entry(model.to_owned()).or_default() += cost;
    }

    fn place(&mut self, at: Millis) -> (Millis, NaiveDate, [usize; 2]) {
        let local = self.zone.at(moment(at));
        let weekday = local.weekday().num_days_from_monday();
        let hour = [weekday, local.hour()].map(|part| part as usize);
        *self.latest.insert((at, local.date_naive(), hour))
    }

    /// All rows are in.
    pub(crate) fn finish(&mut self) {
        if let Some(groupings) = self.groupings.take() {
            [self.projects, self.people, self.models] = groupings.map(|grouping| {
                let (_, mut groups) = grouping.finish();
                order_and_cut(&mut groups, GroupBy::Model, None, None);
                groups
            });
        }
    }

    /// The first day on which something was spent.
    pub(crate) fn first_day(&self) -> Option<NaiveDate> {
        self.days.keys().next().copied()
    }
}
