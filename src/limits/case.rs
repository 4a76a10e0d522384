//! What is known of one error, by the names that the tables of messages/rules.json ask for.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};

use super::clues::{Clues, Substance};
use super::evidence::{Evidence, Sample, Seen, Source, Whose};
use super::kind::{LimitKind, Service, Who, Window, named};
use super::messages::Message;
use super::meters::{self, FRESH_FOR, FULL_FROM, Fullness};
use super::named_limit::window_in;
use super::resets;
use super::standing::is_paid_elsewhere;
use super::vocabulary::{VOCABULARY, identifier};
use crate::claude::account::{Account, Plan};
use crate::claude::meters::{Meter, USED_UP};
use crate::claude::version::ClientVersion;
use crate::time::{Clock, Zone};

/// From here on, transcripts say whose session it is, and only sessions without a plan get the words
/// "org's" by mistake.
const NAMES_THE_OWNER: ClientVersion = ClientVersion(2, 1, 285);
/// Texts give minutes, so a five-hour window may seem to end a little later than five hours on.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// When a pasted message came nobody knows: a five-hour window may end an hour later than it seems, or
/// have ended some hours ago, so that its time of day seems to be tomorrow's. In minutes.
const OPEN: [Range<i64>; 2] = [5 * 60 + 5..6 * 60, 14 * 60..24 * 60];

/// One error with what the rules ask of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) clues: &'a Clues,
    /// The row that knows the message.
    pub(super) message: &'static Message,
    /// The reader's.
    pub(super) clock: Clock,
    /// The window that is weighed.
    pub(super) window: Option<Window>,
    /// Whether nothing but a reset time tells which window it is.
    pub(super) is_guessed: bool,
}

/// Whether conditions hold: one of several lists, which `|` parts, and of a list all, which commas part. `!`
/// stands before what must not.
pub(super) fn meets(conditions: &str, holds: impl Fn(&str) -> Option<bool>) -> bool {
    conditions.split(" | ").any(|list| {
        let mut all = list.split(", ").filter(|name| !name.is_empty());
        all.all(|name| holds(name.trim_start_matches('!')) == Some(!name.starts_with('!')))
    })
}

impl<'a> Case<'a> {
    /// The case with the first window that one of these sources tells.
    pub(super) fn with_window_of(self, sources: &str) -> Self {
        let mut sources = sources.split(' ');
        let told = sources.find_map(|source| Some((source, self.window_of(source)?)));
        let (source, window) = told.unzip();
        Self {
            window,
            is_guessed: source == Some("soon"),
            ..self
        }
    }

    fn window_of(self, source: &str) -> Option<Window> {
        match source {
            "server" => self.evidence.refused_window(),
            "named" => self.message.names.window(),
            "full" => meters::full_window(self.evidence),
            "soon" => self.window_by_reset(),
            // "Your weekly limit resets …", under a cap.
            "text" => self.clues.window_that_resets(),
            // "You've used 85% of your weekly limit".
            "near" => window_in(self.clues.nearly_full()),
            "other" if self.window == Some(Window::FiveHour) => Some(Window::Weekly),
            "other" | "five_hour" => Some(Window::FiveHour),
            _ => None,
        }
    }

    /// The window that a reset time speaks for, where the message names none.
    fn window_by_reset(self) -> Option<Window> {
        let Some(at) = self.reset_in_text(None) else {
            return meters::all_low(self.evidence).then_some(Window::FiveHour);
        };
        let (ahead, mut open) = (at - self.evidence.at, OPEN.iter());
        let is_open = open.any(|hours| hours.contains(&ahead.num_minutes()));
        if is_open && self.evidence.text.seen == Seen::Pasted {
            return None;
        }
        let mut windows = [Window::FiveHour, Window::Weekly].into_iter();
        windows.find(|window| ahead <= window.length() + SLACK)
    }

    /// The reset time in the message's own words.
    pub(super) fn reset_in_text(self, kind: Option<Window>) -> Option<DateTime<Utc>> {
        let zone = Zone::named(self.message.zone).unwrap_or(self.clock.zone);
        resets::in_text(&self.clues.raw, self.evidence.at, kind, zone)
    }

    pub(super) fn meets(self, conditions: &str) -> bool {
        meets(conditions, |name| self.holds(name, self.message.names))
    }

    /// Whether a condition holds; `limit` is what the case is about. None for a name that there is not.
    pub(super) fn holds(self, name: &str, limit: LimitKind) -> Option<bool> {
        let (evidence, clues, quota) = (self.evidence, self.clues, self.evidence.quota());
        let (account, plan) = (evidence.login.account.as_ref(), evidence.plan());
        let fullness = |window| meters::fullness(evidence, window);
        let is_full = |window| fullness(window) == Fullness::Full;
        Some(match name.split_once(' ').unwrap_or((name, "")) {
            ("limit", kind) => limit.to_string() == kind,
            ("row", id) => self.message.id == id,
            ("says", words) => clues.text.contains(words),
            ("since", version) => evidence.is_since(ClientVersion::parse(version)?),
            ("before", version) => evidence.is_before(ClientVersion::parse(version)?),
            ("credits", reason) => {
                let said = clues.adds_no_credits.then_some("out_of_credits");
                let by_server = quota.and_then(|it| it.overage_disabled_reason.as_deref());
                by_server.or(said) == Some(reason) && !is_paid_elsewhere(evidence)
            }
            ("plan", "") => plan.is_some(),
            ("personal", "") => plan.is_some_and(Plan::is_personal),
            ("shared", "") => evidence.is_shared_plan(),
            ("team", "") => plan == Some(Plan::Team),
            ("of", "a seat") => evidence.is_shared_plan() || self.is_the_organizations(),
            ("the", "organization's") => self.is_the_organizations(),
            // A private account has the role of an admin, too: of an organization of its own.
            ("admin", "") => evidence.is_shared_plan() && account.is_some_and(Account::administers),
            ("stray", "key") => plan.is_some() && evidence.login_replaced_by().next().is_some(),
            ("token", "") => evidence.has("CLAUDE_CODE_OAUTH_TOKEN"),
            ("client's", "environment") => evidence.login.environment_is_clients,
            ("old", "client") => evidence.may_run_an_old_client(),
            ("fast", "mode") => evidence.session.fast_mode,
            ("1m", "") => evidence.is_long_context_model(),
            ("model", "") => evidence.session.model.is_some(),
            ("account", "") => account.is_some(),
            ("another", "account") => evidence.is_of_another_account(),
            ("several", "clients") => evidence.session.installations > 1,
            ("pasted", "") => evidence.text.seen == Seen::Pasted,
            ("transient", "") => evidence.line().and_then(|it| it.transient) == Some(true),
            ("server", "") => quota.is_some(),
            ("server", "overage") => {
                quota.and_then(|quota| quota.rate_limit_type.as_deref()) == Some("overage")
            }
            ("server", "dated") => quota.is_some_and(|quota| quota.resets_at.is_some()),
            ("dated", "") => self.reset_in_text(None).is_some(),
            ("gateway", "") => evidence.gateway().is_some(),
            ("gateway", "dated") => meters::spend_limit_resets_at(evidence).is_some(),
            ("room", "") => meters::all_low(evidence),
            ("full", "window") => {
                let told = evidence.windows.newest_sample.as_ref();
                let is_own = told.is_some_and(|told| evidence.is_own(told));
                is_own && evidence.service() == Some(Service::Plan) && self.login_is_full(USED_UP)
            }
            ("login", "full") => self.login_is_full(FULL_FROM),
            ("certain", "") => self.window.is_some_and(is_full) || quota.is_some(),
            ("window", "") => self.window.is_some(),
            // Beside the windows' own samples: what is told now, and what `/usage` showed.
            ("window", "told now") => self.window.and_then(|it| self.told_now(it)).is_some(),
            ("window", "only shown") => {
                let untold = self.window.filter(|it| self.told_now(*it).is_none());
                untold.and_then(|it| meters::shown(evidence, it)).is_some()
            }
            ("window", how) => self.window.map(fullness) == Some(named(how)?),
            ("other", "full") => self.window_of("other").is_some_and(is_full),
            ("other", "later") => {
                let told = |window| meters::near_or_since(evidence, window);
                let other = self.window_of("other").and_then(told);
                let other = other.filter(Meter::is_used_up);
                let own = self.window.and_then(told).and_then(|it| it.resets_at);
                other.and_then(|it| it.resets_at) > own.or_else(|| quota?.resets_at)
            }
            ("one", "model") => self.window.is_some_and(Window::is_of_one_model),
            ("guessed", "") => self.is_guessed,
            ("wrapper", "") => clues.substance == Substance::Wrapper && !clues.text.is_empty(),
            ("code", "") => clues.substance == Substance::Code,
            ("notes", "") => clues.substance == Substance::Notes,
            ("names", "another") => clues.another().is_some(),
            _ => return None,
        })
    }

    /// Whether one of the login's windows is so full at this moment, in percent.
    fn login_is_full(self, from: f64) -> bool {
        let told = self.evidence.windows.newest_sample.clone();
        told.is_some_and(|told| told.ahead(self.clock.now).is_full(from))
    }

    /// What is told of a window at this moment, beside a pasted message: when that came nobody knows.
    pub(super) fn told_now(self, window: Window) -> Option<(&'a Sample, Meter)> {
        let (evidence, now) = (self.evidence, self.clock.now);
        let is_pasted = evidence.text.seen == Seen::Pasted;
        let sample = evidence.windows.newest_sample.as_ref()?;
        let meter = sample.meter(window).filter(|_| is_pasted)?;
        (now - sample.measured <= FRESH_FOR && !meter.has_reset(now)).then_some((sample, meter))
    }

    /// Who pays, and can change what is paid for: of what a message says is an organization's, an admin.
    pub(super) fn payer(self) -> Who {
        use LimitKind::{MemberSpendCap, OrgSpendCap, OwnSpendCap, SeatNoCredits};
        match self.message.names {
            OwnSpendCap => Who::You,
            MemberSpendCap | OrgSpendCap | SeatNoCredits => Who::Admin,
            _ if self.message.id == "org-credits" || self.evidence.is_shared_plan() => Who::Admin,
            _ => Who::You,
        }
    }

    /// Where what takes the login's place is set.
    pub(super) fn where_the_key_is(self) -> Source {
        let stray = self.evidence.login_replaced_by().next();
        stray.map_or(Source::Environment, |stray| stray.set_in.into())
    }

    /// Whether an organization set the cap, whoever is logged in beside the session.
    fn is_the_organizations(self) -> bool {
        let evidence = self.evidence;
        let is_anothers = match evidence.login.whose {
            Some(whose) => whose == Whose::Other,
            None => evidence.plan().is_some() && evidence.is_since(NAMES_THE_OWNER),
        };
        self.message.names == LimitKind::OrgSpendCap
            && is_anothers
            && !evidence.has("CLAUDE_CODE_OAUTH_TOKEN")
    }

    /// What can be read in words that nothing recognizes, as much as there is room for. None if nothing
    /// can.
    pub(super) fn readable(self, room: usize) -> Option<String> {
        let text = &self.clues.text;
        let class = self.evidence.class().and_then(identifier);
        let readings = [
            self.clues.another().map(str::to_owned),
            subject(text).map(|(subject, _)| subject.to_owned()),
            amount(text).map(str::to_owned),
            self.reset_in_text(None).map(|at| self.clock.time(at)),
            self.clues.status.map(|status| format!("status {status}")),
            class.map(str::to_owned),
        ];
        let mut names: Vec<String> = readings.into_iter().flatten().collect();
        while names.join(", ").chars().count() > room {
            names.pop();
        }
        Some(names.join(", ")).filter(|names| !names.is_empty())
    }

    /// Where to look.
    pub(super) fn place(self) -> &'static str {
        subject(&self.clues.text).map_or("/usage", |(_, place)| place)
    }
}

/// What a text is about, by its words, and where to look.
fn subject(text: &str) -> Option<(&'static str, &'static str)> {
    let mut subjects = VOCABULARY.subjects.iter();
    let found = subjects.find(|(words, ..)| words.stand_in(text))?;
    Some((&found.1, &found.2))
}

/// An amount of money.
fn amount(text: &str) -> Option<&str> {
    let ends = ['(', ')', ',', '.', ';', ':'];
    let mut words = text.split(' ').map(|word| word.trim_matches(ends));
    words.find(|word| {
        let has_digit = word.contains(|c: char| c.is_ascii_digit());
        word.starts_with(['$', '€', '£']) && has_digit && word.len() <= 12
    })
}
