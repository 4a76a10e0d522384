//! Arguments that were not understood, told in one line.

use clap::Command;

use super::meant;

/// What the parser found wrong with `arguments` (without the program's name), and what to type
/// instead, if that is likely, or where to look it up.
pub(crate) fn problem(error: &clap::Error, arguments: &[&str], command: &Command) -> String {
    if let Some(hint) = meant::hint(arguments) {
        return hint;
    }
    let mut verbs = arguments.iter();
    let verb = verbs.find(|word| command.find_subcommand(word).is_some());
    let verb = verb.map(|verb| format!(" {verb}")).unwrap_or_default();
    format!("{}; see whycap{verb} --help", found_wrong(error))
}

/// The parser's own words without its usage and its hint at --help: each of its lines is a part of
/// the sentence.
pub(crate) fn found_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.trim_start_matches("error: ").lines().map(str::trim);
    let of_use = lines.take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let mut sentence = String::new();
    for part in of_use.filter(|line| !line.is_empty()) {
        let part = part.trim_start_matches("tip: ");
        let joint = match sentence.chars().last() {
            None => "",
            Some(':') => " ",
            Some(_) if part.starts_with('[') => " ",
            Some(_) => "; ",
        };
        sentence.push_str(joint);
        sentence.push_str(part);
    }
    sentence
}
