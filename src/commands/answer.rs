//! What `/whycap …` answers inside a conversation: text for a message field, without a model.

use clap::{Args, Command, FromArgMatches};

use super::reply::{Misuse, Reply, Verb, in_one_line, misuse};
use super::spend::SpendArguments;
use super::wrong_arguments::found_wrong;
use super::{budget, doctor, explain, incidents, locks, now};
use crate::claude::hook_event::EventName;
use crate::install::line;
use crate::machine::Machine;
use crate::render::Report;
use crate::terminal::Tone;

/// The subjects that can be asked about, for whoever asks about another.
const HELP: &str = include_str!("help/answers.txt");

/// The client cuts a message at 10,000 characters, without a word about it.
const MOST_SHOWN: usize = 9_500;

const ON_OR_OFF: &str =
    "/whycap line on: what you spend, in the status line\n/whycap line off: without it";

/// What Claude Code itself does not say: its notice goes without a word.
const ENDS_WAITING: &str = "Asking here turns Claude Code's automatic continue off. To turn it on again: /rate-limit-options, \"Wait here, then continue automatically\".";

impl Machine {
    /// Answers `words`, what was typed after `/whycap`. A prompt ends Claude Code's own waiting for a reset, held
    /// back or not, and no reply of a hook leaves it on (2.1.240 to 2.1.329); a command that is no prompt leaves it
    /// alone.
    pub(super) fn answer(&mut self, words: &str) -> String {
        if let Some((event, session)) = self.event().zip(self.session()) {
            let is_prompt = event.name != Some(EventName::CommandRun) || event.is_prompt;
            let incidents = self.incidents();
            let incident = || incidents.situation(Some(session)).incident;
            let ends = is_prompt && incident().is_some_and(|it| self.client_waits_for(&it));
            incidents.user_asks(session);
            if ends {
                incidents.waiting_ends(session);
            }
            self.ends_waiting = ends;
        }
        shorten(self.reply_to(words.trim()).text(self.page()).trim_end())
    }

    fn reply_to(&self, words: &str) -> Report {
        let (subject, words) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let reply = match subject {
            "" | "explain" => explain::ExplainArguments::default().reply(self),
            "spend" => reply_on_spend(words, self),
            "now" => now::NowArguments::default().reply(self),
            "budget" => budget::BudgetArguments::default().reply(self),
            "locks" => locks::LocksArguments::default().reply(self),
            "doctor" => doctor::DoctorArguments::default().reply(self),
            "line" => Ok(self.switch_line(words).into()),
            "continue" => Ok(self.go_on().into()),
            "incidents" => incidents::IncidentsArguments::default().reply(self),
            "report" => incidents::ReportArguments::default().reply(self),
            _ => Ok(Report::from_lines(HELP).into()),
        };
        let mut report = reply.map_or_else(|error| failed(&error), |reply| reply.report);
        if self.ends_waiting {
            report.gap();
            report.paragraph(Tone::Plain, ENDS_WAITING);
        }
        report
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
            _ => Ok(ON_OR_OFF.to_owned()),
        };
        Report::from_lines(&done.unwrap_or_else(|error| in_one_line(&error)))
    }
}

fn failed(error: &anyhow::Error) -> Report {
    let is_ours = !error.is::<Misuse>();
    let lead = is_ours.then_some("whycap could not read what was spent: ");
    let lead = lead.unwrap_or_default();
    Report::from_paragraph(format!("{lead}{}", in_one_line(error)))
}

/// The answer of `/whycap spend`: the last seven days, or what was asked for, with the same arguments as in a
/// shell. People leave the dashes out in a conversation.
fn reply_on_spend(words: &str, machine: &Machine) -> anyhow::Result<Reply> {
    let usual = words.trim().is_empty().then_some("since 7d");
    let typed = usual.unwrap_or(words).split_whitespace();
    let with_dashes = typed.map(|word| match word {
        "by" | "since" | "until" | "project" | "limit" | "order" => format!("--{word}"),
        _ => word.to_owned(),
    });
    let command = Command::new("/whycap spend").no_binary_name(true);
    let asked = SpendArguments::augment_args(command).try_get_matches_from(with_dashes);
    let asked = asked.and_then(|asked| SpendArguments::from_arg_matches(&asked));
    let asked = asked.map_err(|error| misuse(format!("{}.", found_wrong(&error))))?;
    if asked.is_for_a_shell() {
        let in_a_shell = format!("Ask that in a shell: whycap spend {words}");
        return Ok(Report::from_paragraph(in_a_shell).into());
    }
    asked.reply(machine)
}

fn shorten(text: &str) -> String {
    let cut = text.char_indices().nth(MOST_SHOWN);
    match cut.and_then(|(end, _)| text.get(..end)) {
        None => text.to_owned(),
        Some(beginning) => format!("{beginning}\n… (the rest: whycap in a terminal)"),
    }
}

/// What was asked, if a prompt is meant for whycap: the words after `/whycap` or `/whycap:`.
///
/// The client hands a command on as it was typed; some events carry it in tags instead.
pub(super) fn asked(prompt: &str) -> Option<String> {
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
