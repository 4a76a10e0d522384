//! Finds the names of limits in phrases such as "You've hit your weekly limit" or "Weekly limit reached".
//!
//! A name in `messages.json` lists the words that the limit's name must contain. A leading `=` requires an exact match,
//! `!` excludes messages that say "your limit", and `*` matches any Claude limit.

use crate::limits::kind::Window;
use crate::limits::words::WORDS;
use std::ops::Range;

/// The name of a limit that has been reached, as found in a message.
#[derive(Debug)]
pub(super) struct LimitName<'a> {
    words: Vec<&'a str>,
    /// True if the message says that the limit is the user's, as in "your limit".
    is_users_own: bool,
    pub(super) range: Range<usize>,
    /// True if the surrounding text could be part of a Claude Code message.
    is_plausible: bool,
}

impl LimitName<'_> {
    /// Returns true if the limit matches a name from `messages.json`.
    pub(super) fn matches(&self, name: &str) -> bool {
        if !self.is_plausible {
            return false;
        }
        match name.chars().next() {
            // Banks and phone companies also use the term "credit limit".
            Some('*') => self.words != ["credit"],
            Some('=') => {
                let exact: Vec<&str> = name.trim_start_matches('=').split(' ').collect();
                self.words == exact
            }
            Some('!') => !self.is_users_own && self.has_words(name.trim_start_matches('!')),
            _ => self.has_words(name),
        }
    }

    /// Returns true if the message says "your limit" and could be from Claude Code.
    pub(super) fn is_plausible_own_limit(&self) -> bool {
        self.is_users_own && self.is_plausible
    }

    /// Returns true if the limit has the name of a usage window. Other programs use different names for their limits.
    pub(super) fn is_of_window(&self) -> bool {
        ["session", "weekly", "5-hour", "5h"]
            .iter()
            .any(|window| self.words.contains(window))
    }

    fn has_words(&self, name: &str) -> bool {
        name.split(" & ")
            .flat_map(|part| part.split(' '))
            .all(|word| {
                self.words
                    .iter()
                    .any(|own_word| *own_word == word || own_word.strip_suffix("'s") == Some(word))
            })
    }
}

/// Finds the names of all limits that the normalized text reports as reached.
///
/// Many programs print "limit reached". If the text does not mention Claude, the limit name and this phrase must
/// therefore make up the entire message.
pub(super) fn limit_names(text: &str, mentions_claude: bool) -> Vec<LimitName<'_>> {
    let mut names: Vec<LimitName<'_>> = Vec::new();
    for yours in &WORDS.before_own_limit {
        for (start, _) in text.match_indices(yours) {
            let after = start + yours.len();
            let rest = text.get(after..).unwrap_or_default();
            let Some(end) = name_end(rest) else { continue };
            names.extend(LimitName::new(text, after, after + end, start, true));
        }
    }
    for reached in &WORDS.after_reached_limit {
        for (at, _) in text.match_indices(reached) {
            names.extend(reached_limit(text, at, at + reached.len(), mentions_claude));
        }
    }
    names.sort_by_key(|name| name.range.start);
    names
}

/// Returns the limit name in front of a phrase such as "limit reached".
fn reached_limit(
    text: &str,
    at: usize,
    end: usize,
    mentions_claude: bool,
) -> Option<LimitName<'_>> {
    let before_name = text.get(..at)?;
    let start = name_start(before_name.trim_end());
    let mut name = LimitName::new(text, start, at, start, false)?;
    let before = text.get(..start)?;
    let is_alone = super::pattern::is_wrapper(before) && is_end(text.get(end..)?);
    name.range.end = end;
    name.is_plausible &= name_stands_alone(before) && (mentions_claude || is_alone);
    name.is_users_own |= name.words.contains(&"your");
    Some(name)
}

/// Returns the position of the word that ends a name ("limit", "budget", or "cap").
fn name_end(rest: &str) -> Option<usize> {
    let sentence = rest.find(['.', '·', '\n', '"', ',']).unwrap_or(rest.len());
    let name = rest.get(..sentence)?;
    let is_cut_off = name.split(' ').all(|word| WORDS.limit_name.contains(&word));
    if is_cut_off {
        return Some(name.len());
    }
    ["limit", "budget", "cap"]
        .into_iter()
        .filter_map(|word| {
            let end = name.find(word)?;
            let is_word = name
                .get(end + word.len()..)
                .is_none_or(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
            is_word.then_some(end)
        })
        .min()
}

/// Returns the start position of the name at the end of the text.
fn name_start(before: &str) -> usize {
    let mut start = before.len();
    for word in before.rsplit(' ').take(6) {
        let clean = word.trim_start_matches(['"', '\'', '(', '[']);
        let is_model = clean.starts_with(|c: char| c.is_ascii_digit());
        if !WORDS.limit_name.contains(&clean) && !is_model {
            break;
        }
        if clean.len() < word.len() {
            // The message starts after the quotation mark.
            return start.saturating_sub(clean.len());
        }
        start = start.saturating_sub(word.len() + 1);
    }
    let mut start = if start == 0 {
        0
    } else {
        (start + 1).min(before.len())
    };
    while !before.is_char_boundary(start) {
        start += 1;
    }
    start
}

/// Returns true if a message is preceded by a condition or an explanation.
fn is_conditional(before: &str) -> bool {
    let mut words = before
        .split_whitespace()
        .rev()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '\''))
        .skip_while(|word| WORDS.subjects.contains(word));
    words
        .next()
        .is_some_and(|word| WORDS.conditions.contains(&word))
}

/// Returns true if nothing follows the message except possibly a reset time.
fn is_end(after: &str) -> bool {
    let rest = after.trim_start_matches([' ', '.', '!', '·', '-', '|', '"', '\'']);
    rest.is_empty() || rest.starts_with("reset")
}

/// Returns true if the text is a plausible continuation after a limit name.
fn is_continuation(after: &str) -> bool {
    let word_end = after
        .find(|c: char| !c.is_alphanumeric())
        .unwrap_or(after.len());
    let rest = after.get(word_end..).unwrap_or_default().trim_start();
    !rest.starts_with(char::is_alphanumeric)
        || WORDS
            .continuations
            .iter()
            .any(|words| rest.starts_with(words))
}

/// Returns the model family in a text that follows the name of a limit and names nothing else, as in "limit for Fable 5".
fn family_after(after: &str) -> Option<&str> {
    let (_, model) = after.split_once("for ").filter(|(limit, _)| {
        let mut words = limit.split_whitespace();
        words.all(|word| ["limit", "reached"].contains(&word))
    })?;
    let end = model
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(model.len());
    let (family, rest) = model.split_at(end);
    let is_family = Window::ALL
        .into_iter()
        .any(|window| window.family() == Some(family));
    let other_words = rest.split(['·', ',', ';', '!', '|', '\n']).next()?;
    let names_only_model = other_words
        .split(". ")
        .next()?
        .split_whitespace()
        .all(|word| {
            ["model", "models"].contains(&word.trim_end_matches('.'))
                || word.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        });
    (is_family && names_only_model).then_some(family)
}

/// Returns true if the text can precede a message that starts with a limit name.
fn name_stands_alone(before: &str) -> bool {
    let statement = before.trim_end();
    super::pattern::is_wrapper(statement)
        || statement.ends_with([
            '.', ':', '·', '"', '\'', '-', '!', '?', ']', ')', '>', '|', '⎿', '●', '⏺', '│', '*',
            '(', '=',
        ])
}

impl<'a> LimitName<'a> {
    fn new(
        text: &'a str,
        from: usize,
        end: usize,
        start: usize,
        is_users_own: bool,
    ) -> Option<Self> {
        let name = text.get(from..end)?;
        let after = text.get(end..).unwrap_or_default();
        let words: Vec<&str> = name
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'', '(', '[']))
            .filter(|word| !word.is_empty())
            .chain(family_after(after))
            .collect();
        let is_claudes = words.iter().all(|word| {
            WORDS.limit_name.contains(word)
                || word
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
        });
        let before = text.get(..start).unwrap_or_default();
        let is_followed = !words.is_empty() || is_users_own && is_continuation(after.trim_start());
        let has_reset = after.contains("· resets") || after.contains('|');
        is_claudes.then(|| Self {
            is_plausible: (is_followed || has_reset) && !is_conditional(before),
            words,
            is_users_own,
            range: start..end + after.find(' ').unwrap_or(after.len()),
        })
    }
}
