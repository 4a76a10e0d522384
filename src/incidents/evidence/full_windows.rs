//! Finds the full usage windows that have stopped the same payer elsewhere, or the same session earlier. The sources are the explanations of the
//! other errors.

use crate::incidents::present::is_model_limit_for;
use crate::limits::decide::{Ending, State};
use crate::limits::evidence::{PayerFacts, RefusedWindow};
use crate::limits::incident::Incident;
use crate::limits::kind::Verdict;

/// Explains errors again if another error shows that a second usage window of the same payer is full.
pub(super) fn add_refused_windows(incidents: &mut [Incident]) {
    let full_windows = FullWindow::list(incidents);
    for incident in incidents {
        let error = &incident.evidence.error;
        let windows: Vec<RefusedWindow> = full_windows
            .iter()
            .filter(|full| Some(full.refused.window) != incident.diagnosis.limit.window())
            .filter(|full| full.payer.may_have_account_of(&error.payer))
            .map(|full| full.refused)
            .collect();
        if !windows.is_empty() && !incident.evidence.has_later_response() {
            let mut evidence = incident.evidence.clone();
            evidence.collected.refused_windows = windows;
            *incident = Incident::with_message(evidence, incident.message.clone());
        }
    }
}

/// Explains errors again if Claude Code will resume their sessions automatically, but the limit of a single model applies to them
/// as well.
pub(super) fn add_model_limits(incidents: &mut [Incident]) {
    let limits: Vec<Incident> = incidents
        .iter()
        .filter(|limit| limit.diagnosis.model_window().is_some() && limit.full_window().is_some())
        .cloned()
        .collect();
    if limits.is_empty() {
        return;
    }
    for incident in incidents {
        if incident.continues_at().is_none() {
            continue;
        }
        let limit = limits
            .iter()
            .find(|limit| is_model_limit_for(limit, &incident.evidence));
        if let Some(full) = limit.and_then(Incident::full_window) {
            *incident = incident.beside_model_limit(full);
        }
    }
}

/// A payer's full usage window.
struct FullWindow {
    payer: PayerFacts,
    refused: RefusedWindow,
}

impl FullWindow {
    /// Returns the full windows that stopped sessions, newest first. A window may cause thousands of refusals before it
    /// resets, so it is listed only once, with the first refusal.
    fn list(incidents: &[Incident]) -> Vec<Self> {
        let mut windows: Vec<Self> = Vec::new();
        for incident in incidents.iter().rev() {
            let Some(refused) = full_window_of(incident) else {
                continue;
            };
            let payer = &incident.evidence.error.payer;
            let is_known = windows.iter().any(|known| {
                known.refused.window == refused.window
                    && known.refused.resets_at == refused.resets_at
                    && known.refused.is_unconfirmed == refused.is_unconfirmed
                    && known.payer == *payer
            });
            if !is_known {
                windows.push(Self {
                    payer: payer.clone(),
                    refused,
                });
            }
        }
        windows.reverse();
        windows
    }
}

/// Returns the full usage window that stopped a session, or `None` if it has already reset. A later error in the same
/// session does not mean that it has.
fn full_window_of(incident: &Incident) -> Option<RefusedWindow> {
    let diagnosis = &incident.diagnosis;
    let window = diagnosis
        .limit
        .window()
        .filter(|window| !window.is_of_one_model() && diagnosis.window == Some(*window))?;
    let still_applies = match diagnosis.state {
        State::Blocks(_) | State::Over(Ending::HitAgain) => {
            diagnosis.verdict != Verdict::FalseLikely
                && !diagnosis.awaits_figures()
                && !incident.evidence.has_later_response()
        }
        State::Notice | State::Over(_) => false,
    };
    let reset = diagnosis.resets.chosen.filter(|_| still_applies)?;
    let evidence = &incident.evidence;
    (reset.at > evidence.clock.now).then_some(RefusedWindow {
        window,
        at: evidence.at(),
        resets_at: reset.at,
        is_unconfirmed: diagnosis.verdict == Verdict::CannotTell,
    })
}
