//! Prices where Claude Code keeps them: `modelPricing` in settings, and what it fetched.

use std::path::Path;

use super::account;
use super::settings::{self, SettingsScope};
use crate::places::Places;
use crate::pricing::{OwnRates, PriceTable};

/// What responses cost here: the built-in prices with the user's own rates, and what Claude Code
/// fetched of models that the table lacks.
pub(crate) fn prices(places: &Places) -> PriceTable {
    let home = places.clone();
    PriceTable::with(own_rates(places)).with_state(move || account::global_state(&home))
}

/// The user's own rates: from managed settings, which the client obeys, else from the user's
/// `settings.json`. Files that cannot be read have no rates.
fn own_rates(places: &Places) -> OwnRates {
    settings::paths(places, None)
        .into_iter()
        .find_map(|(scope, path)| {
            let mut rates = rates_in(&path)?;
            rates.managed = scope == SettingsScope::Managed;
            Some(rates)
        })
        .unwrap_or_default()
}

fn rates_in(path: &Path) -> Option<OwnRates> {
    let bytes = settings::bytes(path).ok()??;
    // Most settings have no such key, and parsing them costs more than looking for it.
    memchr::memmem::find(&bytes, b"\"modelPricing\"")?;
    let said = settings::parse(&bytes).ok()?;
    Some(OwnRates::parse(said.get("modelPricing")?))
}
