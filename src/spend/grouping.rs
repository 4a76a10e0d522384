//! Groups spend by day, session, project, and other properties.

use std::borrow::Cow;
use std::cmp::Reverse;

use clap::ValueEnum;
use indexmap::IndexMap;

use super::blocks::{TimedTally, block_groups};
use crate::ledger::{RequestContext, RowsBy, SpendKind, SpendRow, Tally};
use crate::time::{Millis, Zone, datetime_from_millis, monday_of};

/// The property by which spend is grouped. The variants' comments appear in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GroupBy {
    /// Calendar days
    Day,
    /// Calendar weeks, starting on Monday
    Week,
    /// Calendar months
    Month,
    /// Sessions
    Session,
    /// Directories
    Project,
    /// Models
    Model,
    /// Five-hour blocks that start at the hour of their first response
    Block,
    /// Git branches
    Branch,
    /// Types of subagents, and "main" for the sessions themselves
    Agent,
    /// Prompts that you sent
    Prompt,
    /// Accounts: "login" for the current account, a short hash for others
    Account,
    /// Pull requests that sessions opened
    #[value(alias = "pull-request")]
    Pr,
    /// People, in the exports of several machines
    Person,
    /// Machines, in the exports of several machines
    Machine,
    /// Teams (from the "team" label), across exports from several machines
    Team,
}

/// The key for spend in sessions that did not open a pull request.
pub(super) const NO_PULL_REQUEST: &str = "(no pull request)";

impl SpendKind {
    /// Returns the key for this kind of spend if no other key is known.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Response => UNKNOWN,
            Self::Compaction => "(compaction)",
            Self::Background => "(background requests)",
            Self::Pending => "(not in a transcript yet)",
        }
    }
}

/// Returns true if a key is a placeholder instead of a real name.
pub(crate) fn is_placeholder(key: &str) -> bool {
    let kinds = [
        SpendKind::Response,
        SpendKind::Compaction,
        SpendKind::Background,
        SpendKind::Pending,
    ];
    key == NO_PULL_REQUEST || kinds.iter().any(|kind| kind.label() == key)
}

impl GroupBy {
    /// Returns the name used on the command line and in JSON.
    pub(crate) fn name(self) -> String {
        match self.to_possible_value() {
            Some(value) => value.get_name().to_owned(),
            None => String::new(),
        }
    }

    /// Returns the level of detail that the ledger's rows need for this grouping.
    pub(super) fn rows_by(self) -> RowsBy {
        match self {
            Self::Branch | Self::Agent | Self::Prompt | Self::Account | Self::Pr => {
                RowsBy::Response
            }
            Self::Session | Self::Project => RowsBy::Session,
            _ => RowsBy::Quarter,
        }
    }

    /// Returns true if determining the groups requires reading the transcripts.
    pub(crate) fn needs_transcripts(self) -> bool {
        matches!(self, Self::Prompt | Self::Account)
    }

    /// Returns the noun for a group, for display.
    pub(crate) fn noun(self) -> String {
        match self {
            Self::Pr => "pull request".to_owned(),
            _ => self.name(),
        }
    }

    /// Returns true if this property exists only in exports.
    pub(crate) fn is_of_exports(self) -> bool {
        matches!(self, Self::Person | Self::Machine | Self::Team)
    }

    /// Returns true if spend is grouped by period.
    pub(super) fn is_by_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Month | Self::Block)
    }
}

/// A group and its spend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SpendGroup {
    /// The machine-readable key: a day, a session ID, a directory, the start of a block, and so on.
    pub key: String,
    /// The session's directory, if the group is a session.
    pub project: Option<String>,
    /// The title of a session or prompt, if it has one.
    pub title: Option<String>,
    /// True if another group has the same title, which is common for forks of a session.
    pub shares_title: bool,
    /// The time of a session's first response, or the start of the first quarter hour with spend if that time is
    /// unknown.
    pub first_at: Option<Millis>,
    /// The time of a session's last response, or the last quarter hour with spend for other groups.
    pub last_at: Millis,
    pub tally: Tally,
}

/// Assigns rows to groups that depend on data outside the rows, such as prompts or pull requests.
pub(crate) trait RowGroups {
    /// Returns the key of a row's group.
    fn group(&self, row: &SpendRow<'_>) -> &str;
}

/// Adds up rows of the ledger by group.
pub(super) struct Grouping<'g> {
    by: GroupBy,
    zone: Zone,
    /// The groups for [`GroupBy::Prompt`], [`GroupBy::Account`], and [`GroupBy::Pr`].
    row_groups: Option<&'g dyn RowGroups>,
    /// The groups by key. The `key` field of each group is filled in at the end.
    groups: IndexMap<String, SpendGroup>,
    /// The start of the previous row's quarter hour and the index of its group. Rows are sorted by time, so most of
    /// them are in the same quarter hour as the previous row. Their time does not have to be converted to local time
    /// again.
    latest: Option<(Millis, usize)>,
    /// The rows to be combined into blocks at the end.
    rows: Vec<TimedTally>,
}

impl<'g> Grouping<'g> {
    pub(crate) fn new(by: GroupBy, zone: Zone, row_groups: Option<&'g dyn RowGroups>) -> Self {
        Self {
            by,
            zone,
            row_groups,
            groups: IndexMap::new(),
            latest: None,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: &SpendRow<'_>) {
        if self.by == GroupBy::Block {
            self.rows.push(TimedTally {
                at: row.at,
                tally: row.tally,
            });
            return;
        }

        let index = match self.latest {
            Some((at, index)) if self.by.is_by_time() && at == row.at => index,
            _ => self.group_index(row),
        };
        self.latest = Some((row.at, index));
        if let Some((_, group)) = self.groups.get_index_mut(index) {
            group.tally += row.tally;
            group.last_at = group.last_at.max(row.at);
            if self.by == GroupBy::Session {
                group.add_session(row);
            }
        }
    }

    /// Returns the index of a row's group, adding the group if necessary.
    fn group_index(&mut self, row: &SpendRow<'_>) -> usize {
        let key: Cow<'_, str> = match self.by {
            GroupBy::Session => row.origin.session.as_str().into(),
            GroupBy::Project => or_unknown(&row.origin.project).into(),
            GroupBy::Model if row.model.is_empty() => row.kind.label().into(),
            GroupBy::Model => row.model.into(),
            GroupBy::Branch => context_key(row, |context| &context.branch).into(),
            GroupBy::Agent => context_key(row, |context| &context.agent).into(),
            GroupBy::Prompt | GroupBy::Account | GroupBy::Pr => {
                let group = self.row_groups.map(|groups| groups.group(row));
                or_unknown(group.unwrap_or_default()).into()
            }
            GroupBy::Person => or_unknown(row.person).into(),
            GroupBy::Machine => or_unknown(row.machine).into(),
            GroupBy::Team => or_unknown(row.team).into(),
            GroupBy::Day | GroupBy::Week | GroupBy::Month | GroupBy::Block => {
                self.period_key(row.at).into()
            }
        };
        match self.groups.get_index_of(key.as_ref()) {
            Some(index) => index,
            None => {
                self.groups
                    .insert_full(key.into_owned(), SpendGroup::default())
                    .0
            }
        }
    }

    fn period_key(&self, at: Millis) -> String {
        let day = self.zone.day(datetime_from_millis(at));
        match self.by {
            GroupBy::Week => monday_of(day).to_string(),
            GroupBy::Month => day.format("%Y-%m").to_string(),
            _ => day.to_string(),
        }
    }

    /// Returns the groups sorted by key. For periods, this is chronological order.
    pub(crate) fn finish(self) -> Vec<SpendGroup> {
        if self.by == GroupBy::Block {
            return block_groups(self.rows, self.zone);
        }
        let mut groups: Vec<SpendGroup> = self
            .groups
            .into_iter()
            .map(|(key, group)| SpendGroup { key, ..group })
            .collect();
        groups.sort_by(|a, b| a.key.cmp(&b.key));
        groups
    }
}

impl SpendGroup {
    /// Updates a session's times and directory from a row.
    fn add_session(&mut self, row: &SpendRow<'_>) {
        let first_at = row.origin.first_at.unwrap_or(row.at);
        self.first_at = Some(match self.first_at {
            Some(earlier) => earlier.min(first_at),
            None => first_at,
        });
        self.last_at = self
            .last_at
            .max(row.origin.last_at.unwrap_or_default());
        if !row.origin.project.is_empty() {
            self.project = Some(row.origin.project.clone());
        }
    }
}

/// The groups that were omitted from a report.
#[derive(Debug, Clone, Copy)]
pub(super) struct OmittedGroups {
    pub count: usize,
    pub tally: Tally,
}

/// Sorts the groups, and keeps the latest or the most expensive `limit` of them. Returns the omitted groups, or `None` if
/// there are none.
pub(super) fn sort_and_limit(
    groups: &mut Vec<SpendGroup>,
    by: GroupBy,
    limit: Option<usize>,
) -> Option<OmittedGroups> {
    // Periods are shown in chronological order. If there are too many, the earliest ones are omitted.
    let is_chronological = by.is_by_time();
    if is_chronological {
        groups.reverse();
    } else {
        groups.sort_by_cached_key(|group| (Reverse(group.tally.cost()), group.key.clone()));
    }

    let omitted = groups.split_off(limit.unwrap_or(usize::MAX).min(groups.len()));
    if is_chronological {
        groups.reverse();
    }
    if omitted.is_empty() {
        return None;
    }
    Some(OmittedGroups {
        count: omitted.len(),
        tally: omitted.iter().map(|group| group.tally).sum(),
    })
}

/// The key for groups without a name.
const UNKNOWN: &str = "(unknown)";
/// The key for spend with an unknown prompt or account.
pub(crate) const UNKNOWN_KEY: &str = "unknown";

/// Returns the name, or "(unknown)" if the name is empty.
pub(crate) fn or_unknown(name: &str) -> &str {
    if name.is_empty() { UNKNOWN } else { name }
}

/// Returns a property of a row's context, or the label of the row's kind if the row has no context.
fn context_key<'r>(
    row: &SpendRow<'r>,
    property: impl Fn(&'r RequestContext) -> &'r str,
) -> &'r str {
    row.context
        .map_or(row.kind.label(), |context| or_unknown(property(context)))
}
