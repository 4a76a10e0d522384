//! `whycap wait`: sleeps until the newest blocking limit is over, for
//! `whycap wait && claude -c -p "go on"`.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use jiff::{Span, SpanRelativeTo};

use super::explain::exit_code;
use super::reply::{Reply, Verb, misuse};
use crate::limits::standing::Wait;
use crate::machine::Machine;
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

/// As timeout(1) has it.
const GAVE_UP: u8 = 124;

/// How often the clock and the incidents are looked at. A machine that was suspended, and a good
/// answer in another session, are noticed no later than this.
const LOOK: Duration = Duration::from_secs(5);

impl Verb for WaitArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let started = Instant::now();
        let session = machine.whole_session(self.session.as_deref());
        let session = session.as_deref();
        let mut over = "Nothing is blocked.";
        let code = loop {
            let machine = machine.at_present();
            let incidents = machine.incidents();
            if let Some(unknown) = session.filter(|session| !incidents.know(session)) {
                return Err(misuse(format!(
                    "no session {unknown} is known here; pick one of `whycap now --json` or `whycap incidents --json`"
                )));
            }
            let (situation, now) = (incidents.situation(session), machine.environment.now);
            let wait = machine.wait_for(&situation);
            let until = match wait {
                Some(Wait::Helps(until)) => until,
                None => {
                    terminal::replace_line(over, true)?;
                    break exit_code(wait);
                }
                Some(Wait::InVain | Wait::Unknown) => {
                    let headline = situation.incident.map(|incident| incident.headline);
                    terminal::complain(&headline.unwrap_or_default());
                    break exit_code(wait);
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

fn progress(until: Option<DateTime<Utc>>, clock: Clock) -> String {
    match until.map(|until| clock.time_and_distance(until)) {
        Some(until) => format!("Waiting until {until}. Ctrl-C ends it."),
        None => "Waiting for a good answer in any session. Ctrl-C ends it.".to_owned(),
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let text = text.trim();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let unit = if is_number { "s" } else { "" };
    let span = format!("{text}{unit}").parse::<Span>().ok();
    let lasts = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    lasts
        .and_then(|lasts| Duration::try_from(lasts).ok())
        .filter(|lasts| !lasts.is_zero())
        .ok_or("write 90s, 30m, 2h or 1h30m")
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
