//! Classifies notices and unrecognized messages.

use super::cause::Cause;
use super::input::{Finding, Input};
use super::unknown::Unknown;
use crate::limits::catalog::{MessageContext, UnknownText};
use crate::limits::kind::{LimitKind, Verdict, WhoCanFix, Window};

/// Handles a warning about a limit.
pub(super) fn warning(input: &Input<'_>) -> Finding {
    let limit = match input.message.window {
        Some(window) => LimitKind::Window(window),
        None if input.message.contains("credit") => LimitKind::UsageCredits,
        None => LimitKind::Unknown,
    };
    notice(limit, Cause::Warning)
}

/// Handles a notice that work is now paid for with usage credits.
pub(super) fn paid_from_credits(input: &Input<'_>) -> Finding {
    notice(LimitKind::UsageCredits, Cause::PaidFromCredits).until_reset_of(input.message.window)
}

/// Handles a notice that work continues at a lower priority.
pub(super) fn lower_priority(_: &Input<'_>) -> Finding {
    notice(LimitKind::Unknown, Cause::LowerPriority).until_reset_of(Some(Window::FiveHour))
}

fn notice(limit: LimitKind, cause: Cause) -> Finding {
    Finding::passing(limit, Verdict::Notice, cause).waiting(None)
}

/// Handles text in which no message was recognized.
pub(super) fn unknown_message(input: &Input<'_>) -> Finding {
    let cause = match (input.message.context, input.message.unknown) {
        (MessageContext::Described, _) => Cause::TextAboutMessages,
        (MessageContext::InCode, _) => Cause::InsideCode,
        (_, UnknownText::Wrapper) => Cause::ReasonMissing,
        (_, UnknownText::OfOther) => Cause::UnknownMessageOfOther,
        (_, UnknownText::Unclear) if input.evidence.is_pasted() => Cause::UnknownPastedMessage,
        (_, UnknownText::Unclear | UnknownText::OfClaude) => Cause::UnknownMessage,
    };
    let verdict = if cause == Cause::InsideCode {
        Verdict::NotALimit
    } else {
        Verdict::CannotTell
    };
    Finding::lasting(LimitKind::Unknown, verdict, WhoCanFix::You, cause)
        .waiting(None)
        .without_knowing(Unknown::Message)
}
