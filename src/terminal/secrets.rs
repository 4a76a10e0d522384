//! Redacts secrets in text from other programs, such as an error message that quotes an API key or a header.
//!
//! Secrets are recognized by their format and replaced with `[hidden]`. The rest of the text stays readable. A word that
//! may be a secret is redacted. Request IDs, session IDs, model names, numbers, and dates are kept.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// The ends of field, header, and variable names that indicate a secret.
const NAMES: &str =
    "key|token|secret|password|passwd|pwd|cookie|authorization|bearer|basic|credentials";

/// A character of a value.
const VALUE: &str = r#"[^\s"'\\,;&()\[\]{}<>]"#;

/// A character of a token.
const TOKEN: &str = "[A-Za-z0-9_.+/=~-]";

/// Anthropic's email domains. Addresses in these domains are support addresses and are not redacted.
const ANTHROPIC_DOMAINS: [&str; 3] = ["@anthropic.com", "@claude.com", "@claude.ai"];

/// The format of a kind of secret.
struct Format {
    /// One of these texts, which are separated by `|`, is in every text with this format. Letters are lowercase. Searching for
    /// them is much faster than the expression.
    marks: &'static str,
    /// An expression with three groups: what comes before the secret, the secret, and what comes after it.
    regex: Regex,
    /// Returns true if a text with this format is a secret.
    is_secret: fn(&str) -> bool,
}

static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let named = format!("(?i)((?:{NAMES})");
    [
        // Private keys, including the first and the last line.
        (
            "-----begin",
            r"(?s)()(-----BEGIN [^\n]*PRIVATE.*?(?:-----END [^\n]*|\z))()".to_owned(),
            is_any as fn(&str) -> bool,
        ),
        // The password in a URL. If there is none, the user name may be a token.
        (
            "://",
            r#"(://(?:[^\s/"'<>:]*:)?)([^\s/"'<>]+)(@)"#.to_owned(),
            is_any,
        ),
        // Tokens with a known prefix.
        (
            "akia|asia|ya29.|glpat-|xox|xapp-|sk-|sk_|rk_|gh|github|npm_|hf_|pypi-|aiza|eyj",
            format!(
                r"(^|[^A-Za-z0-9])((?:AKIA|ASIA|ya29\.|glpat-|xox[bpas]-|xapp-){TOKEN}{{12,}}|(?:sk[-_]|rk_|gh[pousr]_|github_pat_|npm_|hf_|pypi-){TOKEN}{{16,}}|(?:AIza|eyJ){TOKEN}{{20,}})()"
            ),
            is_any,
        ),
        // Values of fields, headers, and variables.
        (
            NAMES,
            format!(r#"{named}[ \t"'\\]*:[ \t"'\\:]*)({VALUE}{{20,}})()"#),
            is_any,
        ),
        (
            NAMES,
            format!(r#"{named}[ \t"'\\]*:[ \t"'\\:]*)({VALUE}{{8,}})()"#),
            is_random,
        ),
        (
            NAMES,
            format!(r#"{named}[ \t"'\\:]*=[ \t"'\\:=]*)({VALUE}{{4,}})()"#),
            is_any,
        ),
        // A name followed by a space may be an ordinary word in a sentence.
        (
            NAMES,
            format!(r#"{named}[ \t"'\\]+)({VALUE}{{16,}})()"#),
            is_random,
        ),
        (
            "@",
            r#"()([^\s@"'<>()\[\],;:/=]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})()"#.to_owned(),
            is_address_of_user,
        ),
        // Request IDs and session IDs are shorter.
        ("", "()([A-Za-z0-9]{40,})()".to_owned(), is_random),
    ]
    .into_iter()
    .filter_map(|(marks, expression, is_secret)| {
        Some(Format {
            marks,
            regex: Regex::new(&expression).ok()?,
            is_secret,
        })
    })
    .collect()
});

/// Redacts all secrets and email addresses in a text.
pub(crate) fn redact(text: &str) -> String {
    let mut text = text.to_owned();
    let lowercase = text.to_ascii_lowercase();
    for Format {
        marks,
        regex,
        is_secret,
    } in FORMATS.iter()
    {
        if !marks.split('|').any(|mark| lowercase.contains(mark)) {
            continue;
        }
        let hide = |found: &Captures<'_>| {
            let (whole, [before, secret, after]) = found.extract();
            if is_secret(secret) {
                format!("{before}[hidden]{after}")
            } else {
                whole.to_owned()
            }
        };
        text = regex.replace_all(&text, hide).into_owned();
    }
    text
}

fn is_any(_: &str) -> bool {
    true
}

/// Returns true if a value contains both letters and digits, unlike an ordinary word.
fn is_random(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_address_of_user(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    !ANTHROPIC_DOMAINS
        .iter()
        .any(|domain| address.ends_with(domain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_format_is_a_valid_expression() {
        assert_eq!(FORMATS.len(), 9);
    }

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

    #[test]
    fn every_secret_has_a_mark() {
        let secret = "a1".repeat(24);
        for prefix in "AKIA ASIA ya29. glpat- xoxb- xapp- sk- sk_ rk_ ghp_ github_pat_ npm_ hf_ pypi- AIza eyJ".split(' ') {
            let token: String = secret.chars().flat_map(|letter| [letter, '-']).collect();
            assert_eq!(redact(&format!("x {prefix}{token}")), "x [hidden]");
        }
        for name in NAMES.split('|') {
            assert_eq!(
                redact(&format!("{name}={secret}")),
                format!("{name}=[hidden]")
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in "(sk-|key[=:]|://|@|-----BEGIN PRIVATE|é|[a-z0-9 \n\"]){0,30}") {
            let _ = redact(&text);
        }
    }
}
