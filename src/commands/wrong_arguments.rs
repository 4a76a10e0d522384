//! Reports usage errors in a single line, with a suggestion of what the user probably meant.

use std::collections::HashMap;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, ValueEnum};

use crate::cli::{Cli, SHELLS};
use crate::embedded;
use crate::spend::GroupBy;

/// The error for combining `--by` and `--html`.
const PAGE_HAS_ALL: &str = "`whycap spend --html` writes a page with fixed sections (totals, days, projects, causes, hours, windows, limits, and sessions); omit --by";

/// Describes a parser error in a single line that ends with a suggestion or a reference to the help. `arguments` does
/// not include the program name.
pub(crate) fn problem(error: &clap::Error, arguments: &[&str], command: &Command) -> String {
    if let Some(suggestion) = suggestion(arguments) {
        return suggestion;
    }
    let subcommand = match arguments
        .iter()
        .find(|word| command.find_subcommand(word).is_some())
    {
        Some(subcommand) => format!(" {subcommand}"),
        None => String::new(),
    };
    let has_option = |name: &str| arguments.iter().any(|word| word.starts_with(name));
    if error.kind() == ErrorKind::ArgumentConflict && has_option("--html") && has_option("--by") {
        return PAGE_HAS_ALL.to_owned();
    }
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    let unknown = error.get(ContextKind::InvalidArg);
    if is_unknown && matches!(unknown, Some(ContextValue::String(word)) if word == "--json") {
        return format!("`whycap{subcommand}` has no JSON output; see whycap{subcommand} --help");
    }
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand)
    {
        return match close_subcommand(error, typed) {
            Some(close) => {
                format!("there is no command `whycap {typed}`; did you mean `whycap {close}`?")
            }
            None => format!("there is no command `whycap {typed}`; see whycap --help"),
        };
    }
    format!("{}; see whycap{subcommand} --help", parser_message(error))
}

/// Returns true if a word is a command for the shell or one that is misspelled. The parser finds a similar command for almost
/// every shorter word.
pub(super) fn is_like_command(typed: &str) -> bool {
    const SHORTEST: usize = 4;
    let command = Cli::command();
    if command.find_subcommand(typed).is_some() {
        return true;
    }
    let parsed = command.try_get_matches_from(["whycap", typed]);
    let suggested = parsed
        .as_ref()
        .err()
        .and_then(|error| close_subcommand(error, typed));
    typed.len() >= SHORTEST && suggested.is_some()
}

/// Returns the subcommand that is most similar to the word that the user typed. Returns `None` if none of the parser's
/// suggestions starts with the same letter, because the parser also makes far-fetched suggestions, such as "hook" for
/// "foo". The parser lists the most similar one last.
fn close_subcommand<'error>(error: &'error clap::Error, typed: &str) -> Option<&'error str> {
    let suggested = match error.get(ContextKind::SuggestedSubcommand)? {
        ContextValue::Strings(suggested) => suggested.as_slice(),
        ContextValue::String(suggested) => std::slice::from_ref(suggested),
        _ => return None,
    };
    let first_letter = typed.chars().next();
    suggested
        .iter()
        .rfind(|word| word.chars().next() == first_letter)
        .map(String::as_str)
}

/// Suggests what the user probably meant. Returns `None` if there is no suggestion or the parser's own message is
/// better.
fn suggestion(arguments: &[&str]) -> Option<String> {
    let (typed, intended) = match arguments {
        ["completions", shell, ..] if !shell.starts_with('-') && !SHELLS.contains(shell) => {
            return Some(format!(
                "there are no completions for {shell}; choose one of these: {}",
                SHELLS
                    .map(|known| format!("whycap completions {known}"))
                    .join(", ")
            ));
        }
        ["locks", typed, ..] if typed.starts_with("--clear") => {
            (format!("locks {typed}"), command_for("clear")?)
        }
        ["spend", typed, ..] => {
            let intended = match GroupBy::from_str(typed, true) {
                Ok(_) => format!("whycap spend --by {typed}"),
                Err(_) => {
                    command_for(typed).filter(|command| command.starts_with("whycap spend --"))?
                }
            };
            (format!("spend {typed}"), intended)
        }
        [typed, ..] => {
            let intended = command_for(typed.trim_start_matches('-'))?;
            if intended == format!("whycap {typed}") {
                // The command is spelled correctly, so one of its arguments must be wrong.
                return None;
            }
            ((*typed).to_owned(), intended)
        }
        [] => return None,
    };
    Some(format!(
        "there is no command `whycap {typed}`; did you mean `{intended}`?"
    ))
}

/// Returns the command that users usually mean by a word. The word must not start with a dash.
pub(super) fn command_for(typed: &str) -> Option<String> {
    let words: HashMap<String, Vec<String>> = embedded::parse(
        "commands/other_words.json",
        include_str!("other_words.json"),
    );
    words
        .into_iter()
        .find(|(_, synonyms)| synonyms.iter().any(|synonym| synonym == typed))
        .map(|(command, _)| command)
}

/// Returns the parser's own message as one sentence, without the usage and the reference to `--help`.
pub(super) fn parser_message(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text
        .trim_start_matches("error: ")
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty());
    let mut sentence = String::new();
    for line in lines {
        let part = line.trim_start_matches("tip: ");
        let joint = match sentence.chars().last() {
            None => "",
            Some(':') => " ",
            Some(_) if part.starts_with('[') => " ",
            Some(_) => "; ",
        };
        sentence.push_str(joint);
        sentence.push_str(part);
    }
    sentence
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn a_command_is_suggested_for_a_word_with_the_same_meaning() {
        assert_eq!(command_for("status").as_deref(), Some("whycap now"));
    }

    #[test]
    fn only_a_close_command_is_suggested() {
        let command = crate::cli::Cli::command();
        let problem_with = |typed: &str| {
            let error = crate::cli::Cli::try_parse_from(["whycap", typed]).unwrap_err();
            problem(&error, &[typed], &command)
        };
        assert_eq!(
            problem_with("foo"),
            "there is no command `whycap foo`; see whycap --help"
        );
        // The parser suggested "prices" as well.
        for (typed, meant) in [
            ("incdents", "incidents"),
            ("spent", "spend"),
            ("instal", "install"),
            ("doctr", "doctor"),
            ("explan", "explain"),
            ("locsk", "locks"),
        ] {
            assert_eq!(
                problem_with(typed),
                format!("there is no command `whycap {typed}`; did you mean `whycap {meant}`?")
            );
        }
    }

    /// `whycap spend today` only said that the argument was unexpected.
    #[test]
    fn an_option_of_spend_is_suggested_for_a_period_or_a_group() {
        for (arguments, intended) in [
            (&["spend", "today"][..], "whycap spend --since today"),
            (
                &["spend", "yesterday"],
                "whycap spend --since yesterday --until yesterday",
            ),
            (&["spend", "week"], "whycap spend --by week"),
            (&["spend", "projects"], "whycap spend --by project"),
            (&["today"], "whycap spend --since today"),
        ] {
            let text = suggestion(arguments).unwrap();
            assert!(
                text.ends_with(&format!("did you mean `{intended}`?")),
                "{text}"
            );
        }
        assert_eq!(suggestion(&["spend", "cost"]), None);
    }

    #[test]
    fn a_typing_error_is_left_to_the_parser() {
        assert_eq!(suggestion(&["spent"]), None);
        assert_eq!(suggestion(&["locks", "--jsn"]), None);
        assert_eq!(suggestion(&["--clear-stale-locks", "locks"]), None);
        assert_eq!(suggestion(&[]), None);
        assert_eq!(
            suggestion(&["status", "--json"]).unwrap(),
            "there is no command `whycap status`; did you mean `whycap now`?"
        );
    }
}
