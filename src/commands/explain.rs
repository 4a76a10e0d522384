//! `whycap explain`: what really stopped the work, and what to do about it.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use chrono::TimeDelta;

use super::question::Question;
use crate::claude::account::Account;
use crate::claude::credentials;
use crate::claude::model_pricing::own_rates;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::ledger::{Effort, Ledger, Patience};
use crate::limits::evidence::{Evidence, Seen};
use crate::limits::incident::Incident;
use crate::limits::period::period_of;
use crate::limits::story;
use crate::locks;
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::terminal::{self, Page, Palette, Tone};

/// What was asked for.
#[derive(Debug, Default, Args)]
pub struct Arguments {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Only look at this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Explain this message instead of the newest error
    #[arg(long, value_name = "TEXT", conflicts_with = "session")]
    text: Option<String>,
}

/// Explains the newest open error, else the newest one, or a text that was given.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let incident = match &arguments.text {
        Some(text) => Some(pasted(text, &places, environment)),
        None => Incidents::new(&places, environment).newest(arguments.session.as_deref()),
    };
    if arguments.json {
        let incident = incident.map_or(Value::Null, |incident| incident.to_json());
        crate::terminal::print(&format!("{:#}\n", json!({ "incident": incident })))?;
    } else {
        let width = terminal::width_for_person(environment);
        let palette = Palette::for_person(environment);
        crate::terminal::print(&text(incident.as_ref(), environment, width, palette))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap explain`: plain text for a message field.
pub(crate) fn answer(question: Question<'_>, page: &mut Page) {
    let Question {
        places,
        environment,
        session,
        ..
    } = question;
    let own = session.and_then(|session| Incidents::new(places, environment).newest(Some(session)));
    let incident = own.or_else(|| Incidents::new(places, environment).newest(None));
    let (width, palette) = (page.columns(), page.palette());
    let clock = environment.clock();
    page.add(&match &incident {
        Some(incident) => {
            story::tell_in_short(incident, clock, width, environment.rows())
                + &harmful_locks(environment, width, palette)
        }
        None => text(None, environment, width, palette),
    });
}

fn text(
    incident: Option<&Incident>,
    environment: &Environment,
    width: usize,
    palette: Palette,
) -> String {
    let aside = harmful_locks(environment, width, palette);
    let Some(incident) = incident else {
        return format!(
            "No limit error is known: none was reported by a hook, and the newest transcripts hold none.\nTo ask about a message: whycap explain --text \"You've hit your …\"\n{aside}"
        );
    };
    let clock = environment.clock();
    let spent = spent(incident, environment);
    story::tell(incident, clock, spent.as_deref(), width, palette) + &aside
}

/// Locks that harm, said apart from the limit because they are not its cause. Mostly empty.
fn harmful_locks(environment: &Environment, width: usize, palette: Palette) -> String {
    let places = Places::of(environment);
    let mut text = String::new();
    for lock in locks::harmful(&places, environment) {
        let aside = format!(
            "Besides, and not the cause of any limit: {} {}",
            lock.says, lock.remedy
        );
        text.push('\n');
        for row in terminal::wrap(&terminal::sanitize(&aside), width) {
            text.push_str(&palette.paint(Tone::Quiet, &row));
            text.push('\n');
        }
    }
    text
}

/// How long an explanation may spend on reading what was spent since the ledger last looked.
const READS: Duration = Duration::from_millis(400);

/// What this machine spent in the period that the limit covers. None where there is no ledger: an
/// explanation needs no installation, and makes none.
fn spent(incident: &Incident, environment: &Environment) -> Option<String> {
    let (since, until) = period_of(incident, environment.zone)?;
    let places = Places::of(environment);
    let mut ledger = Ledger::open_existing(&places.data, Patience::None)?;
    let prices = PriceTable::with(own_rates(&places)).ok()?;
    let effort = Effort::Within(READS);
    let roots = places.transcript_roots();
    let caught = ledger.catch_up(roots, environment.machine_now, &prices, effort, &mut |_| {});
    let is_current = caught.is_ok_and(|caught| caught.complete);
    let spent = ledger.between(since, until + TimeDelta::minutes(15)).ok()?;
    let clock = environment.clock();
    let bound = if spent.estimated || !is_current {
        "at least "
    } else {
        ""
    };
    Some(format!(
        "Since {} this machine spent {bound}{} at list price. Other machines, claude.ai and, in an organisation, other members draw on the same limit.",
        clock.time(since),
        spent.total().show()
    ))
}

/// A message that somebody pasted: only what this machine knows at the moment is added.
fn pasted(text: &str, places: &Places, environment: &Environment) -> Incident {
    let evidence = Evidence {
        at: environment.now,
        seen: Seen::Pasted,
        message: text.to_owned(),
        account: Account::load(places),
        credentials: credentials::combine(
            credentials::in_environment(environment),
            &credentials::in_all_settings(places, None),
        ),
        environment_is_clients: environment.variable("CLAUDECODE").is_some(),
        ..Evidence::default()
    };
    let clock = environment.clock();
    Incident::of(evidence, clock)
}
