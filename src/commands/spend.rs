//! `whycap spend`: what was spent, by day, session, model and more.

use std::process::ExitCode;
use std::time::Duration;

use chrono::Days;

use super::question::Question;
use crate::claude::model_pricing::own_rates;
use crate::environment::Environment;
use crate::ledger::{Effort, Ledger, Patience};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::spend::{
    GroupBy, Period, Statement, comparison_json, parse_day, write_age_of_prices, write_comparison,
};
use crate::terminal::{Page, ProgressBar, Tone, complain};
use crate::time::Zone;

/// Arguments of `whycap spend`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Group by this
    #[arg(long, value_enum, default_value = "day")]
    by: GroupBy,
    /// First day, as 2026-11-20, or a number of days back as 7d
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Last day, included
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Days begin at midnight here (default: your time zone)
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Show our figure beside Claude Code's own, per session, and what sets them apart
    #[arg(long, conflicts_with = "by")]
    why_different: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let (zone, period) = match arguments.zone_and_period(environment) {
        Ok(asked) => asked,
        Err(problem) => {
            complain(&problem);
            return Ok(ExitCode::from(2));
        }
    };
    let places = Places::of(environment);
    let prices = PriceTable::with(own_rates(&places))?;
    let ledger = caught_up(&places, &prices)?;
    if arguments.why_different {
        let found = ledger.differences(&prices)?;
        let json = arguments.json.then(|| comparison_json(&found).to_string());
        super::show(environment, json, |page| {
            write_comparison(page, &found, &places, environment.now);
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let statement = Statement::of(&ledger, arguments.by, period, zone)?;
    let label = zone.label(environment.text("TZ"), environment.now);
    let json = arguments.json.then(|| statement.json(&label).to_string());
    super::show(environment, json, |page| {
        statement.write(page, places.home.to_str());
        write_age_of_prices(page, &prices, environment.now);
    })?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn zone_and_period(&self, environment: &Environment) -> Result<(Zone, Period), String> {
        let zone = match &self.timezone {
            None => environment.zone,
            Some(name) => Zone::named(name).ok_or_else(|| {
                format!("no time zone is called {name:?}; names look like Europe/Berlin")
            })?,
        };
        let today = zone.day(environment.now);
        let day = |text: &Option<String>| {
            let parse = |text: &String| {
                parse_day(text, today).ok_or_else(|| {
                    format!("{text:?} is not a day; write it as 2026-11-20, today, yesterday or 7d")
                })
            };
            text.as_ref().map(parse).transpose()
        };
        let period = Period {
            since: day(&self.since)?,
            until: day(&self.until)?,
        };
        Ok((zone, period))
    }
}

/// The ledger, up to date with the transcripts; with a progress bar where that takes long.
fn caught_up(places: &Places, prices: &PriceTable) -> anyhow::Result<Ledger> {
    let mut ledger = Ledger::open(&places.data, Patience::Person)?;
    // Before the reading: what is read from now on is priced by this table anyway.
    ledger.reprice(prices)?;
    let mut bar = ProgressBar::new("reading transcripts");
    let caught = ledger.catch_up(
        places.transcript_roots(),
        prices,
        Effort::All,
        &mut |progress| bar.show(progress.done, progress.total),
    )?;
    drop(bar);
    ledger.tidy_in_background();
    if caught.failed > 0 {
        // Said, not fatal: what could be read is right.
        complain(&format!(
            "{} transcripts could not be read; run `whycap doctor` to see which directories are not yours",
            caught.failed
        ));
    }
    Ok(ledger)
}

/// How long an answer inside a conversation may spend on reading transcripts.
const ANSWER_READS: Duration = Duration::from_millis(1500);

/// The answer of `/whycap spend`: the last seven days.
pub(crate) fn answer(question: Question<'_>, page: &mut Page) {
    if let Err(error) = write_last_days(question, page) {
        page.paragraph(
            Tone::Plain,
            &format!("whycap could not read what was spent: {error:#}"),
        );
    }
}

fn write_last_days(question: Question<'_>, page: &mut Page) -> anyhow::Result<()> {
    let places = question.places;
    let zone = question.environment.zone;
    let mut ledger = Ledger::open(&places.data, Patience::None)?;
    let is_current = super::read_on(&mut ledger, places, ANSWER_READS);
    let today = zone.day(question.environment.now);
    let period = Period {
        since: today.checked_sub_days(Days::new(6)),
        until: None,
    };
    Statement::of(&ledger, GroupBy::Day, period, zone)?.write(page, places.home.to_str());
    if !is_current {
        page.line("Not all transcripts are read yet; `whycap spend` in a shell reads them all.");
    }
    Ok(())
}
