//! Tests how `explain` answers a text that the user types or pastes: a message or a question.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, windows};
use crate::newest_evidence::receives_response;
#[cfg(target_os = "linux")]
use crate::now::RunningClient;
use crate::situation::{
    AT, FIVE_HOUR, NOON, OUT_OF_CREDITS, OVERLOADED, SOON, TUESDAY, WEEKLY, answer_to, flat,
    receives_balance_error, receives_overload_error, refused, session_of_login,
    with_a_private_login,
};
use crate::support::Sandbox;

/// Returns the output of `explain` for a text, on a single line.
fn explain(client: &Client<'_>, at: &str, text: &str) -> String {
    flat(client.run(at, &["explain", text], b"").success())
}

/// Returns the output of `explain` for the newest error, on a single line.
fn explain_newest(client: &Client<'_>, at: &str) -> String {
    flat(client.run(at, &["explain"], b"").success())
}

/// Simulates a session that receives two responses while the 5-hour window is full until noon.
fn session_that_pays_with_credits(sandbox: &Sandbox) -> Client<'_> {
    let mut client = session_of_login(sandbox, "pays");
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    client.calls_status_line(AT, full.clone(), 120);
    receives_response(&mut client, "2026-11-20T10:03:00Z", full.clone());
    receives_response(&mut client, "2026-11-20T10:06:00Z", full);
    client
}

/// Creates a sandbox in which a member of a team is logged in.
fn with_a_member_of_a_team() -> Sandbox {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    sandbox
}

/// The 5-hour window was known to be full until 12:00, but for "You've hit your limit", `explain` only said that one of
/// the plan's windows was full, and that /usage shows which one.
#[test]
fn a_message_that_names_no_limit_is_explained_with_the_window_that_is_used_up() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let text = "You've hit your limit";
    for (at, left, usage) in [
        (
            "2026-11-20T10:01:00Z",
            "1 h 59 m",
            "Your 5-hour usage is 100%",
        ),
        (
            "2026-11-20T10:30:00Z",
            "1 h 30 m",
            "Your 5-hour usage was 100%, measured 30 m ago (resets 12:00)",
        ),
    ] {
        let explained = explain(&client, at, text);
        let headline =
            format!("Your 5-hour limit is used up; you can continue at 12:00, in {left}.");
        assert!(explained.starts_with(&headline), "{explained}");
        for part in [
            usage,
            "whycap infers it from your last known usage",
            "1. Wait until 12:00",
        ] {
            assert!(explained.contains(part), "{part}: {explained}");
        }
        assert!(!explained.contains("Right now"), "{explained}");
    }
    // After the reset, nothing is known about the window.
    let later = explain(&client, "2026-11-20T12:10:00Z", text);
    assert!(!later.contains("5-hour limit is used up"), "{later}");
}

/// While the weekly limit was used up, `explain` called a message about an organization's limit a false alarm, because the
/// 5-hour usage was 55%.
#[test]
fn a_message_is_not_called_a_false_alarm_while_another_window_is_full() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let text = "You've hit your org's monthly usage limit";
    for (week, is_false_alarm) in [(40.0, true), (100.0, false)] {
        client.calls_status_line(AT, windows(55.0, NOON, week, TUESDAY), 120);
        let explained = explain(&client, AT, text);
        assert_eq!(
            explained.contains("looks like a false alarm"),
            is_false_alarm,
            "{explained}"
        );
        assert_eq!(
            explained.contains("Your weekly limit is probably used up"),
            !is_false_alarm,
            "{explained}"
        );
    }
}

/// A member of a team, whose usage Claude Code does not report, was blocked by the weekly limit. For other texts about
/// limits, `explain` said nothing about that.
#[test]
fn a_text_is_explained_with_what_blocks_the_shell_now() {
    let sandbox = with_a_member_of_a_team();
    let client = Client::new(&sandbox);
    client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    let at = "2026-11-20T10:30:00Z";
    let limit = "Your weekly limit is used up; you can continue on Tue Nov 24 06:00, in 3 d 19 h.";
    let right_now = format!("Right now: {limit}");
    for (text, present) in [
        // This message may be about the weekly limit, so the headline itself says so.
        ("You've hit your limit", limit),
        ("API Error: Rate limit reached", &right_now),
        ("Credit balance is too low", &right_now),
    ] {
        let explained = explain(&client, at, text);
        let (before_steps, _) = explained.split_once(" What to do").unwrap();
        assert!(before_steps.ends_with(present), "{text}: {explained}");
        let long = flat(client.run(at, &["explain", "--long", text], b"").success());
        assert!(long.contains(present), "{text}: {long}");
        let reply = answer_to(&client, at, &format!("/whycap {text}"));
        let (before_steps, _) = reply.split_once(" What to do").unwrap();
        assert!(before_steps.ends_with(present), "{text}: {reply}");
    }
    // The explanation of this message already says so, and a message of another program has nothing to do with it.
    for text in [
        WEEKLY,
        "You've hit your usage limit. Upgrade to Plus to continue using Codex",
    ] {
        let explained = explain(&client, at, text);
        assert!(!explained.contains("Right now"), "{text}: {explained}");
    }
    // After the reset, nothing blocks the shell.
    let later = explain(&client, "2026-11-24T06:10:00Z", "credit balance");
    assert!(!later.contains("Right now"), "{later}");
}

/// If only a reading shows that a window is used up, the answer names the window and its reset. Previously, it only
/// said that one of the plan's limits was used up.
#[test]
fn a_text_is_explained_with_the_window_that_is_used_up_without_an_error() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let text = "API Error: Rate limit reached";
    let explained = explain(&client, "2026-11-20T10:01:00Z", text);
    let present = "Right now: Your 5-hour limit is used up until 12:00. What to do";
    assert!(explained.contains(present), "{explained}");
    client.calls_status_line(
        "2026-11-20T10:02:00Z",
        windows(40.0, NOON, 40.0, TUESDAY),
        120,
    );
    let explained = explain(&client, "2026-11-20T10:03:00Z", text);
    assert!(!explained.contains("Right now"), "{explained}");
}

/// A text that is not a message is answered with the current state and the commands that may help.
#[test]
fn a_text_that_is_not_recognized_is_answered_with_the_current_state() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    let at = "2026-11-20T10:30:00Z";
    let expected = explain_newest(&client, at);
    for text in [
        "why am I blocked?",
        "Warum geht es nicht weiter?",
        "What is the weather",
    ] {
        let answer = explain(&client, at, text);
        assert!(
            answer.starts_with("whycap does not recognize this text"),
            "{answer}"
        );
        assert!(answer.ends_with(&expected), "{answer}");
        for command in ["whycap now", "whycap spend", "whycap incidents"] {
            assert!(answer.contains(command), "{answer}");
        }
        let json = client.run(at, &["explain", "--json", text], b"").json();
        assert_eq!(json["incident"]["verdict"], "cannot_tell");
        let run = client.run(at, &["explain", "--exit-code", text], b"");
        assert_eq!(run.code, 12, "{run:?}");
    }
    // All of its words are also words of questions.
    let notice = explain(&client, at, "Now using usage credits");
    assert!(
        notice.contains("explains only the message text"),
        "{notice}"
    );
    let other = explain(&client, at, "my limit is 5");
    assert!(other.starts_with("whycap does not recognize"), "{other}");
}

/// `explain why am I blocked`, without quotes, failed with "unexpected argument 'am' found".
#[test]
fn a_text_without_quotes_is_explained_like_one_with_quotes() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    let at = "2026-11-20T10:30:00Z";
    for text in [
        "why am I blocked",
        "You've hit your 5-hour limit · resets 12pm (UTC)",
        "API Error: 529 Overloaded. This is a server-side issue - try again in a moment.",
    ] {
        let quoted = client.run(at, &["explain", text], b"").success().to_owned();
        let mut arguments = vec!["explain"];
        arguments.extend(text.split(' '));
        let unquoted = client.run(at, &arguments, b"");
        assert_eq!(unquoted.success(), quoted, "{text}");
    }
}

/// The budget of a team was explained as a limit that an admin had set for the user.
#[test]
fn a_budget_that_a_team_shares_is_not_called_the_users_own_limit() {
    let sandbox = with_a_member_of_a_team();
    let client = Client::new(&sandbox);
    for (text, headline) in [
        (
            "You've hit your team's shared budget · ask your admin to raise it",
            "The message says that a budget that you share with others is used up; check /usage, or ask an Owner.",
        ),
        (
            "You've hit your team's pooled group budget · your weekly limit resets Nov 24, 6am (UTC)",
            "The message says that a budget that you share with others is used up; check /usage, or ask an Owner.",
        ),
    ] {
        let json = client.run(AT, &["explain", "--json", text], b"").json();
        let incident = &json["incident"];
        assert_eq!(incident["headline"], headline);
        assert_eq!(incident["limit"], "member_spend_cap");
        let long = flat(client.run(AT, &["explain", "--long", text], b"").success());
        assert!(
            long.contains("Other members may have used most of it"),
            "{long}"
        );
        assert!(!long.contains("admin set for you"), "{long}");
    }
    let individual = "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit";
    let explained = explain(&client, AT, individual);
    assert!(explained.contains("a limit set by an admin"), "{explained}");
}

/// The row of a session with a key said "a limit is used up", but not whose limit, or what helps.
#[test]
fn the_row_about_a_key_without_credits_names_the_plan_and_the_remedy() {
    for (reset, weekly_reset, row) in [
        (
            100.0,
            40.0,
            "API key has no credits · unset it · plan used up until 12:00",
        ),
        (
            40.0,
            100.0,
            "API key has no credits · plan used up until Tue Nov 24 06:00",
        ),
    ] {
        let sandbox = with_a_private_login();
        let on_plan = session_of_login(&sandbox, "on-plan");
        let usage = windows(reset, NOON, weekly_reset, TUESDAY);
        on_plan.calls_status_line("2026-11-20T09:59:00Z", usage, 120);
        let mut with_key = Client::with_session(&sandbox, "with-key");
        let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
        with_key.variables.push(key);
        receives_balance_error(&with_key, AT);
        let rows = plain_rows(&with_key, "2026-11-20T10:01:00Z", json!(null));
        assert!(rows.contains(row), "{rows}");
    }
}

/// Members of a team were told to update Claude Code, without a reason, although their message was right.
#[test]
fn an_update_is_recommended_with_a_reason_and_only_if_the_message_may_be_wrong() {
    let sandbox = with_a_member_of_a_team();
    let client = Client::new(&sandbox);
    let steps = |text: &str| {
        let json = client.run(AT, &["explain", "--json", text], b"").json();
        json["incident"]["actions"].to_string()
    };
    let text = "You've hit your org's monthly spend limit · ask your admin to raise it";
    let stopped = Client::with_session(&sandbox, "stopped");
    stopped.receives_error(AT, text, json!({}));
    let right = stopped.explained(SOON)["actions"].to_string();
    assert!(!right.contains("claude update"), "{right}");
    let doubtful = steps("API Error: Rate limit reached");
    let reason =
        "Update Claude Code, because older versions sometimes showed this message by mistake";
    assert!(doubtful.contains(reason), "{doubtful}");
    let model = steps(
        "Claude Code 2.1.300 does not support this model; version 2.1.320 or newer is required",
    );
    assert!(
        model.contains("Update Claude Code to use this model"),
        "{model}"
    );
}

/// Claude Code itself was taken for a third-party app. The first action used to be an update, and then became the purchase of
/// credits, which did not help (issues 45134 and 45190).
#[test]
fn a_user_who_is_taken_for_a_third_party_app_is_not_first_asked_to_buy_credits() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let text = "API Error: 400 Third-party apps now draw from your extra usage, not your plan limits. Add more at \
                claude.ai/settings/usage and keep going.";
    let shown = flat(client.run(AT, &["explain", "--long", text], b"").success());
    assert!(
        shown.contains("1. If you use Claude Code itself, update it"),
        "{shown}"
    );
    assert!(
        shown.contains("did not help users of Claude Code itself"),
        "{shown}"
    );
}

/// "Check /usage" and the wait for the reset came after the step to pay for usage credits, or to ask for a higher cap.
#[test]
fn free_steps_come_before_steps_that_cost_money() {
    for (plan, role) in [("max", "admin"), ("team", "user"), ("enterprise", "admin")] {
        for usage in [None, Some(94.0), Some(100.0)] {
            for text in [
                FIVE_HOUR,
                WEEKLY,
                OUT_OF_CREDITS,
                "You've hit your limit · resets 12pm (UTC)",
                "You've hit your org's monthly spend limit",
                "You've hit your monthly spend limit · raise it at claude.ai/settings/usage",
                "You've hit your individual spend limit",
                "You've hit your team's shared budget · ask your admin to raise it",
                "Your organization is out of usage credits. Contact your admin to add more.",
            ] {
                let sandbox = Sandbox::new();
                Client::logged_in(&sandbox, plan, role);
                let client = Client::new(&sandbox);
                if let Some(percent) = usage {
                    client.calls_status_line(AT, windows(percent, NOON, 40.0, TUESDAY), 120);
                }
                let of_text = client.run(SOON, &["explain", "--json", text], b"").json();
                client.receives_error(AT, text, json!({}));
                let of_session = client.explained(SOON);
                for incident in [&of_text["incident"], &of_session] {
                    let steps = incident["actions"].as_array().unwrap();
                    let is_paid = |step: &Value| step["costs_money"] == true;
                    let first_paid = steps.iter().position(is_paid).unwrap_or(steps.len());
                    let waits_later = steps[first_paid..]
                        .iter()
                        .any(|step| step["do"].as_str().unwrap().contains("ait "));
                    assert!(!waits_later, "{plan}, {usage:?}, {text}: {incident:#}");
                }
            }
        }
    }
}

/// Checks that concern an unlikely cause came before the only remedy, because they are free.
#[test]
fn fallback_checks_come_after_the_remedy() {
    for (text, first) in [
        (
            "Your group's usage limit is set to $0 · run /usage-credits to ask your admin for a higher limit",
            "Ask an admin",
        ),
        (
            "Your usage allocation has been disabled by your admin · ask your admin for a higher limit",
            "Ask an admin",
        ),
        ("This service is disabled for your org", "Ask an admin"),
        (
            "You've hit your usage limit · contact your admin to increase it",
            "Ask an",
        ),
    ] {
        let sandbox = with_a_member_of_a_team();
        let client = Client::new(&sandbox);
        client.receives_error(AT, text, json!({}));
        let incident = client.explained(SOON);
        let steps = incident["actions"].as_array().unwrap();
        let instruction = steps[0]["do"].as_str().unwrap();
        assert!(instruction.starts_with(first), "{text}: {incident:#}");
        assert_eq!(steps.last().unwrap()["command"], "/status", "{incident:#}");
    }
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.receives_error(AT, "You've hit your weekly limit", json!({}));
    let incident = client.explained(SOON);
    let steps = incident["actions"].as_array().unwrap();
    let position = |part: &str| {
        let mut instructions = steps.iter().map(|step| step["do"].as_str().unwrap());
        instructions
            .position(|instruction| instruction.contains(part))
            .unwrap_or_else(|| panic!("{part}: {incident:#}"))
    };
    assert!(
        position("/limit-reset") < position("Check /usage"),
        "{incident:#}"
    );
}

/// `explain` stated as a fact that the organization had reached its cap, although only a pasted message said so, which may be
/// old or from another account.
#[test]
fn a_pasted_cap_of_an_organization_is_only_what_the_message_says() {
    let text = "You've hit your org's monthly spend limit";
    for plan in ["team", "enterprise"] {
        for usage in [None, Some(94.0), Some(100.0)] {
            let sandbox = Sandbox::new();
            Client::logged_in(&sandbox, plan, "user");
            let client = Client::new(&sandbox);
            if let Some(percent) = usage {
                client.calls_status_line(AT, windows(percent, NOON, 40.0, TUESDAY), 120);
            }
            let shown = explain(&client, SOON, text);
            let headline = "The message says that your organization has reached its spend cap; check /usage, or ask an Owner.";
            assert!(shown.starts_with(headline), "{shown}");
            assert!(shown.contains("What to do 1. Check /usage"), "{shown}");
            let incident = client.run(SOON, &["explain", "--json", text], b"").json();
            assert_eq!(
                incident["incident"]["verdict"], "cannot_tell",
                "{incident:#}"
            );
            let waits_for_known_reset = shown.contains("wait until 12:00");
            assert_eq!(waits_for_known_reset, usage == Some(100.0), "{shown}");
        }
    }
    // An error of a session on this machine is a fact, even if the user pastes its message.
    let sandbox = with_a_member_of_a_team();
    let client = Client::new(&sandbox);
    client.receives_error(AT, text, json!({}));
    for shown in [explain_newest(&client, SOON), explain(&client, SOON, text)] {
        assert!(
            shown.starts_with("Your organization has reached its spend cap"),
            "{shown}"
        );
    }
}

/// The headline told admins to ask an Owner about a cap, although a later step said that they may be able to raise it themselves.
#[test]
fn an_admin_who_pastes_a_cap_is_not_told_to_ask_an_owner() {
    for plan in ["team", "enterprise"] {
        for text in [
            "You've hit your org's monthly spend limit",
            "You've hit your individual spend limit",
            "You've hit your team's shared budget · ask your admin to raise it",
            "Your seat type doesn't include usage credits",
        ] {
            let sandbox = Sandbox::new();
            Client::logged_in(&sandbox, plan, "admin");
            let client = Client::new(&sandbox);
            let run = client.run(SOON, &["explain", "--json", text], b"").json();
            let incident = &run["incident"];
            let headline = incident["headline"].as_str().unwrap();
            let badge = incident["badge"].as_str().unwrap();
            assert!(headline.contains("; check /usage, or "), "{incident:#}");
            for shown in [headline, badge] {
                assert!(!shown.contains("ask a"), "{incident:#}");
            }
        }
    }
}

/// The same answer said that Claude Code counts as a third-party app, that this looked like a false alarm, and that the user
/// can pay to continue. A third-party app needs extra usage whatever the plan's usage is, so the usage proves nothing.
#[test]
fn a_message_about_third_party_apps_has_a_single_verdict() {
    let text =
        "API Error: 400 Third-party apps now draw from your extra usage, not your plan limits";
    for plan in ["max", "team"] {
        for percent in [42.0, 100.0] {
            let sandbox = Sandbox::new();
            Client::logged_in(&sandbox, plan, "user");
            let client = Client::new(&sandbox);
            client.calls_status_line(AT, windows(percent, NOON, 40.0, TUESDAY), 120);
            let shown = explain(&client, SOON, text);
            let headline = "The message says that this program counts as a third-party app, so it draws on extra usage, not your plan.";
            assert!(shown.starts_with(headline), "{shown}");
            for wrong in [
                "false alarm",
                "the limit is real",
                "Or add",
                "credits are used up",
            ] {
                assert!(!shown.contains(wrong), "{wrong}: {shown}");
            }
            let (_, steps) = shown.split_once(" What to do ").unwrap();
            let paid_step = if plan == "team" {
                "If you use another program, an admin has to add extra usage for the organization (costs money)"
            } else {
                "If you use another program, it needs extra usage (costs money)"
            };
            let (free, paid) = steps
                .split_once(paid_step)
                .unwrap_or_else(|| panic!("{shown}"));
            assert!(
                free.starts_with("1. If you use Claude Code itself, update it"),
                "{shown}"
            );
            assert!(!free.contains("costs money"), "{shown}");
            assert!(!paid.contains("costs money"), "{shown}");
        }
    }
}

/// The 5-hour window of the login was full, but a key paid for requests from the shell. `explain` said that the window was
/// used up "right now", and advised waiting for its reset, although nothing blocked this shell.
#[test]
fn a_used_up_window_of_the_plan_does_not_block_a_shell_with_a_key() {
    let sandbox = with_a_private_login();
    Client::new(&sandbox).calls_status_line(AT, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    for (text, consequence) in [
        ("API Error: Rate limit reached", "Right now"),
        ("You've hit your limit", "at 12:00"),
    ] {
        let explain = |environment: &[(String, String)]| {
            flat(crate::client::run(&sandbox, AT, &["explain", text], b"", environment).success())
        };
        let with_login = explain(&[]);
        assert!(with_login.contains(consequence), "{text}: {with_login}");
        let with_key = explain(std::slice::from_ref(&key));
        assert!(!with_key.contains(consequence), "{text}: {with_key}");
    }
}

/// A user pasted the message that was still on the screen a minute after the weekly reset. `explain` answered that the limit
/// resets on the next day, and offered to sell credits, because it did not know when the message had been received.
#[test]
fn the_message_of_the_current_error_is_explained_like_this_error() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let message = "You've hit your weekly limit · resets 12pm (UTC)";
    client.receives_error(AT, message, refused("seven_day", NOON, ""));
    client.calls_status_line(AT, windows(40.0, NOON + 3_600, 100.0, NOON), 120);
    for at in [
        "2026-11-20T10:30:00Z",
        "2026-11-20T12:01:15Z",
        "2026-11-20T14:00:00Z",
    ] {
        let expected = explain_newest(&client, at);
        for text in [message, &format!("  ⎿ {message}\n    /upgrade to continue")] {
            assert_eq!(explain(&client, at, text), expected, "{at}");
        }
    }
    let after_reset = explain(&client, "2026-11-20T12:01:15Z", message);
    assert!(
        after_reset.contains("should have reset at 12:00"),
        "{after_reset}"
    );
    // On another day, the same text may be a new message.
    let other_day = explain(&client, "2026-11-21T10:30:00Z", message);
    assert!(!other_day.contains("should have reset"), "{other_day}");
    // Another message is still explained by its text.
    let other = explain(
        &client,
        "2026-11-20T12:01:15Z",
        "You've hit your 5-hour limit",
    );
    assert!(other.contains("5-hour"), "{other}");
}

/// Usage credits were paying for the responses beyond a full window, but for "You've hit your limit", `explain` said "you can
/// continue at 12:00", and for other texts "Right now: Your 5-hour limit is used up".
#[test]
fn a_full_window_does_not_stop_a_user_whose_credits_pay() {
    let sandbox = with_a_private_login();
    let pays = session_that_pays_with_credits(&sandbox);
    for text in ["You've hit your limit", "API Error: Rate limit reached"] {
        let shown = explain(&pays, "2026-11-20T10:06:05Z", text);
        assert!(
            shown.starts_with("You are paying with usage credits"),
            "{shown}"
        );
        for wrong in ["Right now", "you can continue at", "Wait until"] {
            assert!(!shown.contains(wrong), "{text}: {wrong}: {shown}");
        }
    }
}

/// A session had reached its 5-hour limit and the user's own cap on usage credits. For a message that names only the 5-hour
/// limit, `explain` advised continuing with usage credits.
#[test]
fn the_steps_for_a_text_do_not_offer_credits_that_the_server_refuses() {
    let cap = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets 12pm (UTC)";
    let refused_for = |reason| refused("five_hour", NOON, reason);
    for (message, fields) in [
        (cap, refused_for("org_level_disabled_until")),
        (FIVE_HOUR, refused_for("out_of_credits")),
        (FIVE_HOUR, refused_for("org_level_disabled")),
        (FIVE_HOUR, refused_for("member_zero_credit_limit")),
        (cap, json!({})),
        ("You're out of usage credits · resets 12pm (UTC)", json!({})),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, message, &fields);
        client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
        let paid_steps = |arguments: &[&str]| -> Vec<Value> {
            let json = client.run("2026-11-20T10:05:00Z", arguments, b"").json();
            let steps = json["incident"]["actions"].as_array().unwrap();
            let paid = steps.iter().filter(|step| step["costs_money"] == true);
            paid.cloned().collect()
        };
        let expected = paid_steps(&["explain", "--json"]);
        let text = "You've hit your session limit";
        let of_text = paid_steps(&["explain", "--json", text]);
        assert_eq!(of_text, expected, "{message}: {fields}");
    }
}

/// A narrow terminal and `whycap incidents` cut a message off. `explain` did not recognize the rest as the message of the
/// session.
#[test]
fn a_shortened_message_is_explained_like_the_whole_one() {
    let sandbox = with_a_private_login();
    let [stopped, other] = ["stopped", "other"].map(|name| session_of_login(&sandbox, name));
    let stated = "You've hit your 5-hour limit · resets 12:00pm (Europe/London)";
    stopped.receives_error(AT, stated, refused("five_hour", NOON, ""));
    stopped.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    receives_overload_error(&other, "2026-11-20T12:02:00Z");
    for at in ["2026-11-20T10:05:00Z", "2026-11-20T12:05:00Z"] {
        let expected = explain(&stopped, at, stated);
        assert!(!expected.contains("explains only the message text"));
        for shortened in [
            "You've hit your 5-hour limit",
            "  ⎿ You've hit your 5-hour limit",
            "You've hit your 5-hour limit · resets 12:0…",
            "You've hit your 5-hour li…",
            "You've hit your 5-hour limit · res...",
        ] {
            assert_eq!(
                explain(&stopped, at, shortened),
                expected,
                "{at}: {shortened}"
            );
        }
        // This may be the beginning of many messages.
        let ambiguous = explain(&stopped, at, "You've hit your…");
        assert_ne!(ambiguous, expected, "{at}");
    }
    let next_day = explain(
        &stopped,
        "2026-11-22T10:00:00Z",
        "You've hit your 5-hour limit",
    );
    assert!(
        next_day.contains("explains only the message text"),
        "{next_day}"
    );
}

/// A user pasted the message of a false alarm into `explain` after its retry had worked and another session had received an
/// error. `explain` no longer said that it had been a false alarm, and advised waiting for hours or buying credits.
#[test]
fn the_message_of_an_earlier_error_is_explained_like_the_error_of_its_session() {
    let sandbox = with_a_private_login();
    let [alarmed, overloaded] =
        ["alarmed", "overloaded"].map(|name| session_of_login(&sandbox, name));
    alarmed.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(42.0, NOON, 10.0, TUESDAY),
        120,
    );
    let message = "You've hit your monthly spend limit · your 5-hour limit resets 12pm (UTC)";
    alarmed.receives_error(
        AT,
        message,
        json!({"error": "rate_limit", "apiErrorStatus": 429}),
    );
    let part = "You've hit your monthly spend limit";
    let at = "2026-11-20T10:01:00Z";
    for text in [message, part] {
        assert_eq!(
            explain(&alarmed, at, text),
            explain_newest(&alarmed, at),
            "{text}"
        );
    }

    overloaded.receives_error(
        "2026-11-20T10:02:00Z",
        "API Error: 529 Overloaded",
        json!({"apiErrorStatus": 529}),
    );
    alarmed.receives_response("2026-11-20T10:03:00Z");
    let at = "2026-11-20T10:04:00Z";
    let of_session = flat(
        alarmed
            .run(at, &["explain", "--session", "alarmed"], b"")
            .success(),
    );
    assert!(of_session.contains("false alarm"), "{of_session}");
    assert_eq!(explain(&alarmed, at, message), of_session);
    let newest = explain_newest(&alarmed, at);
    assert!(newest.contains("overloaded"), "{newest}");
    assert_eq!(explain(&alarmed, at, part), of_session);
    // Another part of the message may be another message.
    let of_part = explain(&alarmed, at, "your 5-hour limit resets 12pm (UTC)");
    assert_ne!(of_part, of_session);
}

/// A session's 5-hour limit had reset, and the session had then received a 529. For the message of the limit, which was still on
/// the screen, `explain` had no record of the usage at the time, and called it a false alarm as soon as new figures arrived.
#[test]
fn the_message_of_an_earlier_error_is_explained_although_its_session_has_a_newer_error() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    client.receives_response("2026-11-20T12:05:00Z");
    let next_reset = NOON + 18_000;
    client.calls_status_line(
        "2026-11-20T12:05:01Z",
        windows(1.0, next_reset, 40.0, TUESDAY),
        120,
    );
    receives_overload_error(&client, "2026-11-20T12:10:00Z");
    for at in ["2026-11-20T12:11:00Z", "2026-11-20T12:40:00Z"] {
        assert!(explain_newest(&client, at).contains("overloaded"));
        let shown = explain(&client, at, FIVE_HOUR);
        let headline = "Your 5-hour limit was used up, and the limit reset at 12:00.";
        // For half an hour, the 529 blocks the session.
        if at == "2026-11-20T12:11:00Z" {
            let earlier = format!("That message is about an earlier error: {headline}");
            assert!(shown.starts_with("The service is overloaded"), "{shown}");
            assert!(shown.contains(&earlier), "{shown}");
        } else {
            assert!(shown.starts_with(headline), "{shown}");
            assert!(
                shown.contains("Right after the error, your 5-hour usage was 100%"),
                "{shown}"
            );
            // `explain` without the message would explain the newer error.
            assert!(shown.ends_with("For details, add --long"), "{shown}");
        }
        let answered = answer_to(&client, at, &format!("/whycap {FIVE_HOUR}"));
        assert!(answered.contains(headline), "{answered}");
    }
}

/// After the weekly reset, the session reached its 5-hour limit. For the message of the weekly limit, `explain` named the next
/// day, although it knew when this limit had reset.
#[test]
fn the_message_of_an_earlier_limit_is_dated_like_its_error_after_another_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let weekly = "You've hit your weekly limit · resets 12pm (UTC)";
    client.receives_error(AT, weekly, refused("seven_day", NOON, ""));
    let [one, two] = [NOON + 3_600, NOON + 7_200];
    client.calls_status_line(SOON, windows(40.0, one, 100.0, NOON), 120);
    client.receives_response("2026-11-20T12:05:00Z");
    let next_week = NOON + 7 * 86_400;
    client.calls_status_line(
        "2026-11-20T12:05:01Z",
        windows(97.0, two, 1.0, next_week),
        120,
    );
    client.receives_error(
        "2026-11-20T12:20:00Z",
        "You've hit your 5-hour limit · resets 2pm (UTC)",
        refused("five_hour", two, ""),
    );
    client.calls_status_line(
        "2026-11-20T12:20:02Z",
        windows(100.0, two, 2.0, next_week),
        120,
    );
    let at = "2026-11-20T12:30:00Z";
    let replies = [
        explain(&client, at, weekly),
        answer_to(&client, at, &format!("/whycap {weekly}")),
    ];
    for blocked in replies {
        for part in [
            "Your 5-hour limit is used up; you can continue at 14:00",
            "That message is about an earlier error: Your weekly limit was used up, and the limit reset at 12:00.",
            "1. Do nothing and leave the session open; Claude Code will continue about 14:01",
            "You are still blocked.",
        ] {
            assert!(blocked.contains(part), "{part}: {blocked}");
        }
    }
    let later = explain(&client, "2026-11-20T14:10:00Z", weekly);
    assert!(
        later.starts_with("Your weekly limit was used up, and the limit reset at 12:00."),
        "{later}"
    );
    assert!(!later.contains("Right now"), "{later}");
}

/// A user tried again and received the same limit with other words. The older message is not explained by itself, because its
/// error has been replaced.
#[test]
fn the_message_of_a_limit_that_was_reached_again_is_explained_like_the_newest_error() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let first = "You've hit your session limit · resets 12pm (UTC)";
    client.receives_error(AT, first, refused("five_hour", NOON, ""));
    client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    client.receives_error(
        "2026-11-20T10:05:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    for at in ["2026-11-20T10:06:00Z", "2026-11-20T12:10:00Z"] {
        let shown = explain(&client, at, first);
        let newest = explain_newest(&client, at);
        let (headline, _) = newest.split_once(" What to do").unwrap();
        assert!(shown.starts_with(headline), "{shown}");
        assert!(!shown.contains("See the limit error"), "{shown}");
    }
}

/// The present 5-hour window was full until 12:00. For an older message, `explain` said so, but advised sending the prompt again
/// or waiting for the time in the message.
#[test]
fn the_steps_for_an_old_message_are_those_of_the_limit_that_blocks_now() {
    for is_reported in [true, false] {
        for has_error in [true, false] {
            if !is_reported && !has_error {
                continue;
            }
            let sandbox = if is_reported {
                with_a_private_login()
            } else {
                with_a_member_of_a_team()
            };
            let client = session_of_login(&sandbox, "stopped");
            if has_error {
                client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
            }
            if is_reported {
                client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
            }
            for text in [
                "You've hit your 5-hour limit · resets 3am (UTC)",
                "You've hit your 5-hour limit · resets 2pm (UTC)",
                "You've hit your weekly limit · resets Nov 18, 6am (UTC)",
                "Claude AI usage limit reached|1764320000",
            ] {
                let shown = explain(&client, "2026-11-20T10:00:30Z", text);
                let (explanation, steps) = shown.split_once(" What to do ").unwrap();
                let about = format!("{is_reported}, {has_error}, {text}: {shown}");
                assert!(
                    explanation.contains("5-hour limit is used up")
                        && explanation.contains("12:00"),
                    "{about}"
                );
                let first = steps.split(" 2. ").next().unwrap();
                let waits = ["ait until 12:00", "Claude Code will continue about 12:01"];
                assert!(waits.iter().any(|wait| first.contains(wait)), "{about}");
                assert!(!shown.contains("Send the prompt again"), "{about}");
            }
        }
    }
}

/// `explain` said that a limit was "real if you got the message just now", although its reset was a year ago.
#[test]
fn a_message_whose_reset_has_passed_is_not_confirmed_by_a_window_that_is_full_now() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(100.0, NOON, 40.0, TUESDAY), 120);
    for text in [
        "Claude AI usage limit reached|1764320000",
        "You've hit your 5-hour limit · resets 3am (UTC)",
    ] {
        let shown = explain(&client, SOON, text);
        assert!(!shown.contains("the limit is real"), "{shown}");
        for part in [
            "but your 5-hour limit is used up until 12:00.",
            "Your 5-hour usage is 100% (resets 12:00), but the reset in the message has passed, so the message is about an earlier limit.",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}

/// A message stated a reset that was a year ago, and the windows had room. `explain` said that it looked like a false alarm
/// and advised sending the prompt again.
#[test]
fn nothing_follows_from_a_message_whose_reset_was_long_ago() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let text = "Claude AI usage limit reached|1761234567";
    for is_reported in [false, true] {
        if is_reported {
            client.calls_status_line(AT, windows(42.0, NOON, 10.0, TUESDAY), 120);
        }
        let shown = explain(&client, SOON, text);
        let (explanation, steps) = shown.split_once(" What to do ").unwrap();
        assert!(
            explanation.contains("reset on Thu Oct 23, 2025 15:49"),
            "{shown}"
        );
        let step = if is_reported {
            "1. You do not have to wait; this limit has reset"
        } else {
            "1. You can probably continue; this limit should no longer apply"
        };
        assert!(steps.starts_with(step), "{shown}");
        for wrong in ["false alarm", "Send the prompt again", "just now"] {
            assert!(!shown.contains(wrong), "{wrong}: {shown}");
        }
    }
    // The user may have received this message today.
    let shown = explain(
        &client,
        SOON,
        "You've hit your 5-hour limit · resets Nov 20, 9am (UTC)",
    );
    assert!(shown.contains("1. Send the prompt again"), "{shown}");
}

/// The usage was far below 100%, so a message about extra usage looked like a false alarm, but no step said what to do then.
#[test]
fn the_steps_for_a_doubtful_message_say_what_to_do_if_no_limit_is_reached() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    for is_reported in [false, true] {
        if is_reported {
            client.calls_status_line(AT, windows(42.0, NOON, 10.0, TUESDAY), 120);
        }
        let shown = explain(&client, SOON, "You're out of extra usage");
        let steps = "1. Check /usage 2. If the 5-hour limit, the weekly limit, and your model's limit (if /usage lists one) are all below 100%, send the prompt again; otherwise, ";
        assert!(shown.contains(steps), "{shown}");
        assert!(shown.contains("add extra usage (costs money)"), "{shown}");
    }
}

/// Beside a full window, the steps for an overload began with sending the prompt again in a few minutes, while `wait` waited for
/// the reset, and recommended another model, to which the window applies as well.
#[test]
fn the_steps_for_an_overload_say_until_when_prompts_are_refused_or_paid_for_with_credits() {
    for is_reported in [true, false] {
        let sandbox = with_a_member_of_a_team();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
        if is_reported {
            client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
        }
        let shown = explain(&client, "2026-11-20T10:30:00Z", "529 overloaded");
        assert!(shown.starts_with("The service is overloaded"), "{shown}");
        let (_, steps) = shown.split_once(" What to do ").unwrap();
        let step = "so prompts will be refused or paid for with usage credits until 12:00 2. If you do not want to wait until 12:00, send the prompt again";
        assert!(steps.contains(step), "{shown}");
        assert!(steps.starts_with("1. Check /usage"), "{shown}");
        assert!(!steps.contains("another model"), "{shown}");
    }
}

/// Usage credits paid for the responses, but for the texts of temporary problems, `explain` advised sending the prompt again
/// without saying that this costs money.
#[test]
fn each_step_that_sends_the_prompt_again_says_that_credits_pay_for_it() {
    let sandbox = with_a_private_login();
    let pays = session_that_pays_with_credits(&sandbox);
    for text in [
        "API Error: 529 Overloaded",
        "API Error: Rate limit reached",
        "API Error: 500 Internal server error",
        "API Error: 401 Invalid authentication credentials",
        "API Error: Connection error.",
        "You've hit your 5-hour limit · resets 3am (UTC)",
    ] {
        let at = "2026-11-20T10:06:05Z";
        let json = pays.run(at, &["explain", "--json", text], b"").json();
        let steps = json["incident"]["actions"].as_array().unwrap();
        let mut sending = steps
            .iter()
            .filter(|step| step["do"].to_string().contains("end the prompt again"))
            .peekable();
        assert!(sending.peek().is_some(), "{text}: {json:#}");
        for step in sending {
            assert!(
                step["do"].to_string().contains("(costs money)"),
                "{text}: {step}"
            );
            assert_eq!(step["costs_money"], true, "{text}: {step}");
        }
    }
    let member = with_a_member_of_a_team();
    let text = "You've hit your org's monthly spend limit · ask your admin to raise it";
    let shown = explain(&Client::new(&member), AT, text);
    assert!(shown.contains("your own API key (costs money)"), "{shown}");
}

/// On a Max plan, `explain` said that only an admin can raise the limit, although nobody administers a personal plan.
#[test]
fn nobody_is_sent_to_an_admin_of_a_personal_plan() {
    for text in [
        "You've hit your usage limit · contact your admin to increase it",
        "You've hit your usage limit · contact your admin",
        "You've hit your individual spend limit",
        "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit",
        "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit · your 5-hour limit resets 12pm (UTC)",
    ] {
        let sandbox = with_a_private_login();
        let shown = explain(&Client::new(&sandbox), AT, text);
        assert!(
            shown.starts_with("Your personal plan has no admin; ") && shown.contains("/status"),
            "{shown}"
        );
        for wrong in [
            "Ask an Owner",
            "only an admin",
            "an admin set for you",
            "organization's credits",
        ] {
            assert!(!shown.contains(wrong), "{wrong}: {shown}");
        }
        if text.contains("resets 12pm") {
            assert!(shown.contains("at 12:00"), "{shown}");
        }
        let sandbox = with_a_member_of_a_team();
        let shown = explain(&Client::new(&sandbox), AT, text);
        let admin = if text.contains("individual") {
            "a limit set by an admin"
        } else {
            "only an admin can raise it"
        };
        assert!(shown.contains(admin), "{shown}");
    }
}

/// On a Max plan, a session was stopped by its 5-hour limit, but Claude Code showed the message for a member of a team.
/// `explain` said that an admin had set a limit.
#[test]
fn a_full_window_of_a_personal_plan_is_not_called_the_limit_of_an_admin() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let text = "You've hit your individual spend limit · run /usage-credits to ask your admin for a higher limit";
    client.receives_error(
        AT,
        text,
        refused("five_hour", NOON, "org_level_disabled_until"),
    );
    client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let shown = explain_newest(&client, "2026-11-20T10:05:00Z");
    assert!(
        shown.starts_with(
            "Your 5-hour limit is used up (your own, not an organization's); you can continue at 12:00"
        ),
        "{shown}"
    );
    for wrong in ["Ask an Owner", "an admin set for you", "ask your admin"] {
        assert!(!shown.contains(wrong), "{wrong}: {shown}");
    }
}

/// A false alarm was over, and the session had then reached its real 5-hour limit. For the message of the false alarm, the
/// steps were those of the limit, but the answer also said "You are not blocked."
#[test]
fn the_message_of_a_past_false_alarm_is_not_answered_with_two_states() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.calls_status_line(
        "2026-11-20T09:59:00Z",
        windows(42.0, NOON, 40.0, TUESDAY),
        120,
    );
    client.receives_error(AT, OUT_OF_CREDITS, json!({}));
    client.receives_response("2026-11-20T10:05:00Z");
    client.receives_error(
        "2026-11-20T11:00:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    client.calls_status_line(
        "2026-11-20T11:00:02Z",
        windows(100.0, NOON, 45.0, TUESDAY),
        120,
    );
    let at = "2026-11-20T11:05:00Z";
    for shown in [
        explain(&client, at, OUT_OF_CREDITS),
        answer_to(&client, at, &format!("/whycap {OUT_OF_CREDITS}")),
    ] {
        assert!(shown.contains("You are still blocked."), "{shown}");
        assert!(!shown.contains("You are not blocked."), "{shown}");
        assert!(
            shown.contains("Your 5-hour limit is used up; you can continue at 12:00"),
            "{shown}"
        );
    }
}

/// A session whose conversation was too long asked about the message of the login's 5-hour limit, which had stopped another
/// session. `/whycap` answered that this session may work.
#[test]
fn the_message_of_a_limit_of_the_login_blocks_the_session_in_which_it_is_entered() {
    let sandbox = with_a_private_login();
    let [long, stopped] = ["long", "stopped"].map(|name| session_of_login(&sandbox, name));
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    long.receives_error(
        "2026-11-20T10:00:10Z",
        "Prompt is too long",
        json!({"error": "invalid_request"}),
    );
    let prompt = format!("/whycap {FIVE_HOUR}");
    let shown = answer_to(&long, "2026-11-20T10:00:30Z", &prompt);
    assert!(shown.contains("Wait until 12:00"), "{shown}");
    assert!(!shown.contains("this session may work"), "{shown}");
}

/// A budget of a team renews with the month, but for its message, `explain` named the 5-hour limit as the one that resets then.
#[test]
fn the_reset_of_a_budget_is_not_that_of_a_five_hour_window() {
    let sandbox = with_a_member_of_a_team();
    let client = Client::new(&sandbox);
    let text = "You've hit your team's pooled group budget · resets Dec 1, 12am (UTC)";
    let shown = explain(&client, AT, text);
    assert!(!shown.contains("5-hour"), "{shown}");
    assert!(!shown.contains("otherwise, wait until"), "{shown}");
    let run = client.run(AT, &["explain", "--json", text], b"");
    let incident = &run.json()["incident"];
    let badge = incident["badge"].as_str().unwrap();
    assert!(!badge.contains("5-hour"), "{badge}");
}

/// The weekly limit was used up until Tuesday. For a message about a cap that states the reset of the 5-hour window, `explain`
/// said so, but its steps named the reset of the 5-hour window.
#[test]
fn the_steps_for_a_cap_wait_for_the_window_that_is_full_now() {
    let both_full = windows(100.0, NOON, 100.0, TUESDAY);
    for is_reported in [true, false] {
        for (sandbox, text) in [
            (
                with_a_member_of_a_team(),
                "You've hit your org's monthly spend limit · your 5-hour limit resets 12pm (UTC)",
            ),
            (
                with_a_private_login(),
                "You've hit your monthly spend limit · your 5-hour limit resets 12pm (UTC)",
            ),
        ] {
            let client = session_of_login(&sandbox, "stopped");
            if is_reported {
                client.calls_status_line(AT, both_full.clone(), 120);
            } else {
                client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
            }
            let shown = explain(&client, SOON, text);
            let (explanation, steps) = shown.split_once(" What to do ").unwrap();
            assert!(explanation.contains("Tue Nov 24 06:00"), "{shown}");
            assert!(steps.contains("ait until Tue Nov 24 06:00"), "{shown}");
            assert!(!steps.contains("until 12:00"), "{shown}");
        }
    }
}

/// The limit in the text was over, but another one blocked every session. `explain --exit-code` returned 0, which means that
/// nothing blocks the user.
#[test]
fn the_exit_code_for_a_text_is_that_of_the_limit_that_blocks_now() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let code = |at: &str, text: &str| client.run(at, &["explain", "--exit-code", text], b"").code;
    for text in [
        "You've hit your 5-hour limit · resets 3am (UTC)",
        "You've used 92% of your weekly limit",
    ] {
        assert_eq!(code("2026-11-20T10:30:00Z", text), 10, "{text}");
        assert_eq!(code("2026-11-20T12:30:00Z", text), 0, "{text}");
    }
}

/// A user pasted the message of one session into `/whycap` in another session, which had an error of its own. The answer was
/// about that error.
#[test]
fn a_message_of_another_session_is_not_answered_with_the_error_of_the_session() {
    for own_error in [
        (
            "2026-11-20T08:00:00Z",
            OVERLOADED,
            json!({"apiErrorStatus": 529}),
        ),
        (AT, WEEKLY, refused("seven_day", TUESDAY, "")),
    ] {
        let sandbox = with_a_private_login();
        let [asks, fails] = ["asks", "fails"].map(|name| session_of_login(&sandbox, name));
        let (at, text, fields) = own_error;
        asks.receives_error(at, text, fields);
        if text == OVERLOADED {
            asks.receives_response("2026-11-20T08:05:00Z");
        }
        let message = "Prompt is too long";
        let fields = json!({"error": "invalid_request", "apiErrorStatus": 400});
        fails.receives_error("2026-11-20T10:02:00Z", message, fields);
        let answered = answer_to(&asks, "2026-11-20T10:03:00Z", &format!("/whycap {message}"));
        assert!(
            answered.contains("The conversation is longer"),
            "{answered}"
        );
        for wrong in ["overloaded", "responded", "explains only the message text"] {
            assert!(!answered.contains(wrong), "{wrong}: {answered}");
        }
    }
}

/// A session had tried again after its 5-hour limit, which reset at 09:00. For its first message, `/whycap` in another session
/// explained the 5-hour limit that this session reached at 10:00.
#[test]
fn a_repeated_limit_is_not_taken_for_the_limit_of_another_session() {
    let sandbox = with_a_private_login();
    let [asks, fails] = ["asks", "fails"].map(|name| session_of_login(&sandbox, name));
    let nine = NOON - 3 * 3_600;
    let first = "You've hit your session limit · resets 9am (UTC)";
    fails.receives_error(
        "2026-11-20T08:00:00Z",
        first,
        refused("five_hour", nine, ""),
    );
    let second = "You've hit your 5-hour limit · resets 9am (UTC)";
    fails.receives_error(
        "2026-11-20T08:05:00Z",
        second,
        refused("five_hour", nine, ""),
    );
    asks.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let answered = answer_to(&asks, "2026-11-20T10:03:00Z", &format!("/whycap {first}"));
    assert!(
        !answered.starts_with("Your 5-hour limit is used up"),
        "{answered}"
    );
}

/// Usage credits paid for the responses until 12:00. For a pasted message with another reset, a step named 12:00, and for a limit
/// of one model or an overload, `explain` said that the 5-hour limit was used up as well.
#[test]
fn the_steps_for_a_text_do_not_name_the_end_of_the_payment_as_its_reset() {
    let sandbox = with_a_private_login();
    let pays = session_that_pays_with_credits(&sandbox);
    for (text, step) in [
        (
            "You've hit your fast limit · resets in 4h",
            "Or wait until 14:06",
        ),
        (
            "You've hit your Opus limit · resets Nov 24, 6am (UTC)",
            "1. Use another model",
        ),
        (
            "API Error: 529 Overloaded",
            "end the prompt again (costs money)",
        ),
        ("API Error: 429 · try again in 4 hours", "until 14:06"),
        (
            "You've hit your weekly limit · resets Nov 24, 6am (UTC)",
            "ait until Tue Nov 24 06:00",
        ),
    ] {
        let shown = explain(&pays, "2026-11-20T10:06:05Z", text);
        let (paying, explanation) = shown.split_once(" resets at 12:00. ").unwrap();
        assert!(
            paying.starts_with("You are paying with usage credits"),
            "{shown}"
        );
        assert!(explanation.contains(step), "{step}: {shown}");
        for wrong in ["also used up", "until 12:00", "after 12:00"] {
            assert!(!explanation.contains(wrong), "{wrong}: {shown}");
        }
    }
}

/// A message states only the time of day of its reset. On the next day, the same text from another machine was explained as the
/// error of the day before.
#[test]
fn a_message_is_not_taken_for_an_older_error_once_a_new_limit_can_state_the_same_time() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let three = NOON + 3 * 3_600;
    let message = "You've hit your 5-hour limit · resets 3pm (UTC)";
    client.receives_error(
        "2026-11-20T12:30:00Z",
        message,
        refused("five_hour", three, ""),
    );
    for (at, is_same) in [
        ("2026-11-20T17:00:00Z", true),
        ("2026-11-21T08:00:00Z", true),
        ("2026-11-21T11:30:00Z", false),
    ] {
        let shown = explain(&client, at, message);
        assert_eq!(shown.contains("reset at"), is_same, "{at}: {shown}");
    }
}

/// A log of another machine contained the words of an error that the user had received the day before. `explain` explained the
/// user's own error.
#[test]
fn a_log_is_not_explained_as_the_error_of_this_machine() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "with-key");
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    client.variables.push(key);
    receives_balance_error(&client, "2026-11-20T12:00:00Z");
    let log = "Run anthropics/claude-code-action@v1\n\
               2026-11-21T07:58:01Z Installing Claude Code\n\
               2026-11-21T07:58:09Z Reviewing pull request 41\n\
               2026-11-21T07:58:11Z Credit balance is too low\n\
               Error: Process completed with exit code 1.";
    let shown = explain(&client, "2026-11-21T08:00:00Z", log);
    assert!(shown.contains("explains only the message text"), "{shown}");
}

/// The user had pasted a text and named no session, but `explain` mentioned "the session you asked about".
#[test]
fn the_session_of_a_pasted_message_is_named() {
    let sandbox = with_a_private_login();
    let [overloaded, stopped] =
        ["overloaded", "stopped"].map(|name| session_of_login(&sandbox, name));
    receives_overload_error(&overloaded, "2026-11-20T09:00:00Z");
    overloaded.receives_response("2026-11-20T09:05:00Z");
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let shown = explain(&stopped, "2026-11-20T10:01:00Z", OVERLOADED);
    assert!(!shown.contains("you asked about"), "{shown}");
    assert!(shown.contains("it also applies to the session "), "{shown}");
}

/// Claude Code shows another text on the screen than it writes to the transcript. `explain` did not recognize the text on the
/// screen as the message of the session, and said that no key was found.
#[cfg(target_os = "linux")]
#[test]
fn the_text_on_the_screen_is_the_message_in_the_transcript() {
    let sandbox = with_a_private_login();
    let mut with_key = session_of_login(&sandbox, "with_key");
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-x".to_owned());
    with_key.variables.push(key);
    with_key.event(
        "2026-11-20T09:59:00Z",
        "SessionStart",
        json!({"source": "startup"}),
    );
    receives_balance_error(&with_key, AT);
    let _running = RunningClient::idle(&sandbox, &with_key.session);
    let shell = session_of_login(&sandbox, "other");
    let at = "2026-11-20T10:01:00Z";
    let on_screen =
        "Credit balance too low · Add funds: https://platform.claude.com/settings/billing";
    let shown = explain(&shell, at, on_screen);
    assert_eq!(shown, explain_newest(&shell, at));
    assert!(shown.contains("with_key"), "{shown}");

    // After the next response, the steps said to add credits.
    with_key.works("2026-11-20T10:02:00Z", 10);
    for text in [on_screen, "Credit balance too low"] {
        let afterward = explain(&shell, "2026-11-20T10:03:00Z", text);
        assert!(afterward.contains("1. You can continue now"), "{afterward}");
        assert!(!afterward.contains("costs money"), "{afterward}");
    }
}

/// The screen shows a link without "https://" and its parameters, and people copy a message without the status code.
/// After the end of the error, `explain` did not recognize such copies.
#[test]
fn a_copy_with_a_shortened_link_or_without_the_status_is_the_message_of_the_session() {
    for (message, copy) in [
        (
            "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage?from=limit",
            "You've hit your monthly spend limit · raise it at claude.ai/settings/usage",
        ),
        (
            "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.",
            "You're out of extra usage",
        ),
        (
            "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage and go on",
            "You've hit your monthly spend limit · raise it at https:…",
        ),
        (
            "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage?from=limit",
            "You've hit your monthly spend limit · raise it at claude.ai/sett…",
        ),
        (
            "You've hit your monthly spend limit (https://claude.ai/settings/usage?from=limit) · wait for the reset",
            "You've hit your monthly spend limit (claude.ai/settings/usage) · wait for the reset",
        ),
        (
            "You've hit your monthly spend limit · raise it at https://platform.claude.com/settings/limits",
            "You've hit your monthly spend limit · raise it at platform.claude.com/settings/limits",
        ),
        (
            "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage and go on",
            "You've hit your monthly spend limit · raise it at\n  https://claude.ai/settings/us\n  age and go on",
        ),
    ] {
        let sandbox = with_a_private_login();
        let [stopped, other] = ["stopped", "other"].map(|name| session_of_login(&sandbox, name));
        stopped.receives_error(AT, message, json!({"apiErrorStatus": 400}));
        stopped.works("2026-11-20T10:02:00Z", 10);
        receives_overload_error(&other, "2026-11-20T10:03:00Z");
        let at = "2026-11-20T10:04:00Z";
        let expected = explain(&stopped, at, message);
        assert!(
            !expected.contains("explains only the message text"),
            "{expected}"
        );
        assert_eq!(explain(&stopped, at, copy), expected, "{copy}");
    }
}

/// A log of 260 bytes with two long links contained the message of a key without credits. Without its links, it was
/// short enough to be taken for a copy of the user's own error.
#[test]
fn a_log_with_long_links_is_not_explained_as_the_error_of_this_machine() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "with-key");
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    client.variables.push(key);
    receives_balance_error(&client, "2026-11-20T12:00:00Z");
    let log = "Run https://github.com/example/backend/actions/runs/19541234567/job/55912345678\n\
               Credit balance is too low\n\
               Error: exit code 1. Logs: https://github.com/example/backend/actions/runs/19541234567/artifacts/4123456789\n\
               Post job cleanup: the runner sent its report.";
    let shown = explain(&client, "2026-11-21T08:00:00Z", log);
    assert!(shown.contains("explains only the message text"), "{shown}");
}

/// A gateway's message about a credit balance was explained as the error of a key at Anthropic, because both have the
/// same row in the catalog.
#[test]
fn the_message_of_a_gateway_about_a_balance_is_not_the_error_of_a_key() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "with-key");
    let key = ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned());
    client.variables.push(key);
    receives_balance_error(&client, AT);
    client.works("2026-11-20T10:02:00Z", 10);
    let text = "API Error: 402 Your credit balance at the proxy is used up";
    let shown = explain(&client, "2026-11-20T10:03:00Z", text);
    assert!(shown.contains("explains only the message text"), "{shown}");
}

/// Two keys had no credits. The session with the second key had received a response since, but the first one was still
/// blocked. For the text on the screen, `explain` said that the user can continue.
#[cfg(target_os = "linux")]
#[test]
fn a_message_is_explained_as_the_error_that_still_blocks_a_session() {
    let sandbox = with_a_private_login();
    let [mut with_proxy, mut with_key] =
        ["with-proxy", "with-key"].map(|name| Client::with_session(&sandbox, name));
    with_proxy.variables.extend([
        ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-x".to_owned()),
        (
            "ANTHROPIC_BASE_URL".to_owned(),
            "https://proxy.example.com".to_owned(),
        ),
    ]);
    with_key
        .variables
        .push(("ANTHROPIC_API_KEY".to_owned(), "sk-ant-y".to_owned()));
    for client in [&with_proxy, &with_key] {
        client.event(
            "2026-11-20T09:00:00Z",
            "SessionStart",
            json!({"source": "startup"}),
        );
    }
    let _running =
        [&with_proxy, &with_key].map(|client| RunningClient::idle(&sandbox, &client.session));
    receives_balance_error(&with_proxy, "2026-11-20T09:30:00Z");
    receives_balance_error(&with_key, AT);
    with_key.works("2026-11-20T10:02:00Z", 10);
    let stopped = session_of_login(&sandbox, "stopped");
    stopped.receives_error(
        "2026-11-20T10:01:00Z",
        FIVE_HOUR,
        refused("five_hour", NOON, ""),
    );
    for text in ["Credit balance too low", "Credit balance is too low"] {
        let shown = explain(&stopped, "2026-11-20T10:03:00Z", text);
        assert!(shown.contains("proxy.example.com"), "{text}: {shown}");
        assert!(!shown.contains("You can continue now"), "{text}: {shown}");
    }
}

/// The 5-hour window was at 97% and reset at 12:00, and no response followed. For a quarter of an hour, `explain` took the
/// figures of the earlier window for the present ones, and said that a limit with another reset is real.
#[test]
fn figures_from_before_a_reset_are_not_the_present_usage() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(
        "2026-11-20T11:58:00Z",
        windows(97.0, NOON, 40.0, TUESDAY),
        120,
    );
    let text = "You've hit your 5-hour limit · resets 3pm (UTC)";
    let shown = explain(&client, "2026-11-20T12:06:00Z", text);
    assert!(!shown.contains("usage is 97%"), "{shown}");
    assert!(!shown.contains("the limit is real"), "{shown}");
}

/// Six minutes after the weekly window had reset, `explain` told the user to wait for a day, because "resets 6am" could also
/// mean the next morning.
#[test]
fn the_time_in_a_text_is_the_known_reset_of_the_window_that_has_just_passed() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let reported = windows(20.0, TUESDAY, 96.0, TUESDAY);
    client.calls_status_line("2026-11-24T05:50:00Z", reported, 120);
    let text = "You've hit your weekly limit · resets 6am (UTC)";
    let explained = explain(&client, "2026-11-24T06:06:00Z", text);
    assert!(
        explained.contains("the limit should have reset at 06:00")
            && explained.contains("1. Send the prompt again"),
        "{explained}"
    );
    // The window resets at another time of day, so the message is about another account.
    let other = "You've hit your weekly limit · resets 5am (UTC)";
    let explained = explain(&client, "2026-11-24T06:06:00Z", other);
    assert!(explained.contains("Wed Nov 25 05:00"), "{explained}");
}

/// While the 5-hour window was full until 12:00, `explain` said for a text with another reset that "you can continue at 13:00",
/// but also "wait until 12:00".
#[test]
fn a_text_with_another_reset_is_not_about_the_window_that_is_full() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let at = "2026-11-20T10:01:00Z";
    let text = "Claude usage limit reached. Your limit will reset at 1pm (UTC)";
    let explained = explain(&client, at, text);
    for part in [
        "Your 5-hour limit is used up; you can continue at 12:00, in 1 h 59 m.",
        "1. Wait until 12:00",
        "The message gives a different reset time (13:00), so it may be old or from another account.",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    for part in ["continue at 13:00", "probably used up", "just now"] {
        assert!(!explained.contains(part), "{part}: {explained}");
    }
}

/// While the 5-hour window was full until 12:00, `explain` said for the message of another account that "you can continue on
/// Sat Nov 21 07:00", and with room in both windows, the steps said to wait until then.
#[test]
fn nobody_waits_for_the_time_in_a_text_if_both_windows_reset_at_other_times() {
    let unnamed = "Claude usage limit reached. Your limit will reset at 2am (America/New_York).";
    let other_reset = "The message gives a different reset time (Sat Nov 21 07:00), so it may be old or from another account.";
    let no_reset = "Neither your 5-hour limit nor your weekly limit resets at the time in the message, so it may be old or from another account.";
    for (five_hour, first, doubt) in [
        (100.0, "1. Wait until 12:00", other_reset),
        (42.0, "1. Send the prompt again 2. Check /usage", no_reset),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.calls_status_line(AT, windows(five_hour, NOON, 40.0, TUESDAY), 120);
        let at = "2026-11-20T10:30:00Z";
        let shown = explain(&client, at, unnamed);
        let reply = answer_to(&client, at, &format!("/whycap {unnamed}"));
        for text in [&shown, &reply] {
            assert!(text.contains(first), "{first}: {text}");
            let without_doubt = text.replace(doubt, "");
            assert_ne!(&without_doubt, text, "{doubt}");
            assert!(!without_doubt.contains("Sat Nov 21"), "{text}");
        }
    }
}

/// The known reset of the window in the message was 12:00, but the steps said to wait until the time in the message.
#[test]
fn the_known_reset_of_a_window_takes_precedence_over_that_in_a_text() {
    let [five_hour, weekly, unnamed] = [
        "You've hit your 5-hour limit · resets 2pm (UTC)",
        "You've hit your weekly limit · resets Nov 22, 6am (UTC)",
        "You've hit your limit · resets 2pm (UTC)",
    ];
    for (usage, text, advice, stated) in [
        (42.0, five_hour, "wait until 12:00", "14:00"),
        (94.0, five_hour, "Wait until 12:00", "14:00"),
        (
            42.0,
            weekly,
            "wait until Tue Nov 24 06:00",
            "Sun Nov 22 06:00",
        ),
        (42.0, unnamed, "/usage shows when", "14:00"),
        (
            42.0,
            "You're out of extra usage · resets 3pm (UTC)",
            "/usage shows when",
            "15:00",
        ),
        (94.0, unnamed, "/usage shows when", "14:00"),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.calls_status_line(AT, windows(usage, NOON, 17.0, TUESDAY), 120);
        let shown = explain(&client, "2026-11-20T10:30:00Z", text);
        let (_, steps) = shown.split_once(" What to do ").unwrap();
        let (steps, why) = steps.split_once(" Why ").unwrap();
        assert!(steps.contains(advice), "{text}: {shown}");
        let (before_why, _) = shown.split_once(" Why ").unwrap();
        assert!(!before_why.contains(stated), "{text}: {shown}");
        let doubt = format!("({stated}), so it may be old or from another account.");
        assert!(why.contains(&doubt), "{text}: {shown}");
    }
}

/// The 5-hour window was full until 12:00. For a message about credits or a cap with another reset, the steps said to wait until
/// that time, below a sentence with the known reset.
#[test]
fn the_known_reset_of_the_full_window_takes_precedence_over_that_in_a_text_about_credits() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    for text in [
        "You're out of usage credits · resets 2pm (UTC)",
        "You're out of extra usage · resets 2pm (UTC)",
        "You've hit your monthly spend limit · your 5-hour limit resets 2pm (UTC)",
    ] {
        let shown = explain(&client, "2026-11-20T10:30:00Z", text);
        let (before_why, why) = shown.split_once(" Why ").unwrap();
        assert!(!before_why.contains("14:00"), "{text}: {shown}");
        assert!(before_why.contains("12:00"), "{text}: {shown}");
        let doubt = "(14:00), so it may be old or from another account";
        assert!(why.contains(doubt), "{text}: {shown}");
    }
}

/// A session received a false alarm and then a 529. For the text of the false alarm, `explain` said "Right now: The service is
/// overloaded", but the first step was to send the prompt again.
#[test]
fn the_text_of_a_false_alarm_is_answered_with_the_error_that_has_stopped_its_session_since() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.calls_status_line(AT, windows(42.0, NOON, 10.0, TUESDAY), 120);
    let capped =
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage";
    client.receives_error(
        SOON,
        capped,
        json!({"apiErrorStatus": 429, "error": "rate_limit"}),
    );
    receives_overload_error(&client, "2026-11-20T10:40:00Z");
    let at = "2026-11-20T10:40:30Z";
    let replies = [
        explain(&client, at, capped),
        answer_to(&client, at, &format!("/whycap {capped}")),
    ];
    for reply in replies {
        for part in [
            "The service is overloaded",
            "That message is about an earlier error: ",
            "probably a false alarm",
            "1. Wait a few minutes",
        ] {
            assert!(reply.contains(part), "{part}: {reply}");
        }
        assert!(!reply.contains("Right now"), "{reply}");
    }
    let run = client.run(at, &["explain", "--exit-code", capped], b"");
    assert_eq!(run.code, 10, "{run:?}");
}

/// A session received a 529 and, after a response, reached its weekly limit. For the text of the 529, the steps were those of the
/// 529, although the answer also said that the weekly limit blocks the session now.
#[test]
fn the_text_of_an_error_that_is_over_is_answered_with_what_blocks_its_session_now() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    receives_overload_error(&client, AT);
    client.works("2026-11-20T10:05:00Z", 10);
    client.receives_error(
        "2026-11-20T10:20:00Z",
        WEEKLY,
        refused("seven_day", TUESDAY, ""),
    );
    let at = "2026-11-20T10:21:00Z";
    let explained = explain(&client, at, OVERLOADED);
    for part in [
        "Your weekly limit is used up",
        "That message is about an earlier error: The service was overloaded",
        "ait until Tue Nov 24 06:00",
        "You are still blocked.",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    assert!(!explained.contains("Right now"), "{explained}");
    let run = client.run(at, &["explain", "--exit-code", OVERLOADED], b"");
    assert_eq!(run.code, 10, "{run:?}");
}

/// A session received a 529 after another session had reached the 5-hour limit. To the text of the 529, `/whycap` replied "This
/// happened in another session", directly before a sentence about the session's own 529.
#[test]
fn the_answer_to_an_earlier_text_says_which_error_happened_in_another_session() {
    let sandbox = with_a_private_login();
    let [stopped, overloaded] =
        ["stopped", "overloaded"].map(|name| session_of_login(&sandbox, name));
    stopped.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    stopped.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    receives_overload_error(&overloaded, "2026-11-20T10:01:40Z");
    let answered = answer_to(
        &overloaded,
        "2026-11-20T10:15:00Z",
        &format!("/whycap {OVERLOADED}"),
    );
    let start = "The error that applies now happened in another session (\"hi\"). That message is about an earlier error: The service was overloaded (not a usage limit), which usually passes within minutes. Your 5-hour limit is used up";
    assert!(answered.starts_with(start), "{answered}");
    assert!(!answered.contains("This happened"), "{answered}");
}

/// A session was told that its conversation is too long, and then received a 529. For the text of the first error, the steps
/// shortened the conversation, but `--exit-code` said that waiting helps.
#[test]
fn the_text_of_an_error_that_still_applies_is_explained_with_its_own_steps_and_exit_code() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let message = "Prompt is too long";
    let fields = json!({"error": "invalid_request", "apiErrorStatus": 400});
    client.receives_error(AT, message, fields);
    receives_overload_error(&client, "2026-11-20T10:02:00Z");
    let at = "2026-11-20T10:02:30Z";
    let explained = explain(&client, at, message);
    for part in [
        "The conversation is longer",
        "Right now, in the session stopped: The service is overloaded",
        "/compact",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    let run = client.run(at, &["explain", "--exit-code", message], b"");
    assert_eq!(run.code, 11, "{run:?}");
}

/// The text says "limits" instead of "limit" and is thus another message. `explain` took it for the beginning of an error of the
/// user's own, because it ignored the letters h, t, p, and s at the end.
#[test]
fn only_a_part_of_a_link_is_ignored_at_the_end_of_a_text() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let message =
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage";
    client.receives_error(AT, message, json!({"apiErrorStatus": 429}));
    client.works("2026-11-20T10:02:00Z", 10);
    let at = "2026-11-20T10:04:00Z";
    let of_error = explain(&client, at, message);
    for cut in ["h", "http", "https:", "https:/…", "http:/"] {
        let text = format!("You've hit your monthly spend limit · raise it at {cut}");
        assert_eq!(explain(&client, at, &text), of_error, "{cut}");
    }
    let other = explain(&client, at, "You've hit your monthly spend limits");
    assert!(other.starts_with("whycap does not recognize"), "{other}");
}

/// Ten minutes after the reset of the full window, `explain` told the user to wait for it.
#[test]
fn a_text_about_a_cap_is_over_if_the_full_window_has_just_reset() {
    let sandbox = with_a_member_of_a_team();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(100.0, NOON, 40.0, TUESDAY), 120);
    let text = "You've hit your org's monthly spend limit";
    let explained = explain(&client, "2026-11-20T12:10:00Z", text);
    assert!(
        explained.contains("the 5-hour limit should have reset at 12:00")
            && explained.contains("1. Send the prompt again"),
        "{explained}"
    );
    // The window may be full again.
    let later = explain(&client, "2026-11-20T12:30:00Z", text);
    assert!(later.contains("1. Check /usage"), "{later}");
}

/// Simulates a session that receives a false alarm, with the returned message, and then cannot continue because its
/// conversation is too long.
#[cfg(target_os = "linux")]
fn has_false_alarm_and_then_a_long_conversation(client: &Client<'_>) -> &'static str {
    let capped =
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage";
    client.calls_status_line(AT, windows(42.0, NOON, 10.0, TUESDAY), 120);
    client.receives_error(SOON, capped, json!({"apiErrorStatus": 429}));
    let too_long = json!({"error": "invalid_request", "apiErrorStatus": 400});
    client.receives_error("2026-11-20T10:14:00Z", "Prompt is too long", too_long);
    capped
}

/// A session received a false alarm, and then its conversation was too long. For the text of the false alarm, `explain` in a
/// shell did not say in which session the conversation is too long, although another session worked.
#[test]
#[cfg(target_os = "linux")]
fn the_answer_to_a_text_names_the_session_if_only_that_session_is_blocked_now() {
    let sandbox = with_a_private_login();
    let [stopped, mut works] = ["stopped", "works"].map(|name| session_of_login(&sandbox, name));
    let _processes =
        [&stopped, &works].map(|client| RunningClient::idle(&sandbox, &client.session));
    let capped = has_false_alarm_and_then_a_long_conversation(&stopped);
    let room = windows(43.0, NOON, 10.0, TUESDAY);
    receives_response(&mut works, "2026-11-20T10:20:00Z", room);
    let at = "2026-11-20T10:25:00Z";
    let explained = explain(&works, at, capped);
    for part in [
        "The conversation is longer",
        "Session: stopped",
        "That message is about an earlier error: ",
        "The error occurred in the session named above",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    assert!(!explained.contains("Right now"), "{explained}");
    let run = works.run(at, &["explain", "--exit-code", capped], b"");
    assert_eq!(run.code, 11, "{run:?}");
}

/// The same session had been closed. `explain` still answered the text with the conversation that is too long, although nobody
/// works on it any more.
#[test]
#[cfg(target_os = "linux")]
fn the_answer_to_a_text_is_not_about_what_would_block_only_a_closed_session() {
    let sandbox = with_a_private_login();
    let [closed, mut works] = ["closed", "works"].map(|name| session_of_login(&sandbox, name));
    let _process = RunningClient::idle(&sandbox, &works.session);
    let capped = has_false_alarm_and_then_a_long_conversation(&closed);
    let room = windows(43.0, NOON, 10.0, TUESDAY);
    receives_response(&mut works, "2026-11-20T10:20:00Z", room);
    let at = "2026-11-20T10:25:00Z";
    let explained = explain(&works, at, capped);
    for part in ["probably a false alarm", "Session: closed"] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    for part in ["Right now", "conversation", "still blocked"] {
        assert!(!explained.contains(part), "{part}: {explained}");
    }
    let run = works.run(at, &["explain", "--exit-code", capped], b"");
    assert_eq!(run.code, 0, "{run:?}");
}

/// A conversation was too long, and then its session received a false alarm. The user entered the text of the first error in a
/// shell. `explain` mentioned the false alarm after "Right now:", but did not name the session.
#[test]
#[cfg(target_os = "linux")]
fn what_blocks_only_one_session_right_now_is_said_of_that_session() {
    let sandbox = with_a_private_login();
    let [stopped, works] = ["stopped", "works"].map(|name| session_of_login(&sandbox, name));
    let process = RunningClient::idle(&sandbox, &stopped.session);
    let _other_process = RunningClient::idle(&sandbox, &works.session);
    let message = "Prompt is too long";
    let fields = json!({"error": "invalid_request", "apiErrorStatus": 400});
    stopped.receives_error(AT, message, fields);
    let room = windows(42.0, NOON, 10.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T10:10:00Z", room, 120);
    let refusal = refused("five_hour", NOON, "");
    stopped.receives_error("2026-11-20T10:10:20Z", FIVE_HOUR, refusal);
    let at = "2026-11-20T10:12:00Z";
    let explained = explain(&works, at, message);
    let right_now = "Right now, in the session stopped: This looks like a false alarm";
    for part in ["The conversation was longer", "Session: stopped", right_now] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    drop(process);
    let explained = explain(&works, at, message);
    assert!(!explained.contains("Right now"), "{explained}");
}

/// Seats of an organization that is billed by usage have no window that could reset, so an empty pool of credits is reason
/// enough for the message. `explain` told their users to wait, and called the message wrong.
#[test]
fn an_empty_pool_of_an_organization_that_may_be_billed_by_usage_is_not_called_a_mistake() {
    let text = "Your organization is out of usage credits. Contact your admin to add more.";
    for (plan, may_be_billed_by_usage) in [
        (None, true),
        (Some("enterprise"), true),
        (Some("team"), false),
    ] {
        let sandbox = Sandbox::new();
        if let Some(plan) = plan {
            Client::logged_in(&sandbox, plan, "user");
        }
        let explained = explain(&Client::new(&sandbox), AT, text);
        for (part, is_about_windows_only) in [
            ("Otherwise, the message is wrong", true),
            ("below 100%, send the prompt again; otherwise, ", true),
            ("if it lists none, waiting does not help", false),
            ("your organization may be billed by usage", false),
        ] {
            assert_eq!(
                explained.contains(part),
                is_about_windows_only != may_be_billed_by_usage,
                "{plan:?}, {part}: {explained}"
            );
        }
    }
}

/// Below a message about something else, `explain` said "Right now: The message says that …", as if that were about the same
/// message.
#[test]
fn what_blocks_the_user_now_is_not_called_the_message_below_another_message() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, FIVE_HOUR, json!({}));
    let at = "2026-11-20T10:30:00Z";
    let text = "Credit balance is too low";
    for answered in [
        explain(&client, at, text),
        answer_to(&client, at, &format!("/whycap {text}")),
    ] {
        let present = "Right now: Another message (from 10:00) says that your 5-hour limit is used up; you can continue at 12:00, in 1 h 30 m.";
        assert!(answered.contains(present), "{answered}");
    }
}

/// `explain` did not mention that a message states another reset than the known one if that reset is too far away for the
/// window.
#[test]
fn a_reset_that_is_too_far_away_is_mentioned_as_that_of_another_account() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let text = "You've hit your weekly limit · resets Dec 1, 3am (UTC)";
    for weekly_usage in [40.0, 100.0] {
        let usage = windows(30.0, NOON, weekly_usage, TUESDAY);
        client.calls_status_line(AT, usage, 120);
        let explained = explain(&client, SOON, text);
        for part in [
            "a different reset time (Tue Dec 1 03:00)",
            "from another account",
        ] {
            assert!(
                explained.contains(part),
                "{weekly_usage}, {part}: {explained}"
            );
        }
        assert!(!explained.contains("false alarm"), "{explained}");
    }
}

/// The reasons contradicted each other: the limit is real if the message is new, but the same usage does not show whether the
/// message was right.
#[test]
fn no_reason_cancels_the_conclusion_from_the_usage() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(30.0, NOON, 100.0, TUESDAY), 120);
    let text = "You've hit your weekly limit · resets Nov 24, 6am (UTC)";
    let explained = explain(&client, SOON, text);
    for (part, is_shown) in [
        ("so the limit is real if you got the message just now", true),
        ("whycap does not know when the message was shown", true),
        ("does not show whether the message was right", false),
    ] {
        assert_eq!(explained.contains(part), is_shown, "{part}: {explained}");
    }
}

/// Old versions used the same words for the 5-hour limit and for the weekly limit. If the time of day in the message was more
/// than five hours away, `explain` said that the weekly limit was possibly used up, and advised waiting.
#[test]
fn a_time_of_day_that_is_too_far_away_for_the_5_hour_limit_shows_that_a_message_may_be_old() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let text = "Claude usage limit reached. Your limit will reset at 6pm";
    let explained = explain(&client, AT, text);
    for part in [
        "The message is probably old, unless your weekly limit is used up; check",
        "What to do 1. Check /usage 2. If",
        "it is from an earlier day",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    for wrong in ["possibly used up", "1. Wait until"] {
        assert!(!explained.contains(wrong), "{wrong}: {explained}");
    }
}

/// The headline said that the limit should have reset, but the first step said that it no longer applies. If the message stated
/// only a time of day, another answer was certain of the day.
#[test]
fn an_end_that_only_the_message_suggests_is_uncertain_in_all_sentences() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let explained = explain(&client, AT, "Weekly limit reached ∙ resets Oct 9 at 10am");
    for part in ["should have reset on", "1. You can probably continue"] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    client.calls_status_line(SOON, windows(30.0, NOON, 100.0, TUESDAY), 120);
    let text = "5-hour limit reached ∙ resets 5pm";
    let explained = explain(&client, "2026-11-20T10:01:00Z", text);
    assert!(
        explained.contains("should have reset on Thu Nov 19 17:00"),
        "{explained}"
    );
}

/// A bare 429 does not show which program printed it, so an update of Claude Code may have nothing to do with it.
#[test]
fn an_update_is_not_advised_for_a_text_that_may_come_from_another_program() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    for (text, is_of_claude_code) in [
        ("Error: 429 Too Many Requests", false),
        ("API Error: Rate limit reached", true),
    ] {
        let explained = explain(&client, AT, text);
        assert_eq!(
            explained.contains("Update Claude Code"),
            is_of_claude_code,
            "{text}: {explained}"
        );
    }
}

/// With `--long`, `explain` said four times that it does not recognize the message.
#[test]
fn an_explanation_says_only_once_that_the_message_is_not_recognized() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    for option in [None, Some("--long")] {
        let arguments: Vec<&str> = ["explain", "--text", "my limit is 5"]
            .into_iter()
            .chain(option)
            .collect();
        let explained = flat(client.run(AT, &arguments, b"").success());
        let count = explained.matches("not recognize").count();
        assert_eq!(count, 1, "{explained}");
        assert!(!explained.contains("What the message means"), "{explained}");
    }
}

/// A message about a cap named the same reset as the full 5-hour window, but the steps asked whether /usage shows 100%, and the
/// headline named only the Owner.
#[test]
fn a_text_that_agrees_with_a_full_window_is_answered_with_its_reset() {
    let sandbox = with_a_member_of_a_team();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    let cap = "You've hit your org's monthly spend limit · your 5-hour limit resets 12pm (UTC)";
    let shown = explain(&client, SOON, cap);
    assert!(shown.contains("you can continue at 12:00"), "{shown}");
    assert!(shown.contains("1. Wait until 12:00"), "{shown}");
}

/// The weekly limit was known to be used up until 18:00. A message with this time and without a date was called "probably old".
#[test]
fn a_time_that_is_the_known_reset_of_a_full_week_does_not_make_a_message_old() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let evening = NOON + 6 * 60 * 60;
    client.calls_status_line(AT, windows(40.0, NOON, 100.0, evening), 120);
    let text = "Claude usage limit reached. Your limit will reset at 6pm (UTC)";
    let shown = explain(&client, "2026-11-20T10:50:00Z", text);
    assert!(!shown.contains("probably old"), "{shown}");
    assert!(shown.contains("1. Wait until 18:00"), "{shown}");
}

/// The weekly limit was used up, and the 5-hour usage was 41%. A pasted message about a cap was said to be about the 5-hour limit.
#[test]
fn a_pasted_cap_is_attributed_to_the_window_that_is_full() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.calls_status_line(AT, windows(41.0, NOON, 100.0, TUESDAY), 120);
    let shown = explain(&client, SOON, "You've hit your org's monthly spend limit");
    assert!(shown.contains("weekly limit"), "{shown}");
    assert!(!shown.contains("about your own 5-hour limit"), "{shown}");
}

/// Without any reading, `explain` offered usage credits for a cap of an organization that does not exist before it asked for a
/// check of the limits.
#[test]
fn a_pasted_cap_is_checked_before_anything_is_bought() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    for text in [
        "You've hit your org's monthly spend limit",
        "You've hit your monthly spend limit",
    ] {
        let shown = explain(&client, SOON, text);
        assert!(shown.contains("1. Check /usage"), "{shown}");
        let check = shown.find("all below 100%, send the prompt again");
        let purchase = shown.find("(costs money)");
        assert!(check.is_some() && check < purchase, "{shown}");
        assert!(!shown.contains("otherwise, wait"), "{shown}");
    }
}

/// The casual name "5h limit" was not recognized.
#[test]
fn a_casual_name_of_the_5_hour_limit_is_recognized() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    for text in [
        "5h limit hit, resets 12:00",
        "You've hit your 5h limit, resets 12:00",
        "hit the 5h limit · resets 12pm",
    ] {
        let shown = explain(&client, SOON, text);
        assert!(shown.contains("your 5-hour limit"), "{shown}");
        assert!(shown.contains("12:00"), "{shown}");
    }
    for text in ["the build ran for 5h", "5h is the limit of the CI job"] {
        let shown = explain(&client, SOON, text);
        assert!(!shown.contains("5-hour limit is"), "{shown}");
    }
}

/// The headline said that the included usage resets when only the monthly cap does.
#[test]
fn the_date_of_a_monthly_cap_is_not_that_of_the_included_usage() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let monthly = explain(
        &client,
        SOON,
        "You've hit your monthly spend limit · resets Dec 1 at 12am (UTC)",
    );
    assert!(!monthly.contains("included usage resets on"), "{monthly}");
    assert!(monthly.contains("the cap resets on Tue Dec 1"), "{monthly}");
    let window = explain(
        &client,
        SOON,
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage · your 5-hour limit resets 12pm (UTC)",
    );
    assert!(
        window.contains("your included usage resets at 12:00"),
        "{window}"
    );
}

/// The step after a cap said that the cap no longer stops the user, although only a response was known.
#[test]
fn the_step_after_a_cap_says_only_what_the_response_shows() {
    let sandbox = with_a_private_login();
    let mut client = session_of_login(&sandbox, "capped");
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    let cap = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage";
    client.receives_error(AT, cap, refused("five_hour", NOON, ""));
    receives_response(
        &mut client,
        "2026-11-20T12:06:00Z",
        windows(2.0, NOON + 5 * 60 * 60, 17.0, TUESDAY),
    );
    let shown = explain(&client, "2026-11-20T12:07:00Z", cap);
    let step = "You can continue now; the cap did not stop a later response";
    assert!(shown.contains(step), "{shown}");
}

/// The headline said that an old limit reset, and the step that it should no longer apply.
#[test]
fn the_step_for_an_old_limit_is_as_certain_as_the_headline() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let text = "You've hit your 5-hour limit · resets Nov 18, 2am (UTC)";
    let uncertain = explain(&client, SOON, text);
    for part in [
        "should have reset on",
        "You can probably continue; this limit should no longer apply",
    ] {
        assert!(uncertain.contains(part), "{uncertain}");
    }
    client.calls_status_line(AT, windows(42.0, NOON, 17.0, TUESDAY), 120);
    let proven = explain(&client, SOON, text);
    for part in [
        "the limit reset on Wed Nov 18",
        "1. You do not have to wait; this limit has reset",
    ] {
        assert!(proven.contains(part), "{proven}");
    }
}

/// The limit in a pasted warning had been reached since then, but the answer said "You are not blocked".
#[test]
fn the_answer_to_a_warning_names_the_limit_that_has_been_reached_since() {
    let warning = "You've used 99% of your 5-hour limit · resets 12pm (UTC)";
    for is_refused in [true, false] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        if is_refused {
            client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
        }
        client.calls_status_line(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
        let answered = explain(&client, "2026-11-20T10:01:00Z", warning);
        assert!(
            answered.contains("Right now: Your 5-hour limit is used up")
                && !answered.contains("not blocked"),
            "{answered}"
        );
    }
}

/// A report names the limit that it is about, so it is answered with the newest error about this limit.
#[test]
fn a_report_that_names_a_limit_is_answered_like_the_name_of_this_limit() {
    let sandbox = with_a_private_login();
    let weekly = session_of_login(&sandbox, "weekly");
    weekly.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    let other = session_of_login(&sandbox, "other");
    let at = "2026-11-20T10:03:00Z";
    other.receives_error(at, FIVE_HOUR, refused("five_hour", NOON, ""));
    for (report, limit) in [
        ("it says my weekly quota is exhausted", "weekly limit"),
        (
            "I have 60% left but it says my 5-hour limit is exhausted",
            "5-hour limit",
        ),
    ] {
        let answered = explain(&weekly, "2026-11-20T10:04:00Z", report);
        let expected = explain(&weekly, "2026-11-20T10:04:00Z", limit);
        assert_eq!(answered, expected, "{report}");
        let start = answered.split_once("What to do").unwrap().0;
        assert!(start.contains(limit), "{report}: {answered}");
    }
}

/// A message that is called probably old was followed by an offer of usage credits.
#[test]
fn nobody_is_offered_a_purchase_because_of_a_message_that_is_probably_old() {
    let text = "Claude usage limit reached. Your limit will reset at 3pm";
    for sandbox in [with_a_private_login(), with_a_member_of_a_team()] {
        let client = session_of_login(&sandbox, "new");
        let answered = explain(&client, "2026-11-20T08:00:00Z", text);
        assert!(
            answered.starts_with("The message is probably old"),
            "{answered}"
        );
        assert!(!answered.contains("credits"), "{answered}");
    }
}

/// Explaining a text with twelve notices took three seconds, and each further notice multiplied the time by 2.5.
#[test]
fn a_text_with_many_notices_is_explained() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    for part in [
        "First \"Context low · Run /compact\" and then later ",
        "Context low · Run /compact, error: \"",
    ] {
        let explained = explain(&client, AT, &part.repeat(100));
        let answer = "the conversation is getting long";
        assert!(explained.contains(answer), "{explained}");
    }
}

/// Five quoted notices come before a limit. The last of several quoted messages is what stopped work.
#[test]
fn a_limit_that_is_quoted_after_several_notices_is_explained() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let notices = "First it said \"Context low · Run /compact\" and then later ".repeat(5);
    let text = format!("{notices}it said \"You've hit your weekly limit\" with an error: ");
    let explained = explain(&client, AT, &text);
    assert!(explained.contains("weekly limit"), "{explained}");
}
