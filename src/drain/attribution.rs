//! What was spent by prompt or by account: the ledger's amounts, with what transcripts say of each
//! answer.

use std::collections::HashMap;

use super::history::Write;
use crate::ledger::{
    Counted, Ledger, LedgerError, Origin, RowsBy, RowsPeriod, SpendRow, SpendSource, Switched,
};
use crate::spend::NO_LINE;
use crate::time::Millis;
use crate::transcript::owner::Owner;

/// The account that one is logged in to, and one of which nothing is known.
const LOGIN: &str = "login";
const UNKNOWN: &str = "unknown";

/// Rows whose `person` is the prompt or the account that they belong to.
pub(crate) struct Attribution<'l> {
    ledger: &'l Ledger,
    counted: Counted,
    origins: HashMap<i64, Origin>,
    /// By the keys of answers.
    holders: HashMap<i64, String>,
    /// What belongs to no single answer, by session.
    of_sessions: HashMap<i64, String>,
}

impl<'l> Attribution<'l> {
    /// By the ids of prompts.
    pub(crate) fn by_prompt(ledger: &'l Ledger, writes: &[Write]) -> Result<Self, LedgerError> {
        let id = |write: &Write| Some(write.prompt.as_ref()?.id.clone());
        Self::new(ledger, writes, id)
    }

    /// By accounts: the one that is logged in, or a short hash.
    pub(crate) fn by_account(
        ledger: &'l Ledger,
        writes: &[Write],
        login: Option<&Owner>,
    ) -> Result<Self, LedgerError> {
        let name = |write: &Write| {
            let owner = write.owner.as_ref();
            let is_login = owner.zip(login).and_then(|(owner, login)| owner.is(login));
            let hash = owner.and_then(|owner| Some(format!("{:.8}", owner.fingerprint.as_ref()?)));
            if is_login == Some(true) {
                return Some(LOGIN.to_owned());
            }
            Some(hash.unwrap_or_else(|| UNKNOWN.to_owned()))
        };
        let mut all = Self::new(ledger, writes, name)?;
        // What a session spent beyond its answers, its account paid.
        for answer in &all.counted.answers.all {
            if let Some(holder) = all.holders.get(&answer.key) {
                all.of_sessions.insert(answer.session, holder.clone());
            }
        }
        Ok(all)
    }

    fn new(
        ledger: &'l Ledger,
        writes: &[Write],
        holder: impl Fn(&Write) -> Option<String>,
    ) -> Result<Self, LedgerError> {
        let mut counted = ledger.counted()?;
        counted.answers.all.sort_by_key(|answer| answer.at);
        let origins = counted.sessions.iter().map(|(id, session)| {
            let origin = Origin {
                session: counted.answers.session(*id).to_owned(),
                project: session.directory.clone(),
                ..Origin::default()
            };
            (*id, origin)
        });
        let holders = writes.iter();
        let holders = holders.filter_map(|it| Some((it.key, holder(it)?)));
        Ok(Self {
            ledger,
            origins: origins.collect(),
            holders: holders.collect(),
            of_sessions: HashMap::new(),
            counted,
        })
    }
}

impl SpendSource for Attribution<'_> {
    fn rows(
        &self,
        period: RowsPeriod,
        _: RowsBy,
        each: &mut dyn FnMut(SpendRow<'_>),
    ) -> Result<(), LedgerError> {
        let nowhere = Origin::default();
        let answers = &self.counted.answers;
        let nothing = |at: Millis, session: i64, model: i64| {
            let origin = self.origins.get(&session).unwrap_or(&nowhere);
            SpendRow::nothing(at, origin, answers.model(model))
        };
        for answer in answers
            .all
            .iter()
            .filter(|answer| period.contains(&answer.at))
        {
            each(SpendRow {
                person: self.holders.get(&answer.key).map_or(UNKNOWN, |it| it),
                responses: 1,
                unpriced: answer.is_unpriced.into(),
                usage: answer.usage,
                recorded: answer.cost,
                ..nothing(answer.at, answer.session, answer.model)
            });
        }
        let hidden = self.counted.hidden.iter();
        for hidden in hidden.filter(|hidden| period.contains(&hidden.at)) {
            let row = nothing(hidden.at, hidden.session, hidden.model).with_hidden(hidden);
            let person = self.of_sessions.get(&hidden.session);
            each(SpendRow {
                person: person.map_or(NO_LINE, |it| it),
                ..row
            });
        }
        Ok(())
    }

    fn damaged(&self, since: Millis) -> Result<Vec<(String, u32)>, LedgerError> {
        self.ledger.damaged(since)
    }

    fn switched(
        &self,
        period: RowsPeriod,
        is_meant: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<Switched>, LedgerError> {
        self.ledger.switched(period, is_meant)
    }
}
