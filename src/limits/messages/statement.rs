//! Compares the statements of a text (its lines without the marks before them) with the rows of the catalog.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use regex_lite::Regex;

use super::row::{ROWS, Row};
use super::{Kind, Stated, regex, stated_time, words};
use crate::time::Zone;

/// Phrases around the name of a limit that was reached.
static NAMED_LIMITS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"(?:hit|reached|exceeded|exhausted|used up|used all of) (?:your|the|my) (?:claude )?([^·.;:\n]{0,40}?) ?(?:(?:limits?|caps?|allowance|quota|budget)\b|$)",
        r"(?:^|[·.:;|(\[>\x22'—–⎿] ?|your |the |claude (?:ai |code )?)([a-z0-9'. -]{0,30}?) ?(?:limits?|cap) (?:has been |is |was )?(?:reached|exceeded|hit)\b",
    ]
    .into_iter()
    .map(regex)
    .collect()
});

/// The maximum number of lines in a message.
const PARAGRAPH: usize = 6;

/// A statement, and the row of the catalog that explains it.
pub(super) struct Match {
    pub row: &'static Row,
    /// The index of the statement.
    pub index: usize,
    /// The statement, followed by the lines in which the message may continue.
    pub text: String,
}

impl Match {
    /// Returns the time that the statement states.
    pub(super) fn time(&self, at: DateTime<Utc>, zone: Zone) -> Option<Stated> {
        stated_time(self.row, &self.text, at, zone)
    }
}

/// Compares each statement with the catalog. If neither a statement nor the next one matches a row, the two are
/// compared as one, because a terminal may have wrapped a single line.
pub(super) fn matches(statements: &[String], is_about_claude: bool) -> Vec<Match> {
    let rows: Vec<_> = statements
        .iter()
        .map(|text| Statement::new(text, is_about_claude).row())
        .collect();
    let mut matches = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let may_be_wrapped = rows.get(index + 1).is_some_and(Option::is_none);
        let found = match row {
            None if may_be_wrapped => {
                let wrapped = join(statements, index, 2);
                Statement::new(&wrapped, is_about_claude).row()
            }
            row => *row,
        };
        if let Some(row) = found {
            matches.push(Match {
                row,
                index,
                text: join(statements, index, PARAGRAPH),
            });
        }
    }
    matches
}

fn join(statements: &[String], start: usize, count: usize) -> String {
    let paragraph: Vec<_> = statements
        .iter()
        .skip(start)
        .take(count)
        .map(String::as_str)
        .collect();
    paragraph.join(" ")
}

/// A statement whose words are compared with the catalog.
pub(super) struct Statement<'a> {
    /// The normalized text, in lower case.
    text: &'a str,
    /// True if the text is about Claude.
    is_about_claude: bool,
    limit_names: Vec<String>,
    /// True if the statement begins with the name, without "your" before it.
    begins_with_name: bool,
}

impl<'a> Statement<'a> {
    pub(super) fn new(text: &'a str, is_about_claude: bool) -> Self {
        let says_that_it_was_reached = ["hit", "reached", "exceeded", "exhausted", "used"]
            .iter()
            .any(|verb| text.contains(verb));
        let phrases: &[Regex] = if says_that_it_was_reached {
            &NAMED_LIMITS
        } else {
            &[]
        };
        let limit_names: Vec<String> = phrases
            .iter()
            .flat_map(|regex| regex.captures_iter(text))
            .filter_map(|captures| {
                let name = captures.get(1)?.as_str().trim();
                // "The limit was reached" can be about any limit.
                let is_named = !name.is_empty() || captures[0].contains("your");
                is_named.then(|| name.to_owned())
            })
            .filter(|name| words::is_limit_name(name))
            .collect();
        let begins_with_name = limit_names
            .first()
            .is_some_and(|name| !text.contains(&format!("your {name}")));
        Self {
            text,
            is_about_claude,
            limit_names,
            begins_with_name,
        }
    }

    /// Returns the first row whose words or limit names are in the statement. If the part before the first " · " names
    /// a usage window, the rest of the statement is ignored, because it only adds details.
    pub(super) fn row(&self) -> Option<&'static Row> {
        if let Some((beginning, _)) = self.text.split_once(" · ") {
            let row = Statement::new(beginning, self.is_about_claude).row();
            if row.is_some_and(|row| row.kind.is_some_and(Kind::is_window)) {
                return row;
            }
        }
        ROWS.iter().find(|row| {
            row.patterns
                .iter()
                .any(|pattern| self.contains(pattern))
                || row.limit_names.iter().any(|name| self.names(name))
        })
    }

    fn contains(&self, pattern: &str) -> bool {
        if let Some(words) = pattern.strip_prefix('?') {
            self.is_about_claude && contains_in_order(self.text, words)
        } else if let Some(start) = pattern.strip_prefix('^') {
            self.text.starts_with(start)
        } else if let Some(statement) = pattern.strip_prefix('=') {
            self.text.trim_end_matches(['.', '!']) == statement
        } else {
            contains_in_order(self.text, pattern)
        }
    }

    fn names(&self, name: &str) -> bool {
        self.limit_names
            .iter()
            .any(|found| self.is_named(found, name))
    }

    /// Returns true if the name of a limit in the statement matches a name in a row.
    fn is_named(&self, found: &str, name: &str) -> bool {
        let is_of_claude = self.is_about_claude || found.contains("usage");
        if name == "*" {
            is_of_claude
        } else if let Some(complete) = name.strip_prefix('=') {
            found == complete && is_of_claude
        } else if let Some(complete) = name.strip_prefix('!') {
            found == complete && self.begins_with_name
        } else {
            contains_in_order(&format!(" {found} "), &format!(" {name} "))
        }
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
