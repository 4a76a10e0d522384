//! Renders a chart and a calendar of the spend by day and model, and a table of the spend by hour of the week.

use std::iter::once;

use chrono::NaiveDate;

use super::View;
use super::chart::{self, COLUMN, HEIGHT, Scale};
use super::markup::{DARKEST, LegendItem, Markup};
use super::sums::{headed_cost, total_of};
use crate::ledger::Tally;
use crate::pricing::Money;
use crate::render::{Cell, Column, Table};
use crate::spend::share_text;
use crate::time::monday_of;

/// The number of models that have their own color. All other models share one.
const COLORS: usize = 7;

const HOURS: u32 = 24;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The number of weeks in the calendar.
const CALENDAR_WEEKS: usize = 13;

/// The width of a bar, as a fraction of its column's width.
const BAR_WIDTH: f64 = 0.85;

/// Writes the section "By day".
pub(super) fn write_days(view: &View<'_>, page: &mut Markup) {
    let columns = &view.columns;
    let statement = &view.contents.statement;
    let stacks = stacks_of(view);
    let heights: Vec<Tally> = stacks
        .iter()
        .map(|stack| stack.iter().copied().sum())
        .collect();
    let highest = heights
        .iter()
        .copied()
        .max_by_key(Tally::cost)
        .unwrap_or_default();
    let scale = Scale::new(highest.cost());
    // If some spend is unknown, any column may be the most expensive one.
    let is_total_known = !statement.total_amount().is_lower_bound;

    let description = format!(
        "Cost per {unit}, stacked by model. The most expensive {unit} cost {}.",
        statement
            .amount(&highest)
            .lower_bound_unless(is_total_known)
            .show(),
        unit = columns.unit()
    );
    chart::frame(page, &description, &scale.labels, columns, |svg| {
        for (color, path) in paths(&stacks, scale.top).iter().enumerate() {
            if !path.is_empty() {
                chart::path(svg, &format!("m{color}"), path);
            }
        }
        for (index, (name, height)) in columns.names().zip(&heights).enumerate() {
            let title = format!("{name}: {}", statement.amount(height).show());
            chart::band(svg, "hit", index as f64 * COLUMN, COLUMN, &title);
        }
    });
    if columns.are_weeks {
        page.notes(["Each column shows one week."]);
    }
    page.raw("<ul class=\"legend\">");
    page.legend_items(legend(view));

    write_calendar(view, page);
    page.collapsed_table(
        "Show the days as a table",
        "by-day",
        "Cost by day",
        &day_table(view),
    );
}

/// Returns the spend in each column by model. The most expensive model overall comes first.
fn stacks_of(view: &View<'_>) -> Vec<Vec<Tally>> {
    let sums = &view.contents.sums;
    let mut stacks = vec![vec![Tally::default(); sums.models.len()]; view.columns.count()];
    for (day, models) in &sums.days {
        let stack = view
            .columns
            .index_of(*day)
            .and_then(|index| stacks.get_mut(index));
        for (tally, model) in stack.into_iter().flatten().zip(sums.models.keys()) {
            *tally += models.get(model).copied().unwrap_or_default();
        }
    }
    stacks
}

/// Returns an SVG path for each color. The first model in a stack is at the bottom.
fn paths(stacks: &[Vec<Tally>], top: Money) -> [String; COLORS + 1] {
    let mut paths: [String; COLORS + 1] = Default::default();
    for (index, stack) in stacks.iter().enumerate() {
        let x = index as f64 * COLUMN;
        let mut cost_below = Money::ZERO;
        let mut bottom = HEIGHT;
        for (model, cost) in stack.iter().map(Tally::cost).enumerate() {
            if cost <= Money::ZERO {
                continue;
            }
            cost_below += cost;
            let y = HEIGHT * (1.0 - cost_below.usd() / top.usd());
            if let Some(path) = paths.get_mut(model.min(COLORS)) {
                path.push_str(&chart::rectangle(x, COLUMN * BAR_WIDTH, bottom, y));
            }
            bottom = y;
        }
    }
    paths
}

/// Builds the legend, with each model's cost and its share of the total.
fn legend(view: &View<'_>) -> Vec<LegendItem> {
    let models = &view.contents.sums.models;
    let statement = &view.contents.statement;
    let whole = statement.total.cost();
    let item = |color: usize, name: &str, tally: &Tally| LegendItem {
        class: format!("m{color}"),
        name: format!("{name} {} ", statement.amount(tally).show()),
        remark: share_text(tally.cost(), whole),
    };

    let mut items: Vec<LegendItem> = models
        .iter()
        .take(COLORS)
        .enumerate()
        .map(|(color, (name, tally))| item(color, name, tally))
        .collect();
    let others = models.values().skip(COLORS);
    if others.len() > 0 {
        let name = format!("{} more", others.len());
        items.push(item(COLORS, &name, &others.copied().sum()));
    }
    items
}

fn day_table(view: &View<'_>) -> Table {
    let statement = &view.contents.statement;
    let mut table = Table::default();
    for (day, sums) in &view.contents.sums.days {
        let total = total_of(sums);
        let models: Vec<String> = sums
            .iter()
            .map(|(name, tally)| format!("{name} {}", statement.amount(tally).show()))
            .collect();
        table.headed_row([
            Column::text("day").above(day_name(*day)),
            headed_cost(view, &total),
            Column::text("models").above(models.join(", ")),
        ]);
    }
    table
}

fn day_name(day: NaiveDate) -> String {
    day.format("%Y-%m-%d %a").to_string()
}

/// Writes a calendar of the most recent weeks, with one row per week.
fn write_calendar(view: &View<'_>, page: &mut Markup) {
    let days = &view.contents.sums.days;
    let Some((first, last)) = days.keys().next().zip(days.keys().next_back()) else {
        return;
    };
    let mut mondays: Vec<NaiveDate> = monday_of(*last)
        .iter_days()
        .rev()
        .step_by(7)
        .take_while(|monday| *monday >= monday_of(*first))
        .take(CALENDAR_WEEKS)
        .collect();
    mondays.reverse();

    let start = mondays.first().unwrap_or(last);
    let highest = days
        .range(start..)
        .map(|(_, sums)| total_of(sums).cost())
        .max()
        .unwrap_or_default();

    let mut table = Table::new(once("day").chain(WEEKDAYS));
    for monday in mondays {
        let cells = monday.iter_days().take(7).map(|day| {
            if (*first..=*last).contains(&day) {
                let total = days.get(&day).map(total_of).unwrap_or_default();
                shaded_cell(view, &day_name(day), &total, highest)
            } else {
                Cell::default()
            }
        });
        let week_name = monday.format("%b %-d").to_string();
        table.row(once(week_name.into()).chain(cells));
    }
    page.table("calendar week", "Cost by day, as a calendar", &table);
    write_shade_legend(page, highest);
}

/// Writes the section "By hour of the week".
pub(super) fn write_hours(view: &View<'_>, page: &mut Markup) {
    let week = &view.contents.sums.week;
    let highest = week
        .values()
        .map(Tally::cost)
        .max()
        .unwrap_or_default()
        .or_zero();
    let hour_names = (0..HOURS).map(|hour| hour.to_string());

    let mut table = Table::new(once("day".to_owned()).chain(hour_names));
    for (weekday_name, weekday) in WEEKDAYS.into_iter().zip(0..) {
        let cells = (0..HOURS).map(|hour| {
            let total = week.get(&[weekday, hour]).copied().unwrap_or_default();
            shaded_cell(view, &format!("{weekday_name} {hour}:00"), &total, highest)
        });
        table.row(once(weekday_name.into()).chain(cells));
    }
    page.table("week", "Cost by hour of the week", &table);
    write_shade_legend(page, highest);
}

/// Returns a cell with a shade that shows how its cost compares with the highest cost.
fn shaded_cell(view: &View<'_>, name: &str, tally: &Tally, highest: Money) -> Cell {
    let share = tally.cost().usd() / highest.usd().max(f64::MIN_POSITIVE);
    let amount = view.contents.statement.amount(tally);
    Cell::from(format!("{name}: {}", amount.show()))
        .with_exact(tally.cost().exact())
        .with_shade(share)
}

/// Writes the legend that explains the shades.
fn write_shade_legend(page: &mut Markup, highest: Money) {
    page.raw("<ul class=\"legend\" aria-label=\"meaning of the colors\">");
    page.legend_items((0..=DARKEST).map(|shade| LegendItem {
        class: format!("h{shade}"),
        name: if shade == 0 {
            "nothing".to_owned()
        } else {
            let limit = highest.times(shade.into(), DARKEST.into());
            format!("up to {}", limit.show())
        },
        remark: String::new(),
    }));
}
