//! Throttles, quotas of other clouds, outages, and the last resort: the error's class and status.

use super::row::Judgement::{Fixed, Weighed};
use super::row::Pattern::{Class, Says, SaysAll, Status, Type};
use super::row::{Message, NOTICE, PASSING, ROW, YOURS_TO_CHANGE};
use crate::claude::version::Versions;
use crate::limits::helps::{
    AWS_QUOTA, CHECK_METERS, CHECK_NETWORK, CHECK_STATUS, CLEAR_LOCKS, FEWER_AT_ONCE, GOOGLE_QUOTA,
    LESS_BUSY_MODEL, LOOK_AT_LOCKS, LOOK_AT_STATUS_PAGE, OPEN_USAGE_LATER, PAY, PAY_CONSOLE,
    RAISE_TIER, REPORT_UNKNOWN, RETRY, RETRY_ONCE, RETRY_SERVICE, TOMORROW, UPDATE, WAIT_UNKNOWN,
};
use crate::limits::kind::{LimitKind, Service, Verdict, Who};
use crate::limits::rules::{console, service, windows};

const SERVER_ERROR: Message = Message {
    id: "server-error",
    names: LimitKind::ServerError,
    patterns: &[
        Status(500, 599),
        Says("internal server error"),
        Says("service unavailable"),
        Says("spend limit unavailable"),
        Says("bad gateway"),
        Says("all upstreams failed"),
        Type("api_error"),
    ],
    judgement: PASSING,
    means: "The service failed, no limit of yours is involved: wait a few minutes and send the prompt again",
    badge: "service error, no limit · try again soon",
    wordings: &[
        "API Error: 500 Internal server error. This is a server-side issue, usually temporary — try again in a moment.",
        "API Error: 503 Service unavailable",
        "spend limit unavailable",
    ],
    helps: &[RETRY_SERVICE, LOOK_AT_STATUS_PAGE],
    source: "recorded from client 2.1.328",
    ..ROW
};

pub(super) const NAMED: &[Message] = &[
    Message {
        id: "usage-page",
        names: LimitKind::Throttle,
        service: Some(Service::Plan),
        patterns: &[
            Says("usage endpoint is rate limited"),
            Says("limiting requests to the usage page"),
            SaysAll(&["failed to load usage data", "rate limit"]),
        ],
        judgement: NOTICE,
        means: "Only the usage page was asked too often, nothing is stopped: look again in a few minutes",
        badge: "only /usage is asked too often",
        wordings: &[
            "Claude is temporarily limiting requests to the usage page (not your usage limit). Try again in a moment.",
            "Usage endpoint is rate limited. Please try again in a moment.",
        ],
        helps: &[OPEN_USAGE_LATER],
        source: "strings of clients 2.1.119 and 2.1.329",
        ..ROW
    },
    Message {
        id: "bedrock-daily",
        names: LimitKind::Throttle,
        service: Some(Service::Bedrock),
        patterns: &[
            Says("too many tokens per day"),
            Says("too many requests per day"),
        ],
        judgement: Fixed(Verdict::NotALimit, Who::You, Some(true)),
        means: "Your AWS quota for the day is used up, no Claude plan is involved: ask AWS for more, or wait for tomorrow",
        badge: "AWS quota for the day · ask AWS, or wait for tomorrow",
        wordings: &[
            "API Error: Request rejected (429) · Too many tokens per day, please wait before trying again.",
        ],
        helps: &[AWS_QUOTA, TOMORROW],
        source: "Ivy-Tendril issue 1756; AWS documentation, Amazon Bedrock quotas",
        ..ROW
    },
    Message {
        id: "bedrock",
        names: LimitKind::Throttle,
        service: Some(Service::Bedrock),
        patterns: &[
            Says("throttlingexception"),
            Type("ThrottlingException"),
            Says("too many tokens, please wait"),
            Says("too many requests, please wait before trying again"),
            Says("servicequotaexceededexception"),
            SaysAll(&["serviceunavailableexception", "bedrock"]),
            Says("bedrock is unable to process"),
        ],
        judgement: PASSING,
        means: "AWS slows your account down, no Claude plan is involved: wait a minute and send the prompt again",
        badge: "AWS quota per minute · wait a minute",
        wordings: &[
            "API Error (429 Too many tokens, please wait before trying again.)",
            "An error occurred (ThrottlingException) when calling the InvokeModel operation: Too many tokens, please wait before trying again.",
        ],
        helps: &[RETRY_ONCE, AWS_QUOTA, FEWER_AT_ONCE],
        source: "issues 77, 236, 1466",
        ..ROW
    },
    Message {
        id: "vertex",
        names: LimitKind::Throttle,
        service: Some(Service::Vertex),
        patterns: &[
            SaysAll(&["quota exceeded for", "aiplatform"]),
            SaysAll(&["aiplatform.googleapis.com", "quota"]),
            Says("resource has been exhausted"),
            Says("resource exhausted"),
            Type("RESOURCE_EXHAUSTED"),
            Says("resource_exhausted"),
        ],
        judgement: Fixed(Verdict::NotALimit, Who::You, None),
        means: "Your Google Cloud quota is used up, no Claude plan is involved: wait a minute, or ask Google for more",
        badge: "Google Cloud quota · wait a minute, or ask for more",
        wordings: &[
            "API Error (429 {\"error\":{\"code\":429,\"message\":\"Quota exceeded for aiplatform.googleapis.com/online_prediction_input_tokens_per_minute_per_base_model with base model: …\",\"status\":\"RESOURCE_EXHAUSTED\"}})",
        ],
        helps: &[RETRY_ONCE, GOOGLE_QUOTA],
        source: "issue 1440; cline issue 651",
        ..ROW
    },
    Message {
        id: "api-tier",
        names: LimitKind::Throttle,
        service: Some(Service::Console),
        patterns: &[
            Says("your organization's rate limit"),
            Says("rate limit for your organization"),
            Says("organization's maximum usage increase rate"),
            Says("exceed the rate limit for your org"),
            Says("acceleration limit"),
            Says("exceeded your per-minute rate limit"),
            Says("input tokens per minute"),
            Says("output tokens per minute"),
            SaysAll(&["requests per minute", "rate limit"]),
            Says("number of requests has exceeded your"),
            Says("connections to claude exceeds your"),
        ],
        judgement: Fixed(Verdict::NotALimit, Who::You, Some(true)),
        means: "The API organization's rate per minute is exceeded: wait a minute; with a plan, look for a key in /status",
        badge: "API rate per minute · wait a minute, /status shows the key",
        wordings: &[
            "API Error: Request rejected (429) · This request would exceed your organization's rate limit of 30,000 input tokens per minute",
            "API Error: Request rejected (429) · Number of request tokens has exceeded your per-minute rate limit",
        ],
        helps: &[CHECK_STATUS, RETRY_ONCE, RAISE_TIER],
        source: "recorded from client 2.1.328; Claude API documentation, rate limits",
        ..ROW
    },
    Message {
        id: "throttle",
        names: LimitKind::Throttle,
        patterns: &[
            Says("temporarily limiting requests"),
            Says("request rejected (429)"),
            Says("upstream rate limit exceeded"),
        ],
        judgement: PASSING,
        means: service::THROTTLED.0,
        badge: service::THROTTLED.1,
        by_version: &[(
            Versions::since(2, 1, 108),
            &["API Error: Server is temporarily limiting requests (not your usage limit) · …"],
        )],
        wordings: &["API Error: Request rejected (429) · …"],
        helps: &[RETRY, FEWER_AT_ONCE, LOOK_AT_STATUS_PAGE],
        in_vain: &["Buying credits does not help: nothing is used up (issue 53531)."],
        source: "recorded from clients 2.1.118 to 2.1.328; since 2.1.199 Claude Code tries again by itself",
        ..ROW
    },
    Message {
        id: "account-rate",
        service: Some(Service::Plan),
        patterns: &[
            Says("exceed your account's rate limit"),
            Says("exceeded your account's rate limit"),
        ],
        judgement: Weighed(windows::account_rate),
        means: "The API's own words behind every plan limit of clients 1.0 to 2.1.12x. They do not say which limit it is.",
        by_version: &[(
            Versions::before(2, 1, 130),
            &["This request would exceed your account's rate limit. Please try again later."],
        )],
        helps: &[CHECK_METERS, WAIT_UNKNOWN],
        source: "issues 43551, 54698, 56219: Claude Code showed a plan limit each time",
        ..ROW
    },
    Message {
        id: "rate-limit-reached",
        names: LimitKind::Throttle,
        patterns: &[
            Says("rate limit reached"),
            Says("rate limit exceeded"),
            Says("rate limited"),
            Says("rate_limit_error"),
            Says("too many requests"),
        ],
        judgement: Weighed(service::rate_limit_reached),
        means: "Before 2.1.108 Claude Code said this of everything that came as a 429: a real throttle, a 1M model without usage credits, or a fault of the service. It was not about the plan's limits.",
        by_version: &[(
            Versions::before(2, 1, 108),
            &["API Error: Rate limit reached"],
        )],
        wordings: &["HTTP 429 Too Many Requests"],
        helps: &[RETRY, UPDATE, CHECK_STATUS],
        in_vain: &[
            "A new session, logging in again and waiting half an hour did not help where it was the 1M variant (issue 37270).",
        ],
        source: "issues 37270, 38675, 40536, 55027; Claude Code changelog 2.1.89, 2.1.108",
        ..ROW
    },
    Message {
        id: "overloaded",
        names: LimitKind::Overloaded,
        patterns: &[
            Says("529 overloaded"),
            Says("api error: overloaded"),
            Says("overloaded_error"),
            Says("experiencing high load"),
            Says("experiencing high demand"),
            SaysAll(&["anthropic", "overloaded"]),
            Says("api overloaded"),
            Says("upstream overloaded"),
            Says("the api is at capacity"),
            Says("repeated server overload"),
            Status(529, 529),
            Type("overloaded_error"),
            Class("overloaded"),
        ],
        judgement: PASSING,
        means: "The service is overloaded, no limit of yours is involved: wait a few minutes and send the prompt again",
        badge: "service overloaded, no limit · try again soon",
        wordings: &[
            "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.",
            "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temporary.",
            "Opus is experiencing high load, please use /model to switch to Sonnet",
        ],
        helps: &[RETRY_SERVICE, LESS_BUSY_MODEL, LOOK_AT_STATUS_PAGE],
        source: "recorded from client 2.1.328, where the error's class is server_error, not overloaded",
        ..ROW
    },
    SERVER_ERROR,
    Message {
        id: "not-reached",
        names: LimitKind::ServerError,
        patterns: &[
            Says("connection error"),
            Says("connection lost"),
            Says("connection closed"),
            Says("connection dropped"),
            Says("connection refused"),
            Says("connection to the api was lost"),
            Says("unable to connect"),
            Says("can't reach the api server"),
            Says("no internet route"),
            Says("couldn't connect through your proxy"),
            Says("request timed out"),
            Says("operation timed out"),
            Says("network timeout"),
            SaysAll(&["api error", "timeout"]),
            SaysAll(&["api error", "timed out"]),
            Says("no response from api"),
            Says("mid-response"),
            Says("mid-stream"),
            Says("stopped arriving"),
            Says("before a response was produced"),
            Says("stalled while thinking"),
            Says("empty or malformed response"),
            Says("stream idle timeout"),
            Says("response above may be incomplete"),
            Says("typeerror: fetch failed"),
            Says("api error: fetch failed"),
            Says("socket hang up"),
            Says("socket is closed"),
            Says("econnre"),
            Says("enotfound"),
            Says("etimedout"),
            Says("getaddrinfo"),
            Says("ssl certificate"),
            Says("local issuer certificate"),
            Says("certificate in certificate chain"),
            Says("socket connection was closed"),
            Says("proxy refused the connection"),
            Says("host_not_allowed"),
        ],
        judgement: PASSING,
        means: "The service was not reached, no limit is involved: check your network, then send the prompt again",
        badge: "service not reached, no limit · check the network",
        wordings: &[
            "API Error: Connection error.",
            "API Error: Request timed out.",
            "Unable to connect to API (ECONNREFUSED)",
            "Connection lost mid-response. The response above may be incomplete.",
        ],
        helps: &[CHECK_NETWORK, LOOK_AT_STATUS_PAGE],
        source: "Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "locks",
        patterns: &[
            Says("lock acquisition failed"),
            Says("lock file is already being held"),
            Says("another claude process is currently"),
            Says("another process is currently installing claude"),
        ],
        judgement: YOURS_TO_CHANGE,
        means: "This is about lock files, no usage limit is involved: whycap locks shows whether one is stuck",
        badge: "a lock file, no limit · whycap locks",
        wordings: &[
            "NON-FATAL: Lock acquisition failed for … (expected in multi-process scenarios)",
            "Failed to save config with lock: Error: Lock file is already being held",
            "Another Claude process is currently running",
        ],
        helps: &[LOOK_AT_LOCKS, CLEAR_LOCKS],
        in_vain: &[
            "Deleting lock directories by hand lifted no limit, and broke .claude.json where a session was running (issues 28829, 29198).",
        ],
        source: "docs/locks.md; issues 56035, 22788, 15883",
        ..ROW
    },
];

/// Rows without a wording: only the class or the status is known.
pub(super) const BY_CLASS: &[Message] = &[
    Message {
        id: "status-429",
        names: LimitKind::Throttle,
        patterns: &[
            Status(429, 429),
            Class("rate_limit"),
            Type("rate_limit_error"),
        ],
        judgement: Weighed(service::too_many_requests),
        means: "Something limits the rate of requests. Without what the server says about the plan's limits it is none of those.",
        helps: &[RETRY, CHECK_METERS, LOOK_AT_STATUS_PAGE],
        source: "recorded from client 2.1.328: plan limits carry quotaLimits, throttles do not",
        ..ROW
    },
    Message {
        id: "class-billing",
        names: LimitKind::Billing,
        patterns: &[Class("billing_error")],
        judgement: Weighed(console::billing),
        means: "Something about payment or credits.",
        helps: &[CHECK_STATUS, PAY, PAY_CONSOLE],
        source: "the StopFailure event's classes in the Agent SDK",
        ..ROW
    },
    Message {
        id: "class-server",
        patterns: &[Class("server_error")],
        wordings: &[],
        source: "the StopFailure event's classes in the Agent SDK",
        ..SERVER_ERROR
    },
];

/// Nothing recognizes it: whycap says so instead of guessing.
pub(super) static UNKNOWN: Message = Message {
    id: "unknown",
    patterns: &[],
    judgement: Weighed(service::not_known),
    means: "Not known.",
    helps: &[
        CHECK_METERS,
        CHECK_STATUS,
        LOOK_AT_STATUS_PAGE,
        REPORT_UNKNOWN,
    ],
    source: "nothing",
    ..ROW
};
