//! `whycap explain`: what really stopped the work, and what to do about it.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use chrono::TimeDelta;

use super::gathering::paid_now;
use super::question::Question;
use super::windows::{needless, used_up_by};
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::ledger::Ledger;
use crate::limits::explanation;
use crate::limits::incident::Incident;
use crate::limits::standing::Wait;
use crate::limits::stoppages::counted_over;
use crate::locks;
use crate::places::Places;
use crate::render::{Page, Report};
use crate::terminal::Tone;

/// What was asked for.
#[derive(Debug, Default, Args)]
#[command(after_help = include_str!("help/explain.txt"))]
pub struct Arguments {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Only look at this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// The same as --text
    #[arg(value_name = "MESSAGE", conflicts_with_all = ["text", "session"])]
    message: Option<String>,
    /// Explain this message instead of the newest error; - reads it from standard input
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "session",
        allow_hyphen_values = true
    )]
    text: Option<String>,
    /// Tell everything, not only what fits a screen
    #[arg(long)]
    long: bool,
    /// Exit with 0 if nothing blocks, 10 if waiting helps, 11 if somebody must act, 12 if unknown
    #[arg(long)]
    exit_code: bool,
}

/// A message is shorter; more is not read, for it may never end.
const LONGEST_MESSAGE: usize = 256 * 1024;

/// Explains the newest open error, else the newest one, or a text that was given.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let incidents = Incidents::new(&places, environment);
    let pasted = arguments.text.as_ref().or(arguments.message.as_ref());
    let situation = match pasted.map(String::as_str) {
        Some("-") => {
            let text = super::read_beginning(LONGEST_MESSAGE);
            incidents.pasted(&String::from_utf8_lossy(&text)).into()
        }
        Some(text) => incidents.pasted(text).into(),
        None => incidents.situation(arguments.session.as_deref()),
    };
    let incident = situation.incident.as_ref();
    let mut report = Report::new(json!({ "incident": incident.map(Incident::to_json) })).indented();
    let clock = environment.clock();
    let is_about_now = pasted.is_none() && !arguments.json;
    let paid = is_about_now.then(|| paid_now(&incidents, &places, clock));
    let is_paying = paid.as_ref().is_some_and(|paid| !paid.is_empty());
    report.add(paid.unwrap_or_default());
    match incident {
        _ if arguments.json => {}
        Some(incident) if !arguments.long => {
            let page = Page::for_person(environment);
            report.add(explanation::tell(incident, clock, page));
            let blocks = incident.blocks();
            if let Some(says) = blocks.and_then(|_| needless(incident, true, &places, clock)) {
                report.paragraph(Tone::Warning, says);
            }
        }
        Some(incident) => {
            let account = incidents
                .windows_of_account()
                .and_then(|known| known.account);
            let spent = spent(incident, &places, environment).into_iter();
            let by = used_up_by(incident, account.as_deref(), &places, clock);
            let needless = needless(incident, false, &places, clock);
            let says = spent.chain(by.into_iter().flatten()).chain(needless);
            let says: Vec<String> = says.collect();
            report.add(explanation::tell_at_length(incident, clock, &says));
            report.add(harmful_locks(&places, environment));
        }
        None => {
            if !is_paying {
                report.add(nothing_is_known(arguments.session.as_deref()));
            }
            report.add(harmful_locks(&places, environment));
        }
    }
    report.print(arguments.json, environment)?;
    if arguments.exit_code {
        return Ok(ExitCode::from(exit_code(situation.wait())));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether work is blocked, for a script: 0 no, 10 yes and waiting helps, 11 yes and somebody must
/// act, 12 it cannot be told.
fn exit_code(wait: Option<Wait>) -> u8 {
    match wait {
        None => 0,
        Some(Wait::Helps(_)) => 10,
        Some(Wait::InVain) => 11,
        Some(Wait::Unknown) => 12,
    }
}

/// The answer of `/whycap explain`: plain text for a message field.
pub(crate) fn answer(question: Question<'_>) -> Report {
    let mut report = Report::default();
    let environment = question.environment;
    let incidents = question.incidents();
    let of = |session| incidents.situation(session);
    let own = question.session.map(|own| of(Some(own)));
    let own = own.filter(|own| own.incident.is_some());
    let situation = own.unwrap_or_else(|| of(None));
    // That going on costs money comes before what is over.
    let paid = paid_now(&incidents, question.places, environment.clock());
    let is_paying = !paid.is_empty();
    report.add(paid);
    match situation.incident {
        Some(incident) => {
            let met_in = incident.evidence.session.id.as_deref();
            if let (Some(theirs), Some(_)) = (met_in, question.session)
                && met_in != question.session
            {
                let id: String = theirs.chars().take(8).collect();
                let whose = format!("Another session met this ({id}), not this one.");
                report.paragraph(Tone::Quiet, whose);
            }
            let page = question.page();
            report.add(explanation::tell_in_conversation(
                &incident,
                environment.clock(),
                environment.rows(),
                report.rows_on(page),
                question.note.is_some(),
                page,
            ));
        }
        None if is_paying => {}
        None => report.add(nothing_is_known(None)),
    }
    report.add(harmful_locks(question.places, environment));
    report
}

fn nothing_is_known(session: Option<&str>) -> Report {
    let says = match session {
        Some(id) => format!("No limit error is known in session {id}."),
        None => "No limit error is known: Claude Code reported none, and the newest transcripts hold none.".to_owned(),
    };
    let mut report = Report::of_paragraph(says);
    let how = "To ask about a message: whycap explain --text \"You've hit your …\"";
    report.paragraph(Tone::Plain, how);
    report
}

/// Locks that harm, said apart from the limit because they are not its cause. Mostly empty.
fn harmful_locks(places: &Places, environment: &Environment) -> Report {
    let mut report = Report::default();
    for lock in locks::harmful(places, environment) {
        let (says, remedy) = (lock.says, lock.remedy);
        let aside = format!("Besides, and not the cause of any limit: {says} {remedy}");
        report.gap();
        report.paragraph(Tone::Quiet, aside);
    }
    report
}

/// How long an explanation may spend on reading what was spent since the ledger last looked.
const READS: Duration = Duration::from_millis(400);

/// What this machine spent in the period that the limit covers. None where there is no ledger: an
/// explanation needs no installation, and makes none.
fn spent(incident: &Incident, places: &Places, environment: &Environment) -> Option<String> {
    let (since, until) = counted_over(incident, environment.zone)?;
    let mut ledger = Ledger::open_existing(&places.data)?.ok()?;
    let is_current = super::gathering::read_on(&mut ledger, places, READS).is_all();
    let spent = ledger.between(since, until + TimeDelta::minutes(15)).ok()?;
    let clock = environment.clock();
    let bound = if spent.estimated || spent.at_least || !is_current {
        "at least "
    } else {
        ""
    };
    Some(format!(
        "Since {} this machine spent {bound}{} at list price. Other machines, chat and, in an organization, other members use the same limit.",
        clock.time(since),
        spent.total().show()
    ))
}
