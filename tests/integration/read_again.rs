//! Tests that whycap corrects a ledger that an older version filled from the transcripts, and that nothing else in the
//! ledger changes.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use whycap::ledger::{Ledger, ReadTime, WaitLimit};
use whycap::pricing::PriceTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::histories::{ALL_HISTORIES, PROJECTS, near, spend, transcripts, with_history};
use crate::support::{Run, Sandbox, data};

const LEDGER: &str = ".local/share/whycap/ledger.sqlite3";

/// Selects the links to pull requests.
const LINKS: &str = "facts WHERE kind = 4";

/// Adds a link to a pull request to each transcript, although none has such a line.
const PULL_REQUESTS: &str = r#"INSERT INTO facts SELECT id, 4, 11, NULL, 1795154400000, 0, NULL, '{"number":1,"url":""}' FROM files"#;

/// The details of a checkpoint that no transcript contains.
const CHECKPOINT: &str =
    r#"{"cost":999000000000000,"run_ms":5,"api_ms":5,"has_unknown_model":false,"models":{}}"#;

fn open_ledger(sandbox: &Sandbox) -> rusqlite::Connection {
    rusqlite::Connection::open(sandbox.path(LEDGER)).unwrap()
}

/// Makes a ledger look as if an older version of whycap had written it. `version` names the version number to decrease,
/// `rules` or `facts`. `changes` contains SQL statements that change the responses, and the sums are updated
/// accordingly.
pub fn age_ledger(sandbox: &Sandbox, version: &str, changes: &str) {
    let sums = "UPDATE sums SET recorded = (SELECT ifnull(sum(cost), 0) FROM responses WHERE session = sums.session
             AND model = sums.model AND at >= start AND at < start + 900000) WHERE level = 0;
         UPDATE sums SET recorded = (SELECT ifnull(sum(recorded), 0) FROM sums AS parts WHERE level = 0
             AND parts.start >= sums.start
             AND parts.start < sums.start + iif(sums.level = 1, 900000, 86400000)) WHERE level IN (1, 2);
         UPDATE sums SET recorded = (SELECT ifnull(sum(recorded), 0) FROM sums AS parts WHERE level = 0
             AND parts.session = sums.session) WHERE level = 3;";
    let older = match version {
        "facts" => "UPDATE files SET facts = facts - 1".to_owned(),
        _ => format!("UPDATE meta SET value = value - 1 WHERE name = '{version}'"),
    };
    open_ledger(sandbox)
        .execute_batch(&format!("{changes}; {sums} {older}"))
        .unwrap();
}

/// Returns the version of the facts with which all transcripts in the ledger have been read.
fn version_of_facts(sandbox: &Sandbox) -> i64 {
    open_ledger(sandbox)
        .query_row("SELECT DISTINCT facts FROM files", [], |row| row.get(0))
        .unwrap()
}

/// Returns true if the ledger marks any transcript whose path contains `name` as read by an older version.
fn has_old_facts(sandbox: &Sandbox, name: &str) -> bool {
    open_ledger(sandbox)
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM files WHERE facts < 9 AND instr(CAST(path AS TEXT), ?1))",
            [name],
            |row| row.get(0),
        )
        .unwrap()
}

/// Returns the rows of all tables except the one with the version numbers. Two tables contain locations. Their rows are
/// combined, because it does not matter which table contains a location.
fn stored_rows(sandbox: &Sandbox) -> Vec<String> {
    let queries = [
        "SELECT * FROM sessions",
        "SELECT * FROM files",
        "SELECT key, session, at, model, context, flags & 15, input, output, cache_read, cache_write, cache_write_1h,
             web_searches, parts, cost, client_cost, requested FROM responses",
        "SELECT key, file, offset, flags & 48, source FROM responses
             UNION ALL SELECT key, place, position, flags, source FROM facts WHERE kind = 0",
        "SELECT * FROM facts WHERE kind = 1",
        "SELECT * FROM facts WHERE kind = 2",
        "SELECT * FROM facts WHERE kind = 3",
        "SELECT * FROM facts WHERE kind = 4",
        "SELECT * FROM facts WHERE kind = 5",
        "SELECT * FROM facts WHERE kind = 6",
        "SELECT * FROM sums WHERE level = 0",
        "SELECT * FROM sums WHERE level = 1",
        "SELECT * FROM sums WHERE level = 2",
    ];
    rows_of(sandbox, &queries)
}

/// Returns the rows of these queries in the ledger, in alphabetical order.
fn rows_of(sandbox: &Sandbox, queries: &[&str]) -> Vec<String> {
    let ledger = open_ledger(sandbox);
    let mut rows = Vec::new();
    for query in queries {
        let mut statement = ledger.prepare(query).unwrap();
        let columns = statement.column_count();
        let rows_of_table = statement
            .query_map([], |row| {
                let values: rusqlite::Result<Vec<rusqlite::types::Value>> =
                    (0..columns).map(|column| row.get(column)).collect();
                Ok(format!("{query}: {:?}", values?))
            })
            .unwrap();
        rows.extend(rows_of_table.map(Result::unwrap));
    }
    rows.sort();
    rows
}

/// Returns the output of the reports that read the ledger.
fn reports(sandbox: &Sandbox, sessions: &[String]) -> Vec<String> {
    let groupings = ["day", "session", "model", "branch", "agent", "pr"];
    let mut commands: Vec<Vec<&str>> = groupings
        .into_iter()
        .map(|by| vec!["spend", "--json", "--by", by])
        .collect();
    commands.push(vec!["incidents", "--json"]);
    for session in sessions {
        commands.push(vec!["spend", "--json", "--why", session]);
    }
    commands
        .iter()
        .map(|command| sandbox.run(command).success().to_owned())
        .collect()
}

/// Adds an incomplete copy of each session's transcript in another project, and returns the IDs of the sessions.
fn copy_transcripts(sandbox: &Sandbox, name: &str) -> Vec<String> {
    let mut sessions = Vec::new();
    for (below, bytes) in transcripts(name) {
        let is_main = below.components().count() == 2;
        let project = below.parent().unwrap().display().to_string();
        let file = below.file_name().unwrap().to_str().unwrap();
        if is_main {
            sandbox.write(
                &format!("{PROJECTS}/{project}-old/{file}"),
                &bytes[..bytes.len() * 2 / 3],
            );
            sessions.push(file.trim_end_matches(".jsonl").to_owned());
        }
    }
    sessions
}

/// Runs the hook or the status line in the process with the given number.
fn run_in_process(sandbox: &Sandbox, number: usize, command: &str, payload: &Value) {
    let mut command = sandbox.command(&[command]);
    command.env("CLAUDE_PID", (4_000_000 + number).to_string());
    Run::of(&mut command, payload.to_string().as_bytes());
}

/// Simulates a process for each session: it resumes the session, spends half a dollar, and ends the session. The first
/// session is left open.
fn add_runs(sandbox: &Sandbox, name: &str) {
    let of_sessions = transcripts(name)
        .into_keys()
        .filter(|below| below.components().count() == 2);
    for (number, below) in of_sessions.enumerate() {
        let transcript = sandbox.path(PROJECTS).join(&below);
        let session = below.file_stem().unwrap().to_str().unwrap();
        let start = json!({"session_id": session, "transcript_path": transcript,
            "hook_event_name": "SessionStart", "source": "resume"});
        run_in_process(sandbox, number, "hook", &start);
        for usd in [0.25, 0.75] {
            let sample = json!({"session_id": session, "transcript_path": transcript,
                "cost": {"total_cost_usd": usd}});
            run_in_process(sandbox, number, "statusline", &sample);
        }
        if number > 0 {
            let end = json!({"session_id": session, "transcript_path": transcript,
                "hook_event_name": "SessionEnd", "reason": "other"});
            run_in_process(sandbox, number, "hook", &end);
        }
    }
}

/// Reads histories with copies, forks, compactions, and run events, and then reads them again as if the facts were old.
#[test]
fn reading_everything_again_changes_nothing_if_nothing_was_misread() {
    let all: Vec<String> = fs::read_dir(data("histories"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(all.len() >= 26, "{all:?}");
    let mut kinds = BTreeSet::new();
    for name in all {
        let is_default = ["compacted-forks", "subagents-and-errors"].contains(&name.as_str());
        if !is_default && std::env::var_os(ALL_HISTORIES).is_none() {
            continue;
        }
        let (sandbox, _) = with_history(&name);
        let sessions = copy_transcripts(&sandbox, &name);
        spend(&sandbox, "day");
        add_runs(&sandbox, &name);
        let before = reports(&sandbox, &sessions);
        let rows_before = stored_rows(&sandbox);
        kinds.extend(
            rows_before
                .iter()
                .filter_map(|row| row.split_once(": "))
                .map(|(query, _)| query.to_owned()),
        );
        age_ledger(&sandbox, "facts", "");
        assert_eq!(reports(&sandbox, &sessions), before, "{name}");
        assert!(!has_old_facts(&sandbox, ".jsonl"), "{name}");
        let rows = stored_rows(&sandbox);
        let missing: Vec<&String> = rows_before
            .iter()
            .filter(|row| !rows.contains(row))
            .collect();
        let new: Vec<&String> = rows
            .iter()
            .filter(|row| !rows_before.contains(row))
            .collect();
        assert!(
            missing.is_empty() && new.is_empty() && rows.len() == rows_before.len(),
            "{name}: {new:#?} instead of {missing:#?}"
        );
    }
    // No history has a pull request or a damaged line.
    assert_eq!(kinds.len(), 11, "{kinds:#?}");
}

/// If this test fails, a change of the code made whycap read different facts from the same lines. Increase `FACTS` in
/// `src/ledger/database.rs`, so that existing ledgers are corrected, and then write the new number and the new hash here.
#[test]
fn facts_change_only_with_a_new_number() {
    let sandbox = Sandbox::new();
    for name in [
        "advised",
        "fallback-model",
        "fast-from-the-menu",
        "compaction-and-subagent",
    ] {
        sandbox.copy_tree(&data(&format!("histories/{name}/home")), "");
    }
    // In these histories, the lines of a response have equal usage. Older versions of Claude Code wrote such lines:
    let complete = response_line("older", "a");
    let early = complete.replace("1000000", r#"3,"inference_geo":"us""#);
    let path = format!("{PROJECTS}/-p/older.jsonl");
    sandbox.write(&path, format!("{early}\n{complete}\n"));
    spend(&sandbox, "day");

    // The IDs of files depend on the home directory, and the costs on the prices.
    let facts = rows_of(
        &sandbox,
        &[
            "SELECT key, at, model, context, requested, flags & 13, input, output, cache_read, cache_write,
                 cache_write_1h, web_searches, parts FROM responses",
            "SELECT key, at, detail FROM facts WHERE kind = 1",
            "SELECT position, key, at, detail FROM facts WHERE kind = 2",
        ],
    );
    let hash = xxh3_64(facts.join("\n").as_bytes());
    assert_eq!(
        (version_of_facts(&sandbox), hash),
        (9, 1_317_506_349_259_820_008),
        "{facts:#?}"
    );
}

/// Returns the transcript line of a response with a million output tokens, which cost $20.
fn response_line(session: &str, id: &str) -> String {
    format!(
        r#"{{"type":"assistant","sessionId":"{session}","requestId":"r{id}","timestamp":"2026-11-20T06:00:00.000Z","cwd":"/home/dev/api","message":{{"id":"m{id}","model":"claude-opus-5-5","usage":{{"input_tokens":0,"output_tokens":1000000}}}}}}"#
    )
}

/// Runs `action` while a transcript cannot be read. Root can read any file, but not a symbolic link that points to
/// itself.
#[cfg(unix)]
fn while_unreadable(path: &std::path::Path, action: impl FnOnce()) {
    let bytes = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink(path, path).unwrap();
    action();
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Asserts the total cost of all sessions, by day and by session.
#[track_caller]
fn assert_total(sandbox: &Sandbox, dollars: f64) {
    for by in ["day", "session"] {
        near(&spend(sandbox, by)["total"]["cost_usd"], &json!(dollars));
    }
}

fn count_rows(sandbox: &Sandbox, selection: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {selection}");
    open_ledger(sandbox)
        .query_row(&query, [], |row| row.get(0))
        .unwrap()
}

/// Facts that are too low, too high, or invented are corrected. For this, whole transcripts must be read again, because
/// reading only new lines would not be enough.
#[test]
fn misread_facts_are_corrected_and_deleted_transcripts_are_kept() {
    let (kept, deleted) = ("-p/kept.jsonl", "-p/deleted.jsonl");
    let sandbox = Sandbox::new();
    for (file, session, ids) in [
        (kept, "kept", ["a", "b", "c"]),
        (deleted, "deleted", ["d", "e", "f"]),
    ] {
        for id in ids {
            sandbox.append(&format!("{PROJECTS}/{file}"), &response_line(session, id));
        }
    }
    assert_total(&sandbox, 120.0);
    let kept_id = "(SELECT id FROM sessions WHERE name = 'kept')";
    age_ledger(
        &sandbox,
        "facts",
        &format!(
            "UPDATE responses SET output = 3000000, cost = 3 * cost, client_cost = 3 * cost
                 WHERE key = (SELECT min(key) FROM responses WHERE session = {kept_id});
             UPDATE responses SET output = 500000, cost = cost / 2, client_cost = cost / 2, key = 7
                 WHERE key = (SELECT max(key) FROM responses WHERE session = {kept_id});
             INSERT INTO facts SELECT id, 2, 10, 1, 1795154400000, 0, NULL, '{CHECKPOINT}' FROM files
                 WHERE session = {kept_id};
             {PULL_REQUESTS} WHERE session = {kept_id}"
        ),
    );
    fs::remove_file(sandbox.path(PROJECTS).join(deleted)).unwrap();
    // A transcript that cannot be read now is corrected as soon as it becomes readable.
    #[cfg(unix)]
    while_unreadable(&sandbox.path(PROJECTS).join(kept), || {
        let run = sandbox.run(&["spend"]);
        assert!(run.stderr.contains("kept.jsonl"), "{}", run.stderr);
        assert!(has_old_facts(&sandbox, kept));
    });
    // The status line and the hooks stay fast.
    let event = json!({"session_id": "kept", "transcript_path": sandbox.path(PROJECTS).join(kept),
        "hook_event_name": "Stop", "cost": {"total_cost_usd": 60}});
    for command in ["statusline", "hook"] {
        sandbox
            .run_with(&[command], event.to_string().as_bytes())
            .success();
        assert!(has_old_facts(&sandbox, kept));
    }
    assert_total(&sandbox, 120.0);
    assert!(!has_old_facts(&sandbox, kept));
    let why = sandbox
        .run(&["spend", "--why", "kept", "--json"])
        .json();
    near(&why["cost_usd"], &json!(60.0));
    assert_eq!(why["at_least"], false, "{why}");
    assert_eq!(
        [
            count_rows(&sandbox, "facts WHERE kind = 2"),
            count_rows(&sandbox, LINKS),
            count_rows(&sandbox, "responses")
        ],
        [0, 0, 6]
    );
    sandbox.append(&format!("{PROJECTS}/{kept}"), &response_line("kept", "g"));
    assert_total(&sandbox, 140.0);
}

/// Returns the total cost of the transcripts in `other`.
#[cfg(unix)]
fn spend_in_other(sandbox: &Sandbox) -> Value {
    let mut command = sandbox.command(&["spend", "--json"]);
    command.env("CLAUDE_CONFIG_DIR", sandbox.path("other"));
    Run::of(&mut command, b"").json()["total"]["cost_usd"].clone()
}

/// Runs `spend` while `first.jsonl` cannot be read.
#[cfg(unix)]
fn spend_without_first(sandbox: &Sandbox) {
    let run = sandbox.run(&["spend"]);
    assert!(run.stderr.contains("first.jsonl"), "{}", run.stderr);
}

/// Each transcript is read again by the first command that can read it, and by no later command.
#[cfg(unix)]
#[test]
fn transcripts_that_cannot_be_read_now_are_read_again_later() {
    let sandbox = Sandbox::new();
    sandbox.append(
        &format!("{PROJECTS}/-p/first.jsonl"),
        &response_line("first", "first"),
    );
    sandbox.append(
        &format!("{PROJECTS}/-p/second.jsonl"),
        &response_line("second", "second"),
    );
    sandbox.append(
        "other/projects/-p/third.jsonl",
        &response_line("third", "third"),
    );
    spend(&sandbox, "day");
    near(&spend_in_other(&sandbox), &json!(60.0));
    age_ledger(&sandbox, "facts", PULL_REQUESTS);
    assert_eq!(count_rows(&sandbox, LINKS), 3);

    let path = sandbox.path(PROJECTS).join("-p/first.jsonl");
    while_unreadable(&path, || {
        spend_without_first(&sandbox);
        assert_eq!(count_rows(&sandbox, LINKS), 2);
        open_ledger(&sandbox)
            .execute_batch(&format!("DELETE FROM {LINKS}; {PULL_REQUESTS}"))
            .unwrap();
        spend_without_first(&sandbox);
        assert_eq!(count_rows(&sandbox, LINKS), 3);
    });

    near(&spend(&sandbox, "day")["total"]["cost_usd"], &json!(60.0));
    assert_eq!(count_rows(&sandbox, LINKS), 2);
    assert!(has_old_facts(&sandbox, "third.jsonl"));
    near(&spend_in_other(&sandbox), &json!(60.0));
    assert_eq!(count_rows(&sandbox, LINKS), 1);
    assert!(!has_old_facts(&sandbox, ".jsonl"));
}

/// A command reads a transcript again that an older version misread. Meanwhile, more lines are written, and a status-line
/// call finds the ledger busy.
#[test]
fn no_line_is_lost_if_lines_are_written_while_a_command_reads() {
    let sandbox = Sandbox::new();
    let transcript = format!("{PROJECTS}/-p/session.jsonl");
    sandbox.append(&transcript, &response_line("session", "a"));
    spend(&sandbox, "day");
    age_ledger(&sandbox, "facts", "");
    let data = sandbox.path(LEDGER).parent().unwrap().to_owned();
    let mut ledger = Ledger::open(&data, WaitLimit::Person).unwrap();
    let roots = std::iter::once(sandbox.path(PROJECTS));
    let read = ledger.catch_up(roots, &PriceTable::list(), ReadTime::All, &mut |_, _| {
        sandbox.append(&transcript, &response_line("session", "b"));
        let payload =
            json!({"session_id": "session", "transcript_path": sandbox.path(&transcript)});
        let shown = sandbox.run_with(&["statusline"], payload.to_string().as_bytes());
        assert!(shown.success().contains("$40.00"), "{shown:?}");
        sandbox.append(&transcript, &response_line("session", "c"));
    });
    assert!(read.unwrap().is_all());
    near(&spend(&sandbox, "day")["total"]["cost_usd"], &json!(60.0));
    sandbox.append(&transcript, &response_line("session", "d"));
    near(&spend(&sandbox, "day")["total"]["cost_usd"], &json!(80.0));
    assert!(!has_old_facts(&sandbox, ".jsonl"));
}

/// The ledger in `tests/data/ledger-3` was written by version 3 of the schema. This ledger contains a run in progress
/// with pending spend, forks, compactions, damaged lines, a pull request, and responses from a model other than the
/// requested one. Its transcripts are gone, so everything must come from its tables.
#[test]
fn a_ledger_of_the_version_before_is_converted() {
    let sandbox = Sandbox::new().variable("WHYCAP_NOW", "2026-11-30T00:00:00Z");
    sandbox.write(LEDGER, "");
    let older = fs::read_to_string(data("ledger-3/ledger.sql")).unwrap();
    open_ledger(&sandbox).execute_batch(&older).unwrap();
    let reports = fs::read_to_string(data("ledger-3/reports.json")).unwrap();
    let reports: serde_json::Map<String, Value> = serde_json::from_str(&reports).unwrap();
    assert_eq!(reports.len(), 8);
    for (command, report) in reports {
        let arguments: Vec<&str> = command.split(' ').collect();
        assert_eq!(sandbox.run(&arguments).json(), report, "{command}");
    }
    assert_eq!(count_rows(&sandbox, "sqlite_schema"), 12);
}
