//! The status line: what the client tells, what the ledger knows, made into rows that fit.

pub mod layout;
pub mod segments;
pub mod spending;
pub mod wrapped;
