//! What `/whycap …` answers inside a conversation: text for a message field, without a model.

use super::failure::{Misuse, in_one_line};
use super::{Machine, Verb, budget, doctor, explain, incidents, locks, now, report, spend};
use crate::budget::prompts::SessionBudgets;
use crate::claude::hook_event::HookEvent;
use crate::install::line;
use crate::limits::incident::Incident;
use crate::render::{Page, Report};
use crate::terminal::Tone;

/// The subjects that can be asked about, for whoever asks about another.
const HELP: &str = include_str!("help/answers.txt");

/// The client cuts a message at 10,000 characters, without a word about it.
const LONGEST: usize = 9_500;

/// What Claude Code itself does not say: its notice goes without a word.
const ENDS_WAITING: &str = "Asking here turns Claude Code's automatic continue off. To turn it on again: /rate-limit-options, \"Wait here, then continue automatically\".";

/// Who asks `/whycap …`.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// How it came, and from which session.
    pub(super) event: HookEvent,
    /// Whether asking ends Claude Code's own waiting for a reset.
    pub(super) ends_waiting: bool,
}

impl Machine {
    /// How a conversation asks.
    pub(super) fn event(&self) -> Option<&HookEvent> {
        Some(&self.conversation.as_ref()?.event)
    }

    /// The session that asks.
    pub(super) fn session(&self) -> Option<&str> {
        self.event()?.session_id.as_deref()
    }

    /// Where the answer is shown.
    pub(super) fn page(&self) -> Page {
        match self.conversation {
            Some(_) => Page::in_conversation(&self.environment),
            None => Page::for_person(&self.environment),
        }
    }

    /// Whether asking ends Claude Code's own waiting for a reset.
    pub(super) fn ends_waiting(&self) -> bool {
        let conversation = self.conversation.as_ref();
        conversation.is_some_and(|conversation| conversation.ends_waiting)
    }

    /// Whether Claude Code continues by itself when this limit resets. It does so in its terminal
    /// only, and not for a user who turned it off.
    pub(super) fn client_waits_for(&self, incident: &Incident) -> bool {
        let in_terminal = self.environment.text("CLAUDE_CODE_ENTRYPOINT") == Some("cli");
        in_terminal && incident.continues_at().is_some()
    }

    /// The budgets of the session that asks.
    pub(super) fn budgets(&self) -> Option<SessionBudgets<'_>> {
        let event = self.event()?;
        // Where it was started, if that is told.
        let started = self.environment.path("CLAUDE_PROJECT_DIR");
        Some(SessionBudgets::read(
            &self.config,
            &self.places,
            &self.environment,
            event.session_id.as_deref()?,
            event.transcript_path.as_deref(),
            started.as_deref().or(event.cwd.as_deref()),
            |since, live| {
                let incidents = self.incidents();
                incidents.paid_since(since, |since, is_own| live.costs_since(since, is_own))
            },
        ))
    }

    /// Answers `words`, what was typed after `/whycap`.
    pub(super) fn answer(&self, words: &str) -> String {
        let words = words.trim();
        let (subject, words) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let reply = match subject {
            "" | "explain" => explain::ExplainArguments::default().reply(self),
            "spend" => spend::SpendArguments::reply_to(words, self),
            "now" => now::NowArguments::default().reply(self),
            "budget" => budget::BudgetArguments::default().reply(self),
            "locks" => locks::LocksArguments::default().reply(self),
            "doctor" => doctor::DoctorArguments::default().reply(self),
            "line" => Ok(self.switch_line(words).into()),
            "continue" => Ok(self.go_on().into()),
            "incidents" => incidents::IncidentsArguments::default().reply(self),
            "report" => report::ReportArguments::default().reply(self),
            _ => Ok(Report::from_lines(HELP).into()),
        };
        let mut report = reply.map_or_else(
            |error| {
                let why = in_one_line(&error);
                Report::from_paragraph(if error.is::<Misuse>() {
                    why
                } else {
                    format!("whycap could not read what was spent: {why}")
                })
            },
            |reply| reply.report,
        );
        if self.ends_waiting() {
            report.gap();
            report.paragraph(Tone::Plain, ENDS_WAITING);
        }
        shorten(report.text(self.page()).trim_end())
    }

    /// Prompts go on although a budget is used up.
    fn go_on(&self) -> Report {
        let says = self.budgets().map(|budgets| budgets.go_on());
        Report::from_paragraph(says.unwrap_or_else(|| "Say it inside a session.".to_owned()))
    }

    /// The status line is turned on or off.
    fn switch_line(&self, words: &str) -> Report {
        let done = match words.trim() {
            "on" => line::turn_on(&self.places, &self.environment),
            "off" => line::turn_off(&self.places),
            _ => Ok(
                "/whycap line on: what you spend, in the status line\n/whycap line off: without it"
                    .to_owned(),
            ),
        };
        Report::from_lines(&done.unwrap_or_else(|error| format!("{error:#}")))
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!(
            "{}\n… (the rest: whycap in a terminal)",
            text.get(..end).unwrap_or_default()
        ),
    }
}

/// What was asked, if a prompt is meant for whycap: the words after `/whycap` or `/whycap:`.
///
/// The client hands a command on as it was typed; some events carry it in tags instead.
pub(crate) fn asked(prompt: &str) -> Option<String> {
    let (name, arguments) = if let Some((_, tagged)) = prompt.split_once("<command-name>/whycap") {
        let (name, rest) = tagged.split_once("</command-name>")?;
        let arguments = rest.split_once("<command-args>");
        let arguments = arguments.and_then(|(_, rest)| rest.split_once("</command-args>"));
        (name, arguments.map_or("", |(arguments, _)| arguments))
    } else {
        let typed = prompt.trim().strip_prefix("/whycap")?;
        typed.split_at(typed.find(char::is_whitespace).unwrap_or(typed.len()))
    };
    let arguments = arguments.trim();
    match name.strip_prefix(':') {
        // The plugin's one command file takes every subject, as /whycap does.
        Some("explain") => Some(arguments.to_owned()),
        Some(subject) => Some(format!("{subject} {arguments}")),
        None => name.is_empty().then(|| arguments.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_for_whycap_are_taken() {
        for (prompt, expected) in [
            ("/whycap", Some("")),
            ("  /whycap explain ", Some("explain")),
            ("/whycap:locks", Some("locks ")),
            ("/whycap:explain", Some("")),
            ("/whycap:explain spend --by day", Some("spend --by day")),
            (
                "<command-message>whycap is running</command-message>\n<command-name>/whycap</command-name>\n<command-args>spend</command-args>",
                Some("spend"),
            ),
            ("/whycapital", None),
            ("what does /whycap do?", None),
            ("/other", None),
            ("", None),
        ] {
            assert_eq!(asked(prompt).as_deref(), expected, "{prompt}");
        }
    }

    #[test]
    fn a_long_answer_says_that_it_was_cut() {
        let cut = shorten(&"ä".repeat(20_000));
        assert!(cut.chars().count() < 10_000 && cut.ends_with("terminal)"));
    }
}
