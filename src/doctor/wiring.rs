//! Checks everything that Claude Code needs to run whycap: the settings, the hooks, the status line, `/whycap`, and the
//! executable.

use std::collections::BTreeSet;
use std::path::{MAIN_SEPARATOR, Path};

use serde_json::Value;

use super::{Findings, Setup};
use crate::claude::account;
use crate::claude::settings::{SettingsFile, SettingsScope, effective_value};
use crate::claude::shell::Shell;
use crate::disk;
use crate::environment::as_written;
use crate::install::EditRecord;
use crate::install::command_line::{Invocation, STATUS_LINE};
use crate::install::entries::{EVENTS, entry_invocation};
use crate::install::plugin::EnabledPlugin;
use crate::install::slash_command::SlashCommandState;

/// The maximum size, in bytes, of an executable to compare. Executables with debug information can be very large.
const EXECUTABLE_SIZE_LIMIT: u64 = 512 * 1024 * 1024;

pub(super) fn settings_files(setup: &Setup, findings: &mut Findings) {
    for file in &setup.settings {
        if let Err(why) = &file.contents {
            let place = setup.paths.show(&file.path);
            findings.fail(
                format!("{place}: {why}"),
                "Fix the error in the file. Until you do, Claude Code ignores the file or parts of it.",
            );
        }
    }
}

pub(super) fn hooks_allowed(setup: &Setup, findings: &mut Findings) {
    let disabling = setup
        .settings
        .iter()
        .find(|file| file.is_true("disableAllHooks"));
    if let Some(file) = disabling {
        let place = setup.paths.show(&file.path);
        return findings.fail(
            format!("{place} sets disableAllHooks, so no hooks or status lines run"),
            format!(
                "Remove disableAllHooks from {place}. Until then, `whycap explain` in a shell still works."
            ),
        );
    }

    let is_managed_only = setup
        .settings
        .iter()
        .any(|file| file.scope == SettingsScope::Managed && file.is_true("allowManagedHooksOnly"));
    let has_managed_hooks = setup
        .installed_entries()
        .any(|(file, installed_entries)| {
            file.scope == SettingsScope::Managed && !installed_entries.hooks.is_empty()
        });
    if is_managed_only && !has_managed_hooks {
        findings.fail(
            "your organization allows only its own hooks (allowManagedHooksOnly), so whycap's hooks and status line do not run",
            "Ask your administrator to add whycap to the managed settings. Until then, `whycap explain` in a shell still works.",
        );
    }
}

pub(super) fn trust(setup: &Setup, findings: &mut Findings) {
    let place = setup.paths.show(&setup.directory);
    let state = account::global_state(&setup.paths).unwrap_or_default();
    if is_distrusted(&state, &setup.directory) {
        findings.warn(
            format!("{place} is not trusted, so hooks and the status line do not run here"),
            "Start claude in this folder, and answer yes when it asks whether you trust the folder.",
        );
    }
}

/// Returns true if the user has been asked about a folder and trusts neither it nor any of its parents.
fn is_distrusted(state: &Value, project: &Path) -> bool {
    trust_in(state, project) == Some(false)
        && !project
            .ancestors()
            .any(|folder| trust_in(state, folder) == Some(true))
}

/// Returns true if the user trusts this exact folder, or `None` if the user has not been asked.
fn trust_in(state: &Value, folder: &Path) -> Option<bool> {
    let name = as_written(folder.to_str()?.to_owned());
    // Claude Code uses forward slashes on all systems.
    state
        .get("projects")?
        .get(name.replace(MAIN_SEPARATOR, "/"))?
        .get("hasTrustDialogAccepted")?
        .as_bool()
}

pub(super) fn status_line(setup: &Setup, findings: &mut Findings) {
    let effective = effective_value(&setup.settings, "statusLine");
    let is_ours =
        effective.is_some_and(|(_, entry)| entry_invocation(entry, STATUS_LINE).is_some());
    let mut records = setup
        .settings
        .iter()
        .filter_map(|file| EditRecord::load(&setup.paths, &file.path));
    if is_ours || records.any(|record| record.is_headless) {
        return;
    }
    let Some((file, _)) = effective else {
        return findings.warn(
            "whycap's status line is not turned on",
            "whycap install --statusline",
        );
    };
    let place = setup.paths.show(&file.path);
    if file.scope == SettingsScope::Managed {
        findings.warn(
            format!("your organization has set a different status line (in {place})"),
            "Ask your administrator to add whycap to the managed settings. Until then, `whycap now` in a shell shows the same figures.",
        );
    } else {
        let scope = scope_option(file.scope);
        findings.warn(
            format!("another program's status line takes precedence here (in {place})"),
            format!(
                "whycap install --statusline --wrap{scope}  (This command shows both status lines. With --replace instead of --wrap, whycap's status line replaces the other.)"
            ),
        );
    }
}

/// Returns the command-line option for this scope.
fn scope_option(scope: SettingsScope) -> &'static str {
    match scope {
        SettingsScope::Project => " --scope project",
        SettingsScope::Local => " --scope local",
        SettingsScope::User | SettingsScope::Managed => "",
    }
}

/// Returns the events that a hook in the settings handles.
fn handled_events(setup: &Setup) -> BTreeSet<String> {
    setup
        .installed_entries()
        .flat_map(|(_, entries)| entries.hooks)
        .map(|(event, _)| event)
        .collect()
}

/// Returns true if a plugin provides whycap's hooks. The plugin in the skills directory has no hooks.
fn has_plugin_with_hooks(setup: &Setup) -> bool {
    EnabledPlugin::list(&setup.settings)
        .iter()
        .any(|plugin| plugin.is_enabled && !plugin.is_in_skills_directory())
}

pub(super) fn hooks(setup: &Setup, findings: &mut Findings) {
    if has_plugin_with_hooks(setup) {
        return;
    }
    let handled = handled_events(setup);
    let missing: Vec<&str> = EVENTS
        .iter()
        .map(|(event, _)| *event)
        .filter(|event| !handled.contains(*event))
        .collect();
    if missing.len() == EVENTS.len() {
        findings.fail(
            "no hooks are set, so whycap does not detect limit errors by itself",
            "whycap install --hooks",
        );
    } else if !missing.is_empty() {
        let missing = missing.join(", ");
        findings.warn(format!("missing: {missing}"), "whycap install --hooks");
    }
}

/// Checks whether `/whycap` is available. If there are no hooks at all, the check for hooks already reports the
/// problem.
pub(super) fn slash_command(setup: &Setup, findings: &mut Findings) {
    if handled_events(setup).is_empty() && !has_plugin_with_hooks(setup) {
        return;
    }
    match SlashCommandState::new(&setup.paths, &setup.settings) {
        SlashCommandState::Plugin => {}
        SlashCommandState::TurnedOff(plugin) => findings.warn(
            "the plugin that handles /whycap is turned off",
            format!("claude plugin enable {plugin}"),
        ),
        SlashCommandState::Missing => findings.warn(
            "Claude Code has no /whycap command",
            "whycap install --hooks",
        ),
    }
}

pub(super) fn executable(setup: &Setup, findings: &mut Findings) {
    let shell = Shell::of(&setup.environment);
    let mut checked = BTreeSet::new();

    for (file, entries) in setup.installed_entries() {
        let hooks = entries
            .hooks
            .into_iter()
            .map(|(_, invocation)| invocation);
        for invocation in entries.status_line.into_iter().chain(hooks) {
            if checked.insert(invocation.executable.clone()) {
                check_executable(setup, &shell, file, &invocation, findings);
            }
        }
    }
}

/// Checks an executable in the settings. It is fine if it is the running one, a copy of it, or called without a path.
fn check_executable(
    setup: &Setup,
    shell: &Shell,
    file: &SettingsFile,
    invocation: &Invocation,
    findings: &mut Findings,
) {
    let called = Path::new(&invocation.executable);
    let calls = format!("{} runs {}", setup.paths.show(&file.path), called.display());
    let install = format!("whycap install{}", scope_option(file.scope));
    if invocation.for_powershell != (*shell == Shell::PowerShell) {
        let shell = shell.name();
        findings.fail(
            format!(
                "{calls} with a command that does not work in {shell}, the shell that Claude Code uses here"
            ),
            install,
        );
    } else if called.is_absolute() && !is_executable(called) {
        findings.fail(
            format!("{calls}, which is not an executable file"),
            format!(
                "{install}  (The command does not touch entries that you have changed, so fix those yourself.)"
            ),
        );
    } else if called.is_absolute() && !is_same_program(called, setup.executable.as_deref()) {
        findings.warn(
            format!("{calls}, which is another version than this one"),
            format!("{install}  (The command changes the settings to run this version.)"),
        );
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.mode() & 0o111 != 0)
}

/// Returns true if the file exists. File modes exist only on Unix.
#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Returns true if two executables are the same file or have the same contents.
fn is_same_program(called: &Path, running: Option<&Path>) -> bool {
    let read = |path| {
        disk::read(path, EXECUTABLE_SIZE_LIMIT)
            .ok()
            .flatten()
    };
    running.is_some_and(|running| {
        disk::is_same_file(called, running)
            || read(called).is_some_and(|contents| Some(contents) == read(running))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn trust_in_a_folder_includes_its_subfolders() {
        let state = json!({"projects": {
            "/home/dev/work": {"hasTrustDialogAccepted": true},
            "/home/dev/work/odd": {"hasTrustDialogAccepted": false},
            "/home/dev/odd": {"hasTrustDialogAccepted": false},
        }});
        let is_distrusted = |folder| is_distrusted(&state, Path::new(folder));
        assert!(!is_distrusted("/home/dev/work/a/b"));
        assert!(!is_distrusted("/home/dev/work/odd"));
        assert!(is_distrusted("/home/dev/odd"));
        assert!(!is_distrusted("/home/dev/worker"));
        assert!(!super::is_distrusted(
            &json!({"projects": 7}),
            Path::new("/")
        ));
    }
}
