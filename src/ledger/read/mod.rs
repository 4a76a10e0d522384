//! Reading what transcripts have gained, and putting it into the ledger.

mod batch;
mod catch_up;
mod commit;

pub(crate) use batch::Batch;
pub use catch_up::{Caught, Effort};
pub(crate) use commit::merged;
