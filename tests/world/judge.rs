//! Compares answers with the truth, as far as the truth is proven by facts that the program can know.
//!
//! A request that would be refused must be called blocked only if a refusal is known and nothing visible can have ended
//! it. A request that would be served may be called blocked only if a refusal is known and nothing visible has ended
//! it. In all other cases, either answer is right: for example, no file shows that a cap was raised in another place.

use std::collections::BTreeMap;

use super::limits::{Kind, Pays, Verdict, Who};
use chrono::TimeDelta;

use super::evidence::{Expected, expected, is_contradicted, is_known};
use super::life::{Exchange, Life, shows_room};
use super::service::{Need, Obstacle, Paid, Purse, Reply, Time};

/// The maximum time until the usage that came with a refusal is shown.
pub const USAGE_ARRIVES_WITHIN: TimeDelta = TimeDelta::seconds(3);

/// How long responses beyond a full window may still be free.
const GRACE: TimeDelta = TimeDelta::minutes(20);

/// The answer that whycap gives to one asker.
#[derive(Debug, Clone)]
pub struct Answer {
    pub exit_code: u8,
    /// The resources that block the request, or `None` if nothing does.
    pub blocks: Option<Vec<Kind>>,
    pub until: Option<Time>,
    pub pays: Option<Pays>,
    /// The explanation, if there is one.
    pub about: Option<About>,
}

/// The explanation of one error.
#[derive(Debug, Clone)]
pub struct About {
    /// The state as text, for the story of the life.
    pub state: String,
    pub limit: Kind,
    pub verdict: Verdict,
    pub who_can_fix: Who,
    pub waiting_helps: Option<bool>,
    pub resets_at: Option<Time>,
    pub is_open: bool,
    /// The time at which the session continues by itself, according to the program.
    pub continues_at: Option<Time>,
    /// The number of the session in which the error occurred.
    pub session: Option<usize>,
    pub at: Option<Time>,
    pub pieces_of_evidence: usize,
    pub steps: Vec<Advice>,
}

/// A step that the program advises.
#[derive(Debug, Clone)]
pub struct Advice {
    pub text: String,
    pub costs_money: Option<bool>,
}

/// The faults that were found, and what was checked.
#[derive(Debug, Default)]
pub struct Findings {
    pub questions: usize,
    /// The number of times that each kind of expectation was checked.
    pub checked: BTreeMap<String, usize>,
    /// The number of times that the program could not tell.
    pub unsure: usize,
    /// The seeds of the lives with wrong answers, keyed by the kind of fault.
    pub wrong: BTreeMap<String, Vec<u64>>,
}

impl Findings {
    fn check(&mut self, what: impl Into<String>) {
        *self.checked.entry(what.into()).or_default() += 1;
    }

    pub fn count_wrong(&self) -> usize {
        self.wrong.values().map(Vec::len).sum()
    }
}

/// Judges the answer to one question.
pub struct Judge<'a> {
    pub life: &'a Life,
    pub session: Option<usize>,
    pub truth: &'a Reply,
    pub need: &'a Need,
    pub answer: &'a Answer,
    pub findings: &'a mut Findings,
    /// The faults of the answer.
    pub faults: Vec<String>,
}

impl<'a> Judge<'a> {
    /// Judges the answer and returns its faults, for the story of the life.
    pub fn judge(mut self) -> Vec<String> {
        self.findings.questions += 1;
        if self.answer.exit_code == 12 {
            self.findings.unsure += 1;
        }
        self.surfaces_agree();
        match expected(self.life, self.need, self.truth) {
            Expected::Blocked(exchange, obstacle, others) => {
                self.must_be_blocked(exchange, obstacle, &others);
            }
            Expected::Free(paid, excuses) => self.must_be_free(paid, &excuses),
            Expected::Open => self.findings.check("open"),
        }
        self.continuation_is_true();
        self.verdict_is_true();
        self.faults
    }

    fn wrong(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.findings
            .wrong
            .entry(text.clone())
            .or_default()
            .push(self.life.seed);
        self.faults.push(text);
    }

    fn expect(&mut self, is_true: bool, text: impl Into<String>) {
        if !is_true {
            self.wrong(text);
        }
    }

    fn surfaces_agree(&mut self) {
        let answer = self.answer;
        let is_blocked = answer.blocks.is_some();
        self.expect(
            matches!(answer.exit_code, 10..=12) == is_blocked || answer.exit_code == 12,
            "the exit code and blocks differ",
        );
        let Some(about) = &answer.about else {
            return self.expect(!is_blocked, "blocked without an explanation");
        };
        self.expect(
            about.pieces_of_evidence > 0,
            "an explanation without evidence",
        );
        let paid = about
            .steps
            .iter()
            .map(|step| step.costs_money == Some(true));
        self.expect(paid.is_sorted(), "a paid step stands before a free one");
        self.expect(!about.steps.is_empty(), "an explanation without steps");
        if let Some(blocks) = &answer.blocks {
            self.expect(
                blocks.contains(&about.limit),
                "blocks does not name the explained limit",
            );
            let ends_together = about.resets_at.is_none()
                || answer.until.is_none()
                || answer.until >= about.resets_at;
            self.expect(
                ends_together,
                "the explained limit ends after everything that blocks",
            );
            let helps = match answer.exit_code {
                10 => Some(true),
                11 => Some(false),
                _ => about.waiting_helps,
            };
            self.expect(
                helps == about.waiting_helps,
                "the exit code and waiting_helps differ",
            );
        }
    }

    fn must_be_blocked(&mut self, exchange: &Exchange, obstacle: &Obstacle, others: &[&Obstacle]) {
        let kind = obstacle.kind;
        let place = match self.session {
            Some(session) if session == exchange.session => "own",
            Some(_) => "other session",
            None => "shell",
        };
        self.findings
            .check(format!("{kind:?} stands ({place})"));
        let Some(blocks) = &self.answer.blocks else {
            return self.wrong(format!("free, but {kind:?} stands ({place})"));
        };
        let names_it = blocks.contains(&kind) || self.is_hidden_behind(obstacle);
        self.expect(names_it, format!("blocks lacks {kind:?}"));
        if !others.is_empty() {
            let ends = others
                .iter()
                .map(|it| it.until)
                .chain([obstacle.until]);
            let is_one = ends.clone().any(|end| end == self.answer.until)
                || ends.clone().any(|end| end.is_none());
            return self.expect(
                is_one,
                format!("{kind:?} ends at another time than all that stands"),
            );
        }
        let is_cap = kind == Kind::ApiSpendCap;
        let ends_by_itself = obstacle.until.is_some() || obstacle.is_trouble();
        let allowed: &[u8] = match (ends_by_itself, is_cap) {
            (_, true) => &[10, 11],
            (true, _) => &[10],
            (false, _) => &[11],
        };
        if self.answer.exit_code == 12 {
            return self
                .findings
                .check(format!("cannot tell, but {kind:?} stands"));
        }
        let code = self.answer.exit_code;
        self.expect(
            allowed.contains(&code),
            format!("exit code {code}, but {kind:?} stands"),
        );
        self.end_is_true(obstacle);
        let Some(about) = self.answer.about.clone() else {
            return;
        };
        if about.limit == kind && !is_cap {
            self.expect(about.is_open, format!("{kind:?} stands, but is not open"));
            let who = self.helpers(obstacle);
            let helper = about.who_can_fix;
            self.expect(
                who.contains(&helper),
                format!("{kind:?}: {helper:?} can fix it"),
            );
        }
    }

    /// Returns true if the program gives an end that is no earlier than the end of the obstacle. Another full window of
    /// the account may last that long.
    fn is_hidden_behind(&self, obstacle: &Obstacle) -> bool {
        obstacle.until.is_some() && self.answer.until >= obstacle.until
    }

    fn end_is_true(&mut self, obstacle: &Obstacle) {
        let kind = obstacle.kind;
        match (self.answer.until, obstacle.until) {
            (_, None) if obstacle.is_trouble() => {}
            (None, None) => {}
            (Some(until), Some(end)) => {
                self.expect(until == end, format!("{kind:?} ends at another time"));
            }
            (Some(_), None) => self.wrong(format!("{kind:?}: an end is invented")),
            (None, Some(_)) => self.wrong(format!("{kind:?}: the end is not stated")),
        }
    }

    fn helpers(&self, obstacle: &Obstacle) -> Vec<Who> {
        let is_admin = match self.need.purse {
            Purse::Account(account) => self.life.service.accounts[account].is_admin,
            _ => false,
        };
        match obstacle.kind {
            Kind::OrgSpendCap | Kind::MemberSpendCap if is_admin => {
                vec![Who::Admin, Who::You]
            }
            Kind::OrgSpendCap | Kind::MemberSpendCap => vec![Who::Admin],
            Kind::OrgDisabled | Kind::ModelUnavailable | Kind::ApiCreditBalance => {
                vec![Who::You, Who::Admin, Who::Anthropic]
            }
            Kind::Auth | Kind::PromptTooLong | Kind::OwnSpendCap => vec![Who::You],
            _ if obstacle.is_trouble() => vec![Who::Nobody, Who::Anthropic, Who::You],
            _ => vec![Who::Nobody, Who::You, Who::Admin],
        }
    }

    fn must_be_free(&mut self, paid: Paid, excuses: &[&Obstacle]) {
        if self.answer.blocks.is_some() && excuses.is_empty() {
            let blocks = &self.answer.blocks;
            return self.wrong(format!(
                "blocked by {blocks:?}, but a request would be served"
            ));
        }
        if !excuses.is_empty() {
            return self
                .findings
                .check("served, but nothing visible shows it");
        }
        self.findings.check(format!("served ({paid:?})"));
        let proven = self.proven_payment(paid);
        if let Some(proven) = proven {
            self.findings.check(format!("{proven:?} pays"));
            let pays = self.answer.pays;
            self.expect(
                pays.is_none_or(|pays| pays == proven),
                format!("{pays:?} pays, but {proven:?} is true"),
            );
        }
        let answer: &'a Answer = self.answer;
        let Some(about) = &answer.about else {
            return;
        };
        for step in &about.steps {
            let is_send = step.text.starts_with("Send the prompt again");
            let is_free = step.costs_money == Some(false);
            self.expect(
                !(is_send && is_free && proven == Some(Pays::Credits)),
                "a prompt is called free, but credits pay",
            );
            let delays = ["Wait", "Buy", "Add credits", "Raise", "Ask"];
            let is_order = delays.iter().any(|word| step.text.starts_with(word));
            let is_harmless =
                about.verdict == Verdict::FalseLikely || proven == Some(Pays::Credits);
            self.expect(
                !is_order || is_harmless || paid == Paid::Credits,
                format!("told to {}, but a request would be served", step.text),
            );
        }
    }

    /// Returns who pays, if the facts prove it.
    fn proven_payment(&self, paid: Paid) -> Option<Pays> {
        let Purse::Account(_) = self.need.purse else {
            return Some(match paid {
                Paid::Provider => Pays::Provider,
                _ => Pays::Key,
            });
        };
        let now = self.life.now;
        let of_account = self
            .life
            .exchanges
            .iter()
            .filter(|it| it.need.purse == self.need.purse);
        let known: Vec<_> = of_account.filter(|it| is_known(it, now)).collect();
        let last = known.last()?;
        if paid == Paid::Plan {
            return shows_room(last, now).then_some(Pays::Plan);
        }
        let is_beyond = |it: &&&Exchange| {
            let usage = it.usage.iter().flatten();
            let full: Vec<_> = usage.filter(|it| it.percent >= 100.0).collect();
            it.reply == Ok(Paid::Credits)
                && it.need.model == self.need.model
                && it.shown_at.is_some_and(|at| at <= now)
                && full
                    .iter()
                    .any(|it| it.resets_at.is_some_and(|reset| reset > now))
        };
        let run: Vec<_> = known.iter().rev().take_while(is_beyond).collect();
        let is_proven = run.len() >= 3 && last.at - run.last()?.at > GRACE;
        is_proven.then_some(Pays::Credits)
    }

    /// Checks that the program is right about whether Claude Code continues the session by itself.
    fn continuation_is_true(&mut self) {
        let (Some(session), Some(about)) = (self.session, &self.answer.about) else {
            return;
        };
        let client = &self.life.clients[session];
        let stated = about.continues_at.filter(|at| *at > self.life.now);
        let has_just_changed = self.life.now - client.wait_changed_at < USAGE_ARRIVES_WITHIN;
        let last = self
            .life
            .exchanges
            .iter()
            .rfind(|it| it.session == session);
        let is_settled = last.is_some_and(|it| is_known(it, self.life.now)) && !has_just_changed;
        if about.session != Some(session) || client.is_busy || !is_settled {
            return;
        }
        match (stated, client.waits_for) {
            (Some(_), None) => {
                self.wrong("the session is said to continue by itself, but it does not");
            }
            (Some(stated), Some(reset)) => {
                self.findings.check("continues by itself");
                let is_near = (stated - reset).abs() <= TimeDelta::seconds(120);
                self.expect(is_near, "the session continues at another time");
            }
            // If a prompt that Claude Code sent by itself is refused, it waits again without printing a message.
            (None, Some(reset))
                if reset > self.life.now && client.waits == 0 && self.is_reported(session) =>
            {
                self.findings.check("continues by itself");
                self.wrong("the session continues by itself, but this is not said");
            }
            (None, _) => {}
        }
    }

    /// Returns true if the transcript line about the last refusal of the session has arrived.
    fn is_reported(&self, session: usize) -> bool {
        let last = self
            .life
            .exchanges
            .iter()
            .rfind(|it| it.session == session);
        last.is_some_and(|it| it.line_at.is_some_and(|at| at <= self.life.now))
    }

    /// Checks that a false alarm is called false, and that a real limit is not.
    fn verdict_is_true(&mut self) {
        let now = self.life.now;
        let Some(about) = self.answer.about.clone() else {
            return;
        };
        let is_subject =
            |it: &&Exchange| Some(it.session) == about.session && Some(it.at) == about.at;
        let Some(exchange) = self.life.exchanges.iter().rev().find(is_subject) else {
            return;
        };
        let Err(obstacle) = &exchange.reply else {
            return;
        };
        if obstacle.window.is_none() || now - exchange.at <= USAGE_ARRIVES_WITHIN {
            return;
        }
        if obstacle.is_false && shows_room(exchange, now) {
            self.findings.check("a false alarm");
            self.expect(
                about.verdict == Verdict::FalseLikely,
                format!("a false alarm is called {:?}", about.verdict),
            );
            let is_paid = about
                .steps
                .iter()
                .any(|step| step.costs_money == Some(true));
            self.expect(!is_paid, "a false alarm costs money");
        } else if !obstacle.is_false && !is_contradicted(self.life, exchange) {
            self.findings.check("a real limit");
            self.expect(
                about.verdict != Verdict::FalseLikely,
                "a real limit is called false",
            );
        }
    }
}
