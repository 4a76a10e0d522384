//! The period that a limit counts over, for setting what this machine spent against it.

use chrono::{DateTime, Datelike, Utc};

use super::incident::Incident;
use super::kind::Counts;
use crate::time::Zone;

/// From when to when the limit of this incident counted, the end being the error. None where a
/// period makes no sense, as for a throttle.
pub fn period_of(incident: &Incident, zone: Zone) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let at = incident.evidence.at;
    let since = match incident.diagnosis.limit.counts() {
        Counts::Included(window) => match incident.resets.chosen {
            // A window began its length before it ends; without its end it began that long ago at
            // most.
            Some(reset) if reset.at - window.length() <= at => reset.at - window.length(),
            _ => at - window.length(),
        },
        Counts::Credits | Counts::ApiMoney => zone.midnight(zone.day(at).with_day(1)?),
        Counts::Passing | Counts::Nothing => return None,
    };
    Some((since, at))
}
