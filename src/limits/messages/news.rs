//! Warnings and news: nothing is stopped, or no more.

use super::row::Judgement::{Fixed, Weighed};
use super::row::{Message, NOTICE, OVER, ROW, YOURS_TO_CHANGE};
use crate::claude::version::Versions;
use crate::limits::helps::{
    ASK_IN_PERSON, AWAIT_ADMIN, BACK_TO_MODEL, CHECK_METERS, CREDITS_FOR_MODEL, LIMIT_OPTIONS,
    LOOK_AT_STATUS_PAGE, NORMAL_SPEED, PAY_LESS, REPHRASE, SAVE_USAGE, TRY_AGAIN, WAIT_FOR_CAP,
    WAIT_UNKNOWN,
};
use crate::limits::kind::{LimitKind, Service, Verdict, Who};
use crate::limits::rules::news;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "switched-model",
        service: Some(Service::Plan),
        says: "safeguards & switched to",
        judgement: NOTICE,
        means: "Safeguards gave this message to another model, no limit: work goes on, /model brings yours back",
        badge: "another model answers this · /model brings yours back",
        wordings: &[
            "Fable 5's safeguards flagged this message. … Switched to Opus 5. Send feedback …",
        ],
        helps: &[BACK_TO_MODEL, REPHRASE],
        source: "strings of client 2.1.329; messages that users pasted",
        ..ROW
    },
    Message {
        id: "allowed",
        service: Some(Service::Plan),
        says: "limit status: allowed",
        judgement: NOTICE,
        means: "The server let this request through: no limit of your plan stops anything here",
        badge: "let through, nothing is stopped",
        wordings: &[
            "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{\"status\":\"allowed\",\"resetsAt\":1791517800,\"rateLimitType\":\"five_hour\"}}",
        ],
        helps: &[CHECK_METERS],
        source: "the Agent SDK 0.3.329 (rate_limit_event)",
        ..ROW
    },
    Message {
        id: "lower-priority",
        service: Some(Service::Plan),
        says: "now at lower priority & until your limit | working at lower priority",
        judgement: Weighed(news::lower_priority),
        means: "Your 5-hour limit is used up. Work goes on at lower priority until it resets, and pauses while there is no room. It counts in your weekly limit and costs nothing else.",
        wordings: &[
            "Continuing now at lower priority until your limit resets at 6pm. Your weekly limit still applies, and responses may pause while waiting for spare capacity. Run /low-priority to stop.",
            "Working at lower priority · waiting for capacity",
        ],
        helps: &[LIMIT_OPTIONS, CHECK_METERS],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "lower-priority-over",
        service: Some(Service::Plan),
        says: "lower-priority allowance | room for lower-priority work | lower-priority mode stopped",
        judgement: NOTICE,
        means: "Going on at lower priority is over, your usage limit holds again: /usage shows when it resets",
        badge: "lower priority is over · /usage shows the reset",
        wordings: &[
            "You've used this week's lower-priority allowance · lower-priority mode ended; it is offered again after your weekly limit resets",
            "No room for lower-priority work for a while · lower-priority mode stopped; new messages wait for your usage limit to reset",
        ],
        helps: &[LIMIT_OPTIONS, CHECK_METERS],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "fast-over",
        service: Some(Service::Plan),
        says: "fast limit reset",
        judgement: OVER,
        means: "Fast mode is back: go on",
        badge: "fast mode is back",
        wordings: &["Fast limit reset · now using fast mode"],
        helps: &[TRY_AGAIN],
        source: "strings of clients 2.1.119 to 2.1.329",
        ..ROW
    },
    Message {
        id: "over",
        service: Some(Service::Plan),
        says: "limit reset ·  | limit has reset | limits have reset | limit has been reset \
            | limits reset ·  | limits have been reset | reset · continuing | limit reset used \
            | limit reset -  | usage limit available | limit had already reset",
        judgement: OVER,
        means: "The limit has ended: send the prompt again, if Claude Code does not go on by itself",
        badge: "the limit has ended · send the prompt again",
        wordings: &[
            "Usage limit reset · continuing automatically",
            "Your limit has reset",
        ],
        helps: &[TRY_AGAIN],
        source: "strings of client 2.1.328",
        ..ROW
    },
    Message {
        id: "auto-continue-off",
        service: Some(Service::Plan),
        says: "automatic continue cancelled | automatic continue stopped \
            | automatic continue was turned off | automatic continue & was cancelled \
            | waiting for usage limits to reset was turned off",
        judgement: NOTICE,
        means: "Claude Code will not go on by itself after the reset: send the prompt again then (/usage shows when)",
        badge: "will not go on by itself · send the prompt after the reset",
        wordings: &[
            "Automatic continue cancelled · /rate-limit-options to re-arm",
            "Automatic continue stopped after repeated usage limit hits · This task will not resume on its own (/rate-limit-options to try again)",
        ],
        helps: &[CHECK_METERS],
        source: "strings of clients 2.1.240 to 2.1.329",
        ..ROW
    },
    Message {
        id: "fast-overloaded",
        names: LimitKind::Overloaded,
        says: "fast mode & overloaded",
        judgement: Weighed(news::fast_mode),
        means: "Too many people use fast mode. It pauses; Claude goes on at normal speed.",
        wordings: &["Fast mode overloaded and is temporarily unavailable · resets in …"],
        helps: &[NORMAL_SPEED, LOOK_AT_STATUS_PAGE],
        source: "strings of clients 2.1.119 to 2.1.329",
        ..ROW
    },
    Message {
        id: "fast-unavailable",
        names: LimitKind::ModelUnavailable,
        says: "fast mode & not yet available via api | fast mode unavailable \
            | fast mode is not available",
        judgement: YOURS_TO_CHANGE,
        means: "Fast mode is not offered here: turn it off with /fast and go on at normal speed",
        badge: "no fast mode here · /fast turns it off",
        wordings: &[
            "API Error: 400 Fast mode is currently available in research preview in Claude Code. It is not yet available via API.",
        ],
        helps: &[NORMAL_SPEED],
        source: "messages that users pasted; strings of client 2.1.328",
        ..ROW
    },
    Message {
        id: "fast-without-credits",
        names: LimitKind::UsageCredits,
        says: "fast mode disabled | fast mode requires",
        judgement: NOTICE,
        means: "Only fast mode is off, as it is paid from usage credits: Claude goes on at normal speed",
        badge: "only fast mode is off, Claude goes on",
        by_version: &[
            (
                Versions::since(2, 1, 144),
                &[
                    "Fast mode disabled · Out of usage credits",
                    "Fast mode disabled · usage credit limit reached",
                    "Fast mode requires usage credits · /usage-credits to turn them on",
                ],
            ),
            (
                Versions::before(2, 1, 144),
                &["Fast mode disabled · extra usage credits exhausted"],
            ),
        ],
        helps: &[NORMAL_SPEED, CREDITS_FOR_MODEL],
        source: "strings of clients 2.1.119 to 2.1.329",
        ..ROW
    },
    Message {
        id: "fast",
        names: LimitKind::Throttle,
        service: Some(Service::Plan),
        says: "fast limit reached | fast mode paused",
        limit: "fast",
        judgement: Weighed(news::fast_mode),
        means: "Fast mode was used too much at once. It pauses; Claude goes on at normal speed.",
        wordings: &[
            "You've hit your fast limit · resets in …",
            "Fast limit reached, fast mode paused · resets in …",
            "Fast limit reached and temporarily disabled · resets in …",
        ],
        helps: &[NORMAL_SPEED, WAIT_FOR_CAP],
        source: "strings of clients 2.1.119 to 2.1.329",
        ..ROW
    },
    Message {
        id: "other-model",
        service: Some(Service::Plan),
        says: "limit reached, now using",
        judgement: NOTICE,
        means: "Work goes on with another model, as the limit of the first one is reached: /usage shows until when",
        badge: "work goes on with another model",
        by_version: &[(
            Versions::before(2, 0, 0),
            &["Claude Opus 4 limit reached, now using Sonnet 4"],
        )],
        helps: &[CHECK_METERS],
        source: "messages that users pasted",
        ..ROW
    },
    Message {
        id: "paid-from-credits",
        names: LimitKind::UsageCredits,
        says: "now using usage credits | now using extra usage | now using credits \
            | now using your usage allocation | drawing from usage credits \
            | now covering your requests | currently using your overages \
            | continuing with usage credits",
        judgement: Weighed(news::paid_from_credits),
        means: "Your included usage is used up. Work goes on, and every token is paid from usage credits until it is back.",
        by_version: &[
            (
                Versions::since(2, 1, 144),
                &[
                    "You're now using usage credits · Your weekly limit resets …",
                    "Now using usage credits for Fable · Your Fable limit resets …",
                ],
            ),
            (
                Versions::before(2, 1, 144),
                &["You're now using extra usage until your limit resets."],
            ),
        ],
        helps: &[PAY_LESS],
        source: "USAGE_TRANSITION_PREFIXES of the Agent SDK 0.3.329; issue 74784",
        ..ROW
    },
    Message {
        id: "warning",
        service: Some(Service::Plan),
        says: "messages remaining until | messages left until | message remaining until \
            | message left until | % of your & used | % of & limit used | near weekly limit \
            | near session limit | near 5-hour limit | nearing weekly limit \
            | nearing session limit | you're close to your | you are close to your \
            | approaching & usage limit | approaching & weekly limit \
            | approaching & session limit | approaching & 5-hour limit \
            | approaching your & limit | nearing your & limit | próximo do limite \
            | cerca del límite | proche de la limite",
        judgement: Weighed(news::warning),
        means: "A warning before the limit. Nothing is stopped.",
        wordings: &[
            "You've used 85% of your weekly limit · resets …",
            "Over 75% of your 5-hour limit used · resets …",
            "You're close to your usage credit limit",
            "Approaching Opus usage limit",
        ],
        helps: &[SAVE_USAGE, CHECK_METERS],
        source: "USAGE_WARNING_PREFIXES of the Agent SDK 0.3.329; strings of client 2.1.329",
        ..ROW
    },
];

/// What Claude Code answers to commands about limits, and its own menu. Tried after the limits, which
/// offer these commands too.
pub(super) const ANSWERS: &[Message] = &[
    Message {
        id: "early-reset",
        service: Some(Service::Plan),
        says: "you have a reset saved | limit reset isn't available | couldn't reset your \
            | couldn't confirm the reset | reset was just started | is already being reset \
            | resets can't be used while | use an available limit reset | use your reset \
            | limit may have lifted already | next reset available",
        judgement: NOTICE,
        means: "This is about an early reset, not a new limit: /rate-limit-options shows what you are offered",
        badge: "about an early reset · /rate-limit-options",
        wordings: &[
            "You have a reset saved for when you reach a usage limit · run /limit-reset when you do",
            "Couldn't reset your 5-hour limit right now · try again in a moment",
            "A 5-hour limit reset isn't available right now.",
        ],
        helps: &[LIMIT_OPTIONS, CHECK_METERS],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "credits-asked-for",
        names: LimitKind::UsageCredits,
        says: "sent to your admin | already sent a usage credit request \
            | already submitted a usage credit request | already sent a request \
            | already submitted a request | requesting usage credits notifies",
        judgement: Fixed(Verdict::Notice, Who::Admin, None),
        means: "An admin was asked for usage credits: nothing changes until they answer (/usage shows your own reset)",
        badge: "an admin was asked for usage credits",
        wordings: &[
            "Request sent to your admin.",
            "You've already sent a usage credit request to your admin.",
        ],
        helps: &[AWAIT_ADMIN],
        source: "strings of clients 2.1.119 to 2.1.329",
        ..ROW
    },
    Message {
        id: "no-requests",
        names: LimitKind::UsageCredits,
        says: "usage credit requests are turned off | requests are turned off for your organization",
        judgement: Fixed(Verdict::NotALimit, Who::Admin, None),
        means: "Claude Code may not ask for usage credits in your organization: write to an admin yourself",
        badge: "no requests for credits here · write to an admin",
        wordings: &["Usage credit requests are turned off for your organization."],
        helps: &[ASK_IN_PERSON, WAIT_UNKNOWN],
        source: "strings of client 2.1.329",
        ..ROW
    },
    Message {
        id: "menu",
        service: Some(Service::Plan),
        says: "stop and wait for limit to reset | wait here, then continue automatically \
            | what do you want to do? & upgrade your plan",
        judgement: NOTICE,
        means: "This is Claude Code's menu at a limit: waiting costs nothing, the rest may (/usage shows the reset)",
        badge: "the menu at a limit · waiting costs nothing",
        wordings: &[
            "What do you want to do? 1. Stop and wait for limit to reset 2. Upgrade your plan",
        ],
        helps: &[CHECK_METERS, LIMIT_OPTIONS],
        source: "strings of clients 2.1.119 to 2.1.329",
        ..ROW
    },
    Message {
        id: "credits-off",
        names: LimitKind::UsageCredits,
        says: "usage credits are off | usage credits are turned off | extra usage not enabled \
            | you don't have usage credits yet",
        judgement: NOTICE,
        means: "Usage credits are off, so nothing is paid beyond your plan: /usage shows how much of it is left",
        badge: "usage credits are off · /usage",
        wordings: &["Usage credits are off"],
        helps: &[CHECK_METERS],
        source: "strings of clients 2.1.119 to 2.1.329",
        ..ROW
    },
];
