//! Passkeys: whose a key is, from when on it counts, and what it takes to add, rename or remove one.
//!
//! Enrolment is the weak link of every scheme with keys: whoever can add one to somebody's account can sign as them from
//! then on. So a session alone adds nothing. A new key waits until it is confirmed: by an assertion of a key that the person
//! already uses, or, for a first key and after a recovery, by another admin's; the very first admin's by the code from
//! set-up. A key that no key of the same person vouches for cools down before it counts where it matters most.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ApplicationId, ObjectId, TenantId, UserId};
use crate::refusal::{Listed, Rule};
use crate::signed::Nonce;
use crate::text::{LONGEST_NAME, check_line};
use crate::webauthn::{AuthenticatorData, ClientData, CredentialId, Signature};
use crate::{Refusal, Timestamp};

/// How long in seconds a key that no key of the same person vouches for cools down, before it counts on critical
/// entitlements, in emergencies and for what admins sign: time for the person and the admins to notice.
pub const COOL_DOWN_SECONDS: i64 = 86_400;
/// Most keys of one person, removed ones not counted.
pub const MOST_KEYS: usize = 10;
/// How long in seconds a ceremony may take from its challenge to its answer.
pub const CEREMONY_SECONDS: i64 = 120;
/// How long in seconds a proposed recovery waits for the second admin.
pub const RECOVERY_SECONDS: i64 = 3_600;
/// Most authenticator models on an entitlement's list.
pub const MOST_MODELS: usize = 100;

/// Where a key stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// Registered, and good for nothing until somebody confirms it.
    Waiting,
    /// Confirmed.
    Usable,
    /// Removed; kept, because decisions were signed with it.
    Removed,
}

/// Who said that a key is the person's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Voucher {
    /// The person, with a key that they already used.
    OwnKey {
        /// Its credential id.
        credential: CredentialId,
    },
    /// Another admin, with their key.
    Admin {
        /// Who.
        user: UserId,
        /// The credential id of the admin's key.
        credential: CredentialId,
    },
    /// The code from set-up: the very first admin.
    SetUp,
}

/// A passkey, as far as rules look at it. What verifies its signatures is kept beside it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Passkey {
    /// The application.
    pub application: ApplicationId,
    /// Whose it is.
    pub owner: UserId,
    /// The owner's tenant.
    pub tenant: TenantId,
    /// The owner's object id.
    pub object_id: ObjectId,
    /// The credential id.
    pub credential: CredentialId,
    /// The name that the owner gave it.
    pub name: String,
    /// The relying party that it was made for.
    pub rp_id: String,
    /// The authenticator's model, as it says itself; all zeros where it does not say.
    pub aaguid: Uuid,
    /// Whether the authenticator proved its model (an attestation statement that verifies).
    pub attested: bool,
    /// Whether it may be copied to other devices (WebAuthn Level 3, section 6.1.3, flag BE).
    pub backup_eligible: bool,
    /// Where it stands.
    pub status: KeyStatus,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Who vouched for it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<(Voucher, Timestamp)>,
    /// From when on it counts where it matters most; `None` while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_at: Option<Timestamp>,
    /// When it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
}

/// What a person signed with a key, and everything that is needed to verify it again years later, but for the key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The credential id of the key.
    pub credential: CredentialId,
    /// The canonical text of what was signed ([`crate::signed::Form`]).
    pub form: String,
    /// The 32 random bytes in the challenge.
    pub nonce: Nonce,
    /// The authenticator's data (WebAuthn Level 3, section 6.1).
    pub authenticator_data: AuthenticatorData,
    /// The client's data, as it was signed.
    pub client_data: ClientData,
    /// The signature over both.
    pub signature: Signature,
}

/// Which passkeys an entitlement takes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "keys", rename_all = "snake_case")]
pub enum Attestation {
    /// Any.
    #[default]
    Any,
    /// Those that cannot leave their device.
    DeviceBound,
    /// Those of the listed models, which the authenticator has to prove.
    Models {
        /// The AAGUIDs.
        aaguids: BTreeSet<Uuid>,
    },
}

impl Attestation {
    /// Whether every key is taken.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// # Errors
    /// When the list is empty or longer than [`MOST_MODELS`].
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Models { aaguids } if aaguids.is_empty() || aaguids.len() > MOST_MODELS => Err(Refusal::invalid(
                "attestation",
                Rule::Count {
                    most: MOST_MODELS,
                    of: Listed::AuthenticatorModels,
                },
            )),
            _ => Ok(()),
        }
    }

    /// Whether `key` is taken.
    ///
    /// # Errors
    /// [`Refusal::KeyNotTaken`] with what the entitlement asks for.
    pub fn takes(&self, key: &Passkey) -> Result<(), Refusal> {
        let needs = match self {
            Self::Any => return Ok(()),
            Self::DeviceBound if !key.backup_eligible => return Ok(()),
            Self::Models { aaguids } if key.attested && aaguids.contains(&key.aaguid) => return Ok(()),
            Self::DeviceBound => "a key that cannot leave its device",
            Self::Models { .. } => "a key of a model on its list, which the key has to prove",
        };
        Err(Refusal::KeyNotTaken { needs })
    }
}

impl Passkey {
    /// # Errors
    /// When a name is no single line of 1 to [`LONGEST_NAME`] characters.
    pub fn check_name(name: &str) -> Result<(), Refusal> {
        check_line("name", name, 1, LONGEST_NAME)
    }

    /// Whether its signature is worth anything: confirmed, not removed, and made for the relying party of today.
    #[must_use]
    pub fn is_usable(&self, rp_id: &str) -> bool {
        self.status == KeyStatus::Usable && self.rp_id == rp_id
    }

    /// Whether it counts on critical entitlements, in emergencies and for what admins sign.
    ///
    /// # Errors
    /// [`Refusal::KeyCoolsDown`] with when it will; [`Refusal::KeyWaits`] while nobody has confirmed it.
    pub fn counts(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.counts_at {
            Some(at) if at <= now => Ok(()),
            Some(until) => Err(Refusal::KeyCoolsDown { until }),
            None => Err(Refusal::KeyWaits),
        }
    }

    /// The key, confirmed. One that a key of the same person vouches for counts from when that one does; every other cools
    /// down first.
    ///
    /// # Errors
    /// When it does not wait.
    pub fn confirm(
        &self,
        voucher: Voucher,
        own: Option<&Self>,
        cool_down_seconds: i64,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if self.status != KeyStatus::Waiting {
            return Err(Refusal::NotFound {
                what: "waiting passkey",
            });
        }
        let counts_at = match own.and_then(|own| own.counts_at) {
            Some(since) => since.max(now),
            None => now.plus_seconds(cool_down_seconds),
        };
        Ok(Self {
            status: KeyStatus::Usable,
            confirmed: Some((voucher, now)),
            counts_at: Some(counts_at),
            ..self.clone()
        })
    }

    /// The key, removed.
    ///
    /// # Errors
    /// When it was before.
    pub fn remove(&self, now: Timestamp) -> Result<Self, Refusal> {
        if self.status == KeyStatus::Removed {
            return Err(Refusal::NotFound { what: "passkey" });
        }
        Ok(Self {
            status: KeyStatus::Removed,
            removed_at: Some(now),
            ..self.clone()
        })
    }
}

/// A proposal to take all of somebody's keys away, because they lost them: a second admin carries it out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recovery {
    /// The application.
    pub application: ApplicationId,
    /// Whose keys.
    pub user: UserId,
    /// The admin who proposed it.
    pub proposed_by: crate::directory::Party,
    /// When.
    pub proposed_at: Timestamp,
    /// When it was carried out, and the admin who confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<(crate::directory::Party, Timestamp)>,
}

impl Recovery {
    /// Whether `admin` may carry it out now.
    ///
    /// # Errors
    /// When it was carried out, is too old, or `admin` proposed it or is who it is for.
    pub fn check_second(&self, admin: &crate::directory::Party, now: Timestamp) -> Result<(), Refusal> {
        if self.done.is_some() || now.seconds_since(self.proposed_at) > RECOVERY_SECONDS {
            return Err(Refusal::NotFound { what: "recovery" });
        }
        if admin.same_person(&self.proposed_by) {
            return Err(Refusal::SecondAdmin);
        }
        if admin.user == self.user {
            return Err(Refusal::OwnAccess);
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::request::tests::party;

    const NOW: Timestamp = Timestamp::from_seconds(100_000);
    const RP: &str = "hourglass.contoso.example";

    /// A waiting key of the party with this number.
    pub(crate) fn waiting(number: u128) -> Passkey {
        let owner = party(number);
        Passkey {
            application: "contoso.example".parse().unwrap(),
            owner: owner.user,
            tenant: owner.tenant,
            object_id: owner.object_id,
            credential: CredentialId::new(number.to_be_bytes()).unwrap(),
            name: "laptop".to_owned(),
            rp_id: RP.to_owned(),
            aaguid: Uuid::nil(),
            attested: false,
            backup_eligible: true,
            status: KeyStatus::Waiting,
            registered_at: NOW,
            confirmed: None,
            counts_at: None,
            removed_at: None,
        }
    }

    /// What an assertion of that key looks like to rules, which do not verify it.
    pub(crate) fn proof(key: &Passkey) -> Proof {
        Proof {
            credential: key.credential.clone(),
            form: "{}".to_owned(),
            nonce: Nonce::new([7; 32]),
            authenticator_data: AuthenticatorData::new([0; 37]).unwrap(),
            client_data: ClientData::new(*b"{}").unwrap(),
            signature: Signature::new([1]).unwrap(),
        }
    }

    /// A key of the party with this number that has counted for long.
    pub(crate) fn usable(number: u128) -> Passkey {
        let old = NOW.plus_seconds(-10 * COOL_DOWN_SECONDS);
        waiting(number).confirm(Voucher::SetUp, None, 0, old).unwrap()
    }

    fn by_admin() -> Voucher {
        Voucher::Admin {
            user: party(12).user,
            credential: usable(12).credential,
        }
    }

    #[test]
    fn a_key_is_worth_nothing_before_somebody_confirms_it() {
        let key = waiting(10);
        assert!(!key.is_usable(RP));
        assert_eq!(key.counts(NOW), Err(Refusal::KeyWaits));
    }

    #[test]
    fn a_first_key_cools_down_before_it_counts_where_it_matters() {
        let key = waiting(10).confirm(by_admin(), None, COOL_DOWN_SECONDS, NOW).unwrap();
        assert!(key.is_usable(RP), "ordinary entitlements take it at once");
        let until = NOW.plus_seconds(COOL_DOWN_SECONDS);
        assert_eq!(key.counts(until.plus_seconds(-1)), Err(Refusal::KeyCoolsDown { until }));
        assert_eq!(key.counts(until), Ok(()));
    }

    #[test]
    fn a_key_that_an_older_one_vouches_for_counts_from_when_that_one_does() {
        let voucher = || Voucher::OwnKey {
            credential: usable(10).credential,
        };
        let old = usable(10);
        let key = waiting(10)
            .confirm(voucher(), Some(&old), COOL_DOWN_SECONDS, NOW)
            .unwrap();
        assert_eq!(key.counts(NOW), Ok(()));
        let young = waiting(10).confirm(by_admin(), None, COOL_DOWN_SECONDS, NOW).unwrap();
        let key = waiting(10)
            .confirm(voucher(), Some(&young), COOL_DOWN_SECONDS, NOW.plus_seconds(5))
            .unwrap();
        assert_eq!(key.counts_at, young.counts_at, "a young key makes no old one");
    }

    #[test]
    fn only_a_waiting_key_is_confirmed_and_a_removed_one_stays_removed() {
        let gone = usable(10).remove(NOW).unwrap();
        assert!(!gone.is_usable(RP));
        assert!(gone.remove(NOW).is_err());
        assert!(gone.confirm(by_admin(), None, 0, NOW).is_err());
        assert!(usable(10).confirm(by_admin(), None, 0, NOW).is_err());
    }

    #[test]
    fn a_key_of_another_relying_party_is_void() {
        assert!(usable(10).is_usable(RP));
        assert!(!usable(10).is_usable("access.contoso.example"));
    }

    #[test]
    fn an_entitlement_takes_the_keys_that_it_asks_for() {
        let synced = usable(10);
        let bound = Passkey {
            backup_eligible: false,
            ..usable(10)
        };
        let model = Uuid::from_u128(7);
        let proved = Passkey {
            aaguid: model,
            attested: true,
            ..bound.clone()
        };
        let claimed = Passkey {
            attested: false,
            ..proved.clone()
        };
        let models = Attestation::Models {
            aaguids: [model].into(),
        };
        for (policy, key, taken) in [
            (&Attestation::Any, &synced, true),
            (&Attestation::DeviceBound, &synced, false),
            (&Attestation::DeviceBound, &bound, true),
            (&models, &proved, true),
            (&models, &claimed, false),
            (&models, &bound, false),
        ] {
            assert_eq!(policy.takes(key).is_ok(), taken, "{policy:?} {key:?}");
        }
        let none = Attestation::Models {
            aaguids: BTreeSet::new(),
        };
        assert!(none.check().is_err());
        assert!(models.check().is_ok());
    }

    #[test]
    fn a_recovery_takes_two_admins_and_neither_is_who_it_is_for() {
        let recovery = Recovery {
            application: "contoso.example".parse().unwrap(),
            user: party(10).user,
            proposed_by: party(11),
            proposed_at: NOW,
            done: None,
        };
        assert_eq!(recovery.check_second(&party(12), NOW), Ok(()));
        assert_eq!(recovery.check_second(&party(11), NOW), Err(Refusal::SecondAdmin));
        assert_eq!(recovery.check_second(&party(10), NOW), Err(Refusal::OwnAccess));
        let late = NOW.plus_seconds(RECOVERY_SECONDS + 1);
        assert!(recovery.check_second(&party(12), late).is_err());
        let done = Recovery {
            done: Some((party(12), NOW)),
            ..recovery
        };
        assert!(done.check_second(&party(13), NOW).is_err());
    }
}
