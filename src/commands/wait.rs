//! `whycap wait`: sleeps until the user can continue, as in `whycap wait && claude -p "write the changelog"`.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::reply::{Reply, Subcommand};
use crate::collect::Context;
use crate::limits::wording;
use crate::limits::{Kind, Outlook, State};
use crate::render::Report;
use crate::terminal::{self, output_width, truncate};
use crate::time::{Clock, format_duration, parse_duration};
use crate::witness::Limits;

/// Arguments of `whycap wait`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/wait.txt"))]
pub(crate) struct WaitArguments {
    /// Wait only for this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Stop waiting after this time: 90s, 30m, 2h, or 1h30m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Also wait while responses may cost extra
    #[arg(long)]
    free: bool,
}

/// The exit code after a timeout, as in timeout(1).
const TIMED_OUT: u8 = 124;

/// The interval between checks. whycap needs to notice soon when the machine has woken from sleep or another session has
/// received a response.
const INTERVAL: Duration = Duration::from_secs(5);

/// The interval between checks while the server's figures may still arrive.
const SHORT_INTERVAL: Duration = Duration::from_secs(1);

/// The next action of the command.
enum Decision {
    /// Wait, at most until this time if it is known.
    Wait(Option<DateTime<Utc>>),
    /// Stop waiting with this exit code.
    Stop(u8),
}

impl Subcommand for WaitArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let started = Instant::now();
        let complete_id = context.complete_session_id(self.session.as_deref());
        let session = complete_id.as_deref();
        let mut announced: Option<Kind> = None;
        loop {
            let context = context.refreshed();
            let limits = context.limits(session);
            context.require_known_session(self.session.as_deref())?;
            let outlook = limits.outlook();
            let until = match self.decide(outlook.as_ref(), &limits) {
                Decision::Stop(code) => {
                    terminal::replace_progress_line("")?;
                    conclude(
                        code,
                        outlook.as_ref(),
                        announced.is_some(),
                        &limits,
                        &context,
                    )?;
                    return Ok(Reply::default().with_code(code));
                }
                Decision::Wait(until) => until,
            };
            if let Some(outlook) = &outlook
                && announced != Some(outlook.limit())
            {
                print_paragraph(&wording::notice(outlook, limits.clock()), &context)?;
                for about in wording::about_others(&[], &limits.continuing(outlook), limits.clock())
                {
                    print_paragraph(&about, &context)?;
                }
                announced = Some(outlook.limit());
            }
            let columns = output_width(&context.environment);
            terminal::replace_progress_line(&truncate(&progress(until, limits.clock()), columns))?;
            let time_left = self
                .timeout
                .map(|timeout| timeout.saturating_sub(started.elapsed()));
            if time_left == Some(Duration::ZERO) {
                terminal::replace_progress_line("")?;
                terminal::print_error("the timeout expired before the end of the limit");
                return Ok(Reply::default().with_code(TIMED_OUT));
            }
            let is_awaited = outlook.is_some_and(|outlook| outlook.is_awaited);
            let interval = if is_awaited { SHORT_INTERVAL } else { INTERVAL };
            let until_end = until.and_then(|until| (until - context.environment.now).to_std().ok());
            let pause = [Some(interval), until_end, time_left]
                .into_iter()
                .flatten()
                .min();
            std::thread::sleep(pause.unwrap_or(interval));
        }
    }
}

impl WaitArguments {
    fn decide(&self, outlook: Option<&Outlook>, limits: &Limits) -> Decision {
        let Some(outlook) = outlook else {
            return Decision::Stop(0);
        };
        if self.free && limits.paying_since().is_some() {
            return Decision::Wait(outlook.resets_at);
        }
        match outlook.exit_code() {
            10 => Decision::Wait(outlook.resets_at),
            _ if outlook.is_blocked() && outlook.is_awaited => Decision::Wait(None),
            code => Decision::Stop(code),
        }
    }
}

/// Prints why the command stops waiting.
fn conclude(
    code: u8,
    outlook: Option<&Outlook>,
    has_waited: bool,
    limits: &Limits,
    context: &Context,
) -> anyhow::Result<()> {
    let clock = limits.clock();
    match outlook {
        Some(outlook) if code != 0 => terminal::print_error(&wording::headline(outlook, clock)),
        Some(outlook) if has_waited || outlook.is_open || outlook.state == State::Paid => {
            print_paragraph(&wording::headline(outlook, clock), context)?;
        }
        Some(_) | None => print_paragraph("Nothing that whycap knows of blocks you.", context)?,
    }
    if limits.paying_since().is_some() {
        let advice =
            "Each response costs extra. To wait for the reset instead, run: whycap wait --free";
        print_paragraph(advice, context)?;
    }
    Ok(())
}

fn progress(until: Option<DateTime<Utc>>, clock: Clock) -> String {
    match until {
        Some(until) if until > clock.now => {
            let left = format_duration(until - clock.now);
            format!("waiting until {} ({left} left)", clock.format_time(until))
        }
        Some(_) | None => "waiting for a response".to_owned(),
    }
}

/// Prints a paragraph in place of the progress line.
fn print_paragraph(text: &str, context: &Context) -> anyhow::Result<()> {
    terminal::replace_progress_line("")?;
    Report::from_paragraph(text).print(false, &context.environment)?;
    Ok(())
}
