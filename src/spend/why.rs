//! Builds the report for `spend --why`, which shows how the amount of a session was calculated.

use chrono::SecondsFormat;
use indexmap::IndexSet;
use serde_json::{Value, json};

use super::amount::Amount;
use crate::ledger::reconcile::bounds::LowerBoundReason;
use crate::ledger::{InheritedLines, ModelSwitch, Parent, RunBreakdown, SessionWhy, Tally};
use crate::pricing::{Money, NOISE};
use crate::render::{Column, Report, Table};
use crate::terminal::{Tone, count_noun};
use crate::time::{Clock, Millis, datetime_from_millis};

/// Explains how the amount of a session was calculated.
pub(crate) fn why_report(why: &SessionWhy, clock: Clock) -> Report {
    let mut report = Report::new(why_json(why, clock));
    let tally = Tally {
        at_least: why.may_be_higher(),
        ..why.tally
    };
    let amount = Amount::from_tally(&tally).show();
    report.paragraph(Tone::Strong, format!("Session {}: {amount}", why.session));
    report.paragraph(Tone::Plain, composition(why));
    for parent in &why.parents {
        report.paragraph(Tone::Plain, inherited_sentence(parent));
    }
    if !why.runs.is_empty() {
        report.table(runs_table(why, clock));
    }
    for switch in &why.model_switches {
        report.paragraph(Tone::Plain, model_switch_sentence(switch));
    }
    for reason in why.reasons(clock) {
        let sentence = format!("The real amount may be higher because {reason}.");
        report.paragraph(Tone::Warning, sentence);
    }
    report.paragraph(Tone::Quiet, comparison(why));
    report
}

/// Describes what the session inherited from another session.
fn inherited_sentence(parent: &Parent) -> String {
    let InheritedLines {
        responses,
        compactions,
    } = parent.inherited;
    let counts: Vec<String> = [(responses, "response"), (compactions, "compaction")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| count_noun(count, noun))
        .collect();
    let (appear, are) = match responses + compactions {
        1 => ("appears", "is"),
        _ => ("appear", "are"),
    };
    format!(
        "{} in this session's transcript also {appear} in the history of {} and {are} counted there.",
        counts.join(" and "),
        parent.session
    )
}

/// Describes what the amount consists of.
fn composition(why: &SessionWhy) -> String {
    let responses = count_noun(why.tally.responses, "response");
    let recorded = why.tally.recorded;
    let hidden = why.tally.unrecorded + why.tally.pending;
    if hidden == Money::ZERO {
        return format!("This is the cost of {responses} in the transcripts.");
    }
    let compactions = match why.compactions {
        0 => String::new(),
        count => format!(
            " (the session has {})",
            count_noun(count as u64, "compaction")
        ),
    };
    format!(
        "This includes {recorded} for {responses} in the transcripts and {hidden} that the transcripts do not \
         show{compactions}."
    )
}

/// Compares the amount with the last total that Claude Code reported. Each sentence states only what the totals prove.
fn comparison(why: &SessionWhy) -> String {
    let Some(last) = why.newest_run_with_total() else {
        return "Claude Code has not reported a running total for this session.".to_owned();
    };
    let total = last.last_total.unwrap_or_default();
    if why.tally.cost().is_near(total) {
        if why.may_be_higher() {
            return format!(
                "Claude Code's own total is also {total}, but it may not include everything."
            );
        }
        if why.parents.is_empty() {
            return format!("Claude Code's own total of {total} agrees with this amount.");
        }
        return format!(
            "Claude Code's own total of {total} equals this amount. The total of a fork usually also includes its parent's \
             spend, so please check the first total in the table."
        );
    }
    let mut sentences = vec![format!("Claude Code's own total is {total}.")];
    match last.proven_starting_total() {
        None => {
            sentences
                .push("whycap cannot tell how much of it was spent before this run.".to_owned());
        }
        Some(starting) if starting > NOISE => {
            sentences.push(format!("It includes {starting} from before this run."));
        }
        Some(_) => {}
    }
    let others = why
        .runs
        .iter()
        .filter(|run| !std::ptr::eq(*run, last));
    let spent_by_others: Money = others.map(|run| run.recorded + run.unrecorded).sum();
    if spent_by_others > NOISE {
        sentences.push(format!(
            "The other rows of the table add up to {spent_by_others}."
        ));
    }
    let later_responses = last.responses - last.covered_responses;
    let later = last.recorded - last.covered - last.cost_of_later_responses;
    if last.starting_total.is_some() && later > NOISE {
        let responses = count_noun(later_responses, "response");
        sentences.push(format!(
            "{responses} arrived after this total was reported; {later} of their cost is not included."
        ));
    }
    sentences.join(" ")
}

fn runs_table(why: &SessionWhy, clock: Clock) -> Table {
    let mut table = Table::new([
        Column::text("Process"),
        // On narrow terminals, the times are omitted first, then the totals, and then the responses.
        Column::text("From").in_layouts(0..=1),
        Column::text("Until").in_layouts(0..=0),
        Column::number("First total").in_layouts(0..=2),
        Column::number("Last total").in_layouts(0..=2),
        Column::number("Responses").in_layouts(0..=3),
        Column::number("Recorded"),
        Column::number("Unrecorded"),
    ]);
    let total = |amount: Option<Money>| amount.map_or_else(|| "-".to_owned(), Money::show);
    for run in &why.runs {
        table.row([
            process_name(run),
            show_time(run.started_at, run.ended_at, clock),
            show_time(run.ended_at, run.started_at, clock),
            total(run.starting_total),
            total(run.last_total),
            run.responses.to_string(),
            run.recorded.show(),
            run.unrecorded.show(),
        ]);
        let notes = row_notes(run);
        if !notes.is_empty() {
            table.note_below(notes.join(" "));
        }
    }
    table
}

/// Formats the start or the end of a run. `other` is the opposite end. If both are in the same minute, the result
/// includes seconds.
fn show_time(at: Option<Millis>, other: Option<Millis>, clock: Clock) -> String {
    let Some(at) = at else {
        return "-".to_owned();
    };
    let time = datetime_from_millis(at);
    match other {
        Some(other) if other.div_euclid(60_000) == at.div_euclid(60_000) => {
            clock.format_time_with_seconds(time)
        }
        _ => clock.format_time(time),
    }
}

/// Returns sentences that explain why the increase from the first to the last total differs from the sum of the other
/// figures.
fn row_notes(run: &RunBreakdown) -> Vec<String> {
    let mut notes = Vec::new();
    if !run.is_start_proven && run.starting_total.is_some() {
        notes.push("The first total may already include some of these responses.".to_owned());
    }
    // Without a first total, there is no way to tell which responses the last total covers.
    let has_totals = run.starting_total.is_some() && run.last_total.is_some();
    if has_totals && run.covered_responses < run.responses {
        notes.push(format!(
            "The totals include only {} of the {}. Their cost is {}.",
            run.covered_responses,
            count_noun(run.responses, "response"),
            run.covered
        ));
    }
    if run.cost_of_later_responses > NOISE {
        notes.push(format!(
            "The totals may already include {} of the later responses.",
            run.cost_of_later_responses
        ));
    }
    match run.difference() {
        Some(more) if more > Money::ZERO => notes.push(format!(
            "The total increased by {more} more than these amounts."
        )),
        Some(less) => notes.push(format!(
            "These amounts add up to {} more than the increase in the total.",
            Money::ZERO - less
        )),
        None => {}
    }
    notes
}

fn process_name(run: &RunBreakdown) -> String {
    match run.pid {
        Some(pid) => pid.to_string(),
        None if run.last_total.is_none() => "not observed".to_owned(),
        None => identified_by(run).to_owned(),
    }
}

fn identified_by(run: &RunBreakdown) -> &'static str {
    if run.is_identified {
        "CLAUDE_PID"
    } else if run.last_total.is_some() {
        "checkpoints"
    } else {
        "nothing"
    }
}

impl SessionWhy {
    /// Returns true if the session may have spent more than is known.
    fn may_be_higher(&self) -> bool {
        self.tally.at_least || !self.bounds.is_empty()
    }

    /// Returns phrases to complete the sentence "The real amount may be higher because …".
    fn reasons(&self, clock: Clock) -> Vec<String> {
        // Each quarter hour without a total has its own bound, but the sentence about the first one covers the rest.
        let without_total_since = self
            .bounds
            .iter()
            .filter(|bound| bound.reason == LowerBoundReason::TerminalWithoutTotal)
            .map(|bound| bound.at)
            .min();
        // Bounds in the same minute have the same sentence.
        let sentences: IndexSet<String> = self
            .bounds
            .iter()
            .map(|bound| {
                let at = match bound.reason {
                    LowerBoundReason::TerminalWithoutTotal => {
                        without_total_since.unwrap_or(bound.at)
                    }
                    _ => bound.at,
                };
                let time = clock.format_time(datetime_from_millis(at));
                bound.reason.sentence(&time)
            })
            .collect();
        Vec::from_iter(sentences)
    }
}

fn why_json(why: &SessionWhy, clock: Clock) -> Value {
    let runs: Vec<Value> = why.runs.iter().map(run_json).collect();
    let inherited: Vec<Value> = why
        .parents
        .iter()
        .map(|parent| {
            json!({
                "session": parent.session,
                "responses": parent.inherited.responses,
                "compactions": parent.inherited.compactions,
            })
        })
        .collect();
    json!({
        "session": why.session,
        "cost_usd": why.tally.cost().usd(),
        "recorded_usd": why.tally.recorded.usd(),
        "unrecorded_usd": (why.tally.unrecorded + why.tally.pending).usd(),
        "at_least": why.may_be_higher() && why.tally.unpriced == 0,
        "reasons": why.reasons(clock),
        "client_total_usd": why.client_total().map(Money::usd),
        "compactions": why.compactions,
        "inherited": inherited,
        "runs": runs,
    })
}

fn run_json(run: &RunBreakdown) -> Value {
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
        "covered_responses": run.covered_responses,
        "covered_usd": run.covered.usd(),
        "later_usd": run.cost_of_later_responses.usd(),
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
