//! `whycap wait`: sleeps until the newest blocking limit is over, for
//! `whycap wait && claude -c -p "go on"`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use crate::claude::account::Account;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::limits::incident::Incident;
use crate::places::Places;
use crate::terminal;

/// What was asked for.
#[derive(Debug, Args)]
pub struct Arguments {
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

/// How often the clock and the incidents are looked at. A machine that was suspended is late by no
/// more than this.
const LOOK: Duration = Duration::from_secs(15);

/// Waits.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let mut has_waited = false;
    let code = loop {
        let left = match state(arguments.session.as_deref(), &environment.at_present()) {
            State::Over => {
                show(
                    if has_waited {
                        "The limit is over."
                    } else {
                        "Nothing is blocked."
                    },
                    "\n",
                )?;
                break OVER;
            }
            State::Until(left, sentence) => {
                show(&sentence, "")?;
                left
            }
            State::InVain(code, sentence) => {
                terminal::complain(&sentence);
                break code;
            }
        };
        let mut pause = left.min(LOOK);
        if let Some(timeout) = arguments.timeout {
            let rest = timeout.saturating_sub(started.elapsed());
            if rest.is_zero() {
                terminal::complain("gave up, the limit is not over yet");
                break GAVE_UP;
            }
            pause = pause.min(rest);
        }
        has_waited = true;
        std::thread::sleep(pause);
    };
    Ok(ExitCode::from(code))
}

/// Replaces the line of progress, on a terminal.
fn show(sentence: &str, end: &str) -> io::Result<()> {
    if io::stdout().is_terminal() {
        terminal::print(&format!("\r\u{1b}[K{sentence}{end}"))?;
    }
    Ok(())
}

enum State {
    Over,
    /// How long still, and what is said meanwhile.
    Until(Duration, String),
    /// Exit code and reason.
    InVain(u8, String),
}

/// What the newest blocking limit of this account asks for, at this moment.
fn state(session: Option<&str>, environment: &Environment) -> State {
    let Some(incident) = blocking(session, environment) else {
        return State::Over;
    };
    let clock = environment.clock();
    match incident.resets.chosen {
        Some(reset) => State::Until(
            (reset.surely_over() - clock.now)
                .to_std()
                .unwrap_or_default(),
            format!(
                "Waiting until {}. Ctrl-C ends it.",
                clock.time_and_distance(reset.at)
            ),
        ),
        None if incident.diagnosis.waiting_helps == Some(false) => {
            State::InVain(WAITING_DOES_NOT_HELP, incident.headline)
        }
        None => State::InVain(CANNOT_TELL, incident.headline),
    }
}

/// The newest error that blocks now and belongs to the account that is logged in.
fn blocking(session: Option<&str>, environment: &Environment) -> Option<Incident> {
    let places = Places::of(environment);
    let own = Account::load(&places).and_then(|account| account.fingerprint);
    let is_own = |incident: &Incident| {
        let account = incident.evidence.account.as_ref();
        match (
            &own,
            account.and_then(|account| account.fingerprint.as_ref()),
        ) {
            (Some(own), Some(theirs)) => own == theirs,
            _ => true,
        }
    };
    let holds = |incident: &Incident| match incident.resets.chosen {
        Some(reset) => reset.surely_over() > environment.now,
        None => !incident.is_outlived(environment.now),
    };
    let mut blocking: Vec<Incident> = Incidents::new(&places, environment)
        .all(session)
        .into_iter()
        .filter(|incident| {
            incident.is_open() && !incident.is_news() && holds(incident) && is_own(incident)
        })
        .collect();
    // A hiccup of the service is newer than the limit that it follows, and shorter.
    blocking.sort_by_key(|incident| incident.diagnosis.limit.is_passing());
    blocking.into_iter().next()
}

/// `90s`, `30m`, `2h`, `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let mut total = 0_u64;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let mut after = after.chars();
        let seconds = match after.next() {
            Some('s') | None => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            Some(_) => 0,
        };
        let number: u64 = number.parse().map_err(|_| wrong(text))?;
        let more = number.checked_mul(seconds).filter(|more| *more > 0);
        total = more
            .and_then(|more| total.checked_add(more))
            .ok_or_else(|| wrong(text))?;
        rest = after.as_str();
    }
    if total == 0 {
        Err(wrong(text))
    } else {
        Ok(Duration::from_secs(total))
    }
}

fn wrong(text: &str) -> String {
    format!(
        "{} is no duration: write 90s, 30m, 2h or 1h30m",
        terminal::sanitize(text)
    )
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
