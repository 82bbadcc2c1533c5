//! `Idempotency-Key`: the answer to a call is stored in the transaction of the call, so that a repeated call gets the
//! same answer and changes nothing (IETF draft "The Idempotency-Key HTTP Header Field").

use hourglass_domain::canonical::Digest;
use hourglass_domain::ids::{ObjectId, TenantId};
use hourglass_domain::{Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::read;
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::store::Key;
use crate::records::Record;

/// How long an answer is kept, in seconds.
pub const KEPT_SECONDS: i64 = 86_400;

/// A call that is to happen once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Once {
    /// The function that takes it.
    pub function: &'static str,
    /// The caller's tenant.
    pub tenant: TenantId,
    /// The caller.
    pub caller: ObjectId,
    /// SHA-256 of method, path and the header's value.
    pub key: Digest,
    /// SHA-256 of the body.
    pub body: Digest,
}

/// The answer to a call: what is sent, and what is stored for a repetition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Value,
}

/// A stored answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// The function that took the call.
    pub function: String,
    /// The caller's tenant.
    pub tenant: TenantId,
    /// The caller.
    pub caller: ObjectId,
    /// The call's key.
    pub key: Digest,
    /// The call's body.
    pub body: Digest,
    /// The answer, as JSON text: its shape is the API's and not the store's.
    pub answer: String,
    /// When.
    pub at: Timestamp,
}

impl Record for StoredAnswer {
    const KIND: &'static str = "idempotency";
    fn key(&self) -> Key {
        keys::idempotency(&self.function, self.tenant, self.caller, &self.key)
    }
    fn audit_id(&self) -> String {
        self.key.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.at.plus_seconds(KEPT_SECONDS))
    }
}

impl Once {
    /// Where the answer lies.
    #[must_use]
    pub fn key(&self) -> Key {
        keys::idempotency(self.function, self.tenant, self.caller, &self.key)
    }

    /// The record of an answer given now.
    #[must_use]
    pub fn record(&self, answer: &Answer, now: Timestamp) -> StoredAnswer {
        StoredAnswer {
            function: self.function.to_owned(),
            tenant: self.tenant,
            caller: self.caller,
            key: self.key,
            body: self.body,
            answer: serde_json::to_string(answer).unwrap_or_default(),
            at: now,
        }
    }
}

/// What an earlier call with the same key was answered, and the version of the stored record (0: none), which the call
/// that goes ahead has to replace. Answers older than [`KEPT_SECONDS`] do not count.
///
/// # Errors
/// [`Refusal::KeyReused`] when the earlier call had another body.
pub async fn replay(core: &Core, once: Option<&Once>) -> Result<(Option<Answer>, u64)> {
    let Some(once) = once else { return Ok((None, 0)) };
    let Some(stored) = read::<StoredAnswer>(&*core.store, &once.key()).await? else {
        return Ok((None, 0));
    };
    if core.clock.now().seconds_since(stored.value.at) >= KEPT_SECONDS {
        return Ok((None, stored.version));
    }
    if stored.value.body != once.body {
        return Err(Refusal::KeyReused.into());
    }
    Ok((serde_json::from_str(&stored.value.answer).ok(), stored.version))
}
