//! What was spent by prompt or by account: the ledger's amounts, with what transcripts say of each
//! answer.

use std::collections::HashMap;

use super::history::Write;
use crate::ledger::{
    EVER, Ledger, LedgerError, RowsBy, RowsPeriod, SpendRow, SpendSource, Switched,
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
    /// By the keys of answers.
    holders: HashMap<i64, String>,
    /// What belongs to no single answer, by session.
    of_sessions: HashMap<String, String>,
}

impl<'l> Attribution<'l> {
    /// By the ids of prompts.
    pub(crate) fn by_prompt(ledger: &'l Ledger, writes: &[Write]) -> Self {
        Self::new(ledger, writes, |write| {
            Some(write.prompt.as_ref()?.id.clone())
        })
    }

    /// By accounts: the one that is logged in, or a short hash.
    pub(crate) fn by_account(
        ledger: &'l Ledger,
        writes: &[Write],
        login: Option<&Owner>,
    ) -> Result<Self, LedgerError> {
        let mut all = Self::new(ledger, writes, |write| {
            let owner = write.owner.as_ref();
            let is_login = owner.zip(login).and_then(|(owner, login)| owner.is(login));
            let hash = owner.and_then(|owner| Some(format!("{:.8}", owner.fingerprint.as_ref()?)));
            if is_login == Some(true) {
                return Some(LOGIN.to_owned());
            }
            Some(hash.unwrap_or_else(|| UNKNOWN.to_owned()))
        });
        // What a session spent beyond its answers, its account paid.
        ledger.rows(EVER, RowsBy::Answer, &mut |row| {
            if let Some(holder) = row.answer.and_then(|key| all.holders.get(&key)) {
                let session = row.origin.session.clone();
                all.of_sessions.insert(session, holder.clone());
            }
        })?;
        Ok(all)
    }

    fn new(
        ledger: &'l Ledger,
        writes: &[Write],
        holder: impl Fn(&Write) -> Option<String>,
    ) -> Self {
        let holders = writes.iter();
        let holders = holders.filter_map(|write| Some((write.answer.key, holder(write)?)));
        Self {
            ledger,
            holders: holders.collect(),
            of_sessions: HashMap::new(),
        }
    }
}

impl SpendSource for Attribution<'_> {
    fn rows(
        &self,
        period: RowsPeriod,
        _: RowsBy,
        each: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), LedgerError> {
        self.ledger.rows(period, RowsBy::Answer, &mut |row| {
            let (holder, unknown) = match row.answer {
                Some(key) => (self.holders.get(&key), UNKNOWN),
                None => (self.of_sessions.get(&row.origin.session), NO_LINE),
            };
            let person = holder.map_or(unknown, String::as_str);
            each(SpendRow { person, ..row });
        })
    }

    fn damaged(&self, since: Millis) -> Result<Vec<(String, u32)>, LedgerError> {
        self.ledger.damaged(since)
    }

    fn switched(
        &self,
        period: RowsPeriod,
        is_meant: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Switched>, LedgerError> {
        self.ledger.switched(period, is_meant)
    }
}
