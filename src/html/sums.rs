//! Calculates the totals for a page, and renders its summary and its tables by project, person, and session.
//!
//! A script sorts and filters the table of sessions in the browser.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, Timelike};
use indexmap::IndexMap;

use super::markup::Markup;
use super::{Contents, View};
use crate::ledger::{SpendRow, Tally};
use crate::pricing::Money;
use crate::render::{Cell, Column, HeadedCell, Table};
use crate::spend::{
    GroupBy, PULL_REQUEST_RULE, Period, SpendGroup, cost_cell, is_placeholder, or_unknown,
    page_figures, pull_request_label, session_name, share_text,
};
use crate::terminal::count_noun;
use crate::time::{Millis, Zone, datetime_from_millis, format_duration};

/// The sums by model, project, or person. On a page, they are sorted by cost, highest first.
pub(super) type SumsByName = IndexMap<String, Tally>;

/// The name for all models without a known price on an anonymous page.
const OTHER_MODELS: &str = "other models";

/// The number of days to compare with the days before them if no period was requested.
const COMPARED_DAYS: u64 = 30;

/// The maximum number of models to list for a session. Other models are only counted.
const MAX_NAMED_MODELS: usize = 2;

/// Adds up rows for a page.
#[derive(Debug, Default)]
pub(crate) struct PageSums {
    pub(super) projects: SumsByName,
    /// The sums by person. Only exports of several machines have them.
    pub(super) people: SumsByName,
    pub(super) models: SumsByName,
    /// The sums by day and model.
    pub(super) days: BTreeMap<NaiveDate, SumsByName>,
    /// The sums by weekday (starting with Monday) and hour.
    pub(super) week: BTreeMap<[u32; 2], Tally>,
    /// The sums by session ID and model.
    sessions: HashMap<String, SumsByName>,
    /// The quarter hour of the previous row and its local time. Consecutive rows often have the same time, and without
    /// this cache, the conversion would take longer than everything else.
    latest: Option<(Millis, DateTime<FixedOffset>)>,
}

/// Returns the total over all models, projects, or people.
pub(super) fn total_of(sums: &SumsByName) -> Tally {
    sums.values().copied().sum()
}

impl PageSums {
    /// Adds a row. It must include its session and project. If `names_model` is false, the name of the model is left
    /// out because users can choose any name.
    pub(crate) fn add(&mut self, row: &SpendRow<'_>, zone: Zone, names_model: bool) {
        let local = self.local_time(row.at, zone);
        let weekday_and_hour = [local.weekday().num_days_from_monday(), local.hour()];
        *self.week.entry(weekday_and_hour).or_default() += row.tally;

        let model = if names_model {
            or_unknown(row.model)
        } else {
            OTHER_MODELS
        };
        let session = row.origin.session.clone();
        let mut sums = vec![
            (&mut self.projects, or_unknown(&row.origin.project)),
            (&mut self.models, model),
            (self.days.entry(local.date_naive()).or_default(), model),
            (self.sessions.entry(session).or_default(), model),
        ];
        if !row.person.is_empty() {
            sums.push((&mut self.people, row.person));
        }
        for (sums, name) in sums {
            *sums.entry(name.to_owned()).or_default() += row.tally;
        }
    }

    fn local_time(&mut self, at: Millis, zone: Zone) -> DateTime<FixedOffset> {
        match self.latest {
            Some((latest_at, local)) if latest_at == at => local,
            _ => {
                let local = zone.at(datetime_from_millis(at));
                self.latest = Some((at, local));
                local
            }
        }
    }

    /// Sorts all sums by cost, highest first.
    pub(super) fn sort(&mut self) {
        let totals = [&mut self.projects, &mut self.people, &mut self.models];
        let parts = self.days.values_mut().chain(self.sessions.values_mut());
        for sums in totals.into_iter().chain(parts) {
            sums.sort_by_cached_key(|name, tally| (Reverse(tally.cost()), name.clone()));
        }
    }

    /// Returns the first day with spend.
    pub(crate) fn first_day(&self) -> Option<NaiveDate> {
        self.days.keys().next().copied()
    }
}

/// The spend in the preceding period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PrecedingSpend {
    /// The length of each period.
    pub(crate) days: i64,
    pub(crate) cost: Money,
}

/// Writes the summary: the cost, the plan, the time blocked by limits, and a comparison with the preceding period. If
/// spend may be missing, it may be missing from either period, so there is no comparison.
pub(super) fn write_summary(view: &View<'_>, page: &mut Markup) {
    let contents = view.contents;
    if contents.sums.days.is_empty() {
        return;
    }
    let total = contents.statement.total_amount();
    let cost = total.show();
    let days = count_noun(view.columns.days().unsigned_abs(), "day");
    let plan = match contents.statement.request.plan {
        Some(monthly) => {
            let price = monthly.show();
            format!(" on a {}-a-month plan", price.trim_end_matches(".00"))
        }
        None => String::new(),
    };
    let limits = limits_clause(view);
    page.write(
        "<p class=\"summary\">{}</p>\n",
        &[&format!("{cost} of work in {days}{plan}{limits}.")],
    );

    if total.is_lower_bound {
        return;
    }
    let preceding = contents.source.machine().and_then(|facts| facts.preceding);
    let comparison = match preceding {
        Some(preceding) => Some(preceding.comparison("That is", total.money)),
        None => comparison_of_last_days(contents),
    };
    if let Some(comparison) = comparison {
        page.paragraph(&comparison);
    }
}

/// Returns the clause about limits in the summary. The result is empty if no limit blocked work.
fn limits_clause(view: &View<'_>) -> String {
    let total = view.error_summary.total;
    if total.stops == 0 {
        String::new()
    } else if !total.blocked.is_zero() {
        format!(
            "; limits blocked work for {}",
            format_duration(total.blocked)
        )
    } else if total.stops == 1 {
        "; a limit blocked work once".to_owned()
    } else {
        format!("; limits blocked work {} times", total.stops)
    }
}

/// Compares the last [`COMPARED_DAYS`] days with the same number of days before them. Returns `None` if a period was
/// requested or the history is too short.
fn comparison_of_last_days(contents: &Contents<'_>) -> Option<String> {
    if contents.statement.request.period != Period::default() {
        return None;
    }
    let today = contents.clock.zone.day(contents.clock.now);
    let start = today - Days::new(COMPARED_DAYS - 1);
    let start_before = today - Days::new(2 * COMPARED_DAYS - 1);
    if contents.sums.first_day()? > start_before {
        return None;
    }

    let days = &contents.sums.days;
    let cost = cost_of(days.range(start..=today));
    let preceding = PrecedingSpend {
        days: COMPARED_DAYS.cast_signed(),
        cost: cost_of(days.range(start_before..start)),
    };
    let lead = format!("The last {COMPARED_DAYS} days cost {},", cost.show());
    Some(preceding.comparison(&lead, cost))
}

fn cost_of<'d>(days: impl Iterator<Item = (&'d NaiveDate, &'d SumsByName)>) -> Money {
    days.map(|(_, sums)| total_of(sums).cost()).sum()
}

impl PrecedingSpend {
    /// Compares a cost with the preceding period: "That is 49% more than in the 30 days before ($410.00)." `lead` is
    /// the start of the sentence.
    fn comparison(self, lead: &str, cost: Money) -> String {
        let days = count_noun(self.days.unsigned_abs(), "day");
        if self.cost <= Money::ZERO {
            return format!("{lead} up from nothing in the {days} before.");
        }
        let percent = (cost - self.cost).ratio(self.cost, 100);
        let size = percent.unsigned_abs();
        let relation = match percent {
            0 => "about as much as".to_owned(),
            1.. => format!("{size}% more than"),
            _ => format!("{size}% less than"),
        };
        format!(
            "{lead} {relation} in the {days} before ({}).",
            self.cost.show()
        )
    }
}

/// Writes the section "By project".
pub(super) fn write_projects(view: &View<'_>, page: &mut Markup) {
    let sums = &view.contents.sums.projects;
    write_by_name(view, page, "project", sums, |path| view.project_name(path));
}

/// Writes the section "By person".
pub(super) fn write_people(view: &View<'_>, page: &mut Markup) {
    let sums = &view.contents.sums.people;
    write_by_name(view, page, "person", sums, |name| view.person_name(name));
}

/// Writes the section "By cause", with one table each for skills, plugins, MCP servers, and pull requests.
pub(super) fn write_causes(view: &View<'_>, page: &mut Markup) {
    let paths = view.contents.paths;
    let Some(facts) = view.contents.source.machine() else {
        return;
    };
    for cause in &facts.causes {
        let noun = cause.by.noun();
        let sums: SumsByName = cause
            .groups
            .iter()
            .map(|group| (group.key.clone(), group.tally))
            .collect();
        write_by_name(view, page, &noun, &sums, |key| {
            if is_placeholder(key) {
                return key.to_owned();
            }
            view.shown_name(&noun, sums.get_index_of(key), || {
                if cause.by == GroupBy::Pr {
                    pull_request_label(key, paths)
                } else {
                    key.to_owned()
                }
            })
        });
        if cause.by == GroupBy::Pr {
            page.notes([PULL_REQUEST_RULE]);
        }
    }
}

/// Writes a table of sums, with the most expensive first. `noun` describes a row, such as "project".
fn write_by_name(
    view: &View<'_>,
    page: &mut Markup,
    noun: &str,
    sums: &SumsByName,
    shown_name: impl Fn(&str) -> String,
) {
    let whole = view.contents.statement.total.cost();
    let highest = sums.first().map_or(0.0, |(_, tally)| tally.cost().usd());

    let mut table = Table::default();
    for (name, tally) in sums {
        let mut cells = vec![
            Column::text(noun).above(shown_name(name)),
            headed_cost(view, tally),
            Column::number("share")
                .with_class("share tablet")
                .above(share_text(tally.cost(), whole)),
        ];
        cells.extend(page_figures(tally));
        let bar = Cell::bar(tally.cost().usd() / highest.max(f64::MIN_POSITIVE));
        cells.push(Column::text("relative to the highest value").above(bar));
        table.headed_row(cells);
    }
    page.long_table("by-project", &format!("Cost by {noun}"), table);
}

/// Returns the cost of a row, with its column.
pub(super) fn headed_cost(view: &View<'_>, tally: &Tally) -> HeadedCell {
    Column::number("cost")
        .with_class("cost")
        .above(cost_cell(&view.contents.statement.shown(tally)))
}

/// Writes the section "Sessions".
pub(super) fn write_sessions(view: &View<'_>, page: &mut Markup) {
    let contents = view.contents;
    let mut groups: Vec<&SpendGroup> = contents.statement.groups.iter().collect();
    groups.sort_by_key(|group| (started_at(group), &group.key));

    let mut table = Table::default();
    for (number, group) in groups.into_iter().enumerate().rev() {
        let start = datetime_from_millis(started_at(group));
        let duration = datetime_from_millis(group.last_at.max(started_at(group))) - start;
        let name = view.shown_name("session", Some(number), || session_name(group));
        let project = or_unknown(group.project.as_deref().unwrap_or_default());
        let models = match contents.sums.sessions.get(&group.key) {
            Some(models) => model_names(models),
            None => String::new(),
        };
        let duration_cell =
            Cell::from(format_duration(duration)).with_exact(duration.num_seconds().to_string());
        let mut cells = vec![
            Column::text("session").above(name),
            Column::text("project")
                .with_class("project tablet")
                .above(view.project_name(project)),
            Column::text("model")
                .with_class("model desktop")
                .above(models),
            Column::number("started")
                .with_class("started")
                .above(contents.format_minute(start)),
            Column::number("duration")
                .with_class("duration desktop")
                .above(duration_cell),
            headed_cost(view, &group.tally),
        ];
        cells.extend(page_figures(&group.tally));
        table.headed_row(cells);
    }
    page.table("by-session", "Sessions, newest first", &table);
}

fn started_at(group: &SpendGroup) -> Millis {
    group.first_at.unwrap_or(group.last_at)
}

/// Returns the names of a session's most expensive models and the number of other models.
fn model_names(models: &SumsByName) -> String {
    let names = models
        .keys()
        .take(MAX_NAMED_MODELS)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match models.len().saturating_sub(MAX_NAMED_MODELS) {
        0 => names,
        more => format!("{names} +{more}"),
    }
}
