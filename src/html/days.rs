//! Spend by day, stacked by model, and as a calendar; and by hour of the week.

use chrono::NaiveDate;

use super::View;
use super::chart::{self, COLUMN, HEIGHT};
use super::markup::{Markup, SHADES};
use super::sums::{HOURS, dearest_first, sum_of};
use crate::ledger::Tally;
use crate::pricing::Money;
use crate::render::{Cell, Table};
use crate::spend::{amount, share};
use crate::time::monday_of;

/// How many models have a color of their own.
const COLORS: usize = 7;
const CLASSES: [&str; COLORS + 1] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"];

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// How many weeks a calendar shows.
const WEEKS: usize = 13;

pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    let (days, columns) = (&view.contents.sums.days, &view.columns);
    let mut stacks = vec![vec![Money::ZERO; view.models.len()]; columns.count()];
    for (day, models) in days {
        let stack = columns.place(*day).and_then(|place| stacks.get_mut(place));
        for (sum, (model, _)) in stack.into_iter().flatten().zip(&view.models) {
            *sum += models.get(*model).map_or(Money::ZERO, Tally::cost);
        }
    }
    let heights = stacks.iter().map(|stack| stack.iter().copied().sum());
    let heights: Vec<Money> = heights.collect();
    let most = heights.iter().copied().max().unwrap_or_default();
    let (top, labels) = chart::scale(most);
    let (each, dearest) = (columns.each(), most.show());
    let says = format!("Cost by {each}, stacked by model. The dearest {each} cost {dearest}.");
    chart::frame(page, &says, &labels, columns, |svg| {
        for (class, path) in CLASSES.iter().zip(&paths(&stacks, top)) {
            if !path.is_empty() {
                svg.text_in("path", &[("class", class), ("d", path)], "");
            }
        }
        for (place, height) in heights.iter().enumerate() {
            let says = format!("{}: {}", columns.name(place), height.show());
            chart::band(svg, "hit", place as f64 * COLUMN, COLUMN, &says);
        }
    });
    if columns.are_weeks {
        page.note("Each column is a week.");
    }
    page.legend(&[("class", "legend")], models(view));
    calendar(view, page);
    let mut table = Table::new(["day", "cost", "models"]);
    for (day, sums) in days {
        let models = dearest_first(sums).into_iter();
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
fn paths(stacks: &[Vec<Money>], top: Money) -> [String; CLASSES.len()] {
    let mut paths = CLASSES.map(|_| String::new());
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
fn models(view: &View<'_>) -> Vec<(&'static str, String, String)> {
    let whole = view.contents.statement.total.cost();
    let item = |class, name: &str, tally: &Tally| {
        let share = share(tally.cost(), whole);
        (class, format!("{name} {} ", amount(tally).text), share)
    };
    let (own, others) = view.models.split_at(COLORS.min(view.models.len()));
    let own = CLASSES.into_iter().zip(own);
    let own = own.map(|(class, (name, sum))| item(class, name, sum));
    let sum: Tally = others.iter().map(|(_, sum)| *sum).sum();
    let rest = item("m7", &format!("{} more", others.len()), &sum);
    own.chain((!others.is_empty()).then_some(rest)).collect()
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
    let rows = shown.into_iter().map(|monday| {
        let cells = monday.iter_days().take(7).map(|day| {
            let spent = days
                .get(&day)
                .map_or(Money::ZERO, |sums| sum_of(sums).cost());
            let is_shown = (*first..=*last).contains(&day);
            is_shown.then(|| (named(day), spent))
        });
        (monday.format("%-d %b").to_string(), cells.collect())
    });
    let caption = "Cost by day, as a calendar";
    let names = WEEKDAYS.map(str::to_owned);
    colored(
        page,
        "calendar week",
        caption,
        &names,
        &rows.collect::<Vec<_>>(),
    );
}

pub(super) fn by_hour(view: &View<'_>, page: &mut Markup) {
    let week = WEEKDAYS.iter().zip(&view.contents.sums.week);
    let rows = week.map(|(day, hours)| {
        let cells = hours.iter().enumerate();
        let cells = cells.map(|(hour, cost)| Some((format!("{day} {hour}:00"), *cost)));
        ((*day).to_owned(), cells.collect())
    });
    let names: Vec<String> = (0..HOURS).map(|hour| hour.to_string()).collect();
    let caption = "Cost by hour of the week";
    colored(page, "week", caption, &names, &rows.collect::<Vec<_>>());
}

/// A row of cells: its name, and of each cell what it is called and what was spent in it.
type ColoredRow = (String, Vec<Option<(String, Money)>>);

/// A table of colored cells, with what the colors mean.
fn colored(page: &mut Markup, class: &str, caption: &str, names: &[String], rows: &[ColoredRow]) {
    let costs = rows.iter().flat_map(|(_, cells)| cells).flatten();
    let most = costs.map(|(_, cost)| *cost).max().unwrap_or_default();
    let mut table = Table::new(std::iter::once("day").chain(names.iter().map(String::as_str)));
    for (name, cells) in rows {
        let cells = cells.iter().map(|cell| {
            let cell = cell.as_ref().map(|(name, cost)| {
                let share = cost.usd() / most.usd().max(f64::MIN_POSITIVE);
                let says = format!("{name}: {}", cost.show());
                Cell::from(says).worth(cost.exact()).shaded(share)
            });
            cell.unwrap_or_default()
        });
        table.row(std::iter::once(Cell::from(name.as_str())).chain(cells));
    }
    page.table(class, caption, &table);
    let meanings = SHADES.into_iter().zip(0..).map(|(class, step)| {
        let says = match step {
            0 => "nothing".to_owned(),
            step => format!("up to {}", most.share(step, 5).show()),
        };
        (class, says, String::new())
    });
    let attributes = [("class", "legend"), ("aria-label", "what the colors mean")];
    page.legend(&attributes, meanings);
}
