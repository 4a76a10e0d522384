//! Tests `whycap run` with commands that stand in for Claude Code.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output};

use serde_json::json;

use crate::client::Client;
use crate::situation::FIVE_HOUR;
use crate::support::{Run, Sandbox, started_with_pipes};

const SESSION: &str = "5e551011-0000-4000-8000-000000000091";

fn started(sandbox: &Sandbox, script: &str) -> Child {
    started_with_pipes(&mut sandbox.command(&["run", "--", "sh", "-c", script]))
}

#[test]
fn the_command_is_as_if_it_had_been_started_directly() {
    let sandbox = Sandbox::new();
    let script = r"cat; printf '\000\377 %s %s' $CLAUDE_CODE_RETRY_WATCHDOG $CLAUDE_CODE_RETRY_WATCHDOG_MAX_USAGE_LIMIT_WAIT_MS; echo no >&2; exit 41";
    for (options, wait) in [(&[][..], "21600000"), (&["--max-wait", "90s"], "90000")] {
        let arguments = [&["run"], options, &["--", "sh", "-c", script]].concat();
        let mut child = started_with_pipes(&mut sandbox.command(&arguments));
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"in\n").unwrap();
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        assert_eq!(stdout, [b"in\n\0\xff 1 ", wait.as_bytes()].concat());
        assert_eq!((stderr.as_slice(), status.code()), (&b"no\n"[..], Some(41)));
    }
}

fn send(signal: &str, child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status();
    assert!(sent.unwrap().success());
}

/// Waits until the process handles this signal, which it does from shortly after it has started the command.
fn wait_until_handled(number: u32, child: &Child) {
    let path = format!("/proc/{}/status", child.id());
    while let Ok(status) = std::fs::read_to_string(&path) {
        let caught = status.split("SigCgt:").nth(1).unwrap();
        let mask = u64::from_str_radix(caught.split_whitespace().next().unwrap(), 16).unwrap();
        if mask & (1 << (number - 1)) != 0 {
            return;
        }
    }
    // Other systems have no such file.
    std::thread::sleep(std::time::Duration::from_secs(1));
}

fn ended(mut child: Child) -> (ExitStatus, String) {
    let status = child.wait().unwrap();
    let mut output = String::new();
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_to_string(&mut output).unwrap();
    (status, output)
}

#[test]
fn signals_reach_the_command_and_its_end_is_that_of_whycap() {
    let sandbox = Sandbox::new();
    // A shell that runs the tests in the background lets them ignore SIGINT and SIGHUP.
    for (signal, number) in [("TERM", 15), ("USR1", 10)] {
        let script =
            format!("trap 'echo got; exit 7' {signal}; echo; while :; do sleep 0.05; done");
        let mut child = started(&sandbox, &script);
        let mut ready = [0];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        wait_until_handled(number, &child);
        send(&format!("-{signal}"), &child);
        let (status, output) = ended(child);
        assert_eq!(
            (status.code(), output.as_str()),
            (Some(7), "got\n"),
            "{signal}"
        );
    }
    let (status, _) = ended(started(&sandbox, "kill -KILL $$"));
    assert_eq!(status.signal(), Some(9));
    let unknown = sandbox.run(&["run", "--", "/no/such/program"]);
    unknown.is_refused("could not start /no/such/program");
}

/// Returns a script that registers a session in the way Claude Code does, and then executes `rest`.
fn session_script(rest: &str) -> String {
    format!(
        r#"start=$(cut -d' ' -f22 /proc/$$/stat)
mkdir -p ~/.claude/sessions
echo '{{"pid":'$$',"sessionId":"{SESSION}","cwd":"/home/dev/p","procStart":"'$start'"}}' > ~/.claude/sessions/$$.json
sleep 0.5
{rest}"#
    )
}

/// The line that Claude Code 2.1.332 writes when it waits for the reset of a window (recorded with the mock).
fn retry_line(at: &str) -> String {
    let mut line: serde_json::Value =
        serde_json::from_str(include_str!("../data/limits/retry.json")).unwrap();
    line["timestamp"] = json!(at);
    line["sessionId"] = json!(SESSION);
    line["retryInMs"] = json!(3_600_000);
    line["error"]["rateLimits"]["resetsAt"] = json!(1_795_159_801);
    line.to_string()
}

#[test]
#[cfg(target_os = "linux")]
fn a_silent_wait_is_announced_once() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::with_session(&sandbox, SESSION);
    client.sends_prompt("2026-11-20T06:29:58Z", "hi");
    std::fs::copy("/bin/sleep", sandbox.path("claude")).unwrap();
    sandbox.write("retry", format!("{}\n", retry_line("2026-11-20T06:30:01Z")));
    let script = session_script(&format!(
        "cat ~/retry >> {}; exec ~/claude 9",
        client.transcript().display()
    ));
    // Two runs continue the same session.
    let runs = [&script, &script].map(|script| started(&sandbox, script));
    for run in runs {
        let run = Run::from(run.wait_with_output().unwrap());
        assert_eq!((run.code, run.stdout.as_str()), (0, ""));
        let expected = "whycap: Your 5-hour limit is used up; you can continue at 07:30, in 59 m. Claude Code continues this session by itself about 07:30.\n";
        assert_eq!(run.stderr.as_str(), expected);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_that_ends_the_command_is_explained() {
    let sandbox = Sandbox::new();
    Client::logged_in(&sandbox, "max", "admin");
    let client = Client::with_session(&sandbox, SESSION);
    client.sends_prompt("2026-11-20T06:29:58Z", "hi");
    let end = |text: &str| {
        let line = client.error_line("2026-11-20T06:30:00.500Z", text, json!({}));
        sandbox.write("error", format!("{line}\n"));
        let transcript = client.transcript();
        let script = session_script(&format!("cat ~/error >> {}; exit 1", transcript.display()));
        Run::from(
            started(&sandbox, &script)
                .wait_with_output()
                .unwrap(),
        )
    };
    let run = end(FIVE_HOUR);
    let continued =
        format!("To continue then: whycap wait && claude --resume {SESSION} -p \"go on\"\n");
    assert!(run.code == 1 && run.stderr.ends_with(&continued), "{run:?}");
    let run = end("Your credit balance is too low to access the Anthropic API.");
    assert!(run.stderr.contains(" First: "), "{run:?}");
    assert_eq!(run.stderr.lines().count(), 1);
}
