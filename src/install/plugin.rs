//! What whycap does differently when the plugin started it: plugin and settings together must not
//! act twice, and no plugin can ship a status line.

use std::path::Path;

use serde_json::Value;

use super::entries::{Wired, wired_in};
use crate::claude::hook_event::EventName;
use crate::claude::settings::{self, SettingsFile};
use crate::disk::records;
use crate::environment::Environment;
use crate::places::Places;

/// True when the plugin started us and the settings make the client run the same hook as well: then
/// this process is the second one and must stay silent. An entry whose program is gone does not
/// count, because then the plugin is all that is left.
pub fn is_second_run(places: &Places, environment: &Environment, event: EventName) -> bool {
    let runs = |wired: Wired| {
        let mut hooks = wired.hooks.iter();
        hooks.any(|(name, hook)| name == event.as_str() && exists(&hook.program))
    };
    from_plugin(environment) && in_settings(places, environment, runs)
}

/// Whether the user's settings have the plugin on.
pub(crate) fn is_on(places: &Places) -> bool {
    let file = SettingsFile::of_user(places);
    let settings = file.settings();
    settings.is_some_and(|settings| is_among(settings.get("enabledPlugins")))
}

/// Whether the plugin is on in a table of plugins, from whatever marketplace.
pub(crate) fn is_among(plugins: Option<&Value>) -> bool {
    let mut plugins = plugins.and_then(Value::as_object).into_iter().flatten();
    plugins.any(|(name, is_on)| name.starts_with("whycap@") && *is_on == Value::Bool(true))
}

/// What the plugin says at a session's start, once ever: how to turn the status line on. None if it
/// is on, was said before, or cannot be remembered as said.
pub fn status_line_hint(places: &Places, environment: &Environment) -> Option<String> {
    let has_status_line = |wired: Wired| wired.status_line.is_some();
    if !from_plugin(environment) || in_settings(places, environment, has_status_line) {
        return None;
    }
    let directory = environment
        .path("CLAUDE_PLUGIN_DATA")
        .unwrap_or_else(|| places.data.clone());
    records::mark(&directory.join("status-line-hint-given"))
        .then(|| "To see what you spend in the status line, type: /whycap line on".to_owned())
}

/// Whether the plugin's launcher (`hooks/whycap-hook`) started this process.
fn from_plugin(environment: &Environment) -> bool {
    environment.text("WHYCAP_FROM") == Some("plugin")
}

/// Whether one of the settings files that count here wires what is looked for.
fn in_settings(
    places: &Places,
    environment: &Environment,
    looked_for: impl Fn(Wired) -> bool,
) -> bool {
    let project = environment.path("CLAUDE_PROJECT_DIR");
    let files = settings::of(places, project.as_deref());
    wired_in(&files).any(|(_, wired)| looked_for(wired))
}

/// Whether a wired program is there. A bare name is looked up by the shell, so it counts.
fn exists(program: &str) -> bool {
    let path = Path::new(program);
    !path.is_absolute() || path.exists()
}
