//! Recorded and known errors, played through the program as the client would.
//!
//! tests/data/diagnosis/cases.jsonl holds one case a line: the plan, what the meters showed before
//! and after, the transcript's line, the hook's payload, and what the answer may be.
//! error_lines.jsonl holds error lines of eight client versions with what each is.

use chrono::DateTime;
use serde_json::Value;

use crate::client::{Client, rfc3339};
use crate::support::{Sandbox, data};

fn lines(name: &str) -> Vec<Value> {
    let path = data(&format!("diagnosis/{name}"));
    std::fs::read_to_string(path)
        .expect("test data")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

fn allows(allowed: &Value, got: &Value) -> bool {
    allowed == "any" || allowed.as_array().is_some_and(|list| list.contains(got))
}

/// What is wrong with the answer to one case.
fn misses(case: &Value) -> Vec<String> {
    let sandbox = Sandbox::new();
    let now = case["now"].as_i64().expect("a time");
    let plan = case["plan"].as_str().expect("a plan");
    if plan != "key" {
        Client::logged_in(&sandbox, plan, case["role"].as_str().expect("a role"));
    }
    if !case["settings"].is_null() {
        sandbox.write(".claude/settings.json", case["settings"].to_string());
    }
    let mut client = Client::new(&sandbox);
    client.version = case["version"].as_str().expect("a version").to_owned();
    if plan == "key" {
        let key = (
            "ANTHROPIC_API_KEY".to_owned(),
            "sk-ant-api03-SECRET".to_owned(),
        );
        client.variables.push(key);
    }
    for (name, value) in case["env"].as_object().cloned().unwrap_or_default() {
        let value = value.as_str().expect("text").to_owned();
        client.variables.push((name, value));
    }
    if !case["before"].is_null() {
        let age = case["before_age_s"].as_i64().unwrap_or(60);
        client
            .draws(&rfc3339(now - age), case["before"].clone(), 160)
            .success();
    }
    let line = case["line"]
        .to_string()
        .replace("\"SESSION\"", &format!("\"{}\"", client.session));
    client.append(&serde_json::from_str(&line).expect("a line"));
    if !case["hook"].is_null() {
        client
            .event(&rfc3339(now), "StopFailure", case["hook"].clone())
            .success();
    }
    let drawn = client
        .draws(&rfc3339(now + 1), case["after"].clone(), 160)
        .success()
        .to_owned();
    let incident = client.explained(&rfc3339(now + 2));
    let told = client
        .run(&rfc3339(now + 2), &["explain"], b"")
        .success()
        .to_owned();
    let expected = &case["expect"];
    let mut missed = Vec::new();
    if expected.is_null() {
        if !incident.is_null() {
            missed.push(format!("an incident where there is none: {incident}"));
        }
        return missed;
    }
    for field in ["limit", "verdict"] {
        if !allows(&expected[field], &incident[field]) {
            missed.push(format!(
                "{field} is {}, not one of {}",
                incident[field], expected[field]
            ));
        }
    }
    if expected["who_can_fix"].is_array()
        && !allows(&expected["who_can_fix"], &incident["who_can_fix"])
    {
        missed.push(format!("who_can_fix is {}", incident["who_can_fix"]));
    }
    if expected["waiting_helps"] != "any" && expected["waiting_helps"] != incident["waiting_helps"]
    {
        missed.push(format!("waiting_helps is {}", incident["waiting_helps"]));
    }
    let resets_at = incident["resets_at"].as_str().map(|at| {
        DateTime::parse_from_rfc3339(at)
            .expect("RFC 3339")
            .timestamp()
    });
    match &expected["resets_at"] {
        Value::String(_) => {}
        Value::Null if resets_at.is_none() => {}
        wanted => {
            let near = wanted
                .as_i64()
                .zip(resets_at)
                .is_some_and(|(a, b)| (a - b).abs() <= 60);
            if !near {
                missed.push(format!("resets_at is {resets_at:?}, not {wanted}"));
            }
        }
    }
    let headline = incident["headline"].as_str().unwrap_or_default();
    let badge = incident["badge"].as_str().unwrap_or_default();
    let collapsed = told.split_whitespace().collect::<Vec<_>>().join(" ");
    if headline.is_empty() || !collapsed.contains(headline) {
        missed.push(format!("explain does not say the headline {headline:?}"));
    }
    if badge.is_empty() || badge.chars().count() > 60 || !drawn.contains(badge) {
        missed.push(format!("the status line does not show the badge {badge:?}"));
    }
    if incident["actions"].as_array().is_none_or(Vec::is_empty) {
        missed.push("no actions".to_owned());
    }
    if incident["evidence"].as_array().is_none_or(Vec::is_empty) {
        missed.push("no evidence".to_owned());
    }
    if format!("{told}{drawn}{incident}").contains("sk-ant") {
        missed.push("leaks a key".to_owned());
    }
    missed
}

#[test]
fn every_labelled_case_gets_an_answer_that_it_allows() {
    let mut failures = Vec::new();
    for case in lines("cases.jsonl") {
        let missed = misses(&case);
        if !missed.is_empty() {
            failures.push(format!("{}: {}", case["id"], missed.join("; ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn error_lines_of_eight_versions_are_understood_from_the_transcript_alone() {
    for case in lines("error_lines.jsonl") {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        client.append(&case["line"]);
        let at = case["line"]["timestamp"].as_str().expect("a time");
        let incident = crate::client::run(&sandbox, at, &["explain", "--json"], b"", &[]).json();
        let incident = &incident["incident"];
        assert_eq!(
            (&incident["limit"], &incident["verdict"]),
            (&case["limit"], &case["verdict"]),
            "{}",
            case["line"]["message"]["content"][0]["text"]
        );
    }
}
