//! Words that fit several subjects.

use crate::limits::diagnosis::{Said, Telling, Words, said};

/// The meters speak against any limit; `first` is what to do.
pub(in crate::limits) fn contradicted(telling: &Telling<'_>, first: &str) -> Said {
    let Some(meter) = telling.against() else {
        return said(
            format!("This limit is probably false: {first}"),
            "this limit looks false · /whycap",
        );
    };
    said(
        format!(
            "This limit is probably false, because the {} meter showed only {} %, {}: {first}",
            meter.window, meter.percent, meter.when
        ),
        format!(
            "this limit looks false: {} meter at {} %",
            meter.window, meter.percent
        ),
    )
}

pub(in crate::limits) const THROTTLED: Words = Words::Fixed(
    "The server slows requests down for a moment, and no usage limit is involved: wait a minute and send the prompt again",
    "throttled, no usage limit · try again in a minute",
);
pub(in crate::limits) const REFUSED_FOR_NOW: Words = Words::Fixed(
    "The server refused this request for now: wait a minute, send it again, and look at /usage if it stays",
    "refused for now · try again in a minute",
);
pub(in crate::limits) const ONLY_STANDARD_CONTEXT: Words = Words::Fixed(
    "The 1M context needs usage credits turned on, and no quota is used up: choose the model without [1m] with /model",
    "1M context needs credits · /model without [1m]",
);
pub(in crate::limits) const NOT_KNOWN: Words = Words::Fixed(
    "whycap does not know this error: look at /usage and /status before you change anything",
    "unknown error · /whycap says what to check",
);
