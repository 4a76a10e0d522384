//! Decides how much of the truth is proven by the facts that the program can know.

use chrono::TimeDelta;

use super::judge::USAGE_ARRIVES_WITHIN;
use super::life::{Exchange, Life, shows_room};
use super::limits::{FULL, Kind};
use super::service::{Need, Obstacle, Paid, Purse, Reply, Time};

/// After this time, an error about the login, the model, or the conversation says nothing about now.
const LONGEST: TimeDelta = TimeDelta::hours(23);

/// The answer that the program must give.
pub enum Expected<'a> {
    /// Blocked by this obstacle, which this exchange has shown. Nothing visible has ended the other obstacles.
    Blocked(&'a Exchange, &'a Obstacle, Vec<&'a Obstacle>),
    /// Free, but nothing visible has ended these obstacles, if there are any.
    Free(Paid, Vec<&'a Obstacle>),
    /// The visible facts do not say whether the request is blocked.
    Open,
}

pub fn is_known(exchange: &Exchange, now: Time) -> bool {
    exchange.known_at.is_some_and(|at| at <= now)
}

/// Returns true if the usage that came with the refusal was not shown, so that older usage seems to contradict it.
pub fn is_contradicted(life: &Life, refused: &Exchange) -> bool {
    let is_shown = refused.shown_at.is_some_and(|at| at <= life.now);
    let before = life
        .exchanges
        .iter()
        .filter(|it| it.need.purse == refused.need.purse && it.at < refused.at);
    let has_older_room = before
        .rev()
        .take(20)
        .any(|it| shows_room(it, life.now) && refused.at - it.at < TimeDelta::minutes(16));
    !is_shown && has_older_room
}

/// Returns true if the request needs what has refused this other request.
fn concerns(refused: &Exchange, obstacle: &Obstacle, need: &Need) -> bool {
    let is_same_purse = refused.need.purse == need.purse;
    let is_same_model = refused.need.model == need.model;
    match (obstacle.kind, obstacle.window) {
        (Kind::PromptTooLong, _) => Some(refused.session) == need.session,
        (Kind::Overloaded | Kind::ServerError, _) => {
            (refused.need.purse == Purse::Cloud) == (need.purse == Purse::Cloud)
        }
        (Kind::ModelUnavailable, _) => is_same_purse && is_same_model,
        (_, Some(Kind::WeeklyOpus | Kind::WeeklySonnet)) => {
            // Credits that did not pay beyond the week of a model do not pay beyond another full window either.
            let mut usage = refused.usage.iter().flatten();
            is_same_purse && (is_same_model || usage.any(|it| it.percent >= FULL))
        }
        _ => is_same_purse,
    }
}

/// Returns true if something visible shows that the refusal no longer stands: a served request, usage with room, or time.
fn has_visibly_ended(life: &Life, refused: &Exchange, obstacle: &Obstacle) -> bool {
    let now = life.now;
    if obstacle.until.is_some_and(|until| until <= now) {
        return true;
    }
    if obstacle.is_trouble() && now - refused.at > TimeDelta::minutes(31) {
        return true;
    }
    if obstacle.is_false && shows_room(refused, now) && now - refused.at > USAGE_ARRIVES_WITHIN {
        return true;
    }
    let client = &life.clients[refused.session];
    if obstacle.kind == Kind::PromptTooLong
        && (client.length < 100.0 || client.model != refused.need.model)
    {
        return true;
    }
    let later = life
        .exchanges
        .iter()
        .filter(|it| it.sent >= refused.at && is_known(it, now));
    let mut ends = later
        .filter(|it| concerns(refused, obstacle, &it.need))
        .map(|it| {
            let shows_room = it.shown_at.is_some_and(|at| at <= now)
                && it
                    .usage
                    .iter()
                    .flatten()
                    .any(|it| Some(it.window) == obstacle.window && it.percent < FULL);
            // The service checks the login before the usage.
            let is_past_login = obstacle.kind == Kind::Auth
                && it
                    .reply
                    .as_ref()
                    .err()
                    .is_some_and(|it| it.window.is_some());
            it.reply.is_ok() || shows_room || is_past_login
        });
    ends.any(|ends| ends)
}

/// Returns what must be said to the sender of this request.
pub fn expected<'a>(life: &'a Life, need: &'a Need, truth: &'a Reply) -> Expected<'a> {
    let now = life.now;
    let refusals = life.exchanges.iter().rev().filter(|it| is_known(it, now));
    let refusals = refusals.filter_map(|it| Some((it, it.reply.as_ref().err()?)));
    let of_need: Vec<_> = refusals
        .filter(|(it, obstacle)| concerns(it, obstacle, need))
        .collect();
    let standing = of_need
        .iter()
        .filter(|(it, obstacle)| !has_visibly_ended(life, it, obstacle));
    let standing: Vec<_> = standing.map(|(_, obstacle)| *obstacle).collect();
    match truth {
        Ok(paid) => Expected::Free(*paid, standing),
        Err(obstacle) => {
            let shown = of_need.iter().find(|(_, shown)| *shown == obstacle);
            match shown {
                Some((exchange, shown)) if stands(life, need, exchange, shown) => {
                    let others = standing.into_iter().filter(|it| *it != obstacle).collect();
                    Expected::Blocked(exchange, shown, others)
                }
                _ => Expected::Open,
            }
        }
    }
}

/// Returns true if the known facts prove that this refusal, which is still true, concerns the request.
fn stands(life: &Life, need: &Need, refused: &Exchange, obstacle: &Obstacle) -> bool {
    let now = life.now;
    let is_own = need.session == Some(refused.session);
    let age = now - refused.at;
    if obstacle.is_false || has_visibly_ended(life, refused, obstacle) {
        return false;
    }
    if obstacle.is_trouble() && age > TimeDelta::seconds(55) {
        return false;
    }
    if obstacle.until.is_none() && obstacle.kind != Kind::ApiCreditBalance && age > LONGEST {
        return false;
    }
    if obstacle.window.is_some() && is_contradicted(life, refused) {
        return false;
    }
    // "resets 7pm" at 7:10pm is a time that has passed or tomorrow, unless the server's own statement is known.
    let is_almost_a_day = |until: Time| {
        let left = until - refused.at;
        TimeDelta::hours(23) < left && left <= TimeDelta::hours(24)
    };
    if obstacle.until.is_some_and(is_almost_a_day) {
        return false;
    }
    if obstacle.kind == Kind::Auth && !is_own {
        // A first refused login may concern only its session.
        let of_payer = life
            .exchanges
            .iter()
            .rev()
            .filter(|it| it.need.purse == need.purse && is_known(it, now));
        let refusals = of_payer.take_while(|it| it.reply.is_err());
        return refusals
            .filter(|it| it.reply.as_ref().err() == Some(obstacle))
            .count()
            >= 2;
    }
    true
}
