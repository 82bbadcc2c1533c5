//! Audit events in chained streams.
//!
//! Each stream (a request with its grant, a membership, a person, a configuration object) is a list of events in which
//! each carries the hash of the one before it, so that a changed, removed or reordered event shows. Events name people
//! by our internal ids only; what people wrote lies in a side item bound by a salted hash, so that it can be erased
//! and the chain still verifies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::canonical::{CanonicalError, Digest, canonical_hash};
use crate::ids::{TenantId, TokenId, UserId};

/// Which list of events.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(String);

impl StreamId {
    /// The stream of a request and of the grant it leads to.
    #[must_use]
    pub fn request(id: crate::ids::RequestId) -> Self {
        Self(format!("request:{id}"))
    }

    /// The stream of a membership.
    #[must_use]
    pub fn membership(key: &crate::membership::MembershipKey) -> Self {
        Self(format!("membership:{}", key.key()))
    }

    /// The stream of a person's account.
    #[must_use]
    pub fn user(application: &crate::ids::ApplicationId, id: UserId) -> Self {
        Self(format!("user:{application}:{id}"))
    }

    /// The stream of an account that is not provisioned: an administrator's who signs in before anything is.
    #[must_use]
    pub fn account(tenant: TenantId, object_id: crate::ids::ObjectId) -> Self {
        Self(format!("account:{tenant}:{object_id}"))
    }

    /// The stream of a provisioned group.
    #[must_use]
    pub fn group(application: &crate::ids::ApplicationId, id: crate::ids::GroupId) -> Self {
        Self(format!("group:{application}:{id}"))
    }

    /// The stream of a configuration object: `kind` is `application`, `entitlement`, `template`, `integration`, …
    #[must_use]
    pub fn config(application: &crate::ids::ApplicationId, kind: &str, id: &str) -> Self {
        Self(format!("config:{application}:{kind}:{id}"))
    }

    /// The text by which it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who did it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A provisioned user.
    User {
        /// Our id.
        id: UserId,
    },
    /// An administrator who is signed in but not provisioned.
    Admin {
        /// The tenant.
        tenant: TenantId,
        /// The object id.
        object_id: crate::ids::ObjectId,
    },
    /// Entra's provisioning, by its secret's id.
    Scim {
        /// The secret's id.
        token: TokenId,
    },
    /// One of our own functions.
    System {
        /// Which.
        function: String,
    },
}

impl Actor {
    /// One of our own functions.
    #[must_use]
    pub fn system(function: &str) -> Self {
        Self::System {
            function: function.to_owned(),
        }
    }
}

/// An object that an event changed, and its version afterwards.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Changed {
    /// `request`, `decision`, `grant`, `holds`, `membership`, `entitlement`, …
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its version after the change; 0 when it was deleted.
    pub version: u64,
}

/// What people wrote, kept beside the event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Personal {
    /// 16 random bytes in hexadecimal, so that short texts cannot be guessed from their hash.
    pub salt: String,
    /// The texts by name.
    pub fields: BTreeMap<String, String>,
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Its stream.
    pub stream: StreamId,
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What: `request.created`, `grant.active`, …
    pub action: String,
    /// Which objects, and their new versions.
    pub objects: Vec<Changed>,
    /// Machine facts: states, durations, codes, times. No names, no free text.
    pub facts: BTreeMap<String, String>,
    /// Salted hash of what people wrote.
    pub personal: Option<Digest>,
    /// Hash of the event before it; of the stream's name for the first.
    pub previous: Digest,
    /// Hash of all of the above.
    pub hash: Digest,
}

/// The end of a stream, an item of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Head {
    /// The stream.
    pub stream: StreamId,
    /// Number of its last event; 0 before the first.
    pub seq: u64,
    /// Hash of its last event.
    pub hash: Digest,
}

impl Head {
    /// The head of a stream without events.
    #[must_use]
    pub fn start(stream: StreamId) -> Self {
        let hash = Digest::of(format!("hourglass/audit/v1\0{}", stream.as_str()).as_bytes());
        Self { stream, seq: 0, hash }
    }
}

/// An event that is to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: &'static str,
    /// Machine facts.
    pub facts: BTreeMap<String, String>,
    /// What people wrote.
    pub personal: Option<Personal>,
}

impl Draft {
    /// An event without facts.
    #[must_use]
    pub const fn new(at: Timestamp, actor: Actor, action: &'static str) -> Self {
        Self {
            at,
            actor,
            action,
            facts: BTreeMap::new(),
            personal: None,
        }
    }

    /// With a machine fact.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl ToString) -> Self {
        self.facts.insert(name.to_owned(), value.to_string());
        self
    }

    /// With what people wrote.
    #[must_use]
    pub fn personal(mut self, personal: Option<Personal>) -> Self {
        self.personal = personal;
        self
    }
}

/// Everything of an event that its hash covers.
#[derive(Serialize)]
struct Hashed<'a> {
    stream: &'a StreamId,
    seq: u64,
    at: Timestamp,
    actor: &'a Actor,
    action: &'a str,
    objects: &'a [Changed],
    facts: &'a BTreeMap<String, String>,
    personal: &'a Option<Digest>,
    previous: Digest,
}

/// The next event of a stream, and the stream's new head.
///
/// # Errors
/// Never for drafts made by our code; see [`CanonicalError`].
pub fn append(head: &Head, draft: &Draft, objects: Vec<Changed>) -> Result<(Event, Head), CanonicalError> {
    let personal = draft.personal.as_ref().map(canonical_hash).transpose()?;
    let mut event = Event {
        stream: head.stream.clone(),
        seq: head.seq.saturating_add(1),
        at: draft.at,
        actor: draft.actor.clone(),
        action: draft.action.to_owned(),
        objects,
        facts: draft.facts.clone(),
        personal,
        previous: head.hash,
        hash: head.hash,
    };
    event.hash = hash_of(&event)?;
    let head = Head {
        stream: head.stream.clone(),
        seq: event.seq,
        hash: event.hash,
    };
    Ok((event, head))
}

fn hash_of(event: &Event) -> Result<Digest, CanonicalError> {
    canonical_hash(&Hashed {
        stream: &event.stream,
        seq: event.seq,
        at: event.at,
        actor: &event.actor,
        action: &event.action,
        objects: &event.objects,
        facts: &event.facts,
        personal: &event.personal,
        previous: event.previous,
    })
}

/// Where a chain breaks.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChainError {
    /// An event is missing, out of order, or does not continue the one before it.
    #[error("event {seq} does not continue the chain")]
    Broken {
        /// The number that was expected there.
        seq: u64,
    },
    /// An event's content does not match its hash.
    #[error("event {seq} was changed")]
    Changed {
        /// Its number.
        seq: u64,
    },
    /// The events end before or after the head.
    #[error("the stream's head names event {head}, the last event is {last}")]
    Cut {
        /// Number named by the head.
        head: u64,
        /// Number of the last event.
        last: u64,
    },
}

/// Verifies a whole stream against its head.
///
/// # Errors
/// The first break.
pub fn verify(stream: &StreamId, events: &[Event], head: &Head) -> Result<(), ChainError> {
    let mut expected = Head::start(stream.clone());
    for event in events {
        let seq = expected.seq.saturating_add(1);
        if event.stream != *stream || event.seq != seq || event.previous != expected.hash {
            return Err(ChainError::Broken { seq });
        }
        if hash_of(event).ok() != Some(event.hash) {
            return Err(ChainError::Changed { seq });
        }
        expected = Head {
            stream: stream.clone(),
            seq,
            hash: event.hash,
        };
    }
    if expected == *head {
        Ok(())
    } else {
        Err(ChainError::Cut {
            head: head.seq,
            last: expected.seq,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RequestId;
    use uuid::Uuid;

    fn chain(length: u64) -> (StreamId, Vec<Event>, Head) {
        let stream = StreamId::request(RequestId::new(Uuid::from_u128(1)));
        let mut head = Head::start(stream.clone());
        let mut events = Vec::new();
        for n in 0..length {
            let draft = Draft::new(Timestamp::from_seconds(100), Actor::system("test"), "tested").fact("n", n);
            let (event, next) = append(&head, &draft, Vec::new()).unwrap();
            events.push(event);
            head = next;
        }
        (stream, events, head)
    }

    #[test]
    fn an_untouched_chain_verifies() {
        let (stream, events, head) = chain(5);
        assert_eq!(verify(&stream, &events, &head), Ok(()));
        assert_eq!(verify(&stream, &[], &Head::start(stream.clone())), Ok(()));
    }

    #[test]
    fn every_change_removal_and_reordering_shows() {
        let (stream, events, head) = chain(5);
        for index in 0..events.len() {
            let mut changed = events.clone();
            changed[index].facts.insert("n".to_owned(), "other".to_owned());
            assert!(verify(&stream, &changed, &head).is_err());
            let mut removed = events.clone();
            removed.remove(index);
            assert!(verify(&stream, &removed, &head).is_err());
        }
        let mut swapped = events;
        swapped.swap(1, 2);
        assert!(verify(&stream, &swapped, &head).is_err());
    }

    #[test]
    fn what_people_wrote_can_be_erased_without_breaking_the_chain() {
        let stream = StreamId::request(RequestId::new(Uuid::from_u128(1)));
        let personal = Personal {
            salt: "00".repeat(16),
            fields: [("why".to_owned(), "INC-42".to_owned())].into(),
        };
        let draft = Draft::new(Timestamp::EPOCH, Actor::system("test"), "tested").personal(Some(personal.clone()));
        let (event, head) = append(&Head::start(stream.clone()), &draft, Vec::new()).unwrap();
        assert_eq!(event.personal, Some(canonical_hash(&personal).unwrap()));
        assert!(!serde_json::to_string(&event).unwrap().contains("INC-42"));
        assert_eq!(verify(&stream, &[event], &head), Ok(()));
    }
}
