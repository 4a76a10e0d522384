//! What can be done, by name: the rows of messages/helps.json. Explanations and docs/limits.md are
//! written from them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::LazyLock;

use serde::Deserialize;

use super::vocabulary::embedded;

/// The embedded rows.
const EMBEDDED: &str = include_str!("messages/helps.json");

/// One thing to do, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "&str")]
pub(super) struct Help(&'static str);

/// What is said of it. `{when}` and `{pool}` are filled in: the reset time, and the name that the
/// user's message has for usage credits.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HelpText {
    /// The instruction, without a full stop.
    #[serde(rename = "do")]
    pub(super) doing: &'static str,
    /// Why it helps.
    pub(super) why: &'static str,
    /// What to type.
    pub(super) command: Option<&'static str>,
    /// Where to go.
    pub(super) url: Option<&'static str>,
    /// Whether it costs money, which it does not where nothing is said. None where that depends.
    #[serde(default = "nothing")]
    pub(super) costs_money: Option<bool>,
    /// How long it says to wait, in minutes, where nothing resets.
    pub(super) pause: Option<u8>,
}

#[expect(clippy::unnecessary_wraps, reason = "None is: it depends")]
const fn nothing() -> Option<bool> {
    Some(false)
}

static ROWS: LazyLock<BTreeMap<&'static str, HelpText>> = LazyLock::new(|| embedded(EMBEDDED));
/// For a name without a row, which a test rules out.
static NO_TEXT: LazyLock<HelpText> = LazyLock::new(HelpText::default);

impl TryFrom<&str> for Help {
    type Error = String;

    fn try_from(name: &str) -> Result<Self, String> {
        let row = ROWS.get_key_value(name);
        row.map(|(name, _)| Self(name))
            .ok_or_else(|| format!("no help {name}"))
    }
}

impl Deref for Help {
    type Target = HelpText;

    fn deref(&self) -> &HelpText {
        ROWS.get(self.0).unwrap_or(&NO_TEXT)
    }
}

/// The row of this name.
pub(super) fn named(name: &str) -> Help {
    Help::try_from(name).unwrap_or(Help(""))
}

impl Help {
    pub(super) fn name(self) -> &'static str {
        self.0
    }

    /// Instruction and reason, with the reset time and the pool's name filled in.
    pub(super) fn told(self, when: &str, pool: &str) -> [String; 2] {
        [self.doing, self.why].map(|text| text.replace("{when}", when).replace("{pool}", pool))
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
                let costs = list.iter().position(|help| help.costs_money != Some(false));
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
        let rows: BTreeMap<&str, HelpText> = serde_json::from_str(EMBEDDED).unwrap();
        let tables = [
            include_str!("messages/rules.json"),
            include_str!("messages/messages.json"),
        ];
        let consts = ["UNSET_KEY", "TOP_UP_CONSOLE", "RAISE_CONSOLE_CAP"];
        for (name, text) in &rows {
            let quoted = format!("\"{name}\"");
            let is_said = tables.iter().any(|table| table.contains(&quoted));
            assert!(is_said || consts.contains(name), "{name} is never said");
            assert!(!text.doing.is_empty() && !text.why.is_empty(), "{name}");
        }
    }
}
