//! What verbs say, drawn once: a [`Report`] holds the facts for programs and the blocks for people,
//! and one renderer each makes JSON, text for a width, and CSV of it. HTML is drawn from the same
//! tables, in `html`. Sentences are data: by name, with places in braces.

mod report;
mod table;

pub(crate) use report::{MeterRow, joined, rows_for_answer};
pub use report::{Page, Report};
pub(crate) use table::{Cell, Column, Table, print_csv};

use std::collections::HashMap;
use std::fmt::Display;

/// What stands in a place, by its name.
pub(crate) type Filling<'g> = (&'g str, &'g dyn Display);

/// Sentences by their names.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Texts(HashMap<String, String>);

impl Texts {
    /// Those of a JSON object. Ours are sound: tests read every one of them.
    pub(crate) fn parse(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// The sentence of this name.
    pub(crate) fn say(&self, name: &str, given: &[Filling<'_>]) -> String {
        let text = self.0.get(name).map(String::as_str);
        filled(text.unwrap_or_default(), given)
    }
}

/// A text with what is given in its places.
pub(crate) fn filled(text: &str, given: &[Filling<'_>]) -> String {
    let pieces = text.split(['{', '}']);
    let pieces = pieces.zip([false, true].into_iter().cycle());
    let filled = pieces.map(|(piece, is_place)| {
        let value = given.iter().find(|(name, _)| is_place && *name == piece);
        value.map_or_else(|| piece.to_owned(), |(_, value)| value.to_string())
    });
    filled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_is_said_and_its_places_are_filled() {
        for (json, code) in [
            (
                include_str!("../spend/comparison.json"),
                include_str!("../spend/comparison.rs"),
            ),
            (
                include_str!("../spend/remarks.json"),
                include_str!("../spend/remarks.rs"),
            ),
        ] {
            let Texts(texts) = Texts::parse(json);
            assert!(!texts.is_empty());
            for (name, text) in texts {
                assert!(code.contains(&format!("\"{name}\"")), "nobody says {name}");
                for place in text.split('{').skip(1) {
                    let place = place.split('}').next().unwrap();
                    let given = format!("(\"{place}\", ");
                    assert!(code.contains(&given), "{name}: {place}");
                }
            }
        }
    }

    #[test]
    fn what_is_given_stays_as_it_is_though_it_looks_like_a_place() {
        assert_eq!(filled("{a} {b}!", &[("b", &"{a}"), ("a", &1)]), "1 {a}!");
    }
}
