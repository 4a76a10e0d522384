//! What a message gives away by itself: its words made comparable, the limit that it names, its
//! class.

use super::code::without_code;
use super::evidence::{Evidence, Seen};
use super::kind::Window;
use super::named_limit::{NamedLimit, named_limit, window_in};
use super::passages::{Passage, passages, status};
use super::talk::Giver;
use super::vocabulary::{List, VOCABULARY, bare, is_anthropics, normalize};

/// What there is to recognize an error by.
#[derive(Debug, Clone, Default)]
pub(super) struct Clues {
    /// The message as it was, in one line.
    pub(super) raw: String,
    /// The same in lower case, with one kind of apostrophe, dot, dash and colon.
    pub(super) text: String,
    /// The limit that is said to be reached.
    pub(super) limit: Option<NamedLimit>,
    /// Whether it adds to a limit that no usage credits are left as a way out (2.1.329).
    pub(super) adds_no_credits: bool,
    /// `type` and `code` of the API's own JSON.
    pub(super) types: Vec<String>,
    pub(super) api_error: Option<String>,
    pub(super) class: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) substance: Substance,
    pub(super) speaker: Speaker,
    /// Who gave the whole text.
    pub(super) giver: Giver,
    /// Whether a request was refused or failed for certain: Claude Code recorded it, or says so in
    /// its own words or the API's.
    pub(super) is_refusal: bool,
}

/// What a text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Substance {
    /// Somebody says something.
    #[default]
    Words,
    /// Only that something failed is said, perhaps with a class or a status.
    Wrapper,
    /// It stands in a part of a program.
    Code,
    /// A changelog, a manual, a list or a table: it speaks of messages.
    Notes,
    /// Other words stand around the message, and nobody says that it came to them.
    Told,
    /// The message stands in quotes, in a sentence about it.
    Quoted,
}

/// Who says it, as far as a text that somebody pasted gives that away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Speaker {
    /// Claude Code, the API, or somebody who speaks of them.
    #[default]
    Claude,
    /// Another program or service, by its name.
    Another(String),
    /// Nobody is named: words that anybody may use prove nothing.
    Open,
}

impl Speaker {
    fn of_text(text: &str) -> Self {
        let text = normalize(text);
        let lists = &VOCABULARY;
        let host = host(&text);
        // Claude Code wraps what others say, too: then the address tells who says it.
        if lists.marks.stand_in(&text) || lists.wraps.stand_in(&text) && host.is_none() {
            return Self::Claude;
        }
        let is_part = |c: char| c.is_alphanumeric();
        let is_named = |name: &&str| {
            text.match_indices(&name.to_lowercase()).any(|(at, found)| {
                let (before, rest) = text.split_at(at);
                let after = rest.get(found.len()..).unwrap_or_default();
                !before.ends_with(is_part) && !after.starts_with(is_part)
            })
        };
        let other = lists.others.iter().find(is_named).or(host);
        other.map_or(Self::Open, |name| Self::Another(name.to_owned()))
    }
}

impl Clues {
    /// Of each of the messages in a text, in order.
    pub(super) fn of_text(message: &str) -> Vec<Self> {
        let passages = passages(message).into_iter();
        passages.map(Self::of_passage).collect()
    }

    /// Of each of the messages, with what else is known of the error.
    pub(super) fn of(evidence: &Evidence) -> Vec<Self> {
        let said = &evidence.text;
        let is_pasted = said.seen == Seen::Pasted;
        let mut found = if is_pasted {
            Self::of_pasted(&said.message)
        } else {
            Self::of_text(&said.message)
        };
        for clues in &mut found {
            clues.class = evidence.class().map(str::to_owned);
            clues.is_refusal |= !is_pasted;
            if let Some(line) = &said.line {
                clues.api_error.clone_from(&line.api_error);
                clues.status = line.status.or(clues.status);
                let api = [&line.api_error_type, &line.api_error_code];
                clues.types.extend(api.into_iter().flatten().cloned());
            }
        }
        found
    }

    /// Of each of the messages in what somebody pasted.
    fn of_pasted(text: &str) -> Vec<Self> {
        let (prose, giver) = (without_code(text), Giver::of_text(text));
        let speaker = Speaker::of_text(text);
        let mut found = Self::of_text(&prose.text);
        for clues in &mut found {
            clues.giver = giver;
            clues.speaker.clone_from(&speaker);
            if prose.was_code {
                clues.substance = Substance::Code;
            } else if giver == Giver::Author || clues.are_notes() {
                clues.substance = Substance::Notes;
            }
        }
        found
    }

    fn of_passage(passage: Passage) -> Self {
        let text = without_mentions(normalize(&passage.text));
        let (text, adds_no_credits) = without_the_way_out(text);
        let limit = named_limit(&text);
        let status = passage.status.or_else(|| status_in(&passage.text));
        Self {
            limit,
            substance: if is_bare(&text) {
                Substance::Wrapper
            } else {
                Substance::Words
            },
            is_refusal: passage.text.contains("API Error")
                || passage.types.iter().any(|name| name.ends_with("_error"))
                || status == Some(429),
            adds_no_credits,
            types: passage.types,
            status,
            raw: of_the_last(passage.text),
            text,
            ..Self::default()
        }
    }

    /// Whether it names a limit as nobody else words one.
    pub(super) fn names_surely(&self) -> bool {
        let limit = self.limit.as_ref();
        limit.is_some_and(|limit| limit.has_dot || limit.name.contains("claude"))
    }

    /// The other program or service that is named.
    pub(super) fn another(&self) -> Option<&str> {
        match &self.speaker {
            Speaker::Another(name) => Some(name),
            Speaker::Claude | Speaker::Open => host(&self.text),
        }
    }

    /// What names the limit in "you've used 85% of your weekly limit": nothing that another sentence says.
    pub(super) fn nearly_full(&self) -> &str {
        let (before, _) = self.text.split_once(" limit").unwrap_or((&self.text, ""));
        before.rsplit_once('%').map_or(before, |(_, named)| named)
    }

    /// 85 in "you've used 85% of your …", "over 85% of your … used".
    pub(super) fn percent_used(&self) -> Option<u8> {
        let (before, _) = self.text.split_once('%')?;
        let digits = before.trim_end().rsplit(' ').next()?;
        digits.parse().ok().filter(|used| *used <= 100)
    }

    /// What was used and what the cap is, in "Current usage: $150.00 / $150.00 limit". Only amounts
    /// are quoted.
    pub(super) fn figures(&self) -> Option<(&str, &str)> {
        let (_, rest) = self.raw.split_once("usage: ")?;
        let (used, rest) = rest.split_once(" / ")?;
        let cap = rest.split_whitespace().next()?;
        let is_of_amount = |c: char| c.is_ascii_digit() || "$€£.,".contains(c);
        let is_amount = |amount: &&str| {
            let has_digit = amount.contains(|c: char| c.is_ascii_digit());
            has_digit && amount.len() <= 16 && amount.chars().all(is_of_amount)
        };
        [used, cap].iter().all(is_amount).then_some((used, cap))
    }

    /// Whether it is a line of a changelog, of a manual or of a table: it tells of a message.
    fn are_notes(&self) -> bool {
        let lists = &VOCABULARY;
        let words = self.text.trim_start_matches(['#', '-', '*', ' ']);
        let is_version = |word: &str| word.matches('.').count() > 1 && !word.contains("..");
        let versioned = words.split_once(' ').filter(|(word, _)| is_version(word));
        let words = versioned.map_or(words, |(_, rest)| rest.trim_start_matches(['-', ':', ' ']));
        let is_row = self.text.starts_with('|') && self.text.ends_with('|');
        lists.notes.begin(words) || lists.readers.stand_in(&self.text) || is_row
    }

    /// The window in "your weekly limit resets …", which comes under a cap.
    pub(super) fn window_that_resets(&self) -> Option<Window> {
        let (before, _) = self.text.split_once(" resets ")?;
        window_in(before.rsplit("your ").next()?)
    }
}

/// The host of the first address that is not Anthropic's.
pub(super) fn host(text: &str) -> Option<&str> {
    let is_after = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-');
    let addresses = text.split("://").skip(1);
    let mut hosts = addresses.filter_map(|address| address.split(is_after).next());
    hosts.find(|host| host.contains('.') && host.len() <= 40 && !is_anthropics(host))
}

/// Without what is quoted as something that may come: `if you see "…"`, `to detect "…"`.
fn without_mentions(text: String) -> String {
    let mentioned = text.match_indices(['"', '\'']).find_map(|(at, quote)| {
        let (before, quoted) = text.split_at_checked(at)?;
        let words = before.strip_suffix(' ')?.trim_end();
        let start = words.rmatch_indices(' ').nth(2).map_or(0, |(at, _)| at + 1);
        let words = format!(" {}", words.get(start..)?);
        let is_mentioned = VOCABULARY.mentions.stand_in(&words);
        is_mentioned.then_some((before, quoted.get(1..)?.split_once(quote)))
    });
    match mentioned {
        Some((before, Some((_, after)))) => without_mentions(format!("{before}{after}")),
        _ => text,
    }
}

/// From the last statement on that a limit is reached: the reset of one before it is not its own.
fn of_the_last(text: String) -> String {
    let lower = text.to_ascii_lowercase();
    let starts = ["hit your ", "reached your ", "limit reached"];
    let last = starts.iter().filter_map(|start| lower.rfind(start)).max();
    // "5-hour limit resets at 3pm - 5-hour limit reached" has its own before.
    let is_second = |at: &usize| {
        let (before, after) = lower.split_at_checked(*at).unwrap_or_default();
        let is_own = before.contains("limit resets") && !VOCABULARY.before_resets.stand_in(after);
        let is_another = starts.iter().any(|start| before.contains(start));
        VOCABULARY.before_resets.stand_in(before) && (is_another || !is_own)
    };
    let last = last.filter(is_second).and_then(|at| text.get(at..));
    last.map(str::to_owned).unwrap_or(text)
}

/// "You've hit your 5-hour limit · resets 8am · out of usage credits": the limit is the window. That
/// credits do not take over is another matter.
fn without_the_way_out(text: String) -> (String, bool) {
    match text.split_once(" · out of usage credits") {
        Some((limit, rest)) if limit.contains("hit your ") => (format!("{limit}{rest}"), true),
        _ => (text, false),
    }
}

/// Whether nothing is said but that something failed: "API Error: Request rejected (429)".
fn is_bare(text: &str) -> bool {
    let wraps = |part: &str| {
        VOCABULARY.wrapping.hold(part)
            || part.starts_with("req_")
            || part.ends_with("_error")
            || part.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .all(wraps)
}

/// The HTTP status: "API Error: 400 …", "Error code: 429", "HTTP 429", "(429 …)", "429 Too Many …".
fn status_in(text: &str) -> Option<u16> {
    let is_one_of = |word: &str, words: &List| words.hold(&bare(word).to_ascii_lowercase());
    let words: Vec<&str> = text.split(' ').collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let status = status(bare(word))?;
        let after = words.get(at + 1);
        let is_named = match at.checked_sub(1).and_then(|before| words.get(before)) {
            Some(before) => is_one_of(before, &VOCABULARY.before_status),
            // "402 Payment Required", but not "500 tests passed".
            None => after.is_none_or(|after| !after.starts_with(char::is_lowercase)),
        };
        (is_named || after.is_some_and(|after| is_one_of(after, &VOCABULARY.after_status)))
            .then_some(status)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_amounts_are_quoted() {
        for (text, expected) in [
            (
                "Current usage: $150.00 / $150.00 limit.",
                Some(("$150.00", "$150.00")),
            ),
            ("Current usage: rm -rf 1 / $5 limit", None),
            ("usage: $1\u{1b}[2J / $5", None),
        ] {
            let raw = text.to_owned();
            let clues = Clues {
                raw,
                ..Clues::default()
            };
            assert_eq!(clues.figures(), expected);
        }
    }

    #[test]
    fn a_status_is_found_where_one_is_given() {
        for (text, expected) in [
            ("API Error: 400 You're out", Some(400)),
            ("API Error (529 Overloaded) · Retrying", Some(529)),
            ("Error code: 429 - slow", Some(429)),
            ("HTTP 429: rate_limit_error", Some(429)),
            ("429 Too Many Requests", Some(429)),
            ("API Error: Request rejected (429) · this", Some(429)),
            ("tests/test_pools.py::test_429_retry PASSED", None),
            ("processed 429 items", None),
            ("500 tests passed", None),
            ("429 status code (no body)", Some(429)),
            ("memory limit reached (512 MB)", None),
            ("feat: a banner (#512)", None),
            ("exceeds the limit of 500 lines", None),
        ] {
            assert_eq!(status_in(text), expected, "{text}");
        }
    }
}
