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

/// What limits did here, or to several people: who keeps hitting which, and for whom a bigger seat is
/// worth it.
pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    let Contents { team, clock, .. } = view.contents;
    let sentence = view.tolls.sentence(*clock);
    page.sentence(sentence.as_deref().unwrap_or("No limit errors are known."));
    let limits = team.as_ref().map(|team| team.people(clock.zone));
    if let Some(limits) = limits.filter(|limits| !limits.is_empty()) {
        let people = view.everybody.iter();
        let people = people.filter_map(|name| Some((view.person(name), limits.get(name)?)));
        page.table_in_part("tolls whose", "Limits by person", by_person(people, true));
        page.note("Many hours near the limit and much time blocked speak for a bigger seat; none in weeks, for a smaller one.");
        page.note(&format!("An hour counts once for a person if any window was at {FULL_FROM}% or more in it, nights included. - means not known: only the status line sees windows, and an API key has none."));
    }
    if sentence.is_some() {
        page.table("tolls", "Limit errors by limit", &by_limit(&view.tolls));
        if let Some(table) = over_time(&view.tolls) {
            page.table("tolls", "Limit errors over time", &table);
        }
        let reach = team.as_ref().map_or(Reach::Here, |_| Reach::InExports);
        for note in view.tolls.notes(reach) {
            page.note(&note);
        }
    }
    match team {
        Some(team) => {
            if view.contents.statement.wanted.project.is_some() {
                page.note("Only errors of sessions that spent something in the projects shown. A window is a whole account's, so the hours are of all projects.");
            }
            if !team.gaps.is_empty() {
                page.note("Not every file of limit errors and windows could be read, so there may be more.");
            }
        }
        None if sentence.is_some() => one_by_one(view.contents, page),
        None => {}
    }
}

fn one_by_one(contents: &Contents<'_>, page: &mut Markup) {
    let mut table = Table::new(["came", "limit", "judged", "blocked the account"]);
    for error in contents.incidents.iter().rev() {
        if let Some(blocked) = contents.blocked(error) {
            table.row([
                contents.minute(error.evidence.at),
                error.diagnosis.limit.label(),
                judged(error.diagnosis.verdict).to_owned(),
                blocked,
            ]);
        }
    }
    let says = "Error by error, as a table";
    page.table_behind(says, "tolls", "Limit errors", &table);
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
