//! Determines the cause of errors about usage windows.

use chrono::{DateTime, Utc};

use super::cause::Cause;
use super::credits;
use super::input::{Finding, Input};
use super::reason::Unknown;
use crate::limits::catalog::RESET_TOLERANCE;
use crate::limits::evidence::{Measurement, WindowState};
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix, Window};
use crate::time::FIVE_HOURS;

/// Handles errors that blame a full usage window.
pub(super) fn usage_window(input: &Input<'_>) -> Finding {
    if input.evidence.is_pool_refused() {
        return credits::credits(input);
    }
    let server = input.evidence.refused_window();
    let full = input.readings.full_window();
    let known = server
        .or(input.message.window)
        .or_else(|| full.map(|full| full.window));
    let Some(window) = known.or_else(|| guess_window_from_reset(input)) else {
        let finding = Finding::passing(LimitKind::Unknown, Verdict::CannotTell, Cause::SomeWindow)
            .without_knowing(Unknown::WhichLimit);
        return finding.without_knowing_if(!input.has_reset_time(None), Unknown::Readings);
    };
    let limit = LimitKind::Window(window);
    let state = input.readings.state(window);

    if window.is_of_one_model() && server.is_some() {
        return Finding::passing(limit, Verdict::Real, Cause::ModelWindowFull);
    }
    if window.is_of_one_model() && !matches!(state, WindowState::Full(_) | WindowState::Room(_)) {
        return Finding::passing(limit, Verdict::CannotTell, Cause::ModelWindowFullByMessage)
            .without_knowing(Unknown::ReadingsOfModels);
    }
    if let Some(later) = later_window(input, window) {
        // If two windows are full, work is stopped until the later reset.
        let has_reset = reset_of(input, window).is_some_and(|at| at <= input.evidence.clock.now);
        let cause = if has_reset {
            Cause::LaterWindowFull
        } else {
            Cause::BothWindowsFull
        };
        return Finding::passing(limit, Verdict::Real, cause)
            .until_reset_of(Some(later.window))
            .measured(later);
    }
    match (state, full) {
        (WindowState::Full(measurement), _) => {
            let cause = if window.is_of_one_model() {
                Cause::ModelWindowFull
            } else {
                Cause::WindowFull
            };
            Finding::passing(limit, Verdict::Real, cause).measured(measurement)
        }
        (WindowState::Room(_), Some(other)) => {
            let limit = LimitKind::Window(other.window);
            Finding::passing(limit, Verdict::Misworded, Cause::OtherWindowFull).measured(other)
        }
        (WindowState::Room(measurement), None) => {
            Finding::passing(limit, Verdict::FalseLikely, Cause::Contradicted)
                .by(WhoCanFix::Anthropic)
                .measured(measurement)
                .without_knowing(Unknown::ReasonOfServer)
        }
        _ if known.is_none() => {
            // If the window has room now, it was full only if the message is old.
            let has_room_now = matches!(state, WindowState::KnownNow(now) if !now.is_full());
            let cause = if has_room_now {
                Cause::SomeWindow
            } else {
                Cause::WindowGuessed
            };
            Finding::passing(limit, Verdict::CannotTell, cause)
                .without_knowing(Unknown::WindowGuessed)
                .without_knowing(input.missing_reading(window))
        }
        _ if server.is_some() => Finding::passing(limit, Verdict::Real, Cause::WindowFull),
        _ => Finding::passing(limit, Verdict::CannotTell, Cause::WindowFullByMessage)
            .without_knowing(input.missing_reading(window)),
    }
}

/// Returns another used-up window that resets later. Returns `None` if the readings show that the window in the message
/// has room.
fn later_window(input: &Input<'_>, window: Window) -> Option<Measurement> {
    let is_certain = input.evidence.refused_window() == Some(window) || input.is_full(window);
    let has_room = matches!(input.readings.state(window), WindowState::Room(_));
    let is_other_refused = !input.evidence.collected.refused_windows.is_empty();
    if !(is_certain || is_other_refused) || has_room || window.is_of_one_model() {
        return None;
    }
    input
        .readings
        .used_up_until_later(window, reset_of(input, window))
}

/// Returns the reset time of the window in the message.
fn reset_of(input: &Input<'_>, window: Window) -> Option<DateTime<Utc>> {
    let evidence = input.evidence;
    let measured = input.readings.shown(window);
    evidence
        .server_reset()
        .or_else(|| measured.and_then(|measurement| measurement.resets_at))
        .or_else(|| {
            let zone = evidence.clock.zone;
            input.message.reset_time(evidence.at(), Some(window), zone)
        })
}

/// Guesses the window from the reset time: the 5-hour window if the reset is at most about five hours away, and the
/// weekly window otherwise.
fn guess_window_from_reset(input: &Input<'_>) -> Option<Window> {
    let (message, evidence) = (input.message, input.evidence);
    let reset = message.reset_time(evidence.at(), None, evidence.clock.zone)?;
    let ahead = reset - evidence.at();
    if ahead <= FIVE_HOURS + RESET_TOLERANCE {
        Some(Window::FiveHour)
    } else if message.whole.contains("session limit") {
        None
    } else {
        Some(Window::Weekly)
    }
}

/// Handles old wording that was the same for every full window.
pub(super) fn some_window(input: &Input<'_>) -> Finding {
    match input.readings.full_window() {
        Some(full) => {
            let limit = LimitKind::Window(full.window);
            Finding::passing(limit, Verdict::Real, Cause::WindowFull).measured(full)
        }
        None => Finding::passing(
            LimitKind::Unknown,
            Verdict::CannotTell,
            Cause::ProbablySomeWindow,
        )
        .without_knowing(Unknown::WhichLimit),
    }
}
