//! Tests all messages that Claude Code 2.1.330 can show for a refused request, and messages that are worded differently
//! in 2.1.119, 2.1.240, 2.1.328, and 2.1.329. Each message is explained for every plan and provider. The error class of
//! the message determines which results are possible and which are wrong.

use crate::messages;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use whycap::limits::{Event, Payer, Refusal, World};
use whycap::time::Zone;

/// The plans, and the API key and cloud providers that can be used instead of a plan.
const PLANS_AND_PROVIDERS: [(&str, Option<&str>, Option<&str>); 8] = [
    ("pro", Some("pro"), None),
    ("max", Some("max"), None),
    ("team", Some("team"), None),
    ("enterprise", Some("enterprise"), None),
    ("api key", None, Some("key")),
    ("key beside max", Some("max"), Some("key")),
    ("bedrock", None, Some("bedrock")),
    ("vertex", None, Some("vertex")),
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

fn answer_to(case: &Value, plan: Option<&str>, payer: Option<&str>) -> Value {
    let now: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().expect("a time");
    let refusal = Refusal {
        text: text_of(case, "text").unwrap_or_default(),
        class: text_of(case, "class"),
        codes: text_of(case, "api_error").into_iter().collect(),
        version: text_of(case, "client").or(Some("2.1.330".to_owned())),
        ..Refusal::default()
    };
    let mut facts = vec![messages::of_session(now, Event::Refused(refusal))];
    facts.extend(plan.map(|plan| messages::of_machine(now, messages::login(plan, "user"))));
    facts.extend(payer.map(|payer| {
        let payer = match payer {
            "key" => Payer::Key("ANTHROPIC_API_KEY".to_owned()),
            provider => Payer::Cloud(provider.to_owned()),
        };
        messages::of_session(now, Event::Paying(Some(payer)))
    }));
    let stops = World::fold(facts, now, Zone::UTC).stops();
    messages::fields(stops.first().expect("a stop"))
}

/// Returns true if a message with this error class can be about this limit. `kinds.jsonl` lists the classes for each
/// kind of limit. A message whose class is not in the list can be about any limit.
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
fn problems_with(case: &Value, name: &str, plan: Option<&str>, answer: &Value) -> Vec<String> {
    let [limit, row, who_can_fix, verdict] = ["limit", "row", "who_can_fix", "verdict"]
        .map(|key| answer[key].as_str().unwrap_or_default());
    let text = case["text"]
        .as_str()
        .unwrap_or_default()
        .to_lowercase();
    let mut problems = Vec::new();
    let class = case["class"].as_str().unwrap_or_default();
    if !is_possible(class, limit) {
        problems.push(format!("{limit} for {class}"));
    }
    if ["other-program", "foreign"].contains(&row) {
        problems.push("denied".to_owned());
    }
    let is_personal = plan.is_some_and(|plan| ["pro", "max"].contains(&plan));
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
    let speaks = speaks_of_others
        .iter()
        .any(|word| text.contains(word));
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
        for (name, plan, payer) in PLANS_AND_PROVIDERS {
            let answer = answer_to(&case, plan, payer);
            let problems = problems_with(&case, name, plan, &answer).into_iter();
            wrong.extend(problems.map(|problem| {
                format!(
                    "{name}: {problem}: {} -> {} {} {}",
                    case, answer["row"], answer["who_can_fix"], answer["meaning"]
                )
            }));
            if answer["row"] == "unknown" {
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
