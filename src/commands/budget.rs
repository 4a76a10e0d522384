//! `whycap budget`: how far each budget is used, how fast, and where that leads.

use std::process::ExitCode;

use super::gathering::{answer_of, gathered, gathered_at_once};
use super::question::Question;
use super::windows::worth;
use crate::budget::overview::{SessionAsked, Survey};
use crate::claude::model_pricing::prices;
use crate::claude::sessions::{self, Liveness};
use crate::claude::titles::title_of;
use crate::claude::transcripts;
use crate::config::Config;
use crate::drain::{Write, writes};
use crate::environment::Environment;
use crate::hints;
use crate::incidents::Incidents;
use crate::ledger::{Ledger, RowsBy, SpendSource};
use crate::places::Places;
use crate::pricing::PriceTable;
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

/// What is looked at.
struct Look<'a> {
    places: &'a Places,
    config: &'a Config,
    clock: Clock,
    prices: PriceTable,
    incidents: Incidents<'a>,
}

impl<'a> Look<'a> {
    fn at(places: &'a Places, config: &'a Config, environment: &'a Environment) -> Self {
        Self {
            places,
            config,
            clock: environment.clock(),
            prices: prices(places),
            incidents: Incidents::new(places, environment),
        }
    }

    fn report(
        &self,
        ledger: &Ledger,
        sessions: Vec<SessionAsked>,
        writes: &[Write],
        is_complete: bool,
    ) -> anyhow::Result<Report> {
        let home = self.places.home.to_str().unwrap_or_default();
        let mut survey = Survey::new(self.clock, self.config, home, sessions);
        let origins = survey.needs_origins();
        ledger.rows(None, None, RowsBy::Quarter, origins, &mut |row| {
            survey.add(&row);
        })?;
        let Clock { now, zone, .. } = self.clock;
        let (today, _) = zone.day_bounds(now);
        let served = ledger.answers_since(today)?;
        let hint = hints::best(served, writes, &self.prices, &self.config.hints.off);
        let worth = worth(self.places, ledger, now)?;
        let paid = self.config.budget.credits.and_then(|_| {
            let costs_since = |since| ledger.costs_since(since).ok();
            self.incidents
                .paid_since(zone.month_bounds(now).0, costs_since)
        });
        let overview = survey.finish(is_complete, hint, worth, paid);
        let file = &self.places.settings;
        Ok(overview.report(&file.to_string_lossy(), &self.places.show(file)))
    }
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let config = Config::load(&places);
    let look = Look::at(&places, &config, environment);
    let sessions = if config.budget.session.is_some() {
        running(&places)
    } else {
        Vec::new()
    };
    let (today, _) = look.clock.zone.day_bounds(look.clock.now);
    let today = today.timestamp_millis();
    let files = transcripts::all(places.transcript_roots()).files;
    let writes = writes(files, Some(today), &look.prices, &mut |_, _| {});
    let report = gathered(&places, &look.prices, |ledger, caught| {
        look.report(&ledger, sessions.clone(), &writes, caught.is_all())
    })?;
    report.print(arguments.json, environment)?;
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap budget`: of sessions, the one that asks.
pub(crate) fn answer(question: Question<'_>) -> Report {
    let places = question.places;
    let config = Config::load(places);
    let asks = question.session.map(|id| SessionAsked {
        id: id.to_owned(),
        name: String::new(),
    });
    let look = Look::at(places, &config, question.environment);
    answer_of(gathered_at_once(places, |ledger, caught| {
        look.report(&ledger, asks.into_iter().collect(), &[], caught.is_all())
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
