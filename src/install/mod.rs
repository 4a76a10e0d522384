//! Adding whycap to Claude Code's settings, and taking it out again so that nothing of the
//! user's is lost.
//!
//! [`document`] finds positions in a JSON text, [`edit`] changes a text at one place,
//! [`wiring`] knows what to add and remove; none of them touches a disk. [`plan`] reads the files
//! and says what to do; [`steps`] does it, one whole file at a time.

pub mod document;
pub mod edit;
pub mod ours;
pub mod plan;
pub mod program;
pub mod record;
pub mod report;
pub mod steps;
pub mod wired;
pub mod wiring;
