//! Budgets warn once, hold prompts back only when told to, and can always be lifted.

use serde_json::{Value, json};

use crate::support::{Run, Sandbox, data};

const SESSION: &str = "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d";

/// Today's spend is $0.47 here.
fn with_budget(config: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.copy_tree(&data("histories/compaction-and-subagent/home"), "");
    let path = sandbox.write("whycap.toml", config);
    let sandbox = sandbox.variable("WHYCAP_CONFIG", path.to_str().unwrap());
    sandbox.run(&["spend"]).success();
    sandbox
}

fn prompt(sandbox: &Sandbox, text: &str) -> Value {
    let session = SESSION;
    let event = json!({
        "hook_event_name": "UserPromptSubmit", "session_id": session, "prompt": text,
        "transcript_path": sandbox.path(&format!(".claude/projects/-home-dev-api/{session}.jsonl")),
    });
    let run = sandbox.run_with(&["hook"], event.to_string().as_bytes());
    serde_json::from_str(run.success()).unwrap_or(Value::Null)
}

/// The answer to an event of any session.
fn event(sandbox: &Sandbox, name: &str, session: &str, cwd: &str) -> Value {
    let event = json!({
        "hook_event_name": name, "session_id": session, "prompt": "hi", "cwd": cwd,
        "transcript_path": sandbox.path(&format!(".claude/projects/-home-dev-api/{session}.jsonl")),
    });
    let run = sandbox.run_with(&["hook"], event.to_string().as_bytes());
    serde_json::from_str(run.success()).unwrap_or(Value::Null)
}

const API: &str = "/home/dev/api";

#[test]
fn a_nearly_used_budget_is_mentioned_once_and_again_when_it_is_used_up() {
    let sandbox = with_budget("[budget]\nday = 0.5\n");
    let first = prompt(&sandbox, "hi");
    assert_eq!(
        first["systemMessage"],
        "whycap: Today's budget of $0.50 is 94% used: $0.47 so far."
    );
    assert_eq!(first.get("decision"), None);
    assert_eq!(prompt(&sandbox, "again"), Value::Null);
    sandbox.write("whycap.toml", "[budget]\nday = 0.4\n");
    let used_up = prompt(&sandbox, "more");
    assert_eq!(
        used_up["systemMessage"],
        "whycap: Today's budget of $0.40 is used up: $0.47 so far."
    );
    assert_eq!(prompt(&sandbox, "again"), Value::Null);
}

#[test]
fn a_budget_that_stops_holds_the_prompt_back_until_the_user_goes_on() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\"\n");
    for _ in 0..2 {
        let held = prompt(&sandbox, "hi");
        assert_eq!(held["decision"], "block");
        let reason = held["reason"].as_str().unwrap();
        assert!(
            reason.contains("Today's budget of $0.40 is used up"),
            "{reason}"
        );
        assert!(reason.contains("/whycap continue"), "{reason}");
        assert!(reason.contains("\nIt resets at midnight.\n"), "{reason}");
        assert!(
            reason.contains("in the input line again; if not, press the up arrow"),
            "{reason}"
        );
    }
    let lifted = prompt(&sandbox, "/whycap continue");
    let said: Vec<&str> = lifted["reason"]
        .as_str()
        .unwrap()
        .split_whitespace()
        .collect();
    let said = said.join(" ");
    assert!(
        said.ends_with("Prompts of this session will be sent. No more reminders in it today."),
        "{said}"
    );
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
    // Another session was not let go on.
    let other = event(&sandbox, "UserPromptSubmit", "other", "/home/dev/api");
    assert_eq!(other["decision"], "block");
    // A new day has a new budget, and nothing was spent in it.
    let tomorrow = sandbox.variable("WHYCAP_NOW", "2026-11-21T08:00:00Z");
    assert_eq!(prompt(&tomorrow, "hi"), Value::Null);
}

#[test]
fn without_budgets_nothing_is_said() {
    let sandbox = with_budget("[budget]\naction = \"stop\"\n");
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
}

#[test]
fn after_an_answer_one_message_says_it_and_the_next_prompt_does_not_say_it_again() {
    let sandbox = with_budget("[budget]\nday = 0.5\n");
    let said = event(&sandbox, "Stop", SESSION, API);
    assert_eq!(
        said,
        json!({"systemMessage": "whycap: Today's budget of $0.50 is 94% used: $0.47 so far."})
    );
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
    assert_eq!(event(&sandbox, "Stop", SESSION, API), Value::Null);
    // Nor does another session.
    assert_eq!(event(&sandbox, "Stop", "other", API), Value::Null);
}

#[test]
fn after_the_answer_that_uses_a_budget_up_it_is_said_that_the_next_prompt_is_held_back() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\"\n");
    let said = event(&sandbox, "Stop", SESSION, API);
    assert_eq!(
        said,
        json!({"systemMessage": "whycap: Today's budget of $0.40 is used up: $0.47 so far. The next prompt is held back; /whycap continue lets this session go on."})
    );
    assert_eq!(event(&sandbox, "Stop", SESSION, API), Value::Null);
    assert_eq!(prompt(&sandbox, "hi")["decision"], "block");
}

#[test]
fn a_project_has_a_budget_of_its_own_for_the_month() {
    let config =
        "[budget]\naction = \"stop\"\n[budget.projects]\napi = 0.3\n\"~/website\" = 0.01\n";
    let sandbox = with_budget(config);
    let held = prompt(&sandbox, "hi");
    let reason = held["reason"].as_str().unwrap();
    assert!(
        reason
            .starts_with("whycap: This month's budget for api of $0.30 is used up: $0.36 so far."),
        "{reason}"
    );
    // A new session there is held back too, in another place it is not.
    let new = |cwd| event(&sandbox, "UserPromptSubmit", "new", cwd);
    assert_eq!(new("/srv/api/server")["decision"], "block");
    assert_eq!(new("/home/dev/apiary"), Value::Null);
    let line = |session: &str, project: &str| {
        let payload = json!({
            "session_id": session, "workspace": {"project_dir": project},
        });
        let run = sandbox.run_with(&["statusline"], payload.to_string().as_bytes());
        run.success().to_owned()
    };
    let shown = line("new", "/home/dev/api");
    assert!(
        shown.contains(" api ") && shown.contains("120% of $0.3"),
        "{shown}"
    );
    assert!(!line("new", "/home/dev/apiary").contains("% of"));
    // December begins in Tokyo nine hours before it does in Greenwich.
    let december = sandbox.variable("WHYCAP_NOW", "2026-11-30T15:00:00Z");
    let there = |zone: &str| {
        let event = json!({
            "hook_event_name": "UserPromptSubmit", "session_id": "new", "prompt": "hi", "cwd": API,
        });
        let mut command = december.command(&["hook"]);
        let run = Run::of(command.env("TZ", zone), event.to_string().as_bytes());
        serde_json::from_str(run.success()).unwrap_or(Value::Null)
    };
    assert_eq!(there("UTC")["decision"], "block");
    assert_eq!(there("Asia/Tokyo"), Value::Null);
}

#[test]
fn a_day_ends_at_midnight_of_the_zone_also_when_clocks_change() {
    // In Berlin the 25th of October 2026 has 25 hours: from 22:00 to 23:00 UTC.
    let sandbox = Sandbox::new();
    let answer = |id: &str, at: &str| {
        json!({
            "type": "assistant", "timestamp": at, "cwd": API, "sessionId": SESSION, "requestId": id,
            "message": {"id": id, "model": "claude-opus-5-5", "usage": {"output_tokens": 50_000}},
        })
        .to_string()
    };
    let path = format!(".claude/projects/-home-dev-api/{SESSION}.jsonl");
    sandbox.append(&path, &answer("one", "2026-10-24T22:30:00.000Z"));
    let config = sandbox.write("whycap.toml", "[budget]\nday = 0.9\naction = \"stop\"\n");
    let sandbox = sandbox
        .variable("WHYCAP_CONFIG", config.to_str().unwrap())
        .variable("TZ", "Europe/Berlin");
    sandbox.run(&["spend"]).success();
    let mut sandbox = sandbox;
    for (at, is_held) in [
        ("2026-10-24T22:45:00Z", true),
        ("2026-10-25T22:59:00Z", true),
        ("2026-10-25T23:00:00Z", false),
    ] {
        sandbox = sandbox.variable("WHYCAP_NOW", at);
        let said = event(&sandbox, "UserPromptSubmit", SESSION, API);
        assert_eq!(said["decision"] == "block", is_held, "{at}");
    }
}

#[test]
fn where_it_is_not_known_what_was_spent_no_prompt_is_held_back() {
    let sandbox = with_budget("[budget]\nday = 0.4\naction = \"stop\"\n");
    let ledger = sandbox.path(".local/share/whycap/ledger.sqlite3");
    let kept = std::fs::read(&ledger).expect("a ledger");
    std::fs::write(&ledger, &kept[..kept.len() / 2]).expect("a torn ledger");
    for name in ["UserPromptSubmit", "Stop"] {
        assert_eq!(event(&sandbox, name, SESSION, API), Value::Null, "{name}");
    }
}
