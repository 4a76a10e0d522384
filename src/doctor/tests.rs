//! Tests each finding in a home directory without any other problems.

use std::fs::create_dir_all;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::*;
use crate::claude::settings::SettingsScope;
use crate::claude::shell::Shell;
use crate::environment::HOME;
use crate::install::entries::EVENTS;
use crate::pricing::PRICES;
use crate::testing::set_date;

const NOW: &str = "2026-11-20T06:30:00Z";

#[expect(clippy::disallowed_methods, reason = "a home to look at")]
fn write(path: &Path, text: &str) {
    create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Creates a home directory without any problems. Returns the directory and its setup at a given time.
fn sound_at(now: DateTime<Utc>, variables: &[(&str, &str)]) -> (tempfile::TempDir, Setup) {
    let home = tempfile::tempdir().unwrap();
    let (executable, data) = (home.path().join("bin/whycap"), home.path().join("data"));
    write(&executable, "");
    create_dir_all(&data).unwrap();
    #[cfg(unix)]
    {
        set_mode(&executable, 0o755);
        set_mode(&data, 0o700);
    }
    let manifest = json!({"metadata": {"writtenBy": "whycap install"}});
    let plugin = home
        .path()
        .join(".claude/skills/whycap/.claude-plugin/plugin.json");
    write(&plugin, &manifest.to_string());
    let required = [(HOME, home.path()), ("WHYCAP_DATA_DIR", &data)]
        .map(|(name, value)| (name.into(), value.into()));
    let more = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    let environment = Environment::new(required.into_iter().chain(more), now);
    let paths = Paths::of(&environment);
    let directory = home.path().join("work");
    let project = directory.to_str().unwrap().replace('\\', "/");
    let state = json!({
        "projects": {project: {"hasTrustDialogAccepted": true}},
        "oauthAccount": {"accountUuid": "a", "organizationType": "claude_max"},
        "lastReleaseNotesSeen": "2.1.328",
    });
    write(&paths.global_state, &state.to_string());
    let mut setup = Setup::new(environment, paths, directory);
    let called = Shell::of(&setup.environment)
        .call(&executable)
        .unwrap();
    let hooks: serde_json::Map<_, _> = EVENTS
        .iter()
        .map(|(event, _)| {
            let handler = json!({"type": "command", "command": format!("{called} hook")});
            ((*event).to_owned(), json!([{"hooks": [handler]}]))
        })
        .collect();
    let installed_entries = json!({
        "statusLine": {"type": "command", "command": format!("{called} statusline")},
        "hooks": hooks,
    });
    let path = setup.paths.user_settings();
    setup.settings = vec![file(SettingsScope::User, path, installed_entries)];
    setup.executable = Some(executable);
    (home, setup)
}

fn sound() -> (tempfile::TempDir, Setup) {
    sound_at(NOW.parse().unwrap(), &[])
}

fn file(scope: SettingsScope, path: PathBuf, settings: Value) -> SettingsFile {
    SettingsFile {
        scope,
        path,
        contents: Ok(Some(settings)),
    }
}

fn user(setup: &mut Setup) -> &mut Value {
    match &mut setup.settings.last_mut().unwrap().contents {
        Ok(Some(value)) => value,
        other => panic!("{other:?}"),
    }
}

/// Returns the findings that are not `Ok`.
fn complaints(setup: &Setup) -> Vec<Finding> {
    let mut findings = examine(setup);
    findings.retain(|finding| finding.verdict != CheckVerdict::Ok);
    findings
}

/// Asserts that this check reports the only problem, with this verdict and text.
#[track_caller]
fn complains(setup: &Setup, check: &str, verdict: CheckVerdict, words: &str) -> Finding {
    let findings = complaints(setup);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let finding = findings.into_iter().next().unwrap();
    assert_eq!(
        (finding.check, finding.verdict),
        (check, verdict),
        "{finding:?}"
    );
    assert!(finding.says.contains(words), "{finding:?}");
    finding
}

#[test]
fn a_working_setup_has_only_good_findings() {
    let (_home, setup) = sound();
    assert_eq!(complaints(&setup), []);
    assert_eq!(examine(&setup).len(), CHECKS.len());
}

#[test]
fn a_settings_file_that_does_not_parse_is_a_failure() {
    let (_home, mut setup) = sound();
    let path = setup.directory.join(".claude/settings.local.json");
    let broken = SettingsFile {
        contents: Err("it is not JSON: line 3".to_owned()),
        ..file(SettingsScope::Local, path, Value::Null)
    };
    setup.settings.insert(0, broken);
    let words = "~/work/.claude/settings.local.json";
    complains(&setup, "settings files", CheckVerdict::Fail, words);
}

#[test]
fn hooks_that_are_turned_off_are_a_failure_with_the_file_named() {
    let (_home, mut setup) = sound();
    user(&mut setup)["disableAllHooks"] = json!(true);
    let words = "~/.claude/settings.json";
    complains(&setup, "hooks allowed", CheckVerdict::Fail, words);
    user(&mut setup)["disableAllHooks"] = json!(false);
    assert_eq!(complaints(&setup), []);
}

#[test]
fn managed_hooks_only_is_a_failure_unless_they_include_whycap() {
    let (_home, mut setup) = sound();
    let managed = json!({"allowManagedHooksOnly": true});
    let managed = file(SettingsScope::Managed, "/etc/m.json".into(), managed);
    setup.settings.insert(0, managed);
    let finding = complains(
        &setup,
        "hooks allowed",
        CheckVerdict::Fail,
        "your organization",
    );
    assert!(finding.fix.unwrap().contains("administrator"));
    // This key has no effect in the user's settings file.
    let (_home, mut setup) = sound();
    user(&mut setup)["allowManagedHooksOnly"] = json!(true);
    assert_eq!(complaints(&setup), []);
}

#[test]
fn a_folder_without_trust_explains_a_blank_status_line() {
    let (_home, setup) = sound();
    let state = std::fs::read_to_string(&setup.paths.global_state).unwrap();
    write(&setup.paths.global_state, &state.replace("true", "false"));
    let words = "~/work is not trusted";
    complains(&setup, "trusted folder", CheckVerdict::Warn, words);
}

#[test]
fn a_project_status_line_that_takes_precedence_is_named() {
    let (_home, mut setup) = sound();
    let other = json!({"statusLine": {"type": "command", "command": "other"}});
    let path = setup.directory.join(".claude/settings.json");
    let project = file(SettingsScope::Project, path, other);
    setup.settings.insert(0, project);
    let words = "takes precedence here (in ~/work/.claude/settings.json)";
    complains(&setup, "status line", CheckVerdict::Warn, words);
}

#[test]
fn no_hooks_is_a_failure_and_some_hooks_a_warning() {
    let (_home, mut setup) = sound();
    let hooks = user(&mut setup)["hooks"].as_object_mut().unwrap();
    assert!(hooks.remove("StopFailure").is_some());
    complains(&setup, "hooks", CheckVerdict::Warn, "missing: StopFailure");
    user(&mut setup)["hooks"] = json!({});
    complains(&setup, "hooks", CheckVerdict::Fail, "no hooks are set");
    user(&mut setup)["enabledPlugins"] = json!({"whycap@whycap": true});
    assert_eq!(complaints(&setup), []);
    user(&mut setup)["enabledPlugins"] = json!({"whycap@whycap": false});
    complains(&setup, "hooks", CheckVerdict::Fail, "no hooks are set");
}

#[test]
fn a_plugin_in_addition_to_the_settings_is_fine_unless_disabled() {
    for plugin in ["whycap@skills-dir", "whycap@somewhere"] {
        let (_home, mut setup) = sound();
        user(&mut setup)["enabledPlugins"] = json!({plugin: true});
        assert_eq!(complaints(&setup), [], "{plugin}");

        user(&mut setup)["enabledPlugins"] = json!({plugin: false});
        let finding = complains(&setup, "/whycap", CheckVerdict::Warn, "is turned off");
        let command = format!("claude plugin enable {plugin}");
        assert_eq!(finding.fix, Some(command));
    }
}

#[test]
fn only_an_administrator_can_replace_a_managed_status_line() {
    let (_home, mut setup) = sound();
    let other = json!({"statusLine": {"type": "command", "command": "other"}});
    let managed = file(SettingsScope::Managed, "/etc/m.json".into(), other);
    setup.settings.insert(0, managed);
    let finding = complains(
        &setup,
        "status line",
        CheckVerdict::Warn,
        "your organization",
    );
    assert!(finding.fix.unwrap().contains("administrator"));
}

#[test]
#[cfg(unix)]
fn a_missing_executable_is_a_failure() {
    let (_home, mut setup) = sound();
    let executable = setup.executable.take().unwrap();
    complains(&setup, "program", CheckVerdict::Warn, "another version");
    let copy = setup.paths.home.join("copy");
    write(&copy, "");
    setup.executable = Some(copy);
    assert_eq!(complaints(&setup), []);
    set_mode(&executable, 0o600);
    let words = "is not an executable file";
    complains(&setup, "program", CheckVerdict::Fail, words);
    let gone = user(&mut setup)
        .to_string()
        .replace("/bin/", "/gone/");
    *user(&mut setup) = serde_json::from_str(&gone).unwrap();
    complains(&setup, "program", CheckVerdict::Fail, words);
    user(&mut setup)["hooks"] = json!({});
    user(&mut setup)["enabledPlugins"] = json!({"whycap@whycap": true});
    user(&mut setup)["statusLine"]["command"] = json!("& 'C:/whycap.exe' statusline");
    let words = "does not work in";
    complains(&setup, "program", CheckVerdict::Fail, words);
}

#[test]
fn known_issues_of_the_version_are_described() {
    let (_home, setup) = sound();
    let state = std::fs::read_to_string(&setup.paths.global_state).unwrap();
    write(
        &setup.paths.global_state,
        &state.replace("2.1.328", "2.1.120"),
    );
    let words = "these plans have no organization";
    complains(&setup, "client version", CheckVerdict::Warn, words);
    write(&setup.paths.global_state, &state.replace("2.1.328", ""));
    assert_eq!(complaints(&setup), []);
}

#[test]
#[cfg(unix)]
fn a_second_installation_and_a_stray_key_are_reported_without_the_key_itself() {
    let executables = tempfile::tempdir().unwrap();
    let directories = ["one", "two"].map(|name| executables.path().join(name));
    for (index, directory) in directories.iter().enumerate() {
        write(&directory.join("claude"), &format!("#!{index}"));
        set_mode(&directory.join("claude"), 0o755);
    }
    let path = std::env::join_paths(directories).unwrap();
    let (_home, setup) = sound_at(NOW.parse().unwrap(), &[("PATH", path.to_str().unwrap())]);
    complains(&setup, "installations", CheckVerdict::Warn, "/two/claude");
    let key = [("ANTHROPIC_API_KEY", "sk-ant-secret")];
    let (_home, setup) = sound_at(NOW.parse().unwrap(), &key);
    let words = "instead of your Max plan";
    let finding = complains(&setup, "who pays", CheckVerdict::Warn, words);
    let named = "ANTHROPIC_API_KEY (in the environment)";
    assert!(finding.says.contains(named) && !finding.says.contains("secret"));
}

#[test]
#[cfg(unix)]
fn each_unreadable_transcript_is_named() {
    let (_home, setup) = sound();
    let directory = setup.paths.home.join(".claude/projects/api");
    create_dir_all(&directory).unwrap();
    for number in 0..5 {
        let link = directory.join(format!("{number}.jsonl"));
        std::os::unix::fs::symlink(&link, &link).unwrap();
    }
    let words = "5 transcripts could not be read: ~/.claude/projects/api/0.jsonl, ";
    let finding = complains(&setup, "transcripts", CheckVerdict::Warn, words);
    assert!(finding.says.contains("/4.jsonl"), "{finding:?}");
    assert!(finding.fix.unwrap().contains("chown"));
}

#[test]
fn a_clock_that_is_earlier_than_the_release_or_the_files_is_a_failure() {
    let (home, setup) = sound();
    let transcript = home.path().join(".claude/projects/api/a.jsonl");
    write(&transcript, "");
    let soon = setup.environment.now + TimeDelta::hours(2);
    set_date(&transcript, soon.into());
    let words = "the newest transcript is from";
    complains(&setup, "clock", CheckVerdict::Fail, words);
    let (_home, setup) = sound_at(DateTime::UNIX_EPOCH, &[]);
    complains(&setup, "clock", CheckVerdict::Fail, "1970-01-01");
}

#[test]
fn old_prices_and_harmful_locks_are_warnings() {
    let updated = PRICES.updated.and_time(chrono::NaiveTime::MIN);
    let (_home, setup) = sound_at(updated.and_utc() + TimeDelta::days(91), &[]);
    complains(&setup, "prices", CheckVerdict::Warn, "newer models");
    let (home, setup) = sound();
    let lock = home.path().join(".claude.json.lock");
    create_dir_all(&lock).unwrap();
    set_date(
        &lock,
        (setup.environment.now + Duration::from_secs(90_000)).into(),
    );
    let finding = complains(&setup, "locks", CheckVerdict::Warn, "~/.claude.json.lock");
    assert!(finding.fix.unwrap().contains("--clear-stale-locks"));
}
