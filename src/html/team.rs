//! Of several machines: whom limits stopped, and who came close to them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::Contents;
use super::limits::{self, judged};
use super::markup::{Cell, Markup};
use super::spread::folded;
use crate::export::{ExportedError, TeamLimits};
use crate::limits::FULL_FROM;
use crate::limits::kind::{LimitKind, Verdict};
use crate::limits::toll::{Seen, Toll, Tolls};
use crate::spend::{Tally, amount, known};
use crate::time::{Zone, in_words};

/// More limits than this are not named beside a person.
const LIMITS: usize = 3;

/// What errors come to.
pub(super) fn tolls<'e>(errors: impl IntoIterator<Item = &'e ExportedError>, zone: Zone) -> Tolls {
    let each = errors.into_iter();
    let each = each.map(|error| (error.at, error.kind.to_string(), error.toll));
    Tolls::sum(each.collect(), zone)
}

/// Who keeps hitting which limit.
pub(super) fn errors(page: &mut Markup, contents: &Contents<'_>, team: &TeamLimits, tolls: &Tolls) {
    if limits::sentence(page, contents, tolls) {
        by_person(page, contents, team);
        limits::by_limit(page, tolls);
        limits::over_time(page, tolls);
        for note in tolls.notes(Seen::InExports) {
            page.text_in("p", &[("class", "quiet")], &note);
        }
        in_detail(page, contents, team);
    }
    if contents.is_of_some_projects {
        let says = "Only errors of sessions that spent something in the projects shown.";
        page.text_in("p", &[("class", "quiet")], says);
    }
    if !team.unreadable.is_empty() {
        let says =
            "Not every file of limit errors and windows could be read, so there may be more.";
        page.text_in("p", &[("class", "quiet")], says);
    }
}

fn by_person(page: &mut Markup, contents: &Contents<'_>, team: &TeamLimits) {
    let mut errors_of: BTreeMap<&str, Vec<&ExportedError>> = BTreeMap::new();
    for error in &team.errors {
        errors_of
            .entry(known(&error.person))
            .or_default()
            .push(error);
    }
    let people = errors_of.into_iter();
    let people = people.map(|(person, errors)| (person, tolls(errors, contents.clock.zone)));
    let mut people: Vec<(&str, Tolls)> = people.collect();
    people.sort_by_key(|(_, tolls)| Reverse((tolls.total.blocked, tolls.total.errors)));
    let rows = people.into_iter().map(|(person, tolls)| {
        let [name, errors, likely_false, blocked] =
            limits::cells(contents.names.person(person), &tolls.total);
        let mut often: Vec<&(String, Toll)> = tolls.by_limit.iter().collect();
        often.sort_by_key(|(_, toll)| Reverse(toll.errors));
        let named = often.iter().take(LIMITS);
        let named =
            named.map(|(kind, toll)| format!("{} {}", LimitKind::label_of(kind), toll.errors));
        let others: u64 = often.iter().skip(LIMITS).map(|(_, toll)| toll.errors).sum();
        let others = (others > 0).then(|| format!("others {others}"));
        let which: Vec<String> = named.chain(others).collect();
        let which = which.join(", ");
        [name, errors, likely_false, blocked, Cell::of(which)]
    });
    let names = &["person", "errors", "likely false", "blocked", "which"];
    folded(page, "tolls whose", "Limit errors by person", names, rows);
}

/// Each person's limits by what was judged of them.
fn in_detail(page: &mut Markup, contents: &Contents<'_>, team: &TeamLimits) {
    let mut sums: HashMap<[&str; 3], Toll> = HashMap::new();
    for error in &team.errors {
        let key = [known(&error.person), &error.kind, &error.verdict];
        *sums.entry(key).or_default() += error.toll;
    }
    let mut rows: Vec<([&str; 3], Toll)> = sums.into_iter().collect();
    rows.sort_by_key(|(key, toll)| (key[0], Reverse((toll.blocked, toll.errors)), *key));
    let rows = rows.into_iter().map(|([person, kind, verdict], toll)| {
        let judged = Verdict::named(verdict).map(judged);
        let judged = judged.map_or_else(|| verdict.replace('_', " "), str::to_owned);
        [
            Cell::of(contents.names.person(person)),
            Cell::of(LimitKind::label_of(kind)),
            Cell::of(judged),
            Cell::of(toll.errors.to_string()),
            Cell::of(toll.blocked_in_words()).worth(toll.blocked.num_seconds().to_string()),
        ]
    });
    page.inside("details", &[], |page| {
        page.text_in("summary", &[], "By person, limit and verdict, as a table");
        let names = &["person", "limit", "judged", "errors", "blocked"];
        let caption = "Limit errors by person, limit and verdict";
        page.table(&[("class", "tolls judged verdict")], caption, names, rows);
    });
}

/// How near a person came.
#[derive(Default)]
struct Near<'t> {
    /// The hours in which a window of theirs was full, each once. None where no window is known.
    full: Option<HashSet<DateTime<Utc>>>,
    blocked: TimeDelta,
    spent: Option<&'t Tally>,
}

impl Near<'_> {
    fn hours(&self) -> usize {
        self.full.as_ref().map_or(0, HashSet::len)
    }
}

/// A window of a person.
#[derive(Default)]
struct OfWindow {
    /// Hours in which it was full.
    full: u64,
    /// In percent.
    fullest: f64,
}

/// Is a bigger seat worth it?
pub(super) fn hours(page: &mut Markup, contents: &Contents<'_>, team: &TeamLimits) {
    if team.hours.is_empty() {
        let says = "No export of this period tells how full the windows were: the status line keeps that, and only plans have windows.";
        return page.text_in("p", &[("class", "quiet")], says);
    }
    let mut people: BTreeMap<&str, Near<'_>> = BTreeMap::new();
    let mut windows: BTreeMap<(&str, &str), OfWindow> = BTreeMap::new();
    for hour in &team.hours {
        let person = known(&hour.person);
        let full = people
            .entry(person)
            .or_default()
            .full
            .get_or_insert_default();
        let window = windows.entry((person, &hour.window)).or_default();
        window.fullest = window.fullest.max(hour.percent);
        if hour.percent >= FULL_FROM {
            full.insert(hour.at);
            window.full += 1;
        }
    }
    for error in &team.errors {
        let person = people.entry(known(&error.person)).or_default();
        let blocked = person.blocked.checked_add(&error.toll.blocked);
        person.blocked = blocked.unwrap_or(TimeDelta::MAX);
    }
    for group in &contents.sums.people {
        people.entry(&group.key).or_default().spent = Some(&group.tally);
    }
    let reached = people.values().filter(|person| person.hours() > 0).count();
    let all: usize = people.values().map(Near::hours).sum();
    let says = match (reached, people.len()) {
        (0, _) => format!("Nobody had a window at {FULL_FROM}% or more."),
        (1, 1) => format!("A window was at {FULL_FROM}% or more for {all} h."),
        (some, of) => {
            format!(
                "{some} of {of} people had a window at {FULL_FROM}% or more, for {all} h in all."
            )
        }
    };
    page.text_in("p", &[], &says);
    let mut rows: Vec<(&str, Near<'_>)> = people.into_iter().collect();
    rows.sort_by_key(|(_, person)| Reverse((person.hours(), person.blocked)));
    let most = rows.first().map_or(1, |(_, person)| person.hours()).max(1);
    let rows = rows.into_iter().map(|(name, person)| {
        let hours = person.hours();
        let told = match &person.full {
            Some(_) => format!("{hours} h"),
            None => "-".to_owned(),
        };
        let blocked = match person.blocked {
            none if none.is_zero() => "-".to_owned(),
            some => in_words(some),
        };
        let tally = person.spent.copied().unwrap_or_default();
        [
            Cell::of(contents.names.person(name)),
            Cell::of(told).worth(hours.to_string()),
            Cell::of(blocked).worth(person.blocked.num_seconds().to_string()),
            Cell::of(amount(&tally)).worth(tally.cost().exact()),
            Cell::default().with_bar(hours as f64 / most as f64),
        ]
    });
    let at = format!("at {FULL_FROM}%+");
    let names = &["person", &at, "blocked", "cost", "of the longest"];
    folded(page, "near", "Hours near the limit, by person", names, rows);
    let notes = [
        "Many hours here and much time blocked speak for a bigger seat; none in weeks, for a smaller one. Cost is at API prices.",
        &format!(
            "An hour counts once for a person if any window was at {FULL_FROM}% or more in it, nights included. Blocked is by all the errors below, also those that no seat helps with."
        ),
        "- means not known: only the status line sees windows, and an API key has none.",
    ];
    let is_known = team.hours.iter().map(|hour| known(&hour.person));
    let is_known: HashSet<&str> = is_known.collect();
    let unknown = contents
        .sums
        .people
        .iter()
        .any(|group| !is_known.contains(group.key.as_str()));
    for note in notes.iter().take(if unknown { 3 } else { 2 }) {
        page.text_in("p", &[("class", "quiet")], note);
    }
    if contents.is_of_some_projects {
        let says = "A window is a whole account's, so the hours are of all projects.";
        page.text_in("p", &[("class", "quiet")], says);
    }
    page.inside("details", &[], |page| {
        page.text_in("summary", &[], "Window by window, as a table");
        let rows = windows.iter().map(|((person, window), of)| {
            [
                Cell::of(contents.names.person(person)),
                Cell::of(LimitKind::label_of(window)),
                Cell::of(format!("{} h", of.full)).worth(of.full.to_string()),
                Cell::of(format!("{:.0}%", of.fullest.clamp(0.0, 999.0))),
            ]
        });
        let names = &["person", "window", &at, "fullest"];
        page.table(
            &[("class", "tolls judged")],
            "Hours near the limit, by window",
            names,
            rows,
        );
    });
}
