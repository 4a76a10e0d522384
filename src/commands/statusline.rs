//! `whycap statusline`: one or more rows for Claude Code, always, with exit code 0.
//!
//! It reads, draws, prints, and then keeps: what it has to write, and what takes long to read, waits
//! until the line is out.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::host_guard::{Deadline, has_memory};
use super::preview::preview;
use chrono::{DateTime, Utc};

use crate::checkout::Head;
use crate::claude::meters::Windows;
use crate::claude::model_pricing::prices;
use crate::claude::sessions;
use crate::claude::status_payload::StatusPayload;
use crate::config::{Config, HintName, SegmentName};
use crate::environment::Environment;
use crate::hints::{CacheNews, cold_cache};
use crate::incidents::{Incidents, KnownWindows, Paying, told_windows};
use crate::ledger::{Ledger, Live, Patience, Told, Wanted};
use crate::limits::incident::Incident;
use crate::limits::pace::Expected;
use crate::limits::status_rows::status_rows;
use crate::places::Places;
use crate::pricing::Money;
use crate::status_line::wrapped::Wrapped;
use crate::status_line::{Amounts, LineFacts, MARGIN, Whereabouts, draw};
use crate::terminal::{Palette, Shown, Tone, print};

/// Claude Code sends about 2 KB; anything past this is not a status payload.
const STDIN_LIMIT: usize = 1 << 20;

/// Clients before 2.1.153 do not say how wide the terminal is.
const USUAL_WIDTH: usize = 80;

/// How long what has to be known for the line may take. Two milliseconds are usual;
/// a machine under load may take a hundred times as long.
const LONGEST: Duration = Duration::from_millis(600);

/// What is printed when there is nothing else to say: the host blanks its line on empty output.
const FALLBACK: &str = "whycap";
pub(crate) const LAST_WORDS: &str = "whycap\n";

/// What somebody reads who calls this by hand.
const BY_HAND: &str = "Claude Code runs this for its status line. Try: whycap statusline --preview";

/// Prints the status line. Never fails: the host blanks its line on an error or on empty output.
pub(crate) fn run(arguments: &[OsString], environment: &Environment) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--preview") {
        let _ = print(&preview(environment));
    } else if io::stdin().is_terminal() || arguments.iter().any(asks_for_help) {
        // On a terminal nothing would ever come.
        let _ = print(&Shown::text(&format!("{BY_HAND}\n")));
    } else if !has_memory() {
        let _ = print(&Shown::text(LAST_WORDS));
    } else {
        print_line(environment);
    }
    ExitCode::SUCCESS
}

fn asks_for_help(argument: &OsString) -> bool {
    argument == "--help" || argument == "-h"
}

fn print_line(environment: &Environment) {
    let stdin = super::host_input::read(STDIN_LIMIT);
    let payload = Arc::new(StatusPayload::parse(&stdin));
    let places = Places::in_session(environment, &payload.directories());
    let wrapped = Wrapped::start(&places, environment, &payload, &stdin);
    let config = Arc::new(Config::load(&places));
    let session = payload.session_id().unwrap_or_default();
    let client = payload.client_total_usd().and_then(Money::from_noisy_usd);
    let told = told(&payload, &places, client);
    let clock = environment.clock();
    let palette = Palette::for_host(environment).in_theme(config.theme());
    let columns = environment.columns().unwrap_or(USUAL_WIDTH);
    let columns = columns.saturating_sub(MARGIN).max(1);
    let rewriting = rewriting(&payload, &config, &places, environment);
    let draw = {
        let (payload, config) = (Arc::clone(&payload), Arc::clone(&config));
        move |amounts, windows, expected, whereabouts: &Whereabouts| {
            let facts = LineFacts {
                payload: &payload,
                windows,
                expected,
                amounts,
                rewriting,
                whereabouts,
                config: &config,
                clock,
            };
            own_rows(&facts, columns, palette)
        }
    };
    let directory = payload.current_dir();
    let shown = directory.filter(|_| config.shows(SegmentName::Directory));
    let mut whereabouts = Whereabouts {
        directory: shown.map(|directory| places.show(directory)),
        head: None,
    };
    let deadline = Deadline::start(LONGEST, {
        let (draw, payload) = (draw.clone(), Arc::clone(&payload));
        let whereabouts = whereabouts.clone();
        move || {
            let windows = told_windows(&payload, clock.now);
            draw(Amounts::of(None, client), windows, Vec::new(), &whereabouts)
        }
    });
    whereabouts.head = directory
        .filter(|_| config.shows(SegmentName::Branch))
        .and_then(Head::of);
    let project = payload.project_dir().unwrap_or_default();
    let project = project.to_string_lossy();
    let wanted = Wanted::of(&config.budget, &places, &project);
    let mut live = Ledger::open(&places.data, Patience::None)
        .ok()
        .and_then(|ledger| Live::read(ledger, &places, session, payload.transcript_path(), told));
    let figures = live
        .as_mut()
        .and_then(|live| live.figures(environment, wanted));
    let incidents = Incidents::new(&places, environment);
    let refused = live.as_ref().is_some_and(Live::ends_in_refusal);
    let (incident, unsaved) = incidents.present(&payload, refused).unwrap_or_default();
    let known = incidents.windows(&payload, incident.is_some());
    let expected = expected(&incidents, known.as_ref(), &config);
    let windows = known.map(|known| known.windows);
    let mut amounts = Amounts::of(figures, client);
    if payload.session_id().is_none() && client.is_none() {
        // Which session this is was not said: nothing is known of what it cost.
        amounts.session = None;
    }
    let mut shown = draw(amounts, windows, expected, &whereabouts);
    let paying = paying(
        &incidents,
        incident.as_ref(),
        windows.as_ref(),
        live.as_ref(),
    );
    let explained = incident.and_then(|incident| status_rows(&incident, columns));
    deadline.speak();
    let paying = paying.map(|paying| paying.row(clock, columns));
    let cache = cache_news(&payload, &config, &places, &incidents, clock.now);
    let again = cache.as_ref().and_then(|cache| cache.row(columns));
    for row in explained.into_iter().flatten().chain(paying).chain(again) {
        shown = shown.then(&Shown::row(&row, palette));
    }
    let wrapped = wrapped.map(Wrapped::finish);
    if let Some(foreign) = wrapped.as_ref().and_then(|wrapped| wrapped.text.as_ref()) {
        #[expect(
            clippy::disallowed_methods,
            reason = "what the user's own program says is handed on as it is"
        )]
        let above = Shown::as_it_is(format!("{foreign}\n"));
        shown = above.then(&shown);
    }
    // A closed pipe means that the host cancelled this run; there is nobody to tell.
    let _ = print(&shown);
    deadline.done();

    if let Some(unsaved) = unsaved {
        incidents.keep(unsaved);
    }
    incidents.keep_sample(&payload);
    CacheNews::keep(cache.as_ref(), &places);
    if let Some(wrapped) = wrapped {
        wrapped.keep();
    }
    // The end of the process closes it too, and does not take it down piece by piece first.
    std::mem::forget(live.map(Live::keep));
}

/// Answers that cost money beside the plan. Looked for only where a window is full.
fn paying(
    incidents: &Incidents<'_>,
    incident: Option<&Incident>,
    windows: Option<&Windows>,
    live: Option<&Live>,
) -> Option<Paying> {
    let is_blocked = incident.is_some_and(|incident| incident.blocks().is_some());
    let is_full = windows.is_some_and(Windows::has_a_full_one);
    let live = live.filter(|_| is_full && !is_blocked)?;
    incidents.paying(|since| live.costs_since(since))
}

/// A prompt cache that is written again without need, if its user wants to hear of it.
fn cache_news(
    payload: &StatusPayload,
    config: &Config,
    places: &Places,
    incidents: &Incidents<'_>,
    now: DateTime<Utc>,
) -> Option<CacheNews> {
    let is_wanted = !config.hints.off.contains(&HintName::WrittenAgain);
    payload.cache_misses().filter(|_| is_wanted)?;
    let prices = prices(places);
    let prices = prices.prices_of(payload.model_id()?);
    CacheNews::of(payload, incidents.recent(), &prices, now)
}

/// What the ledger keeps of the client's total. Where it is not said whose that is, nothing.
fn told(payload: &StatusPayload, places: &Places, client: Option<Money>) -> Option<Told> {
    let session = payload.session_id()?;
    Some(Told {
        total: client?,
        run_ms: payload.client_run_ms(),
        model: payload.model_id().map(str::to_owned),
        process: sessions::client_of(places, session),
    })
}

/// What is to be expected of the windows, if the line shows it.
fn expected(
    incidents: &Incidents<'_>,
    known: Option<&KnownWindows>,
    config: &Config,
) -> Vec<Expected> {
    let paced = known.filter(|_| config.shows(SegmentName::Pace));
    paced.map_or_else(Vec::new, |known| {
        incidents.expected(&known.windows, known.account.as_deref())
    })
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

/// The rows with the figures, never empty.
fn own_rows(facts: &LineFacts<'_>, columns: usize, palette: Palette) -> Shown {
    let rows = draw(facts, columns).into_iter();
    let rows = rows.map(|row| Shown::row(&row, palette));
    rows.reduce(|above, below| above.then(&below))
        .unwrap_or_else(|| Shown::row(&[(Tone::Plain, FALLBACK.to_owned())], palette))
}
