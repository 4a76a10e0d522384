//! `whycap statusline`: one or more rows for Claude Code, always, with exit code 0.
//!
//! It reads, draws, prints, and then keeps: what it has to write, and what takes long to read, waits
//! until the line is out.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::host_guard::{Deadline, guard_host};
use super::preview::preview;
use crate::checkout::Head;
use crate::claude::status_payload::StatusPayload;
use crate::config::{Config, SegmentName};
use crate::environment::Environment;
use crate::incidents::{Incidents, told_windows};
use crate::ledger::{Ledger, Live, Told};
use crate::limits::status_rows::status_rows;
use crate::places::Places;
use crate::pricing::Money;
use crate::status_line::wrapped::Wrapped;
use crate::status_line::{Amounts, LineFacts, MARGIN, Surroundings, draw};
use crate::terminal::{Palette, print};

/// Claude Code sends about 2 KB; anything past this is not a status payload.
const STDIN_LIMIT: usize = 1 << 20;

/// Clients before 2.1.153 do not say how wide the terminal is.
const USUAL_WIDTH: usize = 80;

/// How long what has to be known for the line may take. Two milliseconds are usual;
/// a machine under load may take a hundred times as long.
const LONGEST: Duration = Duration::from_millis(600);

/// What is printed when there is nothing else to say: the host blanks its line on empty output.
const FALLBACK: &str = "whycap";

/// What somebody reads who calls this by hand.
const BY_HAND: &str = "Claude Code runs this for its status line. Try: whycap statusline --preview";

/// Prints the status line. Never fails: the host blanks its line on an error or on empty output.
pub(crate) fn run(arguments: &[OsString], environment: &Environment) -> ExitCode {
    guard_host("whycap\n");
    if arguments.iter().any(|argument| argument == "--preview") {
        let _ = print(&preview(environment));
    } else if io::stdin().is_terminal() || arguments.iter().any(asks_for_help) {
        // On a terminal nothing would ever come.
        let _ = print(&format!("{BY_HAND}\n"));
    } else {
        print_line(environment);
    }
    ExitCode::SUCCESS
}

fn asks_for_help(argument: &OsString) -> bool {
    argument == "--help" || argument == "-h"
}

fn print_line(environment: &Environment) {
    let stdin = super::read_stdin(STDIN_LIMIT);
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
    let palette = Palette::for_host(environment).in_theme(config.theme);
    let columns = environment.columns().unwrap_or(USUAL_WIDTH);
    let columns = columns.saturating_sub(MARGIN).max(1);
    let draw = {
        let (payload, config) = (Arc::clone(&payload), Arc::clone(&config));
        move |amounts, windows, surroundings: &Surroundings| {
            let facts = LineFacts {
                payload: &payload,
                windows,
                amounts,
                surroundings,
                config: &config,
                clock,
            };
            own_rows(&facts, columns, palette)
        }
    };
    let directory = payload.current_dir();
    let mut surroundings = Surroundings {
        directory: directory
            .filter(|_| config.shows(SegmentName::Directory))
            .map(|directory| places.show(directory)),
        head: None,
    };
    let deadline = Deadline::start(LONGEST, {
        let (draw, payload) = (draw.clone(), Arc::clone(&payload));
        let surroundings = surroundings.clone();
        move || {
            let windows = told_windows(&payload, clock.now);
            draw(Amounts::of(None, client), windows, &surroundings) + "\n"
        }
    });
    surroundings.head = directory
        .filter(|_| config.shows(SegmentName::Branch))
        .and_then(Head::of);
    let mut live = Ledger::open_watched(&places.data)
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
    let mut text = draw(Amounts::of(figures, client), windows, &surroundings);
    let explained = incident.and_then(|incident| status_rows(&incident, environment.now, columns));
    deadline.call_off();
    for row in explained.into_iter().flatten() {
        text.push('\n');
        text.push_str(&palette.paint_all(&row));
    }
    let wrapped = wrapped.map(Wrapped::finish);
    if let Some(foreign) = wrapped.as_ref().and_then(|wrapped| wrapped.text.as_ref()) {
        text.insert_str(0, &format!("{foreign}\n"));
    }
    // A closed pipe means that the host cancelled this run; there is nobody to tell.
    let _ = print(&format!("{text}\n"));

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
}

/// The rows with the figures, never empty.
fn own_rows(facts: &LineFacts<'_>, columns: usize, palette: Palette) -> String {
    let rows = draw(facts, columns, palette);
    if rows.is_empty() {
        FALLBACK.to_owned()
    } else {
        rows.join("\n")
    }
}
