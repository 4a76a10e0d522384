//! Determines whether an error still blocks work and, if not, how it ended.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Diagnosis;
use super::input::Input;
use crate::claude::version::ClientVersion;
use crate::limits::evidence::{
    Evidence, Measurement, OtherResponse, PayerRelation, ProvenEnd, SETTLED_AFTER,
};
use crate::limits::kind::{
    EndedBy, LimitedResource, TEMPORARY_PROBLEM_LASTS, Verdict, WhoCanFix, Window,
};
use crate::time::Clock;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// The recommended pause was over long ago.
    PauseLongOver,
    /// A new month has begun.
    NewMonth,
    /// The error is older than the longest time that its limit can last.
    Outlived,
}

/// The end of an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    ending: Ending,
    /// The time of the event that ended the error, or `None` if it is unknown.
    pub(super) at: Option<DateTime<Utc>>,
    /// The latest possible time of the event, or `None` if it is unknown.
    latest: Option<DateTime<Utc>>,
    /// True if an event ended the error, as opposed to an assumption that later evidence may replace.
    is_proven: bool,
}

impl End {
    fn at(ending: Ending, at: DateTime<Utc>) -> Self {
        Self {
            ending,
            at: Some(at),
            latest: Some(at),
            is_proven: true,
        }
    }

    fn before(ending: Ending, latest: DateTime<Utc>) -> Self {
        Self {
            at: None,
            ..Self::at(ending, latest)
        }
    }

    fn assumed(ending: Ending) -> Self {
        Self {
            ending,
            at: None,
            latest: None,
            is_proven: false,
        }
    }

    /// Returns the end in the form in which it is stored, or `None` if the event or its time is unknown.
    pub(super) fn proven(self) -> Option<ProvenEnd> {
        if !self.is_proven {
            return None;
        }
        Some(ProvenEnd {
            ending: self.ending,
            at: self.at?,
        })
    }
}

impl From<ProvenEnd> for End {
    fn from(end: ProvenEnd) -> Self {
        Self::at(end.ending, end.at)
    }
}

/// Returns the current state of an error. `end` is the error's end, as returned by [`end`].
pub(super) fn state(input: &Input<'_>, diagnosis: &Diagnosis, end: Option<End>) -> State {
    // A notice about something that is already over is reported as over.
    let has_ended = end.is_some() && !input.evidence.is_pasted();
    match end {
        _ if diagnosis.is_notice() && !has_ended => State::Notice,
        Some(end) => State::Over(end.ending),
        None => State::Blocks(wait(input, diagnosis)),
    }
}

/// Returns how the error ended, or `None` if it has not ended.
///
/// The first event that ended the error counts. An end that an explanation has already mentioned is stored and takes
/// precedence, so that later events do not change the account of a past error. An end that no event proves counts only
/// as long as there is no such event.
pub(super) fn end(input: &Input<'_>, diagnosis: &Diagnosis) -> Option<End> {
    if let Some(known) = input.evidence.known_end()
        && !is_refuted(known, input, diagnosis)
    {
        return Some(known.into());
    }
    let proven = [
        reset(input, diagnosis),
        early_reset(input, diagnosis),
        response(input.evidence, diagnosis),
        next_limit(input.evidence),
        response_elsewhere(input, diagnosis),
        new_month(input.evidence, diagnosis),
    ];
    let first = proven.into_iter().flatten().min_by_key(|end| end.latest);
    first.or_else(|| assumed_end(input, diagnosis))
}

/// Returns the reset, if its time has passed.
fn reset(input: &Input<'_>, diagnosis: &Diagnosis) -> Option<End> {
    let reset = diagnosis.resets.passed(input.evidence.clock.now)?;
    (!is_false(diagnosis)).then(|| End::at(Ending::Reset, reset.at))
}

/// Returns true if the reset time has passed and a response or a reading from then on shows that the window has reset.
pub(super) fn is_reset_proven(input: &Input<'_>, diagnosis: &Diagnosis) -> bool {
    let evidence = input.evidence;
    let now = evidence.clock.now;
    let Some(reset) = diagnosis.resets.passed(now) else {
        return false;
    };
    let has_response = evidence
        .error
        .later_response
        .as_ref()
        .is_some_and(|response| response.at >= Some(reset.at));
    let has_room = diagnosis
        .window
        .and_then(|window| input.readings.usage_at(window, now))
        .is_some_and(|usage| !usage.is_full() && usage.measured >= reset.at);
    has_response || has_room
}

/// Returns the first response that the session received after the error. Returns `None` if the limit does not stop the
/// session, because the response then does not show that the limit is over.
fn response(evidence: &Evidence, diagnosis: &Diagnosis) -> Option<End> {
    let response = evidence.error.later_response.as_ref()?;
    if diagnosis.ended_by == EndedBy::NoSession {
        return None;
    }
    let is_without_key = evidence.collected.has_response_without_key
        && diagnosis.verdict == Verdict::WrongCredential;
    let ending = if is_without_key {
        Ending::KeyRemoved
    } else {
        Ending::ResponseReceived
    };
    Some(End {
        ending,
        at: response.at,
        latest: response.at,
        is_proven: true,
    })
}

/// Returns the next time that the session hit a limit, unless it received a response in between.
fn next_limit(evidence: &Evidence) -> Option<End> {
    let at = evidence.collected.hit_again_at?;
    Some(End::at(Ending::HitAgain, at))
}

/// Returns the first response in another session that proves that the error is over. Its time is unknown if an earlier
/// response of the same session may have come first.
pub(super) fn response_elsewhere(input: &Input<'_>, diagnosis: &Diagnosis) -> Option<End> {
    let collected = &input.evidence.collected;
    let first = collected
        .other_responses
        .iter()
        .filter(|response| is_ended_by(input, diagnosis, response))
        .min_by_key(|response| response.at)?;
    Some(if first.is_first {
        End::at(Ending::ResponseElsewhere, first.at)
    } else {
        End::before(Ending::ResponseElsewhere, first.at)
    })
}

/// Returns the start of the next calendar month, if it has begun and the error is about a monthly cap.
fn new_month(evidence: &Evidence, diagnosis: &Diagnosis) -> Option<End> {
    let ends_with_month =
        diagnosis.limit.description().ends_with_month && diagnosis.resets.chosen.is_none();
    let next_month = evidence.clock.zone.month_bounds(evidence.at()).1;
    (ends_with_month && next_month <= evidence.clock.now)
        .then(|| End::at(Ending::NewMonth, next_month))
}

/// Returns how the error ended if no event proves it. The end is inferred from the elapsed time or from how the user
/// pays now.
fn assumed_end(input: &Input<'_>, diagnosis: &Diagnosis) -> Option<End> {
    let evidence = input.evidence;
    let now = evidence.clock.now;
    let age = (now - evidence.at()).abs();
    let pause = pause_end(input, diagnosis);
    let ending = if pause.is_some() && age > TEMPORARY_PROBLEM_LASTS {
        Ending::PauseLongOver
    } else if pause.is_some_and(|end| end <= now) {
        Ending::PauseOver
    } else if evidence.collected.concerns_others_only {
        Ending::ConcernsOthers
    } else if evidence.collected.key_is_removed && diagnosis.verdict == Verdict::WrongCredential {
        Ending::KeyRemoved
    } else if has_outlived(input, diagnosis, age) {
        Ending::Outlived
    } else {
        return None;
    };
    let is_of_another_payer = matches!(ending, Ending::ConcernsOthers | Ending::KeyRemoved);
    Some(match evidence.collected.resumed_at {
        // The user went on with another payer.
        Some(resumed_at) if is_of_another_payer => End {
            at: Some(resumed_at),
            ..End::assumed(Ending::ResponseElsewhere)
        },
        Some(_) | None => End::assumed(ending),
    })
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
    let pause = diagnosis.actions.iter().find_map(|action| action.pause())?;
    match diagnosis.resets.chosen {
        Some(reset) if !is_false(diagnosis) => Some(reset.at),
        Some(_) | None => Some(input.evidence.at() + pause),
    }
}

/// Returns the early reset of the windows, if a later reading shows one.
fn early_reset(input: &Input<'_>, diagnosis: &Diagnosis) -> Option<End> {
    let windows: Vec<Window> = diagnosis
        .limit
        .window()
        .into_iter()
        .chain(diagnosis.window)
        .collect();
    if windows.is_empty() || is_false(diagnosis) || input.evidence.is_pasted() {
        return None;
    }
    let measured = input.readings.reset_measured_at(&windows)?;
    Some(End::at(Ending::ResetEarly, measured))
}

fn is_ended_by(input: &Input<'_>, diagnosis: &Diagnosis, response: &OtherResponse) -> bool {
    let evidence = input.evidence;
    let window = diagnosis.window.unwrap_or(Window::FiveHour);
    let usage = input.readings.usage_at(window, response.at);
    let is_full = usage.map(Measurement::is_full);
    // The request may already have been in progress when the window filled up, so a later reading must confirm that the
    // window has room.
    let has_measured_room = has_measured_room(usage, evidence);
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
    if response.is_refused_later && is_refutable(diagnosis.ended_by, has_measured_room) {
        return false;
    }
    match diagnosis.ended_by {
        EndedBy::AccountWithRoom => is_same_payer && is_settled && is_full != Some(true),
        EndedBy::AccountOnCredits => is_same_payer && is_settled && is_full != Some(false),
        EndedBy::SamePayer => is_same_payer,
        EndedBy::SamePayerAndModel => is_same_payer && is_same_model(evidence, response),
        EndedBy::SameService => match response.payer {
            PayerRelation::Same => true,
            PayerRelation::Unknown => !evidence.error.uses_other_service(),
            PayerRelation::Other => false,
        },
        EndedBy::SameSession | EndedBy::NoSession => false,
    }
}

/// Returns true if a refusal of the payer shows that the limit had not ended before, although another session had
/// received a response.
fn is_refuted(end: ProvenEnd, input: &Input<'_>, diagnosis: &Diagnosis) -> bool {
    let window = diagnosis.window.unwrap_or(Window::FiveHour);
    let usage = input.readings.usage_at(window, end.at);
    end.ending == Ending::ResponseElsewhere
        && input.evidence.collected.is_refused_after_end
        && is_refutable(diagnosis.ended_by, has_measured_room(usage, input.evidence))
}

/// Returns true if a later refusal shows that a response did not end the limit. Such a response was probably in progress
/// for a long time.
fn is_refutable(ended_by: EndedBy, has_measured_room: bool) -> bool {
    match ended_by {
        EndedBy::SameService => false,
        EndedBy::AccountWithRoom => !has_measured_room,
        EndedBy::AccountOnCredits
        | EndedBy::SamePayer
        | EndedBy::SamePayerAndModel
        | EndedBy::SameSession
        | EndedBy::NoSession => true,
    }
}

/// Returns true if a reading from after the error shows that the window was not full.
fn has_measured_room(usage: Option<Measurement>, evidence: &Evidence) -> bool {
    usage.is_some_and(|usage| !usage.is_full() && usage.measured > evidence.at())
}

/// Returns true if the response is known to come from the model that was refused.
fn is_same_model(evidence: &Evidence, response: &OtherResponse) -> bool {
    match (&evidence.error.session.model, &response.model) {
        (Some(refused), Some(responding)) => !evidence.uses_long_context() && refused == responding,
        (None, _) | (_, None) => false,
    }
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
    let waiting = evidence.collected.waiting;
    // Claude Code waits for the window that the server named, even if that window is not full.
    let reset_at = match diagnosis.resets.chosen {
        Some(reset) => reset.at,
        None if waiting.is_some() => evidence.server_reset()?,
        None => return None,
    };
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
    let is_near = is_announced || reset_at - evidence.at() <= WAITS_AT_MOST;
    (waits_for_window && is_near && evidence.is_since(CONTINUES_SINCE))
        .then(|| reset_at + CONTINUES_AFTER)
}
