//! What can be done, as data: the explanation and docs/limits.md are written from the same rows.

/// One thing to do. `{when}` and `{pool}` are filled in: the reset time, and the name that the
/// user's message has for usage credits.
#[derive(Debug, PartialEq, Eq)]
pub struct Remedy {
    /// The instruction, without a full stop.
    pub doing: &'static str,
    /// Why it helps, one or two sentences.
    pub why: &'static str,
    /// What to type, if anything.
    pub command: Option<&'static str>,
    /// Where to go, if anywhere.
    pub url: Option<&'static str>,
}

const fn remedy(
    doing: &'static str,
    why: &'static str,
    command: Option<&'static str>,
    url: Option<&'static str>,
) -> Remedy {
    Remedy {
        doing,
        why,
        command,
        url,
    }
}

/// The user's own page for usage and credits.
const OWN_USAGE_PAGE: Option<&str> = Some("https://claude.ai/settings/usage");
/// The page where an organisation's Owner sets caps.
const ORG_USAGE_PAGE: Option<&str> = Some("https://claude.ai/admin-settings/usage");
/// The Console's pages.
const CONSOLE_BILLING_PAGE: Option<&str> = Some("https://platform.claude.com/settings/billing");
const CONSOLE_LIMITS_PAGE: Option<&str> = Some("https://platform.claude.com/settings/limits");
const STATUS_PAGE: Option<&str> = Some("https://status.claude.com");

pub(super) const WAIT: Remedy = remedy(
    "Wait until {when}",
    "The usage that your plan includes comes back by itself. Nothing needs to be bought or reset. Newer clients go on by themselves then, if the session stays open.",
    None,
    None,
);
pub(super) const WAIT_UNKNOWN: Remedy = remedy(
    "Wait until your included usage starts afresh; /usage shows when",
    "The usage that your plan includes comes back by itself. The message does not say when.",
    Some("/usage"),
    None,
);
pub(super) const WAIT_FOR_CAP: Remedy = remedy(
    "Or wait until {when}",
    "The cap starts afresh then.",
    None,
    None,
);
pub(super) const TRY_AGAIN: Remedy = remedy(
    "Send the prompt again",
    "The reset time has passed, so the window should be open.",
    None,
    None,
);
pub(super) const OTHER_MODEL: Remedy = remedy(
    "Switch to another model",
    "This window covers one family of models. The others still work.",
    Some("/model"),
    None,
);
pub(super) const CREDITS_INSTEAD: Remedy = remedy(
    "Or go on at once with {pool}, if you do not want to wait",
    "They are paid on top of the plan, at the price per token. Waiting costs nothing.",
    Some("/usage-credits"),
    OWN_USAGE_PAGE,
);
pub(super) const OWN_CREDITS: Remedy = remedy(
    "Or turn {pool} on, or raise your own monthly cap on them, if you do not want to wait",
    "The message hides that it is one of these two. Both are your own settings.",
    Some("/usage-credits"),
    OWN_USAGE_PAGE,
);
pub(super) const ASK_FOR_CREDITS: Remedy = remedy(
    "Or ask an admin for {pool}, if you cannot wait",
    "On your plan only an admin can turn them on or raise your share.",
    Some("/usage-credits"),
    None,
);
pub(super) const RAISE_OWN_CAP: Remedy = remedy(
    "Or raise your own monthly cap on {pool}, if you do not want to wait",
    "The cap is a control of its own: buying more credits does not lift it.",
    Some("/usage-credits"),
    OWN_USAGE_PAGE,
);
pub(super) const ASK_OWNER_FOR_CAP: Remedy = remedy(
    "Ask an Owner or Primary Owner to raise the cap (Organization settings → Usage)",
    "Only they can change it. The command sends the request for you. Raising a cap changes no price per token.",
    Some("/usage-credits"),
    ORG_USAGE_PAGE,
);
pub(super) const RAISE_ORG_CAP: Remedy = remedy(
    "Raise the cap at Organization settings → Usage, if your role allows it",
    "Owners and Primary Owners can change it, and see requests under \"Review requests\". Raising a cap changes no price per token.",
    Some("/usage-credits"),
    ORG_USAGE_PAGE,
);
pub(super) const OTHER_PATH: Remedy = remedy(
    "If you can do neither, take a path that does not draw on the organisation's pool: your own Pro or Max account, your own API key, or a gateway that your team pays for (ANTHROPIC_BASE_URL)",
    "Your work is safe: sessions stay in projects/, and another account can resume them.",
    Some("/login"),
    None,
);
pub(super) const ASK_ADMIN_FOR_CREDITS: Remedy = remedy(
    "Ask an admin to look at Settings → Plans and Billing → Extra Usage: the switch, the cap and the balance",
    "This is an empty pool, not a cap. It never refills by itself. No restart is needed afterwards.",
    Some("/usage-credits"),
    ORG_USAGE_PAGE,
);
pub(super) const ADD_CREDITS: Remedy = remedy(
    "Or add {pool}",
    "The prepaid pool never refills by itself, unlike the usage that your plan includes.",
    Some("/usage-credits"),
    OWN_USAGE_PAGE,
);
pub(super) const DO_NOT_BUY: Remedy = remedy(
    "Do not buy credits for this",
    "Your plan still has room, so more credits would not answer what refused the request.",
    None,
    None,
);
pub(super) const UPDATE: Remedy = remedy(
    "Update Claude Code",
    "Several of these messages were wrong in older clients, and an update ended them.",
    Some("claude update"),
    None,
);
pub(super) const STANDARD_CONTEXT: Remedy = remedy(
    "Choose the model without [1m]",
    "The 1M context is served only with usage credits on some plans. Standard context is not.",
    Some("/model"),
    None,
);
pub(super) const FAST_MODE_OFF: Remedy = remedy(
    "Turn fast mode off",
    "Fast mode is paid from usage credits only. Without it the plan's included usage counts again.",
    Some("/fast"),
    None,
);
pub(super) const SHORTER_ANSWER: Remedy = remedy(
    "Ask for the answer in parts",
    "One answer may only have so many tokens. CLAUDE_CODE_MAX_OUTPUT_TOKENS sets how many.",
    None,
    None,
);
pub(super) const TURN_CREDITS_ON: Remedy = remedy(
    "Or turn {pool} on, if you want the 1M context",
    "This takes effect in the next session.",
    Some("/usage-credits"),
    OWN_USAGE_PAGE,
);
pub(super) const CHECK_METERS: Remedy = remedy(
    "Look at the meters",
    "If they are far from full, the message is wrong. If one is full, it tells which and until when.",
    Some("/usage"),
    OWN_USAGE_PAGE,
);
pub(super) const CHECK_STATUS: Remedy = remedy(
    "Check which account, organisation and key the session uses",
    "A second installation, another organisation or a stray API key has limits of its own.",
    Some("/status"),
    None,
);
pub(super) const SEND_AGAIN_LATER: Remedy = remedy(
    "Send the prompt again in a few minutes",
    "Mismatches on the server often ended within minutes, without anything being done.",
    None,
    None,
);
pub(super) const REPORT: Remedy = remedy(
    "If it stays, report it: this command writes a summary without names, ids or prompts",
    "Only Anthropic can correct a meter on the server.",
    Some("whycap report"),
    Some("https://github.com/anthropics/claude-code/issues"),
);
pub(super) const TOP_UP_CONSOLE: Remedy = remedy(
    "Add credits in the Console",
    "API keys draw on a prepaid balance, and it is empty. It has nothing to do with a subscription.",
    None,
    CONSOLE_BILLING_PAGE,
);
pub(super) const RESTART_AFTER_TOP_UP: Remedy = remedy(
    "Restart Claude Code after topping up",
    "The client has remembered an empty balance before.",
    None,
    None,
);
pub(super) const LOGIN: Remedy = remedy(
    "Log in again",
    "The service did not accept the credential that this session has.",
    Some("/login"),
    None,
);
pub(super) const FIX_KEY: Remedy = remedy(
    "Correct or unset the key that the message names",
    "The service refused it. Nothing was counted against a limit.",
    Some("/status"),
    None,
);
pub(super) const USE_SUBSCRIPTION: Remedy = remedy(
    "Then log in with your subscription",
    "Without the key, the session uses the plan that you pay for.",
    Some("/login"),
    None,
);
pub(super) const RAISE_CONSOLE_CAP: Remedy = remedy(
    "Have an admin raise the limit in the Console (Settings → Limits)",
    "Somebody set this cap for the organisation or the workspace. Paying more does not lift it.",
    None,
    CONSOLE_LIMITS_PAGE,
);
pub(super) const CHEAPER_MODEL: Remedy = remedy(
    "Next time, choose a cheaper model and set a budget that warns at 80 %",
    "whycap warns before the cap is reached: `[budget] month = …` in its config.toml.",
    Some("/model"),
    None,
);
pub(super) const RETRY: Remedy = remedy(
    "Wait a minute and send the prompt again",
    "It is a limit on the rate of requests, not on what you may use. There is nothing to buy.",
    None,
    None,
);
pub(super) const FEWER_AT_ONCE: Remedy = remedy(
    "Run fewer sessions and subagents at once, if it comes back",
    "Every one of them sends requests against the same rate.",
    None,
    None,
);
pub(super) const RETRY_SERVICE: Remedy = remedy(
    "Wait a few minutes and send the prompt again",
    "The fault is on the side of the service and usually passes. There is nothing to buy.",
    None,
    None,
);
pub(super) const LOOK_AT_STATUS_PAGE: Remedy = remedy(
    "If it lasts, look at the status page",
    "Outages are announced there.",
    None,
    STATUS_PAGE,
);
pub(super) const LOOK_AT_LOCKS: Remedy = remedy(
    "See which locks there are, and whether one is stuck",
    "Most lines about locks are harmless. A stuck lock slows every start or loses settings.",
    Some("whycap locks"),
    None,
);
pub(super) const CLEAR_LOCKS: Remedy = remedy(
    "Clear what is provably left over",
    "Locks that are in use stay. Nothing is deleted outright.",
    Some("whycap --clear-stale-locks"),
    None,
);
pub(super) const CHECK_NETWORK: Remedy = remedy(
    "Check the network, a proxy and a VPN, then send the prompt again",
    "The request did not reach the service, or its answer did not come back.",
    None,
    None,
);
pub(super) const PAY: Remedy = remedy(
    "Look at the payment in the billing settings",
    "A payment failed or lapsed. Waiting does not cure that.",
    None,
    Some("https://claude.ai/settings/billing"),
);
pub(super) const PAY_CONSOLE: Remedy = remedy(
    "For an API key, look at the Console's billing page instead",
    "Plan and Console are billed apart.",
    None,
    CONSOLE_BILLING_PAGE,
);
pub(super) const ASK_ADMIN_FOR_ACCESS: Remedy = remedy(
    "Ask an admin of the organisation to allow it",
    "It is a setting of the organisation, not a limit.",
    None,
    Some("https://claude.ai/admin-settings"),
);
pub(super) const OTHER_ORGANISATION: Remedy = remedy(
    "Choose another account or organisation",
    "The credential belongs to an organisation that cannot be used here.",
    Some("/login"),
    None,
);
pub(super) const UNSET_KEY: Remedy = remedy(
    "Unset or replace the key that the message names",
    "It outranks your login, wherever it is set: shell, .env file or settings.",
    Some("unset ANTHROPIC_API_KEY"),
    None,
);
pub(super) const CHOOSE_MODEL: Remedy = remedy(
    "Choose a model that your account can use",
    "The name is wrong, retired, or not part of the plan.",
    Some("/model"),
    None,
);
pub(super) const OTHER_MODEL_WITHOUT_CREDITS: Remedy = remedy(
    "Switch to a model that your plan includes",
    "This model is served from usage credits only.",
    Some("/model"),
    None,
);
pub(super) const CREDITS_FOR_MODEL: Remedy = remedy(
    "Or turn {pool} on for this model",
    "They are paid on top of the plan.",
    Some("/usage-credits"),
    OWN_USAGE_PAGE,
);
pub(super) const COMPACT: Remedy = remedy(
    "Shorten the conversation",
    "The request is larger than the service takes. No limit was used up.",
    Some("/compact"),
    None,
);
pub(super) const CLEAR: Remedy = remedy(
    "If that fails too, start afresh with fewer files, images and tool definitions",
    "A compaction needs room itself.",
    Some("/clear"),
    None,
);
pub(super) const REMOVE_ATTACHMENTS: Remedy = remedy(
    "Take out large images and attachments",
    "They count in full with every request.",
    Some("/compact"),
    None,
);
pub(super) const GATEWAY_OPERATOR: Remedy = remedy(
    "Ask whoever runs your gateway to raise the cap",
    "The cap was set at the gateway, not by your plan.",
    None,
    None,
);
