//! The `/whycap` command inside Claude Code.
//!
//! Claude Code loads the command as a plugin from the user's skills directory, without an entry in the settings.
//! Versions before 2.1.308 do not run the modules of plugins in this directory, so they get a command file. Newer
//! versions do not get one because Claude Code treats its commands as prompts. A prompt cancels auto-resume after a
//! usage limit, even if a hook blocks it. A command that a plugin has registered does not (observed with 2.1.328 to
//! 2.1.331).

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::changes::{Change, ChangeKind, FileChange};
use super::plugin::EnabledPlugin;
use crate::claude::settings::{self, SettingsFile};
use crate::claude::version::ClientVersion;
use crate::disk;
use crate::disk::replace::is_link;
use crate::lenient_json::LenientJson;
use crate::paths::Paths;

/// The first Claude Code version that runs a plugin's module.
pub(crate) const FIRST_WITH_MODULES: ClientVersion = ClientVersion(2, 1, 308);

/// The file in the plugin's directory that identifies the plugin.
const MANIFEST: &str = ".claude-plugin/plugin.json";

/// The contents of the command file. They are sent to the model only if no hook handles the command.
const COMMAND_FILE: &str = include_str!("whycap-command.md");

/// The plugin module that handles `/whycap`.
const MODULE: &str = include_str!("../../hooks/whycap.js");

/// The line in [`MODULE`] to replace with the path of the installed executable.
const NO_PROGRAM: &str = "const PROGRAM = null";

/// The value in `plugin.json` that identifies a plugin that whycap has created.
const WRITTEN_BY: &str = "whycap install";

/// A way to add `/whycap` to Claude Code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlashCommand {
    /// A plugin in the user's skills directory.
    Plugin,
    /// A file in the user's `commands` directory.
    File,
}

impl SlashCommand {
    /// Returns the best way to add the command to this version of Claude Code. If the version is unknown, assumes that
    /// it is recent.
    pub(crate) fn for_version(version: Option<ClientVersion>) -> Self {
        match version {
            Some(version) if version < FIRST_WITH_MODULES => Self::File,
            _ => Self::Plugin,
        }
    }
}

/// The state of the `/whycap` command according to files and settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlashCommandState {
    /// A plugin provides the command.
    Plugin,
    /// The command file exists, but there is no plugin.
    File,
    /// The command file exists and overrides the plugin.
    FileBeforePlugin,
    /// The command file was not written by whycap or has been changed since then.
    Foreign,
    /// The plugin with this ID is turned off.
    TurnedOff(String),
    /// `/whycap` is not available.
    Missing,
}

impl SlashCommandState {
    /// Determines the state from these settings files, given in order of precedence.
    pub(crate) fn new(paths: &Paths, files: &[SettingsFile]) -> Self {
        let has_own_plugin = is_own_plugin(&plugin_directory(paths));
        let mut plugins = EnabledPlugin::list(files);
        plugins.retain(|plugin| !plugin.is_in_skills_directory() || has_own_plugin);
        let is_enabled = plugins.iter().any(|plugin| plugin.is_enabled);
        // An installed plugin with the same name takes precedence over the plugin in the skills directory even if it is
        // turned off.
        let turned_off = plugins.iter().find(|plugin| !plugin.is_enabled);
        let has_plugin = is_enabled || (has_own_plugin && turned_off.is_none());

        match readable_text(&command_file(paths)) {
            Some(text) if text != COMMAND_FILE => Self::Foreign,
            Some(_) if has_plugin => Self::FileBeforePlugin,
            Some(_) => Self::File,
            None if has_plugin => Self::Plugin,
            None => match turned_off {
                Some(plugin) => Self::TurnedOff(plugin.id.clone()),
                None => Self::Missing,
            },
        }
    }
}

/// The part of an installation plan that is about `/whycap`.
#[derive(Debug, Default)]
pub(super) struct SlashCommandPlan {
    pub(super) files: Vec<FileChange>,
    /// The directories to remove if they are empty, innermost first.
    pub(super) directories: Vec<PathBuf>,
    pub(super) changes: Vec<Change>,
    pub(super) notes: Vec<String>,
}

impl SlashCommandPlan {
    /// Plans to add `/whycap` in the given way, and to remove the files of the other way. `executable` is the path of
    /// whycap.
    pub(super) fn install(paths: &Paths, way: SlashCommand, executable: &str) -> Self {
        let mut plan = Self::default();
        let is_installed_plugin = EnabledPlugin::list(&[SettingsFile::of_user(paths)])
            .iter()
            .any(|plugin| plugin.is_enabled && !plugin.is_in_skills_directory());

        match way {
            SlashCommand::File if !is_installed_plugin => {
                plan.remove_plugin(paths, ChangeKind::SlashCommandReplaced);
                plan.add_command_file(paths);
            }
            _ => {
                if !is_installed_plugin {
                    plan.add_plugin(paths, executable);
                }
                plan.remove_command_file(paths, ChangeKind::SlashCommandReplaced);
            }
        }
        plan
    }

    /// Plans the removal of `/whycap`.
    pub(super) fn uninstall(paths: &Paths) -> Self {
        let mut plan = Self::default();
        plan.remove_plugin(paths, ChangeKind::SlashCommandRemoved);
        plan.remove_command_file(paths, ChangeKind::SlashCommandRemoved);
        plan
    }

    fn add_plugin(&mut self, paths: &Paths, executable: &str) {
        let directory = plugin_directory(paths);
        let shown = paths.show(&directory);
        let is_own = is_own_plugin(&directory);

        if has_link(&directory) {
            self.notes
                .push(left_alone(&shown, "is or contains a symlink"));
            return;
        }
        if directory.exists() && !is_own {
            self.notes
                .push(left_alone(&shown, "contains a different skill or plugin"));
            return;
        }
        if !disk::is_writable(&directory) {
            self.notes.push(format!(
                "whycap cannot write to {shown}; use `whycap explain` in a shell instead of /whycap"
            ));
            return;
        }

        let before = self.files.len();
        for (name, text) in plugin_files(executable) {
            let path = directory.join(name);
            let current = readable_text(&path);
            if current.as_deref() != Some(&text) {
                self.files.push(FileChange {
                    path,
                    before: current,
                    after: Some(text),
                });
            }
        }
        if self.files.len() > before {
            let kind = if is_own {
                ChangeKind::SlashCommandUpdated
            } else {
                ChangeKind::SlashCommandAdded
            };
            self.changes.push(Change::new(kind, &shown));
        }
    }

    fn remove_plugin(&mut self, paths: &Paths, kind: ChangeKind) {
        let directory = plugin_directory(paths);
        if has_link(&directory) || !is_own_plugin(&directory) {
            return;
        }

        // Remove `plugin.json` last, because it identifies the directory as whycap's.
        for (name, _) in plugin_files("").into_iter().rev() {
            let path = directory.join(name);
            if let Some(current) = readable_text(&path) {
                self.files.push(FileChange {
                    path,
                    before: Some(current),
                    after: None,
                });
            }
        }
        let inner = ["hooks", ".claude-plugin"].map(|name| directory.join(name));
        self.directories.extend(inner);
        self.changes
            .push(Change::new(kind, &paths.show(&directory)));
        self.directories.push(directory);
        // Claude Code creates this directory when it runs the plugin. It stays empty.
        self.directories.push(
            paths
                .claude_directory
                .join("plugins/data/whycap-skills-dir"),
        );
    }

    fn add_command_file(&mut self, paths: &Paths) {
        let path = command_file(paths);
        let shown = paths.show(&path);

        match readable_text(&path) {
            Some(text) if text == COMMAND_FILE => {}
            _ if is_link(&path) => self.notes.push(left_alone(&shown, "is a link")),
            None if path.exists() => self.notes.push(left_alone(&shown, "is not a regular file")),
            Some(_) => self
                .notes
                .push(left_alone(&shown, "defines a different /whycap command")),
            None if !disk::is_writable(path.parent().unwrap_or(&path)) => self.notes.push(format!(
                "whycap cannot write to {shown}; use `whycap explain` in a shell instead of /whycap"
            )),
            None => {
                self.changes
                    .push(Change::new(ChangeKind::SlashCommandAdded, &shown));
                self.files.push(FileChange {
                    path,
                    before: None,
                    after: Some(COMMAND_FILE.to_owned()),
                });
            }
        }
    }

    fn remove_command_file(&mut self, paths: &Paths, kind: ChangeKind) {
        let path = command_file(paths);
        let shown = paths.show(&path);

        match readable_text(&path) {
            None if !is_link(&path) => {}
            Some(text) if text == COMMAND_FILE && !is_link(&path) => {
                self.changes.push(Change::new(kind, &shown));
                self.files.push(FileChange {
                    path,
                    before: Some(text),
                    after: None,
                });
            }
            _ if kind == ChangeKind::SlashCommandReplaced => {
                self.notes
                    .push(left_alone(&shown, "defines a different /whycap command"));
            }
            _ => self.notes.push(format!(
                "{shown} was not deleted because it has been changed since whycap created it"
            )),
        }
    }
}

/// Deletes whycap's command file if a plugin provides `/whycap`.
///
/// The `SessionStart` hook calls this because the user may enable a plugin after running `whycap install`. Claude Code
/// reads command files before it runs the hook, so the change takes effect in the next session. If the deletion fails,
/// `doctor` reports the file.
pub(crate) fn remove_obsolete_file(paths: &Paths, version: impl FnOnce() -> Option<ClientVersion>) {
    let path = command_file(paths);
    if !path.exists() || is_link(&path) {
        return;
    }
    let state = SlashCommandState::new(paths, &[SettingsFile::of_user(paths)]);
    let has_modules = SlashCommand::for_version(version()) == SlashCommand::Plugin;
    if state == SlashCommandState::FileBeforePlugin && has_modules {
        let _ = disk::replace::remove_if_unchanged(&path, COMMAND_FILE.as_bytes());
    }
}

/// Returns the time when whycap first wrote the plugin or the command file. Returns `None` if neither exists. This is
/// the modification time of the plugin's directory or of the command file. An upgrade does not affect the directory's
/// modification time because it changes only files in subdirectories.
pub(crate) fn installed_at(paths: &Paths) -> Option<DateTime<Utc>> {
    let modified = [plugin_directory(paths), command_file(paths)]
        .iter()
        .find_map(|path| std::fs::metadata(path).ok()?.modified().ok());
    modified.map(DateTime::from)
}

/// Returns the path of the command file.
pub(crate) fn command_file(paths: &Paths) -> PathBuf {
    paths.claude_directory.join("commands/whycap.md")
}

/// Returns the directory of the plugin that whycap creates.
pub(crate) fn plugin_directory(paths: &Paths) -> PathBuf {
    paths.claude_directory.join("skills/whycap")
}

/// Returns the names and contents of the plugin's files. `plugin.json` comes first because it identifies the directory
/// as whycap's, so the next installation can continue after an interruption.
fn plugin_files(executable: &str) -> [(&'static str, String); 3] {
    let manifest = json!({
        "name": "whycap",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Answers /whycap without using a model",
        "author": {"name": "The whycap authors", "url": env!("CARGO_PKG_REPOSITORY")},
        "license": env!("CARGO_PKG_LICENSE"),
        "metadata": {"writtenBy": WRITTEN_BY},
        "network": {"hosts": []},
    });
    let hooks =
        json!({"description": "Answers /whycap without using a model", "modules": ["./whycap.js"]});
    let module = MODULE.replace(
        NO_PROGRAM,
        &format!("const PROGRAM = {}", Value::from(executable)),
    );

    [
        (MANIFEST, format!("{manifest:#}\n")),
        ("hooks/hooks.json", format!("{hooks:#}\n")),
        ("hooks/whycap.js", module),
    ]
}

/// Returns true if whycap created the plugin in this directory.
fn is_own_plugin(directory: &Path) -> bool {
    let manifest: Value = readable_text(&directory.join(MANIFEST))
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    manifest.at("metadata").at("writtenBy").as_str() == Some(WRITTEN_BY)
}

/// Returns true if the plugin's directory or one of whycap's files in it is a symbolic link.
fn has_link(directory: &Path) -> bool {
    let files = plugin_files("").map(|(name, _)| directory.join(name));
    files
        .iter()
        .flat_map(|file| {
            file.ancestors()
                .take_while(|path| path.starts_with(directory))
        })
        .any(is_link)
}

/// Returns a note that says why whycap left a file or directory alone.
fn left_alone(shown: &str, reason: &str) -> String {
    format!(
        "{shown} {reason}, so nothing was changed; use `whycap explain` in a shell instead of /whycap"
    )
}

/// Returns the text of a file, or `None` if the file does not exist or cannot be read as text.
fn readable_text(path: &Path) -> Option<String> {
    String::from_utf8(settings::bytes(path).ok()??).ok()
}
