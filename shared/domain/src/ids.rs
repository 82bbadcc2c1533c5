//! Identifiers. Each kind has a type of its own, so that a grant's id cannot be passed where a request's is meant.
//!
//! Ids that we make are random (UUID version 7, time-ordered) and come from the `Ids` port. Ids of the outside world
//! (tenants, objects in Entra) are GUIDs that we only ever compare, and compare in one spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The text is not an identifier of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}")]
pub struct IdError {
    /// What was expected, in words.
    pub kind: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that the `Ids` port or the outside world gave.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            #[must_use]
            pub const fn uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Takes the hyphenated form of 36 characters only, in either case; other spellings are refused so that
            /// one id never has two texts.
            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.len() != 36 {
                    return Err(IdError { kind: $kind });
                }
                Uuid::try_parse(text).map(Self).map_err(|_| IdError { kind: $kind })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

uuid_id!(
    /// A provisioned user: our own id, never Entra's.
    UserId, "user id"
);
uuid_id!(
    /// A provisioned group: our own id, never Entra's.
    GroupId, "group id"
);
uuid_id!(
    /// A human being, with one or several linked accounts. Until accounts are linked, a person's id equals the id of
    /// their only user.
    PersonId, "person id"
);
uuid_id!(
    /// Something that can be requested.
    EntitlementId, "entitlement id"
);
uuid_id!(
    /// One request for access.
    RequestId, "request id"
);
uuid_id!(
    /// One approver's decision.
    DecisionId, "decision id"
);
uuid_id!(
    /// The time-boxed result of an approved request.
    GrantId, "grant id"
);
uuid_id!(
    /// A question that an admin stores and provisioning answers.
    ProbeId, "probe id"
);
uuid_id!(
    /// One press of the kill switch.
    KillId, "press id"
);
uuid_id!(
    /// One admin's proposal to release what the kill switch paused.
    ProposalId, "proposal id"
);
uuid_id!(
    /// One admin's proposal to change the configuration, which another signs.
    ChangeId, "change id"
);
uuid_id!(
    /// One sign-in to the console; by this id people and audit events name it, its secret is another.
    SessionId, "session id"
);
uuid_id!(
    /// One run of a worker; owns leases.
    WorkerId, "worker id"
);
uuid_id!(
    /// A SCIM bearer secret (its id, never the secret).
    TokenId, "token id"
);
uuid_id!(
    /// An Entra tenant (`tid`).
    TenantId, "tenant id (a GUID)"
);
uuid_id!(
    /// An object in an Entra tenant: a user's `oid`, a group's id. Immutable, and the only thing identity rests on.
    ObjectId, "object id (a GUID)"
);

impl From<UserId> for PersonId {
    fn from(user: UserId) -> Self {
        Self(user.0)
    }
}

/// A registered application: a domain name in lower case, such as `contoso.example`. Also the prefix of its keys.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct ApplicationId(String);

impl ApplicationId {
    /// The domain name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ApplicationId {
    type Err = IdError;

    /// A host name as RFC 1123 section 2.1 allows, with at least two labels; letters are made lower-case.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let name = text.to_ascii_lowercase();
        let label_ok = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if name.len() <= 253 && name.contains('.') && name.split('.').all(label_ok) {
            Ok(Self(name))
        } else {
            Err(IdError {
                kind: "domain name such as contoso.example",
            })
        }
    }
}

impl<'de> Deserialize<'de> for ApplicationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_has_one_text() {
        let upper: ObjectId = "6F9619FF-8B86-D011-B42D-00CF4FC964FF".parse().unwrap();
        assert_eq!(upper.to_string(), "6f9619ff-8b86-d011-b42d-00cf4fc964ff");
        for bad in [
            "",
            "6f9619ff8b86d011b42d00cf4fc964ff",
            "{6f9619ff-8b86-d011-b42d-00cf4fc964ff}",
            "x",
        ] {
            assert!(bad.parse::<ObjectId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_application_is_a_domain_name() {
        assert_eq!(
            "Contoso.Example".parse::<ApplicationId>().unwrap().as_str(),
            "contoso.example"
        );
        for bad in [
            "",
            "contoso",
            "a..b",
            "-a.b",
            "a#b.c",
            "a.b/",
            "a b.c",
            &"x".repeat(300),
        ] {
            assert!(bad.parse::<ApplicationId>().is_err(), "{bad}");
        }
    }
}
