//! The amounts that the line shows, from what the ledger knows and what the client told.

use crate::ledger::{LiveFigures, Spent};
use crate::pricing::Money;
use crate::spend::Amount;

/// Amounts that the line shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Amounts {
    /// This session; None if nothing is known of it.
    pub session: Option<Amount>,
    /// The last prompt, where that is shown.
    pub prompt: Option<Money>,
    /// Today, over all sessions; None if the ledger cannot be read.
    pub today: Option<Amount>,
    /// This month; read only where there is a budget for it.
    pub month: Option<Money>,
    /// This month in the projects with a budget that the session is in, by their keys.
    pub projects: Vec<(String, Money)>,
    /// Whether the session's figure is the client's own, for want of ours.
    pub session_is_clients: bool,
}

impl Amounts {
    /// Without a ledger the client's own figure is the best there is, under its own name.
    pub(crate) fn of(figures: Option<LiveFigures>, client: Option<Money>) -> Self {
        let Some(known) = figures else {
            return Self {
                session: client.map(Amount::exact),
                session_is_clients: true,
                ..Self::default()
            };
        };
        let today = Amount::from_spent(&known.today);
        Self {
            session: Some(Amount::from_spent(&known.session)),
            prompt: None,
            today: Some(today.unless_complete(known.is_complete)),
            month: known.month.map(Spent::total),
            projects: known.projects,
            session_is_clients: false,
        }
    }
}
