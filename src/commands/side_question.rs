//! Answers questions about a limit that no explanation of an error answers: whether to upgrade, whether it costs money,
//! whether it is a bug, and whether lock files matter. If there is no error to explain, it also answers when a limit resets
//! and whether to buy usage credits.

use crate::limits::incident::Incident;
use crate::limits::kind::Verdict;

/// A subject that users ask about besides the error itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum SideQuestion {
    Upgrade,
    Cost,
    Bug,
    Locks,
    Purchase,
    Reset,
}

impl SideQuestion {
    /// Returns the subject of a question, or `None` if the explanation of the error answers the question.
    pub(super) fn among(words: &[&str]) -> Option<Self> {
        words.iter().find_map(|word| match *word {
            "upgrade" | "upgraded" | "upgrades" | "upgrading" => Some(Self::Upgrade),
            "charge" | "charged" | "cost" | "costs" | "money" => Some(Self::Cost),
            "bug" | "bugs" => Some(Self::Bug),
            "lock" | "locks" => Some(Self::Locks),
            "buy" | "buying" => Some(Self::Purchase),
            "reset" | "resets" => Some(Self::Reset),
            _ => None,
        })
    }

    /// Returns the answer, or `None` if the explanation of the error contains it. `incident` is the error that the explanation is
    /// about, if there is one, and `whycap` is the command as the user would type it.
    pub(super) fn answer(self, incident: Option<&Incident>, whycap: &str) -> Option<String> {
        let answer = match self {
            Self::Purchase | Self::Reset if incident.is_some() => return None,
            Self::Locks => format!("Lock files: a lock never causes a usage limit, so deleting lock files does not end a limit. To see which locks exist and whether a program still uses them: {whycap} locks"),
            Self::Purchase => format!("Buying: whycap knows of no limit that credits would lift. Before you buy anything, check how full your limits are: {whycap} now (or /usage)"),
            Self::Reset => format!("Resets: to see the usage and resets that Claude Code last reported: {whycap} now. /usage shows the current ones."),
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
