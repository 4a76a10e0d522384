//! What a row says about a message.

use crate::claude::version::Versions;
use crate::limits::case::Case;
use crate::limits::diagnosis::Diagnosis;
use crate::limits::helps::Help;
use crate::limits::kind::{LimitKind, Service};
use crate::limits::rules::{self, Judged};

/// One kind of message. A row says what is its own; the rest is as here.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Message {
    /// Its name in tests and in JSON.
    pub id: &'static str,
    /// What it names. Unknown for a window that it does not name.
    pub names: LimitKind,
    /// Who says so, where it is not who mostly speaks of what it names.
    pub(in crate::limits) service: Option<Service>,
    /// Words that it is recognized by: `^` where the message must begin so, `~` where a statement of
    /// it must, `?` where they count only beside a name of Claude's, for anybody may say them; `&` between
    /// parts that must all be there.
    pub(in crate::limits) says: Vec<&'static str>,
    /// Names of a limit that is said to be reached, written alike: `=` for exactly these words, `!`
    /// for those of a limit that is not called the user's, `*` for any of Claude's.
    pub(in crate::limits) limit: Vec<&'static str>,
    /// What the API or Claude Code calls it: `type` or `code` of its JSON, `apiError` of the line.
    pub(in crate::limits) codes: Vec<&'static str>,
    /// Classes and statuses that mean it, where there are no words.
    pub(in crate::limits) class: Vec<&'static str>,
    /// What it is.
    pub(in crate::limits) judged: Judgement,
    /// What it means in general. Of a fixed judgement it is the headline, without its full stop.
    pub(in crate::limits) means: &'static str,
    /// The badge of a fixed judgement.
    pub(in crate::limits) badge: &'static str,
    /// What it means, or meant, for some: under which conditions (`|` between alternatives), whom that
    /// is, and in which versions.
    pub(in crate::limits) also: Vec<(&'static str, &'static str, Versions, &'static str)>,
    /// How some versions word it, newest first; `…` is what varies.
    pub(in crate::limits) by_version: Vec<(Versions, &'static str)>,
    /// How old and new versions word it.
    pub(in crate::limits) wordings: Vec<&'static str>,
    /// What helps, best first, by the names in helps.json.
    pub(in crate::limits) helps: Vec<Help>,
    /// What people tried in vain, with its source.
    pub(in crate::limits) in_vain: Vec<&'static str>,
    /// For whom that is worth knowing: conditions, as in rules.json.
    pub(in crate::limits) in_vain_for: &'static str,
    /// Where this is known from.
    pub(in crate::limits) source: &'static str,
}

/// What a message is.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(try_from = "&str")]
pub(in crate::limits) enum Judgement {
    /// The same whatever the evidence.
    Fixed(Judged),
    /// The evidence decides, by the rule of this name.
    Weighed(&'static str),
}

impl Default for Judgement {
    fn default() -> Self {
        Self::Fixed(Judged::default())
    }
}

impl TryFrom<&'static str> for Judgement {
    type Error = String;

    fn try_from(text: &'static str) -> Result<Self, String> {
        match rules::rule(text) {
            Some(rule) => Ok(Self::Weighed(rule)),
            None => text.try_into().map(Self::Fixed),
        }
    }
}

impl Message {
    /// All wordings.
    pub fn texts(&self) -> impl Iterator<Item = &'static str> + '_ {
        let by_version = self.by_version.iter().map(|(_, text)| *text);
        by_version.chain(self.wordings.iter().copied())
    }

    /// What it means in general, and for some: "Pro, Max, 2.1.119 to before 2.1.153: …".
    pub(in crate::limits) fn meanings(&self) -> impl Iterator<Item = String> {
        let in_general = match self.judged {
            Judgement::Weighed(_) => self.means.to_owned(),
            Judgement::Fixed(_) => format!("{}.", self.means),
        };
        let for_some = self.also.iter();
        let for_some = for_some.map(|(_, who, versions, means)| match versions.from {
            None => format!("{who}: {means}"),
            Some(_) => format!("{who}, {versions}: {means}"),
        });
        std::iter::once(in_general).chain(for_some)
    }

    /// What the message is in this case.
    pub(in crate::limits) fn judge(&self, case: &Case<'_>) -> Diagnosis {
        match self.judged {
            Judgement::Fixed(judged) => Diagnosis::new(case, judged),
            Judgement::Weighed(rule) => rules::weigh(rule, case),
        }
    }
}
