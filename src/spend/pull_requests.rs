//! Assigns spend to pull requests.

use std::collections::HashMap;

use super::grouping::{NO_PULL_REQUEST, RowGroups};
use crate::environment::Paths;
use crate::ledger::{Ledger, LedgerError, PullRequestLink, SpendRow};

/// Assigns the rows of a ledger to pull requests.
///
/// Spend is assigned to the next pull request that is linked in the same session or, after the last link, to the last
/// pull request.
pub(crate) struct PullRequestSpend {
    /// The links of each session, in chronological order.
    links: HashMap<String, Vec<PullRequestLink>>,
}

impl PullRequestSpend {
    pub(crate) fn new(ledger: &Ledger) -> Result<Self, LedgerError> {
        Ok(Self {
            links: ledger.pull_requests()?,
        })
    }
}

impl RowGroups for PullRequestSpend {
    fn group(&self, row: &SpendRow<'_>) -> &str {
        let Some(links) = self.links.get(&row.origin.session) else {
            return NO_PULL_REQUEST;
        };
        let next = links.partition_point(|link| link.at < row.at);
        links
            .get(next)
            .or(links.last())
            .map_or(NO_PULL_REQUEST, |link| &link.key)
    }
}

/// Returns the display name of a pull request, such as `owner/repository#141` for GitHub.
pub(super) fn pull_request_label(key: &str, paths: &Paths) -> String {
    if let Some((number, directory)) = key.split_once(" in ")
        && number.starts_with('#')
    {
        return format!("{number} in {}", paths.show(directory.as_ref()));
    }
    let on_github = key
        .strip_prefix("https://github.com/")
        .and_then(|path| path.split_once("/pull/"));
    match on_github {
        Some((repository, number)) => format!("{repository}#{number}"),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::environment::{Environment, HOME};
    use crate::testing::absolute;

    #[test]
    fn a_pull_request_is_named_by_its_repository_or_by_the_directory_of_its_session() {
        let home = [(HOME.into(), absolute("/home/dev").into())];
        let paths = Paths::of(&Environment::new(home, DateTime::UNIX_EPOCH));
        let directory = absolute("/home/dev/api");
        for (key, label) in [
            ("https://github.com/acme/api/pull/141", "acme/api#141"),
            (
                "https://git.example.com/acme/api/-/merge_requests/7",
                "https://git.example.com/acme/api/-/merge_requests/7",
            ),
            (&format!("#12 in {}", directory.display()), "#12 in ~/api"),
            ("#12", "#12"),
            ("(no pull request)", "(no pull request)"),
        ] {
            assert_eq!(pull_request_label(key, &paths), label);
        }
    }
}
