//! The plugin that provides the `/whycap` command inside Claude Code.
//!
//! Claude Code loads the plugin from the user's skills directory, without an entry in the settings. Its module answers
//! `/whycap`. This is not a prompt, which would cancel auto-resume after a usage limit, even if a hook blocks it
//! (observed with 2.1.328 to 2.1.331).

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::changes::{Change, ChangeKind, PlanStep};
use super::command_line::{HOOK, invocation};
use super::plan::InstallPlan;
use super::plugin::EnabledPlugin;
use crate::claude::settings::{self, SettingsFile};
use crate::disk;
use crate::disk::replace::is_link;
use crate::environment::Paths;
use crate::json::LenientJson;

/// The file in the plugin's directory that identifies the plugin.
const MANIFEST: &str = ".claude-plugin/plugin.json";

/// The plugin module that handles `/whycap`.
const MODULE: &str = include_str!("../../hooks/whycap.js");

/// The line in [`MODULE`] to replace with the path of the installed executable.
const NO_PROGRAM: &str = "const PROGRAM = null";

/// The value in `plugin.json` that identifies a plugin that whycap has created.
const WRITTEN_BY: &str = "whycap install";

/// The state of the `/whycap` command according to files and settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SlashCommandState {
    /// A plugin provides the command.
    Plugin,
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
        if plugins.iter().any(|plugin| plugin.is_enabled) {
            return Self::Plugin;
        }
        // An installed plugin with the same name takes precedence over the plugin in the skills directory even if it is
        // turned off.
        match plugins.first() {
            Some(plugin) => Self::TurnedOff(plugin.id.clone()),
            None if has_own_plugin => Self::Plugin,
            None => Self::Missing,
        }
    }
}

impl InstallPlan {
    /// Plans to write the plugin, unless the plugin from a marketplace is enabled. `executable` is the path of whycap,
    /// quoted for the shell.
    pub(super) fn add_plugin(&mut self, paths: &Paths, executable: &str) {
        let has_installed_plugin = EnabledPlugin::list(&[SettingsFile::of_user(paths)])
            .iter()
            .any(|plugin| plugin.is_enabled && !plugin.is_in_skills_directory());
        if has_installed_plugin {
            return;
        }
        let directory = plugin_directory(paths);
        let shown = paths.show(&directory);
        let is_own = is_own_plugin(&directory);
        let obstacle = if has_link(&directory) {
            "is or contains a symlink"
        } else if directory.exists() && !is_own {
            "contains a different skill or plugin"
        } else if !disk::is_writable(&directory) {
            "is not writable"
        } else {
            ""
        };
        if !obstacle.is_empty() {
            return self.notes.push(format!(
                "{shown} {obstacle}, so /whycap was not added; use `whycap explain` in a shell instead"
            ));
        }

        let steps_before = self.steps.len();
        for (name, text) in plugin_files(executable) {
            let path = directory.join(name);
            let current = readable_text(&path);
            if current.as_deref() != Some(&text) {
                self.change_file(&path, current.as_deref(), Some(&text));
            }
        }
        if self.steps.len() > steps_before {
            let kind = if is_own {
                ChangeKind::SlashCommandUpdated
            } else {
                ChangeKind::SlashCommandAdded
            };
            self.changes.push(Change::new(kind, &shown));
        }
    }

    /// Plans to delete the plugin if whycap created it.
    pub fn of_plugin_removal(paths: &Paths) -> Self {
        let mut plan = Self::default();
        let directory = plugin_directory(paths);
        if has_link(&directory) || !is_own_plugin(&directory) {
            return plan;
        }

        // Remove `plugin.json` last, because it identifies the directory as whycap's.
        for (name, _) in plugin_files("").into_iter().rev() {
            let path = directory.join(name);
            if let Some(current) = readable_text(&path) {
                plan.change_file(&path, Some(&current), None);
            }
        }
        plan.changes.push(Change::new(
            ChangeKind::SlashCommandRemoved,
            &paths.show(&directory),
        ));
        let directories = [
            directory.join("hooks"),
            directory.join(".claude-plugin"),
            directory,
            // Claude Code creates this directory when it runs the plugin. It stays empty.
            paths
                .claude_directory
                .join("plugins/data/whycap-skills-dir"),
        ];
        plan.steps
            .extend(directories.map(PlanStep::RemoveOwnDirectory));
        plan
    }
}

/// Returns the time when whycap first wrote the plugin, or `None` if it does not exist. This is the modification time of
/// its directory, which an upgrade does not affect because it changes only files in subdirectories.
pub(crate) fn installed_at(paths: &Paths) -> Option<DateTime<Utc>> {
    let metadata = std::fs::metadata(plugin_directory(paths)).ok()?;
    metadata.modified().ok().map(DateTime::from)
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
        "homepage": env!("CARGO_PKG_REPOSITORY"),
        "metadata": {"writtenBy": WRITTEN_BY},
        "network": {"hosts": []},
    });
    let hooks =
        json!({"description": "Answers /whycap without using a model", "modules": ["./whycap.js"]});
    // The module runs the program without a shell.
    let program = match invocation(&format!("{executable} {HOOK}"), HOOK) {
        Some(invocation) => invocation.executable,
        None => executable.to_owned(),
    };
    let module = MODULE.replace(
        NO_PROGRAM,
        &format!("const PROGRAM = {}", Value::from(program)),
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

/// Returns the text of a file, or `None` if the file does not exist or cannot be read as text.
fn readable_text(path: &Path) -> Option<String> {
    String::from_utf8(settings::bytes(path).ok()??).ok()
}
