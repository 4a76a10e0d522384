//! The plugin: its launcher finds the program, stays out of the way, and speaks at most once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use whycap::claude::hook_event::EventName;
use whycap::environment::Environment;
use whycap::install::entries::EVENTS;
use whycap::install::plugin;
use whycap::places::Places;

use crate::support::{Sandbox, write_script};

fn repository(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn json(relative: &str) -> Value {
    serde_json::from_slice(&fs::read(repository(relative)).unwrap()).unwrap()
}

/// A stand-in for whycap that says from where it was found and what it was given.
fn put_program(path: &Path) {
    write_script(
        path,
        "#!/bin/sh\nprintf '%s %s from=%s in=' \"$0\" \"$*\" \"$WHYCAP_FROM\"\ncat\n",
    );
}

/// Runs the launcher with a plugin data directory and a PATH that has no whycap.
fn launch(sandbox: &Sandbox, event: &str, search: &str) -> Output {
    use std::io::Write;
    let data = sandbox.path("plugin data");
    fs::create_dir_all(&data).unwrap();
    let mut child = Command::new("/bin/sh")
        .arg(repository("hooks/whycap-hook"))
        .arg(event)
        .env_clear()
        .env("HOME", sandbox.home())
        .env("PATH", search)
        .env("CLAUDE_PLUGIN_DATA", data)
        .env("CLAUDE_PLUGIN_ROOT", sandbox.path("plugin"))
        .current_dir(sandbox.home())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The launcher may end without reading.
    let _ = child.stdin.take().unwrap().write_all(b"{\"a\":1}");
    child.wait_with_output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_launcher_finds_the_program_in_each_place_in_order() {
    let sandbox = Sandbox::new();
    let on_path = sandbox.path("a b/bin");
    let search = format!("/nowhere:{}:/usr/bin:/bin", on_path.display());
    for place in [
        sandbox.path(".cargo/bin/whycap"),
        sandbox.path(".local/bin/whycap"),
        on_path.join("whycap"),
        sandbox.path("plugin data/bin/whycap"),
    ] {
        put_program(&place);
        assert_eq!(
            said(&launch(&sandbox, "Stop", &search)),
            format!("{} hook from=plugin in={{\"a\":1}}", place.display())
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_program_that_the_plugin_brought_runs_where_the_user_has_none() {
    let sandbox = Sandbox::new();
    let system = match std::env::consts::ARCH {
        "x86_64" => "linux-x64",
        "aarch64" => "linux-arm64",
        other => panic!("no program is made for {other}"),
    };
    let brought = sandbox.path("plugin/programs").join(system).join("whycap");
    put_program(&brought);
    put_program(&sandbox.path("plugin/programs/win32-x64/whycap"));
    // A project may name a PATH of its own, with a uname in it.
    write_script(&sandbox.path("evil/uname"), "#!/bin/sh\necho MINGW64\n");
    let search = format!("{}:/usr/bin:/bin", sandbox.path("evil").display());
    let ran = |place: &Path| format!("{} hook from=plugin in={{\"a\":1}}", place.display());
    assert_eq!(said(&launch(&sandbox, "Stop", &search)), ran(&brought));
    let own = sandbox.path(".local/bin/whycap");
    put_program(&own);
    assert_eq!(said(&launch(&sandbox, "Stop", &search)), ran(&own));
}

#[test]
fn a_program_in_the_project_s_directory_is_never_run() {
    let sandbox = Sandbox::new();
    put_program(&sandbox.path("whycap"));
    put_program(&sandbox.path("bin/whycap"));
    for search in ["", ".", ":/usr/bin:", "bin:/usr/bin", "/usr/bin:*:/bin"] {
        assert_eq!(said(&launch(&sandbox, "Stop", search)), "", "PATH={search}");
    }
}

#[test]
fn a_missing_program_is_mentioned_once_ever() {
    let sandbox = Sandbox::new();
    for event in ["UserPromptSubmit", "StopFailure", "Stop", "SessionEnd"] {
        assert_eq!(said(&launch(&sandbox, event, "/usr/bin:/bin")), "");
    }
    let first = said(&launch(&sandbox, "SessionStart", "/usr/bin:/bin"));
    let message: Value = serde_json::from_str(&first).unwrap();
    let text = message["systemMessage"].as_str().unwrap();
    assert!(text.contains("not on this machine yet"), "{text}");
    assert_eq!(message.as_object().unwrap().len(), 1);
    assert_eq!(said(&launch(&sandbox, "SessionStart", "/usr/bin:/bin")), "");
}

#[test]
fn what_cannot_be_remembered_is_not_said() {
    let output = Command::new("/bin/sh")
        .arg(repository("hooks/whycap-hook"))
        .arg("SessionStart")
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(said(&output), "");
}

#[test]
fn a_program_that_cannot_run_or_fails_does_not_reach_the_host() {
    let sandbox = Sandbox::new();
    let program = sandbox.path(".local/bin/whycap");
    write_script(&program, b"\x7fELF of another machine\0\0");
    assert_eq!(said(&launch(&sandbox, "Stop", "/usr/bin:/bin")), "");
    write_script(&program, "#!/bin/sh\necho trouble >&2\nexit 2\n");
    assert_eq!(said(&launch(&sandbox, "Stop", "/usr/bin:/bin")), "");
}

#[test]
fn the_real_program_runs_through_the_launcher() {
    let sandbox = Sandbox::new();
    let place = sandbox.path(".local/bin/whycap");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_whycap"), place).unwrap();
    said(&launch(&sandbox, "Stop", "/usr/bin:/bin"));
}

#[test]
fn the_plugin_listens_to_the_same_events_as_the_settings() {
    let hooks = json("hooks/hooks.json");
    let events: Vec<_> = hooks["hooks"].as_object().unwrap().iter().collect();
    assert_eq!(events.len(), EVENTS.len());
    for ((name, groups), (event, timeout)) in events.into_iter().zip(EVENTS) {
        let event = event.as_str();
        assert_eq!(name, event);
        let handler = &groups[0]["hooks"][0];
        assert_eq!(handler["timeout"], timeout);
        let command = handler["command"].as_str().unwrap();
        assert!(
            command.ends_with(&format!("/hooks/whycap-hook\" {event}")),
            "{command}"
        );
        assert_eq!(groups[0].get("matcher"), None);
    }
}

#[test]
fn the_manifests_agree_with_the_program() {
    let plugin = json(".claude-plugin/plugin.json");
    assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(plugin["license"], env!("CARGO_PKG_LICENSE"));
    let marketplace = json(".claude-plugin/marketplace.json");
    assert_eq!(marketplace["plugins"][0]["name"], plugin["name"]);
    for command in ["explain", "spend", "locks", "doctor"] {
        let text = fs::read_to_string(repository(&format!("commands/{command}.md"))).unwrap();
        assert!(text.starts_with("---\ndescription: "), "{command}");
        assert!(text.contains(&format!("`whycap {command}`")), "{command}");
    }
}

/// A command file of this name in the plugin would be a prompt, and would not be ours either.
#[test]
fn the_module_answers_what_the_commands_offer() {
    let modules = json("hooks/hooks.json")["modules"].clone();
    assert_eq!(modules, serde_json::json!(["./whycap.js"]));
    let module = fs::read_to_string(repository("hooks/whycap.js")).unwrap();
    assert!(module.contains("name: 'whycap'"));
    for command in ["explain", "spend", "locks", "doctor"] {
        assert!(module.contains(&format!("'whycap:{command}'")), "{command}");
    }
    let event = format!("hook_event_name: '{}'", EventName::CommandRun.as_str());
    assert!(module.contains(&event));
}

#[test]
fn a_registered_command_is_answered_although_the_settings_run_hooks() {
    let sandbox = Sandbox::new();
    let (places, from_plugin) = environment(&sandbox, "plugin");
    sandbox.run(&["install", "--hooks"]).success();
    let event = EventName::CommandRun;
    assert!(!plugin::is_second_run(&places, &from_plugin, event));
}

fn environment(sandbox: &Sandbox, from: &str) -> (Places, Environment) {
    let variables = [
        ("HOME", sandbox.home().into_os_string()),
        ("WHYCAP_DATA_DIR", sandbox.path("data").into_os_string()),
        (
            "CLAUDE_PLUGIN_DATA",
            sandbox.path("plugin").into_os_string(),
        ),
        (
            "CLAUDE_PROJECT_DIR",
            sandbox.path("project").into_os_string(),
        ),
        ("WHYCAP_FROM", from.into()),
    ];
    let variables = variables.map(|(name, value)| (name.into(), value));
    let environment = Environment::new(variables, chrono::DateTime::UNIX_EPOCH);
    (Places::of(&environment), environment)
}

#[test]
fn plugin_and_settings_together_act_once() {
    let sandbox = Sandbox::new();
    let (places, from_plugin) = environment(&sandbox, "plugin");
    let (_, settings) = environment(&sandbox, "");
    assert!(!plugin::is_second_run(
        &places,
        &from_plugin,
        EventName::StopFailure
    ));
    sandbox.run(&["install", "--hooks"]).success();
    assert!(plugin::is_second_run(
        &places,
        &from_plugin,
        EventName::StopFailure
    ));
    assert!(!plugin::is_second_run(
        &places,
        &settings,
        EventName::StopFailure
    ));
}

#[test]
fn a_wired_program_that_is_gone_leaves_the_work_to_the_plugin() {
    let sandbox = Sandbox::new();
    let (places, from_plugin) = environment(&sandbox, "plugin");
    sandbox.write(
        ".claude/settings.json",
        r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "/gone/whycap hook"}]}]}}"#,
    );
    assert!(!plugin::is_second_run(
        &places,
        &from_plugin,
        EventName::Stop
    ));
}

#[test]
fn hooks_wired_in_the_project_count_as_well() {
    let sandbox = Sandbox::new();
    let (places, from_plugin) = environment(&sandbox, "plugin");
    let command = format!("{} hook", env!("CARGO_BIN_EXE_whycap"));
    let hooks = serde_json::json!({"hooks": {"Stop": [{"hooks": [{"command": command}]}]}});
    sandbox.write("project/.claude/settings.local.json", hooks.to_string());
    assert!(plugin::is_second_run(
        &places,
        &from_plugin,
        EventName::Stop
    ));
}

#[test]
fn the_status_line_hint_is_given_once_and_only_where_it_helps() {
    let sandbox = Sandbox::new();
    let (places, from_plugin) = environment(&sandbox, "plugin");
    let (_, settings) = environment(&sandbox, "");
    assert_eq!(plugin::status_line_hint(&places, &settings), None);
    let hint = plugin::status_line_hint(&places, &from_plugin).expect("the first time");
    assert!(
        hint.contains("whycap install --statusline") && !hint.contains('\n'),
        "{hint}"
    );
    assert_eq!(plugin::status_line_hint(&places, &from_plugin), None);

    let installed = Sandbox::new();
    let (places, from_plugin) = environment(&installed, "plugin");
    installed.run(&["install", "--statusline"]).success();
    assert_eq!(plugin::status_line_hint(&places, &from_plugin), None);
}
