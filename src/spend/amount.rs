//! An amount as people read it, with what is to be known of it in one sign.

use super::tally::Tally;
use crate::ledger::Spent;
use crate::pricing::Money;

/// An amount and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// The amount.
    pub money: Money,
    /// How it is to be read.
    certainty: Certainty,
}

/// How sure an amount is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    /// To the cent.
    Exact,
    /// A model without a known price is among it, priced as Claude Code does.
    Estimate,
    /// There may be more: not everything was read, or is to be known.
    AtLeast,
}

impl Amount {
    /// One that is sure.
    pub fn exact(money: Money) -> Self {
        Self::new(money, false, false)
    }

    fn new(money: Money, is_estimate: bool, is_lower_bound: bool) -> Self {
        let certainty = if is_estimate {
            Certainty::Estimate
        } else {
            Certainty::Exact
        };
        Self { money, certainty }.unless_complete(!is_lower_bound)
    }

    /// What all of it costs.
    pub(crate) fn from_tally(tally: &Tally) -> Self {
        Self::new(tally.cost(), tally.unpriced > 0, tally.at_least)
    }

    /// What the ledger says of a session or a period.
    pub(crate) fn from_spent(spent: &Spent) -> Self {
        Self::new(spent.total(), spent.estimated, spent.at_least)
    }

    /// The same where there may be more. That says more than that a part is estimated.
    pub(crate) fn unless_complete(self, is_complete: bool) -> Self {
        let certainty = if is_complete {
            self.certainty
        } else {
            Certainty::AtLeast
        };
        Self { certainty, ..self }
    }

    /// Whether there may be more.
    pub(crate) fn is_lower_bound(self) -> bool {
        self.certainty == Certainty::AtLeast
    }

    /// `≥` or `≈`, if it is not exact.
    pub(crate) fn sign(self) -> &'static str {
        match self.certainty {
            Certainty::Exact => "",
            Certainty::Estimate => "\u{2248}",
            Certainty::AtLeast => "\u{2265}",
        }
    }

    /// As people read it.
    pub(crate) fn show(self) -> String {
        format!("{}{}", self.sign(), self.money.show())
    }
}
