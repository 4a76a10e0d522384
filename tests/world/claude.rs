//! Simulates Claude Code in a session, and the facts that it leaves behind.

use chrono::TimeDelta;

use super::life::{Action, Exchange, Life, figures, payer_of, selected};
use super::limits::{Announcement, Event, Kind, Login, ModelResponse, Refusal, Source};
use super::service::{Obstacle, Paid, Purse, Time, seconds};
use super::words::{self, Version};

impl Life {
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
        self.plan(
            0.3,
            Action::Draw {
                session,
                exchange: None,
            },
        );
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

    /// Adds a fact about who is logged in, according to the account file.
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
            self.leave(
                Some(session),
                Source::Transcript,
                Event::Owned { account },
                0.2,
            );
        }
        self.leave(
            Some(session),
            Source::Transcript,
            Event::Sent { is_typed },
            0.2,
        );
        let left = self.dice.pick(&[0, 0, 1, 2]);
        self.send(session, left, !is_typed);
    }

    pub fn work(&mut self, session: usize, left: usize, run: usize) {
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

    pub fn receive(&mut self, number: usize) {
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
        self.tell(format!(
            "{name} is served ({paid:?}, {model}){}",
            figures(exchange)
        ));
        let response = ModelResponse {
            model: Some(model.to_owned()),
            ..ModelResponse::default()
        };
        let delay = self.dice.between(0.0, 1.5);
        let known_at = self.leave(
            Some(session),
            Source::Transcript,
            Event::Served(response),
            delay,
        );
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
        let is_false = if obstacle.is_false {
            ", although there is room"
        } else {
            ""
        };
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
            let of_hook = Refusal {
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

    /// Simulates the wait for a reset. Claude Code waits for at most a day, and at most three times between two prompts
    /// of the user.
    fn wait_for_reset(&mut self, exchange: &Exchange, obstacle: &Obstacle) {
        let session = exchange.session;
        let client = &mut self.clients[session];
        let reset = obstacle.until.filter(|_| obstacle.window.is_some());
        let reset = reset.filter(|_| obstacle.kind != Kind::UsageCredits);
        let reset = reset.filter(|reset| *reset - self.now <= TimeDelta::days(1));
        let Some(reset) = reset.filter(|_| client.version != Version::Old && client.waits < 3)
        else {
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

    pub fn continue_by_itself(&mut self, session: usize, reset: Time) {
        let client = &self.clients[session];
        if client.waits_for == Some(reset) && client.is_open && !client.is_busy {
            let text = format!("{} continues by itself", client.name);
            self.tell(text);
            self.prompt(session, false);
        }
    }

    /// Simulates a status-line call, which shows the model and the usage that the session knows, even if this usage is
    /// old.
    pub fn draw(&mut self, session: usize, exchange: Option<usize>) {
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
            self.leave(
                Some(session),
                Source::Sample,
                Event::Read(shown.clone()),
                0.0,
            );
            if let Some(number) = exchange
                && self.exchanges[number].usage.as_ref() == Some(&shown)
            {
                self.exchanges[number].shown_at = Some(self.now);
            }
        }
    }
}
