//! Renders an outlook as JSON. The names of the fields are part of the public interface.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::evidence::{fact, source_name};
use super::{badge, headline, is_of_pasted_text, window_name};
use crate::limits::{Blocks, Continuation, Outlook, Past, PayerUsage};
use crate::messages::Rank;
use crate::time::{Clock, format_rfc3339};

/// Returns the fields of an incident. `blocks` and `usage` describe the asking session or shell.
pub(crate) fn incident_json(
    outlook: &Outlook,
    blocks: Option<&Blocks>,
    usage: Option<&PayerUsage>,
    clock: Clock,
) -> Value {
    let stop = outlook.stop.as_ref();
    let actions = outlook.steps.iter().map(|step| {
        json!({
            "do": step.text(clock),
            "why": step.why,
            "command": step.command,
            "url": step.url,
            "costs_money": step.costs_money,
        })
    });
    let evidence = outlook.evidence.iter().map(|evidence| {
        json!({
            "fact": fact(evidence, clock),
            "source": source_name(evidence.source),
            "at": time(evidence.at),
        })
    });
    let session = stop.filter(|_| !is_of_pasted_text(outlook));
    let row = stop
        .map(|stop| stop.message.row)
        .filter(|row| row.rank > Rank::ByClassOnly);
    let continues_at = match outlook.continuation {
        Continuation::At(at) => Some(at),
        Continuation::No(_) | Continuation::NotStopped => None,
    };
    json!({
        "limit": outlook.limit(),
        "verdict": outlook.verdict,
        "service": outlook.service,
        "headline": headline(outlook, clock),
        "badge": badge(outlook, clock),
        "waiting_helps": outlook.waiting_helps,
        "resets_at": time(outlook.resets_at),
        "who_can_fix": outlook.who_can_fix,
        "actions": actions.collect::<Vec<_>>(),
        "owner": outlook.is_of_login.map(|is_of_login| if is_of_login { "login" } else { "other" }),
        "continues_at": time(continues_at),
        "usage": usage.map(usage_json),
        "evidence": evidence.collect::<Vec<_>>(),
        "known_as": row.map(|row| row.id),
        "message": stop.map_or("", |stop| stop.refusal.text.as_str()),
        "session_id": session.map(|stop| stop.session.as_str()),
        "client_version": stop.and_then(|stop| stop.refusal.version.as_deref()),
        "at": time(stop.map(|stop| stop.at)),
        "open": outlook.is_open,
        "attempts": stop.map_or(1, |stop| stop.attempts),
        "blocks": blocks_json(blocks),
    })
}

/// Returns what blocks the next prompt, or null if nothing does.
pub(crate) fn blocks_json(blocks: Option<&Blocks>) -> Value {
    let Some(blocks) = blocks else {
        return Value::Null;
    };
    json!({
        "until": time(blocks.until),
        "pays": blocks.pays,
        "resources": blocks.resources,
        "sure": blocks.is_sure,
    })
}

/// Returns the past incidents, newest first, with their totals.
pub(crate) fn list_json(past: &Past, clock: Clock) -> Value {
    let incidents = past.stops.iter().map(|stop| {
        let mut incident = incident_json(&stop.outlook, None, None, clock);
        if let Some(fields) = incident.as_object_mut() {
            fields.insert("sessions".to_owned(), json!(stop.sessions));
        }
        incident
    });
    let open = past
        .stops
        .iter()
        .filter(|stop| stop.outlook.is_open)
        .count();
    json!({
        "incidents": incidents.collect::<Vec<_>>(),
        "sums": {
            "incidents": past.stops.len(),
            "open": open,
            "blocked_seconds": past.blocked.num_seconds(),
        },
    })
}

fn usage_json(usage: &PayerUsage) -> Value {
    let windows = usage.readings.iter().map(|reading| {
        let window = reading.measure.window;
        json!({
            "name": window_name(window),
            "model": window.description().model,
            "percent": reading.measure.percent,
            "resets_at": time(reading.measure.resets_at),
        })
    });
    let credits = usage.credits.as_ref().map(|credits| {
        json!({
            "enabled": credits.enabled,
            "used": credits.used,
            "limit": credits.limit,
            "currency": credits.currency,
            "disabled_reason": credits.disabled_reason,
        })
    });
    json!({
        "at": time(Some(usage.at)),
        "windows": windows.collect::<Vec<_>>(),
        "credits": credits,
    })
}

fn time(at: Option<DateTime<Utc>>) -> Option<String> {
    at.map(format_rfc3339)
}
