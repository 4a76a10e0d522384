//! A batch into the ledger.
//!
//! Everything is keyed by what it is, not by when it was read, so committing a batch twice, or two
//! overlapping batches in any order, counts nothing twice and comes to the same.

use std::collections::HashSet;

use rusqlite::Result;

use super::batch::{Batch, FileSeen};
use crate::ledger::facts::{Answer, ById, Compaction, Id, Sighting};
use crate::ledger::store::answers::{ADD, REPLACE};
use crate::ledger::store::{Store, SumChanges};
use crate::pricing::{ModelPrices, PriceTable};
use crate::time::Millis;
use crate::transcript::reader::Continuity;

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
            models: prices_of_models(batch, prices),
            homes: homes.map(|file| (file.id, file.session)).collect(),
            concerned,
        };
        for file in &batch.files {
            writer.put_file(file)?;
        }
        // As they stand in the files, so that a big read appends to the table instead of filling it
        // all over, as the order of their keys would: these are hashes.
        let mut in_order: Vec<&Answer> = batch.answers.values().collect();
        in_order.sort_unstable_by_key(|answer| (answer.place.file, answer.place.position));
        for answer in in_order {
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

/// The prices of models, by their ids.
pub(crate) type PricesById<'p> = ById<ModelPrices<'p>>;

/// Those of the models of a batch.
pub(crate) fn prices_of_models<'p>(batch: &Batch, prices: &'p PriceTable) -> PricesById<'p> {
    let models = batch.models.iter();
    models
        .map(|(id, name)| (*id, prices.prices_of(name)))
        .collect()
}

/// An answer of a batch as it is to be stored, merged with what is known of it.
pub(crate) fn priced(found: &Answer, known: Option<&Answer>, models: &PricesById<'_>) -> Answer {
    let mut answer = Answer {
        copies: Vec::new(),
        ..known.unwrap_or(found).clone()
    };
    if let Some(known) = known {
        answer.merge(found);
        if known.place.file == found.place.file {
            answer.place = known.place.seen_again(found.place);
        }
    }
    if let Some(prices) = models.get(&found.model) {
        answer.price(prices);
    }
    answer
}

struct Writer<'c> {
    store: &'c Store,
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
        let is_anew = seen.continuity == Continuity::ReadAnew;
        if is_anew {
            store.cut_off(file)?;
        }
        let mut is_concerned = is_anew || !seen.totals.is_empty();
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
        self.concerned
            .sessions
            .extend(is_concerned.then_some(session));
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
        let store = self.store;
        let mut now = priced(found, None, &self.models);
        if store.put_answer(ADD, &now)? {
            self.concerned.changes.count(&now, 1);
            self.concern(now.session, now.at);
            self.link_named(self.home(&now.place), &now.place)?;
        } else if let Some(old) = store.answer(found.key)? {
            now = priced(found, Some(&old), &self.models);
            if now != old {
                self.concerned.changes.count(&old, -1);
                self.concerned.changes.count(&now, 1);
                store.put_answer(REPLACE, &now)?;
                self.concern(old.session, now.at);
            }
            if now.place != old.place {
                self.concerned.sessions.insert(old.session);
            }
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
