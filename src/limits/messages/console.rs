//! The Console's limits, and those of gateways: balances, caps, payments.

use super::row::Judgement::Weighed;
use super::row::{ANY, Message, Plans, ROW};
use crate::limits::helps::{
    CHEAPER_MODEL, CHECK_STATUS, GATEWAY_OPERATOR, PAY, PAY_CONSOLE, PAY_PROVIDER,
    PAY_SUBSCRIPTION, RAISE_CONSOLE_CAP, RESTART_AFTER_TOP_UP, TOP_UP_CONSOLE, WAIT_FOR_CAP,
};
use crate::limits::kind::{LimitKind, Service};
use crate::limits::rules::console;

pub(super) const ROWS: &[Message] = &[
    Message {
        id: "balance",
        names: LimitKind::ApiCreditBalance,
        says: "access to the claude api has been disabled | credit balance is too low \
            | credit balance too low | you are out of credits \
            | claude api, purchase some credits | anthropic api, purchase some credits",
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
        says: "reached your specified & usage limits | spend limit reached & current usage \
            | regain access on",
        codes: "enforced_spend_limit_reached | contract_spend_limit_reached",
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
        says: "spend limit reached (",
        limit: "!spend",
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
        says: "crossed budget | exceeded budget for | user_over_budget | budget & for this key \
            | budget has been exceeded | exceededbudget | over budget & spend= \
            | crossed spend within | key limit exceeded",
        codes: "budget_exceeded",
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
        id: "provider-plan",
        service: Some(Service::Gateway),
        says: "limit exhausted | usage limit reached for | for this billing cycle | token plan \
            | coding plan | allocated quota exceeded | free-models-per | quota will be refreshed",
        judgement: Weighed(console::provider_plan),
        means: "A limit of your plan at another service is reached: the one that ANTHROPIC_BASE_URL points to.",
        wordings: &[
            "API Error: Request rejected (429) · Usage limit reached for 5 hour. Your limit will reset at 2026-11-21 07:38:08",
            "API Error: 429 Weekly/Monthly Limit Exhausted. Your limit will reset at 2026-08-30 16:20:10",
        ],
        helps: &[WAIT_FOR_CAP, CHECK_STATUS, PAY_PROVIDER],
        source: "z.ai, MiniMax, Kimi, Alibaba Cloud, OpenRouter; messages that users pasted",
        ..ROW
    },
    Message {
        id: "provider-balance",
        names: LimitKind::ApiCreditBalance,
        service: Some(Service::Gateway),
        says: "openrouter.ai/settings/credits | openrouter.ai/credits | insufficient balance \
            | no resource package | insufficient credits | insufficient account balance \
            | requires more credits, or fewer max_tokens | remaining quota | quota is not enough \
            | is suspended & billing details | 余额不足 | 剩余额度",
        codes: "insufficient_balance | exceeded_current_quota_error",
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
        id: "subscription-payment",
        names: LimitKind::Billing,
        service: Some(Service::Plan),
        says: "can't use your claude subscription | payment is past due | overdue invoice",
        judgement: Weighed(console::subscription_payment),
        means: "A payment of the subscription is past due, so it cannot be used. Paying opens it again.",
        wordings: &[
            "Claude Code can't use your Claude subscription, usually because a payment is past due · Pay or renew at https://claude.ai/settings/billing (if you just paid, try again shortly), or use an Anthropic API key instead",
            "Your subscription payment is past due. Please pay your overdue invoice to restore access.",
        ],
        helps: &[PAY_SUBSCRIPTION, CHECK_STATUS],
        in_vain: &[
            "Logging in again does not help while the payment is due (issues 64480, 61753).",
        ],
        source: "strings of client 2.1.329 (class oauth_org_not_allowed, 403, on Pro and Max)",
        ..ROW
    },
    Message {
        id: "payment",
        names: LimitKind::Billing,
        says: "card was declined | payment failed | payment method was declined \
            | issue with your billing | billing has lapsed | payment required",
        class: "402 | billing_error",
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
