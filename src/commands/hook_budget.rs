//! What a budget has to say when a prompt is sent.

use std::path::Path;

use serde_json::{Value, json};

use super::question::Question;
use crate::budget::{self, Spent, Standing, said};
use crate::claude::hook_event::HookEvent;
use crate::config::{Budget, Config};
use crate::environment::Environment;
use crate::ledger::Live;
use crate::places::Places;
use crate::terminal::{Page, Tone};

/// Holds the prompt back, or warns once; None without budgets or with nothing new to say.
pub(super) fn on_prompt(
    event: &HookEvent,
    places: &Places,
    environment: &Environment,
) -> Option<Value> {
    let budget = Config::load(places).budget;
    if !budget::is_set(&budget) {
        return None;
    }
    let session = event.session_id.as_deref()?;
    let transcript = event.transcript_path.as_deref();
    for standing in standings(&budget, places, environment, session, transcript) {
        let goes_on = said::has(places, &standing, said::Once::GoesOn);
        if standing.is_used_up() && budget::stops(&budget) && !goes_on {
            return Some(json!({ "decision": "block", "reason": standing.held_back() }));
        }
        let once = if standing.is_used_up() {
            said::Once::UsedUp
        } else {
            said::Once::Warned
        };
        if !goes_on && said::note(places, &standing, once) {
            return Some(json!({ "systemMessage": format!("whycap: {}", standing.sentence()) }));
        }
    }
    None
}

fn standings(
    budget: &Budget,
    places: &Places,
    environment: &Environment,
    session: &str,
    transcript: Option<&Path>,
) -> Vec<Standing> {
    let figures = Live::read(places, session, transcript)
        .and_then(|live| live.figures(environment, None, budget.month.is_some()));
    let Some(known) = figures else {
        return Vec::new();
    };
    let spent = Spent {
        session: Some(known.session.total()),
        day: Some(known.today.total()),
        month: Some(known.month.total()),
    };
    budget::standings(budget, spent, session, environment.now, environment.zone)
}

/// The answer of `/whycap continue`: prompts go on although a budget is used up.
pub(super) fn go_on(question: Question<'_>, page: &mut Page) {
    page.paragraph(Tone::Plain, &lift(question));
}

fn lift(question: Question<'_>) -> String {
    let Question {
        places,
        environment,
        session,
        transcript,
    } = question;
    let budget = Config::load(places).budget;
    let Some(session) = session else {
        return "Say it inside a session.".to_owned();
    };
    let mut lifted = Vec::new();
    for standing in standings(&budget, places, environment, session, transcript) {
        if standing.is_used_up() {
            said::note(places, &standing, said::Once::GoesOn);
            lifted.push(standing.sentence());
        }
    }
    if lifted.is_empty() {
        "No budget holds prompts back.".to_owned()
    } else {
        format!(
            "{} Prompts go on. Nothing more is said about it in this period.",
            lifted.join(" ")
        )
    }
}
