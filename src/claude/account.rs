//! The logged-in account and its plan, read from Claude Code's global state file.
//!
//! IDs are hashed as soon as they are read, and the hashes are used only to check whether two readings belong to the
//! same account.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::window_usage::UsagePage;
use crate::disk;
use crate::environment::Paths;
use crate::json::LenientJson;
use crate::transcript::owner::Owner;

/// The maximum size, in bytes, of a global state file. The file contains project histories and can grow to tens of
/// megabytes.
const SIZE_LIMIT: u64 = 128 * 1024 * 1024;

/// Returns the display name of a plan, given its `organizationType`. Returns `None` if whycap does not recognize it.
fn plan_named(organization_type: &str) -> Option<&'static str> {
    let name = organization_type
        .trim()
        .trim_start_matches("claude_");
    match name {
        "pro" => Some("Pro"),
        "max" => Some("Max"),
        "team" | "raven" => Some("Team"),
        "enterprise" => Some("Enterprise"),
        _ => None,
    }
}

/// The account that Claude Code is logged in to, without IDs or names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The display name of the plan, or `None` if there is none or whycap does not recognize it.
    pub plan: Option<&'static str>,
    /// The user's role in the organization, such as `admin`, `user`, or `owner`.
    pub role: Option<String>,
    /// The hashes of the account ID and the organization ID.
    pub owner: Owner,
}

/// The roles that may change an organization's settings.
const ADMINS: [&str; 4] = ["admin", "owner", "primary_owner", "billing"];

impl Account {
    /// Returns true if the user may change the organization's settings.
    pub fn administers(&self) -> bool {
        let role = self.role.as_deref().unwrap_or_default();
        ADMINS.contains(&role.to_lowercase().as_str())
    }

    /// Parses an `oauthAccount` object. Returns `None` if the user is not logged in.
    fn parse(account: &Value) -> Option<Self> {
        account.as_object()?;
        Some(Self {
            plan: account.text("organizationType").and_then(plan_named),
            role: account.text("organizationRole").map(str::to_owned),
            owner: Owner::from_ids(
                account.text("accountUuid"),
                account.text("organizationUuid"),
            ),
        })
    }
}

/// The fields of the global state that relate to the login.
#[derive(Debug, Default)]
pub(crate) struct LoginState {
    pub account: Option<Account>,
    /// The `/usage` page as it was last shown for this account.
    pub usage: Option<UsagePage>,
    /// The reason why usage credits are unavailable, according to the server. Claude Code updates it with every
    /// response.
    pub no_credits: Option<String>,
    /// True if the server accepts usage credits. Claude Code then stores `null` as the reason.
    pub accepts_credits: bool,
    /// True if the user has logged in with a Console account, for which Claude Code has stored an API key. On macOS, the
    /// key is usually in the keychain instead, where whycap does not look.
    pub has_console_key: bool,
}

impl LoginState {
    /// Reads the login state from disk. All fields are empty if the file cannot be read.
    pub(crate) fn load(paths: &Paths) -> Self {
        match bytes(paths) {
            Some(bytes) => Self::parse(&bytes),
            None => Self::default(),
        }
    }

    fn parse(bytes: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct GlobalState {
            oauth_account: Value,
            cached_usage_utilization: Value,
            #[serde(deserialize_with = "present")]
            cached_extra_usage_disabled_reason: Option<Value>,
            primary_api_key: Value,
        }
        let state: GlobalState = serde_json::from_slice(bytes).unwrap_or_default();
        let account = Account::parse(&state.oauth_account);
        let usage = UsagePage::parse(&state.cached_usage_utilization).filter(|usage| {
            account
                .as_ref()
                .is_none_or(|account| usage.is_of(&account.owner))
        });
        let reason = state.cached_extra_usage_disabled_reason;
        Self {
            usage,
            accepts_credits: reason == Some(Value::Null),
            no_credits: reason.and_then(|reason| reason.as_str().map(str::to_owned)),
            has_console_key: state
                .primary_api_key
                .as_str()
                .is_some_and(|key| !key.is_empty()),
            account,
        }
    }
}

/// Deserializes a field that is present, even if it is `null`. By default, an [`Option`] cannot distinguish `null` from a
/// missing field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Reads the entire global state. Returns `None` if the file does not exist or cannot be read.
pub(crate) fn global_state(paths: &Paths) -> Option<Value> {
    serde_json::from_slice(&bytes(paths)?).ok()
}

fn bytes(paths: &Paths) -> Option<Vec<u8>> {
    disk::read(&paths.global_state, SIZE_LIMIT).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(bytes: &[u8]) -> Option<Account> {
        LoginState::parse(bytes).account
    }

    #[test]
    fn only_hashes_of_ids_are_kept() {
        let team_account = account(
            br#"{"oauthAccount":{"accountUuid":"11111111-aaaa","emailAddress":"dev@example.com","organizationType":"claude_team","organizationRole":"user"}}"#,
        )
        .unwrap();
        assert_eq!(team_account.plan, Some("Team"));
        assert!(!team_account.administers());
        let stored = format!("{team_account:?}");
        assert!(
            !stored.contains("1111") && !stored.contains("dev@"),
            "{stored}"
        );
    }

    #[test]
    fn an_unrecognized_plan_still_counts_as_a_login() {
        let unknown_plan =
            account(br#"{"oauthAccount":{"organizationType":"claude_quantum"}}"#).unwrap();
        assert_eq!(unknown_plan.plan, None);
        assert_eq!(account(br#"{"oauthAccount":null}"#), None);
        assert_eq!(account(b"{"), None);
    }
}
