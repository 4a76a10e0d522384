//! Credentials and gateways that a session may use instead of the subscription login.
//!
//! whycap only checks whether a credential is set. It never stores, compares, or shows the value, except for a
//! gateway's host name.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value;

use super::processes;
use super::settings::{self, SettingsFile, SettingsScope};
use crate::environment::{Environment, Paths};
use crate::json::LenientJson;

/// The environment variables that change which account or service a session uses.
const VARIABLES: &str = "ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN CLAUDE_CODE_OAUTH_TOKEN \
                         ANTHROPIC_BASE_URL CLAUDE_CODE_USE_BEDROCK CLAUDE_CODE_USE_VERTEX \
                         CLAUDE_CODE_USE_FOUNDRY CLAUDE_CODE_USE_MANTLE \
                         CLAUDE_CODE_USE_ANTHROPIC_AWS CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD \
                         CLAUDE_CODE_USE_GATEWAY";

/// The variable that contains an API key. Claude Code asks the user whether to use it in the terminal.
pub(crate) const API_KEY: &str = "ANTHROPIC_API_KEY";

/// The variable that contains an OAuth token. The token does not reveal the account.
pub(crate) const OAUTH_TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";

/// The variable that contains a gateway's URL.
const BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// The setting that contains a command that prints an API key.
const API_KEY_HELPER: &str = "apiKeyHelper";

/// The place where a credential is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetIn {
    /// The environment of the process.
    Environment,
    /// A settings file.
    Settings(SettingsScope),
}

impl SetIn {
    /// Returns the location, worded to follow "set in".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Environment => "the environment",
            Self::Settings(SettingsScope::User) => "~/.claude/settings.json",
            Self::Settings(SettingsScope::Project) => "the project's .claude/settings.json",
            Self::Settings(SettingsScope::Local) => "the project's .claude/settings.local.json",
            Self::Settings(SettingsScope::Managed) => "your organization's managed settings",
        }
    }
}

/// A credential or provider setting that was found in the environment or in a settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The name of the variable, or `apiKeyHelper`.
    pub name: String,
    /// The place where the credential is set.
    pub set_in: SetIn,
    /// The host in `ANTHROPIC_BASE_URL`, without the scheme, user, port, or path.
    pub host: Option<String>,
}

impl Credential {
    fn new(name: &str, set_in: SetIn, value: Option<&str>) -> Self {
        let host = match value {
            Some(url) if name == BASE_URL => host_of(url),
            _ => None,
        };
        Self {
            name: name.to_owned(),
            set_in,
            host,
        }
    }

    /// Returns true if Claude Code prefers this credential over a subscription login.
    pub(crate) fn outranks_login(&self) -> bool {
        [API_KEY, "ANTHROPIC_AUTH_TOKEN", API_KEY_HELPER].contains(&self.name.as_str())
    }

    /// Returns true if this variable redirects requests to a cloud provider, which has its own accounts.
    pub(crate) fn selects_cloud_provider(&self) -> bool {
        self.name.starts_with("CLAUDE_CODE_USE_")
    }
}

/// Returns the credentials in the environment.
///
/// Claude Code does not pass `CLAUDE_CODE_OAUTH_TOKEN` to the programs that it runs (observed with 2.1.328 and 2.1.331).
/// If Claude Code runs this process, whycap therefore checks whether Claude Code was started with this variable.
pub(crate) fn in_environment(environment: &Environment) -> Vec<Credential> {
    let mut credentials: Vec<Credential> = VARIABLES
        .split(' ')
        .filter_map(|name| {
            let value = environment.variable(name)?;
            if is_on(value) {
                Some(Credential::new(name, SetIn::Environment, value.to_str()))
            } else {
                None
            }
        })
        .collect();
    if !is_set(OAUTH_TOKEN, &credentials)
        && let Some(client) = processes::client_pid(environment)
        && processes::has_variable(client, OAUTH_TOKEN)
    {
        credentials.push(Credential::new(OAUTH_TOKEN, SetIn::Environment, None));
    }
    credentials
}

/// Returns true if a variable or setting with this name is among the credentials.
pub(crate) fn is_set(name: &str, credentials: &[Credential]) -> bool {
    credentials
        .iter()
        .any(|credential| credential.name == name)
}

/// Returns the host in a gateway's URL, or `None` if the URL has no valid host.
fn host_of(url: &str) -> Option<String> {
    const MAX_LENGTH: usize = 60;

    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    let is_valid = host
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    if is_valid && (1..=MAX_LENGTH).contains(&host.len()) {
        Some(host.to_ascii_lowercase())
    } else {
        None
    }
}

/// Returns true if the value of a variable turns something on.
pub(crate) fn is_on(value: &OsStr) -> bool {
    !["", "0", "false"].iter().any(|off| value == *off)
}

/// Returns the credentials in a settings file, from both `env` and `apiKeyHelper`.
fn in_settings(file: &SettingsFile) -> Vec<Credential> {
    let settings = file.settings().unwrap_or(&Value::Null);
    VARIABLES
        .split(' ')
        .map(|name| (name, settings.at("env").at(name)))
        .chain([(API_KEY_HELPER, settings.at(API_KEY_HELPER))])
        .filter(|(_, value)| match value {
            Value::String(text) => is_on(text.as_ref()),
            Value::Bool(on) => *on,
            Value::Number(number) => number.as_f64() != Some(0.0),
            _ => false,
        })
        .map(|(name, value)| Credential::new(name, SetIn::Settings(file.scope), value.as_str()))
        .collect()
}

/// Returns the credentials in the environment and in the settings files that apply to a session in `project`.
///
/// Claude Code adds its settings' `env` to the environment of its child processes (observed with 2.1.328). If a
/// variable is set in both places, the settings are therefore considered its source.
pub(crate) fn of_session(
    paths: &Paths,
    environment: &Environment,
    project: Option<&Path>,
) -> Vec<Credential> {
    let from_settings: Vec<Credential> = settings::of(paths, project)
        .iter()
        .flat_map(in_settings)
        .collect();
    let mut credentials = in_environment(environment);
    credentials.retain(|inherited| {
        from_settings
            .iter()
            .all(|set| set.name != inherited.name)
    });
    credentials.extend(from_settings);
    credentials
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials_in(text: &str) -> Vec<Credential> {
        let file = SettingsFile {
            scope: SettingsScope::Local,
            path: "settings.json".into(),
            contents: settings::parse(text.as_bytes()).map(Some),
        };
        in_settings(&file)
    }

    #[test]
    fn only_a_gateways_host_is_kept() {
        for (url, host) in [
            (
                "https://user:sk-secret@LLM.example.com:8443/v1?key=x",
                Some("llm.example.com"),
            ),
            ("http://127.0.0.1:8080", Some("127.0.0.1")),
            ("llm.example.com", None),
            ("https://sk-ant_secret/", None),
            ("https://", None),
        ] {
            let settings = serde_json::json!({"env": {"ANTHROPIC_BASE_URL": url}});
            let credentials = credentials_in(&settings.to_string());
            assert_eq!(credentials[0].host.as_deref(), host, "{url}");
            assert!(!format!("{credentials:?}").contains("secret"));
        }
    }

    #[test]
    fn a_helper_and_a_key_are_found_and_their_values_are_not_kept() {
        let credentials = credentials_in(
            r#"{"apiKeyHelper":"/x --secret sk-1","env":{"ANTHROPIC_API_KEY":"sk-2","ANTHROPIC_AUTH_TOKEN":"","CLAUDE_CODE_USE_BEDROCK":"0"}}"#,
        );
        let names: Vec<&str> = credentials.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["ANTHROPIC_API_KEY", "apiKeyHelper"]);
        assert!(!format!("{credentials:?}").contains("sk-"));
    }

    #[test]
    fn a_settings_file_of_any_shape_causes_no_panic() {
        for text in [
            "",
            "[]",
            "{\"env\":[]}",
            "{\"env\":{\"ANTHROPIC_API_KEY\":{}}}",
        ] {
            assert_eq!(credentials_in(text), Vec::new(), "{text}");
        }
    }
}
