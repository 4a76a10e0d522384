//! What was spent by prompt or by account: the ledger's amounts, with what transcripts say of each
//! answer.

use std::collections::HashMap;

use super::history::Write;
use crate::ledger::{
    Error, Ledger, Origin, RowsBy, Single, SingleRows, SpendRow, SpendSource, Switched,
};
use crate::spend::NO_LINE;
use crate::time::Millis;
use crate::transcript::owner::Owner;

/// The account that one is logged in to, and one of which nothing is known.
const LOGIN: &str = "login";
const UNKNOWN: &str = "unknown";

/// Rows whose `person` is the prompt or the account that they belong to.
pub(crate) struct Attribution<'l> {
    ledger: &'l Ledger,
    rows: SingleRows,
    origins: HashMap<i64, Origin>,
    holders: HashMap<u64, String>,
    /// What belongs to no single answer, by session.
    of_sessions: HashMap<i64, String>,
}

impl<'l> Attribution<'l> {
    /// By the ids of prompts.
    pub(crate) fn by_prompt(ledger: &'l Ledger, writes: &[Write]) -> Result<Self, Error> {
        let id = |write: &Write| Some(write.prompt.as_ref()?.id.clone());
        Self::new(ledger, writes, id)
    }

    /// By accounts: the one that is logged in, or a short hash.
    pub(crate) fn by_account(
        ledger: &'l Ledger,
        writes: &[Write],
        login: Option<&Owner>,
    ) -> Result<Self, Error> {
        let name = |write: &Write| {
            let owner = write.owner.as_ref();
            let is_login = owner.zip(login).and_then(|(owner, login)| owner.is(login));
            let hash = owner.and_then(|owner| Some(format!("{:.8}", owner.fingerprint.as_ref()?)));
            if is_login == Some(true) {
                return Some(LOGIN.to_owned());
            }
            Some(hash.unwrap_or_else(|| UNKNOWN.to_owned()))
        };
        let mut all = Self::new(ledger, writes, name)?;
        // What a session spent beyond its answers, its account paid.
        for row in &all.rows.rows {
            if let Some(holder) = all.holders.get(&row.key) {
                all.of_sessions.insert(row.session, holder.clone());
            }
        }
        Ok(all)
    }

    fn new(
        ledger: &'l Ledger,
        writes: &[Write],
        holder: impl Fn(&Write) -> Option<String>,
    ) -> Result<Self, Error> {
        let mut rows = ledger.single_rows()?;
        rows.rows.sort_by_key(|row| row.at);
        let origins = rows.sessions.iter().map(|(id, session)| {
            let origin = Origin {
                session: session.name.clone(),
                project: session.directory.clone(),
                ..Origin::default()
            };
            (*id, origin)
        });
        let holders = writes.iter();
        let holders = holders.filter_map(|it| Some((it.key.cast_unsigned(), holder(it)?)));
        Ok(Self {
            ledger,
            origins: origins.collect(),
            holders: holders.collect(),
            of_sessions: HashMap::new(),
            rows,
        })
    }
}

impl SpendSource for Attribution<'_> {
    fn rows(
        &self,
        since: Option<Millis>,
        until: Option<Millis>,
        _: RowsBy,
        _: bool,
        each: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), Error> {
        let nowhere = Origin::default();
        for row in &self.rows.rows {
            let is_within =
                since.is_none_or(|since| row.at >= since) && until.is_none_or(|end| row.at < end);
            if !is_within || row.what == Single::NothingUnrecorded {
                continue;
            }
            let origin = self.origins.get(&row.session).unwrap_or(&nowhere);
            let model = self.rows.models.get(&row.model).map_or("", String::as_str);
            let mut spent = SpendRow {
                person: self.of_sessions.get(&row.session).map_or(NO_LINE, |it| it),
                ..SpendRow::nothing(row.at, origin, model)
            };
            match row.what {
                Single::Response {
                    usage, is_unpriced, ..
                } => {
                    let holder = self.holders.get(&row.key);
                    spent.person = holder.map_or(UNKNOWN, String::as_str);
                    spent.responses = 1;
                    spent.unpriced = is_unpriced.into();
                    spent.usage = usage;
                    spent.recorded = row.cost;
                }
                Single::Unrecorded => spent.unrecorded = row.cost,
                _ => spent.unwritten = row.cost,
            }
            each(spent);
        }
        Ok(())
    }

    fn damaged(&self, since: Option<Millis>) -> Result<Vec<(String, u32)>, Error> {
        self.ledger.damaged(since)
    }

    fn switched(
        &self,
        since: Option<Millis>,
        until: Option<Millis>,
        directory: &str,
    ) -> Result<Vec<Switched>, Error> {
        self.ledger.switched(since, until, directory)
    }
}
