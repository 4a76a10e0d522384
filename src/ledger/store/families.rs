//! Families: sessions that have to do with each other, and what follows from their transcripts.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Result, params};

use super::{Store, SumChanges};
use crate::ledger::derivation::{Derived, Family, derive};
use crate::ledger::facts::{Answer, Id};
use crate::pricing::{Money, PriceTable};
use crate::time::{Millis, QUARTER};

impl Store {
    /// The family of a session.
    pub(crate) fn family_of(&self, session: Id) -> Result<Id> {
        let mut statement = self.prepare_cached("SELECT family FROM session WHERE id = ?")?;
        statement.query_row([session], |row| row.get(0))
    }

    /// Whether a session has to do with any other.
    pub(crate) fn has_relatives(&self, session: Id) -> Result<bool> {
        let query = "SELECT 1 FROM session WHERE family = (SELECT family FROM session WHERE id = ?1) AND id != ?1";
        self.any(query, [session])
    }

    /// Makes one family of two sessions'.
    pub(crate) fn link(&self, one: Id, other: Id) -> Result<()> {
        let [one, other] = [self.family_of(one)?, self.family_of(other)?];
        if one != other {
            let link = "UPDATE session SET family = ?1 WHERE family = ?2";
            self.run(link, [one.min(other), one.max(other)])?;
        }
        Ok(())
    }

    /// Every family in which a client wrote a running total.
    pub(crate) fn families_with_totals(&self) -> Result<Vec<Id>> {
        let query = "SELECT DISTINCT family FROM session JOIN cost_state ON cost_state.session = session.id";
        self.all(query, [], |row| row.get(0))
    }

    /// Derives anew what a family spent.
    pub(crate) fn settle_family(&self, family: Id, prices: &PriceTable) -> Result<()> {
        let derived = self.derived_family(family, prices)?;
        let mut changes = SumChanges::default();
        for (before, now) in &derived.given {
            let give = "UPDATE response SET session = ?2 WHERE key = ?1";
            self.run(give, [now.key, now.session])?;
            changes.count(before, -1);
            changes.count(now, 1);
        }
        self.change_sums(changes)?;
        for (session, life) in derived.lives {
            let known = self.facts(session)?;
            self.run("DELETE FROM unrecorded WHERE session = ?", [session])?;
            let mut parts: BTreeMap<(i64, Id), (Money, bool)> = BTreeMap::new();
            for part in &life.unrecorded {
                let place = (part.at.div_euclid(QUARTER), part.model);
                let (sum, is_least) = parts.entry(place).or_default();
                *sum += part.cost;
                *is_least |= part.cost == Money::ZERO;
            }
            let mut unrecorded = Money::ZERO;
            for ((quarter, model), (cost, is_least)) in parts {
                unrecorded += cost;
                let model = self.put_model(derived.family.model(model))?;
                let cost = if is_least { Money::ZERO - cost } else { cost };
                let add = "INSERT INTO unrecorded VALUES (?,?,?,?)";
                self.run(add, (quarter, session, model, cost))?;
            }
            let put = "UPDATE session SET unrecorded = ?2, in_runs = ?3, beyond = ?4, until = ?5, parent = ?6 WHERE id = ?1";
            let (in_runs, until, parent) = (life.in_runs, life.until(), life.parent);
            let values = params![session, unrecorded, in_runs, life.beyond, until, parent];
            self.run(put, values)?;
            if !known.processes.is_empty() {
                self.settle_processes(session, &known, &life, prices)?;
            }
        }
        Ok(())
    }

    /// What follows for a family.
    pub(crate) fn derived_family(&self, family: Id, prices: &PriceTable) -> Result<Derived> {
        Ok(derive(self.read_family(family)?, prices))
    }

    /// A family as the ledger has it. Of its answers those whose owner must be found, and, where there
    /// are runs, those of sessions that have any, or no file: only copies tell of these.
    fn read_family(&self, id: Id) -> Result<Family> {
        let sessions = "SELECT id FROM session WHERE family = ?";
        let mut family = Family {
            sessions: self.all(sessions, [id], |row| row.get(0))?,
            files: self.transcripts(id)?,
            totals: self.totals(id)?,
            models: self.models()?,
            ..Family::default()
        };
        let mut found: BTreeMap<i64, Answer> = BTreeMap::new();
        for (key, copies) in self.places(Some(id))? {
            if let Some(answer) = self.answer(key)? {
                found.insert(key, Answer { copies, ..answer });
            } else {
                family.compactions.extend(self.compaction(key, copies)?);
            }
        }
        let with_runs: BTreeSet<Id> = family.totals.iter().map(|total| total.session).collect();
        let with_files: BTreeSet<Id> = family.files.values().map(|file| file.session).collect();
        let is_gone = |session: &&Id| !with_runs.is_empty() && !with_files.contains(session);
        let gone = family.sessions.iter().filter(is_gone);
        for session in with_runs.iter().chain(gone) {
            for answer in self.answers_since(*session, Millis::MIN)? {
                found.entry(answer.key).or_insert(answer);
            }
        }
        family.answers = found.into_values().collect();
        Ok(family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::derivation::SessionLife;
    use crate::ledger::{Effort, Ledger, Patience};

    fn read(history: &str) -> (tempfile::TempDir, Ledger, PriceTable) {
        let home = tempfile::tempdir().unwrap();
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/histories");
        let projects = format!("{root}/{history}/home/.claude/projects").into();
        let prices = PriceTable::list();
        let mut ledger = Ledger::open(home.path(), Patience::Person).unwrap();
        ledger
            .catch_up(
                std::iter::once(projects),
                &prices,
                Effort::All,
                &mut |_, _| {},
            )
            .unwrap();
        (home, ledger, prices)
    }

    fn micro_dollars(money: Money) -> i64 {
        (money.nano() + 500).div_euclid(1000)
    }

    /// The life of the session whose name begins so.
    fn life(ledger: &Ledger, session: &str, prices: &PriceTable) -> SessionLife {
        let query = "SELECT id, family FROM session WHERE name LIKE ?";
        let (id, family): (Id, Id) = ledger
            .store
            .query_row(query, [format!("{session}%")], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        let derived = ledger.store.derived_family(family, prices).unwrap();
        let mut lives = derived.lives.into_iter();
        lives.find(|(one, _)| *one == id).unwrap().1
    }

    /// Runs of recorded sessions: the total that each ended with and the one it started from, in
    /// millionths of a dollar, and what sets the session apart.
    type RecordedRuns = (&'static str, &'static str, &'static [(i64, i64)]);

    const RUNS: &[RecordedRuns] = &[
        // Two processes at once start from the same total; the next goes on from the line that
        // stands last, though another one ended with more API time.
        (
            "two-at-once",
            "d0244308",
            &[
                (33_509, 0),
                (103_889, 33_509),
                (140_760, 103_889),
                (141_881, 103_889),
                (180_994, 141_881),
                (262_582, 180_994),
            ],
        ),
        // Two terminals, each of which wrote its total twice at its end.
        (
            "two-at-once",
            "fb1487b8",
            &[(50_321, 0), (216_974, 50_321), (222_578, 50_321)],
        ),
        // A process that was open before the session had a total starts a chain of its own.
        (
            "two-at-once",
            "db73a073",
            &[(44_717, 0), (184_471, 0), (233_671, 184_471)],
        ),
        // A killed run between these two wrote nothing, and the next knew nothing of it.
        (
            "killed-and-resumed",
            "b639b15e",
            &[(33_509, 0), (154_210, 33_509)],
        ),
        // A fork takes over the newest total of its parent.
        ("terminal-forks", "b14d287a", &[(303_936, 140_760)]),
        // So does the fork of a session that only compacted.
        ("terminal-forks", "28319d3a", &[(242_638, 140_875)]),
    ];

    #[test]
    fn runs_of_recorded_sessions_start_where_they_did() {
        for (history, session, expected) in RUNS {
            let (_home, ledger, prices) = read(history);
            let mut runs: Vec<(i64, i64)> = life(&ledger, session, &prices)
                .runs
                .iter()
                .map(|run| (micro_dollars(run.total), micro_dollars(run.base)))
                .collect();
            runs.sort_unstable();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(runs, expected, "{history}, {session}");
        }
    }

    #[test]
    fn an_answer_of_a_version_without_totals_falls_into_no_run() {
        let (_home, ledger, prices) = read("six-versions");
        let life = life(&ledger, "e6d64f88", &prices);
        let last = life.runs.last().unwrap();
        // 13:04:47.693 to .867, good to a tenth of a second; 2.1.240 answered at 13:04:47.140.
        let of_240: Millis = 1_795_179_887_140;
        assert!(last.begin > of_240, "{last:?}");
        assert_eq!(micro_dollars(last.total - last.base), 58_166);
    }

    #[test]
    fn recorded_answers_belong_to_whoever_was_served_them() {
        // (history, session, answers of its own, in all lines of its file)
        let owned = [
            ("six-versions", "e6d64f88", 12),
            ("six-versions", "4552c36d", 2),
            ("six-versions", "2e4c8833", 2),
            ("two-at-once", "d0244308", 4),
            ("two-at-once", "fb1487b8", 3),
            ("killed-and-resumed", "b639b15e", 4),
            ("terminal-forks", "56efe8a5", 3),
            ("terminal-forks", "b14d287a", 2),
        ];
        for (history, session, expected) in owned {
            let (_home, ledger, _) = read(history);
            let query = "SELECT count(*) FROM response JOIN session ON session.id = session WHERE name LIKE ?";
            let found: i64 = ledger
                .store
                .query_row(query, [format!("{session}%")], |row| row.get(0))
                .unwrap();
            assert_eq!(found, expected, "{history}, {session}");
        }
    }

    #[test]
    fn what_a_run_grew_by_beyond_its_answers_is_unrecorded() {
        let unrecorded = [
            ("killed-and-resumed", "b639b15e", 81_588),
            ("killed-and-resumed", "c56c1d92", 187_834),
            ("two-at-once", "d0244308", 151_968),
            ("terminal-forks", "56efe8a5", 72_622),
            ("terminal-forks", "b14d287a", 81_588),
        ];
        for (history, session, expected) in unrecorded {
            let (_home, ledger, prices) = read(history);
            let found = life(&ledger, session, &prices).unrecorded;
            let sum: Money = found.iter().map(|part| part.cost).sum();
            assert_eq!(micro_dollars(sum), expected, "{history}, {session}");
        }
    }
}
