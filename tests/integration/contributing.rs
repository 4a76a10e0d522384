//! Tests that the names in CONTRIBUTING.md exist, so that newcomers find them.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn contributing() -> String {
    fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap()
}

/// Adds the names in the files below a directory, except in this file.
fn add_names(directory: &Path, names: &mut HashSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_names(&path, names);
        } else if path.extension().is_some_and(|extension| {
            ["rs", "json", "py", "sql", "css", "js", "toml"]
                .iter()
                .any(|known| extension == *known)
        }) && !path.ends_with("tests/integration/contributing.rs")
        {
            let text = fs::read_to_string(&path).unwrap_or_default();
            names.extend(names_in(&text).map(str::to_owned));
        }
    }
}

fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

/// Returns the names in the sources, the tests, and the build files.
fn existing_names() -> HashSet<String> {
    let mut names = HashSet::new();
    for directory in [
        "src",
        "tests/integration",
        "tests/unit",
        "tests/page",
        "docs/site",
    ] {
        add_names(&root().join(directory), &mut names);
    }
    for file in ["build.rs", "Cargo.toml", "clippy.toml", "hooks/hooks.json"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        names.extend(names_in(&text).map(str::to_owned));
    }
    names
}

/// Returns the text between single backticks, outside the examples.
fn quoted(text: &str) -> Vec<&str> {
    text.split("```")
        .step_by(2)
        .flat_map(|prose| prose.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_path_in_the_instructions_exists() {
    let text = contributing();
    let extensions = [
        "rs", "json", "jsonl", "toml", "txt", "md", "py", "sql", "css", "js", "sh",
    ];
    let missing: BTreeSet<&str> = quoted(&text)
        .into_iter()
        .filter(|path| path.contains('/') && !path.contains([' ', '*', '…', '(', ':']))
        .filter(|path| {
            let is_directory = path.ends_with('/') && !path.starts_with('/');
            let extension = path.rsplit('.').next().unwrap_or_default();
            is_directory || extensions.contains(&extension)
        })
        // The source file of the command that the reader adds.
        .filter(|path| !path.contains("NAME"))
        .filter(|path| {
            ["", "src/ledger", "src", "src/spend"]
                .iter()
                .all(|below| !root().join(below).join(path).exists())
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Returns true if a quoted text can be the name of an item: it contains `_`, `::`, or both cases.
fn is_name(text: &str) -> bool {
    let is_of_characters = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    let has_case = text.contains(|c: char| c.is_ascii_uppercase())
        && text.contains(|c: char| c.is_ascii_lowercase());
    is_of_characters && (text.contains('_') || text.contains("::") || has_case)
}

#[test]
fn every_name_in_the_instructions_exists() {
    let text = contributing();
    let existing = existing_names();
    let missing: BTreeSet<&str> = quoted(&text)
        .into_iter()
        .map(|name| name.trim_end_matches("()"))
        .filter(|name| is_name(name))
        // Entries such as `_usd` are only suffixes.
        .filter(|name| !name.starts_with('_'))
        .flat_map(names_in)
        .filter(|name| !existing.contains(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The part of an example that belongs in one file.
#[derive(Debug, Default)]
struct ExampleFile {
    path: String,
    /// The items to which the example adds lines.
    items: Vec<String>,
    added: String,
}

impl ExampleFile {
    fn extension(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

/// Returns the files of all examples. Each example is a diff.
fn examples() -> Vec<Vec<ExampleFile>> {
    let text = contributing();
    let diffs = text.split("```diff\n").skip(1);
    diffs
        .map(|diff| {
            let mut files: Vec<ExampleFile> = Vec::new();
            for line in diff.split("```").next().unwrap().lines() {
                if let Some(path) = line.strip_prefix("--- ") {
                    files.push(ExampleFile {
                        path: path.to_owned(),
                        ..ExampleFile::default()
                    });
                } else if let Some(item) = line.strip_prefix("@@ ") {
                    files.last_mut().unwrap().items.push(item.to_owned());
                } else {
                    let file = files.last_mut().unwrap();
                    file.added += line.strip_prefix('+').unwrap();
                    file.added.push('\n');
                }
            }
            files
        })
        .collect()
}

/// Returns code without its comments and strings.
fn without_text(code: &str) -> String {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').step_by(2).chain(["\n"]))
        .collect()
}

/// Returns the names of the functions in the code, and of the variants that are on their own lines.
fn defined_in(code: &str) -> HashSet<&str> {
    let functions = code
        .split("fn ")
        .skip(1)
        .filter_map(|rest| names_in(rest).next());
    let variants = code.lines().filter_map(|code_line| {
        let line = code_line.trim().strip_suffix(',')?;
        let name = names_in(line).next()?;
        let rest = line.strip_prefix(name)?;
        let is_variant = rest.is_empty() || (rest.starts_with('(') && rest.ends_with(')'));
        (is_variant && name.starts_with(|c: char| c.is_ascii_uppercase())).then_some(name)
    });
    functions.chain(variants).collect()
}

/// The examples are not compiled, so this test finds fields, functions, and variants that have been renamed.
#[test]
fn every_name_in_the_examples_exists() {
    let existing = existing_names();
    let mut missing = BTreeSet::new();
    for files in examples() {
        let code: Vec<String> = files
            .iter()
            .filter(|file| file.extension() == "rs")
            .map(|file| without_text(&file.added))
            .collect();
        let defined: HashSet<&str> = code.iter().flat_map(|code| defined_in(code)).collect();
        for file in files.iter().filter(|file| file.extension() == "rs") {
            let text = fs::read_to_string(root().join(&file.path)).unwrap_or_default();
            let names_in_file: HashSet<&str> = names_in(&text).collect();
            for item in &file.items {
                let unknown =
                    names_in(item).filter(|name| !names_in_file.contains(name) && *name != "and");
                missing.extend(unknown.map(|name| format!("{name} in {}", file.path)));
            }
        }
        for code in &code {
            let unknown =
                names_in(code).filter(|name| !existing.contains(*name) && !defined.contains(name));
            missing.extend(unknown.map(str::to_owned));
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// Returns the keys of all objects in a value, except for keys that the author of an entry can choose freely.
fn keys(value: &Value, depth: usize, collected: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if depth > 0 {
                    collected.insert(key.clone());
                }
                keys(value, depth + 1, collected);
            }
        }
        Value::Array(values) => {
            for value in values {
                keys(value, depth, collected);
            }
        }
        _ => {}
    }
}

#[test]
fn the_entries_in_the_examples_have_the_fields_of_existing_ones() {
    let mut wrong = Vec::new();
    for files in examples() {
        for file in files.iter().filter(|file| file.path.contains(".json")) {
            let mut text = fs::read_to_string(root().join(&file.path)).unwrap_or_default();
            if file.path.ends_with("kinds.jsonl") {
                // Entries in both files can have the same fields, but few entries use all of them.
                text +=
                    &fs::read_to_string(root().join("tests/data/messages/samples.jsonl")).unwrap();
            }
            let existing: HashSet<&str> = names_in(&text).collect();
            let entries: Vec<Value> = if file.extension() == "jsonl" {
                let lines = file.added.lines();
                lines
                    .map(|line| serde_json::from_str(line).unwrap())
                    .collect()
            } else {
                let added = file.added.trim().trim_end_matches(',');
                let is_named = added.starts_with('"');
                let json = if is_named {
                    format!("{{{added}}}")
                } else {
                    // Unlike other entries, a row has no key in front of its fields.
                    format!("{{\"row\": {added}}}")
                };
                vec![serde_json::from_str(&json).unwrap()]
            };
            let depth = usize::from(file.extension() == "jsonl");
            for entry in &entries {
                let mut used = BTreeSet::new();
                keys(entry, depth, &mut used);
                let unknown = used.iter().filter(|key| !existing.contains(key.as_str()));
                wrong.extend(unknown.map(|key| format!("{key} in {}", file.path)));
            }
        }
        let added: String = files.iter().map(|file| file.added.as_str()).collect();
        wrong.extend(unknown_references(&added, "\"actions\": [", "actions.json"));
        wrong.extend(unknown_references(&added, "\"cause\": ", "causes.json"));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Returns the names after `key` that are defined neither in the example nor in the file in `src/limits/wording`.
fn unknown_references(added: &str, key: &str, file: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("src/limits/wording").join(file)).unwrap();
    let mut unknown = Vec::new();
    for rest in added.split(key).skip(1) {
        let end = rest.find([']', '\n']).unwrap_or(rest.len());
        for name in rest[..end].split('"').skip(1).step_by(2) {
            let definition = format!("\"{name}\": {{");
            if !text.contains(&definition) && !added.contains(&definition) {
                unknown.push(format!("{name} in {file}"));
            }
        }
    }
    unknown
}
