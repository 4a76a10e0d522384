//! Words that fit several subjects.

use crate::limits::diagnosis::Words;

pub(in crate::limits) const THROTTLED: Words = Words::Fixed(
    "Too many requests at once, this is not your usage limit: wait a minute and send the prompt again",
    "too many requests, no usage limit · wait a minute",
);
pub(in crate::limits) const REFUSED_FOR_NOW: Words = Words::Fixed(
    "The server refused this for now: wait a minute and send it again, and look at /usage if it stays",
    "refused for now · try again in a minute",
);
pub(in crate::limits) const ONLY_STANDARD_CONTEXT: Words = Words::Fixed(
    "The 1M context needs usage credits, no limit is reached: choose the model without [1m] in /model",
    "1M context needs credits · /model without [1m]",
);
pub(in crate::limits) const NOT_KNOWN: Words = Words::Fixed(
    "whycap does not know this message: look at /usage and /status before you change anything",
    "unknown message · /whycap says what to check",
);
pub(in crate::limits) const NOT_CLAUDES: Words = Words::Fixed(
    "These are not the words of a limit of Claude: look at the program that wrote them",
    "not a limit of Claude",
);
