//! What is known about one error: every fact with its source, and nothing concluded yet.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::kind::LimitKind;
use crate::claude::account::{Account, Plan};
use crate::claude::credentials::Credential;
use crate::claude::meters::Meter;
use crate::claude::version::ClientVersion;
use crate::time::{FIVE_HOURS, WEEK};
use crate::transcript::error_line::{ErrorLine, QuotaLimits};

/// A window counts as full from here, in per cent: the server rounds, and refuses a little early.
pub const FULL_FROM: f64 = 97.0;

/// An older sample proves nothing about a false limit.
pub const FRESH_FOR: TimeDelta = TimeDelta::minutes(15);

/// The figures that come with a refusal are told within seconds.
const RIGHT_AFTER: TimeDelta = TimeDelta::minutes(2);

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

/// What the client told the status line about the windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was told first, with these figures.
    pub since: DateTime<Utc>,
    /// When it was told last.
    pub at: DateTime<Utc>,
    /// Since when the figures can be as old as this: the client repeats the last ones it got, so
    /// without a request in between, the same figures are no newer.
    pub measured: DateTime<Utc>,
    /// The client's running total of API time in milliseconds, which tells requests apart.
    pub api_ms: Option<f64>,
    /// The five-hour window.
    pub five_hour: Option<Meter>,
    /// The weekly window.
    pub seven_day: Option<Meter>,
    /// The account's hash.
    pub account: Option<String>,
    /// The model in use.
    pub model: Option<String>,
    /// Whether fast mode was on, which draws on usage credits only.
    pub fast_mode: bool,
    /// The client's version.
    pub version: Option<String>,
}

impl Sample {
    /// The level of a window. Only the two that the client reports.
    pub fn level(&self, kind: LimitKind) -> Option<Meter> {
        match kind {
            LimitKind::FiveHour => self.five_hour,
            LimitKind::Weekly => self.seven_day,
            _ => None,
        }
    }
}

/// Everything known about one error. What the hook stores is this, without samples, which may
/// come later.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// When the error came.
    pub at: DateTime<Utc>,
    /// How we know.
    pub seen: Seen,
    /// The session that it came in.
    pub session_id: Option<String>,
    /// The error as the user saw it.
    pub message: String,
    /// The class in the hook's payload.
    pub hook_error: Option<String>,
    /// The API's words in the hook's payload.
    pub hook_details: Option<String>,
    /// The transcript's record of the error.
    pub line: Option<ErrorLine>,
    /// The account that was logged in.
    pub account: Option<Account>,
    /// Keys, tokens and gateways that were set.
    pub credentials: Vec<Credential>,
    /// Whether the environment among them is the client's own, not that of some other shell.
    pub environment_is_clients: bool,
    /// The client's version.
    pub client_version: Option<String>,
    /// The model in use.
    pub model: Option<String>,
    /// Whether fast mode was on.
    pub fast_mode: bool,
    /// How many different `claude` programs the machine has.
    pub installations: usize,
    /// What the status line was told around that time, oldest first.
    #[serde(skip)]
    pub samples: Vec<Sample>,
    /// Whether the session got an answer since.
    pub answered: bool,
}

impl Evidence {
    /// The version, compared as numbers.
    pub fn version(&self) -> Option<ClientVersion> {
        ClientVersion::parse(self.client_version.as_deref()?)
    }

    /// What the server said about the windows, if it refused.
    pub fn quota(&self) -> Option<&QuotaLimits> {
        self.line
            .as_ref()?
            .quota
            .as_ref()
            .filter(|quota| quota.status.as_deref().is_none_or(|s| s == "rejected"))
    }

    /// The plan, where a login says it.
    pub fn plan(&self) -> Option<Plan> {
        self.account
            .as_ref()
            .map(|account| account.plan)
            .filter(|plan| *plan != Plan::Other)
    }

    /// Whether this credential or switch was set anywhere.
    pub fn has(&self, name: &str) -> bool {
        self.credentials.iter().any(|c| c.name == name)
    }

    /// Whether the session ran on a 1M-context variant, by the model's name.
    pub fn is_long_context_model(&self) -> bool {
        self.model
            .as_deref()
            .is_some_and(|model| model.to_lowercase().contains("[1m]"))
    }

    /// The level of a window at the error, from the samples that describe the window in which the
    /// error came. None if there is none, however old it may be.
    ///
    /// What was told right after the error comes first, the fullest of it: the status line may be
    /// drawn once more with the old figures before the refusal's arrive. Then what was told later,
    /// then what was told last before the error. A window may also be reset early, so a lower figure
    /// from later on says nothing.
    pub fn level_near(&self, kind: LimitKind) -> Option<(&Sample, Meter)> {
        let length = match kind {
            LimitKind::FiveHour => FIVE_HOURS,
            LimitKind::Weekly => WEEK,
            _ => return None,
        };
        let candidates: Vec<(&Sample, Meter)> = self
            .samples
            .iter()
            .filter(|sample| sample.since - self.at <= FRESH_FOR)
            .filter(|sample| self.is_own(sample))
            .filter_map(|sample| Some((sample, sample.level(kind)?)))
            .filter(|(sample, level)| match level.resets_at {
                // A minute of slack: clocks differ, and the server rounds. A window that is over may
                // still be the one that refused, if it is told after the error.
                Some(resets_at) => {
                    let has_begun = resets_at <= self.at + length + TimeDelta::minutes(1);
                    has_begun && (resets_at > self.at || sample.at >= self.at)
                }
                None => true,
            })
            .collect();
        let after = || candidates.iter().filter(|(sample, _)| sample.at >= self.at);
        after()
            .filter(|(sample, _)| sample.since - self.at <= RIGHT_AFTER)
            .max_by(|(_, one), (_, other)| one.used_percent.total_cmp(&other.used_percent))
            .or_else(|| after().next())
            .or(candidates.last())
            .copied()
    }

    /// Whether a sample is of the account that met the error, as far as that is known.
    fn is_own(&self, sample: &Sample) -> bool {
        let own = self
            .account
            .as_ref()
            .and_then(|account| account.fingerprint.as_ref());
        match (&sample.account, own) {
            (Some(theirs), Some(own)) => theirs == own,
            _ => true,
        }
    }

    /// Like [`Self::level_near`], but only if it is fresh enough to speak for or against a limit.
    pub fn fresh_level(&self, kind: LimitKind) -> Option<(&Sample, Meter)> {
        self.level_near(kind)
            .filter(|(sample, _)| self.at - self.measured(sample) <= FRESH_FOR)
    }

    /// When the figures of a sample were measured. A refusal that names the windows brings new
    /// figures with it, so what the client told afterwards is as new as the error.
    pub fn measured(&self, sample: &Sample) -> DateTime<Utc> {
        if sample.at >= self.at && self.quota().is_some() {
            sample.at
        } else {
            sample.measured
        }
    }
}
