//! `whycap now`: shows the usage windows, the pace, the spend, the running sessions, and the current limit on one screen.

mod collect;
mod json;
mod screen;

use chrono::TimeDelta;

use crate::claude::session_label::SessionLabel;
use crate::claude::sessions::SessionActivity;
use crate::claude::window_usage::{UsagePage, WindowFigures};
use crate::ledger::Tally;
use crate::limits::wording::{self, Paying};
use crate::limits::{Blocks, Continuation, Outlook, Part, PayerUsage, State, Verdict, WhyNot};
use crate::spend::pace::{Pace, WindowPace};
use crate::spend::{Amount, Block, WindowUse};
use crate::time::Clock;

/// An error is shown for this long.
const SHOWN_FOR: TimeDelta = TimeDelta::hours(12);

/// The data on the screen.
#[derive(Debug, Clone)]
pub(crate) struct NowData {
    pub clock: Clock,
    /// The answer about the limit that blocks the next prompt, or else about the one that has stopped work last.
    pub outlook: Option<Outlook>,
    /// Sentences about limits that block other sessions.
    pub others: Vec<String>,
    pub blocks: Option<Blocks>,
    pub usage: Option<PayerUsage>,
    /// The newest figures of the usage windows of the next prompt's payer.
    pub figures: Option<WindowFigures>,
    /// True if the payer of the next prompt has usage windows.
    pub has_windows: bool,
    pub paces: Vec<WindowPace>,
    /// The use of each open window by session.
    pub window_use: Vec<WindowUse>,
    /// The amount that usage credits have paid beyond a full window.
    pub paying: Option<Paying>,
    /// The latest contents of `/usage`.
    pub usage_page: Option<UsagePage>,
    /// The spend, or a sentence that explains why it is unknown.
    pub spend: Result<SpendNow, String>,
    /// The running sessions. Those that an error has stopped come first, then those that are waiting for the user.
    pub sessions: Vec<RunningSession>,
    /// The number of running clients that are not in the registry. Clients whose environment cannot be read are not
    /// included because they may belong to another home directory.
    pub unregistered_clients: usize,
}

/// Today's spend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpendNow {
    pub today: Tally,
    /// The pace of today's spend, in dollars.
    pub pace: Option<Pace>,
    /// The current 5-hour window, which is an estimate if its reset is unknown.
    pub block: Option<Block>,
    /// True if all of today's transcripts have been read.
    pub is_complete: bool,
}

/// A running session.
#[derive(Debug, Clone)]
pub(crate) struct RunningSession {
    /// The session's activity according to the registry.
    pub activity: SessionActivity,
    /// The session's title and first words. The first words are shown only to the user and are not part of the JSON
    /// output.
    pub label: SessionLabel,
    /// The directory, with `~` for the home directory.
    pub project: String,
    pub cost: Option<Amount>,
    /// The answer about the limit that blocks the session, or else about the one that has stopped it last.
    pub outlook: Option<Outlook>,
    /// True if the user asked for this screen in this session.
    pub is_asking: bool,
}

impl NowData {
    /// Returns what blocks the next prompt.
    fn blocked(&self) -> Option<&Outlook> {
        self.outlook
            .as_ref()
            .filter(|outlook| outlook.is_blocked())
    }

    /// Returns the error that stopped work last. Returns `None` if it is old, if it is only a notice, if its session has
    /// worked since, or if it concerned only another session, which shows it itself.
    fn recent_error(&self) -> Option<&Outlook> {
        let outlook = self.outlook.as_ref()?;
        let is_recent = self.clock.now - outlook.stop.as_ref()?.at <= SHOWN_FOR;
        let is_notice = matches!(outlook.verdict, Verdict::Notice | Verdict::Over);
        let is_of_other = outlook.is_elsewhere() && outlook.resource.scope.session != Part::Any;
        let is_answered = matches!(outlook.state, State::Answered(_));
        (is_recent && !is_notice && !is_of_other && !is_answered).then_some(outlook)
    }
}

impl RunningSession {
    /// Returns what blocks the session, or what has stopped it without a response since.
    pub(crate) fn stopped(&self) -> Option<&Outlook> {
        let outlook = self.outlook.as_ref();
        outlook.filter(|outlook| outlook.is_blocked() || outlook.is_open)
    }

    /// Returns a note about what has stopped the session, and whether Claude Code continues it by itself. Nobody expects
    /// that after an error for which Claude Code never waits.
    fn note(&self, clock: Clock) -> Option<String> {
        let outlook = self.stopped()?;
        let badge = wording::badge(outlook, clock);
        let blocked = if outlook.is_blocked() {
            "blocked: "
        } else {
            ""
        };
        let continuation = match outlook.continuation {
            Continuation::No(WhyNot::NoReset) => None,
            _ => wording::continuation(outlook, clock),
        };
        Some(match continuation {
            Some(continuation) => format!("{blocked}{badge}. {continuation}"),
            None => format!("{blocked}{badge}"),
        })
    }
}
