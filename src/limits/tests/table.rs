//! Tests the table of resources.

use super::super::*;

fn request(session: &str, payer: Payer, model: &str) -> Request {
    Request {
        session: Some(session.to_owned()),
        payer,
        model: Some(model.to_owned()),
        project: Some("/p".to_owned()),
        purpose: Purpose::Conversation,
    }
}

#[test]
fn every_kind_is_described() {
    for kind in Kind::ALL {
        let description = kind.description();
        let words = [
            description.label,
            description.badge,
            description.subject,
            description.past,
        ];
        assert!(words.iter().all(|word| !word.is_empty()), "{kind:?}");
        // A badge must also have room for the longest date and "(unconfirmed)".
        assert!(description.badge.chars().count() <= 30, "{kind:?}");
        let is_liftable = description.lifter != Lifter::Nobody && kind != Kind::Unknown;
        assert_eq!(is_liftable, !description.lift.is_empty(), "{kind:?}");
        let is_window = description.family == Family::Window;
        assert_eq!(is_window, kind.is_window(), "{kind:?}");
    }
}

#[test]
fn a_refused_request_needs_what_it_closed() {
    let payers = [
        Payer::Account("a".to_owned()),
        Payer::Key("k".to_owned()),
        Payer::Cloud("bedrock".to_owned()),
        Payer::Unknown,
    ];
    for payer in payers {
        for kind in Kind::ALL {
            let model = kind.description().model.unwrap_or("opus");
            let refused = request("one", payer.clone(), model);
            let resource = Resource::of(kind, &refused);
            assert!(resource.is_needed_by(&refused), "{kind:?}");
            assert!(
                !resource
                    .scope
                    .payer
                    .includes(Some(&Payer::Token("t".to_owned())))
                    || resource.scope.payer == Part::Any
            );
        }
    }
}

#[test]
fn a_shell_needs_nothing_of_one_session_or_of_a_refused_model() {
    let account = Payer::Account("a".to_owned());
    let shell = Request {
        payer: account.clone(),
        ..Request::default()
    };
    for kind in Kind::ALL {
        let resource = Resource::of(kind, &request("one", account.clone(), "opus"));
        let shared_by = kind.description().shared_by;
        let is_of_session = shared_by.contains(&Coordinate::Session);
        let is_spared = is_of_session || kind.family() == Family::Model;
        assert_eq!(!is_spared, resource.is_needed_by(&shell), "{kind:?}");
    }
}

#[test]
fn an_unknown_part_includes_only_unknown_values() {
    let scope = Scope {
        model: Part::Unknown,
        ..Scope::default()
    };
    let unknown = Request::default();
    let opus = Request {
        model: Some("opus".to_owned()),
        ..Request::default()
    };
    assert!(scope.includes(&unknown) && !scope.includes(&opus));
}
