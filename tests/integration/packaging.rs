//! The scripts that make a release's archives and its Homebrew formula.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::Sandbox;

/// A copy of what the scripts use.
fn source(sandbox: &Sandbox) -> PathBuf {
    let source = sandbox.path("the source");
    fs::create_dir_all(source.join("packaging/homebrew")).unwrap();
    for file in [
        "packaging/archive.sh",
        "packaging/formula.sh",
        "packaging/homebrew/whycap.rb",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        fs::copy(from, source.join(file)).unwrap();
    }
    for file in ["README.md", "CHANGELOG.md"] {
        fs::write(source.join(file), "text\n").unwrap();
    }
    source
}

fn run(source: &Path, script: &str, arguments: &[&str]) -> Output {
    Command::new("/bin/sh")
        .arg(source.join("packaging").join(script))
        .args(arguments)
        .current_dir(source)
        .output()
        .unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const TARGETS: [&str; 4] = [
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-linux-musl",
];

#[test]
fn an_archive_holds_the_program_and_what_belongs_to_it() {
    let sandbox = Sandbox::new();
    let source = source(&sandbox);
    let version = env!("CARGO_PKG_VERSION");
    let program = env!("CARGO_BIN_EXE_whycap");
    let made = said(&run(
        &source,
        "archive.sh",
        &[program, "some-target", "dist"],
    ));
    assert_eq!(made, format!("dist/whycap-{version}-some-target.tar.gz\n"));
    let archive = source.join(made.trim());
    let listed = Command::new("tar")
        .arg("-tzf")
        .arg(&archive)
        .output()
        .unwrap();
    let listed = said(&listed);
    for file in [
        "whycap",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "completions/_whycap",
        "man/whycap.1",
    ] {
        let inside = format!("whycap-{version}-some-target/{file}");
        assert!(
            listed.lines().any(|line| line == inside),
            "{inside} in {listed}"
        );
    }
    let mut check = Command::new("sha256sum");
    check
        .arg("--check")
        .arg(format!("whycap-{version}-some-target.tar.gz.sha256"));
    said(&check.current_dir(source.join("dist")).output().unwrap());
}

#[test]
fn the_formula_names_every_archive_with_its_checksum() {
    let sandbox = Sandbox::new();
    let source = source(&sandbox);
    for target in TARGETS {
        let sum = format!("sum-of-{target}  whycap-9.8.7-{target}.tar.gz\n");
        fs::write(
            source.join(format!("whycap-9.8.7-{target}.tar.gz.sha256")),
            sum,
        )
        .unwrap();
    }
    let formula = said(&run(&source, "formula.sh", &["9.8.7", "."]));
    for target in TARGETS {
        assert!(
            formula.contains(&format!("sha256 \"sum-of-{target}\"")),
            "{formula}"
        );
        assert!(formula.contains(&format!("/v9.8.7/whycap-9.8.7-{target}.tar.gz\"")));
    }
    assert!(!formula.contains('@'), "{formula}");
    // A release that lacks one target must not become a formula with a hole.
    fs::remove_file(source.join(format!("whycap-9.8.7-{}.tar.gz.sha256", TARGETS[2]))).unwrap();
    let failed = run(&source, "formula.sh", &["9.8.7", "."]);
    assert!(!failed.status.success());
    assert!(failed.stdout.is_empty());
}
