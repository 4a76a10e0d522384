//! Calculates the totals for a page, and renders its tables by day, project, model, and session.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use indexmap::IndexMap;
use maud::{Markup, html};

use super::{Contents, chart, table};
use crate::ledger::{SpendRow, Tally};
use crate::render::{Cell, Column, HeadedCell, Table};
use crate::spend::{SpendGroup, cost_cell, or_unknown, page_figures, session_name, share_text};
use crate::time::{Millis, Zone, datetime_from_millis, format_duration};

/// The sums, keyed by model or project. On a page, they are sorted by cost, highest first.
type SumsByName = IndexMap<String, Tally>;

/// The name for all models without a known price on an anonymous page.
const OTHER_MODELS: &str = "other models";

/// The maximum number of models to list for a session. Other models are only counted.
const MAX_NAMED_MODELS: usize = 2;

/// Adds up rows for a page.
#[derive(Debug, Default)]
pub(crate) struct PageSums {
    pub(super) projects: SumsByName,
    models: SumsByName,
    pub(super) days: BTreeMap<NaiveDate, Tally>,
    /// The sums, grouped by session ID and model.
    sessions: HashMap<String, SumsByName>,
    /// The quarter hour of the previous row and its local day. Consecutive rows often have the same time, and without
    /// this cache, the conversion would take longer than everything else.
    latest: Option<(Millis, NaiveDate)>,
}

impl PageSums {
    /// Adds a row. The row must include its session and project. If `names_model` is false, the name of the model is
    /// left out because users can choose any name.
    pub(crate) fn add(&mut self, row: &SpendRow<'_>, zone: Zone, names_model: bool) {
        let day = match self.latest {
            Some((at, day)) if at == row.at => day,
            _ => zone.day(datetime_from_millis(row.at)),
        };
        self.latest = Some((row.at, day));
        *self.days.entry(day).or_default() += row.tally;

        let model = if names_model {
            or_unknown(row.model)
        } else {
            OTHER_MODELS
        };
        let session = row.origin.session.clone();
        for (sums, name) in [
            (&mut self.projects, or_unknown(&row.origin.project)),
            (&mut self.models, model),
            (self.sessions.entry(session).or_default(), model),
        ] {
            *sums.entry(name.to_owned()).or_default() += row.tally;
        }
    }

    /// Sorts all sums by cost, highest first.
    pub(super) fn sort(&mut self) {
        let totals = [&mut self.projects, &mut self.models];
        for sums in totals.into_iter().chain(self.sessions.values_mut()) {
            sums.sort_by_cached_key(|name, tally| (Reverse(tally.cost()), name.clone()));
        }
    }

    /// Formats the first and the last day with spend: "2026-10-01 – 2026-11-20".
    pub(super) fn period(&self) -> String {
        match (self.days.keys().next(), self.days.keys().next_back()) {
            (Some(first), Some(last)) if first == last => first.to_string(),
            (Some(first), Some(last)) => format!("{first} \u{2013} {last}"),
            _ => "nothing yet".to_owned(),
        }
    }
}

impl Contents<'_> {
    /// Renders the section "By day".
    pub(super) fn days(&self) -> Markup {
        let days = &self.sums.days;
        let mut rows = Table::default();
        for (day, tally) in days {
            let name = Column::text("day").above(day.format("%Y-%m-%d %a").to_string());
            rows.headed_row([name].into_iter().chain(self.figures(tally)));
        }
        html! {
            (chart::bars(days, |tally| self.statement.amount(tally)))
            details {
                summary { "Show the days as a table" }
                (table("by-day", "Cost by day", &rows))
            }
        }
    }

    /// Renders the section "By project".
    pub(super) fn projects(&self) -> Markup {
        let mut rows = Table::default();
        for (path, tally) in &self.sums.projects {
            let name = Column::text("project").above(self.project_name(path));
            rows.headed_row([name].into_iter().chain(self.figures(tally)));
        }
        table("by-project", "Cost by project", &rows)
    }

    /// Renders the section "By model".
    pub(super) fn models(&self) -> Markup {
        let mut rows = Table::default();
        for (model, tally) in &self.sums.models {
            let name = Column::text("model").above(model.clone());
            rows.headed_row([name].into_iter().chain(self.figures(tally)));
        }
        table("by-model", "Cost by model", &rows)
    }

    /// Returns the cost of a row, its share of the total, and other figures.
    fn figures(&self, tally: &Tally) -> impl Iterator<Item = HeadedCell> {
        let share = share_text(tally.cost(), self.statement.total.cost());
        let share = Column::number("share")
            .with_class("tablet")
            .above(share);
        [self.cost(tally), share]
            .into_iter()
            .chain(page_figures(tally))
    }

    fn cost(&self, tally: &Tally) -> HeadedCell {
        let cost = cost_cell(&self.statement.shown(tally));
        Column::number("cost").with_class("cost").above(cost)
    }

    /// Returns the displayed name of a project.
    fn project_name(&self, path: &str) -> String {
        match self.sums.projects.get_index_of(path) {
            Some(index) if self.is_anonymous => format!("project {}", index + 1),
            _ => self.paths.show(path.as_ref()),
        }
    }

    /// Renders the section "Sessions".
    pub(super) fn sessions(&self) -> Markup {
        let mut groups: Vec<&SpendGroup> = self.statement.groups.iter().collect();
        groups.sort_by_key(|group| (started_at(group), &group.key));
        let mut rows = Table::default();
        for (number, group) in groups.into_iter().enumerate().rev() {
            let name = if self.is_anonymous {
                format!("session {}", number + 1)
            } else {
                session_name(group)
            };
            rows.headed_row(self.session_cells(name, group));
        }
        table("by-session", "Sessions, newest first", &rows)
    }

    fn session_cells(&self, name: String, group: &SpendGroup) -> Vec<HeadedCell> {
        let start = datetime_from_millis(started_at(group));
        let duration = datetime_from_millis(group.last_at.max(started_at(group))) - start;
        let duration =
            Cell::from(format_duration(duration)).with_exact(duration.num_seconds().to_string());
        let project = or_unknown(group.project.as_deref().unwrap_or_default());
        let models = self.sums.sessions.get(&group.key);
        let mut cells = vec![
            Column::text("session").above(name),
            Column::text("project")
                .with_class("tablet")
                .above(self.project_name(project)),
            Column::text("model")
                .with_class("desktop")
                .above(models.map_or_else(String::new, model_names)),
            Column::number("started")
                .with_class("started")
                .above(self.format_minute(start)),
            Column::number("duration")
                .with_class("desktop")
                .above(duration),
            self.cost(&group.tally),
        ];
        cells.extend(page_figures(&group.tally));
        cells
    }
}

fn started_at(group: &SpendGroup) -> Millis {
    group.first_at.unwrap_or(group.last_at)
}

/// Returns the names of a session's most expensive models and the number of other models.
fn model_names(models: &SumsByName) -> String {
    let names: Vec<&str> = models
        .keys()
        .take(MAX_NAMED_MODELS)
        .map(String::as_str)
        .collect();
    match models.len().saturating_sub(MAX_NAMED_MODELS) {
        0 => names.join(", "),
        more => format!("{} +{more}", names.join(", ")),
    }
}
