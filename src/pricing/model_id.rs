//! Recognizes a model by any of its names.

/// Returns the bare model ID in lowercase, which consists of the family and the version:
/// `us.anthropic.claude-sonnet-4-5-20250929-v1:0` → `claude-sonnet-4-5`, `claude-opus-4-8[1m]` → `claude-opus-4-8`,
/// `anthropic/claude-4.8-opus-20260528` → `claude-opus-4-8`.
///
/// For the ARN of an inference profile, the last component is used. IDs in other formats are only converted to
/// lowercase.
pub(super) fn bare_id(id: &str) -> String {
    let lower = id.trim().to_ascii_lowercase();
    let name = lower
        .rfind("claude-")
        .and_then(|start| lower.get(start..))
        .unwrap_or_else(|| lower.rsplit('/').next().unwrap_or(&lower));
    match name.strip_prefix("claude-") {
        Some(parts) => format!("claude-{}", family_and_version(parts)),
        None => name.to_owned(),
    }
}

/// Returns true if both names refer to the same model, such as an alias and its ID.
pub(crate) fn is_same_model(name: &str, other: &str) -> bool {
    bare_id(name) == bare_id(other)
}

/// Returns the name of a model for display, such as "Sonnet 5.5". A name in another format stays as it is.
pub(crate) fn model_title(id: &str) -> String {
    let bare = bare_id(id);
    let Some((family, version)) = bare
        .strip_prefix("claude-")
        .and_then(|name| name.split_once('-'))
    else {
        return id.to_owned();
    };
    let (initial, rest) = family.split_at(family.len().min(1));
    format!(
        "{}{rest} {}",
        initial.to_uppercase(),
        version.replace('-', ".")
    )
}

/// Returns the family, followed by the version. In a name, the family comes first, except for older models and on some
/// gateways. Anything that follows them is ignored: a date, a provider's version, or a variant such as `-preview`.
fn family_and_version(name: &str) -> String {
    let mut family = "";
    let mut version = Vec::new();
    for part in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        let is_number =
            matches!(part.len(), 1..=2) && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && version.len() < 2 {
            version.push(part);
        } else if !is_number && family.is_empty() {
            family = part;
            if !version.is_empty() {
                break;
            }
        } else {
            break;
        }
    }
    // `claude-opus-4-0` is an alias of `claude-opus-4`.
    version.retain(|part| *part != "0");
    [&[family], version.as_slice()].concat().join("-")
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
                "claude-haiku-3-5",
            ),
            ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
            ("claude-3-5-sonnet-v2@20241022", "claude-sonnet-3-5"),
            ("claude-opus-4-8[1m]", "claude-opus-4-8"),
            ("Claude-Opus-4-8[1M]", "claude-opus-4-8"),
            ("claude-3-7-sonnet-latest", "claude-sonnet-3-7"),
            ("anthropic/claude-opus-4.6", "claude-opus-4-6"),
            ("claude-4.8-opus-20260528", "claude-opus-4-8"),
            ("databricks-claude-opus-4-8", "claude-opus-4-8"),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1:0",
                "claude-opus-4-6",
            ),
            ("claude-opus-4-0", "claude-opus-4"),
            ("claude-opus-4-20250514", "claude-opus-4"),
            ("claude-opus-5-preview", "claude-opus-5"),
            ("claude-opus-5-9", "claude-opus-5-9"),
            ("claude-opus-50", "claude-opus-50"),
            ("gpt-9", "gpt-9"),
        ] {
            assert_eq!(bare_id(id), expected, "{id}");
        }
    }
}
