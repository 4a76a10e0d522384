//! Plans the actions of users, their reactions to errors, and the events that no file records.

use super::limits::Kind;

use super::dice::Dice;
use super::life::{Action, Life};
use super::service::{
    Account, Key, Period, Purse, Switch, Time, Window, on_the_hour, on_the_minute, seconds,
};

const HOUR: f64 = 3600.0;

/// The obstacles that can stop the requests of an account.
const KINDS: [Obstruction; 18] = [
    Obstruction::Nothing,
    Obstruction::FiveHour,
    Obstruction::FiveHour,
    Obstruction::FiveHour,
    Obstruction::Weekly,
    Obstruction::WeekOfModel,
    Obstruction::WeekOfModel,
    Obstruction::OwnCap,
    Obstruction::OrgCap,
    Obstruction::MemberCap,
    Obstruction::Seat,
    Obstruction::Paying,
    Obstruction::Paying,
    Obstruction::Trouble,
    Obstruction::Access,
    Obstruction::FalseAlarm,
    Obstruction::FalseAlarm,
    Obstruction::Trouble,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstruction {
    Nothing,
    FiveHour,
    Weekly,
    WeekOfModel,
    OwnCap,
    OrgCap,
    MemberCap,
    Seat,
    Paying,
    Trouble,
    Access,
    FalseAlarm,
}

/// Returns a life. A rare life has several accounts, keys, and obstacles at once, and more changes that no file shows.
pub fn life(seed: u64, is_rare: bool) -> Life {
    let start: Time = "2026-11-20T00:00:00Z".parse().unwrap();
    let mut life = Life::new(seed, start);
    let day = life.dice.pick(&[0.0, 0.0, 1.0, 3.0, 9.6]);
    life.now = start + seconds(day * 24.0 * HOUR + life.dice.between(5.0, 20.0) * HOUR);
    let length = life.dice.pick(&[6.0, 9.0, 14.0, 30.0]);
    life.end = life.now + seconds(length * HOUR);
    let accounts = if is_rare {
        life.dice.pick(&[1, 2, 2, 3])
    } else {
        1
    };
    for number in 0..accounts {
        let kind = life.dice.pick(&KINDS);
        let account = account(&mut life, number, kind, is_rare);
        let text = format!(
            "account {number}: {kind:?}, {} {:?}",
            account.plan, account.credits
        );
        life.service.accounts.push(account);
        obstruct(&mut life, number, kind);
        life.tell(text);
    }
    life.login = Some(0);
    let has_keys = life.dice.chance(if is_rare { 0.6 } else { 0.15 });
    for _ in 0..if has_keys { 2 } else { 0 } {
        let key = key(&mut life.dice);
        life.service.keys.push(key);
    }
    if has_keys && life.dice.chance(0.3) {
        life.shell_key = Some(life.dice.below(2));
    }
    life.default_model = life.dice.pick(&["opus", "opus", "sonnet"]);
    let sessions = if is_rare {
        life.dice.pick(&[2, 3, 4])
    } else {
        life.dice.pick(&[1, 1, 2])
    };
    for name in ["A", "B", "C", "D"].into_iter().take(sessions) {
        let model = life.dice.pick(&["opus", "opus", "sonnet"]);
        let purse = other_purse(&mut life, is_rare);
        let session = life.add_client(name, purse, model);
        let after = life.dice.between(0.0, 2400.0);
        life.plan(after, Action::Open(session));
        for _ in 0..10 {
            let after = life.dice.between(0.0, length * HOUR);
            life.plan(
                after,
                Action::Draw {
                    session,
                    exchange: None,
                },
            );
        }
    }
    for _ in 0..15 {
        let after = life.dice.between(0.0, length * HOUR);
        life.plan(after, Action::Ask);
    }
    for _ in 0..if is_rare { 4 } else { 1 } {
        let after = life.dice.between(0.0, length * HOUR);
        life.plan(after, Action::Outside);
    }
    life
}

fn other_purse(life: &mut Life, is_rare: bool) -> Option<Purse> {
    let has_keys = !life.service.keys.is_empty();
    if has_keys && life.dice.chance(0.4) {
        let key = life.dice.below(2);
        return Some(Purse::Key(key));
    }
    (is_rare && life.dice.chance(0.1)).then_some(Purse::Cloud)
}

fn key(dice: &mut Dice) -> Key {
    let cap = dice.pick(&[None, None, Some(())]);
    Key {
        balance: dice.between(0.1, 4.0),
        cap: cap.map(|()| dice.between(0.1, 2.0)),
        spent: 0.0,
        is_valid: !dice.chance(0.1),
    }
}

fn account(life: &mut Life, number: usize, kind: Obstruction, is_rare: bool) -> Account {
    let now = life.now;
    let dice = &mut life.dice;
    let plan = match kind {
        Obstruction::OrgCap | Obstruction::Seat => "team",
        Obstruction::MemberCap => "enterprise",
        Obstruction::OwnCap => dice.pick(&["pro", "max"]),
        _ => dice.pick(&["pro", "max", "max", "team"]),
    };
    let near = dice.between(60.0, 97.0);
    let is_near = !matches!(
        kind,
        Obstruction::Nothing | Obstruction::Trouble | Obstruction::Access | Obstruction::FalseAlarm
    );
    let used = if is_near && kind != Obstruction::WeekOfModel {
        near
    } else {
        dice.between(5.0, 45.0)
    };
    let mut week = |used| Window {
        kind: Kind::Weekly,
        used,
        reset: Some(on_the_hour(
            now + seconds(dice.between(0.3, 6.5) * 24.0 * HOUR),
        )),
    };
    let (weekly, opus, sonnet) = (week(20.0), week(30.0), week(10.0));
    let reset = on_the_minute(now + seconds(dice.between(0.4, 4.5) * HOUR));
    let mut account = Account {
        name: format!("user{number}/organization{number}"),
        plan,
        is_admin: plan != "enterprise" && dice.chance(0.5),
        windows: [
            Window {
                kind: Kind::FiveHour,
                used,
                reset: Some(reset),
            },
            weekly,
            Window {
                kind: Kind::WeeklyOpus,
                ..opus
            },
            Window {
                kind: Kind::WeeklySonnet,
                ..sonnet
            },
        ],
        model_share: 0.1,
        credits: dice.pick(&[Switch::Absent, Switch::Off, Switch::On]),
        balance: 0.0,
        spent: 20.0,
        own_cap: None,
        member_cap: None,
        org_cap: None,
        seat_has_credits: true,
        is_login_valid: true,
        is_disabled: false,
        forbidden: None,
    };
    let nearly = dice.pick(&[20.0, 20.3]);
    match kind {
        Obstruction::Weekly => account.windows[1].used = dice.between(97.0, 99.8),
        Obstruction::WeekOfModel => {
            let model = dice.pick(&[2, 2, 3]);
            account.windows[model].used = dice.between(93.0, 99.5);
            account.model_share = 0.4;
        }
        Obstruction::OwnCap => (account.credits, account.own_cap) = (Switch::On, Some(nearly)),
        Obstruction::OrgCap => (account.credits, account.org_cap) = (Switch::On, Some(nearly)),
        Obstruction::MemberCap => {
            (account.credits, account.member_cap) = (Switch::On, Some(nearly));
        }
        Obstruction::Seat => (account.credits, account.seat_has_credits) = (Switch::On, false),
        Obstruction::Paying => account.credits = Switch::On,
        _ => {}
    }
    let has_balance = matches!(
        kind,
        Obstruction::OwnCap | Obstruction::OrgCap | Obstruction::MemberCap | Obstruction::Paying
    );
    if has_balance {
        account.balance = dice.pick(&[1.0, 5.0, 100.0]);
    }
    if is_rare {
        account.windows[1].used = dice.pick(&[20.0, 20.0, 95.0, 98.0]);
        account.windows[2].used = dice.pick(&[account.windows[2].used, 97.0]);
        account.model_share = dice.pick(&[0.1, 0.4]);
        account.balance = dice.pick(&[account.balance, 0.0, 0.5, 50.0]);
    }
    account
}

fn obstruct(life: &mut Life, number: usize, kind: Obstruction) {
    let now = life.now;
    let mut from = now + seconds(life.dice.between(300.0, 4.0 * HOUR));
    let mut period = |dice: &mut Dice, kinds: &[Kind], lengths: &[f64], account| {
        let until = from + seconds(dice.pick(lengths));
        let period = Period {
            kind: dice.pick(kinds),
            from,
            until,
            account,
        };
        from = until + seconds(dice.between(0.2, 3.0) * HOUR);
        period
    };
    match kind {
        Obstruction::Trouble => {
            for _ in 0..2 {
                let kinds = [Kind::Overloaded, Kind::ServerError];
                let trouble = period(&mut life.dice, &kinds, &[40.0, 200.0, 600.0, 2400.0], None);
                life.service.troubles.push(trouble);
            }
            let throttle = period(
                &mut life.dice,
                &[Kind::Throttle],
                &[40.0, 300.0],
                Some(number),
            );
            life.service.troubles.push(throttle);
        }
        Obstruction::FalseAlarm => {
            for _ in 0..2 {
                let kinds = [
                    Kind::FiveHour,
                    Kind::FiveHour,
                    Kind::Weekly,
                    Kind::UsageCredits,
                ];
                let lengths = [60.0, 300.0, 1200.0, 4000.0];
                let alarm = period(&mut life.dice, &kinds, &lengths, Some(number));
                life.service.alarms.push(alarm);
            }
        }
        Obstruction::Access => {
            let account = &mut life.service.accounts[number];
            match life.dice.below(3) {
                0 => account.is_login_valid = false,
                1 => account.is_disabled = account.plan == "team",
                _ => account.forbidden = Some("opus"),
            }
        }
        _ => {}
    }
}
