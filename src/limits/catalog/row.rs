//! Loads the rows of `messages.json`, which describe all known messages.
//!
//! To add a message, add a row to the appropriate chapter. Rows are tried in file order, so a specific row must come
//! before a general one.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::claude::version::Versions;
use crate::limits::decide::ActionName;
use crate::limits::kind::{LimitKind, Service, Verdict, WhoCanFix};

/// The contents of `messages.json`.
const EMBEDDED: &str = include_str!("messages.json");

/// The priority of a row. If the text contains several messages, the last of those with the highest rank is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rank {
    /// No message was recognized.
    Talk,
    /// Only a class or a status was recognized.
    Vague,
    /// A message that is not about a limit.
    Known,
    /// A message that names a limit.
    Limit,
}

/// The rows about one topic.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Chapter {
    #[cfg(test)]
    #[serde(rename = "chapter")]
    title: String,
    rank: Rank,
    rows: Vec<Row>,
}

/// The name, in `messages.json`, of the function that determines a message's cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecisionName {
    /// The row's `answer` applies, regardless of the evidence.
    #[default]
    Answer,
    UsageWindow,
    SomeWindow,
    Credits,
    SpendCap,
    ApiBalance,
    ConsoleCap,
    GatewayCap,
    GatewayBudget,
    ProviderBalance,
    ProviderPlan,
    Payment,
    SubscriptionPayment,
    SubscriptionAccess,
    KeyOfDisabledOrganization,
    DisabledOrganization,
    RefusedAccess,
    RefusedLogin,
    RefusedKey,
    ServiceTrouble,
    RefusedForNow,
    Warning,
    PaidFromCredits,
    LowerPriority,
    FastMode,
    UnknownMessage,
}

/// The explanation of a message whose cause does not depend on the evidence.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// The party that can fix the problem, or `None` if it is the party that pays for the requests.
    pub(crate) who: Option<WhoCanFix>,
    pub(crate) waiting_helps: Option<bool>,
}

/// The users to whom a meaning or a list of unhelpful remedies applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Audience {
    Everyone,
    /// Users with a key that takes precedence over their plan.
    StrayKey,
    /// Users whose plan is Team or unknown.
    TeamPlan,
    /// Users whose plan is Team, Enterprise, or unknown.
    SharedPlan,
    /// Users whose plan is Pro, Max, or unknown.
    PersonalPlan,
    /// Users who have set `CLAUDE_CODE_OAUTH_TOKEN` and do not have a Team or Enterprise plan.
    SetupToken,
    /// Users whose message is probably false or cannot be verified.
    DoubtfulVerdict,
}

/// The meaning of a message for some users.
#[derive(Debug, Deserialize)]
pub(crate) struct Meaning {
    #[serde(rename = "for")]
    pub(crate) audience: Audience,
    /// The audience as display text, such as "Pro and Max".
    pub(crate) who: &'static str,
    pub(crate) versions: Versions,
    #[serde(rename = "meaning")]
    pub(crate) sentence: &'static str,
}

/// A wording that some versions used. `…` represents the variable part. The versions are shown only on the message's
/// documentation page (see docs/site/build.py).
#[derive(Debug, Deserialize)]
pub(crate) struct VersionWording {
    pub(crate) text: &'static str,
}

/// A row of the catalog, which describes one kind of message.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Row {
    /// The name used in tests and in JSON.
    pub id: &'static str,
    /// The limit that the message is about, or `Unknown` if the message does not say which usage window it means.
    pub limit: LimitKind,
    /// The service that sends the message, if it is not the usual one for this limit.
    pub(crate) service: Option<Service>,
    /// The time zone of times that are given without a zone, if it is not the user's time zone.
    pub(crate) zone: &'static str,
    /// The maximum duration in hours, if it differs from this limit's usual maximum.
    pub(crate) lasts_hours: Option<u8>,
    /// The patterns by which the message is recognized. See [`super::pattern`].
    pub(crate) patterns: Vec<&'static str>,
    /// The names of limits that have been reached according to the message. See [`super::limit_name`].
    pub(crate) limit_names: Vec<&'static str>,
    /// Error codes from the API or Claude Code.
    pub(crate) codes: Vec<&'static str>,
    /// Classes and statuses by which the message is recognized if no words match.
    pub(crate) classes: Vec<&'static str>,
    pub(crate) decision: DecisionName,
    pub(crate) answer: Answer,
    /// The meaning of the message in general. If `answer` applies, this is also the headline.
    pub(crate) meaning: &'static str,
    /// The badge if `answer` applies.
    pub(crate) badge: &'static str,
    pub(crate) meanings: Vec<Meaning>,
    pub(crate) wordings_by_version: Vec<VersionWording>,
    pub(crate) wordings: Vec<&'static str>,
    /// The actions, best first.
    pub(crate) actions: Vec<ActionName>,
    /// Remedies that did not help other users, each with its source.
    pub(crate) did_not_help: Vec<&'static str>,
    pub(crate) did_not_help_for: Option<Audience>,
    /// The source of the information about the message.
    pub(crate) source: &'static str,
}

impl Row {
    /// Returns all wordings.
    pub fn texts(&self) -> impl Iterator<Item = &'static str> + '_ {
        let by_version = self.wordings_by_version.iter().map(|wording| wording.text);
        by_version.chain(self.wordings.iter().copied())
    }
}

static CHAPTERS: LazyLock<Vec<Chapter>> =
    LazyLock::new(|| serde_json::from_str(EMBEDDED).unwrap_or_default());

/// The row that is used if there is no row with a given ID. A test ensures that this does not happen.
static NO_ROW: LazyLock<Row> = LazyLock::new(Row::default);

/// Returns all rows with their ranks, in the order in which they are tried.
pub(super) fn ranked() -> impl Iterator<Item = (Rank, &'static Row)> {
    CHAPTERS
        .iter()
        .flat_map(|chapter| chapter.rows.iter().map(|row| (chapter.rank, row)))
}

/// Returns all rows, in the order in which they are tried.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    ranked().map(|(_, row)| row)
}

/// Returns the row with this ID.
pub(crate) fn row(id: &str) -> &'static Row {
    rows().find(|row| row.id == id).unwrap_or(&NO_ROW)
}

#[cfg(test)]
#[path = "../../../tests/unit/limits_page.rs"]
mod limits_page;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::limits::kind::EndedBy;

    #[test]
    fn the_rows_can_be_read() {
        let chapters: Vec<Chapter> = serde_json::from_str(EMBEDDED).unwrap();
        assert_eq!(chapters.len(), 13);
        assert_eq!(row("unknown").id, "unknown");
    }

    /// Returns every kind of limit that a message can report.
    fn kinds() -> HashSet<LimitKind> {
        let rows = CHAPTERS.iter().flat_map(|chapter| &chapter.rows);
        rows.map(|row| row.limit).collect()
    }

    /// The page docs/how-limits-end.md explains the rules of `LimitKind::ended_by` to users.
    #[test]
    fn the_documentation_names_every_kind_in_the_line_of_its_rule() {
        let page = include_str!("../../../docs/how-limits-end.md");
        let kinds = kinds();
        for line in page.lines().filter(|line| line.starts_with("| `")) {
            let named: Vec<EndedBy> = kinds
                .iter()
                .filter(|kind| line.contains(&format!("`{kind}`")))
                .map(|kind| kind.ended_by())
                .collect();
            let first = named.first().copied();
            // The rule for balances is the same as for other limits of a payer, but the page explains balances on a
            // separate line.
            assert!(named.iter().all(|rule| Some(*rule) == first), "{line}");
        }
        for kind in kinds {
            let lines = page
                .lines()
                .filter(|line| line.starts_with("| `") && line.contains(&format!("`{kind}`")));
            assert_eq!(lines.count(), 1, "{kind}");
        }
    }
}
