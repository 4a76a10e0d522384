//! `whycap hook`: one event from Claude Code. Always exit code 0; prints nothing or one JSON object.
//!
//! Nothing that is printed here may reach the model: only JSON whose fields the client shows to the
//! user, never plain text and never `additionalContext`.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::answers;
use super::hook_budget;
use super::question::Question;
use crate::claude::hook_event::{EventName, HookEvent};
use crate::claude::model_pricing::own_rates;
use crate::config::Config;
use crate::environment::Environment;
use crate::incidents::{adopt, gather, lookup, store};
use crate::install::wired;
use crate::ledger::{Effort, Ledger, Patience};
use crate::limits::incident::Incident;
use crate::limits::status_rows::status_rows;
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
                .or_else(|| hook_budget::on_prompt(&event, &places, environment))
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
    // Who asks need not be told.
    if let Some(newest) = event
        .session_id
        .as_deref()
        .and_then(|id| store::newest_of(places, id))
    {
        newest.tell();
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
    let lock = locks::that_matter(places, environment)
        .into_iter()
        .next()
        .filter(|_| is_fresh);
    let message = match lock {
        Some(lock) => format!("whycap: {}", lock.sentences(places)),
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
    let newest = store::newest_of(places, session)?;
    if newest.is_closed() || newest.is_told() {
        return None;
    }
    let transcript = event.transcript_path.as_deref();
    let evidence = lookup::read(places, &newest, transcript, environment.now)?;
    let clock = environment.clock();
    let incident = Incident::of(evidence, clock);
    // Shown rows are what is still of interest: neither answered nor outlived.
    let is_of_interest = status_rows(&incident, environment.now, usize::MAX).is_some()
        && !incident.has_reset(environment.now);
    (is_of_interest && newest.tell()).then(
        || json!({ "systemMessage": format!("whycap: {} (/whycap says more)", incident.headline) }),
    )
}

/// Stores the error at once, then adds what takes longer to find out: the client may end this
/// process any moment. Then a desktop notification where the terminal has one (OSC 9), and a bell
/// where it has not; client 2.1.328 hands on both in one sequence.
fn stop_failure(event: &HookEvent, places: &Places, environment: &Environment) -> Option<Value> {
    let session = event.session_id.as_deref()?;
    let message = event.last_assistant_message.as_deref().unwrap_or_default();
    let mut evidence = gather::at_once(environment, session, message);
    evidence.hook_error.clone_from(&event.error);
    evidence.hook_details.clone_from(&event.error_details);
    let stored = match adopt::just_now(places, session, environment.now) {
        Some(adopted) => adopted.update(&evidence).map(|()| adopted),
        None => store::create(places, session, environment.now, &evidence),
    };
    let tail = event.transcript_path.as_deref().and_then(gather::tail);
    let project = event.cwd.as_deref();
    gather::complete(&mut evidence, places, environment, project, tail.as_ref());
    if let Ok(stored) = stored {
        // What was stored first stands, if this fails.
        let _ = stored.update(&evidence);
    }
    let wants_notice = Config::load(places).notify_desktop;
    wants_notice.then(|| {
        let clock = environment.clock();
        let badge = sanitize(&Incident::of(evidence, clock).badge);
        json!({ "terminalSequence": format!("\u{1b}]9;Claude Code: {badge}\u{7}\u{7}") })
    })
}
