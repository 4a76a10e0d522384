//! The JSON that Claude Code gives a status line command.
//!
//! Every field may be missing, null or of a wrong type: each is read on its own, and what cannot
//! be read is absent. Field names and units as of client 2.1.328.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meters::{Meter, OtherMeters, SpendMeter};
use crate::foreign::Foreign;
use crate::pricing::Money;
use crate::time::plausible_epoch;

/// One status payload.
#[derive(Debug, Clone, Default)]
pub struct StatusPayload {
    pub(crate) session_id: Option<String>,
    /// The prompt that is worked on, or was last (since 2.1.196).
    pub(crate) prompt_id: Option<String>,
    /// The session's transcript. It may not exist yet.
    pub(crate) transcript_path: Option<PathBuf>,
    /// The model as people call it ("Opus 5.5"), else its id.
    pub(crate) model_name: Option<String>,
    /// The model's id (`claude-opus-5-5`, `claude-opus-4-8[1m]`).
    pub(crate) model_id: Option<String>,
    pub(crate) version: Option<String>,
    /// The directory that the session was started in, else the current one.
    pub(crate) project_dir: Option<PathBuf>,
    /// The directory that the session works in now.
    pub(crate) current_dir: Option<PathBuf>,
    /// Every directory that the session says it is in. Mostly all three are the same.
    pub(crate) directories: Vec<PathBuf>,
    /// The client's own running total since its chain of runs began. It contains what a fork took
    /// over and background requests; after a crash it falls back to the last one written.
    pub(crate) client_total: Option<Money>,
    /// The client's running total of time spent in API calls, in milliseconds. It grows with every
    /// request, so the same value twice means that no request came in between.
    pub(crate) client_api_ms: Option<f64>,
    /// For how long processes of the chain of runs have lived, in milliseconds.
    pub(crate) client_run_ms: Option<i64>,
    /// Lines that the session has added, and removed.
    pub(crate) lines_added: Option<u64>,
    pub(crate) lines_removed: Option<u64>,
    /// How hard the model is told to think ("medium"). Absent for a model that cannot be told.
    pub(crate) effort: Option<String>,
    /// Share of the context window in use, 0 to 100. Absent before the first answer.
    pub(crate) context_percent: Option<f64>,
    pub(crate) fast_mode: bool,
    /// The session's prompt cache (since 2.1.251). None where none was seen, or it is not told when it
    /// goes cold.
    pub(crate) prompt_cache: Option<PromptCache>,
    /// None where there were none.
    pub(crate) cache_misses: Option<CacheMisses>,
    /// The five-hour window. Only subscribers get it, and only after the first answer.
    pub(crate) five_hour: Option<Meter>,
    /// The weekly window, likewise.
    pub(crate) seven_day: Option<Meter>,
    /// What few are told of: a gateway's spend limit (since 2.1.251), and the windows of single
    /// models, should a client tell them as it tells the others.
    pub(crate) others: OtherMeters,
}

impl StatusPayload {
    /// Reads a payload. Bytes that are not JSON give a payload in which everything is absent.
    pub fn parse(bytes: &[u8]) -> Self {
        let root: Value = serde_json::from_str(&String::from_utf8_lossy(bytes)).unwrap_or_default();
        let text = |pointer: &str| {
            let text = root.pointer(pointer)?.as_str()?;
            (!text.trim().is_empty()).then(|| text.to_owned())
        };
        let path = |pointer: &str| text(pointer).map(PathBuf::from);
        // JSON has no number that is not finite.
        let number = |pointer: &str| root.pointer(pointer)?.as_f64();
        let meter = |window: &str| meter(root.at("rate_limits").at(window));
        let (cache, cost) = (root.at("prompt_cache"), root.at("cost"));
        let places = ["/workspace/project_dir", "/workspace/current_dir", "/cwd"].map(path);
        let mut directories: Vec<PathBuf> = places.iter().flatten().cloned().collect();
        directories.dedup();
        let [project, current, cwd] = places;
        let run = number("/cost/total_duration_ms").map(|ms| ms / 1000.0);
        let run = run.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let client_run_ms = run.and_then(|run| i64::try_from(run.as_millis()).ok());
        let names = ["/model/display_name", "/model/id", "/model"];
        let used_percent = number("/context_window/used_percentage");
        Self {
            session_id: text("/session_id"),
            prompt_id: text("/prompt_id"),
            transcript_path: path("/transcript_path"),
            model_name: names.into_iter().find_map(text),
            model_id: text("/model/id"),
            version: text("/version"),
            project_dir: project.or_else(|| cwd.clone()),
            current_dir: current.or(cwd),
            directories,
            client_total: dollars(cost.at("total_cost_usd")),
            client_api_ms: number("/cost/total_api_duration_ms"),
            client_run_ms,
            lines_added: cost.at("total_lines_added").as_u64(),
            lines_removed: cost.at("total_lines_removed").as_u64(),
            effort: text("/effort/level"),
            context_percent: used_percent.filter(|percent| (0.0..=1000.0).contains(percent)),
            fast_mode: root.at("fast_mode") == true,
            prompt_cache: PromptCache::parse(cache),
            cache_misses: CacheMisses::parse(cache, client_run_ms),
            five_hour: meter("five_hour"),
            seven_day: meter("seven_day"),
            others: OtherMeters {
                opus: meter("seven_day_opus"),
                sonnet: meter("seven_day_sonnet"),
                fable: meter("seven_day_overage_included"),
                spend_limit: spend_limit(root.at("rate_limits").at("spend_limit")),
            },
        }
    }
}

fn dollars(usd: &Value) -> Option<Money> {
    let usd = usd.as_f64().filter(|usd| *usd >= 0.0)?;
    Money::from_noisy_usd(usd)
}

/// What the client tells of a session's prompt cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PromptCache {
    /// When it goes cold, if no prompt is sent.
    pub(crate) expires_at: DateTime<Utc>,
    /// How long it lives after a prompt.
    pub(crate) lives: TimeDelta,
    /// What has to be written again then.
    pub(crate) tokens: u64,
}

/// What a process counts of prompts that were not read from the cache as far as they had been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheMisses {
    pub(crate) misses: u64,
    /// Those whose cause is nobody's wish.
    pub(crate) needless: u64,
    /// What all of them wrote.
    pub(crate) tokens: u64,
    /// When the last one came, and why.
    pub(crate) at: DateTime<Utc>,
    pub(crate) cause: MissCause,
    /// Whether the cache is written at the price of an hour.
    pub(crate) is_of_an_hour: bool,
    /// For how long the process has run.
    pub(crate) has_run: TimeDelta,
}

/// Why a prompt was not read from the cache, as Claude Code sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MissCause {
    /// It names none: also where the server forgets again what it forgot before (seen in 2.1.330).
    #[default]
    None,
    Server,
    Tools,
    SystemPrompt,
    /// The user, or time, or nobody knows: going back rewrites messages as a hook does.
    Other,
}

impl MissCause {
    const NEEDLESS: [(&str, Self); 3] = [
        ("likely_server_side", Self::Server),
        ("tools_changed", Self::Tools),
        ("system_prompt_changed", Self::SystemPrompt),
    ];

    fn named(name: &str) -> Self {
        let known = Self::NEEDLESS.iter().find(|(known, _)| *known == name);
        known.map_or(Self::Other, |(_, cause)| *cause)
    }

    /// What happened, and what helps.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Tools => ("tools came and went", "/mcp shows which"),
            Self::SystemPrompt => (
                "the system prompt changed",
                "look at plugins and output styles",
            ),
            _ => ("nothing had changed", "update, or /clear"),
        }
    }
}

impl CacheMisses {
    fn parse(cache: &Value, run_ms: Option<i64>) -> Option<Self> {
        let needless = MissCause::NEEDLESS.iter();
        let needless = needless.filter_map(|(name, _)| cache.at("miss_causes").at(name).as_u64());
        let causes = cache.at("last_miss_cause").at("causes");
        let last = causes.get(0).and_then(Value::as_str);
        Some(Self {
            misses: cache.at("misses").as_u64().filter(|misses| *misses > 0)?,
            needless: needless.sum(),
            tokens: cache.at("miss_recache_tokens").as_u64()?,
            at: plausible_epoch(cache.at("last_miss_at").as_f64()?)?,
            cause: last.map_or(MissCause::None, MissCause::named),
            is_of_an_hour: cache.at("ttl") == "1h",
            has_run: TimeDelta::milliseconds(run_ms.unwrap_or_default()),
        })
    }
}

impl PromptCache {
    fn parse(cache: &Value) -> Option<Self> {
        let minutes = match cache.at("ttl").as_str()? {
            "5m" => 5,
            "1h" => 60,
            _ => return None,
        };
        Some(Self {
            lives: TimeDelta::minutes(minutes),
            expires_at: plausible_epoch(cache.at("expires_at").as_f64()?)?,
            tokens: cache.at("recache_tokens_if_cold").as_u64()?,
        })
    }

    /// Whether the last fifth of its life has begun, or it is over.
    pub(crate) fn is_nearly_cold(&self, now: DateTime<Utc>) -> bool {
        self.expires_at - now <= self.lives / 5
    }
}

fn meter(limit: &Value) -> Option<Meter> {
    let percent = limit.at("used_percentage").as_f64();
    Some(Meter {
        used_percent: percent.filter(|percent| (0.0..=10_000.0).contains(percent))?,
        resets_at: limit.at("resets_at").as_f64().and_then(plausible_epoch),
    })
}

fn spend_limit(limit: &Value) -> Option<SpendMeter> {
    Some(SpendMeter {
        meter: meter(limit)?,
        used: dollars(limit.at("used_usd")),
        limit: dollars(limit.at("limit_usd")),
        period: limit.read("period"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claude::meters::SpendPeriod;

    #[test]
    fn null_is_not_missing_is_not_zero() {
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
        assert_eq!(input.five_hour, None);
        assert_eq!(input.model_name.as_deref(), Some("Opus"));
    }

    /// As the help text of `/statusline` in clients 2.1.285 to 2.1.329 has it.
    #[test]
    fn a_gateway_s_spend_limit_is_read_with_and_without_its_dollars() {
        let told = |limit: &str| {
            let payload = format!(r#"{{"rate_limits":{{"spend_limit":{limit}}}}}"#);
            let payload = StatusPayload::parse(payload.as_bytes());
            payload.others.spend_limit
        };
        let full = told(
            r#"{"used_percentage":102.5,"resets_at":1795219200,"used_usd":51.25,"limit_usd":50,"period":"daily"}"#,
        );
        let full = full.unwrap();
        assert_eq!(full.limit, Some(Money::from_nano(50_000_000_000)));
        assert_eq!(full.period, Some(SpendPeriod::Daily));
        assert!(full.meter.resets_at.is_some());
        let bare = told(r#"{"used_percentage":3,"used_usd":"x","period":"hourly"}"#).unwrap();
        assert_eq!((bare.used, bare.limit, bare.period), (None, None, None));
        assert_eq!(told(r#"{"used_usd":3}"#), None);
        assert_eq!(told("7"), None);
    }

    #[test]
    fn invalid_utf8_in_one_string_does_not_hide_the_rest() {
        let input = StatusPayload::parse(b"{\"cwd\":\"/tmp/\xff\",\"model\":{\"id\":\"m\"}}");
        assert_eq!(input.model_name.as_deref(), Some("m"));
    }
}
