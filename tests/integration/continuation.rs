//! Tests that every screen says the same about a session that Claude Code continues by itself, and about the usage
//! windows, while another session is at the limit of another window.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, run, windows};
use crate::newest_evidence::{after, hits_limit, receives_response};
use crate::now::RunningClient;
use crate::situation::{
    FIVE_HOUR, NOON, TUESDAY, WEEKLY, answer, flat, reaches_five_hour_limit, refused,
    session_of_login, stores_credits_reason, with_a_private_login,
};
use crate::support::{Run, Sandbox};
use crate::wait::waits;

const BOTH_APPLY: &str = "2026-11-20T10:06:00Z";
/// The 5-hour window has reset, but Claude Code has not continued yet.
const AFTER_RESET: &str = "2026-11-20T12:00:20Z";
/// Claude Code should have continued, but the session has not received a response.
const AFTER_CONTINUATION: &str = "2026-11-20T12:04:00Z";

/// Three open sessions of one account. `waiting` is at the 5-hour limit and will continue by itself. A few minutes later,
/// `weekly` has reached the weekly limit. `idle` has had no error.
struct TwoLimits<'s> {
    waiting: Client<'s>,
    weekly: Client<'s>,
    idle: Client<'s>,
    _processes: [RunningClient; 3],
}

impl<'s> TwoLimits<'s> {
    fn new(sandbox: &'s Sandbox) -> Self {
        let [waiting, weekly, idle] =
            ["waiting", "weekly", "idle"].map(|name| session_of_login(sandbox, name));
        let processes =
            [&waiting, &weekly, &idle].map(|client| RunningClient::idle(sandbox, &client.session));
        idle.calls_status_line("2026-11-20T09:50:00Z", windows_of_idle(), 120);
        hits_limit(
            &waiting,
            "2026-11-20T10:00:00Z",
            FIVE_HOUR,
            &refused("five_hour", NOON, "org_level_disabled"),
            windows(100.0, NOON, 44.0, TUESDAY),
        );
        hits_limit(
            &weekly,
            "2026-11-20T10:05:00Z",
            WEEKLY,
            &refused("seven_day", TUESDAY, "org_level_disabled"),
            windows(100.0, NOON, 100.0, TUESDAY),
        );
        Self {
            waiting,
            weekly,
            idle,
            _processes: processes,
        }
    }

    /// Returns the status lines of the three sessions. Each process repeats the figures of its last response, but without
    /// the windows that have reset, as client 2.1.331 does.
    fn rows(&self, at: &str) -> [String; 3] {
        [
            (&self.waiting, windows(100.0, NOON, 44.0, TUESDAY)),
            (&self.weekly, windows(100.0, NOON, 100.0, TUESDAY)),
            (&self.idle, windows_of_idle()),
        ]
        .map(|(client, mut reported)| {
            if at > "2026-11-20T12:00:00Z" {
                reported.as_object_mut().unwrap().remove("five_hour");
            }
            flat(&plain_rows(client, at, reported))
        })
    }

    /// Returns the output of a command in a shell.
    fn output(&self, at: &str, arguments: &[&str]) -> String {
        flat(&self.waiting.run(at, arguments, b"").stdout)
    }

    /// Returns the entry of the waiting session in `now --json`.
    fn waiting_in_now(&self, at: &str) -> Value {
        let now = self.waiting.run(at, &["now", "--json"], b"").json();
        let mut sessions = now["sessions"].as_array().unwrap().iter();
        sessions
            .find(|session| session["session_id"] == "waiting")
            .unwrap()
            .clone()
    }
}

/// Returns what `wait` prints within a second, while a limit still applies.
fn log_of_wait(client: &Client<'_>, at: &str) -> String {
    let run = waits(client, at, &["--timeout", "1s"]);
    assert!(run.stderr.contains("timed out"), "{run:?}");
    flat(&run.stdout)
}

fn windows_of_idle() -> Value {
    windows(60.0, NOON, 40.0, TUESDAY)
}

/// Claude Code waited in one session for the reset of the 5-hour limit. After another session had reached the weekly limit,
/// `now`, `explain`, `/whycap`, and `wait` said that the first session would not continue, but Claude Code continued it. `wait` no longer warned that the work might be done twice.
#[test]
fn a_session_continues_by_itself_although_another_session_reaches_the_weekly_limit() {
    let sandbox = with_a_private_login();
    let mut sessions = TwoLimits::new(&sandbox);
    for at in [BOTH_APPLY, AFTER_RESET] {
        sessions.rows(at);
        let entry = sessions.waiting_in_now(at);
        assert_eq!(entry["continues"], "yes", "{at}: {entry:#}");
        let why = entry["why"].as_str().unwrap();
        assert!(
            why.contains("but your weekly limit may stop it again"),
            "{at}: {why}"
        );
        let now = sessions.output(at, &["now"]);
        let note = "continues by itself about 12:01, but your weekly limit may stop it again";
        assert!(now.contains(note), "{at}: {now}");

        let of_session = "Claude Code will continue the open session waiting by itself about 12:01, but your weekly limit may stop it again.";
        let explained = sessions.output(at, &["explain"]);
        assert!(explained.contains(of_session), "{at}: {explained}");
        let waited = log_of_wait(&sessions.idle, at);
        let warning = format!(
            "{of_session} Do not continue its work anywhere else, or it will be done twice."
        );
        assert!(waited.contains(&warning), "{at}: {waited}");
        assert!(
            waited.contains("Waiting until Tue Nov 24"),
            "{at}: {waited}"
        );

        let arguments = ["explain", "--session", "waiting"];
        let advice = sessions.output(at, &arguments);
        let step = "2. You can leave the session open; Claude Code will try to continue about 12:01, but your weekly limit may stop it again";
        assert!(advice.contains(step), "{at}: {advice}");
        assert!(
            advice.contains("1. Wait until Tue Nov 24"),
            "{at}: {advice}"
        );
        assert!(!advice.contains("Wait here"), "{at}: {advice}");
        let arguments = ["explain", "--json", "--session", "waiting"];
        let json = sessions.waiting.run(at, &arguments, b"").json();
        assert_eq!(
            json["incident"]["continues_at"], "2026-11-20T12:01:30Z",
            "{at}: {json:#}"
        );
    }
    // A prompt cancels the wait, so the answer must say so.
    let terminal = ("CLAUDE_CODE_ENTRYPOINT".to_owned(), "cli".to_owned());
    sessions.waiting.variables.push(terminal);
    let reply = answer(&sessions.waiting, AFTER_RESET);
    assert!(
        reply.contains("Because you ran /whycap, Claude Code will not continue"),
        "{reply}"
    );
}

/// While the weekly limit of another session applied, the row of the waiting session did not say that Claude Code would try
/// to continue it, so the user might have closed it. `now`, `wait`, and `explain` did.
#[test]
fn the_row_says_that_a_session_tries_to_continue_although_a_later_limit_applies() {
    let sandbox = with_a_private_login();
    let sessions = TwoLimits::new(&sandbox);
    let [waiting, _, _] = sessions.rows(BOTH_APPLY);
    assert!(waiting.contains("weekly limit"), "{waiting}");
    let note = "Unless you pressed Esc, this session tries to continue about 12:01";
    assert!(waiting.ends_with(note), "{waiting}");
    let figures = windows(100.0, NOON, 44.0, TUESDAY);
    for columns in [70, 44] {
        let run = sessions
            .waiting
            .calls_status_line(BOTH_APPLY, figures.clone(), columns);
        let line = flat(&whycap::terminal::strip_ansi(run.success()));
        assert!(line.contains("tries "), "{columns}: {line}");
        assert!(line.ends_with("about 12:01"), "{columns}: {line}");
    }
}

/// Each limit took a second row in every session of the account, with commands that most accounts do not have. The menu of
/// Claude Code lists these commands for the accounts that have them.
#[test]
fn the_status_line_has_one_row_about_the_limit_of_another_session() {
    let sandbox = with_a_private_login();
    let sessions = TwoLimits::new(&sandbox);
    let reported = windows_of_idle();
    let line = plain_rows(&sessions.idle, BOTH_APPLY, reported);
    let rows: Vec<&str> = line.trim_end().lines().skip(1).collect();
    let [row] = rows[..] else {
        panic!("{line}");
    };
    assert!(row.starts_with("weekly limit · resets"), "{row}");
    let explained = sessions.output(BOTH_APPLY, &["explain"]);
    assert!(explained.contains("/limit-reset"), "{explained}");
}

/// After the reset, Claude Code repeats old figures without the window that has reset. whycap took them for new ones: the
/// status line and `now` showed "week 44%" beside "weekly limit", and the row of the idle session did not mention the limit.
#[test]
fn figures_that_only_lack_a_window_that_has_reset_are_not_new() {
    let sandbox = with_a_private_login();
    let sessions = TwoLimits::new(&sandbox);
    for at in [BOTH_APPLY, AFTER_RESET, AFTER_CONTINUATION] {
        for row in sessions.rows(at) {
            assert!(row.contains("week 100%"), "{at}: {row}");
            assert!(row.contains("weekly limit"), "{at}: {row}");
        }
        let now = sessions.waiting.run(at, &["now", "--json"], b"").json();
        let week = &now["windows"]["seven_day"]["used_percentage"];
        assert_eq!(*week, 100.0, "{at}: {now:#}");
        assert_eq!(now["windows"]["measured_at"], "2026-11-20T10:05:01Z");
    }
}

/// After the 5-hour reset, only the weekly limit blocks the waiting session. `now` said "blocked (5-hour limit)", but
/// `incidents` and `explain` said that the weekly limit was still used up.
#[test]
fn the_screens_name_the_limit_that_still_blocks_a_session() {
    let sandbox = with_a_private_login();
    let sessions = TwoLimits::new(&sandbox);
    let at = AFTER_CONTINUATION;
    sessions.rows(at);
    let now = sessions.output(at, &["now"]);
    assert!(now.contains("blocked (weekly limit)"), "{now}");
    assert!(!now.contains("5-hour limit"), "{now}");
    let entry = sessions.waiting_in_now(at);
    assert_eq!(entry["continues"], "no", "{entry:#}");
    let explained = sessions.output(at, &["explain", "--session", "waiting"]);
    for shown in [explained, sessions.output(at, &["incidents"])] {
        assert!(
            shown.contains("Your weekly limit is still used up"),
            "{shown}"
        );
        assert!(!shown.contains("will try to continue"), "{shown}");
        assert!(!shown.contains("Wait here"), "{shown}");
    }
}

/// The server refused a prompt of a session without a status line. The last reading, from a minute earlier, was shown beside
/// the limit.
#[test]
fn a_window_whose_limit_applies_is_full_on_every_screen() {
    let sandbox = with_a_private_login();
    let [headless, idle] = ["headless", "idle"].map(|name| session_of_login(&sandbox, name));
    headless.receives_error(
        "2026-11-20T10:00:00Z",
        WEEKLY,
        refused("seven_day", TUESDAY, "org_level_disabled"),
    );
    // A response that was in progress reports its figures after the refusal.
    let nearly_full = windows(60.0, NOON, 99.0, TUESDAY);
    idle.calls_status_line("2026-11-20T10:00:05Z", nearly_full.clone(), 120);
    let at = "2026-11-20T10:01:00Z";
    let row = flat(&plain_rows(&idle, at, nearly_full));
    assert!(row.contains("week 100%"), "{row}");
    let now = idle.run(at, &["now", "--json"], b"").json();
    let week = &now["windows"]["seven_day"]["used_percentage"];
    assert_eq!(*week, 100.0, "{now:#}");
}

/// The 5-hour window has just reset, but the weekly window is full. `wait` named the session that Claude Code was about
/// to continue twice.
#[test]
fn the_continuing_sessions_are_named_once_if_another_window_is_full() {
    let sandbox = with_a_private_login();
    let waiting = session_of_login(&sandbox, "waiting");
    let refusal = refused("five_hour", NOON, "");
    waiting.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, refusal);
    let works = session_of_login(&sandbox, "works");
    let later = NOON + 5 * 60 * 60;
    let full_week = windows(3.0, later, 100.0, TUESDAY);
    works.calls_status_line("2026-11-20T12:00:30Z", full_week, 120);
    let waited = waits(&waiting, "2026-11-20T12:00:40Z", &["--timeout", "1s"]);
    let lines = flat(waited.success());
    let first = "Claude Code will continue the open session waiting by itself about 12:01. Do not continue its work anywhere else";
    assert!(lines.starts_with(first), "{waited:?}");
    let last = "your weekly limit is used up until Tue Nov 24 06:00. To wait for the reset, run: whycap wait --free";
    assert!(lines.ends_with(last), "{waited:?}");
}

/// A session went on waiting after its limit had been reset early. Another session then filled the next window. The row,
/// `/whycap`, and `explain --session` no longer said that the first session would continue, but `now` and `wait` did.
#[test]
fn a_session_that_is_blocked_by_the_limit_of_another_session_still_continues_by_itself() {
    let sandbox = with_a_private_login();
    let [waiting, mut works] = ["waiting", "works"].map(|name| session_of_login(&sandbox, name));
    let _processes =
        [&waiting, &works].map(|client| RunningClient::idle(&sandbox, &client.session));
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, "org_level_disabled"),
        windows(100.0, NOON, 44.0, TUESDAY),
    );
    let later = NOON + 190 * 60;
    let after_early_reset = windows(2.0, later, 44.0, TUESDAY);
    receives_response(&mut works, "2026-11-20T10:10:00Z", after_early_reset);
    hits_limit(
        &works,
        "2026-11-20T10:40:00Z",
        "You've hit your 5-hour limit · resets 3:10pm (UTC)",
        &refused("five_hour", later, "org_level_disabled"),
        windows(100.0, later, 50.0, TUESDAY),
    );
    let at = "2026-11-20T10:41:00Z";
    let own_figures = windows(100.0, NOON, 44.0, TUESDAY);
    let row = flat(&plain_rows(&waiting, at, own_figures));
    assert!(row.contains("resets at 15:10"), "{row}");
    let note = "Unless you pressed Esc, this session tries to continue about 12:01";
    assert!(row.ends_with(note), "{row}");
    let continuation = "by itself about 12:01, but your 5-hour limit may stop it again";
    for arguments in [["now"].as_slice(), &["explain", "--session", "waiting"]] {
        let shown = flat(waiting.run(at, arguments, b"").success());
        assert!(shown.contains(continuation), "{arguments:?}: {shown}");
    }
    let waited = log_of_wait(&works, at);
    assert!(waited.contains(continuation), "{waited}");
    // Outside a terminal, the question does not cancel the wait.
    let reply = answer(&waiting, at);
    let sentence = format!("Claude Code will continue this session {continuation}.");
    assert!(reply.contains(&sentence), "{reply}");
}

/// A session waited for its 5-hour reset when the login was refused in another session. The row and `/whycap` said without
/// any doubt that the session would continue.
#[test]
fn a_session_only_tries_to_continue_if_the_login_is_refused() {
    let sandbox = with_a_private_login();
    let [waiting, mut works] = ["waiting", "works"].map(|name| session_of_login(&sandbox, name));
    let _processes =
        [&waiting, &works].map(|client| RunningClient::idle(&sandbox, &client.session));
    let own_figures = windows(100.0, NOON, 44.0, TUESDAY);
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, "org_level_disabled"),
        own_figures.clone(),
    );
    let after_early_reset = windows(2.0, NOON + 190 * 60, 44.0, TUESDAY);
    receives_response(&mut works, "2026-11-20T10:10:00Z", after_early_reset);
    let refusal = json!({"error": "authentication_failed", "apiErrorStatus": 401});
    let text = "Please run /login · API Error: 401 OAuth token has expired.";
    works.receives_error("2026-11-20T10:40:00Z", text, refusal);
    let at = "2026-11-20T10:41:00Z";
    let row = flat(&plain_rows(&waiting, at, own_figures));
    let note = "Unless you pressed Esc, this session tries to continue about 12:01";
    assert!(row.ends_with(note), "{row}");
    let reply = answer(&waiting, at);
    let sentence = "Claude Code will try to continue this session by itself about 12:01.";
    assert!(reply.contains(sentence), "{reply}");
    // `now` and `wait` said that it would continue.
    let now = flat(waiting.run(at, &["now"], b"").success());
    assert!(
        now.contains("tries to continue by itself about 12:01"),
        "{now}"
    );
    let json = waiting.run(at, &["now", "--json"], b"").json();
    let mut entries = json["sessions"].as_array().unwrap().iter();
    let entry = entries
        .find(|session| session["session_id"] == "waiting")
        .unwrap();
    let why = entry["why"].as_str().unwrap();
    assert!(why.contains("tries to continue by itself"), "{why}");
    let waited = waits(&works, at, &[]);
    let warning =
        "Claude Code will try to continue the open session waiting by itself about 12:01.";
    assert!(flat(&waited.stdout).contains(warning), "{waited:?}");
    let error = "The service did not accept the login";
    assert!(waited.stderr.contains(error), "{waited:?}");
}

/// A false alarm was over, and Claude Code was about to continue the session by itself. The row, `/whycap`, and `explain`
/// said to send the prompt again, but `now` and `wait` said that the session would continue.
#[test]
fn a_prompt_is_not_sent_again_if_claude_code_is_about_to_continue_after_a_false_alarm() {
    for has_response_elsewhere in [false, true] {
        let sandbox = with_a_private_login();
        let [stopped, mut works] =
            ["stopped", "works"].map(|name| session_of_login(&sandbox, name));
        let _process = RunningClient::idle(&sandbox, &stopped.session);
        let room = windows(22.0, NOON, 40.0, TUESDAY);
        stopped.calls_status_line("2026-11-20T11:56:55Z", room.clone(), 120);
        let refusal = refused("five_hour", NOON, "org_level_disabled");
        stopped.receives_error("2026-11-20T11:57:00Z", FIVE_HOUR, refusal);
        stopped.calls_status_line("2026-11-20T11:57:02Z", room.clone(), 120);
        if has_response_elsewhere {
            works.sends_prompt("2026-11-20T11:57:04Z", "continue");
            receives_response(&mut works, "2026-11-20T11:57:06Z", room.clone());
        }
        for at in ["2026-11-20T12:00:05Z", "2026-11-20T12:01:20Z"] {
            let row = flat(&plain_rows(&stopped, at, room.clone()));
            assert!(
                row.ends_with("Claude Code will continue shortly"),
                "{at}: {row}"
            );
            let explain = ["explain", "--session", "stopped"];
            let explained = flat(stopped.run(at, &explain, b"").success());
            // Outside a terminal, the question does not cancel the wait.
            for shown in [explained, answer(&stopped, at)] {
                let step = "Leave the session open for two minutes";
                assert!(shown.contains(step), "{at}: {shown}");
                assert!(!shown.contains("the prompt again"), "{at}: {shown}");
            }
            let now = flat(stopped.run(at, &["now"], b"").success());
            assert!(
                now.contains("continues by itself about 12:01"),
                "{at}: {now}"
            );
        }
        let late = "2026-11-20T12:02:10Z";
        let row = flat(&plain_rows(&stopped, late, room));
        assert!(row.ends_with("send the prompt again"), "{row}");
    }
}

/// Ninety seconds after a reset, the row and `explain` still said to leave the session open, but `wait` no longer warned that
/// it would continue by itself, and `now` did not mention this.
#[test]
fn all_commands_expect_a_late_continuation_for_the_same_time() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    let _process = RunningClient::idle(&sandbox, &stopped.session);
    reaches_five_hour_limit(&stopped);
    for (at, may_continue) in [
        ("2026-11-20T12:01:20Z", true),
        ("2026-11-20T12:01:50Z", true),
        ("2026-11-20T12:02:05Z", false),
    ] {
        let row = flat(&plain_rows(&stopped, at, windows_of_idle()));
        let explained = flat(stopped.run(at, &["explain"], b"").success());
        let waited = flat(waits(&stopped, at, &[]).success());
        let now = flat(stopped.run(at, &["now"], b"").success());
        for (shown, part) in [
            (row, "Claude Code will continue shortly"),
            (explained, "Leave the session open for two minutes"),
            (waited, "Do not continue its work anywhere else"),
            (now, "continues by itself about 12:01"),
        ] {
            assert_eq!(shown.contains(part), may_continue, "{at}: {shown}");
        }
    }
}

/// A false alarm was not over yet, and Claude Code was about to continue the session by itself. The headline said to try
/// again in a few minutes, and the first step said to leave the session open.
#[test]
fn the_headline_of_a_false_alarm_says_that_claude_code_is_about_to_continue() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    let _process = RunningClient::idle(&sandbox, &stopped.session);
    let room = windows(22.0, NOON, 40.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T11:58:25Z", room.clone(), 120);
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    stopped.receives_error("2026-11-20T11:58:30Z", FIVE_HOUR, refusal);
    stopped.calls_status_line("2026-11-20T11:58:32Z", room.clone(), 120);
    let at = "2026-11-20T11:59:40Z";
    let explain = ["explain", "--session", "stopped"];
    let explained = flat(stopped.run(at, &explain, b"").success());
    let row = flat(&plain_rows(&stopped, at, room));
    for shown in [&explained, &answer(&stopped, at)] {
        assert!(shown.contains("false alarm"), "{shown}");
        let step = "Leave the session open for two minutes";
        assert!(shown.contains(step), "{shown}");
        assert!(!shown.contains("after the reset"), "{shown}");
    }
    assert!(row.contains("false alarm"), "{row}");
    for shown in [&explained, &answer(&stopped, at), &row] {
        assert!(!shown.contains("few minutes"), "{shown}");
    }
}

/// A false alarm refused three prompts in a row. After each of them, `explain` and `/whycap` only said to try again in a few
/// minutes.
#[test]
fn a_false_alarm_that_refuses_three_prompts_is_to_be_reported() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    let _process = RunningClient::idle(&sandbox, &stopped.session);
    let room = windows(22.0, NOON, 40.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T09:59:00Z", room.clone(), 120);
    let step = "Report it with /feedback, because at least three attempts in a row were refused";
    for (minute, is_third) in [("10:00", false), ("10:04", false), ("10:08", true)] {
        let refused_at = format!("2026-11-20T{minute}:00Z");
        let refusal = refused("five_hour", NOON, "org_level_disabled");
        stopped.receives_error(&refused_at, FIVE_HOUR, refusal);
        stopped.calls_status_line(&after(&refused_at, 2), room.clone(), 120);
        // Three minutes after the error, the pause is over, but the next prompt may be refused as well.
        for seconds in [30, 200] {
            let at = after(&refused_at, seconds);
            let explained = flat(stopped.run(&at, &["explain"], b"").success());
            for shown in [explained, answer(&stopped, &at)] {
                assert_eq!(shown.contains(step), is_third, "{at}: {shown}");
                assert!(!shown.contains("keeps happening"), "{at}: {shown}");
            }
        }
    }
}

/// Three minutes after a false alarm, the row said "the problem should be over by now" without naming the problem.
#[test]
fn the_row_still_names_a_false_alarm_after_the_pause() {
    let sandbox = with_a_private_login();
    let stopped = session_of_login(&sandbox, "stopped");
    let room = windows(22.0, NOON, 40.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T09:59:00Z", room.clone(), 120);
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    stopped.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, refusal);
    stopped.calls_status_line("2026-11-20T10:00:02Z", room.clone(), 120);
    for (at, shown) in [
        (
            "2026-11-20T10:01:00Z",
            "false alarm? 5-hour usage 22% · try again in a few minutes",
        ),
        (
            "2026-11-20T10:04:00Z",
            "false alarm? · send the prompt again",
        ),
    ] {
        let row = flat(&plain_rows(&stopped, at, room.clone()));
        assert!(row.contains(shown), "{at}: {row}");
    }
}

/// Three minutes after a false alarm, the row of the session said to send the prompt again, but `now` had no line about it.
#[test]
fn now_still_names_the_session_of_a_false_alarm_after_the_pause() {
    let sandbox = with_a_private_login();
    let [stopped, mut idle] = ["stopped", "idle"].map(|name| session_of_login(&sandbox, name));
    let _processes = [&stopped, &idle].map(|client| RunningClient::idle(&sandbox, &client.session));
    let room = windows(22.0, NOON, 40.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T09:59:00Z", room.clone(), 120);
    let refusal = json!({"apiErrorStatus": 400});
    let text = "API Error: 400 You're out of extra usage. Add more at claude.ai/settings/usage and keep going.";
    stopped.receives_error("2026-11-20T10:00:00Z", text, refusal);
    stopped.calls_status_line("2026-11-20T10:00:02Z", room, 120);
    let note = "probably a false alarm: ";
    for at in ["2026-11-20T10:01:00Z", "2026-11-20T10:04:00Z"] {
        let now = flat(in_shell(&sandbox, at, &["now"]).success());
        assert!(now.contains(note), "{at}: {now}");
    }

    // The next prompt would be refused or would cost money.
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    receives_response(&mut idle, "2026-11-20T10:05:00Z", full);
    let at = "2026-11-20T10:06:00Z";
    let now = flat(in_shell(&sandbox, at, &["now"]).success());
    assert!(!now.contains("send the prompt again"), "{now}");
    let reply = answer(&stopped, at);
    assert!(reply.contains("is also used up"), "{reply}");
}

/// Both windows were full, and then the week was reset early. Until the old reset on Tuesday, every screen said that the
/// weekly limit was used up, beside "week 2%".
#[test]
fn a_weekly_limit_is_over_once_a_reading_shows_its_early_reset() {
    let sandbox = with_a_private_login();
    let [waiting, busy] = ["waiting", "busy"].map(|name| session_of_login(&sandbox, name));
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, "org_level_disabled"),
        windows(100.0, NOON, 99.0, TUESDAY),
    );
    let both_full = windows(100.0, NOON, 100.0, TUESDAY);
    busy.calls_status_line("2026-11-20T10:03:00Z", both_full, 120);
    let before = flat(
        waiting
            .run("2026-11-20T10:04:00Z", &["explain"], b"")
            .success(),
    );
    assert!(
        before.contains("you can continue on Tue Nov 24"),
        "{before}"
    );
    let next_week = 1_795_775_400; // 2026-11-27T10:30:00Z
    let new_week = windows(100.0, NOON, 2.0, next_week);
    busy.calls_status_line("2026-11-20T10:30:00Z", new_week, 120);
    let at = "2026-11-20T10:31:00Z";
    let own_figures = windows(100.0, NOON, 99.0, TUESDAY);
    let row = flat(&plain_rows(&waiting, at, own_figures));
    assert!(row.contains("5-hour limit · resets at 12:00"), "{row}");
    for command in ["explain", "now"] {
        let shown = flat(waiting.run(at, &[command], b"").success());
        assert!(shown.contains("you can continue at 12:00"), "{shown}");
        assert!(!shown.contains("weekly limit"), "{shown}");
    }
    let later = flat(
        waiting
            .run("2026-11-20T12:05:00Z", &["explain"], b"")
            .success(),
    );
    assert!(later.contains("should have reset at 12:00"), "{later}");
}

/// Stops a session at its 5-hour limit on Friday at 10:00, while the week is full until Tuesday. Returns this session and
/// another one, which reported the full week.
fn stopped_by_both_windows(sandbox: &Sandbox) -> [Client<'_>; 2] {
    let [waiting, busy] = ["waiting", "busy"].map(|name| session_of_login(sandbox, name));
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, "org_level_disabled"),
        windows(100.0, NOON, 99.0, TUESDAY),
    );
    let both_full = windows(100.0, NOON, 100.0, TUESDAY);
    busy.calls_status_line("2026-11-20T10:03:00Z", both_full, 120);
    [waiting, busy]
}

/// Returns the number of seconds for which limits have blocked work, according to `incidents`.
fn blocked_seconds(client: &Client<'_>, at: &str) -> Value {
    client.run(at, &["incidents", "--json"], b"").json()["sums"]["blocked_s"].clone()
}

/// Both windows were full, and the week reset on Tuesday as planned. As soon as a reading showed the next week, `explain`
/// and `incidents` said that the stop had ended with the 5-hour reset on Friday, even if its end was already stored.
#[test]
fn a_reading_of_the_next_week_does_not_change_when_a_stop_by_both_windows_ended() {
    let next_tuesday = TUESDAY + 7 * 24 * 3600;
    let until_tuesday = 92 * 3600;
    for is_end_stored in [true, false] {
        let sandbox = with_a_private_login();
        let [waiting, mut busy] = stopped_by_both_windows(&sandbox);
        let explain = ["explain", "--session", "waiting"];
        if is_end_stored {
            let at = "2026-11-24T06:03:00Z";
            waiting.run(at, &explain, b"").success();
            assert_eq!(blocked_seconds(&waiting, at), until_tuesday);
        }
        busy.sends_prompt("2026-11-24T06:04:50Z", "continue");
        let next_week = windows(3.0, TUESDAY + 5 * 3600, 2.0, next_tuesday);
        receives_response(&mut busy, "2026-11-24T06:05:00Z", next_week);
        let at = "2026-11-24T06:06:00Z";
        let explained = flat(waiting.run(at, &explain, b"").success());
        let (headline, _) = explained.split_once("Session: waiting").unwrap();
        assert!(
            headline.contains("weekly limit"),
            "{is_end_stored}: {explained}"
        );
        assert!(
            headline.contains("Tue Nov 24 06:0"),
            "{is_end_stored}: {explained}"
        );
        let blocked = blocked_seconds(&waiting, at).as_i64().unwrap();
        let until_response = until_tuesday + 300;
        assert!(
            (until_tuesday..=until_response).contains(&blocked),
            "{is_end_stored}: {blocked}"
        );
    }
}

/// Both windows were full. At 14:00, after the reset of the 5-hour window, a reading showed that the week had been reset
/// early. `incidents` said that work had been blocked only until 12:00.
#[test]
fn an_early_reset_of_the_week_after_the_five_hour_reset_ends_a_stop_by_both_windows() {
    let sandbox = with_a_private_login();
    let [waiting, busy] = stopped_by_both_windows(&sandbox);
    let new_week = windows(3.0, NOON + 7 * 3600, 2.0, TUESDAY + 3 * 24 * 3600);
    busy.calls_status_line("2026-11-20T14:00:00Z", new_week, 120);
    let at = "2026-11-20T14:01:00Z";
    let explained = flat(
        waiting
            .run(at, &["explain", "--session", "waiting"], b"")
            .success(),
    );
    assert!(explained.contains("reset early"), "{explained}");
    assert_eq!(blocked_seconds(&waiting, at), 4 * 3600);
}

/// A session waited for its 5-hour reset, and the weekly limit applied as well. Then somebody bought usage credits, and a
/// response showed that they paid, but the commands still said that the weekly limit might stop the session.
#[test]
fn a_session_that_continues_while_credits_pay_is_not_stopped_again() {
    let sandbox = with_a_private_login();
    let mut sessions = TwoLimits::new(&sandbox);
    stores_credits_reason(&sandbox, &Value::Null);
    let idle = &mut sessions.idle;
    idle.sends_prompt("2026-11-20T11:04:50Z", "continue");
    let both_full = windows(100.0, NOON, 100.0, TUESDAY);
    receives_response(idle, "2026-11-20T11:05:00Z", both_full);
    let at = "2026-11-20T11:10:00Z";
    let arguments = ["explain", "--json", "--session", "waiting"];
    let report = sessions.waiting.run(at, &arguments, b"").json();
    let actions = report["incident"]["actions"].as_array().unwrap().iter();
    let attempts: Vec<&Value> = actions
        .filter(|action| {
            action["do"]
                .as_str()
                .unwrap()
                .contains("will try to continue")
        })
        .collect();
    let [attempt] = attempts[..] else {
        panic!("{report:#}");
    };
    let step = "You can leave the session open; Claude Code will try to continue about 12:01, and usage credits may pay for it (costs money)";
    assert_eq!(attempt["do"], step, "{report:#}");
    assert_eq!(attempt["costs_money"], true, "{report:#}");
    let clause = "by itself about 12:01, and usage credits may pay for it (costs money)";
    let waited = flat(waits(&sessions.waiting, at, &[]).success());
    for shown in [sessions.output(at, &["now"]), waited] {
        assert!(shown.contains(clause), "{shown}");
        assert!(!shown.contains("may stop it again"), "{shown}");
    }
}

/// Only the message in another session said that the weekly limit was used up. After the 5-hour reset, `now` called a session
/// blocked by this limit, but `explain` said that this was only based on another message.
#[test]
fn now_does_not_state_an_unconfirmed_limit_as_a_fact() {
    let sandbox = with_a_private_login();
    let [waiting, weekly] = ["waiting", "weekly"].map(|name| session_of_login(&sandbox, name));
    let _processes =
        [&waiting, &weekly].map(|client| RunningClient::idle(&sandbox, &client.session));
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    waiting.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, refusal);
    weekly.receives_error("2026-11-20T10:05:00Z", WEEKLY, json!({}));
    let at = AFTER_CONTINUATION;
    let explained = flat(
        waiting
            .run(at, &["explain", "--session", "waiting"], b"")
            .success(),
    );
    let headline = "Another message says that your weekly limit is used up";
    assert!(explained.contains(headline), "{explained}");
    let now = flat(waiting.run(at, &["now"], b"").success());
    assert!(now.contains("may be blocked (weekly limit)"), "{now}");
}

/// The server refused a prompt of another session, which has no status line, because of the weekly limit. "Why" called this a
/// measurement of the weekly usage.
#[test]
fn a_refusal_of_another_session_is_not_called_a_measurement() {
    let sandbox = with_a_private_login();
    let [waiting, weekly] = ["waiting", "weekly"].map(|name| session_of_login(&sandbox, name));
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, "org_level_disabled"),
        windows(100.0, NOON, 95.0, TUESDAY),
    );
    let refusal = refused("seven_day", TUESDAY, "org_level_disabled");
    weekly.receives_error("2026-11-20T10:05:00Z", WEEKLY, refusal);
    let arguments = ["explain", "--json", "--session", "waiting"];
    let report = waiting.run(BOTH_APPLY, &arguments, b"").json();
    let mut evidence = report["incident"]["evidence"].as_array().unwrap().iter();
    let about_week = evidence
        .find(|reason| reason["fact"].as_str().unwrap().contains("weekly"))
        .unwrap();
    let sentence = "5 m after the error, the server refused a request because of your weekly limit (resets Tue Nov 24 06:00).";
    assert_eq!(about_week["fact"], sentence, "{report:#}");
    assert_eq!(about_week["source"], "transcript", "{report:#}");
}

/// Both windows were full, and then the week was reset early. Each row showed "week 100%" until noon, although Claude Code
/// reported 2%.
#[test]
fn the_figures_of_a_new_window_are_shown_although_a_limit_applies() {
    let sandbox = with_a_private_login();
    let [waiting, busy] = ["waiting", "busy"].map(|name| session_of_login(&sandbox, name));
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refused("five_hour", NOON, "org_level_disabled"),
        windows(100.0, NOON, 99.0, TUESDAY),
    );
    let both_full = windows(100.0, NOON, 100.0, TUESDAY);
    busy.calls_status_line("2026-11-20T10:03:00Z", both_full, 120);
    let next_week = 1_795_775_400; // 2026-11-27T10:30:00Z
    let new_week = windows(100.0, NOON, 2.0, next_week);
    busy.calls_status_line("2026-11-20T10:30:00Z", new_week.clone(), 120);
    let row = flat(&plain_rows(&busy, "2026-11-20T10:31:00Z", new_week));
    assert!(row.contains("week 2%"), "{row}");
}

/// Claude Code continued a session by itself, and a limit stopped it again. It waits again without an announcement, but whycap
/// said that it would not continue, and `wait` did not warn that the work might be done twice.
#[test]
fn a_session_waits_again_if_a_limit_stops_its_automatic_continuation() {
    const FIVE_PM: i64 = NOON + 5 * 60 * 60;
    for has_worked in [false, true] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "continued");
        let _process = RunningClient::idle(&sandbox, &client.session);
        client.receives_error(
            "2026-11-20T10:00:00Z",
            FIVE_HOUR,
            refused("five_hour", NOON, ""),
        );
        client.announces(
            "2026-11-20T12:01:00Z",
            "Usage limit reset \u{b7} Continuing automatically",
        );
        client.continues_automatically("2026-11-20T12:01:01Z");
        if has_worked {
            client.receives_response("2026-11-20T12:01:10Z");
        }
        let text = "You've hit your 5-hour limit \u{b7} resets 5pm (UTC)";
        let refusal = refused("five_hour", FIVE_PM, "");
        client.append(&client.error_line("2026-11-20T12:01:20Z", text, refusal));
        let at = "2026-11-20T12:05:00Z";
        let now = flat(client.run(at, &["now"], b"").success());
        assert!(now.contains("continues by itself about 17:0"), "{now}");
        let waited = crate::wait::waits(&client, at, &["--timeout", "1s"]);
        let lines = flat(&waited.stdout);
        assert!(lines.contains("or it will be done twice"), "{lines}");
        assert!(waited.stderr.contains("timed out"), "{waited:?}");
    }
}

/// Checks that the screens expect the session to continue by itself.
pub fn assert_continues_at_noon(client: &Client<'_>, at: &str) {
    let now = flat(client.run(at, &["now"], b"").success());
    assert!(now.contains("continues by itself about 12:0"), "{now}");
    let waited = crate::wait::waits(client, at, &["--timeout", "1s"]);
    let lines = flat(&waited.stdout);
    assert!(lines.contains("or it will be done twice"), "{lines}");
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
}

/// A user sent another prompt while Claude Code was waiting for the reset, and the limit refused it, too. Claude Code 2.1.331
/// went on waiting without another announcement, but whycap said that it would not continue.
#[test]
fn a_session_still_waits_if_the_limit_refuses_another_prompt() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "refused-twice");
    let _process = RunningClient::idle(&sandbox, &client.session);
    let refusal = refused("five_hour", NOON, "");
    client.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, &refusal);
    client.sends_prompt("2026-11-20T10:00:03Z", "fix the tests");
    let at = "2026-11-20T10:00:06Z";
    client.append(&client.error_line(at, FIVE_HOUR, &refusal));
    client.stop_failure(at, FIVE_HOUR);
    assert_continues_at_noon(&client, "2026-11-20T10:01:00Z");
}

/// The wait for the reset ended when the user left the session. In the resumed session, the limit refused another prompt without
/// an announcement, but whycap said that Claude Code would continue by itself.
#[test]
fn a_resumed_session_does_not_wait_if_the_limit_refuses_another_prompt() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "resumed");
    let _process = RunningClient::idle(&sandbox, &client.session);
    let refusal = refused("five_hour", NOON, "");
    client.receives_error("2026-11-20T10:00:00Z", FIVE_HOUR, &refusal);
    client.event(
        "2026-11-20T10:05:00Z",
        "SessionEnd",
        json!({"reason": "other"}),
    );
    client.event(
        "2026-11-20T10:06:00Z",
        "SessionStart",
        json!({"source": "resume"}),
    );
    client.sends_prompt("2026-11-20T10:10:00Z", "fix the tests");
    assert_is_refused_without_announcement(&client, "2026-11-20T10:10:03Z");
}

/// In the morning, Claude Code announced that it would wait for the reset, and the session continued after it. In the
/// afternoon, the limit refused two prompts without an announcement, but whycap used the announcement from the morning.
#[test]
fn an_announcement_before_the_last_response_does_not_count() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "afternoon");
    let _process = RunningClient::idle(&sandbox, &client.session);
    let morning = "You've hit your 5-hour limit · resets 9am (UTC)";
    let refusal = refused("five_hour", NOON - 3 * 3_600, "");
    client.receives_error("2026-11-20T08:00:00Z", morning, &refusal);
    client.sends_prompt("2026-11-20T09:10:00Z", "continue");
    client.receives_response("2026-11-20T09:10:05Z");
    client.sends_prompt("2026-11-20T10:00:00Z", "fix the tests");
    assert_is_refused_without_announcement(&client, "2026-11-20T10:00:03Z");
    client.sends_prompt("2026-11-20T10:10:00Z", "fix the tests");
    assert_is_refused_without_announcement(&client, "2026-11-20T10:10:03Z");
}

/// Claude Code announced that it would wait for the reset of the 5-hour window. Then the weekly window refused a prompt with the
/// same words and without an announcement, but whycap said that Claude Code would continue the session after the weekly reset.
#[test]
fn an_announcement_about_another_reset_does_not_count() {
    let of_user =
        "You've hit your monthly spend limit · raise it at https://claude.ai/settings/usage";
    let of_seat = "Your seat type doesn't include usage credits";
    for (text, no_credits) in [
        (of_user, "org_level_disabled_until"),
        (of_seat, "seat_tier_level_disabled"),
    ] {
        let sandbox = with_a_private_login();
        let client = session_of_login(&sandbox, "refused-twice");
        let _process = RunningClient::idle(&sandbox, &client.session);
        let of_five_hours = refused("five_hour", NOON, no_credits);
        client.receives_error("2026-11-20T10:00:00Z", text, of_five_hours);
        let full = windows(100.0, NOON, 97.0, TUESDAY);
        client.calls_status_line("2026-11-20T10:00:01Z", full, 120);
        client.sends_prompt("2026-11-20T12:05:00Z", "fix the tests");
        let of_week = refused("seven_day", TUESDAY, no_credits);
        client.append(&client.error_line("2026-11-20T12:05:03Z", text, of_week));
        client.stop_failure("2026-11-20T12:05:03Z", text);
        let at = "2026-11-20T12:06:00Z";
        let full = windows(1.0, NOON + 5 * 3_600, 100.0, TUESDAY);
        let row = plain_rows(&client, at, full);
        assert!(row.contains("Tue Nov 24 06:00"), "{row}");
        let waited = waits(&client, at, &["--timeout", "1s"]);
        assert!(waited.stderr.contains("timed out"), "{waited:?}");
        for screen in [
            row,
            answer(&client, at),
            flat(client.run(at, &["now"], b"").success()),
            flat(&waited.stdout),
        ] {
            for wrong in [
                "eave the session open",
                "continues by itself",
                "continue the open session",
            ] {
                assert!(!screen.contains(wrong), "{text}: {wrong}: {screen}");
            }
        }
    }
}

fn assert_is_refused_without_announcement(client: &Client<'_>, at: &str) {
    client.append(&client.error_line(at, FIVE_HOUR, refused("five_hour", NOON, "")));
    client.stop_failure(at, FIVE_HOUR);
    let later = at.replace(":03Z", ":50Z");
    let now = flat(client.run(&later, &["now"], b"").success());
    assert!(!now.contains("continues by itself"), "{now}");
    let waited = crate::wait::waits(client, &later, &["--timeout", "1s"]);
    let lines = flat(&waited.stdout);
    assert!(!lines.contains("or it will be done twice"), "{lines}");
    assert!(waited.stderr.contains("timed out"), "{waited:?}");
}

/// On a busy machine, the hook ran 1.5 seconds after the error. The announcement in the transcript was then taken for that of
/// an earlier error, and whycap said that Claude Code would not continue.
#[test]
fn an_announcement_counts_although_the_hook_ran_late() {
    let sandbox = with_a_private_login();
    let client = session_of_login(&sandbox, "late-hook");
    let _process = RunningClient::idle(&sandbox, &client.session);
    let refusal = refused("five_hour", NOON, "");
    client.append(&client.error_line("2026-11-20T10:00:00.773Z", FIVE_HOUR, refusal));
    client.announces(
        "2026-11-20T10:00:01.027Z",
        "Usage limit reached \u{b7} set to continue automatically at 12pm",
    );
    client.stop_failure("2026-11-20T10:00:02.331Z", FIVE_HOUR);
    assert_continues_at_noon(&client, "2026-11-20T10:01:00Z");
}

/// The 5-hour limit stopped two sessions. One of them was closed and resumed with `claude -c`, so Claude Code did not wait in it.
/// After the reset, its row said to send the prompt again, but `now` and `explain` were only about the session that Claude
/// Code continued.
#[test]
fn a_shell_names_the_session_that_has_to_be_sent_its_prompt_again_after_the_reset() {
    let sandbox = with_a_private_login();
    let [mut resumed, mut waiting] =
        ["resumed", "waiting"].map(|name| session_of_login(&sandbox, name));
    let _processes =
        [&resumed, &waiting].map(|client| RunningClient::idle(&sandbox, &client.session));
    let refusal = refused("five_hour", NOON, "org_level_disabled");
    let full = || windows(100.0, NOON, 44.0, TUESDAY);
    hits_limit(
        &resumed,
        "2026-11-20T10:00:00Z",
        FIVE_HOUR,
        &refusal,
        full(),
    );
    let resumption = json!({"source": "resume"});
    resumed.event("2026-11-20T10:02:00Z", "SessionStart", resumption);
    hits_limit(
        &waiting,
        "2026-11-20T10:05:00Z",
        FIVE_HOUR,
        &refusal,
        full(),
    );

    // After the reset, nothing confirms it until the other session has received a response.
    let end_words = ["should be over", "is over"];
    let assert_named = |at: &str, end: Option<&str>| {
        let explained = flat(in_shell(&sandbox, at, &["explain"]).success());
        let now = flat(in_shell(&sandbox, at, &["now"]).success());
        for words in end_words {
            let is_named = end == Some(words);
            let sentence = format!(
                "The limit that stopped the session resumed {words}; send the prompt again there."
            );
            assert_eq!(explained.contains(&sentence), is_named, "{at}: {explained}");
            let note = format!("limit {words}: send the prompt again");
            assert_eq!(now.contains(&note), is_named, "{at}: {now}");
        }
    };
    assert_named("2026-11-20T11:00:00Z", None);
    // Claude Code is about to continue the other session.
    assert_named("2026-11-20T12:00:20Z", Some("should be over"));
    waiting.continues_automatically("2026-11-20T12:00:50Z");
    let later = NOON + 5 * 60 * 60;
    let room = || windows(1.0, later, 44.0, TUESDAY);
    receives_response(&mut waiting, "2026-11-20T12:00:55Z", room());
    assert_named("2026-11-20T12:02:00Z", Some("is over"));
    let row = flat(&plain_rows(&resumed, "2026-11-20T12:02:00Z", room()));
    assert!(row.contains("send the prompt again"), "{row}");
    let now = in_shell(&sandbox, "2026-11-20T12:02:00Z", &["now", "--json"]).json();
    let mut sessions = now["sessions"].as_array().unwrap().iter();
    let entry = sessions.find(|session| session["session_id"] == "resumed");
    assert_eq!(entry.unwrap()["continues"], "no", "{now:#}");

    receives_response(&mut resumed, "2026-11-20T12:05:00Z", room());
    assert_named("2026-11-20T12:06:00Z", None);
}

/// Runs a command in a shell.
fn in_shell(sandbox: &Sandbox, at: &str, arguments: &[&str]) -> Run {
    run(sandbox, at, arguments, b"", &[])
}

/// A session is not mentioned after the reset if it has been closed, or if nobody has used it for a day.
#[test]
fn a_session_that_was_closed_or_left_alone_for_a_day_is_not_named_after_the_reset() {
    for (at, is_closed, is_named) in [
        ("2026-11-20T13:00:00Z", false, true),
        ("2026-11-20T13:00:00Z", true, false),
        ("2026-11-21T12:01:00Z", false, false),
    ] {
        let sandbox = with_a_private_login();
        let [stopped, newer] = ["stopped", "newer"].map(|name| session_of_login(&sandbox, name));
        let process = RunningClient::idle(&sandbox, &stopped.session);
        let _other_process = RunningClient::idle(&sandbox, &newer.session);
        let refusal = refused("five_hour", NOON, "org_level_disabled");
        let full = windows(100.0, NOON, 44.0, TUESDAY);
        hits_limit(&stopped, "2026-11-20T10:00:00Z", FIVE_HOUR, &refusal, full);
        let resumption = json!({"source": "resume"});
        stopped.event("2026-11-20T10:02:00Z", "SessionStart", resumption);
        if is_closed {
            drop(process);
        }
        let too_long = json!({"error": "invalid_request", "apiErrorStatus": 400});
        newer.receives_error(&after(at, -50), "Prompt is too long", too_long);
        let case = format!("{at}, closed: {is_closed}");
        let explained = flat(in_shell(&sandbox, at, &["explain"]).success());
        let sentence = "the session stopped should be over; send the prompt again";
        assert_eq!(
            explained.contains(sentence),
            is_named,
            "{case}: {explained}"
        );
        let now = flat(in_shell(&sandbox, at, &["now"]).success());
        let note = "limit should be over: send the prompt again";
        assert_eq!(now.contains(note), is_named, "{case}: {now}");
    }
}

/// A session was waiting for the reset when usage credits paid in another one and were then used up. `/whycap` and
/// `explain --session` said that Claude Code would continue the waiting session, and as the first step to wait. A prompt right after
/// the reset would have canceled the continuation.
#[test]
fn a_waiting_session_is_left_open_although_another_session_has_reached_the_limit_later() {
    let sandbox = with_a_private_login();
    let [waiting, mut pays] = ["waiting", "pays"].map(|name| session_of_login(&sandbox, name));
    let _processes = [&waiting, &pays].map(|client| RunningClient::idle(&sandbox, &client.session));
    let full = windows(100.0, NOON, 44.0, TUESDAY);
    let refusal = refused("five_hour", NOON, "out_of_credits");
    let no_credits = "You're out of usage credits · resets 12pm (UTC)";
    hits_limit(
        &waiting,
        "2026-11-20T10:00:00Z",
        no_credits,
        &refusal,
        full.clone(),
    );
    pays.sends_prompt("2026-11-20T10:02:20Z", "continue");
    receives_response(&mut pays, "2026-11-20T10:02:30Z", full.clone());
    hits_limit(&pays, "2026-11-20T10:06:00Z", no_credits, &refusal, full);
    let at = "2026-11-20T10:06:30Z";
    let shell = Client::with_session(&sandbox, "shell");
    let explained = shell.run(at, &["explain", "--session", "waiting"], b"");
    for shown in [answer(&waiting, at), flat(explained.success())] {
        let first =
            "1. Do nothing and leave the session open; Claude Code will continue about 12:01";
        assert!(shown.contains(first), "{shown}");
        assert!(!shown.contains("Wait until"), "{shown}");
    }
}
