//! A life: the service, the sessions of a user, and what Claude Code leaves behind. Time passes from one action to the next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::TimeDelta;
use whycap::limits::{
    Announcement, Asker, Event, FULL, Fact, Kind, Login, Measure, Payer, Response, Source,
};

use super::dice::Dice;
use super::service::{Need, Obstacle, Paid, Purse, Reply, Service, Time, seconds};
use super::words::{self, Version};

/// A session of Claude Code.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    pub name: String,
    /// The key or the provider that pays instead of the login.
    pub own_purse: Option<Purse>,
    /// What pays when it is opened the next time.
    pub next_purse: Option<Purse>,
    pub model: &'static str,
    pub version: Version,
    pub project: &'static str,
    pub is_open: bool,
    /// How often it was opened. A reply to an earlier process is lost.
    pub run: usize,
    pub is_busy: bool,
    /// The number of its next prompt.
    plan: usize,
    pub has_asked: bool,
    /// How full its context is.
    pub length: f64,
    /// The usage that its status line shows.
    pub shown: Option<Vec<Measure>>,
    /// The reset after which it continues by itself.
    pub waits_for: Option<Time>,
    /// When it began or stopped waiting.
    pub wait_changed_at: Time,
    /// How often it has continued by itself since the last prompt of the user.
    pub waits: usize,
    /// The account that its transcript has stated last.
    owner: Option<usize>,
    /// False if its version does not write the owner.
    states_owner: bool,
    /// The probability that a hook, a line, or a status-line call is lost.
    loss: f64,
}

/// One request, and what the files show about it.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub session: usize,
    pub sent: Time,
    pub at: Time,
    pub need: Need,
    pub reply: Reply,
    /// The true usage that came with the reply.
    pub usage: Option<Vec<Measure>>,
    /// When the first report of the reply had arrived, or `None` as long as none has.
    pub known_at: Option<Time>,
    /// When the transcript line about a refusal had arrived. It may be lost.
    pub line_at: Option<Time>,
    /// When the status line had shown the usage.
    pub shown_at: Option<Time>,
    run: usize,
    is_automatic: bool,
    left: usize,
}

/// A fact, and when the program can know it.
#[derive(Debug, Clone)]
pub struct Told {
    pub arrives: Time,
    pub fact: Fact,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Prompt { session: usize, plan: usize },
    Work { session: usize, left: usize, run: usize },
    Reply(usize),
    Draw { session: usize, exchange: Option<usize> },
    React(usize),
    Select(usize),
    Continue { session: usize, reset: Time },
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

    /// Lives until the end. `ask` is called at each question.
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
        self.queue.push(Reverse((at.max(self.now), self.actions, action)));
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

    /// Adds a fact that is known after this many seconds.
    fn leave(&mut self, session: Option<usize>, source: Source, event: Event, delay: f64) -> Time {
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

    /// Returns the request that the next prompt of a session would send, or of a new session of a shell.
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

    /// Returns the asker with the name by which the program knows it.
    pub fn asker(&self, session: Option<usize>) -> Asker {
        match session {
            Some(session) => Asker::Session(self.clients[session].id.clone()),
            None => Asker::Shell {
                payer: self.shell_key.map(|key| Payer::Key(key_name(key).to_owned())),
                model: Some(self.default_model.to_owned()),
                project: Some("/p".to_owned()),
            },
        }
    }

    pub fn name(&self, session: Option<usize>) -> &str {
        session.map_or("shell", |session| &self.clients[session].name)
    }

    pub fn add_client(&mut self, name: &str, own_purse: Option<Purse>, model: &'static str) -> usize {
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

    pub fn open(&mut self, session: usize) {
        let purse = self.clients[session].next_purse;
        self.clients[session].own_purse = purse;
        let payer = self.purse_name(self.purse(session));
        let client = &mut self.clients[session];
        client.run += 1;
        client.is_open = true;
        client.is_busy = false;
        client.shown = None;
        client.waits_for = None;
        client.owner = None;
        let project = Some(client.project.to_owned());
        let text = format!(
            "{} opens (Claude Code {}, {}, {payer})",
            client.name,
            client.version.number(),
            client.model
        );
        self.tell(text);
        self.leave(Some(session), Source::Hook, Event::Opened { project }, 0.0);
        let paying = Event::Paying(purse.map(payer_of));
        self.leave(Some(session), Source::Environment, paying, 0.0);
        self.state_login();
        self.plan(0.3, Action::Draw { session, exchange: None });
        let after = self.dice.between(5.0, 60.0);
        self.plan_prompt(session, after);
    }

    pub fn close(&mut self, session: usize) {
        let client = &mut self.clients[session];
        client.is_open = false;
        client.waits_for = None;
        let text = format!("{} is closed", client.name);
        self.tell(text);
        self.leave(Some(session), Source::Hook, Event::Closed, 0.0);
    }

    /// The account file states who is logged in.
    pub fn state_login(&mut self) {
        let login = self.login.map(|login| {
            let account = &self.service.accounts[login];
            Login {
                account: account.name.clone(),
                plan: Some(account.plan.to_owned()),
                is_admin: account.is_admin,
            }
        });
        self.leave(None, Source::Account, Event::LoggedIn(login), 0.0);
    }

    pub fn log_in(&mut self, account: usize) {
        self.tell(format!("/login as account {account}"));
        self.service.accounts[account].is_login_valid = true;
        let is_other = self.login.replace(account) != Some(account);
        for client in &mut self.clients {
            if is_other && client.own_purse.is_none() {
                client.waits_for = None;
                client.wait_changed_at = self.now;
            }
        }
        self.state_login();
    }

    pub fn select(&mut self, session: usize, model: &'static str) {
        self.clients[session].model = model;
        self.default_model = model;
        let text = format!("{}: /model {model}", self.clients[session].name);
        self.tell(text);
        let event = selected(model);
        self.leave(Some(session), Source::Transcript, event, 0.2);
    }

    pub fn shorten(&mut self, session: usize) {
        self.clients[session].length = 10.0;
        let text = format!("{}: /compact", self.clients[session].name);
        self.tell(text);
        self.leave(Some(session), Source::Hook, Event::Shortened, 0.0);
    }

    pub fn stop_waiting(&mut self, session: usize) {
        if self.clients[session].waits_for.take().is_some() {
            self.clients[session].wait_changed_at = self.now;
            let text = format!("{}: escape cancels the wait", self.clients[session].name);
            self.tell(text);
            let event = Event::Announced(Announcement::Cancelled);
            self.leave(Some(session), Source::Transcript, event, 0.3);
        }
    }

    pub fn prompt(&mut self, session: usize, is_typed: bool) {
        let client = &mut self.clients[session];
        if !client.is_open || client.is_busy {
            return;
        }
        client.waits_for = None;
        client.has_asked = true;
        client.waits = if is_typed { 0 } else { client.waits + 1 };
        if let Purse::Account(account) = self.purse(session)
            && self.clients[session].states_owner
            && self.clients[session].owner != Some(account)
        {
            self.clients[session].owner = Some(account);
            let account = self.service.accounts[account].name.clone();
            self.leave(Some(session), Source::Transcript, Event::Owned { account }, 0.2);
        }
        self.leave(Some(session), Source::Transcript, Event::Sent { is_typed }, 0.2);
        let left = self.dice.pick(&[0, 0, 1, 2]);
        self.send(session, left, !is_typed);
    }

    fn work(&mut self, session: usize, left: usize, run: usize) {
        if self.clients[session].run != run || !self.clients[session].is_open {
            return;
        }
        let event = Event::Sent { is_typed: false };
        self.leave(Some(session), Source::Transcript, event, 0.2);
        self.send(session, left, false);
    }

    fn send(&mut self, session: usize, left: usize, is_automatic: bool) {
        let need = self.need(Some(session));
        let reply = self.service.reply(self.now, &need);
        if let Ok(paid) = reply {
            let weight = self.dice.between(1.0, 5.0);
            self.service.charge(self.now, &need, paid, weight);
        }
        let latency = match &reply {
            Ok(_) => self.dice.between(3.0, 45.0),
            Err(_) => self.dice.between(0.5, 3.0),
        };
        let client = &mut self.clients[session];
        client.is_busy = true;
        client.length += if reply.is_ok() { 0.4 } else { 0.0 };
        let run = client.run;
        let usage = match need.purse {
            Purse::Account(account) => Some(self.service.accounts[account].measures()),
            _ => None,
        };
        self.exchanges.push(Exchange {
            session,
            sent: self.now,
            at: self.now + seconds(latency),
            need,
            reply,
            usage,
            known_at: None,
            line_at: None,
            shown_at: None,
            run,
            is_automatic,
            left,
        });
        self.plan(latency, Action::Reply(self.exchanges.len() - 1));
    }

    fn receive(&mut self, number: usize) {
        let exchange = self.exchanges[number].clone();
        let session = exchange.session;
        if self.clients[session].run != exchange.run || !self.clients[session].is_open {
            return;
        }
        self.clients[session].is_busy = exchange.left > 0 && exchange.reply.is_ok();
        let known_at = match &exchange.reply {
            Ok(paid) => self.receive_response(&exchange, *paid),
            Err(obstacle) => self.receive_refusal(number, obstacle),
        };
        self.exchanges[number].known_at = Some(known_at);
        let draws_after = self.dice.between(0.3, 2.6);
        let is_lost = self.dice.chance(self.clients[session].loss);
        let draw = Action::Draw {
            session,
            exchange: (!is_lost).then_some(number),
        };
        if !is_lost {
            self.plan(draws_after, draw);
        }
    }

    fn receive_response(&mut self, exchange: &Exchange, paid: Paid) -> Time {
        let session = exchange.session;
        let client = &mut self.clients[session];
        client.shown.clone_from(&exchange.usage);
        let (name, run, model) = (client.name.clone(), client.run, exchange.need.model);
        self.tell(format!("{name} is served ({paid:?}, {model}){}", figures(exchange)));
        let response = Response {
            model: Some(model.to_owned()),
            ..Response::default()
        };
        let delay = self.dice.between(0.0, 1.5);
        let known_at = self.leave(Some(session), Source::Transcript, Event::Served(response), delay);
        if let Some(left) = exchange.left.checked_sub(1) {
            let after = self.dice.between(0.5, 20.0);
            self.plan(after, Action::Work { session, left, run });
        } else {
            self.plan_next_prompt(session);
        }
        known_at
    }

    fn receive_refusal(&mut self, number: usize, obstacle: &Obstacle) -> Time {
        let exchange = &self.exchanges[number].clone();
        let session = exchange.session;
        let account = match exchange.need.purse {
            Purse::Account(account) => Some(&self.service.accounts[account]),
            _ => None,
        };
        let version = self.clients[session].version;
        let refusal = words::refusal(obstacle, exchange.need.purse, account, self.now, version);
        let name = self.clients[session].name.clone();
        let is_false = if obstacle.is_false { ", although there is room" } else { "" };
        self.tell(format!(
            "{name} is refused ({}{is_false}): {}{}",
            self.purse_name(exchange.need.purse),
            refusal.text,
            figures(exchange)
        ));
        let client = &mut self.clients[session];
        if obstacle.window.is_some() {
            client.shown.clone_from(&exchange.usage);
        } else if obstacle.kind == Kind::Throttle {
            client.shown = None;
        }
        let loss = client.loss;
        let loses_hook = self.dice.chance(loss);
        let loses_line = !loses_hook && self.dice.chance(loss);
        let line_delay = self.dice.between(0.0, 1.5);
        let mut known_at = self.now + seconds(line_delay);
        if !loses_line {
            let event = Event::Refused(refusal.clone());
            let arrives = self.leave(Some(session), Source::Transcript, event, line_delay);
            self.exchanges[number].line_at = Some(arrives);
        }
        if !loses_hook {
            let of_hook = whycap::limits::Refusal {
                claim: None,
                version: None,
                codes: Vec::new(),
                status: None,
                ..refusal
            };
            known_at = self.leave(Some(session), Source::Hook, Event::Refused(of_hook), 0.0);
        }
        self.wait_for_reset(exchange, obstacle);
        self.plan_questions(&[1.0, 4.0, 20.0, 100.0, 900.0, 4000.0]);
        let after = self.dice.between(5.0, 120.0);
        self.plan(after, Action::React(session));
        known_at
    }

    /// Claude Code waits for a reset that is at most a day away, at most three times without a prompt.
    fn wait_for_reset(&mut self, exchange: &Exchange, obstacle: &Obstacle) {
        let session = exchange.session;
        let client = &mut self.clients[session];
        let reset = obstacle.until.filter(|_| obstacle.window.is_some());
        let reset = reset.filter(|_| obstacle.kind != Kind::UsageCredits);
        let reset = reset.filter(|reset| *reset - self.now <= TimeDelta::days(1));
        let Some(reset) = reset.filter(|_| client.version != Version::Old && client.waits < 3) else {
            return;
        };
        client.waits_for = Some(reset);
        client.wait_changed_at = self.now;
        if !exchange.is_automatic {
            let event = Event::Announced(Announcement::Continues);
            self.leave(Some(session), Source::Transcript, event, 0.3);
        }
        let after = self.dice.between(30.0, 89.0);
        let action = Action::Continue { session, reset };
        self.plan_at(reset + seconds(after), action);
    }

    fn continue_by_itself(&mut self, session: usize, reset: Time) {
        let client = &self.clients[session];
        if client.waits_for == Some(reset) && client.is_open && !client.is_busy {
            let text = format!("{} continues by itself", client.name);
            self.tell(text);
            self.prompt(session, false);
        }
    }

    /// The status line shows the model and the usage that the session knows, however old it is.
    fn draw(&mut self, session: usize, exchange: Option<usize>) {
        let client = &mut self.clients[session];
        if !client.is_open {
            return;
        }
        if let Some(shown) = &mut client.shown {
            let now = self.now;
            shown.retain(|measure| measure.resets_at.is_some_and(|reset| reset > now));
        }
        let (shown, model) = (client.shown.clone(), client.model);
        self.leave(Some(session), Source::Sample, selected(model), 0.0);
        let is_account = matches!(self.purse(session), Purse::Account(_));
        if let Some(shown) = shown.filter(|shown| is_account && !shown.is_empty()) {
            self.leave(Some(session), Source::Sample, Event::Read(shown.clone()), 0.0);
            if let Some(number) = exchange
                && self.exchanges[number].usage.as_ref() == Some(&shown)
            {
                self.exchanges[number].shown_at = Some(self.now);
            }
        }
    }

    pub fn purse_name(&self, purse: Purse) -> String {
        match purse {
            Purse::Account(account) => format!("account {account}, {}", self.service.accounts[account].plan),
            Purse::Key(key) => key_name(key).to_owned(),
            Purse::Cloud => "bedrock".to_owned(),
            Purse::Nobody => "not logged in".to_owned(),
        }
    }
}

fn figures(exchange: &Exchange) -> String {
    let usage = exchange.usage.iter().flatten();
    let shown = usage.map(|it| {
        let reset = it.resets_at.map(|at| at.format("%d %H:%M").to_string());
        format!(" [{:?} {}% → {}]", it.window, it.percent, reset.unwrap_or_default())
    });
    shown.collect()
}

/// Returns where a key is set. The value of a key is never read, so two keys in one place would look the same.
pub fn key_name(key: usize) -> &'static str {
    ["ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY in ~/.claude/settings.json"][key]
}

fn payer_of(purse: Purse) -> Payer {
    match purse {
        Purse::Key(key) => Payer::Key(key_name(key).to_owned()),
        Purse::Cloud => Payer::Cloud("bedrock".to_owned()),
        Purse::Account(_) | Purse::Nobody => Payer::Unknown,
    }
}

fn selected(model: &str) -> Event {
    Event::Selected {
        model: model.to_owned(),
        draws_on: None,
    }
}

/// Returns true if a status line has shown room in all windows, and among them in the one that a refusal named.
pub fn shows_room(exchange: &Exchange, now: Time) -> bool {
    let named = exchange.reply.as_ref().err().and_then(|obstacle| obstacle.window);
    let usage = exchange.usage.iter().flatten();
    let windows: Vec<_> = usage.clone().map(|it| it.window).collect();
    exchange.shown_at.is_some_and(|at| at <= now)
        && named.map_or(!windows.is_empty(), |named| windows.contains(&named))
        && usage.clone().all(|it| it.percent < FULL)
}
