//! What can be done, by name: the rows of messages/helps.json. Explanations and docs/limits.md are
//! written from them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::LazyLock;

use serde::Deserialize;

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

static ROWS: LazyLock<BTreeMap<&'static str, HelpText>> =
    LazyLock::new(|| read().unwrap_or_default());
/// For a name without a row, which a test rules out.
static NO_TEXT: LazyLock<HelpText> = LazyLock::new(HelpText::default);

fn read() -> serde_json::Result<BTreeMap<&'static str, HelpText>> {
    serde_json::from_str(EMBEDDED)
}

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

impl Help {
    /// Instruction and reason, with the reset time and the pool's name filled in.
    pub(super) fn told(self, when: &str, pool: &str) -> [String; 2] {
        [self.doing, self.why].map(|text| text.replace("{when}", when).replace("{pool}", pool))
    }
}

// Those that rules choose. All others are named by rows of messages.json alone.

pub(super) const WAIT: Help = Help("WAIT");
pub(super) const WAIT_UNKNOWN: Help = Help("WAIT_UNKNOWN");
pub(super) const NOTHING_LEFT: Help = Help("NOTHING_LEFT");
pub(super) const WAIT_FOR_CAP: Help = Help("WAIT_FOR_CAP");
pub(super) const TRY_AGAIN: Help = Help("TRY_AGAIN");
pub(super) const RESET_EARLY: Help = Help("RESET_EARLY");
pub(super) const WORKS_ELSEWHERE: Help = Help("WORKS_ELSEWHERE");
pub(super) const PASSED: Help = Help("PASSED");
pub(super) const LONG_AGO: Help = Help("LONG_AGO");
pub(super) const FREE_WAYS: Help = Help("FREE_WAYS");
pub(super) const FREE_RESET: Help = Help("FREE_RESET");
pub(super) const CREDITS_INSTEAD: Help = Help("CREDITS_INSTEAD");
pub(super) const CREDITS_ON: Help = Help("CREDITS_ON");
pub(super) const OWN_CREDITS: Help = Help("OWN_CREDITS");
pub(super) const ADD_CREDITS: Help = Help("ADD_CREDITS");
pub(super) const RAISE_OWN_CAP: Help = Help("RAISE_OWN_CAP");
pub(super) const ASK_FOR_CREDITS: Help = Help("ASK_FOR_CREDITS");
pub(super) const ORG_CREDITS: Help = Help("ORG_CREDITS");
pub(super) const ASK_OWNER_FOR_CAP: Help = Help("ASK_OWNER_FOR_CAP");
pub(super) const RAISE_ORG_CAP: Help = Help("RAISE_ORG_CAP");
pub(super) const ASK_ADMIN_FOR_CREDITS: Help = Help("ASK_ADMIN_FOR_CREDITS");
pub(super) const OTHER_PATH: Help = Help("OTHER_PATH");
pub(super) const DO_NOT_BUY: Help = Help("DO_NOT_BUY");
pub(super) const FAST_MODE_OFF: Help = Help("FAST_MODE_OFF");
pub(super) const STANDARD_CONTEXT: Help = Help("STANDARD_CONTEXT");
pub(super) const CHECK_METERS: Help = Help("CHECK_METERS");
pub(super) const CHECK_STATUS: Help = Help("CHECK_STATUS");
pub(super) const SEND_AGAIN_LATER: Help = Help("SEND_AGAIN_LATER");
pub(super) const UPDATE: Help = Help("UPDATE");
pub(super) const REPORT: Help = Help("REPORT");
pub(super) const TOP_UP_CONSOLE: Help = Help("TOP_UP_CONSOLE");
pub(super) const RAISE_CONSOLE_CAP: Help = Help("RAISE_CONSOLE_CAP");
pub(super) const CHEAPER_MODEL: Help = Help("CHEAPER_MODEL");
pub(super) const RETRY: Help = Help("RETRY");
pub(super) const RETRY_ONCE: Help = Help("RETRY_ONCE");
pub(super) const RETRY_THEN: Help = Help("RETRY_THEN");
pub(super) const RETRY_SERVICE: Help = Help("RETRY_SERVICE");
pub(super) const PAY_SUBSCRIPTION: Help = Help("PAY_SUBSCRIPTION");
pub(super) const UNSET_KEY: Help = Help("UNSET_KEY");
pub(super) const USE_SUBSCRIPTION: Help = Help("USE_SUBSCRIPTION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_help_can_be_read_and_every_name_has_one() {
        let rows = read().unwrap_or_else(|error| panic!("helps.json: {error}"));
        let consts = include_str!("helps.rs").lines();
        let named =
            consts.filter_map(|line| line.split_once("Help = Help(\"")?.1.split('"').next());
        let named: Vec<&str> = named.collect();
        assert!(named.len() > 30);
        let told = crate::limits::messages::all().flat_map(|message| &message.helps);
        let told: Vec<&str> = told.map(|help| help.0).collect();
        for name in &named {
            assert!(rows.contains_key(name), "{name}");
        }
        for (name, text) in &rows {
            assert!(
                named.contains(name) || told.contains(name),
                "{name} is never said"
            );
            assert!(!text.doing.is_empty() && !text.why.is_empty(), "{name}");
        }
    }
}
