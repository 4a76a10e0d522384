//! The checks, each a pure function of what was gathered.

use chrono::TimeDelta;
use serde_json::Value;

use super::known_versions::troubles_of;
use super::{Facts, Finding, LedgerState, ProgramState};
use crate::claude::settings::{Contents, Scope, SettingsFile, winner};
use crate::install::ours::{self, HostVerb};
use crate::install::wiring::EVENTS;

/// Every check, in the order in which findings are shown.
pub const ALL: [fn(&Facts) -> Vec<Finding>; 17] = [
    settings_files,
    hooks_allowed,
    trust,
    status_line,
    hooks,
    program,
    twice,
    client_version,
    installations,
    credentials,
    retention,
    ledger,
    locks,
    prices,
    clock,
    own_configuration,
    own_data,
];

/// The client deletes transcripts after so many days unless told otherwise.
const DEFAULT_RETENTION_DAYS: i64 = 30;

/// Prices change every few weeks; a table older than this may lack a model.
const PRICE_TABLE_MAY_AGE: TimeDelta = TimeDelta::days(90);

/// A file from the future by more than this means that a clock is wrong.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(10);

fn settings_files(facts: &Facts) -> Vec<Finding> {
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

fn is_true(file: &SettingsFile, key: &str) -> bool {
    file.get(key).and_then(Value::as_bool) == Some(true)
}

fn hooks_allowed(facts: &Facts) -> Vec<Finding> {
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
        file.scope == Scope::Managed && is_true(file, "allowManagedHooksOnly")
    };
    if let Some(file) = facts.settings.iter().find(managed) {
        let wired = file
            .settings()
            .is_some_and(|s| !ours::wired(s).hooks.is_empty());
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

fn trust(facts: &Facts) -> Vec<Finding> {
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

fn status_line(facts: &Facts) -> Vec<Finding> {
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
        .any(|settings| ours::wired(settings).status_line.is_some());
    if ours::entry_invocation(entry, HostVerb::StatusLine).is_none() {
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

fn hooks(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "hooks";
    let has = |event: &str| {
        facts
            .settings
            .iter()
            .filter_map(SettingsFile::settings)
            .any(|settings| {
                ours::wired(settings)
                    .hooks
                    .iter()
                    .any(|(name, _)| name == event)
            })
    };
    let missing: Vec<_> = EVENTS
        .iter()
        .map(|(event, _)| *event)
        .filter(|event| !has(event))
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

fn program(facts: &Facts) -> Vec<Finding> {
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

fn twice(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "wired twice";
    let with_hooks: Vec<_> = facts
        .settings
        .iter()
        .filter(|file| {
            file.settings()
                .is_some_and(|s| !ours::wired(s).hooks.is_empty())
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

fn client_version(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "client version";
    let Some(client) = &facts.client else {
        return Vec::new();
    };
    let troubles = troubles_of(&client.version);
    let says = format!("Claude Code {} ({})", client.version, client.source);
    if troubles.is_empty() {
        return vec![Finding::ok(
            CHECK,
            format!("{says}, no known trouble with limits"),
        )];
    }
    let troubles: Vec<_> = troubles.iter().map(|known| known.trouble).collect();
    vec![Finding::warn(
        CHECK,
        format!("{says}: {}", troubles.join("; ")),
        "claude update  (or npm install -g @anthropic-ai/claude-code@latest)",
    )]
}

fn installations(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "installations";
    let Some(found) = &facts.installations else {
        return Vec::new();
    };
    let shown: Vec<_> = found.iter().map(|path| facts.places.show(path)).collect();
    vec![if shown.len() > 1 {
        Finding::warn(
            CHECK,
            format!(
                "Claude Code is installed {} times: {}",
                shown.len(),
                shown.join(", ")
            ),
            "Keep one. An old one that still runs somewhere shows old limits and old words.",
        )
    } else {
        let place = shown.first().map_or("none on PATH", String::as_str);
        Finding::ok(CHECK, place)
    }]
}

fn credentials(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "who pays";
    let Some(found) = &facts.credentials else {
        return Vec::new();
    };
    let payer = facts.payer.as_deref();
    if found.is_empty() {
        return vec![Finding::ok(
            CHECK,
            payer.unwrap_or("no key and no token is set"),
        )];
    }
    let named: Vec<_> = found
        .iter()
        .map(|credential| format!("{} ({})", credential.name, credential.place))
        .collect();
    vec![Finding::warn(
        CHECK,
        match payer {
            Some(payer) => format!("{} is set and comes before {payer}", named.join(", ")),
            None => format!("{} is set", named.join(", ")),
        },
        "If that is not meant, take it out there and start claude again; /status shows what is used.",
    )]
}

fn retention(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "retention";
    let days = winner(&facts.settings, "cleanupPeriodDays")
        .and_then(|(_, days)| days.as_i64())
        .unwrap_or(DEFAULT_RETENTION_DAYS);
    let deletes = format!("Claude Code deletes transcripts after {days} days");
    vec![match facts.ledger {
        LedgerState::Good(_) | LedgerState::Busy => Finding::ok(
            CHECK,
            format!("{deletes}; what they cost stays in our ledger"),
        ),
        LedgerState::None => Finding::warn(
            CHECK,
            format!("{deletes}, and what they cost is not yet counted"),
            "whycap spend  (once; from then on the status line counts as you work)",
        ),
        LedgerState::Unusable(_) => Finding::warn(
            CHECK,
            format!("{deletes}, and our ledger cannot count them"),
            "Mend the ledger, see below.",
        ),
    }]
}

fn ledger(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "ledger";
    match &facts.ledger {
        LedgerState::None => Vec::new(),
        LedgerState::Good(bytes) => {
            let kilobytes = bytes.div_ceil(1000);
            vec![Finding::ok(CHECK, format!("opens, {kilobytes} kB"))]
        }
        LedgerState::Busy => vec![Finding::ok(CHECK, "in use right now")],
        LedgerState::Unusable(why) => vec![Finding::fail(
            CHECK,
            why.clone(),
            format!(
                "Move {} away; whycap spend makes a new one from the transcripts that are left.",
                facts
                    .places
                    .show(&crate::ledger::path_in(&facts.places.data))
            ),
        )],
    }
}

fn locks(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "locks";
    let Some(harmful) = &facts.harmful_locks else {
        return Vec::new();
    };
    if harmful.is_empty() {
        return vec![Finding::ok(CHECK, "none that does harm")];
    }
    let finding = |says: &String| Finding::warn(CHECK, says.clone(), "whycap --clear-stale-locks");
    harmful.iter().map(finding).collect()
}

fn prices(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "prices";
    let Some(updated) = facts.prices_updated else {
        return Vec::new();
    };
    let age = facts.now.date_naive() - updated;
    vec![if age > PRICE_TABLE_MAY_AGE {
        Finding::warn(
            CHECK,
            format!(
                "last checked on {updated}, {} days ago; newer models may be missing",
                age.num_days()
            ),
            "Update whycap.",
        )
    } else {
        Finding::ok(CHECK, format!("checked on {updated}"))
    }]
}

fn clock(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "clock";
    let ahead = facts
        .newest_transcript
        .filter(|written| *written > facts.now + CLOCK_TOLERANCE);
    let before_our_time = facts
        .prices_updated
        .is_some_and(|updated| facts.now.date_naive() < updated - TimeDelta::days(1));
    if ahead.is_none() && !before_our_time {
        return vec![Finding::ok(CHECK, "plausible")];
    }
    let says = match ahead {
        Some(written) => format!(
            "the newest transcript is from {}, which is in the future",
            written.format("%Y-%m-%d %H:%M UTC")
        ),
        None => format!(
            "it shows {}, and this whycap is newer than that",
            facts.now.format("%Y-%m-%d")
        ),
    };
    vec![Finding::fail(
        CHECK,
        says,
        "Set this machine's clock (timedatectl set-ntp true). Until then reset times and daily \
         sums are wrong, and locks from the future never age.",
    )]
}

fn own_configuration(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "config.toml";
    let place = facts.places.show(&facts.places.settings);
    let finding = |problem: &String| {
        Finding::warn(
            CHECK,
            format!("{place}: {problem}"),
            "Mend or delete that line.",
        )
    };
    facts.config_problems.iter().map(finding).collect()
}

fn own_data(facts: &Facts) -> Vec<Finding> {
    const CHECK: &str = "own data";
    if !facts.data_open_to_others {
        return Vec::new();
    }
    let place = facts.places.show(&facts.places.data);
    vec![Finding::warn(
        CHECK,
        format!("other users of this machine may read {place}"),
        format!("chmod 700 {place}"),
    )]
}

#[cfg(test)]
mod tests;
