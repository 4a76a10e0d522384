//! Loads the message catalog from `messages.json`.
//!
//! To add a message, add a row to the appropriate chapter. Rows are tried in file order, so specific rows must come
//! before general ones.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::claude::account::Plan;
use crate::claude::version::Versions;
use crate::embedded;
use crate::limits::decide::{ActionName, Cause, DecisionName};
use crate::limits::kind::{LimitKind, Service, Stops, Verdict, WhoCanFix};

/// The priority of a row. If a text contains several messages, the last one with the highest rank is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rank {
    /// No message was recognized.
    #[default]
    Unrecognized,
    /// Only an error class or a status was recognized.
    ByClassOnly,
    /// A message that is not about a limit.
    NotALimit,
    /// A message about a specific limit.
    Limit,
}

/// A group of rows about the same topic.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
struct Chapter {
    #[cfg(test)]
    #[serde(rename = "chapter")]
    title: String,
    rank: Rank,
    rows: Vec<Row>,
}

/// A fixed diagnosis that does not depend on the evidence.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// The people who can fix the problem. By default, these are the people who control billing.
    pub(crate) who: Option<AnsweredWho>,
    /// True if waiting helps. By default, waiting helps if the end of the limit is known.
    pub(crate) waiting_helps: Option<bool>,
}

/// The people who can fix the problem, according to the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum AnsweredWho {
    /// The same people on every plan.
    OnEveryPlan(WhoCanFix),
    /// Different people depending on the plan, as in `{"team_plan": "admin", "else": "nobody"}`.
    ByPlan(WhoByPlan),
}

/// The people who can fix the problem, depending on the user's plan. The fields have the same names as the variants of
/// [`Audience`]. If the plan is unknown, only `else` applies, because any other answer would be a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhoByPlan {
    /// The people who can fix the problem on a Team plan. If this is omitted, `shared_plan` applies.
    team_plan: Option<WhoCanFix>,
    /// The people who can fix the problem on a Team or Enterprise plan. If this is omitted, `else` applies.
    shared_plan: Option<WhoCanFix>,
    /// The people who can fix the problem on a Pro or Max plan. If this is omitted, `else` applies.
    personal_plan: Option<WhoCanFix>,
    /// The people who can fix the problem on any other plan, or if the plan is unknown.
    #[serde(rename = "else")]
    otherwise: WhoCanFix,
}

impl AnsweredWho {
    /// Returns who can fix the problem on a plan. `plan` is `None` if the plan is unknown.
    pub(crate) fn on_plan(self, plan: Option<Plan>) -> WhoCanFix {
        let by_plan = match self {
            Self::OnEveryPlan(who) => return who,
            Self::ByPlan(by_plan) => by_plan,
        };
        let who = match plan {
            Some(Plan::Team) => by_plan.team_plan.or(by_plan.shared_plan),
            Some(Plan::Enterprise) => by_plan.shared_plan,
            Some(Plan::Pro | Plan::Max) => by_plan.personal_plan,
            Some(Plan::Other) | None => None,
        };
        who.unwrap_or(by_plan.otherwise)
    }
}

/// The group of users that a catalog entry applies to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Audience {
    #[default]
    Everyone,
    /// Users with a key that takes precedence over their plan.
    StrayKey,
    /// Users with a Team plan or an unknown plan.
    TeamPlan,
    /// Users with a Team, Enterprise, or unknown plan.
    SharedPlan,
    /// Users with a Pro, Max, or unknown plan.
    PersonalPlan,
    /// Users who have set `CLAUDE_CODE_OAUTH_TOKEN` but do not have a Team or Enterprise plan.
    SetupToken,
    /// Users whose error message is probably false or cannot be verified.
    DoubtfulVerdict,
}

/// The meaning of a message for a particular audience.
#[derive(Debug, Deserialize)]
pub(crate) struct Meaning {
    #[serde(rename = "for")]
    pub(crate) audience: Audience,
    /// The name of the audience for display, such as "Pro and Max".
    pub(crate) who: &'static str,
    pub(crate) versions: Versions,
    #[serde(rename = "meaning")]
    pub(crate) sentence: &'static str,
}

/// A wording used by particular versions, with `…` in place of any variable part. The versions appear only on the
/// message's documentation page.
#[derive(Debug, Deserialize)]
pub(crate) struct VersionWording {
    pub(crate) text: &'static str,
}

/// The time zone of the times in a message that does not state its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssumedZone {
    /// The identifier in the time zone database, such as "Asia/Shanghai".
    pub(super) id: &'static str,
    /// The name for use in a sentence, such as "Beijing time".
    pub(crate) name: &'static str,
}

/// A catalog row, which describes one kind of message.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Row {
    /// The identifier used in tests and in JSON output.
    pub id: &'static str,
    /// The rank of the row's chapter.
    #[serde(skip)]
    pub(super) rank: Rank,
    /// The limit that the message is about, or `Unknown` if the message does not specify the usage window.
    pub limit: LimitKind,
    /// The service that sends the message, if it differs from the usual one for this limit.
    pub(crate) service: Option<Service>,
    /// True if the service refused the login, the subscription, or the organization, so that other sessions with this
    /// login may be refused as well. A response ends such an error only if its request was sent after the error.
    pub(crate) refuses_login: bool,
    /// The time zone for times without an explicit zone, if it differs from the user's.
    pub(crate) zone: Option<AssumedZone>,
    /// The maximum duration of the limit, in hours, if it differs from the usual one for this kind of limit.
    pub(crate) lasts_hours: Option<u8>,
    /// The patterns that identify the message. See [`super::pattern`].
    pub(crate) patterns: Vec<&'static str>,
    /// The limit names that identify the message. See [`super::limit_name`].
    pub(crate) limit_names: Vec<&'static str>,
    /// The API or Claude Code error codes that identify the message.
    pub(crate) codes: Vec<&'static str>,
    /// The error classes and statuses that identify the message if no words match.
    pub(crate) classes: Vec<&'static str>,
    /// Overrides `Description::stops` for this message.
    stops: Option<Stops>,
    /// The function that derives the diagnosis from the evidence.
    pub(crate) decision: DecisionName,
    /// The diagnosis if there is no decision, or if the decision returns `None`.
    pub(crate) answer: Answer,
    /// The cause whose sentences are used if `answer` applies. The default cause uses `meaning` and `badge`.
    pub(crate) cause: Cause,
    /// The general meaning of the message, which is also the headline if `answer` applies.
    pub(crate) meaning: &'static str,
    /// The badge to show if `answer` applies.
    pub(crate) badge: &'static str,
    pub(crate) meanings: Vec<Meaning>,
    pub(crate) wordings_by_version: Vec<VersionWording>,
    pub(crate) wordings: Vec<&'static str>,
    /// The recommended actions, best first.
    pub(crate) actions: Vec<ActionName>,
    /// The remedies that did not help other users, along with their sources.
    pub(crate) did_not_help: Vec<&'static str>,
    pub(crate) did_not_help_for: Audience,
    /// The source of the information in this row.
    pub(crate) source: &'static str,
}

impl Row {
    /// Returns what the limit stops. The field `stops` overrides the default for this kind of limit. For example, a
    /// throttle usually stops the session, but a throttle of fast mode does not.
    pub(crate) fn stops(&self) -> Stops {
        let usual = self.limit.description().stops;
        match self.stops {
            Some(stops) => stops,
            None if usual == Stops::Session && self.answer.verdict == Verdict::Notice => {
                Stops::Nothing
            }
            None => usual,
        }
    }

    /// Returns true if the message does not stop the session.
    pub(crate) fn is_notice(&self) -> bool {
        self.stops() != Stops::Session
    }

    /// Returns true if the message says that the session continues even though a plan limit was reached: usage credits
    /// pay for the work, or it runs at a lower priority.
    pub(super) fn lets_session_continue(&self) -> bool {
        matches!(
            self.decision,
            DecisionName::PaidFromCredits | DecisionName::LowerPriority
        )
    }

    /// Returns true if the message states which limit was reached.
    pub(super) fn names_limit(&self) -> bool {
        match self.decision {
            DecisionName::UsageWindow => self.limit != LimitKind::Unknown,
            decision => decision != DecisionName::RefusedForNow,
        }
    }

    /// Returns all known wordings of the message.
    pub fn texts(&self) -> impl Iterator<Item = &'static str> + '_ {
        let by_version = self.wordings_by_version.iter().map(|wording| wording.text);
        by_version.chain(self.wordings.iter().copied())
    }
}

static CHAPTERS: LazyLock<Vec<Chapter>> = LazyLock::new(|| {
    let mut chapters: Vec<Chapter> = embedded::parse(
        "limits/catalog/messages.json",
        include_str!("messages.json"),
    );
    for chapter in &mut chapters {
        for row in &mut chapter.rows {
            row.rank = chapter.rank;
        }
    }
    chapters
});

/// The fallback for unknown IDs. A test ensures that it is never needed.
static NO_ROW: LazyLock<Row> = LazyLock::new(Row::default);

/// Returns all rows, in matching order.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    CHAPTERS.iter().flat_map(|chapter| &chapter.rows)
}

/// Returns the row with the given ID.
pub(crate) fn row(id: &str) -> &'static Row {
    rows().find(|row| row.id == id).unwrap_or(&NO_ROW)
}

#[cfg(test)]
#[path = "../../../tests/unit/limits_page.rs"]
mod limits_page;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::evidence::Evidence;
    use crate::limits::incident::Incident;
    use crate::time::Zone;

    #[test]
    fn the_rows_can_be_read() {
        assert_eq!(CHAPTERS.len(), 13);
        assert_eq!(row("unknown").id, "unknown");
    }

    #[test]
    fn every_assumed_time_zone_exists() {
        let zones: Vec<AssumedZone> = rows().filter_map(|row| row.zone).collect();
        assert!(!zones.is_empty());
        for zone in zones {
            assert!(Zone::named(zone.id).is_some(), "{zone:?}");
        }
    }

    #[test]
    fn no_list_of_actions_begins_with_an_alternative() {
        for row in rows() {
            let Some(first) = row.actions.first() else {
                continue;
            };
            let instruction = &first.template().unwrap().instruction;
            assert!(
                !instruction.starts_with("Or "),
                "the first action of the row {} is an alternative: {instruction}",
                row.id
            );
        }
    }

    #[test]
    fn who_can_fix_a_problem_may_depend_on_the_plan() {
        let who = |json: &str| serde_json::from_str::<Answer>(json).map(|answer| answer.who);
        let by_plan = who(r#"{"who": {"team_plan": "admin", "else": "nobody"}}"#)
            .unwrap()
            .unwrap();
        assert_eq!(by_plan.on_plan(Some(Plan::Team)), WhoCanFix::Admin);
        for plan in [
            None,
            Some(Plan::Enterprise),
            Some(Plan::Max),
            Some(Plan::Other),
        ] {
            assert_eq!(by_plan.on_plan(plan), WhoCanFix::Nobody, "{plan:?}");
        }
        let by_owner =
            who(r#"{"who": {"shared_plan": "admin", "personal_plan": "you", "else": "nobody"}}"#)
                .unwrap()
                .unwrap();
        assert_eq!(by_owner.on_plan(Some(Plan::Team)), WhoCanFix::Admin);
        assert_eq!(by_owner.on_plan(Some(Plan::Enterprise)), WhoCanFix::Admin);
        assert_eq!(by_owner.on_plan(Some(Plan::Pro)), WhoCanFix::You);
        assert_eq!(by_owner.on_plan(None), WhoCanFix::Nobody);

        for wrong in [
            r#"{"who": "team"}"#,
            r#"{"who": {"team_plan": "admin"}}"#,
            r#"{"who": {"team_plans": "admin", "else": "nobody"}}"#,
            r#"{"who": {"team_plan": "owner", "else": "nobody"}}"#,
        ] {
            assert!(who(wrong).is_err(), "{wrong}");
        }
    }

    /// Checks that [`Row::is_notice`] is true for exactly those rows whose messages are diagnosed as notices.
    #[test]
    fn the_rows_that_do_not_stop_the_session_are_explained_as_notices() {
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        for row in rows() {
            for text in row.texts() {
                let incident = Incident::new(Evidence::of_text(text, now));
                if incident.message.row.id == row.id && incident.diagnosis.verdict != Verdict::Over
                {
                    let about = format!("{}: {text}", row.id);
                    assert_eq!(incident.is_notice(), row.is_notice(), "{about}");
                }
            }
        }
    }
}
