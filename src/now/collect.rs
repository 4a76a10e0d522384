//! Collects the data for `whycap now`.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use crate::claude::account::{Account, LoginState};
use crate::claude::processes;
use crate::claude::sessions::{self, Liveness, Session, SessionActivity, SessionState};
use crate::claude::window_usage::WindowFigures;
use crate::collect::{ANSWER_READS, Context};
use crate::ledger::{Ledger, LedgerError, ReadTime, SpendSource};
use crate::limits::{Kind, Outlook, Part, Pays};
use crate::now::{NowData, RunningSession, SpendNow};
use crate::spend::{Amount, WindowUse, block_until, current_block};
use crate::time::{Clock, Millis};
use crate::witness::Limits;
use crate::wording;

/// Collects the data for the screen. The ledger stays open between refreshes.
pub(crate) struct NowCollector {
    /// The ledger, or a sentence that explains why it cannot be used.
    ledger: Result<Ledger, String>,
}

impl NowCollector {
    /// Creates a collector. If the ledger cannot be used, `ledger` is the reason.
    pub(crate) fn new(ledger: Result<Ledger, String>) -> Self {
        Self { ledger }
    }

    /// Collects the data for the screen.
    pub(crate) fn collect(&mut self, context: &Context) -> NowData {
        let limits = context.limits(context.session());
        let outlook = limits.outlook();
        let figures = limits.window_figures();
        let five_hour_reset = five_hour_reset(figures.as_ref(), outlook.as_ref());
        let spend = match &mut self.ledger {
            Ok(ledger) => context
                .spend_now(ledger, five_hour_reset)
                .map_err(|error| error.to_string()),
            Err(reason) => Err(reason.clone()),
        };
        let login = LoginState::load(&context.paths);
        let is_plan_used = matches!(limits.pays(), Pays::Plan | Pays::Credits);
        let ledger = self.ledger.as_ref().ok();
        let window_use = ledger.map_or_else(Vec::new, |ledger| {
            context.use_of_open_windows(ledger, &limits, figures.as_ref())
        });
        let registered = sessions::registered(&context.paths);
        let is_registered = |pid: &u32| registered.iter().any(|session| session.claim.pid == *pid);
        NowData {
            clock: context.clock(),
            others: about_others(&limits, outlook.as_ref()),
            outlook,
            blocks: limits.blocks(),
            usage: limits.usage(),
            figures,
            has_windows: is_plan_used && login.account.as_ref().is_none_or(Account::has_plan),
            paces: limits.paces(),
            window_use,
            paying: ledger.and_then(|ledger| limits.paying(ledger)),
            usage_page: login.usage,
            spend: spend.map_err(|reason| format!("unknown: {reason}")),
            unregistered_clients: processes::clients_known_to_use(&context.paths)
                .iter()
                .filter(|pid| !is_registered(pid))
                .count(),
            sessions: context.running_sessions(ledger, &limits, registered),
        }
    }
}

impl Context {
    /// Returns today's spend. `five_hour_reset` is the newest reset of the 5-hour window that the server has stated.
    fn spend_now(
        &self,
        ledger: &mut Ledger,
        five_hour_reset: Option<DateTime<Utc>>,
    ) -> Result<SpendNow, LedgerError> {
        let Clock { now, zone, .. } = self.clock();
        let read_time = match self.event() {
            Some(_) => ANSWER_READS,
            None => ReadTime::All,
        };
        // If another process is writing to the ledger, the remaining lines are read at the next refresh.
        let catch_up = self.catch_up_ledger(ledger, read_time);
        let (from, until) = zone.day_bounds(now);
        let block = match five_hour_reset {
            Some(reset) if reset > now => Some(block_until(ledger, reset, now)?),
            // A block that began before the reset includes spend of an earlier window.
            Some(reset) => current_block(ledger, now)?.filter(|block| reset <= block.start),
            None => current_block(ledger, now)?,
        };
        let damaged = ledger.damaged(from.timestamp_millis()..Millis::MAX)?;
        Ok(SpendNow {
            today: ledger.between(from, until)?,
            pace: self.month_history(ledger)?.today().pace,
            block,
            is_complete: catch_up.is_all() && damaged.is_empty(),
        })
    }

    /// Returns what has used the 5-hour and the weekly window of the asker's payer so far.
    fn use_of_open_windows(
        &self,
        ledger: &Ledger,
        limits: &Limits,
        figures: Option<&WindowFigures>,
    ) -> Vec<WindowUse> {
        [Kind::FiveHour, Kind::Weekly]
            .into_iter()
            .filter_map(|window| {
                let reset = figures?.usage(window)?.resets_at?;
                if reset <= self.environment.now {
                    return None;
                }
                self.window_use(ledger, limits, window, reset)
            })
            .collect()
    }

    /// Returns the running sessions, sorted by state and then by cost. Sessions that are waiting for the user come
    /// first.
    fn running_sessions(
        &self,
        ledger: Option<&Ledger>,
        limits: &Limits,
        registered: Vec<Session>,
    ) -> Vec<RunningSession> {
        let mut running: Vec<RunningSession> = running_once(registered)
            .into_iter()
            .map(|activity| {
                let id = activity.session.as_deref();
                let spent = id.and_then(|id| ledger?.session(id).ok());
                let directory = activity.directory.as_ref();
                RunningSession {
                    label: id.map(|id| self.session_label(id)).unwrap_or_default(),
                    project: directory
                        .map_or_else(String::new, |path| self.paths.show(path.as_ref())),
                    cost: spent.map(|spent| Amount::from_tally(&spent)),
                    outlook: id.and_then(|id| limits.of_session(id)),
                    is_asking: id.is_some() && id == self.session(),
                    activity,
                }
            })
            .collect();
        running.sort_by_key(|session| {
            let state = session.activity.state.unwrap_or(SessionState::Idle);
            let cost = session.cost.map(|cost| cost.money);
            (state, Reverse(cost), session.activity.session.clone())
        });
        running
    }
}

/// Returns the newest reset of the 5-hour window that a reading or an error has stated.
fn five_hour_reset(
    figures: Option<&WindowFigures>,
    outlook: Option<&Outlook>,
) -> Option<DateTime<Utc>> {
    let of_figures = figures.and_then(|figures| figures.usage(Kind::FiveHour)?.resets_at);
    let of_error = outlook.filter(|outlook| outlook.limit() == Kind::FiveHour);
    of_figures.max(of_error.and_then(|outlook| outlook.resets_at))
}

/// Returns sentences about limits that block other sessions. What blocks only one session is shown beside that session.
fn about_others(limits: &Limits, outlook: Option<&Outlook>) -> Vec<String> {
    let Some(outlook) = outlook else {
        return Vec::new();
    };
    let mut others = limits.others(outlook);
    others.retain(|other| other.resource.scope.session == Part::Any);
    wording::about_others(&others, limits.clock())
}

/// Returns the activities of the running sessions. A session that is open in several terminals is listed once, with its
/// newest state, unless one of the terminals is waiting for the user.
fn running_once(registered: Vec<Session>) -> Vec<SessionActivity> {
    let mut running: Vec<SessionActivity> = registered
        .into_iter()
        .filter(|session| session.liveness == Liveness::Running)
        .map(|session| session.activity)
        .collect();
    running.sort_by_key(|activity| {
        let is_waiting = activity.state == Some(SessionState::Waiting);
        let newest = Reverse((is_waiting, activity.since));
        (activity.session.clone(), newest)
    });
    running.dedup_by(|later, first| later.session.is_some() && later.session == first.session);
    running
}
