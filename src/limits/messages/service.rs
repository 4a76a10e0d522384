//! Throttles, quotas of other clouds, outages, and the last resort: the error's class and status.

use super::row::Judgement::{Fixed, Weighed};
use super::row::{Message, NOTICE, PASSING, ROW, YOURS_TO_CHANGE};
use crate::claude::version::Versions;
use crate::limits::helps::{
    ASK_GATEWAY, AWS_QUOTA, CHECK_METERS, CHECK_NETWORK, CHECK_PLAN, CHECK_STATUS, CLEAR_LOCKS,
    FEWER_AT_ONCE, GOOGLE_QUOTA, LESS_BUSY_MODEL, LOGIN, LOOK_AT_LOCKS, LOOK_AT_STATUS_PAGE,
    LOOK_WHERE_IT_CAME_FROM, OPEN_USAGE_LATER, PAY, PAY_CONSOLE, RAISE_TIER, REPORT_UNKNOWN, RETRY,
    RETRY_ONCE, RETRY_SERVICE, SEND_AGAIN_LATER, TOMORROW, UPDATE, WAIT_UNKNOWN,
};
use crate::limits::kind::{LimitKind, Service, Verdict, Who};
use crate::limits::rules::{console, service, unread, windows};

const SERVER_ERROR: Message = Message {
    id: "server-error",
    names: LimitKind::ServerError,
    says: "server-side issue, usually temporary | api is temporarily unavailable \
        | server error mid-response | returned an empty response | tool call could not be parsed \
        | internal server error | service unavailable | spend limit unavailable | bad gateway \
        | all upstreams failed",
    class: "500-599 | api_error",
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
        says: "usage endpoint is rate limited | limiting requests to the usage page \
            | failed to load usage data & rate limit",
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
        says: "too many tokens per day | too many requests per day",
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
        says: "throttlingexception | too many tokens, please wait \
            | too many requests, please wait before trying again | servicequotaexceededexception \
            | serviceunavailableexception & bedrock | bedrock is unable to process",
        codes: "ThrottlingException",
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
        says: "quota exceeded for & aiplatform | aiplatform.googleapis.com & quota \
            | resource has been exhausted | resource exhausted | resource_exhausted",
        codes: "RESOURCE_EXHAUSTED",
        judgement: Fixed(Verdict::NotALimit, Who::You, None),
        means: "Google Cloud refused this by quota or capacity, no Claude plan is involved: wait a minute, or ask for more",
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
        says: "your organization's rate limit | rate limit for your organization \
            | organization's maximum usage increase rate | exceed the rate limit for your org \
            | acceleration limit | exceeded your per-minute rate limit | input tokens per minute \
            | output tokens per minute | requests per minute & rate limit \
            | number of requests has exceeded your | connections to claude exceeds your",
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
        id: "azure",
        names: LimitKind::Throttle,
        service: Some(Service::Other),
        says: "call rate limit of your current | token rate limit of your current",
        judgement: PASSING,
        means: "Azure slows your deployment down, no Claude plan is involved: wait a minute and send the prompt again",
        badge: "Azure quota per minute · wait a minute",
        wordings: &[
            "Requests to the Messages_Create Operation have exceeded call rate limit of your current pricing tier. Please retry after 60 seconds.",
        ],
        helps: &[RETRY_ONCE, FEWER_AT_ONCE],
        source: "Microsoft Foundry documentation, quotas",
        ..ROW
    },
    Message {
        id: "gateway-throttle",
        names: LimitKind::Throttle,
        service: Some(Service::Gateway),
        says: "no deployments available | active accounts rate l | are cooling down | model_cooldown \
            | limit type: & virtual_key | queue full",
        judgement: PASSING,
        means: "Your gateway has no free account or model at the moment: wait a minute and send the prompt again",
        badge: "your gateway is busy · wait a minute",
        wordings: &[
            "litellm.RateLimitError: No deployments available for selected model, Try again in 60 seconds.",
        ],
        helps: &[RETRY_ONCE, ASK_GATEWAY],
        source: "LiteLLM, CLIProxyAPI; messages that users pasted",
        ..ROW
    },
    Message {
        id: "throttle",
        names: LimitKind::Throttle,
        says: "temporarily limiting requests | request rejected (429) \
            | upstream rate limit exceeded",
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
        says: "exceed your account's rate limit | exceeded your account's rate limit",
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
        says: "rate limit reached | rate limit exceeded | rate limited | rate_limit_error \
            | too many requests",
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
        says: "capacity constraints | experiencing high traffic | exceeded capacity \
            | 529 overloaded | api error: overloaded | overloaded_error | experiencing high load \
            | experiencing high demand | anthropic & overloaded | api overloaded \
            | upstream overloaded | the api is at capacity | repeated server overload",
        class: "529 | overloaded_error | overloaded",
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
        says: "failed to connect to api | err_bad_request | eai_again | net::err_ \
            | connection reset | network connection was lost | tls handshake | never arrived \
            | stream was malformed | a vpn, firewall, or security software \
            | waited & on the retry | certificate comes from an authority \
            | computer went to sleep | connection error | connection lost | connection closed \
            | connection dropped | connection refused | connection to the api was lost \
            | unable to connect | can't reach the api server | no internet route \
            | couldn't connect through your proxy | request timed out | operation timed out \
            | network timeout | api error & timeout | api error & timed out \
            | no response from api | mid-response | mid-stream | stopped arriving \
            | before a response was produced | stalled while thinking \
            | empty or malformed response | stream idle timeout \
            | response above may be incomplete | typeerror: fetch failed \
            | api error: fetch failed | socket hang up | socket is closed | econnre | enotfound \
            | etimedout | getaddrinfo | ssl certificate | local issuer certificate \
            | certificate in certificate chain | socket connection was closed \
            | proxy refused the connection | host_not_allowed",
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
        id: "auto-mode-paused",
        names: LimitKind::Overloaded,
        says: "auto mode cannot determine the safety",
        judgement: PASSING,
        means: "The model that checks commands for auto mode did not answer, no limit of yours: try again in a minute",
        badge: "auto mode's check did not answer, no limit · try again",
        wordings: &[
            "claude-sonnet-5 is temporarily unavailable, so auto mode cannot determine the safety of Bash",
        ],
        helps: &[RETRY_SERVICE, LOOK_AT_STATUS_PAGE],
        source: "strings of client 2.1.329; messages that users pasted",
        ..ROW
    },
    Message {
        id: "interrupted",
        says: "request was aborted | no response requested",
        judgement: NOTICE,
        means: "The request was stopped by you or by a program, nothing is limited: send the prompt again",
        badge: "a request was stopped, no limit",
        wordings: &["API Error: Request was aborted."],
        helps: &[SEND_AGAIN_LATER],
        source: "strings of clients 2.1.119 to 2.1.329",
        ..ROW
    },
    Message {
        id: "locks",
        says: "lock acquisition failed | lock file is already being held \
            | another claude process is currently \
            | another process is currently installing claude",
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

/// Rows without a wording: what is known of a class or a status whose words nobody knows.
pub(super) const BY_CLASS: &[Message] = &[
    Message {
        id: "status-429",
        names: LimitKind::Throttle,
        class: "429 | rate_limit | rate_limit_error",
        judgement: Weighed(service::too_many_requests),
        means: "Something limits the rate of requests. Without what the server says about the plan's limits it is none of those.",
        helps: &[RETRY, CHECK_METERS, LOOK_AT_STATUS_PAGE],
        source: "recorded from client 2.1.328: plan limits carry quotaLimits, throttles do not",
        ..ROW
    },
    Message {
        id: "class-billing",
        names: LimitKind::Billing,
        class: "billing_error",
        judgement: Weighed(console::billing),
        means: "Something about payment or credits.",
        helps: &[CHECK_STATUS, PAY, PAY_CONSOLE],
        source: "the StopFailure event's classes in the Agent SDK",
        ..ROW
    },
    Message {
        id: "class-server",
        says: "",
        class: "500-599 | server_error | api_error",
        wordings: &[],
        source: "the StopFailure event's classes in the Agent SDK",
        ..SERVER_ERROR
    },
    Message {
        id: "class-auth",
        names: LimitKind::Auth,
        class: "401 | 403 | authentication_failed | authentication_error | permission_error",
        judgement: Weighed(unread::refused_access),
        means: "The login, the key or a permission was refused.",
        helps: &[CHECK_STATUS, LOGIN, CHECK_NETWORK],
        source: "the StopFailure event's classes in the Agent SDK",
        ..ROW
    },
];

/// Nothing recognizes it: whycap says what can be read in it instead of guessing.
pub(super) static UNKNOWN: Message = Message {
    id: "unknown",
    judgement: Weighed(unread::not_known),
    means: "Not known.",
    helps: &[
        LOOK_WHERE_IT_CAME_FROM,
        CHECK_PLAN,
        CHECK_STATUS,
        LOOK_AT_STATUS_PAGE,
        REPORT_UNKNOWN,
    ],
    source: "nothing",
    ..ROW
};
