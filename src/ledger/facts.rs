//! The facts that transcripts contain.

use xxhash_rust::xxh3::xxh3_64;

use crate::pricing::{Advice, ModelPrices, Money, PriceTable, ServiceLevel, Usage};
use crate::time::Millis;
pub(crate) use crate::transcript::line::{
    Checkpoint, ModelTotals, OwnershipMarker, PullRequestLine,
};

/// The hash of a name or path, used as a table key.
pub(crate) type Id = i64;

/// Returns the ID of a name or path.
pub(crate) fn id_of(name: &[u8]) -> Id {
    xxh3_64(name).cast_signed()
}

/// The location of a line, with evidence of which session owns the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Location {
    pub file: Id,
    /// The distance from the start of the file, in bytes. The offset is [`STALE`] or greater if the file was rewritten
    /// and no longer contains the line.
    pub offset: i64,
    /// True if an earlier line in the file has a later timestamp, which is typical of inherited lines.
    pub is_out_of_order: bool,
    /// True if the line names a client that runs in a terminal and writes checkpoints. When a fork copies a line, it
    /// replaces the client's name with its own.
    pub is_from_terminal: bool,
    /// The session that the line was copied from, if the line specifies it.
    pub source: Option<Id>,
}

/// The value added to a line's offset when its file is rewritten.
pub(crate) const STALE: i64 = 1 << 60;

/// An API response, which may appear on several lines and in several files.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Response {
    /// The hash of the response's message ID and request ID.
    pub key: i64,
    /// The time of the response's first line.
    pub at: Millis,
    /// The session that received the response.
    pub session: Id,
    pub model: Id,
    /// The requested model, if a different model responded.
    pub requested: Option<Id>,
    /// The ID of the request's context, which consists of a branch and an agent.
    pub context: Id,
    pub is_of_subagent: bool,
    /// True if the model's price is unknown, which makes the cost an estimate.
    pub is_unpriced: bool,
    pub usage: Usage,
    pub service: ServiceLevel,
    /// The individual model calls. The list is empty if there was only one call, or if the calls do not add up to the
    /// response's usage. Most callers need [`Response::calls`].
    pub several_calls: Vec<Usage>,
    /// The advice that other models gave on the response.
    pub advice: Vec<Advice>,
    /// The cost at the user's configured prices.
    pub cost: Money,
    /// The cost at the prices that Claude Code uses for its running totals.
    pub client_cost: Money,
    /// The location of the first line.
    pub location: Location,
    /// The locations in other files.
    pub copies: Vec<Location>,
}

impl Response {
    /// Merges the fields of another line for the same response.
    pub(crate) fn merge(&mut self, other: &Self) {
        let Self {
            // The key and the model are the same on all lines.
            key: _,
            model: _,
            // `reconcile` finds out which session owns the response.
            session: _,
            at,
            context,
            requested,
            is_of_subagent,
            usage,
            service,
            several_calls,
            advice,
            location,
            copies,
            // `price` derives the costs from the merged fields.
            is_unpriced: _,
            cost: _,
            client_cost: _,
        } = other;

        // The response belongs to the branch and the agent of its earliest line.
        if *at < self.at {
            self.at = *at;
            self.context = *context;
        }
        // The calls add up to the usage of their own line, so they cannot be combined.
        if self.usage.is_completed_by(*usage) {
            self.several_calls.clone_from(several_calls);
        }
        self.usage = self.usage.max(*usage);
        self.service = self.service.or(*service);
        // The line with the most advice is the most complete.
        if self.advice.len() < advice.len() {
            self.advice.clone_from(advice);
        }
        // A line that does not contain these facts does not contradict a line that does.
        self.requested = self.requested.or(*requested);
        self.is_of_subagent |= is_of_subagent;
        // Each file counts once.
        for new in std::iter::once(location).chain(copies) {
            self.add_location(*new);
        }
    }

    fn add_location(&mut self, new: Location) {
        let known = std::iter::once(&mut self.location).chain(&mut self.copies);
        for location in known {
            if location.file == new.file {
                if location.offset >= STALE {
                    *location = new;
                }
                return;
            }
        }
        self.copies.push(new);
    }

    /// Returns all locations of the response.
    pub(crate) fn locations(&self) -> impl Iterator<Item = &Location> + Clone {
        std::iter::once(&self.location).chain(&self.copies)
    }

    /// Returns the usage of each model call.
    pub(crate) fn calls(&self) -> impl Iterator<Item = Usage> {
        self.usage.calls(&self.several_calls)
    }

    /// Calculates and stores the costs.
    pub(crate) fn price(&mut self, prices: &PricesOfModel<'_>) {
        let current = &prices.current;
        self.cost = self.cost_at(current, self.service);
        self.is_unpriced = !(current.known && current.know_advisors(&self.advice));
        self.client_cost = match &prices.client {
            Some(client) => self.cost_at(client, self.service),
            None => self.cost,
        };
    }

    /// Returns the cost of the response at the given prices and service level, including advice.
    pub(crate) fn cost_at(&self, prices: &ModelPrices<'_>, service: ServiceLevel) -> Money {
        prices.price(self.at, self.calls(), service)
            + prices.price_advice(self.at, &self.advice, service)
    }
}

/// The prices for one model.
pub(crate) struct PricesOfModel<'p> {
    current: ModelPrices<'p>,
    /// Claude Code's own prices, if the user has configured different ones.
    client: Option<ModelPrices<'p>>,
}

impl<'p> PricesOfModel<'p> {
    pub(crate) fn new(table: &'p PriceTable, model: &str) -> Self {
        let has_others = !table.custom.is_none() && !table.custom.managed;
        Self {
            current: table.prices_of(model),
            client: has_others.then(|| table.client_prices_of(model)),
        }
    }
}

/// A compaction. Forks copy its line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Compaction {
    pub key: i64,
    pub at: Millis,
    /// The length of the conversation before the compaction, in tokens.
    pub tokens: u64,
    pub locations: Vec<Location>,
}

/// A transcript.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TranscriptFacts {
    pub session: Id,
    /// True for the session's own transcript, and false for a subagent's transcript.
    pub is_main: bool,
    pub size: i64,
    pub markers: Vec<OwnershipMarker>,
    /// The times at which damaged lines may have been written, one for each day.
    pub damage: Vec<Millis>,
}
