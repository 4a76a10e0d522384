//! Determines whether an error still blocks work and, if not, how it ended.

use chrono::{DateTime, TimeDelta, Utc};

use super::Diagnosis;
use super::input::Input;
use crate::claude::version::ClientVersion;
use crate::limits::evidence::{Evidence, OtherResponse, PayerRelation, SETTLED_AFTER};
use crate::limits::kind::{EndedBy, LimitedResource, Verdict, WhoCanFix, Window};
use crate::time::Clock;

/// The time for which a short-lived error is considered current.
pub(super) const TEMPORARY_PROBLEM_LASTS: TimeDelta = TimeDelta::minutes(30);
/// The longest delay between a reset and the auto-resume (30 to 90 seconds in 2.1.328).
const CONTINUES_AFTER: TimeDelta = TimeDelta::seconds(90);
/// The longest time that Claude Code waits for a reset.
const WAITS_AT_MOST: TimeDelta = TimeDelta::hours(24);
/// The first version that automatically resumes after a reset.
const CONTINUES_SINCE: ClientVersion = ClientVersion(2, 1, 234);

/// The current state of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The message is only a warning or announces the end of a limit.
    Notice,
    /// The error still blocks the user, as far as whycap can tell.
    Blocks(Wait),
    /// The error is over.
    Over(Ending),
}

impl State {
    /// Returns true if the error is over.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Over(_))
    }
}

/// The effect of waiting while an error blocks work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Waiting helps. The block ends at the given time or, if there is none, with the next successful response.
    Helps(Option<DateTime<Utc>>),
    /// Waiting does not help, because someone needs to take action.
    InVain,
    /// There is not enough evidence to tell whether waiting helps.
    Unknown,
}

impl Wait {
    /// Returns the exit code for `explain --exit-code` and `wait`. `None` means that the user is not blocked.
    pub(crate) fn exit_code(wait: Option<Self>) -> u8 {
        match wait {
            None => 0,
            Some(Self::Helps(_)) => 10,
            Some(Self::InVain) => 11,
            Some(Self::Unknown) => 12,
        }
    }

    /// Returns the progress line that `whycap wait` prints.
    pub(crate) fn progress(until: Option<DateTime<Utc>>, clock: Clock) -> String {
        match until {
            Some(until) => format!(
                "Waiting until {}. Press Ctrl-C to stop.",
                clock.format_deadline(until)
            ),
            None => {
                "Waiting for a successful response in any session. Press Ctrl-C to stop.".to_owned()
            }
        }
    }
}

/// The event that ended an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The session received a successful response.
    ResponseReceived,
    /// Another session that was subject to the same limit received a successful response.
    ResponseElsewhere,
    /// The error still blocks the original session but not the current user.
    ConcernsOthers,
    /// The key that caused the error is no longer set.
    KeyRemoved,
    /// The session reached a limit again, so a newer error replaces this one.
    HitAgain,
    /// The reset time has passed.
    Reset,
    /// The usage window is no longer full, although its reset time has not been reached.
    ResetEarly,
    /// The recommended pause is over.
    PauseOver,
    /// A new month has begun.
    NewMonth,
    /// The error is older than the longest time that its limit can last.
    Outlived,
}

/// Returns the current state of an error.
pub(super) fn state(input: &Input<'_>, diagnosis: &Diagnosis) -> State {
    match ending(input, diagnosis) {
        _ if diagnosis.is_notice() && !has_ended_notice(input, diagnosis) => State::Notice,
        Some(ending) => State::Over(ending),
        None => State::Blocks(wait(input, diagnosis)),
    }
}

/// Returns true if the message is a notice about something that is already over.
fn has_ended_notice(input: &Input<'_>, diagnosis: &Diagnosis) -> bool {
    !input.evidence.is_pasted() && ending(input, diagnosis).is_some()
}

/// Returns how the error ended, or `None` if it has not ended.
fn ending(input: &Input<'_>, diagnosis: &Diagnosis) -> Option<Ending> {
    let evidence = input.evidence;
    let now = evidence.clock.now;
    let age = (now - evidence.at()).abs();
    let pause = pause_end(input, diagnosis);
    let reset = diagnosis.resets.chosen.filter(|_| !is_false(diagnosis));

    if reset.is_some_and(|reset| reset.at <= now) {
        Some(Ending::Reset)
    } else if is_reset_early(input, diagnosis) {
        Some(Ending::ResetEarly)
    } else if evidence.has_later_response() {
        Some(Ending::ResponseReceived)
    } else if evidence.collected.hit_again_at.is_some() {
        Some(Ending::HitAgain)
    } else if diagnosis.has_response_elsewhere {
        Some(Ending::ResponseElsewhere)
    } else if is_of_last_month(evidence, diagnosis) {
        Some(Ending::NewMonth)
    } else if has_outlived(input, diagnosis, age)
        || pause.is_some() && age > TEMPORARY_PROBLEM_LASTS
    {
        Some(Ending::Outlived)
    } else if pause.is_some_and(|end| end <= now) {
        Some(Ending::PauseOver)
    } else if evidence.collected.concerns_others_only {
        Some(Ending::ConcernsOthers)
    } else if evidence.collected.key_is_removed && diagnosis.verdict == Verdict::WrongCredential {
        Some(Ending::KeyRemoved)
    } else {
        None
    }
}

/// Returns true if the error is older than the longest time that its limit can last. Temporary problems with a known
/// reset time are exempt.
fn has_outlived(input: &Input<'_>, diagnosis: &Diagnosis, age: TimeDelta) -> bool {
    let is_passing = diagnosis.limit.is_passing();
    let has_reset_ahead = is_passing && diagnosis.resets.chosen.is_some();
    age > diagnosis.longest_duration(input.message) && !has_reset_ahead
}

/// Returns true if the limit was probably not reached.
fn is_false(diagnosis: &Diagnosis) -> bool {
    diagnosis.verdict == Verdict::FalseLikely
}

/// Returns the reset time or, if it is unknown, the end of the recommended pause.
fn pause_end(input: &Input<'_>, diagnosis: &Diagnosis) -> Option<DateTime<Utc>> {
    let is_passing = diagnosis.limit.is_passing() || is_false(diagnosis);
    if diagnosis.waiting_helps != Some(true) || !is_passing {
        return None;
    }
    let asked = diagnosis.resets.chosen.filter(|_| !is_false(diagnosis));
    let pause = diagnosis.actions.iter().find_map(|action| action.pause())?;
    Some(asked.map_or(input.evidence.at() + pause, |reset| reset.at))
}

/// Returns true if a later reading shows that the windows reset early.
fn is_reset_early(input: &Input<'_>, diagnosis: &Diagnosis) -> bool {
    let windows: Vec<Window> = diagnosis
        .limit
        .window()
        .into_iter()
        .chain(diagnosis.window)
        .collect();
    !windows.is_empty()
        && !is_false(diagnosis)
        && !input.evidence.is_pasted()
        && input.readings.have_been_reset(&windows)
}

/// Returns true if a response in another session proves that this error is over.
pub(super) fn has_response_elsewhere(input: &Input<'_>, diagnosis: &Diagnosis) -> bool {
    input
        .evidence
        .collected
        .other_responses
        .iter()
        .any(|response| is_ended_by(input, diagnosis, response))
}

fn is_ended_by(input: &Input<'_>, diagnosis: &Diagnosis, response: &OtherResponse) -> bool {
    let evidence = input.evidence;
    let window = diagnosis.window.unwrap_or(Window::FiveHour);
    let is_full = input.readings.is_used_up_now(window);
    // The request may already have been in progress when the window filled up, so a later reading must confirm that the
    // window has room.
    let has_measured_room =
        is_full == Some(false) && input.readings.newest_since(evidence.at()).is_some();
    let is_settled = has_measured_room || response.at > evidence.at() + SETTLED_AFTER;
    // A response in a session with a login does not prove that a key works again.
    let is_key_expected = matches!(
        diagnosis.limit.limited_resource(),
        LimitedResource::ApiMoney(_)
    ) && evidence.error.payer.owner.is_none();
    let is_same_payer = match response.payer {
        PayerRelation::Same => !(is_key_expected && response.has_owner),
        PayerRelation::Other | PayerRelation::Unknown => false,
    };
    match diagnosis.limit.ended_by() {
        EndedBy::AccountWithRoom => is_same_payer && is_settled && is_full != Some(true),
        EndedBy::AccountOnCredits => is_same_payer && is_settled && is_full != Some(false),
        EndedBy::SamePayer => is_same_payer,
        EndedBy::SamePayerAndModel => is_same_payer && is_same_model(evidence, response),
        EndedBy::SameService => match response.payer {
            PayerRelation::Same => true,
            PayerRelation::Unknown => !evidence.uses_other_service(),
            PayerRelation::Other => false,
        },
        EndedBy::SameSession => false,
    }
}

/// Returns true if the response is known to come from the model that was refused.
fn is_same_model(evidence: &Evidence, response: &OtherResponse) -> bool {
    match (&evidence.error.session.model, &response.model) {
        (Some(refused), Some(responding)) => !evidence.uses_long_context() && refused == responding,
        (None, _) | (_, None) => false,
    }
}

/// Returns true if a monthly cap was reached in a previous calendar month.
fn is_of_last_month(evidence: &Evidence, diagnosis: &Diagnosis) -> bool {
    let zone = evidence.clock.zone;
    diagnosis.limit.description().ends_with_month
        && diagnosis.resets.chosen.is_none()
        && zone.month_bounds(evidence.at()).0 < zone.month_bounds(evidence.clock.now).0
}

fn wait(input: &Input<'_>, diagnosis: &Diagnosis) -> Wait {
    let is_certain = diagnosis.verdict != Verdict::CannotTell;
    match diagnosis.waiting_helps {
        Some(true) => {
            let reset_at = match diagnosis.resets.chosen {
                Some(reset) if !is_false(diagnosis) => Some(reset.surely_over()),
                Some(_) | None => None,
            };
            Wait::Helps(pause_end(input, diagnosis).or(reset_at))
        }
        Some(false) => Wait::InVain,
        None if is_certain && diagnosis.who_can_fix != WhoCanFix::Nobody => Wait::InVain,
        None => Wait::Unknown,
    }
}

/// Returns the time at which Claude Code will automatically resume the session, unless something prevents it. It
/// resumes only if one of the plan's usage windows stopped the session and the reset is not too far in the future.
pub(super) fn automatic_continuation(
    input: &Input<'_>,
    diagnosis: &Diagnosis,
) -> Option<DateTime<Utc>> {
    let evidence = input.evidence;
    let reset = diagnosis.resets.chosen?;
    let waiting = evidence.collected.waiting;
    // The announcement refers to the window that the message mentions.
    let is_of_named_window = diagnosis
        .limit
        .window()
        .is_none_or(|named| diagnosis.window == Some(named));
    let is_announced =
        is_of_named_window && waiting.is_some_and(|waiting| waiting.given_up.is_none());
    // Claude Code cannot tell when a limit is false, so it does what it announced.
    let waits_for_window = diagnosis.limit.is_awaited()
        && !diagnosis.is_notice()
        && (is_announced || !is_false(diagnosis));
    let is_near = is_announced || reset.at - evidence.at() <= WAITS_AT_MOST;
    (waits_for_window && is_near && evidence.is_since(CONTINUES_SINCE))
        .then(|| reset.at + CONTINUES_AFTER)
}
