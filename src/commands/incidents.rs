//! `whycap incidents`: the limit errors of the past.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::SecondsFormat;
use clap::Args;
use serde_json::{Value, json};

use super::gathering::limits_of_exports;
use super::question::Question;
use crate::environment::Environment;
use crate::export::{ExportedError, PersonLimits};
use crate::incidents::Incidents;
use crate::limits::FULL_FROM;
use crate::limits::incident::Incident;
use crate::limits::kind::LimitKind;
use crate::limits::toll::{Seen, Stopped, Toll, Tolls};
use crate::places::Places;
use crate::terminal::{self, Page, Shown, Tone};
use crate::time::Clock;

/// What was asked for.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Only look at this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Add up what several machines exported there, by person
    #[arg(long, value_name = "DIR", conflicts_with = "session")]
    from: Option<PathBuf>,
}

/// Lists the errors, newest first.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    if let Some(directory) = &arguments.from {
        let limits = limits_of_exports(directory, &places)?;
        let clock = environment.clock();
        let people = limits.people(clock.zone);
        let tolls = limits.tolls(clock.zone);
        let json = arguments.json.then(|| {
            let list: Vec<Value> = limits.errors.iter().map(exported).collect();
            let sums = with_people(tolls.json(), &people);
            Shown::indented_json(&json!({ "incidents": list, "sums": sums }))
        });
        super::show(environment, json, |page| {
            if tolls.total.errors == 0 {
                page.line("No limit errors are known.");
            }
            sums(&tolls, Some(&people), clock, page);
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let incidents = Incidents::new(&places, environment).all(arguments.session.as_deref());
    let clock = environment.clock();
    let json = arguments.json.then(|| {
        let list: Vec<Value> = incidents.iter().map(|one| listed(one, clock)).collect();
        let sums = Tolls::of(&incidents, clock).json();
        Shown::indented_json(&json!({ "incidents": list, "sums": sums }))
    });
    super::show(environment, json, |page| {
        sums(&Tolls::of(&incidents, clock), None, clock, page);
        list(&incidents, clock, page);
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap incidents`.
pub(crate) fn answer(question: Question<'_>, page: &mut Page) {
    /// A conversation is no place for a long table.
    const MOST: usize = 20;
    let mut incidents = question.incidents().all(None);
    let clock = question.environment.clock();
    sums(&Tolls::of(&incidents, clock), None, clock, page);
    incidents.truncate(MOST);
    list(&incidents, clock, page);
}

/// An incident with its time.
fn listed(incident: &Incident, clock: Clock) -> Value {
    let until = match incident.stopped(clock.now) {
        Some(Stopped::Until(until)) => Some(until.to_rfc3339_opts(SecondsFormat::Secs, true)),
        _ => None,
    };
    let mut value = incident.to_json();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("blocked_until".to_owned(), json!(until));
    }
    value
}

/// An error that a machine exported.
fn exported(error: &ExportedError) -> Value {
    json!({
        "at": error.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "person": *error.person,
        "session_id": *error.session,
        "limit": *error.kind,
        "verdict": *error.verdict,
        "blocked_s": error.toll.blocked.num_seconds(),
    })
}

/// The sums with what is known of each person.
fn with_people(mut sums: Value, people: &BTreeMap<&str, PersonLimits<'_>>) -> Value {
    let people = people.iter().map(|(name, of)| {
        let mut person = of.tolls.json();
        if let Some(fields) = person.as_object_mut() {
            fields.insert("person".to_owned(), json!(name));
            fields.insert("hours_at_97_percent".to_owned(), json!(of.full_hours()));
        }
        person
    });
    if let Some(fields) = sums.as_object_mut() {
        fields.insert("by_person".to_owned(), people.collect());
    }
    sums
}

/// What all of them come to: in a sentence and, where there is more to tell, in tables.
/// The people are those of several machines' exports.
fn sums(
    tolls: &Tolls,
    people: Option<&BTreeMap<&str, PersonLimits<'_>>>,
    clock: Clock,
    page: &mut Page,
) {
    let sentence = tolls.sentence(clock);
    if let Some(sentence) = &sentence {
        page.paragraph(Tone::Strong, sentence);
    }
    if let Some(people) = people {
        by_person(people, page);
    }
    if sentence.is_none() {
        return;
    }
    if tolls.total.errors > 1 {
        let rows = tolls.by_limit.iter();
        let rows = rows.map(|(limit, toll)| cells(LimitKind::label_of(limit), toll));
        table(names("limit"), rows, page);
    }
    if tolls.by_period.len() > 1 {
        let name = if tolls.by_month { "month" } else { "week from" };
        let rows = tolls.by_period.iter();
        let rows = rows.map(|(day, toll)| cells(tolls.period(*day), toll));
        table(names(name), rows, page);
    }
    let notes = tolls.notes(people.map_or(Seen::Here, |_| Seen::InExports));
    if !notes.is_empty() {
        page.gap();
    }
    for note in notes {
        page.paragraph(Tone::Quiet, &note);
    }
    if people.is_none() {
        page.gap();
    }
}

/// What is known of each person of several machines' exports: whom limits stopped longest first.
fn by_person(people: &BTreeMap<&str, PersonLimits<'_>>, page: &mut Page) {
    let mut people: Vec<(&str, &PersonLimits<'_>)> =
        people.iter().map(|(name, of)| (*name, of)).collect();
    people.sort_by_key(|(_, of)| Reverse((of.tolls.total.blocked, of.full_hours())));
    if people.is_empty() {
        return;
    }
    let [person, errors, likely_false, blocked] = names("person");
    let head = [
        person,
        errors,
        likely_false,
        blocked,
        format!("at {FULL_FROM}%+"),
    ];
    let rows = people.into_iter().map(|(name, of)| {
        let [name, errors, likely_false, blocked] = cells(name.to_owned(), &of.tolls.total);
        let hours = of.full_hours();
        let hours = hours.map_or("-".to_owned(), |hours| format!("{hours} h"));
        [name, errors, likely_false, blocked, hours]
    });
    table(head, rows, page);
    page.paragraph(
        Tone::Quiet,
        &format!("{FULL_FROM}%+: hours in which any window was at {FULL_FROM}% or more; - where no window is known."),
    );
}

fn names(first: &str) -> [String; 4] {
    [first, "errors", "likely false", "blocked"].map(str::to_owned)
}

fn cells(name: String, toll: &Toll) -> [String; 4] {
    let [errors, likely_false] = [toll.errors, toll.likely_false].map(|count| match count {
        0 => "-".to_owned(),
        some => some.to_string(),
    });
    [name, errors, likely_false, toll.blocked_in_words()]
}

/// One line a row, after an empty one.
fn table<const COLUMNS: usize>(
    head: [String; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
    page: &mut Page,
) {
    let lines: Vec<[String; COLUMNS]> = std::iter::once(head).chain(rows).collect();
    let mut widths = [0; COLUMNS];
    for line in &lines {
        for (widest, cell) in widths.iter_mut().zip(line) {
            *widest = terminal::width(cell).max(*widest);
        }
    }
    page.gap();
    for (row, line) in lines.iter().enumerate() {
        let tone = if row == 0 { Tone::Quiet } else { Tone::Plain };
        let mut pieces = Vec::new();
        for (column, (cell, wide)) in line.iter().zip(widths).enumerate() {
            let padding = terminal::padding(cell, wide);
            // Names stand at the left, figures at the right.
            pieces.push((
                tone,
                if column == 0 {
                    format!("{cell}{padding}")
                } else {
                    format!("  {padding}{cell}")
                },
            ));
        }
        page.row(&pieces);
    }
}

fn list(incidents: &[Incident], clock: Clock, page: &mut Page) {
    if incidents.is_empty() {
        page.line("No limit errors are known.");
    }
    for incident in incidents {
        let is_open = incident.is_open() && !incident.is_outlived(clock.now);
        let state = if incident.is_news() {
            "a notice"
        } else if is_open {
            "still blocked"
        } else {
            "over"
        };
        let head = format!(
            "{} ({state})",
            clock.time_and_distance(incident.evidence.at)
        );
        page.paragraph(Tone::Strong, &head);
        let says = if is_open {
            incident.headline.clone()
        } else {
            incident.what_happened()
        };
        page.indented(2, Tone::Plain, &says);
        let message = terminal::cut(&incident.text(), page.columns().saturating_sub(2));
        page.indented(2, Tone::Quiet, &message);
    }
}
