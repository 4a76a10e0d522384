//! Headlines and badges from what is known: the phrases that the rules of several subjects use.
//!
//! For somebody who is blocked at 2 am and reads English as a second language: first what happened,
//! then when they are back or what to do first. No blame, nothing promised that is not known.

use super::diagnosis::{Said, Telling, said};
use super::ending;
use super::kind::Window;
use super::meters::{self, age_at_error, percent};
use super::resets::Reset;
use super::standing::Ending;

impl Telling<'_> {
    /// The window that the words are about.
    fn window(&self) -> Window {
        self.diagnosis.awaited().unwrap_or(Window::FiveHour)
    }

    /// "5-hour limit".
    pub(super) fn limit(&self) -> &'static str {
        self.window().limit()
    }

    /// "usage credits", as the message calls them.
    pub(super) fn pool(&self) -> &'static str {
        self.clues.pool.name()
    }

    /// The reset, if it lies ahead.
    pub(super) fn reset_ahead(&self) -> Option<Reset> {
        self.resets.chosen.filter(|reset| reset.at > self.clock.now)
    }

    /// When the reset is, if it lies ahead: "at 15:45", "on Mon 23 Nov 23:20".
    pub(super) fn at_reset(&self) -> Option<String> {
        let time = self.clock.time(self.reset_ahead()?.at);
        Some(if time.starts_with(|c: char| c.is_ascii_digit()) {
            format!("at {time}")
        } else {
            format!("on {time}")
        })
    }

    /// Fixed words, with the time to wait until if the service told one.
    pub(super) fn with_time(&self, words: &str) -> String {
        let Some(reset) = self.reset_ahead() else {
            return words.to_owned();
        };
        let until = format!("wait until {}", self.clock.time(reset.at));
        ["wait a minute", "wait a few minutes"]
            .iter()
            .fold(words.to_owned(), |words, wait| words.replace(wait, &until))
    }

    /// What happened, and when the user is back: with the distance where there is room for it.
    pub(super) fn until_back(&self, what: &str, badge: &str) -> Said {
        self.until(what, "you are back", badge)
    }

    /// The same for a window that may be one model's: the others still work.
    pub(super) fn until_back_or_another_model(&self, what: &str, badge: &str) -> Said {
        let said = self.until_back(what, badge);
        if !self.window().is_of_one_model() {
            return said;
        }
        let other = format!("{what}: use another model (/model)");
        let headlines = match (self.reset_ahead(), self.resets.chosen) {
            (Some(reset), _) => vec![
                format!("{other} until {}", self.clock.time_and_distance(reset.at)),
                format!("{other} until {}", self.clock.time(reset.at)),
            ],
            (None, None) => vec![other],
            // It has passed.
            (None, Some(_)) => return said,
        };
        said.with_headline(&headlines)
    }

    /// The same, where it is not the user who is back.
    pub(super) fn until(&self, what: &str, who: &str, badge: &str) -> Said {
        let Some(reset) = self.resets.chosen else {
            let headlines = [
                format!("{what}: /usage shows when {who}"),
                format!("{what}: look at /usage"),
            ];
            return said(&headlines, format!("{badge} · reset: see /usage"));
        };
        let time = self.clock.time(reset.at);
        let Some(at) = self.at_reset() else {
            let headlines = [
                format!("{what}, but its reset time {time} has passed: send the prompt again"),
                format!("The reset time {time} has passed: send the prompt again"),
            ];
            return said(&headlines, format!("{badge} · its reset has passed")).about(what);
        };
        let distance = self.clock.distance(reset.at);
        let headlines = [
            format!("{what}: {who} {at}, {distance}"),
            format!("{what}: {who} {at}"),
            format!("{what}, until {time}"),
        ];
        said(&headlines, format!("{badge} · back {time}")).about(what)
    }

    /// The same of what is over: what it was, and how it ended.
    pub(super) fn in_the_past(&self, lasting: &Said, ending: Ending) -> Said {
        const AGAIN: &str = "send the prompt again";
        let what = past(&lasting.what);
        let reset = self.resets.chosen.map(|reset| self.clock.time(reset.at));
        let reset = format!("its reset time {} has passed", reset.unwrap_or_default());
        let (ended, badge) = match ending {
            Ending::Answered => ("Claude Code has answered again since".to_owned(), "over"),
            Ending::AnsweredElsewhere => (
                format!("another session got an answer since: {AGAIN}"),
                "over",
            ),
            Ending::ResetEarly => (format!("it was reset early: {AGAIN}"), "reset early"),
            Ending::Reset if self.evidence.since.answered => (reset, "its reset has passed"),
            Ending::Reset => (format!("{reset}: {AGAIN}"), "its reset has passed"),
            Ending::PauseOver => (format!("it should have passed: {AGAIN}"), AGAIN),
            Ending::Outlived => (format!("that is long ago: {AGAIN}"), "long ago"),
        };
        let continues = ending == Ending::Reset
            && !self.evidence.since.answered
            && ending::continues_by_itself(self.evidence, self.diagnosis.of_plan());
        let mut headlines = vec![format!("{what}; {ended}"), capitalized(&ended)];
        if continues {
            let unless = "if Claude Code has not continued by itself";
            headlines.insert(0, format!("{what}; {ended}, {unless}"));
        }
        said(&headlines, format!("{} · {badge}", lasting.name))
    }

    /// The meters say otherwise; `first` is what to do.
    pub(super) fn contradicted(&self, first: &str) -> Said {
        let window = match self.diagnosis.limit.window() {
            Some(Window::Weekly) => Window::Weekly,
            _ => Window::FiveHour,
        };
        let Some((sample, meter)) = meters::fresh(self.evidence, window) else {
            return said(
                &[format!("This limit looks false: {first}")],
                "this limit looks false · /whycap",
            );
        };
        let name = window.short();
        let used = percent(meter.used_percent);
        let when = age_at_error(self.evidence, sample);
        let headlines = [
            format!("This limit looks false: {when} your {name} usage was {used}%; {first}"),
            format!("This limit looks false: your {name} usage was {used}%; {first}"),
        ];
        said(
            &headlines,
            format!("looks false: {name} usage {used}% · {}", what_to_do(first)),
        )
        .or_badge(format!("this limit looks false: {name} usage was {used}%"))
    }
}

/// The first of several things to do.
fn what_to_do(all: &str) -> &str {
    all.split_once(", ").map_or(all, |(first, _)| first)
}

/// What was said of a state that lasted, once it is over.
fn past(what: &str) -> String {
    let verbs = [
        ("is", "was"),
        ("are", "were"),
        ("has", "had"),
        ("needs", "needed"),
        ("looks", "looked"),
    ];
    let words = what.split(' ').map(|word| {
        let verb = verbs.iter().find(|(now, _)| *now == word);
        verb.map_or(word, |(_, then)| then)
    });
    words.collect::<Vec<_>>().join(" ")
}

fn capitalized(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
