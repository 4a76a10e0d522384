//! Too long, too large: no usage limit is involved in any of these.

use super::row::Judgement::Fixed;
use super::row::Pattern::{Class, Says, SaysAll, Status};
use super::row::{Message, ROW, YOURS_TO_CHANGE};
use crate::limits::helps::{
    CLEAR, COMPACT, LOWER_MAX_TOKENS, REMOVE_IMAGES, REWIND, SHORTER_ANSWER,
};
use crate::limits::kind::{LimitKind, Verdict, Who};

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "context-low",
        names: LimitKind::PromptTooLong,
        patterns: &[Says("context low ("), Says("until auto-compact")],
        judgement: Fixed(Verdict::Notice, Who::You, Some(false)),
        means: "The conversation is getting long, nothing is stopped: /compact makes room, /clear starts again",
        badge: "the conversation is getting long · /compact",
        wordings: &[
            "Context low (9% remaining) · Run /compact to compact & continue",
            "Context left until auto-compact: 25%",
        ],
        helps: &[COMPACT, CLEAR],
        source: "messages that users pasted",
        ..ROW
    },
    Message {
        id: "max-tokens",
        patterns: &[
            SaysAll(&["max_tokens", "maximum allowed number of output tokens"]),
            SaysAll(&["max_tokens", "exceed the model limit"]),
            Says("maximum tokens you requested exceed"),
            Says("max_tokens must be greater than"),
            SaysAll(&["max_tokens: ", " > "]),
        ],
        judgement: YOURS_TO_CHANGE,
        means: "A setting asks for longer answers than the model gives: lower CLAUDE_CODE_MAX_OUTPUT_TOKENS or unset it",
        badge: "CLAUDE_CODE_MAX_OUTPUT_TOKENS is too high",
        wordings: &[
            "API Error: 400 max_tokens: 64000 > 32000, which is the maximum allowed number of output tokens for …",
        ],
        helps: &[LOWER_MAX_TOKENS],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "image",
        names: LimitKind::RequestTooLarge,
        patterns: &[
            SaysAll(&["image", "exceeds", "maximum"]),
            Says("image dimensions exceed"),
            Says("image was too large"),
            Says("image too large"),
            Says("image in the conversation exceeds"),
            Says("could not process image"),
            Says("unable to resize image"),
            Says("image exceeds"),
            Says("unable to send image"),
            Says("image base64 size"),
            Says("images exceed the api limit"),
        ],
        judgement: YOURS_TO_CHANGE,
        means: "An image is too large, no usage limit is involved: take it out with /compact, or make it smaller",
        badge: "an image is too large, no limit · /compact",
        wordings: &[
            "API Error: 400 messages.44.content.1.image.source.base64: image exceeds 5 MB maximum: 11641928 bytes > 5242880 bytes",
            "At least one of the image dimensions exceed max allowed size for many-image requests: 2000 pixels",
            "Image was too large. Double press esc to go back and try again with a smaller image.",
        ],
        helps: &[REMOVE_IMAGES, REWIND, CLEAR],
        source: "issues 5147, 11181, 17513; Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "request-too-large",
        names: LimitKind::RequestTooLarge,
        patterns: &[
            Says("request too large"),
            Says("request_too_large"),
            Says("pdf too large"),
            Says("pdf pages"),
            Says("attached media exceeds"),
            Says("pushed the request over the limit"),
            Status(413, 413),
        ],
        judgement: YOURS_TO_CHANGE,
        means: "The request is too large, mostly because of images or files: take some out, or run /compact",
        badge: "request too large, no limit · /compact",
        wordings: &[
            "Request too large (max 32MB). Accumulated images and attachments in the conversation pushed the request over the limit. Remove older images or compact the conversation.",
            "PDF too large (max 100 pages, 32MB).",
        ],
        helps: &[REMOVE_IMAGES, CLEAR],
        source: "recorded from client 2.1.328",
        ..ROW
    },
    Message {
        id: "answer-too-long",
        patterns: &[
            Says("output token maximum"),
            Says("output token limit"),
            Class("max_output_tokens"),
        ],
        judgement: YOURS_TO_CHANGE,
        means: "The answer reached the length that one answer may have, no usage limit: ask for it in parts",
        badge: "answer too long, no limit · ask for it in parts",
        wordings: &[
            "API Error: Claude's response exceeded the 32000 output token maximum. To configure this behavior, set the CLAUDE_CODE_MAX_OUTPUT_TOKENS environment variable.",
        ],
        helps: &[SHORTER_ANSWER],
        source: "the StopFailure event's classes in the Agent SDK; Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "prompt-too-long",
        names: LimitKind::PromptTooLong,
        patterns: &[
            Says("prompt is too long"),
            Says("input is too long"),
            Says("context limit reached"),
            Says("reached your context limit"),
            Says("reached its context window limit"),
            Says("conversation too long"),
            Says("conversation is too long"),
            Says("exceed context limit"),
            Says("exceeds the available context size"),
            SaysAll(&["exceed", "context window"]),
            Says("context_length_exceeded"),
            Says("maximum context length"),
            Says("below the context limit"),
            Says("longer than the maximum model length"),
            Says("context exceeds the"),
            Says("prompt_too_long"),
            Says("autocompact is thrashing"),
        ],
        judgement: YOURS_TO_CHANGE,
        means: "The conversation is longer than the model takes, no usage limit is involved: run /compact or /clear",
        badge: "conversation too long, no limit · /compact",
        wordings: &[
            "Prompt is too long · …",
            "Context limit reached · /compact or /clear to continue",
            "input length and `max_tokens` exceed context limit: 184915 + 20000 > 204648, decrease input length or `max_tokens` and try again",
            "Error during compaction: Error: Conversation too long. Press esc to go up a few messages and try again.",
        ],
        helps: &[COMPACT, CLEAR, REWIND],
        source: "recorded from client 2.1.328; issues 228, 6616",
        ..ROW
    },
];
