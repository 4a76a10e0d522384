//! What a message gives away by itself: its words made comparable, what it names, its class.

use super::evidence::Evidence;
use super::kind::Window;

/// What there is to recognize an error by.
#[derive(Debug, Clone, Default)]
pub(super) struct Clues {
    /// The message in lower case, with `’` taken for `'` and `∙` for `·`.
    pub(super) text: String,
    /// The words that name a limit: "org's monthly spend" in "You've hit your org's monthly spend
    /// limit". Empty for "hit your limit". None where no limit is named.
    pub(super) limit: Option<String>,
    /// The window in "your weekly limit resets …".
    pub(super) resets: Option<Window>,
    /// The name that it has for the prepaid pool.
    pub(super) pool: Pool,
    /// Whether it offers `/usage-credits`, which only clients that know of a plan do.
    pub(super) offers_credits: bool,
    /// Whether it calls the 5-hour window "session limit".
    pub(super) says_session: bool,
    pub(super) api_error: Option<String>,
    pub(super) code: Option<String>,
    pub(super) api_type: Option<String>,
    pub(super) class: Option<String>,
    pub(super) status: Option<u16>,
}

/// The prepaid pool by the user's own name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Pool {
    #[default]
    UsageCredits,
    /// What it was called before client 2.1.144.
    ExtraUsage,
}

impl Pool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::UsageCredits => "usage credits",
            Self::ExtraUsage => "extra usage",
        }
    }

    /// "usage credits are", "extra usage is".
    pub(super) fn with_verb(self) -> &'static str {
        match self {
            Self::UsageCredits => "usage credits are",
            Self::ExtraUsage => "extra usage is",
        }
    }
}

impl Clues {
    pub(super) fn of_text(message: &str) -> Self {
        let text = normalize(message);
        let pool = if text.contains("extra usage") {
            Pool::ExtraUsage
        } else {
            Pool::UsageCredits
        };
        Self {
            limit: named_limit(&text),
            resets: text
                .contains("weekly limit resets")
                .then_some(Window::Weekly),
            pool,
            offers_credits: text.contains("/usage-credits"),
            says_session: text.contains("session limit"),
            status: status_in(&text),
            text,
            ..Self::default()
        }
    }

    /// From everything that is known.
    pub(super) fn of(evidence: &Evidence) -> Self {
        let clues = Self::of_text(&evidence.message);
        let Some(line) = &evidence.line else {
            return Self {
                class: evidence.hook_error.clone(),
                ..clues
            };
        };
        Self {
            api_error: line.api_error.clone(),
            code: line.api_error_code.clone(),
            api_type: line.api_error_type.clone(),
            class: line.error.clone().or_else(|| evidence.hook_error.clone()),
            status: line.status.or(clues.status),
            ..clues
        }
    }
}

/// Lower case, one kind of apostrophe, dot and hyphen, single spaces.
pub(crate) fn normalize(text: &str) -> String {
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
        few(before.rsplit(['·', '.', ':']).next().unwrap_or_default())
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
