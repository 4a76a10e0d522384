//! Groups spend by skill, plugin, MCP server, and pull request, for pages that show all four groupings.

use super::grouping::{
    CAUSES, GroupBy, Grouping, Order, SpendGroup, is_placeholder, sort_and_limit,
};
use super::pull_requests::PullRequestSpend;
use super::statement::ReportRequest;
use crate::ledger::{Ledger, LedgerError, RowsBy, SpendSource};

/// The groups for one kind of cause, most expensive first.
#[derive(Debug)]
pub(crate) struct CauseGroups {
    pub(crate) by: GroupBy,
    pub(crate) groups: Vec<SpendGroup>,
}

impl CauseGroups {
    /// Reads the groups for each kind of cause that occurs in the requested period.
    pub(crate) fn read(ledger: &Ledger, request: &ReportRequest) -> Result<Vec<Self>, LedgerError> {
        let zone = request.clock.zone;
        let pull_requests = PullRequestSpend::new(ledger)?;
        let mut groupings = CAUSES.map(|by| (by, Grouping::new(by, zone, Some(&pull_requests))));
        ledger.rows(request.period.of_rows(zone), RowsBy::Response, &mut |row| {
            if request.includes(&row.origin.project) {
                for (_, grouping) in &mut groupings {
                    grouping.add(&row);
                }
            }
        })?;

        let mut causes = Vec::new();
        for (by, grouping) in groupings {
            let mut groups = grouping.finish();
            if groups.iter().any(|group| !is_placeholder(&group.key)) {
                sort_and_limit(&mut groups, by, Some(Order::Cost), None);
                causes.push(Self { by, groups });
            }
        }
        Ok(causes)
    }
}
