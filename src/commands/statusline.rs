//! `whycap statusline`: one or more rows for Claude Code, always, with exit code 0.
//!
//! It reads, draws, prints, and then keeps: what it has to write, and what takes long to read, waits
//! until the line is out.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::host_guard::Deadline;
use crate::claude::status_payload::StatusPayload;
use crate::config::Config;
use crate::environment::Environment;
use crate::incidents::{Incidents, told_windows};
use crate::ledger::{Ledger, Live, Patience, Told};
use crate::limits::status_rows::status_rows;
use crate::places::Places;
use crate::pricing::Money;
use crate::status_line::wrapped::Wrapped;
use crate::status_line::{Amounts, LineFacts, draw};
use crate::terminal::{Palette, Piece, Shown, Tone, print};

/// Claude Code sends about 2 KB; anything past this is not a status payload.
const STDIN_LIMIT: usize = 1 << 20;

/// Columns that the client keeps for itself: a row of `COLUMNS` cells is cut.
const MARGIN: usize = 4;

/// Clients before 2.1.153 do not say how wide the terminal is.
const USUAL_WIDTH: usize = 80;

/// How long what has to be known for the line may take. Two milliseconds are usual;
/// a machine under load may take a hundred times as long.
const LONGEST: Duration = Duration::from_millis(600);

/// What is printed when there is nothing else to say: the host blanks its line on empty output.
const FALLBACK: &str = "whycap";
pub(crate) const LAST_WORDS: &str = "whycap\n";

/// Prints the status line. Never fails: the host blanks its line on an error or on empty output.
pub(crate) fn run(environment: &Environment) -> ExitCode {
    let stdin = super::host_input::read(STDIN_LIMIT);
    let payload = Arc::new(StatusPayload::parse(&stdin));
    let places = Places::in_session(environment, &payload.directories());
    let wrapped = Wrapped::start(&places, environment, &payload, &stdin);
    let config = Arc::new(Config::load(&places));
    let session = payload.session_id().unwrap_or_default();
    let client = payload.client_total_usd().and_then(Money::from_noisy_usd);
    let told = client.map(|total| Told {
        total,
        run_ms: payload.client_run_ms(),
        model: payload.model_id().map(str::to_owned),
    });
    let clock = environment.clock();
    let palette = Palette::for_host(environment);
    let columns = environment.columns().unwrap_or(USUAL_WIDTH);
    let columns = columns.saturating_sub(MARGIN).max(1);
    let draw = {
        let (payload, config) = (Arc::clone(&payload), Arc::clone(&config));
        move |amounts, windows| {
            let facts = LineFacts {
                payload: &payload,
                windows,
                amounts,
                config: &config,
                clock,
            };
            Shown::row(&own_row(&facts, columns), palette)
        }
    };
    let deadline = Deadline::start(LONGEST, {
        let (draw, payload) = (draw.clone(), Arc::clone(&payload));
        move || draw(Amounts::of(None, client), told_windows(&payload, clock.now))
    });
    let mut live = Ledger::open(&places.data, Patience::None)
        .ok()
        .and_then(|ledger| Live::read(ledger, &places, session, payload.transcript_path(), told));
    let figures = live
        .as_mut()
        .and_then(|live| live.figures(environment, config.budget.month.is_some()));
    let refused = live.as_ref().is_some_and(Live::ends_in_refusal);
    let incidents = Incidents::new(&places, environment);
    let present = incidents.present(&payload, refused);
    let (incident, unsaved) = present.unwrap_or_default();
    let windows = incidents.windows(&payload, incident.is_some());
    let mut shown = draw(Amounts::of(figures, client), windows);
    let explained = incident.and_then(|incident| status_rows(&incident, environment.now, columns));
    deadline.speak();
    for row in explained.into_iter().flatten() {
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
    if let Some(wrapped) = wrapped {
        wrapped.keep();
    }
    if let Some(live) = live {
        live.keep();
    }
    ExitCode::SUCCESS
}

/// The row with the figures, never empty.
fn own_row(facts: &LineFacts<'_>, columns: usize) -> Vec<Piece> {
    let row = draw(facts, columns);
    if row.iter().all(|(_, text)| text.trim().is_empty()) {
        vec![(Tone::Plain, FALLBACK.to_owned())]
    } else {
        row
    }
}
