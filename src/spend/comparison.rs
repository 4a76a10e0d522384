//! Our figure beside Claude Code's own, session by session, and what sets them apart.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::ledger::{ClientFigure, SessionDifference, Switched};
use crate::places::Places;
use crate::pricing::Money;
use crate::render::{Report, joined};
use crate::terminal::{Tone, counted};
use crate::time::{in_words, moment};

/// Each session's two figures, and answers of another model. `now` tells how old Claude Code's is.
pub(crate) fn comparison(
    found: &[SessionDifference],
    switched: &[Switched],
    places: &Places,
    now: DateTime<Utc>,
) -> Report {
    let sessions: Vec<Value> = found.iter().map(difference_json).collect();
    let facts = [json!({ "sessions": sessions }), switched_json(switched)];
    let mut report = Report::new(joined(facts));
    if found.is_empty() {
        report.paragraph(
            Tone::Plain,
            "Claude Code has told no totals of its own yet (it does when a session ends, and to the status line), so there is nothing to compare.",
        );
    }
    for difference in found {
        let place = places.show(difference.origin.project.as_ref());
        report.row(vec![
            (Tone::Strong, format!("{:.8}", difference.origin.session)),
            (Tone::Quiet, format!("  {place}")),
        ]);
        let theirs = format!("   Claude Code {}", difference.client.show());
        report.row(vec![
            (Tone::Plain, "  whycap ".to_owned()),
            (Tone::Strong, difference.ours.show()),
            (Tone::Plain, theirs),
        ]);
        let age = in_words(now - moment(difference.client_at));
        let how = match difference.client_figure {
            ClientFigure::Written => {
                format!("written {age} ago; /cost shows it when you resume the session")
            }
            ClientFigure::Live => {
                format!("told to the status line {age} ago; /cost shows the same")
            }
        };
        let age = format!("Claude Code's figure was {how}.");
        for line in [age].into_iter().chain(reasons(difference)) {
            report.indented_paragraph(2, Tone::Quiet, line);
        }
    }
    report.paragraphs(Tone::Plain, switched.iter().map(switched_sentence));
    report
}

pub(super) fn switched_sentence(one: &Switched) -> String {
    let (answers, cost) = (counted(one.answers, "answer"), one.cost.show());
    format!(
        "Asked for {}, got {}: {answers}, {cost}.",
        one.asked, one.got
    )
}

/// A field for programs; none where nothing was switched.
pub(super) fn switched_json(switched: &[Switched]) -> Value {
    let one = |one: &Switched| {
        let cost = one.cost.usd();
        json!({"asked": one.asked, "got": one.got, "answers": one.answers, "cost_usd": cost})
    };
    let all: Vec<Value> = switched.iter().map(one).collect();
    if all.is_empty() {
        return Value::Null;
    }
    json!({ "switched": all })
}

/// What sets the two figures apart, and what they agree on that others leave out.
fn reasons(difference: &SessionDifference) -> Vec<String> {
    /// Less than this is rounding.
    const NOISE: i64 = 2;
    let apart = [
        (
            difference.inherited,
            "of Claude Code's figure was spent by the session this one was forked from",
        ),
        (
            difference.gone,
            "of Claude Code's figure was spent by the session this one was forked from, or by this one in the background. The other's transcript is gone, so nobody can tell them apart",
        ),
        (
            difference.restarts,
            "is missing from Claude Code's figure: a process was killed, or its version writes no totals",
        ),
        (
            difference.other_runs,
            "is missing from Claude Code's figure: another process worked on this session at the same time, or Claude Code started again from 0",
        ),
        (
            difference.after_total,
            "was spent after Claude Code last wrote its total",
        ),
        (
            difference.price,
            if difference.client_lacks_a_price {
                "comes from prices: Claude Code said that it did not know that of a model"
            } else {
                "has no cause that whycap can see"
            },
        ),
    ];
    let included = [
        (
            difference.unrecorded,
            "is included for compaction and background requests, which are in no transcript",
        ),
        (
            difference.unwritten,
            "is included that the status line was told; it is in no transcript yet",
        ),
        (difference.subagents, "was spent by subagents"),
    ];
    let apart = apart
        .into_iter()
        .filter(|(amount, _)| amount.nano().abs() > NOISE);
    let included = included
        .into_iter()
        .filter(|(amount, _)| *amount > Money::ZERO);
    let say = |(amount, what): (Money, &str)| format!("{} {what}", amount.show());
    let mut lines: Vec<String> = apart.map(say).collect();
    if lines.is_empty() {
        lines.push("The two agree.".to_owned());
    }
    lines.extend(included.map(say));
    lines
}

fn difference_json(difference: &SessionDifference) -> Value {
    json!({
        "session_id": difference.origin.session,
        "project": difference.origin.project,
        "cost_usd": difference.ours.usd(),
        "client_usd": difference.client.usd(),
        "client_figure": match difference.client_figure {
            ClientFigure::Written => "cost-state",
            ClientFigure::Live => "total_cost_usd",
        },
        "client_at": moment(difference.client_at).to_rfc3339_opts(SecondsFormat::Millis, true),
        "inherited_usd": difference.inherited.usd(),
        "gone_usd": difference.gone.usd(),
        "before_restart_usd": difference.restarts.usd(),
        "other_runs_usd": difference.other_runs.usd(),
        "after_total_usd": difference.after_total.usd(),
        "price_usd": difference.price.usd(),
        "unrecorded_usd": difference.unrecorded.usd(),
        "not_written_usd": difference.unwritten.usd(),
        "subagents_usd": difference.subagents.usd(),
    })
}
