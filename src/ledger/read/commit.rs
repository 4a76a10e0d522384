//! A batch into the ledger.
//!
//! Everything is keyed by what it is, not by when it was read, so committing a batch twice, or two
//! overlapping batches in any order, counts nothing twice and comes to the same.

use std::collections::HashSet;

use rusqlite::{CachedStatement, Connection, params};

use super::batch::{Batch, CompactionSeen, FileSeen, Project, ResponseSeen, SeenAt};
use crate::ledger::store::{
    Id, ResponseRow, StoredSighting, SumChanges, families, marks, model_id, put_scene, put_session,
    responses, told, totals, transcript_files,
};
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
    let sessions = batch
        .sessions
        .iter()
        .map(|(name, project)| SessionKnown::put(connection, name, project.as_ref()))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let models = batch
        .models
        .iter()
        .map(|model| {
            let id = model_id(connection, &prices.canonical(model))?;
            Ok((id, prices.prices_of(model)))
        })
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (id, scene) in &batch.scenes {
        put_scene(connection, *id, scene)?;
    }
    let mut writer = Writer {
        connection,
        sessions,
        models,
        prices,
        files: Vec::new(),
        concerned,
    };
    for file in &batch.files {
        writer.put_file(file)?;
    }
    writer.put_responses(batch)?;
    let sessions = writer.sessions.iter().map(|session| session.id);
    let sessions: Vec<Id> = sessions.collect();
    concerned.gained.extend(sessions);
    Ok(())
}

/// Puts a batch into an open transaction, with all that follows from it.
pub(crate) fn put_and_settle(
    connection: &Connection,
    batch: &Batch,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let mut concerned = Concerned::default();
    put(connection, batch, prices, &mut concerned)?;
    settle(connection, concerned, prices)
}

/// Derives anew what is concerned by batches that were put.
pub(crate) fn settle(
    connection: &Connection,
    concerned: Concerned,
    prices: &PriceTable,
) -> rusqlite::Result<()> {
    let mut families = HashSet::new();
    for session in concerned.sessions {
        families.insert(families::family_of(connection, session)?);
    }
    for family in families {
        families::settle(connection, family, prices)?;
    }
    for session in told::sessions(connection)? {
        if concerned.gained.contains(&session) {
            told::renew_unwritten(connection, session)?;
        }
    }
    Ok(())
}

/// Sessions that are to be looked at again.
#[derive(Debug, Default)]
pub(crate) struct Concerned {
    /// Whose family is to be derived anew.
    sessions: HashSet<Id>,
    /// Who recorded something.
    gained: HashSet<Id>,
}

/// A session of a batch.
struct SessionKnown {
    id: Id,
    /// The end of its last run.
    until: Option<Millis>,
}

impl SessionKnown {
    fn put(
        connection: &Connection,
        name: &str,
        project: Option<&Project>,
    ) -> rusqlite::Result<Self> {
        let id = put_session(connection, name)?;
        let (until, known): (_, Option<Project>) = connection
            .prepare_cached("SELECT until, project_rank, project FROM session WHERE id = ?")?
            .query_row([id], |row| {
                let rank: Option<i64> = row.get(1)?;
                Ok((row.get(0)?, rank.zip(row.get(2)?)))
            })?;
        if let Some((rank, directory)) = project
            && known.is_none_or(|known| (*rank, directory) < (known.0, &known.1))
        {
            connection
                .prepare_cached("UPDATE session SET project = ?2, project_rank = ?3 WHERE id = ?1")?
                .execute(params![id, directory, rank])?;
        }
        Ok(Self { id, until })
    }
}

struct Writer<'c> {
    connection: &'c Connection,
    /// By their places in the batch, as the next.
    sessions: Vec<SessionKnown>,
    models: Vec<(Id, ModelPrices<'c>)>,
    /// With the places of their sessions.
    files: Vec<(Id, usize)>,
    prices: &'c PriceTable,
    concerned: &'c mut Concerned,
}

impl Writer<'_> {
    fn session(&self, place: usize) -> Option<&SessionKnown> {
        self.sessions.get(place)
    }

    fn put_file(&mut self, seen: &FileSeen) -> rusqlite::Result<()> {
        let connection = self.connection;
        let Some(session) = self.session(seen.session).map(|session| session.id) else {
            return Ok(());
        };
        let file = transcript_files::put_position(connection, &seen.path, session, &seen.now)?;
        self.files.push((file, seen.session));
        if seen.continuity == Continuity::ReadAnew {
            transcript_files::cut_off(connection, file)?;
            self.concerned.sessions.insert(session);
        }
        let mut has_new_mark = false;
        for (position, mark) in &seen.marks {
            has_new_mark |= marks::put_mark(connection, file, position.cast_signed(), *mark)?;
            if let Some(key) = mark.snapshot {
                self.link_sharers("snapshot", key, session)?;
            }
        }
        if has_new_mark && families::has_relatives(connection, session)? {
            self.concerned.sessions.insert(session);
        }
        for compaction in &seen.compactions {
            self.put_compaction(compaction, session)?;
        }
        if let Some(at) = seen.behind_known_total
            && totals::put_behind(connection, file, at)?
        {
            self.concerned.sessions.insert(session);
        }
        for total in &seen.totals {
            totals::put(connection, file, session, total, self.prices)?;
            for other in totals::sessions_with_start(connection, total.started, session)? {
                families::link(connection, session, other)?;
            }
            self.concerned.sessions.insert(session);
        }
        Ok(())
    }

    fn link_sharers(&mut self, table: &'static str, key: i64, session: Id) -> rusqlite::Result<()> {
        for other in marks::sessions_that_share(self.connection, table, key, session)? {
            families::link(self.connection, session, other)?;
            self.concerned.sessions.insert(session);
        }
        Ok(())
    }

    fn put_compaction(&mut self, found: &CompactionSeen, session: Id) -> rusqlite::Result<()> {
        let Some((seen, _)) = self.sighting(&found.seen) else {
            return Ok(());
        };
        let connection = self.connection;
        if marks::put_compaction(connection, found.key, found.at, found.tokens, seen)? {
            self.link_named(session, &seen)?;
            self.link_sharers("compaction", found.key, session)?;
            let place = self.files.last().map(|(_, place)| *place);
            let until = place.and_then(|place| self.session(place)?.until);
            if until >= Some(found.at) {
                self.concerned.sessions.insert(session);
            }
        }
        Ok(())
    }

    fn link_named(&mut self, session: Id, seen: &StoredSighting) -> rusqlite::Result<()> {
        if let Some(named) = seen.names {
            families::link(self.connection, session, named)?;
            self.concerned.sessions.insert(session);
        }
        Ok(())
    }

    /// A place in the ledger, and the place in the batch of the session whose file it is in.
    fn sighting(&self, seen: &SeenAt) -> Option<(StoredSighting, usize)> {
        let (file, session) = self.files.get(seen.file)?;
        let names = seen.names.and_then(|place| self.session(place));
        let stored = StoredSighting {
            file: *file,
            position: seen.position.cast_signed(),
            is_late: seen.is_late,
            names: names.map(|session| session.id),
        };
        Some((stored, *session))
    }

    fn put_responses(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let mut changes = SumChanges::default();
        // As they stand in the files, so that a big read appends to the table instead of filling it
        // all over, as the order of their keys would: these are hashes.
        let mut in_order: Vec<_> = batch.responses.iter().collect();
        in_order.sort_unstable_by_key(|(_, seen)| (seen.first.file, seen.first.position));
        let mut insert = self.connection.prepare_cached(responses::INSERT)?;
        for (key, seen) in in_order {
            self.put_response(*key, seen, &mut insert, &mut changes)?;
        }
        changes.apply(self.connection)
    }

    fn put_response(
        &mut self,
        key: i64,
        found: &ResponseSeen,
        insert: &mut CachedStatement<'_>,
        changes: &mut SumChanges,
    ) -> rusqlite::Result<()> {
        let connection = self.connection;
        let (Some((first, home)), Some((model, prices))) = (
            self.sighting(&found.first),
            self.models.get(found.counted.model),
        ) else {
            return Ok(());
        };
        let Some(owner) = self.session(found.first.names.unwrap_or(home)) else {
            return Ok(());
        };
        let until = owner.until;
        let mut counted = found.counted.of_model(*model);
        for one in &mut counted.advice {
            one.model = self.prices.canonical(&one.model);
        }
        let new = ResponseRow::priced(counted, owner.id, first, prices);
        if new.write(insert, key)? == 1 {
            changes.add(&new);
            if until >= Some(new.counted.at) {
                self.concerned.sessions.insert(new.session);
            }
            if let Some(home) = self.session(home).map(|session| session.id) {
                self.link_named(home, &first)?;
            }
        } else if let Some(old) = responses::read(connection, key)? {
            let mut now = old.clone();
            now.counted.merge(&new.counted);
            now.price(prices);
            if old.seen.file == first.file {
                now.seen = old.seen.seen_again(first);
            }
            if now != old {
                let mut replace = connection.prepare_cached(responses::REPLACE)?;
                now.write(&mut replace, key)?;
                changes.take_away(&old);
                changes.add(&now);
                let until = told::facts(connection, old.session)?.until;
                if until >= Some(now.counted.at) || now.seen != old.seen {
                    self.concerned.sessions.insert(old.session);
                }
            }
            if old.seen.file != first.file {
                self.put_copy(key, first, home, &old)?;
            }
        }
        for copy in &found.copies {
            if let (Some((seen, home)), Some(row)) =
                (self.sighting(copy), responses::read(connection, key)?)
            {
                self.put_copy(key, seen, home, &row)?;
            }
        }
        Ok(())
    }

    fn put_copy(
        &mut self,
        key: i64,
        seen: StoredSighting,
        home: usize,
        row: &ResponseRow,
    ) -> rusqlite::Result<()> {
        let Some(home) = self.session(home).map(|session| session.id) else {
            return Ok(());
        };
        if seen.file != row.seen.file && responses::put_copy(self.connection, key, seen)? {
            // Whose file the other is in may have changed hands since; its owner is kin in any case.
            families::link(self.connection, home, row.session)?;
            self.link_named(home, &seen)?;
            self.concerned.sessions.insert(home);
        }
        Ok(())
    }
}
