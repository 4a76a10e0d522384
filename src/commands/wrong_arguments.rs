//! Arguments that were not understood: one line, and what was most likely meant.

use clap::error::{ContextKind, ContextValue};
use clap::{Command, ValueEnum};

use crate::spend::GroupBy;

/// What was typed, without dashes, and what to type instead.
const MEANT: &[(&[&str], &str)] = &[
    (
        &[
            "clear-stale-locks",
            "clear-locks",
            "clear",
            "clean",
            "unlock",
            "stale-locks",
        ],
        "whycap --clear-stale-locks",
    ),
    (&["check", "health", "diagnose", "info"], "whycap doctor"),
    (&["status", "current", "windows", "sessions"], "whycap now"),
    (
        &["watch", "live", "top", "monitor", "dashboard"],
        "whycap now --watch",
    ),
    (
        &["limit", "limits", "why", "what", "error"],
        "whycap explain",
    ),
    (
        &["cost", "costs", "usage", "stats", "money"],
        "whycap spend",
    ),
    (&["daily", "day", "days"], "whycap spend --by day"),
    (&["weekly", "week", "weeks"], "whycap spend --by week"),
    (&["monthly", "month", "months"], "whycap spend --by month"),
    (&["session"], "whycap spend --by session"),
    (&["block", "blocks"], "whycap spend --by block"),
    (&["model", "models"], "whycap spend --by model"),
    (&["project", "projects"], "whycap spend --by project"),
    (&["history", "errors", "list"], "whycap incidents"),
    (&["lock", "ps"], "whycap locks"),
    (&["price", "pricing", "rates"], "whycap prices"),
    (&["setup", "init", "enable"], "whycap install"),
    (
        &["configure", "settings", "print-config", "theme", "themes"],
        "whycap config",
    ),
    (
        &["preview", "status-line", "line"],
        "whycap statusline --preview",
    ),
    (&["remove", "disable"], "whycap uninstall"),
    (&["continue"], "/whycap continue, inside Claude Code"),
];

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
    if matches!(unknown, Some(ContextValue::String(word)) if word == "--json") {
        return format!("`whycap{verb}` has no JSON; see whycap{verb} --help");
    }
    format!("{}; see whycap{verb} --help", found_wrong(error))
}

/// What was most likely meant. None where the parser's own words are better.
fn hint(arguments: &[&str]) -> Option<String> {
    let (typed, meant) = match arguments {
        ["locks", rest @ ..] => {
            let typed = rest.iter().find(|word| word.starts_with("--clear"))?;
            (format!("locks {typed}"), meant_by("clear")?.to_owned())
        }
        ["spend", by, ..] => {
            GroupBy::from_str(by, true).ok()?;
            (format!("spend {by}"), format!("whycap spend --by {by}"))
        }
        [typed, ..] => {
            let meant = meant_by(typed.trim_start_matches('-'))?;
            ((*typed).to_owned(), meant.to_owned())
        }
        [] => return None,
    };
    Some(format!(
        "there is no `whycap {typed}`; did you mean: {meant}"
    ))
}

fn meant_by(typed: &str) -> Option<&'static str> {
    let mut rows = MEANT.iter();
    rows.find(|(words, _)| words.contains(&typed))
        .map(|(_, meant)| *meant)
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
        assert_eq!(hint(&[]), None);
        assert_eq!(
            hint(&["status", "--json"]).unwrap(),
            "there is no `whycap status`; did you mean: whycap now"
        );
    }
}
