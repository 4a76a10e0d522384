//! `whycap statusline`: one or more rows for Claude Code, always, with exit code 0.

use std::process::ExitCode;

use crate::claude::status_payload::StatusPayload;
use crate::config::Config;
use crate::environment::Environment;
use crate::incidents;
use crate::ledger::{Live, Told};
use crate::places::Places;
use crate::pricing::Money;
use crate::status_line::layout::{fit, paint};
use crate::status_line::segments::{Facts, segments};
use crate::status_line::spending::Amounts;
use crate::status_line::wrapped;
use crate::terminal::{Palette, print};

/// Claude Code sends about 2 KB; anything past this is not a status payload.
const STDIN_LIMIT: usize = 1 << 20;

/// Columns that the client keeps for itself: a row of `COLUMNS` cells is cut.
const MARGIN: usize = 4;

/// Clients before 2.1.153 do not say how wide the terminal is.
const USUAL_WIDTH: usize = 80;

/// What is printed when there is nothing else to say: the host blanks its line on empty output.
const FALLBACK: &str = "whycap";

/// Prints the status line. Never fails: the host blanks its line on an error or on empty output.
pub fn run(environment: &Environment) -> ExitCode {
    super::guard_host("whycap\n");
    let stdin = super::read_stdin(STDIN_LIMIT);
    let input = StatusPayload::parse(&stdin);
    let places = Places::of(environment);
    let config = Config::load(&places);
    let palette = Palette::for_host(environment);
    let columns = environment
        .columns()
        .unwrap_or(USUAL_WIDTH)
        .saturating_sub(MARGIN)
        .max(1);

    incidents::samples::record(&places, environment, &input);
    let session = input.session_id().unwrap_or_default();
    let spend = Live::read(&places, session, input.transcript_path());
    let client = input.client_total_usd().and_then(Money::from_noisy_usd);
    let told = client.map(|total| Told {
        total,
        run_ms: input.client_run_ms(),
        model: input.model_id().map(str::to_owned),
    });
    let with_month = config.budget.month.is_some();
    let figures = spend
        .as_ref()
        .and_then(|spend| spend.figures(environment, told.as_ref(), with_month));
    if spend.as_ref().is_some_and(Live::ends_in_refusal)
        && let (Some(session), Some(transcript)) = (input.session_id(), input.transcript_path())
    {
        incidents::adopt::unstored(&places, environment, session, transcript);
    }
    let facts = Facts {
        input: &input,
        amounts: Amounts::of(figures.as_ref(), client),
        config: &config,
        now: environment.now,
        zone: environment.zone,
    };
    let mut line = fit(&segments(&facts), columns, palette);
    if line.trim().is_empty() {
        FALLBACK.clone_into(&mut line);
    }
    if let Some(kept) = wrapped::output(&places, environment, &stdin) {
        line.insert_str(0, &format!("{}\n", kept.trim_end_matches('\n')));
    }
    for row in incidents::rows::for_session(&places, environment, &input, columns)
        .into_iter()
        .flatten()
    {
        line.push('\n');
        line.push_str(&paint(&row, palette));
    }
    // A closed pipe means that the host cancelled this run; there is nobody to tell.
    let _ = print(&format!("{line}\n"));
    if let Some(spend) = spend {
        spend.keep(figures.as_ref());
    }
    ExitCode::SUCCESS
}
