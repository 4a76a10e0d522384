//! Spend by day, stacked by model.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::Contents;
use super::chart::{self, DAY, HEIGHT};
use super::markup::{Cell, Markup};
use crate::pricing::Money;
use crate::spend::{Tally, amount, share};

/// How many models have a color of their own.
const COLORS: usize = 7;
const CLASSES: [&str; COLORS + 1] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"];

pub(super) fn write(page: &mut Markup, contents: &Contents<'_>, days: &[NaiveDate]) {
    let sums = contents.sums;
    let spent = |day: &NaiveDate| sums.days.get(day);
    let of_day = |day: &NaiveDate| -> Money { spent(day).map_or(Money::ZERO, total) };
    let most = days.iter().map(of_day).max().unwrap_or_default();
    let (top, labels) = chart::scale(most);
    let says = format!(
        "Cost by day, stacked by model. The dearest day cost {}.",
        most.show()
    );
    chart::frame(page, &says, &labels, days, |svg| {
        let room = if days.len() > 120 { DAY } else { DAY * 0.85 };
        let mut paths = vec![String::new(); CLASSES.len()];
        for (place, day) in days.iter().enumerate() {
            let mut below = Money::ZERO;
            for (model, (name, _)) in sums.models.iter().enumerate() {
                let cost = spent(day).and_then(|models| models.get(name)).copied();
                let Some(cost) = cost.filter(|cost| *cost > Money::ZERO) else {
                    continue;
                };
                let y = |amount: Money| HEIGHT * (1.0 - amount.usd() / top.usd());
                let piece = chart::column(place as f64 * DAY, room, y(below), y(below + cost));
                below += cost;
                if let Some(path) = paths.get_mut(model.min(COLORS)) {
                    path.push_str(&piece);
                }
            }
        }
        for (class, path) in CLASSES
            .iter()
            .zip(&paths)
            .filter(|(_, path)| !path.is_empty())
        {
            svg.text_in("path", &[("class", class), ("d", path)], "");
        }
        let (width, height) = (chart::number(DAY), chart::number(HEIGHT));
        for (place, day) in days
            .iter()
            .enumerate()
            .filter(|(_, day)| spent(day).is_some())
        {
            let x = chart::number(place as f64 * DAY);
            let place = [
                ("class", "hit"),
                ("x", &x),
                ("width", &width),
                ("height", &height),
            ];
            let says = format!("{}: {}", day.format("%Y-%m-%d %a"), of_day(day).show());
            svg.inside("rect", &place, |rect| rect.text_in("title", &[], &says));
        }
    });
    models(page, contents);
    page.inside("details", &[], |page| {
        page.text_in("summary", &[], "Day by day, as a table");
        let rows = sums.days.iter().map(|(day, models)| {
            let cost = total(models);
            let mut names: Vec<(&String, &Money)> = models.iter().collect();
            names.sort_by_key(|(name, cost)| (std::cmp::Reverse(**cost), *name));
            let names = names
                .iter()
                .map(|(name, cost)| format!("{name} {}", cost.show()));
            [
                Cell::of(day.format("%Y-%m-%d %a").to_string()),
                Cell::of(cost.show()).worth(cost.exact()),
                Cell::of(names.collect::<Vec<_>>().join(", ")),
            ]
        });
        page.table(
            &[("class", "by-day")],
            "Cost by day",
            &["day", "cost", "models"],
            rows,
        );
    });
}

fn total(models: &HashMap<String, Money>) -> Money {
    models.values().copied().sum()
}

/// The colors' names, with what each model cost.
fn models(page: &mut Markup, contents: &Contents<'_>) {
    let whole = contents.statement.total().cost();
    let line = |page: &mut Markup, class: &'static str, name: &str, tally: &Tally| {
        page.inside("li", &[], |item| {
            item.text_in("span", &[("class", class)], "");
            item.text(&format!("{name} {} ", amount(tally)));
            let share = share(tally.cost(), whole);
            item.text_in("span", &[("class", "quiet")], &share);
        });
    };
    page.inside("ul", &[("class", "legend")], |page| {
        let mut others = Tally::default();
        for (place, (name, tally)) in contents.sums.models.iter().enumerate() {
            match CLASSES.get(place).filter(|_| place < COLORS) {
                Some(class) => line(page, class, name, tally),
                None => others += *tally,
            }
        }
        let more = contents.sums.models.len().saturating_sub(COLORS);
        if more > 0 {
            line(page, "m7", &format!("{more} more"), &others);
        }
    });
}
