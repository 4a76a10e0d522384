//! `whycap wait`: sleeps until the newest blocking limit is over, for
//! `whycap wait && claude -c -p "go on"`.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::failure::misuse;
use super::machine::Machine;
use super::verb::{Reply, Verb};
use crate::incidents::Situation;
use crate::limits::resets::Reset;
use crate::limits::standing::Wait;
use crate::terminal;
use crate::time::Clock;

/// What was asked for.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/wait.txt"))]
pub(crate) struct WaitArguments {
    /// Only wait for this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Give up after this long: 90s, 30m, 2h, 1h30m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
}

/// Over, or nothing blocks.
const OVER: u8 = 0;
/// Somebody must act.
const WAITING_DOES_NOT_HELP: u8 = 11;
/// No reset is known.
const CANNOT_TELL: u8 = 12;
/// As timeout(1) has it.
const GAVE_UP: u8 = 124;

/// How often the clock and the incidents are looked at. A machine that was suspended, and a good
/// answer in another session, are noticed no later than this.
const LOOK: Duration = Duration::from_secs(5);

impl Verb for WaitArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let started = Instant::now();
        let session = self.session.as_deref();
        let mut over = "Nothing is blocked.";
        let code = loop {
            let machine = machine.at_present();
            let incidents = machine.incidents();
            if let Some(unknown) = session.filter(|session| !incidents.know(session)) {
                return Err(misuse(format!(
                    "no session {unknown} is known here; pick one that `whycap now` or `whycap incidents` lists"
                )));
            }
            let (situation, now) = (incidents.situation(session), machine.environment.now);
            let until = match until(&situation, now) {
                Ok(until) => until,
                Err(OVER) => {
                    terminal::replace_line(over, true)?;
                    break OVER;
                }
                Err(code) => {
                    let headline = situation.incident.map(|incident| incident.headline);
                    terminal::complain(&headline.unwrap_or_default());
                    break code;
                }
            };
            terminal::replace_line(&progress(until, machine.clock()), false)?;
            let left = until.and_then(|until| (until - now).to_std().ok());
            let remaining = self.timeout.unwrap_or(Duration::MAX);
            let remaining = remaining.saturating_sub(started.elapsed());
            if remaining.is_zero() {
                terminal::complain("gave up, the limit is not over yet");
                break GAVE_UP;
            }
            over = "The limit is over.";
            std::thread::sleep(left.unwrap_or(LOOK).min(LOOK).min(remaining));
        };
        Ok(Reply::default().with_code(code))
    }
}

/// Until when to wait, if that is known; else the exit code.
fn until(situation: &Situation, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, u8> {
    let incident = situation.incident.as_ref();
    let reset = incident.and_then(|incident| incident.resets.chosen);
    match situation.wait() {
        // A text is rounded to the minute: a prompt at the reset itself may come too early.
        None => match reset.map(Reset::surely_over).filter(|over| *over > now) {
            Some(over) if situation.has_just_reset() => Ok(Some(over)),
            _ => Err(OVER),
        },
        Some(Wait::Helps(until)) => Ok(until),
        Some(Wait::InVain) => Err(WAITING_DOES_NOT_HELP),
        Some(Wait::Unknown) => Err(CANNOT_TELL),
    }
}

fn progress(until: Option<DateTime<Utc>>, clock: Clock) -> String {
    match until.map(|until| clock.time_and_distance(until)) {
        Some(until) => format!("Waiting until {until}. Ctrl-C ends it."),
        None => "Waiting for a good answer in any session. Ctrl-C ends it.".to_owned(),
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    seconds(text)
        .map(Duration::from_secs)
        .ok_or("write 90s, 30m, 2h or 1h30m")
}

/// The seconds in `90s`, `30m`, `2h`, `1h30m`. None if it is not that, or none at all.
fn seconds(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let mut after = after.chars();
        let unit = match after.next() {
            Some('s') | None => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            Some(_) => return None,
        };
        let number = number.parse::<u64>().ok().filter(|number| *number > 0)?;
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = after.as_str();
    }
    (total > 0).then_some(total)
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1_800),
            ("1h30m", 5_400),
            ("45", 45),
            ("2d", 172_800),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0", "soon", "5x", "-3m", "99999999999999999999d", "1h "] {
            let read = duration(text);
            assert!(read.is_err() || text == "1h ", "{text}: {read:?}");
        }
    }
}
