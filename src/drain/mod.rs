//! Finds parts of prompts that were unnecessarily rewritten to the prompt cache, and explains why.
//!
//! `transcript_line` parses lines, and `history` compares each response with its predecessor in the same cache. `cause`
//! determines why a part of the prompt was rewritten. `loads` and `stalls` look for evidence that spans more than two
//! responses, and `reported_reason` reads the API's own explanation. `findings` adds up the results, and `report` and
//! `bug_report` render them. `miss_notice` shows a warning in the status line. docs/drain.md explains each cause and
//! how it was tested.

mod attribution;
mod bug_report;
mod cause;
mod findings;
mod history;
mod loads;
mod miss_notice;
mod percent_value;
mod report;
mod reported_reason;
mod sidechains;
mod stalls;
mod transcript_line;
mod window_use;
mod write_prices;

pub(crate) use attribution::Attribution;
pub(crate) use bug_report::bug_report;
pub(crate) use cause::RewriteCause;
#[cfg(test)]
pub(crate) use cause::RewriteVerdict;
pub(crate) use findings::Findings;
pub(crate) use history::{CacheWrite, Rewrite, cache_writes};
pub(crate) use miss_notice::{MissNotice, cold_cache_cost};
#[cfg(test)]
pub(crate) use percent_value::WeekEstimate;
pub(crate) use percent_value::{PercentValue, SpentHere};
pub(crate) use report::Drain;
pub(crate) use window_use::{SpentInWindow, WindowShares};
