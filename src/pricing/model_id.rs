//! Normalizes the different spellings of model IDs.

use std::ops::RangeInclusive;

/// The region prefixes of Bedrock's cross-region profiles, which precede `anthropic.`.
const REGIONS: [&str; 8] = ["us", "eu", "apac", "global", "us-gov", "jp", "au", "ca"];

/// The suffixes for larger context windows.
const CONTEXT_VARIANTS: [&str; 2] = ["[1m]", "[2m]"];

/// Returns the bare model ID in lowercase: `us.anthropic.claude-sonnet-4-5-20250929-v1:0` → `claude-sonnet-4-5`,
/// `claude-opus-4-8[1m]` → `claude-opus-4-8`, `claude-haiku-4-5@20251001` → `claude-haiku-4-5`.
///
/// For the ARN of an inference profile, the last component is used. IDs in other formats are only converted to
/// lowercase.
pub(super) fn bare_id(id: &str) -> String {
    let lower = id.trim().to_ascii_lowercase();
    let last_part = lower.rsplit('/').next().unwrap_or(&lower);
    let without_context = without_context_variant(last_part);
    let without_region = match without_context.split_once('.') {
        Some((region, rest)) if REGIONS.contains(&region) => rest,
        _ => without_context,
    };
    let without_vendor = without_region
        .strip_prefix("anthropic.")
        .unwrap_or(without_region);
    let without_vertex_date = without_vendor
        .split_once('@')
        .map_or(without_vendor, |(model, _date)| model);

    // Vertex IDs have the date after `-v2`. Bedrock IDs have it before `-v1:0`.
    let without_version = strip_suffix_after(without_vertex_date, "-v", |version| {
        version.splitn(2, ':').all(|part| is_number(part, 1..=3))
    });
    let without_latest = without_version
        .strip_suffix("-latest")
        .unwrap_or(without_version);
    let without_date = strip_suffix_after(without_latest, "-", |date| is_number(date, 8..=8));

    // Some gateways use `claude-opus-4.5` instead of `claude-opus-4-5`.
    without_date.replace('.', "-")
}

/// Returns a model ID without the suffix for a larger context window.
pub(crate) fn without_context_variant(id: &str) -> &str {
    CONTEXT_VARIANTS
        .iter()
        .find_map(|variant| id.strip_suffix(variant))
        .unwrap_or(id)
}

/// Returns the key of a model's custom rate: the ID in lowercase, without a context window suffix.
pub(super) fn rate_key(id: &str) -> String {
    CONTEXT_VARIANTS
        .iter()
        .fold(id.to_ascii_lowercase(), |key, variant| {
            key.replace(variant, "")
        })
}

/// Returns true if `id` is `listed` or a variant of it with a suffix such as `-preview` or `-fast`.
///
/// Other version numbers are not variants: `claude-opus-5` matches `claude-opus-5-preview`, but not `claude-opus-5-9`.
pub(super) fn is_variant_of(id: &str, listed: &str) -> bool {
    let Some(suffix) = id.strip_prefix(listed) else {
        return false;
    };
    match suffix.strip_prefix(['-', '@', ':']) {
        Some(variant) => !variant.starts_with(|c: char| c.is_ascii_digit()),
        None => suffix.is_empty(),
    }
}

/// Removes the last `separator` and everything after it, provided that the text after it satisfies a condition.
fn strip_suffix_after<'name>(
    name: &'name str,
    separator: &str,
    condition: impl Fn(&str) -> bool,
) -> &'name str {
    match name.rsplit_once(separator) {
        Some((start, suffix)) if condition(suffix) => start,
        _ => name,
    }
}

/// Returns true if a string consists only of digits and has one of the given lengths.
fn is_number(text: &str, lengths: RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendor_spelling_gives_the_bare_model() {
        for (id, expected) in [
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                "claude-sonnet-4-5",
            ),
            ("global.anthropic.claude-opus-5-5-v1", "claude-opus-5-5"),
            (
                "anthropic.claude-3-5-haiku-20241022-v1:0",
                "claude-3-5-haiku",
            ),
            ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
            ("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet"),
            ("claude-opus-4-8[1m]", "claude-opus-4-8"),
            ("Claude-Opus-4-8[1M]", "claude-opus-4-8"),
            ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
            ("anthropic/claude-opus-4.6", "claude-opus-4-6"),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1:0",
                "claude-opus-4-6",
            ),
            ("gpt-9", "gpt-9"),
        ] {
            assert_eq!(bare_id(id), expected, "{id}");
        }
    }

    #[test]
    fn a_newer_version_is_not_a_variant_of_the_older() {
        assert!(!is_variant_of("claude-opus-5-9", "claude-opus-5"));
        assert!(!is_variant_of("claude-opus-50", "claude-opus-5"));
        assert!(is_variant_of("claude-opus-5-preview", "claude-opus-5"));
    }
}
