//! Spend by hour of the week, and by day as a calendar: tables whose cells are colored, and say what
//! they mean.

use chrono::NaiveDate;

use super::View;
use super::markup::Markup;
use super::sums::HOURS;
use crate::pricing::Money;
use crate::time::monday_of;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Nothing, and five steps up to what is most.
const CLASSES: [&str; 6] = ["h0", "h1", "h2", "h3", "h4", "h5"];

/// How many weeks a calendar shows.
const WEEKS: usize = 13;

/// A row of cells: its name, and of each cell what it is called and what was spent in it.
type ColoredRow = (String, Vec<Option<(String, Money)>>);

pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    let week = DAYS.iter().zip(&view.contents.sums.week);
    let rows = week.map(|(day, hours)| {
        let cells = hours.iter().enumerate();
        let cells = cells.map(|(hour, cost)| Some((format!("{day} {hour}:00"), *cost)));
        ((*day).to_owned(), cells.collect())
    });
    let rows: Vec<ColoredRow> = rows.collect();
    let hours: Vec<String> = (0..HOURS).map(|hour| hour.to_string()).collect();
    colored(page, "week", "Cost by hour of the week", &hours, &rows);
}

/// The days of the last weeks, week by week.
pub(super) fn calendar(view: &View<'_>, page: &mut Markup) {
    let days = &view.contents.sums.days;
    let Some((first, last)) = days.keys().next().zip(days.keys().next_back()) else {
        return;
    };
    let cell = |day: NaiveDate| {
        let spent = days.get(&day).map_or(Money::ZERO, |day| day.tally.cost());
        let is_shown = (*first..=*last).contains(&day);
        is_shown.then(|| (day.format("%Y-%m-%d %a").to_string(), spent))
    };
    let row = |monday: NaiveDate| {
        let cells = monday.iter_days().take(7).map(cell);
        (monday.format("%-d %b").to_string(), cells.collect())
    };
    let mondays = monday_of(*last).iter_days().rev().step_by(7);
    let shown = mondays.take_while(|monday| *monday >= monday_of(*first));
    let mut weeks: Vec<ColoredRow> = shown.take(WEEKS).map(row).collect();
    weeks.reverse();
    let caption = "Cost by day, as a calendar";
    colored(page, "calendar week", caption, &DAYS, &weeks);
}

/// A table of colored cells, with what the colors mean.
fn colored(
    page: &mut Markup,
    class: &str,
    caption: &str,
    names: &[impl AsRef<str>],
    rows: &[ColoredRow],
) {
    let cells = rows.iter().flat_map(|(_, cells)| cells).flatten();
    let most = cells.map(|(_, cost)| *cost).max().unwrap_or_default();
    let head = |line: &mut Markup| {
        line.text_in("td", &[], "");
        for name in names {
            line.inside("th", &[("scope", "col")], |cell| {
                cell.text_in("span", &[], name.as_ref());
            });
        }
    };
    page.table_of(class, caption, head, rows, |line, (name, cells)| {
        line.text_in("th", &[("scope", "row")], name);
        for cell in cells {
            match cell {
                Some((name, cost)) => cell_of(line, name, *cost, most),
                None => line.text_in("td", &[], ""),
            }
        }
    });
    let meanings = CLASSES.into_iter().zip(0..).map(|(class, step)| {
        let says = match step {
            0 => "nothing".to_owned(),
            step => format!("up to {}", most.share(step, 5).show()),
        };
        (class, says, String::new())
    });
    let attributes = [("class", "legend"), ("aria-label", "what the colors mean")];
    page.legend(&attributes, meanings);
}

fn cell_of(line: &mut Markup, name: &str, cost: Money, most: Money) {
    let says = format!("{name}: {}", cost.show());
    let steps = CLASSES.into_iter().zip(0..);
    let mut reached = steps.filter(|(_, step)| cost <= most.share(*step, 5));
    let class = reached.next().map_or("h5", |(class, _)| class);
    let exact = cost.exact();
    let cell = [("class", class), ("title", &says), ("data-v", &exact)];
    line.inside("td", &cell, |cell| {
        cell.text_in("span", &[("class", "unseen")], &cost.show());
    });
}
