//! What `/whycap …` answers inside a conversation: text for a message field, without a model.

use super::question::Question;
use crate::install::line;
use crate::render::Report;
use crate::terminal::Tone;

/// One subject that can be asked about.
struct Subject {
    name: &'static str,
    says: &'static str,
    answer: fn(Question<'_>) -> Report,
}

/// Every subject. The first one answers a bare `/whycap`.
const SUBJECTS: &[Subject] = &[
    Subject {
        name: "explain",
        says: "what really stopped the work",
        answer: super::explain::answer,
    },
    Subject {
        name: "spend",
        says: "what was spent in the last seven days; --by, --since and --until as in a shell",
        answer: super::spend::answer,
    },
    Subject {
        name: "now",
        says: "windows, pace, spend, sessions and limit at this moment",
        answer: super::now::answer,
    },
    Subject {
        name: "budget",
        says: "how far your budgets are used, and where that leads",
        answer: super::budget::answer,
    },
    Subject {
        name: "locks",
        says: "locks of Claude Code, and which are left over",
        answer: super::locks::answer,
    },
    Subject {
        name: "doctor",
        says: "what is wrong with the set-up",
        answer: super::doctor::answer,
    },
    Subject {
        name: "line",
        says: "on or off: what you spend, in the status line",
        answer: line,
    },
    Subject {
        name: "continue",
        says: "send this session's prompts although a budget of yours is used up",
        answer: go_on,
    },
    Subject {
        name: "incidents",
        says: "past limit errors",
        answer: super::incidents::answer,
    },
    Subject {
        name: "report",
        says: "a summary for a bug report, without names and ids",
        answer: super::report::answer,
    },
];

/// The client cuts a message at 10,000 characters, without a word about it.
const LONGEST: usize = 9_500;

/// Answers `words`, what was typed after `/whycap`.
pub(crate) fn answer(words: &str, question: Question<'_>) -> String {
    let words = words.trim();
    let (name, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let question = Question {
        words: rest.trim(),
        ..question
    };
    let subject = match name {
        "" => SUBJECTS.first(),
        name => SUBJECTS.iter().find(|subject| subject.name == name),
    };
    let mut report = subject.map_or_else(help, |subject| (subject.answer)(question));
    if let Some(note) = question.note {
        report.gap();
        report.paragraph(Tone::Plain, note);
    }
    shorten(report.text(question.page()).trim_end())
}

fn help() -> Report {
    let mut report = Report::of_lines("whycap answers:");
    for subject in SUBJECTS {
        report.line(format!("/whycap {}: {}", subject.name, subject.says));
    }
    report
}

/// Prompts go on although a budget is used up.
fn go_on(question: Question<'_>) -> Report {
    let budgets = question.budgets();
    Report::of_paragraph(match budgets {
        Some(budgets) => budgets.go_on(),
        None => "Say it inside a session.".to_owned(),
    })
}

/// The status line is turned on or off.
fn line(question: Question<'_>) -> Report {
    let done = match question.words {
        "on" => line::turn_on(question.places, question.environment),
        "off" => line::turn_off(question.places),
        _ => Ok(
            "/whycap line on: what you spend, in the status line\n/whycap line off: without it"
                .to_owned(),
        ),
    };
    Report::of_lines(&done.unwrap_or_else(|error| format!("{error:#}")))
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
