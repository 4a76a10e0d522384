//! Of several machines: whom limits stopped, and who came close to them.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::View;
use super::limits::{self, judged};
use super::markup::Markup;
use crate::export::{PersonLimits, TeamLimits};
use crate::incidents::report::{blocked_cell, toll_cells, toll_table};
use crate::limits::FULL_FROM;
use crate::limits::kind::{LimitKind, named};
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
        if let Some(team) = view.contents.team {
            in_detail(view, page, team, &stopped);
        }
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

/// Each person's limits by what was judged of them.
fn in_detail(view: &View<'_>, page: &mut Markup, team: &TeamLimits, stopped: &[(&str, &Tolls)]) {
    let mut sums: HashMap<[&str; 3], Toll> = HashMap::new();
    for error in &team.errors {
        let key: [&str; 3] = [&error.person, &error.kind, &error.verdict];
        *sums.entry(key).or_default() += error.toll;
    }
    let places = stopped.iter().map(|(person, _)| *person).zip(0..);
    let places: HashMap<&str, usize> = places.collect();
    let mut rows: Vec<([&str; 3], Toll)> = sums.into_iter().collect();
    rows.sort_by_key(|(key, toll)| {
        let place = places.get(key[0]);
        (place, Reverse((toll.blocked, toll.stops)), *key)
    });
    let mut table = Table::new(["person", "limit", "judged", "stops", "blocked"]);
    for ([person, kind, verdict], toll) in rows {
        let judged = named(verdict).map(judged);
        let judged = judged.map_or_else(|| verdict.replace('_', " "), str::to_owned);
        table.row([
            view.person(person).into(),
            LimitKind::label_of(kind).into(),
            judged.into(),
            toll.stops.to_string().into(),
            blocked_cell(&toll),
        ]);
    }
    page.table_behind(
        "By person, limit and verdict, as a table",
        "tolls judged verdict",
        "Limit errors by person, limit and verdict",
        &table,
    );
}

/// Is a bigger seat worth it?
pub(super) fn hours(view: &View<'_>, page: &mut Markup) {
    let people = &view.people;
    if people.values().all(|person| person.windows.is_empty()) {
        let says = "No export of this period tells how full the windows were: the status line keeps that, and only plans have windows.";
        return page.note(says);
    }
    let nothing = PersonLimits::default();
    let near = view.everybody.iter().map(|name| {
        let person = people.get(name).unwrap_or(&nothing);
        (*name, person.full_hours(), person.tolls.total)
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
    let mut table = Table::new(["person", "window", &at, "fullest"]);
    for (name, ..) in &near {
        for (window, of) in people.get(name).iter().flat_map(|own| &own.windows) {
            let hours = of.full.len();
            table.row([
                view.person(name).into(),
                LimitKind::label_of(window).into(),
                Cell::from(format!("{hours} h")).worth(hours.to_string()),
                // Not more than it was: 97% would be one of the hours.
                format!("{:.0}%", of.fullest.clamp(0.0, 999.0).floor()).into(),
            ]);
        }
    }
    page.table_behind(
        "Window by window, as a table",
        "tolls judged",
        "Hours near the limit, by window",
        &table,
    );
}
