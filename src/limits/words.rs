//! Headlines and badges from what is known: what fills in the sentences of messages/rules.json.
//!
//! For somebody who is blocked at 2 am and reads English as a second language: first what happened,
//! then when they are back or what to do first. No blame, nothing promised that is not known.

use std::ops::Deref;

use super::case::{self, Case};
use super::clues::Pool;
use super::diagnosis::Diagnosis;
use super::kind::{LimitKind, Verdict, Window, named};
use super::meters::{self, age_at_error, percent};
use super::resets::{Reset, Resets};
use super::rules::{self, Saying};
use super::standing::{self, Ending, Standing};
use crate::terminal;

/// The most characters of a headline, full stop included.
const HEADLINE: usize = 110;
/// The most columns of a badge.
pub(super) const BADGE: usize = 60;

/// What tells when somebody is back, longest first.
const UNTIL: [&str; 7] = [
    "{what}: {who} {at}, {in}",
    "{what}: {who} {at}",
    "{what}, until {time}",
    "{what}, but its reset time {passed} has passed: send the prompt again",
    "The reset time {passed} has passed: send the prompt again",
    "{what}: /usage shows when {who}",
    "{what}: look at /usage",
];

/// What words are made from.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    pub(super) case: Case<'a>,
    pub(super) diagnosis: &'a Diagnosis,
    pub(super) resets: &'a Resets,
    pub(super) standing: Standing,
}

impl<'a> Deref for Telling<'a> {
    type Target = Case<'a>;

    fn deref(&self) -> &Case<'a> {
        &self.case
    }
}

/// What is said in two lengths.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// One plain sentence without its full stop: what happened, and when the user is back or what to
    /// do first.
    pub(super) headline: String,
    /// The same in at most 60 columns. It holds no distance, so that it does not change by the
    /// minute.
    pub(super) badge: String,
    /// What happened, without what to do: what is left to say once it is over.
    what: String,
}

impl Telling<'_> {
    /// What is said of it while it lasts.
    pub(super) fn lasting(&self) -> Said {
        if let Some(answer) = self.diagnosis.answer {
            return self.first_of(&answer.says, &Said::default());
        }
        let [headline, badge] = [self.message.means, self.message.badge];
        self.said(vec![headline.to_owned()], vec![badge.to_owned()], None)
    }

    /// The same of what is over: what it was, and how it ended.
    pub(super) fn in_the_past(&self) -> Said {
        let lasting = self.lasting();
        let what = past(&lasting.what);
        self.first_of(rules::endings(), &Said { what, ..lasting })
    }

    /// The first saying whose conditions hold, after what was said `before`.
    fn first_of(&self, sayings: &[Saying], before: &Said) -> Said {
        let mut sayings = sayings.iter();
        let saying = sayings.find(|saying| self.meets(saying.r#if));
        saying.map_or_else(Said::default, |saying| self.filled(saying, before))
    }

    fn filled(&self, saying: &Saying, before: &Said) -> Said {
        let who = saying.until.unwrap_or_default();
        let what = saying.what.iter().find_map(|what| self.fill(what));
        let about = what.as_deref().unwrap_or(&before.what);
        let name = before.badge.split(" · ").next().unwrap_or_default();
        let fill = |template: &&str| {
            let template = template.replace("{what}", about).replace("{who}", who);
            self.fill(&template.replace("{name}", name))
        };
        let mut headlines: Vec<String> = saying.says.iter().filter_map(fill).collect();
        let mut badges: Vec<String> = saying.badge.iter().filter_map(fill).collect();
        if saying.until.is_some() {
            headlines.extend(UNTIL.iter().filter_map(fill));
            let reset = match (self.value("time"), self.resets.chosen) {
                (Some(time), _) => format!("back {time}"),
                (None, Some(_)) => "its reset has passed".to_owned(),
                (None, None) => "reset: see /usage".to_owned(),
            };
            badges = badges
                .iter()
                .map(|badge| format!("{badge} · {reset}"))
                .collect();
        }
        self.said(headlines, badges, what.filter(|_| saying.until.is_some()))
    }

    /// The first headline and the first badge that are short enough.
    fn said(
        &self,
        mut headlines: Vec<String>,
        mut badges: Vec<String>,
        what: Option<String>,
    ) -> Said {
        if self.diagnosis.is_only_told {
            headlines = if_it_came(&headlines, "If you got it: ", ": ");
            badges = if_it_came(&badges, "if yours: ", " · ");
        }
        let headline = first_that(headlines, |headline| headline.chars().count() < HEADLINE);
        let badge = first_that(badges, |badge| terminal::width(badge) <= BADGE);
        let (before, _) = headline.split_once(": ").unwrap_or((&headline, ""));
        let what = what.unwrap_or_else(|| before.to_owned());
        let [headline, badge] = [headline, badge].map(|words| self.with_time(words));
        Said {
            headline,
            badge,
            what,
        }
    }

    /// A sentence with its parts in braces. None if one of them is not known.
    pub(super) fn fill(&self, template: &str) -> Option<String> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            filled.push_str(before);
            filled.push_str(&self.value(name)?);
            rest = after;
        }
        Some(filled + rest)
    }

    /// What stands for a part in braces.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let (evidence, clock, pool) = (self.evidence, self.clock, self.clues.pool);
        let ahead = || self.reset_ahead().map(|reset| reset.at);
        let metered = || meters::fresh(evidence, self.metered());
        let figures = || self.clues.figures();
        Some(match name {
            "limit" => self.window().limit().to_owned(),
            "counted" => match self.diagnosis.limit {
                LimitKind::Window(window) => format!("your {}", window.limit()),
                LimitKind::UsageCredits => format!("your {}", pool.name()),
                _ => "a usage limit".to_owned(),
            },
            "used" => self.clues.percent_used()?.to_string(),
            "pool" => pool.name().to_owned(),
            "are" => pool.verb().to_owned(),
            "cap" => match pool {
                Pool::UsageCredits => "credit cap".to_owned(),
                Pool::ExtraUsage => "extra usage cap".to_owned(),
            },
            "at" => {
                let time = clock.time(ahead()?);
                let is_today = time.starts_with(|c: char| c.is_ascii_digit());
                format!("{} {time}", if is_today { "at" } else { "on" })
            }
            "in" => clock.distance(ahead()?),
            "when" => clock.time_and_distance(ahead()?),
            "time" => clock.time(ahead()?),
            "passed" => {
                let chosen = self.resets.chosen.filter(|_| ahead().is_none());
                clock.time(chosen?.at)
            }
            "measured" => age_at_error(evidence, metered()?.0),
            "meter" => self.metered().short().to_owned(),
            "metered" => percent(metered()?.1.used_percent),
            "spent" => figures()?.0.to_owned(),
            "most" => figures()?.1.to_owned(),
            "host" => evidence
                .gateway()
                .filter(|host| host.len() <= 30)?
                .to_owned(),
            "gateway" => match self.value("host") {
                Some(host) => format!("your gateway ({host})"),
                None => "your gateway".to_owned(),
            },
            "key" => {
                let stray = evidence.login_replaced_by().next();
                stray.map_or("an API key", |stray| &stray.name).to_owned()
            }
            "status" => self.clues.status?.to_string(),
            "plan" => evidence.login.account.as_ref()?.plan.name().to_owned(),
            "role" => {
                let role = evidence.login.account.as_ref()?.role.as_deref();
                role.map(|role| format!(", role {role}"))
                    .unwrap_or_default()
            }
            "clients" => evidence.session.client.installations.to_string(),
            "place" => self.place().to_owned(),
            // What can be read, in so many columns.
            _ => self.readable(name.strip_prefix("names ")?.parse().ok()?)?,
        })
    }

    /// Whether conditions hold.
    pub(super) fn meets(&self, conditions: &str) -> bool {
        case::meets(conditions, |name| self.holds(name))
    }

    pub(super) fn holds(&self, name: &str) -> Option<bool> {
        let diagnosis = self.diagnosis;
        let is_dated = self.resets.chosen.is_some();
        let parts = name.split_once(' ').unwrap_or((name, ""));
        Some(match parts {
            ("reset", "") => is_dated,
            ("ahead", "") => self.reset_ahead().is_some(),
            ("ends", "") => is_dated || diagnosis.window_is_full,
            ("is", "full") => diagnosis.window_is_full,
            // However it ended in the end.
            ("its", "reset passed") => self.standing == Standing::Over(Ending::Reset),
            ("was", "reset early") => self.standing == Standing::Over(Ending::ResetEarly),
            ("answered", "") => self.evidence.since.answered,
            ("goes", "on") => {
                let reset = self.resets.chosen;
                standing::continues_by_itself(self.evidence, diagnosis.of_plan())
                    && reset.is_none_or(|reset| reset.at - self.clock.now <= standing::LONGEST_WAIT)
                    && !self.evidence.since.answered
            }
            ("another", "model answered") => {
                let evidence = self.evidence;
                evidence.is_answered_by_another_model(diagnosis.limit)
            }
            ("doubted", "") => matches!(
                diagnosis.verdict,
                Verdict::FalseLikely | Verdict::CannotTell
            ),
            ("first", "") => diagnosis
                .answer
                .is_some_and(|answer| answer.first.is_some()),
            ("one", "model") => self.window().is_of_one_model(),
            ("one", "model's limit") => diagnosis
                .limit
                .window()
                .is_some_and(Window::is_of_one_model),
            ("verdict", verdict) => diagnosis.verdict.to_string() == verdict,
            ("who", who) => named(who) == Some(diagnosis.who),
            ("waiting", helps) => diagnosis.waiting_helps == helps.parse().ok(),
            ("ended", name) => match self.standing {
                Standing::Over(_) if self.evidence.since.answered => name == "answered",
                Standing::Over(ending) => named(name) == Some(ending),
                Standing::News | Standing::Blocks(_) => false,
            },
            ("waits", window) => {
                let awaited = diagnosis.awaited().map(LimitKind::Window);
                diagnosis.waiting_helps == Some(true)
                    && awaited.is_some_and(|limit| window == format!("for {limit}"))
            }
            _ => return self.case.holds(name, diagnosis.limit),
        })
    }

    /// The window that the words are about.
    fn window(&self) -> Window {
        self.diagnosis.awaited().unwrap_or(Window::FiveHour)
    }

    /// The window whose meter speaks against the message.
    fn metered(&self) -> Window {
        let weekly = self
            .diagnosis
            .limit
            .window()
            .filter(|window| *window == Window::Weekly);
        weekly.unwrap_or(Window::FiveHour)
    }

    /// The reset, if it lies ahead.
    pub(super) fn reset_ahead(&self) -> Option<Reset> {
        self.resets.chosen.filter(|reset| reset.at > self.clock.now)
    }

    /// With the time to wait until, if the service told one.
    fn with_time(&self, words: String) -> String {
        let Some(time) = self.value("time") else {
            return words;
        };
        let waits = ["wait a minute", "wait a few minutes"];
        waits.iter().fold(words, |words, wait| {
            words.replace(wait, &format!("wait until {time}"))
        })
    }
}

/// What is said of a message that somebody only speaks of; where it is too long, without what to do.
fn if_it_came(texts: &[String], condition: &str, before_what_to_do: &str) -> Vec<String> {
    let whats = texts
        .iter()
        .filter_map(|text| text.split(before_what_to_do).next());
    let all = texts.iter().map(String::as_str).chain(whats);
    all.map(|text| format!("{condition}{text}")).collect()
}

/// The first text that fits, else the last.
fn first_that(texts: Vec<String>, fits: impl Fn(&str) -> bool) -> String {
    let last = texts.last().cloned().unwrap_or_default();
    texts.into_iter().find(|text| fits(text)).unwrap_or(last)
}

/// What was said of a state that lasted, once it is over.
fn past(what: &str) -> String {
    let verbs = [
        ("is", "was"),
        ("are", "were"),
        ("has", "had"),
        ("needs", "needed"),
        ("looks", "looked"),
    ];
    let words = what.split(' ').map(|word| {
        let verb = verbs.iter().find(|(now, _)| *now == word);
        verb.map_or(word, |(_, then)| then)
    });
    words.collect::<Vec<_>>().join(" ")
}

pub(super) fn capitalized(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
