//! Arguments that were not understood: one line, and what was most likely meant.

use std::collections::HashMap;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, ValueEnum};

use crate::spend::GroupBy;

/// What the parser found wrong with `arguments` (without the program's name), and what to type
/// instead, if that is likely, or where to look it up.
pub(crate) fn problem(error: &clap::Error, arguments: &[&str], command: &Command) -> String {
    if let Some(hint) = hint(arguments) {
        return hint;
    }
    let mut verbs = arguments.iter();
    let verb = verbs.find(|word| command.find_subcommand(word).is_some());
    let verb = verb.map(|verb| format!(" {verb}")).unwrap_or_default();
    let unknown = error.get(ContextKind::InvalidArg);
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    if is_unknown && matches!(unknown, Some(ContextValue::String(word)) if word == "--json") {
        return format!("`whycap{verb}` has no JSON; see whycap{verb} --help");
    }
    format!("{}; see whycap{verb} --help", found_wrong(error))
}

/// What was most likely meant. None where the parser's own words are better.
fn hint(arguments: &[&str]) -> Option<String> {
    let (typed, meant) = match arguments {
        ["locks", typed, ..] if typed.starts_with("--clear") => {
            (format!("locks {typed}"), meant_by("clear")?)
        }
        ["spend", by, ..] => {
            GroupBy::from_str(by, true).ok()?;
            (format!("spend {by}"), format!("whycap spend --by {by}"))
        }
        [typed, ..] => {
            let meant = meant_by(typed.trim_start_matches('-'));
            // What was meant and typed is only in the wrong company.
            let meant = meant.filter(|meant| *meant != format!("whycap {typed}"))?;
            ((*typed).to_owned(), meant)
        }
        [] => return None,
    };
    let hint = format!("there is no `whycap {typed}`; did you mean: {meant}");
    Some(hint)
}

/// What people mean by what they type, without dashes.
fn meant_by(typed: &str) -> Option<String> {
    let words = serde_json::from_str(include_str!("other_words.json"));
    let words: HashMap<String, Vec<String>> = words.unwrap_or_default();
    let mut words = words.into_iter();
    words.find_map(|(meant, of_it)| of_it.iter().any(|word| word == typed).then_some(meant))
}

/// The parser's own words without its usage and its hint at --help: each of its lines is a part of
/// the sentence.
pub(super) fn found_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.trim_start_matches("error: ").lines().map(str::trim);
    let of_use = lines.take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let mut sentence = String::new();
    for part in of_use.filter(|line| !line.is_empty()) {
        let part = part.trim_start_matches("tip: ");
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
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_left_to_the_parser() {
        assert_eq!(hint(&["spent"]), None);
        assert_eq!(hint(&["locks", "--jsn"]), None);
        assert_eq!(hint(&["--clear-stale-locks", "locks"]), None);
        assert_eq!(hint(&[]), None);
        assert_eq!(
            hint(&["status", "--json"]).unwrap(),
            "there is no `whycap status`; did you mean: whycap now"
        );
    }
}
