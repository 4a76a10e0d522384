//! What was written to the prompt cache again: how much, why, and what of it nobody needed.
//!
//! `record` reads a line, `history` holds each answer against what its cache held, `cause` has the
//! rules, `findings` adds up. docs/drain.md says what each cause means and how it was tried.

mod attribution;
mod cause;
mod findings;
mod history;
mod percent_worth;
mod record;
mod window_use;

pub(crate) use attribution::Attribution;
pub(crate) use cause::Cause;
pub(crate) use findings::{Drain, Findings, bug_report};
pub(crate) use history::{Again, Write, writes};
pub(crate) use percent_worth::{PercentWorth, SpentHere};
pub(crate) use window_use::WindowShares;
