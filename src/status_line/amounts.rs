//! The amounts that the line shows, from what the ledger knows and what the client told.

use crate::ledger::{LiveFigures, Spent};
use crate::pricing::Money;

/// An amount and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// The amount.
    pub money: Money,
    /// How it is to be read.
    pub certainty: Certainty,
}

/// How sure an amount is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Certainty {
    /// To the cent.
    #[default]
    Exact,
    /// A model without a known price is among it, priced as Claude Code does.
    Estimate,
    /// Not everything was read yet.
    AtLeast,
}

/// Amounts that the line shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Amounts {
    /// This session; None if nothing is known of it.
    pub session: Option<Amount>,
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
        let mut today = Amount::of(&known.today);
        if !known.is_complete {
            today.certainty = Certainty::AtLeast;
        }
        Self {
            session: Some(Amount::of(&known.session)),
            today: Some(today),
            month: known.month.map(Spent::total),
            projects: known.projects,
            session_is_clients: false,
        }
    }
}

impl Amount {
    /// One that is sure.
    pub fn exact(money: Money) -> Self {
        Self {
            money,
            certainty: Certainty::Exact,
        }
    }

    fn of(spent: &Spent) -> Self {
        Self {
            money: spent.total(),
            certainty: if spent.estimated {
                Certainty::Estimate
            } else {
                Certainty::Exact
            },
        }
    }

    /// As people read it.
    pub(super) fn show(&self) -> String {
        let mark = match self.certainty {
            Certainty::Exact => "",
            Certainty::Estimate => "\u{2248}",
            Certainty::AtLeast => "\u{2265}",
        };
        format!("{mark}{}", self.money.show())
    }
}
