//! Applies each fact to the world.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::judge::{Judgement, Scene, judge};
use super::super::resource::Family;
use super::super::{
    Announcement, BudgetScope, Event, Fact, Kind, Login, Measure, ModelResponse, Part, Payer,
    Refusal, Request, Resource, Scope, Source, UsedBudget,
};
use super::readings::{FULL, OF_ALL_MODELS, Reading, USED_UP};
use super::stop::NextError;
use super::{Cause, Closure, KnownSession, Opening, Overrun, PASTED, Served, Stop, World};
use crate::limits::messages::{ErrorReport, Verdict, recognize};

/// The time for which the plan may still cover responses after a window has become full.
const GRACE: TimeDelta = TimeDelta::minutes(10);

/// The maximum time until a status-line call shows the usage that came with a refusal.
const USAGE_ARRIVES_WITHIN: TimeDelta = TimeDelta::seconds(3);

impl World {
    pub(super) fn apply(&mut self, fact: Fact) {
        let Fact {
            at,
            session,
            source,
            event,
        } = fact;
        match (session, event) {
            (Some(id), event) => self.apply_to_session(at, &id, source, event),
            (None, Event::LoggedIn(login)) => self.log_in(at, login),
            (None, Event::Read(usage)) => self.read(at, &self.login_payer(), usage),
            (None, Event::CreditsRead(credits)) => self.credits_read = Some((at, credits)),
            (None, Event::MayContinue(may_continue)) => self.may_continue = may_continue,
            (None, Event::Budgeted(budget)) => self.budget(at, None, budget),
            (None, Event::Running(sessions)) => {
                for (id, session) in &mut self.sessions {
                    session.is_closed = !sessions.contains(id);
                }
            }
            // Every other event happens in a session.
            (None, _) => {}
        }
    }

    fn apply_to_session(&mut self, at: DateTime<Utc>, id: &str, source: Source, event: Event) {
        match event {
            Event::Read(usage) => self.read(at, &self.request_of(id).payer, usage),
            Event::Served(response) => self.serve(at, id, response),
            Event::Refused(refusal) => self.refuse(at, id, source, refusal),
            Event::Sent { is_typed } => {
                self.session(id).under_way = Some((at, self.request_of(id)));
                if is_typed {
                    self.session(id).act(at);
                }
            }
            Event::Typed => self.session(id).act(at),
            Event::Opened { project } => {
                let session = self.session(id);
                session.act(at);
                session.project = project.or(session.project.take());
            }
            Event::Closed => self.session(id).is_closed = true,
            Event::Shortened => self.change_conversation(at, id),
            Event::Shown => {
                for stop in self
                    .stops
                    .iter_mut()
                    .filter(|stop| stop.session == id)
                {
                    stop.is_shown = true;
                }
            }
            Event::Selected { model, draws_on } => self.select(at, id, model, draws_on),
            Event::Announced(announcement) => self.announce(at, id, announcement),
            Event::Owned { account } => self.session(id).account = Some(account),
            Event::Paying(payer) => self.session(id).other_payer = payer,
            Event::Budgeted(budget) => self.budget(at, Some(id), budget),
            Event::LoggedIn(login) => self.log_in(at, login),
            Event::CreditsRead(credits) => self.credits_read = Some((at, credits)),
            Event::MayContinue(may_continue) => self.may_continue = may_continue,
            Event::Running(_) => {}
        }
    }

    fn session(&mut self, id: &str) -> &mut KnownSession {
        self.sessions.entry(id.to_owned()).or_default()
    }

    /// Returns the request that has just been served or refused, and the time at which it was sent.
    fn sent(&self, id: &str, at: DateTime<Utc>) -> (DateTime<Utc>, Request) {
        let under_way = self
            .sessions
            .get(id)
            .and_then(|it| it.under_way.clone());
        under_way.unwrap_or_else(|| (at, self.request_of(id)))
    }

    /// Changes the login. From now on, the new account pays for the running sessions of the former account, and these
    /// sessions no longer wait for the former account's reset.
    fn log_in(&mut self, at: DateTime<Utc>, login: Option<Login>) {
        let former = self.login_payer();
        let account = login.as_ref().map(|login| &login.account);
        let is_other = self
            .login
            .as_ref()
            .is_some_and(|former| Some(&former.account) != account);
        if is_other {
            let ids = self.sessions.keys().cloned().collect::<Vec<_>>();
            for id in ids {
                if self.request_of(&id).payer != former {
                    continue;
                }
                let session = self.session(&id);
                if session.account.is_some() {
                    session.account = login.as_ref().map(|login| login.account.clone());
                }
                session.last_action = Some(at);
            }
        }
        if let Some(login) = &login {
            self.logins
                .insert(login.account.clone(), login.clone());
        }
        self.login = login;
    }

    /// Opens the resources that only the conversation had closed, because it now uses another model or has less
    /// context.
    fn change_conversation(&mut self, at: DateTime<Utc>, id: &str) {
        let session = Part::Is(id.to_owned());
        for closure in &mut self.closures {
            let is_of_conversation = closure.resource.kind.family() == Family::Conversation;
            if is_of_conversation && closure.resource.scope.session == session {
                closure.open(Opening::Changed(at));
            }
        }
    }

    fn select(&mut self, at: DateTime<Utc>, id: &str, model: String, draws_on: Option<String>) {
        let session = self.session(id);
        let is_other = session
            .model
            .as_ref()
            .is_some_and(|known| *known != model)
            || session.draws_on != draws_on;
        session.model = Some(model);
        session.draws_on = draws_on;
        if is_other {
            self.change_conversation(at, id);
        }
    }

    fn announce(&mut self, at: DateTime<Utc>, id: &str, announcement: Announcement) {
        self.session(id).announcement = Some((at, announcement));
        if announcement == Announcement::LowerPriority {
            let scope = Scope {
                session: Part::Is(id.to_owned()),
                ..Resource::of(Kind::FiveHour, &self.request_of(id)).scope
            };
            let overrun = Overrun {
                since: at,
                is_paid: false,
            };
            self.overruns.insert(scope, overrun);
        }
    }

    /// Closes a budget that is used up, and opens it when the budget has been raised.
    fn budget(&mut self, at: DateTime<Utc>, session: Option<&str>, budget: UsedBudget) {
        let mut resource = Resource::of(Kind::OwnBudget, &Request::default());
        if budget.scope == BudgetScope::Session {
            resource.scope.session = Part::of(session.map(str::to_owned));
        }
        let is_same = |closure: &&mut Closure| {
            matches!(&closure.cause, Cause::Budget(known) if known.scope == budget.scope)
                && closure.resource == resource
                && closure.opening.is_none()
        };
        let known = self.closures.iter_mut().find(is_same);
        match (known, budget.spent_usd >= budget.limit_usd) {
            (Some(known), true) => known.cause = Cause::Budget(budget),
            (Some(known), false) => known.open(Opening::Lifted(at)),
            (None, true) => self.closures.push(Closure {
                resource,
                beyond: Vec::new(),
                since: at,
                until: budget.ends_at,
                cause: Cause::Budget(budget),
                opening: None,
            }),
            (None, false) => {}
        }
    }

    /// Adds readings. A window that has room is open, and so are the credits and caps that are needed only beyond that
    /// window.
    fn read(&mut self, at: DateTime<Utc>, payer: &Payer, usage: Vec<Measure>) {
        for measure in usage {
            let reading = Reading {
                at,
                payer: payer.clone(),
                measure,
            };
            if !reading.is_full() {
                let window = Resource::window_of(reading.measure.window, payer);
                let percent = reading.measure.percent;
                for closure in &mut self.closures {
                    if closure.resource == window || closure.beyond == [window.clone()] {
                        closure.open(Opening::Reading { at, percent });
                    }
                }
            }
            self.readings.add(reading);
        }
        if self.readings.high_since(payer, FULL, at).is_none() {
            self.overruns
                .retain(|scope, _| scope.payer != Part::Is(payer.clone()));
            self.open_beyond_unknown_windows(at, payer);
        }
    }

    /// Opens the credits and caps that are needed beyond a full window, if this window is unknown and every window of
    /// the payer has room.
    fn open_beyond_unknown_windows(&mut self, at: DateTime<Utc>, payer: &Payer) {
        let newest = OF_ALL_MODELS.map(|window| self.readings.newest(payer, window, at));
        let [Some(one), Some(other)] = newest else {
            return;
        };
        let percent = one.measure.percent.max(other.measure.percent);
        for closure in &mut self.closures {
            let is_overflow = closure.resource.kind.family() == Family::Overflow;
            let is_of_payer = closure.resource.scope.payer == Part::Is(payer.clone());
            if is_overflow && is_of_payer && closure.beyond.is_empty() {
                closure.open(Opening::Reading { at, percent });
            }
        }
    }

    /// Adds a response. The response opens every resource that its request needed and that was closed before the
    /// request was sent, except a full window, beyond which usage credits pay. Usage credits also pay if a window has
    /// been used up for a while.
    fn serve(&mut self, at: DateTime<Utc>, id: &str, response: ModelResponse) {
        let (sent_at, sent) = self.sent(id, at);
        let session = self.session(id);
        session.is_closed = false;
        // A model that was selected while the request was under way applies only to the next request.
        if response.model.is_some() && session.model == sent.model {
            session.model.clone_from(&response.model);
        }
        let request = Request {
            model: response.model.or(sent.model),
            purpose: response.purpose,
            ..sent
        };
        self.served.push(Served { sent_at, at });
        self.read(at, &request.payer, response.usage);
        let used_up_since = self.readings.high_since(&request.payer, USED_UP, at);
        let mut is_beyond = used_up_since.is_some_and(|since| at - since > GRACE);
        for closure in &mut self.closures {
            let is_later = closure.since > sent_at;
            if is_later || closure.opening.is_some() || !closure.is_proven_open_by(&request) {
                continue;
            }
            let kind = closure.resource.kind;
            let reading = self.readings.newest(&request.payer, kind, at);
            if reading.is_some_and(Reading::is_full) {
                is_beyond |= closure.opening_at(at).is_none();
            } else {
                let session = id.to_owned();
                closure.open(Opening::Response { session, at });
            }
        }
        let has_overrun = self
            .overruns
            .keys()
            .any(|scope| scope.includes(&request));
        let is_outdated = self.closures.iter().any(|closure| {
            let is_of_plan = closure.resource.kind.family().is_of_plan();
            is_of_plan && closure.since > sent_at && closure.is_needed_by(&request)
        });
        if is_beyond && !has_overrun && !is_outdated {
            let scope = Resource::of(Kind::UsageCredits, &request).scope;
            let overrun = Overrun {
                since: at,
                is_paid: true,
            };
            self.overruns.insert(scope, overrun);
        }
        for stop in &mut self.stops {
            if !stop.resource.is_needed_by(&request) {
                continue;
            }
            if stop.session == id && stop.answered_at.is_none() {
                stop.answered_at = Some(at);
            }
            if stop.judgement.verdict == Verdict::FalseLikely && stop.at <= sent_at {
                let session = id.to_owned();
                stop.disproof
                    .get_or_insert(Opening::Response { session, at });
            }
        }
    }

    /// Adds a refusal. The refusal closes the resources that the judgement names, and opens those whose checks the
    /// request had passed before it was refused.
    fn refuse(&mut self, at: DateTime<Utc>, id: &str, source: Source, refusal: Refusal) {
        self.session(id).is_closed = false;
        let (sent_at, sent) = self.sent(id, at);
        let request = Request {
            purpose: refusal.purpose,
            ..sent
        };
        self.session(id).under_way = None;
        self.read(at, &request.payer, refusal.usage.clone());
        let stop = self.stop(at, id, source, refusal, request);
        let judgement = &stop.judgement;
        if judgement
            .closes
            .iter()
            .any(|closed| closed.kind.family().is_of_plan())
        {
            self.overruns
                .retain(|scope, _| !scope.includes(&stop.request));
        }
        for closure in &mut self.closures {
            let is_passed = judgement
                .limit
                .family()
                .is_after(closure.resource.kind.family());
            if is_passed && closure.since <= sent_at && closure.is_proven_open_by(&stop.request) {
                closure.open(Opening::Passed(at));
            }
        }
        self.close(&stop);
        self.add(stop);
    }

    /// Returns the stop that a refusal of this request causes.
    fn stop(
        &self,
        at: DateTime<Utc>,
        id: &str,
        source: Source,
        refusal: Refusal,
        request: Request,
    ) -> Stop {
        let report = ErrorReport {
            text: refusal.text.clone(),
            class: refusal.class.clone(),
            codes: refusal.codes.clone(),
            status: refusal.status,
        };
        let message = recognize(&report, at, self.zone);
        let account = self.account_of(&request.payer);
        let session = self.sessions.get(id);
        let is_of_login = match (&request.payer, session, &self.login) {
            (Payer::Account(account), Some(session), Some(login)) if session.account.is_some() => {
                Some(*account == login.account)
            }
            _ => None,
        };
        let is_fresh = source != Source::Pasted && self.now - at < USAGE_ARRIVES_WITHIN;
        let scene = Scene {
            at,
            request: &request,
            account,
            login: self.login.as_ref(),
            is_of_other: is_of_login == Some(false),
            draws_on_credits: session.is_some_and(|session| session.draws_on.is_some()),
            awaits_usage: is_fresh && refusal.is_about_usage() && refusal.usage.is_empty(),
            readings: &self.readings,
        };
        let judgement = judge(&refusal, &message, &scene);
        let is_awaited = scene.awaits_usage;
        let resource = self.limit(&judgement, &request, at);
        Stop {
            session: id.to_owned(),
            at,
            first_at: at,
            attempts: 1,
            refusal,
            message,
            source,
            account: account.cloned(),
            request,
            is_of_login,
            judgement,
            resource,
            is_awaited,
            answered_at: None,
            disproof: None,
            next: NextError::None,
            is_shown: false,
        }
    }

    /// Returns the limit as a resource. The first refusal of a login may affect only one session. A second refusal
    /// before the next response shows that everybody who shares the login is affected.
    fn limit(&self, judgement: &Judgement, request: &Request, at: DateTime<Utc>) -> Resource {
        let shared = Resource::of(judgement.limit, request);
        let is_confirmed = self.closures.iter().any(|closure| {
            closure.resource.kind == shared.kind
                && closure.resource.scope.payer == shared.scope.payer
                && closure.opening_at(at).is_none()
        });
        if judgement.limit.description().is_confirmed_by_second && !is_confirmed {
            let session = Part::of(request.session.clone());
            let scope = Scope {
                session,
                ..shared.scope
            };
            return Resource { scope, ..shared };
        }
        shared
    }

    fn close(&mut self, stop: &Stop) {
        let position = self.stops.len();
        let judgement = &stop.judgement;
        let window = judgement
            .window
            .map(|window| Resource::of(window, &stop.request));
        for closed in &judgement.closes {
            let is_overflow = closed.kind.family() == Family::Overflow;
            let resource = if closed.kind == judgement.limit {
                stop.resource.clone()
            } else {
                Resource::of(closed.kind, &stop.request)
            };
            self.closures.push(Closure {
                resource,
                beyond: window
                    .iter()
                    .filter(|_| is_overflow)
                    .cloned()
                    .collect(),
                since: stop.at,
                until: closed.until,
                cause: Cause::Stop(position),
                opening: None,
            });
        }
    }

    /// Adds a stop. If the session's previous stop has received no response, also records whether the new stop repeats
    /// it.
    fn add(&mut self, mut stop: Stop) {
        let is_last = |last: &&mut Stop| last.session == stop.session && last.answered_at.is_none();
        if let Some(last) = self.stops.iter_mut().rfind(is_last) {
            last.next = if last.is_repeated_by(&stop) {
                NextError::Repetition
            } else {
                NextError::Other
            };
            if last.next == NextError::Repetition {
                stop.first_at = last.first_at;
                stop.attempts += last.attempts;
            }
        }
        self.stops.push(stop);
    }

    /// Adds the stop that a pasted text would have caused if the server had just refused the request with this text.
    pub(super) fn refuse_pasted(&mut self, text: &str, request: &Request) {
        let refusal = Refusal {
            text: text.to_owned(),
            ..Refusal::default()
        };
        let request = Request {
            session: Some(PASTED.to_owned()),
            ..request.clone()
        };
        let stop = self.stop(self.now, PASTED, Source::Pasted, refusal, request);
        self.close(&stop);
        self.add(stop);
    }
}
