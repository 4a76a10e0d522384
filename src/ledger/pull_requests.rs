//! Links to the pull requests that sessions worked on.

use std::collections::HashMap;

use super::database::Ledger;
use super::error::LedgerResult;
use crate::time::Millis;

/// A link from a session to a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullRequestLink {
    pub(crate) at: Millis,
    /// The URL of the pull request. If it is unknown, the key consists of the number and the session's directory,
    /// because the number alone is not unique.
    pub(crate) key: String,
}

impl Ledger {
    /// Returns the links of each session in chronological order. A session's transcript often contains several links to
    /// the same pull request.
    pub(crate) fn pull_requests(&self) -> LedgerResult<HashMap<String, Vec<PullRequestLink>>> {
        let links: Vec<(String, Millis, String)> = self.read(|store| {
            store.all(
                "SELECT DISTINCT name, at, iif(url <> '', url, '#' || number || ifnull(' in ' || nullif(directory, ''), ''))
                 FROM pull_requests JOIN sessions ON sessions.id = pull_requests.session
                 ORDER BY name, at",
                [],
                |row| row.try_into(),
            )
        })?;
        let mut by_session: HashMap<String, Vec<PullRequestLink>> = HashMap::new();
        for (session, at, key) in links {
            by_session
                .entry(session)
                .or_default()
                .push(PullRequestLink { at, key });
        }
        Ok(by_session)
    }
}
