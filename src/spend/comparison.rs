//! Our figure beside Claude Code's own, session by session, and what sets them apart.

use std::path::Path;

use serde_json::{Value, json};

use crate::ledger::{ClientFigure, SessionDifference};
use crate::places::Places;
use crate::pricing::Money;
use crate::terminal::{Page, Tone, sanitize};

/// For people.
pub(crate) fn write_comparison(page: &mut Page, found: &[SessionDifference], places: &Places) {
    if found.is_empty() {
        page.paragraph(
            Tone::Plain,
            "Claude Code has written no totals of its own yet (it does when a session ends), so there is nothing to compare.",
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
        page.line(&format!(
            "  whycap {}   Claude Code {}{}",
            palette.paint(Tone::Strong, &difference.ours.show()),
            difference.client.show(),
            live_mark(difference)
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
        if amount.nano() != 0 {
            lines.push(format!("{} {text}", amount.show()));
        }
    };
    say(
        difference.inherited,
        "in its total was spent by the session that this one was forked from",
    );
    say(
        difference.not_written,
        "is in its live total and not yet on disk (background requests)",
    );
    say(
        difference.before_restart,
        "was spent before Claude Code started counting from 0 again",
    );
    say(difference.after_total, "was spent after it wrote its total");
    say(difference.price, "is a difference of prices");
    say(
        difference.unrecorded,
        "is in both and on no transcript line (compaction, background requests)",
    );
    say(
        difference.subagents,
        "is in both and was spent by subagents",
    );
    if lines.is_empty() {
        lines.push("The two agree.".to_owned());
    }
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
        "not_written_usd": difference.not_written.usd(),
        "inherited_usd": difference.inherited.usd(),
        "before_restart_usd": difference.before_restart.usd(),
        "after_total_usd": difference.after_total.usd(),
        "price_usd": difference.price.usd(),
        "unrecorded_usd": difference.unrecorded.usd(),
        "subagents_usd": difference.subagents.usd(),
    })
}

fn live_mark(difference: &SessionDifference) -> &'static str {
    match difference.client_figure {
        ClientFigure::Written => "",
        ClientFigure::Live => " (as it last told the status line)",
    }
}
