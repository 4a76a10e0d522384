//! What was spent, as the status line says it: this session, today, and budgets that run out.

use super::segments::{Facts, Form, Piece, form};
use crate::config::Budget;
use crate::ledger::LiveFigures;
use crate::pricing::Money;
use crate::terminal::Tone;

/// Amounts that the line shows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Amounts {
    /// This session; None if nothing is known of it.
    pub session: Option<Money>,
    /// Today, over all sessions; None if the ledger cannot be read.
    pub today: Option<Money>,
    /// This month; read only where there is a budget for it.
    pub month: Option<Money>,
    /// How the session's figure is to be read.
    pub session_mark: Mark,
    /// How today's is.
    pub today_mark: Mark,
    /// Whether the session's figure is the client's own, for want of ours.
    pub session_is_clients: bool,
}

/// How sure an amount is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mark {
    /// To the cent.
    #[default]
    Exact,
    /// A model without a known price is among it, priced as Claude Code does.
    Estimate,
    /// Not everything was read yet.
    AtLeast,
}

impl Amounts {
    /// From what the ledger knows. Without a ledger the client's own figure is the best there is,
    /// under its own name.
    pub fn of(figures: Option<&LiveFigures>, client: Option<Money>) -> Self {
        let Some(known) = figures else {
            return Self {
                session: client,
                session_is_clients: true,
                ..Self::default()
            };
        };
        let mark = |estimated| {
            if estimated {
                Mark::Estimate
            } else {
                Mark::Exact
            }
        };
        Self {
            session: Some(known.session.total()),
            today: Some(known.today.total()),
            month: Some(known.month.total()),
            session_mark: mark(known.session.estimated),
            today_mark: if known.is_complete {
                mark(known.today.estimated)
            } else {
                Mark::AtLeast
            },
            session_is_clients: false,
        }
    }
}

pub(super) fn session(facts: &Facts<'_>) -> Option<Vec<Form>> {
    let amount = facts.amounts.session?;
    let shown = money(amount, facts.amounts.session_mark);
    let budget = facts.config.budget.session;
    let whose = facts.amounts.session_is_clients;
    let label = if whose { "client says " } else { "session " };
    let mut forms = spend_forms(label, 38, &shown, amount, budget, &facts.config.budget);
    if !whose {
        forms.push(form(90, vec![(Tone::Strong, shown)]));
    }
    Some(forms)
}

pub(super) fn today(facts: &Facts<'_>) -> Option<Vec<Form>> {
    let amount = facts.amounts.today?;
    let shown = money(amount, facts.amounts.today_mark);
    let mut forms = spend_forms(
        "today ",
        60,
        &shown,
        amount,
        facts.config.budget.day,
        &facts.config.budget,
    );
    // The month has no segment of its own; its budget speaks up beside today.
    if let (Some(month), Some(limit)) = (facts.amounts.month, facts.config.budget.month)
        && let Some(warning) = budget_note(month, limit, &facts.config.budget)
    {
        for form in &mut forms {
            form.pieces.push((Tone::Quiet, " month ".to_owned()));
            form.pieces.push(warning.clone());
        }
    }
    Some(forms)
}

fn spend_forms(
    label: &str,
    loss: u32,
    shown: &str,
    amount: Money,
    limit: Option<f64>,
    budget: &Budget,
) -> Vec<Form> {
    let note = limit.and_then(|limit| budget_note(amount, limit, budget));
    let tone = note.as_ref().map_or(Tone::Strong, |(tone, _)| *tone);
    let figure = (tone, shown.to_owned());
    let mut long = vec![(Tone::Quiet, label.to_owned()), figure.clone()];
    if let Some((tone, text)) = note {
        long.push((tone, format!(" {text}")));
    }
    let plain = vec![(Tone::Quiet, label.to_owned()), figure];
    if long == plain {
        vec![form(loss, plain)]
    } else {
        vec![form(30, long), form(loss, plain)]
    }
}

/// How far a budget is used, if it is time to say so.
fn budget_note(amount: Money, limit: f64, budget: &Budget) -> Option<Piece> {
    let share = amount.usd() / limit;
    (share >= budget.warn_at).then(|| {
        let tone = if share >= 1.0 {
            Tone::Alarm
        } else {
            Tone::Warning
        };
        (tone, format!("{:.0}% of ${limit}", share * 100.0))
    })
}

fn money(amount: Money, mark: Mark) -> String {
    let mark = match mark {
        Mark::Exact => "",
        Mark::Estimate => "\u{2248}",
        Mark::AtLeast => "\u{2265}",
    };
    format!("{mark}{}", amount.show())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::status_payload::StatusPayload;
    use crate::config::Config;
    use crate::time::Zone;

    /// The longest form, with a setting of `config.toml`.
    fn said(
        config: &str,
        amounts: Amounts,
        segment: fn(&Facts<'_>) -> Option<Vec<Form>>,
    ) -> String {
        let config = Config::parse(config);
        let facts = Facts {
            input: &StatusPayload::parse(b"{}"),
            amounts,
            config: &config,
            now: chrono::DateTime::UNIX_EPOCH,
            zone: Zone::named("UTC").unwrap(),
        };
        let forms = segment(&facts).unwrap();
        let pieces = forms[0].pieces.iter();
        pieces.map(|(_, text)| text.as_str()).collect()
    }

    fn dollars(usd: i64) -> Money {
        Money::from_nano(usd * 1_000_000_000)
    }

    #[test]
    fn a_budget_is_mentioned_from_its_warning_share_on() {
        let say = |usd| {
            let amounts = Amounts {
                today: Some(dollars(usd)),
                month: Some(dollars(usd)),
                ..Amounts::default()
            };
            said("[budget]\nday = 20.0\nmonth = 100\n", amounts, today)
        };
        assert_eq!(say(10), "today $10.00");
        assert_eq!(say(16), "today $16.00 80% of $20");
        assert_eq!(say(90), "today $90.00 450% of $20 month 90% of $100");
    }

    #[test]
    fn a_figure_that_is_not_ours_says_so() {
        let amounts = |session_is_clients| Amounts {
            session: Some(dollars(2)),
            session_is_clients,
            ..Amounts::default()
        };
        assert_eq!(said("", amounts(false), session), "session $2.00");
        assert_eq!(said("", amounts(true), session), "client says $2.00");
    }
}
