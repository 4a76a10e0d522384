//! `whycap now`: shows the current state on one screen.

use super::reply::{Reply, Subcommand, in_one_line};
use crate::collect::Context;
use crate::ledger::CatchUpResult;
use crate::now::NowData;

/// Arguments of `whycap now`.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = include_str!("help/now.txt"))]
pub(crate) struct NowArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The hint for when rows do not fit on the screen. `more` works in every shell.
const HOW_TO_SEE_ALL: &str = " (see all: whycap now | more)";
/// The same hint for a conversation, where pipes are not available.
const HOW_TO_SEE_ALL_IN_SHELL: &str = " (see all in a shell: whycap now | more)";

impl Subcommand for NowArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        // The first read can take a long time, so show a progress bar.
        let mut catch_up = CatchUpResult::default();
        let ledger = context
            .with_ledger(|ledger, result| {
                catch_up = result;
                Ok(ledger)
            })
            .and_then(|ledger| Ok(ledger.stored()?))
            .map_err(|error| in_one_line(&error));
        let data = NowData::collect(context, ledger.as_ref(), &catch_up);
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
