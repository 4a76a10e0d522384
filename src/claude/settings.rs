//! Claude Code's settings files, including their locations, precedence, contents, and custom prices.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::Value;

use crate::disk;
use crate::environment::{Environment, Paths};
use crate::pricing::{CustomRates, PriceTable};

/// The maximum size, in bytes, of a settings file that Claude Code reads.
pub(crate) const SIZE_LIMIT: u64 = 2 * 1024 * 1024;

/// The scope of a settings file, from lowest to highest precedence. If several files set the same key, the highest
/// scope wins, but hooks from all scopes are combined. The comments on the variants appear in the help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SettingsScope {
    /// `settings.json` in `~/.claude`: all the user's projects.
    User,
    /// `.claude/settings.json` here: everyone who works on this project.
    Project,
    /// `.claude/settings.local.json` here: the user, in this project.
    Local,
    /// Set by an administrator for the whole machine. It cannot be chosen on the command line.
    #[value(skip)]
    Managed,
}

/// The environment variable that sets the model of new sessions. It takes precedence over the setting `model`.
const MODEL_VARIABLE: &str = "ANTHROPIC_MODEL";

/// A settings file and its contents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SettingsFile {
    pub scope: SettingsScope,
    pub path: PathBuf,
    /// The contents, or `None` if the file does not exist. The error is a sentence that explains why the file cannot be
    /// read.
    pub contents: Result<Option<Value>, String>,
}

impl SettingsFile {
    pub(crate) fn read(scope: SettingsScope, path: PathBuf) -> Self {
        let contents = match bytes(&path) {
            Ok(Some(bytes)) => parse(&bytes).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error.to_string()),
        };
        Self {
            scope,
            path,
            contents,
        }
    }

    /// Reads the user's own settings file, which applies to all projects.
    pub(crate) fn of_user(paths: &Paths) -> Self {
        Self::read(SettingsScope::User, paths.user_settings())
    }

    /// Returns the settings, or `None` if the file does not exist or cannot be read.
    pub(crate) fn settings(&self) -> Option<&Value> {
        self.contents.as_ref().ok()?.as_ref()
    }

    /// Returns the value of a top-level key, or `None` if it is missing or `null`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.settings()?
            .get(key)
            .filter(|value| !value.is_null())
    }

    /// Returns true if the value of a top-level key is `true`.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some(&Value::Bool(true))
    }
}

/// Parses a settings file the way Claude Code does. A byte order mark is skipped, and an empty file counts as empty
/// settings. The error is a sentence that can be shown to the user.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.trim_ascii().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(text).map_err(|error| format!("the file is not valid JSON: {error}"))
}

/// Reads a settings file. Returns `None` if it does not exist.
///
/// Fails if the path is not a regular file, or if the file is too large or cannot be read. Reading from a pipe could
/// block forever.
pub(crate) fn bytes(path: &Path) -> Result<Option<Vec<u8>>, disk::Error> {
    disk::read(path, SIZE_LIMIT)
}

/// Returns the path of the settings file for a scope. `project` is the directory that Claude Code runs in.
pub(crate) fn path_of(scope: SettingsScope, paths: &Paths, project: &Path) -> PathBuf {
    match scope {
        SettingsScope::Managed => managed_path(),
        SettingsScope::Local => project.join(".claude/settings.local.json"),
        SettingsScope::Project => project.join(".claude/settings.json"),
        SettingsScope::User => paths.user_settings(),
    }
}

/// The directory of the settings that an administrator manages.
const MANAGED_DIRECTORY: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/ClaudeCode"
} else if cfg!(windows) {
    "C:/Program Files/ClaudeCode"
} else {
    "/etc/claude-code"
};

fn managed_path() -> PathBuf {
    Path::new(MANAGED_DIRECTORY).join("managed-settings.json")
}

/// Reads all settings files that apply in `project`, highest precedence first.
///
/// Settings that are managed by a server or a device management system are not included because they are not stored in
/// a file. The variable `CLAUDE_CODE_MANAGED_SETTINGS_PATH` occurs in the Claude Code executable but has no effect
/// (tested with 2.1.328).
pub(crate) fn of(paths: &Paths, project: Option<&Path>) -> Vec<SettingsFile> {
    file_paths(paths, project)
        .into_iter()
        .map(|(scope, path)| SettingsFile::read(scope, path))
        .collect()
}

/// Returns the paths of all settings files that may exist for `project`, highest precedence first.
pub(crate) fn file_paths(paths: &Paths, project: Option<&Path>) -> Vec<(SettingsScope, PathBuf)> {
    paths_with_managed(managed_path(), paths, project)
}

fn paths_with_managed(
    managed: PathBuf,
    paths: &Paths,
    project: Option<&Path>,
) -> Vec<(SettingsScope, PathBuf)> {
    let mut file_paths: Vec<_> = drop_ins(&managed)
        .into_iter()
        .chain([managed])
        .map(|path| (SettingsScope::Managed, path))
        .collect();
    file_paths.extend(of_user(paths, project));
    file_paths
}

/// Returns the paths of the settings files that the user can edit, highest precedence first. whycap can be installed in
/// any of them.
pub(crate) fn of_user(paths: &Paths, project: Option<&Path>) -> Vec<(SettingsScope, PathBuf)> {
    let user = paths.user_settings();
    let mut file_paths = Vec::new();
    if let Some(project) = project {
        for scope in [SettingsScope::Local, SettingsScope::Project] {
            let path = path_of(scope, paths, project);
            // In the home directory, the project's settings file is the same as the user's.
            if path != user {
                file_paths.push((scope, path));
            }
        }
    }
    file_paths.push((SettingsScope::User, user));
    file_paths
}

/// The environment variables that determine the locations of Claude Code's and whycap's files.
const HOMES: &str = "HOME USERPROFILE APPDATA LOCALAPPDATA CLAUDE_CONFIG_DIR XDG_CONFIG_HOME \
                     XDG_DATA_HOME WHYCAP_DATA_DIR WHYCAP_CONFIG";

/// Returns true if a project's settings change the location of the user's files. Claude Code applies the `env` in its
/// settings to hooks and to the status line.
pub(crate) fn moves_home(paths: &Paths, project: &Path) -> bool {
    // Read both project files even if one of them seems to be the user's file. The path of the user's file may itself
    // depend on these variables.
    [SettingsScope::Local, SettingsScope::Project]
        .into_iter()
        .map(|scope| SettingsFile::read(scope, path_of(scope, paths, project)))
        .any(|file| match file.get("env") {
            Some(variables) => HOMES
                .split(' ')
                .any(|name| variables.get(name).is_some()),
            None => false,
        })
}

/// Returns the paths of `managed-settings.d/*.json`, highest precedence first. Names that sort later take precedence.
/// All of these files take precedence over `managed-settings.json` (tested with 2.1.328).
fn drop_ins(managed: &Path) -> Vec<PathBuf> {
    let directory = managed.with_file_name("managed-settings.d");
    let mut files: Vec<_> = disk::files_with_extension(&directory, "json").collect();
    files.sort_by(|left, right| right.cmp(left));
    files
}

/// Returns the file with the highest precedence that sets a key, along with the key's value.
pub(crate) fn effective_value<'a>(
    files: &'a [SettingsFile],
    key: &str,
) -> Option<(&'a SettingsFile, &'a Value)> {
    files
        .iter()
        .find_map(|file| Some((file, file.get(key)?)))
}

/// Returns the model that a new session in `project` uses, as the settings or the environment name it. Returns `None` if
/// none is set. If the variable is set in the environment and in the settings, the settings win, as for credentials.
pub(crate) fn model_of_new_sessions(
    paths: &Paths,
    environment: &Environment,
    project: Option<&Path>,
) -> Option<String> {
    let files = of(paths, project);
    if let Some(model) = variable(&files, environment, MODEL_VARIABLE) {
        return Some(model);
    }
    let (_, model) = effective_value(&files, "model")?;
    Some(model.as_str()?.to_owned())
}

/// Returns a variable that Claude Code gets from its settings or from this shell. The settings take precedence.
pub(crate) fn variable(
    files: &[SettingsFile],
    environment: &Environment,
    name: &str,
) -> Option<String> {
    let in_settings = files
        .iter()
        .find_map(|file| file.get("env")?.get(name));
    match in_settings {
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
        None => environment.text(name).map(str::to_owned),
    }
}

/// Returns the user's price table, which combines the list prices with the user's custom rates.
pub(crate) fn prices(paths: &Paths) -> PriceTable {
    PriceTable {
        custom: custom_rates(paths),
    }
}

/// Returns the custom rates from the managed settings, as Claude Code does. If there are none, returns the custom rates
/// from the user's `settings.json`. Unreadable files are ignored.
fn custom_rates(paths: &Paths) -> CustomRates {
    for (scope, path) in file_paths(paths, None) {
        if let Some(mut rates) = rates_in(&path) {
            rates.managed = scope == SettingsScope::Managed;
            return rates;
        }
    }
    CustomRates::default()
}

fn rates_in(path: &Path) -> Option<CustomRates> {
    let bytes = bytes(path).ok()??;
    // Most settings files do not contain this key, and searching is faster than parsing.
    memchr::memmem::find(&bytes, b"\"modelPricing\"")?;
    Some(CustomRates::parse(parse(&bytes).ok()?.get("modelPricing")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(scope: SettingsScope, text: &str) -> SettingsFile {
        SettingsFile {
            scope,
            path: PathBuf::from(format!("{scope:?}")),
            contents: parse(text.as_bytes()).map(Some),
        }
    }

    #[test]
    fn the_highest_level_that_has_the_key_wins() {
        let files = [
            file(SettingsScope::Managed, "{\"statusLine\": null}"),
            file(SettingsScope::Local, "{broken"),
            file(
                SettingsScope::Project,
                "{\"statusLine\": {\"command\": \"p\"}}",
            ),
            file(
                SettingsScope::User,
                "{\"statusLine\": {\"command\": \"u\"}}",
            ),
        ];
        let (found, _) = effective_value(&files, "statusLine").unwrap();
        assert_eq!(found.scope, SettingsScope::Project);
    }

    #[test]
    fn managed_drop_ins_take_precedence_in_reverse_name_order() {
        let directory = tempfile::tempdir().unwrap();
        let managed = directory.path().join("managed-settings.json");
        let write = |path: &Path, command: &str| {
            let text = serde_json::json!({"statusLine": {"command": command}}).to_string();
            disk::write_atomically(path, text.as_bytes(), disk::Durability::Quick).unwrap();
        };
        let variables = [(crate::environment::HOME.into(), directory.path().into())];
        let environment =
            crate::environment::Environment::new(variables, chrono::DateTime::UNIX_EPOCH);
        let paths = Paths::of(&environment);
        let effective_command = || {
            let settings_paths =
                paths_with_managed(managed.clone(), &paths, Some(Path::new("/nowhere")));
            let files: Vec<_> = settings_paths
                .into_iter()
                .map(|(scope, path)| SettingsFile::read(scope, path))
                .collect();
            effective_value(&files, "statusLine").map(|(_, entry)| entry["command"].clone())
        };
        assert_eq!(effective_command(), None);
        write(&managed, "base");
        assert_eq!(effective_command(), Some("base".into()));
        let drop_ins = directory.path().join("managed-settings.d");
        disk::create_private_directory(&drop_ins).unwrap();
        write(&drop_ins.join("b.json"), "b");
        write(&drop_ins.join("a.json"), "a");
        write(&drop_ins.join("z.txt"), "not settings");
        assert_eq!(effective_command(), Some("b".into()));
    }

    #[test]
    fn an_empty_file_and_one_with_a_byte_order_mark_are_settings() {
        assert!(file(SettingsScope::User, " \n").settings().is_some());
        assert!(
            file(SettingsScope::User, "\u{feff}{\"a\": 1}")
                .get("a")
                .is_some()
        );
        assert!(
            file(SettingsScope::User, "{\"a\": 1,}")
                .settings()
                .is_none()
        );
    }
}
