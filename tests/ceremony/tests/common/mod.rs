//! What the suites share: one person, one origin, one form, and each ceremony judged twice.

#![expect(clippy::unwrap_used, reason = "a suite that cannot begin has failed")]
#![allow(dead_code, reason = "each suite uses its part")]

use hourglass_app::ports::passkeys::{Asserted, Begun, KeyMaterial, Owner, PasskeyError, Passkeys as _, Registered};
use hourglass_ceremony::SoftKey;
use hourglass_domain::canonical::Digest;
use hourglass_domain::signed::Form;
use hourglass_domain::webauthn::{
    AttestationObject, AuthenticatorData, ClientData, CredentialId, Signature, from_base64url,
};
use hourglass_passkeys::CorePasskeys;
use hourglass_verifier::ceremony::{self, Assertion, KnownKey, NewKey, Signed, Site};
use serde_json::Value;

/// The origin of the pages.
pub(crate) const ORIGIN: &str = "https://access.contoso.example";
/// The host that keys are made for.
pub(crate) const RP_ID: &str = "access.contoso.example";
/// Where everything takes place.
pub(crate) const SITE: Site<'static> = Site {
    rp_id: RP_ID,
    origin: ORIGIN,
};

/// The ceremonies as production runs them.
pub(crate) fn passkeys() -> CorePasskeys {
    CorePasskeys::new(ORIGIN).unwrap()
}

/// Whose keys they are.
pub(crate) fn owner() -> Owner {
    Owner {
        user: "01938f5c-7e00-7000-8000-000000000042".parse().unwrap(),
        name: "adele@contoso.example".to_owned(),
        display_name: "Adele Vance".to_owned(),
    }
}

/// The decision of the worked example in docs/signed-forms.md.
pub(crate) fn form() -> Form {
    let text = include_str!("../../../../docs/signed-forms.md");
    let bytes = text.lines().find_map(|line| line.strip_prefix("bytes:     ")).unwrap();
    Form::from_bytes(bytes.as_bytes()).unwrap()
}

/// A key as production registers it.
pub(crate) fn register(soft: &mut SoftKey) -> Registered {
    let (options, state) = passkeys().begin_registration(&owner(), &[]).unwrap();
    let answer = soft.register(&options, ORIGIN);
    passkeys().finish_registration(&state, &answer.to_string()).unwrap()
}

/// A begun assertion.
pub(crate) fn begin(keys: &[KeyMaterial]) -> Begun {
    passkeys().begin_assertion(keys, &form()).unwrap()
}

/// What production and the offline verifier say to an answer.
pub(crate) type Both<A, B> = (Result<A, PasskeyError>, Result<B, PasskeyError>);

/// Judges an answer to an assertion twice.
pub(crate) fn judge(begun: &Begun, answer: &Value, keys: &[KeyMaterial]) -> Both<Asserted, Signed> {
    let production = passkeys().finish_assertion(&begun.state, &answer.to_string(), keys);
    let challenge = form().challenge(&begun.nonce).unwrap();
    (production, offline(&challenge, answer, keys))
}

fn text<'a>(answer: &'a Value, path: &str) -> Result<&'a str, PasskeyError> {
    let found = answer.pointer(path).and_then(Value::as_str);
    found.ok_or(PasskeyError::Malformed)
}

fn part<T: std::str::FromStr>(answer: &Value, path: &str) -> Result<T, PasskeyError> {
    text(answer, path)?.parse().map_err(|_| PasskeyError::Malformed)
}

fn envelope(answer: &Value) -> Result<CredentialId, PasskeyError> {
    if text(answer, "/type")? != "public-key" || text(answer, "/id")? != text(answer, "/rawId")? {
        return Err(PasskeyError::Malformed);
    }
    part(answer, "/id")
}

fn offline(challenge: &Digest, answer: &Value, keys: &[KeyMaterial]) -> Result<Signed, PasskeyError> {
    let credential = envelope(answer)?;
    let authenticator_data: AuthenticatorData = part(answer, "/response/authenticatorData")?;
    let client_data: ClientData = part(answer, "/response/clientDataJSON")?;
    let signature: Signature = part(answer, "/response/signature")?;
    let handle = answer.pointer("/response/userHandle").and_then(Value::as_str);
    let handle = handle.map(|text| from_base64url(text).ok_or(PasskeyError::Malformed));
    let handle = handle.transpose()?;
    let known: Vec<KnownKey<'_>> = keys
        .iter()
        .map(|key| KnownKey {
            user: key.user,
            credential: &key.credential,
            public_key: &key.public_key,
            backup_eligible: key.backup_eligible,
            counter: key.counter,
        })
        .collect();
    let assertion = Assertion {
        credential: &credential,
        user_handle: handle.as_deref(),
        authenticator_data: &authenticator_data,
        client_data: &client_data,
        signature: &signature,
    };
    ceremony::assertion(SITE, challenge, &known, assertion)
}

/// Judges an answer to a registration twice. `challenge` is that of the options.
pub(crate) fn judge_new(state: &str, challenge: &[u8], answer: &Value) -> Both<Registered, NewKey> {
    let production = passkeys().finish_registration(state, &answer.to_string());
    let offline = || {
        let credential = envelope(answer)?;
        let object: AttestationObject = part(answer, "/response/attestationObject")?;
        let client_data: ClientData = part(answer, "/response/clientDataJSON")?;
        let made = ceremony::registration(SITE, Some(challenge), &object, &client_data)?;
        if made.credential == credential {
            Ok(made)
        } else {
            Err(PasskeyError::Malformed)
        }
    };
    (production, offline())
}
