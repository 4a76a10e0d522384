//! Renders spend by day and model as a chart and as a table.

use chrono::NaiveDate;

use super::View;
use super::chart::{self, COLUMN, HEIGHT, Scale};
use super::markup::{LegendItem, Markup};
use super::sums::total_of;
use crate::ledger::Tally;
use crate::pricing::Money;
use crate::render::Table;
use crate::spend::{amount, share};

/// The number of models with their own color. All other models share a color.
const COLORS: usize = 7;

/// The width of a bar as a fraction of the column width.
const BAR_WIDTH: f64 = 0.85;

/// Writes the section "By day".
pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    let columns = &view.columns;
    let stacks = stacks_of(view);
    let heights: Vec<Money> = stacks
        .iter()
        .map(|stack| stack.iter().copied().sum())
        .collect();
    let highest = heights.iter().copied().max().unwrap_or_default();
    let scale = Scale::new(highest);

    let description = format!(
        "Cost per {unit}, stacked by model. The most expensive {unit} cost {}.",
        highest.show(),
        unit = columns.unit()
    );
    chart::frame(page, &description, &scale.labels, columns, |svg| {
        for (color, path) in paths(&stacks, scale.top).iter().enumerate() {
            if !path.is_empty() {
                chart::path(svg, &format!("m{color}"), path);
            }
        }
        for (index, (name, height)) in columns.names().zip(&heights).enumerate() {
            let title = format!("{name}: {}", height.show());
            chart::band(svg, "hit", index as f64 * COLUMN, COLUMN, &title);
        }
    });
    if columns.are_weeks {
        page.notes(["Each column shows one week."]);
    }
    page.raw("<ul class=\"legend\">");
    page.legend_items(legend(view));

    page.collapsed_table(
        "Show the days as a table",
        "by-day",
        "Cost by day",
        &day_table(view),
    );
}

/// Returns the costs in each column by model. The most expensive model overall comes first.
fn stacks_of(view: &View<'_>) -> Vec<Vec<Money>> {
    let sums = &view.contents.sums;
    let mut stacks = vec![vec![Money::ZERO; sums.models.len()]; view.columns.count()];
    for (day, models) in &sums.days {
        let stack = view
            .columns
            .index_of(*day)
            .and_then(|index| stacks.get_mut(index));
        for (cost, model) in stack.into_iter().flatten().zip(sums.models.keys()) {
            *cost += models.get(model).map_or(Money::ZERO, Tally::cost);
        }
    }
    stacks
}

/// Returns an SVG path for each color. The first model of each stack is at the bottom.
fn paths(stacks: &[Vec<Money>], top: Money) -> [String; COLORS + 1] {
    let mut paths: [String; COLORS + 1] = Default::default();
    for (index, stack) in stacks.iter().enumerate() {
        let x = index as f64 * COLUMN;
        let mut cost_below = Money::ZERO;
        let mut bottom = HEIGHT;
        for (model, cost) in stack.iter().enumerate() {
            if *cost <= Money::ZERO {
                continue;
            }
            cost_below += *cost;
            let y = HEIGHT * (1.0 - cost_below.usd() / top.usd());
            if let Some(path) = paths.get_mut(model.min(COLORS)) {
                path.push_str(&chart::rectangle(x, COLUMN * BAR_WIDTH, bottom, y));
            }
            bottom = y;
        }
    }
    paths
}

/// Builds the legend, with the cost and share of each model.
fn legend(view: &View<'_>) -> Vec<LegendItem> {
    let models = &view.contents.sums.models;
    let whole = view.contents.statement.total.cost();
    let item = |color: usize, name: &str, tally: &Tally| LegendItem {
        class: format!("m{color}"),
        name: format!("{name} {} ", amount(tally).text),
        remark: share(tally.cost(), whole),
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
    let mut table = Table::new(["day", "cost", "models"]);
    for (day, sums) in &view.contents.sums.days {
        let models: Vec<String> = sums
            .iter()
            .map(|(name, tally)| format!("{name} {}", tally.cost().show()))
            .collect();
        table.row([
            day_name(*day).into(),
            amount(&total_of(sums)),
            models.join(", ").into(),
        ]);
    }
    table
}

fn day_name(day: NaiveDate) -> String {
    day.format("%Y-%m-%d %a").to_string()
}
