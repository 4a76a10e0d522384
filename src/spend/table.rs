//! Groups as a table for people, and as one for spreadsheets.

use chrono::{DateTime, NaiveDate};

use super::grouping::{Amount, GroupBy, SpendGroup, block_end};
use super::statement::Statement;
use crate::ledger::Tally;
use crate::places::Places;
use crate::pricing::Money;
use crate::render::{Cell, Column, Table};
use crate::terminal::Tone;
use crate::time::{Clock, moment, rfc3339};

/// A table with more rows than this has its total at both ends.
const LONG: usize = 20;

/// What is shown of sessions, by room: name, project, last, cost, share, responses, input, output, cache write, cache
/// read, tokens.
const OF_SESSIONS: &[&str] = &["ABCDEFGHIJ", "ABCDEFK", "ABCDFK", "ABCD", "ACD", "AD"];

/// The same of anything else.
const OF_OTHERS: &[&str] = &["ADEFGHIJ", "ADFGHIJ", "ADEFK", "ADEF", "ADE", "AD"];

impl Statement {
    /// The groups, what is left out of them, and the total.
    pub(super) fn table(&self, places: &Places) -> Table {
        let (by, clock, whole) = (self.wanted.by, self.wanted.clock, self.total.cost());
        let mut name = Column::text(heading(by));
        let quiet = |name| Column::text(name).in_tone(Tone::Quiet);
        let counts = counts(&Tally::default()).map(|(name, _)| Column::figure(name));
        // Half a date says nothing.
        if !by.is_by_time() {
            name = name.shrinking_to(20);
        }
        let columns = [
            name,
            quiet("project").shrinking_to(10),
            quiet("last"),
            Column::figure("cost").in_tone(Tone::Strong),
            Column::figure("share").in_tone(Tone::Quiet),
        ];
        let mut table = Table::new(columns.into_iter().chain(counts));
        table.choices = match by {
            GroupBy::Session => OF_SESSIONS,
            _ => OF_OTHERS,
        };
        let named = |name: &str| [name, "", ""].map(str::to_owned);
        let (total, amount_of_all) = (&self.total, self.total_amount().show().into());
        let all = cells(named("Total"), amount_of_all, Money::ZERO, total);
        if self.groups.len() > LONG {
            table.row_in_tone(Tone::Strong, all.clone());
        }
        let most = self.groups.iter().map(|group| group.tally.cost()).max();
        let most = most.unwrap_or_default().usd();
        for group in &self.groups {
            let tally = &group.tally;
            let project = group.project.as_ref();
            let name_cells = [
                label(group, by, clock, places),
                project.map_or_else(String::new, |project| places.show(project.as_ref())),
                clock.time(moment(group.last_at)),
            ];
            let bar = Cell::bar(tally.cost().usd() / most.max(f64::MIN_POSITIVE));
            let cells = cells(name_cells, amount(tally), whole, tally).into_iter();
            table.row(cells.chain([bar]));
        }
        if let Some((many, sum)) = &self.rest {
            let label = named(&format!("and {many} more"));
            table.row_in_tone(Tone::Quiet, cells(label, amount(sum), whole, sum));
        }
        table.row_in_tone(Tone::Strong, all);
        table
    }

    /// The groups with exact figures.
    pub(crate) fn spreadsheet(&self) -> Table {
        let heads = self.exact(&SpendGroup::default()).into_iter();
        let mut table = Table::new(heads.map(|(name, _)| Column::text(name)));
        for group in &self.groups {
            table.row(self.exact(group).into_iter().map(|(_, cell)| cell));
        }
        table
    }

    /// Everything that is known of a group, under the names that JSON has.
    fn exact(&self, group: &SpendGroup) -> Vec<(String, String)> {
        let (by, tally, usage) = (self.wanted.by, &group.tally, &group.tally.usage);
        let not_recorded = tally.unrecorded + tally.unwritten;
        let of_session = [
            ("project", group.project.clone().unwrap_or_default()),
            ("title", group.title.clone().unwrap_or_default()),
            ("last_activity", rfc3339(moment(group.last_at))),
        ];
        let figures = [
            ("cost_usd", tally.cost().exact()),
            ("recorded_usd", tally.recorded.exact()),
            ("unrecorded_usd", not_recorded.exact()),
            ("not_written_usd", tally.unwritten.exact()),
            ("responses", tally.responses.to_string()),
            ("unpriced_responses", tally.unpriced.to_string()),
            ("input_tokens", usage.input.to_string()),
            ("output_tokens", usage.output.to_string()),
            ("cache_read_tokens", usage.cache_read.to_string()),
            ("cache_write_5m_tokens", usage.cache_write_5m().to_string()),
            ("cache_write_1h_tokens", usage.cache_write_1h.to_string()),
            ("web_searches", usage.web_searches.to_string()),
        ];
        let of_session = of_session.into_iter().filter(|_| by == GroupBy::Session);
        let named = of_session.chain(figures);
        let mut cells = vec![(by.name(), group.key.clone())];
        cells.extend(named.map(|(name, cell)| (name.to_owned(), cell)));
        cells
    }
}

/// What is counted of it, with the names of columns.
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

/// What stands in each column. Of nothing no share is told.
fn cells(names: [String; 3], amount: Cell, whole: Money, tally: &Tally) -> Vec<Cell> {
    let share = share(tally.cost(), whole);
    let counts = counts(tally).map(|(_, count)| count.into());
    let names = names.map(Cell::from).into_iter();
    names.chain([amount, share.into()]).chain(counts).collect()
}

fn heading(by: GroupBy) -> String {
    match by {
        GroupBy::Week => "week from".to_owned(),
        GroupBy::Block => "five hours from".to_owned(),
        _ => by.name(),
    }
}

/// What people call a group. A key that is not as we write them stays as it is.
fn label(group: &SpendGroup, by: GroupBy, clock: Clock, places: &Places) -> String {
    let named = match by {
        GroupBy::Project => Some(places.show(group.key.as_ref())),
        GroupBy::Session => Some(session_name(group)),
        GroupBy::Prompt if group.title.is_some() => Some(session_name(group)),
        GroupBy::Block => DateTime::parse_from_rfc3339(&group.key).ok().map(|start| {
            let [start, end] =
                [start.to_utc(), block_end(start.to_utc())].map(|at| clock.zone.at(at));
            let start = start.format("%Y-%m-%d %H:%M");
            format!("{start}\u{2013}{}", end.format("%H:%M"))
        }),
        GroupBy::Day => {
            let day = group.key.parse::<NaiveDate>().ok();
            day.map(|day| day.format("%Y-%m-%d %a").to_string())
        }
        _ => None,
    };
    named.unwrap_or_else(|| group.key.clone())
}

/// A session's title, with the beginning of its id where another has the same; else that beginning.
pub(crate) fn session_name(group: &SpendGroup) -> String {
    match &group.title {
        Some(title) if group.shares_title => format!("{:.8}  {title}", group.key),
        Some(title) => title.clone(),
        None => format!("{:.8}", group.key),
    }
}

/// A group's cost, as people read it.
pub(crate) fn amount(tally: &Tally) -> Cell {
    Cell::from(Amount::from_tally(tally).show()).worth(tally.cost().exact())
}

/// What part of the whole this is, in percent; nothing of nothing.
pub(crate) fn share(part: Money, whole: Money) -> String {
    match part.usd() / whole.usd() * 100.0 {
        _ if whole <= Money::ZERO => String::new(),
        percent if percent > 0.0 && percent < 0.5 => "<1%".to_owned(),
        percent => format!("{percent:.0}%"),
    }
}

/// `950`, `12.3k`, `4.56M`.
pub(crate) fn short_count(count: u64) -> String {
    let count_as = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", count_as / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2}M", count_as / 1e6),
        _ => format!("{:.2}G", count_as / 1e9),
    }
}
