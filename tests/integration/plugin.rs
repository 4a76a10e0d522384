//! Tests that the plugin's launcher finds the program, never disturbs Claude Code, and prints its message at most once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use whycap::claude::hook_event::EventName;
use whycap::environment::{Environment, Paths};
use whycap::install::entries::EVENTS;
use whycap::install::plugin;

use crate::support::{Run, Sandbox, write_script};

fn repository(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn json(relative: &str) -> Value {
    serde_json::from_slice(&fs::read(repository(relative)).unwrap()).unwrap()
}

/// Writes a stub for whycap that prints its own path and its input.
fn put_program(path: &Path) {
    write_script(
        path,
        "#!/bin/sh\nprintf '%s %s from=%s in=' \"$0\" \"$*\" \"$WHYCAP_FROM\"\ncat\n",
    );
}

/// Runs the launcher with a plugin data directory and a `PATH` that does not contain whycap.
fn launch(sandbox: &Sandbox, event: &str, search: &str) -> Run {
    launch_in(sandbox, &sandbox.home(), event, search)
}

/// Like [`launch`], but in a given project.
fn launch_in(sandbox: &Sandbox, project: &Path, event: &str, search: &str) -> Run {
    let data = sandbox.path("plugin data");
    fs::create_dir_all(&data).unwrap();
    let mut command = Command::new("/bin/sh");
    command
        .arg(repository("hooks/whycap-hook"))
        .arg(event)
        .env_clear()
        .env("HOME", sandbox.home())
        .env("PATH", search)
        .env("CLAUDE_PLUGIN_DATA", data)
        .env("CLAUDE_PLUGIN_ROOT", sandbox.path("plugin"))
        .env("CLAUDE_PROJECT_DIR", project)
        .current_dir(project);
    Run::of(&mut command, b"{\"a\":1}")
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
            launch(&sandbox, "Stop", &search).success(),
            format!("{} hook from=plugin in={{\"a\":1}}", place.display())
        );
    }
}

/// Returns what an executable from `put_program` prints.
#[cfg(target_os = "linux")]
fn output_of(program: &Path) -> String {
    format!("{} hook from=plugin in={{\"a\":1}}", program.display())
}

#[cfg(target_os = "linux")]
#[test]
fn the_packaged_program_runs_if_the_user_has_none() {
    let sandbox = Sandbox::new();
    let system = match std::env::consts::ARCH {
        "x86_64" => "linux-x86_64",
        "aarch64" => "linux-aarch64",
        other => panic!("no program is made for {other}"),
    };
    let packaged = sandbox
        .path("plugin/programs")
        .join(system)
        .join("whycap");
    put_program(&packaged);
    put_program(&sandbox.path("plugin/programs/windows-x86_64/whycap"));
    // A project may set a `PATH` that contains a malicious `uname`.
    write_script(&sandbox.path("evil/uname"), "#!/bin/sh\necho MINGW64\n");
    let search = format!("{}:/usr/bin:/bin", sandbox.path("evil").display());
    let output = launch(&sandbox, "Stop", &search);
    assert_eq!(output.success(), output_of(&packaged));
    let installed = sandbox.path(".local/bin/whycap");
    put_program(&installed);
    let output = launch(&sandbox, "Stop", &search);
    assert_eq!(output.success(), output_of(&installed));
}

#[test]
fn a_program_in_the_project_s_directory_is_never_run() {
    let sandbox = Sandbox::new();
    put_program(&sandbox.path("whycap"));
    put_program(&sandbox.path("bin/whycap"));
    for search in ["", ".", ":/usr/bin:", "bin:/usr/bin", "/usr/bin:*:/bin"] {
        assert_eq!(
            launch(&sandbox, "Stop", search).success(),
            "",
            "PATH={search}"
        );
    }
    let project = sandbox.path("work/api");
    put_program(&project.join("bin/whycap"));
    put_program(&sandbox.path("work/bin/whycap"));
    std::os::unix::fs::symlink(&project, sandbox.path("linked")).unwrap();
    let home = sandbox.home();
    for search in [
        format!("{}/bin:/usr/bin", project.display()),
        format!("{}/bin", sandbox.path("linked").display()),
        format!("{}/work/../work/api/bin", home.display()),
        "/proc/self/cwd/bin".to_owned(),
    ] {
        let launched = launch_in(&sandbox, &project, "Stop", &search);
        assert_eq!(launched.success(), "", "PATH={search}");
    }
    // Directories next to the project belong to the user.
    let search = format!("{}/bin:{}/work/bin", project.display(), home.display());
    let run = launch_in(&sandbox, &project, "Stop", &search);
    let ran = run.success();
    assert!(
        ran.starts_with(&*sandbox.path("work/bin/whycap").to_string_lossy()),
        "{ran}"
    );
}

#[test]
fn a_missing_program_is_mentioned_once_ever() {
    let sandbox = Sandbox::new();
    for event in ["UserPromptSubmit", "StopFailure", "Stop", "SessionEnd"] {
        assert_eq!(launch(&sandbox, event, "/usr/bin:/bin").success(), "");
    }
    let first = launch(&sandbox, "SessionStart", "/usr/bin:/bin");
    let message = first.json();
    let text = message["systemMessage"].as_str().unwrap();
    assert!(text.contains("not on this machine yet"), "{text}");
    assert_eq!(message.as_object().unwrap().len(), 1);
    assert_eq!(
        launch(&sandbox, "SessionStart", "/usr/bin:/bin").success(),
        ""
    );
}

#[test]
fn a_note_that_cannot_be_marked_as_shown_is_not_shown() {
    let mut command = Command::new("/bin/sh");
    command
        .arg(repository("hooks/whycap-hook"))
        .arg("SessionStart")
        .env_clear();
    assert_eq!(Run::of(&mut command, b"").success(), "");
}

#[test]
fn a_program_that_fails_does_not_disturb_claude_code() {
    let sandbox = Sandbox::new();
    let program = sandbox.path(".local/bin/whycap");
    write_script(&program, b"\x7fELF of another machine\0\0");
    assert_eq!(launch(&sandbox, "Stop", "/usr/bin:/bin").success(), "");
    write_script(&program, "#!/bin/sh\necho trouble >&2\nexit 2\n");
    assert_eq!(launch(&sandbox, "Stop", "/usr/bin:/bin").success(), "");
}

#[test]
fn the_real_program_runs_through_the_launcher() {
    let sandbox = Sandbox::new();
    let place = sandbox.path(".local/bin/whycap");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_whycap"), place).unwrap();
    launch(&sandbox, "Stop", "/usr/bin:/bin").success();
}

#[test]
fn the_plugin_handles_the_same_events_as_the_settings() {
    let hooks = json("hooks/hooks.json");
    let events: Vec<_> = hooks["hooks"].as_object().unwrap().iter().collect();
    assert_eq!(events.len(), EVENTS.len());
    for ((name, groups), (event, timeout)) in events.into_iter().zip(EVENTS) {
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
    let text = fs::read_to_string(repository("commands/explain.md")).unwrap();
    assert!(text.starts_with("---\ndescription: ") && text.contains("`whycap explain`"));
}

/// Claude Code treats command files as prompts, and prompts cancel the auto-resume. Therefore, the plugin contains only
/// one command file, for clients that do not support modules. If a command file had the same name as the module's
/// command, the model would answer instead of whycap.
#[test]
fn the_module_answers_everything_that_the_command_file_offers() {
    let files = fs::read_dir(repository("commands")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["explain.md"]);
    let modules = json("hooks/hooks.json")["modules"].clone();
    assert_eq!(modules, serde_json::json!(["./whycap.js"]));
    let module = fs::read_to_string(repository("hooks/whycap.js")).unwrap();
    assert!(module.contains("name: 'whycap'") && module.contains("['whycap', 'whycap:explain']"));
    let name = serde_json::json!(EventName::CommandRun);
    let event = format!("hook_event_name: '{}'", name.as_str().unwrap());
    assert!(module.contains(&event));
}

#[test]
fn a_registered_command_is_answered_even_if_the_settings_run_hooks() {
    let sandbox = Sandbox::new();
    let (paths, from_plugin) = environment(&sandbox, "plugin");
    sandbox.run(&["install", "--hooks"]).success();
    let event = EventName::CommandRun;
    assert!(!plugin::is_second_run(&paths, &from_plugin, event));
}

fn environment(sandbox: &Sandbox, from: &str) -> (Paths, Environment) {
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
    ]
    .map(|(name, value)| (name.into(), value));
    let environment = Environment::new(variables, chrono::DateTime::UNIX_EPOCH);
    (Paths::of(&environment), environment)
}

#[test]
fn plugin_and_settings_together_act_once() {
    let sandbox = Sandbox::new();
    let (paths, from_plugin) = environment(&sandbox, "plugin");
    let (_, settings) = environment(&sandbox, "");
    assert!(!plugin::is_second_run(
        &paths,
        &from_plugin,
        EventName::StopFailure
    ));
    sandbox.run(&["install", "--hooks"]).success();
    assert!(plugin::is_second_run(
        &paths,
        &from_plugin,
        EventName::StopFailure
    ));
    assert!(!plugin::is_second_run(
        &paths,
        &settings,
        EventName::StopFailure
    ));
}

#[test]
fn the_plugin_takes_over_if_the_installed_executable_is_missing() {
    let sandbox = Sandbox::new();
    let (paths, from_plugin) = environment(&sandbox, "plugin");
    sandbox.write(
        ".claude/settings.json",
        r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "/gone/whycap hook"}]}]}}"#,
    );
    assert!(!plugin::is_second_run(
        &paths,
        &from_plugin,
        EventName::Stop
    ));
}

#[test]
fn hooks_in_project_settings_count_as_well() {
    let sandbox = Sandbox::new();
    let (paths, from_plugin) = environment(&sandbox, "plugin");
    let command = format!("{} hook", env!("CARGO_BIN_EXE_whycap"));
    let hooks = serde_json::json!({"hooks": {"Stop": [{"hooks": [{"command": command}]}]}});
    sandbox.write("project/.claude/settings.local.json", hooks.to_string());
    assert!(plugin::is_second_run(&paths, &from_plugin, EventName::Stop));
}

#[test]
fn the_status_line_hint_is_shown_once_and_only_if_it_helps() {
    let sandbox = Sandbox::new();
    let (paths, from_plugin) = environment(&sandbox, "plugin");
    let (_, settings) = environment(&sandbox, "");
    assert_eq!(plugin::status_line_hint(&paths, &settings), None);
    let hint = plugin::status_line_hint(&paths, &from_plugin).expect("the first time");
    assert!(
        hint.contains("/whycap line on") && !hint.contains('\n'),
        "{hint}"
    );
    assert_eq!(plugin::status_line_hint(&paths, &from_plugin), None);

    let installed = Sandbox::new();
    let (paths, from_plugin) = environment(&installed, "plugin");
    installed.run(&["install", "--statusline"]).success();
    assert_eq!(plugin::status_line_hint(&paths, &from_plugin), None);
}

/// A plugin package that contains the program under test.
#[cfg(target_os = "linux")]
struct Package {
    sandbox: Sandbox,
    program: PathBuf,
}

#[cfg(target_os = "linux")]
impl Package {
    fn new(version: &str) -> Self {
        let sandbox = Sandbox::new();
        let architecture = std::env::consts::ARCH;
        let program = sandbox.path(&format!(
            "plugin/{version}/programs/linux-{architecture}/whycap"
        ));
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        crate::support::copy_program(&program);
        sandbox.write(
            &format!("plugin/{version}/.claude-plugin/plugin.json"),
            format!("{{\"name\": \"whycap\", \"version\": \"{version}\"}}"),
        );
        Self { sandbox, program }
    }

    fn copy(&self) -> PathBuf {
        self.sandbox.path("plugin data/bin/whycap")
    }

    /// Returns what this program's hook prints for an event.
    fn hook(&self, program: &Path, event: &Value) -> String {
        let root = self.program.ancestors().nth(3).unwrap();
        let mut command = Command::new(program);
        command
            .arg("hook")
            .env_clear()
            .current_dir(self.sandbox.home());
        for (name, value) in [
            ("HOME", self.sandbox.home()),
            ("WHYCAP_DATA_DIR", self.sandbox.path("data")),
            ("CLAUDE_PLUGIN_ROOT", root.to_owned()),
            ("CLAUDE_PLUGIN_DATA", self.sandbox.path("plugin data")),
            ("WHYCAP_FROM", "plugin".into()),
        ] {
            command.env(name, value);
        }
        crate::support::Run::of(&mut command, event.to_string().as_bytes())
            .success()
            .to_owned()
    }

    fn ask(&self, words: &str) -> String {
        let event = serde_json::json!({
            "hook_event_name": "command.run", "session_id": "s", "prompt": format!("/whycap {words}"),
        });
        let answer: Value = serde_json::from_str(&self.hook(&self.program, &event)).unwrap();
        answer["text"].as_str().unwrap().to_owned()
    }

    fn settings(&self) -> Value {
        serde_json::from_str(&self.sandbox.read(".claude/settings.json")).unwrap()
    }
}

#[cfg(target_os = "linux")]
#[test]
fn line_on_adds_a_status_line_with_a_stable_path_and_line_off_removes_it() {
    let package = Package::new("9.9.9");
    let before = "{\n  \"model\": \"opus\"\n}\n";
    package
        .sandbox
        .write(".claude/settings.json", before);
    let answer = package.ask("line on");
    assert!(answer.contains("The status line is on"), "{answer}");
    let settings = package.settings();
    let command = settings["statusLine"]["command"].as_str().unwrap();
    // An update replaces the package's directory.
    let copy = package.copy();
    assert_eq!(command, format!("'{}' statusline", copy.display()));
    assert!(settings.get("hooks").is_none(), "the plugin has them");
    let status_line = Command::new("/bin/sh")
        .args(["-c", command])
        .env("HOME", package.sandbox.home())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!status_line.stdout.is_empty());
    assert!(package.ask("line on").contains("already on"));
    assert!(
        package
            .ask("line off")
            .contains("The status line is off.")
    );
    assert_eq!(package.sandbox.read(".claude/settings.json"), before);
    assert!(
        package
            .ask("line off")
            .contains("Nothing was changed")
    );
    assert!(package.ask("line").contains("/whycap line on|off"));
}

#[cfg(target_os = "linux")]
#[test]
fn line_on_shows_another_programs_status_line_too_and_line_off_keeps_hooks() {
    let mut package = Package::new("9.9.9");
    let data = package.sandbox.path("data");
    let sandbox = package.sandbox;
    package.sandbox = sandbox.variable("WHYCAP_DATA_DIR", data.to_str().unwrap());
    let own_settings = "{\"statusLine\": {\"type\": \"command\", \"command\": \"echo theirs\"}}";
    package
        .sandbox
        .write(".claude/settings.json", own_settings);
    for _ in 0..2 {
        let answer = package.ask("line on");
        assert!(answer.contains("The status line is on"), "{answer}");
        let shown = package.sandbox.run_with(&["statusline"], b"{}");
        assert_eq!(shown.success().lines().next(), Some("theirs"));
        assert!(
            package
                .ask("line off")
                .contains("The status line is off.")
        );
        assert_eq!(package.sandbox.read(".claude/settings.json"), own_settings);
    }

    let installed = Package::new("9.9.9");
    installed.sandbox.run(&["install"]).success();
    assert!(
        installed
            .ask("line off")
            .contains("The status line is off.")
    );
    let settings = installed.settings();
    assert!(settings.get("statusLine").is_none() && settings.get("hooks").is_some());
}

/// Only whycap has changed the settings, so the README promises to restore them byte for byte.
#[cfg(target_os = "linux")]
#[test]
fn uninstall_restores_the_settings_after_the_line_was_off() {
    let original = "{\n  \"model\": \"opus\",\n  \"cleanupPeriodDays\": 60 }";
    for questions in [&["line off"][..], &["line off", "line on"]] {
        let mut package = Package::new("9.9.9");
        let data = package.sandbox.path("data");
        let sandbox = package.sandbox;
        package.sandbox = sandbox.variable("WHYCAP_DATA_DIR", data.to_str().unwrap());
        package
            .sandbox
            .write(".claude/settings.json", original);
        package.sandbox.run(&["install"]).success();
        for question in questions {
            package.ask(question);
        }
        package.sandbox.run(&["uninstall"]).success();
        assert_eq!(
            package.sandbox.read(".claude/settings.json"),
            original,
            "{questions:?}"
        );
    }
}

/// There was no settings file before `install`. `/whycap line off` and `line on` made a "backup of your settings" that
/// contained only whycap's hooks, so restoring it would have brought whycap back.
#[cfg(target_os = "linux")]
#[test]
fn settings_that_only_whycap_has_written_are_not_backed_up() {
    for written_by_user in [None, Some("{\n  \"theme\": \"dark\"\n}\n")] {
        let mut package = Package::new("9.9.9");
        let data = package.sandbox.path("data");
        let sandbox = package.sandbox;
        package.sandbox = sandbox.variable("WHYCAP_DATA_DIR", data.to_str().unwrap());
        let settings = package.sandbox.path(".claude/settings.json");
        let backup = package
            .sandbox
            .path(".claude/settings.json.whycap-backup");
        if let Some(text) = written_by_user {
            package.sandbox.write(".claude/settings.json", text);
        }
        package.sandbox.run(&["install"]).success();
        package.ask("line off");
        package.ask("line on");
        package.sandbox.run(&["install"]).success();
        let text = fs::read_to_string(&backup).ok();
        assert_eq!(text.as_deref(), written_by_user);

        let run = package.sandbox.run(&["uninstall"]);
        assert!(!run.success().contains("whycap-backup"), "{run:?}");
        let text = fs::read_to_string(&settings).ok();
        assert_eq!(text.as_deref(), written_by_user);
        assert!(!backup.exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_updated_plugin_renews_the_copied_executable() {
    let package = Package::new("9.9.9");
    package.ask("line on");
    let copy = package.copy();
    let start = serde_json::json!({
        "hook_event_name": "SessionStart", "session_id": "s", "source": "startup",
    });
    // The package already contains the new version of the program, but the copy of the old version still handles the
    // event.
    let newer = fs::read(&package.program).unwrap();
    fs::remove_file(&package.program).unwrap();
    write_script(&package.program, "#!/bin/sh\necho newer\n");
    package.hook(&copy, &start);
    assert_ne!(fs::read(&copy).unwrap(), newer);
    let status_line = Command::new(&copy).output().unwrap();
    assert_eq!(status_line.stdout, b"newer\n");

    let before = fs::metadata(&copy).unwrap().modified().unwrap();
    package.hook(&copy, &start);
    assert_eq!(fs::metadata(&copy).unwrap().modified().unwrap(), before);
}

#[test]
fn install_leaves_the_command_to_a_plugin_that_the_user_has_enabled() {
    let sandbox = Sandbox::new();
    let with_plugin = "{\"enabledPlugins\": {\"whycap@whycap\": true}}";
    sandbox.write(".claude/settings.json", with_plugin);
    sandbox.run(&["install"]).success();
    assert!(!sandbox.path(".claude/skills").exists());
    assert!(!sandbox.path(".claude/commands").exists());
    let doctor = sandbox.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("OK, with no warnings."),
        "{doctor:?}"
    );

    let run = sandbox.run(&["uninstall"]);
    let remains = "the plugin: claude plugin uninstall whycap@whycap";
    assert!(run.success().contains(remains), "{run:?}");
    assert_eq!(sandbox.read(".claude/settings.json"), with_plugin);
}
