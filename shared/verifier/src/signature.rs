//! Signatures, by aws-lc-rs.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hourglass_domain::webauthn::{KeyFields, RSA_EXPONENT};

/// Whether `signature` over `message` was made with the private key of `key`.
pub(crate) fn verifies(key: &KeyFields<'_>, message: &[u8], signature: &[u8]) -> bool {
    match key {
        KeyFields::Es256 { x, y } => p256(&[&[4], *x, *y].concat(), message, signature),
        KeyFields::EdDsa { x } => ed25519(x, message, signature),
        KeyFields::Rs256 { n } => RsaPublicKeyComponents {
            n: *n,
            e: RSA_EXPONENT.as_slice(),
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
        .is_ok(),
    }
}

/// Whether a public key is one: a point on its curve. A modulus has no such test.
pub(crate) fn is_sound(key: &KeyFields<'_>) -> bool {
    match key {
        KeyFields::Es256 { x, y } => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, [&[4], *x, *y].concat()).is_ok(),
        KeyFields::EdDsa { x } => ParsedPublicKey::new(&ED25519, *x).is_ok(),
        KeyFields::Rs256 { .. } => true,
    }
}

fn p256(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
    key.verify(message, signature).is_ok()
}

fn ed25519(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, point)
        .verify(message, signature)
        .is_ok()
}

/// Everything before the point in the DER form of a public key of P-256 (RFC 5480 section 2): algorithm, curve, and the
/// head of a bit string with 65 bytes.
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same of Ed25519 (RFC 8410 section 4).
const ED25519_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Longest PEM file that is read.
const LONGEST_PEM: usize = 4096;

/// The public key that checkpoints are verified with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CheckpointKey {
    /// An uncompressed point of P-256, 65 bytes.
    P256(Vec<u8>),
    /// A point of Ed25519, 32 bytes.
    Ed25519(Vec<u8>),
}

/// The text is not a public key of Ed25519 or P-256 in PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public key of Ed25519 or P-256 in PEM (BEGIN PUBLIC KEY)")]
pub struct KeyError;

impl CheckpointKey {
    /// Reads a PEM file (RFC 7468 section 13).
    ///
    /// # Errors
    /// When it holds anything else than one public key of Ed25519 or P-256.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.len() > LONGEST_PEM {
            return Err(KeyError);
        }
        let inner = text.trim().strip_prefix("-----BEGIN PUBLIC KEY-----");
        let inner = inner.and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
        let base64: String = inner.ok_or(KeyError)?.split_ascii_whitespace().collect();
        let der = STANDARD.decode(base64).map_err(|_| KeyError)?;
        if let Some(point) = der.strip_prefix(&P256_HEAD)
            && point.len() == 65
            && point.first() == Some(&4)
        {
            return Ok(Self::P256(point.to_vec()));
        }
        match der.strip_prefix(&ED25519_HEAD) {
            Some(point) if point.len() == 32 => Ok(Self::Ed25519(point.to_vec())),
            _ => Err(KeyError),
        }
    }

    /// Whether `signature` over `message` was made with the private key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(point) => p256(point, message, signature),
            Self::Ed25519(point) => ed25519(point, message, signature),
        }
    }
}
