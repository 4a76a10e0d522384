//! Renders the section on limits.

use maud::{Markup, html};

use super::{Contents, table};
use crate::limits::{Outlook, Past, Verdict};
use crate::render::Table;
use crate::wording;

/// Renders the number of stops, how long no prompt could be served, and a table of the stops.
pub(super) fn stops(contents: &Contents<'_>, past: &Past) -> Markup {
    if past.stops.is_empty() {
        return html! {
            p { "No limit errors found." }
        };
    }
    html! {
        p { (wording::sums_sentence(past)) }
        details {
            summary { "Show the errors as a table" }
            (table("errors", "Limit errors", &table_of_stops(contents, past)))
        }
    }
}

/// Builds a table of the stops, newest first.
fn table_of_stops(contents: &Contents<'_>, past: &Past) -> Table {
    let mut table = Table::new(["time", "limit", "verdict", "what came of it", "sessions"]);
    for stop in &past.stops {
        let outlook = &stop.outlook;
        table.row([
            contents.format_minute(outlook.began_at()),
            outlook.limit().description().label.to_owned(),
            verdict_label(outlook.verdict).to_owned(),
            outcome(contents, outlook),
            stop.sessions.len().to_string(),
        ]);
    }
    table
}

/// Returns a text that says how the limit ended, or that it has not ended.
fn outcome(contents: &Contents<'_>, outlook: &Outlook) -> String {
    let ending = wording::ending(outlook, contents.clock);
    ending.unwrap_or_else(|| match outlook.resets_at {
        Some(reset) if outlook.is_blocked() => {
            format!("blocked until {}", contents.format_minute(reset))
        }
        None if outlook.is_blocked() => "still blocked".to_owned(),
        _ => "nothing was blocked".to_owned(),
    })
}

fn verdict_label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Real => "real",
        Verdict::Misworded => "real, misworded",
        Verdict::FalseLikely => "probably wrong",
        Verdict::WrongCredential => "wrong key or account",
        Verdict::NotALimit => "not a usage limit",
        Verdict::Notice | Verdict::Over => "a notice",
        Verdict::CannotTell => "cannot tell",
    }
}
