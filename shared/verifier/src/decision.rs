//! What a decision file proves by itself.

use hourglass_domain::canonical::Digest;
use hourglass_domain::decision_file::{DecisionContent, DecisionFile, FileError};
use hourglass_domain::ids::{ApplicationId, RequestId};
use hourglass_domain::signed::{CHALLENGE_SECONDS, Form};
use hourglass_domain::webauthn::PasskeyError;

use crate::ceremony::{Assertion, KnownKey, Site, assertion, registration};

/// Why a decision file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not a decision file, or a changed one.
    #[error(transparent)]
    File(#[from] FileError),
    /// The form is of a kind that is no decision.
    #[error("the form is neither a decision nor an activation")]
    NotADecision,
    /// Decided outside the life of the challenge.
    #[error("the decision lies outside the two minutes in which its challenge lived")]
    Untimely,
    /// The host is not that of the origin.
    #[error("the key's host is not the host of the page")]
    WrongHost,
    /// The registration does not verify.
    #[error("the key's registration: {0}")]
    Registration(PasskeyError),
    /// The registration made another key.
    #[error("the registration made another key than the one that signed")]
    OtherKey,
    /// The assertion does not verify.
    #[error("the signature: {0}")]
    Assertion(PasskeyError),
}

/// What was proved: this content was signed by the key in the file, whose holder the authenticator had verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proved {
    file: DecisionFile,
    form_digest: Digest,
    key_digest: Digest,
}

impl Proved {
    /// What the file holds.
    #[must_use]
    pub const fn content(&self) -> &DecisionContent {
        self.file.content()
    }

    /// SHA-256 of the form's canonical bytes.
    #[must_use]
    pub const fn form_digest(&self) -> Digest {
        self.form_digest
    }

    /// SHA-256 of the COSE public key.
    #[must_use]
    pub const fn key_digest(&self) -> Digest {
        self.key_digest
    }

    /// The application and the request that were decided on.
    #[must_use]
    pub fn subject(&self) -> Option<(&ApplicationId, RequestId)> {
        subject(&self.content().form)
    }
}

fn subject(form: &Form) -> Option<(&ApplicationId, RequestId)> {
    match form {
        Form::Decision(form) => Some((&form.application, form.request)),
        Form::Activation(form) => Some((&form.application, form.request)),
        Form::Key(_) | Form::Change(_) => None,
    }
}

/// Verifies the bytes of a decision file.
///
/// # Errors
/// The first check that they fail.
pub fn verify(bytes: &[u8]) -> Result<Proved, Problem> {
    let file = DecisionFile::from_bytes(bytes)?;
    let content = file.content();
    subject(&content.form).ok_or(Problem::NotADecision)?;
    // The form says when its challenge ended, cut to whole seconds; it began two minutes before.
    let left = content.form.expires_at().start().seconds_since(content.decided_at);
    if !(-1..=CHALLENGE_SECONDS).contains(&left) {
        return Err(Problem::Untimely);
    }
    let site = Site {
        rp_id: &content.rp_id,
        origin: &content.origin,
    };
    if host(site.origin) != Some(site.rp_id) {
        return Err(Problem::WrongHost);
    }
    let key = &content.key;
    let made = registration(site, None, &key.attestation, &key.attestation_client_data);
    let made = made.map_err(Problem::Registration)?;
    if made.credential != key.credential || made.public_key != key.public_key {
        return Err(Problem::OtherKey);
    }
    let unreadable = |error: &dyn std::fmt::Display| Problem::File(FileError::Malformed(error.to_string()));
    let challenge = content
        .form
        .challenge(&content.nonce)
        .map_err(|error| unreadable(&error))?;
    let known = KnownKey {
        user: key.user,
        credential: &key.credential,
        public_key: &key.public_key,
        backup_eligible: made.backup_eligible,
        // What it had counted before this decision is not in the file: the system compared it then.
        counter: 0,
    };
    let signed = Assertion {
        credential: &key.credential,
        user_handle: None,
        authenticator_data: &content.assertion.authenticator_data,
        client_data: &content.assertion.client_data,
        signature: &content.assertion.signature,
    };
    assertion(site, &challenge, &[known], signed).map_err(Problem::Assertion)?;
    let form_digest = content.form.digest().map_err(|error| unreadable(&error))?;
    let key_digest = Digest::of(key.public_key.as_bytes());
    Ok(Proved {
        form_digest,
        key_digest,
        file,
    })
}

/// The host of an origin: what stands between the scheme and the port.
fn host(origin: &str) -> Option<&str> {
    let (scheme, rest) = origin.split_once("://")?;
    let host = rest.split_once(':').map_or(rest, |(host, _)| host);
    (scheme == "https" || (scheme == "http" && host == "localhost")).then_some(host)
}
