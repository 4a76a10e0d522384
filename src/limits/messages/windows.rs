//! The windows of a plan: usage that is included and comes back by itself.

use super::row::Judgement::Weighed;
use super::row::{ANY, Concerns, Message, Plans, ROW};
use crate::claude::version::Versions;
use crate::limits::helps::{CREDITS_INSTEAD, OTHER_MODEL, WAIT};
use crate::limits::kind::{LimitKind, Service, Window};
use crate::limits::rules::windows;

/// A window over all models.
const WINDOW: Message = Message {
    judgement: Weighed(windows::used_up),
    helps: &[WAIT, CREDITS_INSTEAD],
    // What users tried against mistakes of the server, over and over, without effect.
    in_vain: &[
        "Logging out and in again did not help (issues 34413, 78929, 79136).",
        "Reinstalling and restarting did not help (issues 29650, 79672).",
        "Deleting lock files did not help: no lock causes a usage limit (issue 56035).",
    ],
    in_vain_for: Concerns::DoubtfulLimits,
    ..ROW
};

/// A window of one family of models.
const ONE_MODEL: Message = Message {
    judgement: Weighed(windows::used_up),
    helps: &[OTHER_MODEL, WAIT],
    ..ROW
};

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "weekly-opus",
        names: LimitKind::Window(Window::WeeklyOpus),
        limit: "opus",
        means: "The week's usage of Opus models is used up. Other models still work.",
        wordings: &[
            "You've hit your Opus limit · resets …",
            "Opus weekly limit reached ∙ resets …",
        ],
        source: "recorded from clients 2.1.240 and 2.1.328 (claim seven_day_opus); Claude Code documentation, errors page",
        ..ONE_MODEL
    },
    Message {
        id: "weekly-sonnet",
        names: LimitKind::Window(Window::WeeklySonnet),
        limit: "sonnet",
        means: "The week's usage of Sonnet models is used up. Other models still work.",
        wordings: &["You've hit your Sonnet limit · resets …"],
        source: "recorded from client 2.1.328 (claim seven_day_sonnet)",
        ..ONE_MODEL
    },
    Message {
        id: "weekly-fable",
        names: LimitKind::Window(Window::WeeklyFable),
        says: "used your included fable",
        limit: "fable | mythos",
        means: "The week's usage of Fable models is used up. Other models still work; going on with this one is paid from usage credits.",
        wordings: &[
            "You've hit your Fable limit · resets …. Switch to another model to continue.",
            "You've reached your Fable 5 limit. Run /usage-credits to continue or switch models with /model.",
            "Fable limit reached · continuing on Fable 5.1 uses usage credits, and the prompt to confirm went unanswered — nothing was sent · answer it where this session is running, or /model to change",
        ],
        source: "recorded from client 2.1.328 (claim seven_day_overage_included); Claude Code documentation, errors page",
        ..ONE_MODEL
    },
    Message {
        id: "weekly",
        names: LimitKind::Window(Window::Weekly),
        limit: "weekly | 7-day",
        means: "The week's usage is used up. It counts all models together.",
        also: &[(
            Plans::ProAndEnterprise,
            ANY,
            "It may be the week's usage of Sonnet models, which has the same name there. Then another model works.",
        )],
        wordings: &[
            "You've hit your weekly limit · resets …",
            "Weekly limit reached · resets …",
            "Lower-priority mode ended · you have reached your weekly usage limit",
        ],
        source: "recorded from clients 2.1.240 and 2.1.328 (claim seven_day); issue 92834 for a false one",
        ..WINDOW
    },
    Message {
        id: "five-hour",
        names: LimitKind::Window(Window::FiveHour),
        limit: "5-hour | 5 & hour | five-hour | session",
        means: "The plan's usage for five hours is used up. All models, chat and all sessions share it: \"session limit\" is the same and not about one session.",
        by_version: &[
            (
                Versions::since(2, 1, 312),
                &["You've hit your 5-hour limit · resets …"],
            ),
            (
                Versions::between((2, 1, 118), (2, 1, 312)),
                &["You've hit your session limit · resets …"],
            ),
            (
                Versions::before(2, 1, 0),
                &["5-hour limit reached ∙ resets …"],
            ),
        ],
        source: "recorded from clients 2.1.118 to 2.1.328 (claim five_hour); issues 19673, 79672, 77262, 71594 for false ones",
        ..WINDOW
    },
    Message {
        id: "no-name",
        service: Some(Service::Plan),
        says: "limit for claude messages | reached your limit for claude \
            | claude & usage limit & will reset | out of free messages until \
            | used your included usage | wait for your usage limit \
            | continuing automatically when your limit resets",
        limit: "*",
        means: "One of your plan's limits is used up; the message does not say which. A reset within five hours points to the 5-hour limit, a later one to the weekly limit.",
        by_version: &[
            (
                ANY,
                &[
                    "You've hit your usage limit · resets …",
                    "Usage limit reached · continuing automatically at … · esc to cancel",
                    "You’ve hit your limit for Claude messages. Limits will reset at …. View your usage details.",
                ],
            ),
            (
                Versions::before(2, 1, 144),
                &["You've hit your limit · resets …"],
            ),
            (
                Versions::before(2, 0, 0),
                &[
                    "Claude usage limit reached. Your limit will reset at … (…)",
                    "Claude AI usage limit reached|1755615600",
                ],
            ),
        ],
        source: "recorded from clients 2.1.118 to 2.1.328; issues 2087, 6119, 40725, 63700, 80062",
        ..WINDOW
    },
];
