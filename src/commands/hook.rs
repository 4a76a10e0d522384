//! `whycap hook`: one event from Claude Code. Always exit code 0; prints nothing or one JSON object.
//!
//! Nothing that is printed here may reach the model: only JSON whose fields the client shows to the
//! user, never plain text and never `additionalContext`.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::answers;
use super::question::Question;
use crate::budget::prompts::{Answer, SessionBudgets};
use crate::claude::hook_event::{EventName, HookEvent};
use crate::claude::model_pricing::own_rates;
use crate::config::Config;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::install::wired;
use crate::ledger::{Effort, Ledger, Patience};
use crate::limits::incident::Incident;
use crate::locks;
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::terminal::{print, sanitize};

/// A prompt with pasted files can be long; whatever lies beyond is of no interest here.
const STDIN_LIMIT: usize = 16 << 20;

/// How long an event may spend on reading what other sessions wrote.
const CATCH_UP: Duration = Duration::from_millis(30);

/// Handles the event on standard input.
pub fn run(environment: &Environment) -> ExitCode {
    super::guard_host("");
    let bytes = super::read_stdin(STDIN_LIMIT);
    let event = HookEvent::parse(&bytes);
    let places = Places::of(environment);
    let Some(name) = event.name else {
        return ExitCode::SUCCESS;
    };
    if wired::is_second_run(&places, environment, name) {
        // The user's settings run the same hook; the plugin's copy stays silent.
        return ExitCode::SUCCESS;
    }
    let reply = match name {
        EventName::StopFailure => stop_failure(&event, &places, environment),
        EventName::UserPromptSubmit | EventName::UserPromptExpansion => {
            asked(&event, &places, environment)
                .or_else(|| within_budget(&event, &places, environment))
                .or_else(|| tell(&event, &places, environment))
        }
        EventName::SessionStart => greet(&event, &places, environment),
        EventName::Stop | EventName::SessionEnd => None,
    };
    if let Some(reply) = reply {
        // A closed pipe means that the client does not wait for an answer.
        let _ = print(&format!("{reply}\n"));
    }
    // After the answer, so that nobody waits for it.
    if matches!(
        name,
        EventName::Stop | EventName::SessionEnd | EventName::SessionStart
    ) {
        catch_up(&places, environment);
    }
    ExitCode::SUCCESS
}

/// Answers `/whycap …` by holding the command back: the client shows the reason and sends nothing
/// to the model, so it works while a limit holds and costs no token.
fn asked(event: &HookEvent, places: &Places, environment: &Environment) -> Option<Value> {
    let words = answers::asked(event.prompt.as_deref()?)?;
    if let Some(session) = &event.session_id {
        Incidents::new(places, environment).user_asks(session);
    }
    let question = Question {
        places,
        environment,
        session: event.session_id.as_deref(),
        transcript: event.transcript_path.as_deref(),
    };
    Some(json!({ "decision": "block", "reason": answers::answer(&words, question) }))
}

/// At a session's start: what is still open, a lock that harms, how to turn the status line on.
fn greet(event: &HookEvent, places: &Places, environment: &Environment) -> Option<Value> {
    if let Some(told) = tell(event, places, environment) {
        return Some(told);
    }
    let is_fresh = event
        .source
        .as_deref()
        .is_none_or(|source| source == "startup");
    let lock = locks::harmful(places, environment)
        .into_iter()
        .next()
        .filter(|_| is_fresh);
    let message = match lock {
        Some(lock) => format!("whycap: {} {}", lock.says, lock.remedy),
        None => format!("whycap: {}", wired::status_line_hint(places, environment)?),
    };
    Some(json!({ "systemMessage": message }))
}

/// Reads a little of what other sessions wrote, so that today's figure knows of it. Whatever
/// fails here is tried again at the next event.
fn catch_up(places: &Places, environment: &Environment) {
    let Ok(prices) = PriceTable::with(own_rates(places)) else {
        return;
    };
    let Ok(mut ledger) = Ledger::open(&places.data, Patience::None) else {
        return;
    };
    let _ = ledger.catch_up(
        places.transcript_roots(),
        environment.machine_now,
        &prices,
        Effort::Within(CATCH_UP),
        &mut |_| {},
    );
    ledger.tidy_in_background();
}

/// Says once, in the conversation of the session that met it, what a limit error really was.
fn tell(event: &HookEvent, places: &Places, environment: &Environment) -> Option<Value> {
    let session = event.session_id.as_deref()?;
    let incidents = Incidents::new(places, environment);
    let incident = incidents.untold(session, event.transcript_path.as_deref())?;
    let message = format!("whycap: {} (/whycap says more)", incident.headline);
    Some(json!({ "systemMessage": message }))
}

/// Holds a prompt back, or warns once, where a budget is used far enough.
fn within_budget(event: &HookEvent, places: &Places, environment: &Environment) -> Option<Value> {
    let session = event.session_id.as_deref()?;
    let transcript = event.transcript_path.as_deref();
    let budgets = SessionBudgets::read(places, environment, session, transcript);
    Some(match budgets.on_prompt()? {
        Answer::HeldBack(reason) => json!({ "decision": "block", "reason": reason }),
        Answer::Warned(warning) => json!({ "systemMessage": warning }),
    })
}

/// Stores the error. Then a desktop notification where the terminal has one (OSC 9), and a bell
/// where it has not; client 2.1.328 hands on both in one sequence.
fn stop_failure(event: &HookEvent, places: &Places, environment: &Environment) -> Option<Value> {
    let evidence = Incidents::new(places, environment).store_from_hook(event)?;
    Config::load(places).notify_desktop.then(|| {
        let badge = sanitize(&Incident::of(evidence, environment.clock()).badge);
        json!({ "terminalSequence": format!("\u{1b}]9;Claude Code: {badge}\u{7}\u{7}") })
    })
}
