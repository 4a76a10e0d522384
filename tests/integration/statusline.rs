//! What the status line says, on payloads that the real client sent.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Sandbox, data};

fn shown(sandbox: &Sandbox, payload: &[u8]) -> String {
    let run = sandbox.run_with(&["statusline"], payload);
    run.success().trim_end().to_owned()
}

fn plain(columns: &str) -> Sandbox {
    Sandbox::new()
        .variable("NO_COLOR", "1")
        .variable("COLUMNS", columns)
}

fn recorded(name: &str) -> Vec<u8> {
    fs::read(data(&format!("statusline/{name}.json"))).unwrap()
}

#[test]
fn every_recorded_payload_has_its_line() {
    let sandbox = plain("160");
    insta::assert_snapshot!(shown(&sandbox, &recorded("session-start")), @"Sonnet 5.5 │ session $0.00 │ today $0.00");
    insta::assert_snapshot!(shown(&sandbox, &recorded("plan")), @"Sonnet 5.5 │ session $0.0037 │ today $0.0037 │ 5h 42% resets 08:04, in 1 h 34 m  week 17% resets Mon 19:24, in 3 d 12 h │ context 0%");
    insta::assert_snapshot!(shown(&sandbox, &recorded("plan-at-limit")), @"Sonnet 5.5 │ session $0.0037 │ today $0.0037 │ 5h 100% resets 08:04, in 1 h 34 m  week 40% resets Mon 19:24, in 3 d 12 h │ context 0%");
    insta::assert_snapshot!(shown(&sandbox, &recorded("api-key")), @"Sonnet 5.5 │ session $0.0037 │ today $0.0037 │ context 0%");
}

#[test]
fn colours_say_how_full_a_window_is() {
    let sandbox = Sandbox::new().variable("COLUMNS", "160");
    let line = shown(&sandbox, &recorded("plan-at-limit")).replace('\u{1b}', "ESC");
    assert!(
        line.contains("ESC[1mESC[31m100%ESC[0m"),
        "a full window is red: {line}"
    );
    assert!(
        line.contains("ESC[32m40%ESC[0m"),
        "one with room is green: {line}"
    );
}

#[test]
fn the_line_fits_every_width_and_is_never_blank() {
    for name in ["plan", "plan-at-limit", "api-key", "session-start"] {
        for columns in 1..180_usize {
            let line = shown(&plain(&columns.to_string()), &recorded(name));
            let width = line
                .lines()
                .map(unicode_width::UnicodeWidthStr::width)
                .max()
                .unwrap();
            // The client keeps four columns for itself.
            assert!(
                width <= usize::max(columns.saturating_sub(4), 1),
                "{columns}: {line:?}"
            );
            assert!(!line.trim().is_empty());
        }
    }
}

#[test]
fn times_are_in_the_user_s_zone() {
    let sandbox = plain("160").variable("TZ", "Asia/Jakarta");
    let line = shown(&sandbox, &recorded("plan"));
    assert!(line.contains("resets 15:04, in 1 h 34 m"), "{line}");
}

fn payload(sandbox: &Sandbox, session: &str, client_total: f64) -> Vec<u8> {
    let transcript = sandbox.path(&format!(".claude/projects/-home-dev-api/{session}.jsonl"));
    json!({
        "session_id": session, "transcript_path": transcript, "model": {"display_name": "Opus 5.5"},
        "cost": {"total_cost_usd": client_total},
    })
    .to_string()
    .into_bytes()
}

#[test]
fn a_fresh_installation_knows_today_and_the_session_with_its_subagents() {
    let sandbox = plain("120");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    let line = shown(
        &sandbox,
        &payload(&sandbox, "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d", 0.153_792),
    );
    assert!(
        line.contains("session $0.15") && line.contains("today $0.47"),
        "{line}"
    );
}

#[test]
fn a_fork_does_not_show_what_it_inherited() {
    let sandbox = plain("120");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    let line = shown(
        &sandbox,
        &payload(&sandbox, "dcb9c132-57cc-451d-b75c-68f1fe73950b", 0.110_06),
    );
    assert!(line.contains("session $0.03"), "{line}");
}

#[test]
fn background_requests_of_a_live_session_show_before_the_client_writes_its_total() {
    let sandbox = plain("120");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    sandbox.run(&["spend"]).success();
    let line = shown(
        &sandbox,
        &payload(&sandbox, "993f7898-97c6-47e5-83c2-1a066bea4745", 0.520_624),
    );
    assert!(
        line.contains("session $0.52") && line.contains("today $0.97"),
        "{line}"
    );
}

#[test]
fn yesterday_is_not_today_after_midnight() {
    let sandbox = plain("120").variable("WHYCAP_NOW", "2026-11-21T00:00:01Z");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    sandbox.run(&["spend"]).success();
    let line = shown(
        &sandbox,
        &payload(&sandbox, "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d", 0.0),
    );
    assert!(
        line.contains("session $0.15") && line.contains("today $0.00"),
        "{line}"
    );
}

#[test]
fn segments_and_budgets_follow_the_configuration() {
    let sandbox = plain("120");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    let config = sandbox.write(
        "whycap.toml",
        "[statusline]\nsegments = [\"today\", \"model\"]\n[budget]\nday = 0.5\nunknown = 1\n",
    );
    let sandbox = sandbox.variable("WHYCAP_CONFIG", config.to_str().unwrap());
    let line = shown(
        &sandbox,
        &payload(&sandbox, "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d", 0.0),
    );
    assert_eq!(line, "today $0.47 94% of $0.5 \u{2502} Opus 5.5");
}

#[test]
fn nothing_of_claude_code_s_is_touched() {
    let sandbox = plain("120");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    sandbox.write(".claude/settings.json", "{}");
    let before = listing(&sandbox.path(".claude"));
    shown(
        &sandbox,
        &payload(&sandbox, "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d", 0.0),
    );
    for event in [
        "SessionStart",
        "UserPromptSubmit",
        "Stop",
        "StopFailure",
        "SessionEnd",
    ] {
        let event = json!({
            "hook_event_name": event, "session_id": "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d", "prompt": "hi",
            "last_assistant_message": "You've hit your 5-hour limit",
        });
        sandbox
            .run_with(&["hook"], event.to_string().as_bytes())
            .success();
    }
    assert_eq!(listing(&sandbox.path(".claude")), before);
}

fn listing(directory: &std::path::Path) -> Vec<(String, Vec<u8>, Value)> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let modified = format!("{:?}", entry.metadata().unwrap().modified().unwrap());
            found.push((
                path.display().to_string(),
                fs::read(&path).unwrap(),
                Value::from(modified),
            ));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}
