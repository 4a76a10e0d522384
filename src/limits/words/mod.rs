//! Headlines and badges that depend on what is known, by subject.

pub(super) mod caps;
pub(super) mod console;
pub(super) mod credits;
pub(super) mod service;
pub(super) mod windows;

use super::diagnosis::Telling;
use super::kind::Window;
use super::meters::{self, age_at_error, percent};

/// A reading that speaks against a message: which window, the figure, and how old it was.
struct Against {
    window: &'static str,
    percent: String,
    when: String,
}

impl Telling<'_> {
    /// The window that the words are about.
    fn window(&self) -> Window {
        self.diagnosis.awaited().unwrap_or(Window::FiveHour)
    }

    fn pool(&self) -> &'static str {
        self.clues.pool.name()
    }

    /// "wait until 14:30, in 1 h 52 m".
    fn wait(&self) -> String {
        match self.resets.chosen {
            Some(reset) if reset.at > self.clock.now => {
                format!("wait until {}", self.clock.time_and_distance(reset.at))
            }
            Some(reset) => format!(
                "its reset time {} has passed, so send the prompt again",
                self.clock.time(reset.at)
            ),
            None => "wait for its reset, which /usage shows".to_owned(),
        }
    }

    /// "weekly limit · back 14:30".
    fn until_back(&self, what: &str) -> String {
        let back = match self.resets.chosen {
            Some(reset) if reset.at > self.clock.now => {
                format!("back {}", self.clock.time(reset.at))
            }
            Some(_) => "its reset has passed".to_owned(),
            None => "reset: see /usage".to_owned(),
        };
        format!("{what} · {back}")
    }

    /// The figure that speaks against the message.
    fn against(&self) -> Option<Against> {
        let (window, name) = match self.diagnosis.limit.window() {
            Some(Window::Weekly) => (Window::Weekly, "weekly"),
            _ => (Window::FiveHour, "5-hour"),
        };
        let (sample, meter) = meters::fresh(self.evidence, window)?;
        Some(Against {
            window: name,
            percent: percent(meter.used_percent),
            when: age_at_error(self.evidence, sample),
        })
    }
}
