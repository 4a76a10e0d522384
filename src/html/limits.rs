//! Renders the section on limit errors.

use maud::{Markup, html};

use super::{Contents, notes, table};
use crate::incidents::report::by_limit;
use crate::limits::blocked_time::{ErrorSummary, StopEnd, count_errors};
use crate::limits::incident::Incident;
use crate::limits::kind::Verdict;
use crate::render::Table;
use crate::time::format_duration;

/// Renders the errors by limit, and a table of all errors that blocked work.
pub(super) fn errors(contents: &Contents<'_>, incidents: &[Incident]) -> Markup {
    let clock = contents.clock;
    let summary = ErrorSummary::of(&count_errors(incidents, None, clock), clock.zone);
    let Some(sentence) = summary.sentence(clock) else {
        return html! {
            p { "No limit errors found." }
        };
    };
    html! {
        p { (sentence) }
        (table("totals", "Errors by limit", &by_limit(&summary)))
        (notes(summary.notes().into_iter()))
        details {
            summary { "Show the errors as a table" }
            (table("errors", "Limit errors", &error_table(contents, incidents)))
        }
    }
}

/// Builds a table of all errors that blocked work, latest first.
fn error_table(contents: &Contents<'_>, incidents: &[Incident]) -> Table {
    let mut table = Table::new(["time", "limit", "verdict", "blocked for"]);
    for error in incidents.iter().rev() {
        if let Some(blocked) = blocked_duration(contents, error) {
            table.row([
                contents.format_minute(error.evidence.at()),
                error.diagnosis.limit.label(),
                verdict_label(error.diagnosis.verdict).to_owned(),
                blocked,
            ]);
        }
    }
    table
}

/// Formats how long an error blocked its session. Returns `None` if it did not block the session.
fn blocked_duration(contents: &Contents<'_>, error: &Incident) -> Option<String> {
    let (start, now) = (error.evidence.at(), contents.clock.now);
    Some(match error.stop_end(now)? {
        StopEnd::Until(end) => format_duration(end - start),
        StopEnd::StillStopped => format!("{} so far", format_duration(now - start)),
        StopEnd::MaybeStillStopped => "still blocked (end unknown)".to_owned(),
        StopEnd::Unknown => "unknown".to_owned(),
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
