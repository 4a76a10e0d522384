//! `whycap wait`: sleeps until the newest blocking limit is over, for
//! `whycap wait && claude -c -p "go on"`.

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
        let environment = environment.at_present();
        let Some(incident) = blocking(arguments.session.as_deref(), &environment) else {
            let over = if has_waited {
                "The limit is over."
            } else {
                "Nothing is blocked."
            };
            terminal::replace_line(over, true)?;
            break OVER;
        };
        let Some(reset) = incident.resets.chosen else {
            terminal::complain(&incident.headline);
            break match incident.diagnosis.waiting_helps {
                Some(false) => WAITING_DOES_NOT_HELP,
                _ => CANNOT_TELL,
            };
        };
        let clock = environment.clock();
        let until = clock.time_and_distance(reset.at);
        let waiting = format!("Waiting until {until}. Ctrl-C ends it.");
        terminal::replace_line(&waiting, false)?;
        let left = (reset.surely_over() - clock.now).to_std();
        let mut pause = left.unwrap_or_default().min(LOOK);
        if let Some(timeout) = arguments.timeout {
            let remaining = timeout.saturating_sub(started.elapsed());
            if remaining.is_zero() {
                terminal::complain("gave up, the limit is not over yet");
                break GAVE_UP;
            }
            pause = pause.min(remaining);
        }
        has_waited = true;
        std::thread::sleep(pause);
    };
    Ok(ExitCode::from(code))
}

/// The newest error that blocks now and belongs to the account that is logged in.
fn blocking(session: Option<&str>, environment: &Environment) -> Option<Incident> {
    let places = Places::of(environment);
    let own = Account::load(&places).and_then(|account| account.fingerprint);
    let is_own = |incident: &Incident| {
        let account = incident.evidence.account.as_ref();
        let theirs = account.and_then(|account| account.fingerprint.as_ref());
        own.as_ref()
            .zip(theirs)
            .is_none_or(|(own, theirs)| own == theirs)
    };
    let holds = |incident: &Incident| match incident.resets.chosen {
        Some(reset) => reset.surely_over() > environment.now,
        None => !incident.is_outlived(environment.now),
    };
    let mut blocking: Vec<Incident> = Incidents::new(&places, environment)
        .latest(session)
        .into_iter()
        .filter(|incident| {
            incident.is_open()
                && !incident.is_news()
                && !incident.was_reset_early(environment.now)
                && holds(incident)
                && is_own(incident)
        })
        .collect();
    // A hiccup of the service is newer than the limit that it follows, and shorter.
    blocking.sort_by_key(|incident| incident.diagnosis.limit.is_passing());
    blocking.into_iter().next()
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
