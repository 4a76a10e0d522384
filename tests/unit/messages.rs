use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use unicode_width::UnicodeWidthStr;

const NOON: &str = "2026-11-20T12:00:00Z";

fn pasted(text: &str) -> Message {
    recognize(&ErrorReport::pasted(text), NOON.parse().unwrap(), Zone::UTC)
}

fn resets_at(message: &Message) -> Option<String> {
    let stated = message.stated?;
    Some(stated.at.format("%Y-%m-%dT%H:%MZ").to_string())
}

#[test]
fn each_row_has_its_own_name() {
    let names: BTreeSet<_> = ROWS.iter().map(|row| row.id).collect();
    assert_eq!(names.len(), ROWS.len());
}

#[test]
fn each_kind_has_a_row() {
    for kind in Kind::ALL {
        let has_message = !matches!(kind, Kind::Unknown | Kind::OwnBudget);
        let has_row = ROWS.iter().any(|row| row.kind == Some(kind));
        assert_eq!(has_row, has_message, "{kind:?}");
    }
}

#[test]
fn the_samples_of_each_row_match_exactly_that_row() {
    for row in ROWS.iter() {
        let is_matched_by_text = !row.patterns.is_empty() || !row.limit_names.is_empty();
        assert_eq!(!row.samples.is_empty(), is_matched_by_text, "{}", row.id);
        for sample in &row.samples {
            assert_eq!(pasted(sample).row.id, row.id, "{sample}");
        }
    }
}

#[test]
fn an_error_without_a_known_text_has_the_row_of_its_class_or_status() {
    for row in ROWS
        .iter()
        .filter(|row| row.rank == Rank::ByClassOnly)
    {
        for class in &row.classes {
            let status = class
                .split('-')
                .next()
                .and_then(|from| from.parse().ok());
            let report = ErrorReport {
                text: "Something else".to_owned(),
                class: status.is_none().then(|| (*class).to_owned()),
                status,
                ..ErrorReport::default()
            };
            let found = recognize(&report, NOON.parse().unwrap(), Zone::UTC).row;
            let has_class = found.classes.contains(class)
                || found.classes.iter().any(|range| range.contains('-'));
            assert!(has_class, "{class}: {}", found.id);
        }
    }
}

#[test]
fn each_badge_fits_beside_the_longest_date() {
    for row in ROWS.iter() {
        if let Some(badge) = row.badge {
            assert!(badge.width() <= 60, "{badge}");
        }
    }
}

#[test]
fn each_row_says_where_its_words_come_from() {
    for row in ROWS.iter() {
        assert!(!row.source.is_empty(), "{}", row.id);
        assert!(
            !row.meaning.is_empty() && !row.steps.is_empty(),
            "{}",
            row.id
        );
    }
}

#[test]
fn the_words_of_claude_count_beside_the_name_of_another_program() {
    for (text, kind, reset) in [
        (
            "Claude weekly limit reached ∙ resets Mon 9am — handing the task to Gemini CLI",
            Kind::Weekly,
            Some("2026-11-23T09:00Z"),
        ),
        (
            "[router] claude: 5-hour limit reached, falling back to codex",
            Kind::FiveHour,
            None,
        ),
        (
            "You've hit your session limit · resets 4pm (UTC). Copilot will finish this job.",
            Kind::FiveHour,
            Some("2026-11-20T16:00Z"),
        ),
    ] {
        let message = pasted(text);
        assert_eq!(message.kind, Some(kind), "{text}");
        assert_eq!(resets_at(&message).as_deref(), reset, "{text}");
        assert_eq!(message.row.verdict, None, "{text}");
    }
}

#[test]
fn the_limit_of_another_program_is_not_claudes() {
    for text in [
        "codex: usage limit reached, falling back to gpt-5-mini",
        "Copilot: session limit reached, resets 3pm",
        "ERROR: gemini-cli usage limit reached. Try again at 4:12 PM.",
    ] {
        let message = pasted(text);
        assert_eq!(message.kind, None, "{text}");
        assert_eq!(message.stated, None, "{text}");
        assert!(
            matches!(message.row.id, "foreign" | "other-program"),
            "{text}"
        );
    }
}

#[test]
fn an_error_in_json_may_have_several_lines() {
    for (text, row) in [
        (
            "API Error: 429 {\n  \"type\": \"error\",\n  \"error\": {\n    \"type\": \"rate_limit_error\",\n    \
             \"message\": \"This request would exceed your account's rate limit. Please try again later.\"\n  }\n}",
            "account-rate",
        ),
        (
            "{\n  \"error\": {\n    \"message\": \"Your credit balance is too low to access the Anthropic API.\",\n    \
             \"type\": \"invalid_request_error\"\n  }\n}",
            "balance",
        ),
        (
            "{\n  \"type\": \"error\",\n  \"error\": {\n    \"type\": \"overloaded_error\",\n    \
             \"message\": \"Overloaded\"\n  },\n  \"request_id\": \"req_011CexampleX\"\n}",
            "overloaded",
        ),
        (
            "{\n  \"is_error\": true,\n  \"result\": \"You've hit your weekly limit · resets Nov 24, 10am (UTC)\",\n  \
             \"stop_reason\": null\n}",
            "weekly",
        ),
    ] {
        assert_eq!(pasted(text).row.id, row, "{text}");
    }
}

#[test]
fn without_credits_another_model_helps_even_if_the_message_names_none() {
    for text in [
        "You're out of usage credits. Switch models with /model.",
        "Agent terminated early due to an API error: You're out of usage credits. /model to switch models. (error \
         type rate_limit, HTTP 429, request id req_011CexampleY)",
        "  ⎿  You’re out of usage credits · /model to use another model",
    ] {
        let message = pasted(text);
        assert_eq!(message.kind, Some(Kind::ModelNeedsCredits), "{text}");
        assert!(message.row.steps.contains(&"other_model"), "{text}");
        assert!(!message.row.steps.contains(&"check_usage"), "{text}");
    }
}

#[test]
fn an_error_of_a_relay_does_not_send_people_to_anthropic() {
    for (text, kind) in [
        (
            "API Error: 503 {\"error\":{\"message\":\"No available channel for model claude-sonnet-4-5 under group vip\",\
             \"type\":\"new_api_error\"}}",
            Kind::ServerError,
        ),
        (
            "API Error: 500 {\"error\":{\"message\":\"upstream error: do request failed\",\"type\":\"one_api_error\"}}",
            Kind::ServerError,
        ),
        (
            "API Error: 429 [1302][High concurrency usage of this API, please reduce concurrency][20261120120000]",
            Kind::Throttle,
        ),
        (
            "API Error: 504 status code (no body). This is a server-side issue, usually temporary — try again in a \
             moment. If it persists, check your inference gateway (10.0.0.7:4000).",
            Kind::ServerError,
        ),
    ] {
        let message = pasted(text);
        assert_eq!(message.kind, Some(kind), "{text}");
        assert_eq!(message.row.service, Some(Service::Gateway), "{text}");
        assert!(!message.row.steps.contains(&"status_page"), "{text}");
    }
}

#[test]
fn a_status_word_before_a_message_does_not_hide_it() {
    for (text, kind, reset) in [
        (
            "BLOCKED: weekly limit reached, resets Tue 10am (UTC)",
            Kind::Weekly,
            "2026-11-24T10:00Z",
        ),
        (
            "⏸ **Waiting** — session limit hit (resets 21:15 UTC)",
            Kind::FiveHour,
            "2026-11-20T21:15Z",
        ),
        (
            "Status: paused — 5-hour limit reached · resets 6pm",
            Kind::FiveHour,
            "2026-11-20T18:00Z",
        ),
    ] {
        let message = pasted(text);
        assert_eq!(message.kind, Some(kind), "{text}");
        assert_eq!(resets_at(&message).as_deref(), Some(reset), "{text}");
    }
}

#[test]
fn the_prompt_with_which_claude_code_continues_says_that_the_limit_is_over() {
    for text in [
        "I hit my usage limit while you were working, but it has reset now. Please continue from where you left off.",
        "❯ I hit my usage limit while you were working, but it has reset now.\n  Please continue from where you left off.",
        "You've hit your session limit · resets 11am (UTC)\n\n> I hit my usage limit while you were working, but it has \
         reset now. Please continue from where you left off.",
    ] {
        assert_eq!(pasted(text).row.verdict, Some(Verdict::Over), "{text}");
    }
}

#[test]
fn code_that_quotes_a_message_is_no_message() {
    for text in [
        "expect(parse(\"You've hit your weekly limit · resets 3pm\")).toEqual({ kind: \"weekly\" });",
        "const PHRASES = [\n  \"You've hit your session limit\",\n  \"You're out of usage credits\",\n];",
        "if line.contains(\"5-hour limit reached\") {\n    notify(\"You've hit your 5-hour limit\");\n}",
    ] {
        let message = pasted(text);
        assert_eq!((message.kind, message.stated), (None, None), "{text}");
    }
}

#[test]
fn a_stated_time_says_whose_it_is() {
    for (text, kind, of) in [
        (
            "You've hit your org's monthly spend limit · resets Dec 1",
            Kind::OrgSpendCap,
            TimeOf::Limit,
        ),
        (
            "You've hit your org's monthly spend limit · your weekly limit resets Nov 24",
            Kind::OrgSpendCap,
            TimeOf::Window(Some(Kind::Weekly)),
        ),
        (
            "You're out of usage credits · resets 3pm (UTC)",
            Kind::UsageCredits,
            TimeOf::Window(None),
        ),
        (
            "You've hit your usage credit limit · resets Dec 1",
            Kind::OwnSpendCap,
            TimeOf::Limit,
        ),
    ] {
        let message = pasted(text);
        assert_eq!(message.kind, Some(kind), "{text}");
        assert_eq!(message.stated.map(|stated| stated.of), Some(of), "{text}");
    }
}

#[test]
fn times_are_read_in_all_their_forms() {
    for (time, expected) in [
        ("3pm", "2026-11-20T15:00Z"),
        ("11:50am", "2026-11-20T11:50Z"),
        ("11am", "2026-11-21T11:00Z"),
        ("12am", "2026-11-21T00:00Z"),
        ("9:15 p.m.", "2026-11-20T21:15Z"),
        ("15:30", "2026-11-20T15:30Z"),
        ("3pm (Europe/Berlin)", "2026-11-20T14:00Z"),
        ("7:30am PST", "2026-11-20T15:30Z"),
        ("3pm (UTC+8)", "2026-11-21T07:00Z"),
        ("Nov 24 at 10am (Asia/Tokyo)", "2026-11-24T01:00Z"),
        ("24 November 2026, 10:00", "2026-11-24T10:00Z"),
        ("Jan 2", "2027-01-02T00:00Z"),
        ("Mon 9am", "2026-11-23T09:00Z"),
        ("Fri 9am", "2026-11-27T09:00Z"),
        ("tomorrow at 8am", "2026-11-21T08:00Z"),
        ("2026-11-23T10:00:00+02:00", "2026-11-23T08:00Z"),
        ("2026-12-01 at 00:00 UTC", "2026-12-01T00:00Z"),
        ("2026-12-01", "2026-12-01T00:00Z"),
        ("in 2h 4m", "2026-11-20T14:04Z"),
        ("in 3 days", "2026-11-23T12:00Z"),
    ] {
        let message = pasted(&format!("You've hit your weekly limit · resets {time}"));
        assert_eq!(resets_at(&message).as_deref(), Some(expected), "{time}");
    }
}

#[test]
fn amounts_of_money_are_quoted_as_they_are_written() {
    let message =
        pasted("API Error: Budget has been exceeded! Current cost: $1,204.50, Max budget: $1000");
    assert_eq!(message.figures, ["$1,204.50", "$1000"]);
}

/// The texts in public threads with the answers that people gave who did not know the catalog. The data has a README.
fn labelled() -> Vec<Value> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/messages");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("known-") || name.starts_with("unseen-") {
            let text = std::fs::read_to_string(&path).unwrap();
            // All of the other texts would take 20 seconds.
            let step = if name.starts_with("known-") { 1 } else { 3 };
            cases.extend(
                text.lines()
                    .step_by(step)
                    .map(|line| serde_json::from_str::<Value>(line).unwrap()),
            );
        }
    }
    cases.retain(|case| case["plan"].is_null() && case["miss"].is_null());
    cases
}

/// Returns true if the kind and the time of a message are among those that its label accepts.
fn is_right(case: &Value, message: &Message) -> bool {
    let expect = &case["expect"];
    let at = time_of(case);
    let kind = message.kind.or_else(|| {
        // Without a name, the time shows which window it is.
        let is_near = message
            .stated
            .is_none_or(|stated| stated.at <= at + chrono::TimeDelta::minutes(305));
        let window = if is_near {
            Kind::FiveHour
        } else {
            Kind::Weekly
        };
        message.row.is_unnamed_plan_limit().then_some(window)
    });
    let kind = serde_json::to_value(kind.unwrap_or(Kind::Unknown)).unwrap();
    let has_kind = expect["kinds"].as_array().unwrap().contains(&kind);
    let has_time = match expect.get("resets_at") {
        None => true,
        Some(Value::Null) => message.stated.is_none() || message.kind == Some(Kind::Throttle),
        Some(time) => {
            let expected: DateTime<Utc> = time.as_str().unwrap().parse().unwrap();
            message
                .stated
                .is_some_and(|stated| (stated.at - expected).num_minutes() == 0)
        }
    };
    has_kind && has_time
}

fn time_of(case: &Value) -> DateTime<Utc> {
    case["now"].as_str().unwrap_or(NOON).parse().unwrap()
}

#[test]
fn public_messages_are_recognized() {
    let cases = labelled();
    assert!(cases.len() > 1100, "{}", cases.len());
    let wrong: Vec<_> = cases
        .iter()
        .filter(|case| {
            let report = ErrorReport::pasted(case["text"].as_str().unwrap());
            !is_right(case, &recognize(&report, time_of(case), Zone::UTC))
        })
        .map(|case| case["id"].to_string())
        .collect();
    assert!(
        wrong.len() * 100 <= cases.len() * 3,
        "{} wrong: {wrong:?}",
        wrong.len()
    );
}

proptest! {
    #[test]
    fn any_text_is_recognized(text in "(resets|in|[0-9]{1,9}|days|\\||am|Dec|until|[·\n\u{1b}\\[{\"'⎿]|\\PC){0,60}") {
        let _ = pasted(&text);
    }
}
