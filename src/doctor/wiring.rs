//! Whether Claude Code runs whycap: settings, hooks, status line, program.

use super::setup::ProgramState;
use super::{Examination, Setup};
use crate::claude::settings::{SettingsFile, SettingsScope, winner};
use crate::install::entries::{EVENTS, STATUS_LINE, entry_invocation};
use crate::install::plugin;
use crate::render::Filling;

pub(super) fn settings_files(setup: &Setup, found: &mut Examination) {
    let broken = setup.settings.iter();
    let broken = broken.filter_map(|file| Some((file, file.contents.as_ref().err()?)));
    let mut all_readable = true;
    for (file, why) in broken {
        all_readable = false;
        let place = setup.places.show(&file.path);
        found.add("settings.broken", &[("place", &place), ("why", why)]);
    }
    if all_readable {
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
    let managed_only = files
        .any(|file| file.scope == SettingsScope::Managed && file.is_true("allowManagedHooksOnly"));
    let ours_managed = setup
        .wired()
        .any(|(file, wired)| file.scope == SettingsScope::Managed && !wired.hooks.is_empty());
    let key = if managed_only && !ours_managed {
        "hooks.managed_only"
    } else {
        "hooks.allowed"
    };
    found.add(key, &[]);
}

pub(super) fn trust(setup: &Setup, found: &mut Examination) {
    let place = setup.places.show(&setup.project.directory);
    match setup.project.is_trusted {
        Some(true) => found.add("trust.given", &[("place", &place)]),
        Some(false) => found.add("trust.lacking", &[("place", &place)]),
        None => {}
    }
}

pub(super) fn status_line(setup: &Setup, found: &mut Examination) {
    let Some((file, entry)) = winner(&setup.settings, "statusLine") else {
        return found.add("line.off", &[]);
    };
    let ours_wins = entry_invocation(entry, STATUS_LINE).is_some();
    let ours_somewhere = setup.wired().any(|(_, wired)| wired.status_line.is_some());
    let key = match (ours_wins, ours_somewhere) {
        (false, true) => "line.outranked",
        (false, false) => "line.foreign",
        (true, _) if setup.wiring.is_wrap_record_missing => "line.record_gone",
        (true, _) => "line.set",
    };
    found.add(key, &[("place", &setup.places.show(&file.path))]);
}

fn plugin_is_on(setup: &Setup) -> bool {
    let plugins = winner(&setup.settings, "enabledPlugins");
    plugin::is_among(plugins.map(|(_, plugins)| plugins))
}

pub(super) fn hooks(setup: &Setup, found: &mut Examination) {
    let wired: Vec<_> = setup.wired().flat_map(|(_, wired)| wired.hooks).collect();
    let mut missing: Vec<_> = EVENTS.iter().map(|(event, _)| event.as_str()).collect();
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
    let this = env!("CARGO_PKG_VERSION");
    let mut all_well = !setup.wiring.programs.is_empty();
    for wired in &setup.wiring.programs {
        let program = &wired.program;
        let calls = format!("{} calls {program}", wired.settings);
        match &wired.state {
            ProgramState::This => continue,
            ProgramState::Other(Some(version)) if version == this => continue,
            ProgramState::Missing => found.add("program.missing", &[("calls", &calls)]),
            ProgramState::NotExecutable => {
                found.add(
                    "program.not_executable",
                    &[("calls", &calls), ("program", program)],
                );
            }
            ProgramState::Bare => found.add("program.bare", &[("calls", &calls)]),
            ProgramState::OtherShell(shell) => {
                found.add(
                    "program.other_shell",
                    &[("calls", &calls), ("shell", shell)],
                );
            }
            ProgramState::Other(version) => {
                let version = version.as_deref().unwrap_or("unknown");
                let versions: [Filling<'_>; 3] =
                    [("calls", &calls), ("version", &version), ("this", &this)];
                found.add("program.other", &versions);
            }
        }
        all_well = false;
    }
    if all_well {
        found.add("program.this", &[("this", &this)]);
    }
}

pub(super) fn twice(setup: &Setup, found: &mut Examination) {
    let with_hooks = setup.wired().filter(|(_, wired)| !wired.hooks.is_empty());
    let with_hooks: Vec<_> = with_hooks
        .map(|(file, _)| setup.places.show(&file.path))
        .collect();
    if plugin_is_on(setup) && !with_hooks.is_empty() {
        found.add("twice.plugin", &[]);
    } else if with_hooks.len() > 1 {
        found.add("twice.settings", &[("files", &with_hooks.join(", "))]);
    }
}
