//! Our words in the library's, and the library's in ours.

use std::str::FromStr as _;

use hourglass_app::ports::passkeys::{AttestationKind, KeyMaterial, PasskeyError};
use hourglass_domain::webauthn::{KeyFields, RSA_EXPONENT};
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    AttestationFormat, AttestationMetadata, AuthenticatorTransport, COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType,
    COSERSAKey, Credential, ECDSACurve, ParsedAttestation, ParsedAttestationData, RegisteredExtensions,
    UserVerificationPolicy,
};

/// A stored key as the library takes it.
///
/// A counter that goes back says that a key was copied. Keys that can be synchronised are copied by design, and what they
/// count says nothing: only those that are bound to one device are held to theirs.
pub(crate) fn credential(key: &KeyMaterial) -> Result<Credential, PasskeyError> {
    let fields = KeyFields::read(&key.public_key).ok_or(PasskeyError::UnknownAlgorithm)?;
    let cred = match fields {
        KeyFields::Es256 { x, y } => COSEKey {
            type_: COSEAlgorithm::ES256,
            key: COSEKeyType::EC_EC2(COSEEC2Key {
                curve: ECDSACurve::SECP256R1,
                x: x.to_vec(),
                y: y.to_vec(),
            }),
        },
        KeyFields::Rs256 { n } => COSEKey {
            type_: COSEAlgorithm::RS256,
            key: COSEKeyType::RSA(COSERSAKey {
                n: n.to_vec(),
                e: RSA_EXPONENT,
            }),
        },
        KeyFields::EdDsa { .. } => return Err(PasskeyError::UnknownAlgorithm),
    };
    Ok(Credential {
        cred_id: key.credential.as_bytes().to_vec(),
        cred,
        counter: if key.backup_eligible { 0 } else { key.counter },
        transports: transports(&key.transports),
        user_verified: true,
        backup_eligible: key.backup_eligible,
        backup_state: key.backed_up,
        registration_policy: UserVerificationPolicy::Required,
        extensions: RegisteredExtensions::none(),
        attestation: ParsedAttestation {
            data: ParsedAttestationData::None,
            metadata: AttestationMetadata::None,
        },
        attestation_format: AttestationFormat::None,
    })
}

/// The transports among these names that are known; `None` where there are none, and the browser tries all.
pub(crate) fn transports(names: &[String]) -> Option<Vec<AuthenticatorTransport>> {
    let known: Vec<_> = names
        .iter()
        .filter_map(|name| AuthenticatorTransport::from_str(name).ok())
        .collect();
    (!known.is_empty()).then_some(known)
}

/// The names of those that are known.
pub(crate) fn transport_names(names: &[String]) -> Vec<String> {
    let known = names
        .iter()
        .filter(|name| AuthenticatorTransport::from_str(name).is_ok());
    known.cloned().collect()
}

/// How a key was attested.
pub(crate) fn attestation_kind(data: &ParsedAttestationData) -> Result<AttestationKind, PasskeyError> {
    match data {
        ParsedAttestationData::None => Ok(AttestationKind::None),
        ParsedAttestationData::Self_ => Ok(AttestationKind::Itself),
        ParsedAttestationData::Basic(_) | ParsedAttestationData::AttCa(_) | ParsedAttestationData::AnonCa(_) => {
            Ok(AttestationKind::Certified)
        }
        ParsedAttestationData::ECDAA | ParsedAttestationData::Uncertain => Err(PasskeyError::BadAttestation),
    }
}

/// Which check failed.
pub(crate) fn problem(error: &WebauthnError) -> PasskeyError {
    use WebauthnError as E;
    match error {
        E::InvalidClientDataType => PasskeyError::WrongType,
        E::MismatchedChallenge => PasskeyError::WrongChallenge,
        E::InvalidRPOrigin => PasskeyError::WrongOrigin,
        E::CredentialCrossOrigin => PasskeyError::CrossOrigin,
        E::InvalidRPIDHash => PasskeyError::WrongRp,
        E::UserNotPresent => PasskeyError::UserNotPresent,
        E::UserNotVerified => PasskeyError::UserNotVerified,
        E::CredentialNotFound => PasskeyError::UnknownCredential,
        E::AuthenticationFailure | E::SignatureInvalid => PasskeyError::BadSignature,
        E::CredentialPossibleCompromise => PasskeyError::CounterWentBack,
        E::CredentialBackupEligibilityInconsistent | E::CredentialMayNotBeHardwareBound => PasskeyError::BackupChanged,
        E::CredentialAlteredAlgFromRequest
        | E::COSEKeyInvalidCBORValue
        | E::COSEKeyInvalidType
        | E::COSEKeyEDUnsupported
        | E::COSEKeyECDSAXYInvalid
        | E::COSEKeyRSANEInvalid
        | E::COSEKeyECDSAInvalidCurve
        | E::COSEKeyEDDSAXInvalid
        | E::COSEKeyEDDSAInvalidCurve
        | E::COSEKeyInvalidAlgorithm
        | E::EcdsaPointInvalid
        | E::RsaParametersInvalid
        | E::SshPublicKeyEDUnsupported => PasskeyError::UnknownAlgorithm,
        E::ParseBase64Failure(_)
        | E::ParseCBORFailure(_)
        | E::ParseJSONFailure(_)
        | E::ParseNOMFailure
        | E::ParseInsufficientBytesAvailable
        | E::MissingAttestationCredentialData
        | E::InvalidUsername => PasskeyError::Malformed,
        E::AttestationNotSupported
        | E::AttestationStatementMapInvalid
        | E::AttestationStatementResponseMissing
        | E::AttestationStatementResponseInvalid
        | E::AttestationStatementSigMissing
        | E::AttestationStatementSigInvalid
        | E::AttestationStatementVerMissing
        | E::AttestationStatementVerInvalid
        | E::AttestationStatementVerUnsupported
        | E::AttestationStatementX5CMissing
        | E::AttestationStatementX5CInvalid
        | E::AttestationStatementAlgMissing
        | E::AttestationStatementAlgMismatch
        | E::AttestationStatementAlgInvalid
        | E::AttestationCertificateAAGUIDMismatch
        | E::AttestationCertificateRequirementsNotMet
        | E::AttestationNotVerifiable
        | E::AttestationCredentialSubjectKeyMismatch => PasskeyError::BadAttestation,
        _ => PasskeyError::Refused,
    }
}
