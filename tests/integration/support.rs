//! A home directory for a test, with methods that run the program in it.

#[cfg(target_os = "linux")]
use std::ffi::OsStr;
use std::fmt::{Display, Formatter};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

/// The fixed time on a sandbox's clock.
pub const NOW: &str = "2026-11-20T06:30:00Z";

/// A temporary home directory. The program cannot see the real one.
pub struct Sandbox {
    root: TempDir,
    home: PathBuf,
    variables: Vec<(String, String)>,
}

/// The result of running a program.
#[derive(Debug)]
pub struct Run {
    pub stdout: String,
    pub stderr: Stderr,
    pub code: i32,
}

/// A program's standard error. If a test does not check the standard error, it must be empty.
#[derive(Debug)]
pub struct Stderr {
    text: String,
    is_looked_at: AtomicBool,
}

impl Stderr {
    pub fn as_str(&self) -> &str {
        self.is_looked_at.store(true, Ordering::Relaxed);
        &self.text
    }
}

impl Deref for Stderr {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Display for Stderr {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        to.write_str(self)
    }
}

impl Drop for Stderr {
    fn drop(&mut self) {
        let may_have_text = *self.is_looked_at.get_mut() || std::thread::panicking();
        assert!(
            may_have_text || self.text.is_empty(),
            "unexpected text on standard error: {}",
            self.text
        );
    }
}

impl Sandbox {
    pub fn new() -> Self {
        Self::with_home_at(|root| root.join("home"))
    }

    /// Creates a sandbox whose home directory is at the given path below its root.
    pub fn with_home_at(place: impl FnOnce(&Path) -> PathBuf) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let home = place(root.path());
        fs::create_dir_all(&home).expect("a home");
        Self {
            root,
            home,
            variables: Vec::new(),
        }
    }

    /// Sets an environment variable for all later runs.
    pub fn variable(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables
            .push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub fn home(&self) -> PathBuf {
        self.home.clone()
    }

    /// Returns a path inside the home directory.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.home().join(relative)
    }

    /// Writes a file inside the home directory and creates its parent directories.
    pub fn write(&self, relative: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a parent")).expect("parents");
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// Appends a line to a file, as the client does with a transcript. Creates the file if necessary.
    pub fn append(&self, relative: &str, line: &str) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a parent")).expect("parents");
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path);
        writeln!(opened.expect("a file to add to"), "{line}").expect("room for a line");
        path
    }

    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).expect("a readable file")
    }

    /// Copies a tree of test data into the home directory.
    pub fn copy_tree(&self, from: &Path, to: &str) {
        fn copy(from: &Path, to: &Path) {
            fs::create_dir_all(to).expect("a directory");
            for opened in fs::read_dir(from).expect("readable data") {
                let entry = opened.expect("an entry");
                let target = to.join(entry.file_name());
                if entry.file_type().expect("a type").is_dir() {
                    copy(&entry.path(), &target);
                } else {
                    // `fs::copy` would preserve read-only permissions, but tests append to these files.
                    fs::write(&target, fs::read(entry.path()).expect("bytes")).expect("a copy");
                }
            }
        }
        copy(from, &self.path(to));
    }

    /// Appends an incomplete response, whose spend is unknown, to a transcript.
    pub fn append_damaged_line(&self) {
        self.append(
            ".claude/projects/-x/damaged.jsonl",
            "{\"type\":\"assistant\",\"usage\": half",
        );
    }

    /// Returns the environment variables that set directory locations on this system, and those without which programs
    /// do not start. The locations are the same on all systems, so that tests can use the same paths everywhere.
    pub fn of_system(&self) -> Vec<(&'static str, std::ffi::OsString)> {
        if cfg!(windows) {
            let root = std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root));
            let homes = [
                ("USERPROFILE", ""),
                ("LOCALAPPDATA", ".local/share"),
                ("APPDATA", ".config"),
            ]
            .map(|(name, path)| (name, self.path(path).into_os_string()));
            root.into_iter().chain(homes).collect()
        } else if cfg!(target_os = "macos") {
            [
                ("XDG_DATA_HOME", ".local/share"),
                ("XDG_CONFIG_HOME", ".config"),
            ]
            .map(|(name, path)| (name, self.path(path).into_os_string()))
            .into()
        } else {
            Vec::new()
        }
    }

    /// Builds a command that runs the program with only this sandbox's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_whycap")), arguments)
    }

    /// Builds a command like [`Self::command`] that runs a copy of the program.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", "/usr/bin:/bin")
            .envs(self.of_system())
            .env("TZ", "UTC")
            .env("WHYCAP_NOW", NOW)
            // Without this variable, some output would depend on the height of the terminal that runs the tests.
            .env("LINES", "34")
            // Clients set this variable for every program that they run. No process has this PID.
            .env("CLAUDE_PID", "4190000")
            .current_dir(self.root.path());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command
    }

    /// Like [`Self::command`], but for a user to whom file permissions apply. Root can write anywhere, so if the tests
    /// run as root, this gives all files to the user `nobody`, along with a copy of the program that `nobody` can
    /// execute.
    #[cfg(unix)]
    pub fn command_subject_to_permissions(&self, arguments: &[&str]) -> Command {
        use std::os::unix::fs::MetadataExt;
        use std::os::unix::process::CommandExt;
        const NOBODY: u32 = 65_534;
        let root = self.root.path();
        if fs::metadata(root).expect("our directory").uid() != 0 {
            return self.command(arguments);
        }
        let program = self.path("whycap");
        copy_program(&program);
        let to = format!("{NOBODY}:{NOBODY}");
        let chown = Command::new("chown")
            .args(["-R", &to])
            .arg(root)
            .status();
        assert!(chown.expect("chown runs").success());
        let mut command = self.command_of(&program, arguments);
        command.uid(NOBODY).gid(NOBODY);
        command
    }

    /// Runs the program with empty standard input.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    /// Runs the program with `stdin` on standard input.
    pub fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Run {
        Run::of(&mut self.command(arguments), stdin)
    }
}

impl Run {
    /// Runs a command with `stdin` on standard input.
    pub fn of(command: &mut Command, stdin: &[u8]) -> Self {
        use std::io::Write;
        let mut child = started_with_pipes(command);
        let mut pipe = child.stdin.take().expect("a pipe");
        let bytes = stdin.to_vec();
        let writer = std::thread::spawn(move || {
            // The program may stop reading before the end of its input.
            let _ = pipe.write_all(&bytes);
        });
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("the writer ends");
        Self::from(output)
    }
}

/// Asserts that a program has succeeded, and returns its standard output. The program may have reported its progress on
/// standard error.
#[cfg(unix)]
#[track_caller]
pub fn successful_output(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Starts a program with pipes for its standard input, standard output, and standard error.
#[track_caller]
pub fn started_with_pipes(command: &mut Command) -> Child {
    started(
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )
}

/// Starts a program and retries if that fails. Under Wine, about one in several thousand attempts fails before the
/// process exists.
#[track_caller]
pub fn started(command: &mut Command) -> Child {
    const IN_WINE: Option<i32> = Some(1359);
    let first = command.spawn();
    let again = match first {
        Err(error) if cfg!(windows) && error.raw_os_error() == IN_WINE => command.spawn(),
        other => other,
    };
    again.expect("the program starts")
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: Stderr {
                text: String::from_utf8_lossy(&output.stderr).into_owned(),
                is_looked_at: AtomicBool::new(false),
            },
            code: output.status.code().unwrap_or(-1),
        }
    }
}

impl Run {
    /// Asserts exit code 0 and an empty standard error, and returns standard output.
    #[track_caller]
    pub fn success(&self) -> &str {
        assert_eq!(
            (self.code, self.stderr.as_str()),
            (0, ""),
            "stdout was: {}",
            self.stdout
        );
        &self.stdout
    }

    /// Asserts that the program rejected the arguments with a single line that contains `expected_text`.
    #[track_caller]
    pub fn is_refused(&self, expected_text: &str) {
        let stderr = self.stderr.as_str();
        assert_eq!((self.code, stderr.lines().count()), (2, 1), "{stderr}");
        assert!(stderr.contains(expected_text), "{stderr}");
    }

    /// Parses standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.success()).expect("JSON on standard output")
    }
}

/// Wraps a command so that it runs as root in its own namespaces. Returns `None` if the system does not allow
/// namespaces, in which case the test cannot run.
#[cfg(target_os = "linux")]
pub fn in_namespaces(options: &[&str], command: &Command) -> Option<Command> {
    let [mut attempt, mut wrapped] = [OsStr::new("true"), command.get_program()].map(|program| {
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--user", "--map-root-user"])
            .args(options);
        unshare.arg(program);
        unshare
    });
    let output = attempt.output();
    if !output.is_ok_and(|run| run.status.success()) {
        return None;
    }
    wrapped.args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        wrapped.env(name, value.unwrap_or_default());
    }
    Some(wrapped)
}

/// Puts a copy of the program under test at `path`.
pub fn copy_program(path: &Path) {
    copy_executable(Path::new(env!("CARGO_BIN_EXE_whycap")), path);
}

/// Writes an executable script to `path`.
#[cfg(unix)]
pub fn write_script(path: &Path, text: impl AsRef<[u8]>) {
    use std::os::unix::fs::PermissionsExt;
    let draft = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(draft.path(), text).expect("a draft");
    fs::set_permissions(draft.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::create_dir_all(path.parent().expect("a parent")).expect("parents");
    copy_executable(draft.path(), path);
}

/// Copies an executable file in a separate process. If this process wrote the copy, a child that another test starts at
/// the same time could inherit the open file. The system would then refuse to run the copy ("text file busy").
#[cfg(unix)]
fn copy_executable(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .args([from, to])
        .status()
        .expect("cp runs");
    assert!(copied.success());
}

#[cfg(windows)]
fn copy_executable(from: &Path, to: &Path) {
    fs::copy(from, to).expect("a copy");
}

/// Returns the path of a file in the repository's test data.
pub fn data(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(relative)
}
