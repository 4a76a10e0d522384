//! Links to the pull requests that sessions worked on.

use super::commit::count_from;
use super::database::Ledger;
use super::error::LedgerResult;
use crate::time::Millis;

/// A link to a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullRequestLink {
    /// The ID of the session that wrote the link.
    pub(crate) session: String,
    /// The directory in which the session started, or an empty string if it is unknown.
    pub(crate) directory: String,
    pub(crate) at: Millis,
    pub(crate) number: u64,
    /// The URL of the pull request, or an empty string if it is unknown.
    pub(crate) url: String,
}

impl Ledger {
    /// Returns all pull-request links, sorted by session and time. A session's transcript often contains several links
    /// to the same pull request.
    pub(crate) fn pull_requests(&self) -> LedgerResult<Vec<PullRequestLink>> {
        self.read(|store| {
            store.all(
                "SELECT DISTINCT name, ifnull(directory, ''), at, number, url
                 FROM pull_requests JOIN sessions ON sessions.id = pull_requests.session
                 ORDER BY name, at",
                [],
                |row| {
                    Ok(PullRequestLink {
                        session: row.get(0)?,
                        directory: row.get(1)?,
                        at: row.get(2)?,
                        number: count_from(row, 3)?,
                        url: row.get(4)?,
                    })
                },
            )
        })
    }
}
