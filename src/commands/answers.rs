//! What `/whycap …` answers inside a conversation: text for a message field, without a model.

use super::question::Question;
use super::{budget, doctor, explain, incidents, locks, now, report, spend};
use crate::install::line;
use crate::render::Report;
use crate::terminal::Tone;

/// The subjects that can be asked about, for whoever asks about another.
const HELP: &str = include_str!("help/answers.txt");

/// The client cuts a message at 10,000 characters, without a word about it.
const LONGEST: usize = 9_500;

/// Answers `words`, what was typed after `/whycap`.
pub(crate) fn answer(words: &str, question: Question<'_>) -> String {
    let words = words.trim();
    let (subject, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let question = Question {
        words: rest.trim(),
        ..question
    };
    let mut report = match subject {
        "" | "explain" => explain::answer(question),
        "spend" => spend::answer(question),
        "now" => now::answer(question),
        "budget" => budget::answer(question),
        "locks" => locks::answer(question),
        "doctor" => doctor::answer(question),
        "line" => line(question),
        "continue" => go_on(question),
        "incidents" => incidents::answer(question),
        "report" => report::answer(question),
        _ => Report::from_lines(HELP),
    };
    if let Some(note) = question.note {
        report.gap();
        report.paragraph(Tone::Plain, note);
    }
    shorten(report.text(question.page()).trim_end())
}

/// Prompts go on although a budget is used up.
fn go_on(question: Question<'_>) -> Report {
    let says = question.budgets().map(|budgets| budgets.go_on());
    Report::from_paragraph(says.unwrap_or_else(|| "Say it inside a session.".to_owned()))
}

/// The status line is turned on or off.
fn line(question: Question<'_>) -> Report {
    let machine = question.machine;
    let done = match question.words {
        "on" => line::turn_on(&machine.places, machine.environment),
        "off" => line::turn_off(&machine.places),
        _ => Ok(
            "/whycap line on: what you spend, in the status line\n/whycap line off: without it"
                .to_owned(),
        ),
    };
    Report::from_lines(&done.unwrap_or_else(|error| format!("{error:#}")))
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
    let prompt = prompt.trim();
    if let Some((_, tagged)) = prompt.split_once("<command-name>/whycap") {
        let (name, rest) = tagged.split_once("</command-name>")?;
        let arguments = rest
            .split_once("<command-args>")
            .and_then(|(_, rest)| rest.split_once("</command-args>"))
            .map_or("", |(arguments, _)| arguments);
        return words(name, arguments);
    }
    let typed = prompt.strip_prefix("/whycap")?;
    let end = typed.find(char::is_whitespace).unwrap_or(typed.len());
    let (name, arguments) = typed.split_at(end);
    words(name, arguments)
}

/// `name` is what follows "/whycap" without a space: nothing, or `:subject` of the plugin.
fn words(name: &str, arguments: &str) -> Option<String> {
    match name.strip_prefix(':') {
        // The plugin's one command file takes every subject, as /whycap does.
        Some("explain") => Some(arguments.trim().to_owned()),
        Some(subject) => Some(format!("{subject} {}", arguments.trim())),
        None => name.is_empty().then(|| arguments.trim().to_owned()),
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
