//! Spend by day, stacked by model, and as a calendar; and by hour of the week.

use std::iter::once;

use chrono::NaiveDate;

use super::View;
use super::chart::{self, COLUMN, HEIGHT};
use super::markup::{DARKEST, Markup};
use super::sums::sum_of;
use crate::ledger::Tally;
use crate::pricing::Money;
use crate::render::{Cell, Table};
use crate::spend::{amount, share};
use crate::time::monday_of;

/// How many models have a color of their own.
const COLORS: usize = 7;

/// Hours of a day.
const HOURS: u32 = 24;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// How many weeks a calendar shows.
const WEEKS: usize = 13;

pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    let (sums, columns) = (&view.contents.sums, &view.columns);
    let mut stacks = vec![vec![Money::ZERO; sums.models.len()]; columns.count()];
    for (day, models) in &sums.days {
        let stack = columns.place(*day).and_then(|place| stacks.get_mut(place));
        for (sum, model) in stack.into_iter().flatten().zip(sums.models.keys()) {
            *sum += models.get(model).map_or(Money::ZERO, Tally::cost);
        }
    }
    let heights = stacks.iter().map(|stack| stack.iter().copied().sum());
    let heights: Vec<Money> = heights.collect();
    let most = heights.iter().copied().max().unwrap_or_default();
    let (top, labels) = chart::scale(most);
    let (each, dearest) = (columns.each(), most.show());
    let says = format!("Cost by {each}, stacked by model. The dearest {each} cost {dearest}.");
    chart::frame(page, &says, &labels, columns, |svg| {
        for (color, path) in paths(&stacks, top).iter().enumerate() {
            if !path.is_empty() {
                chart::path(svg, &format!("m{color}"), path);
            }
        }
        for (place, (name, height)) in columns.names().zip(&heights).enumerate() {
            let says = format!("{name}: {}", height.show());
            chart::band(svg, "hit", place as f64 * COLUMN, COLUMN, &says);
        }
    });
    page.notes(columns.are_weeks.then_some("Each column is a week."));
    page.own("<ul class=\"legend\">");
    page.legend(models(view));
    calendar(view, page);
    let mut table = Table::new(["day", "cost", "models"]);
    for (day, sums) in &sums.days {
        let models = sums.iter();
        let models = models.map(|(name, sum)| format!("{name} {}", sum.cost().show()));
        table.row([
            named(*day).into(),
            amount(&sum_of(sums)),
            models.collect::<Vec<_>>().join(", ").into(),
        ]);
    }
    page.table_behind("Day by day, as a table", "by-day", "Cost by day", &table);
}

fn named(day: NaiveDate) -> String {
    day.format("%Y-%m-%d %a").to_string()
}

/// What is drawn in each color, of stacks with the dearest model at the bottom.
fn paths(stacks: &[Vec<Money>], top: Money) -> [String; COLORS + 1] {
    let mut paths: [String; COLORS + 1] = Default::default();
    for (place, stack) in stacks.iter().enumerate() {
        let x = place as f64 * COLUMN;
        let (mut below, mut bottom) = (Money::ZERO, HEIGHT);
        let costs = stack.iter().enumerate();
        for (model, cost) in costs.filter(|(_, cost)| **cost > Money::ZERO) {
            below += *cost;
            let y = HEIGHT * (1.0 - below.usd() / top.usd());
            if let Some(path) = paths.get_mut(model.min(COLORS)) {
                path.push_str(&chart::column(x, COLUMN * 0.85, bottom, y));
            }
            bottom = y;
        }
    }
    paths
}

/// The colors' names, with what each model cost and its share.
fn models(view: &View<'_>) -> Vec<(String, String, String)> {
    let models = &view.contents.sums.models;
    let whole = view.contents.statement.total.cost();
    let item = |color, name: &str, tally: &Tally| {
        let name = format!("{name} {} ", amount(tally).text);
        (format!("m{color}"), name, share(tally.cost(), whole))
    };
    let own = models.iter().take(COLORS).zip(0..);
    let own = own.map(|((name, sum), color)| item(color, name, sum));
    let others = models.values().skip(COLORS);
    let (many, sum) = (others.len(), others.copied().sum());
    let rest = item(COLORS, &format!("{many} more"), &sum);
    own.chain((many > 0).then_some(rest)).collect()
}

/// The days of the last weeks, week by week.
fn calendar(view: &View<'_>, page: &mut Markup) {
    let days = &view.contents.sums.days;
    let Some((first, last)) = days.keys().next().zip(days.keys().next_back()) else {
        return;
    };
    let mondays = monday_of(*last).iter_days().rev().step_by(7);
    let shown = mondays.take_while(|monday| *monday >= monday_of(*first));
    let mut shown: Vec<NaiveDate> = shown.take(WEEKS).collect();
    shown.reverse();
    let begins = shown.first().unwrap_or(last);
    let most = days.range(begins..).map(|(_, sums)| sum_of(sums).cost());
    let most = most.max().unwrap_or_default();
    let mut table = Table::new(once("day").chain(WEEKDAYS));
    for monday in shown {
        let cells = monday.iter_days().take(7).map(|day| {
            let spent = days.get(&day).map(sum_of).unwrap_or_default().cost();
            let is_shown = (*first..=*last).contains(&day);
            let cell = is_shown.then(|| colored(&named(day), spent, most));
            cell.unwrap_or_default()
        });
        table.row(once(monday.format("%-d %b").to_string().into()).chain(cells));
    }
    page.table("calendar week", "Cost by day, as a calendar", &table);
    colors(page, most);
}

pub(super) fn by_hour(view: &View<'_>, page: &mut Markup) {
    let week = &view.contents.sums.week;
    let most = week.values().copied().max().unwrap_or_default().or_zero();
    let names = (0..HOURS).map(|hour| hour.to_string());
    let mut table = Table::new(once("day".to_owned()).chain(names));
    for (day, weekday) in WEEKDAYS.into_iter().zip(0..) {
        let cells = (0..HOURS).map(|hour| {
            let cost = week.get(&[weekday, hour]).copied().unwrap_or_default();
            colored(&format!("{day} {hour}:00"), cost, most)
        });
        table.row(once(day.into()).chain(cells));
    }
    page.table("week", "Cost by hour of the week", &table);
    colors(page, most);
}

/// What was spent in a time of this name, as a color beside what was spent most.
fn colored(name: &str, cost: Money, most: Money) -> Cell {
    let share = cost.usd() / most.usd().max(f64::MIN_POSITIVE);
    let says = format!("{name}: {}", cost.show());
    Cell::from(says).worth(cost.exact()).shaded(share)
}

/// What the colors mean.
fn colors(page: &mut Markup, most: Money) {
    page.own("<ul class=\"legend\" aria-label=\"what the colors mean\">");
    page.legend((0..=DARKEST).map(|step| {
        let says = match step {
            0 => "nothing".to_owned(),
            step => format!("up to {}", most.share(step.into(), DARKEST.into()).show()),
        };
        (format!("h{step}"), says, String::new())
    }));
}
