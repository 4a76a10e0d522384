//! Tests that `whycap hook` stores errors, answers `/whycap`, announces each error once, and never sends anything to
//! the model.

use crate::client::Client;

use crate::support::{Run, Sandbox, started_with_pipes};

use serde_json::{Value, json};

use std::io::Write;

use std::time::{Duration, Instant};

const AT: &str = "2026-11-20T10:00:00Z";

const TEXT: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";

const JOURNAL: &str = ".local/share/whycap/journal.jsonl";

/// Asserts that the output is either empty or JSON whose fields the model never sees.
fn only_for_the_user(run: &Run) -> Option<Value> {
    let printed = run.success();
    if printed.is_empty() {
        return None;
    }
    let reply: Value = serde_json::from_str(printed).expect("JSON or nothing");
    for key in reply.as_object().expect("an object").keys() {
        assert!(
            ["systemMessage", "decision", "reason", "terminalSequence"].contains(&key.as_str()),
            "{key} may reach the model"
        );
    }
    Some(reply)
}

#[test]
fn an_error_is_stored_even_without_a_transcript() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    std::fs::remove_file(client.transcript()).unwrap();
    only_for_the_user(&client.stop_failure(AT, TEXT));
    let incident = client.explained("2026-11-20T10:00:02Z");
    assert_eq!(incident["limit"], "five_hour");
    assert_eq!(incident["verdict"], "cannot_tell");
    assert_eq!(incident["message"], TEXT);
}

#[test]
fn a_transcript_that_lags_behind_the_hook_is_read_again() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.stop_failure(AT, TEXT);
    assert_eq!(
        client.explained("2026-11-20T10:00:01Z")["verdict"],
        "cannot_tell"
    );
    let more = json!({"quotaLimits": {"status": "rejected", "rateLimitType": "five_hour", "resetsAt": 1_795_176_000}});
    client.append(&client.error_line(AT, TEXT, more));
    assert_eq!(client.explained("2026-11-20T10:00:02Z")["verdict"], "real");
}

/// Claude Code 2.1.328 may run the hook before it writes the error's line. Until then, the last error in the transcript
/// may be an older one that is already over. The older error says nothing about the new one.
#[test]
fn an_older_error_that_is_over_does_not_close_a_new_one() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(
        "2026-11-20T09:59:40Z",
        "You've hit your weekly limit · resets Nov 22, 3pm (UTC)",
        json!({}),
    );
    client.receives_response("2026-11-20T09:59:50Z");
    client.stop_failure(AT, TEXT);
    let status_line = client.calls_status_line("2026-11-20T10:00:01Z", Value::Null, 160);
    assert!(
        status_line.success().contains("5-hour limit"),
        "{}",
        status_line.stdout
    );
    // The same error occurs twice, with a response in between.
    client.append(&client.error_line(AT, TEXT, json!({})));
    client.receives_response("2026-11-20T10:00:03Z");
    client.stop_failure("2026-11-20T10:00:06Z", TEXT);
    assert_eq!(client.explained("2026-11-20T10:00:07Z")["open"], true);
}

#[test]
fn hostile_input_is_ignored_silently() {
    let sandbox = Sandbox::new();
    let deep = "[".repeat(100_000);
    for stdin in [
        "",
        "null",
        "[]",
        "7",
        "{\"hook_event_name\":7}",
        "{\"hook_event_name\":\"StopFailure\"}",
        "{\"hook_event_name\":\"StopFailure\",\"session_id\":\"\"}",
        "{\"hook_event_name\":\"Sneeze\",\"session_id\":\"x\"}",
        "{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":[]}",
        &deep,
    ] {
        let run = sandbox.run_with(&["hook"], stdin.as_bytes());
        assert_eq!(run.success(), "", "{stdin:.60}");
    }
    let odd = "{\"hook_event_name\":\"StopFailure\",\"session_id\":\"../../../x\",\"transcript_path\":\"/dev/zero\",\"last_assistant_message\":{}}";
    only_for_the_user(&sandbox.run_with(&["hook"], odd.as_bytes()));
    assert!(!sandbox.path("x").exists() && !sandbox.path(".local/x").exists());
}

#[test]
fn an_unwritable_data_directory_does_not_break_hooks() {
    let sandbox = Sandbox::new();
    sandbox.write("blocked", "a file where a directory should be");
    let blocked = sandbox.path("blocked").display().to_string();
    let mut client = Client::new(&sandbox);
    client
        .variables
        .push(("WHYCAP_DATA_DIR".to_owned(), blocked));
    only_for_the_user(&client.receives_error(AT, TEXT, json!({})));
    client
        .calls_status_line(
            "2026-11-20T10:00:01Z",
            crate::client::windows(1.0, 0, 2.0, 0),
            80,
        )
        .success();
    // The transcript still contains the limit.
    assert_eq!(
        client.explained("2026-11-20T10:00:02Z")["limit"],
        "five_hour"
    );
}

#[cfg(unix)]
fn mode_of(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Returns all files below a directory.
fn files_below(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn stored_records_are_private_and_contain_no_key() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    sandbox.write(
        ".claude/settings.json",
        r#"{"apiKeyHelper":"/x sk-ant-settings"}"#,
    );
    let mut client = Client::new(&sandbox);
    client
        .variables
        .push(("ANTHROPIC_API_KEY".to_owned(), "sk-ant-secret".to_owned()));
    client.receives_error(AT, TEXT, json!({}));
    let directory = sandbox.path(".local/share/whycap");
    let files = files_below(&directory);
    assert!(!files.is_empty());
    for path in files {
        let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for secret in ["sk-ant", "dev@example.com", "Example Ltd"] {
            let place = path.display();
            assert!(!content.contains(secret), "{secret} is stored in {place}");
        }
        #[cfg(unix)]
        assert_eq!(mode_of(&path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn a_slash_command_is_blocked_and_answered_by_the_hook() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, TEXT, json!({}));
    for prompt in [
        "/whycap",
        "/whycap explain",
        "/whycap:explain",
        " /whycap\n",
    ] {
        let run = client.event(
            "2026-11-20T10:01:00Z",
            "UserPromptSubmit",
            json!({"prompt": prompt}),
        );
        let reply = only_for_the_user(&run).expect("an answer");
        assert_eq!(reply["decision"], "block");
        let reason = reply["reason"].as_str().unwrap();
        assert!(reason.contains("12:00"), "{reason}");
        assert!(!reason.contains('\u{1b}'), "no colours in a message field");
    }
    let run = client.event(
        "2026-11-20T10:01:00Z",
        "UserPromptSubmit",
        json!({"prompt": "/whycap fly"}),
    );
    let message = only_for_the_user(&run).unwrap();
    let reason = message["reason"].as_str().unwrap();
    assert!(reason.contains("/whycap fly"), "{reason}");
}

fn terminal(sandbox: &Sandbox) -> Client<'_> {
    let mut client = Client::new(sandbox);
    let variable = ("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned());
    client.variables.push(variable);
    client
}

/// Sets the size of the client's terminal.
fn show_on_screen(client: &mut Client<'_>, columns: &str, rows: &str) {
    for (name, value) in [("COLUMNS", columns), ("LINES", rows)] {
        client
            .variables
            .push((name.to_owned(), value.to_owned()));
    }
}

/// The plugin's module forwards the command under this event name and shows the output.
#[test]
fn the_plugin_modules_answer_is_hidden_from_the_model() {
    let sandbox = Sandbox::new();
    let client = terminal(&sandbox);
    client.receives_error(AT, TEXT, json!({}));
    for is_prompt in [false, true] {
        let typed = json!({"prompt": "/whycap explain", "is_prompt": is_prompt});
        let run = client.event("2026-11-20T10:01:00Z", "command.run", typed);
        let answer: Value = serde_json::from_str(run.success()).unwrap();
        assert_eq!(answer["isTextDisplayOnly"], true);
        let text = answer["text"].as_str().unwrap();
        // Claude Code prints "whycap: " in front of the text, which would ruin the layout of the first row if the text
        // did not begin with a line break.
        assert!(text.starts_with('\n') && text.contains("12:00"), "{text}");
        assert_eq!(answer.as_object().unwrap().len(), 2);
    }
}

/// Claude Code needs ten of the forty columns for itself. Claude Code wraps longer rows, and if the answer then has too
/// many rows, it shows only the last ones.
#[test]
fn an_answer_keeps_to_the_width_of_a_narrow_terminal() {
    let sandbox = Sandbox::new();
    let mut client = Client::new(&sandbox);
    client.receives_error(AT, TEXT, json!({}));
    client.variables = vec![("COLUMNS".to_owned(), "40".to_owned())];
    let prompt = json!({"prompt": "/whycap"});
    let run = client.event("2026-11-20T10:01:00Z", "UserPromptSubmit", prompt);
    let reply = only_for_the_user(&run).expect("an answer");
    for row in reply["reason"].as_str().unwrap().lines() {
        assert!(row.chars().count() <= 30, "{row}");
    }
}

/// If the output is taller than the screen, the client shows only the end.
#[test]
fn an_answer_fits_on_a_short_screen_and_still_says_what_to_do() {
    for (rows, most) in [("20", 6), ("24", 10), ("30", 16), ("50", 36)] {
        let sandbox = Sandbox::new();
        let mut client = terminal(&sandbox);
        client.receives_error(AT, TEXT, json!({}));
        show_on_screen(&mut client, "80", rows);
        let prompt = json!({"prompt": "/whycap"});
        let run = client.event("2026-11-20T10:01:00Z", "UserPromptSubmit", prompt);
        let reply = only_for_the_user(&run).expect("an answer");
        let reason = reply["reason"].as_str().unwrap();
        assert!(reason.lines().count() <= most, "{rows} rows: {reason}");
        assert!(reason.contains("\n1. "), "{rows} rows: {reason}");
    }
}

#[test]
fn a_prompt_for_another_program_passes() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    for prompt in ["hello", "what is /whycap?", "/whycapx", "/compact"] {
        let run = client.event(AT, "UserPromptSubmit", json!({"prompt": prompt}));
        assert_eq!(run.success(), "", "{prompt}");
    }
}

#[test]
fn an_error_is_announced_once_in_its_own_session() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let other = Client::with_session(&sandbox, "bbbb");
    client.receives_error(AT, TEXT, json!({}));
    let prompt = json!({"prompt": "go on"});
    assert_eq!(
        other
            .event("2026-11-20T10:01:00Z", "UserPromptSubmit", prompt.clone())
            .success(),
        ""
    );
    let first = client.event("2026-11-20T10:01:00Z", "UserPromptSubmit", prompt.clone());
    let reply = only_for_the_user(&first).expect("a message");
    assert!(
        reply["systemMessage"]
            .as_str()
            .unwrap()
            .contains("5-hour limit")
    );
    assert_eq!(reply.get("decision"), None, "the prompt goes through");
    assert_eq!(
        client
            .event("2026-11-20T10:02:00Z", "UserPromptSubmit", prompt)
            .success(),
        ""
    );
    let resumed = client.event(
        "2026-11-20T10:03:00Z",
        "SessionStart",
        json!({"source": "resume"}),
    );
    assert_eq!(resumed.success(), "");
}

#[test]
fn a_resumed_session_is_told_about_a_limit_that_has_not_reset() {
    for (at, told) in [
        ("2026-11-20T10:30:00Z", true),
        ("2026-11-20T12:30:00Z", false),
    ] {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        client.receives_error(AT, TEXT, json!({}));
        let run = client.event(at, "SessionStart", json!({"source": "resume"}));
        assert_eq!(only_for_the_user(&run).is_some(), told, "{at}");
    }
}

#[test]
fn the_bell_rings_unless_the_user_turned_it_off() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let reply = only_for_the_user(&client.receives_error(AT, TEXT, json!({}))).unwrap();
    let sequence = reply["terminalSequence"].as_str().unwrap();
    let is_shown = sequence.starts_with("\u{1b}]9;") && sequence.ends_with("\u{7}\u{7}");
    assert!(
        is_shown && sequence.contains("5-hour limit"),
        "{sequence:?}"
    );
    let settings = sandbox
        .write("config.toml", "[notify]\ndesktop = false\n")
        .display()
        .to_string();
    let mut quiet = Client::new(&sandbox);
    quiet
        .variables
        .push(("WHYCAP_CONFIG".to_owned(), settings));
    assert_eq!(quiet.receives_error(AT, TEXT, json!({})).success(), "");
}

/// A gateway may return an entire HTML page as an error. Storing the page must not push other sessions' records out of
/// the part of the journal that whycap searches.
#[test]
fn a_gateways_error_page_does_not_displace_known_errors() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(
        "2026-11-20T09:59:00Z",
        "You've hit your weekly limit · resets Nov 24, 6am (UTC)",
        json!({}),
    );
    let behind = Client::with_session(&sandbox, "behind");
    let page = format!(
        "API Error: 502 <html>{}</html>",
        "<p>bad gateway</p>".repeat(15_000)
    );
    behind.receives_error(AT, &page, json!({"apiErrorStatus": 502}));
    let journal_bytes = sandbox.read(JOURNAL).len();
    assert!(journal_bytes < 20_000, "{journal_bytes} bytes are stored");
    let status_line = client.calls_status_line("2026-11-20T10:00:30Z", Value::Null, 120);
    assert!(
        status_line.success().contains("resets at Tue"),
        "{status_line:?}"
    );
    let status_line = behind.calls_status_line("2026-11-20T10:00:31Z", Value::Null, 120);
    assert!(status_line.success().lines().count() > 1, "{status_line:?}");
}

#[test]
fn a_long_error_is_stored_once_even_if_its_hook_is_late() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let page = format!("API Error: 400 {}", "bad word here ".repeat(214));
    client.append(&client.error_line(AT, &page, json!({"apiErrorStatus": 400})));
    client.stop_failure("2026-11-20T10:00:03Z", &page);
    let listed = ["incidents", "--json"];
    let listed = client
        .run("2026-11-20T10:01:00Z", &listed, b"")
        .json();
    assert_eq!(listed["incidents"].as_array().unwrap().len(), 1);
}

/// Runs a hook whose standard input receives `input` after 0.2 s and stays open until the hook exits. Returns how long
/// the hook runs.
fn duration_with_late_input(sandbox: &Sandbox, input: &str) -> Duration {
    let mut hook = started_with_pipes(&mut sandbox.command(&["hook"]));
    let started = Instant::now();
    let mut stdin = hook.stdin.take().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    stdin.write_all(input.as_bytes()).unwrap();
    // The input was taken out of `hook`, because `Child::wait` would close it.
    assert!(hook.wait().unwrap().success());
    drop(stdin);
    started.elapsed()
}

/// Claude Code waits for its hooks, but at the end of a session, it cancels a hook after one second. A hook may need
/// 0.7 s to handle an event, so it can wait only 0.3 s for the event itself.
#[test]
#[cfg_attr(windows, ignore = "Windows reads until the end of the input")]
fn a_hook_does_not_wait_for_late_input_as_long_as_the_status_line() {
    let sandbox = Sandbox::new();
    for input in ["", "{\"hook_event_name\":"] {
        // Other processes may slow down some of these hooks, but probably not all of them.
        let shortest = (0..4)
            .map(|_| duration_with_late_input(&sandbox, input))
            .min()
            .unwrap();
        assert!(
            shortest < Duration::from_millis(450),
            "{input:?}: {shortest:?}"
        );
    }
}
