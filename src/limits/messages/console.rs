//! The Console's limits: prepaid API credits, caps of an organization or a workspace, billing.

use super::row::Judgement::Weighed;
use super::row::Pattern::{ApiType, Says, Status};
use super::row::{ANY, Concerns, Message, Plans};
use crate::limits::helps::{
    CHEAPER_MODEL, CHECK_STATUS, PAY, PAY_CONSOLE, RAISE_CONSOLE_CAP, RESTART_AFTER_TOP_UP,
    TOP_UP_CONSOLE, WAIT_FOR_CAP,
};
use crate::limits::kind::LimitKind;
use crate::limits::rules;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "balance",
        names: LimitKind::ApiCreditBalance,
        patterns: &[
            Says(&["credit balance is too low"]),
            Says(&["credit balance too low"]),
        ],
        judgement: Weighed(rules::console::balance),
        means: "The prepaid API credits of the Console are empty.",
        also: &[(
            Plans::StrayKeys,
            ANY,
            "The session did not use the plan: ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or an apiKeyHelper outranks the login, and its Console balance is empty.",
        )],
        wordings: &[
            (ANY, "Credit balance is too low"),
            (
                ANY,
                "Credit balance too low · Add funds: https://platform.claude.com/settings/billing",
            ),
            (
                ANY,
                "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
            ),
        ],
        helps: &[TOP_UP_CONSOLE, CHECK_STATUS, RESTART_AFTER_TOP_UP],
        in_vain: &[(
            Concerns::Everybody,
            "A new subscription or a higher plan does not help: this is another wallet (issues 14102, 66297).",
        )],
        source: "recorded from client 2.1.328; issues 14102, 66297, 31537",
    },
    Message {
        id: "console-cap",
        names: LimitKind::ApiSpendCap,
        patterns: &[
            Says(&["specified", "api usage limits"]),
            Says(&["spend limit reached", "current usage"]),
            Says(&["regain access on"]),
        ],
        judgement: Weighed(rules::console::cap),
        means: "A cap that somebody set in the Console for the organisation or the workspace. It can also come in the middle of an answer: the client then tries once more and shows the same text.",
        also: &[],
        wordings: &[
            (
                ANY,
                "API Error: 400 Monthly spend limit reached. Current usage: $150.00 / $150.00 limit.",
            ),
            (
                ANY,
                "API Error: 400 You have reached your specified API usage limits. You will regain access on … at 00:00 UTC.",
            ),
            (
                ANY,
                "API Error: 400 You have reached your specified workspace API usage limits. You will regain access on … at 00:00 UTC.",
            ),
        ],
        helps: &[RAISE_CONSOLE_CAP, WAIT_FOR_CAP, CHECK_STATUS, CHEAPER_MODEL],
        in_vain: &[(
            Concerns::Everybody,
            "Topping up the balance does not help: the cap is a control of its own (issue 1273).",
        )],
        source: "recorded from client 2.1.328; Claude API documentation, errors; issues 1047, 1273, 14363",
    },
    Message {
        id: "payment",
        names: LimitKind::Billing,
        patterns: &[
            Status(402, 402),
            ApiType("billing_error"),
            Says(&["api error: 402"]),
        ],
        judgement: Weighed(rules::console::billing),
        means: "A payment failed or lapsed. Waiting does not cure it.",
        also: &[],
        wordings: &[
            (ANY, "API Error: 402 There is an issue with your billing."),
            (ANY, "API Error: 402 Your billing has lapsed"),
        ],
        helps: &[PAY, PAY_CONSOLE, CHECK_STATUS],
        in_vain: &[],
        source: "recorded from client 2.1.328",
    },
];
