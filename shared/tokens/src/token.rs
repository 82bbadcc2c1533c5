//! The three parts of a token (RFC 7519, RFC 7515 section 3.1), taken apart and not yet believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hourglass_app::ports::tokens::TokenError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Longest token, in bytes. Entra's are a few thousand bytes; claims about groups overflow long before this.
const LONGEST_TOKEN: usize = 16 * 1024;
/// Longest key id, in bytes. Entra's are 27 characters.
const LONGEST_KID: usize = 128;

/// A token in its parts.
#[derive(Debug)]
pub(crate) struct Parts<'t> {
    /// The key that it claims to be signed with.
    pub(crate) kid: String,
    pub(crate) claims: Claims,
    /// Header and claims as they were signed.
    pub(crate) message: &'t [u8],
    /// Base64url.
    pub(crate) signature: &'t str,
}

/// The header's fields that matter. `jwk`, `jku`, `x5u` and `x5c` are ways to bring one's own key: they are not read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// The claims that matter (Microsoft identity platform, "Access token claims reference"). Names, mail addresses and
/// `groups` are not read: they change hands, or overflow.
#[derive(Deserialize, Debug)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    pub(crate) aud: Option<String>,
    pub(crate) tid: Option<String>,
    pub(crate) oid: Option<String>,
    pub(crate) ver: Option<String>,
    pub(crate) exp: Option<i64>,
    pub(crate) nbf: Option<i64>,
    /// The client, in version 1.
    pub(crate) appid: Option<String>,
    /// The client, in version 2.
    pub(crate) azp: Option<String>,
    pub(crate) idtyp: Option<String>,
    /// In ID tokens only.
    pub(crate) nonce: Option<Value>,
    pub(crate) scp: Option<String>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) amr: Option<Vec<String>>,
    pub(crate) acrs: Option<OneOrMany>,
    pub(crate) auth_time: Option<i64>,
    pub(crate) uti: Option<String>,
}

/// Entra writes a single value either way.
#[derive(Deserialize, Debug)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn contains(&self, value: &str) -> bool {
        match self {
            Self::One(one) => one == value,
            Self::Many(many) => many.iter().any(|one| one == value),
        }
    }
}

impl<'t> Parts<'t> {
    pub(crate) fn of(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Rejected("the token is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(NO_TOKEN)?;
        let (header, claims) = message.split_once('.').ok_or(NO_TOKEN)?;
        if signature.is_empty() || claims.contains('.') {
            return Err(NO_TOKEN);
        }
        let header: Header = decode(header)?;
        // The one algorithm Entra uses. No other is ever passed on, whatever key is found.
        if header.alg != "RS256" {
            return Err(TokenError::Rejected("the token is not signed with RS256"));
        }
        // RFC 7515 section 4.1.11: who does not understand an extension marked critical has to refuse.
        if header.crit.is_some() {
            return Err(TokenError::Rejected(
                "the token uses an extension that is not supported",
            ));
        }
        if header
            .typ
            .is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT") && !typ.eq_ignore_ascii_case("at+jwt"))
        {
            return Err(NO_TOKEN);
        }
        let kid = header.kid.filter(|kid| !kid.is_empty() && kid.len() <= LONGEST_KID);
        Ok(Self {
            kid: kid.ok_or(TokenError::Rejected(
                "the token does not name the key it is signed with",
            ))?,
            claims: decode(claims)?,
            message: message.as_bytes(),
            signature,
        })
    }
}

const NO_TOKEN: TokenError = TokenError::Rejected("this is not an access token");

/// A claim that is there twice, or of another type than Entra's, makes the token unreadable rather than ambiguous.
fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| NO_TOKEN)?;
    serde_json::from_slice(&json).map_err(|_| NO_TOKEN)
}
