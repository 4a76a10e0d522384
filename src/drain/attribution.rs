//! What was spent by prompt or by account: the ledger's amounts, with what transcripts say of each
//! answer.

use std::collections::HashMap;

use super::history::Write;
use crate::ledger::{
    EVER, EachRow, Ledger, LedgerError, Meant, RowsBy, RowsPeriod, SpendRow, SpendSource, Switched,
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
        let holder = |write: &Write| Some((write.answer.key, write.prompt.as_ref()?.id.clone()));
        Self {
            ledger,
            holders: writes.iter().filter_map(holder).collect(),
            of_sessions: HashMap::new(),
        }
    }

    /// By accounts: the one that is logged in, or a short hash.
    pub(crate) fn by_account(
        ledger: &'l Ledger,
        writes: &[Write],
        login: Option<&Owner>,
    ) -> Result<Self, LedgerError> {
        let holder = |write: &Write| (write.answer.key, account_of(write, login));
        let holders: HashMap<i64, String> = writes.iter().map(holder).collect();
        // What a session spent beyond its answers, its account paid.
        let mut of_sessions = HashMap::new();
        ledger.rows(EVER, RowsBy::Answer, &mut |row| {
            let holder = row.answer.and_then(|key| holders.get(&key));
            of_sessions.extend(holder.map(|it| (row.origin.session.clone(), it.clone())));
        })?;
        Ok(Self {
            ledger,
            holders,
            of_sessions,
        })
    }
}

fn account_of(write: &Write, login: Option<&Owner>) -> String {
    let owner = write.owner.as_ref();
    let is_login = owner.zip(login).and_then(|(owner, login)| owner.is(login));
    match owner.and_then(|owner| owner.fingerprint.as_ref()) {
        _ if is_login == Some(true) => LOGIN.to_owned(),
        Some(hash) => format!("{hash:.8}"),
        None => UNKNOWN.to_owned(),
    }
}

impl SpendSource for Attribution<'_> {
    fn rows(&self, period: RowsPeriod, _: RowsBy, each: EachRow<'_>) -> Result<(), LedgerError> {
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

    fn switched(&self, period: RowsPeriod, meant: Meant<'_>) -> Result<Vec<Switched>, LedgerError> {
        self.ledger.switched(period, meant)
    }
}
