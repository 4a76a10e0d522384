//! What the plan's windows were used by, and what a percent of them is worth: the ledger held against
//! what sessions were told.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::claude::meters::Windows;
use crate::drain::{PercentWorth, SeenPercent, SpentHere, WindowShares, percent_worth};
use crate::incidents::{WindowStep, steps};
use crate::ledger::{Error, Ledger};
use crate::limits::kind::Window;
use crate::places::Places;

/// How far back it is told what a percent was worth.
pub(super) const WORTH_OVER: TimeDelta = TimeDelta::weeks(5);

/// How the windows rose while that is told.
pub(super) fn levels(places: &Places, now: DateTime<Utc>) -> Vec<SeenPercent> {
    let steps = steps(places, now - WORTH_OVER, now).into_iter();
    let level = |step: WindowStep| SeenPercent {
        at: step.at.timestamp_millis(),
        account: step.account,
        window: step.window.rate_limit_type(),
        percent: step.meter.used_percent,
        resets_at: step.meter.resets_at.map(|at| at.timestamp_millis()),
    };
    steps.map(level).collect()
}

/// What a percent was worth, by the ledger alone: it does not know who paid, so nothing is said where
/// several accounts were worked with.
pub(super) fn worth(
    places: &Places,
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<Vec<PercentWorth>, Error> {
    let levels = levels(places, now);
    let accounts: HashSet<_> = levels.iter().map(|level| &level.account).collect();
    if accounts.len() != 1 {
        return Ok(Vec::new());
    }
    let mut costs = ledger.costs_since(now - WORTH_OVER)?;
    costs.sort_unstable_by_key(|(at, _)| *at);
    let spent = costs.into_iter().map(|(at, cost)| SpentHere {
        at,
        cost,
        account: None,
    });
    let spent: Vec<SpentHere> = spent.collect();
    Ok(percent_worth(&levels, &spent, now.timestamp_millis()))
}

/// What the account's windows of five hours and of a week were used by until now.
pub(super) fn uses(
    windows: &Windows,
    account: Option<&str>,
    places: &Places,
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<Vec<WindowShares>, Error> {
    let running = [
        ("5h", Window::FiveHour, windows.five_hour),
        ("week", Window::Weekly, windows.seven_day),
    ];
    let running = running.into_iter().filter_map(|(name, window, meter)| {
        let resets_at = meter?.resets_at.filter(|at| *at > now)?;
        Some((name, window, resets_at - window.length()))
    });
    running
        .map(|(name, window, since)| used(name, window, since, now, account, places, ledger))
        .collect()
}

/// What one window was used by from when it began to a moment.
pub(super) fn used(
    name: &'static str,
    window: Window,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    account: Option<&str>,
    places: &Places,
    ledger: &Ledger,
) -> Result<WindowShares, Error> {
    let steps = steps(places, since, until);
    let is_mine = |step: &&WindowStep| step.account.as_deref() == account;
    let of_others = steps.iter().filter(|step| !is_mine(step));
    let of_others: HashSet<&str> = of_others.map(|step| step.session.as_str()).collect();
    let mut served = ledger.served(since)?;
    let sessions = ledger.sessions_of(&served)?;
    served.retain(|response| {
        let session = sessions.get(&response.session);
        let is_anothers = session.is_some_and(|session| of_others.contains(session.as_str()));
        response.at <= until.timestamp_millis() && !is_anothers
    });
    let levels = steps.iter().filter(is_mine);
    let levels = levels.filter(|step| step.window == window);
    let levels = levels.map(|step| (step.at.timestamp_millis(), step.meter.used_percent));
    let levels: Vec<(i64, f64)> = levels.collect();
    Ok(WindowShares::new(name, since, &served, &sessions, &levels))
}
