//! `whycap spend --why-different`: our figure beside Claude Code's own, and what sets them apart.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::print;
use crate::environment::Environment;
use crate::ledger::{ClientFigure, Ledger, SessionDifference};
use crate::places::Places;
use crate::pricing::Money;
use crate::terminal::{Palette, Tone};

/// Prints the comparison.
pub(super) fn run(
    environment: &Environment,
    places: &Places,
    ledger: &Ledger,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let found = ledger.differences()?;
    if as_json {
        let sessions: Vec<Value> = found.iter().map(difference_json).collect();
        print(&format!("{}\n", json!({ "sessions": sessions })))?;
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        print(
            "Claude Code has written no totals of its own yet (it does when a session ends), so there is nothing to compare.\n",
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let palette = Palette::for_person(environment);
    let mut text = String::new();
    for difference in &found {
        let id: String = difference.origin.session.chars().take(8).collect();
        let place = places.show(std::path::Path::new(&difference.origin.project));
        text.extend([
            palette.paint(Tone::Strong, &id),
            "  ".to_owned(),
            palette.paint(Tone::Quiet, &place),
            "\n  whycap ".to_owned(),
            palette.paint(Tone::Strong, &difference.ours.show()),
            format!(
                "   Claude Code {}{}\n",
                difference.client.show(),
                live_mark(difference)
            ),
        ]);
        for line in reasons(difference) {
            text.push_str(&palette.paint(Tone::Quiet, &format!("  {line}")));
            text.push('\n');
        }
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
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
