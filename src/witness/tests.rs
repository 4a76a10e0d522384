use std::fs::File;
use std::io::Write;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::*;
use crate::claude::status_payload::StatusPayload;
use crate::ledger::{WaitLimit, path_in};
use crate::limits::{Announcement, BudgetScope, Kind, Measure, Payer, Refusal, UsedBudget};

const SESSION: &str = "5a7d3c1e-0000-4000-a000-00000000c0de";
const OTHER: &str = "6b7d3c1e-0000-4000-a000-00000000beef";
const NOW: &str = "2026-11-20T07:00:00Z";
const LIMIT: &str = "You've hit your 5-hour limit · resets 8:04am (UTC)";

/// A home directory with transcripts of two sessions.
struct Home {
    directory: tempfile::TempDir,
    paths: Paths,
    environment: Environment,
}

impl Home {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = (
            crate::environment::HOME.into(),
            directory.path().as_os_str().to_owned(),
        );
        let others = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let environment = Environment::new(others.chain([home]), NOW.parse().unwrap());
        std::fs::create_dir_all(directory.path().join(".claude/projects/-p")).unwrap();
        Self {
            paths: Paths::of(&environment),
            directory,
            environment,
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller {
            paths: &self.paths,
            environment: &self.environment,
            session: Some(SESSION),
            project: None,
        }
    }

    fn write(&self, session: &str, lines: &[Value]) {
        let path = format!(".claude/projects/-p/{session}.jsonl");
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.directory.path().join(path))
            .unwrap();
        for line in lines {
            writeln!(file, "{line}").unwrap();
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(&self.paths.data, WaitLimit::None).unwrap()
    }

    /// Reads all new lines and returns the facts since the given time.
    fn facts(&self, period: Period) -> Facts {
        let mut ledger = self.ledger();
        refresh(&self.caller(), &mut ledger);
        collect(&self.caller(), Some(&ledger), period, &[])
    }

    fn all(&self) -> Vec<Fact> {
        self.facts(Period::Since(DateTime::UNIX_EPOCH)).facts
    }

    fn hook(&self, fields: &Value) {
        let event = HookEvent::parse(fields.to_string().as_bytes());
        record_hook(&self.caller(), &event);
    }
}

fn at(minute: u32) -> String {
    format!("2026-11-20T06:{minute:02}:00.000Z")
}

fn user(minute: u32, content: &Value, more: &Value) -> Value {
    let mut line = json!({"parentUuid": null, "isSidechain": false, "type": "user",
        "message": {"role": "user", "content": content}, "uuid": format!("u{minute}"),
        "timestamp": at(minute), "sessionId": SESSION});
    for (name, value) in more.as_object().unwrap() {
        line[name] = value.clone();
    }
    line
}

fn response(minute: u32, session: &str) -> Value {
    json!({"parentUuid": null, "type": "assistant", "timestamp": at(minute), "sessionId": session,
        "requestId": format!("r{minute}"), "message": {"id": format!("m{minute}{session}"),
        "model": "claude-opus-5-5", "usage": {"input_tokens": 3, "output_tokens": 9}}})
}

fn refused(minute: u32) -> Value {
    json!({"parentUuid": null, "type": "assistant", "timestamp": at(minute), "sessionId": SESSION,
        "isApiErrorMessage": true, "error": "rate_limit", "apiErrorStatus": 429, "version": "2.1.332",
        "message": {"model": "<synthetic>", "content": [{"type": "text", "text": LIMIT}],
            "usage": {"input_tokens": 0}}})
}

fn failed_hook() -> Value {
    json!({"hook_event_name": "StopFailure", "session_id": SESSION, "error": "rate_limit",
        "last_assistant_message": LIMIT})
}

fn refusals(facts: &[Fact]) -> Vec<&Refusal> {
    facts
        .iter()
        .filter_map(|fact| match &fact.event {
            Event::Refused(refusal) => Some(refusal),
            _ => None,
        })
        .collect()
}

fn recorded(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::fs::read_to_string(path.join(file))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The lines were recorded with each version that changed the fields.
#[test]
fn the_error_lines_of_every_version_become_refusals() {
    let cases = recorded("diagnosis/error_lines.jsonl");
    let mut claims = 0;
    for line in cases.iter().map(|case| &case["line"]) {
        let home = Home::new();
        home.write(SESSION, std::slice::from_ref(line));
        let facts = home.all();
        let [refusal] = refusals(&facts)[..] else {
            panic!("{line}: {facts:?}");
        };
        assert_eq!(refusal.text, line["message"]["content"][0]["text"]);
        assert_eq!(json!(refusal.status), line["apiErrorStatus"]);
        assert_eq!(json!(refusal.class), line["error"]);
        assert_eq!(json!(refusal.version), line["version"]);
        for code in ["apiErrorType", "apiError", "apiErrorCode"] {
            let code = line[code].as_str();
            assert!(code.is_none_or(|code| refusal.codes.iter().any(|known| known == code)));
        }
        let quota = &line["quotaLimits"];
        assert_eq!(refusal.claim.is_some(), quota.is_object(), "{line}");
        if let Some(claim) = &refusal.claim {
            claims += 1;
            let resets_at = claim.resets_at.map(|at| at.timestamp());
            assert_eq!(json!(resets_at), quota["resetsAt"]);
            assert_eq!(
                json!(claim.no_credits_because),
                quota["overageDisabledReason"]
            );
            let expected = match quota["rateLimitType"].as_str().unwrap() {
                "five_hour" => Some(Kind::FiveHour),
                "seven_day" => Some(Kind::Weekly),
                "seven_day_opus" => Some(Kind::WeeklyOpus),
                "seven_day_sonnet" => Some(Kind::WeeklySonnet),
                "seven_day_overage_included" => Some(Kind::WeeklyFable),
                "overage" => Some(Kind::UsageCredits),
                _ => None,
            };
            assert_eq!(claim.limit, expected);
        }
    }
    assert!(cases.len() > 70 && claims > 30);
}

#[test]
fn a_long_wait_of_claude_code_is_a_refusal_with_the_time_of_the_next_attempt() {
    let mut line: Value =
        serde_json::from_str(include_str!("../../tests/data/limits/retry.json")).unwrap();
    let home = Home::new();
    home.write(SESSION, std::slice::from_ref(&line));
    let facts = home.all();
    let [refusal] = refusals(&facts)[..] else {
        panic!("{facts:?}");
    };
    let claim = refusal.claim.as_ref().unwrap();
    assert_eq!(claim.limit, Some(Kind::FiveHour));
    let refused_at: DateTime<Utc> = "2026-11-30T19:42:46.389Z".parse().unwrap();
    let wait = refusal.retry_at.unwrap() - refused_at;
    assert_eq!(wait, TimeDelta::milliseconds(19_687));

    line["error"]["rateLimits"] = Value::Null;
    for (delay, is_noticed) in [(39_303, false), (60_000, true)] {
        line["retryInMs"] = json!(delay);
        let home = Home::new();
        home.write(SESSION, std::slice::from_ref(&line));
        assert_eq!(!refusals(&home.all()).is_empty(), is_noticed, "{delay}");
    }
}

/// A command removes its entry when it ends. Claude Code creates the directory when it registers its first session.
#[test]
fn no_session_is_running_if_the_registry_is_empty() {
    let home = Home::new();
    home.write(SESSION, &[user(1, &json!("hi"), &json!({})), refused(2)]);
    let running = |home: &Home| {
        home.all()
            .into_iter()
            .find_map(|fact| match fact.event {
                Event::Running(sessions) => Some(sessions.len()),
                _ => None,
            })
    };
    assert_eq!(running(&home), None);
    let registry = home.paths.claude_directory.join("sessions");
    std::fs::create_dir(registry).unwrap();
    assert_eq!(running(&home), Some(0));
}

#[test]
fn recorded_hooks_become_refusals() {
    for payload in recorded("limits/failed_hooks.jsonl") {
        let home = Home::new();
        home.hook(&payload);
        let facts = home.all();
        let [refusal] = refusals(&facts)[..] else {
            panic!("{facts:?}");
        };
        assert_eq!(refusal.text, payload["last_assistant_message"]);
        assert_eq!(json!(refusal.class), payload["error"]);
    }
}

#[test]
fn a_conversation_tells_who_asked_paid_and_waited() {
    let home = Home::new();
    home.write(
        SESSION,
        &[
            json!({"type": "session-owner", "accountUuid": "a", "organizationUuid": "o", "sessionId": SESSION}),
            user(1, &json!("hi"), &json!({"promptSource": "typed", "origin": {"kind": "human"}})),
            response(2, SESSION),
            user(3, &json!([{"tool_use_id": "t", "type": "tool_result", "content": "x"}]), &json!({})),
            user(4, &json!("<command-name>/model</command-name>"), &json!({})),
            user(5, &json!("<local-command-stdout>Set model to Sonnet 5.5 (1M context)</local-command-stdout>"), &json!({})),
            user(6, &json!("later"), &json!({"promptSource": "queued"})),
            refused(7),
            json!({"parentUuid": null, "isSidechain": false, "type": "system", "subtype": "informational",
                "content": "Usage limit reached · continuing automatically at 8:04am · esc to cancel",
                "timestamp": at(8), "sessionId": SESSION}),
            user(9, &json!("go on"), &json!({"isMeta": true, "origin": {"kind": "auto-continuation"}})),
            user(10, &json!("a reminder"), &json!({"isMeta": true})),
            json!({"parentUuid": null, "isSidechain": false, "attachment": {"type": "credential_org",
                "organizationUuid": "o"}, "type": "attachment", "timestamp": at(11), "sessionId": SESSION}),
            json!({"parentUuid": null, "type": "system", "subtype": "compact_boundary", "uuid": "c",
                "timestamp": at(12), "sessionId": SESSION, "compactMetadata": {"preTokens": 9}}),
        ],
    );
    let facts = home.all();
    let of_session = facts.iter().filter(|fact| {
        fact.source == Source::Transcript && fact.session.as_deref() == Some(SESSION)
    });
    let events: Vec<(String, &Event)> = of_session
        .map(|fact| (fact.at.format("%M").to_string(), &fact.event))
        .collect();
    let sent = |is_typed| Event::Sent { is_typed };
    let owned = events.first().unwrap().1.clone();
    assert!(matches!(&owned, Event::Owned { account } if !account.starts_with('/')));
    let served = Event::Served(crate::limits::ModelResponse {
        model: Some("opus".to_owned()),
        ..Default::default()
    });
    let selected = Event::Selected {
        model: "sonnet".to_owned(),
        draws_on: Some("the 1M context".to_owned()),
    };
    let refusal = Event::Refused(refusals(&facts)[0].clone());
    let continues = Event::Announced(Announcement::Continues);
    let expected = [
        ("01", &owned),
        ("01", &sent(true)),
        ("02", &served),
        ("05", &selected),
        ("06", &sent(false)),
        ("07", &refusal),
        ("08", &continues),
        ("09", &sent(false)),
        ("11", &owned),
        ("12", &Event::Shortened),
    ];
    let events: Vec<(&str, &Event)> = events
        .iter()
        .map(|(minute, event)| (minute.as_str(), *event))
        .collect();
    assert_eq!(events, expected);
}

#[test]
fn a_hook_loses_nothing_while_the_ledger_is_locked() {
    let home = Home::new();
    drop(home.ledger());
    let other = Connection::open(path_in(&home.paths.data)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    home.hook(&failed_hook());
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    for _ in 0..2 {
        let facts = home.facts(Period::Open).facts;
        let [refusal] = refusals(&facts)[..] else {
            panic!("{facts:?}");
        };
        assert_eq!(refusal.text, LIMIT);
    }
}

#[test]
fn a_hook_before_the_first_ledger_loses_nothing() {
    let home = Home::new();
    home.hook(&failed_hook());
    assert_eq!(refusals(&home.facts(Period::Open).facts).len(), 1);
}

#[test]
fn nothing_is_read_unless_a_limit_may_still_stop_something() {
    let home = Home::new();
    home.write(
        SESSION,
        &[user(1, &json!("hi"), &json!({})), response(2, SESSION)],
    );
    home.write(OTHER, &[response(5, OTHER), response(50, OTHER)]);
    assert_eq!(home.facts(Period::Open).facts, []);

    home.write(SESSION, &[refused(30)]);
    let open = home.facts(Period::Open);
    assert_eq!(refusals(&open.facts).len(), 1);
    let served: Vec<(Option<&str>, String)> = open
        .facts
        .iter()
        .filter(|fact| matches!(fact.event, Event::Served(_)))
        .map(|fact| (fact.session.as_deref(), fact.at.format("%M").to_string()))
        .collect();
    let expected = [(SESSION, "02"), (OTHER, "05"), (OTHER, "50")];
    assert_eq!(
        served,
        expected.map(|(session, minute)| (Some(session), minute.to_owned()))
    );

    let fold = |facts: &Facts, now: &str| {
        World::fold(
            facts.facts.clone(),
            now.parse().unwrap(),
            home.environment.zone,
        )
    };
    settle(&home.ledger(), open.refusals, &fold(&open, NOW));
    assert_eq!(refusals(&home.facts(Period::Open).facts).len(), 1);
    // Two days later, the limit has ended, and no session is waiting for its reset.
    let later = fold(&open, "2026-11-22T09:00:00Z");
    settle(&home.ledger(), open.refusals, &later);
    assert_eq!(home.facts(Period::Open).facts, []);
    // Another request was refused after these facts had been read.
    home.write(SESSION, &[refused(40)]);
    home.all();
    settle(&home.ledger(), open.refusals, &later);
    assert!(!refusals(&home.facts(Period::Open).facts).is_empty());
}

#[test]
fn a_budget_that_is_used_up_needs_no_stored_facts() {
    let home = Home::new();
    let budget = UsedBudget {
        scope: BudgetScope::Day,
        limit_usd: 5.0,
        spent_usd: 6.0,
        ends_at: Some("2026-11-21T00:00:00Z".parse().unwrap()),
    };
    let caller = home.caller();
    let reported = [caller.fact(Source::Budget, Event::Budgeted(budget))];
    let ledger = home.ledger();
    let limits = Limits::for_status_line(&caller, None, &reported);
    assert!(limits.blocked().is_some());
    limits.settle(&ledger);
    assert_eq!(ledger.limits_since().unwrap(), None);
}

#[test]
fn a_reading_is_repeated_only_after_a_refusal_or_a_response() {
    let home = Home::new();
    let payload = json!({"session_id": SESSION, "model": {"id": "claude-opus-5-5"}, "rate_limits": {
        "five_hour": {"used_percentage": 97.5, "resets_at": 1_795_161_868}}});
    let payload = StatusPayload::parse(payload.to_string().as_bytes());
    let show = || {
        let reported = of_status_line(&home.caller(), &payload, true);
        record(&home.caller(), Some(&home.ledger()), &reported);
        reported
    };
    let readings = || {
        let facts = home.all();
        let readings = facts
            .into_iter()
            .filter_map(|fact| match fact.event {
                Event::Read(measures) => Some(measures),
                _ => None,
            });
        readings.collect::<Vec<Vec<Measure>>>()
    };
    home.ledger();
    let selections = |facts: &[Fact]| {
        let is_selection = |fact: &&Fact| matches!(fact.event, Event::Selected { .. });
        facts.iter().filter(is_selection).count()
    };
    assert_eq!(selections(&show()), 1);
    show();
    assert_eq!(readings().len(), 1);
    assert_eq!(
        (readings()[0][0].window, readings()[0][0].percent),
        (Kind::FiveHour, 97.5)
    );
    assert_eq!(selections(&home.all()), 1);
    let after = |seconds| {
        let now = home.environment.now + TimeDelta::seconds(seconds);
        Environment::new([], now)
    };
    let (refused_at, shown_at) = (after(1), after(2));
    let event = HookEvent::parse(failed_hook().to_string().as_bytes());
    let caller = Caller {
        environment: &refused_at,
        ..home.caller()
    };
    record_hook(&caller, &event);
    let caller = Caller {
        environment: &shown_at,
        ..home.caller()
    };
    let reported = of_status_line(&caller, &payload, true);
    record(&caller, Some(&home.ledger()), &reported);
    assert_eq!(readings().len(), 2);
}

#[test]
fn only_the_place_of_a_key_is_a_fact() {
    let payer = |home: &Home| {
        let facts = collect(
            &home.caller(),
            None,
            Period::Since(DateTime::UNIX_EPOCH),
            &[],
        );
        let payer = facts
            .facts
            .into_iter()
            .find_map(|fact| match fact.event {
                Event::Paying(payer) => Some(payer),
                _ => None,
            });
        payer.unwrap()
    };
    assert_eq!(payer(&Home::new()), None);
    let key = Home::with(&[("ANTHROPIC_API_KEY", "sk-secret")]);
    assert_eq!(
        payer(&key),
        Some(Payer::Key("ANTHROPIC_API_KEY".to_owned()))
    );
    let cloud = Home::with(&[
        ("CLAUDE_CODE_USE_BEDROCK", "1"),
        ("ANTHROPIC_API_KEY", "sk-x"),
    ]);
    assert_eq!(payer(&cloud), Some(Payer::Cloud("bedrock".to_owned())));
    let token = Home::with(&[("CLAUDE_CODE_OAUTH_TOKEN", "x")]);
    let expected = Payer::Token("CLAUDE_CODE_OAUTH_TOKEN".to_owned());
    assert_eq!(payer(&token), Some(expected));
    let settings = json!({"apiKeyHelper": "/x --secret sk-1"}).to_string();
    let helper = Home::new();
    let path = helper.paths.user_settings();
    File::create(path)
        .unwrap()
        .write_all(settings.as_bytes())
        .unwrap();
    let expected = Payer::Key("apiKeyHelper in ~/.claude/settings.json".to_owned());
    assert_eq!(payer(&helper), Some(expected));
}
