//! `whycap now`: this moment on one screen, once or watched.

use std::time::Duration;

use super::reply::{Reply, Verb, in_one_line, misuse};
use crate::ledger::{Ledger, Patience};
use crate::machine::{Machine, Watched};
use crate::render::Page;
use crate::terminal::{Palette, Screen, Tone, Woken};

/// Arguments of `whycap now`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/now.txt"))]
pub(crate) struct NowArguments {
    /// Keep it on the screen and up to date; q quits
    #[arg(long, short, conflicts_with = "json")]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How often a watched screen is brought up to date.
const EVERY: Duration = Duration::from_secs(2);

impl Verb for NowArguments {
    fn reply(&self, machine: &Machine) -> anyhow::Result<Reply> {
        let ledger = match machine.conversation {
            Some(_) => Ledger::open(&machine.places.data, Patience::None).map_err(Into::into),
            // A first reading may take long, and shows how far it is.
            None => machine.gathered(|ledger, _| Ok(ledger)),
        };
        let mut watched = Watched::new(ledger.map_err(|error| in_one_line(&error)));
        if self.watch {
            watch(&mut watched, machine)?;
            return Ok(Reply::default());
        }
        Ok(Reply::from(watched.look(machine).report()).in_json(self.json))
    }
}

fn watch(watched: &mut Watched, machine: &Machine) -> anyhow::Result<()> {
    let is_dumb = machine.environment.text("TERM") == Some("dumb");
    let screen = if is_dumb { None } else { Screen::open()? };
    let mut screen = screen
        .ok_or_else(|| misuse("--watch needs a terminal; `whycap now` prints the same once"))?;
    super::host::leave_aborts();
    let palette = Palette::for_person(&machine.environment);
    loop {
        let moment = watched.look(&machine.at_present());
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
            return Ok(());
        }
    }
}
