//! `whycap incidents`: the limit errors of the past.

use std::process::ExitCode;

use chrono::SecondsFormat;
use clap::Args;
use serde_json::{Value, json};

use super::question::Question;
use crate::environment::Environment;
use crate::incidents::Incidents;
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
}

/// Lists the errors, newest first.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let incidents = Incidents::new(&places, environment).all(arguments.session.as_deref());
    let clock = environment.clock();
    let json = arguments.json.then(|| {
        let list: Vec<Value> = incidents.iter().map(|one| listed(one, clock)).collect();
        let sums = Tolls::of(&incidents, clock).json();
        Shown::indented_json(&json!({ "incidents": list, "sums": sums }))
    });
    super::show(environment, json, |page| {
        sums(&Tolls::of(&incidents, clock), clock, page);
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
    sums(&Tolls::of(&incidents, clock), clock, page);
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

/// What all of them come to: in a sentence and, where there is more to tell, in tables.
fn sums(tolls: &Tolls, clock: Clock, page: &mut Page) {
    let Some(sentence) = tolls.sentence(clock) else {
        return;
    };
    page.paragraph(Tone::Strong, &sentence);
    if tolls.total.errors > 1 {
        let rows = tolls.by_limit.iter();
        table(
            "limit",
            rows.map(|(limit, toll)| (LimitKind::label_of(limit), toll)),
            page,
        );
    }
    if tolls.by_period.len() > 1 {
        let name = if tolls.by_month { "month" } else { "week from" };
        let rows = tolls.by_period.iter();
        table(
            name,
            rows.map(|(day, toll)| (tolls.period(*day), toll)),
            page,
        );
    }
    let notes = tolls.notes(Seen::Here);
    if !notes.is_empty() {
        page.gap();
    }
    for note in notes {
        page.paragraph(Tone::Quiet, &note);
    }
    page.gap();
}

/// One line a row, after an empty one.
fn table<'t>(name: &str, rows: impl Iterator<Item = (String, &'t Toll)>, page: &mut Page) {
    let head = [name, "errors", "likely false", "blocked"].map(str::to_owned);
    let cells = rows.map(|(label, toll)| {
        let [errors, likely_false] = [toll.errors, toll.likely_false].map(|count| match count {
            0 => "-".to_owned(),
            some => some.to_string(),
        });
        [label, errors, likely_false, toll.blocked_in_words()]
    });
    let lines: Vec<[String; 4]> = std::iter::once(head).chain(cells).collect();
    let mut widths = [0; 4];
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
