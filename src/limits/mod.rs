//! The model of limits, which decides what stops a request, how long it does so, and what the user can do about it.
//!
//! ```text
//! facts ──▶ history ──▶ fold ──▶ Outlook ──▶ views
//! ```
//!
//! A [`Fact`] states what happened, when it happened, and which source reported it. `history` merges the reports of
//! several sources about one event. The fold derives from the facts which resources are closed and which are open. An
//! outlook answers whether one [`Request`] would be served. Views show an outlook and never read facts or closures.
//! Everything here is pure: the clock and the zone are passed in.

mod continuation;
mod evidence;
mod facts;
mod fold;
mod history;
mod judge;
mod outlook;
mod past;
mod request;
mod resource;
mod steps;
#[cfg(test)]
pub(crate) mod tests;

pub use crate::messages::{Kind, Service, Verdict, Who};
pub use continuation::{Continuation, WhyNot};
pub use evidence::{Evidence, Proof};
pub use facts::{
    Announcement, BudgetScope, Credits, Event, Fact, Login, Measure, ModelResponse, Refusal,
    ServerClaim, Source, UsedBudget,
};
pub(crate) use fold::readings::{FRESH_FOR, USED_UP};
pub use fold::readings::{FULL, Reading};
pub use fold::{Asker, Opening, Stop, World};
pub use outlook::{Also, Blocks, Outlook, PayerUsage, Pays, State};
pub use past::{Past, PastStop};
pub use request::{Part, Payer, Purpose, Request, Scope};
pub use resource::{Coordinate, Description, Ends, Family, Lifter, Needed, Plans, Resource};
pub use steps::{After, Step};
