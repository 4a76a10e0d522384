//! A hint, for people and for programs.

use serde_json::{Value, json};

use crate::config::{HINTS, HintName};
use crate::pricing::Money;

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) name: HintName,
    pub(crate) says: String,
    /// What it is about.
    pub(crate) sum: Money,
}

impl Hint {
    /// The name that `config.toml` uses.
    pub(crate) fn key(&self) -> &'static str {
        let known = HINTS.iter().find(|(_, name)| *name == self.name);
        known.map_or("", |(key, _)| key)
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.key(), "says": self.says, "sum_usd": self.sum.usd() })
    }
}
