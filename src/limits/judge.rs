//! Decides what a refusal means, given what was known about its payer at that moment: the plan, the role, and the readings.

use chrono::{DateTime, TimeDelta, Utc};

use super::fold::readings::{OF_ALL_MODELS, Reading, Readings};
use super::messages::{Message, Stated, Stops, TimeOf, Verdict};
use super::resource::{Ends, Family, Plans};
use super::{Kind, Login, Payer, Refusal, Request};

/// The longest time until a reset of the 5-hour window, with an allowance for the rounding of times in messages.
const FIVE_HOURS_ROUNDED: TimeDelta = TimeDelta::minutes(5 * 60 + 5);

/// The meaning of a refusal.
#[derive(Debug, Clone)]
pub(crate) struct Judgement {
    pub limit: Kind,
    pub verdict: Verdict,
    /// True if the message does not say which window is full.
    pub is_guess: bool,
    /// The resources that the refusal shows to be closed, starting with the limit itself. Empty if nothing is closed.
    pub closes: Vec<Closed>,
    /// The full window, if the limit depends on a window.
    pub window: Option<Kind>,
    /// The readings that confirm or contradict the message.
    pub readings: Vec<Reading>,
}

/// A kind of resource that a refusal shows to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    pub kind: Kind,
    pub until: Option<DateTime<Utc>>,
}

/// The knowledge about a payer at the time at which a request was refused.
pub(crate) struct Scene<'a> {
    pub at: DateTime<Utc>,
    pub request: &'a Request,
    /// The account that pays, if it is or was logged in on this machine.
    pub account: Option<&'a Login>,
    /// The account that is logged in, whose plan could pay instead of the session's key.
    pub login: Option<&'a Login>,
    /// True if the session is known to belong to a different account from the one that is logged in.
    pub is_of_other: bool,
    /// True if the session uses something that always costs usage credits, such as fast mode.
    pub draws_on_credits: bool,
    /// True if a status-line call may still show the usage that came with the refusal, so that older readings prove
    /// nothing yet.
    pub awaits_usage: bool,
    pub readings: &'a Readings,
}

/// Decides what a refusal means.
pub(crate) fn judge(refusal: &Refusal, message: &Message, scene: &Scene<'_>) -> Judgement {
    let limit = message.kind.unwrap_or(Kind::Unknown);
    let row = message.row;
    let fixed = if row.stops == Stops::Nothing {
        Some(Verdict::Notice)
    } else {
        row.verdict
    };
    let is_vague = limit == Kind::Throttle && row.verdict.is_none();
    let is_claimed = refusal
        .claim
        .as_ref()
        .is_some_and(|claim| claim.limit.is_some());
    let is_about_plan = limit.family().is_of_plan()
        || row.is_unnamed_plan_limit()
        || (is_vague && (is_claimed || !scene.full().is_empty()));
    match fixed {
        Some(verdict @ (Verdict::Notice | Verdict::Over | Verdict::NotALimit)) => {
            unmeasured(limit, verdict, message, scene)
        }
        _ if is_about_plan => judge_plan_limit(refusal, message, scene),
        Some(verdict) => unmeasured(limit, verdict, message, scene),
        None => unmeasured(limit, usual_verdict(limit, refusal, scene), message, scene),
    }
}

/// Returns the verdict on a limit of this kind, which applies unless the catalog specifies another verdict.
fn usual_verdict(limit: Kind, refusal: &Refusal, scene: &Scene<'_>) -> Verdict {
    let has_plan = scene.login.is_some_and(|login| login.plan.is_some());
    let replaces_plan = has_plan && matches!(scene.request.payer, Payer::Key(_));
    let is_pasted = refusal.class.is_none() && refusal.status.is_none();
    match limit.family() {
        Family::Prepaid if replaces_plan => Verdict::WrongCredential,
        // Nothing shows that a pasted message about money was meant for this user.
        Family::Prepaid if is_pasted => Verdict::CannotTell,
        Family::Prepaid | Family::Budget => Verdict::Real,
        Family::Access if limit == Kind::OrgDisabled && replaces_plan => Verdict::WrongCredential,
        Family::Access if limit == Kind::Billing && is_pasted => Verdict::CannotTell,
        Family::Access if limit == Kind::Billing => Verdict::Real,
        Family::Conversation if limit == Kind::Unknown => Verdict::CannotTell,
        Family::Access
        | Family::Conversation
        | Family::Model
        | Family::Overflow
        | Family::Service
        | Family::Window => Verdict::NotALimit,
    }
}

/// Returns the judgement on a message that no reading can confirm or contradict.
fn unmeasured(limit: Kind, verdict: Verdict, message: &Message, scene: &Scene<'_>) -> Judgement {
    let is_stopped =
        !matches!(verdict, Verdict::Notice | Verdict::Over) && message.row.stops == Stops::Session;
    let usual = message.row.lasts_hours.map(TimeDelta::hours);
    let stated = message
        .stated
        .map(|stated| stated.at)
        .or(usual.map(|usual| scene.at + usual));
    let closed = Closed {
        kind: limit,
        until: end_of(limit, scene.at, stated, None),
    };
    Judgement {
        limit,
        verdict,
        is_guess: false,
        closes: if is_stopped { vec![closed] } else { Vec::new() },
        window: None,
        readings: Vec::new(),
    }
}

/// Returns the time at which a resource of this kind opens again, or `None` if no source states it. `stated` is the
/// stated end of the limit itself, and `reset` is the reset of the full window.
fn end_of(
    kind: Kind,
    at: DateTime<Utc>,
    stated: Option<DateTime<Utc>>,
    reset: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    match kind.description().ends {
        Ends::Reset | Ends::ResetOrMonth => reset.or(stated),
        Ends::Pause(minutes) => Some(stated.unwrap_or(at + TimeDelta::minutes(minutes))),
        Ends::ByHand => stated,
    }
}

impl Scene<'_> {
    fn newest(&self, window: Kind) -> Option<&Reading> {
        let payer = &self.request.payer;
        self.readings.newest(payer, window, self.at)
    }

    fn full(&self) -> Vec<&Reading> {
        self.readings.full(&self.request.payer, self.at)
    }

    /// Returns the readings that prove that this window had room, or that every window had room if no window is named.
    /// Returns no readings if another window is full, because the message then only names the wrong window.
    fn contradicting(&self, window: Option<Kind>) -> Vec<Reading> {
        let disputed = window.map_or(OF_ALL_MODELS.to_vec(), |window| vec![window]);
        let known: Vec<_> = disputed
            .into_iter()
            .filter_map(|window| self.newest(window).cloned())
            .collect();
        let has_room = known
            .iter()
            .all(|reading| reading.shows_room_at(self.at));
        if has_room && self.full().is_empty() {
            known
        } else {
            Vec::new()
        }
    }
}

/// The contents of a message about the usage of a plan, and of the server's own report.
struct Statement {
    /// The limit of a plan that the message names, or else the limit that the server names.
    named: Option<Kind>,
    /// The limit that the server names.
    claimed: Option<Kind>,
    /// The window that the server or the message names.
    window: Option<Kind>,
    /// The window that the stated time probably belongs to.
    guessed: Option<Kind>,
    /// The stated reset of that window.
    reset: Option<DateTime<Utc>>,
    /// The stated end of the limit itself, as in "monthly spend limit · resets Dec 1".
    end: Option<DateTime<Utc>>,
}

impl Statement {
    fn new(refusal: &Refusal, message: &Message, at: DateTime<Utc>) -> Self {
        let claim = refusal.claim.as_ref();
        let claimed = claim.and_then(|claim| claim.limit);
        let claimed_window = claimed.filter(|kind| kind.is_window());
        let of_message = message
            .kind
            .filter(|kind| kind.family().is_of_plan());
        let named = of_message.or(claimed);
        let stated = claim
            .and_then(|claim| claim.resets_at)
            .map(|at| Stated {
                at,
                of: match claimed_window {
                    Some(window) => TimeOf::Window(Some(window)),
                    None => TimeOf::Limit,
                },
            })
            .or(message.stated);
        // A cap has its own end. Every other limit ends with the reset of a window.
        let has_own_end = named.is_some_and(|kind| kind.description().ends == Ends::ResetOrMonth);
        let by_length = |reset| {
            if reset - at <= FIVE_HOURS_ROUNDED {
                Kind::FiveHour
            } else {
                Kind::Weekly
            }
        };
        let mut statement = Self {
            named,
            claimed,
            window: claimed_window.or(named.filter(|kind| kind.is_window())),
            guessed: None,
            reset: None,
            end: None,
        };
        match stated {
            Some(Stated {
                at: end,
                of: TimeOf::Limit,
            }) if has_own_end => statement.end = Some(end),
            Some(Stated { at: reset, of }) => {
                let window = match of {
                    TimeOf::Window(window) => window,
                    TimeOf::Limit => None,
                };
                statement.window = statement.window.or(window);
                statement.guessed = Some(window.unwrap_or_else(|| by_length(reset)));
                statement.reset = Some(reset);
            }
            None => {}
        }
        statement
    }
}

/// Decides which limit a message about the usage of a plan means: a usage window, the credits beyond it, or a cap on
/// these credits.
fn judge_plan_limit(refusal: &Refusal, message: &Message, scene: &Scene<'_>) -> Judgement {
    let statement = Statement::new(refusal, message, scene.at);
    let named = statement.named;
    let contradicting = scene.contradicting(statement.window);
    let is_overflow = named.is_some_and(|kind| kind.family() == Family::Overflow);
    if !contradicting.is_empty() && scene.draws_on_credits && is_overflow {
        return Judgement {
            readings: contradicting,
            ..unmeasured(Kind::LongContextCredits, Verdict::NotALimit, message, scene)
        };
    }
    if !contradicting.is_empty() && !scene.awaits_usage {
        return Judgement {
            limit: named.or(statement.guessed).unwrap_or(Kind::FiveHour),
            verdict: Verdict::FalseLikely,
            is_guess: false,
            closes: Vec::new(),
            window: None,
            readings: contradicting,
        };
    }
    let full = scene.full();
    let measured = measured_window(&statement, &full);
    let window = measured
        .map(|reading| reading.measure.window)
        .or(statement.window)
        .or(statement.guessed);
    let measured_reset = measured.and_then(|reading| reading.measure.resets_at);
    // The server may have moved the reset of the window since the reading was taken.
    let is_older = measured.is_none_or(|reading| reading.at < scene.at);
    let newer = statement
        .reset
        .filter(|_| is_older && window == statement.window);
    let reset = newer.or(measured_reset).or(statement.reset);
    let is_known = measured.is_some() || statement.claimed.is_some();
    let limit = limit_by_plan(named, window, scene);
    let verdict = if named.is_some_and(|named| named != limit) {
        Verdict::Misworded
    } else if is_known || scene.is_of_other {
        Verdict::Real
    } else {
        Verdict::CannotTell
    };
    Judgement {
        limit,
        verdict,
        is_guess: named.is_none() && !is_known,
        closes: closed_with(limit, window, reset, &statement, scene),
        window,
        readings: full.into_iter().cloned().collect(),
    }
}

/// Returns the reading of the full window that stopped the request. Returns `None` for the window of a single model,
/// because it has no readings. If the server itself named a window, returns no reading of another full window.
fn measured_window<'a>(statement: &Statement, full: &[&'a Reading]) -> Option<&'a Reading> {
    let window = statement.window;
    if window.is_some_and(|window| window.description().model.is_some()) {
        return None;
    }
    let stated = full
        .iter()
        .find(|reading| Some(reading.measure.window) == window);
    let is_window_claimed = statement.claimed.is_some_and(Kind::is_window);
    let other = full.first().filter(|_| !is_window_claimed);
    stated.or(other).copied()
}

/// Returns the resources that a limit of a plan closes: the limit, its window, and every other window that is used up.
/// Usage credits did not pay beyond the named window, so they do not pay beyond another window either.
fn closed_with(
    limit: Kind,
    window: Option<Kind>,
    reset: Option<DateTime<Utc>>,
    statement: &Statement,
    scene: &Scene<'_>,
) -> Vec<Closed> {
    let mut closes = vec![Closed {
        kind: limit,
        until: end_of(limit, scene.at, statement.end, reset),
    }];
    let used_up = scene
        .full()
        .into_iter()
        .filter(|reading| reading.measure.is_used_up())
        .map(|reading| Closed {
            kind: reading.measure.window,
            until: reading.measure.resets_at,
        });
    let named = window.map(|kind| Closed { kind, until: reset });
    for closed in used_up.chain(named) {
        if closes.iter().all(|known| known.kind != closed.kind) {
            closes.push(closed);
        }
    }
    closes
}

/// Returns the limit that the message is really about. A personal plan has neither caps of an organization nor seats. If
/// a message names one of these on such a plan, the real reason is a full usage window.
fn limit_by_plan(named: Option<Kind>, window: Option<Kind>, scene: &Scene<'_>) -> Kind {
    let is_personal = scene.account.is_some_and(Login::is_personal) && !scene.is_of_other;
    let of_window = window.or(named.filter(|kind| kind.is_window()));
    match named {
        Some(limit) if is_personal && limit.description().plans == Plans::Shared => {
            of_window.unwrap_or(Kind::FiveHour)
        }
        Some(Kind::FiveHour | Kind::Weekly) | None => of_window.unwrap_or(Kind::FiveHour),
        Some(limit) => limit,
    }
}
