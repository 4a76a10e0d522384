//! Checks everything that Claude Code needs to run whycap: the settings, the hooks, the status line, `/whycap`, and the
//! executable.

use std::collections::BTreeSet;
use std::path::{MAIN_SEPARATOR, Path};

use serde_json::Value;

use super::{Examination, FindingName, Setup, mode};
use crate::claude::account;
use crate::claude::settings::{SettingsFile, SettingsScope, effective_value};
use crate::claude::shell::Shell;
use crate::disk;
use crate::install::EditRecord;
use crate::install::command_line::{Invocation, STATUS_LINE};
use crate::install::entries::{EVENTS, entry_invocation};
use crate::install::plugin::EnabledPlugin;
use crate::install::slash_command::SlashCommandState;
use crate::paths::as_written;

/// The maximum size, in bytes, of an executable to compare. Executables with debug information can be very large.
const EXECUTABLE_SIZE_LIMIT: u64 = 512 * 1024 * 1024;

pub(super) fn settings_files(setup: &Setup, examination: &mut Examination) {
    for file in &setup.settings {
        if let Err(why) = &file.contents {
            let place = setup.paths.show(&file.path);
            examination.add(
                FindingName::SettingsBroken,
                &[("place", &place), ("why", why)],
            );
        }
    }
}

pub(super) fn hooks_allowed(setup: &Setup, examination: &mut Examination) {
    if let Some(file) = setup
        .settings
        .iter()
        .find(|file| file.is_true("disableAllHooks"))
    {
        let place = setup.paths.show(&file.path);
        return examination.add(FindingName::HooksDisabled, &[("place", &place)]);
    }

    let is_managed_only = setup
        .settings
        .iter()
        .any(|file| file.scope == SettingsScope::Managed && file.is_true("allowManagedHooksOnly"));
    let has_managed_hooks = setup.installed_entries().any(|(file, installed_entries)| {
        file.scope == SettingsScope::Managed && !installed_entries.hooks.is_empty()
    });
    if is_managed_only && !has_managed_hooks {
        examination.add(FindingName::HooksManagedOnly, &[]);
    }
}

pub(super) fn trust(setup: &Setup, examination: &mut Examination) {
    let is_trusted =
        account::global_state(&setup.paths).and_then(|state| is_trusted(&state, &setup.directory));
    if is_trusted == Some(false) {
        let place = setup.paths.show(&setup.directory);
        examination.add(FindingName::TrustLacking, &[("place", &place)]);
    }
}

/// Returns true if the user trusts a folder or one of its parents, or `None` if Claude Code does not know the folder.
fn is_trusted(state: &Value, project: &Path) -> Option<bool> {
    let projects = state.get("projects")?;
    if project
        .ancestors()
        .any(|folder| trust_in(projects, folder) == Some(true))
    {
        return Some(true);
    }
    trust_in(projects, project)
}

/// Returns true if the user trusts this exact folder, or `None` if the user has not been asked.
fn trust_in(projects: &Value, folder: &Path) -> Option<bool> {
    let name = as_written(folder.to_str()?.to_owned());
    // Claude Code uses forward slashes on all systems.
    projects
        .get(name.replace(MAIN_SEPARATOR, "/"))?
        .get("hasTrustDialogAccepted")?
        .as_bool()
}

pub(super) fn status_line(setup: &Setup, examination: &mut Examination) {
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
        return examination.add(FindingName::LineOff, &[]);
    };
    let finding = match file.scope {
        SettingsScope::Managed => FindingName::LineManaged,
        SettingsScope::User | SettingsScope::Project | SettingsScope::Local => {
            FindingName::LineForeign
        }
    };
    let place = setup.paths.show(&file.path);
    let scope = scope_option(file.scope);
    examination.add(finding, &[("place", &place), ("scope", &scope)]);
}

/// Returns the command-line option for this scope.
fn scope_option(scope: SettingsScope) -> &'static str {
    match scope {
        SettingsScope::Project => " --scope project",
        SettingsScope::Local => " --scope local",
        SettingsScope::User | SettingsScope::Managed => "",
    }
}

/// Returns true if a plugin provides whycap's hooks. The plugin in the skills directory has no hooks.
fn has_plugin_with_hooks(setup: &Setup) -> bool {
    EnabledPlugin::list(&setup.settings)
        .iter()
        .any(|plugin| plugin.is_enabled && !plugin.is_in_skills_directory())
}

pub(super) fn hooks(setup: &Setup, examination: &mut Examination) {
    let events: Vec<String> = setup
        .installed_entries()
        .flat_map(|(_, entries)| entries.hooks)
        .map(|(event, _)| event)
        .collect();
    let missing: Vec<&str> = EVENTS
        .iter()
        .map(|(event, _)| *event)
        .filter(|event| !events.iter().any(|known| known == event))
        .collect();

    if !missing.is_empty() && !has_plugin_with_hooks(setup) {
        let finding = if missing.len() == EVENTS.len() {
            FindingName::HooksNone
        } else {
            FindingName::HooksMissing
        };
        examination.add(finding, &[("which", &missing.join(", "))]);
    }

    // The files are in order of precedence, so the first one is the most specific.
    let files: Vec<&SettingsFile> = setup
        .installed_entries()
        .filter(|(_, installed_entries)| !installed_entries.hooks.is_empty())
        .map(|(file, _)| file)
        .collect();
    if let [first, _, ..] = *files
        && first.scope != SettingsScope::Managed
    {
        let file_list = files
            .iter()
            .map(|file| setup.paths.show(&file.path))
            .collect::<Vec<_>>()
            .join(", ");
        let scope = scope_option(first.scope);
        examination.add(
            FindingName::HooksSeveral,
            &[("files", &file_list), ("scope", &scope)],
        );
    }
}

/// Checks whether `/whycap` is available. If there are no hooks at all, the check for hooks already reports the
/// problem.
pub(super) fn slash_command(setup: &Setup, examination: &mut Examination) {
    let has_hooks = setup
        .installed_entries()
        .any(|(_, installed_entries)| !installed_entries.hooks.is_empty());
    if !has_hooks && !has_plugin_with_hooks(setup) {
        return;
    }
    match SlashCommandState::new(&setup.paths, &setup.settings) {
        SlashCommandState::Plugin => {}
        SlashCommandState::TurnedOff(plugin) => {
            examination.add(FindingName::CommandOff, &[("plugin", &plugin)]);
        }
        SlashCommandState::Missing => examination.add(FindingName::CommandMissing, &[]),
    }
}

pub(super) fn executable(setup: &Setup, examination: &mut Examination) {
    let shell = Shell::of(&setup.environment);
    let mut executables = BTreeSet::new();

    for (file, installed_entries) in setup.installed_entries() {
        let hooks = installed_entries
            .hooks
            .into_iter()
            .map(|(_, invocation)| invocation);
        for invocation in installed_entries.status_line.into_iter().chain(hooks) {
            if !executables.insert(invocation.executable.clone()) {
                continue;
            }
            let running = setup.executable.as_deref();
            let Some(finding) = problem_with_executable(&invocation, &shell, running) else {
                continue;
            };
            let place = setup.paths.show(&file.path);
            let calls = format!("{place} runs {}", invocation.executable);
            examination.add(
                finding,
                &[
                    ("calls", &calls),
                    ("scope", &scope_option(file.scope)),
                    ("shell", &shell.name()),
                ],
            );
        }
    }
}

/// Returns the problem with an executable in the settings, or `None` if it is the running one, a copy of it, or
/// called without a path.
fn problem_with_executable(
    invocation: &Invocation,
    shell: &Shell,
    running: Option<&Path>,
) -> Option<FindingName> {
    if invocation.for_powershell != (*shell == Shell::PowerShell) {
        return Some(FindingName::ProgramOtherShell);
    }
    let path = Path::new(&invocation.executable);
    if !path.is_absolute() {
        return None;
    }
    match std::fs::metadata(path) {
        Ok(file) if file.is_file() && mode(&file) & 0o111 != 0 => {
            let is_this = running.is_some_and(|running| is_same_program(running, path));
            (!is_this).then_some(FindingName::ProgramOther)
        }
        _ => Some(FindingName::ProgramMissing),
    }
}

/// Returns true if two executables are the same file or have the same contents.
fn is_same_program(first: &Path, second: &Path) -> bool {
    let read = |path| disk::read(path, EXECUTABLE_SIZE_LIMIT).ok().flatten();
    disk::is_same_file(first, second)
        || read(first).is_some_and(|contents| Some(contents) == read(second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn trust_in_a_folder_includes_its_subfolders() {
        let state = json!({"projects": {
            "/home/dev/work": {"hasTrustDialogAccepted": true},
            "/home/dev/odd": {"hasTrustDialogAccepted": false},
        }});
        assert_eq!(
            is_trusted(&state, Path::new("/home/dev/work/a/b")),
            Some(true)
        );
        assert_eq!(is_trusted(&state, Path::new("/home/dev/odd")), Some(false));
        assert_eq!(is_trusted(&state, Path::new("/home/dev/worker")), None);
        assert_eq!(is_trusted(&json!({"projects": 7}), Path::new("/")), None);
    }
}
