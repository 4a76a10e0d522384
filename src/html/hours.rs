//! Spend by hour of the week, and by day as a calendar: tables whose cells are colored, and say what
//! they mean.

use super::Contents;
use super::markup::Markup;
use super::sums::HOURS;
use crate::pricing::Money;
use crate::time::monday_of;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const CLASSES: [&str; 6] = ["h0", "h1", "h2", "h3", "h4", "h5"];

/// How many weeks a calendar shows.
const WEEKS: usize = 13;

/// A row of cells: its name, and of each cell what it is called and what was spent in it.
type ColoredRow = (String, Vec<Option<(String, Money)>>);

pub(super) fn write(page: &mut Markup, contents: &Contents<'_>) {
    let rows = DAYS.iter().zip(&contents.sums.week).map(|(day, hours)| {
        let cells = hours.iter().zip(0..);
        let cells = cells.map(|(cost, hour)| Some((format!("{day} {hour}:00"), *cost)));
        ((*day).to_owned(), cells.collect())
    });
    let hours: Vec<String> = (0..HOURS).map(|hour| hour.to_string()).collect();
    colored(
        page,
        "week",
        "Cost by hour of the week",
        &hours,
        &rows.collect::<Vec<_>>(),
    );
}

/// The days of the last weeks, week by week.
pub(super) fn calendar(page: &mut Markup, contents: &Contents<'_>) {
    let days = &contents.sums.days;
    let Some((first, last)) = days.keys().next().zip(days.keys().next_back()) else {
        return;
    };
    let mondays = monday_of(*last).iter_days().rev().step_by(7);
    let shown = mondays.take_while(|monday| *monday >= monday_of(*first));
    let mut weeks: Vec<ColoredRow> = shown
        .take(WEEKS)
        .map(|monday| {
            let cells = monday.iter_days().take(7).map(|day| {
                let spent = days.get(&day).map_or(Money::ZERO, |day| day.tally.cost());
                let is_shown = (*first..=*last).contains(&day);
                is_shown.then(|| (day.format("%Y-%m-%d %a").to_string(), spent))
            });
            (monday.format("%-d %b").to_string(), cells.collect())
        })
        .collect();
    weeks.reverse();
    let names = DAYS.map(str::to_owned);
    colored(
        page,
        "calendar week",
        "Cost by day, as a calendar",
        &names,
        &weeks,
    );
}

/// A table of colored cells, with what the colors mean.
fn colored(page: &mut Markup, class: &str, caption: &str, names: &[String], rows: &[ColoredRow]) {
    let cells = rows.iter().flat_map(|(_, cells)| cells).flatten();
    let most = cells.map(|(_, cost)| *cost).max().unwrap_or_default();
    page.inside("table", &[("class", class)], |table| {
        table.text_in("caption", &[("class", "unseen")], caption);
        table.inside("thead", &[], |head| {
            head.inside("tr", &[], |line| {
                line.text_in("td", &[], "");
                for name in names {
                    line.inside("th", &[("scope", "col")], |cell| {
                        cell.text_in("span", &[], name);
                    });
                }
            });
        });
        table.inside("tbody", &[], |body| {
            for (name, cells) in rows {
                body.inside("tr", &[], |line| {
                    line.text_in("th", &[("scope", "row")], name);
                    for cell in cells {
                        match cell {
                            Some((name, cost)) => cell_of(line, name, *cost, most),
                            None => line.text_in("td", &[], ""),
                        }
                    }
                });
            }
        });
    });
    let meanings = CLASSES.into_iter().zip(0_u32..).map(|(class, step)| {
        let most = most.share(step.into(), 5).show();
        let says = if step == 0 {
            "nothing".to_owned()
        } else {
            format!("up to {most}")
        };
        (class, says, String::new())
    });
    let attributes = [("class", "legend"), ("aria-label", "what the colors mean")];
    page.legend(&attributes, meanings);
}

fn cell_of(line: &mut Markup, name: &str, cost: Money, most: Money) {
    let says = format!("{name}: {}", cost.show());
    let (class, exact) = (class(cost, most), cost.exact());
    let cell = [("class", class), ("title", &says), ("data-v", &exact)];
    line.inside("td", &cell, |cell| {
        cell.text_in("span", &[("class", "unseen")], &cost.show());
    });
}

/// One of five steps up to what is most.
fn class(cost: Money, most: Money) -> &'static str {
    let reached = (1..CLASSES.len()).find(|step| cost <= most.share(*step as u128, 5));
    let step = if cost <= Money::ZERO {
        Some(0)
    } else {
        reached
    };
    step.and_then(|step| CLASSES.get(step))
        .copied()
        .unwrap_or("h5")
}
