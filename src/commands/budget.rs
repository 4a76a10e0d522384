//! `whycap budget`: how far each budget is used, how fast, and where that leads.

use std::process::ExitCode;

use anyhow::Context;

use super::failure::in_one_line;
use super::question::Question;
use crate::budget::overview::{Overview, SessionAsked, Survey};
use crate::claude::model_pricing::own_rates;
use crate::claude::sessions::{self, Liveness};
use crate::claude::titles::title_of;
use crate::claude::transcripts;
use crate::config::Config;
use crate::environment::Environment;
use crate::hints;
use crate::ledger::{Ledger, Patience, RowsBy, SpendSource};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::terminal::{Page, Shown, Tone};
use crate::time::Clock;

/// Arguments of `whycap budget`.
#[derive(Debug, clap::Args)]
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
}

impl<'a> Look<'a> {
    fn at(
        places: &'a Places,
        config: &'a Config,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            places,
            config,
            clock: environment.clock(),
            prices: PriceTable::with(own_rates(places))?,
        })
    }

    fn overview(
        &self,
        ledger: &Ledger,
        sessions: Vec<SessionAsked>,
        is_complete: bool,
    ) -> anyhow::Result<Overview<'a>> {
        let home = self.places.home.to_str().unwrap_or_default();
        let survey = Survey::new(self.clock, self.config, home, sessions);
        let mut survey = survey.context("the calendar ends here")?;
        let origins = survey.needs_origins();
        ledger.rows(None, None, RowsBy::Quarter, origins, &mut |row| {
            survey.add(&row);
        })?;
        let served = ledger.served(self.clock.now - hints::LOOKED_AT)?;
        let hint = hints::best(&served, &self.prices, &self.config.hints_off);
        Ok(survey.finish(is_complete, hint))
    }
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let config = Config::load(&places);
    let look = Look::at(&places, &config, environment)?;
    let sessions = if config.budget.session.is_some() {
        running(&places)
    } else {
        Vec::new()
    };
    let overview = super::gathering::gathered(&places, &look.prices, |ledger, caught| {
        look.overview(&ledger, sessions.clone(), caught.is_all())
    })?;
    let file = places.show(&places.settings);
    let json = arguments
        .json
        .then(|| Shown::json(&overview.json(&places.settings.to_string_lossy())));
    super::show(environment, json, |page| overview.write(&file, page))?;
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap budget`: of sessions, the one that asks.
pub(crate) fn answer(question: Question<'_>, page: &mut Page) {
    let places = question.places;
    let config = Config::load(places);
    let asks = question.session.map(|id| SessionAsked {
        id: id.to_owned(),
        name: String::new(),
    });
    let look = || {
        let look = Look::at(places, &config, question.environment)?;
        let mut ledger = Ledger::open(&places.data, Patience::None)?;
        let caught = super::read_on(&mut ledger, places, super::ANSWER_READS);
        look.overview(&ledger, asks.into_iter().collect(), caught.is_all())
    };
    match look() {
        Ok(overview) => overview.write(&places.show(&places.settings), page),
        Err(error) => page.paragraph(
            Tone::Plain,
            &format!(
                "whycap could not read what was spent: {}",
                in_one_line(&error)
            ),
        ),
    }
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
