//! Warnings and news: nothing is stopped, or no more.

use crate::limits::diagnosis::{Case, Diagnosis, Words};
use crate::limits::kind::{LimitKind, Verdict, Who};
use crate::limits::words::news as words;

/// "You've used 85% of your weekly limit".
pub(in crate::limits) fn warning(case: &Case<'_>) -> Diagnosis {
    let limit = match case.clues.window() {
        Some(window) => LimitKind::Window(window),
        None if case.clues.text.contains("credit") => LimitKind::UsageCredits,
        None => LimitKind::Unknown,
    };
    notice(limit, Words::Told(words::warning))
}

/// "You're now using usage credits".
pub(in crate::limits) fn paid_from_credits(case: &Case<'_>) -> Diagnosis {
    notice(case.names, Words::Told(words::paid_from_credits))
}

/// "You've hit your fast limit".
pub(in crate::limits) fn fast_mode(case: &Case<'_>) -> Diagnosis {
    notice(case.names, Words::Told(words::fast_mode)).waiting(true)
}

fn notice(limit: LimitKind, words: Words) -> Diagnosis {
    Diagnosis::new(limit, Verdict::Notice, Who::Nobody, words)
}
