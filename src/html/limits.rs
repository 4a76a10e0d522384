//! How often limits stopped the work, which, and for how long.

use super::Contents;
use super::markup::{Cell, Markup};
use crate::limits::incident::Incident;
use crate::limits::kind::Verdict;
use crate::limits::toll::{Stopped, Toll, Tolls};
use crate::time::in_words;

pub(super) fn write(page: &mut Markup, contents: &Contents<'_>, tolls: &Tolls) {
    let Some(sentence) = tolls.sentence(contents.clock) else {
        return page.text_in("p", &[], "No limit errors are known.");
    };
    page.text_in("p", &[], &sentence);
    let names = |first| [first, "errors", "likely false", "blocked"];
    let row = |name: String, toll: &Toll| {
        [
            Cell::of(name),
            Cell::of(toll.errors.to_string()),
            Cell::of(toll.likely_false.to_string()),
            Cell::of(toll.blocked_in_words()),
        ]
    };
    let by_limit = tolls.by_limit.iter();
    let by_limit = by_limit.map(|(limit, toll)| row(limit.label(), toll));
    page.table(
        &[("class", "tolls")],
        "Limit errors by limit",
        &names("limit"),
        by_limit,
    );
    if tolls.by_period.len() > 1 {
        let name = if tolls.by_month { "month" } else { "week from" };
        let by_period = tolls.by_period.iter();
        let by_period = by_period.map(|(day, toll)| row(tolls.period(*day), toll));
        page.table(
            &[("class", "tolls")],
            "Limit errors over time",
            &names(name),
            by_period,
        );
    }
    for note in tolls.notes() {
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
                Cell::of(judged(error)),
                Cell::of(blocked),
            ])
        });
        let names = &["came", "limit", "judged", "blocked its session"];
        page.table(&[("class", "tolls")], "Limit errors", names, rows);
    });
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
pub(super) fn judged(error: &Incident) -> &'static str {
    match error.diagnosis.verdict {
        Verdict::Real => "real",
        Verdict::Misworded => "real, misworded",
        Verdict::FalseLikely => "likely false",
        Verdict::WrongCredential => "another credential's",
        Verdict::NotALimit => "not a limit",
        Verdict::Notice | Verdict::Over => "a notice",
        Verdict::CannotTell => "cannot tell",
    }
}
