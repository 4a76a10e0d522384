//! What stops a request, until when, and what the user can do about it.
//!
//! ```text
//! facts ──▶ history ──▶ fold ──▶ Outlook ──▶ views
//! ```
//!
//! A [`Fact`] says what happened, when, and who says so. `history` merges what several sources say about one event, the
//! fold turns the facts into closed and open resources, and an outlook answers what they mean for one [`Request`]. Views
//! show an outlook and never look at facts or closures. Everything here is pure: the clock and the zone are passed in.

mod facts;
mod kind;
mod request;

pub use facts::{
    Announcement, Budget, BudgetPeriod, Claim, Credits, Event, Fact, Login, Measure, Refusal,
    Response, Source,
};
pub use kind::Kind;
pub use request::{Part, Payer, Purpose, Request, Scope};
