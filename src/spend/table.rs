//! Renders the groups of a statement as tables for display and for spreadsheets.

use chrono::{DateTime, NaiveDate};

use super::amount::Amount;
use super::blocks::block_end;
use super::figures::{LAST_ACTIVITY_LAYOUTS, PROJECT_LAYOUTS, SHARE_LAYOUTS, text_figures};
use super::grouping::{GroupBy, SpendGroup, is_placeholder};
use super::pull_requests::pull_request_label;
use super::statement::Statement;
use crate::environment::Paths;
use crate::ledger::Tally;
use crate::pricing::Money;
use crate::render::{Cell, Column, HeadedCell, Table};
use crate::terminal::{Tone, percent_text};
use crate::time::{Clock, datetime_from_millis};

/// The values in one row of the displayed table.
struct RowValues<'t> {
    name: String,
    /// The group, or `None` for a sum of several groups.
    group: Option<&'t SpendGroup>,
    cost: Cell,
    /// The amount that corresponds to a share of 100%. If it is 0, no share is shown.
    whole: Money,
    tally: &'t Tally,
}

impl Statement {
    /// Builds a table with the groups, the omitted groups, and the total.
    pub(super) fn table(&self, paths: &Paths) -> Table {
        let mut table = Table::default();
        let name_column = self.name_column();
        let highest_cost = self
            .groups
            .iter()
            .map(|group| group.tally.cost())
            .max()
            .unwrap_or_default();
        for group in &self.groups {
            let cost = group.tally.cost().usd();
            let row = RowValues {
                name: label(group, self.request.by, self.request.clock, paths),
                group: Some(group),
                cost: Cell {
                    bar: Some(cost / highest_cost.usd().max(f64::MIN_POSITIVE)),
                    ..cost_cell(&self.shown(&group.tally))
                },
                whole: self.total.cost(),
                tally: &group.tally,
            };
            table.headed_row(self.cells(&name_column, row, paths));
        }
        if let Some(omitted) = &self.omitted {
            let row = RowValues {
                name: format!("and {} more", omitted.count),
                group: None,
                cost: cost_cell(&self.shown(&omitted.tally)),
                whole: self.total.cost(),
                tally: &omitted.tally,
            };
            table.headed_row_in_tone(Tone::Quiet, self.cells(&name_column, row, paths));
        }
        let tally = self.shown_total();
        let total = RowValues {
            name: "Total".to_owned(),
            group: None,
            cost: cost_cell(&tally),
            // The total row does not show a share.
            whole: Money::ZERO,
            tally: &tally,
        };
        table.headed_row_in_tone(Tone::Strong, self.cells(&name_column, total, paths));
        table
    }

    /// Returns the cells of a row with their columns.
    fn cells(&self, name_column: &Column, row: RowValues<'_>, paths: &Paths) -> Vec<HeadedCell> {
        let by = self.request.by;
        let mut cells = vec![name_column.clone().above(row.name)];
        if by == GroupBy::Session {
            cells.extend(self.session_cells(row.group, paths));
        }
        cells.extend([
            Column::number("cost")
                .with_tone(Tone::Strong)
                .above(row.cost),
            Column::number("share")
                .with_tone(Tone::Quiet)
                .in_layouts(SHARE_LAYOUTS)
                .above(share_text(row.tally.cost(), row.whole)),
        ]);
        cells.extend(text_figures(row.tally));
        cells
    }

    fn name_column(&self) -> Column {
        let by = self.request.by;
        let has_titles = self.groups.iter().any(|group| group.title.is_some());
        // Dates and the starts of IDs must not be truncated: a partial date is misleading, and a shorter ID may be
        // ambiguous.
        let is_id = by == GroupBy::Prompt && !has_titles;
        let column = Column::text(name_heading(by));
        if by.is_by_time() || is_id {
            column
        } else {
            column.with_min_width(20)
        }
    }

    /// Returns the cells that appear only in a table of sessions. They are empty for a sum of several sessions.
    fn session_cells(&self, session: Option<&SpendGroup>, paths: &Paths) -> [HeadedCell; 2] {
        let project = session.and_then(|session| session.project.as_ref());
        let last_activity = session.map(|session| datetime_from_millis(session.last_at));
        [
            Column::text("project")
                .with_tone(Tone::Quiet)
                .with_min_width(10)
                .in_layouts(PROJECT_LAYOUTS)
                .above(project.map_or_else(String::new, |project| paths.show(project.as_ref()))),
            Column::text("last")
                .with_tone(Tone::Quiet)
                .in_layouts(LAST_ACTIVITY_LAYOUTS)
                .above(
                    last_activity.map_or_else(String::new, |at| self.request.clock.format_time(at)),
                ),
        ]
    }
}

fn name_heading(by: GroupBy) -> String {
    match by {
        GroupBy::Week => "week from".to_owned(),
        GroupBy::Block => "five hours from".to_owned(),
        _ => by.noun(),
    }
}

/// Returns the display name of a group. Keys in an unexpected format are returned unchanged.
fn label(group: &SpendGroup, by: GroupBy, clock: Clock, paths: &Paths) -> String {
    let label = match by {
        GroupBy::Project => Some(paths.show(group.key.as_ref())),
        GroupBy::Session => Some(session_name(group)),
        GroupBy::Prompt if !is_placeholder(&group.key) => Some(session_name(group)),
        GroupBy::Block => block_label(&group.key, clock),
        GroupBy::Pr => Some(pull_request_label(&group.key, paths)),
        // Claude Code records `HEAD` as the branch outside a repository and if no branch is checked out.
        GroupBy::Branch if group.key == "HEAD" => Some("no branch recorded (HEAD)".to_owned()),
        GroupBy::Day => group
            .key
            .parse::<NaiveDate>()
            .ok()
            .map(|day| day.format("%Y-%m-%d %a").to_string()),
        _ => None,
    };
    label.unwrap_or_else(|| group.key.clone())
}

/// Returns the start and end of a block, such as `2026-11-20 09:00–14:00`. Returns `None` if the key is not a time.
fn block_label(key: &str, clock: Clock) -> Option<String> {
    let start = DateTime::parse_from_rfc3339(key).ok()?.to_utc();
    Some(format!(
        "{}\u{2013}{}",
        clock.zone.at(start).format("%Y-%m-%d %H:%M"),
        clock.zone.at(block_end(start)).format("%H:%M")
    ))
}

/// Returns the title of a session or prompt. If another one has the same title, it is prefixed with the start of the
/// ID. Without a title, returns only the start of the ID.
pub(crate) fn session_name(group: &SpendGroup) -> String {
    match &group.title {
        Some(title) if group.shares_title => format!("{:.8}  {title}", group.key),
        Some(title) => title.clone(),
        None => format!("{:.8}", group.key),
    }
}

/// Returns a cell with the cost of a tally.
pub(crate) fn cost_cell(tally: &Tally) -> Cell {
    Cell::from(Amount::from_tally(tally).show()).with_exact(tally.cost().exact())
}

/// Formats an amount as a percentage of the whole. Returns an empty string if the whole is 0.
pub(crate) fn share_text(part: Money, whole: Money) -> String {
    if whole <= Money::ZERO {
        return String::new();
    }
    percent_text(part.usd() / whole.usd() * 100.0)
}
