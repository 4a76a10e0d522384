//! What is told: of a limit error beside the error itself (what was spent while its window ran, and on what, what answers
//! cost beside the plan, and locks that harm), and in answer to an event of Claude Code.
//!
//! Nothing that an event is answered may reach the model: only JSON whose fields the client shows to the
//! user, never plain text and never `additionalContext`.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{ANSWER_READS, Machine};
use crate::budget::OnPrompt;
use crate::claude::hook_event::EventName;
use crate::drain::{Findings, writes};
use crate::incidents::{Incidents, Situation};
use crate::install::{entries, line};
use crate::ledger::{Effort, Ledger, LedgerError, Patience};
use crate::limits::explanation;
use crate::limits::incident::Incident;
use crate::limits::kind::Counts;
use crate::limits::standing::Wait;
use crate::limits::stoppages::counted_over;
use crate::locks;
use crate::pricing::Money;
use crate::render::{Report, rows_for_answer};
use crate::terminal::{Tone, counted, visible, visible_lines};

/// The rows of an answer where the height is unknown: it fits a terminal of 34 rows. Claude Code shows
/// the end of what does not fit, so all of it must.
const USUAL_ROWS: usize = 20;
/// The rows of the note that asking ended the waiting, with the gap before it.
const NOTE: usize = 3;
/// Where a conversation can read all of it.
const MORE: &str = "More: whycap explain --long, in a shell.";
/// How long an explanation may spend on reading what was spent since the ledger last looked.
const READS: Effort = Effort::Within(Duration::from_millis(400));

/// Transcripts of so many bytes are read for an answer on one screen; `explain --long` reads them all.
const QUICKLY_READ: u64 = 256 * 1024 * 1024;
/// One part in so many of what was spent: from there on needless writes are worth a sentence.
const WORTH_SAYING: u128 = 10;

impl Machine {
    /// What holds now, for a session that is named. In a conversation, what its own met comes first.
    pub(crate) fn situation(&self, incidents: &Incidents<'_>, session: Option<&str>) -> Situation {
        let own = self.session().map(|own| incidents.situation(Some(own)));
        let own = own.filter(|own| own.incident.is_some());
        own.unwrap_or_else(|| incidents.situation(session))
    }

    /// What waiting does, if anything is to be waited for.
    pub(crate) fn wait_for(&self, situation: &Situation) -> Option<Wait> {
        situation.wait().or_else(|| {
            // A text is rounded to the minute: a prompt at the reset itself may come too early.
            let over = situation.incident.as_ref()?.resets.chosen?.surely_over();
            let is_ahead = over > self.environment.now;
            (situation.has_just_reset() && is_ahead).then_some(Wait::Helps(Some(over)))
        })
    }

    /// Adds to a report what people are told of an error. `session` is the one that was asked about.
    pub(crate) fn explain(
        &self,
        incident: Option<&Incident>,
        session: Option<&str>,
        is_long: bool,
        incidents: &Incidents<'_>,
        report: &mut Report,
    ) {
        let (clock, page) = (self.clock(), self.page());
        match incident {
            None if report.is_empty() => report.paragraphs(Tone::Plain, nothing_is_known(session)),
            None => {}
            Some(incident) if self.conversation.is_some() => {
                report.paragraphs(Tone::Quiet, whose(incident, self.session()));
                let rows = rows_for_answer(self.environment.rows()).unwrap_or(USUAL_ROWS);
                let note = if self.ends_waiting { NOTE } else { 0 };
                let room = rows.saturating_sub(report.rows_on(page) + note);
                report.add(explanation::fit(room, MORE, incident, clock, page));
            }
            Some(incident) if is_long => {
                let mut says = self.spent(incident, incidents).unwrap_or_default();
                says.extend(self.needless(incident, u64::MAX));
                report.add(explanation::tell_at_length(incident, clock, &says));
            }
            Some(incident) => {
                report.add(explanation::tell(incident, clock, page));
                let blocks = incident.blocks();
                let needless = blocks.and_then(|_| self.needless(incident, QUICKLY_READ));
                return report.paragraphs(Tone::Warning, needless);
            }
        }
        for lock in locks::harmful(&self.places, &self.environment) {
            let (says, remedy) = (lock.says, lock.remedy);
            let aside = format!("Besides, and not the cause of any limit: {says} {remedy}");
            report.gap();
            report.paragraph(Tone::Quiet, aside);
        }
    }

    /// What answers cost beside the plan now, in a sentence; None where they cost nothing or
    /// something blocks. By what the ledger has read so far.
    pub(crate) fn paid_now(&self, incidents: &Incidents<'_>) -> Option<String> {
        let paying = incidents.paying(&|since, is_own| {
            let mut ledger = Ledger::open_existing(&self.places.data)?.ok()?;
            self.read_on(&mut ledger, ANSWER_READS);
            ledger.costs_since(since, is_own)
        })?;
        let is_free = incidents.situation(None).blocking().is_none();
        is_free.then(|| paying.says(self.clock()))
    }

    /// What this machine spent in the period that the limit covers, and until it stopped the work what its
    /// window was used by, in sentences. None where there is no ledger: an explanation needs no
    /// installation, and makes none.
    fn spent(&self, incident: &Incident, incidents: &Incidents<'_>) -> Option<Vec<String>> {
        let (since, until) = counted_over(incident, self.clock().zone)?;
        let mut ledger = Ledger::open_existing(&self.places.data)?.ok()?;
        let is_current = self.read_on(&mut ledger, READS).is_all();
        let spent = ledger.between(since, until + TimeDelta::minutes(15)).ok()?;
        let is_lower_bound = spent.unpriced > 0 || spent.at_least || !is_current;
        let bound = if is_lower_bound { "at least " } else { "" };
        let (began, cost) = (self.clock().time(since), spent.cost());
        let mut says = vec![format!(
            "Since {began} this machine spent {bound}{cost} at list price. Other machines, chat and, in an organization, other members use the same limit."
        )];
        if let Counts::Included(window) = incident.diagnosis.limit.counts() {
            let windows = incidents.windows_of_account();
            let account = windows.and_then(|known| known.account);
            let running = [(window, window.limit(), since)];
            let used = self.used(&running, until, account.as_deref(), &ledger);
            for mut used in used.into_iter().flatten() {
                used.add_titles(self.titles());
                says.extend(used.sentences(self.clock()));
            }
        }
        Some(says)
    }

    /// What was written to the prompt cache again without need while the window of a limit ran, if
    /// that was much of what was spent, and if it takes no more than so many bytes to find out.
    fn needless(&self, incident: &Incident, most: u64) -> Option<String> {
        let Counts::Included(_) = incident.diagnosis.limit.counts() else {
            return None;
        };
        let (since, until) = counted_over(incident, self.clock().zone)?;
        let since = since.timestamp_millis();
        let files = self.transcripts_since(Some(since));
        if files.iter().map(|file| file.state.size).sum::<u64>() > most {
            return None;
        }
        let mut writes = writes(files, Some(since), self.prices(), &mut |_, _| {});
        writes.retain(|write| write.answer.at <= until.timestamp_millis());
        let all: Money = writes.iter().map(|write| write.total).sum();
        let needless = Findings::new(writes).needless;
        let (cost, times) = (needless.cost, counted(needless.answers, "time"));
        let says = format!(
            "Of {all} that answers cost in this window, {cost} went into writing to the prompt cache what was already in it ({times}). `whycap drain` shows why, and what to do."
        );
        (cost.share(WORTH_SAYING, 1) > all).then_some(says)
    }

    /// Holds a prompt back, or warns once, where a budget is used far enough.
    pub(crate) fn on_prompt(&self) -> Option<Value> {
        let is_from_agent = self.event()?.is_from_agent();
        let budgets = (!is_from_agent).then(|| self.budgets()).flatten();
        Some(match budgets.and_then(|budgets| budgets.on_prompt()) {
            Some(OnPrompt::HoldBack(why)) => {
                // It ends Claude Code's own waiting all the same.
                self.incidents().waiting_ends(self.session()?);
                held_back(&format!("whycap: {why}"))
            }
            Some(OnPrompt::Warn(why)) => message(&why),
            None => return self.on_error_untold(),
        })
    }

    /// Says once, in the conversation of the session that met it, what a limit error really was.
    fn on_error_untold(&self) -> Option<Value> {
        let transcript = self.event()?.transcript_path.as_deref();
        let incident = self.incidents().untold(self.session()?, transcript)?;
        let headline = &incident.headline;
        // Typed here, /whycap would end Claude Code's own waiting.
        let waits = self.client_waits_for(&incident);
        let elsewhere = waits.then_some("`whycap explain` in another terminal");
        let who = elsewhere.unwrap_or("/whycap");
        Some(message(&format!("{headline} ({who} says more)")))
    }

    /// What was left waits for nothing.
    pub(crate) fn on_end(&self) -> Option<Value> {
        self.incidents().waiting_ends(self.session()?);
        None
    }

    /// An error that nobody told of yet; else a lock that harms, or how to turn the status line on.
    pub(crate) fn on_start(&self) -> Option<Value> {
        let source = self.event()?.source.as_deref().unwrap_or("startup");
        // A new process waits for nothing, whatever the one before it wrote.
        if let Some(resumed) = self.session().filter(|_| source == "resume") {
            self.incidents().waiting_ends(resumed);
        }
        self.on_error_untold().or_else(|| {
            let (places, environment) = (&self.places, &self.environment);
            let locks = (source == "startup").then(|| locks::harmful(places, environment));
            line::renew_copy(environment);
            let text = match locks.into_iter().flatten().next() {
                Some(lock) => format!("{} {}", lock.says, lock.remedy),
                None => entries::status_line_hint(places, environment)?,
            };
            Some(message(&text))
        })
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
        let read_on = || -> Result<(), LedgerError> {
            let mut ledger = Ledger::open(&places.data, Patience::None)?;
            ledger.catch_up(places.transcript_roots(), prices, CATCH_UP, &mut |_, _| {})?;
            ledger.check_sums(prices)?;
            ledger.tidy_in_background();
            Ok(())
        };
        if let Err(error) = read_on() {
            let _ = Ledger::mend(places, Patience::None, prices, &error, false);
        }
    }
}

/// That it was another session than the one that asks.
fn whose(incident: &Incident, asks: Option<&str>) -> Option<String> {
    let met_in = incident.evidence.session.id.as_deref();
    let theirs = met_in.filter(|_| met_in != asks && asks.is_some());
    theirs.map(|id| format!("Another session met this ({id:.8}), not this one."))
}

fn nothing_is_known(session: Option<&str>) -> [String; 2] {
    let known = match session {
        Some(id) => format!("No limit error is known in session {id}."),
        None => "No limit error is known: Claude Code reported none, and the newest transcripts hold none.".to_owned(),
    };
    let how = "To ask about a message: whycap explain --text \"You've hit your …\"";
    [known, how.to_owned()]
}

/// How long an event may spend on reading what other sessions wrote.
const CATCH_UP: Effort = Effort::Within(Duration::from_millis(30));

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

/// An answer, as whoever asked shows it: a prompt is held back, and the plugin's module shows a text. The model
/// sees nothing of either.
pub(crate) fn in_reply(name: EventName, text: &str) -> Value {
    let says = visible_lines(text);
    match name {
        // Claude Code writes "whycap: " before a module's text: its first row would be out of line.
        EventName::CommandRun => json!({ "text": format!("\n{says}"), "isTextDisplayOnly": true }),
        _ => held_back(text),
    }
}
