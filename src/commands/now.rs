//! `whycap now`: this moment on one screen, once or watched.

use std::process::ExitCode;
use std::time::Duration;

use super::failure::misuse;
use super::machine::{ANSWER_READS, Machine};
use super::moment::Watched;
use super::question::Question;
use crate::environment::Environment;
use crate::ledger::{Effort, Ledger, Patience};
use crate::render::{Page, Report};
use crate::terminal::{Palette, Screen, Tone, Woken};

/// Arguments of `whycap now`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/now.txt"))]
pub struct Arguments {
    /// Keep it on the screen and up to date; q quits
    #[arg(long, short, conflicts_with = "json")]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How often a watched screen is brought up to date.
const EVERY: Duration = Duration::from_secs(2);

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let machine = Machine::new(environment);
    // A first reading may take long, and shows how far it is.
    let mut watched = Watched::new(machine.gathered(|ledger, _| Ok(ledger)), Effort::All);
    if arguments.watch {
        return watch(&mut watched, &machine);
    }
    watched
        .look(&machine)
        .report()
        .print(arguments.json, environment)?;
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap now`.
pub(crate) fn answer(question: Question<'_>) -> Report {
    let ledger = Ledger::open(&question.machine.places.data, Patience::None);
    let mut looked = Watched::new(ledger.map_err(Into::into), Effort::Within(ANSWER_READS));
    looked.look(question.machine).report()
}

fn watch(watched: &mut Watched, machine: &Machine<'_>) -> anyhow::Result<ExitCode> {
    let environment = machine.environment;
    let is_dumb = environment.text("TERM") == Some("dumb");
    let screen = if is_dumb { None } else { Screen::open()? };
    let mut screen = screen
        .ok_or_else(|| misuse("--watch needs a terminal; `whycap now` prints the same once"))?;
    super::host_guard::leave_aborts();
    let palette = Palette::for_person(environment);
    loop {
        let moment = watched.look(&machine.at(&environment.at_present()));
        let mut woken = Woken::Resized;
        while woken == Woken::Resized {
            let (columns, rows) = Screen::size();
            let page = Page::new(columns, palette);
            let mut report = moment.report_within(rows, page);
            if report.rows_on(page) + 2 < rows {
                report.gap();
                report.paragraph(Tone::Quiet, "Press q to leave.");
            }
            screen.draw(&report.drawn(page))?;
            woken = screen.wait(EVERY)?;
        }
        if woken == Woken::Left {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
