//! Every valid and every mutated ceremony, judged by production and by the offline verifier, who have to agree (abuse
//! cases 12 and 13).

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a lie that cannot be told has failed its test"
)]

mod common;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use common::{Both, ORIGIN, begin, form, judge, judge_new, owner, passkeys, register};
use hourglass_app::ports::passkeys::{AttestationKind, KeyMaterial, LONGEST_RESPONSE, PasskeyError, Passkeys as _};
use hourglass_ceremony::{
    BACKUP, FLAGS, Said, SoftKey, USER_PRESENT, USER_VERIFIED, attestation_object, challenge_of, client_data,
};
use hourglass_domain::canonical::Digest;
use hourglass_domain::webauthn::{Algorithm, CredentialId, PublicKey, base64url, from_base64url};
use proptest::prelude::*;
use serde_json::{Value, json};

type Change = fn(&mut Said);

/// Both say the same, and with the same word.
#[track_caller]
fn agree<A: std::fmt::Debug, B: std::fmt::Debug>((production, offline): &Both<A, B>, what: &str) {
    assert_eq!(
        production.as_ref().map(drop),
        offline.as_ref().map(drop),
        "{what}: {production:?} / {offline:?}"
    );
}

#[track_caller]
fn both_refuse<A: std::fmt::Debug, B: std::fmt::Debug>(judged: &Both<A, B>, why: PasskeyError, what: &str) {
    agree(judged, what);
    assert_eq!(judged.0.as_ref().err(), Some(&why), "{what}");
}

#[test]
fn a_key_is_registered_and_signs() {
    let keys = [
        (SoftKey::new(), AttestationKind::None, true),
        (SoftKey::new().device_bound(), AttestationKind::None, false),
        (SoftKey::new().self_attested(), AttestationKind::Itself, true),
        (
            SoftKey::new().self_attested().device_bound(),
            AttestationKind::Itself,
            false,
        ),
    ];
    for (mut soft, attestation, synchronised) in keys {
        let (options, state) = passkeys().begin_registration(&owner(), &[]).unwrap();
        let answer = soft.register(&options, ORIGIN);
        let judged = judge_new(&state, &challenge_of(&options), &answer);
        let (made, second) = (judged.0.unwrap(), judged.1.unwrap());
        assert_eq!(made.attestation.kind, attestation);
        assert_eq!((made.backup_eligible, made.backed_up), (synchronised, synchronised));
        assert_eq!(
            (&made.credential, &made.public_key, made.algorithm, made.backup_eligible),
            (
                &second.credential,
                &second.public_key,
                second.algorithm,
                second.backup_eligible
            )
        );
        assert!(second.judged);

        let key = made.material(owner().user);
        let begun = begin(std::slice::from_ref(&key));
        let answer = soft.assert(&begun.options, ORIGIN);
        let judged = judge(&begun, &answer, &[key]);
        agree(&judged, "valid");
        let (signed, second) = (judged.0.unwrap(), judged.1.unwrap());
        assert_eq!(signed.credential, made.credential);
        assert_eq!((signed.counter, signed.backed_up), (second.counter, second.backed_up));
        assert_eq!((signed.counter > 0, signed.backed_up), (!synchronised, synchronised));
    }
}

#[test]
fn what_the_page_hands_to_the_browser_demands_what_is_checked() {
    let known = CredentialId::new([9; 16]).unwrap();
    let (options, _) = passkeys().begin_registration(&owner(), &[known]).unwrap();
    let asked = &options["publicKey"];
    assert_eq!(asked["rp"]["id"], "access.contoso.example");
    assert_eq!(asked["user"]["id"], base64url(owner().user.uuid().as_bytes()));
    assert_eq!(asked["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(asked["excludeCredentials"][0]["id"], base64url(&[9; 16]));
    let algorithms: Vec<i64> = asked["pubKeyCredParams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|param| param["alg"].as_i64().unwrap())
        .collect();
    assert_eq!(algorithms, [Algorithm::Es256.cose(), Algorithm::Rs256.cose()]);

    let mut soft = SoftKey::new();
    let key = register(&mut soft).material(owner().user);
    let begun = begin(std::slice::from_ref(&key));
    let asked = &begun.options["publicKey"];
    assert_eq!(asked["rpId"], "access.contoso.example");
    assert_eq!(asked["userVerification"], "required");
    assert_eq!(asked["allowCredentials"][0]["id"], key.credential.to_string());
    let bound = form().challenge(&begun.nonce).unwrap();
    assert_eq!(challenge_of(&begun.options), bound.as_bytes());
    let again = begin(&[key]);
    assert_ne!(begun.nonce, again.nonce);
    assert_ne!(challenge_of(&begun.options), challenge_of(&again.options));
}

/// Changes that browser or authenticator can make before anything is signed.
const LIES: [(&str, PasskeyError, Change); 16] = [
    ("UV=0", PasskeyError::UserNotVerified, |said| {
        said.authenticator_data[FLAGS] &= !USER_VERIFIED;
    }),
    ("UP=0", PasskeyError::UserNotPresent, |said| {
        said.authenticator_data[FLAGS] &= !USER_PRESENT;
    }),
    ("sub-domain", PasskeyError::WrongOrigin, |said| {
        said.client_field("origin", "https://evil.access.contoso.example");
    }),
    ("parent domain", PasskeyError::WrongOrigin, |said| {
        said.client_field("origin", "https://contoso.example");
    }),
    ("port", PasskeyError::WrongOrigin, |said| {
        said.client_field("origin", "https://access.contoso.example:8443");
    }),
    ("http", PasskeyError::WrongOrigin, |said| {
        said.client_field("origin", "http://access.contoso.example");
    }),
    ("another spelling", PasskeyError::WrongOrigin, |said| {
        said.client_field("origin", "https://ACCESS.contoso.example:443/");
    }),
    ("a longer name", PasskeyError::WrongOrigin, |said| {
        said.client_field("origin", "https://access.contoso.example.evil.example");
    }),
    ("crossOrigin", PasskeyError::CrossOrigin, |said| {
        said.client_field("crossOrigin", true);
    }),
    ("topOrigin", PasskeyError::CrossOrigin, |said| {
        said.client_field("topOrigin", "https://evil.example");
    }),
    ("challenge", PasskeyError::WrongChallenge, |said| {
        said.client_field("challenge", base64url(&[0; 32]));
    }),
    ("empty challenge", PasskeyError::WrongChallenge, |said| {
        said.client_field("challenge", "");
    }),
    ("type", PasskeyError::WrongType, |said| {
        said.client_field("type", "payment.get");
    }),
    ("rpId", PasskeyError::WrongRp, |said| {
        let other = Digest::of(b"contoso.example");
        said.authenticator_data[..32].copy_from_slice(other.as_bytes());
    }),
    ("BS without BE", PasskeyError::BackupChanged, |said| {
        said.authenticator_data[FLAGS] = said.authenticator_data[FLAGS] & !BACKUP | 1 << 4;
    }),
    ("reserved flag", PasskeyError::Malformed, |said| {
        said.authenticator_data[FLAGS] |= 1 << 1;
    }),
];

#[test]
fn an_assertion_with_a_lie_is_refused_by_both_though_the_real_key_signed_it() {
    let mut soft = SoftKey::new();
    let key = register(&mut soft).material(owner().user);
    let keys = std::slice::from_ref(&key);
    let more: [(&str, PasskeyError, Change); 12] = [
        ("an answer to a registration", PasskeyError::WrongType, |said| {
            said.client_field("type", "webauthn.create");
        }),
        ("no longer synchronised", PasskeyError::BackupChanged, |said| {
            said.authenticator_data[FLAGS] &= !BACKUP;
        }),
        ("bytes left over", PasskeyError::Malformed, |said| {
            said.authenticator_data.push(0)
        }),
        ("extensions that are not there", PasskeyError::Malformed, |said| {
            said.authenticator_data[FLAGS] |= 1 << 7;
        }),
        ("a key that is not there", PasskeyError::Malformed, |said| {
            said.authenticator_data[FLAGS] |= 1 << 6;
        }),
        (
            "a key that belongs into a registration",
            PasskeyError::Malformed,
            |said| {
                said.authenticator_data[FLAGS] |= 1 << 6;
                said.authenticator_data.extend([0; 16]);
                said.authenticator_data
                    .extend(b"\x00\x01\x09\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20");
                said.authenticator_data.extend([1; 32]);
                said.authenticator_data.extend(b"\x22\x58\x20");
                said.authenticator_data.extend([2; 32]);
            },
        ),
        ("truncated CBOR", PasskeyError::Malformed, |said| {
            said.authenticator_data[FLAGS] |= 1 << 7;
            said.authenticator_data.extend(b"\xa1\x63abc");
        }),
        ("a huge length", PasskeyError::Malformed, |said| {
            said.authenticator_data[FLAGS] |= 1 << 7;
            said.authenticator_data.extend(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff");
        }),
        ("cut", PasskeyError::Malformed, |said| {
            said.authenticator_data.truncate(36)
        }),
        ("no JSON", PasskeyError::Malformed, |said| said.client_data.truncate(20)),
        ("a field twice", PasskeyError::Malformed, |said| {
            let text = String::from_utf8(said.client_data.clone()).unwrap();
            said.client_data = text.replacen('{', r#"{"crossOrigin":true,"#, 1).into_bytes();
        }),
        ("somebody else's handle", PasskeyError::WrongUser, |said| {
            said.user_handle = Some(vec![1; 16]);
        }),
    ];
    for (what, why, change) in LIES.into_iter().chain(more) {
        let begun = begin(keys);
        let answer = soft.assert_with(&begun.options, ORIGIN, change);
        both_refuse(&judge(&begun, &answer, keys), why, what);
    }
}

#[test]
fn what_authenticators_and_browsers_may_add_is_let_pass_by_both() {
    let mut soft = SoftKey::new();
    let key = register(&mut soft).material(owner().user);
    let keys = std::slice::from_ref(&key);
    let fine: [(&str, Change); 5] = [
        ("a field of the browser's own", |said| {
            said.client_field(
                "other_keys_can_be_added_here",
                "do not compare clientDataJSON against a template",
            );
        }),
        ("no word about frames", |said| {
            let text = String::from_utf8(said.client_data.clone()).unwrap();
            said.client_data = text.replace(r#","crossOrigin":false"#, "").into_bytes();
        }),
        ("no handle", |said| said.user_handle = None),
        ("an extension's output", |said| {
            said.authenticator_data[FLAGS] |= 1 << 7;
            said.authenticator_data.extend(b"\xa1\x63uvm\xf5");
        }),
        ("backed up no more", |said| said.authenticator_data[FLAGS] &= !(1 << 4)),
    ];
    for (what, change) in fine {
        let begun = begin(keys);
        let answer = soft.assert_with(&begun.options, ORIGIN, change);
        let judged = judge(&begun, &answer, keys);
        agree(&judged, what);
        assert!(judged.0.is_ok(), "{what}: {:?}", judged.0);
    }
}

#[test]
fn an_assertion_for_one_ceremony_is_none_for_another() {
    let (mut soft, mut strange) = (SoftKey::new(), SoftKey::new());
    let key = register(&mut soft).material(owner().user);
    let foreign = register(&mut strange).material(owner().user);
    let (one, other) = (begin(std::slice::from_ref(&key)), begin(std::slice::from_ref(&key)));
    let answer = soft.assert(&one.options, ORIGIN);
    let keys = std::slice::from_ref(&key);
    both_refuse(
        &judge(&other, &answer, keys),
        PasskeyError::WrongChallenge,
        "another nonce",
    );
    assert!(judge(&one, &answer, keys).0.is_ok());
    both_refuse(
        &judge(&one, &answer, &[]),
        PasskeyError::UnknownCredential,
        "removed meanwhile",
    );

    // A key of somebody else, and a known id with a signature by another key.
    let begun = begin(std::slice::from_ref(&foreign));
    let answer = strange.assert(&begun.options, ORIGIN);
    both_refuse(
        &judge(&begun, &answer, keys),
        PasskeyError::UnknownCredential,
        "foreign key",
    );
    let mut renamed = answer;
    renamed["id"] = key.credential.to_string().into();
    renamed["rawId"] = renamed["id"].clone();
    both_refuse(
        &judge(&begun, &renamed, keys),
        PasskeyError::BadSignature,
        "under another id",
    );
}

#[test]
fn the_same_key_under_another_user_is_refused() {
    let mut soft = SoftKey::new();
    let key = register(&mut soft).material(owner().user);
    let begun = begin(std::slice::from_ref(&key));
    let answer = soft.assert(&begun.options, ORIGIN);
    let stolen = KeyMaterial {
        user: "01938f5c-7e00-7000-8000-000000000099".parse().unwrap(),
        ..key
    };
    both_refuse(
        &judge(&begun, &answer, &[stolen]),
        PasskeyError::WrongUser,
        "another owner",
    );
}

#[test]
fn only_a_device_bound_key_is_held_to_its_counter() {
    let mut soft = SoftKey::new().device_bound();
    let key = register(&mut soft).material(owner().user);
    let at = |counter: u32| KeyMaterial { counter, ..key.clone() };
    let count = |soft: &mut SoftKey, keys: &[KeyMaterial], said: u32| {
        let begun = begin(keys);
        let answer = soft.assert_with(&begun.options, ORIGIN, |parts| {
            parts.authenticator_data[33..37].copy_from_slice(&said.to_be_bytes());
        });
        judge(&begun, &answer, keys)
    };
    for (stored, said, fine) in [
        (0, 0, true),
        (0, 7, true),
        (7, 8, true),
        (7, 7, false),
        (7, 6, false),
        (7, 0, false),
        (u32::MAX, 0, false),
    ] {
        let judged = count(&mut soft, &[at(stored)], said);
        let what = format!("{stored} then {said}");
        if fine {
            agree(&judged, &what);
            assert!(judged.0.is_ok(), "{what}");
        } else {
            both_refuse(&judged, PasskeyError::CounterWentBack, &what);
        }
    }
    let mut synchronised = SoftKey::new();
    let mut shared = register(&mut synchronised).material(owner().user);
    shared.counter = 9;
    for said in [0, 3, 9, 10] {
        let judged = count(&mut synchronised, std::slice::from_ref(&shared), said);
        agree(&judged, "synchronised");
        assert!(judged.0.is_ok(), "{said}");
    }
}

#[test]
fn the_envelope_of_an_answer_has_to_make_sense() {
    let mut soft = SoftKey::new();
    let key = register(&mut soft).material(owner().user);
    let keys = std::slice::from_ref(&key);
    let begun = begin(keys);
    let answer = soft.assert(&begun.options, ORIGIN);
    let changes: [(&str, &str, Value); 9] = [
        ("type", "/type", json!("password")),
        ("two ids", "/rawId", json!("AQID")),
        ("padding", "/id", json!("AQ==")),
        ("no signature", "/response/signature", Value::Null),
        ("empty signature", "/response/signature", json!("")),
        ("a huge signature", "/response/signature", json!("A".repeat(4000))),
        ("a number", "/response/clientDataJSON", json!(1)),
        (
            "standard base64",
            "/response/authenticatorData",
            json!("+/+/".repeat(20)),
        ),
        ("trailing bits", "/response/userHandle", json!("AR")),
    ];
    for (what, path, value) in changes {
        let mut changed = answer.clone();
        *changed.pointer_mut(path).unwrap() = value;
        both_refuse(&judge(&begun, &changed, keys), PasskeyError::Malformed, what);
    }
    let long = format!("{answer}{}", " ".repeat(LONGEST_RESPONSE));
    assert_eq!(
        passkeys().finish_assertion(&begun.state, &long, keys),
        Err(PasskeyError::TooLarge)
    );
    assert_eq!(
        passkeys().finish_assertion("{}", &answer.to_string(), keys),
        Err(PasskeyError::BadState)
    );
    let (_, registration) = passkeys().begin_registration(&owner(), &[]).unwrap();
    assert_eq!(
        passkeys().finish_assertion(&registration, &answer.to_string(), keys),
        Err(PasskeyError::BadState)
    );
}

#[test]
fn a_flipped_bit_in_any_byte_is_refused_by_both() {
    let mut soft = SoftKey::new();
    let key = register(&mut soft).material(owner().user);
    let keys = std::slice::from_ref(&key);
    let begun = begin(keys);
    let answer = soft.assert(&begun.options, ORIGIN);
    for path in [
        "/response/authenticatorData",
        "/response/clientDataJSON",
        "/response/signature",
    ] {
        let bytes = from_base64url(answer.pointer(path).unwrap().as_str().unwrap()).unwrap();
        for index in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1 << (index % 8);
            let mut changed = answer.clone();
            *changed.pointer_mut(path).unwrap() = base64url(&flipped).into();
            let judged = judge(&begun, &changed, keys);
            assert!(
                judged.0.is_err() && judged.1.is_err(),
                "{path}, byte {index}: {judged:?}"
            );
        }
    }
    // The same in the key: another point, or none.
    let cose = key.public_key.as_bytes();
    for index in 0..cose.len() {
        let mut flipped = cose.to_vec();
        flipped[index] ^= 1 << (index % 8);
        let changed = KeyMaterial {
            public_key: PublicKey::new(flipped).unwrap(),
            ..key.clone()
        };
        let judged = judge(&begun, &answer, &[changed]);
        assert!(judged.0.is_err() && judged.1.is_err(), "key, byte {index}: {judged:?}");
    }
}

#[test]
fn a_registration_with_a_lie_is_refused_by_both() {
    let more: [(&str, PasskeyError, Change); 9] = [
        ("an answer to an assertion", PasskeyError::WrongType, |said| {
            said.client_field("type", "webauthn.get");
        }),
        ("bytes left over", PasskeyError::Malformed, |said| {
            said.authenticator_data.push(0)
        }),
        ("no key", PasskeyError::Malformed, |said| {
            said.authenticator_data[FLAGS] &= !(1 << 6);
            said.authenticator_data.truncate(37);
        }),
        ("a huge id", PasskeyError::Malformed, |said| {
            said.authenticator_data[53..55].copy_from_slice(&[255, 255]);
        }),
        ("no id", PasskeyError::Malformed, |said| {
            said.authenticator_data[53..55].copy_from_slice(&[0, 0]);
        }),
        ("another id", PasskeyError::Malformed, |said| {
            said.authenticator_data[56] ^= 1
        }),
        ("truncated CBOR", PasskeyError::Malformed, |said| {
            let length = said.authenticator_data.len();
            said.authenticator_data.truncate(length - 1);
        }),
        ("unknown algorithm", PasskeyError::UnknownAlgorithm, |said| {
            // After 37 + 16 + 2 bytes and an id of 16: a5 01 02 03 26.
            said.authenticator_data[75] = 0x2f;
        }),
        ("no point of the curve", PasskeyError::UnknownAlgorithm, |said| {
            let last = said.authenticator_data.len() - 1;
            said.authenticator_data[last] ^= 1;
        }),
    ];
    for soft in [SoftKey::new, || SoftKey::new().self_attested()] {
        for (what, why, change) in LIES.into_iter().chain(more) {
            let (options, state) = passkeys().begin_registration(&owner(), &[]).unwrap();
            let answer = soft().register_with(&options, ORIGIN, change);
            let judged = judge_new(&state, &challenge_of(&options), &answer);
            both_refuse(&judged, why, what);
        }
    }
}

#[test]
fn attestations_are_judged_by_both_alike() {
    let (options, state) = passkeys().begin_registration(&owner(), &[]).unwrap();
    let challenge = challenge_of(&options);
    let answer = SoftKey::new().self_attested().register(&options, ORIGIN);
    let object = from_base64url(answer["response"]["attestationObject"].as_str().unwrap()).unwrap();
    let said = from_base64url(answer["response"]["authenticatorData"].as_str().unwrap()).unwrap();
    let with = |object: &[u8]| {
        let mut changed = answer.clone();
        changed["response"]["attestationObject"] = base64url(object).into();
        judge_new(&state, &challenge, &changed)
    };
    assert!(with(&object).0.is_ok());
    // Nothing attests, nothing is claimed: fine. A format that is unknown, or a statement that is none: not.
    agree(&with(&attestation_object("none", b"\xa0", &said)), "none");
    assert!(with(&attestation_object("none", b"\xa0", &said)).0.is_ok());
    both_refuse(
        &with(&attestation_object("other", b"\xa0", &said)),
        PasskeyError::BadAttestation,
        "unknown format",
    );
    both_refuse(&with(&object[..object.len() - 1]), PasskeyError::Malformed, "cut");
    both_refuse(
        &with(&[&object[..], &[0]].concat()),
        PasskeyError::Malformed,
        "left over",
    );
    both_refuse(
        &with(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff"),
        PasskeyError::Malformed,
        "huge map",
    );
    both_refuse(
        &with(b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        PasskeyError::Malformed,
        "huge bytes",
    );
    let mut refused = 0;
    for index in 0..object.len() {
        let mut flipped = object.clone();
        flipped[index] ^= 1 << (index % 8);
        let judged = with(&flipped);
        assert!(judged.0.is_err() && judged.1.is_err(), "byte {index}: {judged:?}");
        refused += 1;
    }
    assert!(refused > 200);
    // Without a signature over it, the model of authenticator and the counter can be anything, and nobody minds.
    let plain = attestation_object("none", b"\xa0", &said);
    for index in 0..plain.len() {
        let mut flipped = plain.clone();
        flipped[index] ^= 1 << (index % 8);
        let judged = with(&flipped);
        assert_eq!(judged.0.is_ok(), judged.1.is_ok(), "byte {index}: {judged:?}");
    }
}

#[test]
fn a_key_is_not_registered_twice() {
    let mut soft = SoftKey::new();
    let (options, state) = passkeys().begin_registration(&owner(), &[]).unwrap();
    let answer = soft.register(&options, ORIGIN);
    let made = passkeys().finish_registration(&state, &answer.to_string()).unwrap();
    let mut excluding: Value = serde_json::from_str(&state).unwrap();
    excluding["known"] = json!([made.credential]);
    assert_eq!(
        passkeys().finish_registration(&excluding.to_string(), &answer.to_string()),
        Err(PasskeyError::AlreadyRegistered)
    );
    assert_eq!(
        passkeys().finish_registration(&begin(&[made.material(owner().user)]).state, &answer.to_string()),
        Err(PasskeyError::BadState)
    );
}

/// A key that the soft authenticator cannot make.
fn material(id: u8, cose: Vec<u8>) -> KeyMaterial {
    KeyMaterial {
        user: owner().user,
        credential: CredentialId::new([id; 16]).unwrap(),
        public_key: PublicKey::new(cose).unwrap(),
        backup_eligible: false,
        backed_up: false,
        counter: 0,
        transports: Vec::new(),
    }
}

fn said_for(key: &KeyMaterial, challenge: &[u8]) -> Said {
    let host = Digest::of(b"access.contoso.example");
    Said {
        client_data: client_data("webauthn.get", challenge, ORIGIN),
        authenticator_data: [host.as_bytes().as_slice(), &[0b101, 0, 0, 0, 1]].concat(),
        id: key.credential.as_bytes().to_vec(),
        user_handle: None,
    }
}

#[test]
fn rsa_keys_are_taken_by_both() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    // RFC 8017 appendix A.1.1: a sequence of modulus (257 bytes, the first is zero) and exponent, each with its head.
    let der = pair.public_key().as_ref();
    assert_eq!(der.len(), 270);
    let modulus = &der[9..265];
    let cose = [
        b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00".as_slice(),
        modulus,
        b"\x21\x43\x01\x00\x01",
    ]
    .concat();
    let key = material(7, cose);
    let keys = std::slice::from_ref(&key);
    let begun = begin(keys);
    let said = said_for(&key, &challenge_of(&begun.options));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &said.signed(), &mut signature)
        .unwrap();
    let judged = judge(&begun, &said.assertion(&signature), keys);
    agree(&judged, "RS256");
    assert!(judged.0.is_ok(), "{judged:?}");
    for index in (0..signature.len()).step_by(17) {
        let mut flipped = signature.clone();
        flipped[index] ^= 1 << (index % 8);
        let judged = judge(&begun, &said.assertion(&flipped), keys);
        both_refuse(&judged, PasskeyError::BadSignature, "flipped");
    }
}

#[test]
fn ed25519_is_verified_offline_and_not_offered_by_production() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let cose = [
        b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20".as_slice(),
        pair.public_key().as_ref(),
    ]
    .concat();
    let key = material(8, cose);
    let keys = std::slice::from_ref(&key);
    assert_eq!(
        passkeys().begin_assertion(keys, &form()).unwrap_err(),
        PasskeyError::UnknownAlgorithm
    );
    let mut soft = SoftKey::new();
    let begun = begin(&[register(&mut soft).material(owner().user)]);
    let said = said_for(&key, &challenge_of(&begun.options));
    let judged = judge(&begun, &said.assertion(pair.sign(&said.signed()).as_ref()), keys);
    assert_eq!(judged.0.unwrap_err(), PasskeyError::UnknownAlgorithm);
    assert!(judged.1.is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), state in "\\PC{0,80}") {
        let text = String::from_utf8_lossy(&bytes);
        let _ = passkeys().finish_assertion(&state, &text, &[]);
        let _ = passkeys().finish_registration(&state, &text);
    }

    #[test]
    fn no_content_of_an_answer_panics(
        one in proptest::collection::vec(any::<u8>(), 0..300),
        other in proptest::collection::vec(any::<u8>(), 0..300),
        signature in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        thread_local! {
            static BEGUN: (KeyMaterial, hourglass_app::ports::passkeys::Begun, String) = {
                let key = register(&mut SoftKey::new()).material(owner().user);
                let begun = begin(std::slice::from_ref(&key));
                let (_, state) = passkeys().begin_registration(&owner(), &[]).unwrap();
                (key, begun, state)
            };
        }
        BEGUN.with(|(key, begun, state)| {
            let answer = json!({
                "id": key.credential, "rawId": key.credential, "type": "public-key",
                "response": {
                    "clientDataJSON": base64url(&one), "authenticatorData": base64url(&other),
                    "attestationObject": base64url(&other), "signature": base64url(&signature),
                },
            });
            let judged = judge(begun, &answer, std::slice::from_ref(key));
            assert!(judged.0.is_err() && judged.1.is_err());
            let judged = judge_new(state, &[0; 32], &answer);
            assert!(judged.0.is_err() && judged.1.is_err());
        });
    }
}
