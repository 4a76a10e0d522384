//! Words about warnings and news: nothing is stopped.

use crate::limits::diagnosis::{Said, Telling, said};

/// "You've used 85% of your weekly limit".
pub(in crate::limits) fn warning(telling: &Telling<'_>) -> Said {
    let limit = match telling.clues.window() {
        Some(window) => format!("your {}", window.limit()),
        None if telling.clues.text.contains("credit") => format!("your {}", telling.pool()),
        None => "a usage limit".to_owned(),
    };
    let near = match percent_used(&telling.clues.text) {
        Some(used) => format!("you used {used}% of {limit}"),
        None => format!("{limit} is nearly used up"),
    };
    let subject = format!("A warning, nothing is stopped: {near}");
    let headlines = match telling.resets.chosen {
        Some(reset) if reset.at > telling.clock.now => {
            let at = telling.at(reset.at);
            vec![format!("{subject}, which resets {at}"), subject]
        }
        _ => vec![subject],
    };
    said(&headlines, "a warning, nothing is stopped")
}

/// 85 in "you've used 85% of your …", "over 85% of your … used".
fn percent_used(text: &str) -> Option<u8> {
    let (before, _) = text.split_once('%')?;
    let digits = before.trim_end().rsplit(' ').next()?;
    digits.parse().ok().filter(|used| *used <= 100)
}

/// "You're now using usage credits · Your weekly limit resets 3pm".
pub(in crate::limits) fn paid_from_credits(telling: &Telling<'_>) -> Said {
    let what = format!("Work goes on, from now on paid from {}", telling.pool());
    let badge = format!("work goes on, paid from {}", telling.pool());
    match telling.resets.chosen {
        Some(reset) if reset.at > telling.clock.now => {
            let at = telling.at(reset.at);
            said(
                &[format!("{what}: your included usage is back {at}")],
                badge,
            )
        }
        _ => said(
            &[format!(
                "{what}, until your included usage is back (/usage)"
            )],
            badge,
        ),
    }
}

/// "Fast limit reached · resets in 2h".
pub(in crate::limits) fn fast_mode(telling: &Telling<'_>) -> Said {
    let what = "Only fast mode pauses, Claude goes on at normal speed";
    let badge = "only fast mode pauses, Claude goes on";
    match telling.resets.chosen {
        Some(reset) if reset.at > telling.clock.now => {
            let at = telling.at(reset.at);
            said(&[format!("{what}: fast mode is back {at}")], badge)
        }
        _ => said(&[what], badge),
    }
}
