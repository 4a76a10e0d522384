//! The limit errors of the past, for people and programs: what they come to, then one by one.

use std::cmp::Reverse;

use serde_json::{Value, json};

use crate::export::{ExportedError, PersonLimits, TeamLimits, tolls};
use crate::limits::FULL_FROM;
use crate::limits::incident::Incident;
use crate::limits::kind::LimitKind;
use crate::limits::standing::{Ending, Standing};
use crate::limits::stoppages::{Reach, Stopped, Toll, Tolls};
use crate::render::{Cell, Column, Report, Table, joined};
use crate::terminal::Tone;
use crate::time::{Clock, rfc3339};

const NONE: &str = "No limit errors are known.";

/// This machine's errors, newest first; at most so many are listed one by one.
pub(crate) fn report(incidents: &[Incident], most: usize, clock: Clock) -> Report {
    let tolls = Tolls::of(incidents, clock);
    let list: Vec<Value> = incidents.iter().map(|it| facts(it, clock)).collect();
    let mut report = Report::new(json!({ "incidents": list, "sums": tolls.json() })).indented();
    if let Some(sentence) = tolls.sentence(clock) {
        report.paragraph(Tone::Strong, sentence);
        sums(&tolls, Reach::Here, &mut report);
        report.gap();
    }
    if incidents.is_empty() {
        report.line(NONE);
    }
    for incident in incidents.iter().take(most) {
        describe(incident, clock, &mut report);
    }
    report
}

/// What several machines exported, by person.
pub(crate) fn report_of_exports(limits: &TeamLimits, clock: Clock) -> Report {
    let people = limits.people(clock.zone);
    let tolls = tolls(&limits.errors, clock.zone);
    let list: Vec<Value> = limits.errors.iter().map(facts_of_exported).collect();
    let each: Value = people.iter().map(facts_of_person).collect();
    let all = joined([tolls.json(), json!({ "by_person": each })]);
    let mut report = Report::new(json!({ "incidents": list, "sums": all })).indented();
    let sentence = tolls.sentence(clock);
    match &sentence {
        Some(sentence) => report.paragraph(Tone::Strong, sentence),
        None => report.line(NONE),
    }
    if !people.is_empty() {
        report.gap();
        let people = people.iter().map(|(name, of)| ((*name).to_owned(), of));
        report.table(by_person(people, false));
        report.paragraph(
            Tone::Quiet,
            format!("{FULL_FROM}%+: hours in which any window was at {FULL_FROM}% or more; - where no window is known."),
        );
    }
    if sentence.is_some() {
        sums(&tolls, Reach::InExports, &mut report);
    }
    report
}

/// By limit and over time, where there is more to tell than a sentence does.
fn sums(tolls: &Tolls, reach: Reach, report: &mut Report) {
    let by_limit = (tolls.total.stops > 1).then(|| by_limit(tolls));
    for table in by_limit.into_iter().chain(over_time(tolls)) {
        report.gap();
        report.table(table);
    }
    let notes = tolls.notes(reach);
    if !notes.is_empty() {
        report.gap();
    }
    report.paragraphs(Tone::Quiet, notes);
}

/// The sums of each limit.
pub(crate) fn by_limit(tolls: &Tolls) -> Table {
    let rows = tolls.by_limit.iter();
    let rows = rows.map(|(limit, toll)| (LimitKind::label_of(limit), toll));
    toll_table("limit", rows)
}

/// The sums of each week or month, where there is more than one.
pub(crate) fn over_time(tolls: &Tolls) -> Option<Table> {
    let first = if tolls.by_month { "month" } else { "week from" };
    let rows = tolls.by_period.iter();
    let rows = rows.map(|(day, toll)| (tolls.period(*day), toll));
    (tolls.by_period.len() > 1).then(|| toll_table(first, rows))
}

/// Whom limits stopped longest comes first; with room, each beside the limits that did it most often.
pub(crate) fn by_person<'p>(
    people: impl Iterator<Item = (String, &'p PersonLimits)>,
    has_room: bool,
) -> Table {
    let mut people: Vec<(String, &PersonLimits)> = people.collect();
    people.sort_by_key(|(_, of)| Reverse((of.tolls.total.blocked, of.full_hours)));
    let mut table = toll_table("person", []);
    let near = Column::figure(format!("at {FULL_FROM}%+"));
    table.columns.push(near);
    table.columns.extend(has_room.then(|| "which".into()));
    for (name, of) in people {
        let hours = match of.full_hours {
            Some(hours) => Cell::from(format!("{hours} h")).worth(hours.to_string()),
            None => Cell::from("-").worth("0"),
        };
        let mut often: Vec<(&String, &Toll)> = of.tolls.by_limit.iter().collect();
        often.sort_by_key(|(_, toll)| Reverse(toll.stops));
        let often = often.iter().take(3);
        let often = often.map(|(it, toll)| format!("{} {}", LimitKind::label_of(it), toll.stops));
        let which = has_room.then(|| often.collect::<Vec<_>>().join(", ").into());
        let cells = toll_cells(name, &of.tolls.total).into_iter();
        table.row(cells.chain([hours]).chain(which));
    }
    table
}

/// A table of sums, whose rows are named in the first column.
fn toll_table<'t>(first: &str, rows: impl IntoIterator<Item = (String, &'t Toll)>) -> Table {
    let figures = ["stops", "likely false", "blocked"].map(Column::figure);
    let mut table = Table::new([Column::text(first)].into_iter().chain(figures));
    for (name, toll) in rows {
        table.row(toll_cells(name, toll));
    }
    table
}

/// What stands in every row of sums, behind its name.
fn toll_cells(name: String, toll: &Toll) -> [Cell; 4] {
    let [stops, likely_false] = [toll.stops, toll.likely_false].map(|count| match count {
        0 => Cell::from("-").worth("0"),
        some => some.to_string().into(),
    });
    let blocked = Cell::from(toll.blocked_in_words()).worth(toll.blocked.num_seconds().to_string());
    [name.into(), stops, likely_false, blocked]
}

/// One error: when it came, what happened, what the message was.
fn describe(incident: &Incident, clock: Clock, report: &mut Report) {
    let (state, says) = match incident.standing {
        Standing::Over(_) if incident.is_news() => ("a notice", incident.what_happened()),
        Standing::Over(Ending::MetAgain) => ("met again", incident.what_happened()),
        Standing::Over(_) => ("over", incident.what_happened()),
        Standing::News => ("a notice", incident.headline.clone()),
        Standing::Blocks(_) => ("still blocked", incident.headline.clone()),
    };
    let at = clock.time_and_distance(incident.evidence.at);
    report.paragraph(Tone::Strong, format!("{at} ({state})"));
    report.indented_paragraph(2, Tone::Plain, says);
    report.excerpt(2, Tone::Quiet, incident.text());
}

/// An incident with its time.
fn facts(incident: &Incident, clock: Clock) -> Value {
    let until = match incident.stopped(clock.now) {
        Some(Stopped::Until(until)) => Some(rfc3339(until)),
        _ => None,
    };
    joined([incident.to_json(), json!({ "blocked_until": until })])
}

fn facts_of_exported(error: &ExportedError) -> Value {
    json!({
        "at": rfc3339(error.at),
        "person": *error.person,
        "session_id": *error.session,
        "limit": *error.kind,
        "verdict": *error.verdict,
        "blocked_s": error.toll.blocked.num_seconds(),
    })
}

fn facts_of_person((name, of): (&&str, &PersonLimits)) -> Value {
    let more = json!({ "person": name, "hours_at_97_percent": of.full_hours });
    joined([of.tolls.json(), more])
}
