//! Simulates a life: the service, the sessions of a user, and the facts that Claude Code leaves behind. The clock
//! advances from one action to the next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::limits::{Asker, Event, FULL, Fact, Measure, Payer, Source};

use super::dice::Dice;
use super::service::{Need, Purse, Reply, Service, Time, seconds};
use super::words::Version;

/// A session of Claude Code.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    pub name: String,
    /// The key or the provider that pays instead of the login.
    pub own_purse: Option<Purse>,
    /// The key or the provider that will pay once the session is opened again.
    pub next_purse: Option<Purse>,
    pub model: &'static str,
    pub version: Version,
    pub project: &'static str,
    pub is_open: bool,
    /// The number of times that the session was opened. A reply to an earlier process is lost.
    pub run: usize,
    pub is_busy: bool,
    /// The number of the session's next prompt.
    plan: usize,
    pub has_asked: bool,
    /// How full the context of the session is.
    pub length: f64,
    /// The usage that the session's status line shows.
    pub shown: Option<Vec<Measure>>,
    /// The reset after which the session continues by itself.
    pub waits_for: Option<Time>,
    /// The time at which the session began or stopped waiting.
    pub wait_changed_at: Time,
    /// The number of times that the session has continued by itself since the last prompt of the user.
    pub waits: usize,
    /// The account that the session's transcript last stated.
    pub owner: Option<usize>,
    /// False if the session's version of Claude Code does not write the account to the transcript.
    pub states_owner: bool,
    /// The probability that a hook, a line, or a status-line call is lost.
    pub loss: f64,
}

/// A request, and what the files show about it.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub session: usize,
    pub sent: Time,
    pub at: Time,
    pub need: Need,
    pub reply: Reply,
    /// The true usage that came with the reply.
    pub usage: Option<Vec<Measure>>,
    /// The time at which the first report of the reply arrives, or `None` if no report has arrived yet.
    pub known_at: Option<Time>,
    /// The time at which the transcript line about a refusal arrives. The line may be lost.
    pub line_at: Option<Time>,
    /// The time at which the status line shows the usage.
    pub shown_at: Option<Time>,
    pub run: usize,
    pub is_automatic: bool,
    pub left: usize,
}

/// A fact, and the time from which the program can know it.
#[derive(Debug, Clone)]
pub struct Told {
    pub arrives: Time,
    pub fact: Fact,
}

/// An action that is planned for a certain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Prompt {
        session: usize,
        plan: usize,
    },
    Work {
        session: usize,
        left: usize,
        run: usize,
    },
    Reply(usize),
    Draw {
        session: usize,
        exchange: Option<usize>,
    },
    React(usize),
    Select(usize),
    Continue {
        session: usize,
        reset: Time,
    },
    Open(usize),
    Outside,
    Ask,
}

pub struct Life {
    pub seed: u64,
    pub dice: Dice,
    pub now: Time,
    pub end: Time,
    pub service: Service,
    pub login: Option<usize>,
    pub clients: Vec<Client>,
    pub default_model: &'static str,
    pub shell_key: Option<usize>,
    pub told: Vec<Told>,
    pub exchanges: Vec<Exchange>,
    pub story: Vec<String>,
    queue: BinaryHeap<Reverse<(Time, usize, Action)>>,
    actions: usize,
}

impl Life {
    pub fn new(seed: u64, start: Time) -> Self {
        Self {
            seed,
            dice: Dice::of_life(seed),
            now: start,
            end: start,
            service: Service::default(),
            login: None,
            clients: Vec::new(),
            default_model: "opus",
            shell_key: None,
            told: Vec::new(),
            exchanges: Vec::new(),
            story: Vec::new(),
            queue: BinaryHeap::new(),
            actions: 0,
        }
    }

    /// Simulates the life until its end. Calls `ask` for each question.
    pub fn run(&mut self, mut ask: impl FnMut(&mut Self)) {
        while let Some(Reverse((at, _, action))) = self.queue.pop() {
            if at > self.end {
                break;
            }
            self.now = at;
            match action {
                Action::Prompt { session, plan } => {
                    if self.clients[session].plan == plan {
                        self.prompt(session, true);
                    }
                }
                Action::Work { session, left, run } => self.work(session, left, run),
                Action::Reply(exchange) => self.receive(exchange),
                Action::Draw { session, exchange } => self.draw(session, exchange),
                Action::React(session) => self.react(session),
                Action::Select(session) => self.select_another(session),
                Action::Continue { session, reset } => self.continue_by_itself(session, reset),
                Action::Open(session) => self.open(session),
                Action::Outside => self.change_outside(),
                Action::Ask => ask(self),
            }
        }
    }

    /// Plans an action in this many seconds.
    pub fn plan(&mut self, after: f64, action: Action) {
        self.plan_at(self.now + seconds(after), action);
    }

    pub fn plan_at(&mut self, at: Time, action: Action) {
        self.actions += 1;
        self.queue
            .push(Reverse((at.max(self.now), self.actions, action)));
    }

    /// Plans the next prompt of the session, instead of the one that was planned before.
    pub fn plan_prompt(&mut self, session: usize, after: f64) {
        self.clients[session].plan += 1;
        let plan = self.clients[session].plan;
        self.plan(after, Action::Prompt { session, plan });
    }

    /// Plans questions after random times within these numbers of seconds.
    pub fn plan_questions(&mut self, within: &[f64]) {
        for seconds in within {
            if self.dice.chance(0.5) {
                continue;
            }
            let after = self.dice.between(0.2, *seconds);
            self.plan(after, Action::Ask);
        }
    }

    pub fn tell(&mut self, text: impl AsRef<str>) {
        let at = self.now.format("%d %H:%M:%S");
        self.story.push(format!("{at} {}", text.as_ref()));
    }

    /// Adds a fact that becomes known after this many seconds.
    pub fn leave(
        &mut self,
        session: Option<usize>,
        source: Source,
        event: Event,
        delay: f64,
    ) -> Time {
        let arrives = self.now + seconds(delay);
        self.told.push(Told {
            arrives,
            fact: Fact {
                at: self.now,
                session: session.map(|session| self.clients[session].id.clone()),
                source,
                event,
            },
        });
        arrives
    }

    pub fn purse(&self, session: usize) -> Purse {
        let own = self.clients[session].own_purse;
        own.unwrap_or_else(|| self.login.map_or(Purse::Nobody, Purse::Account))
    }

    /// Returns the request that the next prompt of a session would send. Without a session, returns the request of a
    /// new session that a shell would start.
    pub fn need(&self, session: Option<usize>) -> Need {
        match session {
            Some(session) => Need {
                session: Some(session),
                purse: self.purse(session),
                model: self.clients[session].model,
                is_too_long: self.clients[session].length >= 100.0,
            },
            None => Need {
                session: None,
                purse: match (self.shell_key, self.login) {
                    (Some(key), _) => Purse::Key(key),
                    (None, Some(account)) => Purse::Account(account),
                    (None, None) => Purse::Nobody,
                },
                model: self.default_model,
                is_too_long: false,
            },
        }
    }

    /// Returns the asker, under the name by which the program knows it.
    pub fn asker(&self, session: Option<usize>) -> Asker {
        match session {
            Some(session) => Asker::Session(self.clients[session].id.clone()),
            None => Asker::Shell {
                payer: self
                    .shell_key
                    .map(|key| Payer::Key(key_name(key).to_owned())),
                model: Some(self.default_model.to_owned()),
                project: Some("/p".to_owned()),
            },
        }
    }

    pub fn name(&self, session: Option<usize>) -> &str {
        session.map_or("shell", |session| &self.clients[session].name)
    }

    pub fn add_client(
        &mut self,
        name: &str,
        own_purse: Option<Purse>,
        model: &'static str,
    ) -> usize {
        let number = self.clients.len();
        let version = self.dice.pick(&[
            Version::Newest,
            Version::Newest,
            Version::Newest,
            Version::Older,
            Version::Old,
        ]);
        self.clients.push(Client {
            id: format!("{:08x}-0000-4000-a000-{number:012x}", self.seed),
            name: name.to_owned(),
            own_purse,
            next_purse: own_purse,
            model,
            version,
            project: self.dice.pick(&["/p", "/q"]),
            is_open: false,
            run: 0,
            is_busy: false,
            plan: 0,
            has_asked: false,
            length: self.dice.between(0.0, 60.0),
            shown: None,
            waits_for: None,
            wait_changed_at: self.now,
            waits: 0,
            owner: None,
            states_owner: version == Version::Newest,
            loss: if self.dice.chance(0.3) { 0.15 } else { 0.0 },
        });
        number
    }

    pub fn purse_name(&self, purse: Purse) -> String {
        match purse {
            Purse::Account(account) => {
                format!("account {account}, {}", self.service.accounts[account].plan)
            }
            Purse::Key(key) => key_name(key).to_owned(),
            Purse::Cloud => "bedrock".to_owned(),
            Purse::Nobody => "not logged in".to_owned(),
        }
    }
}

pub fn figures(exchange: &Exchange) -> String {
    let usage = exchange.usage.iter().flatten();
    let shown = usage.map(|it| {
        let reset = it
            .resets_at
            .map(|at| at.format("%d %H:%M").to_string());
        format!(
            " [{:?} {}% → {}]",
            it.window,
            it.percent,
            reset.unwrap_or_default()
        )
    });
    shown.collect()
}

/// Returns the place in which a key is set. The value of a key is never read, so two keys in one place would look the
/// same.
pub fn key_name(key: usize) -> &'static str {
    [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_API_KEY in ~/.claude/settings.json",
    ][key]
}

pub fn payer_of(purse: Purse) -> Payer {
    match purse {
        Purse::Key(key) => Payer::Key(key_name(key).to_owned()),
        Purse::Cloud => Payer::Cloud("bedrock".to_owned()),
        Purse::Account(_) | Purse::Nobody => Payer::Unknown,
    }
}

pub fn selected(model: &str) -> Event {
    Event::Selected {
        model: model.to_owned(),
        draws_on: None,
    }
}

/// Returns true if a status line has shown room in all windows, including the window that a refusal named.
pub fn shows_room(exchange: &Exchange, now: Time) -> bool {
    let named = exchange
        .reply
        .as_ref()
        .err()
        .and_then(|obstacle| obstacle.window);
    let usage = exchange.usage.iter().flatten();
    let windows: Vec<_> = usage.clone().map(|it| it.window).collect();
    exchange.shown_at.is_some_and(|at| at <= now)
        && named.map_or(!windows.is_empty(), |named| windows.contains(&named))
        && usage.clone().all(|it| it.percent < FULL)
}
