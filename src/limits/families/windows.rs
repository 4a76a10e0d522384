//! The windows of a plan: usage that is included and comes back by itself.

use super::super::kind::LimitKind::{FiveHour, Weekly, WeeklyFable, WeeklyOpus, WeeklySonnet};
use super::super::matching::Pattern::{Limit, Says, SaysAll};
use super::super::remedies::{CREDITS_INSTEAD, OTHER_MODEL, WAIT};
use super::{Family, SERVER_SIDE, before, between, every, from, means};
use crate::claude::version::ClientVersion;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        title: "Weekly limit for Opus models",
        wordings: &[
            every("You've hit your Opus limit · resets …"),
            every("Opus weekly limit reached ∙ resets …"),
        ],
        patterns: &[Limit(&["opus"])],
        limit: Some(WeeklyOpus),
        meanings: &[means(
            "all plans",
            "The weekly window for Opus models is used up. Other models still work. The status line gets no meter for it.",
        )],
        helps: &[&OTHER_MODEL, &WAIT],
        did_not_help: &[],
        own_words: None,
        source: "recorded from clients 2.1.240 and 2.1.328 (claim seven_day_opus); Claude Code documentation, errors page",
    },
    Family {
        title: "Weekly limit for Sonnet models",
        wordings: &[every("You've hit your Sonnet limit · resets …")],
        patterns: &[Limit(&["sonnet"])],
        limit: Some(WeeklySonnet),
        meanings: &[means(
            "all plans",
            "The weekly window for Sonnet models is used up. Other models still work. The status line gets no meter for it.",
        )],
        helps: &[&OTHER_MODEL, &WAIT],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328 (claim seven_day_sonnet)",
    },
    Family {
        title: "Weekly limit for Fable models",
        wordings: &[
            every("You've hit your Fable limit · resets …. Switch to another model to continue."),
            every(
                "Fable 5 limit reached · continuing on Fable 5 uses usage credits, and the prompt to confirm went unanswered — nothing was sent",
            ),
        ],
        patterns: &[Limit(&["fable"]), Limit(&["mythos"])],
        limit: Some(WeeklyFable),
        meanings: &[means(
            "all plans",
            "The weekly window for Fable models is used up. Other models still work; going on with this one draws on usage credits.",
        )],
        helps: &[&OTHER_MODEL, &WAIT],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328 (claim seven_day_overage_included); Claude Code documentation, errors page",
    },
    Family {
        title: "Weekly limit",
        wordings: &[
            every("You've hit your weekly limit · resets …"),
            every("Weekly limit reached · resets …"),
        ],
        patterns: &[Limit(&["weekly"]), Limit(&["7-day"]), Limit(&["week"])],
        limit: Some(Weekly),
        meanings: &[means(
            "all plans",
            "The weekly window over all models is used up. Another model does not help.",
        )],
        helps: &[&WAIT, &CREDITS_INSTEAD],
        did_not_help: SERVER_SIDE,
        own_words: None,
        source: "recorded from clients 2.1.240 and 2.1.328 (claim seven_day); issue 92834 for a false one",
    },
    Family {
        title: "5-hour limit",
        wordings: &[
            from(
                "You've hit your 5-hour limit · resets …",
                ClientVersion(2, 1, 312),
            ),
            between(
                "You've hit your session limit · resets …",
                ClientVersion(2, 1, 118),
                ClientVersion(2, 1, 312),
            ),
            before("5-hour limit reached ∙ resets …", ClientVersion(2, 1, 0)),
        ],
        patterns: &[
            Limit(&["5-hour"]),
            Limit(&["5", "hour"]),
            Limit(&["five-hour"]),
            Limit(&["session"]),
        ],
        limit: Some(FiveHour),
        meanings: &[means(
            "all plans",
            "The plan's five-hour window is used up. It is shared by all models, by chat and by every session. \"Session limit\" is the same window: it is not about one session.",
        )],
        helps: &[&WAIT, &CREDITS_INSTEAD],
        did_not_help: SERVER_SIDE,
        own_words: None,
        source: "recorded from clients 2.1.118 to 2.1.328 (claim five_hour); issues 19673, 79672, 77262, 71594 for false ones",
    },
    Family {
        title: "A limit without a name",
        wordings: &[
            before("You've hit your limit · resets …", ClientVersion(2, 1, 144)),
            every("You've hit your usage limit · resets …"),
            every("Claude usage limit reached. Your limit will reset at … (…)"),
            every("Claude AI usage limit reached|1755615600"),
            every("You’ve hit your limit for Claude messages. Limits will reset at …."),
        ],
        patterns: &[
            Limit(&[]),
            SaysAll(&["usage limit", "reset"]),
            Says("you've reached your usage limit"),
        ],
        limit: None,
        meanings: &[means(
            "all plans",
            "A window of the plan is used up; the text does not say which. A reset within five hours points to the five-hour window, a later one to the weekly window.",
        )],
        helps: &[&WAIT, &CREDITS_INSTEAD],
        did_not_help: SERVER_SIDE,
        own_words: None,
        source: "recorded from clients 2.1.118 to 2.1.138 and 2.1.328; issues 2087, 6119, 40725, 63700, 80062",
    },
];
