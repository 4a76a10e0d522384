//! Derives one session's account.
//!
//! A part's unrecorded spend is the increase in its running totals minus the cost of its responses. The account adds up
//! all parts.

use super::bounds::BoundReason;
use super::parts::Part;
use super::run_totals::RunTotals;
use super::session_facts::SessionFacts;
use super::unrecorded::UnrecordedSpend;
use super::{Hidden, Lineage, RunAccount, SessionAccount};
use crate::ledger::facts::Id;
use crate::pricing::{Money, NOISE, PriceTable};
use crate::time::Millis;

impl SessionFacts<'_> {
    /// Derives the session's account.
    pub(super) fn account(&self, lineage: &Lineage, prices: &PriceTable) -> SessionAccount {
        let runs = self.totals_of_runs(lineage);
        let mut account = SessionAccount {
            last_event: self.last_event,
            compactions: self.compactions.len(),
            inherited: self.inherited.clone(),
            ..SessionAccount::default()
        };
        for totals in runs.iter().filter(|totals| totals.run.may_go_on()) {
            if let Some(total) = totals.last.or(totals.starting) {
                account.open_totals.insert(totals.run.process, total.amount);
            }
        }
        let parts = self.parts(lineage, runs, &mut account);
        let mut builder = AccountBuilder {
            account,
            lineage,
            prices,
        };
        for part in parts {
            builder.close(&part);
        }
        self.finish(lineage, builder.account)
    }

    /// Adds the results for the session as a whole.
    fn finish(&self, lineage: &Lineage, mut account: SessionAccount) -> SessionAccount {
        let responses = self.responses.iter().map(|response| response.fact);
        let times = responses.clone().map(|response| response.at);
        let first_at = times.min().unwrap_or_default();
        let newest = responses.max_by_key(|response| response.at).or_else(|| {
            let of_lineage = lineage.responses.iter();
            of_lineage.max_by_key(|response| response.at)
        });
        account.model = newest.map_or(0, |response| response.model);
        let has_totals = !self.checkpoints.is_empty() || !self.compactions.is_empty();
        if self.has_other_version && has_totals {
            account.add_bound(first_at, BoundReason::SeveralTranscripts);
        }
        if !self.responses.is_empty() && !self.has_transcript {
            account.add_bound(first_at, BoundReason::TranscriptUnknown);
        }
        if let Some((total, at)) = self.unidentified {
            let costs = self.responses.iter().map(|response| response.fact.cost);
            if total > costs.sum::<Money>() + account.unrecorded + NOISE {
                account.add_bound(at, BoundReason::Unidentified(total));
            }
        }
        account.bounds.sort_by_key(|bound| bound.at);
        account.bounds.dedup();
        account
    }
}

/// An account that is being built.
struct AccountBuilder<'b> {
    account: SessionAccount,
    lineage: &'b Lineage,
    prices: &'b PriceTable,
}

impl AccountBuilder<'_> {
    /// Adds a part to the account.
    fn close(&mut self, part: &Part<'_>) {
        let compacted_at = part.compactions.first().map(|compaction| compaction.at);
        let sampled_at = part
            .runs
            .iter()
            .map(|totals| {
                totals
                    .run
                    .last()
                    .map_or(totals.run.started_at, |last| last.at)
            })
            .max();
        let at = compacted_at
            .or(part.first_at())
            .or(sampled_at)
            .unwrap_or_default();
        let mut spend = match &part.delta {
            Some(delta) => delta.minus(&part.responses, at, self.lineage, self.prices),
            None => UnrecordedSpend::default(),
        };
        self.add_bounds(part, &spend);
        let covered: Money = part.responses.iter().map(|response| response.cost).sum();
        let cost_of_later: Money = part.later.iter().map(|response| response.cost).sum();
        self.account.covered += covered + spend.cost();
        match &part.delta {
            Some(delta) if part.is_open() => {
                let costs = part.responses.iter().map(|response| response.client_cost);
                self.account.covered -= (costs.sum::<Money>() - delta.cost).or_zero();
            }
            _ => self.account.covered += cost_of_later,
        }
        let before = spend.cost();
        let pending = self.subtract_later_responses(part, &mut spend);
        let later = before - spend.cost();
        let cost = spend.cost();
        self.account.unrecorded += cost - pending;
        for (model, cost) in &spend.by_model {
            let is_pending = pending > Money::ZERO;
            self.distribute(part, *model, *cost, is_pending, at);
        }
        self.add_runs(part, cost, later);
    }

    /// Adds the reasons why a part's amount is a lower bound.
    fn add_bounds(&mut self, part: &Part<'_>, spend: &UnrecordedSpend) {
        if let Some(reason) = spend.bound {
            let last = part.responses.iter().map(|response| response.at).max();
            let at = last.or(part.first_at()).unwrap_or_default();
            self.account.add_bound(at, reason);
        }
        for totals in &part.runs {
            let at = totals.run.started_at;
            if !totals.is_known() && part.delta.is_some() {
                self.account.add_bound(at, BoundReason::ProcessWithoutTotal);
            }
            let lacks_start = totals.starting.is_none() && totals.last.is_some();
            if lacks_start || !totals.is_start_proven {
                self.account.add_bound(at, BoundReason::StartNotObserved);
            }
        }
    }

    /// Subtracts the responses after the last totals from the unrecorded spend, to the extent that those totals may
    /// already include them. Returns the part of the remaining spend that may belong to a response that is not in the
    /// transcript yet.
    fn subtract_later_responses(&mut self, part: &Part<'_>, spend: &mut UnrecordedSpend) -> Money {
        let increase: Money = part.runs.iter().map(RunTotals::newest_increase).sum();
        let most_pending = increase.min(spend.cost());
        let Some(first) = part.later.first() else {
            return most_pending;
        };
        if most_pending <= NOISE || first.client_cost > most_pending + NOISE {
            return Money::ZERO;
        }
        let costs = part.later.iter().map(|response| response.client_cost);
        let later: Money = costs.sum();
        if !later.is_near(most_pending) {
            self.account
                .add_bound(first.at, BoundReason::LaterResponses);
        }
        spend.subtract(later.min(most_pending));
        (most_pending - later).or_zero()
    }

    /// Distributes unrecorded spend over a part's compactions in proportion to the number of compacted tokens.
    fn distribute(
        &mut self,
        part: &Part<'_>,
        model: Id,
        cost: Money,
        is_pending: bool,
        at: Millis,
    ) {
        let tokens = part
            .compactions
            .iter()
            .map(|compaction| u128::from(compaction.tokens));
        let all_tokens: u128 = tokens.sum();
        let mut rest = cost;
        for compaction in part.compactions.iter().skip(1) {
            let share = match all_tokens {
                0 => cost.share(1, part.compactions.len() as u128),
                tokens => cost.share(compaction.tokens.into(), tokens),
            };
            rest -= share;
            self.add_hidden(compaction.at, model, share, false);
        }
        match part.compactions.first() {
            Some(first) => self.add_hidden(first.at, model, rest, false),
            None => {
                for (at, share) in part.shares_of_samples(rest, at) {
                    self.add_hidden(at, model, share, is_pending);
                }
            }
        }
    }

    fn add_hidden(&mut self, at: Millis, model: Id, cost: Money, is_pending: bool) {
        if cost != Money::ZERO {
            self.account.hidden.push(Hidden {
                at,
                model,
                cost,
                is_pending,
            });
        }
    }

    /// Adds a breakdown for each run in a part. If runs overlap, each response is assigned to the run with the largest
    /// unexplained increase in its totals. `later` is the part of the increase that may be the cost of responses after
    /// the last total.
    fn add_runs(&mut self, part: &Part<'_>, unrecorded: Money, later: Money) {
        let mut accounts: Vec<RunAccount> = part.runs.iter().map(RunTotals::account).collect();
        if let Some(totals) = part.history {
            accounts.push(RunAccount {
                started_at: part.first_at(),
                ended_at: part.responses.iter().map(|response| response.at).max(),
                starting_total: totals.starting,
                last_total: Some(totals.last),
                ..RunAccount::default()
            });
        }
        if accounts.is_empty() && part.first_at().is_some() {
            accounts.push(RunAccount {
                started_at: part.first_at(),
                ..RunAccount::default()
            });
        }
        for response in &part.responses {
            if let Some(account) = least_explained(&mut accounts) {
                account.responses += 1;
                account.recorded += response.cost;
                account.covered_responses += 1;
                account.covered += response.cost;
            }
        }
        for response in &part.later {
            if let Some(account) = least_explained(&mut accounts) {
                account.responses += 1;
                account.recorded += response.cost;
            }
        }
        let mut rest_of_later = later;
        let mut rest = unrecorded;
        for account in &mut accounts {
            let cost_of_later = account.recorded - account.covered;
            account.later = account
                .room()
                .or_zero()
                .min(cost_of_later)
                .min(rest_of_later);
            rest_of_later -= account.later;
            account.unrecorded = account.room().or_zero().min(rest);
            rest -= account.unrecorded;
        }
        if let Some(first) = accounts.first_mut() {
            first.unrecorded += rest;
        }
        self.account.runs.extend(accounts);
    }
}

/// Returns the run with the largest increase in its totals that its responses do not explain yet.
fn least_explained(accounts: &mut [RunAccount]) -> Option<&mut RunAccount> {
    accounts
        .iter_mut()
        .max_by_key(|account| account.increase() - account.recorded)
}
