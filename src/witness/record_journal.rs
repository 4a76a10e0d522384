use crate::claude::hook_event::HookEvent;
use crate::context::{Context, StatusLineCall, StatusLineFacts};
use crate::environment::Environment;
use crate::paths::Paths;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::io::Write;

#[test]
fn record() {
    let home = std::path::PathBuf::from("/tmp/oldhome/h");
    let _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(home.join(".claude/projects/-p")).unwrap();
    let s = [
        "5a7d3c1e-0000-4000-a000-00000000c0de",
        "6b7d3c1e-0000-4000-a000-00000000beef",
    ];
    let now: DateTime<Utc> = DateTime::from_timestamp(1_795_154_102, 0).unwrap();
    let a = (
        "11111111-1111-4111-8111-111111111111",
        "22222222-2222-4222-8222-222222222222",
    );
    std::fs::write(home.join(".claude.json"), json!({"oauthAccount":{"accountUuid":a.0,"organizationUuid":a.1,"organizationType":"claude_max","organizationRole":"admin"}}).to_string()).unwrap();
    let tr = |n: usize| home.join(format!(".claude/projects/-p/{}.jsonl", s[n]));
    let put = |n: usize, mut line: serde_json::Value| {
        line["sessionId"] = json!(s[n]);
        if line["type"] != "session-owner" {
            line["version"] = json!("2.1.329");
            line["uuid"] = json!(format!(
                "u{}",
                std::fs::metadata(tr(n)).map_or(0, |m| m.len())
            ));
        }
        let mut f = std::fs::File::options()
            .create(true)
            .append(true)
            .open(tr(n))
            .unwrap();
        writeln!(f, "{line}").unwrap();
    };
    let time =
        |t: i64| (now + TimeDelta::seconds(t)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let environment = |n: usize, t: i64| {
        let mut v = vec![
            ("HOME", home.to_str().unwrap().to_owned()),
            ("CLAUDE_CODE_SESSION_ID", s[n].to_owned()),
            ("COLUMNS", "120".into()),
        ];
        if n == 1 {
            v.push(("ANTHROPIC_API_KEY", "sk-x".into()));
        }
        Environment::new(
            v.into_iter().map(|(k, v)| (k.into(), v.into())),
            now + TimeDelta::seconds(t),
        )
    };
    let hook = |n: usize, t: i64, mut fields: serde_json::Value| {
        fields["session_id"] = json!(s[n]);
        fields["transcript_path"] = json!(tr(n));
        fields["cwd"] = json!("/p");
        let event = HookEvent::parse(fields.to_string().as_bytes());
        let environment = environment(n, t);
        let mut context = Context::with_paths(Paths::of(&environment), environment);
        let name = event.name.unwrap();
        context.event = Some(event);
        use crate::claude::hook_event::EventName as E;
        match name {
            E::SessionStart => {
                context.on_start();
                context.catch_up()
            }
            E::StopFailure => {
                context.on_failure();
            }
            E::Stop => {
                context.on_response();
                context.catch_up();
                context.store_ends_of_other_errors()
            }
            _ => {}
        }
    };
    let line = |n: usize, t: i64, limits: serde_json::Value| {
        let p = json!({"session_id":s[n],"transcript_path":tr(n),"cwd":"/p","model":{"id":"claude-opus-5-5","display_name":"Opus 5.5"},"workspace":{"current_dir":"/p","project_dir":"/p"},"version":"2.1.329","cost":{"total_cost_usd":0.5,"total_duration_ms":60000+1000*t,"total_api_duration_ms":900+t},"rate_limits":limits});
        let (call, _) = StatusLineCall::read(p.to_string().as_bytes(), environment(n, t));
        let facts = StatusLineFacts::collect(&call);
        let _ = facts.render();
        facts.save();
    };
    let rl = |five: f64, reset: i64| json!({"five_hour":{"used_percentage":five,"resets_at":now.timestamp()+reset},"seven_day":{"used_percentage":30,"resets_at":now.timestamp()+300_000}});
    hook(
        0,
        -100,
        json!({"hook_event_name":"SessionStart","source":"startup"}),
    );
    hook(
        1,
        -100,
        json!({"hook_event_name":"SessionStart","source":"startup"}),
    );
    put(
        0,
        json!({"type":"session-owner","accountUuid":a.0,"organizationUuid":a.1}),
    );
    for n in 0..2 {
        put(
            n,
            json!({"type":"user","timestamp":time(-90),"message":{"role":"user","content":"hi"}}),
        );
    }
    line(0, -60, rl(97.0, 7200));
    let error = |n: usize,
                 t: i64,
                 text: &str,
                 kind: &str,
                 status: u16,
                 quota: serde_json::Value| {
        put(
            n,
            json!({"type":"assistant","timestamp":time(t),"requestId":"req_1","isApiErrorMessage":true,"error":kind,"apiErrorStatus":status,"message":{"id":"x","model":"<synthetic>","role":"assistant","content":[{"type":"text","text":text}],"usage":{"input_tokens":0,"output_tokens":0}},"quotaLimits":quota}),
        );
        hook(
            n,
            t,
            json!({"hook_event_name":"StopFailure","error":kind,"last_assistant_message":text}),
        );
    };
    error(
        0,
        0,
        "You've hit your 5-hour limit · resets 7:55am (UTC)",
        "rate_limit",
        429,
        json!({"rateLimitType":"five_hour","overageDisabledReason":"out_of_credits","overageStatus":"rejected","status":"rejected","resetsAt":now.timestamp()+7200}),
    );
    line(0, 1, rl(100.0, 7200));
    error(
        1,
        10,
        "Credit balance is too low",
        "billing_error",
        400,
        json!(null),
    );
    put(
        0,
        json!({"type":"user","timestamp":time(7300),"message":{"role":"user","content":"go"}}),
    );
    put(
        0,
        json!({"type":"assistant","timestamp":time(7310),"requestId":"req_ok","message":{"id":"msg_ok","type":"message","role":"assistant","model":"claude-opus-5-5","content":[{"type":"text","text":"k"}],"usage":{"input_tokens":3,"output_tokens":1000,"cache_read_input_tokens":10000,"cache_creation_input_tokens":0}}}),
    );
    line(0, 7311, rl(3.0, 7200 + 18000));
    hook(
        0,
        7330,
        json!({"hook_event_name":"Stop","last_assistant_message":"k"}),
    );
}
