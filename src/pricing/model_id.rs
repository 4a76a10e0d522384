//! A model's name without what vendors and clients hang around it.

/// Prefixes that Bedrock's cross-region profiles put before `anthropic.`.
const REGIONS: [&str; 8] = ["us", "eu", "apac", "global", "us-gov", "jp", "au", "ca"];

/// The bare model id: `us.anthropic.claude-sonnet-4-5-20250929-v1:0` → `claude-sonnet-4-5`,
/// `claude-opus-4-8[1m]` → `claude-opus-4-8`, `claude-haiku-4-5@20251001` → `claude-haiku-4-5`.
///
/// Lower case; an inference profile's ARN gives its last part. What has none of these forms comes
/// back as it is.
pub(super) fn bare(id: &str) -> String {
    let lower = id.trim().to_ascii_lowercase();
    let mut name = lower.rsplit('/').next().unwrap_or(&lower);
    for variant in ["[1m]", "[2m]"] {
        name = name.strip_suffix(variant).unwrap_or(name);
    }
    if let Some((region, rest)) = name.split_once('.')
        && REGIONS.contains(&region)
    {
        name = rest;
    }
    name = name.strip_prefix("anthropic.").unwrap_or(name);
    // In this order a Vertex id loses `@date` before `-v2`, and a Bedrock id `-v1:0` before its date.
    name = name.split_once('@').map_or(name, |(model, _)| model);
    name = strip_bedrock_version(name);
    name = name.strip_suffix("-latest").unwrap_or(name);
    name = strip_date(name);
    // `claude-opus-4.5` is how some gateways spell `claude-opus-4-5`.
    name.replace('.', "-")
}

fn strip_bedrock_version(name: &str) -> &str {
    let Some((model, version)) = name.rsplit_once("-v") else {
        return name;
    };
    let digits = |part: &str| {
        !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit())
    };
    let is_version = match version.split_once(':') {
        Some((major, minor)) => digits(major) && digits(minor),
        None => digits(version),
    };
    if is_version { model } else { name }
}

fn strip_date(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((model, date)) if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => model,
        _ => name,
    }
}

/// Whether `listed` names the same model as `id`, which goes on with a variant's name
/// (`-preview`, `-fast`) but not with another version number: `claude-opus-5` covers
/// `claude-opus-5-preview`, and says nothing about `claude-opus-5-9`.
pub(super) fn is_variant_of(id: &str, listed: &str) -> bool {
    let Some(rest) = id.strip_prefix(listed) else {
        return false;
    };
    let Some(rest) = rest.strip_prefix(['-', '@', ':']) else {
        return rest.is_empty();
    };
    !rest.starts_with(|c: char| c.is_ascii_digit())
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
            assert_eq!(bare(id), expected, "{id}");
        }
    }

    #[test]
    fn a_newer_version_is_not_a_variant_of_the_older() {
        assert!(!is_variant_of("claude-opus-5-9", "claude-opus-5"));
        assert!(!is_variant_of("claude-opus-50", "claude-opus-5"));
        assert!(is_variant_of("claude-opus-5-preview", "claude-opus-5"));
    }
}
