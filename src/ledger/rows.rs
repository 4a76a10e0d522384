//! Spend rows, the input of every report.

use std::collections::{HashMap, HashSet};
use std::iter::Sum;
use std::ops::{AddAssign, Range};
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use rusqlite::Row;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::database::{Ledger, Store};
use super::error::{LedgerResult, Result};
use super::facts::{Id, Response, id_of};
use super::lineage::breakdown_from;
use super::reconcile::{OffTranscriptKind, SessionBreakdown};
use super::stored_responses::{RESPONSE_COLUMNS, response_from};
use super::sums::{SUM_COLUMNS, tally_from};
use crate::pricing::{Money, Usage, canonical, known_tariffs_of};
use crate::time::Millis;

/// Selects each session's name, directory, first response, and last line.
pub(super) const ORIGINS: &str =
    "SELECT id, name, directory, (SELECT min(at) FROM responses WHERE session = sessions.id),
         (SELECT max(newest_at) FROM files WHERE session = sessions.id) FROM sessions";

/// An amount of spend, with its response and token counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The cost of the responses in transcripts.
    pub recorded: Money,
    /// Spend that appears only in running totals.
    pub unrecorded: Money,
    /// Spend reported by a status-line call that is not in any transcript yet.
    pub pending: Money,
    /// True if the actual amount may be higher.
    pub at_least: bool,
    /// The number of distinct responses.
    pub responses: u64,
    /// The number of responses without a known price. Unrecorded spend without a known price counts as one response.
    pub unpriced: u64,
    /// The token and search counts of the responses.
    pub usage: Usage,
}

impl Tally {
    /// Returns the total amount.
    pub fn cost(&self) -> Money {
        self.recorded + self.unrecorded + self.pending
    }

    /// Returns true if the amount is a lower bound. An amount that contains the estimated cost of a model without a
    /// known price may also be too high, so it is not a lower bound.
    pub(crate) fn is_lower_bound(&self) -> bool {
        self.at_least && self.unpriced == 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.recorded += other.recorded;
        self.unrecorded += other.unrecorded;
        self.pending += other.pending;
        self.at_least |= other.at_least;
        self.responses = self.responses.saturating_add(other.responses);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.usage += other.usage;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, tally| {
            sum += tally;
            sum
        })
    }
}

/// A session and its directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The ID of the session.
    pub session: String,
    /// The directory in which the session started, or an empty string if it is unknown.
    pub project: String,
    /// The time of the session's first response.
    pub first_at: Option<Millis>,
    /// The time of the newest line in the session's transcripts.
    pub last_at: Option<Millis>,
}

impl Default for &Origin {
    fn default() -> Self {
        static UNKNOWN: LazyLock<Origin> = LazyLock::new(Origin::default);
        &UNKNOWN
    }
}

/// The context of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestContext {
    /// The Git branch, or an empty string.
    pub branch: String,
    /// The type of the subagent, `main` for the session itself, or `subagent` if the type is unknown.
    pub agent: String,
}

/// Returns the ID of a context. There are few combinations of names, so a 40-bit hash is enough.
pub(super) fn context_id(branch: &str, agent: &str) -> Id {
    (xxh3_64([branch, agent].join("\0").as_bytes()) >> 24).cast_signed()
}

/// The kind of spend in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SpendKind {
    /// Responses in transcripts.
    #[default]
    Response,
    /// Requests that compacted a conversation. Transcripts do not contain their responses.
    Compaction,
    /// Other requests that transcripts do not contain, such as requests for session titles.
    Background,
    /// Spend reported by a status-line call that is not in any transcript yet.
    Pending,
}

/// The cost of one model in a quarter of an hour, or of a single response.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpendRow<'l> {
    /// The start of the quarter hour, or the time of the response.
    pub at: Millis,
    /// The session, or an empty origin if the rows do not distinguish sessions ([`RowsBy::Quarter`]).
    pub origin: &'l Origin,
    /// The canonical name of the model.
    pub model: &'l str,
    /// The canonical name of the requested model if another one responded, and if the prices of both are known. An unknown
    /// name may be an alias or an inference profile of the model that responded.
    pub requested: Option<&'l str>,
    /// The spend.
    pub tally: Tally,
    /// The kind of spend.
    pub kind: SpendKind,
    /// The key of the response, if the row contains only one response.
    pub response_key: Option<i64>,
    /// The context of the response (branch, agent, and so on), if the row contains only one response.
    pub context: Option<&'l RequestContext>,
    /// The name of the person, if the rows come from several machines.
    pub person: &'l str,
    /// The name of the machine, if the rows come from several machines.
    pub machine: &'l str,
    /// The machine's `team` label.
    pub team: &'l str,
}

/// The level of detail of rows. In each case, a row covers a single model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsBy {
    /// A row for each quarter hour.
    Quarter,
    /// A row for each quarter hour and session.
    Session,
    /// A row for each response, in chronological order.
    Response,
}

/// A period that begins and ends on a quarter hour.
pub type RowsPeriod = Range<Millis>;

/// A period that includes all times.
pub const EVER: RowsPeriod = Millis::MIN..Millis::MAX;

/// A function that receives rows one by one.
pub type EachRow<'e> = &'e mut dyn FnMut(SpendRow<'_>);

/// A predicate that selects sessions or directories.
pub type Selected<'s> = &'s dyn Fn(&str) -> bool;

/// Responses from a model other than the requested one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSwitch {
    /// The canonical name of the model that was requested.
    pub requested_model: String,
    /// The canonical name of the model that responded.
    pub responding_model: String,
    /// The number of responses.
    pub responses: u64,
    /// The cost of these responses.
    pub cost: Money,
}

impl ModelSwitch {
    /// Adds the responses in a row to a list of switches if another model was requested.
    pub(crate) fn add(row: &SpendRow<'_>, switches: &mut Vec<Self>) {
        let Some(requested) = row.requested else {
            return;
        };
        let known = switches.iter_mut().find(|known| {
            known.requested_model == requested && known.responding_model == row.model
        });
        if let Some(known) = known {
            known.responses += row.tally.responses;
            known.cost += row.tally.recorded;
            return;
        }
        switches.push(Self {
            requested_model: requested.to_owned(),
            responding_model: row.model.to_owned(),
            responses: row.tally.responses,
            cost: row.tally.recorded,
        });
    }
}

/// A source of rows: the ledger of this machine, or the exports of several machines.
pub trait SpendSource {
    /// Calls `each` for every row in a period, in chronological order.
    fn rows(&self, period: RowsPeriod, by: RowsBy, each: EachRow<'_>) -> LedgerResult<()>;

    /// Returns the transcripts with damaged lines that may have been written in a period, each with the number of its
    /// damaged lines.
    fn damaged(&self, _: RowsPeriod) -> LedgerResult<Vec<(String, u32)>> {
        Ok(Vec::new())
    }
}

/// The names of sessions, models, and contexts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub sessions: HashMap<Id, Origin>,
    pub(super) models: HashMap<Id, String>,
    pub(super) contexts: HashMap<Id, RequestContext>,
}

impl Names {
    pub(crate) fn origin(&self, session: Id) -> &Origin {
        self.sessions.get(&session).unwrap_or_default()
    }

    /// Returns the canonical name of a model.
    pub(crate) fn model(&self, id: Id) -> &str {
        self.models.get(&id).map_or("", String::as_str)
    }

    /// Returns the canonical name of a model, or of some other model if this one is unknown.
    fn model_or_any(&self, id: Id) -> &str {
        let any = || self.models.values().min();
        self.models
            .get(&id)
            .or_else(any)
            .map_or("", String::as_str)
    }

    pub(crate) fn context(&self, id: Id) -> Option<&RequestContext> {
        self.contexts.get(&id)
    }

    /// Returns a response's branch, or an empty string.
    pub(crate) fn branch(&self, response: &Response) -> &str {
        self.context(response.context)
            .map_or("", |context| &context.branch)
    }
}

/// The kind of a row of the table `names`.
#[derive(Debug, Clone, Copy)]
pub(super) enum NameKind {
    /// The name of a model.
    Model,
    /// A [`RequestContext`] as JSON.
    Context,
}

/// A row that refers to names by ID.
#[derive(Debug, Default)]
pub(crate) struct StoredRow {
    pub at: Millis,
    pub session: Id,
    pub model: Id,
    pub(super) requested: Option<Id>,
    pub(super) context: Option<Id>,
    pub(super) key: Option<i64>,
    pub(super) kind: SpendKind,
    pub tally: Tally,
}

impl From<&Response> for StoredRow {
    fn from(response: &Response) -> Self {
        Self {
            at: response.at,
            session: response.session,
            model: response.model,
            requested: response.requested,
            context: Some(response.context),
            key: Some(response.key),
            kind: SpendKind::Response,
            tally: Tally {
                recorded: response.cost,
                responses: 1,
                unpriced: response.is_unpriced.into(),
                usage: response.usage,
                ..Tally::default()
            },
        }
    }
}

impl SessionBreakdown {
    /// Returns the spend and the lower bounds of a session that no transcript line reports.
    pub(super) fn rows(&self, session: Id) -> impl Iterator<Item = StoredRow> {
        let spend = self.off_transcript.iter().map(move |spend| {
            let mut tally = Tally::default();
            match spend.kind {
                OffTranscriptKind::Unrecorded => tally.unrecorded = spend.cost,
                OffTranscriptKind::Estimated => {
                    tally.unrecorded = spend.cost;
                    tally.unpriced = 1;
                }
                OffTranscriptKind::Pending => tally.pending = spend.cost,
            }
            StoredRow {
                at: spend.at,
                session,
                model: spend.model,
                kind: match spend.kind {
                    OffTranscriptKind::Pending => SpendKind::Pending,
                    _ => SpendKind::Background,
                },
                tally,
                ..StoredRow::default()
            }
        });
        let bounds = self.bounds.iter().map(move |bound| StoredRow {
            at: bound.at,
            session,
            model: self.model,
            kind: SpendKind::Background,
            tally: Tally {
                at_least: true,
                ..Tally::default()
            },
            ..StoredRow::default()
        });
        spend.chain(bounds)
    }
}

impl SpendSource for Ledger {
    fn rows(&self, period: RowsPeriod, by: RowsBy, each: EachRow<'_>) -> LedgerResult<()> {
        let (names, rows) = self.read(|store| {
            let with_sessions = by != RowsBy::Quarter;
            Ok((store.names(with_sessions)?, store.rows(&period, by)?))
        })?;
        for row in rows {
            let requested = row
                .requested
                .map(|id| names.model(id))
                .filter(|requested| {
                    let responding = names.model(row.model);
                    *requested != responding
                        && [requested, responding]
                            .iter()
                            .all(|model| known_tariffs_of(model).is_some())
                });
            each(SpendRow {
                at: row.at,
                origin: names.origin(row.session),
                model: if row.tally.cost() == Money::ZERO && row.tally.responses == 0 {
                    // A lower bound without an amount is assigned to a known model, so that reports do not list a
                    // separate model for it.
                    names.model_or_any(row.model)
                } else {
                    names.model(row.model)
                },
                requested,
                tally: row.tally,
                kind: row.kind,
                response_key: row.key,
                context: row
                    .context
                    .and_then(|context| names.context(context)),
                ..SpendRow::default()
            });
        }
        Ok(())
    }

    fn damaged(&self, period: RowsPeriod) -> LedgerResult<Vec<(String, u32)>> {
        self.read(|store| {
            store.all(
                "SELECT path, unreadable FROM files WHERE EXISTS (
                     SELECT 1 FROM facts WHERE kind = 5 AND place = files.id AND at < ?2 AND key >= ?1)
                 ORDER BY path",
                [period.start, period.end],
                |row| {
                    let path: Vec<u8> = row.get(0)?;
                    Ok((String::from_utf8_lossy(&path).into_owned(), row.get(1)?))
                },
            )
        })
    }
}

impl Ledger {
    /// Returns a session's spend.
    pub fn session(&self, name: &str) -> LedgerResult<Tally> {
        self.read(|store| store.session_tally(id_of(name.as_bytes())))
    }

    /// Returns true if the ledger contains this session, even if its transcript has been deleted.
    pub(crate) fn knows_session(&self, name: &str) -> LedgerResult<bool> {
        self.read(|store| store.has_session(id_of(name.as_bytes())))
    }

    /// Returns the IDs of up to two sessions that start with `prefix`. A second one shows that the prefix is ambiguous.
    pub(crate) fn sessions_starting_with(&self, prefix: &str) -> LedgerResult<Vec<String>> {
        self.read(|store| {
            store.all(
                "SELECT name FROM sessions WHERE substr(name, 1, length(?1)) = ?1 LIMIT 2",
                [prefix],
                |row| row.get(0),
            )
        })
    }

    /// Returns the spend in a period that begins and ends on a quarter hour. Token counts are not included.
    pub fn between(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> LedgerResult<Tally> {
        let period = from.timestamp_millis()..until.timestamp_millis();
        self.read(|store| store.tally_between(&period))
    }
}

impl Store {
    /// Returns the names of all models and contexts, and optionally of all sessions.
    pub(super) fn names(&self, with_sessions: bool) -> Result<Names> {
        let sessions = if with_sessions {
            self.origins()?
        } else {
            HashMap::new()
        };
        Ok(Names {
            sessions,
            models: self
                .model_names()?
                .into_iter()
                .map(|(id, name)| (id, canonical(&name)))
                .collect(),
            contexts: self
                .names_of(NameKind::Context)?
                .into_iter()
                .map(|(id, context)| (id, serde_json::from_str(&context).unwrap_or_default()))
                .collect(),
        })
    }

    /// Returns the unmodified names of all models.
    pub(super) fn model_names(&self) -> Result<HashMap<Id, String>> {
        self.names_of(NameKind::Model)
    }

    fn names_of(&self, kind: NameKind) -> Result<HashMap<Id, String>> {
        let query = "SELECT id, name FROM names WHERE kind = ?1";
        self.all(query, [kind as i64], |row| row.try_into())
    }

    fn origins(&self) -> Result<HashMap<Id, Origin>> {
        self.all(ORIGINS, [], |row| {
            let directory: Option<String> = row.get(2)?;
            let origin = Origin {
                session: row.get(1)?,
                project: directory.unwrap_or_default(),
                first_at: row.get(3)?,
                last_at: row.get(4)?,
            };
            Ok((row.get(0)?, origin))
        })
    }

    /// Returns a period's rows in chronological order.
    pub(super) fn rows(&self, period: &RowsPeriod, by: RowsBy) -> Result<Vec<StoredRow>> {
        let bounds = [period.start, period.end];
        if by != RowsBy::Response {
            return self.all(
                &format!(
                    "SELECT start, session, model, requested, {SUM_COLUMNS} FROM sums
                     WHERE level = 0 AND start >= ?1 AND start < ?2 ORDER BY start"
                ),
                bounds,
                sums_from,
            );
        }
        let mut rows: Vec<StoredRow> = self.all(
            &format!(
                "SELECT {RESPONSE_COLUMNS} FROM responses WHERE at >= ?1 AND at < ?2 ORDER BY at, key"
            ),
            bounds,
            |row| Ok(StoredRow::from(&response_from(row)?)),
        )?;
        rows.extend(self.off_transcript_rows(period)?);
        rows.sort_by_key(|row| row.at);
        Ok(rows)
    }

    /// Returns the spend and the lower bounds in a period that no transcript line reports, in chronological order.
    pub(super) fn off_transcript_rows(&self, period: &RowsPeriod) -> Result<Vec<StoredRow>> {
        // The spend of a compaction has the same time as the compaction.
        let query = "SELECT at FROM facts WHERE kind = 1";
        let compactions: HashSet<Millis> = self.all(query, [], |row| row.get(0))?;
        let mut rows = Vec::new();
        let stored: Vec<(Id, Option<SessionBreakdown>)> = self.all(
            "SELECT id, breakdown FROM sessions WHERE breakdown <> '{}'",
            [],
            |row| Ok((row.get(0)?, breakdown_from(row, 1)?)),
        )?;
        for (session, breakdown) in stored {
            let breakdown = breakdown.unwrap_or_default();
            rows.extend(
                breakdown
                    .rows(session)
                    .filter(|row| period.contains(&row.at)),
            );
        }
        for row in &mut rows {
            if row.kind == SpendKind::Background && compactions.contains(&row.at) {
                row.kind = SpendKind::Compaction;
            }
        }
        rows.sort_by_key(|row| row.at);
        Ok(rows)
    }

    /// Returns the spend in a period. Excludes the pending spend of sessions that have changed since their last
    /// reconciliation, because it may have been recorded in the meantime.
    pub(super) fn tally_between(&self, period: &RowsPeriod) -> Result<Tally> {
        let mut tally = self.total_between(period)?;
        let changed: Vec<SessionBreakdown> = if tally.pending == Money::ZERO {
            Vec::new()
        } else {
            self.all(
                "SELECT breakdown FROM sessions WHERE is_dirty = 1",
                [],
                |row| Ok(breakdown_from(row, 0)?.unwrap_or_default()),
            )?
        };
        for spend in changed
            .iter()
            .flat_map(|changed| &changed.off_transcript)
        {
            if spend.kind == OffTranscriptKind::Pending && period.contains(&spend.at) {
                tally.pending = (tally.pending - spend.cost).or_zero();
            }
        }
        Ok(tally)
    }
}

fn sums_from(row: &Row<'_>) -> Result<StoredRow> {
    let tally = tally_from(row, 4)?;
    let requested: Id = row.get(3)?;
    let kind = if tally.responses > 0 {
        SpendKind::Response
    } else if tally.pending > Money::ZERO {
        SpendKind::Pending
    } else {
        SpendKind::Background
    };
    Ok(StoredRow {
        at: row.get(0)?,
        session: row.get(1)?,
        model: row.get(2)?,
        requested: (requested != 0).then_some(requested),
        kind,
        tally,
        ..StoredRow::default()
    })
}
