//! What a row says about a message.

use crate::claude::account::Plan;
use crate::claude::version::Versions;
use crate::limits::diagnosis::{Case, Diagnosis, Words};
use crate::limits::evidence::Evidence;
use crate::limits::helps::Help;
use crate::limits::kind::{LimitKind, Verdict, Who};

/// One kind of message.
#[derive(Debug)]
pub struct Message {
    /// Its name in tests.
    pub id: &'static str,
    /// What it names. Unknown for a window that it does not name.
    pub names: LimitKind,
    /// What recognizes it. One match suffices.
    pub(in crate::limits) patterns: &'static [Pattern],
    /// What it is, and how that is said.
    pub(in crate::limits) judgement: Judgement,
    /// What it means.
    pub(in crate::limits) means: &'static str,
    /// What it means, or meant, for some plans and versions.
    pub(in crate::limits) also: &'static [(Plans, Versions, &'static str)],
    /// Wordings with the versions that are known to show them, newest first; `…` is what varies.
    pub wordings: &'static [(Versions, &'static str)],
    /// What helps, best first.
    pub(in crate::limits) helps: &'static [Help],
    /// What people tried in vain, with its source.
    pub(in crate::limits) in_vain: &'static [(Concerns, &'static str)],
    /// Where this is known from.
    pub(in crate::limits) source: &'static str,
}

/// What recognizes a message.
#[derive(Debug, Clone, Copy)]
pub(in crate::limits) enum Pattern {
    /// The text contains all of these.
    Says(&'static [&'static str]),
    /// The text names a limit ("hit your … limit", "… limit reached") with all of these words.
    Limit(&'static [&'static str]),
    /// `apiError` of the transcript's line.
    ApiError(&'static str),
    /// `apiErrorCode` of the transcript's line.
    Code(&'static str),
    /// `apiErrorType` of the transcript's line.
    ApiType(&'static str),
    /// The error's class in the hook's payload or the transcript's line.
    Class(&'static str),
    /// The HTTP status, from and to.
    Status(u16, u16),
}

/// What a message is.
#[derive(Debug, Clone, Copy)]
pub(in crate::limits) enum Judgement {
    /// The same whatever the evidence.
    Fixed {
        verdict: Verdict,
        who: Who,
        waiting_helps: bool,
        words: Words,
    },
    /// The evidence decides. The rule chooses the words with the verdict.
    Weighed(fn(&Case<'_>) -> Diagnosis),
}

impl Message {
    /// What it means in general, and for some: "Pro, Max, from 2.1.119 to before 2.1.153: …".
    pub(in crate::limits) fn meanings(&self) -> impl Iterator<Item = String> {
        let for_some = self.also.iter().map(|(plans, versions, means)| {
            let plans = plans.words();
            match (versions.from, versions.before) {
                (None, None) => format!("{plans}: {means}"),
                _ => format!("{plans}, client {versions}: {means}"),
            }
        });
        std::iter::once(self.means.to_owned()).chain(for_some)
    }

    /// What the message is in this case.
    pub(in crate::limits) fn judge(&self, case: &Case<'_>) -> Diagnosis {
        match self.judgement {
            Judgement::Fixed {
                verdict,
                who,
                waiting_helps,
                words,
            } => Diagnosis::new(self.names, verdict, who, words).waiting(waiting_helps),
            Judgement::Weighed(rule) => rule(case),
        }
    }
}

/// Whom a meaning concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) enum Plans {
    All,
    Personal,
    /// A session on `CLAUDE_CODE_OAUTH_TOKEN`, which carries no plan.
    PersonalOnToken,
    Shared,
    Team,
    StrayKeys,
}

impl Plans {
    pub(in crate::limits) fn words(self) -> &'static str {
        match self {
            Self::All => "all plans",
            Self::Personal => "Pro, Max",
            Self::PersonalOnToken => {
                "Pro, Max without a plan in the session (CLAUDE_CODE_OAUTH_TOKEN)"
            }
            Self::Shared => "Team, Enterprise",
            Self::Team => "Team",
            Self::StrayKeys => "any plan with a stray key",
        }
    }

    /// Whether this case is one of those, as far as it is known.
    pub(in crate::limits) fn include(self, evidence: &Evidence) -> bool {
        evidence.plan().is_none_or(|plan| match self {
            Self::All => true,
            Self::Personal => plan.is_personal(),
            Self::PersonalOnToken => plan.is_personal() && evidence.has("CLAUDE_CODE_OAUTH_TOKEN"),
            Self::Shared => plan.is_shared(),
            Self::Team => plan == Plan::Team,
            Self::StrayKeys => evidence.has_stray_credential(),
        })
    }
}

/// For whom something that was tried in vain is worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) enum Concerns {
    Everybody,
    /// On a plan for one person.
    OnePersonPlans,
    /// Where the limit is not certain to be real.
    DoubtfulLimits,
}

/// All versions.
pub(super) const ANY: Versions = Versions::ANY;

/// No limit: it passes by itself, or the user changes something.
pub(super) const fn no_limit(who: Who, waiting_helps: bool, words: Words) -> Judgement {
    Judgement::Fixed {
        verdict: Verdict::NotALimit,
        who,
        waiting_helps,
        words,
    }
}
