//! Finds the limit errors and the refused logins that followed an error, and decides whether they may have the same
//! cause. The sources are the later errors, which have already been explained, and the ends of other sessions'
//! transcripts.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::incidents::transcript_end;
use crate::limits::catalog::Message;
use crate::limits::decide::Ending;
use crate::limits::evidence::{ContinuationObstacle, Evidence, NextLimit, PayerFacts, StoredError};
use crate::limits::incident::Incident;
use crate::limits::kind::{LimitKind, Verdict, Window};
use crate::transcript::tail::{LONGEST_REQUEST, Tail};

/// The reason why the service refused a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::incidents) struct RefusalCause {
    /// The usage window that is used up, or `None` if it is unknown or the limit is not a window.
    window: Option<Window>,
    /// True if the service refused the login.
    refuses_login: bool,
}

impl RefusalCause {
    /// Returns the cause of an error according to the server or, if it blames no window, according to the message.
    pub(in crate::incidents) fn of(evidence: &Evidence, message: &Message) -> Self {
        Self {
            window: evidence
                .refused_window()
                .or_else(|| message.row.limit.window()),
            refuses_login: message.row.refuses_login,
        }
    }

    /// Returns false if a later request was certainly refused for another reason.
    ///
    /// The service checks the login before it applies a limit, so a limit shows that the login works, and a refusal of
    /// the login says nothing about a limit. The limit of one model family does not apply again just because another
    /// window is used up.
    fn may_be_same(self, later: Self) -> bool {
        if self.refuses_login || later.refuses_login {
            return self.refuses_login == later.refuses_login;
        }
        self.may_be_replaced_by(later)
    }

    /// Returns false if this is the limit of one model family, and a later limit of the same session is certainly about
    /// another window. The later limit then says nothing about this one, which may still apply.
    fn may_be_replaced_by(self, later: Self) -> bool {
        match self.window {
            Some(window) if window.is_of_one_model() => later
                .window
                .is_none_or(|later_window| later_window == window),
            Some(_) | None => true,
        }
    }
}

/// The errors that occurred after the error being explained.
#[derive(Debug, Default)]
pub(in crate::incidents) struct LaterErrors {
    /// The next limit error of each payer in a session, for each cause. A session may be resumed with another payer.
    next_of: HashMap<Option<String>, Vec<LimitOfPayer>>,
    /// The next error of each session, whatever its kind. Notices do not count.
    next_error_of: HashMap<Option<String>, NextError>,
    /// The refused requests, from newest to oldest.
    refusals: Vec<Refusal>,
    /// The session and the time of each error that is not about a limit.
    other_errors: HashSet<(Option<String>, DateTime<Utc>)>,
}

impl LaterErrors {
    /// Adds an error. Errors must be added from newest to oldest.
    pub(in crate::incidents) fn add(&mut self, incident: &Incident) {
        let error = &incident.evidence.error;
        let session = error.session.id.clone();
        let is_limit = incident.diagnosis.is_limit();
        if !incident.is_notice() {
            let next_error = NextError {
                at: error.at,
                kind: incident.diagnosis.limit,
            };
            self.next_error_of.insert(session.clone(), next_error);
        }
        let cause = RefusalCause {
            window: incident
                .diagnosis
                .limit
                .window()
                .or_else(|| incident.evidence.refused_window()),
            refuses_login: incident.message.row.refuses_login,
        };
        if is_limit || cause.refuses_login {
            self.refusals.push(Refusal {
                payer: error.payer.clone(),
                at: error.at,
                cause,
                is_limit,
                no_credits_reason: stated_no_credits_reason(incident),
            });
        }
        if is_limit {
            let reset = incident.diagnosis.resets.chosen;
            let next = NextLimit {
                at: error.at,
                resets_at: reset.map(|reset| reset.at),
            };
            let limits = self.next_of.entry(session).or_default();
            limits.retain(|limit| limit.payer != error.payer || limit.cause.window != cause.window);
            limits.push(LimitOfPayer {
                payer: error.payer.clone(),
                cause,
                next,
            });
        } else {
            self.other_errors.insert((session, error.at));
        }
    }

    /// Adds the facts about later errors to the evidence about an error. `cause` is that error's cause, `kind` is its kind
    /// according to its message, and `is_about_account` is true if the error is about the account that paid.
    pub(super) fn add_to(
        &self,
        evidence: &mut Evidence,
        cause: RefusalCause,
        kind: LimitKind,
        is_about_account: bool,
    ) {
        let next_limit = self
            .next_limit(&evidence.error, cause, is_about_account)
            .into_iter()
            .chain(self.replacement_of_passing(&evidence.error, kind))
            .min_by_key(|next| next.at);
        if self.is_followed_by_other_limit(&evidence.error, cause) {
            // The later prompt has canceled the wait for the reset. Any wait that Claude Code has announced since is for the other
            // limit.
            evidence.collected.obstacle = Some(ContinuationObstacle::Cancelled);
        }
        evidence.collected.hit_again = match &evidence.error.later_response {
            Some(response) => next_limit.filter(|next| response.at > Some(next.at)),
            None => next_limit,
        };
        evidence.collected.is_refused_after_end = evidence
            .known_end()
            .is_some_and(|end| self.has_refusal_after(&evidence.error, cause, end.at));
        evidence.collected.refused_again_at = self.last_limit_error_at(&evidence.error);
        evidence.collected.no_credits_reason_now = self.no_credits_reason(&evidence.error);
        evidence.collected.login_is_accepted =
            cause.refuses_login && self.has_limit_with_accepted_login(&evidence.error);
        evidence.collected.is_next_error_other = evidence.known_end().is_some_and(|end| {
            end.ending == Ending::HitAgain
                && !kind.is_passing()
                && self.is_other_error(&evidence.error, cause, end.at)
        });
    }

    /// Returns the next limit error of the session. After an error about an account, only an error that may be about the
    /// same account counts: the refusal of a key, for example, does not replace a limit of the login. An error that is not
    /// about an account, such as that of a key or a cloud provider, concerns only its session, so any later limit there
    /// replaces it. `cause` is the cause of the error. The limit of one model family is replaced only by the same limit.
    fn next_limit(
        &self,
        error: &StoredError,
        cause: RefusalCause,
        is_about_account: bool,
    ) -> Option<NextLimit> {
        let limits = self.next_of.get(&error.session.id)?;
        limits
            .iter()
            .filter(|limit| !is_about_account || limit.payer.may_share_refusals_with(&error.payer))
            .filter(|limit| cause.may_be_replaced_by(limit.cause))
            .map(|limit| limit.next)
            .min_by_key(|next| next.at)
    }

    /// Returns the session's next error if it replaces a temporary problem, because it is of another kind. A throttle
    /// is not replaced: it may last until a stated time, and its message may come from a full window.
    fn replacement_of_passing(&self, error: &StoredError, kind: LimitKind) -> Option<NextLimit> {
        let next = self.next_error_of.get(&error.session.id)?;
        let can_be_replaced = kind.is_passing() && kind != LimitKind::Throttle;
        (can_be_replaced && next.kind != kind).then_some(NextLimit {
            at: next.at,
            resets_at: None,
        })
    }

    /// Returns true if the next error of the session with `error`, at the given time, is not about a limit, or is about a limit
    /// that does not replace `error`. `cause` is the cause of `error`.
    fn is_other_error(&self, error: &StoredError, cause: RefusalCause, at: DateTime<Utc>) -> bool {
        self.other_errors.contains(&(error.session.id.clone(), at))
            || self
                .other_limits_after(error, cause)
                .any(|limit| limit.next.at == at)
    }

    /// Returns true if another limit, which does not replace the error, has refused a later prompt of the session. `cause` is the
    /// cause of the error.
    fn is_followed_by_other_limit(&self, error: &StoredError, cause: RefusalCause) -> bool {
        self.other_limits_after(error, cause).next().is_some()
    }

    /// Returns the later limits of the session that do not replace the error. `cause` is the cause of the error.
    fn other_limits_after(
        &self,
        error: &StoredError,
        cause: RefusalCause,
    ) -> impl Iterator<Item = &LimitOfPayer> {
        let limits = self.next_of.get(&error.session.id).into_iter().flatten();
        limits.filter(move |limit| !cause.may_be_replaced_by(limit.cause))
    }

    /// Returns true if the error's payer was refused soon after the given response, so the response may not have ended
    /// the error. `cause` is the error's cause. Refusals with an unknown payer count, because most people have only one
    /// account. A refusal days later has nothing to do with the error.
    pub(in crate::incidents) fn has_refusal_after(
        &self,
        error: &StoredError,
        cause: RefusalCause,
        response_at: DateTime<Utc>,
    ) -> bool {
        let too_late = self
            .refusals
            .partition_point(|refusal| refusal.at > response_at + LONGEST_REQUEST);
        self.refusals
            .iter()
            .skip(too_late)
            .take_while(|refusal| refusal.at > response_at)
            .any(|refusal| {
                cause.may_be_same(refusal.cause)
                    && refusal.payer.may_share_refusals_with(&error.payer)
            })
    }

    /// Returns true if a later limit stopped the payer, which shows that the service accepted the login.
    fn has_limit_with_accepted_login(&self, error: &StoredError) -> bool {
        self.refusals.iter().any(|refusal| {
            refusal.is_limit
                && !refusal.cause.refuses_login
                && refusal.payer.may_share_refusals_with(&error.payer)
        })
    }

    /// Returns the newest known reason for which the server did not accept the payer's usage credits since the error, or `None` if
    /// none is known. Refusals of an unknown payer count.
    fn no_credits_reason(&self, error: &StoredError) -> Option<String> {
        self.refusals
            .iter()
            .filter(|refusal| refusal.payer.may_share_refusals_with(&error.payer))
            .find_map(|refusal| refusal.no_credits_reason.clone())
    }

    /// Returns the time of the newest later error in which a limit or, for example, an unpaid bill stopped the payer.
    /// Returns `None` if there is none. Errors of an unknown payer count. Refusals of the login do not, because they do
    /// not show whether usage credits are in use.
    fn last_limit_error_at(&self, error: &StoredError) -> Option<DateTime<Utc>> {
        self.refusals
            .iter()
            .filter(|refusal| refusal.is_limit)
            .find(|refusal| refusal.payer.may_share_refusals_with(&error.payer))
            .map(|refusal| refusal.at)
    }
}

/// A session's next error.
#[derive(Debug)]
struct NextError {
    at: DateTime<Utc>,
    kind: LimitKind,
}

/// A limit error, and the payer whose request was refused.
#[derive(Debug)]
struct LimitOfPayer {
    payer: PayerFacts,
    cause: RefusalCause,
    next: NextLimit,
}

/// A request that was refused because of a limit or the login.
#[derive(Debug)]
struct Refusal {
    payer: PayerFacts,
    /// The time of the error.
    at: DateTime<Utc>,
    cause: RefusalCause,
    /// True if a limit or, for example, an unpaid bill caused the refusal. An invalid login does not count.
    is_limit: bool,
    /// The server's reason for not accepting usage credits. `None` if the error was a false alarm.
    no_credits_reason: Option<String>,
}

/// Returns the server's reason for not accepting usage credits, according to the error. Returns `None` for a false alarm, whose
/// reason may be as wrong as the error.
fn stated_no_credits_reason(incident: &Incident) -> Option<String> {
    match incident.diagnosis.verdict {
        Verdict::FalseLikely => None,
        _ => incident.no_credits_reason().map(str::to_owned),
    }
}

/// Returns true if a limit stopped the session shortly after the given time, and the refused request may have been sent
/// before that time. `cause` is the cause of the error that may have ended.
pub(super) fn has_refused_request_after(
    at: DateTime<Utc>,
    cause: RefusalCause,
    tail: &Tail,
) -> bool {
    transcript_end::refusals(tail).any(|line| {
        let cause_of_line = RefusalCause {
            window: transcript_end::blamed_limit(line).and_then(LimitKind::window),
            refuses_login: false,
        };
        line.at
            .is_some_and(|refused| at < refused && refused <= at + LONGEST_REQUEST)
            && cause.may_be_same(cause_of_line)
    })
}
