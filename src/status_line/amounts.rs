//! The amounts that the line shows, from what the ledger knows and what the client told.

use crate::ledger::LiveFigures;
use crate::pricing::Money;

/// Amounts that the line shows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Amounts {
    /// This session; None if nothing is known of it.
    pub session: Option<Money>,
    /// Today, over all sessions; None if the ledger cannot be read.
    pub today: Option<Money>,
    /// This month; read only where there is a budget for it.
    pub month: Option<Money>,
    /// Whether a figure is a lower bound or an estimate.
    pub session_estimated: bool,
    /// Whether the session's figure is the client's own, for want of ours.
    pub session_is_clients: bool,
    /// See [`Self::session_estimated`].
    pub today_estimated: bool,
}

impl Amounts {
    /// Without a ledger the client's own figure is the best there is, under its own name.
    ///
    /// The client's live total covers background requests that no line shows and that it has not
    /// written down yet. It also contains what a fork took over, and starts again at 0 after a
    /// crash: so it counts only where it is the larger one and the session is not a fork.
    pub(crate) fn of(figures: Option<LiveFigures>, client: Option<Money>) -> Self {
        let Some(known) = figures else {
            return Self {
                session: client,
                session_is_clients: true,
                ..Self::default()
            };
        };
        let counted = known.session.total();
        let live = client
            .filter(|client| *client > counted && !known.is_fork)
            .unwrap_or(counted);
        let unwritten = live - counted;
        Self {
            session: Some(live),
            today: Some(known.today.total() + unwritten),
            month: known.month.map(|month| month.total() + unwritten),
            session_estimated: known.session.estimated,
            today_estimated: known.today.estimated || !known.is_complete,
            session_is_clients: false,
        }
    }
}
