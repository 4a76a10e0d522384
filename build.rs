//! Generates the enums whose variants are the names in a JSON file.
//!
//! An action, for example, is one entry in `actions.json`. Its entry becomes a variant of `ActionName`, so the compiler
//! finds misspelled names in the code, and serde finds them in the other JSON files.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a build script receives its directory in a variable, returns instructions on standard output, and writes code"
)]

use std::path::Path;
use std::{env, fs, io};

use serde_json::Value;

const ACTIONS: &str = "src/limits/wording/actions.json";
const CAUSES: &str = "src/limits/wording/causes.json";
const SENTENCES: &str = "src/limits/wording/sentences.json";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let sentences = read(SENTENCES)?;
    write_enum("ActionName", Some(&read(ACTIONS)?))?;
    write_enum("Cause", Some(&read(CAUSES)?))?;
    write_enum("EndingWord", sentences.get("endings"))?;
    write_enum("Unknown", sentences.get("unknowns"))
}

fn read(path: &str) -> io::Result<Value> {
    println!("cargo::rerun-if-changed={path}");
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

/// Writes an enum to a file that a module of the program includes. The names in a JSON object become the variants.
fn write_enum(enum_name: &str, entries: Option<&Value>) -> io::Result<()> {
    let mut code = format!(
        "/// A name in a JSON file. `build.rs` generates this enum.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]\n\
         #[serde(rename_all = \"snake_case\")]\n\
         #[allow(missing_docs, unreachable_pub, reason = \"the JSON file describes the names\")]\n\
         pub enum {enum_name} {{\n"
    );
    for (name, _) in entries.and_then(Value::as_object).into_iter().flatten() {
        code.push_str(&camel_case(name));
        code.push_str(",\n");
    }
    code.push_str("}\n");
    let directory = env::var("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&directory).join(format!("{enum_name}.rs")), code)
}

/// Converts a name such as `weekly_limit` to the name of a variant.
fn camel_case(name: &str) -> String {
    let mut variant = String::new();
    for word in name.split('_') {
        let (first, rest) = word.split_at(1.min(word.len()));
        variant.push_str(&first.to_uppercase());
        variant.push_str(rest);
    }
    variant
}
