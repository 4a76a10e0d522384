//! Secrets in what others write, told by their shape: an error's text may quote a key or a header.
//!
//! What is taken for one is replaced by [`MARK`]; everything around it stays as it is, so that the
//! text is still understood. Rather a word too many than a key too few, but ids of requests and
//! sessions, models, figures and dates stay.

use std::ops::Range;

/// What stands in a secret's place.
const MARK: &str = "[hidden]";

/// Beginnings of keys and tokens, by how much of one must follow.
const BEGINNINGS: [(usize, &str); 4] = [
    (12, "AKIA ASIA ya29. glpat- xoxb- xoxp- xoxa- xoxs- xapp-"),
    (16, "sk- sk_ rk_ ghp_ gho_ ghu_ ghs_ ghr_"),
    (16, "github_pat_ npm_ hf_ pypi-"),
    (20, "AIza eyJ"),
];

/// How names end whose value is secret, in lower case.
const NAMES: &str =
    "key token secret password passwd pwd cookie authorization bearer basic credentials";

/// Nothing but a secret is so long without a break.
const LONG: usize = 40;

/// The text with every secret replaced.
pub(crate) fn hidden(text: &str) -> String {
    let mut secrets: Vec<Range<usize>> = private_keys(text)
        .chain(by_beginning(text))
        .chain(by_name(text))
        .chain(in_addresses(text))
        .chain(people(text))
        .chain(long_ones(text))
        .collect();
    secrets.sort_by_key(|secret| (secret.start, secret.end));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for secret in secrets {
        if secret.start >= done {
            out.push_str(text.get(done..secret.start).unwrap_or_default());
            out.push_str(MARK);
        }
        done = done.max(secret.end);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// The runs of such characters.
fn runs(text: &str, fits: impl Fn(char) -> bool) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, character) in text.char_indices().filter(|(_, it)| fits(*it)) {
        let end = at + character.len_utf8();
        match found.last_mut() {
            Some(run) if run.end == at => run.end = end,
            _ => found.push(at..end),
        }
    }
    found
}

/// The run of such characters that begins here; it may be empty.
fn run_from(text: &str, start: usize, fits: impl Fn(char) -> bool) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    Some(start..start + rest.find(|it| !fits(it)).unwrap_or(rest.len()))
}

fn is_of_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_.+/=~".contains(character)
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '-'
}

/// Whether letters and figures are mixed as chance does it.
fn looks_random(value: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| value.as_bytes().iter().any(kind);
    has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

fn private_keys(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("-----BEGIN ").filter_map(|(start, _)| {
        let rest = text.get(start..)?;
        let is_private = rest.lines().next()?.contains("PRIVATE");
        let end = rest.find("-----END ").unwrap_or(rest.len());
        let last = run_from(text, start + end, |c| c != '\n')?;
        is_private.then_some(start..last.end)
    })
}

/// E-mail addresses, save where Anthropic is to be written to.
fn people(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices('@').filter_map(|(at, _)| {
        let before = text.get(..at)?.chars().rev();
        let before = before.take_while(|c| c.is_alphanumeric() || "._%+-".contains(*c));
        let start = at - before.map(char::len_utf8).sum::<usize>();
        let is_of_host = |c: char| c.is_alphanumeric() || c == '.' || c == '-';
        let host = run_from(text, at + 1, is_of_host)?;
        let host = text.get(host)?.trim_end_matches(['.', '-']);
        let (name, top) = host.rsplit_once('.')?;
        let is_host = !name.is_empty() && top.len() > 1 && top.chars().all(char::is_alphabetic);
        let mut theirs = ["anthropic.com", "claude.com", "claude.ai"].iter();
        let is_theirs = theirs.any(|theirs| host.eq_ignore_ascii_case(theirs));
        // What stands before the `@` of a web address is for another rule.
        let word = text.get(..start)?.rsplit(char::is_whitespace).next()?;
        let is_person = start < at && is_host && !is_theirs && !word.contains("://");
        is_person.then(|| start..at + 1 + host.len())
    })
}

fn by_beginning(text: &str) -> impl Iterator<Item = Range<usize>> {
    let all = BEGINNINGS.iter();
    let all = all.flat_map(|(least, all)| all.split(' ').map(move |one| (one, least)));
    all.flat_map(move |(beginning, least)| {
        text.match_indices(beginning).filter_map(move |(start, _)| {
            let before = text.get(..start)?.chars().next_back();
            let run = run_from(text, start, is_of_token)?;
            let stands_alone = before.is_none_or(|before| !before.is_ascii_alphanumeric());
            (stands_alone && run.len() >= beginning.len() + least).then_some(run)
        })
    })
}

/// `name: value`, `name=value`, `"name":"value"`, `Bearer value`.
fn by_name(text: &str) -> impl Iterator<Item = Range<usize>> {
    let names = runs(text, is_of_name).into_iter().filter(|name| {
        let name = text.get(name.clone()).unwrap_or_default();
        let name = name.to_ascii_lowercase();
        NAMES.split(' ').any(|ending| name.ends_with(ending))
    });
    names.filter_map(|name| {
        let gap = run_from(text, name.end, |c| " \t\"'\\:=".contains(c))?;
        let is_of_value = |c: char| !c.is_whitespace() && !"\"'\\,;&()[]{}<>".contains(c);
        let value = run_from(text, gap.end, is_of_value)?;
        let between = text.get(gap)?;
        let is_random = looks_random(text.get(value.clone())?);
        let is_secret = match value.len() {
            length if between.contains('=') => length >= 4,
            length if between.contains(':') => length >= 20 || (length >= 8 && is_random),
            length => !between.is_empty() && length >= 16 && is_random,
        };
        is_secret.then_some(value)
    })
}

/// `https://user:password@host`
fn in_addresses(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("://").filter_map(|(at, mark)| {
        let start = at + mark.len();
        let is_of_authority = |c: char| !c.is_whitespace() && !"/\"'<>".contains(c);
        let authority = run_from(text, start, is_of_authority)?;
        let (user, _) = text.get(authority)?.rsplit_once('@')?;
        let password = user.find(':').map_or(0, |colon| colon + 1);
        Some(start + password..start + user.len())
    })
}

fn long_ones(text: &str) -> impl Iterator<Item = Range<usize>> {
    let runs = runs(text, |it| it.is_ascii_alphanumeric()).into_iter();
    runs.filter(|run| run.len() >= LONG && text.get(run.clone()).is_some_and(looks_random))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_go_and_what_stands_around_them_stays() {
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
            assert_eq!(hidden(text), expected);
        }
    }

    #[test]
    fn whose_account_it_is_is_nobody_elses_business() {
        assert_eq!(
            hidden(
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
            assert_eq!(hidden(text), text);
        }
    }

    #[test]
    fn ordinary_messages_stay_as_they_are() {
        for text in [
            "You've hit your 5-hour limit · resets 8:30am (UTC)",
            "API Error: 401 {\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key\"},\"request_id\":\"req_011CSHoEeqs5C35K2UUqR7Fy\"}",
            "prompt is too long: 200001 tokens > 200000 maximum",
            "Invalid API key · Please run /login",
            "OAuth token has expired. Session 5a7d3c1e-0000-4000-8000-000000000000",
            "model: claude-sonnet-4-5-20250929 ✻ 日本語",
            "max_tokens: 128000 > 64000, which is the maximum",
        ] {
            assert_eq!(hidden(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(sk-|key[=:]|://|@|-----BEGIN PRIVATE|é|[a-z0-9 \n\"]){0,30}") {
            let _ = hidden(&text);
        }
    }
}
