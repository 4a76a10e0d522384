//! The rows of the catalog: which words belong to which kind of limit, and what they mean.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::json::embedded;

/// A message of Claude Code or of another program, and its meaning.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The unique name of the row.
    pub id: &'static str,
    /// The precedence of the row if a text contains several messages. All rows in a section of the catalog have the
    /// same rank.
    #[serde(skip)]
    pub rank: Rank,
    /// The kind of limit. `None` if the message is not about a limit, or does not say which limit it is about.
    pub kind: Option<Kind>,
    /// The service that refused the request, or `None` if the message does not show it.
    pub service: Option<Service>,
    /// The verdict on the message, regardless of other evidence. `None` if the verdict depends on the evidence.
    pub verdict: Option<Verdict>,
    /// The person who can fix the problem, regardless of other evidence.
    pub who: Option<Who>,
    /// The effect of waiting, regardless of other evidence.
    pub waiting_helps: Option<Waiting>,
    /// Words by which the message is recognized. ` & ` separates parts that must follow each other. `?` marks words
    /// that match only if the text is about Claude, `^` marks words at the start of a line, and `=` marks a complete
    /// line.
    #[serde(default)]
    pub(super) patterns: Vec<&'static str>,
    /// Names of limits, as in "You've hit your NAME limit". `=` marks a complete name, `!` marks a complete name
    /// without "your" before it, and `*` stands for any name.
    #[serde(default)]
    pub(super) limit_names: Vec<&'static str>,
    /// Texts that this row explains.
    #[serde(default)]
    pub samples: Vec<&'static str>,
    /// The origin of the texts.
    #[serde(default)]
    pub source: &'static str,
    /// Error classes and HTTP statuses.
    #[serde(default)]
    pub(super) classes: Vec<&'static str>,
    /// Machine-readable error codes.
    #[serde(default)]
    pub(super) codes: Vec<&'static str>,
    /// The number of hours that the problem lasts if the message states no time, or `None` if this depends on the kind
    /// of limit.
    pub lasts_hours: Option<i64>,
    /// The part of the session that the message stops.
    #[serde(default)]
    pub stops: Stops,
    /// True if a time in the message is the reset of a usage window, and the limit matters only beyond that window.
    #[serde(default)]
    pub states_window: bool,
    /// The time zone of the service, if its messages state times without a zone.
    pub(super) zone: Option<&'static str>,
    /// The explanation of the message.
    pub meaning: &'static str,
    /// A sentence that explains the message, if the first sentence of `meaning` is too long for that.
    pub headline: Option<&'static str>,
    /// The explanation in at most 60 columns.
    pub badge: Option<&'static str>,
    /// The names of the steps that the user can take, best first.
    pub steps: Vec<&'static str>,
    /// A sentence about how to fix exactly this problem. The step `fix` shows it.
    pub fix: Option<&'static str>,
    /// Remedies that other people have tried without success.
    #[serde(default)]
    pub did_not_help: Vec<&'static str>,
}

/// The precedence of rows if a text contains several messages. Later ranks take precedence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// Nothing in the text is recognized.
    #[default]
    Unrecognized,
    /// Only an error class or an HTTP status is known.
    ByClassOnly,
    /// The message is a warning or news. If the text also contains an error, the error takes precedence.
    Notice,
    /// The message is not about a limit on usage or spend.
    NotALimit,
    /// The message is about a limit on usage or spend.
    Limit,
}

/// The part of a session that a message stops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stops {
    /// The session.
    #[default]
    Session,
    /// Only a feature, such as fast mode.
    Feature,
    /// No part. The message is a warning or news.
    Nothing,
}

/// The service that refused a request. The serialized names are the values of `service` in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Anthropic, for a Claude plan.
    Plan,
    /// Anthropic, for an organization of the Console.
    Console,
    /// Amazon Bedrock.
    Bedrock,
    /// Google Vertex AI.
    Vertex,
    /// The relay or provider behind `ANTHROPIC_BASE_URL`.
    Gateway,
    /// Another program.
    Other,
}

/// The verdict on a message. The serialized names are the values of `verdict` in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The evidence confirms the message.
    Real,
    /// The limit is real, but it is not the one that the message names.
    Misworded,
    /// The evidence suggests that no limit has been reached.
    FalseLikely,
    /// The limit belongs to a credential that the user did not intend to use.
    WrongCredential,
    /// The cause of the error is not a limit.
    NotALimit,
    /// The message is a warning or news. Nothing is stopped.
    Notice,
    /// The message states that the limit has ended.
    Over,
    /// The evidence is not sufficient for a verdict.
    CannotTell,
}

/// The person who can fix a problem. The serialized names are the values of `who_can_fix` in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Nobody. The problem goes away by itself.
    Nobody,
    /// The user.
    You,
    /// An admin of the organization, or the operator of the gateway or the cloud account.
    Admin,
    /// Anthropic.
    Anthropic,
}

/// The effect of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// Waiting helps.
    Yes,
    /// Waiting does not help.
    No,
    /// The effect is unknown.
    Unknown,
}

impl Waiting {
    /// Returns true if waiting helps, or `None` if its effect is unknown.
    pub fn helps(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unknown => None,
        }
    }
}

/// A section of the catalog. All of its rows have the same rank.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
#[serde(deny_unknown_fields)]
struct Section {
    rank: Rank,
    /// The verdict for rows that do not name one.
    verdict: Option<Verdict>,
    rows: Vec<Row>,
}

impl Section {
    fn into_rows(self) -> impl Iterator<Item = Row> {
        self.rows.into_iter().map(move |row| Row {
            rank: self.rank,
            verdict: row.verdict.or(self.verdict),
            ..row
        })
    }
}

/// The rows, in the order in which they are tried.
pub static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let sections: Vec<Section> =
        embedded::parse("limits/messages/catalog.json", include_str!("catalog.json"));
    sections
        .into_iter()
        .flat_map(Section::into_rows)
        .collect()
});

impl Row {
    /// Returns the row with this name.
    #[expect(clippy::expect_used, reason = "the unit tests look up every name")]
    pub(super) fn by_id(id: &str) -> &'static Self {
        ROWS.iter()
            .find(|row| row.id == id)
            .expect("the catalog has this row")
    }

    /// Returns the row for a text in which nothing is recognized.
    pub(super) fn for_unrecognized(is_about_claude: bool) -> &'static Self {
        Self::by_id(if is_about_claude {
            "unknown"
        } else {
            "foreign"
        })
    }

    /// Returns true if a time in the message states when the problem ends.
    pub(super) fn states_time(&self) -> bool {
        self.rank > Rank::Unrecognized
            && self.waiting_helps != Some(Waiting::No)
            && self.service != Some(Service::Other)
    }

    /// Returns true if the message is about a limit of the plan, but does not say which one.
    pub fn is_unnamed_plan_limit(&self) -> bool {
        self.kind.is_none()
            && self.service == Some(Service::Plan)
            && self.verdict.is_none()
            && self.stops == Stops::Session
    }
}
