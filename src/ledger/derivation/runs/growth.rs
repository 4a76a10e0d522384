//! By what a total grew, and whether answers explain it.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::facts::{Answer, Id, Parts, Total};
use crate::pricing::{Money, Usage};
use crate::transcript::line::ModelTotal;

/// Whether a chain of runs could have come from one total to the other: no counter went back.
pub(super) fn is_within(earlier: &Total, later: &Total) -> bool {
    let has = |model: &Id, part: &ModelTotal| {
        let later = later.parts.get(model).copied().unwrap_or_default();
        is_at_most(part.usage, later.usage)
    };
    earlier.started == later.started
        && earlier.run_ms <= later.run_ms
        && earlier.api_ms <= later.api_ms
        && earlier.parts.iter().all(|(model, part)| has(model, part))
}

fn is_at_most(one: Usage, other: Usage) -> bool {
    // How writes are split is told by some clients only.
    let split = |usage: Usage| Usage {
        cache_write_1h: 0,
        ..usage
    };
    split(one).max(split(other)) == split(other)
}

pub(super) fn growth(total: &Total, base: Option<&Total>) -> Parts {
    let part = |(model, part): (&Id, &ModelTotal)| {
        let base = base
            .and_then(|base| base.parts.get(model))
            .copied()
            .unwrap_or_default();
        let grown = ModelTotal {
            usage: part.usage - base.usage,
            splits: part.splits,
            cost: part.cost - base.cost,
        };
        (*model, grown)
    };
    let parts = total.parts.iter().map(part);
    parts
        .filter(|(_, part)| !part.usage.is_zero() || part.cost != Money::ZERO)
        .collect()
}

/// What models were served, by their ids.
pub(super) type ServedBy = BTreeMap<Id, Usage>;

pub(super) fn usage_of(growth: &Parts) -> ServedBy {
    let parts = growth.iter();
    parts.map(|(model, part)| (*model, part.usage)).collect()
}

pub(super) fn served<'a>(answers: impl Iterator<Item = &'a Answer>) -> ServedBy {
    let mut served = ServedBy::new();
    for answer in answers {
        for model in answer.models().collect::<BTreeSet<Id>>() {
            *served.entry(model).or_default() += answer.served_by(model);
        }
    }
    served
}

pub(super) fn are_at_most(ones: &ServedBy, others: &ServedBy) -> bool {
    let other = |model: &Id| others.get(model).copied().unwrap_or_default();
    ones.iter()
        .all(|(model, usage)| is_at_most(*usage, other(model)))
}

/// Whether these are all that a run grew by, to the token.
pub(super) fn is_explained(growth: &Parts, served: &ServedBy) -> bool {
    let grown = usage_of(growth);
    are_at_most(&grown, served) && are_at_most(served, &grown)
}
