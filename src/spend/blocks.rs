//! Spend in five-hour blocks.

use chrono::{DateTime, SecondsFormat, Utc};

use super::amount::Amount;
use super::grouping::SpendGroup;
use crate::ledger::{Ledger, LedgerError, RowsBy, SpendSource, Tally};
use crate::time::{FIVE_HOURS, HOUR, Millis, QUARTER_HOUR, Zone, datetime_from_millis};

/// The start of a quarter hour or of a block, and the spend in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimedTally {
    pub at: Millis,
    pub tally: Tally,
}

/// A five-hour block and its spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    pub spent: Amount,
    /// True if the server has not stated the block's end.
    pub is_estimated: bool,
}

/// Returns the block that ends at the reset of the 5-hour window, which the server has stated. Spend is stored for each
/// quarter of an hour, so the spend of the quarter in which the window began counts as well.
pub(crate) fn block_until(
    ledger: &Ledger,
    reset: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Block, LedgerError> {
    let start = reset - FIVE_HOURS;
    let first_quarter = start.timestamp_millis().div_euclid(QUARTER_HOUR) * QUARTER_HOUR;
    let mut spent = Tally::default();
    for row in tallies(ledger, first_quarter, now)? {
        spent += row.tally;
    }
    Ok(Block {
        start,
        end: reset,
        spent: Amount::from_tally(&spent),
        is_estimated: false,
    })
}

/// Returns the spend in each quarter of an hour since the given time.
fn tallies(
    ledger: &Ledger,
    since: Millis,
    now: DateTime<Utc>,
) -> Result<Vec<TimedTally>, LedgerError> {
    let mut rows = Vec::new();
    // Rows whose time is in the future because of an incorrect clock do not count.
    let until_now = since..now.timestamp_millis() + QUARTER_HOUR;
    ledger.rows(until_now, RowsBy::Quarter, &mut |row| {
        rows.push(TimedTally {
            at: row.at,
            tally: row.tally,
        });
    })?;
    Ok(rows)
}

/// Returns the estimated block that contains `now`, or `None` if there is none.
pub(crate) fn current_block(
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<Option<Block>, LedgerError> {
    let rows = tallies(ledger, Millis::MIN, now)?;
    let Some(last) = blocks(rows).pop() else {
        return Ok(None);
    };
    let start = datetime_from_millis(last.at);
    let block = Block {
        start,
        end: block_end(start),
        spent: Amount::from_tally(&last.tally),
        is_estimated: true,
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
