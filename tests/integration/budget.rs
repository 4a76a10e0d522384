//! Budgets warn once, hold prompts back only when told to, and can always be lifted.

use serde_json::{Value, json};

use crate::support::{Sandbox, data};

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
    let session = "d7cfec96-fb8e-4850-9ec7-53dbd5077a8d";
    let event = json!({
        "hook_event_name": "UserPromptSubmit", "session_id": session, "prompt": text,
        "transcript_path": sandbox.path(&format!(".claude/projects/-home-dev-api/{session}.jsonl")),
    });
    let run = sandbox.run_with(&["hook"], event.to_string().as_bytes());
    serde_json::from_str(run.success()).unwrap_or(Value::Null)
}

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
    }
    let lifted = prompt(&sandbox, "/whycap continue");
    let said: Vec<&str> = lifted["reason"]
        .as_str()
        .unwrap()
        .split_whitespace()
        .collect();
    let said = said.join(" ");
    assert!(
        said.ends_with("Prompts will be sent. No more reminders today."),
        "{said}"
    );
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
    // A new day has a new budget, and nothing was spent in it.
    let tomorrow = sandbox.variable("WHYCAP_NOW", "2026-11-21T08:00:00Z");
    assert_eq!(prompt(&tomorrow, "hi"), Value::Null);
}

#[test]
fn without_budgets_nothing_is_said() {
    let sandbox = with_budget("[budget]\naction = \"stop\"\n");
    assert_eq!(prompt(&sandbox, "hi"), Value::Null);
}
