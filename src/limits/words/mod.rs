//! Headlines and badges that depend on what is known, by subject.
//!
//! For somebody who is blocked at 2 am and reads English as a second language: first what happened,
//! then when they are back or what to do first. No blame, nothing promised that is not known.

pub(super) mod caps;
pub(super) mod console;
pub(super) mod credits;
pub(super) mod news;
pub(super) mod service;
pub(super) mod windows;

use chrono::{DateTime, Utc};

use super::diagnosis::{Said, Telling, said};
use super::kind::Window;
use super::meters::{self, age_at_error, percent};

impl Telling<'_> {
    /// The window that the words are about.
    fn window(&self) -> Window {
        self.diagnosis.awaited().unwrap_or(Window::FiveHour)
    }

    /// "5-hour limit".
    fn limit(&self) -> &'static str {
        self.window().limit()
    }

    fn pool(&self) -> &'static str {
        self.clues.pool.name()
    }

    /// "at 15:45", "on Mon 23 Nov 23:20".
    fn at(&self, moment: DateTime<Utc>) -> String {
        let time = self.clock.time(moment);
        if time.starts_with(|c: char| c.is_ascii_digit()) {
            format!("at {time}")
        } else {
            format!("on {time}")
        }
    }

    /// What happened, and when the user is back: with the distance where there is room for it.
    fn until_back(&self, what: &str, badge: &str) -> Said {
        self.until(what, "you are back", badge)
    }

    /// The same for a window that may be one model's: the others still work.
    fn until_back_or_another_model(&self, what: &str, badge: &str) -> Said {
        let said = self.until_back(what, badge);
        if !self.window().is_of_one_model() {
            return said;
        }
        let other = format!("{what}: use another model (/model)");
        match self.resets.chosen {
            Some(reset) if reset.at <= self.clock.now => said,
            Some(reset) => {
                let long = self.clock.time_and_distance(reset.at);
                let short = self.clock.time(reset.at);
                let headlines = [long, short].map(|until| format!("{other} until {until}"));
                self::said(&headlines, said.badge)
            }
            None => self::said(&[other], said.badge),
        }
    }

    /// The same, where it is not the user who is back.
    fn until(&self, what: &str, who: &str, badge: &str) -> Said {
        match self.resets.chosen {
            Some(reset) if reset.at > self.clock.now => {
                let at = self.at(reset.at);
                let distance = self.clock.distance(reset.at);
                let headlines = [
                    format!("{what}: {who} {at}, {distance}"),
                    format!("{what}: {who} {at}"),
                    format!("{what}, until {}", self.clock.time(reset.at)),
                ];
                let back = self.clock.time(reset.at);
                said(&headlines, format!("{badge} · back {back}"))
            }
            Some(reset) => {
                let at = self.clock.time(reset.at);
                let headlines = [
                    format!("{what}, but its reset time {at} has passed: send the prompt again"),
                    format!("The reset time {at} has passed: send the prompt again"),
                ];
                said(&headlines, format!("{badge} · its reset has passed"))
            }
            None => {
                let headlines = [
                    format!("{what}: /usage shows when {who}"),
                    format!("{what}: look at /usage"),
                ];
                said(&headlines, format!("{badge} · reset: see /usage"))
            }
        }
    }

    /// The meters say otherwise; `first` is what to do.
    fn contradicted(&self, first: &str) -> Said {
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
            format!("This limit looks false, {when} your {name} usage was {used}%: {first}"),
            format!("This limit looks false, your {name} usage was {used}%: {first}"),
        ];
        said(
            &headlines,
            format!("this limit looks false: {name} usage was {used}%"),
        )
    }
}
