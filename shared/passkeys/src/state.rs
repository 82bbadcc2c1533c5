//! What is stored between the two halves of a ceremony, and how a form is bound to it.
//!
//! The library's states are stored in their serde form. Of an assertion's the challenge is replaced; the keys are left out
//! and put in again at the end, as they are then.

use hourglass_app::ports::passkeys::{CredentialId, PasskeyError};
use hourglass_domain::canonical::Digest;
use hourglass_domain::ids::UserId;
use hourglass_domain::signed::{Form, Nonce};
use hourglass_domain::webauthn::base64url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use webauthn_rs_core::proto::{AuthenticationState, RegistrationState};

/// The version of what is stored: another one is not read, and the ceremony begins again.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Stored {
    Registration {
        v: u8,
        user: UserId,
        known: Vec<CredentialId>,
        ceremony: Value,
    },
    Assertion {
        v: u8,
        user: UserId,
        ceremony: Value,
    },
}

impl Stored {
    fn write(&self) -> Result<String, PasskeyError> {
        serde_json::to_string(self).map_err(|_| PasskeyError::BadState)
    }
}

/// A registration that has begun.
pub(crate) struct Registration {
    pub(crate) user: UserId,
    pub(crate) known: Vec<CredentialId>,
    pub(crate) ceremony: RegistrationState,
}

impl Registration {
    pub(crate) fn write(&self) -> Result<String, PasskeyError> {
        let stored = Stored::Registration {
            v: VERSION,
            user: self.user,
            known: self.known.clone(),
            ceremony: serde_json::to_value(&self.ceremony).map_err(|_| PasskeyError::BadState)?,
        };
        stored.write()
    }

    pub(crate) fn read(text: &str) -> Result<Self, PasskeyError> {
        match serde_json::from_str(text) {
            Ok(Stored::Registration {
                v: VERSION,
                user,
                known,
                ceremony,
            }) => Ok(Self {
                user,
                known,
                ceremony: serde_json::from_value(ceremony).map_err(|_| PasskeyError::BadState)?,
            }),
            _ => Err(PasskeyError::BadState),
        }
    }
}

/// An assertion that has begun.
pub(crate) struct Assertion {
    pub(crate) user: UserId,
    pub(crate) ceremony: AuthenticationState,
}

impl Assertion {
    /// Binds `form` to a ceremony that the library began with the challenge `random`: the nonce, the challenge that
    /// takes its place, and what is stored.
    pub(crate) fn bind(
        user: UserId,
        random: &[u8],
        ceremony: AuthenticationState,
        form: &Form,
    ) -> Result<(Nonce, Digest, String), PasskeyError> {
        let nonce = Nonce::new(random.try_into().map_err(|_| PasskeyError::BadState)?);
        let (challenge, state) = Self::bind_to(user, random, nonce, ceremony, form)?;
        Ok((nonce, challenge, state))
    }

    /// As [`Self::bind`], with a nonce of an earlier ceremony.
    pub(crate) fn bind_to(
        user: UserId,
        random: &[u8],
        nonce: Nonce,
        mut ceremony: AuthenticationState,
        form: &Form,
    ) -> Result<(Digest, String), PasskeyError> {
        let challenge = form.challenge(&nonce).map_err(|_| PasskeyError::Malformed)?;
        ceremony.set_allowed_credentials(Vec::new());
        let mut ceremony = serde_json::to_value(&ceremony).map_err(|_| PasskeyError::BadState)?;
        // Replaced only where the library's own challenge is found in the place and the spelling that are expected.
        match ceremony.get_mut("challenge") {
            Some(found) if *found == base64url(random) => *found = base64url(challenge.as_bytes()).into(),
            _ => return Err(PasskeyError::BadState),
        }
        let stored = Stored::Assertion {
            v: VERSION,
            user,
            ceremony,
        };
        Ok((challenge, stored.write()?))
    }

    pub(crate) fn read(text: &str) -> Result<Self, PasskeyError> {
        match serde_json::from_str(text) {
            Ok(Stored::Assertion {
                v: VERSION,
                user,
                ceremony,
            }) => Ok(Self {
                user,
                ceremony: serde_json::from_value(ceremony).map_err(|_| PasskeyError::BadState)?,
            }),
            _ => Err(PasskeyError::BadState),
        }
    }
}

#[cfg(test)]
mod tests {
    use hourglass_app::ports::passkeys::{KeyMaterial, Passkeys as _};
    use hourglass_domain::webauthn::{CredentialId, PublicKey, from_base64url};

    use super::*;
    use crate::CorePasskeys;

    const USER: &str = "01938f5c-7e00-7000-8000-000000000042";

    /// A key of P-256: the point of RFC 6979, appendix A.2.5.
    fn key() -> KeyMaterial {
        let x = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
        let y = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
        let cose: Vec<u8> = format!("a5010203262001215820{x}225820{y}")
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        KeyMaterial {
            user: USER.parse().unwrap(),
            credential: CredentialId::new([7; 16]).unwrap(),
            public_key: PublicKey::new(cose).unwrap(),
            backup_eligible: false,
            backed_up: false,
            counter: 3,
            transports: vec!["usb".to_owned()],
        }
    }

    fn form() -> Form {
        let text = format!(
            r#"{{"action":"recover","application":"contoso.example","expires_at":"2026-11-22T09:32:00Z","form":"hourglass/key/v1","owner":{{"object_id":"{USER}","tenant":"{USER}"}},"signer":{{"object_id":"{USER}","tenant":"{USER}"}}}}"#
        );
        Form::from_bytes(text.as_bytes()).unwrap()
    }

    /// The shape that `Assertion::bind` relies on. If this fails after an update of the library, read its
    /// `AuthenticationState` and `authenticate_credential` again before anything is changed here.
    #[test]
    fn the_librarys_state_looks_as_it_did_when_the_binding_was_written() {
        let passkeys = CorePasskeys::new("https://access.contoso.example").unwrap();
        let begun = passkeys.begin_assertion(&[key()], &form()).unwrap();
        let stored: Value = serde_json::from_str(&begun.state).unwrap();
        let ceremony = stored["ceremony"].as_object().unwrap();
        let mut names: Vec<&str> = ceremony.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "allow_backup_eligible_upgrade",
                "appid",
                "challenge",
                "credentials",
                "policy"
            ]
        );
        assert_eq!(ceremony["allow_backup_eligible_upgrade"], false);
        assert_eq!(ceremony["appid"], Value::Null);
        assert_eq!(ceremony["policy"], "required");
        assert_eq!(ceremony["credentials"], Value::Array(Vec::new()));

        let bound = form().challenge(&begun.nonce).unwrap();
        assert_eq!(ceremony["challenge"], base64url(bound.as_bytes()));
        assert_eq!(begun.options["publicKey"]["challenge"], ceremony["challenge"]);
        assert!(Assertion::read(&begun.state).is_ok());
    }

    #[test]
    fn a_challenge_that_is_not_where_it_is_expected_is_not_replaced() {
        let passkeys = CorePasskeys::new("https://access.contoso.example").unwrap();
        let ceremony = || {
            let begun = passkeys.begin_assertion(&[key()], &form()).unwrap();
            let challenge = begun.options["publicKey"]["challenge"].as_str().unwrap().to_owned();
            (
                from_base64url(&challenge).unwrap(),
                Assertion::read(&begun.state).unwrap().ceremony,
            )
        };
        let user: UserId = USER.parse().unwrap();
        let (found, state) = ceremony();
        assert!(Assertion::bind(user, &found, state, &form()).is_ok());
        let (_, state) = ceremony();
        assert!(
            Assertion::bind(user, &[0; 32], state, &form()).is_err(),
            "another challenge"
        );
        let (found, state) = ceremony();
        assert!(
            Assertion::bind(user, &found[..31], state, &form()).is_err(),
            "no 32 bytes"
        );
    }

    #[test]
    fn a_state_of_another_kind_or_version_is_not_read() {
        let passkeys = CorePasskeys::new("https://access.contoso.example").unwrap();
        let state = passkeys.begin_assertion(&[key()], &form()).unwrap().state;
        assert!(Registration::read(&state).is_err());
        for bad in [
            state.replace(r#""v":1"#, r#""v":2"#),
            state.replace(r#""v":1"#, r#""v":1,"w":1"#),
            state.replace("assertion", "other"),
            String::new(),
        ] {
            assert!(Assertion::read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_of_several_people_are_not_asked_for_together() {
        let passkeys = CorePasskeys::new("https://access.contoso.example").unwrap();
        assert_eq!(
            passkeys.begin_assertion(&[], &form()).unwrap_err(),
            PasskeyError::NoKeys
        );
        let other = KeyMaterial {
            user: "01938f5c-7e00-7000-8000-000000000043".parse().unwrap(),
            ..key()
        };
        assert_eq!(
            passkeys.begin_assertion(&[key(), other], &form()).unwrap_err(),
            PasskeyError::WrongUser
        );
    }
}
