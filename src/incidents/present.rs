//! The current error, which is shown in the status line and explained by commands.

use std::cmp::Reverse;
use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::error_match::is_known;
use super::error_search::{add_owner, find_all_errors};
use super::evidence::{EvidenceCollector, KnownError, ownership_of};
use super::history::add_details_of_ledger;
use super::session_payer::SessionPayer;
use super::stored_errors::StoredErrors;
use crate::ledger::Ledger;
use crate::limits::LONGEST_LIMIT;
use crate::limits::decide::{CONTINUES_SOON, State, Wait};
use crate::limits::evidence::{
    ContinuationObstacle, Evidence, Ownership, PossiblyUnaffected, RefusedWindow, StoredError,
};
use crate::limits::incident::{AwaitedPrompt, Incident, StillFull};
use crate::limits::kind::{Affects, Window};

/// The age up to which a resolved error takes precedence over older errors.
const RECENT: TimeDelta = TimeDelta::hours(24);

/// How long after its end a limit of the shell's own payer is mentioned beside an error that still blocks a session with
/// another payer.
const JUST_ENDED: TimeDelta = TimeDelta::minutes(30);

/// The maximum number of other sessions whose errors are explained for one session. The status line has to wait for
/// these explanations, and a script may have hit the same limit in hundreds of sessions. The newest errors are enough
/// to show that the login has reached the limit.
pub(super) const MOST_OTHER_SESSIONS: usize = 8;

/// The errors that are relevant now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Situation {
    /// The current error, or `None` if no error is known.
    pub(crate) incident: Option<Incident>,
    /// The newest error that blocks a session with a key, a cloud provider, or a token that the requesting shell does not
    /// use. Sessions that are closed do not count. It is set only if the current error blocks the shell's own payer.
    pub(crate) error_of_other_payer: Option<Incident>,
    /// A limit of the shell's own payer that has just ended, if the current error blocks only a session with another payer.
    /// The user may have been waiting for the end of this limit.
    pub(crate) just_ended: Option<Box<Incident>>,
    /// The newest error that will still block another session when the current error, a temporary problem or a false alarm, is
    /// over. If the current error is a limit of the login, this is a newer error of another session. If the session that the user
    /// asked about has an error that is over, this is a later false alarm of another session.
    pub(crate) lasting_error_elsewhere: Option<Box<Incident>>,
    /// A limit that was reached in another session, or a repeated refusal of the login, that also blocks the session that the
    /// user asked about in a shell. `None` if the session's own error blocks it. If it is set, it describes the session's
    /// current state, and `incident` describes its past.
    pub(crate) limit_of_login: Option<Box<Incident>>,
    /// The false alarm that has stopped the session in which the user asks, if the current error occurred in another session.
    pub(crate) own_false_alarm: Option<Box<Incident>>,
    /// The newest limit that has just reset but may still apply for a few seconds. Only `wait` uses it.
    just_reset: Option<Box<Incident>>,
    /// A limit of the login that will still block work when the current error, a temporary problem, is over. Only
    /// `wait` uses it.
    lasting_limit: Option<Box<Incident>>,
    /// The errors after which Claude Code may still resume the session automatically.
    continuing: Vec<Incident>,
    /// The limits of usage windows that are still full.
    pub(crate) limits_of_full_windows: Vec<Incident>,
    /// The limits that are or should be over and after which the user has to send the prompt again.
    awaiting_prompt: Vec<Incident>,
    /// The current state, if `incident` explains a text that the user entered and is not the current error.
    pub(crate) text: Option<TextSituation>,
    /// A sentence about the earlier error whose message the user has entered, if the current error is explained instead.
    pub(crate) earlier_error: Option<String>,
    /// The model of the sessions that are started in the requesting shell. `None` if the user has asked about one session or in a
    /// conversation, or if the family of the model is unknown.
    pub(crate) model_of_new_sessions: Option<String>,
    /// The current limit of a single model family, if it does not stop new sessions because they use another model. Only `wait`
    /// uses it.
    limit_sparing_new_sessions: Option<Box<Incident>>,
}

/// The current state, for the explanation of a text that the user entered.
#[derive(Debug, Clone)]
pub(crate) struct TextSituation {
    /// The error that blocks all sessions of the requesting user now or, if the text is the message of an earlier error, the
    /// session of this error. `None` if none is known.
    pub(crate) blocking: Option<Box<Incident>>,
}

/// A session that Claude Code will resume automatically.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Continuing<'a> {
    pub(crate) session: &'a str,
    pub(crate) at: DateTime<Utc>,
    /// True if the user can continue the session sooner, because the error is probably a false alarm and no limit is
    /// known to apply to the session's model now.
    pub(crate) can_continue_sooner: bool,
    /// The usage window that may stop the session again then, or for which usage credits may pay.
    pub(crate) still_full: Option<StillFull>,
    /// True if the login has been refused in another session, so this session may be refused as well.
    pub(crate) is_login_refused: bool,
}

/// A session that the user has to send its prompt again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AwaitingPrompt<'a> {
    pub(crate) session: &'a str,
    pub(crate) prompt: AwaitedPrompt,
}

/// A session that Claude Code will try to resume automatically although a budget blocks this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockedByBudget<'a> {
    pub(crate) session: &'a str,
    /// Sentences about the budget.
    pub(crate) budget: &'a str,
}

impl Continuing<'_> {
    /// Returns what Claude Code will do, without the name of the session.
    pub(crate) fn continuation_words(&self) -> &'static str {
        if self.is_login_refused {
            "will try to continue"
        } else {
            "will continue"
        }
    }
}

impl Situation {
    /// Chooses the [current error](find_current). `incidents` must be sorted from newest to oldest.
    pub(super) fn new(incidents: &[Incident], now: DateTime<Utc>) -> Self {
        let incident = find_current(incidents, now).cloned();
        let just_ended = incident
            .as_ref()
            .and_then(|current| find_just_ended(incidents, current, now))
            .cloned()
            .map(Box::new);
        let lasting_error_elsewhere = incident.as_ref().and_then(|current| {
            incidents
                .iter()
                .find(|other| {
                    blocks_other_session_longer(other, current)
                        || is_newer_than_limit(other, current)
                })
                .map(|other| Box::new(other.for_its_session()))
        });
        let error_of_other_payer = match &incident {
            Some(incident) if incident.blocks().is_some() && !is_of_other_payer(incident) => {
                incidents
                    .iter()
                    .find(|incident| {
                        blocks_session_of_other_payer(incident)
                            && !incident.evidence.collected.is_session_closed
                    })
                    .map(Incident::for_its_session)
            }
            Some(_) | None => None,
        };
        let just_reset = incidents
            .iter()
            .find(|incident| incident.surely_over_at().is_some() && !is_of_other_payer(incident))
            .cloned()
            .map(Box::new);
        let lasting_limit = incident.as_ref().and_then(|current| {
            let lasting = incidents.iter().find(|limit| outlasts(limit, current))?;
            Some(Box::new(lasting.clone()))
        });
        let awaiting_prompt = find_awaiting_prompt(incidents, now);
        let limits_of_full_windows = find_limits_of_full_windows(incidents);
        let continuing = incidents
            .iter()
            .filter(|incident| may_continue_after(incident, incidents))
            .cloned()
            .collect();
        Self {
            incident,
            error_of_other_payer,
            just_ended,
            lasting_error_elsewhere,
            limit_of_login: None,
            own_false_alarm: None,
            just_reset,
            lasting_limit,
            continuing,
            limits_of_full_windows,
            awaiting_prompt,
            text: None,
            earlier_error: None,
            model_of_new_sessions: None,
            limit_sparing_new_sessions: None,
        }
    }

    /// Returns the situation for the explanation of a text that the user entered. If the limit in the text is over, but
    /// another one blocks work now, this is the current situation. If the text is the message of an earlier error of a session,
    /// `of_session` is the situation of this session, in which the error [is not past](Self::blocks_after).
    pub(crate) fn of_text(incident: Incident, current: Self, of_session: Option<&Self>) -> Self {
        let blocking = current.blocking_everything();
        let blocking_session = of_session
            .and_then(Self::present)
            .filter(|present| present.blocks().is_some());
        let is_replaced = blocking.is_some_and(|blocking| {
            incident.diagnosis.state.is_over()
                && incident.diagnosis.is_limit()
                && !incident.may_apply_after_end()
                && blocking.diagnosis.is_limit()
                && blocking.blocks_its_session()
                && !blocking.diagnosis.credits_pay_now
        });
        if is_replaced {
            return current.after_earlier_error(&incident);
        }
        Self {
            text: Some(TextSituation {
                blocking: blocking.or(blocking_session).cloned().map(Box::new),
            }),
            incident: Some(incident),
            ..Self::default()
        }
    }

    /// Returns the situation of one session for a user who has not asked about this session.
    pub(crate) fn for_all_sessions(self) -> Self {
        Self {
            incident: self.incident.map(Incident::for_all_sessions),
            ..self
        }
    }

    /// Returns true if the current error blocks only its session, as far as is known, and this session is closed.
    pub(crate) fn blocks_only_closed_session(&self) -> bool {
        self.present().is_some_and(|present| {
            let collected = &present.evidence.collected;
            collected.is_session_closed
                && collected.possibly_unaffected == PossiblyUnaffected::OtherSessions
        })
    }

    /// Returns true if an earlier error of this session is over or was a false alarm, and another error blocks the session
    /// now. An error that still applies is not past, even if a newer one has stopped the session as well.
    pub(crate) fn blocks_after(&self, earlier: &Incident) -> bool {
        let is_past = !earlier.is_notice()
            && !earlier.may_apply_after_end()
            && (!earlier.blocks_any_session() || earlier.is_false_alarm());
        is_past
            && self.present().is_some_and(|present| {
                present.blocks().is_some() && !present.diagnosis.credits_pay_now
            })
    }

    /// Returns this situation with a sentence about the earlier error whose message the user has entered.
    pub(crate) fn after_earlier_error(self, earlier: &Incident) -> Self {
        Self {
            earlier_error: Some(earlier.without_advice().to_owned()),
            ..self
        }
    }

    /// Returns the error that currently blocks all sessions of the requesting user.
    pub(super) fn blocking_everything(&self) -> Option<&Incident> {
        self.present().filter(|present| {
            present.blocks().is_some()
                && present.evidence.collected.possibly_unaffected == PossiblyUnaffected::Nobody
        })
    }

    /// Returns the situation of this session if an error of another session blocks it as well.
    pub(super) fn blocked_by(self, obstacle: Incident) -> Self {
        let obstacle = self.in_continuing_session(obstacle);
        let own_false_alarm = self
            .incident
            .filter(|incident| incident.blocks().is_some() && incident.is_false_alarm());
        Self {
            incident: Some(obstacle),
            own_false_alarm: own_false_alarm.map(Box::new),
            continuing: self.continuing,
            limits_of_full_windows: self.limits_of_full_windows,
            ..Self::default()
        }
    }

    /// Explains an error of another session anew if it also blocks this session, and Claude Code will resume this session when the
    /// error is over. A prompt would cancel this, so the advice is to leave the session open.
    fn in_continuing_session(&self, obstacle: Incident) -> Incident {
        self.continuing()
            .find(|continuing| continuing.still_full.is_none() && !continuing.can_continue_sooner)
            .and_then(|continuing| obstacle.for_continuing_session(continuing.at))
            .unwrap_or(obstacle)
    }

    /// Returns the error that currently blocks work.
    pub(crate) fn blocking(&self) -> Option<&Incident> {
        self.incident
            .as_ref()
            .filter(|incident| incident.blocks().is_some())
    }

    /// Returns true if a limit blocks all of the account's models and usage credits do not pay for further responses.
    pub(crate) fn rules_out_paying(&self) -> bool {
        self.blocking().is_some_and(|blocking| {
            let limit = blocking.diagnosis.limit;
            limit.description().affects == Affects::Account
                && blocking.diagnosis.model_window().is_none()
                && !is_of_other_payer(blocking)
                && !blocking.diagnosis.credits_pay_now
        })
    }

    /// Returns true if limits have stopped several sessions and Claude Code may resume them automatically.
    pub(crate) fn has_stopped_several(&self) -> bool {
        let sessions: HashSet<Option<&str>> = self
            .continuing
            .iter()
            .filter(|incident| incident.diagnosis.limit.is_awaited())
            .map(|incident| incident.evidence.error.session.id.as_deref())
            .collect();
        sessions.len() > 1
    }

    /// Returns the error after which Claude Code may still resume this session.
    pub(crate) fn of_session(&self, session: &str) -> Option<&Incident> {
        self.continuing
            .iter()
            .find(|incident| incident.evidence.error.session.id.as_deref() == Some(session))
    }

    /// Returns the sessions that Claude Code will resume automatically.
    pub(crate) fn continuing(&self) -> impl Iterator<Item = Continuing<'_>> {
        let mut sessions = HashSet::new();
        self.continuing.iter().filter_map(move |incident| {
            let session = incident.evidence.error.session.id.as_deref()?;
            // Only a session's newest error shows whether Claude Code will resume it.
            if !sessions.insert(session) {
                return None;
            }
            // Until it is clear whether the limit is real, it is unknown how long the session will wait.
            if incident.diagnosis.awaits_figures() {
                return None;
            }
            let at = incident.continues_at()?;
            let Evidence {
                error,
                collected,
                clock,
            } = &incident.evidence;
            let model = error.session.model.as_deref();
            let newest = collected.newest_reading.as_ref();
            // An older error counts only if it is a limit that Claude Code waits for and that the login shares.
            let limits = self
                .continuing
                .iter()
                .filter(|limit| limit.diagnosis.limit.is_awaited() && !is_of_other_payer(limit));
            let is_blocked = limits
                .chain(self.present())
                .any(|limit| limit.blocks_its_session() && limit.may_apply_to_model(model))
                || self.limit_of_model(&incident.evidence).is_some()
                || newest.is_some_and(|newest| newest.has_full_window_for(model, clock.now));
            Some(Continuing {
                session,
                at,
                can_continue_sooner: (incident.is_false_alarm() || incident.blocks().is_none())
                    && !incident.still_blocks_only_its_session()
                    && !is_blocked
                    && at - clock.now > CONTINUES_SOON,
                still_full: self.still_full_after_continuation(incident),
                is_login_refused: self.is_login_refused_to(incident),
            })
        })
    }

    /// Returns the sessions that the user has to send their prompt again, because the limit that stopped them is or should be
    /// over and Claude Code does not resume them. A session that an error blocks now is left out.
    pub(crate) fn sessions_awaiting_prompt(&self) -> impl Iterator<Item = AwaitingPrompt<'_>> {
        let blocking = self.blocking_everything();
        self.awaiting_prompt
            .iter()
            .filter(move |incident| {
                let model = incident.evidence.error.session.model.as_deref();
                blocking.is_none_or(|blocking| !blocking.may_apply_to_model(model))
                    && self.limit_of_model(&incident.evidence).is_none()
            })
            .filter_map(|incident| {
                Some(AwaitingPrompt {
                    session: incident.evidence.error.session.id.as_deref()?,
                    prompt: incident.awaited_prompt()?,
                })
            })
    }

    /// Keeps only those sessions awaiting a prompt for which `is_idle` returns true. Nobody has to send a prompt in a closed
    /// session, and in a busy one, somebody has already sent it.
    pub(super) fn keep_idle_awaiting_prompt(&mut self, is_idle: impl Fn(&str) -> bool) {
        self.awaiting_prompt.retain(|incident| {
            let session = incident.evidence.error.session.id.as_deref();
            session.is_some_and(&is_idle)
        });
    }

    /// Returns the usage window of the same payer that is still full when Claude Code resumes the session with this error,
    /// because this window resets later.
    pub(crate) fn still_full_after_continuation(&self, incident: &Incident) -> Option<StillFull> {
        let at = incident.continues_at()?;
        let error = &incident.evidence.error;
        let limit_of_login = self.present().filter(|limit| {
            let payer = &limit.evidence.error.payer;
            limit.is_limit_of_login(error.session.model.as_deref())
                && payer.may_share_refusals_with(&error.payer)
        });
        let limit = [Some(incident), limit_of_login]
            .into_iter()
            .flatten()
            .filter(|limit| limit.blocks().is_some() || limit.still_blocks_only_its_session())
            .chain(self.limit_of_model(&incident.evidence))
            .find(|limit| !limit.diagnosis.resets.are_over_at(at))?;
        Some(StillFull {
            window: limit.diagnosis.window?,
            credits_pay: limit.diagnosis.credits_pay_now,
        })
    }

    /// Returns the full window of a single model family that applies to the session with this error, if another session has
    /// reached this limit, or the same session has reached it earlier.
    pub(crate) fn full_model_window_beside(&self, incident: &Incident) -> Option<RefusedWindow> {
        self.limit_of_model(&incident.evidence)?.full_window()
    }

    /// Adds the full usage windows that the errors of other sessions show.
    pub(super) fn add_full_windows(&mut self, of_others: &[Incident]) {
        self.limits_of_full_windows
            .extend(find_limits_of_full_windows(of_others));
    }

    /// Returns the limit of a single model that another session has reached, or the same session earlier, and that still applies
    /// to the session with this error. The session that has reached it may have switched to another model since then.
    fn limit_of_model(&self, evidence: &Evidence) -> Option<&Incident> {
        self.limits_of_full_windows
            .iter()
            .find(|limit| is_model_limit_for(limit, evidence))
    }

    /// Returns the limits of a single model family whose windows are full and that apply to a session of the login with this model.
    pub(super) fn limits_of_model(&self, model: Option<&str>) -> impl Iterator<Item = &Incident> {
        self.full_limits_of_login(model).filter(|limit| {
            let full = limit.full_window();
            full.is_some_and(|full| full.window.is_of_one_model())
        })
    }

    /// Returns true if an error shows that a window of the login is full that applies to all models.
    pub(crate) fn is_window_of_all_models_full(&self) -> bool {
        self.full_limits_of_login(None)
            .filter_map(Incident::full_window)
            .any(|full| !full.window.is_of_one_model())
    }

    /// Returns the limits whose windows are full and that apply to a session of the login with this model, unless usage credits
    /// pay beyond them.
    fn full_limits_of_login(&self, model: Option<&str>) -> impl Iterator<Item = &Incident> {
        self.limits_of_full_windows.iter().filter(move |limit| {
            limit.is_limit_of_login(model)
                && !limit.diagnosis.credits_pay_now
                && !is_of_other_payer(limit)
        })
    }

    /// Returns true if the current error, or the one that is mentioned beside it, is a refusal of the login that may also stop
    /// the session with this error when Claude Code resumes it.
    pub(crate) fn is_login_refused_to(&self, incident: &Incident) -> bool {
        let payer = &incident.evidence.error.payer;
        let mut errors = self
            .present()
            .into_iter()
            .chain(self.lasting_error_elsewhere.as_deref());
        errors.any(|error| {
            error.refuses_login() && error.evidence.error.payer.may_share_refusals_with(payer)
        })
    }

    /// Returns true if the current error blocks only a session with a key, a cloud provider, or a token that the requesting
    /// shell does not use.
    pub(crate) fn blocks_only_other_payer(&self) -> bool {
        self.incident
            .as_ref()
            .is_some_and(blocks_session_of_other_payer)
    }

    /// Returns whether waiting helps, or `None` if nothing blocks work. A limit beyond which usage credits certainly pay does not
    /// block work, unless a budget blocks prompts. A limit of a single model family does not block work either if new sessions use
    /// another model. If the user entered a text and its error is over, this is about the error that blocks work now.
    pub(crate) fn wait(&self) -> Option<Wait> {
        if self.limit_sparing_new_sessions().is_some() {
            return None;
        }
        self.blocking_now()
            .filter(|incident| !incident.can_continue_on_credits())
            .and_then(Incident::blocks)
    }

    /// Like [`Self::wait`], but a limit blocks work even if usage credits pay beyond it.
    fn wait_for_free(&self) -> Option<Wait> {
        self.blocking_now().and_then(Incident::blocks)
    }

    /// Returns the error that blocks work now. If the user entered a text and its error is over, this is another error.
    fn blocking_now(&self) -> Option<&Incident> {
        let beside_text = self.text.as_ref().and_then(|text| text.blocking.as_deref());
        self.present()
            .into_iter()
            .chain(beside_text)
            .find(|incident| incident.blocks().is_some())
    }

    /// Returns the limit of a single model family that blocks only other sessions, because new sessions in the requesting shell
    /// use another model.
    pub(crate) fn limit_sparing_new_sessions(&self) -> Option<&Incident> {
        self.limit_sparing_new_sessions.as_deref().or_else(|| {
            self.present()
                .filter(|present| self.spares_new_sessions(present))
        })
    }

    /// Returns true if a limit blocks work, but applies only to other models than that of new sessions in the requesting shell, and
    /// no other limit is known to apply to these sessions.
    fn spares_new_sessions(&self, limit: &Incident) -> bool {
        let Some(model) = self.model_of_new_sessions.as_deref() else {
            return false;
        };
        limit.blocks().is_some()
            && limit.diagnosis.only_limited_models().is_some()
            && !limit.may_apply_to_model(Some(model))
            && self.full_limits_of_login(Some(model)).next().is_none()
    }

    /// Returns the error that describes the current state: the limit of the login, if there is one, or the current
    /// error.
    pub(crate) fn present(&self) -> Option<&Incident> {
        self.limit_of_login.as_deref().or(self.incident.as_ref())
    }

    /// Adds the newest error of the login's other sessions that also blocks the session that the user asked about, or a later false
    /// alarm, which may concern this session as well. `payer` is the payer of this session. `of_others` must be sorted from newest to oldest.
    pub(super) fn add_obstacles_of_login(&mut self, payer: &SessionPayer, of_others: &[Incident]) {
        self.limit_of_login = payer
            .obstacle_among(of_others)
            .map(|obstacle| Box::new(self.in_continuing_session(obstacle)));
        if let Some(own_incident) = &self.incident
            && self.limit_of_login.is_none()
            && let Some(later) = payer.later_false_alarm_among(of_others, own_incident)
        {
            self.lasting_error_elsewhere = Some(Box::new(later.for_its_session()));
        }
        if self.just_reset.is_none() {
            self.just_reset = of_others
                .iter()
                .find(|limit| limit.surely_over_at().is_some() && payer.is_subject_to(limit))
                .map(|limit| Box::new(limit.for_another_session(PossiblyUnaffected::Nobody)));
        }
    }

    /// Explains the current error again, given that usage credits pay for the user's responses until the given time.
    pub(crate) fn while_credits_pay(self, until: DateTime<Utc>) -> Self {
        Self {
            incident: self
                .incident
                .map(|incident| incident.while_credits_pay(until)),
            ..self
        }
    }

    /// Explains the errors again, given the budgets that block prompts. `explained` returns the new explanation of an error, or
    /// `None` if no budget matters to it. Its second argument is true for an error that matters only to its own session.
    /// Pasted messages are left alone, because their sessions are unknown.
    pub(crate) fn with_budgets(
        self,
        mut explained: impl FnMut(&Incident, bool) -> Option<Incident>,
    ) -> Self {
        if self.text.is_some() {
            return self;
        }
        let mut explain = |incident: Incident, is_of_its_session: bool| {
            explained(&incident, is_of_its_session).unwrap_or(incident)
        };
        Self {
            incident: self.incident.map(|incident| explain(incident, false)),
            limit_of_login: self
                .limit_of_login
                .map(|incident| Box::new(explain(*incident, false))),
            continuing: self
                .continuing
                .into_iter()
                .map(|incident| explain(incident, true))
                .collect(),
            awaiting_prompt: self
                .awaiting_prompt
                .into_iter()
                .map(|incident| explain(incident, true))
                .collect(),
            ..self
        }
    }

    /// Returns the sessions that Claude Code will try to resume although a budget blocks this, with sentences about it.
    pub(crate) fn blocked_by_budgets(&self) -> impl Iterator<Item = BlockedByBudget<'_>> {
        self.continuing.iter().filter_map(|incident| {
            match incident.continuation()? {
                Err(ContinuationObstacle::BudgetUsedUp) => {}
                _ => return None,
            }
            Some(BlockedByBudget {
                session: incident.evidence.error.session.id.as_deref()?,
                budget: incident.evidence.collected.blocking_budget.as_deref()?,
            })
        })
    }

    /// Returns the situation for `wait`. The limit of the login becomes the current error, if there is one, or a limit
    /// that outlasts the current error. If nothing blocks work, a limit that has just reset becomes the current error. A limit that
    /// does not stop new sessions is not the current error.
    pub(crate) fn for_waiting(mut self) -> Self {
        let lasting_limit = self
            .lasting_limit
            .take()
            .filter(|limit| !self.spares_new_sessions(limit));
        let limit = self.limit_of_login.take().or(lasting_limit);
        if let Some(limit) = limit {
            self.incident = Some(*limit);
        }
        if self.limit_sparing_new_sessions().is_some() {
            self.limit_sparing_new_sessions = self.incident.take().map(Box::new);
        }
        if self.blocking().is_none()
            && let Some(just_reset) = self.just_reset.take()
        {
            self.incident = Some(*just_reset);
        }
        self
    }

    /// Returns whether waiting helps, or `None` if there is nothing to wait for. After a reset, waiting helps until the
    /// limit is certainly over. `for_free` is true if the user does not want to continue with usage credits.
    pub(crate) fn wait_until_surely_over(&self, for_free: bool) -> Option<Wait> {
        let wait = if for_free {
            self.wait_for_free()
        } else {
            self.wait()
        };
        wait.or_else(|| {
            let over_at = self.present()?.surely_over_at()?;
            Some(Wait::Helps(Some(over_at)))
        })
    }
}

/// Returns the newest limit of the shell's own payer that has ended a short time ago and after `current`, which is about
/// another payer.
fn find_just_ended<'i>(
    incidents: &'i [Incident],
    current: &Incident,
    now: DateTime<Utc>,
) -> Option<&'i Incident> {
    if current.blocks().is_some() || !blocks_session_of_other_payer(current) {
        return None;
    }
    incidents.iter().find(|limit| {
        let ended_at = limit.diagnosis.ended_at;
        limit.diagnosis.is_limit()
            && !is_of_other_payer(limit)
            && ended_at > Some(current.evidence.at())
            && ended_at > Some(now - JUST_ENDED)
    })
}

/// Returns true if Claude Code may resume the session after this error, or if there is a reason to say that it will not.
/// `incidents` are the errors of all sessions.
fn may_continue_after(incident: &Incident, incidents: &[Incident]) -> bool {
    let may_continue = match incident.continuation() {
        Some(Ok(_)) => true,
        // A session that has another payer now is not blocked, even if Claude Code does not continue it.
        Some(Err(_)) => !incident.evidence.collected.session_has_other_payer,
        None => false,
    };
    may_continue && determines_next_step(incident, incidents)
}

/// Returns true if no earlier error of the same session shows what happens to the session next. `incidents` are the errors of all
/// sessions.
fn determines_next_step(incident: &Incident, incidents: &[Incident]) -> bool {
    !incident.evidence.collected.is_during_wait
        && !incidents
            .iter()
            .any(|limit| lasts_longer_in_session(limit, incident))
}

/// Returns the limits that ended less than a day ago and after which the user has to send the prompt again. `incidents` must be
/// sorted from newest to oldest. Only the newest of a session's errors that [determine this](determines_next_step) counts.
fn find_awaiting_prompt(incidents: &[Incident], now: DateTime<Utc>) -> Vec<Incident> {
    let mut sessions = HashSet::new();
    incidents
        .iter()
        .filter(|incident| determines_next_step(incident, incidents))
        .filter(|incident| sessions.insert(incident.evidence.error.session.id.as_deref()))
        .filter(|incident| {
            let collected = &incident.evidence.collected;
            let ended_at = incident.diagnosis.ended_at;
            incident.awaited_prompt().is_some()
                && ended_at.unwrap_or(incident.evidence.at()) > now - RECENT
                && collected.headless_run.is_none()
                && !collected.session_has_other_payer
                && !collected.session_uses_new_login
        })
        .cloned()
        .collect()
}

/// Returns the limits of the usage windows that are still full.
fn find_limits_of_full_windows(incidents: &[Incident]) -> Vec<Incident> {
    incidents
        .iter()
        .filter(|incident| incident.full_window().is_some())
        .cloned()
        .collect()
}

/// Returns true if this limit of a single model also applies to the session with this error: it was reached in another session of
/// the same payer, or earlier in this session. The session must use the model now, and usage credits must not pay for it.
pub(super) fn is_model_limit_for(limit: &Incident, evidence: &Evidence) -> bool {
    let error = &evidence.error;
    let payer = &limit.evidence.error.payer;
    limit.diagnosis.model_window().is_some()
        && limit.is_limit_of_login(evidence.model_now())
        && !limit.diagnosis.credits_pay_now
        && !is_of_other_payer(limit)
        && (limit.evidence.at() < error.at || !limit.is_of(error.session.id.as_deref()))
        && payer.may_share_refusals_with(&error.payer)
}

/// Returns the current error. This is the newest error that blocks work or, if nothing blocks work, the newest error of all.
/// If this error is not known to block any session but its own, a limit of the login, which blocks all sessions, comes first.
/// If it is a false alarm, a limit of the session's model, which really stops the session, comes first. An earlier limit of the
/// same session comes first if the error is only that the server could not be reached. If a session without any payer is closed, a
/// later error of an open session comes first. `incidents` must be sorted from newest to oldest.
pub(super) fn find_current(incidents: &[Incident], now: DateTime<Utc>) -> Option<&Incident> {
    let newest = incidents
        .iter()
        .min_by_key(|incident| rank(incident, now))?;
    let comes_first = incidents.iter().find(|limit| {
        blocks_more_sessions(limit, newest)
            || stops_despite_false_alarm(limit, newest)
            || lasts_longer_in_session(limit, newest)
    });
    Some(match comes_first {
        Some(limit) => limit,
        None => incidents
            .iter()
            .find(|error| replaces_missing_login(error, newest))
            .unwrap_or(newest),
    })
}

/// Returns true if `missing_login` is the error of a closed session that had neither a login nor a key, and `error` has stopped a
/// session with a key or a cloud provider since, which is still open. The user has given up the first session, and the missing login
/// does not matter to the second one.
pub(super) fn replaces_missing_login(error: &Incident, missing_login: &Incident) -> bool {
    missing_login.lacks_payer()
        && missing_login.evidence.collected.is_session_closed
        && error.evidence.at() > missing_login.evidence.at()
        && blocks_session_of_other_payer(error)
        && !error.evidence.collected.is_session_closed
}

/// Returns true if `limit` blocks all sessions of the login, and `error`, which is neither temporary nor a false alarm, is not
/// known to block any session but its own.
fn blocks_more_sessions(limit: &Incident, error: &Incident) -> bool {
    let kind = error.diagnosis.limit;
    let may_spare_others = kind.stops_only_some_requests()
        || kind.description().affects == Affects::Unknown
        || error.may_block_only_its_session();
    may_spare_others
        && !kind.is_passing()
        && !error.is_false_alarm()
        && !limit.is_of(error.evidence.error.session.id.as_deref())
        && limit.blocks().is_some()
        && limit.is_limit_of_login(None)
        && !limit.diagnosis.credits_pay_now
        && !is_of_other_payer(limit)
}

/// Returns true if `error` is a false alarm, and the session with this error will still be stopped by `limit`, the limit of its
/// model.
fn stops_despite_false_alarm(limit: &Incident, error: &Incident) -> bool {
    error.is_false_alarm() && limit.blocks().is_some() && is_model_limit_for(limit, &error.evidence)
}

/// Returns true if `limit` stopped the session with this error before it and lasts longer. The error does not show that the limit
/// is over, because the request did not reach the server.
fn lasts_longer_in_session(limit: &Incident, error: &Incident) -> bool {
    // A session may have thousands of errors, so the quickest checks come first.
    if !error.is_without_connection()
        || !limit.diagnosis.is_limit()
        || limit.evidence.at() >= error.evidence.at()
        || !limit.is_of(error.evidence.error.session.id.as_deref())
    {
        return false;
    }
    let blocks_now = limit.blocks_its_session()
        && limit.full_window().is_some()
        && !limit.diagnosis.credits_pay_now;
    let has_ended_later =
        error.blocks().is_none() && limit.diagnosis.ended_at > Some(error.evidence.at());
    let payer = &limit.evidence.error.payer;
    (blocks_now || has_ended_later)
        && limit.may_apply_to_model(error.evidence.model_now())
        && payer.may_share_refusals_with(&error.evidence.error.payer)
}

/// Returns true if `error`, which came after the limit of the login, blocks another open session as well.
fn is_newer_than_limit(error: &Incident, limit: &Incident) -> bool {
    error.evidence.at() > limit.evidence.at()
        && error.blocks().is_some()
        && blocks_more_sessions(limit, error)
        && !is_of_other_payer(error)
        && !error.evidence.collected.is_session_closed
}

/// Returns an error's rank. The lower the rank, the more relevant the error is now.
fn rank(incident: &Incident, now: DateTime<Utc>) -> u8 {
    match incident.diagnosis.state {
        State::Blocks(_) if is_of_other_payer(incident) => 1,
        State::Blocks(_) if blocks_unless_credits_pay(incident, now) => 1,
        // The limit that the session is waiting for comes first.
        State::Blocks(_) if incident.evidence.collected.is_during_wait => 1,
        State::Blocks(_) => 0,
        State::Notice => 2,
        State::Over(_) if blocks_session_of_other_payer(incident) => 3,
        State::Over(_) if (now - incident.evidence.at()).abs() < RECENT => 4,
        State::Over(_) => 5,
    }
}

/// Returns true if `current` is a temporary problem or a false alarm, and `other` is a lasting error that blocks a different
/// session.
fn blocks_other_session_longer(other: &Incident, current: &Incident) -> bool {
    let error = &current.evidence.error;
    let is_longer = if current.is_false_alarm() {
        other.blocks_its_session()
    } else {
        current.diagnosis.limit.is_passing()
            && !other.is_limit_of_login(error.session.model.as_deref())
    };
    is_longer
        && current.blocks().is_some()
        && other.blocks().is_some()
        && !other.diagnosis.limit.is_passing()
        && !other.is_of(error.session.id.as_deref())
        && !is_of_other_payer(other)
        && !other.evidence.collected.is_session_closed
}

/// Returns true if `limit` applies to all sessions of the login and will still block work when `current`, a temporary
/// problem, is over.
fn outlasts(limit: &Incident, current: &Incident) -> bool {
    let (Some(Wait::Helps(Some(reset))), Some(Wait::Helps(Some(end)))) =
        (limit.blocks(), current.blocks())
    else {
        return false;
    };
    reset > end
        && current.diagnosis.limit.is_passing()
        && limit.is_limit_of_login(None)
        && !limit.diagnosis.credits_pay_now
        && !is_of_other_payer(limit)
}

/// Returns true if an error of another payer counts as blocking only because the requesting session's own plan is full.
/// If usage credits pay for that session, the error does not block it.
fn blocks_unless_credits_pay(incident: &Incident, now: DateTime<Utc>) -> bool {
    incident.evidence.collected.is_plan_of_asker_full
        && incident.while_credits_pay(now).blocks().is_none()
}

/// Returns true if another account than the logged-in one paid for the failed request, or if a new session in the
/// requesting shell would have a different payer.
fn is_of_other_payer(incident: &Incident) -> bool {
    incident.evidence.is_of_another_account() || incident.evidence.collected.is_of_other_payer
}

/// Returns true if the error blocks a session with a key or a cloud provider that the requesting shell does not use, or a
/// session with such a token while the login has room.
fn blocks_session_of_other_payer(incident: &Incident) -> bool {
    let Evidence {
        error, collected, ..
    } = &incident.evidence;
    let blocks_session = incident.blocks().is_some() || incident.still_blocks_only_its_session();
    blocks_session
        && collected.is_of_other_payer
        && (error.uses_key() || error.uses_cloud_provider() || collected.has_login_with_room)
}

/// Explains the errors of keys again if a limit without a usage window stops the sessions of the login. Without the key, such a
/// session would use the login. `incidents` must be sorted from newest to oldest.
pub(super) fn with_cap_of_login(incidents: Vec<Incident>) -> Vec<Incident> {
    let newest_cap = incidents.iter().find(|incident| incident.caps_login());
    let Some(cap) = newest_cap.map(|incident| incident.diagnosis.limit) else {
        return incidents;
    };
    incidents
        .into_iter()
        .map(|incident| {
            if incident.diagnosis.is_about_key && incident.evidence.stray_key().is_some() {
                incident.beside_cap_of_login(cap)
            } else {
                incident
            }
        })
        .collect()
}

/// The maximum number of errors of other sessions that a conversation adds from transcripts. Claude Code waits for the
/// explanation.
const MOST_FOR_CONVERSATION: usize = 20;
/// The maximum number of errors of other sessions that a shell adds from transcripts.
const MOST_FOR_SHELL: usize = 500;

/// Finds candidates for the current error, newest first. Errors of other sessions are included because they help to
/// explain the errors of `session`. A ledger that cannot be read is ignored.
///
/// No limit lasts longer than a month, so older errors are left out, except for the newest error of `session` and the
/// errors after it.
pub(super) fn find_errors(
    session: Option<&str>,
    ledger: Option<&Ledger>,
    collector: &EvidenceCollector<'_>,
    now: DateTime<Utc>,
) -> Vec<KnownError> {
    let since = now - LONGEST_LIMIT;
    let shown = ledger
        .and_then(|ledger| ledger.newest_shown_errors(since.timestamp_millis()).ok())
        .unwrap_or_default();
    let mut errors = find_all_errors(session, shown, collector);
    let most = if collector.environment_of.is_some() {
        MOST_FOR_CONVERSATION
    } else {
        MOST_FOR_SHELL
    };
    leave_out_repeated_errors(&mut errors, session, most);
    for known_error in &mut errors {
        add_owner(known_error, collector);
    }
    if let Some(ledger) = ledger {
        let _ = add_details_of_ledger(&mut errors, ledger, collector);
    }
    let newest = errors
        .iter()
        .find(|known_error| known_error.is_of(session))
        .map(|known_error| known_error.error.at);
    let oldest = newest.unwrap_or(now).min(since);
    errors.retain(|known_error| known_error.error.at >= oldest);
    errors
}

/// Leaves out repeated errors that are not stored. Keeps only the last of several errors with the same message in the
/// same session, and only the newest `most` errors of other sessions. `errors` must be sorted from newest to oldest.
fn leave_out_repeated_errors(errors: &mut Vec<KnownError>, session: Option<&str>, most: usize) {
    let mut messages = HashSet::new();
    let mut of_others = 0;
    errors.retain(|known_error| {
        let error = &known_error.error;
        let is_newest = messages.insert((error.session.id.clone(), error.message.text.clone()));
        if known_error.is_stored {
            return true;
        }
        if !is_newest {
            return false;
        }
        let is_of_session = session.is_some() && known_error.is_of(session);
        of_others += usize::from(!is_of_session);
        is_of_session || of_others <= most
    });
}

/// Finds the open errors of the status line's session, newest first. If the session's transcript does not end in an
/// error, older errors no longer stop anything unless they are about the limit of its model family. The older sections of the
/// journal are therefore searched only if they contain such an error.
pub(super) fn find_errors_of_status_line(
    session: &str,
    transcript_ends_in_error: bool,
    stored: StoredErrors<'_>,
    collector: &EvidenceCollector<'_>,
) -> Vec<KnownError> {
    if !transcript_ends_in_error {
        let model_window = collector.window_of_reported_model();
        let recent = stored.list_newest_or_all(Some(session), model_window);
        return open_errors(recent, collector);
    }
    let known = stored.list(Some(session));
    let newest = known.first().map(|error| error.at);
    let unstored = collector.transcript.and_then(|path| {
        collector.unstored_error(path, |transcript_error| {
            is_known(&transcript_error.line, newest)
        })
    });
    let mut errors = Vec::new();
    if let Some(mut known_error) = unstored
        && known_error.error.later_response.is_none()
    {
        known_error.error.session.id = Some(session.to_owned());
        errors.push(known_error);
    }
    errors.extend(open_errors(known, collector));
    errors
}

/// Adds the limits of other sessions that matter to the status line's session: weekly limits, also of its model family, and the
/// newest limit that the server stated after this session's newest error. If the payer is the same, a weekly limit also stops this
/// session, even after the 5-hour window has reset, and the newest limit shows that usage credits no longer pay.
pub(super) fn add_limits_of_others(
    session: &str,
    errors: &mut Vec<KnownError>,
    collector: &EvidenceCollector<'_>,
) {
    let own_error_at = errors.iter().map(|known_error| known_error.error.at).max();
    let of_others: Vec<StoredError> = collector
        .stored
        .list(None)
        .into_iter()
        .filter(|error| {
            error.session.id.as_deref() != Some(session)
                && ownership_of(error, collector.login.as_ref()) != Some(Ownership::Other)
        })
        .collect();
    let newest_limit = of_others
        .iter()
        .find(|error| error.quota().is_some() && Some(error.at) > own_error_at)
        .cloned();
    let mut sessions = HashSet::new();
    let weekly_limits = of_others
        .into_iter()
        // Only a session's newest error of the login can be the one that stops it. Recognizing a message takes long, so the
        // errors of sessions that have one are skipped first.
        .filter(|error| {
            !sessions.contains(&error.session.id)
                && !collector.is_about_other_payer_than_login(error)
                && sessions.insert(error.session.id.clone())
        })
        .filter(|error| is_weekly_limit_in_force(error, collector))
        .take(MOST_OTHER_SESSIONS);
    let mut limits: Vec<StoredError> = weekly_limits.collect();
    limits.extend(newest_limit.filter(|newest| {
        !limits
            .iter()
            .any(|limit| limit.at == newest.at && limit.session.id == newest.session.id)
    }));
    errors.extend(limits.into_iter().map(KnownError::stored));
    errors.sort_by_key(|known_error| Reverse(known_error.error.at));
}

/// Returns true if an error is about the weekly limit, or about the limit of the model family that Claude Code reports to the status
/// line, and no response to its session shows that the limit is over.
fn is_weekly_limit_in_force(error: &StoredError, collector: &EvidenceCollector<'_>) -> bool {
    let evidence = collector.bare_evidence(error.clone());
    let window = evidence
        .refused_window()
        .or_else(|| collector.message_of(&error.message).window);
    match window {
        Some(Window::Weekly) => error.later_response.is_none(),
        Some(window) if collector.window_of_reported_model() == Some(window) => {
            error.later_response.is_none() || collector.is_response_of_other_model(error)
        }
        Some(_) | None => false,
    }
}

/// Returns the errors that occurred since the session last received a response, newest first. Also returns the earlier
/// limits of its model family if only other models have responded since then.
fn open_errors(errors: Vec<StoredError>, collector: &EvidenceCollector<'_>) -> Vec<KnownError> {
    errors
        .into_iter()
        .take_while(|error| error.later_response.is_none() || collector.may_be_refused_again(error))
        .filter(|error| {
            error.later_response.is_none() || collector.is_response_of_other_model(error)
        })
        .map(KnownError::stored)
        .collect()
}
