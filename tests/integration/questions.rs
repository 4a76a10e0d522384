//! Tests how `explain` answers questions in the user's own words that are not, or not only, about the newest error.

use serde_json::json;

use crate::client::{Client, windows};
use crate::situation::{
    AT, FIVE_HOUR, NOON, OUT_OF_CREDITS, SOON, TUESDAY, WEEKLY, answer_to, flat,
    receives_balance_error, receives_overload_error, refused, session_of_login,
    two_sessions_of_login, with_a_private_login,
};

const OPUS: &str = "You've hit your Opus limit · resets Nov 24, 6am (UTC)";

/// The answer to a question that whycap cannot answer.
const NO_ANSWER: &str =
    "Your question: whycap answers only questions about errors, limits, and spend.";

/// The answer to a question that whycap does not understand.
const NOT_UNDERSTOOD: &str = "Your question: whycap does not understand it.";

/// A time an hour after the 5-hour limit has reset.
const AFTER_RESET: &str = "2026-11-20T13:00:00Z";

/// Returns the output of `explain` for a question, on a single line.
fn explain(client: &Client<'_>, at: &str, question: &str) -> String {
    flat(client.run(at, &["explain", question], b"").success())
}

/// Stops a session at its 5-hour limit, while its weekly limit is 40% used.
fn reaches_limit(client: &Client<'_>) {
    client.calls_status_line(AT, windows(99.0, NOON, 40.0, TUESDAY), 120);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
}

/// At the 5-hour limit, the answer to a question about the reset of the weekly limit was only the reset of the 5-hour limit.
#[test]
fn the_answer_about_a_reset_is_about_the_limit_in_the_question() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    let weekly = "Resets: your weekly limit resets on Tue Nov 24 06:00";
    for question in [
        "when does my weekly limit reset?",
        "When will the weekly limit reset?",
        "when is the reset of my weekly limit?",
        "when does my weekly usage renew?",
    ] {
        for answered in [
            explain(&client, SOON, question),
            answer_to(&client, SOON, &format!("/whycap {question}")),
        ] {
            assert!(answered.starts_with(weekly), "{question}: {answered}");
            let (resets, _) = answered.split_once("(as Claude Code").unwrap();
            assert!(!resets.contains("5-hour"), "{question}: {answered}");
            assert!(answered.contains("Your 5-hour limit is"), "{answered}");
        }
    }
    let opus = explain(&client, SOON, "when does my Opus limit reset?");
    let unknown =
        "Resets: whycap does not have the reset of your weekly Opus limit; /usage shows it";
    assert!(opus.starts_with(unknown), "{opus}");
    // The explanation contains the reset of its own limit.
    for question in ["when does my 5-hour limit reset?", "when does it reset?"] {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains("Resets:"), "{question}: {answered}");
    }
    let of_week = session_of_login(&sandbox, "of_week");
    of_week.receives_error(AT, WEEKLY, refused("seven_day", TUESDAY, ""));
    let replied = answer_to(&of_week, SOON, "/whycap when does my session limit reset?");
    let five_hour = "Resets: your 5-hour limit resets at 12:00 (as Claude Code last reported).";
    assert!(replied.starts_with(five_hour), "{replied}");
    // After the reset, the explanation is about an error that is over.
    let next_reset = NOON + 5 * 60 * 60;
    client.calls_status_line(
        "2026-11-20T12:30:00Z",
        windows(3.0, next_reset, 41.0, TUESDAY),
        120,
    );
    let answered = explain(&client, AFTER_RESET, "when does my 5-hour limit reset?");
    let next = "Resets: your 5-hour limit resets at 17:00 (as Claude Code last reported).";
    assert!(answered.starts_with(next), "{answered}");
}

/// The answer to "how much of my weekly limit is left?" was only that the 5-hour limit is used up.
#[test]
fn the_answer_about_usage_contains_the_percentages_that_claude_code_reported() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    for question in ["how much have I used?", "how close am I to my limit?"] {
        let answered = explain(&client, AT, question);
        let unknown =
            "Usage: Claude Code has not reported any usage to whycap yet; /usage shows it.";
        assert!(answered.ends_with(unknown), "{question}: {answered}");
    }
    client.calls_status_line(AT, windows(99.6, NOON, 17.4, TUESDAY), 120);
    client.receives_error(AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    for question in [
        "how much have I used?",
        "How much usage do I have left?",
        "how close am I to my limit?",
        "am I close to my limit?",
        "how many prompts do I have left?",
        "what percentage of my limit have I used?",
    ] {
        let answered = explain(&client, SOON, question);
        let usage = "Usage: your 5-hour limit is 99% used, and your weekly limit is 17% used (as Claude Code last reported). More: whycap now";
        assert!(answered.starts_with(usage), "{question}: {answered}");
    }
    let weekly = explain(&client, SOON, "how much of my weekly limit is left?");
    let usage =
        "Usage: your weekly limit is 17% used (as Claude Code last reported). More: whycap now";
    assert!(weekly.starts_with(usage), "{weekly}");
    let opus = explain(&client, SOON, "how much of my Opus limit is left?");
    let unknown =
        "Usage: whycap does not have the usage of your weekly Opus limit; /usage shows it";
    assert!(opus.starts_with(unknown), "{opus}");
    let older = explain(&client, "2026-11-20T10:40:00Z", "how much have I used?");
    assert!(older.contains("last reported, 40 m ago)"), "{older}");
    let reset = explain(&client, AFTER_RESET, "how much have I used?");
    let usage = "Usage: your 5-hour limit should have reset since then, and your weekly limit is 17% used (as Claude Code last reported, 3 h ago)";
    assert!(reset.contains(usage), "{reset}");
    for question in [
        "how much time is left?",
        "how much longer do I have to wait?",
        "how many credits do I have left?",
        "why have I used so much?",
    ] {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains("Usage: "), "{question}: {answered}");
    }
}

/// `explain` did not recognize questions about Haiku, or about whether to keep working with another model.
#[test]
fn questions_about_working_with_another_model_are_answered() {
    for (message, more, answer) in [
        (
            FIVE_HOUR,
            refused("five_hour", NOON, ""),
            "Models: your 5-hour limit applies to all models, so another model does not help.",
        ),
        (
            WEEKLY,
            refused("seven_day", TUESDAY, ""),
            "Models: your weekly limit applies to all models, so another model does not help.",
        ),
        (
            OPUS,
            refused("seven_day_opus", TUESDAY, ""),
            "Models: this limit stops only Opus models; the others still work.",
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, message, more);
        for question in [
            "can I keep working with Sonnet?",
            "can I use Haiku meanwhile?",
            "does Haiku still work?",
            "can I continue with Haiku?",
            "should I try Sonnet instead?",
        ] {
            let answered = explain(&client, SOON, question);
            assert!(answered.starts_with(answer), "{question}: {answered}");
        }
    }
    // The error may affect all models, so whycap claims nothing.
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    receives_overload_error(&client, AT);
    let answered = explain(&client, SOON, "does Haiku still work?");
    assert!(!answered.contains("Models: "), "{answered}");
}

/// The answer to "is anthropic down?" was the last limit.
#[test]
fn the_answer_about_an_outage_names_the_status_page() {
    let questions = [
        "is anthropic down?",
        "is claude down",
        "are the servers down?",
        "is it an outage?",
        "why is Claude so slow?",
        "why is the API so slow today",
        "is Anthropic having issues?",
    ];
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let answer = "Outages: whycap uses no network, so it cannot tell whether Anthropic's service has a problem now; see https://status.claude.com";
    for question in questions {
        let answered = explain(&client, AT, question);
        assert!(answered.ends_with(answer), "{question}: {answered}");
    }
    reaches_limit(&client);
    for question in questions {
        let answered = explain(&client, SOON, question);
        assert!(answered.starts_with(answer), "{question}: {answered}");
    }
    for question in [
        "is my usage of Claude going down?",
        "should I slow down with Claude?",
        "is it counting down?",
    ] {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains("Outages: "), "{question}: {answered}");
    }
    // The explanation of these errors is the answer, as long as they hold.
    for (message, more) in [
        ("API Error: 529 Overloaded", json!({"apiErrorStatus": 529})),
        (
            "Unable to connect to API (ECONNREFUSED)",
            json!({"error": "server_error"}),
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, message, more);
        let expected = flat(client.run(SOON, &["explain"], b"").success());
        assert_eq!(explain(&client, SOON, questions[0]), expected);
        let two_days_later = explain(&client, "2026-11-22T10:00:00Z", questions[0]);
        assert!(two_days_later.starts_with(answer), "{two_days_later}");
    }
}

/// The answer to "is /limit-reset free?" was the limit, and to "does low-priority cost money?", that usage credits, a larger plan,
/// and an API key cost money.
#[test]
fn questions_about_the_free_commands_are_answered() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    for question in [
        "does low-priority cost money?",
        "is lower priority free?",
        "is /limit-reset free?",
        "what is /limit-reset?",
        "should I use /limit-reset",
    ] {
        for answered in [
            explain(&client, SOON, question),
            answer_to(&client, SOON, &format!("/whycap {question}")),
        ] {
            assert!(
                answered.starts_with(
                    "Free commands: /limit-reset and /low-priority cost nothing extra, but"
                ),
                "{question}: {answered}"
            );
            for part in [
                "Claude Code does not offer them to every account (see /rate-limit-options)",
                "counts toward your weekly limit",
            ] {
                assert!(answered.contains(part), "{question}: {answered}");
            }
        }
    }
}

/// To "how do I increase my limit?", `explain` only described the limit.
#[test]
fn questions_about_a_higher_limit_are_answered_like_those_about_an_upgrade() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    for question in [
        "how do I increase my limit?",
        "how to increase my limit",
        "how do I get more usage?",
        "can I get a higher limit?",
        "raise my limit",
    ] {
        let answered = explain(&client, SOON, question);
        assert!(
            answered.starts_with("Upgrading: "),
            "{question}: {answered}"
        );
    }
    for question in [
        "who can raise my limit?",
        "can my admin raise my limit?",
        "why did my usage increase so fast?",
        "does Opus use more usage?",
        "should I raise my monthly spend limit?",
    ] {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains("Upgrading: "), "{question}: {answered}");
    }
    // The explanation of a cap says who can raise it.
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "capped");
    let cap = "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage";
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    client.receives_error(
        AT,
        cap,
        refused("five_hour", NOON, "org_level_disabled_until"),
    );
    let answered = explain(&client, SOON, "how do I increase my limit?");
    assert!(!answered.contains("Upgrading: "), "{answered}");
}

/// To "what did my last session cost?", `explain` answered that waiting is free.
#[test]
fn questions_about_past_costs_name_the_command_that_shows_them() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    for question in [
        "what did my last session cost?",
        "what does this session cost?",
        "did today cost a lot?",
        "how much did I pay today?",
    ] {
        let answered = explain(&client, SOON, question);
        let answer = "Spend: to see what your sessions cost, run: whycap spend";
        assert!(answered.starts_with(answer), "{question}: {answered}");
        let replied = answer_to(&client, SOON, &format!("/whycap {question}"));
        assert!(replied.contains("run: /whycap spend"), "{replied}");
    }
    for question in [
        "will it cost money",
        "does waiting cost anything?",
        "does leaving the session open cost anything?",
        "did waiting cost me anything?",
        "Does buying credits cost money?",
    ] {
        let answered = explain(&client, SOON, question);
        assert!(answered.starts_with("Costs: "), "{question}: {answered}");
    }
}

/// After an error about an API key without credits, the answer to "should I buy credits?" was that Claude Code has reported no error
/// that credits would solve.
#[test]
fn the_answer_about_buying_credits_does_not_deny_that_a_key_had_none() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    receives_balance_error(&client, AT);
    let during = explain(&client, SOON, "should I buy credits?");
    assert!(!during.contains("Buying: "), "{during}");
    client.works("2026-11-20T10:05:00Z", 1_000);
    let later = explain(&client, "2026-11-20T10:06:00Z", "should I buy credits?");
    let answer = "Buying: usage credits do not pay for an API key. Before you buy anything, check";
    assert!(later.starts_with(answer), "{later}");
}

/// The answer to "am I being charged right now?" did not say whether usage credits were paying.
#[test]
fn the_answer_about_present_costs_says_whether_credits_are_paying() {
    let questions = [
        "am I being charged right now?",
        "am I paying right now?",
        "is this costing me money?",
    ];
    let unpaid =
        "Costs: as far as whycap knows, usage credits are not paying for your responses now.";
    let general = "Costs: waiting for a reset is free.";
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "works");
    for question in questions {
        let answered = explain(&client, AT, question);
        assert!(answered.contains(general), "{question}: {answered}");
    }
    client.calls_status_line(AT, windows(40.0, NOON, 17.0, TUESDAY), 120);
    for question in questions {
        let answered = explain(&client, SOON, question);
        assert!(answered.contains(unpaid), "{question}: {answered}");
        let old = explain(&client, "2026-11-20T10:40:00Z", question);
        assert!(old.contains(general), "{question}: {old}");
    }
    reaches_limit(&client);
    for question in questions {
        let answered = explain(&client, SOON, question);
        assert!(answered.starts_with(unpaid), "{question}: {answered}");
    }
    for question in ["am I charged for waiting?", "will it cost money"] {
        let answered = explain(&client, SOON, question);
        assert!(answered.starts_with(general), "{question}: {answered}");
    }
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "pays");
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    // Nothing shows yet who pays for the next response.
    let full = explain(&client, SOON, questions[0]);
    assert!(full.contains(general), "{full}");
    client.works("2026-11-20T10:05:00Z", 100_000);
    for question in questions {
        let answered = explain(&client, "2026-11-20T10:06:00Z", question);
        let costs = "You are paying with usage credits: ≈$";
        assert!(answered.starts_with(costs), "{question}: {answered}");
        assert!(!answered.contains("Costs: "), "{question}: {answered}");
    }
    // Fast mode is paid for with usage credits, whatever the windows show.
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "fast");
    client.calls_status_line_in_fast_mode(AT, &windows(40.0, NOON, 17.0, TUESDAY));
    let fast = explain(&client, SOON, questions[0]);
    assert!(fast.contains(general), "{fast}");
}

/// To "how do I disable usage credits?", `explain` only described the last error.
#[test]
fn questions_about_turning_off_usage_credits_name_their_settings() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    for question in [
        "how do I disable usage credits?",
        "how can I turn off extra usage?",
        "how do I stop paying for credits?",
    ] {
        let answered = explain(&client, SOON, question);
        let place =
            "Usage credits: you can change their settings at https://claude.ai/settings/usage, or";
        assert!(answered.starts_with(place), "{question}: {answered}");
        assert!(answered.contains("/usage-credits opens this page"));
    }
    for question in ["why are my credits turned off?", "did it stop my credits?"] {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains("Usage credits: "), "{answered}");
    }
}

/// To a user who was "done until Thursday", `explain` answered with an old login error: "You can continue now; this problem has
/// passed".
#[test]
fn a_limit_in_the_users_words_is_not_explained_with_an_error_of_another_kind() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let login = "Please run /login · API Error: 401 Invalid authentication credentials";
    let refused_login = json!({"apiErrorStatus": 401, "error": "authentication_failed"});
    client.receives_error("2026-11-20T09:00:00Z", login, refused_login);
    client.receives_response("2026-11-20T09:30:00Z");
    let no_limit = "Your question: the last error that whycap knows was not a limit, so the explanation below may be about something else. To have a message checked, paste it.";
    let questions = [
        "I only used Claude twice today and it tells me I'm done until Thursday, why?",
        "why am I locked out until 3pm?",
        "it says limit reached but I have some left",
        "it says I hit my weekly limit",
    ];
    for question in questions {
        for answered in [
            explain(&client, AT, question),
            answer_to(&client, AT, &format!("/whycap {question}")),
        ] {
            assert!(answered.starts_with(no_limit), "{question}: {answered}");
        }
    }
    for question in ["why am I blocked?", "how long until I can continue?", login] {
        let answered = explain(&client, AT, question);
        assert!(!answered.contains("Your question"), "{answered}");
    }
    reaches_limit(&client);
    for question in questions {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains("Your question"), "{answered}");
    }
}

/// The explanation of an error may answer these questions. Some of them are from public issues, the others are made up.
const ABOUT_ERRORS: [&str; 100] = [
    "what is the reason?",
    "how long is the cooldown?",
    "when will the restriction end?",
    "when does the pause end?",
    "did my access expire?",
    "what are the alternatives?",
    "what are the steps?",
    "what is the timeline?",
    "does a newer version help?",
    "is there a reason?",
    "how do I keep working?",
    "can I keep working?",
    "how come?",
    "who do I contact?",
    "is it over?",
    "is it temporary?",
    "is this legit?",
    "what caused this?",
    "who is affected?",
    "should I worry?",
    "am I safe?",
    "how do I unblock myself?",
    "can this be lifted?",
    "is anyone else seeing this?",
    "will this resolve itself?",
    "is my session lost?",
    "does a new session help?",
    "can anyone explain?",
    "why did it stop?",
    "what happened?",
    "what now?",
    "what do I do?",
    "what should I do next?",
    "what can I do about this?",
    "how long?",
    "how much longer?",
    "when can I work again?",
    "when will it be back?",
    "why am I locked out?",
    "can my admin fix this?",
    "who can fix this?",
    "is this my fault?",
    "is this my company's fault?",
    "help?",
    "why?",
    "what's going on?",
    "what's wrong?",
    "what is the problem?",
    "what does this mean?",
    "how do I solve this?",
    "is there a workaround?",
    "is there anything I can do?",
    "what are my options?",
    "how do I get back to work?",
    "how can I proceed?",
    "Why is Sonnet also cut off?",
    "Why did I reach the limit before I even started using it?",
    "why did my limit run out so fast?",
    "why am I cut off completely?",
    "why is this happening?",
    "any solution?",
    "is this expected?",
    "is this normal?",
    "does it reset at midnight?",
    "is it blocked because of my org?",
    "do my credits reset?",
    "why can't I use my credits?",
    "can I use an API key instead?",
    "can I use another account?",
    "should I log in again?",
    "will a new login help?",
    "do I need to pay?",
    "who pays for this?",
    "is my subscription still active?",
    "did my payment fail?",
    "what is the 5-hour limit?",
    "what are usage credits?",
    "what is extra usage?",
    "what does 429 mean?",
    "what happens at 3pm?",
    "can I continue tomorrow?",
    "will it work in an hour?",
    "how many minutes until I can go on?",
    "does claude.ai count toward the limit?",
    "is it my network?",
    "is it my VPN?",
    "is my key invalid?",
    "is the context too long?",
    "why does /usage show 12%?",
    "is this a false alarm?",
    "should I wait or pay?",
    "is everybody affected?",
    "is it working for others?",
    "can I retry now?",
    "does waiting help?",
    "does restarting help?",
    "was my account suspended?",
    "is there a way around it?",
    "why is it acting up?",
    "did I do something wrong?",
];

/// The explanation of an error does not answer these questions.
const ABOUT_SOMETHING_ELSE: [&str; 15] = [
    "what is the weather?",
    "what is the capital of France",
    "will /compact help?",
    "does logging out help?",
    "can I work in another terminal?",
    "how do I change the theme?",
    "how do I write a hook?",
    "where are my transcripts?",
    "which plugins are installed?",
    "can you write me a poem?",
    "who wrote the Linux kernel?",
    "does Claude Code run on Windows?",
    "how do I undo the last edit?",
    "what is the best editor",
    "can I share my screen?",
];

/// The answer to "what is the weather?" was the last limit, as if that were the answer.
#[test]
fn only_questions_about_something_else_are_said_to_have_no_answer() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    for question in ABOUT_SOMETHING_ELSE {
        let answered = explain(&client, AT, question);
        assert!(answered.ends_with(NO_ANSWER), "{question}: {answered}");
    }
    reaches_limit(&client);
    let expected = flat(client.run(SOON, &["explain"], b"").success());
    for question in ABOUT_ERRORS {
        let answered = explain(&client, SOON, question);
        assert_eq!(answered, expected, "{question}");
    }
    for question in ABOUT_SOMETHING_ELSE {
        let answered = explain(&client, SOON, question);
        let start = format!(
            "{NO_ANSWER} The explanation below is not an answer to this question. {expected}"
        );
        assert_eq!(answered, start, "{question}");
        let replied = answer_to(&client, SOON, &format!("/whycap explain {question}"));
        assert!(replied.starts_with(NO_ANSWER), "{question}: {replied}");
    }
}

/// The explanation of a long prompt recommends `/compact`, and that of a refused login to log in again.
#[test]
fn an_explanation_that_may_contain_the_answer_is_not_said_to_lack_it() {
    for (message, more, question) in [
        (
            "Prompt is too long",
            json!({"apiErrorStatus": 400, "error": "invalid_request"}),
            "will /compact help?",
        ),
        (
            "Please run /login · API Error: 401 Invalid authentication credentials",
            json!({"apiErrorStatus": 401, "error": "authentication_failed"}),
            "does logging out help?",
        ),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        client.receives_error(AT, message, more);
        let expected = flat(client.run(SOON, &["explain"], b"").success());
        assert_eq!(explain(&client, SOON, question), expected, "{question}");
    }
}

/// The answer to "warum bin ich gesperrt?" was that whycap does not recognize this message.
#[test]
fn a_question_in_another_language_is_answered_with_the_newest_error() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let questions = [
        "wann kann ich weiterarbeiten?",
        "warum bin ich gesperrt?",
        "Wie lange dauert es noch, bis ich weiterarbeiten kann?",
        "pourquoi suis-je bloqué ?",
        "¿por qué estoy bloqueado?",
        "什么时候可以继续使用？",
    ];
    for question in questions {
        let answered = explain(&client, AT, question);
        assert!(
            answered.starts_with("No limit errors found") && answered.ends_with(NOT_UNDERSTOOD),
            "{question}: {answered}"
        );
    }
    reaches_limit(&client);
    let expected = flat(client.run(SOON, &["explain"], b"").success());
    let answer =
        format!("{NOT_UNDERSTOOD} The explanation below is about your last error. {expected}");
    for question in questions {
        assert_eq!(explain(&client, SOON, question), answer, "{question}");
        let replied = answer_to(&client, SOON, &format!("/whycap {question}"));
        assert!(replied.starts_with(NOT_UNDERSTOOD), "{question}: {replied}");
        // A script, and a user who names a message as such, get the same result as before.
        for arguments in [
            &["explain", "--text", question][..],
            &["explain", "--exit-code", question],
        ] {
            let run = client.run(SOON, arguments, b"");
            let text = run.stdout.as_str();
            assert!(
                text.starts_with("whycap does not recognize"),
                "{arguments:?}: {text}"
            );
            let code = if arguments[1] == "--text" { 0 } else { 12 };
            assert_eq!(run.code, code, "{arguments:?}");
        }
        let json = client
            .run(SOON, &["explain", "--json", question], b"")
            .json();
        assert_eq!(json["incident"]["session_id"], json!(null), "{json}");
    }
    // These questions in English only lack the usual form.
    for question in [
        "still blocked, why?",
        "my coworker is blocked too, is it the org?",
        "org spending limit hit, who do I ask?",
    ] {
        assert_eq!(explain(&client, SOON, question), expected, "{question}");
    }
    // These texts are messages.
    for message in [
        "Your session has expired. Log in again?",
        "Error: the file is missing, retry?",
    ] {
        let answered = explain(&client, SOON, message);
        assert!(!answered.contains(NOT_UNDERSTOOD), "{message}: {answered}");
    }
}

/// The sentences besides the explanation change neither the exit codes nor the JSON.
#[test]
fn the_answer_to_a_question_changes_neither_the_exit_code_nor_the_json() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    for is_blocked in [false, true] {
        if is_blocked {
            reaches_limit(&client);
        }
        let json = client.run(SOON, &["explain", "--json"], b"").json();
        for question in [
            "when does my weekly limit reset?",
            "how much have I used?",
            "can I use Haiku meanwhile?",
            "is anthropic down?",
            "is /limit-reset free?",
            "how do I increase my limit?",
            "what did my last session cost?",
            "what is the weather?",
        ] {
            let code = if is_blocked { 10 } else { 0 };
            let run = client.run(SOON, &["explain", "--exit-code", question], b"");
            assert_eq!(run.code, code, "{question}: {run:?}");
            assert_eq!(client.run(SOON, &["explain", question], b"").code, 0);
            let answered = client.run(SOON, &["explain", "--json", question], b"");
            assert_eq!(answered.json(), json, "{question}");
        }
    }
}

/// Users reported errors without a question mark, and `explain` advised them to check the program that had printed the message.
#[test]
fn a_text_that_begins_with_the_users_own_words_is_a_report() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    let expected = "Your 5-hour limit is used up; you can continue at 12:00";
    for report in [
        "I bought credits but still blocked",
        "I still have 40% of my 5-hour limit, why am I blocked",
        "it tells me I'm done until Thursday",
        "is Anthropic down",
    ] {
        let explained = explain(&client, SOON, report);
        assert!(explained.contains(expected), "{report}: {explained}");
        assert!(!explained.contains("does not recognize"), "{explained}");
    }
}

/// The time in a pasted message had no day. The headline was about today, and a reason named tomorrow.
#[test]
fn a_time_without_a_day_is_not_dated_in_the_reasons() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "idle");
    client.calls_status_line(AT, windows(14.0, NOON, 40.0, TUESDAY), 120);
    let message = "Claude usage limit reached. Your limit will reset at 9am (UTC)";
    let explained = explain(&client, SOON, message);
    assert!(explained.contains("may have reset at 09:00"), "{explained}");
    assert!(!explained.contains("Nov 21"), "{explained}");
}

/// Questions of users who doubt that they have reached the limit that they name.
const DOUBTS_ABOUT_5_HOURS: [&str; 2] = [
    "why did my 5-hour limit hit at 42%?",
    "my 5-hour limit stopped me at 42%",
];

/// Questions of users who doubt a limit of their plan without naming it.
const DOUBTS: [&str; 4] = [
    "I have 60% left but it says limit reached",
    "Your usage limit was reached. It resets at 4pm, why am I at 42%?",
    "my limit was hit at 42 percent",
    "why does it say limit reached when I'm at 42%?",
];

/// A question that may be about any limit.
const DOUBT_IN_ONE_TERMINAL: &str = "the other terminal works but this one says limit";

/// Users doubted a limit because their usage was low. The answer was the newest error, although that was not a limit, or that whycap
/// does not recognize this message.
#[test]
fn a_doubted_limit_is_explained_although_another_error_is_newer() {
    for overloaded in ["stopped", "other"] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "stopped");
        let nine = "2026-11-20T09:00:00Z";
        client.receives_error(nine, FIVE_HOUR, refused("five_hour", NOON, ""));
        client.receives_response("2026-11-20T09:30:00Z");
        receives_overload_error(&session_of_login(&sandbox, overloaded), AT);
        let limit = "Your 5-hour limit was used up, but Claude Code responded at 09:30.";
        for question in DOUBTS_ABOUT_5_HOURS
            .iter()
            .chain(&DOUBTS)
            .chain([&DOUBT_IN_ONE_TERMINAL])
        {
            let answered = explain(&client, SOON, question);
            assert!(answered.contains(limit), "{question}: {answered}");
            // If the overload blocks the same session, the headline is about that.
            let is_headline = answered.starts_with(limit);
            assert_eq!(is_headline, overloaded == "other", "{answered}");
            let replied = answer_to(&client, SOON, &format!("/whycap {question}"));
            assert!(replied.contains(limit), "{question}: {replied}");
        }
    }
}

/// The server was limiting requests temporarily, which has nothing to do with the usage. whycap only said that it knew of no
/// limit of the plan.
#[test]
fn a_throttle_is_explained_to_a_user_who_doubts_a_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let text = "API Error: Server is temporarily limiting requests (not your usage limit) \u{b7} Rate limited";
    client.receives_error(AT, text, json!({"apiErrorStatus": 429}));
    let expected = explain(&client, SOON, "why am I blocked?");
    for question in DOUBTS {
        let answered = explain(&client, SOON, question);
        assert!(answered.ends_with(&expected), "{question}: {answered}");
    }
}

/// If whycap knew of no limit, it explained an error of another kind, as if that were the limit.
#[test]
fn an_error_of_another_kind_is_not_explained_as_the_limit_that_a_user_doubts() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    receives_overload_error(&client, AT);
    let expected_json = client.run(SOON, &["explain", "--json"], b"").json();
    let knows_no = |limit: &str| {
        format!(
            "Your question: whycap knows of no recent error about {limit}. To have a message checked, paste it. To see the newest error, run: whycap explain"
        )
    };
    for question in DOUBTS_ABOUT_5_HOURS {
        let answered = explain(&client, SOON, question);
        assert_eq!(answered, knows_no("your 5-hour limit"), "{question}");
        let replied = answer_to(&client, SOON, &format!("/whycap {question}"));
        assert!(replied.ends_with("run: /whycap explain"), "{replied}");
        // The exit code and the JSON are still about what blocks the user.
        let json = client.run(SOON, &["explain", "--json", question], b"");
        assert_eq!(json.json(), expected_json, "{question}");
        let run = client.run(SOON, &["explain", "--exit-code", question], b"");
        assert_eq!(run.code, 10, "{question}: {run:?}");
    }
    for question in DOUBTS {
        let answered = explain(&client, SOON, question);
        assert_eq!(answered, knows_no("a limit of your plan"), "{question}");
    }
    let answered = explain(&client, SOON, DOUBT_IN_ONE_TERMINAL);
    assert_eq!(answered, knows_no("a usage limit"));
    // The weekly limit is not the limit in the question.
    client.receives_error(
        "2026-11-20T10:10:00Z",
        WEEKLY,
        refused("seven_day", TUESDAY, ""),
    );
    let later = "2026-11-20T10:10:02Z";
    for question in DOUBTS_ABOUT_5_HOURS {
        let answered = explain(&client, later, question);
        assert_eq!(answered, knows_no("your 5-hour limit"), "{question}");
    }
    for question in DOUBTS {
        let answered = explain(&client, later, question);
        let weekly = "Your weekly limit is used up";
        assert!(answered.starts_with(weekly), "{question}: {answered}");
    }
}

/// A percentage alone does not make a text a question about a limit.
#[test]
fn other_texts_with_a_percentage_are_not_about_a_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    receives_overload_error(&client, AT);
    for text in [
        "why is the build slow",
        "what is 42% of 60",
        "my disk is at 42% and the build stopped",
        "my memory limit was reached at 42%",
        "my Cursor usage limit was reached at 42%",
        "memory limit reached at 42%",
        "The usage limit was reached at 42%",
        "how do I get a warning at 80% of my limit?",
    ] {
        let answered = explain(&client, SOON, text);
        let knows_no = "knows of no recent error";
        assert!(!answered.contains(knows_no), "{text}: {answered}");
    }
}

/// "does low priority cost money" was not recognized without its question mark.
#[test]
fn a_question_that_begins_with_does_needs_no_question_mark() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    reaches_limit(&client);
    for question in [
        "does low priority cost money",
        "does opus have its own limit",
        "does upgrading cost extra",
    ] {
        let expected = explain(&client, SOON, &format!("{question}?"));
        assert_eq!(explain(&client, SOON, question), expected, "{question}");
        assert!(!expected.contains("does not recognize"), "{expected}");
    }
    for message in ["does not exist", "Does not match any files"] {
        let answered = explain(&client, SOON, message);
        let unknown = "whycap does not recognize this message";
        assert!(answered.starts_with(unknown), "{message}: {answered}");
    }
}

/// A user's own words for "Credit balance is too low" were not recognized.
#[test]
fn a_key_without_money_in_the_users_words_is_explained_like_the_message() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let message = "Credit balance is too low";
    for is_stopped in [false, true] {
        if is_stopped {
            receives_balance_error(&client, AT);
        }
        let expected = explain(&client, SOON, message);
        assert!(expected.contains("unset"), "{expected}");
        for report in [
            "my api key has no money but I have max",
            "my api key has no credits",
            "my key is out of credits but I pay for a plan?",
            "I have max but my API key has no balance",
        ] {
            assert_eq!(explain(&client, SOON, report), expected, "{report}");
            let replied = answer_to(&client, SOON, &format!("/whycap {report}"));
            assert!(!replied.contains("does not recognize"), "{replied}");
        }
    }
    for other in [
        "my OpenAI API key has no credits",
        "there is no key and no money",
        "my key is gone and there is no way to pay money",
        "My API key works but my plan is out of credits",
        "I'm out of credits, can I use my API key",
    ] {
        let answered = explain(&client, SOON, other);
        assert!(!answered.contains("unset"), "{other}: {answered}");
    }
}

/// Texts in which users doubt a message about usage credits because their usage is low.
const DOUBTS_ABOUT_CREDITS: [&str; 5] = [
    r#""You're out of extra usage" at 42%?"#,
    "out of usage credits at 42%??",
    "it says out of extra usage but /usage shows 43%",
    "You're out of usage credits, but I'm at 42%",
    "why does it say I'm out of extra usage at 42 percent?",
];

/// Stops a session with a message about usage credits, although its windows have room before and after the error.
fn receives_false_alarm(client: &Client<'_>, message: &str, percent: f64) {
    client.calls_status_line(AT, windows(percent, NOON, 17.0, TUESDAY), 120);
    client.receives_error(AT, message, refused("overage", TUESDAY, "out_of_credits"));
    client.calls_status_line(SOON, windows(percent, NOON, 17.0, TUESDAY), 120);
}

/// While false alarms stopped both sessions, the answer to these texts was that no extra usage is left.
#[test]
fn a_doubted_message_about_credits_is_explained_like_the_newest_error_with_it() {
    for message in [
        "You're out of extra usage · resets Nov 24, 6am (UTC)",
        OUT_OF_CREDITS,
    ] {
        let sandbox = with_a_private_login();
        let [one, other] = two_sessions_of_login(&sandbox);
        receives_false_alarm(&one, message, 42.0);
        receives_false_alarm(&other, message, 44.0);
        let at = "2026-11-20T10:01:00Z";
        let expected = flat(one.run(at, &["explain"], b"").success());
        let alarm = "This looks like a false alarm";
        assert!(expected.contains(alarm), "{expected}");
        for text in DOUBTS_ABOUT_CREDITS {
            assert_eq!(explain(&one, at, text), expected, "{text}");
            let replied = answer_to(&one, at, &format!("/whycap {text}"));
            assert!(replied.contains(alarm), "{text}: {replied}");
        }
    }
}

/// Only a recent error with a message of the same kind is the one that the user doubts.
#[test]
fn a_doubted_message_is_not_explained_with_an_error_of_another_kind() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let unknown: Vec<String> = DOUBTS_ABOUT_CREDITS
        .iter()
        .map(|text| explain(&client, SOON, text))
        .collect();
    receives_overload_error(&client, AT);
    for (text, expected) in DOUBTS_ABOUT_CREDITS.iter().zip(&unknown) {
        let answered = explain(&client, SOON, text);
        assert!(
            answered.starts_with(expected.split('.').next().unwrap()),
            "{text}: {answered}"
        );
    }
    // A warning with a percentage is a message and not a doubt.
    receives_false_alarm(&client, OUT_OF_CREDITS, 42.0);
    let warning = explain(&client, SOON, "You've used 90% of your weekly limit");
    assert!(!warning.contains("false alarm"), "{warning}");
}

/// While the weekly Opus limit blocked the session, the answer was that whycap does not recognize this message.
#[test]
fn a_report_that_names_the_model_of_a_limit_in_force_is_about_this_limit() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "stopped");
    let reports = [
        "opus says limit reached until thursday, what now",
        "Opus is limited, what now",
        "opus hit a limit on my laptop, now what",
        "so my opus is blocked",
    ];
    let unknown = "whycap does not recognize this message";
    for report in reports {
        let answered = explain(&client, SOON, report);
        assert!(!answered.contains("Opus limit is"), "{report}: {answered}");
    }
    client.receives_error(AT, OPUS, refused("seven_day_opus", TUESDAY, ""));
    let expected = flat(client.run(SOON, &["explain"], b"").success());
    for report in reports {
        assert_eq!(explain(&client, SOON, report), expected, "{report}");
        let replied = answer_to(&client, SOON, &format!("/whycap {report}"));
        assert!(!replied.contains(unknown), "{report}: {replied}");
    }
    // These texts are messages of other programs, or about another model.
    for message in [
        "Error: opus bitrate limit reached",
        "ffmpeg says the opus bitrate limit was reached, what now",
        "Error: octopus limit reached",
        "sonnet says limit reached until thursday, what now",
    ] {
        let answered = explain(&client, SOON, message);
        let is_about_limit = answered.starts_with("Your weekly Opus limit");
        assert!(!is_about_limit, "{message}: {answered}");
    }
}

/// With an empty history, the answer to these questions was only "No limit errors found".
#[test]
fn a_question_that_is_not_understood_is_answered_as_such_if_there_is_no_error() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "works");
    let none = "No limit errors found";
    let questions = [
        "can two terminals share one limit?",
        "how do I cook rice?",
        "why did my weekly usage jump 20% overnight?",
    ];
    for question in questions {
        let answered = explain(&client, AT, question);
        assert!(
            answered.starts_with(none) && answered.ends_with(NOT_UNDERSTOOD),
            "{question}: {answered}"
        );
        let replied = answer_to(&client, AT, &format!("/whycap {question}"));
        assert!(replied.contains(NOT_UNDERSTOOD), "{question}: {replied}");
    }
    for question in ABOUT_ERRORS
        .iter()
        .chain(&["why am I blocked?", "is my weekly limit used up?"])
    {
        let answered = explain(&client, AT, question);
        assert!(!answered.contains(NOT_UNDERSTOOD), "{question}: {answered}");
    }
    reaches_limit(&client);
    for question in questions {
        let answered = explain(&client, SOON, question);
        assert!(!answered.contains(NOT_UNDERSTOOD), "{question}: {answered}");
    }
}

/// The answer to "did I get charged for today?" was a general sentence on costs, although `now` states the amount.
#[test]
fn the_answer_about_todays_charges_is_the_amount_in_now() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "pays");
    let general = "Costs: waiting for a reset is free.";
    let questions = [
        "did I get charged for today?",
        "was I charged today?",
        "have I been charged anything today?",
        "how much did I get charged today?",
    ];
    for question in &questions[..3] {
        let answered = explain(&client, AT, question);
        assert!(answered.contains(general), "{question}: {answered}");
    }
    client.calls_status_line(AT, windows(100.0, NOON, 17.0, TUESDAY), 120);
    client.works("2026-11-20T10:05:00Z", 100_000);
    // After the reset, credits no longer pay.
    for (at, pays) in [("2026-11-20T10:06:00Z", true), (AFTER_RESET, false)] {
        let now = flat(client.run(at, &["now"], b"").success());
        let (_, note) = now.split_once("usage credits have paid ≈$").unwrap();
        let (amount, _) = note.split_once(' ').unwrap();
        let expected =
            format!("Today's spend: usage credits have paid ≈${amount} of it (estimated)");
        for question in questions {
            let answered = explain(&client, at, question);
            assert!(answered.contains(&expected), "{question}: {answered}");
            assert!(!answered.contains(general), "{question}: {answered}");
            assert_eq!(answered.starts_with("You are paying"), pays, "{answered}");
            let replied = answer_to(&client, at, &format!("/whycap {question}"));
            assert!(replied.contains(&expected), "{question}: {replied}");
        }
    }
    for question in [
        "why was I charged today?",
        "was I charged for waiting today?",
    ] {
        let answered = explain(&client, AFTER_RESET, question);
        assert!(
            !answered.contains("Today's spend"),
            "{question}: {answered}"
        );
    }
}
