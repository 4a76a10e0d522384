//! Tests that `drain` reports every provably avoidable cache write and no others.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::histories::with_history;
use crate::simulated_session::{
    CacheLoss, CacheUse, Caller, FIVE_MINUTE_WRITE, HOUR_WRITE, MINUTE, SimulatedSession,
};
use crate::situation::flat;
use crate::support::{Sandbox, data};

const START: &str = "2026-11-20T05:00:00Z";

fn conversation() -> Caller {
    Caller::new("repl_main_thread", None)
}

/// Creates a session that has been running for a while.
fn working() -> (SimulatedSession, Caller) {
    let (mut session, mut caller) = (SimulatedSession::new("s1", START), conversation());
    session.prompt(&mut caller, 30_000);
    session.ask(&mut caller, CacheLoss::None);
    for _ in 0..3 {
        session.step(&mut caller, CacheLoss::None);
    }
    (session, caller)
}

fn drained(session: &SimulatedSession) -> Value {
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    sandbox.run(&["drain", "--json"]).json()
}

/// Returns the report about a session, on a single line.
fn report(session: &SimulatedSession) -> String {
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    flat(sandbox.run(&["drain"]).success())
}

/// Generates sessions with all kinds of cache events in random order and compares the results with the true amounts by
/// cause.
#[test]
fn exactly_the_avoidable_rewrites_of_generated_sessions_are_found() {
    let session_count: u64 =
        std::env::var("WHYCAP_SESSIONS").map_or(12, |count| count.parse().unwrap());
    let (mut all, mut seen) = (Sums::new(), Sums::new());
    for seed in 0..session_count {
        let generated = GeneratedSession::new(seed);
        let sandbox = Sandbox::new();
        generated.session.write(&sandbox);
        let reported = causes(&sandbox.run(&["drain", "--json"]).json());
        for (cause, _, responses, tokens) in reported.into_iter().filter(|cause| cause.1) {
            let (most, most_tokens) = generated
                .truth
                .get(&*cause)
                .copied()
                .unwrap_or_default();
            let is_true = responses <= most && tokens <= most_tokens;
            assert!(
                is_true,
                "session {seed}: {responses} of {cause}, {tokens} tokens"
            );
            add(&mut seen, &cause, responses, tokens);
        }
        for (cause, (responses, tokens)) in generated.truth {
            add(&mut all, &cause, responses, tokens);
        }
    }
    for (cause, (responses, _)) in &all {
        let reported = seen.get(cause).copied().unwrap_or_default().0;
        assert!(
            reported * 100 >= responses * 99,
            "{reported} of {responses} {cause}"
        );
    }
}

/// The numbers of responses and tokens, keyed by cause.
type Sums = BTreeMap<String, (u64, u64)>;

fn add(sums: &mut Sums, cause: &str, responses: u64, tokens: u64) {
    let sum = sums.entry(cause.to_owned()).or_default();
    *sum = (sum.0 + responses, sum.1 + tokens);
}

/// A session with many turns and its true avoidable cache writes by cause.
struct GeneratedSession {
    session: SimulatedSession,
    caller: Caller,
    agent: Caller,
    truth: Sums,
    state: u64,
    models: Vec<&'static str>,
}

impl GeneratedSession {
    fn new(seed: u64) -> Self {
        let mut any = Self {
            session: SimulatedSession::new("s1", START),
            caller: conversation(),
            agent: Caller::new("agent:builtin:Explore", Some("a1")),
            truth: Sums::new(),
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            // The session switches to each model only once. If it returned to a model, changes since the previous use
            // of this model would also be considered avoidable.
            models: vec!["claude-sonnet-5-5", "claude-opus-4-8", "claude-fable-5-2"],
        };
        any.session.hour = any.below(2) == 0;
        any.add_prompt(20_000);
        any.session.ask(&mut any.caller, CacheLoss::None);
        for turn in 0..40 {
            match any.below(16) {
                0..=4 => any.add_avoidable_event(turn),
                5..=9 => any.add_user_event(turn),
                10 => any.with_subagent(),
                11 => {
                    any.session.context(&mut any.caller, 900);
                    any.session.step(&mut any.caller, CacheLoss::None);
                }
                _ => {
                    any.session.step(&mut any.caller, CacheLoss::None);
                }
            }
        }
        any
    }

    fn below(&mut self, most: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).unwrap() % most
    }

    fn add_prompt(&mut self, least: u64) {
        let tokens = least + self.below(30_000) as u64;
        self.session.prompt(&mut self.caller, tokens);
    }

    fn loss(&mut self) -> CacheLoss {
        [CacheLoss::All, CacheLoss::Messages][self.below(2)]
    }

    fn record_truth(&mut self, cause: &str, cache_use: CacheUse) {
        if cache_use.rewritten_tokens() > 0 {
            add(&mut self.truth, cause, 1, cache_use.rewritten_tokens());
        }
    }

    fn add_avoidable_event(&mut self, turn: usize) {
        let (cause, loss) = match self.below(5) {
            0 => ("server", self.loss()),
            1 => {
                self.add_prompt(100);
                let loss = self.loss();
                let cache_use = self.session.ask(&mut self.caller, loss);
                return self.record_truth("server", cache_use);
            }
            2 => {
                match self.session.tools.len() {
                    2 => self
                        .session
                        .tools
                        .push((format!("mcp__{turn}"), "x".repeat(900))),
                    _ => self.session.tools.truncate(2),
                }
                ("tools_changed", CacheLoss::None)
            }
            3 => {
                self.session.system = format!("You are an agent. {turn}");
                ("system_prompt_changed", CacheLoss::None)
            }
            _ if self.caller.messages.len() > 4 => {
                let place = self.below(self.caller.messages.len() - 3);
                self.caller.messages[place].0.push('!');
                ("messages_rewritten", CacheLoss::None)
            }
            _ => return,
        };
        let cache_use = self.session.step(&mut self.caller, loss);
        self.record_truth(cause, cache_use);
    }

    fn add_user_event(&mut self, turn: usize) {
        let Self {
            session, caller, ..
        } = self;
        match turn % 7 {
            0 => {
                let left = 1 + self.below(self.caller.messages.len());
                self.caller.messages.truncate(left);
                self.add_prompt(1_000);
            }
            1 => {
                session.compact(caller);
                self.add_prompt(1_000);
            }
            2 => {
                session.at += if session.hour { 61 } else { 6 } * MINUTE;
                self.add_prompt(100);
            }
            3 => {
                session.effort = if session.effort == "high" {
                    "low"
                } else {
                    "high"
                }
            }
            4 => {
                let Some(model) = self.models.pop() else {
                    return;
                };
                session.model = model;
            }
            5 => {
                caller.restart();
                session.version = ["2.1.328", "2.1.329", "2.1.330"][turn % 3];
                session.system = format!("You are an agent of {}. {turn}", session.version);
                self.add_prompt(100);
            }
            _ => {
                session.command(caller, "/mcp");
                session.tools.reverse();
            }
        }
        self.session.step(&mut self.caller, CacheLoss::None);
        self.session.model = "claude-opus-5-5";
    }

    /// Adds a subagent with its own prompt and tools.
    fn with_subagent(&mut self) {
        let session = &mut self.session;
        let shape_of_session = (
            session.tools.clone(),
            session.system.clone(),
            session.effort,
        );
        session.tools = vec![("Grep".to_owned(), "Looks for it.".to_owned())];
        (session.system, session.effort) = ("You explore.".to_owned(), "low");
        session.step(&mut self.agent, CacheLoss::None);
        let forgotten = self.loss();
        let cache_use = self.session.step(&mut self.agent, forgotten);
        self.record_truth("server", cache_use);
        (self.session.tools, self.session.system, self.session.effort) = shape_of_session;
    }
}

/// Returns the name of each cause, whether the rewrites with this cause were avoidable, and their numbers of responses
/// and tokens. The cause for the first request is omitted.
fn causes(output: &Value) -> Vec<(String, bool, u64, u64)> {
    output["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| {
            let name = cause["cause"].as_str().unwrap().to_owned();
            let is_avoidable = cause["needless"].as_bool().unwrap();
            let [responses, tokens] =
                ["answers", "tokens"].map(|field| cause[field].as_u64().unwrap());
            (name, is_avoidable, responses, tokens)
        })
        .filter(|(name, ..)| name != "first")
        .collect()
}

#[track_caller]
fn only(session: &SimulatedSession, cause: &str, is_avoidable: bool, cache_use: CacheUse) -> Value {
    let output = drained(session);
    let expected = (
        cause.to_owned(),
        is_avoidable,
        1,
        cache_use.rewritten_tokens(),
    );
    assert_eq!(causes(&output), [expected]);
    output
}

#[test]
fn a_prefix_lost_by_the_server_is_avoidable_with_exact_tokens_and_cost() {
    for loss in [CacheLoss::All, CacheLoss::Messages] {
        for (hour, price) in [(true, HOUR_WRITE), (false, FIVE_MINUTE_WRITE)] {
            let (mut session, mut caller) = (SimulatedSession::new("s1", START), conversation());
            session.hour = hour;
            session.prompt(&mut caller, 30_000);
            session.ask(&mut caller, CacheLoss::None);
            session.step(&mut caller, CacheLoss::None);
            let cache_use = session.step(&mut caller, loss);
            let output = only(&session, "server", true, cache_use);
            let cost = output["needless"]["cost_usd"].as_f64().unwrap();
            assert!(
                (cost - cache_use.rewritten_tokens() as f64 * price).abs() < 1e-9,
                "{cost}"
            );
            assert_eq!(output["sessions"][0]["session"], "s1");
        }
    }
}

#[test]
fn tools_that_appear_and_disappear_are_named_and_avoidable() {
    let (mut session, mut caller) = working();
    session
        .tools
        .push(("mcp__parts__find".to_owned(), "x".repeat(800)));
    let cache_use = session.step(&mut caller, CacheLoss::None);
    only(&session, "tools_changed", true, cache_use);
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    let text = sandbox.run(&["drain"]);
    assert!(
        text.success()
            .contains("these tools differ: mcp__parts__find"),
        "{}",
        text.stdout
    );
}

#[test]
fn tools_changed_by_a_command_or_a_restart_are_not_avoidable() {
    let (mut session, mut caller) = working();
    session.command(&caller, "/mcp");
    session.tools.pop();
    let cache_use = session.step(&mut caller, CacheLoss::None);
    only(&session, "tools_changed", false, cache_use);

    let (mut session, mut caller) = working();
    caller.restart();
    session.tools.pop();
    session.prompt(&mut caller, 100);
    let cache_use = session.ask(&mut caller, CacheLoss::None);
    only(&session, "tools_changed", false, cache_use);
}

#[test]
fn a_changed_system_prompt_is_avoidable_unless_the_version_is_new() {
    let (mut session, mut caller) = working();
    session.system.push_str(" Be brief.");
    let cache_use = session.step(&mut caller, CacheLoss::None);
    only(&session, "system_prompt_changed", true, cache_use);

    let (mut session, mut caller) = working();
    caller.restart();
    session.version = "2.1.330";
    session.system.push_str(" Be brief.");
    session.prompt(&mut caller, 100);
    let cache_use = session.ask(&mut caller, CacheLoss::None);
    only(&session, "system_prompt_changed", false, cache_use);
}

#[test]
fn a_rewritten_message_is_avoidable_but_a_rewind_is_not() {
    let (mut session, mut caller) = working();
    caller.messages[0].0.push_str(" with a reminder");
    let cache_use = session.step(&mut caller, CacheLoss::None);
    only(&session, "messages_rewritten", true, cache_use);

    let (mut session, mut caller) = working();
    for _ in 0..4 {
        session.step(&mut caller, CacheLoss::None);
    }
    caller.messages.truncate(4);
    session.prompt(&mut caller, 25_000);
    let output = drained(&session);
    assert_eq!(output["needless"]["answers"], 0, "{output}");
}

/// An earlier message changed, but the response came so many lines later that the server might not have found the cache
/// entry anyway. Whether the rewrite was avoidable is therefore unknown.
#[test]
fn a_message_that_changed_in_a_long_turn_may_or_may_not_have_caused_the_rewrite() {
    let (mut session, mut caller) = working();
    caller.messages[0].0.push_str(" with a reminder");
    for _ in 0..21 {
        session.context(&mut caller, 10);
    }
    let cache_use = session.ask(&mut caller, CacheLoss::None);
    only(&session, "messages_rewritten", false, cache_use);
    let page = report(&session);
    assert!(
        page.contains("earlier messages changed not proven 1"),
        "{page}"
    );
}

/// Readers must be able to tell whether an amount includes the price of reading, so the rule has the same wording
/// everywhere.
#[test]
fn the_report_and_its_documentation_define_the_cost_of_a_rewrite_in_the_same_words() {
    let (mut session, mut caller) = working();
    session.step(&mut caller, CacheLoss::All);
    let page = report(&session);
    for text in [
        page,
        flat(include_str!("../../docs/drain.md")),
        flat(include_str!("../../docs/pictures/drain.svg")),
    ] {
        let rule =
            "Costs are net: the price of writing the tokens minus the price of reading them.";
        assert!(text.contains(rule), "{text}");
    }
}

#[test]
fn repeating_a_prompt_after_a_rewind_is_not_avoidable() {
    let (mut session, mut caller) = working();
    session.prompt(&mut caller, 9_000);
    let prompt = caller.messages.last().unwrap().clone();
    session.context(&mut caller, 100);
    let context = caller.messages.last().unwrap().clone();
    session.ask(&mut caller, CacheLoss::None);
    caller.messages.truncate(caller.messages.len() - 4);
    session.context(&mut caller, 50);
    caller.messages.extend([prompt, context]);
    session.ask(&mut caller, CacheLoss::None);
    assert_eq!(drained(&session)["needless"]["answers"], 0);
}

#[test]
fn a_cache_expires_only_after_a_pause_longer_than_its_lifetime() {
    for (hour, pause, cause) in [
        (true, 62 * MINUTE, "expired"),
        (false, 6 * MINUTE, "expired"),
    ] {
        let (mut session, mut caller) = (SimulatedSession::new("s1", START), conversation());
        session.hour = hour;
        session.prompt(&mut caller, 30_000);
        session.ask(&mut caller, CacheLoss::None);
        session.at += pause;
        session.prompt(&mut caller, 100);
        let cache_use = session.ask(&mut caller, CacheLoss::None);
        only(&session, cause, false, cache_use);
    }
    let (mut session, mut caller) = working();
    session.at += 50 * MINUTE;
    session.prompt(&mut caller, 100);
    let cache_use = session.ask(&mut caller, CacheLoss::All);
    only(&session, "server", true, cache_use);
}

#[test]
fn a_response_that_arrives_after_the_lifetime_proves_nothing() {
    let (mut session, mut caller) = (SimulatedSession::new("s1", START), conversation());
    session.hour = false;
    session.prompt(&mut caller, 30_000);
    session.ask(&mut caller, CacheLoss::None);
    session.at += 5 * MINUTE - 1_500;
    session.prompt(&mut caller, 100);
    let cache_use = session.ask(&mut caller, CacheLoss::All);
    only(&session, "unknown", false, cache_use);
}

#[test]
fn a_new_model_a_new_effort_and_a_compaction_are_not_avoidable() {
    let (mut session, mut caller) = working();
    session.model = "claude-sonnet-5-5";
    let cache_use = session.step(&mut caller, CacheLoss::None);
    let output = drained(&session);
    let expected = ("model_changed".to_owned(), false, 1, cache_use.wrote);
    assert_eq!(causes(&output), [expected]);

    let (mut session, mut caller) = working();
    session.effort = "high";
    let cache_use = session.step(&mut caller, CacheLoss::None);
    only(&session, "effort_changed", false, cache_use);

    let (mut session, mut caller) = working();
    session.compact(&mut caller);
    session.prompt(&mut caller, 40_000);
    let cache_use = session.ask(&mut caller, CacheLoss::All);
    only(&session, "compaction", false, cache_use);
}

#[test]
fn hook_context_subagents_and_background_requests_cause_no_misses() {
    let (mut session, mut caller) = working();
    let mut helper = Caller::new("away_summary", None);
    helper.messages = caller.messages.clone();
    let mut agent = Caller::new("agent:builtin:Explore", Some("a1"));
    for _ in 0..4 {
        session.context(&mut caller, 3_000);
        session.step(&mut caller, CacheLoss::None);
        session.step(&mut agent, CacheLoss::None);
        session.ask(&mut helper, CacheLoss::None);
    }
    assert_eq!(causes(&drained(&session)), []);
}

fn owner_line(organization: &str) -> String {
    json!({"type": "session-owner", "sessionId": "s1", "organizationUuid": organization})
        .to_string()
}

#[test]
fn each_account_has_its_own_cache() {
    let (mut session, mut caller) = working();
    session.lines.insert(0, owner_line("mine"));
    session.lines.push(owner_line("my company's"));
    session.step(&mut caller, CacheLoss::All);
    assert_eq!(drained(&session)["needless"]["answers"], 0);
}

#[test]
fn copied_lines_of_a_fork_count_once() {
    let (mut session, mut caller) = working();
    let cache_use = session.step(&mut caller, CacheLoss::All);
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    let copied = session.lines.iter().map(|line| {
        let mut copy: Value = serde_json::from_str(line).unwrap();
        copy["sessionId"] = json!("s2");
        if copy["type"] == "assistant" {
            copy["requestSessionId"] = json!("s1");
        }
        copy.to_string()
    });
    let mut fork = SimulatedSession::new("s2", START);
    fork.lines = copied.collect();
    fork.write(&sandbox);
    let output = sandbox.run(&["drain", "--json"]).json();
    assert_eq!(
        causes(&output),
        [("server".to_owned(), true, 1, cache_use.rewritten_tokens())]
    );
    assert_eq!(output["sessions"].as_array().unwrap().len(), 1);
}

/// Creates a session whose client does not record requests.
fn unrecorded() -> (SimulatedSession, Caller) {
    let (mut session, mut caller) = (SimulatedSession::new("s1", START), conversation());
    session.version = "2.1.240";
    session.keeps_requests = false;
    session.prompt(&mut caller, 30_000);
    session.ask(&mut caller, CacheLoss::None);
    session.step(&mut caller, CacheLoss::None);
    (session, caller)
}

#[test]
fn without_recorded_requests_a_single_rewrite_is_unexplained() {
    let (mut session, mut caller) = unrecorded();
    let cache_use = session.step(&mut caller, CacheLoss::Messages);
    let output = only(&session, "unknown", false, cache_use);
    assert_eq!(output["answers_without_record"], 3);

    let page = report(&session);
    assert!(
        page.contains("Claude Code did not record the requests for 3 of 3 responses"),
        "{page}"
    );
    assert!(!page.contains("nothing had changed"), "{page}");
}

/// Users post this report in public. Behind a gateway or on Bedrock, the ID of a model may be an internal name or contain
/// the number of an account.
#[test]
fn a_bug_report_identifies_requests_and_names_no_model() {
    for model in [
        "claude-opus-5-5-acme",
        "acme-takeover|router",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/acme1",
    ] {
        let (mut session, mut caller) = (SimulatedSession::new("s1", START), conversation());
        session.model = model;
        session.prompt(&mut caller, 30_000);
        session.ask(&mut caller, CacheLoss::None);
        session.step(&mut caller, CacheLoss::All);
        let sandbox = Sandbox::new();
        session.write(&sandbox);
        let report = flat(sandbox.run(&["drain", "--report"]).success());
        assert!(
            report.contains("nothing had changed, request req_"),
            "{report}"
        );
        assert!(
            !report.contains("acme") && !report.contains("123456789012"),
            "{report}"
        );
    }
}

/// Shortens the lifetime on all lines to five minutes, while the simulated server still keeps the cache for an hour.
fn with_five_minutes(session: &mut SimulatedSession) {
    for line in &mut session.lines {
        *line = line
            .replace("ephemeral_5m_input_tokens", "five")
            .replace("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens")
            .replace("\"five\"", "\"ephemeral_1h_input_tokens\"");
    }
}

#[test]
fn a_cache_from_which_the_conversation_was_read_had_not_expired() {
    for (loss, written_tokens_read, cause) in [
        (CacheLoss::Latest, 3_000, "unknown"),
        // A fork may have kept the part of the cache that the previous response read, but not the part that it wrote.
        (CacheLoss::Latest, 0, "expired"),
        (CacheLoss::Messages, 0, "expired"),
    ] {
        let (mut session, mut caller) = unrecorded();
        session.prompt(&mut caller, 6_000);
        session.ask(&mut caller, CacheLoss::None);
        session.at += 6 * MINUTE;
        session.prompt(&mut caller, 100);
        let mut cache_use = session.ask(&mut caller, loss);
        let (read, wrote) = (cache_use.read, cache_use.wrote);
        cache_use.read += written_tokens_read;
        cache_use.wrote -= written_tokens_read;
        assert!(cache_use.rewritten_tokens() > 0);
        for line in session.lines.iter_mut().rev().take(2) {
            *line = line
                .replace(&format!(":{read},"), &format!(":{},", cache_use.read))
                .replace(&format!(":{wrote},"), &format!(":{},", cache_use.wrote))
                .replace(&format!(":{wrote}}}"), &format!(":{}}}", cache_use.wrote));
        }
        with_five_minutes(&mut session);
        only(&session, cause, false, cache_use);
    }
}

#[test]
fn a_rewrite_after_a_skill_load_is_caused_by_the_skill() {
    for version in ["2.1.330", "2.1.240"] {
        let (mut session, mut caller) = working();
        session.version = version;
        session.keeps_requests = version == "2.1.330";
        caller.restart();
        session.step(&mut caller, CacheLoss::None);
        session.step(&mut caller, CacheLoss::None);

        session.load_skill(&mut caller, "fix-style");
        let cache_use = session.ask(&mut caller, CacheLoss::Messages);
        session.load_skill(&mut caller, "write-plainly");
        session.ask(&mut caller, CacheLoss::None);
        only(&session, "skill_loaded", false, cache_use);
    }
}

#[test]
fn a_skill_that_changes_the_effort_is_the_cause_of_the_rewrite() {
    let (mut session, mut caller) = working();
    session.load_skill(&mut caller, "fix-style");
    session.effort = "high";
    let cache_use = session.ask(&mut caller, CacheLoss::None);
    only(&session, "skill_loaded", false, cache_use);
}

#[test]
fn tools_loaded_by_a_search_are_not_changed_tools() {
    let (mut session, mut caller) = working();
    session.load_tool(&mut caller, "mcp__parts__find");
    let cache_use = session.ask(&mut caller, CacheLoss::Messages);
    only(&session, "tools_loaded", false, cache_use);

    // Definitions of deferred tools are not part of the cache.
    let (mut session, mut caller) = working();
    session.load_tool(&mut caller, "mcp__parts__find");
    session.ask(&mut caller, CacheLoss::None);
    assert_eq!(causes(&drained(&session)), []);
}

#[test]
fn a_load_does_not_excuse_an_unrelated_rewrite() {
    // The model tries to load a skill that does not exist.
    let (mut session, mut caller) = working();
    session.call(
        &mut caller,
        "Skill",
        &json!({"skill": "typo"}),
        &Value::Null,
    );
    let cache_use = session.ask(&mut caller, CacheLoss::All);
    only(&session, "server", true, cache_use);

    // The tool search finds nothing.
    let (mut session, mut caller) = working();
    let nothing = json!({"matches": [], "query": "typo"});
    session.call(&mut caller, "ToolSearch", &json!({}), &nothing);
    let cache_use = session.ask(&mut caller, CacheLoss::All);
    only(&session, "server", true, cache_use);

    // An MCP server reconnects at the same time.
    let (mut session, mut caller) = working();
    session.load_skill(&mut caller, "fix-style");
    session
        .tools
        .push(("mcp__parts__find".to_owned(), "x".repeat(900)));
    let cache_use = session.ask(&mut caller, CacheLoss::None);
    only(&session, "tools_changed", true, cache_use);

    // The rewrite happens one request later.
    let (mut session, mut caller) = working();
    session.load_skill(&mut caller, "fix-style");
    session.ask(&mut caller, CacheLoss::None);
    let cache_use = session.step(&mut caller, CacheLoss::All);
    only(&session, "server", true, cache_use);

    // A subagent loads a skill, but the rewrite happens in the main conversation.
    let (mut session, mut caller) = working();
    let mut agent = Caller::new("agent:builtin:Explore", Some("a1"));
    session.step(&mut agent, CacheLoss::None);
    session.load_skill(&mut agent, "fix-style");
    let cache_use = session.step(&mut caller, CacheLoss::All);
    only(&session, "server", true, cache_use);
}

#[track_caller]
fn check_recording(name: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.copy_tree(&data(&format!("drain/{name}/home")), "");
    let truth = std::fs::read(data(&format!("drain/{name}/truth.json"))).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    let output = sandbox.run(&["drain", "--json"]).json();
    for expected in truth["causes"].as_array().unwrap() {
        let is_reported = output["causes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|cause| {
                let mut fields = expected.as_object().unwrap().iter();
                fields.all(|(field, value)| &cause[field] == value)
            });
        assert!(is_reported, "{expected} in {output}");
    }
    assert_eq!(output["needless"]["answers"], truth["needless"]);
    sandbox
}

#[test]
fn exactly_the_cache_losses_of_a_real_recording_are_found() {
    let sandbox = check_recording("lies-and-a-flapping-server");
    let run = sandbox.run(&["drain", "--report"]);
    let report = run.success();
    assert!(
        report.contains("nothing had changed") && !report.contains("/home"),
        "{report}"
    );
}

#[test]
fn recorded_skill_and_tool_loads_are_named_and_not_avoidable() {
    check_recording("skills-and-tool-search");
}

#[test]
fn only_the_servers_losses_in_a_recording_are_avoidable() {
    check_recording("pauses-efforts-and-skills");
}

#[test]
fn no_recorded_history_has_a_false_avoidable_write() {
    for name in crate::histories::HISTORIES {
        let (sandbox, _) = with_history(name);
        let output = sandbox.run(&["drain", "--json"]).json();
        assert_eq!(output["needless"]["answers"], 0, "{name}: {output}");
        let spent = sandbox.run(&["spend", "--json"]).json();
        assert_eq!(output["cost_usd"], spent["total"]["cost_usd"], "{name}");
    }
}

/// Returns the number of responses that `drain` counts with the given option.
fn responses_in(sandbox: &Sandbox, option: [&str; 2]) -> Value {
    let output = sandbox
        .run(&["drain", "--json", option[0], option[1]])
        .json();
    output["answers"].clone()
}

#[test]
fn drain_accepts_a_session_and_days_and_rejects_invalid_days() {
    let (mut session, mut caller) = working();
    session.step(&mut caller, CacheLoss::All);
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    assert_eq!(responses_in(&sandbox, ["--session", "s1"]), 5);
    sandbox
        .run(&["drain", "--session", "other"])
        .is_refused("there is no session other; run `whycap spend --by session --json`");
    assert_eq!(responses_in(&sandbox, ["--since", "2026-11-20"]), 5);
    assert_eq!(responses_in(&sandbox, ["--until", "2026-11-19"]), 0);
    sandbox
        .run(&["drain", "--since", "soon"])
        .is_refused("\"soon\" is not a valid day");
}

/// Creates a session that has received one response.
fn with_one_response(id: &str) -> SimulatedSession {
    let (mut session, mut caller) = (SimulatedSession::new(id, START), conversation());
    session.prompt(&mut caller, 30_000);
    session.ask(&mut caller, CacheLoss::None);
    session
}

/// If `drain` silently added up several sessions, the result would not match any of them.
#[test]
fn drain_accepts_the_start_of_an_id_only_if_it_identifies_one_session() {
    let sandbox = Sandbox::new();
    for id in ["abc1", "abd2"] {
        with_one_response(id).write(&sandbox);
    }
    let output = sandbox
        .run(&["drain", "--json", "--session", "abc"])
        .json();
    assert_eq!(output["answers"], 1, "{output}");
    sandbox
        .run(&["drain", "--session", "ab"])
        .is_refused("several sessions begin with \"ab\"; type more of the ID, or run `whycap spend --by session --json` to list the sessions");
}

/// The ledger still contains the spend of a session after its transcript has been deleted.
#[test]
fn drain_completes_the_id_of_a_session_whose_transcript_was_deleted() {
    let sandbox = Sandbox::new();
    with_one_response("abc1").write(&sandbox);
    sandbox.run(&["spend"]).success();
    fs::remove_dir_all(sandbox.path(".claude/projects")).unwrap();
    for command in ["drain", "explain"] {
        sandbox.run(&[command, "--session", "abc"]).success();
    }
}

#[test]
fn a_prompts_cost_includes_subagents_and_its_words_stay_on_the_terminal() {
    let (mut session, mut caller) = working();
    session.prompt(&mut caller, 300);
    session.ask(&mut caller, CacheLoss::None);
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    let output = sandbox
        .run(&["spend", "--json", "--by", "prompt"])
        .json();
    let total = sandbox.run(&["spend", "--json"]).json()["total"].clone();
    assert_eq!(output["total"], total);
    let groups = output["groups"].as_array().unwrap();
    let mut responses: Vec<_> = groups
        .iter()
        .map(|group| (group["key"].clone(), group["responses"].clone()))
        .collect();
    responses.sort_by_key(|(key, _)| key.to_string());
    assert_eq!(
        responses,
        [
            (json!("prompt-s1-1"), json!(4)),
            (json!("prompt-s1-25"), json!(1))
        ]
    );
    assert!(
        groups.iter().all(|group| group["title"].is_null()),
        "{groups:?}"
    );
}

#[test]
fn spend_by_account_separates_the_login_other_accounts_and_unknown() {
    let sandbox = Sandbox::new();
    let account = json!({"oauthAccount": {"accountUuid": "me", "organizationUuid": "home"}});
    sandbox.write(".claude.json", account.to_string());
    for (id, owner) in [("s1", Some("me")), ("s2", Some("somebody")), ("s3", None)] {
        let (mut session, mut caller) = (SimulatedSession::new(id, START), conversation());
        if let Some(owner) = owner {
            let owner_line = json!({"type": "session-owner", "accountUuid": owner, "organizationUuid": if owner == "me" { "home" } else { "work" }, "sessionId": id});
            session.lines.push(owner_line.to_string());
        }
        session.prompt(&mut caller, 300);
        session.ask(&mut caller, CacheLoss::None);
        session.write(&sandbox);
    }
    let output = sandbox
        .run(&["spend", "--json", "--by", "account"])
        .json();
    let groups = output["groups"].as_array().unwrap();
    let keys: Vec<&str> = groups
        .iter()
        .map(|group| group["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(
        keys.contains(&"login") && keys.contains(&"unknown"),
        "{keys:?}"
    );
    assert!(!output.to_string().contains("somebody"));
    let text = flat(sandbox.run(&["spend", "--by", "account"]).success());
    // `explain` named a key as the payer of a session that this screen listed as unknown without giving a reason.
    let reason = "Spend is listed as unknown if whycap does not know which account paid. Claude Code usually records no account if an API key, a token, or a cloud provider pays.";
    assert!(text.contains(reason), "{text}");
    sandbox
        .run(&["spend", "--by", "account", "--html", "x.html"])
        .is_refused("cannot be used with '--html <FILE>'");
}

/// Claude Code writes the prompt with which it continues a session after a reset.
#[test]
fn the_prompt_of_an_automatic_continuation_has_a_name() {
    let (mut session, _) = working();
    for line in &mut session.lines {
        let mut fields: Value = serde_json::from_str(line).unwrap();
        if fields["promptId"] == "prompt-s1-1" {
            fields["isMeta"] = json!(true);
            fields["turnOrigin"] = json!("auto_continuation");
            *line = fields.to_string();
        }
    }
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    let by_prompt = sandbox
        .run(&["spend", "--by", "prompt", "--json", "--with-text"])
        .json();
    let group = &by_prompt["groups"][0];
    assert_eq!(group["key"], "prompt-s1-1");
    assert_eq!(group["title"], "(automatic continuation)", "{group}");
}

/// Returns the output of `spend --by prompt` with additional options.
fn spend_by_prompt(sandbox: &Sandbox, options: &[&str]) -> String {
    let arguments = [&["spend", "--by", "prompt"], options].concat();
    sandbox.run(&arguments).success().to_owned()
}

/// Returns the key and the title in the first row below the heading.
fn row_start(csv: &str) -> String {
    let row = csv.lines().nth(1).unwrap();
    row.split(',').take(2).collect::<Vec<_>>().join(",")
}

#[test]
fn prompt_words_appear_only_on_request() {
    let (session, _) = working();
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    // In these sessions, each prompt's text is its ID. Without `--with-text`, only keys are shown.
    let with_text = spend_by_prompt(&sandbox, &["--json", "--with-text"]);
    let words: Value = serde_json::from_str(&with_text).unwrap();
    assert_eq!(words["groups"][0]["title"], "prompt-s1-1");
    let without: Value = serde_json::from_str(&spend_by_prompt(&sandbox, &["--json"])).unwrap();
    assert_eq!(without["groups"][0]["title"], Value::Null);
    let csv = spend_by_prompt(&sandbox, &["--csv", "--with-text"]);
    assert!(csv.starts_with("prompt,title,cost_usd,"), "{csv}");
    assert_eq!(row_start(&csv), "prompt-s1-1,prompt-s1-1");
    let csv = spend_by_prompt(&sandbox, &["--csv"]);
    assert_eq!(row_start(&csv), "prompt-s1-1,");
    // Output to a pipe contains the beginnings of IDs, as for sessions, and mentions the option that shows the text.
    let text = spend_by_prompt(&sandbox, &[]);
    assert!(text.contains("add --with-text"), "{text}");
    let narrow = sandbox.variable("COLUMNS", "40");
    let text = spend_by_prompt(&narrow, &[]);
    assert!(!text.contains("prompt-s1"), "{text}");
}

#[test]
fn responses_from_a_model_other_than_requested_are_counted_with_their_cost() {
    let (mut session, _) = working();
    for line in &mut session.lines {
        *line = line.replace(
            "\"type\":\"assistant\"",
            "\"type\":\"assistant\",\"requestedModel\":\"claude-fable-5-2\",\"cwd\":\"/home/dev/bücher-api\"",
        );
    }
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    let spent = sandbox.run(&["spend", "--json"]).json();
    let cost = spent["total"]["recorded_usd"].as_f64().unwrap();
    let expected_text = format!(
        "You requested claude-fable-5-2, but claude-opus-5-5 responded (4 responses, ${cost:.2})."
    );
    assert_eq!(
        spent["switched"],
        json!([{"asked": "claude-fable-5-2", "got": "claude-opus-5-5", "answers": 4, "cost_usd": cost}])
    );
    for (arguments, is_said) in [
        (["--by", "day"].as_slice(), true),
        (&["--by", "session"], true),
        (&["--by", "prompt"], true),
        (&["--by", "account"], true),
        (&["--project", "API"], true),
        (&["--project", "BÜCHER"], true),
        (&["--project", "web"], false),
        (&["--until", "2026-01-01"], false),
    ] {
        let run = sandbox.run(&[&["spend"], arguments].concat());
        let page = flat(run.success());
        assert_eq!(
            page.contains(&expected_text),
            is_said,
            "{expected_text} in {}",
            run.stdout
        );
        assert_eq!(page.contains("You requested"), is_said, "{}", run.stdout);
    }
}

/// Creates a session with five rewrites.
fn with_five_rewrites() -> SimulatedSession {
    let (mut session, mut caller) = working();
    for _ in 0..5 {
        session.step(&mut caller, CacheLoss::All);
    }
    session
}

/// Creates a home directory in which the session has just reached the 5-hour limit.
fn at_the_limit(session: &mut SimulatedSession) -> Sandbox {
    let at = chrono::DateTime::from_timestamp_millis(session.at).unwrap();
    let refused = json!({
        "type": "assistant", "uuid": "e", "isApiErrorMessage": true, "error": "rate_limit", "apiErrorStatus": 429,
        "timestamp": at.to_rfc3339(), "sessionId": "s1", "version": "2.1.329",
        "quotaLimits": {"rateLimitType": "five_hour", "resetsAt": (at + chrono::TimeDelta::hours(4)).timestamp()},
        "message": {"id": "error", "model": "<synthetic>", "role": "assistant",
            "content": [{"type": "text", "text": "You've hit your 5-hour limit \u{b7} resets 9am (UTC)"}]},
    });
    session.lines.push(refused.to_string());
    let sandbox = Sandbox::new();
    session.write(&sandbox);
    sandbox.run(&["spend"]).success();
    let minute_later = at + chrono::TimeDelta::minutes(1);
    sandbox.variable("WHYCAP_NOW", minute_later.to_rfc3339())
}

/// Up to Claude Code 2.1.91, only the last line of a response contains the speed and all output tokens.
#[test]
fn amounts_do_not_depend_on_what_the_first_line_of_a_response_leaves_out() {
    let [drained, expected] = [true, false].map(|is_first_line_incomplete| {
        let mut session = with_five_rewrites();
        for line in &mut session.lines {
            let mut json: Value = serde_json::from_str(line).unwrap();
            if json["type"] == "assistant" {
                let is_first_line = json["message"]["content"][0]["type"] == "text";
                let usage = &mut json["message"]["usage"];
                if is_first_line && is_first_line_incomplete {
                    usage["output_tokens"] = json!(1);
                } else {
                    usage["output_tokens"] = json!(4_000);
                    usage["speed"] = json!("fast");
                }
                *line = json.to_string();
            }
        }
        let sandbox = at_the_limit(&mut session);
        sandbox.run(&["drain", "--json"]).json()
    });
    assert_eq!(drained, expected);
}
