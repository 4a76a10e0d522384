//! Our figure beside Claude Code's own, session by session, and what sets them apart.

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::ledger::{ClientFigure, SessionDifference};
use crate::places::Places;
use crate::pricing::Money;
use crate::terminal::{Page, Tone, sanitize};
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
    let palette = page.palette();
    for difference in found {
        let id: String = difference.origin.session.chars().take(8).collect();
        let place = places.show(Path::new(&difference.origin.project));
        page.line(&format!(
            "{}  {}",
            palette.paint(Tone::Strong, &id),
            palette.paint(Tone::Quiet, &sanitize(&place))
        ));
        let age = in_words(now - moment(difference.client_at));
        let how = match difference.client_figure {
            ClientFigure::Written => format!("as it wrote {age} ago, and shows on going on"),
            ClientFigure::Live => format!("as it told the status line {age} ago"),
        };
        page.line(&format!(
            "  whycap {}   Claude Code {} ({how})",
            palette.paint(Tone::Strong, &difference.ours.show()),
            difference.client.show(),
        ));
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
        "in its figure was spent by the session that this one was forked from",
    );
    say(
        difference.restarts,
        "is not in its figure: answers of a process that ended without writing its total (killed, or too old for that)",
    );
    say(
        difference.other_runs,
        "is not in its figure: spent by a process that ran at the same time, or before Claude Code counted from 0 again",
    );
    say(difference.after_total, "was spent after it wrote its total");
    say(
        difference.price,
        "is a difference of prices: this client knew the model at another one, or not at all",
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
        "of ours is on no transcript line (compaction, background requests)",
    );
    say(
        difference.unwritten,
        "of ours was told to the status line and is in no file yet",
    );
    say(difference.subagents, "of ours was spent by subagents");
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
