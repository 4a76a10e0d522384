//! How often limits stopped the work, which, and for how long; of several machines also whom, and who
//! came close to them.

use super::markup::Markup;
use super::{Contents, View};
use crate::incidents::report::{by_limit, by_person, over_time};
use crate::limits::FULL_FROM;
use crate::limits::incident::Incident;
use crate::limits::kind::Verdict;
use crate::limits::stoppages::{Reach, Stopped};
use crate::render::Table;
use crate::time::in_words;

pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    if !sentence(view, page) {
        return;
    }
    sums(view, page, Reach::Here);
    let mut table = Table::new(["came", "limit", "judged", "blocked the account"]);
    for error in view.contents.incidents.iter().rev() {
        if let Some(blocked) = view.contents.blocked(error) {
            table.row([
                view.contents.minute(error.evidence.at),
                error.diagnosis.limit.label(),
                judged(error.diagnosis.verdict).to_owned(),
                blocked,
            ]);
        }
    }
    let says = "Error by error, as a table";
    page.table_behind(says, "tolls", "Limit errors", &table);
}

/// Who keeps hitting which limit, and for whom a bigger seat is worth it.
pub(super) fn of_team(view: &View<'_>, page: &mut Markup) {
    let has_errors = sentence(view, page);
    let people = view.everybody.iter();
    let people = people.filter_map(|name| Some((view.person(name), view.limits.get(name)?)));
    if !view.limits.is_empty() {
        page.table_in_part("tolls whose", "Limits by person", by_person(people, true));
        page.note("Many hours near the limit and much time blocked speak for a bigger seat; none in weeks, for a smaller one.");
        page.note(&format!("An hour counts once for a person if any window was at {FULL_FROM}% or more in it, nights included. - means not known: only the status line sees windows, and an API key has none."));
    }
    if has_errors {
        sums(view, page, Reach::InExports);
    }
    if view.contents.is_of_some_projects {
        page.note("Only errors of sessions that spent something in the projects shown. A window is a whole account's, so the hours are of all projects.");
    }
    if view.contents.team.is_some_and(|team| !team.gaps.is_empty()) {
        let says =
            "Not every file of limit errors and windows could be read, so there may be more.";
        page.note(says);
    }
}

/// By limit and over time, and what the figures mean.
fn sums(view: &View<'_>, page: &mut Markup, reach: Reach) {
    page.table("tolls", "Limit errors by limit", &by_limit(&view.tolls));
    if let Some(table) = over_time(&view.tolls) {
        page.table("tolls", "Limit errors over time", &table);
    }
    for note in view.tolls.notes(reach) {
        page.note(&note);
    }
}

/// What all come to. False if there are none.
fn sentence(view: &View<'_>, page: &mut Markup) -> bool {
    let sentence = view.tolls.sentence(view.contents.clock);
    let says = sentence.as_deref().unwrap_or("No limit errors are known.");
    page.sentence(says);
    sentence.is_some()
}

impl Contents<'_> {
    /// For how long an error blocked its session. None if it blocked nothing.
    pub(super) fn blocked(&self, error: &Incident) -> Option<String> {
        let lasted = |until| in_words(until - error.evidence.at);
        Some(match error.stopped(self.clock.now)? {
            Stopped::Until(until) => lasted(until),
            Stopped::Still => format!("{}, still", lasted(self.clock.now)),
            Stopped::Open => "still, nobody knows how long".to_owned(),
            Stopped::Unknown => "not known".to_owned(),
        })
    }
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
