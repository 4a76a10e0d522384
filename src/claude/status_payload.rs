//! The JSON that Claude Code passes to a status-line command.
//!
//! Each field is parsed independently. If a field is missing, null, or of the wrong type, it is `None`. The field names
//! and units match version 2.1.328.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::window_usage::SpendLimitUsage;
use crate::json::LenientJson;
use crate::limits::Measure;
use crate::pricing::Money;
use crate::time::reset_from_epoch_seconds;
use crate::transcript::limit_lines::window_named;

/// The payload of a status-line call.
#[derive(Debug, Clone, Default)]
pub struct StatusPayload {
    pub(crate) session_id: Option<String>,
    /// The session's transcript, which may not exist yet.
    pub(crate) transcript_path: Option<PathBuf>,
    /// The model's display name ("Opus 5.5"), or its ID if it has none.
    pub(crate) model_name: Option<String>,
    /// The model's ID (`claude-opus-5-5`, `claude-opus-4-8[1m]`).
    pub(crate) model_id: Option<String>,
    /// The directory that the session started in, or the current directory if that is unknown.
    pub(crate) project_dir: Option<PathBuf>,
    /// The session's current working directory.
    pub(crate) current_dir: Option<PathBuf>,
    /// All directories in the payload. They are usually the same.
    pub(crate) directories: Vec<PathBuf>,
    /// Claude Code's running total, including background requests and, in a fork, the total of the original session.
    /// After a crash, it is reset to the last checkpoint.
    pub(crate) client_total: Option<Money>,
    /// The percentage of the context window that is in use. It is not available before a new session's first response. In
    /// a resumed session, Claude Code computes it from the transcript.
    pub(crate) context_percent: Option<f64>,
    /// True if the session has neither a context nor a request yet, so nothing has been spent in it.
    pub(crate) is_new_session: bool,
    pub(crate) fast_mode: bool,
    /// The usage windows, which are available only with a subscription and after the first response. No version reports those
    /// of individual models yet.
    pub(crate) windows: Vec<Measure>,
    /// The gateway's spend limit (since 2.1.251).
    pub(crate) spend_limit: Option<SpendLimitUsage>,
}

impl StatusPayload {
    /// Parses a payload. All fields are empty if the input is not JSON.
    pub fn parse(bytes: &[u8]) -> Self {
        let root: Value = serde_json::from_str(&String::from_utf8_lossy(bytes)).unwrap_or_default();
        let workspace = root.at("workspace");
        let project = path_in(workspace, "project_dir");
        let current = path_in(workspace, "current_dir");
        let cwd = path_in(&root, "cwd");
        let mut directories: Vec<PathBuf> = [&project, &current, &cwd]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        directories.dedup();

        let limits = root.at("rate_limits");
        let mut windows: Vec<Measure> = limits
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, limit)| measure(name, limit))
            .collect();
        windows.sort_by_key(|measure| measure.window);

        let model = root.at("model");
        let model_id = model.string("id");
        let cost = root.at("cost");
        let context_percent = root
            .at("context_window")
            .at("used_percentage")
            .as_f64()
            .filter(|percent| (0.0..=1000.0).contains(percent));
        let client_total = dollars(cost.at("total_cost_usd"));
        let is_new_session = root.at("context_window").is_object()
            && context_percent.is_none()
            && client_total == Some(Money::ZERO)
            && cost.at("total_api_duration_ms").as_f64() == Some(0.0);
        Self {
            session_id: root.string("session_id"),
            transcript_path: path_in(&root, "transcript_path"),
            model_name: model
                .string("display_name")
                .or_else(|| model_id.clone())
                .or_else(|| root.string("model")),
            model_id,
            project_dir: project.or_else(|| cwd.clone()),
            current_dir: current.or(cwd),
            directories,
            client_total,
            context_percent,
            is_new_session,
            fast_mode: root.at("fast_mode") == true,
            windows,
            spend_limit: spend_limit(limits.at("spend_limit")),
        }
    }
}

fn path_in(fields: &Value, name: &str) -> Option<PathBuf> {
    fields.string(name).map(PathBuf::from)
}

fn dollars(usd: &Value) -> Option<Money> {
    let usd = usd.as_f64().filter(|usd| *usd >= 0.0)?;
    Money::from_noisy_usd(usd)
}

/// Parses a usage window. Returns `None` for other limits, or if the percentage is missing or implausible.
fn measure(name: &str, limit: &Value) -> Option<Measure> {
    Some(Measure {
        window: window_named(name)?,
        percent: used_percent(limit)?,
        resets_at: reset(limit),
    })
}

fn used_percent(limit: &Value) -> Option<f64> {
    let percent = limit.at("used_percentage").as_f64()?;
    (0.0..=10_000.0)
        .contains(&percent)
        .then_some(percent)
}

fn reset(limit: &Value) -> Option<DateTime<Utc>> {
    reset_from_epoch_seconds(limit.at("resets_at").as_f64()?)
}

fn spend_limit(limit: &Value) -> Option<SpendLimitUsage> {
    Some(SpendLimitUsage {
        percent: used_percent(limit)?,
        resets_at: reset(limit),
        used: dollars(limit.at("used_usd")),
        limit: dollars(limit.at("limit_usd")),
        period: limit.read("period"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::window_usage::SpendPeriod;

    #[test]
    fn null_is_different_from_zero() {
        let input = StatusPayload::parse(br#"{"context_window":{"used_percentage":null}}"#);
        assert_eq!(input.context_percent, None);
        let input = StatusPayload::parse(br#"{"context_window":{"used_percentage":0}}"#);
        assert_eq!(input.context_percent, Some(0.0));
    }

    #[test]
    fn a_wrong_type_hides_one_field_and_no_other() {
        let input = StatusPayload::parse(
            br#"{"session_id":7,"model":"Opus","rate_limits":{"five_hour":[]}}"#,
        );
        assert_eq!(input.session_id, None);
        assert_eq!(input.windows, []);
        assert_eq!(input.model_name.as_deref(), Some("Opus"));
    }

    /// The first payload is from the help text of `/statusline` in Claude Code 2.1.285 to 2.1.329.
    #[test]
    fn a_gateway_s_spend_limit_is_read_with_and_without_its_dollars() {
        let parse_spend_limit = |limit: &str| {
            let payload = format!(r#"{{"rate_limits":{{"spend_limit":{limit}}}}}"#);
            let payload = StatusPayload::parse(payload.as_bytes());
            payload.spend_limit
        };
        let full = parse_spend_limit(
            r#"{"used_percentage":102.5,"resets_at":1795219200,"used_usd":51.25,"limit_usd":50,"period":"daily"}"#,
        )
        .unwrap();
        assert_eq!(full.limit, Some(Money::from_nano(50_000_000_000)));
        assert_eq!(full.period, Some(SpendPeriod::Daily));
        assert!(full.resets_at.is_some());
        let bare =
            parse_spend_limit(r#"{"used_percentage":3,"used_usd":"x","period":"hourly"}"#).unwrap();
        assert_eq!((bare.used, bare.limit, bare.period), (None, None, None));
        assert_eq!(parse_spend_limit(r#"{"used_usd":3}"#), None);
        assert_eq!(parse_spend_limit("7"), None);
    }

    #[test]
    fn invalid_utf8_in_one_string_does_not_hide_the_rest() {
        let input = StatusPayload::parse(b"{\"cwd\":\"/tmp/\xff\",\"model\":{\"id\":\"m\"}}");
        assert_eq!(input.model_name.as_deref(), Some("m"));
    }
}
