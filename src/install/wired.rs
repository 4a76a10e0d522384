//! Whether the user's settings run whycap already: what a hook that came with the plugin asks, so
//! that plugin and settings together do not act twice. Meant to be fast: one small file, and no
//! parsing unless it names us.

use std::path::{Path, PathBuf};

use memchr::memmem;

use super::ours::{self, Wired};
use crate::claude::hook_event::EventName;
use crate::claude::settings::{Contents, Scope, SettingsFile, bytes, path_of};
use crate::disk;
use crate::environment::Environment;
use crate::places::Places;

/// Says that the plugin's launcher started us; see `hooks/whycap-hook`.
pub const FROM_VARIABLE: &str = "WHYCAP_FROM";

/// Whether this process was started by the plugin's launcher.
pub fn from_plugin(environment: &Environment) -> bool {
    environment.text(FROM_VARIABLE) == Some("plugin")
}

/// Whether a settings file makes the client run `whycap hook` for this event. An entry whose
/// program is gone does not count: then the plugin is all that is left.
pub fn settings_have_hook(places: &Places, environment: &Environment, event: EventName) -> bool {
    any(places, environment, |wired| {
        wired
            .hooks
            .iter()
            .any(|(wired_event, found)| wired_event == event.as_str() && exists(&found.program))
    })
}

/// Whether a settings file makes the client draw whycap's status line.
pub fn settings_have_status_line(places: &Places, environment: &Environment) -> bool {
    any(places, environment, |wired| wired.status_line.is_some())
}

/// True when the plugin started us and the user's settings will run, or ran, the same hook as
/// well: then this process is the second one and must stay silent.
pub fn is_second_run(places: &Places, environment: &Environment, event: EventName) -> bool {
    from_plugin(environment) && settings_have_hook(places, environment, event)
}

/// What the plugin says at a session's start, once ever: how to turn the status line on, which no
/// plugin can ship. None if it is on, was said before, or cannot be remembered as said.
pub fn status_line_hint(places: &Places, environment: &Environment) -> Option<String> {
    if !from_plugin(environment) || settings_have_status_line(places, environment) {
        return None;
    }
    let directory = environment
        .path("CLAUDE_PLUGIN_DATA")
        .unwrap_or_else(|| places.data.clone());
    disk::create_private_dir(&directory).ok()?;
    // Made first and said after: a hint that is lost is better than one that comes back.
    let said = disk::create_atomically(&directory.join("status-line-hint-given"), b"").ok()?;
    said.then(|| {
        "To see what you spend in the status line, run `whycap install --statusline` in a shell."
            .to_owned()
    })
}

fn any(places: &Places, environment: &Environment, wanted: impl Fn(&Wired) -> bool) -> bool {
    let project = environment.path("CLAUDE_PROJECT_DIR");
    files(places, project.as_deref()).any(|path| {
        let Ok(Some(bytes)) = bytes(&path) else {
            return false;
        };
        if memmem::find(&bytes, b"whycap").is_none() {
            return false;
        }
        match SettingsFile::read(Scope::User, path).contents {
            Contents::Settings(settings) => wanted(&ours::wired(&settings)),
            _ => false,
        }
    })
}

fn files<'a>(places: &'a Places, project: Option<&'a Path>) -> impl Iterator<Item = PathBuf> + 'a {
    let in_project = project.into_iter().flat_map(|project| {
        [Scope::Local, Scope::Project].map(|scope| path_of(scope, places, project))
    });
    std::iter::once(places.user_settings()).chain(in_project)
}

/// Whether a wired program is there. A bare name is looked up by the shell, so it counts.
fn exists(program: &str) -> bool {
    let path = Path::new(program);
    !path.is_absolute() || path.exists()
}
