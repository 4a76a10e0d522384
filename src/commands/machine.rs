//! What is recorded on this machine, gathered for an answer: a ledger that is up to date, who is in the
//! middle of an answer, what sessions are called.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::conversation::Conversation;
use crate::claude::model_pricing;
use crate::claude::sessions;
use crate::claude::titles::title_of;
use crate::claude::transcripts::{self, TranscriptFile};
use crate::config::Config;
use crate::disk::lock;
use crate::drain::{Write, writes};
use crate::environment::Environment;
use crate::export::{Gap, Merged, Rows, TeamLimits};
use crate::incidents::Incidents;
use crate::ledger::{
    self, Caught, Effort, Ledger, LedgerError, Patience, ReadingProgress, RowsPeriod, SpendRow,
};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::render::Report;
use crate::spend::{GroupBy, ReportRequest, Statement, name_unreadable};
use crate::terminal::{Tone, complain, counted, with_progress};
use crate::time::{Clock, Millis};

/// How many unreadable transcripts are named; `whycap doctor` names the others.
pub(super) const NAMED: usize = 3;

/// How long an answer inside a conversation may spend on reading transcripts.
pub(super) const ANSWER_READS: Duration = Duration::from_millis(500);

/// Where a verb looks, and when; and who asks it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) environment: Environment,
    pub(crate) places: Places,
    pub(crate) config: Config,
    /// Read when somebody asks.
    prices: OnceLock<PriceTable>,
    /// None in a shell.
    pub(super) conversation: Option<Conversation>,
}

impl Machine {
    /// As a shell has it.
    pub(crate) fn new(environment: Environment) -> Self {
        let places = Places::of(&environment);
        Self::at_places(places, environment)
    }

    /// With these places and their configuration.
    pub(super) fn at_places(places: Places, mut environment: Environment) -> Self {
        let config = Config::load(&places);
        config.set_hours(&mut environment);
        Self {
            environment,
            places,
            config,
            prices: OnceLock::new(),
            conversation: None,
        }
    }

    /// The same at the present moment; the configuration may have changed.
    pub(super) fn at_present(&self) -> Self {
        let present = Self::at_places(self.places.clone(), self.environment.at_present());
        Self {
            prices: self.prices.clone(),
            ..present
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.environment.clock()
    }

    pub(crate) fn incidents(&self) -> Incidents<'_> {
        Incidents::new(&self.places, &self.environment)
    }

    pub(super) fn prices(&self) -> &PriceTable {
        let read = || model_pricing::prices(&self.places);
        self.prices.get_or_init(read)
    }

    /// The project that is worked in: of a conversation the one that it was started in. None where
    /// the directory was deleted under us.
    pub(super) fn project(&self) -> Option<PathBuf> {
        let started = self.environment.path("CLAUDE_PROJECT_DIR");
        started.or_else(|| std::env::current_dir().ok())
    }

    /// How long the ledger may read: a conversation does not wait.
    pub(super) fn effort(&self) -> Effort {
        match self.conversation {
            Some(_) => Effort::Within(ANSWER_READS),
            None => Effort::All,
        }
    }

    /// What `gather` finds in the ledger when it is up to date. A damaged one is mended first. Where no
    /// ledger can be had, the transcripts are read as if for the first time. A conversation does not
    /// wait: whatever can be read in a moment is read, and nothing is mended.
    pub(super) fn gathered<T>(
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

    /// Lets the ledger read what transcripts have gained, no longer than this.
    pub(super) fn read_on(&self, ledger: &mut Ledger, no_longer: Duration) -> Caught {
        let roots = self.places.transcript_roots();
        let effort = Effort::Within(no_longer);
        // Where nothing could be done, the default says that it is not complete.
        let caught = ledger.catch_up(roots, self.prices(), effort, &mut |_| {});
        caught.unwrap_or_default()
    }

    /// What every answer since then wrote to the prompt cache. A conversation does not wait for it.
    pub(super) fn writes(&self, since: Option<Millis>) -> Vec<Write> {
        if self.conversation.is_some() {
            return Vec::new();
        }
        let files = self.transcripts_since(since);
        with_progress("reading transcripts", |show| {
            writes(files, since, self.prices(), show)
        })
    }

    /// Transcripts that can have answers from then on.
    pub(super) fn transcripts_since(&self, since: Option<Millis>) -> Vec<TranscriptFile> {
        let mut files = transcripts::all(self.places.transcript_roots()).files;
        files.retain(|file| since.is_none_or(|since| file.state.modified_ms() >= since));
        files
    }

    /// What several machines exported to a directory. `each` is told every row that counts.
    pub(super) fn of_exports(
        &self,
        directory: &Path,
        wanted: ReportRequest,
        each: &mut dyn FnMut(&SpendRow<'_>),
    ) -> anyhow::Result<Statement> {
        let read = |show: &mut dyn FnMut(u64, u64)| Merged::read(directory, Rows::Spend, show);
        let merged = with_progress("reading exports", read);
        ensure!(!merged.is_empty(), self.no_exports(directory));
        self.name_gaps(&merged.gaps);
        let read = Caught {
            files: 0,
            unreadable: merged.gaps.iter().map(|gap| gap.path.clone()).collect(),
            complete: true,
        };
        Ok(Statement::new(&merged, wanted, read, 0, each)?)
    }

    /// What several machines exported there of limits in a period.
    pub(super) fn limits_of_exports(
        &self,
        directory: &Path,
        period: &RowsPeriod,
    ) -> anyhow::Result<TeamLimits> {
        let what = "reading limits and windows";
        let limits = with_progress(what, |show| TeamLimits::read(directory, period, show))?;
        let limits = limits.with_context(|| self.no_exports(directory))?;
        self.name_gaps(&limits.gaps);
        Ok(limits)
    }

    fn no_exports(&self, directory: &Path) -> String {
        let directory = self.places.show(directory);
        format!("there are no exports in {directory}; `whycap export {directory}` writes some")
    }

    /// Says what of exports could not be read, and where.
    pub(super) fn name_gaps(&self, gaps: &[Gap]) {
        let Some((first, others)) = gaps.split_first() else {
            return;
        };
        let mut place = self.places.show(&first.path);
        if let Some(line) = first.line {
            place = format!("{place}, line {line}");
        }
        let others = match others.len() {
            0 => String::new(),
            others => format!(" and {} more", counted(others as u64, "file")),
        };
        complain(&format!(
            "the exports could not be read to the end, so there may be more: {place} ({}){others}; export there again from its machine",
            first.why
        ));
    }

    /// How many sessions are in the middle of an answer, save the one that asks.
    pub(super) fn answering(&self) -> usize {
        let asks = self.session();
        let registered = sessions::registered(&self.places).into_iter();
        let answering = registered.filter(|session| {
            let is_asking = asks.is_some() && session.doing.session.as_deref() == asks;
            session.is_answering() && !is_asking
        });
        answering.count()
    }

    /// What answers cost beside the plan now; empty where they cost nothing or something blocks. By
    /// what the ledger has read so far.
    pub(super) fn paid_now(&self, incidents: &Incidents<'_>) -> Report {
        let costs_since = |since, is_own: &dyn Fn(&str) -> bool| {
            let mut ledger = Ledger::open_existing(&self.places.data)?.ok()?;
            self.read_on(&mut ledger, ANSWER_READS);
            ledger.costs_since(since, is_own).ok()
        };
        let mut report = Report::default();
        if let Some(paying) = incidents.paying(None, costs_since)
            && incidents.situation(None).blocking().is_none()
        {
            report.paragraph(Tone::Alarm, paying.says(self.clock()));
        }
        report
    }

    /// What sessions are called, by their ids. Looked up in the transcripts, and only where it is
    /// shown.
    pub(super) fn titles(&self, by: GroupBy) -> impl Fn(&str) -> Option<String> + use<> {
        let mut by_session: HashMap<String, PathBuf> = HashMap::new();
        if by == GroupBy::Session {
            let files = transcripts::of_sessions(self.places.transcript_roots()).into_iter();
            by_session.extend(files.map(|file| (transcripts::session_of(&file.path), file.path)));
        }
        move |session| title_of(by_session.get(session)?)
    }

    /// Brings the ledger up to date with the transcripts; with a progress bar where that takes long.
    fn caught_up(&self, ledger: &mut Ledger) -> anyhow::Result<Caught> {
        let (places, prices) = (&self.places, self.prices());
        // Before the reading: what is read from now on is priced by this table anyway.
        ledger.reprice(prices)?;
        let roots = places.transcript_roots();
        let caught = with_progress("reading transcripts", |show| {
            let mut show = |progress: ReadingProgress| show(progress.done, progress.total);
            ledger.catch_up(roots, prices, Effort::All, &mut show)
        })?;
        ledger.check_sums(prices)?;
        ledger.tidy_in_background();
        if let Some([before, now]) = ledger.news_of_renewal() {
            complain(&format!(
                "the figures of an older whycap were worked out anew from the transcripts: {} before, {} now. It could take one process of Claude Code for several",
                before.show(),
                now.show()
            ));
        }
        if let Some(damaged) = ledger.news_of_damage() {
            complain(&format!(
                "the ledger was damaged and now lies in {}; a new one was filled from the transcripts. What deleted transcripts cost is in that file alone and is missing here",
                places.show(&damaged)
            ));
        }
        if let Some(which) = name_unreadable(&caught.unreadable, NAMED, places) {
            // Said, not fatal: what could be read is right.
            let what = if caught.unreadable.len() == 1 {
                "what it cost"
            } else {
                "what they cost"
            };
            complain(&format!(
                "{which}; {what} is missing. `whycap doctor` says how to fix it"
            ));
        }
        Ok(caught)
    }
}
