//! How the evidence is weighed: the tables of messages/rules.json, and what reads them.
//!
//! A rule is a list of rows; the first whose conditions hold says what the error is, and names the
//! answer: what is said, and what helps. [`Case::holds`] knows the conditions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::actions::HelpChange;
use super::case::Case;
use super::diagnosis::{Answered, Diagnosis, Saying};
use super::evidence::Source;
use super::kind::{LimitKind, named};
use super::messages::Judged;
use super::vocabulary::embedded;

const EMBEDDED: &str = include_str!("messages/rules.json");

/// Conditions, and a sentence for where they hold.
pub(super) type Sentences = Vec<(&'static str, String)>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "'de: 'static"))]
pub(super) struct Tables {
    rules: BTreeMap<&'static str, Rule>,
    answers: BTreeMap<&'static str, Answered>,
    /// What is changed about the help that answers name, in this order.
    pub(super) actions: Vec<HelpChange>,
    /// The same once it is over.
    pub(super) afterwards: Vec<HelpChange>,
    /// How it ended.
    pub(super) endings: Vec<Saying>,
    /// What the verdict rests on, by subject.
    pub(super) facts: BTreeMap<&'static str, Vec<Fact>>,
    /// What stands for a part in braces: the first whose conditions hold, and whose own parts are known.
    pub(super) words: BTreeMap<&'static str, Sentences>,
    /// What tells when somebody is back, longest first.
    pub(super) until: Vec<&'static str>,
    /// Verbs, and how they are said of what is over.
    pub(super) past: Vec<(&'static str, &'static str)>,
}

/// A sentence for where some conditions hold, and where it comes from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fact {
    pub(super) r#if: &'static str,
    pub(super) by: Source,
    pub(super) says: &'static str,
}

/// How messages of one subject are weighed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rule {
    /// Where to learn which window it is about, best first.
    windows: &'static str,
    rows: Vec<Row>,
    /// What is not known, whichever row holds.
    unknown: Sentences,
}

/// What an error is, where some conditions hold.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Row {
    r#if: &'static str,
    /// Another rule, which says it.
    rule: Option<&'static str>,
    /// The window in question, if it is another.
    window: Option<&'static str>,
    is: Judged,
    /// What stopped the work, if it is not what the message names: `window`, or a kind.
    limit: Option<&'static str>,
    /// The answer; `{limit}` stands for what stopped the work.
    says: &'static str,
    /// Where the fact comes from that decided. `key`: where the key is set.
    by: &'static str,
    /// What is not known.
    unknown: Sentences,
}

pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(|| embedded(EMBEDDED));

/// What a message is, by the rule of this name; without one, as its row has it.
pub(super) fn weigh(case: Case<'_>, rule: &str) -> Diagnosis {
    let rule = TABLES.rules.get(rule);
    let case = case.with_window_of(rule.map_or("", |rule| rule.windows));
    let mut rows = rule.iter().flat_map(|rule| &rule.rows);
    let Some((rule, row)) = rule.zip(rows.find(|row| case.meets(row.r#if))) else {
        return Diagnosis::new(&case, case.message.judged);
    };
    if let Some(other) = row.rule {
        return weigh(case, other);
    }
    let window = row.window;
    let case = window.map_or(case, |source| case.with_window_of(source));
    let mut diagnosis = Diagnosis::new(&case, row.is);
    diagnosis.window_is_full = case.meets("certain, !room");
    diagnosis.limit = match row.limit {
        None => case.message.names,
        Some("window") => case.window.map(LimitKind::Window).unwrap_or_default(),
        Some(kind) => named(kind).unwrap_or_default(),
    };
    let answer = row.says.replace("{limit}", &diagnosis.limit.to_string());
    diagnosis.answer = TABLES.answers.get(answer.as_str());
    if let Some(answer) = diagnosis.answer.filter(|answer| !answer.helps.is_empty()) {
        diagnosis.helps = &answer.helps;
    }
    diagnosis.decisive = match row.by {
        "key" => case.where_the_key_is(),
        name => named(name).unwrap_or(Source::Transcript),
    };
    let unknown = row.unknown.iter().chain(&rule.unknown);
    let unknown = unknown.filter(|(conditions, _)| case.meets(conditions));
    let sentences = unknown.map(|(_, sentence)| sentence.as_str());
    diagnosis.unknowns.extend(sentences);
    diagnosis
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::evidence::Evidence;
    use crate::limits::messages;
    use crate::limits::recognize::recognize;
    use crate::limits::resets::Resets;
    use crate::limits::standing::Standing;
    use crate::limits::words::Telling;
    use crate::time::{Clock, Hours, Zone};

    #[test]
    fn the_tables_can_be_read_and_every_name_in_them_is_known() {
        let tables: Tables = serde_json::from_str(EMBEDDED).unwrap();
        assert!(tables.rules.len() > 20 && tables.answers.len() > 40);
        let evidence = Evidence::default();
        let (message, clues) = recognize(&evidence);
        let clock = Clock {
            now: evidence.at,
            zone: Zone::UTC,
            hours: Hours::TwentyFour,
        };
        let case = Case {
            evidence: &evidence,
            clues: &clues,
            message,
            clock,
            window: None,
            is_guessed: false,
        };
        let telling = Telling {
            case,
            diagnosis: &Diagnosis::new(&case, Judged::default()),
            resets: &Resets::default(),
            standing: Standing::News,
        };
        let names = |conditions: &'static str| {
            let names = conditions.split([',', '|']).map(str::trim);
            names
                .map(|name| name.trim_start_matches('!'))
                .filter(|name| !name.is_empty())
        };
        for rule in tables.rules.values() {
            for row in &rule.rows {
                let answer = |kind: &str| {
                    let name = row.says.replace("{limit}", kind);
                    tables.answers.contains_key(name.as_str())
                };
                let caps = [
                    "own_spend_cap",
                    "member_spend_cap",
                    "org_spend_cap",
                    "seat_no_credits",
                ];
                assert!(
                    row.rule.is_some() || caps.iter().all(|kind| answer(kind)),
                    "{}",
                    row.says
                );
                let waiting = row.is.waiting;
                let waiting = waiting.filter(|waiting| waiting.parse::<bool>().is_err());
                let unknown = row.unknown.iter().chain(&rule.unknown);
                let all = unknown.map(|(conditions, _)| *conditions);
                for conditions in all.chain([row.r#if]).chain(waiting) {
                    for name in names(conditions) {
                        assert!(case.holds(name, message.names).is_some(), "{name}");
                    }
                }
            }
        }
        let sayings = tables.answers.values().flat_map(|answer| &answer.says);
        let sayings = sayings.chain(&tables.endings);
        let changes = tables.actions.iter().chain(&tables.afterwards);
        for conditions in sayings
            .map(|saying| saying.r#if)
            .chain(changes.map(|change| change.r#if))
            .chain(tables.facts.values().flatten().map(|fact| fact.r#if))
            .chain(
                tables
                    .words
                    .values()
                    .flatten()
                    .map(|(conditions, _)| *conditions),
            )
        {
            for name in names(conditions) {
                assert!(telling.holds(name).is_some(), "{name}");
            }
        }
        for message in messages::all() {
            let rule = message.rule;
            assert!(rule.is_empty() || tables.rules.contains_key(rule), "{rule}");
        }
        for (conditions, ..) in messages::all().flat_map(|message| &message.also) {
            for name in names(conditions) {
                assert!(case.holds(name, message.names).is_some(), "{name}");
            }
        }
        let values = include_str!("words.rs");
        for part in EMBEDDED.split('{').skip(1) {
            let name = part.split(['}', ' ', '\n']).next().unwrap_or_default();
            let is_known = ["", "what", "who", "names", "limit", "name"].contains(&name)
                || tables.words.contains_key(name)
                || values.contains(&format!("\"{name}\" =>"));
            assert!(is_known, "{{{name}}}");
        }
    }
}
