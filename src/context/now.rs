//! Collects the data for `whycap now`. In watch mode, only data that may have changed is read again.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::explanation::about_new_sessions;
use super::{ANSWER_READS, Context};
use crate::claude::account::Account;
use crate::claude::processes;
use crate::claude::session_label::SessionLabel;
use crate::claude::sessions::{self, Liveness, Session, SessionActivity, SessionState};
use crate::claude::transcripts;
use crate::incidents::{Incidents, Paid, Paying, Situation};
use crate::ledger::{Ledger, ReadTime, SelectedResponses, SpendSource};
use crate::limits::decide::ActionName;
use crate::limits::evidence::RefusedWindow;
use crate::limits::incident::Incident;
use crate::limits::kind::Window;
use crate::limits::sample::Sample;
use crate::now::{EffectOfError, NowData, PassedReset, RunningSession, SlowFacts, SpendNow};
use crate::spend::{Amount, block_until, current_block};
use crate::time::{Clock, Millis};

/// The minimum interval between refreshes of slow data: the ends of many transcripts, the processes, and weeks of
/// responses. It also applies while sessions are working.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);
/// The maximum interval between refreshes of slow data. It is refreshed even if nothing changes, because a limit may
/// end in the meantime.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);

impl Context {
    /// Returns the responses of today that usage credits have paid, as far as whycap knows.
    pub(crate) fn credits_paid_today(
        &self,
        ledger: &Ledger,
        incidents: &Incidents<'_>,
    ) -> Option<Paid> {
        let (today, _) = self.clock().zone.day_bounds(self.environment.now);
        let costs = |since, selected: SelectedResponses<'_>| ledger.costs_since(since, selected);
        incidents.credits_use().paid_since(today, None, &costs)
    }
}

/// Collects the data for the screen. Slow data is kept between refreshes.
pub(crate) struct NowCollector {
    /// The ledger, or a sentence that explains why it cannot be used.
    ledger: Result<Ledger, String>,
    /// The total number of files in which new lines were found.
    files_gained: usize,
    slow: Option<CollectedSlowFacts>,
    /// The labels, indexed by session ID. Only the two ends of a long transcript are read. As it grows, the title may
    /// no longer be near one of them, so known titles are kept.
    labels: HashMap<String, KnownLabel>,
}

struct CollectedSlowFacts {
    at: Instant,
    version: DataVersion,
    facts: SlowFacts,
}

/// The version of the data. While it stays the same, the figures do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DataVersion {
    ledger: i64,
    /// The total number of files in which new lines were found. Lines without responses do not change the ledger's
    /// version, but they can show that a limit is over.
    files_gained: usize,
}

struct KnownLabel {
    transcript: PathBuf,
    label: SessionLabel,
}

impl NowCollector {
    /// Creates a collector. If the ledger cannot be used, `ledger` is the reason.
    pub(crate) fn new(ledger: Result<Ledger, String>) -> Self {
        Self {
            ledger: ledger.map_err(|why| format!("unknown: {why}")),
            files_gained: 0,
            slow: None,
            labels: HashMap::new(),
        }
    }

    /// Collects the data for the screen.
    pub(crate) fn collect(&mut self, context: &Context) -> NowData {
        let mut spend = self.spend_now(context);
        let registered = sessions::registered(&context.paths);
        let incidents = context.incidents();
        let reported = incidents.readings().windows_of_account();
        let slow = self.slow_facts(context, &incidents, reported.as_ref(), &registered);
        let login = incidents.account();
        let refused_windows: Vec<RefusedWindow> = slow
            .situation
            .limits_of_full_windows
            .iter()
            // A limit on a token says nothing about the login's usage windows.
            .filter(|limit| login.is_none() || !limit.evidence.error.is_payer_hidden_by_token())
            .filter_map(Incident::full_window)
            .collect();
        let reading = reported.as_ref().map(|reported| {
            refused_windows
                .iter()
                .fold(reported.clone(), Sample::with_refusal)
        });
        let full_by_refusal = match (&reported, &reading) {
            (Some(reported), Some(reading)) => full_by_refusal(reported, reading, &refused_windows),
            _ => Vec::new(),
        };
        if let Some(reset) = five_hour_reset(reading.as_ref(), &refused_windows)
            && let Ok(spend) = &mut spend
        {
            self.end_block_at_reset(reset, spend, context);
        }
        let paces = match &reading {
            Some(reading) => incidents.readings().paces(reading),
            None => Vec::new(),
        };
        let full_windows = match &reading {
            Some(reading) => full_windows(reading, &registered, &incidents),
            None => Vec::new(),
        };
        let now = context.environment.now;
        let newest = slow.situation.incident.as_ref();
        let passed_resets = Window::ALL
            .into_iter()
            .filter_map(|window| {
                let stated = newest.and_then(|newest| newest.diagnosis.passed_reset(window, now));
                let at = stated.max(incidents.readings().passed_reset(window))?;
                Some(PassedReset { window, at })
            })
            .collect();
        let paying = self.paying(&slow.situation, &incidents);
        let has_plan = login.is_some_and(Account::has_plan) || incidents.has_token();
        let mut running = registered
            .iter()
            .filter_map(|session| session.activity.session.as_deref());
        let no_session_uses_plan =
            !registered.is_empty() && !running.any(|session| incidents.may_use_plan(session));
        NowData {
            clock: context.clock(),
            full_by_refusal,
            full_windows,
            has_plan,
            no_session_uses_plan,
            passed_resets,
            paces,
            spend,
            sessions: self.running(&incidents, context, registered, &slow),
            slow,
            reading,
            paying,
            usage_page: incidents.cached_usage().cloned(),
        }
    }

    fn spend_now(&mut self, context: &Context) -> Result<SpendNow, String> {
        let ledger = self.ledger.as_mut().map_err(|why| why.clone())?;
        let Clock { now, zone, .. } = context.clock();
        let read_time = match context.event() {
            Some(_) => ANSWER_READS,
            None => ReadTime::All,
        };
        // If another process is writing to the ledger, the remaining lines are read at the next refresh.
        let catch_up = context.catch_up_ledger(ledger, read_time);
        self.files_gained += catch_up.files;
        let (from, until) = zone.day_bounds(now);
        let from_ms = from.timestamp_millis();
        let spend = ledger.between(from, until).and_then(|today| {
            Ok(SpendNow {
                today,
                pace: context.month_history(ledger)?.today().pace,
                block: current_block(ledger, now)?,
                is_complete: catch_up.is_all() && ledger.damaged(from_ms..Millis::MAX)?.is_empty(),
            })
        });
        spend.map_err(|error| format!("unknown: {error}"))
    }

    /// Replaces the estimated block with the 5-hour window that ends at `reset`, if this reset has not passed.
    fn end_block_at_reset(&self, reset: DateTime<Utc>, spend: &mut SpendNow, context: &Context) {
        let now = context.environment.now;
        if reset > now
            && let Ok(ledger) = &self.ledger
            && let Ok(block) = block_until(ledger, reset, now)
        {
            spend.block = Some(block);
        }
    }

    /// Returns the slow data. If nothing has changed, it may be up to a minute old.
    fn slow_facts(
        &mut self,
        context: &Context,
        incidents: &Incidents<'_>,
        reading: Option<&Sample>,
        registered: &[Session],
    ) -> SlowFacts {
        let ledger = self.ledger.as_ref().ok();
        let version = DataVersion {
            ledger: ledger
                .and_then(|ledger| ledger.version().ok())
                .unwrap_or_default(),
            files_gained: self.files_gained,
        };
        if let Some(collected) = &self.slow {
            let least_age = if collected.version == version {
                AT_LEAST_EVERY
            } else {
                AT_MOST_EVERY
            };
            let newest = collected.facts.situation.incident.as_ref();
            let is_undecided = newest.is_some_and(|newest| newest.diagnosis.awaits_figures());
            if collected.at.elapsed() < least_age && !is_undecided {
                return collected.facts.clone();
            }
        }
        let is_registered = |pid: &u32| registered.iter().any(|session| session.claim.pid == *pid);
        let window_use = match (reading, ledger) {
            (Some(reading), Some(ledger)) => context.use_of_open_windows(reading, ledger),
            _ => None,
        };
        let known_situation = context
            .with_model_of_new_sessions(incidents.situation(None, context.asker(), ledger), None);
        let paying = self.paying(&known_situation, incidents);
        let situation = context.with_budgets(
            context.with_costs(known_situation, paying, incidents),
            context.session(),
        );
        let newest = situation.incident.as_ref();
        let paid_today = ledger.and_then(|ledger| context.credits_paid_today(ledger, incidents));
        let facts = SlowFacts {
            blocked_session: newest.and_then(|newest| context.only_blocked_session(newest)),
            remarks: about_new_sessions(&situation)
                .into_iter()
                .chain(context.about_errors_elsewhere(&situation))
                .collect(),
            past_errors: [situation.just_ended.as_deref(), newest]
                .into_iter()
                .flatten()
                .filter_map(|error| context.describe_past(error))
                .collect(),
            situation,
            unregistered_clients: processes::clients_known_to_use(&context.paths)
                .iter()
                .filter(|pid| !is_registered(pid))
                .count(),
            blocking_budgets: ledger
                .and_then(|ledger| context.blocking_sentences(ledger).ok())
                .unwrap_or_default(),
            window_use: window_use.unwrap_or_default(),
            paid_today: paid_today.map(|paid| paid.payments),
        };
        self.slow = Some(CollectedSlowFacts {
            at: Instant::now(),
            version,
            facts: facts.clone(),
        });
        facts
    }

    /// Returns the responses that are billed on top of the plan. They are shown even during a limit error if usage
    /// credits pay for them. One session may be waiting for a reset while another is using credits.
    fn paying(&self, situation: &Situation, incidents: &Incidents<'_>) -> Option<Paying> {
        if situation.rules_out_paying() {
            return None;
        }
        let ledger = self.ledger.as_ref().ok()?;
        incidents.paying(&|since, selected| ledger.costs_since(since, selected))
    }

    /// Returns the running sessions, sorted by state and then by cost. Sessions that are waiting for the user come
    /// first.
    fn running(
        &mut self,
        incidents: &Incidents<'_>,
        context: &Context,
        registered: Vec<Session>,
        slow: &SlowFacts,
    ) -> Vec<RunningSession> {
        let mut running = Vec::new();
        for activity in running_once(registered) {
            let id = activity.session.as_deref();
            let label = id.map(|id| self.label(context, id)).unwrap_or_default();
            let spent = match (id, &self.ledger) {
                (Some(id), Ok(ledger)) => ledger.session(id).ok(),
                _ => None,
            };
            let blocking = id.and_then(|id| slow.situation.of_session(id));
            let full_model_window = id
                .filter(|_| blocking.is_none())
                .and_then(|id| incidents.full_model_window_of(id, &slow.situation));
            running.push(RunningSession {
                limit: blocking.map(|blocking| blocking.diagnosis.limit_in_force()),
                effect: blocking.map(EffectOfError::of).unwrap_or_default(),
                continuation: blocking.and_then(Incident::continuation),
                can_continue_sooner: slow.situation.continuing().any(|continuing| {
                    Some(continuing.session) == id && continuing.can_continue_sooner
                }),
                still_full: blocking
                    .and_then(|blocking| slow.situation.still_full_after_continuation(blocking)),
                // The situation may be older than the session's state.
                awaited_prompt: slow
                    .situation
                    .sessions_awaiting_prompt()
                    .find(|awaiting| Some(awaiting.session) == id)
                    .filter(|_| activity.state != Some(SessionState::Busy))
                    .map(|awaiting| awaiting.prompt),
                full_model_window,
                is_login_refused: blocking
                    .is_some_and(|blocking| slow.situation.is_login_refused_to(blocking)),
                can_switch_model: match blocking {
                    Some(blocking) => blocking.diagnosis.actions.iter().any(|action| {
                        matches!(
                            action,
                            ActionName::OtherModel | ActionName::OtherModelForCredits
                        )
                    }),
                    None => {
                        full_model_window.is_some()
                            && !slow.situation.is_window_of_all_models_full()
                            && context.warning_about_full_window(id, incidents).is_none()
                    }
                },
                is_asking: id.is_some() && id == context.session(),
                retrying: id.and_then(|id| incidents.retrying(id)),
                is_without_response: id.is_some_and(|id| incidents.is_without_response(id)),
                label,
                cost: spent.map(|spent| Amount::from_tally(&spent)),
                project: activity
                    .directory
                    .as_ref()
                    .map_or_else(String::new, |directory| {
                        context.paths.show(directory.as_ref())
                    }),
                activity,
            });
        }
        running.sort_by_key(|session| {
            let state = session.activity.state.unwrap_or(SessionState::Idle);
            let cost = session.cost.map(|cost| cost.money);
            (state, Reverse(cost), session.activity.session.clone())
        });
        running
    }

    /// Returns a session's human-readable label. A known title is kept even if it is no longer near either end of the
    /// transcript.
    fn label(&mut self, context: &Context, session: &str) -> SessionLabel {
        if !self.labels.contains_key(session) {
            let roots = context.paths.transcript_roots();
            let Some(transcript) = transcripts::of_session(roots, session) else {
                return SessionLabel::default();
            };
            let label = SessionLabel::default();
            let known = KnownLabel { transcript, label };
            self.labels.insert(session.to_owned(), known);
        }
        let Some(known) = self.labels.get_mut(session) else {
            return SessionLabel::default();
        };
        let mut label = SessionLabel::read(&known.transcript);
        label.title = label.title.or(known.label.title.take());
        known.label = label.clone();
        context.visible_label(label)
    }
}

/// Returns the reset of the 5-hour window that the server has stated. Without readings, only a refused request may have
/// stated it.
fn five_hour_reset(reading: Option<&Sample>, refused: &[RefusedWindow]) -> Option<DateTime<Utc>> {
    let refused = refused
        .iter()
        .find(|refused| refused.window == Window::FiveHour);
    match reading {
        Some(reading) => reading.five_hour?.resets_at,
        None => Some(refused?.resets_at),
    }
}

/// Returns the windows that are full in `reading` but not in the figures that Claude Code has `reported`, each with the
/// newest refused request.
fn full_by_refusal(
    reported: &Sample,
    reading: &Sample,
    refused: &[RefusedWindow],
) -> Vec<RefusedWindow> {
    let is_full =
        |sample: &Sample, window| sample.usage(window).is_some_and(|usage| usage.is_used_up());
    Window::ALL
        .into_iter()
        .filter(|window| is_full(reading, *window) && !is_full(reported, *window))
        .filter_map(|window| refused.iter().find(|refused| refused.window == window))
        .copied()
        .collect()
}

/// Returns a full window of the plan that applies to all models. If there is none and the window of the model of a running session
/// is full, returns all full windows of individual models.
fn full_windows(
    reading: &Sample,
    registered: &[Session],
    incidents: &Incidents<'_>,
) -> Vec<Window> {
    let is_used = |window: Window| {
        registered
            .iter()
            .filter(|process| process.liveness == Liveness::Running)
            .filter_map(|process| process.activity.session.as_deref())
            .any(|session| {
                window.is_of_family_of(incidents.readings().model_of(session).as_deref())
            })
    };
    let full_windows: Vec<Window> = reading
        .windows()
        .filter(|(_, usage)| usage.is_used_up())
        .map(|(window, _)| window)
        .collect();
    let of_all_models = full_windows.iter().find(|window| !window.is_of_one_model());
    if let Some(window) = of_all_models {
        vec![*window]
    } else if full_windows.iter().any(|window| is_used(*window)) {
        full_windows
    } else {
        Vec::new()
    }
}

/// Returns the activities of the running sessions. A session that is open in several terminals is listed once, with its
/// newest state, unless one of the terminals is waiting for the user.
fn running_once(registered: Vec<Session>) -> Vec<SessionActivity> {
    let mut running: Vec<SessionActivity> = registered
        .into_iter()
        .filter(|session| session.liveness == Liveness::Running)
        .map(|session| session.activity)
        .collect();
    running.sort_by_key(|activity| {
        let is_waiting = activity.state == Some(SessionState::Waiting);
        Reverse((is_waiting, activity.since))
    });
    let mut listed = HashSet::new();
    running.retain(|activity| match &activity.session {
        Some(session) => listed.insert(session.clone()),
        None => true,
    });
    running
}
