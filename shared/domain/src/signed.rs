//! What a passkey signs: the exact content of a decision, an activation, a change of keys or an administrator's change.
//!
//! `docs/signed-forms.md` specifies all of it byte by byte, so that it can be checked without this program. A [`Form`]
//! has one canonical spelling ([`Form::bytes`], RFC 8785); its SHA-256 is the [`Form::digest`]; what the authenticator
//! signs is [`Form::challenge`], which binds the digest to a [`Nonce`] that serves once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::canonical::{CanonicalError, Digest, canonical_bytes};
use crate::decision::Verdict;
use crate::ids::{ApplicationId, GrantId, ObjectId, RequestId, TenantId};
use crate::target::Target;
use crate::time::Timestamp;
use crate::webauthn::{BytesError, CredentialId};

/// Seconds from the beginning of a ceremony to the end of its challenge.
pub const CHALLENGE_SECONDS: i64 = 120;
/// Longest canonical form in bytes that is read back: twenty targets need about a third of it.
pub const LONGEST_FORM: usize = 16 * 1024;

/// An instant in UTC in whole seconds, as signed forms write it: `2026-11-22T09:30:00Z`, and in no other way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Second(Timestamp);

impl Second {
    /// The second in which `instant` lies.
    #[must_use]
    pub const fn of(instant: Timestamp) -> Self {
        Self(Timestamp::from_seconds(instant.seconds()))
    }

    /// Its first instant.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text of a timestamp has a fixed width; what is dropped is always `.000Z`.
        let text: String = self.0.to_string().chars().take(19).collect();
        write!(f, "{text}Z")
    }
}

impl fmt::Debug for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Second {
    type Err = crate::time::TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let second = Self::of(text.parse()?);
        if second.to_string() == text {
            Ok(second)
        } else {
            Err(crate::time::TimestampError)
        }
    }
}

impl Serialize for Second {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Second {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// 32 random bytes that make a challenge unpredictable and single-use; base64url in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; 32]);

impl Nonce {
    /// Wraps 32 bytes of a cryptographically secure source.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::webauthn::base64url(&self.0))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Nonce {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, BytesError> {
        const KIND: &str = "32 bytes";
        // 43 characters hold 32 bytes and two bits that have to be zero.
        let bytes = (text.len() == 43)
            .then(|| crate::webauthn::from_base64url(text))
            .flatten();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(BytesError { kind: KIND })
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An account in Entra: all that identity rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The tenant.
    pub tenant: TenantId,
    /// The object id.
    pub object_id: ObjectId,
}

impl From<&crate::directory::Party> for Account {
    fn from(party: &crate::directory::Party) -> Self {
        Self {
            tenant: party.tenant,
            object_id: party.object_id,
        }
    }
}

/// From when access lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// From the approval that completes the quorum on; an activation's, from itself on; an extension's, from the end of
    /// the grant on.
    OnApproval,
    /// From a second on that the requester chose.
    At(Second),
}

impl Start {
    /// As a request says it.
    #[must_use]
    pub fn of(starts_at: Option<Timestamp>) -> Self {
        starts_at.map_or(Self::OnApproval, |instant| Self::At(Second::of(instant)))
    }
}

const ON_APPROVAL: &str = "on_approval";

impl Serialize for Start {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::OnApproval => serializer.serialize_str(ON_APPROVAL),
            Self::At(second) => second.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == ON_APPROVAL {
            return Ok(Self::OnApproval);
        }
        text.parse().map(Self::At).map_err(serde::de::Error::custom)
    }
}

/// A target and the account that is put into it, resolved when the request was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedTarget {
    /// Its kind and immutable ids.
    #[serde(flatten)]
    pub target: Target,
    /// The immutable id of the account: in Entra its object id.
    pub account: String,
}

/// A verdict that is a yes or a no.
mod yes_or_no {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::decision::Verdict;

    const NEITHER: &str = "a decision is approve or deny";

    pub(super) fn serialize<S: Serializer>(verdict: &Verdict, serializer: S) -> Result<S::Ok, S::Error> {
        match verdict {
            Verdict::Approve | Verdict::Deny => verdict.serialize(serializer),
            Verdict::Activate => Err(serde::ser::Error::custom(NEITHER)),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Verdict, D::Error> {
        match Verdict::deserialize(deserializer)? {
            Verdict::Activate => Err(serde::de::Error::custom(NEITHER)),
            verdict => Ok(verdict),
        }
    }
}

/// An approver's yes or no.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionForm {
    /// The application.
    pub application: ApplicationId,
    /// On which request.
    pub request: RequestId,
    /// Its version that the approver saw.
    pub request_version: u64,
    /// The grant that it extends, where it asks for more time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<GrantId>,
    /// Yes or no; an activation has a form of its own.
    #[serde(with = "yes_or_no")]
    pub decision: Verdict,
    /// From when.
    pub start: Start,
    /// For how many seconds; on a no what had been asked.
    pub duration_seconds: u32,
    /// Who asked.
    pub requester: Account,
    /// Who gets the access.
    pub beneficiary: Account,
    /// Who decides, and signs.
    pub approver: Account,
    /// On whose behalf, where a delegate decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_for: Option<Account>,
    /// To what, in the request's order.
    pub targets: Vec<SignedTarget>,
    /// Hash of the policy in force.
    pub policy_hash: Digest,
    /// When the challenge ends.
    pub expires_at: Second,
}

/// Why a person may give access to themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The entitlement's approval mode is `none`.
    SelfApproved,
    /// The emergency path.
    Emergency,
}

/// A person's activation of access for themselves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivationForm {
    /// The application.
    pub application: ApplicationId,
    /// The request that records it.
    pub request: RequestId,
    /// Its version.
    pub request_version: u64,
    /// The grant that it extends, where it is for more time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<GrantId>,
    /// Why nobody else decides.
    pub activation: Activation,
    /// From when.
    pub start: Start,
    /// For how many seconds.
    pub duration_seconds: u32,
    /// Who asks, and signs.
    pub requester: Account,
    /// Who gets the access.
    pub beneficiary: Account,
    /// To what, in the request's order.
    pub targets: Vec<SignedTarget>,
    /// Hash of the policy in force.
    pub policy_hash: Digest,
    /// When the challenge ends.
    pub expires_at: Second,
}

/// What happens to a person's keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum KeyAction {
    /// A key that has just been made becomes the owner's. Signed by one of their other keys.
    Add {
        /// The new key.
        credential: CredentialId,
        /// SHA-256 of its COSE public key.
        public_key_sha256: Digest,
        /// The name that the owner gives it.
        name: String,
    },
    /// A key gets another name. Signed by any key of the owner.
    Rename {
        /// Which.
        credential: CredentialId,
        /// The new name.
        name: String,
    },
    /// A key is withdrawn. Signed by any key of the owner, or by an admin.
    Remove {
        /// Which.
        credential: CredentialId,
    },
    /// A first key, or one after recovery, becomes usable. Signed by a different admin.
    Confirm {
        /// Which.
        credential: CredentialId,
        /// SHA-256 of its COSE public key.
        public_key_sha256: Digest,
    },
    /// All keys of the owner are withdrawn, and a first one may be enrolled again. Signed by two admins.
    Recover,
}

/// A change of somebody's keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyForm {
    /// The application.
    pub application: ApplicationId,
    /// Whose keys.
    pub owner: Account,
    /// Who signs: the owner or an admin.
    pub signer: Account,
    /// What happens.
    #[serde(flatten)]
    pub action: KeyAction,
    /// When the challenge ends.
    pub expires_at: Second,
}

/// An administrator's change of a configuration object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeForm {
    /// The application.
    pub application: ApplicationId,
    /// What kind of object: `entitlement`, `template`, `integration`, …
    pub object_kind: String,
    /// Its id.
    pub object_id: String,
    /// The version that is changed; 0 when it is made.
    pub version: u64,
    /// SHA-256 of the canonical form of the change as it was shown.
    pub diff_sha256: Digest,
    /// Who signs.
    pub signer: Account,
    /// When the challenge ends.
    pub expires_at: Second,
}

/// What is signed. The tag in the field `form` names kind and version; a form whose fields change gets a new version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "form")]
pub enum Form {
    /// An approver's yes or no.
    #[serde(rename = "hourglass/decision/v1")]
    Decision(DecisionForm),
    /// A person's activation for themselves.
    #[serde(rename = "hourglass/activation/v1")]
    Activation(ActivationForm),
    /// A change of somebody's keys.
    #[serde(rename = "hourglass/key/v1")]
    Key(KeyForm),
    /// An administrator's change.
    #[serde(rename = "hourglass/change/v1")]
    Change(ChangeForm),
}

/// The bytes are not the canonical bytes of a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the canonical bytes of a signed form: {0}")]
pub struct FormError(String);

impl Form {
    /// The tag.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        match self {
            Self::Decision(_) => "hourglass/decision/v1",
            Self::Activation(_) => "hourglass/activation/v1",
            Self::Key(_) => "hourglass/key/v1",
            Self::Change(_) => "hourglass/change/v1",
        }
    }

    /// When the challenge ends.
    #[must_use]
    pub const fn expires_at(&self) -> Second {
        match self {
            Self::Decision(form) => form.expires_at,
            Self::Activation(form) => form.expires_at,
            Self::Key(form) => form.expires_at,
            Self::Change(form) => form.expires_at,
        }
    }

    /// Who signs.
    #[must_use]
    pub const fn signer(&self) -> Account {
        match self {
            Self::Decision(form) => form.approver,
            Self::Activation(form) => form.requester,
            Self::Key(form) => form.signer,
            Self::Change(form) => form.signer,
        }
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// When a number is beyond ±2^53, or a decision is neither yes nor no.
    pub fn bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical_bytes(self)
    }

    /// SHA-256 of the canonical bytes.
    ///
    /// # Errors
    /// As [`Form::bytes`].
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        self.bytes().map(|bytes| Digest::of(&bytes))
    }

    /// What the authenticator signs: SHA-256 of the tag's ASCII bytes, the nonce and the digest, one after the other.
    ///
    /// # Errors
    /// As [`Form::bytes`].
    pub fn challenge(&self, nonce: &Nonce) -> Result<Digest, CanonicalError> {
        let mut bound = self.tag().as_bytes().to_vec();
        bound.extend_from_slice(nonce.as_bytes());
        bound.extend_from_slice(self.digest()?.as_bytes());
        Ok(Digest::of(&bound))
    }

    /// Reads canonical bytes back.
    ///
    /// # Errors
    /// When they are not exactly the bytes that [`Form::bytes`] gives for some form: other order, spacing, escapes,
    /// spellings of ids and times, additional or missing fields.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormError> {
        if bytes.len() > LONGEST_FORM {
            return Err(FormError(format!("longer than {LONGEST_FORM} bytes")));
        }
        let form: Self = serde_json::from_slice(bytes).map_err(|error| FormError(error.to_string()))?;
        match form.bytes() {
            Ok(again) if again == bytes => Ok(form),
            Ok(_) => Err(FormError("another spelling of the same content".to_owned())),
            Err(error) => Err(FormError(error.to_string())),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::target::Cloud;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn account(n: u128) -> Account {
        Account {
            tenant: "6f9619ff-8b86-d011-b42d-00cf4fc964ff".parse().unwrap(),
            object_id: ObjectId::new(Uuid::from_u128(n)),
        }
    }

    fn targets() -> Vec<SignedTarget> {
        vec![SignedTarget {
            target: Target::Entra {
                cloud: Cloud::Global,
                tenant: account(1).tenant,
                group: ObjectId::new(Uuid::from_u128(0x50)),
            },
            account: account(0x10).object_id.to_string(),
        }]
    }

    fn second() -> Second {
        "2026-11-22T09:32:00Z".parse().unwrap()
    }

    /// The decision of the worked example in docs/signed-forms.md.
    pub(crate) fn decision() -> DecisionForm {
        DecisionForm {
            application: "contoso.example".parse().unwrap(),
            request: "01938f5c-7e00-7000-8000-000000000042".parse().unwrap(),
            request_version: 1,
            extends: None,
            decision: Verdict::Approve,
            start: Start::OnApproval,
            duration_seconds: 3_600,
            requester: account(0x10),
            beneficiary: account(0x10),
            approver: account(0x11),
            acting_for: None,
            targets: targets(),
            policy_hash: Digest::of(b"policy"),
            expires_at: second(),
        }
    }

    fn key(action: KeyAction) -> Form {
        Form::Key(KeyForm {
            application: "contoso.example".parse().unwrap(),
            owner: account(0x10),
            signer: account(0x11),
            action,
            expires_at: second(),
        })
    }

    pub(crate) fn one_of_each() -> Vec<Form> {
        let application: ApplicationId = "contoso.example".parse().unwrap();
        let credential = CredentialId::new([0xfb, 0xff, 0x00]).unwrap();
        let delegate = DecisionForm {
            acting_for: Some(account(0x12)),
            extends: Some("01938f5c-7e00-7000-8000-000000000043".parse().unwrap()),
            start: Start::At(second()),
            decision: Verdict::Deny,
            ..decision()
        };
        vec![
            Form::Decision(decision()),
            Form::Decision(delegate),
            Form::Activation(ActivationForm {
                application: application.clone(),
                request: decision().request,
                request_version: 1,
                extends: None,
                activation: Activation::Emergency,
                start: Start::OnApproval,
                duration_seconds: 3_600,
                requester: account(0x10),
                beneficiary: account(0x10),
                targets: targets(),
                policy_hash: Digest::of(b"policy"),
                expires_at: second(),
            }),
            key(KeyAction::Add {
                credential: credential.clone(),
                public_key_sha256: Digest::of(b"key"),
                name: "Blue key \"1\"\n".to_owned(),
            }),
            key(KeyAction::Rename {
                credential: credential.clone(),
                name: "é".to_owned(),
            }),
            key(KeyAction::Remove {
                credential: credential.clone(),
            }),
            key(KeyAction::Confirm {
                credential,
                public_key_sha256: Digest::of(b"key"),
            }),
            key(KeyAction::Recover),
            Form::Change(ChangeForm {
                application,
                object_kind: "template".to_owned(),
                object_id: "GROUP_ACCESS_APPROVAL".to_owned(),
                version: 3,
                diff_sha256: Digest::of(b"diff"),
                signer: account(0x11),
                expires_at: second(),
            }),
        ]
    }

    #[test]
    fn the_specification_has_the_bytes_digests_and_challenges_that_we_make() {
        let text = include_str!("../../../docs/signed-forms.md");
        let line = |start: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(start));
            let found = lines.next().unwrap_or_else(|| panic!("no line begins with {start}"));
            assert_eq!(lines.next(), None, "one line only begins with {start}");
            found
        };
        let form = Form::Decision(decision());
        assert_eq!(line("bytes:     ").as_bytes(), form.bytes().unwrap());
        assert_eq!(line("digest:    "), form.digest().unwrap().to_string());
        let nonce: Nonce = line("nonce:     ").parse().unwrap();
        assert_eq!(nonce, Nonce::new(std::array::from_fn(|n| n as u8)));
        assert_eq!(line("challenge: "), form.challenge(&nonce).unwrap().to_string());
        for form in one_of_each() {
            let bytes = String::from_utf8(form.bytes().unwrap()).unwrap();
            assert!(text.contains(&format!("`{}`", form.tag())), "{}", form.tag());
            for field in serde_json::from_str::<serde_json::Map<_, _>>(&bytes).unwrap().keys() {
                assert!(
                    text.contains(&format!("| `{field}` |")),
                    "{field} of {} is not specified",
                    form.tag()
                );
            }
        }
    }

    #[test]
    fn every_form_is_read_back_from_its_bytes_and_from_no_others() {
        for form in one_of_each() {
            let bytes = form.bytes().unwrap();
            assert_eq!(Form::from_bytes(&bytes).unwrap(), form);
            for index in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[index] ^= 1;
                assert_ne!(Form::from_bytes(&changed).ok().as_ref(), Some(&form), "byte {index}");
                let cut = &bytes[..index];
                assert!(Form::from_bytes(cut).is_err(), "cut at {index}");
            }
            let text = String::from_utf8(bytes).unwrap();
            for other in [
                format!("{text}\n"),
                format!(" {text}"),
                text.replacen('{', r#"{"more":1,"#, 1),
                text.replacen('{', r#"{"form":"hourglass/change/v1","#, 1),
                text.replace("0000", "000\\u0030"),
                text.replace("hourglass/", "Hourglass/"),
                text.replace("/v1", "/v2"),
                text.replace("T09:32:00Z", "T09:32:00.000Z"),
                text.replace("T09:32:00Z", "T10:32:00+01:00"),
                text.replace("contoso", "Contoso"),
            ] {
                assert!(Form::from_bytes(other.as_bytes()).is_err(), "{other}");
            }
        }
        assert!(Form::from_bytes(&vec![b' '; LONGEST_FORM + 1]).is_err());
    }

    #[test]
    fn an_activation_is_no_decision() {
        let form = DecisionForm {
            decision: Verdict::Activate,
            ..decision()
        };
        assert!(Form::Decision(form).bytes().is_err());
        let text = String::from_utf8(Form::Decision(decision()).bytes().unwrap()).unwrap();
        let text = text.replace(r#""decision":"approve""#, r#""decision":"activate""#);
        assert!(Form::from_bytes(text.as_bytes()).is_err());
    }

    #[test]
    fn a_challenge_belongs_to_one_form_and_one_nonce() {
        let forms = one_of_each();
        let nonces = [Nonce::new([0; 32]), Nonce::new([1; 32])];
        let mut seen = std::collections::BTreeSet::new();
        for form in &forms {
            for nonce in &nonces {
                assert!(seen.insert(form.challenge(nonce).unwrap().to_string()));
            }
        }
    }

    #[test]
    fn an_instant_is_cut_to_its_second() {
        let instant: Timestamp = "2026-11-22T09:32:00.999Z".parse().unwrap();
        assert_eq!(Second::of(instant), second());
        assert_eq!(Second::of(instant).to_string(), "2026-11-22T09:32:00Z");
        assert!("2026-11-22T09:32:00.999Z".parse::<Second>().is_err());
        assert!("2026-11-22t09:32:00z".parse::<Second>().is_err());
    }

    #[test]
    fn a_nonce_has_one_text() {
        let text = Nonce::new([255; 32]).to_string();
        assert_eq!(text.parse(), Ok(Nonce::new([255; 32])));
        assert!(text.replace("8", "9").parse::<Nonce>().is_err(), "trailing bits");
        assert!(format!("{text}=").parse::<Nonce>().is_err());
        assert!(text.trim_start_matches('_').parse::<Nonce>().is_err(), "too short");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Form::from_bytes(&bytes);
        }
    }
}
