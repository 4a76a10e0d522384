//! Words that nothing recognizes: what can be read in them all the same, and where to look.

use crate::limits::clues::{Speaker, Substance, host};
use crate::limits::diagnosis::{Case, Diagnosis, Said, Telling, Words, said};
use crate::limits::evidence::{Seen, identifier};
use crate::limits::kind::{Verdict, Who};
use crate::limits::resets;
use crate::limits::vocabulary::vocabulary;

const NOT_GUESSED: &str = "whycap does not know this message, so it does not guess what it means.";

/// A message that no row recognizes.
pub(in crate::limits) fn not_known(case: &Case<'_>) -> Diagnosis {
    let words = Words::Told(what_can_be_read);
    Diagnosis::new(case.names, Verdict::CannotTell, Who::You, words).unknown(NOT_GUESSED)
}

/// A refusal of a login, a key or a permission whose words nobody knows.
pub(in crate::limits) fn refused_access(case: &Case<'_>) -> Diagnosis {
    let words = Words::Told(|telling| {
        let status = telling.clues.status.map(|status| format!(" ({status})"));
        let refused = format!("Access was refused{}", status.unwrap_or_default());
        said(
            &[format!(
                "{refused}, in words that whycap does not know: read them, then look at /status"
            )],
            "access refused · read the message, then /status",
        )
    });
    Diagnosis::new(case.names, Verdict::CannotTell, Who::You, words)
        .waiting(false)
        .unknown(NOT_GUESSED)
}

fn what_can_be_read(telling: &Telling<'_>) -> Said {
    if telling.clues.substance == Substance::Wrapper && !telling.clues.text.is_empty() {
        return said(
            &[
                "This says only that something failed, not why: read what stands before it, then look at /status",
            ],
            "something failed, the reason stands before it",
        );
    }
    if telling.clues.substance == Substance::Code {
        return said(
            &[
                "These words stand in what looks like code: if Claude Code printed them, /usage shows the limit",
            ],
            "in what looks like code · /usage shows your limits",
        );
    }
    let text = &telling.clues.text;
    let (subject, place) = subject(text);
    let at = resets::in_text(
        &telling.clues.raw,
        telling.evidence.at,
        None,
        telling.clock.zone,
    );
    let class = telling.evidence.class().and_then(identifier);
    let speaker = match &telling.clues.speaker {
        Speaker::Another(name) => Some(name.as_str()),
        Speaker::Claude | Speaker::Open => host(text),
    };
    let readings = [
        speaker.map(str::to_owned),
        subject.map(str::to_owned),
        amount(text).map(str::to_owned),
        at.map(|at| telling.clock.time(at)),
        telling
            .clues
            .status
            .map(|status| format!("status {status}")),
        class.map(str::to_owned),
    ];
    let readings: Vec<String> = readings.into_iter().flatten().collect();
    let look = match speaker {
        Some(_) => "look there first".to_owned(),
        None if telling.evidence.text.seen == Seen::Pasted => {
            format!("look at {place} and at what wrote it")
        }
        None => "look at /usage and /status first".to_owned(),
    };
    let names = |count: usize| {
        let told = readings.get(..count).unwrap_or(&readings).join(", ");
        format!("whycap does not know this message, which names {told}: {look}")
    };
    let mut headlines: Vec<String> = (1..=readings.len()).rev().map(names).collect();
    headlines.push(
        "whycap does not know this message: look at /usage and /status before you change anything"
            .to_owned(),
    );
    said(&headlines, "unknown message · /whycap says what to check")
}

/// What a text is about, by its words, and where to look.
fn subject(text: &str) -> (Option<&'static str>, &'static str) {
    let mut subjects = vocabulary().subjects.iter();
    let found = subjects.find(|(words, ..)| words.stand_in(text));
    found.map_or((None, "/usage"), |(_, subject, place)| {
        (Some(subject), place)
    })
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
