//! Periods in which responses are free although a usage window is full.

use chrono::{DateTime, Utc};

use super::kind::Window;

/// A period in which a session's responses are free although the 5-hour window is full, because Claude Code continues
/// at a lower priority or in the grace window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreePeriod {
    /// The time at which Claude Code announced that responses are free.
    pub(crate) start: DateTime<Utc>,
    /// The time at which Claude Code announced the end or a limit stopped the session. If neither has happened, this is
    /// an assumed end: five hours after the start of lower-priority mode, or fifteen minutes after the note about the grace
    /// window. The reset of the window is not taken into account.
    pub(crate) end: DateTime<Utc>,
}

impl FreePeriod {
    /// Returns true if a response at this time is free while the 5-hour window is full.
    pub(crate) fn contains(&self, moment: DateTime<Utc>) -> bool {
        self.start <= moment && moment < self.end
    }

    /// Returns true if a response at this time is free although `window`, which resets at `reset`, is full. The period
    /// ends at the reset of the 5-hour window in which it started. The weekly limit still applies.
    pub(crate) fn is_beyond(
        &self,
        window: Window,
        reset: DateTime<Utc>,
        moment: DateTime<Utc>,
    ) -> bool {
        window == Window::FiveHour
            && self.start >= reset - window.length()
            && moment < reset
            && self.contains(moment)
    }
}
