//! What can be done, as data: explanations and docs/limits.md are written from it.

/// One thing to do. `{when}` and `{pool}` are filled in: the reset time, and the name that the
/// user's message has for usage credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Help {
    /// The instruction, without a full stop.
    pub(super) doing: &'static str,
    /// Why it helps.
    pub(super) why: &'static str,
    /// What to type.
    pub(super) command: Option<&'static str>,
    /// Where to go.
    pub(super) url: Option<&'static str>,
    /// Whether it costs money. None where that depends.
    pub(super) costs_money: Option<bool>,
    /// How long it says to wait, in minutes, where nothing resets.
    pub(super) pause: Option<u8>,
}

const fn help(doing: &'static str, why: &'static str) -> Help {
    Help {
        doing,
        why,
        command: None,
        url: None,
        costs_money: Some(false),
        pause: None,
    }
}

impl Help {
    /// Instruction and reason, with the reset time and the pool's name filled in.
    pub(super) fn told(self, when: &str, pool: &str) -> [String; 2] {
        [self.doing, self.why].map(|text| text.replace("{when}", when).replace("{pool}", pool))
    }

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

    const fn costs(self) -> Self {
        Self {
            costs_money: Some(true),
            ..self
        }
    }

    const fn may_cost(self) -> Self {
        Self {
            costs_money: None,
            ..self
        }
    }

    const fn waits(self, minutes: u8) -> Self {
        Self {
            pause: Some(minutes),
            ..self
        }
    }
}

/// Those that rows name.
macro_rules! by_name {
    ($($name:ident)*) => { [$((stringify!($name), $name)),*] };
}

const NAMED: &[(&str, Help)] = &by_name! {
    ADD_CREDITS APPEAL ASK_ADMIN_FOR_ACCESS ASK_ADMIN_FOR_CREDITS ASK_ADMIN_FOR_USAGE
    ASK_FOR_A_SEAT ASK_FOR_PERMISSION ASK_GATEWAY ASK_IN_PERSON ASK_OWNER_FOR_CAP ASK_SUPPORT
    AWAIT_ADMIN AWS_QUOTA BACK_TO_MODEL CHEAPER_MODEL CHECK_METERS CHECK_NETWORK CHECK_PLAN
    CHECK_REGION CHECK_STATUS CHOOSE_MODEL CLEAR CLEAR_LOCKS COMPACT CREDITS_FOR_MODEL
    CREDITS_INSTEAD FEWER_AT_ONCE FIX_KEY FREE_DISK GATEWAY_OPERATOR GOOGLE_QUOTA LESS_BUSY_MODEL
    LET_CLAUDE_GO_ON LIMIT_OPTIONS LOGIN LOOK_AT_LOCKS LOOK_AT_STATUS_PAGE
    LOOK_WHERE_IT_CAME_FROM LOWER_MAX_TOKENS MODEL_WITHOUT_CREDITS NORMAL_SPEED NOT_YOURS
    OPEN_USAGE_LATER OTHER_MODEL OTHER_ORGANIZATION OTHER_PATH PAY PAY_CONSOLE PAY_LESS
    PAY_PROVIDER PAY_SUBSCRIPTION PROVIDER_LOGIN PROVIDER_PLAN RAISE_CONSOLE_CAP RAISE_OWN_CAP RAISE_TIER
    READ_IN_PARTS REMOVE_IMAGES REPHRASE REPORT_UNKNOWN RESTART_AFTER_TOP_UP RETRY RETRY_ONCE
    RETRY_SERVICE REWIND SAVE_CAP_AGAIN SAVE_USAGE SEND_AGAIN_LATER SETTING SHORTER_ANSWER
    STANDARD_CONTEXT TOMORROW TOP_UP_CONSOLE TRY_AGAIN TRY_LOGIN_AGAIN TURN_CREDITS_ON
    UNLOCK_KEYCHAIN UNSET_KEY UPDATE USE_SUBSCRIPTION WAIT WAIT_FOR_CAP WAIT_UNKNOWN
};

/// The help of this name.
pub(super) fn named(name: &str) -> Option<Help> {
    let found = NAMED.iter().find(|(known, _)| *known == name);
    found.map(|(_, help)| *help)
}

const OWN_USAGE_PAGE: &str = "https://claude.ai/settings/usage";
const ORG_USAGE_PAGE: &str = "https://claude.ai/admin-settings/usage";
const CONSOLE_BILLING_PAGE: &str = "https://platform.claude.com/settings/billing";
const CONSOLE_LIMITS_PAGE: &str = "https://platform.claude.com/settings/limits";

// Waiting, and what takes its place.

pub(super) const WAIT: Help = help(
    "Wait until {when}",
    "Your included usage comes back by itself. Nothing has to be bought.",
);
pub(super) const WAIT_UNKNOWN: Help = help(
    "Wait for your included usage; /usage shows when it is back",
    "It comes back by itself. The message does not say when.",
)
.run("/usage");
/// What is left to do about an error that lies behind the session.
pub(super) const NOTHING_LEFT: Help = help(
    "Nothing: this is over",
    "The session has gone on since then.",
);
pub(super) const WAIT_FOR_CAP: Help = help("Or wait until {when}", "The limit starts again then.");
pub(super) const OPEN_USAGE_LATER: Help = help(
    "Open /usage again in a few minutes",
    "Only that page is limited. Your work goes on.",
)
.run("/usage");
pub(super) const TRY_AGAIN: Help = help("Send the prompt again", "The reset time has passed.");
pub(super) const RESET_EARLY: Help = help(
    "Send the prompt again",
    "The usage measured since has room: the limit was reset early.",
);
pub(super) const WORKS_ELSEWHERE: Help = help(
    "Send the prompt again",
    "Another session of this account got an answer since.",
);
pub(super) const PASSED: Help = help(
    "Send the prompt again",
    "Such errors mostly end within minutes.",
);
pub(super) const LONG_AGO: Help = help(
    "Send the prompt again",
    "The error is too old to say anything about now.",
);
pub(super) const FREE_WAYS: Help = help(
    "Or free, if /rate-limit-options offers it: /limit-reset or /low-priority",
    "Some accounts may reset this limit early once a week, or go on slower. Both use up the weekly limit.",
)
.run("/rate-limit-options");
pub(super) const FREE_RESET: Help = help(
    "Or free, if /rate-limit-options offers it: /limit-reset",
    "Some accounts hold a reset that they can use once.",
)
.run("/rate-limit-options");
pub(super) const OTHER_MODEL: Help = help(
    "Use another model",
    "This limit counts one family of models. The others still work.",
)
.run("/model");
pub(super) const CREDITS_INSTEAD: Help = help(
    "Or go on now with {pool} (costs money)",
    "That is paid per token, on top of your plan. Waiting costs nothing.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE)
.costs();
pub(super) const CREDITS_ON: Help = help(
    "Or turn {pool} on and go on now (costs money)",
    "They are off, and are paid per token, on top of your plan. Waiting costs nothing.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE)
.costs();

// Usage credits and the caps on them.

pub(super) const OWN_CREDITS: Help = help(
    "Or turn {pool} on, or raise your own monthly cap",
    "Both are your own settings. The message does not say which one stopped you.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE)
.costs();
pub(super) const ADD_CREDITS: Help = help(
    "Or add {pool}: none are left (costs money)",
    "The pool never fills by itself, unlike your included usage.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE)
.costs();
pub(super) const SAVE_CAP_AGAIN: Help = help(
    "Try again, or set the limit in the browser",
    "The new limit was not saved. The old one still holds.",
)
.at(OWN_USAGE_PAGE);
pub(super) const RAISE_OWN_CAP: Help = help(
    "Or raise your own monthly cap on {pool}",
    "The cap is a setting of its own: buying more does not raise it.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE)
.costs();
pub(super) const ASK_FOR_CREDITS: Help = help(
    "Or ask an admin for {pool}",
    "On your plan only an admin can turn them on or raise your share.",
)
.run("/usage-credits")
.costs();
pub(super) const ASK_OWNER_FOR_CAP: Help = help(
    "Ask an Owner to raise it (Organization settings → Usage)",
    "Only Owners can. The command sends the request. The price per token stays the same.",
)
.run("/usage-credits")
.at(ORG_USAGE_PAGE)
.costs();
pub(super) const RAISE_ORG_CAP: Help = help(
    "Raise it in Organization settings → Usage, if your role allows it",
    "Owners see requests under \"Review requests\". The price per token stays the same.",
)
.run("/usage-credits")
.at(ORG_USAGE_PAGE)
.costs();
pub(super) const ASK_ADMIN_FOR_CREDITS: Help = help(
    "Ask an admin to add credits (Settings → Plans and Billing → Extra Usage)",
    "This pool is empty; it is not the spend limit. It never fills by itself. No restart is needed.",
)
.run("/usage-credits")
.at(ORG_USAGE_PAGE)
.costs();
pub(super) const ASK_ADMIN_FOR_USAGE: Help = help(
    "Ask an admin to give you usage again",
    "An admin set it to nothing. Only an admin can change that.",
)
.run("/usage-credits")
.at(ORG_USAGE_PAGE)
.may_cost();
pub(super) const ASK_FOR_A_SEAT: Help = help(
    "Ask an admin for another seat, or for credits on this one",
    "A higher cap does not help: it is the seat that has none.",
)
.run("/usage-credits")
.may_cost();
pub(super) const OTHER_PATH: Help = help(
    "Or work without the organization's pool: on your own plan, with your own API key, or through a gateway",
    "Your work is safe: sessions stay in projects/, and another account can resume them.",
)
.run("/login")
.may_cost();
pub(super) const DO_NOT_BUY: Help = help(
    "Do not buy credits for this",
    "Your plan has room. More credits would not change the answer.",
);
pub(super) const FAST_MODE_OFF: Help = help(
    "Turn fast mode off",
    "It is paid from {pool} only. Without it your plan's included usage counts.",
)
.run("/fast");
pub(super) const NORMAL_SPEED: Help = help(
    "Go on at normal speed",
    "Only fast mode pauses. Claude itself goes on.",
);
pub(super) const STANDARD_CONTEXT: Help = help(
    "Choose the model without [1m]",
    "On some plans the 1M context needs {pool}. The standard context does not.",
)
.run("/model");
pub(super) const TURN_CREDITS_ON: Help = help(
    "Or turn {pool} on for the 1M context",
    "This works from the next session on.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE)
.costs();
pub(super) const MODEL_WITHOUT_CREDITS: Help = help(
    "Use a model that your plan includes",
    "This one is paid from {pool} only.",
)
.run("/model");
pub(super) const CREDITS_FOR_MODEL: Help = help(
    "Or turn {pool} on for it",
    "That is paid per token, on top of your plan.",
)
.run("/usage-credits")
.at(OWN_USAGE_PAGE)
.costs();
pub(super) const PAY_LESS: Help = help(
    "Stop here and wait for the reset, if you do not want to pay",
    "From now on every token is billed. /usage shows how much.",
)
.run("/usage");
pub(super) const SAVE_USAGE: Help = help(
    "To get further, use a smaller model and /clear between tasks",
    "Long conversations are sent again with every prompt.",
)
.run("/model");

// Looking closer.

pub(super) const CHECK_METERS: Help = help(
    "Look at /usage",
    "It shows how full each limit is. If none is full, the message is wrong.",
)
.run("/usage")
.at(OWN_USAGE_PAGE);
pub(super) const CHECK_STATUS: Help = help(
    "Check account, organization and API key in /status",
    "Another installation, organization or key has limits of its own.",
)
.run("/status");
pub(super) const SEND_AGAIN_LATER: Help = help(
    "Send the prompt again in a few minutes",
    "Such mistakes of the server often ended within minutes.",
)
.waits(3);
pub(super) const UPDATE: Help = help(
    "Update Claude Code",
    "Old versions showed this message wrongly.",
)
.run("claude update");
pub(super) const REPORT: Help = help(
    "If it stays, report it; the command writes a summary without names and ids",
    "Only Anthropic can correct the server.",
)
.run("whycap report")
.at("https://github.com/anthropics/claude-code/issues");
pub(super) const REPORT_UNKNOWN: Help = help(
    "If it stays, ask Anthropic; the command writes a summary without names and ids",
    "whycap does not know this message yet.",
)
.run("whycap report")
.at("https://github.com/anthropics/claude-code/issues");

// The Console, payments and other services.

pub(super) const TOP_UP_CONSOLE: Help = help(
    "Add credits in the Console",
    "API keys are paid from a prepaid balance. A subscription does not fill it.",
)
.at(CONSOLE_BILLING_PAGE)
.costs();
pub(super) const RESTART_AFTER_TOP_UP: Help = help(
    "Restart Claude Code afterwards",
    "It has remembered an empty balance before.",
);
pub(super) const RAISE_CONSOLE_CAP: Help = help(
    "Ask an admin to raise the limit in the Console (Settings → Limits)",
    "Somebody set it for the organization or the workspace. Paying more does not raise it.",
)
.at(CONSOLE_LIMITS_PAGE)
.costs();
pub(super) const CHEAPER_MODEL: Help = help(
    "Next time use a cheaper model, and a budget that warns at 80%",
    "whycap warns before the cap: `[budget] month = …` in its config.toml.",
)
.run("/model");
pub(super) const RAISE_TIER: Help = help(
    "Raise the tier of the API organization, or send less at once",
    "This rate belongs to the tier, and credits raise the tier. A shorter prompt helps too.",
)
.at(CONSOLE_LIMITS_PAGE)
.costs();
pub(super) const PAY: Help = help(
    "Look at the payment in the billing settings",
    "A payment failed or ended. Waiting does not cure that.",
)
.at("https://claude.ai/settings/billing")
.costs();
pub(super) const PAY_CONSOLE: Help = help(
    "For an API key, look at the Console's billing page",
    "Plan and Console are billed apart.",
)
.at(CONSOLE_BILLING_PAGE)
.costs();
pub(super) const GATEWAY_OPERATOR: Help = help(
    "Ask whoever runs your gateway (ANTHROPIC_BASE_URL) to raise it",
    "It was set at the gateway, not by Anthropic and not by your plan.",
)
.may_cost();
pub(super) const PAY_PROVIDER: Help = help(
    "Add money at the service that ANTHROPIC_BASE_URL points to",
    "That service takes the money, not Anthropic. Your Claude plan is not involved.",
)
.run("/status")
.costs();
pub(super) const PROVIDER_PLAN: Help = help(
    "Look at your plan at the service that ANTHROPIC_BASE_URL points to",
    "That service counts this, not Anthropic. Your Claude plan is not involved.",
)
.run("/status");
pub(super) const AWS_QUOTA: Help = help(
    "Ask AWS for a higher quota (Service Quotas → Amazon Bedrock)",
    "The quota belongs to your AWS account and region, not to Anthropic.",
)
.may_cost();
pub(super) const GOOGLE_QUOTA: Help = help(
    "Ask Google for a higher quota (IAM & Admin → Quotas)",
    "Some models start with a quota of 0; then waiting does not help.",
)
.at("https://console.cloud.google.com/iam-admin/quotas")
.may_cost();
pub(super) const TOMORROW: Help = help(
    "Wait until tomorrow, or use another model or region",
    "The quota counts a whole day. A minute does not help.",
)
.run("/model");
pub(super) const NOT_YOURS: Help = help(
    "Look at the program that wrote this",
    "If it is a limit, it is that program's own. Your Claude plan is not involved.",
);

pub(super) const CHECK_PLAN: Help = help(
    "See in /usage whether one of your plan's limits is full",
    "If none is, this is not about your plan.",
)
.run("/usage");
pub(super) const LOOK_WHERE_IT_CAME_FROM: Help = help(
    "If another program wrote it, look there",
    "Many programs have limits, quotas and logins of their own.",
);

// The service.

pub(super) const RETRY: Help = help(
    "Wait a minute and send the prompt again",
    "It counts how much comes at once, not what you use. Nothing has to be bought.",
)
.waits(1);
pub(super) const RETRY_ONCE: Help = help(
    "Wait a minute and send the prompt again",
    "Quotas per minute start again with the next one.",
)
.waits(1);
pub(super) const RETRY_THEN: Help = help(
    "Wait until {when}, then send the prompt again",
    "The service says that it takes requests again then.",
);
pub(super) const FEWER_AT_ONCE: Help = help(
    "Run fewer sessions and subagents at once",
    "All of them share one rate.",
);
pub(super) const RETRY_SERVICE: Help = help(
    "Wait a few minutes and send the prompt again",
    "The fault is on the service's side and usually passes.",
)
.waits(3);
pub(super) const LESS_BUSY_MODEL: Help = help(
    "Or use another model",
    "Each model has a capacity of its own.",
)
.run("/model");
pub(super) const LOOK_AT_STATUS_PAGE: Help = help(
    "If it lasts, look at the status page",
    "Outages are announced there.",
)
.at("https://status.claude.com");
pub(super) const CHECK_NETWORK: Help = help(
    "Check network, proxy and VPN, then send the prompt again",
    "The request did not reach the service, or the answer did not come back.",
);
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

// Logins, keys, models, sizes.

pub(super) const PAY_SUBSCRIPTION: Help = help(
    "Pay or renew your subscription; if you just paid, try again in a few minutes",
    "Until then it cannot be used. An API key is paid apart and still works.",
)
.at("https://claude.ai/settings/billing");
pub(super) const ASK_GATEWAY: Help = help(
    "Ask whoever runs your gateway (/status names it)",
    "The gateway decides who may use it. Your Claude plan is not involved.",
)
.run("/status");
pub(super) const ASK_FOR_PERMISSION: Help = help(
    "Ask whoever administers the cloud account to allow the model and the action",
    "A policy there forbids it. The message names the user and the action.",
);
pub(super) const UNLOCK_KEYCHAIN: Help = help(
    "Unlock the Keychain, then try again",
    "Claude Code could not save the renewed login there.",
)
.run("security unlock-keychain");
pub(super) const SETTING: Help = help(
    "Change the setting that the message names",
    "Nothing is used up. The setting does not fit this model or session.",
);
pub(super) const BACK_TO_MODEL: Help = help(
    "To go on with your own model, choose it again",
    "Only this message was given to another one.",
)
.run("/model");
pub(super) const READ_IN_PARTS: Help = help(
    "Let Claude read the large file or output in parts",
    "It fills the conversation again after every /compact.",
);
pub(super) const LIMIT_OPTIONS: Help = help(
    "See what your account is offered",
    "Some accounts may reset a limit early or go on at lower priority, both without paying.",
)
.run("/rate-limit-options");
pub(super) const ASK_IN_PERSON: Help = help(
    "Write to an admin of your organization yourself",
    "Claude Code sends no requests there. An admin can raise limits in the organization's settings.",
)
.at(ORG_USAGE_PAGE);
pub(super) const AWAIT_ADMIN: Help = help(
    "Wait for the admin's answer, or for your included usage",
    "Owners see the request under \"Review requests\". Your included usage comes back by itself.",
)
.run("/usage");

pub(super) const LOGIN: Help = help(
    "Log in again",
    "The service did not accept this session's login.",
)
.run("/login");
pub(super) const FREE_DISK: Help = help(
    "Delete files you do not need, then try again",
    "Claude Code could not write to its folder, ~/.claude by default.",
);
pub(super) const TRY_LOGIN_AGAIN: Help = help(
    "Wait a minute and try again; if it stays, close other Claude Code windows",
    "Only one of them can renew the login at a time.",
)
.run("/login");
pub(super) const CHECK_REGION: Help = help(
    "Check VPN, proxy and network",
    "The service says \"not allowed\" mostly because of the country that you seem to come from.",
);
pub(super) const PROVIDER_LOGIN: Help = help(
    "Renew the credentials of your cloud provider",
    "They come from AWS, Google Cloud or Azure. /login of Claude does not renew them.",
);
pub(super) const FIX_KEY: Help = help(
    "Correct the key that the message names, or unset it",
    "The service refused it. No limit is involved.",
)
.run("/status");
pub(super) const UNSET_KEY: Help = help(
    "Unset or replace the key that the message names",
    "It is used instead of your login, wherever it is set: shell, .env file or settings.",
)
.run("unset ANTHROPIC_API_KEY");
pub(super) const USE_SUBSCRIPTION: Help = help(
    "Then log in with your subscription",
    "Without the key, Claude Code uses the plan that you pay for.",
)
.run("/login");
pub(super) const APPEAL: Help = help(
    "Open the appeal page, or write to Anthropic's support",
    "Nothing else helps: no update, no new login, no waiting.",
)
.at("https://claude.ai/restricted");
pub(super) const ASK_SUPPORT: Help = help(
    "Ask an admin of your organization to write to Anthropic's support",
    "Only Anthropic can lift it.",
)
.at("https://support.claude.com");
pub(super) const ASK_ADMIN_FOR_ACCESS: Help = help(
    "Ask an admin of the organization to allow it",
    "It is a setting of the organization, not a limit.",
)
.at("https://claude.ai/admin-settings");
pub(super) const OTHER_ORGANIZATION: Help = help(
    "Choose another account or organization",
    "This login belongs to an organization that cannot be used here.",
)
.run("/login");
pub(super) const CHOOSE_MODEL: Help = help(
    "Choose a model that your account can use",
    "The name is wrong, too old, or not part of the plan.",
)
.run("/model");
pub(super) const COMPACT: Help = help(
    "Shorten the conversation",
    "It is longer than the model takes.",
)
.run("/compact");
pub(super) const CLEAR: Help = help(
    "If that fails too, start again with fewer files, images and tools",
    "/compact needs room itself.",
)
.run("/clear");
pub(super) const REWIND: Help = help(
    "Go back to before the error",
    "The conversation itself is what the service refuses.",
)
.run("/rewind");
pub(super) const REMOVE_IMAGES: Help = help(
    "Take out large images and attachments, or make them smaller",
    "They are sent again with every prompt until they are gone.",
)
.run("/compact");
pub(super) const SHORTER_ANSWER: Help = help(
    "Ask for the answer in parts",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS sets how long one answer may be.",
);
pub(super) const LOWER_MAX_TOKENS: Help = help(
    "Lower CLAUDE_CODE_MAX_OUTPUT_TOKENS, or unset it",
    "The model allows fewer tokens in one answer than this setting asks for.",
);
pub(super) const REPHRASE: Help = help(
    "Ask in other words, or start again",
    "The answer was held back because of its content.",
)
.run("/clear");
pub(super) const LET_CLAUDE_GO_ON: Help = help(
    "Let Claude go on, or raise the setting that the message names",
    "It is a limit of a tool or of this run, and Claude mostly finds another way.",
);
