//! How an error stands at a moment: whether it blocks, what waiting does, how it ended.
//!
//! Every place asks this: headline, badge, rows, `explain` with its exit code, `/whycap`, `now`, `wait`.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::case::Case;
use super::diagnosis::{Diagnosis, PASSING_LASTS};
use super::evidence::{Evidence, Sample};
use super::kind::LimitKind::{
    ApiSpendCap, Auth, Billing, MemberSpendCap, OrgDisabled, OrgSpendCap, OwnSpendCap,
    SubscriptionAccess,
};
use super::kind::{Counts, Service, Verdict};
use super::meters::FULL_FROM;
use super::resets::Resets;
use crate::claude::version::ClientVersion;
use crate::time::{Clock, Zone};

/// From this version on an open session goes on by itself when the window of a plan has reset.
const CONTINUES_SINCE: ClientVersion = ClientVersion(2, 1, 234);
/// It goes on 30 to 90 seconds after the reset (2.1.328, 2.1.329). If it has not by then, its user has told it not to.
pub(super) const CONTINUES_AFTER: TimeDelta = TimeDelta::seconds(90);
/// Claude Code waits for a reset that is further ahead only where its user chose so (2.1.330).
pub(super) const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);
/// A meter just below full says nothing: the server rounds, and refuses a little early.
const ROOM_BELOW: f64 = 90.0;
/// The old figures may be told once more before the refusal's arrive.
pub(crate) const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(2);

/// How an error stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It stopped nothing: a warning, or the news that a limit has ended.
    News,
    /// It blocks, as far as is known.
    Blocks(Wait),
    /// It is over.
    Over(Ending),
}

/// What waiting does for somebody who is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It helps: up to this moment, or, where nobody knows one, up to a good answer.
    Helps(Option<DateTime<Utc>>),
    /// Somebody must act.
    InVain,
    /// It cannot be told.
    Unknown,
}

impl Wait {
    /// Whether work is blocked, for a script: 0 no, 10 yes and waiting helps, 11 yes and somebody must
    /// act, 12 it cannot be told.
    pub(crate) fn exit_code(wait: Option<Self>) -> u8 {
        match wait {
            None => 0,
            Some(Self::Helps(_)) => 10,
            Some(Self::InVain) => 11,
            Some(Self::Unknown) => 12,
        }
    }

    /// What is said meanwhile.
    pub(crate) fn progress(until: Option<DateTime<Utc>>, clock: Clock) -> String {
        match until.map(|until| clock.time_and_distance(until)) {
            Some(until) => format!("Waiting until {until}. Ctrl-C ends it."),
            None => "Waiting for a good answer in any session. Ctrl-C ends it.".to_owned(),
        }
    }
}

/// How an error ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The session got a good answer.
    Answered,
    /// Another session of the account did, and the window has room.
    AnsweredElsewhere,
    /// The session met a limit again, which is the one that holds.
    MetAgain,
    /// Its reset has passed. Perhaps it had when the error came: a clock is wrong, or a text is old.
    Reset,
    /// Its reset lies ahead, and the window has room again.
    ResetEarly,
    /// It passes by itself, and the pause that the answer names is over.
    PauseOver,
    /// It was of a month that has ended.
    NewMonth,
    /// It is older than such limits last.
    Outlived,
}

impl Standing {
    /// How an error stands now.
    pub(super) fn new(case: &Case<'_>, diagnosis: &Diagnosis, resets: &Resets) -> Self {
        let (evidence, now) = (case.evidence, case.clock.now);
        let reset = resets.chosen.map(|reset| reset.at);
        let pause = diagnosis.pause();
        // A limit that looks false may last until its reset, but the next try does not.
        let passes_at = reset.filter(|_| diagnosis.limit.is_passing());
        let pause_ends = passes_at.or(pause.map(|pause| evidence.at + pause));
        // A clock may have been set back since.
        let age = (now - evidence.at).abs();
        let elsewhere = is_answered_elsewhere(evidence, diagnosis);
        let endings = [
            (reset.is_some_and(|reset| reset <= now), Ending::Reset),
            (is_reset_early(evidence, diagnosis), Ending::ResetEarly),
            (evidence.since.answered, Ending::Answered),
            (evidence.since.met_again.is_some(), Ending::MetAgain),
            (elsewhere, Ending::AnsweredElsewhere),
            (is_of_last_month(case, diagnosis), Ending::NewMonth),
            (age > diagnosis.lasts(), Ending::Outlived),
            (pause.is_some() && age > PASSING_LASTS, Ending::Outlived),
            (pause_ends.is_some_and(|end| end <= now), Ending::PauseOver),
        ];
        let ending = endings.into_iter().find(|(is_so, _)| *is_so);
        match ending {
            Some((_, ending)) => Self::Over(ending),
            None if diagnosis.is_news() => Self::News,
            None => Self::Blocks(wait(diagnosis, pause_ends.or(reset))),
        }
    }

    /// Whether it is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Over(_))
    }
}

/// Whether a cap on a month's spend was met in a month that has ended, wherever it is counted.
fn is_of_last_month(case: &Case<'_>, diagnosis: &Diagnosis) -> bool {
    let (_, end) = Zone::UTC.month_bounds(case.evidence.at);
    let is_monthly = match diagnosis.limit {
        ApiSpendCap => diagnosis.service == Some(Service::Console),
        limit => [OwnSpendCap, MemberSpendCap, OrgSpendCap].contains(&limit),
    };
    is_monthly && case.clock.now - end >= TimeDelta::hours(12)
}

fn wait(diagnosis: &Diagnosis, until: Option<DateTime<Utc>>) -> Wait {
    match (diagnosis.waiting_helps, diagnosis.verdict) {
        (Some(true), _) => Wait::Helps(until),
        (Some(false), _) | (None, Verdict::Real | Verdict::Misworded) => Wait::InVain,
        (None, _) => Wait::Unknown,
    }
}

/// Whether the window that refused beyond doubt was measured since, and had room.
fn is_reset_early(evidence: &Evidence, diagnosis: &Diagnosis) -> bool {
    let is_believed = matches!(diagnosis.verdict, Verdict::Real | Verdict::Misworded);
    let window = diagnosis.awaited().filter(|_| is_believed);
    let windows = &evidence.windows;
    let told = windows.samples.iter().chain(&windows.newest_sample);
    let told = told.filter_map(|sample| Some((sample, sample.meter(window?)?)));
    // A full one that was measured later takes it back.
    let newest = told.max_by_key(|(sample, _)| sample.measured);
    newest.is_some_and(|(sample, meter)| {
        // Of two that were full both have room.
        let named = diagnosis.limit.window().and_then(|it| sample.meter(it));
        evidence.is_own(sample)
            && named.is_none_or(|meter| meter.used_percent < ROOM_BELOW)
            && sample.measured - evidence.at > SETTLED_AFTER
            && meter.used_percent < ROOM_BELOW
    })
}

/// Whether another session of the account got a good answer since that this one would get as well.
pub(super) fn is_answered_elsewhere(evidence: &Evidence, diagnosis: &Diagnosis) -> bool {
    let answered = evidence.windows.answered_elsewhere;
    let newest = evidence.windows.newest_sample.as_ref();
    let is_new = newest.is_some_and(|it| it.measured > evidence.at);
    let told = newest.zip(diagnosis.awaited());
    let meter = told.and_then(|(sample, window)| sample.meter(window));
    // Where no meter is told, as on Team, an answer that was not on its way at the refusal tells; but not
    // of one model's limit. Beyond a window that was full before, it was paid for.
    let is_any_models = diagnosis.awaited().is_some_and(|it| !it.is_of_one_model());
    let is_told = is_any_models && answered > Some(evidence.at + SETTLED_AFTER);
    let is_full = meter.is_some_and(|meter| meter.used_percent >= FULL_FROM);
    let has_room = !is_full && (is_told || is_new && meter.is_some());
    // Whose login is served has one.
    let is_logins = [Auth, Billing, OrgDisabled, SubscriptionAccess].contains(&diagnosis.limit);
    let is_served = is_logins && diagnosis.service == Some(Service::Plan);
    let has_credits = diagnosis.limit.counts() == Counts::Credits && is_paid_elsewhere(evidence);
    answered.is_some() && (diagnosis.limit.is_passing() || is_served || has_room || has_credits)
}

/// Whether another session was served beyond a full window since: only credits do that, so there are some.
pub(super) fn is_paid_elsewhere(evidence: &Evidence) -> bool {
    let windows = &evidence.windows;
    let newest = windows.newest_sample.as_ref();
    let is_full = newest.is_some_and(Sample::has_full_window);
    is_full && windows.answered_elsewhere > Some(evidence.at + SETTLED_AFTER)
}

/// Whether an open session goes on by itself at the reset of a window of its plan.
pub(super) fn continues_by_itself(evidence: &Evidence, diagnosis: &Diagnosis) -> bool {
    matches!(diagnosis.service, None | Some(Service::Plan))
        && diagnosis.awaited().is_some()
        && evidence.is_since(CONTINUES_SINCE)
        && evidence.session.stays_put.is_none()
}
