//! What can be read in words that nothing recognizes.

use super::case::Case;
use super::clues::Clues;
use super::evidence::identifier;
use super::vocabulary::vocabulary;

/// As much of what can be read as there is room for. None if nothing can.
pub(super) fn names(case: &Case<'_>, room: usize) -> Option<String> {
    let text = &case.clues.text;
    let readings = [
        case.clues.another().map(str::to_owned),
        subject(text).map(|(subject, _)| subject.to_owned()),
        amount(text).map(str::to_owned),
        case.reset_in_text().map(|at| case.clock.time(at)),
        case.clues.status.map(|status| format!("status {status}")),
        case.evidence
            .class()
            .and_then(identifier)
            .map(str::to_owned),
    ];
    let mut names = String::new();
    for reading in readings.into_iter().flatten() {
        let more = if names.is_empty() {
            reading
        } else {
            format!("{names}, {reading}")
        };
        if more.chars().count() > room {
            break;
        }
        names = more;
    }
    Some(names).filter(|names| !names.is_empty())
}

/// Where to look.
pub(super) fn place(clues: &Clues) -> &'static str {
    subject(&clues.text).map_or("/usage", |(_, place)| place)
}

/// What a text is about, by its words, and where to look.
fn subject(text: &str) -> Option<(&'static str, &'static str)> {
    let mut subjects = vocabulary().subjects.iter();
    let found = subjects.find(|(words, ..)| words.stand_in(text))?;
    Some((&found.1, &found.2))
}

/// An amount of money.
fn amount(text: &str) -> Option<&str> {
    let is_amount = |word: &&str| {
        word.starts_with(['$', '€', '£'])
            && word.contains(|c: char| c.is_ascii_digit())
            && word.len() <= 12
    };
    let words = text
        .split(' ')
        .map(|word| word.trim_matches(['(', ')', ',', '.', ';', ':']));
    words.into_iter().find(is_amount)
}
