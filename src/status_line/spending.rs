//! What was spent, as the status line says it: this session, today, and budgets that run out.

use super::LineFacts;
use super::layout::{Form, Segment, without_repetitions};
use super::session::labelled;
use crate::budget::{BudgetScope, BudgetUse};
use crate::config::Currency;
use crate::pricing::Money;
use crate::spend::Amount;
use crate::terminal::{Piece, Tone};

/// Without a ledger the client's own figure is the best there is, under its own name.
pub(super) fn session(facts: &LineFacts<'_>) -> Option<Segment> {
    let client = facts.payload.client_total;
    let (label, amount) = match &facts.figures {
        None => ("client says ", Amount::exact(client?)),
        // Which session this is was not said: nothing is known of what it cost.
        Some(_) if client.is_none() && facts.payload.session_id.is_none() => return None,
        Some(figures) => ("session ", Amount::from_tally(&figures.session)),
    };
    let budget = &facts.config.budget;
    let used = BudgetUse::worth_saying(budget, BudgetScope::Session, amount.money);
    let mut forms = forms(label, 85, amount, used.as_ref(), &facts.config.currency);
    if facts.figures.is_some() {
        forms.push(Form::new(90, vec![(Tone::Strong, amount.show())]));
    }
    Some(forms)
}

/// Subagents' answers count once they were read; until then it is less.
pub(super) fn prompt(cost: Money) -> Segment {
    labelled("prompt ", vec![(Tone::Plain, cost.show())], 33)
}

pub(super) fn today(facts: &LineFacts<'_>) -> Option<Segment> {
    let (figures, budget) = (facts.figures.as_ref()?, &facts.config.budget);
    let amount = Amount::from_tally(&figures.today).unless_complete(figures.is_complete);
    let used = BudgetUse::worth_saying(budget, BudgetScope::Day, amount.money);
    let mut forms = forms("today ", 60, amount, used.as_ref(), &facts.config.currency);
    // Month and project have no segment of their own; the fullest of their budgets speaks up here.
    let month = figures.month.map(|spent| spent.cost());
    let month = month.map(|spent| (BudgetScope::Month, spent));
    let projects = figures.projects.iter();
    let projects = projects.map(|(key, spent)| (BudgetScope::Project(key.clone()), *spent));
    let fullest = month
        .into_iter()
        .chain(projects)
        .filter_map(|(scope, spent)| BudgetUse::worth_saying(budget, scope, spent))
        .max_by(|one, other| one.share().total_cmp(&other.share()));
    if let Some(used) = fullest {
        for form in &mut forms {
            form.pieces
                .push((Tone::Quiet, format!(" {} ", used.scope.label())));
            form.pieces.push(share(&used));
        }
    }
    Some(forms)
}

fn forms(
    label: &str,
    loss: u32,
    amount: Amount,
    used: Option<&BudgetUse>,
    currency: &Currency,
) -> Segment {
    let share = used.map(share);
    let tone = share.as_ref().map_or(Tone::Strong, |(tone, _)| *tone);
    let plain = [(Tone::Quiet, label.to_owned()), (tone, amount.show())];
    let share = share.map(|(tone, text)| (tone, format!(" {text}")));
    let converted = amount.money.converted(currency);
    let converted = converted.map(|converted| (Tone::Quiet, format!(" ({converted})")));
    let forms = [
        (9, converted, share.clone()),
        (58, None, share),
        (loss, None, None),
    ];
    without_repetitions(forms.map(|(loss, converted, share)| {
        let pieces = plain.iter().cloned().chain(converted).chain(share);
        Form::new(loss, pieces.collect())
    }))
}

/// How far a budget is used.
fn share(used: &BudgetUse) -> Piece {
    let tone = if used.is_used_up() {
        Tone::Alarm
    } else {
        Tone::Warning
    };
    let (percent, limit) = (used.percent(), used.limit.show());
    // "$20" is as clear as "$20.00", and shorter.
    let limit = limit.strip_suffix(".00").unwrap_or(&limit);
    (tone, format!("{percent}% of {limit}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::status_payload::StatusPayload;
    use crate::config::Config;
    use crate::ledger::LiveFigures;
    use crate::ledger::Tally;
    use crate::time::{Clock, Hours, Zone};

    /// The texts of a segment, from long to short, where so many dollars were spent.
    fn texts(
        draw: fn(&LineFacts<'_>) -> Option<Segment>,
        usd: i64,
        is_known: bool,
        config: &str,
    ) -> Vec<String> {
        let payload = format!(r#"{{"session_id":"a","cost":{{"total_cost_usd":{usd}}}}}"#);
        let payload = StatusPayload::parse(payload.as_bytes());
        let spent = Tally {
            recorded: Money::from_nano(usd * 1_000_000_000),
            ..Tally::default()
        };
        let figures = LiveFigures {
            session: spent,
            today: spent,
            month: Some(spent),
            is_complete: true,
            ..LiveFigures::default()
        };
        let config = Config::parse(config);
        let clock = Clock {
            now: chrono::DateTime::UNIX_EPOCH,
            zone: Zone::UTC,
            hours: Hours::TwentyFour,
        };
        let facts = LineFacts {
            figures: is_known.then_some(figures),
            ..LineFacts::new(&payload, &config, clock)
        };
        let forms = draw(&facts).unwrap();
        forms.iter().map(Form::text).collect()
    }

    #[test]
    fn a_budget_is_mentioned_from_its_warning_share_on() {
        let say = |usd| texts(today, usd, true, "[budget]\nday = 20.0\nmonth = 100\n").remove(0);
        assert_eq!(say(10), "today $10.00");
        assert_eq!(say(16), "today $16.00 80% of $20");
        assert_eq!(say(90), "today $90.00 450% of $20 month 90% of $100");
    }

    #[test]
    fn the_users_own_currency_stands_beside_dollars_and_gives_way_first() {
        let config = "[budget]\nsession = 2\n[currency]\nrate = 0.5\n";
        assert_eq!(
            texts(session, 2, true, config),
            [
                "session $2.00 (€1.00) 100% of $2",
                "session $2.00 100% of $2",
                "session $2.00",
                "$2.00"
            ]
        );
    }

    #[test]
    fn a_figure_that_is_not_ours_says_so() {
        assert_eq!(texts(session, 2, true, "")[0], "session $2.00");
        assert_eq!(texts(session, 2, false, "")[0], "client says $2.00");
    }
}
