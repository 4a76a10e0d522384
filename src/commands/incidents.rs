//! `whycap incidents`: the limit errors of the past.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::question::Question;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::limits::incident::Incident;
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
    let json = arguments.json.then(|| {
        let list: Vec<Value> = incidents.iter().map(Incident::to_json).collect();
        Shown::indented_json(&json!({ "incidents": list }))
    });
    let clock = environment.clock();
    super::show(environment, json, |page| list(&incidents, clock, page))?;
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap incidents`.
pub(crate) fn answer(question: Question<'_>, page: &mut Page) {
    /// A conversation is no place for a long table.
    const MOST: usize = 20;
    let mut incidents = question.incidents().all(None);
    incidents.truncate(MOST);
    list(&incidents, question.environment.clock(), page);
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
