//! Compares one statement of a text with the rows of the catalog.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::row::{ROWS, Row};
use super::{Kind, regex};

/// Phrases around the name of a limit that was reached.
static NAMED_LIMITS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"(?:hit|reached|exceeded|exhausted|used up|used all of) (?:your|the|my) (?:claude )?([^·.;:\n]{0,40}?) ?(?:limits?|caps?|allowance|quota|budget)\b",
        r"(?:^|[·.:;|(\[>\x22'] ?|your |the |claude (?:ai |code )?)([a-z0-9'. -]{0,30}?) ?(?:limits?|cap) (?:has been |is |was )?(?:reached|exceeded|hit)\b",
    ]
    .into_iter()
    .map(regex)
    .collect()
});

/// The words that the name of a limit of Claude can consist of.
const NAME_WORDS: &[&str] = &[
    "5-hour",
    "5h",
    "5",
    "hour",
    "five-hour",
    "session",
    "weekly",
    "7-day",
    "five_hour",
    "seven_day",
    "opus",
    "sonnet",
    "haiku",
    "fable",
    "mythos",
    "usage",
    "credit",
    "credits",
    "claude",
    "ai",
    "code",
    "monthly",
    "spend",
    "spending",
    "org's",
    "organization's",
    "organisation's",
    "individual",
    "member",
    "channel's",
    "team's",
    "group's",
    "group",
    "shared",
    "pooled",
    "plan",
    "personal",
    "fast",
    "extra",
    "overage",
    "your",
    "current",
    "included",
    "max",
    "pro",
];

/// A statement whose words are compared with the catalog.
pub(super) struct Statement<'a> {
    /// The normalized text, in lower case.
    pub(super) text: &'a str,
    /// Whether the text is known to come from Claude Code.
    pub(super) is_of_claude: bool,
    limit_names: Vec<String>,
    /// Whether the statement begins with the name, without "your" before it.
    begins_with_name: bool,
}

impl<'a> Statement<'a> {
    pub(super) fn new(text: &'a str, is_of_claude: bool) -> Self {
        let limit_names: Vec<String> = NAMED_LIMITS
            .iter()
            .flat_map(|regex| regex.captures_iter(text))
            .filter_map(|captures| captures.get(1))
            .map(|name| name.as_str().trim().to_owned())
            .filter(|name| {
                name.split_whitespace().all(|word| {
                    NAME_WORDS.contains(&word)
                        || word
                            .chars()
                            .all(|char| char.is_ascii_digit() || char == '.')
                })
            })
            .collect();
        let begins_with_name = limit_names
            .first()
            .is_some_and(|name| !text.contains(&format!("your {name}")));
        Self {
            text,
            is_of_claude,
            limit_names,
            begins_with_name,
        }
    }

    /// Returns the first row whose words or limit names are in the statement. If the statement begins with the name of a
    /// usage window, whatever follows only says more about it.
    pub(super) fn row(&self) -> Option<&'static Row> {
        if let Some((beginning, _)) = self.text.split_once(" · ") {
            let row = Statement::new(beginning, self.is_of_claude).row();
            if row.is_some_and(|row| row.kind.is_some_and(Kind::is_window)) {
                return row;
            }
        }
        ROWS.iter().find(|row| {
            row.patterns.iter().any(|pattern| self.contains(pattern))
                || row.limit_names.iter().any(|name| self.names(name))
        })
    }

    fn contains(&self, pattern: &str) -> bool {
        let (mark, words) = match pattern.chars().next() {
            Some(mark @ ('?' | '~' | '^' | '=')) => (mark, &pattern[1..]),
            _ => (' ', pattern),
        };
        match mark {
            '?' => self.is_of_claude && contains_in_order(self.text, words),
            '~' | '^' => self.text.starts_with(words),
            '=' => self.text.trim_end_matches(['.', '!']) == words,
            _ => contains_in_order(self.text, words),
        }
    }

    fn names(&self, name: &str) -> bool {
        self.limit_names
            .iter()
            .any(|found| match name.strip_prefix('=') {
                Some(complete) => {
                    found == complete && (self.is_of_claude || found.contains("usage"))
                }
                None if name.starts_with('!') => self.begins_with_name && *found == name[1..],
                None if name == "*" => self.is_of_claude || found.contains("usage"),
                None => contains_in_order(&format!(" {found} "), &format!(" {name} ")),
            })
    }
}

fn contains_in_order(text: &str, parts: &str) -> bool {
    let mut rest = text;
    parts.split(" & ").all(|part| match rest.find(part) {
        Some(position) => {
            rest = &rest[position + part.len()..];
            true
        }
        None => false,
    })
}
