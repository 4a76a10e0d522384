//! Links to the pull requests that sessions worked on.

use std::collections::HashMap;

use super::database::Ledger;
use super::error::LedgerResult;
use super::facts::PullRequestLine;
use crate::time::Millis;

/// A link from a session to a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullRequestLink {
    pub at: Millis,
    /// The URL of the pull request. If it is unknown, the key consists of the number and the session's directory,
    /// because the number alone is not unique.
    pub key: String,
}

impl Ledger {
    /// Returns the links of each session in chronological order. A session's transcript often contains several links to
    /// the same pull request.
    pub(crate) fn pull_requests(&self) -> LedgerResult<HashMap<String, Vec<PullRequestLink>>> {
        let lines: Vec<(String, Option<String>, Millis, String)> = self.read(|store| {
            store.all(
                "SELECT name, directory, at, detail
                 FROM facts JOIN files ON files.id = place JOIN sessions ON sessions.id = files.session
                 WHERE kind = 4 ORDER BY name, at",
                [],
                |row| row.try_into(),
            )
        })?;
        let mut by_session: HashMap<String, Vec<PullRequestLink>> = HashMap::new();
        for (session, directory, at, detail) in lines {
            let Ok(stored) = serde_json::from_str::<PullRequestLine>(&detail) else {
                continue;
            };
            let key = match directory {
                _ if !stored.url.is_empty() => stored.url,
                Some(directory) if !directory.is_empty() => {
                    format!("#{} in {directory}", stored.number)
                }
                _ => format!("#{}", stored.number),
            };
            let known = by_session.entry(session).or_default();
            let link = PullRequestLink { at, key };
            if !known.contains(&link) {
                known.push(link);
            }
        }
        Ok(by_session)
    }
}
