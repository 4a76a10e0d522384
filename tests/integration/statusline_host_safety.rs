//! Whatever standard input holds, the status line prints a line, exits 0 and stays silent on stderr.

use crate::support::Sandbox;

fn prints_something(stdin: &[u8]) {
    let run = Sandbox::new().run_with(&["statusline"], stdin);
    let shown: String = String::from_utf8_lossy(&stdin[..stdin.len().min(80)]).into_owned();
    assert!(!run.success().trim().is_empty(), "blank for {shown:?}");
}

#[test]
fn hostile_input_never_blanks_the_line() {
    let deep = "[".repeat(200_000);
    let cases: [&[u8]; 14] = [
        b"",
        b"null",
        b"{}",
        b"[]",
        b"7",
        b"\"text\"",
        b"{\"model\":",
        b"{\"model\":{\"display_name\":\"\"}}",
        b"{\"model\":[1,2],\"cost\":\"free\",\"rate_limits\":true,\"session_id\":{}}",
        b"\xff\xfe\x00garbage",
        b"{\"model\":{\"display_name\":\"\\u001b[2J\\n\\n\"}}",
        b"{\"rate_limits\":{\"five_hour\":{\"used_percentage\":1e308,\"resets_at\":1e308}}}",
        b"{\"transcript_path\":\"/dev/zero\",\"session_id\":\"x\"}",
        deep.as_bytes(),
    ];
    for case in cases {
        prints_something(case);
    }
}

#[test]
fn fifty_megabytes_of_input_are_swallowed() {
    prints_something(&vec![b'x'; 50_000_000]);
}

#[test]
fn settings_that_are_a_pipe_do_not_hold_it_up() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path(".claude")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(sandbox.path(".claude/settings.json"))
        .status()
        .unwrap();
    assert!(made.success());
    let run = sandbox.run_with(&["statusline"], b"{\"session_id\":\"s\"}");
    assert!(!run.success().trim().is_empty());
}
