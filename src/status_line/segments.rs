//! The parts of the status line that the user has chosen, as far as there is something to say.

use super::gauge::{self, LONG, SHORT, by_level};
use super::layout::{Form, Segment};
use super::{pace, session, spending, usage_page, whereabouts, windows};
use crate::checkout::Head;
use crate::claude::meters::Windows;
use crate::claude::shown_usage::ShownUsage;
use crate::claude::status_payload::StatusPayload;
use crate::config::{Config, MeterForm, SegmentName};
use crate::ledger::LiveFigures;
use crate::limits::pace::Expected;
use crate::pricing::Money;
use crate::terminal::Tone;
use crate::time::Clock;

/// Everything that the line is made from. What is None is not known, or nobody asked for it.
#[derive(Debug, Clone)]
pub struct LineFacts<'a> {
    /// What the client sent.
    pub payload: &'a StatusPayload,
    /// The user's configuration.
    pub config: &'a Config,
    /// The user's clock.
    pub clock: Clock,
    /// What was spent.
    pub figures: Option<LiveFigures>,
    /// How full the plan's windows are.
    pub windows: Option<Windows>,
    /// What is to be expected of them.
    pub expected: Vec<Expected>,
    /// What `/usage` showed last.
    pub usage: Option<ShownUsage>,
    /// What the last prompt cost.
    pub prompt: Option<Money>,
    /// What writing the prompt cache again costs, where that is to be said.
    pub rewriting: Option<Money>,
    /// The working directory as people write it: `~/src/api`.
    pub directory: Option<String>,
    /// What is checked out there.
    pub head: Option<Head>,
}

impl<'a> LineFacts<'a> {
    /// What the client sent, and nothing else.
    pub fn new(payload: &'a StatusPayload, config: &'a Config, clock: Clock) -> Self {
        Self {
            payload,
            config,
            clock,
            figures: None,
            windows: None,
            expected: Vec::new(),
            usage: None,
            prompt: None,
            rewriting: None,
            directory: None,
            head: None,
        }
    }

    /// The segments of these names. One missing figure hides one segment and no other.
    pub(super) fn segments(&self, names: &[SegmentName]) -> Vec<Segment> {
        let segments = names.iter().filter_map(|name| self.segment(*name));
        segments.collect()
    }

    fn segment(&self, name: SegmentName) -> Option<Segment> {
        let (payload, clock) = (self.payload, self.clock);
        let meters = &self.config.statusline;
        match name {
            SegmentName::Model => model(payload),
            SegmentName::Session => spending::session(self),
            SegmentName::Today => spending::today(self),
            SegmentName::Windows => windows::windows(self.windows.as_ref()?, meters.windows, clock),
            SegmentName::Pace => pace::pace(&self.expected, clock),
            SegmentName::Context => context(payload, meters.context),
            SegmentName::Directory => whereabouts::directory(self.directory.as_deref()?),
            SegmentName::Branch => whereabouts::branch(self.head.as_ref()?),
            SegmentName::Effort => session::effort(payload),
            SegmentName::Lines => session::lines(payload),
            SegmentName::Duration => session::duration(payload),
            SegmentName::Rate => session::rate(payload),
            SegmentName::Prompt => Some(spending::prompt(self.prompt?)),
            SegmentName::Hint => session::cold_cache(payload, self.rewriting?, clock.now),
            SegmentName::ModelWeeks => usage_page::model_weeks(self.usage.as_ref()?, clock),
            SegmentName::Credits => usage_page::credits(self.usage.as_ref()?, clock),
        }
    }
}

fn model(payload: &StatusPayload) -> Option<Segment> {
    let name = payload.model_name()?.trim();
    let fast = if payload.fast_mode() { " fast" } else { "" };
    let shown = || vec![(Tone::Accent, format!("{name}{fast}"))];
    (!name.is_empty()).then(|| vec![Form::new(40, shown())])
}

fn context(payload: &StatusPayload, form: MeterForm) -> Option<Segment> {
    let percent = payload.context_percent()?;
    let tone = gauge::tone(percent, Tone::Plain);
    let loss = by_level(percent, [35, 57, 70]);
    let forms = match form {
        MeterForm::Bar => vec![
            (11, "context ", LONG),
            (31, "ctx ", SHORT),
            (loss, "ctx ", 0),
        ],
        MeterForm::Text => vec![(10, "context ", 0), (loss, "ctx ", 0)],
    };
    let forms = forms.into_iter().map(|(loss, label, columns)| {
        let pieces = gauge::meter(label, percent, columns, tone, format!("{percent:.0}%"));
        Form::new(loss, pieces.collect())
    });
    Some(forms.collect())
}
