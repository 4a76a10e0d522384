//! Claude Code's settings files: where they are, which one wins, what they say, prices among it.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::account;
use crate::disk;
use crate::places::Places;
use crate::pricing::{OwnRates, PriceTable};

/// The client reads no settings file above this size.
pub(crate) const SIZE_LIMIT: u64 = 2 * 1024 * 1024;

/// A level of settings, lowest first: the highest file that has a single-valued key wins. Hooks
/// add up over all levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum SettingsScope {
    /// `settings.json` in `~/.claude`: all the user's projects.
    #[serde(rename = "user_settings")]
    User,
    /// `.claude/settings.json` here: everyone who works on this project.
    #[serde(rename = "project_settings")]
    Project,
    /// `.claude/settings.local.json` here: the user, in this project.
    #[serde(rename = "local_settings")]
    Local,
    /// Set by an administrator for the whole machine. Not the user's to name.
    #[serde(rename = "managed_settings")]
    #[value(skip)]
    Managed,
}

/// One settings file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SettingsFile {
    pub(crate) scope: SettingsScope,
    /// Where it is, or would be.
    pub(crate) path: PathBuf,
    /// What it says; None if there is none. The error says in plain words why it cannot be read.
    pub(crate) contents: Result<Option<Value>, String>,
}

impl SettingsFile {
    pub(crate) fn read(scope: SettingsScope, path: PathBuf) -> Self {
        let read = bytes(&path).map_err(|error| error.to_string());
        let contents = read.and_then(|bytes| bytes.map(|bytes| parse(&bytes)).transpose());
        Self {
            scope,
            path,
            contents,
        }
    }

    /// The user's own file, of all projects.
    pub(crate) fn of_user(places: &Places) -> Self {
        Self::read(SettingsScope::User, places.user_settings())
    }

    /// The settings, where the file has some.
    pub(crate) fn settings(&self) -> Option<&Value> {
        self.contents.as_ref().ok()?.as_ref()
    }

    /// The value of a top-level key. `null` counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.settings()?.get(key).filter(|value| !value.is_null())
    }

    /// Whether a switch is on.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some(&Value::Bool(true))
    }
}

/// What the bytes of a settings file say, read as the client reads them: a byte order mark is
/// skipped, and an empty file is one without settings. The error says in plain words what is wrong.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))
}

/// The bytes of a settings file. None if there is none.
///
/// # Errors
/// It is no plain file (a pipe would block us for ever), it is too large, or it cannot be read.
pub(crate) fn bytes(path: &Path) -> Result<Option<Vec<u8>>, disk::Error> {
    disk::read(path, SIZE_LIMIT)
}

/// Where a level's file is. `project` is the directory that the client runs in.
pub(crate) fn path_of(scope: SettingsScope, places: &Places, project: &Path) -> PathBuf {
    match scope {
        SettingsScope::Managed => Path::new(MANAGED).join("managed-settings.json"),
        SettingsScope::Local => project.join(".claude/settings.local.json"),
        SettingsScope::Project => project.join(".claude/settings.json"),
        SettingsScope::User => places.user_settings(),
    }
}

/// Where an administrator's settings lie.
const MANAGED: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/ClaudeCode"
} else if cfg!(windows) {
    "C:/Program Files/ClaudeCode"
} else {
    "/etc/claude-code"
};

/// Every settings file that counts in `project`, the one that wins first.
///
/// Managed settings may also come from the server or from device management; those leave no file
/// here and are not seen. (The variable `CLAUDE_CODE_MANAGED_SETTINGS_PATH`, which the client's
/// program mentions, moves nothing: tried on 2.1.328.)
pub(crate) fn of(places: &Places, project: Option<&Path>) -> Vec<SettingsFile> {
    let paths = paths(places, project).into_iter();
    let files = paths.map(|(scope, path)| SettingsFile::read(scope, path));
    files.collect()
}

/// Where every settings file that counts in `project` is or would be, the one that wins first.
pub(crate) fn paths(places: &Places, project: Option<&Path>) -> Vec<(SettingsScope, PathBuf)> {
    let managed = path_of(SettingsScope::Managed, places, Path::new("/"));
    paths_with_managed(&managed, places, project)
}

fn paths_with_managed(
    managed: &Path,
    places: &Places,
    project: Option<&Path>,
) -> Vec<(SettingsScope, PathBuf)> {
    let managed = drop_ins(managed).into_iter().chain([managed.to_owned()]);
    let managed = managed.map(|path| (SettingsScope::Managed, path));
    managed.chain(of_user(places, project)).collect()
}

/// Those of them that the user can change, where whycap may have been installed.
pub(crate) fn of_user(places: &Places, project: Option<&Path>) -> Vec<(SettingsScope, PathBuf)> {
    let user = places.user_settings();
    let scopes = [SettingsScope::Local, SettingsScope::Project].into_iter();
    let of_project = scopes.filter_map(|scope| Some((scope, path_of(scope, places, project?))));
    // In the home directory the project's file is the user's file.
    let mut paths: Vec<_> = of_project.filter(|(_, path)| *path != user).collect();
    paths.push((SettingsScope::User, user));
    paths
}

/// Variables that name the directories where a user's things, and ours, are kept.
const HOMES: &str = "HOME USERPROFILE APPDATA LOCALAPPDATA CLAUDE_CONFIG_DIR XDG_CONFIG_HOME \
                     XDG_DATA_HOME WHYCAP_DATA_DIR WHYCAP_CONFIG";

/// Whether a project's own settings set a variable that says where home is. The client hands what
/// their `env` holds to hooks and to the status line.
pub(crate) fn moves_home(places: &Places, project: &Path) -> bool {
    // Whatever is called the user's file now: that may be a project's doing.
    let of_project = [SettingsScope::Local, SettingsScope::Project];
    of_project.into_iter().any(|scope| {
        let file = SettingsFile::read(scope, path_of(scope, places, project));
        let set = file.get("env");
        let sets = |name| set.is_some_and(|set| set.get(name).is_some());
        HOMES.split(' ').any(sets)
    })
}

/// `managed-settings.d/*.json`; a later name overrides an earlier one, and all of them the file
/// beside the directory (tried on 2.1.328).
fn drop_ins(managed: &Path) -> Vec<PathBuf> {
    let directory = managed.with_file_name("managed-settings.d");
    let mut found: Vec<_> = disk::files_of_kind(&directory, "json").collect();
    found.sort_by(|left, right| right.cmp(left));
    found
}

/// The file whose value for a single-valued key counts, and that value.
pub(crate) fn winner<'a>(
    files: &'a [SettingsFile],
    key: &str,
) -> Option<(&'a SettingsFile, &'a Value)> {
    files.iter().find_map(|file| Some((file, file.get(key)?)))
}

/// What responses cost here: the built-in prices with the user's own rates, and what Claude Code
/// fetched of models that the table lacks.
pub(crate) fn prices(places: &Places) -> PriceTable {
    let home = places.clone();
    PriceTable::with(own_rates(places)).with_state(move || account::global_state(&home))
}

/// The user's own rates: from managed settings, which the client obeys, else from the user's
/// `settings.json`. Files that cannot be read have no rates.
fn own_rates(places: &Places) -> OwnRates {
    let mut paths = paths(places, None).into_iter();
    let rates = paths.find_map(|(scope, path)| {
        let mut rates = rates_in(&path)?;
        rates.managed = scope == SettingsScope::Managed;
        Some(rates)
    });
    rates.unwrap_or_default()
}

fn rates_in(path: &Path) -> Option<OwnRates> {
    let bytes = bytes(path).ok()??;
    // Most settings have no such key, and parsing them costs more than looking for it.
    memchr::memmem::find(&bytes, b"\"modelPricing\"")?;
    Some(OwnRates::parse(parse(&bytes).ok()?.get("modelPricing")?))
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
        let (found, _) = winner(&files, "statusLine").unwrap();
        assert_eq!(found.scope, SettingsScope::Project);
    }

    #[test]
    fn managed_drop_ins_win_over_the_managed_file_and_later_names_over_earlier_ones() {
        let directory = tempfile::tempdir().unwrap();
        let managed = directory.path().join("managed-settings.json");
        let write = |path: &Path, command: &str| {
            let text = serde_json::json!({"statusLine": {"command": command}}).to_string();
            disk::write_atomically(path, text.as_bytes(), disk::Durability::Quick).unwrap();
        };
        let variables = [(crate::environment::HOME.into(), directory.path().into())];
        let environment =
            crate::environment::Environment::new(variables, chrono::DateTime::UNIX_EPOCH);
        let places = Places::of(&environment);
        let winner_now = || {
            let paths = paths_with_managed(&managed, &places, Some(Path::new("/nowhere")));
            let files: Vec<_> = paths
                .into_iter()
                .map(|(scope, path)| SettingsFile::read(scope, path))
                .collect();
            winner(&files, "statusLine").map(|(_, entry)| entry["command"].clone())
        };
        assert_eq!(winner_now(), None);
        write(&managed, "base");
        assert_eq!(winner_now(), Some("base".into()));
        let drop_ins = directory.path().join("managed-settings.d");
        disk::create_private_dir(&drop_ins).unwrap();
        write(&drop_ins.join("b.json"), "b");
        write(&drop_ins.join("a.json"), "a");
        write(&drop_ins.join("z.txt"), "not settings");
        assert_eq!(winner_now(), Some("b".into()));
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
