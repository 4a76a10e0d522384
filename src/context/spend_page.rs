//! Collects the data for the page that `whycap spend --html` writes.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;

use super::Context;
use crate::html::{Contents, MachineFacts, PageSource, PageSums, PrecedingSpend};
use crate::incidents::steps;
use crate::ledger::{CatchUpResult, Ledger, SpendRow};
use crate::spend::{CauseGroups, ReportRequest, Statement};
use crate::time::datetime_from_millis;

/// A page of HTML.
pub(crate) struct SpendPage {
    pub(crate) html: String,
    pub(crate) is_incomplete: bool,
}

/// The sessions on a page.
struct ShownSessions<'s> {
    has_all_projects: bool,
    ids: HashSet<&'s str>,
}

impl<'s> ShownSessions<'s> {
    fn new(statement: &'s Statement) -> Self {
        Self {
            has_all_projects: statement.request.project.is_none(),
            ids: statement
                .groups
                .iter()
                .map(|group| group.key.as_str())
                .collect(),
        }
    }

    /// Returns true if the page covers a session's errors.
    fn contains(&self, session: Option<&str>) -> bool {
        self.has_all_projects || session.is_some_and(|session| self.ids.contains(session))
    }
}

impl Context {
    /// Returns the requested page, from this machine or from exports.
    pub(crate) fn spend_page(
        &self,
        request: &ReportRequest,
        is_anonymous: bool,
    ) -> Result<SpendPage> {
        let contents = match &request.from {
            Some(directory) => self.page_of_exports(directory, request, is_anonymous)?,
            None => self.page_of_machine(request, is_anonymous)?,
        };
        let is_incomplete = match &contents.source {
            PageSource::Exports => contents.statement.is_incomplete(),
            PageSource::Machine(_) => false,
        };
        Ok(SpendPage {
            html: contents.page(),
            is_incomplete,
        })
    }

    /// Returns the contents of a page about the exports of several machines.
    fn page_of_exports(
        &self,
        directory: &Path,
        request: &ReportRequest,
        is_anonymous: bool,
    ) -> Result<Contents<'_>> {
        let clock = request.clock;
        let mut sums = PageSums::default();
        let statement = self.statement_of_exports(directory, request, &mut |row| {
            sums.add(row, clock.zone, self.names_model(row, is_anonymous));
        })?;
        Ok(Contents {
            statement,
            sums,
            source: PageSource::Exports,
            is_anonymous,
            paths: &self.paths,
            clock,
        })
    }

    /// Returns the contents of a page about this machine.
    fn page_of_machine(&self, request: &ReportRequest, is_anonymous: bool) -> Result<Contents<'_>> {
        let clock = request.clock;
        // Create the sums inside the closure. After a repair, it runs again and reads the ledger from the beginning.
        let (mut statement, sums, mut facts) = self.with_ledger(|ledger, catch_up| {
            let mut sums = PageSums::default();
            let statement = self.statement_of(&ledger, request, None, catch_up, &mut |row| {
                sums.add(row, clock.zone, self.names_model(row, is_anonymous));
            })?;
            let facts = MachineFacts {
                incidents: self.incidents().history(None, &ledger)?.incidents,
                window_steps: Vec::new(),
                preceding: preceding_spend(&ledger, request)?,
                causes: CauseGroups::read(&ledger, request)?,
                percent_value: self.percent_value(&ledger, None)?,
            };
            Ok((statement, sums, facts))
        })?;
        if !is_anonymous {
            let label_of = self.session_labels();
            statement.name_sessions(|session| label_of(session).title);
        }

        let period = request.period.of_rows(clock.zone);
        let shown = ShownSessions::new(&statement);
        facts.incidents.retain(|incident| {
            let at = incident.evidence.at().timestamp_millis();
            period.contains(&at) && shown.contains(incident.evidence.error.session.id.as_deref())
        });
        let since = match request.period.since.or(sums.first_day()) {
            Some(day) => clock.zone.midnight(day),
            None => clock.now,
        };
        let until = match request.period.until {
            Some(_) => datetime_from_millis(period.end),
            None => clock.now,
        };
        facts.window_steps = steps(&self.paths, since, until);
        Ok(Contents {
            statement,
            sums,
            source: PageSource::Machine(facts),
            is_anonymous,
            paths: &self.paths,
            clock,
        })
    }

    /// Returns true if the page may name a row's model. Users can give models any name, so an anonymous page names only
    /// those with a known price.
    fn names_model(&self, row: &SpendRow<'_>, is_anonymous: bool) -> bool {
        !is_anonymous || self.prices().known_tariffs_of(row.model).is_some()
    }
}

/// Returns the spend in the period of the same length before the requested one. Returns `None` if the requested period
/// has no first day.
fn preceding_spend(ledger: &Ledger, request: &ReportRequest) -> Result<Option<PrecedingSpend>> {
    let today = request.clock.zone.day(request.clock.now);
    let Some((period, days)) = request.period.before(today) else {
        return Ok(None);
    };
    let earlier = ReportRequest {
        period,
        ..request.clone()
    };
    let statement = Statement::new(
        ledger,
        earlier,
        None,
        CatchUpResult::default(),
        0,
        &mut |_| {},
    )?;
    let cost = statement.total.cost();
    Ok(Some(PrecedingSpend { days, cost }))
}
