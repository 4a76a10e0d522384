//! The headline: one plain sentence.

use super::{Words, pool_name, window_name};
use crate::limits::actions;
use crate::limits::kind::{LimitKind, Verdict, Who};

impl Words<'_> {
    /// "wait until 14:30, in 1 h 52 m".
    fn wait(&self) -> String {
        match self.finding.resets.chosen {
            Some(reset) if reset.at > self.clock.now => {
                format!("wait until {}", self.clock.time_and_distance(reset.at))
            }
            Some(reset) => format!(
                "its reset time {} has passed, so send the prompt again",
                self.clock.time(reset.at)
            ),
            None => "wait for its reset, which /usage shows".to_owned(),
        }
    }

    /// One plain sentence: what happened and what to do first.
    pub(in crate::limits) fn headline(&self) -> String {
        let sentence = match self.finding.verdict {
            Verdict::FalseLikely => self.headline_of_a_false_limit(),
            Verdict::WrongCredential => format!(
                "This is the limit of {}, not of your subscription: take it out and log in with your plan",
                self.stray().unwrap_or("an API key")
            ),
            Verdict::CannotTell => self.headline_of_an_open_question(),
            Verdict::Real | Verdict::Misworded | Verdict::NotALimit => self.headline_of_a_fact(),
        };
        format!("{sentence}.")
    }

    fn headline_of_a_false_limit(&self) -> String {
        let is_pool = self.finding.limit == LimitKind::UsageCredits;
        let first = if is_pool && actions::runs_an_old_client(self.evidence) {
            "update Claude Code, and do not buy credits"
        } else if is_pool && self.evidence.is_long_context_model() {
            "choose the model without [1m], and do not buy credits"
        } else if is_pool {
            "send the prompt again in a few minutes, and do not buy credits"
        } else {
            "send the prompt again in a few minutes, and compare with /usage"
        };
        match self.meter() {
            Some(meter) => format!(
                "This limit is probably false, because the {} meter showed only {} %, {}: {first}",
                meter.window, meter.percent, meter.when
            ),
            None => format!("This limit is probably false: {first}"),
        }
    }

    fn headline_of_an_open_question(&self) -> String {
        let finding = self.finding;
        match finding.limit {
            LimitKind::Unknown if finding.waiting_helps.is_some() => {
                "A usage window of your plan may be used up, but the message does not say which: look at /usage".to_owned()
            }
            LimitKind::Unknown => {
                "whycap does not know this error: look at /usage and /status before you change anything".to_owned()
            }
            kind if kind.is_window() && finding.window_is_full => format!(
                "Your {} is used up, and whether an organisation is involved cannot be told: {}",
                window_name(kind),
                self.wait()
            ),
            kind if kind.is_window() => format!(
                "The {} may be used up, but nothing here confirms it: compare with /usage, or {}",
                window_name(kind),
                self.wait()
            ),
            LimitKind::OwnSpendCap => format!(
                "The {} and your own monthly cap on {} may both be used up, but nothing here confirms it: compare with /usage, or {}",
                window_name(finding.window.unwrap_or(LimitKind::FiveHour)),
                pool_name(self.evidence),
                self.wait()
            ),
            LimitKind::OrgSpendCap if self.evidence.plan().is_none() => {
                "On Team or Enterprise your organisation's cap is reached, on Pro or Max these words only mean that your 5-hour window is used up: look at /usage".to_owned()
            }
            LimitKind::OrgSpendCap | LimitKind::MemberSpendCap | LimitKind::SeatNoCredits => {
                "An admin's cap may have stopped you, but the evidence does not settle it: compare with /usage, then ask an Owner".to_owned()
            }
            LimitKind::UsageCredits => {
                let then = if finding.who == Who::Admin {
                    "look at /usage, then ask an admin"
                } else {
                    "look at /usage before you buy any"
                };
                format!(
                    "The message says that {} are used up, but nothing here confirms it: {then}",
                    pool_name(self.evidence)
                )
                .replace("extra usage are", "extra usage is")
            }
            LimitKind::ApiCreditBalance => {
                "A Console credit balance is empty, though you are logged in with a plan: /status shows which key the session uses".to_owned()
            }
            LimitKind::Throttle => {
                "The server refused this request for now: wait a minute, send it again, and look at /usage if it stays".to_owned()
            }
            _ => "The evidence does not settle what this was: look at /usage and /status".to_owned(),
        }
    }

    fn headline_of_a_fact(&self) -> String {
        let finding = self.finding;
        let pool = pool_name(self.evidence);
        let window = window_name(finding.window.unwrap_or(finding.limit));
        let misworded = finding.verdict == Verdict::Misworded;
        match finding.limit {
            LimitKind::FiveHour | LimitKind::Weekly
                if misworded && finding.window.is_some() && !finding.window_is_full =>
            {
                format!(
                    "No organisation is involved, whatever the message says, and most likely your {window} is used up: {}",
                    self.wait()
                )
            }
            LimitKind::FiveHour | LimitKind::Weekly if misworded && finding.window.is_some() => {
                format!(
                    "Your {window} is used up, and no organisation is involved, whatever the message says: {}",
                    self.wait()
                )
            }
            LimitKind::FiveHour | LimitKind::Weekly if misworded => format!(
                "Your {window} is used up, not what the message names: {}",
                self.wait()
            ),
            LimitKind::WeeklyOpus | LimitKind::WeeklySonnet | LimitKind::WeeklyFable => format!(
                "Your {window} is used up: switch to another model with /model, or {}",
                self.wait()
            ),
            kind if kind.is_window() => format!("Your {window} is used up: {}", self.wait()),
            kind if kind.is_paid_from_pool() && finding.waiting_helps == Some(false) => format!(
                "Fast mode is paid from {pool}, which are used up or capped, while your plan has room: turn it off with /fast"
            )
            .replace("extra usage, which are", "extra usage, which is"),
            LimitKind::OwnSpendCap => format!(
                "Two limits at once, your {window} and your own monthly cap on {pool}: {}, or raise the cap",
                self.wait()
            ),
            LimitKind::OrgSpendCap | LimitKind::MemberSpendCap | LimitKind::SeatNoCredits => {
                self.headline_of_an_admins_cap(window, pool)
            }
            LimitKind::UsageCredits if finding.window_is_full => format!(
                "Your {window} is used up and no {pool} is left to go on with: {}",
                self.wait()
            )
            .replace("no usage credits is", "no usage credits are"),
            LimitKind::UsageCredits if finding.resets.chosen.is_some() => format!(
                "No {pool} is left, so work goes on with the next included usage: {}",
                self.wait()
            )
            .replace("No usage credits is", "No usage credits are"),
            LimitKind::UsageCredits => format!(
                "No {pool} is left: wait for your included usage, which /usage shows, or add some"
            )
            .replace("No usage credits is", "No usage credits are"),
            LimitKind::ApiSpendCap => {
                let figures = figures(&self.evidence.message)
                    .map(|(used, cap)| format!(" ({used} of {cap})"))
                    .unwrap_or_default();
                let or_wait = match finding.resets.chosen {
                    Some(reset) if reset.at > self.clock.now => {
                        format!(", or wait until {}", self.clock.time_and_distance(reset.at))
                    }
                    _ => String::new(),
                };
                format!(
                    "A spend cap set for your API usage is reached{figures}: ask an admin to raise it{or_wait}"
                )
            }
            kind => {
                let own = finding.family.own_words.map(|words| words.headline);
                own.unwrap_or_else(|| fixed_headline(kind)).to_owned()
            }
        }
    }

    fn headline_of_an_admins_cap(&self, window: &str, pool: &str) -> String {
        let whose = match self.finding.limit {
            LimitKind::SeatNoCredits => format!("your seat includes no {pool}"),
            LimitKind::MemberSpendCap => {
                format!("an admin's limit on your {pool} is reached")
            }
            _ => format!("your organisation's cap on {pool} is reached"),
        };
        let administers = self
            .evidence
            .account
            .as_ref()
            .is_some_and(crate::claude::account::Account::administers);
        let raise = if administers {
            "change it in the organisation's settings"
        } else {
            "ask an Owner to change it with /usage-credits"
        };
        match self.finding.resets.chosen {
            Some(reset) if reset.at > self.clock.now => format!(
                "Two limits at once, your {window} is used up and {whose}: {raise}, or wait until {}",
                self.clock.time_and_distance(reset.at)
            ),
            _ if self.finding.window_is_full => format!(
                "Two limits at once, your {window} is used up and {whose}: {raise}, or {}",
                self.wait()
            ),
            _ => {
                let mut whose = whose;
                if let Some(first) = whose.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                format!("{whose}: {raise}, or wait for your included usage, which /usage shows")
            }
        }
    }
}

fn fixed_headline(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::ModelNeedsCredits => {
            "This model is served from usage credits only, which is no temporary limit: switch to another model with /model"
        }
        LimitKind::ApiCreditBalance => {
            "The prepaid API credits of your Console account are used up: add credits there, waiting does not help"
        }
        LimitKind::Billing => {
            "A payment failed or lapsed: look at the billing settings, waiting does not help"
        }
        LimitKind::LongContextCredits => {
            "The 1M context needs usage credits turned on, and no quota is used up: choose the model without [1m] with /model"
        }
        LimitKind::Throttle => {
            "The server slows requests down for a moment, and no usage limit is involved: wait a minute and send the prompt again"
        }
        LimitKind::Overloaded => {
            "The service is overloaded, which counts against no limit of yours: wait a few minutes and send the prompt again"
        }
        LimitKind::ServerError => {
            "The service failed or was not reached, which counts against no limit of yours: wait a few minutes and send the prompt again"
        }
        LimitKind::Auth => {
            "The service refused the login or the key, and no limit is involved: log in again with /login or correct the key"
        }
        LimitKind::OrgDisabled => {
            "The organisation behind the credential in use is disabled, and no limit is involved: check /status and log in elsewhere"
        }
        LimitKind::SubscriptionAccess => {
            "Your organisation does not allow subscriptions in Claude Code, and no limit is involved: ask an admin, or use an API key"
        }
        LimitKind::ModelUnavailable => {
            "This model does not exist or is not open to your account: choose another one with /model"
        }
        LimitKind::RequestTooLarge => {
            "The request is too large, mostly because of images or attachments: take some out, or run /compact"
        }
        LimitKind::PromptTooLong => {
            "The conversation is longer than the model takes, and no usage limit is involved: run /compact or /clear"
        }
        _ => "The service refused the request: look at /usage and /status",
    }
}

/// What was used and what the cap is, in "Current usage: $150.00 / $150.00 limit".
fn figures(message: &str) -> Option<(&str, &str)> {
    let (_, rest) = message.split_once("usage: ")?;
    let (used, rest) = rest.split_once(" / ")?;
    let cap = rest.split_whitespace().next()?;
    [used, cap]
        .iter()
        .all(|amount| amount.len() <= 20 && amount.contains(|c: char| c.is_ascii_digit()))
        .then_some((used, cap))
}
