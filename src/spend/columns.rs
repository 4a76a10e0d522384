//! A table of groups that fits the terminal.

use chrono::{DateTime, Utc};

use super::grouping::{Group, GroupBy, block_end};
use super::tally::Tally;
use crate::pricing::Money;
use crate::terminal::{Page, Piece, Tone, cut, width};
use crate::time::Zone;

/// The widest that a bar gets.
const LONGEST_BAR: usize = 24;

/// Writes the table. Columns that do not fit are left out, the least important first: bar, tokens,
/// responses.
pub(crate) fn write(
    page: &mut Page,
    total: &Tally,
    groups: &[Group],
    label: impl Fn(&Group) -> String,
    heading: &str,
    is_lower_bound: bool,
) {
    let heads = [heading, "cost", "share", "responses", "tokens"].map(str::to_owned);
    let cells = |label: String, tally: &Tally, share: String| {
        let responses = tally.responses.to_string();
        [label, amount(tally), share, responses, tokens(tally)]
    };
    let rows: Vec<Cells> = groups
        .iter()
        .map(|group| {
            let share = share(group.tally.cost(), total.cost());
            cells(label(group), &group.tally, share)
        })
        .collect();
    let mut footer = cells("Total".to_owned(), total, String::new());
    if is_lower_bound {
        // Says more than that a part is estimated, which the rows say too.
        footer[1] = format!("\u{2265}{}", total.cost().show());
    }
    let layout = TableLayout::fit(rows.iter().chain([&heads, &footer]), page.columns());
    let costs = groups.iter().map(|group| group.tally.cost());
    let most = costs.max().unwrap_or_default();
    page.row(&layout.line(&heads, [Tone::Quiet; 5], ""));
    let tones = [
        Tone::Plain,
        Tone::Strong,
        Tone::Quiet,
        Tone::Plain,
        Tone::Plain,
    ];
    for (row, group) in rows.iter().zip(groups) {
        let bar = bar_of(group.tally.cost(), most, layout.bar);
        page.row(&layout.line(row, tones, &bar));
    }
    page.row(&layout.line(&footer, [Tone::Strong; 5], ""));
}

/// Label, cost, share, responses, tokens.
type Cells = [String; 5];

/// Which columns are shown, and how wide.
struct TableLayout {
    widths: [usize; 5],
    /// How many columns, from the left.
    shown: usize,
    /// The longest bar; 0 where there is no room for one.
    bar: usize,
}

impl TableLayout {
    fn fit<'c>(rows: impl Iterator<Item = &'c Cells>, columns: usize) -> Self {
        let mut widths = [0; 5];
        for row in rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        let [label, rest @ ..] = &mut widths;
        let needed = |shown: usize| {
            rest.iter()
                .take(shown - 1)
                .map(|width| width + 2)
                .sum::<usize>()
        };
        // How many columns fit beside a label of at least twelve.
        let mut shown = 5;
        while shown > 2 && needed(shown) + (*label).min(12) > columns {
            shown -= 1;
        }
        *label = (*label).min(columns.saturating_sub(needed(shown)).max(8));
        let room = columns
            .saturating_sub(*label + needed(shown) + 2)
            .min(LONGEST_BAR);
        Self {
            bar: if shown == 5 && room >= 6 { room } else { 0 },
            widths,
            shown,
        }
    }

    fn line(&self, cells: &Cells, tones: [Tone; 5], bar: &str) -> Vec<Piece> {
        let mut row = Vec::new();
        let columns = cells.iter().zip(self.widths).zip(tones).take(self.shown);
        for (column, ((cell, wide), tone)) in columns.enumerate() {
            let cell = cut(cell, wide);
            let gap = " ".repeat(wide - width(&cell));
            if column == 0 {
                row.extend([(tone, cell), (Tone::Plain, gap)]);
            } else {
                row.extend([(Tone::Plain, format!("  {gap}")), (tone, cell)]);
            }
        }
        row.push((Tone::Plain, "  ".to_owned()));
        row.push((Tone::Accent, bar.to_owned()));
        while row.pop_if(|(_, text)| text.trim().is_empty()).is_some() {}
        row
    }
}

pub(crate) fn heading(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Day => "day",
        GroupBy::Week => "week from",
        GroupBy::Month => "month",
        GroupBy::Session => "session",
        GroupBy::Project => "project",
        GroupBy::Model => "model",
        GroupBy::Block => "five hours from",
    }
}

pub(crate) fn label(group: &Group, by: GroupBy, zone: Zone, home: Option<&str>) -> String {
    let short = |path: &str| match home.and_then(|home| path.strip_prefix(home)) {
        Some("") => "~".to_owned(),
        Some(rest) if rest.starts_with('/') => format!("~{rest}"),
        _ => path.to_owned(),
    };
    match by {
        GroupBy::Project => short(&group.key),
        GroupBy::Session => {
            let id: String = group.key.chars().take(8).collect();
            match &group.project {
                Some(project) => format!("{id} {}", short(project)),
                None => id,
            }
        }
        GroupBy::Block => match DateTime::parse_from_rfc3339(&group.key) {
            Ok(start) => {
                let start: DateTime<Utc> = start.to_utc();
                format!(
                    "{}\u{2013}{}",
                    zone.at(start).format("%Y-%m-%d %H:%M"),
                    zone.at(block_end(start)).format("%H:%M")
                )
            }
            Err(_) => group.key.clone(),
        },
        GroupBy::Day => match group.key.parse::<chrono::NaiveDate>() {
            Ok(day) => day.format("%Y-%m-%d %a").to_string(),
            Err(_) => group.key.clone(),
        },
        GroupBy::Week | GroupBy::Month | GroupBy::Model => group.key.clone(),
    }
}

fn amount(tally: &Tally) -> String {
    let mark = if tally.unpriced > 0 { "\u{2248}" } else { "" };
    format!("{mark}{}", tally.cost().show())
}

fn share(part: Money, whole: Money) -> String {
    if whole <= Money::ZERO {
        return String::new();
    }
    let percent = part.usd() / whole.usd() * 100.0;
    if percent > 0.0 && percent < 0.5 {
        "<1%".to_owned()
    } else {
        format!("{percent:.0}%")
    }
}

fn tokens(tally: &Tally) -> String {
    let usage = &tally.usage;
    short_count(usage.prompt().saturating_add(usage.output))
}

/// `950`, `12.3k`, `4.56M`.
fn short_count(count: u64) -> String {
    let count_as = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", count_as / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}M", count_as / 1e6),
        _ => format!("{:.2}G", count_as / 1e9),
    }
}

fn bar_of(part: Money, most: Money, longest: usize) -> String {
    if longest == 0 || most <= Money::ZERO || part <= Money::ZERO {
        return String::new();
    }
    let eighths = part.usd() / most.usd() * longest as f64 * 8.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 192"
    )]
    let eighths = (eighths.round() as usize).clamp(1, longest * 8);
    let rest = [
        "", "\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}", "\u{258a}", "\u{2589}",
    ];
    "\u{2588}".repeat(eighths / 8) + rest.get(eighths % 8).copied().unwrap_or("")
}
