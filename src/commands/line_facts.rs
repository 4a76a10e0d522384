//! What a status line is drawn from: what Claude Code sent, what is known, and what is kept of it.

use super::host_input;
use crate::checkout::Head;
use crate::claude::meters::Windows;
use crate::claude::model_pricing::prices;
use crate::claude::prompts::prompt_sent;
use crate::claude::sessions;
use crate::claude::status_payload::StatusPayload;
use crate::config::{Config, HintName, SegmentName};
use crate::environment::Environment;
use crate::hints::{CacheNews, cold_cache};
use crate::incidents::{Incidents, KnownWindows, Paying, Unsaved, told_windows};
use crate::ledger::{Drawn, Ledger, Live, Patience, Wanted};
use crate::limits::incident::Incident;
use crate::limits::status_rows::status_rows;
use crate::places::Places;
use crate::pricing::Money;
use crate::status_line::wrapped::Wrapped;
use crate::status_line::{Amounts, LineFacts, MARGIN, Whereabouts, draw};
use crate::terminal::{Palette, Shown, Tone};
use crate::time::Clock;

/// Claude Code sends about 2 KB; anything past this is not a status payload.
const STDIN_LIMIT: usize = 1 << 20;

/// Clients before 2.1.153 do not say how wide the terminal is.
const USUAL_WIDTH: usize = 80;

/// What is printed when there is nothing else to say: the host blanks its line on empty output.
const FALLBACK: &str = "whycap";

/// What Claude Code sent, and how the line is to look.
pub(super) struct LineAsked {
    payload: StatusPayload,
    places: Places,
    config: Config,
    clock: Clock,
    palette: Palette,
    columns: usize,
    /// Claude Code's own total of the session.
    client: Option<Money>,
    /// What writing the prompt cache again costs, if that is to be said now.
    rewriting: Option<Money>,
}

impl LineAsked {
    /// Reads standard input, and starts the status line that ours was told to keep.
    pub(super) fn read(environment: &mut Environment) -> (Self, Option<Wrapped>) {
        let stdin = host_input::read(STDIN_LIMIT);
        let payload = StatusPayload::parse(&stdin);
        let places = Places::in_session(environment, &payload.directories());
        let wrapped = Wrapped::start(&places, environment, &payload, &stdin);
        let config = Config::load(&places);
        config.set_hours(environment);
        let columns = environment.columns().unwrap_or(USUAL_WIDTH);
        let asked = Self {
            clock: environment.clock(),
            palette: Palette::for_host(environment).in_theme(config.theme()),
            columns: columns.saturating_sub(MARGIN).max(1),
            client: payload.client_total_usd().and_then(Money::from_noisy_usd),
            rewriting: rewriting(&payload, &config, &places, environment),
            payload,
            places,
            config,
        };
        (asked, wrapped)
    }

    /// The rows by what was sent alone, for when there is no time for more.
    pub(super) fn drawn_at_once(&self) -> Shown {
        let windows = told_windows(&self.payload, self.clock.now);
        self.drawn(&self.facts(Amounts::of(None, self.client), windows))
    }

    /// What was sent, beside what was spent and how full the windows are.
    fn facts(&self, amounts: Amounts, windows: Option<Windows>) -> LineFacts<'_> {
        let directory = self.payload.current_dir();
        let directory = directory.filter(|_| self.config.shows(SegmentName::Directory));
        LineFacts {
            payload: &self.payload,
            windows,
            expected: Vec::new(),
            usage: None,
            amounts,
            rewriting: self.rewriting,
            whereabouts: Whereabouts {
                directory: directory.map(|directory| self.places.show(directory)),
                head: None,
            },
            config: &self.config,
            clock: self.clock,
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
        let session = self.payload.session_id()?;
        Some(Drawn {
            total: self.client?,
            run_ms: self.payload.client_run_ms(),
            model: self.payload.model_id().map(str::to_owned),
            process: sessions::client_of(&self.places, session),
        })
    }
}

/// What the last prompt cost, for whoever wants to see it: the session's answers since it was sent.
fn of_prompt(payload: &StatusPayload, config: &Config, live: Option<&Live>) -> Option<Money> {
    if !config.shows(SegmentName::Prompt) {
        return None;
    }
    let sent = prompt_sent(payload.transcript_path()?, payload.prompt_id()?);
    live?.session_after(sent?)
}

/// What is known of the session, the account and the day.
pub(super) struct LineKnown<'a> {
    incidents: Incidents<'a>,
    live: Option<Live>,
    amounts: Amounts,
    windows: Option<KnownWindows>,
    head: Option<Head>,
    incident: Option<Incident>,
    /// An error that only the transcript tells of so far.
    unsaved: Option<Unsaved>,
    /// A prompt cache that is written again without need.
    cache: Option<CacheNews>,
}

impl<'a> LineKnown<'a> {
    /// Asks the ledger, the journal and the checkout.
    pub(super) fn gather(asked: &'a LineAsked, environment: &'a Environment) -> Self {
        let LineAsked {
            payload,
            places,
            config,
            client,
            ..
        } = asked;
        let directory = payload.current_dir();
        let directory = directory.filter(|_| config.shows(SegmentName::Branch));
        let head = directory.and_then(Head::of);
        let project = payload.project_dir().unwrap_or_default();
        let project = project.to_string_lossy();
        let wanted = Wanted::new(&config.budget, places, &project);
        let session = payload.session_id().unwrap_or_default();
        let (transcript, handed) = (payload.transcript_path(), asked.handed());
        let ledger = Ledger::open(&places.data, Patience::None).ok();
        let mut live =
            ledger.and_then(|ledger| Live::read(ledger, places, session, transcript, handed));
        let figures = live.as_mut();
        let figures = figures.and_then(|live| live.figures(environment, wanted));
        let mut amounts = Amounts::of(figures, *client);
        amounts.prompt = of_prompt(payload, config, live.as_ref());
        if payload.session_id().is_none() && client.is_none() {
            // Which session this is was not said: nothing is known of what it cost.
            amounts.session = None;
        }
        let incidents = Incidents::new(places, environment);
        let refused = live.as_ref().is_some_and(Live::ends_in_refusal);
        let (incident, unsaved) = incidents.present(payload, refused).unwrap_or_default();
        Self {
            windows: incidents.windows(payload, incident.is_some()),
            cache: cache_news(asked, &incidents),
            incidents,
            live,
            amounts,
            head,
            incident,
            unsaved,
        }
    }

    /// The rows with the figures.
    pub(super) fn drawn(&self, asked: &LineAsked) -> Shown {
        let known = self.windows.as_ref();
        let windows = known.map(|known| known.windows);
        let mut facts = asked.facts(self.amounts.clone(), windows);
        facts.whereabouts.head.clone_from(&self.head);
        if let Some(known) = known.filter(|_| asked.config.shows(SegmentName::Pace)) {
            let account = known.account.as_deref();
            facts.expected = self.incidents.expected(&known.windows, account);
        }
        // From a file that may be large: only for who chose it.
        let of_page = [SegmentName::ModelWeeks, SegmentName::Credits];
        if of_page.iter().any(|segment| asked.config.shows(*segment)) {
            facts.usage = self.incidents.shown_usage_of(&asked.payload);
        }
        asked.drawn(&facts)
    }

    /// The rows on what blocks, and on what is paid beside the plan.
    pub(super) fn rows_below(&self, asked: &LineAsked) -> Shown {
        let explained = self.incident.as_ref();
        let explained = explained.and_then(|incident| status_rows(incident, asked.columns));
        let paying = self.paying(&asked.payload);
        let paying = paying.map(|paying| paying.row(asked.clock, asked.columns));
        let cache = self.cache.as_ref();
        let again = cache.and_then(|cache| cache.row(asked.columns));
        let rows = explained.into_iter().flatten().chain(paying).chain(again);
        Shown::rows(&rows.collect::<Vec<_>>(), asked.palette)
    }

    /// Answers that cost money beside the plan. Looked for only where a window is full.
    fn paying(&self, payload: &StatusPayload) -> Option<Paying> {
        let incident = self.incident.as_ref();
        let is_blocked = incident.is_some_and(|incident| incident.blocks().is_some());
        let windows = self.windows.as_ref().map(|known| &known.windows);
        let is_full = windows.is_some_and(Windows::has_a_full_one);
        let live = self.live.as_ref().filter(|_| is_full && !is_blocked)?;
        let transcript = payload.transcript_path();
        self.incidents
            .paying(transcript, |since| live.costs_since(since))
    }

    /// Writes down what is worth knowing later.
    pub(super) fn keep(self, asked: &LineAsked) {
        if let Some(unsaved) = self.unsaved {
            self.incidents.keep(unsaved);
        }
        self.incidents.keep_sample(&asked.payload);
        CacheNews::keep(self.cache.as_ref(), &asked.places);
        // The end of the process closes it too, and does not take it down piece by piece first.
        std::mem::forget(self.live.map(|live| live.keep(&asked.places)));
    }
}

/// A prompt cache that is written again without need, if its user wants to hear of it.
fn cache_news(asked: &LineAsked, incidents: &Incidents<'_>) -> Option<CacheNews> {
    let is_wanted = !asked.config.hints.off.contains(&HintName::WrittenAgain);
    let payload = &asked.payload;
    let told = payload.cache_misses().filter(|_| is_wanted)?;
    let prices = prices(&asked.places);
    let prices = prices.prices_of(payload.model_id()?);
    CacheNews::of(payload, &told, incidents.recent(), &prices, asked.clock.now)
}

/// What writing the prompt cache again costs, if that is to be said now.
fn rewriting(
    payload: &StatusPayload,
    config: &Config,
    places: &Places,
    environment: &Environment,
) -> Option<Money> {
    let is_wanted =
        config.shows(SegmentName::Hint) && !config.hints.off.contains(&HintName::ColdCache);
    let cache = payload.prompt_cache().filter(|_| is_wanted)?;
    if !cache.is_nearly_cold(environment.now) {
        return None;
    }
    let prices = prices(places);
    let prices = prices.prices_of(payload.model_id()?);
    cold_cache(&cache, &prices, payload.fast_mode(), environment.now)
}
