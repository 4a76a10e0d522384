//! Tests that `whycap statusline` always prints a line, exits with code 0, and writes nothing to standard error,
//! whatever its input is.

use std::io::{BufRead, BufReader, Write};

use serde_json::json;

use crate::client::{self, Client};
use crate::support::{Sandbox, started_with_pipes};

fn prints_something(stdin: &[u8]) {
    let run = Sandbox::new().run_with(&["statusline"], stdin);
    let shown: String = String::from_utf8_lossy(&stdin[..stdin.len().min(80)]).into_owned();
    assert!(!run.success().trim().is_empty(), "blank for {shown:?}");
}

#[test]
fn hostile_input_never_blanks_the_line() {
    let deep = "[".repeat(200_000);
    let cases: [&[u8]; 14] = [
        b"",
        b"null",
        b"{}",
        b"[]",
        b"7",
        b"\"text\"",
        b"{\"model\":",
        b"{\"model\":{\"display_name\":\"\"}}",
        b"{\"model\":[1,2],\"cost\":\"free\",\"rate_limits\":true,\"session_id\":{}}",
        b"\xff\xfe\x00garbage",
        b"{\"model\":{\"display_name\":\"\\u001b[2J\\n\\n\"}}",
        b"{\"rate_limits\":{\"five_hour\":{\"used_percentage\":1e308,\"resets_at\":1e308}}}",
        b"{\"transcript_path\":\"/dev/zero\",\"session_id\":\"x\"}",
        deep.as_bytes(),
    ];
    for case in cases {
        prints_something(case);
    }
}

#[test]
fn fifty_megabytes_of_input_are_ignored() {
    prints_something(&vec![b'x'; 50_000_000]);
}

/// Claude Code may be busy after it has started whycap, so its input may arrive late. Without the input, the status
/// line would show only the spend of the day.
#[test]
fn input_that_arrives_late_is_shown() {
    let sandbox = Sandbox::new();
    let mut child = started_with_pipes(&mut sandbox.command(&["statusline"]));
    std::thread::sleep(std::time::Duration::from_millis(350));
    let mut stdin = child.stdin.take().unwrap();
    let payload = json!({"session_id": "s", "model": {"display_name": "Opus 5.5"}});
    stdin
        .write_all(payload.to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.contains("Opus 5.5"), "{line}");
}

#[test]
#[cfg_attr(windows, ignore = "a directory of Windows holds no pipes")]
fn settings_that_are_a_pipe_do_not_delay_the_status_line() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path(".claude")).unwrap();
    make_pipe(&sandbox, ".claude/settings.json");
    let run = sandbox.run_with(&["statusline"], b"{\"session_id\":\"s\"}");
    assert!(!run.success().trim().is_empty());
}

/// Creates a named pipe. Reading from it blocks forever, which simulates an extremely slow file.
fn make_pipe(sandbox: &Sandbox, name: &str) {
    let path = sandbox.path(name);
    let made = std::process::Command::new("mkfifo")
        .arg(path)
        .status();
    assert!(made.unwrap().success());
}

#[test]
#[cfg_attr(windows, ignore = "a directory of Windows holds no pipes")]
fn slow_reads_happen_after_the_status_line_is_printed() {
    const AT: &str = "2026-11-20T10:00:00Z";
    const TEXT: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";
    let sandbox = Sandbox::new();
    make_pipe(&sandbox, ".claude.json");
    let client = Client::new(&sandbox);
    // The transcript contains an error that no hook has stored, and the payload contains new usage figures.
    let mut line = client.error_line(AT, TEXT, json!({}));
    line["message"]["usage"] = json!({"input_tokens": 0, "output_tokens": 0});
    client.append(&line);
    let windows = client::windows(100.0, 1_795_176_000, 40.0, 1_795_500_000);
    let payload = json!({
        "session_id": client.session, "transcript_path": client.transcript(), "rate_limits": windows,
    });
    let mut child = started_with_pipes(
        sandbox
            .command(&["statusline"])
            .env("WHYCAP_NOW", "2026-11-20T10:00:02Z"),
    );
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(payload.to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || whycap::terminal::strip_ansi(&lines.next().unwrap().unwrap());
    assert!(next().contains("5h 100%"));
    assert!(
        next().contains("5-hour limit"),
        "with the meters of this draw"
    );
    // The process is now blocked while reading from the pipe.
    child.kill().unwrap();
    child.wait().unwrap();
}
