//! Tests that every screen says the same about a session that Claude Code continues by itself, and about the usage
//! windows, while another session is at the limit of another window.

use serde_json::Value;

use crate::client::{Client, plain_rows, windows};
use crate::newest_evidence::hits_limit;
use crate::now::RunningClient;
use crate::situation::{
    FIVE_HOUR, NOON, TUESDAY, WEEKLY, flat, refused, session_of_login, with_a_private_login,
};
use crate::support::Sandbox;
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
}

fn windows_of_idle() -> Value {
    windows(60.0, NOON, 40.0, TUESDAY)
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

/// The 5-hour window has just reset, but the weekly window is full. The last line of `wait` did not name the session that
/// Claude Code was about to continue.
#[test]
fn the_last_line_names_the_continuing_sessions_if_another_window_is_full() {
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
    let last = "your weekly limit is used up until Tue Nov 24 06:00. Claude Code continues the open session waiting by itself.";
    assert!(lines.ends_with(last), "{waited:?}");
}
