//! `whycap incidents`: the limit errors of the past.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::question::Question;
use crate::environment::Environment;
use crate::incidents::lookup;
use crate::limits::incident::Incident;
use crate::places::Places;
use crate::terminal::{self, Palette, Tone};

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
    let incidents = lookup::all(&places, environment, arguments.session.as_deref());
    if arguments.json {
        let list: Vec<Value> = incidents.iter().map(Incident::to_json).collect();
        crate::terminal::print(&format!("{:#}\n", json!({ "incidents": list })))?;
    } else {
        let width = terminal::width_for_person(environment);
        let palette = Palette::for_person(environment);
        crate::terminal::print(&list(&incidents, environment, width, palette))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap incidents`.
pub(crate) fn answer(question: Question<'_>) -> String {
    /// A conversation is no place for a long table.
    const MOST: usize = 20;
    let mut incidents = lookup::all(question.places, question.environment, None);
    incidents.truncate(MOST);
    list(&incidents, question.environment, 90, Palette::none())
}

fn list(
    incidents: &[Incident],
    environment: &Environment,
    width: usize,
    palette: Palette,
) -> String {
    if incidents.is_empty() {
        return "No limit errors are known.\n".to_owned();
    }
    let clock = environment.clock();
    let mut text = String::new();
    for incident in incidents {
        let state = if incident.is_open() { "open" } else { "over" };
        let head = format!(
            "{}  {}  {} ({state})",
            clock.time(incident.evidence.at),
            incident.finding.limit.name(),
            incident.finding.verdict.name()
        );
        let _ = writeln!(text, "{}", palette.paint(Tone::Strong, &head));
        for line in terminal::wrap(&incident.headline, width.saturating_sub(2)) {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(
            text,
            "  {}",
            palette.paint(
                Tone::Quiet,
                &terminal::cut(&incident.message(), width.saturating_sub(2))
            )
        );
    }
    text
}
