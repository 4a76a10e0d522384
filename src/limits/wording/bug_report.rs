//! A short summary of an error for a public bug report.
//!
//! The summary contains only explicitly selected fields, and these contain only known words. The summary therefore
//! contains no paths, names, IDs, or prompts.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::evidence::facts;
use super::{ending, headline};
use crate::limits::Outlook;
use crate::time::{Clock, format_rfc3339};

/// Writes the summary as Markdown.
pub(crate) fn bug_report(outlook: &Outlook, clock: Clock) -> String {
    let stop = outlook.stop.as_ref();
    let refusal = stop
        .map(|stop| stop.refusal.clone())
        .unwrap_or_default();
    let at = stop.map_or(outlook.now, |stop| stop.at);
    let zone = clock.zone.at(at).format("%:z");
    let plan = outlook
        .account
        .as_ref()
        .and_then(|it| it.plan.clone());
    let ending = ending(outlook, clock);
    let fields = [
        ("Message", format!("`{}`", refusal.text.replace('`', "'"))),
        ("Time", format!("{} (zone {zone})", format_rfc3339(at))),
        (
            "Claude Code",
            refusal.version.unwrap_or("unknown".to_owned()),
        ),
        ("Plan", plan.unwrap_or("unknown".to_owned())),
        ("Error class", refusal.class.unwrap_or("unknown".to_owned())),
        ("Codes", refusal.codes.join(", ")),
        ("Facts", facts(outlook, clock).join(" ")),
        ("Since then", ending.unwrap_or("no response".to_owned())),
        ("whycap", env!("CARGO_PKG_VERSION").to_owned()),
        ("Explanation", headline(outlook, clock)),
    ];
    fields
        .map(|(name, value)| format!("- {name}: {}\n", without_names(&value)))
        .concat()
}

/// The maximum number of digits in a known word. The names of models, such as `claude-opus-4-5-20251101`, contain up to
/// this many digits. A word with more digits may be an ID.
const MOST_DIGITS: usize = 10;

/// The words in the catalog of messages, and other words that are common in messages or in whycap's sentences, in
/// lowercase.
static KNOWN_WORDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    concat!(
        include_str!("../messages/catalog.json"),
        include_str!("common_words.txt")
    )
    .split(|letter: char| !letter.is_alphabetic())
    .map(str::to_lowercase)
    .collect()
});

/// Returns a text in which `…` replaces each unknown word, because an unknown word could be a name or an ID.
fn without_names(text: &str) -> String {
    text.split_inclusive(is_between_words)
        .map(|piece| {
            let word = piece.trim_end_matches(is_between_words);
            if is_known(word) {
                piece.to_owned()
            } else {
                piece.replacen(word, "…", 1)
            }
        })
        .collect()
}

fn is_between_words(letter: char) -> bool {
    !letter.is_alphanumeric() && !"._-".contains(letter)
}

/// Returns true if a word consists of known words and of at most [`MOST_DIGITS`] digits, as in `rate_limit`, "5am", or
/// "2.1.328".
fn is_known(word: &str) -> bool {
    word.matches(char::is_numeric).count() <= MOST_DIGITS
        && word
            .split(|letter: char| !letter.is_alphabetic())
            .all(|part| KNOWN_WORDS.contains(&part.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use regex_lite::Regex;

    use super::*;
    use crate::limits::Kind;

    #[test]
    fn all_words_of_whycap_itself_are_known() {
        let literal = Regex::new(r#""([^"]*)""#).unwrap();
        let placeholder = Regex::new(r"\{[^}]*\}").unwrap();
        let mut count = 0;
        for source in [include_str!("evidence.rs"), include_str!("headline.rs")] {
            for found in literal.captures_iter(source) {
                let words = placeholder.replace_all(&found[1], "");
                assert_eq!(without_names(&words), words);
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
        for kind in Kind::ALL {
            let description = kind.description();
            for words in [description.label, description.subject] {
                assert_eq!(without_names(words), words);
            }
        }
    }
}
