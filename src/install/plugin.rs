//! Determines whether Claude Code runs whycap from a plugin, from the settings, or from both.
//!
//! If both a plugin and the settings run whycap for the same event, only one of the two processes handles it.

use std::path::Path;

use serde_json::Value;

use super::entries::{InstalledEntries, entries_in};
use crate::claude::hook_event::EventName;
use crate::claude::settings::{self, SettingsFile};
use crate::disk::records;
use crate::environment::{Environment, Paths};
use crate::json::parse_name;

/// Returns true if this process was started by a plugin, but a hook in the settings handles the same event.
///
/// If the executable of the hook in the settings does not exist, the hook is ignored.
pub fn is_second_run(paths: &Paths, environment: &Environment, event: EventName) -> bool {
    entries_beside_plugin(paths, environment)
        .unwrap_or_default()
        .iter()
        .flat_map(|entries| &entries.hooks)
        .any(|(name, hook)| {
            // A name without a directory is looked up on the `PATH`. Assume that it works.
            let executable = Path::new(&hook.executable);
            parse_name(name) == Some(event) && (!executable.is_absolute() || executable.is_file())
        })
}

/// An entry in `enabledPlugins` for a plugin named `whycap`, from any marketplace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnabledPlugin {
    /// The plugin's ID, such as `whycap@whycap`.
    pub id: String,
    pub is_enabled: bool,
}

impl EnabledPlugin {
    /// Returns the entries from these settings files, given in order of precedence.
    pub(crate) fn list(files: &[SettingsFile]) -> Vec<Self> {
        let mut plugins: Vec<Self> = Vec::new();
        for (id, value) in files
            .iter()
            .filter_map(|file| file.get("enabledPlugins")?.as_object())
            .flatten()
        {
            let is_known = plugins.iter().any(|plugin| plugin.id == *id);
            if id.starts_with("whycap@") && !is_known {
                plugins.push(Self {
                    id: id.clone(),
                    is_enabled: *value == Value::Bool(true),
                });
            }
        }
        plugins
    }

    /// Returns true if this is the plugin that `whycap install` creates in the user's skills directory.
    pub(crate) fn is_in_skills_directory(&self) -> bool {
        self.id == "whycap@skills-dir"
    }
}

/// Returns a hint for how to turn on the status line, which the plugin shows once, when a session starts. Returns
/// `None` if the status line is on, or if the hint has been shown or cannot be marked as shown.
pub fn status_line_hint(paths: &Paths, environment: &Environment) -> Option<String> {
    let is_on = entries_beside_plugin(paths, environment)?
        .iter()
        .any(|entries| entries.status_line.is_some());
    if is_on {
        return None;
    }
    let directory = environment
        .path("CLAUDE_PLUGIN_DATA")
        .unwrap_or_else(|| paths.data.clone());
    records::create_marker(&directory.join("status-line-hint-given"))
        .then(|| "To show your spend in the status line, type: /whycap line on".to_owned())
}

/// Returns whycap's entries in each settings file. Returns `None` if this process was not started by the plugin's
/// launcher (`hooks/whycap-hook`).
fn entries_beside_plugin(
    paths: &Paths,
    environment: &Environment,
) -> Option<Vec<InstalledEntries>> {
    if environment.text("WHYCAP_FROM") != Some("plugin") {
        return None;
    }
    let files = settings::of(paths, environment.path("CLAUDE_PROJECT_DIR").as_deref());
    Some(
        entries_in(&files)
            .map(|(_, entries)| entries)
            .collect(),
    )
}
