//! Explains how a session's amount is calculated.

use super::database::Ledger;
use super::error::LedgerResult;
use super::facts::id_of;
use super::reconcile::bounds::LowerBound;
use super::reconcile::{InheritedLines, RunBreakdown, reconcile};
use super::rows::{EVER, ModelSwitch, RowsBy, SpendSource, Tally};
use crate::pricing::{Money, PriceTable};

/// The breakdown of a session's amount, for `spend --why`.
#[derive(Debug)]
pub(crate) struct SessionWhy {
    /// The ID of the session.
    pub session: String,
    pub tally: Tally,
    pub bounds: Vec<LowerBound>,
    /// The runs, and the parts of the history without identified runs, in chronological order.
    pub runs: Vec<RunBreakdown>,
    /// The responses that came from another model than the requested one.
    pub model_switches: Vec<ModelSwitch>,
    /// The number of compactions in the session.
    pub compactions: usize,
    /// The sessions that this session inherited responses or compactions from.
    pub parents: Vec<Parent>,
}

/// A session from which another session inherited responses or compactions.
#[derive(Debug)]
pub(crate) struct Parent {
    /// The ID of the session.
    pub session: String,
    pub inherited: InheritedLines,
}

impl SessionWhy {
    /// Returns the newest run whose last total is known.
    pub(crate) fn newest_run_with_total(&self) -> Option<&RunBreakdown> {
        self.runs
            .iter()
            .rev()
            .find(|run| run.last_total.is_some())
    }

    /// Returns the newest total that Claude Code reported. It may include a parent session's spend.
    pub(crate) fn client_total(&self) -> Option<Money> {
        self.newest_run_with_total()?.last_total
    }
}

impl Ledger {
    /// Returns the breakdown of a session's amount, or `None` if the session is unknown.
    pub(crate) fn why(
        &self,
        session: &str,
        prices: &PriceTable,
    ) -> LedgerResult<Option<SessionWhy>> {
        let id = id_of(session.as_bytes());
        let why = self.read(|store| {
            let Some(lineage) = store.lineage_of(id)? else {
                return Ok(None);
            };
            let facts = store.lineage(lineage, None)?;
            let mut breakdown = reconcile(&facts, prices)
                .sessions
                .remove(&id)
                .unwrap_or_default();
            breakdown.runs.sort_by_key(|run| run.started_at);
            let mut parents = Vec::new();
            for (parent, inherited) in breakdown.inherited {
                let name =
                    store.first("SELECT name FROM sessions WHERE id = ?1", [parent], |row| {
                        row.get(0)
                    })?;
                if let Some(session) = name {
                    parents.push(Parent { session, inherited });
                }
            }
            Ok(Some(SessionWhy {
                session: session.to_owned(),
                tally: store.session_tally(id)?,
                bounds: breakdown.bounds,
                compactions: breakdown.compactions,
                parents,
                runs: breakdown.runs,
                model_switches: Vec::new(),
            }))
        })?;
        let Some(mut why) = why else {
            return Ok(None);
        };
        self.rows(EVER, RowsBy::Session, &mut |row| {
            if row.origin.session == why.session {
                ModelSwitch::add(&row, &mut why.model_switches);
            }
        })?;
        Ok(Some(why))
    }
}
