//! What the user can do: changes, each with what comes after it. Free steps stand before those that cost money.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::outlook::{Also, Outlook};

/// One thing that the user can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The name of the step in the data.
    pub name: &'static str,
    /// What to do, as one sentence.
    pub text: String,
    /// Why it helps.
    pub why: String,
    /// The command to run.
    pub command: Option<String>,
    /// The page to open.
    pub url: Option<String>,
    /// Whether it costs money, or `None` if that depends.
    pub costs_money: Option<bool>,
    /// How the next prompt stands after the step.
    pub after: After,
}

/// How the next prompt stands after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The step gives information, or nothing shows what it leads to.
    Unknown,
    /// The prompt passes from this time on, or at once.
    Passes {
        /// The time, or `None` if it passes at once.
        from: Option<DateTime<Utc>>,
    },
    /// The prompt is then stopped by something else.
    Stopped(Also),
}

/// A row of the data.
#[derive(Debug, Deserialize)]
struct Row {
    #[serde(rename = "do")]
    text: String,
    why: String,
    command: Option<String>,
    url: Option<String>,
    costs_money: Option<bool>,
}

#[expect(clippy::expect_used, reason = "the unit tests parse the data")]
static ROWS: LazyLock<BTreeMap<String, Row>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("steps.json")).expect("the steps are valid")
});

/// Returns the steps, best first.
pub(super) fn steps(outlook: &Outlook) -> Vec<Step> {
    let names = outlook.stop.iter().flat_map(|stop| &stop.message.row.steps);
    names
        .filter_map(|name| {
            let row = ROWS.get(*name)?;
            Some(Step {
                name,
                text: row.text.clone(),
                why: row.why.clone(),
                command: row.command.clone(),
                url: row.url.clone(),
                costs_money: row.costs_money,
                after: After::Unknown,
            })
        })
        .collect()
}
