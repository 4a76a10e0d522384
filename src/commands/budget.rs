//! `whycap budget`: how far each budget is used, how fast, and where that leads.

use std::process::ExitCode;
use std::time::Duration;

use super::question::Question;
use crate::budget::overview::{Overview, SessionAsked, Survey};
use crate::claude::model_pricing::own_rates;
use crate::claude::sessions::{self, Liveness};
use crate::claude::titles::title_of;
use crate::claude::transcripts;
use crate::config::Config;
use crate::environment::Environment;
use crate::ledger::{Ledger, Patience, RowsBy};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::terminal::{Page, Shown, Tone};

/// Arguments of `whycap budget`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How long an answer inside a conversation may spend on reading transcripts.
const ANSWER_READS: Duration = Duration::from_millis(1200);

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let config = Config::load(&places);
    let prices = PriceTable::with(own_rates(&places))?;
    let sessions = if config.budget.session.is_some() {
        running(&places)
    } else {
        Vec::new()
    };
    let overview = super::spend::gathered(&places, &prices, |ledger, caught| {
        let sessions = sessions.clone();
        overview(
            &ledger,
            &places,
            environment,
            &config,
            sessions,
            caught.is_all(),
        )
    })?;
    let json = arguments
        .json
        .then(|| Shown::json(&overview.json(&places.settings.to_string_lossy())));
    let file = places.show(&places.settings);
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
        let mut ledger = Ledger::open(&places.data, Patience::None)?;
        let caught = super::read_on(&mut ledger, places, ANSWER_READS);
        let asks = asks.into_iter().collect();
        overview(
            &ledger,
            places,
            question.environment,
            &config,
            asks,
            caught.is_all(),
        )
    };
    match look() {
        Ok(overview) => overview.write(&places.show(&places.settings), page),
        Err(error) => page.paragraph(
            Tone::Plain,
            &format!(
                "whycap could not read what was spent: {}",
                super::failure::in_one_line(&error)
            ),
        ),
    }
}

fn overview<'c>(
    ledger: &Ledger,
    places: &'c Places,
    environment: &Environment,
    config: &'c Config,
    sessions: Vec<SessionAsked>,
    is_complete: bool,
) -> anyhow::Result<Overview<'c>> {
    let home = places.home.to_str().unwrap_or_default();
    let survey = Survey::new(environment.clock(), config, home, sessions);
    let mut survey = survey.ok_or_else(|| anyhow::anyhow!("the calendar ends here"))?;
    let origins = survey.needs_origins();
    ledger.rows(None, None, RowsBy::Quarter, origins, &mut |row| {
        survey.add(&row);
    })?;
    Ok(survey.finish(is_complete))
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
