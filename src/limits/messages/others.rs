//! What is no limit of Claude: limits of tools and runs, of other programs, and words about limits.

use super::row::Judgement::Fixed;
use super::row::{Message, ROW, YOURS_TO_CHANGE};
use crate::limits::helps::{
    CHECK_METERS, CLEAR, LET_CLAUDE_GO_ON, NOT_YOURS, REPHRASE, REWIND, UPDATE,
};
use crate::limits::kind::{Service, Verdict, Who};

/// Limits of other programs that stand in words much like Claude's. Tried before all others.
pub(super) const FOREIGN: &[Message] = &[Message {
    id: "other-program",
    service: Some(Service::Other),
    says: "aistudio.google.com | graphql & rate limit | rate limit reached for model \
        | in organization org- | gpt- & limit | llama & limit | qwen & limit | groq & limit \
        | gemini & limit | free requests limit | premium requests | copilot & quota \
        | switch to auto | flex credits | the job was not started because | out of user messages \
        | exceeded your monthly included credits | codex messages | exceeded quota: \
        | exhausted your capacity on this model | generate_content | chatgpt.com | codex & limit \
        | openai.com & quota | exceeded your current quota | usage limit & gpt- \
        | usage limit. upgrade to | usage limit. try again in | usage limit. try again at \
        | usage limit. please try again | to get more access now | get cursor & limit \
        | cursor: & limit | windsurf & limit | your workspace is out of credits \
        | spend cap set in your workspace | purchase more credits or try again \
        | usage limit for your plan | session rate limit | rate limit for this model \
        | copilot & limit | or upgrade to continue | upgrade your plan to continue \
        | ollama & limit | from your available balance | toomanyrequests | pull rate limit \
        | api rate limit exceeded | secondary rate limit | api.github.com | clinepass \
        | droid core | grok & limit | gemini & quota | generativelanguage.googleapis.com \
        | free usage limit | free model usage limit",
    judgement: Fixed(Verdict::NotALimit, Who::You, None),
    means: "This is a limit of another program, not of Claude: look at the program that wrote it",
    badge: "a limit of another program, not of Claude",
    wordings: &[
        "You’ve hit your usage limit. Visit https://chatgpt.com/codex/settings/usage to purchase more credits or try again at 9:15 AM.",
        "toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit",
        "You've hit your session rate limit. Please wait for your limit to reset in 3 hours.",
        "you have reached your session usage limit, please wait or upgrade to continue",
    ],
    helps: &[NOT_YOURS],
    source: "messages of Codex, Copilot, Docker, GitHub, Ollama and others that users pasted",
    ..ROW
}];

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "run-limit",
        service: Some(Service::Other),
        says: "reached max turns | reached maximum number of turns | exceeded usd budget \
            | budget limit reached | subagent limit reached | rate-limited right now \
            | reached maximum budget | daily publish limit | daily new-artifact limit \
            | subagent nesting limit | concurrent export limit | exceeds maximum allowed tokens \
            | command timed out after | exceeds 256kb | file content & exceeds maximum",
        judgement: YOURS_TO_CHANGE,
        means: "This is a limit of a tool or of this run, not of your plan: Claude mostly finds another way",
        badge: "a limit of a tool or run, not of your plan",
        wordings: &[
            "Error: Reached max turns (30)",
            "Concurrent subagent limit reached. You can run 5 at once",
            "Error: File content (28375 tokens) exceeds maximum allowed tokens (25000). Please use offset and limit parameters to read specific portions of the file, or use the GrepTool to search for specific content.",
            "Error: Command timed out after 2m 0.0s",
            "Error: Exceeded USD budget (5)",
        ],
        helps: &[LET_CLAUDE_GO_ON],
        source: "strings of client 2.1.328; issue 4002",
        ..ROW
    },
    Message {
        id: "usage-policy",
        service: Some(Service::Plan),
        says: "can't help with this. start a new session \
            | in the conversation could not be processed and was removed | harmful or malicious \
            | violate our usage policy | safeguards flagged | content filtering policy \
            | safety measures that flagged",
        judgement: YOURS_TO_CHANGE,
        means: "The answer was held back because of its content, no limit is involved: ask in other words, or /clear",
        badge: "held back because of its content, no limit",
        wordings: &[
            "API Error: Claude Code is unable to respond to this request, which appears to violate our Usage Policy (https://www.anthropic.com/legal/aup).",
            "API Error: Output blocked by content filtering policy",
        ],
        helps: &[REPHRASE],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "broken-conversation",
        says: "thinking' blocks & cannot be modified | tool use concurrency issues \
            | orphaned tool_result | duplicate tool_use id \
            | tool_use & tool_result & immediately after | signature & thinking & block \
            | thinking blocks & cannot be modified",
        judgement: YOURS_TO_CHANGE,
        means: "The conversation got out of order, no limit is involved: /rewind goes back to before it",
        badge: "conversation out of order, no limit · /rewind",
        wordings: &[
            "API Error: 400 due to tool use concurrency issues. Run /rewind to recover the conversation.",
        ],
        helps: &[REWIND, CLEAR],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "unknown-command",
        says: "unknown skill: rate-limit-options | unknown slash command: rate-limit-options \
            | unknown command: /rate-limit-options",
        judgement: YOURS_TO_CHANGE,
        means: "Claude Code did not know its own menu: nothing is lost, and /usage shows your limits",
        badge: "an unknown command, no limit",
        wordings: &["Unknown skill: rate-limit-options"],
        helps: &[UPDATE, CHECK_METERS],
        source: "issue 40792",
        ..ROW
    },
];

/// A program's own text that holds words about limits.
pub(super) static CODE: Message = Message {
    id: "code",
    service: Some(Service::Other),
    judgement: Fixed(Verdict::NotALimit, Who::You, None),
    means: "This is a part of a program or a test, not a message: nothing is stopped by it",
    badge: "a part of a program, no message",
    helps: &[NOT_YOURS, CHECK_METERS],
    source: "ordinary output",
    ..ROW
};
