//! Finds out which question a user asks besides the one about the newest error. [`SUBJECTS`] lists the words of each question.

/// A question that users ask besides the one about the error itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SideQuestion {
    /// Asks whether `/limit-reset` and `/low-priority` are free.
    FreeCommands,
    Upgrade,
    /// Asks how to get a higher limit.
    HigherLimit,
    /// Asks how much of a limit is used.
    Usage,
    /// Asks for the cost of past sessions.
    Spend,
    /// Asks what has used most of a limit. The value is the group of `whycap spend --by` that shows it.
    SpendBy(&'static str),
    /// Asks why a single prompt uses so much.
    LargePrompts,
    /// Asks why the usage rises so fast.
    FastUsage,
    /// Asks how long or how often errors have blocked the user.
    PastErrors,
    /// Asks whether something costs money.
    Cost,
    /// Asks whether the responses cost money now.
    CostNow,
    /// Asks whether today's responses have cost money.
    ChargedToday,
    /// Asks why the user was charged.
    ReasonForCharges,
    /// Asks why something costs money although the user has a plan.
    ChargedDespitePlan,
    /// Asks how to turn off usage credits, or how to stop paying.
    TurnOffCredits,
    /// Asks whether usage in other apps or on other machines counts toward the limits.
    UsageElsewhere,
    Bug,
    Locks,
    Purchase,
    /// Asks whether usage credits reset a limit.
    ResetByCredits,
    /// Asks who can raise a limit.
    Raising,
    /// Asks who can raise the limit of a team.
    RaisingForTeam,
    Continuation,
    /// Asks whether Claude Code continues although the session is closed or the computer sleeps.
    ContinuationWhileClosed,
    /// Asks whether other sessions work.
    OtherSessions,
    /// Asks which sessions are blocked.
    BlockedSessions,
    Reset,
    Models,
    Outage,
    /// Describes a limit in the user's own words, such as "I'm done until Thursday".
    DescribedLimit,
    /// A question about the account that whycap cannot answer, such as "can I get a refund?".
    Other,
    /// A question that is not about errors, limits, or spend, such as "what is the weather?".
    Unrelated,
    /// A text with a question mark that whycap does not understand.
    NotUnderstood,
    /// A question about an error that may also be about something that the explanation does not mention.
    PartlyUnderstood,
}

/// The words by which a question is recognized.
struct Subject {
    question: SideQuestion,
    /// The question contains a word of each of these lists.
    all_of: &'static [&'static [&'static str]],
    /// The question contains none of these words.
    none_of: &'static [&'static str],
}

impl Subject {
    /// Returns true if a question with these words is about this subject.
    fn matches(&self, words: &[&str]) -> bool {
        let mut lists = self.all_of.iter();
        lists.all(|list| has_any(words, list)) && !has_any(words, self.none_of)
    }
}

/// The words for a model in a question.
const MODELS: &[&str] = &["fable", "haiku", "model", "models", "opus", "sonnet"];

/// The words in a question about models that show that the user is considering another model. A question such as "why is Opus
/// limited?" contains none of them.
const WORDS_ABOUT_CHOICE: &[&str] = &[
    "affect",
    "affected",
    "affects",
    "another",
    "applies",
    "apply",
    "continue",
    "different",
    "instead",
    "keep",
    "meanwhile",
    "other",
    "switch",
    "switching",
    "try",
    "use",
    "work",
    "working",
    "works",
];

/// The words for a limit of the plan.
const LIMITS: &[&str] = &["limit", "limits", "usage"];

/// The words for Anthropic's service.
const SERVICE: &[&str] = &[
    "anthropic",
    "api",
    "claude",
    "everything",
    "it",
    "server",
    "servers",
    "service",
];

/// The words of a question about a higher limit that is not about the user's own plan, or not about how to get it.
const NOT_ABOUT_OWN_PLAN: &[&str] = &[
    "admin", "admins", "boss", "budget", "cap", "company", "credits", "did", "does", "monthly",
    "owner", "spend", "spending", "team", "when", "who", "why",
];

/// The words for using something up.
const USING_UP: &[&str] = &[
    "ate", "burn", "burned", "burns", "consume", "consumed", "consumes", "cost", "costs", "drain",
    "drained", "drains", "eat", "eats", "take", "takes", "use", "used", "uses",
];

/// The words for what a session or a prompt may use up, and for a large part of it.
const USED_UP: &[&str] = &[
    "half", "limit", "limits", "most", "much", "percent", "quota", "tokens", "up", "usage",
    "window",
];

/// Words that show that a question does not ask what has used most of a limit.
const NOT_ABOUT_WHAT_USED: &[&str] = &[
    "am",
    "are",
    "did",
    "do",
    "does",
    "i",
    "i've",
    "if",
    "is",
    "much",
    "percent",
    "percentage",
    "when",
    "will",
];

/// The words for buying something.
const BUYING: &[&str] = &["buy", "buying", "pay", "paying", "purchase", "purchasing"];

/// Words that show that a question about credits and a reset does not ask whether credits reset a limit.
const NOT_ABOUT_RESET_BY_CREDITS: &[&str] = &["or", "until", "wait", "when"];

/// Words that show that the user asks for a time or a sum of money, and not for the usage of a limit.
const NOT_ABOUT_USAGE: &[&str] = &[
    "balance", "budget", "context", "cost", "credit", "credits", "days", "dollars", "hours",
    "long", "longer", "minutes", "money", "month", "retries", "so", "spend", "time", "today",
    "too", "until", "wait", "why",
];

/// Words that show that a question about payments is not only whether responses cost money now.
const NOT_ABOUT_PAYMENT_NOW: &[&str] = &[
    "how",
    "if",
    "much",
    "plan",
    "subscription",
    "too",
    "wait",
    "waiting",
    "what",
    "when",
    "who",
    "why",
];

/// The words for charging the user.
const CHARGING: &[&str] = &["billed", "charge", "charged", "charges", "charging"];

/// The words for other apps and devices on which Claude can be used.
const PLACES_OF_OTHER_USAGE: &[&str] = &[
    "app",
    "apps",
    "browser",
    "chat",
    "chats",
    "computer",
    "computers",
    "desktop",
    "device",
    "devices",
    "laptop",
    "machine",
    "machines",
    "mobile",
    "phone",
    "website",
];

/// The words for stopping a session.
const BLOCKING: &[&str] = &[
    "affected", "blocked", "limited", "locked", "stopped", "stuck",
];

/// Words that show that a question about blocked sessions does not ask which ones these are.
const NOT_ABOUT_BLOCKED_SESSIONS: &[&str] = &[
    "error", "how", "limit", "limits", "message", "until", "what", "when", "who", "why", "window",
];

/// The words after "until" for a day. A number, as in "until 3pm", also stands for a time.
const DAYS: &[&str] = &[
    "friday",
    "monday",
    "saturday",
    "sunday",
    "thursday",
    "tomorrow",
    "tuesday",
    "wednesday",
];

/// The questions that whycap recognizes. If several match, the first one counts: "Will my limit reset if I upgrade?" is about an
/// upgrade.
const SUBJECTS: &[Subject] = &[
    Subject {
        question: SideQuestion::FreeCommands,
        all_of: &[&["low", "lower"], &["priority"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::TurnOffCredits,
        all_of: &[
            &["deactivate", "disable", "off", "stop"],
            &["credits", "extra"],
        ],
        none_of: &[
            "are", "did", "does", "is", "was", "were", "who", "why", "will",
        ],
    },
    Subject {
        question: SideQuestion::TurnOffCredits,
        all_of: &[&["how"], &["stop"], &["paying"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::TurnOffCredits,
        all_of: &[&["how"], &["stop"], CHARGING],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::PastErrors,
        all_of: &[
            &["how", "many"],
            &["frequently", "often", "times"],
            &[
                "blocked", "hit", "limited", "locked", "reach", "reached", "stopped",
            ],
        ],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::PastErrors,
        all_of: &[
            &["how"],
            &["long"],
            &["been", "did", "was", "were"],
            &["block", "blocked", "limited", "locked", "stopped"],
        ],
        none_of: &["until", "wait", "will"],
    },
    Subject {
        question: SideQuestion::LargePrompts,
        all_of: &[
            &["how", "why"],
            &[
                "message", "messages", "prompt", "prompts", "request", "requests",
            ],
            USING_UP,
            USED_UP,
        ],
        none_of: &["i", "said", "say", "says", "show", "shows", "tell", "tells"],
    },
    // The explanation of a limit answers why this limit ran out so fast.
    Subject {
        question: SideQuestion::FastUsage,
        all_of: &[
            &["why"],
            &["fast", "faster", "quick", "quickly", "rapidly"],
            &["quota", "tokens", "usage", "week", "window"],
        ],
        none_of: &["limit", "limits", "mode", "reset", "resets"],
    },
    Subject {
        question: SideQuestion::SpendBy("model"),
        all_of: &[&["which"], &["model", "models"], USING_UP, USED_UP],
        none_of: NOT_ABOUT_WHAT_USED,
    },
    Subject {
        question: SideQuestion::SpendBy("project"),
        all_of: &[&["which"], &["project", "projects"], USING_UP, USED_UP],
        none_of: NOT_ABOUT_WHAT_USED,
    },
    Subject {
        question: SideQuestion::SpendBy("session"),
        all_of: &[&["what", "which"], USING_UP, USED_UP],
        none_of: NOT_ABOUT_WHAT_USED,
    },
    Subject {
        question: SideQuestion::RaisingForTeam,
        all_of: &[
            &["who"],
            &["increase", "raise", "raises"],
            &["company", "org", "organization", "our", "team"],
        ],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Raising,
        all_of: &[&["who"], &["increase", "raise", "raises"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::UsageElsewhere,
        all_of: &[
            &["count", "counted", "counting", "counts"],
            PLACES_OF_OTHER_USAGE,
        ],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::ResetByCredits,
        all_of: &[
            BUYING,
            &["reset", "resets"],
            &["it", "limit", "limits", "usage", "window"],
        ],
        none_of: NOT_ABOUT_RESET_BY_CREDITS,
    },
    Subject {
        question: SideQuestion::ResetByCredits,
        all_of: &[&["credits"], &["reset", "resets"], &["limit", "limits"]],
        none_of: NOT_ABOUT_RESET_BY_CREDITS,
    },
    Subject {
        question: SideQuestion::Upgrade,
        all_of: &[&["upgrade", "upgraded", "upgrades", "upgrading"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::ChargedDespitePlan,
        all_of: &[
            &[
                "billed", "charge", "charged", "charges", "money", "paid", "pay", "paying",
            ],
            &["max", "plan", "pro", "subscription"],
            &["although", "but", "despite", "though", "why"],
        ],
        none_of: &["can", "could", "should"],
    },
    Subject {
        question: SideQuestion::HigherLimit,
        all_of: &[
            &["increase", "raise"],
            &["limit", "limits", "quota", "usage"],
        ],
        none_of: NOT_ABOUT_OWN_PLAN,
    },
    Subject {
        question: SideQuestion::HigherLimit,
        all_of: &[
            &["bigger", "higher", "larger", "more"],
            &["get", "want"],
            &["limit", "limits", "quota", "tokens", "usage"],
        ],
        none_of: NOT_ABOUT_OWN_PLAN,
    },
    Subject {
        question: SideQuestion::Usage,
        all_of: &[
            &["many", "much", "percent", "percentage"],
            &["left", "remaining", "remains", "used"],
        ],
        none_of: NOT_ABOUT_USAGE,
    },
    Subject {
        question: SideQuestion::Usage,
        all_of: &[&["close"], &["am"], &["to"], &["limit", "limits"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Usage,
        all_of: &[&["how"], &["full"], &["limit", "limits", "window"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Spend,
        all_of: &[
            &["cost", "costs"],
            &["did", "session", "sessions", "today", "yesterday"],
        ],
        none_of: &[
            "anything", "extra", "if", "keep", "leave", "leaving", "money", "new", "open",
            "waiting",
        ],
    },
    Subject {
        question: SideQuestion::Spend,
        all_of: &[&["paid", "pay"], &["much"], &["did", "have"]],
        none_of: &["to"],
    },
    Subject {
        question: SideQuestion::ChargedToday,
        all_of: &[
            &["been", "did", "got", "had", "was", "were"],
            &["billed", "charge", "charged", "paid", "pay"],
            &["today"],
        ],
        none_of: &[
            "if",
            "plan",
            "subscription",
            "to",
            "wait",
            "waiting",
            "when",
            "who",
            "why",
        ],
    },
    Subject {
        question: SideQuestion::ReasonForCharges,
        all_of: &[
            &["why"],
            &[
                "am", "are", "been", "did", "get", "got", "have", "i'm", "was", "were",
            ],
            &["billed", "charge", "charged", "paid", "pay", "paying"],
        ],
        none_of: &[
            "blocked", "if", "limited", "stop", "stopped", "to", "wait", "waiting", "when", "who",
        ],
    },
    Subject {
        question: SideQuestion::CostNow,
        all_of: &[&["am", "are", "i'm"], &["charged"]],
        none_of: NOT_ABOUT_PAYMENT_NOW,
    },
    Subject {
        question: SideQuestion::CostNow,
        all_of: &[
            &["am", "are", "i'm"],
            &["paying"],
            &["currently", "now", "this"],
        ],
        none_of: NOT_ABOUT_PAYMENT_NOW,
    },
    Subject {
        question: SideQuestion::CostNow,
        all_of: &[&["is"], &["costing"]],
        none_of: NOT_ABOUT_PAYMENT_NOW,
    },
    Subject {
        question: SideQuestion::Other,
        all_of: &[&["get"], &["money"], &["back"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Cost,
        all_of: &[&["billed", "charge", "charged", "cost", "costs", "money"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Bug,
        all_of: &[&["bug", "bugs"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Locks,
        all_of: &[&["lock", "locks"]],
        none_of: &["cargo", "json", "package", "yarn"],
    },
    Subject {
        question: SideQuestion::Purchase,
        all_of: &[&["buy", "buying", "pay"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::OtherSessions,
        all_of: &[
            &["another", "different", "other", "others"],
            &["session", "sessions"],
            &[
                "affect", "affected", "affects", "applies", "apply", "blocked", "continue", "help",
                "keep", "use", "work", "working", "works",
            ],
        ],
        none_of: &[
            "but", "fable", "haiku", "how", "model", "models", "opus", "sonnet", "what", "which",
            "who", "why",
        ],
    },
    Subject {
        question: SideQuestion::BlockedSessions,
        all_of: &[&["which"], &["session", "sessions"], BLOCKING],
        none_of: NOT_ABOUT_BLOCKED_SESSIONS,
    },
    Subject {
        question: SideQuestion::BlockedSessions,
        all_of: &[
            &["are", "is"],
            &["all", "any", "every"],
            &["session", "sessions"],
            BLOCKING,
        ],
        none_of: NOT_ABOUT_BLOCKED_SESSIONS,
    },
    Subject {
        question: SideQuestion::ContinuationWhileClosed,
        all_of: &[
            &[
                "close", "closed", "closes", "closing", "shut", "sleep", "sleeping", "sleeps",
            ],
            &[
                "computer", "laptop", "lid", "machine", "session", "tab", "terminal",
            ],
        ],
        none_of: &["how", "limit", "limits", "usage", "why"],
    },
    // "How close am I to my session limit?" is about usage, and "Will my limit reset automatically?" about the reset.
    Subject {
        question: SideQuestion::Continuation,
        all_of: &[
            &["automatically", "itself"],
            &["continue", "continues", "resume", "resumes"],
        ],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Continuation,
        all_of: &[
            &["claude", "it"],
            &["continue", "continues", "resume", "resumes"],
        ],
        none_of: &["i", "we"],
    },
    Subject {
        question: SideQuestion::Continuation,
        all_of: &[
            &["automatically", "itself"],
            &["go", "retries", "retry", "start"],
        ],
        none_of: LIMITS,
    },
    // Claude Code continues by itself only in an open session.
    Subject {
        question: SideQuestion::Continuation,
        all_of: &[
            &["laptop", "session", "tab", "terminal"],
            &["keep", "leave", "leaving", "stay"],
        ],
        none_of: &["how", "limit", "limits", "usage", "why"],
    },
    Subject {
        question: SideQuestion::Reset,
        all_of: &[
            &["refresh", "refreshes", "renew", "renews", "reset", "resets"],
            &["limit", "limits", "usage", "when"],
        ],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Models,
        all_of: &[MODELS, WORDS_ABOUT_CHOICE],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Models,
        all_of: &[MODELS, &["go"], &["on"], &["with"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Outage,
        all_of: &[&["outage", "outages"]],
        none_of: &[],
    },
    Subject {
        question: SideQuestion::Outage,
        all_of: &[&["down", "offline"], SERVICE],
        none_of: &[
            "bring", "counting", "get", "go", "if", "limit", "limits", "my", "shut", "slow",
            "usage",
        ],
    },
    Subject {
        question: SideQuestion::Outage,
        all_of: &[&["slow", "slower"], SERVICE],
        none_of: &["down", "limit", "limits", "usage"],
    },
    Subject {
        question: SideQuestion::Outage,
        all_of: &[&["having"], &["issues", "problems", "trouble"], SERVICE],
        none_of: &["i", "we"],
    },
    Subject {
        question: SideQuestion::Other,
        all_of: &[&["password", "refund", "refunded", "refunds"]],
        none_of: &["limit", "limits"],
    },
];

/// Words of questions such as "is my account banned?", which whycap cannot answer, unless they are about a limit.
const BANS: &[&str] = &["ban", "banned", "bans"];

/// Words that show that a question about a ban is about a limit, as in "why am I banned until tomorrow?".
const WORDS_OF_TEMPORARY_BANS: &[&str] = &[
    "day", "days", "hour", "hours", "limit", "limits", "minutes", "till", "today", "tomorrow",
    "until", "week",
];

/// Words of questions that the explanation of an error may answer. Words that begin with a digit, such as "429" and "3pm", have
/// the same meaning.
const WORDS_ABOUT_ERRORS: &[&str] = &[
    // Words about the error itself.
    "access",
    "affected",
    "alarm",
    "banned",
    "cause",
    "caused",
    "lifted",
    "lose",
    "lost",
    "rules",
    "session",
    "sessions",
    "unblock",
    "unlock",
    "block",
    "blocked",
    "blocking",
    "blocks",
    "broken",
    "bug",
    "crash",
    "crashed",
    "cut",
    "denied",
    "down",
    "error",
    "errors",
    "expected",
    "fail",
    "failed",
    "failing",
    "fails",
    "failure",
    "fault",
    "frozen",
    "hang",
    "hanging",
    "happen",
    "happened",
    "happening",
    "happens",
    "hit",
    "issue",
    "issues",
    "locked",
    "matter",
    "message",
    "messages",
    "normal",
    "outage",
    "overload",
    "overloaded",
    "problem",
    "problems",
    "reached",
    "real",
    "refused",
    "rejected",
    "pause",
    "paused",
    "reason",
    "reasons",
    "restricted",
    "restriction",
    "restrictions",
    "slow",
    "status",
    "stop",
    "stopped",
    "stopping",
    "stops",
    "stuck",
    "suspended",
    "throttled",
    "timeout",
    "unavailable",
    "warning",
    "wrong",
    // Words about limits and the time until they end.
    "again",
    "allowance",
    "allowed",
    "back",
    "cap",
    "capped",
    "caps",
    "capacity",
    "day",
    "days",
    "cooldown",
    "end",
    "ends",
    "expire",
    "expired",
    "expires",
    "hour",
    "hours",
    "limit",
    "limited",
    "limits",
    "locks",
    "lock",
    "midnight",
    "minute",
    "minutes",
    "month",
    "monthly",
    "morning",
    "quota",
    "rate",
    "refresh",
    "renew",
    "reset",
    "resets",
    "soon",
    "sooner",
    "time",
    "today",
    "tomorrow",
    "tonight",
    "until",
    "usage",
    "used",
    "wait",
    "waiting",
    "week",
    "weekly",
    "window",
    // Words about ways to continue.
    "alternative",
    "alternatives",
    "around",
    "avoid",
    "bypass",
    "continue",
    "continuing",
    "fix",
    "fixed",
    "options",
    "proceed",
    "restart",
    "restarting",
    "resume",
    "retry",
    "retrying",
    "solution",
    "solve",
    "step",
    "steps",
    "timeline",
    "workaround",
    // Words about payment, accounts, models, and the service.
    "account",
    "accounts",
    "admin",
    "anthropic",
    "api",
    "auth",
    "balance",
    "bill",
    "billed",
    "billing",
    "budget",
    "buy",
    "card",
    "charge",
    "charged",
    "company",
    "certificate",
    "connect",
    "connection",
    "console",
    "context",
    "cost",
    "costs",
    "credential",
    "credentials",
    "credit",
    "credits",
    "employer",
    "expensive",
    "extra",
    "fable",
    "fast",
    "firewall",
    "free",
    "gateway",
    "haiku",
    "internet",
    "invoice",
    "key",
    "keys",
    "log",
    "logged",
    "login",
    "max",
    "model",
    "models",
    "money",
    "network",
    "opus",
    "org",
    "organization",
    "others",
    "owner",
    "paid",
    "pay",
    "paying",
    "payment",
    "pays",
    "plan",
    "pro",
    "prompt",
    "prompts",
    "proxy",
    "purchase",
    "region",
    "seat",
    "server",
    "servers",
    "service",
    "sonnet",
    "spend",
    "spent",
    "subscription",
    "support",
    "team",
    "token",
    "tokens",
    "update",
    "upgrade",
    "version",
    "vpn",
    "everybody",
    "everyone",
];

/// Other words that do not make a question one that whycap does not understand.
const OTHER_KNOWN_WORDS: &[&str] = &[
    "acting",
    "active",
    "actually",
    "after",
    "ai",
    "almost",
    "already",
    "also",
    "although",
    "always",
    "ask",
    "asking",
    "at",
    "because",
    "before",
    "bigger",
    "boss",
    "both",
    "but",
    "by",
    "certainly",
    "change",
    "changed",
    "changes",
    "check",
    "come",
    "comes",
    "coming",
    "company's",
    "completely",
    "contact",
    "correct",
    "count",
    "counts",
    "currently",
    "definitely",
    "depleted",
    "despite",
    "during",
    "each",
    "either",
    "empty",
    "ended",
    "even",
    "ever",
    "every",
    "exactly",
    "exceeded",
    "exhausted",
    "explain",
    "false",
    "few",
    "finally",
    "finish",
    "finished",
    "first",
    "full",
    "gone",
    "had",
    "higher",
    "hitting",
    "however",
    "if",
    "instead",
    "invalid",
    "its",
    "itself",
    "know",
    "known",
    "larger",
    "last",
    "least",
    "legit",
    "less",
    "let",
    "lift",
    "like",
    "likely",
    "manager",
    "maxed",
    "maybe",
    "meantime",
    "meanwhile",
    "might",
    "must",
    "never",
    "new",
    "newer",
    "no",
    "none",
    "nothing",
    "off",
    "often",
    "once",
    "only",
    "other",
    "otherwise",
    "over",
    "own",
    "per",
    "perhaps",
    "probably",
    "quickly",
    "quite",
    "rather",
    "reach",
    "reaching",
    "really",
    "request",
    "requests",
    "resolve",
    "responsible",
    "restore",
    "restored",
    "return",
    "returns",
    "rid",
    "right",
    "run",
    "running",
    "safe",
    "same",
    "say",
    "says",
    "see",
    "seeing",
    "seem",
    "seems",
    "show",
    "shows",
    "since",
    "some",
    "somebody",
    "somehow",
    "someone",
    "sometimes",
    "started",
    "suddenly",
    "sure",
    "tell",
    "temporary",
    "than",
    "their",
    "them",
    "these",
    "they",
    "thing",
    "think",
    "those",
    "though",
    "too",
    "toward",
    "true",
    "unblocked",
    "unless",
    "unlocked",
    "us",
    "usually",
    "very",
    "want",
    "whether",
    "while",
    "without",
    "worry",
    "yes",
    "yet",
];

/// Words with which users contrast an error with something that its explanation may not mention, as in "although I barely worked".
const WORDS_OF_CONTRAST: &[&str] = &["although", "but", "despite", "however", "though", "whereas"];

/// The words for a limit. If a question also mentions another payer, the explanation may not answer all of it.
const LIMITS_OF_PAYERS: &[&str] = &[
    "limit", "limits", "quota", "reset", "resets", "usage", "window",
];

/// Words for what may pay instead of the plan.
const OTHER_PAYERS: &[&str] = &["key", "keys", "token"];

/// The words before "account" for an account to which the user is not logged in.
const BEFORE_OTHER_ACCOUNTS: &[&str] = &["another", "different", "new", "other", "second"];

/// Words before the subject of a question with "why", as in "why is my limit".
const BEFORE_SUBJECTS: &[&str] = &[
    "am", "are", "can't", "did", "do", "does", "has", "have", "is", "isn't", "last", "my", "our",
    "the", "was", "were", "your",
];

/// The subjects of a question with "why" whose answer is the cause of an error.
const SUBJECTS_OF_CAUSES: &[&str] = &[
    "anthropic",
    "claude",
    "error",
    "everything",
    "i",
    "it",
    "limit",
    "limits",
    "message",
    "prompt",
    "request",
    "session",
    "that",
    "this",
    "usage",
    "we",
];

/// Words that stand before the name of a thing or an activity, as in "the weather" and "does logging out help?".
const BEFORE_NAMES: &[&str] = &[
    "a", "about", "an", "another", "can", "could", "did", "do", "does", "for", "from", "in", "my",
    "of", "on", "our", "should", "the", "what", "which", "will", "with", "would", "your",
];

/// Words that may stand for an error, as in "what caused this?", or for its cause, as in "why?".
const MAY_STAND_FOR_ERROR: &[&str] = &["it", "that", "this", "why", "why's"];

/// Words that do not show what a question is about.
const COMMON_WORDS: &[&str] = &[
    "a",
    "about",
    "all",
    "am",
    "an",
    "another",
    "anybody",
    "anyone",
    "keep",
    "myself",
    "things",
    "and",
    "any",
    "anything",
    "are",
    "be",
    "been",
    "can",
    "can't",
    "claude",
    "code",
    "could",
    "did",
    "do",
    "does",
    "else",
    "for",
    "from",
    "get",
    "go",
    "going",
    "good",
    "has",
    "have",
    "help",
    "here",
    "how",
    "i",
    "i'm",
    "in",
    "is",
    "isn't",
    "it",
    "just",
    "long",
    "longer",
    "many",
    "me",
    "mean",
    "means",
    "more",
    "much",
    "my",
    "need",
    "next",
    "not",
    "now",
    "of",
    "ok",
    "on",
    "or",
    "out",
    "please",
    "should",
    "so",
    "something",
    "start",
    "still",
    "that",
    "the",
    "then",
    "there",
    "this",
    "to",
    "try",
    "up",
    "use",
    "using",
    "was",
    "way",
    "we",
    "were",
    "what",
    "what's",
    "when",
    "where",
    "which",
    "who",
    "why",
    "will",
    "with",
    "work",
    "working",
    "works",
    "would",
    "you",
    "your",
];

/// The words with which a question begins, even without a question mark.
pub(super) const QUESTION_WORDS: &[&str] = &[
    "how", "how's", "what", "what's", "when", "when's", "where", "where's", "which", "who",
    "who's", "why", "why's",
];

/// Words with which users write about themselves. Claude Code's messages call the user "you".
pub(super) const WORDS_OF_USERS: &[&str] = &["i", "i'm", "i've", "me", "my"];

impl SideQuestion {
    /// Returns the question in a lowercase text, or `None` if the explanation of the error may answer it.
    pub(super) fn in_question(text: &str) -> Option<Self> {
        let words = words_of(text);
        // The words "limit" and "reset" are also those of a question about a reset.
        if text.contains("limit-reset") {
            return Some(Self::FreeCommands);
        }
        match SUBJECTS.iter().find(|subject| subject.matches(&words)) {
            Some(subject) => Some(subject.question),
            None if is_about_ban_of_account(&words) => Some(Self::Other),
            None if is_about_something_else(&words) => Some(Self::Unrelated),
            None => None,
        }
    }

    /// Returns the question that a text with these words contains if `unknown_count` of them occur in no question that whycap
    /// understands, or `None` if the explanation of an error may answer it. Several unknown words, as in "how do I bake bread",
    /// show that it is about something else.
    pub(super) fn with_unknown_words(words: &[&str], unknown_count: usize) -> Option<Self> {
        if unknown_count == 0 || may_be_about_error(words) || has_any(words, MAY_STAND_FOR_ERROR) {
            None
        } else if unknown_count == 1 {
            Some(Self::NotUnderstood)
        } else {
            Some(Self::Unrelated)
        }
    }

    /// Returns [`Self::PartlyUnderstood`] if the explanation of an error may not answer all of a question with these words, in which
    /// "limit" replaces the names of usage windows. This applies if the question contrasts the error with something, relates a limit
    /// to another payer, or contains unknown words, unless it asks for the cause of the error.
    pub(super) fn with_other_subject(words: &[&str], unknown_count: usize) -> Option<Self> {
        let has_unknown_subject = unknown_count > 0 && !asks_for_cause(words);
        let has_other_subject = has_unknown_subject
            || has_any(words, WORDS_OF_CONTRAST)
            || relates_limit_to_other_payer(words);
        has_other_subject.then_some(Self::PartlyUnderstood)
    }

    /// Returns [`Self::NotUnderstood`] for a lowercase text that has a question mark but not the form of a question. Returns `None`
    /// if the text is about an error in the user's own words, as in "still blocked, why?", or too short to be about anything else,
    /// as in "help?". The explanation of the error may answer it then.
    pub(super) fn in_unusual_form(text: &str) -> Option<Self> {
        let words = words_of(text);
        let is_of_user = has_any(&words, QUESTION_WORDS) || has_any(&words, WORDS_OF_USERS);
        let is_about_error = is_of_user && may_be_about_error(&words);
        let is_too_short = words.len() <= 2
            && words
                .iter()
                .all(|word| COMMON_WORDS.contains(word) || may_be_about_error(&[word]));
        (!is_about_error && !is_too_short).then_some(Self::NotUnderstood)
    }
}

/// Returns true if a lowercase text says when a limit ends, as in "I'm done until Thursday".
pub(super) fn names_end(text: &str) -> bool {
    words_of(text).windows(2).any(|pair| match pair {
        ["until", end] => {
            DAYS.contains(end) || end.starts_with(|first: char| first.is_ascii_digit())
        }
        _ => false,
    })
}

/// Returns true if a lowercase word occurs in questions that whycap understands.
pub(super) fn is_known_word(word: &str) -> bool {
    [
        COMMON_WORDS,
        OTHER_KNOWN_WORDS,
        QUESTION_WORDS,
        WORDS_OF_USERS,
    ]
    .iter()
    .any(|list| list.contains(&word))
        || may_be_about_error(&[word])
}

/// Returns true if a lowercase text names the week of a weekly limit without the word "weekly", as in "when does my week reset?".
pub(super) fn names_week(text: &str) -> bool {
    words_of(text)
        .windows(2)
        .any(|pair| matches!(pair, ["my" | "our" | "the", "week"]))
}

/// Returns true if a text ends with a question mark, in whatever script.
pub(super) fn has_question_mark(text: &str) -> bool {
    text.trim_end().ends_with(['?', '？', '؟'])
}

/// Returns the words of a lowercase text without punctuation, except apostrophes.
pub(super) fn words_of(text: &str) -> Vec<&str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '\'')
        .filter(|word| !word.is_empty())
        .collect()
}

/// Returns true if a question contains one of the listed words.
fn has_any(words: &[&str], listed: &[&str]) -> bool {
    words.iter().any(|word| listed.contains(word))
}

/// Returns true if a question is about whether the account is banned. "Why am I banned until 3pm?" and "Am I banned from Opus?"
/// are probably about a limit.
fn is_about_ban_of_account(words: &[&str]) -> bool {
    let has_time = words
        .iter()
        .any(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.ends_with('m'));
    let is_about_limit =
        has_time || has_any(words, WORDS_OF_TEMPORARY_BANS) || has_any(words, MODELS);
    has_any(words, BANS) && !is_about_limit
}

/// Returns true if a question is certainly not about an error: it names something that has nothing to do with errors, as in "what
/// is the weather?". A question with "why", or with a pronoun for the error as in "what caused this?", may be about an error.
fn is_about_something_else(words: &[&str]) -> bool {
    let names_something = words.windows(2).any(|pair| match pair {
        [before, word] => BEFORE_NAMES.contains(before) && !COMMON_WORDS.contains(word),
        _ => false,
    });
    names_something && !may_be_about_error(words) && !has_any(words, MAY_STAND_FOR_ERROR)
}

/// Returns true if a question asks for the cause of an error, as in "why did my session stop overnight?".
fn asks_for_cause(words: &[&str]) -> bool {
    let mut after_why = words.iter().skip_while(|word| **word != "why").skip(1);
    let subject = after_why.find(|word| !BEFORE_SUBJECTS.contains(word));
    subject.is_some_and(|subject| SUBJECTS_OF_CAUSES.contains(subject)) && may_be_about_error(words)
}

/// Returns true if a question is about a limit and about a payer that may have limits of its own, as in "does my API key have limits
/// too?".
fn relates_limit_to_other_payer(words: &[&str]) -> bool {
    let names_other_account = words.windows(2).any(|pair| match pair {
        [before, "account" | "accounts"] => BEFORE_OTHER_ACCOUNTS.contains(before),
        _ => false,
    });
    has_any(words, LIMITS_OF_PAYERS) && (has_any(words, OTHER_PAYERS) || names_other_account)
}

/// Returns true if the explanation of an error may answer a question with these words.
pub(super) fn may_be_about_error(words: &[&str]) -> bool {
    has_any(words, WORDS_ABOUT_ERRORS)
        || words
            .iter()
            .any(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}
