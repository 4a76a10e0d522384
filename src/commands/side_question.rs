//! Answers questions about a limit that no explanation of an error answers: whether to upgrade, whether it costs money,
//! whether it is a bug, whether deleting lock files helps, whether other models work, and whether Claude Code will continue by
//! itself. If the explanation is not about a limit, it also answers when a limit resets and whether to buy usage credits. If a
//! question contains a word such as "refund", it says that whycap cannot answer this question.

use crate::limits::evidence::ContinuationObstacle;
use crate::limits::incident::Incident;
use crate::limits::kind::{LimitKind, Verdict, Window};

/// The words in a question about models that show that the user is considering another model. A question such as "why is Opus
/// limited?" contains none of them.
const WORDS_ABOUT_CHOICE: [&str; 13] = [
    "affect",
    "affected",
    "affects",
    "another",
    "applies",
    "apply",
    "different",
    "other",
    "switch",
    "switching",
    "use",
    "work",
    "works",
];

/// The words for models in a question.
const MODELS: [&str; 5] = ["fable", "model", "models", "opus", "sonnet"];

/// Words of questions that whycap cannot answer, such as "can I get a refund?".
const OTHER_TOPICS: [&str; 4] = ["password", "refund", "refunded", "refunds"];

/// Words of questions such as "is my account banned?", which whycap cannot answer either, unless they are about a limit.
const BANS: [&str; 3] = ["ban", "banned", "bans"];

/// Words that show that a question about a ban is about a limit, as in "why am I banned until tomorrow?".
const WORDS_OF_TEMPORARY_BANS: [&str; 12] = [
    "day", "days", "hour", "hours", "limit", "limits", "minutes", "till", "today", "tomorrow",
    "until", "week",
];

/// A subject that users ask about besides the error itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum SideQuestion {
    Upgrade,
    Cost,
    Bug,
    Locks,
    Purchase,
    Continuation,
    Reset,
    Models,
    /// A question that whycap cannot answer.
    Other,
}

/// The facts for an answer, besides the error that is explained.
#[derive(Debug)]
pub(super) struct SideFacts {
    /// Clauses about the resets of the usage windows.
    pub(super) resets: Vec<String>,
    /// Sentences about the sessions that Claude Code will continue by itself.
    pub(super) continuing: Vec<String>,
    /// True if the user asks in a conversation. [`Self::continuing`] may then leave out other sessions.
    pub(super) is_in_conversation: bool,
    /// True if the error may have occurred in the session in which the user asks. In a shell, it always may have.
    pub(super) is_of_asking_session: bool,
    /// The full usage window that applies to the next prompt whatever its model, according to the newest figures. `None` if usage
    /// credits are paying.
    pub(super) full_window: Option<Window>,
    /// True if a limit of only some models may apply: usage credits are paying, or an error of any session shows a full window.
    pub(super) may_limit_some_models: bool,
}

impl SideQuestion {
    /// Returns the subject of a question, or `None` if the explanation of the error answers the question.
    pub(super) fn among(words: &[&str]) -> Option<Self> {
        let first = words.iter().find_map(|word| match *word {
            "upgrade" | "upgraded" | "upgrades" | "upgrading" => Some(Self::Upgrade),
            "charge" | "charged" | "cost" | "costs" | "money" => Some(Self::Cost),
            "bug" | "bugs" => Some(Self::Bug),
            _ => None,
        });
        // These words are weaker: "Will my limit reset if I upgrade?" is about an upgrade.
        if first.is_some() {
            first
        } else if has_any(words, &["lock", "locks"])
            && !has_any(words, &["json", "package", "cargo", "yarn"])
        {
            Some(Self::Locks)
        } else if has_any(words, &["buy", "buying", "pay"]) {
            Some(Self::Purchase)
        } else if is_about_continuation(words) {
            Some(Self::Continuation)
        } else if has_any(words, &["reset", "resets"])
            && has_any(words, &["limit", "limits", "usage", "when"])
        {
            Some(Self::Reset)
        } else if has_any(words, &MODELS) && has_any(words, &WORDS_ABOUT_CHOICE) {
            Some(Self::Models)
        } else if has_any(words, &OTHER_TOPICS) && !has_any(words, &["limit", "limits"])
            || is_about_ban_of_account(words)
        {
            Some(Self::Other)
        } else {
            None
        }
    }

    /// Returns the answer, or `None` if the explanation of the error contains it. `incident` is the error that the explanation is
    /// about, if there is one, and `whycap` is the command as the user would type it.
    pub(super) fn answer(
        self,
        incident: Option<&Incident>,
        facts: &SideFacts,
        whycap: &str,
    ) -> Option<String> {
        let resets = &facts.resets;
        let answer = match self {
            Self::Purchase
                if incident.is_some_and(|incident| {
                    incident.blocks().is_some() && incident.diagnosis.is_limit()
                }) =>
            {
                return None;
            }
            Self::Reset if incident.is_some_and(|incident| incident.diagnosis.is_limit()) => {
                return None;
            }
            Self::Other if incident.is_some_and(is_about_account) => return None,
            Self::Other => {
                let what_follows = if incident.is_some() {
                    " The explanation below is not an answer to this question."
                } else {
                    ""
                };
                format!("Your question: whycap answers only questions about errors, limits, and spend.{what_follows}")
            }
            Self::Continuation => answer_about_continuation(incident, facts),
            Self::Models => answer_about_models(incident, facts)?,
            Self::Locks => format!("Lock files: a lock never causes a usage limit, so deleting lock files does not end a limit. To see which locks exist and whether a program still uses them: {whycap} locks"),
            Self::Purchase => format!("Buying: Claude Code has reported no error that credits would solve. Before you buy anything, check how full your limits are in /usage or with: {whycap} now"),
            Self::Reset if !resets.is_empty() => format!("Resets: {} (as Claude Code last reported).", resets.join(", and ")),
            Self::Reset => format!("Resets: /usage shows them, and this command shows the ones that Claude Code last reported: {whycap} now"),
            Self::Upgrade => "Upgrading: at a limit, Claude Code's menu may offer \"Upgrade your plan\" (costs money). whycap cannot tell whether an upgrade resets a limit that you have already reached; some users were still blocked after upgrading. An upgrade does not help with a false alarm, an overloaded server, or an organization's cap.".to_owned(),
            Self::Cost => "Costs: waiting for a reset is free. Usage credits, a larger plan, and an API key cost money, and steps that you would pay for say so.".to_owned(),
            Self::Bug => {
                let diagnosis = incident.map(|incident| &incident.diagnosis);
                let is_quota =
                    diagnosis.is_some_and(|diagnosis| diagnosis.limit.description().is_quota);
                let judgment = match diagnosis.map(|diagnosis| diagnosis.verdict) {
                    Some(Verdict::Real) if is_quota => {
                        "as far as whycap can tell, the message is right, so this is not a bug."
                    }
                    Some(Verdict::Misworded) if is_quota => {
                        "there is probably a real limit, but the message blames the wrong one."
                    }
                    Some(Verdict::FalseLikely) => {
                        "probably yes, because the message contradicts your usage."
                    }
                    Some(_) => "whycap cannot tell whether this is a bug.",
                    None => "whycap knows of no error that could be a bug. To have a message checked, paste it.",
                };
                format!("Bug or not: {judgment}")
            }
        };
        Some(answer)
    }
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
        has_time || has_any(words, &WORDS_OF_TEMPORARY_BANS) || has_any(words, &MODELS);
    has_any(words, &BANS) && !is_about_limit
}

/// Returns true if the error is about the account itself, so that its explanation may answer whether the account is banned.
fn is_about_account(incident: &Incident) -> bool {
    matches!(
        incident.diagnosis.limit,
        LimitKind::Auth
            | LimitKind::OrgDisabled
            | LimitKind::SubscriptionAccess
            | LimitKind::Billing
    )
}

/// Returns true if a question is about whether Claude Code will continue by itself, or about whether the session has to stay
/// open for this. "Will my limit reset automatically?" is about the reset, and "How close am I to my session limit?" about usage.
fn is_about_continuation(words: &[&str]) -> bool {
    let is_automatic = has_any(words, &["automatically", "itself"]);
    let is_about_client = has_any(words, &["claude", "it"]) && !has_any(words, &["i", "we"]);
    let is_about_place = has_any(words, &["laptop", "session", "tab", "terminal"])
        && has_any(
            words,
            &["close", "closing", "keep", "leave", "leaving", "stay"],
        )
        && !has_any(words, &["how", "why"]);
    let is_about_limit = has_any(words, &["limit", "limits", "usage"]);
    (is_automatic || is_about_client)
        && has_any(words, &["continue", "continues", "resume", "resumes"])
        || is_automatic && !is_about_limit && has_any(words, &["go", "retry", "retries", "start"])
        || is_about_place && !is_about_limit
}

/// Returns the answer to the question whether Claude Code will continue by itself.
fn answer_about_continuation(incident: Option<&Incident>, facts: &SideFacts) -> String {
    if !facts.continuing.is_empty() {
        return format!("Continuing: {}", facts.continuing.join(" "));
    }
    let obstacle = incident
        .filter(|incident| facts.is_of_asking_session && incident.blocks().is_some())
        .and_then(|incident| incident.continuation()?.err());
    match obstacle {
        Some(ContinuationObstacle::NotAwaited) => {
            "Continuing: not by itself; after this error, Claude Code does not wait for a reset."
                .to_owned()
        }
        // These reasons already say that Claude Code will not continue by itself.
        Some(
            reason @ (ContinuationObstacle::NotAnnounced | ContinuationObstacle::NoHelpfulReset),
        ) => format!("Continuing: {reason}."),
        Some(ContinuationObstacle::FalseAlarm) => {
            "Continuing: not by itself; the error was probably a false alarm.".to_owned()
        }
        Some(ContinuationObstacle::BudgetUsedUp) => {
            "Continuing: not by itself; your budget blocks this until you type /whycap continue in the session."
                .to_owned()
        }
        Some(reason) => format!("Continuing: not by itself; {reason}."),
        None => {
            let place = if facts.is_in_conversation {
                "in this session"
            } else {
                "in any open session"
            };
            format!("Continuing: as far as whycap knows, Claude Code is not waiting for a reset {place}.")
        }
    }
}

/// Returns the answer to the question whether other models work. Returns `None` if the explanation of the error contains it, or
/// if whycap cannot tell.
fn answer_about_models(incident: Option<&Incident>, facts: &SideFacts) -> Option<String> {
    let Some(incident) = incident.filter(|incident| incident.blocks().is_some()) else {
        let may_apply = incident.is_some_and(|incident| {
            incident.may_apply_after_end() || !incident.diagnosis.is_limit()
        });
        if let Some(full) = facts.full_window {
            return Some(limit_of_all_models("", full));
        }
        return (!may_apply && !facts.may_limit_some_models).then(|| {
            "Models: as far as whycap knows, no limit of only some models stops you now.".to_owned()
        });
    };
    let diagnosis = &incident.diagnosis;
    let condition = match diagnosis.verdict {
        Verdict::Real | Verdict::Misworded => "",
        Verdict::CannotTell => "if the message is right, ",
        _ => return None,
    };
    if diagnosis.credits_pay_now {
        return None;
    }
    if let Some(models) = diagnosis.only_limited_models() {
        return Some(format!(
            "Models: {condition}this limit stops only {models} models; the others still work."
        ));
    }
    let window = match diagnosis.also_full {
        Some(full) => Some(full.window),
        None => diagnosis.limit_in_force().window(),
    };
    let window_of_all = window.filter(|window| !window.is_of_one_model())?;
    Some(limit_of_all_models(condition, window_of_all))
}

/// Returns the answer if a window for all models is full. `condition` is an empty string or a clause that comes first.
fn limit_of_all_models(condition: &str, window: Window) -> String {
    let limit = window.limit();
    format!(
        "Models: {condition}your {limit} applies to all models, so another model does not help."
    )
}
