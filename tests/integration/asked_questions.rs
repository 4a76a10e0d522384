//! Tests how `explain` answers questions that users asked in their own words and that were answered wrongly or not at all.

use serde_json::json;

use crate::client::{Client, windows};
use crate::situation::{
    AT, FIVE_HOUR, NOON, ORG, OVERLOADED, SOON, TUESDAY, WEEKLY, answer_to, flat,
    receives_balance_error, refused, session_of_login, with_a_private_login,
};
use crate::support::Sandbox;

const OPUS: &str = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";

/// The answer to a question that whycap cannot answer.
const NO_ANSWER: &str = "Your question: whycap answers only questions about errors, limits, and spend. The explanation below is not an answer to this question.";

/// The answer to a question that contains a word that whycap does not know.
const NOT_UNDERSTOOD: &str =
    "Your question: whycap does not understand it. The explanation below is about your last error.";

/// Returns the output of `explain` for a question, on a single line.
fn explain(client: &Client<'_>, at: &str, question: &str) -> String {
    flat(client.run(at, &["explain", question], b"").success())
}

/// Returns the output of `explain` without a question, on a single line.
fn explanation(client: &Client<'_>, at: &str) -> String {
    flat(client.run(at, &["explain"], b"").success())
}

/// Stops a session at its 5-hour limit, while its weekly limit is 40% used.
fn reaches_limit(client: &Client<'_>) {
    client.calls_status_line(AT, windows(99.0, NOON, 40.0, TUESDAY), 120);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
}

/// Asserts that the answer to each question begins with `start`, in a shell and in a conversation.
#[track_caller]
fn assert_answers(client: &Client<'_>, at: &str, questions: &[&str], start: &str) {
    for question in questions {
        let answered = explain(client, at, question);
        assert!(answered.starts_with(start), "{question}: {answered}");
        let replied = answer_to(client, at, &format!("/whycap {question}"));
        let start = start.replace(" run: whycap", " run: /whycap");
        assert!(replied.starts_with(&start), "{question}: {replied}");
    }
}

/// Asserts that the answer to each question is only the explanation of the error.
#[track_caller]
fn assert_only_explains(client: &Client<'_>, at: &str, questions: &[&str]) {
    let expected = explanation(client, at);
    for question in questions {
        assert_eq!(explain(client, at, question), expected, "{question}");
    }
}

/// The answer to "what is a 529?" was the last limit, as if that were the answer.
#[test]
fn a_question_that_names_an_overload_is_answered_like_a_report_of_one() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let questions = [
        "does waiting help with overloaded?",
        "what is a 529?",
        "what does overloaded mean",
        "why do I get 529?",
        "is the API overloaded?",
    ];
    for is_blocked in [false, true] {
        if is_blocked {
            reaches_limit(&client);
        }
        for question in questions {
            let word = if question.contains("529") {
                "529"
            } else {
                "overloaded"
            };
            let report = format!("it says {word} and I can't work");
            let expected = explain(&client, SOON, &report);
            let meaning = "The service is overloaded";
            assert!(expected.starts_with(meaning), "{expected}");
            assert_eq!(explain(&client, SOON, question), expected, "{question}");
        }
    }
    let sandbox = with_a_private_login();
    let idle = session_of_login(&sandbox, "idle");
    let answered = explain(&idle, SOON, "how do I fix a 529?");
    assert!(
        answered.starts_with("The service is overloaded"),
        "{answered}"
    );
    // Not every overload has the same message.
    for message in [
        OVERLOADED,
        "API Error: Repeated server overload with Opus model",
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, message, json!({"apiErrorStatus": 529}));
        assert_only_explains(&client, SOON, &questions);
    }
}

/// The answer to "how long was I blocked?" was only the newest error.
#[test]
fn questions_about_past_errors_name_the_command_that_lists_them() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    let answer =
        "Past errors: to see each error and how long it blocked you, run: whycap incidents";
    let questions = [
        "how long was I blocked?",
        "how long have I been blocked",
        "how often was I blocked this week?",
        "how often do I hit my limit?",
        "how many times did I reach the weekly limit this month?",
    ];
    assert_answers(&client, SOON, &questions, answer);
    let others = [
        "how long will I be blocked?",
        "how long am I blocked?",
        "how long until it stops?",
        "how long has it been down?",
    ];
    for question in others {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains("Past errors"), "{question}: {answered}");
    }
}

/// The answer to "what used up my limit?" was only the newest error.
#[test]
fn questions_about_what_used_a_limit_name_the_command_that_shows_it() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    let by_session = "Usage: to see which sessions cost the most, run: whycap spend --by session";
    let by_project = "Usage: to see which projects cost the most, run: whycap spend --by project";
    let by_model = "Usage: to see which models cost the most, run: whycap spend --by model";
    let of_sessions = [
        "which session used the most?",
        "what used up my limit?",
        "what ate my weekly limit?",
    ];
    assert_answers(&client, SOON, &of_sessions, by_session);
    assert_answers(
        &client,
        SOON,
        &["which project used the most tokens?"],
        by_project,
    );
    assert_answers(&client, SOON, &["which model ate my limit"], by_model);
    let in_conversation = answer_to(&client, SOON, "/whycap spend --by session");
    assert!(!in_conversation.contains("error"), "{in_conversation}");
    let drain = "Large prompts: to see which parts of your prompts had to be written to the cache again, run in a shell: whycap drain";
    let of_prompts = [
        "why does one prompt eat 30% of my limit?",
        "why does a single message use so much?",
        "how can one prompt burn half of my limit?",
        "why did one prompt use 20% of my weekly limit",
    ];
    assert_answers(&client, SOON, &of_prompts, drain);
    assert_only_explains(
        &client,
        SOON,
        &[
            "what happens when my limit is used up?",
            "is my 5-hour limit used up?",
            "why did my prompt stop?",
            "how do I request a higher limit so I can use it",
        ],
    );
}

/// The answer to this question was only the limit that blocked the user.
#[test]
fn credits_are_said_not_to_reset_a_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    let answer =
        "Resets: usage credits pay for responses beyond a limit, but they do not reset it.";
    let questions = [
        "does my weekly limit reset if i buy credits?",
        "do credits reset my limit",
        "will paying for extra usage reset the limit?",
        "if I buy credits, does my limit reset?",
    ];
    assert_answers(&client, SOON, &questions, answer);
    let others = [
        "when does my limit reset?",
        "do my credits reset?",
        "should I buy credits or wait for the reset?",
        "do I have to pay until the limit resets?",
    ];
    for question in others {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains(answer), "{question}: {answered}");
    }
}

/// After a cap was raised, the answer did not say who can raise it, and a text about a team was not recognized.
#[test]
fn the_answer_says_who_can_raise_a_cap_even_if_it_is_over() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "team", "user");
    let client = session_of_login(&sandbox, "capped");
    let questions = [
        "who can raise the limit?",
        "my boss says our team ran out, who can raise it",
        "who can increase our cap?",
        "who do I ask to raise the limit?",
    ];
    let general = "Raising a limit: only an Owner can raise a spend cap of an organization (Organization settings → Usage). You can raise your own spend cap at https://claude.ai/settings/usage. The limits of a plan rise only with a larger plan.";
    for question in questions {
        let answered = explain(&client, AT, question);
        assert!(answered.ends_with(general), "{question}: {answered}");
    }
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    client.receives_error(
        AT,
        ORG,
        refused("five_hour", NOON, "org_level_disabled_until"),
    );
    let during = explanation(&client, SOON);
    assert!(during.contains("Ask an Owner to raise"), "{during}");
    assert_only_explains(&client, SOON, &questions);
    client.works("2026-11-20T10:05:00Z", 1_000);
    let later = "2026-11-20T10:06:00Z";
    let owner = "Raising this cap: only an Owner can raise it (Organization settings → Usage).";
    for question in questions {
        let answered = explain(&client, later, question);
        assert!(answered.contains(owner), "{question}: {answered}");
    }
    // At a limit of the plan, only a question about a team is about a cap.
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    assert_answers(&client, SOON, &questions[1..3], general);
    assert_only_explains(&client, SOON, &questions[..1]);
}

/// The answer to "can I work in my other session?" was only the limit.
#[test]
fn the_answer_says_whether_other_sessions_may_work() {
    let questions = [
        "can I work in my other session?",
        "can I use another session?",
        "do my other sessions still work?",
        "does it affect other sessions?",
    ];
    for (message, more, answer) in [
        (
            FIVE_HOUR,
            refused("five_hour", NOON, ""),
            "Other sessions: your 5-hour limit applies to all sessions of this account, so switching to another session does not help.",
        ),
        (
            OPUS,
            refused("seven_day_opus", TUESDAY, ""),
            "Other sessions: this limit applies to all sessions of this account that use Opus models; other models still work.",
        ),
        (
            "Prompt is too long",
            json!({"apiErrorStatus": 400, "error": "invalid_request"}),
            "Other sessions: as far as whycap knows, this error stops only the session in which it occurred, so others may work.",
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, message, more);
        assert_answers(&client, SOON, &questions, answer);
    }
    // whycap cannot tell whether the other session uses the same key.
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    receives_balance_error(&client, AT);
    assert_only_explains(&client, SOON, &questions);
}

/// The answer to these texts was that whycap does not recognize this message.
#[test]
fn reports_with_a_question_at_the_end_or_about_charges_are_recognized() {
    let report = "it stopped and said something about Opus weekly, can I go on with Sonnet";
    let charged = "I was charged although I have Max";
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, OPUS, refused("seven_day_opus", TUESDAY, ""));
    let answer = "Models: this limit stops only Opus models; the others still work.";
    assert_answers(&client, SOON, &[report], answer);
    assert_answers(
        &client,
        SOON,
        &[charged, "I got billed but I have a Pro plan"],
        "Costs: ",
    );
    // These texts are messages.
    for message in [
        "Error: the disk is full, what now",
        "ffmpeg says my disk is full, what should I do",
        "Connection lost, will retry",
        "Your battery is charged",
    ] {
        let answered = explain(&client, SOON, message);
        let unknown = "whycap does not recognize this message";
        assert!(answered.starts_with(unknown), "{message}: {answered}");
    }
}

/// The answer to "how do I bake bread" was the last error, as if that were the answer.
#[test]
fn an_unrelated_question_is_not_answered_as_if_it_were_about_the_error() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    for question in [
        "how do I bake bread",
        "how do I bake bread?",
        "how do birds fly",
        "who won yesterday?",
    ] {
        assert_answers(&client, SOON, &[question], NO_ANSWER);
    }
    assert_answers(
        &client,
        SOON,
        &["what is flurb", "how do I swim"],
        NOT_UNDERSTOOD,
    );
    assert_only_explains(
        &client,
        SOON,
        &["why did my weekly usage jump 20% overnight?"],
    );
}

/// The headline said "send the prompt again", and the step said "in a few minutes".
#[test]
fn a_request_that_was_stopped_may_be_sent_again_at_once() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    for is_received in [false, true] {
        let message = "API Error: Request was aborted.";
        if is_received {
            client.receives_error(AT, message, json!({}));
        }
        let explained = explain(&client, SOON, message);
        let step = "1. Send the prompt again";
        assert!(explained.contains(step), "{explained}");
        assert!(!explained.contains("minutes"), "{explained}");
        assert!(!explained.contains("Server errors"), "{explained}");
    }
}

/// The message gave a time in New York, and the answer was only "20:00".
#[test]
fn a_time_in_a_foreign_zone_is_said_to_be_converted() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "idle");
    for (stated, zone) in [
        ("3pm (America/New_York)", "20:00"),
        ("3pm America/New_York", "20:00"),
        ("Nov 24, 3pm (America/New_York)", "Tue Nov 24 20:00"),
        ("3:30pm (Asia/Kolkata)", "10:00"),
    ] {
        let message = format!("You've hit your weekly limit · resets {stated}");
        let explained = explain(&client, "2026-11-20T09:00:00Z", &message);
        let converted = format!("The message gives the reset as {stated}, which is {zone} here.");
        assert!(explained.contains(&converted), "{message}: {explained}");
    }
    // The clocks show the same time.
    for stated in ["3pm (UTC)", "3pm (Africa/Abidjan)", "3pm", "in 3 hours"] {
        let message = format!("You've hit your 5-hour limit · resets {stated}");
        let explained = explain(&client, SOON, &message);
        assert!(!explained.contains("gives the reset as"), "{explained}");
    }
}

/// The answer to a question that the explanation may not answer.
const PARTLY_UNDERSTOOD: &str = "Your question: whycap may not have understood all of it. The explanation below is about your last error.";

/// The answer to these questions was the last error, as if that were the answer.
#[test]
fn a_question_that_the_explanation_may_not_answer_begins_with_a_note() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let questions = [
        "can I use my API key until the 5-hour window resets?",
        "does my API key have limits too?",
        "can I continue on my phone?",
        "why is the weekly limit at 100% although I barely worked?",
        "does my other account share this limit?",
        "why does my phone show another limit?",
        "can I use my API key on my laptop until the 5-hour window resets tomorrow?",
    ];
    for question in questions {
        let answered = explain(&client, AT, question);
        assert!(
            answered.starts_with("No limit errors found")
                && answered.contains("Your question: whycap"),
            "{question}: {answered}"
        );
    }
    reaches_limit(&client);
    assert_answers(&client, SOON, &questions, PARTLY_UNDERSTOOD);
    assert_only_explains(
        &client,
        SOON,
        &[
            "why am I suddenly blocked?",
            "when exactly can I continue?",
            "how do I finally get rid of this limit?",
            "is this limit really real?",
            "can I continue if I wait?",
            "what do I have to do so that it works again?",
            "do they know about this error?",
            "who should I contact about my limit?",
        ],
    );
}

/// whycap answered these questions only with the 5-hour limit, because they do not contain the word "weekly".
#[test]
fn a_question_about_the_reset_of_the_week_is_about_the_weekly_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    assert_answers(
        &client,
        SOON,
        &[
            "when does my week reset?",
            "when exactly does my week reset?",
            "when will the week reset",
        ],
        "Resets: your weekly limit resets on Tue Nov 24 06:00 (as Claude Code last reported).",
    );
    assert_answers(
        &client,
        SOON,
        &["how much of my week is left?"],
        "Usage: your weekly limit is 40% used (as Claude Code last reported).",
    );
}

/// The answer to "how do I stop paying?" was only the last error.
#[test]
fn questions_about_how_to_stop_paying_are_about_usage_credits() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    assert_answers(
        &client,
        SOON,
        &[
            "how do I stop paying?",
            "how do I stop being charged?",
            "how can I stop the charges?",
        ],
        "Usage credits: you can change their settings at https://claude.ai/settings/usage, or",
    );
    for question in ["when will it stop being charged?", "why did it stop?"] {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains("Usage credits: "), "{answered}");
    }
}

/// whycap answered these questions only by saying that usage credits, a larger plan, and an API key cost money.
#[test]
fn the_reasons_for_charges_beside_a_plan_are_named() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    let answer = "Costs: beside a plan, charges usually have one of three reasons: usage credits pay for responses beyond a full limit, Claude Code uses an API key (ANTHROPIC_API_KEY) instead of the plan, or fast mode is on. To see today's spend and what usage credits have probably paid, run: whycap now";
    assert_answers(
        &client,
        SOON,
        &[
            "why do I get charged even though I have a Max plan?",
            "I was charged although I have Max",
            "I got billed but I have a Pro plan",
            "why am I paying extra despite my subscription?",
            "why was I charged if I have a plan?",
        ],
        answer,
    );
    for question in ["does Max cost more?", "why does Max cost so much?"] {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains(answer), "{question}: {answered}");
    }
}

/// whycap answered these questions only with the explanation of the last error.
#[test]
fn usage_outside_claude_code_is_said_to_count_toward_the_same_limits() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    assert_answers(
        &client,
        SOON,
        &[
            "do claude.ai chats count toward the 5-hour limit?",
            "does the desktop app count?",
            "does the Claude app on my phone count toward my limit",
            "are chats in the browser counted?",
        ],
        "Usage elsewhere: usage on claude.ai, in the Claude apps, and on other machines counts toward the same limits, but whycap cannot see it.",
    );
}

/// The answer only said whether Claude Code was waiting for a reset.
#[test]
fn a_question_about_closing_the_laptop_is_answered_with_the_condition() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    let condition = "Claude Code continues by itself only if the session stays open and the computer stays awake.";
    for question in [
        "will claude continue by itself if I close the laptop?",
        "can I close my laptop?",
        "does it resume if my computer goes to sleep?",
        "can I shut the lid?",
    ] {
        let answered = explain(&client, SOON, question);
        assert!(
            answered.starts_with("Continuing: "),
            "{question}: {answered}"
        );
        assert!(answered.contains(condition), "{question}: {answered}");
        let replied = answer_to(&client, SOON, &format!("/whycap {question}"));
        assert!(replied.contains(condition), "{question}: {replied}");
    }
    let answered = explain(&client, SOON, "will claude continue by itself?");
    assert!(!answered.contains(condition), "{answered}");
}

/// The answer to the first message was that it does not say which limit it means.
#[test]
fn a_model_after_the_word_limit_belongs_to_the_name_of_the_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "idle");
    for (family, model) in [
        ("Fable", "Fable 5"),
        ("Opus", "Opus 4.1"),
        ("Sonnet", "Sonnet"),
    ] {
        for message in [
            format!("You've reached your usage limit for {model}"),
            format!("You've hit your limit for {model}."),
            format!("You've hit your weekly limit for {model} · resets Nov 24, 6am (UTC)"),
        ] {
            let explained = explain(&client, SOON, &message);
            let limit = format!("weekly {family} limit");
            assert!(explained.contains(&limit), "{message}: {explained}");
            let unknown = "does not say which limit";
            assert!(!explained.contains(unknown), "{message}: {explained}");
        }
    }
}

/// The only steps were to log in again and to check `/status`.
#[test]
fn a_refused_access_that_names_an_administrator_says_to_ask_one() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "idle");
    let ask = "Ask an admin of your organization to allow access";
    let only_admin =
        "Your account does not have access to Claude Code. Please contact your administrator.";
    let either = "Your organization does not have access to Claude. Please login again or contact your administrator.";
    let only_login = "Your account does not have access to Claude Code. Please run /login.";
    let explained = explain(&client, SOON, only_admin);
    assert!(explained.contains(&format!("1. {ask}")), "{explained}");
    let explained = explain(&client, SOON, either);
    assert!(explained.contains(ask), "{explained}");
    assert!(explained.contains("/login"), "{explained}");
    let explained = explain(&client, SOON, only_login);
    assert!(explained.contains("Log in again"), "{explained}");
    assert!(!explained.contains(ask), "{explained}");
}

/// The step for a weekly limit, the answer, and the page contradicted each other about which limits `/limit-reset` resets.
#[test]
fn limit_reset_is_said_to_need_a_saved_reset_for_a_weekly_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let answered = explain(&client, AT, "is /limit-reset free?");
    let rule = "/limit-reset resets your 5-hour limit once a week. It can also use a saved reset if you have one, which may be for a weekly limit.";
    assert!(answered.contains(rule), "{answered}");
    client.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    let explained = flat(client.run(SOON, &["explain", "--long"], b"").success());
    let why = "Some accounts have a saved reset, which may also be for a weekly limit.";
    assert!(explained.contains(why), "{explained}");
    let page = flat(include_str!("../../docs/after-a-limit.md"));
    assert!(page.contains("resets the 5-hour limit once a week. An account may also have a saved reset, which may be for a weekly limit."));
}

/// The answer to these questions was that waiting for a reset is free, although usage credits had paid.
#[test]
fn the_answer_about_the_reason_of_charges_names_what_credits_have_paid() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "pays");
    let questions = [
        "why was I charged?",
        "why was I charged",
        "why did I get charged today?",
        "why am I being charged?",
        "why am I paying?",
    ];
    for question in questions {
        let answered = explain(&client, AT, question);
        let reasons = "Costs: beside a plan, charges usually have one of three reasons:";
        assert!(answered.contains(reasons), "{question}: {answered}");
    }
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    client.works("2026-11-20T10:05:00Z", 100_000);
    let at = "2026-11-20T10:06:00Z";
    let answer = "Costs: usage credits pay for responses beyond a full limit and for fast mode. As for today's spend, usage credits have paid ≈$";
    for question in questions {
        let answered = explain(&client, at, question);
        assert!(answered.contains(answer), "{question}: {answered}");
        let replied = answer_to(&client, at, &format!("/whycap {question}"));
        assert!(replied.contains(answer), "{question}: {replied}");
    }
    for question in [
        "why was I charged for waiting?",
        "why am I blocked if I pay?",
    ] {
        let answered = explain(&client, at, question);
        assert!(!answered.contains(answer), "{question}: {answered}");
    }
}

/// whycap answered these questions only with the explanation of the last error.
#[test]
fn questions_about_the_blocked_sessions_name_the_command_that_lists_them() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    client.receives_error(AT, OPUS, refused("seven_day_opus", TUESDAY, ""));
    assert_answers(
        &client,
        SOON,
        &[
            "which sessions are blocked?",
            "which of my sessions is stopped",
            "is opus blocked in all my sessions",
            "are all my sessions blocked?",
        ],
        "Sessions: to see each session and whether it is blocked, run: whycap now",
    );
    assert_only_explains(
        &client,
        SOON,
        &[
            "which limit blocked my sessions?",
            "all my sessions are blocked, why?",
        ],
    );
}

/// whycap answered these questions only with the explanation of the last error.
#[test]
fn questions_about_fast_usage_name_the_commands_that_show_its_cause() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    let questions = [
        "why is my usage going up so fast?",
        "why do I burn tokens so quickly?",
        "why is my 5-hour window filling up so fast",
    ];
    assert_answers(
        &client,
        SOON,
        &questions,
        "Fast usage: to see which sessions cost the most, run: whycap spend --by session",
    );
    for question in questions {
        let answered = explain(&client, SOON, question);
        assert!(answered.contains("whycap drain"), "{question}: {answered}");
    }
    for question in [
        "why does fast mode have a limit?",
        "why does my limit reset so fast?",
    ] {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains("Fast usage: "), "{question}: {answered}");
    }
}
