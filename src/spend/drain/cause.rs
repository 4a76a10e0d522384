//! Determines why a response wrote tokens to the prompt cache that should already have been there.
//!
//! Each response is compared with its predecessor in the same cache. A rewrite is considered avoidable (`needless` in
//! JSON) only if the transcript proves that neither the user nor an expired cache entry caused it. If no other cause
//! can be proven, the rewrite is unexplained.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::line::ConversationResponse;
use crate::json::embedded;
use crate::transcript::requests::{Hash, SentRequest, Shape, Shapes};

/// The cause of a rewrite. `drain --json` and `causes.json` use its name in `snake_case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RewriteCause {
    /// The request had not changed, but the server did not use the cache.
    Server,
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

/// The display texts for a cause. If a cause needs no such text, the text is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CauseTexts {
    /// A short description of the cause.
    pub label: String,
    /// Advice on how to prevent rewrites with this cause.
    pub advice: String,
}

impl RewriteCause {
    /// Returns the display texts for this cause.
    pub(super) fn texts(self) -> &'static CauseTexts {
        static ALL: LazyLock<HashMap<RewriteCause, CauseTexts>> = LazyLock::new(|| {
            embedded::parse("spend/drain/causes.json", include_str!("causes.json"))
        });
        static NONE: LazyLock<CauseTexts> = LazyLock::new(CauseTexts::default);
        ALL.get(&self).unwrap_or(&NONE)
    }

    /// Returns the verdict that a rewrite with this cause was avoidable, with the given proof.
    fn avoidable(self, proof: impl Into<String>) -> RewriteVerdict {
        RewriteVerdict {
            cause: self,
            proof: Some(proof.into()),
        }
    }

    /// Returns the verdict that a rewrite with this cause was not avoidable, or not provably so.
    pub(super) const fn not_avoidable(self) -> RewriteVerdict {
        RewriteVerdict {
            cause: self,
            proof: None,
        }
    }

    /// Returns true if the user can prevent rewrites with this cause, even though the task may have required them.
    pub(super) fn is_load(self) -> bool {
        matches!(self, Self::SkillLoaded | Self::ToolsLoaded)
    }
}

/// The verdict on a rewrite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RewriteVerdict {
    pub cause: RewriteCause,
    /// The proof that the rewrite was avoidable, or `None` if it was not provably avoidable.
    pub(super) proof: Option<String>,
}

/// The verdict on a rewrite whose cause cannot be proven.
const UNEXPLAINED: RewriteVerdict = RewriteCause::Unknown.not_avoidable();

/// The minimum number of missed tokens in a rewrite. Claude Code 2.1.329 uses this threshold and the next one to count
/// its own cache misses.
const MIN_TOKENS: u64 = 2_000;
/// A read is considered complete if the response reads at least this percentage of the cached tokens.
const COMPLETE_PERCENT: u64 = 95;
/// The number of content blocks before each cache breakpoint that the server searches for an earlier entry. A
/// transcript line represents one or more blocks, so turns with more lines are inconclusive.
const LOOKBACK_BLOCKS: u32 = 20;

/// Returns the number of tokens that `response` wrote even though `previous` had left them in the cache. Returns `None`
/// if `response` read all or nearly all of these tokens.
pub(super) fn rewritten_tokens(
    previous: &ConversationResponse,
    response: &ConversationResponse,
) -> Option<u64> {
    let read = response.usage.cache_read;
    let available = previous
        .tokens_in_cache()
        .min(response.usage.prompt());
    let missed = available.saturating_sub(read);
    let is_complete = read.saturating_mul(100) >= available.saturating_mul(COMPLETE_PERCENT);
    let rewritten = missed.min(response.usage.cache_write);

    if is_complete || missed < MIN_TOKENS || rewritten == 0 {
        return None;
    }
    Some(rewritten)
}

/// Returns the verdict on a rewrite. `load` is the cause that applies to the first item that the conversation loaded
/// between the two responses.
pub(super) fn verdict(
    previous: &ConversationResponse,
    response: &ConversationResponse,
    load: Option<RewriteCause>,
    shapes: &Shapes,
) -> RewriteVerdict {
    if response.events.compactions > previous.events.compactions {
        return RewriteCause::Compaction.not_avoidable();
    }
    if has_expired(previous, response) {
        return RewriteCause::Expired.not_avoidable();
    }
    match (&previous.sent, &response.sent) {
        (Some(old), Some(new)) => {
            let pair = RequestPair {
                previous,
                response,
                old,
                new,
            };
            let verdict = pair.verdict(load, shapes);
            if verdict.proof.is_some() && !pair.is_conclusive() {
                return UNEXPLAINED;
            }
            verdict
        }
        _ => match load {
            Some(load) if is_same_turn(previous, response) => load.not_avoidable(),
            _ => UNEXPLAINED,
        },
    }
}

/// Returns true if the cache entries that `previous` left had expired before the next request.
fn has_expired(previous: &ConversationResponse, response: &ConversationResponse) -> bool {
    // Other sessions may have kept the tools and the system prompt in the cache, and forks may have kept the tokens
    // that `previous` read. Only a response that reads more than these tokens proves that an entry that `previous`
    // wrote was still there. The tools and the system prompt are usually shorter than the first prompt, but may grow
    // later.
    let read = response.usage.cache_read;
    let is_write_read = read > previous.first_prompt
        && read > previous.usage.cache_read
        && read.saturating_mul(2) > previous.tokens_in_cache();
    // `previous` used its cache entries no later than `previous.at`.
    !is_write_read && response.sent_at() - previous.at >= previous.lifetime()
}

/// Returns true if neither the user nor an update intervened between two responses.
fn is_same_turn(previous: &ConversationResponse, response: &ConversationResponse) -> bool {
    previous.events.is_same_turn(&response.events) && response.version == previous.version
}

/// Two responses in a row from the same cache whose requests were recorded.
struct RequestPair<'r> {
    previous: &'r ConversationResponse,
    response: &'r ConversationResponse,
    old: &'r SentRequest,
    new: &'r SentRequest,
}

impl RequestPair<'_> {
    fn verdict(&self, load: Option<RewriteCause>, shapes: &Shapes) -> RewriteVerdict {
        let (old, new) = (self.old, self.new);
        if new.shape != old.shape {
            let (before, after) = match (shapes.get(&old.shape), shapes.get(&new.shape)) {
                (Some(before), Some(after)) if before != after => (before, after),
                _ => return UNEXPLAINED,
            };
            // A tool search adds the tools that it has found. In some versions, it also changes the system prompt.
            return if load == Some(RewriteCause::ToolsLoaded) {
                RewriteCause::ToolsLoaded.not_avoidable()
            } else {
                self.unless_by_user(shape_verdict(before, after))
            };
        }
        let are_parameters_same = new.effort == old.effort && new.parameters == old.parameters;
        if load == Some(RewriteCause::SkillLoaded) && !are_parameters_same {
            return RewriteCause::SkillLoaded.not_avoidable();
        }
        if new.effort != old.effort {
            return RewriteCause::EffortChanged.not_avoidable();
        }
        let (Some(old_messages), Some(new_messages)) = (&old.messages, &new.messages) else {
            return UNEXPLAINED;
        };
        if !are_parameters_same {
            return UNEXPLAINED;
        }
        match (compare_messages(old_messages, new_messages), load) {
            (Comparison::Extended, Some(load)) => load.not_avoidable(),
            (Comparison::Extended, None) if self.is_near() => RewriteCause::Server.avoidable(
                "the tools, system prompt, settings, and all earlier messages were the same",
            ),
            (Comparison::Extended, None) => UNEXPLAINED,
            // If the requests are far apart, the server might not have found the entry even if the message had stayed
            // the same.
            (Comparison::Replaced, _) if self.is_near() => {
                self.unless_by_user(RewriteCause::MessagesRewritten.avoidable(
                    "an earlier message was changed, but the messages after it were not",
                ))
            }
            (Comparison::Replaced | Comparison::WentBack, _) => {
                RewriteCause::MessagesRewritten.not_avoidable()
            }
        }
    }

    /// Returns the verdict without its proof if the user may have changed the request. The rewrite is then not
    /// considered avoidable. Commands, updates, and restarts are expected to change the request. For a subagent's
    /// request, the user's actions are recorded in a different file.
    fn unless_by_user(&self, verdict: RewriteVerdict) -> RewriteVerdict {
        let (previous, response) = (self.previous, self.response);
        let is_by_user = self.new.base.is_none()
            || response.agent.is_some()
            || response.version != previous.version
            || response.events.commands > previous.events.commands;
        RewriteVerdict {
            proof: verdict.proof.filter(|_| !is_by_user),
            ..verdict
        }
    }

    /// Returns true if the server must have searched far enough back to find the previous entry.
    fn is_near(&self) -> bool {
        let lines = self.response.events.lines;
        lines.saturating_sub(self.previous.events.lines) <= LOOKBACK_BLOCKS
    }

    /// Returns true if the data is reliable enough to prove that a rewrite was avoidable.
    fn is_conclusive(&self) -> bool {
        let (previous, response) = (self.previous, self.response);
        response.at - previous.sent_at() < previous.lifetime()
            && response.events.owner_changes == previous.events.owner_changes
            && response.service == previous.service
            && !self.is_impossible()
            && has_requested_lifetimes(previous, self.old)
            && has_requested_lifetimes(response, self.new)
    }

    /// Returns true if the length of the prefix that was read does not match any possible cache entry.
    ///
    /// Each entry ends at a cache breakpoint. The previous response has one breakpoint at the end of what was read and
    /// one at the end of what was written, with none in between. If the response did not read everything that was
    /// available, an older entry may end between these breakpoints.
    fn is_impossible(&self) -> bool {
        let shortest = self.previous.usage.cache_read;
        let read = self.response.usage.cache_read;
        shortest > 0
            && !self.previous.is_explained_miss
            && shortest < read
            && read < self.previous.tokens_in_cache()
    }
}

/// Returns true if all entries have a lifetime that the request specified. Otherwise, the token counts are unreliable.
fn has_requested_lifetimes(response: &ConversationResponse, request: &SentRequest) -> bool {
    response
        .written_lifetimes()
        .all(|lifetime| request.lifetimes.contains(&lifetime))
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

/// Returns the verdict on a difference between shapes. The tools are compared first because they precede the system
/// prompt.
fn shape_verdict(old: &Shape, new: &Shape) -> RewriteVerdict {
    if old.tools == new.tools {
        return RewriteCause::SystemPromptChanged
            .avoidable("the tools were the same, but the system prompt was not");
    }
    let all = old.tools.iter().chain(&new.tools);
    let changed = all.filter(|tool| !(old.tools.contains(tool) && new.tools.contains(tool)));
    let names: BTreeSet<&str> = changed.map(|tool| tool.name.as_str()).collect();
    let proof = if names.is_empty() {
        "the tools were sent in a different order".to_owned()
    } else {
        format!("these tools differ: {}", Vec::from_iter(names).join(", "))
    };
    RewriteCause::ToolsChanged.avoidable(proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_label_and_every_preventable_cause_has_advice() {
        let all: HashMap<RewriteCause, CauseTexts> =
            serde_json::from_str(include_str!("causes.json")).unwrap();
        assert_eq!(all.len(), 12);
        assert!(all.values().all(|texts| !texts.label.is_empty()));
        for cause in [
            RewriteCause::Server,
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
