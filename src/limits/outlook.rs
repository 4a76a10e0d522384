//! Outlooks: whether a request would be served at a given time, and what a stop meant.

use chrono::{DateTime, TimeDelta, Utc};

use super::Reading;
use super::continuation::Continuation;
use super::evidence::Evidence;
use super::fold::{Cause, Closure, Opening, PASTED, Stop, World};
use super::messages::{Service, Verdict, Waiting, Who};
use super::resource::{Family, Lifter};
use super::steps::Step;
use super::{Asker, Credits, Kind, Login, Payer, Request, Resource, UsedBudget};

/// The maximum difference between two stated times of the same reset, because messages round times to minutes.
const SAME_RESET: TimeDelta = TimeDelta::minutes(2);

/// The state of a request with regard to the limit that an outlook is about.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Something that the request needs is closed.
    Blocked,
    /// The limit still stops another session, but it does not apply to the asking shell.
    NotHere,
    /// The limit no longer applies, or a response showed that it never did. The session has received no response yet.
    Reopened(Opening),
    /// The limit is still closed, but the session now uses another payer or another model.
    Spared,
    /// The limit is still closed, but usage credits have begun to pay for responses beyond it.
    Paid,
    /// The limit is still closed, but Claude Code works at lower priority until the reset, which costs nothing.
    LowerPriority,
    /// Nothing was ever closed: the message was wrong, or it was only a notice.
    NeverClosed,
    /// The session has received a response.
    Answered(DateTime<Utc>),
}

/// Who pays for a request. The names are the values of `pays` in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pays {
    /// The included usage of a plan.
    Plan,
    /// Usage credits, beyond a full window.
    Credits,
    /// An API key.
    Key,
    /// A cloud provider.
    Provider,
    /// Nobody is logged in.
    Nobody,
}

/// The resources that block a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    /// The time at which the last of the resources opens, or `None` if it is unknown.
    pub until: Option<DateTime<Utc>>,
    /// The payer of the request.
    pub pays: Option<Pays>,
    /// The closed resources. The resource that stays closed longest comes first.
    pub resources: Vec<Kind>,
    /// True if the evidence is sufficient to be sure that the resources are closed.
    pub is_sure: bool,
}

/// A kind of resource that blocks a request in addition to the limit that an outlook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Also {
    /// The kind of the closed resource.
    pub kind: Kind,
    /// The time at which the resource opens, or `None` if it is unknown.
    pub until: Option<DateTime<Utc>>,
}

/// The known usage of a payer.
#[derive(Debug, Clone, PartialEq)]
pub struct PayerUsage {
    /// The time at which the newest reading was taken.
    pub at: DateTime<Utc>,
    /// The newest reading of each window. The windows may have been reset since.
    pub readings: Vec<Reading>,
    /// The usage credits, as `/usage` showed them, if the payer is the logged-in account.
    pub credits: Option<Credits>,
}

/// The answer about one limit, for one request at one time.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// The time of the answer.
    pub now: DateTime<Utc>,
    /// The request that the answer is for.
    pub request: Request,
    /// The limit. The kind of this resource is `limit` in the output.
    pub resource: Resource,
    /// The verdict on the message.
    pub verdict: Verdict,
    /// True if the message does not say which window is full, so that the limit is only a guess.
    pub is_guess: bool,
    /// True if the usage that comes with the refusal may still arrive.
    pub is_awaited: bool,
    /// The state of the request with regard to the limit.
    pub state: State,
    /// The full window, if the limit is a usage window or matters only beyond one.
    pub window: Option<Kind>,
    /// The service that refused the request.
    pub service: Option<Service>,
    /// The person who can end the problem.
    pub who_can_fix: Who,
    /// True if the problem goes away with time, or `None` if this is unknown.
    pub waiting_helps: Option<bool>,
    /// The time at which the limit ends by itself, as the server or the message stated.
    pub resets_at: Option<DateTime<Utc>>,
    /// The time at which Claude Code sends the prompt again by itself, or the reason why it does not.
    pub continuation: Continuation,
    /// True if the session belongs to the logged-in account, or `None` if this is unknown.
    pub is_of_login: Option<bool>,
    /// The account that pays, if it is or was logged in on this machine.
    pub account: Option<Login>,
    /// True if the refused request has received no response, and no evidence except the clock shows that the limit has
    /// ended.
    pub is_open: bool,
    /// The other resources that block this request, latest end first.
    pub also: Vec<Also>,
    /// The facts that support the answer.
    pub evidence: Vec<Evidence>,
    /// The steps that the user can take, best first.
    pub steps: Vec<Step>,
    /// The error, or `None` if one of the user's own budgets is used up.
    pub stop: Option<Stop>,
    /// The budget that is used up.
    pub budget: Option<UsedBudget>,
}

impl Outlook {
    /// Returns the kind of the limit.
    pub fn limit(&self) -> Kind {
        self.resource.kind
    }

    /// Returns the time of the first refusal of the stop, or the present if no request was refused.
    pub fn began_at(&self) -> DateTime<Utc> {
        self.stop
            .as_ref()
            .map_or(self.now, |stop| stop.first_at)
    }

    /// Returns true if something that the request needs is closed.
    pub fn is_blocked(&self) -> bool {
        self.state == State::Blocked
    }

    /// Returns true if the next prompt would be served although the session was stopped. The prompt may cost money.
    pub fn is_over(&self) -> bool {
        !matches!(
            self.state,
            State::Blocked | State::NotHere | State::NeverClosed
        )
    }

    /// Returns true if the resource that stopped the refused request is still closed, even if it does not block the
    /// asker.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Blocked | State::NotHere)
    }

    /// Returns true if the error occurred in another session, and its limit also applies to this request.
    pub fn is_elsewhere(&self) -> bool {
        let session = self.request.session.as_ref();
        self.stop
            .as_ref()
            .is_some_and(|stop| session != Some(&stop.session))
    }

    /// Returns true if only an admin of an organization can change what the account may spend.
    pub fn is_shared(&self) -> bool {
        match &self.account {
            Some(account) => account.is_shared(),
            None => self.is_of_login == Some(false),
        }
    }

    /// Returns true if the user is an admin of a shared plan.
    pub fn is_admin(&self) -> bool {
        self.account
            .as_ref()
            .is_some_and(|account| account.is_admin && account.is_shared())
    }

    /// Returns true if the other outlook is about the same limit of the same payer.
    fn is_about_limit_of(&self, other: &Self) -> bool {
        self.resource.kind == other.resource.kind
            && self.resource.scope.payer == other.resource.scope.payer
    }

    /// Returns the exit code of `explain --exit-code`.
    pub fn exit_code(&self) -> u8 {
        match (self.is_blocked(), self.waiting_helps) {
            (false, _) => 0,
            (true, Some(true)) => 10,
            (true, Some(false)) => 11,
            (true, None) => 12,
        }
    }
}

impl World {
    /// Returns what blocks the asker's next request now, or else what stopped its session last. A shell has no errors
    /// of its own, so its answer is about the newest stop of any session. Returns `None` if no session has been
    /// stopped.
    pub fn outlook(&self, asker: &Asker) -> Option<Outlook> {
        let request = self.request(asker);
        let own = self.newest_stop(&request);
        let blockers = self.blockers(&request);
        let unanswered = own.filter(|own| {
            let stop = self.stops.get(*own);
            stop.is_some_and(|stop| stop.answered_at.is_none())
        });
        if let Some(closure) = explaining(&blockers, unanswered) {
            return Some(self.answer(&request, Subject::Closure(closure)));
        }
        let stop = self.stops.get(own?)?;
        let of_session = self.request_of(&stop.session);
        let is_session_blocked = !self.blockers(&of_session).is_empty();
        // A shell has no errors of its own. The answer says what the user can do in the session that is still stopped.
        let asking = if is_session_blocked {
            &of_session
        } else {
            &request
        };
        let mut outlook = self.answer(asking, Subject::Stop(own?));
        let is_beyond = matches!(outlook.state, State::Paid | State::LowerPriority);
        let is_of_other = is_beyond && !outlook.resource.is_needed_by(&request);
        if outlook.is_blocked() || is_of_other {
            outlook.state = if is_session_blocked {
                State::NotHere
            } else {
                State::Spared
            };
            self.finish(&mut outlook);
        }
        Some(outlook)
    }

    /// Explains a pasted text as if the server had just refused the asker's request with this text.
    pub fn meaning(&self, text: &str, asker: &Asker) -> Option<Outlook> {
        let world = self.with_pasted(text, &self.request(asker));
        let position = world
            .stops
            .iter()
            .rposition(|stop| stop.session == PASTED)?;
        let request = world.stops.get(position)?.request.clone();
        let own: Vec<_> = world
            .blockers(&request)
            .into_iter()
            .filter(|closure| closure.cause == Cause::Stop(position))
            .collect();
        Some(match explaining(&own, Some(position)) {
            Some(closure) => world.answer(&request, Subject::Closure(closure)),
            None => world.answer(&request, Subject::Stop(position)),
        })
    }

    /// Explains each error and how it ended, newest first. An error and its repetitions are explained together.
    pub fn stops(&self) -> Vec<Outlook> {
        let positions = (0..self.stops.len()).rev();
        positions
            .filter_map(|position| Some((position, self.stops.get(position)?)))
            .filter(|(_, stop)| !stop.is_repeated())
            .map(|(position, stop)| {
                let request = self.request_of(&stop.session);
                self.answer(&request, Subject::Stop(position))
            })
            .collect()
    }

    /// Returns the outlooks of the other sessions that are blocked by another limit. Each limit is returned once.
    pub fn others(&self, outlook: &Outlook) -> Vec<Outlook> {
        let mut others: Vec<Outlook> = Vec::new();
        for (id, session) in &self.sessions {
            let asker = Asker::Session(id.clone());
            if session.is_closed || outlook.request.session.as_ref() == Some(id) {
                continue;
            }
            let Some(other) = self.outlook(&asker).filter(Outlook::is_blocked) else {
                continue;
            };
            let is_known = others
                .iter()
                .chain([outlook])
                .any(|known| known.is_about_limit_of(&other));
            if !is_known {
                others.push(other);
            }
        }
        others
    }

    /// Returns the known sessions, and whether each of them has been closed.
    pub fn sessions(&self) -> impl Iterator<Item = (&str, bool)> {
        self.sessions
            .iter()
            .map(|(id, session)| (id.as_str(), session.is_closed))
    }

    /// Returns what blocks the next prompt of the asker, or `None` if nothing does.
    pub fn blocks(&self, asker: &Asker) -> Option<Blocks> {
        let request = self.request(asker);
        let last = self.blockers(&request).first().copied()?;
        Some(Blocks {
            until: last.until,
            pays: Some(self.pays(&request)),
            resources: self
                .blocking(&request)
                .iter()
                .map(|it| it.kind)
                .collect(),
            is_sure: self
                .stop_of(&last.cause)
                .is_none_or(|stop| stop.judgement.verdict != Verdict::CannotTell),
        })
    }

    /// Returns who pays for the request.
    pub fn pays(&self, request: &Request) -> Pays {
        let is_paid = self
            .overrun(request)
            .is_some_and(|overrun| overrun.is_paid);
        match request.payer {
            Payer::Account(_) if is_paid => Pays::Credits,
            Payer::Account(_) | Payer::Token(_) => Pays::Plan,
            Payer::Key(_) => Pays::Key,
            Payer::Cloud(_) => Pays::Provider,
            Payer::Unknown => Pays::Nobody,
        }
    }

    /// Returns the time since which usage credits have been paying for requests of this payer beyond a window that is
    /// still full.
    pub fn paying_since(&self, request: &Request) -> Option<DateTime<Utc>> {
        let overrun = self.overrun(request)?;
        overrun.is_paid.then_some(overrun.since)
    }

    /// Returns what is known about the usage of the request's payer, or `None` if there is no current reading.
    pub fn usage(&self, request: &Request) -> Option<PayerUsage> {
        let readings = self.readings.current(&request.payer);
        let is_login = self
            .login
            .as_ref()
            .is_some_and(|login| request.payer == Payer::Account(login.account.clone()));
        let credits = self.credits_read.as_ref().filter(|_| is_login);
        Some(PayerUsage {
            at: readings.iter().map(|reading| reading.at).max()?,
            readings: readings.into_iter().cloned().collect(),
            credits: credits.map(|(_, credits)| credits.clone()),
        })
    }

    /// Returns the readings of a window of the payer, in the order in which they were taken.
    pub fn readings(&self, payer: &Payer, window: Kind) -> &[Reading] {
        self.readings.of(payer, window)
    }

    fn newest_stop(&self, request: &Request) -> Option<usize> {
        self.stops
            .iter()
            .rposition(|stop| match &request.session {
                Some(session) => stop.session == *session,
                None => true,
            })
    }

    fn stop_of(&self, cause: &Cause) -> Option<&Stop> {
        match cause {
            Cause::Stop(position) => self.stops.get(*position),
            Cause::Budget(_) => None,
        }
    }
}

/// Returns the closure that best explains why the request is blocked, or `None` if the request is not blocked. This is
/// the closure that lasts longest, or the session's own closure if it lasts as long. `blockers` must be sorted by their
/// ends, latest first.
fn explaining<'a>(blockers: &[&'a Closure], own: Option<usize>) -> Option<&'a Closure> {
    let decisive = *blockers.first()?;
    let own_cause = own.map(Cause::Stop);
    let lasts_as_long = |closure: &Closure| match (closure.until, decisive.until) {
        (Some(end), Some(last)) => last - end < SAME_RESET,
        (end, last) => end == last,
    };
    let best = blockers
        .iter()
        .find(|closure| Some(&closure.cause) == own_cause.as_ref() && lasts_as_long(closure));
    Some(best.copied().unwrap_or(decisive))
}

/// The subject of an answer.
#[derive(Clone, Copy)]
enum Subject<'a> {
    /// A closed resource that blocks the request now.
    Closure(&'a Closure),
    /// The stop at this position, regardless of what blocks the request now.
    Stop(usize),
}

impl World {
    fn answer(&self, request: &Request, subject: Subject<'_>) -> Outlook {
        let (closure, position) = match subject {
            Subject::Closure(closure) => match closure.cause {
                Cause::Stop(position) => (Some(closure), Some(position)),
                Cause::Budget(_) => (Some(closure), None),
            },
            Subject::Stop(position) => (None, Some(position)),
        };
        let stop = position.and_then(|position| self.stops.get(position));
        let state = match (closure, position) {
            (None, Some(position)) => self.state_of(position),
            _ => State::Blocked,
        };
        let resource = self.limit_of(request, subject);
        let verdict = stop.map_or(Verdict::Real, |stop| stop.judgement.verdict);
        // If a shell asks, the answer is about the session that was stopped. A pasted text has stopped no session.
        let stopped = stop.map(|stop| stop.session.as_str());
        let asked = request.session.as_deref().or(stopped);
        let session = asked.filter(|session| *session != PASTED);
        let blocking = self.blocking(request).into_iter();
        let also = blocking.filter(|it| it.kind != resource.kind);
        let mut outlook = Outlook {
            now: self.now,
            request: request.clone(),
            verdict,
            is_guess: stop.is_some_and(|stop| stop.judgement.is_guess),
            is_awaited: stop.is_some_and(|stop| stop.is_awaited),
            window: stop.and_then(|stop| stop.judgement.window),
            service: service(stop, request, resource.kind),
            who_can_fix: Who::Nobody,
            waiting_helps: None,
            resets_at: reset_of(resource.kind, closure, stop),
            continuation: self.continuation(session),
            is_of_login: stop.and_then(|stop| stop.is_of_login),
            account: match stop {
                Some(stop) => stop.account.clone(),
                None => self.account_of(&request.payer).cloned(),
            },
            is_open: position.is_none_or(|position| self.is_open(position)),
            also: also.collect(),
            evidence: Vec::new(),
            steps: Vec::new(),
            stop: stop.cloned(),
            budget: match closure.map(|closure| &closure.cause) {
                Some(Cause::Budget(budget)) => Some(budget.clone()),
                _ => None,
            },
            resource,
            state,
        };
        self.finish(&mut outlook);
        outlook
    }

    /// Fills in the fields that follow from the rest of the answer.
    fn finish(&self, outlook: &mut Outlook) {
        outlook.who_can_fix = who_can_fix(outlook);
        outlook.waiting_helps = waiting_helps(outlook);
        outlook.evidence = super::evidence::evidence(outlook);
        outlook.steps = super::steps::steps(self, outlook);
    }

    /// Returns the limit that an answer is about: the limit of the message, as long as it is closed, or else another
    /// resource that the same refusal has closed and that is still closed.
    fn limit_of(&self, request: &Request, subject: Subject<'_>) -> Resource {
        let (cause, closed) = match subject {
            Subject::Closure(closure) => (closure.cause.clone(), self.blockers(request)),
            Subject::Stop(position) => (Cause::Stop(position), self.closed()),
        };
        let Some(stop) = self.stop_of(&cause) else {
            return match subject {
                Subject::Closure(closure) => closure.resource.clone(),
                Subject::Stop(_) => Resource::of(Kind::Unknown, request),
            };
        };
        let closed: Vec<_> = closed
            .into_iter()
            .filter(|it| it.cause == cause)
            .collect();
        let is_closed = closed.iter().any(|it| it.resource == stop.resource);
        let other = match subject {
            // If two windows are full, the closure is about the window that resets last, so the answer is about this
            // window, too.
            Subject::Closure(closure) => {
                let are_windows = closure.resource.kind.is_window() && stop.limit().is_window();
                (are_windows || !is_closed).then_some(closure)
            }
            Subject::Stop(_) if is_closed => None,
            Subject::Stop(_) => closed.first().copied(),
        };
        other
            .map_or(&stop.resource, |other| &other.resource)
            .clone()
    }

    /// Returns all resources that are closed now, regardless of which requests need them.
    fn closed(&self) -> Vec<&Closure> {
        let closures = self.closures.iter();
        closures
            .filter(|closure| closure.opening_at(self.now).is_none())
            .collect()
    }

    /// Returns the current state of the request that was refused.
    fn state_of(&self, position: usize) -> State {
        let Some(stop) = self.stops.get(position) else {
            return State::NeverClosed;
        };
        if let Some(at) = stop.answered_at {
            return State::Answered(at);
        }
        if let Some(disproof) = &stop.disproof {
            return State::Reopened(disproof.clone());
        }
        let closures: Vec<_> = self
            .closures
            .iter()
            .filter(|closure| closure.cause == Cause::Stop(position))
            .collect();
        let Some(first) = closures.first() else {
            return State::NeverClosed;
        };
        let closed = closures
            .iter()
            .find(|it| it.opening_at(self.now).is_none());
        let overrun = self.overrun(&stop.request);
        match (first.opening_at(self.now), closed, overrun) {
            (Some(opening), None, _) => State::Reopened(opening),
            (_, Some(closed), Some(overrun)) if overrun.passes(closed) && overrun.is_paid => {
                State::Paid
            }
            (_, Some(closed), Some(overrun)) if overrun.passes(closed) => State::LowerPriority,
            _ => State::Blocked,
        }
    }

    fn is_open(&self, position: usize) -> bool {
        let is_followed = self
            .stops
            .get(position)
            .is_some_and(Stop::is_followed);
        match self.state_of(position) {
            State::Answered(_) => false,
            State::Reopened(opening) if opening.is_proof() || opening == Opening::Age => false,
            State::Blocked => true,
            _ => !is_followed,
        }
    }

    /// Returns the kinds of resources that block a request, each of them once, in the order of [`Self::blockers`].
    fn blocking(&self, request: &Request) -> Vec<Also> {
        let mut blocking: Vec<Also> = Vec::new();
        for closure in self.blockers(request) {
            let kind = closure.resource.kind;
            if blocking.iter().all(|known| known.kind != kind) {
                let until = closure.until;
                blocking.push(Also { kind, until });
            }
        }
        blocking
    }
}

/// Returns the time at which the limit ends by itself. The pause after a problem of the service is not a reset, unless
/// the message states it.
fn reset_of(kind: Kind, closure: Option<&Closure>, stop: Option<&Stop>) -> Option<DateTime<Utc>> {
    let stated = stop.and_then(|stop| stop.message.stated);
    if kind.family() == Family::Service && stated.is_none() {
        return None;
    }
    let judged = stop.and_then(|stop| {
        let closes = &stop.judgement.closes;
        closes
            .iter()
            .find(|closed| closed.kind == kind)?
            .until
    });
    let is_of_message = stop.is_some_and(|stop| stop.judgement.limit == kind);
    closure
        .map_or(judged, |closure| closure.until)
        .or(stated
            .filter(|_| is_of_message)
            .map(|stated| stated.at))
}

fn service(stop: Option<&Stop>, request: &Request, kind: Kind) -> Option<Service> {
    let by_catalog = stop.and_then(|stop| stop.message.row.service);
    let payer = stop.map_or(&request.payer, |stop| &stop.request.payer);
    by_catalog.or(match payer {
        Payer::Cloud(provider) if provider == "bedrock" => Some(Service::Bedrock),
        Payer::Cloud(provider) if provider == "vertex" => Some(Service::Vertex),
        Payer::Cloud(_) => Some(Service::Other),
        Payer::Key(_) => Some(Service::Console),
        Payer::Account(_) | Payer::Token(_) => Some(Service::Plan),
        Payer::Unknown => kind.family().is_of_plan().then_some(Service::Plan),
    })
}

/// Returns the catalog's row for the message. Returns `None` if the answer is not about the limit of the message.
fn row_of(outlook: &Outlook) -> Option<&'static super::messages::Row> {
    let stop = outlook.stop.as_ref()?;
    let is_about_message = outlook.limit() == stop.judgement.limit;
    is_about_message.then_some(stop.message.row)
}

fn who_can_fix(outlook: &Outlook) -> Who {
    if outlook.verdict == Verdict::WrongCredential {
        return Who::You;
    }
    let by_catalog = row_of(outlook).and_then(|row| row.who);
    let who = by_catalog.unwrap_or(match outlook.limit().description().lifter {
        Lifter::Nobody => Who::Nobody,
        Lifter::Admin => Who::Admin,
        Lifter::WhoeverPays if outlook.is_shared() => Who::Admin,
        Lifter::WhoeverPays | Lifter::You => Who::You,
    });
    match who {
        Who::Admin if outlook.is_admin() => Who::You,
        who => who,
    }
}

fn waiting_helps(outlook: &Outlook) -> Option<bool> {
    if outlook.verdict == Verdict::FalseLikely {
        return None;
    }
    if outlook.is_over() || outlook.verdict == Verdict::WrongCredential {
        return Some(false);
    }
    let by_catalog = row_of(outlook).and_then(|row| row.waiting_helps);
    if let Some(helps) = by_catalog.and_then(Waiting::helps) {
        return Some(helps);
    }
    if outlook.resets_at.is_some() {
        return Some(true);
    }
    if by_catalog.is_some() {
        return None;
    }
    let is_personal = outlook
        .account
        .as_ref()
        .is_some_and(Login::is_personal);
    match outlook.limit().family() {
        Family::Window | Family::Service => Some(true),
        Family::Overflow => is_personal.then_some(true),
        Family::Prepaid if outlook.limit() == Kind::ApiSpendCap => None,
        Family::Conversation if outlook.limit() == Kind::Unknown => None,
        Family::Access
        | Family::Budget
        | Family::Conversation
        | Family::Model
        | Family::Prepaid => Some(false),
    }
}
