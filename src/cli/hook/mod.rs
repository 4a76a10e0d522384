//! `whycap hook`: handles an event from Claude Code. It prints nothing or a single JSON object, and always exits with
//! 0.

mod answer;
mod replies;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::claude::hook_event::{EventName, HookEvent};
use crate::collect::Context;
use crate::environment::{Environment, Paths};
use crate::install::plugin;
use crate::terminal::host::{Deadline, InputLimits, read_input};
use crate::terminal::{Shown, print};
use crate::witness::{self, Caller};
use answer::question_in;
use replies::in_reply;

/// The limits for reading an event. Prompts can be long if they contain pasted files.
///
/// Claude Code waits for hooks, for example before it sends a prompt. At the end of a session, it cancels them after a
/// second. Reading and handling an event must not take longer than that in total.
const INPUT_LIMITS: InputLimits = InputLimits {
    size: 16 << 20,
    first_byte: Duration::from_millis(300),
    total: Duration::from_millis(300),
};

/// The time limit for handling an event.
const EVENT_DEADLINE: Duration = Duration::from_millis(700);
/// The time limit for answering `/whycap`.
const ANSWER_DEADLINE: Duration = Duration::from_millis(850);

/// Handles the event on standard input.
pub(crate) fn run(environment: Environment) -> ExitCode {
    let event = HookEvent::parse(&read_input(INPUT_LIMITS));
    let Some(name) = event.name else {
        return ExitCode::SUCCESS;
    };
    let question = event.prompt.as_deref().and_then(question_in);
    // Start the deadline now, because the next steps read files and can hang if the home directory is on a network file
    // system.
    let deadline = start_deadline(question.is_some(), name);
    let mut projects: Vec<_> = event.cwd.iter().cloned().collect();
    projects.extend(environment.path("CLAUDE_PROJECT_DIR"));
    let paths = Paths::in_session(&environment, &projects);
    // If the user's settings contain the same hook, the plugin's hook does nothing.
    if plugin::is_second_run(&paths, &environment, name) {
        return ExitCode::SUCCESS;
    }
    let caller = Caller {
        paths: &paths,
        environment: &environment,
        session: event.session_id.as_deref(),
        project: projects.last().map(PathBuf::as_path),
    };
    let reported = witness::record_hook(&caller, &event);
    let mut context = Context::with_paths(paths, environment);
    context.reported = reported;
    context.event = Some(event);
    let reply = match (name, question) {
        (EventName::StopFailure, _) => context.on_failure(),
        (EventName::UserPromptSubmit | EventName::UserPromptExpansion, None) => context.on_prompt(),
        (
            EventName::UserPromptSubmit | EventName::UserPromptExpansion | EventName::CommandRun,
            Some(words),
        ) => Some(in_reply(name, &context.answer(&words))),
        (EventName::SessionStart, _) => context.on_start(),
        (EventName::Stop, _) => context.on_response(),
        (EventName::PreModelSwitch | EventName::PostModelSwitch, _) => context.on_model_switch(),
        (EventName::SessionEnd, _) | (EventName::CommandRun, None) => None,
    };
    // A broken pipe means that Claude Code is no longer waiting for a reply.
    let _ = deadline.print_in_time(|| reply.map(|reply| print(&Shown::json(&reply))));
    if matches!(
        name,
        EventName::Stop | EventName::SessionEnd | EventName::SessionStart
    ) {
        // Update the ledger only now so that it does not delay the reply.
        context.catch_up();
    }
    ExitCode::SUCCESS
}

/// Starts the time limit for the reply. SQLite could otherwise block for ten seconds.
fn start_deadline(is_question: bool, name: EventName) -> Deadline {
    if !is_question {
        return Deadline::start(EVENT_DEADLINE, || Shown::text(""));
    }
    // Block the question even if there is no time to answer it. Otherwise, the model would see it.
    Deadline::start(ANSWER_DEADLINE, move || {
        let text = "whycap did not finish in time; run `whycap explain` in another terminal";
        Shown::json(&in_reply(name, text))
    })
}
