//! What was spent in a period, grouped: for people and for programs.

use std::collections::HashMap;
use std::path::PathBuf;

use chrono::{DateTime, Datelike, Days, NaiveDate};
use serde_json::{Value, json};

use super::comparison::{switched_json, switched_sentence};
use super::forecast::{Course, Forecast, PlanWorth};
use super::grouping::{Amount, GroupBy, Grouping, Order, SpendGroup, order_and_cut};
use crate::config::Currency;
use crate::ledger::{
    Caught, EVER, LedgerError, RowsBy, RowsPeriod, SpendRow, SpendSource, Switched, Tally,
};
use crate::places::Places;
use crate::pricing::Money;
use crate::render::{Report, joined};
use crate::terminal::Tone;
use crate::time::{Clock, Millis, Zone, moment, rfc3339};

/// What a report is to show.
#[derive(Debug, Clone)]
pub(crate) struct ReportRequest {
    pub(crate) by: GroupBy,
    pub(crate) period: Period,
    /// By whose days, and when it is now.
    pub(crate) clock: Clock,
    /// What that zone is called.
    pub(crate) zone: String,
    pub(crate) order: Option<Order>,
    /// At most so many groups.
    pub(crate) limit: Option<usize>,
    /// Only sessions in directories whose path contains this.
    pub(crate) project: Option<String>,
    /// Where several machines exported what it is about. None: this machine.
    pub(crate) from: Option<PathBuf>,
    /// What a subscription costs a month.
    pub(crate) plan: Option<Money>,
    pub(crate) currency: Currency,
}

impl ReportRequest {
    /// Whether what was done in a directory is asked for.
    fn takes(&self, directory: &str) -> bool {
        let is_in = |name: &String| directory.to_lowercase().contains(&name.to_lowercase());
        self.project.as_ref().is_none_or(is_in)
    }

    /// What the ledger's rows must tell for it: this at least.
    fn rows_by(&self, least: RowsBy) -> RowsBy {
        match least {
            RowsBy::Quarter if self.project.is_some() => RowsBy::Session,
            least => least,
        }
    }

    /// Whether the month that runs is shown whole.
    fn shows_this_month(&self) -> bool {
        let today = self.clock.zone.day(self.clock.now);
        let Period { since, until } = self.period;
        self.by == GroupBy::Month
            && since.is_none_or(|since| since.day() == 1 && since <= today)
            && until.is_none_or(|until| until >= today)
    }
}

/// A report of the ledger's sums.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) wanted: ReportRequest,
    pub(crate) total: Tally,
    /// In their order.
    pub(crate) groups: Vec<SpendGroup>,
    /// How many groups are left out, and their sum.
    pub(super) rest: Option<(usize, Tally)>,
    forecast: Option<Forecast>,
    plan: Option<PlanWorth>,
    /// Whether anything was spent at any time.
    pub(super) has_history: bool,
    /// What the ledger had read before.
    pub(crate) read: Caught,
    /// Transcripts with lines that could not be understood, and how many.
    pub(crate) damaged: Vec<(String, u32)>,
    /// Sessions that are in the middle of an answer.
    pub(super) answering: usize,
    /// What a percent of the five-hour window is worth at least, where prompts are shown.
    pub(crate) percent: Option<Money>,
    /// Answers of another model than was asked for.
    switched: Vec<Switched>,
}

impl Statement {
    /// `answering` sessions are in the middle of an answer. `each` is told every row that counts.
    pub(crate) fn new(
        source: &dyn SpendSource,
        wanted: ReportRequest,
        read: Caught,
        answering: usize,
        each: &mut dyn FnMut(&SpendRow<'_>),
    ) -> Result<Self, LedgerError> {
        let mut grouping = Grouping::new(wanted.by, wanted.clock.zone);
        let period = wanted.period.of_rows(wanted.clock.zone);
        let by = wanted.rows_by(wanted.by.rows_by());
        source.rows(period.clone(), by, &mut |row| {
            if wanted.takes(&row.origin.project) {
                grouping.add(&row);
                each(&row);
            }
        })?;
        let mut groups = grouping.finish();
        let mut has_history = !groups.is_empty();
        if !has_history {
            source.rows(EVER, RowsBy::Quarter, &mut |_| has_history = true)?;
        }
        let total = groups.iter().map(|group| group.tally).sum();
        let rest = order_and_cut(&mut groups, wanted.by, wanted.order, wanted.limit);
        let switched = source.switched(period.clone(), &|directory| wanted.takes(directory))?;
        let mut course = None;
        if wanted.shows_this_month() {
            let month = course.insert(Course::new(wanted.clock));
            source.rows(EVER, wanted.rows_by(RowsBy::Quarter), &mut |row| {
                if wanted.takes(&row.origin.project) {
                    month.add(&row);
                }
            })?;
        }
        let whole = course.as_ref().filter(|_| wanted.project.is_none());
        Ok(Self {
            plan: whole.and_then(|course| PlanWorth::new(wanted.plan?, course, &wanted.currency)),
            forecast: course.and_then(|course| course.forecast()),
            wanted,
            total,
            groups,
            rest,
            has_history,
            read,
            damaged: source.damaged(period.start)?,
            answering,
            percent: None,
            switched,
        })
    }

    /// What a prompt took of a five-hour window at most.
    fn window_share(&self, group: &SpendGroup) -> Option<f64> {
        let percent = self.percent?.usd();
        (percent > 0.0).then(|| group.tally.cost().usd() / percent)
    }

    /// Whether there may be more than was counted.
    pub(crate) fn is_lower_bound(&self) -> bool {
        !self.read.is_all() || !self.damaged.is_empty()
    }

    /// Gives the sessions that are shown their titles, by their ids.
    pub(crate) fn name_sessions(&mut self, title: impl Fn(&str) -> Option<String>) {
        if matches!(self.wanted.by, GroupBy::Session | GroupBy::Prompt) {
            let mut groups_of: HashMap<Option<String>, usize> = HashMap::new();
            for group in &mut self.groups {
                group.title = title(&group.key);
                *groups_of.entry(group.title.clone()).or_default() += 1;
            }
            for group in &mut self.groups {
                let is_shared = groups_of.get(&group.title) > Some(&1);
                group.shares_title = group.title.is_some() && is_shared;
            }
        }
    }

    /// Everything that was spent, for people.
    pub(crate) fn total_amount(&self) -> Amount {
        Amount::from_tally(&self.total).unless_complete(!self.is_lower_bound())
    }

    /// The contract's fields of a group.
    fn group_json(&self, group: &SpendGroup) -> Value {
        let is_session = self.wanted.by == GroupBy::Session;
        let is_prompt = self.wanted.by == GroupBy::Prompt;
        let has_title = is_session || is_prompt && group.title.is_some();
        let project = group.project.as_ref();
        let last = moment(group.last_at);
        let parts = [
            Some(json!({ "key": group.key })),
            project.map(|project| json!({ "project": project })),
            has_title.then(|| json!({ "title": group.title })),
            is_session.then(|| json!({ "last_activity": rfc3339(last) })),
            is_prompt.then(|| json!({ "five_hour_percent_at_most": self.window_share(group) })),
            Some(group.tally.json()),
        ];
        joined(parts.into_iter().flatten())
    }

    /// The contract's fields.
    fn json(&self) -> Value {
        let groups = self.groups.iter().map(|group| self.group_json(group));
        // A name that is not UTF-8 has no exact form in JSON.
        let unreadable = self.read.unreadable.iter();
        let unreadable = unreadable.map(|path| path.to_string_lossy());
        let damaged = self.damaged.iter();
        let damaged = damaged.map(|(path, lines)| json!({ "path": path, "lines": lines }));
        let rest = self.rest.as_ref();
        let rest = rest.map(|(many, sum)| joined([sum.json(), json!({ "groups": many })]));
        let all = json!({
            "total": self.total.json(),
            "groups": groups.collect::<Vec<Value>>(),
            "rest": rest,
            "by": self.wanted.by.name(),
            "since": self.wanted.period.since.map(|day| day.to_string()),
            "until": self.wanted.period.until.map(|day| day.to_string()),
            "project": self.wanted.project,
            "forecast": self.forecast.as_ref().map(|forecast| &forecast.facts),
            "plan": self.plan.as_ref().map(|plan| &plan.facts),
            "timezone": self.wanted.zone,
            "complete": !self.is_lower_bound(),
            "answering": self.answering,
            "unreadable": unreadable.collect::<Vec<_>>(),
            "damaged": damaged.collect::<Vec<_>>(),
        });
        joined([all, switched_json(&self.switched)])
    }

    /// A table, with what a reader must know about the total.
    pub(crate) fn report(&self, places: &Places) -> Report {
        let mut report = Report::new(self.json());
        let mut remarks = self.remarks(Some(places)).into_iter();
        if self.groups.is_empty() {
            report.paragraph(Tone::Plain, remarks.next().unwrap_or_default());
        } else {
            report.table(self.table(places));
            report.paragraphs(Tone::Plain, self.sentences());
        }
        let dearest = self.groups.iter().max_by_key(|group| group.tally.cost());
        let share = dearest.and_then(|group| self.window_share(group));
        let says = |share| format!("The dearest took at most {share:.0}% of a 5-hour limit.");
        report.paragraphs(Tone::Plain, share.map(says));
        report.paragraphs(Tone::Plain, self.switched.iter().map(switched_sentence));
        report.paragraphs(Tone::Quiet, remarks);
        report
    }

    /// What the total means in another currency, for the month, and beside a plan.
    fn sentences(&self) -> impl Iterator<Item = String> {
        let currency = &self.wanted.currency;
        let (total, sign) = (self.total.cost(), self.total_amount().sign());
        let total = currency.rate.map(|_| total.show_both(currency));
        let total = total.map(|total| format!("In all {sign}{total}."));
        let plan = self.plan.as_ref().map(|plan| plan.sentence.clone());
        let forecast = self.forecast.as_ref().map(Forecast::sentence);
        [total, forecast, plan].into_iter().flatten()
    }
}

/// From the first day up to the last, both included; None is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) since: Option<NaiveDate>,
    pub(crate) until: Option<NaiveDate>,
}

/// The days that somebody types.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct DaysAsked {
    /// First day, as 2026-11-20, or 7d for the last seven days
    #[arg(long, value_name = "DAY")]
    pub(crate) since: Option<String>,
    /// Last day, included
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<String>,
}

impl DaysAsked {
    /// The days that are meant; else what is wrong with them.
    pub(crate) fn period(&self, clock: Clock) -> Result<Period, String> {
        let today = clock.zone.day(clock.now);
        let day = |text: Option<&str>| text.map(|text| parse_day(text, today)).transpose();
        let (since, until) = (day(self.since.as_deref())?, day(self.until.as_deref())?);
        let period = Period { since, until };
        period.fault(today).map_or(Ok(period), Err)
    }

    /// The day in UTC, by which exports are sorted, on which the first one begins.
    pub(crate) fn first_in_utc(&self, clock: Clock) -> Result<Option<NaiveDate>, String> {
        let first = self.period(clock)?.since;
        Ok(first.map(|day| clock.zone.midnight(day).date_naive()))
    }
}

impl Period {
    /// Why there can be nothing in it, if that is so.
    fn fault(self, today: NaiveDate) -> Option<String> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since > until => Some(format!(
                "--since {since} is later than --until {until}; swap them"
            )),
            (Some(since), _) if since > today => Some(format!(
                "--since {since} is in the future; today is {today}"
            )),
            _ => None,
        }
    }

    /// As many days before it, and how many. None where its beginning is open.
    pub(crate) fn before(self, today: NaiveDate) -> Option<(Self, i64)> {
        let since = self.since?;
        let until = self.until.unwrap_or(today).min(today);
        let days = (until - since).num_days() + 1;
        let begins = since.checked_sub_days(Days::new(days.unsigned_abs()))?;
        let (since, until) = (Some(begins), since.pred_opt());
        Some((Self { since, until }, days))
    }

    /// The same as rows of spend are asked for, by the midnights of a zone.
    pub(crate) fn of_rows(self, zone: Zone) -> RowsPeriod {
        let midnight = |day| zone.midnight(day).timestamp_millis();
        let after = self.until.and_then(|day| day.succ_opt());
        self.since.map_or(Millis::MIN, midnight)..after.map_or(Millis::MAX, midnight)
    }
}

/// `2026-11-20`, `20261120`, `today`, `yesterday`, a moment, or with `7d` the first of seven days of
/// which today is the last. Else what is wrong with it.
fn parse_day(typed: &str, today: NaiveDate) -> Result<NaiveDate, String> {
    let text = typed.trim();
    let ago = match text {
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => text
            .strip_suffix('d')
            .and_then(|days| days.parse::<u64>().ok()?.checked_sub(1)),
    };
    ago.and_then(|days| today.checked_sub_days(Days::new(days)))
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok())
        .or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.date_naive()))
        .ok_or_else(|| {
            format!("{typed:?} is not a day; write it as 2026-11-20, today, yesterday or 7d")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        parse_day(text, NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()).unwrap()
    }

    #[test]
    fn seven_days_are_seven_with_today() {
        assert_eq!(day("7d").to_string(), "2026-11-14");
        assert_eq!(day("1d"), day("today"));
        assert_eq!(parse_day("0d", day("today")).ok(), None);
        assert_eq!(parse_day("-1d", day("today")).ok(), None);
    }

    #[test]
    fn a_period_that_can_hold_nothing_says_why() {
        let fault = |since: &str, until: Option<&str>| {
            let period = Period {
                since: Some(day(since)),
                until: until.map(day),
            };
            period.fault(day("today"))
        };
        assert_eq!(fault("7d", Some("today")), None);
        assert_eq!(fault("today", Some("2026-12-31")), None);
        let reversed = fault("2026-11-20", Some("2026-11-10")).unwrap();
        assert!(reversed.ends_with("swap them"), "{reversed}");
        let future = fault("2026-11-21", None).unwrap();
        assert!(future.contains("in the future"), "{future}");
    }
}
