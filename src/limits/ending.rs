//! Whether what stopped the work is over, and how it ended.

use chrono::{DateTime, TimeDelta, Utc};

use super::evidence::{Evidence, Sample};
use super::kind::Window;
use super::meters;
use super::resets::Resets;
use crate::claude::version::ClientVersion;

/// From this version on an open session goes on by itself when the window of a plan has reset.
const CONTINUES_SINCE: ClientVersion = ClientVersion(2, 1, 234);
/// A meter just below full says nothing: the server rounds, and refuses a little early.
const ROOM_BELOW: f64 = 90.0;
/// The old figures may be told once more before the refusal's arrive.
const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(2);

/// How far an error is in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is not over, as far as is known.
    Lasts,
    /// The session got a good answer.
    Answered,
    /// Its reset lay ahead, and has passed.
    Reset,
    /// Its reset lies ahead, and the window has room again.
    ResetEarly,
}

impl Ending {
    /// `believed` is the window that refused, if that is beyond doubt: else room is no news.
    pub(super) fn of(
        evidence: &Evidence,
        believed: Option<Window>,
        resets: &Resets,
        now: DateTime<Utc>,
    ) -> Self {
        let has_passed = resets
            .chosen
            .is_some_and(|reset| reset.at > evidence.at && reset.at <= now);
        if has_passed {
            Self::Reset
        } else if is_reset_early(evidence, believed) {
            Self::ResetEarly
        } else if evidence.answered {
            Self::Answered
        } else {
            Self::Lasts
        }
    }

    pub(super) fn is_reset(self) -> bool {
        matches!(self, Self::Reset | Self::ResetEarly)
    }
}

/// Whether the window that refused was measured since, and had room.
fn is_reset_early(evidence: &Evidence, believed: Option<Window>) -> bool {
    let Some(window) = believed else {
        return false;
    };
    let has_room = |sample: &Sample| {
        meters::is_own(evidence, sample)
            && sample.measured - evidence.at > SETTLED_AFTER
            && sample
                .meter(window)
                .is_some_and(|meter| meter.used_percent < ROOM_BELOW)
    };
    // A full one that was measured later takes it back.
    let newest = evidence.samples.iter().chain(&evidence.newest_sample);
    let newest = newest.filter(|sample| sample.meter(window).is_some());
    newest
        .max_by_key(|sample| sample.measured)
        .is_some_and(has_room)
}

/// Whether an open session goes on by itself at the reset of a window of its plan.
pub(super) fn continues_by_itself(evidence: &Evidence, of_plan: Option<Window>) -> bool {
    of_plan.is_some() && evidence.is_since(CONTINUES_SINCE)
}
