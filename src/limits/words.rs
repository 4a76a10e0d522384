//! Headlines and badges from what is known: what fills in the sentences of messages/rules.json.
//!
//! For somebody who is blocked at 2 am and reads English as a second language: first what happened,
//! then when they are back or what to do first. No blame, nothing promised that is not known.

use std::ops::Deref;

use super::case::{self, Case};
use super::diagnosis::{Diagnosis, Saying};
use super::kind::{LimitKind, Window, named};
use super::meters::{self, age_at_error, percent};
use super::resets::{Reset, Resets};
use super::rules::TABLES;
use super::standing::{self, SETTLED_AFTER, Standing};
use crate::terminal;

/// The most characters of a headline, full stop included.
const HEADLINE: usize = 110;
/// The most columns of a badge.
pub(super) const BADGE: usize = 60;

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
        self.first_of(&TABLES.endings, &Said { what, ..lasting })
    }

    /// The first saying whose conditions hold, after what was said `before`.
    fn first_of(&self, sayings: &[Saying], before: &Said) -> Said {
        let mut sayings = sayings.iter();
        let Some(saying) = sayings.find(|saying| self.meets(saying.r#if)) else {
            return Said::default();
        };
        let what = saying.what.iter().find_map(|what| self.fill(what));
        let about = what.as_deref().unwrap_or(&before.what);
        let name = before.badge.split(" · ").next().unwrap_or_default();
        let (who, until, back) = match saying.until {
            Some(who) => (who, TABLES.until.as_slice(), " · {back}"),
            None => Default::default(),
        };
        let fill = |template: &str| {
            let template = template.replace("{what}", about).replace("{name}", name);
            self.fill(&template.replace("{who}", who))
        };
        let headlines = saying.says.iter().chain(until);
        let headlines = headlines.filter_map(|says| fill(says)).collect();
        let badges = saying.badge.iter().map(|badge| format!("{badge}{back}"));
        let badges = badges.filter_map(|badge| fill(&badge)).collect();
        self.said(headlines, badges, what.filter(|_| saying.until.is_some()))
    }

    /// The first headline and the first badge that are short enough.
    fn said(&self, headlines: Vec<String>, badges: Vec<String>, what: Option<String>) -> Said {
        let headlines = self.if_it_came(headlines, "If you got it: ", ": ");
        let badges = self.if_it_came(badges, "if yours: ", " · ");
        let headline = first_that(headlines, |headline| headline.chars().count() < HEADLINE);
        let badge = first_that(badges, |badge| terminal::width(badge) <= BADGE);
        let before = headline.split(": ").next().unwrap_or_default();
        Said {
            what: what.unwrap_or_else(|| before.to_owned()),
            headline: self.with_time(headline),
            badge: self.with_time(badge),
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
        let (evidence, clock) = (self.evidence, self.clock);
        let ahead = || self.reset_ahead().map(|reset| reset.at);
        let metered = || meters::fresh(evidence, self.metered());
        let host = || evidence.gateway().filter(|host| host.len() <= 30);
        if let Some(words) = TABLES.words.get(name) {
            let known = |(conditions, words): &(&str, String)| {
                self.meets(conditions).then(|| self.fill(words))?
            };
            return words.iter().find_map(known);
        }
        Some(match name {
            "limit" => self.window().limit().to_owned(),
            "used" => self.clues.percent_used()?.to_string(),
            "at" => clock.at_time(ahead()?),
            "in" => clock.distance(ahead()?),
            "when" => clock.time_and_distance(ahead()?),
            "time" => clock.time(ahead()?),
            "passed" => clock.time(self.resets.chosen.filter(|_| ahead().is_none())?.at),
            "measured" => age_at_error(evidence, metered()?.0),
            "meter" => self.metered().short().to_owned(),
            "metered" => percent(metered()?.1.used_percent),
            "spent" => self.clues.figures()?.0.to_owned(),
            "most" => self.clues.figures()?.1.to_owned(),
            "host" => host()?.to_owned(),
            "stray" => evidence.login_replaced_by().next()?.name.clone(),
            "status" => self.clues.status?.to_string(),
            "plan" => evidence.login.account.as_ref()?.plan.name().to_owned(),
            "role name" => evidence.login.account.as_ref()?.role.clone()?,
            "clients" => evidence.session.installations.to_string(),
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
        let (diagnosis, reset, now) = (self.diagnosis, self.resets.chosen, self.clock.now);
        let is_near = |reset: Reset| reset.at - self.evidence.at <= standing::LONGEST_WAIT;
        // Of two windows it waits for the one that refused.
        let is_its = diagnosis.limit.window().or(diagnosis.window) == diagnosis.awaited();
        let is_armed = is_its && self.evidence.session.waiting.is_some();
        let waits = || reset.is_none_or(is_near) || is_armed;
        let continues = || standing::continues_by_itself(self.evidence, diagnosis) && waits();
        let is_due = reset.is_some_and(|reset| now < reset.at + SETTLED_AFTER);
        let is_of_one_model = Window::is_of_one_model;
        let is_verdict = |name: &str| named(name) == Some(diagnosis.verdict);
        Some(match name.split_once(' ').unwrap_or((name, "")) {
            ("reset", "") => reset.is_some(),
            ("ahead", "") => self.reset_ahead().is_some(),
            ("ends", "") => reset.is_some() || diagnosis.window_is_full,
            ("is", "full") => diagnosis.window_is_full,
            ("answered", "") => self.evidence.since.answered,
            ("goes", "on") => continues() && !self.evidence.since.answered,
            ("continues", "now") => continues() && is_due,
            ("another", "model answered") => {
                self.evidence.is_answered_by_another_model(diagnosis.limit)
            }
            ("first", "") => diagnosis.answer.and_then(|answer| answer.first).is_some(),
            ("by", "its transcript") => self.evidence.login.owner.is_some(),
            ("of", "a window") => diagnosis.limit.window().is_some(),
            ("one", "model") => is_of_one_model(self.window()),
            ("one", "model's limit") => diagnosis.limit.window().is_some_and(is_of_one_model),
            ("verdict", verdicts) => verdicts.split('/').any(is_verdict),
            ("who", who) => named(who) == Some(diagnosis.who),
            ("waiting", helps) => diagnosis.waiting_helps == helps.parse().ok(),
            ("for", window) => diagnosis.awaited() == Some(named(window)?),
            ("blocks", "") => matches!(self.standing, Standing::Blocks(_)),
            ("over", "") => self.standing.is_over(),
            // However it ended in the end.
            ("over", ending) => self.standing == Standing::Over(named(ending)?),
            ("ended", name) => match self.standing {
                Standing::Over(_) if self.evidence.since.answered => name == "answered",
                Standing::Over(ending) => named(name) == Some(ending),
                Standing::News | Standing::Blocks(_) => false,
            },
            _ => return self.case.holds(name, diagnosis.limit),
        })
    }

    /// The window that the words are about.
    fn window(&self) -> Window {
        self.diagnosis.awaited().unwrap_or(Window::FiveHour)
    }

    /// The window whose meter speaks against the message.
    fn metered(&self) -> Window {
        match self.diagnosis.limit {
            LimitKind::Window(Window::Weekly) => Window::Weekly,
            _ => Window::FiveHour,
        }
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
        let until = format!("wait until {time}");
        let words = words.replace("wait a minute", &until);
        words.replace("wait a few minutes", &until)
    }

    /// What is said where somebody only speaks of a message; if that is too long, without what to do.
    fn if_it_came(&self, texts: Vec<String>, condition: &str, before_doing: &str) -> Vec<String> {
        if !self.diagnosis.is_only_told {
            return texts;
        }
        let whats = texts.iter();
        let whats = whats.filter_map(|text| text.split(before_doing).next());
        let all = texts.iter().map(String::as_str).chain(whats);
        all.map(|text| format!("{condition}{text}")).collect()
    }
}

/// The first text that fits, else the last.
fn first_that(texts: Vec<String>, fits: impl Fn(&str) -> bool) -> String {
    let last = texts.last().cloned().unwrap_or_default();
    texts.into_iter().find(|text| fits(text)).unwrap_or(last)
}

/// What was said of a state that lasted, once it is over.
fn past(what: &str) -> String {
    let words = what.split(' ').map(|word| {
        let verb = TABLES.past.iter().find(|(now, _)| *now == word);
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
