//! Implements `/whycap line on` and `/whycap line off`, which turn the status line on and off in a conversation.
//!
//! Plugins cannot provide a status line because Claude Code ignores `statusLine` in a plugin's settings (2.1.328). The
//! status line is therefore added to the user's settings, but only when the user asks for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::changes::ChangeKind;
use super::edit_record::EditRecord;
use super::entries::{KeepPurpose, installed_entries};
use super::settings_edit::Additions;
use super::{own_path, plan, plan_and_execute};
use crate::claude::settings::SettingsFile;
use crate::disk;
use crate::environment::Environment;
use crate::lenient_json::LenientJson;
use crate::paths::Paths;

/// The time to wait for another installation. It is zero because Claude Code is waiting for a reply.
const LOCK_TIMEOUT: Duration = Duration::ZERO;

/// Turns the status line on and returns the reply for the user.
pub(crate) fn turn_on(paths: &Paths, environment: &Environment) -> anyhow::Result<String> {
    let executable = lasting_executable(environment)?;
    let settings = paths.user_settings();
    let additions = Additions {
        executable: &executable,
        status_line: true,
        hooks: false,
        keep: kept_until_turned_off(paths, &settings),
        slash_command: None,
    };
    let plan = plan_and_execute(paths, LOCK_TIMEOUT, false, || {
        plan::install(paths, &settings, additions)
    })?;

    if let Some(left) = plan.change_of(ChangeKind::StatusLineLeft) {
        return Ok(format!(
            "You already have a status line: {}\nwhycap did not change it. To show both, run in a shell: {executable} install --statusline --wrap",
            left.subject
        ));
    }
    if plan.is_empty() {
        return Ok("The status line is already on. To hide it: /whycap line off".to_owned());
    }
    Ok(format!(
        "The status line is on and will appear within seconds. To hide it: /whycap line off\nwhycap's status line was added to {}.",
        paths.show(&settings)
    ))
}

/// Returns the reason why whycap kept the user's own status line before `/whycap line off`. Returns `None` if it did
/// not keep one or the user has changed it since then.
fn kept_until_turned_off(paths: &Paths, settings: &Path) -> Option<KeepPurpose> {
    let previous = EditRecord::load(paths, settings).previous_line?;
    let entry: Value = serde_json::from_str(&previous.entry).ok()?;
    let file = SettingsFile::of_user(paths);
    let is_unchanged = file.settings()?.get("statusLine") == Some(&entry);
    if is_unchanged {
        Some(previous.purpose)
    } else {
        None
    }
}

/// Turns the status line off and returns the reply for the user.
pub(crate) fn turn_off(paths: &Paths) -> anyhow::Result<String> {
    let path = paths.user_settings();
    let plan = plan_and_execute(paths, LOCK_TIMEOUT, false, || {
        // Without whycap's hooks, the status line is all that is installed, so undo the entire installation. However,
        // if whycap kept the user's own status line, `turn_on` needs the record, so remove only whycap's status line.
        let file = SettingsFile::of_user(paths);
        let has_hooks = file
            .settings()
            .is_some_and(|settings| !installed_entries(settings).hooks.is_empty());
        let keeps_line = EditRecord::load(paths, &path).previous_line.is_some();
        plan::uninstall(paths, &path, has_hooks || keeps_line, &BTreeMap::new())
    })?;

    let is_removed = plan.change_of(ChangeKind::StatusLineRemoved).is_some();
    let is_restored = plan.change_of(ChangeKind::StatusLineRestored).is_some();
    if is_removed || is_restored {
        return Ok("The status line is off. To show it: /whycap line on".to_owned());
    }
    Ok(format!(
        "whycap's status line is not in {}. Nothing was changed.",
        paths.show(&path)
    ))
}

/// Returns a path to whycap that stays valid, for use in the settings. An executable in a plugin package is copied to
/// the plugin's data directory because a plugin update replaces the package's directory.
fn lasting_executable(environment: &Environment) -> anyhow::Result<String> {
    let Some(packaged) = PackagedExecutable::find(environment) else {
        return own_path::of_process(environment);
    };
    disk::copy_executable(&packaged.executable, &packaged.copy)?;
    own_path::call(environment, &packaged.copy)
}

/// The whycap executable in a plugin package.
struct PackagedExecutable {
    executable: PathBuf,
    /// The path of its copy in the plugin's data directory.
    copy: PathBuf,
}

impl PackagedExecutable {
    /// Finds the executable. Returns `None` if this process was not started by a plugin or if the package contains no
    /// executable for this system.
    fn find(environment: &Environment) -> Option<Self> {
        let root = environment.path("CLAUDE_PLUGIN_ROOT")?;
        let data = environment.path("CLAUDE_PLUGIN_DATA")?;
        let name = format!("whycap{}", std::env::consts::EXE_SUFFIX);
        let executable = root.join("programs").join(system()?).join(&name);
        let copy = data.join("bin").join(name);

        let running = std::env::current_exe().ok()?;
        let is_running =
            disk::is_same_file(&executable, &running) || disk::is_same_file(&copy, &running);
        if !executable.is_file() || !is_running {
            return None;
        }
        Some(Self { executable, copy })
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

/// Updates the copy of the executable that the settings use after a plugin update.
///
/// This compares versions because npm gives all files the same modification time. If the update fails, the old copy
/// stays in use, and the start of the next session tries again.
pub(crate) fn renew_copy(environment: &Environment) {
    let Some(packaged) = PackagedExecutable::find(environment) else {
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
        let _ = disk::copy_executable(&packaged.executable, &packaged.copy);
    }
}
