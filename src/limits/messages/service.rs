//! Throttles and outages, and the last resort: the error's class and HTTP status.

use super::row::Judgement::Weighed;
use super::row::Pattern::{ApiType, Class, Says, Status};
use super::row::{ANY, Concerns, Message, no_limit};
use crate::claude::version::Versions;
use crate::limits::diagnosis::Words;
use crate::limits::helps::{
    CHECK_METERS, CHECK_NETWORK, CHECK_STATUS, CLEAR_LOCKS, FEWER_AT_ONCE, LOOK_AT_LOCKS,
    LOOK_AT_STATUS_PAGE, PAY, PAY_CONSOLE, RETRY, RETRY_SERVICE, UPDATE,
};
use crate::limits::kind::{LimitKind, Who};
use crate::limits::rules;
use crate::limits::words::service::THROTTLED;

const FAILED: Words = Words::Fixed(
    "The service failed or was not reached, which counts against no limit of yours: wait a few minutes and send the prompt again",
    "service error, no limit · try again soon",
);

pub(super) const NAMED: &[Message] = &[
    Message {
        id: "rate-limit-reached",
        names: LimitKind::Throttle,
        patterns: &[Says(&["rate limit reached"])],
        judgement: Weighed(rules::service::rate_limit_reached),
        means: "Clients before 2.1.108 said this of everything that came as a 429: a real throttle, a 1M model without usage credits, or a fault of the service. It was not about the plan's windows.",
        also: &[],
        wordings: &[(Versions::before(2, 1, 108), "API Error: Rate limit reached")],
        helps: &[RETRY, UPDATE, CHECK_STATUS],
        in_vain: &[(
            Concerns::Everybody,
            "A new session, logging in again and waiting half an hour did not help where it was the 1M variant (issue 37270).",
        )],
        source: "issues 37270, 38675, 40536, 55027; Claude Code changelog 2.1.89, 2.1.108",
    },
    Message {
        id: "throttle",
        names: LimitKind::Throttle,
        patterns: &[
            Says(&["temporarily limiting requests"]),
            Says(&["request rejected (429)"]),
            Says(&["would exceed your account's rate limit"]),
            Says(&["per-minute rate limit"]),
        ],
        judgement: no_limit(Who::Nobody, true, THROTTLED),
        means: "Too many requests or tokens in a short time. It is not a usage limit: the windows are not involved.",
        also: &[],
        wordings: &[
            (
                Versions::since(2, 1, 108),
                "API Error: Server is temporarily limiting requests (not your usage limit) · …",
            ),
            (ANY, "API Error: Request rejected (429) · …"),
        ],
        helps: &[RETRY, FEWER_AT_ONCE, LOOK_AT_STATUS_PAGE],
        in_vain: &[(
            Concerns::Everybody,
            "Buying credits does not help: nothing is used up (issue 53531).",
        )],
        source: "recorded from clients 2.1.118 to 2.1.328; since 2.1.199 the client tries again by itself",
    },
    Message {
        id: "overloaded",
        names: LimitKind::Overloaded,
        patterns: &[
            Says(&["529 overloaded"]),
            Says(&["api error: overloaded"]),
            Status(529, 529),
            ApiType("overloaded_error"),
            Class("overloaded"),
        ],
        judgement: no_limit(
            Who::Nobody,
            true,
            Words::Fixed(
                "The service is overloaded, which counts against no limit of yours: wait a few minutes and send the prompt again",
                "service overloaded, no limit · try again soon",
            ),
        ),
        means: "The service has no capacity at the moment. It does not count against any limit.",
        also: &[],
        wordings: &[
            (
                ANY,
                "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.",
            ),
            (ANY, "API Error: Repeated 529 Overloaded errors…"),
        ],
        helps: &[RETRY_SERVICE, LOOK_AT_STATUS_PAGE],
        in_vain: &[],
        source: "recorded from client 2.1.328, where the error's class is server_error, not overloaded",
    },
    Message {
        id: "failed",
        names: LimitKind::ServerError,
        patterns: &[
            Status(500, 599),
            Says(&["internal server error"]),
            Says(&["service unavailable"]),
            Says(&["spend limit unavailable"]),
        ],
        judgement: no_limit(Who::Nobody, true, FAILED),
        means: "A fault of the service. It does not count against any limit.",
        also: &[],
        wordings: &[
            (
                ANY,
                "API Error: 500 Internal server error. This is a server-side issue, usually temporary — try again in a moment.",
            ),
            (ANY, "API Error: 503 Service unavailable"),
            (ANY, "spend limit unavailable"),
        ],
        helps: &[RETRY_SERVICE, LOOK_AT_STATUS_PAGE],
        in_vain: &[],
        source: "recorded from client 2.1.328",
    },
    Message {
        id: "not-reached",
        names: LimitKind::ServerError,
        patterns: &[
            Says(&["connection error"]),
            Says(&["request timed out"]),
            Says(&["fetch failed"]),
            Says(&["econnre"]),
            Says(&["enotfound"]),
        ],
        judgement: no_limit(Who::Nobody, true, FAILED),
        means: "The request did not reach the service, or the answer did not come back.",
        also: &[],
        wordings: &[
            (ANY, "API Error: Connection error."),
            (ANY, "API Error: Request timed out."),
        ],
        helps: &[CHECK_NETWORK, LOOK_AT_STATUS_PAGE],
        in_vain: &[],
        source: "Claude Code documentation, errors page",
    },
    Message {
        id: "locks",
        names: LimitKind::Unknown,
        patterns: &[
            Says(&["lock acquisition failed"]),
            Says(&["lock file is already being held"]),
            Says(&["another claude process is currently"]),
            Says(&["another process is currently installing claude"]),
        ],
        judgement: no_limit(
            Who::You,
            false,
            Words::Fixed(
                "This line is about lock files, and no usage limit is involved: run whycap locks to see whether one is stuck",
                "a lock file, no limit · whycap locks",
            ),
        ),
        means: "Several sessions share files, and one waited for another. Most such lines are noise. A lock does not cause a usage limit, and clearing one does not lift a limit.",
        also: &[],
        wordings: &[
            (
                ANY,
                "NON-FATAL: Lock acquisition failed for … (expected in multi-process scenarios)",
            ),
            (
                ANY,
                "Failed to save config with lock: Error: Lock file is already being held",
            ),
            (ANY, "Another Claude process is currently running"),
        ],
        helps: &[LOOK_AT_LOCKS, CLEAR_LOCKS],
        in_vain: &[(
            Concerns::Everybody,
            "Deleting lock directories by hand lifted no limit, and corrupted .claude.json where a session was running (issues 28829, 29198).",
        )],
        source: "docs/locks.md; issues 56035, 22788, 15883",
    },
];

/// Rows without a wording: only the class or the status is known.
pub(super) const BY_CLASS: &[Message] = &[
    Message {
        id: "status-429",
        names: LimitKind::Throttle,
        patterns: &[Status(429, 429), Class("rate_limit")],
        judgement: Weighed(rules::service::too_many_requests),
        means: "Something limits the rate of requests. Without what the server says about the plan's windows it is not a plan limit.",
        also: &[],
        wordings: &[],
        helps: &[RETRY, CHECK_METERS, LOOK_AT_STATUS_PAGE],
        in_vain: &[],
        source: "recorded from client 2.1.328: plan limits carry quotaLimits, throttles do not",
    },
    Message {
        id: "class-billing",
        names: LimitKind::Billing,
        patterns: &[Class("billing_error")],
        judgement: Weighed(rules::console::billing),
        means: "Something about payment or credits.",
        also: &[],
        wordings: &[],
        helps: &[CHECK_STATUS, PAY, PAY_CONSOLE],
        in_vain: &[],
        source: "the StopFailure event's classes in the client's SDK",
    },
    Message {
        id: "class-server",
        names: LimitKind::ServerError,
        patterns: &[Class("server_error")],
        judgement: no_limit(Who::Nobody, true, FAILED),
        means: "A fault of the service.",
        also: &[],
        wordings: &[],
        helps: &[RETRY_SERVICE, LOOK_AT_STATUS_PAGE],
        in_vain: &[],
        source: "the StopFailure event's classes in the client's SDK",
    },
];

/// Not in the catalogue: whycap says so instead of guessing.
pub(super) static UNKNOWN: Message = Message {
    id: "unknown",
    names: LimitKind::Unknown,
    patterns: &[],
    judgement: Weighed(rules::service::not_known),
    means: "Not known.",
    also: &[],
    wordings: &[],
    helps: &[CHECK_METERS, CHECK_STATUS, LOOK_AT_STATUS_PAGE],
    in_vain: &[],
    source: "nothing",
};
