//! The Console's limits, and those of gateways: balances, caps, payments.

use super::row::Judgement::Weighed;
use super::row::Pattern::{Reached, Says, SaysAll, Status, Type};
use super::row::{ANY, Message, Plans, ROW};
use crate::limits::helps::{
    CHEAPER_MODEL, CHECK_STATUS, GATEWAY_OPERATOR, PAY, PAY_CONSOLE, PAY_PROVIDER,
    RAISE_CONSOLE_CAP, RESTART_AFTER_TOP_UP, TOP_UP_CONSOLE, WAIT_FOR_CAP,
};
use crate::limits::kind::{LimitKind, Service};
use crate::limits::rules::console;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "balance",
        names: LimitKind::ApiCreditBalance,
        patterns: &[
            Says("credit balance is too low"),
            Says("credit balance too low"),
            Says("you are out of credits"),
            Says("claude api, purchase some credits"),
            Says("anthropic api, purchase some credits"),
        ],
        judgement: Weighed(console::balance),
        means: "The prepaid API credits of a Console account are used up.",
        also: &[(
            Plans::StrayKeys,
            ANY,
            "Claude Code does not use your plan: ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or an apiKeyHelper takes its place, and that Console account is empty.",
        )],
        wordings: &[
            "Credit balance is too low",
            "Credit balance too low · Add funds: https://platform.claude.com/settings/billing",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
        ],
        helps: &[CHECK_STATUS, TOP_UP_CONSOLE, RESTART_AFTER_TOP_UP],
        in_vain: &[
            "A subscription or a higher plan does not help: this is another wallet (issues 14102, 66297).",
        ],
        source: "recorded from client 2.1.328; issues 14102, 66297, 31537",
        ..ROW
    },
    Message {
        id: "console-cap",
        names: LimitKind::ApiSpendCap,
        patterns: &[
            SaysAll(&["reached your specified", "usage limits"]),
            SaysAll(&["spend limit reached", "current usage"]),
            Says("regain access on"),
            Type("enforced_spend_limit_reached"),
            Type("contract_spend_limit_reached"),
        ],
        judgement: Weighed(console::cap),
        means: "A cap that somebody set in the Console for the organization or the workspace. It can also stop an answer in the middle: Claude Code then tries once more and shows the same text.",
        wordings: &[
            "API Error: 400 You have reached your specified workspace API usage limits. You will regain access on … at 00:00 UTC.",
            "API Error: 400 Monthly spend limit reached. Current usage: $150.00 / $150.00 limit.",
        ],
        helps: &[RAISE_CONSOLE_CAP, WAIT_FOR_CAP, CHECK_STATUS, CHEAPER_MODEL],
        in_vain: &["Adding credits does not help: the cap is a setting of its own (issue 1273)."],
        source: "recorded from client 2.1.328; Claude API documentation, errors; issues 1047, 1273, 14363",
        ..ROW
    },
    Message {
        id: "gateway-cap",
        names: LimitKind::ApiSpendCap,
        service: Some(Service::Gateway),
        patterns: &[Reached("spend"), Says("spend limit reached (")],
        judgement: Weighed(console::gateway_cap),
        means: "A cap that was set at the gateway which Claude Code is connected to. Claude Code may show it as a throttle, which it is not.",
        wordings: &[
            "API Error: 429 spend limit reached (daily; resets 2026-11-21 00:00 UTC)",
            "API Error: Server is temporarily limiting requests (not your usage limit) · spend limit reached (monthly; resets 2026-12-01 00:00 UTC)",
            "spend limit reached",
        ],
        helps: &[GATEWAY_OPERATOR, WAIT_FOR_CAP],
        source: "recorded from client 2.1.328; Claude Code documentation, errors page",
        ..ROW
    },
    Message {
        id: "gateway-budget",
        names: LimitKind::ApiSpendCap,
        service: Some(Service::Gateway),
        patterns: &[
            Says("budget has been exceeded"),
            Says("exceededbudget"),
            SaysAll(&["over budget", "spend="]),
            Says("crossed spend within"),
            Says("key limit exceeded"),
            Type("budget_exceeded"),
        ],
        judgement: Weighed(console::gateway_budget),
        means: "A budget of a key, a user or a team at a gateway such as LiteLLM is used up.",
        wordings: &[
            "400 Budget has been exceeded! Team=… Current cost: 3000.17, Max budget: 3000.0",
            "ExceededBudget: User=… over budget. Spend=20.1, Budget=20",
        ],
        helps: &[GATEWAY_OPERATOR, WAIT_FOR_CAP],
        source: "LiteLLM; messages that users pasted",
        ..ROW
    },
    Message {
        id: "provider-balance",
        names: LimitKind::ApiCreditBalance,
        service: Some(Service::Gateway),
        patterns: &[
            Says("insufficient balance"),
            Says("no resource package"),
            Says("insufficient credits"),
            Says("insufficient account balance"),
            Says("requires more credits, or fewer max_tokens"),
            Says("remaining quota"),
            Says("quota is not enough"),
            SaysAll(&["is suspended", "billing details"]),
            Says("余额不足"),
            Says("剩余额度"),
            Type("insufficient_balance"),
            Type("exceeded_current_quota_error"),
        ],
        judgement: Weighed(console::provider_balance),
        means: "The money at another service is used up: the one that ANTHROPIC_BASE_URL points to. Some send this as a 429, which looks like a throttle and is none.",
        wordings: &[
            "429 Insufficient balance or no resource package. Please recharge.",
            "Your account … is suspended due to insufficient balance, please recharge your account",
            "402 Insufficient Balance",
        ],
        helps: &[PAY_PROVIDER, CHECK_STATUS],
        source: "z.ai, Kimi, DeepSeek; messages that users pasted",
        ..ROW
    },
    Message {
        id: "payment",
        names: LimitKind::Billing,
        patterns: &[
            Status(402, 402),
            Type("billing_error"),
            Says("issue with your billing"),
            Says("billing has lapsed"),
        ],
        judgement: Weighed(console::billing),
        means: "A payment failed or ended. Waiting does not cure it.",
        wordings: &[
            "API Error: 402 There is an issue with your billing.",
            "API Error: 402 Your billing has lapsed",
        ],
        helps: &[PAY, PAY_CONSOLE, CHECK_STATUS],
        source: "recorded from client 2.1.328",
        ..ROW
    },
];
