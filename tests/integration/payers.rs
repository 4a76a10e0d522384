//! Tests that a response ends an error only if it has the same payer as the failed request.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, run, windows};
use crate::newest_evidence::five_hour_full;
#[cfg(target_os = "linux")]
use crate::newest_evidence::receives_response;
#[cfg(target_os = "linux")]
use crate::now::RunningClient;
#[cfg(target_os = "linux")]
use crate::situation::session_with_token;
use crate::situation::{
    AT, FIVE_HOUR, NOON, ORG, PRIVATE, SOON, TUESDAY, answer, belongs_to, flat,
    reaches_five_hour_limit, receives_balance_error, receives_overload_error, refused,
    with_a_private_login,
};
use crate::support::Sandbox;
use crate::wait::waits;

const KEY: (&str, &str) = ("ANTHROPIC_API_KEY", "sk-ant-dummy");
const BEDROCK: (&str, &str) = ("CLAUDE_CODE_USE_BEDROCK", "1");
const VERTEX: (&str, &str) = ("CLAUDE_CODE_USE_VERTEX", "1");
const TOKEN: (&str, &str) = ("CLAUDE_CODE_OAUTH_TOKEN", "hidden");
const GATEWAY: (&str, &str) = ("ANTHROPIC_BASE_URL", "https://gateway.example.com");
const GATEWAY_TOKEN: (&str, &str) = ("ANTHROPIC_AUTH_TOKEN", "hidden");
const FIRST_PROCESS: (&str, &str) = ("CLAUDE_PID", "4190001");
const SECOND_PROCESS: (&str, &str) = ("CLAUDE_PID", "4190002");

/// Starts a session with these environment variables.
fn starts_session<'s>(sandbox: &'s Sandbox, name: &str, variables: &[(&str, &str)]) -> Client<'s> {
    let mut client = Client::with_session(sandbox, name);
    starts_process(&mut client, "2026-11-20T09:50:00Z", "startup", variables);
    client
}

/// Starts a process with these environment variables that works on the session.
pub fn starts_process(client: &mut Client<'_>, at: &str, source: &str, variables: &[(&str, &str)]) {
    client.variables = [("CLAUDECODE", "1")]
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    client.event(at, "SessionStart", json!({"source": source}));
}

/// Starts a session of the login. Unlike in other tests, the hook stores the start, as it does for users.
fn session_of_login<'s>(sandbox: &'s Sandbox, name: &str) -> Client<'s> {
    let mut client = Client::with_session(sandbox, name);
    starts_process(&mut client, "2026-11-20T06:20:00Z", "startup", &[]);
    belongs_to(&client, PRIVATE, "private-organization");
    client
}

/// The output of `explain --exit-code`.
#[derive(Debug)]
struct Explanation {
    exit_code: i32,
    text: String,
}

/// Runs `explain --exit-code --session` in a shell.
fn explained_in_shell(client: &Client<'_>, at: &str) -> Explanation {
    explained_with(client, at, &[])
}

/// Runs `explain --exit-code --session` in a shell with the session's environment variables.
fn explained_with_its_variables(client: &Client<'_>, at: &str) -> Explanation {
    explained_with(client, at, &client.variables)
}

fn explained_with(client: &Client<'_>, at: &str, variables: &[(String, String)]) -> Explanation {
    let arguments = ["explain", "--exit-code", "--session", &client.session];
    let explained = run(client.sandbox, at, &arguments, b"", variables);
    Explanation {
        exit_code: explained.code,
        text: flat(&explained.stdout),
    }
}

/// Returns the output of `now --json` in a shell.
fn now_in_shell(sandbox: &Sandbox, at: &str) -> Value {
    run(sandbox, at, &["now", "--json"], b"", &[]).json()
}

/// Simulates a response and the status-line call that reports a full 5-hour window.
fn reports_full_window(client: &Client<'_>) {
    client.works("2026-11-20T09:59:00Z", 10);
    client.calls_status_line(SOON, five_hour_full(), 120);
}

/// Starts a session that reports a full 5-hour window. Its client is older than version 2.1.285, so the transcript does not
/// name the account.
fn starts_old_client<'s>(
    sandbox: &'s Sandbox,
    name: &str,
    variables: &[(&str, &str)],
) -> Client<'s> {
    let mut client = Client::with_session(sandbox, name);
    "2.1.284".clone_into(&mut client.version);
    starts_process(&mut client, "2026-11-20T09:50:00Z", "startup", variables);
    reports_full_window(&client);
    client
}

/// A key had no credits. Then a session with Amazon Bedrock, Google Vertex AI, or a gateway received a response, and
/// whycap said that the error was over.
#[test]
fn a_response_of_another_service_does_not_end_the_error_of_a_key() {
    for (variables, code) in [
        (&[BEDROCK][..], 11),
        (&[VERTEX], 11),
        (&[GATEWAY, GATEWAY_TOKEN], 11),
        (&[KEY], 0),
    ] {
        let sandbox = with_a_private_login();
        let with_key = starts_session(&sandbox, "with-key", &[KEY]);
        receives_balance_error(&with_key, AT);
        let other = starts_session(&sandbox, "other", variables);
        other.works("2026-11-20T10:03:00Z", 10);
        let at = "2026-11-20T10:04:00Z";
        let row = flat(&plain_rows(&with_key, at, json!(null)));
        assert_eq!(
            row.contains("another session"),
            code == 0,
            "{variables:?}: {row}"
        );
        let explained = explained_with_its_variables(&with_key, at);
        assert_eq!(explained.exit_code, code, "{variables:?}: {explained:?}");
    }
}

/// The budget at a gateway was used up. Then a session with a key of the API, which does not use the gateway, received a
/// response, and whycap said that the error was over.
#[test]
fn a_response_from_outside_a_gateway_does_not_end_the_budget_of_the_gateway() {
    let other_gateway = ("ANTHROPIC_BASE_URL", "https://other.example.com");
    for (variables, code) in [
        (&[KEY][..], 11),
        (&[BEDROCK], 11),
        (&[other_gateway, GATEWAY_TOKEN], 11),
        (&[GATEWAY, GATEWAY_TOKEN], 0),
    ] {
        let sandbox = with_a_private_login();
        let behind_gateway = starts_session(&sandbox, "gateway", &[GATEWAY, GATEWAY_TOKEN]);
        let text = "API Error: 400 Budget has been exceeded! Team=x Current cost: 3000.17, Max budget: 3000.0";
        behind_gateway.receives_error(AT, text, json!({"apiErrorStatus": 400, "error": "unknown"}));
        let other = starts_session(&sandbox, "other", variables);
        other.works("2026-11-20T10:03:00Z", 10);
        let explained = explained_in_shell(&behind_gateway, "2026-11-20T10:04:00Z");
        assert_eq!(explained.exit_code, code, "{variables:?}: {explained:?}");
    }
}

/// The daily quota at Amazon Bedrock was used up. Then a session of the login received a response, and whycap said that
/// the error was over.
#[test]
fn a_response_of_the_plan_does_not_end_the_daily_quota_of_a_cloud_provider() {
    let sandbox = with_a_private_login();
    let with_bedrock = starts_session(&sandbox, "bedrock", &[BEDROCK]);
    let text = "API Error: Request rejected (429) · Too many tokens per day, please wait before trying again.";
    with_bedrock.receives_error(AT, text, json!({"apiErrorStatus": 429}));
    let of_login = session_of_login(&sandbox, "of-login");
    of_login.works("2026-11-20T10:03:00Z", 10);
    let explained = explained_in_shell(&with_bedrock, "2026-11-20T10:04:00Z");
    assert_eq!(explained.exit_code, 10, "{explained:?}");

    let other = starts_session(&sandbox, "other", &[BEDROCK]);
    other.works("2026-11-20T10:05:00Z", 10);
    let explained = explained_in_shell(&with_bedrock, "2026-11-20T10:06:00Z");
    assert_eq!(explained.exit_code, 0, "{explained:?}");
}

/// A session of the login was running when a key was added to the settings. The session then reached its organization's
/// spend limit. A run of `claude -p` with the key received a response, and whycap said that the spend limit was over.
#[test]
fn a_key_that_was_added_to_the_settings_later_does_not_pay_for_a_session_of_the_login() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    let settings = json!({"env": {"ANTHROPIC_API_KEY": "sk-ant-dummy"}});
    sandbox.write(".claude/settings.json", settings.to_string());
    let refusal = refused("five_hour", NOON, "org_level_disabled_until");
    of_login.receives_error(AT, ORG, refusal);
    let with_key = starts_session(&sandbox, "with-key", &[KEY]);
    with_key.works("2026-11-20T10:03:00Z", 10);
    let explained = explained_in_shell(&of_login, "2026-11-20T10:04:00Z");
    assert_eq!(explained.exit_code, 10, "{explained:?}");
}

/// Starts a session of the login that receives a response. Another process with these environment variables then resumes
/// it. The transcript still names the account of the login.
fn resumes_session_of_login<'s>(sandbox: &'s Sandbox, variables: &[(&str, &str)]) -> Client<'s> {
    let mut client = starts_session(sandbox, "resumed", &[]);
    belongs_to(&client, PRIVATE, "private-organization");
    client.works("2026-11-20T09:51:00Z", 10);
    starts_process(&mut client, "2026-11-20T09:55:00Z", "resume", variables);
    client
}

/// Simulates a request whose login the server does not accept.
fn is_refused_login(client: &Client<'_>) {
    let refused = json!({"apiErrorStatus": 401, "error": "authentication_failed"});
    client.receives_error(
        AT,
        "Please run /login · API Error: 401 OAuth token revoked",
        refused,
    );
}

/// The login was refused in one session. A session that belonged to the login, but had been resumed with a key, a token, or
/// Amazon Bedrock, received a response, and whycap said that the login worked again.
#[test]
fn a_response_in_a_session_that_was_resumed_with_another_payer_does_not_end_the_error_of_the_login()
{
    for (variables, code) in [(&[KEY][..], 11), (&[TOKEN], 11), (&[BEDROCK], 11), (&[], 0)] {
        let sandbox = with_a_private_login();
        let of_login = session_of_login(&sandbox, "of-login");
        let resumed = resumes_session_of_login(&sandbox, variables);
        is_refused_login(&of_login);
        resumed.works("2026-11-20T10:03:00Z", 10);
        let explained = explained_in_shell(&of_login, "2026-11-20T10:04:00Z");
        assert_eq!(explained.exit_code, code, "{variables:?}: {explained:?}");
    }
}

/// The user had declined the key in the environment, so each process that works on the session uses the login.
#[test]
fn a_session_with_a_declined_key_belongs_to_the_login_after_it_is_resumed() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    let mut resumed = starts_session(&sandbox, "resumed", &[KEY]);
    belongs_to(&resumed, PRIVATE, "private-organization");
    resumed.works("2026-11-20T09:51:00Z", 10);
    starts_process(&mut resumed, "2026-11-20T09:55:00Z", "resume", &[KEY]);
    is_refused_login(&of_login);
    resumed.works("2026-11-20T10:03:00Z", 10);
    let explained = explained_in_shell(&of_login, "2026-11-20T10:04:00Z");
    assert_eq!(explained.exit_code, 0, "{explained:?}");
}

/// The login had reached its 5-hour limit. A session had been resumed with another payer, and `explain --session` said that
/// the limit also applied to that session. If the payer was a token, the row said so, too.
#[test]
fn a_limit_of_the_login_does_not_apply_to_a_session_that_was_resumed_with_another_payer() {
    for (variables, code) in [
        (&[KEY][..], 0),
        (&[TOKEN], 0),
        (&[GATEWAY, GATEWAY_TOKEN], 0),
        (&[], 10),
    ] {
        let sandbox = with_a_private_login();
        let of_login = session_of_login(&sandbox, "of-login");
        let resumed = resumes_session_of_login(&sandbox, variables);
        reaches_five_hour_limit(&of_login);
        let at = "2026-11-20T10:00:30Z";
        let explained = explained_in_shell(&resumed, at);
        assert_eq!(explained.exit_code, code, "{variables:?}: {explained:?}");
        let row = flat(&plain_rows(&resumed, at, json!(null)));
        assert_eq!(
            row.contains("5-hour limit"),
            code != 0,
            "{variables:?}: {row}"
        );
    }
}

/// The key of a resumed session had no credits. whycap attributed the error to the login that the transcript names.
#[test]
fn an_error_of_a_session_that_was_resumed_with_a_key_is_an_error_of_the_key() {
    let sandbox = with_a_private_login();
    let resumed = resumes_session_of_login(&sandbox, &[KEY]);
    receives_balance_error(&resumed, AT);
    assert_eq!(resumed.explained(SOON)["owner"], json!(null));

    let of_login = session_of_login(&sandbox, "of-login");
    of_login.works("2026-11-20T10:03:00Z", 10);
    let explained = explained_with_its_variables(&resumed, "2026-11-20T10:04:00Z");
    assert_eq!(explained.exit_code, 11, "{explained:?}");
}

/// The 5-hour window of the login was full. A session that had been resumed with a key received a response, and whycap said
/// that usage credits paid for it.
#[test]
fn usage_credits_do_not_pay_for_a_session_that_was_resumed_with_a_key() {
    for (variables, pays) in [(&[KEY][..], false), (&[], true)] {
        let sandbox = with_a_private_login();
        let of_login = session_of_login(&sandbox, "of-login");
        let resumed = resumes_session_of_login(&sandbox, variables);
        reports_full_window(&of_login);
        resumed.works("2026-11-20T10:03:00Z", 100_000);
        let at = "2026-11-20T10:04:00Z";
        let now = now_in_shell(&sandbox, at);
        assert_eq!(now["paying"].is_object(), pays, "{variables:?}: {now:#}");
    }
}

/// Simulates a response in a session with a key after [`AT`]. The session is then closed and resumed without the key, so
/// its transcript names the account of the login.
fn uses_key_and_is_resumed_without_it(sandbox: &Sandbox) -> Client<'_> {
    let mut client = starts_session(sandbox, "with-key", &[KEY, FIRST_PROCESS]);
    client.sends_prompt("2026-11-20T10:00:20Z", "go on");
    client.works("2026-11-20T10:00:30Z", 100_000);
    let variables = [SECOND_PROCESS];
    starts_process(&mut client, "2026-11-20T10:01:00Z", "resume", &variables);
    belongs_to(&client, PRIVATE, "private-organization");
    client
}

/// The 5-hour window of the login was full, a session with a key received a response, and the session was then resumed
/// without the key. From then on, the response counted as one of the login: the row and `now` said that usage credits
/// paid for it, `now` counted it as usage of the window, and `explain` no longer said "You are still blocked."
#[test]
fn a_response_of_a_key_remains_one_after_its_session_is_resumed_without_the_key() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    reaches_five_hour_limit(&of_login);
    let resumed = uses_key_and_is_resumed_without_it(&sandbox);
    let at = "2026-11-20T10:01:30Z";

    let row = flat(&plain_rows(&resumed, at, five_hour_full()));
    assert!(!row.contains("paying"), "{row}");
    let now = flat(run(&sandbox, at, &["now"], b"", &[]).success());
    assert!(!now.to_lowercase().contains("paying"), "{now}");
    assert!(!now.contains("of 5h spend"), "{now}");
    let explained = explained_in_shell(&of_login, at);
    assert!(
        explained.text.contains("You are still blocked."),
        "{explained:?}"
    );
}

/// The service was overloaded for a session of the login. A response that a session with a key had received ended this
/// error as soon as the session was resumed without the key.
#[test]
fn a_response_of_a_key_does_not_end_an_overload_after_its_session_is_resumed_without_the_key() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    receives_overload_error(&of_login, AT);
    uses_key_and_is_resumed_without_it(&sandbox);
    let explained = explained_in_shell(&of_login, "2026-11-20T10:01:30Z");
    assert_eq!(explained.exit_code, 10, "{explained:?}");
}

/// A key without credits received a response after somebody had added funds. When its session was resumed without the
/// key, `incidents` said that Claude Code had received this response without the key.
#[test]
fn a_response_of_a_key_ends_its_error_even_if_the_session_is_later_resumed_without_the_key() {
    let sandbox = with_a_private_login();
    let mut client = starts_session(&sandbox, "with-key", &[KEY, FIRST_PROCESS]);
    receives_balance_error(&client, AT);
    client.sends_prompt("2026-11-20T10:03:00Z", "go on");
    client.works("2026-11-20T10:03:10Z", 10);
    let variables = [SECOND_PROCESS];
    starts_process(&mut client, "2026-11-20T10:05:00Z", "resume", &variables);
    belongs_to(&client, PRIVATE, "private-organization");
    let at = "2026-11-20T10:06:00Z";
    let listed = run(&sandbox, at, &["incidents"], b"", &[]);
    let listed = flat(listed.success());
    assert!(
        listed.contains("Claude Code responded at 10:03"),
        "{listed}"
    );
    assert!(!listed.contains("without the key"), "{listed}");
}

/// A session was started with a token and later resumed with the login. Claude Code does not name the account in the
/// transcript of such a session. `explain --session` used to say that it was not blocked while the login was at its limit.
#[test]
fn a_limit_of_the_login_applies_to_a_session_that_started_with_a_token() {
    let sandbox = with_a_private_login();
    let mut resumed = starts_session(&sandbox, "resumed", &[TOKEN]);
    resumed.works("2026-11-20T09:51:00Z", 10);
    starts_process(&mut resumed, "2026-11-20T09:55:00Z", "resume", &[]);
    reaches_five_hour_limit(&session_of_login(&sandbox, "stopped"));
    let at = "2026-11-20T10:01:00Z";
    let row = flat(&plain_rows(
        &resumed,
        at,
        windows(98.0, NOON, 40.0, TUESDAY),
    ));
    assert!(row.contains("5-hour limit · resets at 12:00"), "{row}");
    let explained = explained_in_shell(&resumed, at);
    assert_eq!(explained.exit_code, 10, "{explained:?}");
    assert!(explained.text.contains("5-hour limit"), "{explained:?}");
    // With the token, the limit does not apply.
    starts_process(&mut resumed, "2026-11-20T10:02:00Z", "resume", &[TOKEN]);
    let explained = explained_in_shell(&resumed, "2026-11-20T10:03:00Z");
    assert_eq!(explained.exit_code, 0, "{explained:?}");
}

/// A session of another account had reached its limit. `/whycap` in a session of the login, and in a session that had
/// been resumed with a key, advised waiting for that limit.
#[test]
fn whycap_says_that_the_limit_of_another_payer_does_not_block_the_session() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    of_login.works("2026-11-20T09:50:00Z", 10);
    let of_company = Client::with_session(&sandbox, "of-company");
    belongs_to(&of_company, "company-account", "company-organization");
    reaches_five_hour_limit(&of_company);
    let resumed = resumes_session_of_login(&sandbox, &[KEY]);
    let at = "2026-11-20T10:00:30Z";
    for client in [&of_login, &resumed] {
        let reply = answer(client, at);
        assert!(reply.contains("nothing is blocking you"), "{reply}");
        assert!(!reply.contains("Wait until"), "{reply}");
        assert!(!reply.contains("This session uses"), "{reply}");
    }
    let reply = answer(&of_company, at);
    assert!(reply.contains("You are still blocked."), "{reply}");
}

/// The login had reached its 5-hour limit, which stopped all of its sessions. `/whycap` in a session with a key said that
/// the limit affected only one session.
#[test]
fn whycap_says_that_a_limit_of_the_login_does_not_apply_to_a_session_with_a_key() {
    for responds_later in [true, false] {
        let sandbox = with_a_private_login();
        let with_key = starts_session(&sandbox, "with-key", &[KEY]);
        with_key.works("2026-11-20T09:51:00Z", 10);
        reaches_five_hour_limit(&session_of_login(&sandbox, "of-login"));
        if responds_later {
            with_key.sends_prompt("2026-11-20T10:00:20Z", "go on");
            with_key.works("2026-11-20T10:00:25Z", 10);
        }
        let reply = answer(&with_key, "2026-11-20T10:00:30Z");
        let headline = "Your 5-hour limit is used up until 12:00, but this session uses a different account or key.";
        assert!(reply.contains(headline), "{responds_later}: {reply}");
        assert!(reply.contains("Just continue"), "{responds_later}: {reply}");
    }
}

/// An overloaded service may refuse the requests of every payer.
#[test]
fn whycap_does_not_say_that_an_overloaded_service_does_not_block_another_payer() {
    let sandbox = with_a_private_login();
    let of_company = Client::with_session(&sandbox, "of-company");
    belongs_to(&of_company, "company-account", "company-organization");
    let overload = json!({"apiErrorStatus": 529, "error": "overloaded_error"});
    of_company.receives_error(AT, "API Error: 529 Overloaded", overload);
    let of_login = session_of_login(&sandbox, "of-login");
    let reply = answer(&of_login, "2026-11-20T10:00:10Z");
    assert!(!reply.contains("nothing is blocking you"), "{reply}");
}

/// Usage credits paid for the login's responses. `/whycap` and `explain --session` said so in a session with a key,
/// too, and advised waiting.
#[test]
fn the_usage_credits_of_the_login_are_not_mentioned_in_a_session_with_a_key() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    reports_full_window(&of_login);
    of_login.works("2026-11-20T10:03:00Z", 100_000);
    let [with_key, with_token, with_bedrock] = [
        ("with-key", KEY),
        ("with-token", TOKEN),
        ("with-bedrock", BEDROCK),
    ]
    .map(|(name, variable)| starts_session(&sandbox, name, &[variable]));
    for client in [&with_key, &with_token, &with_bedrock] {
        client.works("2026-11-20T10:03:10Z", 10);
    }
    let at = "2026-11-20T10:04:00Z";
    for (client, pays) in [
        (&with_key, false),
        (&with_token, false),
        (&with_bedrock, false),
        (&of_login, true),
    ] {
        let reply = answer(client, at);
        assert_eq!(reply.contains("paying with usage credits"), pays, "{reply}");
        let explained = explained_in_shell(client, at);
        assert_eq!(
            explained.text.contains("paying with usage credits"),
            pays,
            "{explained:?}"
        );
    }
}

/// The login had reached its 5-hour limit. `explain --session` said that the limit also applied to a session that used a
/// cloud provider or gateway that whycap did not know, and `wait --session` waited for nothing.
#[test]
fn a_limit_of_the_login_does_not_apply_to_a_session_whose_transcript_names_no_account() {
    for name in [
        "CLAUDE_CODE_USE_MANTLE",
        "CLAUDE_CODE_USE_ANTHROPIC_AWS",
        "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
        "CLAUDE_CODE_USE_GATEWAY",
        "CLAUDE_CODE_USE_A_NEW_SERVICE",
    ] {
        let sandbox = with_a_private_login();
        let other = starts_session(&sandbox, "other", &[(name, "1")]);
        other.works("2026-11-20T09:51:00Z", 10);
        reaches_five_hour_limit(&session_of_login(&sandbox, "stopped"));
        let at = "2026-11-20T10:00:30Z";
        let explained = explained_in_shell(&other, at);
        assert_eq!(explained.exit_code, 0, "{name}: {explained:?}");
        let waited = run(
            &sandbox,
            at,
            &["wait", "--timeout", "1s", "--session", &other.session],
            b"",
            &[],
        );
        assert_eq!(waited.code, 0, "{name}: {waited:?}");
    }
}

/// Usage credits had paid for a session, and the budget for credits was used up. When the session was resumed with a key,
/// whycap forgot what the credits had paid, and no longer stopped the prompts of the login.
#[test]
fn spent_credits_still_count_after_their_session_is_resumed_with_a_key() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    let mut paying = resumes_session_of_login(&sandbox, &[]);
    reports_full_window(&of_login);
    paying.works("2026-11-20T10:03:00Z", 400_000);
    let is_counted = |at: &str| {
        let now = now_in_shell(&sandbox, at);
        assert!(now["paying"].is_object(), "{now:#}");
    };
    is_counted("2026-11-20T10:10:00Z");
    starts_process(&mut paying, "2026-11-20T10:15:00Z", "resume", &[KEY]);
    is_counted("2026-11-20T10:16:00Z");
}

/// The login's 5-hour limit was used up. After an overload in a session with a cloud provider, all screens said that
/// prompts would be refused or paid for with usage credits, although that session uses the provider.
#[test]
fn a_full_window_of_the_login_does_not_matter_to_a_session_with_a_cloud_provider() {
    for provider in [BEDROCK, VERTEX] {
        let sandbox = with_a_private_login();
        let login = session_of_login(&sandbox, "login");
        login.calls_status_line("2026-11-20T09:59:00Z", five_hour_full(), 120);
        let client = starts_session(&sandbox, "with-provider", &[provider]);
        receives_overload_error(&client, AT);
        let at = "2026-11-20T10:05:00Z";
        for shown in [
            flat(client.run(at, &["explain"], b"").success()),
            answer(&client, at),
            flat(&plain_rows(&client, at, json!(null))),
            flat(waits(&client, at, &["--session", "with-provider"]).success()),
        ] {
            assert!(!shown.contains("used up"), "{provider:?}: {shown}");
            assert!(!shown.contains("refused"), "{provider:?}: {shown}");
        }
    }
}

/// The user had declined the key in the environment, so the session uses the login. After an overload, `explain` said
/// nothing about the login's full window.
#[test]
fn a_full_window_of_the_login_matters_to_a_session_with_a_declined_key() {
    let sandbox = with_a_private_login();
    let client = starts_session(&sandbox, "with-declined-key", &[KEY]);
    belongs_to(&client, PRIVATE, "private-organization");
    client.calls_status_line("2026-11-20T09:59:00Z", five_hour_full(), 120);
    receives_overload_error(&client, AT);
    let at = "2026-11-20T10:05:00Z";
    for shown in [
        flat(client.run(at, &["explain"], b"").success()),
        answer(&client, at),
    ] {
        assert!(
            shown.contains("your 5-hour limit is now used up until 12:00"),
            "{shown}"
        );
    }
}

/// A session of the login was resumed with a key that the user declined. Its process reported the windows of the plan, but
/// `explain --session` said that the login's limit did not apply.
#[test]
fn a_limit_of_the_login_applies_to_a_session_that_was_resumed_with_a_declined_key() {
    for (variables, code) in [(&[KEY][..], 10), (&[TOKEN], 0), (&[KEY, TOKEN], 0)] {
        let sandbox = with_a_private_login();
        let of_login = session_of_login(&sandbox, "of-login");
        let resumed = resumes_session_of_login(&sandbox, variables);
        resumed.works("2026-11-20T09:56:00Z", 10);
        let room = windows(98.0, NOON, 40.0, TUESDAY);
        resumed.calls_status_line("2026-11-20T09:56:01Z", room, 120);
        reaches_five_hour_limit(&of_login);
        let explained = explained_in_shell(&resumed, "2026-11-20T10:00:30Z");
        assert_eq!(explained.exit_code, code, "{variables:?}: {explained:?}");
    }
}

/// The user had declined the key in the environment. `explain --session` and the row said nothing about the limit of
/// the login that the session uses.
#[test]
fn a_limit_of_the_login_applies_to_a_session_that_started_with_a_declined_key() {
    let sandbox = with_a_private_login();
    let with_declined_key = starts_session(&sandbox, "with-declined-key", &[KEY]);
    belongs_to(&with_declined_key, PRIVATE, "private-organization");
    with_declined_key.works("2026-11-20T09:51:00Z", 10);
    reaches_five_hour_limit(&session_of_login(&sandbox, "stopped"));
    let at = "2026-11-20T10:00:30Z";
    let explained = explained_in_shell(&with_declined_key, at);
    assert_eq!(explained.exit_code, 10, "{explained:?}");
    let row = flat(&plain_rows(&with_declined_key, at, json!(null)));
    assert!(row.contains("5-hour limit"), "{row}");
}

/// A session of the login was resumed with a key days after it had started. `now` no longer saw the first start, so it
/// said that usage credits paid for the key's responses.
#[test]
fn a_start_days_ago_shows_that_a_key_is_new() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    let mut resumed = resumes_session_of_login(&sandbox, &[]);
    grows_journal(&sandbox);
    starts_process(&mut resumed, "2026-11-20T09:57:00Z", "resume", &[KEY]);
    reports_full_window(&of_login);
    resumed.works("2026-11-20T10:03:00Z", 100_000);
    let now = now_in_shell(&sandbox, "2026-11-20T10:04:00Z");
    assert!(!now["paying"].is_object(), "{now:#}");
}

/// Appends so many records to the journal that status-line calls do not read the records before them.
fn grows_journal(sandbox: &Sandbox) {
    // A record begins with a line break and does not end with one.
    let filler = format!("\n{{\"filler\":\"{}\"}}", "x".repeat(1_000));
    sandbox.append(
        ".local/share/whycap/journal/2026-11.jsonl",
        &filler.repeat(300),
    );
}

/// A session of the login was resumed with a key and kept running for days. `now` no longer saw the start with the key,
/// so it said that usage credits paid for the key's responses.
#[test]
fn a_start_days_ago_shows_that_a_key_is_used() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    let resumed = resumes_session_of_login(&sandbox, &[KEY]);
    grows_journal(&sandbox);
    reports_full_window(&of_login);
    resumed.works("2026-11-20T10:03:00Z", 100_000);
    let now = now_in_shell(&sandbox, "2026-11-20T10:04:00Z");
    assert!(!now["paying"].is_object(), "{now:#}");
}

/// A session of the login was resumed with a key. The row named the login's limit if the start was days ago or if no hook had
/// stored it.
#[test]
fn the_row_does_not_treat_a_key_as_declined_because_it_sees_no_start() {
    for has_start in [true, false] {
        let sandbox = with_a_private_login();
        let of_login = session_of_login(&sandbox, "of-login");
        let mut resumed = resumes_session_of_login(&sandbox, &[]);
        if has_start {
            starts_process(&mut resumed, "2026-11-20T09:57:00Z", "resume", &[KEY]);
        } else {
            let (name, value) = KEY;
            resumed.variables.push((name.to_owned(), value.to_owned()));
        }
        grows_journal(&sandbox);
        reaches_five_hour_limit(&of_login);
        let row = flat(&plain_rows(&resumed, "2026-11-20T10:00:30Z", json!(null)));
        assert!(!row.contains("5-hour limit"), "{has_start}: {row}");
    }
}

/// The user had declined the key of a session that was resumed days ago, so the row no longer saw the start. It said
/// nothing about the login's limit if a request failed without reporting windows. `explain --session` and `/whycap` did
/// not know that the session had reported the windows of the plan. The first row with windows said nothing either. If
/// there is also a token, windows prove nothing.
#[test]
fn every_screen_treats_a_key_as_declined_if_its_session_has_reported_the_windows_of_the_plan() {
    for (variables, is_limited) in [(&[KEY][..], true), (&[KEY, TOKEN], false)] {
        let sandbox = with_a_private_login();
        let resumed = resumes_session_of_login(&sandbox, variables);
        grows_journal(&sandbox);
        resumed.sends_prompt("2026-11-20T09:56:00Z", "go on");
        resumed.works("2026-11-20T09:56:10Z", 10);
        reaches_five_hour_limit(&session_of_login(&sandbox, "stopped"));
        let room = windows(90.0, NOON, 40.0, TUESDAY);
        check_every_screen(&resumed, is_limited, &[room, json!(null)]);
    }
}

/// whycap was installed while a session with a declined key was running, so no start was stored. Its row said nothing about the
/// login's limit.
#[test]
fn every_screen_treats_a_key_as_declined_if_whycap_was_installed_after_the_start() {
    let sandbox = with_a_private_login();
    let mut running = Client::with_session(&sandbox, "running");
    belongs_to(&running, PRIVATE, "private-organization");
    let (name, value) = KEY;
    running.variables.push((name.to_owned(), value.to_owned()));
    running.works("2026-11-20T09:56:10Z", 10);
    let room = windows(90.0, NOON, 40.0, TUESDAY);
    running.calls_status_line("2026-11-20T09:56:11Z", room.clone(), 120);
    reaches_five_hour_limit(&session_of_login(&sandbox, "stopped"));
    check_every_screen(&running, true, &[room]);
}

/// A process with a declined key switched to another session with `/resume`. The row named the login's limit because the
/// process reported the windows of the plan, but `explain --session` and `/whycap` did not, because the process only repeated
/// the figures of the first session. The first row after `/resume` said nothing about the limit.
#[test]
fn a_declined_key_counts_as_declined_in_each_session_of_its_process() {
    let sandbox = with_a_private_login();
    let mut second = session_of_login(&sandbox, "second");
    second.works("2026-11-20T09:40:00Z", 10);
    let first = starts_session(&sandbox, "first", &[KEY]);
    belongs_to(&first, PRIVATE, "private-organization");
    first.works("2026-11-20T09:56:00Z", 10);
    let room = windows(90.0, NOON, 40.0, TUESDAY);
    first.calls_status_line("2026-11-20T09:56:01Z", room.clone(), 120);
    starts_process(&mut second, "2026-11-20T09:57:00Z", "resume", &[KEY]);
    reaches_five_hour_limit(&session_of_login(&sandbox, "stopped"));
    check_every_screen(&second, true, &[room]);
}

/// Checks whether the limit of the login blocks the session according to the row with each of these windows,
/// `explain --session`, and `/whycap`.
fn check_every_screen(client: &Client<'_>, is_limited: bool, reported: &[Value]) {
    let at = "2026-11-20T10:00:30Z";
    for windows in reported {
        let row = flat(&plain_rows(client, at, windows.clone()));
        assert_eq!(row.contains("5-hour limit"), is_limited, "{windows}: {row}");
    }
    let explained = explained_in_shell(client, at);
    assert_eq!(
        explained.exit_code,
        if is_limited { 10 } else { 0 },
        "{explained:?}"
    );
    let reply = answer(client, at);
    let is_unaffected = reply.contains("nothing is blocking you");
    assert_eq!(is_unaffected, !is_limited, "{reply}");
}

/// A session of the login is older than the journal. It was resumed or forked with a key. `explain --session` said that
/// the login's limit applied, and `wait --session` waited for nothing.
#[test]
fn a_limit_of_the_login_does_not_apply_to_an_old_session_that_was_resumed_with_a_key() {
    for source in ["resume", "fork"] {
        let sandbox = with_a_private_login();
        let of_login = session_of_login(&sandbox, "of-login");
        let mut old = Client::with_session(&sandbox, "old");
        belongs_to(&old, PRIVATE, "private-organization");
        old.works("2026-11-20T09:51:00Z", 10);
        starts_process(&mut old, "2026-11-20T09:55:00Z", source, &[KEY]);
        reaches_five_hour_limit(&of_login);
        let at = "2026-11-20T10:00:30Z";
        let explained = explained_in_shell(&old, at);
        assert_eq!(explained.exit_code, 0, "{source}: {explained:?}");
        let arguments = ["wait", "--timeout", "1s", "--session", &old.session];
        let waited = run(&sandbox, at, &arguments, b"", &[]);
        assert_eq!(waited.code, 0, "{source}: {waited:?}");
        let row = flat(&plain_rows(&old, at, json!(null)));
        assert!(!row.contains("5-hour limit"), "{source}: {row}");
    }
}

/// Before an update, whycap did not store whether a key replaced the login. After the update, it treated each such key
/// as declined.
#[test]
fn a_key_in_a_start_of_an_earlier_version_replaces_the_login_if_the_key_is_new() {
    let without_key = json!([]);
    let with_key = json!([{"name": "ANTHROPIC_API_KEY", "set_in": "environment"}]);
    for (first, code) in [(&without_key, 0), (&with_key, 10)] {
        let sandbox = with_a_private_login();
        let resumed = resumes_session_of_login(&sandbox, &[]);
        let starts = [
            ("2026-11-20T09:50:00Z", first),
            ("2026-11-20T09:55:00Z", &with_key),
            ("2026-11-20T09:56:00Z", &with_key),
        ]
        .map(|(at, credentials)| {
            let start = json!({"session": "resumed", "at": at, "credentials": credentials});
            format!("{{\"start\":{start}}}\n")
        });
        sandbox.write(".local/share/whycap/journal/2026-11.jsonl", starts.concat());
        reaches_five_hour_limit(&session_of_login(&sandbox, "of-login"));
        let explained = explained_in_shell(&resumed, "2026-11-20T10:00:30Z");
        assert_eq!(explained.exit_code, code, "{first}: {explained:?}");
    }
}

/// Claude Code did not name accounts in transcripts before version 2.1.285. The user had declined the key in the
/// environment, so the session used usage credits and reported the login's full window. A budget for credits did not
/// count them.
#[test]
fn credits_that_pay_for_an_old_client_with_a_declined_key_count() {
    let sandbox = with_a_private_login();
    let client = starts_old_client(&sandbox, "with-declined-key", &[KEY]);
    client.works("2026-11-20T10:03:00Z", 400_000);
    let at = "2026-11-20T10:10:00Z";
    let now = now_in_shell(&sandbox, at);
    assert!(now["paying"].is_object(), "{now:#}");
}

/// In the situation of the previous test, `/whycap` did not say that usage credits were in use. If the session has
/// reported the windows only before it was resumed with the key, the user may have accepted the key.
#[test]
fn whycap_says_that_credits_pay_for_an_old_client_with_a_declined_key() {
    for is_resumed in [false, true] {
        let sandbox = with_a_private_login();
        let of_login = session_of_login(&sandbox, "of-login");
        let mut client = starts_old_client(&sandbox, "with-key", &[KEY]);
        client.works("2026-11-20T10:03:00Z", 400_000);
        of_login.works("2026-11-20T10:03:00Z", 100_000);
        of_login.calls_status_line("2026-11-20T10:03:01Z", five_hour_full(), 120);
        if is_resumed {
            starts_process(&mut client, "2026-11-20T10:05:00Z", "resume", &[KEY]);
        }
        let reply = answer(&client, "2026-11-20T10:10:00Z");
        let says_paying = reply.contains("paying with usage credits");
        assert_eq!(says_paying, !is_resumed, "{reply}");
    }
}

/// A session of the login was open in a terminal, and another terminal resumed it with a key. `/whycap` in the second
/// terminal said that usage credits were in use, because the first process reported the login's full window.
#[test]
fn windows_of_another_process_do_not_show_that_a_key_is_declined() {
    let sandbox = with_a_private_login();
    let mut client = starts_old_client(&sandbox, "in-two-terminals", &[FIRST_PROCESS]);
    client.works("2026-11-20T10:03:00Z", 400_000);
    let variables_of_first = client.variables.clone();
    let variables = [KEY, SECOND_PROCESS];
    starts_process(&mut client, "2026-11-20T10:05:00Z", "resume", &variables);
    let variables_of_second = std::mem::replace(&mut client.variables, variables_of_first);
    client.api_ms += 100;
    client.works("2026-11-20T10:06:00Z", 400_000);
    client.calls_status_line("2026-11-20T10:06:01Z", five_hour_full(), 120);
    client.variables = variables_of_second;
    let reply = answer(&client, "2026-11-20T10:10:00Z");
    assert!(!reply.contains("paying with usage credits"), "{reply}");
}

/// A session of the login in an old client ended and was resumed with a key. `now` said that usage credits were in use,
/// because the session had reported the login's full window before.
#[test]
fn usage_credits_do_not_pay_for_a_session_of_an_old_client_that_was_resumed_with_a_key() {
    let sandbox = with_a_private_login();
    let mut client = starts_old_client(&sandbox, "resumed", &[FIRST_PROCESS]);
    let variables = [KEY, SECOND_PROCESS];
    starts_process(&mut client, "2026-11-20T10:02:00Z", "resume", &variables);
    client.works("2026-11-20T10:03:00Z", 400_000);
    let now = now_in_shell(&sandbox, "2026-11-20T10:04:00Z");
    assert!(!now["paying"].is_object(), "{now:#}");
}

/// A session whose transcript names the login used Amazon Bedrock. whycap said that usage credits paid for it.
#[test]
fn usage_credits_do_not_pay_for_a_session_with_a_cloud_provider() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    let with_bedrock = starts_session(&sandbox, "with-bedrock", &[BEDROCK]);
    belongs_to(&with_bedrock, PRIVATE, "private-organization");
    reports_full_window(&of_login);
    with_bedrock.works("2026-11-20T10:03:00Z", 100_000);
    let now = now_in_shell(&sandbox, "2026-11-20T10:04:00Z");
    assert!(!now["paying"].is_object(), "{now:#}");
}

/// A session was started with a token and resumed with the login. Usage credits paid for its responses, but `explain` said
/// that the limit no longer applied, without the costs.
#[test]
fn the_step_of_a_session_that_started_with_a_token_names_the_costs() {
    let sandbox = with_a_private_login();
    let mut resumed = starts_session(&sandbox, "resumed", &[TOKEN]);
    resumed.works("2026-11-20T09:51:00Z", 10);
    starts_process(&mut resumed, "2026-11-20T09:55:00Z", "resume", &[]);
    let full = windows(35.0, NOON, 100.0, TUESDAY);
    reaches_five_hour_limit(&resumed);
    resumed.works("2026-11-20T12:01:00Z", 100_000);
    resumed.calls_status_line("2026-11-20T12:01:01Z", full, 120);
    resumed.works("2026-11-20T12:02:00Z", 100_000);
    let explained = explained_in_shell(&resumed, "2026-11-20T12:03:00Z");
    assert!(explained.text.contains("costs extra"), "{explained:?}");
}

/// The key of one session was refused while the weekly window of the login was full. `/whycap` in a session of the login said
/// that nothing was blocking it.
#[test]
fn whycap_does_not_say_that_nothing_blocks_a_session_of_a_full_plan() {
    for (weekly, is_blocked) in [(100.0, true), (40.0, false)] {
        let sandbox = with_a_private_login();
        let of_login = session_of_login(&sandbox, "of-login");
        of_login.works("2026-11-20T09:58:00Z", 10);
        let reported = windows(30.0, NOON, weekly, TUESDAY);
        of_login.calls_status_line("2026-11-20T09:58:01Z", reported, 120);
        let with_key = starts_session(&sandbox, "with-key", &[KEY]);
        let refused = json!({"apiErrorStatus": 401, "error": "authentication_failed"});
        with_key.receives_error(AT, "Invalid API key · Fix external API key", refused);
        let reply = answer(&of_login, "2026-11-20T10:00:30Z");
        let says_free = reply.contains("no longer set; you can continue.");
        assert_eq!(says_free, !is_blocked, "{reply}");
        let names_window = reply.contains("your weekly limit is used up until Tue Nov 24 06:00.");
        assert_eq!(names_window, is_blocked, "{reply}");
    }
}

/// A session with a key had no connection. `/whycap` in a session of the login said that nothing was blocking it.
#[test]
fn whycap_does_not_say_that_a_lost_connection_does_not_block_another_payer() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    let with_key = starts_session(&sandbox, "with-key", &[KEY]);
    let lost = json!({"apiErrorStatus": null, "error": "unknown"});
    with_key.receives_error(
        AT,
        "API Error: Unable to connect to API (ConnectionRefused)",
        lost,
    );
    let reply = answer(&of_login, "2026-11-20T10:00:30Z");
    assert!(!reply.contains("nothing is blocking you"), "{reply}");
}

/// Claude Code killed the hook for an error, so only the transcript contains the error. whycap attributed the error to
/// the login although the session had started with a key, and said that the error had ended with a response in a
/// session of the login.
#[test]
fn an_error_that_only_the_transcript_contains_has_the_payer_of_its_session() {
    let sandbox = with_a_private_login();
    let with_key = starts_session(&sandbox, "with-key", &[KEY]);
    let balance = json!({"apiErrorStatus": 400, "error": "billing_error"});
    with_key.append(&with_key.error_line(AT, "Credit balance is too low", balance));
    let of_login = session_of_login(&sandbox, "of-login");
    of_login.works("2026-11-20T10:03:00Z", 10);
    let explained = explained_with_its_variables(&with_key, "2026-11-20T10:04:00Z");
    assert_eq!(explained.exit_code, 11, "{explained:?}");
    assert!(
        explained.text.contains("ANTHROPIC_API_KEY"),
        "{explained:?}"
    );
}

/// `whycap install` ran while a session with a key was working, so no hook has stored the key. `/whycap` runs in the
/// environment of that session, but it said that usage credits of the login were paying.
#[test]
fn a_key_in_the_environment_of_the_conversation_rules_out_that_credits_pay_for_it() {
    let sandbox = with_a_private_login();
    let of_login = session_of_login(&sandbox, "of-login");
    reports_full_window(&of_login);
    of_login.works("2026-11-20T10:03:00Z", 100_000);
    for (name, variable, pays) in [("with-key", KEY, false), ("with-proxy", GATEWAY, true)] {
        let mut client = Client::with_session(&sandbox, name);
        let (name, value) = variable;
        client.variables.push((name.to_owned(), value.to_owned()));
        let explanation = answer(&client, "2026-11-20T10:04:00Z");
        assert_eq!(
            explanation.contains("paying with usage credits"),
            pays,
            "{explanation}"
        );
    }
}

/// A session with an empty key was open in a terminal, and `claude -p --resume` continued it with the plan. Then the first
/// process used the key again. Because the transcript now named the account, `incidents` took the error for one of the
/// plan: its blocked time grew with every later limit of the plan, and a response covered by the plan was named as its end.
#[test]
fn the_error_of_a_key_stays_one_after_another_process_has_continued_its_session_with_the_plan() {
    let sandbox = with_a_private_login();
    let on_plan = session_of_login(&sandbox, "on-plan");
    let mut shared = starts_session(&sandbox, "shared", &[KEY, FIRST_PROCESS]);
    let variables_of_first = shared.variables.clone();
    receives_balance_error(&shared, AT);
    starts_process(
        &mut shared,
        "2026-11-20T10:00:10Z",
        "resume",
        &[SECOND_PROCESS],
    );
    belongs_to(&shared, PRIVATE, "private-organization");
    shared.sends_prompt("2026-11-20T10:00:10Z", "go on");
    shared.works("2026-11-20T10:00:20Z", 10);
    shared.variables = variables_of_first;
    receives_balance_error(&shared, "2026-11-20T10:01:00Z");

    let mut blocked = Vec::new();
    for minute in [2, 4, 6] {
        on_plan.sends_prompt(&format!("2026-11-20T10:0{minute}:00Z"), "go on");
        on_plan.works(&format!("2026-11-20T10:0{minute}:05Z"), 10);
        let asked_at = format!("2026-11-20T10:0{minute}:10Z");
        let listed = run(&sandbox, &asked_at, &["incidents"], b"", &[]);
        let listed = flat(listed.success());
        assert!(listed.contains("that key is no longer set"), "{listed}");
        assert!(!listed.contains("another session responded"), "{listed}");
        let json = run(&sandbox, &asked_at, &["incidents", "--json"], b"", &[]).json();
        let of_key = json["incidents"]
            .as_array()
            .unwrap()
            .iter()
            .find(|incident| incident["at"] == "2026-11-20T10:01:00Z");
        blocked.push(of_key.unwrap()["blocked_until"].clone());
        let no_credits = refused("five_hour", NOON, "out_of_credits");
        let text = "You're out of usage credits \u{b7} resets 12pm (UTC)";
        on_plan.receives_error(
            &format!("2026-11-20T10:0{}:00Z", minute + 1),
            text,
            no_credits,
        );
    }
    assert_eq!(blocked, ["2026-11-20T10:02:05Z"; 3]);
}

/// A user declined the key of a session in a terminal, and `claude -p --resume` continued it without the key. The next limit
/// of the plan in the first process then counted as an error of the key.
#[test]
fn a_limit_in_a_session_with_a_declined_key_belongs_to_the_login_after_another_process_has_continued()
 {
    for is_window_reported in [false, true] {
        let sandbox = with_a_private_login();
        let mut shared = starts_session(&sandbox, "shared", &[KEY, FIRST_PROCESS]);
        belongs_to(&shared, PRIVATE, "private-organization");
        let variables_of_first = shared.variables.clone();
        shared.works("2026-11-20T09:55:00Z", 10);
        if is_window_reported {
            let reported = windows(90.0, NOON, 17.0, TUESDAY);
            shared.calls_status_line("2026-11-20T09:55:01Z", reported, 120);
        }
        let resumed_at = "2026-11-20T09:57:00Z";
        starts_process(&mut shared, resumed_at, "resume", &[SECOND_PROCESS]);
        shared.works("2026-11-20T09:58:00Z", 10);
        shared.variables = variables_of_first;
        let refusal = if is_window_reported {
            json!({})
        } else {
            refused("five_hour", NOON, "")
        };
        shared.receives_error(AT, FIVE_HOUR, refusal);
        let incident = shared.explained(SOON);
        assert_eq!(
            incident["owner"], "login",
            "{is_window_reported}: {incident:#}"
        );
    }
}

/// A process with a key had started days ago, and `claude -p --resume` continued its session with the plan. The hook no
/// longer saw the start with the key, so the next error of the key counted as one of the plan.
#[test]
fn the_error_of_a_key_stays_one_although_its_process_started_days_ago() {
    let sandbox = with_a_private_login();
    let mut shared = starts_session(&sandbox, "shared", &[KEY, FIRST_PROCESS]);
    let variables_of_first = shared.variables.clone();
    grows_journal(&sandbox);
    let resumed_at = "2026-11-20T09:57:00Z";
    starts_process(&mut shared, resumed_at, "resume", &[SECOND_PROCESS]);
    belongs_to(&shared, PRIVATE, "private-organization");
    shared.works("2026-11-20T09:58:00Z", 10);
    shared.variables = variables_of_first;
    receives_balance_error(&shared, AT);

    let journal = sandbox.read(".local/share/whycap/journal/2026-11.jsonl");
    let stored = journal
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .rfind(|record| record["incident"].is_object())
        .unwrap();
    let owner = &stored["incident"]["payer"]["owner"];
    assert_eq!(*owner, Value::Null, "{stored:#}");
}

/// A session with a token had reached its limit, and the login had room. `now` and `wait` advised sending that session its prompt
/// again, and `/whycap` in a session of the login said that a prompt costs money.
#[cfg(target_os = "linux")]
#[test]
fn the_limit_of_a_token_neither_ends_early_nor_concerns_the_login() {
    let sandbox = with_a_private_login();
    let mut of_login = session_of_login(&sandbox, "of-login");
    let with_token = session_with_token(&sandbox, "with-token");
    let _processes =
        [&of_login, &with_token].map(|client| RunningClient::idle(&sandbox, &client.session));
    let room = windows(40.0, NOON, 40.0, TUESDAY);
    receives_response(&mut of_login, "2026-11-20T09:50:00Z", room.clone());
    let reset = NOON + 3600;
    let limit = "You've hit your 5-hour limit \u{b7} resets 1pm (UTC)";
    with_token.receives_error(AT, limit, refused("five_hour", reset, "org_level_disabled"));
    with_token.announces(
        AT,
        "Usage limit reached \u{b7} set to continue automatically at 1pm",
    );
    with_token.calls_status_line(SOON, windows(100.0, reset, 20.0, TUESDAY), 120);
    for command in ["now", "wait"] {
        let at = "2026-11-20T10:01:00Z";
        let shown = run(&sandbox, at, &[command], b"", &[]);
        let shown = flat(shown.success());
        assert!(
            shown.contains("by itself about 13:01") && !shown.contains("sooner"),
            "{shown}"
        );
    }
    of_login.sends_prompt("2026-11-20T10:02:00Z", "continue");
    receives_response(&mut of_login, "2026-11-20T10:02:02Z", room);
    let shown = answer(&of_login, "2026-11-20T10:03:00Z");
    assert!(shown.contains("nothing is blocking you"), "{shown}");
}
