//! Sums by day, week, month, session, project, model or five-hour block.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, Days, Utc};
use serde_json::{Value, json};

use crate::ledger::Row;
use crate::pricing::{Money, Usage};
use crate::time::{FIVE_HOURS, Millis, Zone, moment};

/// What a report is grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum GroupBy {
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
}

impl GroupBy {
    /// The name that arguments and JSON use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Session => "session",
            Self::Project => "project",
            Self::Model => "model",
            Self::Block => "block",
        }
    }

    /// Whether it takes to know where rows come from.
    pub fn is_by_origin(self) -> bool {
        matches!(self, Self::Session | Self::Project)
    }

    /// Whether the groups follow one another in time.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month | Self::Block)
    }
}

/// Sums of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Priced from transcripts.
    pub recorded: Money,
    /// Counted by the client only.
    pub unrecorded: Money,
    /// Distinct responses.
    pub responses: u64,
    /// Of these, responses of models without a known price.
    pub unpriced: u64,
    /// Tokens and searches of the recorded responses.
    pub usage: Usage,
}

impl Tally {
    /// Recorded and unrecorded together.
    pub fn cost(&self) -> Money {
        self.recorded + self.unrecorded
    }

    fn of(row: &Row<'_>) -> Self {
        Self {
            recorded: row.recorded,
            unrecorded: row.unrecorded,
            responses: row.responses,
            unpriced: row.unpriced,
            usage: row.usage,
        }
    }

    fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.unrecorded += other.unrecorded;
        self.responses += other.responses;
        self.unpriced += other.unpriced;
        self.usage.input += other.usage.input;
        self.usage.output += other.usage.output;
        self.usage.cache_read += other.usage.cache_read;
        self.usage.cache_write += other.usage.cache_write;
        self.usage.cache_write_1h += other.usage.cache_write_1h;
        self.usage.web_searches += other.usage.web_searches;
    }

    /// The contract's fields.
    pub fn json(&self) -> serde_json::Map<String, Value> {
        let fields = json!({
            "cost_usd": self.cost().usd(),
            "recorded_usd": self.recorded.usd(),
            "unrecorded_usd": self.unrecorded.usd(),
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
        });
        match fields {
            Value::Object(fields) => fields,
            _ => serde_json::Map::new(),
        }
    }
}

/// One line of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// What scripts call it: `2026-11-20`, a session id, a directory, a model, a block's start.
    pub key: String,
    /// What a session's line also says: its directory.
    pub project: Option<String>,
    /// When it first and last spent (starts of quarters of an hour).
    pub first: Millis,
    /// See [`Self::first`].
    pub last: Millis,
    /// The sums.
    pub tally: Tally,
}

/// Adds rows up.
#[derive(Debug)]
pub struct Grouping {
    by: GroupBy,
    zone: Zone,
    groups: Vec<Group>,
    index: HashMap<String, usize>,
    /// The quarter of an hour of the last row and the position of its period: naming a day asks
    /// the zone, and rows come in order of time.
    latest: Option<(Millis, usize)>,
    /// Rows for blocks, which can only be made when all are known.
    rows: Vec<(Millis, Tally)>,
    total: Tally,
}

const BLOCK: Millis = FIVE_HOURS.num_milliseconds();
const HOUR: Millis = 60 * 60 * 1000;

impl Grouping {
    /// An empty report.
    pub fn new(by: GroupBy, zone: Zone) -> Self {
        Self {
            by,
            zone,
            groups: Vec::new(),
            index: HashMap::new(),
            latest: None,
            rows: Vec::new(),
            total: Tally::default(),
        }
    }

    /// Takes in a row.
    pub fn add(&mut self, row: &Row<'_>) {
        self.total.add(&Tally::of(row));
        match self.by {
            GroupBy::Block => self.rows.push((row.at, Tally::of(row))),
            GroupBy::Session => {
                let position = self.position(&row.origin.session, row.at);
                if let Some(group) = self.groups.get_mut(position) {
                    group.project =
                        Some(row.origin.project.clone()).filter(|project| !project.is_empty());
                }
                self.add_to(position, row);
            }
            GroupBy::Project => {
                let name = if row.origin.project.is_empty() {
                    "(unknown)"
                } else {
                    &row.origin.project
                };
                let position = self.position(name, row.at);
                self.add_to(position, row);
            }
            GroupBy::Model => {
                let name = if row.model.is_empty() {
                    "(unknown)"
                } else {
                    row.model
                };
                let position = self.position(name, row.at);
                self.add_to(position, row);
            }
            GroupBy::Day | GroupBy::Week | GroupBy::Month => {
                let position = match self.latest {
                    Some((at, position)) if at == row.at => position,
                    _ => self.position(&self.period(row.at), row.at),
                };
                self.latest = Some((row.at, position));
                self.add_to(position, row);
            }
        }
    }

    fn period(&self, at: Millis) -> String {
        let day = self.zone.day(moment(at));
        match self.by {
            GroupBy::Week => {
                let since_monday = u64::from(day.weekday().num_days_from_monday());
                day.checked_sub_days(Days::new(since_monday))
                    .unwrap_or(day)
                    .to_string()
            }
            GroupBy::Month => day.format("%Y-%m").to_string(),
            _ => day.to_string(),
        }
    }

    fn position(&mut self, key: &str, at: Millis) -> usize {
        if let Some(known) = self.index.get(key) {
            return *known;
        }
        self.groups.push(Group {
            key: key.to_owned(),
            first: at,
            last: at,
            ..Group::default()
        });
        self.index.insert(key.to_owned(), self.groups.len() - 1);
        self.groups.len() - 1
    }

    fn add_to(&mut self, position: usize, row: &Row<'_>) {
        if let Some(group) = self.groups.get_mut(position) {
            group.tally.add(&Tally::of(row));
            group.first = group.first.min(row.at);
            group.last = group.last.max(row.at);
        }
    }

    /// The total and the groups: periods in order of time, anything else by cost, most first.
    pub fn finish(mut self) -> (Tally, Vec<Group>) {
        match self.by {
            GroupBy::Block => self.groups = blocks(self.rows, self.zone),
            GroupBy::Day | GroupBy::Week | GroupBy::Month => {
                self.groups.sort_by(|a, b| a.key.cmp(&b.key));
            }
            GroupBy::Session | GroupBy::Project | GroupBy::Model => {
                self.groups
                    .sort_by(|a, b| b.tally.cost().cmp(&a.tally.cost()).then(a.key.cmp(&b.key)));
            }
        }
        (self.total, self.groups)
    }
}

/// Five-hour blocks: each begins with the full hour (UTC, as the server's windows do) of the first
/// response after the one before it ended.
fn blocks(mut rows: Vec<(Millis, Tally)>, zone: Zone) -> Vec<Group> {
    rows.sort_by_key(|(at, _)| *at);
    let mut groups: Vec<(Millis, Group)> = Vec::new();
    for (at, tally) in rows {
        let open = groups.last_mut().filter(|(start, _)| at < start + BLOCK);
        let group = if let Some((_, group)) = open {
            group
        } else {
            let start = at.div_euclid(HOUR) * HOUR;
            let key = zone
                .at(moment(start))
                .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            groups.push((
                start,
                Group {
                    key,
                    first: at,
                    last: at,
                    ..Group::default()
                },
            ));
            match groups.last_mut() {
                Some((_, group)) => group,
                None => continue,
            }
        };
        group.last = at;
        group.tally.add(&tally);
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The end of a block that starts at `start`.
pub(super) fn block_end(start: DateTime<Utc>) -> DateTime<Utc> {
    start + FIVE_HOURS
}
