//! What is wrong with the set-up, and how to mend each thing.
//!
//! [`setup`] reads what there is; the checks are pure functions from a [`Setup`] to [`Finding`]s, so
//! that every judgement can be shown in a test. A check that knows nothing says nothing.

mod client;
mod own;
mod report;
mod setup;
mod wiring;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::render::{Filling, filled};
pub(crate) use report::{is_any_broken, report, report_of_problems};
pub(crate) use setup::Setup;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    #[default]
    Ok,
    /// It works, but look at it.
    Warn,
    /// Something does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in a word or two.
    pub(crate) check: &'static str,
    #[serde(rename = "verdict")]
    pub(crate) health: Health,
    /// What was found, in plain words.
    pub(crate) says: String,
    /// What to do. There is something unless all is well.
    pub(crate) fix: Option<String>,
}

/// A row of `findings.json`: how bad it is, what is said of it and what to do, with places in braces.
#[derive(Debug, Default, Deserialize)]
struct FindingText(Health, String, #[serde(default)] Option<String>);

/// What was found so far, and by which check now.
struct Examination {
    check: &'static str,
    texts: HashMap<String, FindingText>,
    all: Vec<Finding>,
}

impl Examination {
    /// What stands under `key`.
    fn add(&mut self, key: &str, given: &[Filling<'_>]) {
        let unknown = FindingText::default();
        let FindingText(health, says, fix) = self.texts.get(key).unwrap_or(&unknown);
        self.all.push(Finding {
            check: self.check,
            health: *health,
            says: filled(says, given),
            fix: fix.as_ref().map(|fix| filled(fix, given)),
        });
    }
}

type Check = fn(&Setup, &mut Examination);

/// Every check, in the order in which findings are shown.
const CHECKS: [(&str, Check); 19] = [
    ("settings files", wiring::settings_files),
    ("hooks allowed", wiring::hooks_allowed),
    ("trusted folder", wiring::trust),
    ("status line", wiring::status_line),
    ("hooks", wiring::hooks),
    ("program", wiring::program),
    ("set up twice", wiring::twice),
    ("client version", client::client_version),
    ("installations", client::installations),
    ("who pays", client::credentials),
    ("whose session", client::owner),
    ("retention", own::retention),
    ("transcripts", own::transcripts),
    ("ledger", own::ledger),
    ("locks", client::locks),
    ("prices", own::prices),
    ("clock", own::clock),
    ("config.toml", own::own_configuration),
    ("own data", own::own_data),
];

/// Looks at everything.
pub(crate) fn examine(setup: &Setup) -> Vec<Finding> {
    let mut found = Examination {
        check: "",
        texts: serde_json::from_str(include_str!("findings.json")).unwrap_or_default(),
        all: Vec::new(),
    };
    for (name, check) in CHECKS {
        found.check = name;
        check(setup, &mut found);
    }
    found.all
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use chrono::{DateTime, TimeDelta};
    use serde_json::{Value, json};

    use super::setup::{
        Client, LedgerState, OwnData, ProgramState, ProjectSetup, SeenVersion, Transcripts,
        WiredProgram, Wiring,
    };
    use super::*;
    use crate::claude::credentials::{Credential, SetIn};
    use crate::claude::settings::{SettingsFile, SettingsScope};
    use crate::claude::version::ClientVersion;
    use crate::environment::{Environment, HOME};
    use crate::install::entries::EVENTS;
    use crate::limits::evidence::Whose;
    use crate::locks::HarmfulLock;
    use crate::places::Places;
    use crate::testing::absolute;

    /// A set-up in which all is well.
    fn sound() -> Setup {
        let variables = [(HOME, "/home/dev"), ("WHYCAP_DATA_DIR", "/home/dev/data")];
        let environment = Environment::new(
            variables.map(|(name, value)| (name.into(), absolute(value).into())),
            DateTime::parse_from_rfc3339("2026-11-20T06:30:00Z")
                .unwrap()
                .to_utc(),
        );
        let places = Places::of(&environment);
        let hooks: serde_json::Map<_, _> = EVENTS
            .iter()
            .map(|(event, _)| {
                let handler = json!({"type": "command", "command": "/bin/whycap hook"});
                (event.as_str().to_owned(), json!([{"hooks": [handler]}]))
            })
            .collect();
        let wired_settings = json!({
            "statusLine": {"type": "command", "command": "/bin/whycap statusline"},
            "hooks": hooks,
        });
        let settings = "/home/dev/.claude/settings.json";
        Setup {
            now: environment.now,
            settings: vec![file(SettingsScope::User, settings, wired_settings)],
            project: ProjectSetup {
                directory: absolute("/home/dev/work"),
                is_trusted: Some(true),
                moves_home: false,
            },
            wiring: Wiring {
                programs: vec![wired(ProgramState::This)],
                is_wrap_record_missing: false,
            },
            client: Client {
                seen: Some(SeenVersion {
                    version: ClientVersion(2, 1, 328),
                    source: "from the newest transcript".to_owned(),
                }),
                installations: vec![PathBuf::from("/usr/bin/claude")],
                credentials: Vec::new(),
                payer: Some("your Max plan".to_owned()),
                newest_session: Some(("5a7d3c1e".to_owned(), Whose::Login)),
                harmful_locks: Vec::new(),
            },
            transcripts: Transcripts {
                newest: Some(environment.now),
                unreadable: Vec::new(),
                misplaced: Vec::new(),
            },
            own: OwnData {
                ledger: LedgerState::Good(40_000),
                damaged_ledgers: Vec::new(),
                is_open_to_others: false,
                ignored_places: Vec::new(),
                prices_updated: environment.now.date_naive(),
                config_problems: Vec::new(),
            },
            places,
        }
    }

    fn file(scope: SettingsScope, path: &str, settings: Value) -> SettingsFile {
        SettingsFile {
            scope,
            path: absolute(path),
            contents: Ok(Some(settings)),
        }
    }

    fn wired(state: ProgramState) -> WiredProgram {
        WiredProgram {
            program: "/bin/whycap".to_owned(),
            settings: "~/.claude/settings.json".to_owned(),
            state,
        }
    }

    fn user(setup: &mut Setup) -> &mut Value {
        match &mut setup.settings.last_mut().unwrap().contents {
            Ok(Some(value)) => value,
            other => panic!("{other:?}"),
        }
    }

    /// The findings that are not ok.
    fn complaints(setup: &Setup) -> Vec<Finding> {
        let mut findings = examine(setup);
        findings.retain(|finding| finding.health != Health::Ok);
        findings
    }

    /// Exactly one complaint: this check, this health, these words.
    #[track_caller]
    fn complains(setup: &Setup, check: &str, health: Health, words: &str) -> Finding {
        let complaints = complaints(setup);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        let finding = complaints.into_iter().next().unwrap();
        assert_eq!(
            (finding.check, finding.health),
            (check, health),
            "{finding:?}"
        );
        assert!(finding.says.contains(words), "{finding:?}");
        finding
    }

    #[test]
    fn a_sound_setup_has_only_good_findings() {
        let setup = sound();
        assert_eq!(complaints(&setup), []);
        assert!(examine(&setup).len() >= 13);
    }

    #[test]
    fn every_text_is_said_with_all_of_its_places_filled_and_every_complaint_has_a_fix() {
        let texts: HashMap<String, FindingText> =
            serde_json::from_str(include_str!("findings.json")).unwrap();
        let checks = [
            include_str!("client.rs"),
            include_str!("own.rs"),
            include_str!("wiring.rs"),
        ]
        .concat();
        let quoted = checks.split('"').skip(1).step_by(2);
        let said = quoted.filter(|text| text.contains('.') && !text.contains([' ', '/']));
        for key in said.clone() {
            let is_file = [".toml", ".json"]
                .iter()
                .any(|ending| key.ends_with(ending));
            assert!(is_file || texts.contains_key(key), "{key} is in no row");
        }
        for (key, FindingText(health, says, fix)) in &texts {
            assert!(said.clone().any(|known| known == key), "nobody says {key}");
            assert_eq!(*health == Health::Ok, fix.is_none(), "{key}");
            let fix = fix.as_deref().unwrap_or_default();
            for place in format!("{says}}}{fix}").split('{').skip(1) {
                let place = format!("(\"{}\", ", place.split('}').next().unwrap());
                assert!(checks.contains(&place), "{key}: {place}");
            }
        }
    }

    #[test]
    fn every_complaint_has_a_fix() {
        let mut setup = sound();
        setup.settings.clear();
        setup.project.is_trusted = Some(false);
        setup.own.ledger = LedgerState::Unusable("broken".to_owned());
        setup.own.config_problems = vec!["`x.y` is odd".to_owned()];
        setup.own.is_open_to_others = true;
        setup.own.ignored_places = vec![("WHYCAP_DATA_DIR", "/srv/open".into())];
        setup.project.moves_home = true;
        let complaints = complaints(&setup);
        assert!(complaints.len() >= 6, "{complaints:?}");
        assert!(complaints.iter().all(|finding| finding.fix.is_some()));
    }

    #[test]
    fn a_settings_file_that_does_not_parse_is_a_failure() {
        let mut setup = sound();
        setup.settings.insert(
            0,
            SettingsFile {
                scope: SettingsScope::Local,
                path: absolute("/home/dev/work/.claude/settings.local.json"),
                contents: Err("it is not JSON: line 3".to_owned()),
            },
        );
        complains(
            &setup,
            "settings files",
            Health::Fail,
            "~/work/.claude/settings.local.json",
        );
    }

    #[test]
    fn hooks_that_are_turned_off_are_a_failure_with_the_file_named() {
        let mut setup = sound();
        user(&mut setup)["disableAllHooks"] = json!(true);
        complains(
            &setup,
            "hooks allowed",
            Health::Fail,
            "~/.claude/settings.json",
        );
        user(&mut setup)["disableAllHooks"] = json!(false);
        assert_eq!(complaints(&setup), []);
    }

    #[test]
    fn managed_hooks_only_fails_unless_the_managed_settings_have_ours() {
        let mut setup = sound();
        let managed = json!({"allowManagedHooksOnly": true});
        setup
            .settings
            .insert(0, file(SettingsScope::Managed, "/etc/m.json", managed));
        let found = complains(&setup, "hooks allowed", Health::Fail, "your organization");
        assert!(found.fix.unwrap().contains("administrator"));
        // In a user's file the key means nothing.
        let mut setup = sound();
        user(&mut setup)["allowManagedHooksOnly"] = json!(true);
        assert_eq!(complaints(&setup), []);
    }

    #[test]
    fn a_folder_without_trust_explains_a_blank_status_line() {
        let mut setup = sound();
        setup.project.is_trusted = Some(false);
        complains(
            &setup,
            "trusted folder",
            Health::Warn,
            "~/work is not trusted",
        );
    }

    #[test]
    fn a_project_s_status_line_that_wins_is_named() {
        let mut setup = sound();
        let other = json!({"statusLine": {"type": "command", "command": "other"}});
        let path = "/home/dev/work/.claude/settings.json";
        setup
            .settings
            .insert(0, file(SettingsScope::Project, path, other));
        complains(
            &setup,
            "status line",
            Health::Warn,
            "~/work/.claude/settings.json has another",
        );
    }

    #[test]
    fn no_hooks_is_a_failure_and_some_hooks_a_warning() {
        let mut setup = sound();
        let removed = user(&mut setup)["hooks"]
            .as_object_mut()
            .unwrap()
            .remove("StopFailure");
        assert!(removed.is_some());
        complains(&setup, "hooks", Health::Warn, "not set up: StopFailure");
        user(&mut setup)["hooks"] = json!({});
        complains(&setup, "hooks", Health::Fail, "none is set up");
        user(&mut setup)["enabledPlugins"] = json!({"whycap@whycap": true});
        assert_eq!(complaints(&setup), []);
        user(&mut setup)["enabledPlugins"] = json!({"whycap@whycap": false});
        complains(&setup, "hooks", Health::Fail, "none is set up");
    }

    #[test]
    fn plugin_and_settings_together_are_pointed_out() {
        let mut setup = sound();
        user(&mut setup)["enabledPlugins"] = json!({"whycap@somewhere": true});
        complains(
            &setup,
            "set up twice",
            Health::Warn,
            "both the plugin and the settings",
        );
    }

    #[test]
    fn a_wired_program_that_is_gone_is_a_failure() {
        let mut setup = sound();
        setup.wiring.programs = vec![wired(ProgramState::Missing)];
        complains(&setup, "program", Health::Fail, "does not exist");
        setup.wiring.programs = vec![wired(ProgramState::OtherShell("PowerShell"))];
        complains(
            &setup,
            "program",
            Health::Fail,
            "PowerShell does not understand",
        );
        setup.wiring.programs = vec![wired(ProgramState::NotExecutable)];
        complains(&setup, "program", Health::Fail, "may not be run");
        setup.wiring.programs = vec![wired(ProgramState::Other(Some("0.0.1".to_owned())))];
        complains(&setup, "program", Health::Warn, "version 0.0.1");
        let same = env!("CARGO_PKG_VERSION").to_owned();
        setup.wiring.programs = vec![wired(ProgramState::Other(Some(same)))];
        assert_eq!(complaints(&setup), []);
    }

    #[test]
    fn a_client_with_known_trouble_is_told_what_it_does() {
        let mut setup = sound();
        setup.client.seen = Some(SeenVersion {
            version: ClientVersion(2, 1, 120),
            source: "from the newest transcript".to_owned(),
        });
        complains(
            &setup,
            "client version",
            Health::Warn,
            "where there is no org",
        );
        setup.client.seen = None;
        assert_eq!(complaints(&setup), []);
    }

    #[test]
    fn a_second_installation_and_a_stray_key_are_named_without_any_value() {
        let mut setup = sound();
        setup.client.installations =
            vec!["/usr/bin/claude".into(), absolute("/home/dev/bin/claude")];
        complains(&setup, "installations", Health::Warn, "~/bin/claude");
        let mut setup = sound();
        setup.client.credentials = vec![Credential {
            name: "ANTHROPIC_API_KEY".to_owned(),
            set_in: SetIn::Environment,
            host: None,
        }];
        let found = complains(
            &setup,
            "who pays",
            Health::Warn,
            "comes before your Max plan",
        );
        assert!(
            found
                .says
                .contains("ANTHROPIC_API_KEY (in the environment)")
        );
    }

    #[test]
    fn retention_is_weighed_against_the_ledger() {
        let mut setup = sound();
        setup.own.ledger = LedgerState::None;
        complains(&setup, "retention", Health::Warn, "after 30 days");
        user(&mut setup)["cleanupPeriodDays"] = json!(7);
        complains(&setup, "retention", Health::Warn, "after 7 days");
        setup.own.ledger = LedgerState::Good(1);
        assert_eq!(complaints(&setup), []);
    }

    #[test]
    fn each_unreadable_transcript_is_named() {
        let mut setup = sound();
        setup.transcripts.unreadable = (0..5)
            .map(|n| absolute(&format!("/home/dev/.claude/projects/api/{n}.jsonl")))
            .collect();
        let found = complains(
            &setup,
            "transcripts",
            Health::Warn,
            "5 transcripts could not be read: ~/.claude/projects/api/0.jsonl, ",
        );
        assert!(found.says.contains("/4.jsonl"), "{found:?}");
        assert!(found.fix.unwrap().contains("chown"));
    }

    #[test]
    fn a_clock_before_this_program_or_behind_its_files_is_a_failure() {
        let mut setup = sound();
        setup.transcripts.newest = Some(setup.now + TimeDelta::hours(2));
        complains(&setup, "clock", Health::Fail, "in the future");
        let mut setup = sound();
        setup.now = DateTime::UNIX_EPOCH;
        setup.transcripts.newest = None;
        complains(&setup, "clock", Health::Fail, "1970-01-01");
    }

    #[test]
    fn old_prices_harmful_locks_and_an_open_data_directory_are_warnings() {
        let mut setup = sound();
        setup.own.prices_updated -= TimeDelta::days(91);
        complains(&setup, "prices", Health::Warn, "91 days ago");
        let mut setup = sound();
        setup.client.harmful_locks = vec![HarmfulLock {
            path: "/home/dev/.claude.json.lock".into(),
            says: "~/.claude.json.lock is from the future".to_owned(),
            remedy: "Leave Claude Code.".to_owned(),
        }];
        let found = complains(&setup, "locks", Health::Warn, "from the future");
        assert_eq!(found.fix.as_deref(), Some("Leave Claude Code."));
        let mut setup = sound();
        setup.own.is_open_to_others = true;
        complains(&setup, "own data", Health::Warn, "~/data");
    }

    #[test]
    fn a_wrap_without_its_record_is_mended_by_installing_again() {
        let mut setup = sound();
        setup.wiring.is_wrap_record_missing = true;
        complains(
            &setup,
            "status line",
            Health::Warn,
            "our record of it is gone",
        );
    }
}
