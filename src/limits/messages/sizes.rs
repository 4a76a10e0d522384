//! Too long, too large: no usage limit is involved in any of these.

use super::row::Judgement::Fixed;
use super::row::{Message, ROW, YOURS_TO_CHANGE};
use crate::limits::helps::{
    CLEAR, COMPACT, LOWER_MAX_TOKENS, READ_IN_PARTS, REMOVE_IMAGES, REWIND, SHORTER_ANSWER,
};
use crate::limits::kind::{LimitKind, Verdict, Who};

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "context-low",
        names: LimitKind::PromptTooLong,
        says: "context low ( | until auto-compact",
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
        says: "max_tokens & maximum allowed number of output tokens \
            | max_tokens & exceed the model limit | maximum tokens you requested exceed \
            | max_tokens must be greater than | max_tokens:  &  > ",
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
        says: "image & exceeds & maximum | image dimensions exceed | image was too large \
            | image too large | image in the conversation exceeds | could not process image \
            | unable to resize image | image exceeds | unable to send image | image base64 size \
            | images exceed the api limit",
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
        id: "pdf",
        says: "pdf is password protected | pdf file was not valid | pdf specified was not valid",
        judgement: YOURS_TO_CHANGE,
        means: "The PDF cannot be read, no limit is involved: take it out with /rewind, or turn it into text first",
        badge: "a PDF cannot be read, no limit · /rewind",
        wordings: &[
            "PDF is password protected. Please double press esc to edit your message and try again.",
        ],
        helps: &[REWIND, CLEAR],
        source: "strings of clients 2.1.119 to 2.1.329",
        ..ROW
    },
    Message {
        id: "request-too-large",
        names: LimitKind::RequestTooLarge,
        says: "request too large | payload too large | request_too_large | pdf too large | pdf pages \
            | attached media exceeds | pushed the request over the limit",
        class: "413",
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
        says: "output token maximum | output token limit",
        class: "max_output_tokens",
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
        id: "compaction-thrashes",
        names: LimitKind::PromptTooLong,
        says: "autocompact is thrashing",
        judgement: YOURS_TO_CHANGE,
        means: "Something fills the conversation again after each /compact, no usage limit: read it in parts, or /clear",
        badge: "the conversation fills up again at once · /clear",
        wordings: &[
            "Autocompact is thrashing: the context refilled to the limit within 3 turns of the previous compact, 3 times in a row.",
        ],
        helps: &[READ_IN_PARTS, CLEAR, REWIND],
        source: "strings of client 2.1.329; messages that users pasted",
        ..ROW
    },
    Message {
        id: "prompt-too-long",
        names: LimitKind::PromptTooLong,
        says: "prompt token count & exceeds | prompt tokens & exceeds | input tokens & exceeds \
            | max_prompt_tokens_exceeded | length limit for this chat \
            | length for this conversation | too long to continue \
            | go back past the large content | reduce the input (large tool results \
            | automatic compaction failed | context window is full | prompt is too long \
            | input is too long | context limit reached | reached your context limit \
            | reached its context window limit | conversation too long \
            | conversation is too long | exceed context limit \
            | exceeds the available context size | exceed & context window \
            | context_length_exceeded | maximum context length | below the context limit \
            | longer than the maximum model length | context exceeds the | prompt_too_long",
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
