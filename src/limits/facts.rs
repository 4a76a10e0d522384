//! Facts: events with the time, the session, and the source of each. Facts are only ever appended.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{FULL, Kind, Payer, Purpose, USED_UP};

/// An event, with its time, its session, and its source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The time of the event.
    pub at: DateTime<Utc>,
    /// The session in which the event happened, or `None` for a fact about the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The source that reported the event.
    pub source: Source,
    /// The event itself.
    pub event: Event,
}

/// The source of a fact. The serialized names of the first seven are the values of `source` in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A transcript.
    Transcript,
    /// The input of a hook.
    Hook,
    /// The input of a status-line call.
    Sample,
    /// The account file of Claude Code.
    Account,
    /// The environment of a process.
    Environment,
    /// A settings file of Claude Code.
    Settings,
    /// The version of Claude Code.
    Version,
    /// The registry of running processes.
    Processes,
    /// whycap's own budgets.
    Budget,
    /// A text that the user pasted. The text can be old, and it belongs to no session.
    Pasted,
}

/// An event, or a state that lasts until a later fact replaces it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The session sent a request.
    Sent {
        /// True if the user typed the prompt just now. A tool result, a queued prompt, and a prompt of Claude Code are
        /// requests, but they do not cancel a wait for a reset.
        is_typed: bool,
    },
    /// The user typed a prompt that whycap answered itself. No request was sent, but the prompt cancels a wait for a
    /// reset.
    Typed,
    /// The session received a response.
    Served(ModelResponse),
    /// A request was refused, and the error stopped the session.
    Refused(Refusal),
    /// The usage windows of the session's account, or of the logged-in account if the fact has no session.
    Read(Vec<Measure>),
    /// The usage credits of the logged-in account, as `/usage` showed them.
    CreditsRead(Credits),
    /// The session stated which account it belongs to.
    Owned {
        /// The account and its organization.
        account: String,
    },
    /// The key, the token, or the cloud provider that pays for the session, or `None` if the login pays.
    Paying(Option<Payer>),
    /// The account that is logged in on this machine, or `None` if nobody is.
    LoggedIn(Option<Login>),
    /// The session selected a model.
    Selected {
        /// The family of the model, such as "opus".
        model: String,
        /// The feature that makes the session's requests cost usage credits even if the plan has room, such as "fast
        /// mode".
        #[serde(default, skip_serializing_if = "Option::is_none")]
        draws_on: Option<String>,
    },
    /// Claude Code announced what it would do after a usage limit.
    Announced(Announcement),
    /// True if the user lets Claude Code continue by itself after a reset.
    MayContinue(bool),
    /// A process of Claude Code opened the session.
    Opened {
        /// The directory of the project.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project: Option<String>,
    },
    /// The session was closed.
    Closed,
    /// The conversation was compacted or cleared.
    Shortened,
    /// whycap has told the user in the conversation about the error that stopped the session.
    Shown,
    /// The sessions that have a running process at this time.
    Running(BTreeSet<String>),
    /// The usage of one of the user's own budgets. Only a budget that blocks prompts is reported.
    Budgeted(UsedBudget),
}

/// A request that was served.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelResponse {
    /// The family of the model that responded, such as "opus".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The purpose of the request.
    #[serde(default)]
    pub purpose: Purpose,
    /// The usage windows that the response stated. `history` adds the usage that a status-line call shows a moment
    /// later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<Measure>,
}

/// A request that was not served, as Claude Code reported it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The text of the error.
    pub text: String,
    /// The error class, such as `rate_limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The machine-readable codes of the error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The server's own report about the refused request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<ServerClaim>,
    /// The time at which Claude Code repeats the request, if it waits until then instead of stopping the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<DateTime<Utc>>,
    /// The version of Claude Code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The purpose of the request.
    #[serde(default)]
    pub purpose: Purpose,
    /// The usage windows that the refusal stated. `history` adds the usage that a status-line call shows a moment
    /// later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<Measure>,
}

/// The server's own report about the limit of a refused request (`quotaLimits`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerClaim {
    /// The limit that the server names: a usage window, or the pool of usage credits. `None` if the server names no
    /// limit, or one that whycap does not know.
    pub limit: Option<Kind>,
    /// The time at which the limit that the server names will reset.
    pub resets_at: Option<DateTime<Utc>>,
    /// The server's reason for not charging usage credits, such as `out_of_credits`.
    pub no_credits_because: Option<String>,
}

/// The state of one usage window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The usage window.
    pub window: Kind,
    /// The percentage of the window that is used.
    pub percent: f64,
    /// The time at which the window resets, or `None` if the window has not begun or no source states the reset.
    pub resets_at: Option<DateTime<Utc>>,
}

/// The usage credits, as `/usage` showed them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Credits {
    /// True if credits are turned on.
    pub enabled: Option<bool>,
    /// The amount that was used, in units that the server does not document.
    pub used: Option<f64>,
    /// The monthly cap, in the same units.
    pub limit: Option<f64>,
    /// The currency.
    pub currency: Option<String>,
    /// The server's reason for not charging usage credits.
    pub disabled_reason: Option<String>,
}

/// An account that is logged in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The account and its organization, as "account/organization".
    pub account: String,
    /// The plan, such as `max`, `pro`, `team`, or `enterprise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// True if the user may change what the organization pays for.
    #[serde(default)]
    pub is_admin: bool,
}

/// An announcement by Claude Code about what it will do after a usage limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Announcement {
    /// Claude Code will continue by itself after the reset.
    Continues,
    /// Claude Code has stopped waiting for the reset.
    Cancelled,
    /// Claude Code works at lower priority until the reset, which costs nothing.
    LowerPriority,
}

/// The usage of one of the user's own budgets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsedBudget {
    /// The spend that counts toward the budget.
    pub scope: BudgetScope,
    /// The budget in dollars.
    pub limit_usd: f64,
    /// The amount that was spent, in dollars.
    pub spent_usd: f64,
    /// The time at which the budget is renewed, or `None` for a session's budget.
    pub ends_at: Option<DateTime<Utc>>,
}

/// The spend that counts toward a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetScope {
    /// The spend of one session.
    Session,
    /// The spend of a day in the user's time zone.
    Day,
    /// The spend of a month in the user's time zone.
    Month,
}

impl Measure {
    /// Returns true if the window is considered full.
    pub fn is_full(&self) -> bool {
        self.percent >= FULL
    }

    /// Returns true if the window is used up completely, so that usage credits may be paying.
    pub(crate) fn is_used_up(&self) -> bool {
        self.percent >= USED_UP
    }
}

impl Refusal {
    /// Returns true if the server may have sent the plan's usage with the refusal.
    pub(crate) fn is_about_usage(&self) -> bool {
        self.claim.is_some() || self.class.as_deref() == Some("rate_limit")
    }
}

impl Login {
    /// Returns true if only an admin of an organization can change what the account may spend.
    pub fn is_shared(&self) -> bool {
        matches!(self.plan.as_deref(), Some("team" | "enterprise"))
    }

    /// Returns true if the account has a personal plan.
    pub fn is_personal(&self) -> bool {
        matches!(self.plan.as_deref(), Some("pro" | "max"))
    }
}
