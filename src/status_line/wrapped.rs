//! The one status line command that `install --wrap` was told to keep: the only child process
//! that a verb of the host may start, and this is its door.
//!
//! Promises: while nothing is wrapped, the cost is one failed stat. The command gets the same
//! standard input as we did, is killed with its children when its time is up, and its last good
//! output stands in for it. One that fails shows nothing, as in the client. Its standard error goes nowhere, its failure is not ours.
//!
//! A command that is regularly slower than `QUICK` (many are scripts that start a runtime)
//! would never get a word in if it were killed there each time. So after a late answer it is
//! left alone for half a minute, during which its last output is shown, and then gets `PATIENT`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::claude::settings::{Scope, path_of};
use crate::claude::status_payload::StatusPayload;
use crate::disk::{self, Durability};
use crate::environment::Environment;
use crate::install::record::{WrappedCommand, wrapped_directory, wrapped_path};
use crate::places::Places;

/// How long a command that answered in time the last time may take.
const QUICK: Duration = Duration::from_millis(300);

/// How long one that was late may take, after its rest.
const PATIENT: Duration = Duration::from_secs(2);

/// How long one that was late is left alone.
const REST_MILLISECONDS: i64 = 30_000;

/// The most that is read of its output.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// The most that our files about it hold.
const SIZE_LIMIT: u64 = 256 * 1024;

/// What is remembered of the last runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// The last good output, as it was.
    output: Option<String>,
    /// When it last took longer than `QUICK`, in milliseconds since 1970.
    late_at: Option<i64>,
}

/// How one run went.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// It ended well with this output.
    Good(String),
    /// It failed or said nothing.
    Bad,
    /// It was killed.
    Late,
}

/// The kept status line's output for this draw, without the final line break. None if none is
/// kept, or if it never said anything.
pub fn output(places: &Places, environment: &Environment, stdin: &[u8]) -> Option<String> {
    std::fs::metadata(wrapped_directory(places)).ok()?;
    let (kept, command) = kept_command(places, stdin)?;
    let memory_path = kept.with_extension("last");
    let memory = recall(&memory_path);
    let now = environment.now.timestamp_millis();
    let resting = memory.late_at.is_some_and(|at| {
        // A time in the future is another clock's; it must not silence the command.
        (0..REST_MILLISECONDS).contains(&now.saturating_sub(at))
    });
    if resting {
        return memory.output;
    }
    let first_time = memory == Memory::default();
    let time = if memory.late_at.is_some() || first_time {
        PATIENT
    } else {
        QUICK
    };
    let start = Instant::now();
    let answer = run(&command, stdin, time);
    let late = start.elapsed() > QUICK;
    let next = Memory {
        output: match answer {
            Answer::Good(text) => Some(text),
            Answer::Late => memory.output.clone(),
            // As the client would have it: a command that fails shows nothing.
            Answer::Bad => None,
        },
        late_at: late.then_some(now),
    };
    if next != memory
        && let Ok(bytes) = serde_json::to_vec(&next)
    {
        // Only a convenience for the next draw; a full disk must not cost this one.
        let _ = disk::write_atomically(&memory_path, &bytes, Durability::Quick);
    }
    next.output
}

/// The kept command of the settings file whose status line runs now: a project's before the
/// user's, as the client chooses them.
fn kept_command(places: &Places, stdin: &[u8]) -> Option<(PathBuf, String)> {
    let project = StatusPayload::parse(stdin).project_dir();
    let in_project = project.into_iter().flat_map(|project| {
        [Scope::Local, Scope::Project].map(|scope| path_of(scope, places, &project))
    });
    in_project
        .chain([places.user_settings()])
        .find_map(|settings| {
            let path = wrapped_path(places, &settings);
            let bytes = disk::read(&path, SIZE_LIMIT).ok()??;
            let kept: WrappedCommand = serde_json::from_slice(&bytes).ok()?;
            Some((path, kept.command))
        })
}

fn recall(path: &Path) -> Memory {
    let bytes = disk::read(path, SIZE_LIMIT).ok().flatten();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Runs the command as the client would have.
fn run(command: &str, stdin: &[u8], time: Duration) -> Answer {
    let deadline = Instant::now() + time;
    let Ok(mut child) = start(command) else {
        return Answer::Bad;
    };
    let (Some(mut input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
        return Answer::Bad;
    };
    let stdin = stdin.to_vec();
    // A command that does not read its input must not hold us up. These threads end with the
    // command's pipes or with this process, whichever is first.
    std::thread::spawn(move || {
        let _ = input.write_all(&stdin);
    });
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut buffer) {
            let piece = buffer.get(..length).unwrap_or_default().to_vec();
            if sender.send(piece).is_err() {
                break;
            }
        }
    });
    let mut bytes = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left) {
            Ok(piece) if bytes.len() < OUTPUT_LIMIT => bytes.extend(piece),
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                // It may have ended and left a child behind that holds the pipe.
                let ended = child.try_wait().is_ok_and(|status| status.is_some());
                if !ended {
                    kill(&mut child);
                    return Answer::Late;
                }
                break;
            }
        }
    }
    let succeeded = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.success(),
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            _ => {
                kill(&mut child);
                return Answer::Late;
            }
        }
    };
    bytes.truncate(OUTPUT_LIMIT);
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    if succeeded && !text.trim().is_empty() {
        Answer::Good(text.to_owned())
    } else {
        Answer::Bad
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the door for the one command that the user told us to keep"
)]
fn start(command: &str) -> std::io::Result<Child> {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // A group of its own, so that what it starts can be ended with it. A client that cancels a
    // draw kills the whole process tree, other groups included (seen on 2.1.119 and 2.1.328), so
    // nothing outlives us there either.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    shell.spawn()
}

fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        // Not reaped yet, so the id is still this command's.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_gets_our_input_and_its_lines_are_kept() {
        assert_eq!(
            run("cat; echo; echo two", b"one", PATIENT),
            Answer::Good("one\ntwo".to_owned())
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
            assert_eq!(run(command, b"", PATIENT), Answer::Bad, "{command}");
        }
    }

    #[test]
    fn a_command_that_does_not_read_fifty_megabytes_is_not_waited_for() {
        let input = vec![b'x'; 50_000_000];
        assert_eq!(
            run("echo done", &input, PATIENT),
            Answer::Good("done".to_owned())
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
        assert_eq!(run(&command, b"", time), Answer::Late);
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
        assert_eq!(answer, Answer::Good("quick".to_owned()));
        assert!(start.elapsed() < PATIENT * 5, "{:?}", start.elapsed());
    }

    #[test]
    fn endless_output_is_cut() {
        match run("head -c 1000000 /dev/zero | tr '\\0' x", b"", PATIENT) {
            Answer::Good(text) => assert_eq!(text.len(), OUTPUT_LIMIT),
            other => panic!("{other:?}"),
        }
    }
}
