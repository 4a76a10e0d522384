//! Tests that budgets warn only once, block prompts only if configured to do so, and can always be lifted.

use serde_json::{Value, json};

use crate::client::Client;
use crate::situation::flat;
use crate::support::{Run, Sandbox, data};

const SESSION: &str = "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d";

/// Creates a sandbox in which today's spend is $0.47.
fn with_budget(config: &str) -> Sandbox {
    let home = Sandbox::new();
    home.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    let path = home.write("whycap.toml", config);
    let sandbox = home.variable("WHYCAP_CONFIG", path.to_str().unwrap());
    sandbox.run(&["spend"]).success();
    sandbox
}

fn prompt(sandbox: &Sandbox, text: &str) -> Value {
    let session = SESSION;
    let event = json!({
        "hook_event_name": "UserPromptSubmit", "session_id": session, "prompt": text,
        "transcript_path": sandbox.path(&format!(".claude/projects/-home-dev-api/{session}.jsonl")),
    });
    let run = sandbox.run_with(&["hook"], event.to_string().as_bytes());
    serde_json::from_str(run.success()).unwrap_or(Value::Null)
}

/// Runs the hook for an event of the given session and returns its response.
fn event(sandbox: &Sandbox, name: &str, session: &str, cwd: &str) -> Value {
    let event = json!({
        "hook_event_name": name, "session_id": session, "prompt": "hi", "cwd": cwd,
        "transcript_path": sandbox.path(&format!(".claude/projects/-home-dev-api/{session}.jsonl")),
    });
    let run = sandbox.run_with(&["hook"], event.to_string().as_bytes());
    serde_json::from_str(run.success()).unwrap_or(Value::Null)
}

const API: &str = "/home/dev/api";

#[test]
fn a_budget_is_announced_once_when_nearly_used_and_again_when_used_up() {
    let sandbox = with_budget("[budget]\nday = 0.5\n");
    let first = prompt(&sandbox, "hi");
    assert_eq!(
        first["systemMessage"],
        "whycap: Today's budget of $0.50 is 94% used ($0.47 so far)."
    );
    assert_eq!(first.get("decision"), None);
    assert_eq!(prompt(&sandbox, "again"), Value::Null);
    sandbox.write("whycap.toml", "[budget]\nday = 0.4\n");
    let used_up = prompt(&sandbox, "more");
    assert_eq!(
        used_up["systemMessage"],
        "whycap: Today's budget of $0.40 is used up ($0.47 so far)."
    );
    assert_eq!(prompt(&sandbox, "again"), Value::Null);
}

/// A line of a transcript is damaged. `now` and the status line said that today's spend was a lower bound, but `budget`
/// and its warnings showed the same figure as exact.
#[test]
fn a_budget_marks_spend_that_is_a_lower_bound() {
    let sandbox = with_budget("[budget]\nday = 0.5\n");
    for line in [
        r#"{"type":"user","uuid":"u1","sessionId":"damaged","timestamp":"2026-11-20T06:00:00Z","message":{"role":"user","content":"hi"}}"#,
        r#"{"type":"assistant","message":{"model":"claude-opus-5-5","usage":{"input"#,
        r#"{"type":"user","uuid":"u2","sessionId":"damaged","timestamp":"2026-11-20T06:10:00Z","message":{"role":"user","content":"hi"}}"#,
    ] {
        sandbox.append(".claude/projects/-p/damaged.jsonl", line);
    }
    let now = flat(sandbox.run(&["now"]).success());
    assert!(now.contains("Today \u{2265}$0.47"), "{now}");
    let budget = flat(sandbox.run(&["budget"]).success());
    assert!(budget.contains("\u{2265}$0.47 of $0.50"), "{budget}");
    assert_eq!(
        prompt(&sandbox, "hi")["systemMessage"],
        "whycap: Today's budget of $0.50 is at least 94% used (\u{2265}$0.47 so far)."
    );
    let json = sandbox.run(&["budget", "--json"]).json();
    assert_eq!(json["budgets"][0]["at_least"], true, "{json:#}");
}

/// The first import has not read all transcripts yet. `now` and the status line said that today's spend was a lower
/// bound, but `budget` and its warnings showed the same figure as exact.
#[test]
#[cfg(unix)] // symbolic links
fn a_budget_marks_spend_as_a_lower_bound_during_the_first_import() {
    let home = Sandbox::new();
    home.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    let path = home.write("whycap.toml", "[budget]\nday = 0.5\n");
    let sandbox = home.variable("WHYCAP_CONFIG", path.to_str().unwrap());
    // Nobody can read a symbolic link that points to itself.
    let unreadable = sandbox.path(".claude/projects/-home-dev-api/unreadable.jsonl");
    std::os::unix::fs::symlink(&unreadable, &unreadable).unwrap();
    for (command, expected_text) in [
        ("now", "Today \u{2265}$0.47"),
        ("budget", "\u{2265}$0.47 of $0.50"),
    ] {
        let run = sandbox.run(&[command]);
        assert!(run.stderr.contains("unreadable.jsonl"), "{}", run.stderr);
        let text = flat(&run.stdout);
        assert!(text.contains(expected_text), "{text}");
    }
    assert_eq!(
        prompt(&sandbox, "hi")["systemMessage"],
        "whycap: Today's budget of $0.50 is at least 94% used (\u{2265}$0.47 so far)."
    );
}

#[test]
fn a_stop_budget_blocks_the_prompt_until_the_user_continues() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\"\n");
    for _ in 0..2 {
        let held = prompt(&sandbox, "hi");
        assert_eq!(held["decision"], "block");
        let reason = held["reason"].as_str().unwrap();
        assert!(
            reason.contains("Today's budget of $0.40 is used up"),
            "{reason}"
        );
        assert!(reason.contains("/whycap continue"), "{reason}");
        assert!(
            reason.contains("\nThe budget resets at midnight.\n"),
            "{reason}"
        );
        assert!(
            reason.contains("back in the input line. If it is not, press the up arrow"),
            "{reason}"
        );
    }
    let lifted = prompt(&sandbox, "/whycap continue");
    let reply = flat(lifted["reason"].as_str().unwrap());
    assert!(
        reply.ends_with("You can keep using this session without reminders until midnight."),
        "{reply}"
    );
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
    // Lifting the budget for one session does not affect other sessions.
    let other = event(&sandbox, "UserPromptSubmit", "other", "/home/dev/api");
    assert_eq!(other["decision"], "block");
    // The next day starts with its full budget.
    let tomorrow = sandbox.variable("WHYCAP_NOW", "2026-11-21T08:00:00Z");
    assert_eq!(prompt(&tomorrow, "hi"), Value::Null);
}

/// A background agent's result must not be blocked, because it has already been paid for and could not be sent again.
/// The user's next prompt is blocked instead.
#[test]
fn prompts_from_background_agents_are_not_blocked() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\"\n");
    let notification =
        "<task-notification>\n<result>agent A found 42 bugs</result>\n</task-notification>";
    assert_eq!(prompt(&sandbox, notification), Value::Null);
    assert_eq!(prompt(&sandbox, "go on")["decision"], "block");
}

#[test]
fn nothing_is_printed_without_budgets() {
    let sandbox = with_budget("[budget]\naction = \"stop\"\n");
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
}

#[test]
fn a_budget_warning_after_a_response_is_not_repeated_at_the_next_prompt() {
    let sandbox = with_budget("[budget]\nday = 0.5\n");
    let reply = event(&sandbox, "Stop", SESSION, API);
    assert_eq!(
        reply,
        json!({"systemMessage": "whycap: Today's budget of $0.50 is at least 94% used ($0.47 counted so far)."})
    );
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
    assert_eq!(event(&sandbox, "Stop", SESSION, API), Value::Null);
    // The message does not appear in another session, either.
    assert_eq!(event(&sandbox, "Stop", "other", API), Value::Null);
}

#[test]
fn the_response_that_uses_up_a_budget_announces_that_the_next_prompt_is_blocked() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\"\n");
    let reply = event(&sandbox, "Stop", SESSION, API);
    assert_eq!(
        reply,
        json!({"systemMessage": "whycap: Today's budget of $0.40 is used up ($0.47 counted so far). Your next prompt will be blocked. To continue this session anyway, type /whycap continue."})
    );
    assert_eq!(event(&sandbox, "Stop", SESSION, API), Value::Null);
    assert_eq!(prompt(&sandbox, "hi")["decision"], "block");
}

/// Submits a prompt in a new session while the user's time zone is `zone`, and returns the hook's response.
fn prompt_in_time_zone(sandbox: &Sandbox, zone: &str) -> Value {
    let event = json!({
        "hook_event_name": "UserPromptSubmit", "session_id": "new", "prompt": "hi", "cwd": API,
    });
    let mut command = sandbox.command(&["hook"]);
    let run = Run::of(command.env("TZ", zone), event.to_string().as_bytes());
    serde_json::from_str(run.success()).unwrap_or(Value::Null)
}

/// In Tokyo, December begins nine hours earlier than in UTC.
#[test]
fn a_month_ends_at_local_midnight() {
    let sandbox = with_budget("[budget]\nmonth = 0.4\naction = \"stop\"\n");
    let december = sandbox.variable("WHYCAP_NOW", "2026-11-30T15:00:00Z");
    assert_eq!(prompt_in_time_zone(&december, "UTC")["decision"], "block");
    assert_eq!(prompt_in_time_zone(&december, "Asia/Tokyo"), Value::Null);
}

#[test]
fn a_day_ends_at_local_midnight_even_when_clocks_change() {
    // In Berlin, October 25, 2026 has 25 hours, from 22:00 UTC on October 24 to 23:00 UTC on October 25.
    let home = Sandbox::new();
    let response = json!({
        "type": "assistant", "timestamp": "2026-10-24T22:30:00.000Z", "cwd": API, "sessionId": SESSION,
        "requestId": "one",
        "message": {"id": "one", "model": "claude-opus-5-5", "usage": {"output_tokens": 50_000}},
    });
    let path = format!(".claude/projects/-home-dev-api/{SESSION}.jsonl");
    home.append(&path, &response.to_string());
    let config = home.write("whycap.toml", "[budget]\nday = 0.9\naction = \"stop\"\n");
    let mut sandbox = home
        .variable("WHYCAP_CONFIG", config.to_str().unwrap())
        .variable("TZ", "Europe/Berlin");
    sandbox.run(&["spend"]).success();
    for (at, is_blocked) in [
        ("2026-10-24T22:45:00Z", true),
        ("2026-10-25T22:59:00Z", true),
        ("2026-10-25T23:00:00Z", false),
    ] {
        sandbox = sandbox.variable("WHYCAP_NOW", at);
        let reply = event(&sandbox, "UserPromptSubmit", SESSION, API);
        assert_eq!(reply["decision"] == "block", is_blocked, "{at}");
    }
}

/// A month's total must include a response from just before midnight, even if it is recorded only after midnight.
#[test]
fn spend_just_before_midnight_counts_toward_the_old_month() {
    let home = Sandbox::new();
    let path = home.write("whycap.toml", "[budget]\nmonth = 0.5\n");
    let sandbox = home.variable("WHYCAP_CONFIG", path.to_str().unwrap());
    let client = Client::new(&sandbox);
    client.works("2026-11-20T23:59:50Z", 10_000);
    client
        .run("2026-11-20T23:59:51Z", &["spend"], b"")
        .success();
    client.works("2026-11-20T23:59:58Z", 100_000);
    let run = client.event(
        "2026-11-21T00:00:01Z",
        "UserPromptSubmit",
        json!({"prompt": "hi", "cwd": API}),
    );
    let warning = run.success();
    assert!(warning.contains("$0.50 is 88% used ($0.44"), "{warning}");
}

#[test]
fn no_prompt_is_blocked_if_spend_is_unknown_and_the_user_is_told() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\"\n");
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    let mut torn = std::fs::read(&ledger).expect("a ledger");
    // The ledger can still be opened, because its beginning is intact, but its rows cannot be read.
    torn[4096..].fill(0);
    std::fs::write(&ledger, torn).expect("a torn ledger");
    let reply = event(&sandbox, "UserPromptSubmit", SESSION, API);
    assert_eq!(
        reply,
        json!({"systemMessage": "whycap: Your spend could not be read, so this prompt was sent without checking your budgets."})
    );
    let lifted = prompt(&sandbox, "/whycap continue");
    let lifted = flat(lifted["reason"].as_str().unwrap());
    assert!(
        lifted.ends_with("so no budget is blocking your prompts."),
        "{lifted}"
    );
    assert_eq!(event(&sandbox, "Stop", SESSION, API), Value::Null);
}

/// Returns a configuration that blocks prompts after the given spend per day.
fn daily_stop_budget(limit: &str) -> String {
    format!("[budget]\nday = {limit}\naction = \"stop\"\n")
}

#[test]
fn a_raised_budget_warns_and_blocks_at_its_new_limit() {
    let sandbox = with_budget(&daily_stop_budget("0.2"));
    assert_eq!(prompt(&sandbox, "hi")["decision"], "block");
    prompt(&sandbox, "/whycap continue");
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
    // $0.47 has been spent, which nearly uses up the first new budget and exceeds the second.
    sandbox.write("whycap.toml", daily_stop_budget("0.5"));
    let reply = prompt(&sandbox, "hi");
    let warned = reply["systemMessage"].as_str().unwrap();
    assert!(
        warned.contains("Today's budget of $0.50 is 94% used"),
        "{warned}"
    );
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
    sandbox.write("whycap.toml", daily_stop_budget("0.45"));
    assert_eq!(prompt(&sandbox, "hi")["decision"], "block");
    // This budget was lifted before and remains lifted.
    sandbox.write("whycap.toml", daily_stop_budget("0.2"));
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
}

#[test]
fn no_prompt_is_blocked_if_the_decision_to_continue_cannot_be_stored() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\"\n");
    // A directory in place of the journal prevents it from being written.
    sandbox.write(".local/share/whycap/journal.jsonl/in-the-way", "");
    let sent = prompt(&sandbox, "hi");
    assert_eq!(sent.get("decision"), None, "{sent}");
    let warning = sent["systemMessage"].as_str().unwrap();
    assert!(
        warning.starts_with("whycap: Today's budget of $0.40 is used up ($0.47 so far). Your prompt was sent anyway because whycap cannot save anything right now, so /whycap continue would not have worked (could not write "),
        "{warning}"
    );
    let lifted = prompt(&sandbox, "/whycap continue");
    let lifted = flat(lifted["reason"].as_str().unwrap());
    assert!(
        lifted
            .starts_with("whycap could not save the effect of /whycap continue (could not write ")
            && lifted.ends_with("Until it can, no prompts are blocked."),
        "{lifted}"
    );
}

#[test]
fn a_broken_configuration_is_reported_in_the_status_line_the_conversation_and_budget() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\n");
    let reply = event(&sandbox, "UserPromptSubmit", SESSION, API);
    let warning = reply["systemMessage"].as_str().unwrap();
    assert!(
        warning.starts_with(
            "whycap: Your budgets are not being checked because of a problem in your config.toml: the file is not valid TOML ("
        ),
        "{warning}"
    );
    assert_eq!(
        event(&sandbox, "UserPromptSubmit", SESSION, API),
        Value::Null
    );
    let status_line = sandbox.run_with(&["statusline"], br#"{"model":"Opus 5.5"}"#);
    let status_line = whycap::terminal::strip_ansi(status_line.success());
    assert!(
        status_line.lines().count() == 2
            && status_line.contains("\nconfig.toml: the file is not valid TOML ("),
        "{status_line}"
    );
    let page = flat(sandbox.run(&["budget"]).success());
    assert!(
        page.contains("whycap.toml: the file is not valid TOML (")
            && page.contains("whycap ignores all budgets in this file until you fix it."),
        "{page}"
    );
    // An invalid value disables only its own budget or `stop` action, and the message says so.
    for (wrong, expected_text) in [
        ("day = 0.4\naction = \"stopp\"", "`budget.action` must be"),
        ("day = \"20\"\nmonth = 5", "`budget.day` must be"),
    ] {
        sandbox.write("whycap.toml", format!("[budget]\n{wrong}\n"));
        let status_line = sandbox.run_with(&["statusline"], br#"{"model":"Opus 5.5"}"#);
        let status_line = whycap::terminal::strip_ansi(status_line.success());
        let last = status_line.lines().last().unwrap();
        assert!(
            last.starts_with(&format!("config.toml: {expected_text}")),
            "{status_line}"
        );
    }
    let page = flat(sandbox.run(&["budget"]).success());
    assert!(
        page.contains("`budget.day` must be") && page.contains("of $5.00"),
        "{page}"
    );
}

/// Creates a history in which the user spent $2 each morning and $3 each evening for a week, and another $2 this
/// morning. The clock shows noon.
fn with_days(config: &str) -> Sandbox {
    with_days_since(13, config)
}

/// Like [`with_days`], but with the first spend on another day of the month.
fn with_days_since(first_day: u8, config: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut responses = 0;
    let mut spend = |session: &str, cwd: &str, at: String, dollars: u32| {
        responses += 1;
        let id = format!("id{responses}");
        let line = json!({
            "type": "assistant", "timestamp": at, "cwd": cwd, "sessionId": session, "requestId": id,
            "message": {
                "id": id, "model": "claude-opus-5-5", "usage": {"output_tokens": dollars * 50_000},
            },
        });
        sandbox.append(
            &format!(".claude/projects/-p/{session}.jsonl"),
            &line.to_string(),
        );
    };
    for day in first_day..20 {
        spend("a", API, format!("2026-11-{day:02}T09:00:00.000Z"), 2);
        spend(
            "b",
            "/srv/web",
            format!("2026-11-{day:02}T18:00:00.000Z"),
            3,
        );
    }
    spend("a", API, "2026-11-20T09:00:00.000Z".to_owned(), 2);
    let path = sandbox.write("whycap.toml", config);
    sandbox
        .variable("WHYCAP_CONFIG", path.to_str().unwrap())
        .variable("WHYCAP_NOW", "2026-11-20T12:00:00Z")
}

#[test]
fn each_budget_is_shown_with_what_is_left_and_its_forecast() {
    let sandbox = with_days("[budget]\nday = 4\nmonth = 200\n");
    let page = flat(sandbox.run(&["budget"]).success());
    for expected_text in [
        // $2.00 in the three hours since 09:00 is $0.67 per hour, and $8.00 in the remaining twelve.
        "Today ██████████░░░░░░░░░░ 50% $2.00 of $4.00, $2.00 left At this pace, it is used up about 15:00 (about $10.00 in the end). The budget resets at midnight.",
        "This month ████░░░░░░░░░░░░░░░░ 18% $37.00 of $200.00, $163.00 left At this pace, it lasts (about ",
    ] {
        assert!(
            page.contains(expected_text),
            "no {expected_text:?} in: {page}"
        );
    }
    let report = sandbox.run(&["budget", "--json"]).json();
    let day = &report["budgets"][0];
    assert_eq!(day["budget"], "day");
    assert_eq!(day["spent_usd"], 2.0);
    assert_eq!(day["forecast"]["cost_usd"], 10.0);
    assert_eq!(day["forecast_is_over"], true);
    assert_eq!(day["full_at"], "2026-11-20T15:00:00Z");
    assert_eq!(day["starts_over_at"], "2026-11-21T00:00:00Z");
    let month = &report["budgets"][1];
    assert_eq!(month["forecast_is_over"], false);
    assert_eq!(month["full_at"], Value::Null);
    // Inside a conversation, `budget` reports on that session.
    sandbox.write("whycap.toml", "[budget]\nsession = 20\n");
    let event = json!({
        "hook_event_name": "UserPromptSubmit", "session_id": "a", "prompt": "/whycap budget",
    });
    let reply = sandbox
        .run_with(&["hook"], event.to_string().as_bytes())
        .json();
    let answer = flat(reply["reason"].as_str().unwrap());
    assert!(
        answer.starts_with("This session ████████████████░░░░ 80% $16.00 of $20.00"),
        "{answer}"
    );
}

/// A budget with `action = "stop"` blocked every prompt, but `now` said only that no limit blocks the user.
#[test]
fn now_and_explain_say_that_a_used_up_budget_blocks_prompts() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\"\n");
    assert_eq!(prompt(&sandbox, "hi")["decision"], "block");
    let now = sandbox.run(&["now", "--json"]).json();
    assert_eq!(now["blocks"]["resources"], json!(["own_budget"]), "{now:#}");
    let explained = sandbox.run(&["explain", "--exit-code"]);
    assert_eq!(explained.code, 10, "{explained:?}");

    for config in [
        "[budget]\nday = 0.4\n",
        "[budget]\nday = 9\naction = \"stop\"\n",
    ] {
        sandbox.write("whycap.toml", config);
        let json = sandbox.run(&["now", "--json"]).json();
        assert_eq!(json["blocks"], Value::Null, "{config}");
    }
}

#[test]
fn every_command_shows_the_same_hourly_rate() {
    let sandbox = with_days("[budget]\nday = 4\n");
    let now = sandbox.run(&["now"]);
    let expected_text = "$0.67 per hour since 09:00, including breaks";
    assert!(flat(now.success()).contains(&format!("Today $2.00, {expected_text}")));
    let rates =
        [["now", "--json"], ["budget", "--json"]].map(|command| sandbox.run(&command).json());
    assert_eq!(
        rates[0]["block"]["usd_per_hour"],
        rates[1]["budgets"][0]["usd_per_hour"]
    );
}

#[test]
fn the_hourly_rate_begins_with_the_first_quarter_hour_of_the_day_with_spend() {
    let home = Sandbox::new();
    // 100,000 output tokens cost $2.
    let line = json!({
        "type": "assistant", "timestamp": "2026-11-20T11:13:00.000Z", "cwd": API, "sessionId": "a",
        "requestId": "id1", "message": {
            "id": "id1", "model": "claude-opus-5-5", "usage": {"output_tokens": 100_000},
        },
    });
    home.append(".claude/projects/-p/a.jsonl", &line.to_string());
    let path = home.write("whycap.toml", "[budget]\nday = 4\n");
    let sandbox = home
        .variable("WHYCAP_CONFIG", path.to_str().unwrap())
        .variable("WHYCAP_NOW", "2026-11-20T11:43:00Z");
    let expected_text = "$2.79 per hour since 11:00, including breaks";
    let shown = flat(sandbox.run(&["now"]).success());
    assert!(shown.contains(expected_text), "{shown}");
}

#[test]
fn without_budgets_the_report_says_where_to_set_one() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["budget"]);
    let expected = "No budget is set. To set one, add lines like these to ~/.config/whycap/config.toml: [budget] day = 20.0";
    assert_eq!(flat(run.success()), expected);
    let report = sandbox.run(&["budget", "--json"]).json();
    assert_eq!(report["budgets"], json!([]));
    assert!(
        report["config"]
            .as_str()
            .unwrap()
            .ends_with("config.toml")
    );
}

/// Spend that was recorded while the clock was a day ahead must not count toward today.
#[test]
fn spend_recorded_with_a_fast_clock_does_not_count_today() {
    let sandbox = with_days("[budget]\nday = 40\nmonth = 40\n")
        .variable("WHYCAP_NOW", "2026-11-18T20:00:00Z");
    let [now, budget] =
        [["now", "--json"], ["budget", "--json"]].map(|command| sandbox.run(&command).json());
    assert_eq!(now["today_usd"], 5.0, "{now:#}");
    assert_eq!(budget["budgets"][0]["spent_usd"], 5.0, "{budget:#}");
    // The spend does not count toward this month yet. The hook and the status line ignore it as well.
    assert_eq!(budget["budgets"][1]["spent_usd"], 30.0, "{budget:#}");
}

/// A forecast for the month is based on whole days. It leaves out the days before the first spend of the month.
#[test]
fn the_forecast_for_the_month_leaves_out_the_days_before_the_first_response() {
    for (first_day, per_day) in [
        // $25.00 in the five days since the evening of November 15, $7.00 in two days, and $2.00 today.
        (13, json!(5.0)),
        (19, json!(3.5)),
        (20, json!(2.0)),
    ] {
        let sandbox = with_days_since(first_day, "[budget]\nmonth = 100\n");
        let budget = sandbox.run(&["budget", "--json"]).json();
        let month = &budget["budgets"][0];
        assert_eq!(month["usd_per_day"], per_day, "{budget:#}");
    }
}
