//! Determines why a response wrote tokens to the prompt cache that should already have been there.
//!
//! Each response is compared with its predecessor in the same cache. A rewrite is considered avoidable (`needless` in
//! JSON) only if the transcript proves that neither the user nor an expired cache entry caused it. If no other cause
//! can be proven, the rewrite is unexplained.

use std::collections::HashMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::loads::LoadKind;
use super::transcript_line::{
    ConversationResponse, FIVE_MINUTES, Hash, Request, Shape, Shapes, Tool,
};
use crate::embedded;
use crate::time::{HOUR, Millis};

/// The cause of a rewrite. `drain --json` and `causes.json` use its name in `snake_case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RewriteCause {
    /// The request was recorded and had not changed, but the server did not use the cache.
    Server,
    /// Several responses in a row read the same part of the cache. Their requests were not recorded, so either the
    /// server or Claude Code may be at fault. In the output of `drain --json`, this cause is also named `server`.
    #[serde(rename(serialize = "server"))]
    StalledReads,
    ToolsChanged,
    SystemPromptChanged,
    MessagesRewritten,
    SkillLoaded,
    ToolsLoaded,
    ModelChanged,
    EffortChanged,
    Expired,
    Compaction,
    First,
    Unknown,
}

/// Indicates whether a rewrite was avoidable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Avoidability {
    Avoidable,
    NotAvoidable,
    /// The evidence proves neither.
    Unknown,
}

/// The verdict on a rewrite: its cause, and whether it was avoidable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RewriteVerdict {
    pub(crate) cause: RewriteCause,
    pub(super) avoidability: Avoidability,
}

impl RewriteVerdict {
    /// The verdict on a rewrite whose cause cannot be proven.
    const UNEXPLAINED: Self = Self::possibly_avoidable(RewriteCause::Unknown);

    /// Returns the verdict on a rewrite that the task or the user's actions made necessary.
    pub(crate) const fn not_avoidable(cause: RewriteCause) -> Self {
        Self {
            cause,
            avoidability: Avoidability::NotAvoidable,
        }
    }

    /// Returns the verdict on a rewrite that may or may not have been avoidable.
    pub(crate) const fn possibly_avoidable(cause: RewriteCause) -> Self {
        Self {
            cause,
            avoidability: Avoidability::Unknown,
        }
    }

    /// Returns the verdict on an avoidable rewrite.
    pub(crate) const fn avoidable(cause: RewriteCause) -> Self {
        Self {
            cause,
            avoidability: Avoidability::Avoidable,
        }
    }

    /// Returns the verdict on a rewrite that was avoidable unless `is_excused` is true.
    fn unless(is_excused: bool, cause: RewriteCause) -> Self {
        if is_excused {
            Self::not_avoidable(cause)
        } else {
            Self::avoidable(cause)
        }
    }

    /// Returns true if the rewrite was provably avoidable.
    pub(crate) fn is_avoidable(self) -> bool {
        self.avoidability == Avoidability::Avoidable
    }

    /// Returns the verdict on this rewrite if it is part of a series of stalled reads, which makes it avoidable.
    pub(super) fn in_stall(self) -> Self {
        let cause = match self.cause {
            RewriteCause::Unknown => RewriteCause::StalledReads,
            known => known,
        };
        Self::avoidable(cause)
    }

    /// Returns the verdict for the output of `drain --json`. Stalled reads have the cause `server`, and rewrites that
    /// were not provably avoidable count as not avoidable.
    pub(super) fn in_json(self) -> Self {
        let cause = match self.cause {
            RewriteCause::StalledReads => RewriteCause::Server,
            other => other,
        };
        if self.is_avoidable() {
            Self::avoidable(cause)
        } else {
            Self::not_avoidable(cause)
        }
    }

    /// Returns a short description of the cause.
    pub(super) fn label(self) -> &'static str {
        let texts = self.cause.texts();
        match &texts.unintended_label {
            Some(label) if self.avoidability != Avoidability::NotAvoidable => label,
            _ => &texts.label,
        }
    }
}

/// The display texts for a cause.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CauseTexts {
    /// A short description of the cause.
    label: String,
    /// The label for rewrites that the user may not have caused, if it differs.
    unintended_label: Option<String>,
    /// The proof that a rewrite was avoidable. The text is empty if each rewrite has its own proof.
    #[serde(default)]
    pub(super) evidence: String,
    /// Advice on how to prevent rewrites with this cause. The text is empty if there is none.
    #[serde(default)]
    pub(super) advice: String,
    /// Advice if this cause is known only from the API's reason. The text is empty if there is none.
    #[serde(default)]
    pub(super) reported_advice: String,
}

impl RewriteCause {
    /// Returns the display texts for this cause.
    pub(super) fn texts(self) -> &'static CauseTexts {
        static ALL: LazyLock<HashMap<RewriteCause, CauseTexts>> =
            LazyLock::new(|| embedded::parse("drain/causes.json", include_str!("causes.json")));
        static NONE: LazyLock<CauseTexts> = LazyLock::new(CauseTexts::default);
        ALL.get(&self).unwrap_or(&NONE)
    }
}

impl LoadKind {
    /// Returns the cause of a rewrite that resulted from loading a skill or tools.
    pub(super) fn cause(self) -> RewriteCause {
        match self {
            Self::Skill => RewriteCause::SkillLoaded,
            Self::Tools => RewriteCause::ToolsLoaded,
        }
    }
}

/// The minimum number of missed tokens that counts as a rewrite. Claude Code 2.1.329 uses this threshold and the next
/// one to count its own cache misses.
const MIN_TOKENS: u64 = 2_000;
/// A read is considered complete if the response reads at least this percentage of the cached tokens.
const COMPLETE_PERCENT: u64 = 95;
/// The number of content blocks before each cache breakpoint that the server searches for an earlier entry. A
/// transcript line represents one or more blocks, so turns with more lines are inconclusive.
const LOOKBACK_BLOCKS: u32 = 20;

impl ConversationResponse {
    /// Returns the number of prompt tokens in the cache after this response.
    pub(super) fn tokens_in_cache(&self) -> u64 {
        let usage = &self.usage;
        usage.cache_read.saturating_add(usage.cache_write)
    }

    /// Returns the time of the request, or the time of the response if the request was not recorded.
    fn sent_at(&self) -> Millis {
        self.sent.as_ref().map_or(self.at, |request| request.at)
    }

    /// Returns the lifetimes of the entries that the response wrote.
    fn written_lifetimes(&self) -> impl Iterator<Item = Millis> {
        let five_minutes = (self.usage.cache_write_5m() > 0).then_some(FIVE_MINUTES);
        let hour = (self.usage.cache_write_1h > 0).then_some(HOUR);
        five_minutes.into_iter().chain(hour)
    }

    /// Returns the lifetime of the cache entries that the response used, or the shorter lifetime if there were two.
    fn lifetime(&self) -> Millis {
        let requested = self
            .sent
            .as_ref()
            .and_then(|request| request.lifetimes.first().copied())
            .or(self.lifetime);
        self.written_lifetimes()
            .chain(requested)
            .min()
            .unwrap_or(FIVE_MINUTES)
    }

    /// Returns true if the response wrote entries with a lifetime that the request did not specify. If the request is
    /// unknown, returns true if the response wrote entries with both lifetimes. In either case, the token counts are
    /// unreliable.
    fn contradicts_request(&self) -> bool {
        let mut written = self.written_lifetimes();
        match &self.sent {
            Some(request) => written.any(|lifetime| !request.lifetimes.contains(&lifetime)),
            None => written.count() > 1,
        }
    }
}

/// Returns the number of tokens that `response` wrote even though `previous` had left them in the cache. Returns `None`
/// if `response` read all or nearly all of these tokens.
pub(super) fn rewritten_tokens(
    previous: &ConversationResponse,
    response: &ConversationResponse,
) -> Option<u64> {
    let available = previous.tokens_in_cache().min(response.usage.prompt());
    let missed = available.saturating_sub(response.usage.cache_read);
    let is_complete =
        response.usage.cache_read.saturating_mul(100) >= available.saturating_mul(COMPLETE_PERCENT);
    let rewritten = missed.min(response.usage.cache_write);

    if is_complete || missed < MIN_TOKENS || rewritten == 0 {
        return None;
    }
    Some(rewritten)
}

/// Returns the verdict on a rewrite without considering the reason that the API reported. `load` is the kind of item
/// that the conversation loaded between the two responses, if any.
pub(super) fn verdict_by_lines(
    previous: &ConversationResponse,
    response: &ConversationResponse,
    load: Option<LoadKind>,
    shapes: &Shapes,
) -> RewriteVerdict {
    if response.events.compactions > previous.events.compactions {
        return RewriteVerdict::not_avoidable(RewriteCause::Compaction);
    }
    if has_expired(previous, response) {
        return RewriteVerdict::not_avoidable(RewriteCause::Expired);
    }
    let verdict = match (&previous.sent, &response.sent) {
        (Some(old), Some(new)) => by_requests(previous, response, (old, new), load, shapes),
        _ => match load {
            Some(load) if is_same_turn(previous, response) => {
                RewriteVerdict::not_avoidable(load.cause())
            }
            _ => RewriteVerdict::UNEXPLAINED,
        },
    };
    if verdict.is_avoidable() && !is_conclusive(previous, response) {
        return RewriteVerdict::UNEXPLAINED;
    }
    verdict
}

/// Returns true if the cache entries that `previous` left had expired before the next request.
fn has_expired(previous: &ConversationResponse, response: &ConversationResponse) -> bool {
    // Other sessions may have kept the tools and the system prompt in the cache, and forks may have kept what
    // `previous` read. Only reading more than that proves that an entry that `previous` wrote was still there. The
    // tools and the system prompt are usually shorter than the first prompt, but may grow later.
    let read = response.usage.cache_read;
    let is_write_read = read > previous.first_prompt
        && read > previous.usage.cache_read
        && read.saturating_mul(2) > previous.tokens_in_cache();
    if is_write_read {
        return false;
    }
    // `previous` used its cache entries no later than `previous.at`.
    response.sent_at() - previous.at >= previous.lifetime()
}

/// Returns true if the data on two responses is reliable enough to prove that a rewrite was avoidable.
fn is_conclusive(previous: &ConversationResponse, response: &ConversationResponse) -> bool {
    // The time of an unrecorded request is unknown, and a response can take several minutes.
    let safe_age = match previous.sent {
        Some(_) => previous.lifetime(),
        None => previous.lifetime() / 2,
    };
    response.at - previous.sent_at() < safe_age
        && response.events.owner_changes == previous.events.owner_changes
        && response.service == previous.service
        && !is_impossible(previous, response)
        && !previous.contradicts_request()
        && !response.contradicts_request()
}

/// Returns true if the length of the prefix that `response` read does not match any possible cache entry.
///
/// Each entry ends at a cache breakpoint. `previous` has one breakpoint at the end of what was read and one at the end
/// of what was written, with none in between. If `previous` did not read everything that was available, an older entry
/// may end between these breakpoints.
fn is_impossible(previous: &ConversationResponse, response: &ConversationResponse) -> bool {
    let shortest = previous.usage.cache_read;
    let read = response.usage.cache_read;
    shortest > 0
        && !previous.is_explained_miss
        && shortest < read
        && read < previous.tokens_in_cache()
}

/// Returns the verdict on a rewrite for which both requests were recorded.
fn by_requests(
    previous: &ConversationResponse,
    response: &ConversationResponse,
    (old, new): (&Request, &Request),
    load: Option<LoadKind>,
    shapes: &Shapes,
) -> RewriteVerdict {
    // Commands, updates, and restarts are expected to change the request. For a subagent's request, the user's actions
    // are recorded in a different file.
    let is_by_user = new.base.is_none()
        || response.agent.is_some()
        || response.version != previous.version
        || response.events.commands > previous.events.commands;

    if new.shape != old.shape {
        match difference(old, new, shapes) {
            Some(difference) if !(difference.is_tool_load && load == Some(LoadKind::Tools)) => {
                return RewriteVerdict::unless(is_by_user, difference.cause);
            }
            Some(_) => {}
            None => return RewriteVerdict::UNEXPLAINED,
        }
    }
    let are_parameters_same = new.effort == old.effort && new.parameters == old.parameters;
    if !are_parameters_same && load == Some(LoadKind::Skill) {
        return RewriteVerdict::not_avoidable(RewriteCause::SkillLoaded);
    }
    if new.effort != old.effort {
        return RewriteVerdict::not_avoidable(RewriteCause::EffortChanged);
    }
    let (Some(old_messages), Some(new_messages)) = (&old.messages, &new.messages) else {
        return RewriteVerdict::UNEXPLAINED;
    };
    if !are_parameters_same {
        return RewriteVerdict::UNEXPLAINED;
    }

    let is_near = !is_beyond_lookback(previous, response);
    match compare_messages(old_messages, new_messages) {
        Comparison::Extended => match load {
            Some(load) => RewriteVerdict::not_avoidable(load.cause()),
            None if is_near => RewriteVerdict::avoidable(RewriteCause::Server),
            None => RewriteVerdict::UNEXPLAINED,
        },
        Comparison::Replaced if is_by_user => {
            RewriteVerdict::not_avoidable(RewriteCause::MessagesRewritten)
        }
        Comparison::Replaced if is_near => {
            RewriteVerdict::avoidable(RewriteCause::MessagesRewritten)
        }
        // The server might not have found the entry even if the message had stayed the same.
        Comparison::Replaced => RewriteVerdict::possibly_avoidable(RewriteCause::MessagesRewritten),
        Comparison::WentBack => RewriteVerdict::not_avoidable(RewriteCause::MessagesRewritten),
    }
}

/// Returns true if the number of lines between two responses exceeds [`LOOKBACK_BLOCKS`].
fn is_beyond_lookback(previous: &ConversationResponse, response: &ConversationResponse) -> bool {
    response.events.lines.saturating_sub(previous.events.lines) > LOOKBACK_BLOCKS
}

/// Returns true if neither the user nor an update intervened between two responses.
fn is_same_turn(previous: &ConversationResponse, response: &ConversationResponse) -> bool {
    previous.events.is_same_turn(&response.events) && response.version == previous.version
}

/// The difference between the messages of two requests.
enum Comparison {
    /// The new request repeats all messages of the old request.
    Extended,
    /// A message was replaced, all later messages were repeated, and another message was added.
    Replaced,
    /// The user may have rewound the conversation.
    WentBack,
}

fn compare_messages(old: &[Hash], new: &[Hash]) -> Comparison {
    let same = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| old == new)
        .count();
    if same == old.len() {
        return Comparison::Extended;
    }
    let later = old.get(same + 1..).unwrap_or_default();
    let mut rest = new.iter().skip(same);
    let is_later_repeated = later
        .iter()
        .all(|message| rest.any(|candidate| candidate == message));

    if !later.is_empty() && is_later_repeated && rest.next().is_some() {
        Comparison::Replaced
    } else {
        Comparison::WentBack
    }
}

/// Returns true if a rewrite looks like part of a stall. In a stall, a response reads no further than its predecessor,
/// even though the predecessor extended the cache and the prompt has not become shorter.
///
/// A single stalled read proves nothing, so [`super::stalls`] looks for a series of them. This check only applies to
/// responses whose requests were not recorded. Reads of zero tokens are excluded because a change to the tools has the
/// same effect.
pub(super) fn is_stalled(previous: &ConversationResponse, response: &ConversationResponse) -> bool {
    previous.sent.is_none()
        && response.sent.is_none()
        && previous.usage.cache_write > 0
        && response.usage.cache_read > 0
        && response.usage.cache_read == previous.usage.cache_read
        && response.usage.prompt() >= previous.usage.prompt()
        && response.version == previous.version
        && response.effort == previous.effort
}

/// Returns true if a rewrite in a series of stalled reads may be considered avoidable.
pub(super) fn is_conclusive_stall(
    previous: &ConversationResponse,
    response: &ConversationResponse,
) -> bool {
    is_conclusive(previous, response) && !is_beyond_lookback(previous, response)
}

/// A difference between the shapes of two requests.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) cause: RewriteCause,
    /// A description of the difference, for display.
    pub(super) text: String,
    /// True if deferred tools were added and nothing else changed, which is what a tool search does.
    is_tool_load: bool,
}

/// Returns the difference between the shapes of two requests, or `None` if they are identical or were not recorded. The
/// tools are compared first because they precede the system prompt.
pub(super) fn difference(old: &Request, new: &Request, shapes: &Shapes) -> Option<Difference> {
    let old = shapes.get(&old.shape)?;
    let new = shapes.get(&new.shape)?;

    if old.tools != new.tools {
        return Some(Difference {
            cause: RewriteCause::ToolsChanged,
            text: changed_tools(old, new),
            is_tool_load: is_tool_load(old, new),
        });
    }
    if old.system != new.system {
        let (before, after) = (old.system.length, new.system.length);
        return Some(Difference {
            cause: RewriteCause::SystemPromptChanged,
            text: format!("the system prompt changed from {before} to {after} characters"),
            is_tool_load: false,
        });
    }
    None
}

/// Returns true if the only difference is that deferred tools were added.
fn is_tool_load(old: &Shape, new: &Shape) -> bool {
    let are_present_tools_same = old
        .tools
        .iter()
        .filter(|tool| !tool.is_deferred)
        .eq(new.tools.iter().filter(|tool| !tool.is_deferred));
    let is_none_missing = old.tools.iter().all(|tool| new.tools.contains(tool));

    are_present_tools_same && is_none_missing && old.system == new.system
}

/// Describes which tools were added, removed, or changed.
fn changed_tools(old: &Shape, new: &Shape) -> String {
    let mut removed: IndexMap<&str, &Tool> = old
        .tools
        .iter()
        .map(|tool| (tool.name.as_str(), tool))
        .collect();
    let mut changes = Vec::new();

    for tool in &new.tools {
        let (name, length) = (&tool.name, tool.definition.length);
        match removed.shift_remove(name.as_str()) {
            None => changes.push(format!("{name} was added ({length} characters)")),
            Some(known) if known.definition != tool.definition => {
                let before = known.definition.length;
                changes.push(format!(
                    "{name} changed from {before} to {length} characters"
                ));
            }
            Some(_) => {}
        }
    }
    for (name, tool) in removed {
        let length = tool.definition.length;
        changes.push(format!("{name} was removed ({length} characters)"));
    }

    if changes.is_empty() {
        return "the tools were sent in a different order".to_owned();
    }
    changes.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_label_and_every_avoidable_cause_has_advice() {
        let all: HashMap<RewriteCause, CauseTexts> =
            serde_json::from_str(include_str!("causes.json")).unwrap();
        assert_eq!(all.len(), 13);

        for (cause, texts) in &all {
            assert_eq!(RewriteVerdict::not_avoidable(*cause).label(), texts.label);
            assert!(
                !RewriteVerdict::avoidable(*cause).label().is_empty(),
                "{cause:?}"
            );
        }
        for cause in [
            RewriteCause::Server,
            RewriteCause::StalledReads,
            RewriteCause::ToolsChanged,
            RewriteCause::SystemPromptChanged,
            RewriteCause::MessagesRewritten,
            RewriteCause::SkillLoaded,
            RewriteCause::ToolsLoaded,
        ] {
            assert!(!all[&cause].advice.is_empty(), "{cause:?}");
        }
    }
}
