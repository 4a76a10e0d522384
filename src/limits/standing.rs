//! How an error stands at a moment: whether it blocks, what waiting does, how it ended.
//!
//! Every place asks this: headline, badge, rows, `explain` with its exit code, `/whycap`, `now`, `wait`.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// How an error stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It stopped nothing: a warning, or the news that a limit has ended.
    News,
    /// It blocks, as far as is known.
    Blocks(Wait),
    /// It is over.
    Over(Ending),
}

/// What waiting does for somebody who is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It helps: up to this moment, or, where nobody knows one, up to a good answer.
    Helps(Option<DateTime<Utc>>),
    /// Somebody must act.
    InVain,
    /// It cannot be told.
    Unknown,
}

/// How an error ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The session got a good answer.
    Answered,
    /// Another session of the account did, and the window has room.
    AnsweredElsewhere,
    /// Its reset has passed. Perhaps it had when the error came: a clock is wrong, or a text is old.
    Reset,
    /// Its reset lies ahead, and the window has room again.
    ResetEarly,
    /// It passes by itself, and the pause that the answer names is over.
    PauseOver,
    /// It is older than such limits last.
    Outlived,
}

impl Standing {
    /// Whether it is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Over(_))
    }
}
