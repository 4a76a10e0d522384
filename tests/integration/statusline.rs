//! Tests the status line's output for payloads that the real client sent.

use std::fs;

use serde_json::{Value, json};

use crate::client::windows;
use crate::situation::{NOON, SOON, TUESDAY, session_of_login, with_a_private_login};
use crate::support::{Sandbox, data};

/// Runs the `SessionStart` hook, as Claude Code does before the first status-line call of a session.
fn begin_session(sandbox: &Sandbox, payload: &[u8]) {
    let payload: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    let Some(session) = payload["session_id"].as_str() else {
        return;
    };
    let marker = format!("begun/{session}");
    if sandbox.path(&marker).exists() {
        return;
    }
    sandbox.write(&marker, "");
    let transcript = payload["transcript_path"]
        .as_str()
        .unwrap_or_default();
    let is_resumed = std::path::Path::new(transcript).exists();
    let event = json!({
        "hook_event_name": "SessionStart", "source": if is_resumed { "resume" } else { "startup" },
        "session_id": session, "transcript_path": transcript,
    });
    sandbox.run_with(&["hook"], event.to_string().as_bytes());
}

fn shown(sandbox: &Sandbox, payload: &[u8]) -> String {
    begin_session(sandbox, payload);
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
fn every_recorded_payload_has_its_expected_status_line() {
    assert_eq!(
        shown(&plain("160"), &recorded("session-start")),
        "Sonnet 5.5 │ session $0.00 │ today $0.00"
    );
    assert_eq!(
        shown(&plain("160"), &recorded("plan")),
        "Sonnet 5.5 │ session $0.0037 │ today $0.0037 │ 5h 42% (resets 08:04, in 1 h 34 m)  week 17% (resets Mon 19:24, in 3 d 12 h) │ ctx 0%"
    );
    assert_eq!(
        shown(&plain("160"), &recorded("plan-at-limit")),
        "Sonnet 5.5 │ session $0.0037 │ today $0.0037 │ 5h 100% (resets 08:04, in 1 h 34 m)  week 40% (resets Mon 19:24, in 3 d 12 h) │ ctx 0%"
    );
    assert_eq!(
        shown(&plain("160"), &recorded("api-key")),
        "Sonnet 5.5 │ session $0.0037 │ today $0.0037 │ ctx 0%"
    );
}

/// The fields were recorded with 2.1.332 and a mock whose responses came from another model.
#[test]
fn the_line_says_which_model_answers_instead_of_the_selected_one() {
    let sandbox = plain("160");
    let session = "5e551011-0000-4000-8000-000000000005";
    let transcript = format!(".claude/projects/-p/{session}.jsonl");
    let rows = |selected: &str| {
        let payload = json!({"session_id": session, "model": {"id": selected, "display_name": "M"},
            "transcript_path": sandbox.path(&transcript)});
        let shown = shown(&sandbox, payload.to_string().as_bytes());
        shown
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let answers = |minute: u32, model: &str, requested: &str, is_subagent: bool| {
        let line = json!({"parentUuid": null, "isSidechain": is_subagent, "type": "assistant",
            "message": {"id": format!("m{minute}"), "type": "message", "role": "assistant", "model": model,
                "content": [], "usage": {"input_tokens": 9, "output_tokens": 9}},
            "requestId": format!("r{minute}"), "requestedModel": requested,
            "timestamp": format!("2026-11-20T06:{minute:02}:00.000Z"), "sessionId": session});
        sandbox.append(&transcript, &line.to_string());
    };
    let (opus, sonnet) = ("claude-opus-5-5", "claude-sonnet-5-5");
    answers(1, opus, opus, false);
    assert_eq!(rows(opus), [""; 0]);
    answers(2, sonnet, opus, false);
    answers(3, sonnet, opus, false);
    answers(4, "claude-haiku-4-5", "claude-haiku-4-5", true);
    assert_eq!(rows(opus), ["answered by Sonnet 5.5 since 06:02"]);
    assert_eq!(rows(sonnet), [""; 0], "the user has selected it since then");
    answers(5, opus, "claude-opus-5-5[1m]", false);
    assert_eq!(rows(opus), [""; 0]);
    // The other views name the swap, too.
    let by_model = sandbox.run(&["spend", "--by", "model"]);
    let expected = "You requested claude-opus-5-5, but claude-sonnet-5-5 responded (2 responses";
    assert!(by_model.success().contains(expected), "{by_model:?}");
    let why = sandbox.run(&["spend", "--why", session]);
    assert!(why.success().contains(expected), "{why:?}");
}

#[test]
fn the_week_of_a_model_is_in_the_line_if_half_of_it_is_used() {
    for (percent, minutes, shown_week) in [
        (49, 1, None),
        (63, 1, Some("Fable week 63% (1 m ago)")),
        (63, 20, Some("Fable week 63% (20 m ago)")),
    ] {
        let sandbox = plain("220");
        let fetched_at = 1_795_156_200_000_i64 - minutes * 60_000;
        let state = json!({"cachedUsageUtilization": {"fetchedAtMs": fetched_at, "utilization": {
            "limits": [{"kind": "weekly_scoped", "group": "weekly", "percent": percent,
                "resets_at": "2026-11-24T23:05:03Z", "scope": {"model": {"display_name": "Fable"}}}]}}});
        sandbox.write(".claude.json", state.to_string());
        let line = shown(&sandbox, &recorded("plan"));
        let week = line
            .split(" │ ")
            .find(|segment| segment.contains("Fable"));
        assert_eq!(week, shown_week, "{line}");
        let now = sandbox.run(&["now"]);
        let expected = format!("{percent}%");
        let is_shown = |text: &str| text.contains("Fable") && text.contains(&expected);
        assert!(now.success().lines().any(is_shown), "{now:?}");
    }
}

/// While another process held the ledger, the line of a new session said "Claude Code says $0.00". The payload proves
/// that nothing has been spent in the session. A resumed session has a context, so its spend is unknown.
#[test]
fn a_new_session_has_spent_nothing_even_if_the_ledger_cannot_be_read() {
    let sandbox = plain("160");
    sandbox.write(".local/share/whycap", "not a directory");
    let new: Value = serde_json::from_slice(&recorded("session-start")).unwrap();
    let mut resumed = new.clone();
    resumed["context_window"]["used_percentage"] = json!(3);
    for (payload, expected) in [(new, "session $0.00"), (resumed, "Claude Code says $0.00")] {
        let line = sandbox.run_with(&["statusline"], payload.to_string().as_bytes());
        assert!(line.success().contains(expected), "{line:?}");
    }
}

#[test]
fn usage_windows_are_shown_even_if_the_ledger_cannot_be_used() {
    let sandbox = plain("160");
    sandbox.write(".local/share/whycap", "not a directory");
    let run = sandbox.run_with(&["statusline"], &recorded("plan"));
    assert!(run.success().contains("5h 42%"), "{run:?}");
}

#[test]
fn the_context_segment_has_one_label_at_every_width() {
    for columns in ["90", "100", "120", "160", "200"] {
        let line = shown(&plain(columns), &recorded("plan"));
        assert!(line.ends_with(" │ ctx 0%"), "{columns}: {line}");
    }
}

#[test]
fn a_total_without_a_session_counts_for_no_session() {
    let sandbox = plain("160");
    let nobody = json!({ "cost": { "total_cost_usd": 3.5, "total_duration_ms": 1000 } });
    for _ in 0..2 {
        let line = shown(&sandbox, nobody.to_string().as_bytes());
        assert!(line.contains("today $0.00"), "{line}");
    }
    let spend: Value = sandbox
        .run(&["spend", "--by", "session", "--json"])
        .json();
    assert_eq!(spend["groups"], json!([]));
    assert_eq!(spend["total"]["cost_usd"], json!(0.0));
}

#[test]
fn colors_show_how_full_a_window_is() {
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
        // The unit tests in `status_line` also cover the widths in between, because they do not start a process for
        // each width.
        for columns in (1..30_usize).chain((30..180).step_by(7)) {
            let line = shown(&plain(&columns.to_string()), &recorded(name));
            let width = line
                .lines()
                .map(unicode_width::UnicodeWidthStr::width)
                .max()
                .unwrap();
            // The client reserves four columns.
            assert!(
                width <= usize::max(columns.saturating_sub(4), 1),
                "{columns}: {line:?}"
            );
            assert!(!line.trim().is_empty());
        }
    }
}

#[test]
fn status_line_times_are_in_the_users_zone() {
    let sandbox = plain("160").variable("TZ", "Asia/Jakarta");
    let line = shown(&sandbox, &recorded("plan"));
    assert!(line.contains("(resets 15:04, in 1 h 34 m)"), "{line}");
}

fn payload_of(sandbox: &Sandbox, session: &str, client_total: f64) -> Vec<u8> {
    let transcript = sandbox.path(&format!(".claude/projects/-home-dev-api/{session}.jsonl"));
    json!({
        "session_id": session, "transcript_path": transcript, "model": {"display_name": "Opus 5.5"},
        "cost": {"total_cost_usd": client_total},
    })
    .to_string()
    .into_bytes()
}

#[test]
fn a_new_installation_shows_today_and_the_session_with_subagents() {
    let sandbox = plain("120");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    let line = shown(
        &sandbox,
        &payload_of(&sandbox, "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d", 0.153_792),
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
        &payload_of(&sandbox, "dcb9c132-57cc-451d-b75c-68f1fe73950b", 0.110_06),
    );
    assert!(line.contains("session $0.03"), "{line}");
}

#[test]
fn background_requests_are_shown_before_the_checkpoint_is_written() {
    let sandbox = plain("120");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    sandbox.run(&["spend"]).success();
    let line = shown(
        &sandbox,
        &payload_of(&sandbox, "993f7898-97c6-47e5-83c2-1a066bea4745", 0.520_624),
    );
    assert!(
        line.contains("session $0.52") && line.contains("today $0.97"),
        "{line}"
    );
}

#[test]
fn an_amount_is_a_lower_bound_if_its_reasons_cannot_be_read() {
    let sandbox = plain("120");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    sandbox.run(&["spend"]).success();
    let payload = payload_of(&sandbox, "993f7898-97c6-47e5-83c2-1a066bea4745", 0.520_624);
    let line = shown(&sandbox, &payload);
    assert!(line.contains("session $0.52"), "{line}");
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    rusqlite::Connection::open(ledger)
        .unwrap()
        .execute_batch("UPDATE sessions SET breakdown = 'damaged'")
        .unwrap();
    let line = shown(&sandbox, &payload);
    assert!(line.contains("session \u{2265}$"), "{line}");
}

#[test]
fn yesterday_is_not_today_after_midnight() {
    let sandbox = plain("120").variable("WHYCAP_NOW", "2026-11-21T00:00:01Z");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    sandbox.run(&["spend"]).success();
    let line = shown(
        &sandbox,
        &payload_of(&sandbox, "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d", 0.0),
    );
    assert!(
        line.contains("session $0.15") && line.contains("today $0.00"),
        "{line}"
    );
}

#[test]
fn an_unknown_segment_is_omitted_and_named_by_doctor() {
    let home = plain("120");
    let config = "[statusline]\nsegments = [\"context\", \"git\", \"model\"]\n";
    let path = home.write("whycap.toml", config);
    let sandbox = home.variable("WHYCAP_CONFIG", path.to_str().unwrap());
    let line = shown(&sandbox, &recorded("plan"));
    assert_eq!(line, "ctx 0% │ Sonnet 5.5");
    let doctor = sandbox.run(&["doctor", "--json"]).stdout;
    assert!(doctor.contains("\\\"git\\\" is not a segment"), "{doctor}");
}

fn configured(columns: &str, config: &str) -> Sandbox {
    let sandbox = plain(columns);
    sandbox.write(".config/whycap/config.toml", config);
    sandbox
}

#[test]
fn free_columns_are_used_and_figures_have_names_if_there_is_room() {
    for (columns, expected_line) in [
        (
            "120",
            "Sonnet 5.5 │ session $0.0037 │ today $0.0037 │ 5h 42% (resets 08:04)  week 17% (resets Mon 19:24) │ ctx 0%",
        ),
        (
            "100",
            "Sonnet 5.5 │ session $0.0037 │ today $0.0037 │ 5h 42% (resets 08:04)  week 17% │ ctx 0%",
        ),
        (
            "80",
            "Sonnet 5.5 │ session $0.0037 │ today $0.0037 │ 5h 42% ↻08:04  week 17%",
        ),
        ("60", "session $0.0037 │ today $0.0037 │ 5h 42%  week 17%"),
        ("24", "$0.0037 │ 5h 42%"),
    ] {
        let line = shown(&plain(columns), &recorded("plan"));
        assert_eq!(line, expected_line, "{columns}");
    }
}

#[test]
fn optional_segments_are_available() {
    let config = "[statusline]\nsegments = [\"directory\", \"branch\", \"model\"]\n";
    let sandbox = configured("120", config);
    let top = sandbox.path("src/api");
    sandbox.write("src/api/.git/HEAD", "ref: refs/heads/topic\u{1b}[2J\n");
    let mut payload: Value = serde_json::from_slice(&recorded("plan")).unwrap();
    payload["workspace"]["current_dir"] = json!(top.join("routes"));
    let payload = payload.to_string().into_bytes();
    let expected = r"~/src/api/routes │ on topic\u{1b}[2J │ Sonnet 5.5";
    assert_eq!(shown(&sandbox, &payload).trim_end(), expected);
    // Empty segments are left out.
    std::fs::remove_file(top.join(".git/HEAD")).unwrap();
    let only = configured("80", "[statusline]\nsegments = [\"branch\", \"model\"]\n");
    assert_eq!(shown(&only, &payload), "Sonnet 5.5");
    assert_eq!(shown(&only, b"{}"), "whycap");
}

#[test]
fn every_segment_fits_every_width() {
    let config = "[statusline]\nsegments = [\"directory\", \"model\", \"windows\", \"context\"]\n";
    for columns in 1..140_usize {
        let status_line = shown(&configured(&columns.to_string(), config), &recorded("plan"));
        assert!(status_line.lines().count() == 1 && !status_line.trim().is_empty());
        let width = unicode_width::UnicodeWidthStr::width(status_line.trim_end());
        let available = columns.saturating_sub(4).max(1);
        assert!(width <= available, "{columns}: {status_line:?}");
    }
}

#[test]
fn the_line_is_colored_unless_no_color_is_set() {
    let config = "[statusline]\nsegments = [\"windows\"]\n";
    let sandbox = Sandbox::new();
    sandbox.write(".config/whycap/config.toml", config);
    let line = shown(&sandbox, &recorded("plan-at-limit")).replace('\u{1b}', "ESC");
    assert!(line.contains("ESC[1mESC[31m100%ESC[0m"), "{line}");
    let line = shown(&configured("80", config), &recorded("plan-at-limit"));
    assert!(!line.contains('\u{1b}'), "{line:?}");
}

/// If a user runs the command in a terminal, it must print an explanation instead of waiting for JSON that nobody
/// types.
#[test]
#[cfg(target_os = "linux")]
fn statusline_on_a_terminal_explains_itself() {
    let sandbox = Sandbox::new();
    let program = format!("{} statusline", env!("CARGO_BIN_EXE_whycap"));
    let mut command = sandbox.command(&[]);
    let with_terminal = std::process::Command::new("/usr/bin/script")
        .args(["-qec", &program, "/dev/null"])
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(std::process::Stdio::null())
        .output();
    let _ = &mut command;
    // The program `script` is not installed on every machine.
    let Ok(output) = with_terminal else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(text.contains("JSON object on standard input"), "{text}");
}

/// The commands that Claude Code runs must also print help for `--help` and exit with code 0, regardless of the other
/// arguments.
#[test]
fn help_for_statusline_and_hook_never_fails() {
    for words in [
        &["statusline", "--unknown", "--help"][..],
        &["statusline", "--unknown", "-h"],
        &["help", "statusline", "extra"],
        &["hook", "--unknown", "--help"],
    ] {
        let run = plain("120").run(words);
        assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
        assert!(
            run.stdout.contains("Examples:"),
            "{words:?}: {}",
            run.stdout
        );
    }
}

#[test]
fn segments_and_budgets_follow_the_configuration() {
    let home = plain("120");
    home.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    let config = home.write(
        "whycap.toml",
        "[statusline]\nsegments = [\"today\", \"model\"]\n[budget]\nday = 0.5\nunknown = 1\n",
    );
    let sandbox = home.variable("WHYCAP_CONFIG", config.to_str().unwrap());
    // A status-line call reads new history for only a few milliseconds, so `≥` might remain for several calls. `spend`
    // reads everything.
    sandbox.run(&["spend"]).success();
    let line = shown(
        &sandbox,
        &payload_of(&sandbox, "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d", 0.0),
    );
    assert_eq!(line, "today $0.47 94% of $0.50 \u{2502} Opus 5.5");
}

/// A user with `day = 2` and `month = 3` saw "│ 5h 100%…" at the end of the row in a terminal with 80 columns. The
/// percentages of the budgets were not included in the width of the row, so Claude Code cut it off.
#[test]
fn the_percentages_of_two_budgets_do_not_make_the_row_wider_than_the_terminal() {
    let home = with_a_private_login();
    let config = home.write("whycap.toml", "[budget]\nday = 2\nmonth = 3\n");
    let sandbox = home
        .variable("NO_COLOR", "1")
        .variable("WHYCAP_CONFIG", config.to_str().unwrap());
    let mut client = session_of_login(&sandbox, "one");
    client.total_cost = 0.0;
    client.works("2026-11-20T09:30:00Z", 512_500);
    session_of_login(&sandbox, "earlier").works("2026-11-10T09:30:00Z", 95_000);
    sandbox.run(&["spend"]).success();
    let rows: Vec<String> = (30..=200)
        .map(|columns| {
            let run = client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), columns);
            let row = run.success().lines().next().unwrap().to_owned();
            // Claude Code needs four columns for itself.
            assert!(row.chars().count() <= columns - 4, "{columns}: {row}");
            assert!(!row.contains('…'), "{columns}: {row}");
            row
        })
        .collect();
    // The first row is for a terminal with 30 columns.
    assert_eq!(
        rows[80 - 30],
        "session ≥$2.05 │ today ≥$2.05 102% of $2 │ 5h 100% (resets 12:00)  week 40%"
    );
    assert_eq!(
        rows[110 - 30],
        "Opus 5.5 │ session ≥$2.05 │ today ≥$2.05 102% of $2 month 81% of $3 │ 5h 100% (resets 12:00)  week 40%"
    );
}

#[test]
fn claude_codes_files_are_not_changed() {
    let sandbox = plain("120");
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    sandbox.write(".claude/settings.json", "{}");
    let before = listing(&sandbox.path(".claude"));
    shown(
        &sandbox,
        &payload_of(&sandbox, "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d", 0.0),
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
    let mut files = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let modified = format!("{:?}", entry.metadata().unwrap().modified().unwrap());
            files.push((
                path.display().to_string(),
                fs::read(&path).unwrap(),
                Value::from(modified),
            ));
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

/// Returns a status line with a reset, in a sandbox with these environment variables and this configuration.
fn line_with_reset(variables: &[(&str, &str)], config: &str) -> String {
    let payload =
        br#"{"rate_limits": {"five_hour": {"used_percentage": 42, "resets_at": 1795183200}}}"#;
    let mut sandbox = Sandbox::new()
        .variable("WHYCAP_NOW", "2026-11-20T12:08:00Z")
        .variable("TZ", "UTC")
        .variable("COLUMNS", "120");
    for (name, value) in variables {
        sandbox = sandbox.variable(name, value);
    }
    sandbox.write(".config/whycap/config.toml", config);
    let run = sandbox.run_with(&["statusline"], payload);
    run.success().to_owned()
}

#[test]
fn the_hour_format_comes_from_the_configuration_or_the_locale() {
    let plain = line_with_reset(&[], "");
    assert!(plain.contains("resets 14:00, in 1 h 52 m"), "{plain}");
    let american = line_with_reset(&[("LANG", "en_US.UTF-8")], "");
    assert!(
        american.contains("resets 2:00pm, in 1 h 52 m"),
        "{american}"
    );
    let british = line_with_reset(&[("LANG", "en_US.UTF-8"), ("LC_TIME", "en_GB.UTF-8")], "");
    assert!(british.contains("14:00"), "{british}");
    let configured = line_with_reset(&[("LANG", "en_US.UTF-8")], "[display]\nclock = \"24\"\n");
    assert!(
        configured.contains("14:00"),
        "the configuration takes precedence: {configured}"
    );
}

/// Returns a response for $0.12.
fn numbered_response(number: u32) -> Value {
    json!({
        "type": "assistant", "sessionId": "s", "requestId": format!("r{number}"), "cwd": "/home/dev/p",
        "timestamp": format!("2026-11-20T10:00:0{number}.000Z"),
        "message": {"id": format!("m{number}"), "model": "claude-opus-5-5", "usage": {"output_tokens": 6_000}},
    })
}

/// A running total that is reported again must be counted only once. This must also work if `CLAUDE_PID` is not set and
/// the clock is behind, or if the session has been reconciled in the meantime.
#[test]
fn a_repeated_sample_counts_once_with_any_clock() {
    for process in ["", "4190000"] {
        for clock in [
            "2026-11-20T09:59:40Z",
            "2026-11-20T08:00:05Z",
            "2016-11-20T10:00:05Z",
        ] {
            for has_first in [false, true] {
                let sandbox = Sandbox::new()
                    .variable("NO_COLOR", "1")
                    .variable("CLAUDE_PID", process)
                    .variable("WHYCAP_NOW", clock);
                let transcript = ".claude/projects/-home-dev-p/s.jsonl";
                let [first, sample] = [0.0, 0.48].map(|total| {
                    json!({
                        "session_id": "s", "transcript_path": sandbox.path(transcript),
                        "model": {"id": "claude-opus-5-5"},
                        "cost": {"total_cost_usd": total, "total_duration_ms": 9_000},
                    })
                    .to_string()
                });
                if has_first {
                    sandbox
                        .run_with(&["statusline"], first.as_bytes())
                        .success();
                }
                // The session consists of three responses that cost $0.12 each and a background request that costs
                // $0.12 and has no line in the transcript.
                let lines = [1, 2, 3].map(|number| numbered_response(number).to_string());
                sandbox.write(transcript, lines.join("\n") + "\n");
                let expected = if process.is_empty() {
                    "\u{2265}$0.36"
                } else {
                    "$0.48"
                };
                for _ in 0..3 {
                    let run = sandbox.run_with(&["statusline"], sample.as_bytes());
                    let shown = run.success();
                    assert!(
                        shown.contains(&format!("session {expected}")),
                        "{clock}: {shown}"
                    );
                    assert!(!shown.contains("$0.60"), "{clock}: {shown}");
                }
                let event = json!({
                    "hook_event_name": "Stop", "session_id": "s", "transcript_path": sandbox.path(transcript),
                });
                sandbox
                    .run_with(&["hook"], event.to_string().as_bytes())
                    .success();
                if clock.starts_with("2016") {
                    // The background request counts toward the day according to the machine's clock.
                    continue;
                }
                let later = sandbox.variable("WHYCAP_NOW", "2026-11-20T12:00:00Z");
                let payload = json!({
                    "session_id": "s", "transcript_path": later.path(transcript),
                    "model": {"id": "claude-opus-5-5"}, "cost": {"total_cost_usd": 0.48},
                });
                let run = later.run_with(&["statusline"], payload.to_string().as_bytes());
                assert!(
                    run.success().contains(&format!("today {expected}")),
                    "{clock}: {}",
                    run.stdout
                );
            }
        }
    }
}
