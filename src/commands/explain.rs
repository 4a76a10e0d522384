//! `whycap explain`: what really stopped the work, and what to do about it; and `whycap wait`: sleeps until the newest
//! blocking limit is over, for `whycap wait && claude -c -p "go on"`.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use jiff::{Span, SpanRelativeTo};
use serde_json::json;

use super::reply::{Reply, Verb, misuse};
use crate::limits::incident::Incident;
use crate::limits::standing::Wait;
use crate::machine::Machine;
use crate::render::Report;
use crate::terminal;
use crate::time::Clock;

/// What was asked for.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/explain.txt"))]
pub(crate) struct ExplainArguments {
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Only look at this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// The same as --text
    #[arg(value_name = "MESSAGE", conflicts_with_all = ["text", "session"])]
    message: Option<String>,
    /// Explain this message instead of the newest error; - reads it from standard input
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "session",
        allow_hyphen_values = true
    )]
    text: Option<String>,
    /// Show everything, not only what fits on a screen
    #[arg(long)]
    long: bool,
    /// Exit with 0 if nothing blocks, 10 if waiting helps, 11 if somebody must act, 12 if unknown
    #[arg(long)]
    exit_code: bool,
}

/// A message is shorter; more is not read, for it may never end.
const LONGEST_MESSAGE: u64 = 256 * 1024;

impl Verb for ExplainArguments {
    /// The newest open error, else the newest one, or a text that was given.
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let incidents = machine.incidents();
        let session = machine.whole_session(self.session.as_deref());
        let session = session.as_deref();
        let pasted = self.text.as_deref().or(self.message.as_deref());
        let situation = match pasted {
            Some("-") => {
                let mut text = Vec::new();
                // An error gives what was read so far.
                let mut input = io::stdin().lock().take(LONGEST_MESSAGE);
                let _ = input.read_to_end(&mut text);
                incidents.pasted(&String::from_utf8_lossy(&text))
            }
            Some(text) => incidents.pasted(text),
            None => machine.situation(&incidents, session),
        };
        let incident = situation.incident.as_ref();
        let facts = json!({ "incident": incident.map(Incident::to_json) });
        let mut report = Report::new(facts).indented();
        if !self.json {
            if pasted.is_none() {
                // That going on costs money comes before what is over.
                report.add(machine.paid_now(&incidents));
            }
            machine.explain(incident, session, self.long, &incidents, &mut report);
        }
        let is_unknown = session.is_some_and(|session| !incidents.know(session));
        let wait = situation.wait().or(is_unknown.then_some(Wait::Unknown));
        let code = self.exit_code.then(|| exit_code(wait));
        let reply = Reply::from(report).in_json(self.json);
        Ok(reply.with_code(code.unwrap_or_default()))
    }
}

/// Whether work is blocked, for a script: 0 no, 10 yes and waiting helps, 11 yes and somebody must
/// act, 12 it cannot be told.
fn exit_code(wait: Option<Wait>) -> u8 {
    match wait {
        None => 0,
        Some(Wait::Helps(_)) => 10,
        Some(Wait::InVain) => 11,
        Some(Wait::Unknown) => 12,
    }
}

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
