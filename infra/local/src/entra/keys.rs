//! RSA signing keys and the signing and checking of JSON web tokens.
//!
//! Written against the crypto library directly rather than a token library, because tests also need tokens that a token
//! library rightly refuses to make (`alg: none`, a public key used as an HMAC secret).

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::tenant::TenantError;

/// One RSA key of 2,048 bits.
#[derive(Debug)]
pub(crate) struct SigningKey {
    kid: String,
    pair: KeyPair,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl SigningKey {
    pub(crate) fn generate() -> Result<Self, TenantError> {
        Self::new(KeyPair::generate(KeySize::Rsa2048).map_err(|_| TenantError::Key)?)
    }

    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, TenantError> {
        Self::new(KeyPair::from_pkcs8(pkcs8).map_err(|_| TenantError::Key)?)
    }

    fn new(pair: KeyPair) -> Result<Self, TenantError> {
        let public = pair.public_key().as_ref();
        let (modulus, exponent) = public_numbers(public).ok_or(TenantError::Key)?;
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(public).iter().take(20).copied().collect::<Vec<u8>>());
        Ok(Self {
            kid,
            modulus,
            exponent,
            pair,
        })
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Vec<u8>, TenantError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| TenantError::Key)?;
        Ok(der.as_ref().to_vec())
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JSON web key.
    pub(crate) fn jwk(&self) -> Map<String, Value> {
        let mut jwk = Map::new();
        jwk.insert("kty".to_owned(), json!("RSA"));
        jwk.insert("use".to_owned(), json!("sig"));
        jwk.insert("kid".to_owned(), json!(self.kid));
        jwk.insert("n".to_owned(), json!(URL_SAFE_NO_PAD.encode(&self.modulus)));
        jwk.insert("e".to_owned(), json!(URL_SAFE_NO_PAD.encode(&self.exponent)));
        jwk
    }

    fn rs256(&self, message: &[u8]) -> Result<Vec<u8>, TenantError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| TenantError::Key)?;
        Ok(signature)
    }
}

/// How a token is signed; everything but `Rs256` exists to see it refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256, the only one Entra uses.
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    /// HMAC with the DER form of the public key as its secret: the classic confusion attack.
    #[serde(rename = "HS256")]
    Hs256,
    /// No signature at all.
    #[serde(rename = "none")]
    None,
}

impl Alg {
    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
            Self::None => "none",
        }
    }
}

/// The tenant's keys; tokens are signed by the newest.
#[derive(Debug)]
pub(crate) struct KeySet {
    older: Vec<SigningKey>,
    newest: SigningKey,
}

impl KeySet {
    pub(crate) fn new(mut keys: Vec<SigningKey>) -> Result<Self, TenantError> {
        let newest = keys.pop().ok_or(TenantError::Key)?;
        Ok(Self { older: keys, newest })
    }

    /// The key that signs.
    pub(crate) fn signing(&self) -> &SigningKey {
        &self.newest
    }

    /// All published keys.
    pub(crate) fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.older.iter().chain(std::iter::once(&self.newest))
    }

    /// A compact token. `kid` overrides the key id in the header; `thumbprint` repeats it as `x5t`, as Entra's version 1
    /// tokens do.
    pub(crate) fn sign(
        &self,
        claims: &Map<String, Value>,
        alg: Alg,
        kid: Option<&str>,
        thumbprint: bool,
    ) -> Result<String, TenantError> {
        let key = self.signing();
        let kid = kid.unwrap_or(key.kid());
        let mut header = json!({ "typ": "JWT", "alg": alg.name(), "kid": kid });
        if let (true, Some(header)) = (thumbprint, header.as_object_mut()) {
            header.insert("x5t".to_owned(), json!(kid));
        }
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?),
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims)?)
        );
        let signature = match alg {
            Alg::Rs256 => key.rs256(message.as_bytes())?,
            Alg::Hs256 => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, key.pair.public_key().as_ref());
                hmac::sign(&secret, message.as_bytes()).as_ref().to_vec()
            }
            Alg::None => Vec::new(),
        };
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token that one of these keys signed with RS256; `None` if it is anything else. Times and audience
    /// are the caller's business.
    pub(crate) fn verify(&self, token: &str) -> Option<Map<String, Value>> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.get("alg")?.as_str()? != "RS256" {
            return None;
        }
        let kid = header.get("kid")?.as_str()?;
        let key = self.all().find(|key| key.kid() == kid)?;
        let public: UnparsedPublicKey<&[u8]> =
            signature::UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public_key().as_ref());
        public
            .verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

/// Modulus and exponent (big-endian, no leading zeros) of a DER `RSAPublicKey` (RFC 8017, appendix A.1.1): a sequence of
/// two integers.
fn public_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (sequence, rest) = element(der, 0x30)?;
    let (modulus, after) = element(sequence, 0x02)?;
    let (exponent, end) = element(after, 0x02)?;
    let number = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    (rest.is_empty() && end.is_empty()).then(|| (number(modulus), number(exponent)))
}

/// Splits a DER element with this tag off the front: its content and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(*length & 0x7f))?;
        (
            bytes.iter().try_fold(0_usize, |sum, byte| {
                sum.checked_mul(256)?.checked_add(usize::from(*byte))
            })?,
            rest,
        )
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Map<String, Value> {
        json!({ "sub": "x" }).as_object().unwrap().clone()
    }

    #[test]
    fn signed_tokens_verify_and_others_do_not() {
        let keys = KeySet::new(vec![SigningKey::generate().unwrap()]).unwrap();
        let token = keys.sign(&claims(), Alg::Rs256, None, false).unwrap();
        assert_eq!(keys.verify(&token), Some(claims()));
        for bad in [
            keys.sign(&claims(), Alg::None, None, false).unwrap(),
            keys.sign(&claims(), Alg::Hs256, None, false).unwrap(),
            keys.sign(&claims(), Alg::Rs256, Some("another"), false).unwrap(),
            format!("{token}x"),
            token.replacen('.', ".x", 1),
            String::new(),
            "a.b".to_owned(),
        ] {
            assert_eq!(keys.verify(&bad), None, "{bad}");
        }
    }

    #[test]
    fn the_published_key_verifies_with_a_token_library() {
        let keys = KeySet::new(vec![SigningKey::generate().unwrap()]).unwrap();
        let token = keys.sign(&claims(), Alg::Rs256, None, true).unwrap();
        let jwk = keys.signing().jwk();
        let text = |name: &str| jwk[name].as_str().unwrap().to_owned();
        let key = jsonwebtoken::DecodingKey::from_rsa_components(&text("n"), &text("e")).unwrap();
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        rules.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(&token, &key, &rules).unwrap();
        assert_eq!(decoded.claims, claims());
        assert_eq!(decoded.header.kid.as_deref(), Some(keys.signing().kid()));
    }

    #[test]
    fn a_key_keeps_its_id_when_it_is_stored() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.jwk(), key.jwk());
    }
}
