//! How often limits stopped the work, which, and for how long.

use super::Contents;
use super::markup::{Cell, Markup};
use crate::limits::incident::Incident;
use crate::limits::kind::{LimitKind, Verdict};
use crate::limits::toll::{Seen, Stopped, Toll, Tolls};
use crate::time::in_words;

pub(super) fn write(page: &mut Markup, contents: &Contents<'_>, tolls: &Tolls) {
    if !sentence(page, contents, tolls) {
        return;
    }
    by_limit(page, tolls);
    over_time(page, tolls);
    for note in tolls.notes(Seen::Here) {
        page.text_in("p", &[("class", "quiet")], &note);
    }
    page.inside("details", &[], |page| {
        page.text_in("summary", &[], "Error by error, as a table");
        let errors = contents.incidents.iter().rev();
        let rows = errors.filter_map(|error| {
            let blocked = blocked(error, contents)?;
            let at = contents.clock.zone.at(error.evidence.at);
            Some([
                Cell::of(at.format("%Y-%m-%d %H:%M").to_string()),
                Cell::of(error.diagnosis.limit.label()),
                Cell::of(judged(error.diagnosis.verdict)),
                Cell::of(blocked),
            ])
        });
        let names = &["came", "limit", "judged", "blocked its session"];
        page.table(&[("class", "tolls")], "Limit errors", names, rows);
    });
}

/// What all come to. False if there are none.
pub(super) fn sentence(page: &mut Markup, contents: &Contents<'_>, tolls: &Tolls) -> bool {
    let sentence = tolls.sentence(contents.clock);
    let says = sentence.as_deref().unwrap_or("No limit errors are known.");
    page.text_in("p", &[], says);
    sentence.is_some()
}

/// What stands in every table of sums, behind their name.
pub(super) fn cells(name: String, toll: &Toll) -> [Cell; 4] {
    [
        Cell::of(name),
        Cell::of(toll.errors.to_string()),
        Cell::of(toll.likely_false.to_string()),
        blocked_cell(toll),
    ]
}

/// For how long, and in seconds.
pub(super) fn blocked_cell(toll: &Toll) -> Cell {
    Cell::of(toll.blocked_in_words()).worth(toll.blocked.num_seconds().to_string())
}

fn names(first: &str) -> [&str; 4] {
    [first, "errors", "likely false", "blocked"]
}

pub(super) fn by_limit(page: &mut Markup, tolls: &Tolls) {
    let rows = tolls.by_limit.iter();
    let rows = rows.map(|(limit, toll)| cells(LimitKind::label_of(limit), toll));
    let caption = "Limit errors by limit";
    page.table(&[("class", "tolls")], caption, &names("limit"), rows);
}

/// Only where there is more than one week or month.
pub(super) fn over_time(page: &mut Markup, tolls: &Tolls) {
    if tolls.by_period.len() > 1 {
        let name = if tolls.by_month { "month" } else { "week from" };
        let rows = tolls.by_period.iter();
        let rows = rows.map(|(day, toll)| cells(tolls.period(*day), toll));
        let caption = "Limit errors over time";
        page.table(&[("class", "tolls")], caption, &names(name), rows);
    }
}

/// For how long an error blocked its session. None if it blocked nothing.
pub(super) fn blocked(error: &Incident, contents: &Contents<'_>) -> Option<String> {
    let lasted = |until| in_words(until - error.evidence.at);
    Some(match error.stopped(contents.clock.now)? {
        Stopped::Until(until) => lasted(until),
        Stopped::Still => format!("{}, still", lasted(contents.clock.now)),
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
