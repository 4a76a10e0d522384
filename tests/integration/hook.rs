//! Tests that `whycap hook` stores errors, answers `/whycap`, announces each error once, and never sends anything to
//! the model.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::situation::{NOON, TUESDAY, answer_to, flat, refused, with_a_private_login};
use crate::support::{Run, Sandbox, started_with_pipes};

const AT: &str = "2026-11-20T10:00:00Z";
const TEXT: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";

const JOURNAL: &str = ".local/share/whycap/journal/2026-11.jsonl";

/// Returns a session's stored incidents in chronological order.
fn stored(sandbox: &Sandbox, session: &str) -> Vec<String> {
    let mut times: Vec<String> = sandbox
        .read(JOURNAL)
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|record| record["incident"].clone())
        .filter(|incident| incident["session"]["id"] == session)
        .map(|incident| incident["at"].to_string())
        .collect();
    times.dedup();
    times
}

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
    assert_eq!(stored(&sandbox, &client.session).len(), 1);
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
/// may be an older one that is already over. It says nothing about the new error.
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
    assert_eq!(stored(&sandbox, &client.session).len(), 1);
    let content = sandbox.read(JOURNAL);
    assert!(content.contains("ANTHROPIC_API_KEY") && content.contains("apiKeyHelper"));
    for secret in ["sk-ant", "dev@example.com", "1111-1111", "Example Ltd"] {
        assert!(!content.contains(secret), "{secret} is stored");
    }
    #[cfg(unix)]
    {
        let path = sandbox.path(JOURNAL);
        assert_eq!(mode_of(&path), 0o600);
        assert_eq!(mode_of(path.parent().unwrap()), 0o700);
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
        assert!(
            reason.contains("What to do") && reason.contains("12:00"),
            "{reason}"
        );
        assert!(!reason.contains('\u{1b}'), "no colours in a message field");
    }
    let run = client.event(
        "2026-11-20T10:01:00Z",
        "UserPromptSubmit",
        json!({"prompt": "/whycap fly"}),
    );
    let message = only_for_the_user(&run).unwrap();
    let reason = message["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("There is no /whycap fly command.\n"),
        "{reason}"
    );
    assert!(reason.contains("/whycap explain"), "{reason}");
}

#[test]
fn a_text_after_the_slash_command_is_explained() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    client.receives_error(AT, TEXT, json!({}));
    let at = "2026-11-20T10:01:00Z";
    let present = answer_to(&client, at, "/whycap");
    let headline = present.lines().next().unwrap();
    let unrecognized = answer_to(&client, at, "/whycap is this a bug?");
    assert!(
        unrecognized.starts_with("whycap does not recognize this text")
            && unrecognized.contains(headline)
            && unrecognized.contains("/whycap incidents"),
        "{unrecognized}"
    );
    for message in [
        "API Error: 529 Overloaded",
        "explain API Error: 529 Overloaded",
    ] {
        let answer = answer_to(&client, at, &format!("/whycap {message}"));
        let explanation = "The service is overloaded (not a usage limit)";
        assert!(answer.starts_with(explanation), "{answer}");
        let (_, steps) = answer.split_once("What to do").unwrap();
        assert!(!steps.contains("5-hour"), "{answer}");
        // Without the text, the command would explain the newest error instead.
        let pointer = "For details: whycap explain --long --text \"…\" (in a shell).";
        assert!(answer.contains(pointer), "{answer}");
    }
    let unknown = answer_to(&client, at, "/whycap incidnts");
    assert!(
        unknown.starts_with("There is no /whycap incidnts command."),
        "{unknown}"
    );
}

fn terminal(sandbox: &Sandbox) -> Client<'_> {
    let mut client = Client::new(sandbox);
    let variable = ("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned());
    client.variables.push(variable);
    client
}

#[track_caller]
fn answer_at(client: &Client<'_>, at: &str) -> String {
    let run = client.event(at, "UserPromptSubmit", json!({"prompt": "/whycap"}));
    let reply = only_for_the_user(&run).expect("an answer");
    reply["reason"].as_str().unwrap().to_owned()
}

/// Sets the size of the client's terminal.
fn show_on_screen(client: &mut Client<'_>, columns: &str, rows: &str) {
    for (name, value) in [("COLUMNS", columns), ("LINES", rows)] {
        client.variables.push((name.to_owned(), value.to_owned()));
    }
}

const TURNS_OFF: &str = "Because you ran /whycap, Claude Code will not";

/// The client does not tell the user that a prompt cancels the auto-resume, so whycap must do so.
#[test]
fn the_answer_states_its_effect_on_automatic_continuation() {
    for text in [
        TEXT,
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets 12pm (UTC)",
    ] {
        let sandbox = Sandbox::new();
        let client = terminal(&sandbox);
        client.receives_error(AT, text, json!({}));
        let answer = answer_at(&client, "2026-11-20T10:01:00Z");
        assert!(answer.contains(&format!("\n\n{TURNS_OFF}")), "{answer}");
        assert!(answer.contains("/rate-limit-options"), "{answer}");
        assert!(answer.contains("Wait until 12:00"), "{answer}");
    }
}

/// Asserts that the answer after an error does not state what turns off the automatic continuation.
#[track_caller]
fn assert_states_no_effect(client: &Client<'_>, error: &str, at: &str) {
    client.receives_error(AT, error, json!({}));
    let answer = answer_at(client, at);
    assert!(!answer.contains(TURNS_OFF), "{answer}");
}

#[test]
fn no_effect_is_stated_if_claude_code_was_not_waiting() {
    let soon = "2026-11-20T10:01:00Z";

    let sandbox = Sandbox::new();
    let mut old = terminal(&sandbox);
    old.version = "2.1.233".to_owned();
    assert_states_no_effect(&old, TEXT, soon);

    let sandbox = Sandbox::new();
    assert_states_no_effect(&Client::new(&sandbox), TEXT, soon); // no terminal

    let sandbox = Sandbox::new();
    assert_states_no_effect(&terminal(&sandbox), TEXT, "2026-11-20T12:30:00Z"); // the window has reset

    let sandbox = Sandbox::new();
    let far = "You've hit your weekly limit · resets Nov 23, 12pm (UTC)";
    assert_states_no_effect(&terminal(&sandbox), far, soon);

    let sandbox = Sandbox::new();
    let money = "Credit balance too low";
    assert_states_no_effect(&terminal(&sandbox), money, soon);

    let sandbox = Sandbox::new();
    let off = r#"{"autoContinueAtUsageLimit": false}"#;
    sandbox.write(".claude/settings.json", off);
    assert_states_no_effect(&terminal(&sandbox), TEXT, soon);
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
        assert!(
            text.starts_with("\nThe message says that your 5-hour limit"),
            "{text}"
        );
        let first = if is_prompt {
            "\n1. Wait until 12:00"
        } else {
            "\n1. Do nothing and leave the session open"
        };
        assert!(text.contains(first), "{text}");
        assert_eq!(text.contains(TURNS_OFF), is_prompt, "{text}");
        assert_eq!(answer.as_object().unwrap().len(), 2);
    }
}

/// Claude Code needs ten of the forty columns for itself. It wraps longer rows, and if the answer then has too many
/// rows, it shows only the last ones.
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
    for (rows, most) in [("24", 10), ("30", 16), ("50", 36)] {
        let sandbox = Sandbox::new();
        let mut client = terminal(&sandbox);
        client.receives_error(AT, TEXT, json!({}));
        show_on_screen(&mut client, "80", rows);
        let prompt = json!({"prompt": "/whycap"});
        let run = client.event("2026-11-20T10:01:00Z", "UserPromptSubmit", prompt);
        let reply = only_for_the_user(&run).expect("an answer");
        let reason = reply["reason"].as_str().unwrap();
        assert!(reason.lines().count() <= most, "{rows} rows: {reason}");
        assert!(
            reason.contains("\n1. Wait until 12:00") && reason.contains(TURNS_OFF),
            "{rows} rows: {reason}"
        );
    }
}

/// On a terminal with 24 rows, the answer kept its headings and blank rows but left out every reason.
#[test]
fn an_answer_on_a_short_screen_gives_a_reason() {
    let sandbox = with_a_private_login();
    let mut client = Client::new(&sandbox);
    let refusal = refused("five_hour", NOON, "out_of_credits");
    client.receives_error(AT, TEXT, refusal);
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    client.calls_status_line("2026-11-20T10:00:02Z", full, 120);
    show_on_screen(&mut client, "80", "24");
    let answer = answer_at(&client, "2026-11-20T10:00:30Z");
    let reason = "Why: The error refers to your 5-hour limit and a reset at 12:00.";
    assert!(answer.contains(reason), "{answer}");
    for step in ["1. Do nothing", "2. Free, if available"] {
        assert!(answer.contains(step), "{answer}");
    }
    assert!(answer.lines().count() <= 10, "{answer}");
}

/// On a very small screen, the answer has six rows of forty columns. It must still say what to do.
#[test]
fn an_answer_on_the_smallest_screen_names_the_first_step() {
    let sandbox = Sandbox::new();
    let mut client = Client::new(&sandbox);
    client.variables = vec![
        ("COLUMNS".to_owned(), "50".to_owned()),
        ("LINES".to_owned(), "20".to_owned()),
    ];
    for (at, text, status, step) in [
        (
            "2026-11-20T09:00:00Z",
            "API Error: 529 Overloaded",
            529,
            "1. Wait",
        ),
        (
            "2026-11-20T09:10:00Z",
            "Credit balance is too low",
            400,
            "1. ",
        ),
        (AT, TEXT, 429, "1. Do nothing"),
    ] {
        client.receives_error(at, text, json!({"apiErrorStatus": status}));
        let prompt = json!({"prompt": "/whycap"});
        let run = client.event(&at.replace(":00Z", ":30Z"), "UserPromptSubmit", prompt);
        let reply = only_for_the_user(&run).expect("an answer");
        let reason = reply["reason"].as_str().unwrap();
        assert!(reason.contains(step), "{reason}");
        let has_pointer = reason.contains("whycap explain");
        assert!(has_pointer, "{reason}");
        assert!(reason.lines().count() <= 6, "{reason}");
    }
}

/// The columns and rows of small and large terminals.
const SCREENS: [(&str, &str); 4] = [("50", "20"), ("80", "24"), ("80", "30"), ("120", "40")];

/// An answer about a false alarm must say that paying does not help, however small the screen is.
#[test]
fn an_answer_about_a_false_limit_says_not_to_pay_on_any_screen() {
    for (columns, rows) in SCREENS {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "pro", "admin");
        let mut client = terminal(&sandbox);
        let reported = windows(4.0, 1_795_176_000, 2.0, 1_795_500_000);
        client.calls_status_line("2026-11-20T09:59:00Z", reported, 120);
        let text = "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
        let refusal = json!({"error": "invalid_request", "apiErrorStatus": 400});
        client.receives_error(AT, text, refusal);
        show_on_screen(&mut client, columns, rows);
        let answer = answer_at(&client, "2026-11-20T10:01:00Z");
        let words = flat(&answer);
        let steps = "1. Send the prompt again in a few minutes 2. Do not buy extra usage for this";
        assert!(words.contains("false alarm"), "{columns}x{rows}: {answer}");
        assert!(words.contains(steps), "{columns}x{rows}: {answer}");
        let room = rows.parse::<usize>().unwrap() - 14;
        assert!(answer.lines().count() <= room, "{columns}x{rows}: {answer}");
    }
}

/// If the user's session has no error, an answer about another session's false alarm must say so before any advice.
/// Otherwise, the advice would seem to be about the user's own session.
#[test]
fn an_answer_about_another_session_says_so_on_any_screen() {
    for (columns, rows) in SCREENS {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "pro", "admin");
        let stopped = terminal(&sandbox);
        let reported = windows(5.0, 1_795_176_000, 2.0, 1_795_500_000);
        stopped.calls_status_line("2026-11-20T09:59:00Z", reported, 120);
        let text = "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
        let refusal = json!({"error": "invalid_request", "apiErrorStatus": 400});
        stopped.receives_error(AT, text, refusal);
        let mut idle = Client::with_session(&sandbox, "idle");
        let variable = ("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned());
        idle.variables.push(variable);
        show_on_screen(&mut idle, columns, rows);
        let answer = answer_at(&idle, "2026-11-20T10:01:00Z");
        let words = flat(&answer).to_lowercase();
        let (before_advice, _) = words.split_once("1. ").expect("a step");
        for part in ["in another session", "false alarm"] {
            assert!(before_advice.contains(part), "{columns}x{rows}: {answer}");
        }
        assert!(
            words.contains("this one may work"),
            "{columns}x{rows}: {answer}"
        );
        let says_not_to_pay = words.contains("2. do not buy extra usage for this");
        assert!(says_not_to_pay, "{columns}x{rows}: {answer}");
        let room = rows.parse::<usize>().unwrap() - 14;
        assert!(answer.lines().count() <= room, "{columns}x{rows}: {answer}");
    }
}

/// After Esc, the second step is the command that starts the wait again, however small the screen is.
#[test]
fn an_answer_after_a_canceled_wait_names_rate_limit_options_on_any_screen() {
    for (columns, rows) in SCREENS {
        let sandbox = Sandbox::new();
        Client::logged_in(&sandbox, "pro", "admin");
        let mut client = terminal(&sandbox);
        let reported = windows(97.0, 1_795_176_000, 2.0, 1_795_500_000);
        client.calls_status_line("2026-11-20T09:59:00Z", reported, 120);
        client.receives_error(AT, TEXT, json!({}));
        client.announces(
            "2026-11-20T10:00:20Z",
            "Automatic continue cancelled · /rate-limit-options to start again",
        );
        show_on_screen(&mut client, columns, rows);
        let answer = answer_at(&client, "2026-11-20T10:01:00Z");
        let words = flat(&answer);
        assert!(
            words.contains("1. Wait until 12:00"),
            "{columns}x{rows}: {answer}"
        );
        let again = "2. To let Claude Code wait for the reset and continue by itself, use /rate-limit-options";
        assert!(words.contains(again), "{columns}x{rows}: {answer}");
        let room = rows.parse::<usize>().unwrap() - 14;
        assert!(answer.lines().count() <= room, "{columns}x{rows}: {answer}");
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
    assert!(
        sequence.starts_with("\u{1b}]9;Claude Code: 5-hour limit")
            && sequence.ends_with("\u{7}\u{7}"),
        "{sequence:?}"
    );
    let settings = sandbox
        .write("config.toml", "[notify]\ndesktop = false\n")
        .display()
        .to_string();
    let mut quiet = Client::new(&sandbox);
    quiet.variables.push(("WHYCAP_CONFIG".to_owned(), settings));
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
        status_line.success().contains("resets Tue Nov 24"),
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
    let listed = client.run("2026-11-20T10:01:00Z", &listed, b"").json();
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
