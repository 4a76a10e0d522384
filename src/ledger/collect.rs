//! Collects facts from transcripts in memory before they are committed.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::facts::{Id, Location, Response, id_of};
use super::rows::{RequestContext, context_id};
use super::stored_facts::{FactKind, FactRow};
use crate::claude::transcripts;
use crate::limits::{Event, Fact, Source};
use crate::pricing::PriceTable;
use crate::time::{Millis, datetime_from_millis};
use crate::transcript::limit_lines;
use crate::transcript::line::{self, Line};
use crate::transcript::reader::{
    EarlierLines, ReadLimits, ReadPosition, Sink, first_session, read_on,
};

/// The facts that have been read since the last commit.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The responses. A response may have several entries until [`Batch::finish`] merges them.
    pub responses: Vec<Response>,
    /// All responses after they have been stored in an empty ledger. `responses` is then empty.
    pub all_by_session: Option<ResponsesBySession>,
    /// The names of the sessions.
    pub sessions: BTreeMap<Id, String>,
    /// The names of the models. There are so few models that a `BTreeMap` is faster than a `HashMap`.
    pub models: BTreeMap<Id, String>,
    pub contexts: HashMap<Id, RequestContext>,
    /// The directory and time of each session's first response.
    pub directories: HashMap<Id, (Millis, String)>,
    pub files: Vec<FileFacts>,
    pub unreadable: Vec<PathBuf>,
    /// True if some lines were not read because time ran out or because another process was reading the same
    /// transcript.
    pub is_cut_short: bool,
}

/// All responses of each session.
pub(super) type ResponsesBySession = HashMap<Id, Vec<Response>>;

/// The facts from one transcript. The responses are in [`Batch::responses`].
#[derive(Debug, Default)]
pub(super) struct FileFacts {
    pub id: Id,
    pub path: PathBuf,
    pub session: Id,
    pub is_main: bool,
    /// True if any of the responses was received in a terminal by a client that writes checkpoints.
    pub is_from_terminal: bool,
    pub position: ReadPosition,
    /// How the lines that had already been read were handled.
    pub earlier_lines: EarlierLines,
    /// All other facts about spend.
    pub lines: Vec<FactRow>,
    /// The facts about limits, except responses.
    pub limit_facts: Vec<Fact>,
}

impl FileFacts {
    /// Returns true if the new lines contain a checkpoint or damage.
    pub(super) fn changes_results(&self) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|row| matches!(row.kind, FactKind::Checkpoint | FactKind::Damage))
    }
}

impl Batch {
    /// Reads the lines appended to a transcript since `position`.
    ///
    /// Returns an error if the file cannot be read. In that case, the batch is unchanged.
    pub(super) fn read(
        &mut self,
        path: &Path,
        position: &ReadPosition,
        limits: &mut ReadLimits<'_>,
    ) -> io::Result<()> {
        let session = session_of(path)?;
        let session_id = id_of(session.as_bytes());
        let is_subagent = path
            .components()
            .any(|part| part.as_os_str() == "subagents");
        let is_old_agent = path
            .file_stem()
            .is_some_and(|stem| stem.to_string_lossy().starts_with("agent-"));
        let mut sink = FileSink {
            facts: FileFacts {
                id: file_id(path),
                path: path.to_owned(),
                session: session_id,
                is_main: !is_subagent && !is_old_agent,
                ..FileFacts::default()
            },
            batch: self,
            session: session.clone(),
            undated: Vec::new(),
            responses: Vec::new(),
        };
        let (next_position, earlier_lines) = read_on(path, position, limits, &mut sink)?;
        // The lines that would date these events have not been written yet.
        let scan_state = &next_position.scan_state;
        sink.date_limit_events(
            scan_state
                .last_at
                .map_or(0, |at| at.saturating_add(1)),
        );
        if let Some(from) = scan_state.damaged_after {
            let until = scan_state
                .newest_at
                .unwrap_or_else(|| next_position.file.modified_ms());
            sink.damage(from, until.max(from));
        }
        let FileSink {
            mut facts,
            mut responses,
            ..
        } = sink;
        facts.position = next_position;
        facts.earlier_lines = earlier_lines;
        self.sessions.entry(session_id).or_insert(session);
        self.files.push(facts);
        self.responses.append(&mut responses);
        Ok(())
    }

    /// Returns all facts about limits, including the responses of the sessions.
    pub(super) fn limit_facts(&self) -> Vec<Fact> {
        let of_lines = self
            .files
            .iter()
            .flat_map(|facts| &facts.limit_facts);
        let responses = self
            .responses
            .iter()
            .filter(|response| !response.is_of_subagent)
            .map(|response| Fact {
                at: datetime_from_millis(response.at),
                session: self.sessions.get(&response.session).cloned(),
                source: Source::Transcript,
                event: Event::Served(limit_lines::response_from(
                    self.models.get(&response.model).map(String::as_str),
                )),
            });
        of_lines.cloned().chain(responses).collect()
    }

    /// Returns true if a transcript in the batch has a new checkpoint or new damage.
    pub(super) fn changes_results(&self) -> bool {
        self.files.iter().any(FileFacts::changes_results)
    }

    /// Returns the transcripts whose earlier lines were handled in the given way.
    pub(super) fn files_with(&self, earlier_lines: EarlierLines) -> impl Iterator<Item = Id> {
        self.files
            .iter()
            .filter(move |facts| facts.earlier_lines == earlier_lines)
            .map(|facts| facts.id)
    }

    /// Adds the facts from another batch that was read after this one.
    pub(super) fn append(&mut self, mut other: Self) {
        self.responses.append(&mut other.responses);
        self.sessions.extend(other.sessions);
        self.models.extend(other.models);
        self.contexts.extend(other.contexts);
        for (session, (at, directory)) in other.directories {
            self.add_directory(session, at, &directory);
        }
        self.files.append(&mut other.files);
        self.unreadable.append(&mut other.unreadable);
        self.is_cut_short |= other.is_cut_short;
    }

    /// Merges the lines of each response, sorts the responses by key, and calculates their costs.
    pub(super) fn finish(&mut self, prices: &PriceTable) {
        // This sort keeps the order of equal keys, and moves each response only once.
        self.responses
            .sort_by_cached_key(|response| response.key);
        self.responses.dedup_by(|later, first| {
            let is_same = later.key == first.key;
            if is_same {
                first.merge(later);
            }
            is_same
        });
        let by_model: BTreeMap<Id, _> = self
            .models
            .iter()
            .map(|(id, name)| (*id, super::facts::PricesOfModel::new(prices, name)))
            .collect();
        for response in &mut self.responses {
            if let Some(prices) = by_model.get(&response.model) {
                response.price(prices);
            }
        }
    }

    /// Removes the responses and groups them by session.
    pub(super) fn take_by_session(&mut self) -> ResponsesBySession {
        let mut by_session = ResponsesBySession::new();
        for response in std::mem::take(&mut self.responses) {
            let of_session = by_session.entry(response.session).or_default();
            of_session.push(response);
        }
        by_session
    }

    /// Records a session's directory unless the directory of an earlier response is known.
    fn add_directory(&mut self, session: Id, at: Millis, directory: &str) {
        let known = self.directories.get(&session);
        if known.is_none_or(|(known_at, _)| at < *known_at) {
            self.directories
                .insert(session, (at, directory.to_owned()));
        }
    }
}

/// Adds a name if it is new, and returns its ID.
fn add_name(names: &mut BTreeMap<Id, String>, name: &str) -> Id {
    let id = id_of(name.as_bytes());
    names.entry(id).or_insert_with(|| name.to_owned());
    id
}

/// Returns the ID of the file at this path.
pub(super) fn file_id(path: &Path) -> Id {
    id_of(path.as_os_str().as_encoded_bytes())
}

/// Returns the session that a transcript belongs to. If the file name is not a session ID, the session is determined
/// from the first lines.
fn session_of(path: &Path) -> io::Result<String> {
    let by_path = transcripts::session_of(path);
    if transcripts::is_session_id(&by_path) {
        return Ok(by_path);
    }
    Ok(first_session(path)?.unwrap_or(by_path))
}

/// Adds a transcript's lines to a batch.
struct FileSink<'b> {
    batch: &'b mut Batch,
    facts: FileFacts,
    /// The name of the session.
    session: String,
    /// Events about limits on lines without a time. They happened before the next line that has one.
    undated: Vec<Event>,
    /// The responses in the transcript.
    responses: Vec<Response>,
}

impl Sink for FileSink<'_> {
    fn line(&mut self, line: Line<'_>, offset: i64, is_out_of_order: bool) {
        let mut location = Location {
            file: self.facts.id,
            offset,
            ..Location::default()
        };
        match line {
            Line::Response(response) => {
                if let Some(at) = response.at {
                    self.date_limit_events(at);
                }
                location.is_out_of_order = is_out_of_order;
                location.is_from_terminal = response.is_from_terminal;
                location.source = self.source(response.copied_from.as_deref());
                self.response(response, location);
            }
            Line::Checkpoint(checkpoint) => {
                for name in checkpoint.models.keys() {
                    add_name(&mut self.batch.models, name);
                }
                self.facts.lines.push(FactRow {
                    key: Some(checkpoint.started),
                    at: checkpoint.latest_preceding_time,
                    detail: serde_json::to_string(&checkpoint).ok(),
                    ..FactRow::new(FactKind::Checkpoint, location)
                });
            }
            Line::OwnershipMarker(marker) => self.marker(FactRow {
                key: marker.snapshot,
                at: Some(marker.at),
                ..FactRow::new(FactKind::Marker, location)
            }),
            Line::CompactBoundary(compaction) => {
                if compaction.copied_from.is_none() {
                    self.limit_event(Some(compaction.at), Event::Shortened);
                }
                location.is_out_of_order = is_out_of_order;
                location.source = self.source(compaction.copied_from.as_deref());
                self.facts.lines.push(FactRow {
                    key: Some(compaction.key),
                    at: Some(compaction.at),
                    detail: Some(compaction.tokens.to_string()),
                    ..FactRow::new(FactKind::Compaction, location)
                });
            }
            Line::PullRequest(pull_request) => self.facts.lines.push(FactRow {
                at: Some(pull_request.at),
                detail: serde_json::to_string(&pull_request).ok(),
                ..FactRow::new(FactKind::PullRequest, location)
            }),
            Line::LimitFact(line) => self.limit_line(line.bytes, line.at),
            Line::Fallback(_) | Line::Other => {}
        }
    }

    fn damage(&mut self, from: Millis, until: Millis) {
        let location = Location {
            file: self.facts.id,
            offset: until,
            ..Location::default()
        };
        self.facts.lines.push(FactRow {
            key: Some(until),
            at: Some(from),
            ..FactRow::new(FactKind::Damage, location)
        });
    }
}

impl FileSink<'_> {
    /// Adds the fact about limits in a line. The errors of subagents do not stop their session.
    fn limit_line(&mut self, line: &[u8], at: Option<Millis>) {
        if self.facts.is_main
            && let Some(event) = limit_lines::event_in(line)
        {
            self.limit_event(at, event);
        }
    }

    fn limit_event(&mut self, at: Option<Millis>, event: Event) {
        self.undated.push(event);
        if let Some(at) = at {
            self.date_limit_events(at);
        }
    }

    /// Adds the undated events. The next line with a time has this one.
    fn date_limit_events(&mut self, at: Millis) {
        let facts = self.undated.drain(..).map(|event| Fact {
            at: datetime_from_millis(at),
            session: Some(self.session.clone()),
            source: Source::Transcript,
            event,
        });
        self.facts.limit_facts.extend(facts);
    }

    /// Returns the ID of the session that a line was copied from.
    fn source(&mut self, name: Option<&str>) -> Option<Id> {
        name.map(|name| add_name(&mut self.batch.sessions, name))
    }

    /// Adds a marker if it is a snapshot or the first `queue-operation`. Later `queue-operation` lines prove nothing
    /// more.
    fn marker(&mut self, row: FactRow) {
        let mut lines = self.facts.lines.iter();
        if row.key.is_some() || !lines.any(|known| known.kind == row.kind && known.key.is_none()) {
            self.facts.lines.push(row);
        }
    }

    fn response(&mut self, line: line::ResponseLine<'_>, location: Location) {
        let Some(at) = line.at else {
            return;
        };
        let agent = match (line.agent.as_deref(), line.subagent) {
            (Some(agent), _) => agent,
            (None, true) => "subagent",
            (None, false) => "main",
        };
        self.facts.is_from_terminal |= line.is_from_terminal;
        let branch = line.branch.as_deref().unwrap_or_default();
        let context = context_id(branch, agent);
        let contexts = &mut self.batch.contexts;
        contexts
            .entry(context)
            .or_insert_with(|| RequestContext {
                branch: branch.to_owned(),
                agent: agent.to_owned(),
            });
        if let Some(directory) = &line.directory {
            self.batch
                .add_directory(self.facts.session, at, directory);
        }
        for advice in &line.advice {
            add_name(&mut self.batch.models, &advice.model);
        }
        let response = Response {
            key: line.key,
            at,
            session: self.facts.session,
            model: add_name(&mut self.batch.models, &line.model),
            requested: line
                .requested_model
                .as_deref()
                .map(|name| add_name(&mut self.batch.models, name)),
            context,
            is_of_subagent: line.subagent,
            usage: line.usage,
            service: line.service,
            several_calls: line.calls,
            advice: line.advice,
            location,
            ..Response::default()
        };
        match self.responses.last_mut() {
            Some(last) if last.key == line.key => last.merge(&response),
            _ => self.responses.push(response),
        }
    }
}
