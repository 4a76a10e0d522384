//! The status line: what the client tells, what the ledger knows, made into rows that fit.

pub mod amounts;
pub mod input;
pub mod layout;
pub mod segments;
pub mod spending;
pub mod wrapped;
