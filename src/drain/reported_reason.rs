//! The reason that the API gives for a cache miss.
//!
//! Since about version 2.1.132, Claude Code asks the API to compare each request with the previous one, and stores the
//! result in the transcript (`message.diagnostics`). The API reports only the first difference. It compares the
//! contents of two requests regardless of whether the cache was used, so a reason does not show that a rewrite was
//! avoidable. docs/drain.md names the sources.

use serde::Deserialize;

use super::cause::{RewriteCause, RewriteVerdict};

/// The type of a reason, as defined in the API's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ReportedReason {
    /// The request named a different model.
    ModelChanged,
    /// The system prompt differed.
    SystemChanged,
    /// The list of tools differed.
    ToolsChanged,
    /// The model, the system prompt, and the tools were the same, but an earlier message differed.
    MessagesChanged,
    /// The API no longer knew the previous request, or never stored it. Nothing was compared. This says nothing about
    /// the age of the cache: in a public session, it was reported six seconds after the previous response.
    PreviousMessageNotFound,
    /// No result was available. Another parameter may have differed, or the conversation was too long to compare.
    Unavailable,
    /// A reason that this version of whycap does not know.
    #[serde(other)]
    Unrecognized,
}

/// The evidence that determines the verdict on a rewrite.
#[derive(Debug, PartialEq, Eq)]
enum Evidence {
    /// The transcript's lines, including recorded requests.
    Lines,
    /// The API's reason, which proves that the request differed in this part.
    Reason(RewriteCause),
}

impl ReportedReason {
    /// Returns the reason in a response's message. Returns `None` if there is none, or if the API had not finished the
    /// comparison.
    pub(super) fn in_message(message: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Message {
            diagnostics: Option<Diagnostics>,
        }
        #[derive(Deserialize)]
        struct Diagnostics {
            cache_miss_reason: Option<ReportedReason>,
        }

        // Few responses have a reason, and parsing a message's content is expensive.
        if !message.contains("\"cache_miss_reason\"") {
            return None;
        }
        let message: Message = serde_json::from_str(message).ok()?;
        message.diagnostics?.cache_miss_reason
    }

    /// Returns the verdict on a rewrite according to this reason, which must refer to the same two requests. `by_lines`
    /// is the cause according to the transcript lines. Returns `None` if the lines are stronger evidence.
    pub(super) fn verdict(self, by_lines: RewriteCause) -> Option<RewriteVerdict> {
        match self.strongest_evidence(by_lines) {
            Evidence::Lines => None,
            Evidence::Reason(cause) => Some(RewriteVerdict::possibly_avoidable(cause)),
        }
    }

    /// Returns the stronger evidence: this reason, or the transcript lines with the cause `by_lines`.
    fn strongest_evidence(self, by_lines: RewriteCause) -> Evidence {
        use RewriteCause as Cause;

        match (self, by_lines) {
            (
                // The API did not compare the requests, or this version does not know the result.
                Self::PreviousMessageNotFound
                | Self::Unavailable
                | Self::Unrecognized
                // The lines contain the models of both responses. If they are the same, the API compared other
                // requests.
                | Self::ModelChanged,
                _,
            )
            | (
                _,
                // After a compaction or the end of the lifetime, these tokens had to be written no matter what else
                // changed.
                Cause::Expired
                | Cause::Compaction
                // Without an earlier response in the same cache, there is nothing to compare.
                | Cause::First
                | Cause::ModelChanged
                // The recorded requests show exactly what differed.
                | Cause::ToolsChanged
                | Cause::SystemPromptChanged
                | Cause::EffortChanged,
            )
            | (Self::MessagesChanged, Cause::MessagesRewritten)
            // The load explains why the tools changed.
            | (Self::ToolsChanged, Cause::SkillLoaded | Cause::ToolsLoaded) => Evidence::Lines,

            // According to the lines, these causes are only likely. A load changes neither the system prompt nor
            // earlier messages.
            (
                Self::SystemChanged,
                Cause::SkillLoaded
                | Cause::ToolsLoaded
                // The system prompt precedes the messages.
                | Cause::MessagesRewritten
                // The recorded parts of the requests looked the same, but the API saw a difference.
                | Cause::Server
                | Cause::StalledReads
                | Cause::Unknown,
            ) => Evidence::Reason(Cause::SystemPromptChanged),
            (
                Self::ToolsChanged,
                Cause::MessagesRewritten | Cause::Server | Cause::StalledReads | Cause::Unknown,
            ) => Evidence::Reason(Cause::ToolsChanged),
            (
                Self::MessagesChanged,
                Cause::SkillLoaded
                | Cause::ToolsLoaded
                | Cause::Server
                | Cause::StalledReads
                | Cause::Unknown,
            ) => Evidence::Reason(Cause::MessagesRewritten),
        }
    }

    /// Describes what the API reported, for display.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::ModelChanged => "the API reported that the model changed",
            Self::SystemChanged => "the API reported that the system prompt changed",
            Self::ToolsChanged => "the API reported that the tool definitions changed",
            Self::MessagesChanged => "the API reported that an earlier message changed",
            Self::PreviousMessageNotFound | Self::Unavailable | Self::Unrecognized => {
                "the API did not report a difference"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_read_only_from_the_diagnostics_of_a_message() {
        for (message, expected) in [
            (
                r#"{"diagnostics":{"cache_miss_reason":{"type":"tools_changed","cache_missed_input_tokens":23554}}}"#,
                Some(ReportedReason::ToolsChanged),
            ),
            (
                r#"{"diagnostics":{"cache_miss_reason":{"type":"system_changed","cache_missed_input_tokens":1}}}"#,
                Some(ReportedReason::SystemChanged),
            ),
            (
                r#"{"diagnostics":{"cache_miss_reason":{"type":"previous_message_not_found"}}}"#,
                Some(ReportedReason::PreviousMessageNotFound),
            ),
            (
                r#"{"diagnostics":{"cache_miss_reason":{"type":"a_new_type","of":[]}}}"#,
                Some(ReportedReason::Unrecognized),
            ),
            (r#"{"diagnostics":{"cache_miss_reason":null}}"#, None),
            (
                r#"{"diagnostics":{"cache_miss_reason":"tools_changed"}}"#,
                None,
            ),
            (r#"{"diagnostics":null}"#, None),
            (
                r#"{"content":[{"text":"{\"cache_miss_reason\":{\"type\":\"tools_changed\"}}"}]}"#,
                None,
            ),
        ] {
            assert_eq!(ReportedReason::in_message(message), expected, "{message}");
        }
    }

    #[test]
    fn a_reason_alone_never_makes_a_rewrite_avoidable() {
        for reason in [
            ReportedReason::ModelChanged,
            ReportedReason::SystemChanged,
            ReportedReason::ToolsChanged,
            ReportedReason::MessagesChanged,
            ReportedReason::PreviousMessageNotFound,
            ReportedReason::Unavailable,
            ReportedReason::Unrecognized,
        ] {
            for cause in [
                RewriteCause::SkillLoaded,
                RewriteCause::ToolsLoaded,
                RewriteCause::ModelChanged,
                RewriteCause::EffortChanged,
                RewriteCause::Expired,
                RewriteCause::Compaction,
                RewriteCause::First,
                RewriteCause::Unknown,
            ] {
                let is_avoidable = reason
                    .verdict(cause)
                    .is_some_and(RewriteVerdict::is_avoidable);
                assert!(!is_avoidable, "{reason:?} {cause:?}");
            }
        }
        assert_eq!(
            ReportedReason::ToolsChanged.verdict(RewriteCause::Server),
            Some(RewriteVerdict::possibly_avoidable(
                RewriteCause::ToolsChanged
            ))
        );
    }
}
