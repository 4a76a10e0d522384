//! Usage credits, formerly extra usage: the prepaid pool, and what needs it.

use super::super::kind::LimitKind::{
    LongContextCredits, ModelNeedsCredits, SeatNoCredits, UsageCredits,
};
use super::super::matching::Pattern::{ApiError, Code, Says, SaysAll};
use super::super::remedies::{
    ADD_CREDITS, ASK_ADMIN_FOR_CREDITS, ASK_OWNER_FOR_CAP, CREDITS_FOR_MODEL,
    OTHER_MODEL_WITHOUT_CREDITS, OTHER_PATH, STANDARD_CONTEXT, TURN_CREDITS_ON, UPDATE, WAIT,
};
use super::{Family, before, every, from, in_vain, in_vain_if_false, means, meant};
use crate::claude::version::ClientVersion;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        title: "1M context needs usage credits",
        wordings: &[
            from(
                "API Error: Usage credits required for 1M context · turn on usage credits at …, or use --model to switch to standard context",
                ClientVersion(2, 1, 144),
            ),
            before(
                "API Error: Extra usage is required for 1M context · run /extra-usage to enable, or /model to switch to standard context",
                ClientVersion(2, 1, 144),
            ),
            every(
                "API Error: Request rejected (429) · Extra usage is required for long context requests.",
            ),
        ],
        patterns: &[
            ApiError("long_context_credits_required"),
            SaysAll(&["required for 1m context"]),
            SaysAll(&["required for long context"]),
        ],
        limit: Some(LongContextCredits),
        meanings: &[means(
            "all plans",
            "The model's 1M variant is served only with usage credits turned on. It is an entitlement: no quota is used up, and waiting changes nothing.",
        )],
        helps: &[&STANDARD_CONTEXT, &TURN_CREDITS_ON],
        did_not_help: &[
            in_vain(
                "Before client 2.1.172 /compact failed with the same error; /clear worked (issue 51745).",
            ),
            in_vain("Waiting and logging in again did not help (issue 37270)."),
        ],
        own_words: None,
        source: "recorded from client 2.1.328; issues 44053, 50784, 58437, 61828",
    },
    Family {
        title: "The model needs usage credits",
        wordings: &[
            every(
                "Fable 5 requires usage credits. Run /usage-credits to continue or switch models with /model",
            ),
            every("Fable 5 now uses usage credits · …"),
            every(
                "API Error: Server is temporarily limiting requests (not your usage limit) · Usage credits required",
            ),
        ],
        patterns: &[
            Code("credits_required"),
            Says("requires usage credits"),
            Says("requires extra usage"),
            Says("now uses usage credits"),
            Says("usage credits required"),
        ],
        limit: Some(ModelNeedsCredits),
        meanings: &[means(
            "all plans",
            "This model is not part of the plan's included usage: it draws on usage credits from the first token. With the code credits_required the client words it as a throttle, which it is not.",
        )],
        helps: &[&OTHER_MODEL_WITHOUT_CREDITS, &CREDITS_FOR_MODEL],
        did_not_help: &[in_vain(
            "Sending the prompt again does not help, whatever the text says about a temporary limit.",
        )],
        own_words: None,
        source: "recorded from client 2.1.328 (apiErrorCode credits_required); Claude Code documentation, errors page",
    },
    Family {
        title: "The seat has no usage credits",
        wordings: &[every("Your seat type doesn't include usage credits")],
        patterns: &[
            SaysAll(&["seat", "include usage credits"]),
            SaysAll(&["seat", "include extra usage"]),
        ],
        limit: Some(SeatNoCredits),
        meanings: &[means(
            "Team, Enterprise",
            "Included usage is used up, and an Owner decided that seats of this type do not go on with usage credits.",
        )],
        helps: &[&WAIT, &ASK_OWNER_FOR_CAP, &OTHER_PATH],
        did_not_help: &[],
        own_words: None,
        source: "user reports; disabled reason seat_tier_zero_credit_limit in the client's SDK",
    },
    Family {
        title: "The organisation's usage credits are empty",
        wordings: &[
            every("API Error: 400 Your org is out of extra usage. We let your admin know."),
            every("Your org is out of usage credits. We let your admin know."),
            every(
                "API Error: 400 You're out of extra usage. Ask your workspace admin to add more so you can keep going.",
            ),
        ],
        patterns: &[
            SaysAll(&["org is out of"]),
            SaysAll(&["organization is out of"]),
            SaysAll(&["out of extra usage", "admin"]),
            SaysAll(&["out of usage credits", "admin"]),
        ],
        limit: Some(UsageCredits),
        meanings: &[
            means(
                "Team, Enterprise",
                "The prepaid pool of the organisation is empty. It is shared by chat, other tools and other members, and never refills by itself. It is not the spend limit, which is a cap that somebody chose.",
            ),
            meant(
                "Team",
                ClientVersion(2, 0, 0),
                ClientVersion(2, 1, 5),
                "On 2026-04-08 old clients got this with quota left: the server routed their requests to the pool. An update ended it.",
            ),
        ],
        helps: &[&ASK_ADMIN_FOR_CREDITS, &WAIT, &OTHER_PATH],
        did_not_help: &[in_vain("Raising the spend limit does not fill the pool.")],
        own_words: None,
        source: "recorded from client 2.1.328; issue 45276; user reports",
    },
    Family {
        title: "Out of usage credits",
        wordings: &[
            from(
                "You're out of usage credits · resets …",
                ClientVersion(2, 1, 144),
            ),
            before(
                "You're out of extra usage · resets …",
                ClientVersion(2, 1, 144),
            ),
            every(
                "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.",
            ),
            every(
                "API Error: 400 You are out of usage credits. Add more at claude.ai/settings/usage to keep going.",
            ),
            every("You've run out of usage credits"),
        ],
        patterns: &[
            Says("out of extra usage"),
            Says("out of usage credits"),
            Says("no usage credits left"),
        ],
        limit: Some(UsageCredits),
        meanings: &[
            means(
                "all plans",
                "Two buckets: the included usage is used up and refills by itself; the prepaid pool is empty and does not. Waiting for the first suffices.",
            ),
            meant(
                "all plans",
                ClientVersion(2, 0, 0),
                ClientVersion(2, 1, 5),
                "As a 400 from 2026-04-08 on: false. The server routed requests of old clients to the pool while the plan had room. An update ended it.",
            ),
        ],
        helps: &[&WAIT, &ADD_CREDITS, &UPDATE],
        did_not_help: &[in_vain_if_false(
            "Buying credits did not help where the message was false (issues 45252, 52403, 55876).",
        )],
        own_words: None,
        source: "recorded from clients 2.1.118 to 2.1.328; issues 45252, 45039, 42654, 67412",
    },
];
