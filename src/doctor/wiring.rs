//! Whether Claude Code runs whycap: settings, hooks, status line, program.

use std::collections::BTreeSet;
use std::path::{MAIN_SEPARATOR, Path};

use memchr::memmem;
use serde_json::Value;

use super::{Examination, Setup, mode};
use crate::claude::account;
use crate::claude::settings::{SettingsFile, SettingsScope, winner};
use crate::claude::shell::Shell;
use crate::disk;
use crate::install::EditRecord;
use crate::install::entries::{EVENTS, Invocation, STATUS_LINE, entry_invocation, is_plugin_among};
use crate::places::as_written;

/// The most that a program of ours can sensibly hold: one with all that a debugger wants to know is the largest.
const PROGRAM_LIMIT: u64 = 512 * 1024 * 1024;

/// Stands in every whycap, so that another one can be asked for its version without running it.
static VERSION_MARK: &str = concat!("whycap version mark: ", env!("CARGO_PKG_VERSION"), ";");

pub(super) fn settings_files(setup: &Setup, found: &mut Examination) {
    let broken = setup.settings.iter();
    let broken = broken.filter_map(|file| Some((file, file.contents.as_ref().err()?)));
    let is_any_broken = broken.clone().next().is_some();
    for (file, why) in broken {
        let place = setup.places.show(&file.path);
        found.add("settings.broken", &[("place", &place), ("why", why)]);
    }
    if !is_any_broken {
        let readable = setup.settings.iter().filter_map(SettingsFile::settings);
        match readable.count() {
            0 => found.add("settings.none", &[]),
            1 => found.add("settings.one", &[]),
            count => found.add("settings.several", &[("count", &count)]),
        }
    }
}

pub(super) fn hooks_allowed(setup: &Setup, found: &mut Examination) {
    let mut files = setup.settings.iter();
    if let Some(file) = files.clone().find(|file| file.is_true("disableAllHooks")) {
        let place = setup.places.show(&file.path);
        return found.add("hooks.disabled", &[("place", &place)]);
    }
    let is_managed = |file: &SettingsFile| file.scope == SettingsScope::Managed;
    let managed_only = files.any(|it| is_managed(it) && it.is_true("allowManagedHooksOnly"));
    let mut wired = setup.wired();
    let ours_managed = wired.any(|(file, wired)| is_managed(file) && !wired.hooks.is_empty());
    if managed_only && !ours_managed {
        return found.add("hooks.managed_only", &[]);
    }
    found.add("hooks.allowed", &[]);
}

pub(super) fn trust(setup: &Setup, found: &mut Examination) {
    let place = setup.places.show(&setup.directory);
    let state = account::global_state(&setup.places);
    match state.and_then(|state| trusted(&state, &setup.directory)) {
        Some(true) => found.add("trust.given", &[("place", &place)]),
        Some(false) => found.add("trust.lacking", &[("place", &place)]),
        None => {}
    }
}

/// Trust is given to a folder and holds below it. None if the client does not know the folder.
fn trusted(state: &Value, project: &Path) -> Option<bool> {
    let projects = state.get("projects")?.as_object()?;
    let known = |folder: &Path| {
        let folder = as_written(folder.to_str()?.to_owned());
        // Claude Code's names for folders have one kind of slash on every system.
        let folder = projects.get(&folder.replace(MAIN_SEPARATOR, "/"))?;
        folder.get("hasTrustDialogAccepted")?.as_bool()
    };
    let mut above = project.ancestors().filter_map(known);
    above.find(|trusted| *trusted).or_else(|| known(project))
}

pub(super) fn status_line(setup: &Setup, found: &mut Examination) {
    let Some((file, entry)) = winner(&setup.settings, "statusLine") else {
        return found.add("line.off", &[]);
    };
    let ours_wins = entry_invocation(entry, STATUS_LINE).is_some();
    let ours_somewhere = setup.wired().any(|(_, wired)| wired.status_line.is_some());
    let is_other = setup.wired().any(|(file, wired)| {
        let record = EditRecord::load(&setup.places, &file.path);
        let kept = record.kept.zip(file.get("statusLine"));
        wired.wraps && !kept.is_some_and(|(kept, entry)| kept.is_in(entry))
    });
    let key = match (ours_wins, ours_somewhere) {
        (false, true) => "line.outranked",
        (false, false) => "line.foreign",
        (true, _) if is_other => "line.other_kept",
        (true, _) => "line.set",
    };
    found.add(key, &[("place", &setup.places.show(&file.path))]);
}

fn plugin_is_on(setup: &Setup) -> bool {
    let plugins = winner(&setup.settings, "enabledPlugins");
    is_plugin_among(plugins.map(|(_, plugins)| plugins))
}

pub(super) fn hooks(setup: &Setup, found: &mut Examination) {
    let wired: Vec<_> = setup.wired().flat_map(|(_, wired)| wired.hooks).collect();
    let mut missing: Vec<_> = EVENTS.iter().map(|(event, _)| *event).collect();
    missing.retain(|event| !wired.iter().any(|(name, _)| name == event));
    let key = match missing.len() {
        0 => "hooks.set",
        _ if plugin_is_on(setup) => "hooks.by_plugin",
        all if all == EVENTS.len() => "hooks.none",
        _ => "hooks.missing",
    };
    let (count, which) = (EVENTS.len(), missing.join(", "));
    found.add(key, &[("count", &count), ("which", &which)]);
}

pub(super) fn program(setup: &Setup, found: &mut Examination) {
    let (this, shell) = (env!("CARGO_PKG_VERSION"), Shell::of(&setup.environment));
    let (mut programs, mut wrong) = (BTreeSet::new(), 0);
    for (file, wired) in setup.wired() {
        let hooks = wired.hooks.into_iter().map(|(_, invocation)| invocation);
        for invocation in wired.status_line.into_iter().chain(hooks) {
            if !programs.insert(invocation.program.clone()) {
                continue;
            }
            let key = fault_of(&invocation, &shell, setup.program.as_deref());
            let program = invocation.program;
            let other = Some(&program).filter(|_| key == "program.other");
            let version = other.and_then(|other| version_of(other.as_ref()));
            if key == "program.this" || version.as_deref() == Some(this) {
                continue;
            }
            wrong += 1;
            let calls = format!("{} calls {program}", setup.places.show(&file.path));
            let version = version.as_deref().unwrap_or("unknown");
            found.add(
                key,
                &[
                    ("calls", &calls),
                    ("program", &program),
                    ("shell", &shell.name()),
                    ("version", &version),
                    ("this", &this),
                ],
            );
        }
    }
    if wrong == 0 && !programs.is_empty() {
        found.add("program.this", &[("this", &this)]);
    }
}

/// What a wired path leads to: a row of the findings.
fn fault_of(wired: &Invocation, shell: &Shell, running: Option<&Path>) -> &'static str {
    let path = Path::new(&wired.program);
    let is_this = |running: &Path| disk::is_same_place(running, path);
    match std::fs::metadata(path) {
        _ if wired.for_powershell != (*shell == Shell::PowerShell) => "program.other_shell",
        // A bare name, which the client's PATH decides.
        _ if !path.is_absolute() => "program.bare",
        Err(_) => "program.missing",
        Ok(file) if !file.is_file() || mode(&file) & 0o111 == 0 => "program.not_executable",
        Ok(_) if running.is_some_and(is_this) => "program.this",
        Ok(_) => "program.other",
    }
}

/// The version of another whycap, if it can be told.
fn version_of(program: &Path) -> Option<String> {
    marked_version(&disk::read(program, PROGRAM_LIMIT).ok()??)
}

/// A short text of the characters that versions are made of, behind the mark.
fn marked_version(program: &[u8]) -> Option<String> {
    let (mark, _) = VERSION_MARK.split_once(env!("CARGO_PKG_VERSION"))?;
    memmem::find_iter(program, mark.as_bytes()).find_map(|at| {
        let rest = program.get(at + mark.len()..)?;
        let end = memchr::memchr(b';', rest.get(..41.min(rest.len()))?)?;
        let version = std::str::from_utf8(rest.get(..end)?).ok()?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        (!version.is_empty() && version.chars().all(fits)).then(|| version.to_owned())
    })
}

pub(super) fn twice(setup: &Setup, found: &mut Examination) {
    let with_hooks = setup.wired().filter(|(_, wired)| !wired.hooks.is_empty());
    let with_hooks = with_hooks.map(|(file, _)| setup.places.show(&file.path));
    let with_hooks: Vec<_> = with_hooks.collect();
    if plugin_is_on(setup) && !with_hooks.is_empty() {
        found.add("twice.plugin", &[]);
    } else if with_hooks.len() > 1 {
        found.add("twice.settings", &[("files", &with_hooks.join(", "))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn trust_in_a_folder_holds_below_it() {
        let state = json!({"projects": {
            "/home/dev/work": {"hasTrustDialogAccepted": true},
            "/home/dev/odd": {"hasTrustDialogAccepted": false},
        }});
        assert_eq!(trusted(&state, Path::new("/home/dev/work/a/b")), Some(true));
        assert_eq!(trusted(&state, Path::new("/home/dev/odd")), Some(false));
        assert_eq!(trusted(&state, Path::new("/home/dev/worker")), None);
        assert_eq!(trusted(&json!({"projects": 7}), Path::new("/")), None);
    }

    #[test]
    fn another_program_s_version_is_read_from_its_bytes() {
        assert_eq!(
            marked_version(format!("\0\0{VERSION_MARK}\0").as_bytes()).as_deref(),
            Some(env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(
            marked_version(b"whycap version mark: 9.8.7;").as_deref(),
            Some("9.8.7")
        );
        assert_eq!(marked_version(b"whycap version mark: \xff;"), None);
        assert_eq!(marked_version(b"whycap version mark: 1"), None);
    }
}
