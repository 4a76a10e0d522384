//! Statements of the spend in a period, with groups, forecasts, and notes.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::amount::Amount;
use super::grouping::{GroupBy, Grouping, OmittedGroups, RowGroups, SpendGroup, sort_and_limit};
use super::period::Period;
use super::why::{model_switch_sentence, model_switches_json};
use crate::environment::Paths;
use crate::ledger::{
    CatchUpResult, EVER, LedgerError, ModelSwitch, RowsBy, SpendRow, SpendSource, Tally,
};
use crate::render::{Report, merge_objects, print_csv};
use crate::terminal::Tone;
use crate::time::{Clock, datetime_from_millis, format_rfc3339};

/// The parameters of a statement.
#[derive(Debug, Clone)]
pub(crate) struct ReportRequest {
    pub by: GroupBy,
    pub period: Period,
    /// The current time and the time zone in which days begin.
    pub clock: Clock,
    /// The name of the time zone.
    pub zone: String,
    /// The maximum number of groups.
    pub limit: Option<usize>,
    /// A filter: only sessions whose directory contains this string are included.
    pub project: Option<String>,
    /// The directory with exports from several machines, or `None` for this machine's ledger.
    pub from: Option<PathBuf>,
}

impl ReportRequest {
    /// Returns true if sessions in the given directory are included.
    pub(super) fn includes(&self, directory: &str) -> bool {
        match &self.project {
            Some(name) => directory
                .to_lowercase()
                .contains(&name.to_lowercase()),
            None => true,
        }
    }

    /// Returns the level of detail that the ledger's rows must have for this request. `for_grouping` is the level that
    /// is sufficient for the grouping alone.
    fn rows_by(&self, for_grouping: RowsBy) -> RowsBy {
        match for_grouping {
            RowsBy::Quarter if self.project.is_some() => RowsBy::Session,
            _ => for_grouping,
        }
    }
}

/// The spend in a period.
#[derive(Debug)]
pub(crate) struct Statement {
    pub request: ReportRequest,
    pub total: Tally,
    /// The groups, periods by time and all others by cost.
    pub groups: Vec<SpendGroup>,
    /// The groups that were omitted because of the limit, if any.
    pub(super) omitted: Option<OmittedGroups>,
    /// True if the history contains any spend, in this period or another.
    pub(super) has_history: bool,
    /// The result of updating the ledger.
    pub catch_up: CatchUpResult,
    /// The transcripts with damaged lines, and the number of damaged lines in each.
    pub damaged: Vec<(String, u32)>,
    /// The number of sessions that are currently receiving a response.
    pub(super) streaming_sessions: usize,
    /// The responses that came from a different model than the one requested.
    model_switches: Vec<ModelSwitch>,
}

impl Statement {
    /// Reads and groups the requested rows, calling `on_row` with each of them. `row_groups` is required if the rows
    /// alone do not determine their groups. `streaming_sessions` is the number of sessions that are currently receiving
    /// a response.
    pub(crate) fn new(
        source: &dyn SpendSource,
        request: ReportRequest,
        row_groups: Option<&dyn RowGroups>,
        catch_up: CatchUpResult,
        streaming_sessions: usize,
        on_row: &mut dyn FnMut(&SpendRow<'_>),
    ) -> Result<Self, LedgerError> {
        let period = request.period.of_rows(request.clock.zone);
        let rows_by = request.rows_by(request.by.rows_by());
        let mut grouping = Grouping::new(request.by, request.clock.zone, row_groups);
        let mut model_switches = Vec::new();
        source.rows(period.clone(), rows_by, &mut |row| {
            if request.includes(&row.origin.project) {
                grouping.add(&row);
                ModelSwitch::add(&row, &mut model_switches);
                on_row(&row);
            }
        })?;

        let mut groups = grouping.finish();
        let mut has_history = !groups.is_empty();
        if !has_history {
            source.rows(EVER, RowsBy::Quarter, &mut |_| has_history = true)?;
        }
        model_switches.sort_by_key(|switch| Reverse(switch.cost));
        let total = groups.iter().map(|group| group.tally).sum();
        let omitted = sort_and_limit(&mut groups, request.by, request.limit);

        Ok(Self {
            total,
            groups,
            omitted,
            has_history,
            catch_up,
            damaged: source.damaged(period)?,
            streaming_sessions,
            model_switches,
            request,
        })
    }

    /// Returns true if some data could not be read.
    pub(crate) fn is_incomplete(&self) -> bool {
        !self.catch_up.is_all() || !self.damaged.is_empty()
    }

    /// Sets the titles of sessions and prompts. `title` returns the title for a key.
    pub(crate) fn name_sessions(&mut self, title: impl Fn(&str) -> Option<String>) {
        if !matches!(self.request.by, GroupBy::Session | GroupBy::Prompt) {
            return;
        }
        let mut groups_by_title: HashMap<String, usize> = HashMap::new();
        for group in &mut self.groups {
            group.title = title(&group.key);
            if let Some(title) = &group.title {
                *groups_by_title.entry(title.clone()).or_default() += 1;
            }
        }
        for group in &mut self.groups {
            group.shares_title = group
                .title
                .as_ref()
                .is_some_and(|title| groups_by_title.get(title) > Some(&1));
        }
    }

    /// Returns true if a session or a prompt is shown by its ID.
    pub(crate) fn lacks_names(&self) -> bool {
        matches!(self.request.by, GroupBy::Session | GroupBy::Prompt)
            && self.groups.iter().any(|group| group.title.is_none())
    }

    /// Returns a tally for display. It is a lower bound if some transcripts have not been read, because they may
    /// contain spend from any group. Damaged lines do not matter here, because the ledger marks the groups that they
    /// may belong to.
    pub(crate) fn shown(&self, tally: &Tally) -> Tally {
        Tally {
            at_least: tally.at_least || !self.catch_up.is_all(),
            ..*tally
        }
    }

    /// Returns the cost of a tally with its accuracy, for display.
    pub(crate) fn amount(&self, tally: &Tally) -> Amount {
        Amount::from_tally(&self.shown(tally))
    }

    /// Returns the total for display. It is a lower bound if some data could not be read.
    pub(crate) fn shown_total(&self) -> Tally {
        Tally {
            at_least: self.total.at_least || self.is_incomplete(),
            ..self.total
        }
    }

    /// Returns the total cost with its accuracy, for display.
    pub(crate) fn total_amount(&self) -> Amount {
        Amount::from_tally(&self.shown_total())
    }

    /// Returns the JSON object for a group, with this name for its key.
    fn group_json(&self, group: &SpendGroup, key: &str) -> Value {
        let names = match self.request.by {
            GroupBy::Session => json!({
                "project": group.project,
                "title": group.title,
                "last_activity": format_rfc3339(datetime_from_millis(group.last_at)),
            }),
            GroupBy::Prompt => json!({ "title": group.title }),
            _ => Value::Null,
        };
        merge_objects([json!({ key: group.key }), names, group.tally.json()])
    }

    /// Prints a line for each group as CSV, with the fields that it has in JSON.
    pub(crate) fn print_csv(&self) -> io::Result<()> {
        let by = self.request.by.name();
        let example = self.group_json(&SpendGroup::default(), &by);
        let groups = self.groups.iter();
        let rows: Vec<Value> = groups
            .map(|group| self.group_json(group, &by))
            .collect();
        print_csv(&example, &rows)
    }

    /// Returns the JSON output for the statement.
    fn json(&self) -> Value {
        let groups: Vec<Value> = self
            .groups
            .iter()
            .map(|group| self.group_json(group, "key"))
            .collect();
        let rest = self.omitted.map(|omitted| {
            merge_objects([omitted.tally.json(), json!({ "groups": omitted.count })])
        });
        // JSON cannot exactly represent paths that are not valid Unicode.
        let unreadable: Vec<_> = self
            .catch_up
            .unreadable
            .iter()
            .map(|path| path.to_string_lossy())
            .collect();
        let damaged: Vec<Value> = self
            .damaged
            .iter()
            .map(|(path, lines)| json!({ "path": path, "lines": lines }))
            .collect();
        let statement = json!({
            "total": self.total.json(),
            "groups": groups,
            "rest": rest,
            "by": self.request.by.name(),
            "since": self.request.period.since.map(|day| day.to_string()),
            "until": self.request.period.until.map(|day| day.to_string()),
            "project": self.request.project,
            "timezone": self.request.zone,
            "complete": !self.is_incomplete(),
            "answering": self.streaming_sessions,
            "unreadable": unreadable,
            "damaged": damaged,
        });
        merge_objects([statement, model_switches_json(&self.model_switches)])
    }

    /// Builds the report for `whycap spend`, which consists of a table and notes.
    pub(crate) fn report(&self, paths: &Paths) -> Report {
        let mut report = Report::new(self.json());
        let mut notes = self.notes(Some(paths)).into_iter();
        if self.groups.is_empty() {
            report.paragraph(Tone::Plain, notes.next().unwrap_or_default());
        } else {
            report.table(self.table(paths));
        }
        report.paragraphs(
            Tone::Plain,
            self.model_switches.iter().map(model_switch_sentence),
        );
        report.paragraphs(Tone::Quiet, notes);
        report
    }
}
