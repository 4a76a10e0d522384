//! Recognizes a message: which row of the catalog explains it, and what it states.
//!
//! The catalog (`catalog.json`) is data. A text is split into statements, which are its lines without the marks before
//! them. Each statement is normalized once and compared with the rows once. If several statements match, the one whose
//! row has the highest rank is used, and if their ranks are equal, the last one that states a time. If none matches,
//! the row is selected by the error class and the HTTP status.

mod claim;
mod class;
mod kind;
mod row;
mod statement;
mod text;
mod times;
mod words;

use std::collections::HashSet;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use regex_lite::Regex;

use crate::time::Zone;

pub use kind::Kind;
pub use row::{ROWS, Rank, Row, Service, Stops, Verdict, Waiting, Who};
use statement::Statement;

/// An error as it was reported or pasted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorReport {
    /// The text of the error.
    pub text: String,
    /// The error class that Claude Code reported, such as `rate_limit`. `None` if a user pasted the text.
    pub class: Option<String>,
    /// The machine-readable codes of the error.
    pub codes: Vec<String>,
    /// The HTTP status.
    pub status: Option<u16>,
}

impl ErrorReport {
    /// Returns the report of a text that a user pasted.
    pub fn pasted(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

/// The meaning of a message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The row of the catalog that explains the message.
    pub row: &'static Row,
    /// The kind of limit that the row names, or else the kind that a warning names.
    pub kind: Option<Kind>,
    /// The time that the message states.
    pub stated: Option<Stated>,
    /// The amounts of money that the message quotes, as in "$50.00".
    pub figures: Vec<String>,
    /// True if the message says that no usage credits are left.
    pub says_no_credits: bool,
    /// The line that contains the message and the lines in which it may continue, in lower case.
    pub text: String,
}

/// A time that a message states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    /// The time.
    pub at: DateTime<Utc>,
    /// The limit or window to which the time belongs.
    pub of: TimeOf,
}

impl Stated {
    fn of_limit(at: DateTime<Utc>) -> Self {
        Self {
            at,
            of: TimeOf::Limit,
        }
    }
}

/// The limit or window to which a stated time belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOf {
    /// The limit of the message ends at this time.
    Limit,
    /// A usage window resets at this time, and the limit of the message matters only beyond that window. `None` if the
    /// message does not say which window it means.
    Window(Option<Kind>),
}

/// A pasted text with messages about this many kinds of limits is a list, such as a manual, and not an error that somebody
/// received.
const KINDS_IN_LIST: usize = 4;

/// Recognizes the message of an error that appeared at `at`. A time without a zone is interpreted in `zone`.
pub fn recognize(report: &ErrorReport, at: DateTime<Utc>, zone: Zone) -> Message {
    let is_reported = report.class.is_some() || report.status.is_some();
    let statements = if is_reported {
        text::statements(&report.text)
    } else {
        text::received_statements(&report.text)
    };
    let is_about_claude = is_reported
        || statements
            .iter()
            .any(|statement| words::mentions_claude(statement));
    let matches = statement::matches(&statements, is_about_claude);
    let best = matches.iter().max_by_key(|found| {
        let row = found.row;
        let is_current = found.time(at, zone).is_some() || row.verdict == Some(Verdict::Over);
        (row.rank, is_current, found.index)
    });

    let whole = statements.join(" ");
    let kinds: HashSet<Kind> = matches
        .iter()
        .filter_map(|found| found.row.kind)
        .collect();
    if !is_reported && kinds.len() >= KINDS_IN_LIST {
        return Message::new(Row::for_unrecognized(is_about_claude), None, None, whole);
    }
    let claim = claim::find(&whole);
    let claimed_time = claim
        .as_ref()
        .and_then(|claim| claim.resets_at)
        .map(Stated::of_limit);
    if let Some(claim) = claim
        && best.is_none_or(|best| best.row.rank < Rank::Limit)
    {
        return Message::new(claim.row, Some(claim.kind), claimed_time, whole);
    }
    if let Some(best) = best {
        // If a message occurs several times in a text, perhaps only one of the occurrences states the time.
        let place = matches
            .iter()
            .rev()
            .find(|found| found.row.id == best.row.id && found.time(at, zone).is_some())
            .unwrap_or(best);
        let stated = place.time(at, zone).or(claimed_time);
        return Message::new(place.row, None, stated, place.text.clone());
    }
    let row = Statement::new(&whole, is_about_claude)
        .row()
        .or_else(|| class::row(report, &whole).filter(|_| is_about_claude))
        .unwrap_or_else(|| Row::for_unrecognized(is_about_claude));
    let stated = stated_time(row, &whole, at, zone);
    Message::new(row, None, stated, whole)
}

/// Returns the time that a text states for the limit of a row.
fn stated_time(row: &Row, text: &str, at: DateTime<Utc>, zone: Zone) -> Option<Stated> {
    if !row.states_time() {
        return None;
    }
    let zone_of_service = row.zone.and_then(Zone::named);
    let time = times::find(text, at, zone_of_service.unwrap_or(zone))?;
    let window = match RESET_OF_WINDOW.captures(text) {
        Some(captures) => captures
            .get(1)
            .and_then(|name| named_kind(name.as_str())),
        None if row.states_window => None,
        None => return Some(Stated::of_limit(time)),
    };
    Some(Stated {
        at: time,
        of: TimeOf::Window(window),
    })
}

static RESET_OF_WINDOW: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"\byour (?:(5-hour|session|weekly|opus|sonnet|fable|usage) )?limits? resets?\b")
});

static FIGURE: LazyLock<Regex> = LazyLock::new(|| regex(r"[$€£]\d[\d,]*(?:\.\d+)?"));

impl Message {
    fn new(row: &'static Row, claimed: Option<Kind>, stated: Option<Stated>, text: String) -> Self {
        let named = if row.stops == Stops::Nothing {
            named_kind(&text)
        } else {
            None
        };
        Self {
            row,
            kind: claimed.or(row.kind).or(named),
            stated,
            figures: FIGURE
                .find_iter(&text)
                .map(|figure| figure.as_str().to_owned())
                .collect(),
            says_no_credits: text.contains("out of usage credits"),
            text,
        }
    }
}

/// Returns the kind of the limit that a text names first.
fn named_kind(text: &str) -> Option<Kind> {
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
        .filter_map(|(name, kind)| Some((text.find(name)?, kind)))
        .min()
        .map(|(_, kind)| kind)
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constant, and the unit tests use all of them"
)]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is valid")
}

#[cfg(test)]
#[path = "../../../tests/unit/messages.rs"]
mod tests;
