//! What to do, best first: the rows of messages/helps.json that a message's row names, and what is
//! special about the case. Explanations and docs/limits.md are written from them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::vocabulary::embedded;
use crate::claude::credentials::{Credential, SetIn};

/// The embedded rows.
const EMBEDDED: &str = include_str!("messages/helps.json");

/// One thing to do. In a row, `{when}` and `{pool}` stand for the reset time and for the name that the
/// user's message has for usage credits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The instruction, without a full stop.
    #[serde(rename = "do")]
    pub doing: String,
    /// Why it helps.
    pub why: String,
    /// What to type.
    pub command: Option<String>,
    /// Where to go.
    pub url: Option<String>,
    /// Whether it costs money, which it does not where nothing is said. None where that depends.
    #[serde(default = "nothing")]
    pub costs_money: Option<bool>,
    /// How long it says to wait, in minutes, where nothing resets.
    #[serde(skip_serializing)]
    pub(super) pause: Option<u8>,
}

#[expect(clippy::unnecessary_wraps, reason = "None is: it depends")]
const fn nothing() -> Option<bool> {
    Some(false)
}

impl Action {
    /// With the reset time and the pool's name filled in.
    pub(super) fn filled(&self, when: &str, pool: &str) -> Self {
        let fill = |text: &str| text.replace("{when}", when).replace("{pool}", pool);
        Self {
            doing: fill(&self.doing),
            why: fill(&self.why),
            ..self.clone()
        }
    }

    /// What to type, or where to go.
    pub(super) fn place(&self) -> Option<&str> {
        self.command.as_deref().or(self.url.as_deref())
    }

    /// The same behind the instruction, unless that names it itself.
    pub(super) fn place_beside(&self) -> String {
        let place = self.place().filter(|place| !self.doing.contains(place));
        place.map(|place| format!(": {place}")).unwrap_or_default()
    }

    /// To take out what takes the login's place.
    pub(super) fn take_out(credential: &Credential) -> Self {
        let (name, place) = (&credential.name, credential.set_in.words());
        let is_variable = credential.set_in == SetIn::Environment;
        let (verb, places) = if is_variable {
            ("Unset", " (your shell's start file, a .env file or CI)")
        } else {
            ("Take out", "")
        };
        let besides = if name == "ANTHROPIC_API_KEY" {
            " To keep it for other programs, turn off \"Use custom API key\" in /config."
        } else {
            ""
        };
        Self {
            doing: format!("{verb} {name} in {place}{places}, then restart Claude Code"),
            why: format!(
                "Claude Code prefers it to your login, so the session used another account.{besides}"
            ),
            command: is_variable.then(|| format!("unset {name}")),
            costs_money: nothing(),
            ..Self::default()
        }
    }
}

static ROWS: LazyLock<BTreeMap<&'static str, Action>> = LazyLock::new(|| embedded(EMBEDDED));

/// One thing to do, by its row's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "&str")]
pub(super) struct Help(&'static Action);

impl TryFrom<&str> for Help {
    type Error = String;

    fn try_from(name: &str) -> Result<Self, String> {
        let row = ROWS.get(name).map(Self);
        row.ok_or_else(|| format!("no help {name}"))
    }
}

impl Deref for Help {
    type Target = Action;

    fn deref(&self) -> &Action {
        self.0
    }
}

/// What is changed about a list of things to do, where some conditions hold.
#[derive(Debug, Deserialize)]
pub(super) struct HelpChange {
    #[serde(default)]
    pub(super) r#if: &'static str,
    #[serde(flatten)]
    how: HowChanged,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", bound(deserialize = "'de: 'static"))]
enum HowChanged {
    Add(Help),
    /// Before the first that costs money, or may.
    AddBeforeCosts(Help),
    /// If it is there.
    PutFirst(Help),
    /// Before all others.
    Begin(Help),
    Drop(Vec<Help>),
    /// The second one for the first.
    Replace(Vec<(Help, Help)>),
    /// None but these.
    Keep(Vec<Help>),
}

impl HelpChange {
    /// Makes it.
    pub(super) fn make(&self, list: &mut Vec<Help>) {
        match &self.how {
            HowChanged::Add(help) if list.contains(help) => {}
            HowChanged::Add(help) => list.push(*help),
            HowChanged::AddBeforeCosts(help) => {
                let costs = list.iter().position(|help| help.costs_money != nothing());
                list.insert(costs.unwrap_or(list.len()), *help);
            }
            HowChanged::Begin(help) => list.insert(0, *help),
            HowChanged::PutFirst(help) => list.sort_by_key(|listed| listed != help),
            HowChanged::Drop(dropped) => list.retain(|help| !dropped.contains(help)),
            HowChanged::Keep(kept) => list.retain(|help| kept.contains(help)),
            HowChanged::Replace(pairs) => {
                for help in list {
                    let pair = pairs.iter().find(|(old, _)| old == help);
                    *help = pair.map_or(*help, |(_, new)| *new);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_help_can_be_read_and_every_name_is_said() {
        let rows: BTreeMap<&str, Action> = serde_json::from_str(EMBEDDED).unwrap();
        let tables = [
            include_str!("messages/rules.json"),
            include_str!("messages/messages.json"),
        ];
        for (name, row) in &rows {
            let quoted = format!("\"{name}\"");
            let is_said = tables.iter().any(|table| table.contains(&quoted));
            assert!(is_said, "{name} is never said");
            assert!(!row.doing.is_empty() && !row.why.is_empty(), "{name}");
        }
    }
}
