//! Tests that `whycap now` agrees with all other output.

#[cfg(target_os = "linux")]
use std::path::Path;
#[cfg(target_os = "linux")]
use std::process::Stdio;

#[cfg(target_os = "linux")] // the tests that use it need `/proc`
use crate::situation::flat;
use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::histories::{near, spend, with_history};
#[cfg(target_os = "linux")]
use crate::situation::{
    AT, FIVE_HOUR, NOON, TUESDAY, refused, session_of_login, with_a_private_login,
};
use crate::support::{Run, Sandbox};

/// Builds Claude Code's status-line input for a session with this running total and with usage windows.
fn payload(session: &str, total: f64) -> String {
    json!({
        "session_id": session,
        "model": {"id": "claude-opus-5-5", "display_name": "Opus"},
        "cost": {"total_cost_usd": total, "total_duration_ms": 60_000, "total_api_duration_ms": 900},
        "rate_limits": {
            "five_hour": {"used_percentage": 82, "resets_at": 1_795_203_000},
            "seven_day": {"used_percentage": 31, "resets_at": 1_795_463_400},
        },
    })
    .to_string()
}

/// Returns the amount that follows a label in the status line.
fn amount_behind(label: &str, line: &str) -> f64 {
    let (_, rest) = line.split_once(label).unwrap();
    let (_, amount) = rest.split_once('$').unwrap();
    let digits: String = amount
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    digits.parse().unwrap()
}

/// A running process named `claude`, like Claude Code's own process. It ends when this value is dropped.
#[cfg(target_os = "linux")]
pub struct RunningClient {
    process: std::process::Child,
    started: String,
}

#[cfg(target_os = "linux")]
impl RunningClient {
    pub fn start(sandbox: &Sandbox) -> Self {
        Self::start_with(sandbox, |_| {})
    }

    /// Starts a process with a changed environment.
    fn start_with(sandbox: &Sandbox, change: impl Fn(&mut std::process::Command)) -> Self {
        let program = sandbox.path("claude");
        if !program.exists() {
            std::fs::copy("/bin/sleep", &program).unwrap();
        }
        // The system refuses to run the copy while a process that another test has just started still has it open for
        // writing.
        let process = loop {
            let mut command = std::process::Command::new(&program);
            command.arg("60").stdin(Stdio::null());
            change(&mut command);
            let spawned = command.spawn();
            match spawned {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                spawned => break spawned.unwrap(),
            }
        };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let started = fields.split_whitespace().nth(19).unwrap().to_owned();
        Self { process, started }
    }

    /// Starts a process and registers an idle session for it.
    pub fn idle(sandbox: &Sandbox, session: &str) -> Self {
        let client = Self::start(sandbox);
        client.registers(sandbox, session, "idle");
        client
    }

    /// Registers a session of this process, as Claude Code does.
    pub fn registers(&self, sandbox: &Sandbox, session: &str, status: &str) {
        self.registers_since(sandbox, session, status, 1_795_156_000_000);
    }

    fn registers_since(&self, sandbox: &Sandbox, session: &str, status: &str, started_at: i64) {
        let pid = self.process.id();
        let entry = json!({
            "pid": pid, "sessionId": session, "cwd": "/home/dev/p", "startedAt": started_at,
            "procStart": self.started, "version": "2.1.328", "status": status, "updatedAt": started_at + 190_000,
        });
        sandbox.write(&format!(".claude/sessions/{pid}.json"), entry.to_string());
    }
}

#[cfg(target_os = "linux")]
impl Drop for RunningClient {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn every_output_shows_the_same_figures_at_the_same_time() {
    let (home, _) = with_history("subagents-and-errors");
    let sandbox = home
        .variable("WHYCAP_NOW", "2026-11-20T18:00:00Z")
        .variable("COLUMNS", "200")
        .variable("NO_COLOR", "1");
    // One session is receiving a response. Its spend has been sampled but is not in any file yet.
    let session = "0d3b2f9e-0000-4000-8000-000000000001";
    let before = spend(&sandbox, "day")["total"]["cost_usd"]
        .as_f64()
        .unwrap();
    sandbox.run_with(&["statusline"], payload(session, 0.0).as_bytes());
    let run = sandbox.run_with(&["statusline"], payload(session, 1.25).as_bytes());
    let line = run.success();
    let day = spend(&sandbox, "day");
    let total = &day["total"]["cost_usd"];
    near(total, &Value::from(before + 1.25));
    near(&day["total"]["not_written_usd"], &Value::from(1.25));
    let rounded_total = (total.as_f64().unwrap() * 100.0).round() / 100.0;
    near(
        &Value::from(amount_behind("session", line)),
        &Value::from(1.25),
    );
    near(
        &Value::from(amount_behind("today", line)),
        &Value::from(rounded_total),
    );
    let now = sandbox.run(&["now", "--json"]).json();
    near(&now["today_usd"], total);
    assert_eq!(now["windows"]["five_hour"]["used_percentage"], 82.0);
    let blocks = spend(&sandbox, "block");
    let block = blocks["groups"].as_array().unwrap().last().unwrap();
    near(&now["block"]["cost_usd"], &block["cost_usd"]);
    let event = json!({
        "hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": "/whycap spend --by session",
    });
    let reply = sandbox
        .run_with(&["hook"], event.to_string().as_bytes())
        .json();
    let answer = reply["reason"].as_str().unwrap();
    let shown = format!("${rounded_total:.2}");
    assert!(
        answer.contains(&shown) && answer.contains("$1.25"),
        "{answer}"
    );
    let screen = sandbox.run(&["now"]);
    assert!(
        screen.success().contains(&format!("{shown}, ")),
        "{}",
        screen.stdout
    );
}

#[test]
fn a_block_with_an_unpriced_model_is_an_estimate_like_the_day() {
    let sandbox = with_a_private_login().variable("WHYCAP_NOW", "2026-11-20T08:00:00Z");
    let answer = r#"{"type":"assistant","sessionId":"s","timestamp":"2026-11-20T07:00:00Z","requestId":"r","uuid":"u","cwd":"/home/dev/api","message":{"id":"m","model":"some-other-model","usage":{"input_tokens":0,"output_tokens":5000}}}"#;
    sandbox.write(
        ".claude/projects/-home-dev-api/s.jsonl",
        format!("{answer}\n"),
    );
    let run = sandbox.run(&["now"]);
    for row in ["Today     \u{2248}$0.10", "Block     \u{2248}$0.10"] {
        assert!(run.success().contains(row), "{run:?}");
    }
}

/// When the ledger sees a model for the first time, it recalculates all prices.
#[test]
fn repricing_does_not_move_spend_from_yesterday_to_today() {
    let session = "0d3b2f9e-0000-4000-8000-000000000001";
    let home = Sandbox::new();
    for (at, total, run_ms) in [
        ("2026-11-19T10:00:00Z", 0.0, 1_000),
        ("2026-11-19T10:05:00Z", 1.25, 301_000),
        ("2026-11-20T10:00:00Z", 2.0, 86_401_000),
    ] {
        let mut payload: Value = serde_json::from_str(&payload(session, total)).unwrap();
        payload["cost"]["total_duration_ms"] = run_ms.into();
        let mut command = home.command(&["statusline"]);
        Run::of(
            command.env("WHYCAP_NOW", at),
            payload.to_string().as_bytes(),
        );
    }
    let answer = r#"{"type":"assistant","sessionId":"s","timestamp":"2026-11-20T07:00:00Z","requestId":"r","uuid":"u","cwd":"/home/dev/api","message":{"id":"m","model":"claude-opus-5-5","usage":{"input_tokens":0,"output_tokens":5000}}}"#;
    home.write(
        ".claude/projects/-home-dev-api/s.jsonl",
        format!("{answer}\n"),
    );
    let sandbox = home.variable("WHYCAP_NOW", "2026-11-20T11:00:00Z");
    for _ in 0..2 {
        let days = spend(&sandbox, "day");
        let groups = days["groups"].as_array().unwrap();
        for (day, cost) in [("2026-11-19", 1.25), ("2026-11-20", 0.85)] {
            let group = groups.iter().find(|group| group["key"] == day).unwrap();
            near(&group["cost_usd"], &Value::from(cost));
        }
    }
}

/// Spend on an API key must not count toward the login's 5-hour window, and all output must show the same figure for
/// the window.
#[test]
fn spend_paid_by_an_api_key_is_in_no_window() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let noon = 1_795_176_000; // 2026-11-20T12:00:00Z
    let by_login = Client::with_session(&sandbox, "by-login");
    by_login.append(&json!({"type": "session-owner", "sessionId": "by-login",
        "accountUuid": "11111111-1111-1111-1111-111111111111"}));
    by_login.works("2026-11-20T09:00:00Z", 500_000);
    let usage = windows(40.0, noon, 10.0, noon + 300_000);
    by_login.calls_status_line("2026-11-20T09:00:01Z", usage, 120);
    let by_key = Client::with_session(&sandbox, "by-key");
    by_key.works("2026-11-20T09:10:00Z", 250_000);
    let at = "2026-11-20T09:30:00Z";
    let now = by_login.run(at, &["now", "--json"], b"").json();
    let [today, window] = [&now["today_usd"], &now["window_use"][0]["cost_usd"]]
        .map(|amount| format!("{:.2}", amount.as_f64().unwrap()));
    assert_eq!(today, "3.00", "{now:#}");
    assert_eq!(window, "2.00", "{now:#}");

    by_login.receives_error(
        at,
        "You've hit your 5-hour limit · resets 12pm (UTC)",
        json!({}),
    );
    let long = by_login.run(at, &["explain", "--long"], b"");
    let amounts: Vec<&str> = long
        .success()
        .split_whitespace()
        .filter(|word| word.starts_with('$'))
        .collect();
    assert_eq!(amounts, ["$2.00"], "{}", long.stdout);
}

/// Returns the age of the readings that `now` shows.
fn age_of_readings(client: &Client<'_>, at: &str) -> String {
    let screen = client.run(at, &["now"], b"");
    let (_, rest) = screen.success().split_once("reported ").expect("a time");
    rest.lines().next().unwrap_or_default().to_owned()
}

/// After `/clear`, Claude Code repeats the figures of the previous session in the new session, which has not received
/// any response yet.
#[test]
fn figures_that_a_new_session_repeats_are_not_new() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "pro", "admin");
    let figures = windows(12.0, 1_795_176_000, 40.0, 1_795_500_000);
    let before = Client::with_session(&sandbox, "before");
    before.calls_status_line("2026-11-20T10:00:00Z", figures.clone(), 120);
    let mut after = Client::with_session(&sandbox, "after");
    after.api_ms = 0;
    after.calls_status_line("2026-11-20T10:05:00Z", figures.clone(), 120);
    let age = age_of_readings(&before, "2026-11-20T10:05:05Z");
    assert_eq!(age, "up to 5 m ago");
    after.api_ms = 900;
    after.calls_status_line("2026-11-20T10:06:00Z", figures, 120);
    let age = age_of_readings(&before, "2026-11-20T10:06:05Z");
    assert_eq!(age, "just now");
}

#[test]
fn now_works_in_an_empty_home() {
    let run = Sandbox::new().run(&["now"]);
    assert_eq!(
        run.success(),
        "Windows   no usage data from Claude Code yet (API keys have no usage windows)\n\
         Today     $0.00\n\
         Sessions  none running\n\
         Limit     no limit is blocking you\n"
    );
}

/// `now` said that API keys have no usage windows, and two rows below, when the "estimated 5-hour window" ends.
#[test]
fn a_user_with_only_a_key_sees_no_estimated_window() {
    let with_variable = Sandbox::new().variable("ANTHROPIC_API_KEY", "sk-ant-api03-hidden");
    let with_console_login = Sandbox::new();
    let state = json!({"primaryApiKey": "sk-ant-api03-hidden"});
    with_console_login.write(".claude.json", state.to_string());
    // The key may be set only in the sessions that use it.
    let without_login = Sandbox::new();
    for sandbox in [with_variable, with_console_login, without_login] {
        record_responses(&sandbox, ["2026-11-20T06:30:00Z", "2026-11-20T07:55:00Z"]);
        let mut command = sandbox.command(&["now"]);
        let run = Run::of(command.env("WHYCAP_NOW", "2026-11-20T08:02:00Z"), b"");
        let screen = run.success();
        assert!(
            screen.contains("API keys have no usage windows"),
            "{screen}"
        );
        assert!(!screen.contains("estimated"), "{screen}");
    }
}

/// The estimate was missing if nobody was logged in, although a token uses the windows of a plan as well.
#[test]
fn a_user_with_a_token_sees_the_estimated_window() {
    let sandbox = Sandbox::new().variable("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-hidden");
    record_responses(&sandbox, ["2026-11-20T06:30:00Z", "2026-11-20T07:55:00Z"]);
    let mut command = sandbox.command(&["now"]);
    let run = Run::of(command.env("WHYCAP_NOW", "2026-11-20T08:02:00Z"), b"");
    let screen = run.success();
    assert!(screen.contains("estimated 5-hour window"), "{screen}");
}

/// Records a response at each of the times.
fn record_responses(sandbox: &Sandbox, times: [&str; 2]) {
    for at in times {
        let response = json!({"type": "assistant", "sessionId": "s", "timestamp": at, "requestId": at, "uuid": at,
            "message": {"id": at, "model": "claude-opus-5-5", "usage": {"input_tokens": 250_000, "output_tokens": 0}}});
        sandbox.append(
            ".claude/projects/-home-dev-api/s.jsonl",
            &response.to_string(),
        );
    }
}

/// A new block begins with the first response after the previous block, even if another response has a timestamp in the
/// future.
#[test]
fn the_current_block_is_found_along_with_recent_earlier_spend() {
    let sandbox = with_a_private_login();
    record_responses(&sandbox, ["2026-11-20T03:30:00Z", "2026-11-20T07:55:00Z"]);
    let mut command = sandbox.command(&["now"]);
    let ended = Run::of(command.env("WHYCAP_NOW", "2026-11-20T08:02:00Z"), b"");
    assert!(
        ended
            .success()
            .contains("Block     no 5-hour window is running (estimated)\n"),
        "{ended:?}"
    );
    record_responses(&sandbox, ["2026-11-20T08:03:00Z", "2026-11-23T08:03:00Z"]);
    let mut command = sandbox.command(&["now", "--json"]);
    let now = Run::of(command.env("WHYCAP_NOW", "2026-11-20T08:10:00Z"), b"").json();
    let running = &now["block"];
    assert_eq!(
        (&running["start"], &running["cost_usd"]),
        (&json!("2026-11-20T08:00:00Z"), &json!(1.0))
    );
}

/// Spend from before the reset of the 5-hour window does not count toward the current window.
#[test]
fn a_block_from_before_a_known_reset_is_not_shown() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "s");
    client.works("2026-11-20T11:00:00Z", 100_000);
    let usage = windows(60.0, NOON, 40.0, TUESDAY);
    client.calls_status_line("2026-11-20T11:00:01Z", usage, 120);
    let at = "2026-11-20T12:30:00Z";
    let screen = client.run(at, &["now"], b"");
    assert!(!screen.success().contains("Block"), "{screen:?}");
    let json = client.run(at, &["now", "--json"], b"").json();
    assert_eq!(json["block"], Value::Null, "{json:#}");
}

/// Without readings, `now` said that the 5-hour limit was used up and, below, that no 5-hour window was running. After
/// a response, it estimated an end other than the reset that the server had stated.
#[test]
fn the_block_is_the_window_that_the_server_refused() {
    let refusal = refused("five_hour", NOON, "");
    for responses in [&[][..], &["2026-11-20T06:10:00Z", "2026-11-20T09:30:00Z"]] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "s");
        for at in responses {
            client.works(at, 250_000);
        }
        client.receives_error(AT, FIVE_HOUR, &refusal);
        let at = "2026-11-20T10:20:00Z";
        let screen = client.run(at, &["now"], b"");
        let spent = responses.len().saturating_sub(1);
        let row = format!(
            "Block     ${spent}.00 since 07:00; the 5-hour window ends at 12:00, in 1 h 40 m\n"
        );
        assert!(screen.success().contains(&row), "{row}: {screen:?}");
        assert!(!screen.stdout.contains("estimated"), "{screen:?}");
        let block = &client.run(at, &["now", "--json"], b"").json()["block"];
        assert_eq!(block["start"], "2026-11-20T07:00:00Z", "{block:#}");
        assert_eq!(block["end"], "2026-11-20T12:00:00Z", "{block:#}");
    }
}

/// A response before the reset may show that the window has been reset early, so its end is unknown.
#[test]
fn no_block_is_shown_after_a_response_before_the_reset_that_the_server_stated() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "s");
    client.works("2026-11-20T09:30:00Z", 250_000);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.works("2026-11-20T10:10:00Z", 250_000);
    let at = "2026-11-20T10:20:00Z";
    let screen = client.run(at, &["now"], b"");
    assert!(!screen.success().contains("Block"), "{screen:?}");
    let json = client.run(at, &["now", "--json"], b"").json();
    assert_eq!(json["block"], Value::Null, "{json:#}");
}

#[test]
fn now_does_not_mention_keys_to_a_login_with_a_plan() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "s");
    let screen = client.run("2026-11-20T12:30:00Z", &["now"], b"");
    let windows = "Windows   no current usage data from Claude Code\n";
    assert!(screen.success().contains(windows), "{screen:?}");
}

#[test]
fn gateway_limits_and_model_windows_are_in_the_json_output() {
    let sandbox = Sandbox::new().variable("WHYCAP_NOW", "2026-11-20T18:00:00Z");
    let payload = json!({
        "session_id": "0d3b2f9e-0000-4000-8000-000000000001",
        "cost": {"total_cost_usd": 1, "total_duration_ms": 60_000, "total_api_duration_ms": 900},
        "rate_limits": {
            "five_hour": {"used_percentage": 100, "resets_at": 1_795_203_000},
            "seven_day_opus": {"used_percentage": 80, "resets_at": 1_795_463_400},
            "spend_limit": {
                "used_percentage": 62, "resets_at": 1_795_219_200,
                "used_usd": 31, "limit_usd": 50, "period": "daily",
            },
        },
    });
    sandbox.run_with(&["statusline"], payload.to_string().as_bytes());
    let windows = sandbox.run(&["now", "--json"]).json()["windows"].take();
    assert_eq!(windows["seven_day_opus"]["used_percentage"], 80.0);
    assert_eq!(windows["seven_day_sonnet"], Value::Null);
    assert_eq!(
        windows["spend_limit"],
        json!({
            "used_percentage": 62.0, "resets_at": "2026-11-21T00:00:00Z",
            "used_usd": 31.0, "limit_usd": 50.0, "period": "daily",
        })
    );
    let screen = sandbox.run(&["now"]);
    assert!(
        screen.success().contains("daily spend"),
        "{}",
        screen.stdout
    );
}

#[test]
fn watching_without_a_terminal_is_rejected_in_one_line() {
    let run = Sandbox::new().run(&["now", "--watch"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

/// A running process named `claude` records in its registry file what it is doing.
#[cfg(target_os = "linux")]
#[test]
fn a_session_that_is_receiving_a_response_is_shown_as_busy() {
    let (sandbox, _) = with_history("subagents-and-errors");
    let process = RunningClient::start(&sandbox);
    let session = "322808f8-f952-4fa2-a615-d6d8a2848bd5";
    process.registers(&sandbox, session, "busy");
    let table = sandbox.run(&["spend"]);
    let screen = sandbox.run(&["now"]);
    let now = sandbox.run(&["now", "--json"]).json();
    process.registers(&sandbox, session, "idle");
    let idle = sandbox.run(&["spend"]);
    drop(process);
    assert!(
        table
            .success()
            .contains("1 session is receiving a response."),
        "{}",
        table.stdout
    );
    assert!(!idle.success().contains("in the middle"), "{}", idle.stdout);
    assert!(
        screen.success().contains("Sessions  1 running\n"),
        "{}",
        screen.stdout
    );
    assert!(screen.stdout.contains("/home/dev/p"), "{}", screen.stdout);
    assert_eq!(now["sessions"][0]["state"], "busy");
    let gone = sandbox.run(&["now"]);
    assert!(gone.success().contains("none running"), "{}", gone.stdout);
}

/// The home directory of a process without `HOME` in its environment is unknown.
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_may_belong_to_another_home_is_not_counted() {
    let sandbox = Sandbox::new();
    let client = RunningClient::start_with(&sandbox, |command| {
        command.env_clear();
    });
    let screen = sandbox.run(&["now"]);
    drop(client);
    assert!(
        screen.success().contains("Sessions  none running\n"),
        "{}",
        screen.stdout
    );
}

#[cfg(target_os = "linux")]
fn screen_of_now(client: &Client<'_>) -> String {
    let run = client.run("2026-11-20T10:03:00Z", &["now"], b"");
    run.success().to_owned()
}

/// In a terminal, Claude Code 2.1.331 writes nothing to the transcript while it retries a request.
#[cfg(target_os = "linux")]
#[test]
fn a_session_without_a_response_to_its_prompt_is_waiting() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let process = RunningClient::start(&sandbox);
    process.registers(&sandbox, &client.session, "busy");
    let waiting = screen_of_now(&client);
    assert!(waiting.contains("waiting for a response"), "{waiting}");
    client.receives_response("2026-11-20T10:02:00Z");
    let responding = screen_of_now(&client);
    assert!(responding.contains("responding"), "{responding}");
    client.append(&json!({
        "type": "user", "timestamp": "2026-11-20T10:02:10Z",
        "message": {"role": "user", "content": [{"type": "tool_result", "content": "done"}]},
    }));
    let after_tool = screen_of_now(&client);
    assert!(after_tool.contains("responding"), "{after_tool}");
}

/// The explanation must not contain the same error message twice.
#[test]
fn the_reason_for_unknown_spend_is_shown_once_with_a_remedy() {
    let sandbox = Sandbox::new();
    sandbox.write(
        ".local/share/whycap",
        "a file in the place of the directory",
    );
    let now = sandbox.run(&["now"]);
    let output = now.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = output
        .split("unknown: ")
        .find(|text| text.starts_with("could not"))
        .and_then(|text| text.split(". ").next())
        .unwrap_or(&output);
    let mut clauses: Vec<&str> = reason.split([':', ';']).map(str::trim).collect();
    let clause_count = clauses.len();
    clauses.sort_unstable();
    clauses.dedup();
    assert!(
        clause_count > 1 && clauses.len() == clause_count,
        "{output}"
    );
}

/// Output that may end up in a file or in a bug report must not contain the words of a prompt. The answer to `/whycap`
/// may.
#[test]
#[cfg(target_os = "linux")]
fn the_first_words_of_a_prompt_are_shown_only_to_the_user() {
    const WORDS: &str = "Say hello to nobody";
    let sandbox = Sandbox::new();
    sandbox.write(
        ".config/whycap/config.toml",
        "[budget]\nsession = 5.0\nday = 20.0\n",
    );
    Client::logged_in(&sandbox, "pro", "admin");
    let ids = ["11111111-aaaa", "22222222-bbbb"];
    for session in ids {
        let transcript = format!(".claude/projects/-home-dev-api/{session}.jsonl");
        let prompt = json!({
            "type": "user", "uuid": "u", "sessionId": session, "timestamp": "2026-11-20T06:10:00Z",
            "cwd": "/home/dev/api", "message": {"role": "user", "content": WORDS},
        });
        sandbox.append(&transcript, &prompt.to_string());
    }
    let clients = ids.map(|session| Client::with_session(&sandbox, session));
    clients[0].receives_response("2026-11-20T09:50:00Z");
    clients[1].receives_response("2026-11-20T09:51:00Z");
    let overloaded = json!({"apiErrorStatus": 529});
    clients[1].receives_error(
        "2026-11-20T09:55:00Z",
        "API Error: 529 Overloaded",
        overloaded,
    );
    let text = "You've hit your 5-hour limit \u{b7} resets 12pm (UTC)";
    clients[0].receives_error("2026-11-20T10:00:00Z", text, json!({}));
    let _process = RunningClient::idle(&sandbox, ids[0]);
    let at = "2026-11-20T10:03:00Z";
    let mut with_ids = Vec::new();
    for arguments in [
        &["now"] as &[&str],
        &["explain", "--long"],
        &["incidents"],
        &["wait", "--timeout", "1s"],
        &["doctor"],
        &["spend", "--by", "session"],
    ] {
        let run = clients[0].run(at, arguments, b"");
        let output = format!("{}{}", run.stdout, run.stderr);
        assert!(!output.contains("Say hello"), "{arguments:?}: {output}");
        let command = arguments[0];
        if output.contains("11111111") {
            with_ids.push(command);
        }
        if command == "now" {
            let asks = json!({"prompt": "/whycap now"});
            let answer = clients[0].event(at, "UserPromptSubmit", asks);
            assert!(answer.success().contains("Say hello"), "{answer:?}");
        }
    }
    for command in ["now", "incidents", "spend"] {
        assert!(with_ids.contains(&command), "{command}: {with_ids:?}");
    }
}

/// Simulates sessions of one login that have done some work and are now idle.
#[cfg(target_os = "linux")]
fn idle_sessions(sandbox: &Sandbox, count: u32) -> Vec<RunningClient> {
    let mut processes = Vec::new();
    for minute in 1..=count {
        let session = format!("{minute}-session");
        let client = session_of_login(sandbox, &session);
        client.works(&format!("2026-11-20T09:0{minute}:00Z"), 100_000 * minute);
        let reported = windows(f64::from(10 * minute), NOON, 17.0, TUESDAY);
        client.calls_status_line(&format!("2026-11-20T09:0{minute}:01Z"), reported, 120);
        processes.push(RunningClient::idle(sandbox, &session));
    }
    processes
}

/// Runs `whycap now` in a terminal with 50 columns and 20 rows. Returns `None` if the program `script` is not installed.
#[cfg(target_os = "linux")]
fn now_in_small_terminal(sandbox: &Sandbox, at: &str) -> Option<String> {
    let script = ["/usr/bin/script", "/bin/script"]
        .map(Path::new)
        .into_iter()
        .find(|path| path.exists())?;
    let command_line = format!("{} now", env!("CARGO_BIN_EXE_whycap"));
    let mut command = sandbox.command_of(script, &["-qec", &command_line, "/dev/null"]);
    command
        .env("WHYCAP_NOW", at)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "50")
        .env("LINES", "20");
    Some(Run::of(&mut command, b"").success().to_owned())
}

/// In a terminal with 20 rows, the beginning of a longer screen would scroll out of view.
#[test]
#[cfg(target_os = "linux")]
fn now_fits_into_a_small_terminal_and_lists_the_sessions_once() {
    let sandbox = with_a_private_login();
    let _processes = idle_sessions(&sandbox, 7);
    let at = "2026-11-20T09:10:00Z";
    if let Some(screen) = now_in_small_terminal(&sandbox, at) {
        assert!(screen.lines().count() < 20, "{screen}");
        for part in ["Windows ", "Today ", "Sessions  7 running", "Limit "] {
            assert!(screen.contains(part), "{part}: {screen}");
        }
        assert_eq!(screen.matches(" idle ").count(), 7, "{screen}");
    }

    // A pipe has no height, so nothing is left out.
    let piped = session_of_login(&sandbox, "asks").run(at, &["now"], b"");
    for part in ["1-sessio ", "7-sessio "] {
        assert!(piped.stdout.contains(part), "{part}: {}", piped.stdout);
    }
}

/// No other row says that some of the usage came from elsewhere.
#[test]
#[cfg(target_os = "linux")]
fn now_mentions_usage_elsewhere_in_a_small_terminal() {
    let sandbox = with_a_private_login();
    let _processes = idle_sessions(&sandbox, 7);
    let mut after_pause = session_of_login(&sandbox, "after-pause");
    after_pause.total_cost = 0.0;
    let before = windows(71.0, NOON, 17.0, TUESDAY);
    after_pause.calls_status_line("2026-11-20T09:12:00Z", before, 120);
    after_pause.works("2026-11-20T09:23:00Z", 10);
    let risen = windows(95.0, NOON, 17.0, TUESDAY);
    after_pause.calls_status_line("2026-11-20T09:23:01Z", risen, 120);
    if let Some(screen) = now_in_small_terminal(&sandbox, "2026-11-20T09:24:00Z") {
        assert!(screen.lines().count() < 20, "{screen}");
        let sentence = "5h: up 24% while this machine spent nothing";
        assert!(flat(&screen).contains(sentence), "{screen}");
    }
}

/// A blocked session is idle and often has the lowest cost. However, if not all sessions fit, it is the one that the
/// user must see.
#[test]
#[cfg(target_os = "linux")]
fn now_leaves_out_other_sessions_before_a_blocked_one() {
    let sandbox = with_a_private_login();
    let _processes = idle_sessions(&sandbox, 9);
    let blocked = session_of_login(&sandbox, "blocked-session");
    let _process = RunningClient::idle(&sandbox, "blocked-session");
    let status = json!({"apiErrorStatus": 400, "error": "invalid_request"});
    blocked.receives_error("2026-11-20T09:10:00Z", "Prompt is too long", status);
    if let Some(screen) = now_in_small_terminal(&sandbox, "2026-11-20T09:10:10Z") {
        assert!(screen.lines().count() < 20, "{screen}");
        assert!(screen.contains(" blocked (prompt too long)"), "{screen}");
        let hint = "more (see all: whycap now | more)";
        assert!(flat(&screen).contains(hint), "{screen}");
    }
}

/// Claude Code shows only the end of an answer that does not fit. The note at the end of the answer takes up rows as well.
#[test]
#[cfg(target_os = "linux")]
fn the_answer_to_whycap_now_fits_with_its_note() {
    let sandbox = with_a_private_login();
    let _processes = idle_sessions(&sandbox, 9);
    let answer = answer_in_a_terminal_with(&sandbox, 34, "/whycap now");
    assert!(answer.contains("Because you ran /whycap"), "{answer}");
    let hint = "more (see all in a shell: whycap now | more)";
    assert!(answer.contains(hint), "{answer}");
    // Claude Code uses 14 of the 34 rows.
    assert!(answer.lines().count() <= 20, "{answer}");
}

/// Returns the answer to a prompt that cancels the session's auto-resume.
#[cfg(target_os = "linux")]
fn answer_in_a_terminal_with(sandbox: &Sandbox, rows: usize, prompt: &str) -> String {
    let mut client = session_of_login(sandbox, "blocked-session");
    for (name, value) in [
        ("CLAUDE_CODE_ENTRYPOINT", "cli"),
        ("LINES", &rows.to_string()),
        ("COLUMNS", "80"),
    ] {
        client.variables.push((name.to_owned(), value.to_owned()));
    }
    let _process = RunningClient::idle(sandbox, "blocked-session");
    let text = "You've hit your 5-hour limit \u{b7} resets 12pm (UTC)";
    client.receives_error("2026-11-20T10:00:00Z", text, json!({}));
    let asks = json!({ "prompt": prompt });
    let run = client.event("2026-11-20T10:01:00Z", "UserPromptSubmit", asks);
    run.json()["reason"].as_str().unwrap().to_owned()
}

/// A session was resumed in a second terminal while the first one was still open. `now` listed it twice, with two
/// states.
#[test]
#[cfg(target_os = "linux")]
fn a_session_in_two_terminals_is_listed_once_with_its_newer_state() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "shared");
    let [first, second] = [(); 2].map(|()| RunningClient::start(&sandbox));
    let started_at: i64 = 1_795_168_000_000;
    for (newer, older) in [(&first, &second), (&second, &first)] {
        older.registers_since(&sandbox, "shared", "idle", started_at);
        newer.registers_since(&sandbox, "shared", "busy", started_at + 60_000);
        let at = "2026-11-20T10:00:00Z";
        let now = client.run(at, &["now", "--json"], b"").json();
        let sessions = now["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 1, "{now:#}");
        assert_eq!(sessions[0]["state"], "busy", "{now:#}");
        let shown = flat(client.run(at, &["now"], b"").success());
        assert!(shown.contains("Sessions 1 running"), "{shown}");
    }
}

/// A session was open in two terminals. One of them waited for a permission, but `now` showed only the state of the
/// other one, which was idle and newer.
#[test]
#[cfg(target_os = "linux")]
fn a_session_in_two_terminals_is_waiting_if_one_of_them_is() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "shared");
    let [first, second] = [(); 2].map(|()| RunningClient::start(&sandbox));
    let started_at: i64 = 1_795_168_000_000;
    for (newer, older) in [(&first, &second), (&second, &first)] {
        older.registers_since(&sandbox, "shared", "waiting", started_at);
        newer.registers_since(&sandbox, "shared", "idle", started_at + 60_000);
        let shown = flat(client.run("2026-11-20T10:00:00Z", &["now"], b"").success());
        assert!(shown.contains("waiting for you"), "{shown}");
        assert!(shown.contains("Sessions 1 running"), "{shown}");
    }
}

/// A session received two responses within five minutes that reported the same figures. When Claude Code called the status
/// line of the idle session again, the old figures were stored with the time of that call. `now` said "reported just now",
/// and `explain` said "1 m before the error".
#[test]
fn unchanged_figures_are_dated_to_the_response_that_reported_them() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "works");
    let usage = || windows(42.0, NOON, 17.0, TUESDAY);
    for minute in ["10:00", "10:01"] {
        client.sends_prompt(&format!("2026-11-20T{minute}:00Z"), "go on");
        client.api_ms += 300;
        client.receives_response(&format!("2026-11-20T{minute}:05Z"));
        client.calls_status_line(&format!("2026-11-20T{minute}:06Z"), usage(), 120);
    }
    client.calls_status_line("2026-11-20T10:06:00Z", usage(), 120);
    let now = client.run("2026-11-20T10:06:10Z", &["now"], b"");
    assert!(now.success().contains("reported up to 5 m ago"), "{now:?}");
    let stopped = session_of_login(&sandbox, "stopped");
    let text = "You've hit your 5-hour limit \u{b7} resets 12pm (UTC)";
    stopped.receives_error("2026-11-20T10:07:05Z", text, json!({}));
    let explained = stopped.run("2026-11-20T10:07:20Z", &["explain"], b"");
    let explained = explained.success();
    assert!(explained.contains("6 m before the error"), "{explained}");
}
