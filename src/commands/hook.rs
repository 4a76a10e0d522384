//! `whycap hook`: one event from Claude Code. Always exit code 0; prints nothing or one JSON object.
//!
//! Nothing that is printed here may reach the model: only JSON whose fields the client shows to the
//! user, never plain text and never `additionalContext`.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::conversation::{Conversation, asked};
use super::host_guard::Deadline;
use super::machine::Machine;
use crate::budget::prompts::OnPrompt;
use crate::claude::hook_event::{EventName, HookEvent};
use crate::environment::Environment;
use crate::install::{line, plugin};
use crate::ledger::{self, Effort, Ledger, Patience};
use crate::locks;
use crate::places::Places;
use crate::terminal::{Shown, print, visible, visible_lines};

/// A prompt with pasted files can be long; whatever lies beyond is of no interest here.
const STDIN_LIMIT: usize = 16 << 20;

/// How long an event may take, and one that asks: more than the answers themselves take.
const LONGEST: Duration = Duration::from_millis(700);
const LONGEST_ANSWER: Duration = Duration::from_millis(850);

/// How long an event may spend on reading what other sessions wrote.
const CATCH_UP: Duration = Duration::from_millis(30);

/// Handles the event on standard input.
pub(crate) fn run(environment: Environment) -> ExitCode {
    let bytes = super::host_input::read(STDIN_LIMIT);
    let event = HookEvent::parse(&bytes);
    let mut projects: Vec<_> = event.cwd.iter().cloned().collect();
    projects.extend(environment.path("CLAUDE_PROJECT_DIR"));
    let places = Places::in_session(&environment, &projects);
    let Some(name) = event.name else {
        return ExitCode::SUCCESS;
    };
    if plugin::is_second_run(&places, &environment, name) {
        // The user's settings run the same hook; the plugin's copy stays silent.
        return ExitCode::SUCCESS;
    }
    let words = event.prompt.as_deref().and_then(asked);
    let deadline = deadline(words.is_some(), name);
    let mut machine = Machine::at_places(places, environment);
    let is_prompt = name != EventName::CommandRun || event.is_prompt;
    machine.conversation = Some(Conversation {
        event,
        ends_waiting: false,
    });
    let reply = match (name, words) {
        (EventName::StopFailure, _) => stop_failure(&machine),
        (EventName::UserPromptSubmit | EventName::UserPromptExpansion, None) => {
            within_budget(&machine).or_else(|| tell(&machine))
        }
        (EventName::UserPromptSubmit | EventName::UserPromptExpansion, Some(words)) => {
            Some(held_back(&answer(&words, is_prompt, &mut machine)))
        }
        (EventName::CommandRun, words) => {
            words.map(|words| text_for_module(&answer(&words, is_prompt, &mut machine)))
        }
        (EventName::SessionStart, _) => tell(&machine).or_else(|| greet(&machine)),
        (EventName::Stop, _) => machine
            .budgets()
            .and_then(|it| Some(message(&it.after_answer()?))),
        (EventName::SessionEnd, _) => None,
    };
    deadline.speak();
    if let Some(reply) = reply {
        // A closed pipe means that the client does not wait for an answer.
        let _ = print(&Shown::json(&reply));
    }
    deadline.done();
    // After the answer, so that nobody waits for it.
    if matches!(
        name,
        EventName::Stop | EventName::SessionEnd | EventName::SessionStart
    ) {
        catch_up(&machine);
    }
    ExitCode::SUCCESS
}

/// Stands over everything: `SQLite` may try for ten seconds.
fn deadline(is_question: bool, name: EventName) -> Deadline {
    if !is_question {
        return Deadline::start(LONGEST, || Shown::text(""));
    }
    // Held back in any case: what was meant for whycap is not for the model.
    Deadline::start(LONGEST_ANSWER, move || {
        let text = "whycap had no time to answer; ask it in another terminal";
        Shown::json(&match name {
            EventName::CommandRun => text_for_module(text),
            _ => held_back(text),
        })
    })
}

fn message(text: &str) -> Value {
    let says = visible(text);
    // "whycap does not know this message" names it already.
    let says = says.strip_prefix("whycap ").unwrap_or(&says);
    json!({ "systemMessage": format!("whycap: {says}") })
}

/// The client shows the reason and sends nothing to the model: so `/whycap …` works while a limit
/// holds, and costs no token.
fn held_back(reason: &str) -> Value {
    json!({ "decision": "block", "reason": visible_lines(reason) })
}

/// The plugin's module shows this as its answer. The model sees nothing of it.
fn text_for_module(text: &str) -> Value {
    json!({ "text": visible_lines(text), "isTextDisplayOnly": true })
}

/// Answers `/whycap …`. A prompt ends Claude Code's own waiting for a reset, held back or not, and
/// no reply of a hook leaves it on (2.1.240 to 2.1.329); a command that is no prompt leaves it alone.
fn answer(words: &str, is_prompt: bool, machine: &mut Machine) -> String {
    let session = machine.session().map(str::to_owned);
    if let Some(session) = session {
        let incidents = machine.incidents();
        let incident = is_prompt.then(|| incidents.situation(Some(&session)).incident);
        let incident = incident.flatten();
        let ends = incident.is_some_and(|incident| machine.client_waits_for(&incident));
        incidents.user_asks(&session, ends);
        if let Some(conversation) = &mut machine.conversation {
            conversation.ends_waiting = ends;
        }
    }
    machine.answer(words)
}

/// Holds a prompt back, or warns once, where a budget is used far enough.
fn within_budget(machine: &Machine) -> Option<Value> {
    Some(match machine.budgets()?.on_prompt()? {
        OnPrompt::HoldBack(why) => held_back(&format!("whycap: {why}")),
        OnPrompt::Warn(why) => message(&why),
    })
}

/// Says once, in the conversation of the session that met it, what a limit error really was.
fn tell(machine: &Machine) -> Option<Value> {
    let event = machine.event()?;
    let (session, transcript) = (
        event.session_id.as_deref()?,
        event.transcript_path.as_deref(),
    );
    let incident = machine.incidents().untold(session, transcript)?;
    let headline = &incident.headline;
    // Typed here, /whycap would end Claude Code's own waiting.
    let more = if machine.client_waits_for(&incident) {
        "`whycap explain` in another terminal says more"
    } else {
        "/whycap says more"
    };
    Some(message(&format!("{headline} ({more})")))
}

/// At a session's start: a lock that harms, how to turn the status line on.
fn greet(machine: &Machine) -> Option<Value> {
    let (places, environment) = (&machine.places, &machine.environment);
    let source = machine.event()?.source.as_deref();
    let is_fresh = source.is_none_or(|source| source == "startup");
    let locks = is_fresh.then(|| locks::harmful(places, environment));
    line::renew_copy(environment);
    let text = match locks.into_iter().flatten().next() {
        Some(lock) => format!("{} {}", lock.says, lock.remedy),
        None => plugin::status_line_hint(places, environment)?,
    };
    Some(message(&text))
}

/// Stores the error. Then a desktop notification where the terminal has one (OSC 9), and a bell
/// where it has not; client 2.1.328 hands on both in one sequence.
fn stop_failure(machine: &Machine) -> Option<Value> {
    let event = machine.event()?;
    let incident = machine.incidents().store_from_hook(event)?;
    machine.config.notify.desktop.then(|| {
        let badge = visible(&incident.badge);
        json!({ "terminalSequence": format!("\u{1b}]9;Claude Code: {badge}\u{7}\u{7}") })
    })
}

/// Reads a little of what other sessions wrote, so that today's figure knows of it, and mends a
/// damaged ledger. Whatever fails here is tried again at the next event.
fn catch_up(machine: &Machine) {
    let places = &machine.places;
    let read_on = || {
        let mut ledger = Ledger::open(&places.data, Patience::None)?;
        let (roots, prices) = (places.transcript_roots(), machine.prices());
        ledger.catch_up(roots, prices, Effort::Within(CATCH_UP), &mut |_| {})?;
        ledger.check_sums(prices)?;
        ledger.tidy_in_background();
        Ok(())
    };
    if let Err(error) = read_on() {
        let _: Result<(), ledger::LedgerError> =
            Ledger::mend(places, Patience::None, machine.prices(), &error, false);
    }
}
