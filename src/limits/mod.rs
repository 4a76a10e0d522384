//! The model of limits. It decides what stops a request, until when, and what the user can do about it.
//!
//! ```text
//! facts ──▶ history ──▶ fold ──▶ Outlook ──▶ views
//! ```
//!
//! A [`Fact`] says what happened, when, and who says so. `history` merges the reports of several sources about one event,
//! the fold turns the facts into closed and open resources, and an outlook answers what they mean for one [`Request`]. Views
//! show an outlook and never look at facts or closures. Everything here is pure: the clock and the zone are passed in.

mod continuation;
mod evidence;
mod facts;
mod fold;
mod history;
mod judge;
pub mod messages;
mod outlook;
mod past;
mod request;
mod resource;
mod steps;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod wording;

pub use continuation::{Continuation, WhyNot};
pub use evidence::{Evidence, Proof};
pub use facts::{
    Announcement, BudgetScope, Credits, Event, Fact, Login, Measure, ModelResponse, Refusal,
    ServerClaim, Source, UsedBudget,
};
pub(crate) use fold::readings::{FRESH_FOR, USED_UP};
pub use fold::readings::{FULL, Reading};
pub use fold::{Asker, Opening, Stop, World};
pub use messages::{Kind, Service, Verdict, Who};
pub use outlook::{Also, Blocks, Outlook, PayerUsage, Pays, State};
pub use past::{Past, PastStop};
pub use request::{Part, Payer, Purpose, Request, Scope};
pub use resource::{Coordinate, Description, Ends, Family, Lifter, Needed, Plans, Resource};
pub use steps::{After, Step};
