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
    /// By project and by person.
    groupings: Option<[Grouping; 2]>,
    /// The dearest first, once all rows are in.
    pub(super) projects: Vec<SpendGroup>,
    /// Likewise; empty where rows tell no person.
    pub(super) people: Vec<SpendGroup>,
    /// The dearest first, likewise.
    pub(super) models: Vec<(String, Tally)>,
    pub(super) days: BTreeMap<NaiveDate, DaySums>,
    /// From Monday, hour by hour.
    pub(super) week: [[Money; HOURS]; 7],
    pub(super) sessions: HashMap<String, SessionSums>,
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

/// What a session's line says besides its sums.
#[derive(Debug, Default)]
pub(super) struct SessionSums {
    /// When it began: its first response, else the first quarter of an hour in which it cost
    /// anything.
    pub(super) first_at: Option<Millis>,
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
        Self {
            zone,
            groupings: Some([GroupBy::Project, GroupBy::Person].map(|by| Grouping::new(by, zone))),
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
        let tally = Tally::of(row);
        let cost = tally.cost();
        let model = known(row.model);
        if let Some([projects, people]) = &mut self.groupings {
            projects.add(row);
            if !row.person.is_empty() {
                people.add(row);
            }
        }
        match self.models.iter_mut().find(|(name, _)| name == model) {
            Some((_, sum)) => *sum += tally,
            None => self.models.push((model.to_owned(), tally)),
        }
        let (_, day, [weekday, hour]) = match self.latest {
            Some(latest) if latest.0 == row.at => latest,
            _ => self.place(row.at),
        };
        let day = self.days.entry(day).or_default();
        day.tally += tally;
        add_to(&mut day.models, model, cost);
        if let Some(sum) = self.week.get_mut(weekday).and_then(|day| day.get_mut(hour)) {
            *sum += cost;
        }
        if !self.sessions.contains_key(&row.origin.session) {
            let new = SessionSums::default();
            self.sessions.insert(row.origin.session.clone(), new);
        }
        if let Some(session) = self.sessions.get_mut(&row.origin.session) {
            let first = row.origin.first_at.unwrap_or(row.at);
            session.first_at = Some(session.first_at.map_or(first, |known| known.min(first)));
            add_to(&mut session.models, model, cost);
        }
    }

    fn place(&mut self, at: Millis) -> (Millis, NaiveDate, [usize; 2]) {
        let local = self.zone.at(moment(at));
        let weekday = local.weekday().num_days_from_monday();
        let hour = [weekday, local.hour()].map(|part| part as usize);
        *self.latest.insert((at, local.date_naive(), hour))
    }

    /// All rows are in.
    pub(crate) fn finish(&mut self) {
        if let Some([projects, people]) = self.groupings.take() {
            self.projects = projects.finish().1;
            self.people = people.finish().1;
            order_and_cut(&mut self.projects, GroupBy::Project, None, None);
            order_and_cut(&mut self.people, GroupBy::Person, None, None);
        }
        self.models
            .sort_by(|a, b| b.1.cost().cmp(&a.1.cost()).then_with(|| a.0.cmp(&b.0)));
    }

    /// The first day on which something was spent.
    pub(crate) fn first_day(&self) -> Option<NaiveDate> {
        self.days.keys().next().copied()
    }

    /// The people, the dearest first.
    pub(crate) fn people(&self) -> impl Iterator<Item = &str> {
        self.people.iter().map(|person| person.key.as_str())
    }

    /// The projects' directories, the dearest first.
    pub(crate) fn projects(&self) -> impl Iterator<Item = &str> {
        self.projects.iter().map(|project| project.key.as_str())
    }
}

/// Looks first, so that a name is copied once.
fn add_to(sums: &mut HashMap<String, Money>, name: &str, cost: Money) {
    match sums.get_mut(name) {
        Some(sum) => *sum += cost,
        None => {
            sums.insert(name.to_owned(), cost);
        }
    }
}
