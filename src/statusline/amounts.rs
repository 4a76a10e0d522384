//! What the ledger knows for the status line, without ever waiting for it.

use std::path::Path;
use std::time::Duration;

use chrono::Datelike;

use super::input::StatusInput;
use super::spending::Amounts;
use crate::claude::prices::own_rates;
use crate::config::Config;
use crate::environment::Environment;
use crate::ledger::{Effort, Ledger, Patience, Spent};
use crate::places::Places;
use crate::pricing::{Money, PriceTable};

/// Until all transcripts have been read once, each status line reads on for this long, so that a
/// fresh installation comes to know today without anybody asking.
const FIRST_READ: Duration = Duration::from_millis(25);

/// What is known right now, with the session's newest lines.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// The session.
    pub session: Spent,
    /// Today, over all sessions.
    pub today: Spent,
    /// This month, if it was asked for.
    pub month: Option<Money>,
    /// Whether the session was forked from another.
    pub is_fork: bool,
    /// Whether all transcripts were ever read to the end.
    pub is_complete: bool,
    /// Whether the session's last word, as far as it was read now, was an error.
    pub ends_in_refusal: bool,
}

/// Reads the session's new lines and asks for the sums. `client` is the client's own live total,
/// which is noted beside ours. None if the ledger cannot be used.
pub fn known(
    environment: &Environment,
    places: &Places,
    session_name: &str,
    transcript: Option<&Path>,
    with_month: bool,
    client: Option<Money>,
) -> Option<Known> {
    // Every failure here costs a figure, never the line; `doctor` says what is wrong.
    let mut ledger = Ledger::open(&places.data, Patience::None).ok()?;
    let mut batch = transcript
        .and_then(|path| ledger.read_session(path).ok())
        .unwrap_or_default();
    batch.client_total = client.map(|total| {
        (
            session_name.to_owned(),
            total,
            environment.now.timestamp_millis(),
        )
    });
    let is_complete = ledger.is_complete();
    let prices = if is_complete && batch.is_empty() {
        None
    } else {
        Some(PriceTable::with(own_rates(places)).ok()?)
    };
    let mut put_off = false;
    if let Some(prices) = &prices {
        // While the last word is an error it stays unread, so that the next status line sees it too.
        put_off = batch.ends_in_refusal
            || !batch.is_worth_writing()
            || ledger.commit(&batch, prices).is_err();
        if !is_complete {
            let roots = places.transcript_roots();
            let now = environment.machine_now;
            let effort = Effort::Within(FIRST_READ);
            let _ = ledger.catch_up(roots, now, prices, effort, &mut |_| {});
        }
    }
    let _snapshot = ledger.snapshot().ok()?;
    let (start, end) = environment.zone.day_bounds(environment.now);
    let mut session = ledger.session(session_name).ok()?;
    let mut today = ledger.between(start, end).ok()?;
    let mut month = None;
    if with_month {
        let first = environment.zone.day(environment.now).with_day(1)?;
        month = Some(
            ledger
                .between(environment.zone.midnight(first), end)
                .ok()?
                .total(),
        );
    }
    if let (Some(prices), true) = (&prices, put_off) {
        let (of_session, of_today) = ledger.pending(&batch, prices, session_name, start, end);
        session.recorded += of_session;
        today.recorded += of_today;
        month = month.map(|month| month + of_today);
    }
    Some(Known {
        is_fork: ledger.is_fork(session_name),
        is_complete: is_complete || ledger.is_complete(),
        ends_in_refusal: batch.ends_in_refusal,
        session,
        today,
        month,
    })
}

/// The amounts that the status line shows, and whether the session's last word was an error.
pub fn gather(
    environment: &Environment,
    places: &Places,
    config: &Config,
    input: &StatusInput,
) -> (Amounts, bool) {
    let client = input.client_total_usd().and_then(Money::from_noisy_usd);
    let session = input.session_id().unwrap_or_default();
    let with_month = config.budget.month.is_some();
    let Some(known) = known(
        environment,
        places,
        session,
        input.transcript_path(),
        with_month,
        client,
    ) else {
        // Without a ledger the client's own figure is the best there is, under its own name.
        return (
            Amounts {
                session: client,
                session_is_clients: true,
                ..Amounts::default()
            },
            false,
        );
    };
    // The client's live total covers background requests that no line shows and that it has not
    // written down yet. It also contains what a fork took over, and starts again at 0 after a
    // crash: so it counts only where it is the larger one and the session is not a fork.
    let counted = known.session.total();
    let live = client
        .filter(|client| *client > counted && !known.is_fork)
        .unwrap_or(counted);
    let unwritten = live - counted;
    let amounts = Amounts {
        session: Some(live),
        today: Some(known.today.total() + unwritten),
        month: known.month.map(|month| month + unwritten),
        session_estimated: known.session.estimated,
        today_estimated: known.today.estimated || !known.is_complete,
        session_is_clients: false,
    };
    (amounts, known.ends_in_refusal)
}
