//! The windows of a plan: usage that is included and comes back by itself.

use super::row::Judgement::Weighed;
use super::row::Pattern::{Limit, Says};
use super::row::{ANY, Concerns, Message};
use crate::claude::version::Versions;
use crate::limits::helps::{CREDITS_INSTEAD, OTHER_MODEL, WAIT};
use crate::limits::kind::{LimitKind, Window};
use crate::limits::rules;

/// What users tried against mismatches on the server, over and over, without effect.
const SERVER_SIDE: &[(Concerns, &str)] = &[
    (
        Concerns::DoubtfulLimits,
        "Logging out and in again did not help (issues 34413, 78929, 79136).",
    ),
    (
        Concerns::DoubtfulLimits,
        "Reinstalling and restarting did not help (issues 29650, 79672).",
    ),
    (
        Concerns::DoubtfulLimits,
        "Deleting lock files did not help: no lock causes a usage limit (issue 56035).",
    ),
];

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "weekly-opus",
        names: LimitKind::Window(Window::WeeklyOpus),
        patterns: &[Limit(&["opus"])],
        judgement: Weighed(rules::windows::named),
        means: "The weekly window for Opus models is used up. Other models still work. The status line gets no meter for it.",
        also: &[],
        wordings: &[
            (ANY, "You've hit your Opus limit · resets …"),
            (ANY, "Opus weekly limit reached ∙ resets …"),
        ],
        helps: &[OTHER_MODEL, WAIT],
        in_vain: &[],
        source: "recorded from clients 2.1.240 and 2.1.328 (claim seven_day_opus); Claude Code documentation, errors page",
    },
    Message {
        id: "weekly-sonnet",
        names: LimitKind::Window(Window::WeeklySonnet),
        patterns: &[Limit(&["sonnet"])],
        judgement: Weighed(rules::windows::named),
        means: "The weekly window for Sonnet models is used up. Other models still work. The status line gets no meter for it.",
        also: &[],
        wordings: &[(ANY, "You've hit your Sonnet limit · resets …")],
        helps: &[OTHER_MODEL, WAIT],
        in_vain: &[],
        source: "recorded from client 2.1.328 (claim seven_day_sonnet)",
    },
    Message {
        id: "weekly-fable",
        names: LimitKind::Window(Window::WeeklyFable),
        patterns: &[Limit(&["fable"]), Limit(&["mythos"])],
        judgement: Weighed(rules::windows::named),
        means: "The weekly window for Fable models is used up. Other models still work; going on with this one draws on usage credits.",
        also: &[],
        wordings: &[
            (
                ANY,
                "You've hit your Fable limit · resets …. Switch to another model to continue.",
            ),
            (
                ANY,
                "Fable 5 limit reached · continuing on Fable 5 uses usage credits, and the prompt to confirm went unanswered — nothing was sent",
            ),
        ],
        helps: &[OTHER_MODEL, WAIT],
        in_vain: &[],
        source: "recorded from client 2.1.328 (claim seven_day_overage_included); Claude Code documentation, errors page",
    },
    Message {
        id: "weekly",
        names: LimitKind::Window(Window::Weekly),
        patterns: &[Limit(&["weekly"]), Limit(&["7-day"]), Limit(&["week"])],
        judgement: Weighed(rules::windows::named),
        means: "The weekly window over all models is used up. Another model does not help.",
        also: &[],
        wordings: &[
            (ANY, "You've hit your weekly limit · resets …"),
            (ANY, "Weekly limit reached · resets …"),
        ],
        helps: &[WAIT, CREDITS_INSTEAD],
        in_vain: SERVER_SIDE,
        source: "recorded from clients 2.1.240 and 2.1.328 (claim seven_day); issue 92834 for a false one",
    },
    Message {
        id: "five-hour",
        names: LimitKind::Window(Window::FiveHour),
        patterns: &[
            Limit(&["5-hour"]),
            Limit(&["5", "hour"]),
            Limit(&["five-hour"]),
            Limit(&["session"]),
        ],
        judgement: Weighed(rules::windows::named),
        means: "The plan's five-hour window is used up. It is shared by all models, by chat and by every session. \"Session limit\" is the same window: it is not about one session.",
        also: &[],
        wordings: &[
            (
                Versions::since(2, 1, 312),
                "You've hit your 5-hour limit · resets …",
            ),
            (
                Versions::between((2, 1, 118), (2, 1, 312)),
                "You've hit your session limit · resets …",
            ),
            (Versions::before(2, 1, 0), "5-hour limit reached ∙ resets …"),
        ],
        helps: &[WAIT, CREDITS_INSTEAD],
        in_vain: SERVER_SIDE,
        source: "recorded from clients 2.1.118 to 2.1.328 (claim five_hour); issues 19673, 79672, 77262, 71594 for false ones",
    },
    Message {
        id: "no-name",
        names: LimitKind::Unknown,
        patterns: &[
            Limit(&[]),
            Says(&["usage limit", "reset"]),
            Says(&["you've reached your usage limit"]),
        ],
        judgement: Weighed(rules::windows::unnamed),
        means: "A window of the plan is used up; the text does not say which. A reset within five hours points to the five-hour window, a later one to the weekly window.",
        also: &[],
        wordings: &[
            (
                Versions::before(2, 1, 144),
                "You've hit your limit · resets …",
            ),
            (ANY, "You've hit your usage limit · resets …"),
            (
                ANY,
                "Claude usage limit reached. Your limit will reset at … (…)",
            ),
            (ANY, "Claude AI usage limit reached|1755615600"),
            (
                ANY,
                "You’ve hit your limit for Claude messages. Limits will reset at ….",
            ),
        ],
        helps: &[WAIT, CREDITS_INSTEAD],
        in_vain: SERVER_SIDE,
        source: "recorded from clients 2.1.118 to 2.1.138 and 2.1.328; issues 2087, 6119, 40725, 63700, 80062",
    },
];
