//! Spend by day, stacked by model.

use super::Contents;
use super::chart::{self, COLUMN, Columns, HEIGHT};
use super::hours;
use super::markup::{Markup, number};
use super::sums::dearest_first;
use crate::pricing::Money;
use crate::render::{Cell, Column, Table};
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
        page.note("Each column is a week.");
    }
    page.legend(&[("class", "legend")], models(contents));
    hours::calendar(page, contents);
    let mut table = Table::new(["day", "cost", "models"].map(Column::text));
    for (day, sums) in &sums.days {
        let models = dearest_first(&sums.models).into_iter();
        let models = models.map(|(name, cost)| format!("{name} {}", cost.show()));
        table.row([
            Cell::from(day.format("%Y-%m-%d %a").to_string()),
            Cell::from(amount(&sums.tally)).worth(sums.tally.cost().exact()),
            models.collect::<Vec<_>>().join(", ").into(),
        ]);
    }
    page.table_behind("Day by day, as a table", "by-day", "Cost by day", &table);
}

/// The colors' names, with what each model cost and its share.
fn models(contents: &Contents<'_>) -> Vec<(&'static str, String, String)> {
    let whole = contents.statement.total().cost();
    let item = |class, name: &str, tally: &Tally| {
        let share = share(tally.cost(), whole);
        (class, format!("{name} {} ", amount(tally)), share)
    };
    let models = &contents.sums.models;
    let (own, others) = models.split_at(COLORS.min(models.len()));
    let own = CLASSES.into_iter().zip(own);
    let mut named: Vec<_> = own
        .map(|(class, (name, tally))| item(class, name, tally))
        .collect();
    if !others.is_empty() {
        let mut sum = Tally::default();
        for (_, tally) in others {
            sum += *tally;
        }
        named.push(item("m7", &format!("{} more", others.len()), &sum));
    }
    named
}
