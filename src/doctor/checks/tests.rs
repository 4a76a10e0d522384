use std::path::PathBuf;

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use crate::claude::settings::{Contents, SettingsFile, SettingsScope};
use crate::doctor::{
    ClientVersion, CredentialFact, Facts, Finding, LedgerState, ProgramState, Verdict,
    WiredProgram, examine,
};
use crate::environment::Environment;
use crate::install::entries::EVENTS;
use crate::locks::HarmfulLock;
use crate::places::Places;

/// A set-up in which all is well.
fn sound() -> Facts {
    let variables = [("HOME", "/home/dev"), ("WHYCAP_DATA_DIR", "/home/dev/data")];
    let environment = Environment::new(
        variables.map(|(name, value)| (name.into(), value.into())),
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
    let settings = json!({
        "statusLine": {"type": "command", "command": "/bin/whycap statusline"},
        "hooks": hooks,
    });
    Facts {
        now: environment.now,
        project: PathBuf::from("/home/dev/work"),
        settings: vec![file(
            SettingsScope::User,
            "/home/dev/.claude/settings.json",
            settings,
        )],
        trusted: Some(true),
        client: Some(ClientVersion {
            version: "2.1.328".to_owned(),
            source: "from the newest transcript".to_owned(),
        }),
        programs: vec![wired(ProgramState::This)],
        wrap_record_missing: false,
        newest_transcript: Some(environment.now),
        ledger: LedgerState::Good(40_000),
        data_open_to_others: false,
        prices_updated: Some(environment.now.date_naive()),
        config_problems: Vec::new(),
        installations: Some(vec![PathBuf::from("/usr/bin/claude")]),
        credentials: Some(Vec::new()),
        payer: Some("your Max subscription".to_owned()),
        harmful_locks: Some(Vec::new()),
        places,
    }
}

fn file(scope: SettingsScope, path: &str, settings: Value) -> SettingsFile {
    SettingsFile {
        scope,
        path: PathBuf::from(path),
        contents: Contents::Settings(settings),
    }
}

fn wired(state: ProgramState) -> WiredProgram {
    WiredProgram {
        program: "/bin/whycap".to_owned(),
        settings: "~/.claude/settings.json".to_owned(),
        state,
    }
}

fn user(facts: &mut Facts) -> &mut Value {
    match &mut facts.settings.last_mut().unwrap().contents {
        Contents::Settings(value) => value,
        other => panic!("{other:?}"),
    }
}

/// The findings that are not ok.
fn complaints(facts: &Facts) -> Vec<Finding> {
    let mut findings = examine(facts);
    findings.retain(|finding| finding.verdict != Verdict::Ok);
    findings
}

/// Exactly one complaint: this check, this verdict, these words.
#[track_caller]
fn complains(facts: &Facts, check: &str, verdict: Verdict, words: &str) -> Finding {
    let complaints = complaints(facts);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    let finding = complaints.into_iter().next().unwrap();
    assert_eq!(
        (finding.check, finding.verdict),
        (check, verdict),
        "{finding:?}"
    );
    assert!(finding.says.contains(words), "{finding:?}");
    finding
}

#[test]
fn a_sound_setup_has_only_good_findings() {
    let facts = sound();
    assert_eq!(complaints(&facts), []);
    assert!(examine(&facts).len() >= 13);
}

#[test]
fn every_complaint_has_a_fix() {
    let mut facts = sound();
    facts.settings.clear();
    facts.trusted = Some(false);
    facts.ledger = LedgerState::Unusable("broken".to_owned());
    facts.config_problems = vec!["`x.y` is odd".to_owned()];
    facts.data_open_to_others = true;
    facts.prices_updated = None;
    let complaints = complaints(&facts);
    assert!(complaints.len() >= 6, "{complaints:?}");
    assert!(complaints.iter().all(|finding| finding.fix.is_some()));
}

#[test]
fn a_settings_file_that_does_not_parse_is_a_failure() {
    let mut facts = sound();
    facts.settings.insert(
        0,
        SettingsFile {
            scope: SettingsScope::Local,
            path: PathBuf::from("/home/dev/work/.claude/settings.local.json"),
            contents: Contents::Unusable("it is not JSON: line 3".to_owned()),
        },
    );
    complains(
        &facts,
        "settings files",
        Verdict::Fail,
        "~/work/.claude/settings.local.json",
    );
}

#[test]
fn hooks_that_are_turned_off_are_a_failure_with_the_file_named() {
    let mut facts = sound();
    user(&mut facts)["disableAllHooks"] = json!(true);
    complains(
        &facts,
        "hooks allowed",
        Verdict::Fail,
        "~/.claude/settings.json",
    );
    user(&mut facts)["disableAllHooks"] = json!(false);
    assert_eq!(complaints(&facts), []);
}

#[test]
fn managed_hooks_only_fails_unless_the_managed_settings_have_ours() {
    let mut facts = sound();
    let managed = json!({"allowManagedHooksOnly": true});
    facts
        .settings
        .insert(0, file(SettingsScope::Managed, "/etc/m.json", managed));
    let found = complains(&facts, "hooks allowed", Verdict::Fail, "your organisation");
    assert!(found.fix.unwrap().contains("administrator"));
    // In a user's file the key means nothing.
    let mut facts = sound();
    user(&mut facts)["allowManagedHooksOnly"] = json!(true);
    assert_eq!(complaints(&facts), []);
}

#[test]
fn a_folder_without_trust_explains_a_blank_status_line() {
    let mut facts = sound();
    facts.trusted = Some(false);
    complains(
        &facts,
        "trusted folder",
        Verdict::Warn,
        "~/work is not trusted",
    );
}

#[test]
fn a_project_s_status_line_that_wins_is_named() {
    let mut facts = sound();
    let other = json!({"statusLine": {"type": "command", "command": "other"}});
    let path = "/home/dev/work/.claude/settings.json";
    facts
        .settings
        .insert(0, file(SettingsScope::Project, path, other));
    complains(
        &facts,
        "status line",
        Verdict::Warn,
        "~/work/.claude/settings.json has another",
    );
}

#[test]
fn no_hooks_is_a_failure_and_some_hooks_a_warning() {
    let mut facts = sound();
    let removed = user(&mut facts)["hooks"]
        .as_object_mut()
        .unwrap()
        .remove("StopFailure");
    assert!(removed.is_some());
    complains(&facts, "hooks", Verdict::Warn, "not wired: StopFailure");
    user(&mut facts)["hooks"] = json!({});
    complains(&facts, "hooks", Verdict::Fail, "none is wired");
    user(&mut facts)["enabledPlugins"] = json!({"whycap@whycap": true});
    assert_eq!(complaints(&facts), []);
    user(&mut facts)["enabledPlugins"] = json!({"whycap@whycap": false});
    complains(&facts, "hooks", Verdict::Fail, "none is wired");
}

#[test]
fn plugin_and_settings_together_are_pointed_out() {
    let mut facts = sound();
    user(&mut facts)["enabledPlugins"] = json!({"whycap@somewhere": true});
    complains(
        &facts,
        "wired twice",
        Verdict::Warn,
        "both the plugin and the settings",
    );
}

#[test]
fn a_wired_program_that_is_gone_is_a_failure() {
    let mut facts = sound();
    facts.programs = vec![wired(ProgramState::Missing)];
    complains(&facts, "program", Verdict::Fail, "does not exist");
    facts.programs = vec![wired(ProgramState::NotExecutable)];
    complains(&facts, "program", Verdict::Fail, "may not be run");
    facts.programs = vec![wired(ProgramState::Other(Some("0.0.1".to_owned())))];
    complains(&facts, "program", Verdict::Warn, "version 0.0.1");
    let same = env!("CARGO_PKG_VERSION").to_owned();
    facts.programs = vec![wired(ProgramState::Other(Some(same)))];
    assert_eq!(complaints(&facts), []);
}

#[test]
fn a_client_with_known_trouble_is_told_what_it_does() {
    let mut facts = sound();
    facts.client = Some(ClientVersion {
        version: "2.1.120".to_owned(),
        source: "from the newest transcript".to_owned(),
    });
    complains(
        &facts,
        "client version",
        Verdict::Warn,
        "where there is no org",
    );
    facts.client = None;
    assert_eq!(complaints(&facts), []);
}

#[test]
fn a_second_installation_and_a_stray_key_are_named_without_any_value() {
    let mut facts = sound();
    facts.installations = Some(vec![
        "/usr/bin/claude".into(),
        "/home/dev/bin/claude".into(),
    ]);
    complains(&facts, "installations", Verdict::Warn, "~/bin/claude");
    let mut facts = sound();
    facts.credentials = Some(vec![CredentialFact {
        name: "ANTHROPIC_API_KEY".to_owned(),
        place: "in the environment".to_owned(),
    }]);
    let found = complains(
        &facts,
        "who pays",
        Verdict::Warn,
        "comes before your Max subscription",
    );
    assert!(
        found
            .says
            .contains("ANTHROPIC_API_KEY (in the environment)")
    );
}

#[test]
fn retention_is_weighed_against_the_ledger() {
    let mut facts = sound();
    facts.ledger = LedgerState::None;
    complains(&facts, "retention", Verdict::Warn, "after 30 days");
    user(&mut facts)["cleanupPeriodDays"] = json!(7);
    complains(&facts, "retention", Verdict::Warn, "after 7 days");
    facts.ledger = LedgerState::Good(1);
    assert_eq!(complaints(&facts), []);
}

#[test]
fn a_clock_before_this_program_or_behind_its_files_is_a_failure() {
    let mut facts = sound();
    facts.newest_transcript = Some(facts.now + TimeDelta::hours(2));
    complains(&facts, "clock", Verdict::Fail, "in the future");
    let mut facts = sound();
    facts.now = DateTime::UNIX_EPOCH;
    facts.newest_transcript = None;
    complains(&facts, "clock", Verdict::Fail, "1970-01-01");
}

#[test]
fn old_prices_harmful_locks_and_an_open_data_directory_are_warnings() {
    let mut facts = sound();
    facts.prices_updated = facts.prices_updated.map(|day| day - TimeDelta::days(91));
    complains(&facts, "prices", Verdict::Warn, "91 days ago");
    let mut facts = sound();
    facts.harmful_locks = Some(vec![HarmfulLock {
        path: "/home/dev/.claude.json.lock".into(),
        says: "~/.claude.json.lock is from the future".to_owned(),
        remedy: "Leave Claude Code first.".to_owned(),
    }]);
    let found = complains(&facts, "locks", Verdict::Warn, "from the future");
    assert_eq!(found.fix.as_deref(), Some("Leave Claude Code first."));
    let mut facts = sound();
    facts.data_open_to_others = true;
    complains(&facts, "own data", Verdict::Warn, "~/data");
}

#[test]
fn a_wrap_without_its_record_is_mended_by_installing_again() {
    let mut facts = sound();
    facts.wrap_record_missing = true;
    complains(
        &facts,
        "status line",
        Verdict::Warn,
        "our record of it is gone",
    );
}
