//! Tests the README, which is the first page that people read, so it must be short and correct.

use std::fs;
use std::path::Path;
use std::process::Command;

fn repository(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn the_readme_is_short() {
    let lines = repository("README.md").lines().count();
    assert!(lines <= 110, "{lines} lines");
}

/// The README's installation section changes once, at the first release, when this script replaces it.
#[test]
fn the_release_script_removes_all_prerelease_wording() {
    let shown = Command::new("/bin/sh")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/first_release.sh"))
        .arg("--dry-run")
        .output()
        .unwrap();
    assert!(shown.status.success());
    let shown = String::from_utf8_lossy(&shown.stdout);
    let added: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with('+'))
        .collect();
    for (words, is_added) in [
        ("/plugin install whycap@whycap", true),
        ("\"package\": \"@whycap/plugin\"", true),
        ("There is no release yet", false),
    ] {
        let has_words = added.iter().any(|line| line.contains(words));
        assert_eq!(has_words, is_added, "{words}: {shown}");
    }
}

/// A browser stretches or squeezes a text to fit its `textLength`. If someone edits the text but not the length, the
/// text becomes unreadable.
#[test]
fn every_text_in_a_picture_has_the_length_of_its_characters() {
    const CELL_WIDTH: f64 = 8.4;
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    let mut texts = 0;
    for picture in fs::read_dir(pictures).unwrap() {
        let path = picture.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "svg")
        {
            continue;
        }
        let svg = fs::read_to_string(&path).unwrap();
        for element in svg.split(" textLength=\"").skip(1) {
            let (length, rest) = element.split_once('"').unwrap();
            let (_, text) = rest.split_once('>').unwrap();
            let (escaped, _) = text.split_once('<').unwrap();
            let shown = escaped
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#x27;", "'")
                .replace("&amp;", "&");
            let difference =
                shown.chars().count() as f64 * CELL_WIDTH - length.parse::<f64>().unwrap();
            assert!(difference.abs() < 0.1, "{}: {shown}", path.display());
            texts += 1;
        }
    }
    assert!(texts > 100, "{texts}");
}
