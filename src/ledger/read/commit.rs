//! A batch into the ledger.
//!
//! Everything is keyed by what it is, not by when it was read, so committing a batch twice, or two
//! overlapping batches in any order, counts nothing twice and comes to the same.

use std::collections::HashSet;

use rusqlite::{CachedStatement, Result};

use super::batch::{Batch, FileSeen, PricesById};
use crate::ledger::facts::{Answer, ById, Compaction, Id, Sighting};
use crate::ledger::store::answers::{ADD, REPLACE, put_answer};
use crate::ledger::store::{Store, SumChanges};
use crate::pricing::PriceTable;
use crate::time::Millis;

impl Store {
    /// Puts a batch into an open transaction. What follows from it for other responses and sessions is
    /// left to [`Self::settle`].
    pub(crate) fn put_batch(
        &self,
        batch: &Batch,
        prices: &PriceTable,
        concerned: &mut Concerned,
    ) -> Result<()> {
        for (name, directory) in batch.sessions.values() {
            self.put_session(name, directory.as_ref())?;
        }
        for (id, scene) in &batch.scenes {
            self.put_scene(*id, scene)?;
        }
        for name in batch.models.values() {
            self.put_model(name)?;
        }
        for session in batch.sessions.keys() {
            concerned.gained.entry(*session).or_insert(Millis::MAX);
        }
        let homes = batch.files.iter();
        let mut writer = Writer {
            store: self,
            add: self.prepare_cached(ADD)?,
            models: batch.prices(prices),
            homes: homes.map(|file| (file.id, file.session)).collect(),
            concerned,
        };
        for file in &batch.files {
            writer.put_file(file)?;
        }
        // As they stand in the files: a big read appends to the table instead of filling it all over, as the
        // order of their keys would, which are hashes.
        for answer in batch.answers.values() {
            writer.put_answer(answer)?;
        }
        for (key, asked) in &batch.switched {
            let put = "INSERT OR REPLACE INTO switched VALUES (?,?)";
            self.run(put, [*key, *asked])?;
        }
        Ok(())
    }

    /// Puts a batch into an open transaction, with all that follows from it.
    pub(crate) fn put_and_settle(&self, batch: &Batch, prices: &PriceTable) -> Result<()> {
        let mut concerned = Concerned::default();
        self.put_batch(batch, prices, &mut concerned)?;
        self.settle(concerned, prices)
    }

    /// Derives anew what is concerned by batches that were put.
    pub(crate) fn settle(&self, concerned: Concerned, prices: &PriceTable) -> Result<()> {
        self.change_sums(concerned.changes)?;
        let mut families = HashSet::new();
        for session in &concerned.sessions {
            families.insert(self.family_of(*session)?);
        }
        let covered = "SELECT family FROM session WHERE id = ? AND until >= ?";
        for (session, since) in &concerned.gained {
            families.extend(self.first(covered, [*session, *since], |row| row.get::<_, Id>(0))?);
        }
        for family in families {
            self.settle_family(family, prices)?;
        }
        for session in self.drawn_sessions()? {
            if concerned.gained.contains_key(&session) {
                self.renew_unwritten(session)?;
            }
        }
        Ok(())
    }
}

/// What is to follow from batches: sums that change, and sessions that are to be looked at again.
#[derive(Debug, Default)]
pub(crate) struct Concerned {
    /// Whose family is to be derived anew.
    sessions: HashSet<Id>,
    /// Who gained something, and since when.
    gained: ById<Millis>,
    changes: SumChanges,
}

/// An answer of a batch, merged with what is known of it.
pub(crate) fn merged(found: &Answer, known: &Answer, models: &PricesById<'_>) -> Answer {
    let mut answer = known.clone();
    answer.merge(found);
    if known.place.file == found.place.file {
        answer.place = known.place.seen_again(found.place);
    }
    if let Some(prices) = models.get(&found.model) {
        answer.price(prices);
    }
    answer
}

struct Writer<'c> {
    store: &'c Store,
    /// Prepared once for all: looking it up would take a tenth of what it does.
    add: CachedStatement<'c>,
    models: PricesById<'c>,
    /// The sessions of the batch's files.
    homes: ById<Id>,
    concerned: &'c mut Concerned,
}

impl Writer<'_> {
    /// Notes that something of this time was found of a session: its runs may cover it.
    fn concern(&mut self, session: Id, at: Millis) {
        let since = self.concerned.gained.entry(session).or_insert(at);
        *since = at.min(*since);
    }

    fn put_file(&mut self, seen: &FileSeen) -> Result<()> {
        let (store, session, file) = (self.store, seen.session, seen.id);
        store.put_position(&seen.path, session, &seen.now)?;
        if seen.is_anew {
            store.cut_off(file)?;
        }
        let mut is_concerned = seen.is_anew || !seen.totals.is_empty();
        let mut has_new_mark = false;
        for mark in &seen.marks {
            has_new_mark |= store.put_mark(file, mark)?;
            if let Some(key) = mark.snapshot {
                is_concerned |= store.link_sharers("mark", key, session)?;
            }
        }
        is_concerned |= has_new_mark && store.has_relatives(session)?;
        for compaction in &seen.compactions {
            self.put_compaction(compaction)?;
        }
        if let Some(at) = seen.behind_known_total {
            is_concerned |= store.put_behind(file, at)?;
        }
        for total in &seen.totals {
            store.put_total(total)?;
            store.link_chain(total.started, session)?;
        }
        if is_concerned {
            self.concerned.sessions.insert(session);
        }
        Ok(())
    }

    fn put_compaction(&mut self, found: &Compaction) -> Result<()> {
        let (store, session) = (self.store, found.session);
        for place in &found.places {
            if store.put_place(found.key, place)? {
                store.put_compaction(found)?;
                self.link_named(session, place)?;
                if store.link_sharers("place", found.key, session)? {
                    self.concerned.sessions.insert(session);
                }
                self.concern(session, found.at);
            }
        }
        Ok(())
    }

    fn link_named(&mut self, session: Id, place: &Sighting) -> Result<()> {
        if let Some(named) = place.copied_from {
            self.store.link(session, named)?;
            self.concerned.sessions.insert(session);
        }
        Ok(())
    }

    fn put_answer(&mut self, found: &Answer) -> Result<()> {
        if put_answer(&mut self.add, found)? {
            self.concerned.changes.count(found, 1);
            self.concern(found.session, found.at);
            self.link_named(self.home(&found.place), &found.place)?;
            return self.put_copies(found, found);
        }
        let old = self.store.answer(found.key)?;
        let old = old.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let now = merged(found, &old, &self.models);
        if now != old {
            self.concerned.changes.count(&old, -1);
            self.concerned.changes.count(&now, 1);
            put_answer(&mut self.store.prepare_cached(REPLACE)?, &now)?;
            self.concern(old.session, now.at);
        }
        if now.place != old.place {
            self.concerned.sessions.insert(old.session);
        }
        self.put_copies(found, &now)
    }

    /// The session in whose file something stands.
    fn home(&self, place: &Sighting) -> Id {
        self.homes.get(&place.file).copied().unwrap_or_default()
    }

    /// Notes where else an answer was found than it is known to stand.
    fn put_copies(&mut self, found: &Answer, known: &Answer) -> Result<()> {
        let elsewhere = |place: &&Sighting| place.file != known.place.file;
        for place in found.places().filter(elsewhere) {
            if self.store.put_place(known.key, place)? {
                let home = self.home(place);
                // Whose file the other is in may have changed hands since; its owner is kin in any
                // case.
                self.store.link(home, known.session)?;
                self.link_named(home, place)?;
                self.concerned.sessions.insert(home);
            }
        }
        Ok(())
    }
}
