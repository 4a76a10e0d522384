//! Combines everything that is known about an error before its cause is determined (step 3 of 5).
//!
//! [`StoredError`] is the part of the evidence that is stored. The rest, such as later responses, the newest readings,
//! and the logged-in account, can change, so it is collected again for each explanation. [`Evidence`] is the complete
//! input to a diagnosis, including the clock. Nothing in this directory performs I/O.

mod resets;
mod windows;

pub use resets::{Reset, ResetSource, Resets};
pub use windows::RefusedWindow;
pub(crate) use windows::{
    FASTEST_USE, FRESH_FOR, FULL_FROM, Measurement, REPORTED_WITHIN, RESET_BELOW, Readings,
    SETTLED_AFTER, WindowState, is_full, is_request_later, measured_relative_to,
};

use std::fmt;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Deserializer, Value};

use crate::claude::account::{Account, Plan};
use crate::claude::credentials::{self, Credential, OAUTH_TOKEN, SetIn, base_url_host};
use crate::claude::version::ClientVersion;
use crate::claude::window_usage::{UsagePage, is_same_reset};
use crate::limits::decide::Ending;
use crate::limits::free_period::FreePeriod;
use crate::limits::kind::{LimitKind, Service, Window};
use crate::limits::normalize;
use crate::limits::sample::Sample;
use crate::secrets::redact;
use crate::time::{Clock, HourFormat, Zone, is_in_supported_range};
use crate::transcript::failed_attempts::FailedAttempts;
use crate::transcript::owner::Owner;
use crate::transcript::tail::{CAN_WAIT_AGAIN, CANCELLED, ErrorLine, QuotaLimits, Waiting};

/// The first version in which several false messages about usage credits were fixed (issues 45252, 45039, and 45276).
const CREDITS_MESSAGES_FIXED: ClientVersion = ClientVersion(2, 1, 5);
/// The first version in which the misleading wording of several limit messages was fixed.
const WORDING_FIXED: ClientVersion = ClientVersion(2, 1, 240);

/// The maximum time between the hook for an error and its transcript line, even on a busy machine.
pub(crate) const LINE_DELAY: TimeDelta = TimeDelta::seconds(2);

/// How whycap received an error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageOrigin {
    /// Claude Code passed the error to the hook.
    #[default]
    Hook,
    /// The error was found in a transcript.
    Transcript,
    /// The user pasted the text of the error.
    Pasted,
}

/// The source of a fact, reported as the `source` field of `evidence` in `explain --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The error line in the transcript.
    Transcript,
    /// The hook event sent by Claude Code.
    Hook,
    /// A reading of the usage windows.
    Sample,
    /// The logged-in account.
    Account,
    /// The session's environment.
    Environment,
    /// A settings file.
    Settings,
    /// The version of Claude Code.
    Version,
    /// A budget in whycap's configuration.
    Budget,
}

impl From<SetIn> for Source {
    fn from(set_in: SetIn) -> Self {
        match set_in {
            SetIn::Environment => Self::Environment,
            SetIn::Settings(_) => Self::Settings,
        }
    }
}

/// The text of an error and its accompanying fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorMessage {
    /// How whycap received the error.
    pub origin: MessageOrigin,
    /// The text as shown to the user, with secrets removed.
    pub text: String,
    /// The `error` field of the `StopFailure` event.
    pub hook_class: Option<String>,
    /// The `error_details` field of the `StopFailure` event.
    pub hook_details: Option<String>,
    /// The transcript line that records the error.
    pub line: Option<ErrorLine>,
    /// The attempts that failed before Claude Code gave up.
    pub failed_attempts: Option<FailedAttempts>,
}

/// The maximum length in bytes of a text that counts as copied from the screen even if most of it is not the message.
const LONGEST_COPY: usize = 200;

/// The minimum length in bytes of a beginning that identifies a message, without spaces. "You've hit your", for
/// example, is too short.
const SHORTEST_BEGINNING: usize = 17;

/// The message about a key without credits, as Claude Code writes it to the transcript.
const BALANCE_IN_TRANSCRIPT: &str = "credit balance is too low";
/// The beginning of the same message on the screen of Claude Code 2.1.331: "Credit balance too low · Add funds: …". All
/// other messages are the same in both places.
const BALANCE_ON_SCREEN: &str = "credit balance too low";

impl ErrorMessage {
    /// Returns true if a text is a copy of this message, as if the user had copied it from the screen: the message with
    /// a few other words, or its beginning, because narrow terminals and `whycap incidents` cut messages off. A longer
    /// text, such as a log, may contain the same message of another machine. Case, spaces, line breaks, and the parts
    /// of links that the screen omits do not matter.
    pub(crate) fn is_copied_in(&self, text: &str) -> bool {
        let message = normalize(&self.text);
        let normalized_text = normalize(text);
        let is_short = normalized_text.len() <= LONGEST_COPY.max(3 * message.len());
        let copy = comparable(&normalized_text);
        let is_copy_of = |message: &str| {
            let message = comparable(message);
            !message.is_empty() && is_short && copy.contains(&message)
                || is_beginning(&copy, &message)
        };
        is_copy_of(&message)
            || is_beginning(&copy, &comparable(without_status(&message)))
            || message == BALANCE_IN_TRANSCRIPT && is_copy_of(BALANCE_ON_SCREEN)
    }

    /// Returns the server's own words about the refusal, on a single line and with secrets removed. Returns `None` if
    /// the error contains only Claude Code's words.
    pub(crate) fn server_words(&self) -> Option<String> {
        /// The maximum number of characters to quote.
        const LONGEST: usize = 160;
        let line = self.line.as_ref();
        let details = [
            line.and_then(|line| line.details.as_deref()),
            self.hook_details.as_deref(),
        ];
        let of_details = details.into_iter().flatten().find_map(message_in_json);
        let words = of_details.or_else(|| {
            let (_, response) = self.text.split_once("API Error: ")?;
            let first_part = response.split(" · ").next()?;
            let after_status = first_part.trim_start_matches(|c: char| c.is_ascii_digit());
            // Claude Code puts the HTTP status before the server's words, but not before its own words, except for the
            // phrase "due to".
            let has_status = after_status.len() < first_part.len();
            if after_status.contains('{') {
                message_in_json(after_status)
            } else if has_status && !after_status.starts_with(" due to ") {
                Some(after_status.to_owned())
            } else {
                None
            }
        })?;
        let words: Vec<&str> = words.split_whitespace().collect();
        let words = redact(&words.join(" "));
        if words.is_empty() {
            return None;
        }
        let shown: String = words.chars().take(LONGEST).collect();
        let is_cut = shown.len() < words.len();
        Some(if is_cut { format!("{shown}…") } else { shown })
    }
}

/// Returns a normalized text in a form in which a message equals its copy: without spaces, because a terminal breaks
/// lines even inside links, and without the scheme and the parameters of links, which the screen omits.
fn comparable(normalized: &str) -> String {
    normalized.split(' ').map(shortened_link).collect()
}

/// Returns a word without the scheme and the parameters of the link that it contains. A word without a link remains
/// unchanged.
fn shortened_link(word: &str) -> String {
    let word = word.replace("https://", "").replace("http://", "");
    match word.split_once('?') {
        Some((address, parameters)) if address.contains('/') => {
            let is_part =
                |character: char| character.is_alphanumeric() || "=&%_-".contains(character);
            format!("{address}{}", parameters.trim_start_matches(is_part))
        }
        Some(_) | None => word,
    }
}

/// Returns a normalized message without "api error: 400" or the like at its beginning.
fn without_status(message: &str) -> &str {
    message
        .strip_prefix("api error: ")
        .and_then(|rest| rest.split_once(' '))
        .filter(|(status, _)| status.parse::<u16>().is_ok())
        .map_or(message, |(_, words)| words)
}

/// Returns true if a copy contains only the beginning of a message, which may be followed by an ellipsis. A short
/// beginning counts only if it ends at a separator. Both texts must be [comparable]. If the copy was cut inside
/// "https://", the part of it that is left does not count.
fn is_beginning(copy: &str, message: &str) -> bool {
    let shown = copy.trim_start_matches(|character: char| !character.is_alphanumeric());
    let uncut = shown.trim_end_matches(['…', '.']);
    [uncut, without_cut_scheme(uncut)]
        .into_iter()
        .any(|beginning| {
            message
                .strip_prefix(beginning)
                .is_some_and(|rest| rest.starts_with('·') || beginning.len() >= SHORTEST_BEGINNING)
        })
}

/// Returns a text without the beginning of "https://" or "http://" at its end.
fn without_cut_scheme(text: &str) -> &str {
    [
        "https:/", "https:", "https", "http:/", "http:", "http", "htt", "ht", "h",
    ]
    .into_iter()
    .find_map(|cut| text.strip_suffix(cut))
    .unwrap_or(text)
}

/// Returns the message of an error in JSON format, which may be surrounded by other text.
fn message_in_json(text: &str) -> Option<String> {
    let json = text.get(text.find('{')?..)?;
    let object: Value = Deserializer::from_str(json).into_iter().next()?.ok()?;
    let message = object.pointer("/error/message").or(object.get("message"))?;
    Some(message.as_str()?.to_owned())
}

/// The kind of payer of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PayerKind<'a> {
    /// An account, through its login or a token.
    Account,
    /// A key, with the host of the gateway that it belongs to, if any.
    Key(Option<&'a str>),
    /// The cloud provider that this variable selects.
    CloudProvider(&'a str),
    /// An unknown payer: the start of the session is not stored, and its transcript names no account.
    Unknown,
}

/// Information about who paid for the request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PayerFacts {
    /// The account that was logged in, or the session's owner if the transcript identifies one.
    pub account: Option<Account>,
    /// The session's owner according to the transcript.
    pub owner: Option<Owner>,
    /// The credentials and gateways that are set in the environment or in the settings.
    pub credentials: Vec<Credential>,
    /// True if `credentials` includes the session's own environment. Otherwise, there may be a key that whycap cannot
    /// see.
    pub has_session_environment: bool,
}

impl PayerFacts {
    /// Returns true if a credential or environment switch with this name is set.
    fn has_credential(&self, name: &str) -> bool {
        credentials::is_set(name, &self.credentials)
    }

    /// Returns true if the session uses an OAuth token, which does not reveal the account.
    pub(crate) fn is_hidden_by_token(&self) -> bool {
        self.owner.is_none() && self.has_credential(OAUTH_TOKEN)
    }

    /// Returns the keys that take precedence over a login.
    fn keys(&self) -> impl Iterator<Item = &Credential> {
        let credentials = self.credentials.iter();
        credentials.filter(|credential| credential.outranks_login())
    }

    /// Returns true if the payer is a key. If the user declined the key, Claude Code uses the login, and the transcript
    /// names the login's owner.
    pub(crate) fn is_key(&self) -> bool {
        self.owner.is_none() && self.keys().next().is_some()
    }

    /// Returns true if the payer is a key or a cloud provider. Neither has the usage windows of a plan.
    pub(crate) fn is_without_account(&self) -> bool {
        matches!(self.kind(), PayerKind::Key(_) | PayerKind::CloudProvider(_))
    }

    /// Returns the account of the login or of the transcript, or `None` if it is unknown.
    pub(crate) fn known_account(&self) -> Option<&Owner> {
        let account = match &self.account {
            Some(account) if !self.is_hidden_by_token() => Some(&account.owner),
            Some(_) | None => None,
        };
        self.owner.as_ref().or(account)
    }

    fn kind(&self) -> PayerKind<'_> {
        let mut credentials = self.credentials.iter();
        if let Some(provider) = credentials.find(|credential| credential.selects_cloud_provider()) {
            PayerKind::CloudProvider(&provider.name)
        } else if self.is_key() {
            PayerKind::Key(base_url_host(&self.credentials))
        } else if self.has_session_environment || self.known_account().is_some() {
            PayerKind::Account
        } else {
            PayerKind::Unknown
        }
    }

    /// Compares the payer of a failed request with the payer of another request. The values of keys are unknown, so two
    /// keys count as the same if they belong to the same gateway or if neither belongs to one.
    pub(crate) fn relation_to(&self, other: &Self) -> PayerRelation {
        match (self.kind(), other.kind()) {
            (PayerKind::Account, PayerKind::Account) => {
                let accounts = self.known_account().zip(other.known_account());
                match accounts.and_then(|(account, other)| account.is_same_as(other)) {
                    Some(true) => PayerRelation::Same,
                    Some(false) => PayerRelation::Other,
                    None => PayerRelation::Unknown,
                }
            }
            // A session whose transcript does not name an account probably uses a key. Versions before 2.1.328 never
            // name accounts, so this counts only if the failed session used a key.
            (PayerKind::Key(_), PayerKind::Unknown) => PayerRelation::Same,
            (PayerKind::Unknown, _) | (_, PayerKind::Unknown) => PayerRelation::Unknown,
            (kind, other_kind) if kind == other_kind => PayerRelation::Same,
            _ => PayerRelation::Other,
        }
    }

    /// Returns true if both payers may use the same account. An unknown account matches any account, because most
    /// people have only one. The account of a token matches only other unknown accounts.
    pub(crate) fn may_have_account_of(&self, other: &Self) -> bool {
        match (self.known_account(), other.known_account()) {
            (Some(account), Some(other)) => account.is_same_as(other) != Some(false),
            (Some(_), None) => !other.is_hidden_by_token(),
            (None, Some(_)) => !self.is_hidden_by_token(),
            (None, None) => true,
        }
    }

    /// Returns true if a limit that stops this payer may also stop another payer. Comparing the accounts is not enough.
    /// For example, the error of a session with a key is stored with the login's account, although the session did not
    /// use the login.
    pub(crate) fn may_share_refusals_with(&self, other: &Self) -> bool {
        self.relation_to(other) != PayerRelation::Other && self.may_have_account_of(other)
    }

    /// Returns true if the session sends its requests to this host and may use the login: it uses no key or cloud
    /// provider, and its transcript does not name another account. `self.account` must be the login, and `host` must be
    /// a result of [`base_url_host`].
    pub(crate) fn may_use_login_at(&self, host: Option<&str>) -> bool {
        !self.is_without_account()
            && may_belong_to(self.owner.as_ref(), self.account.as_ref())
            && base_url_host(&self.credentials) == host
    }

    /// Returns true if the session may use the login in the same way as the session of `other`: both send their requests
    /// to the same host, and both or neither use a token. A token may belong to a different account than the login.
    /// `self.account` must be the login.
    pub(crate) fn shares_login_with(&self, other: &Self) -> bool {
        self.may_use_login_at(base_url_host(&other.credentials))
            && self.is_hidden_by_token() == other.is_hidden_by_token()
    }
}

/// Information about the session in which the error occurred.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorSession {
    /// The ID of the session.
    pub id: Option<String>,
    /// The process that ran the hook, in the form of [`Sample::process`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The version of Claude Code.
    pub version: Option<String>,
    /// The model ID, with the suffix `[1m]` if the model is known to use the 1M context window.
    pub model: Option<String>,
    /// True if fast mode was on. Only usage credits can pay for fast mode.
    pub fast_mode: bool,
    /// The number of different `claude` executables on this machine.
    pub installed_clients: usize,
    /// True if the plugin handles `/whycap`. In that case, running the command does not cancel the auto-resume.
    pub has_plugin: bool,
    /// True if the error occurred in a workflow agent.
    pub in_workflow: bool,
}

/// A successful response that the same session received after the error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaterResponse {
    /// The time of the response, if the transcript records it.
    pub at: Option<DateTime<Utc>>,
    /// The model that generated the response.
    pub model: Option<String>,
}

/// An event that ended an error, with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenEnd {
    /// The kind of event.
    pub ending: Ending,
    /// The time of the event.
    pub at: DateTime<Utc>,
    /// True if a response or a reading from after a reset confirms it. That reading may no longer be available later.
    #[serde(default)]
    pub is_confirmed: bool,
}

/// An error as stored in the journal. A newer record with the same session and time replaces an older one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredError {
    /// The time at which the error occurred.
    pub at: DateTime<Utc>,
    /// The text of the error and its accompanying fields.
    pub message: ErrorMessage,
    /// Information about who paid for the request.
    pub payer: PayerFacts,
    /// Information about the session in which the error occurred.
    pub session: ErrorSession,
    /// The usage-window readings from around the time of the error, oldest first. They are stored once the error is
    /// over, so that the verdict does not change afterward.
    pub readings: Vec<Sample>,
    /// The session's first successful response after the error.
    pub later_response: Option<LaterResponse>,
    /// True if the service refused the login twice in a row, in this session or in two, and this is one of the refusals. It
    /// accepted the login in no session in between. The hook that handles the second refusal sets this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub login_refused_twice: bool,
    /// The event that ended the error. It is stored when an explanation first mentions it, so that later events and
    /// deleted transcripts do not change the explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<ProvenEnd>,
}

impl StoredError {
    /// Creates a record of an error from its text alone.
    pub fn new(at: DateTime<Utc>, origin: MessageOrigin, text: String) -> Self {
        Self {
            at,
            message: ErrorMessage {
                origin,
                text,
                ..ErrorMessage::default()
            },
            ..Self::default()
        }
    }

    /// Returns true if every timestamp in the record is in the supported range. Damaged records may contain arbitrary
    /// dates.
    pub(crate) fn has_sound_dates(&self) -> bool {
        let line = self.message.line.as_ref();
        let response = self.later_response.as_ref();
        let times = [
            Some(self.at),
            line.and_then(|line| line.at),
            response.and_then(|response| response.at),
            self.end.map(|end| end.at),
        ];
        times.into_iter().flatten().all(is_in_supported_range)
            && self.readings.iter().all(Sample::has_sound_dates)
    }

    /// Adds the facts that only an older record of the error contains. If two processes write records at the same time,
    /// the newer record may lack facts from the other one.
    pub(crate) fn add_missing_facts(&mut self, older: &Self) {
        if self.message.origin != older.message.origin {
            return;
        }
        let (message, older_message) = (&mut self.message, &older.message);
        add_missing(&mut message.hook_class, older_message.hook_class.as_ref());
        add_missing(
            &mut message.hook_details,
            older_message.hook_details.as_ref(),
        );
        add_missing(&mut message.line, older_message.line.as_ref());
        add_missing(
            &mut message.failed_attempts,
            older_message.failed_attempts.as_ref(),
        );

        let (payer, older_payer) = (&mut self.payer, &older.payer);
        add_missing(&mut payer.account, older_payer.account.as_ref());
        add_missing(&mut payer.owner, older_payer.owner.as_ref());
        for credential in &older_payer.credentials {
            if !payer.credentials.contains(credential) {
                payer.credentials.push(credential.clone());
            }
        }
        // Claude Code passes the variables in its settings to hooks, so a hook's first record attributes them to the
        // environment.
        let from_settings: Vec<String> = payer
            .credentials
            .iter()
            .filter(|credential| matches!(credential.set_in, SetIn::Settings(_)))
            .map(|credential| credential.name.clone())
            .collect();
        payer.credentials.retain(|credential| {
            credential.set_in != SetIn::Environment || !from_settings.contains(&credential.name)
        });
        payer.has_session_environment |= older_payer.has_session_environment;

        self.login_refused_twice |= older.login_refused_twice;
        add_missing(&mut self.end, older.end.as_ref());
        add_missing(&mut self.later_response, older.later_response.as_ref());

        let (session, older_session) = (&mut self.session, &older.session);
        add_missing(&mut session.process, older_session.process.as_ref());
        add_missing(&mut session.version, older_session.version.as_ref());
        add_missing(&mut session.model, older_session.model.as_ref());
        session.fast_mode |= older_session.fast_mode;
        session.installed_clients = session
            .installed_clients
            .max(older_session.installed_clients);
    }

    /// Returns the ID of the transcript line that records the error.
    pub(crate) fn line_id(&self) -> Option<&str> {
        self.message.line.as_ref()?.uuid.as_deref()
    }

    /// Returns the rate-limit information that the server sent when it refused the request.
    pub(crate) fn quota(&self) -> Option<&QuotaLimits> {
        let line = self.message.line.as_ref()?;
        line.quota
            .as_ref()
            .filter(|quota| quota.status.as_deref() != Some("allowed"))
    }

    /// Returns true if a credential or environment switch with this name is set.
    pub(crate) fn has_credential(&self, name: &str) -> bool {
        self.payer.has_credential(name)
    }

    /// Returns the keys that take precedence over a login.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Credential> {
        self.payer.keys()
    }

    /// Returns true if the session used a key that takes precedence over a login.
    pub(crate) fn uses_key(&self) -> bool {
        self.keys().next().is_some()
    }

    /// Returns true if the session's environment and settings are known to contain no key that takes precedence over a
    /// login.
    pub(crate) fn is_known_to_have_no_key(&self) -> bool {
        self.payer.has_session_environment && !self.uses_key()
    }

    /// Returns true if requests go to a gateway or a cloud provider instead of directly to Anthropic.
    pub(crate) fn uses_other_service(&self) -> bool {
        self.payer
            .credentials
            .iter()
            .any(Credential::selects_other_service)
    }

    /// Returns true if requests go to a cloud provider, which has its own accounts. A gateway, in contrast, may pass
    /// requests on to Anthropic.
    pub(crate) fn uses_cloud_provider(&self) -> bool {
        self.payer
            .credentials
            .iter()
            .any(Credential::selects_cloud_provider)
    }

    /// Returns true if the session used an OAuth token, which does not reveal the account that paid.
    pub(crate) fn is_payer_hidden_by_token(&self) -> bool {
        self.payer.is_hidden_by_token()
    }

    /// Returns the account that paid, or `None` if it is unknown.
    pub(crate) fn account(&self) -> Option<&Account> {
        if self.is_payer_hidden_by_token() {
            None
        } else {
            self.payer.account.as_ref()
        }
    }

    /// Returns the payer's plan, or `None` if there is no login with a recognized plan.
    fn plan(&self) -> Option<Plan> {
        let account = self.payer.account.as_ref()?;
        Some(account.plan).filter(|plan| *plan != Plan::Other)
    }

    /// Infers from the credentials and the plan which service receives the session's requests.
    pub(crate) fn service(&self) -> Option<Service> {
        if self.has_credential("CLAUDE_CODE_USE_BEDROCK") {
            Some(Service::Bedrock)
        } else if self.has_credential("CLAUDE_CODE_USE_VERTEX") {
            Some(Service::Vertex)
        } else if self.uses_other_service() {
            Some(Service::Gateway)
        } else if self.uses_key() {
            Some(Service::Console)
        } else if self.plan().is_some() || self.has_credential(OAUTH_TOKEN) {
            Some(Service::Plan)
        } else {
            None
        }
    }
}

fn add_missing<T: Clone>(fact: &mut Option<T>, older: Option<&T>) {
    if fact.is_none() {
        *fact = older.cloned();
    }
}

/// The relationship between a session's owner and the logged-in account, reported as `owner` in `explain --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// The session belongs to the account that is logged in.
    Login,
    /// The session belongs to a different account.
    Other,
}

impl Ownership {
    /// Compares a session's owner with the logged-in account. Returns `None` if the two have no type of ID in common.
    pub(crate) fn of(owner: &Owner, login: Option<&Account>) -> Option<Self> {
        let is_login = owner.is_same_as(&login?.owner)?;
        Some(if is_login { Self::Login } else { Self::Other })
    }
}

/// Returns true if a session with this owner may belong to the login. Transcripts from old versions do not record an
/// owner, or record one that cannot be compared with the login.
pub(crate) fn may_belong_to(owner: Option<&Owner>, login: Option<&Account>) -> bool {
    match owner {
        Some(owner) => login.is_some_and(|login| owner.is_same_as(&login.owner) != Some(false)),
        None => true,
    }
}

/// The relationship between the payers of two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayerRelation {
    /// Both requests used the same account, the same cloud provider, or keys of the same service.
    Same,
    /// The requests used different accounts or services, or only one of them used a key.
    Other,
    /// At least one of the payers is unknown.
    Unknown,
}

/// A response that a different session received after the error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact")]
pub struct OtherResponse {
    /// The time of the response.
    pub at: DateTime<Utc>,
    /// The earliest time at which the request may have been sent, or `None` if it is unknown.
    pub requested_at: Option<DateTime<Utc>>,
    /// The model that generated the response, without its variant suffix.
    pub model: Option<String>,
    /// The Claude Code version of the session.
    pub version: Option<String>,
    /// The relationship between the response's payer and the payer of the failed request.
    pub payer: PayerRelation,
    /// True if the session belongs to an account. In that case, the response was not paid for with a key.
    pub has_owner: bool,
    /// True if this is known to be the first response that the session received after the error.
    pub is_first: bool,
    /// True if a limit stopped the payer after the response.
    pub is_refused_later: bool,
    /// True if the limit, or another one that may be the same, stopped the payer soon after the response, so the
    /// response may not have ended the error. For a stored end, this is all that is known about later refusals.
    pub is_refused_soon: bool,
}

/// A reason why Claude Code does not automatically resume a blocked session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContinuationObstacle {
    /// Claude Code announced that it would not resume the session. The string is the beginning of that notice.
    Announced(&'static str),
    /// The auto-resume was canceled by a prompt or because the process exited.
    Cancelled,
    /// The session is not running in a terminal.
    NotInTerminal,
    /// The session is not running.
    NotRunning,
    /// The session is running in the background.
    InBackground,
    /// The user has logged in to another account. Claude Code then stops waiting (2.1.331).
    LoginChanged,
    /// The `autoContinueAtUsageLimit` setting is false.
    SettingIsOff,
    /// The limit was reached by an agent or by `/compact`. Claude Code does not wait in either case (as of 2.1.330).
    NotAPrompt,
    /// A limit refused a prompt, and Claude Code has not announced that it would resume. It was not waiting already, in which
    /// case it waits again without another announcement (2.1.331).
    NotAnnounced,
    /// Claude Code does not wait, and the error is probably a false alarm, so there is no reset to wait for.
    FalseAlarm,
    /// Claude Code does not wait, and the reset is unknown or does not help.
    NoHelpfulReset,
    /// Claude Code does not wait for this kind of limit, or it does not know when the limit resets.
    NotAwaited,
    /// Claude Code will try to resume the session, but whycap will block this because a budget is used up.
    BudgetUsedUp,
}

impl fmt::Display for ContinuationObstacle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Announced(CAN_WAIT_AGAIN) => "automatic continuation was canceled",
            Self::Announced(CANCELLED) | Self::Cancelled => {
                "automatic continuation was canceled: send the prompt again after the reset"
            }
            Self::Announced(_) => {
                "Claude Code has stopped waiting: send the prompt again after the reset"
            }
            Self::NotInTerminal => "the session does not run in its own terminal",
            Self::NotRunning => "the session is not running",
            Self::InBackground => "the session runs in the background",
            Self::LoginChanged => "you have logged in to a different account",
            Self::SettingIsOff => "autoContinueAtUsageLimit is off in the settings",
            Self::NotAPrompt => {
                "Claude Code does not wait if the limit stopped an agent or /compact"
            }
            Self::NotAnnounced => {
                "Claude Code will not continue by itself: send the prompt again after the reset"
            }
            Self::NoHelpfulReset => "Claude Code will not continue by itself",
            Self::FalseAlarm => "probably a false alarm: try again",
            Self::NotAwaited => "Claude Code does not wait for this kind of limit",
            Self::BudgetUsedUp => {
                "your budget blocks the automatic continuation until you type /whycap continue there"
            }
        })
    }
}

/// The sessions that may work although an error blocks the session in which it occurred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PossiblyUnaffected {
    /// None, as far as the evidence shows.
    #[default]
    Nobody,
    /// The requesting session.
    AskingSession,
    /// All sessions without an error of their own.
    OtherSessions,
}

impl PossiblyUnaffected {
    /// Returns the clause that names the sessions that may work, or `None` if there are none.
    pub(crate) fn clause(self) -> Option<&'static str> {
        match self {
            Self::Nobody => None,
            Self::AskingSession => Some("this one may work"),
            Self::OtherSessions => Some("sessions that show no error may work"),
        }
    }
}

/// The state of a `claude -p` run after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadlessRun {
    /// The run's process is known to be running.
    Running,
    /// The run may or may not have ended.
    MayHaveEnded,
    /// The run has ended.
    Ended,
}

/// A session's next limit error or, after a temporary problem, its next error of another kind.
#[derive(Debug, Clone, Copy)]
pub struct NextLimit {
    /// The time of the error.
    pub at: DateTime<Utc>,
    /// The reset of the limit, if it is known.
    pub resets_at: Option<DateTime<Utc>>,
}

/// The part of the evidence that is collected each time an error is explained.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact")]
pub struct Collected {
    /// True if the error is stored in the journal.
    pub is_stored: bool,
    /// The relationship between the session's owner and the logged-in account.
    pub ownership: Option<Ownership>,
    /// The latest reading of the usage windows, from any account.
    pub newest_reading: Option<Sample>,
    /// The payer's usage windows that caused other refusals and have not reset yet.
    pub refused_windows: Vec<RefusedWindow>,
    /// The full window of a single model family that applies to the model of the session with the error as well. It is determined
    /// only if Claude Code will resume the session automatically.
    pub model_limit_beside: Option<RefusedWindow>,
    /// The most recent figures from `/usage`, if they belong to the payer.
    pub usage_page: Option<UsagePage>,
    /// The responses that other sessions received after the error.
    pub other_responses: Vec<OtherResponse>,
    /// The responses in `other_responses` that the requesting session received.
    pub asker_responses: Vec<OtherResponse>,
    /// The last time that a limit stopped the payer after the error. Refusals with an unknown payer count too.
    pub refused_again_at: Option<DateTime<Utc>>,
    /// The time of the response in another session that ended the error. It is set only if a later reading or refusal
    /// shows a full window, which then does not count as evidence about the error.
    pub over_elsewhere_at: Option<DateTime<Utc>>,
    /// The end of the error, as derived from the rest of the evidence.
    pub found_end: Option<ProvenEnd>,
    /// The readings of the payer's sessions, sorted by the time of the measurement. Empty if only the newest reading is
    /// needed.
    pub account_readings: Rc<[Sample]>,
    /// True if the error does not block the current user, who is working in another session.
    pub concerns_others_only: bool,
    /// True if a new session in the requesting shell would have a different payer than the session with the error.
    pub is_of_other_payer: bool,
    /// True if the requesting session certainly has a different payer than the failed request.
    pub asker_has_other_payer: bool,
    /// True if the error is about an account, and its session certainly has another payer now. The status line determines
    /// this only for the errors of its own session.
    pub session_has_other_payer: bool,
    /// True if the session's other payer is the login, because the user has logged in to another account.
    pub session_uses_new_login: bool,
    /// True if the error is about the limit of one model family, and the user has since switched its session to another
    /// model. Always false if the requesting session uses a model of this family.
    pub session_uses_other_model: bool,
    /// The model that the session with the error used last, or `None` if it is unknown. The status line knows only that of its
    /// own session.
    pub model_now: Option<String>,
    /// True if the requesting session has a different payer and may use the login, and a window of the login's plan is
    /// full. Always false for the status line and for an error of another account than the login.
    pub is_plan_of_asker_full: bool,
    /// The kind of a limit without a usage window that stops the login's sessions, such as a cap of an organization without
    /// windows. It is set only for an error about a session's key. Always `None` for the status line.
    pub cap_of_login: Option<LimitKind>,
    /// True if the session used a key, but a new session in the requesting shell would use the login's plan.
    pub is_of_other_key: bool,
    /// True if the session used a token, but the requesting session, or a new session in the requesting shell, uses the
    /// login, and a reading shows that the login has room. Always false for the status line.
    pub has_login_with_room: bool,
    /// The sessions that may still work although the error blocks the session in which it occurred.
    pub possibly_unaffected: PossiblyUnaffected,
    /// True if the session used a key instead of its login and the key is no longer set. The next request will use the
    /// login.
    pub key_is_removed: bool,
    /// True if usage credits may be paying for responses although a window is full: the server accepts credits, and no
    /// message says that the session's responses are free.
    pub credits_may_pay: bool,
    /// The periods in which the session's responses were free although the 5-hour window was full. They are read only after
    /// a temporary problem.
    pub free_periods: Rc<[FreePeriod]>,
    /// True if usage credits have probably not paid for a response since the error: the server still gives the reason
    /// that it gave then for not accepting them, and no credits can be used while it does. Always false for the status
    /// line, which does not read that reason.
    pub credits_are_refused: bool,
    /// True if usage credits cannot pay for the next response according to Claude Code's newest record of the server's reason.
    /// Always false for the status line, which does not read that record.
    pub credits_are_unavailable: bool,
    /// True if the error is about the limit of one model family, and usage credits may have paid for a response since then:
    /// the server accepts them according to Claude Code's newest record.
    pub credits_may_pay_for_model: bool,
    /// The server's newest reason for not accepting usage credits, according to later errors. For a text that the user
    /// entered, this is the reason according to the error that blocks all sessions now or, without such an error, according to Claude
    /// Code's newest record.
    pub no_credits_reason_now: Option<String>,
    /// The time until which usage credits pay for the user's responses, because a full window resets then. `None` if
    /// they do not, or if this was not determined for this explanation.
    pub paid_until: Option<DateTime<Utc>>,
    /// True if the session used a key instead of its login, but its later response used the login.
    pub has_response_without_key: bool,
    /// True if the session probably still uses a key instead of its login for all responses: it still has the key, and
    /// either its transcript does not name an account or that account is no longer used.
    pub still_uses_key: bool,
    /// True if Claude Code may not have reported the usage figures of the refused request yet. Until it has, figures that
    /// were reported before or right after the error do not show that a window had room.
    pub awaits_figures: bool,
    /// True if a limit stopped the payer after the stored or found end of the error.
    pub is_refused_after_end: bool,
    /// True if the stored end of the error is [`Ending::HitAgain`], but the later error is not about a limit, or is about a
    /// limit that does not replace this one.
    pub is_next_error_other: bool,
    /// The session's next limit error that may be about the same payer, if the session received no response in between. After
    /// the limit of one model family, only the same limit counts. After a temporary problem, the next error of any other kind.
    pub hit_again: Option<NextLimit>,
    /// The time at which the user continued to work after the error, according to the ledger. It is used to compute how
    /// long work was blocked.
    pub resumed_at: Option<DateTime<Utc>>,
    /// The time at which the user continued in another session with a key or a cloud provider after an error of an account, or
    /// the reverse. It does not show that the error was over, so it counts only if nothing shows when the error ended.
    pub continued_with_other_kind_of_payer_at: Option<DateTime<Utc>>,
    /// True if the service refused the login with this error and has since applied a limit to the login, so it accepts the
    /// login again. The session with the error may still use an old token.
    pub login_is_accepted: bool,
    /// The number of the session's requests in a row that failed with the same message before this error.
    pub previous_equal_failures: usize,
    /// Claude Code's announcement about the auto-resume after this error. If the error occurred while Claude Code was already
    /// waiting, this is the announcement after an earlier error.
    pub waiting: Option<Waiting>,
    /// True if the end of the transcript contains the error but no announcement that applies to it.
    pub lacks_announcement: bool,
    /// True if the user sent another prompt after the error and after Claude Code announced that it would wait for the reset.
    pub has_later_prompt: bool,
    /// True if the error occurred while Claude Code was waiting for a reset after an earlier error, and the wait goes on.
    pub is_during_wait: bool,
    /// True if the session with the error is known to be closed, or to have been closed and resumed with another payer. The
    /// error then stops no work there.
    pub is_session_closed: bool,
    /// The reason why Claude Code does not automatically resume the session.
    pub obstacle: Option<ContinuationObstacle>,
    /// Sentences about a used-up budget that will block the session's next prompt, including the one with which Claude Code
    /// resumes it. `None` if there is no such budget, or if the user has chosen to continue.
    pub blocking_budget: Option<String>,
    /// Sentences about a used-up budget that blocks the session's prompts now, but no longer when the limit has reset, so it does not
    /// matter to the prompt with which Claude Code continues. `None` if there is no such budget, or if `blocking_budget` is set.
    pub budget_until_reset: Option<String>,
    /// The state of the `claude -p` run in which the error occurred, or `None` if it occurred elsewhere.
    pub headless_run: Option<HeadlessRun>,
}

/// The complete input to a diagnosis.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The part of the evidence that is stored.
    pub error: StoredError,
    /// The part of the evidence that is collected for each explanation.
    pub collected: Collected,
    /// The current time and the time zone for formatting times.
    pub clock: Clock,
}

impl Evidence {
    /// Combines a stored error with freshly collected information.
    pub fn new(error: StoredError, collected: Collected, clock: Clock) -> Self {
        Self {
            error,
            collected,
            clock,
        }
    }

    /// Creates evidence from the text of an error alone.
    pub fn of_text(text: &str, now: DateTime<Utc>) -> Self {
        let clock = Clock {
            now,
            zone: Zone::UTC,
            hours: HourFormat::TwentyFour,
        };
        let error = StoredError::new(now, MessageOrigin::Pasted, text.to_owned());
        Self::new(error, Collected::default(), clock)
    }

    /// Returns the time at which the error occurred.
    pub(crate) fn at(&self) -> DateTime<Utc> {
        self.error.at
    }

    pub(crate) fn is_pasted(&self) -> bool {
        self.error.message.origin == MessageOrigin::Pasted
    }

    /// Returns true if the requesting session has received a response since the error, which occurred in another
    /// session.
    pub(crate) fn has_asker_response(&self) -> bool {
        !self.collected.asker_responses.is_empty()
    }

    /// Returns the transcript line that records the error.
    pub(crate) fn line(&self) -> Option<&ErrorLine> {
        self.error.message.line.as_ref()
    }

    /// Returns true if no transcript line is known for the error and none is expected: more than [`LINE_DELAY`] has
    /// passed, or the error occurred in a workflow, whose errors are not written to the session's transcript.
    pub(crate) fn lacks_line(&self) -> bool {
        self.line().is_none()
            && (self.error.session.in_workflow || self.clock.now - self.at() > LINE_DELAY)
    }

    /// Returns the rate-limit information that the server sent when it refused the request.
    pub(crate) fn quota(&self) -> Option<&QuotaLimits> {
        self.error.quota()
    }

    /// Returns the reset time that the server stated when it refused the request.
    pub(crate) fn server_reset(&self) -> Option<DateTime<Utc>> {
        self.quota()?.resets_at
    }

    /// Returns the limit that the server blamed for the refusal.
    pub(crate) fn refused_limit(&self) -> Option<LimitKind> {
        LimitKind::of_quota(self.quota()?)
    }

    /// Returns the usage window that the server blamed for the refusal.
    pub(crate) fn refused_window(&self) -> Option<Window> {
        self.refused_limit()?.window()
    }

    /// Returns the server's reason for not accepting usage credits. For a text that the user entered, this is the reason that
    /// it gives now.
    pub(crate) fn no_credits_reason(&self) -> Option<&str> {
        if self.is_pasted() {
            self.collected.no_credits_reason_now.as_deref()
        } else {
            self.quota()?.overage_disabled_reason.as_deref()
        }
    }

    /// Returns the server's newest reason for not accepting usage credits, which may be that of a later error.
    pub(crate) fn newest_no_credits_reason(&self) -> Option<&str> {
        let newest = self.collected.no_credits_reason_now.as_deref();
        newest.or_else(|| self.no_credits_reason())
    }

    /// Returns the model that the session with the error uses now, as far as is known: the one that it used last or, if that
    /// is unknown, the one that it used when the error occurred.
    pub(crate) fn model_now(&self) -> Option<&str> {
        let last = self.collected.model_now.as_deref();
        last.or(self.error.session.model.as_deref())
    }

    /// Returns true if the session does not belong to the logged-in account.
    pub(crate) fn is_of_another_account(&self) -> bool {
        self.collected.ownership == Some(Ownership::Other)
    }

    /// Returns false if the reading is known to belong to a different account than the payer's.
    pub(crate) fn is_of_payer(&self, reading: &Sample) -> bool {
        reading.is_of(self.error.payer.account.as_ref()) != Some(false)
    }

    /// Returns the Claude Code version in which the error occurred.
    pub(crate) fn version(&self) -> Option<ClientVersion> {
        ClientVersion::parse(self.error.session.version.as_deref()?)
    }

    /// Returns true if Claude Code is known to be older than the given version.
    pub(crate) fn is_before(&self, version: ClientVersion) -> bool {
        self.version().is_some_and(|known| known < version)
    }

    /// Returns true if Claude Code is known to be the given version or newer.
    pub(crate) fn is_since(&self, version: ClientVersion) -> bool {
        self.version().is_some_and(|known| known >= version)
    }

    /// Returns true if this version of Claude Code is known to show false messages about usage credits.
    pub(crate) fn has_false_credit_messages(&self) -> bool {
        self.is_before(CREDITS_MESSAGES_FIXED)
    }

    /// Returns true if an outdated client may be to blame for the message or its misleading wording. If several clients
    /// are installed, any of them could be outdated. Pasted messages are assumed to come from the version in the latest
    /// reading.
    pub(crate) fn may_be_outdated(&self) -> bool {
        let reading = self.collected.newest_reading.as_ref();
        let version = match reading.and_then(|reading| reading.version.as_deref()) {
            Some(version) if self.is_pasted() => ClientVersion::parse(version),
            _ => self.version(),
        };
        version.is_none_or(|known| known < WORDING_FIXED)
            || self.error.session.installed_clients > 1
    }

    /// Returns the payer's plan, or `None` if there is no login with a recognized plan.
    pub(crate) fn plan(&self) -> Option<Plan> {
        self.error.plan()
    }

    /// Returns true if the payer has a personal plan. In that case, no organization is involved.
    pub(crate) fn is_personal_plan(&self) -> bool {
        self.plan().is_some_and(Plan::is_personal)
    }

    /// Returns true if the payer's usage credits are personal, so there is no admin who could add any.
    pub(crate) fn has_personal_credits(&self) -> bool {
        self.is_personal_plan() && !self.is_of_another_account()
    }

    /// Returns true if the payer's plan belongs to an organization with admins.
    pub(crate) fn is_shared_plan(&self) -> bool {
        self.plan().is_some_and(Plan::is_shared)
    }

    /// Returns true if the payer can change the organization's settings.
    pub(crate) fn is_admin(&self) -> bool {
        self.error
            .payer
            .account
            .as_ref()
            .is_some_and(Account::administers)
    }

    /// Returns true if the session used `CLAUDE_CODE_OAUTH_TOKEN`, which does not reveal a plan.
    pub(crate) fn has_oauth_token(&self) -> bool {
        self.error.has_credential(OAUTH_TOKEN)
    }

    /// Returns the first key that overrides a login with a plan.
    pub(crate) fn stray_key(&self) -> Option<&Credential> {
        self.plan()?;
        self.error.keys().next()
    }

    /// Returns false if the session uses a key or a cloud provider. The plan's usage windows then do not matter.
    pub(crate) fn may_use_plan(&self) -> bool {
        !self.error.payer.is_without_account()
    }

    /// Returns the host name in `ANTHROPIC_BASE_URL`.
    pub(crate) fn gateway_host(&self) -> Option<&str> {
        let mut credentials = self.error.payer.credentials.iter();
        credentials.find_map(|credential| credential.host.as_deref())
    }

    /// Returns true if the model used the 1M context window.
    pub(crate) fn uses_long_context(&self) -> bool {
        let model = self.error.session.model.as_deref();
        model.is_some_and(|model| model.contains("[1m]"))
    }

    /// Returns the event that ended the error, if it is stored or if this explanation has found it.
    pub(crate) fn known_end(&self) -> Option<ProvenEnd> {
        let stored_end = self.error.end.filter(|end| end.at <= self.clock.now);
        stored_end.or(self.collected.found_end)
    }

    /// Returns true if the limit still applied after its reset.
    pub(crate) fn outlasts_reset(&self, reset: DateTime<Utc>) -> bool {
        self.refused_after_reset(reset).is_some()
    }

    /// Returns the time of the last refusal after the reset: the session hit the same limit again, or the error itself
    /// occurred after the reset. This happens if the clocks of the machine and the server differ.
    pub(crate) fn refused_after_reset(&self, reset: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if let Some(next) = self.collected.hit_again
            && next.at >= reset
            && next
                .resets_at
                .is_some_and(|next_reset| is_same_reset(next_reset, reset))
        {
            Some(next.at)
        } else if self.at() >= reset {
            Some(self.at())
        } else {
            None
        }
    }

    /// Returns false if the server refused the request because of this window but stated a clearly different reset
    /// time.
    pub(crate) fn may_be_refused_window(
        &self,
        window: Window,
        reset: Option<DateTime<Utc>>,
    ) -> bool {
        match (self.server_reset(), reset) {
            (Some(refused), Some(reset)) if self.refused_window() == Some(window) => {
                is_same_reset(refused, reset)
            }
            _ => true,
        }
    }

    /// Returns true if the session received a successful response after the error.
    pub(crate) fn has_later_response(&self) -> bool {
        self.error.later_response.is_some()
    }
}
