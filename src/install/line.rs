//! `/whycap line on` and `off`: the status line alone, asked for inside a conversation.
//!
//! A plugin cannot bring a status line (Claude Code ignores the `statusLine` of a plugin's settings, 2.1.328), so it
//! goes into the user's settings, and only when the user asks for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::changes::ChangeKind;
use super::entries::wired;
use super::settings_edit::Additions;
use super::{carry_out, own_path, plan};
use crate::claude::settings::SettingsFile;
use crate::disk;
use crate::environment::Environment;
use crate::foreign::Foreign;
use crate::places::Places;

/// Claude Code waits for the answer, so whoever else installs right now goes first.
const PATIENCE: Duration = Duration::ZERO;

/// Turns the status line on and says so, or why not.
pub(crate) fn turn_on(places: &Places, environment: &Environment) -> anyhow::Result<String> {
    let program = lasting_program(environment)?;
    let wanted = Additions {
        program: &program,
        status_line: true,
        hooks: false,
        keep: None,
    };
    let settings = &places.user_settings();
    let make = || plan::install(places, settings, wanted);
    let plan = carry_out(places, PATIENCE, false, make)?;
    Ok(match plan.change_of(ChangeKind::StatusLineLeft) {
        Some(left) => format!(
            "You have a status line already: {}\nIt stays. To have both, in a shell: {program} install --statusline --wrap",
            left.of
        ),
        None if plan.is_empty() => {
            "The status line is on already. To turn it off: /whycap line off".to_owned()
        }
        None => format!(
            "The status line is on. It appears within seconds. To turn it off: /whycap line off\nIt is in {}.",
            places.show(settings)
        ),
    })
}

/// Turns the status line off and says so.
pub(crate) fn turn_off(places: &Places) -> anyhow::Result<String> {
    let path = &places.user_settings();
    let plan = carry_out(places, PATIENCE, false, || {
        // Without hooks nothing of ours would be left there.
        let file = SettingsFile::of_user(places);
        let settings = file.settings();
        let has_hooks = settings.is_some_and(|settings| !wired(settings).hooks.is_empty());
        plan::uninstall(places, path, has_hooks)
    })?;
    let is_off = plan.change_of(ChangeKind::StatusLineRemoved).is_some()
        || plan.change_of(ChangeKind::StatusLineRestored).is_some();
    Ok(if is_off {
        "The status line is off. To turn it on: /whycap line on".to_owned()
    } else {
        format!(
            "whycap's status line is not in {}; nothing was changed.",
            places.show(path)
        )
    })
}

/// This program as settings can name it for long. What the plugin brought lies in a directory of its version, which
/// goes with the next update: a copy in the plugin's own data directory stays.
fn lasting_program(environment: &Environment) -> anyhow::Result<String> {
    let Some(Brought { program, copy }) = Brought::find(environment) else {
        return own_path::of_process(environment);
    };
    disk::copy_program(&program, &copy)?;
    own_path::call(environment, &copy)
}

/// The program in a plugin's package, and where its copy lies.
struct Brought {
    program: PathBuf,
    copy: PathBuf,
}

impl Brought {
    /// None if the plugin did not start this process, or came without programs.
    fn find(environment: &Environment) -> Option<Self> {
        let root = environment.path("CLAUDE_PLUGIN_ROOT")?;
        let data = environment.path("CLAUDE_PLUGIN_DATA")?;
        let name = format!("whycap{}", std::env::consts::EXE_SUFFIX);
        let program = root.join("programs").join(system()?).join(&name);
        let copy = data.join("bin").join(name);
        let running = std::env::current_exe().ok()?;
        let is_running = |path: &Path| disk::is_same_place(path, &running);
        let is_plugins = is_running(&program) || is_running(&copy);
        (is_plugins && program.is_file()).then_some(Self { program, copy })
    }
}

/// As packages name it (`packaging/npm/make.js`).
fn system() -> Option<&'static str> {
    Some(match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        ("windows", _) => "win32-x64",
        _ => return None,
    })
}

/// After an update of the plugin: its new program takes the place of the copy that settings name. The version stands in
/// the plugin's manifest; times of files tell nothing (npm gives all the same).
pub(crate) fn renew_copy(environment: &Environment) {
    let Some(brought) = Brought::find(environment).filter(|brought| brought.copy.is_file()) else {
        return;
    };
    let root = environment.path("CLAUDE_PLUGIN_ROOT").unwrap_or_default();
    let manifest = root.join(".claude-plugin/plugin.json");
    let manifest: Value = disk::records::read(&manifest).unwrap_or_default();
    let version = manifest.at("version").as_str();
    if version.is_some_and(|version| version != env!("CARGO_PKG_VERSION")) {
        // What fails is tried again at the next session's start; until then the old one draws the line.
        let _ = disk::copy_program(&brought.program, &brought.copy);
    }
}
