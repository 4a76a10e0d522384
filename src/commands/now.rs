//! `whycap now`: shows the current state on one screen, either once or continuously.

use std::time::Duration;

use super::reply::{Reply, Subcommand, in_one_line, misuse};
use crate::collect::Context;
use crate::now::NowCollector;
use crate::render::Page;
use crate::terminal::{Palette, Screen, ScreenSize, Tone, WakeReason};

/// Arguments of `whycap now`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/now.txt"))]
pub(crate) struct NowArguments {
    /// Keep the screen up to date until you press q
    #[arg(long, short, conflicts_with = "json")]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The hint for when rows do not fit on the screen. `more` works in every shell.
const HOW_TO_SEE_ALL: &str = " (see all: whycap now | more)";
/// The same hint for a conversation, where pipes are not available.
const HOW_TO_SEE_ALL_IN_SHELL: &str = " (see all in a shell: whycap now | more)";

/// The refresh interval of `--watch`.
const INTERVAL: Duration = Duration::from_secs(2);

impl Subcommand for NowArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        // The first read can take a long time, so show a progress bar.
        let mut catch_up = None;
        let ledger = context
            .with_ledger(|ledger, result| {
                catch_up = Some(result);
                Ok(ledger)
            })
            .and_then(|ledger| Ok(ledger.stored()?))
            .map_err(|error| in_one_line(&error));
        let mut collector = NowCollector { ledger, catch_up };
        if self.watch {
            watch(&mut collector, context)?;
            return Ok(Reply::default());
        }
        let data = collector.collect(context);
        let report = match context.visible_rows() {
            // JSON output is complete, whatever the size of the terminal.
            Some(rows) if !self.json => {
                let remark = if context.event.is_some() {
                    HOW_TO_SEE_ALL_IN_SHELL
                } else {
                    HOW_TO_SEE_ALL
                };
                data.report_within(rows, context.page(), remark)
            }
            _ => data.report(),
        };
        Ok(Reply::from(report).in_json(self.json))
    }
}

/// Shows the current state until the user quits. Returns an error if there is no terminal.
fn watch(collector: &mut NowCollector, context: &Context) -> anyhow::Result<()> {
    let is_dumb = context.environment.text("TERM") == Some("dumb");
    let screen = if is_dumb { None } else { Screen::open()? };
    let Some(mut screen) = screen else {
        return Err(misuse(
            "--watch needs a terminal; `whycap now` prints the same screen once",
        ));
    };
    crate::host::release_aborts();
    let palette = Palette::for_stdout(&context.environment);
    loop {
        let data = collector.collect(&context.refreshed());
        loop {
            let ScreenSize { columns, rows } = Screen::size();
            let page = Page::new(columns, palette);
            let mut report = data.report_within(rows, page, "");
            // With the empty row above it, the hint takes up two rows. The last row of the screen stays empty.
            if report.row_count(page) + 2 < rows {
                report.gap();
                report.paragraph(Tone::Quiet, "Press q to quit.");
            }
            screen.draw(&report.render(page))?;
            match screen.wait(INTERVAL)? {
                WakeReason::Quit => return Ok(()),
                // Lay out the same data again.
                WakeReason::Resized => {}
                WakeReason::TimedOut => break,
            }
        }
    }
}
