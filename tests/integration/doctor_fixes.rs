//! Follows the advice of `whycap doctor` as a user would and checks that whycap works afterward.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{NOW, Sandbox, copy_program};

/// The source of the checks, which contains their messages and advice.
const CHECKS: [&str; 3] = [
    include_str!("../../src/doctor/client.rs"),
    include_str!("../../src/doctor/own_files.rs"),
    include_str!("../../src/doctor/wiring.rs"),
];

const SETTINGS: &str = ".claude/settings.json";

/// A home directory with whycap installed, a project, and stubs for the programs that the advice mentions.
struct Setup {
    sandbox: Sandbox,
}

impl Setup {
    fn new() -> Self {
        let setup = Self {
            sandbox: Sandbox::new(),
        };
        let tools = setup.sandbox.path("tools");
        fs::create_dir_all(&tools).unwrap();
        fs::create_dir_all(setup.project()).unwrap();
        symlink(env!("CARGO_BIN_EXE_whycap"), tools.join("whycap")).unwrap();
        setup.write_tool("sudo", "exec \"$@\"");
        // Like Claude Code, this stub can enable a plugin or update to a supported version.
        setup.write_tool(
            "claude",
            "case $1 in\n\
             plugin) sed -i \"s/\\\"$3\\\": *false/\\\"$3\\\": true/\" ~/.claude/settings.json ;;\n\
             update) echo '{\"lastReleaseNotesSeen\": \"2.1.331\"}' >~/.claude.json ;;\n\
             esac",
        );
        setup
    }

    fn installed() -> Self {
        let setup = Self::new();
        setup.shell("whycap install");
        assert_eq!(
            setup.problems(),
            Vec::<Value>::new(),
            "after the installation"
        );
        setup
    }

    fn write_tool(&self, name: &str, script: &str) {
        let path = self
            .sandbox
            .write(&format!("tools/{name}"), format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn project(&self) -> PathBuf {
        self.sandbox.path("work")
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.sandbox.home())
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.sandbox.path("tools").display()),
            )
            .env("TZ", "UTC")
            .env("WHYCAP_NOW", NOW)
            .env("USER", "nobody")
            .stdin(Stdio::null())
            .current_dir(self.project());
        command
    }

    /// Runs a command in a shell in the project.
    #[track_caller]
    fn shell(&self, command: &str) -> String {
        let output = self
            .command("sh", &["-c", command])
            .output()
            .unwrap();
        succeeded(command, &output)
    }

    fn checks(&self) -> Vec<Value> {
        let program = self.sandbox.path("tools/whycap");
        let output = self
            .command(program.to_str().unwrap(), &["doctor", "--json"])
            .output()
            .unwrap();
        checks_in(&output)
    }

    /// Returns all findings except those that are ok.
    fn problems(&self) -> Vec<Value> {
        let mut checks = self.checks();
        checks.retain(|check| check["verdict"] != "ok");
        checks
    }

    fn settings(&self) -> Value {
        serde_json::from_str(&self.sandbox.read(SETTINGS)).unwrap()
    }

    fn edit_settings(&self, edit: impl FnOnce(&mut Value)) {
        let mut settings = self.settings();
        edit(&mut settings);
        self.sandbox.write(SETTINGS, format!("{settings:#}"));
    }

    /// Changes the settings so that they name another program instead of the installed one.
    fn call(&self, program: &str) {
        let settings = self.sandbox.read(SETTINGS);
        let installed = self
            .sandbox
            .path("tools/whycap")
            .display()
            .to_string();
        assert!(settings.contains(&installed), "{settings}");
        self.sandbox
            .write(SETTINGS, settings.replace(&installed, program));
    }

    /// Checks that Claude Code runs the hooks and the status line and recognizes `/whycap`.
    #[track_caller]
    fn assert_works(&self) {
        let settings = self.settings();
        for event in [
            "SessionStart",
            "UserPromptSubmit",
            "Stop",
            "StopFailure",
            "SessionEnd",
        ] {
            let command = &settings["hooks"][event][0]["hooks"][0]["command"];
            self.shell(command.as_str().unwrap());
        }

        let files = [".claude/settings.local.json", ".claude/settings.json"];
        let line = files
            .iter()
            .map(|file| self.project().join(file))
            .chain([self.sandbox.path(SETTINGS)])
            .find_map(|file| {
                let settings: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
                Some(
                    settings["statusLine"]["command"]
                        .as_str()?
                        .to_owned(),
                )
            });
        let line = self.shell(&line.expect("a status line"));
        assert!(line.contains('$'), "{line}");

        let checks = self.checks();
        let command = checks
            .iter()
            .find(|check| check["check"] == "/whycap");
        assert_eq!(command.unwrap()["verdict"], "ok", "{checks:#?}");
        assert_eq!(self.problems(), Vec::<Value>::new());
    }
}

fn checks_in(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["checks"].as_array().unwrap().clone()
}

#[track_caller]
fn succeeded(command: &str, output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {text}{errors}");
    text
}

/// A problem and how to cause it in a working setup.
struct Problem {
    check: &'static str,
    /// The start of the command.
    command: &'static str,
    cause: fn(&Setup),
}

/// The problems for which the advice is a command.
const WITH_COMMAND: [Problem; 12] = [
    Problem {
        check: "status line",
        command: "whycap install --statusline",
        cause: |setup| setup.edit_settings(|settings| remove(settings, "statusLine")),
    },
    Problem {
        check: "status line",
        command: "whycap install --statusline --wrap",
        cause: |setup| {
            let other = json!({"statusLine": {"type": "command", "command": "echo other"}});
            setup
                .sandbox
                .write("work/.claude/settings.local.json", other.to_string());
        },
    },
    Problem {
        check: "status line",
        command: "whycap install --statusline --wrap",
        cause: |setup| {
            setup.edit_settings(|settings| {
                settings["statusLine"] = json!({"type": "command", "command": "echo other"});
            });
        },
    },
    Problem {
        check: "hooks",
        command: "whycap install --hooks",
        cause: |setup| setup.edit_settings(|settings| remove(settings, "hooks")),
    },
    Problem {
        check: "hooks",
        command: "whycap install --hooks",
        cause: |setup| setup.edit_settings(|settings| remove(&mut settings["hooks"], "Stop")),
    },
    Problem {
        check: "/whycap",
        command: "claude plugin enable ",
        cause: |setup| {
            setup.edit_settings(|settings| {
                settings["enabledPlugins"] = json!({"whycap@skills-dir": false});
            });
        },
    },
    Problem {
        check: "/whycap",
        command: "whycap install --hooks",
        cause: |setup| fs::remove_dir_all(setup.sandbox.path(".claude/skills/whycap")).unwrap(),
    },
    Problem {
        check: "program",
        command: "whycap install",
        cause: |setup| setup.call("/gone/whycap"),
    },
    Problem {
        check: "program",
        command: "whycap install",
        cause: |setup| {
            let copy = setup.sandbox.path("a place/whycap");
            fs::create_dir(copy.parent().unwrap()).unwrap();
            copy_program(&copy);
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
            setup.call(&format!("'{}'", copy.display()));
        },
    },
    Problem {
        check: "program",
        command: "whycap install",
        cause: |setup| setup.call("& 'C:/whycap.exe'"),
    },
    Problem {
        check: "program",
        command: "whycap install",
        cause: |setup| {
            setup.write_tool("old/whycap", "exit 0");
            setup.call(
                &setup
                    .sandbox
                    .path("tools/old/whycap")
                    .display()
                    .to_string(),
            );
        },
    },
    Problem {
        check: "client version",
        command: "claude update",
        cause: |setup| {
            let state = json!({"lastReleaseNotesSeen": "2.1.120"});
            setup
                .sandbox
                .write(".claude.json", state.to_string());
        },
    },
];

fn remove(object: &mut Value, key: &str) {
    assert!(object.as_object_mut().unwrap().remove(key).is_some());
}

/// Returns the command in a piece of advice without the explanation in parentheses that may follow it.
fn command_in(fix: &str) -> &str {
    fix.split("  (").next().unwrap()
}

#[test]
fn every_command_that_doctor_recommends_fixes_the_problem() {
    for problem in WITH_COMMAND {
        let setup = Setup::installed();
        (problem.cause)(&setup);
        let problems = setup.problems();
        let finding = problems
            .iter()
            .find(|finding| finding["check"] == problem.check)
            .unwrap_or_else(|| panic!("{}: {problems:#?}", problem.check));

        let fix = finding["fix"].as_str().unwrap();
        assert!(fix.starts_with(problem.command), "{fix}");
        setup.shell(command_in(fix));
        let left = setup.problems();
        assert_eq!(left, Vec::<Value>::new(), "{}: after {fix}", problem.check);
        setup.assert_works();
    }
}

#[test]
fn every_command_that_doctor_recommends_is_tested() {
    let tested: BTreeSet<&str> = WITH_COMMAND
        .iter()
        .map(|problem| problem.command)
        .chain(["sudo chown -R \\"])
        .collect();
    let advised: BTreeSet<&str> = CHECKS
        .into_iter()
        .flat_map(|check| check.split('"'))
        .filter(|text| {
            ["whycap install", "whycap uninstall", "claude ", "sudo "]
                .iter()
                .any(|program| text.starts_with(program))
        })
        .map(|text| text.split('{').next().unwrap())
        .collect();
    assert_eq!(advised, tested);
}

/// Returns what `doctor` reports about transcripts, if they have a problem.
fn transcript_problem(doctor: &mut Command) -> Option<Value> {
    checks_in(&doctor.output().unwrap())
        .into_iter()
        .find(|check| check["check"] == "transcripts" && check["verdict"] != "ok")
}

#[test]
fn unreadable_transcripts_are_readable_after_the_recommended_command() {
    let setup = Setup::installed();
    let transcript = setup.sandbox.write(
        ".claude/projects/a project/s.jsonl",
        "{\"type\":\"user\"}\n",
    );
    let mut command = setup
        .sandbox
        .command_subject_to_permissions(&["doctor", "--json"]);
    fs::set_permissions(&transcript, fs::Permissions::from_mode(0o000)).unwrap();
    let problem = transcript_problem(&mut command).expect("a problem");
    let fix = command_in(problem["fix"].as_str().unwrap()).to_owned();
    setup.shell(&fix.replace(
        "sudo chown -R \"$USER\"",
        "sudo chown -R --from=root \"$USER\"",
    ));
    assert_eq!(transcript_problem(&mut command), None, "after {fix}");
}

/// A problem for which `doctor` does not suggest a command, and the steps of a user who follows its advice.
struct ByHand {
    check: &'static str,
    cause: fn(&Setup),
    follow: fn(&Setup),
}

const BY_HAND: [ByHand; 8] = [
    ByHand {
        check: "settings files",
        cause: |setup| {
            setup
                .sandbox
                .write("work/.claude/settings.json", "{\n  // mine\n}");
        },
        follow: |setup| {
            setup
                .sandbox
                .write("work/.claude/settings.json", "{}");
        },
    },
    ByHand {
        check: "hooks allowed",
        cause: |setup| {
            setup.edit_settings(|settings| settings["disableAllHooks"] = json!(true));
        },
        follow: |setup| setup.edit_settings(|settings| remove(settings, "disableAllHooks")),
    },
    ByHand {
        check: "trusted folder",
        cause: |setup| trust(setup, false),
        follow: |setup| trust(setup, true),
    },
    ByHand {
        check: "who pays",
        cause: |setup| {
            setup.edit_settings(|settings| {
                settings["env"] = json!({"ANTHROPIC_API_KEY": "sk-ant-canary"});
            });
        },
        follow: |setup| setup.edit_settings(|settings| remove(settings, "env")),
    },
    ByHand {
        check: "transcripts",
        cause: |setup| {
            let link = setup.sandbox.path(".claude/projects/p/loop.jsonl");
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(&link, &link).unwrap();
        },
        follow: |setup| {
            let link = setup.sandbox.path(".claude/projects/p/loop.jsonl");
            fs::rename(link, setup.sandbox.path("loop.jsonl")).unwrap();
        },
    },
    ByHand {
        check: "ledger",
        cause: |setup| fs::create_dir_all(ledger(setup)).unwrap(),
        follow: |setup| fs::rename(ledger(setup), setup.sandbox.path("ledger")).unwrap(),
    },
    ByHand {
        check: "locks",
        cause: |setup| {
            setup.sandbox.write(".claude.json.lock", "");
        },
        follow: |setup| {
            setup.shell("whycap --clear-stale-locks");
        },
    },
    ByHand {
        check: "config.toml",
        cause: |setup| {
            setup
                .sandbox
                .write(".config/whycap/config.toml", "[budget]\nday = -1\n");
        },
        follow: |setup| {
            setup
                .sandbox
                .write(".config/whycap/config.toml", "[budget]\n");
        },
    },
];

fn trust(setup: &Setup, accepted: bool) {
    let project = setup.project().canonicalize().unwrap();
    let state =
        json!({"projects": {project.to_str().unwrap(): {"hasTrustDialogAccepted": accepted}}});
    setup
        .sandbox
        .write(".claude.json", state.to_string());
}

fn ledger(setup: &Setup) -> PathBuf {
    whycap::ledger::path_in(&setup.sandbox.path(".local/share/whycap"))
}

#[test]
fn following_the_written_advice_of_doctor_fixes_the_problem() {
    for ByHand {
        check,
        cause,
        follow,
    } in BY_HAND
    {
        let setup = Setup::installed();
        cause(&setup);
        let problems = setup.problems();
        assert!(
            problems
                .iter()
                .any(|problem| problem["check"] == check),
            "{check}: {problems:#?}"
        );
        follow(&setup);
        setup.assert_works();
    }
}

/// The advice must say which of a project's two settings files is affected.
#[test]
fn the_advice_names_the_scope_that_calls_a_missing_program() {
    let setup = Setup::installed();
    setup.shell("whycap install --scope local");
    let settings = setup
        .sandbox
        .read("work/.claude/settings.local.json");
    let installed = setup
        .sandbox
        .path("tools/whycap")
        .display()
        .to_string();
    assert!(settings.contains(&installed), "{settings}");
    setup.sandbox.write(
        "work/.claude/settings.local.json",
        settings.replace(&installed, "/gone/whycap"),
    );
    let problems = setup.problems();
    let fix = problems[0]["fix"].as_str().unwrap();
    let command = "whycap install --scope local";
    assert_eq!(command_in(fix), command, "{problems:#?}");
    setup.shell(command);
    assert_eq!(setup.problems(), Vec::<Value>::new());
    setup.shell("whycap uninstall --scope local");
    setup.assert_works();
    assert!(
        Path::new(
            &setup
                .sandbox
                .path(".claude/skills/whycap/hooks/whycap.js")
        )
        .exists()
    );
}
