//! `modelPricing` where Claude Code keeps settings.

use serde_json::Value;

use crate::disk;
use crate::places::Places;
use crate::pricing::OwnRates;

/// The client refuses settings files above 2 MiB.
const SIZE_LIMIT: u64 = 2 * 1024 * 1024;

/// Where an organisation's administrator puts settings, by platform.
#[cfg(target_os = "macos")]
const MANAGED: &str = "/Library/Application Support/ClaudeCode/managed-settings.json";
#[cfg(not(target_os = "macos"))]
const MANAGED: &str = "/etc/claude-code/managed-settings.json";

/// The user's own rates: from managed settings, which the client obeys, else from the user's
/// `settings.json`. Files that cannot be read have no rates.
pub fn own_rates(places: &Places) -> OwnRates {
    let rates = |path: &std::path::Path| {
        let bytes = disk::read(path, SIZE_LIMIT).ok()??;
        // Most settings have no such key, and parsing them costs more than looking for it.
        memchr::memmem::find(&bytes, b"\"modelPricing\"")?;
        let settings: Value = serde_json::from_slice(&bytes).ok()?;
        Some(OwnRates::parse(settings.get("modelPricing")?))
    };
    if let Some(mut managed) = rates(std::path::Path::new(MANAGED)) {
        managed.managed = true;
        return managed;
    }
    rates(&places.user_settings()).unwrap_or_default()
}
