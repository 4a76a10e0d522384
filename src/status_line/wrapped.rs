//! The one status line command that `install --wrap` was told to keep: the only child process
//! that a verb of the host may start, and this is its door.
//!
//! It runs only while our entry stands in the settings that it was taken from, by the system's
//! shell, and no program is looked up in the project's own directories. It does not run where the
//! project's settings say where home is: then what was kept need not be what the user told us.
//!
//! Promises: while nothing is wrapped, the cost is one small file. The command gets the same
//! standard input as we did and runs while our own row is made. When its time is up it is killed
//! with its children, and its last good output stands in for it. One that fails shows nothing, as
//! in the client. Its standard error goes nowhere, its failure is not ours.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::claude::settings::{self, SettingsFile};
use crate::claude::shell::Shell;
use crate::claude::status_payload::StatusPayload;
use crate::disk::records;
use crate::environment::Environment;
use crate::install::EditRecord;
use crate::places::{Places, belongs_to_project};

/// How long the command may take, counted from its start. The whole status line must never take
/// a second, and a quarter of one is plenty for the rest on a busy machine. A program for Node.js
/// such as `ccusage statusline` answers in 0.2 s (benches/run.py).
const DEADLINE: Duration = Duration::from_millis(750);

/// The most that is read of its output.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// The kept command, while it runs.
pub(crate) struct Wrapped {
    /// Where its last good output is.
    memory: PathBuf,
    running: io::Result<Running>,
}

/// What is shown of it.
pub(crate) struct WrappedLine {
    /// Without the final line break.
    pub(crate) text: Option<String>,
    /// Where to keep it, if it is not what was kept before.
    unsaved: Option<PathBuf>,
}

impl Wrapped {
    /// Starts the command. None if none is kept.
    pub(crate) fn start(
        places: &Places,
        environment: &Environment,
        payload: &StatusPayload,
        stdin: &[u8],
    ) -> Option<Self> {
        let (kept, command) = kept_command(places, payload)?;
        let search = search_path(places, environment, &payload.directories);
        Some(Self {
            memory: kept.with_extension("last"),
            running: Running::start(&Shell::of(environment), &command, &search, stdin, DEADLINE),
        })
    }

    /// Waits for its output, no longer than it has time.
    pub(crate) fn finish(self) -> WrappedLine {
        let last = records::read::<Option<String>>(&self.memory).flatten();
        let text = match self.running.map(Running::output) {
            Ok(Ok(text)) => text,
            Ok(Err(Killed)) => last.clone(),
            Err(_) => None,
        };
        WrappedLine {
            unsaved: (text != last).then_some(self.memory),
            text,
        }
    }
}

impl WrappedLine {
    /// Keeps the output for a draw at which the command is late.
    pub(crate) fn keep(self) {
        if let Some(memory) = self.unsaved {
            let _ = records::write(&memory, &self.text);
        }
    }
}

/// The kept command of the settings file whose status line runs now: a project's before the
/// user's, as the client chooses them.
fn kept_command(places: &Places, payload: &StatusPayload) -> Option<(PathBuf, String)> {
    let project = payload.project_dir.as_deref();
    let mut files = settings::of_user(places, project).into_iter();
    let kept = files.find_map(|(scope, path)| {
        let kept = EditRecord::kept_to_run(places, &path)?;
        let command = kept.shown_command()?;
        // Another project may stand at the same path by now.
        let settings = SettingsFile::read(scope, path);
        let is_kept = kept.is_in(settings.get("statusLine")?);
        is_kept.then(|| (EditRecord::path(places, &settings.path), command))
    });
    kept.filter(|_| !project.is_some_and(|project| settings::moves_home(places, project)))
}

/// `PATH` without what a project could have put there: relative directories and its own.
fn search_path(places: &Places, environment: &Environment, projects: &[PathBuf]) -> OsString {
    let path = environment.variable("PATH").unwrap_or_default();
    let is_planted = |directory: &PathBuf| {
        let belongs = |project: &PathBuf| belongs_to_project(directory, project, &places.home);
        !directory.is_absolute() || projects.iter().any(belongs)
    };
    let directories = std::env::split_paths(path).filter(|directory| !is_planted(directory));
    std::env::join_paths(directories).unwrap_or_default()
}

/// Its time was up.
#[derive(Debug, PartialEq, Eq)]
struct Killed;

/// A command that runs as the client would have run it.
struct Running {
    child: Child,
    deadline: Instant,
    /// What it has written, piece by piece; closed when its output is.
    output: Receiver<Vec<u8>>,
}

impl Running {
    fn start(
        shell: &Shell,
        command: &str,
        search: &OsStr,
        stdin: &[u8],
        time: Duration,
    ) -> io::Result<Self> {
        let deadline = Instant::now() + time;
        let mut child = spawn(shell, command, search)?;
        let (input, pipe) = (child.stdin.take(), child.stdout.take());
        let (sender, output) = mpsc::channel();
        let stdin = stdin.to_vec();
        // A command that does not read its input must not hold us up. These threads end with the
        // command's pipes or with this process, whichever is first.
        let write = move || input.map(|mut input| input.write_all(&stdin));
        let read = move || pipe.map(|pipe| collect(pipe, &sender));
        // Where the system gives no thread, our own line must do.
        let written = Builder::new().spawn(write).map(drop);
        let begun = written.and_then(|()| Builder::new().spawn(read).map(drop));
        begun.inspect_err(|_| kill(&mut child))?;
        Ok(Self {
            child,
            deadline,
            output,
        })
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// What it said; None if it failed or said nothing.
    fn output(mut self) -> Result<Option<String>, Killed> {
        // It may have ended and left a child behind that holds the pipe; so no more than the time.
        let mut output = Vec::new();
        while let Ok(piece) = self.output.recv_timeout(self.time_left()) {
            output.extend(piece);
        }
        let succeeded = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status.success(),
                Ok(None) if !self.time_left().is_zero() => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                _ => {
                    kill(&mut self.child);
                    return Err(Killed);
                }
            }
        };
        let text = String::from_utf8_lossy(&output);
        let text = text.trim_end_matches(['\n', '\r']);
        let is_good = succeeded && !text.trim().is_empty();
        Ok(is_good.then(|| text.to_owned()))
    }
}

/// Reads to the end and hands on the beginning.
fn collect(mut pipe: ChildStdout, output: &Sender<Vec<u8>>) {
    let (mut buffer, mut room) = ([0; 4096], OUTPUT_LIMIT);
    while let Ok(length @ 1..) = pipe.read(&mut buffer) {
        let kept: Vec<u8> = buffer.iter().copied().take(length.min(room)).collect();
        room -= kept.len();
        if output.send(kept).is_err() {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the user's own command")]
fn spawn(shell: &Shell, command: &str, search: &OsStr) -> io::Result<Child> {
    let (program, before) = shell.program();
    let mut shell = Command::new(program);
    shell
        .args(before)
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if !search.is_empty() {
        shell.env("PATH", search);
    }
    // A group of its own, so that what it starts can be ended with it. A client that cancels a
    // draw kills the whole process tree, other groups included (seen on 2.1.119 and 2.1.328), so
    // nothing outlives us there either.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    shell.spawn()
}

fn kill(child: &mut Child) {
    // Not reaped yet, so the id is still this command's.
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(
        rustix::process::Pid::from_child(child),
        rustix::process::Signal::KILL,
    );
    // Nobody waits for its end: what became another user, or hangs in the system, cannot be killed.
    let _ = child.kill();
}

#[cfg(test)]
#[cfg(unix)] // the commands are for a POSIX shell
mod tests {
    use super::*;

    const PATIENT: Duration = Duration::from_secs(2);

    fn run(command: &str, stdin: &[u8], time: Duration) -> Result<Option<String>, Killed> {
        let search = Environment::of_process();
        let search = search.variable("PATH").unwrap_or_default();
        let shell = Shell::of(&Environment::of_process());
        Running::start(&shell, command, search, stdin, time)
            .unwrap()
            .output()
    }

    #[test]
    fn the_command_gets_our_input_and_its_lines_are_kept() {
        assert_eq!(
            run("cat; echo; echo two", b"one", PATIENT),
            Ok(Some("one\ntwo".to_owned()))
        );
    }

    #[test]
    fn a_failing_silent_or_missing_command_is_no_answer() {
        for command in [
            "echo text; exit 3",
            "true",
            "printf '\\n \\n'",
            "no-such-command-here",
        ] {
            assert_eq!(run(command, b"", PATIENT), Ok(None), "{command}");
        }
    }

    #[test]
    fn a_command_that_does_not_read_fifty_megabytes_is_not_waited_for() {
        let input = vec![b'x'; 50_000_000];
        assert_eq!(
            run("echo done", &input, PATIENT),
            Ok(Some("done".to_owned()))
        );
    }

    #[test]
    fn a_late_command_is_killed_with_what_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let alive = directory.path().join("alive");
        let command = format!(
            "(while :; do echo x >>'{0}'; sleep 0.02; done) & while :; do sleep 0.02; done",
            alive.display()
        );
        let start = Instant::now();
        let time = Duration::from_secs(1);
        assert_eq!(run(&command, b"", time), Err(Killed));
        assert!(start.elapsed() < PATIENT * 3, "{:?}", start.elapsed());
        let size = || std::fs::metadata(&alive).map_or(0, |file| file.len());
        assert!(size() > 0, "the grandchild had started");
        let after = size();
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(size(), after, "the grandchild must be gone");
    }

    #[test]
    fn a_child_left_behind_does_not_hold_the_answer_back_for_ever() {
        let start = Instant::now();
        let answer = run("echo quick; sleep 30 &", b"", PATIENT);
        assert_eq!(answer, Ok(Some("quick".to_owned())));
        assert!(start.elapsed() < PATIENT * 5, "{:?}", start.elapsed());
    }

    #[test]
    fn what_came_in_time_counts_however_late_it_is_asked_for() {
        let mut running = Running::start(
            &Shell::Posix("/bin/sh".into()),
            "echo quick",
            OsStr::new(""),
            b"",
            PATIENT,
        )
        .unwrap();
        let piece = running.output.recv().unwrap();
        let (sender, output) = mpsc::channel();
        sender.send(piece).unwrap();
        running.output = output;
        let _ = running.child.wait();
        running.deadline = Instant::now();
        assert_eq!(running.output(), Ok(Some("quick".to_owned())));
    }

    #[test]
    fn output_that_never_ends_is_ended() {
        let time = Duration::from_millis(200);
        assert_eq!(run("yes", b"", time), Err(Killed));
    }

    #[test]
    fn much_output_is_cut() {
        match run("head -c 1000000 /dev/zero | tr '\\0' x", b"", PATIENT) {
            Ok(Some(text)) => assert_eq!(text.len(), OUTPUT_LIMIT),
            other => panic!("{other:?}"),
        }
    }
}
