//! Finds the catalog row that matches a message (step 2 of 5).

mod context;
mod limit_name;
mod pattern;
mod retyped;
mod row;
mod times;
mod word_search;

use context::DistinctMessages;
pub(crate) use context::MessageContext;
pub(crate) use row::{Audience, row};
pub use row::{Row, rows};
pub(crate) use times::{PossibleResets, RESET_TOLERANCE, ReadAt, reset_in_text};

use std::collections::HashMap;
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::decide::DecisionName;
use super::evidence::{ErrorMessage, MessageOrigin, Reset, ResetSource};
use super::split::{Passage, normalize, split};
use crate::limits::kind::{LimitKind, Service, Stops, Verdict, Window};
use crate::limits::words::WORDS;
use crate::time::{Clock, WEEK, Zone};
use row::{AssumedZone, Rank};
use word_search::row_of_words;

/// Claude Code's advice to check the gateway. The gateway's host may follow in parentheses, as in "check your inference
/// gateway (127.0.0.1:8787)".
const CHECK_GATEWAY: &str = "check your inference gateway";

/// The hint that Claude Code shows with a message about a rejected login.
const LOGIN_HINT: &str = "please run /login";

/// A hint about where unrecognized text comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum UnknownText {
    #[default]
    Unclear,
    /// The text is only a wrapper, such as "API Error: 429", and gives no reason.
    Wrapper,
    /// The text mentions another program.
    OfOther,
    /// The text mentions Claude.
    OfClaude,
}

/// A recognized message and the information extracted from it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) row: &'static Row,
    /// The passage that contains the message, in its original case, with the fields that surround it.
    pub(crate) passage: Passage,
    /// The message in normalized form, for pattern matching.
    pub(crate) normalized: String,
    /// The message from the first recognized word onward.
    text_from_match: String,
    /// The text after the message.
    pub(crate) following: String,
    /// The entire text that contains the message, in normalized form.
    pub(crate) whole: String,
    pub(crate) context: MessageContext,
    /// True if the text was pasted by the user.
    is_pasted: bool,
    /// True if the text mentions Claude or has Claude Code's prefix for errors, or if Claude Code reported the error.
    pub(crate) mentions_claude: bool,
    /// The usage window that the message refers to.
    pub(crate) window: Option<Window>,
    /// The time zone of the reset time, if the message itself does not state it.
    zone: Option<Zone>,
    /// The percentage mentioned in the message.
    pub(crate) percent: Option<u32>,
    /// The amount spent and the cap, as mentioned in the message.
    pub(crate) amounts: Option<Amounts>,
    pub(crate) unknown: UnknownText,
    /// The name of another program that is mentioned in the text.
    pub(crate) other: Option<String>,
}

/// The amounts in a phrase such as "Current usage: $150.00 / $150.00 limit".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) spent: String,
    pub(crate) cap: String,
}

impl Message {
    /// Returns true if the normalized message contains these words.
    pub(crate) fn contains(&self, words: &str) -> bool {
        self.normalized.contains(words)
    }

    /// Returns true if the message tells the user to check a gateway. Claude Code adds this advice to every message about
    /// a server error if `ANTHROPIC_BASE_URL` is set, even if the gateway only passed the error on.
    pub(crate) fn names_gateway(&self) -> bool {
        self.whole.contains(CHECK_GATEWAY)
    }

    /// Returns the host of the gateway that the message names, including the port, if any. Returns `None` if the
    /// message names no host, or if the text in parentheses is not a valid host.
    pub(crate) fn gateway_host(&self) -> Option<&str> {
        let (_, after) = self.whole.split_once(CHECK_GATEWAY)?;
        let (host, _) = after.strip_prefix(" (")?.split_once(')')?;
        let is_valid = host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
        (is_valid && host.len() <= 60).then_some(host)
    }

    /// Returns the reset time in the message if it is plausible for the window.
    pub(crate) fn reset_time(
        &self,
        seen: DateTime<Utc>,
        window: Option<Window>,
        zone: Zone,
    ) -> Option<DateTime<Utc>> {
        let zone = self.zone.unwrap_or(zone);
        let read_at = ReadAt {
            seen,
            zone,
            window,
            may_be_old: self.is_pasted,
        };
        let passage = &self.passage;
        let paused = passage
            .retry_after
            .and_then(|pause| seen.checked_add_signed(pause));
        let in_json = passage.resets_at.filter(|at| read_at.may_be_reset(*at));
        in_json
            .or_else(|| reset_in_text(&self.text_from_match, read_at))
            .or_else(|| reset_in_text(&passage.text, read_at))
            .or_else(|| self.reset_after(read_at))
            .or_else(|| paused.filter(|at| read_at.may_be_reset(*at)))
    }

    /// Returns true if the message states only a time of day for the reset, without a date.
    pub(crate) fn gives_clock_time_alone(&self) -> bool {
        times::is_clock_time_alone(&self.passage.text)
    }

    /// Returns true if `reset` is that of the user's own cap: the text of the message states it without the name of a usage
    /// window, and it [must be that of a cap](is_reset_of_cap).
    pub(crate) fn states_reset_of_cap(&self, reset: Reset, clock: Clock) -> bool {
        self.row.limit == LimitKind::OwnSpendCap
            && self.window.is_none()
            && reset.source == ResetSource::Text
            && is_reset_of_cap(reset.at, clock)
    }

    /// Returns the two possible resets if the user pasted a message that names no usage window and states only a time of
    /// day that has just passed. Such a message may be old, or it may be new and about the weekly limit.
    pub(crate) fn possible_resets(
        &self,
        seen: DateTime<Utc>,
        zone: Zone,
    ) -> Option<PossibleResets> {
        let states_moment = self.passage.resets_at.is_some() || self.passage.retry_after.is_some();
        if !self.is_pasted || self.window.is_some() || states_moment {
            return None;
        }
        let read_at = ReadAt {
            seen,
            zone: self.zone.unwrap_or(zone),
            window: None,
            may_be_old: true,
        };
        times::possible_resets(&self.passage.text, read_at)
    }

    /// Returns the time zone that the catalog assumes for the message's reset time. Returns `None` if the catalog has
    /// no zone for this message, if the message contains no reset time, or if the message itself states a zone.
    pub(crate) fn assumed_zone(&self) -> Option<AssumedZone> {
        let zone = self.row.zone?;
        times::is_without_zone(&self.passage.text).then_some(zone)
    }

    /// Returns the words with which a pasted message states `reset`, such as "3pm (Asia/Tokyo)", if they name a time zone
    /// whose clocks differ from those in `own_zone`.
    pub(crate) fn reset_in_other_zone(&self, reset: DateTime<Utc>, own_zone: Zone) -> Option<&str> {
        if !self.is_pasted {
            return None;
        }
        [&self.text_from_match, &self.passage.text]
            .into_iter()
            .find_map(|text| times::reset_in_other_zone(text, reset, own_zone))
    }

    /// Returns the reset time found in the text after the message.
    fn reset_after(&self, read_at: ReadAt) -> Option<DateTime<Utc>> {
        if self.row.limit.is_passing() {
            return None;
        }
        reset_in_text(&self.following, read_at)
    }
}

/// A catalog row that matches a passage.
struct Match {
    /// The index of the passage.
    index: usize,
    rank: Rank,
    row: &'static Row,
    passage: Passage,
    normalized: String,
    /// The position of the matching words, or `None` if only a code, class, or status matched.
    range: Option<Range<usize>>,
    context: MessageContext,
}

impl Match {
    /// Returns the usage window that the match refers to.
    fn window(&self) -> Option<Window> {
        window_in(&self.normalized, self.row)
    }

    /// Returns true if the match is an error of its own and not part of the response that contained the notice. If the
    /// server named a limit on a feature as the reason for a refusal, a bare status such as 429 comes from the same
    /// response.
    fn is_separate_error_from(&self, notice: &Self) -> bool {
        let is_same_response = self.rank == Rank::ByClassOnly
            && notice.passage.is_of_server
            && notice.row.stops() == Stops::Feature;
        !self.row.is_notice() && !is_same_response
    }

    /// Returns true if the match is at the start of a message rather than inside another sentence. A match by code,
    /// class, or status always counts as the start of a message.
    fn begins_message(&self) -> bool {
        match &self.range {
            Some(range) => {
                let before = self.normalized.get(..range.start).unwrap_or_default();
                pattern::begins_message(before)
            }
            None => true,
        }
    }
}

/// The parts of an error that are used to recognize its message. Errors with identical parts always have the same
/// message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MessageParts {
    /// True if the text was pasted by the user.
    is_pasted: bool,
    text: String,
    /// The text of the transcript line if the error itself has no text.
    line_text: String,
    /// The error details from the hook and the transcript line.
    details: Vec<String>,
    /// The error classes and codes from the hook and the transcript line.
    codes: Vec<String>,
    /// The HTTP status in the transcript line.
    status: Option<u16>,
}

impl MessageParts {
    pub(crate) fn of(error: &ErrorMessage) -> Self {
        let line = error.line.as_ref();
        let line_text = match line {
            Some(line) if error.text.trim().is_empty() => line.text.clone(),
            Some(_) | None => String::new(),
        };
        let details = [
            error.hook_details.clone(),
            line.and_then(|line| line.details.clone()),
        ];
        let codes = [
            line.and_then(|line| line.api_error.clone()),
            line.and_then(|line| line.api_error_code.clone()),
            line.and_then(|line| line.api_error_type.clone()),
            line.and_then(|line| line.error.clone()),
            error.hook_class.clone(),
        ];
        Self {
            is_pasted: error.origin == MessageOrigin::Pasted,
            text: error.text.clone(),
            line_text,
            details: details.into_iter().flatten().collect(),
            codes: codes.into_iter().flatten().collect(),
            status: line.and_then(|line| line.status),
        }
    }
}

/// Recognizes the message in an error's text.
pub(crate) fn recognize(parts: &MessageParts) -> Message {
    let text = ErrorText::new(parts);
    text.best_message()
        .or_else(|| text.joined_message())
        .or_else(|| text.retyped_message())
        .unwrap_or_else(|| text.unknown_message())
}

/// The text of an error, split into passages.
struct ErrorText<'p> {
    parts: &'p MessageParts,
    passages: Vec<Passage>,
    /// The entire text in normalized form.
    whole: String,
    mentions_claude: bool,
    /// True if the text mentions another program, but not Claude.
    is_foreign: bool,
}

impl<'p> ErrorText<'p> {
    fn new(parts: &'p MessageParts) -> Self {
        let is_pasted = parts.is_pasted;
        let mut passages = split(&parts.text);
        if passages.is_empty() {
            passages.push(Passage::default());
        }
        if !parts.line_text.is_empty() {
            passages.extend(split(&parts.line_text));
        }
        if !is_pasted {
            add_fields(&mut passages, parts);
        }

        let whole = whole_text(&passages);
        let mentions_claude = !is_pasted
            || names_claude(&whole)
            || passages
                .iter()
                .any(|passage| has_api_error(&normalize(&passage.text)));
        Self {
            is_foreign: !mentions_claude && names_other(&whole),
            parts,
            passages,
            whole,
            mentions_claude,
        }
    }

    /// Returns the message from the passage that best explains what stopped work.
    fn best_message(&self) -> Option<Message> {
        let mut matches: Vec<Match> = self
            .passages
            .iter()
            .enumerate()
            .filter_map(|(index, passage)| self.match_passage(index, passage))
            .filter(|candidate| !self.is_foreign || is_of_other_service(candidate.row))
            .collect();
        if self.parts.is_pasted {
            let distinct = self.distinct_messages();
            for candidate in &mut matches {
                candidate.context = self.context_of(candidate, distinct);
            }
        }
        let best = best_match(&matches)?;
        let later = self.passages.iter().skip(best.index + 1);
        let following: Vec<&str> = later.map(|passage| passage.text.as_str()).collect();
        Some(Message {
            following: following.join("\n"),
            ..self.message_of(best)
        })
    }

    /// Recognizes a message that was mistakenly split into several passages, such as a menu.
    fn joined_message(&self) -> Option<Message> {
        if self.is_foreign {
            return None;
        }
        let sources: Vec<&str> = self
            .passages
            .iter()
            .map(|passage| passage.source.as_str())
            .collect();
        let joined = Passage {
            text: self.texts().collect::<Vec<_>>().join(" "),
            source: sources.join("\n"),
            ..Passage::default()
        };
        let mut candidate = self.match_passage(0, &joined)?;
        if self.parts.is_pasted {
            let distinct = DistinctMessages { all: 1, limits: 1 };
            candidate.context = self.context_of(&candidate, distinct);
        }
        Some(self.message_of(&candidate))
    }

    /// Recognizes a message that the user has retyped [without its separators](retyped). Other programs use the same words, so
    /// the text must be a known wording, or begin with the message and go on with its reset.
    fn retyped_message(&self) -> Option<Message> {
        let [passage] = self.passages.as_slice() else {
            return None;
        };
        if !self.parts.is_pasted || self.is_foreign {
            return None;
        }
        let parts = MessageParts {
            text: retyped::with_separators(&passage.text)?,
            ..self.parts.clone()
        };
        let restored = ErrorText::new(&parts);
        let [restored_passage] = restored.passages.as_slice() else {
            return None;
        };
        let candidate = restored.match_passage(0, restored_passage)?;
        let range = candidate.range.as_ref()?;
        let before = candidate.normalized.get(..range.start)?;
        let after = candidate.normalized.get(range.end..)?;
        let is_known = retyped::is_wording(&parts.text)
            || before.trim().is_empty() && retyped::is_followed_by_reset(after);
        if is_known {
            restored.best_message()
        } else {
            None
        }
    }

    /// Counts the different messages in the text. Each passage and each quotation can contain one.
    fn distinct_messages(&self) -> DistinctMessages {
        let normalized: Vec<String> = self.texts().map(normalize).collect();
        let messages: HashMap<&str, &Row> = normalized
            .iter()
            .flat_map(|text| context::quotations(text))
            .filter(|part| part.contains(' '))
            .map(beginning_of)
            .filter_map(|part| {
                let words = row_of_words(part, self.mentions_claude)?;
                let before = part.get(..words.range.start)?;
                if !words.row.is_notice() && pattern::begins_message(before) {
                    Some((words.row.id, words.row))
                } else {
                    None
                }
            })
            .collect();
        DistinctMessages {
            all: messages.len(),
            limits: messages
                .values()
                .filter(|row| row.rank == Rank::Limit)
                .count(),
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.passages.iter().map(|passage| passage.text.as_str())
    }

    /// Finds the catalog row for a passage by its words, by its error code, or by its class or status.
    fn match_passage(&self, index: usize, passage: &Passage) -> Option<Match> {
        let normalized = normalize(&with_classes(passage));
        let by_words = row_of_words(&normalized, self.mentions_claude);
        let by_code = rows().find(|row| {
            row.codes
                .iter()
                .any(|code| passage.classes.iter().any(|class| class == code))
        });
        let (rank, row, range) = match (by_words, by_code) {
            // The API's error code is more specific than phrases such as "temporarily limiting requests", so it takes
            // precedence.
            (Some(words), Some(row)) if words.row.rank < Rank::Limit => {
                (row.rank, row, Some(words.range))
            }
            (Some(words), _) => (words.row.rank, words.row, Some(words.range)),
            (None, Some(row)) => (row.rank, row, None),
            (None, None) => {
                let row = self.row_of_class(passage)?;
                (row.rank.min(Rank::ByClassOnly), row, None)
            }
        };
        Some(Match {
            index,
            rank,
            row,
            passage: passage.clone(),
            normalized,
            range,
            context: MessageContext::Received,
        })
    }

    /// Finds the first catalog row that matches the classes or the status of a passage.
    fn row_of_class(&self, passage: &Passage) -> Option<&'static Row> {
        let has_unknown_words =
            self.parts.is_pasted && !pattern::is_wrapper(&normalize(&passage.text));
        if has_unknown_words && !self.mentions_claude {
            return None;
        }
        rows()
            .filter(|row| {
                row.rank == Rank::ByClassOnly
                    || !has_unknown_words
                    || !matches!(row.limit, LimitKind::Auth | LimitKind::Billing)
            })
            .find(|row| {
                row.classes.iter().any(|class| {
                    passage.classes.iter().any(|known| known == class)
                        || passage
                            .status
                            .is_some_and(|status| is_status(class, status))
                })
            })
    }

    /// Determines the role of a matched message in pasted text. `distinct` counts the messages in the entire text.
    fn context_of(&self, candidate: &Match, distinct: DistinctMessages) -> MessageContext {
        let passage = &candidate.passage;
        let normalized = &candidate.normalized;
        let Some(range) = &candidate.range else {
            let is_in_code =
                !begins_with_api_error(normalized) && context::is_program(&passage.source);
            return if is_in_code {
                MessageContext::InCode
            } else {
                MessageContext::Received
            };
        };
        let context = if context::is_in_literal(&self.parts.text, normalized, range) {
            MessageContext::InCode
        } else {
            context::context(passage, normalized, range, &self.whole, distinct)
        };
        // Source code usually contains only fragments of messages, so a complete message is probably a quotation.
        let is_quotation = context::is_complete(normalized, range)
            && distinct.limits <= 1
            && !candidate.row.is_notice();
        if context == MessageContext::InCode && is_quotation {
            MessageContext::QuotedInCode
        } else {
            context
        }
    }

    fn message_of(&self, candidate: &Match) -> Message {
        let is_unknown = candidate.context.is_mention() && candidate.row.id != "other-program";
        let row = if is_unknown {
            row("unknown")
        } else {
            candidate.row
        };
        let (text, normalized) = (&candidate.passage.text, &candidate.normalized);
        let text_from_match = cut_before_match(text, normalized, candidate.range.as_ref());
        Message {
            zone: row
                .zone
                .and_then(|zone| Zone::named(zone.id))
                .or_else(|| times::zone_of_same_time(&text_from_match, self.texts())),
            text_from_match,
            context: candidate.context,
            ..self.message(row, candidate.passage.clone(), normalized.clone())
        }
    }

    /// Creates the message for text that does not match any catalog row.
    fn unknown_message(&self) -> Message {
        let last = self.passages.last().cloned().unwrap_or_default();
        let normalized = normalize(&last.text);
        let unknown = if !normalized.is_empty() && pattern::is_wrapper(&normalized) {
            UnknownText::Wrapper
        } else if self.is_foreign {
            UnknownText::OfOther
        } else if self.mentions_claude {
            UnknownText::OfClaude
        } else {
            UnknownText::Unclear
        };
        let is_in_code = self.parts.is_pasted && is_code(&last);
        Message {
            context: if is_in_code {
                MessageContext::InCode
            } else {
                MessageContext::Received
            },
            unknown,
            other: name_of_other(&self.passages),
            ..self.message(row("unknown"), last, normalized)
        }
    }

    fn message(&self, row: &'static Row, passage: Passage, normalized: String) -> Message {
        Message {
            row,
            window: window_in(&normalized, row),
            percent: percent_in(&normalized),
            amounts: amounts_in(&passage.text),
            whole: self.whole.clone(),
            is_pasted: self.parts.is_pasted,
            mentions_claude: self.mentions_claude,
            passage,
            normalized,
            text_from_match: String::new(),
            following: String::new(),
            context: MessageContext::Received,
            zone: None,
            unknown: UnknownText::Unclear,
            other: None,
        }
    }
}

/// Returns true if a reset that a message about credits or a cap states must be that of the cap, because a month begins then or
/// because it is further away than the reset of any usage window.
pub(crate) fn is_reset_of_cap(reset_at: DateTime<Utc>, clock: Clock) -> bool {
    let (month, _) = clock.zone.month_bounds(reset_at);
    reset_at == month || reset_at - clock.now > WEEK
}

/// Returns true if the message comes from a service that is not operated by Anthropic.
fn is_of_other_service(row: &Row) -> bool {
    match row.service {
        Some(Service::Gateway | Service::Bedrock | Service::Vertex | Service::Other) => true,
        Some(Service::Plan | Service::Console) | None => false,
    }
}

/// Returns the name of another program in its original spelling.
fn name_of_other(passages: &[Passage]) -> Option<String> {
    passages.iter().find_map(|passage| {
        let lower = passage.source.to_ascii_lowercase();
        WORDS.others.iter().find_map(|other| {
            let start = lower.find(other)?;
            passage
                .source
                .get(start..start + other.len())
                .map(str::to_owned)
        })
    })
}

/// Returns true if the normalized text contains words that appear only in text about Claude.
fn names_claude(whole: &str) -> bool {
    WORDS.claude.iter().any(|word| whole.contains(word))
}

/// Returns true if the text mentions another program.
fn names_other(whole: &str) -> bool {
    WORDS.others.iter().any(|other| whole.contains(other))
}

/// Returns true if a statement in the text starts with "API Error", as in Claude Code's messages.
fn has_api_error(text: &str) -> bool {
    text.match_indices("api error").any(|(start, _)| {
        let before = text.get(..start).unwrap_or_default().trim_end();
        before.is_empty() || before.ends_with(|c: char| !c.is_alphanumeric())
    })
}

/// Returns true if the message starts with "API Error", optionally after a wrapper such as a timestamp.
fn begins_with_api_error(normalized: &str) -> bool {
    normalized
        .split_once("api error")
        .is_some_and(|(before, _)| pattern::is_wrapper(before))
}

/// Adds the fields from the hook and the transcript line to the last passage.
fn add_fields(passages: &mut [Passage], parts: &MessageParts) {
    let Some(last) = passages.last_mut() else {
        return;
    };
    last.classes.extend(parts.codes.iter().cloned());
    last.status = parts.status.or(last.status);
    for details in parts.details.iter().flat_map(|text| split(text)) {
        last.classes.extend(details.classes.iter().cloned());
        last.status = last.status.or(details.status);
        last.retry_after = last.retry_after.or(details.retry_after);
        last.should_retry = last.should_retry.or(details.should_retry);
        let is_new = !normalize(&last.text).contains(&normalize(&details.text));
        if is_new && !details.text.is_empty() {
            last.text = format!("{} · {}", last.text, details.text);
        }
    }
}

fn whole_text(passages: &[Passage]) -> String {
    let sources = passages.iter().map(|passage| normalize(&passage.source));
    let texts = passages.iter().map(|passage| normalize(&passage.text));
    sources.chain(texts).collect::<Vec<_>>().join("\n")
}

/// Appends the classes to the text, because some messages can be recognized only by their text and class together.
fn with_classes(passage: &Passage) -> String {
    let classes = passage
        .classes
        .iter()
        .filter(|class| class.contains('_') || *class == "forbidden")
        .map(String::as_str);
    let words: Vec<&str> = std::iter::once(passage.text.as_str())
        .chain(classes)
        .collect();
    words.join(" ")
}

/// Returns true if the status matches a class in `messages.json`, such as "529" or "500-599".
fn is_status(class: &str, status: u16) -> bool {
    match class.split_once('-') {
        Some((first, last)) => {
            first.parse().is_ok_and(|first: u16| first <= status)
                && last.parse().is_ok_and(|last: u16| status <= last)
        }
        None => class.parse() == Ok(status),
    }
}

/// Returns the match with the highest rank. Matches of equal rank are compared by these criteria, in order: whether a
/// user received the message, whether it stands on its own, whether it identifies its limit, and whether the server
/// identified the limit. If there is still a tie, the last match wins.
fn best_match(matches: &[Match]) -> Option<&Match> {
    let highest_ranked = matches.iter().enumerate().max_by_key(|(index, candidate)| {
        (
            candidate.rank,
            candidate.context == MessageContext::Received,
            candidate.begins_message(),
            candidate.row.names_limit(),
            candidate.passage.is_of_server,
            *index,
        )
    });
    let (index, best) = highest_ranked?;
    // The server's message before the hint says why the login was rejected.
    if is_login_hint(best)
        && let Some(before) = index.checked_sub(1).and_then(|before| matches.get(before))
        && before.rank == best.rank
        && before.row.limit == best.row.limit
    {
        return Some(before);
    }
    if best.row.is_notice()
        && let Some(error) = error_preferred_to_notice(matches, index, best)
    {
        return Some(error);
    }
    // Users often omit the time when they quote a message, so prefer a copy that contains it.
    let dated = matches.iter().rfind(|candidate| {
        candidate.row.id == best.row.id && context::names_time(&candidate.normalized)
    });
    if dated.is_some() && !context::names_time(&best.normalized) {
        return dated;
    }
    if best.row.answer.verdict != Verdict::Over {
        return Some(best);
    }
    // A notice that one window has reset says nothing about the limit of another window.
    let own_window = best.window();
    let other = matches.iter().take(index).rfind(|candidate| {
        let window = candidate.window();
        window.is_some() && own_window.is_some() && window != own_window
    });
    other.or(Some(best))
}

/// Returns true if the passage consists only of the hint to log in. Older versions of Claude Code append this hint to
/// the server's message.
fn is_login_hint(candidate: &Match) -> bool {
    let words = candidate
        .passage
        .text
        .trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
    words.eq_ignore_ascii_case(LOGIN_HINT)
}

/// Returns the error that takes precedence over a notice, because it stopped the session. This is the last error after
/// the notice or, if there is none, the last error before it. An earlier error does not count if the notice lets the
/// session continue, or if a message in between says that the limit has ended.
fn error_preferred_to_notice<'m>(
    matches: &'m [Match],
    index: usize,
    notice: &Match,
) -> Option<&'m Match> {
    let later = matches
        .iter()
        .skip(index + 1)
        .rfind(|candidate| candidate.is_separate_error_from(notice));
    if later.is_some() || notice.row.lets_session_continue() {
        return later;
    }
    let earlier = matches.iter().take(index).rfind(|candidate| {
        // A message that the text only mentions did not stop anything.
        let is_received = [MessageContext::Received, notice.context].contains(&candidate.context);
        candidate.row.answer.verdict == Verdict::Over
            || is_received && candidate.is_separate_error_from(notice)
    })?;
    if earlier.row.answer.verdict == Verdict::Over {
        None
    } else {
        Some(earlier)
    }
}

/// Removes the text before the first recognized word. Times that appear earlier are not reset times.
fn cut_before_match(text: &str, normalized: &str, range: Option<&Range<usize>>) -> String {
    let start = range.map_or(0, |range| range.start);
    let before = normalized.get(..start).unwrap_or_default();
    let words = normalized.get(start..).unwrap_or_default();
    let first = words.split(' ').next().unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let position = lower
        .match_indices(first)
        .nth(before.matches(first).count())
        .map_or_else(|| lower.find(first), |(position, _)| Some(position));
    text.get(position.unwrap_or(0)..).unwrap_or(text).to_owned()
}

/// Returns true if a passage is source code. If the passage is a JSON object, only the text before the object is
/// checked.
fn is_code(passage: &Passage) -> bool {
    if passage.is_json {
        context::is_code_before_object(&passage.source)
    } else {
        context::is_code(&passage.source, "")
    }
}

/// Returns the usage window that the catalog row or the message refers to.
fn window_in(normalized: &str, row: &Row) -> Option<Window> {
    if let LimitKind::Window(window) = row.limit {
        return Some(window);
    }
    if row.decision == DecisionName::UsageWindow || is_of_other_service(row) {
        return None;
    }
    window_names()
        .find(|(words, _)| names_limit(normalized, words))
        .map(|(_, window)| window)
}

/// Returns the words with which messages name a usage window. The name of a model family comes first, because such a message
/// may also contain the word "weekly".
fn window_names() -> impl Iterator<Item = (&'static str, Window)> {
    Window::ALL
        .into_iter()
        .filter_map(|window| Some((window.family()?, window)))
        .chain(WORDS.windows.iter().copied())
}

/// Returns true if the words identify a limit in the normalized text.
fn names_limit(normalized: &str, words: &str) -> bool {
    normalized.match_indices(words).any(|(start, _)| {
        let rest = normalized.get(start + words.len()..).unwrap_or_default();
        rest.get(..24).unwrap_or(rest).contains("limit") || words.contains("limit")
    })
}

fn percent_in(normalized: &str) -> Option<u32> {
    let (before, _) = normalized.split_once('%')?;
    let digits = before
        .trim_end()
        .rsplit(|c: char| !c.is_ascii_digit())
        .next()?;
    digits.parse().ok().filter(|percent| *percent <= 200)
}

/// Parses a pair of amounts such as "$150.00 / $150.00".
fn amounts_in(text: &str) -> Option<Amounts> {
    let mut amounts = text.match_indices('$').map(|(start, _)| {
        let digits = text.get(start + 1..).unwrap_or_default();
        let end = digits
            .find(|c: char| !c.is_ascii_digit() && !".,".contains(c))
            .unwrap_or(digits.len());
        let amount = digits
            .get(..end)
            .unwrap_or_default()
            .trim_end_matches(['.', ',']);
        (start, start + 1 + amount.len(), format!("${amount}"))
    });
    let (_, end, spent) = amounts.next()?;
    let (start, _, cap) = amounts.next()?;
    let is_pair = text.get(end..start)?.trim() == "/";
    is_pair.then_some(Amounts { spent, cap })
}

/// Returns the first 2,000 characters of a part. Messages are counted only at the beginning of a part, and comparing a
/// very long part with every row would take seconds.
fn beginning_of(part: &str) -> &str {
    part.char_indices()
        .nth(2000)
        .and_then(|(end, _)| part.get(..end))
        .unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server names no limit on a feature yet, so the test uses a limit that Claude Code names.
    #[test]
    fn the_status_of_a_refused_feature_is_not_an_error_of_its_own() {
        let parts = MessageParts {
            is_pasted: true,
            text: "Error: 429\nYou've hit your fast limit".to_owned(),
            line_text: String::new(),
            details: Vec::new(),
            codes: Vec::new(),
            status: None,
        };
        let mut error_text = ErrorText::new(&parts);
        error_text.passages.last_mut().unwrap().is_of_server = true;
        assert_eq!(error_text.best_message().unwrap().row.id, "fast");

        // A warning does not explain why a request was refused.
        error_text.passages.last_mut().unwrap().text =
            "You've used 92% of your weekly limit".to_owned();
        assert_eq!(error_text.best_message().unwrap().row.id, "status-429");
    }
}
