//! Hints that follow from what was counted, each with its sum. What cannot be shown to hold is not
//! said.

mod cold_cache;
mod hint;
mod lately;
mod written_again;

pub(crate) use cold_cache::cold_cache;
pub(crate) use hint::Hint;
pub(crate) use lately::best;
pub(crate) use written_again::CacheNews;
