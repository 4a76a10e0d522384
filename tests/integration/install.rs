//! Tests `install` and `uninstall`. One command adds whycap, another one removes it, and both preserve the user's
//! settings.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use whycap::environment::{Environment, HOME, Paths};
use whycap::install::edit_record::KeepPurpose;
use whycap::install::entries::{EVENTS, installed_entries};
use whycap::install::execute;
use whycap::install::plan::{self, InstallPlan};
use whycap::install::settings_edit::Additions;

use crate::situation::flat;
use crate::support::{Run, Sandbox};

const SETTINGS: &str = ".claude/settings.json";

/// Returns metadata that changes when the file is rewritten.
fn identity(path: &Path) -> impl PartialEq + std::fmt::Debug + use<> {
    let metadata = fs::metadata(path).unwrap();
    #[cfg(unix)]
    let number = metadata.ino();
    #[cfg(windows)]
    let number = metadata.created().unwrap();
    (number, metadata.modified().unwrap())
}

/// Returns every file in the home directory with its contents and every link with its target.
fn tree(sandbox: &Sandbox) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(directory: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            if kind.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                files.push((path, target.into_os_string().into_encoded_bytes()));
            } else if kind.is_dir() {
                walk(&path, files);
            } else {
                let bytes = fs::read(&path).unwrap();
                files.push((path, bytes));
            }
        }
    }
    let mut files = Vec::new();
    walk(&sandbox.home(), &mut files);
    files.sort();
    files
}

/// Returns all files except those in whycap's own data directory.
fn files_outside_data_directory(sandbox: &Sandbox) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = tree(sandbox);
    files.retain(|(path, _)| !path.starts_with(sandbox.path(".local")));
    files
}

fn sandbox_with_settings(settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(SETTINGS, settings);
    sandbox
}

fn settings(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.read(SETTINGS)).unwrap()
}

#[test]
fn uninstall_restores_the_settings_byte_for_byte() {
    for text in [
        "",
        "{}",
        "{\"model\":\"opus\"}",
        "{\r\n\t\"model\": \"opus\",\r\n\t\"hooks\": { }\r\n}\r\n",
        "{\n  \"statusLine\": {\"type\": \"command\",\n     \"command\": \"mine\"},\n  \"z\": 1.0\n}\n",
    ] {
        for flags in [
            &["install"][..],
            &["install", "--wrap"],
            &["install", "--replace"],
        ] {
            let sandbox = sandbox_with_settings(text);
            let before = files_outside_data_directory(&sandbox);
            sandbox.run(flags).success();
            assert_eq!(
                installed_entries(&settings(&sandbox)).hooks.len(),
                EVENTS.len()
            );
            let removed = sandbox.run(&["uninstall"]);
            assert!(!flat(removed.success()).contains(KEEPS_LATER_CHANGES));
            assert_eq!(
                files_outside_data_directory(&sandbox),
                before,
                "{flags:?} on {text:?}"
            );
        }
    }
}

const KEEPS_LATER_CHANGES: &str =
    "this file has changed since whycap was installed, so only whycap's entries are removed";

/// The user changed another setting after the installation. `uninstall` kept this change but did not say that the file
/// is not the original.
#[test]
fn uninstall_says_that_it_keeps_changes_from_after_the_installation() {
    let sandbox = sandbox_with_settings("{\"model\":\"opus\"}");
    sandbox.run(&["install"]).success();
    let changed = sandbox.read(SETTINGS).replace("opus", "sonnet");
    sandbox.write(SETTINGS, changed);
    let removed = sandbox.run(&["uninstall"]);
    let output = flat(removed.success());
    assert!(output.contains(KEEPS_LATER_CHANGES), "{output}");
    assert_eq!(settings(&sandbox), json!({"model": "sonnet"}));
}

#[test]
fn uninstall_removes_settings_that_did_not_exist_before() {
    let sandbox = Sandbox::new();
    sandbox.run(&["install"]).success();
    let line = installed_entries(&settings(&sandbox))
        .status_line
        .expect("a status line");
    assert!(
        Path::new(&line.executable).is_absolute(),
        "{}",
        line.executable
    );
    assert!(
        sandbox
            .path(".claude/skills/whycap/hooks/whycap.js")
            .exists()
    );
    sandbox.run(&["uninstall"]).success();
    assert_eq!(files_outside_data_directory(&sandbox), []);
    assert!(
        !sandbox.path(".claude").exists(),
        "nor the directory that was made for it"
    );
}

#[test]
fn separate_installations_are_undone_together() {
    let text = "{\n    \"a\": 1\n}";
    let sandbox = sandbox_with_settings(text);
    sandbox.run(&["install", "--hooks"]).success();
    assert_eq!(settings(&sandbox).get("statusLine"), None);
    sandbox.run(&["install", "--statusline"]).success();
    sandbox.run(&["uninstall"]).success();
    assert_eq!(sandbox.read(SETTINGS), text);
}

#[test]
fn a_second_install_writes_nothing_and_says_so() {
    let sandbox = sandbox_with_settings("{\"model\": \"opus\"}");
    sandbox.run(&["install"]).success();
    let before = tree(&sandbox);
    let written = identity(&sandbox.path(SETTINGS));
    let run = sandbox.run(&["install"]);
    assert!(run.success().contains("already installed"), "{run:?}");
    assert_eq!(tree(&sandbox), before);
    assert_eq!(identity(&sandbox.path(SETTINGS)), written);
}

#[test]
fn a_dry_run_lists_the_changes_and_changes_nothing() {
    let sandbox = sandbox_with_settings("{\n  \"model\": \"opus\"\n}\n");
    let before = tree(&sandbox);
    let run = sandbox.run(&["install", "--dry-run"]);
    assert!(
        run.success().contains("status line would be added"),
        "{run:?}"
    );
    assert!(
        run.stdout
            .contains("hooks would be added: SessionStart"),
        "{run:?}"
    );
    assert!(run.stdout.contains("Nothing was changed."));
    assert_eq!(tree(&sandbox), before);
    sandbox.run(&["install"]).success();
    let before = tree(&sandbox);
    sandbox.run(&["uninstall", "--dry-run"]).success();
    assert_eq!(tree(&sandbox), before);
}

#[test]
fn later_edits_by_the_user_survive_the_removal() {
    let sandbox = sandbox_with_settings("{\n  \"model\": \"opus\"\n}\n");
    sandbox.run(&["install"]).success();
    let edited = sandbox
        .read(SETTINGS)
        .replace("\"opus\"", "\"sonnet\"");
    sandbox.write(SETTINGS, edited);
    sandbox.run(&["uninstall"]).success();
    assert_eq!(sandbox.read(SETTINGS), "{\n  \"model\": \"sonnet\"\n}\n");
    // The backup is kept, because it is the only copy of the original text.
    assert!(
        sandbox
            .path(".claude/settings.json.whycap-backup")
            .exists()
    );
}

#[test]
fn an_older_backup_is_kept_and_a_later_installation_is_undone_exactly() {
    let sandbox = sandbox_with_settings("{\"a\": 1}");
    sandbox.run(&["install"]).success();
    let edited = sandbox.read(SETTINGS).replacen('1', "2", 1);
    sandbox.write(SETTINGS, edited);
    sandbox.run(&["uninstall"]).success();
    for later in ["{ }", "", "{\r\n\t\"hooks\": { }\r\n}"] {
        sandbox.write(SETTINGS, later);
        sandbox.run(&["install", "--wrap"]).success();
        sandbox.run(&["uninstall"]).success();
        assert_eq!(sandbox.read(SETTINGS), later);
        let backup = sandbox.read(".claude/settings.json.whycap-backup");
        assert_eq!(backup, "{\"a\": 1}");
        assert!(
            !sandbox
                .path(".claude/settings.json.whycap-backup-2")
                .exists()
        );
    }
}

#[test]
#[cfg_attr(
    windows,
    ignore = "wine has no shell; PowerShell may take longer than a kept line may"
)]
fn a_newly_wrapped_status_line_replaces_the_one_wrapped_before() {
    let [one, two] = ["echo one", "echo two"]
        .map(|command| json!({"statusLine": {"type": "command", "command": command}}).to_string());
    let sandbox = sandbox_with_settings(&one);
    for (settings, expected_line) in [(one, "one"), (two, "two")] {
        sandbox.write(SETTINGS, settings);
        sandbox.run(&["install", "--wrap"]).success();
        let shown = sandbox.run_with(&["statusline"], b"{}");
        let first_line = shown.success().lines().next();
        assert_eq!(first_line, Some(expected_line), "{shown:?}");
    }
}

#[test]
fn an_existing_status_line_is_kept_by_default_and_hooks_are_still_installed() {
    let own_status_line = json!({"type": "command", "command": "bun x ccusage statusline"});
    let text = json!({"statusLine": own_status_line}).to_string();
    let left = sandbox_with_settings(&text);
    let run = left.run(&["install"]);
    assert!(
        run.success().contains("bun x ccusage statusline"),
        "{run:?}"
    );
    assert!(run.stdout.contains("--wrap"));
    assert_eq!(settings(&left)["statusLine"], own_status_line);
    assert_eq!(
        installed_entries(&settings(&left)).hooks.len(),
        EVENTS.len()
    );

    for flag in ["--wrap", "--replace"] {
        let taken = sandbox_with_settings(&text);
        taken.run(&["install", flag]).success();
        let now = settings(&taken);
        assert!(installed_entries(&now).status_line.is_some());
        // Even without whycap's records, the backup contains what is needed to restore the status line.
        fs::remove_dir_all(taken.path(".local/share/whycap")).unwrap();
        taken.run(&["uninstall"]).success();
        assert_eq!(settings(&taken)["statusLine"], own_status_line);
    }
}

#[test]
fn a_file_that_is_not_plain_json_is_rejected_with_the_position_of_the_error() {
    for (text, place) in [
        ("{\n  // mine\n  \"a\": 1\n}", "line 2 column 3"),
        ("{\"a\": 1,}", "line 1 column 9"),
        ("{\"a\": ", "line 1 column 6"),
        ("not json", "line 1 column 2"),
        ("{\"hooks\": []}", "`hooks` must be an object"),
    ] {
        let sandbox = sandbox_with_settings(text);
        let before = tree(&sandbox);
        let run = sandbox.run(&["install"]);
        assert_eq!(run.code, 1);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains(place), "{}", run.stderr);
        assert!(
            run.stderr.contains("settings.json was not changed"),
            "{}",
            run.stderr
        );
        assert_eq!(tree(&sandbox), before);
    }
}

#[test]
fn settings_that_are_not_text_or_not_a_file_are_refused() {
    let binary = Sandbox::new();
    binary.write(SETTINGS, b"{\"a\": \"\xff\"}");
    let run = binary.run(&["install"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("not UTF-8 (byte 7)"), "{}", run.stderr);

    let pipe = Sandbox::new();
    fs::create_dir(pipe.path(".claude")).unwrap();
    if cfg!(windows) {
        // On Windows, a directory cannot contain a pipe, so the test uses a directory instead.
        fs::create_dir(pipe.path(SETTINGS)).unwrap();
    } else {
        let made = std::process::Command::new("mkfifo")
            .arg(pipe.path(SETTINGS))
            .status()
            .unwrap();
        assert!(made.success());
    }
    let run = pipe.run(&["install"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    if cfg!(unix) {
        assert!(run.stderr.contains("not a regular file"), "{}", run.stderr);
    }
}

/// Returns settings that consist of the given number of bytes.
fn settings_of_size(size: usize) -> String {
    let frame = "{\"a\":\"\"}".len();
    format!("{{\"a\":\"{}\"}}", "x".repeat(size - frame))
}

#[test]
fn settings_larger_than_claude_codes_limit_are_rejected() {
    let room = sandbox_with_settings(&settings_of_size(2 * 1024 * 1024 - 2000));
    room.run(&["install"]).success();
    room.run(&["uninstall"]).success();
    assert_eq!(
        room.read(SETTINGS),
        settings_of_size(2 * 1024 * 1024 - 2000)
    );

    for (size, words) in [
        (2 * 1024 * 1024, "would exceed"),
        (2 * 1024 * 1024 + 1, "bytes, and whycap reads at most"),
    ] {
        let full = sandbox_with_settings(&settings_of_size(size));
        let run = full.run(&["install"]);
        assert_eq!(run.code, 1);
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert_eq!(full.read(SETTINGS), settings_of_size(size));
    }
}

#[test]
#[cfg(unix)]
fn a_linked_settings_file_stays_a_link_and_the_backup_stays_beside_the_link() {
    for exists in [true, false] {
        let sandbox = Sandbox::new();
        fs::create_dir_all(sandbox.path("dotfiles")).unwrap();
        fs::create_dir(sandbox.path(".claude")).unwrap();
        if exists {
            sandbox.write("dotfiles/settings.json", "{\n  \"a\": 1\n}\n");
        }
        std::os::unix::fs::symlink("../dotfiles/settings.json", sandbox.path(SETTINGS)).unwrap();
        let before = files_outside_data_directory(&sandbox);
        sandbox.run(&["install"]).success();
        assert!(
            fs::symlink_metadata(sandbox.path(SETTINGS))
                .unwrap()
                .is_symlink()
        );
        let dotfiles: Vec<_> = fs::read_dir(sandbox.path("dotfiles"))
            .unwrap()
            .collect();
        assert_eq!(dotfiles.len(), 1, "only the settings themselves");
        sandbox.run(&["uninstall"]).success();
        assert_eq!(files_outside_data_directory(&sandbox), before);
    }
}

#[test]
#[cfg(unix)]
fn the_mode_of_the_file_is_kept() {
    let sandbox = sandbox_with_settings("{}");
    let path = sandbox.path(SETTINGS);
    for mode in [0o600, 0o644, 0o664] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        sandbox.run(&["install"]).success();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, mode);
        sandbox.run(&["uninstall"]).success();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, mode);
    }
}

#[test]
fn a_read_only_file_is_rejected_without_partial_changes() {
    let sandbox = sandbox_with_settings("{\"a\": 1}");
    let mut permissions = fs::metadata(sandbox.path(SETTINGS))
        .unwrap()
        .permissions();
    permissions.set_readonly(true);
    fs::set_permissions(sandbox.path(SETTINGS), permissions).unwrap();
    let before = files_outside_data_directory(&sandbox);
    let run = sandbox.run(&["install"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("settings.json is read-only"),
        "{}",
        run.stderr
    );
    assert_eq!(files_outside_data_directory(&sandbox), before);
}

#[test]
#[cfg(unix)]
fn a_read_only_directory_is_rejected_without_partial_changes() {
    let sandbox = sandbox_with_settings("{\"a\": 1}");
    let mut command = sandbox.command_subject_to_permissions(&["install"]);
    let directory = sandbox.path(".claude");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).unwrap();
    let before = files_outside_data_directory(&sandbox);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("settings.json") && error.lines().count() == 1,
        "{error}"
    );
    assert_eq!(files_outside_data_directory(&sandbox), before);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
#[cfg(unix)]
fn an_unwritable_directory_only_prevents_the_slash_command() {
    let sandbox = sandbox_with_settings("{}");
    let directory = sandbox.path(".claude/skills");
    fs::create_dir(&directory).unwrap();
    let mut command = sandbox.command_subject_to_permissions(&["install"]);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).unwrap();
    let run = Run::from(command.output().unwrap());
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let text = flat(run.success());
    assert!(
        text.contains("~/.claude/skills/whycap is not writable, so /whycap was not added"),
        "{text}"
    );
    assert!(sandbox.read(SETTINGS).contains("statusLine"), "{text}");
    assert!(!directory.join("whycap").exists());
}

#[test]
fn keys_in_the_settings_are_not_copied_into_the_data_directory() {
    let secret = "a-value-that-belongs-to-one-file";
    let sandbox = sandbox_with_settings(&json!({"env": {"ANTHROPIC_API_KEY": secret}}).to_string());
    sandbox.run(&["install"]).success();
    for (path, bytes) in tree(&sandbox) {
        if path.starts_with(sandbox.path(".local")) {
            assert!(
                !String::from_utf8_lossy(&bytes).contains(secret),
                "{}",
                path.display()
            );
        }
    }
    let backup = fs::metadata(sandbox.path(".claude/settings.json.whycap-backup")).unwrap();
    assert!(backup.is_file());
    #[cfg(unix)]
    assert_eq!(backup.mode() & 0o777, 0o600);
}

#[test]
fn a_users_own_skill_of_the_same_name_is_kept() {
    let sandbox = sandbox_with_settings("{}");
    sandbox.write(".claude/skills/whycap/SKILL.md", "my own");
    let before = files_outside_data_directory(&sandbox);
    let run = sandbox.run(&["install"]);
    assert!(
        run.success().contains("a different skill or plugin"),
        "{run:?}"
    );
    sandbox.run(&["uninstall"]).success();
    assert_eq!(files_outside_data_directory(&sandbox), before);
}

#[test]
#[cfg(unix)]
fn nothing_is_written_through_a_link_in_place_of_the_plugin() {
    for linked in ["skills/whycap", "skills/whycap/hooks"] {
        let sandbox = sandbox_with_settings("{}");
        let outside = sandbox.path("outside");
        fs::create_dir(&outside).unwrap();
        let link = sandbox.path(&format!(".claude/{linked}"));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&outside, &link).unwrap();
        let run = sandbox.run(&["install"]);
        assert!(
            run.success().contains("is or contains a symlink"),
            "{run:?}"
        );
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        sandbox.run(&["uninstall"]).success();
        assert!(link.is_symlink());
    }
}

#[test]
fn the_commands_that_uninstall_lists_delete_what_remains() {
    let sandbox = sandbox_with_settings("{\n  \"model\": \"opus\"\n}\n");
    sandbox.write(".config/whycap/config.toml", "");
    sandbox.run(&["install"]).success();
    let edited = sandbox.read(SETTINGS).replace("opus", "sonnet");
    sandbox.write(SETTINGS, edited);
    let run = sandbox.run(&["uninstall"]);
    let text = run.success();
    let commands: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  - ")?.split_once(": "))
        .filter(|(name, _)| *name != "the program")
        .map(|(_, command)| command)
        .collect();
    assert_eq!(
        commands,
        [
            "rm -r ~/.local/share/whycap",
            "rm ~/.config/whycap/config.toml",
            "rm ~/.claude/settings.json.whycap-backup"
        ],
        "{text}"
    );
    if cfg!(unix) {
        for command in commands {
            let mut shell = std::process::Command::new("sh");
            shell
                .args(["-c", command])
                .env("HOME", sandbox.home());
            assert!(shell.status().unwrap().success(), "{command}");
        }
        let left: Vec<PathBuf> = tree(&sandbox)
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(left, [sandbox.path(SETTINGS)]);
    }
}

/// Output that goes to a program or a file must contain each path in one piece, even if the path is longer than a row.
#[test]
fn a_long_path_is_not_split_in_piped_output() {
    let long = format!(".local/{}", "d".repeat(120));
    let home = sandbox_with_settings("{}\n");
    let data = home.path(&long);
    let sandbox = home.variable("WHYCAP_DATA_DIR", data.to_str().unwrap());
    sandbox.run(&["install"]).success();
    let uninstalled = sandbox.run(&["uninstall"]);
    assert!(
        uninstalled
            .success()
            .contains(&format!("~/{long}\n")),
        "{uninstalled:?}"
    );
}

/// `uninstall` must say that the program itself remains, and how to delete it, unless `install.sh` is about to delete it.
#[test]
fn uninstall_names_the_program_that_remains() {
    for (directory, expected) in [
        (".local/bin", Some("rm ~/.local/bin/whycap")),
        (".cargo/bin", Some("cargo uninstall whycap")),
        (
            "lib/node_modules/@whycap/linux-x64/bin",
            Some("npm uninstall -g whycap"),
        ),
        ("Cellar/whycap/1.0.0/bin", Some("brew uninstall whycap")),
        ("by-script/bin", None),
    ] {
        let mut sandbox = sandbox_with_settings("{}\n");
        if expected.is_none() {
            sandbox = sandbox.variable("WHYCAP_FROM", "install.sh");
        }
        let name = if cfg!(windows) {
            "whycap.exe"
        } else {
            "whycap"
        };
        let program = sandbox.path(&format!("{directory}/{name}"));
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        crate::support::copy_program(&program);
        let mut install = sandbox.command_of(&program, &["install"]);
        Run::of(&mut install, b"").success();
        let mut uninstall = sandbox.command_of(&program, &["uninstall"]);
        let uninstalled = Run::of(&mut uninstall, b"");
        let text = uninstalled.success();
        assert_eq!(text.contains("the program"), expected.is_some(), "{text}");
        if let (Some(expected), true) = (expected, cfg!(unix)) {
            assert!(
                text.contains(&format!("the program: {expected}\n")),
                "{text}"
            );
        }
    }
}

/// In Claude Code 2.1.331, a session that was started before the plugin was installed responds with "Unknown command:
/// /whycap".
#[test]
fn install_explains_how_an_open_session_loads_the_slash_command() {
    let sandbox = sandbox_with_settings("{}\n");
    let run = sandbox.run(&["install"]);
    assert!(
        flat(run.success()).contains("type /reload-plugins"),
        "{run:?}"
    );
}

/// Secrets in the settings that do not look like secrets.
const CANARIES: [&str; 4] = [
    "canary-key",
    "canary-token",
    "canary-helper",
    "canary-header",
];

#[test]
fn no_preview_or_report_contains_a_key_a_token_or_a_helper() {
    let layouts = [
        r#"{"env": {"ANTHROPIC_API_KEY": "canary-key", "MY_TOKEN": "canary-token"}, "apiKeyHelper": "canary-helper", "x": {"Authorization": "canary-header"}}"#,
        "{\n  \"env\": {\"ANTHROPIC_API_KEY\": \"canary-key\", \"MY_TOKEN\": \"canary-token\"},\n  \"x\": {\"Authorization\": \"canary-header\"},\n  \"apiKeyHelper\": \"canary-helper\"}",
        r#"{"apiKeyHelper": "canary-helper", "hooks": {}, "statusLine": {"command": "API_TOKEN=canary-token line"}}"#,
        r#"{"apiKeyHelper": canary-helper}"#,
        r#"{"apiKeyHelper": "canary-helper", "apiKeyHelper": "canary-helper"}"#,
        r#"{"hooks": "canary-helper"}"#,
        r#"{"hooks": {"Stop": "canary-helper"}}"#,
        r#"{"apiKeyHelper": "canary-helper"#,
        r#"{"apiKeyHelper": "canary-helper",}"#,
        r#"{"apiKeyHelper": "canary-helper" /* canary-key */}"#,
    ];
    for layout in layouts {
        let sandbox = sandbox_with_settings(layout);
        for arguments in [
            &["install", "--dry-run"][..],
            &["doctor"],
            &["doctor", "--json"],
            &["install"],
            &["install", "--wrap", "--dry-run"],
            &["install", "--wrap"],
            &["doctor"],
            &["explain", "--json"],
            &["report"],
            &["now", "--json"],
            &["config"],
            &["statusline"],
            &["uninstall", "--dry-run"],
            &["uninstall"],
        ] {
            let run = sandbox.run_with(arguments, b"{}");
            let printed = format!("{}{}", run.stdout, run.stderr.as_str());
            for canary in CANARIES {
                assert!(
                    !printed.contains(canary),
                    "{arguments:?} on {layout}: {printed}"
                );
            }
        }
    }
}

#[test]
fn uninstall_cleans_every_settings_file_from_any_directory() {
    let sandbox = sandbox_with_settings("{}");
    let project = sandbox.path("project");
    fs::create_dir(&project).unwrap();
    let mut inside = sandbox.command(&["install", "--scope", "local"]);
    let output = inside.current_dir(&project).output().unwrap();
    assert!(output.status.success());
    sandbox.run(&["install"]).success();
    assert!(project.join(".claude/settings.local.json").exists());
    sandbox.run(&["uninstall"]).success();
    assert!(!project.join(".claude").exists());
    assert_eq!(sandbox.read(SETTINGS), "{}");
}

/// `/whycap` is removed together with the last of the files, so a dry run must list its removal exactly once.
#[test]
fn a_dry_run_of_uninstall_lists_every_removal_from_several_settings_files() {
    let sandbox = sandbox_with_settings("{}");
    sandbox.run(&["install"]).success();
    sandbox
        .run(&["install", "--scope", "local"])
        .success();
    assert_eq!(removals_in_dry_run(&sandbox, &sandbox.home()).len(), 5);
}

/// Uses a project without settings files. The dry run still looks for them after it has listed the removal of `/whycap`
/// along with the user's settings.
#[test]
fn a_dry_run_of_uninstall_in_a_project_lists_the_removal_of_the_command_once() {
    let sandbox = sandbox_with_settings("{}");
    sandbox.run(&["install"]).success();
    let project = sandbox.path("project");
    fs::create_dir(&project).unwrap();
    assert_eq!(removals_in_dry_run(&sandbox, &project).len(), 3);
}

/// Returns the lines about removals that a dry run prints in a directory, after checking that the real run prints the same
/// lines.
fn removals_in_dry_run(sandbox: &Sandbox, directory: &Path) -> Vec<String> {
    let [dry_run, removed] = [&["uninstall", "--dry-run"][..], &["uninstall"]].map(|arguments| {
        let mut command = sandbox.command(arguments);
        Run::of(command.current_dir(directory), b"")
    });
    let announced: Vec<String> = lines_about_removals(&dry_run)
        .map(|line| line.replace("would be ", ""))
        .collect();
    assert_eq!(
        announced,
        lines_about_removals(&removed).collect::<Vec<_>>()
    );
    announced
}

/// Returns the lines that list a change.
fn lines_about_removals(run: &Run) -> impl Iterator<Item = String> {
    run.stdout
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("removed"))
        .map(str::to_owned)
}

#[test]
fn install_changes_the_configured_directory() {
    let home = Sandbox::new();
    let named = home.path("elsewhere");
    let sandbox = home.variable("CLAUDE_CONFIG_DIR", named.to_str().unwrap());
    sandbox.run(&["install"]).success();
    assert!(named.join("settings.json").exists());
    assert!(!sandbox.path(".claude").exists());
}

#[test]
fn a_relative_configuration_directory_starts_at_the_working_directory() {
    let sandbox = Sandbox::new().variable("CLAUDE_CONFIG_DIR", "settings-of-claude");
    let [working_directory, elsewhere] = ["here", "elsewhere"].map(|name| sandbox.path(name));
    let of_somebody = elsewhere.join("settings-of-claude/commands");
    fs::create_dir_all(&of_somebody).unwrap();
    fs::create_dir(&working_directory).unwrap();
    let mut install = sandbox.command(&["install"]);
    let output = install
        .current_dir(&working_directory)
        .output()
        .unwrap();
    Run::from(output).success();
    let installed = working_directory.join("settings-of-claude/settings.json");
    assert!(installed.exists());
    let mut uninstall = sandbox.command(&["uninstall"]);
    let output = uninstall.current_dir(&elsewhere).output().unwrap();
    Run::from(output).success();
    assert!(of_somebody.exists(), "an empty directory that is not ours");
    assert!(!installed.exists(), "cleaned from anywhere");
}

/// Runs eight commands at the same time and asserts that all of them succeed.
fn run_at_once(sandbox: &Sandbox, commands: [&str; 8]) {
    let running = commands.map(|name| {
        sandbox
            .command(&[name])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    });
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn concurrent_installations_install_once() {
    let text = "{\n  \"model\": \"opus\"\n}\n";
    let sandbox = sandbox_with_settings(text);
    run_at_once(&sandbox, ["install"; 8]);
    assert_eq!(
        installed_entries(&settings(&sandbox)).hooks.len(),
        EVENTS.len()
    );
    // Several installations and removals run at once. Whichever finishes last, the settings file remains
    // valid, and one more removal restores the original.
    let [install, uninstall] = ["install", "uninstall"];
    run_at_once(
        &sandbox,
        [
            uninstall, install, uninstall, install, uninstall, install, uninstall, install,
        ],
    );
    sandbox.run(&["uninstall"]).success();
    assert_eq!(sandbox.read(SETTINGS), text);
}

/// The client rewrites the file in its own layout, for example after a plugin has been installed.
#[test]
fn the_previous_status_line_survives_a_rewrite_by_claude_code() {
    let own_status_line = json!({"type": "command", "command": "mine"});
    let sandbox =
        sandbox_with_settings(&json!({"statusLine": own_status_line, "model": "opus"}).to_string());
    sandbox.run(&["install", "--wrap"]).success();
    let mut now = settings(&sandbox);
    now["enabledPlugins"] = json!({});
    sandbox.write(SETTINGS, serde_json::to_string_pretty(&now).unwrap());
    assert!(
        sandbox
            .run(&["install"])
            .success()
            .contains("Nothing was changed")
    );
    sandbox.run(&["uninstall"]).success();
    assert_eq!(
        settings(&sandbox),
        json!({"statusLine": own_status_line, "model": "opus", "enabledPlugins": {}})
    );
}

fn paths(sandbox: &Sandbox) -> Paths {
    let variables = [
        (HOME, sandbox.home()),
        ("WHYCAP_DATA_DIR", sandbox.path(".local/share/whycap")),
    ]
    .map(|(name, path)| (name.into(), path.into_os_string()));
    Paths::of(&Environment::new(variables, chrono::DateTime::UNIX_EPOCH))
}

fn planned(sandbox: &Sandbox) -> InstallPlan {
    let additions = Additions {
        executable: "/opt/whycap",
        status_line: true,
        hooks: true,
        switch_hooks: false,
        keep: Some(KeepPurpose::ShowAbove),
    };
    plan::install(&paths(sandbox), &sandbox.path(SETTINGS), additions).unwrap()
}

fn removal(sandbox: &Sandbox) -> InstallPlan {
    let paths = paths(sandbox);
    let mut removal = plan::uninstall(&paths, &sandbox.path(SETTINGS), false).unwrap();
    removal
        .steps
        .extend(InstallPlan::of_plugin_removal(&paths).steps);
    removal
}

#[test]
fn a_crash_between_steps_leaves_complete_files_and_the_next_run_finishes() {
    let text = "{\n  \"statusLine\": {\"type\": \"command\", \"command\": \"mine\"}\n}\n";
    let complete = {
        let sandbox = sandbox_with_settings(text);
        execute::run(&paths(&sandbox), &planned(&sandbox).steps).unwrap();
        sandbox.read(SETTINGS)
    };
    let count = planned(&sandbox_with_settings(text)).steps.len();
    assert!(count >= 4, "{count}");
    for survived in 0..=count {
        let sandbox = sandbox_with_settings(text);
        let before = files_outside_data_directory(&sandbox);
        execute::run(&paths(&sandbox), &planned(&sandbox).steps[..survived]).unwrap();
        let now = sandbox.read(SETTINGS);
        assert!(now == text || now == complete, "after {survived} steps");
        if now == complete {
            // Once whycap's status line is in the settings, the user's own status line must have been recorded.
            let records = fs::read_dir(sandbox.path(".local/share/whycap/install")).unwrap();
            let records: Vec<_> = records.map(|entry| entry.unwrap().path()).collect();
            assert_eq!(records.len(), 1);
            let record = fs::read_to_string(&records[0]).unwrap();
            assert!(record.contains("mine"), "{record}");
        }
        // After any number of steps, it must be possible to undo the installation or to complete it.
        execute::run(&paths(&sandbox), &removal(&sandbox).steps).unwrap();
        assert_eq!(sandbox.read(SETTINGS), text, "after {survived} steps");

        execute::run(&paths(&sandbox), &planned(&sandbox).steps[..survived]).unwrap();
        execute::run(&paths(&sandbox), &planned(&sandbox).steps).unwrap();
        assert_eq!(sandbox.read(SETTINGS), complete);
        let steps_out = removal(&sandbox).steps;
        for stopped in 0..steps_out.len() {
            execute::run(
                &paths(&sandbox),
                &removal(&sandbox).steps[..stopped.min(removal(&sandbox).steps.len())],
            )
            .unwrap();
            let now = sandbox.read(SETTINGS);
            assert!(now == text || now == complete);
        }
        execute::run(&paths(&sandbox), &removal(&sandbox).steps).unwrap();
        let mut after = files_outside_data_directory(&sandbox);
        after.retain(|(path, _)| !path.ends_with("settings.json.whycap-backup"));
        assert_eq!(after, before, "after {survived} steps");
    }
}

#[test]
fn an_edit_between_planning_and_writing_is_not_lost() {
    let sandbox = sandbox_with_settings("{\"a\": 1}");
    let plan = planned(&sandbox);
    sandbox.write(SETTINGS, "{\"a\": 2, \"b\": 3}");
    assert!(
        !execute::run(&paths(&sandbox), &plan.steps).unwrap(),
        "overtaken"
    );
    assert_eq!(sandbox.read(SETTINGS), "{\"a\": 2, \"b\": 3}");
    assert!(
        execute::run(&paths(&sandbox), &planned(&sandbox).steps).unwrap(),
        "done"
    );
    let now = settings(&sandbox);
    assert_eq!((&now["a"], &now["b"]), (&json!(2), &json!(3)));
    assert!(
        execute::run(&paths(&sandbox), &removal(&sandbox).steps).unwrap(),
        "done"
    );
    assert_eq!(sandbox.read(SETTINGS), "{\"a\": 2, \"b\": 3}");
}

/// Versions 2.0.76 and 2.1.50 do not support `StopFailure`. If the settings contain this event, these versions ignore
/// the entire file and even run commands that it forbids.
#[test]
fn no_hooks_are_added_for_a_version_that_would_ignore_the_whole_file() {
    let sandbox = Sandbox::new();
    let permissions = "{\"permissions\":{\"deny\":[\"Bash(rm:*)\"]}}";
    sandbox.write(SETTINGS, permissions);
    let line =
        "{\"type\":\"user\",\"version\":\"2.1.50\",\"timestamp\":\"2026-11-20T10:00:00Z\"}\n";
    sandbox.write(".claude/projects/-home-dev-api/6b2c33a1.jsonl", line);
    let run = sandbox.run(&["install"]);
    let error = run.stderr.as_str();
    assert_eq!(run.code, 1, "{error}");
    assert!(
        error.contains("you last used Claude Code 2.1.50 here"),
        "{error}"
    );
    assert_eq!(sandbox.read(SETTINGS), permissions);
    sandbox.run(&["install", "--statusline"]).success();
}

#[test]
fn uninstall_leaves_a_settings_file_without_whycap_unchanged() {
    let sandbox = Sandbox::new();
    sandbox.run(&["install"]).success();
    let own_settings = "{\n  // mine\n  \"model\": \"opus\"\n}\n";
    sandbox.write("work/.claude/settings.local.json", own_settings);
    let mut uninstall = sandbox.command(&["uninstall"]);
    let output = uninstall
        .current_dir(sandbox.path("work"))
        .output()
        .unwrap();
    Run::from(output).success();
    assert_eq!(
        sandbox.read("work/.claude/settings.local.json"),
        own_settings
    );
}

/// Uninstalling must remove `~/.config` and `~/.config/whycap` if `config --write` created them and they are empty.
#[test]
fn uninstall_removes_an_empty_configuration_directory() {
    let sandbox = Sandbox::new();
    let directory = sandbox.path(".config/whycap");
    sandbox.run(&["config", "--write"]).success();
    sandbox.run(&["install"]).success();
    let uninstalled = sandbox.run(&["uninstall"]);
    let words: Vec<&str> = uninstalled.success().split_whitespace().collect();
    let remains = "rm ~/.config/whycap/config.toml - ";
    let shown = words.join(" ") + " - ";
    assert!(shown.contains(remains), "{uninstalled:?}");
    std::fs::remove_file(directory.join("config.toml")).unwrap();
    sandbox.run(&["uninstall", "--dry-run"]).success();
    assert!(directory.exists());
    sandbox.run(&["uninstall"]).success();
    assert!(!sandbox.path(".config").exists());

    // A directory that the user created remains.
    std::fs::create_dir_all(&directory).unwrap();
    sandbox.run(&["uninstall"]).success();
    assert!(directory.exists());
}
