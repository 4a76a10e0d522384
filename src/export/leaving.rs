//! Everything that leaves this machine, and a look at it beforehand.

use chrono::{DateTime, Utc};

use super::drafts::{Draft, Rows, Stamp, lines};
use super::limit_rows::{limit_rows, window_rows};
use super::projects::{LeavesAs, LeftOut};
use super::pseudonym::Exporter;
use super::spend_rows::spend_rows;
use crate::config::Export;
use crate::disk::Error;
use crate::environment::Environment;
use crate::incidents::steps;
use crate::ledger::Counted;
use crate::limits::incident::Incident;
use crate::places::Places;
use crate::render::Report;
use crate::terminal::{Tone, counted};

/// How many rows are shown beforehand.
const SHOWN: usize = 10;

const NEVER_LEAVES: &str = "In no row: prompts, answers, titles, texts of errors, paths, names of files, the name and the address of your account, its id, keys and tokens. Times are rounded down to a quarter of an hour.";

/// All rows of this machine.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// By kind, day and key.
    pub(crate) drafts: Vec<Draft>,
    left_out: LeftOut,
    pub(crate) exporter: Exporter,
}

impl Leaving {
    /// What was spent, the errors of limits, and how full windows were.
    pub(crate) fn new(
        places: &Places,
        environment: &Environment,
        choice: &Export,
        (spent, incidents): (&Counted, &[Incident]),
    ) -> Result<Self, Error> {
        let exporter = Exporter::new(places, environment, choice)?;
        let (mut drafts, left_out) = spend_rows(spent, &exporter, places);
        let told = steps(places, DateTime::<Utc>::UNIX_EPOCH, environment.now);
        drafts.extend(limit_rows(incidents, environment.clock(), &exporter));
        drafts.extend(window_rows(&told, environment.now, &exporter));
        drafts.sort_by_key(|draft| (draft.rows, draft.day, draft.key));
        Ok(Self {
            drafts,
            left_out,
            exporter,
        })
    }

    /// How many rows of each kind leave, ten exactly as they would leave at this moment, and what is
    /// left out by these settings.
    pub(crate) fn report(&self, settings: &str, now: DateTime<Utc>) -> Report {
        let of = |wanted| self.drafts.iter().filter(move |draft| draft.rows == wanted);
        let counts = Rows::ALL.map(|rows| {
            let count = counted(of(rows).count() as u64, "row");
            format!("{count} of {}", rows.name())
        });
        // The newest of each kind, then the next of each.
        let newest = Rows::ALL.map(|rows| of(rows).rev().enumerate()).into_iter();
        let mut newest: Vec<(usize, &Draft)> = newest.flatten().collect();
        newest.sort_by_key(|(nth, _)| *nth);
        let shown = newest.iter().take(SHOWN).map(|(_, draft)| *draft);
        let Exporter {
            person, machine, ..
        } = &self.exporter;
        let mut report = Report::from_paragraph(format!(
            "{} would leave, as person {person} on machine {machine}. The newest of them, exactly as they would leave:",
            counts.join(", "),
        ));
        report.gap();
        report.add(Report::from_lines(&lines(shown, Stamp::new(now))));
        report.gap();
        report.paragraph(Tone::Plain, NEVER_LEAVES);
        for (how, what) in [
            (LeavesAs::Hash, "leave under a hash of the name"),
            (LeavesAs::Other, "leave as \"other\", without a branch"),
            (LeavesAs::Nothing, "stay here"),
        ] {
            if let Some(rows) = self.left_out.get(&how) {
                let rows = counted(*rows, "row");
                let says = format!(
                    "{rows} of projects that are not in [export] projects of {settings} {what}."
                );
                report.paragraph(Tone::Plain, says);
            }
        }
        report
    }
}
