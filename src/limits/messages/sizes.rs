//! Too long, too large: no usage limit is involved in any of these.

use super::row::Judgement::Fixed;
use super::row::Pattern::{Class, Says, Status};
use super::row::{ANY, Message, no_limit};
use crate::limits::helps::{
    CLEAR, COMPACT, LOWER_MAX_TOKENS, REMOVE_IMAGES, REWIND, SHORTER_ANSWER,
};
use crate::limits::kind::{LimitKind, Verdict, Who};

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "context-low",
        names: LimitKind::PromptTooLong,
        service: None,
        patterns: &[
            Says(&["context low ("]),
            Says(&["context left until auto-compact"]),
            Says(&["until auto-compact"]),
        ],
        judgement: Fixed {
            verdict: Verdict::Notice,
            who: Who::You,
            waiting_helps: Some(false),
            headline: "The conversation is getting long, nothing is stopped: /compact makes room, /clear starts again",
            badge: "the conversation is getting long · /compact",
        },
        also: &[],
        wordings: &[(
            ANY,
            &[
                "Context low (9% remaining) · Run /compact to compact & continue",
                "Context left until auto-compact: 25%",
            ],
        )],
        helps: &[COMPACT, CLEAR],
        in_vain: &[],
        source: "messages that users pasted",
    },
    Message {
        id: "max-tokens",
        names: LimitKind::Unknown,
        service: None,
        patterns: &[
            Says(&["max_tokens", "maximum allowed number of output tokens"]),
            Says(&["max_tokens", "exceed the model limit"]),
            Says(&["maximum tokens you requested exceed"]),
            Says(&["max_tokens must be greater than"]),
            Says(&["max_tokens: ", " > "]),
        ],
        judgement: no_limit(
            Who::You,
            Some(false),
            "A setting asks for longer answers than the model gives: lower CLAUDE_CODE_MAX_OUTPUT_TOKENS or unset it",
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS is too high",
        ),
        also: &[],
        wordings: &[(
            ANY,
            &[
                "API Error: 400 max_tokens: 64000 > 32000, which is the maximum allowed number of output tokens for …",
            ],
        )],
        helps: &[LOWER_MAX_TOKENS],
        in_vain: &[],
        source: "Claude Code documentation, errors page",
    },
    Message {
        id: "image",
        names: LimitKind::RequestTooLarge,
        service: None,
        patterns: &[
            Says(&["image", "exceeds", "maximum"]),
            Says(&["image dimensions exceed"]),
            Says(&["image was too large"]),
            Says(&["image too large"]),
            Says(&["image in the conversation exceeds"]),
            Says(&["could not process image"]),
            Says(&["unable to resize image"]),
            Says(&["image exceeds"]),
            Says(&["unable to send image"]),
            Says(&["image base64 size"]),
            Says(&["images exceed the api limit"]),
        ],
        judgement: no_limit(
            Who::You,
            Some(false),
            "An image is too large, no usage limit is involved: take it out with /compact, or make it smaller",
            "an image is too large, no limit · /compact",
        ),
        also: &[],
        wordings: &[(
            ANY,
            &[
                "API Error: 400 messages.44.content.1.image.source.base64: image exceeds 5 MB maximum: 11641928 bytes > 5242880 bytes",
                "At least one of the image dimensions exceed max allowed size for many-image requests: 2000 pixels",
                "Image was too large. Double press esc to go back and try again with a smaller image.",
            ],
        )],
        helps: &[REMOVE_IMAGES, REWIND, CLEAR],
        in_vain: &[],
        source: "issues 5147, 11181, 17513; Claude Code documentation, errors page",
    },
    Message {
        id: "request-too-large",
        names: LimitKind::RequestTooLarge,
        service: None,
        patterns: &[
            Says(&["request too large"]),
            Says(&["request_too_large"]),
            Says(&["pdf too large"]),
            Says(&["pdf pages"]),
            Says(&["attached media exceeds"]),
            Says(&["pushed the request over the limit"]),
            Status(413, 413),
        ],
        judgement: no_limit(
            Who::You,
            Some(false),
            "The request is too large, mostly because of images or files: take some out, or run /compact",
            "request too large, no limit · /compact",
        ),
        also: &[],
        wordings: &[(
            ANY,
            &[
                "Request too large (max 32MB). Accumulated images and attachments in the conversation pushed the request over the limit. Remove older images or compact the conversation.",
                "PDF too large (max 100 pages, 32MB).",
            ],
        )],
        helps: &[REMOVE_IMAGES, CLEAR],
        in_vain: &[],
        source: "recorded from client 2.1.328",
    },
    Message {
        id: "answer-too-long",
        names: LimitKind::Unknown,
        service: None,
        patterns: &[
            Says(&["output token maximum"]),
            Says(&["output token limit"]),
            Class("max_output_tokens"),
        ],
        judgement: no_limit(
            Who::You,
            Some(false),
            "The answer reached the length that one answer may have, no usage limit: ask for it in parts",
            "answer too long, no limit · ask for it in parts",
        ),
        also: &[],
        wordings: &[(
            ANY,
            &[
                "API Error: Claude's response exceeded the 32000 output token maximum. To configure this behavior, set the CLAUDE_CODE_MAX_OUTPUT_TOKENS environment variable.",
            ],
        )],
        helps: &[SHORTER_ANSWER],
        in_vain: &[],
        source: "the StopFailure event's classes in the Agent SDK; Claude Code documentation, errors page",
    },
    Message {
        id: "prompt-too-long",
        names: LimitKind::PromptTooLong,
        service: None,
        patterns: &[
            Says(&["prompt is too long"]),
            Says(&["input is too long"]),
            Says(&["context limit reached"]),
            Says(&["reached your context limit"]),
            Says(&["reached its context window limit"]),
            Says(&["conversation too long"]),
            Says(&["conversation is too long"]),
            Says(&["exceed context limit"]),
            Says(&["exceeds the available context size"]),
            Says(&["exceeds the context window"]),
            Says(&["exceed", "context window"]),
            Says(&["context_length_exceeded"]),
            Says(&["maximum context length"]),
            Says(&["below the context limit"]),
            Says(&["longer than the maximum model length"]),
            Says(&["context exceeds the"]),
            Says(&["prompt_too_long"]),
            Says(&["autocompact is thrashing"]),
        ],
        judgement: no_limit(
            Who::You,
            Some(false),
            "The conversation is longer than the model takes, no usage limit is involved: run /compact or /clear",
            "conversation too long, no limit · /compact",
        ),
        also: &[],
        wordings: &[(
            ANY,
            &[
                "Prompt is too long · …",
                "Context limit reached · /compact or /clear to continue",
                "input length and `max_tokens` exceed context limit: 184915 + 20000 > 204648, decrease input length or `max_tokens` and try again",
                "Error during compaction: Error: Conversation too long. Press esc to go up a few messages and try again.",
            ],
        )],
        helps: &[COMPACT, CLEAR, REWIND],
        in_vain: &[],
        source: "recorded from client 2.1.328; issues 228, 6616",
    },
];
