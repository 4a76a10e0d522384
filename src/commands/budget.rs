//! `whycap budget`: how far each budget is used, how fast, and where that leads.

use std::process::ExitCode;

use super::machine::{Machine, answer_of};
use super::question::Question;
use crate::budget::overview::{SessionAsked, Survey};
use crate::claude::sessions::{self, Liveness};
use crate::claude::titles::title_of;
use crate::claude::transcripts;
use crate::drain::Write;
use crate::environment::Environment;
use crate::hints;
use crate::ledger::{EVER, Ledger, SpendSource};
use crate::places::Places;
use crate::render::Report;
use crate::time::Clock;

/// Arguments of `whycap budget`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/budget.txt"))]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the ledger says of the budgets.
fn report(
    machine: &Machine<'_>,
    ledger: &Ledger,
    sessions: Vec<SessionAsked>,
    writes: &[Write],
    is_complete: bool,
) -> anyhow::Result<Report> {
    let config = machine.config();
    let Clock { now, zone, .. } = machine.clock();
    let home = machine.places.home.to_str().unwrap_or_default();
    let mut survey = Survey::new(machine.clock(), config, home, sessions);
    ledger.rows(EVER, survey.rows_by(), &mut |row| survey.add(&row))?;
    let (today, _) = zone.day_bounds(now);
    let served = ledger.answers_since(today)?;
    let hint = hints::best(served, writes, machine.prices(), &config.hints.off);
    let worth = machine.worth(ledger)?.with_prompts(writes);
    let paid = config.budget.credits.and_then(|_| {
        let costs_since = |since| ledger.costs_since(since).ok();
        let (month, _) = zone.month_bounds(now);
        machine.incidents().paid_since(month, costs_since)
    });
    let overview = survey.finish(is_complete, hint, worth, paid);
    let file = &machine.places.settings;
    Ok(overview.report(&file.to_string_lossy(), &machine.places.show(file)))
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let machine = Machine::new(environment);
    let sessions = match machine.config().budget.session {
        Some(_) => running(&machine.places),
        None => Vec::new(),
    };
    let (today, _) = environment.zone.day_bounds(environment.now);
    let writes = machine.writes(Some(today.timestamp_millis()), None);
    let report = machine.gathered(|ledger, caught| {
        let sessions = sessions.clone();
        report(&machine, &ledger, sessions, &writes, caught.is_all())
    })?;
    report.print(arguments.json, environment)?;
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap budget`: of sessions, the one that asks.
pub(crate) fn answer(question: Question<'_>) -> Report {
    let machine = question.machine;
    let asks = question.session().map(|id| SessionAsked {
        id: id.to_owned(),
        name: String::new(),
    });
    answer_of(machine.gathered_at_once(|ledger, caught| {
        let asks = asks.into_iter().collect();
        report(machine, &ledger, asks, &[], caught.is_all())
    }))
}

/// The sessions that run.
fn running(places: &Places) -> Vec<SessionAsked> {
    let registered = sessions::registered(places).into_iter();
    let live = registered.filter(|session| session.liveness == Liveness::Holds);
    live.filter_map(|session| session.doing.session)
        .map(|id| {
            let transcript = transcripts::of_session(places.transcript_roots(), &id);
            let title = transcript.and_then(|transcript| title_of(&transcript));
            SessionAsked {
                name: title.unwrap_or_else(|| id.chars().take(8).collect()),
                id,
            }
        })
        .collect()
}
