//! Of several machines: whom limits stopped, and who came close to them.

use super::View;
use super::limits;
use super::markup::Markup;
use crate::incidents::report::by_person;
use crate::limits::FULL_FROM;
use crate::limits::stoppages::Reach;

/// Who keeps hitting which limit, and for whom a bigger seat is worth it.
pub(super) fn write(view: &View<'_>, page: &mut Markup) {
    let has_errors = limits::sentence(view, page);
    let people = view.everybody.iter();
    let people = people.filter_map(|name| Some((view.person(name), view.people.get(name)?)));
    if !view.people.is_empty() {
        page.table_in_part("tolls whose", "Limits by person", by_person(people, true));
        page.note("Many hours near the limit and much time blocked speak for a bigger seat; none in weeks, for a smaller one.");
        page.note(&format!("An hour counts once for a person if any window was at {FULL_FROM}% or more in it, nights included. - means not known: only the status line sees windows, and an API key has none."));
    }
    if has_errors {
        limits::sums(view, page, Reach::InExports);
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
