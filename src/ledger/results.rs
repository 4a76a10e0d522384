//! Recalculates results after facts have changed.

use std::path::Path;
use std::sync::mpsc::{self, SendError};
use std::thread;

use super::collect::ResponsesBySession;
use super::database::{Ledger, RULES, Store};
use super::error::{LedgerResult, Result};
use super::facts::Id;
use super::reconcile::{Lineage, reconcile};
use crate::pricing::PriceTable;

impl Ledger {
    /// Adds the events from the journal and reconciles every lineage whose facts have changed.
    pub(super) fn reconcile_dirty(&mut self, prices: &PriceTable) -> LedgerResult<()> {
        let data = self.data_directory();
        let has_work =
            self.read(|store| Ok(store.has_events_to_pick_up(data)? || store.has_dirty()?))?;
        if has_work {
            self.write(|store| store.reconcile_dirty(data, prices, None))?;
        }
        Ok(())
    }

    /// Recalculates all costs and results if the prices or the rules have changed.
    pub fn renew(&mut self, prices: &PriceTable) -> LedgerResult<()> {
        self.write(|store| {
            let fingerprint = prices.fingerprint();
            let is_current =
                store.meta("prices")? == Some(fingerprint) && store.meta("rules")? == Some(RULES);
            if is_current {
                return Ok(());
            }
            store.reprice(prices, &store.model_names()?)?;
            store.make_sums()?;
            store.mark_all_dirty()?;
            store.set_meta("prices", fingerprint)?;
            store.set_meta("rules", RULES)
        })
    }

    /// Recalculates the sums if they do not match the responses.
    pub fn check_sums(&mut self) -> LedgerResult<()> {
        if !self.read(Store::are_sums_right)? {
            self.write(Store::make_sums)?;
        }
        Ok(())
    }
}

impl Store {
    /// Adds the events from the journal in the data directory and reconciles every lineage whose facts have changed.
    /// If all responses of the ledger have just been read, `collected` contains them.
    pub(super) fn reconcile_dirty(
        &self,
        data: &Path,
        prices: &PriceTable,
        collected: Option<ResponsesBySession>,
    ) -> Result<()> {
        self.pick_up_events(data)?;
        self.reconcile_dirty_lineages(prices, collected)
    }

    fn has_dirty(&self) -> Result<bool> {
        self.value("SELECT EXISTS (SELECT 1 FROM sessions WHERE is_dirty)", [])
    }

    fn reconcile_dirty_lineages(
        &self,
        prices: &PriceTable,
        collected: Option<ResponsesBySession>,
    ) -> Result<()> {
        let dirty: Vec<Id> = self.all(
            "SELECT DISTINCT lineage FROM sessions WHERE is_dirty",
            [],
            |row| row.get(0),
        )?;
        match collected {
            Some(collected) => self.reconcile_collected(&dirty, prices, collected),
            None => dirty
                .into_iter()
                .try_for_each(|lineage| self.reconcile_lineage(lineage, prices)),
        }
    }

    /// Reconciles lineages whose responses have just been read. There may be hundreds of them, so another thread
    /// derives the results while this thread reads the facts and stores the results.
    fn reconcile_collected(
        &self,
        lineages: &[Id],
        prices: &PriceTable,
        mut collected: ResponsesBySession,
    ) -> Result<()> {
        thread::scope(|scope| {
            let (facts_sender, facts_receiver) = mpsc::channel::<Lineage>();
            let (results_sender, results_receiver) = mpsc::channel();
            let _ = thread::Builder::new().spawn_scoped(scope, move || {
                for facts in facts_receiver {
                    let results = reconcile(&facts, prices);
                    if results_sender.send((facts, results)).is_err() {
                        return;
                    }
                }
            });
            for lineage in lineages {
                let facts = self.lineage(*lineage, Some(&mut collected))?;
                if let Err(SendError(facts)) = facts_sender.send(facts) {
                    // The system cannot start another thread.
                    self.store_results(&facts, &reconcile(&facts, prices))?;
                }
            }
            drop(facts_sender);
            for (facts, results) in results_receiver {
                self.store_results(&facts, &results)?;
            }
            Ok(())
        })
    }

    /// Reconciles a session's lineage.
    pub(super) fn reconcile_session(&self, session: Id, prices: &PriceTable) -> Result<()> {
        match self.lineage_of(session)? {
            Some(lineage) => self.reconcile_lineage(lineage, prices),
            None => Ok(()),
        }
    }

    fn reconcile_lineage(&self, lineage: Id, prices: &PriceTable) -> Result<()> {
        let facts = self.lineage(lineage, None)?;
        self.store_results(&facts, &reconcile(&facts, prices))
    }
}
