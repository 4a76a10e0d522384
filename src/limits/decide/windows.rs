//! Determines the cause of errors about usage windows.

use super::cause::Cause;
use super::credits;
use super::input::{Finding, Input};
use super::unknown::Unknown;
use crate::claude::window_usage::is_same_reset;
use crate::limits::catalog::RESET_TOLERANCE;
use crate::limits::evidence::{Measurement, WindowState};
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix, Window};
use crate::time::FIVE_HOURS;

/// Handles errors that blame a full usage window.
pub(super) fn usage_window(input: &Input<'_>) -> Finding {
    if input.evidence.refused_limit() == Some(LimitKind::UsageCredits) {
        return credits::credits(input);
    }
    let server = input.evidence.refused_window();
    let full = input.readings.full_window();
    let known = server
        .or(input.message.window)
        .or(full.map(|full| full.window));
    if known.is_none() && input.possible_resets().is_some() {
        let limit = LimitKind::Window(Window::FiveHour);
        return Finding::passing(limit, Verdict::CannotTell, Cause::ResetMayHavePassed)
            .waiting(None)
            .without_knowing(Unknown::WhichLimit)
            .without_knowing(Unknown::DayOfReset);
    }
    let Some(window) = known.or_else(|| guess_window_from_reset(input)) else {
        return window_used_up_now(input).unwrap_or_else(|| {
            some_limit(Cause::SomeWindow)
                .without_knowing_if(!input.has_stated_reset(None), Unknown::Readings)
                .without_knowing_if(input.foreign_reset(None).is_some(), Unknown::TimeOfMessage)
        });
    };
    let limit = LimitKind::Window(window);
    let full_cause = if window.is_of_one_model() {
        Cause::ModelWindowFull
    } else {
        Cause::WindowFull
    };

    if !window.is_of_one_model()
        && let Some(later) = later_window(input, window)
    {
        // If two windows are full, work is stopped until the later reset.
        let has_reset = input
            .readings
            .reset_of(window)
            .is_some_and(|at| at <= input.evidence.clock.now);
        let cause = if later.is_unconfirmed {
            Cause::LaterWindowFullByMessage
        } else if has_reset {
            Cause::LaterWindowFull
        } else {
            Cause::BothWindowsFull
        };
        // Once the window in the message has reset, only the message of another error suggests a limit.
        let verdict = if later.is_unconfirmed && (has_reset || !is_confirmed(input, window)) {
            Verdict::CannotTell
        } else {
            Verdict::Real
        };
        return Finding::passing(limit, verdict, cause)
            .until_reset_of(Some(later.window))
            .measured(later);
    }
    match (input.readings.state(window), full) {
        _ if window.is_of_one_model() && server.is_some() => {
            Finding::passing(limit, Verdict::Real, full_cause)
        }
        (WindowState::Full(measurement), _) => {
            Finding::passing(limit, Verdict::Real, full_cause).measured(measurement)
        }
        (WindowState::Room(_), Some(other)) => {
            let limit = LimitKind::Window(other.window);
            Finding::passing(limit, Verdict::Misworded, Cause::OtherWindowFull).measured(other)
        }
        (WindowState::Room(room), None) => contradicted(limit, room),
        _ if window.is_of_one_model() => {
            let cause = Cause::ModelWindowFullByMessage;
            Finding::passing(limit, Verdict::CannotTell, cause)
                .without_knowing(Unknown::ReadingsOfModels)
        }
        _ if known.is_none() && may_be_from_earlier_day(input, window) => {
            Finding::passing(limit, Verdict::CannotTell, Cause::OldOrWeekly)
                .without_knowing(Unknown::OldOrWeekly)
                .without_knowing(input.missing_reading(window))
        }
        _ if known.is_none() => {
            // If the window had room when it was last measured, the message is probably not about this window, or it is old.
            let cause = if input.has_last_known_room(window) {
                Cause::SomeWindow
            } else {
                Cause::WindowGuessed
            };
            Finding::passing(limit, Verdict::CannotTell, cause)
                .without_knowing(Unknown::WindowGuessed)
                .without_knowing(input.missing_reading(window))
        }
        _ if server.is_some() => Finding::passing(limit, Verdict::Real, full_cause),
        (WindowState::LastKnown(known), _) if !known.is_full() => {
            let cause = Cause::WindowFullDespiteKnownRoom;
            Finding::passing(limit, Verdict::CannotTell, cause)
                .measured(known)
                .without_knowing(input.missing_reading(window))
        }
        _ => Finding::passing(limit, Verdict::CannotTell, Cause::WindowFullByMessage)
            .without_knowing(input.missing_reading(window)),
    }
}

/// Handles a limit that cannot have stopped work, because the plan still had included usage.
pub(super) fn contradicted(limit: LimitKind, room: Measurement) -> Finding {
    Finding::passing(limit, Verdict::FalseLikely, Cause::Contradicted)
        .fixable_by(WhoCanFix::Anthropic)
        .measured(room)
        .without_knowing(Unknown::ReasonOfServer)
}

/// Returns another used-up window that resets later. Returns `None` if the readings show that the window in the message
/// has room.
pub(super) fn later_window(input: &Input<'_>, window: Window) -> Option<Measurement> {
    let has_room = matches!(input.readings.state(window), WindowState::Room(_));
    let has_other_refusals = !input.evidence.collected.refused_windows.is_empty();
    if has_room || !is_confirmed(input, window) && !has_other_refusals {
        return None;
    }
    input
        .readings
        .used_up_until_later(window, input.readings.reset_of(window))
}

/// Returns true if a reading or the server confirms that the window in the message was full.
fn is_confirmed(input: &Input<'_>, window: Window) -> bool {
    matches!(input.readings.state(window), WindowState::Full(_))
        || input.evidence.refused_window() == Some(window)
}

/// Guesses the window from the reset time: the 5-hour window if the reset is at most about five hours away, and the
/// weekly window otherwise. Returns `None` in these cases:
///
/// - The message does not state a reset.
/// - The reset is more than five hours away, but the message is about a session limit.
/// - The reset has not passed, but this window is known to be full until another time, so the message is not about it.
/// - [No window of the user](Input::foreign_reset) resets at this time.
fn guess_window_from_reset(input: &Input<'_>) -> Option<Window> {
    let reset = input.stated_reset(None)?;
    let window = if reset - input.evidence.at() <= FIVE_HOURS + RESET_TOLERANCE {
        Window::FiveHour
    } else if input.message.whole.contains("session limit") {
        return None;
    } else {
        Window::Weekly
    };
    let is_of_other_window = reset > input.evidence.at()
        && input
            .full_until(window)
            .is_some_and(|full_until| !is_same_reset(full_until, reset));
    let is_foreign = input.foreign_reset(None).is_some();
    (!is_of_other_window && !is_foreign).then_some(window)
}

/// Returns true if a pasted message states only a time of day that is too far away for the 5-hour limit, and the usage of the
/// weekly window is unknown. Old versions used the same words for both limits, so the message may be about the 5-hour limit
/// and from an earlier day.
fn may_be_from_earlier_day(input: &Input<'_>, window: Window) -> bool {
    window == Window::Weekly
        && input.evidence.is_pasted()
        && input.message.gives_clock_time_alone()
        && input.known_reset(window).is_none()
}

/// Handles old messages that had the same wording for every full window.
pub(super) fn some_window(input: &Input<'_>) -> Finding {
    match input.readings.full_window() {
        Some(full) => {
            let limit = LimitKind::Window(full.window);
            Finding::passing(limit, Verdict::Real, Cause::WindowFull).measured(full)
        }
        None => some_limit(Cause::ProbablySomeWindow),
    }
}

/// Handles a pasted message that does not say which limit was reached, if a window is used up now. Even if the message is
/// old, this window stops work. Returns `None` if no window is known to block the next prompt, if the message was not pasted,
/// or if the text only quotes the message.
fn window_used_up_now(input: &Input<'_>) -> Option<Finding> {
    if !input.evidence.is_pasted() || input.message.context.is_quoted() {
        return None;
    }
    let full = input.readings.blocking_now()?;
    let limit = LimitKind::Window(full.window);
    Some(
        Finding::passing(limit, Verdict::CannotTell, Cause::WindowFull)
            .measured(full)
            .without_knowing(Unknown::WindowUsedUpNow),
    )
}

/// Handles a message that does not say which limit was reached.
fn some_limit(cause: Cause) -> Finding {
    Finding::passing(LimitKind::Unknown, Verdict::CannotTell, cause)
        .without_knowing(Unknown::WhichLimit)
}
