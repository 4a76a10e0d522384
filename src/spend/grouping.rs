//! Sums by day, week, month, session, project, model, five-hour block, branch or agent.

use std::borrow::Cow;
use std::cmp::Reverse;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::ValueEnum;
use indexmap::IndexMap;

use crate::ledger::{Ledger, LedgerError, RowsBy, SpendRow, SpendSource, Tally};
use crate::pricing::Money;
use crate::time::{FIVE_HOURS, HOUR, Millis, QUARTER, Zone, moment, monday_of};
use serde_json::{Value, json};

/// What a report is grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GroupBy {
    /// Days of the zone
    Day,
    /// Weeks of the zone, from Monday
    Week,
    /// Months of the zone
    Month,
    /// Sessions
    Session,
    /// Directories
    Project,
    /// Models
    Model,
    /// Five-hour blocks, each from the hour of its first response
    Block,
    /// Git branches
    Branch,
    /// Subagents' types, and the sessions themselves as "main"
    Agent,
    /// What you asked for, one prompt each
    Prompt,
    /// Accounts: the one you are logged in with, others by a short hash
    Account,
    /// People, of several machines' exports
    Person,
    /// Machines, likewise
    Machine,
    /// Teams: the label team of [export] labels, likewise
    Team,
}

impl GroupBy {
    /// The name that arguments and JSON use.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What the ledger's rows must tell for it.
    pub(super) fn rows_by(self) -> RowsBy {
        match self {
            Self::Branch | Self::Agent => RowsBy::Scene,
            Self::Session | Self::Project => RowsBy::Session,
            _ => RowsBy::Quarter,
        }
    }

    /// Whether transcripts must be asked whose each answer is.
    pub(crate) fn is_of_answers(self) -> bool {
        matches!(self, Self::Prompt | Self::Account)
    }

    /// Whether one machine's own ledger says nothing about it.
    pub(crate) fn is_of_exports(self) -> bool {
        matches!(self, Self::Person | Self::Machine | Self::Team)
    }

    /// Whether the groups follow one another in time.
    pub(super) fn is_by_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month | Self::Block)
    }
}

/// One line of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SpendGroup {
    /// What scripts call it: `2026-11-20`, a session id, a directory, a model, a block's start.
    pub(crate) key: String,
    /// What a session's line also says: its directory, and its title if one was found.
    pub(crate) project: Option<String>,
    pub(crate) title: Option<String>,
    /// Whether another group of the report has the same title, as forks have.
    pub(crate) shares_title: bool,
    /// When a session began: its first response, else the first quarter of an hour in which it cost
    /// anything.
    pub(crate) first_at: Option<Millis>,
    /// When something was last spent in it: of a session exactly, else the quarter of an hour.
    pub(crate) last_at: Millis,
    pub(crate) tally: Tally,
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Order {
    /// By time: periods as they follow one another, anything else the latest first
    Date,
    /// The most expensive first
    Cost,
}

/// Adds rows up.
#[derive(Debug)]
pub(super) struct Grouping {
    by: GroupBy,
    zone: Zone,
    /// Without their keys.
    groups: IndexMap<String, SpendGroup>,
    /// The quarter of an hour of the last row and the place of its period: naming a day asks the
    /// zone, and rows come in order of time.
    latest: Option<(Millis, usize)>,
    /// Rows for blocks, which can only be made when all are known.
    rows: Vec<(Millis, Tally)>,
}

impl Grouping {
    pub(crate) fn new(by: GroupBy, zone: Zone) -> Self {
        Self {
            by,
            zone,
            groups: IndexMap::new(),
            latest: None,
            rows: Vec::new(),
        }
    }

    /// Takes in a row.
    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        let tally = row.tally;
        if self.by == GroupBy::Block {
            self.rows.push((row.at, tally));
            return;
        }
        let place = match self.latest {
            Some((at, place)) if self.by.is_by_time() && at == row.at => place,
            _ => self.place_of(row),
        };
        self.latest = Some((row.at, place));
        if let Some((_, group)) = self.groups.get_index_mut(place) {
            group.tally += tally;
            group.last_at = group.last_at.max(row.at);
            if self.by == GroupBy::Session {
                let first = row.origin.first_at.unwrap_or(row.at);
                group.first_at = Some(group.first_at.map_or(first, |known| known.min(first)));
                group.last_at = group.last_at.max(row.origin.last_at.unwrap_or_default());
                if !row.origin.project.is_empty() {
                    group.project = Some(row.origin.project.clone());
                }
            }
        }
    }

    fn place_of(&mut self, row: &SpendRow<'_>) -> usize {
        let key: Cow<'_, str> = match self.by {
            GroupBy::Session => row.origin.session.as_str().into(),
            GroupBy::Project => known(&row.origin.project).into(),
            GroupBy::Model => known(row.model).into(),
            GroupBy::Branch => shown_in(row.scene.map(|scene| scene.branch.as_str())).into(),
            GroupBy::Agent => shown_in(row.scene.map(|scene| scene.agent.as_str())).into(),
            GroupBy::Person | GroupBy::Prompt | GroupBy::Account => known(row.person).into(),
            GroupBy::Machine => known(row.machine).into(),
            GroupBy::Team => known(row.team).into(),
            _ => self.period(row.at).into(),
        };
        self.groups.get_index_of(key.as_ref()).unwrap_or_else(|| {
            let new = SpendGroup::default();
            self.groups.insert_full(key.into_owned(), new).0
        })
    }

    fn period(&self, at: Millis) -> String {
        let day = self.zone.day(moment(at));
        match self.by {
            GroupBy::Week => monday_of(day).to_string(),
            GroupBy::Month => day.format("%Y-%m").to_string(),
            _ => day.to_string(),
        }
    }

    /// The groups by their keys, which is in order of time where these are periods.
    pub(crate) fn finish(self) -> Vec<SpendGroup> {
        if self.by == GroupBy::Block {
            return blocks(self.rows, self.zone);
        }
        let named = |(key, group)| SpendGroup { key, ..group };
        let mut groups: Vec<SpendGroup> = self.groups.into_iter().map(named).collect();
        groups.sort_by(|a, b| a.key.cmp(&b.key));
        groups
    }
}

/// Orders groups and cuts them to the first `limit`: the latest, or the dearest. Gives what was
/// left out: how many, and their sum.
pub(super) fn order_and_cut(
    groups: &mut Vec<SpendGroup>,
    by: GroupBy,
    order: Option<Order>,
    limit: Option<usize>,
) -> Option<(usize, Tally)> {
    let is_by_date = order.map_or(by.is_by_time(), |order| order == Order::Date);
    let follow_in_time = by.is_by_time() && is_by_date;
    if follow_in_time {
        groups.reverse();
    } else {
        groups.sort_by_cached_key(|group| {
            let latest = is_by_date.then_some(Reverse(group.last_at));
            (latest, Reverse(group.tally.cost()), group.key.clone())
        });
    }
    let left = groups.split_off(limit.unwrap_or(usize::MAX).min(groups.len()));
    if follow_in_time {
        groups.reverse();
    }
    (!left.is_empty()).then(|| (left.len(), left.iter().map(|group| group.tally).sum()))
}

/// Stands for what no line of a transcript shows.
pub(crate) const NO_LINE: &str = "(not in a transcript)";

/// The branch or the agent that a transcript's line shows.
fn shown_in(line: Option<&str>) -> &str {
    line.map_or(NO_LINE, known)
}

/// A name, or that it is not known.
pub(crate) fn known(name: &str) -> &str {
    if name.is_empty() { "(unknown)" } else { name }
}

/// A five-hour block and what was spent in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) spent: Amount,
}

/// The block that runs at `now`, as a report by block has it. None where the last one has ended.
pub(crate) fn running_block(
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<Option<Block>, LedgerError> {
    let mut rows = Vec::new();
    // Under a wrong clock rows lie ahead of it.
    let until_now = Millis::MIN..now.timestamp_millis() + QUARTER;
    ledger.rows(until_now, RowsBy::Quarter, &mut |row| {
        rows.push((row.at, row.tally));
    })?;
    let last = chained(rows).pop().map(|(start, tally)| {
        let (start, spent) = (moment(start), Amount::from_tally(&tally));
        let end = block_end(start);
        Block { start, end, spent }
    });
    Ok(last.filter(|block| (block.start..block.end).contains(&now)))
}

/// Five-hour blocks: each begins with the full hour (UTC, as the server's windows do) of the first
/// response after the one before it ended.
fn chained(mut rows: Vec<(Millis, Tally)>) -> Vec<(Millis, Tally)> {
    rows.sort_by_key(|(at, _)| *at);
    let mut blocks: Vec<(Millis, Tally)> = Vec::new();
    for (at, tally) in rows {
        match blocks.last_mut() {
            Some((start, sums)) if at < *start + FIVE_HOURS.num_milliseconds() => *sums += tally,
            _ => blocks.push((at.div_euclid(HOUR) * HOUR, tally)),
        }
    }
    blocks
}

fn blocks(rows: Vec<(Millis, Tally)>, zone: Zone) -> Vec<SpendGroup> {
    let named = |(start, tally)| SpendGroup {
        key: zone
            .at(moment(start))
            .to_rfc3339_opts(SecondsFormat::Secs, true),
        tally,
        last_at: start,
        ..SpendGroup::default()
    };
    chained(rows).into_iter().map(named).collect()
}

/// The end of a block that starts at `start`.
pub(crate) fn block_end(start: DateTime<Utc>) -> DateTime<Utc> {
    start + FIVE_HOURS
}

impl Tally {
    /// The contract's fields.
    pub(crate) fn json(&self) -> Value {
        json!({
            "cost_usd": self.cost().usd(),
            "at_least": self.at_least,
            "recorded_usd": self.recorded.usd(),
            "unrecorded_usd": (self.unrecorded + self.unwritten).usd(),
            "not_written_usd": self.unwritten.usd(),
            "responses": self.responses,
            "unpriced_responses": self.unpriced,
            "tokens": {
                "input": self.usage.input,
                "output": self.usage.output,
                "cache_read": self.usage.cache_read,
                "cache_write_5m": self.usage.cache_write_5m(),
                "cache_write_1h": self.usage.cache_write_1h,
            },
            "web_searches": self.usage.web_searches,
        })
    }
}

/// An amount and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// The amount.
    pub money: Money,
    /// A model without a known price is among it, priced as Claude Code does.
    is_estimate: bool,
    /// There may be more: not everything was read, or is to be known.
    pub(crate) is_lower_bound: bool,
}

impl Amount {
    /// One that is sure.
    pub fn exact(money: Money) -> Self {
        Self {
            money,
            is_estimate: false,
            is_lower_bound: false,
        }
    }

    /// What all of it costs.
    pub(crate) fn from_tally(tally: &Tally) -> Self {
        Self {
            money: tally.cost(),
            is_estimate: tally.unpriced > 0,
            is_lower_bound: tally.at_least,
        }
    }

    /// The same where there may be more. That says more than that a part is estimated.
    pub(crate) fn unless_complete(mut self, is_complete: bool) -> Self {
        self.is_lower_bound |= !is_complete;
        self
    }

    /// `≥` or `≈`, if it is not exact.
    pub(crate) fn sign(self) -> &'static str {
        match (self.is_lower_bound, self.is_estimate) {
            (true, _) => "\u{2265}",
            (_, true) => "\u{2248}",
            _ => "",
        }
    }

    /// As people read it.
    pub(crate) fn show(self) -> String {
        format!("{}{}", self.sign(), self.money.show())
    }
}
