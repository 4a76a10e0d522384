//! The period that a limit counts over, for setting what this machine spent against it.

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::incident::Incident;
use super::kind::LimitKind;
use crate::time::{FIVE_HOURS, WEEK, Zone};

/// From when to when the limit of this incident counted, the end being the error. None where a
/// period makes no sense, as for a throttle.
pub fn period_of(incident: &Incident, zone: Zone) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let at = incident.evidence.at;
    let before = |length: TimeDelta| match incident.finding.resets.chosen {
        // A window began its length before it ends; without its end it began that long ago at most.
        Some(reset) if reset.at - length <= at => reset.at - length,
        _ => at - length,
    };
    let since = match incident.finding.limit {
        LimitKind::FiveHour => before(FIVE_HOURS),
        LimitKind::Weekly
        | LimitKind::WeeklyOpus
        | LimitKind::WeeklySonnet
        | LimitKind::WeeklyFable => before(WEEK),
        LimitKind::UsageCredits
        | LimitKind::OwnSpendCap
        | LimitKind::MemberSpendCap
        | LimitKind::OrgSpendCap
        | LimitKind::SeatNoCredits
        | LimitKind::ApiCreditBalance
        | LimitKind::ApiSpendCap => zone.midnight(zone.day(at).with_day(1)?),
        _ => return None,
    };
    Some((since, at))
}
