//! The evidence in sentences: what the verdict rests on, each with its source and time.

use chrono::{DateTime, Utc};

use super::evidence::{Sample, Seen, Source};
use super::kind::Window;
use super::meters::{self, FRESH_FOR, FULL_FROM, age_at_error, percent};
use super::resets::{Reset, ResetSource};
use super::rules::TABLES;
use super::vocabulary::{VOCABULARY, identifier};
use super::words::{Telling, capitalized};
use crate::claude::credentials::Credential;
use crate::claude::meters::{BELIEVED_FOR, Meter};
use crate::transcript::tail::QuotaLimits;

/// One fact that the verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A sentence.
    pub sentence: String,
    /// Where it comes from.
    pub source: Source,
    /// When it was so.
    pub at: Option<DateTime<Utc>>,
}

impl Reason {
    fn new(source: Source, at: Option<DateTime<Utc>>, sentence: String) -> Self {
        Self {
            sentence,
            source,
            at,
        }
    }

    /// What a credential or a switch that is set does.
    fn of_set(credential: &Credential) -> Self {
        let effect = if credential.outranks_login() {
            ", so your login is not used"
        } else if credential.name == "CLAUDE_CODE_OAUTH_TOKEN" {
            ", which replaces the login and carries no plan"
        } else if credential.is_gateway() {
            ", so another service may answer"
        } else {
            ""
        };
        let host = credential.host.as_ref().map(|host| format!(" ({host})"));
        let (name, host) = (&credential.name, host.unwrap_or_default());
        let place = credential.set_in.words();
        let sentence = format!("{name}{host} is set in {place}{effect}.");
        Self::new(credential.set_in.into(), None, sentence)
    }
}

impl Telling<'_> {
    /// All reasons, the one that decided first.
    pub(super) fn reasons(&self) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = self.if_it_came_just_now().into_iter().collect();
        reasons.extend(self.the_error());
        reasons.extend(self.the_meters());
        reasons.extend(self.two_resets());
        reasons.extend(self.told("account"));
        reasons.extend(self.evidence.login.credentials.iter().map(Reason::of_set));
        reasons.extend(self.the_version());
        reasons.extend(self.told("client"));
        reasons.extend(self.the_page());
        if reasons.is_empty() {
            reasons.extend(self.told("nothing"));
        }
        // An outdated Claude Code comes next: what it says is to be read otherwise.
        reasons.sort_by_key(|reason| reason.source != Source::Version);
        let decisive = |reason: &Reason| reason.source == self.diagnosis.decisive;
        let up_to_it = reasons.iter().position(decisive);
        if let Some(first) = up_to_it.and_then(|at| reasons.get_mut(..=at)) {
            first.rotate_right(1);
        }
        self.told("owner").chain(reasons).collect()
    }

    fn the_error(&self) -> Vec<Reason> {
        let evidence = self.evidence;
        if evidence.text.seen == Seen::Pasted {
            return Vec::new();
        }
        let line = evidence.line();
        let at = line.and_then(|line| line.at).or(Some(evidence.at));
        // The client's own word for an error of no kind that it has a word for.
        let class = evidence.class().filter(|class| *class != "unknown");
        let class = class.and_then(identifier).unwrap_or("an unknown error");
        let (by, says) = match (evidence.quota(), line) {
            (Some(quota), _) => (Source::Transcript, self.the_servers_words(quota)),
            (None, Some(line)) => {
                let status = line.status.map(|status| format!(", status {status}"));
                let status = status.unwrap_or_default();
                let says = format!(
                    "Claude Code recorded {class}{status}, and nothing about your plan's limits."
                );
                (Source::Transcript, vec![says])
            }
            (None, None) => (Source::Hook, vec![format!("Claude Code reported {class}.")]),
        };
        let says = says.into_iter();
        says.map(|says| Reason::new(by, at, says)).collect()
    }

    /// Which limit refused until when, and why usage credits did not take over.
    fn the_servers_words(&self, quota: &QuotaLimits) -> Vec<String> {
        let limit = match (self.evidence.refused_window(), &quota.rate_limit_type) {
            (Some(window), _) => window.limit(),
            (None, Some(name)) if name == "overage" => "usage credits",
            (None, Some(name)) => identifier(name).unwrap_or("a limit that whycap does not know"),
            (None, None) => "a limit without a name",
        };
        let refused = format!(
            "The server says: {limit}{}.",
            self.reset_at(quota.resets_at)
        );
        let no_credits = quota.overage_disabled_reason.as_deref().map(|reason| {
            let why = VOCABULARY.no_credits.get(reason);
            let why = why.map_or("the server does not say why", String::as_str);
            let name = identifier(reason).map(|name| format!(" ({name})"));
            let name = name.unwrap_or_default();
            format!("Usage credits did not take over: {why}{name}.")
        });
        [refused].into_iter().chain(no_credits).collect()
    }

    /// ", resets 14:30", and of one that has passed ", reset 14:30".
    fn reset_at(&self, at: Option<DateTime<Utc>>) -> String {
        at.map_or_else(String::new, |at| {
            let is_ahead = at > self.clock.now;
            let verb = if is_ahead { "resets" } else { "reset" };
            format!(", {verb} {}", self.clock.time(at))
        })
    }

    fn the_meters(&self) -> impl Iterator<Item = Reason> {
        let (evidence, awaited) = (self.evidence, self.diagnosis.awaited());
        let mut in_order = Window::ALL;
        in_order.sort_by_key(|window| Some(*window) != awaited);
        let windows = in_order.into_iter().filter_map(move |window| {
            let (sample, meter) = meters::near(evidence, window)?;
            Some(self.metered_at(sample, meter, &format!("{} usage", window.short()), ""))
        });
        let spend_limit = meters::spend_limit(evidence).map(|(sample, limit)| {
            let dollars = limit.used.zip(limit.limit);
            let dollars =
                dollars.map(|(used, most)| format!(" ({} of {})", used.show(), most.show()));
            self.metered_at(
                sample,
                limit.meter,
                "gateway spend",
                &dollars.unwrap_or_default(),
            )
        });
        windows.chain(spend_limit)
    }

    /// How far something was used around the error.
    fn metered_at(&self, sample: &Sample, meter: Meter, what: &str, besides: &str) -> Reason {
        let when = age_at_error(self.evidence, sample);
        let is_old = self.evidence.at - meters::measured(self.evidence, sample) > FRESH_FOR;
        let said = self.resets.chosen.map(|chosen| chosen.at);
        let reset = meter.resets_at.filter(|at| Some(*at) != said);
        let (used, reset) = (percent(meter.used_percent), self.reset_at(reset));
        let mut sentence = format!("{when} your {what} was {used}%{besides}{reset}.");
        if is_old {
            sentence += " That is too old to prove anything.";
        }
        Reason::new(Source::Sample, Some(sample.at), capitalized(&sentence))
    }

    /// What the meters say against or for a pasted message. When it came nobody knows.
    fn if_it_came_just_now(&self) -> Option<Reason> {
        let window = self.diagnosis.awaited()?;
        let (sample, meter) = self.told_now(window)?;
        let so = if meter.used_percent >= FULL_FROM {
            "so it is real"
        } else {
            "so the limit looks false"
        };
        let sentence = format!(
            "If it came just now: your {} usage is {}%, {so}. An older message may be about usage that has reset since.",
            window.short(),
            percent(meter.used_percent)
        );
        Some(Reason::new(Source::Sample, Some(sample.measured), sentence))
    }

    /// What `/usage` showed last, as far as no other witness tells it.
    fn the_page(&self) -> Option<Reason> {
        let evidence = self.evidence;
        let usage = evidence.windows.usage.as_ref()?;
        let windows = [Window::FiveHour, Window::Weekly].into_iter();
        let unmetered = windows.filter(|window| meters::near(evidence, *window).is_none());
        let words = unmetered.filter_map(|window| {
            let used = percent(meters::shown(evidence, window)?);
            Some(format!("{} usage {used}%", window.short()))
        });
        let words: Vec<String> = words.chain(usage.in_words()).collect();
        let (words, at) = (words.join(", "), self.clock.time_and_distance(usage.at));
        let mut sentence = format!("/usage showed {words} ({at}).");
        if self.clock.now - usage.at > BELIEVED_FOR {
            sentence += " That is too old to go by.";
        }
        (!words.is_empty()).then(|| Reason::new(Source::Account, Some(usage.at), sentence))
    }

    fn two_resets(&self) -> impl Iterator<Item = Reason> {
        let says = |reset: &Reset| {
            let (who, source) = match reset.source {
                ResetSource::Server => ("the server", Source::Transcript),
                ResetSource::Meter => ("the usage figure", Source::Sample),
                ResetSource::Text => ("the message", Source::Transcript),
            };
            (source, format!("{who} says {}", self.clock.time(reset.at)))
        };
        let first = self.resets.chosen.as_ref().map(says);
        let first = first.map_or_else(String::new, |(_, first)| first);
        self.resets.others.iter().map(move |other| {
            let (source, other) = says(other);
            let sentence = format!("Two reset times: {first}, {other}. whycap goes by the first.");
            Reason::new(source, None, sentence)
        })
    }

    /// What it means, or meant, for some in this version of Claude Code.
    fn the_version(&self) -> Option<Reason> {
        let version = self.evidence.version()?;
        let mut also = self.message.also.iter();
        let (_, who, _, means) = also.find(|(conditions, _, versions, _)| {
            let is_meant = versions.from.is_some() && versions.contain(version);
            is_meant && self.case.meets(conditions)
        })?;
        let sentence = format!("Claude Code {version}, {who}: {means}");
        Some(Reason::new(Source::Version, None, sentence))
    }

    /// What the tables say of a subject, as far as it concerns this case.
    fn told(&self, of: &'static str) -> impl Iterator<Item = Reason> {
        let facts = TABLES.facts.get(of).into_iter().flatten();
        let facts = facts.filter(|fact| self.meets(fact.r#if));
        facts.filter_map(|fact| Some(Reason::new(fact.by, None, self.fill(fact.says)?)))
    }
}
