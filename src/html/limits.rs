//! How often limits stopped the work, which, and for how long.

use super::Contents;
use super::markup::Markup;
use crate::incidents::report::{by_limit, over_time};
use crate::limits::incident::Incident;
use crate::limits::kind::Verdict;
use crate::limits::stoppages::{Seen, Stopped, Tolls};
use crate::render::{Column, Table};
use crate::time::in_words;

pub(super) fn write(page: &mut Markup, contents: &Contents<'_>, tolls: &Tolls) {
    if !sentence(page, contents, tolls) {
        return;
    }
    sums(page, tolls, Seen::Here);
    let names = ["came", "limit", "judged", "blocked the account"];
    let mut table = Table::new(names.map(Column::text));
    for error in contents.incidents.iter().rev() {
        if let Some(blocked) = blocked(error, contents) {
            let at = contents.clock.zone.at(error.evidence.at);
            table.row([
                at.format("%Y-%m-%d %H:%M").to_string(),
                error.diagnosis.limit.label(),
                judged(error.diagnosis.verdict).to_owned(),
                blocked,
            ]);
        }
    }
    page.table_behind(
        "Error by error, as a table",
        "tolls",
        "Limit errors",
        &table,
    );
}

/// By limit and over time, and what the figures mean.
pub(super) fn sums(page: &mut Markup, tolls: &Tolls, seen: Seen) {
    page.table("tolls", "Limit errors by limit", &by_limit(tolls));
    if let Some(table) = over_time(tolls) {
        page.table("tolls", "Limit errors over time", &table);
    }
    for note in tolls.notes(seen) {
        page.note(&note);
    }
}

/// What all come to. False if there are none.
pub(super) fn sentence(page: &mut Markup, contents: &Contents<'_>, tolls: &Tolls) -> bool {
    let sentence = tolls.sentence(contents.clock);
    let says = sentence.as_deref().unwrap_or("No limit errors are known.");
    page.sentence(says);
    sentence.is_some()
}

/// For how long an error blocked its session. None if it blocked nothing.
pub(super) fn blocked(error: &Incident, contents: &Contents<'_>) -> Option<String> {
    let lasted = |until| in_words(until - error.evidence.at);
    Some(match error.stopped(contents.clock.now)? {
        Stopped::Until(until) => lasted(until),
        Stopped::Still => format!("{}, still", lasted(contents.clock.now)),
        Stopped::Open => "still, nobody knows how long".to_owned(),
        Stopped::Unknown => "not known".to_owned(),
    })
}

/// What is said of an error in two words.
pub(super) fn judged(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Real => "real",
        Verdict::Misworded => "real, misworded",
        Verdict::FalseLikely => "likely false",
        Verdict::WrongCredential => "another credential's",
        Verdict::NotALimit => "not a limit",
        Verdict::Notice | Verdict::Over => "a notice",
        Verdict::CannotTell => "cannot tell",
    }
}
