//! What was said about which budget, as empty files: one warning, one word when it is used up, and
//! the user's wish to go on.

use std::path::PathBuf;

use super::Standing;
use crate::disk;
use crate::incidents::store::safe_name;
use crate::places::Places;

/// Something that happens once for a budget and period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// Warned that it is nearly used.
    Warned,
    /// Said that it is used up.
    UsedUp,
    /// The user goes on anyway.
    GoesOn,
}

fn file(places: &Places, standing: &Standing, once: Once) -> PathBuf {
    let kind = match once {
        Once::Warned => "warned",
        Once::UsedUp => "used-up",
        Once::GoesOn => "goes-on",
    };
    places
        .data
        .join("budgets")
        .join(format!("{}.{kind}", safe_name(&standing.key())))
}

/// Whether it has happened.
pub fn has(places: &Places, standing: &Standing, once: Once) -> bool {
    file(places, standing, once).exists()
}

/// Notes that it happens now. False if it had happened before, or cannot be remembered: a warning
/// that is lost is better than one that comes with every prompt.
pub fn note(places: &Places, standing: &Standing, once: Once) -> bool {
    let path = file(places, standing, once);
    path.parent()
        .is_some_and(|directory| disk::create_private_dir(directory).is_ok())
        && disk::create_atomically(&path, b"").unwrap_or(false)
}
