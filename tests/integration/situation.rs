//! Tests that all commands and screens give the same answer about a limit.

use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use crate::client::plain_rows;
use crate::client::{Client, run, windows};
#[cfg(target_os = "linux")]
use crate::now::RunningClient;
use crate::support::Sandbox;

pub const AT: &str = "2026-11-20T10:00:00Z";
pub const SOON: &str = "2026-11-20T10:00:02Z";
pub const NOON: i64 = 1_795_176_000; // 2026-11-20T12:00:00Z
pub const TUESDAY: i64 = 1_795_500_000; // 2026-11-24T06:00:00Z
pub const FIVE_HOUR: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";
pub const WEEKLY: &str = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
pub const ORG: &str = "You've hit your org's monthly spend limit · ask your admin to raise it at https://claude.ai/admin-settings/usage";
pub const OVERLOADED: &str = "API Error: 529 Overloaded.";
pub const OUT_OF_CREDITS: &str = "You're out of usage credits · resets Nov 24, 6am (UTC)";
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

/// Stores `page` in `.claude.json`, as Claude Code does when `/usage` shows new figures.
pub fn store_usage_page(sandbox: &Sandbox, page: &Value) {
    let mut state: Value = serde_json::from_str(&sandbox.read(".claude.json")).unwrap();
    state["cachedUsageUtilization"] = page.clone();
    sandbox.write(".claude.json", state.to_string());
}

/// Stores the server's reason for not accepting usage credits, as Claude Code does with every response. Claude Code
/// stores null if the server gives no reason.
pub fn stores_credits_reason(sandbox: &Sandbox, reason: &Value) {
    let mut state: Value = serde_json::from_str(&sandbox.read(".claude.json")).unwrap();
    state["cachedExtraUsageDisabledReason"] = reason.clone();
    sandbox.write(".claude.json", state.to_string());
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

/// The sessions use a proxy that is set only in their environment. `wait --session` and `explain --session` used to say
/// that a session without an error was not blocked, while its status line and `/whycap` named the limit.
#[test]
fn a_limit_of_the_account_is_known_in_a_shell_without_the_proxy_of_the_sessions() {
    let sandbox = with_a_private_login();
    let [mut stopped, mut idle] = two_sessions_of_login(&sandbox);
    for client in [&mut stopped, &mut idle] {
        let proxy = "http://127.0.0.1:8080".to_owned();
        client
            .variables
            .push(("ANTHROPIC_BASE_URL".to_owned(), proxy));
    }
    idle.sends_prompt("2026-11-20T09:57:00Z", "continue");
    idle.works("2026-11-20T09:58:00Z", 10);
    let room = windows(97.0, NOON, 40.0, TUESDAY);
    idle.calls_status_line("2026-11-20T09:58:10Z", room, 120);
    reaches_five_hour_limit(&stopped);
    let at = "2026-11-20T10:00:30Z";
    let arguments = ["explain", "--session", &idle.session];
    let explained = run(&sandbox, at, &arguments, b"", &[]);
    assert!(
        flat(explained.success()).contains("5-hour limit is used up"),
        "{}",
        explained.stdout
    );
    let arguments = ["explain", "--exit-code", "--session", &idle.session];
    let code = run(&sandbox, at, &arguments, b"", &[]).code;
    let arguments = ["wait", "--timeout", "1s", "--session", &idle.session];
    let waited = run(&sandbox, at, &arguments, b"", &[]);
    assert_eq!((code, waited.code), (10, 124), "{waited:?}");
    assert!(waited.stderr.contains("limit still applied"), "{waited:?}");
}

#[test]
fn a_company_session_is_not_diagnosed_with_the_private_login() {
    let sandbox = with_a_private_login();
    let private = session_of_login(&sandbox, "private");
    let seat = Client::with_session(&sandbox, "seat");
    belongs_to(&seat, "company-account", "company-organization");
    private.calls_status_line(
        "2026-11-20T09:59:30Z",
        windows(8.0, NOON, 4.0, TUESDAY),
        120,
    );
    seat.receives_error(AT, ORG, json!({}));
    let incident = seat.explained(SOON);
    assert_eq!(incident["owner"], "other", "{incident:#}");
    assert_eq!(incident["limit"], "org_spend_cap", "{incident:#}");
    assert_eq!(incident["verdict"], "real", "{incident:#}");
    let facts = incident["evidence"].to_string();
    assert!(
        facts.contains("a different account than the one you are logged in to"),
        "{facts}"
    );
    assert!(!facts.contains("8%"), "{facts}");
    let actions = incident["actions"].to_string();
    assert!(
        actions.contains(
            "Or start a new session, which will use the account you are logged in to now"
        ),
        "{actions}"
    );
    // The status line shows the usage of the session's own account, regardless of the terminal.
    seat.calls_status_line(
        "2026-11-20T10:00:03Z",
        windows(64.0, NOON, 30.0, TUESDAY),
        120,
    );
    let status_line = private.calls_status_line(
        "2026-11-20T10:01:00Z",
        windows(8.0, NOON, 4.0, TUESDAY),
        120,
    );
    assert!(status_line.success().contains("8%"), "{status_line:?}");
    let screen = private.run("2026-11-20T10:01:00Z", &["now"], b"").stdout;
    assert!(
        flat(&screen).contains(
            "for the account you are logged in to (the limit applies to a different account)"
        ),
        "{screen}"
    );
    assert_eq!(five_hour_usage(&private, "2026-11-20T10:01:00Z"), 8.0);
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

/// Reports these usage windows. One minute later, a request is refused because the credits are used up. `renewed_at` is the
/// time at which the server says that they are renewed.
fn runs_out_of_credits(client: &Client<'_>, reported: Value, text: &str, renewed_at: i64) {
    client.calls_status_line("2026-11-20T09:59:00Z", reported, 120);
    let refusal = refused("overage", renewed_at, "out_of_credits");
    client.receives_error(AT, text, refusal);
}

/// If neither of the plan's windows is full, the user need not wait for the weekly reset, even though the credit pool
/// is refilled only then.
#[test]
fn out_of_credits_with_room_in_both_windows_has_no_weekly_reset() {
    for (five_hour, weekly) in [(42.0, 17.0), (3.0, 5.0)] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        let reported = windows(five_hour, NOON, weekly, TUESDAY);
        runs_out_of_credits(&client, reported.clone(), OUT_OF_CREDITS, TUESDAY);
        // By this time, Claude Code would have reported newer figures.
        let at = "2026-11-20T10:00:03Z";
        let incident = client.explained(at);
        assert_eq!(incident["verdict"], "false_likely", "{incident:#}");
        let headline = incident["headline"].as_str().unwrap();
        assert!(headline.contains(&format!("{five_hour}%")), "{headline}");
        assert!(!headline.contains("24"), "{headline}");
        let waits = client.run(at, &["wait", "--timeout", "1s"], b"");
        assert_eq!(waits.code, 124, "{}", waits.stderr);
        assert!(waits.stderr.contains("timed out"), "{}", waits.stderr);
        let later = "2026-11-20T10:03:00Z";
        assert_eq!(
            client.run(later, &["wait"], b"").code,
            0,
            "a few minutes, not days"
        );
        let mut wide = Client::with_session(&sandbox, "wide");
        wide.model = "claude-opus-5-5[1m]".to_owned();
        runs_out_of_credits(&wide, reported, OUT_OF_CREDITS, TUESDAY);
        let incident = wide
            .run(at, &["explain", "--json", "--session", "wide"], b"")
            .json();
        let headline = incident["incident"]["headline"].as_str().unwrap();
        assert!(headline.contains("without [1m]"), "{headline}");
    }
}

/// A user was told to wait until the credits were renewed in a few days, although the 5-hour window reset much earlier.
#[test]
fn out_of_credits_with_a_full_window_lasts_until_that_window_resets() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let full = windows(100.0, NOON, 17.0, TUESDAY);
    runs_out_of_credits(&client, full.clone(), OUT_OF_CREDITS, TUESDAY);
    client.calls_status_line("2026-11-20T10:00:01Z", full.clone(), 120);
    let at = "2026-11-20T10:00:20Z";
    let row = client.calls_status_line(at, full, 120).success().to_owned();
    let mut outputs = vec![row];
    for command in ["explain", "now"] {
        outputs.push(flat(client.run(at, &[command], b"").success()));
    }
    outputs.push(answer(&client, at));
    for output in outputs {
        assert!(output.contains("12:00"), "{output}");
        for days in ["until Tue", "on Tue", "left · resets Tue"] {
            assert!(!output.contains(days), "{output}");
        }
    }
    let incident = client.explained(at);
    assert_eq!(incident["resets_at"], "2026-11-20T12:00:00Z", "{incident}");
    assert!(incident["continues_at"].is_null(), "{incident}");
    let later = "2026-11-20T12:00:10Z";
    let run = client.run(later, &["explain", "--exit-code"], b"");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.stdout.contains("until Tue"), "{run:?}");
    let wait = client.run(later, &["wait", "--timeout", "1s"], b"");
    assert_eq!(wait.code, 0, "{wait:?}");
}

/// Claude Code waits for the time that the server stated, even if the full window resets earlier.
#[test]
fn a_session_continues_when_the_credits_are_renewed() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let full = windows(100.0, NOON, 17.0, TUESDAY);
    let text = "You're out of usage credits · resets Nov 21, 6am (UTC)";
    let saturday = 1_795_240_800; // 2026-11-21T06:00:00Z
    runs_out_of_credits(&client, full, text, saturday);
    for (is_announced, continues_at) in
        [(false, Value::Null), (true, json!("2026-11-21T06:01:30Z"))]
    {
        if is_announced {
            client.announces(AT, "Usage limit reached · set to continue automatically");
        }
        let incident = client.explained("2026-11-20T10:00:03Z");
        assert_eq!(incident["resets_at"], "2026-11-20T12:00:00Z", "{incident}");
        assert_eq!(incident["continues_at"], continues_at, "{incident}");
    }
}

/// The reset of a full window does not help if the credits are renewed earlier or are needed anyway.
#[test]
fn out_of_credits_lasts_until_the_renewal_if_that_is_earlier_or_credits_are_needed_anyway() {
    let renewed_at_noon = "You're out of usage credits · resets 12pm (UTC)";
    for (model, text, renewed_at, reported, expected) in [
        (
            "claude-opus-4-8",
            renewed_at_noon,
            NOON,
            windows(35.0, NOON, 100.0, TUESDAY),
            "2026-11-20T12:00:00Z",
        ),
        (
            "claude-opus-5-5[1m]",
            OUT_OF_CREDITS,
            TUESDAY,
            windows(100.0, NOON, 17.0, TUESDAY),
            "2026-11-24T06:00:00Z",
        ),
    ] {
        let sandbox = with_a_private_login();
        let mut client = Client::new(&sandbox);
        client.model = model.to_owned();
        runs_out_of_credits(&client, reported, text, renewed_at);
        let incident = client.explained("2026-11-20T10:00:03Z");
        assert_eq!(incident["resets_at"], expected, "{incident}");
    }
}

/// Once a limit is over, no output may tell the user what to do about it.
#[test]
fn every_output_uses_the_past_tense_after_recovery() {
    for (text, more) in [
        (
            "Credit balance is too low",
            json!({"error": "billing_error", "apiErrorStatus": 400}),
        ),
        ("API Error: 529 Overloaded", json!({"apiErrorStatus": 529})),
        ("API Error: Request rejected (429) · slow down", json!({})),
        (ORG, json!({})),
        (FIVE_HOUR, refused("five_hour", NOON, "out_of_credits")),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.calls_status_line(
            "2026-11-20T09:59:00Z",
            windows(42.0, NOON, 17.0, TUESDAY),
            120,
        );
        client.receives_error(AT, text, more);
        client.receives_response("2026-11-20T10:10:00Z");
        let incident = client.explained("2026-11-20T10:11:00Z");
        let actions = incident["actions"].as_array().unwrap();
        let ended = [
            "You can continue now; this limit no longer applies",
            "You can continue now; this problem has passed",
            "You can continue now; this was probably a false alarm",
        ];
        assert!(
            ended.contains(&actions[0]["do"].as_str().unwrap()),
            "{actions:#?}"
        );
        assert!(
            actions.iter().all(|action| action["costs_money"] == false),
            "{actions:#?}"
        );
        let headline = incident["headline"].as_str().unwrap();
        assert!(
            headline.ends_with(" Claude Code responded at 10:10."),
            "{headline}"
        );
        for present in [" is ", " are ", "looks"] {
            assert!(!headline.contains(present), "{headline}");
        }
    }
}

/// A response in one session ends the limit for all sessions of the account.
#[test]
fn no_session_says_used_up_after_a_response_in_another() {
    let sandbox = with_a_private_login();
    let [stopped, works] = ["stopped", "works"].map(|id| Client::with_session(&sandbox, id));
    stopped.receives_error(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    stopped.calls_status_line(
        "2026-11-20T10:00:01Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    works.receives_response("2026-11-20T10:00:20Z");
    works.calls_status_line(
        "2026-11-20T10:00:21Z",
        windows(42.0, NOON, 40.0, TUESDAY),
        120,
    );
    let at = "2026-11-20T10:00:25Z";
    let incident = stopped.explained(at);
    assert_eq!(incident["open"], false, "{incident:#}");
    let status_line = stopped.calls_status_line(at, windows(100.0, NOON, 40.0, TUESDAY), 120);
    assert!(
        status_line
            .stdout
            .contains("another session got a response"),
        "{status_line:?}"
    );
    let codes = [&["explain", "--exit-code"][..], &["wait"][..]];
    assert_eq!(
        codes.map(|command| stopped.run(at, command, b"").code),
        [0, 0]
    );
    let now = stopped.run(at, &["now"], b"");
    assert!(now.stdout.contains("no limit is blocking you"), "{now:?}");
}

/// A numbered situation in issue 26.
struct Scenario {
    name: &'static str,
    /// The plan and role of the logged-in account. The plan is empty if nobody is logged in.
    login: (&'static str, &'static str),
    /// Simulates the events that lead to the situation and returns the session that runs the commands.
    simulate: fn(&Sandbox) -> Client<'_>,
    at: &'static str,
    /// Builds the JSON that Claude Code passes to the status line in this situation.
    reported: fn() -> Value,
    /// The expected exit code of `explain --exit-code`.
    code: i32,
    /// Text that the headline must contain. If there is no error and thus no headline, the output of every command must
    /// contain it.
    expected_text: &'static str,
    /// Additional text that the status line's incident row must contain.
    row: &'static str,
}

const LATER: &str = "2026-11-20T10:11:00Z";
const MAX: (&str, &str) = ("max", "admin");
const NOBODY: (&str, &str) = ("", "");

/// Starts a session in a terminal and reports the usage of both windows one minute before the error.
fn client_with_windows(sandbox: &Sandbox, five_hour: f64, weekly: f64) -> Client<'_> {
    let mut client = Client::new(sandbox);
    "2.1.329".clone_into(&mut client.version);
    let entrypoint = ("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned());
    client.variables.push(entrypoint);
    let reported = windows(five_hour, NOON, weekly, TUESDAY);
    client.calls_status_line("2026-11-20T09:59:00Z", reported, 120);
    client
}

/// Like [`client_with_windows`], but the session is then stopped by this error.
fn stopped<'s>(
    sandbox: &'s Sandbox,
    (five_hour, weekly): (f64, f64),
    text: &str,
    more: Value,
) -> Client<'s> {
    let client = client_with_windows(sandbox, five_hour, weekly);
    client.receives_error(AT, text, more);
    client
}

/// Like [`stopped`], but the session resumes ten minutes later.
fn recovered<'s>(sandbox: &'s Sandbox, text: &str, more: Value) -> Client<'s> {
    let client = stopped(sandbox, (42.0, 17.0), text, more);
    client.receives_response("2026-11-20T10:10:00Z");
    client
}

fn api_credits() -> Value {
    json!({"error": "billing_error", "apiErrorStatus": 400})
}

const SCENARIOS: [Scenario; 25] = [
    Scenario {
        name: "1 a company's seat, and a private login",
        login: MAX,
        simulate: |sandbox| {
            client_with_windows(sandbox, 8.0, 4.0);
            let seat = Client::with_session(sandbox, "seat");
            belongs_to(&seat, "company-account", "company-organization");
            seat.receives_error(AT, ORG, json!({}));
            seat
        },
        at: SOON,
        reported: || Value::Null,
        code: 11,
        expected_text: "Your organization has reached its spend cap",
        row: "ask an Owner",
    },
    Scenario {
        name: "2 an empty pool, and windows at 42% and 17%",
        login: MAX,
        simulate: |sandbox| {
            let refusal = refused("overage", TUESDAY, "out_of_credits");
            stopped(sandbox, (42.0, 17.0), OUT_OF_CREDITS, refusal)
        },
        at: SOON,
        reported: || windows(42.0, NOON, 17.0, TUESDAY),
        code: 10,
        expected_text: "your 5-hour usage was 42%",
        row: "false alarm? 5-hour usage 42% · try again in a few minutes",
    },
    Scenario {
        name: "2 the same at 3% and 5%",
        login: MAX,
        simulate: |sandbox| {
            let refusal = refused("overage", TUESDAY, "out_of_credits");
            stopped(sandbox, (3.0, 5.0), OUT_OF_CREDITS, refusal)
        },
        at: SOON,
        reported: || windows(3.0, NOON, 5.0, TUESDAY),
        code: 10,
        expected_text: "usage was 3%",
        row: "false alarm",
    },
    Scenario {
        name: "3 a window, and no credits as a way out",
        login: MAX,
        simulate: |sandbox| {
            let text = "You've hit your 5-hour limit · resets 12pm (UTC) · out of usage credits";
            let refusal = refused("five_hour", NOON, "out_of_credits");
            stopped(sandbox, (99.0, 17.0), text, refusal)
        },
        at: SOON,
        reported: || windows(100.0, NOON, 17.0, TUESDAY),
        code: 10,
        expected_text: "Your 5-hour limit is used up; you can continue at 12:00",
        row: "5-hour limit · resets at 12:00",
    },
    Scenario {
        name: "4 paying",
        login: MAX,
        simulate: |sandbox| {
            let client = client_with_windows(sandbox, 100.0, 17.0);
            client.works(AT, 100_000);
            client
        },
        at: SOON,
        reported: || windows(100.0, NOON, 17.0, TUESDAY),
        code: 0,
        expected_text: "≈$0.40 since 10:00",
        row: "paying with usage credits",
    },
    Scenario {
        name: "5 free ways on",
        login: MAX,
        simulate: |sandbox| {
            let refusal = refused("five_hour", NOON, "org_level_disabled");
            stopped(sandbox, (99.0, 17.0), FIVE_HOUR, refusal)
        },
        at: SOON,
        reported: || windows(100.0, NOON, 17.0, TUESDAY),
        code: 10,
        expected_text: "Your 5-hour limit is used up; you can continue at 12:00",
        row: "Leave the session open; unless you pressed Esc",
    },
    Scenario {
        name: "6 after recovery: API credits",
        login: MAX,
        simulate: |sandbox| recovered(sandbox, "Credit balance is too low", api_credits()),
        at: LATER,
        reported: || windows(43.0, NOON, 17.0, TUESDAY),
        code: 0,
        expected_text: "Claude Code responded at 10:10",
        row: "43%",
    },
    Scenario {
        name: "6 after recovery: overloaded",
        login: MAX,
        simulate: |sandbox| {
            recovered(
                sandbox,
                "API Error: 529 Overloaded",
                json!({"apiErrorStatus": 529}),
            )
        },
        at: LATER,
        reported: || windows(43.0, NOON, 17.0, TUESDAY),
        code: 0,
        expected_text: "Claude Code responded at 10:10",
        row: "43%",
    },
    Scenario {
        name: "6 after recovery: a false limit",
        login: MAX,
        simulate: |sandbox| recovered(sandbox, FIVE_HOUR, json!({})),
        at: LATER,
        reported: || windows(43.0, NOON, 17.0, TUESDAY),
        code: 0,
        expected_text: "Claude Code responded at 10:10",
        row: "43%",
    },
    Scenario {
        name: "6 after recovery: an organization's cap",
        login: ("team", "user"),
        simulate: |sandbox| recovered(sandbox, ORG, json!({})),
        at: LATER,
        reported: || windows(43.0, NOON, 17.0, TUESDAY),
        code: 0,
        expected_text: "Claude Code responded at 10:10",
        row: "43%",
    },
    Scenario {
        name: "7 another session of the account answers again",
        login: MAX,
        simulate: |sandbox| {
            let refusal = refused("five_hour", NOON, "org_level_disabled");
            let client = stopped(sandbox, (99.0, 40.0), FIVE_HOUR, refusal);
            let full = windows(100.0, NOON, 40.0, TUESDAY);
            client.calls_status_line("2026-11-20T10:00:01Z", full, 120);
            let works = Client::with_session(sandbox, "works");
            works.receives_response("2026-11-20T10:00:20Z");
            let room = windows(42.0, NOON, 40.0, TUESDAY);
            works.calls_status_line("2026-11-20T10:00:21Z", room, 120);
            client
        },
        at: "2026-11-20T10:00:25Z",
        reported: || windows(100.0, NOON, 40.0, TUESDAY),
        code: 0,
        expected_text: "another session received a response at 10:00; send the prompt again",
        row: "another session got a response",
    },
    Scenario {
        name: "8 overloaded",
        login: NOBODY,
        simulate: |sandbox| {
            let client = Client::new(sandbox);
            client.receives_error(
                AT,
                "API Error: 529 Overloaded",
                json!({"apiErrorStatus": 529}),
            );
            client
        },
        at: SOON,
        reported: || Value::Null,
        code: 10,
        expected_text: "overloaded",
        row: "",
    },
    Scenario {
        name: "8 a false limit",
        login: MAX,
        simulate: |sandbox| stopped(sandbox, (42.0, 17.0), FIVE_HOUR, json!({})),
        at: SOON,
        reported: || windows(42.0, NOON, 17.0, TUESDAY),
        code: 10,
        expected_text: "your 5-hour usage was 42%",
        row: "false alarm? 5-hour usage 42% · try again in a few minutes",
    },
    Scenario {
        name: "8 another account logged in since",
        login: MAX,
        simulate: |sandbox| {
            let client = stopped(
                sandbox,
                (99.0, 17.0),
                FIVE_HOUR,
                refused("five_hour", NOON, ""),
            );
            let state = sandbox.read(".claude.json").replace("1111", "9999");
            sandbox.write(".claude.json", state);
            client
        },
        at: SOON,
        reported: || windows(100.0, NOON, 17.0, TUESDAY),
        code: 10,
        expected_text: "you can continue at 12:00",
        row: "resets at 12:00",
    },
    Scenario {
        name: "9 a throttle, after which no windows are reported",
        login: MAX,
        simulate: |sandbox| {
            let transient = json!({"apiErrorIsTransient": true});
            stopped(
                sandbox,
                (42.0, 17.0),
                "API Error: Request rejected (429) · slow down",
                transient,
            )
        },
        at: SOON,
        reported: || Value::Null,
        code: 10,
        expected_text: "oo many requests",
        row: "5h 42%",
    },
    Scenario {
        name: "10 figures of now, for who pastes a message",
        login: MAX,
        simulate: |sandbox| {
            stopped(
                sandbox,
                (42.0, 17.0),
                FIVE_HOUR,
                refused("five_hour", NOON, ""),
            )
        },
        at: SOON,
        reported: || windows(42.0, NOON, 17.0, TUESDAY),
        code: 10,
        expected_text: "42%",
        row: "42%",
    },
    Scenario {
        name: "11 API credits",
        login: NOBODY,
        simulate: |sandbox| {
            let client = Client::new(sandbox);
            client.receives_error(AT, "Credit balance is too low", api_credits());
            client
        },
        at: SOON,
        reported: || Value::Null,
        code: 11,
        expected_text: "The API credits in your Console account are used up",
        row: "API credits used up · add credits in the Console",
    },
    Scenario {
        name: "11 an organization's cap, shown to its admin",
        login: ("team", "admin"),
        simulate: |sandbox| {
            let refusal = refused("five_hour", NOON, "org_level_disabled_until");
            stopped(sandbox, (99.0, 17.0), ORG, refusal)
        },
        at: SOON,
        reported: || windows(100.0, NOON, 17.0, TUESDAY),
        code: 10,
        expected_text: "You have reached your 5-hour limit and your organization's spend cap",
        row: "5-hour limit + org's spend cap · resets at 12:00",
    },
    Scenario {
        name: "11 a weekly limit",
        login: MAX,
        simulate: |sandbox| {
            let text = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
            stopped(
                sandbox,
                (20.0, 99.0),
                text,
                refused("seven_day", TUESDAY, "out_of_credits"),
            )
        },
        at: SOON,
        reported: || windows(20.0, NOON, 100.0, TUESDAY),
        code: 10,
        expected_text: "Your weekly limit is used up; you can continue on Tue Nov 24 06:00",
        row: "resets Tue Nov 24 06:00",
    },
    Scenario {
        name: "12 asked where Claude Code waits",
        login: MAX,
        simulate: |sandbox| {
            let refusal = refused("five_hour", NOON, "org_level_disabled");
            stopped(sandbox, (99.0, 17.0), FIVE_HOUR, refusal)
        },
        at: SOON,
        reported: || windows(100.0, NOON, 17.0, TUESDAY),
        code: 10,
        expected_text: "you can continue at 12:00",
        row: "more: /whycap",
    },
    Scenario {
        name: "without figures",
        login: NOBODY,
        simulate: |sandbox| {
            let client = Client::new(sandbox);
            client.receives_error(AT, FIVE_HOUR, json!({}));
            client
        },
        at: SOON,
        reported: || Value::Null,
        code: 10,
        expected_text: "The message says that your 5-hour limit is used up; you can continue at 12:00",
        row: "resets at 12:00",
    },
    Scenario {
        name: "a week without figures",
        login: NOBODY,
        simulate: |sandbox| {
            let client = Client::new(sandbox);
            client.receives_error(
                AT,
                "You've hit your weekly limit · resets Nov 24, 6am (UTC)",
                json!({}),
            );
            client
        },
        at: SOON,
        reported: || Value::Null,
        code: 10,
        expected_text: "you can continue on Tue Nov 24 06:00",
        row: "resets Tue Nov 24 06:00",
    },
    Scenario {
        name: "a bare cap",
        login: NOBODY,
        simulate: |sandbox| {
            let client = Client::new(sandbox);
            client.receives_error(AT, "You've hit your individual spend limit", json!({}));
            client
        },
        at: SOON,
        reported: || Value::Null,
        code: 12,
        expected_text: "The message says that you have reached a limit set by an admin",
        row: "",
    },
    Scenario {
        name: "a warning",
        login: NOBODY,
        simulate: |sandbox| {
            let client = Client::new(sandbox);
            client.receives_error(AT, "You've used 92% of your weekly limit", json!({}));
            client
        },
        at: SOON,
        reported: || Value::Null,
        code: 0,
        expected_text: "",
        row: "just a warning, not a limit",
    },
    Scenario {
        name: "nothing at all",
        login: MAX,
        simulate: |sandbox| client_with_windows(sandbox, 42.0, 17.0),
        at: SOON,
        reported: || windows(42.0, NOON, 17.0, TUESDAY),
        code: 0,
        expected_text: "",
        row: "42%",
    },
];

/// Collapses all whitespace in a text into single spaces.
pub fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the usage of the 5-hour window according to `now`.
pub fn five_hour_usage(client: &Client<'_>, at: &str) -> Value {
    let now = client.run(at, &["now", "--json"], b"").json();
    now["windows"]["five_hour"]["used_percentage"].clone()
}

/// Returns the answer to `/whycap`, on a single line.
pub fn answer(client: &Client<'_>, at: &str) -> String {
    answer_to(client, at, "/whycap")
}

/// Returns the answer to a prompt that starts with `/whycap`, on a single line.
pub fn answer_to(client: &Client<'_>, at: &str, prompt: &str) -> String {
    let reply = client.event(at, "UserPromptSubmit", json!({"prompt": prompt}));
    flat(reply.json()["reason"].as_str().unwrap())
}

/// All commands and screens must give the same answer at the same time.
#[test]
fn all_outputs_agree() {
    for scenario in SCENARIOS {
        let Scenario {
            name,
            at,
            code,
            expected_text,
            ..
        } = scenario;
        let sandbox = Sandbox::new();
        if let (plan @ ("max" | "team"), role) = scenario.login {
            Client::logged_in(&sandbox, plan, role);
        }
        let client = (scenario.simulate)(&sandbox);
        let reported = (scenario.reported)();
        // Claude Code renders the status line right after the error.
        let call = client.calls_status_line(at, reported.clone(), 160);
        let line = whycap::terminal::strip_ansi(&call.stdout);
        let explained = client.run(at, &["explain", "--exit-code"], b"");
        assert_eq!(explained.code, code, "{name}: {}", explained.stdout);
        let waits = client.run(at, &["wait", "--timeout", "1s"], b"");
        let gave_up = waits.stderr.starts_with("whycap: timed out");
        assert_eq!(
            (waits.code, gave_up),
            if code == 10 {
                (124, true)
            } else {
                (code, false)
            },
            "{name}: {}",
            waits.stderr
        );
        assert!(line.contains(scenario.row), "{name}: {line}");
        let now = client.run(at, &["now", "--json"], b"").json();
        let now_says = flat(&client.run(at, &["now"], b"").stdout);
        let incident = client.explained(at);
        let reply = answer(&client, at);
        let long = flat(&explained.stdout);
        if incident.is_null() {
            for place in [&long, &reply, &line, &now_says] {
                assert!(place.contains(expected_text), "{name}: {place}");
            }
            assert_eq!(now["limit"], Value::Null, "{name}");
            assert_eq!(now["paying"].is_null(), expected_text.is_empty(), "{name}");
            continue;
        }
        let headline = incident["headline"].as_str().unwrap();
        assert!(headline.contains(expected_text), "{name}: {headline}");
        assert!(long.starts_with(headline), "{name}: {long}");
        // The answer to a session that has continued begins with its state.
        let state = if headline.contains(" Claude Code responded ") {
            "You are not blocked. "
        } else {
            ""
        };
        let start_of_reply = format!("{state}{headline}");
        assert!(reply.starts_with(&start_of_reply), "{name}: {reply}");
        let badge = incident["badge"].as_str().unwrap();
        let is_shown = code != 0 || incident["verdict"] == "notice";
        assert_eq!(line.contains(badge), is_shown, "{name}: {badge}: {line}");
        let stopped = json!(code != 0);
        assert!(
            incident["open"] == stopped || incident["verdict"] == "notice",
            "{name}"
        );
        let expected_limit = if code == 0 {
            Value::Null
        } else {
            json!(headline)
        };
        assert_eq!(now["limit"], expected_limit, "{name}");
        assert_eq!(
            now["blocked"]["badge"],
            if code == 0 { Value::Null } else { json!(badge) },
            "{name}"
        );
        // Even a very narrow status line shows the time and whether the limit looks like a false alarm.
        let call = client.calls_status_line(at, reported, 40);
        let narrow = whycap::terminal::strip_ansi(&call.stdout);
        if badge.starts_with("false alarm") && code != 0 {
            assert!(narrow.contains("false alarm"), "{name}: {narrow}");
        }
        if let Some((_, time)) = badge.split_once("back ") {
            assert!(narrow.contains(time), "{name}: {narrow}");
        }
        // Free steps come before steps that cost money, and an admin is never told to ask an admin.
        let steps = incident["actions"].as_array().unwrap();
        let paid = steps.iter().position(|step| step["costs_money"] == true);
        let free = steps
            .iter()
            .rposition(|step| step["command"] == "/rate-limit-options");
        assert!(paid.is_none() || free < paid, "{name}: {steps:#?}");
        if scenario.login == ("team", "admin") {
            assert!(
                !reply.contains("an admin") && !reply.contains("Ask an Owner"),
                "{name}: {reply}"
            );
        }
        // If running `/whycap` cancels the auto-resume, the output says so at the end, and all later output takes it
        // into account.
        let ends_the_wait = reply.contains("Because you ran /whycap");
        let in_a_terminal = client.variables.len() > 1 && !incident["continues_at"].is_null();
        assert_eq!(ends_the_wait, in_a_terminal, "{name}: {reply}");
        if ends_the_wait {
            assert_eq!(client.explained(at)["continues_at"], Value::Null, "{name}");
        }
    }
}

/// Returns what `now` says about usage credits that are paying.
pub fn paying(client: &Client<'_>, at: &str) -> Value {
    client.run(at, &["now", "--json"], b"").json()["paying"].clone()
}

/// Users must be told when a full window makes responses cost money. People described this problem in eleven threads,
/// and one of them lost $400.
#[test]
fn paying_from_credits_is_shown_at_once() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.works("2026-11-20T09:58:00Z", 1_000_000);
    client.calls_status_line(
        "2026-11-20T09:58:01Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    let before = paying(&client, "2026-11-20T09:59:00Z");
    assert_eq!(before, Value::Null, "it was included");
    client.works(AT, 100_000);
    let status_line = client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    assert!(
        status_line
            .success()
            .contains("paying with usage credits: ≈$"),
        "{status_line:?}"
    );
    let since_full = paying(&client, "2026-11-20T10:00:03Z");
    assert_eq!(since_full["since"], AT);
    assert_eq!(since_full["inferred"], true);
    assert!(
        since_full["cost_usd"]
            .as_f64()
            .is_some_and(|cost| cost > 0.3 && cost < 2.0),
        "{since_full}"
    );
    let now = client.run("2026-11-20T10:00:03Z", &["now"], b"");
    assert!(
        now.success().contains("Paying    with usage credits: ≈$"),
        "{now:?}"
    );
    // The percentage drops if the user redeems a saved reset or upgrades the plan.
    client.calls_status_line(
        "2026-11-20T10:01:00Z",
        windows(3.0, NOON + 3_600, 40.0, TUESDAY),
        120,
    );
    assert_eq!(paying(&client, "2026-11-20T10:01:01Z"), Value::Null);
}

/// A session is waiting for the reset, another one pays in order to continue, and a third belongs to a company account.
#[test]
fn credit_use_is_shown_only_for_the_paying_account() {
    let sandbox = with_a_private_login();
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    let waits = Client::new(&sandbox);
    waits.receives_error(
        "2026-11-20T09:58:00Z",
        "You've hit your 5-hour limit · resets 12pm (UTC)",
        json!({}),
    );
    waits.calls_status_line("2026-11-20T09:58:01Z", full.clone(), 120);
    let company = Client::with_session(&sandbox, "company");
    belongs_to(&company, "company-account", "company-organization");
    company.works(AT, 100_000);
    let seen = waits.run(SOON, &["now", "--json"], b"").json();
    assert_eq!(seen["paying"], Value::Null, "the company pays for that");
    let pays = session_of_login(&sandbox, "pays");
    pays.works("2026-11-20T10:01:00Z", 100_000);
    pays.calls_status_line("2026-11-20T10:01:01Z", full, 120);
    let seen = waits
        .run("2026-11-20T10:02:00Z", &["now", "--json"], b"")
        .json();
    assert_eq!(seen["blocked"]["session_id"], waits.session.as_str());
    assert_eq!(seen["paying"]["since"], "2026-11-20T10:01:00Z", "{seen}");
    let used = seen["window_use"][0]["cost_usd"].as_f64().unwrap();
    assert!(used > 0.0, "{seen}");
    assert_eq!(
        seen["window_use"][0]["rose_elsewhere_percent"].to_string(),
        "0.0"
    );
}

/// Even if the ledger cannot be written, the status line must show the limit, because the transcript contains the
/// error.
#[test]
fn the_status_line_shows_a_limit_in_an_unwritable_home() {
    let sandbox = with_a_private_login();
    sandbox.write(".local/share/whycap", "a file");
    let client = Client::new(&sandbox);
    let error = client.error_line(
        AT,
        "You've hit your 5-hour limit · resets 12pm (UTC)",
        json!({}),
    );
    client.append(&error);
    let status_line = client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    assert!(
        status_line
            .success()
            .contains("5-hour limit · resets at 12:00"),
        "{status_line:?}"
    );
}

/// When Claude Code announces that work can continue for free despite a full window, no output may mention paying.
#[test]
fn nobody_pays_at_lower_priority_or_in_the_grace_period() {
    for notice in [
        "Continuing now at lower priority until your limit resets at 12pm. Your weekly limit still applies, and responses may pause while waiting for spare capacity. Run /low-priority to stop.",
        "Lower-priority mode is back on until your limit resets. Your weekly limit still applies",
        GRACE_WINDOW,
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        client.calls_status_line("2026-11-20T09:58:01Z", full.clone(), 120);
        if notice == GRACE_WINDOW {
            client.adds_note("2026-11-20T09:59:00Z", notice);
        } else {
            client.append(&json!({"type": "system", "subtype": "local_command", "sessionId": client.session,
                "timestamp": "2026-11-20T09:59:00Z", "content": format!("<local-command-stdout>{notice}</local-command-stdout>")}));
        }
        client.works(AT, 100_000);
        let status_line = client.calls_status_line(SOON, full, 120);
        assert!(!status_line.success().contains("paying"), "{status_line:?}");
        let now = client.run(SOON, &["now", "--json"], b"").json();
        assert_eq!(now["paying"], Value::Null, "{notice}");
    }
}

fn report_usage(client: &Client<'_>, at: &str, percent: f64, resets: i64) {
    client.calls_status_line(at, windows(percent, resets, 40.0, TUESDAY), 120);
}

/// Claude Code stopped lower-priority mode, a limit stopped the session, or the grace window was over. The budget for credits
/// counted nothing until the 5-hour limit reset, so it blocked no prompt, and `now` said nothing about paying.
#[test]
fn responses_count_as_paid_again_after_free_responses_have_ended() {
    let is_refused = "You've hit your 5-hour limit \u{00b7} resets 12pm (UTC)";
    for (start, end) in [
        (
            AT_LOWER_PRIORITY,
            "No room for lower-priority work for a while \u{00b7} lower-priority mode stopped; new messages wait for your usage limit to reset",
        ),
        (
            "Lower-priority mode is back on until your limit resets. Your weekly limit still applies",
            "Extra usage is now covering your requests \u{00b7} lower-priority mode ended",
        ),
        (
            AT_LOWER_PRIORITY,
            "Lower-priority mode is no longer available \u{00b7} it has ended; new messages wait for your usage limit to reset",
        ),
        (
            AT_LOWER_PRIORITY,
            "Lower-priority mode is off. New messages wait for your usage limit as usual.",
        ),
        (AT_LOWER_PRIORITY, is_refused),
        (GRACE_WINDOW, "It ends without a message."),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        report_usage(&client, "2026-11-20T09:58:00Z", 100.0, NOON);
        starts_to_continue_for_free(&client, AT, start);
        client.works("2026-11-20T10:01:00Z", 100_000);
        let ended_at = "2026-11-20T10:10:00Z";
        if end == is_refused {
            client.append(&client.error_line(ended_at, end, refused("five_hour", NOON, "")));
        } else {
            client.announces(ended_at, end);
        }
        client.sends_prompt("2026-11-20T10:19:00Z", "go on");
        client.works("2026-11-20T10:20:00Z", 300_000);
        let at = "2026-11-20T10:21:00Z";
        let now = client.run(at, &["now", "--json"], b"").json();
        assert_eq!(
            now["paying"]["since"], "2026-11-20T10:20:00Z",
            "{end}: {now}"
        );
        let row = client.calls_status_line(at, windows(100.0, NOON, 40.0, TUESDAY), 120);
        assert!(row.success().contains("paying"), "{end}: {row:?}");
    }
}

/// Writes this notice or note, with which Claude Code continues for free.
pub fn starts_to_continue_for_free(client: &Client<'_>, at: &str, notice: &str) {
    if notice == GRACE_WINDOW {
        client.adds_note(at, notice);
    } else {
        client.announces(at, notice);
    }
}

/// Creates a session whose 5-hour limit is used up. It writes this line at 10:00 and receives a response at 10:20. Returns
/// true if `now` says that usage credits pay for the response.
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

/// The limit of one model refused a request at lower priority. Other models still continued for free, but whycap said that the
/// user was paying.
#[test]
fn a_limit_of_one_model_does_not_end_lower_priority_mode() {
    let pays = pays_after_line(|client| {
        client.announces(AT, AT_LOWER_PRIORITY);
        let text = "You've hit your Opus limit \u{00b7} resets Nov 24, 6am (UTC)";
        let line = client.error_line(
            "2026-11-20T10:05:00Z",
            text,
            refused("seven_day_opus", TUESDAY, ""),
        );
        client.append(&line);
    });
    assert!(!pays);
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

/// A prompt quoted a notice of Claude Code. whycap took it for the notice itself, so it said nothing about paying, or it said
/// at lower priority that the user was paying.
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
fn nobody_pays_if_the_server_does_not_offer_credits() {
    // Claude Code may record that credits are off even if the server has not said so. Therefore, only the reason that
    // the server gave (`cachedExtraUsageDisabledReason`) counts.
    for (no_credits, is_shown) in [(json!("out_of_credits"), false), (Value::Null, true)] {
        let sandbox = with_a_private_login();
        let mut state: Value = serde_json::from_str(&sandbox.read(".claude.json")).unwrap();
        state["oauthAccount"]["hasExtraUsageEnabled"] = json!(false);
        state["cachedExtraUsageDisabledReason"] = no_credits;
        sandbox.write(".claude.json", state.to_string());
        let client = Client::new(&sandbox);
        let full = windows(100.0, NOON, 40.0, TUESDAY);
        client.calls_status_line("2026-11-20T09:58:01Z", full.clone(), 120);
        client.works(AT, 100_000);
        let status_line = client.calls_status_line(SOON, full, 120);
        assert_eq!(
            status_line.success().contains("paying"),
            is_shown,
            "{status_line:?}"
        );
    }
}

/// If a running session switches to a different login, later responses count toward the new account.
#[test]
fn a_session_counts_for_each_of_its_logins_in_turn() {
    let sandbox = with_a_private_login();
    let private = sandbox.read(".claude.json");
    let client = Client::new(&sandbox);
    let company = private.replace(PRIVATE, "company-account");
    for (state, minute, percent) in [
        (&company, "10", 60.0),
        (&private, "20", 14.0),
        (&private, "30", 23.0),
    ] {
        sandbox.write(".claude.json", state);
        client.works(&format!("2026-11-20T09:{minute}:00Z"), 50_000);
        let reported = windows(percent, NOON, 40.0, TUESDAY);
        client
            .calls_status_line(&format!("2026-11-20T09:{minute}:01Z"), reported, 120)
            .success();
    }
    let seen = client.run(SOON, &["now", "--json"], b"").json();
    let used = &seen["window_use"][0];
    assert_eq!(used["cost_usd"].to_string(), "0.40004", "{seen}");
}

/// Reports the usage of the 5-hour window and the running total in a status-line call, this many minutes after 09:00.
fn report_usage_and_total(client: &Client<'_>, minute: i64, percent: f64, total: f64) {
    let reported = json!({
        "session_id": client.session, "transcript_path": client.transcript(),
        "rate_limits": windows(percent, NOON + 2 * 3_600, 10.0, TUESDAY),
        "cost": {"total_cost_usd": total, "total_duration_ms": minute * 60_000 + 1_000},
    });
    let at = minute_after_nine(minute);
    client.run(&at, &["statusline"], reported.to_string().as_bytes());
}

fn minute_after_nine(minute: i64) -> String {
    format!("2026-11-20T{:02}:{:02}:00Z", 9 + minute / 60, minute % 60)
}

fn json_in_minute(client: &Client<'_>, minute: i64, command: &str) -> Value {
    let at = minute_after_nine(minute);
    client.run(&at, &[command, "--json"], b"").json()
}

/// The cost of compactions appears in Claude Code's running total, but not in any transcript line.
#[test]
fn a_compactions_cost_counts_toward_the_window_in_every_command() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    report_usage_and_total(&client, 0, 0.0, 0.0);
    let (mut total, mut percent) = (0.0, 0.0);
    for turn in 0..14 {
        let (responded, compacted) = (5 + turn * 9, 8 + turn * 9);
        client.works(&minute_after_nine(responded), 50_000);
        (total, percent) = (total + 0.2, percent + 5.0);
        report_usage_and_total(&client, responded, percent, total);
        if turn % 2 == 1 {
            total += 0.5;
            report_usage_and_total(&client, compacted, percent, total);
        }
    }
    // A compaction during the pause increased the window's usage, but the client reports the increase only with the
    // next response.
    report_usage_and_total(&client, 166, percent, total + 0.5);
    client.works(&minute_after_nine(167), 50_000);
    report_usage_and_total(&client, 167, percent + 8.0, total + 0.7);
    let now = json_in_minute(&client, 168, "now");
    let used = &now["window_use"][0];
    let report = json_in_minute(&client, 168, "spend");
    let spent = report["total"]["cost_usd"].as_f64().unwrap();
    let of_window = used["cost_usd"].as_f64().unwrap();
    assert!(
        (of_window - spent).abs() < 1e-9 && spent > 4.0,
        "{used} {spent}"
    );
    assert_eq!(used["rose_elsewhere_percent"], 0.0, "{used}");
}

/// The output shows the figures from `/usage` and how old they are, but does not use them as evidence.
#[test]
fn model_windows_and_credits_are_shown_from_the_usage_page() {
    let sandbox = with_a_private_login();
    let mut page = json!({
        "fetchedAtMs": 1_795_167_000_000_i64, "accountUuid": PRIVATE,
        "utilization": {
            "five_hour": {"utilization": 12, "resets_at": null},
            "limits": [{"kind": "weekly_scoped", "group": "weekly", "percent": 63,
                        "resets_at": "2026-11-24T06:00:00Z", "scope": {"model": {"display_name": "Fable"}}}],
            "extra_usage": {"is_enabled": true, "monthly_limit": 5000, "used_credits": 1234, "currency": "USD"},
        },
    });
    store_usage_page(&sandbox, &page);
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
    let incident = client.explained(SOON);
    let usage = &incident["usage"];
    assert_eq!(usage["at"], "2026-11-20T09:30:00Z");
    assert_eq!(usage["windows"][1]["model"], "Fable", "{usage:#}");
    assert_eq!(usage["credits"]["used"], 12.34, "{usage:#}");
    assert_eq!(incident["verdict"], "real", "the page's 12% proves nothing");
    let now = client.run(SOON, &["now"], b"").stdout;
    assert!(
        now.contains("/usage    Fable week 63%, usage credits $12.34 of $50.00 used"),
        "{now}"
    );
    let chosen = "[statusline]\nsegments = [\"model\", \"model_weeks\", \"credits\"]\n";
    let config = sandbox.write("whycap.toml", chosen);
    let chosen_segments = sandbox.variable("WHYCAP_CONFIG", config.to_str().unwrap());
    let client = Client::new(&chosen_segments);
    let line =
        whycap::terminal::strip_ansi(&client.calls_status_line(SOON, Value::Null, 120).stdout);
    assert!(
        line.contains("Fable week 63% (30 m ago)")
            && line.contains("credits $12.34 of $50.00, $37.66 left"),
        "{line}"
    );
    let seat = Client::with_session(&chosen_segments, "seat");
    belongs_to(&seat, "company-account", "company-organization");
    let line = seat.calls_status_line(SOON, Value::Null, 120).stdout;
    assert!(!line.contains("63%"), "another account's: {line}");
    // Figures that `/usage` showed for another account must be ignored.
    page["accountUuid"] = json!("somebody-else");
    store_usage_page(&chosen_segments, &page);
    assert_eq!(client.explained(SOON)["usage"], Value::Null);
}

#[test]
fn a_new_session_shows_the_recent_readings_of_others() {
    let sandbox = with_a_private_login();
    let reporting = Client::with_session(&sandbox, "reporting");
    reporting.calls_status_line(
        "2026-11-20T09:59:58Z",
        windows(42.0, NOON, 17.0, TUESDAY),
        120,
    );
    let new = Client::with_session(&sandbox, "new");
    let status_line = new.calls_status_line(AT, Value::Null, 120);
    assert!(status_line.success().contains("42%"), "{status_line:?}");
    let seat = Client::with_session(&sandbox, "seat");
    belongs_to(&seat, "company-account", "company-organization");
    let status_line = seat.calls_status_line(AT, Value::Null, 120);
    assert!(
        !status_line.success().contains("42%"),
        "another account's: {status_line:?}"
    );
    let mut by_key = Client::with_session(&sandbox, "by-key");
    by_key
        .variables
        .push(("ANTHROPIC_API_KEY".to_owned(), "sk-ant-x".to_owned()));
    let status_line = by_key.calls_status_line(AT, Value::Null, 120);
    assert!(
        !status_line.success().contains("42%"),
        "a key has no windows: {status_line:?}"
    );
}

fn behind_proxy<'a>(sandbox: &'a Sandbox, session: &str, url: &str) -> Client<'a> {
    let mut client = Client::with_session(sandbox, session);
    let base_url = ("ANTHROPIC_BASE_URL".to_owned(), url.to_owned());
    client.variables.push(base_url);
    client
}

/// Returns the rows of a session that reports no windows.
fn rows_without_report(client: &Client<'_>, at: &str) -> String {
    let status_line = client.calls_status_line(at, Value::Null, 160);
    whycap::terminal::strip_ansi(status_line.success())
}

/// If a local proxy passes on the plan's windows, a new session behind that proxy must show them even before its first
/// response.
#[test]
fn readings_are_shared_only_behind_the_same_proxy() {
    let sandbox = with_a_private_login();
    let first = behind_proxy(&sandbox, "first", "http://127.0.0.1:8080");
    first.calls_status_line(
        "2026-11-20T09:40:00Z",
        windows(42.0, NOON, 17.0, TUESDAY),
        120,
    );
    let second = behind_proxy(&sandbox, "second", "http://127.0.0.1:9090");
    let shown = rows_without_report(&second, AT);
    assert!(
        shown.contains("5h 42%") && shown.contains("(20 m ago)"),
        "{shown}"
    );
    for url in ["https://llm.example.com", "not a url"] {
        let elsewhere = behind_proxy(&sandbox, "elsewhere", url);
        let shown = rows_without_report(&elsewhere, AT);
        assert!(!shown.contains("5h 42%"), "{url}: {shown}");
    }
}

/// whycap stores only valid host names, and the address in this URL is not one. The sessions behind the gateway still share
/// their limits.
#[test]
fn a_new_session_behind_a_gateway_without_a_host_name_shows_the_limit() {
    let sandbox = with_a_private_login();
    let gateway = "http://[::1]:8080";
    reaches_five_hour_limit(&behind_proxy(&sandbox, "stopped", gateway));
    let at = "2026-11-20T10:01:00Z";
    let new = behind_proxy(&sandbox, "new", gateway);
    let line = new.calls_status_line(at, Value::Null, 120);
    assert!(line.success().contains("5-hour limit"), "{line:?}");
    let direct = Client::with_session(&sandbox, "direct");
    let line = direct.calls_status_line(at, Value::Null, 120);
    assert!(!line.success().contains("5-hour limit"), "{line:?}");
}

#[test]
fn a_new_session_shows_the_limit_that_blocks_the_login() {
    let sandbox = with_a_private_login();
    let blocked = Client::with_session(&sandbox, "blocked");
    blocked.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(99.0, NOON, 17.0, TUESDAY),
        120,
    );
    blocked.receives_error(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    let new = Client::with_session(&sandbox, "new");
    let at_limit = rows_without_report(&new, SOON);
    assert!(
        at_limit.contains("5-hour limit") && at_limit.contains("12:00"),
        "{at_limit}"
    );
    assert!(at_limit.contains("more: /whycap"), "{at_limit}");
    // Only the refused session continues automatically, so this one need not be left open.
    assert!(!at_limit.contains("leave the session open"), "{at_limit}");
    // The account's limit does not apply to the API key.
    let mut by_key = Client::with_session(&sandbox, "by-key");
    by_key
        .variables
        .push(("ANTHROPIC_API_KEY".to_owned(), "sk-ant-x".to_owned()));
    let without = rows_without_report(&by_key, SOON);
    assert!(!without.contains("5-hour limit"), "{without}");
    let seat = Client::with_session(&sandbox, "seat");
    belongs_to(&seat, "company-account", "company-organization");
    let without = rows_without_report(&seat, SOON);
    assert!(!without.contains("5-hour limit"), "{without}");
    let after_reset = rows_without_report(&new, "2026-11-20T12:02:00Z");
    assert!(!after_reset.contains("5-hour limit"), "{after_reset}");
}

/// A cloud provider has its own accounts, so the plan's limit does not stop a session that uses one.
#[test]
fn a_limit_of_the_plan_is_not_shown_to_a_session_of_a_cloud_provider() {
    for variable in [
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_USE_FOUNDRY",
    ] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        reaches_five_hour_limit(&stopped);
        let mut session = Client::with_session(&sandbox, "cloud");
        session
            .variables
            .push((variable.to_owned(), "1".to_owned()));
        let at = "2026-11-20T10:01:00Z";
        let line = session.calls_status_line(at, Value::Null, 120);
        assert!(
            !line.success().contains("5-hour limit"),
            "{variable}: {line:?}"
        );
        let reply = answer(&session, at);
        assert!(reply.contains("this one may work"), "{variable}: {reply}");
        let arguments = ["explain", "--exit-code", "--session", "cloud"];
        let explained = session.run(at, &arguments, b"");
        assert_eq!(explained.code, 0, "{variable}: {explained:?}");
    }
}

/// A token may belong to a different account than the login, so a new session with a token shows neither the windows of
/// the login nor its limit.
#[test]
fn a_new_session_with_a_token_does_not_show_the_windows_of_the_login() {
    let sandbox = with_a_private_login();
    reaches_five_hour_limit(&session_of_login(&sandbox, "stopped"));
    let job = session_with_token(&sandbox, "job");
    let line = job.calls_status_line("2026-11-20T10:01:00Z", Value::Null, 120);
    let shown = whycap::terminal::strip_ansi(line.success());
    assert!(!shown.contains("5-hour limit"), "{shown}");
    assert!(!shown.contains("5h"), "{shown}");
}

/// Versions before 2.1.328 record only the organization, and the login may not name one. In that case, the two cannot
/// be compared, so the session shows the login's windows. It must also show the login's limit.
#[test]
fn a_session_whose_owner_cannot_be_compared_shows_the_windows_and_the_limit() {
    let sandbox = with_a_private_login();
    reaches_five_hour_limit(&session_of_login(&sandbox, "stopped"));
    let new = Client::with_session(&sandbox, "new");
    new.append(&json!({
        "type": "attachment", "sessionId": "new",
        "attachment": {"type": "credential_org", "organizationUuid": "some-organization"},
    }));
    let at = "2026-11-20T10:01:00Z";
    let line = new.calls_status_line(at, Value::Null, 120);
    let shown = whycap::terminal::strip_ansi(line.success());
    assert!(shown.contains("5h 100%"), "{shown}");
    assert!(shown.contains("5-hour limit"), "{shown}");
    let reply = answer(&new, at);
    assert!(reply.contains("5-hour limit is used up"), "{reply}");
    assert!(!reply.contains("may work"), "{reply}");
}

/// A user switches to another model, and the next response does not change the usage figures. A limit of the new model
/// that another session reaches also stops this session, and every screen must say so.
#[test]
fn every_screen_knows_the_model_to_which_the_session_has_switched() {
    let sandbox = with_a_private_login();
    let [mut asking, limited] = two_sessions_of_login(&sandbox);
    let usage = windows(42.0, NOON, 60.0, TUESDAY);
    asking.model = "claude-sonnet-5-5".to_owned();
    asking.receives_response("2026-11-20T09:57:00Z");
    asking.calls_status_line("2026-11-20T09:57:01Z", usage.clone(), 120);
    asking.model = "claude-opus-5-5".to_owned();
    asking.receives_response("2026-11-20T09:58:00Z");
    asking.calls_status_line("2026-11-20T09:58:01Z", usage.clone(), 120);
    let opus = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";
    limited.receives_error(AT, opus, refused("seven_day_opus", TUESDAY, ""));

    let at = "2026-11-20T10:01:00Z";
    let row = flat(&asking.calls_status_line(at, usage, 160).stdout);
    assert!(row.contains("Opus limit"), "{row}");
    let reply = answer(&asking, at);
    assert!(!reply.contains("may work"), "{reply}");
    let arguments = ["explain", "--exit-code", "--session", &asking.session];
    let explained = asking.run(at, &arguments, b"");
    assert_eq!(explained.code, 10, "{explained:?}");
}

/// A client that started before `/whycap` was installed does not know the command. An upgrade of whycap does not change
/// what the client knows.
#[test]
#[cfg(unix)] // the test sets the time of a directory
fn the_row_mentions_the_shell_in_a_session_that_is_older_than_the_slash_command() {
    let sandbox = with_a_private_login();
    let blocked = Client::with_session(&sandbox, "blocked");
    blocked.receives_error(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    // Unlike the blocked session, this one does not continue automatically, so /whycap cannot cancel anything.
    let mut client = Client::with_session(&sandbox, "new");
    // The test process stands in for the client.
    let pid = std::process::id().to_string();
    client.variables.push(("CLAUDE_PID".to_owned(), pid));
    let row = rows_without_report(&client, SOON);
    assert!(row.contains("more: /whycap"), "{row}");
    sandbox.run(&["install"]).success();
    let plugin = std::fs::File::open(sandbox.path(".claude/skills/whycap")).unwrap();
    let hour = std::time::Duration::from_secs(3600);
    let now = std::time::SystemTime::now();
    plugin.set_modified(now + hour).unwrap();
    let row = rows_without_report(&client, SOON);
    assert!(row.contains("more: whycap explain, in a shell"), "{row}");
    plugin.set_modified(now - hour * 24 * 365).unwrap();
    let row = rows_without_report(&client, SOON);
    assert!(row.contains("more: /whycap"), "{row}");

    let manifest = ".claude/skills/whycap/.claude-plugin/plugin.json";
    let older = sandbox
        .read(manifest)
        .replace(env!("CARGO_PKG_VERSION"), "0.0.1");
    sandbox.write(manifest, &older);
    sandbox.run(&["install"]).success();
    assert_ne!(sandbox.read(manifest), older);
    let manifest_file = std::fs::File::options()
        .write(true)
        .open(sandbox.path(manifest))
        .unwrap();
    manifest_file.set_modified(now + hour).unwrap();
    let row = rows_without_report(&client, SOON);
    assert!(row.contains("more: /whycap"), "{row}");
}

#[test]
fn the_list_and_its_totals_have_the_same_active_limits() {
    let sandbox = with_a_private_login();
    for (session, at) in [
        ("one", "2026-11-20T09:58:00Z"),
        ("two", "2026-11-20T09:59:00Z"),
        ("three", AT),
    ] {
        let client = Client::with_session(&sandbox, session);
        client.receives_error(at, FIVE_HOUR, refused("five_hour", NOON, ""));
    }
    let client = Client::with_session(&sandbox, "one");
    let run = client.run(SOON, &["incidents"], b"");
    let listed = run.success();
    assert_eq!(listed.matches("(still blocked)").count(), 1, "{listed}");
    assert_eq!(
        listed.matches("(same limit as the entry above)").count(),
        2,
        "{listed}"
    );
}

#[test]
fn a_pasted_message_is_compared_with_current_readings() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(42.0, NOON, 17.0, TUESDAY),
        120,
    );
    let run = client.run(AT, &["explain", "--text", FIVE_HOUR], b"");
    let explained = flat(run.success());
    assert!(
        explained.contains(
            "Your 5-hour usage is 42%, so if you got the message just now, it looks like a false alarm"
        ),
        "{explained}"
    );
    let hours_later = client.run(
        "2026-11-20T11:00:00Z",
        &["explain", "--text", FIVE_HOUR],
        b"",
    );
    assert!(
        !hours_later.success().contains("just now"),
        "{hours_later:?}"
    );
}

/// If the newest reading shows room, the first step is to check the message, and nothing that costs money is
/// recommended. Redeeming a saved reset is not recommended either, because it would be wasted.
#[test]
fn a_pasted_message_should_be_checked_if_the_window_has_room() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let reported = windows(12.0, NOON, 40.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:59:00Z", reported, 120);
    let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    let run = client.run(AT, &["explain", "--text", weekly], b"");
    let explained = flat(run.success());
    let headline = "The message says that your weekly limit is used up, but your weekly usage is 40%; check /usage.";
    assert!(explained.starts_with(headline), "{explained}");
    let steps = "1. Check /usage 2. Do not buy usage credits for this 3. If the 5-hour limit, the weekly limit, and your model's limit (if /usage lists one) are all below 100%, send the prompt again; otherwise, wait until Tue Nov 24 06:00";
    assert!(explained.contains(steps), "{explained}");
    assert!(
        !explained.contains("costs money") && !explained.contains("/limit-reset"),
        "{explained}"
    );
}

/// Seventeen minutes after the last reading, `explain` told the user to wait four days or to pay, although the weekly usage had
/// been 17%, and it said that there was no record of the usage.
#[test]
fn a_pasted_message_should_be_checked_if_the_window_had_ample_room_a_while_ago() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let reported = windows(42.0, NOON, 17.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:43:00Z", reported, 120);
    for (text, limit, usage, until) in [
        (FIVE_HOUR, "5-hour", "42%", "12:00"),
        (WEEKLY, "weekly", "17%", "Tue Nov 24 06:00"),
    ] {
        let explained = flat(client.run(AT, &["explain", "--text", text], b"").success());
        let headline = format!(
            "The message says that your {limit} limit is used up, but 17 m ago, your {limit} usage was {usage}; check /usage."
        );
        assert!(explained.starts_with(&headline), "{explained}");
        let steps = format!(
            "1. Check /usage 2. If the 5-hour limit, the weekly limit, and your model's limit (if /usage lists one) are all below 100%, send the prompt again; otherwise, wait until {until}"
        );
        assert!(explained.contains(&steps), "{explained}");
        // The window may have filled up since the reading.
        for part in ["false alarm", "costs money", "Do not buy", "has no record"] {
            assert!(!explained.contains(part), "{part}: {explained}");
        }
    }
}

/// For a message that names no window, whycap offered usage credits, although both windows had ample room a minute before.
#[test]
fn no_payment_is_offered_for_a_message_without_a_window_if_both_windows_have_room() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let reported = windows(35.0, NOON, 15.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:59:00Z", reported, 120);
    for text in [
        "You've hit your limit",
        "You've hit your usage limit",
        "Claude usage limit reached.",
        "usage limit reached",
    ] {
        let explained = flat(client.run(AT, &["explain", "--text", text], b"").success());
        assert!(explained.contains("1. Check /usage"), "{text}: {explained}");
        assert!(
            explained.contains("Do not buy usage credits"),
            "{text}: {explained}"
        );
        assert!(!explained.contains("costs money"), "{text}: {explained}");
    }
    let twenty_minutes_later = "2026-11-20T10:20:00Z";
    let run = client.run(
        twenty_minutes_later,
        &["explain", "You've hit your limit"],
        b"",
    );
    let explained = flat(run.success());
    assert!(explained.contains("1. Check /usage"), "{explained}");
    for part in ["Do not buy", "costs money"] {
        assert!(!explained.contains(part), "{part}: {explained}");
    }
}

/// If the window was nearly full, the message is probably right, so the first step is to wait.
#[test]
fn a_pasted_message_is_believed_if_the_window_was_nearly_full() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let reported = windows(95.0, NOON, 10.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:43:00Z", reported, 120);
    let explained = flat(client.run(AT, &["explain", FIVE_HOUR], b"").success());
    assert!(explained.contains("1. Wait until 12:00"), "{explained}");
}

/// If both windows have room now, a cap on usage credits matters only for fast mode, the 1M context window, and the
/// windows of individual models. The advice must neither contradict the statement that the message looks like a false
/// alarm nor claim that paying would not help.
#[test]
fn the_advice_for_a_pasted_cap_agrees_with_the_current_readings() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let reported = windows(42.0, NOON, 17.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:59:00Z", reported, 120);
    for text in [
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage",
        "You've hit your org's monthly spend limit · run /usage-credits to ask your admin for a higher limit",
    ] {
        let explained = flat(client.run(AT, &["explain", "--long", text], b"").success());
        for part in [
            "so if you got the message just now, it looks like a false alarm",
            "What to do 1. Check /usage. ",
            "2. If the 5-hour limit, the weekly limit, and your model's limit (if /usage lists one) are all below 100%, send the prompt again; otherwise, /usage shows when the limit at 100% resets. ",
            "What the message means if you received it - ",
        ] {
            assert!(explained.contains(part), "{part}: {explained}");
        }
        for part in [
            "Do not buy",
            "paying would not help",
            "costs money",
            "/limit-reset",
            "Wait for your",
        ] {
            assert!(!explained.contains(part), "{part}: {explained}");
        }
    }
}

/// Twenty minutes after the last reading, the window may have filled up, and then the cap applies. `explain` no longer offered to
/// raise it.
#[test]
fn raising_a_pasted_cap_is_offered_if_the_window_may_have_filled_up_since_the_reading() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let reported = windows(42.0, NOON, 17.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:40:00Z", reported, 120);
    for text in [
        "You've hit your monthly spend limit",
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage",
    ] {
        for (at, is_offered) in [("2026-11-20T09:41:00Z", false), (AT, true)] {
            let explained = flat(client.run(at, &["explain", text], b"").success());
            let case = format!("{at}: {explained}");
            assert!(explained.contains("1. Check /usage"), "{case}");
            let step = "Or raise your own monthly cap on usage credits (costs money)";
            assert_eq!(explained.contains(step), is_offered, "{case}");
            let is_called_false = explained.contains("it looks like a false alarm");
            assert_eq!(is_called_false, !is_offered, "{case}");
        }
    }
    // The reading is recent, but the window was at 42%.
    let soon = "2026-11-20T09:52:00Z";
    let text = "You've hit your monthly spend limit";
    let explained = flat(client.run(soon, &["explain", text], b"").success());
    assert!(
        explained.contains("Your 5-hour usage was 42%, measured 12 m ago"),
        "{explained}"
    );
    assert!(explained.contains("Or raise your own"), "{explained}");
}

/// In Claude Code 2.1.329, the message about a full window also mentions that no credits are left. The cause is still
/// the full window.
#[test]
fn a_window_message_that_mentions_missing_credits_is_a_window_limit() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let text = "You've hit your 5-hour limit · resets 12pm (UTC) · out of usage credits";
    client.receives_error(AT, text, refused("five_hour", NOON, "out_of_credits"));
    let incident = client.explained(SOON);
    assert_eq!(incident["limit"], "five_hour", "{incident:#}");
    assert_eq!(incident["resets_at"], "2026-11-20T12:00:00Z");
    assert_eq!(incident["continues_at"], "2026-11-20T12:01:30Z");
    let steps: Vec<&str> = incident["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["do"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps[1],
        "Free, if available: /limit-reset and /low-priority (see /rate-limit-options)"
    );
    assert_eq!(
        steps[2],
        "Or add usage credits to continue now (costs money)"
    );
    let pasted = client
        .run(SOON, &["explain", "--json", "--text", text], b"")
        .json();
    assert_eq!(pasted["incident"]["limit"], "five_hour", "{pasted:#}");
}

/// Returns the time at which Claude Code will continue the session, according to `explain`.
pub fn continues_at(client: &Client<'_>, at: &str) -> Value {
    client.explained(at)["continues_at"].clone()
}

/// Stops a session at its 5-hour limit. Claude Code announces that it will continue the session at noon.
fn waits_for_reset(client: &Client<'_>) {
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    client.receives_error(AT, FIVE_HOUR, refusal);
    client.announces(
        "2026-11-20T10:00:00.100Z",
        "Usage limit reached · set to continue automatically at 12pm",
    );
}

/// Claude Code 2.1.328 to 2.1.330 record the outcome of the auto-resume in the transcript.
#[test]
fn claude_codes_announcement_about_waiting_is_believed() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    waits_for_reset(&client);
    assert_eq!(continues_at(&client, SOON), "2026-11-20T12:01:30Z");
    client.announces(
        "2026-11-20T10:01:00Z",
        "Automatic continue cancelled · /rate-limit-options to wait again",
    );
    assert_eq!(continues_at(&client, "2026-11-20T10:01:01Z"), Value::Null);
    client.announces(
        "2026-11-20T10:02:00Z",
        "Usage limit reached · set to continue automatically at 12pm",
    );
    assert_eq!(
        continues_at(&client, "2026-11-20T10:02:01Z"),
        "2026-11-20T12:01:30Z"
    );
    client.event(
        "2026-11-20T10:03:00Z",
        "UserPromptSubmit",
        json!({"prompt": "/whycap"}),
    );
    client.announces(
        "2026-11-20T10:04:00Z",
        "Usage limit reached · set to continue automatically at 12pm",
    );
    let again = continues_at(&client, "2026-11-20T10:04:01Z");
    assert_eq!(again, "2026-11-20T12:01:30Z", "it was turned on again");
    client.announces(
        "2026-11-20T12:05:00Z",
        "Automatic continue stopped after repeated usage limit hits · This task will not resume on its own",
    );
    let (again, text) = (
        "2026-11-20T12:05:01Z",
        "You've hit your 5-hour limit · resets 5pm (UTC)",
    );
    let refusal = refused("five_hour", NOON + 18_000, "");
    client.append(&client.error_line(again, text, refusal));
    client.stop_failure(again, text);
    assert_eq!(continues_at(&client, "2026-11-20T12:05:03Z"), Value::Null);
}

/// The user leaves a waiting session with `/exit` and resumes it before the reset. The menu of the resumed session does not
/// offer to wait, but whycap recommended that menu, whose next entry costs money.
#[cfg(target_os = "linux")]
#[test]
fn after_an_exit_nobody_is_sent_to_a_menu_that_does_not_offer_to_wait() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    waits_for_reset(&client);
    let hint = "wait for the reset and continue by itself, use /rate-limit-options";
    for (notice, offers_wait) in [
        (
            "Automatic continue cancelled · /rate-limit-options to wait again",
            true,
        ),
        (
            "Automatic continue cancelled · Claude Code exited during the wait, so the task will not resume on its own when the usage limit resets (send a prompt after the reset to continue)",
            false,
        ),
    ] {
        client.announces("2026-11-20T10:01:00Z", notice);
        let _running = RunningClient::idle(&sandbox, &client.session);
        let at = "2026-11-20T10:01:10Z";
        assert_eq!(continues_at(&client, at), Value::Null);
        let shown = [
            answer(&client, at),
            flat(client.run(at, &["explain"], b"").success()),
            flat(&plain_rows(&client, at, Value::Null)),
        ];
        for screen in shown {
            assert_eq!(screen.contains(hint), offers_wait, "{screen}");
        }
    }
}

/// Claude Code stopped waiting because the weekly limit stopped its own prompt, and its notice named the menu with which the user can
/// wait nevertheless. whycap said only to send the prompt again after the reset.
#[cfg(target_os = "linux")]
#[test]
fn after_a_limit_that_resets_too_late_the_menu_still_offers_to_wait() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(
        AT,
        WEEKLY,
        refused("seven_day", TUESDAY, "org_level_disabled"),
    );
    client.announces(
        AT,
        "Automatic continue stopped · the usage limit now resets more than 24 hours out, so this task will not resume on its own (/rate-limit-options to wait anyway)",
    );
    client.calls_status_line(SOON, windows(40.0, NOON, 100.0, TUESDAY), 120);
    let _running = RunningClient::idle(&sandbox, &client.session);
    let at = "2026-11-20T10:01:10Z";
    assert_eq!(continues_at(&client, at), Value::Null);
    for shown in [
        answer(&client, at),
        flat(client.run(at, &["explain"], b"").success()),
        flat(&plain_rows(&client, at, Value::Null)),
    ] {
        assert!(
            shown.contains("continue by itself") && shown.contains("/rate-limit-options"),
            "{shown}"
        );
    }
    let now = flat(client.run(at, &["now"], b"").success());
    assert!(now.contains("Claude Code has stopped waiting"), "{now}");
}

/// The terminal was closed during the wait, and `claude -c` resumed the session. Only `now` said that Claude Code would not
/// continue it by itself. The row, `explain`, and `/whycap` only named the reset.
#[cfg(target_os = "linux")]
#[test]
fn every_screen_says_that_a_resumed_session_no_longer_continues_by_itself() {
    let exited = "Automatic continue cancelled · Claude Code exited during the wait, so the task will not resume on its own when the usage limit resets (send a prompt after the reset to continue)";
    for notice in [None, Some(exited)] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "resumed");
        waits_for_reset(&client);
        if let Some(notice) = notice {
            client.announces("2026-11-20T10:01:00Z", notice);
        }
        let resumption = json!({"source": "resume"});
        client.event("2026-11-20T10:02:00Z", "SessionStart", resumption);
        let _running = RunningClient::idle(&sandbox, &client.session);
        for at in ["2026-11-20T10:03:00Z", "2026-11-20T11:55:00Z"] {
            let step = "2. After the reset, send the prompt again; Claude Code will not continue by itself";
            let explained = flat(client.run(at, &["explain"], b"").success());
            for shown in [answer(&client, at), explained] {
                assert!(shown.contains(step), "{notice:?} {at}: {shown}");
            }
            let row = plain_rows(&client, at, Value::Null);
            let row_end =
                "Claude Code will not continue by itself; send the prompt again after the reset";
            assert!(row.contains(row_end), "{notice:?} {at}: {row}");
            let now = flat(client.run(at, &["now"], b"").success());
            let note = "automatic continuation was canceled: send the prompt again after the reset";
            assert!(now.contains(note), "{notice:?} {at}: {now}");
        }
        let row = plain_rows(&client, "2026-11-20T12:00:30Z", Value::Null);
        assert!(!row.contains("by itself"), "{notice:?}: {row}");
    }
}

/// Claude Code 2.1.331 announces an auto-resume only for the first refusal in a window. If the session receives a
/// response and is then refused again before the same reset, Claude Code does not continue automatically, so whycap
/// must not say that it does.
#[test]
fn a_second_limit_without_an_announcement_does_not_continue() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let refusal = refused("five_hour", NOON, "out_of_credits");
    client.receives_error(AT, FIVE_HOUR, &refusal);
    assert_eq!(continues_at(&client, SOON), "2026-11-20T12:01:30Z");
    client.receives_response("2026-11-20T10:01:00Z");
    let again = "2026-11-20T10:02:00Z";
    client.append(&client.error_line(again, FIVE_HOUR, &refusal));
    client.stop_failure(again, FIVE_HOUR);
    let status_line = client.calls_status_line("2026-11-20T10:02:00.300Z", Value::Null, 120);
    assert!(
        !status_line.success().contains("continues at"),
        "{status_line:?}"
    );
    assert!(
        status_line.stdout.contains("more: /whycap"),
        "{status_line:?}"
    );
    assert_eq!(continues_at(&client, "2026-11-20T10:02:02Z"), Value::Null);
    // Older clients continue automatically without announcing it.
    let mut older = Client::with_session(&sandbox, "older");
    older.version = "2.1.300".to_owned();
    older.append(&older.error_line("2026-11-20T10:03:00Z", FIVE_HOUR, &refusal));
    older.stop_failure("2026-11-20T10:03:00Z", FIVE_HOUR);
    assert_eq!(
        older.explained("2026-11-20T10:03:02Z")["continues_at"],
        "2026-11-20T12:01:30Z"
    );
}

/// Right after an error, Claude Code may report the old windows once more. These old figures must not make the limit
/// look like a false alarm.
#[test]
fn repeated_old_readings_do_not_contradict_a_limit() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let [old, full_usage] = [42.0, 100.0].map(|used| windows(used, NOON, 17.0, TUESDAY));
    client.calls_status_line("2026-11-20T09:59:50Z", old.clone(), 120);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    let repeated = client.calls_status_line("2026-11-20T10:00:00.200Z", old, 120);
    assert!(!repeated.success().contains("false"), "{repeated:?}");
    let incident = client.explained("2026-11-20T10:00:00.400Z");
    assert_eq!(incident["verdict"], "cannot_tell");
    client.calls_status_line("2026-11-20T10:00:00.900Z", full_usage.clone(), 120);
    let incident = client.explained("2026-11-20T10:00:01Z");
    assert_eq!(incident["verdict"], "real");
    // If the window was already full, repeated figures do not contradict the limit.
    let full = Client::with_session(&sandbox, "full");
    full.calls_status_line("2026-11-20T10:29:50Z", full_usage.clone(), 120);
    full.receives_error("2026-11-20T10:30:00Z", FIVE_HOUR, json!({}));
    full.calls_status_line("2026-11-20T10:30:00.200Z", full_usage, 120);
    let arguments = ["explain", "--json", "--session", "full"];
    let run = full.run("2026-11-20T10:30:00.400Z", &arguments, b"");
    assert_eq!(run.json()["incident"]["verdict"], "real");
}

/// After the terminal was closed, the session is resumed in a new process, which does not wait for the reset.
#[test]
fn a_waiting_session_resumed_in_a_new_process_does_not_continue_automatically() {
    let sandbox = with_a_private_login();
    let mut client = Client::new(&sandbox);
    let terminal = ("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned());
    client.variables.push(terminal);
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    client.receives_error(AT, FIVE_HOUR, refusal);
    client.append(&json!({
        "type": "system", "subtype": "informational", "timestamp": "2026-11-20T10:00:00.100Z",
        "content": "Usage limit reached · set to continue automatically at 12pm",
    }));
    let compaction = json!({"source": "compact"});
    let run = client.event("2026-11-20T10:01:00Z", "SessionStart", compaction);
    run.success();
    let waits = continues_at(&client, "2026-11-20T10:01:01Z");
    assert_eq!(waits, "2026-11-20T12:01:30Z");
    let resumption = json!({"source": "resume"});
    let run = client.event("2026-11-20T10:02:00Z", "SessionStart", resumption);
    assert!(!run.success().contains("in another terminal"), "{run:?}");
    let waits = continues_at(&client, "2026-11-20T10:02:01Z");
    assert_eq!(waits, Value::Null);
    let status_line = client.calls_status_line("2026-11-20T12:00:30Z", Value::Null, 120);
    let after = status_line.success().lines().nth(1).unwrap();
    assert!(after.contains("send the prompt again"), "{after}");
    // The user can choose to wait in the new process, too.
    choose_to_wait(&client, "2026-11-20T10:03:00Z", "12pm");
    let waits = client.explained("2026-11-20T10:03:01Z")["continues_at"].clone();
    assert_eq!(waits, "2026-11-20T12:01:30Z");
}

/// Appends the line that Claude Code 2.1.330 writes when the user selects "Wait here, then continue automatically" in
/// its menu.
fn choose_to_wait(client: &Client<'_>, at: &str, until: &str) {
    let content = format!(
        "<local-command-stdout>Claude Code will continue automatically at {until}. Keep this session open; it may still pause for permission prompts.</local-command-stdout>"
    );
    client.append(&json!({
        "type": "user", "timestamp": at, "message": {"role": "user", "content": content},
    }));
}

/// Claude Code 2.1.330 waits only if a prompt was refused. A failed `/compact` neither makes it wait nor leaves an
/// error line of its own.
#[test]
fn a_session_whose_compaction_hit_the_limit_does_not_continue_automatically() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_response("2026-11-20T09:59:00Z");
    client.stop_failure(AT, FIVE_HOUR);
    client.append(&json!({
        "type": "system", "subtype": "local_command", "timestamp": AT,
        "content": format!("<local-command-stderr>Error during compaction: {FIVE_HOUR}</local-command-stderr>"),
    }));
    let incident = client.explained("2026-11-20T10:00:05Z");
    assert_eq!(incident["resets_at"], "2026-11-20T12:00:00Z");
    assert_eq!(incident["continues_at"], Value::Null);
    let status_line = client.calls_status_line("2026-11-20T12:00:30Z", Value::Null, 120);
    let row = "limit should have reset · send the prompt again";
    assert!(status_line.success().contains(row), "{status_line:?}");
}

/// After the message "wf paused · usage limit resets at …", Claude Code 2.1.330 continued a workflow 70 to 95 s after
/// the reset.
#[test]
fn a_workflow_that_hit_the_limit_continues_automatically() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_response("2026-11-20T09:59:00Z");
    let error = json!({
        "error": "rate_limit", "last_assistant_message": FIVE_HOUR,
        "agent_id": "a1b2", "agent_type": "workflow-subagent",
    });
    client.event(AT, "StopFailure", error).success();
    let incident = client.explained("2026-11-20T10:00:05Z");
    assert_eq!(incident["continues_at"], "2026-11-20T12:01:30Z");
}

/// If the user has chosen to wait, the status line must not suggest sending a prompt, because a prompt cancels the
/// wait.
#[test]
fn a_session_whose_user_chose_to_wait_continues_after_any_wait() {
    let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    let off = r#"{"autoContinueAtUsageLimit": false}"#;
    for (text, quota, settings, until, at) in [
        (
            weekly,
            refused("seven_day", TUESDAY, ""),
            "{}",
            "Nov 24, 6am",
            "2026-11-24T06:01:30Z",
        ),
        (
            FIVE_HOUR,
            refused("five_hour", NOON, ""),
            off,
            "12pm",
            "2026-11-20T12:01:30Z",
        ),
    ] {
        let sandbox = with_a_private_login();
        sandbox.write(".claude/settings.json", settings);
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, quota);
        assert_eq!(
            client.explained(SOON)["continues_at"],
            Value::Null,
            "{text}"
        );
        choose_to_wait(&client, "2026-11-20T10:00:10Z", until);
        assert_eq!(client.explained("2026-11-20T10:00:11Z")["continues_at"], at);
    }
}

/// Returns what `doctor` reports about the owner of the newest session, if it does.
fn check_of_owner(client: &Client<'_>) -> Option<Value> {
    let output = client.run(SOON, &["doctor", "--json"], b"").stdout;
    let report: Value = serde_json::from_str(&output).unwrap();
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks
        .find(|check| check["check"] == "session owner")
        .cloned()
}

#[test]
fn doctor_names_the_owner_of_the_newest_session() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    assert_eq!(
        check_of_owner(&client).unwrap()["verdict"],
        "ok",
        "no account is known"
    );
    belongs_to(&client, PRIVATE, "private-organization");
    assert_eq!(check_of_owner(&client).unwrap()["verdict"], "ok");
    belongs_to(&client, "company-account", "company-organization");
    let other = check_of_owner(&client).unwrap();
    assert_eq!(other["verdict"], "warn");
    assert!(
        other["says"]
            .as_str()
            .unwrap()
            .contains("a different account"),
        "{other}"
    );
}

/// Only a response or an error about another limit shows that a limit is over. Network errors, such as those after a
/// laptop wakes up, do not.
#[test]
fn only_a_response_or_another_limit_ends_a_limit() {
    let weekly = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    let full = windows(20.0, NOON, 100.0, TUESDAY);
    for (text, more) in [
        ("API Error: 529 Overloaded", json!({"apiErrorStatus": 529})),
        (
            "API Error: The socket connection was closed unexpectedly.",
            json!({"error": "unknown", "apiErrorStatus": null}),
        ),
        (
            "Fast limit reached and temporarily disabled · resets in 12m",
            json!({}),
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.calls_status_line("2026-11-20T09:59:00Z", full.clone(), 120);
        client.receives_error(AT, weekly, refused("seven_day", TUESDAY, "out_of_credits"));
        client.receives_error("2026-11-20T10:05:00Z", text, more);
        let at = "2026-11-20T11:00:00Z";
        let status_line = client.calls_status_line(at, full.clone(), 120);
        assert!(
            status_line.stdout.contains("resets Tue Nov 24 06:00"),
            "{status_line:?}"
        );
        let incident = client.explained(at);
        assert_eq!(incident["limit"], "weekly", "{text}: {incident:#}");
        assert_eq!(incident["open"], true, "{text}");
        let run = client.run(at, &["explain", "--exit-code"], b"");
        assert_eq!(run.code, 10, "{text}: {run:?}");
        let waited = client.run(at, &["wait", "--timeout", "1s"], b"");
        assert_eq!((waited.code, waited.stderr.is_empty()), (124, false));
        let now = client.run(at, &["now", "--json"], b"").json();
        assert_eq!(now["blocked"], incident, "{text}");
        let listed = client.run(at, &["incidents", "--json"], b"").json();
        let first = listed["incidents"].as_array().unwrap().last().unwrap();
        assert_eq!(first["limit"], "weekly", "{text}: {listed:#}");
        assert_eq!(first["open"], true, "{text}: {listed:#}");
        client.receives_response("2026-11-20T11:10:00Z");
        assert_eq!(client.explained("2026-11-20T11:11:00Z")["open"], false);
    }
}

/// After an error that affects only one conversation, such as a prompt that is too long, other conversations must not
/// be blocked.
#[test]
fn an_error_of_one_conversation_does_not_block_other_sessions() {
    for (text, class, status, code) in [
        ("Prompt is too long", "invalid_request", 400, 11),
        (
            "Please run /login · API Error: 401",
            "authentication_failed",
            401,
            11,
        ),
        (
            "There's an issue with the selected model (claude-x). It may not exist",
            "model_not_found",
            404,
            11,
        ),
        (
            "API Error: Request too large (max 32MB)",
            "invalid_request",
            413,
            11,
        ),
        (
            "Usage credits required for 1M context",
            "rate_limit",
            429,
            11,
        ),
        ("API Error: something nobody ever saw", "unknown", 418, 12),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        let more = json!({"error": class, "apiErrorStatus": status});
        client.receives_error("2026-11-20T10:00:00Z", text, more);
        for (at, code) in [("2026-11-20T20:00:00Z", code), ("2026-11-21T10:01:00Z", 0)] {
            let run = client.run(at, &["explain", "--exit-code"], b"");
            assert_eq!(run.code, code, "{text} at {at}: {run:?}");
            let waited = client.run(at, &["wait", "--timeout", "1s"], b"");
            let has_error = !waited.stderr.is_empty();
            assert_eq!(
                (waited.code, has_error),
                (code, code != 0),
                "{text} at {at}"
            );
        }
    }
}

#[test]
fn a_login_error_ends_with_a_response_in_another_session() {
    for text in [
        "OAuth token has expired · Please run /login",
        "Claude Code can't use your Claude subscription, usually because a payment is past due",
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        let more = json!({"error": "authentication_failed", "apiErrorStatus": 401});
        client.receives_error(AT, text, more);
        assert_eq!(client.explained(SOON)["open"], true, "{text}");
        let other = Client::with_session(&sandbox, "other");
        other.receives_response("2026-11-20T10:10:00Z");
        let room = windows(20.0, NOON, 30.0, TUESDAY);
        other.calls_status_line("2026-11-20T10:10:01Z", room, 120);
        let at = "2026-11-20T10:11:00Z";
        assert_eq!(client.explained(at)["open"], false, "{text}");
        let run = client.run(at, &["explain", "--exit-code"], b"");
        assert_eq!(run.code, 0, "{text}: {run:?}");
    }
}

/// In cron jobs and in CI, each `claude -p` run is a new session without a status line.
#[test]
fn without_a_status_line_a_later_response_ends_a_temporary_error() {
    for (text, more) in [
        (
            "OAuth token has expired · Please run /login",
            json!({"error": "authentication_failed", "apiErrorStatus": 401}),
        ),
        (
            "API Error: 529 Overloaded",
            json!({"error": "overloaded", "apiErrorStatus": 529}),
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, more);
        let arguments = ["explain", "--exit-code"];
        assert_ne!(client.run(SOON, &arguments, b"").code, 0, "{text}");
        let company = Client::with_session(&sandbox, "company");
        belongs_to(&company, "company-account", "company-organization");
        company.receives_response("2026-11-20T10:01:00Z");
        let run = client.run("2026-11-20T10:01:01Z", &arguments, b"");
        assert_ne!(run.code, 0, "{text}: of another account");
        let next = session_of_login(&sandbox, "next");
        next.sends_prompt("2026-11-20T10:01:20Z", "go on");
        next.receives_response("2026-11-20T10:01:30Z");
        let run = client.run("2026-11-20T10:01:31Z", &arguments, b"");
        assert_eq!(run.code, 0, "{text}");
    }
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let next = session_of_login(&sandbox, "next");
    next.receives_response("2026-11-20T10:01:30Z");
    let run = client.run("2026-11-20T10:01:31Z", &["explain", "--exit-code"], b"");
    assert_eq!(run.code, 10, "nobody measured whether the window has room");
}

/// A conversation was too long. In another session, `/whycap` gave the steps as well, and `/clear` would have cleared the
/// wrong conversation.
#[test]
fn a_session_is_not_told_to_shorten_its_conversation_if_that_of_another_session_is_too_long() {
    let sandbox = with_a_private_login();
    let [too_long, idle] = two_sessions_of_login(&sandbox);
    let more = json!({"error": "invalid_request", "apiErrorStatus": 400});
    too_long.receives_error(AT, "Prompt is too long", more);
    let at = "2026-11-20T10:01:00Z";
    let reply = answer(&idle, at);
    for part in [
        "This happened in another session",
        "1. Send a prompt here; this session may work",
    ] {
        assert!(reply.contains(part), "{part}: {reply}");
    }
    assert!(!reply.contains("2. "), "{reply}");
    let reply = answer(&too_long, at);
    assert!(reply.contains("1. Shorten the conversation"), "{reply}");
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

#[test]
fn a_window_never_blocks_longer_than_its_length() {
    for (text, blocks, over) in [
        (
            "You've hit your 5-hour limit",
            "2026-11-20T14:50:00Z",
            "2026-11-20T15:40:00Z",
        ),
        (
            "You've hit your weekly limit",
            "2026-11-27T09:50:00Z",
            "2026-11-27T10:40:00Z",
        ),
    ] {
        let sandbox = with_a_private_login();
        let mut client = Client::new(&sandbox);
        "2.1.150".clone_into(&mut client.version);
        client.receives_error(AT, text, json!({}));
        let codes = [blocks, over].map(|at| client.run(at, &["explain", "--exit-code"], b"").code);
        assert_eq!(codes, [10, 0], "{text}");
        assert_eq!(client.run(over, &["wait"], b"").code, 0, "{text}");
        let status_line =
            client.calls_status_line(over, windows(3.0, 1_795_900_000, 5.0, 1_796_200_000), 120);
        assert!(
            !status_line.success().contains("/usage-credits"),
            "{status_line:?}"
        );
    }
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

/// Any prompt cancels the auto-resume, even one that a hook blocks. After that, no output may say that the session will
/// continue automatically.
#[test]
fn a_session_whose_wait_was_canceled_does_not_continue_automatically() {
    let sandbox = with_a_private_login();
    let mut client = Client::new(&sandbox);
    client
        .variables
        .push(("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned()));
    client.receives_error(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    assert_eq!(
        client.explained(SOON)["continues_at"],
        "2026-11-20T12:01:30Z"
    );
    client.event(SOON, "UserPromptSubmit", json!({"prompt": "/whycap"}));
    assert_eq!(
        client.explained("2026-11-20T10:00:05Z")["continues_at"],
        Value::Null
    );
    let headless = Client::with_session(&sandbox, "headless");
    let mut refusal = refused("five_hour", NOON, "org_level_disabled");
    refusal["entrypoint"] = json!("sdk-cli");
    headless.receives_error("2026-11-20T10:00:06Z", FIVE_HOUR, refusal);
    assert_eq!(
        headless.explained("2026-11-20T10:00:07Z")["continues_at"],
        Value::Null
    );
}

#[test]
fn a_setting_name_in_an_error_is_not_redacted_as_a_key() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let setting = "ANTHROPIC_DEFAULT_HAIKU_MODEL_SUPPORTED_CAPABILITIES";
    let text = format!("API Error: {setting} is not valid (key sk-ant-api03-abcdefgh12345678ABCD)");
    client.receives_error(AT, &text, json!({"apiErrorStatus": 400}));
    let message = client.explained(SOON)["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.contains(setting) && message.contains("[hidden]"),
        "{message}"
    );
}

/// An error whose reset time has passed does not block anything. Otherwise, `wait` would never return.
#[test]
fn a_limit_with_a_past_reset_does_not_block() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let text = "You've hit your 5-hour limit · resets 11:50am (UTC)";
    client.receives_error("2026-11-20T12:00:00Z", text, json!({}));
    let at = "2026-11-20T12:00:05Z";
    let run = client.run(at, &["explain", "--exit-code"], b"");
    assert!(
        run.success().contains("but the limit should have"),
        "{run:?}"
    );
    let waited = client.run(at, &["wait"], b"");
    assert_eq!(waited.code, 0, "{waited:?}");
    let now = client.run(at, &["now", "--json"], b"").json();
    assert_eq!(now["blocked"], Value::Null, "{now}");
    // The same is true of a message that is pasted long after its reset.
    let text = "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.";
    let pasted = ["explain", "--exit-code", "--text", text];
    client.run("2026-12-05T08:00:00Z", &pasted, b"").success();
}

/// In a build agent's log, the error may be the first or the last line.
#[test]
fn a_long_log_is_read_at_both_ends() {
    let noise = "2026-11-20 compiling another crate\n".repeat(3_000);
    let message = "You've hit your weekly limit · resets Nov 24, 10am (UTC)\n";
    for log in [format!("{noise}{message}"), format!("{message}{noise}")] {
        let run = Sandbox::new().run_with(&["explain", "--json", "--text", "-"], log.as_bytes());
        assert_eq!(run.json()["incident"]["limit"], "weekly", "{}", run.stdout);
    }
}

/// By default, Claude Code waits no longer than one day for a reset.
#[test]
fn a_session_continues_only_within_claude_codes_maximum_wait() {
    for (text, continues) in [
        ("You've hit your 5-hour limit · resets 12pm (UTC)", true),
        (
            "You've hit your weekly limit · resets Nov 24, 6am (UTC)",
            false,
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, json!({}));
        let incident = client.explained(SOON);
        assert_eq!(!incident["continues_at"].is_null(), continues, "{incident}");
        let why = incident["actions"][0]["why"].as_str().unwrap();
        assert_eq!(why.contains("continues by itself"), continues, "{incident}");
    }
}

/// Like situation 16, but without a reading. The credit pool is empty until Tuesday, and the remaining included usage
/// is unknown.
#[test]
fn an_empty_credit_pool_gives_no_reset_time() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let quota = json!({"quotaLimits": {"status": "rejected", "rateLimitType": "overage",
        "overageDisabledReason": "out_of_credits", "resetsAt": TUESDAY}});
    client.receives_error(AT, OUT_OF_CREDITS, quota);
    let run = client.run(SOON, &["explain", "--exit-code"], b"");
    assert_eq!(run.code, 11, "{run:?}");
    assert!(
        run.stdout
            .contains("No usage credits are left; check /usage"),
        "{run:?}"
    );
    assert!(!run.stdout.contains("back on"), "{run:?}");
}

/// The error class `rate_limit` does not show which limit was reached. In particular, Claude Code also uses it for full
/// windows.
#[test]
fn an_error_without_text_may_be_a_limit() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let reply = client.event(AT, "StopFailure", json!({"error": "rate_limit"}));
    assert!(!reply.success().contains("not a usage limit"), "{reply:?}");
    let incident = client.explained(AT);
    assert_eq!(incident["verdict"], "cannot_tell", "{incident}");
    assert_eq!(incident["limit"], "unknown", "{incident}");
}

/// The explanation must not say that the usage is unknown if a message or `/usage` provides a reading.
#[test]
fn no_explanation_contradicts_the_usage_that_it_shows() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let page = json!({
        "fetchedAtMs": 1_795_168_500_000_i64, "accountUuid": PRIVATE,
        "utilization": {"five_hour": {"utilization": 12, "resets_at": null}},
    });
    store_usage_page(&sandbox, &page);
    client.receives_error(AT, FIVE_HOUR, json!({}));
    let by_page = client.explained(SOON);
    let without_errors = with_a_private_login();
    let other = Client::new(&without_errors);
    other.calls_status_line(SOON, windows(100.0, NOON, 17.0, TUESDAY), 120);
    let pasted = ["explain", "--json", "--text", FIVE_HOUR];
    let pasted = other.run(SOON, &pasted, b"").json()["incident"].clone();
    for (incident, fact) in [
        (
            by_page,
            "/usage showed 12% of your 5-hour limit as used, 5 m ago.",
        ),
        (
            pasted,
            "Your 5-hour usage is 100%, so the limit is real if you got the message just now. If the message is older, the limit may have reset since then.",
        ),
    ] {
        let facts = incident["evidence"].as_array().unwrap();
        assert!(
            facts.iter().any(|known| known["fact"] == fact),
            "{incident:#}"
        );
        assert_eq!(incident["verdict"], "cannot_tell");
        let unknown = incident["unknown"].to_string();
        assert!(
            !unknown.contains("has no record of your usage"),
            "{unknown}"
        );
    }
}

/// The status line shows the full window with its reset. The explanation of a message that mentions no reset must not
/// send the user to /usage for it.
#[test]
fn the_explanation_of_a_text_states_the_reset_of_the_window_that_is_full_now() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    for text in [ORG, "You've hit your 5-hour limit"] {
        let explained = flat(client.run(SOON, &["explain", text], b"").success());
        assert!(
            explained.contains("you can continue at 12:00"),
            "{explained}"
        );
        assert!(explained.contains("1. Wait until 12:00"), "{explained}");
        assert!(!explained.contains("may not know when"), "{explained}");
    }
    // A reset in the text takes precedence because the text may be about an earlier limit.
    let text = "You've hit your 5-hour limit · resets 11am (UTC)";
    let explained = flat(client.run(SOON, &["explain", text], b"").success());
    assert!(explained.contains("11:00"), "{explained}");
}

/// If the weekly limit in a message is not used up but the 5-hour limit is, the steps must not say twice to check
/// /usage.
#[test]
fn the_explanation_of_a_text_does_not_repeat_the_advice_to_check_the_usage() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    let explained = flat(client.run(SOON, &["explain", WEEKLY], b"").success());
    assert_eq!(
        explained.matches(". Check /usage").count(),
        1,
        "{explained}"
    );
    assert!(
        explained.contains(
            "1. Check /usage: one of your plan's limits is also used up, so prompts will be refused or paid for with usage credits until 12:00 2. If"
        ),
        "{explained}"
    );
}

#[test]
fn a_model_limit_stays_while_another_model_responds() {
    let sandbox = with_a_private_login();
    let opus = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";
    for (model, headline, step) in [
        (
            "claude-sonnet-5-5",
            "Another model is responding; your weekly Opus limit resets on Tue Nov 24 06:00, in 3 d 19 h.",
            "Do nothing for now; another model is responding",
        ),
        (
            "claude-opus-5-5",
            "Your weekly Opus limit was used up, but Claude Code responded at 10:00.",
            "You can continue now; this limit no longer applies",
        ),
    ] {
        let mut client = Client::with_session(&sandbox, model);
        client.model = model.to_owned();
        client.receives_error(
            AT,
            opus,
            refused("seven_day_opus", TUESDAY, "out_of_credits"),
        );
        client.receives_response(SOON);
        let arguments = ["explain", "--json", "--session", model];
        let incident = &client.run(SOON, &arguments, b"").json()["incident"];
        assert_eq!(incident["headline"], headline);
        assert_eq!(incident["actions"][0]["do"], step);
        assert_eq!(incident["open"], false);
    }
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

const LOGIN_REFUSED: &str =
    "Failed to authenticate. API Error: 401 Invalid authentication credentials";

/// Simulates an error about a login that the service did not accept.
fn login_is_refused(client: &Client<'_>, at: &str) {
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    client.append(&client.error_line(at, LOGIN_REFUSED, refusal));
    let failure =
        json!({"error": "authentication_failed", "last_assistant_message": LOGIN_REFUSED});
    client.event(at, "StopFailure", failure);
}

/// After a single 401, the advice was to send the prompt again, but `/whycap` and `explain --session` said "You are still
/// blocked.", `incidents` said "still blocked", and `now` and `doctor` said that the session is blocked.
#[test]
#[cfg(target_os = "linux")]
fn every_screen_says_that_the_next_prompt_may_work_after_a_single_refusal_of_the_login() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let _process = RunningClient::idle(&sandbox, "stopped");
    let usage = windows(30.0, NOON, 40.0, TUESDAY);
    client.calls_status_line("2026-11-20T09:50:00Z", usage.clone(), 120);
    let explain = ["explain", "--session", "stopped"];
    let screens = |at: &str| {
        let in_shell = |arguments: &[&str]| flat(&run(&sandbox, at, arguments, b"", &[]).stdout);
        [
            plain_rows(&client, at, usage.clone()),
            answer(&client, at),
            in_shell(&explain),
            in_shell(&["now"]),
            in_shell(&["incidents"]),
            in_shell(&["doctor"]),
        ]
    };
    client.sends_prompt("2026-11-20T10:00:00Z", "Explain the parser.");
    login_is_refused(&client, "2026-11-20T10:00:02Z");
    let once = screens("2026-11-20T10:05:00Z");
    let expected = [
        "login refused (not a usage limit) · send the prompt again",
        "The last prompt was refused; the next one may work.",
        "The last prompt was refused; the next one may work.",
        "may be blocked (login)",
        "10:00, 4 m ago (the next prompt may work)",
        "The session stopped was stopped; sessions that show no error may work.",
    ];
    for (shown, part) in once.iter().zip(expected) {
        assert!(shown.contains(part), "{part}: {shown}");
        assert!(!shown.contains("still blocked"), "{shown}");
    }

    client.sends_prompt("2026-11-20T10:06:00Z", "Explain the parser.");
    login_is_refused(&client, "2026-11-20T10:06:02Z");
    let twice = screens("2026-11-20T10:07:00Z");
    let expected = [
        "login refused again (not a usage limit) · /login",
        "You are still blocked.",
        "You are still blocked.",
        " blocked (login)",
        "(still blocked)",
        "Work is blocked.",
    ];
    for (shown, part) in twice.iter().zip(expected) {
        assert!(shown.contains(part), "{part}: {shown}");
        for wrong in ["may work", "may be blocked", "end the prompt again"] {
            assert!(!shown.contains(wrong), "{wrong}: {shown}");
        }
    }
}

/// A session ran out of usage credits and then received a 529. `incidents` said "still blocked" about both errors, while all
/// other screens said that the service is overloaded and that the next prompt may work.
#[test]
fn the_list_does_not_call_a_session_blocked_by_an_error_that_was_followed_by_an_overload() {
    let key_is_empty = json!({"error": "billing_error", "apiErrorStatus": 400});
    for (text, more) in [
        (OUT_OF_CREDITS, json!({})),
        (
            OUT_OF_CREDITS,
            refused("overage", TUESDAY, "out_of_credits"),
        ),
        ("Credit balance is too low", key_is_empty),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, text, more);
        let listed_at = |at: &str| flat(run(&sandbox, at, &["incidents"], b"", &[]).success());
        let listed = listed_at(SOON);
        assert!(listed.contains("(still blocked)"), "{text}: {listed}");
        client.sends_prompt("2026-11-20T10:05:00Z", "Explain the parser.");
        let status = json!({"error": "server_error", "apiErrorStatus": 529});
        client.receives_error("2026-11-20T10:05:02Z", OVERLOADED, status);

        let at = "2026-11-20T10:06:00Z";
        let reply = answer(&client, at);
        let state = "The last prompt failed; the next one may work.";
        assert!(reply.contains(state), "{text}: {reply}");
        let listed = listed_at(at);
        for entry in [
            "10:05, just now (the next prompt may work) The service is overloaded",
            "10:00, 6 m ago (may still apply; another error followed)",
        ] {
            assert!(listed.contains(entry), "{text}: {entry}: {listed}");
        }
        assert!(!listed.contains("still blocked"), "{text}: {listed}");
    }

    // The 5-hour limit certainly still applies.
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_five_hour_limit(&client);
    let status = json!({"error": "server_error", "apiErrorStatus": 529});
    client.receives_error("2026-11-20T10:05:02Z", OVERLOADED, status);
    let at = "2026-11-20T10:06:00Z";
    let reply = answer(&client, at);
    assert!(reply.contains("You are still blocked."), "{reply}");
    let listed = flat(run(&sandbox, at, &["incidents"], b"", &[]).success());
    assert_eq!(listed.matches("(still blocked)").count(), 2, "{listed}");
}

/// The headline about the user's own cap stated the reset of the 5-hour window without the time left, unlike the headlines
/// about other limits.
#[test]
fn the_headline_about_the_users_own_cap_states_the_time_until_the_reset() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.calls_status_line(AT, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let text = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage?from=cc_cli_limit_message · your 5-hour limit resets 12pm (UTC)";
    let refusal = refused("five_hour", NOON, "org_level_disabled_until");
    client.receives_error(SOON, text, refusal);
    let headline = &client.explained("2026-11-20T10:22:00Z")["headline"];
    assert_eq!(
        headline,
        "You have reached your 5-hour limit and your own cap on usage credits; you can continue at 12:00, in 1 h 38 m."
    );
}

/// The limit still blocks the account, even if the session that reached it receives another error.
#[test]
fn other_rows_name_the_limit_although_another_error_followed_it() {
    for error in ["login", "overload"] {
        let sandbox = with_a_private_login();
        let [stopped, other] = two_sessions_of_login(&sandbox);
        other.calls_status_line(
            "2026-11-20T09:50:00Z",
            windows(90.0, NOON, 40.0, TUESDAY),
            160,
        );
        reaches_five_hour_limit(&stopped);
        let followed_at = "2026-11-20T10:08:00Z";
        if error == "login" {
            login_is_refused(&stopped, followed_at);
        } else {
            let status = json!({"error": "server_error", "apiErrorStatus": 529});
            stopped.receives_error(followed_at, "API Error: 529 Overloaded.", status);
        }
        let at = "2026-11-20T10:08:30Z";
        let row = other.calls_status_line(at, windows(90.0, NOON, 40.0, TUESDAY), 160);
        assert!(
            row.success().contains("5-hour limit · resets at 12:00"),
            "{error}: {row:?}"
        );
        let arguments = ["explain", "--session", "other", "--exit-code"];
        assert_eq!(other.run(at, &arguments, b"").code, 10, "{error}");
    }
}

/// Team and Enterprise accounts have no readings of the usage windows, and Claude Code reports none before a session's
/// first response.
#[test]
fn rows_of_other_sessions_show_the_limit_of_an_account_without_readings() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let [stopped, other] = two_sessions_of_login(&sandbox);
    other.calls_status_line("2026-11-20T09:50:00Z", Value::Null, 160);
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let at = "2026-11-20T10:01:00Z";
    let row = other.calls_status_line(at, Value::Null, 160);
    assert!(
        row.success().contains("5-hour limit · resets at 12:00"),
        "{row:?}"
    );
    let arguments = ["explain", "--session", "other", "--exit-code"];
    assert_eq!(other.run(at, &arguments, b"").code, 10);
}

/// A response that was requested before the limit was reached does not show that usage credits are in use. `now` and
/// `explain` agree on this.
#[test]
fn nobody_is_shown_as_paying_for_a_response_from_before_the_limit() {
    let sandbox = with_a_private_login();
    let [stopped, other] = two_sessions_of_login(&sandbox);
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T09:58:00Z", full.clone(), 160);
    other.sends_prompt("2026-11-20T09:59:00Z", "Explain the parser.");
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    stopped.receives_error(AT, FIVE_HOUR, refusal);
    stopped.calls_status_line(SOON, full, 160);
    other.works("2026-11-20T10:00:40Z", 100_000);
    let at = "2026-11-20T10:00:45Z";
    let now = stopped.run(at, &["now", "--json"], b"").json();
    assert_eq!(now["paying"], Value::Null, "{now:#}");
    let explained = flat(stopped.run(at, &["explain"], b"").success());
    assert!(!explained.contains("paying"), "{explained}");
}

/// A new terminal has no transcript before its first prompt, but Claude Code has registered its session.
#[test]
#[cfg(target_os = "linux")]
fn the_limit_also_applies_to_a_session_without_a_prompt() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    reaches_five_hour_limit(&stopped);
    let _process = crate::now::RunningClient::idle(&sandbox, "new");
    let at = "2026-11-20T10:01:00Z";
    let arguments = ["explain", "--session", "new", "--exit-code"];
    let explained = stopped.run(at, &arguments, b"");
    assert_eq!(explained.code, 10, "{explained:?}");
    let text = flat(&explained.stdout);
    assert!(text.contains("Your 5-hour limit is used up"), "{text}");
    let arguments = ["wait", "--session", "new", "--timeout", "1s"];
    let waited = stopped.run(at, &arguments, b"");
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
    // Nothing is known about this session.
    let arguments = ["explain", "--session", "unheard-of", "--exit-code"];
    assert_eq!(stopped.run(at, &arguments, b"").code, 12);
}

/// Anthropic's tiers do not apply to a gateway.
#[test]
fn a_user_of_a_gateway_is_not_told_to_buy_a_higher_tier_from_anthropic() {
    let sandbox = Sandbox::new();
    let mut client = Client::new(&sandbox);
    for (name, value) in [
        ("ANTHROPIC_AUTH_TOKEN", "dummy"),
        ("ANTHROPIC_BASE_URL", "https://gw.example.com"),
    ] {
        client.variables.push((name.to_owned(), value.to_owned()));
    }
    let text = "API Error: Request rejected (429) · This request would exceed your organization's rate limit of 30,000 input tokens per minute";
    client.receives_error(AT, text, json!({}));
    let incident = client.explained(SOON);
    let actions = incident["actions"].to_string();
    assert!(!actions.contains("higher tier"), "{incident:#}");
    assert!(actions.contains("Run fewer sessions"), "{incident:#}");
}

/// A weekly limit was reset early, and `claude -p` received a response. This does not prove that the limit is over.
/// `explain` mentioned the response, but `now`, `wait`, and `doctor` did not.
#[test]
fn every_command_mentions_a_response_that_does_not_prove_the_end_of_a_limit() {
    let sandbox = with_a_private_login();
    let [stopped, headless] = two_sessions_of_login(&sandbox);
    let refusal = refused("seven_day", TUESDAY, "org_level_disabled");
    stopped.receives_error(AT, WEEKLY, refusal);
    stopped.calls_status_line(SOON, windows(40.0, NOON, 100.0, TUESDAY), 120);
    headless.sends_prompt("2026-11-20T10:30:00Z", "Explain the parser.");
    headless.works("2026-11-20T10:30:05Z", 10);
    let at = "2026-11-20T10:31:00Z";
    let sentence = "Another session has received a response since then, but nothing shows that this limit is over.";
    let mut outputs = vec![answer(&stopped, at)];
    for arguments in [
        &["explain"][..],
        &["now"],
        &["wait", "--timeout", "1s"],
        &["doctor"],
    ] {
        let run = run(&sandbox, at, arguments, b"", &[]);
        run.stderr.as_str();
        outputs.push(flat(&run.stdout));
    }
    for output in outputs {
        assert!(output.contains(sentence), "{output}");
    }
}
