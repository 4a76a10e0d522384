//! Answers `/whycap …` in a conversation without involving a model.

use clap::{Args, Command, FromArgMatches};

use crate::collect::Context;
use crate::commands::reply::{Misuse, Reply, Subcommand, in_one_line, misuse, usage_error};
use crate::commands::spend::SpendArguments;
use crate::commands::{budget, doctor, explain, incidents, locks, now};
use crate::install::line;
use crate::render::Report;

/// The list of topics for `/whycap`.
const HELP: &str = include_str!("help.txt");

/// The maximum number of characters in an answer. Claude Code silently truncates messages at 10,000 characters.
const MOST_CHARACTERS: usize = 9_500;

/// The answer to `/whycap line` without `on` or `off`.
const LINE_ON_OR_OFF: &str = "/whycap line on|off: show or hide the status line";

impl Context {
    /// Returns the answer to a `/whycap` command with these arguments.
    ///
    /// The user now knows about the session's error, so no notice about the error is shown afterward.
    pub(super) fn answer(&self, words: &str) -> String {
        if let Some(session) = self.session() {
            self.record_shown(session);
        }
        shorten(
            self.reply_to(words.trim())
                .text(self.page())
                .trim_end(),
        )
    }

    fn reply_to(&self, text: &str) -> Report {
        let (subject, words) = text
            .split_once(char::is_whitespace)
            .unwrap_or((text, ""));
        let reply = match subject {
            "explain" if words.trim_start().starts_with("--") => {
                let text = format!("Run this in a shell: whycap {text}");
                Ok(Report::from_paragraph(text).into())
            }
            "" | "explain" => explain::ExplainArguments::for_text(words).reply(self),
            "spend" => reply_on_spend(words, self),
            "now" => now::NowArguments::default().reply(self),
            "budget" => budget::BudgetArguments::default().reply(self),
            "locks" => locks::LocksArguments::default().reply(self),
            "doctor" => doctor::DoctorArguments::default().reply(self),
            "line" => Ok(self.switch_line(words).into()),
            "continue" => Ok(self.continue_over_budget().into()),
            "incidents" => incidents::IncidentsArguments::default().reply(self),
            "report" => incidents::ReportArguments::default().reply(self),
            "help" => Ok(Report::from_lines(HELP).into()),
            // A single word is probably a misspelled command, and several words are probably a message.
            _ if !words.is_empty() => explain::ExplainArguments::for_text(text).reply(self),
            unknown => {
                let text = format!("There is no /whycap {unknown} command.\n{HELP}");
                Ok(Report::from_lines(&text).into())
            }
        };
        match reply {
            Ok(reply) => reply.report,
            Err(error) => failure(&error),
        }
    }

    /// Allows further prompts in the session even though a budget is exhausted.
    fn continue_over_budget(&self) -> Report {
        let text = match self.budgets() {
            Some(budgets) => budgets.lift_budgets(),
            None => "Use this command in a Claude Code session.".to_owned(),
        };
        Report::from_paragraph(text)
    }

    /// Turns the status line on or off.
    fn switch_line(&self, words: &str) -> Report {
        let outcome = match words.trim() {
            "on" => line::turn_on(&self.paths, &self.environment),
            "off" => line::turn_off(&self.paths),
            _ => Ok(LINE_ON_OR_OFF.to_owned()),
        };
        Report::from_lines(&outcome.unwrap_or_else(|error| in_one_line(&error)))
    }
}

/// The options of `/whycap spend` that can be typed without dashes.
const OPTIONS_WITHOUT_DASHES: [&str; 6] = ["by", "since", "until", "project", "limit", "order"];

fn failure(error: &anyhow::Error) -> Report {
    let lead = if error.is::<Misuse>() {
        ""
    } else {
        "whycap could not read your spend: "
    };
    Report::from_paragraph(format!("{lead}{}", in_one_line(error)))
}

/// Answers `/whycap spend`. Without arguments, it covers the last seven days. The arguments are the same as in a shell,
/// but dashes are optional.
fn reply_on_spend(words: &str, context: &Context) -> anyhow::Result<Reply> {
    let typed = if words.trim().is_empty() {
        "since 7d"
    } else {
        words
    };
    let arguments = typed.split_whitespace().map(|word| {
        if OPTIONS_WITHOUT_DASHES.contains(&word) {
            format!("--{word}")
        } else {
            word.to_owned()
        }
    });
    let command = Command::new("/whycap spend").no_binary_name(true);
    let parsed = SpendArguments::augment_args(command)
        .try_get_matches_from(arguments)
        .and_then(|matches| SpendArguments::from_arg_matches(&matches))
        .map_err(|error| misuse(usage_error(&error)))?;
    if parsed.is_for_shell() {
        let text = format!("Run this in a shell: whycap spend {words}");
        return Ok(Report::from_paragraph(text).into());
    }
    parsed.reply(context)
}

/// Truncates an answer that is too long for Claude Code, and appends a note.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => {
            let start = text.get(..end).unwrap_or(text);
            format!("{start}\n… (to see the rest, run whycap in a terminal)")
        }
        None => text.to_owned(),
    }
}

/// Returns the words after `/whycap` or `/whycap:`, or `None` if the prompt is not for whycap.
///
/// Depending on the event, Claude Code passes the command as typed or inside tags.
pub(super) fn question_in(prompt: &str) -> Option<String> {
    let (name, arguments) = if let Some((_, tagged)) = prompt.split_once("<command-name>/whycap") {
        let (name, rest) = tagged.split_once("</command-name>")?;
        let arguments = rest
            .split_once("<command-args>")
            .and_then(|(_, rest)| rest.split_once("</command-args>"));
        (name, arguments.map_or("", |(arguments, _)| arguments))
    } else {
        let typed = prompt.trim().strip_prefix("/whycap")?;
        typed.split_at(
            typed
                .find(char::is_whitespace)
                .unwrap_or(typed.len()),
        )
    };
    let subject_arguments = arguments.trim();
    match name.strip_prefix(':') {
        // The plugin's only command file accepts the same topics as `/whycap`.
        Some("explain") => Some(subject_arguments.to_owned()),
        Some(subject) => Some(format!("{subject} {subject_arguments}")),
        None if name.is_empty() => Some(subject_arguments.to_owned()),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_for_whycap_are_answered() {
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
            assert_eq!(question_in(prompt).as_deref(), expected, "{prompt}");
        }
    }

    #[test]
    fn a_truncated_answer_says_so() {
        let cut = shorten(&"ä".repeat(20_000));
        assert!(cut.chars().count() < 10_000 && cut.ends_with("terminal)"));
    }
}
