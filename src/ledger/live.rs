//! What has been spent at this moment: by a session, today, this month. Never waits for anybody.
//!
//! Reading and keeping are apart: [`Live::read`] and [`Live::figures`] work with the lines that the
//! session gained since the ledger last looked; [`Live::keep`] writes them, when whoever waits for
//! the figures has them. Only until all transcripts were read once does reading write, because
//! until then there is nothing to show.

use std::path::Path;
use std::time::Duration;

use chrono::Datelike;

use super::read::{Batch, Effort};
use super::spent::Spent;
use super::store::{Ledger, Patience};
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
    /// This month.
    pub month: Spent,
    /// Whether the session was forked from another.
    pub is_fork: bool,
    /// Whether all transcripts were ever read to the end.
    pub is_complete: bool,
}

impl Live {
    /// Opens the ledger and reads the session's new lines. None if the ledger cannot be used:
    /// that costs a figure and nothing else; `doctor` says what is wrong.
    pub fn read(places: &Places, session: &str, transcript: Option<&Path>) -> Option<Self> {
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
            let effort = Effort::Within(FIRST_READ);
            let _ = ledger.catch_up(roots, prices, effort, &mut |_| {});
        }
        Some(Self {
            ledger,
            session: session.to_owned(),
            gained,
            prices,
        })
    }

    /// The figures of one moment. `with_month` says whether the month is wanted; else it is zero.
    pub fn figures(&self, environment: &Environment, with_month: bool) -> Option<LiveFigures> {
        let _snapshot = self.ledger.snapshot().ok()?;
        let (start, end) = environment.zone.day_bounds(environment.now);
        let mut session = self.ledger.session(&self.session).ok()?;
        let mut today = self.ledger.between(start, end).ok()?;
        let mut month = Spent::default();
        if with_month {
            let first = environment.zone.day(environment.now).with_day(1)?;
            let first = environment.zone.midnight(first);
            month = self.ledger.between(first, end).ok()?;
        }
        if let Some(prices) = &self.prices {
            let (of_session, of_today) = self
                .ledger
                .pending(&self.gained, prices, &self.session, start, end)
                .ok()?;
            session.recorded += of_session;
            today.recorded += of_today;
            month.recorded += of_today;
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

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the test plays the client, which writes transcripts"
)]
mod tests {
    use std::fs;

    use super::*;
    use crate::claude::transcripts;

    /// What a status line shows before a line is committed is what the ledger says afterwards.
    #[test]
    fn pending_figures_equal_committed_ones_for_every_line_of_the_recorded_histories() {
        let prices = PriceTable::list().unwrap();
        let histories = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/histories");
        let roots = fs::read_dir(histories).unwrap();
        let roots = roots.map(|entry| entry.unwrap().path().join("home/.claude/projects"));
        let recorded = transcripts::all(roots);
        assert!(recorded.len() > 20);
        for file in recorded {
            let home = tempfile::tempdir().unwrap();
            let data = home.path().join("data");
            let session = transcripts::session_of(&file.path);
            let path = home.path().join(&session).with_extension("jsonl");
            let mut ledger = Ledger::open(&data, Patience::Person).unwrap();
            let ever = (
                chrono::DateTime::UNIX_EPOCH,
                chrono::DateTime::<chrono::Utc>::MAX_UTC,
            );
            let mut written = String::new();
            for line in fs::read_to_string(&file.path)
                .unwrap()
                .split_inclusive('\n')
            {
                written.push_str(line);
                fs::write(&path, &written).unwrap();
                let gained = ledger.read_session(&path).unwrap();
                let before = ledger.session(&session).unwrap().recorded;
                let (more, _) = ledger
                    .pending(&gained, &prices, &session, ever.0, ever.1)
                    .unwrap();
                ledger.commit(&gained, &prices).unwrap();
                let after = ledger.session(&session).unwrap().recorded;
                assert_eq!(before + more, after, "{} after {line}", file.path.display());
            }
        }
    }
}
