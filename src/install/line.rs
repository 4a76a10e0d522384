//! Implements `/whycap line on` and `/whycap line off`, which turn the status line on and off in a conversation.
//!
//! Plugins cannot provide a status line because Claude Code ignores `statusLine` in a plugin's settings (2.1.328). The
//! status line is therefore added to the user's settings, but only when the user asks for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::edit_record::KeepPurpose;
use super::settings_edit::Additions;
use super::{own_path, plan, plan_and_execute};
use crate::disk;
use crate::environment::{Environment, Paths};

/// The time to wait for another installation. It is zero because Claude Code is waiting for a reply.
const LOCK_TIMEOUT: Duration = Duration::ZERO;

/// Turns the status line on and returns the reply for the user. The user's own status line is shown above it.
pub(crate) fn turn_on(paths: &Paths, environment: &Environment) -> anyhow::Result<String> {
    let executable = lasting_executable(environment)?;
    let settings = paths.user_settings();
    let additions = Additions {
        executable: &executable,
        status_line: true,
        hooks: false,
        switch_hooks: false,
        keep: Some(KeepPurpose::ShowAbove),
    };
    let plan = plan_and_execute(paths, LOCK_TIMEOUT, false, || {
        plan::install(paths, &settings, additions)
    })?;

    if plan.is_empty() {
        return Ok("The status line is already on. To hide it: /whycap line off".to_owned());
    }
    Ok(format!(
        "The status line is on and will appear within seconds. To hide it: /whycap line off\nwhycap's status line was added to {}.",
        paths.show(&settings)
    ))
}

/// Turns the status line off and returns the reply for the user.
pub(crate) fn turn_off(paths: &Paths) -> anyhow::Result<String> {
    let path = paths.user_settings();
    let plan = plan_and_execute(paths, LOCK_TIMEOUT, false, || {
        plan::uninstall(paths, &path, true)
    })?;

    if !plan.is_empty() {
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
        let system = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        let executable = root.join("programs").join(system).join(&name);
        let copy = data.join("bin").join(name);

        let running = std::env::current_exe().ok()?;
        let is_running = [&executable, &copy]
            .into_iter()
            .any(|path| disk::is_same_file(path, &running));
        (executable.is_file() && is_running).then_some(Self { executable, copy })
    }
}

/// Updates the copy of the executable that the settings use after a plugin update.
///
/// This compares sizes because npm gives all files the same modification time. If the update fails, the old copy stays
/// in use, and the start of the next session tries again.
pub(crate) fn renew_copy(environment: &Environment) {
    let Some(packaged) = PackagedExecutable::find(environment) else {
        return;
    };
    let size = |path: &Path| path.metadata().map_or(0, |file| file.len());
    let copied = size(&packaged.copy);
    if copied > 0 && copied != size(&packaged.executable) {
        let _ = disk::copy_executable(&packaged.executable, &packaged.copy);
    }
}
