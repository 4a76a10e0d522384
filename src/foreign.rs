//! JSON that another program wrote: what is missing or of another type is nothing, and hides nothing else.

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_json::Value;

/// A value of a closed set by its name in JSON. None for one that a newer program gave.
pub(crate) fn named<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    let name: StrDeserializer<'_, Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

/// A number as a whole one. What is negative or none is 0, and what is too large the largest.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
#[expect(clippy::cast_sign_loss, reason = "saturates")]
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}

/// Reads fields by their names.
pub(crate) trait Foreign {
    /// A field; null if there is none.
    fn at(&self, name: &str) -> &Value;

    /// A text that is not empty.
    fn text(&self, name: &str) -> Option<&str> {
        self.at(name).as_str().filter(|text| !text.is_empty())
    }

    /// A field of this type.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.at(name)).ok()
    }
}

impl Foreign for Value {
    fn at(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }
}
