//! What is no limit of Claude: limits of tools and runs, of other programs, and words about limits.

use super::row::Judgement::{Fixed, Weighed};
use super::row::Pattern::{Begins, Says, SaysAll};
use super::row::{Message, ROW, YOURS_TO_CHANGE};
use crate::limits::helps::{
    CHECK_METERS, CHECK_STATUS, CLEAR, LET_CLAUDE_GO_ON, NOT_YOURS, REPHRASE, REWIND, UPDATE,
};
use crate::limits::kind::{Service, Verdict, Who};
use crate::limits::rules::service;

/// Limits of other programs that stand in words much like Claude's. Tried before all others.
pub(super) const FOREIGN: &[Message] = &[Message {
    id: "other-program",
    service: Some(Service::Other),
    patterns: &[
        Says("chatgpt.com"),
        SaysAll(&["codex", "limit"]),
        SaysAll(&["openai.com", "quota"]),
        Says("exceeded your current quota"),
        SaysAll(&["usage limit", "gpt-"]),
        Says("usage limit. upgrade to"),
        Says("usage limit. try again in"),
        Says("usage limit. try again at"),
        Says("usage limit. please try again"),
        Says("to get more access now"),
        SaysAll(&["get cursor", "limit"]),
        SaysAll(&["cursor:", "limit"]),
        SaysAll(&["windsurf", "limit"]),
        Says("your workspace is out of credits"),
        Says("spend cap set in your workspace"),
        Says("purchase more credits or try again"),
        Says("usage limit for your plan"),
        Says("session rate limit"),
        Says("rate limit for this model"),
        SaysAll(&["copilot", "limit"]),
        Says("or upgrade to continue"),
        Says("upgrade your plan to continue"),
        SaysAll(&["ollama", "limit"]),
        Says("from your available balance"),
        Says("toomanyrequests"),
        Says("pull rate limit"),
        Says("api rate limit exceeded for"),
        Says("secondary rate limit"),
        Says("api.github.com"),
        Says("clinepass"),
        Says("droid core"),
        SaysAll(&["grok", "limit"]),
        SaysAll(&["gemini", "quota"]),
        Says("generativelanguage.googleapis.com"),
        Says("free usage limit"),
        Says("free model usage limit"),
        Says("limit reached for the past"),
        Says("usage limit reached for"),
        Says("weekly limit exhausted"),
    ],
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
        patterns: &[
            Says("reached max turns"),
            Says("reached maximum number of turns"),
            Says("exceeded usd budget"),
            Says("budget limit reached"),
            Says("subagent limit reached"),
            Says("rate-limited right now"),
            Says("reached maximum budget"),
            Says("daily publish limit"),
            Says("daily new-artifact limit"),
            Says("subagent nesting limit"),
            Says("concurrent export limit"),
            Says("exceeds maximum allowed tokens"),
            Says("command timed out after"),
            Says("exceeds 256kb"),
            SaysAll(&["file content", "exceeds maximum"]),
        ],
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
        patterns: &[
            Says("violate our usage policy"),
            Says("safeguards flagged"),
            Says("content filtering policy"),
            Says("safety measures that flagged"),
        ],
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
        patterns: &[
            Says("tool use concurrency issues"),
            Says("orphaned tool_result"),
            Says("duplicate tool_use id"),
            SaysAll(&["tool_use", "tool_result", "immediately after"]),
            SaysAll(&["signature", "thinking", "block"]),
            SaysAll(&["thinking blocks", "cannot be modified"]),
        ],
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
        patterns: &[
            Says("unknown skill: rate-limit-options"),
            Says("unknown slash command: rate-limit-options"),
            Says("unknown command: /rate-limit-options"),
        ],
        judgement: YOURS_TO_CHANGE,
        means: "Claude Code did not know its own menu: nothing is lost, and /usage shows your limits",
        badge: "an unknown command, no limit",
        wordings: &["Unknown skill: rate-limit-options"],
        helps: &[UPDATE, CHECK_METERS],
        source: "issue 40792",
        ..ROW
    },
];

/// Tried last: words about limits that are no message of Claude Code.
pub(super) const TALK: &[Message] = &[Message {
    id: "not-claudes",
    patterns: &[
        Says("limit"),
        Says("quota"),
        Says("429"),
        Says("usage"),
        Says("credits"),
        Says("budget"),
        Says("throttl"),
        Begins("e501 "),
    ],
    judgement: Weighed(service::not_claudes),
    means: "Words about limits: prose, code, the output of a tool. \"Limit reached\" alone proves nothing.",
    helps: &[CHECK_METERS, CHECK_STATUS],
    source: "ordinary output",
    ..ROW
}];
