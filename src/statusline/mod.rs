//! The status line: what the client tells, what the ledger knows, made into rows that fit.

pub mod input;
pub mod wrapped;
