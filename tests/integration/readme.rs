//! Tests the README, the first page that people read, which must be short and correct.

use std::fs;
use std::path::Path;
use std::process::Command;

fn repository(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn readme_can_be_read_in_one_go() {
    let lines = repository("README.md").lines().count();
    assert!(lines <= 140, "{lines} lines");
}

#[test]
fn each_claim_that_has_a_proof_still_stands_in_readme() {
    let readme: Vec<_> = repository("README.md")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let readme = readme.join(" ");
    let claims = repository("docs/claims.md");
    let rows: Vec<_> = claims
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| ")?
                .strip_suffix("` |")?
                .rsplit_once(" | `")
        })
        .collect();
    assert!(rows.len() > 10, "{rows:?}");
    for (claim, command) in rows {
        let claim = claim.trim_matches('`');
        assert!(readme.contains(claim), "README does not say: {claim}");
        let program = command.split_whitespace().next().unwrap();
        if program.contains('/') {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(program);
            assert!(path.exists(), "{command}");
        }
    }
}

/// The README's installation section changes once, at the first release, when this script replaces it.
#[test]
fn the_switch_to_the_first_release_leaves_no_word_of_the_time_before() {
    let shown = Command::new("/bin/sh")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/first_release.sh"))
        .arg("--dry-run")
        .output()
        .unwrap();
    assert!(shown.status.success());
    let shown = String::from_utf8_lossy(&shown.stdout);
    let added = |words: &str| {
        shown
            .lines()
            .any(|line| line.starts_with('+') && line.contains(words))
    };
    assert!(added("/plugin install whycap@whycap"), "{shown}");
    assert!(added("\"package\": \"@whycap/plugin\""), "{shown}");
    assert!(!added("There is no release yet"), "{shown}");
}
