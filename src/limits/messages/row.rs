//! What a row says about a message.

use serde::de::{Deserialize, Deserializer, Error};

use crate::claude::account::Plan;
use crate::claude::version::Versions;
use crate::limits::diagnosis::{Case, Diagnosis, Words};
use crate::limits::evidence::Evidence;
use crate::limits::helps::Help;
use crate::limits::kind::{LimitKind, Service, Verdict, Who};
use crate::limits::rules::{self, Rule, unread};

/// One kind of message. A row says what is its own; the rest is as here.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Message {
    /// Its name in tests and in JSON.
    pub id: &'static str,
    /// What it names. Unknown for a window that it does not name.
    pub names: LimitKind,
    /// Who says so, where it is not who mostly speaks of what it names.
    pub(in crate::limits) service: Option<Service>,
    /// Words that it is recognized by: `^` where the message must begin so, `?` where they count
    /// only beside a name of Claude's, for anybody may say them; `&` between parts that must all be there.
    pub(in crate::limits) says: Vec<&'static str>,
    /// Names of a limit that is said to be reached, written alike: `=` for exactly these words, `!`
    /// for those of a limit that is not called the user's, `*` for any of Claude's.
    pub(in crate::limits) limit: Vec<&'static str>,
    /// What the API or Claude Code calls it: `type` or `code` of its JSON, `apiError` of the line.
    pub(in crate::limits) codes: Vec<&'static str>,
    /// Classes and statuses that mean it, where there are no words.
    pub(in crate::limits) class: Vec<&'static str>,
    /// What it is.
    #[serde(deserialize_with = "judgement")]
    pub(in crate::limits) judged: Judgement,
    /// What it means in general. Of a fixed judgement it is the headline, without its full stop.
    pub(in crate::limits) means: &'static str,
    /// The badge of a fixed judgement.
    pub(in crate::limits) badge: &'static str,
    /// What it means, or meant, for some plans and versions.
    pub(in crate::limits) also: Vec<(Plans, Versions, &'static str)>,
    /// How some versions word it, newest first; `…` is what varies.
    pub(in crate::limits) by_version: Vec<(Versions, &'static str)>,
    /// How old and new versions word it.
    pub(in crate::limits) wordings: Vec<&'static str>,
    /// What helps, best first, by the names in helps.json.
    pub(in crate::limits) helps: Vec<Help>,
    /// What people tried in vain, with its source.
    pub(in crate::limits) in_vain: Vec<&'static str>,
    /// For whom that is worth knowing.
    pub(in crate::limits) in_vain_for: Concerns,
    /// Where this is known from.
    pub(in crate::limits) source: &'static str,
}

/// What a message is.
#[derive(Debug, Clone, Copy)]
pub(in crate::limits) enum Judgement {
    /// The same whatever the evidence: who can change it, and whether waiting helps.
    Fixed(Verdict, Who, Option<bool>),
    /// The evidence decides: the rule chooses words with the verdict.
    Weighed(Rule),
}

use Judgement::{Fixed, Weighed};

impl Default for Judgement {
    fn default() -> Self {
        Weighed(unread::not_known)
    }
}

/// `not_a_limit you false`: verdict, who can change it, whether waiting helps (`-`: nobody knows). Or
/// the name of a rule.
fn judgement<'de, D: Deserializer<'de>>(from: D) -> Result<Judgement, D::Error> {
    let text = <&str>::deserialize(from)?;
    let mut words = text.split(' ');
    let parts = (words.next(), words.next(), words.next());
    let fixed = |(verdict, who, waiting)| {
        Some(Fixed(
            Verdict::named(verdict)?,
            Who::named(who)?,
            str::parse(waiting).ok(),
        ))
    };
    let judgement = match parts {
        (Some(verdict), Some(who), Some(waiting)) => fixed((verdict, who, waiting)),
        _ => rules::named(text).map(Weighed),
    };
    judgement.ok_or_else(|| Error::custom(text))
}

impl Message {
    /// All wordings.
    pub fn texts(&self) -> impl Iterator<Item = &'static str> + '_ {
        let by_version = self.by_version.iter().map(|(_, text)| *text);
        by_version.chain(self.wordings.iter().copied())
    }

    /// What it means in general, and for some: "Pro, Max, 2.1.119 to before 2.1.153: …".
    pub(in crate::limits) fn meanings(&self) -> impl Iterator<Item = String> {
        let in_general = match self.judged {
            Weighed(_) => self.means.to_owned(),
            Fixed(..) => format!("{}.", self.means),
        };
        let for_some = self.also.iter().map(|(plans, versions, means)| {
            let plans = plans.words();
            match (versions.from, versions.before) {
                (None, None) => format!("{plans}: {means}"),
                _ => format!("{plans}, {versions}: {means}"),
            }
        });
        std::iter::once(in_general).chain(for_some)
    }

    /// What the message is in this case.
    pub(in crate::limits) fn judge(&self, case: &Case<'_>) -> Diagnosis {
        let diagnosis = match self.judged {
            Fixed(verdict, who, waiting_helps) => {
                let words = Words::Fixed(self.means, self.badge);
                Diagnosis::new(self.names, verdict, who, words).waiting(waiting_helps)
            }
            Weighed(rule) => rule(case),
        };
        Diagnosis {
            service: diagnosis
                .service
                .or(self.service)
                .or(self.names.service())
                .or_else(|| case.evidence.service()),
            ..diagnosis
        }
    }
}

/// Whom a meaning concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::limits) enum Plans {
    All,
    Personal,
    /// A session on `CLAUDE_CODE_OAUTH_TOKEN`, which carries no plan.
    PersonalOnToken,
    ProAndEnterprise,
    Shared,
    Team,
    StrayKeys,
}

impl Plans {
    pub(in crate::limits) fn words(self) -> &'static str {
        match self {
            Self::All => "All plans",
            Self::Personal => "Pro, Max",
            Self::PersonalOnToken => "Pro, Max on CLAUDE_CODE_OAUTH_TOKEN",
            Self::ProAndEnterprise => "Pro, Enterprise",
            Self::Shared => "Team, Enterprise",
            Self::Team => "Team",
            Self::StrayKeys => "Any plan, if an API key is set as well",
        }
    }

    /// Whether this case is one of those, as far as it is known.
    pub(in crate::limits) fn include(self, evidence: &Evidence) -> bool {
        evidence.plan().is_none_or(|plan| match self {
            Self::All => true,
            Self::Personal => plan.is_personal(),
            Self::PersonalOnToken => plan.is_personal() && evidence.has("CLAUDE_CODE_OAUTH_TOKEN"),
            Self::ProAndEnterprise => plan == Plan::Pro || plan == Plan::Enterprise,
            Self::Shared => plan.is_shared(),
            Self::Team => plan == Plan::Team,
            Self::StrayKeys => evidence.has_stray_credential(),
        })
    }
}

/// For whom something that was tried in vain is worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::limits) enum Concerns {
    #[default]
    Everybody,
    /// On a plan for one person.
    OnePersonPlans,
    /// Where the limit is not certain to be real.
    DoubtfulLimits,
}
