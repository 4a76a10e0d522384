//! Recognizes a message: which row of the catalog explains it, and what it states.
//!
//! The catalog (`catalog.json`) is data. A text is split into statements and normalized once, and each statement is
//! compared with the rows once.

mod kind;
mod row;
mod statement;
mod times;
mod words;

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use regex_lite::Regex;

use crate::time::Zone;

pub use kind::Kind;
pub use row::{ROWS, Rank, Row, Service, Stops, Verdict, Waiting, Who};
use statement::Statement;

/// An error as it was reported or pasted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The text of the error.
    pub text: String,
    /// The error class that Claude Code reported, such as `rate_limit`. `None` if a user pasted the text.
    pub class: Option<String>,
    /// The machine-readable codes of the error.
    pub codes: Vec<String>,
    /// The HTTP status.
    pub status: Option<u16>,
}

impl Report {
    /// Returns the report of a text that a user pasted.
    pub fn pasted(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

/// What a message says.
#[derive(Debug, Clone)]
pub struct Message {
    /// The row of the catalog that explains the message.
    pub row: &'static Row,
    /// The kind of the row, or else the kind that a warning names.
    pub kind: Option<Kind>,
    /// The time that the message states.
    pub stated: Option<Stated>,
    /// The amounts of money that the message quotes, as in "$50.00".
    pub figures: Vec<String>,
    /// Whether the message says that no usage credits are left.
    pub says_no_credits: bool,
    /// The statement that is the message, in lower case.
    pub text: String,
}

/// A time that a message states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    /// The time.
    pub at: DateTime<Utc>,
    /// Whose time it is.
    pub of: TimeOf,
}

/// Whose time a message states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOf {
    /// The limit of the message ends at this time.
    Limit,
    /// A usage window resets at this time, and the limit of the message is needed only beyond that window. `None` if the
    /// message does not say which window.
    Window(Option<Kind>),
}

/// Recognizes the message of an error that appeared at `at`. Times without a zone are in the user's zone.
pub fn recognize(report: &Report, at: DateTime<Utc>, zone: Zone) -> Message {
    let is_of_claude = report.class.is_some() || report.status.is_some();
    let mut lines = normalize(&report.text);
    if !is_of_claude {
        lines.retain(|line| !words::is_code(line) && !words::is_of_other_program(line));
    }
    let whole = lines.join(" ");
    let is_about_claude = is_of_claude || words::mentions_claude(&whole);
    let rows: Vec<_> = lines
        .iter()
        .map(|line| Statement::new(line, is_about_claude).row())
        .collect();
    let best = rows
        .iter()
        .flatten()
        .enumerate()
        .max_by_key(|(index, row)| (row.rank, *index))
        .map(|(_, row)| *row);
    let row = best
        .or_else(|| claimed_row(&whole))
        .or_else(|| Statement::new(&whole, is_about_claude).row())
        .or_else(|| by_class(report, &whole))
        .unwrap_or_else(|| {
            Row::by_id(if is_about_claude {
                "unknown"
            } else {
                "foreign"
            })
        });
    // A statement can continue in the next line. If a text repeats a message, only one place may state the reset.
    let mut contexts = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if rows
            .get(index)
            .is_some_and(|found| found.is_some_and(|found| found.id == row.id))
        {
            let next = lines.get(index + 1).map_or("", String::as_str);
            contexts.push(format!("{line} {next}"));
            contexts.push(line.clone());
        }
    }
    let states_reset = contexts
        .iter()
        .rposition(|context| times::find(context, at, zone).is_some());
    let text = match states_reset {
        Some(index) => contexts.swap_remove(index),
        None => contexts.pop().unwrap_or(whole),
    };
    let of = RESET_OF_WINDOW
        .captures(&text)
        .map_or(TimeOf::Limit, |captures| {
            TimeOf::Window(Some(match &captures[1] {
                "weekly" => Kind::Weekly,
                _ => Kind::FiveHour,
            }))
        });
    let is_notice = row.stops == Stops::Nothing;
    Message {
        row,
        kind: row.kind.or_else(|| named_kind(&text).filter(|_| is_notice)),
        stated: times::find(&text, at, zone).map(|at| Stated { at, of }),
        figures: FIGURE
            .find_iter(&text)
            .map(|figure| figure.as_str().to_owned())
            .collect(),
        says_no_credits: text.contains("out of usage credits"),
        text,
    }
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constant, and the unit tests use all of them"
)]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

static RESET_OF_WINDOW: LazyLock<Regex> =
    LazyLock::new(|| regex(r"your (5-hour|session|weekly) limit resets"));

static FIGURE: LazyLock<Regex> = LazyLock::new(|| regex(r"[$€£]\d[\d,]*(?:\.\d+)?"));

/// The limit that a warning names.
fn named_kind(context: &str) -> Option<Kind> {
    let names = [
        ("credit", Kind::UsageCredits),
        ("opus", Kind::WeeklyOpus),
        ("sonnet", Kind::WeeklySonnet),
        ("fable", Kind::WeeklyFable),
        ("weekly", Kind::Weekly),
        ("5-hour", Kind::FiveHour),
        ("session", Kind::FiveHour),
    ];
    names
        .into_iter()
        .filter_map(|(name, kind)| Some((context.find(name)?, kind)))
        .min()
        .map(|(_, kind)| kind)
}

/// The row for a window that the server's own statement names, as in `"rateLimitType":"five_hour"`.
fn claimed_row(whole: &str) -> Option<&'static Row> {
    static CLAIM: LazyLock<Regex> =
        LazyLock::new(|| regex(r"ratelimittype\W{1,4}(five_hour|seven_day(?:_opus|_sonnet)?)\b"));
    if !whole.contains("rejected") {
        return None;
    }
    Some(Row::by_id(match &CLAIM.captures(whole)?[1] {
        "five_hour" => "five-hour",
        "seven_day_opus" => "weekly-opus",
        "seven_day_sonnet" => "weekly-sonnet",
        _ => "weekly",
    }))
}

/// The row for an error whose text is not in the catalog, by its codes, class, and status.
fn by_class(report: &Report, whole: &str) -> Option<&'static Row> {
    let status = report
        .status
        .map(|status| status.to_string())
        .or_else(|| status_in(whole));
    let has_code = |row: &Row| {
        row.codes.iter().any(|code| {
            report.codes.iter().any(|found| found == code) || whole.contains(&code.to_lowercase())
        })
    };
    let has_class = |row: &Row| {
        row.classes.iter().any(|class| {
            report.class.as_deref() == Some(class)
                || report.codes.iter().any(|found| found == class)
                || status
                    .as_ref()
                    .is_some_and(|status| match class.split_once('-') {
                        Some((from, to)) => (from..=to).contains(&status.as_str()),
                        None => *class == status,
                    })
                || (class.contains('_') && whole.contains(class))
        })
    };
    ROWS.iter()
        .find(|row| has_code(row))
        .or_else(|| {
            ROWS.iter()
                .find(|row| row.rank != Rank::Limit && has_class(row))
        })
        .or_else(|| ROWS.iter().find(|row| has_class(row)))
}

/// The HTTP status that a text mentions.
fn status_in(text: &str) -> Option<String> {
    static STATUS: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"(?:error|code|http|status|rejected|failed)\W{0,4}\(?([45]\d\d)\b")
    });
    STATUS.captures(text).map(|captures| captures[1].to_owned())
}

/// Replacements that give the same words the same characters.
const REPLACEMENTS: &[(&str, &str)] = &[
    ("\u{2019}", "'"),
    ("\u{2018}", "'"),
    ("&#39;", "'"),
    ("\u{201c}", "\""),
    ("\u{201d}", "\""),
    ("\u{2219}", "·"),
    ("\u{2022}", "·"),
    ("\\u00b7", "·"),
    ("\\u2219", "·"),
    ("\\u2019", "'"),
    ("\u{ff1a}", ":"),
    ("\u{a0}", " "),
    ("\\n", "\n"),
    ("\\\"", "\""),
    ("`", "'"),
    ("youve", "you've"),
    ("youre ", "you're "),
    ("you have hit", "you've hit"),
    ("you have reached your", "you've reached your"),
];

static WRAPPED: LazyLock<Regex> = LazyLock::new(|| regex(r"([a-z,]) *\n {2,}([a-z])"));

/// Returns the statements of a text in lower case, without ANSI sequences and without the marks that terminals print.
fn normalize(text: &str) -> Vec<String> {
    static ANSI: LazyLock<Regex> = LazyLock::new(|| {
        regex("\u{1b}\\[[0-9;?]*[a-zA-Z]|\u{1b}\\][^\u{7}\u{1b}]*(?:\u{7}|\u{1b}\\\\)")
    });
    static MARKS: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"^(?:[\s⎿●⏺■✻✽✢│├└❯›>⚠✗✘❌*┃☒⚡✖×▶◆□▎|"'({\[·\u{fe0f}]|- |\$ |internal error:|error:|result:)+"#,
        )
    });
    let mut plain = ANSI.replace_all(text, "").to_lowercase();
    for (from, to) in REPLACEMENTS {
        plain = plain.replace(from, to);
    }
    WRAPPED
        .replace_all(&plain, "$1 $2")
        .lines()
        .map(|line| {
            MARKS
                .replace(line, "")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .filter(|line| !line.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_row_has_its_own_name() {
        let names: BTreeSet<_> = ROWS.iter().map(|row| row.id).collect();
        assert_eq!(names.len(), ROWS.len());
    }

    #[test]
    fn each_kind_has_a_row() {
        for kind in Kind::ALL {
            let is_unknown = kind == Kind::Unknown;
            assert!(
                is_unknown || ROWS.iter().any(|row| row.kind == Some(kind)),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn a_stated_time_of_a_window_is_not_the_end_of_a_cap() {
        let at = "2026-11-20T12:00:00Z".parse().unwrap();
        for (text, of) in [
            (
                "You've hit your org's monthly spend limit · resets Dec 1",
                TimeOf::Limit,
            ),
            (
                "You've hit your org's monthly spend limit · your weekly limit resets Nov 24",
                TimeOf::Window(Some(Kind::Weekly)),
            ),
        ] {
            let message = recognize(&Report::pasted(text), at, Zone::UTC);
            assert_eq!(message.kind, Some(Kind::OrgSpendCap), "{text}");
            assert_eq!(message.stated.map(|stated| stated.of), Some(of), "{text}");
        }
    }
}
