//! What a row says about a message.

use crate::claude::account::Plan;
use crate::claude::version::Versions;
use crate::limits::diagnosis::{Case, Diagnosis, Words};
use crate::limits::evidence::Evidence;
use crate::limits::helps::Help;
use crate::limits::kind::{LimitKind, Service, Verdict, Who};

/// One kind of message.
#[derive(Debug)]
pub struct Message {
    /// Its name in tests and in JSON.
    pub id: &'static str,
    /// What it names. Unknown for a window that it does not name.
    pub names: LimitKind,
    /// Who says so, where it is not who mostly speaks of what it names.
    pub(in crate::limits) service: Option<Service>,
    /// Words that it is recognized by, alternatives parted by `|`: `^` where the message must begin
    /// so, `&` between parts that must all be there.
    pub(in crate::limits) says: &'static str,
    /// Names of a limit that is said to be reached, written alike: `=` for exactly these words, `!`
    /// for those of a limit that is not called the user's, `*` for any of Claude's.
    pub(in crate::limits) limit: &'static str,
    /// What the API or Claude Code calls it: `type` or `code` of its JSON, `apiError` of the line.
    pub(in crate::limits) codes: &'static str,
    /// Classes and statuses that mean it, where there are no words.
    pub(in crate::limits) class: &'static str,
    /// What it is.
    pub(in crate::limits) judgement: Judgement,
    /// What it means in general. Of a fixed judgement it is the headline, without its full stop.
    pub(in crate::limits) means: &'static str,
    /// The badge of a fixed judgement.
    pub(in crate::limits) badge: &'static str,
    /// What it means, or meant, for some plans and versions.
    pub(in crate::limits) also: &'static [(Plans, Versions, &'static str)],
    /// How some versions word it, newest first; `…` is what varies.
    pub(in crate::limits) by_version: &'static [(Versions, &'static [&'static str])],
    /// How old and new versions word it.
    pub(in crate::limits) wordings: &'static [&'static str],
    /// What helps, best first.
    pub(in crate::limits) helps: &'static [Help],
    /// What people tried in vain, with its source.
    pub(in crate::limits) in_vain: &'static [&'static str],
    /// For whom that is worth knowing.
    pub(in crate::limits) in_vain_for: Concerns,
    /// Where this is known from.
    pub(in crate::limits) source: &'static str,
}

/// What a row need not say. The rest is every row's own: a test names those without it.
pub(super) const ROW: Message = Message {
    id: "",
    names: LimitKind::Unknown,
    service: None,
    says: "",
    limit: "",
    codes: "",
    class: "",
    judgement: NOTICE,
    means: "",
    badge: "",
    also: &[],
    wordings: &[],
    by_version: &[],
    helps: &[],
    in_vain: &[],
    in_vain_for: Concerns::Everybody,
    source: "",
};

/// What a message is.
#[derive(Debug, Clone, Copy)]
pub(in crate::limits) enum Judgement {
    /// The same whatever the evidence: who can change it, and whether waiting helps.
    Fixed(Verdict, Who, Option<bool>),
    /// The evidence decides: the rule chooses words with the verdict.
    Weighed(fn(&Case<'_>) -> Diagnosis),
}

use Judgement::{Fixed, Weighed};

/// No limit, which passes by itself.
pub(super) const PASSING: Judgement = Fixed(Verdict::NotALimit, Who::Nobody, Some(true));
/// No limit, but something that the user has to change.
pub(super) const YOURS_TO_CHANGE: Judgement = Fixed(Verdict::NotALimit, Who::You, Some(false));
/// Nothing is stopped: a warning, or news.
pub(super) const NOTICE: Judgement = Fixed(Verdict::Notice, Who::Nobody, None);
/// The message says that a limit has ended.
pub(super) const OVER: Judgement = Fixed(Verdict::Over, Who::Nobody, None);

impl Message {
    /// All wordings.
    pub fn texts(&self) -> impl Iterator<Item = &'static str> {
        let by_version = self.by_version.iter().flat_map(|(_, texts)| *texts);
        by_version.chain(self.wordings).copied()
    }

    /// What it means in general, and for some: "Pro, Max, 2.1.119 to before 2.1.153: …".
    pub(in crate::limits) fn meanings(&self) -> impl Iterator<Item = String> {
        let in_general = match self.judgement {
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
        let diagnosis = match self.judgement {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
