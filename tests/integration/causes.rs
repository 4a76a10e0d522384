//! Tests `whycap spend --by pr`, which groups spend by pull request.
//!
//! `tests/data/causes` contains the responses and pull-request links of three recorded sessions. One of the sessions
//! worked on two pull requests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::histories::{PROJECTS, near, spend, with_history};
use crate::situation::flat;
use crate::support::{Sandbox, data};

fn recorded() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.copy_tree(&data("causes/home"), "");
    sandbox
}

/// Returns the number of responses in each group, keyed by the group.
fn responses(report: &Value) -> BTreeMap<&str, u64> {
    report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (
                group["key"].as_str().unwrap(),
                group["responses"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// Returns the cost of a group.
fn cost(report: &Value, key: &str) -> f64 {
    report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["key"] == key)
        .unwrap_or_else(|| panic!("no {key} in {report}"))["cost_usd"]
        .as_f64()
        .unwrap()
}

/// Appends a response that costs $10 to a session's transcript.
fn respond(sandbox: &Sandbox, session: &str, at: &str) {
    let line = json!({
        "type": "assistant", "uuid": format!("{session}-{at}"), "timestamp": at, "sessionId": session,
        "version": "2.1.331", "cwd": "/home/dev/api", "requestId": format!("req-{session}-{at}"),
        "message": {"id": format!("msg-{session}-{at}"), "model": "claude-opus-5-5", "role": "assistant",
                    "content": [], "usage": {"input_tokens": 0, "output_tokens": 500_000}},
    });
    sandbox.append(&transcript(session), &line.to_string());
}

/// Adds a pull-request link to a session.
fn link(sandbox: &Sandbox, session: &str, at: &str, number: u32, url: &str) {
    let line = json!({"type": "pr-link", "sessionId": session, "prNumber": number, "prUrl": url,
        "prRepository": "acme/api", "timestamp": at});
    sandbox.append(&transcript(session), &line.to_string());
}

fn transcript(session: &str) -> String {
    format!("{PROJECTS}/-home-dev-api/{session}.jsonl")
}

const PULL_REQUEST_7: &str = "https://github.com/acme/api/pull/7";
const PULL_REQUEST_8: &str = "https://github.com/acme/api/pull/8";

/// Creates two sessions that worked on the same pull request and a third one without a pull request. The first session
/// also worked on a second pull request.
fn two_pull_requests() -> Sandbox {
    let sandbox = Sandbox::new();
    for (session, at) in [
        ("a", "2026-11-20T05:00:00Z"),
        ("a", "2026-11-20T05:10:00Z"),
        ("a", "2026-11-20T05:30:00Z"),
        ("a", "2026-11-20T06:30:00Z"),
        ("b", "2026-11-20T06:00:00Z"),
    ] {
        respond(&sandbox, session, at);
    }
    respond(&sandbox, "c", "2026-11-20T06:00:00Z");
    link(&sandbox, "a", "2026-11-20T05:05:00Z", 7, PULL_REQUEST_7);
    link(&sandbox, "a", "2026-11-20T05:11:00Z", 7, PULL_REQUEST_7);
    link(&sandbox, "a", "2026-11-20T05:40:00Z", 8, PULL_REQUEST_8);
    link(&sandbox, "b", "2026-11-20T05:59:00Z", 7, PULL_REQUEST_7);
    sandbox
}

#[test]
fn responses_belong_to_the_next_linked_pull_request_or_else_to_the_last() {
    let sandbox = recorded();
    let report = spend(&sandbox, "pr");
    assert_eq!(
        responses(&report),
        BTreeMap::from([
            ("#64 in /home/dev/git-sync", 22),
            ("#65 in /home/dev/git-sync", 63),
            ("#75 in /home/dev/git-sync", 73),
            ("(no pull request)", 13),
        ])
    );

    let report = spend(&two_pull_requests(), "pr");
    assert_eq!(
        responses(&report),
        BTreeMap::from([
            (PULL_REQUEST_7, 3),
            (PULL_REQUEST_8, 2),
            ("(no pull request)", 1),
        ])
    );
    near(&json!(cost(&report, PULL_REQUEST_7)), &json!(30.0));
}

#[test]
fn the_groups_add_up_to_the_total_in_every_format() {
    let sandbox = recorded();
    let total = spend(&sandbox, "day")["total"].clone();
    for by in ["pr", "branch", "agent"] {
        let report = spend(&sandbox, by);
        assert_eq!(report["total"], total, "by {by}");
        assert_eq!(report["by"], by);
        for field in ["cost_usd", "responses"] {
            let groups = report["groups"].as_array().unwrap().iter();
            let sum: f64 = groups
                .map(|group| group[field].as_f64().unwrap())
                .sum();
            assert!((sum - total[field].as_f64().unwrap()).abs() < 1e-9, "{by}");
        }

        let csv = sandbox.run(&["spend", "--by", by, "--csv"]);
        let rows: Vec<&str> = csv.success().lines().collect();
        assert!(rows[0].starts_with(&format!("{by},cost_usd,")), "{rows:?}");
        let sum: f64 = rows[1..]
            .iter()
            .map(|row| {
                row.split(',')
                    .nth(1)
                    .unwrap()
                    .parse::<f64>()
                    .unwrap()
            })
            .sum();
        assert!((sum - total["cost_usd"].as_f64().unwrap()).abs() < 1e-9);
    }
}

#[test]
fn unrecorded_spend_belongs_to_the_pull_request_of_its_session() {
    let (sandbox, truth) = with_history("compaction-and-subagent");
    let sessions = spend(&sandbox, "session");
    let compacted = sessions["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["unrecorded_usd"].as_f64() > Some(0.01))
        .unwrap()
        .clone();
    let session = compacted["key"].as_str().unwrap();
    let project = std::fs::read_dir(sandbox.path(PROJECTS))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|project| {
            let file = format!("{PROJECTS}/{project}/{session}.jsonl");
            sandbox.path(&file).exists()
        })
        .unwrap();
    let line = json!({"type": "pr-link", "sessionId": session, "prNumber": 7, "prUrl": PULL_REQUEST_7,
        "timestamp": "2026-11-30T00:00:00Z"});
    sandbox.append(
        &format!("{PROJECTS}/{project}/{session}.jsonl"),
        &line.to_string(),
    );

    let report = spend(&sandbox, "pr");
    near(
        &json!(cost(&report, PULL_REQUEST_7)),
        &compacted["cost_usd"],
    );
    near(&report["total"]["cost_usd"], &truth["total_usd"]);
}

#[test]
fn unrecorded_spend_is_labeled_by_its_requests() {
    let (sandbox, _) = with_history("compaction-and-subagent");
    let total = spend(&sandbox, "day")["total"].clone();
    for by in ["prompt", "agent", "branch"] {
        let report = spend(&sandbox, by);
        let compaction = cost(&report, "(compaction)");
        let background = responses(&report)
            .contains_key("(background requests)")
            .then(|| cost(&report, "(background requests)"));
        near(
            &json!(compaction + background.unwrap_or_default()),
            &total["unrecorded_usd"],
        );
        assert!(!report.to_string().contains("not in a transcript"), "{by}");
    }
}

#[test]
fn pull_requests_have_short_names_and_the_rule_is_stated() {
    let sandbox = two_pull_requests().variable("COLUMNS", "100");
    let run = sandbox.run(&["spend", "--by", "pr"]);
    let in_words = sandbox.run(&["spend", "--by", "pull-request"]);
    assert_eq!(in_words.success(), run.success());
    let shown = run.success();
    for text in [
        "pull request ",
        "acme/api#7 ",
        "acme/api#8 ",
        "(no pull request) ",
    ] {
        assert!(shown.contains(text), "{text} is not in {shown}");
    }
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(
        words.join(" ").contains(
            "A session's spend is assigned to the next pull request that the session links to. Spend after \
             the last link is assigned to the last pull request."
        ),
        "{shown}"
    );
}

#[test]
fn spend_without_a_recorded_prompt_is_explained() {
    let note = "Spend is listed as unknown if whycap does not know its prompt. Older versions of Claude Code do not record which prompt led to a response";
    let sandbox = Sandbox::new();
    let prompt = json!({"type": "user", "uuid": "u1", "promptId": "p1", "sessionId": "new",
        "timestamp": "2026-11-20T05:00:00Z", "message": {"role": "user", "content": "Hello"}});
    sandbox.append(&transcript("new"), &prompt.to_string());
    respond(&sandbox, "new", "2026-11-20T05:00:05Z");
    let page = sandbox.run(&["spend", "--by", "prompt"]);
    assert!(!flat(page.success()).contains(note), "{}", page.stdout);

    respond(&sandbox, "old", "2026-11-20T05:10:00Z");
    let page = sandbox.run(&["spend", "--by", "prompt"]);
    assert!(flat(page.success()).contains(note), "{}", page.stdout);
}

#[test]
fn exports_cannot_be_grouped_by_cause() {
    let sandbox = recorded();
    for by in ["pr", "agent"] {
        sandbox
            .run(&["spend", "--by", by, "--from", "exports"])
            .is_refused("exports do not contain the data for --by");
    }
}
