//! Finds the catalog row that matches the words of a passage.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use super::context;
use super::limit_name::{self, LimitName};
use super::pattern;
use super::row::{Rank, Row, rows};
use crate::limits::kind::Service;

/// The maximum number of searches in one passage, including those for later messages. Each search examines the rest of the
/// passage, so without a maximum, explaining a long text that repeats a message would take minutes.
const MOST_SEARCHES: usize = 24;

/// A catalog row that matches a passage by its words.
#[derive(Debug, Clone)]
pub(super) struct WordMatch {
    pub(super) row: &'static Row,
    /// The position of the matching words.
    pub(super) range: Range<usize>,
}

impl WordMatch {
    /// Converts a match in a part of the text to a match in the entire text. `start` is the position of that part.
    fn after(self, start: usize) -> Self {
        Self {
            range: start + self.range.start..start + self.range.end,
            ..self
        }
    }
}

/// Finds the catalog row that matches the words of a normalized text. Rows about other programs are considered only if
/// the text does not contain a message that is unmistakably Claude's. If several messages are quoted, the last one wins, or
/// the last one that [`MOST_SEARCHES`] searches find.
pub(super) fn row_of_words(normalized: &str, mentions_claude: bool) -> Option<WordMatch> {
    let search = WordSearch {
        mentions_claude,
        matches: RefCell::default(),
    };
    search.last_match(normalized)
}

/// A search for the catalog row that matches a passage.
struct WordSearch {
    mentions_claude: bool,
    /// The results for the ends of the passage that have been searched, by the length of the end. A search that has not
    /// finished has no result yet.
    matches: RefCell<HashMap<usize, Option<WordMatch>>>,
}

impl WordSearch {
    /// Returns the match that counts in the given end of the passage: the first one, or a later one that replaces it.
    /// Returns `None` if no row matches, or if [`MOST_SEARCHES`] ends of the passage have been searched.
    fn last_match(&self, end_of_passage: &str) -> Option<WordMatch> {
        let length = end_of_passage.len();
        if let Some(known) = self.matches.borrow().get(&length) {
            return known.clone();
        }
        if self.matches.borrow().len() >= MOST_SEARCHES {
            return None;
        }
        self.matches.borrow_mut().insert(length, None);

        let first = self.first_match(end_of_passage)?;
        let later = self
            .error_after_notice(&first, end_of_passage)
            .or_else(|| self.in_later_quotation(&first, end_of_passage));
        let last = later.unwrap_or(first);
        self.matches.borrow_mut().insert(length, Some(last.clone()));
        Some(last)
    }

    /// Finds the first catalog row with a pattern or limit name that occurs in the normalized text.
    fn first_match(&self, normalized: &str) -> Option<WordMatch> {
        let names = limit_name::limit_names(normalized, self.mentions_claude);
        // Agent logs, for example, contain Claude Code messages but also mention other programs.
        let is_claudes = names.iter().any(|name| {
            name.is_plausible_own_limit()
                && (context::is_complete(normalized, &name.range)
                    || name.is_of_window() && normalized.contains("claude"))
        });
        let mut candidates =
            rows().filter(|row| !is_claudes || row.service != Some(Service::Other));
        let first = candidates.find_map(|row| {
            let range = row
                .patterns
                .iter()
                .find_map(|words| pattern::find(words, normalized, self.mentions_claude))
                .or_else(|| {
                    let name = names.iter().find(|name| is_named(row, name))?;
                    Some(name.range.clone())
                })?;
            Some(WordMatch { row, range })
        })?;
        Some(own_limit_first(first, &names, normalized))
    }

    /// Looks for an error after a notice in the same text, as in `Context low · Run /compact, Error: Conversation too
    /// long`. The error is what stopped work.
    fn error_after_notice(&self, notice: &WordMatch, normalized: &str) -> Option<WordMatch> {
        let start = notice.range.end;
        let rest = normalized.get(start..)?;
        if !notice.row.is_notice() || !rest.contains("error:") {
            return None;
        }
        let later = self.last_match(rest)?;
        let between = rest.get(..later.range.start)?;
        between.contains("error:").then(|| later.after(start))
    }

    /// Looks for a match in a later quotation. When users quote several messages, the last one is what stopped work, as in
    /// `first "You've hit your session limit", and now "You've hit your weekly limit"`.
    fn in_later_quotation(&self, earlier: &WordMatch, normalized: &str) -> Option<WordMatch> {
        let behind = normalized.get(earlier.range.end..)?;
        let start = earlier.range.end + behind.find(['"', '\''])? + 1;
        let rest = normalized.get(start..)?;
        let later = self.last_match(rest)?;
        let before = rest.get(..later.range.start)?;
        let is_quoted = before.ends_with('\'') || context::ends_in_quote(before);
        // Quotations with hardly any words between them are just a list.
        let is_sequence = before.split_whitespace().nth(2).is_some();
        let is_limit = later.row.rank == Rank::Limit;
        (is_quoted && is_sequence && is_limit).then(|| later.after(start))
    }
}

/// Returns true if the limit name matches one of the row's names.
fn is_named(row: &Row, name: &LimitName<'_>) -> bool {
    row.limit_names.iter().any(|words| name.matches(words))
}

/// Prefers a limit name at the start of a message over words that follow it. For example, "You've hit your 5-hour limit
/// · resets 3pm · out of usage credits" is about the 5-hour limit.
fn own_limit_first(words: WordMatch, names: &[LimitName<'_>], normalized: &str) -> WordMatch {
    let first_name = names
        .iter()
        .find(|name| name.is_plausible_own_limit() && name.range.end < words.range.start);
    let Some(name) = first_name else {
        return words;
    };
    let between = normalized.get(name.range.end..words.range.start);
    if between.is_some_and(|between| between.contains('"')) {
        return words;
    }
    match rows().find(|row| is_named(row, name)) {
        Some(row) if row.rank == words.row.rank && row.limit.window().is_some() => WordMatch {
            row,
            range: name.range.clone(),
        },
        Some(_) | None => words,
    }
}
