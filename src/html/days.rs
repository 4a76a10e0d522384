//! Spend by day, stacked by model.

use super::View;
use super::chart::{self, COLUMN, HEIGHT};
use super::hours;
use super::markup::Markup;
use super::sums::dearest_first;
use crate::pricing::Money;
use crate::render::Table;
use crate::spend::{SpendGroup, Tally, amount, share};

/// How many models have a color of their own.
const COLORS: usize = 7;
const CLASSES: [&str; COLORS + 1] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"];

pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    let (sums, columns) = (view.contents.sums, &view.columns);
    let mut stacks = vec![vec![Money::ZERO; sums.models.len()]; columns.count()];
    for (day, spent) in &sums.days {
        let stack = columns.place(*day).and_then(|place| stacks.get_mut(place));
        for (sum, model) in stack.into_iter().flatten().zip(&sums.models) {
            *sum += spent.models.get(&model.key).copied().unwrap_or_default();
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
    hours::calendar(view, page);
    let mut table = Table::new(["day", "cost", "models"]);
    for (day, sums) in &sums.days {
        let models = dearest_first(&sums.models).into_iter();
        let models = models.map(|(name, cost)| format!("{name} {}", cost.show()));
        table.row([
            day.format("%Y-%m-%d %a").to_string().into(),
            amount(&sums.tally),
            models.collect::<Vec<_>>().join(", ").into(),
        ]);
    }
    page.table_behind("Day by day, as a table", "by-day", "Cost by day", &table);
}

/// What is drawn in each color, of stacks with the dearest model at the bottom.
fn paths(stacks: &[Vec<Money>], top: Money) -> [String; CLASSES.len()] {
    let y = |amount: Money| HEIGHT * (1.0 - amount.usd() / top.usd());
    let mut paths = CLASSES.map(|_| String::new());
    for (place, stack) in stacks.iter().enumerate() {
        let mut below = Money::ZERO;
        let costs = stack.iter().enumerate();
        for (model, cost) in costs.filter(|(_, cost)| **cost > Money::ZERO) {
            let x = place as f64 * COLUMN;
            let piece = chart::column(x, COLUMN * 0.85, y(below), y(below + *cost));
            below += *cost;
            if let Some(path) = paths.get_mut(model.min(COLORS)) {
                path.push_str(&piece);
            }
        }
    }
    paths
}

/// The colors' names, with what each model cost and its share.
fn models(view: &View<'_>) -> Vec<(&'static str, String, String)> {
    let whole = view.contents.statement.total().cost();
    let item = |class, name: &str, tally: &Tally| {
        let share = share(tally.cost(), whole);
        (class, format!("{name} {} ", amount(tally).text), share)
    };
    let models = &view.contents.sums.models;
    let (own, others) = models.split_at(COLORS.min(models.len()));
    let own = CLASSES.into_iter().zip(own);
    let own = own.map(|(class, SpendGroup { key, tally, .. })| item(class, key, tally));
    let sum: Tally = others.iter().map(|group| group.tally).sum();
    let rest = item("m7", &format!("{} more", others.len()), &sum);
    own.chain((!others.is_empty()).then_some(rest)).collect()
}
