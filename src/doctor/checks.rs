//! The checks, each a pure function of what was gathered.

mod client;
mod own;
mod wiring;

use super::{Facts, Finding};

/// Every check, in the order in which findings are shown.
pub const ALL: [fn(&Facts) -> Vec<Finding>; 17] = [
    wiring::settings_files,
    wiring::hooks_allowed,
    wiring::trust,
    wiring::status_line,
    wiring::hooks,
    wiring::program,
    wiring::twice,
    client::client_version,
    client::installations,
    client::credentials,
    own::retention,
    own::ledger,
    client::locks,
    own::prices,
    own::clock,
    own::own_configuration,
    own::own_data,
];

#[cfg(test)]
mod tests;
