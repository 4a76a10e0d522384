//! Answers questions about a limit that no explanation of an error answers: whether to upgrade, whether it costs money,
//! whether it is a bug, and whether deleting lock files helps. If the explanation is not about a limit, it also answers when a
//! limit resets and whether to buy usage credits.

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
        let has_any = |listed: &[&str]| words.iter().any(|word| listed.contains(word));
        let first = words.iter().find_map(|word| match *word {
            "upgrade" | "upgraded" | "upgrades" | "upgrading" => Some(Self::Upgrade),
            "charge" | "charged" | "cost" | "costs" | "money" => Some(Self::Cost),
            "bug" | "bugs" => Some(Self::Bug),
            _ => None,
        });
        // These words are weaker: "Will my limit reset if I upgrade?" is about an upgrade.
        if first.is_some() {
            first
        } else if has_any(&["lock", "locks"]) && !has_any(&["json", "package", "cargo", "yarn"]) {
            Some(Self::Locks)
        } else if has_any(&["buy", "buying"]) {
            Some(Self::Purchase)
        } else if has_any(&["reset", "resets"]) && has_any(&["limit", "limits", "usage", "when"]) {
            Some(Self::Reset)
        } else {
            None
        }
    }

    /// Returns the answer, or `None` if the explanation of the error contains it. `incident` is the error that the explanation is
    /// about, if there is one, `resets` are clauses about the resets of the usage windows, and `whycap` is the command as the user
    /// would type it.
    pub(super) fn answer(
        self,
        incident: Option<&Incident>,
        resets: &[String],
        whycap: &str,
    ) -> Option<String> {
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
