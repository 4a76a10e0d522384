//! The variables that let Claude Code wait for the end of a limit and then send the request again (2.1.301 to 2.1.332).

/// Turns the wait on.
pub(crate) const WATCHDOG: &str = "CLAUDE_CODE_RETRY_WATCHDOG";

/// The longest wait for the reset of a usage window, in milliseconds. If it would take longer, Claude Code exits at once.
/// Without this variable, it waits for days.
pub(crate) const LONGEST_WAIT: &str = "CLAUDE_CODE_RETRY_WATCHDOG_MAX_USAGE_LIMIT_WAIT_MS";
