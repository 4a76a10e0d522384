//! Adds everything about an incident to a report: the explanation, the spend in the limit's usage window, avoidable
//! cache writes, and stuck locks.

use std::time::Duration;

use chrono::TimeDelta;

use super::{ANSWER_READS, Context};
use crate::claude::credentials::{self, Credential};
use crate::claude::session_label::shortened;
use crate::claude::sessions::{self, Liveness};
use crate::claude::settings;
use crate::doctor::CurrentError;
use crate::drain::{CacheSums, cache_writes};
use crate::incidents::{
    Asker, Continuing, FullWindow, Incidents, Paying, Situation, TextSituation,
};
use crate::ledger::{Ledger, ReadTime};
use crate::limits::blocked_time::counted_over;
use crate::limits::decide::Wait;
use crate::limits::evidence::{ContinuationObstacle, PossiblyUnaffected, Reset};
use crate::limits::incident::{Incident, stopped_again_clause};
use crate::limits::kind::{Service, Verdict};
use crate::limits::screen::{self, Pointers};
use crate::locks;
use crate::pricing::Money;
use crate::render::{Report, conversation_rows};
use crate::spend::WindowUse;
use crate::terminal::{
    Tone, controlling_terminal_rows, count_noun, is_stdout_terminal, terminal_rows,
};

/// The maximum number of rows in an answer if the terminal height is unknown. An answer of this length fits in a 34-row
/// terminal. If an answer does not fit, Claude Code shows only its end.
const USUAL_ROWS: usize = 20;
/// The note at the end of an answer if the question has canceled Claude Code's auto-resume. Claude Code itself does not
/// tell the user.
pub(crate) const AUTO_RESUME_CANCELED: &str = "Because you ran /whycap, Claude Code will not continue by itself after the reset. To make it continue, type /rate-limit-options and choose \"Wait here, then continue automatically\".";
/// The maximum time for bringing the ledger up to date for an explanation.
const EXPLANATION_READS: ReadTime = ReadTime::Within(Duration::from_millis(400));
/// The maximum time for a command in a shell to search the transcripts for errors.
const ERROR_READS: ReadTime = ReadTime::Within(Duration::from_secs(2));
/// The maximum number of transcript bytes to read for a one-screen answer. `explain --long` reads all transcripts.
const MAX_BYTES_FOR_SHORT_ANSWER: u64 = 256 * 1024 * 1024;
/// The maximum length of an error message that is quoted within a sentence.
const MAX_QUOTED_CHARS: usize = 120;
/// The maximum number of sessions that an answer names because the user has to send their prompts again.
const MOST_AWAITING_PROMPT: usize = 2;
/// Avoidable cache writes are mentioned only if they cost more than the total spend divided by this number.
const MENTION_THRESHOLD_DIVISOR: u128 = 10;
/// The time after a limit error during which responses are still counted. They may have been in progress when the error
/// occurred.
const RESPONSE_GRACE_PERIOD: TimeDelta = TimeDelta::minutes(15);

/// The ledger that a command looks up errors in.
#[derive(Debug)]
pub(crate) struct ErrorSource {
    /// The ledger, or `None` if it cannot be opened. In a conversation, `None` also means that it does not exist.
    pub(crate) ledger: Option<Ledger>,
    /// True if all transcripts have been read to the end.
    pub(crate) is_complete: bool,
}

impl Context {
    /// Returns the number of rows of output that are visible at once. In a terminal, the shell prompt takes up one of
    /// the rows. Returns `None` if the output does not go to a terminal or if its height is unknown.
    pub(crate) fn visible_rows(&self) -> Option<usize> {
        if self.event.is_some() {
            Some(self.answer_rows())
        } else if is_stdout_terminal() {
            let rows = self.environment.rows().or_else(terminal_rows)?;
            Some(rows.saturating_sub(1))
        } else {
            None
        }
    }

    /// Returns the maximum number of rows for an answer in the conversation. The note about auto-resume and the blank
    /// row above it are not included. Claude Code 2.1.331 passes the height of the terminal to hooks, but not to plugin
    /// modules.
    pub(crate) fn answer_rows(&self) -> usize {
        let terminal_rows = self.environment.rows().or_else(controlling_terminal_rows);
        let rows = conversation_rows(terminal_rows).unwrap_or(USUAL_ROWS);
        if !self.ends_waiting {
            return rows;
        }
        let note = Report::from_paragraph(AUTO_RESUME_CANCELED);
        rows.saturating_sub(note.row_count(self.page()) + 1)
    }

    /// Returns the current incident of a session, or of all sessions. In a conversation, this is always the current
    /// session.
    pub(crate) fn situation(
        &self,
        incidents: &Incidents<'_>,
        session: Option<&str>,
        errors: &ErrorSource,
    ) -> Situation {
        let ledger = errors.ledger.as_ref();
        match self.session() {
            Some(own_session) => incidents.situation_of_conversation(own_session, ledger),
            None => self.with_model_of_new_sessions(
                incidents.situation(session, self.asker(), ledger),
                session,
            ),
        }
    }

    /// Adds the model of the sessions that the user may start in this shell, unless the user has asked about one session or in a
    /// conversation.
    pub(crate) fn with_model_of_new_sessions(
        &self,
        mut situation: Situation,
        session: Option<&str>,
    ) -> Situation {
        if self.event.is_some() || session.is_some() {
            return situation;
        }
        situation.model_of_new_sessions = settings::model_of_new_sessions(
            &self.paths,
            &self.environment,
            self.project().as_deref(),
        );
        situation
    }

    /// Opens the ledger for looking up errors.
    ///
    /// In a shell, the ledger is brought up to date first, as far as the time limit allows. In a conversation, it is
    /// not. If there is no ledger, none is created, because whycap may not be installed. A command in a shell then
    /// reads the transcripts into memory.
    pub(crate) fn error_source(&self) -> ErrorSource {
        let mut source = ErrorSource {
            ledger: self.existing_ledger(),
            is_complete: false,
        };
        if self.event.is_none() {
            if source.ledger.is_none() {
                source.ledger = Ledger::in_memory(&self.paths.data).ok();
            }
            self.read_new_errors(&mut source);
        }
        source
    }

    /// Reads the new lines of the transcripts, as far as the time limit allows.
    pub(crate) fn read_new_errors(&self, source: &mut ErrorSource) {
        if let Some(ledger) = &mut source.ledger {
            let catch_up = self.catch_up_ledger(ledger, ERROR_READS);
            source.is_complete = catch_up.is_all();
        }
    }

    /// Returns [`Asker::Session`] in a conversation, and [`Asker::Shell`] otherwise.
    pub(crate) fn asker(&self) -> Asker<'_> {
        self.session().map_or(Asker::Shell, Asker::Session)
    }

    /// Adds a warning about a full usage window, unless the explanation of the current error contains one, and the sentences for
    /// a user without an error.
    pub(crate) fn add_introduction(
        &self,
        situation: &Situation,
        session: Option<&str>,
        errors: &ErrorSource,
        incidents: &Incidents<'_>,
        report: &mut Report,
    ) {
        let present = situation.present();
        if situation.text.is_none()
            && present.is_none_or(|present| !present.may_mention_full_window())
        {
            let prompted_session = self.session().or(session);
            let warning = self.warning_about_full_window(prompted_session, incidents);
            report.paragraphs(Tone::Warning, warning);
        }
        if present.is_none() {
            let is_known = session.is_none_or(|session| incidents.knows_session(session));
            report.paragraphs(
                Tone::Plain,
                no_error_known(session, is_known, errors.is_complete),
            );
        }
    }

    /// Adds the user-facing details of the current incident to a report. `session` is the session that the user asked
    /// about.
    pub(crate) fn explain(
        &self,
        situation: &Situation,
        session: Option<&str>,
        is_long: bool,
        incidents: &Incidents<'_>,
        report: &mut Report,
    ) {
        let page = self.page();
        let incident = situation.present();
        let about_session = incident.and_then(|incident| {
            let sentence = self.session_sentence(incident, situation);
            let continuation = self.describe_own_continuation(incident, situation);
            // A shell shows this below the headline.
            let present = match &situation.text {
                Some(text) if self.event.is_some() => self.about_present(incident, text),
                Some(_) | None => None,
            };
            about_own_false_alarm(situation)
                .into_iter()
                .chain(sentence)
                .chain(self.about_own_key(incident, incidents))
                .chain(continuation)
                .chain(self.about_model_window(incident, session, situation, incidents))
                .chain(about_earlier_error(situation))
                .chain(present)
                .reduce(|first, second| format!("{first} {second}"))
        });
        let session_sentence = about_session.as_deref();
        match incident {
            None => {}
            Some(incident) if self.event.is_some() => {
                let room = self.answer_rows().saturating_sub(report.row_count(page));
                let pointers = pointers_to_shell(incident, situation, incidents);
                report.add(screen::in_rows(
                    room,
                    &pointers,
                    incident,
                    session_sentence,
                    page,
                ));
            }
            Some(incident) if is_long => {
                let mut sentences = self.spent(incident).unwrap_or_default();
                sentences.extend(self.avoidable_writes(incident, u64::MAX));
                let others = self.remarks(incident, situation, session, incidents);
                let explanation =
                    screen::at_length(incident, session_sentence, &others, &sentences);
                report.add(explanation);
            }
            Some(incident) => {
                let others = self.remarks(incident, situation, session, incidents);
                let pointer = if situation.text.is_some() {
                    "For details, add --long".to_owned()
                } else {
                    let option =
                        session.map_or_else(String::new, |id| session_option(id, incidents));
                    format!("For details: whycap explain --long{option}")
                };
                let explanation =
                    screen::on_one_screen(incident, session_sentence, &others, &pointer);
                report.add(explanation);
                if incident.blocks().is_some() {
                    let avoidable = self.avoidable_writes(incident, MAX_BYTES_FOR_SHORT_ANSWER);
                    report.paragraphs(Tone::Warning, avoidable);
                }
                return;
            }
        }
        self.add_stuck_locks(report);
    }

    /// Adds the stuck locks to a report. The user may think that a lock caused the limit error.
    fn add_stuck_locks(&self, report: &mut Report) {
        let locks = locks::harmful(&self.paths, &self.environment);
        let title = match locks.len() {
            0 => return,
            1 => "A lock is stuck, which has nothing to do with limits:".to_owned(),
            count => format!("{count} locks are stuck, which has nothing to do with limits:"),
        };
        report.gap();
        report.paragraph(Tone::Quiet, title);
        for lock in locks {
            report.item("- ", Tone::Quiet, format!("{} {}", lock.says, lock.remedy));
        }
    }

    /// Returns the responses that are currently billed on top of the plan. Returns `None` if there are none, or if a
    /// limit blocks the account and usage credits are not in use. Responses that cannot be read into the ledger in time
    /// are not included. Also returns `None` if the session does not use the login. If `session` is `None`, this is the
    /// session in which the user asks.
    pub(crate) fn paid_now(
        &self,
        session: Option<&str>,
        incidents: &Incidents<'_>,
    ) -> Option<Paying> {
        let may_use_login = match (session, self.asker()) {
            (Some(session), _) => incidents.may_use_login(session),
            (None, Asker::Session(asking_session)) => {
                incidents.may_use_login_in_conversation(asking_session)
            }
            (None, Asker::Shell) => true,
        };
        if may_use_login {
            self.paid_by_login(incidents)
        } else {
            None
        }
    }

    /// Like [`Self::paid_now`], but for any session of the login.
    fn paid_by_login(&self, incidents: &Incidents<'_>) -> Option<Paying> {
        let paying = self.paying(incidents)?;
        let situation = incidents.situation(None, self.asker(), None);
        (!situation.rules_out_paying()).then_some(paying)
    }

    /// Like [`Self::with_costs`], but also adds the costs to the advice to unset the key of a session and to continue it on the
    /// plan, if usage credits pay for the plan's responses although one of its windows is full.
    pub(crate) fn with_costs_of_all_steps(
        &self,
        situation: Situation,
        paying: Option<Paying>,
        incidents: &Incidents<'_>,
    ) -> Situation {
        let continues_on_full_plan = situation.blocking().is_some_and(|blocking| {
            blocking.continues_on_full_plan() && !blocking.evidence.is_pasted()
        });
        let paid_by_login = if continues_on_full_plan {
            self.paid_by_login(incidents)
        } else {
            None
        };
        match paid_by_login {
            Some(paying) => situation.while_credits_pay(paying.until),
            None => self.with_costs(situation, paying, incidents),
        }
    }

    /// Adds the costs of further responses to the advice. Does so only if usage credits pay for these responses, and if the session
    /// in which the user asks may use the plan. The error must be over for the user who pays with them, be only a temporary problem,
    /// apply to a single model family, or have been pasted. If the next prompt belongs to the session with the error, this session
    /// must also be able to use the plan.
    pub(crate) fn with_costs(
        &self,
        situation: Situation,
        paying: Option<Paying>,
        incidents: &Incidents<'_>,
    ) -> Situation {
        let Some(paying) = paying else {
            return situation;
        };
        let paid_situation = situation.clone().while_credits_pay(paying.until);
        let Some(incident) = &paid_situation.incident else {
            return situation;
        };
        let stopped_session = if incident.next_prompt_uses_own_login() {
            None
        } else {
            incident.evidence.error.session.id.as_deref()
        };
        let may_use_plan = [stopped_session, self.session()]
            .into_iter()
            .flatten()
            .all(|session| incidents.may_use_plan(session));
        let may_continue = incident.evidence.is_pasted()
            || incident.diagnosis.state.is_over()
            || incident.diagnosis.limit.is_passing()
            || incident.diagnosis.credits_pay_for_other_models;
        if may_continue && may_use_plan {
            paid_situation
        } else {
            situation
        }
    }

    /// Returns the responses that usage credits are currently paying for.
    pub(crate) fn paying(&self, incidents: &Incidents<'_>) -> Option<Paying> {
        incidents.paying(&|since, selected| {
            let mut ledger = self.existing_ledger()?;
            self.catch_up_ledger(&mut ledger, ANSWER_READS);
            ledger.costs_since(since, selected)
        })
    }

    /// Returns true if usage credits certainly pay for further responses of a session or, without a session, of a new session in this
    /// shell.
    pub(crate) fn certainly_costs_extra(
        &self,
        session: Option<&str>,
        ended: Option<&Incident>,
        incidents: &Incidents<'_>,
    ) -> bool {
        let is_probable =
            ended.is_some_and(|ended| ended.diagnosis.credits_probably_pay_for.is_some());
        let credentials = self.credentials_of_shell();
        let may_use_key =
            session.is_none() && credentials.iter().any(Credential::may_replace_login);
        !is_probable && !may_use_key && self.extra_costs(session, ended, incidents).is_some()
    }

    /// Returns a clause such as "each response costs extra" if usage credits pay for further responses of a session.
    /// Without a session, the clause is about the logged-in account, and it says so if a key may pay for new sessions
    /// in this shell. Returns `None` if there is no evidence of this. `ended` is the newest error.
    pub(crate) fn extra_costs(
        &self,
        session: Option<&str>,
        ended: Option<&Incident>,
        incidents: &Incidents<'_>,
    ) -> Option<String> {
        let clock = self.clock();
        let until = match ended {
            Some(ended) if ended.diagnosis.credits_pay_now => ended
                .diagnosis
                .resets
                .ahead(clock.now)
                .map(|reset| reset.at),
            _ if session.is_some_and(|session| !incidents.may_use_plan_by_reading(session)) => {
                return None;
            }
            _ => Some(self.paying(incidents)?.until),
        };
        let is_probable =
            ended.is_some_and(|ended| ended.diagnosis.credits_probably_pay_for.is_some());
        let probably = if is_probable { "probably " } else { "" };
        let costs = match until {
            Some(until) => format!(
                "each response {probably}costs extra; or wait until {}",
                clock.format_deadline(until)
            ),
            None => format!("each response {probably}costs extra"),
        };
        let credentials = self.credentials_of_shell();
        let key = credentials.iter().find(|key| key.may_replace_login());
        Some(match (session, key) {
            (None, Some(key)) => format!(
                "{} may pay for new sessions in this shell; in sessions that use your login, {costs}",
                key.name
            ),
            _ => costs,
        })
    }

    /// Returns sentences for a session whose responses are free now although a usage window is full. Returns `None` for
    /// other sessions, or if no session is given.
    fn free_window(&self, session: Option<&str>, incidents: &Incidents<'_>) -> Option<String> {
        let session = session.filter(|session| incidents.may_use_plan_by_reading(session))?;
        let free = incidents.credits_use().free_window(session)?;
        Some(free.sentences_if_free(self.clock()))
    }

    /// Returns sentences about a full usage window. They say that the responses of the session are [free](Self::free_window) or, if
    /// they are not, [warn](Self::warning_about_full_window) the user. Returns `None` if no window is full.
    pub(crate) fn about_full_window(
        &self,
        session: Option<&str>,
        incidents: &Incidents<'_>,
    ) -> Option<String> {
        self.free_window(session, incidents)
            .or_else(|| self.warning_about_full_window(session, incidents))
    }

    /// Returns a warning about the [full window](Self::full_window) of a session.
    pub(crate) fn warning_about_full_window(
        &self,
        session: Option<&str>,
        incidents: &Incidents<'_>,
    ) -> Option<String> {
        let full = self.full_window(session, incidents)?;
        Some(full.warning(self.clock()))
    }

    /// Returns the full usage window that applies to the next prompt of a session, according to the newest figures. Without a
    /// session, this is about the session that has reported its usage last, unless the shell's credentials replace the login.
    /// Returns `None` if no window is full or if the responses are free now.
    pub(crate) fn full_window(
        &self,
        session: Option<&str>,
        incidents: &Incidents<'_>,
    ) -> Option<FullWindow> {
        if !self.uses_plan(session, incidents) {
            return None;
        }
        let credits_use = incidents.credits_use();
        let newest_session = credits_use.newest_session();
        credits_use
            .full_window(session.or(newest_session.as_deref()))
            .filter(|full| full.resets_at > self.environment.now)
    }

    /// Returns true if the windows of the plan may apply to a session, or to the sessions that are started in this shell. A key or
    /// a cloud provider does not use the windows of the login, but a token may.
    fn uses_plan(&self, session: Option<&str>, incidents: &Incidents<'_>) -> bool {
        match session {
            Some(session) => incidents.may_use_plan(session),
            None => !self
                .credentials_of_shell()
                .iter()
                .any(Credential::replaces_login),
        }
    }

    /// Returns the credentials of a new session that is started in this shell.
    fn credentials_of_shell(&self) -> Vec<Credential> {
        credentials::of_session(&self.paths, &self.environment, None)
    }

    /// Returns how long to wait until the responses of a session cannot cost extra. Without a session, this is about the
    /// sessions that are started in this shell. Returns `None` if no waiting is needed. While a window of the plan is full, the next
    /// response may cost extra even if nothing has been paid for yet. `ended` is the newest error.
    pub(crate) fn wait_for_free_responses(
        &self,
        session: Option<&str>,
        ended: Option<&Incident>,
        incidents: &Incidents<'_>,
    ) -> Option<Wait> {
        if !self.uses_plan(session, incidents) {
            return None;
        }
        let credits_pay = ended.is_some_and(|ended| ended.diagnosis.credits_pay_now);
        let reset_of_limit = ended
            .filter(|_| credits_pay)
            .and_then(|ended| ended.diagnosis.resets.chosen);
        let full_window = incidents.credits_use().full_window(session);
        let reported_reset = full_window.map(|full| Reset::reported(full.resets_at));
        let free_at = [reported_reset, reset_of_limit]
            .into_iter()
            .flatten()
            .map(Reset::surely_over)
            .filter(|at| *at > self.environment.now)
            .max();
        match free_at {
            Some(at) => Some(Wait::Helps(Some(at))),
            None if credits_pay => Some(Wait::Unknown),
            None => None,
        }
    }

    /// Returns sentences about how much of this machine's spend counted toward the limit, and about usage elsewhere. Returns
    /// `None` if there is no ledger. None is created, because whycap may not be installed.
    fn spent(&self, incident: &Incident) -> Option<Vec<String>> {
        let (since, until) = counted_over(incident, self.clock().zone)?;
        let mut ledger = self.existing_ledger()?;
        let is_current = self
            .catch_up_ledger(&mut ledger, EXPLANATION_READS)
            .is_all();
        let spent = ledger.between(since, until + RESPONSE_GRACE_PERIOD).ok()?;
        let accuracy = if spent.unpriced > 0 {
            "about "
        } else if spent.at_least || !is_current {
            "at least "
        } else {
            ""
        };
        // Only responses that are covered by the account's plan count toward a usage window.
        let mut used = None;
        if let Some(window) = incident.diagnosis.limit.window() {
            let account = incident.evidence.error.account();
            let account = account.and_then(|account| account.owner.fingerprint.as_deref());
            let open = [super::window_use::OpenWindow {
                window,
                name: window.limit(),
                since,
            }];
            used = self
                .window_use(&open, until, account, &ledger)
                .and_then(|mut uses| uses.pop());
        }
        let cost = used.as_ref().map_or(spent.cost(), |used| used.cost);
        let payers = if used.is_some() {
            ""
        } else {
            " across all accounts and keys"
        };
        let elsewhere = used.as_ref().and_then(WindowUse::sentence);
        let first = format!(
            "From {} until the error at {}, you spent {accuracy}{cost} at list prices on this machine{payers}. Other machines, chat, and (in an organization) other members count toward the same limit.",
            self.clock().format_time(since),
            self.clock().format_time(until),
        );
        let sentences = std::iter::once(first).chain(elsewhere).collect();
        Some(sentences)
    }

    /// Returns a sentence about avoidable cache writes in the limit's usage window. Returns `None` if they are only a
    /// small part of the spend, or if more than `most_bytes` of transcripts would have to be read.
    fn avoidable_writes(&self, incident: &Incident, most_bytes: u64) -> Option<String> {
        incident.diagnosis.limit.window()?;
        let (since, until) = counted_over(incident, self.clock().zone)?;
        let since_ms = since.timestamp_millis();
        let files = self.transcripts_since(Some(since_ms));
        if files.iter().map(|file| file.state.size).sum::<u64>() > most_bytes {
            return None;
        }
        let mut writes = cache_writes(files, Some(since_ms), self.prices(), &mut |_, _| {});
        writes.retain(|write| write.response.at <= until.timestamp_millis());
        let total: Money = writes.iter().map(|write| write.total).sum();
        let avoidable = CacheSums::new(writes).avoidable;
        if avoidable.cost.times(MENTION_THRESHOLD_DIVISOR, 1) <= total {
            return None;
        }
        Some(format!(
            "Rewriting parts of the prompt cache ({}) cost {} of the {total} spent in this window. To see why and what to do, run `whycap drain`.",
            count_noun(avoidable.responses, "time"),
            avoidable.cost
        ))
    }

    /// Returns a sentence about an error that is over. It says when and where the error occurred, what happened, and
    /// how it ended. Returns `None` for notices, pasted messages, errors that still block work, and errors that are too
    /// old to be of interest.
    pub(crate) fn describe_past(&self, incident: &Incident) -> Option<String> {
        let summary = incident.summary()?;
        let is_recent = match incident.diagnosis.ended_at {
            Some(ended_at) => self.environment.now - ended_at <= screen::SHOWN_FOR,
            None => screen::is_recent(incident),
        };
        if !is_recent || incident.is_notice() || incident.evidence.is_pasted() {
            return None;
        }
        Some(self.add_origin(incident, summary))
    }

    /// Returns a sentence about a session's own error if a limit of its account blocks the session, too. The sentence
    /// contains no advice because it could contradict the advice about the limit. Returns `None` for errors and notices
    /// that are too old to be of interest.
    fn describe_own_error(&self, incident: &Incident) -> Option<String> {
        let message = shortened(&incident.text(), MAX_QUOTED_CHARS).unwrap_or_default();
        let sentence = if incident.is_notice() && screen::is_recent(incident) {
            format!("Claude Code showed the notice \"{message}\".")
        } else if incident.blocks().is_some() {
            format!("Claude Code showed \"{message}\", which was probably a false alarm.")
        } else {
            return self.describe_past(incident);
        };
        Some(self.add_origin(incident, &sentence))
    }

    /// Adds the time and the session of an error to a sentence about it.
    fn add_origin(&self, incident: &Incident, sentence: &str) -> String {
        let at = self.clock().format_time(incident.evidence.at());
        let session = incident.evidence.error.session.id.as_deref();
        match session.and_then(|session| self.describe_session(session)) {
            Some(description) => format!("{at}, in {description}: {sentence}"),
            None => format!("{at}: {sentence}"),
        }
    }

    /// Returns the text that `doctor` shows about an error and about the budgets that block prompts. `budgets` is text such as
    /// "a budget blocks prompts." Returns `None` if neither the error nor a budget blocks any session.
    pub(crate) fn error_for_doctor(
        &self,
        incident: Option<&Incident>,
        budgets: Option<&str>,
    ) -> Option<CurrentError> {
        let only_budgets =
            budgets.map(|budgets| format!("No limit is blocking you, but {budgets}"));
        if let Some(incident) = incident
            && incident.blocks().is_some()
        {
            let budgets = budgets.map(|budgets| format!(" Also, {budgets}"));
            let text = format!(
                "{}{} For details: whycap explain",
                self.blocking_error_for_doctor(incident),
                budgets.unwrap_or_default()
            );
            return Some(CurrentError { text, blocks: true });
        }
        let blocks = only_budgets.is_some();
        let past = incident
            .filter(|incident| incident.blocks_only_its_session())
            .and_then(|incident| self.describe_past(incident));
        let text = match past {
            Some(past) => {
                let state = only_budgets.unwrap_or_else(|| "Nothing is blocking you.".to_owned());
                format!("{past} {state} For details: whycap explain")
            }
            None => only_budgets?,
        };
        Some(CurrentError { text, blocks })
    }

    /// Returns the sentences of `doctor` about an error that blocks at least one session.
    fn blocking_error_for_doctor(&self, incident: &Incident) -> String {
        let diagnosis = &incident.diagnosis;
        let consequence = if diagnosis.may_next_prompt_work() || diagnosis.may_have_passed() {
            "was stopped"
        } else if diagnosis.verdict == Verdict::CannotTell {
            "may be blocked"
        } else {
            "is blocked"
        };
        let what = if diagnosis.credits_pay_now {
            "A limit applies, but usage credits are paying.".to_owned()
        } else if let Some(session) = self.only_blocked_session(incident)
            && let Some(clause) = incident.evidence.collected.possibly_unaffected.clause()
        {
            format!("The session {session} {consequence}; {clause}.")
        } else if let Some(models) = diagnosis.only_limited_models() {
            match diagnosis.verdict {
                Verdict::CannotTell => {
                    format!("If the message is right, only {models} models are blocked.")
                }
                _ => format!("Only {models} models are blocked."),
            }
        } else {
            format!("Work {consequence}.")
        };
        let sentences = [what.as_str(), incident.headline()].into_iter();
        let sentences: Vec<&str> = sentences.chain(incident.response_elsewhere()).collect();
        sentences.join(" ")
    }

    /// Returns the name of the session in which the error occurred. Returns `None` if the error may also block other
    /// sessions.
    pub(crate) fn only_blocked_session(&self, incident: &Incident) -> Option<String> {
        if incident.evidence.collected.possibly_unaffected != PossiblyUnaffected::OtherSessions {
            return None;
        }
        let session = incident.evidence.error.session.id.as_deref()?;
        Some(self.name_session(session))
    }

    /// Returns the sentences to show below the headline: about the present state if the user entered a text, and about
    /// other sessions otherwise. `session` is the session that the explanation is for.
    fn remarks(
        &self,
        incident: &Incident,
        situation: &Situation,
        session: Option<&str>,
        incidents: &Incidents<'_>,
    ) -> Vec<String> {
        match &situation.text {
            Some(text) => self.about_present(incident, text).into_iter().collect(),
            None => about_new_sessions(situation)
                .into_iter()
                .chain(self.about_other_sessions(incident, situation, session))
                .chain(self.about_limited_models(session, situation, incidents))
                .collect(),
        }
    }

    /// Returns a sentence about what blocks this shell now, or the session whose error is explained, for the explanation of a
    /// text. Returns `None` if nothing is known to block it, if the explanation already says so, or if the message is about
    /// another service.
    fn about_present(&self, explained: &Incident, text: &TextSituation) -> Option<String> {
        if explained.diagnosis.service == Some(Service::Other) {
            return None;
        }
        match &text.blocking {
            Some(blocking) if explained.states_limit_of(blocking) => None,
            Some(blocking) => {
                let place = match self.only_blocked_session(blocking) {
                    Some(session) => format!(", in the session {session}"),
                    None => String::new(),
                };
                // Beside the pasted message, "The message" would be ambiguous.
                let headline = match blocking.headline().strip_prefix("The message ") {
                    Some(rest) => {
                        let at = self.clock().format_time(blocking.evidence.at());
                        format!("Another message (from {at}) {rest}")
                    }
                    None => blocking.headline().to_owned(),
                };
                Some(format!("Right now{place}: {headline}"))
            }
            None => {
                let full_window = explained.window_used_up_now()?;
                Some(format!("Right now: {full_window}"))
            }
        }
    }

    /// Returns sentences about other sessions. If a limit was reached in another session, they name that session. If
    /// several sessions are stopped, or if Claude Code may continue one of several running sessions, they say which one the advice
    /// is for, which others Claude Code will continue, and which one has a problem with its key.
    fn about_other_sessions(
        &self,
        incident: &Incident,
        situation: &Situation,
        session: Option<&str>,
    ) -> Vec<String> {
        let session_of_error = incident.evidence.error.session.id.as_deref();
        let mut sentences = Vec::new();
        if situation.limit_of_login.is_some() {
            let requested_session = match session {
                Some(session) if self.session().is_none() => {
                    format!("the session {}", self.name_session(session))
                }
                Some(_) | None => "this session".to_owned(),
            };
            sentences.push(match session_of_error {
                Some(session) if incident.refuses_login() => format!(
                    "The login was refused in the session {}, but {requested_session} uses the same login.",
                    self.name_session(session)
                ),
                Some(session) => format!(
                    "This limit was reached in the session {}, but it also applies to {requested_session}.",
                    self.name_session(session)
                ),
                None => format!("This limit also applies to {requested_session}."),
            });
            let own_error = situation.incident.as_ref();
            sentences.extend(own_error.and_then(|own_error| self.describe_own_error(own_error)));
            let own_session = situation.continuing();
            sentences.extend(own_session.map(|continuing| self.describe_continuation(&continuing)));
        }
        let is_advice_for_one_session = situation.limit_of_login.is_none()
            && !incident.evidence.collected.is_session_closed
            && incident
                .continuation()
                .is_some_and(|continuation| continuation != Err(ContinuationObstacle::NotAwaited));
        let is_stopped_session_ambiguous = situation.has_stopped_several()
            || is_advice_for_one_session && self.has_several_running_sessions();
        if incident.blocks().is_some()
            && self.session().is_none()
            && is_stopped_session_ambiguous
            && let Some(session) = session_of_error
        {
            // The session sentence, which follows the headline, already names the session.
            if self.session_sentence(incident, situation).is_none() {
                sentences.push(format!(
                    "This advice is for the session {}.",
                    self.name_session(session)
                ));
            }
            // Without "also", the sentence would read as if Claude Code continued only the other session.
            let also_continues = situation
                .continuing()
                .any(|continuing| continuing.session == session);
            for continuing in situation.continuing() {
                if continuing.session != session {
                    sentences.push(self.continuation_sentence(&continuing, also_continues));
                }
            }
        }
        let awaiting_prompt = situation
            .sessions_awaiting_prompt()
            .filter(|awaiting| Some(awaiting.session) != session_of_error)
            .take(MOST_AWAITING_PROMPT);
        sentences.extend(awaiting_prompt.map(|awaiting| {
            let session = self.name_session(awaiting.session);
            awaiting.prompt.sentence(&session)
        }));
        let just_ended = situation.just_ended.as_deref();
        sentences.extend(just_ended.and_then(|limit| self.describe_past(limit)));
        sentences.extend(self.about_errors_elsewhere(situation));
        sentences
    }

    /// Returns sentences about other sessions that an error blocks, if the current error is about something else: the session
    /// that its key, cloud provider, or token has stopped, and the one that will be blocked longest.
    pub(crate) fn about_errors_elsewhere(&self, situation: &Situation) -> Vec<String> {
        let of_other_payer = situation.error_of_other_payer.as_ref();
        let lasting = situation.lasting_error_elsewhere.as_deref();
        [of_other_payer, lasting]
            .into_iter()
            .flatten()
            .filter_map(|error| self.describe_elsewhere(error))
            .collect()
    }

    /// Returns a sentence about an error that blocks another session than the one whose error is explained.
    fn describe_elsewhere(&self, incident: &Incident) -> Option<String> {
        let session = incident.evidence.error.session.id.as_deref()?;
        Some(format!(
            "Also, in the session {}: {}",
            self.name_session(session),
            incident.headline()
        ))
    }

    /// Returns a sentence that says when Claude Code will continue a session by itself or, after a false alarm, how to
    /// continue it sooner.
    pub(crate) fn describe_continuation(&self, continuing: &Continuing<'_>) -> String {
        self.continuation_sentence(continuing, false)
    }

    /// Like [`Self::describe_continuation`]. If `is_further` is true, the sentence says that Claude Code will also continue this
    /// session.
    fn continuation_sentence(&self, continuing: &Continuing<'_>, is_further: bool) -> String {
        let session = self.name_session(continuing.session);
        let clock = self.clock();
        if continuing.can_continue_sooner {
            format!(
                "Left alone, Claude Code will wait until {} in the open session {session}; to continue sooner, send the prompt again there.",
                clock.format_time(continuing.at)
            )
        } else {
            let at = clock.format_approximate_time(continuing.at);
            let stopped_again = stopped_again_clause(continuing.still_full);
            let words = continuing.continuation_words();
            let will_continue = if is_further {
                words.replacen("will", "will also", 1)
            } else {
                words.to_owned()
            };
            format!(
                "Claude Code {will_continue} the open session {session} by itself {at}{stopped_again}."
            )
        }
    }

    /// Returns a sentence that says when Claude Code will continue the session in which the user asks, if an error of
    /// another session is explained there.
    fn describe_own_continuation(
        &self,
        incident: &Incident,
        situation: &Situation,
    ) -> Option<String> {
        let session = self.session()?;
        if incident.is_of(Some(session)) {
            return None;
        }
        let continuing = situation
            .continuing()
            .find(|continuing| continuing.session == session)?;
        let at = self.clock().format_approximate_time(continuing.at);
        let stopped_again = stopped_again_clause(continuing.still_full);
        Some(format!(
            "Claude Code {} this session by itself {at}{stopped_again}.",
            continuing.continuation_words()
        ))
    }

    /// Returns a sentence about a limit of a single model family that does not stop new sessions in this shell. Returns `None` if
    /// there is no such limit.
    pub(crate) fn about_limit_sparing_new_sessions(&self, situation: &Situation) -> Option<String> {
        let limit = situation.limit_sparing_new_sessions()?;
        let diagnosis = &limit.diagnosis;
        let condition = match diagnosis.verdict {
            Verdict::CannotTell => "If the message is right, your",
            _ => "Your",
        };
        let name = diagnosis.model_window()?.limit();
        let clock = self.clock();
        let until = match diagnosis.resets.ahead(clock.now) {
            Some(reset) => format!(" until {}", clock.format_time(reset.at)),
            None => String::new(),
        };
        let clause = clause_about_new_sessions(situation)?;
        Some(format!(
            "{condition} {name} is used up{until}, but new sessions {clause}."
        ))
    }

    /// Returns sentences about open sessions without an error to whose model a limit applies, because another session has reached
    /// it. A session that has switched models since then shows that the user can work, but not that these sessions can. Returns
    /// none in a conversation, if the user has asked about one session, or if the current error is this limit and still blocks work.
    pub(crate) fn about_limited_models(
        &self,
        session: Option<&str>,
        situation: &Situation,
        incidents: &Incidents<'_>,
    ) -> Vec<String> {
        if self.session().or(session).is_some() {
            return Vec::new();
        }
        let blocking = situation.blocking();
        let mut sentences: Vec<String> = sessions::registered(&self.paths)
            .iter()
            .filter(|process| process.liveness == Liveness::Running)
            .filter_map(|process| process.activity.session.as_deref())
            .filter(|session| situation.of_session(session).is_none())
            .filter_map(|session| {
                let full = incidents.full_model_window_of(session, situation)?;
                if blocking.is_some_and(|blocking| blocking.is_about_window(full.window)) {
                    return None;
                }
                let until = self.clock().format_time(full.resets_at);
                Some(format!(
                    "Your {} still applies to the open session {} until {until}.",
                    full.window.limit(),
                    self.name_session(session)
                ))
            })
            .collect();
        sentences.dedup();
        sentences.truncate(MOST_AWAITING_PROMPT);
        sentences
    }

    /// Returns a sentence about a limit of a single model that applies in addition to this error, or that will still apply when
    /// Claude Code resumes the session with this error. In a conversation, the sentence is about the asking session. In a shell, it
    /// is about `session`, the one that the user asked about, or about the session with the error.
    fn about_model_window(
        &self,
        incident: &Incident,
        session: Option<&str>,
        situation: &Situation,
        incidents: &Incidents<'_>,
    ) -> Option<String> {
        if incident.blocks().is_none() && incident.continues_at().is_none() {
            return None;
        }
        let full = match self.session().or(session) {
            Some(session) if !incident.is_of(Some(session)) => {
                incidents.full_model_window_of(session, situation)
            }
            Some(_) | None => situation.full_model_window_beside(incident),
        };
        let stopped_session = incident.evidence.error.session.id.as_deref();
        let model = match (self.session(), session.or(stopped_session)) {
            (None, Some(session)) => {
                format!("the model of the session {}", self.name_session(session))
            }
            _ => "this session's model".to_owned(),
        };
        let full = full.filter(|full| !incident.is_about_window(full.window))?;
        let until = self.clock().format_time(full.resets_at);
        let limit = full.window.limit();
        Some(if incident.blocks().is_some() {
            format!("Besides this error, your {limit} applies to {model} until {until}.")
        } else {
            format!("Your {limit} still applies to {model} until {until}.")
        })
    }

    /// Returns a session's description, or its ID if there is none.
    pub(crate) fn name_session(&self, session: &str) -> String {
        self.describe_session(session)
            .unwrap_or_else(|| session.to_owned())
    }

    /// Returns a sentence that names the incident's session. Returns `None` if the command was run in that session, or
    /// in a shell while the error blocks all sessions.
    fn session_sentence(&self, incident: &Incident, situation: &Situation) -> Option<String> {
        let session = incident.evidence.error.session.id.as_deref()?;
        let is_in_conversation = self.session().is_some();
        let blocks_all = !incident.diagnosis.state.is_over()
            && incident.evidence.collected.possibly_unaffected == PossiblyUnaffected::Nobody;
        if self.session() == Some(session) || !is_in_conversation && blocks_all {
            return None;
        }
        let description = self.describe_session(session);
        // Beside an earlier error, "This" would be ambiguous.
        let subject = match situation.earlier_error {
            Some(_) => "The error that applies now",
            None => "This",
        };
        Some(match (is_in_conversation, description) {
            (true, None) => format!("{subject} happened in another session."),
            (true, Some(description)) => {
                format!("{subject} happened in another session ({description}).")
            }
            (false, None) => format!("Session: {session}"),
            (false, Some(description)) => format!("Session: {description}"),
        })
    }

    /// Returns a sentence about the key that pays in the session in which the user asks, if a limit of the plan does not stop this
    /// session because of the key. Without the sentence, the session would seem to be free of charge.
    fn about_own_key(&self, incident: &Incident, incidents: &Incidents<'_>) -> Option<String> {
        let session = self.session()?;
        let uses_other_payer =
            incident.blocks_only_its_session() && incident.evidence.collected.asker_has_other_payer;
        if !uses_other_payer || incident.evidence.plan().is_none() {
            return None;
        }
        let key = incidents.key_of(session)?;
        Some(format!(
            "This session is billed to {}, not to your plan.",
            key.name
        ))
    }
}

/// Returns a sentence about the false alarm that has stopped the session in which the user asks, if an error of another session
/// is explained.
fn about_own_false_alarm(situation: &Situation) -> Option<String> {
    let own_false_alarm = situation.own_false_alarm.as_ref()?;
    let message = shortened(&own_false_alarm.text(), MAX_QUOTED_CHARS)?;
    Some(format!(
        "The error in this session, \"{message}\", was probably a false alarm, but another error applies here as well."
    ))
}

/// Returns the clause that follows "new sessions" in a sentence. Returns `None` if the model of new sessions is unknown.
fn clause_about_new_sessions(situation: &Situation) -> Option<String> {
    let model = situation.model_of_new_sessions.as_deref()?;
    Some(format!("use another model ({model}), so you can continue"))
}

/// Returns a sentence that says that the explained limit does not stop new sessions, or `None` if it does.
pub(super) fn about_new_sessions(situation: &Situation) -> Option<String> {
    situation.limit_sparing_new_sessions()?;
    let clause = clause_about_new_sessions(situation)?;
    Some(format!("New sessions {clause}."))
}

/// Returns a sentence about the earlier error whose message the user has entered, if another one is explained instead.
fn about_earlier_error(situation: &Situation) -> Option<String> {
    let earlier_error = situation.earlier_error.as_ref()?;
    Some(format!(
        "That message is about an earlier error: {earlier_error}"
    ))
}

/// Returns the hints for how to get the full explanation in a shell. They name the session, or say that the message must
/// be repeated, because `whycap explain` otherwise explains the newest error of all sessions.
fn pointers_to_shell(
    incident: &Incident,
    situation: &Situation,
    incidents: &Incidents<'_>,
) -> Pointers {
    let session = incident.evidence.error.session.id.as_deref();
    let option = match session {
        _ if situation.text.is_some() => " --text \"…\"".to_owned(),
        Some(id) => session_option(id, incidents),
        None => String::new(),
    };
    Pointers {
        usual: format!("For details: whycap explain --long{option} (in a shell)."),
        cut: format!("… for the rest: whycap explain --long{option} (in a shell)."),
        short: format!("More: whycap explain{option}"),
    }
}

/// Returns the option that makes `whycap explain` explain this session's error. It starts with a space.
fn session_option(session: &str, incidents: &Incidents<'_>) -> String {
    format!(" --session {}", incidents.short_session_id(session))
}

fn no_error_known(session: Option<&str>, is_session_known: bool, is_complete: bool) -> [String; 2] {
    let known = match session {
        Some(id) if !is_session_known => format!(
            "No limit error found in session {id}, and no transcript on this machine has this ID."
        ),
        Some(id) => format!("No limit error found in session {id}."),
        None if is_complete => "No limit errors found. Claude Code has not reported a limit error to whycap, and the transcripts do not contain one.".to_owned(),
        None => "No limit errors found. Claude Code has not reported a limit error to whycap, and the newest transcripts do not contain one. To search all transcripts: whycap incidents".to_owned(),
    };
    let how = "To explain a message: whycap explain --text \"You've hit your …\"";
    [known, how.to_owned()]
}
