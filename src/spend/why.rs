//! Builds the report for `spend --why`, which shows how the amount of a session was calculated.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use crate::ledger::{ModelSwitch, RunAccount, SessionWhy};
use crate::pricing::Money;
use crate::render::{Column, Report, Table};
use crate::terminal::{Tone, count_noun};
use crate::time::{Clock, Millis, datetime_from_millis};

/// Explains how the amount of a session was calculated.
pub(crate) fn why_report(why: &SessionWhy, clock: Clock) -> Report {
    let mut report = Report::new(why_json(why, clock));
    let cost = why.tally.cost();
    let sign = if why.is_lower_bound() { "\u{2265}" } else { "" };
    report.row(vec![
        (Tone::Plain, format!("Session {}: ", why.session)),
        (Tone::Strong, format!("{sign}{cost}")),
    ]);
    let responses = count_noun(why.tally.responses, "response");
    report.paragraph(
        Tone::Plain,
        format!(
            "This includes {} for {responses} in the transcripts and {} that the transcripts do not show, such as for compaction.",
            why.tally.recorded,
            why.tally.unrecorded + why.tally.pending
        ),
    );
    if !why.runs.is_empty() {
        report.table(runs_table(why, clock));
    }
    for reason in why.reasons(clock) {
        let sentence = format!("The real amount may be higher because {reason}.");
        report.paragraph(Tone::Warning, sentence);
    }
    report.paragraph(Tone::Quiet, comparison(why));
    report
}

/// Compares the amount with the last total that Claude Code reported.
fn comparison(why: &SessionWhy) -> String {
    let (Some(total), Some(last)) = (why.client_total, why.runs.last()) else {
        return "Claude Code has not reported a running total for this session.".to_owned();
    };
    let starting = last.starting_total.unwrap_or_default();
    let others = why.tally.cost() - (total - starting).or_zero();
    if others.is_near(starting) {
        return format!("Claude Code's own total of {total} agrees with this amount.");
    }
    format!(
        "Claude Code's own total of {total} includes {starting} from other runs or a parent session. Runs that \
         are not included in this total have spent {}.",
        others.or_zero()
    )
}

fn runs_table(why: &SessionWhy, clock: Clock) -> Table {
    let mut table = Table::new([
        Column::text("Process"),
        Column::text("From"),
        Column::text("Until"),
        Column::number("First total"),
        Column::number("Last total"),
        Column::number("Responses"),
        Column::number("Recorded"),
        Column::number("Unrecorded"),
    ]);
    let time = |at: Option<Millis>| {
        at.map_or_else(
            || "-".to_owned(),
            |at| clock.format_time(datetime_from_millis(at)),
        )
    };
    let total = |amount: Option<Money>| amount.map_or_else(|| "-".to_owned(), Money::show);
    for run in &why.runs {
        table.row([
            process_name(run),
            time(run.started_at),
            time(run.ended_at),
            total(run.starting_total),
            total(run.last_total),
            run.responses.to_string(),
            run.recorded.show(),
            run.unrecorded.show(),
        ]);
    }
    table
}

fn process_name(run: &RunAccount) -> String {
    match run.pid {
        Some(pid) => pid.to_string(),
        None => identified_by(run).to_owned(),
    }
}

fn identified_by(run: &RunAccount) -> &'static str {
    if run.is_identified {
        "CLAUDE_PID"
    } else if run.last_total.is_some() {
        "checkpoints"
    } else {
        "nothing"
    }
}

impl SessionWhy {
    fn is_lower_bound(&self) -> bool {
        self.tally.at_least || !self.bounds.is_empty() || self.damaged_lines > 0
    }

    /// Returns phrases to complete the sentence "The real amount may be higher because …".
    fn reasons(&self, clock: Clock) -> Vec<String> {
        let mut reasons: Vec<String> = self
            .bounds
            .iter()
            .map(|bound| {
                let time = clock.format_time(datetime_from_millis(bound.at));
                bound.reason.sentence(&time)
            })
            .collect();
        if self.damaged_lines > 0 {
            let lines = count_noun(self.damaged_lines, "line");
            reasons.push(format!(
                "{lines} of the session's transcripts could not be read"
            ));
        }
        reasons
    }
}

fn why_json(why: &SessionWhy, clock: Clock) -> Value {
    let runs: Vec<Value> = why.runs.iter().map(run_json).collect();
    json!({
        "session": why.session,
        "cost_usd": why.tally.cost().usd(),
        "recorded_usd": why.tally.recorded.usd(),
        "unrecorded_usd": (why.tally.unrecorded + why.tally.pending).usd(),
        "at_least": why.is_lower_bound(),
        "reasons": why.reasons(clock),
        "client_total_usd": why.client_total.map(Money::usd),
        "runs": runs,
    })
}

fn run_json(run: &RunAccount) -> Value {
    let time = |at: Option<Millis>| {
        at.map(|at| datetime_from_millis(at).to_rfc3339_opts(SecondsFormat::Millis, true))
    };
    json!({
        "pid": run.pid,
        "identified_by": identified_by(run),
        "started_at": time(run.started_at),
        "ended_at": time(run.ended_at),
        "starting_total_usd": run.starting_total.map(Money::usd),
        "last_total_usd": run.last_total.map(Money::usd),
        "responses": run.responses,
        "recorded_usd": run.recorded.usd(),
        "unrecorded_usd": run.unrecorded.usd(),
    })
}

/// Describes responses that came from a different model than the one requested.
pub(super) fn model_switch_sentence(switch: &ModelSwitch) -> String {
    format!(
        "You requested {}, but {} responded ({}, {}).",
        switch.requested_model,
        switch.responding_model,
        count_noun(switch.responses, "response"),
        switch.cost
    )
}

/// Returns an object with the field `switched`, or null if all responses came from the requested model.
pub(super) fn model_switches_json(switches: &[ModelSwitch]) -> Value {
    if switches.is_empty() {
        return Value::Null;
    }
    let objects: Vec<Value> = switches
        .iter()
        .map(|switch| {
            json!({
                "asked": switch.requested_model,
                "got": switch.responding_model,
                "answers": switch.responses,
                "cost_usd": switch.cost.usd(),
            })
        })
        .collect();
    json!({ "switched": objects })
}
