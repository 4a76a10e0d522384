//! Defines the missing facts that would make a diagnosis more reliable.
//!
//! A missing fact is an entry of `unknowns` in `wording/sentences.json`, which contains its sentence. `build.rs` generates
//! the enum from it.

include!(concat!(env!("OUT_DIR"), "/Unknown.rs"));
