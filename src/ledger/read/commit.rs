//! A batch into the ledger.
//!
//! Everything is keyed by what it is, not by when it was read, so committing a batch twice, or two
//! overlapping batches in any order, counts nothing twice and comes to the same.

use std::collections::HashSet;

use rusqlite::{CachedStatement, Connection};

use super::batch::{Batch, FileSeen};
use crate::ledger::facts::{Answer, ById, Compaction, Id, Sighting};
use crate::ledger::store::names::{put_model, put_scene, put_session};
use crate::ledger::store::sqlite::{first, run};
use crate::ledger::store::{SumChanges, answers, families, processes, transcript_files};
use crate::pricing::{ModelPrices, PriceTable};
use crate::time::Millis;
use crate::transcript::reader::Continuity;

/// Puts a batch into an open transaction. What follows from it for other responses and sessions is
/// left to [`settle`].
pub(crate) fn put(
    connection: &Connection,
    batch: &Batch,
    prices: &PriceTable,
    concerned: &mut Concerned,
) -> rusqlite::Result<()> {
    for (name, directory) in batch.sessions.values() {
        put_session(connection, name, directory.as_ref())?;
    }
    for (id, scene) in &batch.scenes {
        put_scene(connection, *id, scene)?;
    }
    for name in batch.models.values() {
        put_model(connection, name)?;
    }
    for session in batch.sessions.keys() {
        concerned.gained.entry(*session).or_insert(Millis::MAX);
    }
    let homes = batch.files.iter();
    let mut writer = Writer {
        connection,
        insert: connection.prepare_cached(answers::INSERT)?,
        models: prices_of_models(batch, prices),
        homes: homes.map(|file| (file.id, file.session)).collect(),
        concerned,
    };
    for file in &batch.files {
        writer.put_file(file)?;
    }
    let mut changes = SumChanges::default();
    // As they stand in the files, so that a big read appends to the table instead of filling it
    // all over, as the order of their keys would: these are hashes.
    let mut in_order: Vec<&Answer> = batch.answers.values().collect();
    in_order.sort_unstable_by_key(|answer| (answer.place.file, answer.place.position));
    for answer in in_order {
        writer.put_answer(answer, &mut changes)?;
    }
    for (key, asked) in &batch.switched {
        let put = "INSERT OR REPLACE INTO switched VALUES (?,?)";
        run(connection, put, [*key, *asked])?;
    }
    changes.apply(connection)
}

/// Puts a batch into an open transaction, with all that follows from it.
pub(crate) fn put_and_settle(
    connection: &Connection,
    batch: &Batch,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let mut concerned = Concerned::default();
    put(connection, batch, prices, &mut concerned)?;
    settle(connection, &concerned, prices)
}

/// Derives anew what is concerned by batches that were put.
pub(crate) fn settle(
    connection: &Connection,
    concerned: &Concerned,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let mut families = HashSet::new();
    for session in &concerned.sessions {
        families.insert(families::family_of(connection, *session)?);
    }
    let covered = "SELECT family FROM session WHERE id = ? AND until >= ?";
    for (session, since) in &concerned.gained {
        families.extend(first(connection, covered, [*session, *since], |row| {
            row.get::<_, Id>(0)
        })?);
    }
    for family in families {
        families::settle(connection, family, prices)?;
    }
    for session in processes::sessions(connection)? {
        if concerned.gained.contains_key(&session) {
            processes::renew_unwritten(connection, session)?;
        }
    }
    Ok(())
}

/// Sessions that are to be looked at again.
#[derive(Debug, Default)]
pub(crate) struct Concerned {
    /// Whose family is to be derived anew.
    sessions: HashSet<Id>,
    /// Who gained something, and since when.
    gained: ById<Millis>,
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
    connection: &'c Connection,
    /// [`answers::INSERT`].
    insert: CachedStatement<'c>,
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

    fn put_file(&mut self, seen: &FileSeen) -> rusqlite::Result<()> {
        let (connection, session) = (self.connection, seen.session);
        let file = seen.id;
        transcript_files::put_position(connection, file, &seen.path, session, &seen.now)?;
        if seen.continuity == Continuity::ReadAnew {
            transcript_files::cut_off(connection, file)?;
            self.concerned.sessions.insert(session);
        }
        let mut has_new_mark = false;
        for mark in &seen.marks {
            has_new_mark |= transcript_files::put_mark(connection, file, mark)?;
            if let Some(key) = mark.snapshot {
                self.link_sharers("mark", key, session)?;
            }
        }
        if has_new_mark && families::has_relatives(connection, session)? {
            self.concerned.sessions.insert(session);
        }
        for compaction in &seen.compactions {
            self.put_compaction(compaction)?;
        }
        if let Some(at) = seen.behind_known_total
            && transcript_files::put_behind(connection, file, at)?
        {
            self.concerned.sessions.insert(session);
        }
        for total in &seen.totals {
            transcript_files::put_total(connection, total)?;
            for other in transcript_files::sessions_with_start(connection, total.started, session)?
            {
                families::link(connection, session, other)?;
            }
            self.concerned.sessions.insert(session);
        }
        Ok(())
    }

    fn link_sharers(&mut self, table: &str, key: i64, session: Id) -> rusqlite::Result<()> {
        let connection = self.connection;
        for other in transcript_files::sessions_that_share(connection, table, key, session)? {
            families::link(connection, session, other)?;
            self.concerned.sessions.insert(session);
        }
        Ok(())
    }

    fn put_compaction(&mut self, found: &Compaction) -> rusqlite::Result<()> {
        for place in &found.places {
            if transcript_files::put_place(self.connection, found.key, place)? {
                transcript_files::put_compaction(self.connection, found)?;
                self.link_named(found.session, place)?;
                self.link_sharers("place", found.key, found.session)?;
                self.concern(found.session, found.at);
            }
        }
        Ok(())
    }

    fn link_named(&mut self, session: Id, place: &Sighting) -> rusqlite::Result<()> {
        if let Some(named) = place.copied_from {
            families::link(self.connection, session, named)?;
            self.concerned.sessions.insert(session);
        }
        Ok(())
    }

    fn put_answer(&mut self, found: &Answer, changes: &mut SumChanges) -> rusqlite::Result<()> {
        let connection = self.connection;
        let new = priced(found, None, &self.models);
        if answers::write(&mut self.insert, &new)? > 0 {
            changes.add(&new);
            self.concern(new.session, new.at);
            let home = self.home(&new.place);
            self.link_named(home, &new.place)?;
            return self.put_copies(found, &new);
        }
        let Some(old) = answers::read(connection, found.key)? else {
            return Ok(());
        };
        let now = priced(found, Some(&old), &self.models);
        if now != old {
            changes.take_away(&old);
            changes.add(&now);
            answers::replace(connection, &now)?;
            self.concern(old.session, now.at);
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
    fn put_copies(&mut self, found: &Answer, known: &Answer) -> rusqlite::Result<()> {
        for place in found
            .places()
            .filter(|place| place.file != known.place.file)
        {
            if transcript_files::put_place(self.connection, known.key, place)? {
                let home = self.home(place);
                // Whose file the other is in may have changed hands since; its owner is kin in any
                // case.
                families::link(self.connection, home, known.session)?;
                self.link_named(home, place)?;
                self.concerned.sessions.insert(home);
            }
        }
        Ok(())
    }
}
