//! Collects the data for the page that `whycap spend --html` writes.

use std::collections::HashSet;

use anyhow::Result;

use crate::collect::Context;
use crate::html::{Contents, PageSums};
use crate::ledger::SpendRow;
use crate::limits::Past;
use crate::spend::{ReportRequest, Statement};

/// A page of HTML.
pub(crate) struct SpendPage {
    pub html: String,
    pub is_incomplete: bool,
}

impl Context {
    /// Returns the requested page, from this machine or from exports.
    pub(crate) fn spend_page(
        &self,
        request: &ReportRequest,
        is_anonymous: bool,
    ) -> Result<SpendPage> {
        let contents = match &request.from {
            Some(directory) => {
                let mut sums = PageSums::default();
                let statement = self.statement_of_exports(directory, request, &mut |row| {
                    self.add_to_page(&mut sums, row, is_anonymous);
                })?;
                self.contents(statement, sums, None, is_anonymous)
            }
            None => self.page_of_machine(request, is_anonymous)?,
        };
        Ok(SpendPage {
            is_incomplete: request.from.is_some() && contents.statement.is_incomplete(),
            html: contents.page(),
        })
    }

    /// Returns the contents of a page about this machine.
    fn page_of_machine(&self, request: &ReportRequest, is_anonymous: bool) -> Result<Contents<'_>> {
        // Create the sums inside the closure. After a repair, it runs again and reads the ledger from the beginning.
        let (mut statement, sums) = self.with_ledger(|ledger, catch_up| {
            let mut sums = PageSums::default();
            let statement = self.statement_of(&ledger, request, None, catch_up, &mut |row| {
                self.add_to_page(&mut sums, row, is_anonymous);
            })?;
            Ok((statement, sums))
        })?;
        if !is_anonymous {
            let label_of = self.session_labels();
            statement.name_sessions(|session| label_of(session).title);
        }
        let past = self.past_of(request, &statement);
        Ok(self.contents(statement, sums, Some(past), is_anonymous))
    }

    /// Returns the stops of the sessions whose spend the page shows.
    fn past_of(&self, request: &ReportRequest, statement: &Statement) -> Past {
        let mut past = self.past(request.period);
        if request.project.is_some() {
            let groups = statement.groups.iter();
            let sessions: HashSet<&str> = groups.map(|group| group.key.as_str()).collect();
            past.stops.retain(|stop| {
                let mut stopped = stop.sessions.iter();
                stopped.any(|session| sessions.contains(session.as_str()))
            });
        }
        past
    }

    fn contents(
        &self,
        statement: Statement,
        sums: PageSums,
        past: Option<Past>,
        is_anonymous: bool,
    ) -> Contents<'_> {
        Contents {
            clock: statement.request.clock,
            statement,
            sums,
            past,
            is_anonymous,
            paths: &self.paths,
        }
    }

    /// Adds a row to a page. Users can give models any name, so an anonymous page names only those with a known price.
    fn add_to_page(&self, sums: &mut PageSums, row: &SpendRow<'_>, is_anonymous: bool) {
        let names_model = !is_anonymous || crate::pricing::known_tariffs_of(row.model).is_some();
        sums.add(row, self.clock().zone, names_model);
    }
}
