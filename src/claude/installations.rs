//! Other `claude` programs on the machine: the one that runs may not be the one that was updated.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::environment::Environment;
use crate::places::Places;

/// The different `claude` programs that PATH and the usual places hold. Links to one program
/// count once. Nothing is started.
pub(crate) fn found(places: &Places, environment: &Environment) -> BTreeSet<PathBuf> {
    let name = if cfg!(windows) {
        "claude.exe"
    } else {
        "claude"
    };
    let search = environment.variable("PATH").unwrap_or_default();
    std::env::split_paths(search)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .chain([
            places.home.join(".claude/local").join(name),
            places.home.join(".local/bin").join(name),
        ])
        .filter(|program| program.is_file())
        .filter_map(|program| program.canonicalize().ok())
        .collect()
}
