//! What is recorded on this machine, gathered for an answer: a ledger that is up to date, who is in the
//! middle of an answer, what sessions are called.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use anyhow::{bail, ensure};
use chrono::{DateTime, Utc};

use super::statement::NAMED;
use super::{ANSWER_READS, Machine};
use crate::budget::overview::SessionAsked;
use crate::claude::sessions::{self, SessionState};
use crate::claude::transcripts::{self, TranscriptFile, title_of};
use crate::disk::lock;
use crate::drain::{Write, writes};
use crate::export::{Exporter, Leaving};
use crate::incidents::steps;
use crate::ledger::{self, Caught, Effort, Ledger, LedgerError, Patience};
use crate::spend::name_unreadable;
use crate::terminal::{complain, with_progress};
use crate::time::Millis;

/// What is done as long as a bar is shown.
const READING: &str = "reading transcripts";

impl Machine {
    /// What `gather` finds in the ledger when it is up to date. A damaged one is mended first. Where no
    /// ledger can be had, the transcripts are read as if for the first time. A conversation does not
    /// wait: whatever can be read in a moment is read, and nothing is mended.
    pub(crate) fn gathered<T>(
        &self,
        mut gather: impl FnMut(Ledger, Caught) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        if self.conversation.is_some() {
            let mut ledger = Ledger::open(&self.places.data, Patience::None)?;
            let caught = self.read_on(&mut ledger, ANSWER_READS);
            return gather(ledger, caught);
        }
        let mut attempt = |mut ledger: Ledger| {
            let caught = self.caught_up(&mut ledger)?;
            gather(ledger, caught)
        };
        let mut mended = 0;
        // Without locks no ledger can be used, and finding out takes SQLite ten seconds.
        while lock::works_in(&self.places.data) {
            let ledger = Ledger::open(&self.places.data, Patience::Person);
            let error = match ledger.map_err(Into::into).and_then(&mut attempt) {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            match error.downcast_ref::<LedgerError>() {
                Some(damage) if damage.is_damage() && mended < 2 => {
                    let (patience, again) = (Patience::Person, mended > 0);
                    Ledger::mend(&self.places, patience, self.prices(), damage, again)?;
                    mended += 1;
                }
                Some(other) if other.is_busy() => break,
                _ => return Err(error),
            }
        }
        complain(&format!(
            "could not lock {}, so this is read from the transcripts alone; what was counted of those that are gone is missing",
            ledger::path_in(&self.places.data).display()
        ));
        attempt(Ledger::in_memory(&self.places.data)?)
    }

    /// All that an export takes from here.
    pub(crate) fn leaving(&self) -> anyhow::Result<Leaving> {
        let places = &self.places;
        if let Some(problem) = self.config.problems_of("export").next() {
            let file = places.show(&places.settings);
            bail!("nothing was exported, because of {file}: {problem}");
        }
        let exporter = Exporter::new(places, &self.environment, &self.config.export)?;
        let (counted, incidents, is_whole) = self.gathered(|ledger, read| {
            // Rows that are missing would be taken back everywhere.
            ensure!(
                ledger.is_lasting(),
                "nothing was exported: that takes a ledger that can be kept"
            );
            let incidents = self.incidents().all_with_ends(None, &ledger);
            Ok((ledger.counted()?, incidents, read.is_all()))
        })?;
        if counted.is_empty() {
            let roots = places.transcript_roots().map(|root| places.show(&root));
            let roots = roots.collect::<Vec<_>>().join(", ");
            bail!("no history found in {roots}; nothing to export");
        }
        let clock = self.clock();
        let told = steps(places, DateTime::<Utc>::UNIX_EPOCH, clock.now);
        let here = (places, clock);
        Ok(Leaving::new(
            exporter, &counted, &incidents, &told, is_whole, here,
        ))
    }

    /// Lets the ledger read what transcripts have gained.
    pub(super) fn read_on(&self, ledger: &mut Ledger, effort: Effort) -> Caught {
        let roots = self.places.transcript_roots();
        // Where nothing could be done, the default says that it is not complete.
        let caught = ledger.catch_up(roots, self.prices(), effort, &mut |_, _| {});
        caught.unwrap_or_default()
    }

    /// What every answer since then wrote to the prompt cache. A conversation does not wait for it.
    pub(crate) fn writes(&self, since: Option<Millis>) -> Vec<Write> {
        if self.conversation.is_some() {
            return Vec::new();
        }
        let files = self.transcripts_since(since);
        with_progress(READING, |show| writes(files, since, self.prices(), show))
    }

    /// Transcripts that can have answers from then on.
    pub(crate) fn transcripts_since(&self, since: Option<Millis>) -> Vec<TranscriptFile> {
        let mut files = transcripts::all(self.places.transcript_roots()).files;
        files.retain(|file| since.is_none_or(|since| file.state.modified_ms() >= since));
        files
    }

    /// How many sessions are in the middle of an answer, save the one that asks.
    pub(crate) fn answering(&self) -> usize {
        let asks = self.session();
        let answering = sessions::running(&self.places).filter(|doing| {
            let is_asking = asks.is_some() && doing.session.as_deref() == asks;
            doing.state == Some(SessionState::Busy) && !is_asking
        });
        answering.count()
    }

    /// The sessions whose budget is told: in a conversation the one that asks, else those that run.
    pub(crate) fn sessions_asked(&self) -> Vec<SessionAsked> {
        if self.conversation.is_some() {
            let (id, name) = (self.session().map(str::to_owned), String::new());
            return id.map(|id| SessionAsked { id, name }).into_iter().collect();
        }
        if self.config.budget.session.is_none() {
            return Vec::new();
        }
        let ids = sessions::running(&self.places).filter_map(|doing| doing.session);
        let asked = ids.map(|id| {
            let transcript = transcripts::of_session(self.places.transcript_roots(), &id);
            let title = transcript.and_then(|transcript| title_of(&transcript));
            let name = title.unwrap_or_else(|| format!("{id:.8}"));
            SessionAsked { id, name }
        });
        asked.collect()
    }

    /// A session's whole id, where it is given by its beginning, as tables show it. What no session or
    /// more than one begins with stays as it is.
    pub(crate) fn whole_session(&self, given: Option<&str>) -> Option<String> {
        let given = given?;
        let known = transcripts::of_sessions(self.places.transcript_roots()).into_iter();
        let known = known.map(|file| transcripts::session_of(&file.path));
        let meant: HashSet<String> = known.filter(|id| id.starts_with(given)).collect();
        let is_sure = meant.len() == 1;
        let whole = meant.into_iter().next().filter(|_| is_sure);
        Some(whole.unwrap_or_else(|| given.to_owned()))
    }

    /// What sessions are called, by their ids. Looked up in the transcripts, and only where it is
    /// asked.
    pub(crate) fn titles(&self) -> impl Fn(&str) -> Option<String> {
        let by_session = LazyCell::new(|| {
            let files = transcripts::of_sessions(self.places.transcript_roots()).into_iter();
            let paths = files.map(|file| (transcripts::session_of(&file.path), file.path));
            paths.collect::<HashMap<String, PathBuf>>()
        });
        move |session| title_of(by_session.get(session)?)
    }

    /// Brings the ledger up to date with the transcripts; with a progress bar where that takes long.
    fn caught_up(&self, ledger: &mut Ledger) -> anyhow::Result<Caught> {
        let (places, prices) = (&self.places, self.prices());
        // Before the reading: what is read from now on is priced by this table anyway.
        ledger.reprice(prices)?;
        let roots = places.transcript_roots();
        let caught = with_progress(READING, |show| {
            ledger.catch_up(roots, prices, Effort::All, show)
        })?;
        ledger.check_sums(prices)?;
        ledger.tidy_in_background();
        if let Some([before, now]) = ledger.news_of_renewal() {
            complain(&format!(
                "the figures of an older whycap were worked out anew from the transcripts: {before} before, {now} now. It could take one process of Claude Code for several"
            ));
        }
        if let Some(damaged) = ledger.news_of_damage() {
            let place = places.show(&damaged);
            complain(&format!(
                "the ledger was damaged and now lies in {place}; a new one was filled from the transcripts. What deleted transcripts cost is in that file alone and is missing here"
            ));
        }
        if let Some(which) = name_unreadable(&caught.unreadable, NAMED, places) {
            // Said, not fatal: what could be read is right.
            let is_one = caught.unreadable.len() == 1;
            let cost = if is_one { "it cost" } else { "they cost" };
            let fix = "`whycap doctor` says how to fix it";
            complain(&format!("{which}; what {cost} is missing. {fix}"));
        }
        Ok(caught)
    }
}
