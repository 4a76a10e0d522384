//! What a status line is drawn from: what Claude Code sent, what is known, and what is kept of it.

use std::path::Path;

use super::Machine;
use crate::checkout::Head;
use crate::claude::sessions;
use crate::claude::status_payload::StatusPayload;
use crate::claude::transcripts::prompt_sent;
use crate::config::{HintName, SegmentName};
use crate::environment::Environment;
use crate::hints::{CacheNews, cold_cache};
use crate::incidents::{Incidents, Paying};
use crate::ledger::{Drawn, Ledger, Live, Meant, Patience, Wanted};
use crate::limits::evidence::Evidence;
use crate::limits::explanation::status_rows;
use crate::limits::incident::Incident;
use crate::limits::sample::Sample;
use crate::places::Places;
use crate::pricing::Money;
use crate::status_line::wrapped::Wrapped;
use crate::status_line::{LineFacts, MARGIN, draw};
use crate::terminal::{Palette, Shown, Tone};

/// Clients before 2.1.153 do not say how wide the terminal is.
const USUAL_WIDTH: usize = 80;

/// What is printed when there is nothing else to say: the host blanks its line on empty output.
const FALLBACK: &str = "whycap";

/// What Claude Code sent, and how the line is to look.
pub(crate) struct LineAsked {
    payload: StatusPayload,
    machine: Machine,
    palette: Palette,
    columns: usize,
}

impl LineAsked {
    /// Takes what came on standard input, and starts the status line that ours was told to keep.
    pub(crate) fn read(stdin: &[u8], environment: Environment) -> (Self, Option<Wrapped>) {
        let payload = StatusPayload::parse(stdin);
        let places = Places::in_session(&environment, &payload.directories);
        let wrapped = Wrapped::start(&places, &environment, &payload, stdin);
        let machine = Machine::at_places(places, environment);
        let columns = machine.environment.columns().unwrap_or(USUAL_WIDTH);
        let asked = Self {
            palette: Palette::for_host(&machine.environment).in_theme(machine.config.theme()),
            columns: columns.saturating_sub(MARGIN).max(1),
            payload,
            machine,
        };
        (asked, wrapped)
    }

    /// The rows by what was sent alone, for when there is no time for more.
    pub(crate) fn drawn_at_once(&self) -> Shown {
        self.drawn(&LineFacts {
            windows: Sample::told(&self.payload, self.machine.environment.now),
            ..self.facts()
        })
    }

    /// What was sent. What was spent, and how full the windows are, is not known yet.
    fn facts(&self) -> LineFacts<'_> {
        let (machine, config) = (&self.machine, &self.machine.config);
        let directory = self.payload.current_dir.as_deref();
        let directory = directory.filter(|_| config.shows(SegmentName::Directory));
        LineFacts {
            rewriting: self.rewriting(),
            directory: directory.map(|directory| machine.places.show(directory)),
            ..LineFacts::new(&self.payload, config, machine.clock())
        }
    }

    /// The rows with these facts, never empty.
    fn drawn(&self, facts: &LineFacts<'_>) -> Shown {
        let mut rows = draw(facts, self.columns);
        if rows.is_empty() {
            rows.push(vec![(Tone::Plain, FALLBACK.to_owned())]);
        }
        Shown::rows(&rows, self.palette)
    }

    /// What the ledger keeps of the client's total. Where it is not said whose that is, nothing.
    fn handed(&self) -> Option<Drawn> {
        Some(Drawn {
            total: self.payload.client_total?,
            run_ms: self.payload.client_run_ms,
            model: self.payload.model_id.clone(),
            process: sessions::client_of(&self.machine.places, self.payload.session_id.as_deref()?),
        })
    }

    /// What the ledger knows of the session and the day.
    fn live(&self) -> Option<Live> {
        let (payload, places) = (&self.payload, &self.machine.places);
        let session = payload.session_id.as_deref().unwrap_or_default();
        let ledger = Ledger::open(&places.data, Patience::None).ok()?;
        let (transcript, handed) = (payload.transcript_path.as_deref(), self.handed());
        Live::read(ledger, places, session, transcript, handed)
    }

    /// What the last prompt cost, for whoever wants to see it: the session's answers since it was sent.
    fn of_prompt(&self, live: Option<&Live>) -> Option<Money> {
        let is_wanted = self.machine.config.shows(SegmentName::Prompt);
        let (payload, live) = (&self.payload, live.filter(|_| is_wanted)?);
        let transcript = payload.transcript_path.as_deref()?;
        live.session_after(prompt_sent(transcript, payload.prompt_id.as_deref()?)?)
    }

    /// What writing the prompt cache again costs, if that is to be said now.
    fn rewriting(&self) -> Option<Money> {
        let (payload, machine) = (&self.payload, &self.machine);
        let (config, now) = (&machine.config, machine.environment.now);
        let is_wanted = config.shows(SegmentName::Hint) && config.hints(HintName::ColdCache);
        let cache = payload.prompt_cache;
        let cache = cache.filter(|cache| is_wanted && cache.is_nearly_cold(now))?;
        let prices = machine.prices().prices_of(payload.model_id.as_deref()?);
        cold_cache(&cache, &prices, payload.fast_mode, now)
    }

    /// A prompt cache that is written again without need, if its user wants to hear of it.
    fn cache_news(&self, incidents: &Incidents<'_>) -> Option<CacheNews> {
        let (payload, machine) = (&self.payload, &self.machine);
        let is_wanted = machine.config.hints(HintName::WrittenAgain);
        let told = payload.cache_misses.filter(|_| is_wanted)?;
        let prices = machine.prices().prices_of(payload.model_id.as_deref()?);
        let now = machine.environment.now;
        CacheNews::of(payload, &told, incidents.recent(), &prices, now)
    }
}

/// What is known of the session, the account and the day.
pub(crate) struct LineKnown<'a> {
    asked: &'a LineAsked,
    incidents: Incidents<'a>,
    live: Option<Live>,
    facts: LineFacts<'a>,
    incident: Option<Incident>,
    /// An error that only the transcript tells of so far.
    unsaved: Option<Evidence>,
    /// A prompt cache that is written again without need.
    cache: Option<CacheNews>,
}

impl<'a> LineKnown<'a> {
    /// Asks the ledger, the journal and the checkout.
    pub(crate) fn gather(asked: &'a LineAsked) -> Self {
        let (payload, machine) = (&asked.payload, &asked.machine);
        let (config, incidents) = (&machine.config, machine.incidents());
        let mut facts = asked.facts();
        let directory = payload.current_dir.as_deref();
        let directory = directory.filter(|_| config.shows(SegmentName::Branch));
        facts.head = directory.and_then(Head::of);
        let mut live = asked.live();
        let project = payload.project_dir.as_deref().unwrap_or(Path::new(""));
        let project = project.to_string_lossy();
        let wanted = Wanted::new(&config.budget, &project);
        let figures = live.as_mut();
        facts.figures = figures.and_then(|live| live.figures(&machine.environment, wanted));
        facts.prompt = asked.of_prompt(live.as_ref());
        // Without a ledger, as in a home that cannot be written, only the transcript can tell.
        let refused = live.as_ref().is_none_or(Live::ends_in_refusal);
        let (incident, unsaved) = incidents.present(payload, refused).unwrap_or_default();
        if let Some(known) = incidents.windows(payload, incident.is_some()) {
            if config.shows(SegmentName::Pace) {
                facts.expected = incidents.expected(&known);
            }
            facts.windows = Some(known);
        }
        // From a file that may be large: only for who chose it.
        if config.shows(SegmentName::ModelWeeks) || config.shows(SegmentName::Credits) {
            facts.usage = incidents.shown_usage_of(payload).cloned();
        }
        Self {
            asked,
            live,
            facts,
            incident,
            unsaved,
            cache: asked.cache_news(&incidents),
            incidents,
        }
    }

    /// The rows with the figures, and below them those on what blocks, on what is paid beside the
    /// plan, and on what is written again.
    pub(crate) fn drawn(&self) -> Shown {
        let columns = self.asked.columns;
        let incident = self.incident.as_ref();
        let blocks = incident.and_then(|incident| status_rows(incident, columns));
        let paying = self.paying();
        let paying = paying.map(|paying| paying.row(self.facts.clock, columns));
        let again = self.cache.as_ref().and_then(|cache| cache.row(columns));
        let below = blocks.into_iter().flatten().chain(paying).chain(again);
        let below = Shown::rows(&below.collect::<Vec<_>>(), self.asked.palette);
        self.asked.drawn(&self.facts).then(&below)
    }

    /// Answers that cost money beside the plan. Looked for only where a window is full.
    fn paying(&self) -> Option<Paying> {
        let is_blocked = self.incident.iter().any(|it| it.blocks().is_some());
        let windows = self.facts.windows.as_ref();
        let is_full = windows.is_some_and(Sample::has_full_window);
        let live = self.live.as_ref().filter(|_| is_full && !is_blocked)?;
        let costs = |since, is_own: Meant<'_>| live.costs_since(since, is_own);
        self.incidents.paying(&costs)
    }

    /// Writes down what is worth knowing later.
    pub(crate) fn keep(self) {
        let places = &self.asked.machine.places;
        if let Some(unsaved) = self.unsaved {
            self.incidents.keep(unsaved);
        }
        self.incidents.keep_sample(&self.asked.payload);
        CacheNews::keep(self.cache.as_ref(), places);
        // The end of the process closes it too, and does not take it down piece by piece first.
        std::mem::forget(self.live.map(|live| live.keep(places)));
    }
}
