//! Messages as people meet and paste them, each with what the answer must say.
//!
//! tests/data/messages/pasted.jsonl, later.jsonl, fresh.jsonl, fresher.jsonl, third.jsonl, fourth.jsonl, fifth.jsonl,
//! held.jsonl, sixth.jsonl, sixth-held.jsonl, seventh.jsonl, eighth.jsonl, ninth.jsonl, tenth.jsonl, eleventh.jsonl,
//! twelfth.jsonl, thirteenth.jsonl and fourteenth.jsonl hold messages from public threads with their source (`miss`: why one is still answered
//! otherwise), anybody.jsonl what others say of limits of their own, made.jsonl others of the same families: older and newer wordings, wrapped, escaped, nested in JSON, and what
//! looks like a limit of Claude and is none. A line gives the text, the time if it matters, and what
//! is accepted; of a list in `says` one must be said, in headline, actions or both.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use whycap::limits::evidence::{Evidence, Seen};
use whycap::limits::incident::Incident;
use whycap::time::{Clock, Hours, Zone};

use crate::support::{Sandbox, data};

fn cases(name: &str) -> Vec<Value> {
    let path = data(&format!("messages/{name}"));
    std::fs::read_to_string(path)
        .expect("test data")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

fn answer(case: &Value) -> Value {
    let now = case["now"].as_str().unwrap_or("2026-11-20T12:00:00Z");
    let now: DateTime<Utc> = now.parse().expect("a time");
    let text = case["text"].as_str().expect("a text");
    let evidence = Evidence::new(now, Seen::Pasted, text.to_owned());
    let zone = Zone::UTC;
    Incident::new(
        evidence,
        Clock {
            now,
            zone,
            hours: Hours::TwentyFour,
        },
    )
    .to_json()
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    Some(value.as_str()?.parse().expect("a time"))
}

/// What is wrong with the answer to one message.
fn misses(case: &Value) -> Vec<String> {
    let (answer, expected) = (answer(case), &case["expect"]);
    let mut misses = Vec::new();
    for (field, key) in [
        ("limit", "kinds"),
        ("verdict", "verdicts"),
        ("service", "service"),
        ("waiting_helps", "waiting_helps"),
        ("who_can_fix", "who"),
    ] {
        let allowed = match &expected[key] {
            Value::Null => continue,
            Value::Array(allowed) => allowed.clone(),
            one => vec![one.clone()],
        };
        if !allowed.contains(&answer[field]) {
            misses.push(format!("{field} {}, not {allowed:?}", answer[field]));
        }
    }
    let is_real = ["real", "misworded"].contains(&answer["verdict"].as_str().unwrap_or_default());
    if is_real && expected["is_limit"] == false {
        misses.push("called a real limit".to_owned());
    }
    if let Some(wanted) = expected.get("resets_at") {
        let (wanted, got) = (time(wanted), time(&answer["resets_at"]));
        let is_same = match (wanted, got) {
            (Some(wanted), Some(got)) => (wanted - got).abs() <= TimeDelta::minutes(1),
            _ => wanted == got,
        };
        if !is_same {
            misses.push(format!("resets at {got:?}, not {wanted:?}"));
        }
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let mut said = text(&answer["headline"]);
    for action in answer["actions"].as_array().into_iter().flatten() {
        for part in ["do", "why", "command", "url"] {
            said = format!("{said} {}", text(&action[part]));
        }
    }
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(text).collect()
    };
    for alternatives in expected["says"].as_array().into_iter().flatten() {
        let alternatives = words(alternatives);
        if !alternatives.iter().any(|words| said.contains(words)) {
            misses.push(format!("says none of {alternatives:?}"));
        }
    }
    for claim in words(&case["must_not"]) {
        let is_made = match claim.as_str() {
            "verdict real" => is_real,
            "gives a reset date" => answer["resets_at"].is_string(),
            "says waiting helps" => answer["waiting_helps"] == true,
            "sends to an admin" => answer["who_can_fix"] == "admin",
            "tells it as one that came" => {
                answer["limit"] != "unknown" && !said.starts_with("if you got it")
            }
            "says it is not claude's" => said.contains("not of claude"),
            _ => claim.strip_prefix("says ") == answer["limit"].as_str(),
        };
        if is_made {
            misses.push(format!("claims what is false: {claim}"));
        }
    }
    let loud = format!("{said} {}", text(&answer["badge"]));
    for words in words(&expected["avoid"]) {
        if loud.contains(&words) {
            misses.push(format!("says {words:?}"));
        }
    }
    if misses.is_empty() {
        return misses;
    }
    misses.push(format!("{} said to {}", answer["headline"], case["text"]));
    misses
}

#[track_caller]
fn all_are_understood(name: &str, at_least: usize) {
    let cases = cases(name);
    assert!(cases.len() >= at_least, "{} messages", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        // It says why its answer is not what was asked for.
        .filter(|case| !case["miss"].is_string())
        .map(|case| (case["id"].to_string(), misses(case)))
        .filter(|(_, misses)| !misses.is_empty())
        .map(|(id, misses)| format!("{id}: {}", misses.join("; ")))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn messages_that_people_pasted_are_understood() {
    all_are_understood("pasted.jsonl", 131);
}

#[test]
fn so_are_those_of_later_threads_and_clients() {
    all_are_understood("later.jsonl", 77);
}

/// Collected and labelled by somebody who had not seen the rows. At first sight 84 of 95, 124 of 131,
/// 251 of 256, 160 of 168, 131 of 134, 89 of 92, 124 of 130, 130 of 130, 206 of 211, 219 of 219, 154 of 169, 143 of 149, 130 of 140 and
/// 120 of 130 were right. Of the ninth's 15, 11 were told as not known and 4 as limits that came; of the tenth's 6, 3 and 3, and 7 more that passed
/// told what is only quoted, or paid for already, as a limit that stops the work. Of the eleventh's 130, 33 were poor
/// all the same: of these 15 are mended, and told apart here by `says`.
#[test]
fn so_are_messages_that_nobody_had_seen_when_the_rows_were_written() {
    all_are_understood("fresh.jsonl", 95);
    all_are_understood("fresher.jsonl", 131);
    all_are_understood("third.jsonl", 256);
    all_are_understood("fourth.jsonl", 168);
    all_are_understood("fifth.jsonl", 134);
    all_are_understood("held.jsonl", 92);
    all_are_understood("sixth.jsonl", 130);
    all_are_understood("sixth-held.jsonl", 130);
    all_are_understood("seventh.jsonl", 211);
    all_are_understood("eighth.jsonl", 219);
    all_are_understood("ninth.jsonl", 169);
    all_are_understood("tenth.jsonl", 149);
    all_are_understood("eleventh.jsonl", 140);
    all_are_understood("twelfth.jsonl", 130);
    all_are_understood("thirteenth.jsonl", 120);
    all_are_understood("fourteenth.jsonl", 137);
}

/// What other programs, code, changelogs, manuals and people say of limits of their own, and Claude's
/// in languages that nobody wrote rows for.
#[test]
fn nothing_is_concluded_from_words_that_anybody_may_say() {
    all_are_understood("anybody.jsonl", 150);
}

/// Manuals, lists, tables, patterns and tests that quote messages, and beside each what looks like one and is
/// a message that came. Before there was a rule 40 of the first 78 were right; of the 41 and 23 written after it
/// 36 and 22 at first sight.
#[test]
fn a_text_about_messages_is_not_taken_for_one() {
    all_are_understood("talk.jsonl", 142);
}

#[test]
fn so_are_others_of_the_same_families() {
    all_are_understood("made.jsonl", 600);
}

/// The Agent SDK's lists of what it takes for a usage limit, for the news of one, and for a warning
/// (0.3.329).
#[test]
fn the_makers_own_lists_are_known() {
    let known_as = |text: &str| {
        let case = serde_json::json!({ "text": text });
        let answer = answer(&case);
        (
            answer["known_as"].as_str().unwrap().to_owned(),
            answer["verdict"].as_str().unwrap().to_owned(),
        )
    };
    for prefix in [
        "You've hit your session limit",
        "You've reached your Fable limit",
        "You're out of usage credits",
        "Your org is out of usage · add funds to continue",
        "Your org is out of usage · contact your admin",
        "Your seat type doesn't include usage credits",
        "Your seat type doesn't include usage",
        "Your usage allocation has been disabled by your admin",
        "Your group's usage limit is set to $0",
        "Fable 5 requires usage credits",
        "Opus requires usage credits. Run /usage-credits",
        "You're out of extra usage",
        "Your seat type doesn't include extra usage",
        "This service is disabled for your org",
    ] {
        let (id, verdict) = known_as(prefix);
        let is_known = !["unknown", "code", "status-429"].contains(&id.as_str());
        assert!(is_known && verdict != "notice", "{prefix}: {id}, {verdict}");
    }
    for prefix in [
        "You're now using usage credits",
        "You're now using your usage allocation",
        "Now using your usage allocation",
        "Now using usage credits",
        "Now using credits",
        "You're now using extra usage",
        "Now using extra usage",
        "You've used 80% of your weekly limit",
        "You're close to your weekly limit",
    ] {
        assert_eq!(known_as(prefix).1, "notice", "{prefix}");
    }
}

#[test]
fn who_refused_is_told_from_what_is_set() {
    let message = "API Error: 429 Too Many Requests";
    for (variable, value, service) in [
        ("CLAUDE_CODE_USE_BEDROCK", "1", "bedrock"),
        ("CLAUDE_CODE_USE_VERTEX", "1", "vertex"),
        ("ANTHROPIC_API_KEY", "sk-ant-api03-x", "console"),
        (
            "ANTHROPIC_BASE_URL",
            "https://jane:secret@llm.example.com:8443/v1",
            "gateway",
        ),
    ] {
        let sandbox = Sandbox::new().variable(variable, value);
        let run = sandbox.run(&["explain", "--json", "--text", message]);
        let incident = &run.json()["incident"];
        assert_eq!(incident["service"], service, "{variable}");
        let told = incident.to_string();
        assert!(!told.contains("secret") && !told.contains("jane"), "{told}");
    }
    let sandbox = Sandbox::new();
    sandbox.write(
        ".claude/settings.json",
        r#"{"env": {"ANTHROPIC_BASE_URL": "https://api.deepseek.com/anthropic"}}"#,
    );
    let run = sandbox.run(&["explain", "--text", "API Error: 402 Insufficient Balance"]);
    assert!(run.success().contains("api.deepseek.com"), "{}", run.stdout);
}
