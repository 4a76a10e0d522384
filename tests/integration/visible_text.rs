//! Tests that whycap never prints text that could control the terminal or that is hidden or reversed, no matter where
//! the text comes from.

use crate::client::Client;
use crate::situation::AT;
use crate::support::Sandbox;
use serde_json::json;

/// A C1 control character, a bidirectional override, a zero-width space, a tag character, an escape sequence, and a
/// forged line.
const FOUL: &str = "a\u{9b}2J\u{202e}\u{200b}\u{e0041}\u{1b}]52;c;QQ==\u{7}\r\nFAKE";

#[track_caller]
fn is_plain(text: &str) {
    let foul = text
        .chars()
        .find(|c| *c != '\n' && (c.is_control() || FOUL.contains(*c) && !c.is_ascii()));
    assert_eq!(foul, None, "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("FAKE")), "{text}");
}

#[test]
fn an_invalid_argument_is_shown_in_one_line() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["spend", FOUL][..],
        &["spend", "--timezone", FOUL],
        &["spend", "--by", FOUL],
        &["wait", "--timeout", FOUL],
        &[FOUL],
    ] {
        let run = sandbox.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}");
        is_plain(&run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains(r"\u{9b}"), "{}", run.stderr);
    }
}

#[test]
fn hidden_characters_in_a_message_are_shown() {
    let sandbox = Sandbox::new();
    let client = Client::new(&sandbox);
    let message = format!("You've hit your weekly limit · resets 3pm {FOUL}");
    client.receives_error(AT, &message, json!({}));
    let run = client.run(AT, &["explain", "--long"], b"");
    is_plain(run.success());
    assert!(run.stdout.contains(r"\u{202e}"), "{}", run.stdout);
}

#[test]
fn json_escapes_invisible_characters_without_losing_them() {
    let sandbox = Sandbox::new();
    let home = sandbox.home();
    let name = "n\u{9b}\u{202e}\u{e0041}\u{7f}.lock";
    sandbox.write(&format!(".local/state/claude/locks/{name}"), "{}");
    let run = sandbox.run(&["locks", "--json"]);
    is_plain(run.success());
    assert!(
        run.stdout
            .contains(r"\u009b\u202e\udb40\udc41\u007f")
    );
    let path = home.join(".local/state/claude/locks").join(name);
    assert_eq!(run.json()["locks"][0]["path"], path.to_str().unwrap());
}
