//! `whycap wait`: sleeps until the user can continue, as in `whycap wait && claude -p "write the changelog"`.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::reply::{Reply, Subcommand};
use crate::context::Context;
use crate::incidents::{Asker, Continuing, Incidents, Situation};
use crate::ledger::Ledger;
use crate::limits::decide::{ActionName, CONTINUES_LATE, CONTINUES_SOON, Wait};
use crate::limits::evidence::ResetSource;
use crate::limits::incident::Incident;
use crate::limits::kind::{LimitKind, Verdict, Window};
use crate::render::Report;
use crate::terminal::{self, Shown, is_stdout_terminal, output_width, print, truncate, width};
use crate::time::parse_duration;

/// Arguments of `whycap wait`.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/wait.txt"))]
pub(crate) struct WaitArguments {
    /// Wait only for this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Stop waiting after this time: 90s, 30m, 2h, or 1h30m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Also wait while responses may cost extra
    #[arg(long)]
    free: bool,
}

/// The exit code after a timeout, as in timeout(1).
const TIMED_OUT: u8 = 124;

/// The command announces a new end if it differs by at least this much from the announced one.
const MOVED_END: TimeDelta = TimeDelta::minutes(5);

/// The interval between checks. whycap needs to notice soon when the machine has woken from sleep or another session
/// has received a response.
const INTERVAL: Duration = Duration::from_secs(5);

/// Adds the costs of further responses to the advice about a temporary problem. Also takes into account that an error of another
/// session's key does not block a shell whose plan is paid for with usage credits. The last sentences about an error that is over
/// mention the costs themselves.
fn with_costs_of_problem(
    situation: Situation,
    session: Option<&str>,
    incidents: &Incidents<'_>,
    context: &Context,
) -> Situation {
    let may_depend_on_credits = situation.blocking().is_some_and(|blocking| {
        blocking.diagnosis.limit.is_passing()
            || blocking.is_about_key_of_other_session()
            || blocking.diagnosis.is_model_limit_beside_full_window()
    });
    if may_depend_on_credits {
        let paying = context.paid_now(session, incidents);
        context.with_costs(situation, paying, incidents)
    } else {
        situation
    }
}

/// Returns the situation that determines whether to wait.
fn current_situation(
    session: Option<&str>,
    incidents: &Incidents<'_>,
    ledger: Option<&Ledger>,
    context: &Context,
) -> Situation {
    let situation = incidents.situation(session, Asker::Shell, ledger);
    let with_model = context.with_model_of_new_sessions(situation, session);
    let with_costs = with_costs_of_problem(with_model, session, incidents, context);
    context.with_budgets(with_costs.for_waiting(), session)
}

impl Subcommand for WaitArguments {
    fn reply(&self, context: &Context) -> anyhow::Result<Reply> {
        let started = Instant::now();
        let complete_id = context.complete_session_id(self.session.as_deref());
        let session = complete_id.as_deref();
        let mut waited_for: Option<Incident> = None;
        let mut has_waited_for_own_payer = false;
        let mut has_progress = false;
        let mut printed = PrintedSentences::default();
        let mut announced = HashMap::new();
        let mut previous_check = context.environment.now;
        let mut errors = context.error_source();
        let code = loop {
            let context = context.refreshed();
            if has_progress {
                context.read_new_errors(&mut errors);
            }
            let incidents = context.incidents();
            if let Some(session) = session
                && !context.knows_session(session, &incidents)
            {
                return Err(context.unknown_session(session));
            }
            let ledger = errors.ledger.as_ref();
            let situation = current_situation(session, &incidents, ledger, &context);
            // If the command has already waited for an error that blocked the shell itself, it must not fail now because
            // of an error that blocks only a session with a different payer.
            let end_of_limit = if has_waited_for_own_payer && situation.blocks_only_other_payer() {
                None
            } else {
                situation.wait_until_surely_over(self.free)
            };
            let wait_for_free = match end_of_limit {
                None if self.free => wait_for_free_responses(session, &situation, &context),
                Some(_) | None => None,
            };
            let wait = end_of_limit.or(wait_for_free);
            if let Some(Wait::Helps(until)) = wait
                && let Some(blocking) = situation.blocking()
                && !blocking.diagnosis.awaits_figures()
            {
                printed.announce_goal(blocking, until, &context)?;
            }
            announce_continuing(&mut announced, &situation, &context)?;
            if let Some(Wait::Helps(Some(until))) = wait_for_free {
                printed.announce_costs(session, &situation, until, &context)?;
            }
            let announced_budgets = printed.announce_budgets(&situation, &context)?;
            // Include late continuations and those since the previous check, because the machine may have been suspended.
            let now = context.environment.now;
            let period = previous_check - CONTINUES_LATE..=now + CONTINUES_SOON;
            previous_check = now;
            let Some(Wait::Helps(until)) = wait else {
                let limited_models = context.about_limited_models(session, &situation, &incidents);
                let about_full_window = context
                    .about_full_window(session, &incidents)
                    .or_else(|| context.about_limit_sparing_new_sessions(&situation));
                let extra_costs =
                    context.extra_costs(session, situation.incident.as_ref(), &incidents);
                let advice_to_wait =
                    self.advice_to_wait(session, &situation, extra_costs.is_some(), &context);
                match situation.incident {
                    Some(incident) if wait.is_some() => {
                        end_progress_line(has_progress)?;
                        terminal::print_error(incident.headline());
                    }
                    ended => {
                        let budgets = context.budgets_blocking_prompts(session, ledger);
                        let sentences = last_sentences(
                            ended.as_ref(),
                            waited_for.as_ref(),
                            extra_costs.as_deref(),
                            about_full_window,
                            &continuations(&announced, &period, has_progress, &context),
                            about_budgets(&budgets, &announced_budgets).as_deref(),
                            &context,
                        );
                        let sentences =
                            with_advice_about_credits(sentences, ended.as_ref(), advice_to_wait)
                                .into_iter()
                                .chain(limited_models);
                        print_sentences(sentences, &context)?;
                    }
                }
                break Wait::exit_code(wait);
            };
            if wait_for_free.is_none() {
                printed.announce(&situation, has_progress, &context)?;
                announce_full_window(&situation, waited_for.as_ref(), session, &context)?;
            }
            show_progress(situation.incident.as_ref(), until, &context)?;
            has_progress = true;
            let time_left = self.time_left(started);
            if time_left.is_zero() {
                end_progress_line(has_progress)?;
                terminal::print_error(timeout_message(&situation, wait_for_free));
                break TIMED_OUT;
            }
            if wait_for_free.is_none() {
                has_waited_for_own_payer |= !situation.blocks_only_other_payer();
                waited_for = situation.incident;
            }
            std::thread::sleep(time_until_check(until, &context).min(time_left));
        };
        Ok(Reply::default().with_code(code))
    }
}

impl WaitArguments {
    /// Returns a sentence with the command that waits until responses are free. Returns `None` if responses do not cost extra and no
    /// window is full, or if the command would not wait.
    fn advice_to_wait(
        &self,
        session: Option<&str>,
        situation: &Situation,
        costs_extra: bool,
        context: &Context,
    ) -> Option<String> {
        let purpose = if costs_extra {
            "To wait instead"
        } else {
            context.full_window(session, &context.incidents())?;
            "To wait for the reset"
        };
        let command = self.command_to_wait(session, situation, context)?;
        Some(format!("{purpose}, run: {command}"))
    }

    /// Returns the command that waits until responses are free, or `None` if it would not wait.
    fn command_to_wait(
        &self,
        session: Option<&str>,
        situation: &Situation,
        context: &Context,
    ) -> Option<String> {
        let wait = situation
            .wait_until_surely_over(true)
            .or_else(|| wait_for_free_responses(session, situation, context));
        match (wait, &self.session) {
            (Some(Wait::Helps(Some(_))), _) if self.free => None,
            (Some(Wait::Helps(Some(_))), Some(session)) => {
                Some(format!("whycap wait --free --session {session}"))
            }
            (Some(Wait::Helps(Some(_))), None) => Some("whycap wait --free".to_owned()),
            _ => None,
        }
    }

    /// Returns the time until the timeout, or the longest possible time if there is none.
    fn time_left(&self, started: Instant) -> Duration {
        let timeout = self.timeout.unwrap_or(Duration::MAX);
        timeout.saturating_sub(started.elapsed())
    }
}

/// Returns how long to wait until the responses of a session cannot cost extra. See [`Context::wait_for_free_responses`].
fn wait_for_free_responses(
    session: Option<&str>,
    situation: &Situation,
    context: &Context,
) -> Option<Wait> {
    let ended = situation.incident.as_ref();
    context.wait_for_free_responses(session, ended, &context.incidents())
}

/// Returns how long to sleep before the next check.
fn time_until_check(until: Option<DateTime<Utc>>, context: &Context) -> Duration {
    until
        .and_then(|until| (until - context.environment.now).to_std().ok())
        .map_or(INTERVAL, |time_left| time_left.min(INTERVAL))
}

/// Shows in the progress line how long the command waits.
fn show_progress(
    incident: Option<&Incident>,
    until: Option<DateTime<Utc>>,
    context: &Context,
) -> io::Result<()> {
    let clock = context.clock();
    let shown_until = incident.map_or(until, |incident| shown_end(incident, until, clock.now));
    let progress = Wait::progress(shown_until, clock);
    let columns = output_width(&context.environment);
    terminal::replace_progress_line(&longest_fitting(progress, columns))
}

/// The limit that the command waits for, and its end.
#[derive(Debug)]
struct Goal {
    limit: LimitKind,
    is_false_alarm: bool,
    /// The end, or `None` if it is unknown.
    until: Option<DateTime<Utc>>,
}

impl Goal {
    fn new(incident: &Incident, until: Option<DateTime<Utc>>) -> Self {
        Self {
            limit: incident.diagnosis.limit,
            is_false_alarm: incident.is_false_alarm(),
            until,
        }
    }

    /// Returns true if the command waits for the same limit and its end has hardly moved. Sources differ by seconds, and
    /// each retry during an outage moves the end by a few minutes.
    fn is_close_to(&self, other: &Self) -> bool {
        let is_same_end = match (self.until, other.until) {
            (Some(until), Some(other_until)) => (until - other_until).abs() < MOVED_END,
            (until, other_until) => until == other_until,
        };
        self.limit == other.limit && self.is_false_alarm == other.is_false_alarm && is_same_end
    }
}

/// Remembers which sentences the command has printed while it waits, so that it does not repeat them.
#[derive(Debug, Default)]
struct PrintedSentences {
    /// The goal that was announced last.
    goal: Option<Goal>,
    response_elsewhere: bool,
    credits: bool,
    /// The announced time until which prompts may be refused or cost extra.
    costs_until: Option<DateTime<Utc>>,
    /// The sessions that a budget keeps Claude Code from continuing.
    blocked_by_budget: HashSet<String>,
}

impl PrintedSentences {
    /// Prints what the user should know while the command waits.
    fn announce(
        &mut self,
        situation: &Situation,
        has_progress: bool,
        context: &Context,
    ) -> io::Result<()> {
        let Some(incident) = &situation.incident else {
            return Ok(());
        };
        if !self.response_elsewhere
            && let Some(sentence) = incident.response_elsewhere()
        {
            print_sentence(sentence, context)?;
            self.response_elsewhere = true;
        }
        if !self.credits && incident.diagnosis.credits_pay_now {
            end_progress_line(has_progress)?;
            print_sentence(&sentence_about_credits(incident), context)?;
            self.credits = true;
        }
        Ok(())
    }

    /// Prints that each response costs extra until the given time, or that prompts may be refused or cost extra until then, unless
    /// this has been announced.
    fn announce_costs(
        &mut self,
        session: Option<&str>,
        situation: &Situation,
        until: DateTime<Utc>,
        context: &Context,
    ) -> io::Result<()> {
        if self.costs_until == Some(until) {
            return Ok(());
        }
        self.costs_until = Some(until);
        let deadline = context.clock().format_deadline(until);
        let ended = situation.incident.as_ref();
        let consequence = if context.certainly_costs_extra(session, ended, &context.incidents()) {
            "each response costs extra"
        } else {
            "a prompt may be refused or cost extra"
        };
        let sentence =
            format!("Your plan's usage is used up until {deadline}. Until then, {consequence}.");
        print_sentence(&sentence, context)
    }

    /// Prints how to keep a used-up budget from blocking the automatic continuation of a session. Returns the sentences about
    /// budgets that this call has printed.
    fn announce_budgets(&mut self, situation: &Situation, context: &Context) -> io::Result<String> {
        let mut announced = String::new();
        for blocked in situation.blocked_by_budgets() {
            if self.blocked_by_budget.insert(blocked.session.to_owned()) {
                let session = context.name_session(blocked.session);
                let sentence = format!(
                    "{} This also blocks the automatic continuation of the open session {session}; to allow it, type /whycap continue there.",
                    blocked.budget
                );
                print_sentence(&sentence, context)?;
                announced.push_str(blocked.budget);
            }
        }
        Ok(announced)
    }

    /// Prints what the command waits for and until when, unless this is the goal that was announced last. On a terminal,
    /// the progress line says until when.
    fn announce_goal(
        &mut self,
        incident: &Incident,
        until: Option<DateTime<Utc>>,
        context: &Context,
    ) -> io::Result<()> {
        let goal = Goal::new(incident, until);
        if let Some(announced) = &self.goal
            && announced.is_close_to(&goal)
        {
            return Ok(());
        }
        self.goal = Some(goal);
        if is_stdout_terminal() {
            return print_sentence(incident.headline(), context);
        }
        let [_, _, waiting] = Wait::progress(
            shown_end(incident, until, context.clock().now),
            context.clock(),
        );
        print_sentence(&format!("{} {waiting}.", incident.headline()), context)
    }
}

/// Returns the end of the wait as it is shown to the user. whycap waits a few seconds longer than until a reset, which could
/// make a difference of a minute to the time in the headline. A reset that was read from a message is only known to the
/// minute, so the minute that is added to it is shown.
/// After the reset, the remaining seconds are shown.
fn shown_end(
    incident: &Incident,
    until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    match incident.diagnosis.resets.ahead(now) {
        Some(reset) if until == Some(reset.surely_over()) && reset.source != ResetSource::Text => {
            Some(reset.at)
        }
        Some(_) | None => until,
    }
}

/// Returns the message to print after the timeout. whycap does not know whether the service still has a problem.
fn timeout_message(situation: &Situation, wait_for_free: Option<Wait>) -> &'static str {
    if wait_for_free.is_some() {
        return "timed out; prompts may still be refused or cost extra";
    }
    let Some(incident) = &situation.incident else {
        return "timed out";
    };
    if incident.diagnosis.awaits_figures() {
        return "timed out; it is too early to tell whether the limit is real";
    }
    if incident.surely_over_at().is_some() {
        return "timed out; the limit should have reset, but whycap waits a little longer because clocks may differ";
    }
    match (incident.diagnosis.verdict, incident.diagnosis.limit) {
        (Verdict::FalseLikely, _) => "timed out; the error is probably a false alarm",
        (_, LimitKind::Overloaded) => "timed out; the service may still be overloaded",
        (_, LimitKind::Throttle) => {
            "timed out; the service may still be limiting requests temporarily"
        }
        (_, LimitKind::ServerError) => "timed out; the service may still have a problem",
        (Verdict::NotALimit, _) => "timed out; the error may still be blocking work",
        _ => "timed out while the limit still applied",
    }
}

/// Names the open sessions that Claude Code will continue by itself, unless they have been announced. Also removes
/// canceled continuations, which are no longer planned although their time has not come yet.
fn announce_continuing(
    announced: &mut HashMap<String, DateTime<Utc>>,
    situation: &Situation,
    context: &Context,
) -> io::Result<()> {
    announced.retain(|session, at| {
        *at <= context.environment.now
            || situation
                .continuing()
                .any(|continuing| continuing.session == session)
    });
    for continuing in situation.continuing() {
        let session = continuing.session.to_owned();
        if announced.insert(session, continuing.at).is_none() {
            print_sentence(&warning_about(&continuing, context), context)?;
        }
    }
    Ok(())
}

/// Returns the announced sessions that Claude Code continues in the given period. Unless the command has waited, they
/// have just been announced.
fn continuations(
    announced: &HashMap<String, DateTime<Utc>>,
    period: &RangeInclusive<DateTime<Utc>>,
    has_waited: bool,
    context: &Context,
) -> Continuations {
    let mut names: Vec<String> = announced
        .iter()
        .filter(|(_, at)| period.contains(*at))
        .map(|(session, _)| context.name_session(session))
        .collect();
    names.sort();
    match names[..] {
        [] => Continuations::None,
        _ if has_waited => Continuations::Of(names),
        _ => Continuations::JustAnnounced,
    }
}

/// Returns a sentence that says that the user can continue while the command waits, because usage credits pay or, if the limit
/// is that of one model family, because they probably do.
fn sentence_about_credits(incident: &Incident) -> String {
    let are_paying = match incident.diagnosis.credits_probably_pay_for {
        Some(_) => "are probably paying for responses of this model",
        None => "are paying on this account",
    };
    let condition = if incident.diagnosis.mentions_budget() {
        " after you type /whycap continue in the session"
    } else {
        ""
    };
    format!(
        "Usage credits {are_paying} now, so you can also continue{condition} (costs money). Waiting is free."
    )
}

/// Adds a sentence about a limit if usage credits pay beyond it, and the advice on how to wait until responses are free.
fn with_advice_about_credits(
    mut sentences: Vec<String>,
    ended: Option<&Incident>,
    advice_to_wait: Option<String>,
) -> Vec<String> {
    if let Some(incident) = ended
        && incident.can_continue_on_credits()
    {
        let limit = incident.diagnosis.window.map_or("limit", Window::limit);
        let sentence =
            format!("Your {limit} is used up, but usage credits are paying on this account.");
        sentences.insert(0, sentence);
    }
    sentences.extend(advice_to_wait);
    sentences
}

/// Returns a warning to print instead of "You can continue.", or `None` if none is needed. `extra_costs` is a clause
/// such as "each response costs extra". `full_window` is a sentence about a full usage window, which matters only if
/// nothing shows that usage credits are in use.
fn caution(
    extra_costs: Option<&str>,
    full_window: Option<String>,
    continuing: &Continuations,
) -> Option<String> {
    let continues = sentence_about_continuing(continuing);
    match (continuing, extra_costs, full_window) {
        (Continuations::None, Some(costs), _) => Some(format!("You can continue, but {costs}.")),
        (Continuations::None, None, full_window) => full_window,
        (_, Some(costs), _) => Some(with_sentence(
            format!("You can start other work, but {costs}."),
            continues,
        )),
        (_, None, Some(warning)) => Some(with_sentence(warning, continues)),
        (_, None, None) => Some(match continues {
            Some(continues) => format!("You can start other work; {continues}"),
            None => "You can start other work.".to_owned(),
        }),
    }
}

/// Appends another sentence, if there is one.
fn with_sentence(sentence: String, next: Option<String>) -> String {
    match next {
        Some(next) => format!("{sentence} {next}"),
        None => sentence,
    }
}

/// The open sessions that Claude Code continues by itself about now.
enum Continuations {
    /// There are no such sessions.
    None,
    /// The output has just named the sessions, so they are not named again.
    JustAnnounced,
    /// The names of the sessions.
    Of(Vec<String>),
}

/// Returns a sentence that names the open sessions that Claude Code continues by itself, or `None` if there are none or
/// the output has just named them.
fn sentence_about_continuing(continuing: &Continuations) -> Option<String> {
    let Continuations::Of(names) = continuing else {
        return None;
    };
    let sessions = match &names[..] {
        [only] => format!("session {only}"),
        several => format!("sessions {}", several.join(" and ")),
    };
    Some(format!(
        "Claude Code continues the open {sessions} by itself."
    ))
}

/// Returns text such as "a budget blocks prompts." with the sentences about the budgets that block prompts. Sentences in
/// `announced` are left out, because they have just been printed. Returns `None` if no budget blocks prompts.
pub(super) fn about_budgets(budgets: &[String], announced: &str) -> Option<String> {
    if budgets.is_empty() {
        return None;
    }
    let sentences = budgets
        .iter()
        .map(String::as_str)
        .filter(|sentence| !announced.contains(sentence));
    let text: Vec<&str> = std::iter::once("a budget blocks prompts.")
        .chain(sentences)
        .collect();
    Some(text.join(" "))
}

/// Returns the sentences to print if nothing blocks work. `ended` is the newest error, and `waited_for` is the error
/// that blocked work until now. `full_window` says that a usage window is full, and whether responses are free nevertheless.
/// `budgets` says that a budget blocks prompts. For the other arguments, see [`caution`].
fn last_sentences(
    ended: Option<&Incident>,
    waited_for: Option<&Incident>,
    extra_costs: Option<&str>,
    full_window: Option<String>,
    continuing: &Continuations,
    budgets: Option<&str>,
    context: &Context,
) -> Vec<String> {
    let full_window = ended
        .and_then(Incident::warning_about_full_window)
        .or(full_window);
    let caution = caution(extra_costs, full_window, continuing);
    if let Some(ended) = ended
        && ended
            .diagnosis
            .actions
            .contains(&ActionName::WaitForOtherWindow)
    {
        // The next prompt will be refused or paid for with usage credits. The headline says until when.
        let rest = match extra_costs {
            Some(_) => caution,
            None => sentence_about_continuing(continuing),
        };
        return std::iter::once(ended.headline().to_owned())
            .chain(rest)
            .chain(budgets.map(|budgets| format!("Also, {budgets}")))
            .collect();
    }
    let caution = match (caution, budgets) {
        (Some(caution), Some(budgets)) => Some(format!("{caution} Also, {budgets}")),
        (None, Some(budgets)) => Some(format!("No limit is blocking you, but {budgets}")),
        (caution, None) => caution,
    };
    let or_warning = |sentence: &str| caution.unwrap_or_else(|| sentence.to_owned());
    let summary = ended.and_then(|ended| ended.summary());
    match (ended, summary, waited_for) {
        (Some(ended), Some(summary), Some(waited_for)) if ended.is_same_error_as(waited_for) => {
            vec![format!("{summary} {}", or_warning("You can continue."))]
        }
        (_, _, Some(_)) => vec![or_warning("You are no longer blocked.")],
        (Some(ended), _, None) => {
            let state = if ended.diagnosis.is_end_assumed() {
                "As far as whycap knows, you are not blocked."
            } else {
                "You are not blocked."
            };
            context
                .describe_past(ended)
                .into_iter()
                .chain([or_warning(state)])
                .collect()
        }
        (None, _, None) => vec![or_warning("You are not blocked.")],
    }
}

/// Warns that a usage window of the plan is full, unless the previous check has already given this warning. Prints
/// nothing if usage credits are in use, because the last sentence of the output then mentions the costs.
fn announce_full_window(
    situation: &Situation,
    waited_for: Option<&Incident>,
    session: Option<&str>,
    context: &Context,
) -> io::Result<()> {
    let blocking = situation.blocking();
    let Some(warning) = blocking.and_then(Incident::warning_about_full_window) else {
        return Ok(());
    };
    let is_announced = waited_for
        .and_then(Incident::warning_about_full_window)
        .is_some();
    if is_announced
        || context
            .extra_costs(session, blocking, &context.incidents())
            .is_some()
    {
        return Ok(());
    }
    print_sentence(&warning, context)
}

/// Returns a warning that Claude Code will continue a session by itself. If a script continues it as well, two
/// processes will do the same work.
fn warning_about(continuing: &Continuing<'_>, context: &Context) -> String {
    format!(
        "{} Do not continue its work anywhere else, or it will be done twice.",
        context.describe_continuation(continuing)
    )
}

/// Prints each sentence as a paragraph.
fn print_sentences(sentences: impl Iterator<Item = String>, context: &Context) -> io::Result<()> {
    for sentence in sentences {
        print_sentence(&sentence, context)?;
    }
    Ok(())
}

/// Prints a sentence, wrapped like the text of other commands. On a terminal, it takes the place of the progress line.
fn print_sentence(sentence: &str, context: &Context) -> io::Result<()> {
    terminal::replace_progress_line("")?;
    Report::from_paragraph(sentence).print(false, &context.environment)
}

/// Returns the longest progress line that fits. A line that wraps could not be replaced. The last column of the
/// terminal stays empty because some terminals wrap there.
fn longest_fitting(forms: [String; 3], columns: usize) -> String {
    let [longest, shorter, shortest] = forms;
    let room = columns.saturating_sub(1);
    [longest, shorter]
        .into_iter()
        .find(|form| width(form) <= room)
        .unwrap_or_else(|| truncate(&shortest, room))
}

/// Ends the progress line so that an error message starts on a new line of the terminal.
fn end_progress_line(has_progress: bool) -> io::Result<()> {
    if has_progress && is_stdout_terminal() {
        return print(&Shown::text("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// During an outage, each retry moves the end by a few minutes. A piped `wait` printed a line for each of them.
    #[test]
    fn a_goal_that_moves_by_a_few_minutes_is_not_announced_again() {
        let goal = |limit, until: Option<&str>| Goal {
            limit,
            is_false_alarm: false,
            until: until.map(|until| until.parse().unwrap()),
        };
        let announced = goal(LimitKind::Overloaded, Some("2026-11-20T10:03:00Z"));
        let cases = [
            (LimitKind::Overloaded, Some("2026-11-20T10:06:30Z"), true),
            (LimitKind::Overloaded, Some("2026-11-20T10:09:00Z"), false),
            (LimitKind::Overloaded, None, false),
            (LimitKind::ServerError, Some("2026-11-20T10:03:00Z"), false),
        ];
        for (limit, until, is_close) in cases {
            let next = goal(limit, until);
            assert_eq!(announced.is_close_to(&next), is_close, "{next:?}");
        }
    }
}
