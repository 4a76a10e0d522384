//! What the rows of spend come to by day and model, by hour of the week, by project, by session; what one would send to a
//! friend of it: what was spent, on what plan, how long limits stopped it, and how that is beside the time before; and by
//! project, by person and by session, in tables. The page's script sorts and filters sessions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, Days, NaiveDate, Timelike};
use indexmap::IndexMap;

use super::markup::Markup;
use super::{Contents, View};
use crate::ledger::{SpendRow, Tally};
use crate::pricing::Money;
use crate::render::{Cell, Table};
use crate::spend::{Period, SpendGroup, amount, known, session_name, share};
use crate::terminal::counted;
use crate::time::{Millis, Zone, in_words, moment};

/// What each of some models, projects or people came to, by its name; on a page the dearest first.
pub(super) type SumsByName = IndexMap<String, Tally>;

/// Adds rows up for a page.
#[derive(Debug, Default)]
pub(crate) struct PageSums {
    pub(super) projects: SumsByName,
    /// Empty where rows tell no person.
    pub(super) people: SumsByName,
    pub(super) models: SumsByName,
    /// By model.
    pub(super) days: BTreeMap<NaiveDate, SumsByName>,
    /// By weekday, from Monday, and hour.
    pub(super) week: BTreeMap<[u32; 2], Money>,
    /// By the ids of sessions, and by model.
    sessions: HashMap<String, SumsByName>,
    /// The quarter of an hour of the last row, its day, and its hour of the week: asking the zone
    /// costs more than all else, and rows come in order of time.
    latest: Option<(Millis, NaiveDate, [u32; 2])>,
}

/// Models without a known price, where names are left out.
const OTHERS: &str = "other models";

/// All of them.
pub(super) fn sum_of(sums: &SumsByName) -> Tally {
    sums.values().copied().sum()
}

impl PageSums {
    /// Takes in a row that tells its origin. A model's name can be somebody's own.
    pub(crate) fn add(&mut self, row: &SpendRow<'_>, zone: Zone, names_model: bool) {
        let (_, day, hour) = match self.latest {
            Some(latest) if latest.0 == row.at => latest,
            _ => self.place(row.at, zone),
        };
        *self.week.entry(hour).or_default() += row.tally.cost();
        let named = Some(row.model).filter(|_| names_model);
        let (model, session) = (named.map_or(OTHERS, known), row.origin.session.clone());
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

    /// The dearest first, wherever sums have names.
    pub(super) fn sort(&mut self) {
        let whole = [&mut self.projects, &mut self.people, &mut self.models];
        let parts = self.days.values_mut().chain(self.sessions.values_mut());
        for sums in whole.into_iter().chain(parts) {
            sums.sort_by_cached_key(|name, sum| (Reverse(sum.cost()), name.clone()));
        }
    }

    fn place(&mut self, at: Millis, zone: Zone) -> (Millis, NaiveDate, [u32; 2]) {
        let local = zone.at(moment(at));
        let hour = [local.weekday().num_days_from_monday(), local.hour()];
        *self.latest.insert((at, local.date_naive(), hour))
    }

    /// The first day on which something was spent.
    pub(crate) fn first_day(&self) -> Option<NaiveDate> {
        self.days.keys().next().copied()
    }
}

/// Where no period was asked for, so many days are held against as many before.
const LATELY: u64 = 30;

/// A time before the one that is shown, as long as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) days: i64,
    pub(crate) cost: Money,
}

pub(super) fn summary(view: &View<'_>, page: &mut Markup) {
    let contents = view.contents;
    if contents.sums.days.is_empty() {
        return;
    }
    let cost = contents.statement.total_amount().show();
    let days = counted(view.columns.days().unsigned_abs(), "day");
    let plan = contents.statement.wanted.plan.map(Money::show);
    let plan = plan.map_or_else(String::new, |monthly| {
        format!(" on a {}-a-month plan", monthly.trim_end_matches(".00"))
    });
    let total = view.tolls.total;
    let limits = match (total.stops, total.blocked) {
        (0, _) => String::new(),
        (1, none) if none.is_zero() => "; limits stopped it once".to_owned(),
        (many, none) if none.is_zero() => format!("; limits stopped it {many} times"),
        (_, some) => format!("; limits stopped it for {}", in_words(some)),
    };
    let says = format!("{cost} of work in {days}{plan}{limits}.");
    page.put("<p class=\"summary\">{}</p>\n", &[&says]);
    let total = contents.statement.total.cost();
    let compared = contents.before.map(|it| it.beside("That is", total));
    if let Some(compared) = compared.or_else(|| lately(contents)) {
        page.sentence(&compared);
    }
}

/// The last days beside as many before, where so many are known and no period was asked for.
fn lately(contents: &Contents<'_>) -> Option<String> {
    let today = contents.clock.zone.day(contents.clock.now);
    let [begins, before] = [LATELY - 1, 2 * LATELY - 1].map(|days| today - Days::new(days));
    let is_open = contents.statement.wanted.period == Period::default();
    let is_known = contents.sums.first_day()? <= before;
    let spent = &contents.sums.days;
    let now = cost_of(spent.range(begins..=today));
    let (days, cost) = (LATELY.cast_signed(), cost_of(spent.range(before..begins)));
    let lead = format!("The last {LATELY} days cost {},", now.show());
    (is_open && is_known).then(|| Before { days, cost }.beside(&lead, now))
}

fn cost_of<'d>(days: impl Iterator<Item = (&'d NaiveDate, &'d SumsByName)>) -> Money {
    days.map(|(_, sums)| sum_of(sums).cost()).sum()
}

impl Before {
    /// "That is 49% more than in the 30 days before ($410.00)."
    fn beside(self, lead: &str, now: Money) -> String {
        let days = counted(self.days.unsigned_abs(), "day");
        if self.cost <= Money::ZERO {
            return format!("{lead} after nothing in the {days} before.");
        }
        let percent = (now - self.cost).ratio(self.cost, 100);
        let than = match (percent, percent.unsigned_abs()) {
            (0, _) => "about as much as".to_owned(),
            (1.., size) => format!("{size}% more than"),
            (_, size) => format!("{size}% less than"),
        };
        let before = self.cost.show();
        format!("{lead} {than} in the {days} before ({before}).")
    }
}

/// More models than this are counted.
const MODELS: usize = 2;

pub(super) fn projects(view: &View<'_>, page: &mut Markup) {
    let sums = &view.contents.sums.projects;
    by_name(view, page, "project", sums, |path| view.project(path));
}

pub(super) fn people(view: &View<'_>, page: &mut Markup) {
    let sums = &view.contents.sums.people;
    by_name(view, page, "person", sums, |name| view.person(name));
}

/// What each of them cost, the dearest first; each is one `what`.
fn by_name(
    view: &View<'_>,
    page: &mut Markup,
    what: &str,
    sums: &SumsByName,
    shown: impl Fn(&str) -> String,
) {
    let whole = view.contents.statement.total.cost();
    let most = sums.first().map_or(0.0, |(_, sum)| sum.cost().usd());
    let mut table = Table::new([what, "cost", "share", "answers", "of the dearest"]);
    for (name, sum) in sums {
        table.row([
            shown(name).into(),
            amount(sum),
            share(sum.cost(), whole).into(),
            sum.responses.to_string().into(),
            Cell::bar(sum.cost().usd() / most.max(f64::MIN_POSITIVE)),
        ]);
    }
    page.table_in_part("by-project", &format!("Cost by {what}"), table);
}

/// The sessions, one line each.
pub(super) fn sessions(view: &View<'_>, page: &mut Markup) {
    let contents = view.contents;
    let sums = &contents.sums.sessions;
    let groups = contents.statement.groups.iter();
    let began = groups.map(|group| (group, group.first_at.unwrap_or(group.last_at)));
    let mut sessions: Vec<(&SpendGroup, i64)> = began.collect();
    sessions.sort_by_key(|(group, first_at)| (*first_at, &group.key));
    let mut table = Table::new([
        "session", "project", "model", "began", "lasted", "cost", "answers",
    ]);
    for (number, (group, first_at)) in sessions.into_iter().enumerate().rev() {
        let lasted = moment(group.last_at.max(first_at)) - moment(first_at);
        let project = known(group.project.as_deref().unwrap_or_default());
        table.row([
            view.called("session", Some(number), || session_name(group))
                .into(),
            view.project(project).into(),
            sums.get(&group.key).map(named).unwrap_or_default().into(),
            contents.minute(moment(first_at)).into(),
            Cell::from(in_words(lasted)).worth(lasted.num_seconds().to_string()),
            amount(&group.tally),
            group.tally.responses.to_string().into(),
        ]);
    }
    page.table("by-session", "Sessions, the latest first", &table);
}

fn named(models: &SumsByName) -> String {
    let named: Vec<&str> = models.keys().take(MODELS).map(String::as_str).collect();
    match models.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} +{more}", named.join(", ")),
    }
}
