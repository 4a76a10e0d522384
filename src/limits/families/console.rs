//! The Console's limits: prepaid API credits, caps of an organisation or a workspace, billing.

use super::super::kind::LimitKind::{ApiCreditBalance, ApiSpendCap, Billing};
use super::super::matching::Pattern::{ApiType, Says, SaysAll, Status};
use super::super::remedies::{
    CHEAPER_MODEL, CHECK_STATUS, PAY, PAY_CONSOLE, RAISE_CONSOLE_CAP, RESTART_AFTER_TOP_UP,
    TOP_UP_CONSOLE, WAIT_FOR_CAP,
};
use super::{Family, every, in_vain, means};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        title: "Credit balance is too low",
        wordings: &[
            every("Credit balance is too low"),
            every(
                "Credit balance too low · Add funds: https://platform.claude.com/settings/billing",
            ),
            every(
                "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
            ),
        ],
        patterns: &[
            Says("credit balance is too low"),
            Says("credit balance too low"),
        ],
        limit: Some(ApiCreditBalance),
        meanings: &[
            means(
                "API key",
                "The prepaid API credits of the Console are empty.",
            ),
            means(
                "any plan with a stray key",
                "The session did not use the plan: ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or an apiKeyHelper outranks the login, and its Console balance is empty.",
            ),
        ],
        helps: &[&TOP_UP_CONSOLE, &CHECK_STATUS, &RESTART_AFTER_TOP_UP],
        did_not_help: &[in_vain(
            "A new subscription or a higher plan does not help: this is another wallet (issues 14102, 66297).",
        )],
        own_words: None,
        source: "recorded from client 2.1.328; issues 14102, 66297, 31537",
    },
    Family {
        title: "The Console's spend limit",
        wordings: &[
            every(
                "API Error: 400 Monthly spend limit reached. Current usage: $150.00 / $150.00 limit.",
            ),
            every(
                "API Error: 400 You have reached your specified API usage limits. You will regain access on … at 00:00 UTC.",
            ),
            every(
                "API Error: 400 You have reached your specified workspace API usage limits. You will regain access on … at 00:00 UTC.",
            ),
        ],
        patterns: &[
            SaysAll(&["specified", "api usage limits"]),
            SaysAll(&["spend limit reached", "current usage"]),
            SaysAll(&["regain access on"]),
        ],
        limit: Some(ApiSpendCap),
        meanings: &[means(
            "API key, Console organisations",
            "A cap that somebody set in the Console for the organisation or the workspace. It can also come in the middle of an answer: the client then tries once more and shows the same text.",
        )],
        helps: &[
            &RAISE_CONSOLE_CAP,
            &WAIT_FOR_CAP,
            &CHECK_STATUS,
            &CHEAPER_MODEL,
        ],
        did_not_help: &[in_vain(
            "Topping up the balance does not help: the cap is a control of its own (issue 1273).",
        )],
        own_words: None,
        source: "recorded from client 2.1.328; Claude API documentation, errors; issues 1047, 1273, 14363",
    },
    Family {
        title: "A payment is due",
        wordings: &[
            every("API Error: 402 There is an issue with your billing."),
            every("API Error: 402 Your billing has lapsed"),
        ],
        patterns: &[
            Status(402),
            ApiType("billing_error"),
            Says("api error: 402"),
        ],
        limit: Some(Billing),
        meanings: &[means(
            "all plans",
            "A payment failed or lapsed. Waiting does not cure it.",
        )],
        helps: &[&PAY, &PAY_CONSOLE, &CHECK_STATUS],
        did_not_help: &[],
        own_words: None,
        source: "recorded from client 2.1.328",
    },
];
