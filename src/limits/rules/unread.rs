//! Words that nothing recognizes: what can be read in them all the same, and where to look.

use crate::limits::clues::{Substance, listed};
use crate::limits::diagnosis::{Case, Diagnosis, Said, Telling, Words, said};
use crate::limits::evidence::{Seen, identifier, is_anthropics};
use crate::limits::kind::{Verdict, Who};
use crate::limits::resets;

const NOT_GUESSED: &str = "whycap does not know this message, so it does not guess what it means.";

/// A message that no row recognizes.
pub(in crate::limits) fn not_known(case: &Case<'_>) -> Diagnosis {
    let words = Words::Told(what_can_be_read);
    Diagnosis::new(case.names, Verdict::CannotTell, Who::You, words).unknown(NOT_GUESSED)
}

/// A refusal of a login, a key or a permission whose words nobody knows.
pub(in crate::limits) fn refused_access(case: &Case<'_>) -> Diagnosis {
    let words = Words::Told(|telling| {
        let status = telling.clues.status.map(|status| format!(" ({status})"));
        let refused = format!("Access was refused{}", status.unwrap_or_default());
        said(
            &[format!(
                "{refused}, in words that whycap does not know: read them, then look at /status"
            )],
            "access refused · read the message, then /status",
        )
    });
    Diagnosis::new(case.names, Verdict::CannotTell, Who::You, words)
        .waiting(false)
        .unknown(NOT_GUESSED)
}

fn what_can_be_read(telling: &Telling<'_>) -> Said {
    if telling.clues.substance == Substance::Wrapper && !telling.clues.text.is_empty() {
        return said(
            &[
                "This says only that something failed, not why: read what stands before it, then look at /status",
            ],
            "something failed, the reason stands before it",
        );
    }
    let text = &telling.clues.text;
    let (subject, place) = subject(text);
    let at = resets::in_text(
        &telling.clues.raw,
        telling.evidence.at,
        None,
        telling.clock.zone,
    );
    let class = telling.evidence.class().and_then(identifier);
    let readings = [
        subject.map(str::to_owned),
        host(text).map(str::to_owned),
        amount(text).map(str::to_owned),
        at.map(|at| telling.clock.time(at)),
        telling
            .clues
            .status
            .map(|status| format!("status {status}")),
        class.map(str::to_owned),
    ];
    let readings: Vec<String> = readings.into_iter().flatten().collect();
    let look = match host(text) {
        Some(_) => "look at that service first",
        None if telling.evidence.text.seen == Seen::Pasted => place,
        None => "look at /usage and /status first",
    };
    let names = |count: usize| {
        let told = readings.get(..count).unwrap_or(&readings).join(", ");
        format!("whycap does not know this message, which names {told}: {look}")
    };
    let mut headlines: Vec<String> = (1..=readings.len()).rev().map(names).collect();
    headlines.push(
        "whycap does not know this message: look at /usage and /status before you change anything"
            .to_owned(),
    );
    said(&headlines, "unknown message · /whycap says what to check")
}

/// What a text is about, by its words, and where to look.
fn subject(text: &str) -> (Option<&'static str>, &'static str) {
    const PLAN: &str = "look at /usage and at what wrote it";
    const ACCESS: &str = "look at /status and at what wrote it";
    // In the languages in which most people paste: English, Chinese, Japanese, Korean, Portuguese,
    // Spanish, French, German.
    const SUBJECTS: [(&str, &str, &str); 11] = [
        (
            "invoice | payment | billing | 支付 | 账单 | 支払 | 결제 | pagamento | pago | paiement | zahlung",
            "a payment",
            PLAN,
        ),
        (
            "balance | 余额 | 残高 | 잔액 | saldo | solde | guthaben",
            "a balance",
            PLAN,
        ),
        (
            "credit | crédit | crédito | 积分 | クレジット | 크레딧",
            "credits",
            PLAN,
        ),
        (
            "budget | 预算 | 予算 | 예산 | orçamento | presupuesto",
            "a budget",
            PLAN,
        ),
        (
            "quota | 配额 | 额度 | 割り当て | 할당량 | cuota | cota  | kontingent",
            "a quota",
            PLAN,
        ),
        (
            "rate limit | 速率限制 | レート制限 | 속도 제한",
            "a rate limit",
            PLAN,
        ),
        (
            "limit | límite | 上限 | 限制 | 限额 | 制限 | 한도 | 제한",
            "a limit",
            PLAN,
        ),
        ("usage | 用量 | 使用量 | 사용량 | nutzung", "usage", PLAN),
        (
            "permission | 权限 | 権限 | 권한 | permiso | permissão | berechtigung",
            "a permission",
            ACCESS,
        ),
        (
            "authenti | login | log in | 登录 | ログイン | 로그인 | iniciar sesión | connexion | anmeld",
            "a login",
            ACCESS,
        ),
        ("model | 模型 | モデル | 모델", "a model", ACCESS),
    ];
    let names =
        |(words, ..): &&(&'static str, &str, &str)| listed(words).any(|word| text.contains(word));
    let found = SUBJECTS.iter().find(names);
    found.map_or((None, PLAN), |(_, subject, place)| (Some(subject), place))
}

/// An amount of money.
fn amount(text: &str) -> Option<&str> {
    let is_amount = |word: &&str| {
        word.starts_with(['$', '€', '£'])
            && word.contains(|c: char| c.is_ascii_digit())
            && word.len() <= 12
    };
    let words = text
        .split(' ')
        .map(|word| word.trim_matches(['(', ')', ',', '.', ';', ':']));
    words.into_iter().find(is_amount)
}

/// The host of the first address that is not Anthropic's.
fn host(text: &str) -> Option<&str> {
    let hosts = text.split("://").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
        rest.get(..end.unwrap_or(rest.len()))
    });
    hosts
        .into_iter()
        .find(|host| host.contains('.') && host.len() <= 40 && !is_anthropics(host))
}
