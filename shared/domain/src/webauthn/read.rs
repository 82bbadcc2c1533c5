//! Strict readers of what browsers and authenticators say, without judging it.
//!
//! They accept one spelling of each content where the specifications allow to (CTAP's canonical CBOR, no bytes left
//! over, no field twice), so that whoever reads the same bytes reads the same content. The ceremony's library reads them
//! in its own way as well; both have to be content.

use serde::Deserialize;

use super::cbor::{Item, Reader};
use super::{Algorithm, AttestationObject, AuthenticatorData, ClientData, PublicKey};

/// What the browser says about a ceremony (Web Authentication Level 3 section 5.8.1). Fields that are not listed are
/// ignored, as the specification demands: browsers add some at random to keep readers honest.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ClientDataFields {
    /// `webauthn.create` or `webauthn.get`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The challenge, in base64url.
    pub challenge: String,
    /// The page's origin.
    pub origin: String,
    /// Whether the page lies in a frame of another origin.
    #[serde(rename = "crossOrigin", default)]
    pub cross_origin: Option<bool>,
    /// The origin of the outermost page, where that is another one.
    #[serde(rename = "topOrigin", default)]
    pub top_origin: Option<String>,
}

impl ClientDataFields {
    /// The fields of `data`; `None` when it is not a JSON object with these fields, each once.
    #[must_use]
    pub fn read(data: &ClientData) -> Option<Self> {
        serde_json::from_slice(data.as_bytes()).ok()
    }

    /// Whether the page lay in a frame of another origin, whichever field says so.
    #[must_use]
    pub const fn is_cross_origin(&self) -> bool {
        matches!(self.cross_origin, Some(true)) || self.top_origin.is_some()
    }
}

/// A key as part of authenticator data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttestedCredential<'a> {
    /// The model of authenticator.
    pub aaguid: [u8; 16],
    /// The key's id.
    pub id: &'a [u8],
    /// The COSE key, as written.
    pub public_key: &'a [u8],
}

/// What the authenticator says (Web Authentication Level 3 section 6.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthenticatorDataFields<'a> {
    /// SHA-256 of the rpId.
    pub rp_id_hash: [u8; 32],
    /// UP.
    pub user_present: bool,
    /// UV.
    pub user_verified: bool,
    /// BE.
    pub backup_eligible: bool,
    /// BS.
    pub backed_up: bool,
    /// Signature counter.
    pub counter: u32,
    /// The new key, in a registration.
    pub attested: Option<AttestedCredential<'a>>,
}

impl<'a> AuthenticatorDataFields<'a> {
    /// The fields of `data`; `None` when it is cut, has bytes left over, sets a reserved flag, or holds a key or
    /// extension outputs that are not canonical.
    #[must_use]
    pub fn read(data: &'a AuthenticatorData) -> Option<Self> {
        let (rp_id_hash, rest) = data.as_bytes().split_first_chunk::<32>()?;
        let ([flags], rest) = rest.split_first_chunk::<1>()?;
        let (counter, mut rest) = rest.split_first_chunk::<4>()?;
        let flag = |bit: u8| flags & (1 << bit) != 0;
        if flag(1) || flag(5) {
            return None;
        }
        let mut attested = None;
        if flag(6) {
            let (aaguid, more) = rest.split_first_chunk::<16>()?;
            let (length, more) = more.split_first_chunk::<2>()?;
            let (id, more) = more.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            let mut reader = Reader::new(more);
            reader.skip()?;
            let public_key = more.get(..more.len().checked_sub(reader.rest().len())?)?;
            attested = Some(AttestedCredential {
                aaguid: *aaguid,
                id,
                public_key,
            });
            rest = reader.rest();
        }
        if flag(7) {
            let mut reader = Reader::new(rest);
            let Item::Map(_) = reader.clone().item()? else {
                return None;
            };
            reader.skip_in_any_order()?;
            rest = reader.rest();
        }
        rest.is_empty().then_some(Self {
            rp_id_hash: *rp_id_hash,
            user_present: flag(0),
            user_verified: flag(2),
            backup_eligible: flag(3),
            backed_up: flag(4),
            counter: u32::from_be_bytes(*counter),
            attested,
        })
    }
}

/// The parts of an attestation object (Web Authentication Level 3 section 6.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttestationFields<'a> {
    /// The attestation statement format.
    pub format: &'a str,
    /// The authenticator data.
    pub authenticator_data: &'a [u8],
    /// The attestation statement, still CBOR.
    statement: &'a [u8],
}

/// A statement of the format `packed` (Web Authentication Level 3 section 8.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PackedStatement<'a> {
    /// By the key itself.
    Itself {
        /// Number of the algorithm in the IANA registry.
        algorithm: i64,
        /// The signature.
        signature: &'a [u8],
    },
    /// By a certificate.
    Certified,
}

impl<'a> AttestationFields<'a> {
    /// The attestation statement as one of the format `packed`.
    #[must_use]
    pub fn packed(&self) -> Option<PackedStatement<'a>> {
        let mut reader = Reader::new(self.statement);
        let Item::Map(count) = reader.item()? else { return None };
        let (mut algorithm, mut signature, mut certified) = (None, None, false);
        for _ in 0..count {
            match reader.item()? {
                Item::Text("alg") => match reader.item()? {
                    Item::Integer(number) => algorithm = Some(number),
                    _ => return None,
                },
                Item::Text("sig") => match reader.item()? {
                    Item::Bytes(bytes) => signature = Some(bytes),
                    _ => return None,
                },
                Item::Text("x5c") => {
                    reader.skip_in_any_order()?;
                    certified = true;
                }
                _ => return None,
            }
        }
        match (count, algorithm?, signature?, certified) {
            (2, algorithm, signature, false) => Some(PackedStatement::Itself { algorithm, signature }),
            (3, _, _, true) => Some(PackedStatement::Certified),
            _ => None,
        }
    }

    /// The parts of `object`; `None` when it is not one CBOR map of `fmt`, `attStmt` and `authData`, each once.
    #[must_use]
    pub fn read(object: &'a AttestationObject) -> Option<Self> {
        let mut reader = Reader::new(object.as_bytes());
        let Item::Map(3) = reader.item()? else { return None };
        let (mut format, mut statement, mut authenticator_data) = (None, None, None);
        for _ in 0..3 {
            match reader.item()? {
                Item::Text("fmt") if format.is_none() => match reader.item()? {
                    Item::Text(text) => format = Some(text),
                    _ => return None,
                },
                Item::Text("attStmt") if statement.is_none() => {
                    let before = reader.rest();
                    let Item::Map(_) = reader.clone().item()? else {
                        return None;
                    };
                    reader.skip_in_any_order()?;
                    statement = before.get(..before.len().checked_sub(reader.rest().len())?);
                }
                Item::Text("authData") if authenticator_data.is_none() => match reader.item()? {
                    Item::Bytes(bytes) => authenticator_data = Some(bytes),
                    _ => return None,
                },
                _ => return None,
            }
        }
        if !reader.rest().is_empty() {
            return None;
        }
        Some(Self {
            format: format?,
            authenticator_data: authenticator_data?,
            statement: statement?,
        })
    }
}

/// A public key, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFields<'a> {
    /// A point of P-256.
    Es256 {
        /// 32 bytes, big-endian.
        x: &'a [u8],
        /// 32 bytes, big-endian.
        y: &'a [u8],
    },
    /// A point of Ed25519, compressed.
    EdDsa {
        /// 32 bytes.
        x: &'a [u8],
    },
    /// An RSA key of 2048 bits with the exponent 65537.
    Rs256 {
        /// 256 bytes, big-endian.
        n: &'a [u8],
    },
}

/// 65537, the exponent of every RSA key that authenticators make.
pub const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

impl<'a> KeyFields<'a> {
    /// The parts of `key`; `None` when it is anything but the required parameters of one of our algorithms, in CTAP's
    /// canonical order and with nothing after them (Web Authentication Level 3 section 6.5.1.1).
    #[must_use]
    pub fn read(key: &'a PublicKey) -> Option<Self> {
        let mut reader = Reader::new(key.as_bytes());
        let Item::Map(count) = reader.item()? else { return None };
        let mut parameter = |label: i64| match (reader.item()?, reader.item()?) {
            (Item::Integer(found), value) if found == label => Some(value),
            _ => None,
        };
        let (Item::Integer(kind), Item::Integer(algorithm)) = (parameter(1)?, parameter(3)?) else {
            return None;
        };
        let fields = match (count, kind, algorithm) {
            (5, 2, -7) => match (parameter(-1)?, parameter(-2)?, parameter(-3)?) {
                (Item::Integer(1), Item::Bytes(x), Item::Bytes(y)) if x.len() == 32 && y.len() == 32 => {
                    Self::Es256 { x, y }
                }
                _ => return None,
            },
            (4, 1, -8) => match (parameter(-1)?, parameter(-2)?) {
                (Item::Integer(6), Item::Bytes(x)) if x.len() == 32 => Self::EdDsa { x },
                _ => return None,
            },
            (4, 3, -257) => match (parameter(-1)?, parameter(-2)?) {
                (Item::Bytes(n), Item::Bytes(e)) if n.len() == 256 && n.first() >= Some(&128) && e == RSA_EXPONENT => {
                    Self::Rs256 { n }
                }
                _ => return None,
            },
            _ => return None,
        };
        reader.rest().is_empty().then_some(fields)
    }

    /// Which algorithm it is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256 { .. } => Algorithm::Es256,
            Self::EdDsa { .. } => Algorithm::EdDsa,
            Self::Rs256 { .. } => Algorithm::Rs256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn es256() -> Vec<u8> {
        let mut key = hex::decode("a5010203262001215820").unwrap();
        key.extend([1; 32]);
        key.extend(hex::decode("225820").unwrap());
        key.extend([2; 32]);
        key
    }

    fn authenticator_data(flags: u8, more: &[u8]) -> AuthenticatorData {
        let mut data = vec![9; 32];
        data.push(flags);
        data.extend([0, 0, 1, 2]);
        data.extend(more);
        AuthenticatorData::new(data).unwrap()
    }

    #[test]
    fn keys_of_our_algorithms_are_read_and_no_others() {
        let key = PublicKey::new(es256()).unwrap();
        let fields = KeyFields::read(&key).unwrap();
        assert_eq!(
            fields,
            KeyFields::Es256 {
                x: &[1; 32],
                y: &[2; 32]
            }
        );
        let mut rsa = hex::decode("a401030339010020590100").unwrap();
        rsa.extend([200; 256]);
        rsa.extend(hex::decode("2143010001").unwrap());
        let rsa = PublicKey::new(rsa).unwrap();
        assert_eq!(KeyFields::read(&rsa).unwrap().algorithm(), Algorithm::Rs256);
        let mut ed = hex::decode("a4010103272006215820").unwrap();
        ed.extend([3; 32]);
        let ed = PublicKey::new(ed).unwrap();
        assert_eq!(KeyFields::read(&ed).unwrap().algorithm(), Algorithm::EdDsa);

        let (valid, changed) = (es256(), |at: usize, byte: u8| {
            let mut key = es256();
            key[at] = byte;
            key
        });
        for bad in [
            [valid.clone(), vec![0]].concat(),
            valid[..76].to_vec(),
            changed(0, 0xa4),
            changed(0, 0xa6),
            changed(2, 3),    // key type
            changed(4, 0x27), // algorithm EdDSA with a point of P-256
            changed(4, 0x2f), // an algorithm that is not registered
            changed(6, 2),    // curve P-384
            changed(9, 31),   // length of x
            changed(5, 0x21), // labels twice
        ] {
            assert_eq!(
                KeyFields::read(&PublicKey::new(bad.clone()).unwrap()),
                None,
                "{bad:02x?}"
            );
        }
    }

    #[test]
    fn authenticator_data_is_read_to_its_end() {
        let plain = authenticator_data(0b1_1101, &[]);
        let fields = AuthenticatorDataFields::read(&plain).unwrap();
        assert!(fields.user_present && fields.user_verified && fields.backup_eligible && fields.backed_up);
        assert_eq!((fields.counter, fields.attested), (258, None));
        let key = [vec![7; 16], vec![0, 2, 5, 6], es256()].concat();
        let attested = authenticator_data(0b100_0001, &key);
        let fields = AuthenticatorDataFields::read(&attested).unwrap().attested.unwrap();
        assert_eq!((fields.id, fields.public_key), ([5, 6].as_slice(), es256().as_slice()));
        let extended = [key.clone(), hex::decode("a16b6372656450726f7465637402").unwrap()].concat();
        assert!(AuthenticatorDataFields::read(&authenticator_data(0b1100_0001, &extended)).is_some());
        for (flags, more) in [
            (0b1, vec![0]),            // left over
            (0b11, vec![]),            // reserved
            (0b10_0001, vec![]),       // reserved
            (0b100_0001, vec![]),      // no key
            (0b1000_0001, vec![]),     // no extensions
            (0b1000_0001, vec![0x80]), // extensions that are no map
            (0b100_0001, extended.clone()),
            (0b1100_0001, key.clone()),
            (0b100_0001, [vec![7; 16], vec![255, 255, 5, 6], es256()].concat()),
        ] {
            assert_eq!(
                AuthenticatorDataFields::read(&authenticator_data(flags, &more)),
                None,
                "{flags:b} {more:?}"
            );
        }
    }

    #[test]
    fn client_data_names_each_field_once() {
        let read = |text: &str| ClientDataFields::read(&ClientData::new(text).unwrap());
        let fields =
            read(r#"{"type":"t","challenge":"c","origin":"o","crossOrigin":false,"other":{"a":[1]}}"#).unwrap();
        assert!(!fields.is_cross_origin());
        for framed in [
            r#""crossOrigin":true"#,
            r#""topOrigin":"x""#,
            r#""crossOrigin":false,"topOrigin":"""#,
        ] {
            let text = format!(r#"{{"type":"t","challenge":"c","origin":"o",{framed}}}"#);
            assert!(read(&text).unwrap().is_cross_origin(), "{framed}");
        }
        for bad in [
            r#"{"type":"t","challenge":"c"}"#,
            r#"{"type":"t","type":"t","challenge":"c","origin":"o"}"#,
            r#"{"type":"t","challenge":"c","origin":"o","crossOrigin":true,"crossOrigin":false}"#,
            r#"{"type":"t","challenge":"c","origin":"o","crossOrigin":"false"}"#,
            r#"{"type":"t","challenge":"c","origin":"o"} "{}"#,
            "[]",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_attestation_object_has_three_parts() {
        let read = |hexed: &str| {
            let object = AttestationObject::new(hex::decode(hexed).unwrap()).unwrap();
            AttestationFields::read(&object)
                .map(|fields| (fields.format.to_owned(), fields.authenticator_data.to_vec()))
        };
        let (format, statement, data) = ("63666d74646e6f6e65", "6761747453746d74a0", "68617574684461746142 0102");
        let data = data.replace(' ', "");
        let expected = Some(("none".to_owned(), vec![1, 2]));
        assert_eq!(read(&format!("a3{format}{statement}{data}")), expected);
        assert_eq!(read(&format!("a3{data}{format}{statement}")), expected);
        for bad in [
            format!("a3{format}{statement}{data}00"),
            format!("a2{format}{data}"),
            format!("a3{format}{format}{data}"),
            format!("a3{format}{statement}{statement}"),
            format!("a3{format}6761747453746d7400{data}"),
            format!("a4{format}{statement}{data}6161f5"),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 37..400)) {
            let _ = AuthenticatorDataFields::read(&AuthenticatorData::new(bytes.clone()).unwrap());
            let _ = KeyFields::read(&PublicKey::new(bytes.clone()).unwrap());
            let _ = AttestationFields::read(&AttestationObject::new(bytes.clone()).unwrap());
            let _ = ClientDataFields::read(&ClientData::new(bytes).unwrap());
        }
    }
}
