//! The use of a usage window: the shares of the sessions in this machine's spend.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::table::share_text;
use crate::claude::window_usage::window_label;
use crate::ledger::{LedgerError, RowsBy, Selected, SpendSource};
use crate::limits::Kind;
use crate::pricing::Money;
use crate::time::format_rfc3339;

/// The maximum number of sessions to name.
const MOST_NAMED: usize = 3;

/// A session is named if it has spent at least this share, as a divisor.
const NAMED_SHARE: f64 = 10.0;

/// The name of the agent that talks with the user. Every other agent is a subagent.
const MAIN_AGENT: &str = "main";

/// The spend of this machine in a usage window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WindowUse {
    window: Kind,
    since: DateTime<Utc>,
    cost: Money,
    /// The sessions that have spent most of it, the most expensive one first.
    sessions: Vec<SessionUse>,
}

/// The spend of one session in a usage window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SessionUse {
    id: String,
    name: String,
    cost: Money,
    by_subagents: Money,
}

impl WindowUse {
    /// Sums up the spend in a usage window by session. Only sessions for which `is_counted` returns true count, such as
    /// those of one payer. `name_of` returns the name of a session. Returns `None` if nothing was spent.
    pub(crate) fn read(
        ledger: &impl SpendSource,
        window: Kind,
        period: Range<DateTime<Utc>>,
        is_counted: Selected<'_>,
        name_of: impl Fn(&str) -> String,
    ) -> Result<Option<Self>, LedgerError> {
        let mut by_session: HashMap<String, SessionUse> = HashMap::new();
        let bounds = period.start.timestamp_millis()..period.end.timestamp_millis();
        ledger.rows(bounds, RowsBy::Response, &mut |row| {
            let session = by_session
                .entry(row.origin.session.clone())
                .or_default();
            session.cost += row.tally.cost();
            if row.context.is_some_and(|it| it.agent != MAIN_AGENT) {
                session.by_subagents += row.tally.cost();
            }
        })?;
        by_session.retain(|id, _| is_counted(id));
        let cost: Money = by_session.values().map(|session| session.cost).sum();
        let mut sessions: Vec<SessionUse> = by_session
            .into_iter()
            .filter(|(_, session)| session.cost.usd() * NAMED_SHARE >= cost.usd())
            .map(|(id, session)| SessionUse {
                name: name_of(&id),
                id,
                ..session
            })
            .collect();
        sessions.sort_by_key(|session| Reverse(session.cost));
        Ok((cost > Money::ZERO).then_some(Self {
            window,
            since: period.start,
            cost,
            sessions,
        }))
    }

    /// Returns a sentence such as `5h: "build the page": 97% of this machine's spend in this window, 80% of it by
    /// subagents`. Returns `None` if many sessions have spent a little each.
    pub(crate) fn sentence(&self) -> Option<String> {
        let mut shares = Vec::new();
        for session in self.sessions.iter().take(MOST_NAMED) {
            let share = share_text(session.cost, self.cost);
            let of_what = if shares.is_empty() {
                " of this machine's spend in this window"
            } else {
                ""
            };
            let by_subagents = if session.by_subagents > Money::ZERO {
                let share = share_text(session.by_subagents, session.cost);
                format!(", {share} of it by subagents")
            } else {
                String::new()
            };
            shares.push(format!(
                "\"{}\": {share}{of_what}{by_subagents}",
                session.name
            ));
        }
        let window = window_label(self.window);
        (!shares.is_empty()).then(|| format!("{window}: {}", shares.join("; ")))
    }

    pub(crate) fn json(&self) -> Value {
        let sessions = self.sessions.iter().map(|session| {
            json!({
                "session_id": session.id,
                "cost_usd": session.cost.usd(),
                "by_subagents_usd": session.by_subagents.usd(),
            })
        });
        json!({
            "window": window_label(self.window),
            "since": format_rfc3339(self.since),
            "cost_usd": self.cost.usd(),
            "sessions": sessions.collect::<Value>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{EachRow, Origin, RequestContext, RowsPeriod, SpendRow, Tally};

    /// Responses: the session, the agent, and the cost in dollars.
    struct Responses(&'static [(&'static str, &'static str, i64)]);

    impl SpendSource for Responses {
        fn rows(&self, _: RowsPeriod, _: RowsBy, each: EachRow<'_>) -> Result<(), LedgerError> {
            for (session, agent, usd) in self.0 {
                each(SpendRow {
                    origin: &Origin {
                        session: (*session).to_owned(),
                        ..Origin::default()
                    },
                    context: Some(&RequestContext {
                        agent: (*agent).to_owned(),
                        ..RequestContext::default()
                    }),
                    tally: Tally {
                        recorded: Money::from_nano(usd * 1_000_000_000),
                        ..Tally::default()
                    },
                    ..SpendRow::default()
                });
            }
            Ok(())
        }
    }

    fn used(responses: &'static [(&'static str, &'static str, i64)]) -> Option<WindowUse> {
        let period = DateTime::UNIX_EPOCH..DateTime::UNIX_EPOCH;
        let is_counted = |session: &str| session != "other-payer";
        let name_of = |session: &str| session.to_owned();
        let ledger = Responses(responses);
        WindowUse::read(&ledger, Kind::FiveHour, period, &is_counted, name_of).unwrap()
    }

    #[test]
    fn shares_are_those_of_the_payers_sessions_with_their_subagents() {
        let window = used(&[
            ("page", "main", 15),
            ("page", "Explore", 60),
            ("other-payer", "main", 900),
            ("tests", "main", 20),
            ("small", "main", 5),
        ])
        .unwrap();
        let sentence = window.sentence().unwrap();
        assert_eq!(
            sentence,
            "5h: \"page\": 75% of this machine's spend in this window, 80% of it by subagents; \"tests\": 20%"
        );
        let json = window.json();
        assert_eq!(json["cost_usd"], 100.0);
        assert_eq!(json["sessions"][0]["by_subagents_usd"], 60.0);
    }

    #[test]
    fn without_spend_of_the_payer_nothing_has_used_the_window() {
        assert_eq!(used(&[("other-payer", "main", 900)]), None);
    }
}
