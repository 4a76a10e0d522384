//! Tests `drain` with generated sessions and a simulated server that caches prefixes as described in the API
//! documentation, so the true results do not depend on whycap's rules. For each response, the test compares the number
//! of tokens that the response read from the cache with the number that it would have read if the client had changed
//! nothing on its own and the server had lost nothing. The difference is the number of tokens whose rewrite was
//! avoidable. `drain` must not report any other rewrite as avoidable.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::support::Sandbox;

const MINUTE: i64 = 60_000;
/// The number of blocks before a cache breakpoint in which the API searches for the end of a cached prefix.
const LOOKBACK_BLOCKS: usize = 20;

/// A part of a prompt, with its name and its number of tokens.
type Block = (String, u64);
/// The numbers of responses and tokens, keyed by cause.
type Sums = BTreeMap<String, (u64, u64)>;

/// The cache of the server, which contains the expiry time and the lifetime of each cached prefix.
#[derive(Default)]
struct Server {
    ends: HashMap<String, (i64, i64)>,
}

/// The content of a request.
#[derive(Clone)]
struct Prompt {
    account: &'static str,
    model: &'static str,
    fast: bool,
    effort: &'static str,
    tools: Vec<(String, u64)>,
    /// Tools that the model found with a tool search. The API does not include their definitions in the cached prefix.
    deferred: Vec<String>,
    system: (String, u64),
    messages: Vec<Block>,
}

impl Prompt {
    fn blocks(&self) -> Vec<Block> {
        let tools = self.tools.iter().cloned();
        let system = std::iter::once(self.system.clone());
        let all = tools
            .chain(system)
            .chain(self.messages.iter().cloned());
        all.collect()
    }

    fn head(&self) -> usize {
        self.tools.len() + 1
    }

    /// Returns the cache key of a prefix. Each account, model, and speed has its own cache. Prefixes that include
    /// messages are also cached separately for each effort level.
    fn key(&self, blocks: &[Block]) -> String {
        let names: Vec<&str> = blocks
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let effort = if blocks.len() > self.head() {
            self.effort
        } else {
            ""
        };
        let (account, model, fast) = (self.account, self.model, self.fast);
        format!("{account}|{model}|{fast}|{effort}|{}", names.join("/"))
    }

    fn tokens(blocks: &[Block]) -> u64 {
        blocks.iter().map(|(_, tokens)| tokens).sum()
    }
}

impl Server {
    /// Returns the number of blocks of a prompt that can be read from the cache at the given time.
    fn readable(&self, prompt: &Prompt, at: i64) -> usize {
        let blocks = prompt.blocks();
        let head = prompt.head();
        let near = blocks
            .len()
            .saturating_sub(LOOKBACK_BLOCKS)
            .max(head)..=blocks.len();
        let ends = near.rev().chain(std::iter::once(head));
        ends.into_iter()
            .find(|end| {
                let known = self.ends.get(&prompt.key(&blocks[..*end]));
                known.is_some_and(|(until, _)| *until > at)
            })
            .unwrap_or(0)
    }

    fn keep(&mut self, prompt: &Prompt, read: usize, at: i64, lifetimes: [i64; 2]) {
        let blocks = prompt.blocks();
        if let Some((until, lifetime)) = self.ends.get_mut(&prompt.key(&blocks[..read])) {
            *until = at + *lifetime;
        }
        for (end, lifetime) in [prompt.head(), blocks.len()]
            .into_iter()
            .zip(lifetimes)
        {
            let key = prompt.key(&blocks[..end]);
            self.ends.insert(key, (at + lifetime, lifetime));
        }
    }
}

/// A conversation, a subagent, or a helper that sends prompts.
#[derive(Clone)]
struct Sender {
    session: String,
    agent: Option<&'static str>,
    source: &'static str,
    version: &'static str,
    prompt: Prompt,
    /// Two cache lifetimes in minutes: the first is for the tools and the system prompt, the second for the messages.
    lifetimes: [i64; 2],
    base: Option<(String, Vec<Block>)>,
    /// The prompt without the changes that the client made on its own.
    prompt_without_client_changes: Option<Prompt>,
    cause: &'static str,
    /// The ID of the last response.
    answer: String,
    /// The time and content of the request that led to the last response.
    answered: Option<(i64, Prompt)>,
}

struct World {
    server: Server,
    at: i64,
    files: BTreeMap<String, Vec<String>>,
    count: u64,
    state: u64,
    truth: Sums,
    /// The last line of each session and subagent.
    last_lines: HashMap<String, String>,
}

#[derive(Clone, Copy, PartialEq)]
enum CacheLoss {
    Nothing,
    Messages,
    All,
}

impl Sender {
    /// Returns what the API's `diagnostics` says about the current prompt. The API compares the prompt with the one
    /// that led to the last response. The API remembers each prompt for an hour.
    fn diagnostics(&self, at: i64) -> Value {
        let Some((before, old)) = &self.answered else {
            return Value::Null;
        };
        let new = &self.prompt;
        let reason = if at - before > 60 * MINUTE || old.account != new.account {
            "previous_message_not_found"
        } else if old.model != new.model {
            "model_changed"
        } else if old.system != new.system {
            "system_changed"
        } else if (&old.tools, &old.deferred) != (&new.tools, &new.deferred) {
            "tools_changed"
        } else if !new.messages.starts_with(&old.messages) {
            "messages_changed"
        } else if (old.effort, old.fast) != (new.effort, new.fast) {
            "unavailable"
        } else {
            return Value::Null;
        };
        json!({"cache_miss_reason": {"type": reason}})
    }

    /// Returns the file for the sender's lines. Each subagent has its own file.
    fn file(&self) -> String {
        match self.agent {
            None => self.session.clone(),
            Some(agent) => format!("{}/subagents/agent-{agent}", self.session),
        }
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let at = DateTime::parse_from_rfc3339("2026-11-20T04:00:00Z").unwrap();
        Self {
            server: Server::default(),
            at: at.timestamp_millis(),
            files: BTreeMap::new(),
            count: 0,
            state: seed.wrapping_mul(0xd134_2543_de82_ef95) | 1,
            truth: Sums::new(),
            last_lines: HashMap::new(),
        }
    }

    fn below(&mut self, most: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.state >> 33) % most
    }

    fn name(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}{}", self.count)
    }

    fn line(&mut self, sender: &Sender, mut line: Value) {
        let at = DateTime::from_timestamp_millis(self.at).unwrap();
        line["timestamp"] = json!(at.to_rfc3339_opts(SecondsFormat::Millis, true));
        line["sessionId"] = json!(sender.session);
        line["version"] = json!(sender.version);
        let lines = self.files.entry(sender.file()).or_default();
        lines.push(line.to_string());
    }

    fn conversation(&mut self, sender: &Sender, mut line: Value) {
        let uuid = self.name("uuid");
        line["uuid"] = json!(uuid);
        line["parentUuid"] = json!(self.last_lines.insert(sender.file(), uuid));
        line["isSidechain"] = json!(sender.agent.is_some());
        if let Some(agent) = sender.agent {
            line["agentId"] = json!(agent);
        }
        self.line(sender, line);
    }

    fn add_prompt(&mut self, sender: &mut Sender, tokens: u64) {
        let name = self.name("said");
        let line =
            json!({"type": "user", "promptId": name, "message": {"role": "user", "content": name}});
        self.conversation(sender, line);
        sender.prompt.messages.push((name, tokens));
    }

    fn add_tool_result(&mut self, sender: &mut Sender, tokens: u64) {
        let name = self.name("result");
        let block = json!([{"type": "tool_result", "tool_use_id": name, "content": name}]);
        let line = json!({"type": "user", "message": {"role": "user", "content": block}, "toolUseResult": {}});
        self.conversation(sender, line);
        sender.prompt.messages.push((name, tokens));
    }

    /// Simulates a call to a Claude Code tool that loads something, such as a skill.
    fn add_tool_load(&mut self, sender: &mut Sender, tool: &str, result: &Value) {
        let (call, answer) = (self.name("use"), sender.answer.clone());
        let block = json!([{"type": "tool_use", "id": call, "name": tool, "input": {}}]);
        let line = json!({"type": "assistant", "message": {"id": answer, "role": "assistant", "model": sender.prompt.model, "content": block}});
        self.conversation(sender, line);
        let block = json!([{"type": "tool_result", "tool_use_id": call, "content": []}]);
        let line = json!({"type": "user", "message": {"role": "user", "content": block}, "toolUseResult": result});
        self.conversation(sender, line);
        sender.prompt.messages.push((call, 200));
    }

    fn add_skill_load(&mut self, sender: &mut Sender) {
        self.add_tool_load(sender, "Skill", &json!({"success": true}));
        let name = self.name("skill");
        let block = json!([{"type": "text", "text": name}]);
        let line =
            json!({"type": "user", "isMeta": true, "message": {"role": "user", "content": block}});
        self.conversation(sender, line);
        sender.prompt.messages.push((name, 2_500));
    }

    fn add_command(&mut self, sender: &Sender, name: &str) {
        let content = format!("<command-name>{name}</command-name>");
        let line = json!({"type": "user", "message": {"role": "user", "content": content}});
        self.conversation(sender, line);
    }

    fn request(&mut self, sender: &mut Sender) -> String {
        let mut tools: Vec<Value> = sender
            .prompt
            .tools
            .iter()
            .map(|(name, tokens)| {
                let description = format!("{name} {tokens}").repeat(40);
                json!({"name": name, "description": description})
            })
            .collect();
        for name in &sender.prompt.deferred {
            tools.push(json!({"name": name, "description": name, "defer_loading": true}));
        }
        let shape =
            json!({"system": [{"type": "text", "text": sender.prompt.system.0}], "tools": tools});
        let hash = format!("shape {shape}");
        let is_known = self.files.get(&sender.file()).is_some_and(|lines| {
            lines
                .iter()
                .any(|line| line.contains(&json!(hash).to_string()))
        });
        if !is_known {
            self.line(
                sender,
                json!({"type": "api-request-shape", "shapeHash": hash, "shape": shape}),
            );
        }
        let id = self.name("request");
        let messages = sender.prompt.messages.clone();
        let keep = sender.base.as_ref().map_or(0, |(_, sent)| {
            sent.iter()
                .zip(&messages)
                .take_while(|(before, now)| before == now)
                .count()
        });
        let tail: Vec<&str> = messages[keep..]
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let [system, message] = sender.lifetimes.map(|minutes| match minutes {
            60 => json!({"type": "ephemeral", "ttl": "1h"}),
            _ => json!({"type": "ephemeral"}),
        });
        let mut line = json!({
            "type": "api-request", "id": id, "querySource": sender.source, "shapeHash": hash, "keep": keep, "tail": tail,
            "params": {"model": sender.prompt.model, "betas": if sender.prompt.fast { vec!["a", "fast"] } else { vec!["a"] }, "output_config": {"effort": sender.prompt.effort}},
            "cacheControl": [{"path": ["system", 0], "value": system}, {"path": ["messages", messages.len() - 1, "content", 0], "value": message}],
        });
        if let Some((base, _)) = &sender.base {
            line["base"] = json!(base);
        }
        self.line(sender, line);
        sender.base = Some((id.clone(), messages));
        id
    }

    /// Sends a request and interrupts it. The server has received the request, but the transcript contains no response.
    fn broken_off(&mut self, sender: &mut Sender) {
        self.request(sender);
        let read = self.server.readable(&sender.prompt, self.at);
        let lifetimes = sender.lifetimes.map(|minutes| minutes * MINUTE);
        self.server
            .keep(&sender.prompt, read, self.at, lifetimes);
        self.at += 3_000;
    }

    /// Sends the current prompt and records a response, which takes `duration_ms` milliseconds.
    fn ask(&mut self, sender: &mut Sender, loss: CacheLoss, duration_ms: i64) {
        let blocks = sender.prompt.blocks();
        let prompt_without_client_changes = sender
            .prompt_without_client_changes
            .take()
            .unwrap_or_else(|| sender.prompt.clone());
        let ideal = self
            .server
            .readable(&prompt_without_client_changes, self.at);
        let ideal = Prompt::tokens(&prompt_without_client_changes.blocks()[..ideal]);
        let honest = self.server.readable(&sender.prompt, self.at);
        let read_to = match loss {
            CacheLoss::Nothing => honest,
            CacheLoss::Messages => honest.min(sender.prompt.head()),
            CacheLoss::All => 0,
        };
        let (read, all) = (Prompt::tokens(&blocks[..read_to]), Prompt::tokens(&blocks));
        let wrote = all - read;
        let missing = ideal.min(all).saturating_sub(read).min(wrote);
        if missing >= 2_000 && read * 100 < ideal * 95 {
            let cause = if loss == CacheLoss::Nothing {
                sender.cause
            } else {
                "server"
            };
            add(&mut self.truth, cause, 1, missing);
        }
        let id = self.request(sender);
        let lifetimes = sender.lifetimes.map(|minutes| minutes * MINUTE);
        self.server
            .keep(&sender.prompt, read_to, self.at, lifetimes);
        self.at += duration_ms;
        let head = Prompt::tokens(&blocks[..sender.prompt.head()]).saturating_sub(read);
        let hour = if sender.lifetimes[0] == 60 { head } else { 0 }
            + if sender.lifetimes[1] == 60 {
                wrote - head
            } else {
                0
            };
        let answer = self.name("msg");
        let diagnostics = sender.diagnostics(self.at);
        sender.answered = Some((self.at, sender.prompt.clone()));
        for text in ["text", "tool_use"] {
            let line = json!({
                "type": "assistant", "requestId": format!("req_{answer}"), "requestRef": id, "effort": sender.prompt.effort,
                "promptCacheRequested": if sender.lifetimes[1] == 60 { "1h" } else { "5m" }, "requestedModel": sender.prompt.model,
                "message": {"id": answer, "role": "assistant", "model": sender.prompt.model, "content": [{"type": text, "text": answer}], "diagnostics": diagnostics,
                    "usage": {"input_tokens": 3, "output_tokens": 60, "cache_read_input_tokens": read, "cache_creation_input_tokens": wrote, "speed": if sender.prompt.fast { "fast" } else { "standard" },
                        "cache_creation": {"ephemeral_5m_input_tokens": wrote - hour, "ephemeral_1h_input_tokens": hour}}},
            });
            self.conversation(sender, line);
        }
        sender.answer.clone_from(&answer);
        sender.prompt.messages.push((answer, 60));
    }

    fn step(&mut self, sender: &mut Sender, loss: CacheLoss) {
        self.at += 2_000 + i64::try_from(self.below(20_000)).unwrap();
        let tokens = 200 + self.below(4_000);
        self.add_tool_result(sender, tokens);
        self.ask(sender, loss, 4_000);
    }

    fn drained(&self) -> Value {
        let sandbox = Sandbox::new();
        for (session, lines) in &self.files {
            let path = format!(".claude/projects/-home-dev-api/{session}.jsonl");
            sandbox.write(&path, lines.join("\n") + "\n");
        }
        sandbox.run(&["drain", "--json"]).json()
    }

    fn turn(&mut self, sender: &mut Sender) {
        let tokens = 50 + self.below(3_000);
        self.add_prompt(sender, tokens);
        self.ask(sender, CacheLoss::Nothing, 4_000);
    }
}

fn add(sums: &mut Sums, cause: &str, answers: u64, tokens: u64) {
    let sum = sums.entry(cause.to_owned()).or_default();
    *sum = (sum.0 + answers, sum.1 + tokens);
}

fn sender(session: &str, lifetimes: [i64; 2]) -> Sender {
    Sender {
        session: session.to_owned(),
        agent: None,
        source: "repl_main_thread",
        version: "2.1.329",
        prompt: Prompt {
            account: "home",
            model: "claude-opus-5-5",
            fast: false,
            effort: "medium",
            tools: vec![("Bash".to_owned(), 3_000), ("Read".to_owned(), 2_000)],
            deferred: Vec::new(),
            system: ("You are an agent.".to_owned(), 7_000),
            messages: Vec::new(),
        },
        lifetimes,
        base: None,
        prompt_without_client_changes: None,
        cause: "server",
        answer: String::new(),
        answered: None,
    }
}

/// Simulates a random event in a session. All events are equally likely.
#[expect(clippy::too_many_lines, reason = "a table of what can happen")]
fn happens(world: &mut World, sender: &mut Sender, helper: &mut Sender, others: &mut [Sender; 2]) {
    let loss = [CacheLoss::Messages, CacheLoss::All][usize::from(world.below(2) == 0)];
    sender.cause = "server";
    match world.below(29) {
        // The server drops part of its cache during a turn, at a prompt, in a subagent, or several times in a row.
        0 => world.step(sender, loss),
        1 => {
            world.add_prompt(sender, 400);
            world.ask(sender, loss, 4_000);
        }
        2 => {
            let agent = &mut others[usize::from(world.below(2) == 0)];
            world.step(agent, CacheLoss::Nothing);
            world.step(agent, loss);
        }
        3 => (0..4).for_each(|_| world.step(sender, CacheLoss::Messages)),
        // The client changes something.
        4 => {
            sender.prompt_without_client_changes = Some(sender.prompt.clone());
            if sender.prompt.tools.len() > 2 {
                sender.prompt.tools.truncate(2);
            } else {
                let name = world.name("mcp__");
                sender.prompt.tools.push((name, 900));
            }
            sender.cause = "tools_changed";
            changed(world, sender);
        }
        5 => {
            sender.prompt_without_client_changes = Some(sender.prompt.clone());
            sender.prompt.system.0 = world.name("You are an agent ");
            sender.cause = "system_prompt_changed";
            changed(world, sender);
        }
        6 if sender.prompt.messages.len() > 6 => {
            sender.prompt_without_client_changes = Some(sender.prompt.clone());
            let place = usize::try_from(world.below(4)).unwrap();
            sender.prompt.messages[place].0.push('*');
            sender.cause = "messages_rewritten";
            changed(world, sender);
        }
        // The user changes something.
        7 => {
            let left =
                1 + usize::try_from(world.below(sender.prompt.messages.len() as u64)).unwrap();
            sender.prompt.messages.truncate(left);
            world.turn(sender);
        }
        8 => {
            world.conversation(sender, json!({"type": "system", "subtype": "compact_boundary", "compactMetadata": {"preTokens": 9}}));
            let name = world.name("summary");
            sender.prompt.messages = vec![(name, 4_000)];
            world.turn(sender);
        }
        9 => {
            world.at += (sender.lifetimes[1].max(sender.lifetimes[0]) + 2) * MINUTE;
            world.turn(sender);
        }
        10 => {
            world.at += sender.lifetimes[1].min(sender.lifetimes[0]) * MINUTE / 2;
            world.turn(sender);
        }
        11 => {
            let before = sender.prompt.model;
            world.add_command(sender, "/model");
            sender.prompt.model = "claude-sonnet-5-5";
            world.step(sender, CacheLoss::Nothing);
            sender.prompt.model = before;
            world.step(sender, CacheLoss::Nothing);
        }
        12 => {
            sender.prompt.effort = if sender.prompt.effort == "high" {
                "low"
            } else {
                "high"
            };
            world.turn(sender);
        }
        13 => {
            world.add_command(sender, "/fast");
            sender.prompt.fast = !sender.prompt.fast;
            world.turn(sender);
        }
        14 => {
            sender.base = None;
            sender.version = if sender.version == "2.1.329" {
                "2.1.330"
            } else {
                "2.1.329"
            };
            sender.prompt.system.0 = world.name(sender.version);
            world.turn(sender);
        }
        15 => {
            // The client restarts with the same version.
            sender.base = None;
            world.turn(sender);
        }
        16 => {
            world.add_command(sender, "/mcp");
            sender.prompt.tools.reverse();
            for other in others {
                other.prompt.tools.reverse();
                world.step(other, CacheLoss::Nothing);
            }
            world.turn(sender);
        }
        17 => {
            let organization = if sender.prompt.account == "home" {
                "work"
            } else {
                "home"
            };
            sender.prompt.account = organization;
            let line = json!({"type": "attachment", "attachment": {"type": "credential_org", "organizationUuid": organization}});
            world.conversation(sender, line.clone());
            for other in others {
                other.prompt.account = organization;
                world.conversation(other, line.clone());
                world.step(other, CacheLoss::Nothing);
            }
            world.turn(sender);
        }
        // Neither the user nor the client changes anything.
        18 => {
            for _ in 0..3 {
                let name = world.name("context");
                world.conversation(sender, json!({"type": "attachment", "attachment": {"type": "hook_additional_context", "content": [name]}}));
                sender.prompt.messages.push((name, 700));
            }
            world.step(sender, CacheLoss::Nothing);
        }
        19 => {
            // The model calls several tools at once. Each call and each result has its own line.
            for _ in 0..12 {
                let name = world.name("use");
                let block = json!([{"type": "tool_use", "id": name, "name": "Read", "input": {}}]);
                let id = sender.answer.clone();
                let line = json!({"type": "assistant", "requestId": format!("req_{id}"), "message": {"id": id, "role": "assistant", "model": sender.prompt.model, "content": block, "usage": {"input_tokens": 3, "output_tokens": 60}}});
                world.conversation(sender, line);
                sender.prompt.messages.push((name, 20));
            }
            (0..12).for_each(|_| world.add_tool_result(sender, 300));
            world.step(sender, CacheLoss::Nothing);
        }
        20 => {
            world.broken_off(sender);
            world.turn(sender);
        }
        21 => {
            // A helper sends a request about the same conversation, and the server drops nothing.
            helper.prompt = sender.prompt.clone();
            let name = world.name("asks");
            helper.prompt.messages.push((name, 90));
            helper.session.clone_from(&sender.session);
            helper.version = sender.version;
            world.ask(helper, CacheLoss::Nothing, 2_000);
        }
        22 => {
            world.add_prompt(sender, 300);
            world.ask(sender, CacheLoss::Nothing, 4 * MINUTE + 50_000);
        }
        23 => fork(world, sender),
        24 => {
            // `/clear` starts a new session in the same process.
            sender.session = world.name("session");
            sender.base = None;
            sender.prompt.messages.clear();
            sender.answered = None;
            helper.session.clone_from(&sender.session);
            for other in others {
                other.session.clone_from(&sender.session);
                other.base = None;
                other.prompt.messages.clear();
                other.answered = None;
                world.turn(other);
            }
            world.turn(sender);
        }
        25 => {
            world.add_skill_load(sender);
            world.ask(sender, CacheLoss::Nothing, 4_000);
        }
        26 => {
            // The skill sets an effort level, which lasts until the user's next prompt.
            let effort = sender.prompt.effort;
            world.add_skill_load(sender);
            sender.prompt.effort = "max";
            world.ask(sender, CacheLoss::Nothing, 4_000);
            world.step(sender, CacheLoss::Nothing);
            sender.prompt.effort = effort;
            world.turn(sender);
        }
        27 => {
            let tool = world.name("mcp__found");
            world.add_tool_load(sender, "ToolSearch", &json!({"matches": [tool]}));
            sender.prompt.deferred.push(tool);
            world.ask(sender, CacheLoss::Nothing, 4_000);
        }
        _ => (0..3).for_each(|_| world.step(sender, CacheLoss::Nothing)),
    }
}

/// Sends a prompt after a change that the client made on its own.
fn changed(world: &mut World, sender: &mut Sender) {
    world.at += 5_000;
    world.add_tool_result(sender, 400);
    let new = sender.prompt.messages.last().cloned();
    if let Some(prompt_without_client_changes) = &mut sender.prompt_without_client_changes {
        prompt_without_client_changes.messages.extend(new);
    }
    world.ask(sender, CacheLoss::Nothing, 4_000);
}

fn fork(world: &mut World, sender: &mut Sender) {
    let parent = sender.session.clone();
    sender.session = world.name("fork");
    let copied = world.files[&parent]
        .iter()
        .map(|text| {
            let mut line: Value = serde_json::from_str(text).unwrap();
            line["sessionId"] = json!(sender.session);
            if line["type"] == "assistant" && line.get("requestSessionId").is_none() {
                line["requestSessionId"] = json!(parent);
            }
            line.to_string()
        })
        .collect();
    if let Some(last) = world.last_lines.get(&parent).cloned() {
        world.last_lines.insert(sender.session.clone(), last);
    }
    world.files.insert(sender.session.clone(), copied);
    sender.base = None;
    world.turn(sender);
}

fn generate_session(seed: u64) -> World {
    let mut world = World::new(seed);
    let lifetimes = [[60, 60], [5, 5], [60, 5]][usize::try_from(seed % 3).unwrap()];
    let mut main = sender("session", lifetimes);
    let mut helper = Sender {
        source: "prompt_suggestion",
        ..main.clone()
    };
    let mut others = ["a1", "a2"].map(|name| Sender {
        agent: Some(name),
        source: "agent:builtin:Explore",
        prompt: Prompt {
            system: ("You explore.".to_owned(), 4_000),
            ..main.prompt.clone()
        },
        ..main.clone()
    });
    for agent in &mut others {
        world.add_prompt(agent, 900);
        world.ask(agent, CacheLoss::Nothing, 2_000);
    }
    world.add_prompt(&mut main, 15_000);
    world.ask(&mut main, CacheLoss::Nothing, 4_000);
    for _ in 0..40 {
        happens(&mut world, &mut main, &mut helper, &mut others);
    }
    world
}

#[test]
fn only_avoidable_rewrites_of_the_simulated_server_are_reported() {
    let session_count: u64 =
        std::env::var("WHYCAP_SESSIONS").map_or(12, |count| count.parse().unwrap());
    let (mut all, mut seen, mut wrong) = (Sums::new(), Sums::new(), Vec::new());
    for seed in 0..session_count {
        let world = generate_session(seed);
        for reported in world.drained()["causes"].as_array().unwrap() {
            if reported["needless"] == false {
                continue;
            }
            let cause = reported["cause"].as_str().unwrap();
            let [answers, tokens] =
                ["answers", "tokens"].map(|field| reported[field].as_u64().unwrap());
            let (most, most_tokens) = world.truth.get(cause).copied().unwrap_or_default();
            if answers > most || tokens > most_tokens {
                wrong.push(format!("session {seed}: {answers} of {most} {cause}"));
            }
            add(&mut seen, cause, answers, tokens);
        }
        for (cause, (answers, tokens)) in world.truth {
            add(&mut all, &cause, answers, tokens);
        }
    }
    assert!(wrong.is_empty(), "{} sessions: {wrong:#?}", wrong.len());
    for (cause, (answers, _)) in &all {
        let reported = seen.get(cause).copied().unwrap_or_default().0;
        assert!(
            reported * 100 >= answers * 98,
            "{reported} of {answers} {cause}"
        );
    }
}

/// Applies a naive rule from another tool: whenever a response reads fewer tokens than the previous one left in the
/// cache, the cache must have lost them. The author of that tool found 221 such cases, of which only 52 were real
/// (rajbos/ai-engineering-fluency, issue 2024).
fn naive(lines: &[String]) -> usize {
    let (mut cached, mut findings, mut last) = (0, 0, String::new());
    for text in lines {
        let line: Value = serde_json::from_str(text).unwrap();
        let usage = &line["message"]["usage"];
        let id = line["message"]["id"].to_string();
        if line["type"] != "assistant" || id == last {
            continue;
        }
        let [read, written] = ["cache_read_input_tokens", "cache_creation_input_tokens"]
            .map(|field| usage[field].as_u64().unwrap_or(0));
        findings += usize::from(read < cached);
        cached = read + written;
        last = id;
    }
    findings
}

#[test]
fn the_52_real_losses_are_separated_from_221_naive_findings() {
    let mut world = World::new(52);
    let mut main = sender("session", [60, 60]);
    world.add_prompt(&mut main, 15_000);
    world.ask(&mut main, CacheLoss::Nothing, 4_000);
    for nth in 0..52 {
        world.step(&mut main, [CacheLoss::All, CacheLoss::Messages][nth % 2]);
        world.turn(&mut main);
    }
    let mut nth = 0;
    while naive(&world.files["session"]) < 221 {
        nth += 1;
        match nth % 5 {
            0 => main
                .prompt
                .messages
                .truncate(main.prompt.messages.len() / 2 + 1),
            1 => world.at += 62 * MINUTE,
            2 => main.prompt.effort = ["low", "high", "medium"][nth % 3],
            3 => {
                (main.base, main.version) = (None, ["2.1.329", "2.1.330"][nth % 2]);
                main.prompt.system.0 = world.name("You are an agent ");
            }
            _ => {
                let boundary = json!({"type": "system", "subtype": "compact_boundary"});
                world.conversation(&main, boundary);
                let name = world.name("summary");
                main.prompt.messages = vec![(name, 30_000)];
            }
        }
        world.turn(&mut main);
        world.step(&mut main, CacheLoss::Nothing);
    }
    assert_eq!(naive(&world.files["session"]), 221);
    let avoidable = &world.drained()["needless"];
    let tokens = world.truth["server"].1;
    assert_eq!(
        (&avoidable["answers"], &avoidable["tokens"]),
        (&json!(52), &json!(tokens))
    );
}
