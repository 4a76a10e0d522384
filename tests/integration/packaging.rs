//! Tests the scripts that build a release's archives and the files for package managers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Sandbox, successful_output};

/// Returns a directory with copies of the files that the scripts use.
fn source_in(sandbox: &Sandbox) -> PathBuf {
    let source = sandbox.path("the source");
    fs::create_dir_all(source.join("packaging/recipes")).unwrap();
    for file in [
        "packaging/archive.sh",
        "packaging/recipes.sh",
        "packaging/release_notes.sh",
        "packaging/recipes/whycap.rb",
        "packaging/recipes/scoop.json",
        "packaging/recipes/PKGBUILD",
        "packaging/recipes/whycap.nix",
        "packaging/recipes/whycap.whycap.installer.yaml",
        "packaging/recipes/whycap.whycap.locale.en-US.yaml",
        "packaging/recipes/whycap.whycap.yaml",
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

const TARGETS: [&str; 5] = [
    "x86_64-pc-windows-msvc",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-linux-musl",
];

#[test]
fn an_archive_contains_the_executable_and_its_files() {
    let sandbox = Sandbox::new();
    let source = source_in(&sandbox);
    let version = env!("CARGO_PKG_VERSION");
    let program = env!("CARGO_BIN_EXE_whycap");
    let made = successful_output(&run(
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
    let listed = successful_output(&listed);
    for file in [
        "whycap",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "completions/_whycap",
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
    successful_output(
        &check
            .current_dir(source.join("dist"))
            .output()
            .unwrap(),
    );
}

#[test]
fn every_package_manager_gets_its_archives_with_their_checksums() {
    let sandbox = Sandbox::new();
    let source = source_in(&sandbox);
    let windows = "x86_64-pc-windows-msvc.exe";
    let archives = TARGETS.map(|target| (target, format!("whycap-9.8.7-{target}.tar.gz")));
    let alone = (windows, format!("whycap-9.8.7-{windows}"));
    for (target, file) in archives.iter().chain([&alone]) {
        let sum = format!("sum-of-{target}  {file}\n");
        fs::write(source.join(format!("{file}.sha256")), sum).unwrap();
    }
    successful_output(&run(&source, "recipes.sh", &["9.8.7", ".", "out"]));
    let recipes = [
        "whycap.rb",
        "scoop.json",
        "PKGBUILD",
        "whycap.nix",
        "whycap.whycap.installer.yaml",
        "whycap.whycap.locale.en-US.yaml",
        "whycap.whycap.yaml",
    ]
    .map(|name| fs::read_to_string(source.join("out").join(name)).unwrap());
    for recipe in &recipes {
        assert!(recipe.contains("9.8.7"), "{recipe}");
        assert!(
            !recipe.contains("@SUM") && !recipe.contains("@VERSION"),
            "{recipe}"
        );
    }
    for target in TARGETS.into_iter().chain([windows]) {
        let named = recipes
            .iter()
            .filter(|recipe| recipe.contains(&format!("sum-of-{target}")));
        assert!(named.count() > 0, "{target}");
    }
    let formula = &recipes[0];
    assert!(
        formula.contains("/v9.8.7/whycap-9.8.7-aarch64-apple-darwin.tar.gz\""),
        "{formula}"
    );
    serde_json::from_str::<serde_json::Value>(&recipes[1]).unwrap();
    // If a release lacks one of the targets, the script must not write an incomplete formula.
    fs::remove_file(source.join(format!("whycap-9.8.7-{}.tar.gz.sha256", TARGETS[2]))).unwrap();
    let failed = run(&source, "recipes.sh", &["9.8.7", ".", "second"]);
    assert!(!failed.status.success());
    assert!(!source.join("second").exists());
}

#[test]
fn release_notes_are_the_changelog_section_of_the_release() {
    let sandbox = Sandbox::new();
    let source = source_in(&sandbox);
    let changelog = "# Changelog\n\n## [Unreleased]\n\n- later\n\n## [0.2.0] - 2027-01-02\n\n### Added\n- this\n\n## [0.1.0] - 2026-11-21\n\n- first\n";
    fs::write(source.join("CHANGELOG.md"), changelog).unwrap();
    assert_eq!(
        successful_output(&run(&source, "release_notes.sh", &["0.2.0"])),
        "### Added\n- this\n"
    );
    assert_eq!(
        successful_output(&run(&source, "release_notes.sh", &["0.1.0"])),
        "- first\n"
    );
    let missing = run(&source, "release_notes.sh", &["0.3.0"]);
    assert!(!missing.status.success());
}
