//! Whether Claude Code runs whycap: settings, hooks, status line, program.

use serde_json::Value;

use super::setup::ProgramState;
use super::{Examination, Setup};
use crate::claude::settings::{SettingsFile, SettingsScope, winner};
use crate::install::entries::{EVENTS, STATUS_LINE, entry_invocation};

pub(super) fn settings_files(setup: &Setup, found: &mut Examination) {
    let mut all_readable = true;
    for file in &setup.settings {
        if let Err(why) = &file.contents {
            all_readable = false;
            found.fail(
                format!("{}: {why}", setup.places.show(&file.path)),
                "Fix that place. Until then Claude Code ignores the file or parts of it.",
            );
        }
    }
    if all_readable {
        let readable = setup.settings.iter().filter_map(SettingsFile::settings);
        found.ok(match readable.count() {
            0 => "there are none yet".to_owned(),
            1 => "1 file, readable".to_owned(),
            count => format!("{count} files, all readable"),
        });
    }
}

pub(super) fn hooks_allowed(setup: &Setup, found: &mut Examination) {
    let mut files = setup.settings.iter();
    if let Some(file) = files.clone().find(|file| file.is_true("disableAllHooks")) {
        let place = setup.places.show(&file.path);
        return found.fail(
            format!("disableAllHooks is set in {place}: no hook and no status line runs"),
            format!(
                "Take disableAllHooks out of {place}. Until then `whycap explain` in a shell still works."
            ),
        );
    }
    let managed_only = files
        .any(|file| file.scope == SettingsScope::Managed && file.is_true("allowManagedHooksOnly"));
    let ours_managed = setup
        .wired()
        .any(|(file, wired)| file.scope == SettingsScope::Managed && !wired.hooks.is_empty());
    if managed_only && !ours_managed {
        found.fail(
            "your organization allows only its own hooks (allowManagedHooksOnly), so ours and our \
             status line do not run",
            "Ask the administrator to add whycap to the managed settings. `whycap explain` in a \
             shell works without that.",
        );
    } else {
        found.ok("nothing turns hooks or the status line off");
    }
}

pub(super) fn trust(setup: &Setup, found: &mut Examination) {
    let place = setup.places.show(&setup.project.directory);
    match setup.project.is_trusted {
        Some(true) => found.ok(format!("{place} is trusted")),
        Some(false) => found.warn(
            format!("{place} is not trusted: hooks and status line wait for that"),
            "Start claude in this folder and accept the question whether you trust it.",
        ),
        None => {}
    }
}

pub(super) fn status_line(setup: &Setup, found: &mut Examination) {
    let Some((file, entry)) = winner(&setup.settings, "statusLine") else {
        return found.warn(
            "whycap's status line is not turned on",
            "whycap install --statusline",
        );
    };
    let place = setup.places.show(&file.path);
    let ours_wins = entry_invocation(entry, STATUS_LINE).is_some();
    let ours_somewhere = setup.wired().any(|(_, wired)| wired.status_line.is_some());
    if !ours_wins && ours_somewhere {
        found.warn(
            format!("{place} has another status line, and it wins over ours here"),
            format!(
                "Take statusLine out of {place}, or run there: whycap install --statusline --wrap --scope project (or local)"
            ),
        );
    } else if !ours_wins {
        found.warn(
            format!("another program has the status line (in {place})"),
            "To have both: whycap install --statusline --wrap. To set the other aside: whycap \
             install --statusline --replace",
        );
    } else if setup.wiring.is_wrap_record_missing {
        found.warn(
            "the status line that was kept above ours is not shown, because our record of it is \
             gone",
            "whycap install --statusline  (it is read from the settings again)",
        );
    } else {
        found.ok(format!("set up in {place}"));
    }
}

fn plugin_is_on(setup: &Setup) -> bool {
    let is_ours_on =
        |(name, on): (&String, &Value)| name.starts_with("whycap@") && on.as_bool() == Some(true);
    winner(&setup.settings, "enabledPlugins")
        .and_then(|(_, plugins)| plugins.as_object())
        .is_some_and(|plugins| plugins.iter().any(is_ours_on))
}

pub(super) fn hooks(setup: &Setup, found: &mut Examination) {
    let wired: Vec<_> = setup.wired().flat_map(|(_, wired)| wired.hooks).collect();
    let events = EVENTS.iter().map(|(event, _)| event.as_str());
    let missing: Vec<_> = events
        .filter(|event| !wired.iter().any(|(name, _)| name == event))
        .collect();
    if missing.is_empty() {
        found.ok(format!("all {} set up in the settings", EVENTS.len()));
    } else if plugin_is_on(setup) {
        found.ok("set up by the plugin");
    } else if missing.len() == EVENTS.len() {
        found.fail(
            "none is set up, so whycap does not notice limit errors by itself",
            "whycap install --hooks",
        );
    } else {
        found.warn(
            format!("not set up: {}", missing.join(", ")),
            "whycap install --hooks",
        );
    }
}

pub(super) fn program(setup: &Setup, found: &mut Examination) {
    let this = env!("CARGO_PKG_VERSION");
    let mut all_well = !setup.wiring.programs.is_empty();
    for wired in &setup.wiring.programs {
        let calls = format!("{} calls {}", wired.settings, wired.program);
        match &wired.state {
            ProgramState::This => continue,
            ProgramState::Other(Some(version)) if version == this => continue,
            ProgramState::Missing => found.fail(
                format!("{calls}, which does not exist"),
                "whycap install  (it points the settings at this whycap)",
            ),
            ProgramState::NotExecutable => found.fail(
                format!("{calls}, which may not be run"),
                format!("chmod +x {}", wired.program),
            ),
            ProgramState::Bare => found.warn(
                format!("{calls} without a path; whether it is found depends on how Claude Code was started"),
                "whycap install  (it writes the full path)",
            ),
            ProgramState::OtherShell(shell) => found.fail(
                format!("{calls} in a way that {shell} does not understand, which Claude Code uses here"),
                "whycap install  (it writes the command anew)",
            ),
            ProgramState::Other(version) => found.warn(
                format!(
                    "{calls}, version {}; this is {this}",
                    version.as_deref().unwrap_or("unknown")
                ),
                "whycap install  (it points the settings at this whycap), or update the other",
            ),
        }
        all_well = false;
    }
    if all_well {
        found.ok(format!("whycap {this}, called by full path"));
    }
}

pub(super) fn twice(setup: &Setup, found: &mut Examination) {
    let with_hooks: Vec<_> = setup
        .wired()
        .filter(|(_, wired)| !wired.hooks.is_empty())
        .map(|(file, _)| setup.places.show(&file.path))
        .collect();
    if plugin_is_on(setup) && !with_hooks.is_empty() {
        found.warn(
            "both the plugin and the settings run whycap; the plugin stays silent then, but each \
             event starts it in vain",
            "claude plugin disable whycap@whycap  (the settings do all of it)",
        );
    } else if with_hooks.len() > 1 {
        found.warn(
            format!(
                "several settings files run whycap here: {}",
                with_hooks.join(", ")
            ),
            "whycap uninstall --scope project  (or local)",
        );
    }
}
