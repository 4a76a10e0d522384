//! What can be done, as data: the explanation and docs/limits.md are written from the same rows.

/// One thing to do. `{when}` and `{pool}` are filled in: the reset time, and the name that the
/// user's message has for usage credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Help {
    /// The instruction, without a full stop.
    pub doing: &'static str,
    /// Why it helps, one or two sentences.
    pub why: &'static str,
    /// What to type, if anything.
    pub command: Option<&'static str>,
    /// Where to go, if anywhere.
    pub url: Option<&'static str>,
}

const fn help(doing: &'static str, why: &'static str) -> Help {
    Help {
        doing,
        why,
        command: None,
        url: None,
    }
}

impl Help {
    const fn run(self, command: &'static str) -> Self {
        Self {
            command: Some(command),
            ..self
        }
    }

    const fn at(self, url: &'static str) -> Self {
        Self {
            url: Some(url),
            ..self
        }
    }
}

/// The user's own page for usage and credits.
const OWN_USAGE_PAGE: &str = "https://claude.ai/settings/usage";
/// The page where an organisation's Owner sets caps.
const ORG_USAGE_PAGE: &str = "https://claude.ai/admin-settings/usage";
/// The Console's pages.
const CONSOLE_BILLING_PAGE: &str = "https://platform.claude.com/settings/billing";
const CONSOLE_LIMITS_PAGE: &str = "https://platform.claude.com/settings/limits";
const STATUS_PAGE: &str = "https://status.claude.com";

pub(super) const WAIT: Help = help(
    "Wait until {when}",
    "The usage that your plan includes comes back by itself. Nothing needs to be bought or reset. Newer clients go on by themselves then, if the session stays open.",
);
pub(super) const WAIT_UNKNOWN: Help = help(
    "Wait until your included usage starts afresh; /usage shows when",
    "The usage that your plan includes comes back by itself. The message does not say when.",
)
.run("/usage");
pub(super) const WAIT_FOR_CAP: Help = help("Or wait until {when}", "The cap starts afresh then.");
pub(super) const TRY_AGAIN: Help = help(
    "Send the prompt again",
    "The reset time has passed, so the window should be open.",
);
pub(super) const OTHER_MODEL: Help = help(
    "Switch to another model",
    "This window covers one family of models. The others still work.",
)
.run("/model");
pub(super) const CREDITS_INSTEAD: Help = help(
    "Or go on at once with {pool}, if you do not want to wait",
    "They are paid on top of the plan, at the price per token. Waiting costs nothing.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE);
pub(super) const OWN_CREDITS: Help = help(
    "Or turn {pool} on, or raise your own monthly cap on them, if you do not want to wait",
    "The message hides that it is one of these two. Both are your own settings.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE);
pub(super) const ASK_FOR_CREDITS: Help = help(
    "Or ask an admin for {pool}, if you cannot wait",
    "On your plan only an admin can turn them on or raise your share.",
)
.run("/usage-credits");
pub(super) const RAISE_OWN_CAP: Help = help(
    "Or raise your own monthly cap on {pool}, if you do not want to wait",
    "The cap is a control of its own: buying more credits does not lift it.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE);
pub(super) const ASK_OWNER_FOR_CAP: Help = help("Ask an Owner or Primary Owner to raise the cap (Organization settings → Usage)", "Only they can change it. The command sends the request for you. Raising a cap changes no price per token.").run("/usage-credits").at(ORG_USAGE_PAGE);
pub(super) const RAISE_ORG_CAP: Help = help("Raise the cap at Organization settings → Usage, if your role allows it", "Owners and Primary Owners can change it, and see requests under \"Review requests\". Raising a cap changes no price per token.").run("/usage-credits").at(ORG_USAGE_PAGE);
pub(super) const OTHER_PATH: Help = help("If you can do neither, take a path that does not draw on the organisation's pool: your own Pro or Max account, your own API key, or a gateway that your team pays for (ANTHROPIC_BASE_URL)", "Your work is safe: sessions stay in projects/, and another account can resume them.").run("/login");
pub(super) const ASK_ADMIN_FOR_CREDITS: Help = help("Ask an admin to look at Settings → Plans and Billing → Extra Usage: the switch, the cap and the balance", "This is an empty pool, not a cap. It never refills by itself. No restart is needed afterwards.").run("/usage-credits").at(ORG_USAGE_PAGE);
pub(super) const ADD_CREDITS: Help = help(
    "Or add {pool}",
    "The prepaid pool never refills by itself, unlike the usage that your plan includes.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE);
pub(super) const DO_NOT_BUY: Help = help(
    "Do not buy credits for this",
    "Your plan still has room, so more credits would not answer what refused the request.",
);
pub(super) const UPDATE: Help = help(
    "Update Claude Code",
    "Several of these messages were wrong in older clients, and an update ended them.",
)
.run("claude update");
pub(super) const STANDARD_CONTEXT: Help = help(
    "Choose the model without [1m]",
    "The 1M context is served only with usage credits on some plans. Standard context is not.",
)
.run("/model");
pub(super) const FAST_MODE_OFF: Help = help(
    "Turn fast mode off",
    "Fast mode is paid from usage credits only. Without it the plan's included usage counts again.",
)
.run("/fast");
pub(super) const SHORTER_ANSWER: Help = help(
    "Ask for the answer in parts",
    "One answer may only have so many tokens. CLAUDE_CODE_MAX_OUTPUT_TOKENS sets how many.",
);
pub(super) const TURN_CREDITS_ON: Help = help(
    "Or turn {pool} on, if you want the 1M context",
    "This takes effect in the next session.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE);
pub(super) const CHECK_METERS: Help = help("Look at the meters", "If they are far from full, the message is wrong. If one is full, it tells which and until when.").run("/usage").at(OWN_USAGE_PAGE);
pub(super) const CHECK_STATUS: Help = help(
    "Check which account, organisation and key the session uses",
    "A second installation, another organisation or a stray API key has limits of its own.",
)
.run("/status");
pub(super) const SEND_AGAIN_LATER: Help = help(
    "Send the prompt again in a few minutes",
    "Mismatches on the server often ended within minutes, without anything being done.",
);
pub(super) const REPORT: Help = help(
    "If it stays, report it: this command writes a summary without names, ids or prompts",
    "Only Anthropic can correct a meter on the server.",
)
.run("whycap report")
.at("https://github.com/anthropics/claude-code/issues");
pub(super) const TOP_UP_CONSOLE: Help = help("Add credits in the Console", "API keys draw on a prepaid balance, and it is empty. It has nothing to do with a subscription.").at(CONSOLE_BILLING_PAGE);
pub(super) const RESTART_AFTER_TOP_UP: Help = help(
    "Restart Claude Code after topping up",
    "The client has remembered an empty balance before.",
);
pub(super) const LOGIN: Help = help(
    "Log in again",
    "The service did not accept the credential that this session has.",
)
.run("/login");
pub(super) const FIX_KEY: Help = help(
    "Correct or unset the key that the message names",
    "The service refused it. Nothing was counted against a limit.",
)
.run("/status");
pub(super) const USE_SUBSCRIPTION: Help = help(
    "Then log in with your subscription",
    "Without the key, the session uses the plan that you pay for.",
)
.run("/login");
pub(super) const RAISE_CONSOLE_CAP: Help = help(
    "Have an admin raise the limit in the Console (Settings → Limits)",
    "Somebody set this cap for the organisation or the workspace. Paying more does not lift it.",
)
.at(CONSOLE_LIMITS_PAGE);
pub(super) const CHEAPER_MODEL: Help = help(
    "Next time, choose a cheaper model and set a budget that warns at 80 %",
    "whycap warns before the cap is reached: `[budget] month = …` in its config.toml.",
)
.run("/model");
pub(super) const RETRY: Help = help(
    "Wait a minute and send the prompt again",
    "It is a limit on the rate of requests, not on what you may use. There is nothing to buy.",
);
pub(super) const FEWER_AT_ONCE: Help = help(
    "Run fewer sessions and subagents at once, if it comes back",
    "Every one of them sends requests against the same rate.",
);
pub(super) const RETRY_SERVICE: Help = help(
    "Wait a few minutes and send the prompt again",
    "The fault is on the side of the service and usually passes. There is nothing to buy.",
);
pub(super) const LOOK_AT_STATUS_PAGE: Help = help(
    "If it lasts, look at the status page",
    "Outages are announced there.",
)
.at(STATUS_PAGE);
pub(super) const LOOK_AT_LOCKS: Help = help(
    "See which locks there are, and whether one is stuck",
    "Most lines about locks are harmless. A stuck lock slows every start or loses settings.",
)
.run("whycap locks");
pub(super) const CLEAR_LOCKS: Help = help(
    "Clear what is provably left over",
    "Locks that are in use stay. Nothing is deleted outright.",
)
.run("whycap --clear-stale-locks");
pub(super) const CHECK_NETWORK: Help = help(
    "Check the network, a proxy and a VPN, then send the prompt again",
    "The request did not reach the service, or its answer did not come back.",
);
pub(super) const PAY: Help = help(
    "Look at the payment in the billing settings",
    "A payment failed or lapsed. Waiting does not cure that.",
)
.at("https://claude.ai/settings/billing");
pub(super) const PAY_CONSOLE: Help = help(
    "For an API key, look at the Console's billing page instead",
    "Plan and Console are billed apart.",
)
.at(CONSOLE_BILLING_PAGE);
pub(super) const ASK_ADMIN_FOR_ACCESS: Help = help(
    "Ask an admin of the organisation to allow it",
    "It is a setting of the organisation, not a limit.",
)
.at("https://claude.ai/admin-settings");
pub(super) const OTHER_ORGANISATION: Help = help(
    "Choose another account or organisation",
    "The credential belongs to an organisation that cannot be used here.",
)
.run("/login");
pub(super) const UNSET_KEY: Help = help(
    "Unset or replace the key that the message names",
    "It outranks your login, wherever it is set: shell, .env file or settings.",
)
.run("unset ANTHROPIC_API_KEY");
pub(super) const CHOOSE_MODEL: Help = help(
    "Choose a model that your account can use",
    "The name is wrong, retired, or not part of the plan.",
)
.run("/model");
pub(super) const OTHER_MODEL_WITHOUT_CREDITS: Help = help(
    "Switch to a model that your plan includes",
    "This model is served from usage credits only.",
)
.run("/model");
pub(super) const CREDITS_FOR_MODEL: Help = help(
    "Or turn {pool} on for this model",
    "They are paid on top of the plan.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE);
pub(super) const COMPACT: Help = help(
    "Shorten the conversation",
    "The request is larger than the service takes. No limit was used up.",
)
.run("/compact");
pub(super) const CLEAR: Help = help(
    "If that fails too, start afresh with fewer files, images and tool definitions",
    "A compaction needs room itself.",
)
.run("/clear");
pub(super) const REMOVE_ATTACHMENTS: Help = help(
    "Take out large images and attachments",
    "They count in full with every request.",
)
.run("/compact");
pub(super) const GATEWAY_OPERATOR: Help = help(
    "Ask whoever runs your gateway to raise the cap",
    "The cap was set at the gateway, not by your plan.",
);
