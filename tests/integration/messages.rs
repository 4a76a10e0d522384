//! Tests the explanations of error messages as users see and paste them.
//!
//! The data is in `tests/data/messages`, whose README says what each file contains and describes the fields.

use crate::support::{Sandbox, data};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use whycap::limits::{Asker, Event, Fact, Login, Outlook, Refusal, Source, World};
use whycap::time::{Clock, HourFormat, Zone};

/// Returns the messages in a file.
pub fn cases(name: &str) -> Vec<Value> {
    let path = data(&format!("messages/{name}"));
    std::fs::read_to_string(path)
        .expect("test data")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

/// Returns a fact about the machine.
pub fn of_machine(at: DateTime<Utc>, event: Event) -> Fact {
    Fact {
        at,
        session: None,
        source: Source::Account,
        event,
    }
}

/// Returns a refusal that the transcript of a session reports.
pub fn of_session(at: DateTime<Utc>, event: Event) -> Fact {
    Fact {
        at,
        session: Some("session".to_owned()),
        source: Source::Transcript,
        event,
    }
}

/// Returns the login of an account with this plan and role.
pub fn login(plan: &str, role: &str) -> Event {
    Event::LoggedIn(Some(Login {
        account: "account".to_owned(),
        plan: Some(plan.to_owned()),
        is_admin: role == "admin",
    }))
}

/// Returns the fields of an outlook that the cases are about.
pub fn fields(outlook: &Outlook) -> Value {
    let clock = Clock {
        now: outlook.now,
        zone: Zone::UTC,
        hours: HourFormat::TwentyFour,
    };
    let steps = outlook.steps.iter().map(|step| {
        let text = step.text(clock);
        json!([text, step.why, step.command, step.url])
    });
    let row = outlook.stop.as_ref().map(|stop| stop.message.row);
    json!({
        "limit": outlook.limit(), "verdict": outlook.verdict, "service": outlook.service,
        "waiting_helps": outlook.waiting_helps, "who_can_fix": outlook.who_can_fix,
        "resets_at": outlook.resets_at, "row": row.map(|row| row.id),
        "meaning": row.map(|row| row.meaning), "steps": steps.collect::<Vec<_>>(),
    })
}

/// Returns the answer to a case's message, which was either pasted or received by a session of the case's account.
fn answer_to(case: &Value) -> Value {
    let now = case["now"]
        .as_str()
        .unwrap_or("2026-11-20T12:00:00Z");
    let now: DateTime<Utc> = now.parse().expect("a time");
    let text = case["text"].as_str().expect("a text").to_owned();
    let Some(plan) = case["plan"].as_str().filter(|plan| *plan != "key") else {
        let shell = Asker::Shell {
            payer: None,
            model: None,
            project: None,
        };
        let world = World::fold(Vec::new(), now, Zone::UTC);
        return fields(&world.meaning(&text, &shell).expect("an answer"));
    };
    let refusal = Refusal {
        text,
        ..Refusal::default()
    };
    let role = case["role"].as_str().unwrap_or("user");
    let facts = vec![
        of_machine(now, login(plan, role)),
        of_session(now, Event::Refused(refusal)),
    ];
    let stops = World::fold(facts, now, Zone::UTC).stops();
    fields(stops.first().expect("a stop"))
}

/// Returns a description of each problem with the result for one message.
fn problems_with(case: &Value) -> Vec<String> {
    let (answer, expected) = (answer_to(case), &case["expect"]);
    let mut problems = Vec::new();
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
            single => vec![single.clone()],
        };
        if !allowed.contains(&answer[field]) {
            problems.push(format!("{field} {}, not {allowed:?}", answer[field]));
        }
    }
    let is_real = ["real", "misworded"].contains(&answer["verdict"].as_str().unwrap_or_default());
    if is_real && expected["is_limit"] == false {
        problems.push("called a real limit".to_owned());
    }
    if let Some(expected_reset) = expected.get("resets_at") {
        let (expected_reset, reset) = (time(expected_reset), time(&answer["resets_at"]));
        let is_same = match (expected_reset, reset) {
            (Some(expected), Some(reset)) => (expected - reset).abs() <= TimeDelta::minutes(1),
            _ => expected_reset == reset,
        };
        if !is_same {
            problems.push(format!("resets at {reset:?}, not {expected_reset:?}"));
        }
    }
    for claim in case["must_not"].as_array().into_iter().flatten() {
        let claim = claim.as_str().unwrap_or_default().to_lowercase();
        let is_made = match claim.as_str() {
            "verdict real" => is_real,
            "gives a reset date" => answer["resets_at"].is_string(),
            "says waiting helps" => answer["waiting_helps"] == true,
            "sends to an admin" => answer["who_can_fix"] == "admin",
            _ => claim.strip_prefix("says ") == answer["limit"].as_str(),
        };
        if is_made {
            problems.push(format!("claims what is false: {claim}"));
        }
    }
    if !problems.is_empty() {
        problems.push(format!("{} is {}", case["text"], answer["row"]));
    }
    problems
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    Some(value.as_str()?.parse().expect("a time"))
}

/// A file of messages, the number of its messages, and the number of answers that are known to be wrong. The number of
/// wrong answers may only become smaller.
const FILES: [(&str, usize, usize); 6] = [
    ("kinds.jsonl", 26, 0),
    ("not-claude.jsonl", 150, 9),
    ("quoted.jsonl", 142, 9),
    ("refused-logins-2.1.332.jsonl", 43, 4),
    ("reported.jsonl", 81, 24),
    ("samples.jsonl", 600, 37),
];

#[test]
fn messages_get_accepted_answers() {
    let mut failed = Vec::new();
    for (name, at_least, known) in FILES {
        let cases = cases(name);
        assert!(cases.len() >= at_least, "{name}: {}", cases.len());
        let wrong: Vec<String> = cases
            .iter()
            .filter(|case| !case["miss"].is_string())
            .map(|case| (case, problems_with(case)))
            .filter(|(_, problems)| !problems.is_empty())
            .map(|(case, problems)| format!("{}: {}", case["id"], problems.join("; ")))
            .collect();
        if wrong.len() > known {
            failed.push(format!("{name}, {}:\n{}", wrong.len(), wrong.join("\n")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Messages that are not about a limit of Claude must hardly ever be called a real limit.
#[test]
fn other_texts_are_not_called_real_limits() {
    let mut wrong = Vec::new();
    for (name, ..) in FILES {
        for case in cases(name) {
            let verdict = answer_to(&case)["verdict"].clone();
            if case["expect"]["is_limit"] == false && (verdict == "real" || verdict == "misworded")
            {
                wrong.push(case["text"].to_string());
            }
        }
    }
    assert!(wrong.len() <= 1, "{}", wrong.join("\n"));
}

/// Returns the row of the catalog for a message, and the verdict.
fn recognition(text: &str) -> (String, String) {
    let answer = answer_to(&json!({ "text": text }));
    let of = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    (of("row"), of("verdict"))
}

/// The Agent SDK (0.3.329) recognizes usage limits, notices about limits, and warnings by these prefixes.
#[test]
fn prefixes_from_the_agent_sdk_are_recognized() {
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
        let (id, verdict) = recognition(prefix);
        let is_known = !["unknown", "status-429"].contains(&id.as_str());
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
        assert_eq!(recognition(prefix).1, "notice", "{prefix}");
    }
}

/// Some services print times without their zone, which only the catalog knows. A zone that the message states takes
/// precedence.
#[test]
fn a_time_zone_is_assumed_unless_the_message_states_one() {
    let message = "API Error: 429 Weekly/Monthly Limit Exhausted. Your limit will reset at";
    for (time, reset) in [
        ("2026-11-21 16:20:10", "2026-11-21T08:20:10Z"),
        ("2026-11-21T16:20:10+02:00", "2026-11-21T14:20:10Z"),
        ("2026-11-21 07:38:08+00:00", "2026-11-21T07:38:08Z"),
        ("2026-11-21 07:38:08.250Z", "2026-11-21T07:38:08Z"),
        ("2026-11-21 07:38:08-05:00", "2026-11-21T12:38:08Z"),
        ("2026-11-21 07:38:08 (UTC+8)", "2026-11-20T23:38:08Z"),
        ("2026-11-21 07:38:08 GMT", "2026-11-21T07:38:08Z"),
        ("the end of the period", ""),
    ] {
        let answer = answer_to(&json!({"text": format!("{message} {time}")}));
        let resets_at = answer["resets_at"].as_str().unwrap_or_default();
        // Times are rounded to minutes.
        assert_eq!(resets_at.get(..16), reset.get(..16), "{time}: {answer}");
    }
}

#[test]
fn the_refusing_service_is_inferred_from_the_environment() {
    let message = "API Error: 429 Too Many Requests";
    for (variable, value, service) in [
        ("CLAUDE_CODE_USE_BEDROCK", "1", "bedrock"),
        ("CLAUDE_CODE_USE_VERTEX", "1", "vertex"),
        ("ANTHROPIC_API_KEY", "sk-ant-api03-x", "console"),
    ] {
        let sandbox = Sandbox::new().variable(variable, value);
        let run = sandbox.run(&["explain", "--json", "--text", message]);
        let incident = &run.json()["incident"];
        assert_eq!(incident["service"], service, "{variable}");
        let printed = incident.to_string();
        assert!(
            !printed.contains("secret") && !printed.contains("jane"),
            "{printed}"
        );
    }
}
