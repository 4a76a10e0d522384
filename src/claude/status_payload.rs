//! The JSON that Claude Code gives a status line command.
//!
//! Every field may be missing, null or of a wrong type: each is read on its own, and what cannot
//! be read is absent. Field names and units as of client 2.1.328.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
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
    root: Value,
}

impl StatusPayload {
    /// Reads a payload. Bytes that are not JSON give a payload in which everything is absent.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        Self {
            root: serde_json::from_str(&text).unwrap_or(Value::Null),
        }
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        let text = self.root.pointer(pointer)?.as_str()?;
        (!text.trim().is_empty()).then_some(text)
    }

    fn number(&self, pointer: &str) -> Option<f64> {
        // JSON has no number that is not finite.
        self.root.pointer(pointer)?.as_f64()
    }

    pub(crate) fn session_id(&self) -> Option<&str> {
        self.text("/session_id")
    }

    /// The prompt that is worked on, or was last (since 2.1.196).
    pub(crate) fn prompt_id(&self) -> Option<&str> {
        self.text("/prompt_id")
    }

    /// The session's transcript. It may not exist yet.
    pub(crate) fn transcript_path(&self) -> Option<&Path> {
        self.text("/transcript_path").map(Path::new)
    }

    /// The model as people call it ("Opus 5.5"), else its id.
    pub(crate) fn model_name(&self) -> Option<&str> {
        self.text("/model/display_name")
            .or_else(|| self.text("/model/id"))
            .or_else(|| self.text("/model"))
    }

    /// The model's id (`claude-opus-5-5`, `claude-opus-4-8[1m]`).
    pub(crate) fn model_id(&self) -> Option<&str> {
        self.text("/model/id")
    }

    pub(crate) fn version(&self) -> Option<&str> {
        self.text("/version")
    }

    /// The directory that the session was started in, else the current one.
    pub(crate) fn project_dir(&self) -> Option<PathBuf> {
        self.text("/workspace/project_dir")
            .or_else(|| self.text("/cwd"))
            .map(PathBuf::from)
    }

    /// The directory that the session works in now.
    pub(crate) fn current_dir(&self) -> Option<&Path> {
        let named = self.text("/workspace/current_dir");
        named.or_else(|| self.text("/cwd")).map(Path::new)
    }

    /// Every directory that the session says it is in.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let named = ["/workspace/project_dir", "/workspace/current_dir", "/cwd"];
        let named = named.iter().filter_map(|pointer| self.text(pointer));
        // Mostly all three are the same.
        let named: BTreeSet<PathBuf> = named.map(PathBuf::from).collect();
        named.into_iter().collect()
    }

    /// The client's own running total since its chain of runs began. It contains what a fork took
    /// over and background requests; after a crash it falls back to the last one written.
    pub(crate) fn client_total(&self) -> Option<Money> {
        let usd = self.number("/cost/total_cost_usd")?;
        Money::from_noisy_usd(usd).filter(|_| usd >= 0.0)
    }

    /// The client's running total of time spent in API calls, in milliseconds. It grows with every
    /// request, so the same value twice means that no request came in between.
    pub(crate) fn client_api_ms(&self) -> Option<f64> {
        self.number("/cost/total_api_duration_ms")
    }

    /// For how long processes of the chain of runs have lived, in milliseconds.
    pub(crate) fn client_run_ms(&self) -> Option<i64> {
        let ms = self.number("/cost/total_duration_ms")?;
        let lived = Duration::try_from_secs_f64(ms / 1000.0).ok()?;
        i64::try_from(lived.as_millis()).ok()
    }

    /// Lines that the session has added and removed.
    pub(crate) fn lines_changed(&self) -> Option<(u64, u64)> {
        let cost = self.root.at("cost");
        let added = cost.at("total_lines_added").as_u64()?;
        Some((added, cost.at("total_lines_removed").as_u64()?))
    }

    /// How hard the model is told to think ("medium"). Absent for a model that cannot be told.
    pub(crate) fn effort(&self) -> Option<&str> {
        self.text("/effort/level")
    }

    /// Share of the context window in use, 0 to 100. Absent before the first answer.
    pub(crate) fn context_percent(&self) -> Option<f64> {
        self.number("/context_window/used_percentage")
            .filter(|percent| (0.0..=1000.0).contains(percent))
    }

    pub(crate) fn fast_mode(&self) -> bool {
        self.root.at("fast_mode") == true
    }

    /// The session's prompt cache (since 2.1.251). None where none was seen, or it is not told when it
    /// goes cold.
    pub(crate) fn prompt_cache(&self) -> Option<PromptCache> {
        let cache = self.root.at("prompt_cache");
        let lives = match cache.at("ttl").as_str()? {
            "5m" => TimeDelta::minutes(5),
            "1h" => TimeDelta::hours(1),
            _ => return None,
        };
        Some(PromptCache {
            lives,
            expires_at: plausible_epoch(cache.at("expires_at").as_f64()?)?,
            tokens: cache.at("recache_tokens_if_cold").as_u64()?,
        })
    }

    /// What the process counts of prompts that were not read from the cache as far as they had been
    /// written. None where there were none.
    pub(crate) fn cache_misses(&self) -> Option<CacheMisses> {
        let cache = self.root.at("prompt_cache");
        let needless = MissCause::NEEDLESS.iter();
        let needless = needless.filter_map(|(name, _)| cache.at("miss_causes").at(name).as_u64());
        let cause = match cache
            .at("last_miss_cause")
            .at("causes")
            .get(0)
            .and_then(Value::as_str)
        {
            Some(last) => {
                let known = MissCause::NEEDLESS.iter().find(|(name, _)| *name == last);
                known.map_or(MissCause::Other, |(_, cause)| *cause)
            }
            None => MissCause::None,
        };
        Some(CacheMisses {
            misses: cache.at("misses").as_u64().filter(|misses| *misses > 0)?,
            needless: needless.sum(),
            tokens: cache.at("miss_recache_tokens").as_u64()?,
            at: plausible_epoch(cache.at("last_miss_at").as_f64()?)?,
            cause,
            is_of_an_hour: cache.at("ttl") == "1h",
            has_run: TimeDelta::milliseconds(self.client_run_ms().unwrap_or_default()),
        })
    }

    fn meter(&self, window: &str) -> Option<Meter> {
        meter(self.root.at("rate_limits").at(window))
    }

    /// The five-hour window. Only subscribers get it, and only after the first answer.
    pub fn five_hour(&self) -> Option<Meter> {
        self.meter("five_hour")
    }

    /// The weekly window, likewise.
    pub fn seven_day(&self) -> Option<Meter> {
        self.meter("seven_day")
    }

    /// What few are told of: a gateway's spend limit (since 2.1.251), and the windows of single
    /// models, should a client tell them as it tells the others.
    pub(crate) fn other_meters(&self) -> OtherMeters {
        OtherMeters {
            opus: self.meter("seven_day_opus"),
            sonnet: self.meter("seven_day_sonnet"),
            fable: self.meter("seven_day_overage_included"),
            spend_limit: spend_limit(self.root.at("rate_limits").at("spend_limit")),
        }
    }
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

/// What a process counts of its misses.
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

impl PromptCache {
    /// Whether the last fifth of its life has begun, or it is over.
    pub(crate) fn is_nearly_cold(&self, now: DateTime<Utc>) -> bool {
        self.expires_at - now <= self.lives / 5
    }

    /// Whether it is written at the price of an hour.
    pub(crate) fn is_of_an_hour(&self) -> bool {
        self.lives >= TimeDelta::hours(1)
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
    let dollars = |name: &str| {
        let usd = limit.at(name).as_f64().filter(|usd| *usd >= 0.0);
        usd.and_then(Money::from_noisy_usd)
    };
    Some(SpendMeter {
        meter: meter(limit)?,
        used: dollars("used_usd"),
        limit: dollars("limit_usd"),
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
        assert_eq!(input.context_percent(), None);
        let input = StatusPayload::parse(br#"{"context_window":{"used_percentage":0}}"#);
        assert_eq!(input.context_percent(), Some(0.0));
    }

    #[test]
    fn a_wrong_type_hides_one_field_and_no_other() {
        let input = StatusPayload::parse(
            br#"{"session_id":7,"model":"Opus","rate_limits":{"five_hour":[]}}"#,
        );
        assert_eq!(input.session_id(), None);
        assert_eq!(input.five_hour(), None);
        assert_eq!(input.model_name(), Some("Opus"));
    }

    /// As the help text of `/statusline` in clients 2.1.285 to 2.1.329 has it.
    #[test]
    fn a_gateway_s_spend_limit_is_read_with_and_without_its_dollars() {
        let told = |limit: &str| {
            let payload = format!(r#"{{"rate_limits":{{"spend_limit":{limit}}}}}"#);
            let payload = StatusPayload::parse(payload.as_bytes());
            payload.other_meters().spend_limit
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
        assert_eq!(input.model_name(), Some("m"));
    }
}
