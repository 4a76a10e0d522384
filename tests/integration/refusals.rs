//! Tests all messages that Claude Code 2.1.330 can show for a refused request, and messages that are worded differently
//! in 2.1.119, 2.1.240, 2.1.328, and 2.1.329. Each message is explained for every plan and provider. The error class of
//! the message determines which results are possible and which are wrong.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use serde_json::Value;
use whycap::claude::account::{Account, Plan};
use whycap::claude::credentials::{Credential, SetIn};
use whycap::limits::evidence::{Collected, Evidence, MessageOrigin, StoredError};
use whycap::limits::incident::Incident;
use whycap::time::{Clock, HourFormat, Zone};
use whycap::transcript::owner::Owner;
use whycap::transcript::tail::ErrorLine;

use crate::messages;

/// The plans, and the API key and cloud providers that can be used instead of a plan.
const PLANS_AND_PROVIDERS: [(&str, Option<Plan>, &str); 8] = [
    ("pro", Some(Plan::Pro), ""),
    ("max", Some(Plan::Max), ""),
    ("team", Some(Plan::Team), ""),
    ("enterprise", Some(Plan::Enterprise), ""),
    ("api key", None, "ANTHROPIC_API_KEY"),
    ("key beside max", Some(Plan::Max), "ANTHROPIC_API_KEY"),
    ("bedrock", None, "CLAUDE_CODE_USE_BEDROCK"),
    ("vertex", None, "CLAUDE_CODE_USE_VERTEX"),
];

fn cases() -> Vec<Value> {
    let newest = include_str!("../data/messages/refusals-2.1.330.jsonl").lines();
    let older = include_str!("../data/messages/refusals-older.jsonl").lines();
    newest
        .chain(older)
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

/// Returns a text of a case, unless it is empty or missing.
fn text_of(case: &Value, name: &str) -> Option<String> {
    case[name]
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn answer_to(case: &Value, plan: Option<Plan>, variable: &str) -> Value {
    let now: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().expect("a time");
    let mut error = StoredError::new(
        now,
        MessageOrigin::Transcript,
        text_of(case, "text").unwrap_or_default(),
    );
    error.message.line = Some(ErrorLine {
        error: text_of(case, "class"),
        api_error: text_of(case, "api_error"),
        ..ErrorLine::default()
    });
    error.session.version = text_of(case, "client").or(Some("2.1.330".to_owned()));
    error.payer.account = plan.map(|plan| Account {
        plan,
        role: Some("user".to_owned()),
        tier: None,
        owner: Owner::default(),
    });
    if !variable.is_empty() {
        error.payer.credentials.push(Credential {
            name: variable.to_owned(),
            set_in: SetIn::Environment,
            host: None,
        });
    }
    let clock = Clock {
        now,
        zone: Zone::UTC,
        hours: HourFormat::TwentyFour,
    };
    Incident::new(Evidence::new(error, Collected::default(), clock)).to_json()
}

/// Returns true if a message with this error class can be about this limit. `kinds.jsonl` lists the classes of each
/// kind of limit. A class that it does not list can be about any limit.
fn is_possible(class: &str, limit: &str) -> bool {
    static KINDS: LazyLock<Vec<Value>> = LazyLock::new(|| messages::cases("kinds.jsonl"));
    let limits_of_class: Vec<&Value> = KINDS
        .iter()
        .filter(|kind| {
            let mut classes = kind["classes"].as_array().into_iter().flatten();
            classes.any(|known| known == class)
        })
        .map(|kind| &kind["expect"]["kinds"][0])
        .collect();
    let is_known_class = !limits_of_class.is_empty();
    limit == "unknown" || !is_known_class || limits_of_class.iter().any(|known| **known == limit)
}

/// Returns a description of each problem with a result.
fn problems_with(case: &Value, name: &str, plan: Option<Plan>, answer: &Value) -> Vec<String> {
    let [limit, known_as, who_can_fix, verdict] = ["limit", "known_as", "who_can_fix", "verdict"]
        .map(|key| answer[key].as_str().unwrap_or_default());
    let text = case["text"].as_str().unwrap_or_default().to_lowercase();
    let mut problems = Vec::new();
    let class = case["class"].as_str().unwrap_or_default();
    if !is_possible(class, limit) {
        problems.push(format!("{limit} for {class}"));
    }
    if known_as == "other-program" {
        problems.push("denied".to_owned());
    }
    let is_personal = plan.is_some_and(|plan| [Plan::Pro, Plan::Max].contains(&plan));
    let speaks_of_others = [
        "admin",
        "org",
        "seat",
        "team",
        "group",
        "managed",
        "policy",
        "support",
        "computer",
        "gateway",
        "allocation",
        "channel",
    ];
    let speaks = speaks_of_others.iter().any(|word| text.contains(word));
    if is_personal && who_can_fix == "admin" && !speaks {
        problems.push("an admin on a plan for one person".to_owned());
    }
    let is_clouds = ["bedrock", "vertex"].contains(&name);
    let of_plan = ["five_hour", "weekly"].contains(&limit);
    if is_clouds && of_plan && verdict == "real" {
        problems.push("a plan's window at a cloud".to_owned());
    }
    problems
}

#[test]
fn every_refusal_is_explained_on_every_plan() {
    let mut wrong = Vec::new();
    let mut unknown = BTreeSet::new();
    for case in cases() {
        for (name, plan, variable) in PLANS_AND_PROVIDERS {
            let answer = answer_to(&case, plan, variable);
            let problems = problems_with(&case, name, plan, &answer).into_iter();
            wrong.extend(problems.map(|problem| {
                format!(
                    "{name}: {problem}: {} -> {} {} {}",
                    case, answer["known_as"], answer["who_can_fix"], answer["headline"]
                )
            }));
            if answer["known_as"] == "unknown" {
                unknown.insert(case["text"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    // Ignores messages that begin with a placeholder.
    unknown.retain(|text| !text.starts_with('…'));
    assert!(
        unknown.is_empty() && wrong.is_empty(),
        "{unknown:#?}\n{}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
