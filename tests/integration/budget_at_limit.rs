//! Tests that every screen says so if a used-up budget blocks the session that a limit has stopped.

use serde_json::Value;

#[cfg(target_os = "linux")]
use crate::client::run;
use crate::client::{Client, plain_rows, windows};
use crate::newest_evidence::{hits_limit, receives_response};
#[cfg(target_os = "linux")]
use crate::now::RunningClient;
#[cfg(target_os = "linux")]
use crate::situation::receives_balance_error;
use crate::situation::{
    FIVE_HOUR, NOON, TUESDAY, answer, answer_to, flat, refused, session_of_login,
};
use crate::support::Sandbox;
use crate::wait::waits;

const DURING: &str = "2026-11-20T10:06:00Z";
const AFTER_RESET: &str = "2026-11-20T12:00:20Z";
/// Claude Code has tried to continue the session, and the hook has blocked this.
const AFTER_BLOCKED_CONTINUATION: &str = "2026-11-20T12:04:00Z";

/// Creates a sandbox with a login and with this configuration.
fn with_configuration(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let config = sandbox.write("whycap.toml", text);
    sandbox.variable("WHYCAP_CONFIG", config.to_str().unwrap())
}

fn with_stop_budget() -> Sandbox {
    with_configuration("[budget]\nday = 0.5\naction = \"stop\"\n")
}

/// A session spends more than the budget of the day. Its next request reaches the 5-hour limit.
fn stopped_over_budget(sandbox: &Sandbox) -> Client<'_> {
    let client = session_of_login(sandbox, "stopped");
    client.works("2026-11-20T09:59:00Z", 250_000);
    client.receives_error(
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, "out_of_credits"),
    );
    sandbox.run(&["spend"]).success();
    client
}

fn row(client: &Client<'_>, at: &str) -> String {
    flat(&plain_rows(client, at, windows(100.0, NOON, 40.0, TUESDAY)))
}

fn explained(client: &Client<'_>, at: &str) -> String {
    flat(client.run(at, &["explain"], b"").success())
}

fn waited(client: &Client<'_>, at: &str) -> String {
    let run = waits(client, at, &["--session", "stopped", "--timeout", "1s"]);
    assert_eq!(run.stderr.contains("timed out"), run.code == 124, "{run:?}");
    flat(&run.stdout)
}

/// The hook of whycap blocked the prompt with which Claude Code continues after the reset. All screens had told the user to
/// do nothing.
#[test]
fn before_the_reset_all_screens_say_how_to_keep_the_budget_from_blocking_the_continuation() {
    let sandbox = with_stop_budget();
    let client = stopped_over_budget(&sandbox);
    let steps = "1. Type /whycap continue in the session so that your budget does not block the next prompt 2. Then leave the session open; Claude Code will continue about 12:01";
    for text in [explained(&client, DURING), answer(&client, DURING)] {
        assert!(text.contains(steps), "{text}");
        assert!(
            text.contains("Today's budget of $0.50 is used up ($1.00 so far)"),
            "{text}"
        );
    }
    let row = row(&client, DURING);
    assert!(
        row.contains(
            "Type /whycap continue and leave the session open; it will continue about 12:01"
        ),
        "{row}"
    );
    let waited = waited(&client, DURING);
    assert!(!waited.contains("will continue"), "{waited}");
    assert!(
        waited.contains("to allow it, type /whycap continue there"),
        "{waited}"
    );
    let json = client.explained(DURING);
    assert_eq!(json["continues_at"], Value::Null, "{json:#}");
}

/// After the blocked continuation, the row, `/whycap`, and `explain` said to send the prompt again, and `wait` said "You are
/// not blocked", although the budget would have blocked the prompt as well.
#[test]
fn after_the_reset_no_screen_says_that_the_user_can_simply_send_a_prompt() {
    let sandbox = with_stop_budget();
    let client = stopped_over_budget(&sandbox);
    client.event(
        "2026-11-20T12:01:30Z",
        "UserPromptSubmit",
        serde_json::json!({"prompt": "Your claude.ai usage limit has reset. Continue the task."}),
    );
    let at = AFTER_BLOCKED_CONTINUATION;
    let steps = "1. Type /whycap continue in the session so that your budget does not block the next prompt 2. Send the prompt again";
    for text in [explained(&client, at), answer(&client, at)] {
        assert!(text.contains(steps), "{text}");
        assert!(
            text.contains("at 12:00; to continue, type /whycap continue."),
            "{text}"
        );
    }
    let row = row(&client, at);
    assert!(
        row.contains(
            "limit should have reset · your budget blocks prompts · type /whycap continue"
        ),
        "{row}"
    );
    let waited = waited(&client, at);
    assert!(
        waited.ends_with("No limit is blocking you, but a budget blocks prompts. Today's budget of $0.50 is used up (≥$1.00 so far). whycap blocks prompts in each session until you type /whycap continue there."),
        "{waited}"
    );
}

/// In the two minutes after the reset, Claude Code had not continued yet, and all screens said that it would.
#[test]
fn right_after_the_reset_the_budget_can_still_be_lifted_before_the_continuation() {
    let sandbox = with_stop_budget();
    let client = stopped_over_budget(&sandbox);
    let steps = "1. Type /whycap continue in the session so that your budget does not block the next prompt 2. Leave the session open for two minutes";
    let text = explained(&client, AFTER_RESET);
    assert!(text.contains(steps), "{text}");
    assert!(
        !text.contains("Claude Code will continue shortly"),
        "{text}"
    );
    let row = row(&client, AFTER_RESET);
    assert!(
        row.contains(
            "limit should have reset · your budget blocks prompts · type /whycap continue"
        ),
        "{row}"
    );
}

/// Other sessions of the account wait for the same limit, and the budget blocks their prompts as well.
#[test]
fn another_session_is_told_that_the_budget_blocks_its_prompts() {
    let sandbox = with_stop_budget();
    let _stopped = stopped_over_budget(&sandbox);
    let other = session_of_login(&sandbox, "other");
    for at in [DURING, AFTER_BLOCKED_CONTINUATION] {
        let text = answer(&other, at);
        assert!(text.contains("Type /whycap continue"), "{at}: {text}");
    }
    answer_to(&other, DURING, "/whycap continue");
    let text = answer(&other, DURING);
    assert!(!text.contains("/whycap continue"), "{text}");
}

/// The screens must not mention a budget that does not block the session.
#[test]
fn a_budget_that_does_not_block_the_session_is_not_mentioned() {
    let with_lifted_budget = with_stop_budget();
    let lifted = stopped_over_budget(&with_lifted_budget);
    answer_to(&lifted, "2026-11-20T10:01:00Z", "/whycap continue");
    let with_warnings = with_configuration("[budget]\nday = 0.5\n");
    let warned = stopped_over_budget(&with_warnings);
    // In this time zone, the next day begins at 11:00 UTC, before the reset.
    let with_renewed_budget = with_stop_budget().variable("TZ", "Pacific/Tongatapu");
    let renewed = stopped_over_budget(&with_renewed_budget);
    for client in [&lifted, &warned, &renewed] {
        for at in [DURING, AFTER_RESET, AFTER_BLOCKED_CONTINUATION] {
            for text in [
                explained(client, at),
                answer(client, at),
                row(client, at),
                waited(client, at),
            ] {
                assert!(!text.contains("/whycap continue"), "{at}: {text}");
            }
        }
        assert!(row(client, DURING).contains("Leave the session open"));
        assert!(waited(client, DURING).contains("will continue"));
    }
}

/// The budget of the day renews at midnight, before the Opus limit resets, so no screen mentioned it. But the steps say to
/// continue at once with another model, and the hook blocks that prompt.
#[test]
fn a_budget_that_renews_before_the_reset_still_blocks_a_prompt_to_another_model() {
    let sandbox = with_stop_budget();
    let client = session_of_login(&sandbox, "stopped");
    client.works("2026-11-20T09:59:00Z", 250_000);
    client.receives_error(
        "2026-11-20T10:00:00Z",
        "You've hit your Opus limit · resets Nov 24, 12pm (UTC)",
        refused("seven_day_opus", TUESDAY, "out_of_credits"),
    );
    sandbox.run(&["spend"]).success();
    for text in [explained(&client, DURING), answer(&client, DURING)] {
        assert!(
            text.contains("1. Type /whycap continue in the session"),
            "{text}"
        );
        assert!(
            text.contains("Today's budget of $0.50 is used up"),
            "{text}"
        );
    }
}

/// A `claude -p` run reached the limit. The steps said to type `/whycap continue` in its session, which has ended.
#[test]
fn no_screen_says_to_lift_the_budget_in_a_run_that_has_ended() {
    let sandbox = with_stop_budget();
    let mut client = session_of_login(&sandbox, "stopped");
    client
        .variables
        .push(("CLAUDE_CODE_ENTRYPOINT".to_owned(), "sdk-cli".to_owned()));
    client.works("2026-11-20T09:59:00Z", 250_000);
    let mut refusal = refused("five_hour", NOON, "out_of_credits");
    refusal["entrypoint"] = Value::from("sdk-cli");
    client.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, refusal);
    client.event("2026-11-20T10:00:01Z", "SessionEnd", serde_json::json!({}));
    sandbox.run(&["spend"]).success();
    for at in [DURING, AFTER_BLOCKED_CONTINUATION] {
        let text = flat(crate::client::run(&sandbox, at, &["explain"], b"", &[]).success());
        assert!(
            !text.contains("/whycap continue in the session"),
            "{at}: {text}"
        );
    }
}

/// A session reached a cap, and then another session paid with usage credits. The first step was "Then leave the session open",
/// before the step that lifts the budget. At a weekly limit, no step mentioned the budget, although it would have blocked the
/// prompt for which credits pay.
#[test]
fn the_budget_comes_first_while_credits_pay_in_another_session() {
    let cap = "You've hit your monthly spend limit \u{b7} raise it at claude.ai/settings/usage";
    let lift = "1. Type /whycap continue in the session so that your budget does not block the next prompt 2.";
    for (window, resets_at, full, second) in [
        (
            "five_hour",
            NOON,
            windows(100.0, NOON, 40.0, TUESDAY),
            "Then leave the session open",
        ),
        (
            "seven_day",
            TUESDAY,
            windows(40.0, NOON, 100.0, TUESDAY),
            "Wait until Tue Nov 24 06:00",
        ),
    ] {
        let sandbox = with_stop_budget();
        let [stopped, mut paying] = ["stopped", "paying"].map(|name| Client {
            version: "2.1.331".to_owned(),
            ..session_of_login(&sandbox, name)
        });
        stopped.works("2026-11-20T09:59:00Z", 250_000);
        let refusal = refused(window, resets_at, "org_level_disabled_until");
        hits_limit(
            &stopped,
            "2026-11-20T10:00:00Z",
            cap,
            &refusal,
            full.clone(),
        );
        for at in ["2026-11-20T10:03:00Z", "2026-11-20T10:04:00Z"] {
            receives_response(&mut paying, at, full.clone());
        }
        sandbox.run(&["spend"]).success();
        for text in [explained(&stopped, DURING), answer(&stopped, DURING)] {
            assert!(text.contains(&format!("{lift} {second}")), "{text}");
            assert!(text.contains("3. Or send the prompt again now"), "{text}");
        }
    }
}

/// Right after the reset, `wait` printed the same sentence about the budget twice.
#[test]
fn wait_mentions_a_budget_only_once() {
    let sandbox = with_stop_budget();
    let client = stopped_over_budget(&sandbox);
    let waited = waited(&client, "2026-11-20T12:01:00Z");
    assert!(
        waited.ends_with("No limit is blocking you, but a budget blocks prompts."),
        "{waited}"
    );
    assert_eq!(waited.matches("Today's budget").count(), 1, "{waited}");
}

/// After the blocked continuation, `now` and `wait --session` said to send the prompt again, although the budget blocks it.
#[cfg(target_os = "linux")]
#[test]
fn no_list_of_sessions_says_to_send_a_prompt_that_the_budget_blocks() {
    let sandbox = with_stop_budget();
    let client = stopped_over_budget(&sandbox);
    let _process = RunningClient::idle(&sandbox, &client.session);
    let at = AFTER_BLOCKED_CONTINUATION;
    let now = flat(run(&sandbox, at, &["now"], b"", &[]).success());
    assert!(
        now.contains(
            "limit should be over, but your budget blocks prompts: type /whycap continue there"
        ),
        "{now}"
    );
    answer_to(&client, at, "/whycap continue");
    let now = flat(run(&sandbox, at, &["now"], b"", &[]).success());
    assert!(
        now.contains("limit should be over: send the prompt again"),
        "{now}"
    );
}

/// A session had continued after a limit, and then a used-up budget blocked its prompts. `/whycap` and `explain` still said
/// "You can continue now" as the first step. Without an earlier limit, `/whycap` did not mention the budget.
#[test]
fn whycap_mentions_a_budget_that_blocks_a_session_without_a_limit() {
    let sandbox = with_stop_budget();
    let client = stopped_over_budget(&sandbox);
    client.sends_prompt("2026-11-20T12:02:00Z", "continue");
    client.receives_response("2026-11-20T12:02:10Z");
    let at = "2026-11-20T12:04:00Z";
    let step = "1. Type /whycap continue in the session so that your budget does not block the next prompt";
    for text in [explained(&client, at), answer(&client, at)] {
        assert!(text.contains(step), "{text}");
    }

    let sandbox = with_stop_budget();
    let client = session_of_login(&sandbox, "working");
    client.works("2026-11-20T09:59:00Z", 250_000);
    sandbox.run(&["spend"]).success();
    let whycap = answer(&client, "2026-11-20T10:05:00Z");
    assert!(
        whycap.contains("Today's budget of $0.50 is used up"),
        "{whycap}"
    );
}

/// An error affects only another session, and a used-up budget blocks prompts. `doctor` said "Nothing is blocking you", although
/// `now` and `wait` named the budget, and the steps of the session with the empty key led to a prompt that the budget blocks.
#[test]
#[cfg(target_os = "linux")]
fn a_budget_that_blocks_prompts_is_named_beside_an_empty_key() {
    let sandbox = with_stop_budget();
    let on_plan = session_of_login(&sandbox, "on-plan");
    on_plan.works("2026-11-20T09:59:00Z", 250_000);
    let mut with_key = Client::with_session(&sandbox, "with-key");
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    with_key.variables.push(key);
    receives_balance_error(&with_key, "2026-11-20T10:00:00Z");
    let _process = RunningClient::idle(&sandbox, "with-key");
    sandbox.run(&["spend"]).success();

    let doctor = flat(&run(&sandbox, DURING, &["doctor"], b"", &[]).stdout);
    assert!(!doctor.contains("Nothing is blocking you"), "{doctor}");
    assert!(
        doctor.contains("No limit is blocking you, but a budget blocks prompts."),
        "{doctor}"
    );
    let arguments = ["explain", "--session", "with-key"];
    let of_session = flat(run(&sandbox, DURING, &arguments, b"", &[]).success());
    for text in [answer(&with_key, DURING), of_session] {
        let steps = "1. Type /whycap continue in the session so that your budget does not block the next prompt 2. Unset ANTHROPIC_API_KEY";
        assert!(text.contains(steps), "{text}");
    }
    let shown = plain_rows(&with_key, DURING, Value::Null);
    assert!(
        shown.contains("ANTHROPIC_API_KEY has no credits"),
        "{shown}"
    );
    answer_to(&with_key, DURING, "/whycap continue");
    let text = answer(&with_key, DURING);
    assert!(!text.contains("/whycap continue"), "{text}");
}
