//! Of several machines: whom limits stopped, and who came close to them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use indexmap::IndexSet;

use super::Contents;
use super::limits::{self, judged};
use super::markup::Markup;
use crate::export::{PersonLimits, TeamLimits};
use crate::incidents::report::{blocked_cell, toll_cells, toll_table};
use crate::limits::FULL_FROM;
use crate::limits::kind::{LimitKind, Verdict};
use crate::limits::stoppages::{Seen, Toll, Tolls};
use crate::render::{Cell, Column, Table};
use crate::spend::{Tally, amount};

/// More limits than this are not named beside a person.
const LIMITS: usize = 3;

/// Everybody by name.
type LimitsByPerson<'t> = BTreeMap<&'t str, PersonLimits<'t>>;

/// Who keeps hitting which limit.
pub(super) fn errors(
    page: &mut Markup,
    contents: &Contents<'_>,
    team: &TeamLimits,
    people: &LimitsByPerson<'_>,
    tolls: &Tolls,
) {
    if limits::sentence(page, contents, tolls) {
        let all = in_order(contents, people).into_iter();
        let stopped = all.filter_map(|name| Some((name, &people.get(name)?.tolls)));
        let mut stopped: Vec<(&str, &Tolls)> = stopped
            .filter(|(_, tolls)| tolls.total.errors > 0)
            .collect();
        stopped.sort_by_key(|(_, tolls)| Reverse((tolls.total.blocked, tolls.total.errors)));
        by_person(page, contents, &stopped);
        limits::sums(page, tolls, Seen::InExports);
        in_detail(page, contents, team, &stopped);
    }
    if contents.is_of_some_projects {
        let says = "Only errors of sessions that spent something in the projects shown.";
        page.note(says);
    }
    if !team.gaps.is_empty() {
        let says =
            "Not every file of limit errors and windows could be read, so there may be more.";
        page.note(says);
    }
}

/// Everybody, the dearest first, as they are numbered where names are left out: an order by name
/// would say something of the names.
fn in_order<'p>(contents: &'p Contents<'_>, people: &'p LimitsByPerson<'_>) -> Vec<&'p str> {
    let spent = contents.sums.people.iter().map(|group| group.key.as_str());
    let all: IndexSet<&str> = spent.chain(people.keys().copied()).collect();
    all.into_iter().collect()
}

fn by_person(page: &mut Markup, contents: &Contents<'_>, stopped: &[(&str, &Tolls)]) {
    let mut table = toll_table("person");
    table.columns.push(Column::text("which"));
    for (person, tolls) in stopped {
        let mut often: Vec<&(String, Toll)> = tolls.by_limit.iter().collect();
        often.sort_by_key(|(_, toll)| Reverse(toll.stops));
        let named = often.iter().take(LIMITS);
        let named =
            named.map(|(kind, toll)| format!("{} {}", LimitKind::label_of(kind), toll.stops));
        let others: u64 = often.iter().skip(LIMITS).map(|(_, toll)| toll.stops).sum();
        let others = (others > 0).then(|| format!("others {others}"));
        let which: Vec<String> = named.chain(others).collect();
        let cells = toll_cells(contents.names.person(person), &tolls.total).into_iter();
        table.row(cells.chain([which.join(", ").into()]));
    }
    page.table_in_part("tolls whose", "Limit errors by person", table);
}

/// Each person's limits by what was judged of them.
fn in_detail(
    page: &mut Markup,
    contents: &Contents<'_>,
    team: &TeamLimits,
    stopped: &[(&str, &Tolls)],
) {
    let places = stopped.iter().map(|(person, _)| *person).zip(0..);
    let places: HashMap<&str, usize> = places.collect();
    let mut sums: HashMap<[&str; 3], Toll> = HashMap::new();
    for error in &team.errors {
        let key: [&str; 3] = [&error.person, &error.kind, &error.verdict];
        *sums.entry(key).or_default() += error.toll;
    }
    let mut rows: Vec<([&str; 3], Toll)> = sums.into_iter().collect();
    rows.sort_by_key(|(key, toll)| {
        let place = places.get(key[0]).copied();
        (place, Reverse((toll.blocked, toll.stops)), *key)
    });
    let names = ["person", "limit", "judged", "stops", "blocked"];
    let mut table = Table::new(names.map(Column::text));
    for ([person, kind, verdict], toll) in rows {
        let judged = Verdict::named(verdict).map(judged);
        let judged = judged.map_or_else(|| verdict.replace('_', " "), str::to_owned);
        table.row([
            contents.names.person(person).into(),
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
pub(super) fn hours(page: &mut Markup, contents: &Contents<'_>, people: &LimitsByPerson<'_>) {
    if people.values().all(|person| person.windows.is_empty()) {
        let says = "No export of this period tells how full the windows were: the status line keeps that, and only plans have windows.";
        return page.note(says);
    }
    let nothing = PersonLimits::default();
    let spent = contents.sums.people.iter();
    let spent: HashMap<&str, &Tally> = spent
        .map(|group| (group.key.as_str(), &group.tally))
        .collect();
    let near = in_order(contents, people).into_iter().map(|name| {
        let person = people.get(name).unwrap_or(&nothing);
        (name, person.full_hours(), person.tolls.total)
    });
    let mut near: Vec<(&str, Option<usize>, Toll)> = near.collect();
    near.sort_by_key(|(_, full, toll)| Reverse((full.unwrap_or(0), toll.blocked)));
    let hours: Vec<usize> = near.iter().filter_map(|(_, full, _)| *full).collect();
    let reached = hours.iter().filter(|full| **full > 0).count();
    let sum: usize = hours.iter().sum();
    let says = match (reached, near.len()) {
        (0, _) => format!("Nobody had a window at {FULL_FROM}% or more."),
        (1, 1) => format!("A window was at {FULL_FROM}% or more for {sum} h."),
        (some, of) => {
            format!(
                "{some} of {of} people had a window at {FULL_FROM}% or more, for {sum} h in all."
            )
        }
    };
    page.sentence(&says);
    let is_all_known = hours.len() == near.len();
    let most = hours.iter().copied().max().unwrap_or(0).max(1);
    let at = format!("at {FULL_FROM}%+");
    let names = ["person", &at, "blocked", "cost", "of the longest"];
    let mut table = Table::new(names.map(Column::text));
    for (name, full, toll) in &near {
        let hours = full.unwrap_or(0);
        let told = full.map_or("-".to_owned(), |full| format!("{full} h"));
        let tally = spent.get(name).map_or_else(Tally::default, |tally| **tally);
        table.row([
            contents.names.person(name).into(),
            Cell::from(told).worth(hours.to_string()),
            blocked_cell(toll),
            Cell::from(amount(&tally)).worth(tally.cost().exact()),
            Cell::bar(hours as f64 / most as f64),
        ]);
    }
    page.table_in_part("near", "Hours near the limit, by person", table);
    let notes = [
        "Many hours here and much time blocked speak for a bigger seat; none in weeks, for a smaller one. Cost is at API prices.",
        &format!(
            "An hour counts once for a person if any window was at {FULL_FROM}% or more in it, nights included. Blocked is by all the errors below, also those that no seat helps with."
        ),
        "- means not known: only the status line sees windows, and an API key has none.",
    ];
    for note in notes.iter().take(if is_all_known { 2 } else { 3 }) {
        page.note(note);
    }
    if contents.is_of_some_projects {
        let says = "A window is a whole account's, so the hours are of all projects.";
        page.note(says);
    }
    let mut table = Table::new(["person", "window", &at, "fullest"].map(Column::text));
    for (name, ..) in &near {
        for (window, of) in people.get(name).iter().flat_map(|own| &own.windows) {
            table.row([
                contents.names.person(name).into(),
                LimitKind::label_of(window).into(),
                Cell::from(format!("{} h", of.full.len())).worth(of.full.len().to_string()),
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
