//! Where rows of spend come from.

use crate::ledger::{Error, Ledger, RowsBy, SpendRow};
use crate::time::Millis;

/// This machine's ledger, or what several machines exported. See [`Ledger::rows`].
pub(crate) trait SpendSource {
    /// Calls `each` for every row from `since` up to `until`.
    fn rows(
        &self,
        since: Option<Millis>,
        until: Option<Millis>,
        by: RowsBy,
        with_origins: bool,
        each: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), Error>;

    /// Transcripts with lines that could not be understood, and how many.
    fn damaged(&self, since: Option<Millis>) -> Result<Vec<(String, u32)>, Error>;
}

impl SpendSource for Ledger {
    fn rows(
        &self,
        since: Option<Millis>,
        until: Option<Millis>,
        by: RowsBy,
        with_origins: bool,
        each: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), Error> {
        self.rows(since, until, by, with_origins, each)
    }

    fn damaged(&self, since: Option<Millis>) -> Result<Vec<(String, u32)>, Error> {
        self.damaged(since)
    }
}
