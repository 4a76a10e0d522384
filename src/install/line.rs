//! `/whycap line on` and `/whycap line off`, which turn only the status line on or off from inside a conversation.
//!
//! A plugin cannot contain a status line, because Claude Code ignores `statusLine` in a plugin's settings (2.1.328).
//! The status line is therefore added to the user's settings, but only when the user asks for it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::changes::ChangeKind;
use super::entries::wired;
use super::settings_edit::Additions;
use super::{carry_out, own_path, plan};
use crate::claude::settings::SettingsFile;
use crate::disk;
use crate::environment::Environment;
use crate::lenient_json::LenientJson;
use crate::places::Places;

/// The maximum time to wait for another installation to finish. It is zero because Claude Code is waiting for an
/// answer.
const PATIENCE: Duration = Duration::ZERO;

/// Turns on the status line. Returns the answer that is shown to the user.
pub(crate) fn turn_on(places: &Places, environment: &Environment) -> anyhow::Result<String> {
    let program = lasting_program(environment)?;
    let additions = Additions {
        program: &program,
        status_line: true,
        hooks: false,
        keep: None,
        slash_command: None,
    };
    let settings = places.user_settings();
    let plan = carry_out(places, PATIENCE, false, || {
        plan::install(places, &settings, additions)
    })?;

    if let Some(foreign) = plan.change_of(ChangeKind::StatusLineLeft) {
        return Ok(format!(
            "You already have a status line: {}\nwhycap did not change it. To show both, run in a shell: {program} install --statusline --wrap",
            foreign.of
        ));
    }
    if plan.is_empty() {
        return Ok("The status line is already on. To hide it: /whycap line off".to_owned());
    }
    Ok(format!(
        "The status line is on and will appear within seconds. To hide it: /whycap line off\nwhycap's status line was added to {}.",
        places.show(&settings)
    ))
}

/// Turns off the status line. Returns the answer that is shown to the user.
pub(crate) fn turn_off(places: &Places) -> anyhow::Result<String> {
    let path = places.user_settings();
    let plan = carry_out(places, PATIENCE, false, || {
        // If the settings contain no hooks of whycap's, none of its entries would be left, so the whole installation is
        // undone.
        let file = SettingsFile::of_user(places);
        let has_hooks = file
            .settings()
            .is_some_and(|settings| !wired(settings).hooks.is_empty());
        plan::uninstall(places, &path, has_hooks)
    })?;

    let is_removed = plan.change_of(ChangeKind::StatusLineRemoved).is_some();
    let is_restored = plan.change_of(ChangeKind::StatusLineRestored).is_some();
    if is_removed || is_restored {
        return Ok("The status line is off. To show it: /whycap line on".to_owned());
    }
    Ok(format!(
        "whycap's status line is not in {}. Nothing was changed.",
        places.show(&path)
    ))
}

/// Returns the path of a whycap program that will stay in place and can therefore be used in the settings. If whycap
/// runs from a plugin's package, its program is copied to the plugin's data directory, because the next update replaces
/// the package's directory.
fn lasting_program(environment: &Environment) -> anyhow::Result<String> {
    let Some(packaged) = PackagedProgram::find(environment) else {
        return own_path::of_process(environment);
    };
    disk::copy_program(&packaged.program, &packaged.copy)?;
    own_path::call(environment, &packaged.copy)
}

/// The program in a plugin's package.
struct PackagedProgram {
    program: PathBuf,
    /// The path of its copy in the plugin's data directory.
    copy: PathBuf,
}

impl PackagedProgram {
    /// Returns the program, or `None` if no plugin started this process or if its package contains no program for this
    /// system.
    fn find(environment: &Environment) -> Option<Self> {
        let root = environment.path("CLAUDE_PLUGIN_ROOT")?;
        let data = environment.path("CLAUDE_PLUGIN_DATA")?;
        let name = format!("whycap{}", std::env::consts::EXE_SUFFIX);
        let program = root.join("programs").join(system()?).join(&name);
        let copy = data.join("bin").join(name);

        let running = std::env::current_exe().ok()?;
        let is_running =
            disk::is_same_file(&program, &running) || disk::is_same_file(&copy, &running);
        if !program.is_file() || !is_running {
            return None;
        }
        Some(Self { program, copy })
    }
}

/// Returns the name that packages use for this system (see `packaging/npm/make.js`).
fn system() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("linux-x64"),
        ("linux", "aarch64") => Some("linux-arm64"),
        ("macos", "x86_64") => Some("darwin-x64"),
        ("macos", "aarch64") => Some("darwin-arm64"),
        ("windows", _) => Some("win32-x64"),
        _ => None,
    }
}

/// Replaces the copy to which the settings refer, if the plugin has been updated.
///
/// This compares the versions rather than the file times, because npm gives all files the same time. A failure is
/// ignored. The next time a session starts, whycap tries again, and until then, the old program renders the status
/// line.
pub(crate) fn renew_copy(environment: &Environment) {
    let Some(packaged) = PackagedProgram::find(environment) else {
        return;
    };
    if !packaged.copy.is_file() {
        return;
    }
    let root = environment.path("CLAUDE_PLUGIN_ROOT").unwrap_or_default();
    let manifest: Value =
        disk::records::read(&root.join(".claude-plugin/plugin.json")).unwrap_or_default();
    let version = manifest.at("version").as_str();
    if version.is_some_and(|version| version != env!("CARGO_PKG_VERSION")) {
        let _ = disk::copy_program(&packaged.program, &packaged.copy);
    }
}
