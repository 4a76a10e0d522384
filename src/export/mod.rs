//! What leaves this machine when its user says so: rows for whoever puts the spend of several
//! machines or people together.
//!
//! `DIR/whycap-1/<rows>/day=2026-11-20/<machine>.ndjson.gz`, one row a line. Promises: a row has a key
//! that is the same on every machine and a version by which the better copy wins, so rows may be
//! loaded in any order and any number of times; a file is seen whole or not at all; no texts, no
//! paths and no names of people are in them unless the user wrote a name down for it.

mod day_files;
mod drafts;
mod files;
mod leaving;
mod merged;
mod pseudonym;
mod readers;

pub(crate) use day_files::{Erasure, bring_up_to_date, erase_rows};
pub(crate) use files::{Gap, Rows, has_exports};
pub(crate) use leaving::Leaving;
pub(crate) use merged::{ExportedError, Merged, PersonLimits, TeamLimits, tolls};
pub(crate) use pseudonym::{Exporter, new_key};
pub(crate) use readers::Reader;
