//! Redacts secrets in text from other programs, such as an error message that quotes an API key or a header.
//!
//! Secrets are recognized by their format and replaced with [`REPLACEMENT`]. The rest of the text stays readable. A
//! word that may be a secret is redacted. Request IDs, session IDs, model names, numbers, and dates are kept.

use std::ops::Range;

/// The replacement for a secret.
const REPLACEMENT: &str = "[hidden]";

/// The known prefixes of keys and tokens, with the minimum length of the rest.
const TOKEN_PREFIXES: [(usize, &[&str]); 3] = [
    (
        12,
        &[
            "AKIA", "ASIA", "ya29.", "glpat-", "xoxb-", "xoxp-", "xoxa-", "xoxs-", "xapp-",
        ],
    ),
    (
        16,
        &[
            "sk-",
            "sk_",
            "rk_",
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "npm_",
            "hf_",
            "pypi-",
        ],
    ),
    (20, &["AIza", "eyJ"]),
];

/// The suffixes of field, header, and variable names that indicate a secret, in lowercase.
const SECRET_NAME_ENDINGS: [&str; 11] = [
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "pwd",
    "cookie",
    "authorization",
    "bearer",
    "basic",
    "credentials",
];

/// Anthropic's email domains. Addresses in these domains are support addresses and are not redacted.
const ANTHROPIC_DOMAINS: [&str; 3] = ["anthropic.com", "claude.com", "claude.ai"];

/// The minimum length of a sequence of letters and digits that is considered a secret. Request IDs and session IDs are
/// shorter.
const LONG_TOKEN: usize = 40;

/// Redacts all secrets and email addresses in a text.
pub(crate) fn redact(text: &str) -> String {
    let mut secrets: Vec<Range<usize>> = private_keys(text)
        .chain(prefixed_tokens(text))
        .chain(named_values(text))
        .chain(url_passwords(text))
        .chain(email_addresses(text))
        .chain(long_tokens(text))
        .collect();
    secrets.sort_by_key(|secret| (secret.start, secret.end));

    let mut redacted = String::with_capacity(text.len());
    let mut end_of_last = 0;
    for secret in secrets {
        if secret.start >= end_of_last {
            redacted.push_str(text.get(end_of_last..secret.start).unwrap_or_default());
            redacted.push_str(REPLACEMENT);
        }
        end_of_last = end_of_last.max(secret.end);
    }
    redacted.push_str(text.get(end_of_last..).unwrap_or_default());
    redacted
}

/// Finds all private keys in PEM format, including the `BEGIN` and `END` lines.
fn private_keys(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("-----BEGIN ").filter_map(|(start, _)| {
        let rest = text.get(start..)?;
        if !rest.lines().next()?.contains("PRIVATE") {
            return None;
        }
        let start_of_last_line = rest.find("-----END ").unwrap_or(rest.len());
        let last_line = run_at(text, start + start_of_last_line, |c| c != '\n')?;
        Some(start..last_line.end)
    })
}

/// Finds all tokens with one of the [`TOKEN_PREFIXES`].
fn prefixed_tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    TOKEN_PREFIXES
        .iter()
        .flat_map(|(rest_length, prefixes)| {
            prefixes.iter().map(move |prefix| (prefix, rest_length))
        })
        .flat_map(move |(prefix, rest_length)| {
            text.match_indices(prefix).filter_map(move |(start, _)| {
                let before = text.get(..start)?.chars().next_back();
                let token = run_at(text, start, is_in_token)?;
                let is_start_of_word = before.is_none_or(|c| !c.is_ascii_alphanumeric());
                let is_long_enough = token.len() >= prefix.len() + rest_length;
                (is_start_of_word && is_long_enough).then_some(token)
            })
        })
}

/// Finds the values of all secret fields, headers, and variables in the forms `name: value`, `name=value`,
/// `"name":"value"`, and `Bearer value`.
fn named_values(text: &str) -> impl Iterator<Item = Range<usize>> {
    runs(text, is_in_name)
        .into_iter()
        .filter(|name| text.get(name.clone()).is_some_and(names_secret))
        .filter_map(|name| {
            let separator = run_at(text, name.end, |c| " \t\"'\\:=".contains(c))?;
            let value = run_at(text, separator.end, |c| {
                !c.is_whitespace() && !"\"'\\,;&()[]{}<>".contains(c)
            })?;

            let is_random = looks_random(text.get(value.clone())?);
            let separator = text.get(separator)?;
            let is_secret = if separator.contains('=') {
                value.len() >= 4
            } else if separator.contains(':') {
                value.len() >= 20 || (value.len() >= 8 && is_random)
            } else {
                // A name followed by a space may be an ordinary word in a sentence.
                !separator.is_empty() && value.len() >= 16 && is_random
            };
            is_secret.then_some(value)
        })
}

/// Returns true if the name of a field, header, or variable indicates a secret.
fn names_secret(name: &str) -> bool {
    let lower_case = name.to_ascii_lowercase();
    SECRET_NAME_ENDINGS
        .iter()
        .any(|ending| lower_case.ends_with(ending))
}

/// Finds the password in each URL with credentials (`user:password@host`). If there is no password, the user name may
/// be a token, so it is included.
fn url_passwords(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("://")
        .filter_map(|(position, separator)| {
            let start = position + separator.len();
            let authority = run_at(text, start, |c| !c.is_whitespace() && !"/\"'<>".contains(c))?;
            let (login, _) = text.get(authority)?.rsplit_once('@')?;
            let password = login.find(':').map_or(0, |colon| colon + 1);
            Some(start + password..start + login.len())
        })
}

/// Finds all email addresses except Anthropic's.
fn email_addresses(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices('@')
        .filter_map(|(at_sign, _)| email_address_around(text, at_sign))
}

/// Returns the email address around an `@`. Returns `None` if it is one of Anthropic's, or if there is no email
/// address.
fn email_address_around(text: &str, at_sign: usize) -> Option<Range<usize>> {
    let user_length: usize = text
        .get(..at_sign)?
        .chars()
        .rev()
        .take_while(|c| c.is_alphanumeric() || "._%+-".contains(*c))
        .map(char::len_utf8)
        .sum();
    let start = at_sign - user_length;

    let domain = run_at(text, at_sign + 1, |c| {
        c.is_alphanumeric() || c == '.' || c == '-'
    })?;
    let domain = text.get(domain)?.trim_end_matches(['.', '-']);
    let (name, top_level) = domain.rsplit_once('.')?;
    let is_domain =
        !name.is_empty() && top_level.len() > 1 && top_level.chars().all(char::is_alphabetic);
    let is_anthropic = ANTHROPIC_DOMAINS
        .iter()
        .any(|anthropic| domain.eq_ignore_ascii_case(anthropic));

    // Credentials in URLs are handled by `url_passwords`.
    let word_before = text.get(..start)?.rsplit(char::is_whitespace).next()?;
    let is_in_url = word_before.contains("://");

    let is_address = user_length > 0 && is_domain && !is_anthropic && !is_in_url;
    is_address.then(|| start..at_sign + 1 + domain.len())
}

/// Finds all long sequences of letters and digits that look random.
fn long_tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    runs(text, |c| c.is_ascii_alphanumeric())
        .into_iter()
        .filter(|run| run.len() >= LONG_TOKEN && text.get(run.clone()).is_some_and(looks_random))
}

/// Finds all sequences of characters for which `fits` returns true. They are as long as possible.
fn runs(text: &str, fits: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (start, character) in text.char_indices().filter(|(_, c)| fits(*c)) {
        let end = start + character.len_utf8();
        match runs.last_mut() {
            Some(run) if run.end == start => run.end = end,
            _ => runs.push(start..end),
        }
    }
    runs
}

/// Returns the sequence of characters from `start` for which `fits` returns true. It may be empty. Returns `None` if
/// `start` is past the end of the text.
fn run_at(text: &str, start: usize, fits: impl Fn(char) -> bool) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
    Some(start..start + length)
}

fn is_in_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_.+/=~".contains(character)
}

fn is_in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '-'
}

/// Returns true if a value contains both letters and digits, unlike an ordinary word.
fn looks_random(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_redacted_and_the_text_around_them_stays() {
        for (text, expected) in [
            ("x sk-ant-api03-abcdefgh12345678ABCD, y", "x [hidden], y"),
            (
                "Authorization: Bearer abcdef0123456789abcdef",
                "Authorization: Bearer [hidden]",
            ),
            (
                "bearer abcdef0123456789abcdef (UTC)",
                "bearer [hidden] (UTC)",
            ),
            (
                "{\"access_token\":\"abcdef0123456789\"}",
                "{\"access_token\":\"[hidden]\"}",
            ),
            (
                "AKIAABCDEFGH12345678 resets 8:30am",
                "[hidden] resets 8:30am",
            ),
            (
                "aws_secret_access_key=a/b+c",
                "aws_secret_access_key=[hidden]",
            ),
            (
                "at https://user:pass@host.example/v1",
                "at https://user:[hidden]@host.example/v1",
            ),
            (
                "https://h.example/v1?api_key=0123456789&x=1",
                "https://h.example/v1?api_key=[hidden]&x=1",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nmore",
                "[hidden]\nmore",
            ),
            ("Cookie: sessionKey=abc123def456", "Cookie: [hidden]"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn email_addresses_are_redacted_except_those_of_anthropic() {
        assert_eq!(
            redact(
                "Not a member: Ann.O+x@mail.example.org. Ask it@example.com, or support@anthropic.com"
            ),
            "Not a member: [hidden]. Ask [hidden], or support@anthropic.com"
        );
        for text in [
            "@anthropic-ai/claude-code@2.1.328",
            "user@host",
            "a @ b.c",
            "x@.org",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn ordinary_messages_are_not_changed() {
        for text in [
            "You've hit your 5-hour limit · resets 8:30am (UTC)",
            "API Error: 401 {\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key\"},\"request_id\":\"req_011CSHoEeqs5C35K2UUqR7Fy\"}",
            "prompt is too long: 200001 tokens > 200000 maximum",
            "Invalid API key · Please run /login",
            "OAuth token has expired. Session 5a7d3c1e-0000-4000-8000-000000000000",
            "model: claude-sonnet-4-5-20250929 ✻ 日本語",
            "max_tokens: 128000 > 64000, which is the maximum",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in "(sk-|key[=:]|://|@|-----BEGIN PRIVATE|é|[a-z0-9 \n\"]){0,30}") {
            let _ = redact(&text);
        }
    }
}
