//! Life stories: what happens, and what is true then.

use super::story::play;

/// Each story has a name and lines.
const STORIES: &[(&str, &str)] = &[
    (
        "a full window stops every session of its account until its reset",
        "10:00 login max a
         10:00 one owned a
         10:00 two owned a
         10:01 one refused 5h
         10:02 ? one blocked five_hour 12:00 exit-10
         10:02 ? two blocked elsewhere
         10:02 ? shell blocked exit-10
         12:00 ? one free reopened open
         12:00 ? shell free",
    ),
    (
        "a full window stops neither another account nor a key",
        "10:00 login max a
         10:00 one owned a
         10:00 two key ANTHROPIC_API_KEY
         10:00 three owned b
         10:01 one refused 5h
         10:02 ? two free pays-key
         10:02 ? three free",
    ),
    (
        "a response in another session of the account ends the limit",
        "10:00 login max a
         10:01 one refused 5h
         10:05 two sends
         10:06 two served opus
         10:07 ? one free reopened closed
         10:07 ? shell free",
    ),
    (
        "a response that was sent before the refusal proves nothing",
        "10:00 login max a
         10:00 two sends
         10:01 one refused 5h
         10:02 two served opus
         10:03 ? one blocked",
    ),
    (
        "credits pay beyond every full window until the next refusal",
        "10:00 login max a
         10:00 one model opus
         10:01 one refused 5h
         10:01 one reads 5h 100 weekly 30
         10:30 two sends
         10:31 two served opus
         10:31 two reads 5h 100 weekly 31
         10:32 ? one free paid pays-credits
         10:40 two sends
         10:41 two refused own-cap claimed
         10:42 ? one blocked five_hour
         10:42 ? two blocked own_spend_cap 12:00 exit-10",
    ),
    (
        "work at lower priority is not paid",
        "10:00 login max a
         10:01 one refused 5h
         10:01 one reads 5h 100
         10:02 one announces slow
         10:03 one works
         10:20 one served opus
         10:20 one reads 5h 100 weekly 40
         10:21 ? one free answered pays-plan
         10:21 ? two blocked five_hour",
    ),
    (
        "a reading with room shows an early reset",
        "10:00 login max a
         10:01 one refused 5h
         10:01 one reads 5h 100
         10:20 two reads 5h 4
         10:21 ? one free reopened closed",
    ),
    (
        "usage that a session repeats is not a new reading",
        "10:00 login max a
         10:00 two reads 5h 98
         10:01 one refused 5h
         10:20 two reads 5h 98
         10:21 ? one blocked real",
    ),
    (
        "fresh usage of the same account shows a false alarm",
        "10:00 login max a
         10:00 two owned a
         10:00 two reads 5h 8
         10:01 one owned a
         10:01 one refused 5h
         10:02 ? one free never-closed false_likely
         10:02 ? entries 1
         10:02 ? lost 0",
    ),
    (
        "usage of another account shows nothing",
        "10:00 login max a
         10:00 two owned a
         10:00 two reads 5h 8
         10:01 one owned b
         10:01 one refused 5h
         10:02 ? one blocked",
    ),
    (
        "older usage proves nothing while the refusal's own usage may still arrive",
        "10:00 login max a
         10:00 one reads 5h 40
         10:01 one refused 5h
         10:01:01 ? one blocked
         10:01:05 ? one never-closed",
    ),
    (
        "the limit of one model spares other models",
        "10:00 login max a
         10:00 one model opus
         10:00 two model sonnet
         10:01 one refused opus claimed
         10:02 ? one blocked weekly_opus 11-24
         10:02 ? two free
         10:03 one model sonnet
         10:04 ? one free spared
         10:05 two model opus
         10:06 ? two blocked",
    ),
    (
        "a cap matters only to requests that need the full window",
        "10:00 login max a
         10:00 one model opus
         10:00 two model sonnet
         10:01 one refused opus-cap claimed
         10:02 ? one blocked own_spend_cap
         10:02 ? two free",
    ),
    (
        "a session follows the login",
        "10:00 login max a
         10:00 one owned a
         10:01 one refused 5h claimed
         10:02 ? one blocked continues-12:01
         10:03 login max b
         10:04 ? one free spared stays",
    ),
    (
        "a response belongs to the payer that sent the request",
        "10:00 login max a
         10:00 one owned a
         10:01 one refused 5h
         10:02 one sends
         10:03 login max b
         10:04 one served opus
         10:05 ? one answered free
         10:06 login max a
         10:07 ? one answered free",
    ),
    (
        "the problem that lasts longest explains a request, and the rest is named",
        "10:00 login max a
         10:00 two refused 5h
         10:01 one refused overloaded
         10:01:10 ? one blocked five_hour also-overloaded
         10:10 ? one blocked five_hour
         12:01 ? one free",
    ),
    (
        "an overload concerns everybody for minutes, and no cloud provider",
        "10:00 login max a
         10:01 one refused overloaded
         10:02 ? one blocked overloaded exit-10 no-reset
         10:02 ? two blocked overloaded
         10:05 ? one free",
    ),
    (
        "a refusal at a window shows that the service works",
        "10:00 login max a
         10:01 one refused overloaded
         10:02 two sends
         10:02 two refused weekly claimed
         10:02:30 ? one blocked weekly 11-24",
    ),
    (
        "a hook and a transcript report one refusal",
        "10:00 login max a
         10:01 one hook-refused 5h
         10:01:01 one refused 5h claimed
         10:02 ? entries 1
         10:02 ? one attempts-1
         10:05 one hook-refused 5h
         10:05 one refused 5h claimed
         10:06 ? entries 1
         10:06 ? one attempts-2",
    ),
    (
        "a prompt cancels the automatic continuation, and an announcement starts it again",
        "10:00 login max a
         10:01 one refused 5h claimed
         10:02 ? one continues-12:01
         10:03 one sends
         10:04 ? one stays
         10:05 one announces continues
         10:06 ? one continues-12:01
         10:07 one announces cancelled
         10:08 ? one stays",
    ),
    (
        "a session without a process does not continue",
        "10:00 login max a
         10:01 one refused 5h claimed
         10:02 running two
         10:03 ? one stays",
    ),
    (
        "the setting turns the continuation off",
        "10:00 login max a
         10:00 never-continue
         10:01 one refused 5h claimed
         10:02 ? one blocked stays",
    ),
    (
        "the date of a cap is not the reset of a window",
        "10:00 login team a
         10:01 one refused org-cap-dated
         10:02 ? one blocked org_spend_cap 12-01 stays admin",
    ),
    (
        "on a personal plan there is no organization",
        "10:00 login pro a
         10:01 one refused org-cap
         10:02 ? one blocked five_hour misworded nobody 12:00",
    ),
    (
        "an admin needs no admin",
        "10:00 login team a admin
         10:01 one refused org-cap claimed
         10:02 ? one blocked org_spend_cap you exit-10",
    ),
    (
        "the window that the server names counts more than the text",
        "10:00 login max a
         10:01 one refused 5h
         10:02 two refused weekly claimed
         10:03 ? two blocked weekly real",
    ),
    (
        "a conversation that is too long stops its session only",
        "10:00 login max a
         10:00 one model opus
         10:01 one refused too-long
         10:02 ? one blocked prompt_too_long exit-11
         10:02 ? two free
         10:02 ? shell free exit-0
         10:03 one compacted
         10:04 ? one free reopened
         10:04 ? lost 0",
    ),
    (
        "another model opens what only the conversation had closed",
        "10:00 login max a
         10:00 one model sonnet
         10:01 one refused too-long
         10:02 one model opus
         10:03 ? one free reopened",
    ),
    (
        "a first refused login concerns its session, a second one everybody",
        "10:00 login max a
         10:01 one refused auth
         10:02 ? one blocked auth exit-11 you
         10:02 ? shell free
         10:03 two refused auth
         10:04 ? shell blocked auth exit-11
         10:05 three sends
         10:06 three served opus
         10:07 ? shell free
         10:07 ? one free",
    ),
    (
        "a key that stands before a plan is the wrong credential",
        "10:00 login max a
         10:00 one key ANTHROPIC_API_KEY
         10:01 one refused balance
         10:02 ? one blocked wrong_credential api_credit_balance exit-11 you
         10:02 ? shell free
         10:03 one without-key
         10:04 ? one free spared pays-plan",
    ),
    (
        "a response through another payer does not end a stop",
        "10:00 login max a
         10:00 one key ANTHROPIC_API_KEY
         10:01 one refused balance
         10:02 one without-key
         10:03 one sends
         10:04 one served opus
         10:05 one key ANTHROPIC_API_KEY
         10:06 ? one blocked api_credit_balance",
    ),
    (
        "nobody pays if nobody is logged in",
        "10:00 logout
         10:01 one refused auth
         10:02 one refused auth
         10:03 ? shell blocked auth pays-nobody exit-11
         10:04 login max a
         10:05 ? shell free",
    ),
    (
        "a budget holds back its session until it is raised",
        "10:00 login max a
         10:01 one budget 5 of 5
         10:02 ? one blocked own_budget you exit-11
         10:02 ? two free
         10:03 one budget 5 of 9
         10:04 ? one free",
    ),
    (
        "time is lost only while no request has a way through",
        "10:00 login max a
         10:01 one refused 5h
         10:11 two refused 5h
         10:30 ? lost 29
         10:31 two sends
         10:31 two served opus
         11:00 ? lost 30
         12:30 ? lost 30",
    ),
    (
        "a limit of one model leaves a way through",
        "10:00 login max a
         10:00 one model opus
         10:01 one refused opus claimed
         11:00 ? lost 0",
    ),
];

#[test]
fn stories_are_true() {
    let mut failed = Vec::new();
    for (name, story) in STORIES {
        if std::panic::catch_unwind(|| play(story)).is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
