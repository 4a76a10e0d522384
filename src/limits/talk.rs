//! Whether a text that somebody pasted is a message, or speaks of messages: manuals, lists of patterns,
//! tables, requests, tests. What they quote stopped nobody.
//!
//! Who tells what happened to them speaks of themselves, or pastes a terminal. Without that, a text that says
//! how a message begins, gives examples, or has a program look for one is about messages.

use std::collections::HashSet;

use super::passages::STARTS_OF_LINES;
use super::vocabulary::{FIRST_SIGN, VOCABULARY, normalize};

/// Who gives a text, as far as it can be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Giver {
    /// A terminal, a log, the API: messages of many kinds may follow one another.
    #[default]
    Machine,
    /// Somebody who tells what happened to them.
    Oneself,
    /// Whoever describes messages, for people or for programs.
    Author,
    /// Nobody knows.
    Open,
}

impl Giver {
    pub(super) fn of_text(text: &str) -> Self {
        let words = normalize(text);
        if is_of_a_machine(text) {
            Self::Machine
        } else if speaks_of_oneself(&words) {
            Self::Oneself
        } else if VOCABULARY.describes.stand_in(&format!(" {words} ")) || gives_examples(&words) {
            Self::Author
        } else {
            Self::Open
        }
    }
}

/// Whether it has what only a terminal, a log or the API writes: marks, times, a request's own id, the
/// places in a program that failed.
fn is_of_a_machine(text: &str) -> bool {
    text.contains(STARTS_OF_LINES)
        || VOCABULARY.machines.stand_in(text)
        || text.lines().any(is_timed)
}

/// `2026-11-20 09:12:01 …`, `[2026-11-20T09:12:01Z] …`
fn is_timed(line: &str) -> bool {
    let line = line.trim_start_matches(['[', ' ']);
    let time = line.split([' ', ']', 'T']).nth(1).unwrap_or_default();
    line.starts_with("20") && time.split(':').count() > 2
}

/// Whether a message stands there as an example: `such as "You've hit …"`.
fn gives_examples(words: &str) -> bool {
    let lists = &VOCABULARY;
    let examples = lists.before_examples.iter();
    let mut behind = examples.flat_map(|before| words.split(before).skip(1));
    behind.any(|after| {
        let (_, quoted) = after.split_once(['"', '\'']).unwrap_or_default();
        let is_quoted = after.len() - quoted.len() < 12;
        let bare = after.trim_start_matches([' ', ':']);
        let message = if is_quoted { quoted } else { bare };
        lists.beginnings.begin(message) || lists.openings.begin(message)
    })
}

/// Whether somebody says "I" or "my", in one of the languages in which most people paste.
fn speaks_of_oneself(words: &str) -> bool {
    let lists = &VOCABULARY;
    let mut single = words.split(|c: char| !(c.is_alphanumeric() || c == '\''));
    single.any(|word| lists.oneself.hold(word.trim_matches('\'')))
        || lists.oneself_anywhere.stand_in(words)
}

/// The parts of a text that may be messages of their own: its lines, cells, and what it quotes.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    const LONGEST: usize = 16 * 1024;
    /// No message is shorter.
    const SHORTEST: usize = 8;
    let is_between = |c: char| "\n\t\"`“”„«»「」|,;<>".contains(c);
    let text = if text.len() > LONGEST { "" } else { text };
    let parts = text.split(is_between).flat_map(|part| part.split(" / "));
    parts.filter(|part| part.len() >= SHORTEST)
}

/// Whether such a message stands in quotes in a sentence that goes on behind it: `don't show "…" twice`.
pub(super) fn is_quoted_amid(text: &str, is_message: impl Fn(&str) -> bool) -> bool {
    let pieces: Vec<&str> = text.split(['"', '“', '”', '„', '`']).collect();
    pieces.windows(3).step_by(2).any(|pieces| match pieces {
        [before, quoted, after] => {
            let before = before.trim_end_matches([' ', '\n', '(', '*']);
            let goes_on = after.split(['.', ':', '!', '?', ';', '\n']).next();
            let follows = goes_on.map(|words| words_beside(words, &HashSet::new()));
            before.ends_with(char::is_alphabetic) && follows > Some(0) && is_message(quoted)
        }
        _ => false,
    })
}

/// How many words a text has that neither a message nor a wrapper has. Where no blanks part words, three
/// signs are one.
pub(super) fn words_beside(text: &str, known: &HashSet<String>) -> usize {
    let is_between = |c: char| c.is_whitespace() || "()[]{}<>\"|*,;:.!?·".contains(c);
    let words = text.split(is_between).filter(|word| {
        !word.contains(['=', '/', '_']) && !known.contains(*word) && !VOCABULARY.wrapping.hold(word)
    });
    words.map(weight).sum()
}

/// How many words this is: one, or as many as its signs may be.
fn weight(word: &str) -> usize {
    let letters = word.chars().filter(|c| c.is_alphabetic());
    match letters.clone().filter(|c| *c >= FIRST_SIGN).count() {
        0 => usize::from(letters.count() > 1),
        signs => signs.div_ceil(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_a_text_is_told_by_its_words() {
        for (text, expected) in [
            (
                "I get \"Credit balance is too low\", e.g. today",
                Giver::Oneself,
            ),
            ("⎿ Credit balance is too low, for example", Giver::Machine),
            ("e.g. \"Credit balance is too low\"", Giver::Author),
            ("Credit balance is too low", Giver::Open),
        ] {
            assert_eq!(Giver::of_text(text), expected, "{text}");
        }
    }

    #[test]
    fn words_that_no_message_has_are_counted() {
        let known = ["credit", "balance", "is", "too", "low"]
            .map(str::to_owned)
            .into();
        for (text, expected) in [
            ("error: credit balance is too low", 0),
            ("level=error msg=\"credit balance is too low\" (exit 1)", 1),
            ("the loop stops on \"credit balance is too low\"", 3),
            ("\"credit balance is too low\" 说明余额不足", 2),
        ] {
            assert_eq!(words_beside(text, &known), expected, "{text}");
        }
    }
}
