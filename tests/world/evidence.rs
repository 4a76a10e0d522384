//! Decides how much of the truth is proven by the facts that the program can know.

use chrono::TimeDelta;

use super::judge::USAGE_ARRIVES_WITHIN;
use super::life::{Exchange, Life, shows_room};
use super::limits::{FULL, Kind};
use super::service::{Need, Obstacle, Paid, Purse, Reply, Time};

/// The age from which an error about the login, the model, or the conversation no longer says anything about the
/// present.
const LONGEST: TimeDelta = TimeDelta::hours(23);

/// The answer that the program must give.
pub enum Expected<'a> {
    /// The request is blocked by this obstacle, which was visible in this exchange. Nothing visible has ended the other
    /// obstacles.
    Blocked(&'a Exchange, &'a Obstacle, Vec<&'a Obstacle>),
    /// The request is served, but nothing visible has ended these obstacles, if there are any.
    Free(Paid, Vec<&'a Obstacle>),
    /// The visible facts do not say whether the request is blocked.
    Open,
}

pub fn is_known(exchange: &Exchange, now: Time) -> bool {
    exchange.known_at.is_some_and(|at| at <= now)
}

/// Returns true if no status-line call showed the usage that came with the refusal, so that older usage seems to
/// contradict the refusal.
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

/// Returns true if the obstacle because of which another request was refused also applies to this request.
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
            // If credits do not pay beyond the weekly window of a model, they do not pay beyond another full window
            // either.
            let mut usage = refused.usage.iter().flatten();
            is_same_purse && (is_same_model || usage.any(|it| it.percent >= FULL))
        }
        _ => is_same_purse,
    }
}

/// Returns true if something visible shows that the refusal no longer applies: a served request, usage with room, or
/// the time.
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

/// Returns the answer that the program must give about this request.
pub fn expected<'a>(life: &'a Life, need: &'a Need, truth: &'a Reply) -> Expected<'a> {
    let now = life.now;
    let refusals = life
        .exchanges
        .iter()
        .rev()
        .filter(|it| is_known(it, now));
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
                    let others = standing
                        .into_iter()
                        .filter(|it| *it != obstacle)
                        .collect();
                    Expected::Blocked(exchange, shown, others)
                }
                _ => Expected::Open,
            }
        }
    }
}

/// Returns true if the known facts prove that this refusal, whose reason still exists, also applies to the request.
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
    // At 7:10pm, "resets 7pm" may mean today or tomorrow, unless the time that the server itself reported is known.
    let is_almost_a_day = |until: Time| {
        let left = until - refused.at;
        TimeDelta::hours(23) < left && left <= TimeDelta::hours(24)
    };
    if obstacle.until.is_some_and(is_almost_a_day) {
        return false;
    }
    if obstacle.kind == Kind::Auth && !is_own {
        // The first refusal of a login may affect only its session.
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
