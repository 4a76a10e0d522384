//! Collects the data for `whycap now`.

use std::cmp::Reverse;
use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::claude::account::LoginState;
use crate::claude::processes;
use crate::claude::sessions::{self, Liveness, Session, SessionState};
use crate::claude::window_usage::WindowFigures;
use crate::collect::Context;
use crate::ledger::{CatchUpResult, Ledger, LedgerError, SpendSource};
use crate::limits::wording;
use crate::limits::{Kind, Outlook, Part, Pays};
use crate::now::{NowData, RunningSession, SpendNow};
use crate::spend::{Amount, WindowUse, block_until, current_block};
use crate::time::{Clock, Millis};
use crate::witness::Limits;

impl NowData {
    /// Collects the data for the screen. `ledger` is the ledger, or a sentence that explains why it cannot be used.
    pub(crate) fn collect(
        context: &Context,
        ledger: Result<&Ledger, &String>,
        catch_up: &CatchUpResult,
    ) -> Self {
        let limits = context.limits_in(ledger.ok());
        let outlook = limits.outlook();
        let figures = limits.window_figures();
        let reset = figures
            .as_ref()
            .and_then(|figures| figures.usage(Kind::FiveHour)?.resets_at);
        let spend = ledger.map_err(String::clone).and_then(|ledger| {
            context
                .spend_now(ledger, reset, catch_up)
                .map_err(|error| error.to_string())
        });
        let login = LoginState::load(&context.paths);
        let is_plan_used = matches!(limits.pays(), Pays::Plan | Pays::Credits);
        let ledger = ledger.ok();
        let window_use = ledger.map_or_else(Vec::new, |ledger| {
            context.use_of_open_windows(ledger, &limits, figures.as_ref())
        });
        let registered = sessions::registered(&context.paths);
        let pids: HashSet<u32> = registered
            .iter()
            .map(|session| session.claim.pid)
            .collect();
        // A limit that blocks only one session is shown beside that session.
        let others: Vec<Outlook> = outlook
            .iter()
            .flat_map(|outlook| limits.others(outlook))
            .filter(|other| other.resource.scope.session == Part::Any)
            .collect();
        Self {
            clock: context.clock(),
            others: wording::about_others(&others, &[], context.clock()),
            outlook,
            blocks: limits.blocks(),
            usage: limits.usage(),
            figures,
            has_windows: is_plan_used
                && login
                    .account
                    .as_ref()
                    .is_none_or(|account| account.plan.is_some()),
            paces: limits.paces(),
            window_use,
            paying: ledger.and_then(|ledger| limits.paying(ledger)),
            usage_page: login.usage,
            spend: spend.map_err(|reason| format!("unknown: {reason}")),
            unregistered_clients: processes::clients_known_to_use(&context.paths)
                .iter()
                .filter(|pid| !pids.contains(*pid))
                .count(),
            sessions: context.running_sessions(ledger, &limits, registered),
        }
    }
}

impl Context {
    /// Returns today's spend. `five_hour_reset` is the last known reset of the 5-hour window.
    fn spend_now(
        &self,
        ledger: &Ledger,
        five_hour_reset: Option<DateTime<Utc>>,
        catch_up: &CatchUpResult,
    ) -> Result<SpendNow, LedgerError> {
        let Clock { now, zone, .. } = self.clock();
        let (from, until) = zone.day_bounds(now);
        let block = match five_hour_reset {
            Some(reset) if reset > now => Some(block_until(ledger, reset, now)?),
            // A block that began before the reset includes spend of an earlier window.
            _ => current_block(ledger, now)?
                .filter(|block| five_hour_reset.is_none_or(|reset| reset <= block.start)),
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

    /// Returns the running sessions. Those that an error has stopped come first, then those that are waiting for the user.
    fn running_sessions(
        &self,
        ledger: Option<&Ledger>,
        limits: &Limits,
        registered: Vec<Session>,
    ) -> Vec<RunningSession> {
        let label_of = self.session_labels();
        let mut running: Vec<RunningSession> = registered
            .into_iter()
            .filter(|session| session.liveness == Liveness::Running)
            .map(|Session { activity, .. }| {
                let id = activity.session.as_deref();
                let spent = id.and_then(|id| ledger?.session(id).ok());
                let directory = activity.directory.as_ref();
                RunningSession {
                    label: id
                        .map(|id| self.visible_label(label_of(id)))
                        .unwrap_or_default(),
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
            let id = session.activity.session.clone();
            (session.stopped().is_none(), state, Reverse(cost), id)
        });
        // A session may be open in several terminals.
        let mut listed = HashSet::new();
        running.retain(|session| {
            let id = session.activity.session.as_ref();
            id.is_none_or(|id| listed.insert(id.clone()))
        });
        running
    }
}
