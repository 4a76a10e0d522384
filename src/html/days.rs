//! Spend by day, stacked by model.

use super::Contents;
use super::chart::{self, COLUMN, Columns, HEIGHT};
use super::markup::{Cell, Markup, number};
use super::sums::dearest_first;
use crate::pricing::Money;
use crate::spend::{Tally, amount, share};

/// How many models have a color of their own.
const COLORS: usize = 7;
const CLASSES: [&str; COLORS + 1] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"];

pub(super) fn write(page: &mut Markup, contents: &Contents<'_>, columns: &Columns) {
    let sums = contents.sums;
    let mut stacks = vec![vec![Money::ZERO; sums.models.len()]; columns.count()];
    for (day, spent) in &sums.days {
        let stack = columns.place(*day).and_then(|place| stacks.get_mut(place));
        for (sum, (name, _)) in stack.into_iter().flatten().zip(&sums.models) {
            *sum += spent.models.get(name).copied().unwrap_or_default();
        }
    }
    let height = |stack: &Vec<Money>| -> Money { stack.iter().copied().sum() };
    let most = stacks.iter().map(height).max().unwrap_or_default();
    let (top, labels) = chart::scale(most);
    let each = if columns.are_weeks { "week" } else { "day" };
    let dearest = most.show();
    let says = format!("Cost by {each}, stacked by model. The dearest {each} cost {dearest}.");
    chart::frame(page, &says, &labels, columns, |svg| {
        let y = |amount: Money| HEIGHT * (1.0 - amount.usd() / top.usd());
        let mut paths = vec![String::new(); CLASSES.len()];
        for (place, stack) in stacks.iter().enumerate() {
            let mut below = Money::ZERO;
            for (model, cost) in stack
                .iter()
                .enumerate()
                .filter(|(_, cost)| **cost > Money::ZERO)
            {
                let x = place as f64 * COLUMN;
                let piece = chart::column(x, COLUMN * 0.85, y(below), y(below + *cost));
                below += *cost;
                if let Some(path) = paths.get_mut(model.min(COLORS)) {
                    path.push_str(&piece);
                }
            }
        }
        let drawn = CLASSES.iter().zip(&paths);
        for (class, path) in drawn.filter(|(_, path)| !path.is_empty()) {
            svg.text_in("path", &[("class", class), ("d", path)], "");
        }
        let (width, whole) = (number(COLUMN), number(HEIGHT));
        for (place, stack) in stacks.iter().enumerate() {
            let x = number(place as f64 * COLUMN);
            let says = format!("{}: {}", columns.name(place), height(stack).show());
            let place = [
                ("class", "hit"),
                ("x", &x),
                ("width", &width),
                ("height", &whole),
            ];
            svg.inside("rect", &place, |rect| rect.text_in("title", &[], &says));
        }
    });
    if columns.are_weeks {
        page.text_in("p", &[("class", "quiet")], "Each column is a week.");
    }
    models(page, contents);
    page.inside("details", &[], |page| {
        page.text_in("summary", &[], "Day by day, as a table");
        let rows = sums.days.iter().map(|(day, sums)| {
            let models = dearest_first(&sums.models).into_iter();
            let models = models.map(|(name, cost)| format!("{name} {}", cost.show()));
            [
                Cell::of(day.format("%Y-%m-%d %a").to_string()),
                Cell::of(amount(&sums.tally)).worth(sums.tally.cost().exact()),
                Cell::of(models.collect::<Vec<_>>().join(", ")),
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
