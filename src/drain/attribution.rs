//! Attributes the spend in the ledger to prompts or accounts, which are identified only in transcripts.

use std::collections::HashMap;

use super::history::CacheWrite;
use crate::ledger::{EVER, Ledger, LedgerError, RegroupedLedger, RowsBy, SpendRow, SpendSource};
use crate::transcript::owner::Owner;

/// The key of the logged-in account.
const LOGIN: &str = "login";
/// The key for spend whose prompt or account is unknown.
const UNKNOWN: &str = "unknown";

/// The rows of a ledger, grouped by prompt or account.
pub(crate) struct Attribution<'ledger> {
    ledger: &'ledger Ledger,
    by_response: HashMap<i64, String>,
    /// The account for spend that belongs to a session but not to a response.
    by_session: HashMap<String, String>,
}

impl<'ledger> Attribution<'ledger> {
    /// Attributes spend to prompts by their IDs.
    pub(crate) fn by_prompt(ledger: &'ledger Ledger, writes: &[CacheWrite]) -> Self {
        let by_response = writes
            .iter()
            .filter_map(|write| {
                let prompt = write.prompt.as_ref()?;
                Some((write.response.key, prompt.id.clone()))
            })
            .collect();
        Self {
            ledger,
            by_response,
            by_session: HashMap::new(),
        }
    }

    /// Attributes spend to accounts. The key of the logged-in account is "login", and the keys of other accounts are
    /// short hashes. A session's unrecorded spend is attributed to the account of its latest response.
    pub(crate) fn by_account(
        ledger: &'ledger Ledger,
        writes: &[CacheWrite],
        login: Option<&Owner>,
    ) -> Result<Self, LedgerError> {
        let by_response: HashMap<i64, String> = writes
            .iter()
            .map(|write| (write.response.key, account_of(write, login)))
            .collect();

        let mut by_session = HashMap::new();
        ledger.rows(EVER, RowsBy::Response, &mut |row| {
            let account = row.answer.and_then(|key| by_response.get(&key));
            if let Some(account) = account {
                by_session.insert(row.origin.session.clone(), account.clone());
            }
        })?;
        Ok(Self {
            ledger,
            by_response,
            by_session,
        })
    }
}

/// Returns the key of the account that paid for a response.
fn account_of(write: &CacheWrite, login: Option<&Owner>) -> String {
    let Some(owner) = &write.owner else {
        return UNKNOWN.to_owned();
    };
    if login.and_then(|login| owner.is(login)) == Some(true) {
        return LOGIN.to_owned();
    }
    match &owner.fingerprint {
        Some(hash) => format!("{hash:.8}"),
        None => UNKNOWN.to_owned(),
    }
}

impl RegroupedLedger for Attribution<'_> {
    const ROWS: RowsBy = RowsBy::Response;

    fn ledger(&self) -> &Ledger {
        self.ledger
    }

    fn group(&self, row: &SpendRow<'_>) -> &str {
        match row.answer {
            Some(key) => self.by_response.get(&key).map_or(UNKNOWN, String::as_str),
            None => self
                .by_session
                .get(&row.origin.session)
                .map_or(row.kind.label(), String::as_str),
        }
    }
}
