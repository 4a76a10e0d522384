//! Renders the groups of a statement as a table for display and as a table for spreadsheets.

use chrono::{DateTime, NaiveDate};

use super::grouping::{Amount, GroupBy, SpendGroup, block_end};
use super::pull_requests::pull_request_label;
use super::statement::Statement;
use crate::ledger::Tally;
use crate::paths::Paths;
use crate::pricing::Money;
use crate::render::{Cell, Column, Table};
use crate::terminal::Tone;
use crate::time::{Clock, datetime_from_millis, format_rfc3339};

/// A column of the displayed table. The variants are in display order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SpendColumn {
    Name,
    Project,
    LastActivity,
    Cost,
    Share,
    Responses,
    Input,
    Output,
    CacheWrite,
    CacheRead,
    Tokens,
}

use SpendColumn::{
    CacheRead, CacheWrite, Cost, Input, LastActivity, Name, Output, Project, Responses, Share,
    Tokens,
};

const ALL_COLUMNS: [SpendColumn; 11] = [
    Name,
    Project,
    LastActivity,
    Cost,
    Share,
    Responses,
    Input,
    Output,
    CacheWrite,
    CacheRead,
    Tokens,
];

/// The sets of columns for sessions, from widest to narrowest.
const SESSION_COLUMNS: &[&[SpendColumn]] = &[
    &[
        Name,
        Project,
        LastActivity,
        Cost,
        Share,
        Responses,
        Input,
        Output,
        CacheWrite,
        CacheRead,
    ],
    &[Name, Project, LastActivity, Cost, Share, Responses, Tokens],
    &[Name, Project, LastActivity, Cost, Responses, Tokens],
    &[Name, Project, LastActivity, Cost],
    &[Name, LastActivity, Cost],
    &[Name, Cost],
];

/// The sets of columns for other groups, from widest to narrowest.
const OTHER_COLUMNS: &[&[SpendColumn]] = &[
    &[
        Name, Cost, Share, Responses, Input, Output, CacheWrite, CacheRead,
    ],
    &[Name, Cost, Share, Responses, Tokens],
    &[Name, Cost, Share, Responses],
    &[Name, Cost, Share],
    &[Name, Cost],
];

/// The values in one row of the displayed table.
struct RowValues<'t> {
    name: String,
    /// The project of a session, or an empty string for other groups.
    project: String,
    /// The time of the last activity, or an empty string for a sum of several groups.
    last_activity: String,
    cost: Cell,
    /// The amount that corresponds to a share of 100%. If it is 0, no share is shown.
    whole: Money,
    tally: &'t Tally,
}

impl Statement {
    /// Builds a table with the groups, the omitted groups, and the total.
    pub(super) fn table(&self, paths: &Paths) -> Table {
        let by = self.request.by;
        let has_titles = self.groups.iter().any(|group| group.title.is_some());
        let mut table = Table::new(ALL_COLUMNS.map(|column| column.describe(by, has_titles)));
        let choices = match by {
            GroupBy::Session => SESSION_COLUMNS,
            _ => OTHER_COLUMNS,
        };
        table.choices = choices
            .iter()
            .map(|columns| columns.iter().map(|column| *column as usize).collect())
            .collect();

        let highest_cost = self
            .groups
            .iter()
            .map(|group| group.tally.cost())
            .max()
            .unwrap_or_default();
        for group in &self.groups {
            table.row(self.group_row(group, highest_cost, paths));
        }
        if let Some(omitted) = &self.omitted {
            let row = RowValues {
                name: format!("and {} more", omitted.count),
                project: String::new(),
                last_activity: String::new(),
                cost: amount(&omitted.tally),
                whole: self.total.cost(),
                tally: &omitted.tally,
            };
            table.row_in_tone(Tone::Quiet, row.cells());
        }
        table.row_in_tone(Tone::Strong, self.total_row());
        table
    }

    fn total_row(&self) -> Vec<Cell> {
        let row = RowValues {
            name: "Total".to_owned(),
            project: String::new(),
            last_activity: String::new(),
            cost: Cell::from(self.total_amount().show()),
            // The total row does not show a share.
            whole: Money::ZERO,
            tally: &self.total,
        };
        row.cells()
    }

    fn group_row(&self, group: &SpendGroup, highest_cost: Money, paths: &Paths) -> Vec<Cell> {
        let tally = &group.tally;
        let clock = self.request.clock;
        let row = RowValues {
            name: label(group, self.request.by, clock, paths),
            project: match &group.project {
                Some(project) => paths.show(project.as_ref()),
                None => String::new(),
            },
            last_activity: clock.format_time(datetime_from_millis(group.last_at)),
            cost: amount(tally),
            whole: self.total.cost(),
            tally,
        };
        let mut cells = row.cells();
        let share_of_highest = tally.cost().usd() / highest_cost.usd().max(f64::MIN_POSITIVE);
        cells.push(Cell::bar(share_of_highest));
        cells
    }

    /// Builds a table with the exact values of all groups, for spreadsheets. Titles of prompts are included only if
    /// `with_words` is true.
    pub(crate) fn spreadsheet(&self, with_words: bool) -> Table {
        let names = self
            .exact_values(&SpendGroup::default(), with_words)
            .into_iter()
            .map(|(name, _)| name);
        let mut table = Table::new(names);
        for group in &self.groups {
            let values = self.exact_values(group, with_words);
            table.row(values.into_iter().map(|(_, value)| value));
        }
        table
    }

    /// Returns all values of a group with their JSON names.
    fn exact_values(&self, group: &SpendGroup, with_words: bool) -> Vec<(String, String)> {
        let by = self.request.by;
        let tally = &group.tally;
        let usage = &tally.usage;
        let unrecorded = tally.unrecorded + tally.pending;

        let mut values = vec![(by.name(), group.key.clone())];
        if by == GroupBy::Session {
            let last_activity = format_rfc3339(datetime_from_millis(group.last_at));
            values.extend([
                (
                    "project".to_owned(),
                    group.project.clone().unwrap_or_default(),
                ),
                ("title".to_owned(), group.title.clone().unwrap_or_default()),
                ("last_activity".to_owned(), last_activity),
            ]);
        }
        if by == GroupBy::Prompt && with_words {
            values.push(("title".to_owned(), group.title.clone().unwrap_or_default()));
        }
        values.extend(
            [
                ("cost_usd", tally.cost().exact()),
                ("recorded_usd", tally.recorded.exact()),
                ("unrecorded_usd", unrecorded.exact()),
                ("not_written_usd", tally.pending.exact()),
                ("responses", tally.responses.to_string()),
                ("unpriced_responses", tally.unpriced.to_string()),
                ("input_tokens", usage.input.to_string()),
                ("output_tokens", usage.output.to_string()),
                ("cache_read_tokens", usage.cache_read.to_string()),
                ("cache_write_5m_tokens", usage.cache_write_5m().to_string()),
                ("cache_write_1h_tokens", usage.cache_write_1h.to_string()),
                ("web_searches", usage.web_searches.to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        values
    }
}

impl SpendColumn {
    /// Returns the heading and format of the column. `has_titles` is true if groups are displayed by title.
    fn describe(self, by: GroupBy, has_titles: bool) -> Column {
        let is_id = by == GroupBy::Prompt && !has_titles;
        match self {
            // Never truncate dates or IDs: a partial date is misleading, and a partial ID cannot be looked up.
            Name if by.is_by_time() || is_id => Column::text(name_heading(by)),
            Name => Column::text(name_heading(by)).with_min_width(20),
            Project => Column::text("project")
                .with_tone(Tone::Quiet)
                .with_min_width(10),
            LastActivity => Column::text("last").with_tone(Tone::Quiet),
            Cost => Column::number("cost").with_tone(Tone::Strong),
            Share => Column::number("share").with_tone(Tone::Quiet),
            Responses => Column::number("responses"),
            Input => Column::number("input"),
            Output => Column::number("output"),
            CacheWrite => Column::number("cache write"),
            CacheRead => Column::number("cache read"),
            Tokens => Column::number("tokens"),
        }
    }
}

impl RowValues<'_> {
    fn cells(&self) -> Vec<Cell> {
        ALL_COLUMNS
            .into_iter()
            .map(|column| self.cell(column))
            .collect()
    }

    fn cell(&self, column: SpendColumn) -> Cell {
        let usage = &self.tally.usage;
        match column {
            Name => self.name.clone().into(),
            Project => self.project.clone().into(),
            LastActivity => self.last_activity.clone().into(),
            Cost => self.cost.clone(),
            Share => share(self.tally.cost(), self.whole).into(),
            Responses => self.tally.responses.to_string().into(),
            Input => short_count(usage.input).into(),
            Output => short_count(usage.output).into(),
            CacheWrite => short_count(usage.cache_write).into(),
            CacheRead => short_count(usage.cache_read).into(),
            Tokens => short_count(usage.prompt().saturating_add(usage.output)).into(),
        }
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
        GroupBy::Prompt if group.title.is_some() => Some(session_name(group)),
        GroupBy::Block => block_label(&group.key, clock),
        GroupBy::Pr => Some(pull_request_label(&group.key, paths)),
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

/// Returns a session's title. If another session has the same title, it is prefixed with the start of the session ID.
/// For a session without a title, returns only the start of the ID.
pub(crate) fn session_name(group: &SpendGroup) -> String {
    match &group.title {
        Some(title) if group.shares_title => format!("{:.8}  {title}", group.key),
        Some(title) => title.clone(),
        None => format!("{:.8}", group.key),
    }
}

/// Returns a cell with the cost of a tally.
pub(crate) fn amount(tally: &Tally) -> Cell {
    Cell::from(Amount::from_tally(tally).show()).with_exact(tally.cost().exact())
}

/// Formats an amount as a percentage of the whole. Returns an empty string if the whole is 0.
pub(crate) fn share(part: Money, whole: Money) -> String {
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

/// Abbreviates a count with one decimal place for thousands and two for millions and billions: `950`, `12.3k`, `4.56M`.
pub(crate) fn short_count(count: u64) -> String {
    let number = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}M", number / 1e6),
        _ => format!("{:.2}G", number / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_at_the_position_of_its_variant() {
        for (position, column) in ALL_COLUMNS.into_iter().enumerate() {
            assert_eq!(column as usize, position, "{column:?}");
        }
    }
}
