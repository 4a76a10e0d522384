//! Turns a diagnosis into sentences (step 5 of 5).
//!
//! For each cause, `causes.json` lists headlines and badges in order of preference. The first one that fits and has a
//! known value for every placeholder is used. The recommended actions are in `actions.json`, and all other sentences are in
//! `sentences.json`.
//!
//! | placeholder | value | known if |
//! | --- | --- | --- |
//! | `at`, `in`, `until` | the reset, as in "at 14:00", "in 2 h", and "14:00 (2 h from now)" | it is ahead |
//! | `until`, while usage credits pay | the reset of the full window beyond which they pay | it was determined |
//! | `time` | the reset as a time of day, such as "14:00" | it is ahead and today |
//! | `day` | the reset with its day, such as "Tue 06:00" | it is ahead and on another day |
//! | `passed` | the reset, as in "at 14:00" | it has passed |
//! | `possibly_passed`, `possible_reset` | the reset, as in "at 14:00" and "Sat Nov 28 14:00 (22 h from now)" | a pasted message gives a time of day without a date, and it has just passed |
//! | `proven_reset` | the reset, as in "at 14:00" | it has passed, and there is proof that the window has reset |
//! | `name_of_reset` | the same as `name` | there is proof that the window has reset |
//! | `percent`, `meter`, `measured` | the decisive measurement: its figure, its window, and its time | there is one |
//! | `full`, `full_until`, `full_until_brief` | another usage window that is full, and its reset, also as in "Tue 06:00" | there is one |
//! | `cap_of_login` | a limit without a usage window that stops the login's sessions, as in "org spend cap" | the error is about a key, and there is such a limit |
//! | `refused_or_paid` | what happens to prompts while a window is full: "refused or paid for with usage credits", or only "refused" if credits are unavailable | always |
//! | `used` | the percentage in the message | the message contains one |
//! | `spent`, `most` | the amounts in the message: the spend and the cap | the message contains them |
//! | `status` | the HTTP status | there is one |
//! | `key` | the key that the message is about | a key is set |
//! | `host`, `gateway` | the host in the message or in `ANTHROPIC_BASE_URL`, alone and as "your gateway (…)" | there is one |
//! | `other` | another program in the message | the message names one |
//! | `at_when`, `at_time` | the time of the automatic continuation, as in "about 14:01" and "14:01" | it is ahead |
//! | `unproven` | "The message says that" | the verdict is `cannot_tell` |
//! | `window_limit` | the usage window, as in "weekly limit" | the limit is that of a usage window |
//! | `used_up_until` | the reset of this usage window, as in "Tue 06:00" | it is ahead, and the window is certainly full |
//! | `window_of_cap` | the limit of the full usage window because of which the cap stopped work, as in "5-hour limit" | the limit is a cap on spend, and its window is known |
//! | `limit`, `counted` | the usage window, and the limit as in "your weekly limit" | always |
//! | `stopping_limit` | the limit that may stop the session again when Claude Code resumes it | always |
//! | `pool`, `credits`, `are`, `were`, `pay`, `cap` | the words for usage credits that the message uses | always |
//! | `paid_until`, `paid_in`, `paid_until_brief` | the reset of the full window beyond which usage credits pay, as in "Tue Nov 24 06:00", "in 3 d 20 h", and "Tue 06:00" | they will pay for the next response, and it is ahead |
//! | `paid_window` | the full window beyond which usage credits pay, as in "5-hour limit" | the same as `paid_until`, and the window is known |
//! | `full_resets` | the words before `paid_until`: "resets", or "limit resets" if `subject` is not the full window | the same as `paid_until` |
//! | `retry` | "try again in a few minutes", or "Claude Code will continue shortly" | always |
//! | `ending_response` | a clause that says which session received a response | always |
//! | `responder` | "Claude Code", or "another model" if the limit does not apply to the model that responded | always |
//! | `likely` | "probably", or "possibly" if the evidence is weak | always |
//! | `subject` | the same as `name` or, if the error is over, the full window or the first part of the row or badge about its end, as in "limit has reset" | usage credits will pay for the next response |
//! | `past`, `name`, `ended`, … | what happened, the limit, and its end, only for the wording of an ending | always |

mod action;
mod fields;
mod reasons;

pub(crate) use super::decide::ActionName;
pub(crate) use action::Action;
pub(crate) use fields::{Fields, refused_or_paid};
pub(crate) use reasons::{Reason, reasons, unknown_sentence};

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::catalog::Message;
use super::decide::{Cause, Diagnosis, Ending, State, Unknown};
use super::evidence::{Evidence, PayerRelation, PossiblyUnaffected, is_request_later};
use super::kind::{EndedBy, LimitKind, Verdict};
use crate::embedded;

/// The maximum length of a headline, in characters.
const HEADLINE: usize = 110;
/// The maximum width of a badge, in columns.
const BADGE: usize = 60;
/// The fallback if no other summary fits.
const SHORTEST_SUMMARY: &str = "{past}; that has passed";
/// The fallback if no other summary fits and nothing proves that the window has reset.
const SHORTEST_UNPROVEN_SUMMARY: &str = "{past}; that should be over";
/// The prefix for the headline of a quoted message.
const IF_RECEIVED: &str = "If you received this message, ";

include!(concat!(env!("OUT_DIR"), "/EndingWord.rs"));

/// The wording for an error that has ended.
#[derive(Debug, Deserialize)]
struct EndingWording {
    /// Sentences in the past tense that say what happened and how it ended, in order of preference.
    summaries: Vec<String>,
    /// The fallback if no other summary fits. If there is none, it says that the problem has passed.
    shortest_summary: Option<String>,
    /// The advice to append to the summary in a headline.
    advice: Option<String>,
    /// The headlines to use instead of the summary. They describe the present.
    #[serde(default)]
    headlines: Vec<String>,
    badges: Vec<String>,
    /// The sentence that describes the current state.
    state: String,
    /// The versions of the status-line row, longest first. There are none if the error is no longer relevant.
    #[serde(default)]
    rows: Vec<String>,
    /// The rows to use instead while nothing proves that the window has reset.
    #[serde(default)]
    unproven_rows: Vec<String>,
}

/// The wording for a limit that still applies while usage credits pay for responses.
#[derive(Debug, Default, Deserialize)]
struct CreditsPayWording {
    headlines: Vec<String>,
    badges: Vec<String>,
    /// The forms of the status-line row, longest first.
    rows: Vec<String>,
    /// The forms to use instead of `rows` if it is unknown how long credits will be in use.
    rows_without_time: Vec<String>,
    /// The sentence that describes the current state.
    state: String,
}

#[derive(Debug, Default, Deserialize)]
struct Wordings {
    credits_pay: CreditsPayWording,
    /// The advice in the headline if this is the first step, longest first. It replaces the usual advice of the ending.
    advice: HashMap<ActionName, Vec<String>>,
    /// The headlines if a cap on usage credits is over but its window is still full, so they pay, best first.
    cap_over_headlines: Vec<String>,
    /// The forms of the status-line row if the error is over but a budget blocks prompts, longest first.
    budget_rows: Vec<String>,
    endings: HashMap<EndingWord, EndingWording>,
    /// The sentences that describe missing facts.
    unknowns: HashMap<Unknown, String>,
    /// The display text for each reason that the server may give for rejecting usage credits.
    credit_reasons: HashMap<String, String>,
    /// The words that are capitalized only because they start a sentence.
    common_words: Vec<String>,
    /// The verbs in the catalog's meanings, each with its past tense.
    past_tense: Vec<(String, String)>,
}

static WORDINGS: LazyLock<Wordings> = LazyLock::new(|| {
    embedded::parse(
        "limits/wording/sentences.json",
        include_str!("sentences.json"),
    )
});

/// The complete wording for an error.
#[derive(Debug, Clone)]
pub(crate) struct Wording {
    pub(crate) headline: String,
    /// A sentence in the past tense that says what happened and how it ended, or `None` if the error is not over.
    pub(crate) summary: Option<String>,
    pub(crate) badge: String,
    /// The forms of the status-line row that shows how the error ended, longest first. Empty if the error is not over or no
    /// longer relevant.
    pub(crate) ending_rows: Vec<String>,
    /// The forms of the status-line row while usage credits are in use, longest first. Empty if they are not.
    pub(crate) credits_rows: Vec<String>,
    /// The forms of the status-line row if the error is over but a budget blocks prompts, longest first. Otherwise empty.
    pub(crate) budget_rows: Vec<String>,
    pub(crate) actions: Vec<Action>,
}

/// Generates the wording for an error.
pub(crate) fn word(message: &Message, evidence: &Evidence, diagnosis: &Diagnosis) -> Wording {
    let mut fields = Fields::new(message, evidence, diagnosis);
    let present = cause_sentences(message, diagnosis, &fields);
    // The reset of a window does not reset a cap, so after the reset, the name is that of the window.
    let name = match (diagnosis.state, fields.get("window_of_cap")) {
        (State::Over(Ending::Reset | Ending::ResetEarly), Some(window)) => window.to_owned(),
        _ => name_of_badge(&present.badge),
    };
    let name_of_reset = diagnosis.is_reset_proven.then(|| name.clone());
    fields.set_all([("name_of_reset", name_of_reset), ("name", Some(name))]);

    let mut summary = None;
    let mut sentences = match ending_wording(evidence, diagnosis) {
        Some(wording) => {
            let pasts = pasts(message, diagnosis, &fields);
            let summaries = wording.summaries(&pasts, &fields);
            // A headline must mention costs, even if a free step comes first.
            let first_step = match diagnosis.step_with_credits() {
                Some(paid) if diagnosis.state.is_over() => Some(paid),
                _ => diagnosis.actions.first().copied(),
            };
            summary = Some(with_payer(first_fitting(&summaries), diagnosis, &fields));
            Sentences {
                headline: headline_after_cap(diagnosis, &pasts, &fields)
                    .unwrap_or_else(|| wording.headline(&pasts, first_step, &fields)),
                badge: badge(&wording.badges, &fields),
            }
        }
        None => present,
    };
    let rows_after_end = ending_rows(evidence, diagnosis, &fields);
    let mut credits_rows = Vec::new();
    if diagnosis.credits_will_pay() {
        let row = rows_after_end.first();
        let subject = name_of_badge(row.unwrap_or(&sentences.badge));
        fields.set_all([("subject", Some(subject))]);
        sentences.badge = badge(&WORDINGS.credits_pay.badges, &fields);
        credits_rows = WORDINGS.credits_pay.rows(&fields);
    }
    let budget_rows = match rows_after_end.first() {
        Some(row) if diagnosis.actions.first() == Some(&ActionName::LiftBudget) => {
            let subject = name_of_badge(row);
            WORDINGS
                .budget_rows
                .iter()
                .map(|form| form.replace("{subject}", &subject))
                .collect()
        }
        Some(_) | None => Vec::new(),
    };
    let actions = diagnosis
        .actions
        .iter()
        .map(|action| Action::new(*action, evidence, diagnosis.verdict, &fields))
        .collect();
    Wording {
        headline: sentences.headline,
        summary,
        badge: sentences.badge,
        ending_rows: rows_after_end,
        credits_rows,
        budget_rows,
        actions,
    }
}

impl CreditsPayWording {
    /// Returns the forms of the status-line row, longest first.
    fn rows(&self, fields: &Fields) -> Vec<String> {
        let templates = if fields.get("paid_until").is_some() {
            &self.rows
        } else {
            &self.rows_without_time
        };
        templates
            .iter()
            .filter_map(|template| fields.fill(template))
            .collect()
    }
}

impl EndingWording {
    /// Returns the summaries whose placeholders are all known, best first. `pasts` are clauses that say what happened,
    /// best first. The last summary is short enough to always fit.
    fn summaries(&self, pasts: &[String], fields: &Fields) -> Vec<String> {
        let is_reset_unproven =
            fields.get("passed").is_some() && fields.get("proven_reset").is_none();
        let shortest = match &self.shortest_summary {
            Some(shortest) => shortest,
            None if is_reset_unproven => SHORTEST_UNPROVEN_SUMMARY,
            None => SHORTEST_SUMMARY,
        };
        // A cap may be over although its window is still full, so a sentence that says only that the problem has passed does not
        // mention the window.
        let without_window = match pasts.last() {
            Some(last) if fields.get("window_of_cap").is_some() => std::slice::from_ref(last),
            Some(_) | None => pasts,
        };
        let templates = self.summaries.iter().map(String::as_str);
        fill_with_pasts(templates, pasts, fields)
            .chain(fill_with_pasts(
                std::iter::once(shortest),
                without_window,
                fields,
            ))
            .collect()
    }

    /// Returns the headline for an error that is over. `pasts` are clauses that say what happened, best first, and
    /// `first_step` is the first recommended action. The ending's usual advice is omitted if it does not fit.
    fn headline(
        &self,
        pasts: &[String],
        first_step: Option<ActionName>,
        fields: &Fields,
    ) -> String {
        let templates = self.headlines.iter().map(String::as_str);
        if let Some(headline) = fill_with_pasts(templates, pasts, fields)
            .find(|headline| headline.chars().count() < HEADLINE)
        {
            return format!("{headline}.");
        }
        let summaries = self.summaries(pasts, fields);
        let summary = first_fitting(&summaries);
        let advised: Vec<String> = match first_step.and_then(|step| WORDINGS.advice.get(&step)) {
            // The costs must not be omitted, so a shorter summary makes room for them.
            Some(of_step) => summaries
                .iter()
                .flat_map(|summary| {
                    of_step
                        .iter()
                        .map(move |advice| format!("{summary}; {advice}."))
                })
                .collect(),
            None => self
                .advice
                .iter()
                .map(|advice| format!("{}; {advice}.", summary.trim_end_matches('.')))
                .collect(),
        };
        advised
            .into_iter()
            .find(|headline| headline.chars().count() <= HEADLINE)
            .unwrap_or(summary)
    }
}

/// Returns the headline for a cap on usage credits that no longer stops work, although its window is still full, so usage credits
/// pay. Returns `None` for other errors, or if a budget blocks prompts. `pasts` are clauses that say what happened, best first.
fn headline_after_cap(diagnosis: &Diagnosis, pasts: &[String], fields: &Fields) -> Option<String> {
    let is_over = matches!(
        diagnosis.state,
        State::Over(Ending::ResponseReceived | Ending::ResponseElsewhere)
    );
    let is_of_cap = diagnosis.limit.cap().is_some()
        && matches!(diagnosis.verdict, Verdict::Real | Verdict::Misworded);
    if !is_over
        || !is_of_cap
        || diagnosis.mentions_budget()
        || diagnosis.step_with_credits().is_none()
    {
        return None;
    }
    let templates = WORDINGS.cap_over_headlines.iter().map(String::as_str);
    let without_window = pasts.last().map(std::slice::from_ref)?;
    fill_with_pasts(templates, without_window, fields)
        .find(|headline| headline.chars().count() < HEADLINE)
        .map(|headline| format!("{headline}."))
}

/// Fills in the templates about an error that is over. Returns those whose placeholders are all known, best first. `pasts`
/// are the values for `{past}`, best first.
fn fill_with_pasts<'t>(
    templates: impl Iterator<Item = &'t str>,
    pasts: &[String],
    fields: &Fields,
) -> impl Iterator<Item = String> {
    templates
        .flat_map(|template| pasts.iter().map(|past| template.replace("{past}", past)))
        .filter_map(|template| fields.fill(&template))
}

/// Adds a sentence to the summary if the session still uses a key.
fn with_payer(summary: String, diagnosis: &Diagnosis, fields: &Fields) -> String {
    let still_pays = diagnosis.actions.contains(&ActionName::KeyStillPays);
    match fields.get("key") {
        Some(key) if still_pays => {
            format!("{summary} {key} still pays for that session instead of your plan.")
        }
        Some(_) | None => summary,
    }
}

/// Returns the first sentence that fits in a headline.
fn first_fitting(sentences: &[String]) -> String {
    let fitting = sentences
        .iter()
        .find(|sentence| sentence.chars().count() < HEADLINE);
    match fitting {
        Some(sentence) => format!("{sentence}."),
        None => "An error stopped this session, but the problem has since cleared.".to_owned(),
    }
}

struct Sentences {
    headline: String,
    badge: String,
}

/// Returns the headline and badge to show while the user is blocked.
fn cause_sentences(message: &Message, diagnosis: &Diagnosis, fields: &Fields) -> Sentences {
    let prefix = if message.context.is_quoted() {
        IF_RECEIVED
    } else {
        ""
    };
    let template = diagnosis.cause.template();
    let (headlines, badges) = if diagnosis.cause == Cause::AsCataloged {
        (
            catalog_headlines(message, diagnosis),
            catalog_badges(message, diagnosis),
        )
    } else {
        (template.headlines.clone(), template.badges.clone())
    };
    let headline = if diagnosis.credits_pay_now {
        headline(&WORDINGS.credits_pay.headlines, prefix, fields)
    } else {
        headline(&headlines, prefix, fields)
    };
    Sentences {
        headline,
        badge: badge(&badges, fields),
    }
}

/// Returns the catalog's headlines for a message, best first. If the end of the problem is known, headlines with that time
/// come before the catalog's generic advice.
fn catalog_headlines(message: &Message, diagnosis: &Diagnosis) -> Vec<String> {
    let meaning = message.row.meaning.trim_end_matches('.');
    let mut headlines = Vec::new();
    if let Some(words) = words_before_time(diagnosis) {
        let what = meaning.split([':', ';']).next().unwrap_or(meaning);
        let without_remark = what.split(" (").next().unwrap_or(what);
        for what in [what, without_remark] {
            headlines.push(format!("{what}; {} {{at}}, {{in}}", words.headline));
            headlines.push(format!("{what}; {} {{at}}", words.headline));
        }
        headlines.push(format!("{without_remark}; {} {{at}}", words.badge));
    }
    headlines.push(meaning.to_owned());
    headlines
}

/// Returns the catalog's badges for a message, best first.
fn catalog_badges(message: &Message, diagnosis: &Diagnosis) -> Vec<String> {
    let badge = message.row.badge;
    let mut badges = Vec::new();
    if let Some(words) = words_before_time(diagnosis) {
        let what = badge.split(" · ").next().unwrap_or(badge);
        badges.push(format!("{what} · {} at {{time}}", words.badge));
        badges.push(format!("{what} · {} {{day}}", words.badge));
    }
    badges.push(badge.to_owned());
    badges
}

/// The words before the time at which a problem ends.
struct WordsBeforeTime {
    headline: &'static str,
    badge: &'static str,
}

/// Returns the words before the time at which the problem ends, or `None` if waiting does not help.
fn words_before_time(diagnosis: &Diagnosis) -> Option<WordsBeforeTime> {
    if diagnosis.waiting_helps != Some(true) || !diagnosis.limit.messages_state_reset() {
        return None;
    }
    Some(if diagnosis.limit.is_passing() {
        WordsBeforeTime {
            headline: "the message says to try again",
            badge: "try again",
        }
    } else {
        WordsBeforeTime {
            headline: "it resets",
            badge: "resets",
        }
    })
}

/// Returns the first headline that fits and whose placeholders are all known. If no complete headline fits with the
/// prefix, the advice at the end is omitted.
fn headline(templates: &[String], prefix: &str, fields: &Fields) -> String {
    let filled: Vec<String> = templates
        .iter()
        .filter_map(|template| fields.fill(template))
        .collect();
    let whole = filled.iter().map(|text| with_prefix(prefix, text));
    let short = filled
        .iter()
        .map(|text| with_prefix(prefix, text.split([':', ';']).next().unwrap_or(text)));
    let sentence = whole
        .chain(short)
        .chain(filled.iter().cloned())
        .find(|text| text.chars().count() < HEADLINE)
        .unwrap_or_else(|| {
            "whycap cannot explain this message; read the message itself".to_owned()
        });
    format!("{sentence}.")
}

/// Adds a prefix to a sentence. The words "The message says that" are dropped because the prefix already mentions the
/// message. The beginning of a warning is reworded so that the sentence remains complete.
fn with_prefix(prefix: &str, text: &str) -> String {
    if prefix.is_empty() {
        return text.to_owned();
    }
    if let Some(statement) = text.strip_prefix("The message says that ") {
        return format!("{prefix}{statement}");
    }
    if let Some(warning) = text.strip_prefix("You are not blocked; this is ") {
        return format!("{prefix}it is {warning}");
    }
    if let Some(warning) = text.strip_prefix("This is ") {
        return format!("{prefix}it is {warning}");
    }
    if let Some(rest) = text.strip_prefix("Just a warning") {
        return format!("{prefix}it is just a warning{rest}");
    }
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if is_common_word(text) => {
            format!("{prefix}{}{}", first.to_lowercase(), characters.as_str())
        }
        _ => format!("{prefix}{text}"),
    }
}

/// Returns true if the first word of a sentence would be lowercase in mid-sentence.
fn is_common_word(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    WORDINGS.common_words.iter().any(|word| word == first)
}

/// Returns the first badge that fits and whose placeholders are all known.
fn badge(templates: &[String], fields: &Fields) -> String {
    templates
        .iter()
        .filter_map(|template| fields.fill(template))
        .find(|badge| crate::terminal::width(badge) <= BADGE)
        .unwrap_or_else(|| "a message from Claude Code · /whycap explains it".to_owned())
}

/// Returns clauses in the past tense that say what happened, best first.
fn pasts(message: &Message, diagnosis: &Diagnosis, fields: &Fields) -> Vec<String> {
    let template = diagnosis.cause.template();
    let of_cause = template.past.as_ref().and_then(|past| fields.fill(past));
    let past = of_cause.unwrap_or_else(|| past_of_meaning(message.row.meaning));
    if let Some(with_window) = &template.past_with_window
        && fields.get("window_of_cap").is_some()
        && let Some(with_window) = fields.fill(with_window)
    {
        return vec![with_window, past];
    }
    let without_remark = without_remark(&past).to_owned();
    let has_remark = past.contains(" (not ") || past.contains("not a usage limit");
    if diagnosis.verdict != Verdict::NotALimit || has_remark {
        return vec![past, without_remark];
    }
    let remark = if past.contains("limit") {
        "not a limit of your plan"
    } else {
        "not a usage limit"
    };
    vec![format!("{past} ({remark})"), past, without_remark]
}

/// Returns a clause without the remark in parentheses at its end.
fn without_remark(clause: &str) -> &str {
    let with_remark = clause.strip_suffix(')');
    match with_remark.and_then(|clause| clause.rsplit_once(" (")) {
        Some((what, _)) => what,
        None => clause,
    }
}

/// Returns what happened according to a meaning in the catalog, in the past tense and without advice.
fn past_of_meaning(meaning: &str) -> String {
    let what = meaning.split([':', ';', '.']).next().unwrap_or(meaning);
    in_past(what.split(", ").next().unwrap_or(what))
}

/// Converts a clause from the catalog to the past tense.
fn in_past(clause: &str) -> String {
    WORDINGS
        .past_tense
        .iter()
        .fold(clause.to_owned(), |clause, (present, past)| {
            clause.replace(present, past)
        })
}

/// Extracts the name of the limit, which is the first part of a badge.
fn name_of_badge(badge: &str) -> String {
    let name = badge.split(" · ").next().unwrap_or(badge);
    name.trim_end_matches(" (unconfirmed)").to_owned()
}

/// Returns the wording for an error that has ended, or `None` if it has not ended.
fn ending_wording(evidence: &Evidence, diagnosis: &Diagnosis) -> Option<&'static EndingWording> {
    WORDINGS.endings.get(&ending_word(evidence, diagnosis)?)
}

/// Returns the key of the wording for an error that has ended, or `None` if it has not ended.
fn ending_word(evidence: &Evidence, diagnosis: &Diagnosis) -> Option<EndingWord> {
    let State::Over(ending) = diagnosis.state else {
        return None;
    };
    let has_response = evidence.has_later_response();
    let continues = diagnosis
        .helpful_continuation()
        .filter(|_| evidence.collected.obstacle.is_none());
    let continues_soon = diagnosis.actions.contains(&ActionName::LeaveOpen);
    let waits_for_other_window = diagnosis.actions.contains(&ActionName::WaitForOtherWindow);
    let mentions_full_window = diagnosis.actions.contains(&ActionName::FullAsWell);
    Some(match ending {
        Ending::ResponseReceived if diagnosis.actions.contains(&ActionName::AnotherModelWorks) => {
            EndingWord::AnotherModel
        }
        Ending::ResponseReceived if diagnosis.another_model_works() => {
            EndingWord::AnotherModelOnCredits
        }
        Ending::ResponseReceived | Ending::ResponseElsewhere if waits_for_other_window => {
            EndingWord::ResponseOtherFull
        }
        Ending::HitAgain if diagnosis.is_followed_by_other_error() => {
            EndingWord::OtherErrorFollowed
        }
        Ending::HitAgain => EndingWord::HitAgain,
        _ if diagnosis.ended_by == EndedBy::NoSession && ending != Ending::ConcernsOthers => {
            EndingWord::FeatureAvailable
        }
        Ending::Reset if has_response => EndingWord::ResetWithResponse,
        Ending::ResetEarly if has_response => EndingWord::ResetEarlyWithResponse,
        Ending::Reset if diagnosis.is_used_up_again() => EndingWord::ResetUsedUpAgain,
        Ending::Reset | Ending::ResetEarly if diagnosis.also_full.is_some() => {
            EndingWord::ResetOtherFull
        }
        Ending::Reset if continues_soon => EndingWord::ResetContinuesNow,
        Ending::Reset if continues.is_some() => EndingWord::ResetContinued,
        Ending::Reset => EndingWord::Reset,
        Ending::ResetEarly if continues_soon => EndingWord::ResetEarlyContinuesNow,
        Ending::ResetEarly => EndingWord::ResetEarly,
        Ending::ResponseReceived => EndingWord::ResponseReceived,
        Ending::ResponseElsewhere if has_response => EndingWord::ResponseElsewhereAndHere,
        Ending::ResponseElsewhere if evidence.has_asker_response() => {
            EndingWord::ResponseInAskingSession
        }
        Ending::ResponseElsewhere if continues_soon => EndingWord::ResponseElsewhereContinuesNow,
        Ending::ResponseElsewhere => EndingWord::ResponseElsewhere,
        Ending::ConcernsOthers
            if diagnosis.credits_pay_now && diagnosis.credits_probably_pay_for.is_none() =>
        {
            EndingWord::ConcernsOthersOnCredits
        }
        Ending::ConcernsOthers if diagnosis.actions.contains(&ActionName::WaitDespiteResponse) => {
            EndingWord::UsedUpDespiteResponse
        }
        Ending::ConcernsOthers if evidence.collected.session_uses_new_login => EndingWord::NewLogin,
        Ending::ConcernsOthers if evidence.collected.session_has_other_payer => {
            EndingWord::OtherPayer
        }
        Ending::ConcernsOthers if stops_only_other_accounts(evidence) => {
            EndingWord::AskerHasOtherPayer
        }
        Ending::ConcernsOthers if is_of_other_model(evidence, diagnosis) => {
            EndingWord::ConcernsOtherModel
        }
        Ending::ConcernsOthers => EndingWord::ConcernsOthers,
        Ending::KeyRemoved if has_response => EndingWord::KeyRemovedWithResponse,
        Ending::KeyRemoved => EndingWord::KeyRemoved,
        Ending::ModelSwitched => EndingWord::ModelSwitched,
        Ending::PauseOver if mentions_full_window => EndingWord::PauseOverWindowFull,
        Ending::PauseLongOver if mentions_full_window => EndingWord::PauseLongOverWindowFull,
        Ending::PauseOver | Ending::PauseLongOver if continues_soon => {
            EndingWord::PauseOverContinuesNow
        }
        Ending::PauseOver if diagnosis.verdict == Verdict::FalseLikely => {
            EndingWord::PauseOverFalseAlarm
        }
        Ending::PauseOver => EndingWord::PauseOver,
        Ending::PauseLongOver => EndingWord::PauseLongOver,
        Ending::NewMonth => EndingWord::NewMonth,
        Ending::Outlived => EndingWord::Outlived,
    })
}

/// Returns true if the error is a limit of one model family that does not stop the asking session. It still stops sessions that
/// use a model of this family.
fn is_of_other_model(evidence: &Evidence, diagnosis: &Diagnosis) -> bool {
    diagnosis.model_window().is_some()
        && evidence.collected.possibly_unaffected == PossiblyUnaffected::AskingSession
}

/// Returns true if the failed request used an account that the requesting session does not use. The error may stop other
/// sessions of that account.
fn stops_only_other_accounts(evidence: &Evidence) -> bool {
    evidence.collected.asker_has_other_payer && !evidence.error.payer.is_without_account()
}

/// Returns a sentence that describes the current state of the error.
pub(crate) fn state_sentence(evidence: &Evidence, diagnosis: &Diagnosis) -> Cow<'static, str> {
    let sentence = match diagnosis.state {
        State::Notice => "You are not blocked.",
        State::Blocks(_) if diagnosis.credits_probably_pay_for.is_some() => {
            "The limit still applies to one family of models, but usage credits are probably paying for them (costs money)."
        }
        State::Blocks(_) if diagnosis.credits_pay_now => &WORDINGS.credits_pay.state,
        State::Blocks(_) if diagnosis.awaits_figures() => {
            "Whether you are blocked will be known within seconds."
        }
        State::Blocks(_) => match evidence.collected.possibly_unaffected.clause() {
            Some(clause) => {
                return format!("The error occurred in the session named above; {clause}.").into();
            }
            None if diagnosis.limits_only_one_model() => match diagnosis.verdict {
                Verdict::CannotTell => {
                    "If the message is right, the limit still applies, but only to one family of models."
                }
                _ => "The limit still applies, but only to one family of models.",
            },
            None => response_elsewhere(evidence, diagnosis).unwrap_or_else(|| {
                let is_login_refused = diagnosis.limit == LimitKind::Auth;
                if diagnosis.may_next_prompt_work()
                    || diagnosis.may_have_passed() && is_login_refused
                {
                    "The last prompt was refused; the next one may work."
                } else if diagnosis.may_have_passed() {
                    "The last prompt failed; the next one may work."
                } else {
                    "You are still blocked."
                }
            }),
        },
        State::Over(Ending::Reset)
            if diagnosis.is_reset_proven && diagnosis.also_full.is_none() =>
        {
            "The limit has since reset."
        }
        State::Over(Ending::HitAgain) if evidence.has_later_response() => {
            "The session has received a response since then."
        }
        State::Over(_) => {
            ending_wording(evidence, diagnosis).map_or("", |wording| wording.state.as_str())
        }
    };
    sentence.into()
}

/// Returns true if another session that may have the same payer sent a request after the error and received a response,
/// and no limit has stopped the payer since then.
fn has_settled_response_elsewhere(evidence: &Evidence) -> bool {
    let mut responses = evidence.collected.other_responses.iter();
    responses.any(|response| {
        response.payer != PayerRelation::Other
            && !response.is_refused_later
            && is_request_later(evidence.at(), response.requested_at, response.at)
    })
}

/// Returns a sentence about a response that another session has received since an error, although nothing shows that the
/// error is over. Returns `None` if there is no such response, or if some sessions or models may work anyway.
pub(crate) fn response_elsewhere(
    evidence: &Evidence,
    diagnosis: &Diagnosis,
) -> Option<&'static str> {
    let blocks = matches!(diagnosis.state, State::Blocks(_)) && !diagnosis.credits_pay_now;
    if !blocks
        || diagnosis.awaits_figures()
        || evidence.collected.possibly_unaffected.clause().is_some()
        || diagnosis.limits_only_one_model()
        || !has_settled_response_elsewhere(evidence)
    {
        return None;
    }
    Some(if diagnosis.is_limit() {
        "Another session has received a response since then, but nothing shows that this limit is over."
    } else {
        "Another session has received a response since then, but nothing shows that this problem is over."
    })
}

/// Returns the forms of the status-line row that shows how the error ended, longest first. There are none if the error is no
/// longer relevant. If a window is full and its reset is known, the forms with this time are the only ones.
fn ending_rows(evidence: &Evidence, diagnosis: &Diagnosis, fields: &Fields) -> Vec<String> {
    let Some(wording) = ending_wording(evidence, diagnosis) else {
        return Vec::new();
    };
    let templates = if diagnosis.is_reset_proven || wording.unproven_rows.is_empty() {
        &wording.rows
    } else {
        &wording.unproven_rows
    };
    let (with_time, without_time): (Vec<&String>, Vec<&String>) = templates
        .iter()
        .partition(|template| template.contains('{'));
    let filled: Vec<String> = with_time
        .into_iter()
        .filter_map(|template| fields.fill(template))
        .collect();
    if filled.is_empty() {
        without_time.into_iter().cloned().collect()
    } else {
        filled
    }
}

/// Returns true if the user was shown the old name of usage credits. The server may still use the old name even if
/// Claude Code displays the message with the new name.
fn calls_credits_extra_usage(message: &Message, evidence: &Evidence) -> bool {
    let shown = evidence.error.message.text.to_lowercase();
    message.contains("extra usage") && !shown.contains("usage credits")
}

/// Returns an explanation of an outdated term if the message uses one.
pub(crate) fn old_name(message: &Message, evidence: &Evidence) -> Option<&'static str> {
    if calls_credits_extra_usage(message, evidence) {
        Some(
            "\"Extra usage\" is now called \"usage credits\" (since Claude Code 2.1.144). The command is now /usage-credits, but /extra-usage still works.",
        )
    } else if message.contains("session limit") && message.row.id != "unknown" {
        Some(
            "\"Session limit\" means your plan's 5-hour limit, which newer versions call \"5-hour limit\". This limit is not about a single session.",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::catalog::rows;
    use crate::limits::decide::CAUSES;

    /// Sample values of maximum length. The values in each group are always known together.
    const VALUES: &[&[(&str, &str)]] = &[
        &[
            ("at", "on Wed Nov 23, 2026 23:48"),
            ("in", "in 6 d 23 h"),
            ("until", "Wed Nov 23 23:48 (6 d 23 h from now)"),
            ("paid_until", "Wed Nov 23 23:48"),
            ("paid_in", "in 6 d 23 h"),
            ("paid_until_brief", "Wed 23:48"),
            ("full_resets", "limit resets"),
        ],
        &[("time", "11:48pm")],
        &[
            ("day", "Wed Nov 23 23:48"),
            ("used_up_until", "Wed Nov 23 23:48"),
        ],
        &[
            ("passed", "on Wed Nov 23 23:48"),
            ("possibly_passed", "on Wed Nov 23 23:48"),
        ],
        &[("ended_at", "on Wed Nov 23 23:48")],
        &[
            ("percent", "96"),
            ("meter", "weekly"),
            ("measured", "just before the error"),
        ],
        &[("measured_ago", "2 d 23 h ago")],
        &[("key", "ANTHROPIC_AUTH_TOKEN")],
        &[
            ("host", "gateway.with.a.long.name.example.com"),
            (
                "gateway",
                "your gateway (gateway.with.a.long.name.example.com)",
            ),
        ],
        &[("status", "403")],
        &[("used", "100")],
        &[("spent", "$1,500.00"), ("most", "$1,500.00")],
        &[("other", "GitHub")],
        &[("unproven", "The message says that")],
        &[
            ("full", "5-hour limit"),
            ("full_until", "Wed Nov 23 23:48"),
            ("full_until_brief", "Wed 23:48"),
        ],
        &[("cap_at", "on Tue Dec 1 00:00")],
        &[("cap_of_login", "member spend cap")],
    ];
    const ALWAYS: &[(&str, &str)] = &[
        ("window_of_cap", "weekly limit"),
        ("limit", "weekly Sonnet limit"),
        ("window_limit", "weekly Sonnet limit"),
        ("likely", "probably"),
        ("pool", "usage credits"),
        ("credits", "credits"),
        ("are", "are"),
        ("were", "were"),
        ("pay", "pay"),
        ("counted", "your weekly Sonnet limit"),
        ("name", "weekly Sonnet limit"),
        ("subject", "weekly Sonnet limit"),
        ("disputed", "weekly Sonnet limit"),
        ("but", "and"),
        ("retry", "Claude Code will continue shortly"),
        ("stopping_limit", "weekly Sonnet limit"),
        ("responder", "another model"),
        ("ending_response", "another session received a response"),
    ];

    /// Shorter values, such as those for a reset on the same day.
    const SHORT_VALUES: &[(&str, &str)] = &[
        ("at", "at 23:48"),
        ("cap_at", "on Tue Dec 1 00:00"),
        ("in", "in 2 h"),
        // The longest value for a reset on the same day. A headline that does not fit with it might be replaced by one
        // without a time.
        ("until", "11:48pm (23 h 59 m from now)"),
        ("time", "23:48"),
        ("day", "Wed 23:48"),
        ("passed", "at 23:48"),
        ("possibly_passed", "at 23:48"),
        ("full_until", "23:48"),
        ("limit", "5-hour limit"),
        ("counted", "your 5-hour limit"),
        ("meter", "5-hour"),
        ("measured", "at 23:48"),
        ("used", "85"),
        ("pool", "extra usage"),
        ("are", "is"),
        ("key", "ANTHROPIC_API_KEY"),
        ("host", "example.com"),
        ("gateway", "your gateway (example.com)"),
        ("spent", "$5.00"),
        ("most", "$5.00"),
    ];

    /// Text that appears only in sentences that were assembled incorrectly.
    const ODD: [&str; 8] = ["  ", " ,", " .", "{", "}", "::", ",:", " a unknown"];

    /// Returns the fields for all groups whose bit is set in `known`.
    fn fields(known: usize) -> Fields {
        fields_with(known, &[])
    }

    /// Returns the same fields with shorter values for some of them.
    fn fields_with(known: usize, shorter: &[(&'static str, &'static str)]) -> Fields {
        let values = VALUES
            .iter()
            .enumerate()
            .filter(|(index, _)| known & (1 << index) != 0)
            .flat_map(|(_, group)| group.iter());
        let longest: Vec<_> = ALWAYS.iter().chain(values).collect();
        let is_known = |name: &str| longest.iter().any(|(known, _)| *known == name);
        // The first value of a field is used.
        let all = shorter
            .iter()
            .filter(|(name, _)| is_known(name))
            .chain(longest.iter().copied());
        Fields::of(all.map(|(name, value)| (*name, (*value).to_owned())))
    }

    fn check_badge(about: &str, badges: &[String], fields: &Fields) {
        let badge = badge(badges, fields);
        assert!(!badge.contains("whycap explains it"), "{about}");
        assert!(crate::terminal::width(&badge) <= 60, "{about}: {badge}");
        assert!(
            !ODD.iter().any(|odd| badge.contains(odd)),
            "{about}: {badge}"
        );
    }

    fn check_sentence(about: &str, sentence: &str) {
        assert!(!sentence.contains("cannot explain this message"), "{about}");
        assert!(
            !sentence.contains("An error stopped this session"),
            "{about}"
        );
        assert!(sentence.chars().count() <= 110, "{about}: {sentence}");
        let words = sentence.trim_end_matches('.');
        assert!(words.len() + 1 == sentence.len(), "{about}: {sentence}");
        assert!(!words.contains(". "), "two sentences: {about}: {sentence}");
        assert!(
            sentence.starts_with(char::is_uppercase) || sentence.starts_with("whycap"),
            "{sentence}"
        );
        let is_odd = ODD.iter().any(|odd| sentence.contains(odd));
        assert!(!is_odd, "{about}: {sentence}");
    }

    #[test]
    fn every_cause_has_complete_sentences_with_any_evidence() {
        for known in 0..1 << VALUES.len() {
            let fields = fields(known);
            let worded = CAUSES.iter();
            for (cause, wording) in worded.filter(|(cause, _)| **cause != Cause::AsCataloged) {
                let about = format!("{cause:?}");
                check_badge(&about, &wording.badges, &fields);
                check_sentence(&about, &headline(&wording.headlines, "", &fields));
            }
            let wording = &WORDINGS.credits_pay;
            check_sentence("credits", &headline(&wording.headlines, "", &fields));
            check_badge("credits", &wording.badges, &fields);
            let widths: Vec<usize> = wording
                .rows(&fields)
                .iter()
                .map(|row| crate::terminal::width(row))
                .collect();
            assert!(widths.is_sorted_by(|wider, row| wider > row), "{widths:?}");
            assert!(
                widths.last().is_some_and(|width| *width <= 16),
                "{widths:?}"
            );
        }
    }

    /// A headline that is too long even for a reset on the same day would never be shown.
    #[test]
    fn every_headline_of_a_cause_fits_if_its_values_are_short() {
        let fields = fields_with((1 << VALUES.len()) - 1, SHORT_VALUES);
        let mut too_long = Vec::new();
        for (cause, wording) in CAUSES.iter() {
            for template in &wording.headlines {
                let sentence = fields.fill(template).unwrap();
                let length = sentence.chars().count();
                if length >= HEADLINE {
                    too_long.push(format!(
                        "the headline \"{template}\" of {cause:?} has {length} characters, but at most {} fit: {sentence}",
                        HEADLINE - 1
                    ));
                }
            }
        }
        assert!(too_long.is_empty(), "{}", too_long.join("\n"));
    }

    /// The headline about the user's own cap stated the time until the reset only if it was a whole number of hours.
    #[test]
    fn every_headline_about_a_usage_window_has_room_for_the_time_until_its_reset() {
        let shorter: Vec<_> = SHORT_VALUES
            .iter()
            .copied()
            .map(|(name, value)| match name {
                "in" => (name, "in 4 h 59 m"),
                _ => (name, value),
            })
            .collect();
        let fields = fields_with((1 << VALUES.len()) - 1, &shorter);
        let mut too_long = Vec::new();
        for (cause, wording) in CAUSES.iter() {
            for template in &wording.headlines {
                let sentence = fields.fill(template).unwrap();
                // The end of a temporary problem is only minutes away.
                let is_passing = template.contains("try again {at}");
                if !is_passing && sentence.chars().count() >= HEADLINE {
                    too_long.push(format!("{cause:?}: {sentence}"));
                }
            }
        }
        assert!(too_long.is_empty(), "{}", too_long.join("\n"));
    }

    /// If the reset is on another day, `{time}` is unknown and `{until}` is usually too long, so these headlines are
    /// not used.
    #[test]
    fn a_cause_whose_headlines_mention_a_time_has_a_headline_for_another_day() {
        let shorter: Vec<_> = SHORT_VALUES
            .iter()
            .copied()
            .filter(|(name, _)| !["at", "day"].contains(name))
            .collect();
        let fields = fields_with((1 << VALUES.len()) - 1, &shorter);
        for (cause, wording) in CAUSES.iter() {
            let mentions = |names: &[&str]| {
                let templates = wording.headlines.iter();
                templates
                    .filter(|template| names.iter().any(|name| template.contains(name)))
                    .collect::<Vec<_>>()
            };
            if mentions(&["{until}", "{time}"]).is_empty() {
                continue;
            }
            let lengths: Vec<usize> = mentions(&["{day}", "{at}"])
                .into_iter()
                .map(|template| fields.fill(template).unwrap().chars().count())
                .collect();
            assert!(
                lengths.iter().any(|length| *length < HEADLINE),
                "{cause:?} needs a headline of at most {} characters with {{day}}; its lengths are {lengths:?}",
                HEADLINE - 1
            );
        }
    }

    /// If a badge with `{day}` does not fit, the badge that replaces it does not mention the reset at all.
    #[test]
    fn every_badge_with_a_day_fits_if_its_other_values_are_short() {
        let shorter: Vec<_> = SHORT_VALUES
            .iter()
            .copied()
            .filter(|(name, _)| *name != "day")
            .collect();
        let fields = fields_with((1 << VALUES.len()) - 1, &shorter);
        for (cause, wording) in CAUSES.iter() {
            for template in &wording.badges {
                let badge = fields.fill(template).unwrap();
                let has_day = template.contains("{day}");
                let fits = crate::terminal::width(&badge) <= BADGE;
                assert!(fits || !has_day, "{cause:?}: {badge}");
                let has_time = template.contains("{time}");
                let has_badge_with_day = wording.badges.iter().any(|badge| badge.contains("{day}"));
                assert!(!has_time || has_badge_with_day, "{cause:?}: {template}");
            }
        }
    }

    /// Returns the names of all variants of an enum, taken from the error message that serde produces for an unknown
    /// name.
    fn variant_names<T: serde::de::DeserializeOwned>() -> Vec<String> {
        let error = serde_json::from_str::<T>("\"?\"").err().unwrap();
        let message = error.to_string();
        message
            .split('`')
            .skip(1)
            .step_by(2)
            .skip(1)
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_name_that_the_build_script_reads_has_sentences() {
        assert!(CAUSES.len() > 50, "{}", CAUSES.len());
        for (name, cause) in CAUSES.iter() {
            let is_of_row = *name == Cause::AsCataloged;
            assert_eq!(cause.headlines.is_empty(), is_of_row, "{name:?}");
            assert!(!cause.when.is_empty(), "{name:?}");
        }
        assert_eq!(variant_names::<Cause>().len(), CAUSES.len());
        assert_eq!(variant_names::<Unknown>().len(), WORDINGS.unknowns.len());
        assert_eq!(variant_names::<EndingWord>().len(), WORDINGS.endings.len());
        let actions = variant_names::<ActionName>();
        assert!(actions.len() > 50, "{actions:?}");
        for name in actions {
            let action: ActionName = serde_json::from_str(&format!("\"{name}\"")).unwrap();
            assert!(action.template().is_some(), "{name}");
        }
    }

    #[test]
    fn every_purchase_advice_says_that_it_costs_money() {
        // These actions only check something, or their wording already mentions the payment.
        const WITHOUT_REMARK: [&str; 11] = [
            "another_model_works_for_credits",
            "other_model_for_credits",
            "costs_extra",
            "probably_costs_extra",
            "key_still_pays",
            "key_may_pay",
            "pay",
            "pay_console",
            "pay_subscription",
            "subscribe",
            "key_for_program",
        ];
        let actions: serde_json::Value =
            serde_json::from_str(include_str!("actions.json")).unwrap();
        for (name, action) in actions.as_object().unwrap() {
            if action["costs_money"] != true || WITHOUT_REMARK.contains(&name.as_str()) {
                continue;
            }
            let instruction = action["do"].as_str().unwrap();
            let lowercase = instruction.to_lowercase();
            let asks_somebody = lowercase.contains("ask an ") || lowercase.contains("ask for ");
            assert!(
                asks_somebody || instruction.ends_with("(costs money)"),
                "{name} does not end with \"(costs money)\": {instruction}"
            );
        }
    }

    #[test]
    fn every_ending_has_complete_sentences() {
        let passed = VALUES
            .iter()
            .position(|group| group[0].0 == "passed")
            .unwrap();
        let past = "The message said that your weekly Sonnet limit was used up".to_owned();
        for known in 0..1 << VALUES.len() {
            let fields = fields(known | 1 << passed);
            for (ending, wording) in &WORDINGS.endings {
                let about = format!("{ending:?}");
                let pasts = std::slice::from_ref(&past);
                let summaries = wording.summaries(pasts, &fields);
                let headline = wording.headline(pasts, None, &fields);
                check_badge(&about, &wording.badges, &fields);
                check_sentence(&about, &first_fitting(&summaries));
                check_sentence(&about, &headline);
                assert!(wording.headlines.len() > 1 || headline.starts_with(&past));
            }
        }
    }

    /// However an error ended, its summary must say what happened.
    #[test]
    fn every_past_fits_into_the_summary_of_every_ending() {
        let mut pasts: Vec<String> = CAUSES
            .values()
            .flat_map(|wording| wording.past.iter().chain(&wording.past_with_window))
            .filter_map(|past| fields((1 << VALUES.len()) - 1).fill(past))
            .collect();
        pasts.extend(rows().map(|row| without_remark(&past_of_meaning(row.meaning)).to_owned()));
        for past in pasts {
            let longest = SHORTEST_UNPROVEN_SUMMARY.replace("{past}", &past);
            check_sentence(&past, &first_fitting(std::slice::from_ref(&longest)));
            assert!(longest.chars().count() < HEADLINE, "{longest}");
        }
    }

    /// A summary connects what happened and how it ended with "and" or "but". The clause about what happened must not
    /// contain the same conjunction, or else the sentence would be a chain of three clauses.
    #[test]
    fn no_summary_joins_three_clauses_with_the_same_word() {
        let all_fields = fields((1 << VALUES.len()) - 1);
        let mut pasts: Vec<String> = CAUSES
            .values()
            .flat_map(|wording| wording.past.iter().chain(&wording.past_with_window))
            .filter_map(|past| all_fields.fill(past))
            .collect();
        pasts.extend(rows().map(|row| past_of_meaning(row.meaning)));
        for wording in WORDINGS.endings.values() {
            for summary in wording.summaries(&pasts, &all_fields) {
                for conjunction in [", and ", ", but "] {
                    assert!(summary.matches(conjunction).count() < 2, "{summary}");
                }
            }
        }
    }

    #[test]
    fn every_meaning_has_a_past_tense() {
        for row in rows() {
            let past = past_of_meaning(row.meaning);
            for present in [
                " is ",
                " are ",
                " has ",
                "not had ",
                " needs ",
                " applies ",
                " comes ",
                "accepts",
                " belongs ",
                " counts ",
                " continues ",
                " make ",
            ] {
                assert!(!past.contains(present), "{past}");
            }
        }
    }

    /// After an error is over, the sentence that says why credits could not pay is in the past tense.
    #[test]
    fn every_reason_against_credits_has_a_past_tense() {
        for reason in WORDINGS.credit_reasons.values() {
            let past = in_past(&format!("It could not pay because {reason}."));
            for present in [" is ", " are ", " has ", " have "] {
                assert!(!past.contains(present), "{past}");
            }
        }
    }

    #[test]
    fn every_placeholder_is_known_to_the_fields() {
        let names: Vec<&str> = VALUES
            .iter()
            .flat_map(|group| group.iter())
            .chain(ALWAYS)
            .map(|(name, _)| *name)
            .collect();
        let of_causes = CAUSES.values().flat_map(|wording| {
            wording
                .headlines
                .iter()
                .chain(&wording.badges)
                .chain(&wording.past)
                .chain(&wording.past_with_window)
        });
        for text in of_causes {
            for piece in text.split('{').skip(1) {
                let name = piece.split('}').next().unwrap();
                assert!(names.contains(&name), "{name} in {text}");
            }
        }
    }
}
