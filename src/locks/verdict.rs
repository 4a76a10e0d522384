//! What can be said of a lock, and what follows from it.

/// What a lock turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody holds it.
    Held,
    /// Left over; Claude Code gets along with it, or will by itself.
    Stale,
    /// Left over, and it never heals by itself.
    Stuck,
    /// Belongs there and does nothing.
    Harmless,
    /// Somebody else's business.
    NotOurs,
    /// The evidence does not suffice.
    CannotTell,
}

/// How a dead lock goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `rmdir`: nothing is lost.
    RemoveEmptyDirectory,
    /// Moved into quarantine, from where it can be brought back.
    Quarantine,
}

/// Whether it may be cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clearance {
    /// Yes, in this way.
    Granted(Way),
    /// It depends on whether anybody touches it in so many seconds.
    AfterWatching(i64),
    /// No.
    Denied,
}

/// Verdict, reason and consequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What it is.
    pub verdict: Verdict,
    /// Why, in a sentence or two.
    pub why: String,
    /// Whether it may be cleared.
    pub clearance: Clearance,
}

impl Verdict {
    /// The word in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Stale => "stale",
            Self::Stuck => "stuck",
            Self::Harmless => "harmless",
            Self::NotOurs => "not_ours",
            Self::CannotTell => "cannot_tell",
        }
    }
}
