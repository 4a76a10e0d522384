//! Finds the catalog row that matches a message (step 2 of 5).

mod context;
mod limit_name;
mod pattern;
mod row;
mod times;

pub(crate) use context::MessageContext;
pub(crate) use row::{Audience, DecisionName, row};
pub use row::{Row, rows};
pub(crate) use times::{RESET_TOLERANCE, ReadAt, reset_in_text};

use std::collections::HashSet;
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};

use super::evidence::{ErrorMessage, MessageOrigin};
use super::split::{Passage, normalize, split};
use crate::limits::kind::{LimitKind, Service, Verdict, Window};
use crate::limits::words::WORDS;
use crate::time::Zone;
use limit_name::LimitName;
use row::{Rank, ranked};

/// The words that identify a usage window.
const WINDOWS: &[(&str, Window)] = &[
    ("5-hour", Window::FiveHour),
    ("5 hour", Window::FiveHour),
    ("five-hour", Window::FiveHour),
    ("session limit", Window::FiveHour),
    ("session usage", Window::FiveHour),
    ("weekly", Window::Weekly),
    ("7-day", Window::Weekly),
    ("semanal", Window::Weekly),
];

/// A hint about where an unrecognized text comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum UnknownText {
    #[default]
    Unclear,
    /// The text is only a wrapper and does not contain a reason.
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
    /// The message in its original case.
    pub(crate) text: String,
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
    /// The HTTP status of the response.
    pub(crate) status: Option<u16>,
    /// The usage window that the message refers to.
    pub(crate) window: Option<Window>,
    /// The reset time found in JSON.
    pub(crate) resets_at: Option<DateTime<Utc>>,
    /// The time zone of the reset time, if only another part of the text states it.
    zone: Option<Zone>,
    /// The delay requested by the server.
    pub(crate) retry_after: Option<TimeDelta>,
    /// True if the server says that a retry may succeed, or false if the server rules it out.
    pub(crate) should_retry: Option<bool>,
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

    /// Returns the reset time in the message, provided that it is plausible for the window.
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
        let paused = self
            .retry_after
            .and_then(|pause| seen.checked_add_signed(pause));
        let in_json = self.resets_at.filter(|at| read_at.may_be_reset(*at));
        in_json
            .or_else(|| reset_in_text(&self.text_from_match, read_at))
            .or_else(|| reset_in_text(&self.text, read_at))
            .or_else(|| self.reset_after(read_at))
            .or_else(|| paused.filter(|at| read_at.may_be_reset(*at)))
    }

    /// Returns true if the message states only a time of day for the reset, without a date.
    pub(crate) fn gives_clock_time_alone(&self) -> bool {
        self.resets_at.is_none() && times::is_clock_time_alone(&self.text)
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
}

impl Match {
    /// Returns true if the match is the start of a message rather than a part of another sentence. A match without words
    /// always counts as a message of its own.
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
        || WORDS.claude.iter().any(|word| whole.contains(word))
        || passages
            .iter()
            .any(|passage| has_api_error(&normalize(&passage.text)));
    let is_foreign = !mentions_claude && names_other(&whole);
    let matches: Vec<Match> = passages
        .iter()
        .enumerate()
        .filter_map(|(index, passage)| match_passage(index, passage, mentions_claude, is_pasted))
        .filter(|candidate| !is_foreign || is_of_other_service(candidate.row))
        .collect();
    let distinct: HashSet<&str> = matches
        .iter()
        .filter(|candidate| candidate.range.is_some())
        .map(|candidate| candidate.row.id)
        .collect();

    let contexts: Vec<MessageContext> = matches
        .iter()
        .map(|candidate| context_of(candidate, &whole, is_pasted, distinct.len()))
        .collect();
    let best = best_match(&matches, &contexts);
    if best.is_none() && passages.len() > 1 {
        return recognize_joined(&passages, &whole, mentions_claude, is_foreign, is_pasted);
    }
    match best {
        Some((candidate, context)) => {
            let later = passages.iter().skip(candidate.index + 1);
            let following: Vec<&str> = later.map(|passage| passage.text.as_str()).collect();
            let message = message_of(candidate, context, &whole);
            let texts = passages.iter().map(|passage| passage.text.as_str());
            Message {
                following: following.join("\n"),
                is_pasted,
                zone: message
                    .zone
                    .or_else(|| times::zone_of_same_time(&message.text_from_match, texts)),
                ..message
            }
        }
        None => unknown_message(is_pasted, &passages, &whole, is_foreign, mentions_claude),
    }
}

/// Recognizes a message that was mistakenly split into several passages, such as a menu.
fn recognize_joined(
    passages: &[Passage],
    whole: &str,
    mentions_claude: bool,
    is_foreign: bool,
    is_pasted: bool,
) -> Message {
    let texts: Vec<&str> = passages
        .iter()
        .map(|passage| passage.text.as_str())
        .collect();
    let sources: Vec<&str> = passages
        .iter()
        .map(|passage| passage.source.as_str())
        .collect();
    let joined = Passage {
        text: texts.join(" "),
        source: sources.join("\n"),
        ..Passage::default()
    };
    match match_passage(0, &joined, mentions_claude, is_pasted).filter(|_| !is_foreign) {
        Some(candidate) => {
            let context = context_of(&candidate, whole, is_pasted, 1);
            message_of(&candidate, context, whole)
        }
        None => unknown_message(is_pasted, passages, whole, is_foreign, mentions_claude),
    }
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

/// Returns true if the text mentions another program.
fn names_other(whole: &str) -> bool {
    WORDS.others.iter().any(|other| {
        whole.match_indices(other).any(|(start, _)| {
            let before = whole.get(..start).and_then(|text| text.chars().next_back());
            before.is_none_or(|c| !c.is_alphanumeric())
        })
    })
}

/// Returns true if a statement in the text starts with "API Error", as in Claude Code's messages.
fn has_api_error(text: &str) -> bool {
    text.match_indices("api error").any(|(start, _)| {
        let before = text.get(..start).unwrap_or_default().trim_end();
        before.is_empty() || before.ends_with(|c: char| !c.is_alphanumeric())
    })
}

/// Returns true if the message starts with "API Error", optionally after a wrapper such as a timestamp. In source code,
/// these words would follow a quotation mark.
fn begins_with_api_error(normalized: &str) -> bool {
    normalized
        .split_once("api error")
        .is_some_and(|(before, _)| {
            !before.contains(['"', '\'', '`']) && pattern::is_wrapper(before)
        })
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

/// Finds the first catalog row that matches a passage by words, by code, or by class or status.
fn match_passage(
    index: usize,
    passage: &Passage,
    mentions_claude: bool,
    is_pasted: bool,
) -> Option<Match> {
    let normalized = normalize(&with_classes(passage));
    let by_words = row_of_words(&normalized, mentions_claude);
    let by_code = ranked().find(|(_, row)| {
        row.codes
            .iter()
            .any(|code| passage.classes.iter().any(|class| class == code))
    });
    let (rank, row, range) = match (by_words, by_code) {
        // The API's error code is more specific than phrases such as "temporarily limiting requests", so it takes
        // precedence.
        (Some(words), Some((rank, row))) if words.rank < Rank::Limit => {
            (rank, row, Some(words.range))
        }
        (Some(words), _) => (words.rank, words.row, Some(words.range)),
        (None, Some((rank, row))) => (rank, row, None),
        (None, None) => {
            let (rank, row) = row_of_class(passage, mentions_claude, is_pasted)?;
            (rank.min(Rank::ByClassOnly), row, None)
        }
    };
    Some(Match {
        index,
        rank,
        row,
        passage: passage.clone(),
        normalized,
        range,
    })
}

/// A catalog row that matches a passage by its words.
struct WordMatch {
    rank: Rank,
    row: &'static Row,
    /// The position of the matching words.
    range: Range<usize>,
}

/// Finds the first catalog row with a pattern or limit name that occurs in the normalized text. If several messages are
/// quoted, the last one wins.
fn row_of_words(normalized: &str, mentions_claude: bool) -> Option<WordMatch> {
    let names = limit_name::limit_names(normalized, mentions_claude);
    let first = ranked().find_map(|(rank, row)| {
        let range = row
            .patterns
            .iter()
            .find_map(|words| pattern::find(words, normalized, mentions_claude))
            .or_else(|| {
                let name = names.iter().find(|name| is_named(row, name))?;
                Some(name.range.clone())
            })?;
        Some(WordMatch { rank, row, range })
    })?;
    let words = own_limit_first(first, &names, normalized);
    let later = error_after_notice(&words, normalized, mentions_claude)
        .or_else(|| in_later_quotation(&words, normalized, mentions_claude));
    Some(later.unwrap_or(words))
}

/// Looks for an error after a notice in the same text, as in `Context low · Run /compact, Error: Conversation too long`.
/// The error is what stopped work.
fn error_after_notice(
    notice: &WordMatch,
    normalized: &str,
    mentions_claude: bool,
) -> Option<WordMatch> {
    if !notice.row.is_notice() {
        return None;
    }
    let start = notice.range.end;
    let later = row_of_words(normalized.get(start..)?, mentions_claude)?;
    let between = normalized.get(start..start + later.range.start)?;
    let is_error = !later.row.is_notice() && between.contains("error:");
    is_error.then(|| WordMatch {
        range: start + later.range.start..start + later.range.end,
        ..later
    })
}

/// Returns true if the limit name matches one of the row's names.
fn is_named(row: &Row, name: &LimitName<'_>) -> bool {
    row.limit_names.iter().any(|words| name.matches(words))
}

/// Finds the first catalog row that matches the classes or the status of a passage.
fn row_of_class(
    passage: &Passage,
    mentions_claude: bool,
    is_pasted: bool,
) -> Option<(Rank, &'static Row)> {
    let has_unknown_words = is_pasted && !pattern::is_wrapper(&normalize(&passage.text));
    if has_unknown_words && !mentions_claude {
        return None;
    }
    ranked()
        .filter(|(rank, row)| {
            *rank == Rank::ByClassOnly
                || !has_unknown_words
                || !matches!(row.limit, LimitKind::Auth | LimitKind::Billing)
        })
        .find(|(_, row)| {
            row.classes.iter().any(|class| {
                passage.classes.iter().any(|known| known == class)
                    || passage
                        .status
                        .is_some_and(|status| is_status(class, status))
            })
        })
}

/// Appends the classes to the text, because some messages can be recognized only by the combination.
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

/// Prefers a limit name at the start of a message over words that follow it. For example, "You've hit your 5-hour limit
/// · resets 3pm · out of usage credits" is about the 5-hour limit.
fn own_limit_first(words: WordMatch, names: &[LimitName<'_>], normalized: &str) -> WordMatch {
    let first_name = names
        .iter()
        .find(|name| name.is_plausible_own_limit() && name.range.end < words.range.start);
    let Some(name) = first_name else {
        return words;
    };
    let between = normalized.get(name.range.end..words.range.start);
    if between.is_some_and(|between| between.contains('"')) {
        return words;
    }
    match ranked().find(|(_, row)| is_named(row, name)) {
        Some((rank, row)) if rank == words.rank && row.limit.window().is_some() => WordMatch {
            rank,
            row,
            range: name.range.clone(),
        },
        Some(_) | None => words,
    }
}

/// Looks for a match in a later quotation. When users quote several messages, the last one is what stopped work, as in
/// `first "You've hit your session limit", and now "You've hit your weekly limit"`.
fn in_later_quotation(
    earlier: &WordMatch,
    normalized: &str,
    mentions_claude: bool,
) -> Option<WordMatch> {
    let behind = normalized.get(earlier.range.end..)?;
    let start = earlier.range.end + behind.find(['"', '\''])? + 1;
    let rest = normalized.get(start..)?;
    let later = row_of_words(rest, mentions_claude)?;
    let before = rest.get(..later.range.start)?;
    let is_quoted = before.ends_with('\'') || context::ends_in_quote(before);
    // Quotations with hardly any words in between are just a list.
    let is_sequence = before.split_whitespace().nth(2).is_some();
    let are_limits = earlier.rank == Rank::Limit && later.rank == Rank::Limit;
    (is_quoted && is_sequence && are_limits).then(|| WordMatch {
        range: start + later.range.start..start + later.range.end,
        ..later
    })
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

/// Determines the role of a matched message in the surrounding text.
fn context_of(candidate: &Match, whole: &str, is_pasted: bool, distinct: usize) -> MessageContext {
    match &candidate.range {
        Some(range) if is_pasted => context::context(
            &candidate.passage,
            &candidate.normalized,
            range,
            whole,
            distinct,
        ),
        None if is_pasted
            && !candidate.passage.is_json
            && !begins_with_api_error(&candidate.normalized)
            && context::is_program(&candidate.passage.source) =>
        {
            MessageContext::InCode
        }
        Some(_) | None => MessageContext::Received,
    }
}

/// Returns the match with the highest rank. Ties are broken in favor of messages that a user received, then messages
/// that are not part of another sentence, then messages that identify their limit, and then messages in which the server
/// identified the window. If there is still a tie, the last match wins.
fn best_match<'a>(
    matches: &'a [Match],
    contexts: &[MessageContext],
) -> Option<(&'a Match, MessageContext)> {
    let ranked = matches.iter().zip(contexts.iter().copied()).enumerate();
    let (index, (best, context)) = ranked.max_by_key(|(index, (candidate, context))| {
        (
            candidate.rank,
            *context == MessageContext::Received,
            candidate.begins_message(),
            candidate.row.names_limit(),
            candidate.passage.is_of_server,
            *index,
        )
    })?;
    // An error that follows a notice is what stopped work.
    let later_error = matches
        .iter()
        .zip(contexts)
        .skip(index + 1)
        .rfind(|(candidate, _)| best.row.is_notice() && !candidate.row.is_notice());
    if let Some((candidate, context)) = later_error {
        return Some((candidate, *context));
    }
    // Users often omit the time when they quote a message.
    let dated = matches.iter().zip(contexts).rev().find(|(candidate, _)| {
        candidate.row.id == best.row.id && context::names_time(&candidate.normalized)
    });
    if let Some((candidate, context)) = dated.filter(|_| !context::names_time(&best.normalized)) {
        return Some((candidate, *context));
    }
    // A notice that one window has reset says nothing about the limit of another window.
    let own_window = window_in(&best.normalized, best.row);
    let other = matches
        .iter()
        .zip(contexts)
        .take(index)
        .rev()
        .find(|(candidate, _)| {
            let window = window_in(&candidate.normalized, candidate.row);
            candidate.rank == best.rank
                && window.is_some()
                && own_window.is_some()
                && window != own_window
        });
    match other {
        Some((candidate, context)) if best.row.answer.verdict == Verdict::Over => {
            Some((candidate, *context))
        }
        _ => Some((best, context)),
    }
}

fn message_of(candidate: &Match, context: MessageContext, whole: &str) -> Message {
    let is_other = candidate.row.id == "other-program";
    let row = match context {
        MessageContext::InCode | MessageContext::Described if !is_other => row("unknown"),
        _ => candidate.row,
    };
    let (text, normalized) = (candidate.passage.text.clone(), candidate.normalized.clone());
    let is_mentioned = matches!(context, MessageContext::InCode | MessageContext::Described);
    Message {
        row,
        window: window_in(&normalized, row),
        percent: percent_in(&normalized),
        amounts: amounts_in(&text),
        context,
        status: candidate.passage.status,
        resets_at: candidate.passage.resets_at.filter(|_| !is_mentioned),
        zone: row.zone.and_then(Zone::named),
        retry_after: candidate.passage.retry_after.filter(|_| !is_mentioned),
        should_retry: candidate.passage.should_retry,
        unknown: UnknownText::Unclear,
        other: None,
        whole: whole.to_owned(),
        following: String::new(),
        is_pasted: true,
        text_from_match: cut_before_match(&text, &normalized, candidate.range.as_ref()),
        text,
        normalized,
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

/// Creates the message for text that does not match any catalog row.
fn unknown_message(
    is_pasted: bool,
    passages: &[Passage],
    whole: &str,
    is_foreign: bool,
    mentions_claude: bool,
) -> Message {
    let last = passages.last().cloned().unwrap_or_default();
    let normalized = normalize(&last.text);
    let unknown = if !normalized.is_empty() && pattern::is_wrapper(&normalized) {
        UnknownText::Wrapper
    } else if is_foreign {
        UnknownText::OfOther
    } else if mentions_claude {
        UnknownText::OfClaude
    } else {
        UnknownText::Unclear
    };
    Message {
        row: row("unknown"),
        window: None,
        percent: None,
        amounts: None,
        context: if is_pasted && !begins_with_api_error(&normalized) && is_code(&last) {
            MessageContext::InCode
        } else {
            MessageContext::Received
        },
        other: name_of_other(passages),
        status: last.status,
        resets_at: None,
        zone: None,
        retry_after: None,
        should_retry: None,
        unknown,
        whole: whole.to_owned(),
        following: String::new(),
        is_pasted,
        text_from_match: String::new(),
        text: last.text,
        normalized,
    }
}

/// Returns true if a passage is source code. The body of an error counts as data.
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
    let of_model = [
        ("opus", Window::WeeklyOpus),
        ("sonnet", Window::WeeklySonnet),
        ("fable", Window::WeeklyFable),
    ];
    of_model
        .into_iter()
        .chain(WINDOWS.iter().copied())
        .find(|(words, _)| names_limit(normalized, words))
        .map(|(_, window)| window)
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

/// Parses a pair of amounts such as "$150.00 / $150.00" or "$150 of $150".
fn amounts_in(text: &str) -> Option<Amounts> {
    let mut amounts = text.match_indices('$').map(|(start, _)| {
        let digits = text.get(start + 1..).unwrap_or_default();
        let end = digits
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
            .unwrap_or(digits.len());
        let amount = digits
            .get(..end)
            .unwrap_or_default()
            .trim_end_matches(['.', ',']);
        (start, start + 1 + amount.len(), format!("${amount}"))
    });
    let (_, end, spent) = amounts.next()?;
    let (start, _, cap) = amounts.next()?;
    let between = text.get(end..start)?.trim();
    let is_pair = between == "/" || between == "of" || between.ends_with("limit:");
    (is_pair && spent.len() > 1 && cap.len() > 1).then_some(Amounts { spent, cap })
}
