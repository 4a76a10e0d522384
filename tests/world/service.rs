//! The simulated service, which knows the truth: whether a request would be served now, who would pay, and what ends a
//! refusal.

use super::limits::{Kind, Measure};
use chrono::{DateTime, Datelike, TimeDelta, TimeZone, Utc};

pub type Time = DateTime<Utc>;

/// Returns a duration of this many seconds.
pub fn seconds(number: f64) -> TimeDelta {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "durations are at most weeks"
    )]
    TimeDelta::milliseconds((number * 1000.0) as i64)
}

/// The source of payment for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purse {
    /// A plan, and the usage credits of its account.
    Account(usize),
    /// An API key.
    Key(usize),
    /// A cloud provider.
    Cloud,
    /// Nobody is logged in.
    Nobody,
}

/// A request that a session sends, or that a new session would send.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    pub session: Option<usize>,
    pub purse: Purse,
    pub model: &'static str,
    pub is_too_long: bool,
}

/// The payer of a request that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paid {
    Plan,
    Credits,
    Key,
    Provider,
}

/// The reason why a request is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Obstacle {
    /// The kind of the limit.
    pub kind: Kind,
    /// The full window that the limit depends on, if any.
    pub window: Option<Kind>,
    /// The time from which the request would be served even if nobody acts.
    pub until: Option<Time>,
    /// True if the refusal is a false alarm, because there is room.
    pub is_false: bool,
    /// The server's reason for not charging usage credits.
    pub reason: Option<&'static str>,
}

impl Obstacle {
    fn of(kind: Kind) -> Self {
        Self {
            kind,
            window: None,
            until: None,
            is_false: false,
            reason: None,
        }
    }

    /// Returns true if the obstacle goes away by itself within minutes.
    pub fn is_trouble(&self) -> bool {
        matches!(
            self.kind,
            Kind::Overloaded | Kind::ServerError | Kind::Throttle
        )
    }
}

/// The server's reply to a request.
pub type Reply = Result<Paid, Obstacle>;

/// A usage window of an account.
#[derive(Debug, Clone)]
pub struct Window {
    pub kind: Kind,
    pub used: f64,
    pub reset: Option<Time>,
}

impl Window {
    /// Resets the window if its time has passed. A weekly window has a fixed schedule, and a 5-hour window begins with
    /// the first request.
    fn roll(&mut self, now: Time) {
        while let Some(reset) = self.reset.filter(|reset| *reset <= now) {
            self.used = 0.0;
            self.reset = (self.kind != Kind::FiveHour).then(|| reset + TimeDelta::days(7));
        }
    }

    fn is_needed_by(&self, model: &str) -> bool {
        match self.kind {
            Kind::WeeklyOpus => model == "opus",
            Kind::WeeklySonnet => model == "sonnet",
            _ => true,
        }
    }

    pub fn is_full(&self) -> bool {
        self.used >= 100.0
    }
}

/// Whether usage credits can pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    Absent,
    Off,
    On,
}

/// A plan with its windows, and the money beyond them.
#[derive(Debug, Clone)]
pub struct Account {
    /// The name of the account in facts.
    pub name: String,
    pub plan: &'static str,
    pub is_admin: bool,
    /// The 5-hour window and the weekly windows: for all models, for Opus, and for Sonnet.
    pub windows: [Window; 4],
    /// How fast the weekly window of the model fills up, compared with the 5-hour window.
    pub model_share: f64,
    pub credits: Switch,
    pub balance: f64,
    pub spent: f64,
    pub own_cap: Option<f64>,
    pub member_cap: Option<f64>,
    pub org_cap: Option<f64>,
    pub seat_has_credits: bool,
    pub is_login_valid: bool,
    pub is_disabled: bool,
    /// A model that this account may not use.
    pub forbidden: Option<&'static str>,
}

impl Account {
    /// Returns the server's reason for not charging usage credits, or `None` if they pay.
    fn refuses_credits(&self) -> Option<&'static str> {
        let is_reached = |cap: Option<f64>| cap.is_some_and(|cap| self.spent >= cap);
        match self.credits {
            Switch::Absent => Some("overage_not_provisioned"),
            _ if !self.seat_has_credits => Some("seat_tier_zero_credit_limit"),
            Switch::Off => Some("org_level_disabled"),
            Switch::On if is_reached(self.org_cap) || is_reached(self.own_cap) => {
                Some("org_level_disabled_until")
            }
            Switch::On if is_reached(self.member_cap) => Some("org_spend_cap_reached"),
            Switch::On if self.balance <= 0.0 => Some("out_of_credits"),
            Switch::On => None,
        }
    }

    pub fn is_shared(&self) -> bool {
        matches!(self.plan, "team" | "enterprise")
    }

    /// Returns the full window that applies to this model. If there are several, returns the one that resets last.
    fn full(&self, model: &str) -> Option<&Window> {
        let windows = self.windows.iter();
        windows
            .filter(|window| window.is_full() && window.is_needed_by(model))
            .max_by_key(|window| window.reset)
    }

    /// Returns the usage that a status line shows. The weekly windows of individual models are not part of it.
    pub fn measures(&self) -> Vec<Measure> {
        let shown = self.windows.iter().take(2);
        shown
            .filter(|window| window.reset.is_some())
            .map(|window| Measure {
                window: window.kind,
                percent: window.used.min(100.0).floor(),
                resets_at: window.reset,
            })
            .collect()
    }
}

/// An API key.
#[derive(Debug, Clone)]
pub struct Key {
    pub balance: f64,
    pub cap: Option<f64>,
    pub spent: f64,
    pub is_valid: bool,
}

/// A period in which requests are refused although no limit has been reached.
#[derive(Debug, Clone)]
pub struct Period {
    /// The fault of the service, or the limit that its false alarms name.
    pub kind: Kind,
    pub from: Time,
    pub until: Time,
    /// The account whose requests are refused, or `None` for everybody.
    pub account: Option<usize>,
}

#[derive(Debug, Clone, Default)]
pub struct Service {
    pub accounts: Vec<Account>,
    pub keys: Vec<Key>,
    pub troubles: Vec<Period>,
    pub alarms: Vec<Period>,
}

impl Service {
    /// Returns what the service would reply now. Nothing is charged.
    pub fn reply(&mut self, now: Time, need: &Need) -> Reply {
        for account in &mut self.accounts {
            for window in &mut account.windows {
                window.roll(now);
            }
        }
        let is_now = |period: &&Period| period.from <= now && now < period.until;
        if let Some(trouble) = self.troubles.iter().find(is_now)
            && need.purse != Purse::Cloud
            && trouble
                .account
                .is_none_or(|it| need.purse == Purse::Account(it))
        {
            return Err(Obstacle::of(trouble.kind));
        }
        match need.purse {
            Purse::Nobody => Err(Obstacle::of(Kind::Auth)),
            _ if need.is_too_long => Err(Obstacle::of(Kind::PromptTooLong)),
            Purse::Cloud => Ok(Paid::Provider),
            Purse::Key(key) => self.keys[key].reply(now),
            Purse::Account(account) => {
                let alarm = self.alarms.iter().find(is_now);
                let alarm = alarm.filter(|alarm| alarm.account == Some(account));
                self.accounts[account].reply(now, need.model, alarm)
            }
        }
    }

    /// Charges a request that is served.
    pub fn charge(&mut self, now: Time, need: &Need, paid: Paid, weight: f64) {
        let dollars = weight * 0.03;
        match (need.purse, paid) {
            (Purse::Account(account), Paid::Credits) => {
                let account = &mut self.accounts[account];
                account.balance -= dollars;
                account.spent += dollars;
            }
            (Purse::Account(account), _) => self.accounts[account].use_up(now, need.model, weight),
            (Purse::Key(key), _) => {
                self.keys[key].balance -= dollars;
                self.keys[key].spent += dollars;
            }
            (Purse::Cloud | Purse::Nobody, _) => {}
        }
    }
}

impl Account {
    fn reply(&self, now: Time, model: &str, alarm: Option<&Period>) -> Reply {
        if !self.is_login_valid {
            return Err(Obstacle::of(Kind::Auth));
        }
        if self.is_disabled {
            return Err(Obstacle::of(Kind::OrgDisabled));
        }
        if self.forbidden == Some(model) {
            return Err(Obstacle::of(Kind::ModelUnavailable));
        }
        let Some(window) = self.full(model) else {
            return match alarm {
                Some(alarm) => Err(self.false_alarm(now, alarm.kind)),
                None => Ok(Paid::Plan),
            };
        };
        let Some(reason) = self.refuses_credits() else {
            return Ok(Paid::Credits);
        };
        let kind = match reason {
            "org_level_disabled_until" if self.is_shared() => Kind::OrgSpendCap,
            "org_level_disabled_until" => Kind::OwnSpendCap,
            "org_spend_cap_reached" => Kind::MemberSpendCap,
            _ => window.kind,
        };
        Err(Obstacle {
            window: Some(window.kind),
            until: window.reset,
            reason: Some(reason),
            ..Obstacle::of(kind)
        })
    }

    fn false_alarm(&self, now: Time, kind: Kind) -> Obstacle {
        let window = if kind == Kind::Weekly {
            &self.windows[1]
        } else {
            &self.windows[0]
        };
        Obstacle {
            window: Some(window.kind),
            until: window
                .reset
                .or(Some(on_the_minute(now) + TimeDelta::hours(2))),
            is_false: true,
            reason: (kind == Kind::UsageCredits).then_some("out_of_credits"),
            ..Obstacle::of(kind)
        }
    }

    fn use_up(&mut self, now: Time, model: &str, weight: f64) {
        let share = self.model_share;
        for window in &mut self.windows {
            let weight = match window.kind {
                Kind::FiveHour => weight,
                Kind::Weekly => weight * 0.1,
                _ if window.is_needed_by(model) => weight * share,
                _ => 0.0,
            };
            if window.reset.is_none() {
                window.reset = Some(on_the_minute(now) + TimeDelta::hours(5));
            }
            window.used = (window.used + weight).min(100.0);
        }
    }
}

impl Key {
    fn reply(&self, now: Time) -> Reply {
        if !self.is_valid {
            return Err(Obstacle::of(Kind::Auth));
        }
        if self.balance <= 0.0 {
            return Err(Obstacle::of(Kind::ApiCreditBalance));
        }
        if self.cap.is_some_and(|cap| self.spent >= cap) {
            return Err(Obstacle {
                until: Some(next_month(now)),
                ..Obstacle::of(Kind::ApiSpendCap)
            });
        }
        Ok(Paid::Key)
    }
}

/// Returns the start of the minute.
pub fn on_the_minute(time: Time) -> Time {
    time - TimeDelta::milliseconds(time.timestamp_millis() % 60_000)
}

/// Returns the start of the hour.
pub fn on_the_hour(time: Time) -> Time {
    time - TimeDelta::milliseconds(time.timestamp_millis() % 3_600_000)
}

fn next_month(time: Time) -> Time {
    let (year, month) = match time.month() {
        12 => (time.year() + 1, 1),
        month => (time.year(), month + 1),
    };
    Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0)
        .unwrap()
}
