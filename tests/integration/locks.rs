//! Tests locks in a real directory with real processes and the real program.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::situation::flat;
use crate::support::{Run, Sandbox, in_namespaces};

/// A home directory with an empty configuration directory. The tests use the system clock, because the processes and
/// their start times are real.
struct Machine {
    sandbox: Sandbox,
}

impl Machine {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.path(".claude")).unwrap();
        Self { sandbox }
    }

    /// Creates a home directory in which `CLAUDE_CONFIG_DIR` points to another directory.
    fn with_configuration_in(name: &str) -> Self {
        let home = Sandbox::new();
        let path = home.path(name);
        let sandbox = home.variable("CLAUDE_CONFIG_DIR", path.to_str().unwrap());
        Self { sandbox }
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.sandbox.path(relative)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command.env_remove("WHYCAP_NOW").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).output().unwrap())
    }

    /// Runs `--clear-stale-locks --json` and returns the locks in its output, keyed by their paths relative to the home
    /// directory.
    fn clear(&self) -> BTreeMap<String, Value> {
        self.by_path(&self.run(&["--clear-stale-locks", "--json"]).json())
    }

    fn locks(&self) -> BTreeMap<String, Value> {
        self.by_path(&self.run(&["locks", "--json"]).json())
    }

    fn by_path(&self, answer: &Value) -> BTreeMap<String, Value> {
        let home = self.sandbox.home();
        answer["locks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|lock| {
                let path = Path::new(lock["path"].as_str().unwrap());
                let shown = path.strip_prefix(&home).unwrap_or(path);
                (shown.display().to_string(), lock.clone())
            })
            .collect()
    }

    /// Creates an empty directory that was last modified `age` seconds ago.
    fn directory(&self, relative: &str, age: i64) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(&path).unwrap();
        set_age(&path, age);
        path
    }

    fn file(&self, relative: &str, text: &str, age: i64) -> PathBuf {
        let path = self.sandbox.write(relative, text);
        set_age(&path, age);
        path
    }

    fn exists(&self, relative: &str) -> bool {
        fs::symlink_metadata(self.path(relative)).is_ok()
    }

    /// Starts a process named `claude` that belongs to this home directory.
    fn client(&self) -> Process {
        Process::start(&self.path("bin/claude"), &self.sandbox.home())
    }
}

fn set_age(path: &Path, age: i64) {
    let now = SystemTime::now();
    let span = Duration::from_secs(age.unsigned_abs());
    let date = if age >= 0 { now - span } else { now + span };
    File::open(path).unwrap().set_modified(date).unwrap();
}

/// The initial PID namespace on Linux.
const OF_THE_MACHINE: &str = "pid:[4026531836]";

/// Wraps a command so that it runs as if in a container: in its own PID namespace, where it cannot see any other
/// processes.
fn in_container(command: &Command) -> Option<Command> {
    in_namespaces(
        &["--pid", "--fork", "--mount-proc", "--kill-child"],
        command,
    )
}

/// A script that runs until its standard input is closed, which happens no later than the end of the test.
struct Process {
    child: Child,
}

impl Process {
    fn start(script: &Path, home: &Path) -> Self {
        let command = Self::command(script, home);
        Self::from(command)
    }

    fn command(script: &Path, home: &Path) -> Command {
        fs::create_dir_all(script.parent().unwrap()).unwrap();
        fs::write(script, "#!/bin/sh\necho up\nread line\n").unwrap();
        fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new(script);
        command.env_clear().env("HOME", home);
        command
    }

    fn from(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // A process that another test forks can briefly keep the new script open for writing.
        let mut child = (0..100)
            .find_map(|_| match command.spawn() {
                Ok(child) => Some(child),
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(10));
                    None
                }
                Err(error) => panic!("{error}"),
            })
            .expect("the script starts");
        // The child is a copy of the test process until it has started the script, so wait for the script's first
        // output.
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 3]).unwrap();
        Self { child }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns field 22 of `/proc/<pid>/stat` in Claude Code's format.
    fn ticks(&self) -> String {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let tail = stat.rsplit_once(')').unwrap().1;
        tail.split_whitespace().nth(19).unwrap().to_owned()
    }

    fn registry(&self) -> String {
        json!({"pid": self.pid(), "sessionId": "s", "procStart": self.ticks(), "status": "idle"})
            .to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the PID of a process that has ended. In a container, a missing process proves nothing, because processes
/// outside the container are not visible. For this reason, the function returns a number above the highest valid PID
/// there.
fn dead_pid() -> u32 {
    const NOBODYS: u32 = 4_194_305;
    if fs::read_link("/proc/self/ns/pid").is_ok_and(|link| link != Path::new(OF_THE_MACHINE)) {
        return NOBODYS;
    }
    let mut child = Command::new("/bin/true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

fn verdict_and_action<'a>(locks: &'a BTreeMap<String, Value>, path: &str) -> (&'a str, &'a str) {
    let lock = locks
        .get(path)
        .unwrap_or_else(|| panic!("{path} not in {:?}", locks.keys()));
    (
        lock["verdict"].as_str().unwrap(),
        lock["action"].as_str().unwrap(),
    )
}

/// Returns every path below `root` with its kind and content.
fn snapshot(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = BTreeMap::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let content = if meta.is_dir() {
            seen.extend(snapshot(&path));
            "directory".to_owned()
        } else if meta.is_symlink() {
            format!("link to {}", fs::read_link(&path).unwrap().display())
        } else {
            format!("{} {:?}", meta.ino(), fs::read(&path).unwrap())
        };
        seen.insert(path, content);
    }
    seen
}

/// Asserts that every path in an earlier snapshot of the home directory still exists and is unchanged.
fn assert_all_still_there(machine: &Machine, before: &BTreeMap<PathBuf, String>) {
    let after = snapshot(&machine.sandbox.home());
    for (path, content) in before {
        assert_eq!(after.get(path), Some(content), "{}", path.display());
    }
}

#[test]
fn an_empty_home_has_no_locks_and_stays_empty() {
    let machine = Machine::new();
    assert_eq!(
        machine.run(&["locks", "--json"]).json(),
        json!({"locks": []})
    );
    let dry = machine.run(&["--clear-stale-locks", "--dry-run", "--json"]);
    assert_eq!(dry.json(), json!({"locks": []}));
    assert_eq!(snapshot(&machine.sandbox.home()).len(), 1, "only .claude");
}

/// Lock directories at the paths that the client uses.
const DIRECTORIES: &[&str] = &[
    ".claude.json.lock",
    ".claude.lock",
    ".claude/history.jsonl.lock",
    ".claude/.oauth_refresh.lock",
    ".claude/tasks/6dc2/.lock.lock",
    ".claude/plugins/store/x.json.lock",
];

/// Lock files that identify a process, at the client's own paths.
const PROCESS_LOCK_FILES: &[&str] = &[
    ".local/state/claude/locks/2.1.328.lock",
    ".local/state/claude/locks/2.1.328#77.lock",
    "proj/.claude/scheduled_tasks.lock",
    "other/.claude/scheduled_tasks.lock",
];

/// Creates a machine whose working directory is `proj` and whose `.claude.json` lists the project `other`.
fn with_projects() -> Machine {
    let machine = Machine::new();
    fs::create_dir(machine.path("proj")).unwrap();
    let other = machine.path("other").display().to_string();
    let state = json!({"projects": { other: {} }}).to_string();
    machine.sandbox.write(".claude.json", state);
    machine
}

fn clear_in_project(machine: &Machine, arguments: &[&str]) -> BTreeMap<String, Value> {
    let mut command = machine.command(arguments);
    command.current_dir(machine.path("proj"));
    machine.by_path(&Run::from(command.output().unwrap()).json())
}

#[test]
fn every_kind_of_stale_lock_is_found_and_cleared() {
    let machine = with_projects();
    for path in DIRECTORIES {
        machine.directory(path, 600);
    }
    machine.directory(".local/state/claude/locks/2.0.1.lock", 600);
    let pid = dead_pid();
    for path in PROCESS_LOCK_FILES {
        machine.file(path, &json!({"pid": pid, "acquiredAt": 1}).to_string(), 600);
    }
    machine.file(PROCESS_LOCK_FILES[0], &format!("{pid}\n"), 600);
    let session = format!(".claude/sessions/{pid}.json");
    machine.file(
        &session,
        &json!({"pid": pid, "procStart": "1"}).to_string(),
        600,
    );
    machine.file(".claude/tasks/6dc2/.lock", "", 600);
    machine.file(".claude/plugins/marketplaces/m/.git/index.lock", "", 600);

    let dry = clear_in_project(&machine, &["--clear-stale-locks", "--dry-run", "--json"]);
    let done = clear_in_project(&machine, &["--clear-stale-locks", "--json"]);
    assert_eq!(done.len(), DIRECTORIES.len() + PROCESS_LOCK_FILES.len() + 4);
    for (path, lock) in &done {
        let stays = [
            ".claude/tasks/6dc2/.lock",
            ".claude/plugins/marketplaces/m/.git/index.lock",
        ]
        .contains(&path.as_str());
        assert_eq!(machine.exists(path), stays, "{path}");
        assert_eq!(
            lock["action"],
            if stays { "kept" } else { "cleared" },
            "{path}"
        );
        let before = &dry[path];
        assert_eq!(
            (&before["verdict"], &before["why"]),
            (&lock["verdict"], &lock["why"]),
            "{path}"
        );
        assert_eq!(
            before["action"],
            if stays { "kept" } else { "would_clear" },
            "{path}"
        );
    }
    assert_eq!(
        verdict_and_action(&done, ".claude/tasks/6dc2/.lock").0,
        "harmless"
    );
    let git = ".claude/plugins/marketplaces/m/.git/index.lock";
    assert_eq!(verdict_and_action(&done, git).0, "not_ours");
}

#[test]
fn a_permanently_stuck_lock_is_cleared_and_can_be_restored() {
    let machine = Machine::new();
    machine.directory(".claude.json.lock", -3600);
    machine.file(".claude/history.jsonl.lock", "from a backup", 600);
    machine
        .sandbox
        .write(".claude/plugins/store/a.json.lock/deep/er", "kept");
    set_age(&machine.path(".claude/plugins/store/a.json.lock"), 600);

    let seen = machine.locks();
    for path in [
        ".claude.json.lock",
        ".claude/history.jsonl.lock",
        ".claude/plugins/store/a.json.lock",
    ] {
        assert_eq!(verdict_and_action(&seen, path), ("stuck", "none"));
    }
    let done = machine.clear();
    for path in seen.keys() {
        assert_eq!(verdict_and_action(&done, path), ("stuck", "cleared"));
        assert!(!machine.exists(path), "{path}");
    }
    assert_eq!(
        done[".claude.json.lock"]["set_aside"], false,
        "an empty directory is just removed"
    );

    // A lock that has been cleared no longer has any effect, and Claude Code has nothing left to clear.
    machine.directory(".claude/history.jsonl.lock", 600);
    machine.directory(".claude.json.lock", -3600);
    let run = machine.run(&["--clear-stale-locks"]);
    let cleared = run.success();
    assert!(cleared.contains("Effect of such a lock: "), "{cleared}");
    assert!(
        !cleared.contains("Effect: ") && !cleared.contains("will clear this lock"),
        "{cleared}"
    );

    let text = machine
        .run(&["locks", "--restore"])
        .success()
        .to_owned();
    assert!(text.contains("~/.claude/history.jsonl.lock"), "{text}");
    assert_eq!(
        machine.sandbox.read(".claude/history.jsonl.lock"),
        "from a backup"
    );
    assert_eq!(
        machine
            .sandbox
            .read(".claude/plugins/store/a.json.lock/deep/er"),
        "kept"
    );
    let again = machine.run(&["locks", "--restore"]);
    assert_eq!(again.success(), "Nothing is in quarantine.\n");
}

#[test]
fn restoring_never_overwrites_an_existing_file() {
    let machine = Machine::new();
    machine.file(".claude/history.jsonl.lock", "old", 600);
    assert_eq!(machine.clear().len(), 1);
    fs::create_dir(machine.path(".claude/history.jsonl.lock")).unwrap();

    let run = machine.run(&["locks", "--restore", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["restored"][0]["back"], false);
    assert!(machine.path(".claude/history.jsonl.lock").is_dir());

    fs::remove_dir(machine.path(".claude/history.jsonl.lock")).unwrap();
    assert_eq!(machine.run(&["locks", "--restore"]).code, 0);
    assert_eq!(machine.sandbox.read(".claude/history.jsonl.lock"), "old");
}

/// `uninstall` printed a command that deletes the data directory, and did not say that the directory contained a file of
/// Claude Code's that whycap had cleared.
#[test]
fn uninstall_says_that_the_remaining_data_contain_cleared_locks() {
    let machine = Machine::new();
    machine.file(".claude/history.jsonl.lock", "old", 600);
    assert_eq!(machine.clear().len(), 1);
    let restore = "to restore them first: whycap locks --restore";
    let shown = flat(machine.run(&["uninstall", "--dry-run"]).success());
    assert!(shown.contains(restore), "{shown}");

    machine.run(&["locks", "--restore"]).success();
    let shown = flat(machine.run(&["uninstall", "--dry-run"]).success());
    assert!(shown.contains("recorded: rm -r "), "{shown}");
    assert!(!shown.contains(restore), "{shown}");
}

#[test]
fn locks_of_the_state_file_and_the_login_stay_while_a_session_runs() {
    let machine = Machine::new();
    let client = machine.client();
    machine.file(
        &format!(".claude/sessions/{}.json", client.pid()),
        &client.registry(),
        0,
    );
    machine.directory(".claude.json.lock", 600);
    machine.directory(".claude/.oauth_refresh.lock", 600);
    machine.directory(".claude/history.jsonl.lock", 600);
    let done = machine.clear();
    assert_eq!(
        verdict_and_action(&done, ".claude.json.lock"),
        ("stale", "kept")
    );
    assert_eq!(
        verdict_and_action(&done, ".claude/.oauth_refresh.lock"),
        ("stale", "kept")
    );
    assert_eq!(
        verdict_and_action(&done, ".claude/history.jsonl.lock"),
        ("stale", "cleared")
    );
    let why = done[".claude.json.lock"]["why"].as_str().unwrap();
    assert!(why.contains(&client.pid().to_string()), "{why}");

    let registry = format!(".claude/sessions/{}.json", client.pid());
    assert_eq!(verdict_and_action(&done, &registry), ("held", "kept"));
    drop(client);
    let done = machine.clear();
    assert!(
        done.values().all(|lock| lock["action"] == "cleared"),
        "{done:?}"
    );
    assert_eq!(done.len(), 3);
}

#[test]
fn an_unregistered_client_protects_only_its_own_configuration() {
    let machine = Machine::new();
    machine.directory(".claude.json.lock", 600);
    let elsewhere = Machine::new();
    let other_client = elsewhere.client();
    {
        let _own = machine.client();
        assert_eq!(
            verdict_and_action(&machine.clear(), ".claude.json.lock"),
            ("stale", "kept")
        );
    }
    assert_eq!(
        verdict_and_action(&machine.clear(), ".claude.json.lock"),
        ("stale", "cleared")
    );
    drop(other_client);
}

/// If a container shares the configuration directory, the PIDs in its locks are meaningless outside the container.
#[test]
fn a_session_in_another_container_is_not_considered_ended() {
    let machine = Machine::new();
    machine.directory(".claude.json.lock", 600);
    let claim =
        json!({"pid": dead_pid(), "procStart": "5", "pidDomain": "linux:0123:pid:[4026532999]"});
    let text = claim.to_string();
    let file = format!(".claude/sessions/{}.json", claim["pid"]);
    machine.file(&file, &text, 600);
    let done = machine.clear();
    assert_eq!(verdict_and_action(&done, &file), ("cannot_tell", "kept"));
    assert_eq!(
        verdict_and_action(&done, ".claude.json.lock"),
        ("stale", "kept")
    );

    // This file looks as if it had been written on this machine, because it identifies the machine and the namespace in
    // the client's format.
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap();
    let domain = format!("linux:{}:{}", id.trim(), namespace.display());
    machine.file(
        &file,
        &text.replace("linux:0123:pid:[4026532999]", &domain),
        600,
    );
    let done = machine.clear();
    assert!(
        done.values().all(|lock| lock["action"] == "cleared"),
        "{done:?}"
    );
}

/// A user asked why one would clear a lock that Claude Code clears by itself.
#[test]
fn the_benefit_of_clearing_a_lock_that_claude_code_clears_by_itself_is_stated() {
    let machine = Machine::new();
    machine.directory(".claude/history.jsonl.lock", 600);
    let listed = machine.run(&["locks"]).success().to_owned();
    let words: Vec<&str> = listed.split_whitespace().collect();
    let gain = "Claude Code will clear this lock the next time it needs to. Clearing it yourself at most saves a short wait.";
    assert!(words.join(" ").contains(gain), "{listed}");
}

#[test]
fn the_user_is_told_to_end_a_session_with_a_stuck_lock_first() {
    let machine = Machine::new();
    let _client = machine.client();
    machine.file(".claude.json.lock", "", 600);
    let done = machine.clear();
    assert_eq!(
        verdict_and_action(&done, ".claude.json.lock"),
        ("stuck", "kept")
    );
    let why = done[".claude.json.lock"]["why"].as_str().unwrap();
    assert!(why.contains("Quit Claude Code first"), "{why}");
    let listed = machine.sandbox.run(&["locks"]);
    assert!(
        listed
            .success()
            .contains("To clear stale locks, quit Claude Code first"),
        "{listed:?}"
    );
}

fn version_lock(version: &str) -> String {
    format!(".local/state/claude/locks/{version}.lock")
}

#[test]
fn a_reused_pid_does_not_hold_a_lock() {
    let machine = with_projects();
    let client = machine.client();
    let editor = Process::start(&machine.path("bin/editor"), &machine.sandbox.home());
    let (pid, ticks) = (client.pid(), client.ticks());
    let cases = [
        ("1", json!({"pid": pid, "procStart": ticks}), 0, "held"),
        ("2", json!({"pid": pid}), 0, "held"),
        ("3", json!({"pid": pid, "procStart": "1"}), 0, "stale"),
        // The file appears to be older than its process, as can happen after the machine was suspended.
        ("4", json!({"pid": pid}), 3600, "cannot_tell"),
        ("5", json!(editor.pid()), 0, "stale"),
        ("6", json!(editor.pid()), 3600, "stale"),
    ];
    for (name, claim, age, _) in &cases {
        machine.file(&version_lock(name), &claim.to_string(), *age);
    }
    machine.file(
        "other/.claude/scheduled_tasks.lock",
        "{\"sessionId\":\"x\"",
        3600,
    );

    let done = machine.clear();
    for (name, _, _, verdict) in cases {
        let action = if verdict == "stale" {
            "cleared"
        } else {
            "kept"
        };
        assert_eq!(
            verdict_and_action(&done, &version_lock(name)),
            (verdict, action),
            "{name}"
        );
    }
    let unreadable = "other/.claude/scheduled_tasks.lock";
    assert_eq!(
        verdict_and_action(&done, unreadable),
        ("cannot_tell", "kept")
    );
    let holder = &done[&version_lock("1")]["holder"];
    assert_eq!(
        holder,
        &json!({"pid": pid, "alive": true, "is_claude": true})
    );
}

/// The client writes a file next to its login lock that identifies the owner (observed with 2.1.328).
#[test]
fn a_login_lock_is_held_while_its_owner_runs() {
    let machine = Machine::new();
    let elsewhere = Machine::new();
    // The client belongs to another home directory, so only the owner file shows that it holds the lock.
    let client = elsewhere.client();
    let owner = json!({"pid": client.pid(), "procStart": client.ticks(), "lockBirthtimeMs": 1.5});
    machine.file(".claude/.oauth_refresh.lock.owner", &owner.to_string(), 20);
    machine.directory(".claude/.oauth_refresh.lock", 20);
    machine.directory(".claude.lock", 20);
    for path in [".claude/.oauth_refresh.lock", ".claude.lock"] {
        let done = machine.clear();
        assert_eq!(verdict_and_action(&done, path), ("held", "kept"));
        assert_eq!(done[path]["holder"]["pid"], client.pid());
    }
    drop(client);
    let done = machine.clear();
    for path in [".claude/.oauth_refresh.lock", ".claude.lock"] {
        assert_eq!(verdict_and_action(&done, path), ("stale", "cleared"));
    }
    assert!(
        machine.exists(".claude/.oauth_refresh.lock.owner"),
        "the client's own business"
    );
}

#[test]
fn a_zombie_process_holds_no_lock() {
    let machine = Machine::new();
    let mut client = machine.client();
    let claim = json!({"pid": client.pid(), "procStart": client.ticks()});
    machine.file(".local/state/claude/locks/1.lock", &claim.to_string(), 0);
    client.child.kill().unwrap();
    // The process has been killed, but its parent has not waited for it yet, so the PID is still taken.
    let stat = format!("/proc/{}/stat", client.pid());
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    assert_eq!(
        verdict_and_action(&machine.clear(), ".local/state/claude/locks/1.lock"),
        ("stale", "cleared")
    );
}

#[test]
fn a_linked_configuration_directory_works() {
    let machine = Machine::new();
    fs::remove_dir(machine.path(".claude")).unwrap();
    fs::create_dir(machine.path("dotfiles")).unwrap();
    symlink("dotfiles", machine.path(".claude")).unwrap();
    machine.directory("dotfiles/history.jsonl.lock", 600);
    let done = machine.clear();
    assert_eq!(
        verdict_and_action(&done, ".claude/history.jsonl.lock"),
        ("stale", "cleared")
    );
    assert!(!machine.exists("dotfiles/history.jsonl.lock"));
}

#[test]
fn a_configured_directory_has_only_its_own_locks() {
    let machine = Machine::with_configuration_in("work");
    for path in [
        "work/.claude.json.lock",
        "work/history.jsonl.lock",
        "work.lock",
    ] {
        machine.directory(path, 600);
    }
    machine.directory(".claude.json.lock", 600);
    machine.directory(".claude/history.jsonl.lock", 600);
    let done = machine.clear();
    let paths: Vec<_> = done.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "work.lock",
            "work/.claude.json.lock",
            "work/history.jsonl.lock"
        ]
    );
    assert!(
        done.values().all(|lock| lock["action"] == "cleared"),
        "{done:?}"
    );
    assert!(machine.exists(".claude.json.lock") && machine.exists(".claude/history.jsonl.lock"));
}

#[test]
fn an_asterisk_in_a_directory_name_is_not_a_pattern() {
    let machine = Machine::with_configuration_in("w*");
    machine.directory("w*", 600);
    machine.directory("work.lock", 600);
    assert_eq!(machine.clear(), BTreeMap::new());
    assert!(machine.exists("work.lock"));
}

#[test]
fn a_link_in_place_of_a_lock_is_not_followed() {
    let machine = Machine::new();
    machine.directory("victim", 600);
    machine.file("precious", "data", 600);
    machine.directory("trap/.lock.lock", 600);
    symlink(machine.path("victim"), machine.path(".claude.json.lock")).unwrap();
    fs::create_dir_all(machine.path(".local/state/claude/locks")).unwrap();
    symlink(
        machine.path("precious"),
        machine.path(".local/state/claude/locks/1.lock"),
    )
    .unwrap();
    fs::create_dir(machine.path(".claude/tasks")).unwrap();
    symlink(machine.path("trap"), machine.path(".claude/tasks/session")).unwrap();
    let before = snapshot(&machine.sandbox.home());
    let done = machine.clear();
    assert_eq!(
        verdict_and_action(&done, ".claude.json.lock"),
        ("not_ours", "kept")
    );
    assert_eq!(
        verdict_and_action(&done, ".local/state/claude/locks/1.lock"),
        ("not_ours", "kept")
    );
    assert_eq!(done.len(), 2, "a linked directory is not entered");
    assert_all_still_there(&machine, &before);
}

#[test]
fn other_users_locks_are_not_examined() {
    let machine = with_projects();
    let other_locks = [
        "proj/package-lock.json",
        "proj/Cargo.lock",
        "proj/yarn.lock",
        "proj/.git/index.lock",
        "proj/.claude/settings.json.lock",
        ".claude/settings.json.lock",
        ".claude/projects/-p/session.jsonl.lock",
        ".claude/plugins/store/x.lock",
        ".config/Code/code.lock",
        ".npm/_npx/concurrency.lock",
    ];
    for path in other_locks {
        machine.file(path, &dead_pid().to_string(), 86_400);
    }
    let before = snapshot(&machine.sandbox.home());
    let done = clear_in_project(&machine, &["--clear-stale-locks", "--json"]);
    assert_eq!(done, BTreeMap::new());
    assert_all_still_there(&machine, &before);
}

#[test]
fn concurrent_clearings_clear_each_lock_once() {
    let machine = Machine::new();
    let pid = dead_pid();
    for number in 0..40 {
        machine.directory(&format!(".claude/tasks/{number}/.lock.lock"), 600);
        machine.file(
            &format!(".local/state/claude/locks/{number}.lock"),
            &pid.to_string(),
            600,
        );
    }
    let runs: Vec<_> = (0..4)
        .map(|_| {
            machine
                .command(&["--clear-stale-locks", "--json"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut cleared = 0;
    for run in runs {
        let answer = machine.by_path(&Run::from(run.wait_with_output().unwrap()).json());
        assert!(
            answer
                .values()
                .all(|lock| lock["action"] != "failed"),
            "{answer:?}"
        );
        cleared += answer
            .values()
            .filter(|lock| lock["action"] == "cleared")
            .count();
    }
    assert_eq!(cleared, 80);
    assert_eq!(machine.locks(), BTreeMap::new());
}

#[test]
fn without_write_permission_the_lock_stays_and_the_command_fails() {
    let machine = Machine::new();
    machine.directory(".claude/history.jsonl.lock", 600);
    let mut command = machine
        .sandbox
        .command_subject_to_permissions(&["--clear-stale-locks", "--json"]);
    command.env_remove("WHYCAP_NOW");
    fs::set_permissions(machine.path(".claude"), fs::Permissions::from_mode(0o555)).unwrap();
    let run = Run::from(command.output().unwrap());
    fs::set_permissions(machine.path(".claude"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let done = machine.by_path(&serde_json::from_str(&run.stdout).unwrap());
    assert_eq!(
        verdict_and_action(&done, ".claude/history.jsonl.lock"),
        ("stale", "failed")
    );
    let why = done[".claude/history.jsonl.lock"]["why"]
        .as_str()
        .unwrap();
    assert!(why.contains(".claude"), "names the directory: {why}");
    assert!(machine.exists(".claude/history.jsonl.lock"));
}

#[test]
fn without_a_quarantine_only_empty_directories_are_removed() {
    let machine = Machine::new();
    machine
        .sandbox
        .write("plain", "a file where the data directory should be");
    machine.file(".claude/history.jsonl.lock", "x", 600);
    machine.directory(".claude.json.lock", 600);
    let data = machine.path("plain/whycap");
    let run = Run::from(
        machine
            .command(&["--clear-stale-locks", "--json"])
            .env("WHYCAP_DATA_DIR", &data)
            .output()
            .unwrap(),
    );
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let done = machine.by_path(&serde_json::from_str(&run.stdout).unwrap());
    assert_eq!(
        verdict_and_action(&done, ".claude/history.jsonl.lock"),
        ("stuck", "failed")
    );
    assert_eq!(
        verdict_and_action(&done, ".claude.json.lock"),
        ("stale", "cleared")
    );
    assert_eq!(machine.sandbox.read(".claude/history.jsonl.lock"), "x");
}

/// Tests locks held by editors, the background service, computer use, and updates.
#[test]
fn locks_that_have_never_been_seen_stale_are_left_alone() {
    let machine = Machine::new();
    for path in ["ide/1", "daemon", "computer-use", ".update"] {
        let claim = json!({"pid": dead_pid(), "authToken": "t0ken-of-the-editor"});
        machine.file(&format!(".claude/{path}.lock"), &claim.to_string(), 600);
    }
    let before = snapshot(&machine.sandbox.home());
    assert_eq!(machine.clear().len(), 0);
    assert_all_still_there(&machine, &before);
}

#[test]
fn special_files_in_place_of_locks_cause_no_hang_and_no_crash() {
    let machine = Machine::new();
    machine
        .sandbox
        .write(".local/state/claude/locks/1.lock", vec![b'9'; 3_000_000]);
    machine
        .sandbox
        .write(".local/state/claude/locks/2.lock", b"\xff\xfe\x00");
    machine
        .sandbox
        .write(".claude/sessions/x.json", b"{\"pid\":1}");
    machine.sandbox.write(
        ".local/state/claude/locks/3.lock",
        b"{\"pid\":\"\\u001b[2J\"}",
    );
    machine
        .sandbox
        .write(".claude.json", "[".repeat(100_000));
    fs::create_dir_all(machine.path(".local/state/claude/locks")).unwrap();
    let pipe = machine.path(".local/state/claude/locks/pipe.lock");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let escape = machine.path(".local/state/claude/locks/\u{1b}[31m.lock");
    fs::write(&escape, "").unwrap();
    let done = machine.clear();
    assert_eq!(done.len(), 6, "{done:?}");
    assert!(
        done.values()
            .all(|lock| lock["verdict"] == "cannot_tell"),
        "{done:?}"
    );
    assert!(
        done.values().all(|lock| lock["action"] == "kept"),
        "{done:?}"
    );
    let text = machine.run(&["locks"]).success().to_owned();
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn the_list_fits_the_terminal_and_says_that_locks_are_not_limits() {
    let machine = Machine::new();
    machine.file(".claude.json.lock", "", 600);
    machine.directory(".claude/history.jsonl.lock", 600);
    machine.file(".claude/tasks/6dc2/.lock", "", 600);
    for columns in [20, 40, 80, 200] {
        for arguments in [&["locks"][..], &["--clear-stale-locks", "--dry-run"]] {
            let run = Run::from(
                machine
                    .command(arguments)
                    .env("COLUMNS", columns.to_string())
                    .output()
                    .unwrap(),
            );
            let text = run.success();
            for line in text.lines().filter(|line| !line.contains("~/")) {
                assert!(
                    whycap::terminal::width(line) <= columns,
                    "{columns}: {line}"
                );
            }
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains("Locks do not cause usage limits"), "{text}");
            assert!(
                flat.contains("can overwrite each other's settings"),
                "{text}"
            );
        }
    }
}

#[test]
fn locks_that_were_kept_are_listed() {
    let machine = Machine::new();
    machine.file(".claude/tasks/a/.lock", "", 3600);
    let run = machine.run(&["--clear-stale-locks"]);
    assert!(run.success().contains("Cleared 0, kept 1."), "{run:?}");
    assert!(run.stdout.contains("~/.claude/tasks/a/.lock"), "{run:?}");
}

#[test]
fn flags_for_clearing_are_rejected_without_it() {
    let machine = Machine::new();
    machine
        .run(&["--dry-run"])
        .is_refused("were not provided: --clear-stale-locks");
    machine
        .run(&["--clear-stale-locks", "locks"])
        .is_refused("cannot be used with");
}

#[test]
fn only_harmful_stuck_locks_are_mentioned_without_a_request() {
    use whycap::environment::{Environment, Paths};
    let machine = Machine::new();
    machine.directory(".claude.json.lock", -3600);
    machine.directory(".claude/history.jsonl.lock", 600);
    machine.file(".claude/.oauth_refresh.lock", "", 600);
    machine.file(".claude/plugins/store/x.json.lock", "", 600);
    let variables = [("HOME".into(), machine.sandbox.home().into_os_string())];
    let environment = Environment::new(variables, SystemTime::now().into());
    let stuck_locks = whycap::locks::harmful(&Paths::of(&environment), &environment);
    let paths: Vec<_> = stuck_locks
        .iter()
        .map(|lock| lock.path.clone())
        .collect();
    let stuck = [".claude.json.lock", ".claude/.oauth_refresh.lock"].map(|path| machine.path(path));
    assert_eq!(paths, stuck);
    assert!(
        stuck_locks[0].says.contains("each start takes"),
        "{stuck_locks:?}"
    );
}

/// Measured with Claude Code 2.1.331 and an expired test login: the request is sent without a refresh.
#[test]
fn the_description_of_the_login_lock_agrees_with_the_effect_if_it_is_stuck() {
    let machine = Machine::new();
    machine.file(".claude/.oauth_refresh.lock", "", 600);
    let locks = machine.run(&["locks", "--json"]).json();
    let lock = &locks["locks"][0];
    for field in ["costs", "harm"] {
        let text = lock[field].as_str().unwrap();
        assert!(text.contains("Claude Code does not even try"), "{lock:#}");
    }
}

/// Returns the output of the hook for a session start, `explain`, and `doctor`.
fn hook_explain_and_doctor(machine: &Machine) -> [String; 3] {
    let event = json!({"hook_event_name": "SessionStart", "source": "startup"});
    let mut command = machine.command(&["hook"]);
    let hook = Run::of(&mut command, event.to_string().as_bytes());
    [
        hook.success().to_owned(),
        machine.run(&["explain"]).success().to_owned(),
        machine.run(&["doctor"]).stdout,
    ]
}

#[test]
fn session_start_explain_and_doctor_mention_only_a_stuck_lock() {
    let machine = Machine::new();
    machine.directory(".claude/history.jsonl.lock", 600);
    let all = hook_explain_and_doctor(&machine);
    for answer in all {
        assert!(
            !answer.contains("history.jsonl.lock"),
            "it heals by itself: {answer}"
        );
    }
    machine.file(".claude.json.lock", "", 600);
    for answer in hook_explain_and_doctor(&machine) {
        assert!(answer.contains("~/.claude.json.lock"), "{answer}");
        assert!(answer.contains("--clear-stale-locks"), "{answer}");
        let flat = answer
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(
            flat.contains("can overwrite each other's settings"),
            "{answer}"
        );
    }
    for answer in hook_explain_and_doctor(&machine) {
        let flat = answer
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let advice = "Quit Claude Code, then run `whycap --clear-stale-locks` in a shell.";
        assert!(
            flat.contains(advice),
            "it stays while a session runs: {answer}"
        );
    }
}

/// The note about stuck locks must also make sense if there is no error, and its beginning must not be repeated.
#[test]
fn explain_mentions_all_stuck_locks() {
    let machine = Machine::new();
    machine.directory(".claude.json.lock", -3600);
    let explained = flat(machine.run(&["explain"]).success());
    assert!(explained.contains("~/.claude.json.lock"), "{explained}");
    machine.file(".claude/.oauth_refresh.lock", "", 600);
    let explained = flat(machine.run(&["explain"]).success());
    assert!(explained.contains(".oauth_refresh.lock"), "{explained}");
}

/// Lock files that contain a PID but identify neither the machine nor the container.
const LOCKS_WITH_ONLY_A_PID: [&str; 2] = [
    ".local/state/claude/locks/1.lock",
    ".local/state/claude/locks/2.1.328.lock",
];

fn assert_that_nothing_is_taken(machine: &Machine, answer: &Value, pid: u32) {
    let locks = machine.by_path(answer);
    for path in LOCKS_WITH_ONLY_A_PID {
        let (verdict, action) = verdict_and_action(&locks, path);
        assert_eq!(
            (verdict, action),
            ("cannot_tell", "kept"),
            "{path}: {locks:?}"
        );
        assert_eq!(locks[path]["holder"]["alive"], Value::Null, "{path}");
        let why = locks[path]["why"].as_str().unwrap();
        assert!(
            why.contains(&pid.to_string()) && why.contains("container"),
            "{why}"
        );
        assert!(machine.exists(path), "{path}");
    }
}

#[test]
fn a_lock_of_a_process_in_a_container_is_not_considered_stale() {
    let machine = Machine::new();
    let client = Process::command(&machine.path("bin/claude"), &machine.sandbox.home());
    let Some(container) = in_container(&client) else {
        return;
    };
    let _running = Process::from(container);
    // Inside a container, PID 1 is the container's first process. Outside, it is a different process.
    for path in LOCKS_WITH_ONLY_A_PID {
        machine.file(path, &json!({"pid": 1}).to_string(), 0);
    }
    let answer = machine
        .run(&["--clear-stale-locks", "--json"])
        .json();
    assert_that_nothing_is_taken(&machine, &answer, 1);
}

#[test]
fn in_a_container_a_lock_of_an_outside_process_is_not_considered_stale() {
    let machine = Machine::new();
    let running = machine.client();
    for path in LOCKS_WITH_ONLY_A_PID {
        machine.file(path, &json!({"pid": running.pid()}).to_string(), 0);
    }
    let clearing = machine.command(&["--clear-stale-locks", "--json"]);
    let Some(mut clearing) = in_container(&clearing) else {
        return;
    };
    let answer = Run::from(clearing.stdin(Stdio::null()).output().unwrap()).json();
    assert_that_nothing_is_taken(&machine, &answer, running.pid());
    // Outside the container, the process is visible while it runs, so whycap can detect when it ends.
    let seen = machine.locks();
    assert_eq!(seen[".local/state/claude/locks/1.lock"]["verdict"], "held");
    drop(running);
    let cleared = machine.clear();
    assert_eq!(
        cleared[".local/state/claude/locks/1.lock"]["action"],
        "cleared"
    );
}

#[test]
fn in_a_container_a_session_outside_protects_the_state_file_and_the_login() {
    let machine = Machine::new();
    let running = machine.client();
    machine.file(
        &format!(".claude/sessions/{}.json", running.pid()),
        &running.registry(),
        0,
    );
    machine.directory(".claude.json.lock", 600);
    let clearing = machine.command(&["--clear-stale-locks", "--json"]);
    let Some(mut clearing) = in_container(&clearing) else {
        return;
    };
    let answer = Run::from(clearing.stdin(Stdio::null()).output().unwrap()).json();
    let locks = machine.by_path(&answer);
    assert_eq!(locks[".claude.json.lock"]["action"], "kept");
    assert!(machine.exists(".claude.json.lock"));
}
