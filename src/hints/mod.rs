//! Hints that follow from what was counted, each with its sum. What cannot be shown to hold is not
//! said.

mod lately;
mod written_again;

pub(crate) use lately::best;
pub(crate) use written_again::{CacheNews, cold_cache};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::config::HintName;
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
    fn new(name: HintName, sum: Money, says: String) -> Self {
        Self { name, says, sum }
    }

    /// The name that `config.toml` uses.
    pub(crate) fn key(&self) -> String {
        let value = self.name.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.key(), "says": self.says, "sum_usd": self.sum.usd() })
    }
}
