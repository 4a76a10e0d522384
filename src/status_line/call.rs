//! Handles a status-line call, which is one run of `whycap statusline`. Parses Claude Code's input, collects the facts
//! for the line, and saves data after the line has been printed.

use super::checkout::Head;
use crate::budget::day_budget_blocking;
use crate::claude::account::LoginState;
use crate::claude::status_payload::StatusPayload;
use crate::claude::window_usage::WindowFigures;
use crate::collect::Context;
use crate::config::SegmentName;
use crate::environment::{Environment, Paths};
use crate::ledger::{
    Ledger, LiveFigures, OpenLedger, ProcessId, ReportedEvent, Substitute, TotalSample, WaitLimit,
};
use crate::limits::Fact;
use crate::limits::wording::{self, Paying};
use crate::pricing::model_title;
use crate::status_line::wrapped::Wrapped;
use crate::status_line::{LineFacts, MARGIN, render_rows};
use crate::terminal::{Palette, Shown, Tone, truncate};
use crate::witness::{self, Caller, Limits};

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
            palette: Palette::for_claude_code(&context.environment),
            columns: columns.saturating_sub(margin).max(1),
            payload,
            context,
        };
        (call, wrapped)
    }

    /// Renders the line from the status JSON alone, for when there is no time for anything else.
    pub(crate) fn render_payload(&self) -> Shown {
        self.render(&LineFacts {
            windows: WindowFigures::of_payload(&self.payload, self.context.environment.now),
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
    fn sample(&self) -> Option<TotalSample> {
        self.payload.session_id.as_ref()?;
        Some(TotalSample {
            total: self.payload.client_total?,
            process: ProcessId::of_client(&self.context.environment),
        })
    }

    /// Returns the ledger's figures for the session and the day. If the ledger cannot be used, returns `None` and
    /// appends the sample to the journal.
    fn live(&self) -> Option<OpenLedger> {
        let (payload, paths) = (&self.payload, &self.context.paths);
        let session = payload.session_id.as_deref().unwrap_or_default();
        let transcript = payload.transcript_path.as_deref();
        let now = self.context.environment.now;
        let sample = self.sample();
        let live = match Ledger::open(&paths.data, WaitLimit::None) {
            Ok(ledger) => OpenLedger::read(ledger, paths, session, transcript, sample, now),
            Err(_) => None,
        };
        if let (None, Some(sample)) = (&live, sample) {
            ReportedEvent::sampled(session, transcript, sample, now).append_to_journal(paths);
        }
        live
    }

    /// Returns the session as a caller of the model of limits.
    fn caller(&self) -> Caller<'_> {
        Caller {
            paths: &self.context.paths,
            environment: &self.context.environment,
            session: self.payload.session_id.as_deref(),
            project: self.payload.project_dir.as_deref(),
        }
    }

    /// Returns the day's budget if it blocks the session's prompts. It uses the figures that the status line reads in any
    /// case.
    fn used_up_budget(&self, figures: Option<&LiveFigures>) -> Option<Fact> {
        let session = self.payload.session_id.as_deref()?;
        let Context {
            config,
            environment,
            paths,
            ..
        } = &self.context;
        day_budget_blocking(session, config, figures?, paths, environment)
    }
}

/// The data shown in the line: facts about the session, the account, and the day.
pub(crate) struct StatusLineFacts<'a> {
    call: &'a StatusLineCall,
    live: Option<OpenLedger>,
    facts: LineFacts<'a>,
    /// The facts about limits in the payload.
    reported: Vec<Fact>,
    limits: Limits,
}

impl<'a> StatusLineFacts<'a> {
    /// Collects the facts from the ledger, the account, and the checkout.
    pub(crate) fn collect(call: &'a StatusLineCall) -> Self {
        let (payload, context) = (&call.payload, &call.context);
        let config = &context.config;
        let mut facts = call.facts();
        if let Some(directory) = &payload.current_dir
            && config.shows(SegmentName::Branch)
        {
            facts.head = Head::of(directory);
        }
        let mut live = call.live();
        if let Some(live) = &mut live {
            let with_month = config.budget.month.is_some();
            facts.figures = live.figures(&context.environment, with_month).ok();
        }
        let caller = call.caller();
        let is_open = live.as_ref().is_none_or(|live| {
            live.is_first() || matches!(live.ledger().limits_since(), Ok(Some(_)))
        });
        let reported = witness::of_status_line(&caller, payload, is_open);
        let budget = call.used_up_budget(facts.figures.as_ref());
        let known = [reported.as_slice(), budget.as_slice()].concat();
        let limits = Limits::for_status_line(&caller, live.as_ref(), &known);
        facts.windows = match payload.spend_limit {
            Some(_) => WindowFigures::of_payload(payload, context.environment.now),
            None => limits.window_figures(),
        };
        if config.shows(SegmentName::Pace) {
            facts.paces = limits.paces();
        }
        // The file with the contents of `/usage` may be large, so it is read only if a segment shows them.
        if config.shows(SegmentName::ModelWeeks) || config.shows(SegmentName::Credits) {
            let paths = &context.paths;
            let read = || LoginState::load(paths).usage;
            facts.usage = match &live {
                Some(live) => live.ledger().remember(&paths.global_state, read),
                None => read(),
            };
        }
        Self {
            call,
            live,
            facts,
            reported,
            limits,
        }
    }

    /// Renders the rows with the figures, followed by rows about the limit and about responses that are billed on top of
    /// the plan.
    pub(crate) fn render(&self) -> Shown {
        let (columns, clock) = (self.call.columns, self.limits.clock());
        let mut rows = match self.limits.outlook() {
            Some(outlook) => wording::status_rows(&outlook, clock, columns),
            None => Vec::new(),
        };
        rows.extend(
            self.paying()
                .map(|paying| paying.row(clock, columns)),
        );
        rows.extend(self.substitute().map(|Substitute { since, model }| {
            let model = model_title(&model);
            let text = format!("answered by {model} since {}", clock.format_time(since));
            vec![(Tone::Warning, truncate(&text, columns))]
        }));
        let below = Shown::rows(&rows, self.call.palette);
        self.call.render(&self.facts).followed_by(&below)
    }

    /// Returns the amount that usage credits have paid beyond a full window. Returns `None` if they are not paying.
    fn paying(&self) -> Option<Paying> {
        self.limits.paying(self.live.as_ref()?.ledger())
    }

    /// Returns the model that answers instead of the selected one.
    fn substitute(&self) -> Option<Substitute> {
        let selected = self.call.payload.model_id.as_deref()?;
        self.live.as_ref()?.substitute_for(selected)
    }

    /// Saves the data that later calls need. This is done after the line has been printed so that nothing has to wait
    /// for it.
    pub(crate) fn save(self) {
        let ledger = self.live.as_ref().map(OpenLedger::ledger);
        if self.call.payload.session_id.is_some() {
            witness::record(&self.call.caller(), ledger, &self.reported);
        }
        if let Some(ledger) = ledger {
            self.limits.settle(ledger);
        }
        let paths = &self.call.context.paths;
        // The process exits now, so there is no need to free the ledger's memory.
        std::mem::forget(self.live.map(|live| live.commit(paths)));
    }
}
