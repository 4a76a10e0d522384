//! Runs the user's previous status-line command, which is preserved by `install --wrap`. A status-line call starts no
//! other processes.
//!
//! The command runs in the system's shell. Project directories are removed from its `PATH`. It does not run unless the
//! settings file that it came from still contains whycap's entry. It also does not run if the project's settings change
//! the home directory, because the project could then have written the record that contains the command.
//!
//! If no command was preserved, the only overhead is reading one small file. The command gets the same standard input
//! as whycap and runs while whycap renders its own rows. If it misses its deadline, it is killed along with its
//! children, and the output of its previous run is shown again. If it fails, nothing is shown, as in Claude Code. Its
//! standard error is discarded.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::Builder;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::claude::settings::{self, SettingsFile};
use crate::claude::shell::Shell;
use crate::claude::status_payload::StatusPayload;
use crate::disk::records;
use crate::environment::{Environment, Paths, belongs_to_project};
use crate::install::EditRecord;
use crate::install::command_line::STATUS_LINE;
use crate::install::entries::entry_invocation;

/// The time limit for the command. A status-line call must take less than a second, and a quarter of a second is enough
/// for everything else, even on a busy machine. For comparison, a Node.js program such as `ccusage statusline` takes
/// 0.2 s (benches/run.py).
const TIME_LIMIT: Duration = Duration::from_millis(750);

/// The maximum size of the output, in bytes. The rest is discarded.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// The interval at which to check whether the command has exited.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// The preserved command, which is now running.
pub(crate) struct Wrapped {
    /// The file that contains the previous output.
    last_output: PathBuf,
    running: io::Result<Running>,
    /// The number of columns that Claude Code leaves free on each side of the status line.
    pub padding: usize,
}

/// The output of the preserved command.
pub(crate) struct WrappedLine {
    /// The text without the trailing newline, or `None` if there is nothing to show.
    pub text: Option<String>,
    /// The file to save the text to, or `None` if it has already been saved.
    unsaved: Option<PathBuf>,
}

impl Wrapped {
    /// Starts the preserved command. Returns `None` if no command was preserved.
    pub(crate) fn start(
        paths: &Paths,
        environment: &Environment,
        payload: &StatusPayload,
        stdin: &[u8],
    ) -> Option<Self> {
        let command = KeptCommand::find(paths, payload)?;
        let shell = Shell::of(environment);
        let path = search_path(paths, environment, &payload.directories);
        Some(Self {
            last_output: command.record.with_extension("last"),
            running: Running::start(&shell, &command.text, &path, stdin, TIME_LIMIT),
            padding: command.padding,
        })
    }

    /// Waits for the output, but no longer than the time limit.
    pub(crate) fn finish(self) -> WrappedLine {
        let last = records::read::<Option<String>>(&self.last_output).flatten();
        let text = match self.running.map(Running::output) {
            Ok(Ok(text)) => text,
            Ok(Err(TimedOut)) => last.clone(),
            Err(_) => None,
        };
        let unsaved = if text == last {
            None
        } else {
            Some(self.last_output)
        };
        WrappedLine { text, unsaved }
    }
}

impl WrappedLine {
    /// Saves the output so that it can be shown again if the command times out.
    pub(crate) fn save(self) {
        if let Some(file) = self.unsaved {
            let _ = records::write(&file, &self.text);
        }
    }
}

/// The status-line command that `install --wrap` replaced in a settings file.
struct KeptCommand {
    /// The path of the edit record.
    record: PathBuf,
    text: String,
    /// The padding of the status line.
    padding: usize,
}

impl KeptCommand {
    /// Finds the command that was preserved from the settings file that is in effect. As in Claude Code, the project's
    /// file takes precedence over the user's. Returns `None` if no command was preserved or if it must not run.
    fn find(paths: &Paths, payload: &StatusPayload) -> Option<Self> {
        let project = payload.project_dir.as_deref();
        let command = settings::of_user(paths, project)
            .into_iter()
            .find_map(|(scope, path)| {
                let record = EditRecord::runnable_status_line(paths, &path)?;
                let text = record.shown("command")?.as_str()?.to_owned();
                // There may now be a different project at the same path.
                let settings = SettingsFile::read(scope, path);
                let entry = settings.get("statusLine")?;
                entry_invocation(entry, STATUS_LINE)?;
                let padding = entry
                    .get("padding")
                    .and_then(Value::as_u64)
                    .and_then(|columns| columns.try_into().ok())
                    .unwrap_or(0);
                Some(Self {
                    padding,
                    record: EditRecord::path(paths, &settings.path),
                    text,
                })
            })?;
        match project {
            Some(project) if settings::moves_home(paths, project) => None,
            _ => Some(command),
        }
    }
}

/// Returns `PATH` without relative directories and directories inside a project, because a project could have added
/// them.
fn search_path(paths: &Paths, environment: &Environment, projects: &[PathBuf]) -> OsString {
    let path = environment.variable("PATH").unwrap_or_default();
    let directories = std::env::split_paths(path).filter(|directory| {
        directory.is_absolute()
            && !projects
                .iter()
                .any(|project| belongs_to_project(directory, project, &paths.home))
    });
    std::env::join_paths(directories).unwrap_or_default()
}

/// The command exceeded its time limit.
#[derive(Debug, PartialEq, Eq)]
struct TimedOut;

/// A running command, started the way Claude Code starts a status-line command.
struct Running {
    child: Child,
    deadline: Instant,
    /// The output in chunks. The channel closes when the output ends.
    output: Receiver<Vec<u8>>,
}

impl Running {
    /// Starts a command. Returns an error if the process or a thread cannot be started.
    fn start(
        shell: &Shell,
        command: &str,
        path: &OsStr,
        stdin: &[u8],
        time_limit: Duration,
    ) -> io::Result<Self> {
        let deadline = Instant::now() + time_limit;
        let mut child = spawn(shell, command, path)?;
        let output = connect(&mut child, stdin).inspect_err(|_| kill(&mut child))?;
        Ok(Self {
            child,
            deadline,
            output,
        })
    }

    fn time_left(&self) -> Duration {
        self.deadline
            .saturating_duration_since(Instant::now())
    }

    /// Waits for the output. Returns `None` if the command fails or prints nothing.
    fn output(mut self) -> Result<Option<String>, TimedOut> {
        // After the command exits, one of its children may still hold the pipe open.
        let mut output = Vec::new();
        while let Ok(piece) = self.output.recv_timeout(self.time_left()) {
            output.extend(piece);
        }
        let has_succeeded = self.wait()?;
        let text = String::from_utf8_lossy(&output);
        if has_succeeded && !text.trim().is_empty() {
            Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
        } else {
            Ok(None)
        }
    }

    /// Waits for the command to exit and returns true if it succeeded. Kills it at the deadline.
    fn wait(&mut self) -> Result<bool, TimedOut> {
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status.success()),
                Ok(None) if !self.time_left().is_zero() => std::thread::sleep(POLL_INTERVAL),
                _ => {
                    kill(&mut self.child);
                    return Err(TimedOut);
                }
            }
        }
    }
}

/// Starts a thread that writes the command's input and another that reads its output. A command that does not read its
/// input causes no delay, because nothing waits for the threads.
fn connect(child: &mut Child, stdin: &[u8]) -> io::Result<Receiver<Vec<u8>>> {
    let input = child.stdin.take();
    let pipe = child.stdout.take();
    let bytes = stdin.to_vec();
    let (sender, output) = mpsc::channel();
    Builder::new().spawn(move || input.map(|mut input| input.write_all(&bytes)))?;
    Builder::new().spawn(move || pipe.map(|pipe| forward(pipe, &sender)))?;
    Ok(output)
}

/// Reads a pipe to the end and sends the first [`OUTPUT_LIMIT`] bytes.
fn forward(mut pipe: ChildStdout, output: &Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    let mut remaining = OUTPUT_LIMIT;
    while let Ok(length @ 1..) = pipe.read(&mut buffer) {
        let piece: Vec<u8> = buffer
            .iter()
            .copied()
            .take(length.min(remaining))
            .collect();
        remaining -= piece.len();
        if output.send(piece).is_err() {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the user's own command")]
fn spawn(shell: &Shell, command: &str, path: &OsStr) -> io::Result<Child> {
    let (program, arguments) = shell.program();
    let mut process = Command::new(program);
    process
        .args(arguments)
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if !path.is_empty() {
        process.env("PATH", path);
    }
    // The command gets its own process group so that its children can be killed with it. When Claude Code cancels a
    // status-line call, it kills the entire process tree, including other process groups (observed with 2.1.119 and
    // 2.1.328).
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut process, 0);
    process.spawn()
}

/// Kills a running command and its children without waiting for them to exit. Waiting could block if a process belongs
/// to another user or hangs in a system call.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(
        rustix::process::Pid::from_child(child),
        rustix::process::Signal::KILL,
    );
    let _ = child.kill();
}

#[cfg(test)]
#[cfg(unix)] // the commands are for a POSIX shell
mod tests {
    use super::*;

    const PATIENT: Duration = Duration::from_secs(2);

    fn run(command: &str, stdin: &[u8], time: Duration) -> Result<Option<String>, TimedOut> {
        let search = Environment::of_process();
        let search = search.variable("PATH").unwrap_or_default();
        let shell = Shell::of(&Environment::of_process());
        Running::start(&shell, command, search, stdin, time)
            .unwrap()
            .output()
    }

    #[test]
    fn the_wrapped_command_gets_the_input_and_its_lines_are_kept() {
        assert_eq!(
            run("cat; echo; echo two", b"one", PATIENT),
            Ok(Some("one\ntwo".to_owned()))
        );
    }

    #[test]
    fn a_failing_silent_or_missing_command_has_no_output() {
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
    fn a_command_that_does_not_read_its_input_is_not_awaited() {
        let input = vec![b'x'; 50_000_000];
        assert_eq!(
            run("echo done", &input, PATIENT),
            Ok(Some("done".to_owned()))
        );
    }

    #[test]
    fn a_late_command_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let alive = directory.path().join("alive");
        let command = format!(
            "(while :; do echo x >>'{0}'; sleep 0.02; done) & while :; do sleep 0.02; done",
            alive.display()
        );
        let start = Instant::now();
        let time = Duration::from_secs(1);
        assert_eq!(run(&command, b"", time), Err(TimedOut));
        assert!(start.elapsed() < PATIENT * 3, "{:?}", start.elapsed());
        let size = || std::fs::metadata(&alive).map_or(0, |file| file.len());
        assert!(size() > 0, "the grandchild had started");
        let after = size();
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(size(), after, "the grandchild must be gone");
    }

    #[test]
    fn an_orphaned_child_does_not_delay_the_output() {
        let start = Instant::now();
        let answer = run("echo quick; sleep 30 &", b"", PATIENT);
        assert_eq!(answer, Ok(Some("quick".to_owned())));
        assert!(start.elapsed() < PATIENT * 5, "{:?}", start.elapsed());
    }

    #[test]
    fn output_that_arrived_in_time_counts_even_if_read_late() {
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
    fn endless_output_is_stopped() {
        let time = Duration::from_millis(200);
        assert_eq!(run("yes", b"", time), Err(TimedOut));
    }

    #[test]
    fn long_output_is_truncated() {
        match run("head -c 1000000 /dev/zero | tr '\\0' x", b"", PATIENT) {
            Ok(Some(text)) => assert_eq!(text.len(), OUTPUT_LIMIT),
            other => panic!("{other:?}"),
        }
    }
}
