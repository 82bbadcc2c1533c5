//! Exported decisions: what proves them, and that nothing else does.

#![expect(clippy::unwrap_used, reason = "a forgery that cannot be made has failed its test")]

mod common;
mod story;

use common::{ORIGIN, form, owner};
use hourglass_ceremony::SoftKey;
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::canonical::Digest;
use hourglass_domain::checkpoint::Checkpoint;
use hourglass_domain::decision_file::DecisionContent;
use hourglass_domain::decision_file::DecisionFile;
use hourglass_domain::ids::UserId;
use hourglass_domain::signed::Nonce;
use hourglass_domain::webauthn::{AuthenticatorData, CredentialId, PasskeyError};
use hourglass_verifier::anchor::{self, Problem as Unanchored};
use hourglass_verifier::checkpoints::{CheckpointKey, ExportProblem};
use hourglass_verifier::decision::{self, Problem};
use proptest::prelude::*;
use story::{Signer, Story, decided_at, exported, file, minutes};

fn verify(content: DecisionContent) -> Result<decision::Proved, Problem> {
    decision::verify(&DecisionFile::new(content).unwrap().bytes().unwrap())
}

#[test]
fn an_exported_decision_verifies_and_fails_for_every_changed_byte() {
    for soft in [
        SoftKey::new(),
        SoftKey::new().device_bound(),
        SoftKey::new().self_attested(),
    ] {
        let bytes = file(&exported(soft));
        let proved = decision::verify(&bytes).unwrap();
        assert_eq!(proved.content().form, form());
        assert_eq!(proved.form_digest(), form().digest().unwrap());
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << (index % 8);
            assert!(decision::verify(&changed).is_err(), "byte {index}");
            changed[index] = if bytes[index] == b'0' { b'1' } else { b'0' };
            assert!(decision::verify(&changed).is_err(), "byte {index} as a digit");
            assert!(decision::verify(&bytes[..index]).is_err(), "cut at {index}");
        }
    }
}

/// Whoever changes a file can give it a new digest. What was signed, and what has to fit it, shows all the same.
#[test]
fn a_new_digest_does_not_make_up_for_changed_content() {
    type Forge = fn(&mut DecisionContent);
    let forgeries: [(&str, Forge); 16] = [
        ("less time", |c| story::decision(c).duration_seconds -= 1),
        ("another approver", |c| {
            story::decision(c).approver.object_id = "00000000-0000-0000-0000-000000000099".parse().unwrap();
        }),
        ("another account in the target", |c| {
            story::decision(c).targets[0].account.push('0')
        }),
        ("no targets", |c| story::decision(c).targets.clear()),
        ("on behalf", |c| {
            let approver = story::decision(c).approver;
            story::decision(c).acting_for = Some(approver);
        }),
        ("a no", |c| {
            story::decision(c).decision = hourglass_domain::decision::Verdict::Deny
        }),
        ("another policy", |c| {
            story::decision(c).policy_hash = Digest::of(b"other")
        }),
        ("another nonce", |c| c.nonce = Nonce::new([1; 32])),
        ("decided later", |c| c.decided_at = c.decided_at.plus_seconds(121)),
        ("decided earlier", |c| c.decided_at = c.decided_at.plus_seconds(-120)),
        ("another host", |c| c.rp_id = "contoso.example".to_owned()),
        ("another origin", |c| c.origin = "https://contoso.example".to_owned()),
        ("http", |c| c.origin = c.origin.replace("https", "http")),
        ("another id", |c| c.key.credential = CredentialId::new([1; 16]).unwrap()),
        ("another key", |c| {
            let other = exported(SoftKey::new()).key;
            c.key = other;
        }),
        ("another answer", |c| {
            let mut said = c.assertion.authenticator_data.as_bytes().to_vec();
            said[36] ^= 1;
            c.assertion.authenticator_data = AuthenticatorData::new(said).unwrap();
        }),
    ];
    for (what, forge) in forgeries {
        let mut content = exported(SoftKey::new());
        assert!(verify(content.clone()).is_ok());
        forge(&mut content);
        assert!(verify(content).is_err(), "{what}");
    }
    let mut one_key_for_two = exported(SoftKey::new());
    one_key_for_two.key.public_key = exported(SoftKey::new()).key.public_key;
    assert_eq!(verify(one_key_for_two).unwrap_err(), Problem::OtherKey);
}

#[test]
fn a_signature_without_a_verified_person_proves_nothing() {
    let mut soft = SoftKey::new();
    let content = story::exported_with(&mut soft, |said| {
        said.authenticator_data[hourglass_ceremony::FLAGS] &= !hourglass_ceremony::USER_VERIFIED;
    });
    assert_eq!(
        verify(content).unwrap_err(),
        Problem::Assertion(PasskeyError::UserNotVerified)
    );
}

#[test]
fn a_form_that_is_no_decision_is_refused() {
    let mut content = exported(SoftKey::new());
    content.form = story::recovery();
    assert_eq!(verify(content).unwrap_err(), Problem::NotADecision);
}

#[test]
fn a_registered_key_anchors_a_decision() {
    for signer in [Signer::ed25519(), Signer::p256()] {
        let proved = verify(exported(SoftKey::new())).unwrap();
        let export = Story::of(&proved).export(&signer);
        let anchored = anchor::verify(&proved, &export, &signer.public()).unwrap();
        assert_eq!(anchored.usable_since, minutes(-60));
        assert_eq!(anchored.checkpoint, 3);
        assert!(anchored.checkpoint_at >= decided_at());
    }
}

#[test]
fn a_perfectly_formed_decision_under_an_unregistered_key_is_not_anchored() {
    let registered = verify(exported(SoftKey::new())).unwrap();
    let strange = verify(exported(SoftKey::new())).unwrap();
    let signer = Signer::ed25519();
    // The forger even has the decision recorded, but not the key.
    let mut story = Story::of(&registered);
    story.decision = Story::of(&strange).decision;
    let problem = anchor::verify(&strange, &story.export(&signer), &signer.public()).unwrap_err();
    assert_eq!(problem, Unanchored::NotRegistered(owner().user.to_string()));
}

/// What the person's stream may say instead, and what follows.
#[test]
fn a_key_counts_from_its_confirmation_to_its_removal() {
    let proved = verify(exported(SoftKey::new())).unwrap();
    let signer = Signer::p256();
    let judge = |change: &dyn Fn(&mut Story)| {
        let mut story = Story::of(&proved);
        change(&mut story);
        anchor::verify(&proved, &story.export(&signer), &signer.public()).map(|anchored| anchored.usable_since)
    };
    let not_registered = Err(Unanchored::NotRegistered(owner().user.to_string()));
    let key_event = |action: &'static str, at: i64| story::key_event(&proved, action, minutes(at));

    assert_eq!(judge(&|_| ()), Ok(minutes(-60)));
    assert_eq!(judge(&|story| story.person.clear()), not_registered);
    assert_eq!(judge(&|story| drop(story.person.pop())), Err(Unanchored::NotConfirmed));
    assert_eq!(
        judge(&|story| drop(story.person.remove(0))),
        not_registered,
        "confirmed and never registered"
    );
    assert_eq!(
        judge(&|story| story.person = vec![key_event("passkey.registered", 1), key_event("passkey.confirmed", 2)]),
        not_registered,
        "registered after the decision"
    );
    assert_eq!(
        judge(&|story| story.person.push(key_event("passkey.removed", -10))),
        Err(Unanchored::Removed(minutes(-10)))
    );
    assert_eq!(
        judge(&|story| story.person.push(story::event("passkey.recovered", minutes(-10)))),
        Err(Unanchored::Removed(minutes(-10)))
    );
    assert_eq!(
        judge(&|story| story.person.push(key_event("passkey.removed", 10))),
        Ok(minutes(-60)),
        "removed after the decision"
    );
    assert_eq!(
        judge(&|story| {
            story.person.push(key_event("passkey.removed", -30));
            story.person.push(key_event("passkey.registered", -20));
            story.person.push(key_event("passkey.confirmed", -10));
        }),
        Ok(minutes(-10)),
        "registered again"
    );
    assert_eq!(
        judge(&|story| {
            let other = key_event("passkey.removed", -10);
            story.person.push(Draft {
                facts: [("credential".to_owned(), "AQID".to_owned())].into(),
                ..other
            });
        }),
        Ok(minutes(-60)),
        "another key was removed"
    );
    // The same id with another public key is another key.
    let with_other_key =
        |action: &'static str, at: i64| key_event(action, at).fact("public_key_sha256", Digest::of(b"x"));
    assert_eq!(
        judge(&|story| story.person = vec![
            with_other_key("passkey.registered", -90),
            key_event("passkey.confirmed", -60)
        ]),
        not_registered
    );
    assert_eq!(
        judge(&|story| story.person[1] = with_other_key("passkey.confirmed", -60)),
        Err(Unanchored::NotConfirmed)
    );
    assert_eq!(
        judge(&|story| story.person.push(with_other_key("passkey.registered", -10))),
        not_registered
    );
}

#[test]
fn a_decision_that_the_system_did_not_record_is_not_anchored() {
    let proved = verify(exported(SoftKey::new())).unwrap();
    let signer = Signer::ed25519();
    let stranger: UserId = "01938f5c-7e00-7000-8000-000000000077".parse().unwrap();
    type Forge<'a> = &'a dyn Fn(Draft) -> Draft;
    let forgeries: [(&str, Forge<'_>); 5] = [
        ("by somebody else", &|draft| Draft {
            actor: Actor::User { id: stranger },
            ..draft
        }),
        ("by the system", &|draft| Draft {
            actor: Actor::system("approvals"),
            ..draft
        }),
        ("at another time", &|draft| Draft {
            at: draft.at.plus_seconds(1),
            ..draft
        }),
        ("over another form", &|draft| {
            draft.fact("form_sha256", Digest::of(b"x"))
        }),
        ("with another key", &|draft| draft.fact("credential", "AQID")),
    ];
    for (what, forge) in forgeries {
        let mut story = Story::of(&proved);
        story.decision = forge(story.decision);
        let problem = anchor::verify(&proved, &story.export(&signer), &signer.public()).unwrap_err();
        assert_eq!(problem, Unanchored::NotRecorded, "{what}");
    }
}

#[test]
fn the_key_of_another_person_is_not_theirs() {
    let mut content = exported(SoftKey::new());
    let proved = verify(content.clone()).unwrap();
    let signer = Signer::ed25519();
    let export = Story::of(&proved).export(&signer);
    content.key.user = "01938f5c-7e00-7000-8000-000000000077".parse().unwrap();
    let forged = verify(content).unwrap();
    let stream = StreamId::user(&"contoso.example".parse().unwrap(), forged.content().key.user);
    assert_eq!(
        anchor::verify(&forged, &export, &signer.public()).unwrap_err(),
        Unanchored::Export(ExportProblem::Unknown(stream.as_str().to_owned()))
    );
}

#[test]
fn an_export_that_was_tampered_with_anchors_nothing() {
    let proved = verify(exported(SoftKey::new())).unwrap();
    let signer = Signer::p256();
    let export = Story::of(&proved).export(&signer);
    let judge = |export: &anchor::Export, key: &CheckpointKey| anchor::verify(&proved, export, key);
    assert!(judge(&export, &signer.public()).is_ok());
    assert_eq!(
        judge(&export, &Signer::p256().public()).unwrap_err(),
        Unanchored::Export(ExportProblem::BadSignature(1)),
        "the key is from outside, and this is another"
    );
    assert!(judge(&export, &Signer::ed25519().public()).is_err());

    // Every line that concerns this decision, changed, removed or doubled; other people's are not looked at.
    let person = format!("\"stream\":\"user:contoso.example:{}", owner().user);
    let mine = |line: &str| line.contains(&person) || line.contains("\"stream\":\"request:");
    for (name, bytes) in &export.events {
        let lines: Vec<&str> = std::str::from_utf8(bytes).unwrap().lines().collect();
        let with = |lines: Vec<String>| {
            let mut changed = export.clone();
            let mut text = lines.join("\n");
            text.push('\n');
            changed.events.insert(name.clone(), text.into_bytes());
            judge(&changed, &signer.public())
        };
        let owned: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let mut turned = owned.clone();
        turned.reverse();
        assert!(with(turned).is_ok(), "the order of lines does not matter");
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| mine(line)) {
            let mut removed = owned.clone();
            removed.remove(index);
            assert!(with(removed).is_err(), "{name}, line {index} removed");
            let mut twice = owned.clone();
            twice.push((*line).to_owned());
            assert!(with(twice).is_err(), "{name}, line {index} twice");
            for at in (0..line.len()).step_by(3) {
                let mut changed = line.as_bytes().to_vec();
                changed[at] ^= 1;
                let Ok(changed) = String::from_utf8(changed) else {
                    continue;
                };
                let mut lines = owned.clone();
                lines[index] = changed;
                assert!(with(lines).is_err(), "{name}, line {index}, byte {at}");
            }
        }
    }
    for (name, bytes) in &export.checkpoints {
        let mut removed = export.clone();
        removed.checkpoints.remove(name);
        assert!(judge(&removed, &signer.public()).is_err(), "without {name}");
        let mut twice = export.clone();
        twice.checkpoints.insert("twice.json".to_owned(), bytes.clone());
        assert!(judge(&twice, &signer.public()).is_err(), "{name} twice");
        for at in 0..bytes.len() {
            let mut changed = export.clone();
            changed.checkpoints.get_mut(name).unwrap()[at] ^= 1;
            assert!(judge(&changed, &signer.public()).is_err(), "{name}, byte {at}");
        }
    }
    let nothing = anchor::Export::default();
    assert_eq!(
        judge(&nothing, &signer.public()).unwrap_err(),
        Unanchored::Export(ExportProblem::NoCheckpoint)
    );
}

#[test]
fn a_checkpoint_has_to_be_as_late_as_the_decision() {
    let proved = verify(exported(SoftKey::new())).unwrap();
    let signer = Signer::ed25519();
    let mut export = Story::of(&proved).export(&signer);
    // The last of the three is the first that covers the decision.
    let last = export.checkpoints.keys().next_back().unwrap().clone();
    export.checkpoints.remove(&last);
    assert_eq!(
        anchor::verify(&proved, &export, &signer.public()).unwrap_err(),
        Unanchored::TooEarly(decided_at())
    );
}

/// Whoever signs checkpoints can make mistakes as well: what does not fit together is refused whoever signed it.
#[test]
fn signed_checkpoints_have_to_fit_together() {
    let proved = verify(exported(SoftKey::new())).unwrap();
    let signer = Signer::ed25519();
    let export = Story::of(&proved).export(&signer);
    type Change = fn(&mut Checkpoint);
    let judge = |change: Change| {
        let changed = story::resigned(&export, &signer, change);
        anchor::verify(&proved, &changed, &signer.public()).map(drop)
    };
    let request = |body: &mut Checkpoint| {
        let found = body
            .streams
            .iter()
            .position(|head| head.stream.as_str().starts_with("request:"));
        body.streams.swap_remove(found.unwrap())
    };
    assert_eq!(
        request(&mut body(&export, "3.json")).seq,
        2,
        "the decision is the request's second event"
    );
    assert_eq!(judge(|_| ()), Ok(()));
    let broken = Err(Unanchored::Export(ExportProblem::Broken(3)));
    assert_eq!(judge(|body| body.previous = Checkpoint::start()), broken);
    assert_eq!(judge(|body| body.at = minutes(-2)), broken, "before the one before it");
    assert_eq!(judge(|body| body.number = 4), broken);
    let other_head = |seq| {
        Err(Unanchored::Export(ExportProblem::OtherHead {
            stream: StreamId::request(proved.subject().unwrap().1).as_str().to_owned(),
            number: 3,
            seq,
        }))
    };
    assert_eq!(judge(|body| body.streams[0].hash = Digest::of(b"x")), other_head(2));
    assert_eq!(
        judge(|body| body.streams[0].seq = 1),
        other_head(1),
        "no further than the one before it"
    );
    assert_eq!(judge(|body| body.streams[0].seq = 0), other_head(0));
    assert!(
        judge(|body| body.streams[0].seq = 3).is_err(),
        "further than the stream"
    );
    let before = request(&mut body(&export, "2.json"));
    let back = story::resigned(&export, &signer, |body| body.streams = vec![before]);
    let back = anchor::verify(&proved, &back, &signer.public()).map(drop);
    assert_eq!(back, other_head(1), "where the one before it was");
    assert_eq!(
        judge(|body| body.streams.clear()),
        Err(Unanchored::NotRecorded),
        "an event that no checkpoint covers proves nothing"
    );
}

fn body(export: &anchor::Export, name: &str) -> Checkpoint {
    let bytes = export.checkpoints.get(name).unwrap();
    hourglass_domain::checkpoint::SignedCheckpoint::from_bytes(bytes)
        .unwrap()
        .body
}

#[test]
fn the_keys_host_is_the_host_of_the_page() {
    assert!(verify(story::for_host("access.contoso.example")).is_ok());
    for other in ["contoso.example", "access.contoso.example.evil.example", ""] {
        assert_eq!(
            verify(story::for_host(other)).unwrap_err(),
            Problem::WrongHost,
            "{other}"
        );
    }
}

#[test]
fn a_stream_that_was_written_anew_is_not_the_one_that_checkpoints_name() {
    let proved = verify(exported(SoftKey::new())).unwrap();
    let signer = Signer::ed25519();
    let mut honest = Story::of(&proved);
    honest
        .person
        .push(story::key_event(&proved, "passkey.removed", minutes(-10)));
    let mut forged = honest.export(&signer);
    // The same without the removal, its chain sound in itself.
    forged.events = Story::of(&proved).export(&signer).events;
    let problem = anchor::verify(&proved, &forged, &signer.public()).unwrap_err();
    assert!(
        matches!(problem, Unanchored::Export(ExportProblem::Stream { .. })),
        "{problem}"
    );
}

#[test]
fn keys_of_checkpoints_are_read_from_pem_and_nothing_else_is() {
    for signer in [Signer::ed25519(), Signer::p256()] {
        let pem = signer.pem();
        assert_eq!(CheckpointKey::from_pem(&pem), Ok(signer.public()));
        assert_eq!(CheckpointKey::from_pem(&pem.replace('\n', "\r\n")), Ok(signer.public()));
        for bad in [
            pem.replace("PUBLIC", "PRIVATE"),
            pem.replace("-----BEGIN PUBLIC KEY-----", ""),
            pem.lines().rev().collect::<Vec<_>>().join("\n"),
            format!("{pem}{pem}"),
            pem.replacen("MF", "MA", 1).replacen("MC", "MA", 1),
            String::new(),
            "x".repeat(5000),
        ] {
            assert!(CheckpointKey::from_pem(&bad).is_err(), "{bad}");
        }
    }
}

/// The example in docs, made by another program run long ago: the format does not change under anybody's feet.
#[test]
fn the_example_verifies_for_ever() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("example");
    if std::env::var_os("HOURGLASS_WRITE_EXAMPLE").is_some() {
        story::write_example(&folder);
    }
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    let proved = decision::verify(&read("decision.json")).unwrap();
    assert_eq!(proved.content().origin, ORIGIN);
    let key = CheckpointKey::from_pem(&String::from_utf8(read("key.pem")).unwrap()).unwrap();
    let export = story::read_export(&folder);
    assert!(anchor::verify(&proved, &export, &key).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decision::verify(&bytes);
        let _ = CheckpointKey::from_pem(&String::from_utf8_lossy(&bytes));
    }
}
