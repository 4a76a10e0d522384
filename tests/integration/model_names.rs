//! Property tests of amounts in sessions whose models have different names in responses, checkpoints, and status-line
//! payloads.
//!
//! In a transcript, a response has the name that the API returned. A checkpoint has the name that the user or the
//! provider chose: with a context suffix, a region, a date, an alias, or an inference profile. Neither of these names
//! may change an amount.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use whycap::pricing::{Money, PriceTable, ServiceLevel, Usage};

use crate::histories::{PROJECTS, spend};
use crate::support::Sandbox;

/// The start of each session, in milliseconds.
const START: i64 = 1_795_156_000_000;

/// A model's listed ID, an alias that no other model here has, its date, and its ID with the parts in another order.
struct Model {
    id: &'static str,
    alias: &'static str,
    date: &'static str,
    reordered: &'static str,
}

const MODELS: [Model; 5] = [
    Model {
        id: "claude-sonnet-4-5",
        alias: "sonnet",
        date: "20250929",
        reordered: "claude-4.5-sonnet",
    },
    Model {
        id: "claude-opus-4-8",
        alias: "opus",
        date: "20260528",
        reordered: "claude-4.8-opus",
    },
    Model {
        id: "claude-haiku-5-5",
        alias: "haiku",
        date: "20260907",
        reordered: "claude-5.5-haiku",
    },
    Model {
        id: "claude-sonnet-5-5",
        alias: "default",
        date: "20260928",
        reordered: "claude-5.5-sonnet",
    },
    Model {
        id: "claude-3-5-haiku",
        alias: "small",
        date: "20241022",
        reordered: "claude-haiku-3.5",
    },
];

/// The number of forms that a name has in a response. Names in checkpoints have two more forms.
const RESPONSE_FORMS: usize = 6;
const CHECKPOINT_FORMS: usize = 8;

impl Model {
    /// Returns one of the model's names.
    fn name(&self, form: usize) -> String {
        let Self {
            id,
            alias,
            date,
            reordered,
        } = self;
        match form {
            0 => (*id).to_owned(),
            1 => format!("{id}-{date}"),
            2 => format!("us.anthropic.{id}-{date}-v1:0"),
            3 => format!("{id}@{date}"),
            4 => format!("{id}[1m]"),
            5 => format!("anthropic/{reordered}-{date}"),
            6 => (*alias).to_owned(),
            _ => format!(
                "arn:aws:bedrock:us-east-1:000000000000:application-inference-profile/{alias}1"
            ),
        }
    }
}

/// A request to the API.
#[derive(Debug, Clone, Copy)]
struct Request {
    model: usize,
    /// The form of the name in the response, or `None` if no transcript line reports the response.
    response_form: Option<usize>,
    usage: Usage,
}

impl Request {
    fn cost(&self) -> Money {
        PriceTable::list()
            .prices_of(MODELS[self.model].id)
            .price(START, [self.usage], ServiceLevel::default())
    }
}

/// A session with one checkpoint at its end.
#[derive(Debug, Clone)]
struct Session {
    requests: Vec<Request>,
    /// The form of each model's name in the checkpoint and in the payload.
    checkpoint_forms: [usize; MODELS.len()],
    payload_form: usize,
}

fn usage() -> impl Strategy<Value = Usage> {
    (0..60_000_u64, 1..9_000_u64, 0..60_000_u64, 0..30_000_u64).prop_map(
        |(input, output, cache_read, cache_write)| Usage {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h: cache_write * 2 / 3,
            web_searches: 0,
        },
    )
}

fn session() -> impl Strategy<Value = Session> {
    let request = (
        0..MODELS.len(),
        prop_oneof![3 => (0..RESPONSE_FORMS).prop_map(Some), 1 => Just(None)],
        usage(),
    )
        .prop_map(|(model, response_form, usage)| Request {
            model,
            response_form,
            usage,
        });
    (
        proptest::collection::vec(request, 1..6),
        proptest::array::uniform5(0..CHECKPOINT_FORMS),
        0..CHECKPOINT_FORMS,
    )
        .prop_map(|(mut requests, checkpoint_forms, payload_form)| {
            // A total without any response may belong entirely to the parent of a fork.
            requests[0]
                .response_form
                .get_or_insert(payload_form % RESPONSE_FORMS);
            Session {
                requests,
                checkpoint_forms,
                payload_form,
            }
        })
}

fn id_of(number: usize) -> String {
    format!("5a7d3c1e-0000-4000-a000-{number:012x}")
}

fn time_of(number: usize) -> String {
    let at = chrono::DateTime::from_timestamp_millis(
        START + 1_000 + i64::try_from(number).unwrap() * 100,
    );
    at.unwrap()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

impl Session {
    fn total(&self) -> Money {
        self.requests.iter().map(Request::cost).sum()
    }

    fn recorded(&self) -> Money {
        let recorded = self.requests.iter();
        recorded
            .filter(|request| request.response_form.is_some())
            .map(Request::cost)
            .sum()
    }

    fn response_lines(&self, id: &str) -> Vec<Value> {
        let mut lines = vec![json!({
            "type": "queue-operation", "operation": "enqueue", "timestamp": time_of(0), "sessionId": id,
        })];
        for (number, request) in self.requests.iter().enumerate() {
            let Some(form) = request.response_form else {
                continue;
            };
            let usage = &request.usage;
            lines.push(json!({
                "type": "assistant", "uuid": format!("{id}-{number}"), "requestId": format!("req-{id}-{number}"),
                "timestamp": time_of(number), "sessionId": id, "version": "2.1.332", "cwd": "/home/dev/p",
                "isSidechain": false, "entrypoint": "sdk-cli",
                "message": {"id": format!("msg-{id}-{number}"), "type": "message", "role": "assistant", "content": [],
                    "model": MODELS[request.model].name(form), "usage": {
                    "input_tokens": usage.input, "output_tokens": usage.output,
                    "cache_read_input_tokens": usage.cache_read, "cache_creation_input_tokens": usage.cache_write,
                    "cache_creation": {"ephemeral_1h_input_tokens": usage.cache_write_1h,
                        "ephemeral_5m_input_tokens": usage.cache_write_5m()}}},
            }));
        }
        lines
    }

    /// Returns the running totals, keyed by the models' names in the checkpoint.
    fn totals(&self) -> BTreeMap<String, (Usage, Money)> {
        let mut totals: BTreeMap<String, (Usage, Money)> = BTreeMap::new();
        for request in &self.requests {
            let name = MODELS[request.model].name(self.checkpoint_forms[request.model]);
            let total = totals.entry(name).or_default();
            total.0 += request.usage;
            total.1 += request.cost();
        }
        totals
    }

    fn checkpoint(&self, id: &str, totals: &BTreeMap<String, (Usage, Money)>) -> Value {
        let models: serde_json::Map<String, Value> = totals
            .iter()
            .map(|(name, (usage, cost))| {
                let total = json!({
                    "inputTokens": usage.input, "outputTokens": usage.output,
                    "cacheReadInputTokens": usage.cache_read, "cacheCreationInputTokens": usage.cache_write,
                    "cacheCreationEphemeral5mInputTokens": usage.cache_write_5m(),
                    "cacheCreationEphemeral1hInputTokens": usage.cache_write_1h,
                    "webSearchRequests": 0, "costUSD": cost.usd(),
                });
                (name.clone(), total)
            })
            .collect();
        json!({
            "type": "cost-state", "sessionId": id, "totalCostUSD": self.total().usd(), "totalAPIDuration": 9,
            "totalDuration": 30_000, "startTime": START, "modelUsage": models, "hasUnknownModelCost": false,
        })
    }

    /// Writes the transcript, and renders a status line before the checkpoint is written.
    fn write(&self, sandbox: &Sandbox, id: &str, checkpoint: &Value, is_watched: bool) {
        let path = format!("{PROJECTS}/-home-dev-p/{id}.jsonl");
        for line in self.response_lines(id) {
            sandbox.append(&path, &line.to_string());
        }
        if is_watched {
            let payload = json!({
                "session_id": id, "transcript_path": sandbox.path(&path),
                "model": {"id": MODELS[self.requests[0].model].name(self.payload_form)},
                "cost": {"total_cost_usd": self.total().usd(), "total_duration_ms": 29_000},
            });
            sandbox
                .run_with(&["statusline"], payload.to_string().as_bytes())
                .success();
        }
        sandbox.append(&path, &checkpoint.to_string());
    }
}

/// Returns the amount in nano-dollars of each session, and whether it is a lower bound.
fn amounts(sandbox: &Sandbox) -> BTreeMap<String, (f64, bool)> {
    let report = spend(sandbox, "session");
    let groups = report["groups"].as_array().unwrap().iter();
    groups
        .map(|group| {
            let session = group["key"].as_str().unwrap().to_owned();
            let cost = group["cost_usd"].as_f64().unwrap();
            (session, (cost * 1e9, group["at_least"] == true))
        })
        .collect()
}

fn configuration() -> ProptestConfig {
    ProptestConfig {
        cases: 24,
        rng_seed: RngSeed::Fixed(1),
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(configuration())]

    #[test]
    fn names_of_models_change_no_amount(
        sessions in proptest::collection::vec(session(), 1..12),
        is_watched: bool,
    ) {
        let sandbox = Sandbox::new();
        for (number, session) in sessions.iter().enumerate() {
            let id = id_of(number);
            let checkpoint = session.checkpoint(&id, &session.totals());
            session.write(&sandbox, &id, &checkpoint, is_watched && number == 0);
        }
        let amounts = amounts(&sandbox);
        for (number, session) in sessions.iter().enumerate() {
            let (amount, is_lower_bound) = amounts[&id_of(number)];
            let truth = session.total().usd() * 1e9;
            // The status line of the first session does not identify its process, so its amount may be a lower bound.
            let is_bound = is_lower_bound && is_watched && number == 0;
            let is_exact = !is_lower_bound && (amount - truth).abs() < 5.0;
            prop_assert!(
                amount < truth + 5.0 && (is_exact || is_bound),
                "{amount} nano-dollars, lower bound {is_lower_bound}, where {truth} were spent: {session:?}",
            );
        }
    }

    /// Each session has the breakdown of another one, so its breakdown contradicts its total.
    #[test]
    fn no_breakdown_by_model_creates_money(
        sessions in proptest::collection::vec(session(), 2..12),
        is_watched: bool,
    ) {
        let sandbox = Sandbox::new();
        for (number, session) in sessions.iter().enumerate() {
            let id = id_of(number);
            let other = &sessions[(number + 1) % sessions.len()];
            let checkpoint = session.checkpoint(&id, &other.totals());
            session.write(&sandbox, &id, &checkpoint, is_watched && number == 0);
        }
        let amounts = amounts(&sandbox);
        for (number, session) in sessions.iter().enumerate() {
            let (amount, _) = amounts[&id_of(number)];
            let most = session.total().max(session.recorded()).usd() * 1e9;
            prop_assert!(
                amount < most + 5.0,
                "{amount} nano-dollars, where the total is {most}: {session:?}",
            );
        }
    }
}

/// A model without a known price makes every amount that contains it an estimate, which is never a lower bound.
#[test]
fn an_unknown_price_makes_an_estimate_in_every_row_and_total() {
    let sandbox = Sandbox::new()
        .variable("NO_COLOR", "1")
        .variable("COLUMNS", "140");
    let path = format!("{PROJECTS}/-home-dev-p/s.jsonl");
    let usage = json!({"input_tokens": 10_000, "output_tokens": 1_000});
    sandbox.append(
        &path,
        &json!({
            "type": "assistant", "uuid": "u", "requestId": "r", "timestamp": time_of(0), "sessionId": "s",
            "cwd": "/home/dev/p", "version": "2.1.332",
            "message": {"id": "m", "role": "assistant", "model": "openai/gpt-5.2", "content": [], "usage": usage},
        })
        .to_string(),
    );
    // The total also contains a background request.
    let total = json!({"inputTokens": 20_000, "outputTokens": 2_000, "cacheReadInputTokens": 0,
        "cacheCreationInputTokens": 0, "webSearchRequests": 0, "costUSD": 0.12});
    sandbox.append(
        &path,
        &json!({
            "type": "cost-state", "sessionId": "s", "totalCostUSD": 0.12, "totalAPIDuration": 9,
            "totalDuration": 30_000, "startTime": START, "modelUsage": {"gpt-5.2": total},
            "hasUnknownModelCost": true,
        })
        .to_string(),
    );
    for by in ["day", "session", "project", "model", "block"] {
        let run = sandbox.run(&["spend", "--by", by]);
        let text = run.success();
        assert_eq!(text.matches("\u{2248}$0.12").count(), 2, "{by}: {text}");
        assert!(!text.contains('\u{2265}'), "{by}: {text}");
        assert_eq!(spend(&sandbox, by)["total"]["at_least"], false);
    }
}
