//! Simulates how users react to a response or a refusal, and changes that no file shows.

use chrono::TimeDelta;

use super::life::{Action, Life};
use super::limits::Kind;
use super::service::{Obstacle, Purse, Switch};

const HOUR: f64 = 3600.0;

impl Life {
    pub fn plan_next_prompt(&mut self, session: usize) {
        let pace = self
            .dice
            .pick(&[(40.0, 300.0), (100.0, 900.0), (300.0, 3600.0)]);
        let after = self.dice.between(pace.0, pace.1);
        self.plan_prompt(session, after);
        let is_long = self.dice.chance(0.03);
        let client = &mut self.clients[session];
        if is_long {
            client.length = 100.0;
        }
        if self.dice.chance(0.2) {
            self.plan_questions(&[3.0, 60.0, 1000.0]);
        }
        if self.dice.chance(0.04) {
            let after = self.dice.between(1.0, after + 20.0);
            self.plan(after, Action::Select(session));
        }
    }

    pub fn select_another(&mut self, session: usize) {
        if self.clients[session].is_open {
            let model = self.other_model(session);
            self.select(session, model);
        }
    }

    fn other_model(&self, session: usize) -> &'static str {
        if self.clients[session].model == "opus" {
            "sonnet"
        } else {
            "opus"
        }
    }

    /// Simulates the user's reaction to the refusal that the session has just received.
    pub fn react(&mut self, session: usize) {
        let last = self
            .exchanges
            .iter()
            .rfind(|it| it.session == session);
        let Some(Err(obstacle)) = last.map(|it| it.reply.clone()) else {
            return;
        };
        if !self.clients[session].is_open || self.clients[session].is_busy {
            return;
        }
        if obstacle.is_trouble() || obstacle.is_false {
            let after = self.dice.pick(&[15.0, 60.0, 150.0, 400.0, 1500.0]);
            return self.plan_prompt(session, after);
        }
        match obstacle.kind {
            Kind::PromptTooLong if self.dice.chance(0.2) => {
                self.close(session);
                return self.start_another(session);
            }
            Kind::PromptTooLong if self.dice.chance(0.8) => self.shorten(session),
            Kind::Auth | Kind::OrgDisabled => self.react_to_refused_access(session),
            Kind::ModelUnavailable if self.dice.chance(0.8) => {
                let model = self.other_model(session);
                self.select(session, model);
            }
            Kind::ApiCreditBalance | Kind::ApiSpendCap => self.react_to_empty_key(session),
            _ if obstacle.window.is_some() => {
                return self.react_to_limit(session, &obstacle);
            }
            _ => {}
        }
        self.plan_questions(&[3.0, 60.0, 600.0]);
        let after = self.dice.between(20.0, 400.0);
        self.plan_prompt(session, after);
    }

    fn react_to_refused_access(&mut self, session: usize) {
        if self.dice.chance(0.4) {
            return;
        }
        match self.purse(session) {
            Purse::Key(key) => {
                self.tell("somebody renews a key (no file shows it)");
                self.service.keys[key].is_valid = true;
            }
            Purse::Account(account) if self.service.accounts[account].is_disabled => {
                self.tell("an admin enables the organization (no file shows it)");
                self.service.accounts[account].is_disabled = false;
            }
            Purse::Account(_) | Purse::Cloud | Purse::Nobody => {
                let account = self.login.unwrap_or_default();
                self.log_in(account);
            }
        }
    }

    fn react_to_empty_key(&mut self, session: usize) {
        match (self.purse(session), self.dice.below(3)) {
            (Purse::Key(key), 0) => {
                self.tell("somebody adds funds to a key (no file shows it)");
                self.service.keys[key].balance += 3.0;
                self.service.keys[key].cap = None;
            }
            (_, 1) => {}
            _ => {
                self.clients[session].next_purse = None;
                self.reopen(session, 60.0);
            }
        }
    }

    fn reopen(&mut self, session: usize, after: f64) {
        self.close(session);
        self.plan(after, Action::Open(session));
    }

    fn react_to_limit(&mut self, session: usize, obstacle: &Obstacle) {
        let until = obstacle.until.unwrap_or(self.now);
        let left = ((until - self.now).as_seconds_f64()).max(60.0);
        self.plan_questions(&[left, left + 600.0]);
        match self.dice.below(11) {
            0 | 1 => {
                self.stop_waiting(session);
                let after = left + self.dice.pick(&[5.0, 100.0, 400.0, 3000.0]);
                self.plan_prompt(session, after);
            }
            2 => {
                let after = self.dice.between(40.0, 900.0);
                self.plan_prompt(session, after);
            }
            3 => {
                let after = self.dice.pick(&[60.0, left + 30.0, 15.0 * HOUR]);
                self.reopen(session, after);
            }
            4 => self.buy(session),
            5 => {
                let model = self.other_model(session);
                self.select(session, model);
                self.plan_prompt(session, 60.0);
            }
            6 => {
                let account = self.dice.below(self.service.accounts.len());
                self.log_in(account);
                self.plan_prompt(session, 100.0);
            }
            7 => self.fork(session),
            8 if !self.service.keys.is_empty() => {
                let key = self.dice.below(2);
                self.clients[session].next_purse = Some(Purse::Key(key));
                self.reopen(session, 30.0);
            }
            _ => {
                // Claude Code continues by itself, or the user returns later.
                let after = left + self.dice.pick(&[120.0, 1000.0, 5000.0]);
                self.plan_prompt(session, after);
            }
        }
    }

    /// Simulates a user who buys credits or has a cap raised. Only the next response shows this change.
    fn buy(&mut self, session: usize) {
        if let Purse::Account(account) = self.purse(session) {
            self.tell(format!(
                "credits of account {account} are bought and caps raised (no file shows it)"
            ));
            let account = &mut self.service.accounts[account];
            account.credits = Switch::On;
            account.balance += 3.0;
            for cap in [
                &mut account.own_cap,
                &mut account.org_cap,
                &mut account.member_cap,
            ] {
                *cap = cap.map(|_| account.spent + 2.0);
            }
        }
        let after = self.dice.between(10.0, 900.0);
        self.plan_prompt(session, after);
    }

    fn fork(&mut self, session: usize) {
        self.start_another(session);
        let after = self.dice.between(100.0, 4000.0);
        self.plan_prompt(session, after);
    }

    fn start_another(&mut self, session: usize) {
        if self.clients.len() < 6 {
            let (name, purse, model) = {
                let it = &self.clients[session];
                (format!("{}'", it.name), it.own_purse, it.model)
            };
            let fork = self.add_client(&name, purse, model);
            self.plan(5.0, Action::Open(fork));
        }
    }

    /// Simulates a change of the service that no file shows.
    pub fn change_outside(&mut self) {
        let number = self.dice.below(self.service.accounts.len());
        let what = self.dice.below(6);
        let account = &mut self.service.accounts[number];
        let text = match what {
            0 => {
                for window in account
                    .windows
                    .iter_mut()
                    .filter(|window| window.is_full())
                {
                    window.used = 0.0;
                    if window.kind == Kind::FiveHour {
                        window.reset = None;
                    }
                }
                "full windows are reset early"
            }
            1 => {
                for window in account
                    .windows
                    .iter_mut()
                    .filter(|window| window.is_full())
                {
                    window.reset = window.reset.map(|reset| reset + TimeDelta::hours(1));
                }
                "full windows will be reset an hour later"
            }
            2 => {
                account.own_cap = account.own_cap.map(|cap| cap + 1.0);
                account.org_cap = account.org_cap.map(|cap| cap + 1.0);
                account.member_cap = account.member_cap.map(|cap| cap + 1.0);
                "caps are raised"
            }
            3 => {
                account.is_login_valid = false;
                "the login becomes invalid"
            }
            4 => {
                account.is_disabled = account.is_shared();
                "an admin disables the organization, if there is one"
            }
            _ => {
                account.forbidden = if account.forbidden.is_some() {
                    None
                } else {
                    Some("opus")
                };
                "an admin forbids or allows Opus"
            }
        };
        self.tell(format!("account {number}: {text} (no file shows it)"));
    }
}
