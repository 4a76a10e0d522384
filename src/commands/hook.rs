//! `whycap hook`: one event from Claude Code. Always exit code 0; prints nothing or one JSON object.
//!
//! Nothing that is printed here may reach the model: only JSON whose fields the client shows to the
//! user, never plain text and never `additionalContext`.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::answers;
use super::host_guard::Deadline;
use super::machine::Machine;
use super::question::Question;
use crate::budget::prompts::OnPrompt;
use crate::claude::hook_event::{EventName, HookEvent};
use crate::config::Config;
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
pub(crate) fn run(environment: &mut Environment) -> ExitCode {
    let bytes = super::host_input::read(STDIN_LIMIT);
    let event = HookEvent::parse(&bytes);
    let mut projects: Vec<_> = event.cwd.iter().cloned().collect();
    projects.extend(environment.path("CLAUDE_PROJECT_DIR"));
    let places = Places::in_session(environment, &projects);
    let Some(name) = event.name else {
        return ExitCode::SUCCESS;
    };
    if plugin::is_second_run(&places, environment, name) {
        // The user's settings run the same hook; the plugin's copy stays silent.
        return ExitCode::SUCCESS;
    }
    let deadline = deadline(&event, name);
    let config = Config::load(&places);
    config.set_hours(environment);
    let machine = Machine::with(places, config, environment);
    let question = Question {
        machine: &machine,
        words: "",
        note: None,
        event: &event,
    };
    let reply = match name {
        EventName::StopFailure => stop_failure(question),
        EventName::UserPromptSubmit | EventName::UserPromptExpansion => answer(question)
            .or_else(|| within_budget(question))
            .or_else(|| tell(question)),
        EventName::CommandRun => answer_of_module(question),
        EventName::SessionStart => tell(question).or_else(|| greet(question)),
        EventName::Stop => question
            .budgets()
            .and_then(|it| Some(message(&it.after_answer()?))),
        EventName::SessionEnd => None,
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
fn deadline(event: &HookEvent, name: EventName) -> Deadline {
    let asked = event.prompt.as_deref().and_then(answers::asked);
    if asked.is_none() {
        return Deadline::start(LONGEST, || Shown::text(""));
    }
    // Held back in any case: what was meant for whycap is not for the model.
    let is_command = name == EventName::CommandRun;
    Deadline::start(LONGEST_ANSWER, move || {
        let text = "whycap had no time to answer; ask it in another terminal";
        let reply = if is_command {
            json!({ "text": text, "isTextDisplayOnly": true })
        } else {
            held_back(text)
        };
        Shown::json(&reply)
    })
}

/// What Claude Code itself does not say: its notice goes without a word.
const TURNS_CONTINUING_OFF: &str = "Asking here turns Claude Code's automatic continue off. To turn it on again: /rate-limit-options, \"Wait here, then continue automatically\".";

fn message(text: &str) -> Value {
    json!({ "systemMessage": format!("whycap: {}", visible(text)) })
}

/// The client shows the reason and sends nothing to the model.
fn held_back(reason: &str) -> Value {
    json!({ "decision": "block", "reason": visible_lines(reason) })
}

/// Answers `/whycap …` by holding the command back, so it works while a limit holds and costs no
/// token.
fn answer(question: Question<'_>) -> Option<Value> {
    Some(held_back(&reply(true, question)?))
}

/// Answers `/whycap …` for the plugin's module, whose answer this is. The model sees nothing of it.
fn answer_of_module(question: Question<'_>) -> Option<Value> {
    let text = reply(question.event.is_prompt, question)?;
    Some(json!({ "text": visible_lines(&text), "isTextDisplayOnly": true }))
}

/// What is answered, if it is `/whycap` that was typed. A prompt ends Claude Code's own waiting for
/// a reset, held back or not, and no reply of a hook leaves it on (2.1.240 to 2.1.329); a command
/// that is no prompt leaves it alone.
fn reply(is_prompt: bool, question: Question<'_>) -> Option<String> {
    let words = answers::asked(question.event.prompt.as_deref()?)?;
    let turns_off = is_prompt && question.client_waits();
    if let Some(session) = question.session() {
        question.incidents().user_asks(session, turns_off);
    }
    let question = Question {
        note: turns_off.then_some(TURNS_CONTINUING_OFF),
        ..question
    };
    Some(answers::answer(&words, question))
}

/// Holds a prompt back, or warns once, where a budget is used far enough.
fn within_budget(question: Question<'_>) -> Option<Value> {
    Some(match question.budgets()?.on_prompt()? {
        OnPrompt::HoldBack(why) => held_back(&format!("whycap: {why}")),
        OnPrompt::Warn(why) => message(&why),
    })
}

/// Says once, in the conversation of the session that met it, what a limit error really was.
fn tell(question: Question<'_>) -> Option<Value> {
    let incidents = question.incidents();
    let transcript = question.event.transcript_path.as_deref();
    let incident = incidents.untold(question.session()?, transcript)?;
    let headline = &incident.headline;
    // Typed here, /whycap would end Claude Code's own waiting.
    let more = if question.client_waits_for(&incident) {
        "`whycap explain` in another terminal says more"
    } else {
        "/whycap says more"
    };
    Some(message(&format!("{headline} ({more})")))
}

/// At a session's start: a lock that harms, how to turn the status line on.
fn greet(question: Question<'_>) -> Option<Value> {
    let (places, environment) = (&question.machine.places, question.machine.environment);
    let source = question.event.source.as_deref();
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
fn stop_failure(question: Question<'_>) -> Option<Value> {
    let incident = question.incidents().store_from_hook(question.event)?;
    question.machine.config().notify.desktop.then(|| {
        let badge = visible(&incident.badge);
        json!({ "terminalSequence": format!("\u{1b}]9;Claude Code: {badge}\u{7}\u{7}") })
    })
}

/// Reads a little of what other sessions wrote, so that today's figure knows of it, and mends a
/// damaged ledger. Whatever fails here is tried again at the next event.
fn catch_up(machine: &Machine<'_>) {
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
