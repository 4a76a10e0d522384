//! Fills in the wording of recommended actions.

use serde::Serialize;

use super::{ActionName, Fields};
use crate::claude::credentials::{Credential, SetIn};
use crate::claude::transcripts::is_session_id;
use crate::limits::evidence::Evidence;
use crate::limits::kind::Verdict;

/// A recommended action, reported as an element of `actions` in `explain --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    #[serde(rename = "do")]
    pub instruction: String,
    /// The wordings for the status line, longest first. If there are none, the status line shows the instruction.
    #[serde(skip)]
    pub rows: Vec<String>,
    /// The reason for recommending the action.
    pub why: String,
    /// The command to run.
    pub command: Option<String>,
    /// The page to open.
    pub url: Option<String>,
    /// True if the action costs money, or `None` if that is unknown.
    pub costs_money: Option<bool>,
}

impl Action {
    /// Creates an action from its template.
    pub(super) fn new(
        name: ActionName,
        evidence: &Evidence,
        verdict: Verdict,
        fields: &Fields,
    ) -> Self {
        let key = evidence
            .error
            .keys()
            .find(|key| fields.get("key") == Some(&key.name));
        match (name, key) {
            (ActionName::UnsetKey, Some(key)) => {
                return Self::unset(key, verdict);
            }
            (ActionName::UnsetKeyThere, Some(key)) => return Self::unset_there(key, evidence),
            (ActionName::FixKey, Some(key)) => return Self::fix(key),
            _ => {}
        }
        let Some(template) = name.template() else {
            return Self::empty();
        };
        let is_paid = template.sends_prompt && evidence.collected.paid_until.is_some();
        let costs = if is_paid { " (costs money)" } else { "" };
        Self {
            instruction: format!("{}{costs}", filled(&template.instruction, fields)),
            rows: template
                .rows
                .iter()
                .filter_map(|row| fields.fill(row))
                .collect(),
            why: filled(&template.why, fields),
            command: if name.continues_on_plan() {
                Some(continue_command(evidence))
            } else {
                template.command.clone()
            },
            url: template.url.clone(),
            costs_money: if is_paid {
                Some(true)
            } else {
                template.costs_money
            },
        }
    }

    /// Recommends removing a key from the place where it is set. whycap does not know the value of the key.
    fn unset(key: &Credential, verdict: Verdict) -> Self {
        let (name, place) = (&key.name, key.set_in.words());
        let instruction = match key.set_in {
            SetIn::Environment => format!("Unset {name}, and restart Claude Code"),
            SetIn::Settings(_) => format!("Remove {name} from {place}, and restart Claude Code"),
        };
        let why = if verdict == Verdict::WrongCredential {
            "The key overrides your login, so this session was billed to a different account."
        } else {
            "Claude Code uses the key instead of your login."
        };
        Self {
            instruction,
            command: unset_command(key),
            why: why.to_owned(),
            ..Self::empty()
        }
    }

    /// Recommends continuing another session without the key that blocks it.
    fn unset_there(key: &Credential, evidence: &Evidence) -> Self {
        let (name, place) = (&key.name, key.set_in.words());
        let steps = match key.set_in {
            SetIn::Environment => format!("exit, unset {name}, and continue"),
            // The session still uses the key, but the settings no longer contain it.
            SetIn::Settings(_) if evidence.collected.is_of_other_key => {
                "exit and continue".to_owned()
            }
            SetIn::Settings(_) => format!("exit, remove {name} from {place}, and continue"),
        };
        Self {
            instruction: format!("In that session, {steps} on your plan"),
            command: Some(continue_command(evidence)),
            why: "That session uses the key instead of your login.".to_owned(),
            ..Self::empty()
        }
    }

    /// Recommends correcting a rejected key in the place where it is set.
    fn fix(key: &Credential) -> Self {
        let (name, place) = (&key.name, key.set_in.words());
        Self {
            instruction: format!("Correct {name} in {place}, or unset it, and restart Claude Code"),
            command: unset_command(key),
            why: "The service refused the key, which Claude Code uses instead of your login."
                .to_owned(),
            ..Self::empty()
        }
    }

    fn empty() -> Self {
        Self {
            instruction: String::new(),
            rows: Vec::new(),
            why: String::new(),
            command: None,
            url: None,
            costs_money: Some(false),
        }
    }
}

/// Returns the command that continues the session with the error. `claude -c` is only the fallback, because the newest
/// session in the directory may be a different one.
fn continue_command(evidence: &Evidence) -> String {
    match &evidence.error.session.id {
        Some(session) if is_session_id(session) => format!("claude --resume {session}"),
        Some(_) | None => "claude -c".to_owned(),
    }
}

/// Returns the command to remove a key from the environment, or `None` if the key is set in a file.
fn unset_command(key: &Credential) -> Option<String> {
    match key.set_in {
        SetIn::Environment => Some(format!("unset {}", key.name)),
        SetIn::Settings(_) => None,
    }
}

/// Fills in the placeholders of a sentence. If the time at the end of the sentence is unknown, it is omitted.
fn filled(text: &str, fields: &Fields) -> String {
    fields.fill(text).unwrap_or_else(|| without_time(text))
}

/// Removes the last placeholder from a sentence because the corresponding time is unknown.
fn without_time(text: &str) -> String {
    let before = text.split('{').next().unwrap_or(text).trim_end();
    let words = before
        .trim_end_matches(" until")
        .trim_end_matches(" continues")
        .trim_end_matches(',');
    words.to_owned()
}
