//! `whycap explain`: what really stopped the work, and what to do about it.

use std::io::{self, Read};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::{Machine, Reply, Verb};
use crate::incidents::{Incidents, Situation};
use crate::ledger::Ledger;
use crate::limits::explanation;
use crate::limits::incident::Incident;
use crate::limits::standing::Wait;
use crate::limits::stoppages::counted_over;
use crate::locks;
use crate::render::Report;
use crate::terminal::Tone;

/// What was asked for.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/explain.txt"))]
pub(crate) struct ExplainArguments {
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
    /// Show everything, not only what fits on a screen
    #[arg(long)]
    long: bool,
    /// Exit with 0 if nothing blocks, 10 if waiting helps, 11 if somebody must act, 12 if unknown
    #[arg(long)]
    exit_code: bool,
}

/// A message is shorter; more is not read, for it may never end.
const LONGEST_MESSAGE: u64 = 256 * 1024;

/// How long an explanation may spend on reading what was spent since the ledger last looked.
const READS: Duration = Duration::from_millis(400);

impl Verb for ExplainArguments {
    /// The newest open error, else the newest one, or a text that was given.
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let incidents = machine.incidents();
        let pasted = self.text.as_deref().or(self.message.as_deref());
        let situation = match pasted {
            Some("-") => {
                let mut text = Vec::new();
                // An error gives what was read so far.
                let mut input = io::stdin().lock().take(LONGEST_MESSAGE);
                let _ = input.read_to_end(&mut text);
                incidents.pasted(&String::from_utf8_lossy(&text)).into()
            }
            Some(text) => incidents.pasted(text).into(),
            None => self.situation(&incidents, machine),
        };
        let incident = situation.incident.as_ref();
        let facts = json!({ "incident": incident.map(Incident::to_json) });
        let mut report = Report::new(facts).indented();
        if !self.json {
            if pasted.is_none() {
                // That going on costs money comes before what is over.
                report.add(machine.paid_now(&incidents));
            }
            self.tell(incident, &incidents, machine, &mut report);
        }
        let code = self.exit_code.then(|| exit_code(situation.wait()));
        let reply = Reply::from(report).in_json(self.json);
        Ok(reply.with_code(code.unwrap_or_default()))
    }
}

impl ExplainArguments {
    /// In a conversation, what its own session met comes first.
    fn situation(&self, incidents: &Incidents<'_>, machine: &Machine) -> Situation {
        let own = machine.session().map(|own| incidents.situation(Some(own)));
        let own = own.filter(|own| own.incident.is_some());
        own.unwrap_or_else(|| incidents.situation(self.session.as_deref()))
    }

    /// For people.
    fn tell(
        &self,
        incident: Option<&Incident>,
        incidents: &Incidents<'_>,
        machine: &Machine,
        report: &mut Report,
    ) {
        let (clock, page) = (machine.clock(), machine.page());
        match incident {
            None if report.is_empty() => report.add(nothing_is_known(self.session.as_deref())),
            None => {}
            Some(incident) if machine.conversation.is_some() => {
                report.paragraphs(Tone::Quiet, whose(incident, machine.session()));
                report.add(explanation::tell_in_conversation(
                    incident,
                    clock,
                    machine.environment.rows(),
                    report.rows_on(page),
                    machine.ends_waiting(),
                    page,
                ));
            }
            Some(incident) if self.long => {
                let known = incidents.windows_of_account();
                let account = known.and_then(|known| known.account);
                let by = machine.used_up_by(incident, account.as_deref());
                let says = spent(incident, machine).into_iter().chain(by);
                let says = says.chain(machine.needless(incident, false));
                let says: Vec<String> = says.collect();
                report.add(explanation::tell_at_length(incident, clock, &says));
            }
            Some(incident) => {
                report.add(explanation::tell(incident, clock, page));
                let blocks = incident.blocks();
                let needless = blocks.and_then(|_| machine.needless(incident, true));
                return report.paragraphs(Tone::Warning, needless);
            }
        }
        report.add(harmful_locks(machine));
    }
}

/// Whether work is blocked, for a script: 0 no, 10 yes and waiting helps, 11 yes and somebody must
/// act, 12 it cannot be told.
pub(super) fn exit_code(wait: Option<Wait>) -> u8 {
    match wait {
        None => 0,
        Some(Wait::Helps(_)) => 10,
        Some(Wait::InVain) => 11,
        Some(Wait::Unknown) => 12,
    }
}

/// That it was another session than the one that asks.
fn whose(incident: &Incident, asks: Option<&str>) -> Option<String> {
    let met_in = incident.evidence.session.id.as_deref();
    let theirs = met_in.filter(|_| met_in != asks && asks.is_some())?;
    let whose = format!("Another session met this ({theirs:.8}), not this one.");
    Some(whose)
}

fn nothing_is_known(session: Option<&str>) -> Report {
    let mut report = Report::from_paragraph(match session {
        Some(id) => format!("No limit error is known in session {id}."),
        None => "No limit error is known: Claude Code reported none, and the newest transcripts hold none.".to_owned(),
    });
    let how = "To ask about a message: whycap explain --text \"You've hit your …\"";
    report.paragraph(Tone::Plain, how);
    report
}

/// Locks that harm, said apart from the limit because they are not its cause. Mostly empty.
fn harmful_locks(machine: &Machine) -> Report {
    let mut report = Report::default();
    for lock in locks::harmful(&machine.places, &machine.environment) {
        let (says, remedy) = (lock.says, lock.remedy);
        let aside = format!("Besides, and not the cause of any limit: {says} {remedy}");
        report.gap();
        report.paragraph(Tone::Quiet, aside);
    }
    report
}

/// What this machine spent in the period that the limit covers. None where there is no ledger: an
/// explanation needs no installation, and makes none.
fn spent(incident: &Incident, machine: &Machine) -> Option<String> {
    let clock = machine.clock();
    let (since, until) = counted_over(incident, clock.zone)?;
    let mut ledger = Ledger::open_existing(&machine.places.data)?.ok()?;
    let is_current = machine.read_on(&mut ledger, READS).is_all();
    let spent = ledger.between(since, until + TimeDelta::minutes(15)).ok()?;
    let is_lower_bound = spent.estimated || spent.at_least || !is_current;
    let bound = if is_lower_bound { "at least " } else { "" };
    Some(format!(
        "Since {} this machine spent {bound}{} at list price. Other machines, chat and, in an organization, other members use the same limit.",
        clock.time(since),
        spent.total().show()
    ))
}
