//! Tests how readings from made-up sessions become window steps.

use super::*;
use crate::claude::status_payload::StatusPayload;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::journal;
use crate::time::reset_from_epoch_seconds;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn environment_in(root: &std::path::Path, now: &str) -> Environment {
    let data = ("WHYCAP_DATA_DIR".into(), root.join("data").into());
    let home = ("HOME".into(), root.into());
    Environment::new([data, home], at(now))
}

fn record_reading(root: &std::path::Path, session: &str, now: &str, used: f64, reset: i64) {
    let payload = format!(
        r#"{{"session_id":"{session}","rate_limits":{{"five_hour":{{"used_percentage":{used},"resets_at":{reset}}}}}}}"#
    );
    let environment = environment_in(root, now);
    let paths = Paths::of(&environment);
    let payload = StatusPayload::parse(payload.as_bytes());
    Incidents::new(&paths, &environment).store_reading(&payload);
}

fn known(root: &std::path::Path, from: &str) -> Vec<WindowStep> {
    let paths = Paths::of(&environment_in(root, from));
    steps(&paths, at(from), at("2027-06-01T00:00:00Z"))
}

fn percents(root: &std::path::Path, from: &str) -> Vec<f64> {
    let steps = known(root, from).into_iter();
    steps.map(|step| step.usage.used_percent).collect()
}

#[test]
fn every_whole_percent_and_every_reset_is_a_step_from_any_session() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (night, morning) = (1_796_087_000, 1_796_105_001);
    record_reading(root, "one", "2026-11-30T23:50:00Z", 41.2, night);
    record_reading(root, "two", "2026-11-30T23:55:00Z", 41.9, night);
    record_reading(root, "two", "2026-12-01T00:01:00Z", 42.0, night + 1);
    record_reading(root, "one", "2026-12-01T05:00:00Z", 42.0, morning);
    assert_eq!(percents(root, "2026-11-01T00:00:00Z"), [41.2, 42.0, 42.0]);
    let latest = known(root, "2026-12-01T00:01:00Z");
    let sessions: Vec<_> = latest.iter().map(|step| step.session.as_str()).collect();
    assert_eq!(sessions, ["two", "one"]);
    assert_eq!(
        latest[1].usage.resets_at,
        reset_from_epoch_seconds(1_796_105_001.0)
    );
}

#[test]
fn a_step_has_the_plan_at_its_time() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let five = r#","organizationRateLimitTier":"default_claude_max_5x""#;
    let twenty = format!(r#"{five},"userRateLimitTier":"default_claude_max_20x""#);
    for (tiers, minute, used) in [
        (five, 0, 40.0),
        (five, 1, 41.0),
        (&twenty, 2, 12.0),
        ("", 3, 13.0),
    ] {
        let account = format!(
            r#"{{"oauthAccount":{{"accountUuid":"a","organizationUuid":"o","organizationType":"claude_max"{tiers}}}}}"#
        );
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(root.join(".claude.json"), account).unwrap();
        let now = format!("2026-11-30T20:{minute:02}:00Z");
        record_reading(root, "one", &now, used, 1_796_087_000);
    }
    let steps = known(root, "2026-11-30T00:00:00Z").into_iter();
    let plans: Vec<_> = steps.map(|step| step.plan.unwrap()).collect();
    let sizes = ["5x", "5x", "20x"].map(|size| format!("default_claude_max_{size}"));
    assert_eq!(plans[..3], sizes);
    assert_eq!(plans[3], "claude_max");
}

#[test]
fn a_truncated_reading_does_not_affect_others() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let now = "2026-11-30T20:00:00Z";
    let paths = Paths::of(&environment_in(root, now));
    for (nth, damage) in ["\n{\"reading\":{\"session\":\"o", "\n\0\n", ""]
        .into_iter()
        .enumerate()
    {
        let percent = f64::from(u8::try_from(nth * 10).unwrap());
        let now = format!("2026-11-30T20:{nth}0:00Z");
        record_reading(root, "one", &now, percent, 1_796_087_000);
        journal::tests::damage(&paths, at(&now), damage.as_bytes());
    }
    assert_eq!(percents(root, "2026-11-30T00:00:00Z"), [0.0, 10.0, 20.0]);
}
