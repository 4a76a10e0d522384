//! Tests the contents of the page that `whycap spend --html` writes, what it leaves out, and which files it may
//! replace.

#[cfg(unix)]
use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};

use crate::client::Client;
use crate::histories::{spend, with_history};
#[cfg(unix)]
use crate::support::Run;
use crate::support::Sandbox;

fn page_of(sandbox: &Sandbox, more: &[&str]) -> String {
    let arguments = [&["spend", "--html", "-"], more].concat();
    sandbox.run(&arguments).success().to_owned()
}

/// Returns the first part of a page that follows `start`, up to `end`.
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(start).unwrap();
    rest.split(end).next().unwrap()
}

/// Returns the sum of the exact amounts, in pico-dollars, in a column of the table with this class.
fn sum(page: &str, class: &str, column: usize) -> i64 {
    between(page, &format!("<table class=\"{class}\">"), "</table>")
        .split("<tr>")
        .filter(|row| row.contains("data-v"))
        .map(|row| {
            let cell = row.split("<td").nth(column).unwrap();
            pico(between(cell, "data-v=\"", "\""))
        })
        .sum()
}

fn pico(amount: &str) -> i64 {
    let (dollars, rest) = amount.split_once('.').unwrap();
    format!("{dollars}{rest:0<12}").parse().unwrap()
}

fn total_of(page: &str) -> i64 {
    let cost = page.split("<dd data-v=\"").nth(1).unwrap();
    pico(cost.split('"').next().unwrap())
}

#[test]
fn every_part_adds_up_to_the_total_in_json() {
    for history in [
        "compaction-and-subagent",
        "forks-of-forks",
        "killed-and-resumed",
        "two-at-once",
    ] {
        let (sandbox, _) = with_history(history);
        let json_total = &spend(&sandbox, "session")["total"]["cost_usd"];
        let page = page_of(&sandbox, &[]);
        let total = total_of(&page);
        assert!(
            (total as f64 / 1e12 - json_total.as_f64().unwrap()).abs() < 1e-9,
            "{history}: {total} {json_total}"
        );
        for (class, column) in [
            ("by-day", 1),
            ("by-project", 1),
            ("by-model", 1),
            ("by-session", 5),
        ] {
            assert_eq!(sum(&page, class, column), total, "{history}, {class}");
        }
    }
}

#[test]
fn the_filters_are_those_of_the_table() {
    let (sandbox, _) = with_history("two-at-once");
    let all = total_of(&page_of(&sandbox, &[]));
    assert_eq!(
        total_of(&page_of(&sandbox, &["--since", "2000-01-01"])),
        all
    );
    let none = page_of(&sandbox, &["--until", "2000-01-01"]);
    assert!(none.contains("Nothing was spent in this period."), "{none}");
    assert_eq!(total_of(&none), 0);
    let none = page_of(&sandbox, &["--project", "no such place"]);
    assert!(
        none.contains(
            "Nothing was spent in a project whose path contains &quot;no such place&quot;."
        )
    );
    let run = sandbox.run(&["spend", "--html", "-", "--since", "tomorrow"]);
    run.is_refused("\"tomorrow\" is not a valid day");
    sandbox
        .run(&["spend", "--html", "-", "--by", "day"])
        .is_refused("cannot be used with '--by <BY>'");
    for other in [
        &["--json"][..],
        &["--csv"],
        &["--limit", "3"],
        &["--why", "s"],
    ] {
        sandbox
            .run(&[&["spend", "--html", "-"], other].concat())
            .is_refused("cannot be used with");
    }
    sandbox
        .run(&["spend", "--anonymous"])
        .is_refused("were not provided: --html <FILE>");
}

/// Adds a session with a directory, a title, and one response.
fn session(sandbox: &Sandbox, id: &str, directory: &str, title: &str) {
    let file = format!(".claude/projects/-x/{id}.jsonl");
    let title = json!({"type": "ai-title", "aiTitle": title, "sessionId": id});
    // The type comes first, as in the lines that Claude Code writes.
    sandbox.append(&file, &title.to_string());
    let response = json!({"type": "assistant", "uuid": "a", "timestamp": "2026-11-19T10:00:00Z", "sessionId": id, "cwd": directory,
        "version": "2.1.328", "gitBranch": "secret-branch", "requestId": format!("r{id}"),
        "message": {"id": format!("m{id}"), "model": "claude-opus-4-8", "role": "assistant", "content": [],
                    "usage": {"input_tokens": 1000, "output_tokens": 1000}}});
    sandbox.append(&file, &response.to_string());
}

const HOSTILE: &str = "</td></script><script>alert(1)</script><img src=x onerror=alert(2)>\"' onload=\"x\u{202e}gnp\u{200b}";

#[test]
fn hostile_names_are_escaped() {
    let sandbox = Sandbox::new();
    session(
        &sandbox,
        "5a7d3c1e-0000-4000-a000-000000000001",
        &format!("/home/dev/{HOSTILE}"),
        HOSTILE,
    );
    let page = page_of(&sandbox, &[]);
    assert_eq!(page.matches("<script").count(), 1, "only ours");
    assert!(
        !page.contains("<img") && !page.contains("onerror=alert(2)>\""),
        "{page}"
    );
    assert!(!page.contains('\u{202e}') && !page.contains('\u{200b}'));
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains(r"\u{202e}gnp\u{200b}"));
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'nonce-"),
        "{policy:.100}"
    );
}

#[test]
fn an_anonymous_page_names_nobody_and_nothing() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "user");
    let client = Client::with_session(&sandbox, "5a7d3c1e-0000-4000-a000-00000000beef");
    client.is_stopped_for_an_hour(42.0);
    session(
        &sandbox,
        "5a7d3c1e-0000-4000-a000-000000000001",
        "/home/jane/acme-takeover",
        "Buy Acme quietly",
    );
    sandbox.append_damaged_line();
    let mut response = client.response_line("2026-11-20T06:00:00Z", 9_000);
    let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/orchard";
    response["message"]["model"] = json!(profile);
    client.append(&response);
    let in_berlin = sandbox.variable("TZ", "Europe/Berlin");
    let named = page_of(&in_berlin, &[]);
    let anonymous = page_of(&in_berlin, &["--anonymous"]);
    let home = in_berlin.home();
    for name in [
        "acme",
        "Acme",
        "jane",
        "5a7d3c1e",
        "secret-branch",
        "beef",
        "Berlin",
        "orchard",
        "api",
        "dev@",
        ".claude",
        home.to_str().unwrap(),
    ] {
        assert!(
            !anonymous
                .to_lowercase()
                .contains(&name.to_lowercase()),
            "{name}"
        );
    }
    for name in ["acme-takeover", "Buy Acme quietly", "Berlin", "orchard"] {
        assert!(named.contains(name), "{name}");
    }
    assert!(anonymous.contains("project 1") && anonymous.contains("session 2"));
    assert_eq!(total_of(&anonymous), total_of(&named));
    let part = "5-hour limit";
    assert!(anonymous.contains(part) && named.contains(part), "{part}");
}

#[cfg(unix)]
fn write_page(sandbox: &Sandbox, path: &std::path::Path) -> Run {
    sandbox.run(&["spend", "--html", path.to_str().unwrap()])
}

#[cfg(unix)]
fn mode_of(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)] // modes, links and sockets
#[test]
fn only_an_earlier_page_is_replaced() {
    let (sandbox, _) = with_history("two-at-once");
    let target = sandbox.path("page.html");
    let written = write_page(&sandbox, &target);
    assert_eq!(
        written.success(),
        "Wrote ~/page.html. Open it in a browser.\n"
    );
    assert_eq!(mode_of(&target), 0o600, "the names of projects are private");
    fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&target, fs::read_to_string(&target).unwrap() + "older").unwrap();
    write_page(&sandbox, &target).success();
    assert!(
        fs::read_to_string(&target)
            .unwrap()
            .ends_with("</html>\n")
    );
    assert_eq!(mode_of(&target), 0o644, "somebody wanted to show it");
    let empty = sandbox.write("empty.html", "");
    write_page(&sandbox, &empty).success();

    let notes = sandbox.write("notes.md", "mine");
    let link = sandbox.path("link.html");
    symlink(&target, &link).unwrap();
    let socket = sandbox.path("socket.html");
    let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (path, expected_text) in [
        (
            notes.clone(),
            "already exists and was not written by whycap; choose a different file, or move this file somewhere else",
        ),
        (
            link,
            "it is a symlink or is not a regular file that you own; move it somewhere else",
        ),
        (sandbox.home(), "it is not a regular file"),
        (
            sandbox.path("nowhere/page.html"),
            "check that the directory exists and that you own it",
        ),
        (socket, "check that it is a file"),
    ] {
        let run = write_page(&sandbox, &path);
        assert_eq!(
            (run.code, run.stdout.as_str(), run.stderr.lines().count()),
            (1, "", 1),
            "{run:?}"
        );
        assert!(
            run.stderr.contains(expected_text) && run.stderr.contains(path.to_str().unwrap()),
            "{run:?}"
        );
        assert!(!run.stderr.contains(".whycap-"), "{run:?}");
    }
    assert_eq!(fs::read_to_string(&notes).unwrap(), "mine");
    // Users usually give a relative path.
    let mut command = sandbox.command(&["spend", "--html", "here.html"]);
    let run = Run::of(command.current_dir(sandbox.home()), b"");
    assert_eq!(run.success(), "Wrote here.html. Open it in a browser.\n");
    assert!(
        sandbox
            .read("here.html")
            .starts_with("<!doctype html>")
    );
    let left: Vec<_> = fs::read_dir(sandbox.home())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().contains("tmp")),
        "{left:?}"
    );
}

#[test]
fn lower_bounds_are_marked_on_the_page() {
    let (sandbox, _) = with_history("two-at-once");
    sandbox.append_damaged_line();
    let page = page_of(&sandbox, &[]);
    assert!(page.contains(">\u{2265}$"), "{page:.4000}");
    assert!(page.contains("\u{2265} means that the real amount may be higher because 1 damaged line in ~/.claude/projects/-x/damaged.jsonl is not counted."));
}

#[test]
fn a_page_without_history_says_so() {
    let sandbox = Sandbox::new();
    let page = page_of(&sandbox, &[]);
    assert!(
        page.contains("No history found in ~/.claude/projects.")
            && page.contains("No limit errors found.")
    );
    let json: Value = sandbox.run(&["spend", "--json"]).json();
    assert_eq!(json["total"]["cost_usd"], 0.0);
}

/// If the clock is off by centuries, the page must not list millions of days.
#[test]
fn a_wrong_clock_does_not_make_the_page_endless() {
    let sandbox = Sandbox::new();
    for (at, id) in [
        ("1970-01-02T00:00:00Z", "a"),
        ("9998-01-02T00:00:00Z", "b"),
        ("2026-11-19T00:00:00Z", "c"),
    ] {
        let line = json!({"type": "assistant", "uuid": id, "timestamp": at, "sessionId": id, "cwd": "/x", "requestId": id,
            "message": {"id": id, "model": "claude-opus-4-8", "role": "assistant", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}});
        sandbox.append(
            &format!(".claude/projects/-x/{id}.jsonl"),
            &line.to_string(),
        );
    }
    let page = page_of(&sandbox, &[]);
    assert!(page.len() < 100_000, "{}", page.len());
    assert_eq!(sum(&page, "by-day", 1), total_of(&page));
}

/// A single day must not fill the whole width of the chart.
#[test]
fn a_chart_of_a_single_day_has_room_for_five() {
    let sandbox = Sandbox::new();
    Client::new(&sandbox).works("2026-11-20T06:00:00Z", 1_000);
    let page = page_of(&sandbox, &[]);
    assert!(page.contains("viewBox=\"0 0 50 200\""), "{page}");
}
