//! Our figure for a session beside the client's own, and what sets the two apart.

use std::collections::BTreeSet;

use super::derivation::{Run, StartedFrom};
use super::facts::{Answer, Id, cost_of};
use super::names::Origin;
use super::store::processes::{ProcessTotal, SessionFacts};
use super::store::{Ledger, LedgerError};
use crate::pricing::{Money, PriceTable};
use crate::time::Millis;

/// Where a figure of the client's comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientFigure {
    /// The total that it wrote last. A process that goes on with the session starts from it.
    #[default]
    Written,
    /// The live total that it drew the status line last.
    Live,
}

/// One session's figure beside the client's own. `ours` less `client` is always `restarts` and
/// `other_runs` and `after_total` and `price`, less `inherited` and `gone`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionDifference {
    /// The session and its directory.
    pub origin: Origin,
    /// Our figure: recorded, unrecorded and unwritten.
    pub ours: Money,
    /// The client's.
    pub client: Money,
    /// Where that comes from.
    pub client_figure: ClientFigure,
    /// When the client wrote or processes it.
    pub client_at: Millis,
    /// When the session last answered.
    pub last_at: Millis,
    /// In the client's total: what a fork took over from its parent.
    pub inherited: Money,
    /// In the client's total: spent by a session whose files are gone, from which this one was forked,
    /// or by this one in the background; which of the two, nobody knows.
    pub gone: Money,
    /// In ours only: answers of processes that wrote no total. Whoever went on did not know of them.
    pub restarts: Money,
    /// In ours only: spent by processes from which the client's total does not come: one that ran
    /// at the same time, or before it started from 0.
    pub other_runs: Money,
    /// In ours only: spent since the client's total.
    pub after_total: Money,
    /// Of ours: what is on no transcript line.
    pub unrecorded: Money,
    /// Of ours: what was drawn to the status line and is in no file.
    pub unwritten: Money,
    /// Of ours: what subagents spent.
    pub subagents: Money,
    /// What is left: a difference of prices, if anything.
    pub price: Money,
    /// Whether a client said that it did not know the price of a model.
    pub client_lacks_a_price: bool,
}

impl Ledger {
    /// Every session of which the client gave a total, the latest first.
    pub fn differences(&self, prices: &PriceTable) -> Result<Vec<SessionDifference>, LedgerError> {
        self.ask(|store| {
            let origins = store.origins()?;
            let mut families: BTreeSet<Id> = store.families_with_totals()?.into_iter().collect();
            for session in store.drawn_sessions()? {
                families.insert(store.family_of(session)?);
            }
            let mut found = Vec::new();
            for family in families {
                for (session, life) in store.derived_family(family, prices)?.lives {
                    let facts = store.facts(session)?;
                    let answers = store.answers_since(session, Millis::MIN)?;
                    let difference = SessionDifference::new(&life.runs, &facts, &answers);
                    found.extend(difference.map(|one| SessionDifference {
                        origin: origins.get(&session).cloned().unwrap_or_default(),
                        ..one
                    }));
                }
            }
            found.sort_by_key(|one| (std::cmp::Reverse(one.last_at), one.origin.session.clone()));
            Ok(found)
        })
    }
}

impl SessionDifference {
    /// The client's figure and how it came about, our own, and what sets the two apart. None where the
    /// client gave none.
    fn new(runs: &[Run], facts: &SessionFacts, answers: &[Answer]) -> Option<Self> {
        let mut found = Self {
            last_at: answers.iter().map(|answer| answer.at).max().unwrap_or(0),
            subagents: cost_of(answers, |answer| answer.is_of_subagent),
            unrecorded: facts.unrecorded,
            unwritten: facts.unwritten(),
            ours: facts.recorded + facts.unrecorded + facts.unwritten(),
            client_lacks_a_price: runs.iter().any(|run| run.has_unknown_model),
            ..Self::default()
        };
        let mut of_lost = Money::ZERO;
        let is_live = |row: &&ProcessTotal| row.left > Money::ZERO || runs.is_empty();
        if let Some(row) = facts.processes.iter().rfind(is_live) {
            found.client_figure = ClientFigure::Live;
            (found.client, found.client_at) = (row.total, row.at);
            // A process that nobody knows may carry what others were sure to have left.
            found.inherited = (row.total - row.left).or_zero();
            found.restarts = facts.before_draws;
        } else {
            let run = runs.last()?;
            (found.client, found.client_at) = (run.total, run.end);
            found.inherited = run.total;
            of_lost = cost_of_lost(runs, answers);
            // Nothing later is in a written total, and one that is being drawn has all.
            found.after_total = cost_of(answers, |answer| answer.at > run.end);
            // Of one that was closed long after its last line nobody knows when it began: answers
            // of others seem to fall into it, and are in no total.
            let of_others = facts.unrecorded - facts.beyond;
            found.restarts = facts.loose() + of_others - found.after_total - of_lost;
        }
        // Back from total to total, as far as they are this session's.
        for run in runs.iter().rev() {
            if run.total == found.inherited && run.total != run.base {
                found.inherited = run.base;
                if run.has_lost_base() {
                    found.gone = run.total - of_lost;
                }
                if run.started_from == StartedFrom::OtherSession || run.has_lost_base() {
                    break;
                }
            }
        }
        let known = runs.iter().filter(|run| !run.has_lost_base());
        let growth: Money = known.map(|run| run.total - run.base).sum();
        let of_client = found.client - found.inherited - found.gone;
        found.other_runs = growth + of_lost + facts.left() - of_client;
        let apart = found.other_runs + found.after_total + found.restarts;
        found.price = found.ours - found.client + found.inherited + found.gone - apart;
        Some(found)
    }
}

/// What is known to be a session's own of the totals of runs that started from something that is gone:
/// its answers until then that no other run covers.
fn cost_of_lost(runs: &[Run], answers: &[Answer]) -> Money {
    let (lost, known): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|run| run.has_lost_base());
    let until = lost.iter().map(|run| run.end).max();
    let shown = cost_of(answers, |answer| {
        Some(answer.at) <= until && !known.iter().any(|run| run.covers(answer.at))
    });
    shown.min(lost.iter().map(|run| run.total).sum())
}
