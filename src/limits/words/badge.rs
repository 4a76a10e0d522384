//! The badge: at most 60 columns for the status line.

use super::{Words, pool_name};
use crate::limits::kind::{LimitKind, Verdict};
use crate::terminal;

/// The most columns that a badge takes.
const BADGE_COLUMNS: usize = 60;

fn window_short(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::FiveHour => "5-hour limit",
        LimitKind::Weekly => "weekly limit",
        LimitKind::WeeklyOpus => "weekly Opus limit",
        LimitKind::WeeklySonnet => "weekly Sonnet limit",
        LimitKind::WeeklyFable => "weekly Fable limit",
        _ => "usage limit",
    }
}

impl Words<'_> {
    /// "back 14:30" for a badge.
    fn back(&self) -> String {
        match self.finding.resets.chosen {
            Some(reset) if reset.at > self.clock.now => {
                format!("back {}", self.clock.time(reset.at))
            }
            Some(_) => "its reset has passed".to_owned(),
            None => "reset: see /usage".to_owned(),
        }
    }

    /// The same in at most 60 columns. It holds no distance, so that it does not change by the minute.
    pub(in crate::limits) fn badge(&self) -> String {
        let finding = self.finding;
        let back = self.back();
        let sure = |text: &str| format!("{text} · {back}");
        let badge = match (finding.verdict, finding.limit) {
            (Verdict::FalseLikely, _) => match self.meter() {
                Some(meter) => format!(
                    "this limit looks false: {} meter at {} %",
                    meter.window, meter.percent
                ),
                None => "this limit looks false · /whycap".to_owned(),
            },
            (Verdict::WrongCredential, _) => format!(
                "wrong credential: {} · /whycap",
                self.stray().unwrap_or("a stray API key")
            ),
            (Verdict::CannotTell, LimitKind::Unknown) => {
                "unknown error · /whycap says what to check".to_owned()
            }
            (Verdict::CannotTell, kind) if kind.is_window() && finding.window_is_full => {
                sure(window_short(kind))
            }
            (Verdict::CannotTell, kind) if kind.is_window() => {
                format!("{}, unconfirmed · {back}", window_short(kind))
            }
            (Verdict::CannotTell, LimitKind::OwnSpendCap) => {
                format!("spend cap, unconfirmed · {back}")
            }
            (Verdict::CannotTell, LimitKind::ApiCreditBalance) => {
                "credit balance empty, but whose? · /status".to_owned()
            }
            (Verdict::CannotTell, LimitKind::Throttle) => {
                "refused for now · try again in a minute".to_owned()
            }
            (Verdict::CannotTell, LimitKind::UsageCredits) => {
                format!(
                    "{} empty? unconfirmed · see /usage",
                    pool_name(self.evidence)
                )
            }
            (Verdict::CannotTell, _) => "an admin's cap, unconfirmed · see /usage".to_owned(),
            (Verdict::Misworded, kind) if kind.is_window() && finding.window.is_some() => {
                format!("{}, no org involved · {back}", window_short(kind))
            }
            (_, kind) if kind.is_window() => sure(window_short(kind)),
            (_, kind) if kind.is_paid_from_pool() && finding.waiting_helps == Some(false) => {
                "fast mode needs usage credits · /fast turns it off".to_owned()
            }
            (_, LimitKind::OwnSpendCap) => format!(
                "{} + own spend cap · {back}",
                window_short(finding.window.unwrap_or(LimitKind::FiveHour))
            ),
            (_, LimitKind::OrgSpendCap) => sure("org's spend cap · ask an Owner"),
            (_, LimitKind::MemberSpendCap) => sure("admin's limit on you · ask an Owner"),
            (_, LimitKind::SeatNoCredits) => sure("seat without credits"),
            (_, LimitKind::UsageCredits) => sure(&format!("{} empty", pool_name(self.evidence))),
            (_, LimitKind::ApiSpendCap) => match finding.resets.chosen {
                Some(_) => sure("API spend cap reached"),
                None => "API spend cap reached · an admin can raise it".to_owned(),
            },
            (_, kind) => finding
                .family
                .own_words
                .map_or_else(|| fixed_badge(kind), |words| words.badge)
                .to_owned(),
        };
        terminal::cut(&badge, BADGE_COLUMNS)
    }
}

fn fixed_badge(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::ModelNeedsCredits => "model needs usage credits · /model for another",
        LimitKind::ApiCreditBalance => "API credit balance empty · add credits in the Console",
        LimitKind::Billing => "payment due · see billing settings",
        LimitKind::LongContextCredits => "1M context needs credits · /model without [1m]",
        LimitKind::Throttle => "throttled, no usage limit · try again in a minute",
        LimitKind::Overloaded => "service overloaded, no limit · try again soon",
        LimitKind::ServerError => "service error, no limit · try again soon",
        LimitKind::Auth => "login or key refused, no limit · /login",
        LimitKind::OrgDisabled => "organisation disabled, no limit · /status",
        LimitKind::SubscriptionAccess => "subscriptions not allowed by your org · ask an admin",
        LimitKind::ModelUnavailable => "model not available · /model for another",
        LimitKind::RequestTooLarge => "request too large, no limit · /compact",
        LimitKind::PromptTooLong => "prompt too long, no limit · /compact",
        _ => "request refused · /whycap",
    }
}
