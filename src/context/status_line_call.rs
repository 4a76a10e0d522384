//! Handles a status-line call, which is one run of `whycap statusline`. Parses Claude Code's input, collects the facts
//! for the line, and saves data after the line has been printed.

use chrono::{DateTime, Utc};

use super::Context;
use crate::budget::{BlockingBudget, day_budget_blocking};
use crate::checkout::Head;
use crate::claude::status_payload::StatusPayload;
use crate::claude::transcripts::prompt_sent;
use crate::config::SegmentName;
use crate::environment::Environment;
use crate::incidents::{Incidents, Paying, StatusLineSituation};
use crate::ledger::{
    Ledger, LiveFigures, OpenLedger, RunEvent, SelectedResponses, TotalSample, WaitLimit,
};
use crate::limits::evidence::StoredError;
use crate::limits::incident::Incident;
use crate::limits::sample::Sample;
use crate::limits::screen::{ReadMore, status_rows};
use crate::paths::Paths;
use crate::pricing::Money;
use crate::status_line::cold_cache_cost;
use crate::status_line::wrapped::Wrapped;
use crate::status_line::{LineFacts, MARGIN, render_rows};
use crate::terminal::{Palette, Shown, Tone, truncate, width};
use crate::witness::{self, Caller};

/// The terminal width to assume if Claude Code does not provide it. Versions before 2.1.153 never do.
const USUAL_WIDTH: usize = 80;

/// The text to print if there is nothing else to show. Claude Code would clear the line if the output were empty.
const FALLBACK: &str = "whycap";

/// The status JSON, and the settings that determine what the line looks like.
pub(crate) struct StatusLineCall {
    payload: StatusPayload,
    context: Context,
    palette: Palette,
    columns: usize,
}

impl StatusLineCall {
    /// Parses the status JSON from standard input. Also starts the user's previous status line, if `install --wrap`
    /// preserved one.
    pub(crate) fn read(stdin: &[u8], environment: Environment) -> (Self, Option<Wrapped>) {
        let payload = StatusPayload::parse(stdin);
        let paths = Paths::in_session(&environment, &payload.directories);
        let wrapped = Wrapped::start(&paths, &environment, &payload, stdin);
        let context = Context::with_paths(paths, environment);
        let columns = context.environment.columns().unwrap_or(USUAL_WIDTH);
        let padding = wrapped.as_ref().map_or(0, |wrapped| wrapped.padding);
        let margin = padding.saturating_mul(2).saturating_add(MARGIN);
        let call = Self {
            palette: Palette::for_claude_code(&context.environment)
                .with_theme(context.config.theme()),
            columns: columns.saturating_sub(margin).max(1),
            payload,
            context,
        };
        (call, wrapped)
    }

    /// Renders the line from the status JSON alone, for when there is no time for anything else.
    pub(crate) fn render_payload(&self) -> Shown {
        self.render(&LineFacts {
            windows: Sample::from_payload(&self.payload, self.context.environment.now),
            ..self.facts()
        })
    }

    /// Returns the facts that require neither the ledger nor the journal.
    fn facts(&self) -> LineFacts<'_> {
        let config = &self.context.config;
        let directory = match &self.payload.current_dir {
            Some(directory) if config.shows(SegmentName::Directory) => {
                Some(self.context.paths.show(directory))
            }
            _ => None,
        };
        LineFacts {
            rewriting: self.cost_of_cold_cache(),
            directory,
            ..LineFacts::new(&self.payload, config, self.context.clock())
        }
    }

    /// Renders the rows of the line. There is always at least one row.
    fn render(&self, facts: &LineFacts<'_>) -> Shown {
        let mut rows = render_rows(facts, self.columns);
        if rows.is_empty() {
            rows.push(vec![(Tone::Plain, FALLBACK.to_owned())]);
        }
        Shown::rows(&rows, self.palette)
    }

    /// Returns the running total to store in the ledger. Returns `None` if the payload has no total or no session ID.
    fn sample(&self, incidents: &Incidents<'_>) -> Option<TotalSample> {
        self.payload.session_id.as_ref()?;
        Some(TotalSample {
            total: self.payload.client_total?,
            process: incidents.client(),
        })
    }

    /// Returns the ledger's figures for the session and the day. If the ledger cannot be used, returns `None` and
    /// appends the sample to the journal.
    fn live(&self, incidents: &Incidents<'_>) -> Option<OpenLedger> {
        let (payload, paths) = (&self.payload, &self.context.paths);
        let session = payload.session_id.as_deref().unwrap_or_default();
        let transcript = payload.transcript_path.as_deref();
        let now = self.context.environment.now;
        let sample = self.sample(incidents);
        let live = match Ledger::open(&paths.data, WaitLimit::None) {
            Ok(ledger) => OpenLedger::read(ledger, paths, session, transcript, sample, now),
            Err(_) => None,
        };
        if let (None, Some(sample)) = (&live, sample) {
            RunEvent::sampled(session, transcript, sample, now).append_to_journal(paths);
        }
        live
    }

    /// Stores what the payload shows about limits.
    fn record_limit_facts(&self, live: &OpenLedger) {
        let (payload, context) = (&self.payload, &self.context);
        let Some(session) = payload.session_id.as_deref() else {
            return;
        };
        let caller = Caller {
            paths: &context.paths,
            environment: &context.environment,
            session: Some(session),
            project: payload.project_dir.as_deref(),
        };
        let reported = witness::of_status_line(&caller, payload, live.is_first());
        witness::record(&caller, Some(live.ledger()), &reported);
    }

    /// Returns the cost of the session's responses since the last prompt. Returns `None` if no segment shows it.
    fn cost_of_prompt(&self, live: Option<&OpenLedger>) -> Option<Money> {
        if !self.context.config.shows(SegmentName::Prompt) {
            return None;
        }
        let transcript = self.payload.transcript_path.as_deref()?;
        let sent_at = prompt_sent(transcript, self.payload.prompt_id.as_deref()?)?;
        live?.session_after(sent_at)
    }

    /// Returns the cost of rewriting the prompt cache, or `None` if the cache is not about to expire.
    fn cost_of_cold_cache(&self) -> Option<Money> {
        let (payload, context) = (&self.payload, &self.context);
        let (config, now) = (&context.config, context.environment.now);
        if !config.shows(SegmentName::Hint) {
            return None;
        }
        let cache = payload.prompt_cache?;
        if !cache.is_nearly_cold(now) {
            return None;
        }
        let prices = context.prices().prices_of(payload.model_id.as_deref()?);
        cold_cache_cost(&cache, &prices, payload.fast_mode, now)
    }

    /// Returns the day's budget if it blocks the session's prompts. It uses the figures and the recent part of the
    /// journal, which the status line reads in any case.
    fn blocking_budget(
        &self,
        figures: Option<&LiveFigures>,
        incidents: &Incidents<'_>,
    ) -> Option<BlockingBudget> {
        let session = self.payload.session_id.as_deref()?;
        let Context {
            config,
            environment,
            ..
        } = &self.context;
        day_budget_blocking(session, config, figures?, incidents.journal(), environment)
    }
}

/// The data shown in the line: facts about the session, the account, and the day.
pub(crate) struct StatusLineFacts<'a> {
    call: &'a StatusLineCall,
    incidents: Incidents<'a>,
    live: Option<OpenLedger>,
    facts: LineFacts<'a>,
    incident: Option<Incident>,
    /// The time at which Claude Code will continue the session, if `incident` is an error of another session.
    continues_at: Option<DateTime<Utc>>,
    /// True if `incident` may stop the session again at that time.
    may_be_stopped_again: bool,
    /// The place where the user can read more about the incident.
    more: ReadMore,
    /// An error of this or another session that is missing from the journal or incomplete there.
    unsaved: Option<StoredError>,
}

impl<'a> StatusLineFacts<'a> {
    /// Collects the facts from the ledger, the journal, and the checkout.
    pub(crate) fn collect(call: &'a StatusLineCall) -> Self {
        let (payload, context) = (&call.payload, &call.context);
        let (config, incidents) = (&context.config, context.incidents());
        let mut facts = call.facts();
        if let Some(directory) = &payload.current_dir
            && config.shows(SegmentName::Branch)
        {
            facts.head = Head::of(directory);
        }
        let mut live = call.live(&incidents);
        if let Some(live) = &mut live {
            let with_month = config.budget.month.is_some();
            facts.figures = live.figures(&context.environment, with_month);
        }
        facts.prompt = call.cost_of_prompt(live.as_ref());
        // Without a ledger, for example in a read-only home directory, only the transcript shows whether there was an
        // error.
        let ends_in_error = live.as_ref().is_none_or(OpenLedger::ends_in_error);
        let StatusLineSituation {
            incident: own_incident,
            unsaved: own_unsaved,
        } = incidents.situation_of_status_line(payload, ends_in_error);
        // Unless the session has a blocking error of its own, show the limit that blocks the other sessions. It applies
        // to this one, too.
        let is_blocked = own_incident
            .as_ref()
            .is_some_and(Incident::blocks_its_session);
        let obstacle = if is_blocked {
            StatusLineSituation::default()
        } else {
            incidents
                .obstacle_of_other_sessions(payload, own_incident.as_ref())
                .unwrap_or_default()
        };
        // The figures are already known, so the budget is checked only if there is an error.
        let budget = if own_incident.is_some() || obstacle.incident.is_some() {
            call.blocking_budget(facts.figures.as_ref(), &incidents)
        } else {
            None
        };
        let with_budget = |incident: Incident| match &budget {
            Some(budget) if budget.blocks_at(incident.next_prompt_at()) => {
                incident.while_budget_blocks(budget.sentence.clone())
            }
            Some(_) | None => incident,
        };
        let own_incident = own_incident.map(with_budget);
        let obstacle = StatusLineSituation {
            incident: obstacle.incident.map(with_budget),
            ..obstacle
        };
        let continues_at = match &obstacle.incident {
            Some(_) => own_incident.as_ref().and_then(Incident::continues_at),
            None => None,
        };
        let may_be_stopped_again = match (&obstacle.incident, continues_at) {
            (Some(obstacle), Some(at)) => obstacle.may_stop_session_resumed_at(at),
            _ => false,
        };
        let incident = obstacle.incident.or(own_incident);
        let unsaved = own_unsaved.or(obstacle.unsaved);
        let more = if incident.is_some() && context.client_lacks_slash_command() {
            ReadMore::InShell
        } else {
            ReadMore::InSession
        };
        if let Some(reported) = incidents.readings().windows(payload, incident.is_some()) {
            let reading = match incident.as_ref().and_then(Incident::full_window) {
                Some(refused) => reported.with_refusal(&refused),
                None => reported,
            };
            if config.shows(SegmentName::Pace) {
                facts.paces = incidents.readings().paces(&reading);
            }
            facts.windows = Some(reading);
        }
        // The file with the contents of `/usage` may be large, so read it only if a segment shows them.
        if config.shows(SegmentName::ModelWeeks) || config.shows(SegmentName::Credits) {
            facts.usage = incidents.cached_usage_of(payload).cloned();
        }
        Self {
            call,
            incidents,
            live,
            facts,
            incident,
            continues_at,
            may_be_stopped_again,
            more,
            unsaved,
        }
    }

    /// Renders the rows with the figures, followed by rows about the limit and about responses that are billed on top of
    /// the plan.
    pub(crate) fn render(&self) -> Shown {
        let columns = self.call.columns;
        let paying = self.paying();
        let rows_of =
            |incident: &Incident| status_rows(incident, self.more, columns).unwrap_or_default();
        let mut rows = match (&self.incident, paying) {
            (Some(incident), Some(paying))
                if incident.may_continue_on_plan()
                    || incident.diagnosis.is_model_limit_beside_full_window() =>
            {
                rows_of(&incident.while_credits_pay(paying.until))
            }
            (Some(incident), _) => rows_of(incident),
            (None, _) => Vec::new(),
        };
        if let Some(at) = self.continues_at {
            let at = self.facts.clock.format_approximate_time(at);
            let [continues, resumes] = if self.may_be_stopped_again {
                ["tries to continue", "tries again"]
            } else {
                ["continues by itself", "resumes"]
            };
            // The user may have just pressed Esc.
            let forms = [
                format!("Unless you pressed Esc, this session {continues} {at}"),
                format!("Unless canceled, {resumes} {at}"),
            ];
            let row = forms.into_iter().find(|form| width(form) <= columns);
            rows.extend(row.map(|row| vec![(Tone::Plain, row)]));
        }
        if let Some(attempts) = self.incidents.retrying_in(&self.call.payload) {
            let text = format!(
                "Claude Code has been {}",
                attempts.sentence(self.facts.clock)
            );
            rows.push(vec![(Tone::Warning, truncate(&text, columns))]);
        }
        rows.extend(paying.map(|paying| paying.row(self.facts.clock, columns)));
        let below = Shown::rows(&rows, self.call.palette);
        self.call.render(&self.facts).followed_by(&below)
    }

    /// Returns the responses that are billed on top of the plan. Their costs are looked up only if a window is full, and if the
    /// session is blocked at most by a temporary problem, by the limit of one model family beside a full window, or by a limit
    /// beyond which usage credits pay.
    fn paying(&self) -> Option<Paying> {
        let is_blocked = self.incident.as_ref().is_some_and(|incident| {
            incident.blocks().is_some()
                && !incident.diagnosis.limit.is_passing()
                && !incident.diagnosis.credits_pay_now
                && !incident.diagnosis.is_model_limit_beside_full_window()
        });
        let windows = self.facts.windows.as_ref()?;
        let now = self.facts.clock.now;
        if is_blocked || !windows.has_full_window_for(None, now) {
            return None;
        }
        let live = self.live.as_ref()?;
        self.incidents
            .paying_of_status_line(&|since, selected: SelectedResponses<'_>| {
                live.costs_since(since, selected)
            })
    }

    /// Saves the data that later calls need. This is done after the line has been printed so that nothing has to wait
    /// for it.
    pub(crate) fn save(self) {
        let paths = &self.call.context.paths;
        if let Some(unsaved) = self.unsaved {
            self.incidents.save_from_status_line(unsaved);
        }
        self.incidents.store_reading(&self.call.payload);
        if let Some(live) = &self.live {
            self.call.record_limit_facts(live);
        }
        // The process exits now, so there is no need to free the ledger's memory.
        std::mem::forget(self.live.map(|live| live.commit(paths)));
    }
}
