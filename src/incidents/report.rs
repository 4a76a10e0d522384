//! Renders the report about past errors, with totals followed by one entry per interruption.

use std::cmp::Reverse;
use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use indexmap::{IndexMap, IndexSet};
use serde_json::{Value, json};

use super::history::{PastErrors, SessionRetries};
use super::present::replaces_missing_login;
use crate::limits::blocked_time::{CountedError, ErrorSummary, ErrorTotals, StopEnd, count_errors};
use crate::limits::decide::{Ending, State};
use crate::limits::incident::Incident;
use crate::limits::kind::{LimitKind, Verdict};
use crate::render::{Cell, Column, Report, Table, merge_objects};
use crate::terminal::{Tone, count_noun};
use crate::time::{Clock, format_duration, format_rfc3339};

const NONE: &str = "No limit errors found.";

/// An interruption of one session: an error, and further attempts that hit the same limit.
struct Entry<'i> {
    /// The last error, which shows how the interruption ended.
    last: &'i Incident,
    first_at: DateTime<Utc>,
    attempts: u64,
    /// The number of the stop, or `None` if the error did not stop work.
    stop: Option<usize>,
    /// An entry above this one that is about the same stop, but in another session.
    repeats: Option<RepeatedEntry>,
    /// True if another error followed in the same session, after which the next prompt may work.
    is_followed_by_passing_error: bool,
    /// True if the error is a missing login of a closed session, and another error comes first.
    is_replaced_missing_login: bool,
}

/// An entry that another entry refers to.
#[derive(Debug, Clone, Copy)]
enum RepeatedEntry {
    /// The entry directly above.
    Above,
    /// An entry further up, identified by its time.
    At(DateTime<Utc>),
}

impl<'i> Entry<'i> {
    /// Groups errors into entries, newest first. Each entry covers one interruption of one session. `others` are the errors
    /// that did not stop work.
    fn list(
        counted_errors: &[CountedError<'i>],
        others: impl Iterator<Item = &'i Incident>,
    ) -> Vec<Self> {
        let mut stops: IndexMap<(usize, Option<&str>), Self> = IndexMap::new();
        for counted in counted_errors {
            stops
                .entry((counted.stop, session_of(counted.incident)))
                .and_modify(|entry| {
                    entry.last = counted.incident;
                    entry.attempts += 1;
                })
                .or_insert_with(|| Self {
                    stop: Some(counted.stop),
                    ..Self::new(counted.incident)
                });
        }
        stops.sort_by_key(|_, entry| Reverse(entry.last.evidence.at()));
        let mut entries: Vec<Self> = others.map(Self::new).chain(stops.into_values()).collect();
        entries.sort_by_key(|entry| Reverse(entry.last.evidence.at()));
        let mut first_times: HashMap<usize, DateTime<Utc>> = HashMap::new();
        let mut stop_above = None;
        let mut newest_errors: HashMap<&str, &Incident> = HashMap::new();
        for entry in &mut entries {
            if let Some(session) = session_of(entry.last)
                && !entry.last.is_notice()
            {
                let newest = newest_errors.entry(session).or_insert(entry.last);
                entry.is_followed_by_passing_error =
                    !newest.is_same_error_as(entry.last) && newest.diagnosis.may_have_passed();
            }
            if let Some(stop) = entry.stop {
                entry.repeats = match first_times.get(&stop) {
                    Some(_) if stop_above == entry.stop => Some(RepeatedEntry::Above),
                    Some(at) => Some(RepeatedEntry::At(*at)),
                    None => None,
                };
                first_times.entry(stop).or_insert(entry.first_at);
            }
            stop_above = entry.stop;
        }
        entries
    }

    fn new(incident: &'i Incident) -> Self {
        Self {
            last: incident,
            first_at: incident.evidence.at(),
            attempts: 1,
            stop: None,
            repeats: None,
            is_followed_by_passing_error: false,
            is_replaced_missing_login: false,
        }
    }

    /// Returns the entry as JSON: the last error's fields, plus the entry's own.
    fn json(&self, clock: Clock) -> Value {
        let blocked_until = match self.last.stop_end(clock.now) {
            Some(StopEnd::Until(until)) => Some(format_rfc3339(until)),
            _ => None,
        };
        let more = json!({
            "attempts": self.attempts,
            "first_at": format_rfc3339(self.first_at),
            "last_at": format_rfc3339(self.last.evidence.at()),
            "blocked_until": blocked_until,
            "failed_attempts": self.last.evidence.error.message.failed_attempts,
        });
        merge_objects([self.last.to_json(), more])
    }

    /// Returns the entry's state. If several entries belong to the same stop, only the first one is called a probable
    /// false alarm, because the table counts the stop once. The others refer to it.
    fn state(&self, clock: Clock) -> String {
        let incident = self.last;
        if incident.is_notice() {
            return "a notice".to_owned();
        }
        let state = match (incident.diagnosis.state, incident.stop_end(clock.now)) {
            (State::Notice, _) => return "a notice".to_owned(),
            (State::Over(Ending::HitAgain), _)
                if incident.diagnosis.is_followed_by_other_error() =>
            {
                Some("another error followed".to_owned())
            }
            (State::Over(Ending::HitAgain), _) => Some("hit again on retry".to_owned()),
            (State::Over(_), _) if incident.still_blocks_only_its_session() => {
                Some("blocks only its session".to_owned())
            }
            (State::Blocks(_) | State::Over(Ending::ModelSwitched), _)
                if self.repeats.is_some() =>
            {
                None
            }
            (State::Over(_), _) if incident.diagnosis.another_model_works() => {
                let response = incident.evidence.error.later_response.as_ref();
                Some(match response.and_then(|response| response.at) {
                    Some(at) => {
                        let at = clock.format_time(at);
                        format!("still applies, but another model responded at {at}")
                    }
                    None => "still applies, but another model has responded".to_owned(),
                })
            }
            (
                State::Blocks(_) | State::Over(Ending::ModelSwitched),
                Some(StopEnd::Until(until)),
            ) if until > incident.evidence.at() => {
                let until = clock.format_time(until);
                let response = format!("another session responded at {until}");
                Some(match incident.diagnosis.verdict {
                    Verdict::FalseLikely => response,
                    _ if incident.diagnosis.limits_only_one_model() => {
                        format!("still applies to one family of models, but {response}")
                    }
                    _ => format!("still applies, but {response}"),
                })
            }
            (State::Over(Ending::ModelSwitched), _) => {
                Some("still applies to one family of models".to_owned())
            }
            (State::Over(Ending::Outlived | Ending::PauseLongOver), _) => {
                Some("too old to tell whether it is over".to_owned())
            }
            (State::Over(Ending::PauseOver), _) => Some("should be over".to_owned()),
            (State::Over(Ending::Reset), _) if !incident.diagnosis.is_reset_proven => {
                Some("should have reset".to_owned())
            }
            (State::Over(_), _) => Some(match incident.window_full_after_credits() {
                Some(clause) => format!("over, but {clause}"),
                None => "over".to_owned(),
            }),
            (State::Blocks(_), _) if incident.only_ended_its_run() => {
                Some("the run ended with this error".to_owned())
            }
            (State::Blocks(_), _) if incident.may_have_ended_its_run() => {
                Some("the run may have ended".to_owned())
            }
            (State::Blocks(_), _) if incident.diagnosis.credits_pay_now => {
                Some("still applies, but usage credits are paying".to_owned())
            }
            (State::Blocks(_), _) if incident.diagnosis.limits_only_one_model() => {
                Some("still applies to one family of models".to_owned())
            }
            (State::Blocks(_), _) if incident.diagnosis.awaits_figures() => {
                Some("too early to tell".to_owned())
            }
            // The text after the state already says that the error is probably a false alarm.
            (State::Blocks(_), _) if incident.diagnosis.may_next_prompt_work() => None,
            // `explain` and `now` are about the error of the open session.
            (State::Blocks(_), _) if self.is_replaced_missing_login => {
                Some("its session is closed".to_owned())
            }
            // `explain` and `now` are about the newest error of the session.
            (State::Blocks(_), _) if self.is_followed_by_passing_error => {
                Some("may still apply; another error followed".to_owned())
            }
            (State::Blocks(_), _) if incident.diagnosis.may_have_passed() => {
                Some("the next prompt may work".to_owned())
            }
            (State::Blocks(_), _) => Some("still blocked".to_owned()),
        };
        let is_false = incident.diagnosis.verdict == Verdict::FalseLikely;
        let what = if is_false { "false alarm" } else { "limit" };
        let remark = match self.repeats {
            Some(RepeatedEntry::Above) => Some(format!("same {what} as the entry above")),
            Some(RepeatedEntry::At(at)) => {
                Some(format!("same {what} as at {}", clock.format_time(at)))
            }
            None => is_false.then(|| "probably a false alarm".to_owned()),
        };
        let parts: Vec<String> = state.into_iter().chain(remark).collect();
        parts.join(", ")
    }

    /// Adds the entry's number, its time, its description, and the error message to a report. `session` is the name of the
    /// session.
    fn describe(&self, number: usize, session: Option<&str>, clock: Clock, report: &mut Report) {
        let incident = self.last;
        let sentence = incident.summary().unwrap_or(incident.headline());
        let state = self.state(clock);
        let mut title = clock.format_time_and_distance(self.first_at);
        if self.attempts > 1 {
            let last_at = clock.format_time(incident.evidence.at());
            let attempts = count_noun(self.attempts, "attempt");
            title = format!("{title}, {attempts}, last at {last_at}");
        }
        if let Some(session) = session {
            title = format!("{title}, in {session}");
        }
        report.paragraph(Tone::Strong, format!("{number}. {title} ({state})"));
        report.indented_paragraph(2, Tone::Plain, sentence);
        report.excerpt(2, Tone::Quiet, incident.text());
    }
}

/// Returns the totals of the requests that Claude Code retried.
fn json_of_retries(retries: &[SessionRetries]) -> Value {
    json!({
        "requests": retries.len(),
        "attempts": retries.iter().map(|retries| retries.attempts.count).sum::<u64>(),
        "waited_s": time_of(retries).num_seconds(),
    })
}

fn time_of(retries: &[SessionRetries]) -> TimeDelta {
    retries
        .iter()
        .map(|retries| retries.until - retries.attempts.since)
        .sum()
}

/// Returns a sentence about the requests that Claude Code retried, or `None` if there are none.
fn sentence_about_retries(retries: &[SessionRetries], clock: Clock) -> Option<String> {
    let first = retries.first()?;
    let attempts = retries.iter().map(|retries| retries.attempts.count).sum();
    let mut reasons: Vec<String> = Vec::new();
    for retries in retries {
        let reason = retries.attempts.reason();
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    Some(format!(
        "Since {}, Claude Code has waited a total of {} because {} failed ({}). Claude Code then sent the requests again.",
        clock.format_time(first.attempts.since),
        format_duration(time_of(retries)),
        count_noun(attempts, "attempt"),
        reasons.join(", ")
    ))
}

fn session_of(incident: &Incident) -> Option<&str> {
    incident.evidence.error.session.id.as_deref()
}

/// Returns the report about errors and retried requests in one session or in all sessions. `past` must contain the
/// errors of all sessions. The text describes at most `most` entries. If they come from several sessions,
/// `name_session` provides each session's name.
pub(crate) fn report(
    past: &PastErrors,
    session: Option<&str>,
    most: usize,
    name_session: &dyn Fn(&str) -> String,
    clock: Clock,
) -> Report {
    let PastErrors { incidents, retries } = past;
    let counted_errors = count_errors(incidents, session, clock);
    let summary = ErrorSummary::of(&counted_errors, clock.zone);
    let mut entries = Entry::list(&counted_errors, errors_without_stop(past, session, clock));
    for entry in &mut entries {
        entry.is_replaced_missing_login = incidents
            .iter()
            .any(|error| replaces_missing_login(error, entry.last));
    }
    let list: Vec<Value> = entries.iter().map(|entry| entry.json(clock)).collect();
    let sums = merge_objects([
        summary.json(),
        json!({ "retries": json_of_retries(retries) }),
    ]);
    let mut report = Report::new(json!({ "incidents": list, "sums": sums }));
    if let Some(sentence) = summary.sentence(clock) {
        report.paragraph(Tone::Strong, sentence);
        add_sums(&summary, &mut report);
        report.gap();
    }
    if entries.is_empty() {
        report.line(NONE);
    }
    report.paragraphs(Tone::Plain, sentence_about_retries(retries, clock));
    let shown = entries.get(..most).unwrap_or(&entries);
    let ids: IndexSet<&str> = shown
        .iter()
        .filter_map(|entry| session_of(entry.last))
        .collect();
    let names: IndexMap<&str, String> = match ids.len() {
        0 | 1 => IndexMap::new(),
        _ => ids.into_iter().map(|id| (id, name_session(id))).collect(),
    };
    for (index, entry) in shown.iter().enumerate() {
        let name = session_of(entry.last).and_then(|id| names.get(id));
        entry.describe(index + 1, name.map(String::as_str), clock, &mut report);
    }
    report
}

/// Returns the errors in one session or in all sessions that did not stop work.
fn errors_without_stop<'p>(
    past: &'p PastErrors,
    session: Option<&str>,
    clock: Clock,
) -> impl Iterator<Item = &'p Incident> {
    past.incidents
        .iter()
        .filter(move |incident| incident.is_of(session) && incident.stop_end(clock.now).is_none())
}

/// Returns the last error of an entry of the report, or `None` if there is no such entry. The newest entry has the number 1.
pub(crate) fn error_of_entry<'p>(
    past: &'p PastErrors,
    session: Option<&str>,
    number: usize,
    clock: Clock,
) -> Option<&'p Incident> {
    let counted_errors = count_errors(&past.incidents, session, clock);
    let entries = Entry::list(&counted_errors, errors_without_stop(past, session, clock));
    Some(entries.get(number.checked_sub(1)?)?.last)
}

/// Adds tables of the totals by limit and over time if they say more than a sentence would.
fn add_sums(summary: &ErrorSummary, report: &mut Report) {
    if summary.total.stops > 1 {
        report.gap();
        report.table(by_limit(summary));
    }
    if let Some(table) = over_time(summary) {
        report.gap();
        report.table(table);
    }
    let notes = summary.notes();
    if !notes.is_empty() {
        report.gap();
    }
    report.paragraphs(Tone::Quiet, notes);
}

/// Returns the totals for each limit.
pub(crate) fn by_limit(summary: &ErrorSummary) -> Table {
    let rows = summary
        .by_limit
        .iter()
        .map(|(limit, totals)| (LimitKind::label_of(limit), totals));
    totals_table("limit", rows)
}

/// Returns the totals for each week or month, or `None` if the errors are all in a single week or month.
pub(crate) fn over_time(summary: &ErrorSummary) -> Option<Table> {
    if summary.by_period.len() < 2 {
        return None;
    }
    let period = if summary.by_month {
        "month"
    } else {
        "week from"
    };
    let rows = summary
        .by_period
        .iter()
        .map(|(day, totals)| (summary.period(*day), totals));
    Some(totals_table(period, rows))
}

/// Returns a table of totals. The first column contains the names of the rows.
fn totals_table<'t>(
    first: &str,
    rows: impl IntoIterator<Item = (String, &'t ErrorTotals)>,
) -> Table {
    let figures = [
        ("times hit", "hits"),
        ("probably wrong", "wrong"),
        ("time blocked", "blocked"),
    ]
    .map(|(name, short_name)| Column::number(name).with_short_name(short_name));
    let mut table = Table::new([Column::text(first)].into_iter().chain(figures));
    for (name, totals) in rows {
        table.row(totals_cells(name, totals));
    }
    table
}

/// Returns the table cells for a row of totals.
fn totals_cells(name: String, totals: &ErrorTotals) -> [Cell; 4] {
    let blocked = Cell::from(totals.blocked_in_words());
    [
        name.into(),
        count_cell(totals.stops),
        count_cell(totals.false_likely),
        blocked.with_exact(totals.blocked.num_seconds().to_string()),
    ]
}

fn count_cell(count: u64) -> Cell {
    match count {
        0 => Cell::from("-").with_exact("0"),
        count => count.to_string().into(),
    }
}
