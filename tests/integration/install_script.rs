//! `install.sh`, run by dash from a folder with a space in its name, with a stand-in for cargo.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Sandbox, write_script};

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

/// A copy of what the script needs, in `a folder/why's cap`, and a home.
struct Setting {
    sandbox: Sandbox,
    source: PathBuf,
    /// Where releases are, if there are any.
    releases: Option<String>,
}

impl Setting {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let source = sandbox.home().with_file_name("a folder").join("why's cap");
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
    /// A release of the program under test, whose checksum is said to be `sum` (None: what it is), and a stand-in for
    /// curl that copies.
    fn with_release(mut self, sum: Option<&str>) -> Self {
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
        let sum = sum.unwrap_or(&summed);
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

    /// A stand-in for Claude Code that writes down what it was asked.
    fn with_claude(self, version: &str) -> Self {
        let claude = format!(
            "#!/bin/sh\n[ \"$1\" != --version ] || {{ echo '{version} (Claude Code)'; exit; }}\necho \"$*\" >>\"$HOME/claude.log\"\n"
        );
        write_script(&self.sandbox.path("tools/claude"), claude);
        self
    }

    /// A cargo of this version whose build is the program under test.
    fn with_cargo(self, version: &str) -> Self {
        let cargo = format!(
            "#!/bin/sh\n\
             case $1 in --version) echo 'cargo {version} (fake)'; exit;; esac\n\
             echo \"$PWD: cargo $*\" >>\"$CARGO_LOG\"\n\
             mkdir -p \"$CARGO_TARGET_DIR/release\"\n\
             cp '{}' \"$CARGO_TARGET_DIR/release/whycap\"\n",
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

    /// A PATH of just what the script uses, so that a machine's own cargo is not found.
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
            "tar",
            "uname",
        ] {
            let found = ["/usr/bin", "/bin"].map(|place| Path::new(place).join(tool));
            let found = found.iter().find(|path| path.exists()).unwrap();
            // Made by an earlier run of the same test.
            let _ = std::os::unix::fs::symlink(found, system.join(tool));
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

#[track_caller]
fn said(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_builds_installs_wires_and_shows_a_sample_that_says_so() {
    let setting = Setting::new().with_cargo("1.95.0");
    let text = said(&setting.run(&[]));
    let log = setting.sandbox.read("cargo.log");
    assert!(
        log.contains("why's cap: cargo build --release --locked"),
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
    // The sample's own session, priced, with its windows.
    assert!(text.contains("5h 38%") && text.contains("61.0k"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours for a pipe: {text}");
    assert!(text.contains("on your PATH"), "{text}");
    assert!(
        text.contains("To undo all of this: '") && text.contains("--uninstall"),
        "{text}"
    );
    // The sample leaves nothing behind.
    assert!(!setting.sandbox.path(".claude/projects").exists());
    let left: Vec<_> = fs::read_dir(program.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no half-copied program");
}

#[test]
fn with_a_history_it_shows_the_user_s_own_figures_and_no_sample() {
    let setting = Setting::new().with_cargo("1.95.0");
    setting
        .sandbox
        .write(".claude/projects/p/s.jsonl", "{\"type\":\"user\"}\n");
    let text = said(&setting.run(&[]));
    assert!(
        text.contains("Your status line, and what you spent today:"),
        "{text}"
    );
    assert!(!text.contains("SAMPLE"), "{text}");
}

#[test]
fn a_status_line_that_stays_is_not_promised_to_change() {
    let setting = Setting::new().with_cargo("1.95.0");
    let own = r#"{"statusLine": {"type": "command", "command": "my-line"}}"#;
    setting.sandbox.write(".claude/settings.json", own);
    let text = said(&setting.run(&[]));
    assert!(text.contains("To have both: "), "{text}");
    assert!(
        text.contains("which Claude Code does not show yet") && !text.contains("what you will see"),
        "{text}"
    );
}

#[test]
fn uninstall_leaves_neither_program_nor_settings() {
    let setting = Setting::new().with_cargo("1.95.0");
    setting
        .sandbox
        .write(".claude/settings.json", "{ \"model\": \"opus\" }");
    said(&setting.run(&[]));
    let text = said(&setting.run(&["--uninstall"]));
    assert!(text.contains("Deleted"), "{text}");
    assert!(!setting.program().exists());
    assert_eq!(
        setting.sandbox.read(".claude/settings.json"),
        "{ \"model\": \"opus\" }"
    );
    let again = refused(&setting.run(&["--uninstall"]));
    assert!(again.contains("there is no"), "{again}");
}

#[test]
fn a_prefix_with_a_space_is_honoured_and_settings_are_left_alone_on_request() {
    let setting = Setting::new().with_cargo("1.89.0");
    let prefix = setting.sandbox.path("my tools");
    let prefix = prefix.to_str().unwrap();
    let text = said(&setting.run(&["--prefix", prefix, "--no-settings"]));
    assert!(Path::new(prefix).join("bin/whycap").exists());
    assert!(!setting.sandbox.path(".claude").exists());
    assert!(text.contains(&format!("--prefix '{prefix}'")), "{text}");
    assert!(text.contains("To add it to Claude Code:"), "{text}");
    // A relative one means the caller's directory, not the script's.
    said(&setting.run(&["--prefix=relative", "--no-settings"]));
    assert!(setting.sandbox.path("relative/bin/whycap").exists());
}

#[test]
fn the_settings_call_a_program_in_a_path_with_a_space_by_a_quoted_path() {
    let setting = Setting::new().with_cargo("1.95.0");
    let prefix = setting.sandbox.path("my tools");
    said(&setting.run(&["--prefix", prefix.to_str().unwrap()]));
    let settings: serde_json::Value =
        serde_json::from_str(&setting.sandbox.read(".claude/settings.json")).unwrap();
    let command = settings["statusLine"]["command"].as_str().unwrap();
    let run = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(run.status.success());
    assert!(!run.stdout.is_empty());
}

#[test]
fn without_cargo_it_says_how_to_get_it_and_changes_nothing() {
    let setting = Setting::new();
    let text = refused(&setting.run(&[]));
    assert!(
        text.contains("rustup.rs") && text.contains("Nothing was changed"),
        "{text}"
    );
    assert_eq!(fs::read_dir(setting.sandbox.home()).unwrap().count(), 0);
}

#[test]
fn a_cargo_that_rustup_put_off_the_path_is_found() {
    let setting = Setting::new().with_cargo("1.95.0");
    let home = setting.sandbox.path(".cargo/bin");
    fs::create_dir_all(&home).unwrap();
    fs::rename(setting.sandbox.path("tools/cargo"), home.join("cargo")).unwrap();
    said(&setting.run(&["--no-settings"]));
    assert!(setting.program().exists());
}

#[test]
fn a_cargo_that_is_too_old_is_named_with_the_version_that_is_needed() {
    for version in ["1.88.2", "0.99.0", "1.9.0"] {
        let setting = Setting::new().with_cargo(version);
        let text = refused(&setting.run(&[]));
        let short = version.rsplit_once('.').unwrap().0;
        assert!(
            text.contains(&format!("cargo is {short}, whycap needs 1.89")),
            "{text}"
        );
        assert!(!setting.program().exists());
    }
    let newer = Setting::new().with_cargo("2.0.0");
    said(&newer.run(&["--no-settings"]));
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
fn a_running_whycap_is_not_disturbed_by_a_new_one() {
    let setting = Setting::new().with_cargo("1.95.0");
    said(&setting.run(&["--no-settings"]));
    let before = fs::metadata(setting.program()).unwrap().ino();
    said(&setting.run(&["--no-settings"]));
    let after = fs::metadata(setting.program()).unwrap().ino();
    assert_ne!(
        before, after,
        "a new file in its place, not new bytes in the old file"
    );
}

#[test]
fn help_and_unknown_options_are_answered() {
    let setting = Setting::new();
    let help = said(&setting.run(&["--help"]));
    assert!(
        help.starts_with("Usage:") && help.lines().count() <= 24,
        "{help}"
    );
    assert!(refused(&setting.run(&["--colour"])).contains("unknown option: --colour"));
    assert!(refused(&setting.run(&["--prefix"])).contains("needs a directory"));
}

#[test]
fn read_from_standard_input_in_another_project_it_builds_nothing() {
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
        String::from_utf8_lossy(&run.stderr).contains("holds no whycap"),
        "{run:?}"
    );
    assert!(!setting.sandbox.path("cargo.log").exists());
}

#[test]
fn what_a_killed_run_left_is_gone_after_the_next() {
    let setting = Setting::new().with_cargo("1.95.0");
    // Above the highest number of a process.
    let program = setting.sandbox.path(".local/bin/.whycap.new.4194305");
    let sample = setting
        .sandbox
        .path(".local/bin/.whycap.sample.4194305/config");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, "half").unwrap();
    fs::create_dir_all(&sample).unwrap();
    let run = setting.run(&["--no-settings"]);
    assert!(run.status.success(), "{run:?}");
    assert!(!program.exists() && !sample.parent().unwrap().exists());
    let own = fs::read_dir(setting.source.join("target")).unwrap();
    assert_eq!(own.count(), 1, "only what cargo built");
}

#[cfg(target_os = "linux")]
#[test]
fn a_release_is_taken_where_there_is_one_without_cargo() {
    let setting = Setting::new().with_release(None);
    let text = said(&setting.run(&[]));
    assert!(text.starts_with("Fetching whycap"), "{text}");
    assert!(
        setting.program().exists() && text.contains("5h 38%"),
        "{text}"
    );
    let left: Vec<_> = fs::read_dir(setting.program().parent().unwrap())
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "what was fetched is gone");
}

#[cfg(target_os = "linux")]
#[test]
fn a_release_with_another_checksum_is_not_installed_and_not_built_over() {
    let setting = Setting::new()
        .with_cargo("1.95.0")
        .with_release(Some("00  whycap.tar.gz"));
    let text = refused(&setting.run(&[]));
    assert!(
        text.contains("checksum") && text.contains("--build"),
        "{text}"
    );
    assert!(!setting.program().exists() && !setting.sandbox.path("cargo.log").exists());
    said(&setting.run(&["--build"]));
    assert!(setting.program().exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_release_that_cannot_be_had_is_built_instead() {
    let mut setting = Setting::new().with_cargo("1.95.0").with_release(None);
    setting.releases = Some(setting.sandbox.path("elsewhere").display().to_string());
    let text = said(&setting.run(&[]));
    assert!(
        text.contains("could not be had") && text.contains("Building whycap"),
        "{text}"
    );
    assert!(setting.program().exists());
}

#[test]
fn the_plugin_is_added_by_a_claude_code_that_takes_its_module_and_taken_out_again() {
    let asked = |setting: &Setting| {
        fs::read_to_string(setting.sandbox.path("claude.log")).unwrap_or_default()
    };
    let setting = Setting::new().with_cargo("1.95.0").with_claude("2.1.330");
    let text = said(&setting.run(&[]));
    assert!(text.contains("Its plugin is on"), "{text}");
    let plugin = setting.sandbox.path(".local/share/whycap/plugin");
    assert!(
        plugin.join("hooks/whycap.js").exists()
            && plugin.join(".claude-plugin/marketplace.json").exists()
    );
    assert_eq!(
        asked(&setting),
        format!(
            "plugin marketplace add {}\nplugin install whycap@whycap\n",
            plugin.display()
        )
    );
    said(&setting.run(&["--uninstall"]));
    assert!(
        asked(&setting)
            .contains("plugin uninstall whycap@whycap\nplugin marketplace remove whycap\n")
    );
    assert!(!plugin.exists() && !setting.program().exists());

    for (version, options) in [
        ("2.1.240", &[][..]),
        ("2.1.330", &["--no-plugin"]),
        ("2.1.330", &["--no-settings"]),
    ] {
        let setting = Setting::new().with_cargo("1.95.0").with_claude(version);
        said(&setting.run(options));
        assert_eq!(asked(&setting), "", "{version} {options:?}");
    }
}
