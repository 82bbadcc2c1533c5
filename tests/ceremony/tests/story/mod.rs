//! One decision, and the audit trail around it: what an export of a real system would hold.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a suite that cannot begin has failed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hourglass_app::ports::passkeys::{KeyMaterial, Passkeys as _};
use hourglass_ceremony::{Said, SoftKey};
use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Actor, Draft, Event, Head, StreamId, append};
use hourglass_domain::canonical::{Digest, canonical_bytes};
use hourglass_domain::checkpoint::{Checkpoint, CheckpointKind, SignedCheckpoint};
use hourglass_domain::decision_file::{DecisionContent, DecisionFile, FileAssertion, FileKey, FileKind};
use hourglass_domain::ids::ApplicationId;
use hourglass_domain::signed::{DecisionForm, Form, KeyAction, KeyForm};
use hourglass_domain::webauthn::{AuthenticatorData, AuthenticatorDataFields, PublicKey, Signature};
use hourglass_verifier::anchor::Export;
use hourglass_verifier::checkpoints::{CheckpointKey, Files};
use hourglass_verifier::decision::Proved;

use crate::common::{ORIGIN, begin, form, owner, passkeys, register};

/// When the decision was made: half a minute before its challenge ended.
pub(crate) fn decided_at() -> Timestamp {
    Timestamp::from_millis(form().expires_at().start().millis() - 29_877)
}

/// So many minutes after the decision.
pub(crate) fn minutes(count: i64) -> Timestamp {
    decided_at().plus_seconds(count * 60)
}

/// The decision of the worked example, signed by a new key of `soft`.
pub(crate) fn exported(mut soft: SoftKey) -> DecisionContent {
    exported_with(&mut soft, |_| ())
}

/// The same, with a lie.
pub(crate) fn exported_with(soft: &mut SoftKey, lie: fn(&mut Said)) -> DecisionContent {
    let made = register(soft);
    let begun = begin(&[made.material(owner().user)]);
    let answer = soft.assert_with(&begun.options, ORIGIN, lie);
    let text = |name: &str| answer["response"][name].as_str().unwrap();
    let signature: Signature = text("signature").parse().unwrap();
    let site = passkeys();
    DecisionContent {
        file: FileKind::V1,
        form: form(),
        nonce: begun.nonce,
        decided_at: decided_at(),
        rp_id: site.rp_id().to_owned(),
        origin: site.origin().to_owned(),
        key: FileKey {
            user: owner().user,
            credential: made.credential,
            public_key: made.public_key,
            attestation: made.attestation.object,
            attestation_client_data: made.attestation.client_data,
        },
        assertion: FileAssertion {
            authenticator_data: text("authenticatorData").parse().unwrap(),
            client_data: text("clientDataJSON").parse().unwrap(),
            signature,
        },
    }
}

/// The bytes of a file.
pub(crate) fn file(content: &DecisionContent) -> Vec<u8> {
    DecisionFile::new(content.clone()).unwrap().bytes().unwrap()
}

/// The decision in a file.
pub(crate) fn decision(content: &mut DecisionContent) -> &mut DecisionForm {
    match &mut content.form {
        Form::Decision(form) => form,
        other => panic!("{other:?}"),
    }
}

/// A form that is no decision, with the same end.
pub(crate) fn recovery() -> Form {
    Form::Key(KeyForm {
        application: application(),
        owner: form().signer(),
        signer: form().signer(),
        action: KeyAction::Recover,
        expires_at: form().expires_at(),
    })
}

fn application() -> ApplicationId {
    "contoso.example".parse().unwrap()
}

/// An event of the owner.
pub(crate) fn event(action: &'static str, at: Timestamp) -> Draft {
    Draft::new(at, Actor::User { id: owner().user }, action)
}

/// An event about the key of a decision.
pub(crate) fn key_event(proved: &Proved, action: &'static str, at: Timestamp) -> Draft {
    event(action, at)
        .fact("credential", &proved.content().key.credential)
        .fact("public_key_sha256", proved.key_digest())
}

/// What happened.
pub(crate) struct Story {
    /// To the person's account.
    pub(crate) person: Vec<Draft>,
    /// To the request, before the decision.
    asked: Draft,
    /// The decision.
    pub(crate) decision: Draft,
}

impl Story {
    /// What happened around a decision where nothing is wrong.
    pub(crate) fn of(proved: &Proved) -> Self {
        Self {
            person: vec![
                key_event(proved, "passkey.registered", minutes(-90)),
                key_event(proved, "passkey.confirmed", minutes(-60)),
            ],
            asked: event("request.created", minutes(-5)),
            decision: event("request.approved", decided_at())
                .fact("credential", &proved.content().key.credential)
                .fact("form_sha256", proved.form_digest()),
        }
    }

    /// The export that it leads to: checkpoints an hour before, a minute before and a quarter of an hour after.
    pub(crate) fn export(&self, signer: &Signer) -> Export {
        let Form::Decision(form) = form() else { panic!() };
        let mine = StreamId::user(&application(), owner().user);
        let other = StreamId::user(&application(), "01938f5c-7e00-7000-8000-000000000001".parse().unwrap());
        let request = StreamId::request(form.request);
        // Something always happened, so that a stream without the key is still a stream.
        let person: Vec<Draft> = [event("user.created", minutes(-100))]
            .into_iter()
            .chain(self.person.iter().cloned())
            .collect();
        let streams = [
            (mine, person),
            (other, vec![event("user.created", minutes(-100))]),
            (request, vec![self.asked.clone(), self.decision.clone()]),
        ];
        let mut events: Vec<Event> = Vec::new();
        for (stream, drafts) in streams {
            let mut head = Head::start(stream);
            for draft in drafts {
                let (event, next) = append(&head, &draft, Vec::new()).unwrap();
                events.push(event);
                head = next;
            }
        }
        Export {
            checkpoints: checkpoints(&events, signer),
            events: days(&events),
        }
    }
}

/// One file a day; here a morning and an afternoon would do as well.
fn days(events: &[Event]) -> Files {
    let mut days = Files::new();
    for event in events {
        let name = if event.at < minutes(-80) {
            "1.ndjson"
        } else {
            "2.ndjson"
        };
        let day = days.entry(name.to_owned()).or_default();
        day.extend(canonical_bytes(event).unwrap());
        day.push(b'\n');
    }
    days
}

fn checkpoints(events: &[Event], signer: &Signer) -> Files {
    let mut files = Files::new();
    let (mut previous, mut covered) = (Checkpoint::start(), Timestamp::EPOCH);
    for (number, at) in (1..).zip([minutes(-60), minutes(-1), minutes(15)]) {
        let mut heads: BTreeMap<StreamId, Head> = BTreeMap::new();
        for event in events.iter().filter(|event| covered < event.at && event.at <= at) {
            let head = Head {
                stream: event.stream.clone(),
                seq: event.seq,
                hash: event.hash,
            };
            heads.insert(event.stream.clone(), head);
        }
        let body = Checkpoint {
            checkpoint: CheckpointKind::V1,
            number,
            previous,
            at,
            streams: heads.into_values().collect(),
        };
        (previous, covered) = (body.hash().unwrap(), at);
        let signature = signer.sign(&body.bytes().unwrap());
        let signed = SignedCheckpoint { body, signature };
        files.insert(format!("{number}.json"), signed.bytes().unwrap());
    }
    files
}

/// Who signs checkpoints.
pub(crate) enum Signer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Signer {
    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let signature = match self {
            Self::Ed25519(pair) => pair.sign(bytes).as_ref().to_vec(),
            Self::P256(pair) => pair.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec(),
        };
        Signature::new(signature).unwrap()
    }

    pub(crate) fn public(&self) -> CheckpointKey {
        match self {
            Self::Ed25519(pair) => CheckpointKey::Ed25519(pair.public_key().as_ref().to_vec()),
            Self::P256(pair) => CheckpointKey::P256(pair.public_key().as_ref().to_vec()),
        }
    }

    /// The public key as `openssl pkey -pubout` writes it.
    pub(crate) fn pem(&self) -> String {
        let head: &[u8] = match self {
            Self::Ed25519(_) => b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
            Self::P256(_) => {
                b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
            }
        };
        let point = match self.public() {
            CheckpointKey::Ed25519(point) | CheckpointKey::P256(point) => point,
        };
        let text = STANDARD.encode([head, &point].concat());
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }
}

/// The last checkpoint of an export, changed and signed again by the one who may.
pub(crate) fn resigned(export: &Export, signer: &Signer, change: impl FnOnce(&mut Checkpoint)) -> Export {
    let mut export = export.clone();
    let bytes = export.checkpoints.get_mut("3.json").unwrap();
    let mut body = SignedCheckpoint::from_bytes(bytes).unwrap().body;
    change(&mut body);
    let signature = signer.sign(&body.bytes().unwrap());
    *bytes = SignedCheckpoint { body, signature }.bytes().unwrap();
    export
}

/// A decision under a key for another host, that of `rp_id`: everything but the host of the page fits it.
pub(crate) fn for_host(rp_id: &str) -> DecisionContent {
    let host = Digest::of(rp_id.as_bytes());
    let lie = |said: &mut Said| said.authenticator_data[..32].copy_from_slice(host.as_bytes());
    let mut soft = SoftKey::new();
    let mut content = exported(SoftKey::new());
    let (options, _) = passkeys().begin_registration(&owner(), &[]).unwrap();
    let answer = soft.register_with(&options, ORIGIN, lie);
    let text = |name: &str| answer["response"][name].as_str().unwrap();
    content.rp_id = rp_id.to_owned();
    content.key.credential = answer["id"].as_str().unwrap().parse().unwrap();
    content.key.attestation = text("attestationObject").parse().unwrap();
    content.key.attestation_client_data = text("clientDataJSON").parse().unwrap();
    let data: AuthenticatorData = text("authenticatorData").parse().unwrap();
    let made = AuthenticatorDataFields::read(&data)
        .unwrap()
        .attested
        .unwrap()
        .public_key
        .to_vec();
    content.key.public_key = PublicKey::new(made).unwrap();
    let begun = begin(&[KeyMaterial {
        user: owner().user,
        credential: content.key.credential.clone(),
        public_key: content.key.public_key.clone(),
        backup_eligible: true,
        backed_up: true,
        counter: 0,
        transports: Vec::new(),
    }]);
    let answer = soft.assert_with(&begun.options, ORIGIN, lie);
    let text = |name: &str| answer["response"][name].as_str().unwrap();
    content.nonce = begun.nonce;
    content.assertion = FileAssertion {
        authenticator_data: text("authenticatorData").parse().unwrap(),
        client_data: text("clientDataJSON").parse().unwrap(),
        signature: text("signature").parse().unwrap(),
    };
    content
}

/// The files of an export in a folder.
pub(crate) fn read_export(folder: &Path) -> Export {
    let read = |name: &str| -> Files {
        let files = fs::read_dir(folder.join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
            .collect()
    };
    Export {
        checkpoints: read("checkpoints"),
        events: read("events"),
    }
}

/// Writes the example: a decision that is anchored, and one that nobody registered.
pub(crate) fn write_example(folder: &Path) {
    let signer = Signer::p256();
    let content = exported(SoftKey::new().device_bound().self_attested());
    let bytes = file(&content);
    let proved = hourglass_verifier::decision::verify(&bytes).unwrap();
    let export = Story::of(&proved).export(&signer);
    fs::create_dir_all(folder.join("checkpoints")).unwrap();
    fs::create_dir_all(folder.join("events")).unwrap();
    for (name, bytes) in &export.checkpoints {
        fs::write(folder.join("checkpoints").join(name), bytes).unwrap();
    }
    for (name, bytes) in &export.events {
        fs::write(folder.join("events").join(name), bytes).unwrap();
    }
    fs::write(folder.join("decision.json"), bytes).unwrap();
    fs::write(folder.join("unregistered.json"), file(&exported(SoftKey::new()))).unwrap();
    fs::write(folder.join("key.pem"), signer.pem()).unwrap();
}
