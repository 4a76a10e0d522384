//! A synthetic session with a simulated prompt cache. Its transcript lines look like those that Claude Code writes. The
//! cache keeps marked prefixes for the requested lifetime unless a test drops them.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::support::Sandbox;

pub const MINUTE: i64 = 60_000;
/// How much more it costs to write a token to the cache than to read it, in dollars, for `claude-opus-5-5`.
pub const HOUR_WRITE: f64 = (8.0 - 0.2) / 1e6;
pub const FIVE_MINUTE_WRITE: f64 = (5.0 - 0.2) / 1e6;

/// The part of a prompt that the cache drops.
#[derive(Clone, Copy, PartialEq)]
pub enum CacheLoss {
    None,
    /// Drops everything.
    All,
    /// Drops everything except the system prompt and the tools.
    Messages,
    /// Drops the prefix that the previous request marked, but no shorter prefix.
    Latest,
}

/// A conversation, subagent, or background request, with its content in the form that Claude Code sends.
#[derive(Clone)]
pub struct Caller {
    pub source: &'static str,
    pub agent: Option<String>,
    pub messages: Vec<(String, u64)>,
    /// The ID of the last recorded request, and the messages in that request.
    base: Option<String>,
    last: Vec<String>,
    /// The number of tokens that each model's last response left in the cache.
    before: HashMap<String, u64>,
    /// The ID of the last response.
    last_response: String,
}

impl Caller {
    pub fn new(source: &'static str, agent: Option<&str>) -> Self {
        Self {
            source,
            agent: agent.map(str::to_owned),
            messages: Vec::new(),
            base: None,
            last: Vec::new(),
            before: HashMap::new(),
            last_response: String::new(),
        }
    }

    /// Resumes the session in a new process.
    pub fn restart(&mut self) {
        self.base = None;
    }
}

/// A session whose transcript is being written.
pub struct SimulatedSession {
    pub session: String,
    pub lines: Vec<String>,
    pub at: i64,
    pub version: &'static str,
    pub model: &'static str,
    pub effort: &'static str,
    pub hour: bool,
    /// The names and definitions of the tools.
    pub tools: Vec<(String, String)>,
    /// The names of tools that the model found with a tool search. The cache does not contain their definitions.
    pub deferred_tools: Vec<String>,
    pub system: String,
    /// True if the client records requests, which older versions do not do.
    pub keeps_requests: bool,
    /// The last line of the conversation and of each subagent. The next line refers to it as its parent.
    pub last_lines: HashMap<Option<String>, String>,
    /// The number of tokens and the expiry time of each cached prefix.
    cache: HashMap<String, (u64, i64)>,
    count: u64,
}

/// The cache usage that a response reported, and the number of tokens that were in the cache before the response.
#[derive(Clone, Copy, Debug)]
pub struct CacheUse {
    pub read: u64,
    pub wrote: u64,
    pub available: Option<u64>,
}

impl CacheUse {
    /// Returns the number of rewritten tokens, or zero if nearly everything was read from the cache.
    pub fn rewritten_tokens(&self) -> u64 {
        let available = self
            .available
            .unwrap_or(0)
            .min(self.read + self.wrote);
        let missed = available.saturating_sub(self.read);
        if missed >= 2_000 && self.read * 100 < available * 95 {
            missed.min(self.wrote)
        } else {
            0
        }
    }
}

impl SimulatedSession {
    pub fn new(session: &str, at: &str) -> Self {
        let at = DateTime::parse_from_rfc3339(at)
            .unwrap()
            .timestamp_millis();
        let [bash, read] =
            ["Bash", "Read"].map(|name| (name.to_owned(), "Runs what it is told. ".repeat(20)));
        Self {
            session: session.to_owned(),
            lines: Vec::new(),
            at,
            version: "2.1.329",
            model: "claude-opus-5-5",
            effort: "medium",
            hour: true,
            tools: vec![bash, read],
            deferred_tools: Vec::new(),
            system: "You are an agent.".to_owned(),
            keeps_requests: true,
            last_lines: HashMap::new(),
            cache: HashMap::new(),
            count: 0,
        }
    }

    fn time(&self) -> String {
        let at = DateTime::from_timestamp_millis(self.at).unwrap();
        at.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    fn id(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}-{}-{}", self.session, self.count)
    }

    fn push(&mut self, mut line: Value) {
        line["sessionId"] = json!(self.session);
        line["timestamp"] = json!(self.time());
        line["version"] = json!(self.version);
        self.lines.push(line.to_string());
    }

    fn conversation(&mut self, caller: &Caller, mut line: Value) {
        let uuid = self.id("u");
        let parent = self
            .last_lines
            .insert(caller.agent.clone(), uuid.clone());
        line["parentUuid"] = json!(parent);
        line["uuid"] = json!(uuid);
        line["isSidechain"] = json!(caller.agent.is_some());
        if let Some(agent) = &caller.agent {
            line["agentId"] = json!(agent);
        }
        self.push(line);
    }

    /// Adds a user message.
    pub fn prompt(&mut self, caller: &mut Caller, tokens: u64) {
        let id = self.id("prompt");
        let line =
            json!({"type": "user", "promptId": id, "message": {"role": "user", "content": id}});
        self.conversation(caller, line);
        caller.messages.push((id, tokens));
    }

    /// Adds a tool result.
    pub fn result(&mut self, caller: &mut Caller, tokens: u64) {
        let id = self.id("result");
        let block = json!([{"type": "tool_result", "tool_use_id": id, "content": id}]);
        let line = json!({"type": "user", "message": {"role": "user", "content": block}, "toolUseResult": {"stdout": ""}});
        self.conversation(caller, line);
        caller.messages.push((id, tokens));
    }

    /// Adds a tool call to the last response, followed by its result.
    pub fn call(&mut self, caller: &mut Caller, tool: &str, input: &Value, result: &Value) {
        let (call, response) = (self.id("call"), caller.last_response.clone());
        let block = json!([{"type": "tool_use", "id": call, "name": tool, "input": input}]);
        let message =
            json!({"id": response, "role": "assistant", "model": self.model, "content": block});
        self.conversation(caller, json!({"type": "assistant", "message": message}));

        let is_error = result.is_null();
        let block = json!([{"type": "tool_result", "tool_use_id": call, "content": "", "is_error": is_error}]);
        let line = json!({"type": "user", "message": {"role": "user", "content": block}, "toolUseResult": result});
        self.conversation(caller, line);
        caller.messages.push((call, 300));
    }

    /// Simulates loading a skill, which adds the skill's text to the conversation.
    pub fn load_skill(&mut self, caller: &mut Caller, name: &str) {
        let result = json!({"success": true, "commandName": name});
        self.call(caller, "Skill", &json!({"skill": name}), &result);
        let text = self.id("skill");
        let line = json!({"type": "user", "isMeta": true, "message": {"role": "user", "content": [{"type": "text", "text": text}]}});
        self.conversation(caller, line);
        caller.messages.push((text, 1_500));
    }

    /// Simulates a tool search. From then on, requests contain the definition of the tool that was found.
    pub fn load_tool(&mut self, caller: &mut Caller, name: &str) {
        let result = json!({"matches": [name], "query": name, "total_deferred_tools": 9});
        self.call(caller, "ToolSearch", &json!({"query": name}), &result);
        self.deferred_tools.push(name.to_owned());
    }

    /// Adds context from a hook.
    pub fn context(&mut self, caller: &mut Caller, tokens: u64) {
        let id = self.id("context");
        let line = json!({"type": "attachment", "attachment": {"type": "hook_additional_context", "content": [id]}});
        self.conversation(caller, line);
        caller.messages.push((id, tokens));
    }

    /// Simulates a user who runs one of Claude Code's built-in commands.
    pub fn command(&mut self, caller: &Caller, name: &str) {
        let content = format!("<command-name>{name}</command-name>");
        self.conversation(
            caller,
            json!({"type": "user", "message": {"role": "user", "content": content}}),
        );
    }

    /// Compacts the conversation.
    pub fn compact(&mut self, caller: &mut Caller) {
        let line = json!({"type": "system", "subtype": "compact_boundary", "compactMetadata": {"preTokens": 1}});
        self.conversation(caller, line);
        let summary = self.id("summary");
        caller.messages = vec![(summary, 3_000)];
    }

    fn prefix(&self, caller: &Caller, messages: usize) -> String {
        let ids = caller.messages.iter().take(messages);
        let ids: Vec<&str> = ids.map(|(id, _)| id.as_str()).collect();
        let (tools, system) = (&self.tools, &self.system);
        let (model, effort) = (self.model, self.effort);
        format!("{model}|{effort}|{tools:?}|{system}|{}", ids.join(","))
    }

    fn start(&self) -> u64 {
        let texts = self.tools.iter().map(|(_, text)| text.len());
        8_000 + (texts.sum::<usize>() + self.system.len()) as u64
    }

    /// Sends the current prompt and records the response, which arrives a second later.
    pub fn ask(&mut self, caller: &mut Caller, loss: CacheLoss) -> CacheUse {
        let lifetime = if self.hour { 60 * MINUTE } else { 5 * MINUTE };
        let mut length = self.start();
        let mut read = 0;
        let mut ends = vec![(self.prefix(caller, 0), length)];
        for (place, (_, tokens)) in caller.messages.iter().enumerate() {
            length += tokens;
            ends.push((self.prefix(caller, place + 1), length));
        }
        for (place, (key, length)) in ends.iter().enumerate() {
            let is_known = self
                .cache
                .get(key)
                .is_some_and(|(_, until)| *until > self.at);
            let is_kept = match loss {
                CacheLoss::None => true,
                CacheLoss::All => false,
                CacheLoss::Messages => place == 0,
                CacheLoss::Latest => Some(length) != caller.before.get(self.model),
            };
            if is_known && is_kept {
                read = *length;
            }
        }
        for (key, length) in [&ends[0], &ends[ends.len() - 1]] {
            self.cache
                .insert(key.clone(), (*length, self.at + lifetime));
        }
        let cache_use = CacheUse {
            read,
            wrote: length - read,
            available: caller.before.insert(self.model.to_owned(), length),
        };
        let request = self.keeps_requests.then(|| self.request(caller));
        self.at += 1_000;
        self.respond(caller, &cache_use, request.as_deref());
        cache_use
    }

    fn request(&mut self, caller: &mut Caller) -> String {
        let present = self
            .tools
            .iter()
            .map(|(name, text)| json!({"name": name, "description": text}));
        let deferred = self
            .deferred_tools
            .iter()
            .map(|name| json!({"name": name, "description": name, "defer_loading": true}));
        let tools: Vec<Value> = present.chain(deferred).collect();
        let shape = json!({"system": [{"type": "text", "text": self.system}], "tools": tools});
        let shape_hash = format!("shape of {shape}");
        if !self
            .lines
            .iter()
            .any(|line| line.contains(&json!(shape_hash).to_string()))
        {
            self.push(
                json!({"type": "api-request-shape", "shapeHash": shape_hash, "shape": shape}),
            );
        }
        let ids: Vec<String> = caller
            .messages
            .iter()
            .map(|(id, _)| id.clone())
            .collect();
        let same = caller
            .last
            .iter()
            .zip(&ids)
            .take_while(|(a, b)| a == b)
            .count();
        let keep = if caller.base.is_some() { same } else { 0 };
        let ttl = if self.hour { "1h" } else { "5m" };
        let breakpoint = json!({"type": "ephemeral", "ttl": ttl});
        let id = self.id("request");
        let mut line = json!({
            "type": "api-request", "id": id, "querySource": caller.source, "shapeHash": shape_hash,
            "params": {"model": self.model, "betas": ["a"], "max_tokens": 1, "output_config": {"effort": self.effort}},
            "keep": keep, "tail": ids[keep..],
            "cacheControl": [{"path": ["system", 0], "value": breakpoint}, {"path": ["messages", ids.len().saturating_sub(1), "content", 0], "value": breakpoint}],
        });
        if let Some(base) = &caller.base {
            line["base"] = json!(base);
        }
        self.push(line);
        caller.base = Some(id.clone());
        caller.last = ids;
        id
    }

    fn respond(&mut self, caller: &mut Caller, cache_use: &CacheUse, request: Option<&str>) {
        let id = self.id("msg");
        let (five, hour) = if self.hour {
            (0, cache_use.wrote)
        } else {
            (cache_use.wrote, 0)
        };
        let usage = json!({
            "input_tokens": 3, "output_tokens": 40, "cache_read_input_tokens": cache_use.read, "cache_creation_input_tokens": cache_use.wrote,
            "cache_creation": {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour},
        });
        for block in [
            json!({"type": "text", "text": id}),
            json!({"type": "tool_use", "id": id, "name": "Bash", "input": {}}),
        ] {
            let mut line = json!({
                "type": "assistant", "requestId": format!("req_{id}"), "effort": self.effort,
                "message": {"id": id, "type": "message", "role": "assistant", "model": self.model, "content": [block], "usage": usage},
            });
            if let Some(request) = request {
                line["requestRef"] = json!(request);
                line["promptCacheRequested"] = json!(if self.hour { "1h" } else { "5m" });
            }
            self.conversation(caller, line);
        }
        caller.last_response.clone_from(&id);
        caller.messages.push((id, 40));
    }

    /// Continues the turn by sending a tool result.
    pub fn step(&mut self, caller: &mut Caller, loss: CacheLoss) -> CacheUse {
        self.at += 7_000;
        self.result(caller, 500);
        self.ask(caller, loss)
    }

    /// Writes the transcript to the path that Claude Code uses.
    pub fn write(&self, sandbox: &Sandbox) {
        self.write_as(sandbox, &format!("{}.jsonl", self.session));
    }

    pub fn write_as(&self, sandbox: &Sandbox, name: &str) {
        let path = format!(".claude/projects/-home-dev-api/{name}");
        sandbox.write(&path, self.lines.join("\n") + "\n");
    }
}
