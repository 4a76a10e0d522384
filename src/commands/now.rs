//! `whycap now`: this moment on one screen, once or watched.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use super::question::Question;
use crate::claude::model_pricing::own_rates;
use crate::claude::sessions::{self, Liveness, Session, SessionState};
use crate::claude::titles::title_of;
use crate::claude::transcripts;
use crate::config::Config;
use crate::environment::Environment;
use crate::incidents::Incidents;
use crate::ledger::{Effort, Ledger, Patience};
use crate::now::{Moment, RunningSession, SpendNow};
use crate::places::Places;
use crate::pricing::PriceTable;
use crate::spend::running_block;
use crate::terminal::{Page, Palette, Screen, Shown, Tone, Woken, complain};
use crate::time::QUARTER;

/// Arguments of `whycap now`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Keep it on the screen and up to date, until q
    #[arg(long, short, conflicts_with = "json")]
    watch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How often a watched screen is brought up to date.
const EVERY: Duration = Duration::from_secs(2);

/// Looking for a limit reads the ends of many transcripts: no more often than this, even while
/// things happen; and this often though nothing happens, because time alone ends some.
const LIMIT_AT_MOST_EVERY: Duration = Duration::from_secs(10);
const LIMIT_AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// The table of processes is only looked through for clients that no registry names.
const OTHERS_EVERY: Duration = Duration::from_secs(30);

/// Runs the verb.
pub fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    if arguments.watch {
        return watch(&places, environment);
    }
    let moment = Watched::with(opened(&places), Effort::All).look(&places, environment);
    let json = arguments.json.then(|| Shown::json(&moment.json()));
    super::show(environment, json, |page| moment.write(None, page))?;
    Ok(ExitCode::SUCCESS)
}

/// The answer of `/whycap now`.
pub(crate) fn answer(question: Question<'_>, page: &mut Page) {
    let places = question.places;
    let open = || {
        let ledger = Ledger::open(&places.data, Patience::None)?;
        Ok((ledger, PriceTable::with(own_rates(places))?))
    };
    let mut looked = Watched::with(open(), Effort::Within(super::gathering::ANSWER_READS));
    looked.look(places, question.environment).write(None, page);
}

fn watch(places: &Places, environment: &Environment) -> anyhow::Result<ExitCode> {
    // A first reading may take long, and shows how far it is.
    let mut watched = Watched::with(opened(places), Effort::All);
    let is_dumb = environment.text("TERM") == Some("dumb");
    let screen = if is_dumb { None } else { Screen::open()? };
    let Some(mut screen) = screen else {
        complain("--watch needs a terminal; `whycap now` prints the same once");
        return Ok(ExitCode::from(2));
    };
    let palette = Palette::for_person(environment);
    loop {
        let moment = watched.look(places, &environment.at_present());
        let mut woken = Woken::Resized;
        while woken == Woken::Resized {
            let (columns, rows) = Screen::size();
            let mut page = Page::new(columns, palette);
            moment.write(Some(rows), &mut page);
            if page.rows() + 2 < rows {
                page.gap();
                page.paragraph(Tone::Quiet, "Press q to leave.");
            }
            screen.draw(&page.into())?;
            woken = screen.wait(EVERY)?;
        }
        if woken == Woken::Left {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// What is kept between two looks, so that only what changed is looked at again.
struct Watched {
    ledger: Result<(Ledger, PriceTable), String>,
    effort: Effort,
    /// Files that brought something new so far.
    gained: usize,
    /// What was spent when the ledger had this version.
    spend: Option<(Version, SpendNow)>,
    limit: Option<(Instant, Version, Option<String>)>,
    others: Option<(Instant, usize)>,
    titles: Vec<Titled>,
}

/// The ledger's version, how many files brought something new, and the quarter of an hour: with
/// any of them, other figures may hold.
type Version = (i64, usize, i64);

/// A session's title, while its transcript stays as it is.
struct Titled {
    session: String,
    transcript: PathBuf,
    changed: Option<SystemTime>,
    title: Option<String>,
}

impl Watched {
    fn with(ledger: anyhow::Result<(Ledger, PriceTable)>, effort: Effort) -> Self {
        Self {
            ledger: ledger.map_err(|error| format!("not known: {error:#}")),
            effort,
            gained: 0,
            spend: None,
            limit: None,
            others: None,
            titles: Vec::new(),
        }
    }

    fn look(&mut self, places: &Places, environment: &Environment) -> Moment {
        let (spend, version) = self.spend_now(places, environment);
        let registered = sessions::registered(places);
        let others = self.others(places, &registered);
        let incidents = Incidents::new(places, environment);
        Moment {
            clock: environment.clock(),
            windows: incidents.windows_of_account(),
            spend,
            sessions: self.running(places, registered, &incidents.five_hour_shares()),
            others,
            limit: self.limit(&incidents, version),
            currency: Config::load(places).currency,
        }
    }

    /// What is spent, and the version of the ledger that says so.
    fn spend_now(
        &mut self,
        places: &Places,
        environment: &Environment,
    ) -> (Result<SpendNow, String>, Version) {
        let (ledger, prices) = match &mut self.ledger {
            Ok(opened) => opened,
            Err(why) => return (Err(why.clone()), Version::default()),
        };
        let roots = places.transcript_roots();
        // Another process may be writing: then it is read the next time.
        let caught = ledger.catch_up(roots, prices, self.effort, &mut |_| {});
        // Our own writing does not change the ledger's number.
        self.gained += caught.as_ref().map_or(0, |caught| caught.files);
        let quarter = environment.now.timestamp_millis().div_euclid(QUARTER);
        let written = ledger.version().unwrap_or_default();
        let version = (written, self.gained, quarter);
        if let Some((known, spend)) = self.spend
            && known == version
        {
            return (Ok(spend), version);
        }
        let (from, until) = environment.zone.day_bounds(environment.now);
        let spend = ledger.between(from, until).and_then(|today| {
            Ok(SpendNow {
                today,
                block: running_block(ledger, environment.now)?,
                is_complete: caught.is_ok_and(|caught| caught.is_all()),
            })
        });
        match spend {
            Ok(spend) => {
                self.spend = Some((version, spend));
                (Ok(spend), version)
            }
            Err(error) => (Err(format!("not known: {error}")), version),
        }
    }

    fn limit(&mut self, incidents: &Incidents<'_>, version: Version) -> Option<String> {
        if let Some((looked, known, limit)) = &self.limit {
            let age = looked.elapsed();
            let least = if *known == version {
                LIMIT_AT_LEAST_EVERY
            } else {
                LIMIT_AT_MOST_EVERY
            };
            if age < least {
                return limit.clone();
            }
        }
        let situation = incidents.situation(None);
        let limit = situation
            .blocking()
            .map(|incident| incident.headline.clone());
        self.limit = Some((Instant::now(), version, limit.clone()));
        limit
    }

    /// How many clients run that the registry does not name.
    fn others(&mut self, places: &Places, registered: &[Session]) -> usize {
        if let Some((looked, others)) = self.others
            && looked.elapsed() < OTHERS_EVERY
        {
            return others;
        }
        let named = |pid: &u32| registered.iter().any(|session| session.claim.pid == *pid);
        let present = sessions::presence(places, registered);
        let others = present.live.iter().filter(|pid| !named(pid)).count();
        self.others = Some((Instant::now(), others));
        others
    }

    fn running(
        &mut self,
        places: &Places,
        registered: Vec<Session>,
        shares: &[(String, f64)],
    ) -> Vec<RunningSession> {
        let live = registered
            .into_iter()
            .filter(|session| session.liveness == Liveness::Holds);
        let mut running: Vec<RunningSession> = live
            .map(|session| {
                let doing = session.doing;
                let id = doing.session.as_deref();
                let cost = id.and_then(|id| {
                    let (ledger, _) = self.ledger.as_ref().ok()?;
                    Some(ledger.session(id).ok()?.total())
                });
                let is_own = |(name, _): &&(String, f64)| id == Some(name.as_str());
                RunningSession {
                    share: shares.iter().find(is_own).map(|(_, share)| *share),
                    title: id.and_then(|id| self.title(places, id)),
                    project: doing
                        .directory
                        .map(|directory| places.show(directory.as_ref()))
                        .unwrap_or_default(),
                    state: doing.state,
                    since: doing.since,
                    cost,
                    id: doing.session,
                }
            })
            .collect();
        let rank = |session: &RunningSession| match session.state {
            Some(SessionState::Waiting) => 0,
            Some(SessionState::Busy) => 1,
            Some(SessionState::Shell) => 2,
            Some(SessionState::Idle) | None => 3,
        };
        running.sort_by(|a, b| {
            let by_rank = rank(a).cmp(&rank(b));
            by_rank
                .then_with(|| b.cost.cmp(&a.cost))
                .then_with(|| a.id.cmp(&b.id))
        });
        running
    }

    fn title(&mut self, places: &Places, session: &str) -> Option<String> {
        let changed = |path: &PathBuf| path.metadata().and_then(|found| found.modified()).ok();
        let known = self
            .titles
            .iter_mut()
            .find(|known| known.session == session);
        if let Some(known) = known {
            let now = changed(&known.transcript);
            if now != known.changed {
                // What lies between the ends of a long transcript is not read.
                known.title = title_of(&known.transcript).or(known.title.take());
                known.changed = now;
            }
            return known.title.clone();
        }
        let transcript = transcripts::of_session(places.transcript_roots(), session)?;
        let title = title_of(&transcript);
        self.titles.push(Titled {
            session: session.to_owned(),
            changed: changed(&transcript),
            transcript,
            title: title.clone(),
        });
        title
    }
}

/// The ledger, with everything read.
fn opened(places: &Places) -> anyhow::Result<(Ledger, PriceTable)> {
    let prices = PriceTable::with(own_rates(places))?;
    let ledger = super::gathering::gathered(places, &prices, |ledger, _| Ok(ledger))?;
    Ok((ledger, prices))
}
