//! The current cost of a session, for the status line and hooks.
//!
//! The cost is the amount from the last reconciliation plus the increase in the running totals since then. Calculating
//! it takes the same time no matter how many responses have arrived since the reconciliation.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::catch_up::ReadTime;
use super::collect::Batch;
use super::database::{Ledger, Store};
use super::error::{LedgerResult, Result};
use super::events::{EventKind, OF_SESSION, ReportedEvent, RunEvent, TotalSample};
use super::facts::{Id, Response, id_of};
use super::lineage::StoredSession;
use super::reconcile::OffTranscriptKind;
use super::reconcile::bounds::LowerBoundReason;
use super::rows::Tally;
use super::stored_facts::{FactKind, FactRow, OF_LINEAGE};
use super::stored_responses::SUBAGENT;
use crate::claude::settings;
use crate::environment::{Environment, Paths};
use crate::limits::Fact;
use crate::pricing::{Money, PriceTable, is_same_model};
use crate::time::{Millis, datetime_from_millis};

/// The maximum time that a status-line call may spend reading a transcript.
const MAX_READ_TIME: Duration = Duration::from_millis(25);

/// The number of events after which a status-line call reconciles the session if no hook has done so. If that takes too
/// long, a later call tries again after the same number of events.
const EVENTS_TO_RECONCILE: i64 = 32;

/// The age, in milliseconds, up to which a new sample may still make a lower bound exact.
const MAX_BOUND_AGE: Millis = 60_000;

/// The current spend.
#[derive(Debug, Clone, Default)]
pub struct LiveFigures {
    /// The session's spend.
    pub session: Tally,
    /// Today's spend in all sessions.
    pub today: Tally,
    /// The current month's spend, if requested.
    pub month: Option<Tally>,
    /// True if every transcript has been read to its end at least once.
    pub is_complete: bool,
}

/// A ledger that a status-line call or a hook has open.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent result of this call"
)]
pub struct OpenLedger {
    ledger: Ledger,
    prices: Option<PriceTable>,
    session: Id,
    /// The event with this call's sample, until it is added to the ledger.
    event: Option<ReportedEvent>,
    sample: Option<TotalSample>,
    /// True if a transaction is open.
    is_in_transaction: bool,
    /// True if the process has just started or has just switched to this session.
    is_first: bool,
    /// True if the session should be reconciled after this call. Reconciliation determines the cost before a new run,
    /// and leaves fewer events for later calls to read.
    must_reconcile: bool,
    is_whole: bool,
    /// The cost of new responses that could not be stored.
    cost_of_unsaved_responses: Money,
    /// The part of the session's cost that is not in the database.
    pending: Money,
    /// The facts about limits in new lines that could not be stored.
    unsaved_limit_facts: Vec<Fact>,
}

/// Selects 1 if the session's newest response came from another model than the requested one, and otherwise 0.
const IS_SUBSTITUTED: &str = "SELECT requested IS NOT NULL FROM responses
    WHERE session = ?1 AND NOT flags & ?2 ORDER BY at DESC LIMIT 1";

/// Selects the first of the session's newest responses that came from another model than the requested one, the names of
/// both models, and 1 if the other one also answers the next request. Subagents have models of their own.
const SUBSTITUTE: &str = "SELECT at, answering.name, asked.name, fallback IS NOT NULL FROM responses
    JOIN files ON files.id = file JOIN names AS answering ON answering.id = model JOIN names AS asked ON asked.id = requested
    WHERE responses.session = ?1 AND NOT flags & ?2 AND at > ifnull(
        (SELECT at FROM responses
         WHERE session = ?1 AND requested IS NULL AND NOT flags & ?2 ORDER BY at DESC LIMIT 1), 0)
    ORDER BY at LIMIT 1";

/// A model that answers requests to another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Substitute {
    /// The time of its first response.
    pub since: DateTime<Utc>,
    /// The name of the model.
    pub model: String,
}

/// The events reported by one process since the session was last reconciled.
#[derive(Debug, Default)]
struct NewEvents {
    newest: Option<Money>,
    /// True if a run may have started since then.
    is_new_run: bool,
}

impl NewEvents {
    fn add(&mut self, event: &RunEvent) {
        self.newest = self.newest.max(event.total);
        self.is_new_run |= event.kind != EventKind::Sampled;
    }
}

/// The increase in a session's running totals since it was last reconciled.
#[derive(Debug, Default)]
struct Increase {
    amount: Money,
    events: i64,
    /// True if a run started since then.
    has_new_run: bool,
    /// True if each of these runs started from a known total.
    is_proven: bool,
}

impl OpenLedger {
    /// Reads a session's new lines and adds this call's sample. Returns `None` if the ledger cannot be read.
    pub fn read(
        ledger: Ledger,
        paths: &Paths,
        session: &str,
        transcript: Option<&Path>,
        sample: Option<TotalSample>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let mut ledger = ledger;
        let has_been_read = match transcript {
            Some(path) => ledger.read(|store| store.has_been_read(path)).ok()?,
            None => false,
        };
        if !has_been_read && ledger.read(Store::is_empty).ok()? {
            // If there is little to read, a single call completes a new ledger.
            let read_time = ReadTime::Within(MAX_READ_TIME);
            let roots = paths.transcript_roots();
            let _ = ledger.catch_up(roots, &settings::prices(paths), read_time, &mut |_, _| {});
        }
        // The transaction stays open until the line has been printed.
        let begun = ledger.read(|store| store.0.execute_batch("BEGIN IMMEDIATE"));
        let mut batch = match transcript {
            Some(path) => ledger
                .read(|store| store.read_session(path, false, MAX_READ_TIME))
                .ok()?,
            None => Batch::default(),
        };
        let prices = (!batch.files.is_empty()).then(|| settings::prices(paths));
        if let Some(prices) = &prices {
            batch.finish(prices);
        }
        let event = sample
            .filter(|_| !session.is_empty())
            .map(|sample| ReportedEvent::sampled(session, transcript, sample, now));
        let mut live = Self {
            prices,
            session: id_of(session.as_bytes()),
            ledger,
            event,
            sample,
            is_in_transaction: begun.is_ok(),
            is_first: false,
            must_reconcile: false,
            is_whole: !batch.is_cut_short && batch.unreadable.is_empty(),
            cost_of_unsaved_responses: Money::ZERO,
            pending: Money::ZERO,
            unsaved_limit_facts: Vec::new(),
        };
        if live.is_in_transaction {
            let added = live
                .ledger
                .read(|store| live.add(store, &mut batch, paths));
            if let Ok(is_first) = added {
                live.is_first = is_first;
                live.must_reconcile = is_first;
                live.event = None;
                return Some(live);
            }
            live.is_in_transaction = false;
            let _ = live
                .ledger
                .read(|store| store.0.execute_batch("ROLLBACK"));
        }
        // The sample goes to the journal, and the next call reads the lines again.
        live.unsaved_limit_facts = batch.limit_facts();
        let cost = live
            .ledger
            .read(|store| live.cost_of_new(store, &batch.responses));
        live.cost_of_unsaved_responses = cost.unwrap_or_default();
        Some(live)
    }

    /// Adds the new facts and the sample. Returns true if the process has just started or has just switched to this
    /// session.
    fn add(&self, store: &Store, batch: &mut Batch, paths: &Paths) -> Result<bool> {
        if let Some(prices) = &self.prices {
            store.commit(batch, prices)?;
        }
        let event = self.event.as_ref();
        let is_first = match event {
            Some(event) => store.add_event(event)?,
            None => false,
        };
        store.pick_up_events(&paths.data)?;
        // A checkpoint that appears while a process is running may come from a different process.
        let is_due = batch.changes_results() || store.has_temporary_bound(self.session, event)?;
        // Before a new run, the session's cost up to that point must be determined.
        if is_due || is_first {
            let prices = self.prices.clone();
            let prices = prices.unwrap_or_else(|| settings::prices(paths));
            store.reconcile_session(self.session, &prices)?;
        }
        Ok(is_first)
    }

    /// Returns the cost of the session's responses that the ledger does not contain.
    fn cost_of_new(&self, store: &Store, responses: &[Response]) -> Result<Money> {
        let mut cost = Money::ZERO;
        for response in responses {
            let is_known: bool = store.value(
                "SELECT EXISTS (SELECT 1 FROM responses WHERE key = ?1)",
                [response.key],
            )?;
            if !is_known && response.session == self.session {
                cost += response.cost;
            }
        }
        Ok(cost)
    }

    /// Returns the current spend, or an error if the ledger cannot be read. The month's spend is read only on request.
    pub fn figures(
        &mut self,
        environment: &Environment,
        with_month: bool,
    ) -> LedgerResult<LiveFigures> {
        let (stored, tally, increase) = self.ledger.read(|store| {
            let stored = store.stored_session(self.session)?;
            let increase = self.increase(store, &stored)?;
            Ok((stored, store.session_tally(self.session)?, increase))
        })?;
        let has_many_events = increase.events % EVENTS_TO_RECONCILE == EVENTS_TO_RECONCILE - 1;
        self.must_reconcile |= increase.has_new_run || has_many_events;
        let amount = match &self.prices {
            Some(prices) => prices.scale_client_amount(increase.amount),
            None => increase.amount,
        };
        let breakdown = &stored.breakdown;
        let by_totals = breakdown.covered + amount;
        let recorded = tally.recorded;
        let by_lines = recorded + breakdown.unrecorded + self.cost_of_unsaved_responses;
        let cost = by_totals.max(by_lines);

        let is_identified = self.process().is_some();
        // Until the session is reconciled, its earlier history is known only from transcript lines.
        let is_covered = is_identified && increase.is_proven;
        let at_least = tally.at_least
            || !is_covered && self.sample.is_some_and(|sample| sample.total > cost)
            || !self.is_whole && (!is_identified || breakdown.last_event == 0);
        let session = Tally {
            unrecorded: (cost - recorded).or_zero(),
            pending: Money::ZERO,
            at_least,
            ..tally
        };
        let off_transcript: Money = breakdown
            .off_transcript
            .iter()
            .filter(|spend| !(spend.kind == OffTranscriptKind::Pending && stored.is_dirty))
            .map(|spend| spend.cost)
            .sum();
        self.pending = (cost - recorded - off_transcript).or_zero();
        let Environment { zone, now, .. } = environment;
        let month = if with_month {
            Some(self.tally_of(zone.month_bounds(*now), at_least)?)
        } else {
            None
        };
        Ok(LiveFigures {
            session,
            today: self.tally_of(zone.day_bounds(*now), at_least)?,
            month,
            is_complete: self.ledger.read(Store::is_complete)?,
        })
    }

    /// Returns the spend of all sessions in a period, including what is not in the database. `at_least` is true if the
    /// session's own amount is a lower bound.
    fn tally_of(
        &self,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
        at_least: bool,
    ) -> LedgerResult<Tally> {
        let period = from.timestamp_millis()..until.timestamp_millis();
        let mut tally = self
            .ledger
            .read(|store| store.tally_between(&period))?;
        tally.pending += self.pending;
        tally.at_least |= at_least;
        Ok(tally)
    }

    /// Returns the increase in the session's running totals since the last reconciliation, whose results are `stored`.
    fn increase(&self, store: &Store, stored: &StoredSession) -> Result<Increase> {
        let mut by_process: BTreeMap<Id, NewEvents> = BTreeMap::new();
        let events = store.events(
            &format!("{OF_SESSION} AND position > ?2 AND key <> 0"),
            [self.session, stored.breakdown.last_event],
        )?;
        let mut increase = Increase {
            is_proven: true,
            ..Increase::default()
        };
        // This call's event may not be in the ledger yet.
        let unsaved = self.event.iter().map(|reported| &reported.event);
        for event in events.iter().chain(unsaved) {
            by_process
                .entry(event.process)
                .or_default()
                .add(event);
            increase.events += 1;
        }
        let own_process = self.process();
        for (process, samples) in by_process {
            let is_own = own_process == Some(process);
            match (stored.breakdown.open_totals.get(&process), samples.newest) {
                (Some(known), Some(newest)) if !(samples.is_new_run || is_own && self.is_first) => {
                    increase.amount += (newest - *known).or_zero();
                }
                (_, Some(newest)) => {
                    increase.has_new_run = true;
                    increase.is_proven &= newest.is_near(Money::ZERO)
                        || store.has_checkpoint_of(self.session, newest)?;
                }
                (_, None) => {}
            }
        }
        Ok(increase)
    }

    /// Returns the process that reported this call's total, if it is known.
    fn process(&self) -> Option<Id> {
        Some(self.sample?.process?.identity)
    }

    /// Returns the model that answers the session's requests, if that is not the one that the user selected. `current` is the
    /// model that Claude Code shows: the selected one, or the other one if the whole session was switched. Returns `None` if
    /// the user has selected a model since the last response.
    pub(crate) fn substitute_for(&self, current: &str) -> Option<Substitute> {
        let row: Option<(Millis, String, String, bool)> = self
            .ledger
            .read(|store| {
                let newest = [self.session, SUBAGENT];
                // Nearly always, the requested model answers, and this query takes a quarter of the time of the other.
                match store.first(IS_SUBSTITUTED, newest, |row| row.get(0))? {
                    Some(true) => store.first(SUBSTITUTE, newest, |row| row.try_into()),
                    _ => Ok(None),
                }
            })
            .ok()?;
        let (since, model, requested, is_switched) = row?;
        let is_current =
            is_same_model(&requested, current) || is_switched && is_same_model(&model, current);
        is_current.then(|| Substitute {
            since: datetime_from_millis(since),
            model,
        })
    }

    /// Returns the ledger. If a transaction is open, it contains the new facts.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the facts about limits in new lines that could not be stored, because the ledger is busy.
    pub(crate) fn unsaved_limit_facts(&self) -> &[Fact] {
        &self.unsaved_limit_facts
    }

    /// Returns true if this is the first call of its process in this session.
    pub(crate) fn is_first(&self) -> bool {
        self.is_first
    }

    /// Commits the transaction, merges the write-ahead log if it is long, and returns the ledger. Appends the sample to
    /// the journal if it could not be stored.
    pub fn commit(mut self, paths: &Paths) -> Ledger {
        if let Some(event) = &self.event {
            event.append_to_journal(paths);
        }
        if self.is_in_transaction {
            let committed = self.ledger.commit_open_transaction();
            if committed.is_ok() && self.must_reconcile {
                let prices = self
                    .prices
                    .take()
                    .unwrap_or_else(|| settings::prices(paths));
                let _ = self.ledger.reconcile_dirty(&prices);
            }
            // If this fails, the log is still valid, and the next call merges it.
            let _ = self.ledger.merge_long_log();
        }
        self.ledger
    }
}

impl Store {
    /// Returns true if no transcript has ever been read.
    fn is_empty(&self) -> Result<bool> {
        self.value("SELECT NOT EXISTS (SELECT 1 FROM files)", [])
    }

    /// Returns true if the session's lineage has a checkpoint with this amount, from which a run may have started.
    fn has_checkpoint_of(&self, session: Id, amount: Money) -> Result<bool> {
        let lines = self.facts(
            &format!("{OF_LINEAGE} AND kind = ?2"),
            params![self.lineage_of(session)?, FactKind::Checkpoint],
        )?;
        let mut checkpoints = lines.iter().filter_map(FactRow::checkpoint);
        Ok(checkpoints.any(|checkpoint| checkpoint.cost.is_near(amount)))
    }

    /// Returns true if the session's amount recently became a lower bound that this sample might make exact.
    fn has_temporary_bound(&self, session: Id, sample: Option<&ReportedEvent>) -> Result<bool> {
        let Some(sample) = sample else {
            return Ok(false);
        };
        let bounds = self.stored_session(session)?.breakdown.bounds;
        Ok(bounds.iter().any(|bound| {
            let is_temporary = matches!(
                bound.reason,
                LowerBoundReason::Compaction
                    | LowerBoundReason::LaterResponses
                    | LowerBoundReason::TerminalWithoutTotal
            );
            is_temporary && sample.event.at - bound.at < MAX_BOUND_AGE
        }))
    }
}
