//! Simulates what Claude Code does when an error occurs: it writes the transcript, runs the hook, and shows the status
//! line.

use crate::support::{Run, Sandbox};
use serde_json::{Value, json};
use std::borrow::Borrow;
use std::path::PathBuf;

/// A Claude Code session in a sandbox.
pub struct Client<'a> {
    pub sandbox: &'a Sandbox,
    pub session: String,
    pub version: String,
    pub model: String,
    /// The client's total API time in milliseconds, which increases with every response.
    pub api_ms: u32,
    /// The running total that the client passes to the status line, in dollars.
    pub total_cost: f64,
    /// Environment variables that the client passes on to the hook and the status line.
    pub variables: Vec<(String, String)>,
}

impl<'a> Client<'a> {
    pub fn new(sandbox: &'a Sandbox) -> Self {
        Self::with_session(sandbox, "5a7d3c1e-0000-4000-a000-00000000c0de")
    }

    pub fn with_session(sandbox: &'a Sandbox, session: &str) -> Self {
        let client = Self {
            sandbox,
            session: session.to_owned(),
            version: "2.1.328".to_owned(),
            model: "claude-opus-5-5".to_owned(),
            api_ms: 900,
            total_cost: 0.5,
            variables: vec![("CLAUDECODE".to_owned(), "1".to_owned())],
        };
        client.append(&json!({
            "type": "user", "uuid": "u0", "sessionId": session, "timestamp": "2026-11-20T06:20:00Z",
            "message": {"role": "user", "content": "hi"},
        }));
        client
    }

    /// Logs in to an account with this plan and role.
    pub fn logged_in(sandbox: &Sandbox, plan: &str, role: &str) {
        let state = json!({"oauthAccount": {
            "accountUuid": "11111111-1111-1111-1111-111111111111",
            "organizationUuid": "private-organization",
            "emailAddress": "dev@example.com",
            "organizationName": "Example Ltd",
            "organizationType": format!("claude_{plan}"),
            "organizationRole": role,
        }});
        sandbox.write(".claude.json", state.to_string());
    }

    fn transcript_name(&self) -> String {
        format!(".claude/projects/-home-dev-api/{}.jsonl", self.session)
    }

    pub fn transcript(&self) -> PathBuf {
        self.sandbox.path(&self.transcript_name())
    }

    /// Appends a line to the transcript.
    pub fn append(&self, line: &Value) {
        self.sandbox
            .append(&self.transcript_name(), &line.to_string());
    }

    /// Builds an error line in the client's format, with additional fields from `more`.
    pub fn error_line(&self, at: &str, text: &str, more: impl Borrow<Value>) -> Value {
        let mut line = json!({
            "type": "assistant", "uuid": format!("e-{at}"), "timestamp": at,
            "sessionId": self.session, "version": self.version,
            "error": "rate_limit", "isApiErrorMessage": true, "apiErrorStatus": 429,
            "message": {"model": "<synthetic>", "role": "assistant",
                        "content": [{"type": "text", "text": text}]},
        });
        for (key, value) in more
            .borrow()
            .as_object()
            .cloned()
            .unwrap_or_default()
        {
            line[key] = value;
        }
        line
    }

    /// Appends a prompt that the user has just typed.
    pub fn sends_prompt(&self, at: &str, text: &str) {
        self.append(&self.prompt_line(at, "typed", text));
    }

    /// Returns the line of a prompt. `source` is where the prompt comes from, such as `typed` or `queued`.
    pub fn prompt_line(&self, at: &str, source: &str, text: &str) -> Value {
        json!({
            "type": "user", "uuid": format!("u-{at}"), "sessionId": self.session, "timestamp": at,
            "promptSource": source, "message": {"role": "user", "content": text},
        })
    }

    /// Appends a response.
    pub fn receives_response(&self, at: &str) {
        self.append(&json!({
            "type": "assistant", "uuid": format!("a-{at}"), "timestamp": at,
            "sessionId": self.session, "version": self.version,
            "message": {"id": format!("msg-{at}"), "model": self.model, "role": "assistant",
                        "content": [{"type": "text", "text": "fine"}],
                        "usage": {"input_tokens": 1, "output_tokens": 1}},
        }));
    }

    /// Simulates an error the way the real client reports it: it writes the transcript lines first and then runs the
    /// hook.
    pub fn receives_error(&self, at: &str, text: &str, more: impl Borrow<Value>) -> Run {
        let line = self.error_line(at, text, more);
        self.append(&line);
        if self.waits_after(&line, text) {
            self.announces(at, "Usage limit reached · set to continue automatically");
        }
        self.stop_failure(at, text)
    }

    /// Appends a notice about the auto-resume, as clients have done since 2.1.328.
    pub fn announces(&self, at: &str, notice: &str) {
        self.append(&json!({
            "type": "system", "subtype": "informational", "level": "notice", "timestamp": at,
            "sessionId": self.session, "version": self.version, "content": notice,
        }));
    }

    /// Returns true if the client resumes automatically after this error, assuming that the session has not been
    /// refused in this window before.
    fn waits_after(&self, line: &Value, text: &str) -> bool {
        let settings = std::fs::read_to_string(self.sandbox.path(".claude/settings.json"));
        let is_off = settings
            .is_ok_and(|settings| settings.contains(r#""autoContinueAtUsageLimit": false"#));
        let is_window =
            line["quotaLimits"]["rateLimitType"] == "five_hour" || text.contains("5-hour limit");
        let is_in_terminal = line["entrypoint"].is_null() || line["entrypoint"] == "cli";
        is_window && is_in_terminal && !is_off
    }

    /// Runs the hook for an error.
    pub fn stop_failure(&self, at: &str, text: &str) -> Run {
        self.event(
            at,
            "StopFailure",
            json!({"error": "rate_limit", "last_assistant_message": text}),
        )
    }

    /// Runs the hook for an event.
    pub fn event(&self, at: &str, name: &str, more: impl Borrow<Value>) -> Run {
        let mut event = json!({
            "session_id": self.session, "transcript_path": self.transcript(),
            "cwd": "/home/dev/api", "hook_event_name": name,
        });
        for (key, value) in more
            .borrow()
            .as_object()
            .cloned()
            .unwrap_or_default()
        {
            event[key] = value;
        }
        self.run(at, &["hook"], event.to_string().as_bytes())
    }

    /// Runs the status line with `windows` as the client's `rate_limits`.
    pub fn calls_status_line(&self, at: &str, windows: Value, columns: usize) -> Run {
        let mut input = json!({
            "session_id": self.session, "transcript_path": self.transcript(),
            "version": self.version, "cwd": "/home/dev/api",
            "model": {"id": self.model, "display_name": "Opus 5.5"},
            "cost": {"total_cost_usd": self.total_cost, "total_api_duration_ms": self.api_ms},
        });
        if !windows.is_null() {
            input["rate_limits"] = windows;
        }
        let mut variables = self.variables.clone();
        variables.push(("COLUMNS".to_owned(), columns.to_string()));
        run(
            self.sandbox,
            at,
            &["statusline"],
            input.to_string().as_bytes(),
            &variables,
        )
    }

    /// Reports a window with this usage. One minute later, the limit stops the session. One hour after that, the
    /// session continues.
    pub fn is_stopped_for_an_hour(&self, five_hour: f64) {
        self.calls_status_line(
            "2026-11-19T09:59:00Z",
            windows(five_hour, 1_795_089_600, 22.0, 1_795_400_000),
            120,
        );
        self.receives_error(
            "2026-11-19T10:00:00Z",
            "You've hit your 5-hour limit · resets 12pm (UTC)",
            json!({}),
        );
        self.receives_response("2026-11-19T11:00:00Z");
    }

    /// Appends a response with this many input tokens, so that the ledger contains its cost.
    pub fn works(&self, at: &str, tokens: u32) {
        self.append(&self.response_line(at, tokens));
    }

    /// Returns the transcript line of a response with this many input tokens.
    pub fn response_line(&self, at: &str, tokens: u32) -> Value {
        json!({
            "type": "assistant", "uuid": format!("a-{at}"), "timestamp": at, "requestId": format!("req-{at}"),
            "sessionId": self.session, "version": self.version,
            "message": {"id": format!("msg-{at}"), "model": "claude-opus-5-5", "role": "assistant",
                        "content": [{"type": "text", "text": "fine"}],
                        "usage": {"input_tokens": tokens, "output_tokens": 1}},
        })
    }

    /// Runs whycap at the given time in the client's environment.
    pub fn run(&self, at: &str, arguments: &[&str], stdin: &[u8]) -> Run {
        run(self.sandbox, at, arguments, stdin, &self.variables)
    }

    /// Returns the incident according to `explain --json`, or null if there is none.
    pub fn explained(&self, at: &str) -> Value {
        self.run(at, &["explain", "--json"], b"").json()["incident"].clone()
    }
}

/// Builds the client's `rate_limits` from the usage of the two windows and their reset times in Unix seconds.
pub fn windows(five_hour: f64, five_resets: i64, weekly: f64, weekly_resets: i64) -> Value {
    json!({
        "five_hour": {"used_percentage": five_hour, "resets_at": five_resets},
        "seven_day": {"used_percentage": weekly, "resets_at": weekly_resets},
    })
}

/// Runs whycap at the given time with additional environment variables.
pub fn run(
    sandbox: &Sandbox,
    at: &str,
    arguments: &[&str],
    stdin: &[u8],
    variables: &[(String, String)],
) -> Run {
    let mut command = sandbox.command(arguments);
    command
        .env("WHYCAP_NOW", at)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    Run::of(&mut command, stdin)
}

/// Formats a Unix timestamp in seconds as RFC 3339.
pub fn rfc3339(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .expect("a date")
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
