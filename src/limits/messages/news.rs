//! Warnings and news: nothing is stopped, or no more.

use super::row::Judgement::Weighed;
use super::row::Pattern::{Limit, Says, SaysAll};
use super::row::{Message, NOTICE, OVER, ROW, YOURS_TO_CHANGE};
use crate::claude::version::Versions;
use crate::limits::helps::{
    CHECK_METERS, CREDITS_FOR_MODEL, LOOK_AT_STATUS_PAGE, NORMAL_SPEED, PAY_LESS, SAVE_USAGE,
    TRY_AGAIN, WAIT_FOR_CAP,
};
use crate::limits::kind::{LimitKind, Service};
use crate::limits::rules::news;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "fast-over",
        service: Some(Service::Plan),
        patterns: &[Says("fast limit reset")],
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
        patterns: &[
            Says("limit reset · "),
            Says("limit has reset"),
            Says("limits have reset"),
            Says("limit has been reset"),
            Says("limits reset · "),
            Says("limits have been reset"),
            Says("reset · continuing"),
            Says("limit reset used"),
            Says("limit reset - "),
            Says("usage limit available"),
            Says("limit had already reset"),
        ],
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
        patterns: &[
            Says("automatic continue cancelled"),
            Says("automatic continue stopped"),
            Says("automatic continue was turned off"),
            SaysAll(&["automatic continue", "was cancelled"]),
            Says("waiting for usage limits to reset was turned off"),
        ],
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
        patterns: &[SaysAll(&["fast mode", "overloaded"])],
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
        patterns: &[
            SaysAll(&["fast mode", "not yet available via api"]),
            Says("fast mode unavailable"),
            Says("fast mode is not available"),
        ],
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
        patterns: &[Says("fast mode disabled"), Says("fast mode requires")],
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
        patterns: &[
            Limit(&["fast"]),
            Says("fast limit reached"),
            Says("fast mode paused"),
        ],
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
        patterns: &[Says("limit reached, now using")],
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
        patterns: &[
            Says("now using usage credits"),
            Says("now using extra usage"),
            Says("now using credits"),
            Says("now using your usage allocation"),
            Says("drawing from usage credits"),
            Says("now covering your requests"),
            Says("currently using your overages"),
            Says("continuing with usage credits"),
        ],
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
        patterns: &[
            SaysAll(&["% of your", "used"]),
            SaysAll(&["% of", "limit used"]),
            Says("near weekly limit"),
            Says("near session limit"),
            Says("near 5-hour limit"),
            Says("nearing weekly limit"),
            Says("nearing session limit"),
            Says("you're close to your"),
            Says("you are close to your"),
            SaysAll(&["approaching", "usage limit"]),
            SaysAll(&["approaching", "weekly limit"]),
            SaysAll(&["approaching", "session limit"]),
            SaysAll(&["approaching", "5-hour limit"]),
            SaysAll(&["approaching your", "limit"]),
            SaysAll(&["nearing your", "limit"]),
            Says("próximo do limite"),
            Says("cerca del límite"),
            Says("proche de la limite"),
        ],
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
