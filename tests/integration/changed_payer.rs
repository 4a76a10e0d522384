//! Tests that a limit of the login stays in force after its session has continued with another payer.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, run, windows};
use crate::newest_evidence::{five_hour_full, hits_limit};
use crate::now::RunningClient;
use crate::payers::starts_process;
use crate::situation::{
    FIVE_HOUR, NOON, OVERLOADED, PRIVATE, TUESDAY, WEEKLY, answer, belongs_to, flat,
    reaches_five_hour_limit, receives_balance_error, refused, with_a_private_login,
};
use crate::support::Sandbox;
use crate::wait::waits;

const KEY: (&str, &str) = ("ANTHROPIC_API_KEY", "sk-ant-dummy");
const BEDROCK: (&str, &str) = ("CLAUDE_CODE_USE_BEDROCK", "1");
/// Identifies the process that resumes a session. The first process of each session has another PID.
const SECOND_PROCESS: (&str, &str) = ("CLAUDE_PID", "4190002");
const LIMIT: &str = "Your 5-hour limit is used up";
const NO_BALANCE: &str = "Credit balance is too low";
const DAILY_QUOTA: &str =
    "API Error: Request rejected (429) · Too many tokens per day, please wait before trying again.";

/// A payer other than the login, and an error with which its requests are refused.
struct OtherPayer {
    variable: (&'static str, &'static str),
    text: &'static str,
    more: Value,
}

impl OtherPayer {
    fn key_without_credits() -> Self {
        Self {
            variable: KEY,
            text: NO_BALANCE,
            more: json!({"apiErrorStatus": 400, "error": "billing_error"}),
        }
    }

    fn cloud_provider_with_daily_quota() -> Self {
        Self {
            variable: BEDROCK,
            text: DAILY_QUOTA,
            more: json!({"apiErrorStatus": 429}),
        }
    }
}

/// Starts a session of the login, which receives a response.
fn session_of_login<'s>(sandbox: &'s Sandbox, name: &str) -> Client<'s> {
    let mut client = Client::with_session(sandbox, name);
    starts_process(&mut client, "2026-11-20T09:50:00Z", "startup", &[]);
    belongs_to(&client, PRIVATE, "private-organization");
    client.sends_prompt("2026-11-20T09:51:00Z", "hi");
    client.works("2026-11-20T09:51:10Z", 10);
    client
}

/// Ends the session's process. Another one with these environment variables resumes the session.
fn resumes(client: &mut Client<'_>, at: &str, variables: &[(&str, &str)]) {
    client.event(at, "SessionEnd", json!({"reason": "prompt_input_exit"}));
    starts_process(client, at, "resume", variables);
}

/// Sends a prompt, which receives a response.
fn continues(client: &Client<'_>, at: &str, response_at: &str) {
    client.event(at, "UserPromptSubmit", json!({"prompt": "go on"}));
    client.sends_prompt(at, "go on");
    client.works(response_at, 10);
}

/// Checks the screens of a session that the limit blocks.
fn assert_blocked(client: &Client<'_>, at: &str) {
    let row = flat(&plain_rows(client, at, five_hour_full()));
    assert!(
        row.contains("5-hour limit · resets at 12:00"),
        "{at}: {row}"
    );
    let reply = answer(client, at);
    assert!(reply.contains("You are still blocked."), "{at}: {reply}");
    let arguments = ["explain", "--exit-code", "--session", &client.session];
    let explained = run(client.sandbox, at, &arguments, b"", &[]);
    assert_eq!(explained.code, 10, "{at}: {explained:?}");
}

/// Checks the screens of a session that the limit does not block.
fn assert_not_blocked(client: &Client<'_>, at: &str) {
    let row = flat(&plain_rows(client, at, json!(null)));
    assert!(!row.contains("5-hour limit"), "{at}: {row}");
    let session = ["explain", "--exit-code", "--session", &client.session];
    let explained = run(client.sandbox, at, &session, b"", &[]);
    assert_eq!(explained.code, 0, "{at}: {explained:?}");
    for text in [answer(client, at), flat(&explained.stdout)] {
        let past =
            "Your 5-hour limit was used up, but the session now uses a different account or key";
        for part in [past, "nothing is blocking you"] {
            assert!(text.contains(part), "{at}: {part}: {text}");
        }
    }
    let waited = run(
        client.sandbox,
        at,
        &["wait", "--session", &client.session],
        b"",
        &[],
    );
    assert_eq!(waited.code, 0, "{at}: {waited:?}");
}

/// Checks that the limit blocks new sessions according to the commands in a shell that describe the present.
fn assert_blocks_new_sessions(sandbox: &Sandbox, at: &str) {
    let shell = Client::with_session(sandbox, "shell");
    let explained = shell.run(at, &["explain", "--exit-code"], b"");
    assert_eq!(explained.code, 10, "{at}: {explained:?}");
    assert!(
        flat(&explained.stdout).starts_with(LIMIT),
        "{at}: {explained:?}"
    );
    let waited = waits(&shell, at, &["--timeout", "1s"]);
    assert_eq!(waited.code, 124, "{at}: {waited:?}");
    assert!(waited.stderr.contains("timed out"), "{at}: {waited:?}");
    assert!(waited.stdout.contains("12:00"), "{at}: {waited:?}");
    let now = shell.run(at, &["now", "--json"], b"").json();
    assert_eq!(now["blocked"]["limit"], "five_hour", "{at}: {now:#}");
    assert_eq!(
        now["sessions"][0]["continues"],
        json!(null),
        "{at}: {now:#}"
    );
}

/// Checks that the limit blocks new sessions according to a shell, and that it is the only error.
fn assert_blocks_shell(sandbox: &Sandbox, at: &str) {
    assert_blocks_new_sessions(sandbox, at);
    let shell = Client::with_session(sandbox, "shell");
    let listed = flat(shell.run(at, &["incidents"], b"").success());
    let is_active = listed.contains("still blocking work") || listed.contains("still applies");
    assert!(is_active, "{at}: {listed}");
    assert!(!listed.contains("(over)"), "{at}: {listed}");
}

/// The login reached its 5-hour limit. Its session ended and was resumed with a key or a cloud provider. As soon as it received
/// a response, all screens said that the limit no longer applied. Before that, they said that the session was blocked.
#[test]
fn a_response_of_another_payer_in_the_same_session_does_not_end_a_limit_of_the_login() {
    for variable in [KEY, BEDROCK] {
        let sandbox = with_a_private_login();
        let other = session_of_login(&sandbox, "other");
        let mut stopped = session_of_login(&sandbox, "stopped");
        reaches_five_hour_limit(&stopped);
        assert_blocked(&stopped, "2026-11-20T10:00:10Z");

        let resumed_at = "2026-11-20T10:00:20Z";
        resumes(&mut stopped, resumed_at, &[variable]);
        let _process = RunningClient::resumed(&sandbox, "stopped", resumed_at);
        for (at, prompt_at, response_at) in [
            (
                "2026-11-20T10:00:30Z",
                "2026-11-20T10:00:40Z",
                "2026-11-20T10:00:50Z",
            ),
            (
                "2026-11-20T10:01:00Z",
                "2026-11-20T10:01:10Z",
                "2026-11-20T10:01:20Z",
            ),
        ] {
            assert_not_blocked(&stopped, at);
            assert_blocked(&other, at);
            assert_blocks_shell(&sandbox, at);
            continues(&stopped, prompt_at, response_at);
        }

        let listed = other.run("2026-11-20T10:01:30Z", &["incidents", "--json"], b"");
        let sums = &listed.json()["sums"];
        assert_eq!(sums["blocked_s"], 50, "{sums:#}");

        resumes(&mut stopped, "2026-11-20T10:02:00Z", &[]);
        assert_blocked(&stopped, "2026-11-20T10:02:10Z");
        assert_blocked(&other, "2026-11-20T10:02:10Z");
    }
}

/// A session of the login was stopped by the 5-hour limit, continued with another account, and returned to the first one. All
/// screens said that the limit no longer applied.
#[test]
fn a_response_of_another_account_in_the_same_session_does_not_end_a_limit() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    reaches_five_hour_limit(&stopped);
    belongs_to(&stopped, "company-account", "company-organization");
    continues(&stopped, "2026-11-20T10:01:00Z", "2026-11-20T10:01:10Z");
    belongs_to(&stopped, PRIVATE, "private-organization");
    assert_blocked(&stopped, "2026-11-20T10:01:20Z");
    let room = windows(5.0, NOON, 40.0, TUESDAY);
    continues(&stopped, "2026-11-20T10:05:00Z", "2026-11-20T10:05:10Z");
    let row = flat(&plain_rows(&stopped, "2026-11-20T10:05:11Z", room));
    assert!(!row.contains("5-hour limit"), "{row}");
    let explained = stopped.run("2026-11-20T10:05:20Z", &["explain", "--exit-code"], b"");
    assert_eq!(explained.code, 0, "{explained:?}");
}

/// The login had reached its 5-hour limit, and then a session with Amazon Bedrock failed. In a shell, `explain` and `now` said
/// nothing about the limit, and that sessions that show no error may work. `wait` did not wait for the reset.
#[test]
fn an_error_of_a_cloud_provider_does_not_hide_the_limit_of_the_login_in_a_shell() {
    for (text, more) in [
        (DAILY_QUOTA, json!({"apiErrorStatus": 429})),
        (OVERLOADED, json!({"apiErrorStatus": 529})),
    ] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        reaches_five_hour_limit(&stopped);
        let mut with_bedrock = Client::with_session(&sandbox, "with-bedrock");
        starts_process(
            &mut with_bedrock,
            "2026-11-20T09:52:00Z",
            "startup",
            &[BEDROCK],
        );
        with_bedrock.receives_error("2026-11-20T10:00:20Z", text, more);
        let at = "2026-11-20T10:00:40Z";
        assert_blocks_shell(&sandbox, at);
        let with_provider = [(BEDROCK.0.to_owned(), BEDROCK.1.to_owned())];
        let explained = run(&sandbox, at, &["explain"], b"", &with_provider);
        let headline = flat(explained.success());
        assert!(!headline.starts_with(LIMIT), "{headline}");
    }
}

/// Checks that the limit does not block new sessions according to a shell with these environment variables.
fn assert_does_not_block_shell(sandbox: &Sandbox, at: &str, variables: &[(&str, &str)]) {
    let mut shell = Client::with_session(sandbox, "shell");
    shell.variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let explained = shell.run(at, &["explain", "--exit-code"], b"");
    assert_eq!(explained.code, 0, "{at}: {explained:?}");
    let waited = waits(&shell, at, &["--timeout", "1s"]);
    assert_eq!(waited.code, 0, "{at}: {waited:?}");
    let now = shell.run(at, &["now", "--json"], b"").json();
    assert_eq!(now["blocked"], json!(null), "{at}: {now:#}");
}

/// A session that the 5-hour limit had stopped was resumed with a key. In the shell with this key, `explain --exit-code`
/// still returned 10 after a response, and `wait` waited for the reset of the login's window.
#[test]
fn a_limit_of_the_login_does_not_block_a_shell_with_the_key_that_continues_the_session() {
    for variable in [KEY, BEDROCK] {
        let sandbox = with_a_private_login();
        let mut stopped = session_of_login(&sandbox, "stopped");
        reaches_five_hour_limit(&stopped);
        let resumed_at = "2026-11-20T10:00:20Z";
        resumes(&mut stopped, resumed_at, &[variable]);
        let _process = RunningClient::resumed(&sandbox, "stopped", resumed_at);
        continues(&stopped, "2026-11-20T10:00:40Z", "2026-11-20T10:00:50Z");
        assert_does_not_block_shell(&sandbox, "2026-11-20T10:01:00Z", &[variable]);
        assert_blocks_shell(&sandbox, "2026-11-20T10:01:00Z");
    }
}

/// The 5-hour limit stopped a session, or its login was refused. After `/login` to another account, the session received
/// responses, but a shell was still said to be blocked.
#[test]
fn an_error_of_the_earlier_account_does_not_block_a_shell_after_a_login_to_another_one() {
    for is_limit in [true, false] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        if is_limit {
            reaches_five_hour_limit(&stopped);
        } else {
            let more = json!({"error": "authentication_failed", "apiErrorStatus": 401});
            stopped.receives_error(
                "2026-11-20T10:00:00Z",
                "Please run /login · API Error: 401 OAuth token has expired.",
                more,
            );
        }
        let _process = RunningClient::resumed(&sandbox, "stopped", "2026-11-20T09:50:00Z");
        let login = json!({"accountUuid": "company-account", "organizationType": "claude_max"});
        sandbox.write(".claude.json", json!({"oauthAccount": login}).to_string());
        belongs_to(&stopped, "company-account", "company-organization");
        continues(&stopped, "2026-11-20T10:01:00Z", "2026-11-20T10:01:10Z");
        assert_does_not_block_shell(&sandbox, "2026-11-20T10:02:00Z", &[]);
    }
}

/// The login had reached its 5-hour limit, and then a session failed whose project selects Amazon Bedrock in its settings.
/// A shell, which does not know these settings, may be in this project. `explain` named only the limit there, and `wait`
/// waited for its reset.
#[test]
fn an_error_of_a_cloud_provider_in_the_settings_of_a_project_is_explained_in_a_shell() {
    for file in ["settings.json", "settings.local.json"] {
        let sandbox = with_a_private_login();
        let stopped = session_of_login(&sandbox, "stopped");
        reaches_five_hour_limit(&stopped);
        let settings = json!({"env": {"CLAUDE_CODE_USE_BEDROCK": "1"}});
        sandbox.write(&format!("work/.claude/{file}"), settings.to_string());
        let project = sandbox.path("work").display().to_string();
        let mut in_project = Client::with_session(&sandbox, "in-project");
        let project_variable = ("CLAUDE_PROJECT_DIR", project.as_str());
        starts_process(
            &mut in_project,
            "2026-11-20T09:52:00Z",
            "startup",
            &[project_variable],
        );
        let more = json!({"apiErrorStatus": 429});
        in_project.receives_error("2026-11-20T10:00:20Z", DAILY_QUOTA, more);
        let shell = Client::with_session(&sandbox, "shell");
        let at = "2026-11-20T10:00:40Z";
        let headline = flat(shell.run(at, &["explain"], b"").success());
        assert!(!headline.starts_with(LIMIT), "{file}: {headline}");
        let waited = waits(&shell, at, &["--timeout", "1s"]);
        assert!(waited.stderr.contains("timed out"), "{file}: {waited:?}");
        assert!(!waited.stdout.contains("12:00"), "{file}: {waited:?}");
    }
}

/// Stops a session of the login at its 5-hour limit at 10:00. The session is then resumed with another payer, whose requests
/// are refused as well. Returns this session and another session of the login.
fn both_payers_are_refused<'s>(sandbox: &'s Sandbox, other_payer: &OtherPayer) -> [Client<'s>; 2] {
    let idle = session_of_login(sandbox, "idle");
    let mut stopped = session_of_login(sandbox, "stopped");
    reaches_five_hour_limit(&stopped);
    resumes(
        &mut stopped,
        "2026-11-20T10:01:00Z",
        &[other_payer.variable, SECOND_PROCESS],
    );
    for at in ["2026-11-20T10:02:00Z", "2026-11-20T10:02:10Z"] {
        stopped.receives_error(at, other_payer.text, &other_payer.more);
    }
    [stopped, idle]
}

/// Only the newest error of each session counted. The refusal of a key or a cloud provider, with which the session was
/// resumed, therefore hid the limit of the login that had stopped the session before. In a shell, `explain`, `now`, and `wait`
/// said that nothing was blocked.
#[test]
fn a_refusal_of_another_payer_in_the_same_session_does_not_hide_the_limit_of_the_login_in_a_shell()
{
    for payer in [
        OtherPayer::key_without_credits(),
        OtherPayer::cloud_provider_with_daily_quota(),
    ] {
        let sandbox = with_a_private_login();
        both_payers_are_refused(&sandbox, &payer);
        let at = "2026-11-20T10:03:00Z";
        assert_blocks_new_sessions(&sandbox, at);
        let listed = flat(run(&sandbox, at, &["incidents"], b"", &[]).success());
        let stop = format!("10:00, 3 m ago (still blocked) {LIMIT}");
        assert!(listed.contains(&stop), "{listed}");
    }
}

/// The rows and `/whycap` of the other sessions of the login no longer mentioned the limit.
#[test]
fn a_refusal_of_another_payer_in_the_same_session_does_not_hide_the_limit_from_other_sessions() {
    for payer in [
        OtherPayer::key_without_credits(),
        OtherPayer::cloud_provider_with_daily_quota(),
    ] {
        let sandbox = with_a_private_login();
        let [_, idle] = both_payers_are_refused(&sandbox, &payer);
        assert_blocked(&idle, "2026-11-20T10:03:00Z");
    }
}

/// A script repeats a prompt with the key. The row considered only the newest errors of the session, which were all
/// about the key.
#[test]
fn repeated_refusals_of_a_key_do_not_hide_the_limit_of_the_login_from_other_sessions() {
    let sandbox = with_a_private_login();
    let key = OtherPayer::key_without_credits();
    let [stopped, idle] = both_payers_are_refused(&sandbox, &key);
    for second in 10..20 {
        let at = format!("2026-11-20T10:03:{second}Z");
        stopped.receives_error(&at, key.text, &key.more);
    }
    assert_blocked(&idle, "2026-11-20T10:04:00Z");
}

/// The session itself now uses the key, so the limit of the login does not block it.
#[test]
fn a_session_that_was_resumed_with_a_key_names_the_refusal_of_the_key() {
    let sandbox = with_a_private_login();
    let key = OtherPayer::key_without_credits();
    let [stopped, _] = both_payers_are_refused(&sandbox, &key);
    let at = "2026-11-20T10:03:00Z";
    let session = ["explain", "--session", &stopped.session];
    for shown in [
        flat(&plain_rows(&stopped, at, json!(null))),
        answer(&stopped, at),
        flat(run(&sandbox, at, &session, b"", &stopped.variables).success()),
    ] {
        let names_key = shown.contains("API key") || shown.contains("ANTHROPIC_API_KEY");
        assert!(names_key, "{shown}");
        assert!(!shown.starts_with(LIMIT), "{shown}");
        assert!(!shown.contains("5-hour limit · resets"), "{shown}");
    }
}

/// A session of the login reached the weekly limit, and was then resumed with a key without credits. After the 5-hour
/// window had reset, the row of a waiting session said that the limit should have reset.
#[test]
fn the_row_knows_a_weekly_limit_of_a_session_that_was_resumed_with_a_key() {
    let sandbox = with_a_private_login();
    let waiting = session_of_login(&sandbox, "waiting");
    let mut weekly = session_of_login(&sandbox, "weekly");
    // The weekly window is nearly full, so it may fill up within minutes.
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, "org_level_disabled"),
        windows(100.0, NOON, 99.0, TUESDAY),
    );
    weekly.receives_error(
        "2026-11-20T10:05:00Z",
        WEEKLY,
        refused("seven_day", TUESDAY, "org_level_disabled"),
    );
    resumes(&mut weekly, "2026-11-20T10:06:00Z", &[KEY, SECOND_PROCESS]);
    receives_balance_error(&weekly, "2026-11-20T10:07:00Z");
    let at = "2026-11-20T12:00:30Z";
    let row = flat(&plain_rows(&waiting, at, json!(null)));
    assert!(row.contains("weekly limit"), "{row}");
    assert!(row.contains("Tue Nov 24 06:00"), "{row}");
}

/// A key was refused before its session was resumed with the login, which reached its 5-hour limit.
#[test]
fn a_limit_of_the_login_hides_an_earlier_refusal_of_a_key_in_the_same_session() {
    let sandbox = with_a_private_login();
    let idle = session_of_login(&sandbox, "idle");
    let mut stopped = session_of_login(&sandbox, "stopped");
    resumes(&mut stopped, "2026-11-20T09:55:00Z", &[KEY, SECOND_PROCESS]);
    receives_balance_error(&stopped, "2026-11-20T09:56:00Z");
    resumes(&mut stopped, "2026-11-20T09:57:00Z", &[]);
    reaches_five_hour_limit(&stopped);
    let at = "2026-11-20T10:03:00Z";
    assert_blocks_new_sessions(&sandbox, at);
    for client in [&stopped, &idle] {
        assert_blocked(client, at);
    }
    let _process = RunningClient::idle(&sandbox, &stopped.session);
    let now = flat(run(&sandbox, at, &["now"], b"", &[]).success());
    assert!(!now.contains("its key has no credits"), "{now}");
}

/// A session of the login reached its limit, continued with another payer, whose requests were refused, and returned to the
/// login, which was refused again. The error of a cloud provider went on blocking the session, although it was over.
#[test]
fn a_limit_of_the_login_ends_an_earlier_error_of_another_payer_in_the_same_session() {
    for payer in [
        OtherPayer::key_without_credits(),
        OtherPayer::cloud_provider_with_daily_quota(),
    ] {
        let sandbox = with_a_private_login();
        let [mut stopped, _] = both_payers_are_refused(&sandbox, &payer);
        resumes(&mut stopped, "2026-11-20T10:05:00Z", &[]);
        stopped.receives_error(
            "2026-11-20T10:06:00Z",
            FIVE_HOUR,
            refused("five_hour", NOON, ""),
        );
        stopped.calls_status_line("2026-11-20T10:06:02Z", five_hour_full(), 120);
        let at = "2026-11-20T12:05:00Z";
        let row = flat(&plain_rows(&stopped, at, json!(null)));
        let session = ["explain", "--session", &stopped.session];
        let explained = flat(run(&sandbox, at, &session, b"", &[]).success());
        for shown in [&row, &explained, &answer(&stopped, at)] {
            assert!(!shown.contains("quota"), "{}: {shown}", payer.text);
            assert!(!shown.contains("still blocked"), "{}: {shown}", payer.text);
        }
        let exit = ["explain", "--exit-code", "--session", &stopped.session];
        let code = run(&sandbox, at, &exit, b"", &[]).code;
        assert_eq!(code, 0, "{}: {explained}", payer.text);
        let waited = waits(&stopped, at, &["--timeout", "1s"]);
        assert_eq!(waited.code, 0, "{}: {waited:?}", payer.text);
    }
}

/// A session of the login reached the weekly limit, continued with another account, and reached a limit of that account. This
/// limit hid the weekly limit of the login from the row of another session.
#[test]
fn a_limit_of_another_account_does_not_hide_the_weekly_limit_of_the_login_in_a_row() {
    let sandbox = with_a_private_login();
    let waiting = session_of_login(&sandbox, "waiting");
    let weekly = session_of_login(&sandbox, "weekly");
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, "org_level_disabled"),
        windows(100.0, NOON, 99.0, TUESDAY),
    );
    let refusal = refused("seven_day", TUESDAY, "org_level_disabled");
    weekly.receives_error("2026-11-20T10:05:00Z", WEEKLY, refusal.clone());
    belongs_to(&weekly, "company-account", "company-organization");
    weekly.receives_error(
        "2026-11-20T10:07:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    belongs_to(&weekly, PRIVATE, "private-organization");
    for at in ["2026-11-20T10:10:00Z", "2026-11-20T12:00:30Z"] {
        let row = flat(&plain_rows(&waiting, at, json!(null)));
        assert!(row.contains("weekly limit"), "{at}: {row}");
        assert!(row.contains("Tue Nov 24 06:00"), "{at}: {row}");
    }
}
