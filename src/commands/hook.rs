//! `whycap hook`: one event from Claude Code. Always exit code 0; prints nothing or one JSON object.

use std::process::ExitCode;
use std::time::Duration;

use super::answer::asked;
use super::host::{Deadline, read_input};
use crate::claude::hook_event::{EventName, HookEvent};
use crate::environment::Environment;
use crate::install::entries;
use crate::machine::{Machine, in_reply};
use crate::places::Places;
use crate::terminal::{Shown, print};

/// A prompt with pasted files can be long; whatever lies beyond is of no interest here.
const STDIN_LIMIT: usize = 16 << 20;

/// How long an event may take, and one that asks: more than the answers themselves take.
const LONGEST: Duration = Duration::from_millis(700);
const LONGEST_ANSWER: Duration = Duration::from_millis(850);

/// Handles the event on standard input.
pub(crate) fn run(environment: Environment) -> ExitCode {
    let event = HookEvent::parse(&read_input(STDIN_LIMIT));
    let mut projects: Vec<_> = event.cwd.iter().cloned().collect();
    projects.extend(environment.path("CLAUDE_PROJECT_DIR"));
    let places = Places::in_session(&environment, &projects);
    // The user's settings run the same hook where the plugin's copy is the second one: it stays silent.
    let name = event.name;
    let name = name.filter(|name| !entries::is_second_run(&places, &environment, *name));
    let Some(name) = name else {
        return ExitCode::SUCCESS;
    };
    let words = event.prompt.as_deref().and_then(asked);
    let deadline = deadline(words.is_some(), name);
    let mut machine = Machine::at_places(places, environment);
    machine.conversation = Some(event);
    let reply = match (name, words) {
        (EventName::StopFailure, _) => machine.on_failure(),
        (EventName::UserPromptSubmit | EventName::UserPromptExpansion, None) => machine.on_prompt(),
        (
            EventName::UserPromptSubmit | EventName::UserPromptExpansion | EventName::CommandRun,
            Some(words),
        ) => Some(in_reply(name, &machine.answer(&words))),
        (EventName::SessionStart, _) => machine.on_start(),
        (EventName::Stop, _) => machine.on_answer(),
        (EventName::SessionEnd, _) => machine.on_end(),
        (EventName::CommandRun, None) => None,
    };
    // A closed pipe means that the client does not wait for an answer.
    let _ = deadline.speak(|| reply.map(|reply| print(&Shown::json(&reply))));
    // After the answer, so that nobody waits for it.
    if matches!(
        name,
        EventName::Stop | EventName::SessionEnd | EventName::SessionStart
    ) {
        machine.catch_up();
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
        Shown::json(&in_reply(name, text))
    })
}
