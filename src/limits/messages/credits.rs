//! Usage credits, formerly extra usage: the prepaid pool, and what needs it.

use super::row::Judgement::Weighed;
use super::row::Pattern::{ApiError, Code, Says};
use super::row::{ANY, Concerns, Message, Plans, no_limit};
use crate::claude::version::Versions;
use crate::limits::diagnosis::Words;
use crate::limits::helps::{
    ADD_CREDITS, ASK_ADMIN_FOR_CREDITS, ASK_OWNER_FOR_CAP, CREDITS_FOR_MODEL,
    OTHER_MODEL_WITHOUT_CREDITS, OTHER_PATH, STANDARD_CONTEXT, TURN_CREDITS_ON, UPDATE, WAIT,
};
use crate::limits::kind::{LimitKind, Who};
use crate::limits::rules;
use crate::limits::words::service::ONLY_STANDARD_CONTEXT;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "long-context",
        names: LimitKind::LongContextCredits,
        patterns: &[
            ApiError("long_context_credits_required"),
            Says(&["required for 1m context"]),
            Says(&["required for long context"]),
        ],
        judgement: no_limit(Who::You, false, ONLY_STANDARD_CONTEXT),
        means: "The model's 1M variant is served only with usage credits turned on. It is an entitlement: no quota is used up, and waiting changes nothing.",
        also: &[],
        wordings: &[
            (
                Versions::since(2, 1, 144),
                "API Error: Usage credits required for 1M context · turn on usage credits at …, or use --model to switch to standard context",
            ),
            (
                Versions::before(2, 1, 144),
                "API Error: Extra usage is required for 1M context · run /extra-usage to enable, or /model to switch to standard context",
            ),
            (
                ANY,
                "API Error: Request rejected (429) · Extra usage is required for long context requests.",
            ),
        ],
        helps: &[STANDARD_CONTEXT, TURN_CREDITS_ON],
        in_vain: &[
            (
                Concerns::Everybody,
                "Before client 2.1.172 /compact failed with the same error; /clear worked (issue 51745).",
            ),
            (
                Concerns::Everybody,
                "Waiting and logging in again did not help (issue 37270).",
            ),
        ],
        source: "recorded from client 2.1.328; issues 44053, 50784, 58437, 61828",
    },
    Message {
        id: "model-needs-credits",
        names: LimitKind::ModelNeedsCredits,
        patterns: &[
            Code("credits_required"),
            Says(&["requires usage credits"]),
            Says(&["requires extra usage"]),
            Says(&["now uses usage credits"]),
            Says(&["usage credits required"]),
        ],
        judgement: no_limit(
            Who::You,
            false,
            Words::Fixed(
                "This model is served from usage credits only, which is no temporary limit: switch to another model with /model",
                "model needs usage credits · /model for another",
            ),
        ),
        means: "This model is not part of the plan's included usage: it draws on usage credits from the first token. With the code credits_required the client words it as a throttle, which it is not.",
        also: &[],
        wordings: &[
            (
                ANY,
                "Fable 5 requires usage credits. Run /usage-credits to continue or switch models with /model",
            ),
            (ANY, "Fable 5 now uses usage credits · …"),
            (
                ANY,
                "API Error: Server is temporarily limiting requests (not your usage limit) · Usage credits required",
            ),
        ],
        helps: &[OTHER_MODEL_WITHOUT_CREDITS, CREDITS_FOR_MODEL],
        in_vain: &[(
            Concerns::Everybody,
            "Sending the prompt again does not help, whatever the text says about a temporary limit.",
        )],
        source: "recorded from client 2.1.328 (apiErrorCode credits_required); Claude Code documentation, errors page",
    },
    Message {
        id: "seat",
        names: LimitKind::SeatNoCredits,
        patterns: &[
            Says(&["seat", "include usage credits"]),
            Says(&["seat", "include extra usage"]),
        ],
        judgement: Weighed(rules::caps::seat),
        means: "Included usage is used up, and an Owner decided that seats of this type do not go on with usage credits.",
        also: &[],
        wordings: &[(ANY, "Your seat type doesn't include usage credits")],
        helps: &[WAIT, ASK_OWNER_FOR_CAP, OTHER_PATH],
        in_vain: &[],
        source: "user reports; disabled reason seat_tier_zero_credit_limit in the client's SDK",
    },
    Message {
        id: "org-credits",
        names: LimitKind::UsageCredits,
        patterns: &[
            Says(&["org is out of"]),
            Says(&["organization is out of"]),
            Says(&["out of extra usage", "admin"]),
            Says(&["out of usage credits", "admin"]),
        ],
        judgement: Weighed(rules::credits::organizations),
        means: "The prepaid pool of the organisation is empty. It is shared by chat, other tools and other members, and never refills by itself. It is not the spend limit, which is a cap that somebody chose.",
        also: &[(
            Plans::Team,
            Versions::between((2, 0, 0), (2, 1, 5)),
            "On 2026-04-08 old clients got this with quota left: the server routed their requests to the pool. An update ended it.",
        )],
        wordings: &[
            (
                ANY,
                "API Error: 400 Your org is out of extra usage. We let your admin know.",
            ),
            (
                ANY,
                "Your org is out of usage credits. We let your admin know.",
            ),
            (
                ANY,
                "API Error: 400 You're out of extra usage. Ask your workspace admin to add more so you can keep going.",
            ),
        ],
        helps: &[ASK_ADMIN_FOR_CREDITS, WAIT, OTHER_PATH],
        in_vain: &[(
            Concerns::Everybody,
            "Raising the spend limit does not fill the pool.",
        )],
        source: "recorded from client 2.1.328; issue 45276; user reports",
    },
    Message {
        id: "credits",
        names: LimitKind::UsageCredits,
        patterns: &[
            Says(&["out of extra usage"]),
            Says(&["out of usage credits"]),
            Says(&["no usage credits left"]),
        ],
        judgement: Weighed(rules::credits::own),
        means: "Two buckets: the included usage is used up and refills by itself; the prepaid pool is empty and does not. Waiting for the first suffices.",
        also: &[(
            Plans::All,
            Versions::between((2, 0, 0), (2, 1, 5)),
            "As a 400 from 2026-04-08 on: false. The server routed requests of old clients to the pool while the plan had room. An update ended it.",
        )],
        wordings: &[
            (
                Versions::since(2, 1, 144),
                "You're out of usage credits · resets …",
            ),
            (
                Versions::before(2, 1, 144),
                "You're out of extra usage · resets …",
            ),
            (
                ANY,
                "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.",
            ),
            (
                ANY,
                "API Error: 400 You are out of usage credits. Add more at claude.ai/settings/usage to keep going.",
            ),
            (ANY, "You've run out of usage credits"),
        ],
        helps: &[WAIT, ADD_CREDITS, UPDATE],
        in_vain: &[(
            Concerns::DoubtfulLimits,
            "Buying credits did not help where the message was false (issues 45252, 52403, 55876).",
        )],
        source: "recorded from clients 2.1.118 to 2.1.328; issues 45252, 45039, 42654, 67412",
    },
];
