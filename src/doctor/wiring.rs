//! Whether Claude Code runs whycap: settings, hooks, status line, program.

use super::setup::ProgramState;
use super::{Check, Finding, Setup};
use crate::claude::settings::{Contents, SettingsFile, SettingsScope, winner};
use crate::install::entries::{EVENTS, STATUS_LINE, entry_invocation};

pub(super) fn settings_files(setup: &Setup, check: Check) -> Vec<Finding> {
    let unusable = setup
        .settings
        .iter()
        .filter_map(|file| match &file.contents {
            Contents::Unusable(why) => Some(check.fail(
                format!("{}: {why}", setup.places.show(&file.path)),
                "Mend that place. Until then Claude Code ignores the file or parts of it.",
            )),
            _ => None,
        });
    let mut findings: Vec<_> = unusable.collect();
    if findings.is_empty() {
        let readable = setup.settings.iter().filter_map(SettingsFile::settings);
        findings.push(check.ok(match readable.count() {
            1 => "1 file, all readable".to_owned(),
            count => format!("{count} files, all readable"),
        }));
    }
    findings
}

pub(super) fn hooks_allowed(setup: &Setup, check: Check) -> Vec<Finding> {
    let mut files = setup.settings.iter();
    if let Some(file) = files.clone().find(|file| file.is_true("disableAllHooks")) {
        let place = setup.places.show(&file.path);
        return vec![check.fail(
            format!("disableAllHooks is set in {place}: no hook and no status line runs"),
            format!(
                "Take disableAllHooks out of {place}. Until then `whycap explain` in a shell still works."
            ),
        )];
    }
    let managed_only = files
        .any(|file| file.scope == SettingsScope::Managed && file.is_true("allowManagedHooksOnly"));
    let ours_managed = setup
        .wired()
        .any(|(file, wired)| file.scope == SettingsScope::Managed && !wired.hooks.is_empty());
    vec![if managed_only && !ours_managed {
        check.fail(
            "your organisation allows only its own hooks (allowManagedHooksOnly), so ours and our \
             status line do not run",
            "Ask the administrator to add whycap to the managed settings. `whycap explain` in a \
             shell works without that.",
        )
    } else {
        check.ok("nothing turns hooks or the status line off")
    }]
}

pub(super) fn trust(setup: &Setup, check: Check) -> Vec<Finding> {
    let place = setup.places.show(&setup.project);
    let finding = setup.trusted.map(|trusted| {
        if trusted {
            check.ok(format!("{place} is trusted"))
        } else {
            check.warn(
                format!("{place} is not trusted: hooks and status line wait for that"),
                "Start claude in this folder and accept the question whether you trust it.",
            )
        }
    });
    finding.into_iter().collect()
}

pub(super) fn status_line(setup: &Setup, check: Check) -> Vec<Finding> {
    let Some((file, entry)) = winner(&setup.settings, "statusLine") else {
        return vec![check.warn(
            "whycap's status line is not turned on",
            "whycap install --statusline",
        )];
    };
    let place = setup.places.show(&file.path);
    let ours_wins = entry_invocation(entry, STATUS_LINE).is_some();
    let ours_somewhere = setup.wired().any(|(_, wired)| wired.status_line.is_some());
    vec![if !ours_wins && ours_somewhere {
        check.warn(
            format!("{place} has another status line, and it wins over ours here"),
            format!(
                "Take statusLine out of {place}, or run there: whycap install --statusline --wrap --scope project (or local)"
            ),
        )
    } else if !ours_wins {
        check.warn(
            format!("another program has the status line (in {place})"),
            "To have both: whycap install --statusline --wrap. To set the other aside: whycap \
             install --statusline --replace",
        )
    } else if setup.wrap_record_missing {
        check.warn(
            "the status line that was kept above ours is not shown, because our record of it is \
             gone",
            "whycap install --statusline  (it is read from the settings again)",
        )
    } else {
        check.ok(format!("wired in {place}"))
    }]
}

fn plugin_is_on(setup: &Setup) -> bool {
    let plugins = winner(&setup.settings, "enabledPlugins");
    let mut plugins = plugins
        .and_then(|(_, plugins)| plugins.as_object())
        .into_iter()
        .flatten();
    plugins.any(|(name, on)| name.starts_with("whycap@") && on.as_bool() == Some(true))
}

pub(super) fn hooks(setup: &Setup, check: Check) -> Vec<Finding> {
    let wired: Vec<_> = setup.wired().flat_map(|(_, wired)| wired.hooks).collect();
    let events = EVENTS.iter().map(|(event, _)| event.as_str());
    let missing: Vec<_> = events
        .filter(|event| !wired.iter().any(|(name, _)| name == event))
        .collect();
    vec![if missing.is_empty() {
        check.ok(format!("all {} wired in settings", EVENTS.len()))
    } else if plugin_is_on(setup) {
        check.ok("wired by the plugin")
    } else if missing.len() == EVENTS.len() {
        check.fail(
            "none is wired, so whycap does not notice limit errors by itself",
            "whycap install --hooks",
        )
    } else {
        check.warn(
            format!("not wired: {}", missing.join(", ")),
            "whycap install --hooks",
        )
    }]
}

pub(super) fn program(setup: &Setup, check: Check) -> Vec<Finding> {
    let this = env!("CARGO_PKG_VERSION");
    let complaints = setup.programs.iter().filter_map(|wired| {
        let calls = format!("{} calls {}", wired.settings, wired.program);
        Some(match &wired.state {
            ProgramState::This => return None,
            ProgramState::Other(Some(version)) if version == this => return None,
            ProgramState::Missing => check.fail(
                format!("{calls}, which does not exist"),
                "whycap install  (it points the settings at this whycap)",
            ),
            ProgramState::NotExecutable => check.fail(
                format!("{calls}, which may not be run"),
                format!("chmod +x {}", wired.program),
            ),
            ProgramState::Bare => check.warn(
                format!("{calls} without a path; whether it is found depends on how Claude Code was started"),
                "whycap install  (it writes the full path)",
            ),
            ProgramState::Other(version) => {
                let version = version.as_deref().unwrap_or("unknown");
                check.warn(
                    format!("{calls}, version {version}; this is {this}"),
                    "whycap install  (it points the settings at this whycap), or update the other",
                )
            }
        })
    });
    let mut findings: Vec<_> = complaints.collect();
    if findings.is_empty() && !setup.programs.is_empty() {
        findings.push(check.ok(format!("whycap {this}, called by full path")));
    }
    findings
}

pub(super) fn twice(setup: &Setup, check: Check) -> Vec<Finding> {
    let with_hooks: Vec<_> = setup
        .wired()
        .filter(|(_, wired)| !wired.hooks.is_empty())
        .map(|(file, _)| setup.places.show(&file.path))
        .collect();
    if plugin_is_on(setup) && !with_hooks.is_empty() {
        return vec![check.warn(
            "both the plugin and the settings run whycap; the plugin stays silent then, but each \
             event starts it in vain",
            "claude plugin disable whycap@whycap  (the settings do all of it)",
        )];
    }
    if with_hooks.len() > 1 {
        return vec![check.warn(
            format!(
                "several settings files run whycap here: {}",
                with_hooks.join(", ")
            ),
            "whycap uninstall --scope project  (or local)",
        )];
    }
    Vec::new()
}
