//! Derives one session's breakdown.
//!
//! A part's unrecorded spend is the increase in its running totals minus the cost of its responses. The breakdown adds
//! up all parts.

use super::bounds::LowerBoundReason;
use super::parts::Part;
use super::run_totals::RunTotals;
use super::session_facts::SessionFacts;
use super::unrecorded::UnrecordedSpend;
use super::{Lineage, OffTranscriptKind, OffTranscriptSpend, RunBreakdown, SessionBreakdown};
use crate::ledger::facts::Id;
use crate::pricing::{Money, NOISE, PriceTable};
use crate::time::Millis;

impl<'l> SessionFacts<'l> {
    /// Derives the session's breakdown.
    pub(super) fn breakdown(&self, lineage: &'l Lineage, prices: &PriceTable) -> SessionBreakdown {
        let runs = self.totals_of_runs(lineage);
        let mut breakdown = SessionBreakdown {
            last_event: self.last_event,
            compactions: self.compactions.len(),
            inherited: self.inherited.clone(),
            ..SessionBreakdown::default()
        };
        for totals in runs
            .iter()
            .filter(|totals| totals.run.may_report_more())
        {
            if let Some(total) = self.counted_total(totals) {
                breakdown
                    .open_totals
                    .insert(totals.run.process, total);
            }
        }
        let parts = self.parts(lineage, runs, &mut breakdown);
        let mut builder = BreakdownBuilder {
            breakdown,
            lineage,
            prices,
        };
        for part in parts {
            builder.add_part(&part);
        }
        self.finish(lineage, builder.breakdown)
    }

    /// Returns how much of a run's running total the session's amount already includes. If the run later reports a
    /// greater total, the difference is additional spend. Returns `None` if no total of the run is known.
    ///
    /// If the last total is a checkpoint, the session's amount also includes all responses after it. If another process
    /// may have written the checkpoint, the run's own total may be greater: its last sample plus the responses since
    /// then.
    fn counted_total(&self, totals: &RunTotals<'_>) -> Option<Money> {
        let last = totals.last.or(totals.starting)?.amount;
        if !totals.is_closed {
            return Some(last);
        }
        let by_checkpoint = last + self.client_cost_since(totals.until);
        let sample = match (totals.run.last(), totals.starting) {
            (Some(sample), _) => sample.amount,
            (None, Some(starting)) => starting.amount,
            (None, None) => return Some(by_checkpoint),
        };
        // A checkpoint that repeats the run's sample was written by the run itself.
        if sample.is_near(last) {
            return Some(by_checkpoint);
        }
        let by_sample = sample + self.client_cost_since(totals.run.covered_until());
        Some(by_checkpoint.max(by_sample))
    }

    /// Returns the cost of the responses at or after an offset in the transcript, as Claude Code calculates it.
    fn client_cost_since(&self, offset: i64) -> Money {
        self.responses
            .iter()
            .filter(|response| response.offset >= offset)
            .map(|response| response.fact.client_cost)
            .sum()
    }

    /// Adds the results for the session as a whole.
    fn finish(&self, lineage: &Lineage, mut breakdown: SessionBreakdown) -> SessionBreakdown {
        let responses = self.responses.iter().map(|response| response.fact);
        let times = responses.clone().map(|response| response.at);
        let first_at = times.min().unwrap_or_default();
        let newest = responses
            .max_by_key(|response| response.at)
            .or_else(|| {
                let of_lineage = lineage.responses.iter();
                of_lineage.max_by_key(|response| response.at)
            });
        breakdown.model = newest.map_or(0, |response| response.model);
        let has_totals = !self.checkpoints.is_empty() || !self.compactions.is_empty();
        if self.has_other_version && has_totals {
            breakdown.add_bound(first_at, LowerBoundReason::SeveralTranscripts);
        }
        if !self.responses.is_empty() && !self.has_transcript {
            breakdown.add_bound(first_at, LowerBoundReason::TranscriptUnknown);
        }
        for at in &self.damage {
            breakdown.add_bound(*at, LowerBoundReason::DamagedLines);
        }
        if let Some((total, at)) = self.unidentified {
            let costs = self
                .responses
                .iter()
                .map(|response| response.fact.cost);
            if total > costs.sum::<Money>() + breakdown.unrecorded + NOISE {
                breakdown.add_bound(at, LowerBoundReason::Unidentified(total));
            }
        }
        breakdown.bounds.sort_by_key(|bound| bound.at);
        breakdown.bounds.dedup();
        breakdown
    }
}

/// A breakdown under construction.
struct BreakdownBuilder<'b, 'l> {
    breakdown: SessionBreakdown,
    lineage: &'l Lineage,
    prices: &'b PriceTable,
}

impl<'l> BreakdownBuilder<'_, 'l> {
    /// Adds a part to the breakdown.
    fn add_part(&mut self, part: &Part<'l>) {
        let compacted_at = part
            .compactions
            .first()
            .map(|compaction| compaction.at);
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
        let covered: Money = part
            .responses
            .iter()
            .map(|response| response.cost)
            .sum();
        let cost_of_later: Money = part
            .later_responses
            .iter()
            .map(|response| response.cost)
            .sum();
        self.breakdown.covered += covered + spend.cost();
        match &part.delta {
            Some(delta) if part.is_open() => {
                let costs = part
                    .responses
                    .iter()
                    .map(|response| response.client_cost);
                self.breakdown.covered -= (costs.sum::<Money>() - delta.cost).or_zero();
            }
            _ => self.breakdown.covered += cost_of_later,
        }
        let before = spend.cost();
        let pending = self.subtract_later_responses(part, &mut spend);
        let cost_of_later_responses = before - spend.cost();
        let cost = spend.cost();
        self.breakdown.unrecorded += cost - pending;
        for (model, cost) in &spend.by_model {
            self.distribute(part, *model, *cost, pending > Money::ZERO, at);
        }
        self.add_runs(part, cost, cost_of_later_responses);
    }

    /// Adds the reasons why a part's amount is a lower bound.
    fn add_bounds(&mut self, part: &Part<'_>, spend: &UnrecordedSpend) {
        // If a starting total may include some of the responses, the responses can cost more than the increase in the
        // totals.
        let is_start_proven = part.runs.iter().all(|totals| totals.is_start_proven);
        match spend.bound {
            Some(LowerBoundReason::CostExceedsTotals) if !is_start_proven => {}
            Some(reason) => {
                let last = part
                    .responses
                    .iter()
                    .map(|response| response.at)
                    .max();
                let at = last.or(part.first_at()).unwrap_or_default();
                self.breakdown.add_bound(at, reason);
            }
            None => {}
        }
        for totals in &part.runs {
            let at = totals.run.started_at;
            if !totals.is_known() && part.delta.is_some() {
                self.breakdown
                    .add_bound(at, LowerBoundReason::ProcessWithoutTotal);
            }
            let lacks_start = totals.starting.is_none() && totals.last.is_some();
            if lacks_start || !totals.is_start_proven {
                self.breakdown
                    .add_bound(at, LowerBoundReason::StartNotObserved);
            }
        }
    }

    /// Subtracts the cost of the responses after the last totals from the unrecorded spend, because the totals may
    /// already include them. Returns how much of the remaining spend may be pending.
    fn subtract_later_responses(&mut self, part: &Part<'_>, spend: &mut UnrecordedSpend) -> Money {
        let increase: Money = part
            .runs
            .iter()
            .map(RunTotals::newest_increase)
            .sum();
        let most_pending = increase.min(spend.cost());
        let Some(first) = part.later_responses.first() else {
            return most_pending;
        };
        if most_pending <= NOISE || first.client_cost > most_pending + NOISE {
            return Money::ZERO;
        }
        let costs = part
            .later_responses
            .iter()
            .map(|response| response.client_cost);
        let cost_of_later: Money = costs.sum();
        if !cost_of_later.is_near(most_pending) {
            self.breakdown
                .add_bound(first.at, LowerBoundReason::LaterResponses);
        }
        spend.subtract(cost_of_later.min(most_pending));
        (most_pending - cost_of_later).or_zero()
    }

    /// Distributes a model's unrecorded spend over a part's compactions in proportion to their token counts. If there
    /// are no compactions, the spend may be pending.
    fn distribute(
        &mut self,
        part: &Part<'_>,
        model: Id,
        cost: Money,
        may_be_pending: bool,
        at: Millis,
    ) {
        let is_estimate = self
            .lineage
            .models
            .get(&model)
            .is_some_and(|name| !self.prices.prices_of(name).known);
        let kind = if is_estimate {
            OffTranscriptKind::Estimated
        } else {
            OffTranscriptKind::Unrecorded
        };
        let tokens = part
            .compactions
            .iter()
            .map(|compaction| u128::from(compaction.tokens));
        let all_tokens: u128 = tokens.sum();
        let mut rest = cost;
        for compaction in part.compactions.iter().skip(1) {
            let share = match all_tokens {
                0 => cost.times(1, part.compactions.len() as u128),
                tokens => cost.times(compaction.tokens.into(), tokens),
            };
            rest -= share;
            self.add_off_transcript(compaction.at, model, share, kind);
        }
        if let Some(first) = part.compactions.first() {
            self.add_off_transcript(first.at, model, rest, kind);
            return;
        }
        let kind = if may_be_pending {
            OffTranscriptKind::Pending
        } else {
            kind
        };
        for (at, share) in part.shares_of_samples(rest, at) {
            self.add_off_transcript(at, model, share, kind);
        }
    }

    fn add_off_transcript(&mut self, at: Millis, model: Id, cost: Money, kind: OffTranscriptKind) {
        if cost != Money::ZERO {
            self.breakdown
                .off_transcript
                .push(OffTranscriptSpend {
                    at,
                    model,
                    kind,
                    cost,
                });
        }
    }

    /// Adds a breakdown for each run in a part. If runs overlap, each response is assigned to the run with the largest
    /// unexplained increase in its totals. `cost_of_later_responses` is the part of the increase that may be due to
    /// responses after the last total.
    fn add_runs(&mut self, part: &Part<'_>, unrecorded: Money, cost_of_later_responses: Money) {
        let mut breakdowns: Vec<RunBreakdown> =
            part.runs.iter().map(RunTotals::breakdown).collect();
        if let Some(totals) = part.history {
            breakdowns.push(RunBreakdown {
                started_at: part.first_at(),
                ended_at: part
                    .responses
                    .iter()
                    .map(|response| response.at)
                    .max(),
                starting_total: totals.starting,
                is_start_proven: true,
                last_total: Some(totals.last),
                ..RunBreakdown::default()
            });
        }
        if breakdowns.is_empty() && part.first_at().is_some() {
            breakdowns.push(RunBreakdown {
                started_at: part.first_at(),
                ..RunBreakdown::default()
            });
        }
        for response in &part.responses {
            if let Some(breakdown) = least_explained(&mut breakdowns) {
                breakdown.responses += 1;
                breakdown.recorded += response.cost;
                breakdown.covered_responses += 1;
                breakdown.covered += response.cost;
            }
        }
        for response in &part.later_responses {
            if let Some(breakdown) = least_explained(&mut breakdowns) {
                breakdown.responses += 1;
                breakdown.recorded += response.cost;
            }
        }
        let mut rest_of_later = cost_of_later_responses;
        let mut rest = unrecorded;
        for breakdown in &mut breakdowns {
            let cost_of_later = breakdown.recorded - breakdown.covered;
            breakdown.cost_of_later_responses = breakdown
                .unexplained_increase()
                .or_zero()
                .min(cost_of_later)
                .min(rest_of_later);
            rest_of_later -= breakdown.cost_of_later_responses;
            breakdown.unrecorded = breakdown.unexplained_increase().or_zero().min(rest);
            rest -= breakdown.unrecorded;
        }
        if let Some(first) = breakdowns.first_mut() {
            first.unrecorded += rest;
        }
        self.breakdown.runs.extend(breakdowns);
    }
}

/// Returns the run whose totals increased the most beyond the cost of its responses.
fn least_explained(breakdowns: &mut [RunBreakdown]) -> Option<&mut RunBreakdown> {
    breakdowns
        .iter_mut()
        .max_by_key(|breakdown| breakdown.increase() - breakdown.recorded)
}
