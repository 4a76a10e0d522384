//! `whycap now`: shows the usage windows, the pace, the spend, the running sessions, and the open limit on one screen.

mod json;
mod screen;

use chrono::{DateTime, Utc};

use crate::claude::session_label::SessionLabel;
use crate::claude::sessions::SessionActivity;
use crate::claude::window_usage::UsagePage;
use crate::incidents::{EstimatedPayments, Paying, Situation, WindowPace};
use crate::ledger::Tally;
use crate::limits::evidence::RefusedWindow;
use crate::limits::incident::{AwaitedPrompt, Continuation, Incident, StillFull};
use crate::limits::kind::{LimitKind, Window};
use crate::limits::sample::Sample;
use crate::pace::Pace;
use crate::spend::{Amount, Block, WindowUse};
use crate::time::Clock;
use crate::transcript::failed_attempts::FailedAttempts;

/// The data on the screen.
#[derive(Debug, Clone)]
pub(crate) struct NowData {
    pub(crate) clock: Clock,
    /// The newest reading of the usage windows of the account that is logged in.
    pub(crate) reading: Option<Sample>,
    /// The windows that are full in the reading only because of a refused request. Claude Code has not reported this.
    pub(crate) full_by_refusal: Vec<RefusedWindow>,
    /// A full usage window that applies to all models. If there is none and the window of a model in use is full, all full
    /// windows of individual models.
    pub(crate) full_windows: Vec<Window>,
    /// True if the logged-in account has a plan and therefore usage windows.
    pub(crate) has_plan: bool,
    /// True if every running session has a key or uses a cloud provider, so the usage windows do not apply to it.
    pub(crate) no_session_uses_plan: bool,
    /// The last known reset times of the windows that have reset.
    pub(crate) passed_resets: Vec<PassedReset>,
    /// The paces of the usage windows.
    pub(crate) paces: Vec<WindowPace>,
    /// The spend, or a sentence that explains why it is unknown.
    pub(crate) spend: Result<SpendNow, String>,
    /// The running sessions. Those that are waiting for the user come first.
    pub(crate) sessions: Vec<RunningSession>,
    pub(crate) slow: SlowFacts,
    /// The responses that usage credits are paying for.
    pub(crate) paying: Option<Paying>,
    /// The latest contents of `/usage`.
    pub(crate) usage_page: Option<UsagePage>,
}

/// A reset of a usage window in the past.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassedReset {
    pub(crate) window: Window,
    pub(crate) at: DateTime<Utc>,
}

/// The facts that take a long time to collect. `now --watch` refreshes them less often than the other data.
#[derive(Debug, Clone, Default)]
pub(crate) struct SlowFacts {
    /// The limits that block work.
    pub(crate) situation: Situation,
    /// The name of the blocked session if the others may still work.
    pub(crate) blocked_session: Option<String>,
    /// Sentences about new sessions that the current error does not block, and about other sessions that a different error blocks.
    pub(crate) remarks: Vec<String>,
    /// Sentences about the newest error and a limit that has just ended, if they are over but still recent.
    pub(crate) past_errors: Vec<String>,
    /// The number of running clients that are not in the registry. Clients whose environment cannot be read are not
    /// included because they may belong to another home directory.
    pub(crate) unregistered_clients: usize,
    /// Sentences about the budgets that block prompts.
    pub(crate) blocking_budgets: Vec<String>,
    /// The usage of each open window, on this machine and elsewhere.
    pub(crate) window_use: Vec<WindowUse>,
    /// The amount paid with usage credits today, if it can be inferred.
    pub(crate) paid_today: Option<EstimatedPayments>,
}

/// Today's spend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpendNow {
    pub(crate) today: Tally,
    /// The pace of today's spend, in dollars.
    pub(crate) pace: Option<Pace>,
    pub(crate) block: Option<Block>,
    /// True if all of today's transcripts have been read.
    pub(crate) is_complete: bool,
}

/// The effect of an error on its session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum EffectOfError {
    /// The error blocks the session.
    #[default]
    Blocked,
    /// The error may block the session: only the message of another error suggests this, the problem may have passed, or it is too
    /// early to tell.
    MayBeBlocked,
    /// The error blocks the session because of the session's key.
    BlockedByKey,
    /// The error has stopped the session, but it can continue with usage credits.
    Stopped,
    /// The error has stopped the session, but it is probably a false alarm, so the next prompt may work.
    FalseAlarm,
}

impl EffectOfError {
    pub(crate) fn of(incident: &Incident) -> Self {
        if incident.diagnosis.is_about_key {
            Self::BlockedByKey
        } else if incident.diagnosis.credits_pay_now {
            Self::Stopped
        } else if incident.diagnosis.is_of_unconfirmed_later_window()
            || incident.diagnosis.may_have_passed()
            || incident.diagnosis.awaits_figures()
        {
            Self::MayBeBlocked
        } else if incident.diagnosis.may_next_prompt_work() {
            Self::FalseAlarm
        } else {
            Self::Blocked
        }
    }
}

/// A running session.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact")]
pub(crate) struct RunningSession {
    /// The session's activity according to the registry.
    pub(crate) activity: SessionActivity,
    /// The session's title and first words. The first words are shown only to the user and are not part of the JSON
    /// output.
    pub(crate) label: SessionLabel,
    /// The directory, with `~` for the home directory.
    pub(crate) project: String,
    pub(crate) cost: Option<Amount>,
    /// The limit or error that blocks the session.
    pub(crate) limit: Option<LimitKind>,
    /// True if Claude Code will continue the session by itself, but a prompt may work now.
    pub(crate) can_continue_sooner: bool,
    /// The effect of the error on the session. If nothing blocks the session, it has no meaning.
    pub(crate) effect: EffectOfError,
    /// The time when Claude Code will continue the session, or the reason why it will not. If nothing blocks the
    /// session, this is `None`.
    pub(crate) continuation: Option<Continuation>,
    /// The usage window that is still full when Claude Code continues the session.
    pub(crate) still_full: Option<StillFull>,
    /// The prompt that the user has to send again. `None` if the session does not need it, or if Claude Code
    /// resumes the session.
    pub(crate) awaited_prompt: Option<AwaitedPrompt>,
    /// The full window of a single model family that applies to the session. `None` if an error blocks the session.
    pub(crate) full_model_window: Option<RefusedWindow>,
    /// True if the login has been refused in another session, so Claude Code may not be able to continue this one.
    pub(crate) is_login_refused: bool,
    /// True if the session can continue with another model.
    pub(crate) can_switch_model: bool,
    /// True if the user asked for this screen in this session.
    pub(crate) is_asking: bool,
    /// The failed attempts of a request that Claude Code is currently retrying.
    pub(crate) retrying: Option<FailedAttempts>,
    /// True if the session has received nothing since its last prompt.
    pub(crate) is_without_response: bool,
}

impl NowData {
    /// Returns the limit that blocks work.
    fn blocked(&self) -> Option<&Incident> {
        self.slow.situation.blocking()
    }

    /// Returns the current block. Returns `None` if the 5-hour window is known to have reset since the block began. The
    /// block then includes spend that does not count toward the current window. Also returns `None` if the server has
    /// stated a later reset but may have reset the window early, because the block's end is then unknown.
    fn block(&self) -> Option<Block> {
        let block = self.spend.as_ref().ok()?.block?;
        if block.is_estimated && self.may_have_reset_early() {
            return None;
        }
        let is_outdated = self
            .passed_resets
            .iter()
            .any(|passed| passed.window == Window::FiveHour && passed.at > block.start);
        (!is_outdated).then_some(block)
    }

    /// Returns true if the newest error was about the 5-hour window, and its reset has not passed. Unless the window is
    /// still full, it may have been reset early.
    fn may_have_reset_early(&self) -> bool {
        let newest = self.slow.situation.incident.as_ref();
        newest.is_some_and(|newest| {
            newest
                .diagnosis
                .coming_reset(Window::FiveHour, self.clock.now)
                .is_some()
        })
    }

    /// Returns the refused request because of which the window is full, if Claude Code has not reported this.
    fn refusal(&self, window: Window) -> Option<RefusedWindow> {
        self.full_by_refusal
            .iter()
            .copied()
            .find(|refused| refused.window == window)
    }

    fn pace(&self, window: Window) -> Option<&WindowPace> {
        self.paces.iter().find(|pace| pace.window == window)
    }
}
