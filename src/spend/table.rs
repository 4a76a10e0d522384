//! Renders the groups of a statement, both as a table for display and as a table for spreadsheets.

use chrono::{DateTime, NaiveDate};

use super::grouping::{Amount, GroupBy, SpendGroup, block_end};
use super::pull_requests::pull_request_label;
use super::statement::Statement;
use crate::ledger::Tally;
use crate::places::Places;
use crate::pricing::Money;
use crate::render::{Cell, Column, Table};
use crate::terminal::Tone;
use crate::time::{Clock, datetime_from_millis, format_rfc3339};

/// The maximum number of rows in a table that shows the total only at the bottom. A longer table also shows the total
/// at the top.
const MAX_ROWS_WITH_ONE_TOTAL: usize = 20;

/// The alternative sets of columns for sessions. The letters stand for: A name, B project, C last, D cost, E share, F
/// responses, G input, H output, I cache write, J cache read, K tokens.
const SESSION_COLUMNS: &[&str] = &["ABCDEFGHIJ", "ABCDEFK", "ABCDFK", "ABCD", "ACD", "AD"];

/// The alternative sets of columns for other groups.
const OTHER_COLUMNS: &[&str] = &["ADEFGHIJ", "ADFGHIJ", "ADEFK", "ADEF", "ADE", "AD"];

impl Statement {
    /// Returns a table with the groups, the omitted groups, and the total.
    pub(super) fn table(&self, places: &Places) -> Table {
        let by = self.request.by;
        let mut table = Table::new(columns(by));
        table.choices = match by {
            GroupBy::Session => SESSION_COLUMNS,
            _ => OTHER_COLUMNS,
        };

        let total_row = self.total_row();
        if self.groups.len() > MAX_ROWS_WITH_ONE_TOTAL {
            table.row_in_tone(Tone::Strong, total_row.clone());
        }
        let highest_cost = self
            .groups
            .iter()
            .map(|group| group.tally.cost())
            .max()
            .unwrap_or_default();
        for group in &self.groups {
            table.row(self.group_row(group, highest_cost, places));
        }
        if let Some(omitted) = &self.omitted {
            let name = format!("and {} more", omitted.count);
            let tally = &omitted.tally;
            let cells = row(&[&name, "", ""], amount(tally), self.total.cost(), tally);
            table.row_in_tone(Tone::Quiet, cells);
        }
        table.row_in_tone(Tone::Strong, total_row);
        table
    }

    fn total_row(&self) -> Vec<Cell> {
        let amount = Cell::from(self.total_amount().show());
        // The row with the total does not show a share.
        row(&["Total", "", ""], amount, Money::ZERO, &self.total)
    }

    fn group_row(&self, group: &SpendGroup, highest_cost: Money, places: &Places) -> Vec<Cell> {
        let tally = &group.tally;
        let name = label(group, self.request.by, self.request.clock, places);
        let project = match &group.project {
            Some(project) => places.show(project.as_ref()),
            None => String::new(),
        };
        let last = self
            .request
            .clock
            .format_time(datetime_from_millis(group.last_at));

        let mut cells = row(
            &[&name, &project, &last],
            amount(tally),
            self.total.cost(),
            tally,
        );
        let share_of_highest = tally.cost().usd() / highest_cost.usd().max(f64::MIN_POSITIVE);
        cells.push(Cell::bar(share_of_highest));
        cells
    }

    /// Returns a table with the exact values of the groups, for spreadsheets.
    pub(crate) fn spreadsheet(&self) -> Table {
        let names = self
            .exact_values(&SpendGroup::default())
            .into_iter()
            .map(|(name, _)| name);
        let mut table = Table::new(names);
        for group in &self.groups {
            table.row(self.exact_values(group).into_iter().map(|(_, value)| value));
        }
        table
    }

    /// Returns all of a group's values, each with its name in JSON.
    fn exact_values(&self, group: &SpendGroup) -> Vec<(String, String)> {
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
        if by == GroupBy::Prompt {
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

/// Returns the columns of the table that is displayed.
fn columns(by: GroupBy) -> Vec<Column> {
    // The names of periods are never truncated, because a partial date would be misleading.
    let name = match by {
        _ if by.is_by_time() => Column::text(name_heading(by)),
        _ => Column::text(name_heading(by)).with_min_width(20),
    };
    let mut columns = vec![
        name,
        Column::text("project")
            .with_tone(Tone::Quiet)
            .with_min_width(10),
        Column::text("last").with_tone(Tone::Quiet),
        Column::number("cost").with_tone(Tone::Strong),
        Column::number("share").with_tone(Tone::Quiet),
    ];
    columns.extend(counts(&Tally::default()).map(|(heading, _)| Column::number(heading)));
    columns
}

fn name_heading(by: GroupBy) -> String {
    match by {
        GroupBy::Week => "week from".to_owned(),
        GroupBy::Block => "five hours from".to_owned(),
        _ => by.noun(),
    }
}

/// Returns a tally's counts, each with its column heading.
fn counts(tally: &Tally) -> [(&'static str, String); 6] {
    let usage = &tally.usage;
    let tokens = usage.prompt().saturating_add(usage.output);
    [
        ("responses", tally.responses.to_string()),
        ("input", short_count(usage.input)),
        ("output", short_count(usage.output)),
        ("cache write", short_count(usage.cache_write)),
        ("cache read", short_count(usage.cache_read)),
        ("tokens", short_count(tokens)),
    ]
}

/// Returns the cells of a row. `names` contains the name, the project, and the time of last activity. If `whole` is 0,
/// the row shows no share.
fn row(names: &[&str; 3], amount: Cell, whole: Money, tally: &Tally) -> Vec<Cell> {
    let mut cells: Vec<Cell> = names.iter().map(|name| Cell::from(*name)).collect();
    cells.push(amount);
    cells.push(share(tally.cost(), whole).into());
    cells.extend(counts(tally).map(|(_, count)| count.into()));
    cells
}

/// Returns a group's display name. A key with an unexpected format is returned unchanged.
fn label(group: &SpendGroup, by: GroupBy, clock: Clock, places: &Places) -> String {
    let label = match by {
        GroupBy::Project => Some(places.show(group.key.as_ref())),
        GroupBy::Session => Some(session_name(group)),
        GroupBy::Prompt if group.title.is_some() => Some(session_name(group)),
        GroupBy::Block => block_label(&group.key, clock),
        GroupBy::Pr => Some(pull_request_label(&group.key, places)),
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

/// Returns the title of a session, preceded by the start of its ID if another session has the same title. If the
/// session has no title, returns only the start of its ID.
pub(crate) fn session_name(group: &SpendGroup) -> String {
    match &group.title {
        Some(title) if group.shares_title => format!("{:.8}  {title}", group.key),
        Some(title) => title.clone(),
        None => format!("{:.8}", group.key),
    }
}

/// Returns a cell that shows a tally's cost.
pub(crate) fn amount(tally: &Tally) -> Cell {
    Cell::from(Amount::from_tally(tally).show()).with_exact(tally.cost().exact())
}

/// Formats a part of an amount as a percentage of the whole amount. Returns an empty string if the whole is 0.
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

/// Abbreviates a count, with one decimal place for thousands and two for millions and billions: `950`, `12.3k`,
/// `4.56M`.
pub(crate) fn short_count(count: u64) -> String {
    let number = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}M", number / 1e6),
        _ => format!("{:.2}G", number / 1e9),
    }
}
