//! Amounts with their accuracy.

use crate::ledger::Tally;
use crate::pricing::Money;

/// An amount and its accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// The amount.
    pub money: Money,
    /// True if the amount includes an estimate because the price of a model is unknown. Claude Code estimates such
    /// costs in the same way.
    is_estimate: bool,
    /// True if the actual amount may be higher. An estimate may also be too high, so it is never a lower bound.
    pub(crate) is_lower_bound: bool,
}

impl Amount {
    /// Creates an exact amount.
    pub fn exact(money: Money) -> Self {
        Self {
            money,
            is_estimate: false,
            is_lower_bound: false,
        }
    }

    /// Returns the cost of a tally.
    pub(crate) fn from_tally(tally: &Tally) -> Self {
        Self {
            money: tally.cost(),
            is_estimate: tally.unpriced > 0,
            is_lower_bound: tally.is_lower_bound(),
        }
    }

    /// Marks the amount as a lower bound if the data is incomplete.
    pub(crate) fn lower_bound_unless(self, is_complete: bool) -> Self {
        Self {
            is_lower_bound: self.is_lower_bound || !is_complete && !self.is_estimate,
            ..self
        }
    }

    /// Returns the sign to display before the amount: `≥` for a lower bound, `≈` for an estimate, or an empty string.
    pub(crate) fn sign(self) -> &'static str {
        if self.is_lower_bound {
            "\u{2265}"
        } else if self.is_estimate {
            "\u{2248}"
        } else {
            ""
        }
    }

    /// Formats the amount with its sign.
    pub(crate) fn show(self) -> String {
        format!("{}{}", self.sign(), self.money.show())
    }
}
