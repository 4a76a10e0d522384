//! What is known about one error: every fact with its source, and nothing concluded yet.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::kind::{LimitKind, Service, Window};
pub use super::sample::Sample;
use super::vocabulary::is_anthropics;
use crate::claude::account::{Account, Plan};
use crate::claude::credentials::{Credential, SetIn};
use crate::claude::meters::ShownUsage;
use crate::claude::version::ClientVersion;
use crate::time::is_reckonable;
use crate::transcript::owner::Owner;
use crate::transcript::tail::{ErrorLine, QuotaLimits, Waiting};

/// How we came to know of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The client ran our hook.
    #[default]
    Hook,
    /// The error stands in a transcript.
    Transcript,
    /// Somebody pasted the text.
    Pasted,
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The error itself.
    Transcript,
    /// The event that Claude Code sent.
    Hook,
    /// What the status line was told.
    Sample,
    /// The login.
    Account,
    /// What Claude Code was started with.
    Environment,
    /// A settings file.
    Settings,
    /// What is known about the version of Claude Code.
    Version,
}

impl From<SetIn> for Source {
    fn from(set_in: SetIn) -> Self {
        match set_in {
            SetIn::Environment => Self::Environment,
            SetIn::Settings(_) => Self::Settings,
        }
    }
}

/// Whose account a session belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The one that is logged in.
    Login,
    /// Another one.
    Other,
}

impl Whose {
    /// Whose an owner's session is beside a login, as far as both are known.
    pub(crate) fn of(owner: &Owner, login: Option<&Account>) -> Option<Self> {
        let is_logins = owner.is(&login?.owner)?;
        Some(if is_logins { Self::Login } else { Self::Other })
    }
}

/// What was said of an error, and by whom.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorText {
    /// How we know.
    pub seen: Seen,
    /// The error as the user saw it.
    pub message: String,
    /// The class in the hook's payload.
    pub hook_error: Option<String>,
    /// The API's words in the hook's payload.
    pub hook_details: Option<String>,
    /// The transcript's record of the error.
    pub line: Option<ErrorLine>,
}

/// Who is logged in, whose the session was, and what takes the login's place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PayingAccount {
    /// The account that was logged in.
    pub account: Option<Account>,
    /// Whose the session was, by its transcript.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The same, beside who is logged in now.
    #[serde(skip)]
    pub whose: Option<Whose>,
    /// Keys, tokens and gateways that were set.
    pub credentials: Vec<Credential>,
    /// Whether the environment among them is the client's own, not that of some other shell.
    pub environment_is_clients: bool,
}

/// What was told of the plan's windows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowsTold {
    /// What the status line was told around that time, oldest first. Kept with an error that is
    /// over: a session's own history is short.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
    /// What any session of the account was told last, whenever that was.
    #[serde(skip)]
    pub newest_sample: Option<Sample>,
    /// When another session of the account got a good answer since.
    #[serde(skip)]
    pub answered_elsewhere: Option<DateTime<Utc>>,
    /// What `/usage` showed the account last.
    #[serde(skip)]
    pub usage: Option<ShownUsage>,
}

/// The session that met an error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetIn {
    /// Its id.
    #[serde(rename = "session_id")]
    pub id: Option<String>,
    /// The version of the client that ran.
    #[serde(rename = "client_version")]
    pub version: Option<String>,
    /// The model in use.
    pub model: Option<String>,
    /// Whether fast mode was on.
    pub fast_mode: bool,
    /// How many different `claude` programs the machine has.
    pub installations: usize,
    /// Whether the plugin's hook told of the error, so that its module answers `/whycap`.
    pub plugin_answers: bool,
    /// Whether a workflow met it: that pauses, and goes on after the reset (2.1.330).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_workflow: bool,
    /// What Claude Code said last about going on by itself.
    #[serde(skip)]
    pub waiting: Option<Waiting>,
    /// Why Claude Code will not go on by itself, where something says so.
    #[serde(skip)]
    pub stays_put: Option<&'static str>,
}

/// What was seen after an error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeenSince {
    /// Whether the session got an answer.
    pub answered: bool,
    /// When it got the first one, where that was seen.
    pub answered_at: Option<DateTime<Utc>>,
    /// The model that gave it, where that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// When work went on in any session of its account, where that was seen.
    #[serde(skip)]
    pub went_on: Option<DateTime<Utc>>,
    /// When the session met a limit again, without a good answer in between.
    #[serde(skip)]
    pub met_again: Option<DateTime<Utc>>,
}

/// Everything known about one error. What the hook stores is this, in one object, without samples,
/// which may come later.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// When the error came, by the machine's clock.
    pub at: DateTime<Utc>,
    /// What was said.
    #[serde(flatten)]
    pub text: ErrorText,
    /// Who pays.
    #[serde(flatten)]
    pub login: PayingAccount,
    /// How full the windows were.
    #[serde(flatten)]
    pub windows: WindowsTold,
    /// Where it came.
    #[serde(flatten)]
    pub session: MetIn,
    /// What came after it.
    #[serde(flatten)]
    pub since: SeenSince,
}

impl Evidence {
    /// Of an error that was met at this moment, and nothing else.
    pub fn new(at: DateTime<Utc>, seen: Seen, message: String) -> Self {
        let mut evidence = Self::default();
        (evidence.at, evidence.text.seen, evidence.text.message) = (at, seen, message);
        evidence
    }

    /// Whether the session belongs to another account than the one that is logged in.
    pub(crate) fn is_of_another_account(&self) -> bool {
        self.login.whose == Some(Whose::Other)
    }

    /// Whether a sample is of the account that met the error, as far as that is known.
    pub(crate) fn is_own(&self, sample: &Sample) -> bool {
        sample.is_of(self.login.account.as_ref()) != Some(false)
    }

    /// The transcript's record of the error.
    pub(crate) fn line(&self) -> Option<&ErrorLine> {
        self.text.line.as_ref()
    }

    /// Whether its dates can be reckoned with: a file of ours may be damaged, or of another time.
    pub(crate) fn has_sound_dates(&self) -> bool {
        let dates = [
            Some(self.at),
            self.line().and_then(|line| line.at),
            self.quota().and_then(|quota| quota.resets_at),
            self.since.answered_at,
        ];
        dates.into_iter().flatten().all(is_reckonable)
            && self.windows.samples.iter().all(Sample::has_sound_dates)
    }

    /// The version, compared as numbers.
    pub fn version(&self) -> Option<ClientVersion> {
        ClientVersion::parse(self.session.version.as_deref()?)
    }

    /// Whether the version is known to be this one or a newer one.
    pub(super) fn is_since(&self, first: ClientVersion) -> bool {
        self.version().is_some_and(|version| version >= first)
    }

    /// Whether the version is known to be older than this one.
    pub(super) fn is_before(&self, first: ClientVersion) -> bool {
        self.version().is_some_and(|version| version < first)
    }

    /// What the server said about the windows, if it refused.
    pub fn quota(&self) -> Option<&QuotaLimits> {
        let quota = self.line()?.quota.as_ref()?;
        let is_refusal = quota.status.as_deref().is_none_or(|it| it == "rejected");
        is_refusal.then_some(quota)
    }

    /// The id of the transcript's line that records it.
    pub(crate) fn line_id(&self) -> Option<&str> {
        self.line()?.uuid.as_deref()
    }

    /// The error's class: the transcript's, else the hook's.
    pub(super) fn class(&self) -> Option<&str> {
        let by_line = self.line().and_then(|line| line.error.as_deref());
        by_line.or(self.text.hook_error.as_deref())
    }

    /// The plan, where a login says it.
    pub fn plan(&self) -> Option<Plan> {
        let plan = self.login.account.as_ref()?.plan;
        (plan != Plan::Other).then_some(plan)
    }

    /// Whether this credential or switch was set anywhere.
    pub fn has(&self, name: &str) -> bool {
        self.login.credentials.iter().any(|c| c.name == name)
    }

    /// Whether the session ran on a 1M-context variant, by the model's name.
    pub fn is_long_context_model(&self) -> bool {
        let model = self.session.model.as_deref().unwrap_or_default();
        model.to_lowercase().contains("[1m]")
    }

    /// Whether an update could change what the message says. An unknown version counts as new where
    /// the error was met, and as old where only its text is known.
    pub(crate) fn may_run_an_old_client(&self) -> bool {
        /// The last version known to word limits wrongly for a plan that it knows.
        const WORDS_ARE_RIGHT_FROM: ClientVersion = ClientVersion(2, 1, 240);
        self.session.installations > 1
            || self.is_before(WORDS_ARE_RIGHT_FROM)
            || (self.version().is_none() && self.text.seen == Seen::Pasted)
    }

    /// Keys, tokens and helpers that Claude Code prefers to a login.
    pub(crate) fn login_replaced_by(&self) -> impl Iterator<Item = &Credential> {
        let set = self.login.credentials.iter();
        set.filter(|set| set.outranks_login())
    }

    /// Whether the session went on with a model that this limit does not count: then it may hold still.
    pub(super) fn is_answered_by_another_model(&self, limit: LimitKind) -> bool {
        let family = limit.window().and_then(Window::family);
        let answered_by = self.since.answered_by.as_ref();
        let pair = family.zip(answered_by).filter(|_| self.since.answered);
        pair.is_some_and(|(family, model)| !model.to_lowercase().contains(&family))
    }

    /// Whether the login is a seat in an organization.
    pub(crate) fn is_shared_plan(&self) -> bool {
        self.plan().is_some_and(Plan::is_shared)
    }

    /// The window that the server named when it refused.
    pub(crate) fn refused_window(&self) -> Option<Window> {
        Window::of_rate_limit_type(self.quota()?.rate_limit_type.as_deref()?)
    }

    /// The host that requests go to, where that is not Anthropic's.
    pub(crate) fn gateway(&self) -> Option<&str> {
        let set = self.login.credentials.iter();
        let mut hosts = set.filter_map(|set| set.host.as_deref());
        hosts.find(|host| !is_anthropics(host))
    }

    /// Who answers this session's requests, as far as settings and login say.
    pub(crate) fn service(&self) -> Option<Service> {
        let says = [
            (self.has("CLAUDE_CODE_USE_BEDROCK"), Service::Bedrock),
            (self.has("CLAUDE_CODE_USE_VERTEX"), Service::Vertex),
            (self.has("CLAUDE_CODE_USE_FOUNDRY"), Service::Other),
            (self.gateway().is_some(), Service::Gateway),
            (self.login_replaced_by().next().is_some(), Service::Console),
            (self.plan().is_some(), Service::Plan),
        ];
        let first = says.into_iter().find(|(is_so, _)| *is_so);
        first.map(|(_, service)| service)
    }
}
