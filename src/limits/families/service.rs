//! Throttles and outages, and the last resort: the error's class and HTTP status.

use super::super::kind::LimitKind::{Billing, Overloaded, ServerError, Throttle, Unknown};
use super::super::matching::Pattern::{ApiType, Class, Says, SaysAll, ServerStatus, Status};
use super::super::remedies::{
    CHECK_METERS, CHECK_NETWORK, CHECK_STATUS, CLEAR_LOCKS, FEWER_AT_ONCE, LOOK_AT_LOCKS,
    LOOK_AT_STATUS_PAGE, PAY, PAY_CONSOLE, RETRY, RETRY_SERVICE, UPDATE,
};
use super::{Family, OwnWords, before, every, from, in_vain, means};
use crate::claude::version::ClientVersion;

pub(super) const NAMED: &[Family] = &[
    Family {
        title: "Rate limit reached (old clients)",
        wordings: &[before(
            "API Error: Rate limit reached",
            ClientVersion(2, 1, 108),
        )],
        patterns: &[Says("rate limit reached")],
        limit: Some(Throttle),
        meanings: &[means(
            "all plans",
            "Clients before 2.1.108 said this of everything that came as a 429: a real throttle, a 1M model without usage credits, or a fault of the service. It was not about the plan's windows.",
        )],
        helps: &[&RETRY, &UPDATE, &CHECK_STATUS],
        did_not_help: &[in_vain(
            "A new session, logging in again and waiting half an hour did not help where it was the 1M variant (issue 37270).",
        )],
        own_words: None,
        source: "issues 37270, 38675, 40536, 55027; Claude Code changelog 2.1.89, 2.1.108",
    },
    Family {
        title: "A throttle of the service",
        wordings: &[
            from(
                "API Error: Server is temporarily limiting requests (not your usage limit) · …",
                ClientVersion(2, 1, 108),
            ),
            every("API Error: Request rejected (429) · …"),
        ],
        patterns: &[
            Says("temporarily limiting requests"),
            Says("request rejected (429)"),
            Says("would exceed your account's rate limit"),
            Says("per-minute rate limit"),
        ],
        limit: Some(Throttle),
        meanings: &[means(
            "all plans, API keys",
            "Too many requests or tokens in a short time. It is not a usage limit: the windows are not involved.",
        )],
        helps: &[&RETRY, &FEWER_AT_ONCE, &LOOK_AT_STATUS_PAGE],
        did_not_help: &[in_vain(
            "Buying credits does not help: nothing is used up (issue 53531).",
        )],
        own_words: None,
        source: "recorded from clients 2.1.118 to 2.1.328; since 2.1.199 the client tries again by itself",
    },
    Family {
        title: "The service is overloaded",
        wordings: &[
            every(
                "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.",
            ),
            every("API Error: Repeated 529 Overloaded errors…"),
        ],
        patterns: &[
            Says("529 overloaded"),
            Says("api error: overloaded"),
            Status(529),
            ApiType("overloaded_error"),
            Class("overloaded"),
        ],
        limit: Some(Overloaded),
        meanings: &[means(
            "all plans, API keys",
            "The service has no capacity at the moment. It does not count against any limit.",
        )],
        helps: &[&RETRY_SERVICE, &LOOK_AT_STATUS_PAGE],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328, where the error's class is server_error, not overloaded",
    },
    Family {
        title: "The service failed",
        wordings: &[
            every(
                "API Error: 500 Internal server error. This is a server-side issue, usually temporary — try again in a moment.",
            ),
            every("API Error: 503 Service unavailable"),
            every("spend limit unavailable"),
        ],
        patterns: &[
            ServerStatus,
            SaysAll(&["internal server error"]),
            Says("service unavailable"),
            Says("spend limit unavailable"),
        ],
        limit: Some(ServerError),
        meanings: &[means(
            "all plans, API keys",
            "A fault of the service. It does not count against any limit.",
        )],
        helps: &[&RETRY_SERVICE, &LOOK_AT_STATUS_PAGE],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328",
    },
    Family {
        title: "The service was not reached",
        wordings: &[
            every("API Error: Connection error."),
            every("API Error: Request timed out."),
        ],
        patterns: &[
            Says("connection error"),
            Says("request timed out"),
            Says("fetch failed"),
            Says("econnre"),
            Says("enotfound"),
        ],
        limit: Some(ServerError),
        meanings: &[means(
            "all plans, API keys",
            "The request did not reach the service, or the answer did not come back.",
        )],
        helps: &[&CHECK_NETWORK, &LOOK_AT_STATUS_PAGE],
        did_not_help: &[],
        own_words: None,
        source: "Claude Code documentation, errors page",
    },
    Family {
        title: "A line about lock files",
        wordings: &[
            every("NON-FATAL: Lock acquisition failed for … (expected in multi-process scenarios)"),
            every("Failed to save config with lock: Error: Lock file is already being held"),
            every("Another Claude process is currently running"),
        ],
        patterns: &[
            Says("lock acquisition failed"),
            Says("lock file is already being held"),
            Says("another claude process is currently"),
            Says("another process is currently installing claude"),
        ],
        limit: Some(Unknown),
        meanings: &[means(
            "all plans, API keys",
            "Several sessions share files, and one waited for another. Most such lines are noise. A lock does not cause a usage limit, and clearing one does not lift a limit.",
        )],
        helps: &[&LOOK_AT_LOCKS, &CLEAR_LOCKS],
        did_not_help: &[in_vain(
            "Deleting lock directories by hand lifted no limit, and corrupted .claude.json where a session was running (issues 28829, 29198).",
        )],
        own_words: Some(OwnWords {
            headline: "This line is about lock files, and no usage limit is involved: run whycap locks to see whether one is stuck",
            badge: "a lock file, no limit · whycap locks",
        }),
        source: "docs/locks.md; issues 56035, 22788, 15883",
    },
];

/// Rows without a wording: only the class or the status is known.
pub(super) const BY_CLASS: &[Family] = &[
    Family {
        title: "A 429 without words that are known",
        wordings: &[],
        patterns: &[Status(429), Class("rate_limit")],
        limit: Some(Throttle),
        meanings: &[means(
            "all plans, API keys",
            "Something limits the rate of requests. Without what the server says about the plan's windows it is not a plan limit.",
        )],
        helps: &[&RETRY, &CHECK_METERS, &LOOK_AT_STATUS_PAGE],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328: plan limits carry quotaLimits, throttles do not",
    },
    Family {
        title: "A billing error without words that are known",
        wordings: &[],
        patterns: &[Class("billing_error")],
        limit: Some(Billing),
        meanings: &[means(
            "all plans, API keys",
            "Something about payment or credits.",
        )],
        helps: &[&CHECK_STATUS, &PAY, &PAY_CONSOLE],
        did_not_help: &[],
        own_words: None,
        source: "the StopFailure event's classes in the client's SDK",
    },
    Family {
        title: "A server error without words that are known",
        wordings: &[],
        patterns: &[Class("server_error")],
        limit: Some(ServerError),
        meanings: &[means("all plans, API keys", "A fault of the service.")],
        helps: &[&RETRY_SERVICE, &LOOK_AT_STATUS_PAGE],
        did_not_help: &[],
        own_words: None,
        source: "the StopFailure event's classes in the client's SDK",
    },
];

/// Not in the catalogue: whycap says so instead of guessing.
pub(super) const UNKNOWN: Family = Family {
    title: "A message that whycap does not know",
    wordings: &[],
    patterns: &[],
    limit: Some(Unknown),
    meanings: &[means("all", "Not known.")],
    helps: &[&CHECK_METERS, &CHECK_STATUS, &LOOK_AT_STATUS_PAGE],
    did_not_help: &[],
    own_words: None,
    source: "nothing",
};
