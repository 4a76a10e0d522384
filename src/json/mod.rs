//! Reads JSON from other programs, which may change its format, and ([`embedded`]) JSON that is compiled into the program.
//!
//! If a field has an unexpected type, it is treated as missing, and all other fields are still read.

pub(crate) mod embedded;

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_json::Value;

/// Parses the JSON name of an enum variant. Returns `None` if the name is unknown, for example because a newer version
/// of the program introduced it.
pub(crate) fn parse_name<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    let name: StrDeserializer<'_, Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

/// Converts a number to an integer. Negative numbers and NaN become 0, and numbers that are too
/// large become the largest integer.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
#[expect(clippy::cast_sign_loss, reason = "the cast saturates")]
pub(crate) fn saturating_u64(number: f64) -> u64 {
    number as u64
}

/// Reads fields of a JSON value that may be missing or have another type.
pub(crate) trait LenientJson {
    /// Returns a field, or null if it is missing.
    fn at(&self, name: &str) -> &Value;

    /// Returns a string field, or `None` if the field is not a string or is blank.
    fn text(&self, name: &str) -> Option<&str> {
        self.at(name)
            .as_str()
            .filter(|text| !text.trim().is_empty())
    }

    /// Returns a copy of a string field, or `None` if the field is not a string or is blank.
    fn string(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// Deserializes a field. Returns `None` if the field has a different type.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.at(name)).ok()
    }
}

impl LenientJson for Value {
    fn at(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }
}
