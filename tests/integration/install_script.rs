//! Tests `install.sh` under dash, in a directory whose name contains a space, with a stub for cargo.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Sandbox, successful_output, write_script};

fn shell() -> &'static str {
    if Path::new("/bin/dash").exists() {
        "/bin/dash"
    } else {
        "/bin/sh"
    }
}

fn repository(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A home directory, and a copy of the script's files in `a folder/why's cap`.
struct Setting {
    sandbox: Sandbox,
    source: PathBuf,
    /// The directory that contains the releases, if any.
    releases: Option<String>,
}

impl Setting {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let source = sandbox
            .home()
            .with_file_name("a folder")
            .join("why's cap");
        fs::create_dir_all(source.join("packaging")).unwrap();
        for file in ["install.sh", "Cargo.toml", "packaging/sample.jsonl"] {
            fs::copy(repository(file), source.join(file)).unwrap();
        }
        for folder in ["hooks", "commands", ".claude-plugin"] {
            sandbox.copy_tree(
                &repository(folder),
                &format!("../a folder/why's cap/{folder}"),
            );
        }
        Self {
            sandbox,
            source,
            releases: None,
        }
    }

    #[cfg(target_os = "linux")]
    /// Adds a release of the program under test and a stub for curl that copies it. If `sum` is given, it replaces the
    /// release's published checksum.
    fn with_release(mut self, published_sum: Option<&str>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let name = format!(
            "whycap-{version}-{}-unknown-linux-musl",
            std::env::consts::ARCH
        );
        let folder = self.sandbox.path(&format!("releases/v{version}"));
        fs::create_dir_all(folder.join(&name)).unwrap();
        crate::support::copy_program(&folder.join(&name).join("whycap"));
        let archive = folder.join(format!("{name}.tar.gz"));
        let mut packing = Command::new("tar");
        packing
            .arg("-C")
            .arg(&folder)
            .args(["-I", "gzip -1", "-cf"])
            .arg(&archive)
            .arg(&name);
        assert!(packing.status().unwrap().success());
        let summed = Command::new("sha256sum")
            .arg(&archive)
            .output()
            .unwrap()
            .stdout;
        let summed = String::from_utf8(summed).unwrap();
        let sum = published_sum.unwrap_or(&summed);
        let sums = sum.replace(&format!("{}/", folder.display()), "");
        fs::write(
            folder.join("SHA256SUMS"),
            format!("00  another.tar.gz\n{sums}\n"),
        )
        .unwrap();
        let curl = "#!/bin/sh\nwhile [ $# -gt 1 ]; do case $1 in -o) to=$2; shift;; esac; shift; done\ncp \"$1\" \"$to\"\n";
        write_script(&self.sandbox.path("tools/curl"), curl);
        self.releases = Some(self.sandbox.path("releases").display().to_string());
        self
    }

    /// Adds a stub for Claude Code that records its arguments.
    fn with_claude(self, version: &str) -> Self {
        let claude = format!(
            "#!/bin/sh\n[ \"$1\" != --version ] || {{ echo '{version} (Claude Code)'; exit; }}\necho \"$*\" >>\"$HOME/claude.log\"\n"
        );
        write_script(&self.sandbox.path("tools/claude"), claude);
        self
    }

    /// Adds a stub for this version of cargo that produces the program under test.
    fn with_cargo(self, version: &str) -> Self {
        let cargo = format!(
            "#!/bin/sh\n\
             case $1 in --version) echo 'cargo {version} (fake)'; exit;; esac\n\
             echo \"$PWD: cargo $*\" >>\"$CARGO_LOG\"\n\
             mkdir -p \"$CARGO_TARGET_DIR/source\"\n\
             cp '{}' \"$CARGO_TARGET_DIR/source/whycap\"\n",
            env!("CARGO_BIN_EXE_whycap")
        );
        write_script(&self.sandbox.path("tools/cargo"), cargo);
        self
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let search = self.search_path();
        Command::new(shell())
            .arg(self.source.join("install.sh"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.sandbox.home())
            .env("PATH", search)
            .env("CARGO_LOG", self.sandbox.path("cargo.log"))
            .env(
                "WHYCAP_RELEASES",
                self.releases.as_deref().unwrap_or_default(),
            )
            .env("TZ", "UTC")
            .current_dir(self.sandbox.home())
            .output()
            .unwrap()
    }

    /// Returns a `PATH` that contains only the programs that the script uses, so that the script does not find the real
    /// cargo.
    fn search_path(&self) -> String {
        let system = self.sandbox.home().with_file_name("system");
        fs::create_dir_all(&system).unwrap();
        for tool in [
            "cat",
            "chmod",
            "cp",
            "cut",
            "date",
            "dirname",
            "grep",
            "gzip",
            "head",
            "mkdir",
            "mktemp",
            "mv",
            "rm",
            "rmdir",
            "sed",
            "sh",
            "sha256sum",
            "sleep",
            "sort",
            "tar",
            "uname",
        ] {
            let directory = ["/usr/bin", "/bin"]
                .into_iter()
                .find(|directory| Path::new(directory).join(tool).exists())
                .unwrap();
            // The link may already exist from an earlier run of the test.
            let _ = std::os::unix::fs::symlink(Path::new(directory).join(tool), system.join(tool));
        }
        format!(
            "{}:{}",
            self.sandbox.path("tools").display(),
            system.display()
        )
    }

    fn program(&self) -> PathBuf {
        self.sandbox.path(".local/bin/whycap")
    }
}

/// Returns the names of a directory's entries in alphabetical order.
fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A statically linked program starts faster, but building it requires the static C library, which many systems lack.
#[test]
#[cfg(target_os = "linux")]
fn the_program_is_linked_statically_if_the_static_c_library_is_installed() {
    for (libc, is_static) in [("/usr/lib/libc.a", true), ("libc.a", false)] {
        let setting = Setting::new().with_cargo("1.95.0");
        let tools = setting.sandbox.path("tools");
        let rustc = "#!/bin/sh\necho 'host: x86_64-unknown-linux-gnu'\n";
        write_script(&tools.join("rustc"), rustc);
        write_script(&tools.join("cc"), format!("#!/bin/sh\necho {libc}\n"));

        successful_output(&setting.run(&[]));
        let log = setting.sandbox.read("cargo.log");
        let options = "-- -C target-feature=+crt-static";
        assert_eq!(log.contains(options), is_static, "{log}");
        assert!(setting.program().exists());
    }
}

/// rustc passes the option `-import-instr-limit` to LLVM. A later version of LLVM may no longer have this option, and
/// rustc then refuses to run.
#[test]
fn less_code_is_inlined_if_the_compiler_has_the_option() {
    for (code, has_option) in [(0, true), (1, false)] {
        let setting = Setting::new().with_cargo("1.95.0");
        let rustc = setting.sandbox.path("tools").join("rustc");
        write_script(&rustc, format!("#!/bin/sh\nexit {code}\n"));
        successful_output(&setting.run(&[]));
        let log = setting.sandbox.read("cargo.log");
        assert_eq!(log.contains("-import-instr-limit=30"), has_option, "{log}");
        assert!(setting.program().exists());
    }
}

#[test]
fn the_script_builds_installs_and_shows_a_labeled_sample() {
    let setting = Setting::new().with_cargo("1.95.0");
    let text = successful_output(&setting.run(&[]));
    let log = setting.sandbox.read("cargo.log");
    assert!(
        log.contains("why's cap: cargo rustc --bin whycap --profile source --locked"),
        "{log}"
    );
    let program = setting.program();
    assert_eq!(fs::metadata(&program).unwrap().mode() & 0o777, 0o755);
    let settings = setting.sandbox.read(".claude/settings.json");
    assert!(
        settings.contains(&format!("{} statusline", program.display())),
        "{settings}"
    );
    assert!(text.contains("SAMPLE"), "{text}");
    // The output shows the sample session with its cost and windows.
    assert!(text.contains("5h 38%") && text.contains("$0.50"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours for a pipe: {text}");
    assert!(text.contains("to your PATH"), "{text}");
    assert!(
        text.contains("delete the program (whycap uninstall keeps it): '")
            && text.contains("--uninstall"),
        "{text}"
    );
    // The sample session leaves no files behind.
    assert!(!setting.sandbox.path(".claude/projects").exists());
    assert_eq!(
        names_in(program.parent().unwrap()),
        ["whycap"],
        "no half-copied program"
    );
}

#[test]
fn with_a_history_the_script_shows_real_figures() {
    let setting = Setting::new().with_cargo("1.95.0");
    setting
        .sandbox
        .write(".claude/projects/p/s.jsonl", "{\"type\":\"user\"}\n");
    let text = successful_output(&setting.run(&[]));
    assert!(
        text.contains("This is your status line and your spend today:"),
        "{text}"
    );
    assert!(!text.contains("SAMPLE"), "{text}");
}

#[test]
fn no_new_status_line_is_promised_if_an_existing_one_is_kept() {
    let setting = Setting::new().with_cargo("1.95.0");
    let settings = r#"{"statusLine": {"type": "command", "command": "my-line"}}"#;
    setting
        .sandbox
        .write(".claude/settings.json", settings);
    let text = successful_output(&setting.run(&[]));
    assert!(text.contains("To show both: "), "{text}");
    assert!(
        text.contains("Claude Code does not show it yet") && !text.contains("what you will see"),
        "{text}"
    );
}

#[test]
fn uninstall_removes_the_executable_and_the_settings() {
    let setting = Setting::new().with_cargo("1.95.0");
    setting
        .sandbox
        .write(".claude/settings.json", "{ \"model\": \"opus\" }");
    successful_output(&setting.run(&[]));
    let text = successful_output(&setting.run(&["--uninstall"]));
    assert!(text.contains("Deleted"), "{text}");
    assert!(!setting.program().exists());
    assert_eq!(
        setting.sandbox.read(".claude/settings.json"),
        "{ \"model\": \"opus\" }"
    );
    let again = refused(&setting.run(&["--uninstall"]));
    assert!(again.contains("there is no"), "{again}");
}

/// The script builds in the source directory and leaves 218 MB there, so uninstalling must print the command that
/// deletes the build directory.
#[test]
fn uninstall_names_the_build_directory_and_the_command_that_deletes_it() {
    let setting = Setting::new().with_cargo("1.95.0");
    let target = setting.source.join("target");
    for (others, deleted) in [
        (None, target.clone()),
        (Some("debug"), target.join("source")),
    ] {
        successful_output(&setting.run(&["--no-settings"]));
        if let Some(name) = others {
            fs::create_dir_all(target.join(name)).unwrap();
        }
        let text = successful_output(&setting.run(&["--uninstall", "--no-settings"]));
        let (_, command) = text
            .split_once("The build directory remains. To delete it: ")
            .unwrap();
        let status = Command::new(shell()).args(["-c", command]).status();
        assert!(status.unwrap().success(), "{command}");
        assert!(!deleted.exists(), "{command}");
    }
    assert!(target.join("debug").exists());
}

/// Uninstalling must remove `~/.local/bin` if the script created it and it is empty.
#[test]
fn uninstall_removes_only_empty_directories_that_the_script_created() {
    let setting = Setting::new().with_cargo("1.95.0");
    let bin = setting.sandbox.path(".local/bin");
    successful_output(&setting.run(&["--no-settings"]));
    successful_output(&setting.run(&["--no-settings"]));
    successful_output(&setting.run(&["--uninstall", "--no-settings"]));
    assert!(!bin.exists());
    assert!(!setting.sandbox.path(".local").exists());

    // Uninstalling keeps a directory that existed before, even if it is empty, and a directory that other programs use.
    fs::create_dir_all(&bin).unwrap();
    successful_output(&setting.run(&["--no-settings"]));
    successful_output(&setting.run(&["--uninstall", "--no-settings"]));
    assert!(names_in(&bin).is_empty());
    fs::remove_dir(&bin).unwrap();
    successful_output(&setting.run(&["--no-settings"]));
    setting
        .sandbox
        .write(".local/bin/tool", "of the user");
    successful_output(&setting.run(&["--uninstall", "--no-settings"]));
    assert_eq!(names_in(&bin), ["tool"]);
}

#[test]
fn a_prefix_with_a_space_works_and_settings_can_be_left_alone() {
    let setting = Setting::new().with_cargo("1.89.0");
    let prefix_path = setting.sandbox.path("my tools");
    let prefix = prefix_path.to_str().unwrap();
    let text = successful_output(&setting.run(&["--prefix", prefix, "--no-settings"]));
    assert!(Path::new(prefix).join("bin/whycap").exists());
    assert!(!setting.sandbox.path(".claude").exists());
    assert!(text.contains(&format!("--prefix '{prefix}'")), "{text}");
    assert!(text.contains("To add whycap to Claude Code:"), "{text}");
    // A relative prefix is resolved against the caller's working directory, not the script's directory.
    successful_output(&setting.run(&["--prefix=relative", "--no-settings"]));
    assert!(setting.sandbox.path("relative/bin/whycap").exists());
}

#[test]
fn a_path_with_a_space_is_quoted_in_the_settings() {
    let setting = Setting::new().with_cargo("1.95.0");
    let prefix = setting.sandbox.path("my tools");
    successful_output(&setting.run(&["--prefix", prefix.to_str().unwrap()]));
    let settings: serde_json::Value =
        serde_json::from_str(&setting.sandbox.read(".claude/settings.json")).unwrap();
    let command = settings["statusLine"]["command"].as_str().unwrap();
    let run = Command::new("sh")
        .args(["-c", command])
        .output()
        .unwrap();
    assert!(run.status.success());
    assert!(!run.stdout.is_empty());
}

#[test]
fn without_cargo_the_script_explains_how_to_get_it_and_changes_nothing() {
    let setting = Setting::new();
    let text = refused(&setting.run(&[]));
    assert!(
        text.contains("rustup.rs") && text.contains("Nothing was changed"),
        "{text}"
    );
    assert_eq!(fs::read_dir(setting.sandbox.home()).unwrap().count(), 0);
}

#[test]
fn cargo_is_found_outside_the_path() {
    let setting = Setting::new().with_cargo("1.95.0");
    let home = setting.sandbox.path(".cargo/bin");
    fs::create_dir_all(&home).unwrap();
    fs::rename(setting.sandbox.path("tools/cargo"), home.join("cargo")).unwrap();
    successful_output(&setting.run(&["--no-settings"]));
    assert!(setting.program().exists());
}

#[test]
fn an_outdated_cargo_is_reported_with_the_required_version() {
    for version in ["1.88.2", "0.99.0", "1.9.0"] {
        let setting = Setting::new().with_cargo(version);
        let text = refused(&setting.run(&[]));
        let short = version.rsplit_once('.').unwrap().0;
        assert!(
            text.contains(&format!("cargo is {short}, but whycap requires 1.89")),
            "{text}"
        );
        assert!(!setting.program().exists());
    }
    let newer = Setting::new().with_cargo("2.0.0");
    successful_output(&newer.run(&["--no-settings"]));
}

#[test]
fn a_failed_build_installs_nothing() {
    let setting = Setting::new().with_cargo("1.95.0");
    write_script(
        &setting.sandbox.path("tools/cargo"),
        "#!/bin/sh\ncase $1 in --version) echo 'cargo 1.95.0';; *) exit 101;; esac\n",
    );
    let text = refused(&setting.run(&[]));
    assert!(text.contains("the build failed"), "{text}");
    assert!(!setting.program().exists());
    assert!(!setting.sandbox.path(".claude").exists());
}

#[test]
fn another_program_of_the_same_name_is_not_deleted() {
    let setting = Setting::new();
    let path = setting.program();
    write_script(&path, "#!/bin/sh\necho something else\n");
    let text = refused(&setting.run(&["--uninstall"]));
    assert!(text.contains("is not whycap"), "{text}");
    assert!(path.exists());
}

#[test]
fn a_running_whycap_survives_the_installation_of_a_new_version() {
    let setting = Setting::new().with_cargo("1.95.0");
    successful_output(&setting.run(&["--no-settings"]));
    let before = fs::metadata(setting.program()).unwrap().ino();
    successful_output(&setting.run(&["--no-settings"]));
    let after = fs::metadata(setting.program()).unwrap().ino();
    assert_ne!(
        before, after,
        "a new file in its place, not new bytes in the old file"
    );
}

#[test]
fn help_and_unknown_options_print_usage() {
    let setting = Setting::new();
    let help = successful_output(&setting.run(&["--help"]));
    assert!(
        help.starts_with("Usage:") && help.lines().count() <= 24,
        "{help}"
    );
    assert!(refused(&setting.run(&["--colour"])).contains("unknown option: --colour"));
    assert!(refused(&setting.run(&["--prefix"])).contains("needs a directory"));
}

#[test]
fn a_script_piped_into_a_shell_does_not_build_another_project() {
    let setting = Setting::new().with_cargo("1.95.0");
    let other = setting.sandbox.path("other");
    fs::create_dir_all(&other).unwrap();
    let manifest = "[package]\nname = \"other\"\n[[bin]]\nname = \"whycap\"\n";
    fs::write(other.join("Cargo.toml"), manifest).unwrap();
    let script = fs::File::open(setting.source.join("install.sh")).unwrap();
    let run = Command::new(shell())
        .env_clear()
        .env("HOME", setting.sandbox.home())
        .env("PATH", setting.search_path())
        .env("CARGO_LOG", setting.sandbox.path("cargo.log"))
        .current_dir(&other)
        .stdin(script)
        .output()
        .unwrap();
    assert!(!run.status.success());
    assert!(
        String::from_utf8_lossy(&run.stderr).contains("does not contain whycap"),
        "{run:?}"
    );
    assert!(!setting.sandbox.path("cargo.log").exists());
}

#[test]
fn the_next_run_removes_the_leftovers_of_a_killed_run() {
    let setting = Setting::new().with_cargo("1.95.0");
    // This number is higher than any valid PID.
    let program = setting
        .sandbox
        .path(".local/bin/.whycap.new.4194305");
    let sample = setting
        .sandbox
        .path(".local/bin/.whycap.sample.4194305/config");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, "half").unwrap();
    fs::create_dir_all(&sample).unwrap();
    let run = setting.run(&["--no-settings"]);
    assert!(run.status.success(), "{run:?}");
    assert!(!program.exists() && !sample.parent().unwrap().exists());
    let built = fs::read_dir(setting.source.join("target")).unwrap();
    assert_eq!(built.count(), 1, "only what cargo built");
}

#[cfg(target_os = "linux")]
#[test]
fn a_release_is_downloaded_if_cargo_is_missing() {
    let setting = Setting::new().with_release(None);
    let text = successful_output(&setting.run(&[]));
    assert!(text.starts_with("Downloading whycap"), "{text}");
    assert!(
        setting.program().exists() && text.contains("5h 38%"),
        "{text}"
    );
    assert_eq!(
        names_in(setting.program().parent().unwrap()),
        ["whycap"],
        "what was fetched is gone"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_release_with_a_wrong_checksum_is_rejected_without_a_build() {
    let setting = Setting::new()
        .with_cargo("1.95.0")
        .with_release(Some("00  whycap.tar.gz"));
    let text = refused(&setting.run(&[]));
    assert!(
        text.contains("checksum") && text.contains("--build"),
        "{text}"
    );
    assert!(!setting.program().exists() && !setting.sandbox.path("cargo.log").exists());
    successful_output(&setting.run(&["--build"]));
    assert!(setting.program().exists());
}

#[cfg(target_os = "linux")]
#[test]
fn an_unavailable_release_is_built_instead() {
    let mut setting = Setting::new()
        .with_cargo("1.95.0")
        .with_release(None);
    setting.releases = Some(
        setting
            .sandbox
            .path("elsewhere")
            .display()
            .to_string(),
    );
    let text = successful_output(&setting.run(&[]));
    assert!(
        text.contains("The download from") && text.contains("Building whycap"),
        "{text}"
    );
    assert!(setting.program().exists());
}

#[test]
fn the_plugin_is_installed_and_removed_without_running_claude_code() {
    let setting = Setting::new()
        .with_cargo("1.95.0")
        .with_claude("2.1.331");
    let before = "{\n\t\"model\": \"opus\" }";
    setting
        .sandbox
        .write(".claude/settings.json", before);
    successful_output(&setting.run(&[]));
    let plugin = setting
        .sandbox
        .path(".claude/skills/whycap/hooks/whycap.js");
    assert!(plugin.exists());
    let backup = setting
        .sandbox
        .read(".claude/settings.json.whycap-backup");
    assert_eq!(backup, before);

    successful_output(&setting.run(&["--uninstall"]));
    assert!(!plugin.exists() && !setting.program().exists());
    assert_eq!(setting.sandbox.read(".claude/settings.json"), before);
    assert!(!setting.sandbox.path("claude.log").exists());
}

#[test]
fn the_data_directory_is_private_from_the_start() {
    for options in [&[][..], &["--no-settings"]] {
        let setting = Setting::new()
            .with_cargo("1.95.0")
            .with_claude("2.1.331");
        successful_output(&setting.run(options));
        let data = setting.sandbox.path(".local/share/whycap");
        assert_eq!(
            fs::metadata(&data).unwrap().mode() & 0o777,
            0o700,
            "{options:?}"
        );
    }
    for arguments in [&["install"][..], &["spend"], &["statusline"], &["hook"]] {
        let sandbox = Sandbox::new();
        let start =
            r#"{"hook_event_name": "SessionStart", "session_id": "s", "source": "startup"}"#;
        sandbox.write(".claude/projects/p/s.jsonl", "{\"type\":\"user\"}\n");
        sandbox
            .run_with(arguments, start.as_bytes())
            .success();
        let data = sandbox.path(".local/share/whycap");
        if let Ok(data) = fs::metadata(&data) {
            assert_eq!(data.mode() & 0o777, 0o700, "{arguments:?}");
        }
    }
}

#[test]
fn doctor_has_no_warning_after_an_installation() {
    for history in [None, Some("{\"type\":\"user\"}\n")] {
        let setting = Setting::new()
            .with_cargo("1.95.0")
            .with_claude("2.1.331");
        if let Some(history) = history {
            setting
                .sandbox
                .write(".claude/projects/p/s.jsonl", history);
        }
        successful_output(&setting.run(&[]));
        let doctor = Command::new(setting.program())
            .arg("doctor")
            .env_clear()
            .env("HOME", setting.sandbox.home())
            .env("PATH", setting.search_path())
            .env("TZ", "UTC")
            .current_dir(setting.sandbox.home())
            .output()
            .unwrap();
        let text = successful_output(&doctor);
        assert!(text.ends_with("OK, with no warnings.\n"), "{text}");
    }
}

/// Runs `install.sh` in a terminal provided by `script` and returns the output.
#[cfg(target_os = "linux")]
fn shown_on_terminal(setting: &Setting) -> Option<String> {
    let script = ["/usr/bin/script", "/bin/script"]
        .into_iter()
        .find(|path| Path::new(path).exists())?;
    let command = format!(
        "sh '{}' --no-settings",
        setting.source.join("install.sh").display()
    );
    let output = Command::new(script)
        .args(["-qec", &command.replace("why's", "why'\\''s"), "/dev/null"])
        .env_clear()
        .env("HOME", setting.sandbox.home())
        .env("PATH", format!("{}:/usr/bin:/bin", setting.search_path()))
        .env("CARGO_LOG", setting.sandbox.path("cargo.log"))
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm")
        .current_dir(setting.sandbox.home())
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(target_os = "linux")]
#[test]
fn a_build_shows_its_progress_on_a_terminal_and_a_log_gets_one_line() {
    let setting = Setting::new().with_cargo("1.95.0");
    let cargo = setting.sandbox.read("tools/cargo");
    // The script reads cargo's output, so cargo does not write to a terminal and draws its progress bar only on
    // request.
    let crates = "number=0\n\
                  while [ $number -lt 100 ]; do\n\
                  echo \"   Compiling crate$number v1.0.0\" >&2\n\
                  number=$((number + 1))\n\
                  [ \"$CARGO_TERM_PROGRESS_WHEN\" != always ] ||\n\
                  printf '    Building [===>  ] %s/160: crate\\r' $number >&2\n\
                  done\n";
    let quiet = format!("case \"$*\" in *--quiet*) ;; *)\n{crates}sleep 2;; esac\n");
    write_script(
        &setting.sandbox.path("tools/cargo"),
        cargo.replace("mkdir -p", &format!("{quiet}mkdir -p")),
    );
    if let Some(shown) = shown_on_terminal(&setting) {
        assert!(shown.contains("100 of 160 steps done, "), "{shown}");
        assert!(
            shown.contains("Built in ") && !shown.contains("Compiling"),
            "{shown}"
        );
    }
    let output = setting.run(&["--no-settings"]);
    let printed = successful_output(&output);
    assert!(
        !printed.contains("Compiling") && output.stderr.is_empty(),
        "{printed}"
    );
}

/// Returns all files below a directory.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn the_commands_that_uninstall_lists_delete_everything_that_the_script_installed() {
    let setting = Setting::new().with_cargo("1.95.0");
    let home = setting.sandbox.home();
    setting.sandbox.write("cargo.log", "");
    let before = files_below(&home);
    successful_output(&setting.run(&[]));
    let arguments = ["uninstall"];
    let mut command = setting
        .sandbox
        .command_of(&setting.program(), &arguments);
    // A long command continues on the next row.
    let text = successful_output(&command.output().unwrap()).replace("\n    ", " ");
    let expected = "the program: rm ~/.local/bin/whycap\n";
    assert!(text.contains(expected), "{text}");
    let commands = text
        .lines()
        .filter_map(|line| line.strip_prefix("  - ")?.split_once(": "));
    for (_, command) in commands {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env("HOME", &home);
        assert!(shell.status().unwrap().success(), "{command}");
    }
    assert_eq!(files_below(&home), before, "{text}");
}
