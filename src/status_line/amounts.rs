//! Renders the segments with amounts: the cost of the session, the day, and the last prompt, and budgets that are
//! nearly used up.

use super::layout::{Form, Segment, without_repetitions};
use super::{LineFacts, loss};
use crate::budget::{BudgetUse, budgets_to_report};
use crate::limits::BudgetScope;
use crate::spend::Amount;
use crate::terminal::{Piece, Tone};

/// Returns the session's spend. Without a ledger, this is Claude Code's own figure, labeled as such unless the session
/// is new and therefore cannot have spent anything. Returns `None` if neither is available.
pub(super) fn session(facts: &LineFacts<'_>) -> Option<Segment> {
    let client_total = facts.payload.client_total;
    let Some(figures) = &facts.figures else {
        let amount = Amount::exact(client_total?);
        let label = if facts.payload.is_new_session {
            "session "
        } else {
            "Claude Code says "
        };
        return Some(amount_forms(
            label,
            BudgetScope::Session,
            amount,
            None,
            facts,
        ));
    };
    if client_total.is_none() && facts.payload.session_id.is_none() {
        // Without a session ID, the session's spend is unknown.
        return None;
    }
    let amount = Amount::from_tally(&figures.session);
    let mut forms = amount_forms("session ", BudgetScope::Session, amount, None, facts);
    forms.push(Form::new(
        loss::SESSION_WITHOUT_LABEL,
        vec![(Tone::Strong, amount.show())],
    ));
    Some(forms)
}

/// Returns the day's spend. If the monthly budget is nearly used up, the segment also shows how much of it has been used.
/// Returns `None` without a ledger.
pub(super) fn today(facts: &LineFacts<'_>) -> Option<Segment> {
    let figures = facts.figures.as_ref()?;
    let amount = Amount::from_tally(&figures.today).lower_bound_unless(figures.is_complete);
    let month = budgets_to_report(&facts.config.budget, figures)
        .into_iter()
        .find(|used| used.scope == BudgetScope::Month);
    Some(amount_forms(
        "today ",
        BudgetScope::Day,
        amount,
        month.as_ref(),
        facts,
    ))
}

/// Returns a segment with an amount. The longest form also shows how much of its own budget and of `other_budget` has been
/// used. The shorter forms drop the other budget first, then its own budget.
fn amount_forms(
    label: &str,
    scope: BudgetScope,
    amount: Amount,
    other_budget: Option<&BudgetUse>,
    facts: &LineFacts<'_>,
) -> Segment {
    let loss_of_amount = if scope == BudgetScope::Session {
        loss::SESSION
    } else {
        loss::TODAY
    };
    let used = BudgetUse::above_warning(&facts.config.budget, scope, amount);
    let share = used.as_ref().map(budget_share);
    let tone = share
        .as_ref()
        .map_or(Tone::Strong, |(tone, _)| *tone);
    let plain = vec![(Tone::Quiet, label.to_owned()), (tone, amount.show())];
    let own_share = Vec::from_iter(share.map(|(tone, text)| (tone, format!(" {text}"))));
    let other_share = other_budget.map_or_else(Vec::new, |used| {
        let label = (Tone::Quiet, format!(" {} ", used.scope.key()));
        vec![label, budget_share(used)]
    });
    without_repetitions([
        Form::new(
            loss::SHARE_OF_BUDGET,
            [&plain[..], &own_share, &other_share].concat(),
        ),
        Form::new(loss::SHARE_OF_BUDGET, [&plain[..], &own_share].concat()),
        Form::new(loss_of_amount, plain),
    ])
}

/// Formats how much of a budget has been used, for example `80% of $20`.
fn budget_share(used: &BudgetUse) -> Piece {
    let tone = if used.is_used_up() {
        Tone::Alarm
    } else {
        Tone::Warning
    };
    // Prefer "$20", which is shorter than "$20.00" and just as clear.
    let limit = used.limit.show();
    let short_limit = limit.strip_suffix(".00").unwrap_or(&limit);
    (tone, format!("{}% of {short_limit}", used.percent()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::status_payload::StatusPayload;
    use crate::config::Config;
    use crate::ledger::{LiveFigures, Tally};
    use crate::pricing::Money;
    use crate::time::{Clock, HourFormat, Zone};

    /// Renders a segment after `usd` dollars have been spent. Returns the text of each form, longest first.
    fn texts(
        render: fn(&LineFacts<'_>) -> Option<Segment>,
        usd: i64,
        has_ledger: bool,
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
        };
        let config = Config::parse(config);
        let clock = Clock {
            now: chrono::DateTime::UNIX_EPOCH,
            zone: Zone::UTC,
            hours: HourFormat::TwentyFour,
        };
        let facts = LineFacts {
            figures: has_ledger.then_some(figures),
            ..LineFacts::new(&payload, &config, clock)
        };
        render(&facts)
            .unwrap()
            .iter()
            .map(Form::text)
            .collect()
    }

    #[test]
    fn a_budget_is_shown_once_it_reaches_its_warning_share() {
        let config = "[budget]\nday = 20.0\nmonth = 100\n";
        let text = |usd| texts(today, usd, true, config).remove(0);
        assert_eq!(text(10), "today $10.00");
        assert_eq!(text(16), "today $16.00 80% of $20");
        assert_eq!(text(90), "today $90.00 450% of $20 month 90% of $100");
    }

    #[test]
    fn the_shares_of_the_budgets_are_dropped_before_the_amount() {
        let config = "[budget]\nday = 20\nmonth = 100\n";
        assert_eq!(
            texts(today, 90, true, config),
            [
                "today $90.00 450% of $20 month 90% of $100",
                "today $90.00 450% of $20",
                "today $90.00"
            ]
        );
        assert_eq!(
            texts(today, 90, true, "[budget]\nmonth = 100\n"),
            ["today $90.00 month 90% of $100", "today $90.00"]
        );
    }

    #[test]
    fn a_figure_of_claude_code_is_labeled_as_such() {
        assert_eq!(texts(session, 2, true, "")[0], "session $2.00");
        assert_eq!(texts(session, 2, false, "")[0], "Claude Code says $2.00");
    }
}
