//! Tests the output of `whycap spend` and how it handles damaged ledgers and histories.

use std::collections::HashMap;
use std::fs;
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use crate::client::Client;
use crate::histories::{matches_truth, near, spend, with_history};
use crate::read_again::age_ledger;
use crate::situation::flat;
use crate::support::{Run, Sandbox};

/// The values of `--by` that require only the ledger.
const GROUPINGS: [&str; 10] = [
    "day", "week", "month", "session", "project", "model", "block", "branch", "agent", "pr",
];

#[test]
fn blocks_are_distinguished_from_the_plans_window() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    let expected_text =
        "Your plan's 5-hour window, which `whycap now` shows, may start at other times";
    for (by, has_note) in [("block", true), ("day", false)] {
        let run = sandbox.run(&["spend", "--by", by]);
        let shown = flat(run.success());
        assert_eq!(shown.contains(expected_text), has_note, "{shown}");
    }
}

#[test]
fn a_corrupt_ledger_is_set_aside_and_rebuilt() {
    let (sandbox, truth) = with_history("compaction-and-subagent");
    spend(&sandbox, "day");
    let directory = sandbox.path(".local/share/whycap");
    let ledger = directory.join("ledger.sqlite3");
    fs::write(&ledger, b"SQLite format 3\0 and then rubbish".repeat(400)).unwrap();
    matches_truth(&report_with_warning(&sandbox), &truth);
    let damaged_files = fs::read_dir(&directory)
        .unwrap()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .contains("damaged")
        })
        .count();
    assert!(damaged_files >= 1, "the damaged ledger is gone");
}

/// SQLite can neither use the ledger nor remove the obstacle if a directory is in the place of the ledger's write-ahead
/// log.
#[test]
fn what_is_in_the_place_of_the_log_is_set_aside() {
    let (sandbox, truth) = with_history("compaction-and-subagent");
    spend(&sandbox, "day");
    let directory = sandbox.path(".local/share/whycap");
    for suffix in ["wal", "shm", "journal"] {
        let obstacle = directory.join(format!("ledger.sqlite3-{suffix}"));
        let _ = fs::remove_file(&obstacle);
        fs::create_dir(&obstacle).unwrap();
        fs::write(obstacle.join("file"), suffix).unwrap();
    }
    matches_truth(&spend(&sandbox, "day"), &truth);
    for suffix in ["wal", "shm", "journal"] {
        let aside = directory.join(format!("ledger.damaged-1.sqlite3-{suffix}/file"));
        assert_eq!(fs::read_to_string(aside).unwrap(), suffix);
    }
}

#[test]
fn an_absurd_value_in_the_ledger_never_becomes_a_negative_amount() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    spend(&sandbox, "day");
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    for change in [
        "UPDATE sums SET recorded = ?1, unrecorded = ?1, pending = ?1",
        "UPDATE responses SET cost = ?1",
        r#"UPDATE facts SET detail = replace(detail, '"total":', '"total":' || ?1 || ',"was":') WHERE kind = 6"#,
    ] {
        rusqlite::Connection::open(&ledger)
            .unwrap()
            .execute(change, [i64::MIN])
            .unwrap();
        for arguments in [
            &["spend"][..],
            &["spend", "--by", "session", "--json"],
            &["spend", "--by", "branch"],
            &["now"],
            &["statusline"],
        ] {
            let run = sandbox.run_with(arguments, b"{}");
            assert!(!run.stdout.contains("$-"), "{change}: {}", run.stdout);
            assert!(!run.stdout.contains("-$"), "{change}: {}", run.stdout);
            assert!(!run.stdout.contains("usd\": -"), "{change}: {}", run.stdout);
        }
    }
}

/// Runs `spend --json`, which must print one line on standard error, and returns the report.
fn report_with_warning(sandbox: &Sandbox) -> Value {
    let run = sandbox.run(&["spend", "--json"]);
    assert_eq!(
        (run.code, run.stderr.lines().count()),
        (0, 1),
        "{}",
        run.stderr
    );
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_set_aside_ledger_is_announced_once_and_doctor_keeps_naming_it() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    sandbox.run(&["spend"]).success();
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    fs::write(&ledger, b"rubbish".repeat(4000)).unwrap();
    let aside = "~/.local/share/whycap/ledger.damaged-1.sqlite3";
    let first = sandbox.run(&["spend"]);
    assert_eq!(
        (first.code, first.stderr.lines().count()),
        (0, 1),
        "{}",
        first.stderr
    );
    assert!(first.stderr.contains(aside), "{}", first.stderr);
    assert_eq!(sandbox.run(&["spend"]).stderr.as_str(), "");
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.stdout.contains(aside), "{}", doctor.stdout);
}

/// Returns the result of a query, which is a single number.
fn number(ledger: &rusqlite::Connection, query: &str) -> i64 {
    ledger
        .query_row(query, [], |row| row.get(0))
        .unwrap()
}

/// Removes the last row of a table or index, as a single flipped bit on disk might.
fn lose_a_row(ledger: &std::path::Path, table: &str) {
    let connection = rusqlite::Connection::open(ledger).unwrap();
    number(&connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    let root = format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'");
    let pages_before = number(&connection, &root) - 1;
    let page_size = number(&connection, "PRAGMA page_size");
    let page = usize::try_from(pages_before * page_size).unwrap();
    drop(connection);
    let mut bytes = fs::read(ledger).unwrap();
    bytes[page + 4] -= 1;
    fs::write(ledger, bytes).unwrap();
}

#[test]
fn a_session_lost_by_the_ledger_is_counted_exactly_once() {
    let sandbox = with_lines(&[line(
        "a",
        "2026-11-20T06:00:00.000Z",
        "claude-opus-5-5",
        1000,
    )]);
    let before = spend(&sandbox, "day")["total"]["cost_usd"].clone();
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    let aside = sandbox.path(".local/share/whycap/ledger.damaged-1.sqlite3");
    lose_a_row(&ledger, "sessions_by_lineage");
    near(&spend(&sandbox, "day")["total"]["cost_usd"], &before);
    assert!(!aside.exists(), "nothing that is counted was lost");
    lose_a_row(&ledger, "sessions");
    let payload = r#"{"session_id":"s","cost":{"total_cost_usd":0.01,"total_duration_ms":1000}}"#;
    sandbox
        .run_with(&["statusline"], payload.as_bytes())
        .success();
    near(&spend(&sandbox, "day")["total"]["cost_usd"], &before);
}

/// A sum that overflows is an error in SQLite. This error must not be mistaken for damage to the ledger.
#[test]
fn overflowing_amounts_do_not_stop_reports_or_damage_the_ledger() {
    let advice = r#"{"type":"advisor_message","model":"claude-opus-5-5","input_tokens":1000000000,"output_tokens":1000000000}"#;
    let usage = format!(
        r#"{{"iterations":[{}],"input_tokens":0,"output_tokens":1}}"#,
        [advice; 400].join(",")
    );
    let hostile = ["a", "b"].map(|id| {
        line_with_usage(id, "2026-11-20T06:00:00.000Z", "claude-opus-5-5", &usage).replacen(
            '{',
            r#"{"requestedModel":"claude-sonnet-5","#,
            1,
        )
    });
    let sandbox = with_lines(&hostile);
    for by in GROUPINGS {
        let report = spend(&sandbox, by);
        assert_eq!(report["total"]["responses"], 2, "by {by}");
        assert!(report["total"]["cost_usd"].as_f64().unwrap() > 9e6);
    }
    let aside = sandbox.path(".local/share/whycap/ledger.damaged-1.sqlite3");
    assert!(!aside.exists());
}

#[test]
fn the_ledger_is_private_and_contains_no_prompt() {
    #[cfg(unix)]
    use std::os::unix::fs::PermissionsExt;
    let (sandbox, _) = with_history("compaction-and-subagent");
    spend(&sandbox, "day");
    let directory = sandbox.path(".local/share/whycap");
    #[cfg(unix)]
    assert_eq!(
        fs::metadata(&directory)
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    for entry in fs::read_dir(&directory).unwrap().flatten() {
        #[cfg(unix)]
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{:?}",
            entry.path()
        );
        let bytes = fs::read(entry.path()).unwrap();
        for prompt in ["haiku long", "after compact", "Hello from the mock"] {
            assert!(
                !bytes
                    .windows(prompt.len())
                    .any(|window| window == prompt.as_bytes()),
                "{prompt}"
            );
        }
    }
}

/// Returns a transcript line for a response that has only output tokens.
fn line(id: &str, at: &str, model: &str, output: u64) -> String {
    let usage = format!(r#"{{"input_tokens":0,"output_tokens":{output}}}"#);
    line_with_usage(id, at, model, &usage)
}

/// Returns a transcript line for a response. `usage` is the JSON object with its tokens.
fn line_with_usage(id: &str, at: &str, model: &str, usage: &str) -> String {
    format!(
        r#"{{"type":"assistant","uuid":"u-{id}","timestamp":"{at}","sessionId":"s","cwd":"/home/dev/api","requestId":"req_{id}","message":{{"id":"msg_{id}","model":"{model}","role":"assistant","content":[],"usage":{usage}}}}}"#
    )
}

/// The transcript that [`with_lines`] writes.
const TRANSCRIPT: &str = ".claude/projects/-home-dev-api/s.jsonl";

fn with_lines(lines: &[String]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(TRANSCRIPT, lines.join("\n") + "\n");
    sandbox
}

/// Returns the keys of the groups that a command prints as JSON.
fn group_keys(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let report = sandbox.run(arguments).json();
    report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn days_follow_the_zone_and_midnight_belongs_to_the_new_day() {
    let lines = [
        line(
            "a",
            "2026-11-19T22:59:59.999Z",
            "claude-opus-5-5",
            1_000_000,
        ),
        line(
            "b",
            "2026-11-19T23:00:00.000Z",
            "claude-opus-5-5",
            1_000_000,
        ),
    ];
    let sandbox = with_lines(&lines);
    assert_eq!(group_keys(&sandbox, &["spend", "--json"]), ["2026-11-19"]);
    let berlin = ["spend", "--json", "--timezone", "Europe/Berlin"];
    assert_eq!(group_keys(&sandbox, &berlin), ["2026-11-19", "2026-11-20"]);
    let only = [
        "spend",
        "--json",
        "--timezone",
        "Europe/Berlin",
        "--since",
        "2026-11-20",
        "--until",
        "today",
    ];
    assert_eq!(group_keys(&sandbox, &only), ["2026-11-20"]);
    let by_variable = with_lines(&lines).variable("TZ", "Europe/Berlin");
    assert_eq!(
        group_keys(&by_variable, &["spend", "--json"]),
        ["2026-11-19", "2026-11-20"]
    );
    // In this time zone, days begin at a quarter past the hour in UTC.
    let nepal = [
        "spend",
        "--json",
        "--timezone",
        "Asia/Kathmandu",
        "--by",
        "day",
    ];
    assert_eq!(group_keys(&sandbox, &nepal), ["2026-11-20"]);
}

/// In Tokyo, this time is on November 20.
#[test]
fn a_time_in_place_of_a_day_stands_for_its_day_in_the_zone_of_the_report() {
    let sandbox = with_lines(&[line("a", "2026-11-19T01:00:00Z", "claude-opus-5-5", 1)]);
    for (zone, day) in [
        ("Asia/Tokyo", "2026-11-20"),
        ("Europe/London", "2026-11-19"),
    ] {
        let arguments = [
            "spend",
            "--json",
            "--since",
            "2026-11-19T23:30:00Z",
            "--timezone",
            zone,
        ];
        assert_eq!(sandbox.run(&arguments).json()["since"], day, "{zone}");
    }
}

/// In UTC, this is the last second that `chrono` can represent. In Tokyo, it belongs to the next day, which `chrono`
/// cannot represent.
#[test]
fn a_time_in_a_year_with_six_digits_is_not_a_valid_day() {
    let until = ["spend", "--until", "+262142-12-31T23:59:59Z"];
    Sandbox::new()
        .run(&[&until[..], &["--timezone", "Asia/Tokyo"]].concat())
        .is_refused("is not a valid day");
}

#[test]
fn the_day_of_a_daylight_saving_change_is_complete() {
    let sandbox = with_lines(&[
        line("a", "2026-10-24T22:00:00.000Z", "claude-opus-5-5", 1),
        line("b", "2026-10-25T22:59:59.000Z", "claude-opus-5-5", 1),
        line("c", "2026-10-25T23:00:00.000Z", "claude-opus-5-5", 1),
    ]);
    let report = sandbox
        .run(&["spend", "--json", "--timezone", "Europe/Berlin"])
        .json();
    let counts: Vec<_> = report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["responses"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn an_unknown_model_is_estimated_and_labeled_as_such() {
    let sandbox = with_lines(&[line(
        "a",
        "2026-11-20T06:00:00.000Z",
        "claude-opus-9",
        1_000_000,
    )]);
    let report = spend(&sandbox, "model");
    assert_eq!(report["total"]["unpriced_responses"], 1);
    near(&report["total"]["cost_usd"], &Value::from(20.0));
    let shown = sandbox.run(&["spend"]);
    assert!(
        shown.success().contains("\u{2248}$20.00"),
        "{}",
        shown.stdout
    );
}

#[test]
fn custom_rates_apply_and_a_change_reprices_everything() {
    let sandbox = with_lines(&[line(
        "a",
        "2026-11-20T06:00:00.000Z",
        "claude-opus-5-5",
        1_000_000,
    )]);
    near(
        &spend(&sandbox, "day")["total"]["cost_usd"],
        &Value::from(20.0),
    );
    sandbox.write(
        ".claude/settings.json",
        r#"{"modelPricing":{"multiplier":0.5}}"#,
    );
    near(
        &spend(&sandbox, "day")["total"]["cost_usd"],
        &Value::from(10.0),
    );
    near(
        &spend(&sandbox, "session")["total"]["cost_usd"],
        &Value::from(10.0),
    );
    sandbox.write(
        ".claude/settings.json",
        r#"{"modelPricing":{"overrides":{"claude-opus-5-5":{"input":1,"output":2,"cacheRead":1,"cacheWrite":1}}}}"#,
    );
    near(
        &spend(&sandbox, "day")["total"]["cost_usd"],
        &Value::from(2.0),
    );
}

/// Writes a response on two lines and runs a command in between. The response costs $20, but its first line contains
/// only half of its usage.
fn with_response_that_grew() -> Sandbox {
    let [first, complete] = [500_000, 1_000_000]
        .map(|tokens| line("a", "2026-11-20T06:00:00.000Z", "claude-opus-5-5", tokens));
    let sandbox = with_lines(&[first]);
    costs(&sandbox, 10.0);
    sandbox.append(TRANSCRIPT, &complete);
    sandbox
}

/// Asserts the total in two reports that read it from different tables.
#[track_caller]
fn costs(sandbox: &Sandbox, dollars: f64) {
    for by in ["day", "session"] {
        near(
            &spend(sandbox, by)["total"]["cost_usd"],
            &Value::from(dollars),
        );
    }
}

#[test]
fn a_response_that_grows_between_two_commands_costs_as_much_as_one_read_at_once() {
    let sandbox = with_response_that_grew();
    costs(&sandbox, 20.0);
    let total = &spend(&sandbox, "day")["total"];
    assert_eq!(total["tokens"]["output"], 1_000_000, "{total}");
}

/// The last line does not state the location of the servers in Claude Code 2.1.39, and early lines do not state the speed
/// in versions 2.1.42 to 2.1.91. Under version 3 of the facts, the location on the early lines was lost.
#[test]
fn fast_mode_and_us_inference_count_even_if_only_one_line_of_the_response_states_them() {
    let unstated = r#""speed":"standard","inference_geo":"""#;
    for (early, complete, dollars) in [
        (unstated, r#""speed":"fast","inference_geo":"""#, 40.0),
        (r#""speed":null,"inference_geo":"us""#, unstated, 22.0),
        (r#""speed":null,"inference_geo":null"#, unstated, 20.0),
    ] {
        let [early, complete] =
            [(500_000, early), (1_000_000, complete)].map(|(tokens, service)| {
                let usage = format!(r#"{{"input_tokens":0,"output_tokens":{tokens},{service}}}"#);
                line_with_usage("a", "2026-11-20T06:00:00.000Z", "claude-opus-5-5", &usage)
            });
        costs(&with_lines(&[early.clone(), complete.clone()]), dollars);
        costs(&with_lines(&[complete.clone(), early.clone()]), dollars);
        let sandbox = with_lines(&[early]);
        spend(&sandbox, "day");
        sandbox.append(TRANSCRIPT, &(complete + "\n"));
        costs(&sandbox, dollars);
    }
}

/// Under version 3 of the rules, a response that grew kept the cost of its first line.
#[test]
fn a_ledger_with_older_rules_gets_the_right_costs_even_without_transcripts() {
    let sandbox = with_response_that_grew();
    costs(&sandbox, 20.0);
    age_ledger(
        &sandbox,
        "rules",
        "UPDATE responses SET cost = cost / 2, client_cost = client_cost / 2",
    );
    fs::remove_file(sandbox.path(TRANSCRIPT)).unwrap();
    costs(&sandbox, 20.0);
}

#[test]
fn the_status_line_shows_the_new_cost_after_a_price_change() {
    let sandbox = with_response_that_grew();
    costs(&sandbox, 20.0);
    sandbox.write(
        ".claude/settings.json",
        r#"{"modelPricing":{"multiplier":0.5}}"#,
    );
    costs(&sandbox, 10.0);
    let payload = json!({"session_id": "s", "transcript_path": sandbox.path(TRANSCRIPT)});
    let shown = sandbox.run_with(&["statusline"], payload.to_string().as_bytes());
    assert!(shown.success().contains("$10.00"), "{}", shown.stdout);
    assert!(!shown.stdout.contains("$20.00"), "{}", shown.stdout);
}

#[test]
#[cfg(target_os = "linux")] // elsewhere names are text
fn a_directory_with_a_name_that_is_not_utf8_is_read() {
    use std::ffi::OsStr;
    let sandbox = Sandbox::new();
    let directory = sandbox
        .path(".claude/projects")
        .join(OsStr::from_bytes(b"-home-\xff-api"));
    fs::create_dir_all(&directory).unwrap();
    fs::write(
        directory.join("s.jsonl"),
        line("a", "2026-11-20T06:00:00.000Z", "claude-opus-5-5", 50) + "\n",
    )
    .unwrap();
    assert_eq!(spend(&sandbox, "day")["total"]["responses"], 1);
}

#[test]
fn an_invalid_day_or_zone_is_a_usage_error_with_the_right_form() {
    for arguments in [
        ["spend", "--since", "soon"],
        ["spend", "--timezone", "Mars/Olympus"],
        ["spend", "--by", "year"],
        ["spend", "--since", "2026-11-21"],
        ["spend", "--since", "0d"],
    ] {
        let run = Sandbox::new().run(&arguments);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn a_missing_history_and_an_empty_period_are_distinguished() {
    let run = Sandbox::new().run(&["spend"]);
    assert_eq!(
        run.success(),
        "No history found in ~/.claude/projects.\n",
        "{run:?}"
    );
    let sandbox = with_lines(&[line("a", "2026-11-13T23:59:59.000Z", "claude-opus-5-5", 1)]);
    let run = sandbox.run(&["spend", "--since", "7d"]);
    assert_eq!(run.success(), "Nothing was spent in this period.\n");
    let report = sandbox
        .run(&["spend", "--since", "8d", "--until", "2026-11-13", "--json"])
        .json();
    assert_eq!(report["total"]["responses"], 1);
    let reversed = ["spend", "--since", "2026-11-20", "--until", "2026-11-10"];
    let run = sandbox.run(&reversed);
    assert_eq!(run.code, 2);
    assert_eq!(
        &*run.stderr,
        "whycap: --since 2026-11-20 is later than --until 2026-11-10; swap the two dates\n"
    );
}

/// Returns the reply to a prompt that the hook answers.
fn reply_to(sandbox: &Sandbox, prompt: &str) -> String {
    let event = json!({
        "hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": prompt,
    });
    let run = sandbox.run_with(&["hook"], event.to_string().as_bytes());
    run.json()["reason"].as_str().unwrap().to_owned()
}

#[test]
fn the_slash_command_prints_the_same_table() {
    let sandbox = with_lines(&[
        line("a", "2026-11-13T12:00:00.000Z", "claude-haiku-4-5", 1_000),
        line(
            "b",
            "2026-11-14T12:00:00.000Z",
            "claude-opus-5-5",
            1_000_000,
        ),
    ]);
    let bare = reply_to(&sandbox, "/whycap spend");
    assert!(
        bare.contains("2026-11-14") && !bare.contains("2026-11-13"),
        "{bare}"
    );
    for words in ["--by model --since 7d", "by model since 7d"] {
        let models = reply_to(&sandbox, &format!("/whycap spend {words}"));
        assert!(
            models.contains("opus-5-5") && !models.contains("haiku") && models.contains("$20.00"),
            "{models}"
        );
    }
    let all = reply_to(&sandbox, "/whycap:spend --by model");
    assert!(all.contains("haiku"), "{all}");
    let wrong = reply_to(&sandbox, "/whycap spend --by modle");
    assert!(
        wrong.contains("modle") && wrong.contains("model"),
        "{wrong}"
    );
    let future = reply_to(&sandbox, "/whycap spend --since 2026-12-24");
    assert!(future.contains("in the future"), "{future}");
}

#[test]
fn a_table_fits_the_terminal() {
    let (mut sandbox, _) = with_history("forks-of-forks");
    for columns in ["40", "60", "80", "200"] {
        sandbox = sandbox.variable("COLUMNS", columns);
        for by in GROUPINGS {
            let run = sandbox.run(&["spend", "--by", by]);
            for row in run.success().lines() {
                let width = unicode_width::UnicodeWidthStr::width(row);
                assert!(
                    width <= columns.parse().unwrap(),
                    "{columns} columns, by {by}: {row:?}"
                );
            }
        }
    }
}

#[test]
fn a_read_only_data_directory_is_reported_in_one_line() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    sandbox.write(".local/share/whycap/ledger.sqlite3/in-the-way", "");
    let run: Run = sandbox.run(&["spend"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("ledger.sqlite3"), "{}", run.stderr);
}

#[test]
fn damaged_lines_are_reported_and_a_byte_order_mark_loses_nothing() {
    let day = "2026-11-20T06:00:00.000Z";
    let response = line("a", day, "claude-opus-5-5", 1_000_000);
    let whole = response.trim_end();
    let path = ".claude/projects/-home-dev-api/a.jsonl";
    let sandbox = Sandbox::new();
    sandbox.write(path, format!("\u{feff}{whole}\n"));
    let json = spend(&sandbox, "day");
    assert_eq!(json["total"]["responses"], 1);
    assert_eq!(json["complete"], true);
    assert_eq!(json["damaged"], serde_json::json!([]));
    let (torn, _) = whole.split_at(whole.len() / 2);
    let is_none = whole.replace("\"usage\":{", "\"usage\":\"none\",\"was\":{");
    sandbox.append(path, torn);
    sandbox.append(path, &is_none);
    let json = spend(&sandbox, "day");
    assert_eq!(json["complete"], false);
    // The path with the system's own separators.
    let file: std::path::PathBuf = sandbox.path(path).components().collect();
    let damaged = serde_json::json!([{ "path": file, "lines": 2 }]);
    assert_eq!(json["damaged"], damaged);
    let shown = sandbox.run(&["spend"]).success().to_owned();
    assert!(shown.contains("\u{2265}$20.00"), "{shown}");
    let expected_text = "\u{2265} means that the real amount may be higher because 2 damaged lines in ~/.claude/projects/-home-dev-api/a.jsonl";
    assert!(flat(&shown).contains(expected_text), "{shown}");
    let budget = sandbox.run(&["budget"]).success().to_owned();
    assert!(budget.contains("Some of your transcripts"), "{budget}");
    for command in ["budget", "now"] {
        let json = sandbox.run(&[command, "--json"]).json();
        assert_eq!(json["complete"], false, "{command}");
    }
    // CSV has no place for this message, so it goes to standard error.
    let csv = sandbox.run(&["spend", "--csv"]);
    assert!(
        csv.stderr.contains("2 damaged lines in ~/.claude"),
        "{csv:?}"
    );
}

#[test]
#[cfg(target_os = "linux")] // names that are not UTF-8
fn unreadable_transcripts_are_named_and_make_the_total_a_lower_bound() {
    let day = "2026-11-20T06:00:00.000Z";
    let sandbox = with_lines(&[line("a", day, "claude-opus-5-5", 1_000_000)]);
    let whole = spend(&sandbox, "day");
    assert_eq!(whole["complete"], true);
    assert_eq!(whole["unreadable"], serde_json::json!([]));
    // Nobody can read a symbolic link that points to itself, not even root.
    let circle = sandbox.path(".claude/projects/-home-dev-api/circle.jsonl");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    let shown = sandbox.run(&["spend"]);
    assert_eq!(shown.code, 0);
    assert_eq!(
        &*shown.stderr,
        "whycap: 1 transcript could not be read: ~/.claude/projects/-home-dev-api/circle.jsonl, \
         so its cost is missing. `whycap doctor` shows how to fix this\n"
    );
    assert!(shown.stdout.contains("\u{2265}$20.00"), "{}", shown.stdout);
    // The page also marks the costs of the day, the project, the model, and the session.
    let page = sandbox.run(&["spend", "--html", "-"]);
    assert!(
        page.stderr
            .contains("1 transcript could not be read")
    );
    let marked = page.stdout.matches(">\u{2265}$20.00</td>").count();
    assert_eq!(marked, 4, "{}", page.stdout);
    let bar = "<title>2026-11-20 Fri: \u{2265}$20.00<";
    assert!(page.stdout.contains(bar), "{}", page.stdout);
    let run = sandbox.run(&["spend", "--json"]);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["complete"], false);
    assert!(run.stderr.contains("1 transcript could not be read"));
    assert_eq!(json["unreadable"], serde_json::json!([circle]));
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.stdout.contains("circle.jsonl"), "{}", doctor.stdout);
    // File names that are not valid UTF-8 are also reported.
    let odd = circle.with_file_name(std::ffi::OsStr::from_bytes(b"\xff.jsonl"));
    std::os::unix::fs::symlink(&odd, &odd).unwrap();
    let run = sandbox.run(&["spend", "--json"]);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["unreadable"].as_array().unwrap().len(), 2, "{run:?}");
    assert!(
        run.stderr
            .contains("2 transcripts could not be read")
    );
    fs::remove_file(&odd).unwrap();
    for number in 0..4 {
        let another = circle.with_file_name(format!("circle{number}.jsonl"));
        std::os::unix::fs::symlink(&another, &another).unwrap();
    }
    let shown = sandbox.run(&["spend"]);
    assert!(
        shown
            .stderr
            .contains("5 transcripts could not be read: ")
            && shown
                .stderr
                .contains(" and 2 more, so their cost is missing"),
        "{}",
        shown.stderr
    );
}

#[test]
fn a_forks_amount_is_explained_by_its_inherited_total() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    let why = sandbox
        .run(&["spend", "--why", "dcb9", "--json"])
        .json();
    near(&why["cost_usd"], &Value::from(0.032_648));
    assert_eq!(
        (&why["at_least"], &why["reasons"]),
        (&json!(false), &json!([]))
    );
    near(
        &why["runs"][0]["starting_total_usd"],
        &Value::from(0.077_412),
    );
    let parent = "eae90661-59f6-4c10-a5d5-fcaf58c29b98";
    assert_eq!(why["inherited"][0]["session"], parent, "{why}");
    let run = sandbox.run(&["spend", "--why", "dcb9"]);
    let shown = run.success();
    assert!(shown.contains(parent), "{shown}");
    assert!(!shown.contains("agrees with this amount"), "{shown}");
}

/// A fork of a compacted session inherits the compaction but no responses.
#[test]
fn a_fork_that_inherited_only_a_compaction_names_its_parent() {
    let (sandbox, _) = with_history("terminal-forks");
    let fork = "28319d3a";
    let parent = "2a170292-1a04-436b-91c3-0e0a5f009762";
    let why = sandbox
        .run(&["spend", "--why", fork, "--json"])
        .json();
    let inherited = json!([{"session": parent, "responses": 0, "compactions": 1}]);
    assert_eq!(why["inherited"], inherited, "{why}");
    let shown = sandbox.run(&["spend", "--why", fork]);
    let sentence = format!(
        "1 compaction in this session's transcript also appears in the history of {parent} and is counted there."
    );
    assert!(
        flat(shown.success()).contains(&sentence),
        "{}",
        shown.stdout
    );
}

/// Returns a response with the given number of output tokens, in a minute after 06:00.
fn response_in_minute(id: &str, minute: u32, tokens: u64) -> String {
    let at = format!("2026-11-20T06:{minute:02}:00.000Z");
    line(id, &at, "claude-opus-5-5", tokens)
}

/// A fork's total usually includes its parent's spend, even if nothing but a compaction shows that the session is a
/// fork.
#[test]
fn a_total_that_equals_the_amount_of_a_fork_of_a_compacted_session_does_not_confirm_it() {
    let compaction = r#"{"type":"system","subtype":"compact_boundary","timestamp":"2026-11-20T06:02:00.000Z","uuid":"c","compactMetadata":{"trigger":"manual","preTokens":9000}}"#;
    // The process started at 06:05, after the compaction.
    let checkpoint = r#"{"type":"cost-state","totalCostUSD":0.03,"startTime":1795154700000,"totalDuration":900000,"totalAPIDuration":5,"modelUsage":{"claude-opus-5-5":{"inputTokens":0,"outputTokens":1500,"cacheReadInputTokens":0,"cacheCreationInputTokens":0,"webSearchRequests":0,"costUSD":0.03}}}"#;
    let sandbox = with_lines(&[response_in_minute("a", 1, 1_500), compaction.to_owned()]);
    let fork = TRANSCRIPT.replace("s.jsonl", "22222222-0000-4000-8000-000000000000.jsonl");
    for fork_line in [compaction, &response_in_minute("b", 10, 1_500), checkpoint] {
        sandbox.append(&fork, fork_line);
    }
    let shown = sandbox.run(&["spend", "--why", "22222222"]);
    let sentence = "Claude Code's own total of $0.03 equals this amount. The total of a fork usually also includes its parent's spend";
    assert!(flat(shown.success()).contains(sentence), "{}", shown.stdout);
}

#[test]
fn the_explanation_of_an_amount_names_the_process_on_narrow_terminals() {
    let (home, _) = with_history("compaction-and-subagent");
    let sandbox = home.variable("COLUMNS", "80");
    let run = sandbox.run(&["spend", "--why", "eae9"]);
    let shown = run.success();
    assert!(shown.contains("\nProcess "), "{shown}");
    assert!(shown.contains("\ncheckpoints "), "{shown}");
}

#[test]
fn the_explanation_of_an_amount_says_if_no_process_was_observed() {
    let sandbox = with_lines(&[line("a", "2026-11-20T06:00:00.000Z", "claude-opus-5-5", 9)]);
    let shown = sandbox.run(&["spend", "--why", "s"]);
    assert!(
        shown.success().contains("\nnot observed "),
        "{}",
        shown.stdout
    );
    let why = sandbox
        .run(&["spend", "--why", "s", "--json"])
        .json();
    assert_eq!(why["runs"][0]["identified_by"], "nothing", "{why}");
}

/// Returns a response that was received by Claude Code 2.1.331.
fn response_to_client(id: &str, at: &str, entrypoint: &str) -> String {
    line(id, at, "claude-opus-5-5", 1000).replacen(
        '{',
        &format!(r#"{{"entrypoint":"{entrypoint}","version":"2.1.331","#),
        1,
    )
}

/// Asserts that the total cost is two cents, and returns whether it is a lower bound.
#[track_caller]
fn is_two_cents_at_least(sandbox: &Sandbox) -> bool {
    let total = &spend(sandbox, "day")["total"];
    near(&total["cost_usd"], &json!(0.02));
    total["at_least"].as_bool().unwrap()
}

/// In a terminal, Claude Code sends a request after each turn that only its running totals include.
#[test]
fn a_terminal_session_without_a_running_total_is_a_lower_bound() {
    let at = "2026-11-20T06:00:00.000Z";
    let headless = with_lines(&[response_to_client("a", at, "sdk-cli")]);
    assert!(!is_two_cents_at_least(&headless));
    let sandbox = with_lines(&[response_to_client("a", at, "cli")]);
    assert!(is_two_cents_at_least(&sandbox));
    let shown = sandbox.run(&["spend", "--why", "s"]);
    let reason = "The real amount may be higher because no running total includes some of the responses since 06:00, and in \
         a terminal, Claude Code also sends requests that only its running totals include.";
    assert!(flat(shown.success()).contains(reason), "{}", shown.stdout);
    let checkpoint = r#"{"type":"cost-state","sessionId":"s","totalCostUSD":0.03,"startTime":1795154300000,"totalDuration":900000,"totalAPIDuration":5,"modelUsage":{"claude-opus-5-5":{"inputTokens":0,"outputTokens":1500,"cacheReadInputTokens":0,"cacheCreationInputTokens":0,"webSearchRequests":0,"costUSD":0.03}}}"#;
    sandbox.append(TRANSCRIPT, checkpoint);
    let total = &spend(&sandbox, "day")["total"];
    near(&total["cost_usd"], &json!(0.03));
    assert_eq!(total["at_least"], false);
    // A ledger from a version that did not yet read which client wrote a line.
    let sandbox = with_lines(&[response_to_client("a", at, "cli")]);
    assert!(is_two_cents_at_least(&sandbox));
    let forget = "UPDATE responses SET flags = flags & ~32; UPDATE sessions SET breakdown = '{}';
         UPDATE sums SET bounds = 0";
    age_ledger(&sandbox, "facts", forget);
    assert!(is_two_cents_at_least(&sandbox));
}

/// whycap used to give the same reason twice for responses without a running total on both sides of a compaction, and
/// for two compactions within a minute.
#[test]
fn each_reason_for_a_lower_bound_is_given_once() {
    let [first_compaction, second_compaction] = ["06:10:05", "06:10:40"].map(|time| {
        json!({
            "type": "system", "subtype": "compact_boundary", "uuid": time, "sessionId": "s",
            "timestamp": format!("2026-11-20T{time}.000Z"),
            "compactMetadata": {"trigger": "manual", "preTokens": 1},
        })
        .to_string()
    });
    let sandbox = with_lines(&[
        response_to_client("a", "2026-11-20T06:00:00.000Z", "cli"),
        first_compaction,
        second_compaction,
        response_to_client("b", "2026-11-20T06:30:00.000Z", "cli"),
    ]);
    let why = sandbox
        .run(&["spend", "--why", "s", "--json"])
        .json();
    let reasons: Vec<&str> = why["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        reasons,
        [
            "no running total includes some of the responses since 06:00, and in a terminal, Claude Code also sends requests that only its running totals include",
            "no running total was reported after a compaction at 06:10",
        ]
    );
}

/// Returns a response in a minute after 06:00, with a session's ID and more fields.
fn response_with_fields(id: &str, minute: u32, session: &str, fields: &str) -> String {
    response_in_minute(id, minute, 1000).replace(
        r#""sessionId":"s""#,
        &format!(r#""sessionId":"{session}",{fields}"#),
    )
}

/// A fork replaces the client and, before version 2.1.308, the version on the lines that it copies. Only a session's own
/// lines show whether it ran in a terminal.
#[test]
fn the_client_of_a_fork_does_not_change_the_amount_of_its_parent() {
    const FORK: &str = "22222222-0000-4000-8000-000000000000";
    let fork_transcript = TRANSCRIPT.replace("s.jsonl", &format!("{FORK}.jsonl"));
    let names_source = r#""forkedFrom":{"sessionId":"s","messageUuid":"u-a"},"#;
    for (parent_client, parent_version, client, version, source, is_lower_bound) in [
        ("cli", "2.1.240", "cli", "2.1.285", "", false),
        ("sdk-cli", "2.1.331", "cli", "2.1.331", names_source, false),
        ("cli", "2.1.331", "sdk-cli", "2.1.331", names_source, true),
        ("cli", "2.1.285", "sdk-cli", "2.1.285", "", true),
    ] {
        let parent_fields =
            format!(r#""entrypoint":"{parent_client}","version":"{parent_version}""#);
        let fields = format!(r#""entrypoint":"{client}","version":"{version}""#);
        let parent = response_with_fields("a", 1, "s", &parent_fields) + "\n";
        let inherited = response_with_fields("a", 1, FORK, &format!("{source}{fields}"));
        let later = response_with_fields("b", 9, FORK, &fields);
        let fork = format!("{inherited}\n{later}\n");
        // The first call of whycap reads the parent, the fork, or both.
        for first in ["parent", "fork", "both"] {
            let sandbox = Sandbox::new();
            if first != "fork" {
                sandbox.write(TRANSCRIPT, &parent);
            }
            if first != "parent" {
                sandbox.write(&fork_transcript, &fork);
            }
            spend(&sandbox, "session");
            sandbox.write(TRANSCRIPT, &parent);
            sandbox.write(&fork_transcript, &fork);
            let report = spend(&sandbox, "session");
            let mut groups = report["groups"].as_array().unwrap().iter();
            let group = groups.find(|group| group["key"] == "s").unwrap();
            near(&group["cost_usd"], &json!(0.02));
            assert_eq!(
                group["at_least"], is_lower_bound,
                "{parent_client} {parent_version}, {client} {version}, {first}: {report}"
            );
        }
    }
}

#[test]
fn a_single_inherited_response_is_mentioned_in_the_singular() {
    let sandbox = with_lines(&[response_in_minute("a", 1, 9)]);
    let fork = TRANSCRIPT.replace("s.jsonl", "22222222-0000-4000-8000-000000000000.jsonl");
    sandbox.append(&fork, &response_in_minute("a", 1, 9));
    sandbox.append(&fork, &response_in_minute("b", 2, 9));
    let shown = sandbox.run(&["spend", "--why", "22222222"]);
    let sentence = "1 response in this session's transcript also appears in the history of s and is counted there.";
    assert!(flat(shown.success()).contains(sentence), "{}", shown.stdout);
}

#[test]
fn a_ledger_of_another_version_is_set_aside_and_rebuilt() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    spend(&sandbox, "day");
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    rusqlite::Connection::open(&ledger)
        .unwrap()
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    let before = spend(&sandbox, "day");
    assert_eq!(spend(&sandbox, "day"), before);
    let aside = sandbox.path(".local/share/whycap/ledger.other-version-1.sqlite3");
    let version: i64 = rusqlite::Connection::open(&aside)
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 99);
}

/// Makes a status-line call of version 2.1.200, which reports the total of all responses that its process received.
fn report_total_of_process(client: &Client<'_>, minute: usize, responses: usize) {
    let payload = json!({
        "session_id": client.session, "transcript_path": client.transcript(), "version": "2.1.200",
        "cost": {"total_cost_usd": 0.20002 * responses as f64, "total_duration_ms": minute * 60_000},
    });
    let at = format!("2026-11-20T06:{:02}:00Z", 20 + minute);
    client
        .run(&at, &["statusline"], payload.to_string().as_bytes())
        .success();
}

/// In versions 2.1.118 to 2.1.210, a session that begins with `/clear` reports the running total of its entire process.
#[test]
fn spend_before_clear_is_not_counted_again() {
    let sandbox = Sandbox::new();
    for (nth, session) in ["first", "second", "third"].into_iter().enumerate() {
        let client = Client::with_session(&sandbox, session);
        report_total_of_process(&client, 3 * nth + 1, nth);
        client.works(
            &format!("2026-11-20T06:{:02}:00Z", 20 + 3 * nth + 2),
            50_000,
        );
        report_total_of_process(&client, 3 * nth + 3, nth + 1);
    }
    let report = sandbox
        .run(&["spend", "--by", "session", "--json"])
        .json();
    near(&report["total"]["cost_usd"], &Value::from(0.60006));
    assert_eq!(report["groups"].as_array().unwrap().len(), 3, "{report}");
}

#[test]
fn the_amount_of_a_live_session_is_explained_by_the_totals_of_its_process() {
    let sandbox = with_lines(&[line(
        "a",
        "2026-11-20T06:00:00.000Z",
        "claude-opus-5-5",
        1_000,
    )]);
    for total in [0.02, 0.05] {
        let payload = json!({
            "session_id": "s", "transcript_path": sandbox.path(".claude/projects/-home-dev-api/s.jsonl"),
            "cost": {"total_cost_usd": total},
        });
        sandbox
            .run_with(&["statusline"], payload.to_string().as_bytes())
            .success();
    }
    let why = sandbox
        .run(&["spend", "--why", "s", "--json"])
        .json();
    near(&why["cost_usd"], &Value::from(0.05));
    near(&why["unrecorded_usd"], &Value::from(0.03));
    let run = &why["runs"][0];
    assert_eq!(
        (&run["pid"], &run["identified_by"]),
        (&json!(4_190_000), &json!("CLAUDE_PID"))
    );
    near(&run["last_total_usd"], &Value::from(0.05));
    let shown = sandbox.run(&["spend", "--why", "s"]);
    assert!(shown.success().contains("$0.03"), "{}", shown.stdout);
}

#[test]
fn the_groups_of_every_kind_add_up_to_the_total() {
    for history in ["six-versions", "subagents-and-errors", "killed-and-resumed"] {
        let (sandbox, truth) = with_history(history);
        for by in GROUPINGS {
            let report = spend(&sandbox, by);
            near(&report["total"]["recorded_usd"], &truth["shown_usd"]);
            for field in ["cost_usd", "recorded_usd", "unrecorded_usd"] {
                let groups = report["groups"].as_array().unwrap().iter();
                let sum: f64 = groups
                    .map(|group| group[field].as_f64().unwrap())
                    .sum();
                near(&Value::from(sum), &report["total"][field]);
            }
            let limited = sandbox
                .run(&["spend", "--json", "--by", by, "--limit", "1"])
                .json();
            let shown = limited["groups"][0]["cost_usd"].as_f64().unwrap();
            let rest = limited["rest"]["cost_usd"]
                .as_f64()
                .unwrap_or_default();
            near(&Value::from(shown + rest), &report["total"]["cost_usd"]);
        }
    }
}

/// Returns the rows of CSV output. In each row, the values are keyed by the names of their columns.
fn csv_rows(csv: &str) -> Vec<HashMap<String, String>> {
    let mut rows = csv.lines().map(csv_values);
    let names = rows.next().unwrap();
    rows.map(|values| {
        assert_eq!(values.len(), names.len(), "{values:?}");
        names.iter().cloned().zip(values).collect()
    })
    .collect()
}

/// Returns the values in a line of CSV, without the quotation marks around them.
fn csv_values(line: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => {
                values.last_mut().unwrap().push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => values.push(String::new()),
            _ => values.last_mut().unwrap().push(character),
        }
    }
    values
}

#[test]
fn sessions_have_their_titles_and_the_dearest_comes_first() {
    let sandbox = Sandbox::new();
    for (id, title, at, output) in [
        (
            "old-and-dear",
            "Move, then sing",
            "2026-11-18T12:00:00Z",
            2_000_000,
        ),
        (
            "new",
            "Fix \\\"login\\\"",
            "2026-11-20T05:00:00Z",
            1_000_000,
        ),
    ] {
        let title_line = format!(r#"{{"type":"ai-title","aiTitle":"{title}","sessionId":"{id}"}}"#);
        let response =
            line(id, at, "claude-opus-5-5", output).replace("\"s\"", &format!("\"{id}\""));
        sandbox.write(
            &format!(".claude/projects/-home-dev-api/{id}.jsonl"),
            format!("{title_line}\n{response}\n"),
        );
    }
    let run = sandbox.run(&["spend", "--by", "session"]);
    let rows: Vec<&str> = run.success().lines().skip(1).take(2).collect();
    assert!(rows[0].starts_with("Move, then sing"), "{rows:?}");
    assert!(rows[0].contains("Wed Nov 18 12:00"), "{rows:?}");
    assert!(rows[1].starts_with("Fix \"login\""), "{rows:?}");
    let csv = sandbox.run(&["spend", "--by", "session", "--csv"]);
    let rows = csv_rows(csv.success());
    assert_eq!(rows.len(), 2, "{rows:?}");
    for (name, value) in [
        ("session", "old-and-dear"),
        ("project", "/home/dev/api"),
        ("title", "Move, then sing"),
        ("last_activity", "2026-11-18T12:00:00Z"),
        ("cost_usd", "40.0"),
        ("recorded_usd", "40.0"),
        ("unrecorded_usd", "0.0"),
        ("not_written_usd", "0.0"),
        ("at_least", "false"),
        ("responses", "1"),
        ("unpriced_responses", "0"),
        ("input_tokens", "0"),
        ("output_tokens", "2000000"),
        ("cache_read_tokens", "0"),
        ("cache_write_5m_tokens", "0"),
        ("cache_write_1h_tokens", "0"),
        ("web_searches", "0"),
    ] {
        assert_eq!(rows[0][name], value, "{name}: {rows:?}");
    }
    assert_eq!(rows[1]["session"], "new");
    assert_eq!(rows[1]["title"], "Fix \"login\"");
    // Values that contain a comma or a quotation mark are quoted.
    assert!(
        csv.stdout
            .contains("\r\nnew,/home/dev/api,\"Fix \"\"login\"\"\",")
    );
    assert!(csv.stdout.ends_with("\r\n"), "{csv:?}");
    let by_project = sandbox.run(&["spend", "--by", "project", "--csv"]);
    assert!(
        by_project.success().starts_with("project,cost_usd,"),
        "{by_project:?}"
    );

    // The user's own words are shown only to the user.
    let prompt = r#"{"type":"user","sessionId":"untitled","timestamp":"2026-11-20T05:00:00Z","message":{"role":"user","content":"say hello"}}"#;
    let response = line("untitled", "2026-11-20T05:00:00Z", "claude-opus-5-5", 1)
        .replace("\"s\"", "\"untitled\"");
    sandbox.write(
        ".claude/projects/-home-dev-api/untitled.jsonl",
        format!("{prompt}\n{response}\n"),
    );
    let piped = sandbox.run(&["spend", "--by", "session"]);
    assert!(!piped.success().contains("say hello"), "{piped:?}");
    assert!(piped.stdout.contains("--with-text"), "{piped:?}");
    let event = r#"{"hook_event_name":"UserPromptSubmit","session_id":"new","prompt":"/whycap spend --by session"}"#;
    let reply = sandbox.run_with(&["hook"], event.as_bytes());
    assert!(reply.success().contains("say hello"), "{reply:?}");
}

/// Prompts in Chinese or Japanese contain no spaces, and others begin with a long path.
#[test]
fn a_name_that_ends_within_a_word_has_an_ellipsis() {
    for (prompt, name) in [
        (
            "/home/dev/api/src/routes/login/providers/google.rs",
            "/home/dev/api/src/routes/login/providers…",
        ),
        (
            "https://example.com/a/page/of/36/letters",
            "https://example.com/a/page/of/36/letters",
        ),
    ] {
        let message = json!({"type": "user", "sessionId": "s", "timestamp": "2026-11-20T05:00:00Z", "message": {"role": "user", "content": prompt}});
        let response = line("s", "2026-11-20T05:00:00Z", "claude-opus-5-5", 1);
        let sandbox = with_lines(&[message.to_string(), response]);
        let report = sandbox
            .run(&["spend", "--by", "session", "--json", "--with-text"])
            .json();
        assert_eq!(report["groups"][0]["title"], name);
    }
}

#[test]
fn a_day_with_two_midnights_starts_at_the_first() {
    // In Havana, clocks went back from 00:59:59 to 00:00 on November 1, 2026, at 05:00 UTC.
    let sandbox = with_lines(&[
        line("a", "2026-11-01T04:30:00Z", "claude-opus-5-5", 1_000_000),
        line("b", "2026-11-01T15:00:00Z", "claude-opus-5-5", 1_000_000),
    ])
    .variable("TZ", "America/Havana");
    for days in [
        &["--since", "2026-11-01"][..],
        &["--since", "2026-11-01", "--until", "2026-11-01"],
        &["--since", "2026-11-01", "--timezone", "America/Havana"],
    ] {
        let run = sandbox.run(&[&["spend", "--json"], days].concat());
        let report = run.json();
        near(&report["total"]["cost_usd"], &Value::from(40.0));
        assert_eq!(
            report["groups"].as_array().map(Vec::len),
            Some(1),
            "{days:?}"
        );
    }
    let before = sandbox.run(&["spend", "--json", "--until", "2026-10-31"]);
    near(&before.json()["total"]["cost_usd"], &Value::from(0.0));
}

#[test]
fn a_project_is_found_by_part_of_its_path_and_a_missing_one_is_reported() {
    let other = line("b", "2026-11-20T06:00:00Z", "claude-opus-5-5", 500_000)
        .replace("/home/dev/api", "/home/dev/shop")
        .replace("\"s\"", "\"t\"");
    let sandbox = with_lines(&[line(
        "a",
        "2026-11-20T06:00:00Z",
        "claude-opus-5-5",
        1_000_000,
    )]);
    sandbox.write(".claude/projects/-home-dev-shop/t.jsonl", other + "\n");
    let report = sandbox
        .run(&["spend", "--project", "SHOP", "--json"])
        .json();
    near(&report["total"]["cost_usd"], &Value::from(10.0));
    let run = sandbox.run(&["spend", "--project", "nowhere"]);
    assert_eq!(
        run.success(),
        "Nothing was spent in a project whose path contains \"nowhere\".\n"
    );
}

#[test]
fn a_long_table_has_one_total_and_a_pipe_has_no_bars() {
    let lines: Vec<String> = (1..=25)
        .map(|day| {
            let at = format!("2026-10-{day:02}T12:00:00Z");
            line(&day.to_string(), &at, "claude-opus-5-5", 50_000)
        })
        .collect();
    let sandbox = with_lines(&lines).variable("COLUMNS", "200");
    let run = sandbox.run(&["spend"]);
    let totals: Vec<usize> = run
        .success()
        .lines()
        .enumerate()
        .filter(|(_, row)| row.starts_with("Total "))
        .map(|(index, _)| index)
        .collect();
    assert_eq!(totals, [26]);
    assert!(!run.stdout.contains('\u{2588}'), "{}", run.stdout);
}

/// Returns the sorted names of a history's groups, after comparing their figures with the truth.
fn sorted_group_names(history: &str, by: &str) -> Vec<String> {
    let (sandbox, truth) = with_history(history);
    let report = spend(&sandbox, by);
    matches_truth(&report, &truth);
    let mut names: Vec<String> = report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["key"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn subagents_branches_and_unrecorded_spend_have_their_own_rows() {
    assert_eq!(
        sorted_group_names("compaction-and-subagent", "agent"),
        ["(compaction)", "general-purpose", "main"]
    );
    assert_eq!(
        sorted_group_names("compaction-and-subagent", "branch"),
        ["(compaction)", "HEAD"]
    );
    assert_eq!(
        sorted_group_names("window-closed-while-idle", "agent"),
        ["(background requests)", "general-purpose", "main"]
    );
}

/// Returns each group's key with its cost.
fn costs_by(sandbox: &Sandbox, by: &str) -> Vec<String> {
    spend(sandbox, by)["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            let key = group["key"].as_str().unwrap();
            format!("{key} {}", group["cost_usd"].as_f64().unwrap())
        })
        .collect()
}

#[test]
fn a_response_belongs_to_the_branch_and_agent_of_its_earliest_line() {
    let [later, first] = [
        ("fix/later", "2026-11-20T06:00:09.000Z"),
        ("main", "2026-11-20T06:00:01.000Z"),
    ]
    .map(|(branch, at)| {
        line("a", at, "claude-opus-5-5", 1_000_000)
            .replace("\"cwd\"", &format!("\"gitBranch\":\"{branch}\",\"cwd\""))
    });
    let [named_agent, unnamed_agent] = [
        (
            "b",
            "\"isSidechain\":true,\"attributionAgent\":\"reviewer\",",
        ),
        ("c", "\"isSidechain\":true,"),
    ]
    .map(|(id, fields)| {
        line(id, "2026-11-20T06:10:00.000Z", "claude-opus-5-5", 500_000)
            .replace("\"cwd\"", &format!("{fields}\"cwd\""))
    });
    let sandbox = with_lines(&[later, named_agent, unnamed_agent, first]);
    assert_eq!(costs_by(&sandbox, "branch"), ["(unknown) 20", "main 20"]);
    assert_eq!(
        costs_by(&sandbox, "agent"),
        ["main 20", "reviewer 10", "subagent 10"]
    );
    let only = sandbox.run(&[
        "spend",
        "--by",
        "agent",
        "--project",
        "api",
        "--since",
        "1d",
    ]);
    assert!(only.success().contains("reviewer"), "{}", only.stdout);
}

/// Runs the hook or the status line in a process of session `s`.
fn run_in_process(sandbox: &Sandbox, process: &str, command: &str, more: &Value) {
    let mut payload = more.clone();
    payload["session_id"] = "s".into();
    payload["transcript_path"] = sandbox.path(TRANSCRIPT).to_str().unwrap().into();
    let mut command = sandbox.command(&[command]);
    command.env("CLAUDE_PID", process);
    Run::of(&mut command, payload.to_string().as_bytes()).success();
}

fn run_hook(sandbox: &Sandbox, process: &str, event: &str, detail: &str) {
    let payload = json!({"hook_event_name": event, "source": detail, "reason": detail});
    run_in_process(sandbox, process, "hook", &payload);
}

fn report_total(sandbox: &Sandbox, process: &str, usd: f64) {
    let payload = json!({"model": {"id": "claude-opus-5-5"}, "cost": {"total_cost_usd": usd}});
    run_in_process(sandbox, process, "statusline", &payload);
}

/// Returns a checkpoint of a session whose only model has received the given number of output tokens.
fn checkpoint(session: &str, tokens: u64, duration_ms: u64, started: u64) -> String {
    let usd = tokens as f64 * 20e-6;
    json!({
        "type": "cost-state", "sessionId": session, "totalCostUSD": usd, "totalAPIDuration": tokens,
        "totalDuration": duration_ms, "startTime": started, "hasUnknownModelCost": false,
        "modelUsage": {"claude-opus-5-5": {"inputTokens": 0, "outputTokens": tokens, "cacheReadInputTokens": 0,
            "cacheCreationInputTokens": 0, "webSearchRequests": 0, "costUSD": usd}},
    })
    .to_string()
}

/// After `/clear`, a process does not write its checkpoint for the old session right away. If another process writes a
/// checkpoint for the session first, it must not be mistaken for the checkpoint of the cleared process.
#[test]
fn a_checkpoint_belongs_to_the_process_that_wrote_it_after_a_clear() {
    let (first, second) = ("4190001", "4190002");
    let sandbox = Sandbox::new();
    run_hook(&sandbox, first, "SessionStart", "startup");
    report_total(&sandbox, first, 0.0);
    sandbox.append(TRANSCRIPT, &response_in_minute("a", 0, 10_000));
    report_total(&sandbox, first, 0.2);
    // The other process receives a response for $0.40 and has $0.05 of unrecorded spend.
    run_hook(&sandbox, second, "SessionStart", "resume");
    sandbox.append(TRANSCRIPT, &response_in_minute("b", 1, 20_000));
    let of_second = checkpoint("s", 22_500, 22_500, 1_795_154_400_000);
    sandbox.append(TRANSCRIPT, &of_second);
    run_hook(&sandbox, second, "SessionEnd", "other");
    run_hook(&sandbox, first, "SessionEnd", "clear");
    let of_first = checkpoint("s", 10_000, 10_000, 1_795_150_800_000);
    sandbox.append(TRANSCRIPT, &of_first);
    let total = &spend(&sandbox, "session")["total"];
    near(&total["cost_usd"], &json!(0.65));
    assert_eq!(total["at_least"], false);
}

/// On a busy machine, the `SessionStart` hook may run after the first responses. These responses must not be counted
/// twice, although the process's running total includes them as well.
#[test]
fn a_late_start_hook_does_not_count_responses_twice() {
    let sandbox = Sandbox::new();
    for (id, time) in [("a", "06:30:10"), ("b", "06:30:20"), ("c", "06:30:30")] {
        let at = format!("2026-11-20T{time}.000Z");
        sandbox.append(TRANSCRIPT, &line(id, &at, "claude-opus-5-5", 1_000));
    }
    let process = "4190001";
    run_hook(&sandbox, process, "SessionStart", "startup");
    report_total(&sandbox, process, 0.1);
    near(
        &spend(&sandbox, "session")["total"]["cost_usd"],
        &json!(0.1),
    );
}

/// Versions up to about 2.1.50 write the working directory before the line's type. Even if the directory's name is
/// long, a compaction must be recognized, because it makes the amount a lower bound.
#[test]
fn a_compaction_in_a_directory_with_a_long_name_is_found() {
    let directory = "/home/dev/".to_owned() + &"a-long-name/".repeat(30);
    let compaction = r#"{"parentUuid":null,"logicalParentUuid":"a","isSidechain":false,"userType":"external","cwd":"DIRECTORY","sessionId":"s","version":"2.1.39","gitBranch":"main","type":"system","subtype":"compact_boundary","content":"Conversation compacted","isMeta":false,"timestamp":"2026-02-12T20:30:28.504Z","uuid":"c","level":"info","compactMetadata":{"trigger":"auto","preTokens":170251}}"#;
    let sandbox = Sandbox::new();
    let transcript = ".claude/projects/-p/s.jsonl";
    sandbox.append(
        transcript,
        &line("a", "2026-02-12T20:00:05.000Z", "claude-opus-5-5", 10),
    );
    sandbox.append(transcript, &compaction.replace("DIRECTORY", &directory));
    sandbox.append(
        transcript,
        &line("b", "2026-02-12T20:40:05.000Z", "claude-opus-5-5", 10),
    );
    assert_eq!(spend(&sandbox, "session")["total"]["at_least"], true);
}

fn transcript_of(session: &str) -> String {
    TRANSCRIPT.replace("s.jsonl", &format!("{session}.jsonl"))
}

/// Records a response for 20 cents in a session.
fn record_response(sandbox: &Sandbox, session: &str, id: &str, time: &str) {
    let at = format!("2026-11-20T{time}.000Z");
    let response = line(id, &at, "claude-opus-5-5", 10_000)
        .replace(r#""sessionId":"s""#, &format!(r#""sessionId":"{session}""#));
    sandbox.append(&transcript_of(session), &response);
}

/// Makes a status-line call that reports a running total of the session `began-before`, and returns the status line.
fn report_total_of_open_session(sandbox: &Sandbox, usd: f64) -> String {
    let payload = json!({
        "session_id": "began-before", "transcript_path": sandbox.path(&transcript_of("began-before")),
        "model": {"id": "claude-opus-5-5"}, "cost": {"total_cost_usd": usd},
    });
    let run = sandbox.run_with(&["statusline"], payload.to_string().as_bytes());
    run.success().to_owned()
}

/// Two terminals that start in the same millisecond write the same `startTime`, as a fork and its parent do. If whycap
/// is installed later, the total of each process is no longer zero when whycap sees it for the first time.
#[test]
fn a_session_that_was_open_when_whycap_was_installed_is_exact_unless_it_may_be_a_fork() {
    const START: u64 = 1_795_154_400_000;
    // The time of the other session's response, and whether the other session may be the parent.
    for (time_of_other, may_be_parent) in [("06:30:00", false), ("06:05:00", true)] {
        let sandbox = Sandbox::new();
        record_response(&sandbox, "began-before", "a", "06:10:00");
        report_total_of_open_session(&sandbox, 0.2);
        record_response(&sandbox, "began-before", "b", "06:20:00");
        report_total_of_open_session(&sandbox, 0.4);
        record_response(&sandbox, "other", "c", time_of_other);
        for (session, tokens) in [("other", 30_000), ("began-before", 20_000)] {
            let line = checkpoint(session, tokens, 900_000, START);
            sandbox.append(&transcript_of(session), &line);
        }

        let why = sandbox
            .run(&["spend", "--why", "began-before", "--json"])
            .json();
        near(&why["cost_usd"], &json!(0.4));
        assert_eq!(why["at_least"], may_be_parent, "{why}");
        let reasons = why["reasons"].as_array().unwrap();
        assert_eq!(reasons.len(), usize::from(may_be_parent), "{why}");
        let run = sandbox.run(&["spend", "--why", "began-before"]);
        let shown = run.success();
        assert_eq!(
            shown.contains("agrees with this amount"),
            !may_be_parent,
            "{shown}"
        );
        assert_eq!(
            shown.contains("did not observe the start"),
            may_be_parent,
            "{shown}"
        );
        assert!(!shown.contains("more than"), "{shown}");
        let line = report_total_of_open_session(&sandbox, 0.4);
        assert_eq!(line.contains('\u{2265}'), may_be_parent, "{line}");
        let spend = sandbox.run(&["spend"]);
        let explains = flat(spend.success()).contains("run `whycap spend --why SESSION`");
        assert_eq!(explains, may_be_parent, "{}", spend.stdout);
    }
}

/// Claude Code records "HEAD" as the branch in a checkout without a branch, and outside a repository, where these
/// recorded sessions ran. People are told that "HEAD" is not a branch, and programs get the recorded value.
#[test]
fn spend_without_a_branch_is_not_shown_as_spend_of_a_branch() {
    let (sandbox, _) = with_history("two-at-once");
    let shown = sandbox.run(&["spend", "--by", "branch"]);
    assert!(
        shown
            .success()
            .contains("\nno branch recorded (HEAD)  "),
        "{}",
        shown.stdout
    );
    assert!(!shown.stdout.contains("detached"), "{}", shown.stdout);
    assert_eq!(spend(&sandbox, "branch")["groups"][0]["key"], "HEAD");
    let csv = sandbox.run(&["spend", "--by", "branch", "--csv"]);
    assert!(csv.success().contains("\nHEAD,"), "{}", csv.stdout);
}

/// `/whycap spend` cannot read new lines while another process writes to the ledger. In that case, not only the total
/// but also each day's spend may be higher.
#[test]
fn each_amount_is_a_lower_bound_if_not_all_transcripts_have_been_read() {
    let sandbox = with_lines(&[line(
        "a",
        "2026-11-20T06:00:01.000Z",
        "claude-opus-5-5",
        1_000_000,
    )]);
    sandbox.run(&["spend"]).success();
    let client = Client::with_session(&sandbox, "asks");
    client.works("2026-11-20T06:10:00Z", 1_000);
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    let writer = rusqlite::Connection::open(&ledger).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = client.event(
        "2026-11-20T06:20:00Z",
        "UserPromptSubmit",
        json!({"prompt": "/whycap spend"}),
    );
    assert_eq!(
        run.stdout.matches("\u{2265}$20.00").count(),
        2,
        "{}",
        run.stdout
    );
}
