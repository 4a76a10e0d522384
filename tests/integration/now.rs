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
use crate::situation::{NOON, TUESDAY, session_of_login, with_a_private_login};
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
            let group = groups
                .iter()
                .find(|group| group["key"] == day)
                .unwrap();
            near(&group["cost_usd"], &Value::from(cost));
        }
    }
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

/// `now` said that API keys have no usage windows, but two rows below, it said when the "estimated 5-hour window" ends.
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

#[test]
fn now_does_not_mention_keys_to_a_login_with_a_plan() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "s");
    let screen = client.run("2026-11-20T12:30:00Z", &["now"], b"");
    let windows = "Windows   no current usage data from Claude Code\n";
    assert!(screen.success().contains(windows), "{screen:?}");
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

/// The explanation must not contain the same error message twice.
#[test]
fn the_reason_for_unknown_spend_is_shown_once_with_a_remedy() {
    let sandbox = Sandbox::new();
    sandbox.write(
        ".local/share/whycap",
        "a file in the place of the directory",
    );
    let now = sandbox.run(&["now"]);
    let output = now
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
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
        assert!(screen.contains("blocked: conversation"), "{screen}");
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
        client
            .variables
            .push((name.to_owned(), value.to_owned()));
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
        let shown = flat(
            client
                .run("2026-11-20T10:00:00Z", &["now"], b"")
                .success(),
        );
        assert!(shown.contains("waiting for you"), "{shown}");
        assert!(shown.contains("Sessions 1 running"), "{shown}");
    }
}
