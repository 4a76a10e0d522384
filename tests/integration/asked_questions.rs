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

/// The answer to a question with a word that whycap does not know.
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
