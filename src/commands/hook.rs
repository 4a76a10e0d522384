//! `whycap hook`: one event from Claude Code. Always exit code 0; prints nothing or one JSON object.
//!
//! Nothing that is printed here may reach the model: only JSON whose fields the client shows to the
//! user, never plain text and never `additionalContext`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::config::Config;
use crate::environment::Environment;
use crate::incidents::{gather, store};
use crate::places::Places;

/// A prompt with pasted files can be long; whatever lies beyond is of no interest here.
const STDIN_LIMIT: usize = 16 << 20;

/// Handles the event on standard input.
pub fn run(environment: &Environment) -> ExitCode {
    super::guard_host("");
    let bytes = super::read_stdin(STDIN_LIMIT);
    let event: Value =
        serde_json::from_str(&String::from_utf8_lossy(&bytes)).unwrap_or(Value::Null);
    let places = Places::of(environment);
    let reply = match event.get("hook_event_name").and_then(Value::as_str) {
        Some("StopFailure") => stop_failure(&event, &places, environment),
        _ => None,
    };
    if let Some(reply) = reply {
        // A closed pipe means that the client does not wait for an answer.
        let _ = super::print(&format!("{reply}\n"));
    }
    ExitCode::SUCCESS
}

fn text<'a>(event: &'a Value, key: &str) -> Option<&'a str> {
    event.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// Stores the error at once, then adds what takes longer to find out: the client may end this
/// process any moment.
fn stop_failure(event: &Value, places: &Places, environment: &Environment) -> Option<Value> {
    let session = text(event, "session_id")?;
    let message = text(event, "last_assistant_message").unwrap_or_default();
    let mut evidence = gather::at_once(environment, session, message);
    evidence.hook_error = text(event, "error").map(str::to_owned);
    evidence.hook_details = text(event, "error_details").map(str::to_owned);
    let stored = store::create(places, session, environment.now, &evidence);
    let tail = text(event, "transcript_path").and_then(|path| gather::tail(Path::new(path)));
    let project = text(event, "cwd").map(Path::new);
    gather::complete(&mut evidence, places, environment, project, tail.as_ref());
    if let Ok(stored) = stored {
        // What was stored first stands, if this fails.
        let _ = stored.update(&evidence);
    }
    let wants_bell = Config::load(places).notify_desktop;
    wants_bell.then(|| json!({ "terminalSequence": "\u{7}" }))
}
