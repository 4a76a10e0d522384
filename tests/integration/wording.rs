//! Tests every sentence that whycap can produce, for all messages, plans, readings, and levels of detail.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use whycap::claude::account::{Account, Plan};
use whycap::claude::credentials::{Credential, SetIn};
use whycap::claude::settings::SettingsScope;
use whycap::claude::window_usage::WindowUsage;
use whycap::limits::catalog::{Row, rows};
use whycap::limits::evidence::{Collected, Evidence, MessageOrigin, StoredError};
use whycap::limits::incident::Incident;
use whycap::limits::sample::Sample;
use whycap::limits::screen::{ReadMore, at_length, on_one_screen, status_rows};
use whycap::render::Page;
use whycap::terminal::{Palette, width};
use whycap::time::{Clock, HourFormat, Zone};
use whycap::transcript::tail::{ErrorLine, QuotaLimits};

fn at() -> DateTime<Utc> {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn sample(five_hour: f64, weekly: f64) -> Sample {
    let [five_hour, seven_day] = [(five_hour, 2), (weekly, 80)].map(|(used_percent, hours)| {
        Some(WindowUsage {
            used_percent,
            resets_at: Some(at() + TimeDelta::hours(hours)),
        })
    });
    Sample {
        since: at(),
        at: at(),
        measured: at(),
        five_hour,
        seven_day,
        ..Sample::default()
    }
}

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = rows()
        .flat_map(Row::texts)
        .flat_map(|text| {
            [
                "",
                " · resets 11am (UTC)",
                " · resets 9:50am (UTC)",
                " · resets Nov 25, 3:33pm (UTC)",
            ]
            .map(|reset| text.replace(" · resets …", reset))
        })
        .collect();
    texts.extend(["", "!", "…", "{when} {pool}", "429", "usage"].map(str::to_owned));
    texts.sort();
    texts.dedup();
    texts
}

fn quota(kind: &str, reason: Option<&str>, resets: Option<i64>) -> QuotaLimits {
    QuotaLimits {
        status: Some("rejected".to_owned()),
        rate_limit_type: Some(kind.to_owned()),
        resets_at: resets.map(|hours| at() + TimeDelta::hours(hours)),
        overage_disabled_reason: reason.map(str::to_owned),
    }
}

fn quotas() -> Vec<Option<QuotaLimits>> {
    vec![
        None,
        Some(quota("five_hour", None, Some(2))),
        Some(quota(
            "five_hour",
            Some("org_level_disabled_until"),
            Some(-1),
        )),
        Some(quota("overage", Some("out_of_credits"), None)),
        Some(quota("something_new", Some("something_newer"), None)),
    ]
}

fn account(plan: Plan, role: &str) -> Account {
    Account {
        plan,
        tier: None,
        role: Some(role.to_owned()),
        owner: whycap::transcript::owner::Owner::default(),
    }
}

fn accounts() -> Vec<Option<Account>> {
    vec![
        None,
        Some(account(Plan::Max, "admin")),
        Some(account(Plan::Team, "user")),
        Some(account(Plan::Enterprise, "owner")),
    ]
}

/// Checks the rules for all text. `checked` contains the long explanations that have been checked already. If it
/// contains the long explanation of this incident, the short one need not be checked either, because it contains
/// nothing else.
fn check(incident: &Incident, checked: &mut HashSet<String>) {
    let about = format!("{} / {}", incident.text(), incident.headline());
    assert!(width(incident.badge()) <= 60, "badge: {}", incident.badge());
    assert!(!incident.badge().is_empty(), "{about}");
    assert!(!incident.badge().ends_with('…'), "{}", incident.badge());
    let headline = incident.headline().trim_end_matches('.');
    assert!(headline.len() < incident.headline().len(), "{about}");
    assert!(!headline.contains(". "), "two sentences: {about}");
    let length = incident.headline().chars().count();
    assert!(length <= 110, "{length} characters: {about}");
    assert!(!incident.actions().is_empty(), "{about}");
    assert!(!incident.reasons().is_empty(), "{about}");
    // A terminal with 40, 50, or 100 columns leaves four columns fewer for the status line.
    for columns in [10, 36, 46, 96] {
        for row in status_rows(incident, ReadMore::InSession, columns)
            .into_iter()
            .flatten()
        {
            let text: String = row.into_iter().map(|(_, text)| text).collect();
            assert!(
                width(&text) <= columns && !text.is_empty(),
                "{columns}: {text}"
            );
            assert!(columns < 36 || !text.contains('…'), "{columns}: {text}");
        }
    }
    let page = Page::new(80, Palette::none());
    let long = at_length(incident, None, &[], &[]).text(page);
    if !checked.insert(long.clone()) {
        return;
    }
    let short = on_one_screen(incident, None, &[], "For details, add --long").text(page);
    assert!(short.lines().count() < 24, "{short}");
    for text in [&short, &long] {
        let collapsed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(collapsed.contains(incident.headline()), "{about}");
        let own_words = text.split("The message\n").next().unwrap_or_default();
        for odd in ["!", "{", "}", "the client", "rganis", " %", "  -"] {
            assert!(!own_words.contains(odd), "{odd:?} in {own_words}");
        }
        assert!(text.lines().all(|line| width(line) <= 80), "{text}");
    }
}

fn clock() -> Clock {
    Clock {
        now: at(),
        zone: Zone::named("Asia/Kolkata").unwrap(),
        hours: HourFormat::TwentyFour,
    }
}

#[test]
fn every_sentence_is_complete_and_fits() {
    let all = texts();
    let share = all
        .len()
        .div_ceil(std::thread::available_parallelism().map_or(1, usize::from));
    std::thread::scope(|scope| {
        for texts in all.chunks(share) {
            scope.spawn(|| check_all(texts));
        }
    });
}

fn check_all(texts: &[String]) {
    let mut checked = HashSet::new();
    let key = Credential {
        name: "ANTHROPIC_API_KEY".to_owned(),
        set_in: SetIn::Environment,
        host: None,
    };
    let gateway = Credential {
        name: "ANTHROPIC_BASE_URL".to_owned(),
        set_in: SetIn::Settings(SettingsScope::User),
        host: Some("gateway.with.a.name.of.some.length.example.com".to_owned()),
    };
    let samples = [
        vec![],
        vec![sample(41.0, 22.0)],
        vec![sample(100.0, 30.0)],
        vec![sample(3.0, 99.0)],
    ];
    for text in texts {
        for quota in quotas() {
            for account in accounts() {
                for (index, samples) in samples.iter().enumerate() {
                    let mut error = StoredError::new(at(), MessageOrigin::Hook, text.clone());
                    error.message.line = Some(ErrorLine {
                        quota: quota.clone(),
                        ..ErrorLine::default()
                    });
                    error.payer.account.clone_from(&account);
                    error.readings.clone_from(samples);
                    error.payer.credentials = match index {
                        1 => vec![key.clone()],
                        2 => vec![gateway.clone()],
                        _ => Vec::new(),
                    };
                    let client = &mut error.session;
                    client.fast_mode = index == 1 && account.is_none();
                    client.version = (index > 1).then(|| "2.1.119".to_owned());
                    let evidence = Evidence::new(error, Collected::default(), clock());
                    check(&Incident::new(evidence), &mut checked);
                }
            }
        }
    }
}
