//! Reads the JSON files that are compiled into the program.

use serde::Deserialize;
use serde_json::Value;

/// Parses a JSON file that is compiled into the program. `path` is its path in `src`.
///
/// If the file is invalid, unit tests panic with the path and the error. A release, which must not fail, returns an
/// empty value.
pub(crate) fn parse<T: Default + Deserialize<'static>>(path: &str, json: &'static str) -> T {
    try_parse(json).unwrap_or_else(|error| empty(path, &error))
}

/// Parses JSON into a type that may borrow its strings. A string with an escape such as `\"` cannot be borrowed from
/// the file. It is borrowed from a parsed value that lives as long as the program.
fn try_parse<T: Deserialize<'static>>(json: &'static str) -> serde_json::Result<T> {
    let borrowed = serde_json::from_str(json);
    if borrowed.is_ok() {
        return borrowed;
    }
    let value: &'static Value = Box::leak(Box::new(serde_json::from_str(json)?));
    // The first error names the line, so it is preferred. However, a string with an escape sequence cannot be borrowed,
    // and an error about that is not a problem of the file.
    T::deserialize(value).map_err(|error| match borrowed {
        Err(first) if !first.to_string().contains("borrowed") => first,
        _ => error,
    })
}

#[cfg(not(test))]
fn empty<T: Default>(_path: &str, _error: &serde_json::Error) -> T {
    T::default()
}

#[cfg(test)]
fn empty<T>(path: &str, error: &serde_json::Error) -> T {
    panic!("src/{path} is unreadable: {error}")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn a_string_with_an_escape_is_readable() {
        let texts: Vec<&'static str> = parse("a.json", r#"["a", "the \"5-hour\" limit"]"#);
        assert_eq!(texts, ["a", "the \"5-hour\" limit"]);
    }

    #[test]
    #[should_panic(
        expected = "src/a.json is unreadable: invalid type: integer `1`, expected a string at line 2"
    )]
    fn an_unreadable_file_is_reported_with_its_path_and_line() {
        let _: Vec<String> = parse("a.json", "[\"a\",\n1]");
    }

    fn rust_files(directory: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(rust_files(&path));
            } else if path
                .extension()
                .is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                files.push(path);
            }
        }
        files
    }

    /// If a file were parsed elsewhere, an error in it could go unnoticed and leave a table empty.
    #[test]
    fn every_embedded_file_is_parsed_by_this_module() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut parsed = 0;
        for path in rust_files(&sources) {
            let code = fs::read_to_string(&path).unwrap();
            let code: String = code
                .split("#[cfg(test)]\nmod ")
                .next()
                .unwrap()
                .split_whitespace()
                .collect();
            assert!(
                !code.contains("from_str(include_str!("),
                "{}",
                path.display()
            );
            for call in code.split("embedded::parse(").skip(1) {
                let pieces: Vec<&str> = call.split('"').collect();
                let named = sources.join(pieces[1]).canonicalize().unwrap();
                let included = path.parent().unwrap().join(pieces[3]);
                assert_eq!(named, included.canonicalize().unwrap());
                parsed += 1;
            }
        }
        assert!(parsed > 7, "{parsed}");
    }
}
