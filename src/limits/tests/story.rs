//! Stories: lines that say what happened, and lines that ask.
//!
//! ```text
//! 10:00 login max a                    10:05 one refused 5h
//! 10:06 ? one blocked five_hour 12:00  12:01 ? one free reopened
//! ```
//!
//! A time is on 2026-11-20 in UTC. The 5-hour window resets at 12:00, the weekly windows on 2026-11-24 at 06:00.

use chrono::{DateTime, Duration, TimeDelta, Utc};

use super::super::*;
use crate::time::Zone;

/// One line of a story.
struct Line<'a> {
    at: DateTime<Utc>,
    words: Vec<&'a str>,
    text: &'a str,
}

pub(super) fn time(clock: &str) -> DateTime<Utc> {
    let full = if clock.len() == 5 {
        format!("{clock}:00")
    } else {
        clock.to_owned()
    };
    format!("2026-11-20T{full}Z").parse().unwrap()
}

fn reset_of(window: Kind) -> DateTime<Utc> {
    match window {
        Kind::FiveHour => time("12:00"),
        _ => "2026-11-24T06:00:00Z".parse().unwrap(),
    }
}

/// Plays a story. Panics at the first question whose answer is another one.
pub(super) fn play(story: &str) {
    let mut facts = Vec::new();
    for text in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = text.split_whitespace();
        let line = Line {
            at: time(words.next().unwrap()),
            words: words.collect(),
            text,
        };
        match line.words.as_slice() {
            ["?", question @ ..] => ask(&facts, &line, question),
            _ => facts.extend(fact(&line)),
        }
    }
}

/// Returns the facts of the lines that are not questions.
pub(super) fn facts(story: &str) -> Vec<Fact> {
    let lines = story.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .flat_map(|text| {
            let mut words = text.split_whitespace();
            let at = time(words.next().unwrap());
            let words: Vec<_> = words.collect();
            fact(&Line { at, words, text })
        })
        .collect()
}

fn fact(line: &Line<'_>) -> Vec<Fact> {
    let of_machine = |event| vec![(None, Source::Account, event)];
    let of = |session: &str, event| vec![(Some(session.to_owned()), Source::Transcript, event)];
    let events = match line.words.as_slice() {
        ["login", plan, account] | ["login", plan, account, "admin"] => {
            of_machine(Event::LoggedIn(Some(Login {
                account: (*account).to_owned(),
                plan: Some((*plan).to_owned()),
                is_admin: line.words.len() == 4,
            })))
        }
        ["logout"] => of_machine(Event::LoggedIn(None)),
        ["never-continue"] => of_machine(Event::MayContinue(false)),
        ["running", sessions] => of_machine(Event::Running(
            sessions.split(',').map(str::to_owned).collect(),
        )),
        ["budget", spent, "of", limit] => of_machine(budget(spent, limit)),
        [session, "budget", spent, "of", limit] => of(session, budget(spent, limit)),
        [session, "owned", account] => of(
            session,
            Event::Owned {
                account: (*account).to_owned(),
            },
        ),
        [session, "key", place] => of(session, Event::Paying(Some(Payer::Key((*place).into())))),
        [session, "without-key"] => of(session, Event::Paying(None)),
        [session, "model", model, draws_on @ ..] => of(
            session,
            Event::Selected {
                model: (*model).to_owned(),
                draws_on: draws_on.first().map(|it| (*it).to_owned()),
            },
        ),
        [session, "sends"] => of(session, Event::Sent { is_typed: true }),
        [session, "works"] => of(session, Event::Sent { is_typed: false }),
        [session, "served", model @ ..] => of(
            session,
            Event::Served(Response {
                model: model.first().map(|it| (*it).to_owned()),
                ..Response::default()
            }),
        ),
        [session, "reads", rest @ ..] => of(session, Event::Read(measures(rest))),
        [session, "refused", what, rest @ ..] => {
            let refusal = Event::Refused(refusal(what, rest));
            of(session, refusal)
        }
        [session, "hook-refused", what] => vec![(
            Some((*session).to_owned()),
            Source::Hook,
            Event::Refused(refusal(what, &[])),
        )],
        [session, "announces", what] => of(
            session,
            Event::Announced(match *what {
                "continues" => Announcement::Continues,
                "cancelled" => Announcement::Cancelled,
                _ => Announcement::LowerPriority,
            }),
        ),
        [session, "opened"] => of(session, Event::Opened { project: None }),
        [session, "closed"] => of(session, Event::Closed),
        [session, "compacted"] => of(session, Event::Shortened),
        _ => panic!("what is {:?}?", line.text),
    };
    let fact = |(session, source, event)| Fact {
        at: line.at,
        session,
        source,
        event,
    };
    events.into_iter().map(fact).collect()
}

fn budget(spent: &str, limit: &str) -> Event {
    Event::Budgeted(Budget {
        period: BudgetPeriod::Session,
        limit_usd: limit.parse().unwrap(),
        spent_usd: spent.parse().unwrap(),
        ends_at: None,
    })
}

fn measures(words: &[&str]) -> Vec<Measure> {
    let of = |pair: &[&str]| {
        let window = match pair[0] {
            "5h" => Kind::FiveHour,
            "weekly" => Kind::Weekly,
            other => panic!("which window is {other}?"),
        };
        Measure {
            window,
            percent: pair[1].parse().unwrap(),
            resets_at: Some(reset_of(window)),
        }
    };
    words.chunks(2).map(of).collect()
}

/// Returns a refusal as Claude Code reports it. "claimed" adds the server's own statement.
fn refusal(what: &str, rest: &[&str]) -> Refusal {
    let five = "your 5-hour limit resets 12pm (UTC)";
    let opus = "your Opus limit resets Nov 24, 6am (UTC)";
    let text = match what {
        "5h" => "You've hit your 5-hour limit · resets 12pm (UTC)".to_owned(),
        "weekly" => "You've hit your weekly limit · resets Nov 24, 6am (UTC)".to_owned(),
        "opus" => "You've hit your Opus limit · resets Nov 24, 6am (UTC)".to_owned(),
        "own-cap" => format!("You've hit your monthly spend limit · {five}"),
        "opus-cap" => format!("You've hit your monthly spend limit · {opus}"),
        "org-cap" => format!("You've hit your org's monthly spend limit · {five}"),
        "org-cap-dated" => "You've hit your org's monthly spend limit · resets Dec 1".to_owned(),
        "credits" => "You're out of usage credits · resets 12pm (UTC)".to_owned(),
        "overloaded" => "API Error: 529 Overloaded.".to_owned(),
        "throttle" => {
            "API Error: Server is temporarily limiting requests (not your usage limit)".to_owned()
        }
        "auth" => "Login expired · Please run /login".to_owned(),
        "balance" => "Credit balance is too low".to_owned(),
        "too-long" => "Prompt is too long".to_owned(),
        other => panic!("what is {other}?"),
    };
    let window = match what {
        "weekly" => Kind::Weekly,
        "opus" | "opus-cap" => Kind::WeeklyOpus,
        _ => Kind::FiveHour,
    };
    let claim = Claim {
        window: Some(window),
        resets_at: Some(reset_of(window)),
        no_credits_because: None,
    };
    let (class, status) = match what {
        "overloaded" => ("server_error", 529),
        "auth" => ("authentication_failed", 401),
        "balance" => ("billing_error", 400),
        "too-long" => ("invalid_request", 400),
        _ => ("rate_limit", 429),
    };
    Refusal {
        text,
        class: Some(class.to_owned()),
        status: Some(status),
        claim: rest.contains(&"claimed").then_some(claim),
        version: Some("2.1.332".to_owned()),
        ..Refusal::default()
    }
}

pub(super) fn world(facts: &[Fact], now: DateTime<Utc>) -> World {
    World::fold(facts.to_vec(), now, Zone::UTC)
}

pub(super) fn asker(name: &str) -> Asker {
    match name {
        "shell" => Asker::Shell {
            payer: None,
            model: None,
            project: None,
        },
        session => Asker::Session(session.to_owned()),
    }
}

fn ask(facts: &[Fact], line: &Line<'_>, question: &[&str]) {
    let world = world(facts, line.at);
    if let ["lost", minutes] = question {
        let past = world.past(time("00:00"), time("23:59"));
        let minutes = Duration::minutes(minutes.parse().unwrap());
        assert_eq!(past.blocked, minutes, "{}", line.text);
        return;
    }
    if let ["entries", number] = question {
        assert_eq!(world.stops().len().to_string(), *number, "{}", line.text);
        return;
    }
    let (name, expected) = question.split_first().unwrap();
    let outlook = world.outlook(&asker(name));
    let said = describe(&world, &asker(name), outlook.as_ref());
    for word in expected {
        assert!(
            said.contains(&(*word).to_owned()),
            "{}: {said:?}",
            line.text
        );
    }
}

/// Returns every word that is a true answer.
fn describe(world: &World, asker: &Asker, outlook: Option<&Outlook>) -> Vec<String> {
    let name = |value: &dyn erased::Named| value.name();
    let pays = format!("pays-{}", name(&world.pays(&world.request(asker))));
    let Some(outlook) = outlook else {
        return vec![
            "free".to_owned(),
            "silent".to_owned(),
            "exit-0".to_owned(),
            pays,
        ];
    };
    let state = match &outlook.state {
        State::Blocked => "blocked",
        State::Elsewhere => "elsewhere",
        State::Reopened(_) => "reopened",
        State::Spared => "spared",
        State::Paid => "paid",
        State::LowerPriority => "slow",
        State::NeverClosed => "never-closed",
        State::Answered(_) => "answered",
    };
    let continuation = match outlook.continuation {
        Continuation::At(at) => at.format("continues-%H:%M").to_string(),
        Continuation::No(_) | Continuation::NotStopped => "stays".to_owned(),
    };
    let mut words = vec![
        state.to_owned(),
        name(&outlook.limit()),
        name(&outlook.verdict),
        name(&outlook.who_can_fix),
        format!("exit-{}", outlook.exit_code()),
        continuation,
        if outlook.is_open { "open" } else { "closed" }.to_owned(),
    ];
    if !outlook.is_blocked() {
        words.push("free".to_owned());
    }
    if outlook.is_elsewhere() {
        words.push("elsewhere".to_owned());
    }
    words.push(match outlook.resets_at {
        Some(at) if at.date_naive() == outlook.now.date_naive() => at.format("%H:%M").to_string(),
        Some(at) => at.format("%m-%d").to_string(),
        None => "no-reset".to_owned(),
    });
    words.extend(
        outlook
            .also
            .iter()
            .map(|also| format!("also-{}", name(&also.kind))),
    );
    words.push(pays);
    if let Some(stop) = &outlook.stop {
        words.push(format!("attempts-{}", stop.attempts));
    }
    words
}

/// The serialized names of values.
mod erased {
    pub(super) trait Named {
        fn name(&self) -> String;
    }

    impl<T: serde::Serialize> Named for T {
        fn name(&self) -> String {
            let value = serde_json::to_value(self).unwrap();
            value.as_str().unwrap().to_owned()
        }
    }
}

/// A time a little later, for facts of tests that have no clock of their own.
pub(super) fn later(seconds: i64) -> DateTime<Utc> {
    time("10:00") + TimeDelta::seconds(seconds)
}
