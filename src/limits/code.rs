//! Parts of programs in a text that somebody pasted: whoever handles Claude Code's messages has them in source code,
//! too, as literals, regular expressions and comments. Nothing is refused there.
//!
//! A line is code by what stands around its literals, which no message and no log has: operators, calls
//! and ends of statements. What it quotes is taken out; what stands beside is left to be read, for an
//! error may quote code.

use super::vocabulary::VOCABULARY;

/// A text without what is code in it.
pub(super) struct Prose {
    pub(super) text: String,
    /// Whether most of the lines were code.
    pub(super) was_code: bool,
}

/// A longer text is no message with code around it, and looking for literals in it would take seconds.
const LONGEST: usize = 32 * 1024;

/// A literal that goes on for longer is none.
const LONGEST_LITERAL: usize = 600;

/// Stands for a literal.
const LITERAL: char = '\u{1}';

/// What neither says that a line is code nor that it is none.
const STRUCTURE: [char; 6] = ['{', '}', ';', ',', '(', ')'];

/// Takes out what is code.
pub(super) fn without_code(text: &str) -> Prose {
    if text.len() > LONGEST {
        return Prose {
            text: text.to_owned(),
            was_code: false,
        };
    }
    let lines: Vec<Skeleton<'_>> = text.split('\n').map(Skeleton::of).collect();
    let mut prose = Vec::new();
    let (mut code, mut other) = (0_u32, 0_u32);
    for block in lines.split_inclusive(Skeleton::ends_block) {
        let is_in_code = block.iter().any(Skeleton::is_code);
        let mut is_json = false;
        for line in block {
            let is_list = line.is_only_literals();
            is_json = line.shape.starts_with("\u{1}:") || is_json && is_list;
            if is_in_code && !(is_json && is_list) && (line.is_code() || line.is_beside_code()) {
                code += 1;
                prose.push(line.beside_literals());
            } else {
                other += u32::from(!line.shape.is_empty() && !line.text.ends_with(STRUCTURE));
                prose.push(line.text.to_owned());
            }
        }
    }
    Prose {
        text: prose.join("\n"),
        was_code: code > 0 && code >= other,
    }
}

/// One line, and what is left of it with each literal as one sign.
struct Skeleton<'a> {
    text: &'a str,
    shape: String,
    literals: Vec<&'a str>,
}

impl<'a> Skeleton<'a> {
    fn of(text: &'a str) -> Self {
        let mut shape = String::new();
        let mut literals = Vec::new();
        let mut rest = text.trim();
        while let Some(at) = rest.find(['"', '\'', '`', '/']) {
            let (before, from) = rest.split_at(at);
            shape.push_str(before);
            let word = shape.rsplit(|c: char| !c.is_alphanumeric()).next();
            let word = word.unwrap_or_default();
            let is_prefix = ["r", "f", "b", "rb", "br", "u"].contains(&word);
            // The fence of a block in Markdown is no literal.
            let is_fence = from.starts_with("```");
            let found = match from.chars().next() {
                Some('/') => pattern_literal(&shape, from),
                // `r"…"`, `f'…'`, but not the apostrophe of "you've".
                Some('\'') if !word.is_empty() && !is_prefix => None,
                Some(quote) if !is_fence => literal(from, quote),
                _ => None,
            };
            let Some((literal, after)) = found else {
                let (sign, after) = from.split_at(if is_fence { 3 } else { 1 });
                shape.push_str(sign);
                rest = after;
                continue;
            };
            if is_prefix && !from.starts_with('`') && !literal.starts_with('{') {
                shape.truncate(shape.len() - word.len());
                shape.push_str("=> ");
            }
            shape.push(LITERAL);
            literals.push(literal);
            rest = after;
        }
        shape.push_str(rest);
        Self {
            text,
            shape,
            literals,
        }
    }

    fn ends_block(&self) -> bool {
        self.shape.is_empty() || self.shape.starts_with("```")
    }

    fn is_code(&self) -> bool {
        let shape = &self.shape.to_lowercase();
        let signs = &VOCABULARY.code;
        let mut literals = self.literals.iter();
        let quotes = literals.clone().any(|literal| literal.contains(' '));
        // A heading of Markdown is never set back, a comment in a script is.
        self.text.starts_with("  ") && self.text.trim_start().starts_with("# ")
            || signs.starts.begin(&self.shape)
            || signs.keywords.begin(&self.shape)
                && (shape.contains(['(', '{', '=', ';', LITERAL]) || shape.split(' ').count() <= 3)
            || signs.alone.hold(shape)
            || signs.ends.end(shape)
            || shape.ends_with('(') && !shape.ends_with(" (")
            || signs.anywhere.stand_in(shape)
            || literals.any(|literal| signs.patterns.stand_in(&literal.replace("**", "")))
            || is_found_in_a_file(shape)
            || quotes
                && (signs.beside.stand_in(shape)
                    || self.is_in_a_call()
                    || self.is_assigned()
                    || self.is_in_a_list())
    }

    /// Whether it can belong to code that stands around it: a comment, or few words and a literal that
    /// nobody's error is.
    fn is_beside_code(&self) -> bool {
        let words = self.shape.split(' ').filter(|word| !word.is_empty());
        let words = words.filter(|word| word.chars().all(char::is_alphabetic));
        let mut errors = ["rror: \u{1}", "xception: \u{1}", "value: \u{1}", "\u{1}:"].iter();
        let is_few = words.count() <= 4 && !self.literals.is_empty();
        self.shape.starts_with('#') || is_few && !errors.any(|error| self.shape.contains(error))
    }

    /// `name("…"`, but not `RateLimitError("…")`, which is how some print an error.
    fn is_in_a_call(&self) -> bool {
        self.shape.match_indices('(').any(|(at, _)| {
            let (before, arguments) = self.shape.split_at(at);
            let arguments = arguments.split(')').next().unwrap_or_default();
            let is_beside = |c: char| !(c.is_alphanumeric() || "_.!?:".contains(c));
            let name = before.rsplit(is_beside).next().unwrap_or_default();
            let last = name.rsplit(['.', ':']).next().unwrap_or_default();
            let is_printed = last.starts_with(char::is_uppercase)
                && (last == name || VOCABULARY.code.printed.end(&last.to_lowercase()));
            let mut making = ["new ", "throw ", "raise "].iter();
            arguments.contains(LITERAL)
                && last.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && (!is_printed || making.any(|verb| before.contains(verb)))
        })
    }

    /// `LIMIT = "…"`, `string text = "…",`
    fn is_assigned(&self) -> bool {
        let of_shell = self.shape.split_once("=\u{1}").unwrap_or_default().0;
        if !of_shell.is_empty() && of_shell.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
            return true;
        }
        let (name, value) = self.shape.split_once(" = ").unwrap_or_default();
        let is_of_name = |c: char| c.is_alphanumeric() || " _.:*&<>[]".contains(c);
        value.starts_with(['(', '[', LITERAL])
            && (value.ends_with([';', ',', '(', '[', '\\'])
                || name.contains(' ')
                || name == name.to_uppercase())
            && name.chars().all(is_of_name)
            && name.split(' ').count() <= 3
    }

    /// `"…",` alone in its line.
    fn is_in_a_list(&self) -> bool {
        self.is_only_literals() && self.shape.ends_with([',', '|', '+', '\\'])
    }

    fn is_only_literals(&self) -> bool {
        let is_between = |c: char| c == LITERAL || c.is_whitespace() || ",;|+()[]{}\\&".contains(c);
        !self.literals.is_empty() && self.shape.chars().all(is_between)
    }

    /// What stands beside the literals, and what an error's own JSON holds; nothing of a comment or a
    /// pattern.
    fn beside_literals(&self) -> String {
        let shape = self.shape.to_lowercase();
        let mut comments = ["//", "/*", "*/", "# "].iter();
        if comments.any(|start| shape.starts_with(start))
            || is_found_in_a_file(&shape)
            || VOCABULARY.code.patterns.stand_in(&self.shape)
        {
            return String::new();
        }
        let mut errors = ["is_error", "error_status", "request_id", "error_type"].iter();
        let is_errors = errors.any(|name| shape.contains(name));
        let mut literals = self.literals.iter();
        let mut beside = String::new();
        for (at, c) in self.shape.char_indices() {
            if c != LITERAL {
                beside.push(c);
                continue;
            }
            let (before, after) = self.shape.split_at(at);
            let is_value = before.trim_end().ends_with("\u{1}:");
            let is_kept = is_errors || is_value || after.starts_with("\u{1}:");
            match literals.next().filter(|_| is_kept) {
                Some(literal) => beside.extend(["\"", literal, "\""]),
                None => beside.push(' '),
            }
        }
        beside
    }
}

/// What a literal holds, and what stands after it. None if it has no end in this line.
fn literal(text: &str, quote: char) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    let mut signs = text.char_indices().skip(1).take(LONGEST_LITERAL);
    let (end, _) = signs.find(|(at, c)| {
        let after = text.get(at + 1..).unwrap_or_default();
        // "You've": an apostrophe ends nothing.
        let is_apostrophe = quote == '\'' && after.starts_with(char::is_alphanumeric);
        let is_end = *c == quote && !is_escaped && !is_apostrophe;
        is_escaped = *c == '\\' && !is_escaped;
        is_end
    })?;
    Some((text.get(1..end)?, text.get(end + 1..)?))
}

/// A regular expression between slashes, with alternatives or escapes in it, where a value may stand: `= /a|b/i;`. What
/// stands after it, too.
fn pattern_literal<'t>(before: &str, text: &'t str) -> Option<(&'t str, &'t str)> {
    const BEFORE_VALUES: [char; 9] = ['=', '(', ',', ':', '[', '|', '&', '!', '~'];
    let is_value = text.starts_with('/') && before.trim_end().ends_with(BEFORE_VALUES);
    let (pattern, after) = is_value.then(|| literal(text, '/'))??;
    let after = after.trim_start_matches(['d', 'g', 'i', 'm', 's', 'u', 'v', 'y']);
    let ends = after.is_empty() || after.starts_with([',', ';', ')', '.', ']', '}', ' ']);
    (ends && !pattern.starts_with('/') && pattern.contains(['|', '\\'])).then_some((pattern, after))
}

/// `src/limits.ts:41: …`, as a search prints it.
fn is_found_in_a_file(shape: &str) -> bool {
    let place = shape.split(' ').next().unwrap_or_default();
    let (path, rest) = place.split_once(':').unwrap_or_default();
    let (line, _) = rest.split_once(':').unwrap_or_default();
    let (_, ending) = path.rsplit_once('.').unwrap_or_default();
    let is_number = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    is_number && VOCABULARY.code.sources.hold(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_quote_is_taken_out() {
        for text in [
            "if (text.includes(\"You've hit your session limit\")) return 'limit';",
            "src/limits.ts:41:  'You\\'ve hit your session limit',",
            "elif \"usage limit reached\" in text.lower():",
            "// usage limit reached: stop the loop",
            "LIMIT = regexp.MustCompile(`You've hit your org's monthly spend limit`)",
            "  /^\\s*your group's usage limit is set to \\$0\\b/i,",
            "r\"usage allocation has been disabled\",",
            "\"Weekly limit reached\",\n\"Usage limit reached\",",
            "{\"You've hit your limit · resets 3pm\", true},",
            "const RE = /usage limit reached|insufficient_credits/i;",
            "  { signal: \"cap\", re: /weekly limit reached|limit (?:was )?exceeded/i },",
            "$text = \"You've hit your weekly limit\";",
        ] {
            let prose = without_code(text);
            assert!(prose.was_code, "{text}");
            assert!(
                !prose.text.contains("limit ") && !prose.text.contains("usage"),
                "{}",
                prose.text
            );
        }
    }

    #[test]
    fn a_text_without_end_is_read_in_no_time() {
        for piece in ["'b", "a", "\"", "=/", "`x ", "(\"a b\", "] {
            let text = piece.repeat(LONGEST / piece.len());
            let _ = without_code(&text);
            let twice = without_code(&text.repeat(2));
            assert!(!twice.was_code);
        }
    }

    #[test]
    fn what_programs_print_stays() {
        for text in [
            "You've hit your weekly limit · resets 3pm",
            "\"You've hit your weekly limit\"",
            "I see \"You've hit your limit\" in Claude Code; it says (\"try again\").",
            "{\"type\":\"result\",\"is_error\":true,\"result\":\"You've hit your limit\"}",
            "\"errors\": [\n  \"You've hit your limit\",\n]",
            "{'error': {'type': 'x', 'message': 'You\\'re out of extra usage.'}}",
            "RateLimitError(\"Error code: 429 - slow down\")",
            "ResultMessage(subtype='success', result=\"You've hit your limit\", usage=None)",
            "level=error msg=\"API Error: 529 Overloaded\" attempt=3",
            "● Bash(claude -p \"hello there\")",
            "  File \"/usr/lib/python3/sdk.py\", line 12, in query",
            "    at Client.request (file:///usr/lib/cli.js:1:2)",
            "see: /usage | /limits, or path: /home/u/limit reached",
            "See the C:\\Users\\bob\\.claude folder: usage limit reached",
            "===== Error =====",
            "It says &`#39`; ```json { \"error\": 1 }``` then You've hit your limit",
        ] {
            assert_eq!(without_code(text).text, text);
        }
        let thrown = without_code("  throw new Error(\"Not now\");\n  ^\nError: Not now");
        assert!(thrown.text.ends_with("Error: Not now"), "{}", thrown.text);
    }
}
