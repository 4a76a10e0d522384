//! Which credentials and gateways a session may have used instead of the login.
//!
//! Presence only: no value is kept, compared or shown, save the host of a gateway, which says who
//! answers.

use std::ffi::OsStr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::{self, SettingsFile, SettingsScope};
use crate::environment::Environment;
use crate::foreign::Foreign;
use crate::places::Places;

/// Variables that change which account or service a session uses.
const VARIABLES: &str = "ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN CLAUDE_CODE_OAUTH_TOKEN \
                         ANTHROPIC_BASE_URL CLAUDE_CODE_USE_BEDROCK CLAUDE_CODE_USE_VERTEX \
                         CLAUDE_CODE_USE_FOUNDRY";

/// Where a gateway is named.
const BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// Where a credential is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetIn {
    /// The environment of the process.
    Environment,
    /// A settings file of this level.
    #[serde(untagged)]
    Settings(SettingsScope),
}

impl SetIn {
    /// Where that is, for a sentence: "set in …".
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

/// A credential or switch that is set somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The variable, or `apiKeyHelper`.
    pub name: String,
    /// Where it is set.
    pub set_in: SetIn,
    /// The host of `ANTHROPIC_BASE_URL`: without scheme, port, path and user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl Credential {
    /// Of the value only the host of a gateway is kept.
    fn new(name: &str, set_in: SetIn, value: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            set_in,
            host: value.filter(|_| name == BASE_URL).and_then(host_of),
        }
    }

    /// Whether the client prefers it to the login of a subscription.
    pub(crate) fn outranks_login(&self) -> bool {
        ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "apiKeyHelper"].contains(&self.name.as_str())
    }

    /// Whether it sends requests to something other than Anthropic's own service.
    pub(crate) fn is_gateway(&self) -> bool {
        self.name == BASE_URL || self.name.starts_with("CLAUDE_CODE_USE_")
    }
}

/// Those in the environment.
pub(crate) fn in_environment(environment: &Environment) -> Vec<Credential> {
    let set = VARIABLES.split(' ').filter_map(|name| {
        let value = environment.variable(name).filter(|value| is_on(value))?;
        Some(Credential::new(name, SetIn::Environment, value.to_str()))
    });
    set.collect()
}

/// The host in the URL of a gateway. Anything that is not one is left out.
fn host_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let is_host = !host.is_empty() && host.len() <= 60 && host.chars().all(is_plain);
    is_host.then(|| host.to_ascii_lowercase())
}

fn is_on(value: &OsStr) -> bool {
    !["", "0", "false"].iter().any(|off| value == *off)
}

/// Those in one settings file: its `env` and its `apiKeyHelper`.
fn in_settings(file: &SettingsFile) -> impl Iterator<Item = Credential> {
    let settings = file.settings().unwrap_or(&Value::Null);
    let variables = VARIABLES.split(' ');
    let variables = variables.map(|name| (name, settings.at("env").at(name)));
    let all = variables.chain([("apiKeyHelper", settings.at("apiKeyHelper"))]);
    let set = all.filter(|(_, value)| match value {
        Value::String(text) => is_on(text.as_ref()),
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => false,
    });
    set.map(move |(name, value)| Credential::new(name, SetIn::Settings(file.scope), value.as_str()))
}

/// What applies to a session in `project`, from this environment and from the settings files. The
/// client puts the `env` of its settings into its own environment and hands it on (seen with
/// 2.1.328), so what stands in both places was set in the settings.
pub(crate) fn of_session(
    places: &Places,
    environment: &Environment,
    project: Option<&Path>,
) -> Vec<Credential> {
    let files = settings::of(places, project);
    let set: Vec<_> = files.iter().flat_map(in_settings).collect();
    let mut found = in_environment(environment);
    found.retain(|inherited| !set.iter().any(|set| set.name == inherited.name));
    found.extend(set);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Credential> {
        let file = SettingsFile {
            scope: SettingsScope::Local,
            path: "settings.json".into(),
            contents: settings::parse(text.as_bytes()).map(Some),
        };
        in_settings(&file).collect()
    }

    #[test]
    fn of_a_gateway_only_the_host_is_kept() {
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
            let found = found(&settings.to_string());
            assert_eq!(found[0].host.as_deref(), host, "{url}");
            assert!(!serde_json::to_string(&found).unwrap().contains("secret"));
        }
    }

    #[test]
    fn a_helper_and_a_key_are_found_and_their_values_are_not_kept() {
        let found = found(
            r#"{"apiKeyHelper":"/x --secret sk-1","env":{"ANTHROPIC_API_KEY":"sk-2","ANTHROPIC_AUTH_TOKEN":"","CLAUDE_CODE_USE_BEDROCK":"0"}}"#,
        );
        let names: Vec<&str> = found.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["ANTHROPIC_API_KEY", "apiKeyHelper"]);
        assert!(!serde_json::to_string(&found).unwrap().contains("sk-"));
    }

    #[test]
    fn a_settings_file_of_any_shape_is_survived() {
        for text in [
            "",
            "[]",
            "{\"env\":[]}",
            "{\"env\":{\"ANTHROPIC_API_KEY\":{}}}",
        ] {
            assert_eq!(found(text), Vec::new(), "{text}");
        }
    }

    #[test]
    fn stored_incidents_name_the_place_as_they_always_did() {
        let places = [
            (SetIn::Environment, "\"environment\""),
            (SetIn::Settings(SettingsScope::User), "\"user_settings\""),
            (
                SetIn::Settings(SettingsScope::Project),
                "\"project_settings\"",
            ),
            (SetIn::Settings(SettingsScope::Local), "\"local_settings\""),
            (
                SetIn::Settings(SettingsScope::Managed),
                "\"managed_settings\"",
            ),
        ];
        for (set_in, stored) in places {
            assert_eq!(serde_json::to_string(&set_in).unwrap(), stored);
            assert_eq!(serde_json::from_str::<SetIn>(stored).unwrap(), set_in);
        }
    }
}
