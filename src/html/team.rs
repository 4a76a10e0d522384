//! Of several machines: whom limits stopped, and who came close to them.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::View;
use super::limits;
use super::markup::Markup;
use crate::export::PersonLimits;
use crate::incidents::report::{blocked_cell, toll_cells, toll_table};
use crate::limits::FULL_FROM;
use crate::limits::kind::LimitKind;
use crate::limits::stoppages::{Reach, Toll, Tolls};
use crate::render::{Cell, Table};
use crate::spend::{Tally, amount};

/// More limits than this are not named beside a person.
const LIMITS: usize = 3;

/// Who keeps hitting which limit.
pub(super) fn errors(view: &View<'_>, page: &mut Markup) {
    if limits::sentence(view, page) {
        let all = view.everybody.iter();
        let tolls = all.filter_map(|name| Some((*name, &view.people.get(name)?.tolls)));
        let stopped = tolls.filter(|(_, tolls)| tolls.total.errors > 0);
        let mut stopped: Vec<(&str, &Tolls)> = stopped.collect();
        stopped.sort_by_key(|(_, tolls)| Reverse((tolls.total.blocked, tolls.total.errors)));
        by_person(view, page, &stopped);
        limits::sums(view, page, Reach::InExports);
    }
    if view.contents.is_of_some_projects {
        page.note("Only errors of sessions that spent something in the projects shown.");
    }
    if view.contents.team.is_some_and(|team| !team.gaps.is_empty()) {
        let says =
            "Not every file of limit errors and windows could be read, so there may be more.";
        page.note(says);
    }
}

fn by_person(view: &View<'_>, page: &mut Markup, stopped: &[(&str, &Tolls)]) {
    let mut table = toll_table("person");
    table.columns.push("which".into());
    for (person, tolls) in stopped {
        let mut often: Vec<&(String, Toll)> = tolls.by_limit.iter().collect();
        often.sort_by_key(|(_, toll)| Reverse(toll.stops));
        let (named, others) = often.split_at(LIMITS.min(often.len()));
        let named = named.iter();
        let named =
            named.map(|(kind, toll)| format!("{} {}", LimitKind::label_of(kind), toll.stops));
        let others: u64 = others.iter().map(|(_, toll)| toll.stops).sum();
        let others = (others > 0).then(|| format!("others {others}"));
        let which: Vec<String> = named.chain(others).collect();
        let cells = toll_cells(view.person(person), &tolls.total).into_iter();
        table.row(cells.chain([which.join(", ").into()]));
    }
    page.table_in_part("tolls whose", "Limit errors by person", table);
}

/// Is a bigger seat worth it?
pub(super) fn hours(view: &View<'_>, page: &mut Markup) {
    let people = &view.people;
    if people.values().all(|person| person.full_hours.is_none()) {
        let says = "No export of this period tells how full the windows were: the status line keeps that, and only plans have windows.";
        return page.note(says);
    }
    let nothing = PersonLimits::default();
    let near = view.everybody.iter().map(|name| {
        let person = people.get(name).unwrap_or(&nothing);
        (*name, person.full_hours, person.tolls.total)
    });
    let mut near: Vec<(&str, Option<usize>, Toll)> = near.collect();
    near.sort_by_key(|(_, full, toll)| Reverse((full.unwrap_or(0), toll.blocked)));
    let hours: Vec<usize> = near.iter().filter_map(|(_, full, _)| *full).collect();
    let sum: usize = hours.iter().sum();
    page.sentence(
        &match (hours.iter().filter(|full| **full > 0).count(), near.len()) {
            (0, _) => format!("Nobody had a window at {FULL_FROM}% or more."),
            (1, 1) => format!("A window was at {FULL_FROM}% or more for {sum} h."),
            (some, of) => format!(
                "{some} of {of} people had a window at {FULL_FROM}% or more, for {sum} h in all."
            ),
        },
    );
    let most = hours.iter().copied().max().unwrap_or(0).max(1);
    let at = format!("at {FULL_FROM}%+");
    let mut table = Table::new(["person", &at, "blocked", "cost", "of the longest"]);
    let spent = view.contents.sums.people.iter();
    let spent: HashMap<&str, Tally> = spent.map(|group| (&*group.key, group.tally)).collect();
    for (name, full, toll) in &near {
        let tally = spent.get(name).copied().unwrap_or_default();
        let hours = full.unwrap_or(0);
        let told = full.map_or("-".to_owned(), |full| format!("{full} h"));
        table.row([
            view.person(name).into(),
            Cell::from(told).worth(hours.to_string()),
            blocked_cell(toll),
            amount(&tally),
            Cell::bar(hours as f64 / most as f64),
        ]);
    }
    page.table_in_part("near", "Hours near the limit, by person", table);
    page.note("Many hours here and much time blocked speak for a bigger seat; none in weeks, for a smaller one. Cost is at API prices.");
    page.note(&format!("An hour counts once for a person if any window was at {FULL_FROM}% or more in it, nights included. Blocked is by all the errors below, also those that no seat helps with."));
    if hours.len() < near.len() {
        page.note("- means not known: only the status line sees windows, and an API key has none.");
    }
    if view.contents.is_of_some_projects {
        page.note("A window is a whole account's, so the hours are of all projects.");
    }
}
