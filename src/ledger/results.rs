//! Recalculates results after facts have changed.

use std::path::Path;

use super::collect::ResponsesBySession;
use super::database::{Ledger, RULES, Store};
use super::error::{LedgerResult, Result};
use super::facts::Id;
use super::reconcile::reconcile;
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
}

impl Store {
    /// Adds the events from the journal in the data directory and reconciles every lineage whose facts have changed.
    /// If all responses of the ledger have just been read, `collected` contains them.
    pub(super) fn reconcile_dirty(
        &self,
        data: &Path,
        prices: &PriceTable,
        mut collected: Option<ResponsesBySession>,
    ) -> Result<()> {
        self.pick_up_events(data)?;
        let dirty: Vec<Id> = self.all(
            "SELECT DISTINCT lineage FROM sessions WHERE is_dirty",
            [],
            |row| row.get(0),
        )?;
        for lineage in dirty {
            self.reconcile_lineage(lineage, prices, collected.as_mut())?;
        }
        Ok(())
    }

    fn has_dirty(&self) -> Result<bool> {
        self.value("SELECT EXISTS (SELECT 1 FROM sessions WHERE is_dirty)", [])
    }

    /// Reconciles a session's lineage.
    pub(super) fn reconcile_session(&self, session: Id, prices: &PriceTable) -> Result<()> {
        match self.lineage_of(session)? {
            Some(lineage) => self.reconcile_lineage(lineage, prices, None),
            None => Ok(()),
        }
    }

    fn reconcile_lineage(
        &self,
        lineage: Id,
        prices: &PriceTable,
        collected: Option<&mut ResponsesBySession>,
    ) -> Result<()> {
        let facts = self.lineage(lineage, collected)?;
        self.store_results(&facts, &reconcile(&facts, prices))
    }
}
