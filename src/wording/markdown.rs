//! Explains an outlook in Markdown, for the summary of a CI job.

use std::fmt::Write;

use super::{continuation, headline};
use crate::limits::Outlook;
use crate::secrets::redact;
use crate::time::Clock;

/// The maximum number of steps.
const STEPS: usize = 3;

/// Explains an outlook in Markdown. `cost` contains the ID of a session and the cost of the session.
pub(crate) fn in_markdown(
    outlook: Option<&Outlook>,
    cost: Option<&(String, String)>,
    clock: Clock,
) -> String {
    let title = outlook.map_or("No limit has stopped Claude Code.".to_owned(), |outlook| {
        headline(outlook, clock)
    });
    let mut text = format!("### {title}\n");
    if let Some(outlook) = outlook.filter(|outlook| outlook.is_stopped()) {
        if let Some(continuation) = continuation(outlook, clock) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n{continuation}");
        }
        text.push('\n');
        for (index, step) in outlook.steps.iter().take(STEPS).enumerate() {
            let place = match (&step.command, step.url) {
                (Some(command), _) => format!(": {}", code(command)),
                (None, Some(url)) => format!(": <{url}>"),
                (None, None) => String::new(),
            };
            let _ = writeln!(text, "{}. {}{place}", index + 1, step.text(clock));
        }
    }
    if let Some(stop) = outlook.and_then(|outlook| outlook.stop.as_ref()) {
        let time = clock.format_time(stop.at);
        let _ = writeln!(text, "\n{time}: {}", code(&stop.refusal.text));
    }
    if let Some((session, cost)) = cost {
        let _ = writeln!(text, "\nSession {} has cost {cost}.", code(session));
    }
    text
}

/// Quotes a text that another program printed, on one line.
fn code(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("`{}`", redact(&words.join(" ")).replace('`', "'"))
}
