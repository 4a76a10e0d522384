//! Defines the missing facts that would make a diagnosis more reliable.
//!
//! `build.rs` generates the enum from `unknowns` in `wording/sentences.json`, which contains a sentence for each fact.

include!(concat!(env!("OUT_DIR"), "/Unknown.rs"));
