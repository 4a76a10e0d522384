//! What the ledger knows for the status line, without ever waiting for it.

use std::time::Duration;

use chrono::Datelike;

use super::input::StatusInput;
use super::segments::Amounts;
use crate::claude::prices::own_rates;
use crate::config::Config;
use crate::environment::Environment;
use crate::ledger::{Effort, Ledger, Patience};
use crate::places::Places;
use crate::pricing::{Money, PriceTable};

/// Until all transcripts have been read once, each status line reads on for this long, so that a
/// fresh installation comes to know today without anybody asking.
const FIRST_READ: Duration = Duration::from_millis(25);

/// Reads the session's new lines into the ledger and asks for the sums.
pub fn gather(
    environment: &Environment,
    places: &Places,
    config: &Config,
    input: &StatusInput,
) -> Amounts {
    known(environment, places, config, input).unwrap_or_else(|| Amounts {
        // Without a ledger the client's own figure is the best there is.
        session: client_total(input),
        ..Amounts::default()
    })
}

fn client_total(input: &StatusInput) -> Option<Money> {
    Money::from_noisy_usd(input.client_total_usd()?)
}

fn known(
    environment: &Environment,
    places: &Places,
    config: &Config,
    input: &StatusInput,
) -> Option<Amounts> {
    // Every failure here costs a figure, never the line; `doctor` says what is wrong.
    let mut ledger = Ledger::open(&places.data, Patience::None).ok()?;
    let prices = PriceTable::with(own_rates(places)).ok()?;
    let batch = input
        .transcript_path()
        .and_then(|path| ledger.read_session(path).ok())
        .unwrap_or_default();
    let put_off = !batch.is_worth_writing() || ledger.commit(&batch, &prices).is_err();
    if !ledger.is_complete() {
        let _ = ledger.catch_up(
            places.transcript_roots(),
            &prices,
            Effort::Within(FIRST_READ),
            &mut |_| {},
        );
    }
    let (start, end) = environment.zone.day_bounds(environment.now);
    let session_name = input.session_id().unwrap_or_default();
    let mut session = ledger.session(session_name).ok()?;
    let mut today = ledger.between(start, end).ok()?;
    if put_off {
        let (of_session, of_today) = ledger.pending(&batch, &prices, session_name, start, end);
        session.recorded += of_session;
        today.recorded += of_today;
    }
    let month = config.budget.month.and_then(|_| {
        let first = environment.zone.day(environment.now).with_day(1)?;
        Some(
            ledger
                .between(environment.zone.midnight(first), end)
                .ok()?
                .total(),
        )
    });
    let shown = live(&ledger, session_name, session.total(), input);
    Some(Amounts {
        session: Some(shown),
        // What the client counts and has not written is being spent now.
        today: Some(today.total() + (shown - session.total())),
        month,
        session_estimated: session.estimated,
        today_estimated: today.estimated || !ledger.is_complete(),
    })
}

/// The session's figure, with what the client has counted in this run and not yet written: its
/// live total covers background requests that no line shows. It also contains what a fork took
/// over and starts again at 0 after a crash, so it counts only where it is the larger one and the
/// session is not a fork.
fn live(ledger: &Ledger, session: &str, counted: Money, input: &StatusInput) -> Money {
    match client_total(input) {
        Some(client) if client > counted && !ledger.is_fork(session) => client,
        _ => counted,
    }
}
