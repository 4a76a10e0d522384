//! `whycap wait`: sleeps until the newest blocking limit is over, for `whycap wait && claude -c -p "go on"`.

use std::time::{Duration, Instant};

use super::reply::{Reply, Verb, misuse};
use crate::limits::standing::Wait;
use crate::machine::Machine;
use crate::terminal;
use crate::time::parse_duration;

/// What was asked for.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/wait.txt"))]
pub(crate) struct WaitArguments {
    /// Only wait for this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Give up after this long: 90s, 30m, 2h, 1h30m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
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
            let Some(Wait::Helps(until)) = wait else {
                match situation.incident.filter(|_| wait.is_some()) {
                    Some(incident) => terminal::complain(&incident.headline),
                    None => terminal::replace_line(over, true)?,
                }
                break Wait::exit_code(wait);
            };
            terminal::replace_line(&Wait::progress(until, machine.clock()), false)?;
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
