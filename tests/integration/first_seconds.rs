//! Tests that whycap does not claim that a usage window is full in the first seconds after an error. Claude Code has
//! not reported the usage figures of the refused request yet.

use serde_json::{Value, json};

use crate::client::{Client, plain_rows, windows};
use crate::situation::{
    FIVE_HOUR, NOON, TUESDAY, WEEKLY, flat, refused, two_sessions_of_login, with_a_private_login,
};
use crate::support::Sandbox;

const READ_AT: &str = "2026-11-20T09:59:52Z";
const ERROR_AT: &str = "2026-11-20T10:00:00Z";
const SOON: &str = "2026-11-20T10:00:00.400Z";
/// By this time, Claude Code would have reported the figures of the refused request.
const LATER: &str = "2026-11-20T10:00:04Z";

/// The output of the status line and of several commands at the same time, after a session has received a limit error.
struct Screens {
    /// The status line of the session that received the error.
    own_rows: String,
    /// The status line of another session of the same account, in a narrow terminal.
    other_rows: String,
    explain: String,
    now: String,
    /// The usage of the fuller window in `now --json`.
    highest: f64,
    verdict: Value,
    wait: String,
}

impl Screens {
    /// Runs the status lines of both sessions with these windows, and then runs the commands.
    fn at(at: &str, [stopped, other]: &[Client<'_>; 2], reported: &Value) -> Self {
        let [own_rows, other_rows] = [(stopped, 160), (other, 50)].map(|(client, columns)| {
            let call = client.calls_status_line(at, reported.clone(), columns);
            flat(&whycap::terminal::strip_ansi(call.success()))
        });
        let now = stopped.run(at, &["now", "--json"], b"").json();
        let [explain, now_screen, wait] =
            [&["explain"][..], &["now"], &["wait", "--timeout", "1s"]].map(|arguments| {
                let run = stopped.run(at, arguments, b"");
                flat(&format!("{} {}", run.stdout, run.stderr))
            });
        Self {
            own_rows,
            other_rows,
            explain,
            // The list of sessions also contains percentages.
            now: now_screen.replace("stopped 100%", ""),
            highest: ["five_hour", "seven_day"]
                .into_iter()
                .filter_map(|window| now["windows"][window]["used_percentage"].as_f64())
                .fold(0.0, f64::max),
            verdict: stopped.explained(at)["verdict"].clone(),
            wait,
        }
    }

    /// Returns all outputs except those from JSON.
    fn all(&self) -> [&str; 5] {
        [
            &self.own_rows,
            &self.other_rows,
            &self.explain,
            &self.now,
            &self.wait,
        ]
    }

    /// Asserts that the status line calls the limit unconfirmed, that the commands say that it is too early to tell,
    /// and that no output says whether the limit is real.
    fn assert_undecided(&self, name: &str) {
        assert_eq!(self.verdict, "cannot_tell", "{name}");
        assert!(self.highest < 100.0, "{name}: {}", self.highest);
        for screen in self.all() {
            for claim in [
                "100%",
                "is used up",
                "costs money",
                "usage credits",
                "Leave the session open",
                "will continue",
                "false alarm",
            ] {
                assert!(!screen.contains(claim), "{name}: {claim}: {screen}");
            }
        }
        for wrong in ["You are still blocked", "no record"] {
            assert!(!self.explain.contains(wrong), "{name}: {}", self.explain);
        }
        for text in ["(unconfirmed)", "Whether the limit is real"] {
            assert!(self.own_rows.contains(text), "{name}: {}", self.own_rows);
        }
        let headline = "whycap cannot tell yet whether the limit that Claude Code reported is real";
        assert!(self.explain.contains(headline), "{name}: {}", self.explain);
        assert!(self.now.contains(headline), "{name}: {}", self.now);
        assert!(
            self.wait.contains("too early to tell"),
            "{name}: {}",
            self.wait
        );
    }

    /// Asserts that the outputs say that the window is used up, and that none says that it is too early to tell.
    fn assert_real(&self, name: &str) {
        assert_eq!(self.verdict, "real", "{name}: {}", self.explain);
        assert!(
            (self.highest - 100.0).abs() < f64::EPSILON,
            "{name}: {}",
            self.now
        );
        assert!(
            self.explain.contains("is used up"),
            "{name}: {}",
            self.explain
        );
        for rows in [&self.own_rows, &self.other_rows] {
            assert!(rows.contains("100%"), "{name}: {rows}");
        }
        for screen in self.all() {
            for doubt in ["too early", "unconfirmed"] {
                assert!(!screen.contains(doubt), "{name}: {screen}");
            }
        }
    }
}

/// Creates two sessions that report these windows. Seconds later, the first one receives this error.
fn refused_sessions<'s>(
    sandbox: &'s Sandbox,
    reported: Option<&Value>,
    text: &str,
    refusal: &Value,
) -> [Client<'s>; 2] {
    let sessions = two_sessions_of_login(sandbox);
    if let Some(reported) = reported {
        for session in &sessions {
            session.calls_status_line(READ_AT, reported.clone(), 120);
        }
    }
    sessions[0].receives_error(ERROR_AT, text, refusal);
    sessions
}

#[test]
fn a_limit_that_the_last_reading_contradicts_is_undecided_for_the_first_seconds() {
    let five_hour_refusal = refused("five_hour", NOON, "");
    let weekly_refusal = refused("seven_day", TUESDAY, "");
    let no_quota = json!({});
    let room = windows(60.0, NOON, 40.0, TUESDAY);
    let little_room = windows(88.0, NOON, 40.0, TUESDAY);
    let other_reset = windows(60.0, NOON + 3_600, 40.0, TUESDAY);
    let room_in_week = windows(60.0, NOON, 9.0, TUESDAY);
    for (name, reported, text, refusal) in [
        ("60%", &room, FIVE_HOUR, &five_hour_refusal),
        ("88%", &little_room, FIVE_HOUR, &five_hour_refusal),
        ("no quota", &room, FIVE_HOUR, &no_quota),
        ("another reset", &other_reset, FIVE_HOUR, &five_hour_refusal),
        ("weekly", &room_in_week, WEEKLY, &weekly_refusal),
    ] {
        let sandbox = with_a_private_login();
        let sessions = refused_sessions(&sandbox, Some(reported), text, refusal);
        Screens::at(SOON, &sessions, reported).assert_undecided(name);

        let later = Screens::at(LATER, &sessions, reported);
        assert_eq!(later.verdict, "false_likely", "{name}: {}", later.explain);
        assert!(
            later.own_rows.contains("false alarm?"),
            "{name}: {}",
            later.own_rows
        );
        assert!(later.highest < 100.0, "{name}: {}", later.highest);
    }
}

/// Claude Code calls the status line twice with the same figures within the first second. The second row said that the
/// limit was a false alarm, while the commands could not tell yet.
#[test]
fn figures_that_are_reported_twice_after_an_error_have_not_changed() {
    let sandbox = with_a_private_login();
    let refusal = refused("overage", TUESDAY, "out_of_credits");
    let text = "You're out of usage credits";
    let [client, _] = refused_sessions(&sandbox, None, text, &refusal);
    let reported = windows(70.0, NOON, 30.0, TUESDAY);
    for (at, verdict) in [
        (SOON, "cannot_tell"),
        ("2026-11-20T10:00:00.900Z", "cannot_tell"),
        (LATER, "false_likely"),
    ] {
        let call = client.calls_status_line(at, reported.clone(), 120);
        assert_eq!(client.explained(at)["verdict"], verdict, "{at}");
        let is_decided = verdict == "false_likely";
        let row = call.success();
        assert_eq!(row.contains("false alarm?"), is_decided, "{at}: {row}");
    }
}

/// `wait` was waiting for a false alarm about usage credits when Claude Code tried again and was refused again. It then
/// gave up with exit code 12 because "whycap cannot tell yet", so the script after it did not run.
#[test]
fn a_script_that_waits_for_a_false_alarm_outlasts_the_first_seconds_after_a_retry() {
    for (text, refusal) in [
        (
            "You're out of usage credits",
            refused("overage", TUESDAY, "out_of_credits"),
        ),
        (
            "You've hit your org's monthly spend limit",
            refused("overage", TUESDAY, "org_level_disabled_until"),
        ),
    ] {
        let sandbox = with_a_private_login();
        let reported = windows(42.0, NOON, 17.0, TUESDAY);
        let [client, _] = refused_sessions(&sandbox, Some(&reported), text, &refusal);
        let before_retry = client.run(LATER, &["explain", "--exit-code"], b"");
        assert_eq!(before_retry.code, 10, "{text}: {before_retry:?}");

        client.receives_error("2026-11-20T10:01:00Z", text, &refusal);
        let after_retry = "2026-11-20T10:01:00.400Z";
        assert_eq!(client.explained(after_retry)["verdict"], "cannot_tell");
        let explained = client.run(after_retry, &["explain", "--exit-code"], b"");
        assert_eq!(explained.code, 10, "{text}: {explained:?}");
        let waited = client.run(after_retry, &["wait", "--timeout", "1s"], b"");
        assert_eq!(waited.code, 124, "{text}: {waited:?}");
        assert!(waited.stderr.contains("too early to tell"), "{waited:?}");
    }
}

/// A window at 93% may have filled up, so the limit counts as real unless a newer reading contradicts it.
#[test]
fn a_limit_of_a_window_at_93_percent_is_undecided_only_for_the_first_seconds() {
    let sandbox = with_a_private_login();
    let refusal = refused("five_hour", NOON, "");
    let reported = windows(93.0, NOON, 40.0, TUESDAY);
    let sessions = refused_sessions(&sandbox, Some(&reported), FIVE_HOUR, &refusal);
    Screens::at(SOON, &sessions, &reported).assert_undecided("93%");
    Screens::at(LATER, &sessions, &reported).assert_real("93%");
}

#[test]
fn a_real_limit_is_named_at_once_if_the_windows_were_nearly_full_or_unknown() {
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    let refusal = refused("five_hour", NOON, "");
    for (name, reported) in [
        ("97%", Some(windows(97.0, NOON, 40.0, TUESDAY))),
        ("96%", Some(windows(96.0, NOON, 40.0, TUESDAY))),
        ("no reading", None),
    ] {
        let sandbox = with_a_private_login();
        let sessions = refused_sessions(&sandbox, reported.as_ref(), FIVE_HOUR, &refusal);
        if let Some(reported) = &reported {
            Screens::at(SOON, &sessions, reported).assert_real(name);
        } else {
            assert_eq!(sessions[0].explained(SOON)["verdict"], "real", "{name}");
        }
        Screens::at("2026-11-20T10:00:02Z", &sessions, &full).assert_real(name);
    }
}

/// An old reading cannot contradict the message, so the limit counts as real.
#[test]
fn a_limit_after_an_old_reading_is_named_at_once() {
    let sandbox = with_a_private_login();
    let [session, _] = two_sessions_of_login(&sandbox);
    let reported = windows(60.0, NOON, 40.0, TUESDAY);
    session.calls_status_line("2026-11-20T09:40:00Z", reported, 120);
    session.receives_error(ERROR_AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let incident = session.explained(SOON);
    assert_eq!(incident["verdict"], "real", "{incident:#}");
}

/// As soon as Claude Code reports the figures of the refused request, they settle the question, even in the first
/// second.
#[test]
fn a_limit_is_named_as_soon_as_a_reading_shows_that_the_window_is_full() {
    let sandbox = with_a_private_login();
    let refusal = refused("five_hour", NOON, "");
    let reported = windows(60.0, NOON, 40.0, TUESDAY);
    let sessions = refused_sessions(&sandbox, Some(&reported), FIVE_HOUR, &refusal);
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    Screens::at(SOON, &sessions, &full).assert_real("first call");
}

/// The session received a response shortly before its next request was refused. `explain` attributed the figures of the
/// refused request to that response and called the limit a false alarm ("5-hour usage 42%"), while the status line
/// named the limit. In the end-to-end test, the real client sends requests just as quickly.
#[test]
fn the_figures_of_a_refused_request_are_not_those_of_a_response_just_before_it() {
    let sandbox = with_a_private_login();
    let [mut stopped, _] = two_sessions_of_login(&sandbox);
    stopped.sends_prompt("2026-11-20T09:59:58.000Z", "say hello");
    stopped.works("2026-11-20T09:59:58.600Z", 100);
    stopped.api_ms = 27;
    let room = windows(42.0, NOON, 17.0, TUESDAY);
    stopped.calls_status_line("2026-11-20T09:59:59.700Z", room, 120);
    stopped.sends_prompt("2026-11-20T09:59:59.800Z", "go on please");
    stopped.receives_error(ERROR_AT, FIVE_HOUR, refused("five_hour", NOON, ""));
    let full = windows(100.0, NOON, 40.0, TUESDAY);
    stopped.calls_status_line(SOON, full, 120);
    let incident = stopped.explained(LATER);
    assert_eq!(incident["verdict"], "real", "{incident:#}");
}

/// A user without an organization receives a 429 response with the words of an organization's cap. The server blames no
/// usage window, and the readings show 30% or are old. No screen may then name the 5-hour limit or count the error as
/// one: all of them use the name in the message.
#[test]
fn a_message_about_an_organizations_cap_is_no_5_hour_limit_without_evidence() {
    let refusal =
        json!({"error": "rate_limit", "apiErrorStatus": 429, "apiErrorIsTransient": true});
    for text in [
        "You've hit your org's monthly spend limit",
        "API Error: Server is temporarily limiting requests (not your usage limit) · You've hit your org's monthly spend limit",
    ] {
        for read_at in [READ_AT, "2026-11-20T09:00:00Z"] {
            let sandbox = with_a_private_login();
            let client = Client::new(&sandbox);
            let usage = windows(30.0, NOON, 17.0, TUESDAY);
            client.calls_status_line(read_at, usage, 160);
            let notification = client.receives_error(ERROR_AT, text, &refusal).stdout;
            let case = format!("{text}, {read_at}");
            assert!(
                !notification.contains("5-hour limit"),
                "{case}: {notification}"
            );
            for at in [SOON, "2026-11-20T10:03:00Z", "2026-11-20T10:40:00Z"] {
                let row = client.calls_status_line(at, json!({}), 160).stdout;
                let list = client.run(at, &["incidents", "--json"], b"").json();
                let counted = &list["sums"]["by_limit"];
                for shown in [
                    row,
                    client.run(at, &["explain"], b"").stdout,
                    client.run(at, &["now"], b"").stdout,
                    client.run(at, &["incidents"], b"").stdout,
                ] {
                    let shown = flat(&whycap::terminal::strip_ansi(&shown));
                    assert!(!shown.contains("5-hour limit"), "{case}, {at}: {shown}");
                    assert!(!shown.contains("5h 100%"), "{case}, {at}: {shown}");
                }
                let limits = [&client.explained(at)["limit"], &counted[0]["limit"]];
                assert_eq!(limits, ["org_spend_cap", "org_spend_cap"], "{case}, {at}");
                assert_eq!(counted.as_array().map(Vec::len), Some(1), "{case}, {at}");
                // A personal plan has no admin whom the user could ask.
                let who = &client.explained(at)["who_can_fix"];
                assert_ne!(who, "admin", "{case}, {at}");
            }
            // Until newer figures arrive, the row names the limit in the message.
            if read_at == READ_AT {
                let row = client.calls_status_line(SOON, json!({}), 160).stdout;
                assert!(row.contains("spend cap (unconfirmed)"), "{case}: {row}");
            }
        }
    }
}

/// Claude Code may run the hook before it writes the error's line. The hook and the row then called an organization's cap
/// a 5-hour limit, and a second later every screen called it a spend cap.
#[test]
fn an_organizations_cap_keeps_its_name_when_its_line_is_written_after_the_hook() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.works("2026-11-20T09:30:00Z", 10);
    let text = "You've hit your org's monthly spend limit";
    let notification = client.stop_failure(ERROR_AT, text).stdout;
    let first_row = plain_rows(&client, SOON, json!({}));
    let first_explanation = client.explained(SOON);
    let is_transient = json!({"apiErrorIsTransient": true});
    client.append(&client.error_line(ERROR_AT, text, is_transient));
    let second_row = plain_rows(&client, "2026-11-20T10:00:01Z", json!({}));
    let second_explanation = client.explained("2026-11-20T10:00:01Z");
    for shown in [&notification, &first_row, &second_row] {
        assert!(!shown.contains("5-hour limit"), "{shown}");
        assert!(shown.contains("org's cap"), "{shown}");
    }
    for incident in [first_explanation, second_explanation] {
        assert_eq!(incident["limit"], "org_spend_cap", "{incident:#}");
    }
}

/// A request of a workflow agent is refused. The session's transcript never records this error, so waiting for its line
/// does not help. `explain` changed the name of the limit after two seconds, when the notification had already been
/// shown.
#[test]
fn the_error_of_a_workflow_keeps_its_name_after_the_first_seconds() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.works("2026-11-20T09:30:00Z", 10);
    let error = json!({
        "error": "rate_limit", "last_assistant_message": "You've hit your org's monthly spend limit",
        "agent_id": "a1b2", "agent_type": "workflow-subagent",
    });
    client.event(ERROR_AT, "StopFailure", error).success();
    let limits = [SOON, "2026-11-20T10:00:03Z"].map(|at| client.explained(at)["limit"].clone());
    assert_eq!(limits[0], limits[1]);
}

/// On a busy machine, the hook runs eight seconds after the line of its error. It ignored the line, so its notification
/// blamed the organization's cap, as the message does, and mentioned neither the 5-hour limit that the server blames
/// nor a reset.
#[test]
fn a_hook_that_runs_seconds_late_still_reads_the_line_of_its_error() {
    let sandbox = with_a_private_login();
    let client = Client::new(&sandbox);
    client.works("2026-11-20T09:30:00Z", 10);
    client.sends_prompt("2026-11-20T09:59:58Z", "go on");
    let text = "You've hit your org's monthly spend limit";
    client.append(&client.error_line(ERROR_AT, text, refused("five_hour", NOON, "")));
    let hook_at = "2026-11-20T10:00:08Z";
    let notification = client.stop_failure(hook_at, text).stdout;
    assert!(notification.contains("5-hour limit"), "{notification}");
    assert!(notification.contains("12:00"), "{notification}");
    let row = plain_rows(&client, "2026-11-20T10:00:08.400Z", json!({}));
    assert!(row.contains("5-hour limit"), "{row}");
}

/// Clients before 2.1.240 used the words of an organization's cap for a full 5-hour window, and did not record which
/// window the server blamed. A hook without a transcript line does not show it, either. Such an error counts as the
/// 5-hour limit whether or not a reading contradicts it, so that `incidents` does not split one problem.
#[test]
fn without_a_record_of_the_server_the_words_of_an_organizations_cap_mean_the_5_hour_limit() {
    for (version, has_line) in [("2.1.130", true), ("2.1.328", false)] {
        for percent in [None, Some(30.0)] {
            let sandbox = Sandbox::new();
            Client::logged_in(&sandbox, "pro", "admin");
            let mut client = Client::new(&sandbox);
            version.clone_into(&mut client.version);
            if let Some(percent) = percent {
                let usage = windows(percent, NOON, 17.0, TUESDAY);
                client.calls_status_line(READ_AT, usage, 160);
            }
            let text = "You've hit your org's monthly spend limit";
            if has_line {
                client.receives_error(ERROR_AT, text, json!({}));
            } else {
                client.works("2026-11-20T09:30:00Z", 10);
                client.stop_failure(ERROR_AT, text);
            }
            let incident = client.explained("2026-11-20T10:03:00Z");
            let case = format!("{version}, {percent:?}: {incident:#}");
            assert_eq!(incident["limit"], "five_hour", "{case}");
        }
    }
}
