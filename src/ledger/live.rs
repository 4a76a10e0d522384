//! What has been spent at this moment: by a session, today, this month. Never waits for anybody.
//!
//! Reading and keeping are apart: [`Live::read`] and [`Live::figures`] work with the lines that the
//! session gained since the ledger last looked; [`Live::keep`] writes them, when whoever waits for
//! the figures has them. Only until all transcripts were read once does reading write, because
//! until then there is nothing to show.

use std::path::Path;
use std::time::Duration;

use chrono::Datelike;

use super::{Batch, Effort, Ledger, Patience, Spent};
use crate::claude::model_pricing::own_rates;
use crate::environment::Environment;
use crate::places::Places;
use crate::pricing::{Money, PriceTable};

/// Until all transcripts have been read once, each reading goes on with them for this long, so that
/// a fresh installation comes to know today without anybody asking.
const FIRST_READ: Duration = Duration::from_millis(25);

/// The ledger, and what one session gained since.
#[derive(Debug)]
pub struct Live {
    ledger: Ledger,
    session: String,
    gained: Batch,
    /// None where nothing is to be priced.
    prices: Option<PriceTable>,
}

/// What is known right now.
#[derive(Debug, Clone, Copy)]
pub struct LiveFigures {
    /// The session.
    pub session: Spent,
    /// Today, over all sessions.
    pub today: Spent,
    /// This month, if it was asked for.
    pub month: Option<Spent>,
    /// Whether the session was forked from another.
    pub is_fork: bool,
    /// Whether all transcripts were ever read to the end.
    pub is_complete: bool,
}

impl Live {
    /// Opens the ledger and reads the session's new lines. None if the ledger cannot be used:
    /// that costs a figure and nothing else; `doctor` says what is wrong.
    pub fn read(
        environment: &Environment,
        places: &Places,
        session: &str,
        transcript: Option<&Path>,
    ) -> Option<Self> {
        let mut ledger = Ledger::open(&places.data, Patience::None).ok()?;
        let is_complete = ledger.is_complete();
        let gained = transcript
            .and_then(|path| ledger.read_session(path).ok())
            .unwrap_or_default();
        let prices = if is_complete && gained.is_empty() {
            None
        } else {
            Some(PriceTable::with(own_rates(places)).ok()?)
        };
        if let (false, Some(prices)) = (is_complete, &prices) {
            let roots = places.transcript_roots();
            let now = environment.machine_now;
            let effort = Effort::Within(FIRST_READ);
            let _ = ledger.catch_up(roots, now, prices, effort, &mut |_| {});
        }
        Some(Self {
            ledger,
            session: session.to_owned(),
            gained,
            prices,
        })
    }

    /// The figures of one moment.
    pub fn figures(&self, environment: &Environment, with_month: bool) -> Option<LiveFigures> {
        let _snapshot = self.ledger.snapshot().ok()?;
        let (start, end) = environment.zone.day_bounds(environment.now);
        let mut session = self.ledger.session(&self.session).ok()?;
        let mut today = self.ledger.between(start, end).ok()?;
        let first = environment.zone.day(environment.now).with_day(1)?;
        let mut month = with_month
            .then(|| self.ledger.between(environment.zone.midnight(first), end))
            .transpose()
            .ok()?;
        if let Some(prices) = &self.prices {
            let (of_session, of_today) =
                self.ledger
                    .pending(&self.gained, prices, &self.session, start, end);
            session.recorded += of_session;
            today.recorded += of_today;
            if let Some(month) = &mut month {
                month.recorded += of_today;
            }
        }
        Some(LiveFigures {
            session,
            today,
            month,
            is_fork: self.ledger.is_fork(&self.session),
            is_complete: self.ledger.is_complete(),
        })
    }

    /// Whether the session's last word, as far as it was read now, was an error.
    pub fn ends_in_refusal(&self) -> bool {
        self.gained.ends_in_refusal
    }

    /// Writes what is worth writing. `client` is Claude Code's own live total, which is noted
    /// beside ours. Whatever fails is tried again the next time.
    pub fn keep(mut self, environment: &Environment, client: Option<Money>) {
        self.gained.client_total =
            client.map(|total| (self.session, total, environment.now.timestamp_millis()));
        // While the last word is an error it stays unread, so that the next status line sees it too.
        if let Some(prices) = &self.prices
            && !self.gained.ends_in_refusal
            && self.gained.is_worth_writing()
        {
            let _ = self.ledger.commit(&self.gained, prices);
        }
    }
}
