//! Which row of the catalogue a message belongs to.

use super::evidence::Evidence;
use super::families::{self, Family};

/// What recognises a message. Text is compared without case, with `’` taken for `'` and `∙` for `·`.
#[derive(Debug, Clone, Copy)]
pub enum Pattern {
    /// The text contains this.
    Says(&'static str),
    /// The text contains all of these.
    SaysAll(&'static [&'static str]),
    /// The text names a limit ("hit your … limit", "… limit reached") with all of these words.
    Limit(&'static [&'static str]),
    /// `apiError` of the transcript's line.
    ApiError(&'static str),
    /// `apiErrorCode` of the transcript's line.
    Code(&'static str),
    /// `apiErrorType` of the transcript's line.
    ApiType(&'static str),
    /// The error's class in the hook's payload or the transcript's line.
    Class(&'static str),
    /// The HTTP status.
    Status(u16),
    /// An HTTP status from 500 up.
    ServerStatus,
}

/// The parts of an error that patterns look at.
#[derive(Debug, Clone, Default)]
pub struct Clues {
    text: String,
    named: Option<String>,
    api_error: Option<String>,
    code: Option<String>,
    api_type: Option<String>,
    class: Option<String>,
    status: Option<u16>,
}

impl Clues {
    /// From the text alone.
    pub fn of_text(text: &str) -> Self {
        let text = normalise(text);
        Self {
            named: named_limit(&text),
            status: status_in(&text),
            text,
            ..Self::default()
        }
    }

    /// From everything that is known.
    pub fn of(evidence: &Evidence) -> Self {
        let mut clues = Self::of_text(&evidence.message);
        let line = evidence.line.as_ref();
        clues.api_error = line.and_then(|line| line.api_error.clone());
        clues.code = line.and_then(|line| line.api_error_code.clone());
        clues.api_type = line.and_then(|line| line.api_error_type.clone());
        clues.class = line
            .and_then(|line| line.error.clone())
            .or_else(|| evidence.hook_error.clone());
        clues.status = line.and_then(|line| line.status).or(clues.status);
        clues
    }

    /// The message, normalised.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn matches(&self, pattern: Pattern) -> bool {
        match pattern {
            Pattern::Says(part) => self.text.contains(part),
            Pattern::SaysAll(parts) => parts.iter().all(|part| self.text.contains(part)),
            Pattern::Limit(words) => self
                .named
                .as_deref()
                .is_some_and(|named| words.iter().all(|word| named.contains(word))),
            Pattern::ApiError(name) => self.api_error.as_deref() == Some(name),
            Pattern::Code(name) => self.code.as_deref() == Some(name),
            Pattern::ApiType(name) => self.api_type.as_deref() == Some(name),
            Pattern::Class(name) => self.class.as_deref() == Some(name),
            Pattern::Status(status) => self.status == Some(status),
            Pattern::ServerStatus => self
                .status
                .is_some_and(|status| (500..600).contains(&status)),
        }
    }
}

/// The row that a message belongs to.
pub fn family_of(clues: &Clues) -> Option<&'static Family> {
    families::all().find(|family| {
        family
            .patterns
            .iter()
            .any(|pattern| clues.matches(*pattern))
    })
}

/// Lower case, one kind of apostrophe and of dot, single spaces.
pub fn normalise(text: &str) -> String {
    let mapped: String = text
        .chars()
        .map(|c| match c {
            '’' | '‘' | 'ʼ' | '`' => '\'',
            '∙' | '•' | '‧' => '·',
            '\u{2011}' | '\u{2010}' => '-',
            c if c.is_whitespace() => ' ',
            c => c,
        })
        .flat_map(char::to_lowercase)
        .collect();
    mapped.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words that name a limit: "org's monthly spend" in "You've hit your org's monthly spend
/// limit". Empty for "hit your limit". None where no limit is named.
fn named_limit(text: &str) -> Option<String> {
    /// The longest name seen has four words; more is a sentence about something else.
    const LONGEST: usize = 5;
    let few = |words: &str| {
        let words = words.trim();
        (words.split(' ').count() <= LONGEST && !words.contains(['·', '.', ':']))
            .then(|| words.to_owned())
    };
    let after_verb = ["hit your ", "reached your ", "exceeded your ", "hit the "]
        .iter()
        .filter_map(|verb| text.split_once(verb))
        .find_map(|(_, rest)| {
            if rest.starts_with("limit") {
                return Some(String::new());
            }
            few(rest.split_once(" limit")?.0)
        });
    after_verb.or_else(|| {
        let before = if text.starts_with("limit reached") {
            ""
        } else {
            text.split_once(" limit reached")?.0
        };
        let start = before.rfind(['·', '.', ':']).map_or(0, |at| at + 1);
        // "·" is longer than one byte; what is left of it is no character boundary.
        let words = before
            .get(start..)
            .or_else(|| before.get(start + 1..))
            .unwrap_or_default();
        few(words)
    })
}

/// The HTTP status in "API Error: 400 …".
fn status_in(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("api error: ")?;
    let digits = rest.get(..3)?;
    digits
        .parse()
        .ok()
        .filter(|status| (400..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::kind::LimitKind;

    fn limit(text: &str) -> Option<LimitKind> {
        family_of(&Clues::of_text(text)).and_then(|family| family.limit)
    }

    #[test]
    fn a_curly_apostrophe_is_an_apostrophe() {
        assert_eq!(
            limit("You’ve hit your org’s monthly spend limit"),
            Some(LimitKind::OrgSpendCap)
        );
    }

    #[test]
    fn a_name_that_nobody_has_seen_is_still_a_limit_of_the_plan() {
        let family = family_of(&Clues::of_text("You've hit your lunar limit · resets 8am"));
        assert_eq!(
            family.map(|family| family.title),
            Some("A limit without a name")
        );
    }

    #[test]
    fn the_cap_of_a_gateway_is_no_throttle_whatever_the_client_calls_it() {
        assert_eq!(
            limit(
                "API Error: Server is temporarily limiting requests (not your usage limit) · spend limit reached (daily; resets 2026-08-09 00:00 UTC)"
            ),
            Some(LimitKind::ApiSpendCap)
        );
    }

    #[test]
    fn a_sentence_that_only_talks_about_limits_is_none() {
        assert_eq!(
            limit("hit your head on the door of the speed limit office today"),
            None
        );
        assert_eq!(limit(""), None);
    }

    #[test]
    fn an_error_without_known_words_goes_by_its_status() {
        let mut clues = Clues::of_text("API Error: 429 Slow down, please");
        assert_eq!(family_of(&clues).unwrap().limit, Some(LimitKind::Throttle));
        clues.status = Some(502);
        assert_eq!(
            family_of(&clues).unwrap().limit,
            Some(LimitKind::ServerError)
        );
    }
}
