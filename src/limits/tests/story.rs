//! Parses the life stories in `tests/stories`. Their lines either say what happened or ask a question.
//!
//! ```text
//! # A full window stops every session of its account.
//! 10:00 login max a
//! 10:05 one refused 5h
//! 10:06 one,two? blocked five_hour 12:00 exit-10
//! ```
//!
//! A time is on 2026-11-20 in UTC, unless it begins with a day (`22T10:00`) or a month (`12-01T10:00`). The 5-hour windows
//! reset at 12:00, 17:00, and so on, the weekly windows on 2026-11-24 at 06:00 and a week later. `README.md` beside the
//! stories lists all words.

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::super::*;
use super::words;
use crate::time::Zone;

/// A story: its title and its lines.
pub(crate) struct Story {
    /// The statement that the story proves.
    pub title: String,
    lines: Vec<Line>,
}

/// One line of a story.
struct Line {
    at: DateTime<Utc>,
    words: Vec<String>,
    text: String,
}

impl Line {
    fn new(text: &str) -> Self {
        let mut words = split(text);
        let at = time(&words.remove(0));
        let text = text.to_owned();
        Self { at, words, text }
    }

    fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// Returns the sessions that ask, or `None` if the line is an event.
    fn asked(&self) -> Option<&str> {
        self.words.first()?.strip_suffix('?')
    }
}

/// Splits a text at spaces, except inside quotation marks.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (position, part) in text.split('"').enumerate() {
        if position % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Returns the stories of a file.
pub(crate) fn stories(file: &str) -> Vec<Story> {
    let mut stories: Vec<Story> = Vec::new();
    for line in file
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        if let Some(title) = line.strip_prefix("# ") {
            stories.push(Story {
                title: title.to_owned(),
                lines: Vec::new(),
            });
        } else {
            let story = stories.last_mut().expect("a title");
            story.lines.push(Line::new(line));
        }
    }
    stories
}

impl Story {
    /// Returns the questions to which the world gives a wrong answer.
    pub(crate) fn problems(&self) -> Vec<String> {
        let facts = self.facts();
        let questions = self
            .lines
            .iter()
            .filter(|line| line.asked().is_some());
        questions
            .flat_map(|line| problems_with(&facts, line))
            .collect()
    }

    /// Returns the world at the last question, and the first asker of that question.
    pub(crate) fn last_question(&self) -> (World, Asker) {
        let mut questions = self
            .lines
            .iter()
            .filter(|line| line.asked().is_some());
        let last = questions.next_back().expect("a question");
        let names = last.asked().unwrap_or_default();
        let first = names.split(',').next().unwrap_or_default();
        (world(&self.facts(), last.at), asker(first))
    }

    /// Returns true if the story contains a question.
    pub(crate) fn asks(&self) -> bool {
        self.lines.iter().any(|line| line.asked().is_some())
    }

    /// Returns the facts of the lines that are not questions.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let events = self
            .lines
            .iter()
            .filter(|line| line.asked().is_none());
        events.map(fact).collect()
    }
}

/// Returns the facts in the lines of a text without a title.
pub(super) fn facts(text: &str) -> Vec<Fact> {
    text.lines()
        .map(|line| fact(&Line::new(line)))
        .collect()
}

/// Parses a time of a story.
pub(super) fn time(word: &str) -> DateTime<Utc> {
    let (date, clock) = match word.split_once('T') {
        Some((day, clock)) if day.len() == 2 => (format!("11-{day}"), clock),
        Some((date, clock)) => (date.to_owned(), clock),
        None => ("11-20".to_owned(), word),
    };
    let seconds = if clock.len() == 5 { ":00" } else { "" };
    let full = format!("2026-{date}T{clock}{seconds}Z");
    full.parse()
        .unwrap_or_else(|_| panic!("which time is {word:?}?"))
}

/// Returns the reset of the window that is current at the given time.
fn reset_of(window: Kind, at: DateTime<Utc>) -> DateTime<Utc> {
    let (mut reset, length) = match window {
        Kind::FiveHour => (time("12:00"), TimeDelta::hours(5)),
        _ => (time("24T06:00"), TimeDelta::days(7)),
    };
    while reset <= at {
        reset += length;
    }
    reset
}

/// Returns a time in the form in which messages state it: "12pm (UTC)" or "Nov 24, 6am (UTC)".
fn stated(reset: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let minutes = if reset.minute() == 0 { "" } else { ":%M" };
    let clock = reset
        .format(&format!("%-I{minutes}%P (UTC)"))
        .to_string();
    if reset - at < TimeDelta::hours(24) {
        clock
    } else {
        reset.format("%b %-d, ").to_string() + &clock
    }
}

fn fact(line: &Line) -> Fact {
    let of_machine = |event| (None, Source::Account, event);
    let of = |session: &str, event| (Some(session.to_owned()), Source::Transcript, event);
    let words = line.words();
    let (session, source, event) = match words.as_slice() {
        ["login", rest @ ..] => of_machine(Event::LoggedIn(Some(login(rest)))),
        ["logout"] => of_machine(Event::LoggedIn(None)),
        ["never-continue"] => of_machine(Event::MayContinue(false)),
        ["running", sessions @ ..] => {
            let running = sessions.iter().map(|it| (*it).to_owned()).collect();
            of_machine(Event::Running(running))
        }
        ["usage", rest @ ..] => of_machine(Event::Read(measures(rest, line.at))),
        ["credits", reason @ ..] => of_machine(Event::CreditsRead(Credits {
            enabled: Some(reason.is_empty()),
            disabled_reason: reason.first().map(|it| (*it).to_owned()),
            ..Credits::default()
        })),
        ["budget", scope, spent, "of", limit] => of_machine(budget(scope, spent, limit)),
        [session, "hook-refused", what @ ..] => {
            let refused = Event::Refused(refusal(what, line.at));
            (Some((*session).to_owned()), Source::Hook, refused)
        }
        [session, rest @ ..] => of(session, event_of_session(line, rest)),
        [] => panic!("what is {:?}?", line.text),
    };
    Fact {
        at: line.at,
        session,
        source,
        event,
    }
}

fn login(words: &[&str]) -> Login {
    let [plan, account, role @ ..] = words else {
        panic!("a login is a plan and an account: {words:?}");
    };
    Login {
        account: (*account).to_owned(),
        plan: (*plan != "unknown").then(|| (*plan).to_owned()),
        is_admin: role == ["admin"],
    }
}

fn event_of_session(line: &Line, words: &[&str]) -> Event {
    match words {
        ["budget", spent, "of", limit] => budget("session", spent, limit),
        ["owned", account] => Event::Owned {
            account: (*account).to_owned(),
        },
        ["plan"] => Event::Paying(None),
        ["key" | "token" | "bedrock" | "vertex" | "gateway" | "helper"] => {
            Event::Paying(Some(payer(words[0])))
        }
        ["model", model, draws_on @ ..] => Event::Selected {
            model: (*model).to_owned(),
            draws_on: draws_on.first().map(|it| (*it).to_owned()),
        },
        ["sends"] => Event::Sent { is_typed: true },
        ["works"] => Event::Sent { is_typed: false },
        ["served", model @ ..] => Event::Served(ModelResponse {
            model: model.first().map(|it| (*it).to_owned()),
            ..ModelResponse::default()
        }),
        ["reads", rest @ ..] => Event::Read(measures(rest, line.at)),
        ["refused", what @ ..] => Event::Refused(refusal(what, line.at)),
        ["announces", "continues"] => Event::Announced(Announcement::Continues),
        ["announces", "cancelled"] => Event::Announced(Announcement::Cancelled),
        ["announces", "lower-priority"] => Event::Announced(Announcement::LowerPriority),
        ["opened"] => Event::Opened { project: None },
        ["closed"] => Event::Closed,
        ["shortened"] => Event::Shortened,
        _ => panic!("what is {:?}?", line.text),
    }
}

/// Returns a payer other than an account.
fn payer(name: &str) -> Payer {
    match name {
        "key" => Payer::Key("ANTHROPIC_API_KEY".to_owned()),
        "gateway" => Payer::Key("ANTHROPIC_AUTH_TOKEN".to_owned()),
        "helper" => Payer::Key("apiKeyHelper".to_owned()),
        "token" => Payer::Token("CLAUDE_CODE_OAUTH_TOKEN".to_owned()),
        provider => Payer::Cloud(provider.to_owned()),
    }
}

fn budget(scope: &str, spent: &str, limit: &str) -> Event {
    let (scope, ends_at) = match scope {
        "session" => (BudgetScope::Session, None),
        "day" => (BudgetScope::Day, Some(time("21T00:00"))),
        "month" => (BudgetScope::Month, Some(time("12-01T00:00"))),
        other => panic!("which budget is {other}?"),
    };
    Event::Budgeted(UsedBudget {
        scope,
        limit_usd: limit.parse().unwrap(),
        spent_usd: spent.parse().unwrap(),
        ends_at,
    })
}

/// Splits "5h@17:00" into the name and the time.
fn split_time(word: &str) -> (&str, Option<DateTime<Utc>>) {
    match word.split_once('@') {
        Some((name, at)) => (name, Some(time(at))),
        None => (word, None),
    }
}

fn window(name: &str) -> Kind {
    match name {
        "5h" => Kind::FiveHour,
        "weekly" => Kind::Weekly,
        "opus" => Kind::WeeklyOpus,
        "sonnet" => Kind::WeeklySonnet,
        "fable" => Kind::WeeklyFable,
        other => panic!("which window is {other}?"),
    }
}

fn measures(words: &[&str], at: DateTime<Utc>) -> Vec<Measure> {
    let of = |pair: &[&str]| {
        let (name, reset) = split_time(pair[0]);
        let window = window(name);
        Measure {
            window,
            percent: pair[1].parse().unwrap(),
            resets_at: Some(reset.unwrap_or_else(|| reset_of(window, at))),
        }
    };
    words.chunks(2).map(of).collect()
}

/// Returns a refusal, as Claude Code reports it, with a message from the table or with this text. "claimed" adds the
/// limit that the server itself reports: the window of the message, another one ("claimed=weekly"), or the pool of
/// credits ("claimed=credits"). "because=…" adds the server's reason for not charging credits.
fn refusal(words: &[&str], at: DateTime<Utc>) -> Refusal {
    let message = message(words[0], at);
    let mut refusal = Refusal {
        text: message.text,
        class: Some(message.class.to_owned()),
        status: Some(message.status),
        version: Some("2.1.332".to_owned()),
        ..Refusal::default()
    };
    for word in &words[1..] {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "claimed" => {
                let claim = refusal.claim.get_or_insert_default();
                let (name, reset) = split_time(value);
                let claimed = match name {
                    "" => Some(message.window),
                    "credits" => None,
                    name => Some(window(name)),
                };
                claim.limit = claimed.or(Some(Kind::UsageCredits));
                let known = claimed.map(|it| reset_of(it, at));
                claim.resets_at = reset.or(message.reset).or(known);
            }
            "because" => {
                let claim = refusal.claim.get_or_insert_default();
                claim.no_credits_because = Some(value.to_owned());
            }
            "retries" => refusal.retry_at = split_time(value).1,
            "version" => refusal.version = Some(value.to_owned()),
            "background" => refusal.purpose = Purpose::BackgroundAgent,
            "pasted" => (refusal.class, refusal.status) = (None, None),
            _ => panic!("what is {word:?}?"),
        }
    }
    refusal
}

/// A message from Claude Code, and the window that it mentions.
struct Message {
    text: String,
    class: &'static str,
    status: u16,
    window: Kind,
    reset: Option<DateTime<Utc>>,
}

/// Returns the message with this name, or a message with this text. "5h@13:00" resets at a different time from the
/// current window.
fn message(word: &str, at: DateTime<Utc>) -> Message {
    let row = |(name, ..): &&words::Row| {
        word.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
    };
    let Some((_, name, text, class, status)) = words::MESSAGES.iter().find(row) else {
        assert!(word.contains(' '), "what is {word:?}?");
        return Message {
            text: word.to_owned(),
            class: "rate_limit",
            status: 429,
            window: Kind::FiveHour,
            reset: None,
        };
    };
    let window = window(name);
    let (_, reset) = split_time(word);
    let until = stated(reset.unwrap_or_else(|| reset_of(window, at)), at);
    Message {
        text: text.replace("{reset}", &until),
        class,
        status: *status,
        window,
        reset,
    }
}

/// Derives the world from facts.
pub(crate) fn world(facts: &[Fact], now: DateTime<Utc>) -> World {
    World::fold(facts.to_vec(), now, Zone::UTC)
}

/// Returns an asker: a session, or a shell ("shell"), which may have its own model and payer ("shell+opus+key").
pub(crate) fn asker(name: &str) -> Asker {
    let mut parts = name.split('+');
    if parts.next() != Some("shell") {
        return Asker::Session(name.to_owned());
    }
    let (mut other_payer, mut model) = (None, None);
    for part in parts {
        match part {
            "opus" | "sonnet" | "fable" | "haiku" => model = Some(part.to_owned()),
            part => other_payer = Some(payer(part)),
        }
    }
    Asker::Shell {
        payer: other_payer,
        model,
        project: None,
    }
}

/// Returns the words of a question that do not describe the answer.
fn problems_with(facts: &[Fact], line: &Line) -> Vec<String> {
    let world = world(facts, line.at);
    let expected: Vec<&str> = line.words().split_off(1);
    let of = |said: &[String], expected: &[&str], who: &str| {
        let is_wrong = |word: &&&str| match word.strip_prefix('!') {
            Some(denied) => said.iter().any(|it| it == denied),
            None => said.iter().all(|said| said != *word),
        };
        let wrong: Vec<_> = expected.iter().filter(is_wrong).collect();
        (!wrong.is_empty()).then(|| format!("{}\n    {who} is not {wrong:?}: {said:?}", line.text))
    };
    match line.asked().unwrap_or_default() {
        "lost" => {
            let past = world.past(time("01T00:00"), line.at);
            let said = [past.blocked.num_minutes().to_string()];
            of(&said, &expected, "lost").into_iter().collect()
        }
        "entries" => {
            let said = [world.stops().len().to_string()];
            of(&said, &expected, "entries").into_iter().collect()
        }
        askers => {
            let of_asker = |name: &str| {
                let asker = asker(name);
                let (said, expected) = match expected.as_slice() {
                    ["pasted", text, rest @ ..] => {
                        let text = message(text, line.at).text;
                        let outlook = world.meaning(&text, &asker);
                        (
                            words::describe(&world, &asker, outlook.as_ref()),
                            rest.to_vec(),
                        )
                    }
                    all => {
                        let outlook = world.outlook(&asker);
                        (
                            words::describe(&world, &asker, outlook.as_ref()),
                            all.to_vec(),
                        )
                    }
                };
                of(&said, &expected, name)
            };
            askers.split(',').filter_map(of_asker).collect()
        }
    }
}

/// Returns a time this many seconds after the start of a test whose facts have no clock of their own.
pub(super) fn later(seconds: i64) -> DateTime<Utc> {
    time("10:00") + TimeDelta::seconds(seconds)
}
