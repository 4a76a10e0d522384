//! Which plan the user is logged in with, from Claude Code's global state file.
//!
//! Ids are only ever hashed, to tell one account's samples from another's.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meters::ShownUsage;
use crate::disk;
use crate::foreign::{Foreign, named};
use crate::places::Places;
use crate::transcript::owner::Owner;

/// The global state also holds per-project history; some are tens of megabytes.
const SIZE_LIMIT: u64 = 128 * 1024 * 1024;

/// A subscription, from `organizationType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Pro: one person.
    Pro,
    /// Max: one person.
    Max,
    /// Team.
    #[serde(alias = "raven")]
    Team,
    /// Enterprise.
    Enterprise,
    /// A login whose plan is new to us or not given.
    #[default]
    Other,
}

impl Plan {
    /// The name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pro => "Pro",
            Self::Max => "Max",
            Self::Team => "Team",
            Self::Enterprise => "Enterprise",
            Self::Other => "unknown",
        }
    }

    /// Whether the plan belongs to one person, so that no organization can have set a limit.
    pub fn is_personal(self) -> bool {
        matches!(self, Self::Pro | Self::Max)
    }

    /// Whether the plan belongs to an organization with admins.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Team | Self::Enterprise)
    }
}

/// The account that Claude Code is logged in with. No ids, no names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The plan.
    pub plan: Plan,
    /// Which size of it, as the server names it: `default_claude_max_20x` (2.1.330).
    pub tier: Option<String>,
    /// The role in the organization: `admin`, `user`, `owner`, …
    pub role: Option<String>,
    /// Whose it is, by hashes.
    #[serde(flatten)]
    pub owner: Owner,
}

/// Roles that can change an organization's settings.
const ADMINS: [&str; 4] = ["admin", "owner", "primary_owner", "billing"];

impl Account {
    /// Whether the role can change the organization's settings.
    pub fn administers(&self) -> bool {
        let role = self.role.as_deref().unwrap_or_default();
        ADMINS.contains(&role.to_lowercase().as_str())
    }

    /// Reads an `oauthAccount`. None without a login.
    fn parse(account: &Value) -> Option<Self> {
        account.as_object()?;
        let text = |name: &str| account.text(name);
        let kind = text("organizationType");
        let tier = text("userRateLimitTier").or(text("organizationRateLimitTier"));
        let plan = kind.map(|kind| kind.trim().trim_start_matches("claude_"));
        Some(Self {
            plan: plan.and_then(named).unwrap_or_default(),
            tier: tier.or(kind).map(str::to_owned),
            role: text("organizationRole").map(str::to_owned),
            owner: Owner::from_ids(text("accountUuid"), text("organizationUuid")),
        })
    }

    /// Reads the account from disk. None without a login or a readable file.
    pub fn load(places: &Places) -> Option<Self> {
        LoginState::load(places).account
    }
}

/// What the global state says of whoever is logged in.
#[derive(Debug, Default)]
pub(crate) struct LoginState {
    pub(crate) account: Option<Account>,
    /// What `/usage` showed that account last.
    pub(crate) usage: Option<ShownUsage>,
    /// Why usage credits are not served, in the server's word; kept up to date with every answer.
    pub(crate) no_credits: Option<String>,
}

impl LoginState {
    /// Reads it. Nothing is known where the file cannot be read.
    pub(crate) fn load(places: &Places) -> Self {
        bytes(places).map_or_else(Self::default, |bytes| Self::parse(&bytes))
    }

    fn parse(bytes: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct GlobalState {
            oauth_account: Value,
            cached_usage_utilization: Value,
            cached_extra_usage_disabled_reason: Value,
        }
        let state: GlobalState = serde_json::from_slice(bytes).unwrap_or_default();
        let account = Account::parse(&state.oauth_account);
        let login = account.as_ref().map(|account| &account.owner);
        let usage = ShownUsage::parse(&state.cached_usage_utilization);
        let no_credits = state.cached_extra_usage_disabled_reason.as_str();
        Self {
            usage: usage.filter(|usage| login.is_none_or(|login| usage.is_of(login))),
            no_credits: no_credits.map(str::to_owned),
            account,
        }
    }
}

/// The whole global state. None if there is none or it cannot be read.
pub(crate) fn global_state(places: &Places) -> Option<Value> {
    serde_json::from_slice(&bytes(places)?).ok()
}

fn bytes(places: &Places) -> Option<Vec<u8>> {
    disk::read(&places.global_state, SIZE_LIMIT).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(bytes: &[u8]) -> Option<Account> {
        LoginState::parse(bytes).account
    }

    #[test]
    fn ids_leave_only_a_hash() {
        let account = account(
            br#"{"oauthAccount":{"accountUuid":"11111111-aaaa","emailAddress":"dev@example.com","organizationType":"claude_team","organizationRole":"user"}}"#,
        )
        .unwrap();
        assert_eq!(account.plan, Plan::Team);
        assert!(!account.administers());
        let stored = serde_json::to_string(&account).unwrap();
        assert!(
            !stored.contains("1111") && !stored.contains("dev@"),
            "{stored}"
        );
    }

    #[test]
    fn a_plan_that_is_new_is_a_login_with_an_unknown_plan() {
        let account =
            account(br#"{"oauthAccount":{"organizationType":"claude_quantum"}}"#).unwrap();
        assert_eq!(account.plan, Plan::Other);
        assert_eq!(super::tests::account(br#"{"oauthAccount":null}"#), None);
        assert_eq!(super::tests::account(b"{"), None);
    }
}
