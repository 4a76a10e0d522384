//! Working out anew what the ledger counted: where prices changed, or a disk turned a bit over. A file
//! that says nothing any more is set aside, and the next reading fills a new one.

use std::collections::HashMap;

use rusqlite::{Result, Row};

use super::facts::{Answer, Id};
use super::store::answers::{REPLACE, put_answer};
use super::store::{Damage, Ledger, LedgerError, Patience, Store, SumChanges, path_in, set_aside};
use crate::places::Places;
use crate::pricing::{Money, PriceTable};

const PRICED_BY: &str = "priced by";

impl Ledger {
    /// Prices every response anew if the table or the user's own rates changed since the last
    /// time. Returns whether anything was to be done.
    pub fn reprice(&mut self, prices: &PriceTable) -> Result<bool, LedgerError> {
        let is_current =
            self.ask(|store| Ok(store.noted(PRICED_BY)? == Some(store.fingerprint(prices)?)))?;
        if !is_current {
            self.write(|store| store.work_out_anew(prices))?;
        }
        Ok(!is_current)
    }

    /// Does what can be done about the damage that this error tells of. It is worth trying again
    /// what failed, unless this fails too. `again`: it was tried, and did not help. It is set aside only
    /// for damage that stays: who finds it busy, or a newer whycap's, or the disk full, leaves it there.
    pub fn mend(
        places: &Places,
        patience: Patience,
        prices: &PriceTable,
        error: &LedgerError,
        again: bool,
    ) -> Result<(), LedgerError> {
        let set_aside = || set_aside(&path_in(&places.data), error, patience.limit());
        if again || error.damage() != Some(Damage::Content) {
            return set_aside();
        }
        let ledger = Self::open(&places.data, patience);
        match ledger.and_then(|ledger| ledger.write(|store| store.mend_sums(prices))) {
            Err(found) if found.is_damage() => set_aside(),
            done => done,
        }
    }

    /// Holds the sums against each other, and makes them anew where they disagree or are none: a
    /// bit that a disk turned over is noticed by nobody else.
    pub fn check_sums(&mut self, prices: &PriceTable) -> Result<(), LedgerError> {
        let are_sound = self.ask(|store| {
            let by_session = store.add_up("SELECT recorded, unpriced FROM session")?;
            let by_quarter = store.add_up("SELECT cost, unpriced FROM quarter")?;
            Ok(by_session.is_some() && by_session == by_quarter)
        })?;
        if are_sound {
            return Ok(());
        }
        self.write(|store| store.mend_sums(prices))
    }

    /// What an older whycap had counted, and what that time comes to now: at the first asking after
    /// all was worked out anew, if it differs.
    pub fn news_of_renewal(&mut self) -> Option<[Money; 2]> {
        let read = "SELECT before.value, (SELECT CAST(total(cost) AS INTEGER) FROM (SELECT quarter, cost FROM quarter UNION ALL SELECT quarter, abs(cost) FROM unrecorded UNION ALL SELECT quarter, cost FROM unwritten) WHERE quarter <= until.value)
            FROM meta AS before JOIN meta AS until ON before.name = 'spent before' AND until.name = 'spent until'";
        let sums = |row: &Row<'_>| Ok([row.get(0)?, row.get(1)?]);
        let [before, now]: [Money; 2] = self.store.query_row(read, [], sums).ok()?;
        let forget = "DELETE FROM meta WHERE name IN ('spent before', 'spent until')";
        self.write(|store| store.execute(forget, [])).ok()?;
        (!before.is_near(now)).then_some([before, now])
    }
}

impl Store {
    /// The sums of two columns. None if there is a negative amount. They wrap around where
    /// poisoned transcripts claim too much; both sides do.
    fn add_up(&self, query: &str) -> Result<Option<[i64; 2]>> {
        let mut sums = [0_i64; 2];
        let mut is_sound = true;
        self.each(query, [], |row| {
            for (column, sum) in sums.iter_mut().enumerate() {
                let value: i64 = row.get(column)?;
                is_sound &= value >= 0;
                *sum = sum.wrapping_add(value);
            }
            Ok(())
        })?;
        Ok(is_sound.then_some(sums))
    }

    /// Makes all sums from the answers where nothing that was worked out is to be believed.
    fn mend_sums(&self, prices: &PriceTable) -> Result<()> {
        self.execute_batch(
            "DELETE FROM unrecorded; DELETE FROM unwritten;
         UPDATE session SET unrecorded = 0, in_runs = 0, beyond = 0",
        )?;
        self.work_out_anew(prices)?;
        for session in self.drawn_sessions()? {
            self.renew_unwritten(session)?;
        }
        Ok(())
    }

    /// Prices every response, and makes all sums from them. What is in no file stays in the quarters of an
    /// hour in which it was drawn, and what a session had before that stays what it was.
    fn work_out_anew(&self, prices: &PriceTable) -> Result<()> {
        self.execute_batch("DELETE FROM quarter; UPDATE session SET recorded = 0, unpriced = 0")?;
        let names = self.models()?.into_iter();
        let models = names.map(|(id, name)| (id, prices.prices_of(&name)));
        let models: HashMap<Id, _> = models.collect();
        let mut changes = SumChanges::default();
        let mut repriced: Vec<Answer> = Vec::new();
        self.each_answer(|known| {
            let mut answer = known.clone();
            if let Some(prices) = models.get(&known.model) {
                answer.price(prices);
            }
            let pico = answer.cost.pico();
            if pico < 0 {
                return Err(rusqlite::Error::IntegralValueOutOfRange(0, pico));
            }
            changes.count(&answer, 1);
            repriced.extend(Some(answer).filter(|answer| *answer != known));
            Ok(())
        })?;
        let mut replace = self.prepare_cached(REPLACE)?;
        for answer in &repriced {
            put_answer(&mut replace, answer)?;
        }
        self.change_sums(changes)?;
        for family in self.families_with_totals()? {
            self.settle_family(family, prices)?;
        }
        self.note(PRICED_BY, self.fingerprint(prices)?)
    }

    fn fingerprint(&self, prices: &PriceTable) -> Result<i64> {
        Ok(prices.fingerprint_of(self.models()?.values().map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::environment::Environment;

    /// An update of whycap while a report runs: what the older one writes does not fit any more.
    #[test]
    fn a_ledger_that_a_newer_whycap_took_over_meanwhile_is_not_set_aside() {
        let root = tempfile::tempdir().unwrap();
        let data = ("WHYCAP_DATA_DIR".into(), root.path().join("data").into());
        let places = Places::of(&Environment::new([data], DateTime::UNIX_EPOCH));
        let ledger = Ledger::open(&places.data, Patience::Person).unwrap();
        let newer = rusqlite::Connection::open(path_in(&places.data)).unwrap();
        let update = "ALTER TABLE scene ADD COLUMN newer INTEGER; PRAGMA user_version = 1000";
        newer.execute_batch(update).unwrap();
        let put = |store: &Store| store.put_scene(1, &crate::ledger::Scene::default());
        let error = ledger.write(put).unwrap_err();
        assert!(error.is_damage(), "it looks like it: {error}");
        let mended = Ledger::mend(&places, Patience::None, &PriceTable::list(), &error, false);
        assert!(matches!(mended, Err(LedgerError::Newer { .. })));
        assert!(Ledger::damaged_in(&places.data).is_empty());
    }
}
