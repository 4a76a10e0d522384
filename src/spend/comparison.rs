//! Our figure beside Claude Code's own, session by session, and what sets them apart.

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::ledger::{ClientFigure, SessionDifference};
use crate::places::Places;
use crate::pricing::Money;
use crate::terminal::{Page, Tone};
use crate::time::{in_words, moment};

/// For people. `now` tells how old a figure is.
pub(crate) fn write_comparison(
    page: &mut Page,
    found: &[SessionDifference],
    places: &Places,
    now: DateTime<Utc>,
) {
    if found.is_empty() {
        page.paragraph(
            Tone::Plain,
            "Claude Code has told no totals of its own yet (it does when a session ends, and to the status line), so there is nothing to compare.",
        );
    }
    for difference in found {
        let id: String = difference.origin.session.chars().take(8).collect();
        let place = places.show(Path::new(&difference.origin.project));
        page.row(&[(Tone::Strong, id), (Tone::Quiet, format!("  {place}"))]);
        let age = in_words(now - moment(difference.client_at));
        let how = match difference.client_figure {
            ClientFigure::Written => {
                format!("written {age} ago; /cost shows it when you resume the session")
            }
            ClientFigure::Live => {
                format!("told to the status line {age} ago; /cost shows the same")
            }
        };
        let theirs = difference.client.show();
        page.row(&[
            (Tone::Plain, "  whycap ".to_owned()),
            (Tone::Strong, difference.ours.show()),
            (Tone::Plain, format!("   Claude Code {theirs}")),
        ]);
        page.indented(2, Tone::Quiet, &format!("Claude Code's figure was {how}."));
        for reason in reasons(difference) {
            page.indented(2, Tone::Quiet, &reason);
        }
    }
}

/// For programs.
pub(crate) fn comparison_json(found: &[SessionDifference]) -> Value {
    let sessions: Vec<Value> = found.iter().map(difference_json).collect();
    json!({ "sessions": sessions })
}

/// What sets the two figures apart, and what they agree on that others leave out.
fn reasons(difference: &SessionDifference) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |amount: Money, text: &str| {
        if amount.nano().abs() > 2 {
            lines.push(format!("{} {text}", amount.show()));
        }
    };
    say(
        difference.inherited,
        "of Claude Code's figure was spent by the session this one was forked from",
    );
    say(
        difference.restarts,
        "is missing from Claude Code's figure: a process was killed, or its version writes no totals",
    );
    say(
        difference.other_runs,
        "is missing from Claude Code's figure: another process worked on this session at the same time, or Claude Code started again from 0",
    );
    say(
        difference.after_total,
        "was spent after Claude Code last wrote its total",
    );
    say(
        difference.price,
        "is a difference in prices: that version of Claude Code has another price for the model, or none",
    );
    if lines.is_empty() {
        lines.push("The two agree.".to_owned());
    }
    let mut say = |amount: Money, text: &str| {
        if amount > Money::ZERO {
            lines.push(format!("{} {text}", amount.show()));
        }
    };
    say(
        difference.unrecorded,
        "is included for compaction and background requests, which are in no transcript",
    );
    say(
        difference.unwritten,
        "is included that the status line was told; it is in no transcript yet",
    );
    say(difference.subagents, "was spent by subagents");
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
        "before_restart_usd": difference.restarts.usd(),
        "other_runs_usd": difference.other_runs.usd(),
        "after_total_usd": difference.after_total.usd(),
        "price_usd": difference.price.usd(),
        "unrecorded_usd": difference.unrecorded.usd(),
        "not_written_usd": difference.unwritten.usd(),
        "subagents_usd": difference.subagents.usd(),
    })
}
