//! What was spent, as the status line says it: this session, today, and budgets that run out.

use super::amounts::Amounts;
use super::form::{Form, Segment};
use crate::budget::{BudgetScope, BudgetUse};
use crate::config::{Config, Currency};
use crate::spend::Amount;
use crate::terminal::{Piece, Tone};

pub(super) fn session(amounts: &Amounts, config: &Config) -> Option<Segment> {
    let amount = amounts.session?;
    let used = BudgetUse::worth_saying(&config.budget, BudgetScope::Session, amount.money);
    if amounts.session_is_clients {
        return Some(forms(
            "client says ",
            85,
            amount,
            used.as_ref(),
            &config.currency,
        ));
    }
    let mut forms = forms("session ", 85, amount, used.as_ref(), &config.currency);
    forms.push(Form::new(90, vec![(Tone::Strong, amount.show())]));
    Some(forms)
}

/// Subagents' answers count once they were read; until then it is less.
pub(super) fn prompt(amounts: &Amounts) -> Option<Segment> {
    let amount = amounts.prompt?.show();
    let pieces = vec![(Tone::Quiet, "prompt ".to_owned()), (Tone::Plain, amount)];
    Some(vec![Form::new(33, pieces)])
}

pub(super) fn today(amounts: &Amounts, config: &Config) -> Option<Segment> {
    let amount = amounts.today?;
    let budget = &config.budget;
    let used = BudgetUse::worth_saying(budget, BudgetScope::Day, amount.money);
    let mut forms = forms("today ", 60, amount, used.as_ref(), &config.currency);
    // Month and project have no segment of their own; the fullest of their budgets speaks up here.
    let month = amounts.month.map(|spent| (BudgetScope::Month, spent));
    let projects = amounts.projects.iter();
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
    let plain = vec![(Tone::Quiet, label.to_owned()), (tone, amount.show())];
    let mut forms = Vec::new();
    if let Some(converted) = amount.money.converted(currency) {
        let mut longest = plain.clone();
        longest.push((Tone::Quiet, format!(" ({converted})")));
        longest.extend(share.clone().map(|(tone, text)| (tone, format!(" {text}"))));
        forms.push(Form::new(9, longest));
    }
    if let Some((tone, text)) = share {
        let mut long = plain.clone();
        long.push((tone, format!(" {text}")));
        forms.push(Form::new(58, long));
    }
    forms.push(Form::new(loss, plain));
    forms
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
    use crate::pricing::Money;

    fn dollars(usd: i64) -> Amount {
        Amount::exact(Money::from_nano(usd * 1_000_000_000))
    }

    #[test]
    fn a_budget_is_mentioned_from_its_warning_share_on() {
        let config = Config::parse("[budget]\nday = 20.0\nmonth = 100\n");
        let say = |usd| {
            let amounts = Amounts {
                today: Some(dollars(usd)),
                month: Some(dollars(usd).money),
                ..Amounts::default()
            };
            today(&amounts, &config).unwrap()[0].text()
        };
        assert_eq!(say(10), "today $10.00");
        assert_eq!(say(16), "today $16.00 80% of $20");
        assert_eq!(say(90), "today $90.00 450% of $20 month 90% of $100");
    }

    #[test]
    fn the_users_own_currency_stands_beside_dollars_and_gives_way_first() {
        let config = Config::parse("[budget]\nsession = 2\n[currency]\nrate = 0.5\n");
        let amounts = Amounts {
            session: Some(dollars(2)),
            ..Amounts::default()
        };
        let forms = session(&amounts, &config).unwrap();
        let texts: Vec<String> = forms.iter().map(Form::text).collect();
        assert_eq!(
            texts,
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
        let say = |session_is_clients| {
            let amounts = Amounts {
                session: Some(dollars(2)),
                session_is_clients,
                ..Amounts::default()
            };
            session(&amounts, &Config::default()).unwrap()[0].text()
        };
        assert_eq!(say(false), "session $2.00");
        assert_eq!(say(true), "client says $2.00");
    }
}
