//! Spend in five-hour blocks.

use chrono::{DateTime, SecondsFormat, Utc};

use super::amount::Amount;
use super::grouping::SpendGroup;
use crate::ledger::{Ledger, LedgerError, RowsBy, SpendSource, Tally};
use crate::time::{FIVE_HOURS, HOUR, Millis, QUARTER_HOUR, Zone, datetime_from_millis};

/// The start of a quarter hour or of a block, and the spend in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimedTally {
    pub(super) at: Millis,
    pub(super) tally: Tally,
}

/// A five-hour block and its spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) spent: Amount,
}

/// Returns the block that contains `now`, or `None` if there is none.
pub(crate) fn current_block(
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<Option<Block>, LedgerError> {
    let mut rows = Vec::new();
    // Rows whose time is in the future because of an incorrect clock must not start a block.
    let until_now = Millis::MIN..now.timestamp_millis() + QUARTER_HOUR;
    ledger.rows(until_now, RowsBy::Quarter, &mut |row| {
        rows.push(TimedTally {
            at: row.at,
            tally: row.tally,
        });
    })?;

    let Some(last) = blocks(rows).pop() else {
        return Ok(None);
    };
    let start = datetime_from_millis(last.at);
    let block = Block {
        start,
        end: block_end(start),
        spent: Amount::from_tally(&last.tally),
    };
    if (block.start..block.end).contains(&now) {
        Ok(Some(block))
    } else {
        Ok(None)
    }
}

/// Combines rows into five-hour blocks. Like the server's usage windows, a block starts at the beginning of the hour
/// (UTC) in which the first response after the previous block was received.
fn blocks(mut rows: Vec<TimedTally>) -> Vec<TimedTally> {
    rows.sort_by_key(|row| row.at);

    let mut blocks: Vec<TimedTally> = Vec::new();
    for row in rows {
        match blocks.last_mut() {
            Some(block) if row.at < block.at + FIVE_HOURS.num_milliseconds() => {
                block.tally += row.tally;
            }
            _ => blocks.push(TimedTally {
                at: row.at.div_euclid(HOUR) * HOUR,
                tally: row.tally,
            }),
        }
    }
    blocks
}

/// Combines rows into five-hour blocks, and returns a group for each block. The key of the group is the start of the
/// block.
pub(super) fn block_groups(rows: Vec<TimedTally>, zone: Zone) -> Vec<SpendGroup> {
    blocks(rows)
        .into_iter()
        .map(|block| SpendGroup {
            key: zone
                .at(datetime_from_millis(block.at))
                .to_rfc3339_opts(SecondsFormat::Secs, true),
            tally: block.tally,
            last_at: block.at,
            ..SpendGroup::default()
        })
        .collect()
}

/// Returns the end of a block that starts at the given time.
pub(super) fn block_end(start: DateTime<Utc>) -> DateTime<Utc> {
    start + FIVE_HOURS
}
