//! Warnings and news: nothing is stopped, or no more.

use crate::limits::clues::window_in;
use crate::limits::diagnosis::{Case, Diagnosis, Said, Telling, Words, said};
use crate::limits::kind::{LimitKind, Verdict, Who};

/// "You've used 85% of your weekly limit".
pub(in crate::limits) fn warning(case: &Case<'_>) -> Diagnosis {
    let limit = match window_in(nearly_full(&case.clues.text)) {
        Some(window) => LimitKind::Window(window),
        None if case.clues.text.contains("credit") => LimitKind::UsageCredits,
        None => LimitKind::Unknown,
    };
    notice(limit, |telling| {
        let limit = match telling.diagnosis.limit {
            LimitKind::Window(window) => format!("your {}", window.limit()),
            LimitKind::UsageCredits => format!("your {}", telling.pool()),
            _ => "a usage limit".to_owned(),
        };
        let near = match percent_used(&telling.clues.text) {
            Some(used) => format!("you have used {used}% of {limit}"),
            None => format!("you have used nearly all of {limit}"),
        };
        let subject = format!("A warning, nothing is stopped: {near}");
        let mut headlines = vec![subject.clone()];
        if let Some(at) = telling.at_reset() {
            headlines.insert(0, format!("{subject}, which resets {at}"));
        }
        said(&headlines, "a warning, nothing is stopped")
    })
}

/// "You're now using usage credits · Your weekly limit resets 3pm".
pub(in crate::limits) fn paid_from_credits(case: &Case<'_>) -> Diagnosis {
    notice(case.names, |telling| {
        let what = format!("Work goes on, from now on paid from {}", telling.pool());
        let headline = match telling.at_reset() {
            Some(at) => format!("{what}: your included usage is back {at}"),
            None => format!("{what}, until your included usage is back (/usage)"),
        };
        said(
            &[headline],
            format!("work goes on, paid from {}", telling.pool()),
        )
    })
}

/// "Continuing now at lower priority until your limit resets at 6pm".
pub(in crate::limits) fn lower_priority(case: &Case<'_>) -> Diagnosis {
    notice(case.names, |telling| {
        let what = "Work goes on at lower priority, at no extra cost";
        let headline = match telling.at_reset() {
            Some(at) => format!("{what}: your 5-hour limit resets {at}"),
            None => format!("{what}, until your 5-hour limit resets (/usage)"),
        };
        said(&[headline], "work goes on at lower priority")
    })
}

/// "Fast limit reached · resets in 2h".
pub(in crate::limits) fn fast_mode(case: &Case<'_>) -> Diagnosis {
    let notice = notice(case.names, |telling| {
        let what = "Only fast mode pauses, Claude goes on at normal speed";
        let headline = match telling.at_reset() {
            Some(at) => format!("{what}: fast mode is back {at}"),
            None => what.to_owned(),
        };
        said(&[headline], "only fast mode pauses, Claude goes on")
    });
    notice.waiting(true)
}

fn notice(limit: LimitKind, words: fn(&Telling<'_>) -> Said) -> Diagnosis {
    Diagnosis::new(limit, Verdict::Notice, Who::Nobody, Words::Told(words))
}

/// What names the limit in "you've used 85% of your weekly limit": nothing that another sentence says.
fn nearly_full(text: &str) -> &str {
    let (before, _) = text.split_once(" limit").unwrap_or((text, ""));
    before.rsplit_once('%').map_or(before, |(_, named)| named)
}

/// 85 in "you've used 85% of your …", "over 85% of your … used".
fn percent_used(text: &str) -> Option<u8> {
    let (before, _) = text.split_once('%')?;
    let digits = before.trim_end().rsplit(' ').next()?;
    digits.parse().ok().filter(|used| *used <= 100)
}
