//! Asks the model of limits on behalf of a command.

use chrono::{DateTime, Utc};

use super::Context;
use crate::limits::{Fact, Family, Kind, Outlook};
use crate::spend::Amount;
use crate::time::{FIVE_HOURS, WEEK};
use crate::witness::{Caller, Limits};

impl Context {
    /// Returns what is open and closed now for this session, or for the shell if there is none.
    pub(crate) fn limits(&self, session: Option<&str>) -> Limits {
        self.limits_with(session, Limits::read)
    }

    /// Like [`Self::limits`], but knows only what may still be closed, and reads no transcripts.
    pub(crate) fn limits_for_hook(&self) -> Limits {
        let ledger = self.existing_ledger();
        self.limits_with(self.session(), |caller, reported| {
            Limits::for_hook(caller, ledger.as_ref(), reported)
        })
    }

    /// Returns what has happened since the given time.
    pub(crate) fn limits_since(&self, since: DateTime<Utc>) -> Limits {
        self.limits_with(self.session(), |caller, reported| {
            Limits::since(since, caller, reported)
        })
    }

    /// The credentials of the caller are those of another session only if that session calls.
    fn limits_with(
        &self,
        session: Option<&str>,
        read: impl FnOnce(&Caller<'_>, &[Fact]) -> Limits,
    ) -> Limits {
        let project = self.project();
        let caller = Caller {
            paths: &self.paths,
            environment: &self.environment,
            session: self.session(),
            project: project.as_deref(),
        };
        let limits = read(&caller, &self.budget_facts(session));
        match session {
            Some(other) if session != self.session() => limits.asked_by(other),
            Some(_) | None => limits,
        }
    }

    /// Returns a sentence with the spend on this machine in the usage window of a limit, or in the month of a cap. Returns
    /// `None` if the limit is not about usage or money, or if there is no ledger.
    pub(crate) fn spent_in_window(&self, outlook: &Outlook) -> Option<String> {
        let clock = self.clock();
        let window = outlook.window.unwrap_or(outlook.limit());
        let until = outlook
            .resets_at
            .map_or(clock.now, |reset| reset.min(clock.now));
        let (name, since) = match (window, window.description().family) {
            (Kind::FiveHour, _) => ("this 5-hour window", outlook.resets_at? - FIVE_HOURS),
            (_, Family::Window) => ("this week", outlook.resets_at? - WEEK),
            (_, Family::Overflow | Family::Prepaid) => {
                ("this month", clock.zone.month_bounds(clock.now).0)
            }
            _ => return None,
        };
        let ledger = self.existing_ledger()?;
        let spent = ledger.between(since, until.max(clock.now)).ok()?;
        let cost = Amount::from_tally(&spent);
        Some(format!(
            "Sessions on this machine have spent {} in {name}.",
            cost.show()
        ))
    }
}
