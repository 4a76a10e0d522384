//! The replies to hook events.
//!
//! The model must never see a reply. A reply is therefore a JSON object with fields that Claude Code shows only to the
//! user. It is never plain text and never contains `additionalContext`.

use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::budget::OnPrompt;
use crate::claude::hook_event::EventName;
use crate::claude::transcripts;
use crate::collect::Context;
use crate::install::{line, plugin};
use crate::ledger::{EventKind, Ledger, ProcessId, ReadTime, ReportedEvent, WaitLimit};
use crate::limits::wording;
use crate::limits::{Event, Fact, Source};
use crate::locks;
use crate::pricing::model_title;
use crate::terminal::{escape, escape_lines};

/// The maximum time for a hook to read the transcripts of its own session.
const READS_OF_EVENT: Duration = Duration::from_millis(200);

/// The maximum time for a hook to read the transcripts of other sessions.
const CATCH_UP: ReadTime = ReadTime::Within(Duration::from_millis(30));

/// How long a hook keeps checking a project for new transcripts after a session starts in it.
const RECENT_CHANGE_PERIOD: TimeDelta = TimeDelta::days(1);

/// The minimum cost, in dollars, at which the loss of a prompt cache is worth a message.
const WORTH_SAYING_USD: f64 = 1.0;

impl Context {
    /// Replies to a prompt. Blocks it if a budget is used up, warns once if a budget is nearly used up, and otherwise
    /// announces the error that stopped the session.
    pub(crate) fn on_prompt(&self) -> Option<Value> {
        let budgets = if self.event()?.is_from_agent() {
            None
        } else {
            self.budgets()
        };
        match budgets.and_then(|budgets| budgets.on_prompt()) {
            Some(OnPrompt::Block(why)) => Some(block_prompt(&format!("whycap: {why}"))),
            Some(OnPrompt::Warn(why)) => Some(message(&why)),
            None => self.announce_error(),
        }
    }

    /// Returns a message about the cost of switching the model, if the switch discards a cache that is worth at least a
    /// dollar. Claude Code announces the user's own switches in advance, and reports its own switches only afterward.
    pub(crate) fn on_model_switch(&self) -> Option<Value> {
        let event = self.event()?;
        let is_own_choice = !matches!(event.source.as_deref(), Some("auto" | "resume"));
        let is_repeated = event.name == Some(EventName::PostModelSwitch) && is_own_choice;
        let cost = event
            .lost_cache_usd
            .filter(|cost| *cost >= WORTH_SAYING_USD && !is_repeated)?;
        let model = model_title(event.to_model.as_deref()?);
        Some(message(&format!(
            "{model} writes this conversation to its prompt cache again, for about ${cost:.2}."
        )))
    }

    /// Announces the error that stopped the session, unless it is over or has been announced before.
    fn announce_error(&self) -> Option<Value> {
        let session = self.session()?;
        let limits = self.limits_for_hook();
        let outlook = limits.of_session(session)?;
        let is_new = outlook
            .stop
            .as_ref()
            .is_some_and(|stop| stop.session == session && !stop.is_shown);
        if !is_new || outlook.is_over() || !outlook.is_open {
            return None;
        }
        self.record_shown(session);
        // The status line recommends the same command.
        let more = if self.client_lacks_slash_command() {
            "`whycap explain` in another terminal"
        } else {
            "/whycap"
        };
        let headline = wording::headline(&outlook, limits.clock());
        Some(message(&format!("{headline} For details: {more}")))
    }

    /// Records that the user has been told about the session's error.
    pub(crate) fn record_shown(&self, session: &str) {
        let fact = Fact {
            at: self.environment.now,
            session: Some(session.to_owned()),
            source: Source::Hook,
            event: Event::Shown,
        };
        let ledger = self.existing_ledger();
        Ledger::record_limit_facts(ledger.as_ref(), &self.paths, &[fact]);
    }

    /// Replies to the start of a session. In order of priority, the reply announces an error, reports a stuck lock, or
    /// explains how to enable the status line.
    pub(crate) fn on_start(&self) -> Option<Value> {
        let source = self.event()?.source.as_deref().unwrap_or("startup");
        if let Some(reply) = self.announce_error() {
            return Some(reply);
        }
        let (paths, environment) = (&self.paths, &self.environment);
        let harmful_lock = if source == "startup" {
            locks::harmful(paths, environment).into_iter().next()
        } else {
            None
        };
        line::renew_copy(environment);
        let text = match harmful_lock {
            Some(lock) => format!("{} {}", lock.says, lock.remedy),
            None => plugin::status_line_hint(paths, environment)?,
        };
        Some(message(&text))
    }

    /// Returns the message about a budget, if any, after a response.
    pub(crate) fn on_response(&self) -> Option<Value> {
        Some(message(&self.budgets()?.after_response()?))
    }

    /// Replies to an error with a desktop notification (OSC 9), followed by a bell for terminals that do not support
    /// notifications. Claude Code 2.1.328 forwards both in a single sequence.
    pub(crate) fn on_failure(&self) -> Option<Value> {
        if !self.config.notify.desktop {
            return None;
        }
        let limits = self.limits_for_hook();
        let outlook = limits.of_session(self.session()?)?;
        let badge = wording::badge(&outlook, limits.clock());
        let badge = escape(&badge);
        Some(json!({ "terminalSequence": format!("\u{1b}]9;Claude Code: {badge}\u{7}\u{7}") }))
    }

    /// Records the start or end of a run, and reads new lines from its session's transcript and from other transcripts.
    /// Sets a damaged ledger aside. If anything fails, the next event tries again.
    ///
    /// Claude Code waits for the hook to exit. The hook is faster if all transcripts have been read before, because it
    /// then checks only projects that have changed.
    pub(crate) fn catch_up(&self) {
        let event = self.run_event();
        let data = &self.paths.data;
        let read = Ledger::open(data, WaitLimit::None).and_then(|mut ledger| {
            let transcript = self
                .event()
                .and_then(|event| event.transcript_path.as_deref());
            if let Some(transcript) = transcript {
                ledger.catch_up_session(transcript, self.prices(), READS_OF_EVENT)?;
            }
            let roots = if ledger.is_complete() {
                self.changed_projects()
            } else {
                self.paths.transcript_roots().collect()
            };
            ledger.catch_up(roots.into_iter(), self.prices(), CATCH_UP, &mut |_, _| {})?;
            Ok(ledger)
        });
        let mut ledger = match read {
            Ok(ledger) => Some(ledger),
            Err(error) => {
                let _ = Ledger::mend(&self.paths, WaitLimit::None, &error, false);
                None
            }
        };
        if let Some(event) = event {
            Ledger::record(ledger.as_mut(), &self.paths, &event, self.prices());
        }
    }

    /// Returns the start or end of a run that the hook reports. Returns `None` for other events, or if the client did
    /// not identify its process.
    fn run_event(&self) -> Option<ReportedEvent> {
        let hook = self.event()?;
        let process = ProcessId::of_client(&self.environment)?;
        let (kind, detail) = match hook.name? {
            EventName::SessionStart => (EventKind::Started, hook.source.clone()),
            EventName::SessionEnd => (EventKind::Ended, hook.reason.clone()),
            _ => return None,
        };
        let mut reported = ReportedEvent::new(
            hook.session_id.as_deref()?,
            hook.transcript_path.as_deref(),
            kind,
            Some(process),
            self.environment.now,
        );
        reported.event.detail = detail.unwrap_or_default();
        Some(reported)
    }

    /// Returns the project directories that may contain new transcripts. These are the projects that have changed
    /// recently and the project of the hook's session.
    fn changed_projects(&self) -> Vec<PathBuf> {
        let since = self.environment.now - RECENT_CHANGE_PERIOD;
        let mut projects =
            transcripts::projects_changed_since(self.paths.transcript_roots(), since);
        let own_project = self
            .event()
            .and_then(|event| event.transcript_path.as_deref()?.parent());
        if let Some(own_project) = own_project
            && !projects.iter().any(|project| project == own_project)
            && self
                .paths
                .transcript_roots()
                .any(|root| own_project.starts_with(root))
        {
            projects.push(own_project.to_owned());
        }
        projects
    }
}

fn message(text: &str) -> Value {
    let escaped = escape(text);
    // Avoids "whycap: whycap …" if the sentence already begins with "whycap".
    let sentence = escaped.strip_prefix("whycap ").unwrap_or(&escaped);
    json!({ "systemMessage": format!("whycap: {sentence}") })
}

/// Blocks a prompt. Claude Code shows the reason and sends nothing to the model. `/whycap` therefore works even at a
/// limit and costs no tokens.
fn block_prompt(reason: &str) -> Value {
    json!({ "decision": "block", "reason": escape_lines(reason) })
}

/// Returns the reply with the answer to `/whycap`. In a hook, the reply blocks the prompt and gives the answer as the
/// reason. In the plugin's module, the answer is the text to show. The model sees neither the prompt nor the answer.
pub(crate) fn in_reply(name: EventName, text: &str) -> Value {
    match name {
        // Claude Code puts "whycap: " in front of a module's text, which would indent its first row.
        EventName::CommandRun => {
            let text = format!("\n{}", escape_lines(text));
            json!({ "text": text, "isTextDisplayOnly": true })
        }
        _ => block_prompt(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::hook_event::HookEvent;
    use crate::environment::Environment;

    #[test]
    fn a_switch_that_gives_up_a_cache_of_a_dollar_is_announced_once() {
        let reply = |name: &str, source: &str, usd: f64, is_warm: bool| {
            // Recorded with 2.1.332.
            let event = json!({"session_id": "s", "hook_event_name": name,
                "from_model": "claude-opus-5-5", "to_model": "claude-sonnet-5-5",
                "requested_model": "sonnet", "source": source, "context_tokens": 308_060,
                "prompt_cache_warm": is_warm, "cache_ttl": "1h",
                "estimated_cache_write_usd": usd, "pricing": "catalog"});
            let now = "2026-11-20T06:30:00Z".parse().unwrap();
            let mut context = Context::new(Environment::new([], now));
            context.event = Some(HookEvent::parse(event.to_string().as_bytes()));
            let reply = context.on_model_switch()?;
            Some(reply["systemMessage"].as_str()?.to_owned())
        };
        let said = "whycap: Sonnet 5.5 writes this conversation to its prompt cache again, for about $1.23.";
        for (name, source, usd, is_warm, is_said) in [
            ("PreModelSwitch", "command", 1.2322, true, true),
            ("PostModelSwitch", "command", 1.2322, true, false),
            ("PostModelSwitch", "auto", 1.2322, true, true),
            ("PreModelSwitch", "picker", 0.99, true, false),
            ("PreModelSwitch", "picker", 1.2322, false, false),
        ] {
            let expected = is_said.then(|| said.to_owned());
            assert_eq!(
                reply(name, source, usd, is_warm),
                expected,
                "{name} {source}"
            );
        }
    }
}
