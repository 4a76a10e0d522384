//! Tests that all commands and screens give the same answer about a limit.

use crate::client::{Client, windows};

use crate::support::Sandbox;

use serde_json::{Value, json};

pub const AT: &str = "2026-11-20T10:00:00Z";

pub const SOON: &str = "2026-11-20T10:00:02Z";

pub const NOON: i64 = 1_795_176_000; // 2026-11-20T12:00:00Z

pub const TUESDAY: i64 = 1_795_500_000; // 2026-11-24T06:00:00Z

pub const FIVE_HOUR: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";

pub const WEEKLY: &str = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";

pub const OVERLOADED: &str = "API Error: 529 Overloaded.";

/// The note that Claude Code adds for the model in the grace window.
pub const GRACE_WINDOW: &str = "[Usage limit reached \u{2014} grace window active. Wrap up: finish or checkpoint; don't start subagents or long work.]";

/// The notice that Claude Code shows when it continues for free at lower priority.
pub const AT_LOWER_PRIORITY: &str = "Continuing now at lower priority until your limit resets at 12pm. Your weekly limit still applies.";

pub fn refused(by: &str, resets_at: i64, no_credits: &str) -> Value {
    json!({"apiError": "usage_limit_reached", "quotaLimits": {
        "status": "rejected", "rateLimitType": by, "resetsAt": resets_at,
        "overageStatus": "rejected", "overageDisabledReason": no_credits,
    }})
}

/// Creates a sandbox in which a personal Max account is logged in.
pub fn with_a_private_login() -> Sandbox {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    sandbox
}

pub fn belongs_to(client: &Client<'_>, account: &str, organization: &str) {
    client.append(
        &json!({"type": "session-owner", "sessionId": client.session,
        "accountUuid": account, "organizationUuid": organization}),
    );
}

pub const PRIVATE: &str = "11111111-1111-1111-1111-111111111111";

/// Creates a session that belongs to the logged-in account according to its transcript.
pub fn session_of_login<'s>(sandbox: &'s Sandbox, name: &str) -> Client<'s> {
    let client = Client::with_session(sandbox, name);
    belongs_to(&client, PRIVATE, "private-organization");
    client
}

/// Creates two sessions that belong to the logged-in account: one that will be stopped, and another one.
pub fn two_sessions_of_login(sandbox: &Sandbox) -> [Client<'_>; 2] {
    ["stopped", "other"].map(|name| session_of_login(sandbox, name))
}

/// Starts a session whose environment contains a token. The token may belong to a different account than the login.
pub fn session_with_token<'s>(sandbox: &'s Sandbox, name: &str) -> Client<'s> {
    let mut client = Client::with_session(sandbox, name);
    client
        .variables
        .push(("CLAUDE_CODE_OAUTH_TOKEN".to_owned(), "hidden".to_owned()));
    client
}

/// Simulates a request whose key has no credits.
pub fn receives_balance_error(client: &Client<'_>, at: &str) {
    let balance = json!({"apiErrorStatus": 400, "error": "billing_error"});
    client.receives_error(at, "Credit balance is too low", balance);
}

/// Simulates a request that fails because the service is overloaded.
pub fn receives_overload_error(client: &Client<'_>, at: &str) {
    client.receives_error(at, OVERLOADED, json!({"apiErrorStatus": 529}));
}

/// Stops a session at its 5-hour limit, which resets at noon. Two seconds later, its status-line call reports the full
/// window.
pub fn reaches_five_hour_limit(client: &Client<'_>) {
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
}

#[test]
fn only_a_session_that_names_the_login_is_attributed_to_it() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_error(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    assert_eq!(client.explained(SOON)["owner"], Value::Null);
    let of_login = session_of_login(&sandbox, "own");
    of_login.receives_error("2026-11-20T10:00:01Z", FIVE_HOUR, json!({}));
    assert_eq!(of_login.explained(SOON)["owner"], "login");
}

const LATER: &str = "2026-11-20T10:11:00Z";

/// Collapses all whitespace in a text into single spaces.
pub fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn report_usage(client: &Client<'_>, at: &str, percent: f64, resets: i64) {
    client.calls_status_line(at, windows(percent, resets, 40.0, TUESDAY), 120);
}

/// Creates a session whose 5-hour limit is used up. The session writes this line at 10:00 and receives a response at
/// 10:20. Returns true if `now` says that usage credits pay for the response.
fn pays_after_line(append: impl Fn(&Client<'_>)) -> bool {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    report_usage(&client, "2026-11-20T09:58:00Z", 100.0, NOON);
    client.sends_prompt("2026-11-20T09:59:00Z", "go on");
    append(&client);
    client.works("2026-11-20T10:20:00Z", 300_000);
    let now = client.run("2026-11-20T10:21:00Z", &["now", "--json"], b"");
    now.json()["paying"].is_object()
}

/// The dialog about the limit writes its result to the transcript as if the user had entered it.
#[test]
fn lower_priority_mode_may_start_in_a_dialog() {
    let pays = pays_after_line(|client| {
        let output = format!("<local-command-stdout>{AT_LOWER_PRIORITY}</local-command-stdout>");
        client.sends_prompt(AT, &output);
    });
    assert!(!pays);
}

/// If a prompt quoted a notice of Claude Code, whycap mistook the quotation for the notice itself. It then said nothing
/// about paying, or said at lower priority that the user was paying.
#[test]
fn a_pasted_notice_neither_starts_nor_ends_free_responses() {
    for notice in [AT_LOWER_PRIORITY, GRACE_WINDOW] {
        assert!(
            pays_after_line(|client| client.sends_prompt(AT, notice)),
            "{notice}"
        );
    }
    let pays = pays_after_line(|client| {
        client.announces(AT, AT_LOWER_PRIORITY);
        let end = "What does \"Lower-priority mode is off\" mean?";
        client.sends_prompt("2026-11-20T10:05:00Z", end);
    });
    assert!(!pays);
}

/// `/clear` ends lower-priority mode without a message.
#[test]
fn responses_after_clear_are_paid() {
    let sandbox = with_a_private_login();
    let cleared = session_of_login(&sandbox, "cleared");
    report_usage(&cleared, "2026-11-20T09:58:00Z", 100.0, NOON);
    cleared.announces(AT, AT_LOWER_PRIORITY);
    cleared.works("2026-11-20T10:01:00Z", 100_000);
    let client = session_of_login(&sandbox, "new");
    client.works("2026-11-20T10:10:00Z", 150_000);
    let at = "2026-11-20T10:11:00Z";
    report_usage(&client, at, 100.0, NOON);
    let now = client.run(at, &["now", "--json"], b"").json();
    assert_eq!(now["paying"]["since"], "2026-11-20T10:10:00Z", "{now}");
}

#[test]
fn an_abandoned_conversation_does_not_hide_the_weekly_limit() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let text = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    client.receives_error(AT, text, refused("seven_day", TUESDAY, "out_of_credits"));
    let left = Client::with_session(&sandbox, "left");
    let more = json!({"error": "invalid_request", "apiErrorStatus": 400});
    left.receives_error("2026-11-20T10:05:00Z", "Prompt is too long", more);
    for at in ["2026-11-20T10:06:00Z", "2026-11-21T10:06:00Z"] {
        assert_eq!(client.explained(at)["limit"], "weekly");
    }
    let at = "2026-11-21T10:06:00Z";
    let waited = client.run(at, &["wait", "--timeout", "1s"], b"");
    assert_eq!((waited.code, waited.stderr.is_empty()), (124, false));
}

/// An outage that was recorded while the clock was weeks ahead must not block anything today.
#[test]
fn an_outage_recorded_with_a_wrong_clock_does_not_block() {
    let sandbox = with_a_private_login();
    let lost = Client::with_session(&sandbox, "lost");
    let overloaded = json!({"apiErrorStatus": 529});
    lost.receives_error(
        "2026-12-18T10:00:00Z",
        "API Error: 529 Overloaded",
        overloaded,
    );
    let run = lost.run(AT, &["explain", "--exit-code"], b"");
    assert_eq!(run.code, 0, "{run:?}");
    let waited = lost.run(AT, &["wait", "--timeout", "1s"], b"");
    assert_eq!(waited.code, 0, "{}", waited.stderr);
    // The new error takes precedence over the outage, even though the outage has a later timestamp.
    let client = Client::new(&sandbox);
    client.receives_error(
        AT,
        "API Error: 529 Overloaded",
        json!({"apiErrorStatus": 529}),
    );
    client.receives_response("2026-11-20T10:10:00Z");
    assert_eq!(client.explained(LATER)["at"], AT);
}

#[test]
fn a_daily_quota_lasts_a_day() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let daily = "API Error: 429 Too many tokens per day, please wait before trying again.";
    client.receives_error("2026-11-20T08:00:00Z", daily, json!({}));
    for (at, code) in [
        ("2026-11-20T08:31:00Z", 10),
        ("2026-11-20T18:00:00Z", 10),
        ("2026-11-21T08:01:00Z", 0),
    ] {
        let run = client.run(at, &["explain", "--exit-code"], b"");
        assert_eq!(run.code, code, "at {at}");
    }
}

/// Adds this many seconds to a time.
pub fn after(at: &str, seconds: i64) -> String {
    let at: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
    let later = at + chrono::TimeDelta::seconds(seconds);
    later.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
