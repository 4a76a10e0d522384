//! Reads transcripts line by line and compares each response with its predecessor in the same cache.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::mem;
use std::rc::Rc;

use indexmap::IndexMap;

use super::cause::{RewriteCause, RewriteVerdict, rewritten_tokens, verdict};
use super::line::{ConversationResponse, Events, Prompt, first_words};
use super::loads::PendingLoads;
use crate::claude::transcripts::{TranscriptFile, session_of};
use crate::disk::ownership::open_regular;
use crate::pricing::{Money, PriceTable};
use crate::spend::RequestOrigin;
use crate::time::Millis;
use crate::transcript::owner::Owner;
use crate::transcript::reader::LONGEST_LINE;
use crate::transcript::requests::{CacheLine, Hash, SentRequest, Shapes};

/// A response and what it wrote to the prompt cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CacheWrite {
    pub response: ConversationResponse,
    /// The prompt that led to the response, if it is in the transcript.
    pub prompt: Option<Rc<Prompt>>,
    /// The account that paid for the response, if the transcript identifies it.
    owner: Option<Owner>,
    pub session: String,
    /// The cost of the cache write. Both this cost and the cost of the rewrite are 0 until [`Self::price`] is called.
    pub cost: Money,
    /// True if the request was recorded.
    pub is_recorded: bool,
    /// The part of the cache write that should have been a cache read, or `None` if the response read nearly everything
    /// that was cached.
    pub rewrite: Option<Rewrite>,
}

impl CacheWrite {
    /// Calculates and stores the costs. Must be called after all lines of the response have been read.
    fn price(&mut self, prices: &PriceTable) {
        let prices = prices.prices_of(&self.response.model);
        if let Some(rewrite) = &mut self.rewrite {
            rewrite.cost = self
                .response
                .writing_minus_reading(&prices, rewrite.tokens);
        }
        self.cost = self.response.writing(&prices);
    }

    /// Returns the origin of the response's request.
    pub(crate) fn origin(&self) -> RequestOrigin<'_> {
        RequestOrigin {
            response_key: self.response.key,
            prompt: self.prompt.as_ref().map(|prompt| prompt.id.as_str()),
            owner: self.owner.as_ref(),
        }
    }
}

/// The part of a cache write that should have been a cache read, or the first write to a new cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rewrite {
    pub verdict: RewriteVerdict,
    pub tokens: u64,
    /// The cost of writing these tokens minus the cost of reading them.
    pub cost: Money,
    /// The time elapsed since the previous response, or 0 if there is no previous response.
    pub after: Millis,
}

/// Returns the sender of a response's request: the main conversation, a subagent, or a background task. Each sender has
/// its own cache. Recorded requests use several names for the main conversation, and older transcripts do not name it.
fn sender_of(response: &ConversationResponse) -> String {
    let agent = response.agent.as_deref().unwrap_or_default();
    match &response.sent {
        Some(request)
            if !request.source.starts_with("repl_main_thread") && request.source != "sdk" =>
        {
            format!("{agent}/{}", request.source)
        }
        _ => format!("{agent}/"),
    }
}

/// The caches used by one sender.
#[derive(Default)]
struct SenderCaches {
    /// The subagent, if the sender is one.
    agent: Option<String>,
    /// The causes of the loads since the sender's previous response.
    loads: Vec<RewriteCause>,
    /// The latest response from each model. Each model has its own cache.
    by_model: HashMap<String, ConversationResponse>,
}

impl SenderCaches {
    /// Returns the reason why the sender has a new cache. `events` are the events before the first response from this
    /// cache, and `loads` is what the sender has loaded since its previous response.
    fn cause_of_new(&self, events: Events, loads: &[RewriteCause]) -> RewriteCause {
        let mut others = self.by_model.values();
        if self.by_model.is_empty() {
            RewriteCause::First
        } else if loads.contains(&RewriteCause::SkillLoaded)
            && others.any(|other| other.events.is_same_turn(&events))
        {
            // The skill must have switched the model.
            RewriteCause::SkillLoaded
        } else {
            RewriteCause::ModelChanged
        }
    }
}

/// The information from the transcripts read so far.
#[derive(Default)]
struct History {
    shapes: Shapes,
    /// The cache writes, keyed by the response's key in the ledger. Forks have copies of these responses in their own
    /// transcripts.
    writes: IndexMap<i64, CacheWrite>,
    file: FileHistory,
}

/// The state of reading a single transcript.
#[derive(Default)]
struct FileHistory {
    session: String,
    events: Events,
    /// The account that pays, as of the last line that names it.
    owner: Option<Owner>,
    prompt: Option<Rc<Prompt>>,
    requests: HashMap<Hash, Rc<SentRequest>>,
    caches: HashMap<String, SenderCaches>,
    loads: PendingLoads,
    /// The keys of the responses in this file, each of which may span several lines.
    seen: HashSet<i64>,
}

impl History {
    /// Processes each line of the current file. If a read fails, the lines before the failure have been processed. A line
    /// that is longer than any that Claude Code writes is processed in pieces, none of which can be parsed.
    fn read_file(&mut self, transcript: File) {
        let mut reader = BufReader::with_capacity(256 * 1024, transcript);
        let mut line = Vec::new();
        while let Ok(1..) = reader
            .by_ref()
            .take(LONGEST_LINE as u64)
            .read_until(b'\n', &mut line)
        {
            self.read(&line);
            line.clear();
        }
    }

    /// Processes the next line of the current file. Lines that do not parse are skipped.
    fn read(&mut self, line: &[u8]) {
        let Some(fields) = CacheLine::parse(line) else {
            return;
        };
        match (fields.kind.as_str(), fields.subtype.as_deref()) {
            ("api-request", _) => return self.file.read_request(fields),
            ("api-request-shape", _) => return self.shapes.extend(fields.shape()),
            ("system", Some("compact_boundary" | "microcompact_boundary")) => {
                self.file.events.compactions += 1;
            }
            ("system", Some("local_command")) => self.file.events.commands += 1,
            ("assistant", _) => self.read_response(line, fields),
            ("user", _) => self.file.read_user_line(&fields),
            ("session-owner" | "attachment", _) => self.file.read_owner(line),
            ("system", _) => {}
            _ => return,
        }
        self.file.events.lines += 1;
    }

    /// Processes a response line. A response is added when its first line is read, because the events before this line
    /// explain its rewrite. Later lines change only its cost. Up to Claude Code 2.1.91, the first line may lack the speed
    /// and output tokens, but it contains all prompt tokens.
    fn read_response(&mut self, line: &[u8], fields: CacheLine<'_>) {
        self.file.loads.read_calls(&fields);
        let sent = fields
            .request()
            .and_then(|request| self.file.requests.get(&request).cloned());
        let Some(response) = ConversationResponse::in_line(line, fields, sent) else {
            return;
        };
        if let Some(write) = self.writes.get_mut(&response.key) {
            write.response.merge_usage(&response);
        }
        if self.file.seen.insert(response.key) {
            self.add_response(response);
        }
    }

    /// Compares a response with its predecessor, and records its cache write unless the line is a copy.
    fn add_response(&mut self, mut response: ConversationResponse) {
        response.events = self.file.events;

        let caches = self
            .file
            .caches
            .entry(sender_of(&response))
            .or_default();
        caches.agent.clone_from(&response.agent);
        let loads = mem::take(&mut caches.loads);

        let previous = caches.by_model.remove(&response.model);
        let rewrite = if let Some(previous) = &previous {
            let rewrite = rewritten_tokens(previous, &response).map(|tokens| Rewrite {
                verdict: verdict(previous, &response, loads.first().copied(), &self.shapes),
                tokens,
                cost: Money::ZERO,
                after: response.at - previous.at,
            });
            response.first_prompt = previous.first_prompt;
            response.is_explained_miss = response.usage.cache_read < previous.tokens_in_cache()
                && rewrite
                    .as_ref()
                    .is_none_or(|rewrite| rewrite.verdict.cause != RewriteCause::Unknown);
            rewrite
        } else {
            response.first_prompt = response.usage.prompt();
            let cause = caches.cause_of_new(response.events, &loads);
            let tokens = response.usage.cache_write;
            (tokens > 0).then_some(Rewrite {
                verdict: cause.not_avoidable(),
                tokens,
                cost: Money::ZERO,
                after: 0,
            })
        };

        if !response.is_copy {
            let entry = self.writes.entry(response.key);
            entry.or_insert_with(|| CacheWrite {
                prompt: self.file.prompt.clone(),
                owner: self.file.owner.clone(),
                session: self.file.session.clone(),
                is_recorded: response.sent.is_some(),
                rewrite,
                // Keeping all requests would take too much memory.
                response: ConversationResponse {
                    sent: None,
                    ..response.clone()
                },
                ..CacheWrite::default()
            });
        }
        caches
            .by_model
            .insert(response.model.clone(), response);
    }
}

impl FileHistory {
    /// Processes a line from the user's side of the conversation. Besides prompts, this side contains commands, tool
    /// results, and messages added by Claude Code.
    fn read_user_line(&mut self, fields: &CacheLine<'_>) {
        for load in self.loads.read_results(fields) {
            for caches in self.caches.values_mut() {
                if caches.agent == load.agent {
                    caches.loads.push(load.cause);
                }
            }
        }

        let message = fields.message();
        let is_command = message.contains("<command-name>");
        let is_result = fields.tool_use_result.is_some() || message.contains("\"tool_result\"");
        let is_prompt = !is_command && !is_result && fields.is_meta != Some(true);
        self.events.prompts += u32::from(is_prompt);
        self.events.commands += u32::from(is_command);
        let known = self.prompt.as_ref().map(|prompt| &prompt.id);
        if let Some(id) = fields.prompt_id.clone()
            && Some(&id) != known
        {
            let words = match fields.turn_origin.as_deref() {
                // Claude Code sent this prompt to continue the session after a reset.
                Some("auto_continuation") => Some("(automatic continuation)".to_owned()),
                _ if is_prompt => first_words(message),
                _ => None,
            }
            .unwrap_or_default();
            self.prompt = Some(Rc::new(Prompt { id, words }));
        }
    }

    /// Processes a line that may identify the paying account.
    fn read_owner(&mut self, line: &[u8]) {
        let fields = serde_json::from_slice(line).unwrap_or_default();
        let Some(owner) = Owner::in_line(&fields) else {
            return;
        };
        // The owner of the responses before the first such line is unknown.
        let may_be_change = self.owner.is_none() && !self.seen.is_empty();
        let is_change = owner.replace(&mut self.owner);
        self.events.owner_changes += u32::from(may_be_change || is_change);
    }

    /// Processes a recorded request. If the request extends one that is not in the file, its messages are unknown.
    fn read_request(&mut self, fields: CacheLine<'_>) {
        let Some(mut request) = fields.into_request() else {
            return;
        };
        if let Some(base) = request.base {
            let new_messages = request.messages.take().unwrap_or_default();
            request.messages = self
                .requests
                .get(&base)
                .and_then(|base| base.messages.as_ref()?.get(..request.repeated))
                .map(|repeated| [repeated, &new_messages].concat());
        }
        self.requests.insert(request.id, Rc::new(request));
    }
}

/// Returns all cache writes in these transcripts, in chronological order. `progress` receives the
/// number of bytes read so far and the total number of bytes.
///
/// The files are read in full, including recorded requests, which takes time. Only commands that report on the cache
/// call this function. Files that cannot be read are skipped, and `whycap doctor` lists them.
pub(crate) fn cache_writes(
    mut files: Vec<TranscriptFile>,
    prices: &PriceTable,
    progress: &mut dyn FnMut(u64, u64),
) -> Vec<CacheWrite> {
    // The oldest files are read first because forks copy lines from older files.
    files.sort_by_cached_key(|file| (file.state.modified, file.path.clone()));
    let all_bytes = files.iter().map(|file| file.state.size).sum();
    let mut read_bytes = 0;
    let mut history = History::default();

    for file in files {
        if let Ok(opened) = open_regular(&file.path) {
            history.file = FileHistory {
                session: session_of(&file.path),
                ..FileHistory::default()
            };
            history.read_file(opened);
        }
        read_bytes += file.state.size;
        progress(read_bytes, all_bytes);
    }

    let mut writes: Vec<CacheWrite> = history.writes.into_values().collect();
    for write in &mut writes {
        write.price(prices);
    }
    writes.sort_by_key(|write| write.response.at);
    writes
}
