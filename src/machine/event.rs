//! What an event of Claude Code is answered, and what is done behind the answer.
//!
//! Nothing that is said here may reach the model: only JSON whose fields the client shows to the
//! user, never plain text and never `additionalContext`.

use std::time::Duration;

use serde_json::{Value, json};

use super::Machine;
use crate::budget::OnPrompt;
use crate::install::{entries, line};
use crate::ledger::{Effort, Ledger, LedgerError, Patience};
use crate::locks;
use crate::terminal::{visible, visible_lines};

/// How long an event may spend on reading what other sessions wrote.
const CATCH_UP: Duration = Duration::from_millis(30);

fn message(text: &str) -> Value {
    let says = visible(text);
    // "whycap does not know this message" names it already.
    let says = says.strip_prefix("whycap ").unwrap_or(&says);
    json!({ "systemMessage": format!("whycap: {says}") })
}

/// The client shows the reason and sends nothing to the model: so `/whycap …` works while a limit
/// holds, and costs no token.
pub(crate) fn held_back(reason: &str) -> Value {
    json!({ "decision": "block", "reason": visible_lines(reason) })
}

impl Machine {
    /// Holds a prompt back, or warns once, where a budget is used far enough.
    pub(crate) fn on_prompt(&self) -> Option<Value> {
        let within_budget = self.budgets().and_then(|budgets| budgets.on_prompt());
        Some(match within_budget {
            Some(OnPrompt::HoldBack(why)) => held_back(&format!("whycap: {why}")),
            Some(OnPrompt::Warn(why)) => message(&why),
            None => return self.on_error_untold(),
        })
    }

    /// Says once, in the conversation of the session that met it, what a limit error really was.
    fn on_error_untold(&self) -> Option<Value> {
        let event = self.event()?;
        let transcript = event.transcript_path.as_deref();
        let incident = self.incidents().untold(self.session()?, transcript)?;
        let headline = &incident.headline;
        // Typed here, /whycap would end Claude Code's own waiting.
        let more = if self.client_waits_for(&incident) {
            "`whycap explain` in another terminal says more"
        } else {
            "/whycap says more"
        };
        Some(message(&format!("{headline} ({more})")))
    }

    /// An error that nobody told of yet; else a lock that harms, or how to turn the status line on.
    pub(crate) fn on_start(&self) -> Option<Value> {
        if let Some(told) = self.on_error_untold() {
            return Some(told);
        }
        let (places, environment) = (&self.places, &self.environment);
        let source = self.event()?.source.as_deref();
        let is_fresh = source.is_none_or(|source| source == "startup");
        let locks = is_fresh.then(|| locks::harmful(places, environment));
        line::renew_copy(environment);
        let text = match locks.into_iter().flatten().next() {
            Some(lock) => format!("{} {}", lock.says, lock.remedy),
            None => entries::status_line_hint(places, environment)?,
        };
        Some(message(&text))
    }

    /// A budget that was used up by an answer.
    pub(crate) fn on_answer(&self) -> Option<Value> {
        Some(message(&self.budgets()?.after_answer()?))
    }

    /// Stores the error. Then a desktop notification where the terminal has one (OSC 9), and a bell
    /// where it has not; client 2.1.328 hands on both in one sequence.
    pub(crate) fn on_failure(&self) -> Option<Value> {
        let incident = self.incidents().store_from_hook(self.event()?)?;
        self.config.notify.desktop.then(|| {
            let badge = visible(&incident.badge);
            json!({ "terminalSequence": format!("\u{1b}]9;Claude Code: {badge}\u{7}\u{7}") })
        })
    }

    /// Reads a little of what other sessions wrote, so that today's figure knows of it, and mends a
    /// damaged ledger. Whatever fails here is tried again at the next event.
    pub(crate) fn catch_up(&self) {
        let (places, prices) = (&self.places, self.prices());
        let read_on = || {
            let mut ledger = Ledger::open(&places.data, Patience::None)?;
            let effort = Effort::Within(CATCH_UP);
            ledger.catch_up(places.transcript_roots(), prices, effort, &mut |_, _| {})?;
            ledger.check_sums(prices)?;
            ledger.tidy_in_background();
            Ok(())
        };
        if let Err(error) = read_on() {
            let _: Result<(), LedgerError> =
                Ledger::mend(places, Patience::None, prices, &error, false);
        }
    }
}
