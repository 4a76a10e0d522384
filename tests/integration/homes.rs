//! Tests home directories with long or non-Latin paths and home directories on other machines.

use std::fs;

use serde_json::{Value, json};

use crate::histories::{matches_truth, spend, truth_of};
use crate::support::{Sandbox, data};

const HISTORY: &str = "compaction-and-subagent";

/// Uses whycap as a user would, from installation to removal.
fn use_from_install_to_removal(sandbox: &Sandbox) {
    sandbox.copy_tree(&data(&format!("histories/{HISTORY}/home")), "");
    let before = "{\n  \"model\": \"opus\"\n}\n";
    let settings = sandbox.write(".claude/settings.json", before);
    sandbox.write(
        ".config/whycap/config.toml",
        "[statusline]\nsegments = [\"directory\", \"branch\", \"today\"]\n",
    );
    sandbox.run(&["install"]).success();
    let installed: Value = serde_json::from_slice(&fs::read(&settings).unwrap()).unwrap();
    assert!(installed["statusLine"]["command"].is_string());

    sandbox.write("src/api/.git/HEAD", "ref: refs/heads/topic\n");
    let directory = sandbox.path("src/api");
    let payload = json!({
        "session_id": "a-session", "cwd": directory, "workspace": { "current_dir": directory },
        "model": { "display_name": "Opus 5.5" },
    });
    let line = sandbox.run_with(&["statusline"], payload.to_string().as_bytes());
    for part in ["api", "topic"] {
        assert!(line.success().contains(part), "{}", line.stdout);
    }

    for _ in 0..2 {
        matches_truth(&spend(sandbox, "project"), &truth_of(HISTORY));
    }
    let target_path = sandbox.path("out");
    let target = target_path.to_str().unwrap();
    sandbox.run(&["export", target]).success();
    sandbox.run(&["export", target]).success();
    let all = sandbox
        .run(&["spend", "--from", target, "--json"])
        .json();
    matches_truth(&all, &truth_of(HISTORY));
    let page_path = sandbox.path("page.html");
    let page = page_path.to_str().unwrap();
    sandbox.run(&["spend", "--html", page]).success();
    assert!(fs::read_to_string(page).unwrap().contains("</html>"));

    let stopped = json!({
        "hook_event_name": "StopFailure", "session_id": "a-session", "cwd": directory,
        "error": "rate_limit", "last_assistant_message": "You've hit your session limit \u{b7} resets 10am (UTC)",
    });
    sandbox
        .run_with(&["hook"], stopped.to_string().as_bytes())
        .success();
    let explained = sandbox.run(&["explain"]);
    assert!(explained.success().contains("10:00"), "{explained:?}");
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.stdout.contains("found no problem"), "{doctor:?}");

    sandbox.run(&["uninstall"]).success();
    assert_eq!(fs::read_to_string(&settings).unwrap(), before);
}

/// On Windows, paths are limited to 260 characters unless a program opts in to longer ones.
#[test]
fn whycap_works_in_a_deeply_nested_home() {
    let name = "a long name that somebody gave to a directory".repeat(2);
    let sandbox =
        Sandbox::with_home_at(|root| (0..4).fold(root.join("home"), |at, _| at.join(&name)));
    assert!(sandbox.home().as_os_str().len() > 360);
    use_from_install_to_removal(&sandbox);
}

#[test]
fn whycap_works_in_a_home_with_non_ascii_names() {
    use_from_install_to_removal(&Sandbox::with_home_at(|root| {
        root.join("Zoë O'Brien & Söhne (100%)")
            .join("東京 \u{1f980} $HOME")
    }));
}

/// Linux is excluded, because it has only one way to write a path.
#[test]
#[cfg(windows)]
fn whycap_works_in_a_home_on_another_machine() {
    let sandbox = Sandbox::with_home_at(|root| {
        // Windows exposes `C:\` to other machines as the share `C$`. Wine provides this share only if `.ci/cross` has
        // created it.
        let path = root.to_str().unwrap().replacen(':', "$", 1);
        std::path::PathBuf::from(format!(r"\\localhost\{path}")).join("home")
    });
    use_from_install_to_removal(&sandbox);
}

/// Linux is excluded, because these names refer to two different directories there.
#[test]
#[cfg(any(windows, target_os = "macos"))]
fn file_names_in_different_case_are_the_same_files() {
    let home = Sandbox::new();
    home.copy_tree(&data("histories/forks-of-forks/home"), "");
    let before = spend(&home, "project");
    home.run(&["install"]).success();
    let settings = fs::read_to_string(home.path(".claude/settings.json")).unwrap();

    let both = [".claude", ".CLAUDE"].map(|name| home.path(name).display().to_string());
    let with_both = home.variable("CLAUDE_CONFIG_DIR", both.join(","));
    assert_eq!(spend(&with_both, "project"), before);
    let incidents = with_both.run(&["incidents", "--json"]).json();
    assert_eq!(incidents["sums"]["errors"], 1);

    let sandbox = with_both.variable("CLAUDE_CONFIG_DIR", &both[1]);
    assert_eq!(spend(&sandbox, "session")["total"], before["total"]);
    sandbox.run(&["install"]).success();
    let now = fs::read_to_string(sandbox.path(".claude/settings.json")).unwrap();
    assert_eq!(now, settings);
}
