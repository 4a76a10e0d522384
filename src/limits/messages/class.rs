//! Selects the row for an error whose text is not in the catalog.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::row::{ROWS, Rank, Row};
use super::{ErrorReport, regex};

static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?:^|(?:error|code|http|status|rejected|failed)\W{0,4}\(?)([45]\d\d)\b")
});

/// Returns the row for an error whose text is not in the catalog, selected by the error's codes, class, and HTTP
/// status.
pub(super) fn row(report: &ErrorReport, text: &str) -> Option<&'static Row> {
    let status = report.status.or_else(|| {
        let captures = STATUS.captures(text)?;
        captures[1].parse().ok()
    });
    let codes: Vec<_> = report.codes.iter().chain(&report.class).collect();
    ROWS.iter()
        .find(|row| {
            row.codes
                .iter()
                .any(|code| has_code(code, &codes, text))
        })
        .or_else(|| {
            ROWS.iter()
                .filter(|row| {
                    row.classes
                        .iter()
                        .any(|class| has_class(class, &codes, status, text))
                })
                .min_by_key(|row| row.rank == Rank::Limit)
        })
}

fn has_code(code: &str, codes: &[&String], text: &str) -> bool {
    codes.iter().any(|found| *found == code) || text.contains(&code.to_lowercase())
}

/// Returns true if an error has this class, or a status in this range (`500-599`).
fn has_class(class: &str, codes: &[&String], status: Option<u16>, text: &str) -> bool {
    let (from, to) = class.split_once('-').unwrap_or((class, class));
    match (from.parse::<u16>(), to.parse()) {
        (Ok(from), Ok(to)) => status.is_some_and(|status| (from..=to).contains(&status)),
        _ => {
            codes.iter().any(|found| *found == class)
                || (class.contains('_') && contains_name(text, class))
        }
    }
}

/// Returns true if a text contains a name that is not part of a longer one.
fn contains_name(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(start, _)| {
        !text[..start].ends_with(is_of_name) && !text[start + name.len()..].starts_with(is_of_name)
    })
}

fn is_of_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}
