//! Tests that many processes can share a ledger without losing anything, counting anything twice, or waiting for long.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Run, Sandbox};

const OUTPUT_PRICE: f64 = 20.0 / 1e6;

fn line(id: usize, session: &str) -> String {
    format!(
        r#"{{"type":"assistant","uuid":"u{id}","timestamp":"2026-11-20T06:{:02}:00.000Z","sessionId":"{session}","cwd":"/home/dev/api","requestId":"req_{session}_{id}","message":{{"id":"msg_{session}_{id}","model":"claude-opus-5-5","role":"assistant","content":[{{"type":"text","text":"{}"}}],"usage":{{"input_tokens":0,"output_tokens":1000}}}}}}"#,
        id % 60,
        "x".repeat(300)
    )
}

fn transcript(session: &str) -> String {
    format!(".claude/projects/-home-dev-api/{session}.jsonl")
}

fn with_sessions(sessions: usize, lines: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    for session in 0..sessions {
        let name = format!("s{session}");
        let text: Vec<String> = (0..lines).map(|id| line(id, &name)).collect();
        sandbox.write(&transcript(&name), text.join("\n") + "\n");
    }
    sandbox
}

fn start(command: &mut Command, stdin: &[u8]) -> Child {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(stdin)
        .expect("room in the pipe");
    child
}

fn status(sandbox: &Sandbox, session: &str) -> Vec<u8> {
    let path = sandbox.path(&transcript(session));
    json!({
        "session_id": session, "transcript_path": path, "model": {"display_name": "Opus"},
        "cost": {"total_cost_usd": 0.01},
    })
    .to_string()
    .into_bytes()
}

#[track_caller]
fn total_is(sandbox: &Sandbox, responses: usize) {
    let report: Value = sandbox.run(&["spend", "--json"]).json();
    assert_eq!(report["total"]["responses"], responses);
    let cost = report["total"]["cost_usd"].as_f64().unwrap();
    assert!(
        (cost - responses as f64 * 1000.0 * OUTPUT_PRICE).abs() < 1e-9,
        "{cost}"
    );
}

#[test]
fn twenty_simultaneous_reports_on_a_new_ledger_agree() {
    let sandbox = with_sessions(10, 300);
    let children: Vec<Child> = (0..20)
        .map(|_| start(&mut sandbox.command(&["spend", "--json"]), b""))
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["total"]["responses"], 3000);
    }
    total_is(&sandbox, 3000);
}

/// A first report reads the transcripts into memory. If another process creates the ledger in the meantime, the report
/// reads the transcripts again.
#[test]
fn a_first_report_is_right_if_a_status_line_call_creates_the_ledger_in_the_meantime() {
    let sandbox = with_sessions(8, 3000);
    let mut report = start(&mut sandbox.command(&["spend", "--json"]), b"");
    // The report creates the directory before it reads the transcripts.
    let data = sandbox.path(".local/share/whycap");
    while !data.exists() && report.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    sandbox
        .run_with(&["statusline"], &status(&sandbox, "s0"))
        .success();

    let output = report.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["total"]["responses"], 8 * 3000);
    total_is(&sandbox, 8 * 3000);
}

#[test]
fn simultaneous_status_lines_hooks_and_reports_lose_nothing() {
    let sandbox = with_sessions(8, 50);
    for round in 0..4 {
        for session in 0..8 {
            let name = format!("s{session}");
            sandbox.append(&transcript(&name), &line(1000 + round, &name));
        }
        let mut children = Vec::new();
        for session in 0..8 {
            let name = format!("s{session}");
            children.push(start(
                &mut sandbox.command(&["statusline"]),
                &status(&sandbox, &name),
            ));
            let event = json!({
                "hook_event_name": "Stop", "session_id": name, "transcript_path": sandbox.path(&transcript(&name)),
            });
            children.push(start(
                &mut sandbox.command(&["hook"]),
                event.to_string().as_bytes(),
            ));
        }
        children.push(start(&mut sandbox.command(&["spend"]), b""));
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        }
    }
    total_is(&sandbox, 8 * 54);
}

#[test]
fn a_status_line_shows_new_lines_while_another_process_holds_the_ledger() {
    let sandbox = with_sessions(1, 10);
    sandbox.run(&["spend"]).success();
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    let writer = rusqlite::Connection::open(&ledger).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    sandbox.append(&transcript("s0"), &line(99, "s0"));
    let run = sandbox.run_with(&["statusline"], &status(&sandbox, "s0"));
    assert!(run.success().contains("$0.22"), "{}", run.stdout);
    drop(writer);
    total_is(&sandbox, 11);
}

/// The first process that opens the ledger briefly locks out the others. The other status lines must still show
/// whycap's own figures and today's spend.
#[test]
fn simultaneous_status_lines_show_the_same_as_single_ones() {
    let sandbox = with_sessions(8, 10).variable("NO_COLOR", "1");
    sandbox.run(&["spend"]).success();
    let mut without = 0;
    for round in 0..12 {
        let mut children = Vec::new();
        for session in 0..8 {
            let name = format!("s{session}");
            sandbox.append(&transcript(&name), &line(1000 + round, &name));
            let mut command = sandbox.command(&["statusline"]);
            command.env("CLAUDE_PID", (4_180_000 + session).to_string());
            children.push(start(&mut command, &status(&sandbox, &name)));
        }
        let own_figure = format!("${:.2}", (11 + round) as f64 * 1000.0 * OUTPUT_PRICE);
        for child in children {
            let output = child.wait_with_output().unwrap();
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            if !(shown.contains(&own_figure) && shown.contains("today")) {
                // A call that gives up on the ledger shows Claude Code's figure, or a lower bound of its own.
                let is_honest =
                    shown.contains("Claude Code says $0.01") || shown.contains("session ≥$");
                assert!(is_honest, "{shown}");
                without += 1;
            }
        }
    }
    // On a busy machine, a status-line call may give up on the ledger after ten milliseconds.
    assert!(without <= 2, "{without} of 96 did without the ledger");
}

fn count_responses(reader: &rusqlite::Connection) -> i64 {
    reader
        .query_row("SELECT count(*) FROM responses", [], |row| row.get(0))
        .unwrap()
}

/// A checkpoint of the write-ahead log must not wait for processes that are reading the ledger.
#[test]
fn a_report_does_not_wait_for_a_process_that_keeps_reading() {
    let sandbox = with_sessions(1, 10);
    sandbox.run(&["spend"]).success();
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    let reader = rusqlite::Connection::open(&ledger).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count_responses(&reader), 10);
    let more: Vec<String> = (100..2100)
        .map(|number| line(number, "s0"))
        .collect();
    sandbox.append(&transcript("s0"), &more.join("\n"));
    let began = std::time::Instant::now();
    total_is(&sandbox, 2010);
    let log = fs::metadata(ledger.with_extension("sqlite3-wal")).unwrap();
    assert!(log.len() > 64 * 1024, "there is something to fold back");
    let took = began.elapsed();
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
    assert_eq!(count_responses(&reader), 10);
}

/// The lock that a checkpoint of the write-ahead log holds does not affect readers.
#[test]
fn status_lines_show_figures_during_a_checkpoint_of_the_log() {
    let sandbox = with_sessions(1, 10).variable("NO_COLOR", "1");
    sandbox.run(&["spend"]).success();
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    let mut writer = rusqlite::Connection::open(ledger).unwrap();
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler(bytes BLOB)")
        .unwrap();
    let (mut line_count, mut with_figures) = (0, 0);
    for _ in 0..3 {
        writer
            .execute_batch(
                "INSERT INTO filler WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 8000)
                 SELECT randomblob(4000) FROM n",
            )
            .unwrap();
        let folding = std::thread::spawn(move || {
            let fold = "PRAGMA wal_checkpoint(PASSIVE)";
            writer.query_row(fold, [], |_| Ok(())).unwrap();
            writer
        });
        while !folding.is_finished() {
            let run = sandbox.run_with(&["statusline"], &status(&sandbox, "s0"));
            line_count += 1;
            with_figures += usize::from(run.success().contains("$0.20"));
        }
        writer = folding.join().unwrap();
    }
    assert!(
        with_figures * 3 >= line_count * 2,
        "{with_figures} of {line_count}"
    );
}

/// If the index of the write-ahead log is locked, such as by a process that was stopped while opening the database,
/// SQLite retries for ten seconds. A status-line call must not wait that long.
#[cfg(unix)]
#[test]
fn a_status_line_works_without_a_locked_ledger() {
    use rustix::fs::{FlockOperation, fcntl_lock};
    let sandbox = with_sessions(1, 10);
    sandbox
        .run_with(&["statusline"], &status(&sandbox, "s0"))
        .success();
    for name in ["ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"] {
        let path = sandbox.path(".local/share/whycap").join(name);
        if !path.exists() {
            continue;
        }
        let file = fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        let began = std::time::Instant::now();
        let run = sandbox.run_with(&["statusline"], &status(&sandbox, "s0"));
        assert!(!run.success().trim().is_empty());
        let event = json!({"hook_event_name": "Stop", "session_id": "s0"});
        sandbox
            .run_with(&["hook"], event.to_string().as_bytes())
            .success();
        let took = began.elapsed();
        assert!(took.as_secs() < 2, "{name}: {took:?}");
    }
}

#[test]
fn a_killed_reader_leaves_a_usable_ledger() {
    let sandbox = with_sessions(40, 400);
    for delay in [1, 3, 7, 15, 30] {
        let mut child = start(&mut sandbox.command(&["spend"]), b"");
        std::thread::sleep(std::time::Duration::from_millis(delay));
        // The child is killed at a random moment, unless it has already ended.
        let _ = child.kill();
        child.wait().unwrap();
    }
    total_is(&sandbox, 16_000);
}

#[test]
#[cfg(unix)]
fn the_status_line_works_in_an_unwritable_home() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = with_sessions(1, 10);
    let home = sandbox.home();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o555)).unwrap();
    let run = sandbox.run_with(&["statusline"], &status(&sandbox, "s0"));
    let hook = sandbox.run_with(
        &["hook"],
        br#"{"hook_event_name":"Stop","session_id":"s0"}"#,
    );
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(run.success().contains("Opus"), "{}", run.stdout);
    hook.success();
}

/// Builds the status-line input for a session whose total includes spend that is in no file yet, such as the cost of a
/// compaction.
fn sample_payload(sandbox: &Sandbox, session: &str, usd: f64, lived_ms: u64) -> Vec<u8> {
    json!({
        "session_id": session, "transcript_path": sandbox.path(&transcript(session)),
        "model": {"id": "claude-opus-5-5"},
        "cost": {"total_cost_usd": usd, "total_duration_ms": lived_ms},
    })
    .to_string()
    .into_bytes()
}

/// Makes a status-line call that reports this running total of a session.
fn report_total(sandbox: &Sandbox, session: &str, usd: f64, lived_ms: u64) -> Run {
    let payload = sample_payload(sandbox, session, usd, lived_ms);
    sandbox.run_with(&["statusline"], &payload)
}

/// Locks the ledger against writing until the returned connection is dropped.
pub fn lock_ledger(sandbox: &Sandbox) -> rusqlite::Connection {
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    let writer = rusqlite::Connection::open(ledger).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    writer
}

#[track_caller]
fn assert_total(sandbox: &Sandbox, usd: f64) {
    let report: Value = sandbox.run(&["spend", "--json"]).json();
    let cost = report["total"]["cost_usd"].as_f64().unwrap();
    assert!((cost - usd).abs() < 1e-9, "{cost} is not {usd}");
}

#[test]
fn a_sample_received_while_the_ledger_is_locked_counts_later() {
    let sandbox = with_sessions(2, 10);
    assert_total(&sandbox, 0.4);
    report_total(&sandbox, "s0", 0.2, 60_000);
    assert_total(&sandbox, 0.4);
    // A total is reported once, and then the process is killed.
    let writer = lock_ledger(&sandbox);
    report_total(&sandbox, "s0", 0.25, 61_000);
    drop(writer);
    assert_total(&sandbox, 0.45);
    // Reporting the same total again adds nothing.
    report_total(&sandbox, "s0", 0.25, 61_500);
    assert_total(&sandbox, 0.45);
    // If the earlier of two samples could not be written, the later one is still included in the spend.
    let writer = lock_ledger(&sandbox);
    report_total(&sandbox, "s0", 0.3, 62_000);
    drop(writer);
    report_total(&sandbox, "s0", 0.35, 63_000);
    assert_total(&sandbox, 0.55);
}

#[test]
fn samples_of_one_process_are_counted_once_while_another_process_holds_the_ledger() {
    let sandbox = with_sessions(1, 10).variable("NO_COLOR", "1");
    assert_total(&sandbox, 0.2);
    report_total(&sandbox, "s0", 0.2, 60_000).success();
    assert_total(&sandbox, 0.2);
    report_total(&sandbox, "s0", 0.25, 61_000).success();
    let writer = lock_ledger(&sandbox);
    let run = report_total(&sandbox, "s0", 0.3, 62_000);
    let shown = run.success();
    assert!(shown.contains("$0.30"), "{shown}");
    drop(writer);
    assert_total(&sandbox, 0.3);
}

fn report_total_while_locked(sandbox: &Sandbox, usd: f64, lived_ms: u64) {
    let _writer = lock_ledger(sandbox);
    report_total(sandbox, "s0", usd, lived_ms);
}

/// If the clock was a month ahead, the journal contains a record of a later month. This record must not hide the
/// samples that are stored after the clock has been corrected.
#[test]
fn a_sample_counts_even_if_the_clock_was_a_month_ahead() {
    for is_first in [false, true] {
        let sandbox = with_sessions(1, 10);
        assert_total(&sandbox, 0.2);
        report_total(&sandbox, "s0", 0.2, 60_000);
        if !is_first {
            report_total_while_locked(&sandbox, 0.25, 61_000);
        }
        let month_ahead = sandbox.variable("WHYCAP_NOW", "2049-01-02T00:00:00Z");
        report_total_while_locked(&month_ahead, 0.3, 62_000);
        assert_total(&month_ahead, 0.3);
        let corrected = month_ahead.variable("WHYCAP_NOW", "2026-11-30T12:00:00Z");
        report_total_while_locked(&corrected, 0.35, 63_000);
        assert_total(&corrected, 0.35);
        // When this month begins, whycap has already read the journal of a later month.
        let next_month = corrected.variable("WHYCAP_NOW", "2026-12-05T00:00:00Z");
        report_total_while_locked(&next_month, 0.4, 64_000);
        assert_total(&next_month, 0.4);
    }
}

/// The parent's total is in a file that no process has had time to read.
#[test]
fn a_forks_first_sample_is_not_shown_while_its_parent_is_unreadable() {
    let sandbox = with_sessions(1, 10).variable("NO_COLOR", "1");
    assert_total(&sandbox, 0.2);
    let total = json!({
        "type": "cost-state", "sessionId": "s0", "totalCostUSD": 0.2, "totalAPIDuration": 10, "totalDuration": 60_000,
        "startTime": 1_795_150_000_000_u64, "modelUsage": {}, "hasUnknownModelCost": false,
    });
    sandbox.append(&transcript("s0"), &total.to_string());
    let writer = lock_ledger(&sandbox);
    let run = report_total(&sandbox, "fork", 0.2, 60_000);
    let shown = run.success();
    assert!(shown.contains("session \u{2265}$0.00"), "{shown}");
    drop(writer);
    assert_total(&sandbox, 0.2);
    let run = report_total(&sandbox, "fork", 0.27, 62_000);
    let shown = run.success();
    assert!(shown.contains("$0.07"), "{shown}");
    assert_total(&sandbox, 0.27);
}

/// Returns the running total of a session in a round of the next test.
fn total_in_round(session: u32, round: u32) -> f64 {
    0.2 + f64::from(round) * (0.01 + f64::from(session) * 0.001)
}

#[test]
fn racing_samples_of_many_sessions_all_count() {
    const SESSIONS: u32 = 8;
    const ROUNDS: u32 = 6;
    let sandbox = with_sessions(SESSIONS as usize, 10);
    sandbox.run(&["spend"]).success();
    for round in 0..=ROUNDS {
        let mut children = vec![start(&mut sandbox.command(&["spend"]), b"")];
        for session in 0..SESSIONS {
            let name = format!("s{session}");
            let payload = sample_payload(
                &sandbox,
                &name,
                total_in_round(session, round),
                60_000 + 1_000 * u64::from(round),
            );
            let mut command = sandbox.command(&["statusline"]);
            command.env("CLAUDE_PID", (4_180_000 + session).to_string());
            children.push(start(&mut command, &payload));
        }
        for child in children {
            assert!(child.wait_with_output().unwrap().status.success());
        }
    }
    assert_total(
        &sandbox,
        (0..SESSIONS)
            .map(|session| total_in_round(session, ROUNDS))
            .sum(),
    );
}

/// A hook must not set aside a damaged ledger while another process is writing to it. The damaged sums can be
/// recalculated later, but other data exists only in the ledger and would be lost.
#[test]
fn a_damaged_ledger_is_not_set_aside_while_another_process_writes() {
    let sandbox = with_sessions(2, 10);
    total_is(&sandbox, 20);
    fs::remove_file(sandbox.path(&transcript("s1"))).unwrap();
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    let writer = rusqlite::Connection::open(&ledger).unwrap();
    let turned_bit = "UPDATE sums SET recorded = 'damaged'; BEGIN IMMEDIATE";
    writer.execute_batch(turned_bit).unwrap();
    let event = json!({"hook_event_name": "Stop", "session_id": "s0"});
    let event_text = event.to_string();
    let run = sandbox.run_with(&["hook"], event_text.as_bytes());
    run.success();
    drop(writer);
    let run = sandbox.run_with(&["hook"], event_text.as_bytes());
    run.success();
    let aside = ledger.with_file_name("ledger.damaged-1.sqlite3");
    assert!(!aside.exists(), "it could be mended");
    total_is(&sandbox, 20);
}
