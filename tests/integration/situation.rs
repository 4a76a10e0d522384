//! One situation, one answer: every place that speaks of a limit says the same.

use serde_json::{Value, json};

use crate::client::{Client, windows};
use crate::support::Sandbox;

const AT: &str = "2026-11-20T10:00:00Z";
const SOON: &str = "2026-11-20T10:00:02Z";
const NOON: i64 = 1_795_176_000; // 2026-11-20T12:00:00Z
const TUESDAY: i64 = 1_795_500_000; // 2026-11-24T06:00:00Z
const FIVE_HOUR: &str = "You've hit your 5-hour limit · resets 12pm (UTC)";
const ORG: &str = "You've hit your org's monthly spend limit · ask your admin to raise it at https://claude.ai/admin-settings/usage";

fn refused(by: &str, resets_at: i64, no_credits: &str) -> Value {
    json!({"apiError": "usage_limit_reached", "quotaLimits": {
        "status": "rejected", "rateLimitType": by, "resetsAt": resets_at,
        "overageStatus": "rejected", "overageDisabledReason": no_credits,
    }})
}

/// A private Max account is logged in.
fn with_a_private_login() -> Sandbox {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    sandbox
}

fn belongs_to(client: &Client<'_>, account: &str, organization: &str) {
    client.append(
        &json!({"type": "session-owner", "sessionId": client.session,
        "accountUuid": account, "organizationUuid": organization}),
    );
}

const PRIVATE: &str = "11111111-1111-1111-1111-111111111111";

#[test]
fn a_companys_session_is_not_judged_by_the_private_account_that_is_logged_in() {
    let sandbox = with_a_private_login();
    let private = Client::with_session(&sandbox, "private");
    belongs_to(&private, PRIVATE, "private-organization");
    let seat = Client::with_session(&sandbox, "seat");
    belongs_to(&seat, "company-account", "company-organization");
    private.draws(
        "2026-11-20T09:59:30Z",
        windows(8.0, NOON, 4.0, TUESDAY),
        120,
    );
    seat.meets(AT, ORG, json!({}));
    let incident = seat.explained(SOON);
    assert_eq!(incident["owner"], "other", "{incident:#}");
    assert_eq!(incident["limit"], "org_spend_cap", "{incident:#}");
    assert_eq!(incident["verdict"], "real", "{incident:#}");
    let facts = incident["evidence"].to_string();
    assert!(
        facts.contains("another account than the one you are logged in to"),
        "{facts}"
    );
    assert!(!facts.contains("8%"), "{facts}");
    // Its own figures are its own, in whichever terminal they are looked at.
    seat.draws(
        "2026-11-20T10:00:03Z",
        windows(64.0, NOON, 30.0, TUESDAY),
        120,
    );
    let drawn = private.draws(
        "2026-11-20T10:01:00Z",
        windows(8.0, NOON, 4.0, TUESDAY),
        120,
    );
    assert!(drawn.success().contains("8%"), "{drawn:?}");
    let now = private
        .run("2026-11-20T10:01:00Z", &["now", "--json"], b"")
        .json();
    assert_eq!(
        now["windows"]["five_hour"]["used_percentage"], 8.0,
        "{now:#}"
    );
}

#[test]
fn a_session_of_the_login_is_said_to_be_its_own_and_one_that_says_nothing_is_not() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.meets(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    assert_eq!(client.explained(SOON)["owner"], Value::Null);
    let own = Client::with_session(&sandbox, "own");
    belongs_to(&own, PRIVATE, "private-organization");
    own.meets("2026-11-20T10:00:01Z", FIVE_HOUR, json!({}));
    assert_eq!(own.explained(SOON)["owner"], "login");
}

/// An empty pool is not what a plan with room waits for.
#[test]
fn out_of_usage_credits_with_room_in_both_windows_is_not_back_on_tuesday() {
    for (five_hour, weekly) in [(42.0, 17.0), (3.0, 5.0)] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.draws(
            "2026-11-20T09:59:00Z",
            windows(five_hour, NOON, weekly, TUESDAY),
            120,
        );
        let text = "You're out of usage credits · resets Nov 24, 6am (UTC)";
        client.meets(AT, text, refused("overage", TUESDAY, "out_of_credits"));
        let incident = client.explained(SOON);
        assert_eq!(incident["verdict"], "false_likely", "{incident:#}");
        let headline = incident["headline"].as_str().unwrap();
        assert!(headline.contains(&format!("{five_hour}%")), "{headline}");
        assert!(!headline.contains("24"), "{headline}");
        let waits = client.run(SOON, &["wait", "--timeout", "1s"], b"");
        assert_eq!(waits.code, 124, "{waits:?}");
        let later = "2026-11-20T10:03:00Z";
        assert_eq!(
            client.run(later, &["wait"], b"").code,
            0,
            "a few minutes, not days"
        );
        let mut wide = Client::with_session(&sandbox, "wide");
        wide.model = "claude-opus-5-5[1m]".to_owned();
        wide.draws(
            "2026-11-20T09:59:00Z",
            windows(five_hour, NOON, weekly, TUESDAY),
            120,
        );
        wide.meets(AT, text, refused("overage", TUESDAY, "out_of_credits"));
        let incident = wide
            .run(SOON, &["explain", "--json", "--session", "wide"], b"")
            .json();
        let headline = incident["incident"]["headline"].as_str().unwrap();
        assert!(headline.contains("without [1m]"), "{headline}");
    }
}

/// What is over gives no orders.
#[test]
fn after_recovery_every_place_speaks_of_the_past() {
    for (text, more) in [
        (
            "Credit balance is too low",
            json!({"error": "billing_error", "apiErrorStatus": 400}),
        ),
        ("API Error: 529 Overloaded", json!({"apiErrorStatus": 529})),
        ("API Error: Request rejected (429) · slow down", json!({})),
        (ORG, json!({})),
        (FIVE_HOUR, refused("five_hour", NOON, "out_of_credits")),
    ] {
        let sandbox = with_a_private_login();
        let client = Client::new(&sandbox);
        client.draws(
            "2026-11-20T09:59:00Z",
            windows(42.0, NOON, 17.0, TUESDAY),
            120,
        );
        client.meets(AT, text, more);
        client.answers("2026-11-20T10:10:00Z");
        let incident = client.explained("2026-11-20T10:11:00Z");
        let actions = incident["actions"].as_array().unwrap();
        assert_eq!(actions[0]["do"], "Nothing: this is over", "{actions:#?}");
        assert!(
            actions.iter().all(|action| action["costs_money"] == false),
            "{actions:#?}"
        );
        let headline = incident["headline"].as_str().unwrap();
        assert!(headline.contains("has answered again since"), "{headline}");
        for present in [" is ", " are ", "looks"] {
            assert!(!headline.contains(present), "{headline}");
        }
    }
}

/// An answer in one session ends the limit in all of the account, at once.
#[test]
fn when_one_session_answers_again_no_other_one_says_used_up() {
    let sandbox = with_a_private_login();
    let [stopped, works] = ["stopped", "works"].map(|id| Client::with_session(&sandbox, id));
    stopped.meets(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    stopped.draws(
        "2026-11-20T10:00:01Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    works.answers("2026-11-20T10:00:20Z");
    works.draws(
        "2026-11-20T10:00:21Z",
        windows(42.0, NOON, 40.0, TUESDAY),
        120,
    );
    let at = "2026-11-20T10:00:25Z";
    let incident = stopped.explained(at);
    assert_eq!(incident["open"], false, "{incident:#}");
    let drawn = stopped.draws(at, windows(100.0, NOON, 40.0, TUESDAY), 120);
    assert!(
        drawn.stdout.contains("another session works again"),
        "{drawn:?}"
    );
    let codes = [&["explain", "--exit-code"][..], &["wait"][..]];
    assert_eq!(codes.map(|verb| stopped.run(at, verb, b"").code), [0, 0]);
    let now = stopped.run(at, &["now"], b"");
    assert!(now.stdout.contains("no limit blocks your work"), "{now:?}");
}

/// Every place, asked in the same second, says the same.
#[test]
fn no_two_places_disagree() {
    let scenarios: [(&str, &str, Value, i32); 8] = [
        (
            "5-hour",
            FIVE_HOUR,
            refused("five_hour", NOON, "org_level_disabled"),
            10,
        ),
        ("without figures", FIVE_HOUR, json!({}), 10),
        (
            "weekly",
            "You've hit your weekly limit · resets Nov 24, 6am (UTC)",
            json!({}),
            10,
        ),
        (
            "throttle",
            "API Error: Request rejected (429) · slow down",
            json!({"apiErrorIsTransient": true}),
            10,
        ),
        (
            "overloaded",
            "API Error: 529 Overloaded",
            json!({"apiErrorStatus": 529}),
            10,
        ),
        (
            "a bare cap",
            "You've hit your individual spend limit",
            json!({}),
            12,
        ),
        (
            "API credits",
            "Credit balance is too low",
            json!({"apiErrorStatus": 400}),
            11,
        ),
        (
            "a warning",
            "You've used 92% of your weekly limit",
            json!({}),
            0,
        ),
    ];
    for (name, text, more, expected) in scenarios {
        let sandbox = Sandbox::new();
        let client = Client::new(&sandbox);
        client.meets(AT, text, more);
        let code = client.run(SOON, &["explain", "--exit-code"], b"").code;
        assert_eq!(code, expected, "{name}");
        let waits = client.run(SOON, &["wait", "--timeout", "1s"], b"").code;
        assert_eq!(waits, if code == 10 { 124 } else { code }, "{name}");
        let incident = client.explained(SOON);
        let headline = incident["headline"].as_str().unwrap();
        let badge = incident["badge"].as_str().unwrap();
        let explained = client.run(SOON, &["explain"], b"").stdout;
        let collapsed = explained.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(collapsed.starts_with(headline), "{name}: {explained}");
        let drawn = client.draws(SOON, Value::Null, 160).stdout;
        let drawn = whycap::terminal::strip_ansi(&drawn);
        assert!(drawn.contains(badge), "{name}: {drawn}");
        let asked = client.event(SOON, "UserPromptSubmit", json!({"prompt": "/whycap"}));
        let answer = asked.json()["reason"].as_str().unwrap().to_owned();
        let answer = answer.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(answer.starts_with(headline), "{name}: {answer}");
        let now = client.run(SOON, &["now", "--json"], b"").json();
        let said = if code == 0 {
            Value::Null
        } else {
            json!(headline)
        };
        assert_eq!(now["limit"], said, "{name}");
    }
}

/// A response as the ledger counts it.
fn works_on(client: &Client<'_>, at: &str, tokens: u32) {
    client.append(&json!({
        "type": "assistant", "uuid": format!("a-{at}"), "timestamp": at, "requestId": format!("req-{at}"),
        "sessionId": client.session, "version": client.version,
        "message": {"id": format!("msg-{at}"), "model": "claude-opus-5-5", "role": "assistant",
                    "content": [{"type": "text", "text": "fine"}],
                    "usage": {"input_tokens": tokens, "output_tokens": 1}},
    }));
}

/// 11 threads, one with $400: the window is full, and answers cost money.
#[test]
fn whoever_pays_from_credits_is_told_at_once() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    works_on(&client, "2026-11-20T09:58:00Z", 1_000_000);
    client.draws(
        "2026-11-20T09:58:01Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    let paid = |at: &str| client.run(at, &["now", "--json"], b"").json()["paying"].clone();
    assert_eq!(paid("2026-11-20T09:59:00Z"), Value::Null, "it was included");
    works_on(&client, AT, 100_000);
    let drawn = client.draws(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    assert!(drawn.success().contains("paying now ≈$"), "{drawn:?}");
    let paying = paid("2026-11-20T10:00:03Z");
    assert_eq!(paying["since"], AT);
    assert_eq!(paying["inferred"], true);
    assert!(
        paying["cost_usd"]
            .as_f64()
            .is_some_and(|cost| cost > 0.3 && cost < 2.0),
        "{paying}"
    );
    let now = client.run("2026-11-20T10:00:03Z", &["now"], b"");
    assert!(
        now.success()
            .contains("Paying    now from usage credits: ≈$"),
        "{now:?}"
    );
    // A reset that was spent, or a higher plan: the percent falls.
    client.draws(
        "2026-11-20T10:01:00Z",
        windows(3.0, NOON + 3_600, 40.0, TUESDAY),
        120,
    );
    assert_eq!(paid("2026-11-20T10:01:01Z"), Value::Null);
}

#[test]
fn where_the_server_serves_no_credits_nobody_pays() {
    let sandbox = with_a_private_login();
    let mut state: Value = serde_json::from_str(&sandbox.read(".claude.json")).unwrap();
    state["cachedExtraUsageDisabledReason"] = json!("out_of_credits");
    sandbox.write(".claude.json", state.to_string());
    let client = Client::new(&sandbox);
    client.draws(
        "2026-11-20T09:58:01Z",
        windows(100.0, NOON, 40.0, TUESDAY),
        120,
    );
    works_on(&client, AT, 100_000);
    let drawn = client.draws(SOON, windows(100.0, NOON, 40.0, TUESDAY), 120);
    assert!(!drawn.success().contains("paying"), "{drawn:?}");
}

/// What `/usage` showed stands in the answer with its age, and proves nothing.
#[test]
fn the_weeks_of_single_models_and_the_credits_are_told_from_what_usage_showed() {
    let sandbox = with_a_private_login();
    let mut state: Value = serde_json::from_str(&sandbox.read(".claude.json")).unwrap();
    state["cachedUsageUtilization"] = json!({
        "fetchedAtMs": 1_795_167_000_000_i64, "accountUuid": PRIVATE,
        "utilization": {
            "five_hour": {"utilization": 12, "resets_at": null},
            "limits": [{"kind": "weekly_scoped", "group": "weekly", "percent": 63,
                        "resets_at": "2026-11-24T06:00:00Z", "scope": {"model": {"display_name": "Fable"}}}],
            "extra_usage": {"is_enabled": true, "monthly_limit": 5000, "used_credits": 1234, "currency": "USD"},
        },
    });
    sandbox.write(".claude.json", state.to_string());
    let client = Client::new(&sandbox);
    client.meets(AT, FIVE_HOUR, refused("five_hour", NOON, "out_of_credits"));
    let incident = client.explained(SOON);
    let usage = &incident["usage"];
    assert_eq!(usage["at"], "2026-11-20T09:30:00Z");
    assert_eq!(usage["windows"][1]["model"], "Fable", "{usage:#}");
    assert_eq!(usage["credits"]["used"], 12.34, "{usage:#}");
    assert_eq!(incident["verdict"], "real", "the page's 12% proves nothing");
    let now = client.run(SOON, &["now"], b"").stdout;
    assert!(
        now.contains("/usage    Fable week 63%, usage credits $12.34 of $50.00 used"),
        "{now}"
    );
    // Another account's page is not this one's.
    state["cachedUsageUtilization"]["accountUuid"] = json!("somebody-else");
    sandbox.write(".claude.json", state.to_string());
    assert_eq!(client.explained(SOON)["usage"], Value::Null);
}

#[test]
fn a_new_session_shows_the_windows_that_others_were_told_seconds_ago() {
    let sandbox = with_a_private_login();
    let told = Client::with_session(&sandbox, "told");
    told.draws(
        "2026-11-20T09:59:58Z",
        windows(42.0, NOON, 17.0, TUESDAY),
        120,
    );
    let new = Client::with_session(&sandbox, "new");
    let drawn = new.draws(AT, Value::Null, 120);
    assert!(drawn.success().contains("42%"), "{drawn:?}");
    let seat = Client::with_session(&sandbox, "seat");
    belongs_to(&seat, "company-account", "company-organization");
    let drawn = seat.draws(AT, Value::Null, 120);
    assert!(
        !drawn.success().contains("42%"),
        "another account's: {drawn:?}"
    );
    let mut by_key = Client::with_session(&sandbox, "by-key");
    by_key
        .variables
        .push(("ANTHROPIC_API_KEY".to_owned(), "sk-ant-x".to_owned()));
    let drawn = by_key.draws(AT, Value::Null, 120);
    assert!(
        !drawn.success().contains("42%"),
        "a key has no windows: {drawn:?}"
    );
}

#[test]
fn a_pasted_message_is_held_beside_the_figures_of_now() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.draws(
        "2026-11-20T09:59:00Z",
        windows(42.0, NOON, 17.0, TUESDAY),
        120,
    );
    let asked = client.run(AT, &["explain", "--text", FIVE_HOUR], b"");
    let said = asked
        .success()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        said.contains("If it came just now: your 5-hour usage is 42%, so the limit looks false"),
        "{said}"
    );
    let hours_later = client.run(
        "2026-11-20T11:00:00Z",
        &["explain", "--text", FIVE_HOUR],
        b"",
    );
    assert!(
        !hours_later.success().contains("just now"),
        "{hours_later:?}"
    );
}

/// 2.1.329 says so in one line with the window: the limit is the window.
#[test]
fn a_window_whose_message_adds_that_no_credits_are_left_is_a_window() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    let text = "You've hit your 5-hour limit · resets 12pm (UTC) · out of usage credits";
    client.meets(AT, text, refused("five_hour", NOON, "out_of_credits"));
    let incident = client.explained(SOON);
    assert_eq!(incident["limit"], "five_hour", "{incident:#}");
    assert_eq!(incident["resets_at"], "2026-11-20T12:00:00Z");
    assert_eq!(incident["continues_at"], "2026-11-20T12:01:30Z");
    let steps: Vec<&str> = incident["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["do"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps[1],
        "Or free, if /rate-limit-options offers it: /limit-reset or /low-priority"
    );
    assert_eq!(
        steps[2],
        "Or add usage credits: none are left (costs money)"
    );
    let pasted = client
        .run(SOON, &["explain", "--json", "--text", text], b"")
        .json();
    assert_eq!(pasted["incident"]["limit"], "five_hour", "{pasted:#}");
}

/// Held back or not, a prompt ends the waiting, and every place knows it from then on.
#[test]
fn a_session_whose_waiting_was_ended_is_not_said_to_go_on_by_itself() {
    let sandbox = with_a_private_login();
    let mut client = Client::new(&sandbox);
    client
        .variables
        .push(("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned()));
    client.meets(
        AT,
        FIVE_HOUR,
        refused("five_hour", NOON, "org_level_disabled"),
    );
    assert_eq!(
        client.explained(SOON)["continues_at"],
        "2026-11-20T12:01:30Z"
    );
    client.event(SOON, "UserPromptSubmit", json!({"prompt": "/whycap"}));
    assert_eq!(
        client.explained("2026-11-20T10:00:05Z")["continues_at"],
        Value::Null
    );
    let headless = Client::with_session(&sandbox, "headless");
    let mut refusal = refused("five_hour", NOON, "org_level_disabled");
    refusal["entrypoint"] = json!("sdk-cli");
    headless.meets("2026-11-20T10:00:06Z", FIVE_HOUR, refusal);
    assert_eq!(
        headless.explained("2026-11-20T10:00:07Z")["continues_at"],
        Value::Null
    );
}

#[test]
fn a_setting_that_an_error_names_is_not_hidden_as_a_key() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let setting = "ANTHROPIC_DEFAULT_HAIKU_MODEL_SUPPORTED_CAPABILITIES";
    let text = format!("API Error: {setting} is not valid (key sk-ant-api03-abcdefgh12345678ABCD)");
    client.meets(AT, &text, json!({"apiErrorStatus": 400}));
    let message = client.explained(SOON)["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.contains(setting) && message.contains("[hidden]"),
        "{message}"
    );
}
