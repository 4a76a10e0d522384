//! Attributes the ledger's spend to prompts or accounts. The ledger itself records neither.

use std::collections::HashMap;

use super::{RowGroups, UNKNOWN_KEY};
use crate::ledger::{EVER, Ledger, LedgerError, RowsBy, SpendRow, SpendSource};
use crate::transcript::owner::Owner;

/// The key for the logged-in account.
const LOGIN: &str = "login";

/// A response, and what its transcript says about the request.
pub(crate) struct RequestOrigin<'a> {
    /// The key of the response in the ledger.
    pub response_key: i64,
    /// The ID of the prompt, or `None` if it is not in the transcript.
    pub prompt: Option<&'a str>,
    /// The account that paid, or `None` if the transcript does not identify it.
    pub owner: Option<&'a Owner>,
}

/// An attribution of the ledger's spend to prompts or accounts.
pub(crate) struct Attribution {
    by_response: HashMap<i64, String>,
    /// The account of each session, for spend that is not tied to a response.
    by_session: HashMap<String, String>,
}

impl Attribution {
    /// Attributes spend to prompts, using their IDs as keys.
    pub(crate) fn by_prompt(responses: &[RequestOrigin<'_>]) -> Self {
        let by_response = responses
            .iter()
            .filter_map(|response| Some((response.response_key, response.prompt?.to_owned())))
            .collect();
        Self {
            by_response,
            by_session: HashMap::new(),
        }
    }

    /// Attributes spend to accounts. The key for the logged-in account is "login", and other accounts are identified by
    /// a short hash. A session's unrecorded spend is attributed to the account of its latest response.
    pub(crate) fn by_account(
        ledger: &Ledger,
        responses: &[RequestOrigin<'_>],
        login: Option<&Owner>,
    ) -> Result<Self, LedgerError> {
        let by_response: HashMap<i64, String> = responses
            .iter()
            .map(|response| (response.response_key, account_of(response.owner, login)))
            .collect();

        let mut by_session = HashMap::new();
        ledger.rows(EVER, RowsBy::Response, &mut |row| {
            let account = row
                .response_key
                .and_then(|key| by_response.get(&key));
            if let Some(account) = account {
                by_session.insert(row.origin.session.clone(), account.clone());
            }
        })?;
        Ok(Self {
            by_response,
            by_session,
        })
    }
}

/// Returns the key for the account that paid for a response.
fn account_of(owner: Option<&Owner>, login: Option<&Owner>) -> String {
    let Some(owner) = owner else {
        return UNKNOWN_KEY.to_owned();
    };
    if login.and_then(|login| owner.is_same_as(login)) == Some(true) {
        return LOGIN.to_owned();
    }
    match &owner.fingerprint {
        Some(hash) => format!("{hash:.8}"),
        None => UNKNOWN_KEY.to_owned(),
    }
}

impl RowGroups for Attribution {
    fn group(&self, row: &SpendRow<'_>) -> &str {
        match row.response_key {
            Some(key) => self
                .by_response
                .get(&key)
                .map_or(UNKNOWN_KEY, String::as_str),
            None => self
                .by_session
                .get(&row.origin.session)
                .map_or(row.kind.label(), String::as_str),
        }
    }
}
