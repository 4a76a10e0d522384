//! Whether Claude Code runs whycap: settings, hooks, status line, program.

use serde_json::Value;

use crate::claude::hook_event::EventName;
use crate::claude::settings::{Contents, SettingsFile, SettingsScope, winner};
use crate::doctor::{Facts, Finding, ProgramState};
use crate::install::entries::{self, EVENTS, STATUS_LINE};

pub(super) fn settings_files(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "settings files";
    let mut findings = Vec::new();
    let mut readable = 0;
    for file in &facts.settings {
        match &file.contents {
            Contents::Missing => {}
            Contents::Settings(_) => readable += 1,
            Contents::Unusable(why) => findings.push(Finding::fail(
                CHECK,
                format!("{}: {why}", facts.places.show(&file.path)),
                "Mend that place. Until then Claude Code ignores the file or parts of it.",
            )),
        }
    }
    if findings.is_empty() {
        let files = if readable == 1 { "file" } else { "files" };
        findings.push(Finding::ok(
            CHECK,
            format!("{readable} {files}, all readable"),
        ));
    }
    findings
}

pub(super) fn hooks_allowed(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "hooks allowed";
    let off = facts
        .settings
        .iter()
        .find(|file| is_true(file, "disableAllHooks"));
    if let Some(file) = off {
        let place = facts.places.show(&file.path);
        return vec![Finding::fail(
            CHECK,
            format!("disableAllHooks is set in {place}: no hook and no status line runs"),
            format!(
                "Take disableAllHooks out of {place}. Until then `whycap explain` in a shell still works."
            ),
        )];
    }
    let managed = |file: &&SettingsFile| {
        file.scope == SettingsScope::Managed && is_true(file, "allowManagedHooksOnly")
    };
    if let Some(file) = facts.settings.iter().find(managed) {
        let wired = file
            .settings()
            .is_some_and(|s| !entries::wired(s).hooks.is_empty());
        if !wired {
            return vec![Finding::fail(
                CHECK,
                "your organisation allows only its own hooks (allowManagedHooksOnly), so ours \
                 and our status line do not run",
                "Ask the administrator to add whycap to the managed settings. `whycap explain` in \
                 a shell works without that.",
            )];
        }
    }
    vec![Finding::ok(
        CHECK,
        "nothing turns hooks or the status line off",
    )]
}

fn is_true(file: &SettingsFile, key: &str) -> bool {
    file.get(key).and_then(Value::as_bool) == Some(true)
}

pub(super) fn trust(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "trusted folder";
    let place = facts.places.show(&facts.project);
    match facts.trusted {
        Some(true) => vec![Finding::ok(CHECK, format!("{place} is trusted"))],
        Some(false) => vec![Finding::warn(
            CHECK,
            format!("{place} is not trusted: hooks and status line wait for that"),
            "Start claude in this folder and accept the question whether you trust it.",
        )],
        None => Vec::new(),
    }
}

pub(super) fn status_line(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "status line";
    let Some((file, entry)) = winner(&facts.settings, "statusLine") else {
        return vec![Finding::warn(
            CHECK,
            "whycap's status line is not turned on",
            "whycap install --statusline",
        )];
    };
    let place = facts.places.show(&file.path);
    let ours_somewhere = facts
        .settings
        .iter()
        .filter_map(SettingsFile::settings)
        .any(|settings| entries::wired(settings).status_line.is_some());
    if entries::entry_invocation(entry, STATUS_LINE).is_none() {
        return vec![if ours_somewhere {
            Finding::warn(
                CHECK,
                format!("{place} has another status line, and it wins over ours here"),
                format!(
                    "Take statusLine out of {place}, or run there: whycap install --statusline --wrap --scope project (or local)"
                ),
            )
        } else {
            Finding::warn(
                CHECK,
                format!("another program has the status line (in {place})"),
                "To have both: whycap install --statusline --wrap. To set the other aside: whycap \
                 install --statusline --replace",
            )
        }];
    }
    if facts.wrap_record_missing {
        return vec![Finding::warn(
            CHECK,
            "the status line that was kept above ours is not shown, because our record of it is gone",
            "whycap install --statusline  (it is read from the settings again)",
        )];
    }
    vec![Finding::ok(CHECK, format!("wired in {place}"))]
}

fn plugin_is_on(facts: &Facts) -> bool {
    winner(&facts.settings, "enabledPlugins").is_some_and(|(_, plugins)| {
        plugins.as_object().is_some_and(|plugins| {
            plugins
                .iter()
                .any(|(name, on)| name.starts_with("whycap@") && on.as_bool() == Some(true))
        })
    })
}

pub(super) fn hooks(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "hooks";
    let has = |event: &EventName| {
        facts
            .settings
            .iter()
            .filter_map(SettingsFile::settings)
            .any(|settings| {
                entries::wired(settings)
                    .hooks
                    .iter()
                    .any(|(name, _)| name == event.as_str())
            })
    };
    let missing: Vec<_> = EVENTS
        .iter()
        .map(|(event, _)| event)
        .filter(|event| !has(event))
        .map(|event| event.as_str())
        .collect();
    vec![if missing.is_empty() {
        Finding::ok(CHECK, format!("all {} wired in settings", EVENTS.len()))
    } else if plugin_is_on(facts) {
        Finding::ok(CHECK, "wired by the plugin")
    } else if missing.len() == EVENTS.len() {
        Finding::fail(
            CHECK,
            "none is wired, so whycap does not notice limit errors by itself",
            "whycap install --hooks",
        )
    } else {
        Finding::warn(
            CHECK,
            format!("not wired: {}", missing.join(", ")),
            "whycap install --hooks",
        )
    }]
}

pub(super) fn program(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "program";
    let this = env!("CARGO_PKG_VERSION");
    let findings: Vec<_> = facts
        .programs
        .iter()
        .filter_map(|wired| {
            let (program, place) = (&wired.program, &wired.settings);
            match &wired.state {
                ProgramState::This => None,
                ProgramState::Other(Some(version)) if version == this => None,
                ProgramState::Missing => Some(Finding::fail(
                    CHECK,
                    format!("{place} calls {program}, which does not exist"),
                    "whycap install  (it points the settings at this whycap)",
                )),
                ProgramState::NotExecutable => Some(Finding::fail(
                    CHECK,
                    format!("{place} calls {program}, which may not be run"),
                    format!("chmod +x {program}"),
                )),
                ProgramState::Bare => Some(Finding::warn(
                    CHECK,
                    format!("{place} calls {program} without a path; whether it is found depends on how Claude Code was started"),
                    "whycap install  (it writes the full path)",
                )),
                ProgramState::Other(version) => {
                    let version = version.as_deref().unwrap_or("unknown");
                    Some(Finding::warn(
                        CHECK,
                        format!("{place} calls {program}, version {version}; this is {this}"),
                        "whycap install  (it points the settings at this whycap), or update the other",
                    ))
                }
            }
        })
        .collect();
    if findings.is_empty() && !facts.programs.is_empty() {
        return vec![Finding::ok(
            CHECK,
            format!("whycap {this}, called by full path"),
        )];
    }
    findings
}

pub(super) fn twice(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "wired twice";
    let with_hooks: Vec<_> = facts
        .settings
        .iter()
        .filter(|file| {
            file.settings()
                .is_some_and(|s| !entries::wired(s).hooks.is_empty())
        })
        .map(|file| facts.places.show(&file.path))
        .collect();
    if plugin_is_on(facts) && !with_hooks.is_empty() {
        return vec![Finding::warn(
            CHECK,
            "both the plugin and the settings run whycap; the plugin stays silent then, but each \
             event starts it in vain",
            "claude plugin disable whycap@whycap  (the settings do all of it)",
        )];
    }
    if with_hooks.len() > 1 {
        return vec![Finding::warn(
            CHECK,
            format!(
                "several settings files run whycap here: {}",
                with_hooks.join(", ")
            ),
            "whycap uninstall --scope project  (or local)",
        )];
    }
    Vec::new()
}
