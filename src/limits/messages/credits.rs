//! Usage credits, formerly extra usage: the prepaid pool, and what needs it.

use super::row::Judgement::{Fixed, Weighed};
use super::row::{Concerns, Message, Plans, ROW, YOURS_TO_CHANGE};
use crate::claude::version::Versions;
use crate::limits::helps::{
    ADD_CREDITS, ASK_ADMIN_FOR_CREDITS, CHECK_STATUS, CREDITS_FOR_MODEL, MODEL_WITHOUT_CREDITS,
    OTHER_PATH, STANDARD_CONTEXT, TURN_CREDITS_ON, UPDATE, WAIT,
};
use crate::limits::kind::{LimitKind, Service, Verdict, Who};
use crate::limits::rules::{credits, service};

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "long-context",
        names: LimitKind::LongContextCredits,
        service: Some(Service::Plan),
        says: "required for 1m context | required for long context \
            | long context beta is not yet available",
        codes: "long_context_credits_required",
        judgement: YOURS_TO_CHANGE,
        means: service::ONLY_STANDARD_CONTEXT.0,
        badge: service::ONLY_STANDARD_CONTEXT.1,
        by_version: &[
            (
                Versions::since(2, 1, 144),
                &[
                    "API Error: Usage credits required for 1M context · turn on usage credits at … (they take effect after you restart Claude Code), or use --model to switch to standard context",
                ],
            ),
            (
                Versions::before(2, 1, 144),
                &[
                    "API Error: Extra usage is required for 1M context · run /extra-usage to enable, or /model to switch to standard context",
                    "The long context beta is not yet available for this subscription.",
                ],
            ),
        ],
        wordings: &[
            "API Error: Request rejected (429) · Extra usage is required for long context requests.",
        ],
        helps: &[STANDARD_CONTEXT, TURN_CREDITS_ON],
        in_vain: &[
            "Before 2.1.172 /compact failed with the same error; /clear worked (issue 51745).",
            "Waiting and logging in again did not help (issue 37270).",
        ],
        source: "recorded from client 2.1.328; issues 6871, 44053, 50784, 58437, 61828",
        ..ROW
    },
    Message {
        id: "model-needs-credits",
        names: LimitKind::ModelNeedsCredits,
        service: Some(Service::Plan),
        says: "requires usage credits | requires extra usage | needs usage credits \
            | now uses usage credits | uses usage credits, and this cloud session \
            | runs on usage credits | usage credits required \
            | ^the prompt to confirm went unanswered | ^continuing on",
        codes: "credits_required | model_requires_usage_credits",
        judgement: YOURS_TO_CHANGE,
        means: "This model is paid from usage credits only, waiting does not help: use another one with /model",
        badge: "model needs usage credits · /model for another",
        wordings: &[
            "Fable 5 requires usage credits. Run /usage-credits to continue or switch models with /model.",
            "Fable 5 now uses usage credits · the prompt to confirm went unanswered — nothing was sent · answer it where this session is running, or /model to change",
            "API Error: Server is temporarily limiting requests (not your usage limit) · Usage credits required",
        ],
        helps: &[MODEL_WITHOUT_CREDITS, CREDITS_FOR_MODEL],
        in_vain: &[
            "Sending the prompt again does not help, even where the text speaks of a temporary limit.",
        ],
        source: "recorded from client 2.1.328 (apiErrorCode credits_required); Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "third-party-app",
        names: LimitKind::UsageCredits,
        service: Some(Service::Plan),
        says: "third-party apps now draw",
        judgement: Fixed(Verdict::Real, Who::You, Some(false)),
        means: "The program is counted as a third-party app, which draws on extra usage, not on your plan: add some",
        badge: "a third-party app needs extra usage",
        wordings: &[
            "API Error: 400 Third-party apps now draw from your extra usage, not your plan limits. We've added a $100 credit to get you started. Claim it at claude.ai/settings/usage and keep going.",
        ],
        helps: &[UPDATE, CHECK_STATUS, ADD_CREDITS],
        source: "messages that users pasted",
        ..ROW
    },
    Message {
        id: "org-credits",
        names: LimitKind::UsageCredits,
        says: "your org is out of | your organization is out of | your organisation is out of \
            | your org & has run out of | out of extra usage & admin \
            | out of usage credits & admin",
        judgement: Weighed(credits::organizations),
        means: "Your organization's prepaid pool is empty. Chat, other tools and other members share it, and it never fills by itself. It is not the spend limit, which is a cap that somebody chose.",
        also: &[(
            Plans::Team,
            Versions::between((2, 0, 0), (2, 1, 5)),
            "On 2026-04-08 these versions got this with usage left: the server wanted it paid from credits by mistake. An update ended it.",
        )],
        wordings: &[
            "Your organization is out of usage credits. Contact your admin to add more.",
            "Your org is out of usage · contact your admin",
            "Your org is out of usage · add funds to continue",
            "API Error: 400 Your org is out of extra usage. We let your admin know.",
            "API Error: 400 You're out of extra usage. Ask your workspace admin to add more so you can keep going.",
        ],
        helps: &[ASK_ADMIN_FOR_CREDITS, WAIT, OTHER_PATH],
        in_vain: &["Raising the spend limit does not fill the pool."],
        source: "recorded from client 2.1.328; issue 45276; user reports",
        ..ROW
    },
    Message {
        id: "credits",
        names: LimitKind::UsageCredits,
        says: "out of extra usage | out of usage credits | no usage credits left \
            | usage credits ran out",
        judgement: Weighed(credits::own),
        means: "Your included usage is used up, and the prepaid pool is empty. The first comes back by itself, the second does not. Waiting for the first is enough.",
        also: &[(
            Plans::All,
            Versions::between((2, 0, 0), (2, 1, 5)),
            "From 2026-04-08 on these versions got this with usage left: the server wanted it paid from credits by mistake. An update ended it.",
        )],
        by_version: &[
            (
                Versions::since(2, 1, 144),
                &["You're out of usage credits · resets …"],
            ),
            (
                Versions::before(2, 1, 144),
                &["You're out of extra usage · resets …"],
            ),
        ],
        wordings: &[
            "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.",
            "You've run out of usage credits",
            "API Error: Usage credits ran out before the response was finished.",
        ],
        helps: &[WAIT, UPDATE, ADD_CREDITS],
        in_vain: &[
            "Buying credits did not help where the message was false (issues 45252, 52403, 55876).",
        ],
        in_vain_for: Concerns::DoubtfulLimits,
        source: "recorded from clients 2.1.118 to 2.1.328; issues 45252, 45039, 42654, 67412",
        ..ROW
    },
];
