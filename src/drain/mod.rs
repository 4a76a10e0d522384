//! Finds parts of prompts that were unnecessarily rewritten to the prompt cache, and explains why.
//!
//! `line` contains what is known about a response, and `history` compares each response with its predecessor in the
//! same cache. `cause` determines why a part of the prompt was rewritten. `prices` calculates the cost of the rewrite.
//! `sums` adds up the results, grouped by cause and by session, and `report` renders them. docs/drain.md explains each
//! cause and how it was tested.

mod cause;
mod history;
mod line;
mod loads;
mod prices;
mod report;
mod sums;

pub(crate) use history::{CacheWrite, cache_writes};
pub(crate) use report::Drain;
pub(crate) use sums::CacheSums;
