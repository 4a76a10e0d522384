//! `whycap run`: runs Claude Code in a script so that it waits for the reset of a usage window, and says on standard error
//! why nothing happens.
//!
//! Claude Code itself waits and tries again. Everything else about the command is as if it had been started directly.

use std::ffi::OsString;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use super::reply::{Reply, Subcommand, misuse};
use crate::claude::watchdog::{LONGEST_WAIT, WATCHDOG};
use crate::claude::{processes, sessions, transcripts};
use crate::collect::Context;
use crate::limits::wording;
use crate::limits::{Continuation, Kind, Outlook};
use crate::terminal::host::child;
use crate::terminal::print_error;
use crate::time::parse_duration;

/// Arguments of `whycap run`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/run.txt"))]
pub(crate) struct RunArguments {
    /// Stop instead of waiting if the reset is further away: 90s, 30m, 2h, or 1h30m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "6h")]
    max_wait: Duration,
    /// The command, such as claude -p "write the changelog"
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    #[arg(allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// The interval at which to look for the session of the command.
const FIND_SESSION: Duration = Duration::from_millis(100);

/// The interval at which to check whether the transcript grows.
const LOOK: Duration = Duration::from_secs(2);

impl Subcommand for RunArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let mark = format!("WHYCAP_RUN_{}", std::process::id());
        let mut child = self.start(&mark)?;
        let mut watcher = Watcher {
            context,
            mark,
            pid: child.id(),
            started_at: context.environment.now,
            session: None,
            announced: None,
        };
        let (ended, end) = mpsc::channel::<()>();
        let observer = &mut watcher;
        let status = thread::scope(|scope| {
            scope.spawn(move || observer.watch(&end));
            let status = child::wait(&mut child);
            drop(ended);
            status
        })?;
        if !status.success()
            && let Some(advice) = watcher.advice()
        {
            print_error(&advice);
        }
        Ok(Reply::default().with_code(child::exit_code_like(status)))
    }
}

impl RunArguments {
    /// Starts the command. A variable marks its processes, because Claude Code may be started by a script or by npx.
    #[expect(
        clippy::disallowed_methods,
        reason = "starting it is what the user asked for"
    )]
    fn start(&self, mark: &str) -> anyhow::Result<Child> {
        let (program, arguments) = self
            .command
            .split_first()
            .context("there is no command")?;
        Command::new(program)
            .args(arguments)
            .env(WATCHDOG, "1")
            .env(LONGEST_WAIT, self.max_wait.as_millis().to_string())
            .env(mark, "1")
            .spawn()
            .map_err(|error| {
                let program = program.display();
                misuse(format!(
                    "could not start {program}: {error}; check the name of the command"
                ))
            })
    }
}

/// Watches the session of the command.
struct Watcher<'a> {
    context: &'a Context,
    mark: String,
    pid: u32,
    started_at: DateTime<Utc>,
    /// The session, as soon as Claude Code has registered it.
    session: Option<String>,
    /// The limit that Claude Code is waiting for, after the user has been told about it.
    announced: Option<Kind>,
}

impl Watcher<'_> {
    /// Tells the user whenever the session begins to wait. Returns when the command has ended.
    fn watch(&mut self, end: &Receiver<()>) {
        let mut length = None;
        let mut is_explained = false;
        loop {
            let interval = if self.session.is_some() {
                LOOK
            } else {
                FIND_SESSION
            };
            if end.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            self.session = self.session.take().or_else(|| self.find_session());
            // While the session works, its transcript grows, and there is nothing to say.
            let earlier = std::mem::replace(&mut length, self.transcript_length());
            if length != earlier {
                is_explained = false;
            } else if !is_explained {
                is_explained = self.announce();
            }
        }
    }

    fn find_session(&self) -> Option<String> {
        sessions::registered(&self.context.paths)
            .into_iter()
            .find(|session| {
                let pid = session.claim.pid;
                pid == self.pid || processes::has_variable(pid, &self.mark)
            })?
            .activity
            .session
    }

    fn transcript_length(&self) -> Option<u64> {
        let roots = self.context.paths.transcript_roots();
        let transcript = transcripts::of_session(roots, self.session.as_deref()?)?;
        Some(transcript.metadata().ok()?.len())
    }

    /// Tells the user if the session has begun to wait. Returns false if more facts about its last error may arrive.
    fn announce(&mut self) -> bool {
        let waiting = self.error().filter(|(outlook, _)| {
            outlook.is_blocked() && matches!(outlook.continuation, Continuation::At(_))
        });
        let Some((outlook, notice)) = waiting else {
            self.announced = None;
            return true;
        };
        if outlook.is_awaited {
            return false;
        }
        if self.announced.replace(outlook.limit()) != Some(outlook.limit()) {
            print_error(&notice);
        }
        true
    }

    /// Returns what blocks the session, or else its error in this run that has not been followed by a response, and what to
    /// tell the user.
    fn error(&self) -> Option<(Outlook, String)> {
        let session = self.session.as_deref()?;
        let context = self.context.refreshed();
        let limits = context.limits(Some(session));
        let outlook = limits.of_session(session)?;
        let is_of_run = outlook.stop.as_ref().is_some_and(|stop| {
            stop.session == session && stop.at >= self.started_at && stop.answered_at.is_none()
        });
        let notice = wording::notice(&outlook, limits.clock());
        (outlook.is_blocked() || is_of_run).then_some((outlook, notice))
    }

    /// Returns what has ended the command, and how to run it again or what to do first.
    fn advice(&self) -> Option<String> {
        let (outlook, _) = self.error()?;
        let clock = self.context.refreshed().clock();
        Some(wording::after_run(
            &outlook,
            self.session.as_deref()?,
            clock,
        ))
    }
}
